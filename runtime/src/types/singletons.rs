//! `None`, `NotImplemented` and `...`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::threads::thread_state::Thread;
use crate::types::type_object::{MethodDef, MethodKind, SlotFn, TypeSpec};

fn none_repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("None"))
}

fn none_truth(_this: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(false)
}

fn none_hash(_this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(0xFCA8_6420)
}

fn no_arguments(name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if args.is_empty() && kwnames.is_empty() {
        return Ok(());
    }
    Err(thread.raise_type_error(format!("{name} takes no arguments")))
}

fn none_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_arguments("NoneType", args, kwnames, thread)?;
    Ok(Owned::none())
}

fn not_implemented_repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("NotImplemented"))
}

fn not_implemented_truth(_this: Value, thread: &mut Thread) -> PyResult<bool> {
    Err(thread.raise(&exc::TYPE_ERROR, "NotImplemented should not be used in a boolean context"))
}

fn not_implemented_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_arguments("NotImplementedType", args, kwnames, thread)?;
    Ok(Owned::not_implemented())
}

fn not_implemented_reduce(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("NotImplemented"))
}

fn ellipsis_repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("Ellipsis"))
}

fn ellipsis_reduce(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("Ellipsis"))
}

fn ellipsis_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_arguments("EllipsisType", args, kwnames, thread)?;
    Ok(Owned::ellipsis())
}

pub static NONE_SPEC: TypeSpec = TypeSpec {
    name: "NoneType",
    doc: "The type of None.",
    slots: &[SlotFn::repr(none_repr), SlotFn::truth(none_truth), SlotFn::hash(none_hash), SlotFn::new(none_new)],
    ..TypeSpec::DEFAULT
};

pub static NOT_IMPLEMENTED_SPEC: TypeSpec = TypeSpec {
    name: "NotImplementedType",
    doc: "The type of NotImplemented.",
    slots: &[SlotFn::repr(not_implemented_repr), SlotFn::truth(not_implemented_truth), SlotFn::new(not_implemented_new)],
    methods: &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(not_implemented_reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "" }],
    ..TypeSpec::DEFAULT
};

pub static ELLIPSIS_SPEC: TypeSpec = TypeSpec {
    name: "ellipsis",
    doc: "The type of the Ellipsis singleton.",
    slots: &[SlotFn::repr(ellipsis_repr), SlotFn::new(ellipsis_new)],
    methods: &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(ellipsis_reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "" }],
    ..TypeSpec::DEFAULT
};
