//! Kernels over the code units of strings (PEP 393 storage) and over bytes, without Python objects.
//!
//! A kernel is generic over [`Unit`] (1, 2 or 4 bytes a code point) or takes [`Units`], a slice of
//! one of the three. Results that may need another width come as a [`Buffer`].
//!
//! * [`search`]: find, count, replace; [`split`]: split, lines, strip, partition;
//! * [`casing`], [`predicates`], [`layout`], [`escape`]: the methods of `str` and `bytes`;
//! * [`copy`]: widening, narrowing, the largest code point;
//! * [`codec`]: decoders and encoders that stop at an error so that a handler can be called.
pub mod buffer;
pub mod casing;
pub mod codec;
pub mod copy;
pub mod escape;
pub mod layout;
pub mod predicates;
pub mod search;
pub mod split;
mod two_way;
mod unit;

pub use buffer::Buffer;
pub use unit::{Unit, Units};
