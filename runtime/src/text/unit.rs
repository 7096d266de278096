//! The code units of PEP 393 storage.

/// A code unit: one code point, stored in 1, 2 or 4 bytes.
pub trait Unit: Copy + Eq + Ord + Send + Sync + 'static {
    /// Largest code point that fits.
    const MAX: u32;
    /// The code point.
    fn code(self) -> u32;
    /// From a code point that fits; what does not fit is cut.
    fn from_code(code: u32) -> Self;
}

impl Unit for u8 {
    const MAX: u32 = 0xFF;
    #[inline(always)]
    fn code(self) -> u32 {
        u32::from(self)
    }
    #[inline(always)]
    fn from_code(code: u32) -> Self {
        code as u8
    }
}

impl Unit for u16 {
    const MAX: u32 = 0xFFFF;
    #[inline(always)]
    fn code(self) -> u32 {
        u32::from(self)
    }
    #[inline(always)]
    fn from_code(code: u32) -> Self {
        code as u16
    }
}

impl Unit for u32 {
    const MAX: u32 = 0x10_FFFF;
    #[inline(always)]
    fn code(self) -> u32 {
        self
    }
    #[inline(always)]
    fn from_code(code: u32) -> Self {
        code
    }
}
