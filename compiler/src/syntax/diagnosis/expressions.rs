//! Expressions down to the operators.

use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::{
    BoolOperator, CompareOperator, ExprContext, ExprKind, ExprRef, Operator, UnaryOperator,
};
use crate::syntax::tokenizer::TokenKind as T;

/// The binary operators by strength, loosest first.
const LEVELS: [&[T]; 6] = [
    &[T::Bar],
    &[T::Circumflex],
    &[T::Ampersand],
    &[T::LeftShift, T::RightShift],
    &[T::Plus, T::Minus],
    &[T::Star, T::Slash, T::DoubleSlash, T::Percent, T::At],
];
const SUM: usize = 4;
const TERM: usize = 5;

impl<'a> Diagnosis<'a, '_> {
    /// `expression (',' expression)* [',']`
    pub(super) fn expressions(&mut self) -> Rule<ExprRef<'a>> {
        self.comma_separated(Self::expression)
    }

    pub(super) fn star_expressions(&mut self) -> Rule<ExprRef<'a>> {
        self.comma_separated(Self::star_expression)
    }

    fn comma_separated(&mut self, item: fn(&mut Self) -> Rule<ExprRef<'a>>) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let items = self.separated(item)?;
        let has_comma = self.eat(T::Comma)?;
        if items.len() == 1 && !has_comma { Ok(items[0]) } else { Ok(self.tuple(items, start)) }
    }

    pub(super) fn star_expression(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::StarExpression, |d| match d.opt(Self::starred_bitwise_or)? {
            Some(starred) => Ok(starred),
            None => d.expression(),
        })
    }

    fn starred_bitwise_or(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::Star)?;
        let value = self.bitwise_or()?;
        Ok(self.node(ExprKind::Starred { value, ctx: ExprContext::Load }, start))
    }

    /// `star_named_expressions`: the elements.
    pub(super) fn star_named_expressions(&mut self) -> Rule<Vec<ExprRef<'a>>> {
        let items = self.separated(Self::star_named_expression)?;
        self.eat(T::Comma)?;
        Ok(items)
    }

    pub(super) fn star_named_expression(&mut self) -> Rule<ExprRef<'a>> {
        match self.opt(Self::starred_bitwise_or)? {
            Some(starred) => Ok(starred),
            None => self.named_expression(),
        }
    }

    /// `NAME ':=' ~ expression`. `Ok(None)` when the walrus was there and no expression after it.
    fn assignment_expression(&mut self) -> Rule<Option<ExprRef<'a>>> {
        let start = self.start()?;
        let target = self.tok(T::Name)?;
        let id = self.parser.name_of(target);
        let target = self.node(ExprKind::Name { id, ctx: ExprContext::Store }, start);
        self.tok(T::ColonEqual)?;
        let Some(value) = self.opt(Self::expression)? else { return Ok(None) };
        self.check_version(8, "Assignment expressions are")?;
        Ok(Some(self.node(ExprKind::NamedExpr { target, value }, start)))
    }

    /// `assignment_expression | expression !':='`
    pub(super) fn assignment_or_expression(&mut self) -> Rule<ExprRef<'a>> {
        let mark = self.mark();
        match self.opt(Self::assignment_expression)? {
            Some(Some(assignment)) => return Ok(assignment),
            // The cut ends the rule that it stands in, which here is the walrus itself.
            Some(None) => self.parser.stream.mark = mark,
            None => {}
        }
        let expression = self.expression()?;
        self.not_ahead(&[T::ColonEqual])?;
        Ok(expression)
    }

    pub(super) fn named_expression(&mut self) -> Rule<ExprRef<'a>> {
        let mark = self.mark();
        match self.opt(Self::assignment_expression)? {
            Some(Some(assignment)) => return Ok(assignment),
            Some(None) => self.parser.stream.mark = mark,
            None => {}
        }
        self.mistake(Self::invalid_named_expression)?;
        let expression = self.expression()?;
        self.not_ahead(&[T::ColonEqual])?;
        Ok(expression)
    }

    pub(super) fn yield_expression(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::Yield)?;
        if let Some(value) = self.opt(|d| {
            d.tok(T::From)?;
            d.expression()
        })? {
            return Ok(self.node(ExprKind::YieldFrom { value }, start));
        }
        let value = self.opt(Self::star_expressions)?;
        Ok(self.node(ExprKind::Yield { value }, start))
    }

    pub(super) fn yield_or_star_expressions(&mut self) -> Rule<ExprRef<'a>> {
        match self.opt(Self::yield_expression)? {
            Some(value) => Ok(value),
            None => self.star_expressions(),
        }
    }

    pub(super) fn expression(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Expression, |d| {
            d.mistake(Self::invalid_expression)?;
            d.mistake(Self::invalid_legacy_expression)?;
            d.valid_expression()
        })
    }

    /// An expression, with the rules of mistakes out of force all the way down.
    pub(super) fn expression_without_mistakes(&mut self) -> Rule<ExprRef<'a>> {
        let looks_for_mistakes = std::mem::replace(&mut self.looks_for_mistakes, false);
        let keeps_quiet = std::mem::replace(&mut self.parser.keeps_quiet, false);
        let result = self.valid_expression();
        self.looks_for_mistakes = looks_for_mistakes;
        self.parser.keeps_quiet = keeps_quiet;
        result
    }

    fn valid_expression(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(conditional) = self.opt(|d| {
            let body = d.disjunction()?;
            d.tok(T::If)?;
            let test = d.disjunction()?;
            d.tok(T::Else)?;
            let orelse = d.expression()?;
            Ok(d.node(ExprKind::IfExp { test, body, orelse }, start))
        })? {
            return Ok(conditional);
        }
        match self.opt(Self::disjunction)? {
            Some(value) => Ok(value),
            None => self.lambda(),
        }
    }

    fn lambda(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::Lambda)?;
        self.opt(Self::lambda_parameters)?;
        self.tok(T::Colon)?;
        let body = self.expression()?;
        let args = self.parser.no_arguments();
        Ok(self.node(ExprKind::Lambda { args, body }, start))
    }

    pub(super) fn disjunction(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Disjunction, |d| d.boolean(T::Or, BoolOperator::Or, Self::conjunction))
    }

    fn conjunction(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Conjunction, |d| d.boolean(T::And, BoolOperator::And, Self::inversion))
    }

    fn boolean(
        &mut self,
        keyword: T,
        op: BoolOperator,
        operand: fn(&mut Self) -> Rule<ExprRef<'a>>,
    ) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let first = operand(self)?;
        let rest = self.many(|d| {
            d.tok(keyword)?;
            operand(d)
        })?;
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(self.node(ExprKind::BoolOp { op, values: &[] }, start))
    }

    pub(super) fn inversion(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Inversion, |d| {
            let start = d.start()?;
            if let Some(inverted) = d.opt(|d| {
                d.tok(T::Not)?;
                let operand = d.inversion()?;
                Ok(d.node(ExprKind::UnaryOp { op: UnaryOperator::Not, operand }, start))
            })? {
                return Ok(inverted);
            }
            d.comparison()
        })
    }

    fn comparison(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let left = self.bitwise_or()?;
        let pairs = self.many(|d| {
            let op = d.compare_operator()?;
            d.bitwise_or()?;
            Ok(op)
        })?;
        if pairs.is_empty() {
            return Ok(left);
        }
        let ops = self.parser.sequence(&pairs);
        Ok(self.node(ExprKind::Compare { left, ops, comparators: &[] }, start))
    }

    fn compare_operator(&mut self) -> Rule<CompareOperator> {
        let op = match self.peek()? {
            T::EqualEqual => CompareOperator::Eq,
            T::NotEqual => match self.parser.check_not_equal() {
                Ok(true) => CompareOperator::NotEq,
                Ok(false) => return Err(Miss::No),
                Err(_) => return Err(Miss::Raised),
            },
            T::Less => CompareOperator::Lt,
            T::LessEqual => CompareOperator::LtE,
            T::Greater => CompareOperator::Gt,
            T::GreaterEqual => CompareOperator::GtE,
            T::In => CompareOperator::In,
            T::Is => {
                self.parser.advance();
                return Ok(if self.eat(T::Not)? { CompareOperator::IsNot } else { CompareOperator::Is });
            }
            T::Not => {
                self.parser.advance();
                self.tok(T::In)?;
                return Ok(CompareOperator::NotIn);
            }
            _ => return Err(Miss::No),
        };
        self.parser.advance();
        Ok(op)
    }

    pub(super) fn bitwise_or(&mut self) -> Rule<ExprRef<'a>> {
        self.operators(0)
    }

    fn operators(&mut self, level: usize) -> Rule<ExprRef<'a>> {
        let Some(kinds) = LEVELS.get(level) else { return self.factor() };
        self.memoized(Memo::Operators(level as u8), |d| {
            let start = d.start()?;
            let mut left = d.operators(level + 1)?;
            loop {
                let next = d.opt(|d| {
                    let op = d.any(kinds)?;
                    d.operators(level + 1)?;
                    Ok(op)
                })?;
                match next {
                    Some(op) => {
                        if op.kind == T::At {
                            d.check_version(5, "The '@' operator is")?;
                        }
                        left = d.node(ExprKind::BinOp { left, op: Operator::Add, right: left }, start);
                    }
                    None => break,
                }
            }
            d.mistake(|d| d.invalid_arithmetic(level))?;
            Ok(left)
        })
    }

    pub(super) fn factor(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Factor, |d| {
            let start = d.start()?;
            if let Some(signed) = d.opt(|d| {
                let sign = d.any(&[T::Plus, T::Minus, T::Tilde])?;
                let operand = d.factor()?;
                let op = if sign.kind == T::Minus { UnaryOperator::USub } else { UnaryOperator::UAdd };
                Ok(d.node(ExprKind::UnaryOp { op, operand }, start))
            })? {
                return Ok(signed);
            }
            d.mistake(Self::invalid_factor)?;
            d.power()
        })
    }

    fn power(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let left = self.await_primary()?;
        if self
            .opt(|d| {
                d.tok(T::DoubleStar)?;
                d.factor()
            })?
            .is_some()
        {
            return Ok(self.node(ExprKind::BinOp { left, op: Operator::Pow, right: left }, start));
        }
        Ok(left)
    }

    fn await_primary(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::AwaitPrimary, |d| {
            let start = d.start()?;
            if d.peek()? == T::Await {
                d.parser.advance();
                let value = d.primary()?;
                d.check_version(5, "Await expressions are")?;
                return Ok(d.node(ExprKind::Await { value }, start));
            }
            d.primary()
        })
    }

    // --- Mistakes ---------------------------------------------------------------------------------------------------

    /// `1 + not x`
    fn invalid_arithmetic(&mut self, level: usize) -> Rule<()> {
        if level != TERM && level != SUM {
            return Ok(());
        }
        let kinds = LEVELS[level];
        self.any(kinds)?;
        let not = self.tok(T::Not)?;
        let operand = self.inversion()?;
        self.raise_range(token_span(not), operand.span, "'not' after an operator must be parenthesized")
    }

    /// `-not x`
    fn invalid_factor(&mut self) -> Rule<()> {
        self.any(&[T::Plus, T::Minus, T::Tilde])?;
        let not = self.tok(T::Not)?;
        let operand = self.factor()?;
        self.raise_range(token_span(not), operand.span, "'not' after an operator must be parenthesized")
    }

    fn invalid_expression(&mut self) -> Rule<()> {
        // Quotes inside a string: "a" b "c".
        self.alt(|d| {
            d.tok(T::String)?;
            let inner = d.some(|d| {
                d.not_ahead(&[T::String])?;
                d.expression_without_mistakes()
            })?;
            d.tok(T::String)?;
            match (inner.first(), inner.last()) {
                (Some(first), Some(last)) => d.raise_range(
                    first.span,
                    last.span,
                    "invalid syntax. Is this intended to be part of the string?",
                ),
                _ => Err(Miss::No),
            }
        })?;
        // Two expressions side by side. Not after a soft keyword, nor `name "string"`, which may be a wrong prefix.
        let mut decided = false;
        self.alt(|d| {
            if d.matches(|d| {
                d.tok(T::Name)?;
                d.any(&[T::String])
            })? || d.at_soft_keyword()?
            {
                return Err(Miss::No);
            }
            let first = d.disjunction()?;
            let second = d.expression_without_mistakes()?;
            decided = true;
            if super::mistakes::is_legacy_statement(first) || d.parser.stream.previous().level == 0 {
                return Err(Miss::No);
            }
            d.raise_range(first.span, second.span, "invalid syntax. Perhaps you forgot a comma?")
        })?;
        if decided {
            return Err(Miss::No);
        }
        self.alt(|d| {
            let first = d.disjunction()?;
            d.tok(T::If)?;
            let test = d.disjunction()?;
            d.not_ahead(&[T::Else, T::Colon])?;
            d.raise_range(first.span, test.span, "expected 'else' after 'if' expression")
        })?;
        self.alt(|d| {
            d.disjunction()?;
            d.tok(T::If)?;
            d.disjunction()?;
            d.tok(T::Else)?;
            if d.matches(Self::expression)? {
                return Err(Miss::No);
            }
            d.raise_next("expected expression after 'else', but statement is given")
        })?;
        self.alt(|d| {
            let statement = d.any(&[T::Pass, T::Break, T::Continue])?;
            d.tok(T::If)?;
            d.disjunction()?;
            d.tok(T::Else)?;
            d.simple_statement()?;
            d.raise(token_span(statement), "expected expression before 'if', but statement is given")
        })?;
        self.alt(|d| {
            let lambda = d.tok(T::Lambda)?;
            d.opt(Self::lambda_parameters)?;
            let colon = d.tok(T::Colon)?;
            d.ahead(&[T::FStringMiddle, T::TStringMiddle])?;
            let letter = d.string.letter();
            d.raise_range(
                token_span(lambda),
                token_span(colon),
                format!("{letter}-string: lambda expressions are not allowed without parentheses"),
            )
        })
    }

    fn at_soft_keyword(&mut self) -> Rule<bool> {
        self.peek()?;
        Ok(["_", "case", "match", "type"].iter().any(|word| self.parser.is_soft_keyword(word)))
    }

    /// `print 1`
    fn invalid_legacy_expression(&mut self) -> Rule<()> {
        let start = self.start()?;
        let token = self.tok(T::Name)?;
        let id = self.parser.name_of(token);
        let name = self.node(ExprKind::Name { id, ctx: ExprContext::Load }, start);
        self.not_ahead(&[T::LeftParen])?;
        let arguments = self.star_expressions()?;
        if !super::mistakes::is_legacy_statement(name) {
            return Err(Miss::No);
        }
        self.raise_range(
            name.span,
            arguments.span,
            format!("Missing parentheses in call to '{id}'. Did you mean {id}(...)?"),
        )
    }

    fn invalid_named_expression(&mut self) -> Rule<()> {
        self.memoized(Memo::InvalidNamedExpression, |d| {
            d.alt(|d| {
                let target = d.expression()?;
                d.tok(T::ColonEqual)?;
                d.expression()?;
                let name = super::mistakes::expression_name(target);
                d.raise(target.span, format!("cannot use assignment expressions with {name}"))
            })?;
            d.alt(|d| {
                let name = d.tok(T::Name)?;
                d.tok(T::Equal)?;
                let value = d.bitwise_or()?;
                d.not_ahead(&[T::Equal, T::ColonEqual])?;
                d.raise_range(
                    token_span(name),
                    value.span,
                    "invalid syntax. Maybe you meant '==' or ':=' instead of '='?",
                )
            })?;
            d.alt(|d| {
                if d.matches(Self::list)?
                    || d.matches(Self::tuple_display)?
                    || d.matches(Self::generator)?
                    || matches!(d.peek()?, T::True | T::None | T::False)
                {
                    return Err(Miss::No);
                }
                let target = d.bitwise_or()?;
                d.tok(T::Equal)?;
                d.bitwise_or()?;
                d.not_ahead(&[T::Equal, T::ColonEqual])?;
                let name = super::mistakes::expression_name(target);
                d.raise(target.span, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"))
            })?;
            Err(Miss::No)
        })
        .map(|_| ())
    }
}
