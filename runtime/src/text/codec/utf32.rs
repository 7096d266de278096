//! UTF-32.
use super::{ByteOrder, Decoded, Fault, is_surrogate};
use crate::text::{Buffer, Units};

/// The byte order that a mark at the start of the input gives.
pub fn detect(input: &[u8]) -> Option<ByteOrder> {
    match input {
        [0xFF, 0xFE, 0, 0, ..] => Some(ByteOrder::Little),
        [0, 0, 0xFE, 0xFF, ..] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Decodes from `at` on; a mark is a character like others here.
pub fn decode(input: &[u8], at: usize, order: ByteOrder, is_final: bool, out: &mut Buffer) -> Decoded {
    let rest = input.get(at..).unwrap_or(&[]);
    let mut at = at;
    let (units, tail) = rest.as_chunks::<4>();
    out.reserve(units.len());
    let mut block = [0u32; 256];
    for quads in units.chunks(block.len()) {
        let slots = &mut block[..quads.len()];
        slots.iter_mut().zip(quads).for_each(|(slot, quad)| {
            *slot = match order {
                ByteOrder::Little => u32::from_le_bytes(*quad),
                ByteOrder::Big => u32::from_be_bytes(*quad),
            }
        });
        let bad = slots.iter().position(|code| is_surrogate(*code) || *code > 0x10_FFFF);
        let good = bad.unwrap_or(slots.len());
        out.extend(&slots[..good]);
        at += 4 * good;
        if let Some(bad) = bad {
            let reason = if is_surrogate(slots[bad]) {
                "code point in surrogate code point range(0xd800, 0xe000)"
            } else {
                "code point not in range(0x110000)"
            };
            return Decoded::fault(at, at + 4, reason);
        }
    }
    if is_final && !tail.is_empty() {
        return Decoded::fault(at, input.len(), "truncated data");
    }
    Decoded::done(at)
}

/// Encodes from `at` on, without a mark; stops at a surrogate.
pub fn encode(text: Units, at: usize, order: ByteOrder, out: &mut Vec<u8>) -> Option<Fault> {
    crate::with_units!(text, units => {
        out.reserve(units.len().saturating_sub(at) * 4);
        for (i, unit) in units.iter().enumerate().skip(at) {
            let code = crate::text::Unit::code(*unit);
            if is_surrogate(code) {
                return Some(Fault::new(i, i + 1, "surrogates not allowed"));
            }
            out.extend_from_slice(&match order {
                ByteOrder::Little => code.to_le_bytes(),
                ByteOrder::Big => code.to_be_bytes(),
            });
        }
    });
    None
}
