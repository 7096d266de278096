//! The patterns of `case`.

use super::mistakes::expression_name;
use super::{Diagnosis, Memo, Miss, Rule};
use crate::syntax::ast::{Constant, ExprRef, Span};
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn patterns(&mut self) -> Rule<()> {
        if self.opt(Self::open_sequence)?.is_some() {
            return Ok(());
        }
        self.pattern().map(|_| ())
    }

    /// `maybe_star_pattern ',' [maybe_star_pattern,+ [',']]`
    fn open_sequence(&mut self) -> Rule<()> {
        self.maybe_star_pattern()?;
        self.tok(T::Comma)?;
        self.opt(Self::sequence_elements)?;
        Ok(())
    }

    fn sequence_elements(&mut self) -> Rule<()> {
        self.separated(Self::maybe_star_pattern)?;
        self.eat(T::Comma)?;
        Ok(())
    }

    fn maybe_star_pattern(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::Star)?;
                match d.opt(Self::capture_target)? {
                    Some(()) => Ok(()),
                    None => d.word("_").map(|_| ()),
                }
            })?
            .is_some()
        {
            return Ok(());
        }
        self.pattern().map(|_| ())
    }

    fn pattern(&mut self) -> Rule<Span> {
        let start = self.start()?;
        if self.opt(Self::as_pattern)?.is_none() {
            self.or_pattern()?;
        }
        Ok(self.parser.span(start))
    }

    fn as_pattern(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.or_pattern()?;
                d.tok(T::As)?;
                d.capture_target()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.alt(|d| {
                d.or_pattern()?;
                d.tok(T::As)?;
                let wildcard = d.word("_")?;
                d.raise(super::token_span(wildcard), "cannot use '_' as a target")
            })?;
            d.or_pattern()?;
            d.tok(T::As)?;
            let target = d.expression()?;
            d.raise(target.span, format!("cannot use {} as pattern target", expression_name(target)))
        })?;
        Err(Miss::No)
    }

    fn or_pattern(&mut self) -> Rule<()> {
        self.closed_pattern()?;
        self.many(|d| {
            d.tok(T::Bar)?;
            d.closed_pattern()
        })?;
        Ok(())
    }

    /// A name to bind: not `_`, and nothing after it that makes it something else.
    fn capture_target(&mut self) -> Rule<()> {
        self.peek()?;
        if self.parser.is_soft_keyword("_") {
            return Err(Miss::No);
        }
        self.tok(T::Name)?;
        self.not_ahead(&[T::Dot, T::LeftParen, T::Equal])
    }

    fn closed_pattern(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::ClosedPattern, |d| {
            let rules: [fn(&mut Self) -> Rule<()>; 8] = [
                Self::literal_pattern,
                Self::capture_target,
                |d| d.word("_").map(|_| ()),
                Self::value_pattern,
                Self::group_pattern,
                Self::sequence_pattern,
                Self::mapping_pattern,
                Self::class_pattern,
            ];
            for rule in rules {
                if d.opt(rule)?.is_some() {
                    return Ok(d.nothing());
                }
            }
            Err(Miss::No)
        })
    }

    fn literal_pattern(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.signed_number()?;
                d.not_ahead(&[T::Plus, T::Minus])
            })?
            .is_some()
            || self.opt(Self::complex_number)?.is_some()
        {
            return Ok(());
        }
        if matches!(self.peek()?, T::String | T::FStringStart | T::TStringStart) {
            return self.strings().map(|_| ());
        }
        self.any(&[T::None, T::True, T::False]).map(|_| ())
    }

    fn number(&mut self) -> Rule<(Constant<'a>, Span)> {
        let token = self.tok(T::Number)?;
        let value = self.parser.number(token).map_err(|_| Miss::Raised)?;
        Ok((value, super::token_span(token)))
    }

    fn signed_number(&mut self) -> Rule<(Constant<'a>, Span)> {
        let start = self.start()?;
        self.eat(T::Minus)?;
        let (value, _) = self.number()?;
        Ok((value, self.parser.span(start)))
    }

    fn complex_number(&mut self) -> Rule<()> {
        let (real, real_span) = self.signed_number()?;
        if matches!(real, Constant::Imaginary(_)) {
            self.ahead(&[T::Plus, T::Minus])?;
            return self.raise(real_span, "real number required in complex literal");
        }
        self.any(&[T::Plus, T::Minus])?;
        let (imaginary, span) = self.number()?;
        if !matches!(imaginary, Constant::Imaginary(_)) {
            return self.raise(span, "imaginary number required in complex literal");
        }
        Ok(())
    }

    /// `NAME ('.' NAME)+`
    fn attribute(&mut self) -> Rule<()> {
        self.tok(T::Name)?;
        self.some(|d| {
            d.tok(T::Dot)?;
            d.tok(T::Name)
        })?;
        Ok(())
    }

    fn value_pattern(&mut self) -> Rule<()> {
        self.attribute()?;
        self.not_ahead(&[T::Dot, T::LeftParen, T::Equal])
    }

    fn group_pattern(&mut self) -> Rule<()> {
        self.tok(T::LeftParen)?;
        self.pattern()?;
        self.tok(T::RightParen).map(|_| ())
    }

    fn sequence_pattern(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::LeftBracket)?;
                d.opt(Self::sequence_elements)?;
                d.tok(T::RightBracket)
            })?
            .is_some()
        {
            return Ok(());
        }
        self.tok(T::LeftParen)?;
        self.opt(Self::open_sequence)?;
        self.tok(T::RightParen).map(|_| ())
    }

    fn mapping_pattern(&mut self) -> Rule<()> {
        self.tok(T::LeftBrace)?;
        let items = self.opt(|d| d.separated(Self::mapping_item))?;
        if items.is_none() || self.eat(T::Comma)? {
            self.opt(|d| {
                d.tok(T::DoubleStar)?;
                d.capture_target()?;
                d.eat(T::Comma)
            })?;
        }
        self.tok(T::RightBrace).map(|_| ())
    }

    fn mapping_item(&mut self) -> Rule<()> {
        if self.opt(Self::literal_pattern)?.is_none() {
            self.attribute()?;
        }
        self.tok(T::Colon)?;
        self.pattern().map(|_| ())
    }

    fn class_name(&mut self) -> Rule<()> {
        self.tok(T::Name)?;
        self.many(|d| {
            d.tok(T::Dot)?;
            d.tok(T::Name)
        })?;
        self.tok(T::LeftParen).map(|_| ())
    }

    fn keyword_patterns(&mut self) -> Rule<()> {
        self.separated(|d| {
            d.tok(T::Name)?;
            d.tok(T::Equal)?;
            d.pattern()
        })?;
        Ok(())
    }

    fn class_pattern(&mut self) -> Rule<()> {
        let close = |d: &mut Self| -> Rule<()> {
            d.eat(T::Comma)?;
            d.tok(T::RightParen).map(|_| ())
        };
        if self
            .opt(|d| {
                d.class_name()?;
                d.tok(T::RightParen)
            })?
            .is_some()
            || self
                .opt(|d| {
                    d.class_name()?;
                    d.separated(Self::pattern)?;
                    close(d)
                })?
                .is_some()
            || self
                .opt(|d| {
                    d.class_name()?;
                    d.keyword_patterns()?;
                    close(d)
                })?
                .is_some()
            || self
                .opt(|d| {
                    d.class_name()?;
                    d.separated(Self::pattern)?;
                    d.tok(T::Comma)?;
                    d.keyword_patterns()?;
                    close(d)
                })?
                .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.class_name()?;
            d.opt(|d| {
                d.separated(Self::pattern)?;
                d.tok(T::Comma)
            })?;
            d.keyword_patterns()?;
            d.tok(T::Comma)?;
            let positional = d.separated(Self::pattern)?;
            match positional[..] {
                [first, .., last] => d.raise_range(first, last, "positional patterns follow keyword patterns"),
                [only] => d.raise(only, "positional patterns follow keyword patterns"),
                [] => Err(Miss::No),
            }
        })?;
        Err(Miss::No)
    }
}
