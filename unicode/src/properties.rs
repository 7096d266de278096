//! Properties of single code points behind the predicates of `str`.
//!
//! A code point maps through two stages to one of a few hundred records, each with the flags,
//! the deltas of the simple case mappings and the digit values. Latin-1 has its own flag table.
use crate::tables::types::{LATIN1_FLAGS, NUMERIC, RECORDS, TYPE_BLOCKS, TYPE_INDEX, TYPE_SHIFT};
use crate::two_stage;

/// What [`RECORDS`] holds for a code point.
pub(crate) struct Record {
    pub(crate) flags: u16,
    /// Index into the table of special cases; 0 where all mappings have one code point.
    pub(crate) special: u16,
    pub(crate) lower: i32,
    pub(crate) upper: i32,
    pub(crate) title: i32,
    pub(crate) fold: i32,
    /// 0xFF for none.
    pub(crate) decimal: u8,
    pub(crate) digit: u8,
}

// ORDER Flag: also in scripts/xtask/src/unicode_tables.rs
const ALPHA: u16 = 1 << 0;
const DECIMAL: u16 = 1 << 1;
const DIGIT: u16 = 1 << 2;
const NUMERIC_FLAG: u16 = 1 << 3;
const SPACE: u16 = 1 << 4;
const PRINTABLE: u16 = 1 << 5;
const LOWER: u16 = 1 << 6;
const UPPER: u16 = 1 << 7;
const TITLE: u16 = 1 << 8;
const CASED: u16 = 1 << 9;
const CASE_IGNORABLE: u16 = 1 << 10;
const XID_START: u16 = 1 << 11;
const XID_CONTINUE: u16 = 1 << 12;
const LINE_BREAK: u16 = 1 << 13;

#[inline]
pub(crate) fn record(code: u32) -> &'static Record {
    &RECORDS[two_stage!(code, TYPE_BLOCKS, TYPE_INDEX, TYPE_SHIFT)]
}

#[inline]
fn flags(code: u32) -> u16 {
    match LATIN1_FLAGS.get(code as usize) {
        Some(flags) => *flags,
        None => record(code).flags,
    }
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident = $mask:expr;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(code: u32) -> bool {
            flags(code) & ($mask) != 0
        }
    )*};
}

predicates! {
    /// General category L*.
    is_alpha = ALPHA;
    /// Has a decimal digit value.
    is_decimal = DECIMAL;
    /// Has a digit value (superscripts too).
    is_digit = DIGIT;
    /// Has a numeric value.
    is_numeric = NUMERIC_FLAG;
    /// `str.isalnum` of one character.
    is_alnum = ALPHA | DECIMAL | DIGIT | NUMERIC_FLAG;
    /// Category Zs or bidirectional class WS, B or S.
    is_space = SPACE;
    /// Shown as it is by `repr`.
    is_printable = PRINTABLE;
    /// Derived property Lowercase.
    is_lower = LOWER;
    /// Derived property Uppercase.
    is_upper = UPPER;
    /// Category Lt.
    is_title = TITLE;
    /// Derived property Cased.
    is_cased = CASED;
    /// Derived property Case_Ignorable.
    is_case_ignorable = CASE_IGNORABLE;
    /// May start an identifier (the underscore is not among them).
    is_xid_start = XID_START;
    /// May continue an identifier.
    is_xid_continue = XID_CONTINUE;
    /// Ends a line for `str.splitlines`.
    is_linebreak = LINE_BREAK;
}

/// The value of a decimal digit.
#[inline]
pub fn decimal_value(code: u32) -> Option<u8> {
    if code < 0x80 {
        let digit = (code as u8).wrapping_sub(b'0');
        return (digit < 10).then_some(digit);
    }
    let digit = record(code).decimal;
    (digit != 0xFF).then_some(digit)
}

/// The value of a digit, decimal or not.
pub fn digit_value(code: u32) -> Option<u8> {
    let digit = record(code).digit;
    (digit != 0xFF).then_some(digit)
}

/// The numeric value, fractions included.
pub fn numeric_value(code: u32) -> Option<f64> {
    let record = record(code);
    if record.flags & NUMERIC_FLAG == 0 {
        return None;
    }
    if record.digit != 0xFF {
        return Some(f64::from(record.digit));
    }
    let at = NUMERIC.binary_search_by_key(&code, |entry| entry.0).ok()?;
    let (_, numerator, denominator) = *NUMERIC.get(at)?;
    Some(numerator as f64 / f64::from(denominator))
}
