//! Compound statements other than definitions.

use super::mistakes::{TargetKind, expression_name};
use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::ExprRef;
use crate::syntax::tokenizer::{Token, TokenKind as T};

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn compound_statement(&mut self) -> Rule<()> {
        let kind = self.peek()?;
        if matches!(kind, T::Def | T::At | T::Async) && self.opt(Self::function)?.is_some() {
            return Ok(());
        }
        match kind {
            T::If => self.if_statement(),
            T::Class => self.class(),
            T::At => self.class(),
            T::With => self.with_statement(),
            T::For => self.for_statement(),
            T::Async => {
                if self.opt(Self::with_statement)?.is_some() {
                    return Ok(());
                }
                self.for_statement()
            }
            T::Try => self.try_statement(),
            T::While => self.while_statement(),
            _ => self.match_statement(),
        }
    }

    pub(super) fn block(&mut self) -> Rule<()> {
        self.memoized(Memo::Block, |d| {
            if d.opt(|d| {
                d.tok(T::NewLine)?;
                d.tok(T::Indent)?;
                d.statements()?;
                d.tok(T::Dedent)
            })?
            .is_some()
                || d.opt(Self::simple_statements)?.is_some()
            {
                return Ok(d.nothing());
            }
            d.mistake(|d| {
                d.tok(T::NewLine)?;
                d.not_ahead(&[T::Indent])?;
                d.raise_indentation("expected an indented block".into())
            })?;
            Err(Miss::No)
        })
        .map(|_| ())
    }

    /// After a header's colon: a line end and no indentation.
    pub(super) fn missing_block(&mut self, header: Token, after: &str) -> Rule<()> {
        self.tok(T::NewLine)?;
        self.not_ahead(&[T::Indent])?;
        self.raise_indentation(format!("expected an indented block after {after} on line {}", header.line))
    }

    /// The two mistakes of `keyword condition ':'`.
    fn invalid_conditional(&mut self, keyword: T) -> Rule<()> {
        self.alt(|d| {
            d.tok(keyword)?;
            d.named_expression()?;
            d.tok(T::NewLine)?;
            d.raise_last("expected ':'")
        })?;
        let header = self.tok(keyword)?;
        self.named_expression()?;
        self.tok(T::Colon)?;
        self.missing_block(header, &format!("'{}' statement", keyword.text()))
    }

    fn if_statement(&mut self) -> Rule<()> {
        self.mistake(|d| d.invalid_conditional(T::If))?;
        self.tok(T::If)?;
        self.named_expression()?;
        self.tok(T::Colon)?;
        self.block()?;
        while self
            .opt(|d| {
                d.mistake(|d| d.invalid_conditional(T::Elif))?;
                d.tok(T::Elif)?;
                d.named_expression()?;
                d.tok(T::Colon)?;
                d.block()
            })?
            .is_some()
        {}
        self.opt(Self::else_block)?;
        Ok(())
    }

    fn else_block(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                let header = d.tok(T::Else)?;
                d.tok(T::Colon)?;
                d.missing_block(header, "'else' statement")
            })?;
            d.tok(T::Else)?;
            d.tok(T::Colon)?;
            d.block()?;
            d.tok(T::Elif)?;
            d.raise_last("'elif' block follows an 'else' block")
        })?;
        self.tok(T::Else)?;
        self.forced(T::Colon)?;
        self.block()
    }

    fn while_statement(&mut self) -> Rule<()> {
        self.mistake(|d| d.invalid_conditional(T::While))?;
        self.tok(T::While)?;
        self.named_expression()?;
        self.tok(T::Colon)?;
        self.block()?;
        self.opt(Self::else_block)?;
        Ok(())
    }

    fn for_statement(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                d.eat(T::Async)?;
                d.tok(T::For)?;
                d.star_targets()?;
                d.tok(T::In)?;
                d.star_expressions()?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            d.eat(T::Async)?;
            let header = d.tok(T::For)?;
            d.star_targets()?;
            d.tok(T::In)?;
            d.star_expressions()?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'for' statement")
        })?;
        for is_async in [false, true] {
            let matched = self.opt(|d| {
                if is_async {
                    d.tok(T::Async)?;
                }
                d.tok(T::For)?;
                d.star_targets()?;
                d.tok(T::In)?;
                // From here on no other alternative is tried.
                Ok(d.opt(|d| {
                    d.star_expressions()?;
                    d.tok(T::Colon)?;
                    d.eat(T::TypeComment)?;
                    d.block()?;
                    d.opt(Self::else_block)?;
                    if is_async { d.check_version(5, "Async for loops are") } else { Ok(()) }
                })?
                .is_some())
            })?;
            match matched {
                Some(true) => return Ok(()),
                Some(false) => return Err(Miss::No),
                None => {}
            }
        }
        self.mistake(Self::invalid_for_target)?;
        Err(Miss::No)
    }

    // --- with -------------------------------------------------------------------------------------------------------

    fn with_statement(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                d.eat(T::Async)?;
                let header = d.tok(T::With)?;
                d.separated(Self::loose_with_item)?;
                d.tok(T::Colon)?;
                d.missing_block(header, "'with' statement")
            })?;
            d.eat(T::Async)?;
            let header = d.tok(T::With)?;
            d.tok(T::LeftParen)?;
            d.separated(Self::loose_with_items)?;
            d.eat(T::Comma)?;
            d.tok(T::RightParen)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'with' statement")
        })?;
        for is_async in [false, true] {
            if self
                .opt(|d| {
                    if is_async {
                        d.tok(T::Async)?;
                    }
                    d.tok(T::With)?;
                    d.tok(T::LeftParen)?;
                    d.separated(Self::with_item)?;
                    d.eat(T::Comma)?;
                    d.tok(T::RightParen)?;
                    d.tok(T::Colon)?;
                    d.eat(T::TypeComment)?;
                    d.block()
                })?
                .is_some()
                || self
                    .opt(|d| {
                        if is_async {
                            d.tok(T::Async)?;
                        }
                        d.tok(T::With)?;
                        d.separated(Self::with_item)?;
                        d.tok(T::Colon)?;
                        d.eat(T::TypeComment)?;
                        d.block()?;
                        if is_async { d.check_version(5, "Async with statements are") } else { Ok(()) }
                    })?
                    .is_some()
            {
                return Ok(());
            }
        }
        self.mistake(|d| {
            d.alt(|d| {
                d.eat(T::Async)?;
                d.tok(T::With)?;
                d.separated(Self::loose_with_item)?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            d.eat(T::Async)?;
            d.tok(T::With)?;
            d.tok(T::LeftParen)?;
            d.separated(Self::loose_with_items)?;
            d.eat(T::Comma)?;
            d.tok(T::RightParen)?;
            d.tok(T::NewLine)?;
            d.raise_last("expected ':'")
        })?;
        Err(Miss::No)
    }

    /// `expression ['as' star_target]`
    fn loose_with_item(&mut self) -> Rule<()> {
        self.expression()?;
        self.optional_with_target()
    }

    /// `expressions ['as' star_target]`
    fn loose_with_items(&mut self) -> Rule<()> {
        self.expressions()?;
        self.optional_with_target()
    }

    fn optional_with_target(&mut self) -> Rule<()> {
        self.opt(|d| {
            d.tok(T::As)?;
            d.star_target()
        })?;
        Ok(())
    }

    fn with_item(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.expression()?;
                d.tok(T::As)?;
                d.star_target()?;
                d.ahead(&[T::Comma, T::RightParen, T::Colon])
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.expression()?;
            d.tok(T::As)?;
            let target = d.expression()?;
            d.ahead(&[T::Comma, T::RightParen, T::Colon])?;
            d.raise_invalid_target(target, TargetKind::Star)
        })?;
        self.expression().map(|_| ())
    }

    // --- try --------------------------------------------------------------------------------------------------------

    fn try_statement(&mut self) -> Rule<()> {
        self.mistake(Self::invalid_try)?;
        if self
            .opt(|d| {
                d.tok(T::Try)?;
                d.forced(T::Colon)?;
                d.block()?;
                d.finally_block()
            })?
            .is_some()
        {
            return Ok(());
        }
        for is_star in [false, true] {
            let handler = if is_star { Self::except_star_block } else { Self::except_block };
            if self
                .opt(|d| {
                    d.tok(T::Try)?;
                    d.forced(T::Colon)?;
                    d.block()?;
                    d.some(handler)?;
                    d.opt(Self::else_block)?;
                    d.opt(Self::finally_block)?;
                    if is_star { d.check_version(11, "Exception groups are") } else { Ok(()) }
                })?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Miss::No)
    }

    fn optional_name(&mut self) -> Rule<()> {
        self.opt(|d| {
            d.tok(T::As)?;
            d.tok(T::Name)
        })?;
        Ok(())
    }

    fn invalid_try(&mut self) -> Rule<()> {
        const BOTH: &str = "cannot have both 'except' and 'except*' on the same 'try'";
        self.alt(|d| {
            let header = d.tok(T::Try)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'try' statement")
        })?;
        self.alt(|d| {
            d.tok(T::Try)?;
            d.tok(T::Colon)?;
            d.block()?;
            d.not_ahead(&[T::Except, T::Finally])?;
            d.raise_last("expected 'except' or 'finally' block")
        })?;
        self.alt(|d| {
            d.tok(T::Try)?;
            d.tok(T::Colon)?;
            d.many(Self::block)?;
            d.some(Self::except_block)?;
            let except = d.tok(T::Except)?;
            let star = d.tok(T::Star)?;
            d.expression()?;
            d.optional_name()?;
            d.tok(T::Colon)?;
            d.raise_range(token_span(except), token_span(star), BOTH)
        })?;
        self.alt(|d| {
            d.tok(T::Try)?;
            d.tok(T::Colon)?;
            d.many(Self::block)?;
            d.some(Self::except_star_block)?;
            let except = d.tok(T::Except)?;
            d.opt(|d| {
                d.expression()?;
                d.optional_name()
            })?;
            d.tok(T::Colon)?;
            d.raise(token_span(except), BOTH)
        })
    }

    fn finally_block(&mut self) -> Rule<()> {
        self.mistake(|d| {
            let header = d.tok(T::Finally)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'finally' statement")
        })?;
        self.tok(T::Finally)?;
        self.forced(T::Colon)?;
        self.block()
    }

    fn except_block(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                let header = d.tok(T::Except)?;
                d.expression()?;
                d.optional_name()?;
                d.tok(T::Colon)?;
                d.missing_block(header, "'except' statement")
            })?;
            let header = d.tok(T::Except)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'except' statement")
        })?;
        if self.opt(|d| d.except_with_type(false))?.is_some() {
            return Ok(());
        }
        if self
            .opt(|d| {
                d.tok(T::Except)?;
                d.tok(T::Colon)?;
                d.block()
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.alt(|d| d.unparenthesized_types(false))?;
            d.alt(|d| {
                d.tok(T::Except)?;
                d.expression()?;
                d.optional_name()?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            d.alt(|d| {
                d.tok(T::Except)?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            d.tok(T::Except)?;
            d.invalid_except_name("except")
        })?;
        Err(Miss::No)
    }

    fn except_star_block(&mut self) -> Rule<()> {
        self.mistake(|d| {
            let header = d.tok(T::Except)?;
            d.tok(T::Star)?;
            d.expression()?;
            d.optional_name()?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'except*' statement")
        })?;
        if self.opt(|d| d.except_with_type(true))?.is_some() {
            return Ok(());
        }
        self.mistake(|d| {
            d.alt(|d| d.unparenthesized_types(true))?;
            d.alt(|d| {
                d.tok(T::Except)?;
                d.tok(T::Star)?;
                d.expression()?;
                d.optional_name()?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            d.alt(|d| {
                d.tok(T::Except)?;
                d.tok(T::Star)?;
                d.any(&[T::NewLine, T::Colon])?;
                d.raise_last("expected one or more exception types")
            })?;
            d.tok(T::Except)?;
            d.tok(T::Star)?;
            d.invalid_except_name("except*")
        })?;
        Err(Miss::No)
    }

    fn except_with_type(&mut self, is_star: bool) -> Rule<()> {
        let header = |d: &mut Self| -> Rule<()> {
            d.tok(T::Except)?;
            if is_star {
                d.tok(T::Star)?;
            }
            Ok(())
        };
        if self
            .opt(|d| {
                header(d)?;
                d.expression()?;
                d.tok(T::Colon)?;
                d.block()
            })?
            .is_some()
            || self
                .opt(|d| {
                    header(d)?;
                    d.expression()?;
                    d.tok(T::As)?;
                    d.tok(T::Name)?;
                    d.tok(T::Colon)?;
                    d.block()
                })?
                .is_some()
        {
            return Ok(());
        }
        header(self)?;
        self.expressions()?;
        self.tok(T::Colon)?;
        self.block()?;
        self.check_version(14, "except expressions without parentheses are")
    }

    fn unparenthesized_types(&mut self, is_star: bool) -> Rule<()> {
        self.tok(T::Except)?;
        if is_star {
            self.tok(T::Star)?;
        }
        let first = self.expression()?;
        self.tok(T::Comma)?;
        self.expressions()?;
        self.tok(T::As)?;
        self.tok(T::Name)?;
        self.tok(T::Colon)?;
        self.raise_from(first.span, "multiple exception types must be parenthesized when using 'as'")
    }

    /// `except type as target:` with a target that is no name.
    fn invalid_except_name(&mut self, statement: &str) -> Rule<()> {
        self.expression()?;
        self.tok(T::As)?;
        let target = self.expression()?;
        self.tok(T::Colon)?;
        self.block()?;
        self.raise(target.span, format!("cannot use {statement} statement with {}", expression_name(target)))
    }

    // --- match ------------------------------------------------------------------------------------------------------

    fn match_statement(&mut self) -> Rule<()> {
        self.peek()?;
        if !self.parser.is_soft_keyword("match") {
            return Err(Miss::No);
        }
        if self
            .opt(|d| {
                d.word("match")?;
                d.subject()?;
                d.tok(T::Colon)?;
                d.tok(T::NewLine)?;
                d.tok(T::Indent)?;
                d.some(Self::case_block)?;
                d.tok(T::Dedent)?;
                d.check_version(10, "Pattern matching is")
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(|d| {
            d.alt(|d| {
                d.word("match")?;
                d.subject()?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            let header = d.word("match")?;
            d.subject()?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'match' statement")
        })?;
        Err(Miss::No)
    }

    fn subject(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.star_named_expression()?;
                d.tok(T::Comma)?;
                d.opt(Self::star_named_expressions)
            })?
            .is_some()
        {
            return Ok(());
        }
        self.named_expression().map(|_| ())
    }

    fn guard(&mut self) -> Rule<ExprRef<'a>> {
        self.tok(T::If)?;
        self.named_expression()
    }

    fn case_block(&mut self) -> Rule<()> {
        self.mistake(|d| {
            d.alt(|d| {
                d.word("case")?;
                d.patterns()?;
                d.opt(Self::guard)?;
                d.tok(T::NewLine)?;
                d.raise_last("expected ':'")
            })?;
            let header = d.word("case")?;
            d.patterns()?;
            d.opt(Self::guard)?;
            d.tok(T::Colon)?;
            d.missing_block(header, "'case' statement")
        })?;
        self.word("case")?;
        self.patterns()?;
        self.opt(Self::guard)?;
        self.tok(T::Colon)?;
        self.block()
    }
}
