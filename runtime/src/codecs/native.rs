//! The native codecs: kernels stepped from fault to fault.

use crate::codecs::errors::{self, Reply};
use crate::codecs::units_of;
use crate::object::value::{Owned, PyResult, Value};
use crate::text::codec::handlers::{self, Handler, Replacement, SurrogateForm};
use crate::text::codec::{ByteOrder, Decoded, Fault, single_byte, utf8, utf16, utf32};
use crate::text::{Buffer, Units};
use crate::threads::thread_state::Thread;
use crate::types::bytes::{self, BytesObject};
use crate::types::str::{from_buffer, units};
use crate::types::string::{self, StrObject};

/// An encoding that is known by name without the registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    Utf8,
    Latin1,
    Ascii,
    /// With a byte order mark where none is given.
    Utf16(Option<ByteOrder>),
    Utf32(Option<ByteOrder>),
}

impl Codec {
    /// The codec of a name as `str.encode` accepts it.
    pub fn from_name(name: &str) -> Option<Codec> {
        match name {
            "utf-8" | "utf8" => return Some(Codec::Utf8),
            _ if name.len() > 12 => return None,
            _ => {}
        }
        let normalized = name.to_ascii_lowercase().replace(['_', ' '], "-");
        Some(match normalized.as_str() {
            "utf-8" | "utf8" => Codec::Utf8,
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Codec::Latin1,
            "ascii" | "us-ascii" => Codec::Ascii,
            "utf-16" | "utf16" => Codec::Utf16(None),
            "utf-16-le" | "utf-16le" => Codec::Utf16(Some(ByteOrder::Little)),
            "utf-16-be" | "utf-16be" => Codec::Utf16(Some(ByteOrder::Big)),
            "utf-32" | "utf32" => Codec::Utf32(None),
            "utf-32-le" | "utf-32le" => Codec::Utf32(Some(ByteOrder::Little)),
            "utf-32-be" | "utf-32be" => Codec::Utf32(Some(ByteOrder::Big)),
            _ => return None,
        })
    }

    /// The name in errors of the encoder.
    fn encoder_name(self) -> &'static str {
        match self {
            Codec::Utf8 => "utf-8",
            Codec::Latin1 => "latin-1",
            Codec::Ascii => "ascii",
            Codec::Utf16(None) => "utf-16",
            Codec::Utf32(None) => "utf-32",
            Codec::Utf16(Some(_)) | Codec::Utf32(Some(_)) => self.decoder_name(),
        }
    }

    /// The name in errors of the decoder.
    fn decoder_name(self) -> &'static str {
        match self {
            Codec::Utf16(None | Some(ByteOrder::Little)) => "utf-16-le",
            Codec::Utf16(Some(ByteOrder::Big)) => "utf-16-be",
            Codec::Utf32(None | Some(ByteOrder::Little)) => "utf-32-le",
            Codec::Utf32(Some(ByteOrder::Big)) => "utf-32-be",
            _ => self.encoder_name(),
        }
    }

    fn surrogate_form(self) -> Option<SurrogateForm> {
        match self {
            Codec::Utf8 => Some(SurrogateForm::Utf8),
            Codec::Utf16(order) => Some(SurrogateForm::Utf16(order.unwrap_or(ByteOrder::NATIVE))),
            Codec::Utf32(order) => Some(SurrogateForm::Utf32(order.unwrap_or(ByteOrder::NATIVE))),
            Codec::Latin1 | Codec::Ascii => None,
        }
    }

    fn encode_step(self, text: Units<'_>, at: usize, out: &mut Vec<u8>) -> Option<Fault> {
        match self {
            Codec::Utf8 => utf8::encode(text, at, out),
            Codec::Latin1 => single_byte::encode_latin1(text, at, out),
            Codec::Ascii => single_byte::encode_ascii(text, at, out),
            Codec::Utf16(order) => utf16::encode(text, at, order.unwrap_or(ByteOrder::NATIVE), out),
            Codec::Utf32(order) => utf32::encode(text, at, order.unwrap_or(ByteOrder::NATIVE), out),
        }
    }

    fn decode_step(self, input: &[u8], at: usize, is_final: bool, out: &mut Buffer) -> Decoded {
        match self {
            Codec::Utf8 => utf8::decode(input, at, is_final, out),
            Codec::Latin1 => {
                single_byte::decode_latin1(input.get(at..).unwrap_or(&[]), out);
                Decoded { consumed: input.len(), fault: None }
            }
            Codec::Ascii => single_byte::decode_ascii(input, at, out),
            Codec::Utf16(order) => utf16::decode(input, at, order.unwrap_or(ByteOrder::NATIVE), is_final, out),
            Codec::Utf32(order) => utf32::decode(input, at, order.unwrap_or(ByteOrder::NATIVE), is_final, out),
        }
    }
}

/// A str encoded.
pub fn encode(codec: Codec, text: Value, errors: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let object = StrObject::of(text);
    if let (Some(ascii), Codec::Utf8 | Codec::Latin1 | Codec::Ascii) = (object.as_ascii(), codec) {
        return Ok(ascii.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(object.len() + 4);
    match codec {
        Codec::Utf16(None) => out.extend_from_slice(&0xFEFFu16.to_ne_bytes()),
        Codec::Utf32(None) => out.extend_from_slice(&0xFEFFu32.to_ne_bytes()),
        _ => {}
    }
    let step = |text: Units<'_>, at: usize, out: &mut Vec<u8>, _: &mut Thread| Ok(codec.encode_step(text, at, out));
    encode_steps(codec.encoder_name(), codec.surrogate_form(), text, errors, &mut out, step, thread)?;
    Ok(out)
}

/// Runs an encoder from fault to fault. `step` appends what it can encode from a position on.
pub fn encode_steps(
    encoding: &str, form: Option<SurrogateForm>, text: Value, errors: &str, out: &mut Vec<u8>,
    mut step: impl FnMut(Units<'_>, usize, &mut Vec<u8>, &mut Thread) -> PyResult<Option<Fault>>, thread: &mut Thread,
) -> PyResult<()> {
    let mut at = 0;
    let handler = Handler::from_name(errors);
    let len = StrObject::of(text).len();
    let mut known = None;
    loop {
        let Some(fault) = step(units_of(text), at, out, thread)? else { return Ok(()) };
        // What the handler gives: characters to encode, or bytes.
        let reply = match handler {
            Some(handler) => handlers::encode(handler, units_of(text), fault, form).map(|(replacement, next)| match replacement {
                Replacement::Text(latin1) => (Reply::Text(string::from_latin1(&latin1)), next),
                Replacement::Bytes(raw) => (Reply::Bytes(bytes::from_vec(raw)), next),
            }),
            None => {
                let exception = errors::encode_error(encoding, text, fault.start, fault.end, fault.reason, thread)?;
                if known.is_none() {
                    known = Some(errors::lookup(errors, thread)?);
                }
                let callable = known.clone().unwrap_or_else(Owned::none);
                Some(errors::call_encode_handler(*callable, exception, len, thread)?)
            }
        };
        let Some((reply, next)) = reply else {
            return Err(errors::raise_encode(encoding, text, fault.start, fault.end, fault.reason, thread));
        };
        match reply {
            Reply::Bytes(raw) => {
                let raw = BytesObject::of(*raw).as_slice();
                let width = match form {
                    Some(SurrogateForm::Utf16(_)) => 2,
                    Some(SurrogateForm::Utf32(_)) => 4,
                    _ => 1,
                };
                if !raw.len().is_multiple_of(width) {
                    return Err(errors::raise_encode(encoding, text, fault.start, fault.end, fault.reason, thread));
                }
                out.extend_from_slice(raw);
            }
            Reply::Text(replacement) => {
                let replacement = units(StrObject::of(*replacement));
                if step(replacement, 0, out, thread)?.is_some() {
                    return Err(errors::raise_encode(encoding, text, fault.start, fault.end, fault.reason, thread));
                }
            }
        }
        at = next;
    }
}

/// Bytes decoded, to the end.
pub fn decode(codec: Codec, input: &[u8], errors: &str, thread: &mut Thread) -> PyResult {
    match codec {
        Codec::Utf8 | Codec::Ascii | Codec::Latin1 if input.is_ascii() => return Ok(string::from_ascii(input)),
        Codec::Latin1 => return Ok(string::from_latin1(input)),
        _ => {}
    }
    let (text, _, _) = decode_stateful(codec, input, errors, true, thread)?;
    Ok(text)
}

/// Decodes what is complete: the text, how many bytes were taken, and the codec with the byte order that a mark gave.
pub fn decode_stateful(codec: Codec, input: &[u8], errors: &str, is_final: bool, thread: &mut Thread) -> PyResult<(Owned, usize, Codec)> {
    let (codec, start) = match codec {
        Codec::Utf16(None) => match utf16::detect(input) {
            Some(order) => (Codec::Utf16(Some(order)), 2),
            None => (codec, 0),
        },
        Codec::Utf32(None) => match utf32::detect(input) {
            Some(order) => (Codec::Utf32(Some(order)), 4),
            None => (codec, 0),
        },
        _ => (codec, 0),
    };
    let mut out = Buffer::with_capacity(input.len());
    let step = |input: &[u8], at: usize, out: &mut Buffer, _: &mut Thread| Ok(codec.decode_step(input, at, is_final, out));
    let consumed = decode_steps(codec.decoder_name(), codec.surrogate_form(), input, start, errors, &mut out, step, thread)?;
    Ok((from_buffer(out), consumed, codec))
}

/// Runs a decoder from fault to fault; returns how much input was taken.
#[allow(clippy::too_many_arguments, reason = "the parts of one state that lives on the stack")]
pub fn decode_steps(
    encoding: &str, form: Option<SurrogateForm>, input: &[u8], start: usize, errors: &str, out: &mut Buffer,
    mut step: impl FnMut(&[u8], usize, &mut Buffer, &mut Thread) -> PyResult<Decoded>, thread: &mut Thread,
) -> PyResult<usize> {
    let handler = Handler::from_name(errors);
    let mut at = start;
    // A handler written in Python may exchange the input.
    let mut exchanged: Option<Owned> = None;
    let mut known = None;
    loop {
        let current: &[u8] = match &exchanged {
            Some(object) => BytesObject::of(**object).as_slice(),
            None => input,
        };
        let decoded = step(current, at, out, thread)?;
        let Some(fault) = decoded.fault else { return Ok(decoded.consumed) };
        match handler {
            Some(handler) => match handlers::decode(handler, current, fault, form, out) {
                Some(next) => at = next,
                None if handler == Handler::XmlCharRefReplace || handler == Handler::NameReplace => {
                    let exception = errors::decode_error(encoding, current, fault.start, fault.end, fault.reason, thread)?;
                    return Err(errors::raise_unhandled(*exception, thread));
                }
                None => {
                    return Err(errors::raise_decode(encoding, current, fault.start, fault.end, fault.reason, thread));
                }
            },
            None => {
                let exception = errors::decode_error(encoding, current, fault.start, fault.end, fault.reason, thread)?;
                if known.is_none() {
                    known = Some(errors::lookup(errors, thread)?);
                }
                let callable = known.clone().unwrap_or_else(Owned::none);
                let reply = errors::call_decode_handler(*callable, exception, thread)?;
                out.push_units(units(StrObject::of(*reply.text)));
                at = reply.next;
                exchanged = Some(reply.object);
            }
        }
    }
}
