//! `sys`.

use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::gil;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{list, module, std_printer};

/// Makes `sys` and puts it into `sys.modules` with `builtins`.
pub fn install(thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let sys = module::new("sys");
    module::add_functions(*sys, FUNCTIONS);
    if let Some(modules) = interpreter.modules_dict() {
        module::add(*sys, "modules", modules.clone());
        let dict = DictObject::of(*modules);
        dict.set_by_text("sys", sys.clone());
        if let Some(builtins) = interpreter.load(&interpreter.builtins_module) {
            dict.set_by_text("builtins", builtins);
        }
    }
    for (name, descriptor) in [("stdout", 1), ("stderr", 2), ("__stdout__", 1), ("__stderr__", 2)] {
        module::add(*sys, name, std_printer::new(descriptor));
    }
    let argv = interpreter.config.read().argv.clone();
    module::add(*sys, "argv", list::from_vec(argv.iter().map(|argument| Owned::str(argument)).collect()));
    module::add(*sys, "maxsize", Owned::int(i64::MAX));
    interpreter.store(&interpreter.sys_dict, module::dict_of(*sys));
    interpreter.store(&interpreter.sys_module, Some(sys));
    Ok(())
}

fn is_gil_enabled(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(gil::is_enabled()))
}

fn getrefcount(_module: Value, value: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a pointer value is a live object.
    Ok(Owned::int(if value.is_pointer() { unsafe { pyrt_runtime::object::refcount::count(&*value.header()) } } else { i64::from(u32::MAX) }))
}

fn getrecursionlimit(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(thread.interpreter.recursion_limit())))
}

static FUNCTIONS: &[MethodDef] = &[
    method("_is_gil_enabled", NativeFn::NoArgs(is_gil_enabled), "($module, /)", "Whether a GIL is in force."),
    method("getrefcount", NativeFn::One(getrefcount), "($module, object, /)", "The number of references to an object."),
    method("getrecursionlimit", NativeFn::NoArgs(getrecursionlimit), "($module, /)", "The limit of nested calls."),
];
