//! Calling anything.

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::method::MethodObject;
use crate::types::string::StrObject;
use crate::types::tuple;

/// Calls `callable` with positional arguments.
#[inline]
pub fn call(callable: Value, args: &[Value], thread: &mut Thread) -> PyResult {
    call_args(callable, Args::from_values(args), KwNames::NONE, thread)
}

/// Calls `callable` with the calling convention of natives.
#[inline]
pub fn call_args(callable: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" while calling a Python object"));
    }
    if callable.has_shape(shapes::FUNCTION) {
        return crate::interp::call_frame::call_function(callable, args, kwnames, thread);
    }
    let ty = callable.type_object();
    match ty.slots.call.get() {
        Some(function) => function(callable, args, kwnames, thread),
        None => {
            let name = ty.full_name();
            Err(thread.raise_type_error(format!("'{name}' object is not callable")))
        }
    }
}

/// Calls with a tuple and an optional dict, as `f(*args, **kwargs)`.
pub fn call_tuple(callable: Value, args: Value, kwargs: Option<Value>, thread: &mut Thread) -> PyResult {
    let positional = tuple::TupleObject::of(args).items();
    let Some(kwargs) = kwargs.filter(|kwargs| !DictObject::of(*kwargs).is_empty()) else {
        return call_args(callable, Args::from_values(positional), KwNames::NONE, thread);
    };
    let entries = DictObject::of(kwargs).entries();
    let mut values: Vec<Value> = positional.to_vec();
    let mut names = Vec::with_capacity(entries.len());
    for entry in &entries {
        if !crate::types::string::is_str(*entry.key) {
            return Err(thread.raise_type_error("keywords must be strings"));
        }
        names.push(entry.key.clone());
        values.push(*entry.value);
    }
    let names = tuple::from_vec(names);
    // SAFETY: the positional arguments come first, one value per name follows; `values` outlives the call.
    let args = unsafe { Args::from_raw(values.as_ptr().cast(), positional.len()) };
    call_args(callable, args, KwNames(Some(*names)), thread)
}

/// Calls with positional arguments and keyword arguments by Rust name.
pub fn call_keywords(callable: Value, args: &[Value], keywords: &[(&str, Value)], thread: &mut Thread) -> PyResult {
    let mut values: Vec<Value> = args.to_vec();
    values.extend(keywords.iter().map(|(_, value)| *value));
    let names = tuple::from_vec(keywords.iter().map(|(name, _)| crate::names::interned(name)).collect());
    // SAFETY: as in `call_tuple`.
    let raw = unsafe { Args::from_raw(values.as_ptr().cast(), args.len()) };
    call_args(callable, raw, KwNames(Some(*names)), thread)
}

/// Calls the method `name` of `object`.
pub fn call_method(object: Value, name: Value, args: &[Value], thread: &mut Thread) -> PyResult {
    let (method, unbound) = crate::protocol::attribute::load_method(object, name, thread)?;
    if !unbound {
        return call(*method, args, thread);
    }
    let mut all = smallvec::SmallVec::<[Value; 6]>::new();
    all.push(object);
    all.extend_from_slice(args);
    call(*method, &all, thread)
}

/// Whether `callable()` says yes.
pub fn is_callable(value: Value) -> bool {
    value.type_object().slots.call.raw() != 0
}

/// How messages name a callable: `module.function()`.
pub fn describe(callable: Value, thread: &mut Thread) -> String {
    let _ = &thread;
    let with_module = |module: Option<Owned>, qualname: Owned| {
        let qualname = StrObject::of(*qualname).to_string_lossy();
        match module.filter(|module| crate::types::string::is_str(**module)) {
            Some(module) if !StrObject::of(*module).equals_str("builtins") => {
                format!("{}.{qualname}()", StrObject::of(*module).to_string_lossy())
            }
            _ => format!("{qualname}()"),
        }
    };
    if callable.has_shape(shapes::FUNCTION) {
        let function = FunctionObject::of(callable);
        let qualname = function.qualname.load(&function.header).unwrap_or_else(crate::types::string::empty);
        return with_module(function.module.load(&function.header), qualname);
    }
    if callable.has_shape(shapes::METHOD) {
        return describe(*MethodObject::of(callable).function, thread);
    }
    let names = crate::names::names();
    let had = thread.take_exception();
    let qualname = crate::protocol::attribute::get(callable, names.__qualname__, thread).ok();
    let module = crate::protocol::attribute::get(callable, names.__module__, thread).ok();
    drop(thread.take_exception());
    if let Some(had) = had {
        thread.set_exception(had);
    }
    match qualname.filter(|qualname| crate::types::string::is_str(**qualname)) {
        Some(qualname) => with_module(module, qualname),
        None => {
            let repr = crate::protocol::convert::repr_text(callable, thread).unwrap_or_default();
            drop(thread.take_exception());
            repr
        }
    }
}
