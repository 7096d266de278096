//! The operators of `str`, and the table of its methods.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::convert;
use crate::protocol::native::{LazySignature, NativeFn};
use crate::types::str::{percent, search, shaping, template};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{STR, shapes};
use crate::types::str::{Builder, from_buffer, iterators, units};
use crate::types::string::{self, StrObject, is_str};
use crate::types::type_object::*;

fn str_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(from_buffer(crate::text::escape::repr(units(StrObject::of(this)))))
}

fn str_str(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(this))
}

/// The same text as a str of exactly type str.
pub fn exact(this: Value) -> Owned {
    if string::is_exact(this) {
        return this.to_owned();
    }
    let text = StrObject::of(this);
    string::slice(text, 0, text.len())
}

fn str_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(StrObject::of(this).hash())
}

fn str_compare(left: Value, right: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !is_str(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (StrObject::of(left), StrObject::of(right));
    if op.is_equality() {
        return Ok(Owned::bool(a.equals(b) == (op == CompareOp::Eq)));
    }
    Ok(Owned::bool(op.holds(a.compare(b))))
}

fn str_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(StrObject::of(this).len() as i64)
}

fn str_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new(this))
}

fn str_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_str(right) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only concatenate str (not \"{name}\") to str")));
    }
    Ok(concat(left, right))
}

/// `left + right` of two strings.
pub fn concat(left: Value, right: Value) -> Owned {
    let (a, b) = (StrObject::of(left), StrObject::of(right));
    if a.is_empty() {
        return exact(right);
    }
    if b.is_empty() {
        return exact(left);
    }
    if a.kind() == b.kind() {
        let (x, y) = (a.raw_bytes(), b.raw_bytes());
        // SAFETY: both parts are written; equal kinds stay the least kind of the whole.
        let made = unsafe {
            string::build(a.len() + b.len(), a.kind(), a.is_ascii() && b.is_ascii(), |to| {
                std::ptr::copy_nonoverlapping(x.as_ptr(), to, x.len());
                std::ptr::copy_nonoverlapping(y.as_ptr(), to.add(x.len()), y.len());
            })
        };
        if let Some(made) = made {
            return made;
        }
    }
    let mut out = Builder::new();
    out.push_object(left);
    out.push_object(right);
    out.finish()
}

fn str_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    if key.has_shape(shapes::SLICE) {
        let range = crate::types::slice::indices(key, text.len(), thread)?;
        if range.step == 1 {
            let start = range.start as usize;
            if range.count == text.len() {
                return Ok(exact(this));
            }
            return Ok(if range.count == 0 { string::empty() } else { string::slice(text, start, start + range.count) });
        }
        let chars: Vec<u32> = range.iter().map(|i| text.char_at(i)).collect();
        return Ok(string::from_code_points(&chars));
    }
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("string indices must be integers, not '{name}'")));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    match crate::protocol::subscript::normalize_index(index, text.len()) {
        Some(i) => Ok(string::from_char(text.char_at(i))),
        None => Err(thread.raise(&exc::INDEX_ERROR, "string index out of range")),
    }
}

fn str_contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    if !is_str(item) {
        let name = item.type_object().full_name();
        return Err(thread.raise_type_error(format!("'in <string>' requires string as left operand, not {name}")));
    }
    Ok(crate::text::search::find_units(units(StrObject::of(this)), units(StrObject::of(item))).is_some())
}

/// `text * count`.
fn str_repeat(this: Value, count: i64, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    if count == 1 {
        return Ok(exact(this));
    }
    if count <= 0 || text.is_empty() {
        return Ok(string::empty());
    }
    let unit = text.raw_bytes();
    let Some(len) = text.len().checked_mul(count as usize).filter(|len| *len <= isize::MAX as usize) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "repeated string is too long"));
    };
    // SAFETY: the buffer is filled by doubling what is there; a repetition needs the same width.
    let made = unsafe {
        string::build(len, text.kind(), text.is_ascii(), |to| {
            let total = len * text.kind() as usize;
            if let [byte] = unit {
                std::ptr::write_bytes(to, *byte, total);
                return;
            }
            std::ptr::copy_nonoverlapping(unit.as_ptr(), to, unit.len());
            let mut done = unit.len();
            while done < total {
                let more = done.min(total - done);
                std::ptr::copy_nonoverlapping(to, to.add(done), more);
                done += more;
            }
        })
    };
    made.ok_or_else(|| thread.raise_memory_error())
}

fn str_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(object='', encoding='utf-8', errors='strict')");
    let ty = TypeObject::of(class);
    if kwnames.is_empty() && args.len() == 1 && std::ptr::eq(ty, STR.get()) {
        return convert::str(args.at(0), thread);
    }
    let bound = SIGNATURE.bind("str", args, kwnames, thread)?;
    let (object, encoding, errors) = (bound.args().get(0), bound.args().get(1), bound.args().get(2));
    let name = |value: Option<Value>, what: &str, thread: &mut Thread| match value {
        Some(value) => crate::codecs::argument_name(value, what, thread).map(Some),
        None => Ok(None),
    };
    let encoding = name(encoding, "str() argument 'encoding'", thread)?;
    let errors = name(errors, "str() argument 'errors'", thread)?;
    let text = match object {
        None => string::empty(),
        Some(object) if encoding.is_none() && errors.is_none() => convert::str(object, thread)?,
        Some(object) => {
            let encoding = encoding.as_deref().unwrap_or("utf-8");
            crate::codecs::decode_object(object, encoding, errors.as_deref().unwrap_or("strict"), thread)?
        }
    };
    if std::ptr::eq(ty, STR.get()) {
        return Ok(text);
    }
    let source = StrObject::of(*text);
    let bytes = source.raw_bytes();
    // SAFETY: the buffer is written with the same characters.
    let made = unsafe {
        string::build_of_type(ty, source.len(), source.kind(), source.is_ascii(), |to| {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        })
    };
    made.ok_or_else(|| thread.raise_memory_error())
}

fn encode(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut names = [None, None];
    for (i, what) in ["encode() argument 'encoding'", "encode() argument 'errors'"].into_iter().enumerate() {
        if let Some(value) = args.get(i) {
            names[i] = Some(crate::codecs::argument_name(value, what, thread)?);
        }
    }
    let [encoding, errors] = &names;
    crate::codecs::encode_text(this, encoding.as_deref().unwrap_or("utf-8"), errors.as_deref().unwrap_or("strict"), thread)
}

fn getnewargs(this: Value, _thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    let copy = if string::is_exact(this) && !text.is_empty() { this.to_owned() } else { string::slice(text, 0, text.len()) };
    Ok(crate::types::tuple::pack([copy]))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    let header = if text.is_ascii() { 40 } else { 56 };
    Ok(Owned::usize(header + (text.len() + 1) * text.kind() as usize))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "str",
    doc: "str(object='') -> str\nstr(bytes_or_buffer[, encoding[, errors]]) -> str\n\nA string: from any object by its __str__ or __repr__, or decoded from bytes.",
    flags: TYPE_BASETYPE | TYPE_STR_SUBCLASS | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: 40,
    slots: &[
        SlotFn::repr(str_repr),
        SlotFn::str(str_str),
        SlotFn::hash(str_hash),
        SlotFn::richcompare(str_compare),
        SlotFn::length(str_length),
        SlotFn::iter(str_iter),
        SlotFn::concat(str_concat),
        SlotFn::repeat(str_repeat),
        SlotFn::remainder(percent::remainder),
        SlotFn::subscript(str_subscript),
        SlotFn::contains(str_contains),
        SlotFn::new(str_new),
    ],
    methods: &[
        method("encode", NativeFn::Bound(encode), "($self, /, encoding='utf-8', errors='strict')", "The string encoded as bytes."),
        method("replace", NativeFn::Bound(search::replace), "($self, old, new, /, count=-1)", "A copy with occurrences of old replaced by new."),
        method("split", NativeFn::Bound(search::split_method), "($self, /, sep=None, maxsplit=-1)", "The parts between separators."),
        method("rsplit", NativeFn::Bound(search::rsplit_method), "($self, /, sep=None, maxsplit=-1)", "The parts between separators, split from the right."),
        method("join", NativeFn::One(shaping::join), "($self, iterable, /)", "The strings of an iterable with this one between them."),
        method("capitalize", NativeFn::NoArgs(shaping::capitalize), "($self, /)", "The first character in title case, the others in lower case."),
        method("casefold", NativeFn::NoArgs(shaping::casefold), "($self, /)", "A version for caseless comparison."),
        method("title", NativeFn::NoArgs(shaping::title), "($self, /)", "Each word in title case."),
        method("center", NativeFn::Bound(shaping::center), "($self, width, fillchar=' ', /)", "Centered in a string of the width."),
        method("count", NativeFn::Bound(search::count), "($self, sub[, start[, end]], /)", "Number of occurrences that do not overlap."),
        method("expandtabs", NativeFn::Bound(shaping::expandtabs), "($self, /, tabsize=8)", "Tabs replaced by spaces."),
        method("find", NativeFn::Bound(search::find), "($self, sub[, start[, end]], /)", "The lowest index of a substring, -1 if there is none."),
        method("partition", NativeFn::One(search::partition), "($self, sep, /)", "What is before the separator, the separator, and the rest."),
        method("index", NativeFn::Bound(search::index), "($self, sub[, start[, end]], /)", "The lowest index of a substring; ValueError if there is none."),
        method("ljust", NativeFn::Bound(shaping::ljust), "($self, width, fillchar=' ', /)", "Padded on the right."),
        method("lower", NativeFn::NoArgs(shaping::lower), "($self, /)", "In lower case."),
        method("lstrip", NativeFn::Bound(search::lstrip), "($self, chars=None, /)", "Without leading white space or characters of chars."),
        method("rfind", NativeFn::Bound(search::rfind), "($self, sub[, start[, end]], /)", "The highest index of a substring, -1 if there is none."),
        method("rindex", NativeFn::Bound(search::rindex), "($self, sub[, start[, end]], /)", "The highest index of a substring; ValueError if there is none."),
        method("rjust", NativeFn::Bound(shaping::rjust), "($self, width, fillchar=' ', /)", "Padded on the left."),
        method("rstrip", NativeFn::Bound(search::rstrip), "($self, chars=None, /)", "Without trailing white space or characters of chars."),
        method("rpartition", NativeFn::One(search::rpartition), "($self, sep, /)", "What is before the last separator, the separator, and the rest."),
        method("splitlines", NativeFn::Bound(search::splitlines), "($self, /, keepends=False)", "The lines."),
        method("strip", NativeFn::Bound(search::strip), "($self, chars=None, /)", "Without white space or characters of chars at both ends."),
        method("swapcase", NativeFn::NoArgs(shaping::swapcase), "($self, /)", "Upper case becomes lower case and the other way round."),
        method("translate", NativeFn::One(shaping::translate), "($self, table, /)", "Each character mapped by a table."),
        method("upper", NativeFn::NoArgs(shaping::upper), "($self, /)", "In upper case."),
        method("startswith", NativeFn::Bound(search::startswith), "($self, prefix[, start[, end]], /)", "Whether the string starts with a prefix or one of a tuple of them."),
        method("endswith", NativeFn::Bound(search::endswith), "($self, suffix[, start[, end]], /)", "Whether the string ends with a suffix or one of a tuple of them."),
        method("removeprefix", NativeFn::One(search::removeprefix), "($self, prefix, /)", "Without the prefix, if it is there."),
        method("removesuffix", NativeFn::One(search::removesuffix), "($self, suffix, /)", "Without the suffix, if it is there."),
        method("isascii", NativeFn::NoArgs(shaping::isascii), "($self, /)", "Whether all characters are ASCII."),
        method("islower", NativeFn::NoArgs(shaping::islower), "($self, /)", "Whether all cased characters are lower case, and there is one."),
        method("isupper", NativeFn::NoArgs(shaping::isupper), "($self, /)", "Whether all cased characters are upper case, and there is one."),
        method("istitle", NativeFn::NoArgs(shaping::istitle), "($self, /)", "Whether the string is in title case."),
        method("isspace", NativeFn::NoArgs(shaping::isspace), "($self, /)", "Whether all characters are white space, and there is one."),
        method("isdecimal", NativeFn::NoArgs(shaping::isdecimal), "($self, /)", "Whether all characters are decimal, and there is one."),
        method("isdigit", NativeFn::NoArgs(shaping::isdigit), "($self, /)", "Whether all characters are digits, and there is one."),
        method("isnumeric", NativeFn::NoArgs(shaping::isnumeric), "($self, /)", "Whether all characters are numeric, and there is one."),
        method("isalpha", NativeFn::NoArgs(shaping::isalpha), "($self, /)", "Whether all characters are letters, and there is one."),
        method("isalnum", NativeFn::NoArgs(shaping::isalnum), "($self, /)", "Whether all characters are letters or numeric, and there is one."),
        method("isidentifier", NativeFn::NoArgs(shaping::isidentifier), "($self, /)", "Whether the string is an identifier."),
        method("isprintable", NativeFn::NoArgs(shaping::isprintable), "($self, /)", "Whether all characters are printable."),
        method("zfill", NativeFn::One(shaping::zfill), "($self, width, /)", "Padded with zeros on the left, behind a sign."),
        method("format", NativeFn::Raw(template::format), "($self, /, *args, **kwargs)", "The string with its replacement fields filled in."),
        method("format_map", NativeFn::One(template::format_map), "($self, mapping, /)", "The string with its replacement fields filled in from a mapping."),
        method("__format__", NativeFn::One(template::format_str), "($self, format_spec, /)", "Text by a format specification."),
        MethodDef {
            name: "maketrans",
            func: NativeFn::Bound(shaping::maketrans),
            kind: MethodKind::Static,
            signature: "-(x, y=<unrepresentable>, z=<unrepresentable>, /)",
            doc: "A translation table for str.translate().",
        },
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Bytes of the object."),
        method("__getnewargs__", NativeFn::NoArgs(getnewargs), "($self, /)", ""),
    ],
    dealloc: Some(string::dealloc),
    ..TypeSpec::DEFAULT
};
