//! Sets of signals: masks, waiting for signals; sending them.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, convert, iterate};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::types::builtin_types::{INT, SET};
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::{int, list};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::N_SIGNALS;
use crate::duration::{self, Rounding};
use crate::system_call::{last_errno, none_or_errno};

struct_sequence! {
    pub STRUCT_SIGINFO: StructSiginfo = "signal.struct_siginfo", "struct_siginfo: Result from sigwaitinfo or sigtimedwait.", 7, [
        ("si_signo", 0, "signal number"), ("si_code", 1, "signal code"),
        ("si_errno", 2, "errno associated with this signal"), ("si_pid", 3, "sending process ID"),
        ("si_uid", 4, "real user ID of sending process"), ("si_status", 5, "exit value or signal"),
        ("si_band", 6, "band event for SIGPOLL"),
    ]
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: the call makes a valid set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

/// The set of an iterable of numbers.
pub fn to_set(signals: Value, thread: &mut Thread) -> PyResult<libc::sigset_t> {
    let mut set = empty_set();
    for item in iterate::collect(signals, thread)? {
        let whole = convert::index(*item, thread)?;
        let number = int::as_i64(*whole).unwrap_or(-1);
        if !(1..N_SIGNALS as i64).contains(&number) {
            return Err(thread.raise_value_error(format!("signal number {number} out of range [1; {}]", N_SIGNALS - 1)));
        }
        // The C library keeps some numbers to itself and refuses them; that is no error.
        // SAFETY: a valid set.
        unsafe { libc::sigaddset(&raw mut set, number as i32) };
    }
    Ok(set)
}

/// A Python set of numbers.
fn from_set(set: &libc::sigset_t, thread: &mut Thread) -> PyResult {
    // SAFETY: a valid set.
    let numbers = (1..N_SIGNALS as i32).filter(|number| unsafe { libc::sigismember(set, *number) } == 1);
    let items = list::from_vec(numbers.map(|number| Owned::int(i64::from(number))).collect());
    call::call(SET.get().value(), &[*items], thread)
}

pub fn valid_signals(_module: Value, thread: &mut Thread) -> PyResult {
    let mut set = empty_set();
    // SAFETY: a valid set.
    unsafe { libc::sigfillset(&raw mut set) };
    from_set(&set, thread)
}

pub fn pthread_sigmask(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let how = convert::as_c_int(args.at(0), thread)?;
    let mask = to_set(args.at(1), thread)?;
    let mut before = empty_set();
    // SAFETY: valid sets.
    let errno = unsafe { libc::pthread_sigmask(how, &raw const mask, &raw mut before) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    // Signals that were blocked until now have come.
    safepoint::poll(thread)?;
    from_set(&before, thread)
}

pub fn sigpending(_module: Value, thread: &mut Thread) -> PyResult {
    let mut set = empty_set();
    // SAFETY: a valid set, which the call fills.
    if unsafe { libc::sigpending(&raw mut set) } != 0 {
        return Err(thread.raise_errno());
    }
    from_set(&set, thread)
}

pub fn sigwait(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let set = to_set(args.at(0), thread)?;
    let mut signal = 0;
    let to = &raw mut signal;
    // SAFETY: a valid set, room for the number.
    let errno = thread.detached(|| unsafe { libc::sigwait(&raw const set, to) });
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    Ok(Owned::int(i64::from(signal)))
}

fn from_info(info: &libc::siginfo_t) -> Owned {
    let number = |number: i32| Owned::int(i64::from(number));
    // SAFETY: the kernel has filled the structure; which of the overlapping fields mean something depends on the signal.
    let (pid, uid, status, band) = unsafe {
        // `si_band` is the first long behind the common part of three ints (and padding).
        let band = std::ptr::from_ref(info).cast::<u8>().add(16).cast::<i64>().read_unaligned();
        (info.si_pid(), info.si_uid(), info.si_status(), band)
    };
    build::<StructSiginfo>(vec![
        number(info.si_signo),
        number(info.si_code),
        number(info.si_errno),
        number(pid),
        Owned::int(i64::from(uid)),
        number(status),
        Owned::int(band),
    ])
}

fn wait_info(set: &libc::sigset_t, deadline: Option<i64>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: all-zero is a valid siginfo, which the calls fill.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let to = &raw mut info;
    loop {
        let left = deadline.map(|deadline| duration::timespec((deadline - duration::monotonic()).max(0)));
        // SAFETY: valid set, room for the result.
        let result = thread.detached(|| unsafe {
            match &left {
                Some(left) => libc::sigtimedwait(set, to, left),
                None => libc::sigwaitinfo(set, to),
            }
        });
        if result >= 0 {
            return Ok(Some(from_info(&info)));
        }
        match last_errno() {
            libc::EINTR => safepoint::poll(thread)?,
            libc::EAGAIN if deadline.is_some() => return Ok(None),
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    }
}

pub fn sigwaitinfo(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let set = to_set(args.at(0), thread)?;
    Ok(wait_info(&set, None, thread)?.unwrap_or_else(Owned::none))
}

pub fn sigtimedwait(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let set = to_set(args.at(0), thread)?;
    let time = duration::nanoseconds(args.at(1), Rounding::Ceiling, thread)?;
    if time < 0 {
        return Err(thread.raise_value_error("timeout must be non-negative"));
    }
    let deadline = duration::monotonic().saturating_add(time);
    Ok(wait_info(&set, Some(deadline), thread)?.unwrap_or_else(Owned::none))
}

pub fn pthread_kill(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if !args.at(0).is_instance(INT.get()) {
        let name = args.at(0).type_object().full_name();
        return Err(thread.raise_type_error(format!("pthread_kill() argument 1 must be int, not {name}")));
    }
    let Some(ident) = int::as_u64(args.at(0)) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned long"));
    };
    let signal = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: as in CPython an ident that is no thread's is the caller's fault.
    let errno = unsafe { libc::pthread_kill(ident as libc::pthread_t, signal) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    safepoint::poll(thread)?;
    Ok(Owned::none())
}

pub fn pidfd_send_signal(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(args.at(0), thread)?;
    let signal = convert::as_c_int(args.at(1), thread)?;
    if args.get(2).is_some_and(|info| !info.is_none()) {
        return Err(thread.raise_type_error("siginfo must be None"));
    }
    let flags = match args.get(3) {
        Some(flags) => convert::as_c_int(flags, thread)?,
        None => 0,
    };
    let info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a plain system call.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, flags) };
    none_or_errno(result as i32, thread)?;
    safepoint::poll(thread)?;
    Ok(Owned::none())
}
