//! `match` statements (PEP 634).

use crate::interp::dispatch::{Flow, Regs};
use crate::object::value::{Owned, PyResult, Value};
use crate::exceptions::exc;
use crate::protocol::{attribute, call, subscript};
use crate::threads::thread_state::Thread;
use crate::types::string::StrObject;
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{TYPE_MATCH_SELF, TypeObject, is_type};
use crate::types::{dict, set};

#[inline(always)]
pub fn get_len(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = subscript::length(r.value(1), r.thread).map(Owned::int);
    r.push_result(result)
}

#[inline(always)]
pub fn match_flag(r: &mut Regs<'_>, flag: u32) -> Flow {
    let truth = r.value(1).type_has_flag(flag);
    r.push(Value::bool(truth).bits());
    Flow::Next
}

#[inline(always)]
pub fn match_keys(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = match_keys_slow(r.value(2), r.value(1), r.thread);
    r.push_result(result)
}

fn match_keys_slow(subject: Value, keys: Value, thread: &mut Thread) -> PyResult {
    let keys = TupleObject::of(keys).items();
    if keys.is_empty() {
        return Ok(tuple::empty());
    }
    let seen = set::new();
    let get = attribute::get(subject, crate::names::names().get, thread)?;
    let missing = call::call(crate::types::builtin_types::OBJECT.get().value(), &[], thread)?;
    let mut values = Vec::with_capacity(keys.len());
    for &key in keys {
        if set::contains(*seen, key, thread)? {
            let key = crate::protocol::convert::repr_text(key, thread)?;
            return Err(thread.raise_value_error(format!("mapping pattern checks duplicate key ({key})")));
        }
        set::add(*seen, key, thread)?;
        let value = if dict::is_exact(subject) {
            dict::DictObject::of(subject).get(key, thread)?.unwrap_or_else(|| missing.clone())
        } else {
            call::call(*get, &[key, *missing], thread)?
        };
        if value.is(*missing) {
            return Ok(Owned::none());
        }
        values.push(value);
    }
    Ok(tuple::from_vec(values))
}

#[inline(always)]
pub fn match_class(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // subject, class, names
    r.sync();
    match match_class_slow(r.value(3), r.value(2), oparg as usize, r.value(1), r.thread) {
        Ok(result) => {
            r.drop_n(2);
            r.replace(1, result);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

fn match_class_slow(subject: Value, class: Value, n_positional: usize, names: Value, thread: &mut Thread) -> PyResult {
    if !is_type(class) {
        return Err(thread.raise_type_error("called match pattern must be a class"));
    }
    if !crate::protocol::special::is_instance(subject, class, thread)? {
        return Ok(Owned::none());
    }
    let class_name = TypeObject::of(class).name();
    let mut seen: Vec<Owned> = Vec::new();
    let mut values = Vec::new();
    let mut take = |name: Value, values: &mut Vec<Owned>, thread: &mut Thread| -> PyResult<bool> {
        if seen.iter().any(|own| own.is(name) || StrObject::of(**own).equals(StrObject::of(name))) {
            let name = crate::protocol::convert::repr_text(name, thread)?;
            return Err(thread.raise_type_error(format!("{class_name}() got multiple sub-patterns for attribute {name}")));
        }
        seen.push(name.to_owned());
        match attribute::get(subject, name, thread) {
            Ok(value) => {
                values.push(value);
                Ok(true)
            }
            Err(raised) => {
                drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
                Ok(false)
            }
        }
    };
    if n_positional > 0 {
        let (match_args, match_self) = match attribute::get(class, crate::names::names().__match_args__, thread) {
            Ok(found) => {
                if !found.has_shape(crate::types::builtin_types::shapes::TUPLE) {
                    let ty = found.type_object().full_name();
                    return Err(thread.raise_type_error(format!("{class_name}.__match_args__ must be a tuple (got {ty})")));
                }
                (found, false)
            }
            Err(raised) => {
                drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
                (tuple::empty(), TypeObject::of(class).has_flag(TYPE_MATCH_SELF))
            }
        };
        let allowed = if match_self { 1 } else { TupleObject::of(*match_args).len() };
        if n_positional > allowed {
            let plural = if allowed == 1 { "" } else { "s" };
            return Err(thread.raise_type_error(format!(
                "{class_name}() accepts {allowed} positional sub-pattern{plural} ({n_positional} given)"
            )));
        }
        if match_self {
            values.push(subject.to_owned());
        } else {
            for &name in &TupleObject::of(*match_args).items()[..n_positional] {
                if !name.has_shape(crate::types::builtin_types::shapes::STR) {
                    let ty = name.type_object().full_name();
                    return Err(thread.raise_type_error(format!("__match_args__ elements must be strings (got {ty})")));
                }
                if !take(name, &mut values, thread)? {
                    return Ok(Owned::none());
                }
            }
        }
    }
    for &name in TupleObject::of(names).items() {
        if !take(name, &mut values, thread)? {
            return Ok(Owned::none());
        }
    }
    Ok(tuple::from_vec(values))
}
