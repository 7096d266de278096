//! Targets of assignments, `for`, `with` and `del`: parsed as expressions, then turned into targets.

use super::{ParseResult, Parser};
use crate::syntax::ast::{Expr, ExprContext, ExprKind, ExprRef};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Parser<'a, '_> {
    /// `star_targets`: one target, or a tuple of targets without parentheses.
    pub(super) fn star_targets(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let first = self.star_target()?;
        if self.peek() != T::Comma {
            return Ok(first);
        }
        let base = self.expressions.len();
        self.expressions.push(first);
        while self.eat(T::Comma) {
            if !matches!(self.peek(), T::Star) && !super::expressions::starts_expression(self.peek()) {
                break;
            }
            let next = self.star_target()?;
            self.expressions.push(next);
        }
        let elts = self.take_expressions(base);
        Ok(self.node(ExprKind::Tuple { elts, ctx: ExprContext::Store }, start))
    }

    pub(super) fn star_target(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        if self.eat(T::Star) {
            if self.peek() == T::Star {
                return Err(Failed);
            }
            let value = self.star_target()?;
            return Ok(self.node(ExprKind::Starred { value, ctx: ExprContext::Store }, start));
        }
        let expression = self.primary()?;
        self.as_target(expression, ExprContext::Store)
    }

    /// `del_targets`
    pub(super) fn delete_targets(&mut self) -> ParseResult<&'a [ExprRef<'a>]> {
        let base = self.expressions.len();
        loop {
            let expression = self.primary()?;
            let target = self.as_target(expression, ExprContext::Del)?;
            self.expressions.push(target);
            if !self.eat(T::Comma) || matches!(self.peek(), T::NewLine | T::Semicolon) {
                break;
            }
        }
        Ok(self.take_expressions(base))
    }

    /// The expression as a target, if it may be one.
    pub(super) fn as_target(&mut self, expression: ExprRef<'a>, ctx: ExprContext) -> ParseResult<ExprRef<'a>> {
        let kind = match expression.kind {
            ExprKind::Name { id, .. } => ExprKind::Name { id, ctx },
            ExprKind::Attribute { value, attr, .. } => ExprKind::Attribute { value, attr, ctx },
            ExprKind::Subscript { value, slice, .. } => ExprKind::Subscript { value, slice, ctx },
            ExprKind::Starred { value, .. } if ctx == ExprContext::Store => {
                ExprKind::Starred { value: self.as_target(value, ctx)?, ctx }
            }
            ExprKind::Tuple { elts, .. } => ExprKind::Tuple { elts: self.as_targets(elts, ctx)?, ctx },
            ExprKind::List { elts, .. } => ExprKind::List { elts: self.as_targets(elts, ctx)?, ctx },
            _ => return Err(Failed),
        };
        Ok(self.arena.alloc(Expr { kind, span: expression.span }))
    }

    fn as_targets(&mut self, elts: &'a [ExprRef<'a>], ctx: ExprContext) -> ParseResult<&'a [ExprRef<'a>]> {
        let base = self.expressions.len();
        for element in elts {
            let target = self.as_target(element, ctx)?;
            self.expressions.push(target);
        }
        Ok(self.take_expressions(base))
    }
}
