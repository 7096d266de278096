//! The module `_string`: what `string.Formatter` is made of.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::str::template::{Access, Key, Pieces, first_of, next_access, raise};
use pyrt_runtime::types::string::{self, StrObject, is_str};
use pyrt_runtime::types::type_object::{MethodDef, MethodKind};
use pyrt_runtime::types::{list, module, tuple};
use pyrt_runtime::protocol::iterate;

pub const MODULE: NativeModule = NativeModule { name: "_string", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("string helper module"));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

fn check(value: Value, thread: &mut Thread) -> PyResult<()> {
    if is_str(value) {
        return Ok(());
    }
    let name = value.type_object().full_name();
    Err(thread.raise_type_error(format!("expected str, got {name}")))
}

fn part(text: &StrObject, range: std::ops::Range<usize>) -> Owned {
    string::slice(text, range.start, range.end)
}

/// An iterator over tuples (literal text, field name, specification, conversion).
fn formatter_parser(_module: Value, template: Value, thread: &mut Thread) -> PyResult {
    check(template, thread)?;
    let text = StrObject::of(template);
    let mut pieces = Pieces::new(0..text.len());
    let mut items = Vec::new();
    while let Some(piece) = pieces.next(text).map_err(|error| raise(error, thread))? {
        let literal = part(text, piece.literal);
        items.push(match piece.field {
            None => tuple::from_vec(vec![literal, Owned::none(), Owned::none(), Owned::none()]),
            Some(field) => tuple::from_vec(vec![
                literal,
                part(text, field.name),
                part(text, field.spec),
                field.conversion.map_or_else(Owned::none, string::from_char),
            ]),
        });
    }
    iterate::iter(*list::from_vec(items), thread)
}

fn key(text: &StrObject, key: Key) -> Owned {
    match key {
        Key::Index(number) => Owned::int(number),
        Key::Name(range) => part(text, range),
    }
}

/// The first part of a field name and an iterator over (is attribute, name or index).
fn formatter_field_name_split(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    check(name, thread)?;
    let text = StrObject::of(name);
    let (first, mut at) = first_of(text, 0..text.len()).map_err(|error| raise(error, thread))?;
    let mut rest = Vec::new();
    while let Some(access) = next_access(text, &mut at, text.len()).map_err(|error| raise(error, thread))? {
        rest.push(match access {
            Access::Attribute(range) => tuple::pack([Owned::bool(true), part(text, range)]),
            Access::Item(item) => tuple::pack([Owned::bool(false), key(text, item)]),
        });
    }
    let rest = iterate::iter(*list::from_vec(rest), thread)?;
    Ok(tuple::pack([key(text, first), rest]))
}

static FUNCTIONS: &[MethodDef] = &[
    MethodDef {
        name: "formatter_field_name_split",
        func: NativeFn::One(formatter_field_name_split),
        kind: MethodKind::Static,
        signature: "($self, object, /)",
        doc: "split the argument as a field name",
    },
    MethodDef {
        name: "formatter_parser",
        func: NativeFn::One(formatter_parser),
        kind: MethodKind::Static,
        signature: "($self, object, /)",
        doc: "parse the argument as a format string",
    },
];
