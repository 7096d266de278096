//! `alarm` and the interval timers.

use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};

pub fn alarm(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let seconds = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: a plain system call that cannot fail.
    Ok(Owned::int(i64::from(unsafe { libc::alarm(seconds as libc::c_uint) })))
}

fn as_seconds(time: &libc::timeval) -> Owned {
    Owned::float(time.tv_sec as f64 + time.tv_usec as f64 / 1e6)
}

fn as_pair(timer: &libc::itimerval) -> Owned {
    tuple::pack([as_seconds(&timer.it_value), as_seconds(&timer.it_interval)])
}

/// `signal.ItimerError` for the C library's `errno`.
fn timer_error(thread: &mut Thread) -> Raised {
    let errno = crate::system_call::last_errno();
    let text = pyrt_runtime::exceptions::raise::system_error_text(errno);
    let made = super::ITIMER_ERROR.get(thread).and_then(|class| {
        let args = [Owned::int(i64::from(errno)), Owned::str(&text)];
        call::call(class, &[*args[0], *args[1]], thread)
    });
    match made {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

pub fn setitimer(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let which = convert::as_c_int(args.at(0), thread)?;
    let value = duration::nanoseconds(args.at(1), Rounding::Ceiling, thread)?;
    let interval = match args.get(2) {
        Some(interval) => duration::nanoseconds(interval, Rounding::Ceiling, thread)?,
        None => 0,
    };
    let new = libc::itimerval {
        it_value: duration::timeval(value, Rounding::Ceiling),
        it_interval: duration::timeval(interval, Rounding::Ceiling),
    };
    // SAFETY: all-zero is a valid timer; the call fills it.
    let mut old: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::setitimer(which as _, &raw const new, &raw mut old) } != 0 {
        return Err(timer_error(thread));
    }
    Ok(as_pair(&old))
}

pub fn getitimer(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let which = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: all-zero is a valid timer; the call fills it.
    let mut timer: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::getitimer(which as _, &raw mut timer) } != 0 {
        return Err(timer_error(thread));
    }
    Ok(as_pair(&timer))
}
