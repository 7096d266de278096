//! Type parameters of generic aliases and unions: finding them, substituting them, showing types.

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call, compare, convert, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{NONE, shapes};
use crate::types::list::{self, ListObject};
use crate::types::str::Builder;
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::is_tuple;
use crate::types::type_object::*;

fn is_list(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_LIST_SUBCLASS)
}

/// The items of a list or tuple.
fn items_of(value: Value) -> Vec<Owned> {
    if is_list(value) { ListObject::of(value).to_vec() } else { TupleObject::of(value).items().iter().map(|item| item.to_owned()).collect() }
}

/// An attribute that counts only if it is a tuple.
fn tuple_attribute(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(attribute::get_optional(object, name, thread)?.filter(|found| is_tuple(**found)))
}

fn push_unique(out: &mut Vec<Owned>, value: Value, thread: &mut Thread) -> PyResult<()> {
    for known in out.iter() {
        if compare::equals(**known, value, thread)? {
            return Ok(());
        }
    }
    out.push(value.to_owned());
    Ok(())
}

/// The type parameters in `args` (a tuple), each once, in order of appearance.
pub fn find_parameters(args: Value, thread: &mut Thread) -> PyResult {
    let mut found = Vec::new();
    collect_parameters(args, &mut found, thread)?;
    Ok(tuple::from_vec(found))
}

fn collect_parameters(args: Value, found: &mut Vec<Owned>, thread: &mut Thread) -> PyResult<()> {
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(""));
    }
    let names = crate::names::names();
    for arg in items_of(args) {
        // A class may have `__parameters__` as a descriptor: it is no parameter itself.
        if is_type(*arg) {
            continue;
        }
        if is_list(*arg) || is_tuple(*arg) {
            collect_parameters(*arg, found, thread)?;
            continue;
        }
        if attribute::get_optional(*arg, names.__typing_subst__, thread)?.is_some() {
            push_unique(found, *arg, thread)?;
        } else if let Some(inner) = tuple_attribute(*arg, names.__parameters__, thread)? {
            for parameter in TupleObject::of(*inner).items() {
                push_unique(found, *parameter, thread)?;
            }
        }
    }
    Ok(())
}

/// What is written between the brackets, as a tuple, with `*tuple[...]` unpacked.
fn unpack_item(item: Value, thread: &mut Thread) -> PyResult {
    let given = if is_tuple(item) { items_of(item) } else { vec![item.to_owned()] };
    let mut out = Vec::with_capacity(given.len());
    for arg in given {
        if !is_type(*arg) {
            if let Some(inner) = tuple_attribute(*arg, crate::names::names().__typing_unpacked_tuple_args__, thread)? {
                let inner = TupleObject::of(*inner).items();
                if !inner.last().is_some_and(|last| last.is_ellipsis()) {
                    out.extend(inner.iter().map(|arg| arg.to_owned()));
                    continue;
                }
            }
        }
        out.push(arg);
    }
    Ok(tuple::from_vec(out))
}

/// The arguments of `alias` with its parameters replaced by `item`.
pub fn substitute(alias: Value, args: Value, parameters: Value, item: Value, thread: &mut Thread) -> PyResult {
    let n_parameters = TupleObject::of(parameters).len();
    if n_parameters == 0 {
        let shown = convert::repr_text(alias, thread)?;
        return Err(thread.raise_type_error(format!("{shown} is not a generic class")));
    }
    let mut item = unpack_item(item, thread)?;
    for parameter in TupleObject::of(parameters).items() {
        let prepare = attribute::get_optional(*parameter, crate::names::names().__typing_prepare_subst__, thread)?;
        if let Some(prepare) = prepare.filter(|prepare| !prepare.is_none()) {
            item = call::call(*prepare, &[alias, *item], thread)?;
            if !is_tuple(*item) {
                item = tuple::pack([item]);
            }
        }
    }
    let given = TupleObject::of(*item).items();
    if given.len() != n_parameters {
        let how = if given.len() > n_parameters { "many" } else { "few" };
        let (shown, n) = (convert::repr_text(alias, thread)?, given.len());
        return Err(thread.raise_type_error(format!("Too {how} arguments for {shown}; actual {n}, expected {n_parameters}")));
    }
    substitute_given(args, TupleObject::of(parameters).items(), given, thread).map(tuple::from_vec)
}

fn position(parameters: &[Value], parameter: Value) -> Option<usize> {
    parameters.iter().position(|known| known.is(parameter))
}

fn substitute_given(args: Value, parameters: &[Value], given: &[Value], thread: &mut Thread) -> PyResult<Vec<Owned>> {
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(""));
    }
    let names = crate::names::names();
    let mut out = Vec::new();
    for arg in items_of(args) {
        if is_type(*arg) {
            out.push(arg);
            continue;
        }
        if is_list(*arg) || is_tuple(*arg) {
            let inner = substitute_given(*arg, parameters, given, thread)?;
            out.push(if is_list(*arg) { list::from_vec(inner) } else { tuple::from_vec(inner) });
            continue;
        }
        let unpacks = match attribute::get_optional(*arg, names.__typing_is_unpacked_typevartuple__, thread)? {
            Some(mark) => compare::truth(*mark, thread)?,
            None => false,
        };
        let replaced = match attribute::get_optional(*arg, names.__typing_subst__, thread)? {
            Some(function) => match position(parameters, *arg) {
                Some(i) => call::call(*function, &[given[i]], thread)?,
                None => {
                    let shown = convert::repr_text(*arg, thread)?;
                    return Err(thread.raise_type_error(format!("argument {shown} with __typing_subst__ was not found in __parameters__")));
                }
            },
            None => substitute_inside(*arg, parameters, given, thread)?,
        };
        if unpacks {
            if !is_tuple(*replaced) {
                let (class, got) = (arg.type_object().full_name(), replaced.type_object().full_name());
                return Err(thread.raise_type_error(format!("expected __typing_subst__ of {class} objects to return a tuple, not {got}")));
            }
            out.extend(items_of(*replaced));
        } else {
            out.push(replaced);
        }
    }
    Ok(out)
}

/// `list[T]` inside the arguments: subscripted in turn.
fn substitute_inside(object: Value, parameters: &[Value], given: &[Value], thread: &mut Thread) -> PyResult {
    let Some(own) = tuple_attribute(object, crate::names::names().__parameters__, thread)? else { return Ok(object.to_owned()) };
    let own = TupleObject::of(*own).items();
    if own.is_empty() {
        return Ok(object.to_owned());
    }
    let mut arguments = Vec::with_capacity(own.len());
    for parameter in own {
        match position(parameters, *parameter) {
            // A TypeVarTuple (it is iterable) stands for several.
            Some(i) if parameter.type_object().slots.iter.raw() != 0 && is_tuple(given[i]) => arguments.extend(items_of(given[i])),
            Some(i) => arguments.push(given[i].to_owned()),
            None => arguments.push(parameter.to_owned()),
        }
    }
    subscript::get_item(object, *tuple::from_vec(arguments), thread)
}

/// How aliases show a type: classes by their qualified name, the rest by `repr`.
pub fn push_type_repr(out: &mut Builder, value: Value, thread: &mut Thread) -> PyResult<()> {
    let names = crate::names::names();
    if value.is_ellipsis() {
        out.push_str("...");
        return Ok(());
    }
    if value.is(NONE.get().value()) {
        out.push_str("None");
        return Ok(());
    }
    let is_alias = attribute::get_optional(value, names.__origin__, thread)?.is_some() && attribute::get_optional(value, names.__args__, thread)?.is_some();
    if !is_alias {
        let qualname = attribute::get_optional(value, names.__qualname__, thread)?;
        if let Some(qualname) = qualname.filter(|qualname| !qualname.is_none()) {
            let module = attribute::get_optional(value, names.__module__, thread)?;
            if let Some(module) = module.filter(|module| !module.is_none()) {
                if !(string::is_str(*module) && StrObject::of(*module).equals_str("builtins")) {
                    out.push_object(*convert::str(*module, thread)?);
                    out.push_str(".");
                }
                out.push_object(*convert::str(*qualname, thread)?);
                return Ok(());
            }
        }
    }
    out.push_object(*convert::repr(value, thread)?);
    Ok(())
}

/// One argument of an alias: lists (of a callable's parameters) item by item.
pub fn push_argument_repr(out: &mut Builder, value: Value, thread: &mut Thread) -> PyResult<()> {
    if !value.has_shape(shapes::LIST) {
        return push_type_repr(out, value, thread);
    }
    out.push_str("[");
    for (i, item) in ListObject::of(value).to_vec().into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_type_repr(out, *item, thread)?;
    }
    out.push_str("]");
    Ok(())
}
