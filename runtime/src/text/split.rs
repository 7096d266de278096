//! Splitting, stripping and lines, as ranges of the input.
use std::marker::PhantomData;
use std::ops::Range;

use super::Unit;
use super::search::{Finder, find, rfind};

/// What counts as white space and as the end of a line: str and bytes differ.
pub trait Flavor {
    fn is_space(code: u32) -> bool;
    fn is_linebreak(code: u32) -> bool;
}

/// The rules of `str`.
pub struct StrFlavor;

impl Flavor for StrFlavor {
    #[inline]
    fn is_space(code: u32) -> bool {
        pyrt_unicode::is_space(code)
    }
    #[inline]
    fn is_linebreak(code: u32) -> bool {
        pyrt_unicode::is_linebreak(code)
    }
}

/// The rules of `bytes`.
pub struct BytesFlavor;

impl Flavor for BytesFlavor {
    #[inline]
    fn is_space(code: u32) -> bool {
        matches!(code, 9..=13 | 32)
    }
    #[inline]
    fn is_linebreak(code: u32) -> bool {
        matches!(code, 10 | 13)
    }
}

/// `text.split(separator, limit)`; the separator is not empty. Use `usize::MAX` for no limit.
pub fn split<'a, U: Unit>(text: &'a [U], separator: &'a [U], limit: usize) -> impl Iterator<Item = Range<usize>> + 'a {
    let finder = Finder::new(separator);
    let mut from = Some(0);
    let mut left = limit;
    std::iter::from_fn(move || {
        let start = from?;
        if left > 0
            && let Some(at) = finder.find(text, start)
        {
            left -= 1;
            from = Some(at + separator.len().max(1));
            return Some(start..at);
        }
        from = None;
        Some(start..text.len())
    })
}

/// `text.rsplit(separator, limit)`, the parts from the right.
pub fn rsplit<'a, U: Unit>(text: &'a [U], separator: &'a [U], limit: usize) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut until = Some(text.len());
    let mut left = limit;
    std::iter::from_fn(move || {
        let end = until?;
        if left > 0
            && !separator.is_empty()
            && let Some(at) = text.get(..end).and_then(|part| rfind(part, separator))
        {
            left -= 1;
            until = Some(at);
            return Some(at + separator.len()..end);
        }
        until = None;
        Some(0..end)
    })
}

/// `text.split(None, limit)`.
pub fn split_space<'a, U: Unit, F: Flavor + 'a>(text: &'a [U], limit: usize, _: F) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut at = 0;
    let mut left = limit;
    std::iter::from_fn(move || {
        at += text.get(at..)?.iter().position(|u| !F::is_space(u.code()))?;
        let start = at;
        if left == 0 {
            // The rest, with the space at its end.
            at = text.len();
            return Some(start..at);
        }
        left -= 1;
        let rest = text.get(start..)?;
        at = start + rest.iter().position(|u| F::is_space(u.code())).unwrap_or(rest.len());
        Some(start..at)
    })
}

/// `text.rsplit(None, limit)`, the parts from the right.
pub fn rsplit_space<'a, U: Unit, F: Flavor + 'a>(text: &'a [U], limit: usize, _: F) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut until = text.len();
    let mut left = limit;
    std::iter::from_fn(move || {
        let end = text.get(..until)?.iter().rposition(|u| !F::is_space(u.code()))? + 1;
        if left == 0 {
            until = 0;
            return Some(0..end);
        }
        left -= 1;
        until = text.get(..end)?.iter().rposition(|u| F::is_space(u.code())).map_or(0, |at| at + 1);
        Some(until..end)
    })
}

/// Lines of a text: the range without and the range with the line end.
pub struct Lines<'a, U, F> {
    text: &'a [U],
    at: usize,
    flavor: PhantomData<F>,
}

/// `text.splitlines()`: yields (end of the content, end with the line break) as two ranges.
pub fn lines<U: Unit, F: Flavor>(text: &[U], _: F) -> Lines<'_, U, F> {
    Lines { text, at: 0, flavor: PhantomData }
}

impl<U: Unit, F: Flavor> Iterator for Lines<'_, U, F> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let Some(length) = rest.iter().position(|u| F::is_linebreak(u.code())) else {
            self.at = self.text.len();
            return Some((start..self.at, start..self.at));
        };
        let pair = rest.get(length).is_some_and(|u| u.code() == 13) && rest.get(length + 1).is_some_and(|u| u.code() == 10);
        self.at = start + length + if pair { 2 } else { 1 };
        Some((start..start + length, start..self.at))
    }
}

/// The range that `strip`, `lstrip` or `rstrip` keep, for a test of what goes.
pub fn strip_by<U: Unit>(text: &[U], left: bool, right: bool, strips: impl Fn(u32) -> bool) -> Range<usize> {
    let mut start = 0;
    let mut end = text.len();
    if left {
        start = text.iter().position(|u| !strips(u.code())).unwrap_or(end);
    }
    if right {
        let kept = text.get(start..).unwrap_or(&[]);
        end = kept.iter().rposition(|u| !strips(u.code())).map_or(start, |at| start + at + 1);
    }
    start..end
}

/// [`strip_by`] for white space.
pub fn strip_space<U: Unit, F: Flavor>(text: &[U], left: bool, right: bool, _: F) -> Range<usize> {
    strip_by(text, left, right, F::is_space)
}

/// [`strip_by`] for a set of code points.
pub fn strip_set<U: Unit, V: Unit>(text: &[U], left: bool, right: bool, set: &[V]) -> Range<usize> {
    // One bit for each residue tells most code points that are not in the set.
    let bloom = set.iter().fold(0u64, |bits, u| bits | 1 << (u.code() & 63));
    strip_by(text, left, right, |code| {
        bloom >> (code & 63) & 1 != 0 && set.iter().any(|u| u.code() == code)
    })
}

/// Where `text.partition(separator)` cuts: the range of the separator.
pub fn partition<U: Unit>(text: &[U], separator: &[U]) -> Option<Range<usize>> {
    find(text, separator).map(|at| at..at + separator.len())
}

/// Where `text.rpartition(separator)` cuts.
pub fn rpartition<U: Unit>(text: &[U], separator: &[U]) -> Option<Range<usize>> {
    rfind(text, separator).map(|at| at..at + separator.len())
}
