//! `list`: an array that grows; items are read without the lock (list/storage.rs).

pub mod iterators;
pub mod methods;
mod storage;

use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::iterate;
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::LIST;
use crate::types::type_object::{TYPE_LIST_SUBCLASS, TypeObject};

pub use storage::{ListObject, LockedList};
use storage::{Array, ItemArray};

impl ListObject {
    /// The list that `value` is; the caller knows that it is one (or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a ListObject {
        debug_assert!(value.type_has_flag(TYPE_LIST_SUBCLASS));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_object(self)
    }

    /// A new list of the items `start..stop`, as far as they exist.
    pub fn sublist(&self, start: usize, stop: usize) -> Owned {
        ItemArray::of_range(self, start, stop).into_list(LIST.get())
    }

    /// A new list of the items with these numbers, all of one moment; none if one does not exist.
    pub fn select(&self, numbers: impl ExactSizeIterator<Item = usize>) -> Option<Owned> {
        let n = numbers.len();
        let made = ItemArray::of_numbers(self, numbers);
        let is_complete = made.len() == n;
        let list = made.into_list(LIST.get());
        if is_complete { Some(list) } else { None }
    }
}

impl ItemArray {
    /// A list of type `ty` that takes the array over.
    fn into_list(self, ty: &TypeObject) -> Owned {
        lifetime::allocate_object(ty, |header| ListObject::with_items(header, self))
    }
}

/// A list of the `n` items that `item` makes, none when there is no memory.
pub fn from_fn(n: usize, mut item: impl FnMut(usize) -> Owned) -> Option<Owned> {
    if n == 0 {
        return Some(new());
    }
    let array = Array::allocate(n)?;
    for i in 0..n {
        Array::slot(array, i).word().store(item(i).into_raw().bits(), Ordering::Relaxed);
    }
    Some(ItemArray::filled(array, n).into_list(LIST.get()))
}

/// A list that takes over `n` stack words.
///
/// # Safety
/// `from` points to `n` words of the stack (counted or marked), which the caller gives up.
#[inline]
pub unsafe fn from_stack(from: *const u64, n: usize) -> Owned {
    if n == 0 {
        return new();
    }
    let array = Array::allocate_or_abort(n);
    for i in 0..n {
        // SAFETY: the caller's obligation.
        let item = crate::interp::frame::into_owned(unsafe { *from.add(i) });
        Array::slot(array, i).word().store(item.into_raw().bits(), Ordering::Relaxed);
    }
    ItemArray::filled(array, n).into_list(LIST.get())
}

/// A list of these items.
pub fn from_vec(items: Vec<Owned>) -> Owned {
    ItemArray::of_items(items).into_list(LIST.get())
}

/// A new empty list of a subclass.
pub fn new_of_type(ty: &TypeObject) -> Owned {
    ItemArray::EMPTY.into_list(ty)
}

/// A new empty list.
pub fn new() -> Owned {
    new_of_type(LIST.get())
}

/// `list.extend(iterable)`.
pub fn extend(target: Value, iterable: Value, thread: &mut Thread) -> PyResult<()> {
    let list = ListObject::of(target);
    if let Some(items) = iterate::snapshot(iterable) {
        let len = list.len();
        drop(list.splice(len, len, items));
        return Ok(());
    }
    let iterator = iterate::iter(iterable, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        list.push(item);
    }
    Ok(())
}

pub(crate) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { value.as_ref::<ListObject>().drop_items() };
}

pub(crate) unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a list; the world is stopped.
    unsafe { value.as_ref::<ListObject>() }.visit_items(visit);
}

pub(crate) unsafe fn clear(value: Value) {
    // SAFETY: the object is a list.
    drop(unsafe { value.as_ref::<ListObject>() }.take_all());
}
