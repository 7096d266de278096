//! `_sysconfig`: what about the build only the binary knows; the rest is `_pyrt_sysconfigdata.py`.

use pyrt_runtime::FREE_THREADED;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "_sysconfig", initialize };

fn config_vars(_module: Value, _thread: &mut Thread) -> PyResult {
    let vars = dict::new();
    DictObject::of(*vars).set_by_text("Py_GIL_DISABLED", Owned::int(i64::from(FREE_THREADED)));
    DictObject::of(*vars).set_by_text("Py_DEBUG", Owned::int(0));
    Ok(vars)
}

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("A helper for the sysconfig module."));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

static FUNCTIONS: &[MethodDef] =
    &[method("config_vars", NativeFn::NoArgs(config_vars), "($module, /)", "Returns a dictionary containing build variables intended to be exposed by sysconfig.")];
