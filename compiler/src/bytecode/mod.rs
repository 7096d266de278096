//! The instruction table, code units, tables, disassembler, marshal.

pub mod code;
pub mod disassemble;
pub mod exception_table;
pub mod instructions;
pub mod line_table;
pub mod marshal;
