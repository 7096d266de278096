//! Where an instruction comes from.

use crate::syntax::ast::Span;

/// Lines from 1 (0 for the start of a module), columns from 0 in UTF-8 bytes; -1 is "unknown".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) line: i32,
    pub(crate) end_line: i32,
    pub(crate) col: i32,
    pub(crate) end_col: i32,
}

impl Location {
    /// An artificial instruction; it may get the place of a neighbour.
    pub(crate) const NONE: Location = Location { line: -1, end_line: -1, col: -1, end_col: -1 };
    /// The place of the instruction that follows.
    pub(crate) const NEXT: Location = Location { line: -2, end_line: -2, col: -2, end_col: -2 };

    /// The start of a line, in the form that scopes begin with.
    pub(crate) fn start_of_line(line: i32) -> Location {
        Location { line, end_line: line, col: 0, end_col: 0 }
    }

    pub(crate) fn has_line(self) -> bool {
        self.line >= 0
    }
}

impl From<Span> for Location {
    fn from(span: Span) -> Location {
        if span.line == u32::MAX {
            return Location::NONE;
        }
        Location {
            line: span.line as i32,
            end_line: span.end_line as i32,
            col: span.col as i32,
            end_col: span.end_col as i32,
        }
    }
}

/// The span of a node that stands for no place in the source; becomes [`Location::NONE`].
pub(crate) const NO_SPAN: Span = Span { line: u32::MAX, col: u32::MAX, end_line: u32::MAX, end_col: u32::MAX };
