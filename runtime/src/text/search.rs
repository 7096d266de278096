//! Substring search, counting and replacement.
//!
//! Bytes (and Latin-1) go to memchr and its memmem. Wide units scan for a unit of the needle and
//! compare; a needle that makes this waste work goes to the two-way algorithm, so that no search
//! is quadratic.
use super::two_way::TwoWay;
use super::{Buffer, Unit, Units};

/// A needle prepared for several searches in units of the same width.
pub struct Finder<'n, U> {
    needle: &'n [U],
    bytes: Option<Box<memchr::memmem::Finder<'n>>>,
}

impl<'n, U: Unit> Finder<'n, U> {
    pub fn new(needle: &'n [U]) -> Self {
        let bytes = match U::as_bytes(needle) {
            Some(bytes) if bytes.len() > 1 => Some(Box::new(memchr::memmem::Finder::new(bytes))),
            _ => None,
        };
        Finder { needle, bytes }
    }

    pub fn needle(&self) -> &'n [U] {
        self.needle
    }

    /// First occurrence at or after `from`.
    pub fn find(&self, hay: &[U], from: usize) -> Option<usize> {
        let rest = hay.get(from..)?;
        let found = match (&self.bytes, U::as_bytes(rest)) {
            (Some(finder), Some(bytes)) => finder.find(bytes),
            _ => match self.needle {
                [] => Some(0),
                [unit] => find_unit(rest, *unit),
                needle => find_wide(rest, needle),
            },
        };
        found.map(|at| from + at)
    }
}

/// First occurrence of a unit.
#[inline]
pub fn find_unit<U: Unit>(hay: &[U], unit: U) -> Option<usize> {
    if let Some(bytes) = U::as_bytes(hay) {
        return memchr::memchr(unit.code() as u8, bytes);
    }
    find_wide_unit(hay, unit)
}

/// Looks for the lowest byte of the unit in memory; after some hits that were other units it
/// compares units instead.
fn find_wide_unit<U: Unit>(hay: &[U], unit: U) -> Option<usize> {
    let byte = unit.code() as u8;
    let memory = U::memory(hay);
    let mut from = 0;
    for _ in 0..4 {
        let hit = from + memchr::memchr(byte, memory.get(from * size_of::<U>()..)?)? / size_of::<U>();
        if hay.get(hit) == Some(&unit) {
            return Some(hit);
        }
        from = hit + 1;
    }
    let rest = hay.get(from..)?;
    let (chunks, tail) = rest.as_chunks::<32>();
    for (i, chunk) in chunks.iter().enumerate() {
        // No early exit inside: this compiles to vector compares.
        if chunk.iter().fold(false, |any, u| any | (*u == unit)) {
            return chunk.iter().position(|u| *u == unit).map(|at| from + i * 32 + at);
        }
    }
    tail.iter().position(|u| *u == unit).map(|at| from + chunks.len() * 32 + at)
}

/// Last occurrence of a unit.
#[inline]
pub fn rfind_unit<U: Unit>(hay: &[U], unit: U) -> Option<usize> {
    if let Some(bytes) = U::as_bytes(hay) {
        return memchr::memrchr(unit.code() as u8, bytes);
    }
    let (rest, chunks) = hay.as_rchunks::<32>();
    for (i, chunk) in chunks.iter().enumerate().rev() {
        if chunk.iter().fold(false, |any, u| any | (*u == unit)) {
            return chunk.iter().rposition(|u| *u == unit).map(|at| rest.len() + i * 32 + at);
        }
    }
    rest.iter().rposition(|u| *u == unit)
}

/// Number of occurrences of a unit.
pub fn count_unit<U: Unit>(hay: &[U], unit: U) -> usize {
    if let Some(bytes) = U::as_bytes(hay) {
        return memchr::memchr_iter(unit.code() as u8, bytes).count();
    }
    hay.iter().map(|u| usize::from(*u == unit)).sum()
}

/// Comparisons that a search may waste before it changes the algorithm.
const PATIENCE: usize = 256;

fn find_wide<U: Unit>(hay: &[U], needle: &[U]) -> Option<usize> {
    let (first, tail) = needle.split_first()?;
    let end = (hay.len() + 1).checked_sub(needle.len())?;
    let (mut at, mut wasted) = (0, 0);
    while at < end {
        at += find_unit(hay.get(at..end)?, *first)?;
        let window = hay.get(at + 1..at + needle.len())?;
        match window.iter().zip(tail).position(|(a, b)| a != b) {
            None => return Some(at),
            Some(matched) => wasted += matched + 1,
        }
        at += 1;
        if wasted > PATIENCE + 4 * at {
            return TwoWay::new(needle).find(hay.get(at..)?).map(|found| at + found);
        }
    }
    None
}

fn rfind_wide<U: Unit>(hay: &[U], needle: &[U]) -> Option<usize> {
    let (last, head) = needle.split_last()?;
    hay.len().checked_sub(needle.len())?;
    let (mut end, mut wasted) = (hay.len(), 0);
    while end >= needle.len() {
        let at = head.len() + rfind_unit(hay.get(head.len()..end)?, *last)?;
        let window = hay.get(at - head.len()..at)?;
        match window.iter().rev().zip(head.iter().rev()).position(|(a, b)| a != b) {
            None => return Some(at - head.len()),
            Some(matched) => wasted += matched + 1,
        }
        end = at;
        if wasted > PATIENCE + 4 * (hay.len() - end) {
            let needle: Vec<U> = needle.iter().rev().copied().collect();
            let reversed: Vec<U> = hay.get(..end)?.iter().rev().copied().collect();
            return TwoWay::new(&needle).find(&reversed).map(|found| end - found - needle.len());
        }
    }
    None
}

/// First occurrence of `needle`.
pub fn find<U: Unit>(hay: &[U], needle: &[U]) -> Option<usize> {
    match needle {
        [] => Some(0),
        [unit] => find_unit(hay, *unit),
        _ if needle.len() > hay.len() => None,
        _ => match (U::as_bytes(hay), U::as_bytes(needle)) {
            (Some(hay), Some(needle)) => memchr::memmem::find(hay, needle),
            _ => find_wide(hay, needle),
        },
    }
}

/// Last occurrence of `needle`.
pub fn rfind<U: Unit>(hay: &[U], needle: &[U]) -> Option<usize> {
    match needle {
        [] => Some(hay.len()),
        [unit] => rfind_unit(hay, *unit),
        _ if needle.len() > hay.len() => None,
        _ => match (U::as_bytes(hay), U::as_bytes(needle)) {
            (Some(hay), Some(needle)) => memchr::memmem::rfind(hay, needle),
            _ => rfind_wide(hay, needle),
        },
    }
}

/// Number of occurrences that do not overlap; for an empty needle one more than the length.
pub fn count<U: Unit>(hay: &[U], needle: &[U]) -> usize {
    match needle {
        [] => hay.len() + 1,
        [unit] => count_unit(hay, *unit),
        _ => matches(hay, needle, usize::MAX).count(),
    }
}

/// Offsets of the occurrences that do not overlap, from the left, at most `limit`. The needle is
/// not empty.
pub fn matches<'a, U: Unit>(hay: &'a [U], needle: &'a [U], limit: usize) -> impl Iterator<Item = usize> + 'a {
    let finder = Finder::new(needle);
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = finder.find(hay, from)?;
        from = at + needle.len().max(1);
        Some(at)
    })
    .take(limit)
}

/// `needle` in the width of `hay`; `None` where it has a code point that `hay` cannot have.
fn matched_width<U: Unit>(needle: Units) -> Option<Vec<U>> {
    crate::with_units!(needle, units => {
        (super::copy::bits_of(units) <= U::MAX || units.iter().all(|u| u.code() <= U::MAX))
            .then(|| super::copy::convert(units))
    })
}

/// Runs an operation on two slices of one width.
macro_rules! same_width {
    ($hay:expr, $needle:expr, $otherwise:expr, $operation:expr) => {
        match ($hay, $needle) {
            (Units::One(hay), Units::One(needle)) => $operation(hay, needle),
            (Units::Two(hay), Units::Two(needle)) => $operation(hay, needle),
            (Units::Four(hay), Units::Four(needle)) => $operation(hay, needle),
            (Units::One(hay), needle) => match matched_width::<u8>(needle) {
                Some(needle) => $operation(hay, &needle),
                None => $otherwise,
            },
            (Units::Two(hay), needle) => match matched_width::<u16>(needle) {
                Some(needle) => $operation(hay, &needle),
                None => $otherwise,
            },
            (Units::Four(hay), needle) => match matched_width::<u32>(needle) {
                Some(needle) => $operation(hay, &needle),
                None => $otherwise,
            },
        }
    };
}

/// [`find`] for strings of any widths.
pub fn find_units(hay: Units, needle: Units) -> Option<usize> {
    same_width!(hay, needle, None, find)
}

/// [`rfind`] for strings of any widths.
pub fn rfind_units(hay: Units, needle: Units) -> Option<usize> {
    same_width!(hay, needle, None, rfind)
}

/// [`count`] for strings of any widths.
pub fn count_units(hay: Units, needle: Units) -> usize {
    same_width!(hay, needle, 0, count)
}

/// Replaces at most `limit` occurrences; `None` where there is none, so that the caller can
/// return the original.
pub fn replace_units(text: Units, old: Units, new: Units, limit: usize) -> Option<Buffer> {
    if limit == 0 {
        return None;
    }
    same_width!(text, old, None, |text, old| replace_any(text, old, new, limit))
}

fn replace_any<U: Unit>(text: &[U], old: &[U], new: Units, limit: usize) -> Option<Buffer> {
    match matched_width::<U>(new) {
        Some(new) => replace(text, old, &new, limit).map(|units| U::into_buffer(units).shrink()),
        None => {
            let mut result = Buffer::with_capacity(text.len());
            let mut copied = 0;
            let mut any = false;
            if old.is_empty() {
                return Some(interleave(text, new, limit));
            }
            for at in matches(text, old, limit) {
                any = true;
                result.extend(text.get(copied..at).unwrap_or(&[]));
                result.push_units(new);
                copied = at + old.len();
            }
            result.extend(text.get(copied..).unwrap_or(&[]));
            any.then_some(result)
        }
    }
}

fn interleave<U: Unit>(text: &[U], new: Units, limit: usize) -> Buffer {
    let mut result = Buffer::with_capacity(text.len());
    for (i, unit) in text.iter().enumerate() {
        if i < limit {
            result.push_units(new);
        }
        result.push(unit.code());
    }
    if limit > text.len() {
        result.push_units(new);
    }
    result
}

/// Replaces at most `limit` occurrences of `old` in units of one width; `None` where there is none.
pub fn replace<U: Unit>(text: &[U], old: &[U], new: &[U], limit: usize) -> Option<Vec<U>> {
    if limit == 0 || old.len() > text.len() {
        return None;
    }
    if let ([old], [new]) = (old, new) {
        let first = find_unit(text, *old)?;
        let mut result = text.to_vec();
        let mut left = limit;
        for unit in result.iter_mut().skip(first) {
            if *unit == *old {
                if left == 0 {
                    break;
                }
                left -= 1;
                *unit = *new;
            }
        }
        return Some(result);
    }
    if old.is_empty() {
        let copies = limit.min(text.len() + 1);
        let mut result = Vec::with_capacity(text.len() + copies * new.len());
        for (i, unit) in text.iter().enumerate() {
            if i < copies {
                result.extend_from_slice(new);
            }
            result.push(*unit);
        }
        if copies > text.len() {
            result.extend_from_slice(new);
        }
        return Some(result);
    }
    let found: Vec<usize> = matches(text, old, limit).collect();
    if found.is_empty() {
        return None;
    }
    let mut result = Vec::with_capacity(text.len() - found.len() * old.len() + found.len() * new.len());
    let mut copied = 0;
    for at in found {
        result.extend_from_slice(text.get(copied..at).unwrap_or(&[]));
        result.extend_from_slice(new);
        copied = at + old.len();
    }
    result.extend_from_slice(text.get(copied..).unwrap_or(&[]));
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repetitive texts, which lead to the two-way algorithm, against the definition.
    #[test]
    fn wide_search_agrees_with_the_definition() {
        let mut seed = 7u32;
        let mut random = |n: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % n
        };
        for _ in 0..2000 {
            let unit = |bit: u32| 0x100 + u16::from(bit == 0);
            let hay: Vec<u16> = (0..600).map(|_| unit(random(40))).collect();
            let needle: Vec<u16> = (0..1 + random(40)).map(|_| unit(random(30))).collect();
            let starts: Vec<usize> = (0..=hay.len() - needle.len()).filter(|at| hay[*at..].starts_with(&needle)).collect();
            assert_eq!(find(&hay, &needle), starts.first().copied());
            assert_eq!(rfind(&hay, &needle), starts.last().copied());
        }
    }
}
