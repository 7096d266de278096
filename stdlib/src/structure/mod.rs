//! The module `_struct`.
pub mod kernels;
