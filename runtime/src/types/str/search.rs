//! Methods of `str` that search: find, count, replace, split, partition, strip, prefixes.

use std::ops::Range;

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::Args;
use crate::protocol::compare;
use crate::text::split::{self, StrFlavor};
use crate::text::{Unit, Units, copy, search};
use crate::threads::thread_state::Thread;
use crate::types::str::arguments::{as_ssize, expect_str, search_range, shown_type};
use crate::types::str::methods::exact;
use crate::types::str::{from_buffer, units};
use crate::types::string::{self, StrObject, is_str};
use crate::types::tuple::TupleObject;
use crate::types::{list, tuple};

/// Units in another width; `None` where they do not fit.
fn in_width<U: Unit>(text: Units<'_>) -> Option<Vec<U>> {
    crate::with_units!(text, units => {
        (copy::bits_of(units) <= U::MAX || units.iter().all(|unit| unit.code() <= U::MAX)).then(|| copy::convert(units))
    })
}

/// The part of a string; the string itself where that is all of it.
fn part(this: Value, range: Range<usize>) -> Owned {
    let text = StrObject::of(this);
    if range.len() == text.len() {
        return exact(this);
    }
    if range.is_empty() { string::empty() } else { string::slice(text, range.start, range.end) }
}

fn locate(this: Value, args: Args<'_>, name: &str, from_right: bool, thread: &mut Thread) -> PyResult<Option<usize>> {
    let needle = expect_str(args.at(0), &format!("{name}() argument 1"), thread)?;
    let text = StrObject::of(this);
    let Some(range) = search_range(args.get(1), args.get(2), text.len(), thread)? else { return Ok(None) };
    if needle.len() > range.len() {
        return Ok(None);
    }
    let start = range.start;
    let hay = units(text).slice(range);
    let found = if from_right { search::rfind_units(hay, units(needle)) } else { search::find_units(hay, units(needle)) };
    Ok(found.map(|at| at + start))
}

fn position(found: Option<usize>) -> Owned {
    found.map_or_else(|| Owned::int(-1), Owned::usize)
}

pub fn find(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(position(locate(this, args, "find", false, thread)?))
}

pub fn rfind(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(position(locate(this, args, "rfind", true, thread)?))
}

pub fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match locate(this, args, "index", false, thread)? {
        Some(at) => Ok(Owned::usize(at)),
        None => Err(thread.raise_value_error("substring not found")),
    }
}

pub fn rindex(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match locate(this, args, "rindex", true, thread)? {
        Some(at) => Ok(Owned::usize(at)),
        None => Err(thread.raise_value_error("substring not found")),
    }
}

pub fn count(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let needle = expect_str(args.at(0), "count() argument 1", thread)?;
    let text = StrObject::of(this);
    let Some(range) = search_range(args.get(1), args.get(2), text.len(), thread)? else { return Ok(Owned::int(0)) };
    if needle.len() > range.len() {
        return Ok(Owned::int(0));
    }
    Ok(Owned::usize(search::count_units(units(text).slice(range), units(needle))))
}

/// Whether `part` stands at the start (or the end) of `text[range]`.
fn matches_at_edge(text: &StrObject, range: &Range<usize>, part: &StrObject, at_end: bool) -> bool {
    if part.len() > range.len() {
        return false;
    }
    let start = if at_end { range.end - part.len() } else { range.start };
    let here = units(text).slice(start..start + part.len());
    crate::with_units!(here, a => crate::with_units!(units(part), b => copy::equal(a, b)))
}

fn edge(this: Value, args: Args<'_>, name: &str, at_end: bool, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    let wanted = args.at(0);
    let range = search_range(args.get(1), args.get(2), text.len(), thread)?;
    if wanted.is_pointer() && wanted.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS) {
        for &one in TupleObject::of(wanted).items() {
            if !is_str(one) {
                let found = shown_type(one);
                return Err(thread.raise_type_error(format!("tuple for {name} must only contain str, not {found}")));
            }
            if range.as_ref().is_some_and(|range| matches_at_edge(text, range, StrObject::of(one), at_end)) {
                return Ok(Owned::bool(true));
            }
        }
        return Ok(Owned::bool(false));
    }
    if !is_str(wanted) {
        let found = wanted.type_object().full_name();
        return Err(thread.raise_type_error(format!("{name} first arg must be str or a tuple of str, not {found}")));
    }
    Ok(Owned::bool(range.is_some_and(|range| matches_at_edge(text, &range, StrObject::of(wanted), at_end))))
}

pub fn startswith(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    edge(this, args, "startswith", false, thread)
}

pub fn endswith(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    edge(this, args, "endswith", true, thread)
}

pub fn removeprefix(this: Value, prefix: Value, thread: &mut Thread) -> PyResult {
    let prefix = expect_str(prefix, "removeprefix() argument", thread)?;
    let text = StrObject::of(this);
    let start = if matches_at_edge(text, &(0..text.len()), prefix, false) { prefix.len() } else { 0 };
    Ok(part(this, start..text.len()))
}

pub fn removesuffix(this: Value, suffix: Value, thread: &mut Thread) -> PyResult {
    let suffix = expect_str(suffix, "removesuffix() argument", thread)?;
    let text = StrObject::of(this);
    let cut = if matches_at_edge(text, &(0..text.len()), suffix, true) { suffix.len() } else { 0 };
    Ok(part(this, 0..text.len() - cut))
}

pub fn replace(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let old = expect_str(args.at(0), "replace() argument 1", thread)?;
    let new = expect_str(args.at(1), "replace() argument 2", thread)?;
    let limit = match args.get(2) {
        Some(count) => usize::try_from(as_ssize(count, thread)?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let text = StrObject::of(this);
    if new.len() > old.len() && limit > 0 {
        // The length of the result, before memory is asked for it.
        let found = search::count_units(units(text), units(old)).min(limit);
        let grown = (new.len() - old.len()).checked_mul(found).and_then(|more| more.checked_add(text.len()));
        if grown.is_none_or(|length| length > isize::MAX as usize / 4) {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "replace string is too long"));
        }
    }
    match search::replace_units(units(text), units(old), units(new), limit) {
        Some(buffer) => Ok(from_buffer(buffer)),
        None => Ok(exact(this)),
    }
}

fn limit_of(maxsplit: Option<Value>, thread: &mut Thread) -> PyResult<usize> {
    match maxsplit {
        Some(value) => Ok(usize::try_from(as_ssize(value, thread)?).unwrap_or(usize::MAX)),
        None => Ok(usize::MAX),
    }
}

fn list_of(this: Value, ranges: impl Iterator<Item = Range<usize>>, reversed: bool) -> Owned {
    let mut parts: Vec<Owned> = ranges.map(|range| part(this, range)).collect();
    if reversed {
        parts.reverse();
    }
    list::from_vec(parts)
}

fn split_any(this: Value, args: Args<'_>, from_right: bool, thread: &mut Thread) -> PyResult {
    let limit = limit_of(args.get(1), thread)?;
    let text = units(StrObject::of(this));
    let Some(separator) = args.get(0).filter(|separator| !separator.is_none()) else {
        return Ok(crate::with_units!(text, hay => if from_right {
            list_of(this, split::rsplit_space(hay, limit, StrFlavor), true)
        } else {
            list_of(this, split::split_space(hay, limit, StrFlavor), false)
        }));
    };
    if !is_str(separator) {
        let name = separator.type_object().full_name();
        return Err(thread.raise_type_error(format!("must be str or None, not {name}")));
    }
    let separator = StrObject::of(separator);
    if separator.is_empty() {
        return Err(thread.raise_value_error("empty separator"));
    }
    macro_rules! by {
        ($hay:expr, $needle:expr) => {
            if from_right {
                list_of(this, split::rsplit($hay, $needle, limit), true)
            } else {
                list_of(this, split::split($hay, $needle, limit), false)
            }
        };
    }
    Ok(match (text, units(separator)) {
        (Units::One(hay), Units::One(needle)) => by!(hay, needle),
        (hay, needle) => crate::with_units!(hay, hay => match in_width(needle) {
            Some(needle) => by!(hay, &needle),
            None => list::from_vec(vec![exact(this)]),
        }),
    })
}

pub fn split_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    split_any(this, args, false, thread)
}

pub fn rsplit_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    split_any(this, args, true, thread)
}

pub fn splitlines(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let keep = match args.get(0) {
        Some(value) => compare::truth(value, thread)?,
        None => false,
    };
    Ok(crate::with_units!(units(StrObject::of(this)), text => {
        list_of(this, split::lines(text, StrFlavor).map(|(content, whole)| if keep { whole } else { content }), false)
    }))
}

fn partition_any(this: Value, separator: Value, from_right: bool, thread: &mut Thread) -> PyResult {
    if !is_str(separator) {
        return Err(not_str_separator(separator, thread));
    }
    let needle = StrObject::of(separator);
    if needle.is_empty() {
        return Err(thread.raise_value_error("empty separator"));
    }
    let text = StrObject::of(this);
    let found = if from_right {
        search::rfind_units(units(text), units(needle))
    } else {
        search::find_units(units(text), units(needle))
    };
    Ok(match found {
        Some(at) => tuple::pack([part(this, 0..at), separator.to_owned(), part(this, at + needle.len()..text.len())]),
        None if from_right => tuple::pack([string::empty(), string::empty(), exact(this)]),
        None => tuple::pack([exact(this), string::empty(), string::empty()]),
    })
}

#[cold]
fn not_str_separator(separator: Value, thread: &mut Thread) -> crate::object::value::Raised {
    let name = separator.type_object().full_name();
    thread.raise_type_error(format!("must be str, not {name}"))
}

pub fn partition(this: Value, separator: Value, thread: &mut Thread) -> PyResult {
    partition_any(this, separator, false, thread)
}

pub fn rpartition(this: Value, separator: Value, thread: &mut Thread) -> PyResult {
    partition_any(this, separator, true, thread)
}

fn strip_any(this: Value, args: Args<'_>, name: &str, left: bool, right: bool, thread: &mut Thread) -> PyResult {
    let text = units(StrObject::of(this));
    let kept = match args.get(0).filter(|chars| !chars.is_none()) {
        None => crate::with_units!(text, text => split::strip_space(text, left, right, StrFlavor)),
        Some(chars) if is_str(chars) => {
            let set = units(StrObject::of(chars));
            crate::with_units!(text, text => crate::with_units!(set, set => split::strip_set(text, left, right, set)))
        }
        Some(other) => {
            let found = other.type_object().full_name();
            return Err(thread.raise_type_error(format!("{name} arg must be None or str, not {found}")));
        }
    };
    Ok(part(this, kept))
}

pub fn strip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_any(this, args, "strip", true, true, thread)
}

pub fn lstrip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_any(this, args, "lstrip", true, false, thread)
}

pub fn rstrip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_any(this, args, "rstrip", false, true, thread)
}

