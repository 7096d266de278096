//! The module `builtins`, and the functions of it that the runtime itself uses.

pub mod class_statement;
pub mod functions;
pub mod source;

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{self, StaticType};
use crate::types::dict::DictObject;
use crate::types::{module, string};

/// Makes the module and its namespace.
pub fn initialize(thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let made = module::new("builtins");
    let Some(dict) = module::dict_of(*made) else { return Ok(()) };
    interpreter.store(&interpreter.builtins_module, Some(made.clone()));
    interpreter.store(&interpreter.builtins_dict, Some(dict.clone()));
    let namespace = DictObject::of(*dict);
    namespace.set_by_text("__doc__", Owned::str("Built-in functions, types, exceptions, and other objects."));
    module::add_functions(*made, functions::FUNCTIONS);
    for (name, value) in [
        ("None", Value::none()),
        ("Ellipsis", Value::ellipsis()),
        ("NotImplemented", Value::not_implemented()),
        ("False", Value::false_()),
        ("True", Value::true_()),
    ] {
        namespace.set_by_text(name, value.to_owned());
    }
    for (name, slot) in [("all", &interpreter.builtin_all), ("any", &interpreter.builtin_any)] {
        interpreter.store(slot, namespace.get_str(*string::intern_str(name)));
    }
    let optimize = interpreter.config.read().optimize;
    namespace.set_by_text("__debug__", Owned::bool(optimize == 0));
    use builtin_types as types;
    for ty in [
        &types::BOOL, &types::MEMORYVIEW, &types::BYTEARRAY, &types::BYTES, &types::CLASSMETHOD, &types::COMPLEX, &types::DICT,
        &types::ENUMERATE, &types::FILTER, &types::FLOAT, &types::FROZENSET, &types::PROPERTY, &types::INT, &types::LIST,
        &types::MAP, &types::OBJECT, &types::RANGE, &types::REVERSED, &types::SET, &types::SLICE, &types::STATICMETHOD,
        &types::STR, &types::SUPER, &types::TUPLE, &types::TYPE, &types::ZIP,
    ] {
        namespace.set_by_text(&ty.get().name(), ty.get().value().to_owned());
    }
    for class in exc::ALL {
        namespace.set_by_text(&class.get().name(), class.get().value().to_owned());
    }
    for alias in ["EnvironmentError", "IOError"] {
        namespace.set_by_text(alias, exc::OS_ERROR.get().value().to_owned());
    }
    let group = crate::exceptions::group::exception_group_class(thread)?;
    namespace.set_by_text("ExceptionGroup", group);
    Ok(())
}

/// Issues a warning of a built-in category.
pub fn warn(category: &StaticType, message: &str, stack_level: i64, thread: &mut Thread) -> PyResult<()> {
    match thread.interpreter.hooks().warn {
        Some(hook) => hook(category.get().value(), message, stack_level, thread),
        None => Ok(()),
    }
}

/// `sys.displayhook(value)`: what an interactive statement shows.
pub fn interactive_print(value: Value, thread: &mut Thread) -> PyResult {
    let name = crate::names::names().displayhook;
    match thread.interpreter.sys_get(name) {
        Some(hook) => crate::protocol::call::call(*hook, &[value], thread),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "lost sys.displayhook")),
    }
}

/// The argument of `sys.unraisablehook`; `None` before `sys` is set up.
pub fn unraisable_args(fields: Vec<Owned>, thread: &Thread) -> Option<Owned> {
    thread.interpreter.hooks().unraisable_args.map(|make| make(fields))
}

/// The intrinsics that make typing objects; the classes are `_typing`'s.
pub fn typing_intrinsic_1(number: u32, value: Value, thread: &mut Thread) -> PyResult {
    match thread.interpreter.hooks().typing_intrinsic_1 {
        Some(hook) => hook(number, value, thread),
        None => Err(thread.raise(&exc::SYSTEM_ERROR, "typing intrinsics are not there yet")),
    }
}

/// As [`typing_intrinsic_1`] for two operands.
pub fn typing_intrinsic_2(number: u32, first: Value, second: Value, thread: &mut Thread) -> PyResult {
    match thread.interpreter.hooks().typing_intrinsic_2 {
        Some(hook) => hook(number, first, second, thread),
        None => Err(thread.raise(&exc::SYSTEM_ERROR, "typing intrinsics are not there yet")),
    }
}
