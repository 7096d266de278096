//! The module `_contextvars`.
//!
//! The current context of a thread lies in its thread state; a thread has none until it is first asked for.
pub mod context;
mod map;
mod variable;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_contextvars", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Context Variables"));
    if let Some(dict) = variable::TOKEN.get().dict() {
        dict.set_by_text("MISSING", variable::missing().to_owned());
    }
    module::add_type(this, &context::CONTEXT);
    module::add_type(this, &variable::CONTEXT_VAR);
    module::add_type(this, &variable::TOKEN);
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

fn copy_context(_module: Value, thread: &mut Thread) -> PyResult {
    let current = context::current(thread);
    Ok(context::copy_of(*current))
}

static FUNCTIONS: &[MethodDef] =
    &[method("copy_context", NativeFn::NoArgs(copy_context), "($module, /)", "A copy of the current context.")];
