//! Tokenizer, parser and syntax tree.
//!
//! [`parse`] turns source text into the tree of [`ast`], in an arena. It goes in two steps, as CPython's parser does:
//! `parser` knows valid programs only and stops at the first token that fits nowhere; then `diagnosis` reads the same
//! tokens again, slower, with the rules for the mistakes that CPython has messages for.
//!
//! ```text
//! source ─ tokenizer ─ token_stream ─ parser ────── ast ─ dump
//!                                  └─ diagnosis ─── error
//! ```

pub mod ast;
mod diagnosis;
mod dump;
pub mod error;
mod identifier;
mod number_literal;
mod parser;
mod source;
mod token_iter;
mod string_literal;
mod token_stream;
pub mod tokenizer;

pub use dump::{ascii_repr, dump};
pub use parser::{Mode, ParseOptions, Parsed, parse, parse_bytes, parse_with_warnings};
pub use source::{DecodeHook, decode};
pub use token_iter::{TokenInfo, TokenIter};
pub use string_literal::CharacterByName;
