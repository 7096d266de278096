//! The iterator protocol.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::list::ListObject;
use crate::types::tuple::TupleObject;

/// `iter(value)`.
pub fn iter(value: Value, thread: &mut Thread) -> PyResult {
    let ty = value.type_object();
    if let Some(function) = ty.slots.iter.get() {
        let iterator = function(value, thread)?;
        if iterator.type_object().slots.iternext.raw() == 0 {
            let name = iterator.type_object().full_name();
            return Err(thread.raise_type_error(format!("iter() returned non-iterator of type '{name}'")));
        }
        return Ok(iterator);
    }
    if ty.slots.subscript.raw() != 0 && !ty.has_flag(crate::types::type_object::TYPE_DICT_SUBCLASS) && has_sequence_protocol(value) {
        return Ok(crate::types::iterators::new_sequence_iterator(value));
    }
    let name = ty.full_name();
    Err(thread.raise_type_error(format!("'{name}' object is not iterable")))
}

/// Whether `__getitem__` with ints may be tried (CPython: `sq_item`): not for built-in mappings and generic aliases.
fn has_sequence_protocol(value: Value) -> bool {
    use crate::types::type_object::TYPE_HEAP;
    value.type_has_flag(TYPE_HEAP) || value.type_object().slots.length.raw() != 0
}

/// Whether `iter()` would find something to call.
pub fn is_iterable(value: Value) -> bool {
    let slots = &value.type_object().slots;
    slots.iter.raw() != 0 || (slots.subscript.raw() != 0 && has_sequence_protocol(value))
}

/// Whether the value can be given to `next()`.
pub fn is_iterator(value: Value) -> bool {
    value.type_object().slots.iternext.raw() != 0
}

/// The next item, `None` when exhausted. A StopIteration raised by `__next__` counts as exhaustion; its value is kept
/// for [`Thread::take_iteration_result`].
#[inline]
pub fn next(iterator: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match iterator.type_object().slots.iternext.get() {
        Some(function) => function(iterator, thread),
        None => {
            let name = iterator.type_object().full_name();
            Err(thread.raise_type_error(format!("'{name}' object is not an iterator")))
        }
    }
}

/// For `iternext` implementations that call Python: a StopIteration being raised becomes exhaustion.
pub fn stop_to_none(result: PyResult, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(raised) => {
            let exception = thread.catch(raised, &exc::STOP_ITERATION)?;
            let object = crate::exceptions::object::ValueException::of(*exception);
            thread.set_iteration_result(object.value.load(&object.base.header));
            Ok(None)
        }
    }
}

/// All items in a vector.
pub fn collect(iterable: Value, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    if let Some(items) = snapshot(iterable) {
        return Ok(items);
    }
    let iterator = iter(iterable, thread)?;
    let mut items = Vec::with_capacity(crate::protocol::special::length_hint(iterable, 0, thread)?.clamp(0, 1 << 20) as usize);
    while let Some(item) = next(*iterator, thread)? {
        items.push(item);
    }
    Ok(items)
}

/// The items of a built-in container at one moment, whatever other threads do to it; `None` for other objects.
pub fn snapshot(iterable: Value) -> Option<Vec<Owned>> {
    use crate::types::dict::{DictObject, views};
    if iterable.has_shape(shapes::LIST) {
        return Some(ListObject::of(iterable).to_vec());
    }
    if iterable.has_shape(shapes::TUPLE) {
        return Some(TupleObject::of(iterable).items().iter().map(|item| item.to_owned()).collect());
    }
    if iterable.has_shape(shapes::SET) || iterable.has_shape(shapes::FROZENSET) {
        return Some(crate::types::set::SetObject::of(iterable).entries().into_iter().map(|entry| entry.key).collect());
    }
    if iterable.has_shape(shapes::DICT) {
        return Some(DictObject::of(iterable).entries().into_iter().map(|entry| entry.key).collect());
    }
    views::snapshot(iterable)
}

/// Calls `visit` with each item.
pub fn for_each(iterable: Value, thread: &mut Thread, mut visit: impl FnMut(Owned, &mut Thread) -> PyResult<()>) -> PyResult<()> {
    let iterator = iter(iterable, thread)?;
    while let Some(item) = next(*iterator, thread)? {
        visit(item, thread)?;
    }
    Ok(())
}
