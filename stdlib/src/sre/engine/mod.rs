//! The regular expression engine: runs the opcode streams of `re._compiler`.
//!
//! [`Program::new`] checks a stream and lowers it: literals become runs, character sets become
//! bitmaps, every jump target is known to be good. A [`Matcher`] runs a program over a slice of
//! code units of any width.
//!
//! # Invariants
//! * Matching never recurses: what is left to try stands on a stack on the heap, together with
//!   the old values of all slots that were changed since, so that going back restores groups and
//!   loop counters exactly.
//! * A slot is the start or the end of a group, or the counter or the last position of a loop.
//! * The text given to a matcher ends where matching ends (`endpos`); it begins at the beginning
//!   of the string, so that `^` and lookbehind see what precedes the start.
mod class;
mod lower;
mod opcode;
mod program;
mod run;
mod search;

pub use class::{LocaleCase, ascii_is_cased, ascii_lower, unicode_is_cased, unicode_lower};
pub use lower::InvalidCode;
pub use opcode::{CODE_SIZE, MAGIC, MAX_GROUPS, MAX_REPEAT};
pub use program::Program;
pub use run::{Interrupt, Matcher, Mode, Stop};
