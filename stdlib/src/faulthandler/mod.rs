//! `faulthandler`: tracebacks when the process dies, after a time, or for a signal.

mod dump;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use dump::Output;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::lifecycle::{FRAME_STACK_BYTES, native_limit};
use pyrt_runtime::object::refcount::FREE_THREADED;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::sync::{AtomicBool, AtomicI32, AtomicU64, LeafMutex, Ordering};
use pyrt_runtime::threads::{gil, stop_the_world, thread_state};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};
use crate::signal::N_SIGNALS;
use crate::system_call::{functions, last_errno, set_errno};

pub const MODULE: NativeModule = NativeModule { name: "faulthandler", initialize };

static FUNCTIONS: &[MethodDef] = functions! {
    "enable" Bound(enable) "($module, /, file=sys.stderr, all_threads=True)" "Shows tracebacks for fatal signals.";
    "disable" NoArgs(disable) "($module, /)" "Shows no tracebacks for fatal signals.";
    "is_enabled" NoArgs(is_enabled) "($module, /)" "Whether tracebacks are shown for fatal signals.";
    "dump_traceback" Bound(dump_traceback) "($module, /, file=sys.stderr, all_threads=True)" "Shows tracebacks now.";
    "dump_c_stack" Bound(dump_c_stack) "($module, /, file=sys.stderr)" "Shows the native stack now.";
    "dump_traceback_later" Bound(dump_traceback_later) "($module, /, timeout, repeat=False, file=sys.stderr, exit=False)" "Shows tracebacks after a time.";
    "cancel_dump_traceback_later" NoArgs(cancel_dump_traceback_later) "($module, /)" "Takes dump_traceback_later() back.";
    "register" Bound(register) "($module, /, signum, file=sys.stderr, all_threads=True, chain=False)" "Shows tracebacks for a signal.";
    "unregister" Bound(unregister) "($module, signum, /)" "Takes register() back.";
    "_read_null" NoArgs(read_null) "($module, /)" "Dies by reading where nothing is.";
    "_sigsegv" Bound(sigsegv) "($module, release_gil=False, /)" "Dies by SIGSEGV.";
    "_fatal_error_c_thread" NoArgs(fatal_error_c_thread) "($module, /)" "Dies by abort() in a native thread.";
    "_sigabrt" NoArgs(sigabrt) "($module, /)" "Dies by SIGABRT.";
    "_sigfpe" NoArgs(sigfpe) "($module, /)" "Dies by SIGFPE.";
    "_stack_overflow" NoArgs(stack_overflow) "($module, /)" "Dies by running out of native stack.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Tracebacks when the process dies, after a time, or for a signal."));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

const FATAL: [(i32, &str); 5] = [
    (libc::SIGBUS, "Bus error"),
    (libc::SIGILL, "Illegal instruction"),
    (libc::SIGFPE, "Floating-point exception"),
    (libc::SIGABRT, "Aborted"),
    (libc::SIGSEGV, "Segmentation fault"),
];

static ENABLED: AtomicBool = AtomicBool::new(false);
static FATAL_FD: AtomicI32 = AtomicI32::new(2);
static FATAL_ALL: AtomicBool = AtomicBool::new(true);
/// What the fatal signals did before.
static PREVIOUS: LeafMutex<Vec<(i32, libc::sigaction)>> = LeafMutex::new(Vec::new());
/// The file objects behind the descriptors, kept open: fatal signals, timer, then one for each signal.
static FILES: LeafMutex<[Option<Owned>; N_SIGNALS + 2]> = LeafMutex::new([const { None }; N_SIGNALS + 2]);

const FATAL_FILE: usize = N_SIGNALS;
const TIMER_FILE: usize = N_SIGNALS + 1;

fn keep_file(slot: usize, file: Option<Owned>) {
    let old = std::mem::replace(&mut FILES.lock()[slot], file);
    drop(old);
}

/// A file argument: its descriptor, flushed, and the object that keeps it open.
fn file_argument(value: Option<Value>, thread: &mut Thread) -> PyResult<(i32, Option<Owned>)> {
    let file = match value.filter(|value| !value.is_none()) {
        Some(value) => value.to_owned(),
        None => match thread.interpreter.sys_get(pyrt_runtime::names().stderr) {
            None => return Err(thread.raise(&exc::RUNTIME_ERROR, "unable to get sys.stderr")),
            Some(file) if file.is_none() => return Err(thread.raise(&exc::RUNTIME_ERROR, "sys.stderr is None")),
            Some(file) => file,
        },
    };
    if convert::is_int(*file) {
        if file.as_bool().is_some() {
            pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, "bool is used as a file descriptor", 1, thread)?;
        }
        let fd = convert::as_c_int(*file, thread)?;
        if fd < 0 {
            return Err(thread.raise_value_error("file is not a valid file descripter"));
        }
        return Ok((fd, None));
    }
    let fileno = attribute::get_by_text(*file, "fileno", thread)?;
    let fd = call::call(*fileno, &[], thread)?;
    let fd = if convert::is_int(*fd) { convert::as_c_int(*fd, thread)? } else { -1 };
    if fd < 0 {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "file.fileno() is not a valid file descriptor"));
    }
    if call::call_method(*file, pyrt_runtime::names().flush, &[], thread).is_err() {
        drop(thread.take_exception());
    }
    Ok((fd, Some(file)))
}

fn truth_or(value: Option<Value>, default: bool, thread: &mut Thread) -> PyResult<bool> {
    match value {
        Some(value) => compare::truth(value, thread),
        None => Ok(default),
    }
}

fn install(signal: i32, handler: extern "C" fn(libc::c_int), flags: i32) -> Option<libc::sigaction> {
    // SAFETY: all-zero is a valid action; the handler keeps to what signal handlers may do.
    unsafe {
        let (mut action, mut old): (libc::sigaction, libc::sigaction) = (std::mem::zeroed(), std::mem::zeroed());
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = flags | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        (libc::sigaction(signal, &raw const action, &raw mut old) == 0).then_some(old)
    }
}

/// Bytes of the stack on which a handler runs after the thread's own has overflowed.
const ALTERNATE_STACK_BYTES: usize = 128 << 10;

/// Gives the calling thread an alternate stack for signal handlers, if it has none. It stays for the thread's life.
fn provide_alternate_stack() {
    // SAFETY: all-zero is a valid `stack_t`; the memory is mapped for good.
    unsafe {
        let mut known: libc::stack_t = std::mem::zeroed();
        if libc::sigaltstack(std::ptr::null(), &raw mut known) != 0 || known.ss_flags & libc::SS_DISABLE == 0 {
            return;
        }
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let memory = libc::mmap(std::ptr::null_mut(), ALTERNATE_STACK_BYTES, access, kind, -1, 0);
        if memory != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: ALTERNATE_STACK_BYTES };
            libc::sigaltstack(&raw const stack, std::ptr::null_mut());
        }
    }
}

extern "C" fn on_fatal(signal: libc::c_int) {
    let errno = last_errno();
    // The second time the signal does what it did before.
    // SAFETY: plain system calls; all-zero is the default action.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
    let out = Output(FATAL_FD.load(Ordering::Relaxed));
    let name = FATAL.iter().find(|(number, _)| *number == signal).map_or("unknown", |(_, name)| name);
    out.text("Fatal Python error: ");
    out.text(name);
    out.text("\n\n");
    let current = thread_state::current();
    if FATAL_ALL.load(Ordering::Relaxed) {
        dump::all_threads(&out, current);
    } else {
        dump::current_thread(&out, current);
    }
    out.text("\n");
    dump::native_stack(&out);
    set_errno(errno);
    // SAFETY: sends the signal again, now with its default action.
    unsafe { libc::raise(signal) };
}

fn enable(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (fd, file) = file_argument(args.get(0), thread)?;
    let all = truth_or(args.get(1), true, thread)?;
    keep_file(FATAL_FILE, file);
    FATAL_FD.store(fd, Ordering::Relaxed);
    FATAL_ALL.store(all, Ordering::Relaxed);
    if !ENABLED.swap(true, Ordering::Relaxed) {
        provide_alternate_stack();
        let mut previous = PREVIOUS.lock();
        for (signal, _) in FATAL {
            if let Some(old) = install(signal, on_fatal, libc::SA_NODEFER) {
                previous.push((signal, old));
            }
        }
    }
    Ok(Owned::none())
}

fn disable(_module: Value, _thread: &mut Thread) -> PyResult {
    let was_enabled = ENABLED.swap(false, Ordering::Relaxed);
    for (signal, action) in std::mem::take(&mut *PREVIOUS.lock()) {
        // SAFETY: the action that was in force before.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
    keep_file(FATAL_FILE, None);
    Ok(Owned::bool(was_enabled))
}

fn is_enabled(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(ENABLED.load(Ordering::Relaxed)))
}

/// All threads' tracebacks while none of them runs.
fn dump_all(out: &Output, mark: bool, thread: &mut Thread) {
    let current: *mut Thread = thread;
    let _world = stop_the_world::stop(thread);
    dump::all_threads(out, if mark { current } else { std::ptr::null_mut() });
}

fn dump_traceback(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (fd, _file) = file_argument(args.get(0), thread)?;
    let out = Output(fd);
    if truth_or(args.get(1), true, thread)? {
        dump_all(&out, true, thread);
    } else {
        dump::own_stack(&out, thread);
    }
    Ok(Owned::none())
}

fn dump_c_stack(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (fd, _file) = file_argument(args.get(0), thread)?;
    dump::native_stack(&Output(fd));
    Ok(Owned::none())
}

/// The timer that runs: dropping its flag's owner cancels it.
struct Timer {
    is_cancelled: Mutex<bool>,
    signal: Condvar,
}

static TIMER: LeafMutex<Option<Arc<Timer>>> = LeafMutex::new(None);

/// `(H:MM:SS)` or with microseconds.
fn heading(nanoseconds: i64) -> String {
    let micros = nanoseconds / 1000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if micros != 0 { format!("Timeout ({hours}:{minutes:02}:{seconds:02}.{micros:06})!\n") } else { format!("Timeout ({hours}:{minutes:02}:{seconds:02})!\n") }
}

fn dump_traceback_later(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let time = duration::nanoseconds(args.at(0), Rounding::Ceiling, thread)?;
    let repeats = truth_or(args.get(1), false, thread)?;
    let exits = truth_or(args.get(3), false, thread)?;
    if time <= 0 {
        return Err(thread.raise_value_error("timeout must be greater than 0"));
    }
    let (fd, file) = file_argument(args.get(2), thread)?;
    cancel();
    keep_file(TIMER_FILE, file);
    let timer = Arc::new(Timer { is_cancelled: Mutex::new(false), signal: Condvar::new() });
    *TIMER.lock() = Some(timer.clone());
    let interpreter = thread.interpreter;
    thread_state::note_other_threads();
    let body = move || {
        // Signals are for the threads of the program.
        // SAFETY: valid sets, made by the calls.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        }
        loop {
            let cancelled = timer.is_cancelled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let waited = timer.signal.wait_timeout_while(cancelled, Duration::from_nanos(time as u64), |cancelled| !*cancelled);
            let is_cancelled = waited.map_or_else(|poisoned| *poisoned.into_inner().0, |(cancelled, _)| *cancelled);
            if is_cancelled {
                return;
            }
            let out = Output(fd);
            out.text(&heading(time));
            if FREE_THREADED && !gil::is_enabled() {
                // Frames may be read in a stopped world only, and only a thread of the runtime can stop it.
                let mut own = thread_state::register(interpreter, false, native_limit(), FRAME_STACK_BYTES);
                thread_state::attach(&mut own);
                dump_others(&out, &mut own);
                thread_state::unregister(own);
            } else {
                dump::all_threads(&out, std::ptr::null_mut());
            }
            if exits {
                // SAFETY: ends the process.
                unsafe { libc::_exit(1) };
            }
            if !repeats {
                return;
            }
        }
    };
    if std::thread::Builder::new().stack_size(1 << 20).spawn(body).is_err() {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "unable to start watchdog thread"));
    }
    Ok(Owned::none())
}

fn dump_others(out: &Output, own: &mut Thread) {
    let hidden = std::ptr::from_mut(own);
    let _world = stop_the_world::stop(own);
    dump::all_threads_but(hidden, out, std::ptr::null_mut());
}

fn cancel() {
    let timer = TIMER.lock().take();
    if let Some(timer) = timer {
        *timer.is_cancelled.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
        timer.signal.notify_all();
    }
}

fn cancel_dump_traceback_later(_module: Value, _thread: &mut Thread) -> PyResult {
    cancel();
    keep_file(TIMER_FILE, None);
    Ok(Owned::none())
}

/// One signal that tracebacks are shown for: -1, or the descriptor.
static USER_FD: [AtomicI32; N_SIGNALS] = [const { AtomicI32::new(-1) }; N_SIGNALS];
static USER_ALL: [AtomicBool; N_SIGNALS] = [const { AtomicBool::new(false) }; N_SIGNALS];
/// The handler to go on to: 0 for none.
static USER_CHAIN: [AtomicU64; N_SIGNALS] = [const { AtomicU64::new(0) }; N_SIGNALS];
static USER_PREVIOUS: LeafMutex<Vec<(i32, libc::sigaction)>> = LeafMutex::new(Vec::new());

extern "C" fn on_user_signal(signal: libc::c_int) {
    let Some(fd) = USER_FD.get(signal as usize).map(|fd| fd.load(Ordering::Relaxed)).filter(|fd| *fd >= 0) else { return };
    let errno = last_errno();
    let out = Output(fd);
    let current = thread_state::current();
    let shows_all = USER_ALL[signal as usize].load(Ordering::Relaxed);
    if shows_all && (gil::is_enabled() || !thread_state::has_other_threads()) {
        dump::all_threads(&out, current);
    } else if shows_all {
        // Other threads run on beside a signal handler: their frames cannot be read.
        dump::current_thread(&out, current);
    } else {
        dump::own_stack(&out, current);
    }
    let chain = USER_CHAIN[signal as usize].load(Ordering::Relaxed) as usize;
    if chain != libc::SIG_DFL && chain != libc::SIG_IGN {
        // SAFETY: the handler that was in force before, which takes the number.
        unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(chain)(signal) };
    }
    set_errno(errno);
}

fn user_signal(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let signal = convert::as_c_int(value, thread)?;
    if FATAL.iter().any(|(fatal, _)| *fatal == signal) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("signal {signal} cannot be registered, use enable() instead")));
    }
    if !(1..N_SIGNALS as i32).contains(&signal) {
        return Err(crate::signal::out_of_range(thread));
    }
    Ok(signal)
}

fn register(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = user_signal(args.at(0), thread)?;
    let (fd, file) = file_argument(args.get(1), thread)?;
    let all = truth_or(args.get(2), true, thread)?;
    let chains = truth_or(args.get(3), false, thread)?;
    let is_new = USER_FD[signal as usize].load(Ordering::Relaxed) < 0;
    // A handler that goes on to another must not hold the signal back from it.
    let flags = if chains { libc::SA_NODEFER } else { libc::SA_RESTART };
    if is_new {
        let Some(old) = install(signal, on_user_signal, flags) else { return Err(thread.raise_errno()) };
        USER_PREVIOUS.lock().push((signal, old));
    }
    let before = USER_PREVIOUS.lock().iter().find(|(number, _)| *number == signal).map_or(0, |(_, action)| action.sa_sigaction);
    USER_CHAIN[signal as usize].store(if chains { before as u64 } else { 0 }, Ordering::Relaxed);
    USER_ALL[signal as usize].store(all, Ordering::Relaxed);
    keep_file(signal as usize, file);
    USER_FD[signal as usize].store(fd, Ordering::Relaxed);
    Ok(Owned::none())
}

fn unregister(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = user_signal(args.at(0), thread)?;
    let was_set = USER_FD[signal as usize].swap(-1, Ordering::Relaxed) >= 0;
    let previous = {
        let mut all = USER_PREVIOUS.lock();
        all.iter().position(|(number, _)| *number == signal).map(|at| all.remove(at))
    };
    if let Some((signal, action)) = previous {
        // SAFETY: the action that was in force before.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
    keep_file(signal as usize, None);
    Ok(Owned::bool(was_set))
}

/// These functions mean the process to die and leave no memory image behind.
fn no_core_file() {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain system call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
}

fn die_by(signal: i32) -> PyResult {
    no_core_file();
    // The native run-time's own handler of some signals gives way the first time.
    for _ in 0..2 {
        // SAFETY: a plain call.
        unsafe { libc::raise(signal) };
    }
    Ok(Owned::none())
}

fn read_null(_module: Value, _thread: &mut Thread) -> PyResult {
    die_by(libc::SIGSEGV)
}

fn sigsegv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if truth_or(args.get(0), false, thread)? {
        return thread.detached(|| die_by(libc::SIGSEGV));
    }
    die_by(libc::SIGSEGV)
}

fn sigabrt(_module: Value, _thread: &mut Thread) -> PyResult {
    die_by(libc::SIGABRT)
}

fn sigfpe(_module: Value, _thread: &mut Thread) -> PyResult {
    die_by(libc::SIGFPE)
}

fn fatal_error_c_thread(_module: Value, thread: &mut Thread) -> PyResult {
    no_core_file();
    let started = std::thread::Builder::new().spawn(|| {
        Output(2).text("Fatal Python error: faulthandler_fatal_error_thread: in new thread\n");
        // SAFETY: ends the process.
        unsafe { libc::abort() }
    });
    match started {
        Ok(handle) => {
            thread.detached(|| drop(handle.join()));
            Ok(Owned::none())
        }
        Err(_) => Err(thread.raise(&exc::RUNTIME_ERROR, "unable to start the thread")),
    }
}

fn stack_overflow(_module: Value, _thread: &mut Thread) -> PyResult {
    no_core_file();
    /// Uses up the native stack.
    #[inline(never)]
    fn deeper(depth: usize) -> usize {
        let room = std::hint::black_box([depth; 512]);
        if depth == usize::MAX { room[0] } else { deeper(depth + 1).wrapping_add(room[depth % 512]) }
    }
    Ok(Owned::usize(std::hint::black_box(deeper(1))))
}
