//! `list_iterator` and `list_reverseiterator`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::sync::{AtomicI64, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{LIST_ITERATOR, LIST_REVERSE_ITERATOR};
use crate::types::list::ListObject;
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct ListIterator {
    header: Header,
    /// Empty once exhausted.
    list: Slot,
    /// The next index; for the reverse iterator -1 at the end. Advanced atomically where threads share the iterator, so
    /// that no item comes twice.
    index: AtomicI64,
}

fn of<'a>(value: Value) -> &'a ListIterator {
    // SAFETY: called for these two types only, which share the layout.
    unsafe { value.as_ref() }
}

/// `iter(list)`.
#[inline]
pub fn new(list: Value) -> Owned {
    lifetime::allocate_object(LIST_ITERATOR.get(), |header| ListIterator { header, list: Slot::new(list.to_owned()), index: AtomicI64::new(0) })
}

/// `reversed(list)`.
pub fn new_reversed(list: Value) -> Owned {
    let last = ListObject::of(list).len() as i64 - 1;
    lifetime::allocate_object(LIST_REVERSE_ITERATOR.get(), |header| ListIterator { header, list: Slot::new(list.to_owned()), index: AtomicI64::new(last) })
}

/// Moves the index and gives the old one: by a plain store where no other thread runs.
#[inline(always)]
fn advance(index: &AtomicI64, by: i64) -> i64 {
    if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
        return index.fetch_add(by, Ordering::Relaxed);
    }
    let old = index.load(Ordering::Relaxed);
    index.store(old + by, Ordering::Relaxed);
    old
}

/// The next item of a list iterator.
#[inline(always)]
pub fn next_item(iterator: Value) -> Option<Owned> {
    let this = of(iterator);
    let list = this.list.peek()?;
    // The iterator keeps the list alive until it is exhausted, which another thread could find.
    let (held, index) = if crate::object::lifetime::is_private(&this.header) {
        let index = this.index.load(Ordering::Relaxed);
        this.index.store(index + 1, Ordering::Relaxed);
        (None, index)
    } else {
        (Some(this.list.load(&this.header)?), advance(&this.index, 1))
    };
    let item = ListObject::of(held.as_ref().map_or(list, Owned::value)).get(index as usize);
    if item.is_none() {
        drop(this.list.replace(&this.header, None));
    }
    item
}

/// The next item where no other thread has ever been. At the end nothing changes: [`next_item`] says so, and lets the list
/// go.
#[inline(always)]
pub fn next_item_alone(iterator: Value) -> Option<Owned> {
    let this = of(iterator);
    let list = ListObject::of(this.list.peek()?);
    let index = this.index.load(Ordering::Relaxed);
    let item = list.get_own(usize::try_from(index).ok()?)?;
    this.index.store(index + 1, Ordering::Relaxed);
    Some(item)
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next_item(this))
}

fn reverse_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(list) = iterator.list.load(&iterator.header) else { return Ok(None) };
    let index = advance(&iterator.index, -1);
    let item = usize::try_from(index).ok().and_then(|index| ListObject::of(*list).get(index));
    if item.is_none() {
        drop(iterator.list.replace(&iterator.header, None));
    }
    Ok(item)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let left = match iterator.list.load(&iterator.header) {
        Some(list) => ListObject::of(*list).len() as i64 - iterator.index.load(Ordering::Relaxed),
        None => 0,
    };
    Ok(Owned::int(left.max(0)))
}

fn reverse_length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let left = match iterator.list.load(&iterator.header) {
        Some(list) => {
            let n = iterator.index.load(Ordering::Relaxed) + 1;
            if n > ListObject::of(*list).len() as i64 { 0 } else { n }
        }
        None => 0,
    };
    Ok(Owned::int(left))
}

fn reduce_as(this: Value, function: &str, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    match iterator.list.load(&iterator.header) {
        Some(list) => {
            let builtin = thread.interpreter.builtin(*crate::names::interned(function)).unwrap_or_else(Owned::none);
            Ok(tuple::pack([builtin, tuple::pack([list]), Owned::int(iterator.index.load(Ordering::Relaxed))]))
        }
        None => {
            let builtin = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
            Ok(tuple::pack([builtin, tuple::pack([super::new()])]))
        }
    }
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    reduce_as(this, "iter", thread)
}

fn reverse_reduce(this: Value, thread: &mut Thread) -> PyResult {
    reduce_as(this, "reversed", thread)
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(state, thread, None)?;
    let iterator = of(this);
    if let Some(list) = iterator.list.load(&iterator.header) {
        let len = ListObject::of(*list).len() as i64;
        let is_reverse = this.has_shape(crate::types::builtin_types::shapes::LIST_REVERSE_ITERATOR);
        let clamped = if is_reverse { index.clamp(-1, len - 1) } else { index.clamp(0, len) };
        iterator.index.store(clamped, Ordering::Relaxed);
    }
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    drop(of(value).list.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(list) = of(value).list.peek() {
        visit(list);
    }
}

const fn method(name: &'static str, func: NativeFn, signature: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc: "Private method of iterators." }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "list_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<ListIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(length_hint), "-($self, /)"),
        method("__reduce__", NativeFn::NoArgs(reduce), "-($self, /)"),
        method("__setstate__", NativeFn::One(setstate), "-($self, state, /)"),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

pub static REVERSE_SPEC: TypeSpec = TypeSpec {
    name: "list_reverseiterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<ListIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(reverse_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(reverse_length_hint), "-($self, /)"),
        method("__reduce__", NativeFn::NoArgs(reverse_reduce), "-($self, /)"),
        method("__setstate__", NativeFn::One(setstate), "-($self, state, /)"),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
