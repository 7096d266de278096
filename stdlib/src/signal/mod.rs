//! `_signal`: Python functions as signal handlers.
//!
//! The handler that the system calls only notes the signal, asks the main thread to come to a safepoint, wakes it from a
//! wait and writes to the wake-up descriptor. The Python function is called at that safepoint.
//!
//! # Who may touch what
//! * [`PENDING`], [`MAIN`], [`WAKEUP`]: signal handlers too, so they are atomics and nothing else.
//! * [`HANDLERS`]: behind a lock that no signal handler takes.

mod constants;
mod sets;
mod timers;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, compare, convert, finalize};
use pyrt_runtime::sync::{AtomicBool, AtomicI32, AtomicPtr, LeafMutex, Ordering};
use pyrt_runtime::threads::thread_state::{REQUEST_SIGNALS, ThreadShared};
use pyrt_runtime::threads::{parking, safepoint};
use pyrt_runtime::types::struct_sequence::add_to_module;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{frame_object, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;
use crate::system_call::{functions, last_errno, set_errno};

pub const MODULE: NativeModule = NativeModule { name: "_signal", initialize };

/// One more than the greatest signal number.
pub const N_SIGNALS: usize = 65;

/// `signal.itimer_error`.
static ITIMER_ERROR: ExceptionClass = ExceptionClass::new("signal", "itimer_error", &exc::OS_ERROR);

/// Signals that have come and whose functions have not been called.
static PENDING: [AtomicBool; N_SIGNALS] = [const { AtomicBool::new(false) }; N_SIGNALS];
/// The main thread's shared part, null before it is known.
static MAIN: AtomicPtr<ThreadShared> = AtomicPtr::new(std::ptr::null_mut());
/// Where signal numbers are written to, -1 for nowhere.
static WAKEUP: AtomicI32 = AtomicI32::new(-1);
static WAKEUP_WARNS: AtomicBool = AtomicBool::new(true);
/// `errno` of a failed write to the wake-up descriptor that has not been reported, 0 for none.
static WAKEUP_ERRNO: AtomicI32 = AtomicI32::new(0);

/// What a signal does.
#[derive(Clone)]
enum Handler {
    Default,
    Ignore,
    Function(Owned),
    /// Set by other code than Python's.
    Foreign,
}

static HANDLERS: LeafMutex<[Handler; N_SIGNALS]> = LeafMutex::new([const { Handler::Foreign }; N_SIGNALS]);

static FUNCTIONS: &[MethodDef] = functions! {
    "signal" Bound(signal) "($module, signalnum, handler, /)" "Sets what a signal does; gives what it did before.";
    "getsignal" Bound(getsignal) "($module, signalnum, /)" "What a signal does.";
    "default_int_handler" Bound(default_int_handler) "($module, signalnum, frame, /)" "Raises KeyboardInterrupt.";
    "raise_signal" Bound(raise_signal) "($module, signalnum, /)" "Sends a signal to this process.";
    "strsignal" Bound(strsignal) "($module, signalnum, /)" "The system's description of a signal.";
    "siginterrupt" Bound(siginterrupt) "($module, signalnum, flag, /)" "Whether a signal interrupts system calls.";
    "set_wakeup_fd" Bound(set_wakeup_fd) "($module, fd, /, *, warn_on_full_buffer=True)" "Sets the descriptor that signal numbers are written to.";
    "pause" NoArgs(pause) "($module, /)" "Waits for a signal.";
    "alarm" Bound(timers::alarm) "($module, seconds, /)" "Has SIGALRM sent after some seconds.";
    "setitimer" Bound(timers::setitimer) "($module, which, seconds, interval=0.0, /)" "Starts or stops a timer.";
    "getitimer" Bound(timers::getitimer) "($module, which, /)" "What is left of a timer.";
    "pthread_kill" Bound(sets::pthread_kill) "($module, thread_id, signalnum, /)" "Sends a signal to a thread.";
    "pthread_sigmask" Bound(sets::pthread_sigmask) "($module, how, mask, /)" "Changes which signals the thread blocks.";
    "sigpending" NoArgs(sets::sigpending) "($module, /)" "The signals that wait to be delivered.";
    "sigwait" Bound(sets::sigwait) "($module, sigset, /)" "Waits for one of the signals and takes it.";
    "sigwaitinfo" Bound(sets::sigwaitinfo) "($module, sigset, /)" "As sigwait(), with all that is known about the signal.";
    "sigtimedwait" Bound(sets::sigtimedwait) "($module, sigset, timeout, /)" "As sigwaitinfo(), with a time limit.";
    "valid_signals" NoArgs(sets::valid_signals) "($module, /)" "All signals of the system.";
    "pidfd_send_signal" Bound(sets::pidfd_send_signal) "($module, pidfd, signalnum, siginfo=None, flags=0, /)" "Sends a signal to the process of a descriptor.";
};

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Functions called for signals. Use the module signal."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in constants::CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    add_to_module::<sets::StructSiginfo>(this);
    let error = ITIMER_ERROR.get(thread)?.to_owned();
    module::add(this, "ItimerError", error);
    look_at_handlers();
    if let Some(main) = thread.is_main.then_some(thread.shared) {
        MAIN.store(std::ptr::from_ref(main).cast_mut(), Ordering::SeqCst);
    }
    thread.interpreter.set_hooks(|hooks| hooks.run_signal_handlers = Some(run_handlers));
    Ok(())
}

/// Does what a Python process does at its start: broken pipes are errors of the calls, and SIGINT raises
/// KeyboardInterrupt. Called in the main thread, once `_signal` can be imported.
pub fn install(thread: &mut Thread) -> PyResult<()> {
    // SAFETY: plain system calls.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let import = thread.interpreter.builtin(pyrt_runtime::names().__import__);
    let Some(import) = import else { return Err(thread.raise(&exc::IMPORT_ERROR, "__import__ not found")) };
    let this = call::call(*import, &[*Owned::str("_signal")], thread)?;
    look_at_handlers();
    let is_default = matches!(HANDLERS.lock()[libc::SIGINT as usize], Handler::Default);
    if is_default {
        let function = pyrt_runtime::protocol::attribute::get_by_text(*this, "default_int_handler", thread)?;
        set_disposition(libc::SIGINT, on_signal as *const () as libc::sighandler_t);
        HANDLERS.lock()[libc::SIGINT as usize] = Handler::Function(function);
    }
    Ok(())
}

/// Ends the process as an unhandled KeyboardInterrupt does, so that a shell sees that it died by SIGINT. Returns the
/// exit status for the case that the signal does not end it.
pub fn die_of_interrupt() -> i32 {
    set_disposition(libc::SIGINT, libc::SIG_DFL);
    // SAFETY: plain system calls.
    unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
    128 + libc::SIGINT
}

/// As if a signal had come: for `_thread.interrupt_main`.
pub fn simulate(signal: i32) {
    let known = HANDLERS.lock().get(signal as usize).cloned();
    if matches!(known, Some(Handler::Function(_))) {
        note(signal);
    }
}

pub use sets::to_set as signal_set;

/// In the child after `fork`: the signals that its parent has not handled yet are the parent's.
pub fn reset_after_fork() {
    for flag in &PENDING {
        flag.store(false, Ordering::SeqCst);
    }
}

/// The calling thread has become the main one (in a forked child).
pub fn adopt_main(thread: &Thread) {
    MAIN.store(std::ptr::from_ref(thread.shared).cast_mut(), Ordering::SeqCst);
}

/// Takes over what the system says for signals whose handlers Python has not set.
fn look_at_handlers() {
    let mut handlers = HANDLERS.lock();
    for (signal, handler) in handlers.iter_mut().enumerate().skip(1) {
        if matches!(handler, Handler::Function(_)) {
            continue;
        }
        // SAFETY: all-zero is a valid action, which the call fills.
        let set = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal as i32, std::ptr::null(), &raw mut action) < 0 {
                *handler = Handler::Foreign;
                continue;
            }
            action.sa_sigaction
        };
        *handler = match set {
            libc::SIG_DFL => Handler::Default,
            libc::SIG_IGN => Handler::Ignore,
            // The native run-time watches these for stack overflow; to Python they are as they were.
            _ if matches!(signal as i32, libc::SIGSEGV | libc::SIGBUS) => Handler::Default,
            _ => Handler::Foreign,
        };
    }
}

fn set_disposition(signal: i32, handler: libc::sighandler_t) -> bool {
    // SAFETY: all-zero is a valid action; the handler keeps to what signal handlers may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut()) == 0
    }
}

/// What the system calls.
extern "C" fn on_signal(signal: libc::c_int) {
    let errno = last_errno();
    note(signal);
    set_errno(errno);
}

/// Notes a signal and wakes who must know. Async-signal-safe.
fn note(signal: i32) {
    let Some(flag) = PENDING.get(signal as usize) else { return };
    flag.store(true, Ordering::SeqCst);
    let main = MAIN.load(Ordering::SeqCst);
    if !main.is_null() {
        // SAFETY: shared parts of threads are never freed.
        unsafe { (*main).request(REQUEST_SIGNALS) };
    }
    parking::interrupt_main();
    let fd = WAKEUP.load(Ordering::Relaxed);
    if fd >= 0 {
        let byte = signal as u8;
        // SAFETY: one byte.
        let failed = unsafe { libc::write(fd, (&raw const byte).cast(), 1) } < 0;
        if failed {
            let errno = last_errno();
            let is_full = errno == libc::EAGAIN || errno == libc::EWOULDBLOCK;
            if !is_full || WAKEUP_WARNS.load(Ordering::Relaxed) {
                WAKEUP_ERRNO.store(errno, Ordering::Relaxed);
            }
        }
    }
}

/// Calls the functions of the signals that have come: the runtime's hook.
fn run_handlers(thread: &mut Thread) -> PyResult<()> {
    if !thread.is_main {
        return Ok(());
    }
    let errno = WAKEUP_ERRNO.swap(0, Ordering::Relaxed);
    if errno != 0 {
        let _ = thread.raise_os_error(errno, None, None);
        finalize::write_unraisable(Some("Exception ignored when trying to write to the signal wakeup fd"), None, thread);
    }
    for (signal, flag) in PENDING.iter().enumerate() {
        if !flag.swap(false, Ordering::SeqCst) {
            continue;
        }
        let handler = HANDLERS.lock()[signal].clone();
        // While the interpreter goes down no Python function is called for a signal any more.
        let is_ending = thread.interpreter.finalizing.load(Ordering::Relaxed);
        let Handler::Function(function) = (if is_ending { Handler::Default } else { handler }) else {
            let _ = thread.raise(&exc::OS_ERROR, format!("Signal {signal} ignored due to race condition"));
            finalize::write_unraisable(None, None, thread);
            continue;
        };
        let frame = if thread.frame.is_null() { Owned::none() } else { frame_object::of_frame(thread.frame) };
        let result = call::call(*function, &[*Owned::usize(signal), *frame], thread);
        if let Err(raised) = result {
            // The others get their turn at the next safepoint.
            thread.shared.request(REQUEST_SIGNALS);
            return Err(raised);
        }
    }
    Ok(())
}

/// The handler as Python sees it.
fn as_object(handler: &Handler) -> Owned {
    match handler {
        Handler::Default => Owned::int(0),
        Handler::Ignore => Owned::int(1),
        Handler::Function(function) => function.clone(),
        Handler::Foreign => Owned::none(),
    }
}

/// A signal number within range.
fn signal_number(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let signal = convert::as_c_int(value, thread)?;
    if !(1..N_SIGNALS as i32).contains(&signal) {
        return Err(out_of_range(thread));
    }
    Ok(signal)
}

pub fn out_of_range(thread: &mut Thread) -> Raised {
    thread.raise_value_error("signal number out of range")
}

fn signal(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = convert::as_c_int(args.at(0), thread)?;
    if !thread.is_main {
        return Err(thread.raise_value_error("signal only works in main thread of the main interpreter"));
    }
    let signal = match signal {
        1..65 => signal,
        _ => return Err(out_of_range(thread)),
    };
    let wanted = args.at(1);
    let handler = if call::is_callable(wanted) {
        Handler::Function(wanted.to_owned())
    } else if compare::equals(wanted, Value::plain_int(1), thread)? {
        Handler::Ignore
    } else if compare::equals(wanted, Value::plain_int(0), thread)? {
        Handler::Default
    } else {
        return Err(thread.raise_type_error("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"));
    };
    // Signals that came before go to the handler that was there then.
    safepoint::poll(thread)?;
    let system = match &handler {
        Handler::Default | Handler::Foreign => libc::SIG_DFL,
        Handler::Ignore => libc::SIG_IGN,
        Handler::Function(_) => on_signal as *const () as libc::sighandler_t,
    };
    let before = {
        let mut handlers = HANDLERS.lock();
        if !set_disposition(signal, system) {
            drop(handlers);
            return Err(thread.raise_errno());
        }
        std::mem::replace(&mut handlers[signal as usize], handler)
    };
    Ok(as_object(&before))
}

fn getsignal(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = signal_number(args.at(0), thread)?;
    let handler = HANDLERS.lock()[signal as usize].clone();
    Ok(as_object(&handler))
}

fn default_int_handler(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    convert::as_c_int(args.at(0), thread)?;
    Err(pyrt_runtime::exceptions::raise_class(exc::KEYBOARD_INTERRUPT.get().value(), thread))
}

fn raise_signal(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: a plain call.
    let failed = thread.detached(|| unsafe { libc::raise(signal) }) != 0;
    if failed {
        return Err(thread.raise_errno());
    }
    safepoint::poll(thread)?;
    Ok(Owned::none())
}

unsafe extern "C" {
    #[link_name = "strsignal"]
    fn c_strsignal(signal: libc::c_int) -> *mut libc::c_char;
}

fn strsignal(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = signal_number(args.at(0), thread)?;
    // SAFETY: a terminated string of this thread's, or null.
    let text = unsafe {
        let text = c_strsignal(signal);
        if text.is_null() {
            return Ok(Owned::none());
        }
        std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
    };
    Ok(if text.contains("Unknown signal") { Owned::none() } else { Owned::str(&text) })
}

fn siginterrupt(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let signal = signal_number(args.at(0), thread)?;
    let interrupts = convert::as_c_int(args.at(1), thread)? != 0;
    // SAFETY: the action is the one in force, but for one flag.
    let failed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut failed = libc::sigaction(signal, std::ptr::null(), &raw mut action) < 0;
        if interrupts {
            action.sa_flags &= !libc::SA_RESTART;
        } else {
            action.sa_flags |= libc::SA_RESTART;
        }
        failed = failed || libc::sigaction(signal, &raw const action, std::ptr::null_mut()) < 0;
        failed
    };
    if failed { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

fn set_wakeup_fd(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(args.at(0), thread)?;
    let warns = crate::system_call::flag(args.get(1), true, thread)?;
    if !thread.is_main {
        return Err(thread.raise_value_error("set_wakeup_fd only works in main thread of the main interpreter"));
    }
    if fd != -1 {
        // SAFETY: plain system calls; all-zero is a valid stat.
        let flags = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(fd, &raw mut stat) < 0 {
                return Err(thread.raise_errno());
            }
            libc::fcntl(fd, libc::F_GETFL)
        };
        if flags < 0 {
            return Err(thread.raise_errno());
        }
        if flags & libc::O_NONBLOCK == 0 {
            return Err(thread.raise_value_error(format!("the fd {fd} must be in non-blocking mode")));
        }
    }
    WAKEUP_WARNS.store(warns, Ordering::Relaxed);
    Ok(Owned::int(i64::from(WAKEUP.swap(fd, Ordering::Relaxed))))
}

fn pause(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    thread.detached(|| unsafe { libc::pause() });
    safepoint::poll(thread)?;
    Ok(Owned::none())
}
