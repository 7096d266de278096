//! UTF-16.
use super::{ByteOrder, Decoded, Fault, is_surrogate};
use crate::text::{Buffer, Units};

/// The byte order that a mark at the start of the input gives.
pub fn detect(input: &[u8]) -> Option<ByteOrder> {
    match input {
        [0xFF, 0xFE, ..] => Some(ByteOrder::Little),
        [0xFE, 0xFF, ..] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Decodes from `at` on; a mark is a character like others here.
pub fn decode(input: &[u8], at: usize, order: ByteOrder, is_final: bool, out: &mut Buffer) -> Decoded {
    let unit = |pair: [u8; 2]| match order {
        ByteOrder::Little => u16::from_le_bytes(pair),
        ByteOrder::Big => u16::from_be_bytes(pair),
    };
    let mut at = at;
    let rest = input.get(at..).unwrap_or(&[]);
    out.reserve(rest.len() / 2);
    let (mut units, tail) = rest.as_chunks::<2>();
    let end = input.len();
    while let [pair, more @ ..] = units {
        let code = u32::from(unit(*pair));
        if !is_surrogate(code) {
            out.push(code);
            at += 2;
            units = more;
            continue;
        }
        if code >= 0xDC00 {
            return Decoded::fault(at, at + 2, "illegal encoding");
        }
        let Some(low) = more.first().map(|pair| u32::from(unit(*pair))) else {
            return if is_final { Decoded::fault(at, end, "unexpected end of data") } else { Decoded::done(at) };
        };
        if !(0xDC00..0xE000).contains(&low) {
            return Decoded::fault(at, at + 2, "illegal UTF-16 surrogate");
        }
        out.push(0x1_0000 + ((code & 0x3FF) << 10 | low & 0x3FF));
        at += 4;
        units = &more[1..];
    }
    if is_final && !tail.is_empty() {
        return Decoded::fault(at, end, "truncated data");
    }
    Decoded::done(at)
}

/// Encodes from `at` on, without a mark; stops at a surrogate.
pub fn encode(text: Units, at: usize, order: ByteOrder, out: &mut Vec<u8>) -> Option<Fault> {
    let mut put = |unit: u16| {
        out.extend_from_slice(&match order {
            ByteOrder::Little => unit.to_le_bytes(),
            ByteOrder::Big => unit.to_be_bytes(),
        });
    };
    crate::with_units!(text, units => {
        for (i, unit) in units.iter().enumerate().skip(at) {
            let code = crate::text::Unit::code(*unit);
            if is_surrogate(code) {
                return Some(Fault::new(i, i + 1, "surrogates not allowed"));
            }
            if code < 0x1_0000 {
                put(code as u16);
            } else {
                put((0xD7C0 + (code >> 10)) as u16);
                put((0xDC00 | code & 0x3FF) as u16);
            }
        }
    });
    None
}
