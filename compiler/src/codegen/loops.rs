//! `for`, `async for`, `while`, `break` and `continue`.

use super::compiler::{Compiler, Gen};
use super::instruction_sequence::Label;
use super::location::Location;
use super::syntax_error;
use super::unit::{FrameBlock, FrameBlockKind};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::ast::{ExprRef, Span, Stmt};

impl<'a> Compiler<'a, '_> {
    pub(super) fn for_loop(
        &mut self,
        location: Location,
        target: ExprRef<'a>,
        iter: ExprRef<'a>,
        body: &'a [Stmt<'a>],
        orelse: &'a [Stmt<'a>],
    ) -> Gen {
        let start = self.label();
        let cleanup = self.label();
        let end = self.label();
        self.push_block(FrameBlockKind::ForLoop, location, Some(start), Some(end))?;
        self.expression(iter)?;
        let place = Location::from(iter.span);
        self.op(place, Op::GET_ITER);
        self.place(start);
        self.jump(place, Op::FOR_ITER, cleanup);
        // A loop over several lines shows the line of its target.
        self.op(target.span.into(), Op::NOP);
        self.expression(target)?;
        self.statements(body)?;
        self.jump(Location::NONE, Op::JUMP, start);
        self.place(cleanup);
        self.op(Location::NONE, Op::END_FOR);
        self.op(Location::NONE, Op::POP_ITER);
        self.pop_block();
        self.statements(orelse)?;
        self.place(end);
        Ok(())
    }

    pub(super) fn async_for_loop(
        &mut self,
        location: Location,
        target: ExprRef<'a>,
        iter: ExprRef<'a>,
        body: &'a [Stmt<'a>],
        orelse: &'a [Stmt<'a>],
    ) -> Gen {
        let start = self.label();
        let send = self.label();
        let except = self.label();
        let end = self.label();
        self.expression(iter)?;
        self.op(iter.span.into(), Op::GET_AITER);
        self.place(start);
        self.push_block(FrameBlockKind::AsyncForLoop, location, Some(start), Some(end))?;
        self.jump(location, Op::SETUP_FINALLY, except);
        self.op(location, Op::GET_ANEXT);
        self.load_none(location);
        self.place(send);
        self.yield_from(location, true);
        self.op(location, Op::POP_BLOCK);
        self.op(location, Op::NOT_TAKEN);
        self.expression(target)?;
        self.statements(body)?;
        self.jump(Location::NONE, Op::JUMP, start);
        self.pop_block();
        self.place(except);
        // The end of the iteration is on the line of the iterable, not of the body.
        self.jump(iter.span.into(), Op::END_ASYNC_FOR, send);
        self.statements(orelse)?;
        self.place(end);
        Ok(())
    }

    pub(super) fn while_loop(
        &mut self,
        location: Location,
        test: ExprRef<'a>,
        body: &'a [Stmt<'a>],
        orelse: &'a [Stmt<'a>],
    ) -> Gen {
        let start = self.label();
        let end = self.label();
        let anchor = self.label();
        self.place(start);
        self.push_block(FrameBlockKind::WhileLoop, location, Some(start), Some(end))?;
        self.jump_if(test, anchor, false)?;
        self.statements(body)?;
        self.jump(Location::NONE, Op::JUMP, start);
        self.pop_block();
        self.place(anchor);
        self.statements(orelse)?;
        self.place(end);
        Ok(())
    }

    pub(super) fn leave_loop(
        &mut self,
        span: Span,
        outside: &str,
        target: impl FnOnce(&FrameBlock<'a>) -> Option<Label>,
    ) -> Gen {
        let mut location = Location::from(span);
        self.op(location, Op::NOP);
        let Some(block) = self.unwind_blocks(&mut location, false, true)? else {
            return Err(syntax_error(outside.to_owned(), span));
        };
        let Some(label) = target(&block) else { return Ok(()) };
        // `break` leaves the loop itself too.
        if Some(label) == block.exit {
            self.unwind_block(&mut location, block, false)?;
        }
        self.jump(location, Op::JUMP, label);
        Ok(())
    }

    /// Waits for the value on top as `await` does; `kind` is the operand of GET_AWAITABLE.
    pub(super) fn await_value(&mut self, location: Location, kind: u32) {
        self.op_i(location, Op::GET_AWAITABLE, kind);
        self.load_none(location);
        self.yield_from(location, true);
    }

    /// Sends to the iterator until it is done.
    pub(super) fn yield_from(&mut self, location: Location, is_await: bool) {
        use super::compiler::resume;
        let send = self.label();
        let fail = self.label();
        let exit = self.label();
        self.place(send);
        self.jump(location, Op::SEND, exit);
        // YIELD_VALUE raises only when something is thrown in.
        self.jump(location, Op::SETUP_FINALLY, fail);
        self.op_i(location, Op::YIELD_VALUE, 1);
        self.op(Location::NONE, Op::POP_BLOCK);
        let after = if is_await { resume::AFTER_AWAIT } else { resume::AFTER_YIELD_FROM };
        self.op_i(location, Op::RESUME, after);
        self.jump(location, Op::JUMP_NO_INTERRUPT, send);
        self.place(fail);
        self.op(location, Op::CLEANUP_THROW);
        self.place(exit);
        self.op(location, Op::END_SEND);
    }
}
