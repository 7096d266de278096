//! The code units of PEP 393 storage.

/// A code unit: one code point, stored in 1, 2 or 4 bytes.
pub trait Unit: Copy + Eq + Ord + Default + Send + Sync + 'static {
    /// Largest code point that fits.
    const MAX: u32;
    /// The code point.
    fn code(self) -> u32;
    /// From a code point that fits; what does not fit is cut.
    fn from_code(code: u32) -> Self;
    /// The slice as bytes where a unit is a byte.
    fn as_bytes(units: &[Self]) -> Option<&[u8]>;
    /// The memory of the slice.
    fn memory(units: &[Self]) -> &[u8];
    /// The slice of one of three widths.
    fn as_units(units: &[Self]) -> Units<'_>;
    /// The buffer that holds these units.
    fn into_buffer(units: Vec<Self>) -> super::Buffer;
}

macro_rules! unit {
    ($kind:ty, $max:expr, $variant:ident, $units:ident => $bytes:expr) => {
        impl Unit for $kind {
            const MAX: u32 = $max;
            #[inline(always)]
            fn code(self) -> u32 {
                u32::from(self)
            }
            #[inline(always)]
            fn from_code(code: u32) -> Self {
                code as $kind
            }
            #[inline(always)]
            fn as_bytes($units: &[Self]) -> Option<&[u8]> {
                $bytes
            }
            #[inline(always)]
            fn memory(units: &[Self]) -> &[u8] {
                // SAFETY: the units are integers without padding, the slice is `size_of_val` bytes
                // long, and a byte needs no alignment.
                unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), size_of_val(units)) }
            }
            #[inline(always)]
            fn as_units(units: &[Self]) -> Units<'_> {
                Units::$variant(units)
            }
            #[inline(always)]
            fn into_buffer(units: Vec<Self>) -> super::Buffer {
                super::Buffer::$variant(units)
            }
        }
    };
}

unit!(u8, 0xFF, One, units => Some(units));
unit!(u16, 0xFFFF, Two, _units => None);
unit!(u32, 0x10_FFFF, Four, _units => None);

/// The storage of a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Units<'a> {
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

/// Runs an expression with the slice of a [`Units`], whatever its width.
#[macro_export]
macro_rules! with_units {
    ($units:expr, $slice:ident => $body:expr) => {
        match $units {
            $crate::text::Units::One($slice) => $body,
            $crate::text::Units::Two($slice) => $body,
            $crate::text::Units::Four($slice) => $body,
        }
    };
}

impl<'a> Units<'a> {
    /// Length in code points.
    #[inline]
    pub fn len(self) -> usize {
        with_units!(self, units => units.len())
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Bytes of a unit.
    #[inline]
    pub fn width(self) -> usize {
        match self {
            Units::One(_) => 1,
            Units::Two(_) => 2,
            Units::Four(_) => 4,
        }
    }

    /// The code point at `at`.
    #[inline]
    pub fn get(self, at: usize) -> Option<u32> {
        with_units!(self, units => units.get(at).map(|u| u.code()))
    }

    /// A part; the whole where the range is out of bounds.
    pub fn slice(self, range: std::ops::Range<usize>) -> Units<'a> {
        match self {
            Units::One(units) => Units::One(units.get(range).unwrap_or(units)),
            Units::Two(units) => Units::Two(units.get(range).unwrap_or(units)),
            Units::Four(units) => Units::Four(units.get(range).unwrap_or(units)),
        }
    }

    /// The code points.
    pub fn code_points(self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + 'a {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(0))
    }

    /// All code points, widened.
    pub fn to_code_points(self) -> Vec<u32> {
        with_units!(self, units => units.iter().map(|u| u.code()).collect())
    }
}
