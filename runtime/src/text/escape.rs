//! `repr` of str and bytes, and `ascii`.
use super::copy::ascii_prefix;
use super::{Buffer, Unit, Units};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `\x…`, `\u…` or `\U…`.
pub fn push_hex_escape(code: u32, mut put: impl FnMut(u8)) {
    let (letter, digits) = match code {
        0..=0xFF => (b'x', 2),
        0x100..=0xFFFF => (b'u', 4),
        _ => (b'U', 8),
    };
    put(b'\\');
    put(letter);
    for i in (0..digits).rev() {
        put(HEX[(code >> (4 * i) & 15) as usize]);
    }
}

fn quote_of(single: bool, double: bool) -> u8 {
    if single && !double { b'"' } else { b'\'' }
}

/// `repr` of a str.
pub fn repr(text: Units) -> Buffer {
    match text {
        Units::One(bytes) if is_plain(bytes) => {
            let mut result = Vec::with_capacity(bytes.len() + 2);
            result.push(b'\'');
            result.extend_from_slice(bytes);
            result.push(b'\'');
            Buffer::One(result)
        }
        _ => crate::with_units!(text, units => repr_escaped(units, false)),
    }
}

/// `ascii` of a str.
pub fn ascii(text: Units) -> Buffer {
    match text {
        Units::One(bytes) if is_plain(bytes) => repr(text),
        _ => crate::with_units!(text, units => repr_escaped(units, true)),
    }
}

/// Printable ASCII without quotes and backslashes.
fn is_plain(bytes: &[u8]) -> bool {
    // No early exit inside a chunk: this compiles to vector code.
    let plain = |b: &u8| (0x20..0x7F).contains(b) & (*b != b'\'') & (*b != b'\\');
    let (chunks, rest) = bytes.as_chunks::<32>();
    chunks.iter().all(|chunk| chunk.iter().fold(true, |all, b| all & plain(b))) && rest.iter().all(plain)
}

fn repr_escaped<U: Unit>(text: &[U], ascii: bool) -> Buffer {
    let has = |byte: u8| text.iter().any(|u| u.code() == u32::from(byte));
    let quote = u32::from(quote_of(has(b'\''), has(b'"')));
    let mut result = Buffer::with_capacity(text.len() + 2);
    result.push(quote);
    // What needs no escape is appended in runs.
    let plain = |u: &U| {
        let code = u.code();
        match code {
            0x20..=0x7E => code != quote && code != 0x5C,
            _ => code > 0x7F && !ascii && pyrt_unicode::is_printable(code),
        }
    };
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let run = rest.iter().position(|u| !plain(u)).unwrap_or(rest.len());
        result.extend(&rest[..run]);
        let Some(code) = rest.get(run).map(|u| u.code()) else { break };
        at += run + 1;
        match code {
            0x09 => result.push_latin1(b"\\t"),
            0x0A => result.push_latin1(b"\\n"),
            0x0D => result.push_latin1(b"\\r"),
            0x5C => result.push_latin1(b"\\\\"),
            _ if code == quote => {
                result.push(0x5C);
                result.push(code);
            }
            _ => push_hex_escape(code, |b| result.push(u32::from(b))),
        }
    }
    result.push(quote);
    result
}

/// `repr` of a bytes object, without the prefix `b`; `double` allows the double quote.
pub fn repr_bytes(bytes: &[u8]) -> Vec<u8> {
    let quote = quote_of(memchr::memchr(b'\'', bytes).is_some(), memchr::memchr(b'"', bytes).is_some());
    let mut result = Vec::with_capacity(bytes.len() + 2);
    result.push(quote);
    for &byte in bytes {
        match byte {
            b'\t' => result.extend_from_slice(b"\\t"),
            b'\n' => result.extend_from_slice(b"\\n"),
            b'\r' => result.extend_from_slice(b"\\r"),
            b'\\' => result.extend_from_slice(b"\\\\"),
            _ if byte == quote => result.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7E => result.push(byte),
            _ => push_hex_escape(u32::from(byte), |b| result.push(b)),
        }
    }
    result.push(quote);
    result
}

/// The code points of `text` from WTF-8 (UTF-8 that may hold surrogates); what is no WTF-8
/// becomes U+FFFD.
pub fn from_wtf8(text: &[u8]) -> Buffer {
    let ascii = ascii_prefix(text);
    let mut result = Buffer::with_capacity(text.len());
    result.push_latin1(&text[..ascii]);
    let mut at = ascii;
    while let Some(&lead) = text.get(at) {
        let (length, first) = match lead {
            0..=0x7F => (1, u32::from(lead)),
            0xC2..=0xDF => (2, u32::from(lead & 0x1F)),
            0xE0..=0xEF => (3, u32::from(lead & 0x0F)),
            0xF0..=0xF4 => (4, u32::from(lead & 0x07)),
            _ => (0, 0),
        };
        let tail = text.get(at + 1..at + length).filter(|tail| tail.iter().all(|b| b & 0xC0 == 0x80));
        match tail {
            Some(tail) if length > 0 => {
                result.push(tail.iter().fold(first, |code, b| code << 6 | u32::from(b & 0x3F)).min(0x10_FFFF));
                at += length;
            }
            _ => {
                result.push(0xFFFD);
                at += 1;
            }
        }
    }
    result
}

/// WTF-8: UTF-8 with surrogates in the three-byte form that they would have.
pub fn to_wtf8(text: Units) -> Vec<u8> {
    if let Units::One(bytes) = text
        && bytes.is_ascii()
    {
        return bytes.to_vec();
    }
    let mut result = Vec::with_capacity(text.len() * 2);
    crate::with_units!(text, units => units.iter().for_each(|u| super::codec::utf8::push_code(&mut result, u.code())));
    result
}
