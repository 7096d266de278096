//! The module `atexit`. The functions lie in a list of the interpreter, the last registered first.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::lifecycle;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, compare};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "atexit", initialize };

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("allow programmer to define multiple exit functions to be executed\nupon normal program termination.\n\nTwo public functions, register and unregister, are defined.\n"));
    module::add_functions(this, FUNCTIONS);
    functions(thread);
    Ok(())
}

/// The interpreter's list.
fn functions(thread: &mut Thread) -> Owned {
    let interpreter = thread.interpreter;
    interpreter.load(&interpreter.exit_functions).unwrap_or_else(|| {
        let made = list::new();
        interpreter.store(&interpreter.exit_functions, Some(made.clone()));
        made
    })
}

fn register(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let Some(function) = args.get(0) else {
        return Err(thread.raise_type_error("register() takes at least 1 argument (0 given)"));
    };
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("the first argument must be callable"));
    }
    let keywords = dict::new();
    for i in 0..kwnames.len() {
        if let Some(name) = kwnames.get(i) {
            DictObject::of(*keywords).set(name, args.keyword(i).to_owned(), thread)?;
        }
    }
    let positional = tuple::from_vec(args.from(1).iter().map(|arg| arg.to_owned()).collect());
    let entry = tuple::pack([function.to_owned(), positional, keywords]);
    ListObject::of(*functions(thread)).splice(0, 0, vec![entry]);
    Ok(function.to_owned())
}

fn run_exitfuncs(_module: Value, thread: &mut Thread) -> PyResult {
    lifecycle::run_exit_functions(thread);
    Ok(Owned::none())
}

fn clear(_module: Value, thread: &mut Thread) -> PyResult {
    let functions = functions(thread);
    drop(ListObject::of(*functions).take_all());
    Ok(Owned::none())
}

fn unregister(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    let functions = functions(thread);
    let list = ListObject::of(*functions);
    for entry in list.to_vec() {
        let Some(own) = TupleObject::of(*entry).items().first() else { continue };
        if compare::equals(*own, function, thread)? {
            // The comparison may have changed the list.
            if let Some(at) = list.to_vec().iter().position(|now| now.is(*entry)) {
                drop(list.remove_at(at));
            }
        }
    }
    Ok(Owned::none())
}

fn ncallbacks(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(ListObject::of(*functions(thread)).len()))
}

static FUNCTIONS: &[MethodDef] = &[
    method("register", NativeFn::Raw(register), "($module, func, /, *args, **kwargs)", "Registers a function that is called when the program ends, with these arguments.\n\nReturns it, so that register can be used as a decorator."),
    method("_clear", NativeFn::NoArgs(clear), "($module, /)", "Forgets all functions."),
    method("unregister", NativeFn::One(unregister), "($module, func, /)", "Forgets a function, however often it was registered."),
    method("_run_exitfuncs", NativeFn::NoArgs(run_exitfuncs), "($module, /)", "Calls all functions, the last registered first."),
    method("_ncallbacks", NativeFn::NoArgs(ncallbacks), "($module, /)", "The number of functions."),
];
