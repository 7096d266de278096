//! The patterns of `case`.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{Constant, Expr, ExprKind, ExprRef, Operator, Pattern, PatternKind, UnaryOperator};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

type PatternRef<'a> = &'a Pattern<'a>;

impl<'a> Parser<'a, '_> {
    fn pattern_node(&self, kind: PatternKind<'a>, start: Start) -> PatternRef<'a> {
        self.arena.alloc(Pattern { kind, span: self.span(start) })
    }

    /// One pattern, or a sequence without brackets.
    pub(super) fn patterns(&mut self) -> ParseResult<PatternRef<'a>> {
        let start = self.start();
        let first = self.maybe_star_pattern()?;
        if self.peek() != T::Comma {
            if matches!(first.kind, PatternKind::MatchStar { .. }) {
                return Err(Failed);
            }
            return Ok(first);
        }
        let patterns = self.rest_of_patterns(first, |kind| matches!(kind, T::Colon | T::If))?;
        Ok(self.pattern_node(PatternKind::MatchSequence { patterns }, start))
    }

    fn rest_of_patterns(
        &mut self,
        first: PatternRef<'a>,
        ends: impl Fn(T) -> bool,
    ) -> ParseResult<&'a [PatternRef<'a>]> {
        let mut patterns = vec![first];
        while self.eat(T::Comma) && !ends(self.peek()) {
            patterns.push(self.maybe_star_pattern()?);
        }
        Ok(self.sequence(&patterns))
    }

    fn maybe_star_pattern(&mut self) -> ParseResult<PatternRef<'a>> {
        if self.peek() != T::Star {
            return self.pattern();
        }
        let start = self.start();
        self.advance();
        let name = if self.is_soft_keyword("_") {
            self.advance();
            None
        } else {
            Some(self.capture_name()?)
        };
        Ok(self.pattern_node(PatternKind::MatchStar { name }, start))
    }

    /// A name to bind, which no `.`, `(` or `=` may follow.
    fn capture_name(&mut self) -> ParseResult<&'a str> {
        if self.is_soft_keyword("_") {
            return Err(Failed);
        }
        let name = self.identifier()?;
        if matches!(self.peek(), T::Dot | T::LeftParen | T::Equal) { Err(Failed) } else { Ok(name) }
    }

    /// `or_pattern ['as' NAME]`
    fn pattern(&mut self) -> ParseResult<PatternRef<'a>> {
        self.guard()?;
        let start = self.start();
        let mut pattern = self.closed_pattern()?;
        if self.peek() == T::Bar {
            let mut patterns = vec![pattern];
            while self.eat(T::Bar) {
                patterns.push(self.closed_pattern()?);
            }
            let patterns = self.sequence(&patterns);
            pattern = self.pattern_node(PatternKind::MatchOr { patterns }, start);
        }
        if self.eat(T::As) {
            let name = Some(self.capture_name()?);
            return Ok(self.pattern_node(PatternKind::MatchAs { pattern: Some(pattern), name }, start));
        }
        Ok(pattern)
    }

    fn closed_pattern(&mut self) -> ParseResult<PatternRef<'a>> {
        let start = self.start();
        let kind = match self.peek() {
            T::None | T::True | T::False => PatternKind::MatchSingleton { value: self.singleton()? },
            T::Number | T::Minus | T::String | T::FStringStart | T::TStringStart => {
                PatternKind::MatchValue { value: self.literal_expression()? }
            }
            T::LeftParen => return self.group_or_sequence(start),
            T::LeftBracket => {
                self.advance();
                let patterns = self.sequence_elements(T::RightBracket)?;
                PatternKind::MatchSequence { patterns }
            }
            T::LeftBrace => self.mapping_pattern()?,
            T::Name => return self.name_pattern(start),
            _ => return Err(Failed),
        };
        Ok(self.pattern_node(kind, start))
    }

    fn singleton(&mut self) -> ParseResult<Constant<'a>> {
        let value = match self.peek() {
            T::None => Constant::None,
            T::True => Constant::True,
            T::False => Constant::False,
            _ => return Err(Failed),
        };
        self.advance();
        Ok(value)
    }

    /// A number (signed, perhaps complex) or strings.
    fn literal_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        if matches!(self.peek(), T::String | T::FStringStart | T::TStringStart) {
            return self.strings();
        }
        let start = self.start();
        let negative = self.eat(T::Minus);
        let number_start = self.start();
        let real_token = self.expect_token(T::Number)?;
        let value = self.number(real_token)?;
        let mut left = self.node(ExprKind::Constant { value, kind: None }, number_start);
        if negative {
            left = self.node(ExprKind::UnaryOp { op: UnaryOperator::USub, operand: left }, start);
        }
        let op = match self.peek() {
            T::Plus => Operator::Add,
            T::Minus => Operator::Sub,
            _ => return Ok(left),
        };
        self.advance();
        let right_start = self.start();
        let imaginary_token = self.expect_token(T::Number)?;
        let imaginary = self.number(imaginary_token)?;
        let right = self.node(ExprKind::Constant { value: imaginary, kind: None }, right_start);
        if matches!(value, Constant::Imaginary(_)) {
            self.stream.raise_span(left.span, "real number required in complex literal".into());
            return Err(Failed);
        }
        if !matches!(imaginary, Constant::Imaginary(_)) {
            self.stream.raise_span(right.span, "imaginary number required in complex literal".into());
            return Err(Failed);
        }
        Ok(self.node(ExprKind::BinOp { left, op, right }, start))
    }

    fn name_pattern(&mut self, start: Start) -> ParseResult<PatternRef<'a>> {
        let second = self.stream.peek_second();
        if !matches!(second, T::Dot | T::LeftParen | T::Equal) {
            let name = if self.is_soft_keyword("_") {
                self.advance();
                None
            } else {
                Some(self.identifier()?)
            };
            return Ok(self.pattern_node(PatternKind::MatchAs { pattern: None, name }, start));
        }
        let value = self.name_or_attribute()?;
        match self.peek() {
            T::LeftParen => self.class_pattern(value, start),
            T::Equal => Err(Failed),
            _ if matches!(value.kind, ExprKind::Attribute { .. }) => {
                Ok(self.pattern_node(PatternKind::MatchValue { value }, start))
            }
            _ => Err(Failed),
        }
    }

    fn group_or_sequence(&mut self, start: Start) -> ParseResult<PatternRef<'a>> {
        self.advance();
        if self.eat(T::RightParen) {
            return Ok(self.pattern_node(PatternKind::MatchSequence { patterns: &[] }, start));
        }
        let first = self.maybe_star_pattern()?;
        if self.peek() == T::RightParen {
            if matches!(first.kind, PatternKind::MatchStar { .. }) {
                return Err(Failed);
            }
            self.advance();
            return Ok(first);
        }
        if self.peek() != T::Comma {
            return Err(Failed);
        }
        let patterns = self.rest_of_patterns(first, |kind| kind == T::RightParen)?;
        self.expect(T::RightParen)?;
        Ok(self.pattern_node(PatternKind::MatchSequence { patterns }, start))
    }

    /// Elements and the closing bracket.
    fn sequence_elements(&mut self, close: T) -> ParseResult<&'a [PatternRef<'a>]> {
        if self.eat(close) {
            return Ok(&[]);
        }
        let first = self.maybe_star_pattern()?;
        let patterns = self.rest_of_patterns(first, |kind| kind == close)?;
        self.expect(close)?;
        Ok(patterns)
    }

    fn mapping_pattern(&mut self) -> ParseResult<PatternKind<'a>> {
        self.advance();
        let mut keys = Vec::new();
        let mut patterns = Vec::new();
        let mut rest = None;
        while self.peek() != T::RightBrace {
            if self.eat(T::DoubleStar) {
                rest = Some(self.capture_name()?);
                self.eat(T::Comma);
                break;
            }
            keys.push(self.mapping_key()?);
            self.expect(T::Colon)?;
            patterns.push(self.pattern()?);
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RightBrace)?;
        Ok(PatternKind::MatchMapping { keys: self.sequence(&keys), patterns: self.sequence(&patterns), rest })
    }

    fn mapping_key(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        match self.peek() {
            T::None | T::True | T::False => {
                let value = self.singleton()?;
                let span = self.span(start);
                Ok(self.arena.alloc(Expr { kind: ExprKind::Constant { value, kind: None }, span }))
            }
            T::Name => {
                let value = self.name_or_attribute()?;
                if matches!(value.kind, ExprKind::Attribute { .. }) { Ok(value) } else { Err(Failed) }
            }
            _ => self.literal_expression(),
        }
    }

    fn class_pattern(&mut self, cls: ExprRef<'a>, start: Start) -> ParseResult<PatternRef<'a>> {
        self.advance();
        let mut patterns = Vec::new();
        let mut kwd_attrs = Vec::new();
        let mut kwd_patterns = Vec::new();
        while self.peek() != T::RightParen {
            if self.peek() == T::Name && self.stream.peek_second() == T::Equal {
                kwd_attrs.push(self.identifier()?);
                self.advance();
                kwd_patterns.push(self.pattern()?);
            } else if kwd_attrs.is_empty() {
                patterns.push(self.pattern()?);
            } else {
                return Err(Failed);
            }
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RightParen)?;
        let kind = PatternKind::MatchClass {
            cls,
            patterns: self.sequence(&patterns),
            kwd_attrs: self.sequence(&kwd_attrs),
            kwd_patterns: self.sequence(&kwd_patterns),
        };
        Ok(self.pattern_node(kind, start))
    }
}
