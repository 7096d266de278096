//! Simple statements.

use super::mistakes::{TargetKind, expression_name};
use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::ExprRef;
use crate::syntax::parser::augmented_operator;
use crate::syntax::tokenizer::TokenKind as T;

const NO_NAMES: &str = "Expected one or more names after 'import'";

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn statements(&mut self) -> Rule<()> {
        self.some(Self::statement).map(|_| ())
    }

    fn statement(&mut self) -> Rule<()> {
        match self.opt(Self::compound_statement)? {
            Some(()) => Ok(()),
            None => self.simple_statements(),
        }
    }

    pub(super) fn interactive(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.compound_statement()?;
                d.tok(T::NewLine)
            })?
            .is_some()
            || self.opt(Self::simple_statements)?.is_some()
            || self.eat(T::NewLine)?
        {
            return Ok(());
        }
        // The end instead of a statement is no statement.
        self.tok(T::EndMarker)?;
        Err(Miss::No)
    }

    pub(super) fn function_type(&mut self) -> Rule<()> {
        self.tok(T::LeftParen)?;
        self.opt(Self::argument_types)?;
        self.tok(T::RightParen)?;
        self.tok(T::Arrow)?;
        self.expression()?;
        while self.eat(T::NewLine)? {}
        self.tok(T::EndMarker)?;
        Ok(())
    }

    /// Plain types, then one with `*`, then one with `**`, each of the three perhaps missing.
    fn argument_types(&mut self) -> Rule<()> {
        let all: [&[T]; 3] = [&[T::Star, T::DoubleStar], &[T::Star], &[T::DoubleStar]];
        for plain in [true, false] {
            for stars in all {
                if self
                    .opt(|d| {
                        if plain {
                            d.separated(Self::expression)?;
                        }
                        for (index, &star) in stars.iter().enumerate() {
                            if plain || index > 0 {
                                d.tok(T::Comma)?;
                            }
                            d.tok(star)?;
                            d.expression()?;
                        }
                        Ok(())
                    })?
                    .is_some()
                {
                    return Ok(());
                }
            }
        }
        self.separated(Self::expression).map(|_| ())
    }

    pub(super) fn simple_statements(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.simple_statement()?;
                d.not_ahead(&[T::Semicolon])?;
                d.tok(T::NewLine)
            })?
            .is_some()
        {
            return Ok(());
        }
        self.simple_statement()?;
        while self
            .opt(|d| {
                d.tok(T::Semicolon)?;
                d.simple_statement()
            })?
            .is_some()
        {}
        self.eat(T::Semicolon)?;
        self.tok(T::NewLine)?;
        Ok(())
    }

    pub(super) fn simple_statement(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::SimpleStatement, |d| {
            d.any_simple_statement()?;
            Ok(d.nothing())
        })
    }

    fn any_simple_statement(&mut self) -> Rule<()> {
        if self.opt(Self::assignment)?.is_some() {
            return Ok(());
        }
        self.peek()?;
        if self.parser.is_soft_keyword("type") && self.opt(Self::type_alias)?.is_some() {
            return Ok(());
        }
        if self.opt(Self::star_expressions)?.is_some() {
            return Ok(());
        }
        match self.peek()? {
            T::Return => {
                self.parser.advance();
                self.opt(Self::star_expressions)?;
                Ok(())
            }
            T::Import | T::From => self.import_statement(),
            T::Raise => {
                self.parser.advance();
                if self.opt(Self::expression)?.is_some() {
                    self.opt(|d| {
                        d.tok(T::From)?;
                        d.expression()
                    })?;
                }
                Ok(())
            }
            T::Pass | T::Break | T::Continue => {
                self.parser.advance();
                Ok(())
            }
            T::Del => self.delete_statement(),
            T::Yield => self.yield_expression().map(|_| ()),
            T::Assert => {
                self.parser.advance();
                self.expression()?;
                self.opt(|d| {
                    d.tok(T::Comma)?;
                    d.expression()
                })?;
                Ok(())
            }
            T::Global | T::Nonlocal => {
                self.parser.advance();
                self.separated(|d| d.tok(T::Name)).map(|_| ())
            }
            _ => Err(Miss::No),
        }
    }

    fn type_alias(&mut self) -> Rule<()> {
        self.word("type")?;
        self.tok(T::Name)?;
        self.opt(Self::type_parameters)?;
        self.tok(T::Equal)?;
        self.expression()?;
        self.check_version(12, "Type statement is")
    }

    fn delete_statement(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::Del)?;
                d.delete_targets()?;
                d.ahead(&[T::Semicolon, T::NewLine])
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.tok(T::Del)?;
            let targets = d.star_expressions()?;
            d.raise_invalid_target(targets, TargetKind::Delete)
        })?;
        Err(Miss::No)
    }

    // --- Assignments ------------------------------------------------------------------------------------------------

    fn assignment(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::Name)?;
                d.annotation_and_value()?;
                d.check_version(6, "Variable annotation syntax is")
            })?
            .is_some()
        {
            return Ok(());
        }
        if self
            .opt(|d| {
                let parenthesized = d.opt(|d| {
                    d.tok(T::LeftParen)?;
                    d.single_target()?;
                    d.tok(T::RightParen)
                })?;
                if parenthesized.is_none() {
                    d.attribute_or_subscript()?;
                }
                d.annotation_and_value()?;
                d.check_version(6, "Variable annotations syntax is")
            })?
            .is_some()
        {
            return Ok(());
        }
        if self
            .opt(|d| {
                d.some(Self::target_and_equal)?;
                d.yield_or_star_expressions()?;
                d.not_ahead(&[T::Equal])?;
                d.eat(T::TypeComment)
            })?
            .is_some()
        {
            return Ok(());
        }
        // After an augmenting operator no other alternative is tried.
        if let Some(matched) = self.opt(|d| {
            d.single_target()?;
            d.augmented()?;
            Ok(d.opt(Self::yield_or_star_expressions)?.is_some())
        })? {
            return if matched { Ok(()) } else { Err(Miss::No) };
        }
        self.mistake(Self::invalid_assignment)?;
        Err(Miss::No)
    }

    fn annotation_and_value(&mut self) -> Rule<()> {
        self.tok(T::Colon)?;
        self.expression()?;
        self.opt(|d| {
            d.tok(T::Equal)?;
            d.yield_or_star_expressions()
        })?;
        Ok(())
    }

    fn target_and_equal(&mut self) -> Rule<()> {
        self.star_targets()?;
        self.tok(T::Equal)?;
        Ok(())
    }

    fn augmented(&mut self) -> Rule<()> {
        if augmented_operator(self.peek()?).is_none() {
            return Err(Miss::No);
        }
        self.parser.advance();
        Ok(())
    }

    fn invalid_annotation_target(&mut self) -> Rule<ExprRef<'a>> {
        if let Some(list) = self.opt(Self::list)? {
            return Ok(list);
        }
        if let Some(tuple) = self.opt(Self::tuple_display)? {
            return Ok(tuple);
        }
        self.tok(T::LeftParen)?;
        let target = self.invalid_annotation_target()?;
        self.tok(T::RightParen)?;
        Ok(target)
    }

    fn invalid_assignment(&mut self) -> Rule<()> {
        let mut decided = false;
        self.alt(|d| {
            let target = d.invalid_annotation_target()?;
            d.tok(T::Colon)?;
            d.expression()?;
            let name = expression_name(target);
            d.raise(target.span, format!("only single target (not {name}) can be annotated"))
        })?;
        self.alt(|d| {
            let first = d.star_named_expression()?;
            d.tok(T::Comma)?;
            d.many(Self::star_named_expressions)?;
            d.tok(T::Colon)?;
            d.expression()?;
            d.raise(first.span, "only single target (not tuple) can be annotated")
        })?;
        self.alt(|d| {
            let target = d.expression()?;
            d.tok(T::Colon)?;
            d.expression()?;
            d.raise(target.span, "illegal target for annotation")
        })?;
        self.alt(|d| {
            d.many(Self::target_and_equal)?;
            let target = d.star_expressions()?;
            d.tok(T::Equal)?;
            decided = true;
            d.raise_invalid_target(target, TargetKind::Star)
        })?;
        if decided {
            return Err(Miss::No);
        }
        self.alt(|d| {
            d.many(Self::target_and_equal)?;
            let target = d.yield_expression()?;
            d.tok(T::Equal)?;
            d.raise(target.span, "assignment to yield expression not possible")
        })?;
        self.alt(|d| {
            let target = d.star_expressions()?;
            d.augmented()?;
            d.yield_or_star_expressions()?;
            let name = expression_name(target);
            d.raise(target.span, format!("'{name}' is an illegal expression for augmented assignment"))
        })
    }

    // --- Imports ----------------------------------------------------------------------------------------------------

    fn import_statement(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                let import = d.tok(T::Import)?;
                d.separated(Self::dotted_name)?;
                d.tok(T::From)?;
                d.dotted_name()?;
                d.raise_from(token_span(import), "Did you mean to use 'from ... import ...' instead?")
            })?;
            d.tok(T::Import)?;
            let end = d.tok(T::NewLine)?;
            d.raise_from(token_span(end), NO_NAMES)
        })?;
        if self
            .opt(|d| {
                d.tok(T::Import)?;
                d.separated(Self::dotted_alias)
            })?
            .is_some()
        {
            return Ok(());
        }
        let start = self.mark();
        for needs_dots in [false, true] {
            if self
                .opt(|d| {
                    d.tok(T::From)?;
                    let dots = d.many(|d| d.any(&[T::Dot, T::Ellipsis]))?;
                    if !needs_dots {
                        d.dotted_name()?;
                    } else if dots.is_empty() {
                        return Err(Miss::No);
                    }
                    d.tok(T::Import)?;
                    d.import_targets()
                })?
                .is_some()
            {
                self.notice_future_import(start);
                return Ok(());
            }
        }
        Err(Miss::No)
    }

    /// `from __future__ import barry_as_FLUFL` changes the grammar of what follows.
    fn notice_future_import(&mut self, start: usize) {
        let stream = &self.parser.stream;
        let mut words = stream.tokens[start..stream.mark].iter().map(|&token| stream.text(token));
        if words.nth(1) == Some("__future__") && words.any(|word| word == "barry_as_FLUFL") {
            self.parser.barry_as_flufl = true;
        }
    }

    fn dotted_name(&mut self) -> Rule<()> {
        self.tok(T::Name)?;
        self.many(|d| {
            d.tok(T::Dot)?;
            d.tok(T::Name)
        })?;
        Ok(())
    }

    /// `… 'as' target` with a target that is no name.
    fn invalid_import_target(&mut self) -> Rule<()> {
        self.tok(T::As)?;
        if self.matches(|d| {
            d.tok(T::Name)?;
            d.any(&[T::Comma, T::RightParen, T::NewLine])
        })? {
            return Err(Miss::No);
        }
        let target = self.expression()?;
        self.raise(target.span, format!("cannot use {} as import target", expression_name(target)))
    }

    fn optional_alias(&mut self) -> Rule<()> {
        self.opt(|d| {
            d.tok(T::As)?;
            d.tok(T::Name)
        })?;
        Ok(())
    }

    fn dotted_alias(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.dotted_name()?;
            d.invalid_import_target()
        })?;
        self.dotted_name()?;
        self.optional_alias()
    }

    fn import_alias(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.tok(T::Name)?;
            d.invalid_import_target()
        })?;
        self.tok(T::Name)?;
        self.optional_alias()
    }

    fn import_targets(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::LeftParen)?;
                d.separated(Self::import_alias)?;
                d.eat(T::Comma)?;
                d.tok(T::RightParen)
            })?
            .is_some()
            || self
                .opt(|d| {
                    d.separated(Self::import_alias)?;
                    d.not_ahead(&[T::Comma])
                })?
                .is_some()
            || self.eat(T::Star)?
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.alt(|d| {
                d.separated(Self::import_alias)?;
                d.tok(T::Comma)?;
                d.tok(T::NewLine)?;
                d.raise_last("trailing comma not allowed without surrounding parentheses")
            })?;
            let end = d.tok(T::NewLine)?;
            d.raise_from(token_span(end), NO_NAMES)
        })?;
        Err(Miss::No)
    }
}
