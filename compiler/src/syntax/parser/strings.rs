//! String literals: implicit concatenation, f-strings and t-strings.
//!
//! Adjacent literal pieces become one constant that spans them all, whether they come from one literal or from
//! several; empty pieces vanish next to replacement fields.

use super::{ParseResult, Parser, Start};
use crate::syntax::ast::{Constant, Expr, ExprKind, ExprRef, Span};
use crate::syntax::error::CompileWarning;
use crate::syntax::string_literal::{self, InvalidEscape, Spelling};
use crate::syntax::token_stream::Failed;
use crate::syntax::tokenizer::{FUTURE_OF_ESCAPES, Token, TokenKind as T};

/// A replacement field, perhaps with the text that `=` shows before its value.
struct Field<'a> {
    debug_text: Option<ExprRef<'a>>,
    value: ExprRef<'a>,
}

/// Stands for a piece whose text is not decoded yet.
const EMPTY: ExprRef<'static> = &Expr {
    kind: ExprKind::Constant { value: Constant::Str(b""), kind: None },
    span: Span { line: 0, col: 0, end_line: 0, end_col: 0 },
};

fn token_span(token: Token) -> Span {
    Span { line: token.line, col: token.col, end_line: token.end_line, end_col: token.end_col }
}

impl<'a> Parser<'a, '_> {
    /// One or more literals side by side. The current token starts one.
    pub(in crate::syntax) fn strings(&mut self) -> ParseResult<ExprRef<'a>> {
        if !self.speculating {
            return self.concatenated_strings();
        }
        let mark = self.stream.mark;
        if let Some(&(_, known, end)) = self.known_strings.iter().find(|entry| entry.0 == mark) {
            self.stream.mark = end;
            return Ok(known);
        }
        let strings = self.concatenated_strings()?;
        self.known_strings.push((mark, strings, self.stream.mark));
        Ok(strings)
    }

    fn concatenated_strings(&mut self) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        if self.peek() == T::String {
            let token = self.take();
            let first = self.plain_string(token)?;
            if !matches!(self.peek(), T::String | T::FStringStart) {
                return Ok(first);
            }
            return self.more_strings(start, Some(first));
        }
        if self.peek() == T::TStringStart { self.template_strings(start) } else { self.more_strings(start, None) }
    }

    fn template_strings(&mut self, start: Start) -> ParseResult<ExprRef<'a>> {
        let mut pieces = Vec::new();
        while self.peek() == T::TStringStart {
            self.interpolated(&mut pieces)?;
        }
        let values = self.merge_constants(&pieces);
        Ok(self.node(ExprKind::TemplateStr { values }, start))
    }

    fn more_strings(&mut self, start: Start, first: Option<ExprRef<'a>>) -> ParseResult<ExprRef<'a>> {
        let mut pieces: Vec<ExprRef<'a>> = first.into_iter().collect();
        let mut has_fields = false;
        loop {
            match self.peek() {
                T::String => {
                    let token = self.take();
                    pieces.push(self.plain_string(token)?);
                }
                T::FStringStart => {
                    has_fields = true;
                    self.interpolated(&mut pieces)?;
                }
                _ => break,
            }
        }
        let bytes_count = pieces
            .iter()
            .filter(|piece| matches!(piece.kind, ExprKind::Constant { value: Constant::Bytes(_), .. }))
            .count();
        if bytes_count > 0 && (has_fields || bytes_count < pieces.len()) {
            return self.raise("cannot mix bytes and nonbytes literals".into());
        }
        if has_fields {
            let values = self.merge_constants(&pieces);
            return Ok(self.node(ExprKind::JoinedStr { values }, start));
        }
        Ok(self.joined(&pieces))
    }

    /// One constant of all pieces, which are constants of one type; at least one.
    fn joined(&self, pieces: &[ExprRef<'a>]) -> ExprRef<'a> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return self.arena.alloc(Expr {
                kind: ExprKind::Constant { value: Constant::Str(b""), kind: None },
                span: Span::default(),
            });
        };
        if pieces.len() == 1 {
            return first;
        }
        let part = |piece: &ExprRef<'a>| match piece.kind {
            ExprKind::Constant { value: Constant::Str(bytes) | Constant::Bytes(bytes), .. } => bytes,
            _ => b"",
        };
        let mut text = bumpalo::collections::Vec::with_capacity_in(
            pieces.iter().map(|piece| part(piece).len()).sum(),
            self.arena,
        );
        for piece in pieces {
            text.extend_from_slice_copy(part(piece));
        }
        let text: &'a [u8] = text.into_bump_slice();
        let (value, kind) = match first.kind {
            ExprKind::Constant { value: Constant::Bytes(_), kind } => (Constant::Bytes(text), kind),
            ExprKind::Constant { kind, .. } => (Constant::Str(text), kind),
            _ => (Constant::Str(text), None),
        };
        let span = Span { end_line: last.span.end_line, end_col: last.span.end_col, ..first.span };
        self.arena.alloc(Expr { kind: ExprKind::Constant { value, kind }, span })
    }

    fn merge_constants(&self, pieces: &[ExprRef<'a>]) -> &'a [ExprRef<'a>] {
        let is_constant = |piece: &ExprRef<'a>| matches!(piece.kind, ExprKind::Constant { .. });
        let mut values = Vec::with_capacity(pieces.len());
        for run in pieces.chunk_by(|a, b| is_constant(a) && is_constant(b)) {
            let piece = if is_constant(&run[0]) { self.joined(run) } else { run[0] };
            if !matches!(piece.kind, ExprKind::Constant { value: Constant::Str(b""), .. }) {
                values.push(piece);
            }
        }
        self.sequence(&values)
    }

    /// The constant of a `STRING` token.
    pub(in crate::syntax) fn plain_string(&mut self, token: Token) -> ParseResult<ExprRef<'a>> {
        let spelling = Spelling::of(self.stream.text(token));
        let decoded = if spelling.is_bytes {
            if !spelling.body.is_ascii() {
                self.stream
                    .raise_span(token_span(token), "bytes can only contain ASCII literal characters".into());
                return Err(Failed);
            }
            string_literal::decode_bytes(self.arena, spelling.body, spelling.is_raw)
        } else {
            string_literal::decode_str(self.arena, spelling.body, spelling.is_raw, self.options.character_by_name)
        };
        let text = match decoded {
            Ok((text, None)) => text,
            Ok((text, Some(invalid))) => {
                self.warn_of_escape(invalid, token, spelling.body);
                text
            }
            Err(problem) => return self.raise(problem.message()),
        };
        let value = if spelling.is_bytes { Constant::Bytes(text) } else { Constant::Str(text) };
        let kind = if spelling.is_unicode { Some("u") } else { None };
        Ok(self.arena.alloc(Expr { kind: ExprKind::Constant { value, kind }, span: token_span(token) }))
    }

    /// Warns of an escape in the text of a token; in f-strings `token` is the one that ends the string.
    #[cold]
    fn warn_of_escape(&mut self, invalid: InvalidEscape, token: Token, text: &str) {
        if self.keeps_quiet || (token.kind != T::String && invalid.is_brace) {
            return;
        }
        let before = &text.as_bytes()[..invalid.offset.min(text.len())];
        let lines = before.iter().filter(|&&c| c == b'\n').count() as u32;
        let (mut col, mut end_line, mut end_col) = (
            self.stream.chars_before(token.start, token.col) + 1,
            token.end_line,
            self.stream.chars_before(token.end, token.end_col) + 1,
        );
        if token.kind == T::String && text.is_ascii() {
            // The backslash and what follows; CPython does not count a prefix with its quotes.
            let literal = self.stream.text(token).as_bytes();
            let quotes = if literal.first().is_some_and(u8::is_ascii_alphabetic) { 0 } else { (literal.len() - text.len()) / 2 };
            let backslash = before.len().saturating_sub(1);
            col = match before.iter().rposition(|&c| c == b'\n') {
                Some(newline) => (backslash - newline) as u32,
                None => col + (quotes + backslash) as u32,
            };
            end_line = token.line + lines;
            end_col = col + 2;
        }
        self.stream.tokenizer.warnings.push(CompileWarning {
            is_syntax_warning: self.options.feature_version >= 12,
            error_message: Some(invalid.message.replace(FUTURE_OF_ESCAPES, "")),
            message: invalid.message,
            line: token.line + lines,
            col,
            end_line,
            end_col,
        });
    }

    /// The constant of a piece of an f-string; `end` is the token whose line warnings count from.
    pub(in crate::syntax) fn middle(&mut self, token: Token, is_raw: bool, end: Token) -> ParseResult<ExprRef<'a>> {
        let text = self.stream.text(token);
        let decoded = string_literal::decode_str(self.arena, text, is_raw, self.options.character_by_name);
        let value = match decoded {
            Ok((value, None)) => value,
            Ok((value, Some(invalid))) => {
                self.warn_of_escape(invalid, Token { kind: token.kind, ..end }, text);
                value
            }
            Err(problem) => {
                self.stream.raise_span(token_span(token), problem.message());
                return Err(Failed);
            }
        };
        Ok(self.arena.alloc(Expr {
            kind: ExprKind::Constant { value: Constant::Str(value), kind: None },
            span: token_span(token),
        }))
    }

    /// The pieces of one f-string or t-string. The current token starts it.
    fn interpolated(&mut self, pieces: &mut Vec<ExprRef<'a>>) -> ParseResult<()> {
        self.guard()?;
        let opening = self.take();
        let is_template = opening.kind == T::TStringStart;
        let is_raw = self.stream.text(opening).bytes().any(|c| c | 0x20 == b'r');
        // The text is decoded when the string is complete.
        let mut texts = Vec::new();
        loop {
            match self.peek() {
                T::FStringMiddle | T::TStringMiddle => {
                    let token = self.take();
                    texts.push((pieces.len(), token));
                    pieces.push(EMPTY);
                }
                T::LeftBrace => {
                    let field = self.replacement_field(is_template, is_raw)?;
                    pieces.extend(field.debug_text);
                    pieces.push(field.value);
                }
                T::FStringEnd | T::TStringEnd => {
                    let end = self.take();
                    if is_template {
                        self.check_version(14, "t-strings are")?;
                    }
                    for (index, token) in texts {
                        let text = self.middle(token, is_raw, end)?;
                        if let Some(piece) = pieces.get_mut(index) {
                            *piece = text;
                        }
                    }
                    return Ok(());
                }
                _ => return Err(Failed),
            }
        }
    }

    fn replacement_field(&mut self, is_template: bool, is_raw: bool) -> ParseResult<Field<'a>> {
        let open = self.expect_token(T::LeftBrace)?;
        let value = self.yield_or_star_expressions()?;
        let after_expression = self.stream.token();
        let is_debug = self.eat(T::Equal);
        let terminator = self.stream.token();
        let mut conversion = -1;
        if self.eat(T::Exclamation) {
            conversion = self.conversion(terminator, is_template)?;
        }
        let format_spec = if self.peek() == T::Colon { Some(self.format_spec(is_raw)?) } else { None };
        self.expect(T::RightBrace)?;
        if is_debug && conversion == -1 && format_spec.is_none() {
            conversion = i32::from(b'r');
        }
        let start = (open.line, open.col);
        let text_until = |end: Token| &self.stream.source[open.end as usize..end.start as usize];
        let debug_text = is_debug.then(|| self.expression_text(text_until(terminator)));
        let kind = if is_template {
            let text = self.expression_text(text_until(if is_debug { after_expression } else { terminator }));
            ExprKind::Interpolation { value, str: Constant::Str(text.as_bytes()), conversion, format_spec }
        } else {
            ExprKind::FormattedValue { value, conversion, format_spec }
        };
        let debug_text = debug_text.map(|text| -> ExprRef<'a> {
            self.arena.alloc(Expr {
                kind: ExprKind::Constant { value: Constant::Str(text.as_bytes()), kind: None },
                span: Span {
                    line: open.line,
                    col: open.col + 1,
                    end_line: terminator.line,
                    end_col: terminator.col,
                },
            })
        });
        Ok(Field { debug_text, value: self.node(kind, start) })
    }

    fn expression_text(&self, text: &'a str) -> &'a str {
        match string_literal::without_comments(text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(text) => self.arena.alloc_str(&text),
        }
    }

    /// The letter after `!`, which must follow it without a blank.
    pub(in crate::syntax) fn conversion(&mut self, mark: Token, is_template: bool) -> ParseResult<i32> {
        let token = self.expect_token(T::Name)?;
        let letter = if is_template { 't' } else { 'f' };
        if token.start != mark.end || token.line != mark.line {
            self.stream.raise_span(
                Span { line: mark.line, col: mark.col, end_line: token.end_line, end_col: token.end_col },
                format!("{letter}-string: conversion type must come right after the exclamation mark"),
            );
            return Err(Failed);
        }
        match self.stream.text(token).as_bytes() {
            [c @ (b's' | b'r' | b'a')] => Ok(i32::from(*c)),
            _ => {
                let name = self.name_of(token);
                self.stream.raise_span(
                    token_span(token),
                    format!("{letter}-string: invalid conversion character '{name}': expected 's', 'r', or 'a'"),
                );
                Err(Failed)
            }
        }
    }

    /// `':' …` up to the closing brace.
    fn format_spec(&mut self, is_raw: bool) -> ParseResult<ExprRef<'a>> {
        let start = self.start();
        self.expect(T::Colon)?;
        let mut pieces = Vec::new();
        let mut has_fields = false;
        loop {
            match self.peek() {
                T::FStringMiddle | T::TStringMiddle => {
                    let token = self.take();
                    pieces.push(self.middle(token, is_raw, token)?);
                }
                T::LeftBrace => {
                    has_fields = true;
                    // Inside a t-string's format specification fields are formatted, not interpolated.
                    let field = self.replacement_field(false, is_raw)?;
                    pieces.extend(field.debug_text);
                    pieces.push(field.value);
                }
                _ => break,
            }
        }
        pieces.retain(|piece| !matches!(piece.kind, ExprKind::Constant { value: Constant::Str(b""), .. }));
        if !has_fields && pieces.len() > 1 {
            return Ok(self.joined(&pieces));
        }
        let values = self.merge_constants(&pieces);
        Ok(self.node(ExprKind::JoinedStr { values }, start))
    }
}
