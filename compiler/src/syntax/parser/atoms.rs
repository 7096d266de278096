//! Primaries and atoms.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{Constant, ExprContext, ExprKind, ExprRef};
use crate::syntax::number_literal;
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::{Token, TokenKind as T};

impl<'a> Parser<'a, '_> {
    /// An atom followed by any number of `.name`, `(arguments)` and `[slices]`.
    pub(super) fn primary(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let mut value = self.atom(start)?;
        loop {
            value = match self.peek() {
                T::Dot => {
                    self.advance();
                    let attr = self.identifier()?;
                    self.node(ExprKind::Attribute { value, attr, ctx: ExprContext::Load }, start)
                }
                T::LeftParen => self.call(value, start)?,
                T::LeftBracket => {
                    self.advance();
                    let slice = self.slices()?;
                    self.expect(T::RightBracket)?;
                    self.node(ExprKind::Subscript { value, slice, ctx: ExprContext::Load }, start)
                }
                _ => return Ok(value),
            };
        }
    }

    pub(super) fn slices(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let first = self.slice_or_starred()?;
        if self.peek() != T::Comma && !matches!(first.kind, ExprKind::Starred { .. }) {
            return Ok(first);
        }
        let base = self.expressions.len();
        self.expressions.push(first);
        while self.eat(T::Comma) {
            if self.peek() == T::RightBracket {
                break;
            }
            let next = self.slice_or_starred()?;
            self.expressions.push(next);
        }
        let elts = self.take_expressions(base);
        Ok(self.node(ExprKind::Tuple { elts, ctx: ExprContext::Load }, start))
    }

    fn slice_or_starred(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let lower = match self.peek() {
            T::Star => return self.starred_expression(),
            T::Colon => None,
            _ => {
                let expression = self.named_expression()?;
                if self.peek() != T::Colon {
                    return Ok(expression);
                }
                if matches!(expression.kind, ExprKind::NamedExpr { .. }) && self.is_bare_named(start) {
                    return Err(Failed);
                }
                Some(expression)
            }
        };
        self.expect(T::Colon)?;
        let upper = self.slice_part()?;
        let step = if self.eat(T::Colon) { self.slice_part()? } else { None };
        Ok(self.node(ExprKind::Slice { lower, upper, step }, start))
    }

    /// Whether the expression that starts at `start` has no parentheses around it.
    fn is_bare_named(&self, start: Start) -> bool {
        let tokens = &self.stream.tokens[..self.stream.mark];
        tokens.iter().rev().find(|token| (token.line, token.col) == start).is_some_and(|token| token.kind == T::Name)
    }

    fn slice_part(&mut self) -> ParseResult<Option<ExprRef<'a>>> {
        if matches!(self.peek(), T::Colon | T::Comma | T::RightBracket) {
            return Ok(None);
        }
        self.expression().map(Some)
    }

    #[inline]
    fn atom(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        let token = self.stream.token();
        let value = match token.kind {
            T::Name => {
                self.advance();
                let id = self.name_of(token);
                return Ok(self.node(ExprKind::Name { id, ctx: ExprContext::Load }, start));
            }
            T::String | T::FStringStart | T::TStringStart => return self.strings(),
            T::Number => {
                self.advance();
                self.number(token)?
            }
            T::LeftParen => return self.parenthesized(start),
            T::LeftBracket => return self.list(start),
            T::LeftBrace => return self.braced(start),
            T::True => {
                self.advance();
                Constant::True
            }
            T::False => {
                self.advance();
                Constant::False
            }
            T::None => {
                self.advance();
                Constant::None
            }
            T::Ellipsis => {
                self.advance();
                Constant::Ellipsis
            }
            _ => return Err(Failed),
        };
        Ok(self.node(ExprKind::Constant { value, kind: None }, start))
    }

    /// The value of a number token, which has been taken.
    pub(in crate::syntax) fn number(&mut self, token: Token) -> ParseResult<Constant<'a>> {
        let text = self.stream.text(token);
        if self.options.feature_version < 6 && text.contains('_') {
            return self.raise("Underscores in numeric literals are only supported in Python 3.6 and greater".into());
        }
        match number_literal::value(self.arena, text, self.options.int_max_str_digits) {
            Ok(value) => Ok(value),
            Err(problem) => {
                let limit = self.options.int_max_str_digits;
                let message = format!(
                    "Exceeds the limit ({limit} digits) for integer string conversion: value has {} digits; \
                     use sys.set_int_max_str_digits() to increase the limit - \
                     Consider hexadecimal for huge integer literals to avoid decimal conversion limits.",
                    problem.digits
                );
                self.stream.raise_at(
                    crate::syntax::error::SyntaxErrorKind::Syntax,
                    token.line,
                    -1,
                    token.line,
                    -2,
                    message,
                );
                Err(Failed)
            }
        }
    }

    /// A tuple, an expression in parentheses, or a generator expression.
    fn parenthesized(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        self.advance();
        match self.peek() {
            T::RightParen => {
                self.advance();
                return Ok(self.node(ExprKind::Tuple { elts: &[], ctx: ExprContext::Load }, start));
            }
            T::Yield => {
                let value = self.yield_expression()?;
                self.expect(T::RightParen)?;
                return Ok(value);
            }
            _ => {}
        }
        let first = self.star_named_expression()?;
        match self.peek() {
            T::RightParen if !matches!(first.kind, ExprKind::Starred { .. }) => {
                self.advance();
                Ok(first)
            }
            T::Comma => {
                let elts = self.rest_of_elements(first, T::RightParen)?;
                self.expect(T::RightParen)?;
                Ok(self.node(ExprKind::Tuple { elts, ctx: ExprContext::Load }, start))
            }
            T::For | T::Async if !matches!(first.kind, ExprKind::Starred { .. }) => {
                let generators = self.for_if_clauses()?;
                self.expect(T::RightParen)?;
                Ok(self.node(ExprKind::GeneratorExp { elt: first, generators }, start))
            }
            _ => Err(Failed),
        }
    }

    fn list(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        self.advance();
        if self.eat(T::RightBracket) {
            return Ok(self.node(ExprKind::List { elts: &[], ctx: ExprContext::Load }, start));
        }
        let first = self.star_named_expression()?;
        if matches!(self.peek(), T::For | T::Async) && !matches!(first.kind, ExprKind::Starred { .. }) {
            let generators = self.for_if_clauses()?;
            self.expect(T::RightBracket)?;
            return Ok(self.node(ExprKind::ListComp { elt: first, generators }, start));
        }
        let elts = self.rest_of_elements(first, T::RightBracket)?;
        self.expect(T::RightBracket)?;
        Ok(self.node(ExprKind::List { elts, ctx: ExprContext::Load }, start))
    }

    /// A set, a dict, or a comprehension of either.
    fn braced(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        self.advance();
        match self.peek() {
            T::RightBrace => {
                self.advance();
                return Ok(self.node(ExprKind::Dict { keys: &[], values: &[] }, start));
            }
            T::DoubleStar => return self.rest_of_dict(start, None),
            _ => {}
        }
        let mark = self.stream.mark;
        let first = self.star_named_expression()?;
        match self.peek() {
            T::Colon if !matches!(first.kind, ExprKind::Starred { .. }) => {
                if matches!(first.kind, ExprKind::NamedExpr { .. }) && self.stream.tokens[mark].kind == T::Name {
                    return Err(Failed);
                }
                self.advance();
                let value = self.expression()?;
                if matches!(self.peek(), T::For | T::Async) {
                    let generators = self.for_if_clauses()?;
                    self.expect(T::RightBrace)?;
                    return Ok(self.node(ExprKind::DictComp { key: first, value, generators }, start));
                }
                self.rest_of_dict(start, Some((first, value)))
            }
            T::For | T::Async if !matches!(first.kind, ExprKind::Starred { .. }) => {
                let generators = self.for_if_clauses()?;
                self.expect(T::RightBrace)?;
                Ok(self.node(ExprKind::SetComp { elt: first, generators }, start))
            }
            _ => {
                let elts = self.rest_of_elements(first, T::RightBrace)?;
                self.expect(T::RightBrace)?;
                Ok(self.node(ExprKind::Set { elts }, start))
            }
        }
    }

    fn rest_of_dict(
        &mut self,
        start: Start,
        first: Option<(ExprRef<'a>, ExprRef<'a>)>,
    ) -> ParseResult<ExprRef<'a>> {
        // Keys and values alternate on the one stack; a missing key is its value twice.
        let base = self.expressions.len();
        let mut unpacked: Vec<usize> = Vec::new();
        let mut count = 0;
        let mut pair = first;
        loop {
            if let Some((key, value)) = pair.take() {
                self.expressions.push(key);
                self.expressions.push(value);
                count += 1;
                if !self.eat(T::Comma) {
                    break;
                }
            }
            match self.peek() {
                T::RightBrace => break,
                T::DoubleStar => {
                    self.advance();
                    let value = self.bitwise_or()?;
                    unpacked.push(count);
                    pair = Some((value, value));
                }
                _ => {
                    let key = self.expression()?;
                    self.expect(T::Colon)?;
                    pair = Some((key, self.expression()?));
                }
            }
        }
        self.expect(T::RightBrace)?;
        let items = &self.expressions[base..];
        let mut unpacked = unpacked.into_iter().peekable();
        let keys = self.arena.alloc_slice_fill_with(count, |i| match unpacked.next_if_eq(&i) {
            Some(_) => None,
            None => items.get(2 * i).copied(),
        });
        let values = self.arena.alloc_slice_fill_with(count, |i| items[2 * i + 1]);
        self.expressions.truncate(base);
        Ok(self.node(ExprKind::Dict { keys, values }, start))
    }

    /// The elements of a display after the first, up to the closing bracket.
    fn rest_of_elements(&mut self, first: ExprRef<'a>, close: T) -> ParseResult<&'a [ExprRef<'a>]> {
        let base = self.expressions.len();
        self.expressions.push(first);
        while self.eat(T::Comma) {
            if self.peek() == close {
                break;
            }
            let next = self.star_named_expression()?;
            self.expressions.push(next);
        }
        Ok(self.take_expressions(base))
    }
}
