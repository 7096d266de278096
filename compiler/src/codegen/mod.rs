//! From the syntax tree to code: symbol table, code generation, flow graph, assembler.
//!
//! The result is the bytecode of CPython 3.14 to the byte, so every pass here has its counterpart there and the
//! order of the passes, and of what each of them emits, is part of the interface.
//!
//! * [`symbol_table`]: where names live.
//! * [`compiler`] and the modules named after parts of the language: one walk over the tree that emits
//!   instructions with labels into an [`instruction_sequence`].
//! * [`flow_graph`]: basic blocks, optimisation, stack depth, exception regions.
//! * [`assembler`]: offsets, line table, exception table.

mod annotations;
mod assembler;
mod calls;
mod classes;
mod compiler;
mod comprehensions;
mod constants;
mod docstring;
mod expressions;
mod finally_control_flow;
mod flow_graph;
mod frame_blocks;
mod functions;
mod future;
mod instruction_sequence;
mod literals;
mod location;
mod loops;
mod names;
mod patterns;
mod recursion;
mod statements;
pub mod symbol_table;
mod try_statements;
mod type_params;
mod unit;
mod unparse;
mod warnings;
mod with_statements;

use bumpalo::Bump;

use crate::bytecode::code::CodeData;
use crate::syntax::ast::{Mod, Span};
use crate::syntax::error::{CompileWarning, SyntaxError, SyntaxErrorKind};

pub use future::FutureFeatures;
pub use literals::folded_format;
pub use recursion::StackGuard;
pub(crate) use unparse::constant_repr;
pub use unparse::unparse_expression;

/// What `compile()` and the command line decide.
#[derive(Clone, Copy, Debug)]
pub struct CompileOptions {
    /// 0, 1 (`-O`: no asserts) or 2 (`-OO`: no docstrings either).
    pub optimize: u8,
    /// `__future__` features inherited from the caller.
    pub future: FutureFeatures,
    /// `PyCF_ALLOW_TOP_LEVEL_AWAIT`.
    pub allow_top_level_await: bool,
    /// How many bytes of native stack the compiler may use from here.
    pub stack_budget: usize,
}

impl Default for CompileOptions {
    fn default() -> CompileOptions {
        CompileOptions { optimize: 0, future: FutureFeatures::default(), allow_top_level_await: false, stack_budget: 1 << 20 }
    }
}

/// Compiles a module, an interactive statement or an expression. Warnings are appended in the order of CPython.
pub fn compile(
    module: &Mod<'_>,
    filename: &str,
    options: CompileOptions,
    warnings: &mut Vec<CompileWarning>,
) -> Result<CodeData, SyntaxError> {
    let arena = Bump::new();
    compile_in(&arena, module, filename, options, warnings)
}

fn compile_in<'a>(
    arena: &'a Bump,
    module: &'a Mod<'a>,
    filename: &str,
    options: CompileOptions,
    warnings: &mut Vec<CompileWarning>,
) -> Result<CodeData, SyntaxError> {
    let guard = StackGuard::new(options.stack_budget);
    let future = future::scan(module, options.future)?;
    finally_control_flow::check(module, warnings, guard)?;
    let table = symbol_table::build(arena, module, table_options(options, future), guard)?;
    compiler::Compiler::new(arena, table, filename, options, future, warnings, guard).module(module)
}

/// The symbol table alone, as the `symtable` module wants it.
pub fn build_symbol_table<'a>(
    arena: &'a Bump,
    module: &'a Mod<'a>,
    options: CompileOptions,
) -> Result<symbol_table::SymbolTable<'a>, SyntaxError> {
    let future = future::scan(module, options.future)?;
    symbol_table::build(arena, module, table_options(options, future), StackGuard::new(options.stack_budget))
}

fn table_options(options: CompileOptions, future: future::Future) -> symbol_table::SymbolTableOptions {
    symbol_table::SymbolTableOptions {
        future: future.features,
        last_future_import: future.last_import,
        allow_top_level_await: options.allow_top_level_await,
        optimize: options.optimize,
    }
}

/// An error of a pass after the parser. As in CPython its columns count UTF-8 bytes, from 1, and it has no text.
#[cold]
fn syntax_error(message: String, span: Span) -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message,
        line: span.line,
        col: span.col.saturating_add(1),
        end_line: span.end_line,
        end_col: span.end_col.saturating_add(1),
        text: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::disassemble::disassemble;
    use crate::bytecode::marshal;
    use crate::syntax::{ParseOptions, parse};

    fn compiled(source: &str) -> Result<CodeData, SyntaxError> {
        let arena = Bump::new();
        let parsed = parse(&arena, source, ParseOptions::default())?;
        compile(&parsed.module, "f", CompileOptions::default(), &mut Vec::new())
    }

    /// The whole pipeline in one: closure, generator, handler, line and exception tables.
    #[test]
    fn golden() {
        let source = "def f(a):\n    try:\n        yield [b + a for b in a if b is not None]\n    finally:\n        g('%s' % (a,))\n";
        let text = disassemble(&compiled(source).expect("compiles"));
        let golden = include_str!("../../../tests/golden/generator_with_finally.txt");
        assert_eq!(text, golden, "{text}");
    }

    /// Trees that are too deep for the stack give an error in every pass. The tests run on threads of 2 MiB.
    #[test]
    fn deep_trees_are_refused() {
        let sum = vec!["a"; 100_000].join("+");
        for source in [
            format!("x = {sum}"),
            format!("from __future__ import annotations\nx: {sum}\n"),
            format!("if a: pass\n{}", "elif a: pass\n".repeat(100_000)),
            format!("a{}", ".b".repeat(100_000)),
        ] {
            let kind = compiled(&source).map(|_| ()).map_err(|error| error.kind);
            assert!(
                matches!(kind, Err(SyntaxErrorKind::Recursion | SyntaxErrorKind::TooNested)),
                "{kind:?} for {}",
                &source[..40]
            );
        }
        assert!(compiled(&format!("x = {}", vec!["a"; 500].join("+"))).is_ok());
    }

    #[test]
    fn code_survives_marshal() {
        let code = compiled("class A[T]:\n    x: T = 1e300j\n    def f(self): return lambda: (self, b'', 10**30)\n");
        let bytes = marshal::write_code(&code.expect("compiles")).expect("writes");
        let again = marshal::read(&bytes).expect("reads");
        assert_eq!(marshal::write(&again), Ok(bytes));
    }

    #[test]
    fn errors_have_places_in_bytes() {
        let error = compiled("'\u{e9}'; return").expect_err("outside a function");
        assert_eq!((error.message.as_str(), error.line, error.col), ("'return' outside function", 1, 7));
    }
}
