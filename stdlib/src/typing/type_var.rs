//! `TypeVar`.

use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, compare, convert, iterate, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;

use super::call_typing;
use super::no_default::no_default;
use super::type_param::*;
use crate::native_type::followed;

static SIGNATURE: LazySignature = LazySignature::new(
    "(name, *constraints, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)",
);

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("typevar", args, kwnames, thread)?;
    let args = bound.args();
    check_name("typevar", args.at(0), thread)?;
    let made = make(&TYPE_VAR, args.at(0));
    set_common(*made, args, 2, thread)?;
    let param = of(*made);
    if let Some(bound) = param.load(&param.bound) {
        let bound = type_check(*bound, "Bound must be a type.", thread)?;
        param.store(&param.bound, Some(bound));
    }
    let constraints = args.get(1).map_or_else(tuple::empty, |constraints| constraints.to_owned());
    match TupleObject::of(*constraints).len() {
        0 => {}
        1 => return Err(thread.raise_type_error("A single constraint is not allowed")),
        _ if param.bound.peek().is_some() => return Err(thread.raise_type_error("Constraints cannot be combined with bound=...")),
        _ => {
            let mut checked = Vec::new();
            for constraint in TupleObject::of(*constraints).items() {
                checked.push(type_check(*constraint, "TypeVar(name, constraint, ...): constraints must be types.", thread)?);
            }
            param.store(&param.constraints, Some(tuple::from_vec(checked)));
        }
    }
    set_module(*made, thread)?;
    Ok(made)
}

fn get_bound(this: Value, thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(param.evaluate(&param.bound, &param.evaluate_bound, thread)?.unwrap_or_else(Owned::none))
}

fn get_constraints(this: Value, thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(param.evaluate(&param.constraints, &param.evaluate_constraints, thread)?.unwrap_or_else(tuple::empty))
}

fn get_evaluate_bound(this: Value, _thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(evaluator(&param.header, &param.bound, &param.evaluate_bound))
}

fn get_evaluate_constraints(this: Value, _thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(evaluator(&param.header, &param.constraints, &param.evaluate_constraints))
}

fn typing_subst(this: Value, arg: Value, thread: &mut Thread) -> PyResult {
    call_typing("_typevar_subst", &[this, arg], thread)
}

fn typing_prepare_subst(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (alias, given) = (args.at(0), args.at(1));
    let params = attribute::get(alias, pyrt_runtime::names::names().__parameters__, thread)?;
    let n_given = subscript::length(given, thread)? as usize;
    let mut index = None;
    for (i, param) in iterate::collect(*params, thread)?.iter().enumerate() {
        if compare::equals(**param, this, thread)? {
            index = Some(i);
            break;
        }
    }
    let Some(index) = index else {
        return Err(thread.raise_value_error("sequence.index(x): x not in sequence"));
    };
    if index < n_given {
        return Ok(given.to_owned());
    }
    if index == n_given {
        let default = default_of(this, thread)?;
        if !default.is(no_default()) {
            let mut filled = iterate::collect(given, thread)?;
            filled.push(default);
            return Ok(tuple::from_vec(filled));
        }
    }
    let shown = convert::str_text(alias, thread)?;
    let wanted = index + 1;
    Err(thread.raise_type_error(format!("Too few arguments for {shown}; actual {n_given}, expected at least {wanted}")))
}

static SPEC: TypeSpec = TypeSpec {
    name: "typing.TypeVar",
    doc: "Type variable.\n\nThe preferred way to construct a type variable is via the dedicated\nsyntax for generic functions, classes, and type aliases::\n\n    class Sequence[T]:  # T is a TypeVar\n        ...\n\nBounds, constraints and defaults are written as in\n``class C[S: str, A: (str, bytes), D = int]``.\n\nReusable type variables can also be constructed by hand::\n\n   T = TypeVar('T')  # Can be anything\n   S = TypeVar('S', bound=str)  # Can be any subtype of str\n   A = TypeVar('A', str, bytes)  # Must be exactly str or bytes\n   D = TypeVar('D', default=int)  # Defaults to int\n\nTheir variance is inferred with ``infer_variance=True``, else given by\n``covariant=True`` or ``contravariant=True``. See PEP 484 and PEP 695.\n",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    dict_offset: Some(std::mem::offset_of!(TypeParam, attributes)),
    slots: &[SlotFn::new(new), SlotFn::repr(repr_with_variance), SlotFn::or(or)],
    methods: &[
        method("__typing_subst__", NativeFn::One(typing_subst), "($self, arg, /)", ""),
        method("__typing_prepare_subst__", NativeFn::Bound(typing_prepare_subst), "($self, alias, args, /)", ""),
        REDUCE,
        HAS_DEFAULT,
        MRO_ENTRIES,
    ],
    members: &[NAME, COVARIANT, CONTRAVARIANT, INFER_VARIANCE],
    getsets: &[
        GetSetDef { name: "__bound__", get: get_bound, set: None, doc: "" },
        GetSetDef { name: "__constraints__", get: get_constraints, set: None, doc: "" },
        DEFAULT,
        GetSetDef { name: "evaluate_bound", get: get_evaluate_bound, set: None, doc: "" },
        GetSetDef { name: "evaluate_constraints", get: get_evaluate_constraints, set: None, doc: "" },
        EVALUATE_DEFAULT,
    ],
    clear: Some(clear),
    ..followed::<TypeParam>()
};

pub static TYPE_VAR: StaticType = StaticType::new(&SPEC);
