//! Simple statements, and the lines that hold them.

use super::expressions::starts_expression;
use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{Alias, ExprContext, ExprKind, ExprRef, Operator, Stmt, StmtKind};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

/// The operator of an augmented assignment.
pub(in crate::syntax) fn augmented_operator(kind: T) -> Option<Operator> {
    Some(match kind {
        T::PlusEqual => Operator::Add,
        T::MinusEqual => Operator::Sub,
        T::StarEqual => Operator::Mult,
        T::AtEqual => Operator::MatMult,
        T::SlashEqual => Operator::Div,
        T::PercentEqual => Operator::Mod,
        T::AmpersandEqual => Operator::BitAnd,
        T::BarEqual => Operator::BitOr,
        T::CircumflexEqual => Operator::BitXor,
        T::LeftShiftEqual => Operator::LShift,
        T::RightShiftEqual => Operator::RShift,
        T::DoubleStarEqual => Operator::Pow,
        T::DoubleSlashEqual => Operator::FloorDiv,
        _ => return None,
    })
}

impl<'a> Parser<'a, '_> {
    /// A statement, or a line of simple statements: appended to `self.statements`.
    pub(super) fn statement(&mut self) -> ParseResult<()> {
        match self.compound_statement()? {
            Some(statement) => {
                self.statements.push(statement);
                Ok(())
            }
            None => self.simple_statements(),
        }
    }

    pub(super) fn interactive_statement(&mut self) -> ParseResult<()> {
        match self.peek() {
            T::NewLine => {
                let start = self.start();
                self.advance();
                let statement = self.statement_node(StmtKind::Pass {}, start);
                self.statements.push(statement);
                return Ok(());
            }
            // Nothing at all is the error "invalid syntax", as an unfinished statement is.
            T::EndMarker => return Err(Failed),
            _ => {}
        }
        match self.compound_statement()? {
            Some(statement) => {
                self.statements.push(statement);
                self.expect(T::NewLine)
            }
            None => self.simple_statements(),
        }
    }

    /// `simple_stmt (';' simple_stmt)* [';'] NEWLINE`
    pub(super) fn simple_statements(&mut self) -> ParseResult<()> {
        loop {
            let statement = self.simple_statement()?;
            self.statements.push(statement);
            if !self.eat(T::Semicolon) {
                return self.expect(T::NewLine);
            }
            if self.eat(T::NewLine) {
                return Ok(());
            }
        }
    }

    pub(super) fn statement_node(&self, kind: StmtKind<'a>, start: Start) -> Stmt<'a> {
        Stmt { kind, span: self.span(start) }
    }

    pub(in crate::syntax) fn simple_statement(&mut self) -> ParseResult<Stmt<'a>> {
        let start = self.start();
        let kind = match self.peek() {
            T::Return => {
                self.advance();
                let value = self.optional_star_expressions()?;
                StmtKind::Return { value }
            }
            T::Import => {
                self.advance();
                StmtKind::Import { names: self.dotted_aliases()? }
            }
            T::From => self.import_from()?,
            T::Raise => self.raise_statement()?,
            T::Pass => {
                self.advance();
                StmtKind::Pass {}
            }
            T::Break => {
                self.advance();
                StmtKind::Break {}
            }
            T::Continue => {
                self.advance();
                StmtKind::Continue {}
            }
            T::Del => {
                self.advance();
                let targets = self.delete_targets()?;
                if !matches!(self.peek(), T::Semicolon | T::NewLine) {
                    return Err(Failed);
                }
                StmtKind::Delete { targets }
            }
            T::Yield => {
                let value = self.yield_expression()?;
                if self.peek() == T::Equal {
                    return Err(Failed);
                }
                StmtKind::Expr { value }
            }
            T::Assert => {
                self.advance();
                let test = self.expression()?;
                let msg = if self.eat(T::Comma) { Some(self.expression()?) } else { None };
                StmtKind::Assert { test, msg }
            }
            T::Global => {
                self.advance();
                StmtKind::Global { names: self.name_list()? }
            }
            T::Nonlocal => {
                self.advance();
                StmtKind::Nonlocal { names: self.name_list()? }
            }
            _ => {
                if self.is_soft_keyword("type")
                    && let Some(kind) = self.attempt(Self::type_alias)?
                {
                    kind
                } else {
                    self.expression_statement()?
                }
            }
        };
        Ok(self.statement_node(kind, start))
    }

    fn optional_star_expressions(&mut self) -> ParseResult<Option<ExprRef<'a>>> {
        let next = self.peek();
        if next == T::Star || starts_expression(next) { self.star_expressions().map(Some) } else { Ok(None) }
    }

    fn name_list(&mut self) -> ParseResult<&'a [&'a str]> {
        let mut names = vec![self.identifier()?];
        while self.eat(T::Comma) {
            names.push(self.identifier()?);
        }
        Ok(self.sequence(&names))
    }

    fn raise_statement(&mut self) -> ParseResult<StmtKind<'a>> {
        self.advance();
        if !starts_expression(self.peek()) {
            return Ok(StmtKind::Raise { exc: None, cause: None });
        }
        let exc = Some(self.expression()?);
        let cause = if self.eat(T::From) { Some(self.expression()?) } else { None };
        Ok(StmtKind::Raise { exc, cause })
    }

    fn type_alias(&mut self) -> ParseResult<StmtKind<'a>> {
        self.advance();
        let token = self.expect_token(T::Name)?;
        let id = self.name_of(token);
        let name = self.node(ExprKind::Name { id, ctx: ExprContext::Store }, (token.line, token.col));
        let type_params = self.type_parameters()?;
        self.expect(T::Equal)?;
        let value = self.expression()?;
        self.check_version(12, "Type statement is")?;
        Ok(StmtKind::TypeAlias { name, type_params, value })
    }

    /// An assignment of any form, or an expression.
    fn expression_statement(&mut self) -> ParseResult<StmtKind<'a>> {
        let mark = self.stream.mark;
        let expression = self.star_expressions()?;
        match self.peek() {
            T::Equal => self.assignment(expression),
            T::Colon => self.annotated_assignment(expression, mark),
            kind => match augmented_operator(kind) {
                None => Ok(StmtKind::Expr { value: expression }),
                Some(op) => {
                    if !matches!(
                        expression.kind,
                        ExprKind::Name { .. } | ExprKind::Attribute { .. } | ExprKind::Subscript { .. }
                    ) {
                        return Err(Failed);
                    }
                    let target = self.as_target(expression, ExprContext::Store)?;
                    self.advance();
                    let value = self.yield_or_star_expressions()?;
                    Ok(StmtKind::AugAssign { target, op, value })
                }
            },
        }
    }

    /// `target = target = … value`; the current token is the first `=`.
    fn assignment(&mut self, first: ExprRef<'a>) -> ParseResult<StmtKind<'a>> {
        let base = self.expressions.len();
        let target = self.as_target(first, ExprContext::Store)?;
        self.expressions.push(target);
        let value = loop {
            self.expect(T::Equal)?;
            if self.peek() == T::Yield {
                let value = self.yield_expression()?;
                if self.peek() == T::Equal {
                    return Err(Failed);
                }
                break value;
            }
            let value = self.star_expressions()?;
            if self.peek() != T::Equal {
                break value;
            }
            let target = self.as_target(value, ExprContext::Store)?;
            self.expressions.push(target);
        };
        let type_comment = self.type_comment();
        let targets = self.take_expressions(base);
        Ok(StmtKind::Assign { targets, value, type_comment })
    }

    fn annotated_assignment(&mut self, target: ExprRef<'a>, mark: usize) -> ParseResult<StmtKind<'a>> {
        if !matches!(target.kind, ExprKind::Name { .. } | ExprKind::Attribute { .. } | ExprKind::Subscript { .. }) {
            return Err(Failed);
        }
        // A name in parentheses is not simple.
        let simple = matches!(target.kind, ExprKind::Name { .. }) && self.stream.mark == mark + 1;
        let target = self.as_target(target, ExprContext::Store)?;
        self.advance();
        let annotation = self.expression()?;
        let value = if self.eat(T::Equal) { Some(self.yield_or_star_expressions()?) } else { None };
        self.check_version(6, "Variable annotation syntax is")?;
        Ok(StmtKind::AnnAssign { target, annotation, value, simple: i32::from(simple) })
    }

    pub(super) fn type_comment(&mut self) -> Option<&'a str> {
        if !self.options.type_comments || self.peek() != T::TypeComment {
            return None;
        }
        let token = self.take();
        Some(self.stream.text(token))
    }

    // --- Imports ----------------------------------------------------------------------------------------------------

    fn dotted_aliases(&mut self) -> ParseResult<&'a [Alias<'a>]> {
        let mut names = Vec::new();
        loop {
            let start = self.start();
            let name = self.dotted_name()?;
            let asname = if self.eat(T::As) { Some(self.identifier()?) } else { None };
            names.push(Alias { name, asname, span: self.span(start) });
            if !self.eat(T::Comma) {
                return Ok(self.sequence(&names));
            }
        }
    }

    fn dotted_name(&mut self) -> ParseResult<&'a str> {
        let first = self.expect_token(T::Name)?;
        let mut name = self.name_of(first);
        while self.eat(T::Dot) {
            let part = self.expect_token(T::Name)?;
            let part_name = self.name_of(part);
            let whole = &self.stream.source[first.start as usize..part.end as usize];
            // Blanks and unnormalised names need a copy.
            name = if whole.len() == name.len() + 1 + part_name.len() && whole.is_ascii() {
                whole
            } else {
                self.arena.alloc_str(&format!("{name}.{part_name}"))
            };
        }
        Ok(name)
    }

    fn import_from(&mut self) -> ParseResult<StmtKind<'a>> {
        self.advance();
        let mut level = 0;
        loop {
            match self.peek() {
                T::Dot => level += 1,
                T::Ellipsis => level += 3,
                _ => break,
            }
            self.advance();
        }
        let module = if level > 0 && self.peek() == T::Import { None } else { Some(self.dotted_name()?) };
        self.expect(T::Import)?;
        let start = self.start();
        let names = match self.peek() {
            T::Star => {
                self.advance();
                let star = Alias { name: "*", asname: None, span: self.span(start) };
                self.sequence(&[star])
            }
            T::LeftParen => {
                self.advance();
                let names = self.import_aliases(true)?;
                self.expect(T::RightParen)?;
                names
            }
            _ => self.import_aliases(false)?,
        };
        if module == Some("__future__") && names.iter().any(|alias| alias.name == "barry_as_FLUFL") {
            self.barry_as_flufl = true;
        }
        Ok(StmtKind::ImportFrom { module, names, level: Some(level) })
    }

    fn import_aliases(&mut self, in_parentheses: bool) -> ParseResult<&'a [Alias<'a>]> {
        let mut names = Vec::new();
        loop {
            let start = self.start();
            let name = self.identifier()?;
            let asname = if self.eat(T::As) { Some(self.identifier()?) } else { None };
            names.push(Alias { name, asname, span: self.span(start) });
            if !self.eat(T::Comma) || (in_parentheses && self.peek() == T::RightParen) {
                return Ok(self.sequence(&names));
            }
        }
    }
}
