//! A bound on native recursion, measured in bytes of stack.

use crate::syntax::error::{SyntaxError, SyntaxErrorKind};

/// Remembers where the stack was and how far it may grow from there.
#[derive(Clone, Copy, Debug)]
pub struct StackGuard {
    base: usize,
    budget: usize,
}

impl StackGuard {
    /// The budget counts from the caller's frame.
    pub fn new(budget: usize) -> StackGuard {
        StackGuard { base: stack_address(), budget }
    }

    /// An error once the budget is spent.
    #[inline]
    pub fn check(self) -> Result<(), SyntaxError> {
        if self.base.abs_diff(stack_address()) > self.budget { Err(too_deep()) } else { Ok(()) }
    }
}

#[inline(never)]
fn stack_address() -> usize {
    let marker = 0u8;
    std::hint::black_box(&raw const marker).addr()
}

#[cold]
fn too_deep() -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Recursion,
        message: "maximum recursion depth exceeded during compilation".to_owned(),
        line: 0,
        col: 0,
        end_line: 0,
        end_col: 0,
        text: None,
    }
}
