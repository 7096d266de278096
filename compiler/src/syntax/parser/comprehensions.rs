//! The `for … in … if …` clauses of comprehensions.

use super::{ParseResult, Parser};
use crate::syntax::ast::Comprehension;
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Parser<'a, '_> {
    pub(super) fn for_if_clauses(&mut self) -> ParseResult<&'a [Comprehension<'a>]> {
        let first = self.for_if_clause()?;
        if !matches!(self.peek(), T::For | T::Async) {
            return Ok(self.sequence(&[first]));
        }
        let mut clauses = vec![first];
        while matches!(self.peek(), T::For | T::Async) {
            clauses.push(self.for_if_clause()?);
        }
        Ok(self.sequence(&clauses))
    }

    fn for_if_clause(&mut self) -> ParseResult<Comprehension<'a>> {
        let is_async = self.eat(T::Async);
        self.expect(T::For)?;
        let target = self.star_targets()?;
        self.expect(T::In)?;
        let iter = self.disjunction()?;
        let base = self.expressions.len();
        while self.eat(T::If) {
            let condition = self.disjunction()?;
            self.expressions.push(condition);
        }
        let ifs = self.take_expressions(base);
        if is_async {
            self.check_version(6, "Async comprehensions are")?;
        }
        Ok(Comprehension { target, iter, ifs, is_async: i32::from(is_async) })
    }
}
