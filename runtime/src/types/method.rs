//! `method`: a callable with its first argument.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{METHOD, shapes};
use crate::types::slot_table::call_prepended;
use crate::types::string::{self, StrObject};
use crate::types::type_object::{GetSetDef, MethodDef, MethodKind, SlotFn, TYPE_GC, TYPE_WEAKREFABLE, TypeSpec};

#[repr(C)]
pub struct MethodObject {
    header: Header,
    pub function: Owned,
    pub receiver: Owned,
}

impl MethodObject {
    /// The method that `value` is; the caller knows that it is one.
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a MethodObject {
        debug_assert!(value.has_shape(shapes::METHOD));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }
}

/// A bound method.
#[inline]
pub fn new(function: Value, receiver: Value) -> Owned {
    lifetime::allocate_object(METHOD.get(), |header| MethodObject { header, function: function.to_owned(), receiver: receiver.to_owned() })
}

fn method_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let method = MethodObject::of(this);
    call_prepended(*method.function, *method.receiver, args, kwnames, thread)
}

fn method_get(this: Value, _object: Option<Value>, _ty: Option<Value>, _thread: &mut Thread) -> PyResult {
    // Bound already.
    Ok(this.to_owned())
}

fn method_getattr(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    if let Some(found) = attribute::lookup_type(METHOD.get(), name, thread) {
        return match found.type_object().slots.descr_get.get() {
            Some(getter) => getter(*found, Some(this), Some(METHOD.get().value()), thread),
            None => Ok(found),
        };
    }
    attribute::get(*MethodObject::of(this).function, name, thread)
}

fn method_repr(this: Value, thread: &mut Thread) -> PyResult {
    let method = MethodObject::of(this);
    let names = crate::names::names();
    let mut name = attribute::get_optional(*method.function, names.__qualname__, thread)?;
    if name.is_none() {
        name = attribute::get_optional(*method.function, names.__name__, thread)?;
    }
    let name = name.filter(|name| string::is_str(**name)).map_or_else(|| "?".to_string(), |name| StrObject::of(*name).to_string_lossy());
    let receiver = crate::protocol::convert::repr_text(*method.receiver, thread)?;
    Ok(Owned::str(&format!("<bound method {name} of {receiver}>")))
}

fn method_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !other.has_shape(shapes::METHOD) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (MethodObject::of(this), MethodObject::of(other));
    let equal = a.receiver.is(*b.receiver) && compare::equals(*a.function, *b.function, thread)?;
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn method_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let method = MethodObject::of(this);
    let hash = crate::types::hashing::hash_pointer(method.receiver.id()) ^ compare::hash(*method.function, thread)?;
    Ok(if hash == -1 { -2 } else { hash })
}

fn method_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("method() takes no keyword arguments"));
    }
    if args.len() != 2 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("method expected 2 arguments, got {n}")));
    }
    if !call::is_callable(args.at(0)) {
        return Err(thread.raise_type_error("first argument must be callable"));
    }
    if args.at(1).is_none() {
        return Err(thread.raise_type_error("instance must not be None"));
    }
    Ok(new(args.at(0), args.at(1)))
}

fn get_function(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(MethodObject::of(this).function.clone())
}

fn get_receiver(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(MethodObject::of(this).receiver.clone())
}

fn get_doc(this: Value, thread: &mut Thread) -> PyResult {
    attribute::get(*MethodObject::of(this).function, crate::names::names().__doc__, thread)
}

fn method_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let method = MethodObject::of(this);
    let name = attribute::get(*method.function, crate::names::names().__name__, thread)?;
    let getattr = thread.interpreter.builtin(crate::names::names().getattr).unwrap_or_else(Owned::none);
    Ok(crate::types::tuple::pack([getattr, crate::types::tuple::pack([method.receiver.clone(), name])]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<MethodObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a method.
    let method = unsafe { value.as_ref::<MethodObject>() };
    visit(*method.function);
    visit(*method.receiver);
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "method",
    doc: "A callable bound to its first argument.",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<MethodObject>(),
    slots: &[
        SlotFn::repr(method_repr),
        SlotFn::call(method_call),
        SlotFn::getattr(method_getattr),
        SlotFn::descr_get(method_get),
        SlotFn::richcompare(method_compare),
        SlotFn::hash(method_hash),
        SlotFn::new(method_new),
    ],
    methods: &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(method_reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "" }],
    getsets: &[
        GetSetDef { name: "__func__", get: get_function, set: None, doc: "" },
        GetSetDef { name: "__self__", get: get_receiver, set: None, doc: "" },
        GetSetDef { name: "__doc__", get: get_doc, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
