//! `TypeVarTuple`.

use pyrt_runtime::object::value::{PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string;
use pyrt_runtime::types::type_object::*;

use super::call_typing;
use super::no_default::no_default;
use super::type_param::*;
use crate::native_type::followed;

static SIGNATURE: LazySignature = LazySignature::new("(name, *, default=typing.NoDefault)");

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("typevartuple", args, kwnames, thread)?;
    check_name("typevartuple", bound.args().at(0), thread)?;
    let made = make(&TYPE_VAR_TUPLE, bound.args().at(0));
    of(*made).store(&of(*made).default, Some(bound.args().get(1).unwrap_or_else(no_default).to_owned()));
    set_module(*made, thread)?;
    Ok(made)
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).load(&of(this).name).unwrap_or_else(string::empty))
}

fn typing_subst(_this: Value, _arg: Value, thread: &mut Thread) -> PyResult {
    Err(thread.raise_type_error("Substitution of bare TypeVarTuple is not supported"))
}

fn typing_prepare_subst(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    call_typing("_typevartuple_prepare_subst", &[this, args.at(0), args.at(1)], thread)
}

static SPEC: TypeSpec = TypeSpec {
    name: "typing.TypeVarTuple",
    doc: "Type variable tuple. A specialized form of type variable that enables\nvariadic generics.\n\nThe preferred way to construct a type variable tuple is via the\ndedicated syntax for generic functions, classes, and type aliases,\nwhere a single '*' indicates a type variable tuple::\n\n    class C[*Ts]: ...\n\nJust as a TypeVar (type variable) is a placeholder for a single type,\na TypeVarTuple is a placeholder for an *arbitrary* number of types::\n\n    C[int]       # Fine\n    C[int, str]  # Also fine\n    C[()]        # Even this is fine\n\nFor more details, see PEP 646.\n\nNote that only TypeVarTuples defined in the global scope can be\npickled.\n",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    dict_offset: Some(std::mem::offset_of!(TypeParam, attributes)),
    slots: &[SlotFn::new(new), SlotFn::repr(repr), SlotFn::iter(iter_unpacked)],
    methods: &[
        method("__typing_subst__", NativeFn::One(typing_subst), "($self, arg, /)", ""),
        method("__typing_prepare_subst__", NativeFn::Bound(typing_prepare_subst), "($self, alias, args, /)", ""),
        REDUCE,
        HAS_DEFAULT,
        MRO_ENTRIES,
    ],
    members: &[NAME],
    getsets: &[DEFAULT, EVALUATE_DEFAULT],
    clear: Some(clear),
    ..followed::<TypeParam>()
};

pub static TYPE_VAR_TUPLE: StaticType = StaticType::new(&SPEC);
