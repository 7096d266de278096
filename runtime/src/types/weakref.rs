//! Weak references and proxies. Which objects have some is in types/weak_table.rs.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::binary::{self, BinaryOperator};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert, iterate, subscript};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{WEAK_CALLABLE_PROXY, WEAK_PROXY, WEAKREF};
use crate::types::type_object::*;
use crate::types::weak_table;
pub use crate::types::weak_table::{WeakReference, clear_without_callbacks, has_callbacks, references_of, upgrade};

fn of<'a>(value: Value) -> &'a WeakReference {
    // SAFETY: called for weak references and proxies only, which share the layout.
    unsafe { value.as_ref() }
}

/// Whether weak references to the value can be made.
pub fn is_referenceable(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_WEAKREFABLE)
}

/// A weak reference (or proxy, by `ty`) to `referent`; one without callback is shared.
pub fn new(ty: &TypeObject, referent: Value, callback: Option<Value>, thread: &mut Thread) -> PyResult {
    if !is_referenceable(referent) {
        let name = referent.type_object().full_name();
        return Err(thread.raise_type_error(format!("cannot create weak reference to '{name}' object")));
    }
    let shareable = callback.is_none() && ty.spec.is_some();
    Ok(weak_table::register(
        referent,
        callback.is_some(),
        |existing| shareable && std::ptr::eq(existing.type_object(), ty),
        || lifetime::allocate_object(ty, |header| WeakReference::new(header, referent, callback.map(|callback| callback.to_owned()))),
    ))
}

/// The first weak reference (`__weakref__`).
pub fn first_reference(value: Value) -> Option<Owned> {
    references_of(value).into_iter().next()
}

/// Clears the references to a dying object (which the caller has revived) and calls their callbacks.
pub fn run_callbacks_of(object: &Owned, thread: &mut Thread) {
    for reference in weak_table::take_callbacks(**object) {
        let weak = of(*reference);
        let Some(callback) = weak.callback.replace(&weak.header, None) else { continue };
        let had = thread.take_exception();
        if call::call(*callback, &[*reference], thread).is_err() {
            crate::protocol::finalize::write_unraisable(Some("Exception ignored while calling weakref callback"), Some(*callback), thread);
        }
        if let Some(had) = had {
            thread.set_exception(had);
        }
    }
}

fn parse(name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<(Value, Option<Value>)> {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error(format!("{name}() takes no keyword arguments")));
    }
    let n = args.len();
    if n == 0 || n > 2 {
        let (how, count, s) = if n == 0 { ("at least", 1, "") } else { ("at most", 2, "s") };
        return Err(thread.raise_type_error(format!("{name} expected {how} {count} argument{s}, got {n}")));
    }
    Ok((args.at(0), args.get(1).filter(|callback| !callback.is_none())))
}

fn reference_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    let kwnames = if ty.has_flag(TYPE_HEAP) { KwNames::NONE } else { kwnames };
    let args = if ty.has_flag(TYPE_HEAP) { args.take(2) } else { args };
    let (referent, callback) = parse("__new__", args, kwnames, thread)?;
    new(ty, referent, callback, thread)
}

fn reference_init(_this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    parse("__init__", args, kwnames, thread)?;
    Ok(())
}

fn reference_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        let n = args.len();
        return Err(thread.raise_type_error(format!("weakref.ReferenceType.__call__() takes no arguments ({n} given)")));
    }
    Ok(upgrade(this).unwrap_or_else(Owned::none))
}

fn reference_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let reference = of(this);
    let cached = reference.hash.load(Ordering::Relaxed);
    if cached != u64::MAX {
        return Ok(cached as i64);
    }
    let Some(referent) = upgrade(this) else {
        return Err(thread.raise_type_error("weak object has gone away"));
    };
    let hash = compare::hash(*referent, thread)?;
    reference.hash.store(hash as u64, Ordering::Relaxed);
    Ok(hash)
}

fn reference_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !other.is_pointer() || !other.is_instance(WEAKREF.get()) {
        return Ok(Owned::not_implemented());
    }
    match (upgrade(this), upgrade(other)) {
        (Some(a), Some(b)) => compare::rich_compare(*a, *b, op, thread),
        _ => Ok(Owned::bool(this.is(other) == (op == CompareOp::Eq))),
    }
}

fn reference_repr(this: Value, thread: &mut Thread) -> PyResult {
    let Some(referent) = upgrade(this) else {
        return Ok(Owned::str(&format!("<weakref at {:#x}; dead>", this.id())));
    };
    let name = attribute::get_optional(*referent, crate::names::names().__name__, thread)?;
    let what = format!("<weakref at {:#x}; to '{}' at {:#x}", this.id(), referent.type_object().full_name(), referent.id());
    Ok(Owned::str(&match name.filter(|name| crate::types::string::is_str(**name)) {
        Some(name) => format!("{what} ({})>", crate::types::string::StrObject::of(*name).to_string_lossy()),
        None => format!("{what}>"),
    }))
}

fn get_callback(this: Value, _thread: &mut Thread) -> PyResult {
    let reference = of(this);
    Ok(reference.callback.load(&reference.header).unwrap_or_else(Owned::none))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

unsafe fn dealloc(value: Value) {
    weak_table::forget(value);
    drop(of(value).callback.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(callback) = of(value).callback.peek() {
        visit(callback);
    }
}

unsafe fn clear(value: Value) {
    let reference = of(value);
    drop(reference.callback.replace(&reference.header, None));
}

pub static REFERENCE_SPEC: TypeSpec = TypeSpec {
    name: "weakref.ReferenceType",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<WeakReference>(),
    slots: &[
        SlotFn::new(reference_new),
        SlotFn::init(reference_init),
        SlotFn::call(reference_call),
        SlotFn::hash(reference_hash),
        SlotFn::richcompare(reference_compare),
        SlotFn::repr(reference_repr),
    ],
    methods: &[MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" }],
    getsets: &[GetSetDef { name: "__callback__", get: get_callback, set: None, doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

/// The referent of a proxy, or ReferenceError; other values are themselves.
fn target(value: Value, thread: &mut Thread) -> PyResult {
    if !value.is_pointer() || !(std::ptr::eq(value.type_object(), WEAK_PROXY.get()) || std::ptr::eq(value.type_object(), WEAK_CALLABLE_PROXY.get())) {
        return Ok(value.to_owned());
    }
    upgrade(value).ok_or_else(|| thread.raise(&exc::REFERENCE_ERROR, "weakly-referenced object no longer exists"))
}

/// A proxy of `referent`.
pub fn new_proxy(referent: Value, callback: Option<Value>, thread: &mut Thread) -> PyResult {
    let ty = if call::is_callable(referent) { WEAK_CALLABLE_PROXY.get() } else { WEAK_PROXY.get() };
    new(ty, referent, callback, thread)
}

fn proxy_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&match upgrade(this) {
        Some(referent) => format!("<weakproxy at {:#x}; to '{}' at {:#x}>", this.id(), referent.type_object().full_name(), referent.id()),
        None => format!("<weakproxy at {:#x}; dead>", this.id()),
    }))
}

fn proxy_str(this: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    convert::str(*referent, thread)
}

fn proxy_getattr(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    attribute::get(*referent, name, thread)
}

fn proxy_setattr(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let referent = target(this, thread)?;
    attribute::set_or_delete(*referent, name, value, thread)
}

fn proxy_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let (a, b) = (target(this, thread)?, target(other, thread)?);
    compare::rich_compare(*a, *b, op, thread)
}

fn proxy_truth(this: Value, thread: &mut Thread) -> PyResult<bool> {
    let referent = target(this, thread)?;
    compare::truth(*referent, thread)
}

fn proxy_iter(this: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    iterate::iter(*referent, thread)
}

fn proxy_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let referent = target(this, thread)?;
    if !iterate::is_iterator(*referent) {
        let name = referent.type_object().full_name();
        return Err(thread.raise_type_error(format!("Weakref proxy referenced a non-iterator '{name}' object")));
    }
    iterate::next(*referent, thread)
}

fn proxy_length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let referent = target(this, thread)?;
    subscript::length(*referent, thread)
}

fn proxy_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let (referent, key) = (target(this, thread)?, target(key, thread)?);
    subscript::get_item(*referent, *key, thread)
}

fn proxy_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let referent = target(this, thread)?;
    match value {
        Some(value) => subscript::set_item(*referent, key, value, thread),
        None => subscript::delete_item(*referent, key, thread),
    }
}

fn proxy_contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    let referent = target(this, thread)?;
    subscript::contains(*referent, item, thread)
}

fn proxy_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    call::call_args(*referent, args, kwnames, thread)
}

macro_rules! proxy_binary {
    ($($function:ident $operator:ident;)*) => {$(
        fn $function(left: Value, right: Value, thread: &mut Thread) -> PyResult {
            let (a, b) = (target(left, thread)?, target(right, thread)?);
            binary::operate(BinaryOperator::$operator, *a, *b, thread)
        }
    )*};
}

proxy_binary! {
    proxy_add Add; proxy_subtract Subtract; proxy_multiply Multiply; proxy_remainder Remainder;
    proxy_lshift LShift; proxy_rshift RShift; proxy_and And; proxy_or Or; proxy_xor Xor;
    proxy_floor_divide FloorDivide; proxy_true_divide TrueDivide; proxy_matmul MatrixMultiply;
    proxy_iadd InplaceAdd; proxy_isub InplaceSubtract; proxy_imul InplaceMultiply; proxy_imod InplaceRemainder;
    proxy_ilshift InplaceLShift; proxy_irshift InplaceRShift; proxy_iand InplaceAnd; proxy_ior InplaceOr;
    proxy_ixor InplaceXor; proxy_ifloordiv InplaceFloorDivide; proxy_itruediv InplaceTrueDivide; proxy_imatmul InplaceMatrixMultiply;
}

fn proxy_divmod(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (a, b) = (target(left, thread)?, target(right, thread)?);
    binary::divmod(*a, *b, thread)
}

fn proxy_power(left: Value, right: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    let (a, b, c) = (target(left, thread)?, target(right, thread)?, target(modulus, thread)?);
    binary::power(*a, *b, *c, thread)
}

macro_rules! proxy_unary {
    ($($function:ident $call:path;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let referent = target(this, thread)?;
            $call(*referent, thread)
        }
    )*};
}

proxy_unary! {
    proxy_negative binary::negative;
    proxy_positive binary::positive;
    proxy_absolute binary::absolute;
    proxy_invert binary::invert;
    proxy_int crate::types::int_methods::to_int;
    proxy_index convert::index;
}

fn proxy_float(this: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    crate::types::float_methods::to_float(*referent, thread).map(Owned::float)
}

fn proxy_bytes(this: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    call::call_method(*referent, crate::names::names().__bytes__, &[], thread)
}

fn proxy_reversed(this: Value, thread: &mut Thread) -> PyResult {
    let referent = target(this, thread)?;
    call::call_method(*referent, crate::names::names().__reversed__, &[], thread)
}

const PROXY_SLOTS: &[SlotFn] = &[
    SlotFn::repr(proxy_repr), SlotFn::str(proxy_str), SlotFn::getattr(proxy_getattr), SlotFn::setattr(proxy_setattr),
    SlotFn::richcompare(proxy_compare), SlotFn::hash(compare::unhashable_slot), SlotFn::truth(proxy_truth), SlotFn::iter(proxy_iter), SlotFn::iternext(proxy_next),
    SlotFn::length(proxy_length), SlotFn::subscript(proxy_subscript), SlotFn::ass_subscript(proxy_ass_subscript),
    SlotFn::contains(proxy_contains), SlotFn::add(proxy_add), SlotFn::subtract(proxy_subtract), SlotFn::multiply(proxy_multiply),
    SlotFn::remainder(proxy_remainder), SlotFn::divmod(proxy_divmod), SlotFn::power(proxy_power), SlotFn::negative(proxy_negative),
    SlotFn::positive(proxy_positive), SlotFn::absolute(proxy_absolute), SlotFn::invert(proxy_invert), SlotFn::lshift(proxy_lshift),
    SlotFn::rshift(proxy_rshift), SlotFn::and(proxy_and), SlotFn::or(proxy_or), SlotFn::xor(proxy_xor), SlotFn::int(proxy_int),
    SlotFn::float(proxy_float), SlotFn::index(proxy_index), SlotFn::floor_divide(proxy_floor_divide),
    SlotFn::true_divide(proxy_true_divide), SlotFn::matrix_multiply(proxy_matmul), SlotFn::inplace_add(proxy_iadd),
    SlotFn::inplace_subtract(proxy_isub), SlotFn::inplace_multiply(proxy_imul), SlotFn::inplace_remainder(proxy_imod),
    SlotFn::inplace_lshift(proxy_ilshift), SlotFn::inplace_rshift(proxy_irshift), SlotFn::inplace_and(proxy_iand),
    SlotFn::inplace_or(proxy_ior), SlotFn::inplace_xor(proxy_ixor), SlotFn::inplace_floor_divide(proxy_ifloordiv),
    SlotFn::inplace_true_divide(proxy_itruediv), SlotFn::inplace_matrix_multiply(proxy_imatmul),
];

const CALLABLE_SLOTS: &[SlotFn] = &{
    let mut slots = [SlotFn::call(proxy_call); PROXY_SLOTS.len() + 1];
    let mut i = 0;
    while i < PROXY_SLOTS.len() {
        slots[i] = PROXY_SLOTS[i];
        i += 1;
    }
    slots
};

const PROXY_METHODS: &[MethodDef] = &[
    MethodDef { name: "__bytes__", func: NativeFn::NoArgs(proxy_bytes), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
    MethodDef { name: "__reversed__", func: NativeFn::NoArgs(proxy_reversed), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
];

pub static PROXY_SPEC: TypeSpec = TypeSpec {
    name: "weakref.ProxyType",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<WeakReference>(),
    slots: PROXY_SLOTS,
    methods: PROXY_METHODS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

pub static CALLABLE_PROXY_SPEC: TypeSpec = TypeSpec {
    name: "weakref.CallableProxyType",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<WeakReference>(),
    slots: CALLABLE_SLOTS,
    methods: PROXY_METHODS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

/// Drops the callback of a reference that is garbage itself: it is not called.
pub fn forget_callback(reference: Value) {
    let weak = of(reference);
    drop(weak.callback.replace(&weak.header, None));
}
