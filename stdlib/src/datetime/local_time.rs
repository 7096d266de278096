//! The system's local time.
//!
//! Moments are seconds since the start of year 1, local ones as if their clock showed UTC.

use pyrt_runtime::{PyResult, Raised, Thread};

use super::calendar::{MAX_YEAR, MIN_YEAR, to_ordinal};

/// The Unix epoch.
pub const EPOCH: i64 = 719_163 * 86_400;
/// No clock is set back or forth by more.
pub const MAX_FOLD: i64 = 24 * 3600;

/// A moment in parts.
pub struct Parts {
    pub year: i64,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    /// Seconds east of UTC.
    pub offset: i64,
    /// The zone's name, terminated or null; the C library keeps it until the zone is set anew.
    zone: *const libc::c_char,
}

impl Parts {
    /// The name of the zone.
    pub fn zone(&self) -> Vec<u8> {
        if self.zone.is_null() {
            return Vec::new();
        }
        // SAFETY: see `zone`.
        unsafe { std::ffi::CStr::from_ptr(self.zone) }.to_bytes().to_vec()
    }
}

/// A time stamp of Unix in parts, of local time or of UTC.
pub fn parts(seconds: i64, is_local: bool, thread: &mut Thread) -> PyResult<Parts> {
    // SAFETY: all-zero is a valid tm.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: fills `tm`.
    let result = unsafe {
        if is_local { libc::localtime_r(&raw const seconds, &raw mut tm) } else { libc::gmtime_r(&raw const seconds, &raw mut tm) }
    };
    if result.is_null() {
        return Err(thread.raise_errno());
    }
    Ok(Parts {
        year: i64::from(tm.tm_year) + 1900,
        month: tm.tm_mon + 1,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        // A leap second is the second before it.
        second: tm.tm_sec.min(59),
        offset: tm.tm_gmtoff,
        zone: tm.tm_zone,
    })
}

#[cold]
fn year_out_of_range(year: i64, thread: &mut Thread) -> Raised {
    thread.raise_value_error(format!("year must be in 1..9999, not {year}"))
}

/// The moment of a clock's parts.
pub fn moment(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: i32) -> i64 {
    i64::from(to_ordinal(year, month, day)) * 86_400 + i64::from(hour * 3600 + minute * 60 + second)
}

/// What local clocks show at a moment of UTC.
pub fn local(utc: i64, thread: &mut Thread) -> PyResult<i64> {
    let parts = parts(utc - EPOCH, true, thread)?;
    match i32::try_from(parts.year) {
        Ok(year) if (MIN_YEAR..=MAX_YEAR).contains(&year) => Ok(moment(year, parts.month, parts.day, parts.hour, parts.minute, parts.second)),
        _ => Err(year_out_of_range(parts.year, thread)),
    }
}

/// The moment of UTC at which local clocks show `clock`. Where they show it twice, `fold` says which; where they never
/// do (PEP 495), it says which side's offset is taken.
pub fn to_utc(clock: i64, fold: bool, thread: &mut Thread) -> PyResult<i64> {
    let first_offset = local(clock, thread)? - clock;
    let first = clock - first_offset;
    let first_shows = local(first, thread)?;
    let second_offset = if first_shows == clock {
        // One solution; there may be another, later or earlier.
        let probe = if fold { first + MAX_FOLD } else { first - MAX_FOLD };
        let offset = local(probe, thread)? - probe;
        if offset == first_offset {
            return Ok(first);
        }
        offset
    } else {
        first_shows - first
    };
    let second = clock - second_offset;
    if local(second, thread)? == clock {
        return Ok(second);
    }
    if first_shows == clock {
        return Ok(first);
    }
    Ok(if fold { first.min(second) } else { first.max(second) })
}
