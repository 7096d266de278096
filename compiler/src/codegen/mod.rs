//! Symbol table, code generation, flow graph, assembler.
