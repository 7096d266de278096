//! The iterator of sets and frozensets.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::native::NativeFn;
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::SET_ITERATOR;
use crate::types::list;
use crate::types::set::SetObject;
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct SetIterator {
    header: Header,
    /// Empty once exhausted.
    set: Slot,
    /// The next place; moved by compare-exchange where threads share the iterator.
    position: AtomicUsize,
    /// The number of keys at the start; `CHANGED` after the set was found to have another.
    used: AtomicUsize,
    left: AtomicUsize,
}

const CHANGED: usize = usize::MAX;

fn of<'a>(value: Value) -> &'a SetIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

/// `iter(set)`.
pub fn new(set: Value) -> Owned {
    let n = SetObject::of(set).len();
    lifetime::allocate_object(SET_ITERATOR.get(), |header| SetIterator {
        header,
        set: Slot::new(set.to_owned()),
        position: AtomicUsize::new(0),
        used: AtomicUsize::new(n),
        left: AtomicUsize::new(n),
    })
}

fn iterator_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(set) = iterator.set.load(&iterator.header) else { return Ok(None) };
    let object = SetObject::of(*set);
    let shared = crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads();
    loop {
        if iterator.used.load(Ordering::Relaxed) != object.len() {
            iterator.used.store(CHANGED, Ordering::Relaxed);
            return Err(thread.raise(&exc::RUNTIME_ERROR, "Set changed size during iteration"));
        }
        let start = iterator.position.load(Ordering::Relaxed);
        let mut position = start;
        let Some(entry) = object.next_entry(&mut position) else {
            drop(iterator.set.replace(&iterator.header, None));
            return Ok(None);
        };
        if shared {
            // Relaxed: the position guards nothing but itself.
            if iterator.position.compare_exchange(start, position, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                continue;
            }
        } else {
            iterator.position.store(position, Ordering::Relaxed);
        }
        iterator.left.store(iterator.left.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        return Ok(Some(entry.key));
    }
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let left = match iterator.set.load(&iterator.header) {
        Some(set) if SetObject::of(*set).len() == iterator.used.load(Ordering::Relaxed) => iterator.left.load(Ordering::Relaxed),
        _ => 0,
    };
    Ok(Owned::usize(left))
}

/// `iter` of a list of what is left, which a copy of the iterator reads.
fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let mut items = Vec::new();
    if let Some(set) = iterator.set.load(&iterator.header) {
        let copy = new(*set);
        let twin = of(*copy);
        twin.position.store(iterator.position.load(Ordering::Relaxed), Ordering::Relaxed);
        twin.used.store(iterator.used.load(Ordering::Relaxed), Ordering::Relaxed);
        while let Some(item) = iterator_next(*copy, thread)? {
            items.push(item);
        }
    }
    let function = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(tuple::pack([function, tuple::pack([list::from_vec(items)])]))
}

unsafe fn dealloc(value: Value) {
    drop(of(value).set.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(set) = of(value).set.peek() {
        visit(set);
    }
}

pub static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "set_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<SetIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: &[
        MethodDef { name: "__length_hint__", func: NativeFn::NoArgs(length_hint), kind: MethodKind::Instance, signature: "($self, /)", doc: "Private method returning an estimate of len(list(it))." },
        MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return state information for pickling." },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
