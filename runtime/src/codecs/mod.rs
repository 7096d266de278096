//! Text encodings: the registry of codecs and of error handlers, and the native codecs.
//!
//! * [`registry`]: search functions, lookup, `codecs.encode` and `codecs.decode`;
//! * [`errors`]: the Unicode errors as objects, the built-in error handlers as functions, handlers by name;
//! * [`native`]: the kernels of `text::codec` stepped from fault to fault, with a handler called between the steps.
//!
//! The encodings that everything else starts with (UTF-8, Latin-1, ASCII, UTF-16, UTF-32) are known here by name and
//! work without the package `encodings`.

pub mod charmap;
pub mod errors;
pub mod native;
pub mod registry;

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::buffer;
use crate::text::Buffer;
use crate::text::codec::{handlers, is_surrogate, utf8};
use crate::threads::thread_state::Thread;
use crate::types::bytes::{self, BytesObject};
use crate::types::str::arguments::expect_str;
use crate::types::str::{from_buffer, units};
use crate::types::string::{self, StrObject};

pub use native::Codec;

/// The name of an encoding or of an error handler, from an argument.
pub fn argument_name(value: Value, what: &str, thread: &mut Thread) -> PyResult<String> {
    let text = expect_str(value, what, thread)?;
    let Some(name) = text.as_utf8() else {
        let at = text.chars().iter().position(is_surrogate).unwrap_or(0);
        return Err(errors::raise_encode("utf-8", value, at, at + 1, "surrogates not allowed", thread));
    };
    if name.contains('\0') {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(name.to_string())
}

/// `text.encode(encoding, errors)`: bytes.
pub fn encode_text(text: Value, encoding: &str, errors: &str, thread: &mut Thread) -> PyResult {
    if let Some(codec) = Codec::from_name(encoding) {
        return native::encode(codec, text, errors, thread).map(bytes::from_vec);
    }
    let codec = registry::lookup_text_encoding(encoding, "codecs.encode()", thread)?;
    let encoded = registry::encode_with(*codec, text, encoding, Some(errors), thread)?;
    if bytes::is_bytes(*encoded) {
        return Ok(encoded);
    }
    let name = encoded.type_object().full_name();
    Err(thread.raise_type_error(format!(
        "'{encoding}' encoder returned '{name}' instead of 'bytes'; use codecs.encode() to encode to arbitrary types"
    )))
}

/// Bytes to a str.
pub fn decode_bytes(input: &[u8], encoding: &str, errors: &str, thread: &mut Thread) -> PyResult {
    match Codec::from_name(encoding) {
        Some(codec) => native::decode(codec, input, errors, thread),
        None => {
            let object = bytes::from_slice(input);
            decode_by_registry(*object, encoding, errors, thread)
        }
    }
}

fn decode_by_registry(object: Value, encoding: &str, errors: &str, thread: &mut Thread) -> PyResult {
    let codec = registry::lookup_text_encoding(encoding, "codecs.decode()", thread)?;
    let decoded = registry::decode_with(*codec, object, encoding, Some(errors), thread)?;
    if string::is_str(*decoded) {
        return Ok(decoded);
    }
    let name = decoded.type_object().full_name();
    Err(thread.raise_type_error(format!(
        "'{encoding}' decoder returned '{name}' instead of 'str'; use codecs.decode() to decode to arbitrary types"
    )))
}

/// `str(object, encoding, errors)` and `bytes.decode`.
pub fn decode_object(object: Value, encoding: &str, errors: &str, thread: &mut Thread) -> PyResult {
    if bytes::is_bytes(object) {
        if BytesObject::of(object).is_empty() {
            return Ok(string::empty());
        }
        return match Codec::from_name(encoding) {
            Some(codec) => native::decode(codec, BytesObject::of(object).as_slice(), errors, thread),
            None => decode_by_registry(object, encoding, errors, thread),
        };
    }
    if string::is_str(object) {
        return Err(thread.raise_type_error("decoding str is not supported"));
    }
    if !buffer::supports_buffer(object) {
        let name = object.type_object().full_name();
        return Err(thread.raise_type_error(format!("decoding to str: need a bytes-like object, {name} found")));
    }
    let input = buffer::copy_bytes(object, thread)?;
    if input.is_empty() {
        return Ok(string::empty());
    }
    match Codec::from_name(encoding) {
        Some(codec) => native::decode(codec, &input, errors, thread),
        None => decode_by_registry(object, encoding, errors, thread),
    }
}

/// A str in the encoding of file names and of the environment: UTF-8, surrogates of `surrogateescape` as their bytes.
pub fn fs_encode(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let text = StrObject::of(value);
    if let Some(ascii) = text.as_ascii() {
        return Ok(ascii.as_bytes().to_vec());
    }
    native::encode(Codec::Utf8, value, "surrogateescape", thread)
}

/// The str of a file name or an environment variable: what is not UTF-8 becomes lone surrogates.
pub fn fs_decode(input: &[u8]) -> Owned {
    if input.is_ascii() {
        return string::from_ascii(input);
    }
    let mut out = Buffer::with_capacity(input.len());
    let mut at = 0;
    loop {
        let decoded = utf8::decode(input, at, true, &mut out);
        let Some(fault) = decoded.fault else { break };
        match handlers::decode(handlers::Handler::SurrogateEscape, input, fault, None, &mut out) {
            Some(next) => at = next,
            // Unreachable: bytes that are no UTF-8 are not below 128.
            None => break,
        }
    }
    from_buffer(out)
}


/// The characters of a str for the codecs.
pub(crate) fn units_of<'a>(value: Value) -> crate::text::Units<'a> {
    units(StrObject::of(value))
}
