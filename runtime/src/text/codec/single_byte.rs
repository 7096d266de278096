//! ASCII and Latin-1.
use super::{Decoded, Fault};
use crate::text::copy::ascii_prefix;
use crate::text::{Buffer, Unit, Units};

/// Decodes ASCII from `at` on.
pub fn decode_ascii(input: &[u8], at: usize, out: &mut Buffer) -> Decoded {
    let rest = input.get(at..).unwrap_or(&[]);
    let count = ascii_prefix(rest);
    out.push_latin1(&rest[..count]);
    let stop = at + count;
    if count < rest.len() {
        return Decoded::fault(stop, stop + 1, "ordinal not in range(128)");
    }
    Decoded::done(stop)
}

/// Decodes Latin-1; every byte has a character.
pub fn decode_latin1(input: &[u8], out: &mut Buffer) {
    out.push_latin1(input);
}

/// Encodes ASCII from `at` on; stops at a run of other characters.
pub fn encode_ascii(text: Units, at: usize, out: &mut Vec<u8>) -> Option<Fault> {
    encode_up_to(text, at, 0x80, "ordinal not in range(128)", out)
}

/// Encodes Latin-1 from `at` on; stops at a run of other characters.
pub fn encode_latin1(text: Units, at: usize, out: &mut Vec<u8>) -> Option<Fault> {
    encode_up_to(text, at, 0x100, "ordinal not in range(256)", out)
}

fn encode_up_to(text: Units, at: usize, limit: u32, reason: &'static str, out: &mut Vec<u8>) -> Option<Fault> {
    if let Units::One(bytes) = text {
        let rest = bytes.get(at..)?;
        let count = if limit == 0x100 { rest.len() } else { ascii_prefix(rest) };
        out.extend_from_slice(&rest[..count]);
        return run_from(bytes, at + count, limit, reason);
    }
    crate::with_units!(text, units => {
        let rest = units.get(at..)?;
        let count = rest.iter().position(|u| u.code() >= limit).unwrap_or(rest.len());
        out.extend(rest.iter().take(count).map(|u| u.code() as u8));
        run_from(units, at + count, limit, reason)
    })
}

fn run_from<U: Unit>(units: &[U], start: usize, limit: u32, reason: &'static str) -> Option<Fault> {
    let rest = units.get(start..).filter(|rest| !rest.is_empty())?;
    let length = rest.iter().position(|u| u.code() < limit).unwrap_or(rest.len());
    Some(Fault::new(start, start + length, reason))
}
