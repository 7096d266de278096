//! f-strings and t-strings: the text between the braces, and the marks inside the braces that belong to the string.
//!
//! Every open f-string is a [`StringMode`]. While `in_text` the tokenizer reads literal text (the string's own or a
//! format specification's); otherwise it reads the tokens of an expression.

use super::quoted::Prefix;
use super::{EOF, State, Stopped, Token, TokenKind, Tokenizer};

/// How deep expressions may nest through format specifications.
const MAX_EXPRESSION_DEPTH: i32 = 3;
/// How deep f-strings may nest.
const MAX_STRINGS: usize = 150;

pub(super) struct StringMode {
    pub(super) in_text: bool,
    pub(super) quote: u8,
    pub(super) quote_size: u8,
    raw: bool,
    template: bool,
    /// Brackets opened inside the string and not yet closed.
    pub(super) braces: i32,
    /// Index of the innermost open replacement field, -1 outside of any.
    pub(super) expression_depth: i32,
    pub(super) in_format_spec: bool,
    /// A `=` was seen at the top of the expression.
    pub(super) in_debug: bool,
    start: usize,
    first_line: u32,
    line_start: usize,
}

impl StringMode {
    pub(super) fn letter(&self) -> char {
        if self.template { 't' } else { 'f' }
    }

    /// Offset of the line where the string began.
    pub(super) fn line_start(&self) -> usize {
        self.line_start
    }

    fn is_in_expression(&self) -> bool {
        self.expression_depth >= 0
    }

    pub(super) fn is_at_top_of_expression(&self) -> bool {
        self.expression_depth == self.braces - 1
    }

    fn kind(&self, f_string: TokenKind, t_string: TokenKind) -> TokenKind {
        if self.template { t_string } else { f_string }
    }
}

impl Tokenizer<'_> {
    /// An f-string whose prefix and first quote were taken.
    pub(super) fn start_interpolated(&mut self, start: usize, quote: u8, prefix: Prefix) -> Result<Token, Stopped> {
        self.first_line = self.line;
        self.multi_line_start = self.line_start;
        let quote_size = match self.quote_size(quote) {
            Some(size) => size,
            None => {
                // The second quote of an empty string is the end token's.
                self.pos -= 1;
                1
            }
        };
        if self.modes.len() + 1 >= MAX_STRINGS {
            return Err(self.fail("too many nested f-strings or t-strings".into()));
        }
        let mode = StringMode {
            in_text: true,
            quote,
            quote_size,
            raw: prefix.is_raw(),
            template: prefix.is_template(),
            braces: 0,
            expression_depth: -1,
            in_format_spec: false,
            in_debug: false,
            start,
            first_line: self.line,
            line_start: self.line_start,
        };
        let kind = mode.kind(TokenKind::FStringStart, TokenKind::TStringStart);
        self.modes.push(mode);
        Ok(self.make(kind, start, self.pos))
    }

    /// A `:` that starts a format specification.
    pub(super) fn format_spec_colon(&mut self, start: usize) -> Option<Token> {
        let mode = self.modes.last_mut()?;
        // `braces` counts the field's own brace.
        if !mode.is_in_expression() || !mode.is_at_top_of_expression() {
            return None;
        }
        mode.in_text = true;
        mode.in_format_spec = true;
        Some(self.make(TokenKind::Colon, start, self.pos))
    }

    /// The next token of an f-string's text: a piece of it, its end, or the first token of a replacement field.
    pub(super) fn interpolated_text(&mut self) -> Result<Token, Stopped> {
        let start = self.pos;
        self.token_start = Some(start);
        self.first_line = self.line;
        let Some(mode) = self.modes.last_mut() else { return Err(Stopped) };
        let first = if self.pos < self.line_end { self.source[self.pos] } else { EOF };
        if first == b'{' && (self.pos + 1 >= self.line_end || self.source[self.pos + 1] != b'{') {
            mode.expression_depth += 1;
            if mode.expression_depth >= MAX_EXPRESSION_DEPTH {
                let letter = mode.letter();
                return Err(self.fail(format!("{letter}-string: expressions nested too deeply")));
            }
            mode.in_text = false;
            return self.regular_token();
        }
        let (quote, size) = (mode.quote, usize::from(mode.quote_size));
        if (0..size).all(|i| self.peek_at(i) == quote) {
            self.pos += size;
            self.multi_line_start = self.line_start;
            let Some(mode) = self.modes.pop() else { return Err(Stopped) };
            let kind = mode.kind(TokenKind::FStringEnd, TokenKind::TStringEnd);
            return Ok(self.make(kind, start, self.pos));
        }
        self.interpolated_middle(start)
    }

    fn interpolated_middle(&mut self, start: usize) -> Result<Token, Stopped> {
        self.multi_line_start = self.line_start;
        let Some(mode) = self.modes.last() else { return Err(Stopped) };
        let (quote, size, raw) = (mode.quote, mode.quote_size, mode.raw);
        let in_format_spec = mode.in_format_spec && mode.is_in_expression();
        let outside_brackets = mode.braces == 0;
        let kind = mode.kind(TokenKind::FStringMiddle, TokenKind::TStringMiddle);
        let mut closing = 0;
        let mut in_named_escape = false;
        while closing != size {
            let c = self.next_char();
            if c == EOF || (size == 1 && c == b'\n') {
                if in_format_spec && c == b'\n' {
                    let letter = self.modes.last().map_or('f', StringMode::letter);
                    return Err(self.fail(format!(
                        "{letter}-string: newlines are not allowed in format specifiers for single quoted {letter}-strings"
                    )));
                }
                return Err(self.unterminated_interpolated(c));
            }
            if c == quote {
                closing += 1;
                continue;
            }
            closing = 0;
            match c {
                b'{' => {
                    let next = self.next_char();
                    if next == b'{' && !in_format_spec {
                        return Ok(self.make_before_brace(kind, start));
                    }
                    self.back(next);
                    self.back(c);
                    let Some(mode) = self.modes.last_mut() else { return Err(Stopped) };
                    mode.expression_depth += 1;
                    if mode.expression_depth >= MAX_EXPRESSION_DEPTH {
                        let letter = mode.letter();
                        return Err(self.fail(format!("{letter}-string: expressions nested too deeply")));
                    }
                    mode.in_text = false;
                    return Ok(self.make(kind, start, self.pos));
                }
                b'}' => {
                    if in_named_escape {
                        return Ok(self.make(kind, start, self.pos));
                    }
                    let next = self.next_char();
                    if next == b'}' && !in_format_spec && outside_brackets {
                        return Ok(self.make_before_brace(kind, start));
                    }
                    self.back(next);
                    self.back(c);
                    let Some(mode) = self.modes.last_mut() else { return Err(Stopped) };
                    mode.in_text = false;
                    mode.in_format_spec = false;
                    return Ok(self.make(kind, start, self.pos));
                }
                b'\\' => {
                    let next = self.next_char();
                    if next == b'{' || next == b'}' {
                        if !raw {
                            self.warn(invalid_escape_message(next));
                        }
                        self.back(next);
                        continue;
                    }
                    if !raw && next == b'N' && self.peek() == b'{' {
                        self.pos += 1;
                        in_named_escape = true;
                    }
                }
                _ => {}
            }
        }
        self.pos -= usize::from(size);
        Ok(self.make(kind, start, self.pos))
    }

    /// Text that ends with a doubled brace: the second one is not in the text but within the token's columns.
    fn make_before_brace(&self, kind: TokenKind, start: usize) -> Token {
        let mut token = self.make(kind, start, self.pos - 1);
        token.end_col += 1;
        token
    }

    #[cold]
    fn unterminated_interpolated(&mut self, last: u8) -> Stopped {
        let detected = self.line;
        let Some(mode) = self.modes.last() else { return Stopped };
        let (letter, size) = (mode.letter(), mode.quote_size);
        self.pos = mode.start + 1;
        self.line_start = mode.line_start;
        self.line = mode.first_line;
        if size == 3 {
            let stopped =
                self.fail(format!("unterminated triple-quoted {letter}-string literal (detected at line {detected})"));
            if last != b'\n' {
                self.state = State::EndInTripleQuoted;
            }
            stopped
        } else {
            self.fail(format!("unterminated {letter}-string literal (detected at line {detected})"))
        }
    }
}

/// What the warning about an escape says and the error about it does not.
pub(in crate::syntax) const FUTURE_OF_ESCAPES: &str = " Such sequences will not work in the future.";

/// CPython's warning about `\c` where that means nothing.
pub(in crate::syntax) fn invalid_escape_message(c: u8) -> String {
    let c = c as char;
    format!(
        "\"\\{c}\" is an invalid escape sequence.{FUTURE_OF_ESCAPES} \
         Did you mean \"\\\\{c}\"? A raw string is also an option."
    )
}
