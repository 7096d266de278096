//! Kernels over the code units of strings (PEP 393 storage), without Python objects.
mod unit;

pub use unit::Unit;
