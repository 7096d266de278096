//! Why a source is no program: the message and the place that CPython reports.
//!
//! CPython parses with a grammar of ordered alternatives, twice: the first time with the rules of the language, the
//! second time with `invalid_…` rules between them that match known mistakes. Which mistake is reported rests on the
//! order in which alternatives are tried, on how far the tokens were read, and on what was memoised. So this module
//! follows that order: every function is one rule of the language, tries its alternatives in order, and remembers
//! its result where CPython does. It runs only after `parser` has failed and may be slow.
//!
//! # Rules
//! A rule returns what it matched, or why not: [`Miss::No`] (the caller tries its next alternative; [`Diagnosis::alt`]
//! puts the mark back) or [`Miss::Raised`] (an error stands in the token stream; everything stops).
//! Trees are built of expressions only and hold just what messages need: kinds, spans, elements of targets.

mod arguments;
mod atoms;
mod blocks;
mod definitions;
mod expressions;
mod mistakes;
mod parameters;
mod patterns;
mod statements;
mod strings;
mod targets;

use super::ast::{Constant, Expr, ExprContext, ExprKind, ExprRef, Span};
use super::error::{CompileWarning, SyntaxError, SyntaxErrorKind};
use super::parser::{Mode, Parser};
use super::tokenizer::{State, Token, TokenKind};
use std::collections::HashMap;

/// Why a rule gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    No,
    Raised,
}

type Rule<T> = Result<T, Miss>;

/// The rules whose results are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Memo {
    SimpleStatement,
    Block,
    Expression,
    StarExpression,
    Disjunction,
    Conjunction,
    Inversion,
    /// `bitwise_or` and the operators that bind tighter, by strength.
    Operators(u8),
    Factor,
    AwaitPrimary,
    Primary,
    TargetPrimary,
    Strings,
    Arguments,
    StarTarget,
    TargetWithStarAtom,
    DeleteTarget,
    InvalidNamedExpression,
    ClosedPattern,
    TypeParameter,
}

struct Diagnosis<'a, 'o> {
    parser: Parser<'a, 'o>,
    /// The second pass: mistakes are looked for.
    looks_for_mistakes: bool,
    memo: HashMap<(Memo, usize), (Option<ExprRef<'a>>, usize)>,
    string: strings::InnerString,
}

/// The error of a source that the parser rejects, and the warnings that come before it.
pub(super) fn explain(parser: &Parser, warnings: &mut Vec<CompileWarning>) -> SyntaxError {
    let mut diagnosis = Diagnosis {
        parser: parser.restarted(),
        looks_for_mistakes: false,
        memo: HashMap::default(),
        string: strings::InnerString::default(),
    };
    let error = diagnosis.explain();
    warnings.append(&mut diagnosis.parser.stream.tokenizer.warnings);
    error.unwrap_or_else(|| parser.fallback_error())
}

impl<'a> Diagnosis<'a, '_> {
    /// `None` when the stack does not suffice, or if this grammar accepts what the parser does not.
    fn explain(&mut self) -> Option<SyntaxError> {
        if self.input().is_ok() || self.parser.too_nested {
            return None;
        }
        let stream = &mut self.parser.stream;
        let last = stream.tokens.last().copied();
        let source_ended = matches!(
            stream.tokenizer.state(),
            State::EndOfSource | State::EndInTripleQuoted | State::EndInQuoted
        );
        if self.parser.options.allow_incomplete_input && source_ended {
            stream.raised = None;
            stream.raise_at_token_position(SyntaxErrorKind::Incomplete, last?, "incomplete input".into());
            return stream.raised.take();
        }
        if stream.raised.is_none() {
            stream.mark = 0;
            self.memo.clear();
            self.parser.keeps_quiet = true;
            self.looks_for_mistakes = true;
            // Whether it fails again tells nothing; what it raises does.
            let _ = self.input();
        }
        self.settle(last);
        self.parser.stream.raised.take()
    }

    fn input(&mut self) -> Rule<()> {
        match self.parser.options.mode {
            Mode::Exec => {
                self.opt(Self::statements)?;
                self.tok(TokenKind::EndMarker)?;
            }
            Mode::Eval => {
                self.expressions()?;
                while self.eat(TokenKind::NewLine)? {}
                self.tok(TokenKind::EndMarker)?;
            }
            Mode::Single => self.interactive()?,
            Mode::FunctionType => self.function_type()?,
        }
        Ok(())
    }

    /// What is reported when no rule, or a rule of mistakes, has raised: errors of the tokenizer come first, even
    /// those in the rest of the source.
    fn settle(&mut self, last: Option<Token>) {
        let stream = &mut self.parser.stream;
        if let Some(error) = stream.raised.take() {
            let is_syntax_error = error.kind != SyntaxErrorKind::TooNested;
            stream.raised = Some(error);
            if stream.tokenizer.state() == State::Running && is_syntax_error {
                self.check_rest_of_tokens();
            }
            return;
        }
        let Some(last) = last else { return };
        if last.kind == TokenKind::Error && stream.tokenizer.state() == State::EndOfSource {
            if stream.tokenizer.level() > 0 {
                stream.raise_unclosed_bracket();
            } else {
                stream.raise_last(SyntaxErrorKind::Syntax, "unexpected EOF while parsing".into());
            }
            return;
        }
        if matches!(last.kind, TokenKind::Indent | TokenKind::Dedent) {
            let message =
                if last.kind == TokenKind::Indent { "unexpected indent" } else { "unexpected unindent" };
            stream.raise_last(SyntaxErrorKind::Indentation, message.into());
            return;
        }
        let mut span = token_span(last);
        let mut message = "invalid syntax";
        if last.kind == TokenKind::NotEqual && stream.text(last) == "<>" {
            if self.parser.rejected_diamond == Some(last.start) {
                message = "invalid syntax.  Maybe you meant '!=' instead of '<>'?";
            } else {
                // Where no operator fits, it is a `<`.
                span.end_col -= 1;
            }
        }
        stream.raise_span(span, message.into());
        self.check_rest_of_tokens();
    }

    /// Reads the rest of the source; an error in its tokens, or a bracket that stays open, replaces the error found.
    fn check_rest_of_tokens(&mut self) {
        let stream = &mut self.parser.stream;
        let current_line = stream.tokens.last().map_or(0, |token| token.line);
        loop {
            let token = stream.tokenizer.next_token();
            match token.kind {
                TokenKind::Error => {
                    // CPython does not look for errors inside f-strings here.
                    if stream.tokenizer.is_in_interpolated() {
                        return;
                    }
                    if let Some(error) = stream.tokenizer.take_error() {
                        stream.raised = Some(error);
                    } else if let Some(open) = stream.tokenizer.innermost_bracket()
                        && current_line > open.line
                    {
                        stream.raised = None;
                        stream.raise_unclosed_bracket();
                    }
                    return;
                }
                TokenKind::EndMarker => return,
                _ => {}
            }
        }
    }

    // --- Matching ---------------------------------------------------------------------------------------------------

    fn mark(&self) -> usize {
        self.parser.stream.mark
    }

    /// The kind of the current token, reading it if need be.
    fn peek(&mut self) -> Rule<TokenKind> {
        let kind = self.parser.stream.peek();
        if self.parser.stream.raised.is_some() { Err(Miss::Raised) } else { Ok(kind) }
    }

    fn tok(&mut self, kind: TokenKind) -> Rule<Token> {
        if self.peek()? != kind {
            return Err(Miss::No);
        }
        Ok(self.parser.take())
    }

    fn eat(&mut self, kind: TokenKind) -> Rule<bool> {
        let found = self.peek()? == kind;
        if found {
            self.parser.advance();
        }
        Ok(found)
    }

    /// Any of several tokens.
    fn any(&mut self, kinds: &[TokenKind]) -> Rule<Token> {
        if !kinds.contains(&self.peek()?) {
            return Err(Miss::No);
        }
        Ok(self.parser.take())
    }

    /// A name spelled `word`.
    fn word(&mut self, word: &str) -> Rule<Token> {
        self.peek()?;
        if !self.parser.is_soft_keyword(word) {
            return Err(Miss::No);
        }
        Ok(self.parser.take())
    }

    /// Positive lookahead at one token.
    fn ahead(&mut self, kinds: &[TokenKind]) -> Rule<()> {
        if kinds.contains(&self.peek()?) { Ok(()) } else { Err(Miss::No) }
    }

    /// Negative lookahead at one token.
    fn not_ahead(&mut self, kinds: &[TokenKind]) -> Rule<()> {
        if kinds.contains(&self.peek()?) { Err(Miss::No) } else { Ok(()) }
    }

    /// A token that must come: another one is an error at once, in the second pass.
    fn forced(&mut self, kind: TokenKind) -> Rule<Token> {
        if self.peek()? == kind {
            return Ok(self.parser.take());
        }
        if !self.looks_for_mistakes {
            return Err(Miss::No);
        }
        let token = self.parser.stream.token();
        self.raise(token_span(token), format!("expected '{}'", kind.text()))
    }

    /// Tries an alternative; on a miss the mark is back.
    fn opt<T>(&mut self, rule: impl FnOnce(&mut Self) -> Rule<T>) -> Rule<Option<T>> {
        let mark = self.mark();
        match rule(self) {
            Ok(value) => Ok(Some(value)),
            Err(Miss::No) => {
                self.parser.stream.mark = mark;
                Ok(None)
            }
            Err(Miss::Raised) => Err(Miss::Raised),
        }
    }

    /// Tries an alternative of a rule of mistakes, which raises or misses.
    fn alt(&mut self, rule: impl FnOnce(&mut Self) -> Rule<()>) -> Rule<()> {
        self.opt(rule).map(|_| ())
    }

    /// Lookahead of more than a token: whether the rule matches. The mark stays.
    fn matches<T>(&mut self, rule: impl FnOnce(&mut Self) -> Rule<T>) -> Rule<bool> {
        let mark = self.mark();
        let found = self.opt(rule)?.is_some();
        self.parser.stream.mark = mark;
        Ok(found)
    }

    /// Runs a rule of mistakes, in the second pass only.
    fn mistake(&mut self, rule: impl FnOnce(&mut Self) -> Rule<()>) -> Rule<()> {
        if !self.looks_for_mistakes {
            return Ok(());
        }
        self.alt(rule)
    }

    /// `rule (',' rule)*`
    fn separated<T>(&mut self, mut rule: impl FnMut(&mut Self) -> Rule<T>) -> Rule<Vec<T>> {
        let mut items = vec![rule(self)?];
        while let Some(item) = self.opt(|d| {
            d.tok(TokenKind::Comma)?;
            rule(d)
        })? {
            items.push(item);
        }
        Ok(items)
    }

    /// `rule*`
    fn many<T>(&mut self, mut rule: impl FnMut(&mut Self) -> Rule<T>) -> Rule<Vec<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.opt(&mut rule)? {
            items.push(item);
        }
        Ok(items)
    }

    /// `rule+`
    fn some<T>(&mut self, rule: impl FnMut(&mut Self) -> Rule<T>) -> Rule<Vec<T>> {
        let items = self.many(rule)?;
        if items.is_empty() { Err(Miss::No) } else { Ok(items) }
    }

    fn memoized(&mut self, memo: Memo, rule: impl FnOnce(&mut Self) -> Rule<ExprRef<'a>>) -> Rule<ExprRef<'a>> {
        let mark = self.mark();
        if let Some(&(known, end)) = self.memo.get(&(memo, mark)) {
            return match known {
                Some(value) => {
                    self.parser.stream.mark = end;
                    Ok(value)
                }
                None => Err(Miss::No),
            };
        }
        if self.parser.guard().is_err() {
            return Err(Miss::Raised);
        }
        let result = rule(self);
        let value = match result {
            Ok(value) => Some(value),
            Err(Miss::No) => None,
            Err(Miss::Raised) => return result,
        };
        self.memo.insert((memo, mark), (value, self.mark()));
        result
    }

    // --- Nodes and errors -------------------------------------------------------------------------------------------

    fn start(&mut self) -> Rule<(u32, u32)> {
        self.peek()?;
        Ok(self.parser.start())
    }

    fn node(&self, kind: ExprKind<'a>, start: (u32, u32)) -> ExprRef<'a> {
        self.parser.node(kind, start)
    }

    /// A node for rules whose result nobody looks at.
    fn nothing(&self) -> ExprRef<'a> {
        const NOTHING: Expr<'static> =
            Expr { kind: ExprKind::Constant { value: Constant::None, kind: None }, span: Span {
                line: 0,
                col: 0,
                end_line: 0,
                end_col: 0,
            } };
        &NOTHING
    }

    fn tuple(&self, elts: Vec<ExprRef<'a>>, start: (u32, u32)) -> ExprRef<'a> {
        self.node(ExprKind::Tuple { elts: self.parser.sequence(&elts), ctx: ExprContext::Load }, start)
    }

    /// Raises at a span.
    fn raise<T>(&mut self, span: Span, message: impl Into<String>) -> Rule<T> {
        self.parser.stream.raise_span(span, message.into());
        Err(Miss::Raised)
    }

    fn raise_range<T>(&mut self, first: Span, last: Span, message: impl Into<String>) -> Rule<T> {
        let span = Span { end_line: last.end_line, end_col: last.end_col, ..first };
        self.raise(span, message)
    }

    /// Raises from a span to where the tokenizer is.
    fn raise_from<T>(&mut self, span: Span, message: impl Into<String>) -> Rule<T> {
        self.parser.stream.raise_from(span, message.into());
        Err(Miss::Raised)
    }

    /// Raises at the last token read.
    fn raise_last<T>(&mut self, message: impl Into<String>) -> Rule<T> {
        self.parser.stream.raise_last(SyntaxErrorKind::Syntax, message.into());
        Err(Miss::Raised)
    }

    /// Raises at the token that comes next.
    fn raise_next<T>(&mut self, message: impl Into<String>) -> Rule<T> {
        self.peek()?;
        let token = self.parser.stream.token();
        self.parser.stream.raise_at_token(SyntaxErrorKind::Syntax, token, message.into());
        Err(Miss::Raised)
    }

    fn raise_indentation<T>(&mut self, message: String) -> Rule<T> {
        self.parser.stream.raise_last(SyntaxErrorKind::Indentation, message);
        Err(Miss::Raised)
    }

    fn check_version(&mut self, version: u32, feature: &str) -> Rule<()> {
        self.parser.check_version(version, feature).map_err(|_| Miss::Raised)
    }
}

fn token_span(token: Token) -> Span {
    Span { line: token.line, col: token.col, end_line: token.end_line, end_col: token.end_col }
}
