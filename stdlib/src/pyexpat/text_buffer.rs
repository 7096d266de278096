//! Character data that is collected, while `buffer_text` is set, to be reported in one piece.

pub const DEFAULT_SIZE: usize = 8192;

pub struct TextBuffer {
    text: Vec<u8>,
    pub size: usize,
    pub is_on: bool,
}

/// What is to be done with a piece of character data.
#[must_use]
pub enum Taken {
    /// Nothing: it is kept.
    Kept,
    /// What has been kept is to be reported first; then it is to be tried again.
    Full(Vec<u8>),
    /// It is to be reported as it is.
    Refused,
}

impl TextBuffer {
    pub fn new(size: usize, is_on: bool) -> TextBuffer {
        TextBuffer { text: Vec::new(), size, is_on }
    }

    pub fn take_in(&mut self, text: &[u8]) -> Taken {
        if !self.is_on {
            return Taken::Refused;
        }
        if !self.text.is_empty() && self.text.len() + text.len() > self.size {
            return Taken::Full(self.flush());
        }
        if text.len() > self.size {
            return Taken::Refused;
        }
        self.text.extend_from_slice(text);
        Taken::Kept
    }

    pub fn flush(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    pub fn used(&self) -> usize {
        self.text.len()
    }
}
