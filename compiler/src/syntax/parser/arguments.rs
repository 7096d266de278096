//! The arguments of calls and of class statements.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{ExprContext, ExprKind, ExprRef, Keyword};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

/// The arguments between a pair of parentheses.
pub(super) struct CallArguments<'a> {
    pub(super) positional: &'a [ExprRef<'a>],
    pub(super) keywords: &'a [Keyword<'a>],
}

impl<'a> Parser<'a, '_> {
    /// `func(arguments)`; the current token is the opening parenthesis.
    pub(super) fn call(&mut self, func: ExprRef<'a>, start: Start) -> ParseResult<ExprRef<'a>> {
        let CallArguments { positional, keywords } = self.parenthesized_arguments(true)?;
        Ok(self.node(ExprKind::Call { func, args: positional, keywords }, start))
    }

    /// `'*' expression`
    pub(super) fn starred_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        self.expect(T::Star)?;
        let value = self.expression()?;
        Ok(self.node(ExprKind::Starred { value, ctx: ExprContext::Load }, start))
    }

    /// Arguments with their parentheses. A call may have a lone generator expression without its own.
    pub(super) fn parenthesized_arguments(&mut self, is_call: bool) -> ParseResult<CallArguments<'a>> {
        let open = self.start();
        self.expect(T::LeftParen)?;
        let base = self.expressions.len();
        let mut keywords: Vec<Keyword<'a>> = Vec::new();
        let mut double_starred = false;
        while self.peek() != T::RightParen {
            let start = self.start();
            match self.peek() {
                T::Star if !double_starred => {
                    let starred = self.starred_expression()?;
                    self.expressions.push(starred);
                }
                T::DoubleStar => {
                    self.advance();
                    let value = self.expression()?;
                    keywords.push(Keyword { arg: None, value, span: self.span(start) });
                    double_starred = true;
                }
                _ => {
                    let mark = self.stream.mark;
                    let argument = self.named_expression()?;
                    match self.peek() {
                        T::Equal => {
                            let ExprKind::Name { id, .. } = argument.kind else { return Err(Failed) };
                            if self.stream.mark != mark + 1 {
                                return Err(Failed);
                            }
                            self.advance();
                            let value = self.expression()?;
                            keywords.push(Keyword { arg: Some(id), value, span: self.span(start) });
                        }
                        T::For | T::Async if is_call && self.expressions.len() == base && keywords.is_empty() => {
                            let generators = self.for_if_clauses()?;
                            self.expect(T::RightParen)?;
                            let generator = self.node(ExprKind::GeneratorExp { elt: argument, generators }, open);
                            return Ok(CallArguments { positional: self.sequence(&[generator]), keywords: &[] });
                        }
                        _ if keywords.is_empty() => self.expressions.push(argument),
                        _ => return Err(Failed),
                    }
                }
            }
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RightParen)?;
        let positional = self.take_expressions(base);
        Ok(CallArguments { positional, keywords: self.sequence(&keywords) })
    }
}
