//! Leading white space: blocks open and close by it.
//!
//! Every level is measured twice, with tabs to multiples of eight and with tabs of width one; when the two measures
//! do not agree on the order of two levels the indentation is ambiguous and a `TabError`.

use super::{State, Stopped, TokenKind, Tokenizer};

const TAB_WIDTH: u32 = 8;
/// The outermost level included.
const MAX_LEVELS: usize = 100;

#[derive(Clone, Copy)]
struct Level {
    col: u32,
    /// The column if tabs were one column wide.
    narrow_col: u32,
}

pub(super) struct Indentation {
    /// The open blocks; the module's own level is not in it.
    levels: Vec<Level>,
    /// Dedents (negative) or indents (positive) not yet given out.
    pending: i32,
}

impl Indentation {
    pub(super) fn new() -> Self {
        Self { levels: Vec::new(), pending: 0 }
    }

    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    pub(super) fn close_all(&mut self) {
        self.pending = -(self.levels.len() as i32);
        self.levels.clear();
    }

    #[inline]
    pub(super) fn take_pending(&mut self) -> Option<TokenKind> {
        match self.pending {
            0 => None,
            n if n < 0 => {
                self.pending += 1;
                Some(TokenKind::Dedent)
            }
            _ => {
                self.pending -= 1;
                Some(TokenKind::Indent)
            }
        }
    }

    fn top(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level { col: 0, narrow_col: 0 })
    }
}

impl Tokenizer<'_> {
    /// Measures the white space at the start of a line and records the blocks that it opens or closes.
    /// Returns whether the line is blank or holds only a comment.
    pub(super) fn measure_indentation(&mut self) -> Result<bool, Stopped> {
        let mut level = Level { col: 0, narrow_col: 0 };
        // Continued by backslashes, the indentation is that of the first line.
        let mut continued_col = 0;
        let c = loop {
            let c = self.next_char();
            match c {
                b' ' => {
                    level.col += 1;
                    level.narrow_col += 1;
                }
                b'\t' => {
                    level.col = (level.col / TAB_WIDTH + 1) * TAB_WIDTH;
                    level.narrow_col += 1;
                }
                b'\x0c' => level = Level { col: 0, narrow_col: 0 },
                b'\\' => {
                    continued_col = if continued_col != 0 { continued_col } else { level.col };
                    self.continuation_line()?;
                }
                _ => break c,
            }
        };
        self.back(c);
        if c == b'#' || c == b'\n' {
            return Ok(true);
        }
        if self.brackets.is_empty() {
            if continued_col != 0 {
                level = Level { col: continued_col, narrow_col: continued_col };
            }
            self.compare_level(level)?;
        }
        Ok(false)
    }

    fn compare_level(&mut self, level: Level) -> Result<(), Stopped> {
        let top = self.indentation.top();
        if level.col == top.col {
            if level.narrow_col != top.narrow_col {
                return Err(self.stop_at_line(State::TabSpace));
            }
        } else if level.col > top.col {
            if self.indentation.levels.len() + 2 > MAX_LEVELS {
                return Err(self.stop_at_line(State::TooDeep));
            }
            if level.narrow_col <= top.narrow_col {
                return Err(self.stop_at_line(State::TabSpace));
            }
            self.indentation.pending += 1;
            self.indentation.levels.push(level);
        } else {
            while self.indentation.depth() > 0 && level.col < self.indentation.top().col {
                self.indentation.pending -= 1;
                self.indentation.levels.pop();
            }
            let top = self.indentation.top();
            if level.col != top.col {
                return Err(self.stop_at_line(State::BadDedent));
            }
            if level.narrow_col != top.narrow_col {
                return Err(self.stop_at_line(State::TabSpace));
            }
        }
        Ok(())
    }

    /// Stops with the whole line taken.
    fn stop_at_line(&mut self, state: State) -> Stopped {
        self.state = state;
        self.pos = self.line_end;
        Stopped
    }
}
