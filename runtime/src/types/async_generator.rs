//! Asynchronous generators (PEP 525).

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, Value};
use crate::types::builtin_types::ASYNC_GENERATOR_WRAPPED_VALUE;
use crate::types::generator;
use crate::types::type_object::*;

#[repr(C)]
pub struct WrappedValue {
    header: Header,
    pub value: Owned,
}

/// What `yield value` in an asynchronous generator gives to its driver: told apart from values of inner awaits.
pub fn wrap_value(value: Value) -> Owned {
    lifetime::allocate_object(ASYNC_GENERATOR_WRAPPED_VALUE.get(), |header| WrappedValue { header, value: value.to_owned() })
}

unsafe fn wrapped_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<WrappedValue>()) };
}

unsafe fn wrapped_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a wrapped value.
    visit(*unsafe { value.as_ref::<WrappedValue>() }.value);
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "async_generator",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: generator::GENERATOR_SPEC.basic_size,
    dealloc: Some(generator::dealloc),
    traverse: Some(generator::traverse),
    ..TypeSpec::DEFAULT
};

pub static WRAPPED_VALUE_SPEC: TypeSpec = TypeSpec {
    name: "async_generator_wrapped_value",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<WrappedValue>(),
    dealloc: Some(wrapped_dealloc),
    traverse: Some(wrapped_traverse),
    ..TypeSpec::DEFAULT
};
