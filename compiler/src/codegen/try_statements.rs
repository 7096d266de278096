//! `try` in all its forms.

use super::compiler::{Compiler, Gen};
use super::instruction_sequence::Label;
use super::location::Location;
use super::syntax_error;
use super::unit::FrameBlockKind;
use crate::bytecode::instructions::{CodegenOpcode as Op, Intrinsic2};
use crate::syntax::ast::{ExceptHandler, ExceptHandlerKind, ExprContext, Stmt};

const NONE: Location = Location::NONE;

impl<'a> Compiler<'a, '_> {
    pub(super) fn try_statement(
        &mut self,
        location: Location,
        body: &'a [Stmt<'a>],
        handlers: &'a [ExceptHandler<'a>],
        orelse: &'a [Stmt<'a>],
        finalbody: &'a [Stmt<'a>],
        is_star: bool,
    ) -> Gen {
        let inner = |this: &mut Self| {
            if handlers.is_empty() {
                this.statements(body)
            } else if is_star {
                this.try_star(location, body, handlers, orelse)
            } else {
                this.try_except(location, body, handlers, orelse)
            }
        };
        if finalbody.is_empty() { inner(self) } else { self.try_finally(location, finalbody, inner) }
    }

    fn try_finally(&mut self, location: Location, finalbody: &'a [Stmt<'a>], inner: impl FnOnce(&mut Self) -> Gen) -> Gen {
        let body = self.label();
        let end = self.label();
        let cleanup = self.label();
        let exit = self.label();
        self.jump(location, Op::SETUP_FINALLY, end);
        self.place(body);
        self.push_block(FrameBlockKind::FinallyTry(finalbody), location, Some(body), Some(end))?;
        inner(self)?;
        self.op(NONE, Op::POP_BLOCK);
        self.pop_block();
        self.statements(finalbody)?;
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, exit);

        self.place(end);
        self.push_block(FrameBlockKind::FinallyEnd, NONE, Some(end), None)?;
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.statements(finalbody)?;
        self.pop_block();
        self.op_i(NONE, Op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(exit);
        Ok(())
    }

    pub(super) fn pop_except_and_reraise(&mut self) {
        self.op_i(NONE, Op::COPY, 3);
        self.op(NONE, Op::POP_EXCEPT);
        self.op_i(NONE, Op::RERAISE, 1);
    }

    /// The protected body; the handler is to start at the returned label.
    fn try_body(&mut self, location: Location, body: &'a [Stmt<'a>]) -> Result<Label, crate::syntax::error::SyntaxError> {
        let start = self.label();
        let except = self.label();
        self.jump(location, Op::SETUP_FINALLY, except);
        self.place(start);
        self.push_block(FrameBlockKind::TryExcept, location, Some(start), None)?;
        self.statements(body)?;
        self.pop_block();
        self.op(NONE, Op::POP_BLOCK);
        Ok(except)
    }

    fn try_except(
        &mut self,
        location: Location,
        body: &'a [Stmt<'a>],
        handlers: &'a [ExceptHandler<'a>],
        orelse: &'a [Stmt<'a>],
    ) -> Gen {
        let end = self.label();
        let cleanup = self.label();
        let except = self.try_body(location, body)?;
        self.statements(orelse)?;
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);

        self.place(except);
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.push_block(FrameBlockKind::ExceptionHandler, location, None, None)?;
        for (position, handler) in handlers.iter().enumerate() {
            let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
            let place = Location::from(handler.span);
            if type_.is_none() && position + 1 < handlers.len() {
                return Err(syntax_error("default 'except:' must be last".to_owned(), handler.span));
            }
            let next = self.label();
            if let Some(class) = type_ {
                self.expression(class)?;
                self.op(place, Op::CHECK_EXC_MATCH);
                self.jump(place, Op::POP_JUMP_IF_FALSE, next);
            }
            let cleanup_body = self.label();
            if let Some(name) = name {
                let cleanup_end = self.label();
                self.name_op(place, name, ExprContext::Store);
                // try: body  finally: name = None; del name
                self.jump(place, Op::SETUP_CLEANUP, cleanup_end);
                self.place(cleanup_body);
                self.push_block(FrameBlockKind::HandlerCleanup(Some(name)), place, Some(cleanup_body), None)?;
                self.statements(body)?;
                self.pop_block();
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_EXCEPT);
                self.unbind_exception(NONE, name);
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(cleanup_end);
                self.unbind_exception(NONE, name);
                self.op_i(NONE, Op::RERAISE, 1);
            } else {
                self.op(place, Op::POP_TOP);
                self.place(cleanup_body);
                self.push_block(FrameBlockKind::HandlerCleanup(None), place, Some(cleanup_body), None)?;
                self.statements(body)?;
                self.pop_block();
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_EXCEPT);
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
            }
            self.place(next);
        }
        self.op_i(NONE, Op::RERAISE, 0);
        self.pop_block();
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(end);
        Ok(())
    }

    /// `except*`: the stack holds the original group, the list of what is raised, and the part not yet handled.
    fn try_star(
        &mut self,
        location: Location,
        body: &'a [Stmt<'a>],
        handlers: &'a [ExceptHandler<'a>],
        orelse_body: &'a [Stmt<'a>],
    ) -> Gen {
        let orelse = self.label();
        let end = self.label();
        let cleanup = self.label();
        let reraise_star = self.label();
        let except = self.try_body(location, body)?;
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, orelse);

        self.place(except);
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.push_block(FrameBlockKind::ExceptionGroupHandler, location, None, None)?;
        for (position, handler) in handlers.iter().enumerate() {
            let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
            let place = Location::from(handler.span);
            let next = self.label();
            let except_with_error = self.label();
            let no_match = self.label();
            if position == 0 {
                self.op_i(place, Op::BUILD_LIST, 0);
                self.op_i(place, Op::COPY, 2);
            }
            if let Some(class) = type_ {
                self.expression(class)?;
                self.op(place, Op::CHECK_EG_MATCH);
                self.op_i(place, Op::COPY, 1);
                self.jump(place, Op::POP_JUMP_IF_NONE, no_match);
            }
            let cleanup_end = self.label();
            let cleanup_body = self.label();
            match name {
                Some(name) => self.name_op(place, name, ExprContext::Store),
                None => self.op(place, Op::POP_TOP),
            }
            self.jump(place, Op::SETUP_CLEANUP, cleanup_end);
            self.place(cleanup_body);
            self.push_block(FrameBlockKind::HandlerCleanup(*name), place, Some(cleanup_body), None)?;
            self.statements(body)?;
            self.pop_block();
            self.op(NONE, Op::POP_BLOCK);
            if let Some(name) = name {
                self.unbind_exception(NONE, name);
            }
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, next);
            self.place(cleanup_end);
            if let Some(name) = name {
                self.unbind_exception(NONE, name);
            }
            self.op_i(NONE, Op::LIST_APPEND, 3);
            self.op(NONE, Op::POP_TOP);
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, except_with_error);
            self.place(next);
            self.op(NONE, Op::NOP);
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, except_with_error);
            self.place(no_match);
            self.op(place, Op::POP_TOP);
            self.place(except_with_error);
            if position + 1 == handlers.len() {
                self.op_i(NONE, Op::LIST_APPEND, 1);
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, reraise_star);
            }
        }
        self.pop_block();
        let reraise = self.label();
        self.place(reraise_star);
        self.op_i(NONE, Op::CALL_INTRINSIC_2, Intrinsic2::PrepReraiseStar as u32);
        self.op_i(NONE, Op::COPY, 1);
        self.jump(NONE, Op::POP_JUMP_IF_NOT_NONE, reraise);
        self.op(NONE, Op::POP_TOP);
        self.op(NONE, Op::POP_BLOCK);
        self.op(NONE, Op::POP_EXCEPT);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(reraise);
        self.op(NONE, Op::POP_BLOCK);
        self.op_i(NONE, Op::SWAP, 2);
        self.op(NONE, Op::POP_EXCEPT);
        self.op_i(NONE, Op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(orelse);
        self.statements(orelse_body)?;
        self.place(end);
        Ok(())
    }
}
