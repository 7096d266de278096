//! Tokenizer, parser and syntax tree.

pub mod ast;
pub mod error;
