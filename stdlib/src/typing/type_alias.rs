//! `TypeAliasType`: what `type Name[…] = …` makes.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::function::FunctionObject;
use pyrt_runtime::types::string;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, union};

use super::no_default::no_default;
use super::type_param::{caller_module, check_name, check_type_param, default_of, evaluate, evaluator, iter_unpacked, member, unpack};
use super::type_var_tuple::TYPE_VAR_TUPLE;
use crate::native_type::{followed, object, references};

#[repr(C)]
struct TypeAlias {
    header: Header,
    name: Slot,
    /// A tuple; empty slot: not generic.
    type_params: Slot,
    value: Slot,
    compute_value: Slot,
    module: Slot,
}

references!(TypeAlias: name, type_params, value, compute_value, module);

fn of<'a>(value: Value) -> &'a TypeAlias {
    // SAFETY: called for `TypeAliasType` objects only.
    unsafe { object(value) }
}

fn make(name: Value, type_params: Option<Owned>, value: Option<Owned>, compute_value: Option<Owned>, module: Option<Owned>) -> Owned {
    allocate_object(TYPE_ALIAS.get(), |header| TypeAlias {
        header,
        name: Slot::new(name.to_owned()),
        type_params: Slot::from_option(type_params),
        value: Slot::from_option(value),
        compute_value: Slot::from_option(compute_value),
        module: Slot::from_option(module),
    })
}

/// What the instruction makes of name, parameters and the function for the value.
pub fn from_statement(parts: Value, thread: &mut Thread) -> PyResult {
    match TupleObject::of(parts).items() {
        &[name, type_params, compute_value] => {
            let type_params = if type_params.is_none() { None } else { Some(type_params.to_owned()) };
            Ok(make(name, type_params, None, Some(compute_value.to_owned()), None))
        }
        _ => Err(thread.raise(&pyrt_runtime::exceptions::exc::SYSTEM_ERROR, "a type alias needs three parts")),
    }
}

static SIGNATURE: LazySignature = LazySignature::new("(name, value, *, type_params=())");

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("typealias", args, kwnames, thread)?;
    let args = bound.args();
    check_name("typealias", args.at(0), thread)?;
    let type_params = args.get(2).map_or_else(tuple::empty, |params| params.to_owned());
    if !(type_params.is_pointer() && type_params.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("type_params must be a tuple"));
    }
    let mut has_default = false;
    for param in TupleObject::of(*type_params).items() {
        check_type_param(*param, thread)?;
        if !default_of(*param, thread)?.is(no_default()) {
            has_default = true;
        } else if has_default {
            let shown = convert::repr_text(*param, thread)?;
            return Err(thread.raise_type_error(format!("non-default type parameter '{shown}' follows default type parameter")));
        }
    }
    let type_params = if TupleObject::of(*type_params).is_empty() { None } else { Some(type_params) };
    let module = caller_module(thread);
    Ok(make(args.at(0), type_params, Some(args.at(1).to_owned()), None, Some(module)))
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).name.load(&of(this).header).unwrap_or_else(string::empty))
}

fn params_of(this: Value) -> Owned {
    of(this).type_params.load(&of(this).header).unwrap_or_else(tuple::empty)
}

/// Parameters with type variable tuples unpacked.
pub fn unpack_type_var_tuples(params: Value, thread: &mut Thread) -> PyResult {
    let items = TupleObject::of(params).items();
    let is_tuple = |param: &Value| param.is_pointer() && std::ptr::eq(param.type_object(), TYPE_VAR_TUPLE.get());
    if !items.iter().any(is_tuple) {
        return Ok(params.to_owned());
    }
    let mut unpacked = Vec::with_capacity(items.len());
    for param in items {
        unpacked.push(if is_tuple(param) { unpack(*param, thread)? } else { param.to_owned() });
    }
    Ok(tuple::from_vec(unpacked))
}

fn get_parameters(this: Value, thread: &mut Thread) -> PyResult {
    unpack_type_var_tuples(*params_of(this), thread)
}

fn get_type_params(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(params_of(this))
}

fn get_value(this: Value, thread: &mut Thread) -> PyResult {
    let alias = of(this);
    Ok(evaluate(&alias.header, &alias.value, &alias.compute_value, thread)?.unwrap_or_else(Owned::none))
}

fn get_evaluate_value(this: Value, _thread: &mut Thread) -> PyResult {
    let alias = of(this);
    Ok(evaluator(&alias.header, &alias.value, &alias.compute_value))
}

fn get_module(this: Value, _thread: &mut Thread) -> PyResult {
    let alias = of(this);
    if let Some(module) = alias.module.load(&alias.header) {
        return Ok(module);
    }
    let function = alias.compute_value.load(&alias.header).filter(|function| function.has_shape(shapes::FUNCTION));
    Ok(function
        .and_then(|function| FunctionObject::of(*function).module.load(&FunctionObject::of(*function).header))
        .unwrap_or_else(Owned::none))
}

fn get_item(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    if of(this).type_params.peek().is_none() {
        return Err(thread.raise_type_error("Only generic type aliases are subscriptable"));
    }
    generic_alias::new(this, item, thread)
}

fn or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    union::from_operator(left, right, thread)
}

unsafe fn clear(value: Value) {
    let alias = of(value);
    for slot in [&alias.type_params, &alias.value, &alias.compute_value] {
        drop(slot.replace(&alias.header, None));
    }
}

static SPEC: TypeSpec = TypeSpec {
    name: "typing.TypeAliasType",
    doc: "Type alias.\n\nType aliases are created through the type statement::\n\n    type Alias = int\n\nIn this example, Alias and int will be treated equivalently by static\ntype checkers.\n\nAt runtime, Alias is an instance of TypeAliasType. The __name__\nattribute holds the name of the type alias. The value of the type alias\nis stored in the __value__ attribute. It is evaluated lazily, so the\nvalue is computed only if the attribute is accessed.\n\nType aliases can also be generic::\n\n    type ListOrSet[T] = list[T] | set[T]\n\nIn this case, the type parameters of the alias are stored in the\n__type_params__ attribute.\n\nSee PEP 695 for more information.\n",
    slots: &[SlotFn::new(new), SlotFn::repr(repr), SlotFn::iter(iter_unpacked), SlotFn::or(or), SlotFn::subscript(get_item)],
    methods: &[method("__reduce__", NativeFn::NoArgs(repr), "($self, /)", "")],
    members: &[member("__name__", std::mem::offset_of!(TypeAlias, name))],
    getsets: &[
        GetSetDef { name: "__parameters__", get: get_parameters, set: None, doc: "" },
        GetSetDef { name: "__type_params__", get: get_type_params, set: None, doc: "" },
        GetSetDef { name: "__value__", get: get_value, set: None, doc: "" },
        GetSetDef { name: "evaluate_value", get: get_evaluate_value, set: None, doc: "" },
        GetSetDef { name: "__module__", get: get_module, set: None, doc: "" },
    ],
    clear: Some(clear),
    ..followed::<TypeAlias>()
};

pub static TYPE_ALIAS: StaticType = StaticType::new(&SPEC);
