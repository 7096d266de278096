//! The module `_sre`.
pub mod engine;
