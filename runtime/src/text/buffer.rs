//! A string under construction, which widens as code points demand.
use super::copy::{bits_of, widen};
use super::{Unit, Units};

/// Code points in the narrowest of three widths that has been needed so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Buffer {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer::One(Vec::new())
    }
}

impl Buffer {
    pub fn new() -> Self {
        Buffer::default()
    }

    pub fn with_capacity(capacity: usize) -> Self {
        Buffer::One(Vec::with_capacity(capacity))
    }

    /// The narrowest buffer for these units.
    pub fn narrowest<U: Unit>(units: &[U]) -> Self {
        let mut buffer = Buffer::with_capacity(0);
        buffer.extend(units);
        buffer
    }

    pub fn len(&self) -> usize {
        self.as_units().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The storage. Its width may be more than the content needs; see [`Self::shrink`].
    pub fn as_units(&self) -> Units<'_> {
        match self {
            Buffer::One(units) => Units::One(units),
            Buffer::Two(units) => Units::Two(units),
            Buffer::Four(units) => Units::Four(units),
        }
    }

    pub fn truncate(&mut self, len: usize) {
        match self {
            Buffer::One(units) => units.truncate(len),
            Buffer::Two(units) => units.truncate(len),
            Buffer::Four(units) => units.truncate(len),
        }
    }

    pub fn reserve(&mut self, more: usize) {
        match self {
            Buffer::One(units) => units.reserve(more),
            Buffer::Two(units) => units.reserve(more),
            Buffer::Four(units) => units.reserve(more),
        }
    }

    /// Makes room for more; false where memory does not suffice.
    pub fn try_reserve(&mut self, more: usize) -> bool {
        match self {
            Buffer::One(units) => units.try_reserve(more).is_ok(),
            Buffer::Two(units) => units.try_reserve(more).is_ok(),
            Buffer::Four(units) => units.try_reserve(more).is_ok(),
        }
    }

    /// Appends a code point.
    #[inline]
    pub fn push(&mut self, code: u32) {
        match self {
            Buffer::One(units) if code <= u8::MAX.into() => units.push(code as u8),
            Buffer::Two(units) if code <= u16::MAX.into() => units.push(code as u16),
            Buffer::Four(units) => units.push(code),
            _ => self.push_slow(code),
        }
    }

    #[cold]
    fn push_slow(&mut self, code: u32) {
        self.widen(code);
        self.push(code);
    }

    /// Appends Latin-1 (or ASCII) text.
    pub fn push_latin1(&mut self, text: &[u8]) {
        match self {
            Buffer::One(units) => units.extend_from_slice(text),
            Buffer::Two(units) => units.extend(text.iter().map(|b| u16::from(*b))),
            Buffer::Four(units) => units.extend(text.iter().map(|b| u32::from(*b))),
        }
    }

    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        if text.is_ascii() {
            return self.push_latin1(text.as_bytes());
        }
        for c in text.chars() {
            self.push(u32::from(c));
        }
    }

    /// Appends `count` copies of a code point.
    pub fn push_repeated(&mut self, code: u32, count: usize) {
        if count == 0 {
            return;
        }
        self.widen(code);
        match self {
            Buffer::One(units) => units.resize(units.len() + count, code as u8),
            Buffer::Two(units) => units.resize(units.len() + count, code as u16),
            Buffer::Four(units) => units.resize(units.len() + count, code),
        }
    }

    /// Appends units of any width.
    pub fn extend<U: Unit>(&mut self, text: &[U]) {
        let bits = bits_of(text);
        self.widen(bits);
        match self {
            Buffer::One(units) => match U::as_bytes(text) {
                Some(bytes) => units.extend_from_slice(bytes),
                None => units.extend(text.iter().map(|u| u.code() as u8)),
            },
            Buffer::Two(units) => units.extend(text.iter().map(|u| u.code() as u16)),
            Buffer::Four(units) => units.extend(text.iter().map(|u| u.code())),
        }
    }

    /// Appends a string.
    pub fn push_units(&mut self, text: Units) {
        crate::with_units!(text, units => self.extend(units));
    }

    /// Makes room for code points up to `code`.
    pub fn widen(&mut self, code: u32) {
        let wide = match (&*self, code) {
            (Buffer::One(_), 0..=0xFF) | (Buffer::Two(_), 0..=0xFFFF) | (Buffer::Four(_), _) => return,
            (Buffer::One(units), 0x100..=0xFFFF) => Buffer::Two(widen(units)),
            (Buffer::One(units), _) => Buffer::Four(widen(units)),
            (Buffer::Two(units), _) => Buffer::Four(widen(units)),
        };
        *self = wide;
    }

    /// In the narrowest width that holds the content.
    pub fn shrink(self) -> Self {
        match &self {
            Buffer::One(_) => self,
            Buffer::Two(units) if bits_of(units) > 0xFF => self,
            Buffer::Four(units) if bits_of(units) > 0xFFFF => self,
            Buffer::Two(units) => Buffer::narrowest(units),
            Buffer::Four(units) => Buffer::narrowest(units),
        }
    }
}
