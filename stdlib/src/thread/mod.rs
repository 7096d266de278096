//! `_thread`: OS threads that run Python, and locks.

pub mod handle;
pub mod lock;
pub mod recursive_lock;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, compare, convert};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{DICT, TUPLE};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_thread", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("OS threads that run Python, and locks: what `threading` is made of."));
    module::add_functions(this, FUNCTIONS);
    module::add_type(this, &lock::LOCK);
    module::add(this, "LockType", lock::LOCK.get().value().to_owned());
    module::add_type(this, &lock::RLOCK);
    module::add_type(this, &handle::HANDLE);
    module::add(this, "error", exc::RUNTIME_ERROR.get().value().to_owned());
    module::add(this, "TIMEOUT_MAX", Owned::float(lock::TIMEOUT_MAX));
    Ok(())
}

fn allocate_lock(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(lock::new_lock())
}

fn get_ident(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(thread.shared.ident.load(Ordering::Relaxed) as i64))
}

fn get_native_id(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(thread.shared.native_id.load(Ordering::Relaxed) as i64))
}

fn get_main_thread_ident(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(thread.interpreter.main_thread.load(Ordering::Relaxed) as i64))
}

fn count(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(handle::count()))
}

fn start_new_thread(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let function = args.at(0);
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("first arg must be callable"));
    }
    if !handle::is_instance_of(args.at(1), TUPLE.get()) {
        return Err(thread.raise_type_error("2nd arg must be a tuple"));
    }
    let kwargs = args.get(2);
    if kwargs.is_some_and(|kwargs| !handle::is_instance_of(kwargs, DICT.get())) {
        return Err(thread.raise_type_error("optional 3rd arg must be a dictionary"));
    }
    let state = handle::detached_state();
    let kwargs = kwargs.map(|kwargs| kwargs.to_owned());
    Ok(Owned::int(handle::start(function, args.at(1).to_owned(), kwargs, state, thread)? as i64))
}

fn start_joinable_thread(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let function = args.at(0);
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("thread function must be callable"));
    }
    let handle = match args.get(1).filter(|handle| !handle.is_none()) {
        Some(handle) => handle.to_owned(),
        None => handle::new_handle(),
    };
    let Some(state) = handle::state_of(*handle) else {
        return Err(thread.raise_type_error("'handle' must be a _ThreadHandle"));
    };
    let is_daemon = match args.get(2) {
        Some(daemon) => compare::truth(daemon, thread)?,
        None => true,
    };
    handle::set_daemon(&state, is_daemon);
    handle::start(function, tuple::from_vec(Vec::new()), None, state, thread)?;
    Ok(handle)
}

fn make_thread_handle(_module: Value, ident: Value, thread: &mut Thread) -> PyResult {
    let ident = convert::index_as_i64(ident, thread, Some(&exc::OVERFLOW_ERROR))?;
    Ok(handle::handle_of_running(ident as u64))
}

fn shutdown(_module: Value, thread: &mut Thread) -> PyResult {
    handle::join_all(thread)?;
    Ok(Owned::none())
}

fn exit(_module: Value, thread: &mut Thread) -> PyResult {
    Err(pyrt_runtime::exceptions::raise_class(exc::SYSTEM_EXIT.get().value(), thread))
}

fn stack_size(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    const LEAST: i64 = 32 << 10;
    let bytes = match args.get(0) {
        None => return Ok(Owned::int(handle::stack_size(None) as i64)),
        Some(bytes) => convert::index_as_i64(bytes, thread, Some(&exc::OVERFLOW_ERROR))?,
    };
    if bytes < 0 {
        return Err(thread.raise_value_error("size must be 0 or a positive value"));
    }
    if bytes != 0 && bytes < LEAST {
        return Err(thread.raise_value_error(format!("size not valid: {bytes} bytes")));
    }
    Ok(Owned::int(handle::stack_size(Some(bytes as usize)) as i64))
}

fn daemon_threads_allowed(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(true))
}

const START: &str = "-($module, function, args, kwargs=<unrepresentable>, /)";
const START_JOINABLE: &str = "-($module, function, handle=None, daemon=True)";

static FUNCTIONS: &[MethodDef] = &[
    method("start_new_thread", NativeFn::Bound(start_new_thread), START, "Starts a thread that nobody joins; gives its ident."),
    method("start_new", NativeFn::Bound(start_new_thread), START, "An old name of start_new_thread()."),
    method("start_joinable_thread", NativeFn::Bound(start_joinable_thread), START_JOINABLE, "Starts a thread; gives its handle."),
    method("_make_thread_handle", NativeFn::One(make_thread_handle), "-($module, ident, /)", "The handle of a running thread."),
    method("_get_main_thread_ident", NativeFn::NoArgs(get_main_thread_ident), "-($module, /)", "The main thread's ident."),
    method("_shutdown", NativeFn::NoArgs(shutdown), "-($module, /)", "Waits for all threads that are not daemons."),
    method("daemon_threads_allowed", NativeFn::NoArgs(daemon_threads_allowed), "-($module, /)", "Whether threads may be daemons."),
    method("allocate_lock", NativeFn::NoArgs(allocate_lock), "-($module, /)", "A new lock."),
    method("allocate", NativeFn::NoArgs(allocate_lock), "-($module, /)", "An old name of allocate_lock()."),
    method("get_ident", NativeFn::NoArgs(get_ident), "-($module, /)", "A number that no other living thread has."),
    method("get_native_id", NativeFn::NoArgs(get_native_id), "-($module, /)", "The operating system's number of this thread."),
    method("_count", NativeFn::NoArgs(count), "-($module, /)", "The number of started threads that still run."),
    method("exit", NativeFn::NoArgs(exit), "-($module, /)", "Ends this thread by SystemExit."),
    method("exit_thread", NativeFn::NoArgs(exit), "-($module, /)", "An old name of exit()."),
    method("stack_size", NativeFn::Bound(stack_size), "-($module, size=<unrepresentable>, /)", "The native stack of new threads in bytes."),
];
