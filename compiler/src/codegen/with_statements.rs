//! `with` and `async with`.

use super::compiler::{Compiler, Gen};
use super::instruction_sequence::Label;
use super::location::Location;
use super::unit::FrameBlockKind;
use crate::bytecode::instructions::{CodegenOpcode as Op, SpecialMethod};
use crate::syntax::ast::{Stmt, WithItem};

const NONE: Location = Location::NONE;

impl<'a> Compiler<'a, '_> {
    pub(super) fn with_statement(&mut self, items: &'a [WithItem<'a>], body: &'a [Stmt<'a>]) -> Gen {
        self.with_items(items, body, false)
    }

    pub(super) fn async_with_statement(&mut self, items: &'a [WithItem<'a>], body: &'a [Stmt<'a>]) -> Gen {
        self.with_items(items, body, true)
    }

    fn with_items(&mut self, items: &'a [WithItem<'a>], body: &'a [Stmt<'a>], is_async: bool) -> Gen {
        let Some((item, rest)) = items.split_first() else { return self.statements(body) };
        self.guard.check()?;
        let block = self.label();
        let handler = self.label();
        let exit = self.label();
        let cleanup = self.label();
        self.expression(item.context_expr)?;
        let location = Location::from(item.context_expr.span);
        let (exit_method, enter_method) = if is_async {
            (SpecialMethod::AExit, SpecialMethod::AEnter)
        } else {
            (SpecialMethod::Exit, SpecialMethod::Enter)
        };
        self.op_i(location, Op::COPY, 1);
        self.op_i(location, Op::LOAD_SPECIAL, exit_method as u32);
        self.op_i(location, Op::SWAP, 2);
        self.op_i(location, Op::SWAP, 3);
        self.op_i(location, Op::LOAD_SPECIAL, enter_method as u32);
        self.op_i(location, Op::CALL, 0);
        if is_async {
            self.await_value(location, 1);
        }
        self.jump(location, Op::SETUP_WITH, handler);
        self.place(block);
        let kind = if is_async { FrameBlockKind::AsyncWith } else { FrameBlockKind::With };
        self.push_block(kind, location, Some(block), Some(handler))?;
        match item.optional_vars {
            Some(target) => self.expression(target)?,
            None => self.op(location, Op::POP_TOP),
        }
        self.with_items(rest, body, is_async)?;
        self.pop_block();
        self.op(if is_async { location } else { NONE }, Op::POP_BLOCK);

        self.call_exit_with_nones(location);
        if is_async {
            self.await_value(location, 2);
        }
        self.op(location, Op::POP_TOP);
        self.jump(location, Op::JUMP, exit);

        self.place(handler);
        self.jump(location, Op::SETUP_CLEANUP, cleanup);
        self.op(location, Op::PUSH_EXC_INFO);
        self.op(location, Op::WITH_EXCEPT_START);
        if is_async {
            self.await_value(location, 2);
        }
        self.finish_with_handler(cleanup);
        self.place(exit);
        Ok(())
    }

    pub(super) fn call_exit_with_nones(&mut self, location: Location) {
        (0..3).for_each(|_| self.load_none(location));
        self.op_i(location, Op::CALL, 3);
    }

    /// The result of `__exit__` is on top: suppress the exception or raise it again.
    fn finish_with_handler(&mut self, cleanup: Label) {
        let suppress = self.label();
        let exit = self.label();
        self.op(NONE, Op::TO_BOOL);
        self.jump(NONE, Op::POP_JUMP_IF_TRUE, suppress);
        self.op_i(NONE, Op::RERAISE, 2);
        self.place(suppress);
        self.op(NONE, Op::POP_TOP);
        self.op(NONE, Op::POP_BLOCK);
        self.op(NONE, Op::POP_EXCEPT);
        (0..3).for_each(|_| self.op(NONE, Op::POP_TOP));
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, exit);
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(exit);
    }
}
