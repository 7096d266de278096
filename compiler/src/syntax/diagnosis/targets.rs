//! Targets of assignments, loops and deletions.

use super::mistakes::TargetKind;
use super::{Diagnosis, Memo, Miss, Rule};
use crate::syntax::ast::ExprRef;
use crate::syntax::tokenizer::TokenKind as T;

/// What can continue a primary.
const CONTINUES: [T; 3] = [T::LeftParen, T::LeftBracket, T::Dot];

/// A rule for what follows a primary that starts at a position.
type Trailer<D, E> = fn(&mut D, E, (u32, u32)) -> Rule<E>;

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn star_targets(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.star_target()?;
                d.not_ahead(&[T::Comma])
            })?
            .is_some()
        {
            return Ok(());
        }
        self.separated(Self::star_target)?;
        self.eat(T::Comma)?;
        Ok(())
    }

    pub(super) fn star_target(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::StarTarget, |d| {
            if let Some(starred) = d.opt(|d| {
                d.tok(T::Star)?;
                d.not_ahead(&[T::Star])?;
                d.star_target()
            })? {
                return Ok(starred);
            }
            d.target_with_star_atom()
        })
    }

    fn target_with_star_atom(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::TargetWithStarAtom, |d| {
            if let Some(target) = d.opt(Self::attribute_or_subscript)? {
                return Ok(target);
            }
            d.star_atom()?;
            Ok(d.nothing())
        })
    }

    fn star_atom(&mut self) -> Rule<()> {
        if self.eat(T::Name)? {
            return Ok(());
        }
        if self
            .opt(|d| {
                d.tok(T::LeftParen)?;
                d.target_with_star_atom()?;
                d.tok(T::RightParen)
            })?
            .is_some()
        {
            return Ok(());
        }
        if self
            .opt(|d| {
                d.tok(T::LeftParen)?;
                d.opt(|d| {
                    let targets = d.separated(Self::star_target)?;
                    let has_comma = d.eat(T::Comma)?;
                    if targets.len() == 1 && !has_comma { Err(Miss::No) } else { Ok(()) }
                })?;
                d.tok(T::RightParen)
            })?
            .is_some()
        {
            return Ok(());
        }
        self.tok(T::LeftBracket)?;
        self.opt(|d| {
            d.separated(Self::star_target)?;
            d.eat(T::Comma)
        })?;
        self.tok(T::RightBracket)?;
        Ok(())
    }

    /// `t_primary '.' NAME !t_lookahead | t_primary '[' slices ']' !t_lookahead`
    pub(super) fn attribute_or_subscript(&mut self) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let primary = self.target_primary()?;
        if let Some(attribute) = self.opt(|d| {
            let attribute = d.attribute_of(primary, start)?;
            d.not_ahead(&CONTINUES)?;
            Ok(attribute)
        })? {
            return Ok(attribute);
        }
        let subscript = self.subscript_of(primary, start)?;
        self.not_ahead(&CONTINUES)?;
        Ok(subscript)
    }

    /// A primary that something follows which continues it.
    fn target_primary(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::TargetPrimary, |d| {
            let start = d.start()?;
            let mut value = d.atom()?;
            d.ahead(&CONTINUES)?;
            loop {
                let rules: [Trailer<Self, ExprRef<'a>>; 3] = [Self::attribute_of, Self::subscript_of, Self::call_of];
                let mut longer = None;
                for rule in rules {
                    longer = d.opt(|d| {
                        let longer = rule(d, value, start)?;
                        d.ahead(&CONTINUES)?;
                        Ok(longer)
                    })?;
                    if longer.is_some() {
                        break;
                    }
                }
                match longer {
                    Some(longer) => value = longer,
                    None => return Ok(value),
                }
            }
        })
    }

    /// `single_target`
    pub(super) fn single_target(&mut self) -> Rule<()> {
        if self.opt(Self::attribute_or_subscript)?.is_some() || self.eat(T::Name)? {
            return Ok(());
        }
        self.tok(T::LeftParen)?;
        self.single_target()?;
        self.tok(T::RightParen)?;
        Ok(())
    }

    pub(super) fn delete_targets(&mut self) -> Rule<()> {
        self.separated(Self::delete_target)?;
        self.eat(T::Comma)?;
        Ok(())
    }

    fn delete_target(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::DeleteTarget, |d| {
            if let Some(target) = d.opt(Self::attribute_or_subscript)? {
                return Ok(target);
            }
            if d.eat(T::Name)? {
                return Ok(d.nothing());
            }
            if d.opt(|d| {
                d.tok(T::LeftParen)?;
                d.delete_target()?;
                d.tok(T::RightParen)
            })?
            .is_some()
            {
                return Ok(d.nothing());
            }
            for (open, close) in [(T::LeftParen, T::RightParen), (T::LeftBracket, T::RightBracket)] {
                if d.opt(|d| {
                    d.tok(open)?;
                    d.opt(Self::delete_targets)?;
                    d.tok(close)
                })?
                .is_some()
                {
                    return Ok(d.nothing());
                }
            }
            Err(Miss::No)
        })
    }

    /// `for f() in …`
    pub(super) fn invalid_for_target(&mut self) -> Rule<()> {
        self.eat(T::Async)?;
        self.tok(T::For)?;
        let target = self.star_expressions()?;
        self.raise_invalid_target(target, TargetKind::For)
    }
}
