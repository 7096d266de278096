//! `time`: clocks, sleeping, and times broken into their parts.

mod calendar;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::builtin_types::INT;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::struct_sequence::add_to_module;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{module, simple_namespace};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};
use crate::system_call::{functions, none_or_errno};

pub const MODULE: NativeModule = NativeModule { name: "time", initialize };

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Clocks, sleeping, and times broken into their parts."));
    module::add_functions(this, FUNCTIONS);
    for (name, clock) in [
        ("CLOCK_BOOTTIME", libc::CLOCK_BOOTTIME),
        ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC),
        ("CLOCK_MONOTONIC_RAW", libc::CLOCK_MONOTONIC_RAW),
        ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID),
        ("CLOCK_REALTIME", libc::CLOCK_REALTIME),
        ("CLOCK_TAI", libc::CLOCK_TAI),
        ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID),
        ("_STRUCT_TM_ITEMS", 11),
    ] {
        module::add(this, name, Owned::int(i64::from(clock)));
    }
    add_to_module::<calendar::StructTime>(this);
    calendar::add_zone(this, thread);
    Ok(())
}

static FUNCTIONS: &[MethodDef] = functions! {
    "time" NoArgs(time) "($self, /)" "Seconds since the epoch.";
    "time_ns" NoArgs(time_ns) "($self, /)" "Nanoseconds since the epoch.";
    "monotonic" NoArgs(monotonic) "($self, /)" "A clock that cannot go backward, in seconds.";
    "monotonic_ns" NoArgs(monotonic_ns) "($self, /)" "A clock that cannot go backward, in nanoseconds.";
    "perf_counter" NoArgs(monotonic) "($self, /)" "The clock for measuring, in seconds.";
    "perf_counter_ns" NoArgs(monotonic_ns) "($self, /)" "The clock for measuring, in nanoseconds.";
    "process_time" NoArgs(process_time) "($self, /)" "Processor time of the process in seconds.";
    "process_time_ns" NoArgs(process_time_ns) "($self, /)" "Processor time of the process in nanoseconds.";
    "thread_time" NoArgs(thread_time) "($self, /)" "Processor time of the thread in seconds.";
    "thread_time_ns" NoArgs(thread_time_ns) "($self, /)" "Processor time of the thread in nanoseconds.";
    "clock_gettime" Bound(clock_gettime) "($module, clk_id, /)" "The time of a clock in seconds.";
    "clock_gettime_ns" Bound(clock_gettime_ns) "($module, clk_id, /)" "The time of a clock in nanoseconds.";
    "clock_settime" Bound(clock_settime) "-($module, clk_id, time, /)" "Sets a clock.";
    "clock_settime_ns" Bound(clock_settime_ns) "-($module, clk_id, time, /)" "Sets a clock, in nanoseconds.";
    "clock_getres" Bound(clock_getres) "-($module, clk_id, /)" "The resolution of a clock in seconds.";
    "pthread_getcpuclockid" Bound(pthread_getcpuclockid) "-($module, thread_id, /)" "The clock of a thread's processor time.";
    "sleep" One(sleep) "($self, object, /)" "Waits for a number of seconds.";
    "get_clock_info" Bound(get_clock_info) "-($module, name, /)" "What is known about a clock.";
    "gmtime" Bound(calendar::gmtime) "-($module, seconds=None, /)" "A time broken into parts, UTC.";
    "localtime" Bound(calendar::localtime) "-($module, seconds=None, /)" "A time broken into parts, local.";
    "asctime" Bound(calendar::asctime) "-($module, t=<unrepresentable>, /)" "A broken-up time as text.";
    "ctime" Bound(calendar::ctime) "-($module, seconds=None, /)" "A time as text, local.";
    "mktime" One(calendar::mktime) "($self, object, /)" "Seconds since the epoch of a local broken-up time.";
    "strftime" Bound(calendar::strftime) "-($module, format, t=<unrepresentable>, /)" "A broken-up time as text by a format.";
    "strptime" Bound(calendar::strptime) "-($module, *args)" "Text read as a broken-up time by a format.";
    "tzset" NoArgs(calendar::tzset) "($self, /)" "Takes the local time zone from TZ again.";
};

/// The time of a clock.
fn read_clock(clock: libc::clockid_t, thread: &mut Thread) -> PyResult<i64> {
    let mut now = duration::timespec(0);
    // SAFETY: fills `now`.
    if unsafe { libc::clock_gettime(clock, &raw mut now) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(duration::from_timespec(&now))
}

macro_rules! clocks {
    ($($seconds:ident $nanoseconds:ident $clock:ident;)*) => {$(
        fn $seconds(_module: Value, thread: &mut Thread) -> PyResult {
            Ok(Owned::float(duration::as_seconds(read_clock(libc::$clock, thread)?)))
        }

        fn $nanoseconds(_module: Value, thread: &mut Thread) -> PyResult {
            Ok(Owned::int(read_clock(libc::$clock, thread)?))
        }
    )*};
}

clocks! {
    time time_ns CLOCK_REALTIME;
    monotonic monotonic_ns CLOCK_MONOTONIC;
    process_time process_time_ns CLOCK_PROCESS_CPUTIME_ID;
    thread_time thread_time_ns CLOCK_THREAD_CPUTIME_ID;
}

fn clock_id(value: Value, thread: &mut Thread) -> PyResult<libc::clockid_t> {
    if !value.is_instance(INT.get()) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("clk_id should be integer, not {name}")));
    }
    convert::as_c_int(value, thread)
}

fn clock_gettime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = clock_id(args.at(0), thread)?;
    Ok(Owned::float(duration::as_seconds(read_clock(clock, thread)?)))
}

fn clock_gettime_ns(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = clock_id(args.at(0), thread)?;
    Ok(Owned::int(read_clock(clock, thread)?))
}

fn set_clock(clock: libc::clockid_t, time: i64, thread: &mut Thread) -> PyResult {
    let time = duration::timespec(time);
    // SAFETY: a plain system call.
    none_or_errno(unsafe { libc::clock_settime(clock, &raw const time) }, thread)
}

fn clock_settime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = clock_id(args.at(0), thread)?;
    let time = duration::nanoseconds(args.at(1), Rounding::Floor, thread)?;
    set_clock(clock, time, thread)
}

fn clock_settime_ns(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = clock_id(args.at(0), thread)?;
    let time = duration::nanosecond_count(args.at(1), thread)?;
    set_clock(clock, time, thread)
}

fn resolution(clock: libc::clockid_t, thread: &mut Thread) -> PyResult<f64> {
    let mut step = duration::timespec(0);
    // SAFETY: fills `step`.
    if unsafe { libc::clock_getres(clock, &raw mut step) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(step.tv_sec as f64 + step.tv_nsec as f64 * 1e-9)
}

fn clock_getres(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let clock = clock_id(args.at(0), thread)?;
    Ok(Owned::float(resolution(clock, thread)?))
}

fn pthread_getcpuclockid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if !args.at(0).is_instance(INT.get()) {
        let name = args.at(0).type_object().full_name();
        return Err(thread.raise_type_error(format!("pthread_getcpuclockid() argument 1 must be int, not {name}")));
    }
    let ident = pyrt_runtime::types::int::to_bigint(args.at(0));
    let ident = num_traits::ToPrimitive::to_u64(&(ident & num_bigint::BigInt::from(u64::MAX))).unwrap_or(0);
    let mut clock = 0;
    // SAFETY: fills `clock`; as in CPython an ident that is no thread's is the caller's fault.
    let errno = unsafe { libc::pthread_getcpuclockid(ident as libc::pthread_t, &raw mut clock) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    Ok(Owned::int(i64::from(clock)))
}

/// Sleeps until the monotonic clock shows `deadline`; signal handlers run in between.
pub fn sleep_until(deadline: i64, thread: &mut Thread) -> PyResult<()> {
    let until = duration::timespec(deadline);
    loop {
        // SAFETY: an absolute time, so nothing is written back.
        let errno = thread.detached(|| unsafe {
            libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut())
        });
        match errno {
            0 => return Ok(()),
            libc::EINTR => pyrt_runtime::threads::safepoint::poll(thread)?,
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    }
}

fn sleep(_module: Value, seconds: Value, thread: &mut Thread) -> PyResult {
    let time = duration::nanoseconds(seconds, Rounding::Up, thread)?;
    if time < 0 {
        return Err(thread.raise_value_error("sleep length must be non-negative"));
    }
    sleep_until(duration::monotonic().saturating_add(time), thread)?;
    Ok(Owned::none())
}

fn get_clock_info(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = convert::as_text(args.at(0), "get_clock_info() argument 1", thread)?;
    let (clock, label, is_monotonic) = match name.as_str() {
        "time" => (libc::CLOCK_REALTIME, "CLOCK_REALTIME", false),
        "monotonic" | "perf_counter" => (libc::CLOCK_MONOTONIC, "CLOCK_MONOTONIC", true),
        "process_time" => (libc::CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID", true),
        "thread_time" => (libc::CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID", true),
        _ => return Err(thread.raise_value_error("unknown clock")),
    };
    let attributes = dict::new();
    let items = [
        ("implementation", Owned::str(&format!("clock_gettime({label})"))),
        ("monotonic", Owned::bool(is_monotonic)),
        ("adjustable", Owned::bool(!is_monotonic)),
        ("resolution", Owned::float(resolution(clock, thread)?)),
    ];
    for (name, value) in items {
        DictObject::of(*attributes).set_by_text(name, value);
    }
    Ok(simple_namespace::new(attributes))
}

/// The text of a str argument, surrogates and all.
fn raw_text(value: Value) -> Vec<u8> {
    StrObject::of(value).to_wtf8().into_owned()
}

/// `OverflowError` for C ints.
fn int_overflow(thread: &mut Thread, is_large: bool) -> pyrt_runtime::object::value::Raised {
    let message = if is_large { "signed integer is greater than maximum" } else { "signed integer is less than minimum" };
    thread.raise(&exc::OVERFLOW_ERROR, message)
}
