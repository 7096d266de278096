//! Numeric literals: what may be one, and what may follow one.

use super::{Stopped, Token, TokenKind, Tokenizer, is_name_part};

/// Which word an error about a literal uses.
#[derive(Clone, Copy)]
enum Literal {
    Decimal,
    Hexadecimal,
    Octal,
    Binary,
    Imaginary,
}

impl Literal {
    fn name(self) -> &'static str {
        match self {
            Literal::Decimal => "decimal",
            Literal::Hexadecimal => "hexadecimal",
            Literal::Octal => "octal",
            Literal::Binary => "binary",
            Literal::Imaginary => "imaginary",
        }
    }

    fn has_digit(self, c: u8) -> bool {
        match self {
            Literal::Hexadecimal => c.is_ascii_hexdigit(),
            Literal::Octal => matches!(c, b'0'..=b'7'),
            Literal::Binary => matches!(c, b'0' | b'1'),
            Literal::Decimal | Literal::Imaginary => c.is_ascii_digit(),
        }
    }
}

impl Tokenizer<'_> {
    /// A number whose first digit was taken.
    pub(super) fn number(&mut self, start: usize, first: u8) -> Result<Token, Stopped> {
        if first != b'0' {
            self.decimal_tail()?;
            return self.after_integer_part(start);
        }
        let literal = match self.peek() {
            b'x' | b'X' => Literal::Hexadecimal,
            b'o' | b'O' => Literal::Octal,
            b'b' | b'B' => Literal::Binary,
            _ => return self.number_with_leading_zero(start),
        };
        self.pos += 1;
        self.prefixed_digits(literal)?;
        self.end_of_number(start, literal)
    }

    /// A number whose `.` and first digit after it were taken.
    pub(super) fn fraction(&mut self, start: usize) -> Result<Token, Stopped> {
        self.decimal_tail()?;
        self.after_fraction(start)
    }

    fn prefixed_digits(&mut self, literal: Literal) -> Result<(), Stopped> {
        loop {
            let mut c = self.next_char();
            if c == b'_' {
                c = self.next_char();
            }
            if !literal.has_digit(c) {
                if c.is_ascii_digit() {
                    return Err(self.fail(format!("invalid digit '{}' in {} literal", c as char, literal.name())));
                }
                self.back(c);
                return Err(self.fail(format!("invalid {} literal", literal.name())));
            }
            while literal.has_digit(self.peek()) {
                self.pos += 1;
            }
            match self.peek() {
                b'_' => {}
                c if c.is_ascii_digit() => {
                    self.pos += 1;
                    return Err(self.fail(format!("invalid digit '{}' in {} literal", c as char, literal.name())));
                }
                _ => return Ok(()),
            }
        }
    }

    fn number_with_leading_zero(&mut self, start: usize) -> Result<Token, Stopped> {
        let mut nonzero = false;
        // Zeros, perhaps in groups.
        loop {
            if self.peek() == b'_' {
                self.pos += 1;
                let c = self.next_char();
                self.back(c);
                if !c.is_ascii_digit() {
                    return Err(self.fail("invalid decimal literal".into()));
                }
            }
            if self.peek() != b'0' {
                break;
            }
            self.pos += 1;
        }
        let zeros_end = self.pos;
        if self.peek().is_ascii_digit() {
            nonzero = true;
            self.decimal_tail()?;
        }
        match self.peek() {
            b'.' | b'e' | b'E' | b'j' | b'J' => self.after_integer_part(start),
            _ if nonzero && !self.options.extra_tokens => {
                Err(self.fail_range(
                    "leading zeros in decimal integer literals are not permitted; \
                     use an 0o prefix for octal integers"
                        .into(),
                    start,
                    zeros_end + 1,
                ))
            }
            _ => self.end_of_number(start, Literal::Decimal),
        }
    }

    /// Digits in groups separated by single underscores, from the current position on.
    fn decimal_tail(&mut self) -> Result<(), Stopped> {
        loop {
            while self.peek().is_ascii_digit() {
                self.pos += 1;
            }
            if self.peek() != b'_' {
                return Ok(());
            }
            self.pos += 1;
            if !self.peek().is_ascii_digit() {
                return Err(self.fail("invalid decimal literal".into()));
            }
        }
    }

    fn after_integer_part(&mut self, start: usize) -> Result<Token, Stopped> {
        if self.peek() == b'.' {
            self.pos += 1;
            if self.peek().is_ascii_digit() {
                self.decimal_tail()?;
            }
        }
        self.after_fraction(start)
    }

    fn after_fraction(&mut self, start: usize) -> Result<Token, Stopped> {
        if matches!(self.peek(), b'e' | b'E') {
            let sign = matches!(self.peek_at(1), b'+' | b'-');
            if self.peek_at(1 + usize::from(sign)).is_ascii_digit() {
                self.pos += 1 + usize::from(sign);
                self.decimal_tail()?;
            } else if sign {
                self.pos += 2;
                return Err(self.fail("invalid decimal literal".into()));
            } else {
                return self.end_of_number(start, Literal::Decimal);
            }
        }
        if matches!(self.peek(), b'j' | b'J') {
            self.pos += 1;
            return self.end_of_number(start, Literal::Imaginary);
        }
        self.end_of_number(start, Literal::Decimal)
    }

    /// A letter right after a number is an error, or a warning where a keyword begins that may follow a number.
    fn end_of_number(&mut self, start: usize, literal: Literal) -> Result<Token, Stopped> {
        let c = self.peek();
        // `tokenize` takes what it gets.
        if c < 128 && is_name_part(c) && !self.options.extra_tokens {
            let rest = &self.source[self.pos..self.line_end];
            let is_word = |word: &[u8]| {
                rest.starts_with(word) && !rest.get(word.len()).is_some_and(|&c| is_name_part(c))
            };
            // For the words of two letters CPython does not look behind them.
            let keyword_follows = [&b"if"[..], b"in", b"is"].iter().any(|word| rest.starts_with(word))
                || [&b"and"[..], b"else", b"for", b"or", b"not"].iter().any(|word| is_word(word));
            if !keyword_follows {
                return Err(self.fail(format!("invalid {} literal", literal.name())));
            }
            self.warn(format!("invalid {} literal", literal.name()));
        }
        Ok(self.make(TokenKind::Number, start, self.pos))
    }
}
