//! Functions, classes, their parameters and type parameters.

use super::arguments::CallArguments;
use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{
    Arg, Arguments, ExprContext, ExprKind, ExprRef, Stmt, StmtKind, TypeParam, TypeParamKind,
};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::TokenKind as T;

/// Where parameters stand: a lambda's have no annotations and end at a colon.
#[derive(Clone, Copy, PartialEq)]
enum ParameterPlace {
    Function,
    Lambda,
}

impl ParameterPlace {
    fn end(self) -> T {
        match self {
            Self::Function => T::RightParen,
            Self::Lambda => T::Colon,
        }
    }
}

/// Parameters as they are read.
#[derive(Default)]
struct ParameterList<'a> {
    posonlyargs: Vec<Arg<'a>>,
    args: Vec<Arg<'a>>,
    defaults: Vec<ExprRef<'a>>,
    vararg: Option<&'a Arg<'a>>,
    kwonlyargs: Vec<Arg<'a>>,
    kw_defaults: Vec<Option<ExprRef<'a>>>,
    kwarg: Option<&'a Arg<'a>>,
}

impl<'a> Parser<'a, '_> {
    pub(super) fn decorated(&mut self) -> ParseResult<Stmt<'a>> {
        let mut decorators = Vec::new();
        while self.eat(T::At) {
            decorators.push(self.named_expression()?);
            self.expect(T::NewLine)?;
        }
        let decorators = self.sequence(&decorators);
        let start = self.start();
        match self.peek() {
            T::Class => self.class(start, decorators),
            T::Def => self.function(start, decorators, false),
            T::Async => {
                self.advance();
                if self.peek() != T::Def {
                    return Err(Failed);
                }
                self.function(start, decorators, true)
            }
            _ => Err(Failed),
        }
    }

    /// A function from its `def` on.
    pub(super) fn function(
        &mut self,
        start: Start,
        decorator_list: &'a [ExprRef<'a>],
        is_async: bool,
    ) -> ParseResult<Stmt<'a>> {
        self.expect(T::Def)?;
        let name = self.identifier()?;
        let type_params = self.type_parameters()?;
        self.expect(T::LeftParen)?;
        let args = self.parameters(ParameterPlace::Function)?;
        self.expect(T::RightParen)?;
        let returns = if self.eat(T::Arrow) { Some(self.expression()?) } else { None };
        self.expect(T::Colon)?;
        let type_comment = self.function_type_comment();
        let body = self.block()?;
        let kind = if is_async {
            self.check_version(5, "Async functions are")?;
            StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
        } else {
            StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
        };
        Ok(self.block_statement(kind, start))
    }

    /// The type comment after a function's colon: on the same line, or alone on the next.
    fn function_type_comment(&mut self) -> Option<&'a str> {
        if !self.options.type_comments {
            return None;
        }
        if self.peek() == T::NewLine && self.stream.peek_second() == T::TypeComment {
            let mark = self.stream.mark;
            self.advance();
            let token = self.take();
            if self.peek() == T::NewLine && self.stream.peek_second() == T::Indent {
                return Some(self.stream.text(token));
            }
            self.stream.mark = mark;
            return None;
        }
        self.type_comment()
    }

    pub(super) fn class(&mut self, start: Start, decorator_list: &'a [ExprRef<'a>]) -> ParseResult<Stmt<'a>> {
        self.expect(T::Class)?;
        let name = self.identifier()?;
        let type_params = self.type_parameters()?;
        let CallArguments { positional: bases, keywords } = if self.peek() == T::LeftParen {
            self.parenthesized_arguments(false)?
        } else {
            CallArguments { positional: &[], keywords: &[] }
        };
        self.expect(T::Colon)?;
        let body = self.block()?;
        let kind = StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params };
        Ok(self.block_statement(kind, start))
    }

    pub(super) fn lambda_parameters(&mut self) -> ParseResult<&'a Arguments<'a>> {
        self.parameters(ParameterPlace::Lambda)
    }

    /// Parameters up to the closing token, which is not taken.
    fn parameters(&mut self, place: ParameterPlace) -> ParseResult<&'a Arguments<'a>> {
        let mut list = ParameterList::default();
        let mut has_slash = false;
        while self.peek() != place.end() {
            match self.peek() {
                T::Slash => {
                    if has_slash || list.args.is_empty() {
                        return Err(Failed);
                    }
                    self.check_version(8, "Positional-only parameters are")?;
                    self.advance();
                    has_slash = true;
                    list.posonlyargs = std::mem::take(&mut list.args);
                    self.after_parameter(place)?;
                }
                T::Star => {
                    self.star_parameters(place, &mut list)?;
                    break;
                }
                T::DoubleStar => {
                    self.keywords_parameter(place, &mut list)?;
                    break;
                }
                _ => {
                    let (arg, default) = self.parameter(place)?;
                    list.args.push(arg);
                    match default {
                        Some(default) => list.defaults.push(default),
                        None if list.defaults.is_empty() => {}
                        None => return Err(Failed),
                    }
                }
            }
        }
        Ok(self.arena.alloc(Arguments {
            posonlyargs: self.sequence(&list.posonlyargs),
            args: self.sequence(&list.args),
            vararg: list.vararg,
            kwonlyargs: self.sequence(&list.kwonlyargs),
            kw_defaults: self.sequence(&list.kw_defaults),
            kwarg: list.kwarg,
            defaults: self.sequence(&list.defaults),
        }))
    }

    /// `'*' …` to the end of the list.
    fn star_parameters(&mut self, place: ParameterPlace, list: &mut ParameterList<'a>) -> ParseResult<()> {
        self.advance();
        if self.eat(T::Comma) {
            if self.options.type_comments && self.peek() == T::TypeComment {
                return Err(Failed);
            }
            // A bare star needs a keyword-only parameter after it.
            if matches!(self.peek(), T::DoubleStar) || self.peek() == place.end() {
                return Err(Failed);
            }
        } else {
            let start = self.start();
            let name = self.identifier()?;
            let annotation = if place == ParameterPlace::Function && self.eat(T::Colon) {
                Some(if self.peek() == T::Star { self.starred_bitwise_or()? } else { self.expression()? })
            } else {
                None
            };
            let mut arg = Arg { arg: name, annotation, type_comment: None, span: self.span(start) };
            arg.type_comment = self.after_parameter(place)?;
            list.vararg = Some(self.arena.alloc(arg));
        }
        while self.peek() != place.end() {
            if self.peek() == T::DoubleStar {
                return self.keywords_parameter(place, list);
            }
            let (arg, default) = self.parameter(place)?;
            list.kwonlyargs.push(arg);
            list.kw_defaults.push(default);
        }
        Ok(())
    }

    /// `'**' param`, the last.
    fn keywords_parameter(&mut self, place: ParameterPlace, list: &mut ParameterList<'a>) -> ParseResult<()> {
        self.advance();
        let (mut arg, _) = self.bare_parameter(place)?;
        arg.type_comment = self.after_parameter(place)?;
        list.kwarg = Some(self.arena.alloc(arg));
        if self.peek() == place.end() { Ok(()) } else { Err(Failed) }
    }

    fn bare_parameter(&mut self, place: ParameterPlace) -> ParseResult<(Arg<'a>, Start)> {
        let start = self.start();
        let name = self.identifier()?;
        let annotation =
            if place == ParameterPlace::Function && self.eat(T::Colon) { Some(self.expression()?) } else { None };
        Ok((Arg { arg: name, annotation, type_comment: None, span: self.span(start) }, start))
    }

    /// A parameter with its default, comma and type comment.
    fn parameter(&mut self, place: ParameterPlace) -> ParseResult<(Arg<'a>, Option<ExprRef<'a>>)> {
        let (mut arg, _) = self.bare_parameter(place)?;
        let default = if self.eat(T::Equal) { Some(self.expression()?) } else { None };
        arg.type_comment = self.after_parameter(place)?;
        Ok((arg, default))
    }

    /// The comma after a parameter (before or after its type comment), unless the list ends.
    fn after_parameter(&mut self, place: ParameterPlace) -> ParseResult<Option<&'a str>> {
        if self.eat(T::Comma) {
            return Ok(if place == ParameterPlace::Function { self.type_comment() } else { None });
        }
        let comment = if place == ParameterPlace::Function { self.type_comment() } else { None };
        if self.peek() == place.end() { Ok(comment) } else { Err(Failed) }
    }

    /// `['[' type_params ']']`
    pub(super) fn type_parameters(&mut self) -> ParseResult<&'a [TypeParam<'a>]> {
        if !self.eat(T::LeftBracket) {
            return Ok(&[]);
        }
        let mut params = Vec::new();
        loop {
            params.push(self.type_parameter()?);
            if !self.eat(T::Comma) || self.peek() == T::RightBracket {
                break;
            }
        }
        self.expect(T::RightBracket)?;
        self.check_version(12, "Type parameter lists are")?;
        Ok(self.sequence(&params))
    }

    fn type_parameter(&mut self) -> ParseResult<TypeParam<'a>> {
        let start = self.start();
        let kind = match self.peek() {
            T::Star => {
                self.advance();
                let name = self.identifier()?;
                let default_value = if self.eat(T::Equal) {
                    let value =
                        if self.peek() == T::Star { self.starred_bitwise_or()? } else { self.expression()? };
                    self.check_version(13, "Type parameter defaults are")?;
                    Some(value)
                } else {
                    None
                };
                TypeParamKind::TypeVarTuple { name, default_value }
            }
            T::DoubleStar => {
                self.advance();
                let name = self.identifier()?;
                TypeParamKind::ParamSpec { name, default_value: self.type_parameter_default()? }
            }
            _ => {
                let name = self.identifier()?;
                let bound = if self.eat(T::Colon) { Some(self.expression()?) } else { None };
                TypeParamKind::TypeVar { name, bound, default_value: self.type_parameter_default()? }
            }
        };
        Ok(TypeParam { kind, span: self.span(start) })
    }

    fn type_parameter_default(&mut self) -> ParseResult<Option<ExprRef<'a>>> {
        if !self.eat(T::Equal) {
            return Ok(None);
        }
        let value = self.expression()?;
        self.check_version(13, "Type parameter defaults are")?;
        Ok(Some(value))
    }

    /// The name of a pattern's value: `a.b.c`.
    pub(super) fn name_or_attribute(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        let id = self.identifier()?;
        let mut value = self.node(ExprKind::Name { id, ctx: ExprContext::Load }, start);
        while self.eat(T::Dot) {
            let attr = self.identifier()?;
            value = self.node(ExprKind::Attribute { value, attr, ctx: ExprContext::Load }, start);
        }
        Ok(value)
    }
}
