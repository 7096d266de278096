//! UTF-7 (RFC 2152), as tolerant as CPython's. Its errors carry the encoding name "utf7".
use super::Decoded;
use crate::text::{Buffer, Units};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes from `at` on.
pub fn decode(input: &[u8], at: usize, is_final: bool, out: &mut Buffer) -> Decoded {
    let mut at = at;
    while let Some(&byte) = input.get(at) {
        if byte >= 0x80 {
            return Decoded::fault(at, at + 1, "unexpected special character");
        }
        if byte != b'+' {
            out.push(u32::from(byte));
            at += 1;
            continue;
        }
        match input.get(at + 1) {
            None => return Decoded::done(if is_final { at + 1 } else { at }),
            Some(b'-') => {
                out.push(u32::from(b'+'));
                at += 2;
            }
            Some(next) if sextet(*next).is_none() => return Decoded::fault(at, at + 2, "ill-formed sequence"),
            Some(_) => {
                let before = out.len();
                match shifted(input, at, out) {
                    Shifted::Closed(next) => at = next,
                    Shifted::Fault(fault) => return fault,
                    Shifted::Open { .. } if !is_final => {
                        out.truncate(before);
                        return Decoded::done(at);
                    }
                    Shifted::Open { complete: true } => return Decoded::done(input.len()),
                    Shifted::Open { complete: false } => {
                        return Decoded::fault(at, input.len(), "unterminated shift sequence");
                    }
                }
            }
        }
    }
    Decoded::done(at)
}

enum Shifted {
    /// Goes on at this position.
    Closed(usize),
    /// The input ended inside.
    Open { complete: bool },
    Fault(Decoded),
}

/// A section of base64 whose `+` stands at `start`.
fn shifted(input: &[u8], start: usize, out: &mut Buffer) -> Shifted {
    let (mut bits, mut value) = (0u32, 0u32);
    let mut surrogate = 0;
    for (at, &byte) in input.iter().enumerate().skip(start + 1) {
        let Some(six) = sextet(byte) else {
            if bits >= 6 {
                return Shifted::Fault(Decoded::fault(start, at + 1, "partial character in shift sequence"));
            }
            if bits > 0 && value != 0 {
                return Shifted::Fault(Decoded::fault(start, at + 1, "non-zero padding bits in shift sequence"));
            }
            if surrogate != 0 && byte < 0x80 {
                out.push(surrogate);
            }
            return Shifted::Closed(if byte == b'-' { at + 1 } else { at });
        };
        value = value << 6 | six;
        bits += 6;
        if bits < 16 {
            continue;
        }
        let unit = value >> (bits - 16);
        bits -= 16;
        value &= (1 << bits) - 1;
        if surrogate != 0 {
            let high = std::mem::take(&mut surrogate);
            if (0xDC00..0xE000).contains(&unit) {
                out.push(0x1_0000 + ((high & 0x3FF) << 10 | unit & 0x3FF));
                continue;
            }
            out.push(high);
        }
        if (0xD800..0xDC00).contains(&unit) {
            surrogate = unit;
        } else {
            out.push(unit);
        }
    }
    Shifted::Open { complete: surrogate == 0 && bits < 6 && (bits == 0 || value == 0) }
}

fn is_direct(code: u32) -> bool {
    matches!(code, 9 | 10 | 13 | 0x20..=0x7D) && code != u32::from(b'+') && code != u32::from(b'\\')
}

/// Encodes all of the text; every code point has a form.
pub fn encode(text: Units, out: &mut Vec<u8>) {
    let mut shifted = false;
    let (mut bits, mut value) = (0u32, 0u64);
    let digit = |six: u64| ALPHABET[(six & 63) as usize];
    for code in text.code_points() {
        if is_direct(code) {
            let byte = code as u8;
            if shifted {
                if bits > 0 {
                    out.push(digit(value << (6 - bits)));
                    (bits, value) = (0, 0);
                }
                shifted = false;
                if sextet(byte).is_some() || byte == b'-' {
                    out.push(b'-');
                }
            }
            out.push(byte);
            continue;
        }
        if !shifted {
            out.push(b'+');
            if code == u32::from(b'+') {
                out.push(b'-');
                continue;
            }
            shifted = true;
        }
        let mut put = |unit: u32| {
            value = value << 16 | u64::from(unit);
            bits += 16;
            while bits >= 6 {
                bits -= 6;
                out.push(digit(value >> bits));
            }
            value &= (1 << bits) - 1;
        };
        if code >= 0x1_0000 {
            put(0xD7C0 + (code >> 10));
            put(0xDC00 | code & 0x3FF);
        } else {
            put(code);
        }
    }
    if bits > 0 {
        out.push(digit(value << (6 - bits)));
    }
    if shifted {
        out.push(b'-');
    }
}
