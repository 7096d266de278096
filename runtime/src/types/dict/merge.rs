//! `dict.update`: from a mapping or from pairs.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call, iterate, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::DICT;
use crate::types::dict::{self, DictObject};

/// Whether a dict is read entry by entry: unless its class has another `__iter__`.
fn is_plain_dict(source: Value) -> bool {
    dict::is_dict(source) && source.type_object().slots.iter.raw() == DICT.get().slots.iter.raw()
}

/// `target.update(source)`, `source` being a mapping (it has `keys`) or an iterable of pairs.
pub fn update(target: Value, source: Value, thread: &mut Thread) -> PyResult<()> {
    if dict::is_exact(source) || attribute::get_optional(source, crate::names::names().keys, thread)?.is_some() {
        return update_mapping(target, source, thread);
    }
    update_from_pairs(target, source, true, thread)
}

/// `target.update(source)` where `source` must be a mapping: AttributeError if it has no `keys`.
pub fn update_mapping(target: Value, source: Value, thread: &mut Thread) -> PyResult<()> {
    let into = DictObject::of(target);
    if is_plain_dict(source) {
        if source.is(target) {
            return Ok(());
        }
        return into.update_from(DictObject::of(source), thread);
    }
    let keys = attribute::get(source, crate::names::names().keys, thread)?;
    let keys = call::call(*keys, &[], thread)?;
    if !iterate::is_iterable(*keys) {
        let (owner, name) = (source.type_object().full_name(), keys.type_object().full_name());
        return Err(thread.raise_type_error(format!("{owner}.keys() must return an iterable, not {name}")));
    }
    iterate::for_each(*keys, thread, |key, thread| {
        let value = subscript::get_item(source, *key, thread)?;
        into.set(*key, value, thread)
    })
}

/// Stores pairs; without `replace` a key that is there already keeps its value.
pub fn update_from_pairs(target: Value, pairs: Value, replace: bool, thread: &mut Thread) -> PyResult<()> {
    let into = DictObject::of(target);
    let mut number = 0usize;
    iterate::for_each(pairs, thread, |pair, thread| {
        let items = pair_items(*pair, number, thread)?;
        let [key, value] = items.as_slice() else {
            let n = items.len();
            return Err(thread.raise_value_error(format!("dictionary update sequence element #{number} has length {n}; 2 is required")));
        };
        number += 1;
        if replace {
            into.set(**key, value.clone(), thread)
        } else {
            into.set_default(**key, **value, thread).map(drop)
        }
    })
}

fn pair_items(pair: Value, number: usize, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    let result = if iterate::is_iterable(pair) {
        iterate::collect(pair, thread)
    } else {
        Err(thread.raise_type_error("object is not iterable"))
    };
    let raised = match result {
        Ok(items) => return Ok(items),
        Err(raised) => raised,
    };
    if !thread.exception_matches(&exc::TYPE_ERROR) {
        return Err(raised);
    }
    let Some(exception) = thread.take_exception() else { return Err(raised) };
    let note = Owned::str(&format!("Cannot convert dictionary update sequence element #{number} to a sequence"));
    if call::call_method(*exception, *crate::names::interned("add_note"), &[*note], thread).is_err() {
        drop(thread.take_exception());
    }
    Err(thread.reraise(exception))
}
