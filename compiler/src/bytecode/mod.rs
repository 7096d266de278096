//! The instruction table, code units, tables, disassembler, marshal.

pub mod code;
pub mod instructions;
