//! Conversions: to text, to numbers, to indices.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::attribute;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{StaticType, shapes};
use crate::types::string::{self, StrObject};
use crate::types::type_object::TYPE_INT_SUBCLASS;

/// `repr(value)`: a str.
pub fn repr(value: Value, thread: &mut Thread) -> PyResult {
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" while getting the repr of an object"));
    }
    let ty = value.type_object();
    let Some(function) = ty.slots.repr.get() else {
        return Ok(Owned::str(&format!("<{} object at {:#x}>", ty.full_name(), value.id())));
    };
    let text = function(value, thread)?;
    if !string::is_str(*text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("__repr__ returned non-string (type {name})")));
    }
    Ok(text)
}

/// `repr(value)` as Rust text, for messages.
pub fn repr_text(value: Value, thread: &mut Thread) -> PyResult<String> {
    Ok(StrObject::of(*repr(value, thread)?).to_string_lossy())
}

/// `str(value)`.
pub fn str(value: Value, thread: &mut Thread) -> PyResult {
    if string::is_exact(value) {
        return Ok(value.to_owned());
    }
    let ty = value.type_object();
    let Some(function) = ty.slots.str.get() else { return repr(value, thread) };
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" while getting the str of an object"));
    }
    let text = function(value, thread)?;
    if !string::is_str(*text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("__str__ returned non-string (type {name})")));
    }
    Ok(text)
}

/// `str(value)` as Rust text, lone surrogates replaced.
pub fn str_text(value: Value, thread: &mut Thread) -> PyResult<String> {
    Ok(StrObject::of(*str(value, thread)?).to_string_lossy())
}

/// `ascii(value)`.
pub fn ascii(value: Value, thread: &mut Thread) -> PyResult {
    let text = repr(value, thread)?;
    let object = StrObject::of(*text);
    if object.is_ascii() {
        return Ok(text);
    }
    let mut out = String::with_capacity(object.len() * 2);
    for ch in object.chars().iter() {
        match ch {
            0..0x80 => out.push(ch as u8 as char),
            0x80..0x100 => out.push_str(&format!("\\x{ch:02x}")),
            0x100..0x10000 => out.push_str(&format!("\\u{ch:04x}")),
            _ => out.push_str(&format!("\\U{ch:08x}")),
        }
    }
    Ok(string::from_ascii(out.as_bytes()))
}

/// `format(value, spec)`; no spec means the empty one.
pub fn format(value: Value, spec: Option<Value>, thread: &mut Thread) -> PyResult {
    let spec_is_empty = match spec {
        None => true,
        Some(spec) if !string::is_str(spec) => {
            let name = spec.type_object().full_name();
            return Err(thread.raise_type_error(format!("Format specifier must be a string, not {name}")));
        }
        Some(spec) => StrObject::of(spec).is_empty(),
    };
    if spec_is_empty {
        if string::is_exact(value) {
            return Ok(value.to_owned());
        }
        if value.is_small_int() {
            return str(value, thread);
        }
    }
    let empty = string::empty();
    let spec = spec.unwrap_or(*empty);
    match attribute::call_special(value, crate::names::names().__format__, &[spec], thread)? {
        Some(text) if string::is_str(*text) => Ok(text),
        Some(other) => {
            let name = other.type_object().full_name();
            Err(thread.raise_type_error(format!("__format__ must return a str, not {name}")))
        }
        None => {
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("Type {name} doesn't define __format__")))
        }
    }
}

/// Whether the value is an int (or of a subclass, `bool` included).
#[inline(always)]
pub fn is_int(value: Value) -> bool {
    value.is_small_int() || (value.is_pointer() && value.type_has_flag(TYPE_INT_SUBCLASS))
}

/// `operator.index(value)`: an int object.
pub fn index(value: Value, thread: &mut Thread) -> PyResult {
    if is_int(value) {
        return Ok(value.to_owned());
    }
    let ty = value.type_object();
    let Some(function) = ty.slots.index.get() else {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("'{name}' object cannot be interpreted as an integer")));
    };
    let result = function(value, thread)?;
    if is_int(*result) {
        if !result.is_small_int() && !result.has_shape(shapes::INT) {
            let name = result.type_object().full_name();
            crate::builtins::warn(
                &exc::DEPRECATION_WARNING,
                &format!("__index__ returned non-int (type {name}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python."),
                1,
                thread,
            )?;
        }
        return Ok(result);
    }
    let name = result.type_object().full_name();
    Err(thread.raise_type_error(format!("__index__ returned non-int (type {name})")))
}

/// `operator.index(value)` as a machine int. Too large: `overflow` is raised, or the value is clipped if none is given.
pub fn index_as_i64(value: Value, thread: &mut Thread, overflow: Option<&StaticType>) -> PyResult<i64> {
    if let Some(payload) = value.as_small_int() {
        return Ok(payload);
    }
    let number = index(value, thread)?;
    if let Some(number) = crate::types::int::as_i64(*number) {
        return Ok(number);
    }
    match overflow {
        Some(class) => {
            let name = value.type_object().full_name();
            Err(thread.raise(class, format!("cannot fit '{name}' into an index-sized integer")))
        }
        None => Ok(if crate::types::int::is_negative(*number) { i64::MIN } else { i64::MAX }),
    }
}

/// An argument that must be an int in the range of C's `int`.
pub fn as_c_int(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let number = index(value, thread)?;
    match crate::types::int::as_i64(*number) {
        Some(number) => match i32::try_from(number) {
            Ok(number) => Ok(number),
            Err(_) => Err(thread.raise(
                &exc::OVERFLOW_ERROR,
                if number > 0 { "signed integer is greater than maximum" } else { "signed integer is less than minimum" },
            )),
        },
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C int")),
    }
}

/// An argument that must be an int in the range of `i64` (C's `long`).
pub fn as_c_long(value: Value, thread: &mut Thread) -> PyResult<i64> {
    let number = index(value, thread)?;
    crate::types::int::as_i64(*number)
        .ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C long"))
}

/// An argument that must be a float or convertible by `__float__` or `__index__`.
pub fn as_f64(value: Value, thread: &mut Thread) -> PyResult<f64> {
    if let Some(number) = crate::types::float::as_f64(value) {
        return Ok(number);
    }
    if let Some(payload) = value.as_small_int() {
        return Ok(payload as f64);
    }
    let ty = value.type_object();
    if is_int(value) {
        return crate::types::int::to_f64(value, thread);
    }
    if let Some(function) = ty.slots.float.get() {
        let result = function(value, thread)?;
        if let Some(number) = crate::types::float::as_f64(*result) {
            if !result.is_flonum() && !result.has_shape(shapes::FLOAT) {
                let (owner, name) = (ty.full_name(), result.type_object().full_name());
                crate::builtins::warn(
                    &exc::DEPRECATION_WARNING,
                    &format!("{owner}.__float__ returned non-float (type {name}).  The ability to return an instance of a strict subclass of float is deprecated, and may not be supported in a future version of Python."),
                    1,
                    thread,
                )?;
            }
            return Ok(number);
        }
        let (owner, name) = (ty.full_name(), result.type_object().full_name());
        return Err(thread.raise_type_error(format!("{owner}.__float__ returned non-float (type {name})")));
    }
    if ty.slots.index.raw() != 0 {
        let number = index(value, thread)?;
        return crate::types::int::to_f64(*number, thread);
    }
    let name = ty.full_name();
    Err(thread.raise_type_error(format!("must be real number, not {name}")))
}

/// An argument that must be a str without lone surrogates, as Rust text. `what` names the parameter in the message.
pub fn as_text(value: Value, what: &str, thread: &mut Thread) -> PyResult<String> {
    if !string::is_str(value) {
        let name = if value.is_none() { "None".to_owned() } else { value.type_object().full_name() };
        return Err(thread.raise_type_error(format!("{what} must be str, not {name}")));
    }
    match StrObject::of(value).as_utf8() {
        Some(text) => Ok(text.to_string()),
        None => {
            let wtf8 = StrObject::of(value).to_wtf8().into_owned();
            let at = StrObject::of(value).chars().iter().position(|ch| (0xD800..0xE000).contains(&ch)).unwrap_or(0);
            drop(wtf8);
            Err(crate::exceptions::methods::raise_unicode_encode("utf-8", value, at, at + 1, "surrogates not allowed", thread))
        }
    }
}
