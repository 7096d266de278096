//! Iterators over keys, values and items of a dict, forwards and backwards.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::native::NativeFn;
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::*;
use crate::types::dict::DictObject;
use crate::types::list;
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct DictIterator {
    header: Header,
    /// Empty once exhausted.
    dict: Slot,
    /// Where the next entry is looked for; moved by compare-exchange where threads share the iterator.
    position: AtomicUsize,
    /// The number of keys at the start; `CHANGED` after the dict was found to have another.
    used: AtomicUsize,
    /// Keys that are still to come if the dict stays as it is.
    left: AtomicUsize,
}

const CHANGED: usize = usize::MAX;

fn of<'a>(value: Value) -> &'a DictIterator {
    // SAFETY: called for the six types of this file only, which share the layout.
    unsafe { value.as_ref() }
}

fn new_of_type(ty: &StaticType, dict: Value, backwards: bool) -> Owned {
    let object = DictObject::of(dict);
    let (n, start) = (object.len(), if backwards { object.end_position() } else { 0 });
    lifetime::allocate_object(ty.get(), |header| DictIterator {
        header,
        dict: Slot::new(dict.to_owned()),
        position: AtomicUsize::new(start),
        used: AtomicUsize::new(n),
        left: AtomicUsize::new(n),
    })
}

/// `iter(dict)`.
#[inline]
pub fn new_keys(dict: Value) -> Owned {
    new_of_type(&DICT_KEY_ITERATOR, dict, false)
}

pub fn new_values(dict: Value) -> Owned {
    new_of_type(&DICT_VALUE_ITERATOR, dict, false)
}

pub fn new_items(dict: Value) -> Owned {
    new_of_type(&DICT_ITEM_ITERATOR, dict, false)
}

/// `reversed(dict)`.
pub fn new_reverse_keys(dict: Value) -> Owned {
    new_of_type(&DICT_REVERSE_KEY_ITERATOR, dict, true)
}

pub fn new_reverse_values(dict: Value) -> Owned {
    new_of_type(&DICT_REVERSE_VALUE_ITERATOR, dict, true)
}

pub fn new_reverse_items(dict: Value) -> Owned {
    new_of_type(&DICT_REVERSE_ITEM_ITERATOR, dict, true)
}

/// One step: `pick` reads at the position and moves it.
#[inline(always)]
fn advance(this: Value, thread: &mut Thread, pick: impl Fn(&DictObject, &mut usize) -> Option<Owned>) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(dict) = iterator.dict.load(&iterator.header) else { return Ok(None) };
    let object = DictObject::of(*dict);
    let shared = crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads();
    loop {
        if iterator.used.load(Ordering::Relaxed) != object.len() {
            iterator.used.store(CHANGED, Ordering::Relaxed);
            return Err(thread.raise(&exc::RUNTIME_ERROR, "dictionary changed size during iteration"));
        }
        let start = iterator.position.load(Ordering::Relaxed);
        let mut position = start;
        let Some(found) = pick(object, &mut position) else {
            drop(iterator.dict.replace(&iterator.header, None));
            return Ok(None);
        };
        if shared {
            // Relaxed: the position guards nothing but itself.
            if iterator.position.compare_exchange(start, position, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                continue;
            }
            if iterator.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                drop(iterator.dict.replace(&iterator.header, None));
                return Err(thread.raise(&exc::RUNTIME_ERROR, "dictionary keys changed during iteration"));
            }
            return Ok(Some(found));
        }
        iterator.position.store(position, Ordering::Relaxed);
        match iterator.left.load(Ordering::Relaxed).checked_sub(1) {
            Some(left) => iterator.left.store(left, Ordering::Relaxed),
            None => {
                drop(iterator.dict.replace(&iterator.header, None));
                return Err(thread.raise(&exc::RUNTIME_ERROR, "dictionary keys changed during iteration"));
            }
        }
        return Ok(Some(found));
    }
}

fn key_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, DictObject::next_key)
}

fn value_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, DictObject::next_value)
}

fn item_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, |dict, position| dict.next_entry(position).map(|entry| tuple::pack([entry.key, entry.value])))
}

fn reverse_key_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, |dict, position| dict.previous_entry(position).map(|entry| entry.key))
}

fn reverse_value_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, |dict, position| dict.previous_entry(position).map(|entry| entry.value))
}

fn reverse_item_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, thread, |dict, position| dict.previous_entry(position).map(|entry| tuple::pack([entry.key, entry.value])))
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let left = match iterator.dict.load(&iterator.header) {
        Some(dict) if DictObject::of(*dict).len() == iterator.used.load(Ordering::Relaxed) => iterator.left.load(Ordering::Relaxed),
        _ => 0,
    };
    Ok(Owned::usize(left))
}

/// `iter` of a list of what is left, which a copy of the iterator reads.
fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let mut items = Vec::new();
    if let Some(dict) = iterator.dict.load(&iterator.header) {
        let copy = lifetime::allocate_object(this.type_object(), |header| DictIterator {
            header,
            dict: Slot::new(dict),
            position: AtomicUsize::new(iterator.position.load(Ordering::Relaxed)),
            used: AtomicUsize::new(iterator.used.load(Ordering::Relaxed)),
            left: AtomicUsize::new(iterator.left.load(Ordering::Relaxed)),
        });
        while let Some(item) = crate::protocol::iterate::next(*copy, thread)? {
            items.push(item);
        }
    }
    let function = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(tuple::pack([function, tuple::pack([list::from_vec(items)])]))
}

unsafe fn dealloc(value: Value) {
    drop(of(value).dict.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(dict) = of(value).dict.peek() {
        visit(dict);
    }
}

const METHODS: &[MethodDef] = &[
    MethodDef { name: "__length_hint__", func: NativeFn::NoArgs(length_hint), kind: MethodKind::Instance, signature: "($self, /)", doc: "Private method returning an estimate of len(list(it))." },
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return state information for pickling." },
];

macro_rules! specs {
    ($($spec:ident $name:literal $next:ident;)*) => {$(
        pub static $spec: TypeSpec = TypeSpec {
            name: $name,
            flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
            basic_size: size_of::<DictIterator>(),
            slots: &[SlotFn::iter(self_iter), SlotFn::iternext($next)],
            methods: METHODS,
            dealloc: Some(dealloc),
            traverse: Some(traverse),
            ..TypeSpec::DEFAULT
        };
    )*};
}

specs! {
    KEY_SPEC "dict_keyiterator" key_next;
    VALUE_SPEC "dict_valueiterator" value_next;
    ITEM_SPEC "dict_itemiterator" item_next;
    REVERSE_KEY_SPEC "dict_reversekeyiterator" reverse_key_next;
    REVERSE_VALUE_SPEC "dict_reversevalueiterator" reverse_value_next;
    REVERSE_ITEM_SPEC "dict_reverseitemiterator" reverse_item_next;
}
