//! PEP 765: a warning for `return`, `break` and `continue` that leave a `finally` block.

use super::recursion::StackGuard;
use crate::syntax::ast::{ExceptHandlerKind, Mod, Span, Stmt, StmtKind};
use crate::syntax::error::{CompileWarning, SyntaxError};

/// What surrounds a statement, as far as leaving a `finally` block is concerned.
#[derive(Clone, Copy, Default)]
struct Surroundings {
    /// A `return` here leaves a `finally` block.
    return_leaves: bool,
    /// A `break` or `continue` here leaves a `finally` block.
    loop_exit_leaves: bool,
}

pub(super) fn check(module: &Mod<'_>, warnings: &mut Vec<CompileWarning>, guard: StackGuard) -> Result<(), SyntaxError> {
    match module {
        Mod::Module { body, .. } | Mod::Interactive { body } => {
            Check { warnings, guard }.statements(body, Surroundings::default())
        }
        Mod::Expression { .. } | Mod::FunctionType { .. } => Ok(()),
    }
}

struct Check<'w> {
    warnings: &'w mut Vec<CompileWarning>,
    guard: StackGuard,
}

impl Check<'_> {
    fn warn(&mut self, word: &str, span: Span) {
        self.warnings.push(super::warnings::syntax_warning(format!("'{word}' in a 'finally' block"), span));
    }

    fn statements(&mut self, body: &[Stmt<'_>], around: Surroundings) -> Result<(), SyntaxError> {
        self.guard.check()?;
        for statement in body {
            match &statement.kind {
                StmtKind::Return { .. } if around.return_leaves => self.warn("return", statement.span),
                StmtKind::Break {} if around.loop_exit_leaves => self.warn("break", statement.span),
                StmtKind::Continue {} if around.loop_exit_leaves => self.warn("continue", statement.span),
                StmtKind::FunctionDef { body, .. } | StmtKind::AsyncFunctionDef { body, .. } => {
                    self.statements(body, Surroundings::default())?;
                }
                StmtKind::ClassDef { body, .. } | StmtKind::With { body, .. } | StmtKind::AsyncWith { body, .. } => {
                    self.statements(body, around)?;
                }
                StmtKind::For { body, orelse, .. }
                | StmtKind::AsyncFor { body, orelse, .. }
                | StmtKind::While { body, orelse, .. } => {
                    // As in CPython, not even a `return` in a loop warns.
                    self.statements(body, Surroundings::default())?;
                    self.statements(orelse, around)?;
                }
                StmtKind::If { body, orelse, .. } => {
                    self.statements(body, around)?;
                    self.statements(orelse, around)?;
                }
                StmtKind::Match { cases, .. } => {
                    cases.iter().try_for_each(|case| self.statements(case.body, around))?;
                }
                StmtKind::Try { body, handlers, orelse, finalbody }
                | StmtKind::TryStar { body, handlers, orelse, finalbody } => {
                    self.statements(body, around)?;
                    for handler in *handlers {
                        let ExceptHandlerKind::ExceptHandler { body, .. } = &handler.kind;
                        self.statements(body, around)?;
                    }
                    self.statements(orelse, around)?;
                    self.statements(finalbody, Surroundings { return_leaves: true, loop_exit_leaves: true })?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
