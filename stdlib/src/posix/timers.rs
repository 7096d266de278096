//! Timers that are file descriptors.

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::fd_argument;
use crate::duration::{self, Rounding};
use crate::system_call::{c_int_or, int_or_errno};

pub fn timerfd_create(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = convert::as_c_int(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), 0, thread)? | libc::TFD_CLOEXEC;
    // SAFETY: a plain system call.
    int_or_errno(i64::from(unsafe { libc::timerfd_create(clock, flags) }), thread)
}

fn pair(timer: &libc::itimerspec, in_nanoseconds: bool) -> Owned {
    let number = |time: &libc::timespec| {
        let time = duration::from_timespec(time);
        if in_nanoseconds { Owned::int(time) } else { Owned::float(duration::as_seconds(time)) }
    };
    tuple::pack([number(&timer.it_value), number(&timer.it_interval)])
}

fn empty() -> libc::itimerspec {
    libc::itimerspec { it_interval: duration::timespec(0), it_value: duration::timespec(0) }
}

fn settime(args: Args<'_>, in_nanoseconds: bool, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    let time = |value: Option<Value>, thread: &mut Thread| match value {
        None => Ok(0),
        Some(value) if in_nanoseconds => convert::as_c_long(value, thread),
        Some(value) => duration::nanoseconds(value, Rounding::Floor, thread),
    };
    let new = libc::itimerspec {
        it_value: duration::timespec(time(args.get(2), thread)?),
        it_interval: duration::timespec(time(args.get(3), thread)?),
    };
    let mut old = empty();
    // SAFETY: fills `old`.
    if unsafe { libc::timerfd_settime(fd, flags, &raw const new, &raw mut old) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(pair(&old, in_nanoseconds))
}

pub fn timerfd_settime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    settime(args, false, thread)
}

pub fn timerfd_settime_ns(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    settime(args, true, thread)
}

fn gettime(args: Args<'_>, in_nanoseconds: bool, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    let mut timer = empty();
    // SAFETY: fills `timer`.
    if unsafe { libc::timerfd_gettime(fd, &raw mut timer) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(pair(&timer, in_nanoseconds))
}

pub fn timerfd_gettime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    gettime(args, false, thread)
}

pub fn timerfd_gettime_ns(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    gettime(args, true, thread)
}
