//! From source text to code: tokenizer, parser, syntax tree, symbol table, code generation.
//! Knows nothing of objects or threads.

pub mod bytecode;
pub mod codegen;
pub mod syntax;
