//! `Generic`, and what the instructions for type parameters do.

use pyrt_runtime::exceptions::exc;
use pyrt_compiler::bytecode::instructions::{Intrinsic1, Intrinsic2};
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;

use super::param_spec::PARAM_SPEC;
use super::type_alias::{from_statement, unpack_type_var_tuples};
use super::type_param::{self, TypeParam, check_type_param};
use super::type_var::TYPE_VAR;
use super::type_var_tuple::TYPE_VAR_TUPLE;

/// Calls a function of `typing` with the class before the arguments.
fn delegate(function: &str, class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let typing = pyrt_runtime::import::import_module("typing", thread)?;
    let function = attribute::get_by_text(*typing, function, thread)?;
    let mut values = vec![class];
    values.extend(args.iter());
    let n = values.len();
    values.extend((0..kwnames.len()).map(|i| args.keyword(i)));
    // SAFETY: the positional arguments come first, one value per name follows; `values` outlives the call.
    let raw = unsafe { Args::from_raw(values.as_ptr().cast(), n) };
    call::call_args(*function, raw, kwnames, thread)
}

fn class_getitem(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    delegate("_generic_class_getitem", class, args, kwnames, thread)
}

fn init_subclass(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    delegate("_generic_init_subclass", class, args, kwnames, thread)
}

static SPEC: TypeSpec = TypeSpec {
    name: "typing.Generic",
    doc: "Abstract base class for generic types.\n\nOn Python 3.12 and newer, generic classes implicitly inherit from\nGeneric when they declare a parameter list after the class's name::\n\n    class Mapping[KT, VT]:\n        def __getitem__(self, key: KT) -> VT:\n            ...\n        # Etc.\n\nOn older versions of Python, however, generic classes have to\nexplicitly inherit from Generic.\n\nAfter a class has been declared to be generic, it can then be used as\nfollows::\n\n    def lookup_name[KT, VT](mapping: Mapping[KT, VT], key: KT, default: VT) -> VT:\n        try:\n            return mapping[key]\n        except KeyError:\n            return default\n",
    flags: TYPE_BASETYPE,
    methods: &[
        MethodDef {
            name: "__class_getitem__",
            func: NativeFn::Raw(class_getitem),
            kind: MethodKind::Class,
            signature: "-($type, /, *args, **kwargs)",
            doc: "Parameterizes a generic class.\n\nThis happens in two cases: class Foo(Generic[T]) and Foo[int].",
        },
        MethodDef {
            name: "__init_subclass__",
            func: NativeFn::Raw(init_subclass),
            kind: MethodKind::Class,
            signature: "-($type, /, *args, **kwargs)",
            doc: "Function to initialize subclasses.",
        },
    ],
    ..TypeSpec::DEFAULT
};

pub static GENERIC: StaticType = StaticType::new(&SPEC);

/// A type variable of the parameter syntax: its variance is inferred.
fn new_type_var(name: Value) -> Owned {
    let made = type_param::make(&TYPE_VAR, name);
    let param = type_param::of(*made);
    param.store(&param.infer_variance, Some(Owned::true_()));
    made
}

/// The instructions with one operand.
pub fn intrinsic_1(number: u32, value: Value, thread: &mut Thread) -> PyResult {
    match Intrinsic1::from_u32(number) {
        Some(Intrinsic1::TypeVar) => Ok(new_type_var(value)),
        Some(Intrinsic1::ParamSpec) => {
            let made = type_param::make(&PARAM_SPEC, value);
            let param = type_param::of(*made);
            param.store(&param.infer_variance, Some(Owned::true_()));
            Ok(made)
        }
        Some(Intrinsic1::TypeVarTuple) => Ok(type_param::make(&TYPE_VAR_TUPLE, value)),
        Some(Intrinsic1::TypeAlias) => from_statement(value, thread),
        Some(Intrinsic1::SubscriptGeneric) => {
            let params = unpack_type_var_tuples(value, thread)?;
            super::call_typing("_GenericAlias", &[GENERIC.get().value(), *params], thread)
        }
        _ => Err(thread.raise(&exc::SYSTEM_ERROR, "unknown intrinsic")),
    }
}

/// The instructions with two operands: a name or parameter, and the function that computes a part of it.
pub fn intrinsic_2(number: u32, first: Value, second: Value, thread: &mut Thread) -> PyResult {
    let with = |made: Owned, part: fn(&TypeParam) -> &pyrt_runtime::object::value::Slot| {
        let param = type_param::of(*made);
        param.store(part(param), Some(second.to_owned()));
        made
    };
    match Intrinsic2::from_u32(number) {
        Some(Intrinsic2::TypeVarWithBound) => Ok(with(new_type_var(first), |param| &param.evaluate_bound)),
        Some(Intrinsic2::TypeVarWithConstraints) => Ok(with(new_type_var(first), |param| &param.evaluate_constraints)),
        Some(Intrinsic2::SetTypeparamDefault) => {
            check_type_param(first, thread)?;
            Ok(with(first.to_owned(), |param| &param.evaluate_default))
        }
        _ => Err(thread.raise(&exc::SYSTEM_ERROR, "unknown intrinsic")),
    }
}
