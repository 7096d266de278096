//! UTF-8. The width and the length of a text are found first, so that one loop for the width at
//! hand writes to a slice of the right size.
use super::{Decoded, Fault, is_surrogate};
use crate::text::copy::{ascii_prefix, bits_of};
use crate::text::{Buffer, Unit, Units};

/// Decodes from `at` on.
pub fn decode(input: &[u8], at: usize, is_final: bool, out: &mut Buffer) -> Decoded {
    let Some(rest) = input.get(at..) else { return Decoded::done(at) };
    let ascii = ascii_prefix(rest);
    out.push_latin1(&rest[..ascii]);
    let rest = &rest[ascii..];
    if rest.is_empty() {
        return Decoded::done(input.len());
    }
    let at = at + ascii;
    // The lead bytes tell the largest code point, as far as the width goes.
    out.widen(match rest.iter().fold(0, |max, b| max.max(*b)) {
        0xF0.. => 0x1_0000,
        0xC4.. => 0x100,
        _ => 0,
    });
    let used = match out {
        Buffer::One(units) => convert(rest, units),
        Buffer::Two(units) => convert(rest, units),
        Buffer::Four(units) => convert(rest, units),
    };
    if used == rest.len() { Decoded::done(input.len()) } else { fault(input, at + used, is_final) }
}

/// Bytes that start a sequence.
fn count_starts(bytes: &[u8]) -> usize {
    // Sums of a byte stay in vector registers.
    let starts = |part: &[u8]| part.iter().fold(0u8, |n, b| n + u8::from(b & 0xC0 != 0x80));
    bytes.chunks(255).map(|part| usize::from(starts(part))).sum()
}

/// Appends the characters of the valid start of the input; returns its length. All characters
/// fit the width.
fn convert<U: Unit>(input: &[u8], out: &mut Vec<U>) -> usize {
    let start = out.len();
    out.resize(start + count_starts(input), U::default());
    let mut units = out[start..].iter_mut();
    let mut rest = input;
    let tail = |b: u8| u32::from(b & 0x3F);
    let continues = |b: u8| b & 0xC0 == 0x80;
    while let [lead, more @ ..] = rest {
        let (code, next) = match (*lead, more) {
            (0..=0x7F, _) => (u32::from(*lead), more),
            (0xC2..=0xDF, [b, next @ ..]) if continues(*b) => (u32::from(lead & 0x1F) << 6 | tail(*b), next),
            (0xE0..=0xEF, [b, c, next @ ..]) if continues(*b) && continues(*c) => {
                let code = u32::from(lead & 0xF) << 12 | tail(*b) << 6 | tail(*c);
                if code < 0x800 || is_surrogate(code) {
                    break;
                }
                (code, next)
            }
            (0xF0..=0xF4, [b, c, d, next @ ..]) if continues(*b) && continues(*c) && continues(*d) => {
                let code = u32::from(lead & 7) << 18 | tail(*b) << 12 | tail(*c) << 6 | tail(*d);
                if !(0x1_0000..0x11_0000).contains(&code) {
                    break;
                }
                (code, next)
            }
            _ => break,
        };
        let Some(unit) = units.next() else { break };
        *unit = U::from_code(code);
        rest = next;
    }
    let unused = units.len();
    out.truncate(out.len() - unused);
    input.len() - rest.len()
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

fn encode_latin1(units: &[u8], out: &mut Vec<u8>) {
    let (ascii, rest) = units.split_at(ascii_prefix(units));
    out.extend_from_slice(ascii);
    if rest.is_empty() {
        return;
    }
    let start = out.len();
    out.resize(start + rest.len() + rest.iter().map(|b| usize::from(*b >> 7)).sum::<usize>(), 0);
    let mut to = &mut out[start..];
    for &byte in rest {
        to = if byte < 0x80 {
            put(to, [byte])
        } else {
            put(to, [0xC0 | byte >> 6, 0x80 | byte & 0x3F])
        };
    }
}

/// Writes to the start of a slice; returns what follows.
#[inline(always)]
fn put<const N: usize>(to: &mut [u8], bytes: [u8; N]) -> &mut [u8] {
    match to.split_first_chunk_mut::<N>() {
        Some((first, rest)) => {
            *first = bytes;
            rest
        }
        None => &mut [],
    }
}

fn encode_wide<U: Unit>(units: &[U], at: usize, out: &mut Vec<u8>) -> Option<Fault> {
    let rest = units.get(at..)?;
    // Room for the longest form of a block at a time.
    const BLOCK: usize = 1024;
    for (number, block) in rest.chunks(BLOCK).enumerate() {
        let start = out.len();
        out.resize(start + block.len() * if U::MAX > 0xFFFF { 4 } else { 3 }, 0);
        let room = out.len();
        let mut to = &mut out[start..];
        let mut stop = None;
        for (i, unit) in block.iter().enumerate() {
            let code = unit.code();
            let tail = |shift: u32| 0x80 | (code >> shift) as u8 & 0x3F;
            to = match code {
                0..=0x7F => put(to, [code as u8]),
                0x80..=0x7FF => put(to, [0xC0 | (code >> 6) as u8, tail(0)]),
                0xD800..=0xDFFF => {
                    stop = Some(number * BLOCK + i);
                    break;
                }
                0x800..=0xFFFF => put(to, [0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
                _ => put(to, [0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
            };
        }
        let unused = to.len();
        out.truncate(room - unused);
        if let Some(i) = stop {
            let run = rest.get(i..)?.iter().position(|u| !is_surrogate(u.code())).unwrap_or(rest.len() - i);
            return Some(Fault::new(at + i, at + i + run, "surrogates not allowed"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_ranges_of_python() {
        let check = |input: &[u8], is_final, expected: Option<(usize, usize, &str)>, consumed| {
            let decoded = decode(input, 0, is_final, &mut Buffer::new());
            assert_eq!(decoded.fault.map(|f| (f.start, f.end, f.reason)), expected, "{input:x?}");
            assert_eq!(decoded.consumed, consumed, "{input:x?}");
        };
        check(b"a\x80", true, Some((1, 2, "invalid start byte")), 1);
        check(b"a\xe2\x82", true, Some((1, 3, "unexpected end of data")), 1);
        check(b"a\xe2\x82", false, None, 1);
        check(b"\xe2\x82a", true, Some((0, 2, "invalid continuation byte")), 0);
        check(b"\xed\xa0\x80", true, Some((0, 1, "invalid continuation byte")), 0);
        check("é\u{1F600}".as_bytes(), true, None, 6);
    }
}
