//! `_datetime`: dates, times, differences and zones.
//!
//! # Invariants
//! * Objects never change, but for the fold of a time that a subclass has just made.
//! * [`calendar`] and [`iso_text`] know nothing of objects.

mod arguments;
mod calendar;
mod date;
#[allow(clippy::module_inception, reason = "named as the type it holds")]
mod datetime;
mod formatting;
mod iso_calendar_date;
mod iso_text;
mod local_time;
mod time;
mod timedelta;
mod timezone;
mod tzinfo;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::module;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "_datetime", initialize };

/// Sets an attribute of a class of this module, once: the class may be in use when the module is made again.
fn set_constant(class: &StaticType, name: &str, value: Owned) {
    if let Some(dict) = class.get().dict().filter(|dict| dict.get_by_text(name).is_none()) {
        dict.set_by_text(name, value);
    }
}

/// Takes `__module__` out of the dict of a class: those that are static in CPython have it in their name only.
pub fn leave_module_to_name(class: &StaticType) {
    if let Some(dict) = class.get().dict() {
        drop(dict.remove_str(pyrt_runtime::names().__module__));
    }
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Fast implementation of the datetime module."));
    for class in [&date::DATE, &datetime::DATETIME, &time::TIME, &timedelta::TIMEDELTA, &timezone::TIMEZONE, &tzinfo::TZINFO] {
        leave_module_to_name(class);
        module::add_type(this, class);
    }
    let microsecond = || timedelta::from_fields(0, 0, 1);
    set_constant(&date::DATE, "min", date::make((1, 1, 1)));
    set_constant(&date::DATE, "max", date::make((9999, 12, 31)));
    set_constant(&date::DATE, "resolution", timedelta::from_fields(1, 0, 0));
    set_constant(&datetime::DATETIME, "min", datetime::limit(true));
    set_constant(&datetime::DATETIME, "max", datetime::limit(false));
    set_constant(&datetime::DATETIME, "resolution", microsecond());
    set_constant(&time::TIME, "min", time::make([0; 4], None, 0));
    set_constant(&time::TIME, "max", time::make([23, 59, 59, 999_999], None, 0));
    set_constant(&time::TIME, "resolution", microsecond());
    set_constant(&timedelta::TIMEDELTA, "min", timedelta::from_fields(-timedelta::MAX_DAYS, 0, 0));
    set_constant(&timedelta::TIMEDELTA, "max", timedelta::from_fields(timedelta::MAX_DAYS, 86_399, 999_999));
    set_constant(&timedelta::TIMEDELTA, "resolution", microsecond());
    set_constant(&timezone::TIMEZONE, "utc", timezone::utc().to_owned());
    for (name, minutes) in [("min", -1439_i128), ("max", 1439)] {
        let offset = timedelta::from_total(minutes * 60_000_000, thread)?;
        set_constant(&timezone::TIMEZONE, name, timezone::of_offset(offset, None, thread)?);
    }
    module::add(this, "MINYEAR", Owned::int(i64::from(calendar::MIN_YEAR)));
    module::add(this, "MAXYEAR", Owned::int(i64::from(calendar::MAX_YEAR)));
    module::add(this, "UTC", timezone::utc().to_owned());
    Ok(())
}
