//! UTF-16.
use super::{ByteOrder, Decoded, Fault, is_surrogate};
use crate::text::{Buffer, Unit, Units};

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
    let mut block = [0u16; 256];
    loop {
        // Blocks without surrogates are converted and appended as a whole.
        let pairs = &units[..units.len().min(block.len())];
        let slots = &mut block[..pairs.len()];
        slots.iter_mut().zip(pairs).for_each(|(slot, pair)| *slot = unit(*pair));
        let plain = if slots.iter().fold(false, |any, u| any | (u & 0xF800 == 0xD800)) {
            slots.iter().position(|u| is_surrogate(u32::from(*u))).unwrap_or(0)
        } else {
            slots.len()
        };
        out.extend(&slots[..plain]);
        at += 2 * plain;
        units = &units[plain..];
        let [pair, more @ ..] = units else { break };
        let code = u32::from(unit(*pair));
        if !is_surrogate(code) {
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
    crate::with_units!(text, units => encode_units(units, at, order, out))
}

fn encode_units<U: Unit>(units: &[U], at: usize, order: ByteOrder, out: &mut Vec<u8>) -> Option<Fault> {
    let bytes = |unit: u16| match order {
        ByteOrder::Little => unit.to_le_bytes(),
        ByteOrder::Big => unit.to_be_bytes(),
    };
    let mut done = at;
    while let Some(rest) = units.get(done..).filter(|rest| !rest.is_empty()) {
        // Blocks of single units are written as a whole.
        let block = &rest[..rest.len().min(256)];
        let single = |u: &U| u.code() < 0x1_0000 && !is_surrogate(u.code());
        let plain = if block.iter().fold(true, |all, u| all & single(u)) {
            block.len()
        } else {
            block.iter().position(|u| !single(u)).unwrap_or(0)
        };
        let start = out.len();
        out.resize(start + 2 * plain, 0);
        let (pairs, _) = out[start..].as_chunks_mut::<2>();
        pairs.iter_mut().zip(block).for_each(|(pair, unit)| *pair = bytes(unit.code() as u16));
        done += plain;
        let Some(code) = block.get(plain).map(|u| u.code()) else { continue };
        if is_surrogate(code) {
            return Some(Fault::new(done, done + 1, "surrogates not allowed"));
        }
        out.extend_from_slice(&bytes((0xD7C0 + (code >> 10)) as u16));
        out.extend_from_slice(&bytes((0xDC00 | code & 0x3FF) as u16));
        done += 1;
    }
    None
}
