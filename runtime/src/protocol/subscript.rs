//! Length, subscription, membership.

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{compare, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;

/// `container[key]`.
pub fn get_item(container: Value, key: Value, thread: &mut Thread) -> PyResult {
    let ty = container.type_object();
    if let Some(function) = ty.slots.subscript.get() {
        return function(container, key, thread);
    }
    if crate::types::type_object::is_type(container) {
        return crate::types::generic_alias::class_getitem(container, key, thread);
    }
    let name = ty.full_name();
    Err(thread.raise_type_error(format!("'{name}' object is not subscriptable")))
}

/// `container[key] = value`.
pub fn set_item(container: Value, key: Value, value: Value, thread: &mut Thread) -> PyResult<()> {
    let ty = container.type_object();
    match ty.slots.ass_subscript.get() {
        Some(function) => function(container, key, Some(value), thread),
        None => {
            let name = ty.full_name();
            Err(thread.raise_type_error(format!("'{name}' object does not support item assignment")))
        }
    }
}

/// `del container[key]`.
pub fn delete_item(container: Value, key: Value, thread: &mut Thread) -> PyResult<()> {
    let ty = container.type_object();
    match ty.slots.ass_subscript.get() {
        Some(function) => function(container, key, None, thread),
        None => {
            let name = ty.full_name();
            Err(thread.raise_type_error(format!("'{name}' object does not support item deletion")))
        }
    }
}

/// `container[start:stop]`.
pub fn get_slice(container: Value, start: Value, stop: Value, thread: &mut Thread) -> PyResult {
    if let Some(found) = get_simple_slice(container, start, stop) {
        return Ok(found);
    }
    let slice = crate::types::slice::new(start.to_owned(), stop.to_owned(), Owned::none());
    get_item(container, *slice, thread)
}

/// `list[start:stop] = list` of the same length, with bounds that are None or small ints, where no other thread is. False:
/// nothing has happened.
pub fn set_simple_slice(container: Value, start: Value, stop: Value, value: Value) -> bool {
    use crate::types::{list::ListObject, slice::simple_bounds};
    if !container.has_shape(shapes::LIST) || !value.has_shape(shapes::LIST) {
        return false;
    }
    let list = ListObject::of(container);
    simple_bounds(start, stop, list.len()).is_some_and(|(start, stop)| list.assign_alone(start, stop, ListObject::of(value)))
}

/// A list's items from start to stop by a step, all of them None or small ints.
pub fn get_stepped_slice(container: Value, [start, stop, step]: [Value; 3]) -> Option<Owned> {
    use crate::types::{list::ListObject, slice};
    if !container.has_shape(shapes::LIST) {
        return None;
    }
    let list = ListObject::of(container);
    let step = step.as_small_int().filter(|step| *step != 0)?;
    let bound = |value: Value, default: i64| if value.is_none() { Some(default) } else { value.as_small_int() };
    let start = bound(start, if step < 0 { i64::MAX } else { 0 })?;
    let stop = bound(stop, if step < 0 { i64::MIN } else { i64::MAX })?;
    list.select(slice::adjust((start, stop, step), list.len()).iter())
}

/// A slice of a list, tuple or str with bounds that are None or small ints.
fn get_simple_slice(container: Value, start: Value, stop: Value) -> Option<Owned> {
    use crate::types::slice::simple_bounds;
    use crate::types::{list::ListObject, string, string::StrObject, tuple, tuple::TupleObject};
    match container.shape() {
        shapes::LIST => {
            let list = ListObject::of(container);
            let (start, stop) = simple_bounds(start, stop, list.len())?;
            Some(list.sublist(start, stop))
        }
        shapes::TUPLE => {
            let items = TupleObject::of(container).items();
            let (start, stop) = simple_bounds(start, stop, items.len())?;
            if stop - start == items.len() {
                return Some(container.to_owned());
            }
            items.get(start..stop).map(tuple::from_values)
        }
        shapes::STR => {
            let text = StrObject::of(container);
            let (start, stop) = simple_bounds(start, stop, text.len())?;
            if stop - start == text.len() {
                return Some(container.to_owned());
            }
            Some(string::slice(text, start, stop))
        }
        _ => None,
    }
}

/// `container[i]` by number.
pub fn get_index(container: Value, i: i64, thread: &mut Thread) -> PyResult {
    get_item(container, *Owned::int(i), thread)
}

/// `len(container)`.
pub fn length(container: Value, thread: &mut Thread) -> PyResult<i64> {
    let ty = container.type_object();
    match ty.slots.length.get() {
        Some(function) => function(container, thread),
        None => {
            let name = ty.full_name();
            Err(thread.raise_type_error(format!("object of type '{name}' has no len()")))
        }
    }
}

/// `item in container`.
pub fn contains(container: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    let ty = container.type_object();
    if let Some(function) = ty.slots.contains.get() {
        return function(container, item, thread);
    }
    contains_by_iteration(container, item, thread)
}

/// Membership by going through the items.
pub fn contains_by_iteration(container: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    if !iterate::is_iterable(container) {
        let name = container.type_object().full_name();
        return Err(thread.raise_type_error(format!("argument of type '{name}' is not a container or iterable")));
    }
    let iterator = iterate::iter(container, thread)?;
    while let Some(candidate) = iterate::next(*iterator, thread)? {
        if compare::equals(*candidate, item, thread)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An index into a sequence of `len` items from a Python index; `None` if it is outside.
#[inline]
pub fn normalize_index(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}
