//! The numbers of `re._constants` (MAGIC 20230612).

/// `_sre.MAGIC`.
pub const MAGIC: u32 = 20_230_612;
/// `_sre.CODESIZE`.
pub const CODE_SIZE: usize = 4;
/// `_sre.MAXREPEAT`: no upper bound.
pub const MAX_REPEAT: u32 = u32::MAX;
/// `_sre.MAXGROUPS`.
pub const MAX_GROUPS: u32 = i32::MAX as u32 / 2;

macro_rules! numbered {
    ($kind:ident: $($name:ident)*) => {
        /// In the order of the numbers.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(clippy::upper_case_acronyms, non_camel_case_types)]
        pub(super) enum $kind { $($name),* }

        impl $kind {
            const ALL: &'static [$kind] = &[$($kind::$name),*];

            pub(super) fn from_code(code: u32) -> Option<$kind> {
                Self::ALL.get(code as usize).copied()
            }
        }
    };
}

numbered! { Opcode:
    Failure Success Any AnyAll Assert AssertNot At Branch Category Charset BigCharset GroupRef GroupRefExists In Info
    Jump Literal Mark MaxUntil MinUntil NotLiteral Negate Range Repeat RepeatOne Subpattern MinRepeatOne AtomicGroup
    PossessiveRepeat PossessiveRepeatOne GroupRefIgnore InIgnore LiteralIgnore NotLiteralIgnore GroupRefLocIgnore
    InLocIgnore LiteralLocIgnore NotLiteralLocIgnore GroupRefUniIgnore InUniIgnore LiteralUniIgnore
    NotLiteralUniIgnore RangeUniIgnore
}

numbered! { At:
    Beginning BeginningLine BeginningString Boundary NonBoundary End EndLine EndString LocBoundary LocNonBoundary
    UniBoundary UniNonBoundary
}

numbered! { Category:
    Digit NotDigit Space NotSpace Word NotWord Linebreak NotLinebreak LocWord LocNotWord UniDigit UniNotDigit UniSpace
    UniNotSpace UniWord UniNotWord UniLinebreak UniNotLinebreak
}

/// Flags of INFO.
pub(super) const INFO_PREFIX: u32 = 1;
/// The whole pattern is the prefix.
pub(super) const INFO_LITERAL: u32 = 2;
