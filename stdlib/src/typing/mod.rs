//! The module `_typing`: type parameters, type aliases, `Generic`, and the instructions that make them.
mod const_evaluator;
mod generic;
mod no_default;
mod param_spec;
mod type_alias;
mod type_param;
mod type_var;
mod type_var_tuple;

use pyrt_runtime::interpreter::{Interpreter, NativeModule};
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::UNION;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_typing", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Primitives and accelerators for the typing module.\n"));
    for ty in [
        &type_var::TYPE_VAR,
        &param_spec::PARAM_SPEC,
        &param_spec::PARAM_SPEC_ARGS,
        &param_spec::PARAM_SPEC_KWARGS,
        &type_var_tuple::TYPE_VAR_TUPLE,
        &type_alias::TYPE_ALIAS,
        &generic::GENERIC,
        &UNION,
    ] {
        module::add_type(this, ty);
    }
    module::add(this, "NoDefault", no_default::no_default().to_owned());
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

/// Lets the instructions for type parameters and aliases find this module.
pub fn install_hooks(interpreter: &Interpreter) {
    interpreter.set_hooks(|hooks| {
        hooks.typing_intrinsic_1 = Some(generic::intrinsic_1);
        hooks.typing_intrinsic_2 = Some(generic::intrinsic_2);
    });
}

fn idfunc(_module: Value, x: Value, _thread: &mut Thread) -> PyResult {
    Ok(x.to_owned())
}

static FUNCTIONS: &[MethodDef] = &[method("_idfunc", NativeFn::One(idfunc), "($module, x, /)", "")];

/// Calls a function of `typing`, where the rules are that change with it.
fn call_typing(function: &str, args: &[Value], thread: &mut Thread) -> PyResult {
    let typing = pyrt_runtime::import::import_module("typing", thread)?;
    let function = attribute::get_by_text(*typing, function, thread)?;
    call::call(*function, args, thread)
}
