//! Times broken into year, month and so on; the local time zone; formatting.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::module;
use pyrt_runtime::types::string;
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};

struct_sequence! {
    pub STRUCT_TIME: StructTime = "time.struct_time", "A time broken into its parts: a tuple of nine, with names.", 9, [
        ("tm_year", 0, "year, for example, 1993"), ("tm_mon", 1, "month of year, range [1, 12]"),
        ("tm_mday", 2, "day of month, range [1, 31]"), ("tm_hour", 3, "hours, range [0, 23]"),
        ("tm_min", 4, "minutes, range [0, 59]"), ("tm_sec", 5, "seconds, range [0, 61])"),
        ("tm_wday", 6, "day of week, range [0, 6], Monday is 0"), ("tm_yday", 7, "day of year, range [1, 366]"),
        ("tm_isdst", 8, "1 if summer time is in effect, 0 if not, and -1 if unknown"),
        ("tm_zone", 9, "abbreviation of timezone name"), ("tm_gmtoff", 10, "offset from UTC in seconds"),
    ]
}

unsafe extern "C" {
    #[link_name = "tzset"]
    fn c_tzset();
}

/// The zone's name, terminated or null.
fn zone_text(name: *const libc::c_char) -> Owned {
    if name.is_null() {
        return Owned::none();
    }
    // SAFETY: the C library's name of a zone is terminated and stays until the zone is set anew.
    crate::posix::path::decode(unsafe { std::ffi::CStr::from_ptr(name) }.to_bytes())
}

fn to_struct(parts: &libc::tm) -> Owned {
    let int = |number: i32| Owned::int(i64::from(number));
    build::<StructTime>(vec![
        Owned::int(i64::from(parts.tm_year) + 1900),
        int(parts.tm_mon + 1),
        int(parts.tm_mday),
        int(parts.tm_hour),
        int(parts.tm_min),
        int(parts.tm_sec),
        int((parts.tm_wday + 6) % 7),
        int(parts.tm_yday + 1),
        int(parts.tm_isdst),
        zone_text(parts.tm_zone),
        Owned::int(parts.tm_gmtoff),
    ])
}

fn broken_up(seconds: i64, is_local: bool, thread: &mut Thread) -> PyResult<libc::tm> {
    // SAFETY: all-zero is a valid tm.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: fills `parts`.
    let result = unsafe {
        if is_local { libc::localtime_r(&raw const seconds, &raw mut parts) } else { libc::gmtime_r(&raw const seconds, &raw mut parts) }
    };
    if result.is_null() { Err(thread.raise_errno()) } else { Ok(parts) }
}

/// The argument, or now.
fn seconds_argument(value: Option<Value>, thread: &mut Thread) -> PyResult<i64> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => duration::whole_seconds(value, Rounding::Floor, thread),
        // SAFETY: a plain call.
        None => Ok(unsafe { libc::time(std::ptr::null_mut()) }),
    }
}

pub fn gmtime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let seconds = seconds_argument(args.get(0), thread)?;
    let parts = broken_up(seconds, false, thread)?;
    Ok(to_struct(&parts))
}

pub fn localtime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let seconds = seconds_argument(args.get(0), thread)?;
    Ok(to_struct(&broken_up(seconds, true, thread)?))
}

fn c_int(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let whole = convert::index(value, thread)?;
    let number = match pyrt_runtime::types::int::as_i64(*whole) {
        Some(number) => number,
        None => {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C long"));
        }
    };
    i32::try_from(number).map_err(|_| super::int_overflow(thread, number > 0))
}

/// The parts that a tuple of nine gives; `zone` keeps a zone's name alive that the parts point to.
fn from_tuple(value: Value, function: &str, zone: &mut std::ffi::CString, thread: &mut Thread) -> PyResult<libc::tm> {
    let is_tuple = value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS);
    if !is_tuple {
        return Err(thread.raise_type_error("Tuple or struct_time argument required"));
    }
    let items = TupleObject::of(value).items();
    if items.len() != 9 {
        return Err(thread.raise_type_error(format!("{function}(): illegal time tuple argument")));
    }
    let mut numbers = [0i32; 9];
    for (number, item) in numbers.iter_mut().zip(items) {
        *number = c_int(*item, thread)?;
    }
    let [year, month, day, hour, minute, second, week_day, year_day, is_dst] = numbers;
    if year < i32::MIN + 1900 {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "year out of range"));
    }
    // SAFETY: all-zero is a valid tm.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    parts.tm_year = year - 1900;
    parts.tm_mon = month.wrapping_sub(1);
    parts.tm_mday = day;
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = second;
    parts.tm_wday = week_day.wrapping_add(1) % 7;
    parts.tm_yday = year_day.wrapping_sub(1);
    parts.tm_isdst = is_dst;
    if std::ptr::eq(value.type_object(), STRUCT_TIME.get()) {
        let name = pyrt_runtime::protocol::attribute::get_by_text(value, "tm_zone", thread)?;
        if string::is_str(*name) {
            if let Ok(name) = std::ffi::CString::new(super::raw_text(*name)) {
                *zone = name;
                parts.tm_zone = zone.as_ptr();
            }
        }
        let offset = pyrt_runtime::protocol::attribute::get_by_text(value, "tm_gmtoff", thread)?;
        if !offset.is_none() {
            parts.tm_gmtoff = convert::as_c_long(*offset, thread)?;
        }
    }
    Ok(parts)
}

/// Puts zeros right that stand for "the first", and raises for parts that the C library would not bear.
fn check_ranges(parts: &mut libc::tm, thread: &mut Thread) -> PyResult<()> {
    if parts.tm_mon == -1 {
        parts.tm_mon = 0;
    }
    if parts.tm_mday == 0 {
        parts.tm_mday = 1;
    }
    if parts.tm_yday == -1 {
        parts.tm_yday = 0;
    }
    let what = if !(0..=11).contains(&parts.tm_mon) {
        "month"
    } else if !(0..=31).contains(&parts.tm_mday) {
        "day of month"
    } else if !(0..=23).contains(&parts.tm_hour) {
        "hour"
    } else if !(0..=59).contains(&parts.tm_min) {
        "minute"
    } else if !(0..=61).contains(&parts.tm_sec) {
        "seconds"
    } else if parts.tm_wday < 0 {
        "day of week"
    } else if !(0..=365).contains(&parts.tm_yday) {
        "day of year"
    } else {
        return Ok(());
    };
    Err(thread.raise_value_error(format!("{what} out of range")))
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn text_of(parts: &libc::tm) -> Owned {
    let day = DAYS.get(parts.tm_wday as usize).unwrap_or(&"Sun");
    let month = MONTHS.get(parts.tm_mon as usize).unwrap_or(&"Jan");
    let year = i64::from(parts.tm_year) + 1900;
    let (hour, minute, second) = (parts.tm_hour, parts.tm_min, parts.tm_sec);
    Owned::str(&format!("{day} {month}{:3} {hour:02}:{minute:02}:{second:02} {year}", parts.tm_mday))
}

/// The parts of an optional tuple argument, by default those of now; checked.
fn parts_argument(value: Option<Value>, function: &str, zone: &mut std::ffi::CString, thread: &mut Thread) -> PyResult<libc::tm> {
    let mut parts = match value {
        Some(value) => from_tuple(value, function, zone, thread)?,
        None => {
            let now = seconds_argument(None, thread)?;
            broken_up(now, true, thread)?
        }
    };
    check_ranges(&mut parts, thread)?;
    Ok(parts)
}

pub fn asctime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut zone = std::ffi::CString::default();
    Ok(text_of(&parts_argument(args.get(0), "asctime", &mut zone, thread)?))
}

pub fn ctime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let seconds = seconds_argument(args.get(0), thread)?;
    Ok(text_of(&broken_up(seconds, true, thread)?))
}

pub fn mktime(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    let mut zone = std::ffi::CString::default();
    let mut parts = from_tuple(value, "mktime", &mut zone, thread)?;
    // The C library overwrites this one if it succeeds; -1 alone may be a valid time.
    parts.tm_wday = -1;
    // SAFETY: a complete tm.
    let seconds = unsafe { libc::mktime(&raw mut parts) };
    if seconds == -1 && parts.tm_wday == -1 {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "mktime argument out of range"));
    }
    Ok(Owned::float(seconds as f64))
}

/// One run of the C library's formatter; `format` has no zero byte.
fn format_part(format: &[u8], parts: &libc::tm, out: &mut Vec<u8>, thread: &mut Thread) -> PyResult<()> {
    if format.is_empty() {
        return Ok(());
    }
    // A character of our own behind the format tells "nothing came out" from "no room".
    let whole = crate::system_call::c_string(&[format, b"x"].concat(), "embedded null character", thread)?;
    let mut room = 1024;
    loop {
        let mut text = vec![0u8; room];
        // SAFETY: room as said, terminated format, complete tm.
        let n = unsafe { libc::strftime(text.as_mut_ptr().cast(), room, whole.as_ptr(), parts) };
        if n > 0 {
            out.extend_from_slice(&text[..n - 1]);
            return Ok(());
        }
        if room >= 256 * (format.len() + 1) + 1024 {
            return Err(thread.raise_memory_error());
        }
        room *= 2;
    }
}

pub fn strftime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let format = args.at(0);
    if !string::is_str(format) {
        let name = format.type_object().full_name();
        return Err(thread.raise_type_error(format!("strftime() argument 1 must be str, not {name}")));
    }
    let mut zone = std::ffi::CString::default();
    let mut parts = parts_argument(args.get(1), "strftime", &mut zone, thread)?;
    parts.tm_isdst = parts.tm_isdst.clamp(-1, 1);
    let bytes = super::raw_text(format);
    let mut out = Vec::with_capacity(bytes.len() + 32);
    for (i, piece) in bytes.split(|byte| *byte == 0).enumerate() {
        if i > 0 {
            out.push(0);
        }
        // A lone percent sign at the end stands for itself.
        let signs = piece.iter().rev().take_while(|byte| **byte == b'%').count();
        let (head, tail) = if signs % 2 == 1 { piece.split_at(piece.len() - 1) } else { (piece, &b""[..]) };
        format_part(head, &parts, &mut out, thread)?;
        out.extend_from_slice(tail);
    }
    Ok(string::from_wtf8(&out))
}

pub fn strptime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let given = args.at(0);
    let name = Owned::str("_strptime");
    let Some(import) = thread.interpreter.builtin(pyrt_runtime::names().__import__) else {
        return Err(thread.raise(&exc::IMPORT_ERROR, "__import__ not found"));
    };
    let module = call::call(*import, &[*name], thread)?;
    let function = pyrt_runtime::protocol::attribute::get_by_text(*module, "_strptime_time", thread)?;
    call::call_tuple(*function, given, None, thread)
}

/// Offset and name of the zone at a time.
fn zone_at(seconds: i64) -> (i64, Owned) {
    // SAFETY: all-zero is a valid tm; the call fills it.
    unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const seconds, &raw mut parts).is_null() {
            return (0, Owned::str("   "));
        }
        (parts.tm_gmtoff, zone_text(parts.tm_zone))
    }
}

/// `timezone`, `altzone`, `daylight`, `tzname`.
pub fn add_zone(this: Value, _thread: &mut Thread) {
    const YEAR: i64 = (365 * 24 + 6) * 3600;
    // SAFETY: plain calls.
    let start = unsafe {
        c_tzset();
        libc::time(std::ptr::null_mut()) / YEAR * YEAR
    };
    let ((january, january_name), (july, july_name)) = (zone_at(start), zone_at(start + YEAR / 2));
    let (january, july) = (-january, -july);
    // South of the equator summer time is in force in January.
    let ((standard, standard_name), (summer, summer_name)) =
        if january < july { ((july, july_name), (january, january_name)) } else { ((january, january_name), (july, july_name)) };
    module::add(this, "timezone", Owned::int(standard));
    module::add(this, "altzone", Owned::int(summer));
    module::add(this, "daylight", Owned::int(i64::from(january != july)));
    module::add(this, "tzname", tuple::pack([standard_name, summer_name]));
}

pub fn tzset(module: Value, thread: &mut Thread) -> PyResult {
    add_zone(module, thread);
    Ok(Owned::none())
}
