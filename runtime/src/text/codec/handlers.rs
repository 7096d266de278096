//! The error handlers that Python provides. `None` means: raise the error.
use super::{ByteOrder, Fault, is_surrogate, utf8};
use crate::text::escape::push_hex_escape;
use crate::text::{Buffer, Units};

/// A handler known by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handler {
    Strict,
    Ignore,
    Replace,
    BackslashReplace,
    XmlCharRefReplace,
    NameReplace,
    SurrogateEscape,
    SurrogatePass,
}

impl Handler {
    pub fn from_name(name: &str) -> Option<Handler> {
        Some(match name {
            "strict" => Handler::Strict,
            "ignore" => Handler::Ignore,
            "replace" => Handler::Replace,
            "backslashreplace" => Handler::BackslashReplace,
            "xmlcharrefreplace" => Handler::XmlCharRefReplace,
            "namereplace" => Handler::NameReplace,
            "surrogateescape" => Handler::SurrogateEscape,
            "surrogatepass" => Handler::SurrogatePass,
            _ => return None,
        })
    }
}

/// The encodings that `surrogatepass` knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SurrogateForm {
    Utf8,
    Utf16(ByteOrder),
    Utf32(ByteOrder),
}

/// Handles a decoding fault: appends the replacement and returns where to go on. `form` is for
/// `surrogatepass`; `None` for other encodings.
pub fn decode(handler: Handler, input: &[u8], fault: Fault, form: Option<SurrogateForm>, out: &mut Buffer) -> Option<usize> {
    let bad = input.get(fault.start..fault.end)?;
    match handler {
        Handler::Ignore => Some(fault.end),
        Handler::Replace => {
            out.push(0xFFFD);
            Some(fault.end)
        }
        Handler::BackslashReplace => {
            for byte in bad {
                push_hex_escape(u32::from(*byte), |b| out.push(u32::from(b)));
            }
            Some(fault.end)
        }
        Handler::SurrogateEscape => {
            // Bytes below 128 could be escapes of security relevance: they are never smuggled.
            let count = bad.iter().take(4).take_while(|b| **b >= 0x80).count();
            bad.iter().take(count).for_each(|b| out.push(0xDC00 + u32::from(*b)));
            (count > 0).then_some(fault.start + count)
        }
        Handler::SurrogatePass => {
            let rest = input.get(fault.start..)?;
            let (code, length) = match form? {
                SurrogateForm::Utf8 => match rest {
                    [a @ 0xE0..=0xEF, b @ 0x80..=0xBF, c @ 0x80..=0xBF, ..] => {
                        (u32::from(a & 0xF) << 12 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F), 3)
                    }
                    _ => return None,
                },
                SurrogateForm::Utf16(order) => {
                    let pair = *rest.first_chunk()?;
                    let unit = if order == ByteOrder::Little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) };
                    (u32::from(unit), 2)
                }
                SurrogateForm::Utf32(order) => {
                    let quad = *rest.first_chunk()?;
                    (if order == ByteOrder::Little { u32::from_le_bytes(quad) } else { u32::from_be_bytes(quad) }, 4)
                }
            };
            if !is_surrogate(code) {
                return None;
            }
            out.push(code);
            Some(fault.start + length)
        }
        Handler::Strict | Handler::XmlCharRefReplace | Handler::NameReplace => None,
    }
}

/// The bytes that the code points of a range were smuggled in as; `None` unless all of them were.
/// This is `surrogateescape` as a function, which codecs without a fast path of their own call
/// (charmap); others take a part of the range at a time, see [`encode`].
pub fn escaped_bytes(text: Units, fault: Fault) -> Option<Vec<u8>> {
    let byte = |at| text.get(at).filter(|code| (0xDC80..=0xDCFF).contains(code)).map(|code| (code - 0xDC00) as u8);
    (fault.start..fault.end).map(byte).collect()
}

/// What a handler puts in the place of characters that cannot be encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replacement {
    /// Characters, which the encoder encodes in turn.
    Text(Vec<u8>),
    /// Bytes, which go to the output as they are.
    Bytes(Vec<u8>),
}

/// Handles an encoding fault: the replacement, and where to go on.
pub fn encode(handler: Handler, text: Units, fault: Fault, form: Option<SurrogateForm>) -> Option<(Replacement, usize)> {
    let bad = || (fault.start..fault.end).filter_map(|at| text.get(at));
    let mut out = Vec::new();
    match handler {
        Handler::Strict => return None,
        Handler::Ignore => {}
        Handler::Replace => out.resize(fault.end - fault.start, b'?'),
        Handler::BackslashReplace => {
            bad().for_each(|code| push_hex_escape(code, |b| out.push(b)));
        }
        Handler::XmlCharRefReplace => {
            for code in bad() {
                out.extend_from_slice(format!("&#{code};").as_bytes());
            }
        }
        Handler::NameReplace => {
            for code in bad() {
                match pyrt_unicode::names::name(code) {
                    Some(name) => out.extend_from_slice(format!("\\N{{{name}}}").as_bytes()),
                    None => push_hex_escape(code, |b| out.push(b)),
                }
            }
        }
        Handler::SurrogateEscape => {
            // A single byte is no unit of UTF-16 or UTF-32.
            if matches!(form, Some(SurrogateForm::Utf16(_) | SurrogateForm::Utf32(_))) {
                return None;
            }
            out.extend(bad().take_while(|code| (0xDC80..=0xDCFF).contains(code)).map(|code| (code - 0xDC00) as u8));
            let next = fault.start + out.len();
            return (!out.is_empty()).then_some((Replacement::Bytes(out), next));
        }
        Handler::SurrogatePass => {
            let form = form?;
            for code in bad() {
                if !is_surrogate(code) {
                    return None;
                }
                match form {
                    SurrogateForm::Utf8 => utf8::push_code(&mut out, code),
                    SurrogateForm::Utf16(ByteOrder::Little) => out.extend_from_slice(&(code as u16).to_le_bytes()),
                    SurrogateForm::Utf16(ByteOrder::Big) => out.extend_from_slice(&(code as u16).to_be_bytes()),
                    SurrogateForm::Utf32(ByteOrder::Little) => out.extend_from_slice(&code.to_le_bytes()),
                    SurrogateForm::Utf32(ByteOrder::Big) => out.extend_from_slice(&code.to_be_bytes()),
                }
            }
            return Some((Replacement::Bytes(out), fault.end));
        }
    }
    Some((Replacement::Text(out), fault.end))
}
