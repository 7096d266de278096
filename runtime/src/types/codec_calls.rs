//! From `bytes.decode` and `bytes(text, encoding)` to the codecs: the commonest ones here, all others by `_codecs`.

use std::borrow::Cow;

use crate::exceptions::exc;
use crate::exceptions::methods::{raise_unicode_decode, raise_unicode_encode};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call};
use crate::text::Buffer;
use crate::text::codec::{single_byte, utf8};
use crate::threads::thread_state::Thread;
use crate::types::string::{self, StrObject};
use crate::types::{bytes, str};

/// The codecs that are tried without a look at the registry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Utf8,
    Latin1,
    Ascii,
}

fn known(encoding: Option<&str>) -> Option<Known> {
    let Some(encoding) = encoding else { return Some(Known::Utf8) };
    let normal = encoding.to_ascii_lowercase().replace('_', "-");
    match normal.as_str() {
        "utf-8" | "utf8" => Some(Known::Utf8),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Some(Known::Latin1),
        "ascii" | "us-ascii" => Some(Known::Ascii),
        _ => None,
    }
}

fn text<'a>(value: Option<Value>, function: &str, what: &str, thread: &mut Thread) -> PyResult<Option<Cow<'a, str>>> {
    let Some(value) = value else { return Ok(None) };
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument '{what}' must be str, not {name}")));
    }
    let text = StrObject::of(value).to_string_lossy();
    if text.contains('\0') {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(Some(Cow::Owned(text)))
}

fn by_registry(function: &str, object: Value, encoding: Option<&str>, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    let module = crate::import::import_module("_codecs", thread)?;
    let function = attribute::get_by_text(*module, function, thread)?;
    let encoding = Owned::str(encoding.unwrap_or("utf-8"));
    match errors {
        Some(errors) => call::call(*function, &[object, *encoding, *Owned::str(errors)], thread),
        None => call::call(*function, &[object, *encoding], thread),
    }
}

fn is_strict(errors: Option<&str>) -> bool {
    errors.is_none_or(|errors| errors == "strict")
}

/// `object.decode(encoding, errors)`, where `contents` are the bytes of `object`.
pub fn decode(object: Value, contents: &[u8], encoding: Option<Value>, errors: Option<Value>, function: &str, thread: &mut Thread) -> PyResult {
    let encoding = text(encoding, function, "encoding", thread)?;
    let errors = text(errors, function, "errors", thread)?;
    let mut out = Buffer::with_capacity(contents.len());
    let mut fault = None;
    let done = match known(encoding.as_deref()) {
        Some(Known::Latin1) => {
            single_byte::decode_latin1(contents, &mut out);
            true
        }
        Some(Known::Ascii) if contents.is_ascii() => {
            single_byte::decode_latin1(contents, &mut out);
            true
        }
        Some(Known::Utf8) => {
            if contents.is_ascii() {
                single_byte::decode_latin1(contents, &mut out);
                true
            } else {
                let decoded = utf8::decode(contents, 0, true, &mut out);
                fault = decoded.fault;
                fault.is_none() && decoded.consumed == contents.len()
            }
        }
        _ => false,
    };
    if done {
        return Ok(str::from_buffer(out.shrink()));
    }
    if let (Some(fault), true) = (fault, is_strict(errors.as_deref())) {
        return Err(raise_unicode_decode("utf-8", object, fault.start, fault.end, fault.reason, thread));
    }
    let result = by_registry("decode", object, encoding.as_deref(), errors.as_deref(), thread)?;
    if string::is_str(*result) {
        return Ok(result);
    }
    let (encoding, name) = (encoding.unwrap_or(Cow::Borrowed("utf-8")), result.type_object().full_name());
    Err(thread.raise_type_error(format!(
        "'{encoding}' decoder returned '{name}' instead of 'str'; use codecs.decode() to decode to arbitrary types"
    )))
}

/// `text.encode(encoding, errors)`: the bytes.
pub fn encode(object: Value, encoding: Option<Value>, errors: Option<Value>, function: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let encoding = text(encoding, function, "encoding", thread)?;
    let errors = text(errors, function, "errors", thread)?;
    let units = str::units(StrObject::of(object));
    let mut out = Vec::with_capacity(units.len());
    let fault = match known(encoding.as_deref()) {
        Some(Known::Utf8) => Some(("utf-8", utf8::encode(units, 0, &mut out))),
        Some(Known::Latin1) => Some(("latin-1", single_byte::encode_latin1(units, 0, &mut out))),
        Some(Known::Ascii) => Some(("ascii", single_byte::encode_ascii(units, 0, &mut out))),
        None => None,
    };
    match fault {
        Some((_, None)) => return Ok(out),
        Some((name, Some(fault))) if is_strict(errors.as_deref()) => {
            return Err(raise_unicode_encode(name, object, fault.start, fault.end, fault.reason, thread));
        }
        _ => {}
    }
    let result = by_registry("encode", object, encoding.as_deref(), errors.as_deref(), thread)?;
    if bytes::is_bytes(*result) {
        return Ok(bytes::BytesObject::of(*result).as_slice().to_vec());
    }
    let (encoding, name) = (encoding.unwrap_or(Cow::Borrowed("utf-8")), result.type_object().full_name());
    Err(thread.raise(
        &exc::TYPE_ERROR,
        format!("'{encoding}' encoder returned '{name}' instead of 'bytes'; use codecs.encode() to encode to arbitrary types"),
    ))
}
