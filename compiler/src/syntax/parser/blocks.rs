//! Compound statements other than definitions.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{
    ExceptHandler, ExceptHandlerKind, ExprContext, ExprKind, ExprRef, MatchCase, Span, Stmt, StmtKind, WithItem,
};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Parser<'a, '_> {
    /// `None` when the line begins no compound statement.
    pub(super) fn compound_statement(&mut self) -> ParseResult<Option<Stmt<'a>>> {
        let start = self.start();
        let statement = match self.peek() {
            T::Name => {
                if !self.is_soft_keyword("match") {
                    return Ok(None);
                }
                return self.match_statement(start);
            }
            T::Def => self.function(start, &[], false)?,
            T::At => self.decorated()?,
            T::Class => self.class(start, &[])?,
            T::If => self.if_statement()?,
            T::For => self.for_statement(start, false)?,
            T::While => self.while_statement(start)?,
            T::With => self.with_statement(start, false)?,
            T::Try => self.try_statement(start)?,
            T::Async => match self.stream.peek_second() {
                T::Def => {
                    self.advance();
                    self.function(start, &[], true)?
                }
                T::With => {
                    self.advance();
                    self.with_statement(start, true)?
                }
                T::For => {
                    self.advance();
                    self.for_statement(start, true)?
                }
                _ => return Err(Failed),
            },
            _ => return Ok(None),
        };
        Ok(Some(statement))
    }

    /// `NEWLINE INDENT statements DEDENT`, or simple statements on the same line.
    pub(super) fn block(&mut self) -> ParseResult<&'a [Stmt<'a>]> {
        self.guard()?;
        let base = self.statements.len();
        if self.eat(T::NewLine) {
            self.expect(T::Indent)?;
            while !self.eat(T::Dedent) {
                self.statement()?;
            }
        } else {
            self.simple_statements()?;
        }
        Ok(self.take_statements(base))
    }

    fn else_block(&mut self) -> ParseResult<&'a [Stmt<'a>]> {
        if !self.eat(T::Else) {
            return Ok(&[]);
        }
        self.expect(T::Colon)?;
        self.block()
    }

    /// A compound statement ends with its last token, the line end and dedents left aside.
    pub(super) fn block_statement(&self, kind: StmtKind<'a>, start: Start) -> Stmt<'a> {
        Stmt { kind, span: self.block_span(start) }
    }

    pub(super) fn block_span(&self, start: Start) -> Span {
        let taken = &self.stream.tokens[..self.stream.mark];
        let is_space = |kind| matches!(kind, T::NewLine | T::Indent | T::Dedent | T::EndMarker);
        let mut span = self.span(start);
        if let Some(last) = taken.iter().rev().find(|token| !is_space(token.kind)) {
            span.end_line = last.end_line;
            span.end_col = last.end_col;
        }
        span
    }

    /// `if` with all its `elif`s, which are nested `If` nodes: built from the last to the first.
    fn if_statement(&mut self) -> ParseResult<Stmt<'a>> {
        let mut branches: Vec<(Start, ExprRef<'a>, &'a [Stmt<'a>])> = Vec::new();
        while branches.is_empty() || self.peek() == T::Elif {
            let start = self.start();
            self.advance();
            let test = self.named_expression()?;
            self.expect(T::Colon)?;
            branches.push((start, test, self.block()?));
        }
        let mut orelse = self.else_block()?;
        let Some((first_start, first_test, first_body)) = branches.first().copied() else { return Err(Failed) };
        for &(start, test, body) in branches[1..].iter().rev() {
            let statement = self.block_statement(StmtKind::If { test, body, orelse }, start);
            orelse = self.sequence(&[statement]);
        }
        let kind = StmtKind::If { test: first_test, body: first_body, orelse };
        Ok(self.block_statement(kind, first_start))
    }

    fn while_statement(&mut self, start: Start) -> ParseResult<Stmt<'a>> {
        self.advance();
        let test = self.named_expression()?;
        self.expect(T::Colon)?;
        let body = self.block()?;
        let orelse = self.else_block()?;
        Ok(self.block_statement(StmtKind::While { test, body, orelse }, start))
    }

    fn for_statement(&mut self, start: Start, is_async: bool) -> ParseResult<Stmt<'a>> {
        self.advance();
        let target = self.star_targets()?;
        self.expect(T::In)?;
        let iter = self.star_expressions()?;
        self.expect(T::Colon)?;
        let type_comment = self.type_comment();
        let body = self.block()?;
        let orelse = self.else_block()?;
        let kind = if is_async {
            self.check_version(5, "Async for loops are")?;
            StmtKind::AsyncFor { target, iter, body, orelse, type_comment }
        } else {
            StmtKind::For { target, iter, body, orelse, type_comment }
        };
        Ok(self.block_statement(kind, start))
    }

    fn with_statement(&mut self, start: Start, is_async: bool) -> ParseResult<Stmt<'a>> {
        self.advance();
        let in_parentheses =
            if self.peek() == T::LeftParen { self.attempt(Self::parenthesized_with_items)? } else { None };
        let items = match in_parentheses {
            Some(items) => items,
            None => {
                let items = self.with_items()?;
                self.expect(T::Colon)?;
                items
            }
        };
        let type_comment = self.type_comment();
        let body = self.block()?;
        let kind = if is_async {
            self.check_version(5, "Async with statements are")?;
            StmtKind::AsyncWith { items, body, type_comment }
        } else {
            StmtKind::With { items, body, type_comment }
        };
        Ok(self.block_statement(kind, start))
    }

    /// `'(' items [','] ')' ':'`
    fn parenthesized_with_items(&mut self) -> ParseResult<&'a [WithItem<'a>]> {
        self.expect(T::LeftParen)?;
        let mut items = vec![self.with_item()?];
        while self.eat(T::Comma) && self.peek() != T::RightParen {
            items.push(self.with_item()?);
        }
        self.expect(T::RightParen)?;
        self.expect(T::Colon)?;
        Ok(self.sequence(&items))
    }

    fn with_items(&mut self) -> ParseResult<&'a [WithItem<'a>]> {
        let mut items = vec![self.with_item()?];
        while self.eat(T::Comma) {
            items.push(self.with_item()?);
        }
        Ok(self.sequence(&items))
    }

    fn with_item(&mut self) -> ParseResult<WithItem<'a>> {
        let context_expr = self.expression()?;
        let optional_vars = if self.eat(T::As) {
            let target = self.star_target()?;
            if !matches!(self.peek(), T::Comma | T::RightParen | T::Colon) {
                return Err(Failed);
            }
            Some(target)
        } else {
            None
        };
        Ok(WithItem { context_expr, optional_vars })
    }

    fn try_statement(&mut self, start: Start) -> ParseResult<Stmt<'a>> {
        self.advance();
        self.expect(T::Colon)?;
        let body = self.block()?;
        let mut handlers = Vec::new();
        let mut is_star = false;
        while self.peek() == T::Except {
            let (handler, has_star) = self.handler()?;
            if !handlers.is_empty() && has_star != is_star {
                return Err(Failed);
            }
            is_star = has_star;
            handlers.push(handler);
        }
        let orelse = if handlers.is_empty() { &[] } else { self.else_block()? };
        let finalbody = if self.eat(T::Finally) {
            self.expect(T::Colon)?;
            self.block()?
        } else if handlers.is_empty() {
            return Err(Failed);
        } else {
            &[]
        };
        let handlers = self.sequence(&handlers);
        let kind = if is_star {
            self.check_version(11, "Exception groups are")?;
            StmtKind::TryStar { body, handlers, orelse, finalbody }
        } else {
            StmtKind::Try { body, handlers, orelse, finalbody }
        };
        Ok(self.block_statement(kind, start))
    }

    fn handler(&mut self) -> ParseResult<(ExceptHandler<'a>, bool)> {
        let start = self.start();
        self.advance();
        let is_star = self.eat(T::Star);
        let mut type_ = None;
        let mut name = None;
        if is_star || self.peek() != T::Colon {
            let types_start = self.stream.mark;
            let types = self.expressions()?;
            // Several types need no parentheses when no name follows.
            let is_bare_tuple = matches!(types.kind, ExprKind::Tuple { .. })
                && self.has_comma_outside_brackets(types_start);
            type_ = Some(types);
            if is_bare_tuple {
                self.check_version(14, "except expressions without parentheses are")?;
            } else if self.eat(T::As) {
                name = Some(self.identifier()?);
            }
        }
        self.expect(T::Colon)?;
        let body = self.block()?;
        let kind = ExceptHandlerKind::ExceptHandler { type_, name, body };
        Ok((ExceptHandler { kind, span: self.block_span(start) }, is_star))
    }

    /// Whether a comma stands between the tokens from `start` to the mark outside all brackets of theirs.
    fn has_comma_outside_brackets(&self, start: usize) -> bool {
        let tokens = &self.stream.tokens[start..self.stream.mark];
        let outer = self.stream.tokens.get(start.wrapping_sub(1)).map_or(0, |token| token.level);
        tokens.iter().any(|token| token.kind == T::Comma && token.level == outer)
    }

    /// A line that starts with `match` is a statement only if all of its header fits.
    fn match_statement(&mut self, start: Start) -> ParseResult<Option<Stmt<'a>>> {
        let Some(subject) = self.attempt(Self::match_header)? else { return Ok(None) };
        self.guard()?;
        let mut cases = Vec::new();
        while self.is_soft_keyword("case") {
            cases.push(self.case()?);
        }
        if cases.is_empty() {
            return Err(Failed);
        }
        self.expect(T::Dedent)?;
        self.check_version(10, "Pattern matching is")?;
        let kind = StmtKind::Match { subject, cases: self.sequence(&cases) };
        Ok(Some(self.block_statement(kind, start)))
    }

    /// `"match" subject ':' NEWLINE INDENT`
    fn match_header(&mut self) -> ParseResult<ExprRef<'a>> {
        self.advance();
        let start = self.start();
        let first = self.star_named_expression()?;
        let subject = if self.peek() == T::Comma {
            let base = self.expressions.len();
            self.expressions.push(first);
            while self.eat(T::Comma) && self.peek() != T::Colon {
                let next = self.star_named_expression()?;
                self.expressions.push(next);
            }
            let elts = self.take_expressions(base);
            let ctx = ExprContext::Load;
            self.node(ExprKind::Tuple { elts, ctx }, start)
        } else if matches!(first.kind, ExprKind::Starred { .. }) {
            return Err(Failed);
        } else {
            first
        };
        self.expect(T::Colon)?;
        self.expect(T::NewLine)?;
        self.expect(T::Indent)?;
        Ok(subject)
    }

    fn case(&mut self) -> ParseResult<MatchCase<'a>> {
        self.advance();
        let pattern = self.patterns()?;
        let guard = if self.eat(T::If) { Some(self.named_expression()?) } else { None };
        self.expect(T::Colon)?;
        let body = self.block()?;
        Ok(MatchCase { pattern, guard, body })
    }
}
