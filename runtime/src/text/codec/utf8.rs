//! UTF-8. ASCII runs are copied; other sequences are decoded in a loop for the width at hand.
use super::{Decoded, Fault, is_surrogate};
use crate::text::copy::{ascii_prefix, bits_of};
use crate::text::{Buffer, Unit, Units};

/// Decodes from `at` on.
pub fn decode(input: &[u8], at: usize, is_final: bool, out: &mut Buffer) -> Decoded {
    let mut at = at;
    out.reserve(input.len().saturating_sub(at));
    loop {
        let stop = match out {
            Buffer::One(units) => run(input, &mut at, units),
            Buffer::Two(units) => run(input, &mut at, units),
            Buffer::Four(units) => run(input, &mut at, units),
        };
        match stop {
            Stop::End => return Decoded::done(at),
            Stop::Wider(code) => out.widen(code),
            Stop::Invalid => return fault(input, at, is_final),
        }
    }
}

enum Stop {
    End,
    /// The code point at `at` does not fit.
    Wider(u32),
    /// What stands at `at` is no complete sequence.
    Invalid,
}

fn run<U: Unit>(input: &[u8], at: &mut usize, units: &mut Vec<U>) -> Stop {
    loop {
        let Some(rest) = input.get(*at..) else { return Stop::End };
        let Some(&lead) = rest.first() else { return Stop::End };
        if lead < 0x80 {
            // Short runs between other characters are the rule in some scripts.
            let count = match rest.get(1) {
                Some(next) if *next >= 0x80 => 1,
                _ => ascii_prefix(rest),
            };
            units.extend(rest[..count].iter().map(|b| U::from_code(u32::from(*b))));
            *at += count;
            continue;
        }
        let Some((code, length)) = sequence(rest) else { return Stop::Invalid };
        if code > U::MAX {
            return Stop::Wider(code);
        }
        units.push(U::from_code(code));
        *at += length;
    }
}

/// The code point and the length of a valid sequence of two bytes or more.
#[inline]
fn sequence(rest: &[u8]) -> Option<(u32, usize)> {
    let tail = |b: u8| (b & 0xC0 == 0x80).then_some(u32::from(b & 0x3F));
    match *rest {
        [a @ 0xC2..=0xDF, b, ..] => Some((u32::from(a & 0x1F) << 6 | tail(b)?, 2)),
        [a @ 0xE0..=0xEF, b, c, ..] => {
            let code = u32::from(a & 0xF) << 12 | tail(b)? << 6 | tail(c)?;
            (code >= 0x800 && !is_surrogate(code)).then_some((code, 3))
        }
        [a @ 0xF0..=0xF4, b, c, d, ..] => {
            let code = u32::from(a & 7) << 18 | tail(b)? << 12 | tail(c)? << 6 | tail(d)?;
            (0x1_0000..0x11_0000).contains(&code).then_some((code, 4))
        }
        _ => None,
    }
}

/// What is wrong at `at`: the longest prefix that could have gone on is one fault.
#[cold]
fn fault(input: &[u8], at: usize, is_final: bool) -> Decoded {
    let rest = input.get(at..).unwrap_or(&[]);
    let lead = rest.first().copied().unwrap_or(0);
    let needed = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Decoded::fault(at, at + 1, "invalid start byte"),
    };
    for n in 1..needed {
        let Some(&byte) = rest.get(n) else {
            // Incomplete, and valid so far.
            if !is_final {
                return Decoded::done(at);
            }
            return Decoded::fault(at, input.len(), "unexpected end of data");
        };
        let allowed = match (n, lead) {
            (1, 0xE0) => 0xA0..=0xBF,
            (1, 0xED) => 0x80..=0x9F,
            (1, 0xF0) => 0x90..=0xBF,
            (1, 0xF4) => 0x80..=0x8F,
            _ => 0x80..=0xBF,
        };
        if !allowed.contains(&byte) {
            // Two bytes of a surrogate may be for `surrogatepass` to complete.
            if !is_final && lead == 0xED && rest.len() == 2 && (0xA0..=0xBF).contains(&byte) {
                return Decoded::done(at);
            }
            return Decoded::fault(at, at + n, "invalid continuation byte");
        }
    }
    Decoded::fault(at, at + 1, "invalid start byte")
}

/// Encodes from `at` on; stops at a run of surrogates.
pub fn encode(text: Units, at: usize, out: &mut Vec<u8>) -> Option<Fault> {
    match text {
        Units::One(units) => {
            encode_latin1(units.get(at..).unwrap_or(&[]), out);
            None
        }
        Units::Two(units) => encode_wide(units, at, out),
        Units::Four(units) => encode_wide(units, at, out),
    }
}

fn encode_latin1(mut units: &[u8], out: &mut Vec<u8>) {
    out.reserve(units.len());
    while !units.is_empty() {
        let (ascii, rest) = units.split_at(ascii_prefix(units));
        out.extend_from_slice(ascii);
        let high = rest.iter().position(|b| *b < 0x80).unwrap_or(rest.len());
        let (high, rest) = rest.split_at(high);
        out.extend(high.iter().flat_map(|b| [0xC0 | b >> 6, 0x80 | b & 0x3F]));
        units = rest;
    }
}

fn encode_wide<U: Unit>(units: &[U], at: usize, out: &mut Vec<u8>) -> Option<Fault> {
    let rest = units.get(at..)?;
    out.reserve(rest.len() * 2);
    for (i, unit) in rest.iter().enumerate() {
        let code = unit.code();
        if is_surrogate(code) {
            let run = rest.get(i..)?.iter().position(|u| !is_surrogate(u.code())).unwrap_or(rest.len() - i);
            return Some(Fault::new(at + i, at + i + run, "surrogates not allowed"));
        }
        push_code(out, code);
    }
    None
}

/// Appends the UTF-8 form of any code point, surrogates included.
#[inline]
pub fn push_code(out: &mut Vec<u8>, code: u32) {
    let tail = |shift: u32| 0x80 | (code >> shift) as u8 & 0x3F;
    match code {
        0..=0x7F => out.push(code as u8),
        0x80..=0x7FF => out.extend_from_slice(&[0xC0 | (code >> 6) as u8, tail(0)]),
        0x800..=0xFFFF => out.extend_from_slice(&[0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend_from_slice(&[0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// Length of the UTF-8 form, where there are no surrogates.
pub fn encoded_length(text: Units) -> usize {
    match text {
        Units::One(bytes) => bytes.len() + bytes.iter().filter(|b| **b >= 0x80).count(),
        Units::Two(units) if bits_of(units) < 0x80 => units.len(),
        _ => text.code_points().map(|c| 1 + usize::from(c > 0x7F) + usize::from(c > 0x7FF) + usize::from(c > 0xFFFF)).sum(),
    }
}
