//! Times as Python passes them (seconds as int or float) and as the system takes them (nanoseconds).

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::builtin_types::INT;
use pyrt_runtime::types::{float, int};
use pyrt_runtime::{PyResult, Thread, Value};

pub const NANOS: i64 = 1_000_000_000;

/// What becomes of parts of a nanosecond (or of a second).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Ceiling,
    /// Away from zero: a wait is never too short.
    Up,
    HalfEven,
}

impl Rounding {
    fn apply(self, number: f64) -> f64 {
        match self {
            Rounding::Floor => number.floor(),
            Rounding::Ceiling => number.ceil(),
            Rounding::Up if number < 0.0 => number.floor(),
            Rounding::Up => number.ceil(),
            Rounding::HalfEven => number.round_ties_even(),
        }
    }
}

fn out_of_range(thread: &mut Thread) -> Raised {
    thread.raise(&exc::OVERFLOW_ERROR, "timestamp out of range for C PyTime_t")
}

fn rounded(number: f64, rounding: Rounding) -> Option<i64> {
    let number = rounding.apply(number);
    let limit = -(i64::MIN as f64);
    (number >= -limit && number < limit).then_some(number as i64)
}

fn not_a_number(thread: &mut Thread) -> Raised {
    thread.raise_value_error("Invalid value NaN (not a number)")
}

/// A number of seconds in nanoseconds.
pub fn nanoseconds(value: Value, rounding: Rounding, thread: &mut Thread) -> PyResult<i64> {
    if let Some(seconds) = float::as_f64(value) {
        if seconds.is_nan() {
            return Err(not_a_number(thread));
        }
        return rounded(seconds * 1e9, rounding).ok_or_else(|| out_of_range(thread));
    }
    let whole = match convert::index(value, thread) {
        Ok(whole) => whole,
        Err(raised) => {
            drop(thread.catch(raised, &exc::TYPE_ERROR)?);
            let name = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("'{name}' object cannot be interpreted as an integer or float")));
        }
    };
    int::as_i64(*whole).and_then(|seconds| seconds.checked_mul(NANOS)).ok_or_else(|| out_of_range(thread))
}

/// A time stamp in whole seconds.
pub fn whole_seconds(value: Value, rounding: Rounding, thread: &mut Thread) -> PyResult<i64> {
    const RANGE: &str = "timestamp out of range for platform time_t";
    if let Some(seconds) = float::as_f64(value) {
        if seconds.is_nan() {
            return Err(not_a_number(thread));
        }
        return rounded(seconds, rounding).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, RANGE));
    }
    let whole = convert::index(value, thread)?;
    int::as_i64(*whole).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, RANGE))
}

/// A number of nanoseconds, an int.
pub fn nanosecond_count(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if !value.is_instance(INT.get()) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("expect int, got {name}")));
    }
    int::as_i64(value).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "timestamp too large to convert to C PyTime_t"))
}

/// Nanoseconds as seconds.
pub fn as_seconds(nanoseconds: i64) -> f64 {
    if nanoseconds % NANOS == 0 { (nanoseconds / NANOS) as f64 } else { nanoseconds as f64 / 1e9 }
}

pub fn timespec(nanoseconds: i64) -> libc::timespec {
    libc::timespec { tv_sec: nanoseconds.div_euclid(NANOS), tv_nsec: nanoseconds.rem_euclid(NANOS) }
}

pub fn timeval(nanoseconds: i64, rounding: Rounding) -> libc::timeval {
    let up = rounding == Rounding::Ceiling || rounding == Rounding::Up && nanoseconds > 0;
    let micros = nanoseconds.div_euclid(1000) + i64::from(up && nanoseconds.rem_euclid(1000) != 0);
    libc::timeval { tv_sec: micros.div_euclid(1_000_000), tv_usec: micros.rem_euclid(1_000_000) }
}

pub fn from_timespec(time: &libc::timespec) -> i64 {
    time.tv_sec.saturating_mul(NANOS).saturating_add(time.tv_nsec)
}

/// Milliseconds for `poll` and its like, rounded away from zero.
pub fn milliseconds(nanoseconds: i64) -> i64 {
    let whole = nanoseconds / 1_000_000;
    match nanoseconds % 1_000_000 {
        0 => whole,
        rest if rest > 0 => whole + 1,
        _ => whole - 1,
    }
}

/// The monotonic clock.
pub fn monotonic() -> i64 {
    let mut now = timespec(0);
    // SAFETY: fills `now`; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    from_timespec(&now)
}

/// Milliseconds of a timeout given as a number of milliseconds.
pub fn from_milliseconds(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if let Some(milliseconds) = float::as_f64(value) {
        if milliseconds.is_nan() {
            return Err(not_a_number(thread));
        }
        return rounded(milliseconds * 1e6, Rounding::Up).ok_or_else(|| out_of_range(thread));
    }
    let whole: BigInt = int::to_bigint(*convert::index(value, thread)?);
    let scaled: BigInt = whole * 1_000_000i64;
    scaled.to_i64().ok_or_else(|| out_of_range(thread))
}
