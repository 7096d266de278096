//! What `bytes` and `bytearray` have in common: arguments, construction, searching. The methods themselves are in
//! [`super::byte_string_methods`].

use std::borrow::Cow;

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::Args;
use crate::protocol::{buffer, compare, convert, iterate};
use crate::threads::thread_state::Thread;
use crate::types::bytes::{self, BytesObject, is_bytes};
use crate::types::bytearray;
use crate::types::string::{self, StrObject};

/// The bytes of a `bytes` or `bytearray`. Those of a bytearray are only good until Python code runs.
#[inline]
pub fn contents<'a>(this: Value) -> Cow<'a, [u8]> {
    if is_bytes(this) { Cow::Borrowed(BytesObject::of(this).as_slice()) } else { bytearray::contents(this) }
}

/// A new object of the base type that `this` has: bytes or bytearray.
pub fn make_like(this: Value, bytes: Vec<u8>) -> Owned {
    if is_bytes(this) { bytes::from_vec(bytes) } else { bytearray::from_vec(bytes) }
}

/// `this` as a result: itself if it is exactly bytes, else a copy of base type.
pub fn unchanged(this: Value) -> Owned {
    if this.has_shape(crate::types::builtin_types::shapes::BYTES) { this.to_owned() } else { make_like(this, contents(this).into_owned()) }
}

/// The bytes of a bytes-like argument.
pub fn bytes_like<'a>(value: Value, thread: &mut Thread) -> PyResult<Cow<'a, [u8]>> {
    if is_bytes(value) {
        return Ok(Cow::Borrowed(BytesObject::of(value).as_slice()));
    }
    buffer::copy_bytes(value, thread).map(Cow::Owned)
}

/// An int argument that must be a byte.
pub fn byte(value: Value, thread: &mut Thread) -> PyResult<u8> {
    let number = convert::index_as_i64(value, thread, None)?;
    u8::try_from(number).map_err(|_| thread.raise_value_error("byte must be in range(0, 256)"))
}

/// What is searched for: bytes-like or an int.
pub fn needle<'a>(value: Value, thread: &mut Thread) -> PyResult<Cow<'a, [u8]>> {
    if buffer::supports_buffer(value) {
        return bytes_like(value, thread);
    }
    if value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("argument should be integer or bytes-like object, not '{name}'")));
    }
    Ok(Cow::Owned(vec![byte(value, thread)?]))
}

/// A slice index argument: None is not given.
fn slice_index(value: Option<Value>, thread: &mut Thread) -> PyResult<Option<i64>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    if value.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("slice indices must be integers or None or have an __index__ method"));
    }
    convert::index_as_i64(value, thread, None).map(Some)
}

/// The `start` and `end` arguments of searching methods, before they are clipped.
pub struct Bounds {
    start: i64,
    end: i64,
}

impl Bounds {
    pub fn from_args(args: Args<'_>, at: usize, thread: &mut Thread) -> PyResult<Bounds> {
        let start = slice_index(args.get(at), thread)?.unwrap_or(0);
        let end = slice_index(args.get(at + 1), thread)?.unwrap_or(i64::MAX);
        Ok(Bounds { start, end })
    }

    /// The range of `len` items; none if it starts behind its end.
    pub fn clip(&self, len: usize) -> Option<std::ops::Range<usize>> {
        let len = len as i64;
        let adjust = |i: i64| if i < 0 { i.saturating_add(len).max(0) } else { i };
        let (start, end) = (adjust(self.start), adjust(self.end).min(len));
        if start > end { None } else { Some(start as usize..end as usize) }
    }
}

/// `item in this`.
pub fn contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    if item.type_object().slots.index.raw() != 0 {
        let wanted = byte(item, thread)?;
        return Ok(crate::text::search::find_unit(&contents(this), wanted).is_some());
    }
    let wanted = bytes_like(item, thread)?;
    Ok(crate::text::search::find(&contents(this), &wanted).is_some())
}

/// The items of an iterable of ints; `message` is what a number out of range raises.
pub fn collect_bytes(source: Value, message: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    iterate::for_each(source, thread, |item, thread| {
        let number = convert::index_as_i64(*item, thread, None)?;
        out.push(u8::try_from(number).map_err(|_| thread.raise_value_error(message))?);
        Ok(())
    })?;
    Ok(out)
}

/// The bytes that `bytes(source)` and `bytearray(source)` hold.
pub fn from_source(source: Value, class: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if string::is_str(source) {
        return Err(thread.raise_type_error("string argument without an encoding"));
    }
    if source.type_object().slots.index.raw() != 0 {
        match convert::index_as_i64(source, thread, Some(&exc::OVERFLOW_ERROR)) {
            Ok(n) => {
                let Ok(n) = usize::try_from(n) else { return Err(thread.raise_value_error("negative count")) };
                let mut out = Vec::new();
                if n > isize::MAX as usize / 2 || out.try_reserve_exact(n).is_err() {
                    return Err(thread.raise_memory_error());
                }
                out.resize(n, 0);
                return Ok(out);
            }
            Err(raised) => drop(thread.catch(raised, &exc::TYPE_ERROR)?),
        }
    }
    if buffer::supports_buffer(source) {
        return buffer::copy_bytes(source, thread);
    }
    if !iterate::is_iterable(source) {
        let name = source.type_object().full_name();
        return Err(thread.raise_type_error(format!("cannot convert '{name}' object to {class}")));
    }
    let message = if class == "bytes" { "bytes must be in range(0, 256)" } else { "byte must be in range(0, 256)" };
    collect_bytes(source, message, thread)
}

/// The `sep` and `bytes_per_sep` arguments of `hex()`.
pub struct HexSeparator {
    separator: Option<u8>,
    group: i64,
}

impl HexSeparator {
    pub fn from_args(args: Args<'_>, thread: &mut Thread) -> PyResult<HexSeparator> {
        let group = match args.get(1) {
            Some(group) => i64::from(convert::as_c_int(group, thread)?),
            None => 1,
        };
        let Some(separator) = args.get(0) else { return Ok(HexSeparator { separator: None, group }) };
        if crate::protocol::subscript::length(separator, thread)? != 1 {
            return Err(thread.raise_value_error("sep must be length 1."));
        }
        let code = if string::is_str(separator) {
            StrObject::of(separator).char_at(0)
        } else if is_bytes(separator) {
            u32::from(BytesObject::of(separator).as_slice()[0])
        } else {
            return Err(thread.raise_type_error("sep must be str or bytes."));
        };
        if code > 127 {
            return Err(thread.raise_value_error("sep must be ASCII."));
        }
        Ok(HexSeparator { separator: Some(code as u8), group })
    }

    /// The bytes as hexadecimal digits. Groups are counted from the right, with a negative size from the left.
    pub fn text(&self, bytes: &[u8]) -> Owned {
        let mut out = Vec::with_capacity(bytes.len() * 3);
        let group = self.group.unsigned_abs() as usize;
        for (i, byte) in bytes.iter().enumerate() {
            if let Some(separator) = self.separator.filter(|_| i > 0 && group > 0) {
                let distance = if self.group > 0 { bytes.len() - i } else { i };
                if distance % group == 0 {
                    out.push(separator);
                }
            }
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
        string::from_ascii(&out)
    }
}

/// The bytes that `fromhex` reads.
pub fn parse_hex(source: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let text: Vec<u32> = if string::is_str(source) {
        StrObject::of(source).chars().iter().collect()
    } else if buffer::supports_buffer(source) {
        bytes_like(source, thread)?.iter().map(|byte| u32::from(*byte)).collect()
    } else {
        let name = source.type_object().full_name();
        return Err(thread.raise_type_error(format!("fromhex() argument must be str or bytes-like, not {name}")));
    };
    let digit = |i: usize| text.get(i).and_then(|ch| char::from_u32(*ch)).filter(char::is_ascii).and_then(|ch| ch.to_digit(16));
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut i = 0;
    loop {
        while text.get(i).is_some_and(|ch| matches!(ch, 9..=13 | 32)) {
            i += 1;
        }
        if i >= text.len() {
            return Ok(out);
        }
        let bad = match (digit(i), digit(i + 1)) {
            (Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 2;
                continue;
            }
            (None, _) => i,
            (Some(_), None) if i + 1 >= text.len() => {
                return Err(thread.raise_value_error("fromhex() arg must contain an even number of hexadecimal digits"));
            }
            (Some(_), None) => i + 1,
        };
        return Err(thread.raise_value_error(format!("non-hexadecimal number found in fromhex() arg at position {bad}")));
    }
}

/// Gives a `BytesWarning` if option `-b` asks for them.
#[cold]
pub fn warn_of_text(message: &str, thread: &mut Thread) -> PyResult<()> {
    if thread.interpreter.config.read().bytes_warning > 0 {
        crate::builtins::warn(&exc::BYTES_WARNING, message, 1, thread)?;
    }
    Ok(())
}

/// Comparison of a bytes or bytearray with anything that lends memory.
pub fn compare_with(this: Value, other: Value, op: compare::CompareOp, thread: &mut Thread) -> PyResult {
    if !buffer::supports_buffer(other) {
        if string::is_str(other) && matches!(op, compare::CompareOp::Eq | compare::CompareOp::Ne) {
            warn_of_text("Comparison between bytearray and string", thread)?;
        }
        return Ok(Owned::not_implemented());
    }
    let right = bytes_like(other, thread)?;
    let left = contents(this);
    Ok(Owned::bool(op.holds(left.as_ref().cmp(right.as_ref()))))
}

/// `this * n`.
pub fn repeated(this: Value, n: i64, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let count = usize::try_from(n).unwrap_or(0);
    let own = contents(this).into_owned();
    if own.len().checked_mul(count).is_none_or(|total| total > isize::MAX as usize / 2) {
        return Err(thread.raise_memory_error());
    }
    crate::text::layout::repeat(&own, count).ok_or_else(|| thread.raise_memory_error())
}

/// An index of an item.
pub fn item_index(key: Value, len: usize, what: [&str; 2], thread: &mut Thread) -> PyResult<usize> {
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("{} indices must be integers or slices, not {name}", what[0])));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    crate::protocol::subscript::normalize_index(index, len).ok_or_else(|| thread.raise(&exc::INDEX_ERROR, what[1]))
}

