//! The module `_random`.
pub mod mersenne;
