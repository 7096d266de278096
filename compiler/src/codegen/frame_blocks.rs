//! The stack of open loops, handlers and with blocks, and what leaving them early takes.

use super::compiler::{Compiler, Gen};
use super::instruction_sequence::Label;
use super::location::Location;
use super::syntax_error;
use super::unit::{FrameBlock, FrameBlockKind};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::ast::{ExprContext, Span};

/// As many blocks as CPython allows inside each other.
const MAX_FRAME_BLOCKS: usize = 21;

impl<'a> Compiler<'a, '_> {
    pub(super) fn push_block(
        &mut self,
        kind: FrameBlockKind<'a>,
        location: Location,
        start: Option<Label>,
        exit: Option<Label>,
    ) -> Gen {
        if self.unit.frame_blocks.len() >= MAX_FRAME_BLOCKS {
            return Err(syntax_error("too many statically nested blocks".to_owned(), span_of(location)));
        }
        self.unit.frame_blocks.push(FrameBlock { kind, location, start, exit });
        Ok(())
    }

    pub(super) fn pop_block(&mut self) {
        self.unit.frame_blocks.pop();
    }

    /// Leaves all blocks, or with `to_loop` those inside the innermost loop, which is returned.
    /// `location` becomes the place of what follows. With `preserve_top` the value to return is on the stack.
    pub(super) fn unwind_blocks(
        &mut self,
        location: &mut Location,
        preserve_top: bool,
        to_loop: bool,
    ) -> Result<Option<FrameBlock<'a>>, crate::syntax::error::SyntaxError> {
        self.guard.check()?;
        let Some(top) = self.unit.frame_blocks.last().copied() else { return Ok(None) };
        if matches!(top.kind, FrameBlockKind::ExceptionGroupHandler) {
            let message = "'break', 'continue' and 'return' cannot appear in an except* block";
            return Err(syntax_error(message.to_owned(), span_of(*location)));
        }
        let is_loop =
            matches!(top.kind, FrameBlockKind::WhileLoop | FrameBlockKind::ForLoop | FrameBlockKind::AsyncForLoop);
        if to_loop && is_loop {
            return Ok(Some(top));
        }
        // While the code that leaves a block is generated, the block is not open.
        self.unit.frame_blocks.pop();
        self.unwind_block(location, top, preserve_top)?;
        let found = self.unwind_blocks(location, preserve_top, to_loop)?;
        self.unit.frame_blocks.push(top);
        Ok(found)
    }

    pub(super) fn unwind_block(&mut self, location: &mut Location, block: FrameBlock<'a>, preserve_top: bool) -> Gen {
        let place = *location;
        match block.kind {
            FrameBlockKind::WhileLoop
            | FrameBlockKind::ExceptionHandler
            | FrameBlockKind::ExceptionGroupHandler
            | FrameBlockKind::AsyncComprehension
            | FrameBlockKind::StopIteration => {}
            FrameBlockKind::ForLoop | FrameBlockKind::AsyncForLoop | FrameBlockKind::PopValue => {
                self.keep_top(place, preserve_top);
                self.op(place, Op::POP_TOP);
            }
            FrameBlockKind::TryExcept => self.op(place, Op::POP_BLOCK),
            FrameBlockKind::FinallyTry(body) => {
                self.op(place, Op::POP_BLOCK);
                if preserve_top {
                    self.push_block(FrameBlockKind::PopValue, place, None, None)?;
                }
                self.statements(body)?;
                if preserve_top {
                    self.pop_block();
                }
                // The body runs after the statement that leaves, so what follows has no place of its own.
                *location = Location::NONE;
            }
            FrameBlockKind::FinallyEnd => {
                self.keep_top(place, preserve_top);
                self.op(place, Op::POP_TOP);
                self.keep_top(place, preserve_top);
                self.op(place, Op::POP_BLOCK);
                self.op(place, Op::POP_EXCEPT);
            }
            FrameBlockKind::With | FrameBlockKind::AsyncWith => {
                let place = block.location;
                self.op(place, Op::POP_BLOCK);
                if preserve_top {
                    self.op_i(place, Op::SWAP, 3);
                    self.op_i(place, Op::SWAP, 2);
                }
                self.call_exit_with_nones(place);
                if matches!(block.kind, FrameBlockKind::AsyncWith) {
                    self.await_value(place, 2);
                }
                self.op(place, Op::POP_TOP);
                *location = Location::NONE;
            }
            FrameBlockKind::HandlerCleanup(name) => {
                if name.is_some() {
                    self.op(place, Op::POP_BLOCK);
                }
                self.keep_top(place, preserve_top);
                self.op(place, Op::POP_BLOCK);
                self.op(place, Op::POP_EXCEPT);
                if let Some(name) = name {
                    self.unbind_exception(place, name);
                }
            }
        }
        Ok(())
    }

    fn keep_top(&mut self, location: Location, preserve_top: bool) {
        if preserve_top {
            self.op_i(location, Op::SWAP, 2);
        }
    }

    /// `name = None; del name`: the first in case the body has deleted it.
    pub(super) fn unbind_exception(&mut self, location: Location, name: &'a str) {
        self.load_none(location);
        self.name_op(location, name, ExprContext::Store);
        self.name_op(location, name, ExprContext::Del);
    }
}

fn span_of(location: Location) -> Span {
    let number = |value: i32| u32::try_from(value).unwrap_or(0);
    Span {
        line: number(location.line),
        col: number(location.col),
        end_line: number(location.end_line),
        end_col: number(location.end_col),
    }
}
