//! Finalizers, and errors that nobody can receive.

use crate::object::value::{Owned, Value};
use crate::protocol::call;
use crate::threads::thread_state::Thread;

/// Runs the finalizer of a dying object (PEP 442). What it raises is reported as unraisable.
pub fn call_finalizer(object: &Owned, thread: &mut Thread) {
    let Some(finalize) = object.type_object().slots.finalize.get() else { return };
    let had = thread.take_exception();
    if finalize(**object, thread).is_err() {
        let names = crate::names::names();
        let function = crate::protocol::attribute::lookup_type(object.type_object(), names.__del__, thread);
        write_unraisable(Some("Exception ignored while calling deallocator"), function.as_ref().map(|function| **function), thread);
    }
    if let Some(had) = had {
        thread.set_exception(had);
    }
}

/// Hands the thread's exception to `sys.unraisablehook` and drops it.
pub fn write_unraisable(message: Option<&str>, object: Option<Value>, thread: &mut Thread) {
    let Some(exception) = thread.take_exception() else { return };
    let names = crate::names::names();
    let hook = thread.interpreter.sys_get(names.unraisablehook);
    let traceback = crate::exceptions::ExceptionObject::of(*exception).traceback().unwrap_or_else(Owned::none);
    if let Some(hook) = hook.filter(|hook| !hook.is_none()) {
        let fields = vec![
            exception.type_object().value().to_owned(),
            exception.clone(),
            traceback,
            message.map_or_else(Owned::none, Owned::str),
            object.map_or_else(Owned::none, |object| object.to_owned()),
        ];
        if let Some(made) = crate::builtins::unraisable_args(fields, thread) {
            if call::call(*hook, &[*made], thread).is_ok() {
                return;
            }
        }
        drop(thread.take_exception());
    }
    let mut text = match (message, object) {
        (Some(message), Some(object)) => format!("{message} {}:\n", crate::protocol::special::safe_repr(object, thread)),
        (Some(message), None) => format!("{message}:\n"),
        (None, Some(object)) => format!("Exception ignored in: {}\n", crate::protocol::special::safe_repr(object, thread)),
        (None, None) => String::new(),
    };
    text.push_str(&crate::exceptions::display::render_alone(*exception, thread));
    crate::exceptions::display::write_to_stderr(&text, thread);
}
