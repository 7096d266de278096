//! Codecs as resumable kernels.
//!
//! A decoder appends to a [`Buffer`](super::Buffer) what it can and stops at the first error: the
//! caller asks an error handler for a replacement, appends it, and calls again with the position
//! that the handler gave. An encoder does the same with bytes. Without `is_final` a decoder leaves
//! an incomplete sequence at the end unconsumed. Ranges and reasons of errors are CPython's.
pub mod bytes_escape;
pub mod charmap;
pub mod handlers;
pub mod single_byte;
pub mod unicode_escape;
pub mod utf16;
pub mod utf32;
pub mod utf7;
pub mod utf8;

/// The part of the input that a codec cannot convert, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    pub start: usize,
    pub end: usize,
    pub reason: &'static str,
}

impl Fault {
    pub(crate) fn new(start: usize, end: usize, reason: &'static str) -> Self {
        Fault { start, end, reason }
    }
}

/// Where a decoder stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// Input up to here is converted; with a fault, up to its start.
    pub consumed: usize,
    pub fault: Option<Fault>,
}

impl Decoded {
    fn done(consumed: usize) -> Self {
        Decoded { consumed, fault: None }
    }

    fn fault(start: usize, end: usize, reason: &'static str) -> Self {
        Decoded { consumed: start, fault: Some(Fault::new(start, end, reason)) }
    }
}

/// Byte order of UTF-16 and UTF-32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// This machine's.
    pub const NATIVE: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
}

/// Whether a code point is a surrogate.
#[inline]
pub fn is_surrogate(code: u32) -> bool {
    code & !0x7FF == 0xD800
}
