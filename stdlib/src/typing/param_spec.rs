//! `ParamSpec`, `ParamSpecArgs`, `ParamSpecKwargs`.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;

use super::call_typing;
use super::type_param::{self, *};
use crate::native_type::{followed, object, references};

static SIGNATURE: LazySignature = LazySignature::new(
    "(name, *, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)",
);

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("paramspec", args, kwnames, thread)?;
    check_name("paramspec", bound.args().at(0), thread)?;
    let made = make(&PARAM_SPEC, bound.args().at(0));
    set_common(*made, bound.args(), 1, thread)?;
    set_module(*made, thread)?;
    Ok(made)
}

fn typing_subst(this: Value, arg: Value, thread: &mut Thread) -> PyResult {
    call_typing("_paramspec_subst", &[this, arg], thread)
}

fn typing_prepare_subst(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    call_typing("_paramspec_prepare_subst", &[this, args.at(0), args.at(1)], thread)
}

fn get_args(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(make_part(&PARAM_SPEC_ARGS, this))
}

fn get_kwargs(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(make_part(&PARAM_SPEC_KWARGS, this))
}

static SPEC: TypeSpec = TypeSpec {
    name: "typing.ParamSpec",
    doc: "Parameter specification variable.\n\nThe preferred way to construct a parameter specification is via the\ndedicated syntax for generic functions, classes, and type aliases,\nwhere the use of '**' creates a parameter specification::\n\n    type IntFunc[**P] = Callable[P, int]\n\nIt can also be created by hand: ``P = ParamSpec('P')``. It stands for the\nparameters of a callable, in ``Callable``, ``Concatenate`` and generic\nclasses; ``P.args`` and ``P.kwargs`` annotate ``*args`` and ``**kwargs``.\n\nNote that only parameter specification variables defined in the global\nscope can be pickled.\n",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    dict_offset: Some(std::mem::offset_of!(TypeParam, attributes)),
    slots: &[SlotFn::new(new), SlotFn::repr(repr_with_variance), SlotFn::or(type_param::or)],
    methods: &[
        method("__typing_subst__", NativeFn::One(typing_subst), "($self, arg, /)", ""),
        method("__typing_prepare_subst__", NativeFn::Bound(typing_prepare_subst), "($self, alias, args, /)", ""),
        HAS_DEFAULT,
        REDUCE,
        MRO_ENTRIES,
    ],
    members: &[NAME, member("__bound__", std::mem::offset_of!(TypeParam, bound)), COVARIANT, CONTRAVARIANT, INFER_VARIANCE],
    getsets: &[
        GetSetDef { name: "args", get: get_args, set: None, doc: "Represents positional arguments." },
        GetSetDef { name: "kwargs", get: get_kwargs, set: None, doc: "Represents keyword arguments." },
        DEFAULT,
        EVALUATE_DEFAULT,
    ],
    clear: Some(type_param::clear),
    ..followed::<TypeParam>()
};

pub static PARAM_SPEC: StaticType = StaticType::new(&SPEC);

/// The layout of `ParamSpecArgs` and `ParamSpecKwargs`.
#[repr(C)]
struct Part {
    header: Header,
    origin: Slot,
}

references!(Part: origin);

fn make_part(ty: &StaticType, origin: Value) -> Owned {
    allocate_object(ty.get(), |header| Part { header, origin: Slot::new(origin.to_owned()) })
}

fn origin_of(this: Value) -> Owned {
    // SAFETY: called for the two types with this layout only.
    let part: &Part = unsafe { object(this) };
    part.origin.load(&part.header).unwrap_or_else(Owned::none)
}

static PART_SIGNATURE: LazySignature = LazySignature::new("(origin)");

fn args_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = PART_SIGNATURE.bind("paramspecargs", args, kwnames, thread)?;
    Ok(make_part(&PARAM_SPEC_ARGS, bound.args().at(0)))
}

fn kwargs_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = PART_SIGNATURE.bind("paramspeckwargs", args, kwnames, thread)?;
    Ok(make_part(&PARAM_SPEC_KWARGS, bound.args().at(0)))
}

fn part_repr(this: Value, suffix: &str, thread: &mut Thread) -> PyResult {
    let origin = origin_of(this);
    let shown = if origin.is_pointer() && std::ptr::eq(origin.type_object(), PARAM_SPEC.get()) {
        of(*origin).load(&of(*origin).name).map_or_else(String::new, |name| text_of(&name))
    } else {
        convert::repr_text(*origin, thread)?
    };
    Ok(Owned::str(&format!("{shown}.{suffix}")))
}

fn args_repr(this: Value, thread: &mut Thread) -> PyResult {
    part_repr(this, "args", thread)
}

fn kwargs_repr(this: Value, thread: &mut Thread) -> PyResult {
    part_repr(this, "kwargs", thread)
}

fn part_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !right.is_pointer() || !std::ptr::eq(left.type_object(), right.type_object()) || !op.is_equality() {
        return Ok(Owned::not_implemented());
    }
    compare::rich_compare(*origin_of(left), *origin_of(right), op, thread)
}

static ARGS_SPEC: TypeSpec = TypeSpec {
    name: "typing.ParamSpecArgs",
    doc: "The args for a ParamSpec object.\n\nGiven a ParamSpec object P, P.args is an instance of ParamSpecArgs.\n\nParamSpecArgs objects have a reference back to their ParamSpec::\n\n    >>> P = ParamSpec(\"P\")\n    >>> P.args.__origin__ is P\n    True\n\nThis type is meant for runtime introspection and has no special meaning\nto static type checkers.\n",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    unhashable: true,
    slots: &[SlotFn::new(args_new), SlotFn::repr(args_repr), SlotFn::richcompare(part_compare)],
    methods: &[MRO_ENTRIES],
    members: &[member("__origin__", std::mem::offset_of!(Part, origin))],
    ..followed::<Part>()
};

pub static PARAM_SPEC_ARGS: StaticType = StaticType::new(&ARGS_SPEC);

static KWARGS_SPEC: TypeSpec = TypeSpec {
    name: "typing.ParamSpecKwargs",
    doc: "The kwargs for a ParamSpec object.\n\nGiven a ParamSpec object P, P.kwargs is an instance of ParamSpecKwargs.\n\nParamSpecKwargs objects have a reference back to their ParamSpec::\n\n    >>> P = ParamSpec(\"P\")\n    >>> P.kwargs.__origin__ is P\n    True\n\nThis type is meant for runtime introspection and has no special meaning\nto static type checkers.\n",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    unhashable: true,
    slots: &[SlotFn::new(kwargs_new), SlotFn::repr(kwargs_repr), SlotFn::richcompare(part_compare)],
    methods: &[MRO_ENTRIES],
    members: &[member("__origin__", std::mem::offset_of!(Part, origin))],
    ..followed::<Part>()
};

pub static PARAM_SPEC_KWARGS: StaticType = StaticType::new(&KWARGS_SPEC);
