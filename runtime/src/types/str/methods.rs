//! The operators and methods of `str`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::convert;
use crate::protocol::native::{LazySignature, NativeFn};
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

fn str_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(object='', encoding='utf-8', errors='strict')");
    let ty = TypeObject::of(class);
    let bound = SIGNATURE.bind("str", args, kwnames, thread)?;
    let text = match bound.args().get(0) {
        None => string::empty(),
        Some(object) => convert::str(object, thread)?,
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

fn join(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    let items = crate::protocol::iterate::collect(iterable, thread)?;
    let mut out = Builder::new();
    for (i, item) in items.iter().enumerate() {
        if !is_str(**item) {
            let name = item.type_object().full_name();
            return Err(thread.raise_type_error(format!("sequence item {i}: expected str instance, {name} found")));
        }
        if i > 0 {
            out.push_object(this);
        }
        out.push_object(**item);
    }
    Ok(out.finish())
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "str",
    doc: "str(object='') -> str",
    flags: TYPE_BASETYPE | TYPE_STR_SUBCLASS | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: 40,
    item_size: 1,
    slots: &[
        SlotFn::repr(str_repr),
        SlotFn::str(str_str),
        SlotFn::hash(str_hash),
        SlotFn::richcompare(str_compare),
        SlotFn::length(str_length),
        SlotFn::iter(str_iter),
        SlotFn::concat(str_concat),
        SlotFn::subscript(str_subscript),
        SlotFn::contains(str_contains),
        SlotFn::new(str_new),
    ],
    methods: &[MethodDef { name: "join", func: NativeFn::One(join), kind: MethodKind::Instance, signature: "($self, iterable, /)", doc: "Joins strings." }],
    dealloc: Some(string::dealloc),
    ..TypeSpec::DEFAULT
};
