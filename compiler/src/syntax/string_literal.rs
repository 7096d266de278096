//! From the text of a string or bytes literal to its value.

use super::tokenizer::{FUTURE_OF_ESCAPES, invalid_escape_message};
use bumpalo::Bump;
use std::borrow::Cow;

/// Looks up the character with a Unicode name, for `\N{name}`.
pub type CharacterByName<'o> = Option<&'o dyn Fn(&str) -> Option<u32>>;

/// An escape that means nothing: the warning's text and the offset of the character after the backslash.
pub(super) struct InvalidEscape {
    pub(super) offset: usize,
    pub(super) message: String,
    /// The character after the backslash is a brace (the tokenizer has warned of it in f-strings).
    pub(super) is_brace: bool,
}

/// Why a literal has no value: the text of the codec's exception.
pub(super) enum DecodeError {
    /// `UnicodeDecodeError`
    Unicode(String),
    /// `ValueError`
    Value(String),
}

impl DecodeError {
    /// The message of the `SyntaxError`.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Unicode(text) => format!("(unicode error) {text}"),
            Self::Value(text) => format!("(value error) {text}"),
        }
    }
}

/// The parts of a literal's spelling.
#[derive(Clone, Copy)]
pub(super) struct Spelling<'a> {
    pub(super) is_bytes: bool,
    pub(super) is_raw: bool,
    pub(super) is_unicode: bool,
    pub(super) body: &'a str,
}

impl<'a> Spelling<'a> {
    /// Takes a complete literal apart; the tokenizer has checked its quotes.
    pub(super) fn of(literal: &'a str) -> Self {
        let bytes = literal.as_bytes();
        let prefix = bytes.iter().take_while(|c| c.is_ascii_alphabetic()).count();
        let has = |letter: u8| bytes[..prefix].iter().any(|c| c | 0x20 == letter);
        let quotes = if bytes.len() >= prefix + 6 && bytes[prefix] == bytes[prefix + 1] && bytes[prefix] == bytes[prefix + 2]
        {
            3
        } else {
            1
        };
        Self {
            is_bytes: has(b'b'),
            is_raw: has(b'r'),
            // `U` leaves no trace in the tree.
            is_unicode: bytes.first() == Some(&b'u'),
            body: literal.get(prefix + quotes..literal.len() - quotes).unwrap_or(""),
        }
    }
}

/// Appends a code point, a lone surrogate as three bytes.
fn push_code_point(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend_from_slice(&[
            0xE0 | (code >> 12) as u8,
            0x80 | ((code >> 6) & 0x3F) as u8,
            0x80 | (code & 0x3F) as u8,
        ]),
    }
}

fn simple_escape(c: u8) -> Option<u8> {
    Some(match c {
        b'\\' | b'\'' | b'"' => c,
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        _ => return None,
    })
}

/// The value of an octal escape at `at` and the offset after it.
fn octal(bytes: &[u8], at: usize) -> (u32, usize) {
    let mut value = 0;
    let mut end = at;
    while end < bytes.len() && end < at + 3 && matches!(bytes[end], b'0'..=b'7') {
        value = value * 8 + u32::from(bytes[end] - b'0');
        end += 1;
    }
    (value, end)
}

fn invalid_octal(bytes: &[u8], at: usize) -> InvalidEscape {
    let digits = String::from_utf8_lossy(&bytes[at..(at + 3).min(bytes.len())]);
    InvalidEscape {
        offset: at,
        message: format!(
            "\"\\{digits}\" is an invalid octal escape sequence.{FUTURE_OF_ESCAPES} \
             Did you mean \"\\\\{digits}\"? A raw string is also an option."
        ),
        is_brace: false,
    }
}

fn invalid_escape(offset: usize, c: u8) -> InvalidEscape {
    InvalidEscape { offset, message: invalid_escape_message(c), is_brace: matches!(c, b'{' | b'}') }
}

/// The value of a `str` literal's body as WTF-8.
pub(super) fn decode_str<'a>(
    arena: &'a Bump,
    body: &'a str,
    is_raw: bool,
    names: CharacterByName,
) -> Result<(&'a [u8], Option<InvalidEscape>), DecodeError> {
    if is_raw || memchr::memchr(b'\\', body.as_bytes()).is_none() {
        return Ok((body.as_bytes(), None));
    }
    let mut decoder = Decoder { body, out: Vec::with_capacity(body.len()), invalid: None };
    decoder.run(names)?;
    Ok((arena.alloc_slice_copy(&decoder.out), decoder.invalid))
}

struct Decoder<'a> {
    body: &'a str,
    out: Vec<u8>,
    invalid: Option<InvalidEscape>,
}

impl Decoder<'_> {
    fn run(&mut self, names: CharacterByName) -> Result<(), DecodeError> {
        let bytes = self.body.as_bytes();
        let mut at = 0;
        while let Some(offset) = memchr::memchr(b'\\', &bytes[at..]) {
            self.out.extend_from_slice(&bytes[at..at + offset]);
            at = self.escape(at + offset, names)?;
        }
        self.out.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    /// Decodes the escape whose backslash is at `start`; returns the offset after it.
    fn escape(&mut self, start: usize, names: CharacterByName) -> Result<usize, DecodeError> {
        let bytes = self.body.as_bytes();
        let at = start + 1;
        let Some(&c) = bytes.get(at) else {
            // Only an f-string's text can end so, before a brace.
            self.out.push(b'\\');
            return Ok(at);
        };
        if let Some(value) = simple_escape(c) {
            self.out.push(value);
            return Ok(at + 1);
        }
        match c {
            b'\n' => Ok(at + 1),
            b'0'..=b'7' => {
                let (value, end) = octal(bytes, at);
                if value > 0o377 && self.invalid.is_none() {
                    self.invalid = Some(invalid_octal(bytes, at));
                }
                push_code_point(&mut self.out, value);
                Ok(end)
            }
            b'x' => self.hexadecimal(start, 2, "truncated \\xXX escape"),
            b'u' => self.hexadecimal(start, 4, "truncated \\uXXXX escape"),
            b'U' => self.hexadecimal(start, 8, "truncated \\UXXXXXXXX escape"),
            b'N' => self.named(start, names),
            _ => {
                self.out.push(b'\\');
                // A backslash before a non-ASCII character is silently kept.
                if c < 128 && self.invalid.is_none() {
                    self.invalid = Some(invalid_escape(at, c));
                }
                Ok(at)
            }
        }
    }

    fn hexadecimal(&mut self, start: usize, digits: usize, truncated: &str) -> Result<usize, DecodeError> {
        let bytes = self.body.as_bytes();
        let mut value = 0u32;
        for at in start + 2..start + 2 + digits {
            match bytes.get(at).and_then(|&c| (c as char).to_digit(16)) {
                Some(digit) => value = value << 4 | digit,
                None => return Err(self.error(start, at.min(bytes.len()), truncated)),
            }
        }
        let end = start + 2 + digits;
        if value > 0x10FFFF {
            return Err(self.error(start, end, "illegal Unicode character"));
        }
        push_code_point(&mut self.out, value);
        Ok(end)
    }

    fn named(&mut self, start: usize, names: CharacterByName) -> Result<usize, DecodeError> {
        const MALFORMED: &str = "malformed \\N character escape";
        let bytes = self.body.as_bytes();
        let open = start + 2;
        if bytes.get(open) != Some(&b'{') {
            return Err(self.error(start, open.min(bytes.len()), MALFORMED));
        }
        let Some(length) = memchr::memchr(b'}', &bytes[open + 1..]) else {
            return Err(self.error(start, bytes.len(), MALFORMED));
        };
        let close = open + 1 + length;
        if length == 0 {
            return Err(self.error(start, close, MALFORMED));
        }
        let Some(lookup) = names else {
            return Err(DecodeError::Unicode("\\N escapes not supported (can't load unicodedata module)".into()));
        };
        match self.body.get(open + 1..close).and_then(lookup) {
            Some(code) => {
                push_code_point(&mut self.out, code);
                Ok(close + 1)
            }
            None => Err(self.error(start, close + 1, "unknown Unicode character name")),
        }
    }

    /// The codec's message; its positions are those in the text that CPython hands to the codec, where every
    /// non-ASCII character has been written as `\UXXXXXXXX`.
    fn error(&self, start: usize, end: usize, reason: &str) -> DecodeError {
        let bytes = self.body.as_bytes();
        let position = |offset: usize| -> usize {
            let mut length = 0;
            let mut at = 0;
            while at < offset {
                let c = bytes[at];
                if c < 128 {
                    length += 1;
                    if c == b'\\' {
                        at += 1;
                        match bytes.get(at) {
                            Some(&next) if next < 128 => {
                                if at < offset {
                                    length += 1;
                                }
                                at += 1;
                            }
                            _ => length += 5,
                        }
                        continue;
                    }
                } else if c >= 0xC0 {
                    length += 10;
                }
                at += 1;
            }
            length
        };
        let (start, end) = (position(start), position(end));
        DecodeError::Unicode(if end == start + 1 {
            format!("'unicodeescape' codec can't decode byte 0x5c in position {start}: {reason}")
        } else {
            format!("'unicodeescape' codec can't decode bytes in position {start}-{}: {reason}", end.saturating_sub(1))
        })
    }
}

/// The value of a bytes literal's body, which is ASCII.
pub(super) fn decode_bytes<'a>(
    arena: &'a Bump,
    body: &'a str,
    is_raw: bool,
) -> Result<(&'a [u8], Option<InvalidEscape>), DecodeError> {
    let bytes = body.as_bytes();
    if is_raw || memchr::memchr(b'\\', bytes).is_none() {
        return Ok((bytes, None));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut invalid = None;
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'\\', &bytes[at..]) {
        out.extend_from_slice(&bytes[at..at + offset]);
        let start = at + offset;
        at = start + 1;
        let Some(&c) = bytes.get(at) else {
            return Err(DecodeError::Value("Trailing \\ in string".into()));
        };
        if let Some(value) = simple_escape(c) {
            out.push(value);
            at += 1;
            continue;
        }
        match c {
            b'\n' => at += 1,
            b'0'..=b'7' => {
                let (value, end) = octal(bytes, at);
                if value > 0o377 && invalid.is_none() {
                    invalid = Some(invalid_octal(bytes, at));
                }
                out.push(value as u8);
                at = end;
            }
            b'x' => {
                let digit = |offset: usize| bytes.get(at + offset).and_then(|&c| (c as char).to_digit(16));
                match (digit(1), digit(2)) {
                    (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
                    _ => return Err(DecodeError::Value(format!("invalid \\x escape at position {start}"))),
                }
                at += 3;
            }
            _ => {
                out.push(b'\\');
                if invalid.is_none() {
                    invalid = Some(invalid_escape(at, c));
                }
            }
        }
    }
    out.extend_from_slice(&bytes[at..]);
    Ok((arena.alloc_slice_copy(&out), invalid))
}

/// The text of an f-string's expression as `=` shows it: without comments.
pub(super) fn without_comments(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'#', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut found = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => {
                quote = match quote {
                    None => Some(c),
                    Some(open) if open == c => None,
                    open => open,
                };
                out.push(c);
            }
            '#' if quote.is_none() => {
                found = true;
                if chars.any(|c| c == '\n') {
                    out.push('\n');
                }
            }
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            _ => out.push(c),
        }
    }
    if found { Cow::Owned(out) } else { Cow::Borrowed(text) }
}
