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

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u32 = MAX_REPEAT;

    type Found = (usize, usize, Vec<Option<(usize, usize)>>);

    /// Spans of all matches, with the groups of each.
    fn find_all(code: &[u32], groups: usize, text: &str) -> Vec<Found> {
        let program = Program::new(code, groups).unwrap();
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut matcher = Matcher::new(&program);
        let (mut found, mut at, mut advance) = (Vec::new(), 0, false);
        while matcher.search(&units, at, advance, &mut || Ok(())).unwrap() {
            let (start, end) = matcher.span();
            found.push((start, end, (1..=groups).map(|g| matcher.group(g)).collect()));
            (at, advance) = (end, start == end);
        }
        found
    }

    // The streams are what `re._compiler` makes of the patterns; the spans are CPython's.

    #[test]
    fn groups_are_restored_when_a_loop_gives_back() {
        // (?:(a)|b)*c
        let code = [
            14, 4, 0, 1, MANY, 23, 19, 0, MANY, 7, 9, 17, 0, 16, 97, 17, 1, 15, 7, 5, 16, 98, 15, 2, 0, 18, 16, 99, 1,
        ];
        assert_eq!(find_all(&code, 1, "abc bab"), [(0, 3, vec![Some((0, 1))])]);
        assert_eq!(find_all(&code, 1, "cbc"), [(0, 1, vec![None]), (1, 3, vec![None])]);
        // (a)?(?(1)b|c)
        let code = [14, 4, 0, 1, 2, 23, 9, 0, 1, 17, 0, 16, 97, 17, 1, 18, 12, 0, 6, 16, 98, 15, 3, 16, 99, 1];
        assert_eq!(find_all(&code, 1, "abac"), [(0, 2, vec![Some((0, 1))]), (3, 4, vec![None])]);
    }

    #[test]
    fn assertions_references_and_possessive_loops() {
        // (\w+)\s+\1
        let code = [
            14, 4, 0, 3, MANY, 17, 0, 24, 9, 1, MANY, 13, 4, 8, 14, 0, 1, 17, 1, 24, 9, 1, MANY, 13, 4, 8, 12, 0, 1, 11,
            0, 1,
        ];
        assert_eq!(find_all(&code, 1, "the the sun"), [(0, 7, vec![Some((0, 3))])]);
        // (?<=ab)c(?!d)
        let code = [14, 4, 0, 1, 1, 4, 7, 2, 16, 97, 16, 98, 1, 16, 99, 5, 5, 0, 16, 100, 1, 1];
        assert_eq!(find_all(&code, 0, "c abcd abc"), [(9, 10, vec![])]);
        // (?:ab)*+a
        let code = [14, 4, 0, 1, MANY, 28, 7, 0, MANY, 16, 97, 16, 98, 1, 16, 97, 1];
        assert_eq!(find_all(&code, 0, "ababa ab"), [(0, 5, vec![])]);
    }

    #[test]
    fn a_hook_ends_a_match_that_takes_too_long() {
        // (?:a*)*b in a row of a's: exponentially many ways to find out that there is no match.
        let code = [23, 10, 0, MANY, 24, 6, 0, MANY, 16, 97, 1, 18, 16, 98, 1];
        let program = Program::new(&code, 0).unwrap();
        let stopped = Matcher::new(&program).search(&[97u8; 60], 0, false, &mut || Err(Interrupt));
        assert_eq!(stopped, Err(Stop::Interrupted));
    }

    #[test]
    fn bad_streams_are_refused() {
        let bad: [&[u32]; 7] = [
            &[],
            &[16, 97],
            &[15, 2, 1],
            &[17, 0, 1],
            &[24, 99, 0, 1, 16, 97, 1, 1],
            &[7, 5, 16, 97, 15, 9, 0, 1],
            &[13, 4, 8, 77, 0, 1],
        ];
        for code in bad {
            assert_eq!(Program::new(code, 0).err(), Some(InvalidCode), "{code:?}");
        }
    }
}
