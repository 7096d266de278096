//! `_thread`: OS threads that run Python, and locks.

mod excepthook;
pub mod handle;
mod local;
pub mod lock;
mod raw_lock;
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
use pyrt_runtime::types::{module, string, struct_sequence, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_thread", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("OS threads that run Python, and locks: what `threading` is made of."));
    module::add_functions(this, FUNCTIONS);
    module::add_type(this, &lock::LOCK);
    module::add(this, "LockType", lock::LOCK.get().value().to_owned());
    module::add_type(this, &lock::RLOCK);
    module::add_type(this, &handle::HANDLE);
    module::add(this, "error", exc::RUNTIME_ERROR.get().value().to_owned());
    module::add_type(this, &local::LOCAL);
    struct_sequence::add_to_module::<excepthook::ExceptHookArgs>(this);
    module::add(this, "_NAME_MAXLEN", Owned::usize(NAME_MAX));
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

/// The longest thread name in bytes, without the terminating zero.
const NAME_MAX: usize = 15;

fn set_name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = args.at(0);
    if !string::is_str(name) {
        let type_name = name.type_object().full_name();
        return Err(thread.raise_type_error(format!("set_name() argument 'name' must be str, not {type_name}")));
    }
    // As with the error handler "replace": what UTF-8 cannot express becomes a question mark.
    let text: String = string::StrObject::of(name).chars().iter().map(|ch| char::from_u32(ch).unwrap_or('?')).collect();
    // The system counts bytes: the last character may be cut.
    let part = text.as_bytes()[..text.len().min(NAME_MAX)].split(|byte| *byte == 0).next().unwrap_or(&[]);
    let part = crate::system_call::c_string(part, "embedded null character", thread)?;
    // SAFETY: a terminated string that is short enough.
    let errno = unsafe { libc::pthread_setname_np(libc::pthread_self(), part.as_ptr()) };
    if errno != 0 { Err(thread.raise_os_error(errno, None, None)) } else { Ok(Owned::none()) }
}

fn get_name(_module: Value, thread: &mut Thread) -> PyResult {
    let mut name = [0 as libc::c_char; 100];
    // SAFETY: room as said; the result is terminated.
    let errno = unsafe { libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), name.len()) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    // SAFETY: as above.
    Ok(crate::posix::path::decode(unsafe { std::ffi::CStr::from_ptr(name.as_ptr()) }.to_bytes()))
}

fn is_main_interpreter(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::true_())
}

fn interrupt_main(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = crate::system_call::c_int_or(args.get(0), libc::SIGINT, thread)?;
    if !(1..crate::signal::N_SIGNALS as i32).contains(&signal) {
        return Err(crate::signal::out_of_range(thread));
    }
    crate::signal::simulate(signal);
    pyrt_runtime::threads::safepoint::poll(thread)?;
    Ok(Owned::none())
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
    method("_excepthook", NativeFn::One(excepthook::excepthook), "($module, args, /)", "Reports an exception that ended a thread."),
    method("set_name", NativeFn::Bound(set_name), "($module, /, name)", "Names this thread for the operating system."),
    method("_get_name", NativeFn::NoArgs(get_name), "($module, /)", "This thread's name for the operating system."),
    method("_is_main_interpreter", NativeFn::NoArgs(is_main_interpreter), "($module, /)", "True: there is one interpreter."),
    method("interrupt_main", NativeFn::Bound(interrupt_main), "($module, signum=signal.SIGINT, /)", "As if a signal had come."),
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
