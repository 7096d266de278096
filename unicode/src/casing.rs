//! Case mappings of single code points. What depends on context (the final sigma) is the
//! caller's: it needs the neighbours.
use crate::properties::record;
use crate::tables::types::SPECIAL_CASES;

/// Result of a full case mapping: one to three code points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CaseMapping {
    codes: [u32; 3],
    len: u8,
}

impl CaseMapping {
    #[inline]
    const fn one(code: u32) -> Self {
        CaseMapping { codes: [code, 0, 0], len: 1 }
    }

    /// No mapping contains U+0000 except that of U+0000, which is never special.
    fn special(codes: [u32; 3]) -> Self {
        let len = 1 + u8::from(codes[1] != 0) + u8::from(codes[2] != 0);
        CaseMapping { codes, len }
    }

    /// The code points.
    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        self.codes.get(..self.len as usize).unwrap_or(&[])
    }
}

impl std::ops::Deref for CaseMapping {
    type Target = [u32];
    #[inline]
    fn deref(&self) -> &[u32] {
        self.as_slice()
    }
}

macro_rules! mappings {
    ($($full:ident, $simple:ident, $field:ident, $column:expr, $what:expr;)*) => {$(
        #[doc = concat!("The full ", $what, " mapping.")]
        #[inline]
        pub fn $full(code: u32) -> CaseMapping {
            let record = record(code);
            if record.special != 0 {
                return match SPECIAL_CASES.get(record.special as usize) {
                    Some(mappings) => CaseMapping::special(mappings[$column]),
                    None => CaseMapping::one(code),
                };
            }
            CaseMapping::one(code.wrapping_add_signed(record.$field))
        }

        #[doc = concat!("The simple ", $what, " mapping, always one code point.")]
        #[inline]
        pub fn $simple(code: u32) -> u32 {
            code.wrapping_add_signed(record(code).$field)
        }
    )*};
}

mappings! {
    to_lower, simple_to_lower, lower, 0, "lower case";
    to_upper, simple_to_upper, upper, 1, "upper case";
    to_title, simple_to_title, title, 2, "title case";
    fold, simple_fold, fold, 3, "case folding";
}
