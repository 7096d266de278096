//! `make_encoder`: writes a value as JSON.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{call, compare, convert, iterate, special};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{FLOAT, INT, StaticType, shapes};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::list::methods::sort_items;
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int};

use super::native_encoder;
use super::strings::push_quoted;
use crate::native_type::{followed, object, references};

#[repr(C)]
struct Encoder {
    header: Header,
    markers: Slot,
    default: Slot,
    encoder: Slot,
    indent: Slot,
    key_separator: Slot,
    item_separator: Slot,
    sort_keys: Slot,
    skipkeys: Slot,
    allow_nan: bool,
}

references!(Encoder: markers, default, encoder, indent, key_separator, item_separator);

static NEW_SIGNATURE: LazySignature =
    LazySignature::new("(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)");
static CALL_SIGNATURE: LazySignature = LazySignature::new("(obj, _current_indent_level)");

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = NEW_SIGNATURE.bind("make_encoder", args, kwnames, thread)?;
    let args = bound.args();
    for i in [4, 5] {
        if !string::is_str(args.at(i)) {
            let (n, name) = (i + 1, args.at(i).type_object().full_name());
            return Err(thread.raise_type_error(format!("make_encoder() argument {n} must be str, not {name}")));
        }
    }
    let (sort_keys, skipkeys) = (compare::truth(args.at(6), thread)?, compare::truth(args.at(7), thread)?);
    let allow_nan = compare::truth(args.at(8), thread)?;
    let markers = args.at(0);
    if !markers.is_none() && !dict::is_dict(markers) {
        let name = markers.type_object().full_name();
        return Err(thread.raise_type_error(format!("make_encoder() argument 1 must be dict or None, not {name}")));
    }
    let slot = |i: usize| Slot::new(args.at(i).to_owned());
    Ok(allocate_object(TypeObject::of(class), |header| Encoder {
        header,
        markers: slot(0),
        default: slot(1),
        encoder: slot(2),
        indent: slot(3),
        key_separator: slot(4),
        item_separator: slot(5),
        sort_keys: Slot::new(Owned::bool(sort_keys)),
        skipkeys: Slot::new(Owned::bool(skipkeys)),
        allow_nan,
    }))
}

/// One run over a value.
struct Run {
    markers: Option<Owned>,
    default: Owned,
    encoder: Owned,
    native_encoder: Option<bool>,
    indent: Option<Owned>,
    key_separator: Owned,
    item_separator: Owned,
    sort_keys: bool,
    skipkeys: bool,
    allow_nan: bool,
    out: Builder,
}

fn encode(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = CALL_SIGNATURE.bind("_iterencode", args, kwnames, thread)?;
    let level = convert::index_as_i64(bound.args().at(1), thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
    // SAFETY: `self` of this type.
    let fields: &Encoder = unsafe { object(this) };
    let load = |slot: &Slot| slot.load(&fields.header).unwrap_or_else(Owned::none);
    let given = |slot: &Slot| Some(load(slot)).filter(|value| !value.is_none());
    let encoder = load(&fields.encoder);
    let mut run = Run {
        markers: given(&fields.markers),
        default: load(&fields.default),
        native_encoder: native_encoder(*encoder),
        encoder,
        indent: given(&fields.indent),
        key_separator: load(&fields.key_separator),
        item_separator: load(&fields.item_separator),
        sort_keys: load(&fields.sort_keys).is_true(),
        skipkeys: load(&fields.skipkeys).is_true(),
        allow_nan: fields.allow_nan,
        out: Builder::new(),
    };
    run.value(bound.args().at(0), level.max(0) as usize, thread)?;
    Ok(tuple::pack([run.out.finish()]))
}

fn has_flag(value: Value, flag: u32) -> bool {
    value.is_pointer() && value.type_has_flag(flag)
}

/// Adds a note to the exception that is being raised.
fn note(raised: Raised, text: &str, thread: &mut Thread) -> Raised {
    let Some(exception) = thread.take_exception() else { return raised };
    pyrt_runtime::exceptions::methods::add_note(*exception, text);
    thread.reraise(exception)
}

fn type_name(value: Value) -> String {
    value.type_object().full_name()
}

impl Run {
    fn value(&mut self, value: Value, level: usize, thread: &mut Thread) -> PyResult<()> {
        if value.is_none() {
            self.out.push_str("null");
        } else if let Some(truth) = value.as_bool() {
            self.out.push_str(if truth { "true" } else { "false" });
        } else if string::is_str(value) {
            self.text(value, thread)?;
        } else if convert::is_int(value) {
            let text = int_text(value, thread)?;
            self.out.push_object(*text);
        } else if let Some(number) = float_of(value) {
            let text = self.float_text(value, number, thread)?;
            self.out.push_object(*text);
        } else if has_flag(value, TYPE_LIST_SUBCLASS) || has_flag(value, TYPE_TUPLE_SUBCLASS) {
            self.check_depth(thread)?;
            self.list(value, level, thread)?;
        } else if dict::is_dict(value) {
            self.check_depth(thread)?;
            self.dict(value, level, thread)?;
        } else {
            let key = self.mark(value, thread)?;
            let replaced = call::call(*self.default, &[value], thread)?;
            self.check_depth(thread)?;
            if let Err(raised) = self.value(*replaced, level, thread) {
                return Err(note(raised, &format!("when serializing {} object", type_name(value)), thread));
            }
            self.unmark(key, thread)?;
        }
        Ok(())
    }

    fn check_depth(&self, thread: &mut Thread) -> PyResult<()> {
        if thread.native_stack_is_low() { Err(thread.raise_recursion_error(" while encoding a JSON object")) } else { Ok(()) }
    }

    fn text(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if let Some(ascii_only) = self.native_encoder {
            push_quoted(&mut self.out, StrObject::of(value), ascii_only);
            return Ok(());
        }
        let encoded = call::call(*self.encoder, &[value], thread)?;
        if !string::is_str(*encoded) {
            let name = type_name(*encoded);
            return Err(thread.raise_type_error(format!("encoder() must return a string, not {name}")));
        }
        self.out.push_object(*encoded);
        Ok(())
    }

    fn float_text(&self, value: Value, number: f64, thread: &mut Thread) -> PyResult {
        if number.is_finite() {
            return match FLOAT.get().slots.repr.get() {
                Some(repr) => repr(value, thread),
                None => convert::repr(value, thread),
            };
        }
        if !self.allow_nan {
            let shown = convert::repr_text(value, thread)?;
            return Err(thread.raise_value_error(format!("Out of range float values are not JSON compliant: {shown}")));
        }
        Ok(Owned::str(if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }))
    }

    /// Notes that a container is being written; an error if it is already.
    fn mark(&self, value: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let Some(markers) = &self.markers else { return Ok(None) };
        let key = int::from_u64(value.id());
        let markers = DictObject::of(**markers);
        if markers.contains(*key, thread)? {
            return Err(thread.raise_value_error("Circular reference detected"));
        }
        markers.set(*key, value.to_owned(), thread)?;
        Ok(Some(key))
    }

    fn unmark(&self, key: Option<Owned>, thread: &mut Thread) -> PyResult<()> {
        if let (Some(markers), Some(key)) = (&self.markers, key) {
            drop(DictObject::of(**markers).remove(*key, thread)?);
        }
        Ok(())
    }

    /// A line break with the indentation of a level, if there is any.
    fn line_break(&mut self, level: usize) {
        if let Some(indent) = &self.indent {
            self.out.push_str("\n");
            if string::is_str(**indent) {
                for _ in 0..level {
                    self.out.push_object(**indent);
                }
            }
        }
    }

    fn list(&mut self, value: Value, level: usize, thread: &mut Thread) -> PyResult<()> {
        // An exact list is read as it is while it is written; anything else is taken as it was at the start.
        let held;
        let items = if value.has_shape(shapes::LIST) {
            ListObject::of(value)
        } else {
            held = list::from_vec(iterate::collect(value, thread)?);
            ListObject::of(*held)
        };
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        let key = self.mark(value, thread)?;
        self.out.push_str("[");
        let mut i = 0;
        while let Some(item) = items.get(i) {
            if i > 0 {
                self.out.push_object(*self.item_separator);
            }
            self.line_break(level + 1);
            if let Err(raised) = self.value(*item, level + 1, thread) {
                return Err(note(raised, &format!("when serializing {} item {i}", type_name(value)), thread));
            }
            i += 1;
        }
        self.unmark(key, thread)?;
        self.line_break(level);
        self.out.push_str("]");
        Ok(())
    }

    fn pairs(&self, value: Value, thread: &mut Thread) -> PyResult<Vec<(Owned, Owned)>> {
        if dict::is_exact(value) && !self.sort_keys {
            return Ok(DictObject::of(value).entries().into_iter().map(|entry| (entry.key, entry.value)).collect());
        }
        let items = call::call_method(value, pyrt_runtime::names::names().items, &[], thread)?;
        let mut items = iterate::collect(*items, thread)?;
        if self.sort_keys {
            let (sorted, result) = sort_items(items, None, false, thread);
            result?;
            items = sorted;
        }
        let mut pairs = Vec::with_capacity(items.len());
        for item in items {
            if !(has_flag(*item, TYPE_TUPLE_SUBCLASS) && TupleObject::of(*item).len() == 2) {
                return Err(thread.raise_value_error("items must return 2-tuples"));
            }
            pairs.push((TupleObject::of(*item).item(0).to_owned(), TupleObject::of(*item).item(1).to_owned()));
        }
        Ok(pairs)
    }

    /// A key as a string; none if it is to be left out.
    fn key_text(&self, key: &Owned, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let key_value = **key;
        Ok(Some(if string::is_str(key_value) {
            key.clone()
        } else if let Some(number) = float_of(key_value) {
            self.float_text(key_value, number, thread)?
        } else if let Some(truth) = key_value.as_bool() {
            Owned::str(if truth { "true" } else { "false" })
        } else if key_value.is_none() {
            Owned::str("null")
        } else if convert::is_int(key_value) {
            int_text(key_value, thread)?
        } else if self.skipkeys {
            return Ok(None);
        } else {
            let name = type_name(key_value);
            return Err(thread.raise_type_error(format!("keys must be str, int, float, bool or None, not {name}")));
        }))
    }

    fn dict(&mut self, value: Value, level: usize, thread: &mut Thread) -> PyResult<()> {
        if DictObject::of(value).is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        let marker = self.mark(value, thread)?;
        self.out.push_str("{");
        let mut is_first = true;
        for (key, item) in self.pairs(value, thread)? {
            let Some(text) = self.key_text(&key, thread)? else { continue };
            if !is_first {
                self.out.push_object(*self.item_separator);
            }
            is_first = false;
            self.line_break(level + 1);
            self.text(*text, thread)?;
            self.out.push_object(*self.key_separator);
            if let Err(raised) = self.value(*item, level + 1, thread) {
                let had = thread.take_exception();
                let shown = special::safe_repr(*key, thread);
                if let Some(had) = had {
                    thread.set_exception(had);
                }
                return Err(note(raised, &format!("when serializing {} item {shown}", type_name(value)), thread));
            }
        }
        self.unmark(marker, thread)?;
        if !is_first {
            self.line_break(level);
        }
        self.out.push_str("}");
        Ok(())
    }
}

fn float_of(value: Value) -> Option<f64> {
    if value.is_flonum() || (value.is_pointer() && value.type_has_flag(TYPE_FLOAT_SUBCLASS)) { float::as_f64(value) } else { None }
}

/// `int.__repr__`, whatever the subclass says.
fn int_text(value: Value, thread: &mut Thread) -> PyResult {
    match INT.get().slots.repr.get() {
        Some(repr) => repr(value, thread),
        None => convert::repr(value, thread),
    }
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_json.Encoder",
    doc: "Encoder(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(new), SlotFn::call(encode)],
    members: &[
        member("markers", std::mem::offset_of!(Encoder, markers)),
        member("default", std::mem::offset_of!(Encoder, default)),
        member("encoder", std::mem::offset_of!(Encoder, encoder)),
        member("indent", std::mem::offset_of!(Encoder, indent)),
        member("key_separator", std::mem::offset_of!(Encoder, key_separator)),
        member("item_separator", std::mem::offset_of!(Encoder, item_separator)),
        member("sort_keys", std::mem::offset_of!(Encoder, sort_keys)),
        member("skipkeys", std::mem::offset_of!(Encoder, skipkeys)),
    ],
    ..followed::<Encoder>()
};

pub static ENCODER: StaticType = StaticType::new(&SPEC);
