//! `bytes % arguments` (PEP 461).

use std::borrow::Cow;

use crate::exceptions::exc;
use crate::number::format_spec::{Formatted, IntValue};
use crate::number::printf::{Amount, Directive, parse_directive};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, buffer, convert, subscript};
use crate::threads::thread_state::Thread;
use crate::types::byte_strings::bytes_like;
use crate::types::bytes;
use crate::types::int;
use crate::types::string::{self, StrObject};
use crate::types::tuple::TupleObject;
use crate::types::tuple_methods::is_tuple;

struct Arguments<'a> {
    whole: Value,
    items: Cow<'a, [Value]>,
    next: usize,
    mapping: bool,
}

impl Arguments<'_> {
    fn take(&mut self, thread: &mut Thread) -> PyResult<Value> {
        match self.items.get(self.next) {
            Some(item) => {
                self.next += 1;
                Ok(*item)
            }
            None => Err(thread.raise_type_error("not enough arguments for format string")),
        }
    }
}

fn is_mapping(value: Value) -> bool {
    value.type_object().slots.subscript.raw() != 0
        && !is_tuple(value)
        && !bytes::is_bytes(value)
        && !string::is_str(value)
        && !value.is_instance(crate::types::builtin_types::BYTEARRAY.get())
}

fn star(amount: Amount, what: &str, arguments: &mut Arguments<'_>, thread: &mut Thread) -> PyResult<Option<i64>> {
    if amount != Amount::Star {
        return Ok(None);
    }
    let value = arguments.take(thread)?;
    if !convert::is_int(value) {
        return Err(thread.raise_type_error("* wants int"));
    }
    match int::as_i64(value) {
        Some(n) if what == "width" || i32::try_from(n).is_ok() => Ok(Some(n)),
        _ => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t")),
    }
}

/// The bytes that `format % args` gives.
pub fn format(format: &[u8], args: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let single = [args];
    let items = if is_tuple(args) { Cow::Borrowed(TupleObject::of(args).items()) } else { Cow::Owned(single.to_vec()) };
    let mut arguments = Arguments { whole: args, items, next: 0, mapping: is_mapping(args) };
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut at = 0;
    while let Some(&byte) = format.get(at) {
        if byte != b'%' {
            let end = format[at..].iter().position(|byte| *byte == b'%').map_or(format.len(), |n| at + n);
            out.extend_from_slice(&format[at..end]);
            at = end;
            continue;
        }
        let directive = match parse_directive(format, at + 1, "prec too big") {
            Ok(directive) => directive,
            Err(message) => return Err(thread.raise_value_error(message)),
        };
        at = directive.at + 1;
        one(format, &directive, &mut arguments, &mut out, thread)?;
    }
    if arguments.next < arguments.items.len() && !arguments.mapping {
        return Err(thread.raise_type_error("not all arguments converted during bytes formatting"));
    }
    Ok(out)
}

fn one(format: &[u8], directive: &Directive, arguments: &mut Arguments<'_>, out: &mut Vec<u8>, thread: &mut Thread) -> PyResult<()> {
    let mut looked_up = None;
    if let Some(key) = &directive.key {
        if !arguments.mapping {
            return Err(thread.raise_type_error("format requires a mapping"));
        }
        let key = bytes::from_slice(&format[key.clone()]);
        looked_up = Some(subscript::get_item(arguments.whole, *key, thread)?);
    }
    let width = star(directive.width, "width", arguments, thread)?;
    let precision = star(directive.precision, "precision", arguments, thread)?;
    let resolved = directive.resolve(width, precision);
    let conversion = u8::try_from(directive.conversion).unwrap_or(0);
    if conversion == b'%' {
        out.push(b'%');
        return Ok(());
    }
    let value = match &looked_up {
        Some(value) => **value,
        None => arguments.take(thread)?,
    };
    match conversion {
        b'a' | b'r' => {
            let text = convert::ascii(value, thread)?;
            push_padded(out, &resolved, StrObject::of(*text).raw_bytes());
        }
        b's' | b'b' => push_padded(out, &resolved, &bytes_argument(value, thread)?),
        b'c' => push_padded(out, &crate::number::printf::Resolved { precision: None, ..resolved }, &[byte_argument(value, thread)?]),
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
            let number = int_argument(value, conversion, thread)?;
            let big;
            let number = match int::as_i64(*number) {
                Some(small) => IntValue::Small(small),
                None => {
                    big = int::to_bigint(*number);
                    IntValue::Big(&big)
                }
            };
            push_formatted(out, resolved.format_int(number, conversion));
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let number = match convert::as_f64(value, thread) {
                Ok(number) => number,
                Err(raised) => {
                    if crate::types::float::as_f64(value).is_none() && value.type_object().slots.float.raw() == 0 && !convert::is_int(value) {
                        drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                        let name = value.type_object().full_name();
                        return Err(thread.raise_type_error(format!("float argument required, not {name}")));
                    }
                    return Err(raised);
                }
            };
            push_formatted(out, resolved.format_float(number, conversion));
        }
        _ => {
            let shown = char::from_u32(directive.conversion).unwrap_or('?');
            let (code, at) = (directive.conversion, directive.at);
            return Err(thread.raise_value_error(format!("unsupported format character '{shown}' (0x{code:x}) at index {at}")));
        }
    }
    Ok(())
}

fn push_formatted(out: &mut Vec<u8>, formatted: Formatted) {
    out.extend(formatted.code_points().map(|code| code as u8));
}

fn push_padded(out: &mut Vec<u8>, resolved: &crate::number::printf::Resolved, text: &[u8]) {
    let text = &text[..resolved.precision.unwrap_or(usize::MAX).min(text.len())];
    let (left, right) = resolved.pad_text(text.len());
    out.resize(out.len() + left, b' ');
    out.extend_from_slice(text);
    out.resize(out.len() + right, b' ');
}

fn bytes_argument<'a>(value: Value, thread: &mut Thread) -> PyResult<Cow<'a, [u8]>> {
    if buffer::supports_buffer(value) {
        return bytes_like(value, thread);
    }
    if let Some(result) = attribute::call_special(value, crate::names::names().__bytes__, &[], thread)? {
        if bytes::is_bytes(*result) {
            return Ok(Cow::Owned(bytes::BytesObject::of(*result).as_slice().to_vec()));
        }
        let name = result.type_object().full_name();
        return Err(thread.raise_type_error(format!("__bytes__ returned non-bytes (type {name})")));
    }
    let name = value.type_object().full_name();
    Err(thread.raise_type_error(format!("%b requires a bytes-like object, or an object that implements __bytes__, not '{name}'")))
}

fn byte_argument(value: Value, thread: &mut Thread) -> PyResult<u8> {
    let is_array = value.is_pointer() && value.is_instance(crate::types::builtin_types::BYTEARRAY.get());
    if bytes::is_bytes(value) || is_array {
        let contents = crate::types::byte_strings::contents(value);
        if let [byte] = contents.as_ref() {
            return Ok(*byte);
        }
        let (kind, n) = (if is_array { "bytearray" } else { "bytes" }, contents.len());
        return Err(thread.raise_type_error(format!("%c requires an integer in range(256) or a single byte, not a {kind} object of length {n}")));
    }
    if value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("%c requires an integer in range(256) or a single byte, not {name}")));
    }
    let number = convert::index_as_i64(value, thread, None)?;
    u8::try_from(number).map_err(|_| thread.raise(&exc::OVERFLOW_ERROR, "%c arg not in range(256)"))
}

fn int_argument(value: Value, conversion: u8, thread: &mut Thread) -> PyResult {
    if convert::is_int(value) {
        return Ok(value.to_owned());
    }
    let slots = &value.type_object().slots;
    let is_hex = matches!(conversion, b'o' | b'x' | b'X');
    let usable = slots.index.raw() != 0 || (!is_hex && (slots.int.raw() != 0 || slots.float.raw() != 0));
    if !usable {
        let (shown, name) = (char::from(conversion), value.type_object().full_name());
        let what = if is_hex { "an integer" } else { "a real number" };
        return Err(thread.raise_type_error(format!("%{shown} format: {what} is required, not {name}")));
    }
    if is_hex { convert::index(value, thread) } else { crate::types::int_methods::to_int(value, thread) }
}

/// The owned result for a bytes or bytearray format.
pub fn format_like(this: Value, args: Value, thread: &mut Thread) -> PyResult<Owned> {
    let own = crate::types::byte_strings::contents(this).into_owned();
    let made = format(&own, args, thread)?;
    Ok(crate::types::byte_strings::make_like(this, made))
}
