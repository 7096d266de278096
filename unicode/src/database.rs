//! What only the module `unicodedata` asks for.
use std::fmt::Write as _;

use crate::tables::database::{
    BIDIRECTIONAL, CATEGORIES, DATABASE, DATABASE_BLOCKS, DATABASE_INDEX, DATABASE_SHIFT,
};
use crate::tables::normalization::{
    DECOMPOSITION, DECOMPOSITION_BLOCKS, DECOMPOSITION_INDEX, DECOMPOSITION_SHIFT, TAGS,
};
use crate::two_stage;

const EAST_ASIAN_WIDTHS: [&str; 6] = ["N", "A", "H", "F", "Na", "W"];

#[inline]
fn record(code: u32) -> [u8; 4] {
    DATABASE[two_stage!(code, DATABASE_BLOCKS, DATABASE_INDEX, DATABASE_SHIFT)]
}

/// General category, two letters; "Cn" for unassigned.
pub fn category(code: u32) -> &'static str {
    CATEGORIES[record(code)[0] as usize]
}

/// Bidirectional class; empty where none is assigned.
pub fn bidirectional(code: u32) -> &'static str {
    BIDIRECTIONAL[record(code)[1] as usize]
}

/// Canonical combining class.
pub fn combining(code: u32) -> u8 {
    record(code)[2]
}

/// Whether the character is mirrored in right-to-left text.
pub fn mirrored(code: u32) -> bool {
    record(code)[3] & 0x80 != 0
}

/// East Asian width: N, A, H, F, Na or W.
pub fn east_asian_width(code: u32) -> &'static str {
    EAST_ASIAN_WIDTHS[(record(code)[3] & 0x7F) as usize]
}

/// `unicodedata.decomposition`: the mapping as text, such as `<noBreak> 0020`; empty without one.
pub fn decomposition(code: u32) -> String {
    let mut text = String::new();
    let mut append = |tag: &str, codes: &[u32]| {
        text.push_str(tag);
        for code in codes {
            let separator = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{separator}{code:04X}");
        }
    };
    if let Some(parts) = crate::normalization::decompose_syllable(code) {
        append("", parts.as_slice());
    } else if let Some((tag, codes)) = mapping(code) {
        append(tag, codes);
    }
    text
}

/// The decomposition mapping of UnicodeData.txt: its tag (such as `<noBreak>`, empty for a
/// canonical one) and the code points; `None` without a mapping.
pub(crate) fn mapping(code: u32) -> Option<(&'static str, &'static [u32])> {
    let offset = two_stage!(code, DECOMPOSITION_BLOCKS, DECOMPOSITION_INDEX, DECOMPOSITION_SHIFT);
    if offset == 0 {
        return None;
    }
    let header = *DECOMPOSITION.get(offset)?;
    let codes = DECOMPOSITION.get(offset + 1..offset + 1 + (header & 0xFF) as usize)?;
    Some((TAGS.get((header >> 8) as usize)?, codes))
}
