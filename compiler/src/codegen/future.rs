//! `from __future__ import …`.

use bitflags::bitflags;

use super::docstring::docstring_of;
use super::syntax_error;
use crate::bytecode::code::CodeFlags;
use crate::syntax::ast::{Mod, Stmt, StmtKind};
use crate::syntax::error::SyntaxError;

bitflags! {
    /// The features, as bits of `co_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct FutureFeatures: u32 {
        const DIVISION = CodeFlags::FUTURE_DIVISION.bits();
        const ABSOLUTE_IMPORT = CodeFlags::FUTURE_ABSOLUTE_IMPORT.bits();
        const WITH_STATEMENT = CodeFlags::FUTURE_WITH_STATEMENT.bits();
        const PRINT_FUNCTION = CodeFlags::FUTURE_PRINT_FUNCTION.bits();
        const UNICODE_LITERALS = CodeFlags::FUTURE_UNICODE_LITERALS.bits();
        const BARRY_AS_BDFL = CodeFlags::FUTURE_BARRY_AS_BDFL.bits();
        const GENERATOR_STOP = CodeFlags::FUTURE_GENERATOR_STOP.bits();
        const ANNOTATIONS = CodeFlags::FUTURE_ANNOTATIONS.bits();
    }
}

impl FutureFeatures {
    /// Whether annotations are kept as strings.
    pub fn annotations(self) -> bool {
        self.contains(FutureFeatures::ANNOTATIONS)
    }
}

/// The features of a module and where the last one is imported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Future {
    pub(crate) features: FutureFeatures,
    pub(crate) last_import: (u32, u32),
}

/// Reads the future imports at the head of the module.
pub(crate) fn scan(module: &Mod<'_>, inherited: FutureFeatures) -> Result<Future, SyntaxError> {
    let mut future = Future { features: inherited, last_import: (0, 0) };
    let (Mod::Module { body, .. } | Mod::Interactive { body }) = module else { return Ok(future) };
    let first = usize::from(docstring_of(body).is_some());
    for statement in body.iter().skip(first) {
        let StmtKind::ImportFrom { module: Some("__future__"), level: None | Some(0), .. } = statement.kind else {
            break;
        };
        add(statement, &mut future)?;
    }
    Ok(future)
}

fn add(statement: &Stmt<'_>, future: &mut Future) -> Result<(), SyntaxError> {
    let StmtKind::ImportFrom { names, .. } = statement.kind else { return Ok(()) };
    for alias in names {
        future.features |= match alias.name {
            // Mandatory for long, and no bit of their own in the code.
            "nested_scopes" | "generators" => FutureFeatures::empty(),
            "division" | "absolute_import" | "with_statement" | "print_function" | "unicode_literals"
            | "generator_stop" => FutureFeatures::empty(),
            "barry_as_FLUFL" => FutureFeatures::BARRY_AS_BDFL,
            "annotations" => FutureFeatures::ANNOTATIONS,
            "braces" => return Err(syntax_error("not a chance".to_owned(), alias.span)),
            name => return Err(syntax_error(format!("future feature {name} is not defined"), alias.span)),
        };
    }
    future.last_import = (statement.span.line, statement.span.col);
    Ok(())
}
