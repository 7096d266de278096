//! `str`: type declaration, building, formatting support. The object is in types/string.rs, the methods beside this.

pub mod arguments;
pub mod iterators;
pub mod methods;
pub mod percent;
pub mod search;
pub mod shaping;
pub mod template;

use crate::exceptions::exc;
use crate::number::format_spec::{FormatError, Formatted};
use crate::object::value::{Owned, Raised, Value};
use crate::threads::thread_state::Thread;
use crate::types::string::{self, Chars, StrObject};

pub use methods::SPEC;

/// Collects the pieces of a string.
#[derive(Default)]
pub struct Builder {
    ascii: Vec<u8>,
    /// Used instead of `ascii` once a wider character has come.
    wide: Option<Vec<u32>>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder::default()
    }

    pub fn push_str(&mut self, text: &str) {
        if text.is_ascii() {
            match &mut self.wide {
                None => self.ascii.extend_from_slice(text.as_bytes()),
                Some(wide) => wide.extend(text.bytes().map(u32::from)),
            }
        } else {
            self.widen().extend(text.chars().map(u32::from));
        }
    }

    pub fn push_char(&mut self, ch: u32) {
        match &mut self.wide {
            None if ch < 0x80 => self.ascii.push(ch as u8),
            _ => self.widen().push(ch),
        }
    }

    /// Appends a str object.
    pub fn push_object(&mut self, value: Value) {
        let object = StrObject::of(value);
        match object.as_ascii() {
            Some(text) => self.push_str(text),
            None => match object.chars() {
                Chars::One(chars) => self.widen().extend(chars.iter().map(|&ch| u32::from(ch))),
                Chars::Two(chars) => self.widen().extend(chars.iter().map(|&ch| u32::from(ch))),
                Chars::Four(chars) => self.widen().extend_from_slice(chars),
            },
        }
    }

    fn widen(&mut self) -> &mut Vec<u32> {
        let ascii = &mut self.ascii;
        self.wide.get_or_insert_with(|| std::mem::take(ascii).into_iter().map(u32::from).collect())
    }

    pub fn len(&self) -> usize {
        self.wide.as_ref().map_or(self.ascii.len(), Vec::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn finish(self) -> Owned {
        match self.wide {
            None => string::from_ascii(&self.ascii),
            Some(wide) => string::from_code_points(&wide),
        }
    }
}

/// The str of a formatted number or text.
pub fn from_formatted(formatted: &Formatted) -> Owned {
    if formatted.left + formatted.inner + formatted.right == 0 && formatted.head.is_empty() && formatted.surrogate.is_none() {
        return string::from_str(&formatted.body);
    }
    let chars: Vec<u32> = formatted.code_points().collect();
    string::from_code_points(&chars)
}

/// The str of a text buffer of the kernels.
pub fn from_buffer(buffer: crate::text::Buffer) -> Owned {
    use crate::text::Buffer;
    match buffer {
        Buffer::One(chars) => string::from_latin1(&chars),
        Buffer::Two(chars) => string::from_ucs2(&chars),
        Buffer::Four(chars) => string::from_ucs4(&chars),
    }
}

/// The characters of a string for the kernels.
pub fn units(string: &StrObject) -> crate::text::Units<'_> {
    use crate::text::Units;
    match string.chars() {
        Chars::One(chars) => Units::One(chars),
        Chars::Two(chars) => Units::Two(chars),
        Chars::Four(chars) => Units::Four(chars),
    }
}

/// The exception of a bad format specification.
#[cold]
pub fn raise_format_error(error: FormatError, thread: &mut Thread) -> Raised {
    match error {
        FormatError::Overflow(message) => thread.raise(&exc::OVERFLOW_ERROR, message),
        FormatError::Value(message) => thread.raise_value_error(message),
        #[allow(unreachable_patterns, reason = "the kernels may report lack of memory")]
        _ => thread.raise_memory_error(),
    }
}
