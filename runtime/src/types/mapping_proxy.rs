//! `mappingproxy`: a read-only view of a mapping.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{call, convert, iterate, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{MAPPING_PROXY, shapes};
use crate::types::type_object::*;

#[repr(C)]
struct MappingProxy {
    header: Header,
    mapping: Owned,
}

fn mapping(this: Value) -> Value {
    // SAFETY: called for proxies only.
    *unsafe { this.as_ref::<MappingProxy>() }.mapping
}

/// A proxy of `mapping`.
pub fn new(mapping: Owned) -> Owned {
    lifetime::allocate_object(MAPPING_PROXY.get(), |header| MappingProxy { header, mapping })
}

fn proxy_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: crate::protocol::native::LazySignature = crate::protocol::native::LazySignature::new("(mapping)");
    let bound = SIGNATURE.bind("mappingproxy", args, kwnames, thread)?;
    let mapping = bound.args().at(0);
    let ty = mapping.type_object();
    let is_sequence = ty.has_flag(TYPE_LIST_SUBCLASS) || ty.has_flag(TYPE_TUPLE_SUBCLASS);
    if ty.slots.subscript.raw() == 0 || is_sequence {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("mappingproxy() argument must be a mapping, not {name}")));
    }
    Ok(new(mapping.to_owned()))
}

fn proxy_repr(this: Value, thread: &mut Thread) -> PyResult {
    let inner = convert::repr_text(mapping(this), thread)?;
    Ok(Owned::str(&format!("mappingproxy({inner})")))
}

fn proxy_str(this: Value, thread: &mut Thread) -> PyResult {
    convert::str(mapping(this), thread)
}

fn proxy_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    compare::hash(mapping(this), thread)
}

fn proxy_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let other = if other.has_shape(shapes::MAPPING_PROXY) { mapping(other) } else { other };
    compare::rich_compare(mapping(this), other, op, thread)
}

fn proxy_iter(this: Value, thread: &mut Thread) -> PyResult {
    iterate::iter(mapping(this), thread)
}

fn proxy_length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    subscript::length(mapping(this), thread)
}

fn proxy_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    subscript::get_item(mapping(this), key, thread)
}

fn proxy_contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    subscript::contains(mapping(this), key, thread)
}

fn proxy_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let unwrap = |value: Value| if value.has_shape(shapes::MAPPING_PROXY) { mapping(value) } else { value };
    crate::protocol::binary::operate(crate::protocol::binary::BinaryOperator::Or, unwrap(left), unwrap(right), thread)
}

fn proxy_ior(left: Value, _right: Value, thread: &mut Thread) -> PyResult {
    let name = left.type_object().full_name();
    Err(thread.raise_type_error(format!("'|=' is not supported by {name}; use '|' instead")))
}

fn forward(this: Value, name: &str, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = crate::names::interned(name);
    let args: Vec<Value> = args.iter().collect();
    call::call_method(mapping(this), *name, &args, thread)
}

macro_rules! forwards {
    ($($function:ident $name:literal;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            forward(this, $name, Args::EMPTY, thread)
        }
    )*};
}

forwards! {
    proxy_keys "keys";
    proxy_values "values";
    proxy_items "items";
    proxy_copy "copy";
    proxy_reversed "__reversed__";
}

fn proxy_get(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    forward(this, "get", Args::from_values(&[args.at(0), args.get(1).unwrap_or_else(Value::none)]), thread)
}

fn proxy_class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<MappingProxy>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(mapping(value));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "mappingproxy",
    doc: "Read-only proxy of a mapping.",
    flags: TYPE_GC | TYPE_MAPPING,
    basic_size: size_of::<MappingProxy>(),
    slots: &[
        SlotFn::repr(proxy_repr),
        SlotFn::str(proxy_str),
        SlotFn::hash(proxy_hash),
        SlotFn::richcompare(proxy_compare),
        SlotFn::iter(proxy_iter),
        SlotFn::length(proxy_length),
        SlotFn::subscript(proxy_subscript),
        SlotFn::contains(proxy_contains),
        SlotFn::or(proxy_or),
        SlotFn::inplace_or(proxy_ior),
        SlotFn::new(proxy_new),
    ],
    methods: &[
        MethodDef { name: "get", func: NativeFn::Bound(proxy_get), kind: MethodKind::Instance, signature: "($self, key, default=None, /)", doc: "The value of key, or default." },
        MethodDef { name: "keys", func: NativeFn::NoArgs(proxy_keys), kind: MethodKind::Instance, signature: "-($self)", doc: "The keys." },
        MethodDef { name: "values", func: NativeFn::NoArgs(proxy_values), kind: MethodKind::Instance, signature: "-($self)", doc: "The values." },
        MethodDef { name: "items", func: NativeFn::NoArgs(proxy_items), kind: MethodKind::Instance, signature: "-($self)", doc: "The items." },
        MethodDef { name: "copy", func: NativeFn::NoArgs(proxy_copy), kind: MethodKind::Instance, signature: "-($self)", doc: "A shallow copy of the mapping." },
        MethodDef { name: "__class_getitem__", func: NativeFn::One(proxy_class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" },
        MethodDef { name: "__reversed__", func: NativeFn::NoArgs(proxy_reversed), kind: MethodKind::Instance, signature: "-($self, /)", doc: "The keys from the end." },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
