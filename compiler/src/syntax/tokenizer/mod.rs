//! From source text to tokens.
//!
//! The tokenizer reads a source whose line ends are all `\n` (see [`crate::syntax::source`]) one line at a time, as
//! CPython's does: `line`, `line_start` and `line_end` describe the line that has been *read*, which changes when its
//! first character is taken, not when the previous line's `\n` is. The positions of many errors rest on that.
//!
//! Invariants: `pos <= line_end <= source.len()`; no byte of the source is NUL, so [`EOF`] is unambiguous; bytes at
//! `pos` are only ever skipped in whole characters once a token ends.

mod indentation;
mod interpolated;
mod kind;
mod number;
mod quoted;

pub(super) use interpolated::{FUTURE_OF_ESCAPES, invalid_escape_message};

pub use kind::TokenKind;

use super::error::{CompileWarning, SyntaxError, SyntaxErrorKind};
use super::identifier;
use indentation::Indentation;
use interpolated::StringMode;

/// What `next_char` gives at the end of the source.
const EOF: u8 = 0;
/// How deep brackets may nest.
const MAX_BRACKETS: usize = 200;
/// The column of a token that stands for no text (indents, dedents, the end).
pub const NO_COLUMN: u32 = u32::MAX;

/// One token. `start..end` are bytes of the source; lines from 1; columns in bytes, or [`NO_COLUMN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// How many brackets were open after the token was read.
    pub level: u8,
    pub start: u32,
    pub end: u32,
    pub line: u32,
    pub col: u32,
    pub end_line: u32,
    pub end_col: u32,
}

/// Why the tokenizer is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// The source ended.
    EndOfSource,
    /// The source ended inside a triple-quoted string.
    EndInTripleQuoted,
    /// The source ended inside a string of one line.
    EndInQuoted,
    /// An error was reported: [`Tokenizer::take_error`] has it.
    Failed,
    /// A dedent that matches no outer level.
    BadDedent,
    /// Tabs and spaces that cannot be compared.
    TabSpace,
    /// More than 100 levels of indentation.
    TooDeep,
    /// Something after a backslash that should end the line.
    BadContinuation,
}

/// What the stream of tokens holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerOptions {
    /// Comments and line ends that end no statement are tokens too, and no error stops at an unmatched bracket
    /// (`_tokenize.TokenizerIter(extra_tokens=True)`).
    pub extra_tokens: bool,
    /// `# type: …` comments are tokens.
    pub type_comments: bool,
}

/// An open bracket: what it is and where it stands (the column in bytes).
#[derive(Clone, Copy, Debug)]
pub struct OpenBracket {
    pub bracket: u8,
    pub line: u32,
    pub col: u32,
}

pub struct Tokenizer<'s> {
    source: &'s [u8],
    pos: usize,
    /// 1-based number of the line that was last read, 0 before the first.
    line: u32,
    line_start: usize,
    line_end: usize,
    /// Where CPython's buffer would begin: the current line, or the line where the current token began.
    buffer_start: usize,
    token_start: Option<usize>,
    /// Start line of a string token, and the offset of the line where the string (part) began.
    first_line: u32,
    multi_line_start: usize,
    at_line_start: bool,
    comment_ends_blank_line: bool,
    brackets: Vec<OpenBracket>,
    indentation: Indentation,
    /// The f-strings and t-strings around the current position.
    modes: Vec<StringMode>,
    state: State,
    error: Option<SyntaxError>,
    options: TokenizerOptions,
    pub warnings: Vec<CompileWarning>,
}

/// Marks that `state` or `error` of the tokenizer says what went wrong.
struct Stopped;

const NAME_PART: u8 = 1;
const DIGIT: u8 = 2;
const NAME_START: u8 = 4;

/// Per byte: may it be in a name, start one, is it a decimal digit. Bytes of non-ASCII characters count as letters.
static CLASSES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let c = i as u8;
        if c.is_ascii_alphabetic() || c == b'_' || c >= 128 {
            table[i] = NAME_PART | NAME_START;
        } else if c.is_ascii_digit() {
            table[i] = NAME_PART | DIGIT;
        }
        i += 1;
    }
    table
};

fn is_name_part(c: u8) -> bool {
    CLASSES[c as usize] & NAME_PART != 0
}

impl<'s> Tokenizer<'s> {
    /// `source` has `\n` as its only line end and holds no NUL.
    pub fn new(source: &'s str, options: TokenizerOptions) -> Self {
        Self {
            source: source.as_bytes(),
            pos: 0,
            line: 0,
            line_start: 0,
            line_end: 0,
            buffer_start: 0,
            token_start: None,
            first_line: 0,
            multi_line_start: 0,
            at_line_start: true,
            comment_ends_blank_line: false,
            brackets: Vec::new(),
            indentation: Indentation::new(),
            modes: Vec::new(),
            state: State::Running,
            error: None,
            options,
            warnings: Vec::new(),
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// The error of a `Failed` tokenizer.
    pub fn take_error(&mut self) -> Option<SyntaxError> {
        self.error.take()
    }

    pub fn line(&self) -> u32 {
        self.line
    }

    /// Offset of the first byte of the current line.
    pub fn line_start(&self) -> usize {
        self.line_start
    }

    /// Offset after the last byte of the current line.
    pub fn line_end(&self) -> usize {
        self.line_end
    }

    /// Offset of the first byte of the line where the last string, or piece of one, began.
    pub fn multi_line_start(&self) -> usize {
        self.multi_line_start
    }

    pub fn position(&self) -> usize {
        self.pos
    }

    /// The line that was last read, with its end.
    pub fn current_line(&self) -> &'s [u8] {
        self.source.get(self.line_start..self.line_end).unwrap_or(b"")
    }

    /// Whether the current token, or the f-string around it, has begun.
    pub fn is_in_token(&self) -> bool {
        self.token_start.is_some() || self.is_in_interpolated()
    }

    /// Whether an f-string or t-string is open.
    pub fn is_in_interpolated(&self) -> bool {
        !self.modes.is_empty()
    }

    /// The text that CPython's buffer would hold: more than a line inside tokens and f-strings.
    pub fn buffer(&self) -> &'s [u8] {
        let start = self.modes.first().map_or(self.buffer_start, |mode| mode.line_start());
        self.source.get(start..self.line_end).unwrap_or(b"")
    }

    /// Bytes from the start of the buffer that CPython would have kept to the position.
    pub fn offset_in_buffer(&self) -> usize {
        self.pos - self.buffer_start
    }

    pub fn is_at_buffer_start(&self) -> bool {
        self.pos == self.buffer_start
    }

    pub fn innermost_bracket(&self) -> Option<OpenBracket> {
        self.brackets.last().copied()
    }

    pub fn level(&self) -> usize {
        self.brackets.len()
    }

    /// Whether a block is open, as the interactive mode asks.
    pub fn is_indented(&self) -> bool {
        self.indentation.depth() > 0
    }

    /// Lets the next tokens be the dedents of all open blocks.
    pub fn close_blocks(&mut self) {
        self.indentation.close_all();
    }

    /// The next token. After the end, `EndMarker` again and again; after an error, `Error`.
    #[inline]
    pub fn next_token(&mut self) -> Token {
        let result = match self.modes.last() {
            Some(mode) if mode.in_text => self.interpolated_text(),
            _ => self.regular_token(),
        };
        match result {
            Ok(token) => {
                // Where a token ends is known from the character after it; strings end at their quote.
                if self.pos == self.source.len() && !token.kind.is_string_part() && self.state == State::Running {
                    self.notice_end(token.kind);
                }
                token
            }
            Err(Stopped) => self.make_empty(TokenKind::Error),
        }
    }

    /// Tokens outside strings and inside the braces of f-strings.
    fn regular_token(&mut self) -> Result<Token, Stopped> {
        'line: loop {
            self.token_start = None;
            let mut blank_line = false;
            let mut comment_start = None;
            if self.at_line_start {
                self.at_line_start = false;
                blank_line = self.measure_indentation()?;
            }
            if let Some(kind) = self.indentation.take_pending() {
                if !self.options.extra_tokens {
                    return Ok(self.make_empty(kind));
                }
                let start = if kind == TokenKind::Indent { self.line_start } else { self.pos };
                return Ok(self.make(kind, start, self.pos));
            }
            loop {
                self.token_start = None;
                let c = self.skip_spaces();
                if c == EOF {
                    return self.end_of_source();
                }
                let start = self.pos - 1;
                self.token_start = Some(start);
                if CLASSES[c as usize] & NAME_START != 0 {
                    return self.name_or_string(start, c);
                }
                match c {
                    b'#' => {
                        if let Some(token) = self.comment(start, blank_line) {
                            return Ok(token);
                        }
                        comment_start = Some(start);
                        // Whether a line end or the end of the source follows: the next round sees it.
                    }
                    b'\n' => {
                        self.at_line_start = true;
                        if blank_line || !self.brackets.is_empty() {
                            if self.options.extra_tokens {
                                self.comment_ends_blank_line = false;
                                return Ok(self.make(TokenKind::NonLogicalNewLine, start, self.pos));
                            }
                            continue 'line;
                        }
                        if self.comment_ends_blank_line && self.options.extra_tokens {
                            self.comment_ends_blank_line = false;
                            return Ok(self.make(TokenKind::NonLogicalNewLine, start, self.pos));
                        }
                        // The text leaves the line end out, the columns take it in, and the comment before it.
                        let mut token = self.make(TokenKind::NewLine, comment_start.unwrap_or(start), start);
                        token.end_col += 1;
                        return Ok(token);
                    }
                    b'0'..=b'9' => return self.number(start, c),
                    b'.' => {
                        let second = self.peek();
                        if second.is_ascii_digit() {
                            self.pos += 1;
                            return self.fraction(start);
                        }
                        if second == b'.' && self.pos + 1 == self.source.len() {
                            self.state = State::EndOfSource;
                        }
                        if second == b'.' && self.peek_at(1) == b'.' {
                            self.pos += 2;
                            return Ok(self.make(TokenKind::Ellipsis, start, self.pos));
                        }
                        return Ok(self.make(TokenKind::Dot, start, self.pos));
                    }
                    b'\'' | b'"' => return self.quoted_string(start, c),
                    b'\\' => {
                        self.continuation_line()?;
                    }
                    _ => return self.operator(start, c),
                }
            }
        }
    }

    fn operator(&mut self, start: usize, c: u8) -> Result<Token, Stopped> {
        if c == b':'
            && !self.modes.is_empty()
            && let Some(token) = self.format_spec_colon(start)
        {
            return Ok(token);
        }
        let second = self.peek();
        // The module `tokenize` knows no `<>`.
        let is_old_not_equal = self.options.extra_tokens && c == b'<' && second == b'>';
        if let Some(two) = TokenKind::of_two(c, second).filter(|_| !is_old_not_equal) {
            self.pos += 1;
            let kind = match TokenKind::of_three(two, self.peek()) {
                Some(three) => {
                    self.pos += 1;
                    three
                }
                None => two,
            };
            return Ok(self.make(kind, start, self.pos));
        }
        match c {
            b'(' | b'[' | b'{' => {
                if self.brackets.len() >= MAX_BRACKETS {
                    return Err(self.fail("too many nested parentheses".into()));
                }
                self.brackets.push(OpenBracket { bracket: c, line: self.line, col: (start - self.line_start) as u32 });
                if let Some(mode) = self.modes.last_mut() {
                    mode.braces += 1;
                }
            }
            b')' | b']' | b'}' => self.close_bracket(c)?,
            _ => {}
        }
        if !(b' '..=b'~').contains(&c) {
            return Err(self.fail(format!("invalid non-printable character U+{:04X}", u32::from(c))));
        }
        if c == b'='
            && let Some(mode) = self.modes.last_mut()
            && mode.is_at_top_of_expression()
        {
            mode.in_debug = true;
        }
        Ok(self.make(TokenKind::of_one(c), start, self.pos))
    }

    fn close_bracket(&mut self, c: u8) -> Result<(), Stopped> {
        if let Some(mode) = self.modes.last()
            && mode.braces == 0
            && c == b'}'
        {
            return Err(self.fail(format!("{}-string: single '}}' is not allowed", mode.letter())));
        }
        if self.brackets.is_empty() && !self.options.extra_tokens {
            return Err(self.fail(format!("unmatched '{}'", c as char)));
        }
        if let Some(open) = self.brackets.pop() {
            let matches = matches!((open.bracket, c), (b'(', b')') | (b'[', b']') | (b'{', b'}'));
            if !matches {
                // A brace that opened an f-string's expression is not the bracket that the user forgot.
                if let Some(mode) = self.modes.last()
                    && open.bracket == b'{'
                    && mode.braces - 1 == mode.expression_depth
                {
                    return Err(self.fail(format!("{}-string: unmatched '{}'", mode.letter(), c as char)));
                }
                if !self.options.extra_tokens {
                    let message = self.mismatch(c, open);
                    return Err(self.fail(message));
                }
            }
        }
        if let Some(mode) = self.modes.last_mut() {
            mode.braces -= 1;
            if mode.braces < 0 {
                let letter = mode.letter();
                return Err(self.fail(format!("{letter}-string: unmatched '{}'", c as char)));
            }
            if c == b'}' && mode.braces == mode.expression_depth {
                mode.expression_depth -= 1;
                mode.in_text = true;
                mode.in_format_spec = false;
                mode.in_debug = false;
            }
        }
        Ok(())
    }

    fn mismatch(&self, c: u8, open: OpenBracket) -> String {
        let mut message = format!(
            "closing parenthesis '{}' does not match opening parenthesis '{}'",
            c as char, open.bracket as char
        );
        if open.line != self.line {
            message.push_str(&format!(" on line {}", open.line));
        }
        message
    }

    fn name_or_string(&mut self, start: usize, first: u8) -> Result<Token, Stopped> {
        // String prefixes have at most two letters in valid programs; longer ones end at the first repeated letter.
        if matches!(first | 0x20, b'b' | b'u' | b'r' | b'f' | b't') {
            let mut seen = quoted::Prefix::default();
            let mut c = first;
            while seen.add(c) {
                c = self.next_char();
                if c == b'"' || c == b'\'' {
                    self.check_prefix(start, seen)?;
                    return if seen.is_interpolated() {
                        self.start_interpolated(start, c, seen)
                    } else {
                        self.quoted_string(start, c)
                    };
                }
            }
            self.back(c);
        }
        let rest = &self.source[self.pos..self.line_end];
        let length = rest.iter().position(|&b| !is_name_part(b)).unwrap_or(rest.len());
        self.pos += length;
        let word = &self.source[start..self.pos];
        let kind = TokenKind::of_word(word);
        if kind == TokenKind::Name && !word.is_ascii() && !self.options.extra_tokens {
            self.verify_identifier(start)?;
        }
        Ok(self.make(kind, start, self.pos))
    }

    #[cold]
    fn verify_identifier(&mut self, start: usize) -> Result<(), Stopped> {
        let Ok(word) = std::str::from_utf8(&self.source[start..self.pos]) else {
            return Err(self.fail("invalid non-UTF-8 identifier".into()));
        };
        for (index, c) in word.char_indices() {
            let valid = if index == 0 { identifier::is_start(c) } else { identifier::is_continue(c) };
            if !valid {
                self.pos = start + index + c.len_utf8();
                let code = u32::from(c);
                return Err(self.fail(if identifier::is_printable(c) {
                    format!("invalid character '{c}' (U+{code:04X})")
                } else {
                    format!("invalid non-printable character U+{code:04X}")
                }));
            }
        }
        Ok(())
    }

    /// Skips to the end of the line; a token when comments or type comments are wanted.
    fn comment(&mut self, start: usize, blank_line: bool) -> Option<Token> {
        self.pos = self.line_end;
        if self.source[..self.pos].last() == Some(&b'\n') {
            self.pos -= 1;
        }
        if self.options.type_comments
            && let Some(offset) = type_comment_text(&self.source[start..self.pos])
        {
            let text_start = start + offset;
            let text = &self.source[text_start..self.pos];
            let is_ignore = text.starts_with(b"ignore")
                && text.get(6).is_none_or(|&c| c < 128 && !c.is_ascii_alphanumeric());
            if is_ignore {
                // Alone on its line, it takes the line end with it.
                if blank_line {
                    self.next_char();
                    self.at_line_start = true;
                }
                return Some(self.make(TokenKind::TypeIgnore, text_start + 6, self.pos));
            }
            return Some(self.make(TokenKind::TypeComment, text_start, self.pos));
        }
        if self.options.extra_tokens {
            self.comment_ends_blank_line = blank_line;
            return Some(self.make(TokenKind::Comment, start, self.pos));
        }
        None
    }

    fn end_of_source(&mut self) -> Result<Token, Stopped> {
        if !self.brackets.is_empty() || self.state != State::EndOfSource {
            return Err(Stopped);
        }
        Ok(self.make_empty(TokenKind::EndMarker))
    }

    /// After a backslash: takes the line end and makes sure that a line follows. Returns that line's first character.
    fn continuation_line(&mut self) -> Result<u8, Stopped> {
        let c = self.next_char();
        if c != b'\n' {
            self.state = State::BadContinuation;
            return Err(Stopped);
        }
        let c = self.next_char();
        if c == EOF {
            self.state = State::EndOfSource;
            self.pos = self.line_end;
            return Err(Stopped);
        }
        self.back(c);
        Ok(c)
    }

    /// The end of the source was seen behind a token.
    fn notice_end(&mut self, kind: TokenKind) {
        // Nothing is longer than `...`.
        if !matches!(kind, TokenKind::Ellipsis | TokenKind::NewLine | TokenKind::Indent | TokenKind::Dedent | TokenKind::NonLogicalNewLine) {
            self.state = State::EndOfSource;
        }
    }

    #[inline]
    fn skip_spaces(&mut self) -> u8 {
        loop {
            let c = self.next_char();
            if c != b' ' && c != b'\t' && c != b'\x0c' {
                return c;
            }
        }
    }

    /// Takes one byte, reading the next line when this one is used up; [`EOF`] at the end.
    #[inline]
    fn next_char(&mut self) -> u8 {
        if self.pos >= self.line_end && !self.read_line() {
            return EOF;
        }
        let c = self.source[self.pos];
        self.pos += 1;
        c
    }

    fn read_line(&mut self) -> bool {
        if self.state != State::Running {
            return false;
        }
        if self.pos >= self.source.len() {
            self.state = State::EndOfSource;
            return false;
        }
        if self.token_start.is_none() {
            self.buffer_start = self.pos;
        }
        self.line += 1;
        self.line_start = self.pos;
        self.line_end = match memchr::memchr(b'\n', &self.source[self.pos..]) {
            Some(offset) => self.pos + offset + 1,
            None => self.source.len(),
        };
        true
    }

    /// Puts back the byte that was just taken.
    #[inline]
    fn back(&mut self, c: u8) {
        if c != EOF {
            self.pos -= 1;
        }
    }

    /// The next byte of this line without taking it, [`EOF`] at its end.
    #[inline]
    fn peek(&self) -> u8 {
        self.peek_at(0)
    }

    #[inline]
    fn peek_at(&self, offset: usize) -> u8 {
        let at = self.pos + offset;
        if at < self.line_end { self.source[at] } else { EOF }
    }

    #[inline]
    fn make(&self, kind: TokenKind, start: usize, end: usize) -> Token {
        let (line, start_of_line) =
            if kind.is_string_part() { (self.first_line, self.multi_line_start) } else { (self.line, self.line_start) };
        Token {
            kind,
            level: self.brackets.len() as u8,
            start: start as u32,
            end: end as u32,
            line,
            col: start.checked_sub(start_of_line).map_or(NO_COLUMN, |col| col as u32),
            end_line: self.line,
            end_col: end.checked_sub(self.line_start).map_or(NO_COLUMN, |col| col as u32),
        }
    }

    /// A token that stands for no text.
    fn make_empty(&self, kind: TokenKind) -> Token {
        Token {
            kind,
            level: self.brackets.len() as u8,
            start: self.pos as u32,
            end: self.pos as u32,
            line: self.line,
            col: NO_COLUMN,
            end_line: self.line,
            end_col: NO_COLUMN,
        }
    }

    /// Reports an error at the last character taken.
    #[cold]
    fn fail(&mut self, message: String) -> Stopped {
        let col = self.chars_in_line(self.pos);
        self.fail_at(message, col, col)
    }

    /// Reports an error on a part of the current line.
    #[cold]
    fn fail_range(&mut self, message: String, start: usize, end: usize) -> Stopped {
        let (col, end_col) = (self.chars_in_line(start) + 1, self.chars_in_line(end));
        self.fail_at(message, col, end_col)
    }

    /// Reports an error on the current line; columns count from 1 in characters.
    #[cold]
    fn fail_at(&mut self, message: String, col: u32, end_col: u32) -> Stopped {
        let line_end = memchr::memchr(b'\n', &self.source[self.line_start..])
            .map_or(self.source.len(), |offset| self.line_start + offset);
        self.error = Some(SyntaxError {
            kind: SyntaxErrorKind::Syntax,
            message,
            line: self.line,
            col,
            end_line: self.line,
            end_col,
            text: Some(String::from_utf8_lossy(&self.source[self.line_start..line_end]).into_owned()),
        });
        self.state = State::Failed;
        Stopped
    }

    /// Characters from the start of the current line to `end`.
    fn chars_in_line(&self, end: usize) -> u32 {
        String::from_utf8_lossy(&self.source[self.line_start.min(end)..end]).chars().count() as u32
    }

    fn warn(&mut self, message: String) {
        let col = self.chars_in_line(self.pos);
        self.warnings.push(CompileWarning {
            is_syntax_warning: true,
            error_message: Some(message.replace(FUTURE_OF_ESCAPES, "")),
            message,
            line: self.line,
            col,
            end_line: self.line,
            end_col: col,
        });
    }
}

/// Where the text of `# type: text` begins, if `comment` is a type comment.
fn type_comment_text(comment: &[u8]) -> Option<usize> {
    let skip_blanks = |mut at: usize| {
        while matches!(comment.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    };
    let at = skip_blanks(1);
    if !comment.get(at..)?.starts_with(b"type:") {
        return None;
    }
    Some(skip_blanks(at + 5))
}
