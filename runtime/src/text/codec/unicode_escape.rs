//! `unicode_escape` and `raw_unicode_escape`. Their errors carry the encoding names
//! "unicodeescape" and "rawunicodeescape".
use super::Decoded;
use crate::text::escape::push_hex_escape;
use crate::text::{Buffer, Units};

/// An escape that means nothing, which the caller warns about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidEscape {
    /// Position of the character behind the backslash.
    Character(usize),
    /// Position of the first digit of an octal escape above `\377`.
    Octal(usize),
}

/// Decodes escapes from `at` on. `lookup` finds the code points of a character name; the first
/// escape that means nothing goes to `invalid`, if that is empty.
pub fn decode(
    input: &[u8], at: usize, is_final: bool, out: &mut Buffer, mut lookup: impl FnMut(&str) -> Option<u32>,
    invalid: &mut Option<InvalidEscape>,
) -> Decoded {
    let mut at = at;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.push_latin1(&rest[..plain]);
        let start = at + plain;
        if plain == rest.len() {
            return Decoded::done(start);
        }
        let incomplete = |end: usize, reason| {
            if is_final { Decoded::fault(start, end, reason) } else { Decoded::done(start) }
        };
        let Some(&letter) = input.get(start + 1) else {
            return incomplete(start + 1, "\\ at end of string");
        };
        at = start + 2;
        let simple = match letter {
            b'\n' => continue,
            b'\\' | b'\'' | b'"' => letter,
            b'a' => 7,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'v' => 11,
            b'f' => 12,
            b'r' => 13,
            b'0'..=b'7' => {
                let mut code = 0;
                let mut end = start + 1;
                while end < start + 4
                    && let Some(digit @ b'0'..=b'7') = input.get(end)
                {
                    code = code * 8 + u32::from(digit - b'0');
                    end += 1;
                }
                if code > 0xFF && invalid.is_none() {
                    *invalid = Some(InvalidEscape::Octal(start + 1));
                }
                out.push(code);
                at = end;
                continue;
            }
            b'x' | b'u' | b'U' => {
                let (count, reason) = match letter {
                    b'x' => (2, "truncated \\xXX escape"),
                    b'u' => (4, "truncated \\uXXXX escape"),
                    _ => (8, "truncated \\UXXXXXXXX escape"),
                };
                let (code, end) = hex_digits(input, at, count);
                if end < at + count {
                    return if end == input.len() { incomplete(end, reason) } else { Decoded::fault(start, end, reason) };
                }
                if code > 0x10_FFFF {
                    return Decoded::fault(start, end, "illegal Unicode character");
                }
                out.push(code);
                at = end;
                continue;
            }
            b'N' => {
                let malformed = "malformed \\N character escape";
                match input.get(at) {
                    None => return incomplete(at, malformed),
                    Some(b'{') => {}
                    Some(_) => return Decoded::fault(start, at, malformed),
                }
                let name = input.get(at + 1..).unwrap_or(&[]);
                let Some(length) = memchr::memchr(b'}', name) else {
                    return incomplete(input.len(), malformed);
                };
                if length == 0 {
                    return Decoded::fault(start, at + 1, malformed);
                }
                let end = at + 2 + length;
                let code = name.get(..length).and_then(|name| std::str::from_utf8(name).ok()).and_then(&mut lookup);
                let Some(code) = code else {
                    return Decoded::fault(start, end, "unknown Unicode character name");
                };
                out.push(code);
                at = end;
                continue;
            }
            _ => {
                if invalid.is_none() {
                    *invalid = Some(InvalidEscape::Character(start + 1));
                }
                out.push_latin1(b"\\");
                letter
            }
        };
        out.push_latin1(&[simple]);
    }
    Decoded::done(at)
}

/// The value of up to `count` hexadecimal digits at `at`, and where they end.
fn hex_digits(input: &[u8], at: usize, count: usize) -> (u32, usize) {
    let mut code = 0u32;
    let mut end = at;
    while end < at + count
        && let Some(digit) = input.get(end).and_then(|b| char::from(*b).to_digit(16))
    {
        code = code << 4 | digit;
        end += 1;
    }
    (code, end)
}

/// Encodes all of the text; every code point has a form.
pub fn encode(text: Units, out: &mut Vec<u8>) {
    for code in text.code_points() {
        match code {
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            13 => out.extend_from_slice(b"\\r"),
            0x5C => out.extend_from_slice(b"\\\\"),
            0x20..=0x7E => out.push(code as u8),
            _ => push_hex_escape(code, |b| out.push(b)),
        }
    }
}

/// Decodes `raw_unicode_escape` from `at` on: only `\u` and `\U` are escapes.
pub fn decode_raw(input: &[u8], at: usize, is_final: bool, out: &mut Buffer) -> Decoded {
    let mut at = at;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.push_latin1(&rest[..plain]);
        let start = at + plain;
        if plain == rest.len() {
            return Decoded::done(start);
        }
        let (count, reason) = match input.get(start + 1) {
            None if is_final => {
                out.push_latin1(b"\\");
                return Decoded::done(start + 1);
            }
            None => return Decoded::done(start),
            Some(b'u') => (4, "truncated \\uXXXX escape"),
            Some(b'U') => (8, "truncated \\UXXXXXXXX escape"),
            Some(other) => {
                out.push_latin1(&[b'\\', *other]);
                at = start + 2;
                continue;
            }
        };
        let (code, end) = hex_digits(input, start + 2, count);
        if end < start + 2 + count {
            if end == input.len() && !is_final {
                return Decoded::done(start);
            }
            return Decoded::fault(start, end, reason);
        }
        if code > 0x10_FFFF {
            return Decoded::fault(start, end, "\\Uxxxxxxxx out of range");
        }
        out.push(code);
        at = end;
    }
    Decoded::done(at)
}

/// Encodes `raw_unicode_escape`: Latin-1 stays as it is.
pub fn encode_raw(text: Units, out: &mut Vec<u8>) {
    if let Units::One(bytes) = text {
        return out.extend_from_slice(bytes);
    }
    for code in text.code_points() {
        match code {
            0..=0xFF => out.push(code as u8),
            _ => push_hex_escape(code, |b| out.push(b)),
        }
    }
}
