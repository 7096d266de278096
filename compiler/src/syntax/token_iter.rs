//! Tokens as `_tokenize.TokenizerIter` reports them: numbers, text, positions in characters, and the line.

use super::error::{SyntaxError, SyntaxErrorKind};
use super::tokenizer::{NO_COLUMN, State, Token, TokenKind, Tokenizer, TokenizerOptions};

/// A token with what Python code sees of it. Lines from 1, columns from 0 in characters, -1 where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo<'s> {
    /// The number in the `token` module.
    pub number: u8,
    pub text: &'s str,
    pub start: (u32, i32),
    pub end: (u32, i32),
    /// The line or lines that the token stands on.
    pub line: &'s str,
}

/// Iterates over the tokens of a source up to and with `ENDMARKER`; ends after the first error.
pub struct TokenIter<'s> {
    source: &'s str,
    tokenizer: Tokenizer<'s>,
    extra_tokens: bool,
    /// The source's last line end was added by the caller.
    implicit_newline: bool,
    done: bool,
}

impl<'s> TokenIter<'s> {
    /// `source` has `\n` as its only line end, after its last line too; `implicit_newline` tells that the last one
    /// stands in no file. With `extra_tokens` comments and all line ends are tokens and operators are `OP`.
    pub fn new(source: &'s str, extra_tokens: bool, implicit_newline: bool) -> Self {
        let options = TokenizerOptions { extra_tokens, type_comments: false };
        let tokenizer = Tokenizer::new(source, options);
        Self { source, tokenizer, extra_tokens, implicit_newline, done: false }
    }

    /// Whether the line that was last read ends with a line end that is not in the file.
    fn is_at_implicit_newline(&self) -> bool {
        self.implicit_newline && self.tokenizer.line_end() == self.source.len()
    }

    fn info(&self, token: Token) -> TokenInfo<'s> {
        let tokenizer = &self.tokenizer;
        let has_text = token.col != NO_COLUMN || token.end_col != NO_COLUMN;
        let is_trailing = token.kind == TokenKind::EndMarker
            || (token.kind == TokenKind::Dedent && tokenizer.state() == State::EndOfSource);
        let line_start =
            if token.kind.is_string_part() { tokenizer.multi_line_start() } else { tokenizer.line_start() };
        let line = if self.extra_tokens && is_trailing {
            ""
        } else {
            let end = tokenizer.line_end() - usize::from(self.is_at_implicit_newline());
            self.source.get(line_start..end.max(line_start)).unwrap_or("")
        };
        let chars = |start: usize, end: usize| match self.source.get(start..end) {
            Some(text) => text.chars().count() as i32,
            None => -1,
        };
        let (start, end) = (token.start as usize, token.end as usize);
        let mut info = TokenInfo {
            number: token.kind.number(),
            text: if has_text { &self.source[start..end] } else { "" },
            start: (token.line, if has_text { chars(line_start, start) } else { -1 }),
            end: (token.end_line, if has_text { chars(tokenizer.line_start(), end) } else { -1 }),
            line,
        };
        if self.extra_tokens {
            self.adjust_extra(&mut info, token.kind, is_trailing);
        }
        info
    }

    fn adjust_extra(&self, info: &mut TokenInfo<'s>, kind: TokenKind, is_trailing: bool) {
        if is_trailing {
            info.start = (info.start.0 + 1, 0);
            info.end = info.start;
        }
        info.number = kind.general_number();
        match kind {
            TokenKind::NewLine => {
                info.text = if self.is_at_implicit_newline() { "" } else { "\n" };
                info.end.1 += 1;
            }
            TokenKind::NonLogicalNewLine if self.is_at_implicit_newline() => info.text = "",
            _ => {}
        }
    }

    fn error(&mut self) -> SyntaxError {
        if let Some(error) = self.tokenizer.take_error() {
            return error;
        }
        let tokenizer = &self.tokenizer;
        let (kind, message) = match tokenizer.state() {
            State::EndOfSource => (SyntaxErrorKind::Syntax, "unexpected EOF in multi-line statement"),
            State::BadDedent => {
                (SyntaxErrorKind::Indentation, "unindent does not match any outer indentation level")
            }
            State::TabSpace => (SyntaxErrorKind::Tab, "inconsistent use of tabs and spaces in indentation"),
            State::TooDeep => (SyntaxErrorKind::Indentation, "too many levels of indentation"),
            State::BadContinuation => {
                (SyntaxErrorKind::Syntax, "unexpected character after line continuation character")
            }
            _ => (SyntaxErrorKind::Syntax, "unknown tokenization error"),
        };
        let text = String::from_utf8_lossy(tokenizer.current_line()).into_owned();
        let at_end = tokenizer.state() == State::EndOfSource;
        let buffer = tokenizer.buffer();
        let col = match (at_end, tokenizer.is_in_token()) {
            (true, false) => 0,
            (true, true) => buffer.len() as u32,
            (false, _) => String::from_utf8_lossy(buffer).chars().count() as u32,
        };
        // The place is the end of what was read; no end of a range is known.
        SyntaxError {
            kind,
            message: message.into(),
            line: tokenizer.line(),
            col,
            end_line: if at_end { tokenizer.line() } else { 0 },
            end_col: 0,
            text: Some(text),
        }
    }
}

impl<'s> Iterator for TokenIter<'s> {
    type Item = Result<TokenInfo<'s>, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let token = self.tokenizer.next_token();
        if token.kind == TokenKind::Error {
            self.done = true;
            return Some(Err(self.error()));
        }
        self.done = token.kind == TokenKind::EndMarker;
        Some(Ok(self.info(token)))
    }
}
