//! Arguments of `str` methods: their checks and their messages.

use crate::exceptions::exc;
use crate::object::value::{PyResult, Raised, Value};
use crate::protocol::convert;
use crate::threads::thread_state::Thread;
use crate::types::int;
use crate::types::string::{StrObject, is_str};

/// The type of an argument as messages about arguments name it.
pub fn shown_type(value: Value) -> String {
    if value.is_none() { "None".to_owned() } else { value.type_object().full_name().to_string() }
}

/// "… must be str, not …"
#[cold]
pub fn not_str(what: &str, value: Value, thread: &mut Thread) -> Raised {
    let name = shown_type(value);
    thread.raise_type_error(format!("{what} must be str, not {name}"))
}

/// The string that an argument must be; `what` names it in the message.
#[inline]
pub fn expect_str<'a>(value: Value, what: &str, thread: &mut Thread) -> PyResult<&'a StrObject> {
    if is_str(value) { Ok(StrObject::of(value)) } else { Err(not_str(what, value, thread)) }
}

/// An int argument in the range of C's `Py_ssize_t`.
pub fn as_ssize(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if let Some(small) = value.as_small_int() {
        return Ok(small);
    }
    let number = convert::index(value, thread)?;
    int::as_i64(*number).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t"))
}

/// A bound of a search: None or an index, clipped.
fn slice_bound(value: Option<Value>, default: i64, thread: &mut Thread) -> PyResult<i64> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(default) };
    if let Some(small) = value.as_small_int() {
        return Ok(small);
    }
    if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("slice indices must be integers or None or have an __index__ method"));
    }
    convert::index_as_i64(value, thread, None)
}

/// The part of a sequence of `len` items that `start` and `end` select; `None` where `start` lies behind `end`.
pub fn search_range(start: Option<Value>, end: Option<Value>, len: usize, thread: &mut Thread) -> PyResult<Option<std::ops::Range<usize>>> {
    let len = len as i64;
    let start = slice_bound(start, 0, thread)?;
    let end = slice_bound(end, i64::MAX, thread)?;
    let clip = |bound: i64| if bound < 0 { bound.saturating_add(len).max(0) } else { bound };
    let (start, end) = (clip(start), clip(end).min(len));
    Ok(if start > end { None } else { Some(start as usize..end as usize) })
}
