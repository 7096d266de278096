//! Expressions from `lambda` down to the operators.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{BoolOperator, CompareOperator, ExprContext, ExprKind, ExprRef, Operator, UnaryOperator};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

/// How tightly an operator binds its operands; `NONE` for what is no operator.
mod binding {
    pub(super) const NONE: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARISON: u8 = 4;
    pub(super) const BIT_OR: u8 = 5;
    pub(super) const BIT_XOR: u8 = 6;
    pub(super) const BIT_AND: u8 = 7;
    pub(super) const SHIFT: u8 = 8;
    pub(super) const SUM: u8 = 9;
    pub(super) const TERM: u8 = 10;
    pub(super) const FACTOR: u8 = 11;
}

fn binding_of(kind: T) -> u8 {
    use binding::*;
    match kind {
        T::Or => OR,
        T::And => AND,
        T::EqualEqual | T::NotEqual | T::Less | T::LessEqual | T::Greater | T::GreaterEqual | T::In | T::Is | T::Not => {
            COMPARISON
        }
        T::Bar => BIT_OR,
        T::Circumflex => BIT_XOR,
        T::Ampersand => BIT_AND,
        T::LeftShift | T::RightShift => SHIFT,
        T::Plus | T::Minus => SUM,
        T::Star | T::Slash | T::DoubleSlash | T::Percent | T::At => TERM,
        _ => NONE,
    }
}

fn binary_operator(kind: T) -> Option<Operator> {
    Some(match kind {
        T::Bar => Operator::BitOr,
        T::Circumflex => Operator::BitXor,
        T::Ampersand => Operator::BitAnd,
        T::LeftShift => Operator::LShift,
        T::RightShift => Operator::RShift,
        T::Plus => Operator::Add,
        T::Minus => Operator::Sub,
        T::Star => Operator::Mult,
        T::Slash => Operator::Div,
        T::DoubleSlash => Operator::FloorDiv,
        T::Percent => Operator::Mod,
        T::At => Operator::MatMult,
        _ => return None,
    })
}

impl<'a> Parser<'a, '_> {
    /// `expression (',' expression)* [',']`: a tuple when there is a comma.
    pub(super) fn expressions(&mut self) -> ParseResult<ExprRef<'a>> {
        self.comma_separated(Self::expression, |kind| !starts_expression(kind))
    }

    /// `star_expressions`: as `expressions`, with `*iterable` allowed.
    pub(super) fn star_expressions(&mut self) -> ParseResult<ExprRef<'a>> {
        self.comma_separated(Self::star_expression, |kind| kind != T::Star && !starts_expression(kind))
    }

    fn comma_separated(
        &mut self,
        item: impl Fn(&mut Self) -> ParseResult<ExprRef<'a>>,
        ends: impl Fn(T) -> bool,
    ) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let first = item(self)?;
        if self.peek() != T::Comma {
            return Ok(first);
        }
        let base = self.expressions.len();
        self.expressions.push(first);
        while self.eat(T::Comma) {
            if ends(self.peek()) {
                break;
            }
            let next = item(self)?;
            self.expressions.push(next);
        }
        let elts = self.take_expressions(base);
        Ok(self.node(ExprKind::Tuple { elts, ctx: ExprContext::Load }, start))
    }

    fn star_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        if self.peek() == T::Star { self.starred_bitwise_or() } else { self.expression() }
    }

    /// `'*' bitwise_or`
    pub(super) fn starred_bitwise_or(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        self.expect(T::Star)?;
        let value = self.bitwise_or()?;
        Ok(self.node(ExprKind::Starred { value, ctx: ExprContext::Load }, start))
    }

    /// `star_named_expression`
    pub(super) fn star_named_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        if self.peek() == T::Star { self.starred_bitwise_or() } else { self.named_expression() }
    }

    /// `NAME ':=' expression`, or an expression with no `:=` after it.
    pub(super) fn named_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        let mark = self.stream.mark;
        let start = self.start();
        let expression = self.expression()?;
        if self.peek() != T::ColonEqual {
            return Ok(expression);
        }
        let ExprKind::Name { id, .. } = expression.kind else { return Err(Failed) };
        if self.stream.mark != mark + 1 {
            return Err(Failed);
        }
        self.check_version(8, "Assignment expressions are")?;
        let target = self.arena.alloc(crate::syntax::ast::Expr {
            kind: ExprKind::Name { id, ctx: ExprContext::Store },
            span: expression.span,
        });
        self.advance();
        let value = self.expression()?;
        Ok(self.node(ExprKind::NamedExpr { target, value }, start))
    }

    /// `yield_expr`
    pub(super) fn yield_expression(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        self.expect(T::Yield)?;
        if self.eat(T::From) {
            let value = self.expression()?;
            return Ok(self.node(ExprKind::YieldFrom { value }, start));
        }
        let next = self.peek();
        let value =
            if next == T::Star || starts_expression(next) { Some(self.star_expressions()?) } else { None };
        Ok(self.node(ExprKind::Yield { value }, start))
    }

    /// `annotated_rhs`: what may stand on the right of an assignment.
    pub(super) fn yield_or_star_expressions(&mut self) -> ParseResult<ExprRef<'a>> {
        if self.peek() == T::Yield { self.yield_expression() } else { self.star_expressions() }
    }

    pub(super) fn expression(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        if self.peek() == T::Lambda {
            return self.lambda(start);
        }
        let body = self.disjunction()?;
        if self.peek() != T::If {
            return Ok(body);
        }
        self.advance();
        let test = self.disjunction()?;
        self.expect(T::Else)?;
        let orelse = self.expression()?;
        Ok(self.node(ExprKind::IfExp { test, body, orelse }, start))
    }

    fn lambda(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        self.guard()?;
        self.advance();
        let args = self.lambda_parameters()?;
        self.expect(T::Colon)?;
        let body = self.expression()?;
        Ok(self.node(ExprKind::Lambda { args, body }, start))
    }

    pub(super) fn disjunction(&mut self) -> ParseResult<ExprRef<'a>> {
        self.operators(binding::OR)
    }

    pub(super) fn bitwise_or(&mut self) -> ParseResult<ExprRef<'a>> {
        self.operators(binding::BIT_OR)
    }

    /// Operands joined by operators that bind at least as tightly as `least`.
    fn operators(&mut self, least: u8) -> ParseResult<ExprRef<'a>> {
        self.guard()?;
        let start = self.start();
        let mut left = match self.peek() {
            T::Not if least <= binding::NOT => {
                self.advance();
                let operand = self.operators(binding::NOT)?;
                self.node(ExprKind::UnaryOp { op: UnaryOperator::Not, operand }, start)
            }
            T::Plus => self.unary(UnaryOperator::UAdd, start)?,
            T::Minus => self.unary(UnaryOperator::USub, start)?,
            T::Tilde => self.unary(UnaryOperator::Invert, start)?,
            _ => self.power(start)?,
        };
        loop {
            let kind = self.peek();
            let strength = binding_of(kind);
            if strength < least || strength == binding::NONE {
                return Ok(left);
            }
            left = match strength {
                binding::OR => self.boolean(BoolOperator::Or, left, start)?,
                binding::AND => self.boolean(BoolOperator::And, left, start)?,
                binding::COMPARISON => match self.comparison(left, start)? {
                    Some(comparison) => comparison,
                    None => return Ok(left),
                },
                _ => {
                    let Some(op) = binary_operator(kind) else { return Err(Failed) };
                    self.advance();
                    let right = self.operators(strength + 1)?;
                    if op == Operator::MatMult {
                        self.check_version(5, "The '@' operator is")?;
                    }
                    self.node(ExprKind::BinOp { left, op, right }, start)
                }
            };
        }
    }

    fn unary(&mut self, op: UnaryOperator, start: Start) -> ParseResult<ExprRef<'a>> {
        self.advance();
        let operand = self.operators(binding::FACTOR)?;
        Ok(self.node(ExprKind::UnaryOp { op, operand }, start))
    }

    fn boolean(&mut self, op: BoolOperator, first: ExprRef<'a>, start: Start) -> ParseResult<ExprRef<'a>> {
        let (keyword, operand) = match op {
            BoolOperator::Or => (T::Or, binding::AND),
            BoolOperator::And => (T::And, binding::NOT),
        };
        let base = self.expressions.len();
        self.expressions.push(first);
        while self.eat(keyword) {
            let value = self.operators(operand)?;
            self.expressions.push(value);
        }
        let values = self.take_expressions(base);
        Ok(self.node(ExprKind::BoolOp { op, values }, start))
    }

    /// `left < b <= c …`; `None` when a `not` begins no `not in`.
    fn comparison(&mut self, left: ExprRef<'a>, start: Start) -> ParseResult<Option<ExprRef<'a>>> {
        let base = self.expressions.len();
        let mut ops: [CompareOperator; 4] = [CompareOperator::Eq; 4];
        let mut more_ops = Vec::new();
        let mut count = 0;
        while let Some(op) = self.compare_operator()? {
            let right = self.bitwise_or()?;
            self.expressions.push(right);
            match ops.get_mut(count) {
                Some(slot) => *slot = op,
                None => more_ops.push(op),
            }
            count += 1;
        }
        if count == 0 {
            return Ok(None);
        }
        let ops = if more_ops.is_empty() {
            self.sequence(&ops[..count])
        } else {
            self.sequence(&[&ops[..], &more_ops].concat())
        };
        let comparators = self.take_expressions(base);
        Ok(Some(self.node(ExprKind::Compare { left, ops, comparators }, start)))
    }

    fn compare_operator(&mut self) -> ParseResult<Option<CompareOperator>> {
        let op = match self.peek() {
            T::EqualEqual => CompareOperator::Eq,
            T::NotEqual => {
                if !self.check_not_equal()? {
                    return Ok(None);
                }
                CompareOperator::NotEq
            }
            T::Less => CompareOperator::Lt,
            T::LessEqual => CompareOperator::LtE,
            T::Greater => CompareOperator::Gt,
            T::GreaterEqual => CompareOperator::GtE,
            T::In => CompareOperator::In,
            T::Is => {
                if self.stream.peek_second() == T::Not {
                    self.advance();
                    CompareOperator::IsNot
                } else {
                    CompareOperator::Is
                }
            }
            T::Not => {
                if self.stream.peek_second() != T::In {
                    return Ok(None);
                }
                self.advance();
                CompareOperator::NotIn
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(op))
    }

    /// `!=`, unless the Barry flag asks for `<>`.
    pub(in crate::syntax) fn check_not_equal(&mut self) -> ParseResult<bool> {
        let token = self.stream.token();
        let text = self.stream.text(token);
        if self.barry_as_flufl {
            if text != "<>" {
                return self.raise("with Barry as BDFL, use '<>' instead of '!='".into());
            }
            return Ok(true);
        }
        if text != "!=" {
            self.rejected_diamond = Some(token.start);
            return Ok(false);
        }
        Ok(true)
    }

    /// `await_primary ['**' factor]`
    fn power(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        let left = if self.peek() == T::Await {
            self.advance();
            let value = self.primary()?;
            self.check_version(5, "Await expressions are")?;
            self.node(ExprKind::Await { value }, start)
        } else {
            self.primary()?
        };
        if self.peek() != T::DoubleStar {
            return Ok(left);
        }
        self.advance();
        let right = self.operators(binding::FACTOR)?;
        Ok(self.node(ExprKind::BinOp { left, op: Operator::Pow, right }, start))
    }
}

/// Whether a token can be the first of an expression.
pub(in crate::syntax) fn starts_expression(kind: T) -> bool {
    matches!(
        kind,
        T::Name
            | T::Number
            | T::String
            | T::FStringStart
            | T::TStringStart
            | T::LeftParen
            | T::LeftBracket
            | T::LeftBrace
            | T::Minus
            | T::Plus
            | T::Tilde
            | T::Ellipsis
            | T::None
            | T::True
            | T::False
            | T::Not
            | T::Lambda
            | T::Await
    )
}
