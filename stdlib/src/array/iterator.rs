//! `arrayiterator`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::{AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use super::of as array_of;
use crate::native_type::{followed, object, references, self_iter};

#[repr(C)]
struct ArrayIterator {
    header: Header,
    /// Empty once exhausted.
    array: Slot,
    next: AtomicUsize,
}

references!(ArrayIterator: array);

fn of<'a>(value: Value) -> &'a ArrayIterator {
    // SAFETY: called for array iterators only.
    unsafe { object(value) }
}

pub fn new(array: Value, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(ARRAY_ITERATOR.get(), |header| ArrayIterator { header, array: Slot::new(array.to_owned()), next: AtomicUsize::new(0) }))
}

fn next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(array) = iterator.array.load(&iterator.header) else { return Ok(None) };
    // Relaxed: the position guards nothing but itself.
    let item = array_of(*array).get(iterator.next.fetch_add(1, Ordering::Relaxed));
    if item.is_none() {
        drop(iterator.array.replace(&iterator.header, None));
    }
    Ok(item)
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let function = thread.interpreter.builtin(*pyrt_runtime::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(match iterator.array.load(&iterator.header) {
        Some(array) => tuple::pack([function, tuple::pack([array]), Owned::usize(iterator.next.load(Ordering::Relaxed))]),
        None => tuple::pack([function, tuple::pack([tuple::empty()])]),
    })
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let position = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let iterator = of(this);
    if let Some(array) = iterator.array.load(&iterator.header) {
        let position = (position.max(0) as usize).min(array_of(*array).len());
        iterator.next.store(position, Ordering::Relaxed);
    }
    Ok(Owned::none())
}

static SPEC: TypeSpec = TypeSpec {
    name: "array.arrayiterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(next)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Return state information for pickling."),
        method("__setstate__", NativeFn::One(setstate), "($self, state, /)", "Set state information for unpickling."),
    ],
    ..followed::<ArrayIterator>()
};

static ARRAY_ITERATOR: StaticType = StaticType::new(&SPEC);
