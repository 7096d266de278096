//! String prefixes and strings without interpolations.

use super::{EOF, State, Stopped, Token, TokenKind, Tokenizer};

/// The letters before a quote.
#[derive(Clone, Copy, Default)]
pub(super) struct Prefix {
    bytes: bool,
    unicode: bool,
    raw: bool,
    format: bool,
    template: bool,
}

impl Prefix {
    /// Records a letter; `false` when it is none of a prefix or was there before.
    pub(super) fn add(&mut self, c: u8) -> bool {
        let flag = match c | 0x20 {
            b'b' => &mut self.bytes,
            b'u' => &mut self.unicode,
            b'r' => &mut self.raw,
            b'f' => &mut self.format,
            b't' => &mut self.template,
            _ => return false,
        };
        c.is_ascii_alphabetic() && !std::mem::replace(flag, true)
    }

    pub(super) fn is_interpolated(self) -> bool {
        self.format || self.template
    }

    pub(super) fn is_raw(self) -> bool {
        self.raw
    }

    pub(super) fn is_template(self) -> bool {
        self.template
    }

    fn incompatible(self) -> Option<(char, char)> {
        let pairs = [
            (self.unicode && self.bytes, 'u', 'b'),
            (self.unicode && self.raw, 'u', 'r'),
            (self.unicode && self.format, 'u', 'f'),
            (self.unicode && self.template, 'u', 't'),
            (self.bytes && self.format, 'b', 'f'),
            (self.bytes && self.template, 'b', 't'),
            (self.format && self.template, 'f', 't'),
        ];
        pairs.into_iter().find(|pair| pair.0).map(|(_, a, b)| (a, b))
    }
}

impl Tokenizer<'_> {
    pub(super) fn check_prefix(&mut self, start: usize, prefix: Prefix) -> Result<(), Stopped> {
        match prefix.incompatible() {
            None => Ok(()),
            Some((a, b)) => {
                Err(self.fail_range(format!("'{a}' and '{b}' prefixes are incompatible"), start, self.pos))
            }
        }
    }

    /// Whether the quote just taken opens three; takes the other two then. `None` for an empty string, taken too.
    pub(super) fn quote_size(&mut self, quote: u8) -> Option<u8> {
        if self.peek() != quote {
            return Some(1);
        }
        self.pos += 1;
        if self.peek() != quote {
            if self.pos == self.source.len() {
                self.state = State::EndOfSource;
            }
            return None;
        }
        self.pos += 1;
        Some(3)
    }

    /// A string whose first quote was taken.
    pub(super) fn quoted_string(&mut self, start: usize, quote: u8) -> Result<Token, Stopped> {
        self.first_line = self.line;
        self.multi_line_start = self.line_start;
        let Some(size) = self.quote_size(quote) else {
            return Ok(self.make(TokenKind::String, start, self.pos));
        };
        if size == 1 { self.short_string(start, quote) } else { self.long_string(start, quote) }
    }

    fn short_string(&mut self, start: usize, quote: u8) -> Result<Token, Stopped> {
        let mut escaped_quote = false;
        loop {
            let rest = &self.source[self.pos..self.line_end];
            match memchr::memchr3(quote, b'\\', b'\n', rest) {
                None => {
                    self.pos = self.line_end;
                    let c = self.next_char();
                    if c == EOF {
                        return Err(self.unterminated(start, quote, 1, escaped_quote, EOF));
                    }
                    self.back(c);
                }
                Some(offset) => {
                    let c = rest[offset];
                    self.pos += offset + 1;
                    if c == quote {
                        return Ok(self.make(TokenKind::String, start, self.pos));
                    }
                    if c == b'\n' {
                        return Err(self.unterminated(start, quote, 1, escaped_quote, c));
                    }
                    escaped_quote |= self.next_char() == quote;
                }
            }
        }
    }

    fn long_string(&mut self, start: usize, quote: u8) -> Result<Token, Stopped> {
        let mut closing = 0;
        loop {
            let rest = &self.source[self.pos..self.line_end];
            match memchr::memchr2(quote, b'\\', rest) {
                None => {
                    self.pos = self.line_end;
                    let c = self.next_char();
                    if c == EOF {
                        return Err(self.unterminated(start, quote, 3, false, EOF));
                    }
                    self.back(c);
                    closing = 0;
                }
                Some(offset) => {
                    if offset > 0 {
                        closing = 0;
                    }
                    self.pos += offset + 1;
                    if rest[offset] == quote {
                        closing += 1;
                        if closing == 3 {
                            return Ok(self.make(TokenKind::String, start, self.pos));
                        }
                    } else {
                        closing = 0;
                        self.next_char();
                    }
                }
            }
        }
    }

    /// Reports a string without an end, at its first quote; inside an f-string with the same quotes that is a brace
    /// without an end.
    #[cold]
    fn unterminated(&mut self, start: usize, quote: u8, size: u8, escaped_quote: bool, last: u8) -> Stopped {
        let detected = self.line;
        self.pos = start + 1;
        self.line_start = self.multi_line_start;
        self.line = self.first_line;
        if let Some(mode) = self.modes.last()
            && mode.quote == quote
            && mode.quote_size == size
        {
            let letter = mode.letter();
            return self.fail(format!("{letter}-string: expecting '}}'"));
        }
        let stopped = if size == 3 {
            self.fail(format!("unterminated triple-quoted string literal (detected at line {detected})"))
        } else if escaped_quote {
            self.fail(format!(
                "unterminated string literal (detected at line {detected}); perhaps you escaped the end quote?"
            ))
        } else {
            self.fail(format!("unterminated string literal (detected at line {detected})"))
        };
        if last != b'\n' {
            self.state = if size == 3 { State::EndInTripleQuoted } else { State::EndInQuoted };
        }
        stopped
    }
}
