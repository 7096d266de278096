//! Primaries, atoms, displays and comprehensions.

use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::{Constant, ExprContext, ExprKind, ExprRef, Span};
use crate::syntax::tokenizer::TokenKind as T;

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn primary(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Primary, |d| {
            let start = d.start()?;
            let mut value = d.atom()?;
            while let Some(longer) = d.opt(|d| d.trailer(value, start))? {
                value = longer;
            }
            Ok(value)
        })
    }

    /// `.name`, a generator, `(arguments)` or `[slices]` after a primary.
    fn trailer(&mut self, value: ExprRef<'a>, start: (u32, u32)) -> Rule<ExprRef<'a>> {
        if let Some(attribute) = self.opt(|d| d.attribute_of(value, start))? {
            return Ok(attribute);
        }
        if let Some(call) = self.opt(|d| d.call_of(value, start))? {
            return Ok(call);
        }
        self.subscript_of(value, start)
    }

    pub(super) fn attribute_of(&mut self, value: ExprRef<'a>, start: (u32, u32)) -> Rule<ExprRef<'a>> {
        self.tok(T::Dot)?;
        self.tok(T::Name)?;
        Ok(self.node(ExprKind::Attribute { value, attr: "", ctx: ExprContext::Load }, start))
    }

    pub(super) fn subscript_of(&mut self, value: ExprRef<'a>, start: (u32, u32)) -> Rule<ExprRef<'a>> {
        self.tok(T::LeftBracket)?;
        self.slices()?;
        self.tok(T::RightBracket)?;
        Ok(self.node(ExprKind::Subscript { value, slice: value, ctx: ExprContext::Load }, start))
    }

    /// A generator is tried first, which in the second pass looks for mistakes in brackets of every kind.
    pub(super) fn call_of(&mut self, value: ExprRef<'a>, start: (u32, u32)) -> Rule<ExprRef<'a>> {
        if self.opt(Self::generator)?.is_none() {
            self.tok(T::LeftParen)?;
            self.opt(Self::arguments)?;
            self.tok(T::RightParen)?;
        }
        Ok(self.node(ExprKind::Call { func: value, args: &[], keywords: &[] }, start))
    }

    fn slices(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.slice()?;
                d.not_ahead(&[T::Comma])
            })?
            .is_some()
        {
            return Ok(());
        }
        self.separated(|d| match d.opt(Self::slice)? {
            Some(()) => Ok(()),
            None => d.starred_expression().map(|_| ()),
        })?;
        self.eat(T::Comma)?;
        Ok(())
    }

    fn slice(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.opt(Self::expression)?;
                d.tok(T::Colon)?;
                d.opt(Self::expression)?;
                d.opt(|d| {
                    d.tok(T::Colon)?;
                    d.opt(Self::expression)
                })
            })?
            .is_some()
        {
            return Ok(());
        }
        self.named_expression().map(|_| ())
    }

    pub(super) fn atom(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let value = match self.peek()? {
            T::Name => {
                let token = self.parser.take();
                let id = self.parser.name_of(token);
                return Ok(self.node(ExprKind::Name { id, ctx: ExprContext::Load }, start));
            }
            T::True => Constant::True,
            T::False => Constant::False,
            T::None => Constant::None,
            T::Ellipsis => Constant::Ellipsis,
            T::String | T::FStringStart | T::TStringStart => return self.strings(),
            T::Number => {
                let token = self.parser.take();
                let value = self.parser.number(token).map_err(|_| Miss::Raised)?;
                return Ok(self.node(ExprKind::Constant { value, kind: None }, start));
            }
            T::LeftParen => {
                if let Some(tuple) = self.opt(Self::tuple_display)? {
                    return Ok(tuple);
                }
                if let Some(group) = self.opt(Self::group)? {
                    return Ok(group);
                }
                return self.generator();
            }
            T::LeftBracket => {
                if let Some(list) = self.opt(Self::list)? {
                    return Ok(list);
                }
                return self.list_comprehension();
            }
            T::LeftBrace => {
                for rule in [Self::dict, Self::set, Self::dict_comprehension] {
                    if let Some(found) = self.opt(rule)? {
                        return Ok(found);
                    }
                }
                return self.set_comprehension();
            }
            _ => return Err(Miss::No),
        };
        self.parser.advance();
        Ok(self.node(ExprKind::Constant { value, kind: None }, start))
    }

    pub(super) fn tuple_display(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::LeftParen)?;
        let elements = self.opt(|d| {
            let mut elements = vec![d.star_named_expression()?];
            d.tok(T::Comma)?;
            elements.extend(d.opt(Self::star_named_expressions)?.unwrap_or_default());
            Ok(elements)
        })?;
        self.tok(T::RightParen)?;
        Ok(self.tuple(elements.unwrap_or_default(), start))
    }

    fn group(&mut self) -> Rule<ExprRef<'a>> {
        if let Some(value) = self.opt(|d| {
            d.tok(T::LeftParen)?;
            let value = match d.opt(Self::yield_expression)? {
                Some(value) => value,
                None => d.named_expression()?,
            };
            d.tok(T::RightParen)?;
            Ok(value)
        })? {
            return Ok(value);
        }
        self.mistake(Self::invalid_group)?;
        Err(Miss::No)
    }

    fn invalid_group(&mut self) -> Rule<()> {
        self.alt(|d| {
            d.tok(T::LeftParen)?;
            let starred = d.starred_expression()?;
            d.tok(T::RightParen)?;
            d.raise(starred.span, "cannot use starred expression here")
        })?;
        self.alt(|d| {
            d.tok(T::LeftParen)?;
            let stars = d.tok(T::DoubleStar)?;
            d.expression()?;
            d.tok(T::RightParen)?;
            d.raise(token_span(stars), "cannot use double starred expression here")
        })
    }

    pub(super) fn generator(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(generator) = self.opt(|d| {
            d.tok(T::LeftParen)?;
            let elt = d.assignment_or_expression()?;
            d.for_if_clauses()?;
            d.tok(T::RightParen)?;
            Ok(d.node(ExprKind::GeneratorExp { elt, generators: &[] }, start))
        })? {
            return Ok(generator);
        }
        self.mistake(Self::invalid_comprehension)?;
        Err(Miss::No)
    }

    pub(super) fn list(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::LeftBracket)?;
        let elements = self.opt(Self::star_named_expressions)?.unwrap_or_default();
        self.tok(T::RightBracket)?;
        Ok(self.node(ExprKind::List { elts: self.parser.sequence(&elements), ctx: ExprContext::Load }, start))
    }

    fn list_comprehension(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(list) = self.opt(|d| {
            d.tok(T::LeftBracket)?;
            let elt = d.named_expression()?;
            d.for_if_clauses()?;
            d.tok(T::RightBracket)?;
            Ok(d.node(ExprKind::ListComp { elt, generators: &[] }, start))
        })? {
            return Ok(list);
        }
        self.mistake(Self::invalid_comprehension)?;
        Err(Miss::No)
    }

    fn set(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        self.tok(T::LeftBrace)?;
        self.star_named_expressions()?;
        self.tok(T::RightBrace)?;
        Ok(self.node(ExprKind::Set { elts: &[] }, start))
    }

    fn set_comprehension(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(set) = self.opt(|d| {
            d.tok(T::LeftBrace)?;
            let elt = d.named_expression()?;
            d.for_if_clauses()?;
            d.tok(T::RightBrace)?;
            Ok(d.node(ExprKind::SetComp { elt, generators: &[] }, start))
        })? {
            return Ok(set);
        }
        self.mistake(Self::invalid_comprehension)?;
        Err(Miss::No)
    }

    fn dict(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(dict) = self.opt(|d| {
            d.tok(T::LeftBrace)?;
            d.opt(|d| {
                d.separated(Self::double_starred_pair)?;
                d.eat(T::Comma)
            })?;
            d.tok(T::RightBrace)?;
            Ok(d.node(ExprKind::Dict { keys: &[], values: &[] }, start))
        })? {
            return Ok(dict);
        }
        // CPython looks for these mistakes in the first pass too.
        self.alt(|d| {
            d.tok(T::LeftBrace)?;
            d.invalid_pairs()
        })?;
        Err(Miss::No)
    }

    fn double_starred_pair(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::DoubleStar)?;
                d.bitwise_or()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.pair()
    }

    fn pair(&mut self) -> Rule<()> {
        self.expression()?;
        self.tok(T::Colon)?;
        self.expression().map(|_| ())
    }

    /// What goes wrong in a dict display.
    fn invalid_pairs(&mut self) -> Rule<()> {
        self.alt(|d| {
            d.separated(Self::double_starred_pair)?;
            d.tok(T::Comma)?;
            d.invalid_pair()
        })?;
        self.alt(Self::starred_value)?;
        self.alt(Self::missing_value)
    }

    fn invalid_pair(&mut self) -> Rule<()> {
        self.alt(|d| {
            let key = d.expression()?;
            d.not_ahead(&[T::Colon])?;
            let end = key.span;
            d.parser.stream.raise_at(
                crate::syntax::error::SyntaxErrorKind::Syntax,
                end.line,
                i64::from(end.end_col) - 1,
                end.end_line,
                -1,
                "':' expected after dictionary key".into(),
            );
            Err(Miss::Raised)
        })?;
        self.alt(Self::starred_value)?;
        self.alt(Self::missing_value)
    }

    fn starred_value(&mut self) -> Rule<()> {
        self.expression()?;
        self.tok(T::Colon)?;
        let star = self.tok(T::Star)?;
        self.bitwise_or()?;
        self.raise_from(token_span(star), "cannot use a starred expression in a dictionary value")
    }

    fn missing_value(&mut self) -> Rule<()> {
        self.expression()?;
        let colon = self.tok(T::Colon)?;
        self.ahead(&[T::RightBrace, T::Comma])?;
        self.raise(token_span(colon), "expression expected after dictionary key and ':'")
    }

    fn dict_comprehension(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        if let Some(dict) = self.opt(|d| {
            d.tok(T::LeftBrace)?;
            d.pair()?;
            d.for_if_clauses()?;
            d.tok(T::RightBrace)?;
            let nothing = d.nothing();
            Ok(d.node(ExprKind::DictComp { key: nothing, value: nothing, generators: &[] }, start))
        })? {
            return Ok(dict);
        }
        self.mistake(|d| {
            d.tok(T::LeftBrace)?;
            let stars = d.tok(T::DoubleStar)?;
            d.bitwise_or()?;
            d.for_if_clauses()?;
            d.tok(T::RightBrace)?;
            d.raise(token_span(stars), "dict unpacking cannot be used in dict comprehension")
        })?;
        Err(Miss::No)
    }

    fn invalid_comprehension(&mut self) -> Rule<()> {
        self.alt(|d| {
            d.any(&[T::LeftBracket, T::LeftParen, T::LeftBrace])?;
            let starred = d.starred_expression()?;
            d.for_if_clauses()?;
            d.raise(starred.span, "iterable unpacking cannot be used in comprehension")
        })?;
        const FORGOTTEN: &str = "did you forget parentheses around the comprehension target?";
        self.alt(|d| {
            d.any(&[T::LeftBracket, T::LeftBrace])?;
            let first = d.star_named_expression()?;
            d.tok(T::Comma)?;
            let rest = d.star_named_expressions()?;
            d.for_if_clauses()?;
            let last = rest.last().map_or(first.span, |expression| expression.span);
            d.raise_range(first.span, last, FORGOTTEN)
        })?;
        self.alt(|d| {
            d.any(&[T::LeftBracket, T::LeftBrace])?;
            let first = d.star_named_expression()?;
            let comma = d.tok(T::Comma)?;
            d.for_if_clauses()?;
            d.raise_range(first.span, token_span(comma), FORGOTTEN)
        })
    }

    /// The clauses of a comprehension; gives the span of the last expression in them.
    pub(super) fn for_if_clauses(&mut self) -> Rule<Span> {
        let clauses = self.some(Self::for_if_clause)?;
        clauses.last().copied().ok_or(Miss::No)
    }

    fn for_if_clause(&mut self) -> Rule<Span> {
        for is_async in [true, false] {
            let clause = self.opt(|d| {
                if is_async {
                    d.tok(T::Async)?;
                }
                d.tok(T::For)?;
                d.star_targets()?;
                d.tok(T::In)?;
                // From here on no other alternative is tried.
                d.opt(|d| {
                    let iter = d.disjunction()?;
                    let conditions = d.many(|d| {
                        d.tok(T::If)?;
                        d.disjunction()
                    })?;
                    if is_async {
                        d.check_version(6, "Async comprehensions are")?;
                    }
                    Ok(conditions.last().unwrap_or(&iter).span)
                })
            })?;
            match clause {
                Some(Some(span)) => return Ok(span),
                Some(None) => return Err(Miss::No),
                None => {}
            }
        }
        self.mistake(|d| {
            d.eat(T::Async)?;
            d.tok(T::For)?;
            d.separated(Self::bitwise_or)?;
            d.eat(T::Comma)?;
            d.not_ahead(&[T::In])?;
            d.raise_last("'in' expected after for-loop variables")
        })?;
        self.mistake(Self::invalid_for_target)?;
        Err(Miss::No)
    }
}
