//! The tokens read so far, a mark in them, and errors with CPython's positions.
//!
//! How many tokens have been *read* (not only taken) decides where a plain "invalid syntax" stands, so the parser
//! looks ahead exactly as far as the grammar needs.

use super::ast::{Span, TypeIgnore};
use super::error::{NO_OFFSET, SyntaxError, SyntaxErrorKind};
use super::source;
use super::tokenizer::{NO_COLUMN, State, Token, TokenKind, Tokenizer};

/// A grammar rule did not match, or an error was raised ([`TokenStream::raised`]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// Column arguments of [`TokenStream::raise_at`] that ask for the tokenizer's own position.
pub(super) const CURRENT: i64 = -5;

pub(super) struct TokenStream<'a> {
    pub(super) source: &'a str,
    pub(super) tokenizer: Tokenizer<'a>,
    pub(super) tokens: Vec<Token>,
    pub(super) mark: usize,
    pub(super) type_ignores: Vec<TypeIgnore<'a>>,
    pub(super) raised: Option<SyntaxError>,
    /// `exec` mode: errors show the line of the file.
    pub(super) is_file_input: bool,
    pub(super) is_single_input: bool,
    pub(super) imply_dedents: bool,
    started: bool,
}

impl<'a> TokenStream<'a> {
    pub(super) fn new(source: &'a str, tokenizer: Tokenizer<'a>) -> Self {
        Self {
            source,
            tokenizer,
            tokens: Vec::with_capacity(source.len() / 6 + 16),
            mark: 0,
            type_ignores: Vec::new(),
            raised: None,
            is_file_input: true,
            is_single_input: false,
            imply_dedents: true,
            started: false,
        }
    }

    /// The kind of the token at the mark.
    #[inline]
    pub(super) fn peek(&mut self) -> TokenKind {
        self.token().kind
    }

    /// The token at the mark.
    #[inline]
    pub(super) fn token(&mut self) -> Token {
        if let Some(token) = self.tokens.get(self.mark) { *token } else { self.fill() }
    }

    /// The kind of the token after the mark; reads it.
    #[inline]
    pub(super) fn peek_second(&mut self) -> TokenKind {
        self.token();
        match self.tokens.get(self.mark + 1) {
            Some(token) => token.kind,
            None => {
                // A failed tokenizer gives no more.
                if self.raised.is_some() {
                    return TokenKind::Error;
                }
                self.fill().kind
            }
        }
    }

    /// The last token taken.
    #[inline]
    pub(super) fn previous(&self) -> Token {
        self.tokens[self.mark - 1]
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        &self.source[token.start as usize..token.end as usize]
    }

    /// How many characters make the `col` bytes before an offset.
    pub(super) fn chars_before(&self, offset: u32, col: u32) -> u32 {
        let start = offset.saturating_sub(col) as usize;
        self.source.get(start..offset as usize).map_or(0, |text| text.chars().count() as u32)
    }

    /// Reads one more token.
    fn fill(&mut self) -> Token {
        if self.raised.is_some()
            && let Some(&last) = self.tokens.last()
            && last.kind == TokenKind::Error
        {
            return last;
        }
        let mut token = self.tokenizer.next_token();
        while token.kind == TokenKind::TypeIgnore {
            let tag = &self.source[token.start as usize..token.end as usize];
            self.type_ignores.push(TypeIgnore::TypeIgnore { lineno: token.line as i32, tag });
            token = self.tokenizer.next_token();
        }
        if self.is_single_input && token.kind == TokenKind::EndMarker && self.started {
            // The interactive line ends here even without a line end.
            token.kind = TokenKind::NewLine;
            self.started = false;
            if self.tokenizer.is_indented() && self.imply_dedents {
                self.tokenizer.close_blocks();
            }
        } else {
            self.started = true;
        }
        self.tokens.push(token);
        if token.kind == TokenKind::Error {
            self.raise_tokenizer_error();
        }
        token
    }

    #[cold]
    fn raise_tokenizer_error(&mut self) {
        if let Some(error) = self.tokenizer.take_error() {
            self.raised.get_or_insert(error);
            return;
        }
        let line = self.tokenizer.line();
        let (kind, col, message) = match self.tokenizer.state() {
            State::EndOfSource => {
                if self.tokenizer.level() > 0 {
                    self.raise_unclosed_bracket();
                } else {
                    self.raise_last(SyntaxErrorKind::Syntax, "unexpected EOF while parsing".into());
                }
                return;
            }
            State::BadDedent => {
                self.raise_last(
                    SyntaxErrorKind::Indentation,
                    "unindent does not match any outer indentation level".into(),
                );
                return;
            }
            State::TabSpace => {
                (SyntaxErrorKind::Tab, -1, "inconsistent use of tabs and spaces in indentation")
            }
            State::TooDeep => (SyntaxErrorKind::Indentation, -1, "too many levels of indentation"),
            State::BadContinuation => (
                SyntaxErrorKind::Syntax,
                self.tokenizer.offset_in_buffer() as i64 - 1,
                "unexpected character after line continuation character",
            ),
            _ => (SyntaxErrorKind::Syntax, -1, "unknown parsing error"),
        };
        self.raise_at(kind, line, col.max(0), line, -1, message.into());
    }

    pub(super) fn raise_unclosed_bracket(&mut self) {
        if let Some(open) = self.tokenizer.innermost_bracket() {
            self.raise_at(
                SyntaxErrorKind::Syntax,
                open.line,
                i64::from(open.col),
                open.line,
                -1,
                format!("'{}' was never closed", open.bracket as char),
            );
        }
    }

    /// Raises at the last token read.
    pub(super) fn raise_last(&mut self, kind: SyntaxErrorKind, message: String) {
        if self.raised.is_some() {
            return;
        }
        match self.tokens.last() {
            Some(&token) => self.raise_at_token(kind, token, message),
            None => self.raise_at(kind, 0, -1, 0, -2, message),
        }
    }

    /// Raises at a token, or at the tokenizer's position for a token without text.
    pub(super) fn raise_at_token(&mut self, kind: SyntaxErrorKind, token: Token, message: String) {
        if token.kind == TokenKind::Error && self.tokenizer.state() == State::EndOfSource && self.raised.is_none() {
            if self.tokenizer.level() > 0 {
                self.raise_unclosed_bracket();
                return;
            }
            return self.raise_at_token_position(SyntaxErrorKind::Syntax, token, "unexpected EOF while parsing".into());
        }
        self.raise_at_token_position(kind, token, message);
    }

    pub(super) fn raise_at_token_position(&mut self, kind: SyntaxErrorKind, token: Token, message: String) {
        let col = if token.col == NO_COLUMN {
            if self.tokenizer.is_at_buffer_start() {
                -1
            } else {
                (self.tokenizer.position() - self.tokenizer.line_start()) as i64 - 1
            }
        } else {
            i64::from(token.col)
        };
        let end_col = if token.end_col == NO_COLUMN { -2 } else { i64::from(token.end_col) };
        self.raise_at(kind, token.line, col, token.end_line, end_col, message);
    }

    pub(super) fn raise_span(&mut self, span: Span, message: String) {
        self.raise_at(
            SyntaxErrorKind::Syntax,
            span.line,
            column(span.col),
            span.end_line,
            column(span.end_col),
            message,
        );
    }

    /// Raises from a start to the tokenizer's current position.
    pub(super) fn raise_from(&mut self, span: Span, message: String) {
        self.raise_at(SyntaxErrorKind::Syntax, span.line, column(span.col), 0, CURRENT, message);
    }

    /// Raises with columns from 0 in bytes; -1 and -2 become 0 and -1 in the exception, as in CPython.
    pub(super) fn raise_at(
        &mut self,
        kind: SyntaxErrorKind,
        line: u32,
        col: i64,
        end_line: u32,
        end_col: i64,
        message: String,
    ) {
        if self.raised.is_some() {
            return;
        }
        let (end_line, end_col) = if end_col == CURRENT {
            let tokenizer = &self.tokenizer;
            (tokenizer.line(), (tokenizer.position() - tokenizer.line_start()) as i64 - 1)
        } else {
            (end_line, end_col)
        };
        let tokenizer = &self.tokenizer;
        let text: String = if tokenizer.line() <= line && !tokenizer.current_line().is_empty() {
            String::from_utf8_lossy(tokenizer.current_line()).into_owned()
        } else {
            source::line(self.source, line).unwrap_or("").to_owned()
        };
        let offset = |col: i64| -> u32 {
            match u32::try_from(col + 1) {
                Ok(bytes) => byte_to_char_offset(&text, bytes),
                Err(_) => NO_OFFSET,
            }
        };
        let end_offset = if end_col + 1 > 0 { offset(end_col) } else { (end_col + 1) as i32 as u32 };
        self.raised = Some(SyntaxError {
            kind,
            message,
            line,
            col: offset(col),
            end_line,
            end_col: end_offset,
            text: Some(text),
        });
    }
}

/// A column as CPython has it: -1 for tokens without text.
fn column(col: u32) -> i64 {
    if col == NO_COLUMN { -1 } else { i64::from(col) }
}

/// The number of characters in the first `bytes` bytes of a line, which may end inside a character or one past the end.
fn byte_to_char_offset(text: &str, bytes: u32) -> u32 {
    let bytes = bytes as usize;
    if bytes > text.len() {
        return text.chars().count() as u32 + 1;
    }
    String::from_utf8_lossy(&text.as_bytes()[..bytes]).chars().count() as u32
}
