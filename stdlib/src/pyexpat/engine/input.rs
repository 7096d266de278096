//! The bytes of a document as they come: decoded text that is not scanned yet, and the position of each event.

use super::encoding::{Detected, Encoding, Named, detect};

/// Text that is passed on in another encoding than the document's goes in pieces of at most this size.
const PIECE: usize = 1024;

#[derive(Default)]
pub struct Input {
    /// None until the first bytes have told it.
    encoding: Option<Encoding>,
    /// Decoded text; the scanner's offsets count from its start.
    pub text: Vec<u8>,
    /// Offset of the next token.
    pub at: usize,
    /// The bytes that `text` was decoded from and those not decoded yet. Unused once the encoding is UTF-8: there the
    /// text is the bytes.
    raw: Vec<u8>,
    decoded: usize,
    /// How many bytes of the document precede `text`.
    consumed: u64,
    pub is_final: bool,
    /// Offset of the last event or error.
    event: Option<usize>,
    /// Line (from 0) and column of the offset `known_at`.
    line: u64,
    column: u64,
    known_at: usize,
}

impl Input {
    /// Takes in the next bytes, and forgets what is scanned.
    pub fn feed(&mut self, bytes: &[u8], is_final: bool) {
        self.is_final = is_final;
        self.settle_position();
        self.event = self.event.and_then(|event| event.checked_sub(self.at));
        if self.at > 0 {
            let scanned = match &self.encoding {
                Some(encoding) => encoding.encoded_len(&self.text[..self.at]),
                None => 0,
            };
            self.consumed += scanned as u64;
            self.text.drain(..self.at);
            if !self.is_utf8() {
                self.raw.drain(..scanned);
                self.decoded -= scanned;
            }
            self.at = 0;
            self.known_at = 0;
        }
        if self.is_utf8() {
            self.text.extend_from_slice(bytes);
        } else {
            self.raw.extend_from_slice(bytes);
            self.decode();
        }
    }

    pub fn is_utf8(&self) -> bool {
        self.encoding.as_ref().is_some_and(Encoding::is_utf8)
    }

    pub fn encoding(&self) -> Option<&Encoding> {
        self.encoding.as_ref()
    }

    fn decode(&mut self) {
        let Some(encoding) = &self.encoding else { return };
        self.decoded += encoding.decode(&self.raw[self.decoded..], &mut self.text);
    }

    /// Bytes that are no whole character yet.
    pub fn undecoded_len(&self) -> usize {
        self.raw.len() - self.decoded
    }

    /// How many bytes are not scanned yet.
    pub fn unscanned_len(&self) -> usize {
        match &self.encoding {
            Some(Encoding::Utf8) => self.text.len() - self.at,
            Some(encoding) => self.raw.len() - encoding.encoded_len(&self.text[..self.at]),
            None => self.raw.len(),
        }
    }

    /// Finds the encoding by the first bytes. False: more are needed.
    pub fn detect(&mut self, stated: Option<&Named>, is_document: bool) -> bool {
        match detect(&self.raw, stated, is_document) {
            Detected::Encoding(encoding) => {
                self.set_encoding(encoding);
                true
            }
            Detected::Unclear => false,
        }
    }

    /// All text from the next token on is in this encoding.
    pub fn set_encoding(&mut self, encoding: Encoding) {
        if self.is_utf8() {
            self.raw.clear();
            self.raw.extend_from_slice(&self.text);
            self.decoded = self.at;
        } else if let Some(old) = &self.encoding {
            self.decoded = old.encoded_len(&self.text[..self.at]);
        }
        // What precedes the next token is ASCII, of one byte each in both encodings, or both are UTF-16.
        self.text.truncate(self.at);
        if encoding.is_utf8() {
            self.text.extend_from_slice(&self.raw[self.decoded..]);
            self.raw = Vec::new();
            self.decoded = 0;
            self.encoding = Some(encoding);
        } else {
            self.encoding = Some(encoding);
            self.decode();
        }
    }

    /// An event or error is at this offset.
    pub fn mark(&mut self, at: usize) {
        self.event = Some(at);
    }

    pub fn marked(&self) -> Option<usize> {
        self.event
    }

    /// The position is asked for no earlier than at the next token.
    pub fn settle_position(&mut self) {
        self.advance_position(self.at);
    }

    fn advance_position(&mut self, to: usize) {
        let to = to.min(self.text.len());
        let Some(passed) = self.text.get(self.known_at..to) else { return };
        let mut after_return = false;
        for byte in passed {
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.column = 0;
                }
                byte if *byte & 0xC0 == 0x80 => {}
                _ => self.column += 1,
            }
            after_return = *byte == b'\r';
        }
        self.known_at = to;
    }

    /// Line, from 1, and column, from 0, of the last event.
    pub fn position(&mut self) -> (u64, u64) {
        if let Some(event) = self.event {
            self.advance_position(event);
        }
        (self.line + 1, self.column)
    }

    /// The number of bytes that precede the last event.
    pub fn byte_index(&self) -> Option<u64> {
        let event = self.event?;
        Some(self.consumed + self.encoded_len_to(event) as u64)
    }

    fn encoded_len_to(&self, at: usize) -> usize {
        let passed = &self.text[..at.min(self.text.len())];
        self.encoding.as_ref().map_or(0, |encoding| encoding.encoded_len(passed))
    }

    /// The bytes from the last event on, as far as they are known.
    pub fn context(&self) -> Option<&[u8]> {
        let from = self.encoded_len_to(self.event?);
        if self.is_utf8() { self.text.get(from..) } else { self.raw.get(from..) }
    }
}

/// The ends of the pieces in which text of the main document is passed on.
pub fn pieces(text: &[u8], is_utf8: bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if !is_utf8 && end > PIECE {
            end = PIECE;
            while end > 0 && rest[end] & 0xC0 == 0x80 {
                end -= 1;
            }
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}
