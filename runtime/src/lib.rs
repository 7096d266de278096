//! Objects, memory, threads, eval loop, built-in types.
pub mod number;
pub mod text;
pub mod sorting;
