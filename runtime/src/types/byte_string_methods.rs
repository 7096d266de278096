//! The methods that `bytes` and `bytearray` share.

use std::ops::Range;

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::Args;
use crate::protocol::native::NativeFn;
use crate::protocol::{buffer, call, compare, convert, iterate};
use crate::text::casing::{Conversion, convert_ascii};
use crate::text::predicates::ascii;
use crate::text::split::{self, BytesFlavor};
use crate::text::{layout, search};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{BYTEARRAY, BYTES};
use crate::types::byte_strings::*;
use crate::types::bytes::is_bytes;
use crate::types::codec_calls;
use crate::types::list;
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::is_tuple;
use crate::types::type_object::*;

macro_rules! conversions {
    ($($function:ident $conversion:ident;)*) => {$(
        fn $function(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(make_like(this, convert_ascii(&contents(this), Conversion::$conversion)))
        }
    )*};
}

conversions! {
    capitalize Capitalize;
    lower Lower;
    upper Upper;
    swapcase SwapCase;
    title Title;
}

macro_rules! predicates {
    ($($function:ident)*) => {$(
        fn $function(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(Owned::bool(ascii::$function(&contents(this))))
        }
    )*};
}

predicates! { isalnum isalpha isdigit islower isspace istitle isupper }

fn isascii(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(contents(this).is_ascii()))
}

/// Searches between the bounds of the arguments; the position is that in the whole.
fn search(this: Value, args: Args<'_>, backwards: bool, thread: &mut Thread) -> PyResult<Option<usize>> {
    let wanted = needle(args.at(0), thread)?;
    let bounds = Bounds::from_args(args, 1, thread)?;
    let own = contents(this);
    let Some(range) = bounds.clip(own.len()) else { return Ok(None) };
    let part = &own[range.clone()];
    let found = if backwards { search::rfind(part, &wanted) } else { search::find(part, &wanted) };
    Ok(found.map(|at| at + range.start))
}

fn position(found: Option<usize>) -> Owned {
    found.map_or_else(|| Owned::int(-1), Owned::usize)
}

fn find(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    search(this, args, false, thread).map(position)
}

fn rfind(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    search(this, args, true, thread).map(position)
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match search(this, args, false, thread)? {
        Some(at) => Ok(Owned::usize(at)),
        None => Err(thread.raise_value_error("subsection not found")),
    }
}

fn rindex(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match search(this, args, true, thread)? {
        Some(at) => Ok(Owned::usize(at)),
        None => Err(thread.raise_value_error("subsection not found")),
    }
}

fn count(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let wanted = needle(args.at(0), thread)?;
    let bounds = Bounds::from_args(args, 1, thread)?;
    let own = contents(this);
    Ok(Owned::usize(bounds.clip(own.len()).map_or(0, |range| search::count(&own[range], &wanted))))
}

/// `startswith` and `endswith`.
fn has_affix(this: Value, args: Args<'_>, name: &str, test: fn(&[u8], &[u8]) -> bool, thread: &mut Thread) -> PyResult {
    let bounds = Bounds::from_args(args, 1, thread)?;
    let wanted = args.at(0);
    let matches = |wanted: Value, thread: &mut Thread| -> PyResult<bool> {
        let wanted = bytes_like(wanted, thread)?;
        let own = contents(this);
        Ok(bounds.clip(own.len()).is_some_and(|range| test(&own[range], &wanted)))
    };
    if is_tuple(wanted) {
        for one in TupleObject::of(wanted).items() {
            if matches(*one, thread)? {
                return Ok(Owned::true_());
            }
        }
        return Ok(Owned::false_());
    }
    if !buffer::supports_buffer(wanted) {
        let got = wanted.type_object().full_name();
        return Err(thread.raise_type_error(format!("{name} first arg must be bytes or a tuple of bytes, not {got}")));
    }
    matches(wanted, thread).map(Owned::bool)
}

fn startswith(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    has_affix(this, args, "startswith", |own, wanted| own.starts_with(wanted), thread)
}

fn endswith(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    has_affix(this, args, "endswith", |own, wanted| own.ends_with(wanted), thread)
}

fn removeprefix(this: Value, prefix: Value, thread: &mut Thread) -> PyResult {
    let prefix = bytes_like(prefix, thread)?;
    if prefix.is_empty() {
        return Ok(unchanged(this));
    }
    let own = contents(this);
    match own.strip_prefix(prefix.as_ref()) {
        Some(rest) => Ok(make_like(this, rest.to_vec())),
        None => Ok(unchanged(this)),
    }
}

fn removesuffix(this: Value, suffix: Value, thread: &mut Thread) -> PyResult {
    let suffix = bytes_like(suffix, thread)?;
    if suffix.is_empty() {
        return Ok(unchanged(this));
    }
    let own = contents(this);
    match own.strip_suffix(suffix.as_ref()) {
        Some(rest) => Ok(make_like(this, rest.to_vec())),
        None => Ok(unchanged(this)),
    }
}

fn strip_sides(this: Value, args: Args<'_>, left: bool, right: bool, thread: &mut Thread) -> PyResult {
    let set = match args.get(0).filter(|set| !set.is_none()) {
        Some(set) => Some(bytes_like(set, thread)?),
        None => None,
    };
    let own = contents(this);
    let range = match set {
        Some(set) => split::strip_set(own.as_ref(), left, right, set.as_ref()),
        None => split::strip_space(own.as_ref(), left, right, BytesFlavor),
    };
    if range.len() == own.len() {
        return Ok(unchanged(this));
    }
    Ok(make_like(this, own[range].to_vec()))
}

fn strip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_sides(this, args, true, true, thread)
}

fn lstrip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_sides(this, args, true, false, thread)
}

fn rstrip(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    strip_sides(this, args, false, true, thread)
}

fn parts(this: Value, own: &[u8], ranges: impl Iterator<Item = Range<usize>>) -> Vec<Owned> {
    ranges.map(|range| make_like(this, own[range].to_vec())).collect()
}

/// `split` and `rsplit`.
fn split_by(this: Value, args: Args<'_>, backwards: bool, thread: &mut Thread) -> PyResult {
    let limit = match args.get(1) {
        Some(limit) => convert::index_as_i64(limit, thread, Some(&crate::exceptions::exc::OVERFLOW_ERROR))?,
        None => -1,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let separator = match args.get(0).filter(|separator| !separator.is_none()) {
        Some(separator) => Some(bytes_like(separator, thread)?),
        None => None,
    };
    if separator.as_ref().is_some_and(|separator| separator.is_empty()) {
        return Err(thread.raise_value_error("empty separator"));
    }
    let own = contents(this);
    let own = own.as_ref();
    let mut found = match (separator, backwards) {
        (Some(separator), false) => parts(this, own, split::split(own, &separator, limit)),
        (Some(separator), true) => parts(this, own, split::rsplit(own, &separator, limit)),
        (None, false) => parts(this, own, split::split_space(own, limit, BytesFlavor)),
        (None, true) => parts(this, own, split::rsplit_space(own, limit, BytesFlavor)),
    };
    if backwards {
        found.reverse();
    }
    Ok(list::from_vec(found))
}

fn method_split(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    split_by(this, args, false, thread)
}

fn rsplit(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    split_by(this, args, true, thread)
}

fn splitlines(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let keep = match args.get(0) {
        Some(keep) => compare::truth(keep, thread)?,
        None => false,
    };
    let own = contents(this);
    let lines = split::lines(own.as_ref(), BytesFlavor).map(|(bare, whole)| if keep { whole } else { bare });
    Ok(list::from_vec(parts(this, &own, lines)))
}

fn partition_at(this: Value, separator: Value, backwards: bool, thread: &mut Thread) -> PyResult {
    let wanted = bytes_like(separator, thread)?;
    if wanted.is_empty() {
        return Err(thread.raise_value_error("empty separator"));
    }
    let own = contents(this);
    let found = if backwards { split::rpartition(own.as_ref(), &wanted) } else { split::partition(own.as_ref(), &wanted) };
    let empty = || make_like(this, Vec::new());
    Ok(tuple::pack(match found {
        Some(range) => {
            let middle = if is_bytes(this) && is_bytes(separator) { separator.to_owned() } else { make_like(this, wanted.to_vec()) };
            [make_like(this, own[..range.start].to_vec()), middle, make_like(this, own[range.end..].to_vec())]
        }
        None if backwards => [empty(), empty(), unchanged(this)],
        None => [unchanged(this), empty(), empty()],
    }))
}

fn partition(this: Value, separator: Value, thread: &mut Thread) -> PyResult {
    partition_at(this, separator, false, thread)
}

fn rpartition(this: Value, separator: Value, thread: &mut Thread) -> PyResult {
    partition_at(this, separator, true, thread)
}

fn replace(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = match args.get(2) {
        Some(limit) => convert::index_as_i64(limit, thread, Some(&crate::exceptions::exc::OVERFLOW_ERROR))?,
        None => -1,
    };
    let (old, new) = (bytes_like(args.at(0), thread)?, bytes_like(args.at(1), thread)?);
    let replaced = search::replace(contents(this).as_ref(), &old, &new, usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(match replaced {
        Some(replaced) => make_like(this, replaced),
        None => unchanged(this),
    })
}

fn join(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    if !iterate::is_iterable(iterable) {
        return Err(thread.raise_type_error("can only join an iterable"));
    }
    let items = iterate::collect(iterable, thread)?;
    if let [only] = items.as_slice() {
        if is_bytes(this) && only.has_shape(BYTES.shape) {
            return Ok(only.clone());
        }
    }
    let mut out = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(&contents(this));
        }
        if !buffer::supports_buffer(**item) {
            let name = item.type_object().full_name();
            return Err(thread.raise_type_error(format!("sequence item {i}: expected a bytes-like object, {name} found")));
        }
        out.extend_from_slice(&bytes_like(**item, thread)?);
    }
    Ok(make_like(this, out))
}

/// The width and the fill byte of padding methods.
fn padding(args: Args<'_>, name: &str, thread: &mut Thread) -> PyResult<(usize, u8)> {
    let width = convert::index_as_i64(args.at(0), thread, Some(&crate::exceptions::exc::OVERFLOW_ERROR))?;
    let fill = match args.get(1) {
        None => b' ',
        Some(fill) if is_bytes(fill) || fill.is_instance(BYTEARRAY.get()) => match contents(fill).as_ref() {
            [fill] => *fill,
            other => {
                let (kind, n) = (if is_bytes(fill) { "bytes" } else { "bytearray" }, other.len());
                return Err(thread.raise_type_error(format!(
                    "{name}(): argument 2 must be a byte string of length 1, not a {kind} object of length {n}"
                )));
            }
        },
        Some(fill) => {
            let got = fill.type_object().full_name();
            return Err(thread.raise_type_error(format!("{name}() argument 2 must be a byte string of length 1, not {got}")));
        }
    };
    Ok((usize::try_from(width).unwrap_or(0), fill))
}

fn padded(this: Value, fill: u8, sides: impl Fn(usize) -> (usize, usize), thread: &mut Thread) -> PyResult {
    let own = contents(this);
    let (left, right) = sides(own.len());
    if left == 0 && right == 0 {
        return Ok(unchanged(this));
    }
    let mut out = Vec::new();
    let total = own.len().checked_add(left).and_then(|total| total.checked_add(right));
    match total {
        Some(total) if total < isize::MAX as usize / 2 && out.try_reserve_exact(total).is_ok() => {}
        _ => return Err(thread.raise_memory_error()),
    }
    out.resize(left, fill);
    out.extend_from_slice(&own);
    out.resize(out.len() + right, fill);
    Ok(make_like(this, out))
}

fn center(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = padding(args, "center", thread)?;
    padded(this, fill, |len| layout::center_fill(len, width), thread)
}

fn ljust(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = padding(args, "ljust", thread)?;
    padded(this, fill, |len| (0, width.saturating_sub(len)), thread)
}

fn rjust(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (width, fill) = padding(args, "rjust", thread)?;
    padded(this, fill, |len| (width.saturating_sub(len), 0), thread)
}

fn zfill(this: Value, width: Value, thread: &mut Thread) -> PyResult {
    let width = convert::index_as_i64(width, thread, Some(&crate::exceptions::exc::OVERFLOW_ERROR))?;
    let filled = layout::zfill(contents(this).as_ref(), usize::try_from(width).unwrap_or(0));
    match filled {
        Ok(Some(filled)) => Ok(make_like(this, filled)),
        Ok(None) => Ok(unchanged(this)),
        Err(_) => Err(thread.raise_memory_error()),
    }
}

fn expandtabs(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let size = match args.get(0) {
        Some(size) => i64::from(convert::as_c_int(size, thread)?),
        None => 8,
    };
    let expanded = layout::expandtabs(contents(this).as_ref(), usize::try_from(size).unwrap_or(0));
    match expanded {
        Some(expanded) => Ok(make_like(this, expanded)),
        None => Err(thread.raise(&crate::exceptions::exc::OVERFLOW_ERROR, "result too long")),
    }
}

fn translate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let table = match args.at(0) {
        table if table.is_none() => None,
        table => Some(bytes_like(table, thread)?),
    };
    if table.as_ref().is_some_and(|table| table.len() != 256) {
        return Err(thread.raise_value_error("translation table must be 256 characters long"));
    }
    let deleted = match args.get(1) {
        Some(deleted) => bytes_like(deleted, thread)?,
        None => std::borrow::Cow::Borrowed(&[][..]),
    };
    let mut is_deleted = [false; 256];
    deleted.iter().for_each(|byte| is_deleted[usize::from(*byte)] = true);
    let own = contents(this);
    let out = own
        .iter()
        .filter(|byte| !is_deleted[usize::from(**byte)])
        .map(|byte| table.as_ref().map_or(*byte, |table| table[usize::from(*byte)]))
        .collect();
    Ok(make_like(this, out))
}

fn maketrans(_this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (from, to) = (bytes_like(args.at(0), thread)?, bytes_like(args.at(1), thread)?);
    if from.len() != to.len() {
        return Err(thread.raise_value_error("maketrans arguments must have same length"));
    }
    let mut table: Vec<u8> = (0..=255).collect();
    for (from, to) in from.iter().zip(to.iter()) {
        table[usize::from(*from)] = *to;
    }
    Ok(crate::types::bytes::from_vec(table))
}

fn decode(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let own = contents(this).into_owned();
    codec_calls::decode(this, &own, args.get(0), args.get(1), "decode", thread)
}

fn hex(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let separator = HexSeparator::from_args(args, thread)?;
    Ok(separator.text(&contents(this)))
}

fn fromhex(class: Value, source: Value, thread: &mut Thread) -> PyResult {
    let parsed = crate::types::bytes::from_vec(parse_hex(source, thread)?);
    if class.is(BYTES.get().value()) {
        return Ok(parsed);
    }
    call::call(class, &[*parsed], thread)
}

macro_rules! shared_methods {
    ($($extra:expr),* $(,)?) => {
        &[
            $($extra,)*
            method("capitalize", NativeFn::NoArgs(capitalize), "($self, /)", "Return a copy with the first byte capitalized and the rest in lower case."),
            method("center", NativeFn::Bound(center), "($self, width, fillchar=b' ', /)", "Return a centered string of length width.\n\nPadding is done using the specified fill character."),
            method("count", NativeFn::Bound(count), "($self, sub, start=None, end=None, /)", "Return the number of non-overlapping occurrences of subsection 'sub' in bytes B[start:end]."),
            method("decode", NativeFn::Bound(decode), "($self, /, encoding='utf-8', errors='strict')", "Decode the bytes using the codec registered for encoding."),
            method("endswith", NativeFn::Bound(endswith), "($self, suffix, start=None, end=None, /)", "Return True if the bytes ends with the specified suffix, False otherwise."),
            method("expandtabs", NativeFn::Bound(expandtabs), "($self, /, tabsize=8)", "Return a copy where all tab characters are expanded using spaces."),
            method("find", NativeFn::Bound(find), "($self, sub, start=None, end=None, /)", "Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end]. Return -1 on failure."),
            MethodDef { name: "fromhex", func: NativeFn::One(fromhex), kind: MethodKind::Class, signature: "($type, string, /)", doc: "Create an object from a string of hexadecimal numbers.\n\nSpaces between two numbers are accepted." },
            method("hex", NativeFn::Bound(hex), "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", "Create a string of hexadecimal numbers from a bytes object."),
            method("index", NativeFn::Bound(index), "($self, sub, start=None, end=None, /)", "As find, but raise ValueError when the subsection is not found."),
            method("isalnum", NativeFn::NoArgs(isalnum), "($self, /)", "Whether all bytes are ASCII letters or digits and there is at least one."),
            method("isalpha", NativeFn::NoArgs(isalpha), "($self, /)", "Whether all bytes are ASCII letters and there is at least one."),
            method("isascii", NativeFn::NoArgs(isascii), "($self, /)", "Whether all bytes are ASCII."),
            method("isdigit", NativeFn::NoArgs(isdigit), "($self, /)", "Whether all bytes are ASCII digits and there is at least one."),
            method("islower", NativeFn::NoArgs(islower), "($self, /)", "Whether there is a lower case ASCII letter and no upper case one."),
            method("isspace", NativeFn::NoArgs(isspace), "($self, /)", "Whether all bytes are ASCII white space and there is at least one."),
            method("istitle", NativeFn::NoArgs(istitle), "($self, /)", "Whether the bytes are titlecased."),
            method("isupper", NativeFn::NoArgs(isupper), "($self, /)", "Whether there is an upper case ASCII letter and no lower case one."),
            method("join", NativeFn::One(join), "($self, iterable_of_bytes, /)", "Concatenate any number of bytes objects, with the object in between."),
            method("ljust", NativeFn::Bound(ljust), "($self, width, fillchar=b' ', /)", "Return a left-justified string of length width."),
            method("lower", NativeFn::NoArgs(lower), "($self, /)", "Return a copy in ASCII lower case."),
            method("lstrip", NativeFn::Bound(lstrip), "($self, bytes=None, /)", "Strip leading bytes contained in the argument, or white space."),
            MethodDef { name: "maketrans", func: NativeFn::Bound(maketrans), kind: MethodKind::Static, signature: "(frm, to, /)", doc: "Return a translation table usable for the translate method." },
            method("partition", NativeFn::One(partition), "($self, sep, /)", "Partition into three parts using the given separator."),
            method("replace", NativeFn::Bound(replace), "($self, old, new, count=-1, /)", "Return a copy with all occurrences of substring old replaced by new."),
            method("removeprefix", NativeFn::One(removeprefix), "($self, prefix, /)", "Return an object with the given prefix removed if present."),
            method("removesuffix", NativeFn::One(removesuffix), "($self, suffix, /)", "Return an object with the given suffix removed if present."),
            method("rfind", NativeFn::Bound(rfind), "($self, sub, start=None, end=None, /)", "As find, but the highest index."),
            method("rindex", NativeFn::Bound(rindex), "($self, sub, start=None, end=None, /)", "As index, but the highest index."),
            method("rjust", NativeFn::Bound(rjust), "($self, width, fillchar=b' ', /)", "Return a right-justified string of length width."),
            method("rpartition", NativeFn::One(rpartition), "($self, sep, /)", "Partition into three parts using the last occurrence of the separator."),
            method("rsplit", NativeFn::Bound(rsplit), "($self, /, sep=None, maxsplit=-1)", "Return a list of the sections, using sep as the delimiter, from the end."),
            method("rstrip", NativeFn::Bound(rstrip), "($self, bytes=None, /)", "Strip trailing bytes contained in the argument, or white space."),
            method("split", NativeFn::Bound(method_split), "($self, /, sep=None, maxsplit=-1)", "Return a list of the sections, using sep as the delimiter."),
            method("splitlines", NativeFn::Bound(splitlines), "($self, /, keepends=False)", "Return a list of the lines, breaking at line boundaries."),
            method("startswith", NativeFn::Bound(startswith), "($self, prefix, start=None, end=None, /)", "Return True if the bytes starts with the specified prefix, False otherwise."),
            method("strip", NativeFn::Bound(strip), "($self, bytes=None, /)", "Strip leading and trailing bytes contained in the argument, or white space."),
            method("swapcase", NativeFn::NoArgs(swapcase), "($self, /)", "Return a copy with ASCII cases swapped."),
            method("title", NativeFn::NoArgs(title), "($self, /)", "Return a titlecased copy."),
            method("translate", NativeFn::Bound(translate), "($self, table, /, delete=b'')", "Return a copy with each byte mapped by the given translation table."),
            method("upper", NativeFn::NoArgs(upper), "($self, /)", "Return a copy in ASCII upper case."),
            method("zfill", NativeFn::One(zfill), "($self, width, /)", "Pad a numeric string with zeros on the left."),
        ]
    };
}

/// The methods of `bytes`.
pub const BYTES_METHODS: &[MethodDef] = shared_methods![
    method("__getnewargs__", NativeFn::NoArgs(super::bytes_methods::getnewargs), "($self, /)", ""),
    method("__bytes__", NativeFn::NoArgs(super::bytes_methods::exact), "($self, /)", "Convert this value to exact type bytes."),
    method("__sizeof__", NativeFn::NoArgs(super::bytes_methods::sizeof), "($self, /)", "Size in memory, in bytes."),
];

/// The methods of `bytearray`.
pub const BYTEARRAY_METHODS: &[MethodDef] = shared_methods![
    method("__alloc__", NativeFn::NoArgs(super::bytearray::alloc), "($self, /)", "B.__alloc__() -> int\n\nReturn the number of bytes actually allocated."),
    method("__reduce__", NativeFn::NoArgs(super::bytearray::reduce), "($self, /)", "Return state information for pickling."),
    method("__reduce_ex__", NativeFn::Bound(super::bytearray::reduce_ex), "($self, proto=0, /)", "Return state information for pickling."),
    method("__sizeof__", NativeFn::NoArgs(super::bytearray::sizeof), "($self, /)", "Returns the size of the bytearray object in memory, in bytes."),
    method("append", NativeFn::One(super::bytearray::append), "($self, item, /)", "Append a single item to the end of the bytearray."),
    method("clear", NativeFn::NoArgs(super::bytearray::clear), "($self, /)", "Remove all items from the bytearray."),
    method("copy", NativeFn::NoArgs(super::bytearray::copy), "($self, /)", "Return a copy of B."),
    method("extend", NativeFn::One(super::bytearray::extend), "($self, iterable_of_ints, /)", "Append all the items from the iterator or sequence to the end of the bytearray."),
    method("insert", NativeFn::Bound(super::bytearray::insert), "($self, index, item, /)", "Insert a single item into the bytearray before the given index."),
    method("pop", NativeFn::Bound(super::bytearray::pop), "($self, index=-1, /)", "Remove and return a single item from B."),
    method("remove", NativeFn::One(super::bytearray::remove), "($self, value, /)", "Remove the first occurrence of a value in the bytearray."),
    method("resize", NativeFn::One(super::bytearray::resize), "($self, size, /)", "Resize the internal buffer of bytearray to len."),
    method("reverse", NativeFn::NoArgs(super::bytearray::reverse), "($self, /)", "Reverse the order of the values in B in place."),
];
