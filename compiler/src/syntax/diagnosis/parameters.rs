//! Parameters of functions and lambdas. The two grammars have one shape; [`Place`] says what differs.

use super::{Diagnosis, Miss, Rule, token_span};
use crate::syntax::ast::Span;
use crate::syntax::tokenizer::TokenKind as T;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Function,
    Lambda,
}

impl Place {
    /// The token after the list.
    fn end(self) -> T {
        match self {
            Self::Function => T::RightParen,
            Self::Lambda => T::Colon,
        }
    }
}

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn parameters(&mut self) -> Rule<()> {
        self.parameter_list(Place::Function)
    }

    pub(super) fn lambda_parameters(&mut self) -> Rule<()> {
        self.parameter_list(Place::Lambda)
    }

    fn parameter_list(&mut self, place: Place) -> Rule<()> {
        const POSITIONAL_ONLY: &str = "Positional-only parameters are";
        self.mistake(|d| d.invalid_parameters(place))?;
        let star_etc = |d: &mut Self| d.opt(|d| d.star_etc(place));
        if self
            .opt(|d| {
                d.slash_without_defaults(place)?;
                d.many(|d| d.without_default(place))?;
                d.many(|d| d.with_default(place))?;
                star_etc(d)?;
                d.check_version(8, POSITIONAL_ONLY)
            })?
            .is_some()
            || self
                .opt(|d| {
                    d.slash_with_defaults(place)?;
                    d.many(|d| d.with_default(place))?;
                    star_etc(d)?;
                    d.check_version(8, POSITIONAL_ONLY)
                })?
                .is_some()
            || self
                .opt(|d| {
                    d.some(|d| d.without_default(place))?;
                    d.many(|d| d.with_default(place))?;
                    star_etc(d)
                })?
                .is_some()
            || self
                .opt(|d| {
                    d.some(|d| d.with_default(place))?;
                    star_etc(d)
                })?
                .is_some()
        {
            return Ok(());
        }
        self.star_etc(place)
    }

    /// `'/'` and what must follow it.
    fn slash(&mut self, place: Place) -> Rule<()> {
        self.tok(T::Slash)?;
        if !self.eat(T::Comma)? {
            self.ahead(&[place.end()])?;
        }
        Ok(())
    }

    fn slash_without_defaults(&mut self, place: Place) -> Rule<()> {
        self.some(|d| d.without_default(place))?;
        self.slash(place)
    }

    fn slash_with_defaults(&mut self, place: Place) -> Rule<()> {
        self.many(|d| d.without_default(place))?;
        self.some(|d| d.with_default(place))?;
        self.slash(place)
    }

    /// The name, with its annotation where there can be one.
    fn parameter(&mut self, place: Place) -> Rule<Span> {
        let start = self.start()?;
        self.tok(T::Name)?;
        if place == Place::Function {
            self.opt(|d| {
                d.tok(T::Colon)?;
                d.expression()
            })?;
        }
        Ok(self.parser.span(start))
    }

    /// The comma (with a type comment) after a parameter, or the end of the list ahead.
    fn after(&mut self, place: Place) -> Rule<()> {
        if self.eat(T::Comma)? {
            if place == Place::Function {
                self.eat(T::TypeComment)?;
            }
            return Ok(());
        }
        if place == Place::Function {
            self.eat(T::TypeComment)?;
        }
        self.ahead(&[place.end()])
    }

    fn without_default(&mut self, place: Place) -> Rule<Span> {
        let name = self.parameter(place)?;
        self.after(place)?;
        Ok(name)
    }

    fn with_default(&mut self, place: Place) -> Rule<()> {
        self.parameter(place)?;
        self.default()?;
        self.after(place)
    }

    fn maybe_default(&mut self, place: Place) -> Rule<()> {
        self.parameter(place)?;
        self.opt(Self::default)?;
        self.after(place)
    }

    fn default(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::Equal)?;
                d.expression()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            let equal = d.tok(T::Equal)?;
            d.ahead(&[T::RightParen, T::Comma])?;
            d.raise(token_span(equal), "expected default value expression")
        })?;
        Err(Miss::No)
    }

    fn star_etc(&mut self, place: Place) -> Rule<()> {
        self.mistake(|d| d.invalid_star_etc(place))?;
        if self
            .opt(|d| {
                d.tok(T::Star)?;
                d.without_default(place)?;
                d.many(|d| d.maybe_default(place))?;
                d.opt(|d| d.keywords(place))
            })?
            .is_some()
        {
            return Ok(());
        }
        if place == Place::Function
            && self
                .opt(|d| {
                    d.tok(T::Star)?;
                    d.tok(T::Name)?;
                    d.tok(T::Colon)?;
                    d.star_expression()?;
                    d.after(place)?;
                    d.many(|d| d.maybe_default(place))?;
                    d.opt(|d| d.keywords(place))
                })?
                .is_some()
        {
            return Ok(());
        }
        if self
            .opt(|d| {
                d.tok(T::Star)?;
                d.tok(T::Comma)?;
                d.some(|d| d.maybe_default(place))?;
                d.opt(|d| d.keywords(place))
            })?
            .is_some()
        {
            return Ok(());
        }
        self.keywords(place)
    }

    fn keywords(&mut self, place: Place) -> Rule<()> {
        self.mistake(|d| d.invalid_keywords(place))?;
        self.tok(T::DoubleStar)?;
        self.without_default(place)?;
        Ok(())
    }

    // --- Mistakes ---------------------------------------------------------------------------------------------------

    fn invalid_parameters(&mut self, place: Place) -> Rule<()> {
        self.alt(|d| {
            let slash = d.tok(T::Slash)?;
            d.tok(T::Comma)?;
            d.raise(token_span(slash), "at least one argument must precede /")
        })?;
        let any_slash = |d: &mut Self| match d.opt(|d| d.slash_without_defaults(place))? {
            Some(()) => Ok(()),
            None => d.slash_with_defaults(place),
        };
        self.alt(|d| {
            any_slash(d)?;
            d.many(|d| d.maybe_default(place))?;
            let slash = d.tok(T::Slash)?;
            d.raise(token_span(slash), "/ may appear only once")
        })?;
        self.alt(|d| {
            d.opt(|d| d.slash_without_defaults(place))?;
            d.many(|d| d.without_default(place))?;
            if d.opt(|d| d.slash_with_defaults(place))?.is_none() {
                d.some(|d| d.with_default(place))?;
            }
            let name = d.without_default(place)?;
            d.raise(name, "parameter without a default follows parameter with a default")
        })?;
        self.alt(|d| {
            d.many(|d| d.without_default(place))?;
            let open = d.tok(T::LeftParen)?;
            match place {
                Place::Function => {
                    d.some(|d| d.without_default(place))?;
                }
                Place::Lambda => {
                    d.separated(|d| d.tok(T::Name))?;
                }
            }
            d.eat(T::Comma)?;
            let close = d.tok(T::RightParen)?;
            let what = if place == Place::Function { "Function" } else { "Lambda expression" };
            d.raise_range(
                token_span(open),
                token_span(close),
                format!("{what} parameters cannot be parenthesized"),
            )
        })?;
        self.alt(|d| {
            d.opt(any_slash)?;
            d.many(|d| d.maybe_default(place))?;
            d.tok(T::Star)?;
            if !d.eat(T::Comma)? {
                d.without_default(place)?;
            }
            d.many(|d| d.maybe_default(place))?;
            let slash = d.tok(T::Slash)?;
            d.raise(token_span(slash), "/ must be ahead of *")
        })?;
        self.alt(|d| {
            d.some(|d| d.maybe_default(place))?;
            d.tok(T::Slash)?;
            let star = d.tok(T::Star)?;
            d.raise(token_span(star), "expected comma between / and *")
        })
    }

    fn invalid_star_etc(&mut self, place: Place) -> Rule<()> {
        self.alt(|d| {
            let star = d.tok(T::Star)?;
            if !d.eat(place.end())? {
                d.tok(T::Comma)?;
                d.any(&[place.end(), T::DoubleStar])?;
            }
            const MESSAGE: &str = "named arguments must follow bare *";
            match place {
                Place::Function => d.raise(token_span(star), MESSAGE),
                Place::Lambda => d.raise_last(MESSAGE),
            }
        })?;
        if place == Place::Function {
            self.alt(|d| {
                d.tok(T::Star)?;
                d.tok(T::Comma)?;
                d.tok(T::TypeComment)?;
                d.raise_last("bare * has associated type comment")
            })?;
        }
        self.alt(|d| {
            d.tok(T::Star)?;
            d.parameter(place)?;
            let equal = d.tok(T::Equal)?;
            d.raise(token_span(equal), "var-positional argument cannot have default value")
        })?;
        self.alt(|d| {
            d.tok(T::Star)?;
            d.parameter_or_comma(place)?;
            d.many(|d| d.maybe_default(place))?;
            let star = d.tok(T::Star)?;
            d.parameter_or_comma(place)?;
            d.raise(token_span(star), "* argument may appear only once")
        })
    }

    fn parameter_or_comma(&mut self, place: Place) -> Rule<()> {
        match self.opt(|d| d.without_default(place))? {
            Some(_) => Ok(()),
            None => self.tok(T::Comma).map(|_| ()),
        }
    }

    fn invalid_keywords(&mut self, place: Place) -> Rule<()> {
        self.alt(|d| {
            d.tok(T::DoubleStar)?;
            d.parameter(place)?;
            let equal = d.tok(T::Equal)?;
            d.raise(token_span(equal), "var-keyword argument cannot have default value")
        })?;
        const FOLLOWS: &str = "arguments cannot follow var-keyword argument";
        self.alt(|d| {
            d.tok(T::DoubleStar)?;
            d.parameter(place)?;
            d.tok(T::Comma)?;
            let span = d.parameter(place)?;
            d.raise(span, FOLLOWS)
        })?;
        self.alt(|d| {
            d.tok(T::DoubleStar)?;
            d.parameter(place)?;
            d.tok(T::Comma)?;
            let token = d.any(&[T::Star, T::DoubleStar, T::Slash])?;
            d.raise(token_span(token), FOLLOWS)
        })
    }
}
