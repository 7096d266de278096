//! Methods of `str` that change case, pad, translate or test characters; `join`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::Args;
use crate::protocol::{convert, iterate, subscript};
use crate::text::casing::{self, Conversion};
use crate::text::{Buffer, copy, layout, predicates};
use crate::threads::thread_state::Thread;
use crate::types::dict::{self, DictObject};
use crate::types::list::ListObject;
use crate::types::str::arguments::{as_ssize, expect_str};
use crate::types::str::methods::exact;
use crate::types::str::{Builder, from_buffer, units};
use crate::types::string::{self, Kind, StrObject, is_str};
use crate::types::tuple::TupleObject;
use crate::types::{int, tuple};

macro_rules! conversions {
    ($($name:ident $conversion:ident)*) => {$(
        pub fn $name(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(from_buffer(casing::convert(units(StrObject::of(this)), Conversion::$conversion)))
        }
    )*};
}

conversions! {
    lower Lower
    upper Upper
    title Title
    capitalize Capitalize
    swapcase SwapCase
    casefold Fold
}

macro_rules! tests {
    ($($name:ident)*) => {$(
        pub fn $name(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(Owned::bool(crate::with_units!(units(StrObject::of(this)), text => predicates::$name(text))))
        }
    )*};
}

tests! {
    islower isupper istitle isspace isdecimal isdigit isnumeric isalpha isalnum isidentifier isprintable
}

pub fn isascii(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(StrObject::of(this).is_ascii()))
}

/// `left` and `right` fill around the string.
fn pad(this: Value, left: usize, right: usize, fill: u32, thread: &mut Thread) -> PyResult {
    if left == 0 && right == 0 {
        return Ok(exact(this));
    }
    let text = units(StrObject::of(this));
    let mut buffer = Buffer::new();
    buffer.widen(crate::with_units!(text, text => copy::bits_of(text)) | fill);
    let total = left.checked_add(right).and_then(|n| n.checked_add(text.len()));
    match total {
        Some(total) if total < isize::MAX as usize => {
            if total > isize::MAX as usize / 8 || !buffer.try_reserve(total) {
                return Err(thread.raise_memory_error());
            }
        }
        _ => return Err(thread.raise(&exc::OVERFLOW_ERROR, "padded string is too long")),
    }
    buffer.push_repeated(fill, left);
    buffer.push_units(text);
    buffer.push_repeated(fill, right);
    Ok(from_buffer(buffer))
}

/// Width and fill character of `center`, `ljust` and `rjust`.
fn pad_arguments(args: Args<'_>, thread: &mut Thread) -> PyResult<(usize, u32)> {
    let width = as_ssize(args.at(0), thread)?;
    let fill = match args.get(1) {
        None => u32::from(b' '),
        Some(fill) if !is_str(fill) => {
            let name = fill.type_object().full_name();
            return Err(thread.raise_type_error(format!("The fill character must be a unicode character, not {name}")));
        }
        Some(fill) if StrObject::of(fill).len() != 1 => {
            return Err(thread.raise_type_error("The fill character must be exactly one character long"));
        }
        Some(fill) => StrObject::of(fill).char_at(0),
    };
    Ok((usize::try_from(width).unwrap_or(0), fill))
}

pub fn center(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = pad_arguments(args, thread)?;
    let (left, right) = layout::center_fill(StrObject::of(this).len(), width);
    pad(this, left, right, fill, thread)
}

pub fn ljust(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = pad_arguments(args, thread)?;
    pad(this, 0, width.saturating_sub(StrObject::of(this).len()), fill, thread)
}

pub fn rjust(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = pad_arguments(args, thread)?;
    pad(this, width.saturating_sub(StrObject::of(this).len()), 0, fill, thread)
}

pub fn zfill(this: Value, width: Value, thread: &mut Thread) -> PyResult {
    let width = usize::try_from(as_ssize(width, thread)?).unwrap_or(0);
    crate::with_units!(units(StrObject::of(this)), text => match layout::zfill(text, width) {
        Ok(Some(filled)) => Ok(from_units(&filled)),
        Ok(None) => Ok(exact(this)),
        Err(_) => Err(thread.raise_memory_error()),
    })
}

/// The str of code units of any width.
pub fn from_units<U: crate::text::Unit>(text: &[U]) -> Owned {
    match U::as_units(text) {
        crate::text::Units::One(text) => string::from_latin1(text),
        crate::text::Units::Two(text) => string::from_ucs2(text),
        crate::text::Units::Four(text) => string::from_ucs4(text),
    }
}

pub fn expandtabs(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let size = match args.get(0) {
        Some(size) => convert::as_c_int(size, thread)?,
        None => 8,
    };
    let size = usize::try_from(size).unwrap_or(0);
    crate::with_units!(units(StrObject::of(this)), text => match layout::expandtabs(text, size) {
        Some(expanded) if expanded.len() == text.len() && expanded == text => Ok(exact(this)),
        Some(expanded) => Ok(from_units(&expanded)),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "new string is too long")),
    })
}

/// What a translation table says of a character.
enum Translation {
    Same,
    Deleted,
    Char(u32),
    Text(Owned),
}

fn translate_char(table: Value, code: u32, thread: &mut Thread) -> PyResult<Translation> {
    let key = Owned::int(i64::from(code));
    let found = if dict::is_exact(table) {
        match DictObject::of(table).get(*key, thread)? {
            Some(found) => found,
            None => return Ok(Translation::Same),
        }
    } else {
        match subscript::get_item(table, *key, thread) {
            Ok(found) => found,
            Err(raised) => {
                thread.catch(raised, &exc::LOOKUP_ERROR)?;
                return Ok(Translation::Same);
            }
        }
    };
    if found.is_none() {
        return Ok(Translation::Deleted);
    }
    if convert::is_int(*found) {
        return match int::as_i64(*found).and_then(|code| u32::try_from(code).ok()).filter(|code| *code < 0x11_0000) {
            Some(code) => Ok(Translation::Char(code)),
            None => Err(thread.raise_value_error("character mapping must be in range(0x110000)")),
        };
    }
    if is_str(*found) {
        return Ok(Translation::Text(found));
    }
    Err(thread.raise_type_error("character mapping must return integer, None or str"))
}

pub fn translate(this: Value, table: Value, thread: &mut Thread) -> PyResult {
    /// No entry of the cache has been asked for; no code point has these numbers.
    const UNKNOWN: u32 = u32::MAX;
    const SLOW: u32 = u32::MAX - 1;
    let text = StrObject::of(this);
    let mut out = Builder::new();
    // One-character results for ASCII are asked for once.
    let mut cache = [UNKNOWN; 128];
    for i in 0..text.len() {
        let code = text.char_at(i);
        if let Some(&cached) = cache.get(code as usize)
            && cached < SLOW
        {
            out.push_char(cached);
            continue;
        }
        let known = match translate_char(table, code, thread)? {
            Translation::Same => code,
            Translation::Char(to) => to,
            Translation::Deleted => SLOW,
            Translation::Text(to) => {
                out.push_object(*to);
                SLOW
            }
        };
        if known < SLOW {
            out.push_char(known);
        }
        if let Some(entry) = cache.get_mut(code as usize) {
            *entry = known;
        }
    }
    Ok(out.finish())
}

pub fn maketrans(_class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let first = args.at(0);
    let made = dict::new();
    let table = DictObject::of(*made);
    let Some(second) = args.get(1) else {
        if !dict::is_dict(first) {
            return Err(thread.raise_type_error("if you give only one argument to maketrans it must be a dict"));
        }
        for entry in DictObject::of(first).entries() {
            if is_str(*entry.key) {
                let key = StrObject::of(*entry.key);
                if key.len() != 1 {
                    return Err(thread.raise_value_error("string keys in translate table must be of length 1"));
                }
                table.set(*Owned::int(i64::from(key.char_at(0))), entry.value, thread)?;
            } else if convert::is_int(*entry.key) {
                table.set(*entry.key, entry.value, thread)?;
            } else {
                return Err(thread.raise_type_error("keys in translate table must be strings or integers"));
            }
        }
        return Ok(made);
    };
    let to = expect_str(second, "maketrans() argument 2", thread)?;
    let removed = match args.get(2) {
        Some(third) => Some(expect_str(third, "maketrans() argument 3", thread)?),
        None => None,
    };
    if !is_str(first) {
        return Err(thread.raise_type_error("first maketrans argument must be a string if there is a second argument"));
    }
    let from = StrObject::of(first);
    if from.len() != to.len() {
        return Err(thread.raise_value_error("the first two maketrans arguments must have equal length"));
    }
    for i in 0..from.len() {
        table.set(*Owned::int(i64::from(from.char_at(i))), Owned::int(i64::from(to.char_at(i))), thread)?;
    }
    for i in 0..removed.map_or(0, StrObject::len) {
        if let Some(removed) = removed {
            table.set(*Owned::int(i64::from(removed.char_at(i))), Owned::none(), thread)?;
        }
    }
    Ok(made)
}

/// `separator.join(iterable)`.
pub fn join(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    if iterable.has_shape(crate::types::builtin_types::shapes::LIST) {
        let items = ListObject::of(iterable).to_vec();
        return join_values(this, items.len(), |i| *items[i], thread);
    }
    if tuple::is_exact(iterable) {
        let items = TupleObject::of(iterable).items();
        return join_values(this, items.len(), |i| items[i], thread);
    }
    if !iterate::is_iterable(iterable) {
        return Err(thread.raise_type_error("can only join an iterable"));
    }
    let items = iterate::collect(iterable, thread)?;
    join_values(this, items.len(), |i| *items[i], thread)
}

/// Joins `n` values with one allocation.
pub fn join_values(separator: Value, n: usize, item: impl Fn(usize) -> Value, thread: &mut Thread) -> PyResult {
    if n == 0 {
        return Ok(string::empty());
    }
    let separator = StrObject::of(separator);
    let (mut length, mut kind, mut is_ascii) = (0usize, Kind::One, true);
    let mut account = |text: &StrObject, times: usize| {
        kind = kind.max(text.kind());
        is_ascii &= text.is_ascii();
        match text.len().checked_mul(times).and_then(|more| length.checked_add(more)) {
            Some(sum) if sum <= isize::MAX as usize => {
                length = sum;
                true
            }
            _ => false,
        }
    };
    let mut fits = n < 2 || account(separator, n - 1);
    for i in 0..n {
        let value = item(i);
        if !is_str(value) {
            let name = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("sequence item {i}: expected str instance, {name} found")));
        }
        fits &= account(StrObject::of(value), 1);
    }
    if n == 1 && string::is_exact(item(0)) {
        return Ok(item(0).to_owned());
    }
    if !fits {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "join() result is too long for a Python string"));
    }
    if length == 0 {
        return Ok(string::empty());
    }
    if length == 1 {
        // Single characters are shared objects.
        let mut out = Builder::new();
        for i in 0..n {
            if i > 0 {
                out.push_str("");
            }
            out.push_object(item(i));
        }
        if out.is_empty() {
            return Ok(string::from_char(separator.char_at(0)));
        }
        return Ok(out.finish());
    }
    // SAFETY: the parts counted above fill the buffer exactly; `kind` is the widest kind of a part that is not empty
    // or, if only empty parts were wider, at least wide enough: empty strings are ASCII.
    let made = unsafe {
        string::build(length, kind, is_ascii, |to| {
            let mut to = to;
            for i in 0..n {
                if i > 0 {
                    to = copy_to(separator, kind, to);
                }
                to = copy_to(StrObject::of(item(i)), kind, to);
            }
        })
    };
    made.ok_or_else(|| thread.raise_memory_error())
}

/// Writes the characters of `text` in the width `kind`, which is at least their own; returns what follows.
///
/// # Safety
/// `to` has room for them and is aligned for the width.
pub(crate) unsafe fn copy_to(text: &StrObject, kind: Kind, to: *mut u8) -> *mut u8 {
    let bytes = text.len() * kind as usize;
    // SAFETY: the caller's room is `bytes` long.
    unsafe {
        if text.kind() == kind {
            std::ptr::copy_nonoverlapping(text.raw_bytes().as_ptr(), to, bytes);
        } else {
            crate::with_units!(units(text), source => match kind {
                Kind::One => {}
                Kind::Two => {
                    let target = std::slice::from_raw_parts_mut(to.cast::<u16>(), source.len());
                    copy::copy_into(source, target);
                }
                Kind::Four => {
                    let target = std::slice::from_raw_parts_mut(to.cast::<u32>(), source.len());
                    copy::copy_into(source, target);
                }
            });
        }
        to.add(bytes)
    }
}
