//! Character maps given as a table of up to 256 code points; U+FFFE means undefined. Maps given as
//! dicts are their owner's business, step by step.
use super::{Decoded, Fault};
use crate::text::{Buffer, Units};

const UNDEFINED: u32 = 0xFFFE;
const REASON: &str = "character maps to <undefined>";

/// Decodes from `at` on by a table.
pub fn decode(input: &[u8], at: usize, table: Units, out: &mut Buffer) -> Decoded {
    let rest = input.get(at..).unwrap_or(&[]);
    out.reserve(rest.len());
    for (i, byte) in rest.iter().enumerate() {
        match table.get(usize::from(*byte)) {
            Some(code) if code != UNDEFINED => out.push(code),
            _ => return Decoded::fault(at + i, at + i + 1, REASON),
        }
    }
    Decoded::done(input.len())
}

/// The inverse of a decoding table (`codecs.charmap_build`).
#[derive(Clone, Debug)]
pub struct EncodingMap {
    /// Bytes of the code points below 256, with a bit set for those that have one.
    low: [u8; 256],
    present: [u64; 4],
    /// The others, sorted.
    high: Vec<(u32, u8)>,
}

impl EncodingMap {
    /// The last of several bytes with the same character wins, as in a dict.
    pub fn new(table: Units) -> Self {
        let mut map = EncodingMap { low: [0; 256], present: [0; 4], high: Vec::new() };
        for (byte, code) in table.code_points().take(256).enumerate() {
            let byte = byte as u8;
            match code {
                UNDEFINED => {}
                0..=0xFF => {
                    map.low[code as usize] = byte;
                    map.present[code as usize / 64] |= 1 << (code % 64);
                }
                _ => match map.high.binary_search_by_key(&code, |entry| entry.0) {
                    Ok(at) => map.high[at].1 = byte,
                    Err(at) => map.high.insert(at, (code, byte)),
                },
            }
        }
        map
    }

    /// The byte of a character.
    pub fn get(&self, code: u32) -> Option<u8> {
        if let Some(byte) = self.low.get(code as usize) {
            return (self.present[code as usize / 64] >> (code % 64) & 1 != 0).then_some(*byte);
        }
        let at = self.high.binary_search_by_key(&code, |entry| entry.0).ok()?;
        self.high.get(at).map(|entry| entry.1)
    }
}

/// Encodes from `at` on; stops at a run of characters that have no byte.
pub fn encode(text: Units, at: usize, map: &EncodingMap, out: &mut Vec<u8>) -> Option<Fault> {
    let mut start = None;
    for (i, code) in text.code_points().enumerate().skip(at) {
        match (map.get(code), start) {
            (Some(byte), None) => out.push(byte),
            (Some(_), Some(start)) => return Some(Fault::new(start, i, REASON)),
            (None, None) => start = Some(i),
            (None, Some(_)) => {}
        }
    }
    start.map(|start| Fault::new(start, text.len(), REASON))
}
