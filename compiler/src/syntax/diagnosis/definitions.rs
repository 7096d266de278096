//! Functions, classes and type parameters.

use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::{ExprKind, ExprRef};
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Diagnosis<'a, '_> {
    fn decorators(&mut self) -> Rule<()> {
        self.some(|d| {
            d.tok(T::At)?;
            d.named_expression()?;
            d.tok(T::NewLine)
        })?;
        Ok(())
    }

    pub(super) fn function(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.decorators()?;
                d.bare_function()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.bare_function()
    }

    fn bare_function(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.eat(T::Async)?;
            let header = d.tok(T::Def)?;
            d.tok(T::Name)?;
            d.opt(Self::type_parameters)?;
            d.tok(T::LeftParen)?;
            d.opt(Self::parameters)?;
            d.tok(T::RightParen)?;
            d.opt(Self::return_annotation)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "function definition")
        })?;
        if self.opt(|d| d.function_from_def())?.is_some() {
            return Ok(());
        }
        self.tok(T::Async)?;
        self.function_from_def()?;
        self.check_version(5, "Async functions are")
    }

    fn return_annotation(&mut self) -> Rule<ExprRef<'a>> {
        self.tok(T::Arrow)?;
        self.expression()
    }

    fn function_from_def(&mut self) -> Rule<()> {
        self.tok(T::Def)?;
        self.tok(T::Name)?;
        self.opt(Self::type_parameters)?;
        self.forced(T::LeftParen)?;
        self.opt(Self::parameters)?;
        self.tok(T::RightParen)?;
        self.opt(Self::return_annotation)?;
        self.forced(T::Colon)?;
        self.opt(Self::function_type_comment)?;
        self.block()
    }

    fn function_type_comment(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::NewLine)?;
                d.tok(T::TypeComment)?;
                if d.matches(|d| {
                    d.tok(T::NewLine)?;
                    d.tok(T::Indent)
                })? {
                    Ok(())
                } else {
                    Err(Miss::No)
                }
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.tok(T::TypeComment)?;
            d.tok(T::NewLine)?;
            d.tok(T::TypeComment)?;
            d.tok(T::NewLine)?;
            d.tok(T::Indent)?;
            d.raise_last("Cannot have two type comments on def")
        })?;
        self.tok(T::TypeComment)?;
        Ok(())
    }

    pub(super) fn class(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.decorators()?;
                d.bare_class()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.bare_class()
    }

    fn class_header(&mut self) -> Rule<()> {
        self.tok(T::Name)?;
        self.opt(Self::type_parameters)?;
        self.opt(|d| {
            d.tok(T::LeftParen)?;
            d.opt(Self::arguments)?;
            d.tok(T::RightParen)
        })?;
        Ok(())
    }

    fn bare_class(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                d.tok(T::Class)?;
                d.class_header()?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            let header = d.tok(T::Class)?;
            d.class_header()?;
            d.tok(T::Colon)?;
            d.missing_block(header, "class definition")
        })?;
        self.tok(T::Class)?;
        self.class_header()?;
        self.tok(T::Colon)?;
        self.block()
    }

    // --- Type parameters --------------------------------------------------------------------------------------------

    pub(super) fn type_parameters(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.tok(T::LeftBracket)?;
            let close = d.tok(T::RightBracket)?;
            d.raise_from(token_span(close), "Type parameter list cannot be empty")
        })?;
        self.tok(T::LeftBracket)?;
        self.separated(Self::type_parameter)?;
        self.eat(T::Comma)?;
        self.tok(T::RightBracket)?;
        self.check_version(12, "Type parameter lists are")
    }

    fn type_parameter_default(&mut self) -> Rule<()> {
        self.tok(T::Equal)?;
        self.expression()?;
        self.check_version(13, "Type parameter defaults are")
    }

    fn type_parameter(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::TypeParameter, |d| {
            if d.opt(|d| {
                d.tok(T::Name)?;
                d.opt(|d| {
                    d.tok(T::Colon)?;
                    d.expression()
                })?;
                d.opt(Self::type_parameter_default)
            })?
            .is_some()
            {
                return Ok(d.nothing());
            }
            d.mistake(|d| {
                d.alt(|d| {
                    d.tok(T::Star)?;
                    d.invalid_bound("TypeVarTuple")
                })?;
                d.tok(T::DoubleStar)?;
                d.invalid_bound("ParamSpec")
            })?;
            if d.opt(|d| {
                d.tok(T::Star)?;
                d.tok(T::Name)?;
                d.opt(|d| {
                    d.tok(T::Equal)?;
                    d.star_expression()?;
                    d.check_version(13, "Type parameter defaults are")
                })
            })?
            .is_some()
            {
                return Ok(d.nothing());
            }
            d.tok(T::DoubleStar)?;
            d.tok(T::Name)?;
            d.opt(Self::type_parameter_default)?;
            Ok(d.nothing())
        })
    }

    /// A bound on what can have none.
    fn invalid_bound(&mut self, class: &str) -> Rule<()> {
        self.tok(T::Name)?;
        let colon = self.tok(T::Colon)?;
        let bound = self.expression()?;
        let what = if matches!(bound.kind, ExprKind::Tuple { .. }) { "constraints" } else { "bound" };
        self.raise_from(token_span(colon), format!("cannot use {what} with {class}"))
    }
}
