//! `types.SimpleNamespace`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::SIMPLE_NAMESPACE;
use crate::types::dict::{self, DictObject, merge};
use crate::types::string::{self, StrObject};
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct Namespace {
    header: Header,
    dict: Slot,
}

/// A namespace with these attributes.
pub fn new(attributes: Owned) -> Owned {
    lifetime::allocate_object(SIMPLE_NAMESPACE.get(), |header| Namespace { header, dict: Slot::new(attributes) })
}

fn namespace_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Namespace { header, dict: Slot::new(dict::new()) }))
}

fn namespace_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if args.len() > 1 {
        let n = args.len();
        let name = this.type_object().name();
        return Err(thread.raise_type_error(format!("{name} expected at most 1 argument, got {n}")));
    }
    let own = attribute::instance_dict(this, thread)?;
    if let Some(source) = args.get(0) {
        let given = if dict::is_exact(source) {
            source.to_owned()
        } else {
            let given = dict::new();
            merge::update(*given, source, thread)?;
            given
        };
        if DictObject::of(*given).entries().iter().any(|entry| !string::is_str(*entry.key)) {
            return Err(thread.raise_type_error("keywords must be strings"));
        }
        DictObject::of(*own).update_from(DictObject::of(*given), thread)?;
    }
    add_keywords(*own, args, kwnames, thread)
}

fn add_keywords(target: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    for i in 0..kwnames.len() {
        if let Some(key) = kwnames.get(i) {
            DictObject::of(target).set(key, args.keyword(i).to_owned(), thread)?;
        }
    }
    Ok(())
}

fn namespace_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = if this.has_shape(SIMPLE_NAMESPACE.shape) { "namespace".to_string() } else { this.type_object().name() };
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str(&format!("{name}(...)")));
    }
    let own = attribute::instance_dict(this, thread)?;
    let mut out = crate::types::str::Builder::new();
    out.push_str(&name);
    out.push_str("(");
    thread.repr_active.push(id);
    let mut first = true;
    let mut failed = None;
    for entry in DictObject::of(*own).entries() {
        if !string::is_str(*entry.key) || StrObject::of(*entry.key).is_empty() {
            continue;
        }
        if !first {
            out.push_str(", ");
        }
        first = false;
        out.push_object(*entry.key);
        out.push_str("=");
        match convert::repr(*entry.value, thread) {
            Ok(text) => out.push_object(*text),
            Err(raised) => {
                failed = Some(raised);
                break;
            }
        }
    }
    thread.repr_active.retain(|active| *active != id);
    match failed {
        Some(raised) => Err(raised),
        None => {
            out.push_str(")");
            Ok(out.finish())
        }
    }
}

fn namespace_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let ty = SIMPLE_NAMESPACE.get();
    if !left.is_instance(ty) || !right.is_instance(ty) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (attribute::instance_dict(left, thread)?, attribute::instance_dict(right, thread)?);
    compare::rich_compare(*a, *b, op, thread)
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::empty(), attribute::instance_dict(this, thread)?]))
}

fn replace(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() {
        return Err(thread.raise_type_error("__replace__() takes no positional arguments"));
    }
    let made = call::call(this.type_object().value(), &[], thread)?;
    if !made.is_instance(SIMPLE_NAMESPACE.get()) {
        let (expected, got) = (SIMPLE_NAMESPACE.get().full_name(), made.type_object().full_name());
        return Err(thread.raise_type_error(format!("expect {expected} type, but {}() returned '{got}' object", this.type_object().full_name())));
    }
    let (own, new) = (attribute::instance_dict(this, thread)?, attribute::instance_dict(*made, thread)?);
    DictObject::of(*new).update_from(DictObject::of(*own), thread)?;
    add_keywords(*new, args, kwnames, thread)?;
    Ok(made)
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Namespace>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a namespace.
    if let Some(dict) = unsafe { value.as_ref::<Namespace>() }.dict.peek() {
        visit(dict);
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the object is a namespace.
    let this = unsafe { value.as_ref::<Namespace>() };
    drop(this.dict.replace(&this.header, None));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "types.SimpleNamespace",
    doc: "SimpleNamespace(mapping_or_iterable=(), /, **kwargs)\n--\n\nA simple attribute-based namespace.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Namespace>(),
    dict_offset: Some(std::mem::offset_of!(Namespace, dict)),
    unhashable: true,
    slots: &[SlotFn::repr(namespace_repr), SlotFn::richcompare(namespace_compare), SlotFn::new(namespace_new), SlotFn::init(namespace_init)],
    methods: &[
        MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return state information for pickling" },
        MethodDef {
            name: "__replace__",
            func: NativeFn::Raw(replace),
            kind: MethodKind::Instance,
            signature: "-($self, /, **changes)",
            doc: "Return a copy of the namespace object with new values for the specified attributes.",
        },
    ],
    getsets: &[GetSetDef { name: "__dict__", get: attribute::instance_dict, set: None, doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
