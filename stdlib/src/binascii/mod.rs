//! The module `binascii`.
pub mod kernels;
pub mod quoted_printable;
