//! `isinstance`, `issubclass`, length hints, safe representations.

use crate::object::value::{Owned, PyResult, Value};
use crate::exceptions::exc;
use crate::protocol::{attribute, call, compare};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{TYPE, shapes};
use crate::types::string::StrObject;
use crate::types::tuple::TupleObject;
use crate::types::type_object::{TYPE_TUPLE_SUBCLASS, TypeObject, is_type};

/// `isinstance(value, class)`.
pub fn is_instance(value: Value, class: Value, thread: &mut Thread) -> PyResult<bool> {
    if is_type(class) && std::ptr::eq(value.type_object(), TypeObject::of(class)) {
        return Ok(true);
    }
    if is_type(class) && std::ptr::eq(class.type_object(), TYPE.get()) {
        return is_instance_plain(value, class, thread);
    }
    if class.has_shape(shapes::UNION) {
        for &one in TupleObject::of(*crate::types::union::args(class)).items() {
            if is_instance(value, one, thread)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if class.is_pointer() && class.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        if thread.native_stack_is_low() {
            return Err(thread.raise_recursion_error(" in __instancecheck__"));
        }
        for &one in TupleObject::of(class).items() {
            if is_instance(value, one, thread)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(result) = attribute::call_special(class, crate::names::names().__instancecheck__, &[value], thread)? {
        return compare::truth(*result, thread);
    }
    is_instance_plain(value, class, thread)
}

/// `isinstance(value, class)` where that is decided without running Python code: plain classes, and tuples of them.
pub fn is_instance_by_classes(value: Value, class: Value, thread: &mut Thread) -> Option<bool> {
    if class.has_shape(shapes::TYPE) {
        let own = value.type_object();
        if own.is_subtype(TypeObject::of(class)) {
            return Some(true);
        }
        return if claims_own_class(own, thread) { Some(false) } else { None };
    }
    if !class.has_shape(shapes::TUPLE) {
        return None;
    }
    let own = value.type_object();
    for &one in TupleObject::of(class).items() {
        if !one.has_shape(shapes::TYPE) {
            return None;
        }
        if own.is_subtype(TypeObject::of(one)) {
            return Some(true);
        }
    }
    if claims_own_class(own, thread) { Some(false) } else { None }
}

/// Whether `__class__` of the instances of a type says what it is: they are no proxies.
pub fn claims_own_class(ty: &TypeObject, thread: &mut Thread) -> bool {
    if !attribute::uses_generic_lookup(ty) {
        return false;
    }
    if !ty.has_flag(crate::types::type_object::TYPE_HEAP) {
        return true;
    }
    let (name, object) = (crate::names::names().__class__, crate::types::builtin_types::OBJECT.get());
    // The descriptor of `object` is a data descriptor: nothing in the instance hides it.
    if let (Some(Some(own)), Some(Some(usual))) = (thread.type_cache.get(ty, name), thread.type_cache.get(object, name)) {
        return own.bits() == usual.bits();
    }
    let usual = attribute::lookup_type(object, name, thread);
    let own = attribute::lookup_type(ty, name, thread);
    own.zip(usual).is_some_and(|(own, usual)| own.is(*usual))
}

/// `type.__instancecheck__`: by the MRO, then by `__class__`.
pub fn is_instance_plain(value: Value, class: Value, thread: &mut Thread) -> PyResult<bool> {
    if is_type(class) {
        let class_type = TypeObject::of(class);
        if value.type_object().is_subtype(class_type) {
            return Ok(true);
        }
        // A proxy may claim another class.
        if claims_own_class(value.type_object(), thread) {
            return Ok(false);
        }
        let claimed = attribute::get_optional(value, crate::names::names().__class__, thread)?;
        return Ok(claimed.is_some_and(|claimed| {
            is_type(*claimed) && !std::ptr::eq(TypeObject::of(*claimed), value.type_object()) && TypeObject::of(*claimed).is_subtype(class_type)
        }));
    }
    check_class(class, "isinstance() arg 2 must be a type, a tuple of types, or a union", thread)?;
    match attribute::get_optional(value, crate::names::names().__class__, thread)? {
        Some(claimed) => is_abstract_subclass(*claimed, class, thread),
        None => Ok(false),
    }
}

/// A class-like object has a tuple of `__bases__`.
fn abstract_bases(class: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let bases = attribute::get_optional(class, crate::names::names().__bases__, thread)?;
    Ok(bases.filter(|bases| bases.is_pointer() && bases.type_has_flag(TYPE_TUPLE_SUBCLASS)))
}

fn check_class(class: Value, message: &str, thread: &mut Thread) -> PyResult<()> {
    match abstract_bases(class, thread)? {
        Some(_) => Ok(()),
        None => Err(thread.raise_type_error(message)),
    }
}

fn is_abstract_subclass(derived: Value, class: Value, thread: &mut Thread) -> PyResult<bool> {
    if derived.is(class) {
        return Ok(true);
    }
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" in __subclasscheck__"));
    }
    let Some(bases) = abstract_bases(derived, thread)? else { return Ok(false) };
    for &base in TupleObject::of(*bases).items() {
        if is_abstract_subclass(base, class, thread)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `issubclass(derived, class)`.
pub fn is_subclass(derived: Value, class: Value, thread: &mut Thread) -> PyResult<bool> {
    if is_type(class) && std::ptr::eq(class.type_object(), TYPE.get()) {
        if derived.is(class) {
            return Ok(true);
        }
        return is_subclass_plain(derived, class, thread);
    }
    if class.has_shape(shapes::UNION) {
        for &one in TupleObject::of(*crate::types::union::args(class)).items() {
            if is_subclass(derived, one, thread)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if class.is_pointer() && class.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        if thread.native_stack_is_low() {
            return Err(thread.raise_recursion_error(" in __subclasscheck__"));
        }
        for &one in TupleObject::of(class).items() {
            if is_subclass(derived, one, thread)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(result) = attribute::call_special(class, crate::names::names().__subclasscheck__, &[derived], thread)? {
        return compare::truth(*result, thread);
    }
    is_subclass_plain(derived, class, thread)
}

/// `type.__subclasscheck__`.
pub fn is_subclass_plain(derived: Value, class: Value, thread: &mut Thread) -> PyResult<bool> {
    if is_type(derived) && is_type(class) {
        return Ok(TypeObject::of(derived).is_subtype(TypeObject::of(class)));
    }
    check_class(derived, "issubclass() arg 1 must be a class", thread)?;
    check_class(class, "issubclass() arg 2 must be a class, a tuple of classes, or a union", thread)?;
    is_abstract_subclass(derived, class, thread)
}

/// `operator.length_hint(value, default)`.
pub fn length_hint(value: Value, default: i64, thread: &mut Thread) -> PyResult<i64> {
    if let Some(length) = value.type_object().slots.length.get() {
        match length(value, thread) {
            Ok(n) => return Ok(n),
            Err(raised) => drop(thread.catch(raised, &exc::TYPE_ERROR)?),
        }
    }
    let hint = match attribute::call_special(value, crate::names::names().__length_hint__, &[], thread) {
        Ok(Some(hint)) => hint,
        Ok(None) => return Ok(default),
        Err(raised) => {
            drop(thread.catch(raised, &exc::TYPE_ERROR)?);
            return Ok(default);
        }
    };
    if hint.is_not_implemented() {
        return Ok(default);
    }
    let Some(n) = crate::types::int::as_i64(*hint) else {
        let name = hint.type_object().full_name();
        return Err(thread.raise_type_error(format!("__length_hint__ must be an integer, not {name}")));
    };
    if n < 0 {
        return Err(thread.raise_value_error("__length_hint__() should return >= 0"));
    }
    Ok(n)
}

/// `repr(value)` for messages: never fails.
pub fn safe_repr(value: Value, thread: &mut Thread) -> String {
    let had = thread.take_exception();
    let text = match crate::protocol::convert::repr(value, thread) {
        Ok(text) => StrObject::of(*text).to_string_lossy(),
        Err(_) => {
            drop(thread.take_exception());
            format!("<{} object at {:#x}>", value.type_object().full_name(), value.id())
        }
    };
    if let Some(had) = had {
        thread.set_exception(had);
    }
    text
}

/// Calls `object.name(args)` ignoring that the method may be missing.
pub fn call_if_present(object: Value, name: Value, args: &[Value], thread: &mut Thread) -> PyResult<Option<Owned>> {
    match attribute::get_optional(object, name, thread)? {
        Some(method) => call::call(*method, args, thread).map(Some),
        None => Ok(None),
    }
}
