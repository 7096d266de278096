//! `str_iterator` and `str_ascii_iterator`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{STR_ASCII_ITERATOR, STR_ITERATOR};
use crate::types::string::{self, StrObject};
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct StrIterator {
    header: Header,
    text: Slot,
    index: AtomicUsize,
}

fn of<'a>(value: Value) -> &'a StrIterator {
    // SAFETY: called for these two types only, which share the layout.
    unsafe { value.as_ref() }
}

/// `iter(str)`.
pub fn new(text: Value) -> Owned {
    let ty = if StrObject::of(text).is_ascii() { STR_ASCII_ITERATOR.get() } else { STR_ITERATOR.get() };
    lifetime::allocate_object(ty, |header| StrIterator { header, text: Slot::new(text.to_owned()), index: AtomicUsize::new(0) })
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(text) = iterator.text.load(&iterator.header) else { return Ok(None) };
    let index = iterator.index.fetch_add(1, Ordering::Relaxed);
    let object = StrObject::of(*text);
    if index < object.len() {
        return Ok(Some(string::from_char(object.char_at(index))));
    }
    drop(iterator.text.replace(&iterator.header, None));
    Ok(None)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let left = iterator.text.load(&iterator.header).map_or(0, |text| {
        StrObject::of(*text).len().saturating_sub(iterator.index.load(Ordering::Relaxed))
    });
    Ok(Owned::usize(left))
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let builtin = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(match iterator.text.load(&iterator.header) {
        Some(text) => tuple::pack([builtin, tuple::pack([text]), Owned::usize(iterator.index.load(Ordering::Relaxed))]),
        None => tuple::pack([builtin, tuple::pack([string::empty()])]),
    })
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(state, thread, None)?.max(0) as usize;
    let iterator = of(this);
    if let Some(text) = iterator.text.load(&iterator.header) {
        iterator.index.store(index.min(StrObject::of(*text).len()), Ordering::Relaxed);
    }
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    drop(of(value).text.replace_locked(None));
}

const METHODS: &[MethodDef] = &[
    MethodDef { name: "__length_hint__", func: NativeFn::NoArgs(length_hint), kind: MethodKind::Instance, signature: "-($self, /)", doc: "Private method of iterators." },
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "Private method of iterators." },
    MethodDef { name: "__setstate__", func: NativeFn::One(setstate), kind: MethodKind::Instance, signature: "-($self, state, /)", doc: "Private method of iterators." },
];

pub static SPEC: TypeSpec = TypeSpec {
    name: "str_iterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<StrIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: METHODS,
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

pub static ASCII_SPEC: TypeSpec = TypeSpec {
    name: "str_ascii_iterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<StrIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: METHODS,
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
