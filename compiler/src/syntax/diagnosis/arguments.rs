//! The arguments of calls.

use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::{ExprContext, ExprKind, ExprRef};
use crate::syntax::tokenizer::TokenKind as T;

/// What messages need of matched arguments.
struct Arguments<'a> {
    /// With `*unpacked` ones, also those after keywords.
    positional: Vec<ExprRef<'a>>,
    has_double_star: bool,
}

/// One argument that may stand after a keyword.
enum KeywordArgument<'a> {
    Keyword,
    Starred(ExprRef<'a>),
    DoubleStarred,
}

const MAYBE_COMPARISON: &str = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn arguments(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Arguments, |d| {
            if d.opt(|d| {
                d.args()?;
                d.eat(T::Comma)?;
                d.ahead(&[T::RightParen])
            })?
            .is_some()
            {
                return Ok(d.nothing());
            }
            d.mistake(Self::invalid_arguments)?;
            Err(Miss::No)
        })
    }

    /// `(starred_expression | (assignment_expression | expression !':=') !'=')`
    fn positional_argument(&mut self) -> Rule<ExprRef<'a>> {
        if let Some(starred) = self.opt(Self::starred_expression)? {
            return Ok(starred);
        }
        let value = self.assignment_or_expression()?;
        self.not_ahead(&[T::Equal])?;
        Ok(value)
    }

    fn args(&mut self) -> Rule<Arguments<'a>> {
        let both = self.opt(|d| {
            let mut positional = d.separated(Self::positional_argument)?;
            let keywords = d.opt(|d| {
                d.tok(T::Comma)?;
                d.keyword_arguments()
            })?;
            let mut has_double_star = false;
            if let Some(keywords) = keywords {
                has_double_star = keywords.has_double_star;
                positional.extend(keywords.positional);
            }
            Ok(Arguments { positional, has_double_star })
        })?;
        match both {
            Some(arguments) => Ok(arguments),
            None => self.keyword_arguments(),
        }
    }

    /// `kwargs`
    fn keyword_arguments(&mut self) -> Rule<Arguments<'a>> {
        let collect = |items: Vec<KeywordArgument<'a>>| {
            let mut arguments = Arguments { positional: Vec::new(), has_double_star: false };
            for item in items {
                match item {
                    KeywordArgument::Keyword => {}
                    KeywordArgument::Starred(value) => arguments.positional.push(value),
                    KeywordArgument::DoubleStarred => arguments.has_double_star = true,
                }
            }
            arguments
        };
        if let Some(items) = self.opt(|d| {
            let mut items = d.separated(Self::keyword_or_starred)?;
            d.tok(T::Comma)?;
            items.extend(d.separated(Self::keyword_or_double_starred)?);
            Ok(items)
        })? {
            return Ok(collect(items));
        }
        if let Some(items) = self.opt(|d| d.separated(Self::keyword_or_starred))? {
            return Ok(collect(items));
        }
        self.separated(Self::keyword_or_double_starred).map(collect)
    }

    fn keyword(&mut self) -> Rule<KeywordArgument<'a>> {
        self.tok(T::Name)?;
        self.tok(T::Equal)?;
        self.expression()?;
        Ok(KeywordArgument::Keyword)
    }

    fn keyword_or_starred(&mut self) -> Rule<KeywordArgument<'a>> {
        self.mistake(Self::invalid_keyword)?;
        if let Some(keyword) = self.opt(Self::keyword)? {
            return Ok(keyword);
        }
        self.starred_expression().map(KeywordArgument::Starred)
    }

    fn keyword_or_double_starred(&mut self) -> Rule<KeywordArgument<'a>> {
        self.mistake(Self::invalid_keyword)?;
        if let Some(keyword) = self.opt(Self::keyword)? {
            return Ok(keyword);
        }
        self.tok(T::DoubleStar)?;
        self.expression()?;
        Ok(KeywordArgument::DoubleStarred)
    }

    pub(super) fn starred_expression(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.mistake(|d| {
            let star = d.tok(T::Star)?;
            d.expression()?;
            d.tok(T::Equal)?;
            let value = d.expression()?;
            d.raise_range(token_span(star), value.span, "cannot assign to iterable argument unpacking")
        })?;
        if let Some(starred) = self.opt(|d| {
            d.tok(T::Star)?;
            let value = d.expression()?;
            Ok(d.node(ExprKind::Starred { value, ctx: ExprContext::Load }, start))
        })? {
            return Ok(starred);
        }
        self.mistake(|d| {
            d.tok(T::Star)?;
            d.raise_last("Invalid star expression")
        })?;
        Err(Miss::No)
    }

    fn invalid_arguments(&mut self) -> Rule<()> {
        let mut decided = false;
        self.alt(|d| {
            if d.opt(|d| {
                d.separated(Self::positional_argument)?;
                d.tok(T::Comma)?;
                d.keyword_arguments()
            })?
            .is_none()
            {
                d.keyword_arguments()?;
            }
            let comma = d.tok(T::Comma)?;
            d.separated(|d| {
                let starred = d.starred_expression()?;
                d.not_ahead(&[T::Equal])?;
                Ok(starred)
            })?;
            d.raise_from(
                token_span(comma),
                "iterable argument unpacking follows keyword argument unpacking",
            )
        })?;
        self.alt(|d| {
            let element = d.expression()?;
            let last = d.for_if_clauses()?;
            d.tok(T::Comma)?;
            d.opt(|d| {
                if d.opt(Self::args)?.is_some() {
                    return Ok(());
                }
                d.expression()?;
                d.for_if_clauses().map(|_| ())
            })?;
            d.raise_range(element.span, last, "Generator expression must be parenthesized")
        })?;
        self.alt(|d| {
            let name = d.tok(T::Name)?;
            let equal = d.tok(T::Equal)?;
            d.expression()?;
            d.for_if_clauses()?;
            d.raise_range(token_span(name), token_span(equal), MAYBE_COMPARISON)
        })?;
        self.alt(|d| {
            d.opt(|d| {
                d.args()?;
                d.tok(T::Comma)
            })?;
            let name = d.tok(T::Name)?;
            let equal = d.tok(T::Equal)?;
            d.ahead(&[T::Comma, T::RightParen])?;
            d.raise_range(token_span(name), token_span(equal), "expected argument value expression")
        })?;
        self.alt(|d| {
            let arguments = d.args()?;
            let last = d.for_if_clauses()?;
            decided = true;
            match arguments.positional[..] {
                [_, .., argument] => {
                    d.raise_range(argument.span, last, "Generator expression must be parenthesized")
                }
                _ => Err(Miss::No),
            }
        })?;
        if decided {
            return Err(Miss::No);
        }
        self.alt(|d| {
            d.args()?;
            d.tok(T::Comma)?;
            let element = d.expression()?;
            let last = d.for_if_clauses()?;
            d.raise_range(element.span, last, "Generator expression must be parenthesized")
        })?;
        self.alt(|d| {
            let arguments = d.args()?;
            d.tok(T::Comma)?;
            d.args()?;
            d.raise_last(if arguments.has_double_star {
                "positional argument follows keyword argument unpacking"
            } else {
                "positional argument follows keyword argument"
            })
        })
    }

    fn invalid_keyword(&mut self) -> Rule<()> {
        self.alt(|d| {
            let constant = d.any(&[T::True, T::False, T::None])?;
            let equal = d.tok(T::Equal)?;
            d.raise_range(
                token_span(constant),
                token_span(equal),
                format!("cannot assign to {}", constant.kind.text()),
            )
        })?;
        self.alt(|d| {
            let name = d.tok(T::Name)?;
            let equal = d.tok(T::Equal)?;
            d.expression()?;
            d.for_if_clauses()?;
            d.raise_range(token_span(name), token_span(equal), MAYBE_COMPARISON)
        })?;
        self.alt(|d| {
            if d.matches(|d| {
                d.tok(T::Name)?;
                d.tok(T::Equal)
            })? {
                return Err(Miss::No);
            }
            let expression = d.expression()?;
            let equal = d.tok(T::Equal)?;
            d.raise_range(
                expression.span,
                token_span(equal),
                "expression cannot contain assignment, perhaps you meant \"==\"?",
            )
        })?;
        self.alt(|d| {
            let stars = d.tok(T::DoubleStar)?;
            d.expression()?;
            d.tok(T::Equal)?;
            let value = d.expression()?;
            d.raise_range(token_span(stars), value.span, "cannot assign to keyword argument unpacking")
        })
    }
}
