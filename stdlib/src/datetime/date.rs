//! `date`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::call;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, hashing, int, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::{self, c_int, c_int_or, check_date};
use super::calendar::{self, IsoError, MAX_ORDINAL, MAX_YEAR};
use super::formatting::{self, Subject, call_module};
use super::{datetime, iso_calendar_date, iso_text, local_time, timedelta};
use crate::duration::{Rounding, whole_seconds};
use crate::native_type::object;

#[repr(C)]
pub struct Date {
    pub header: Header,
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

pub const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub fn of<'a>(value: Value) -> &'a Date {
    // SAFETY: called for objects of the type and its subclasses only.
    unsafe { object(value) }
}

pub fn is_date(value: Value) -> bool {
    value.is_pointer() && value.is_instance(DATE.get())
}

impl Date {
    pub fn new(header: Header, (year, month, day): (i32, i32, i32)) -> Date {
        Date { header, year: year as u16, month: month as u8, day: day as u8 }
    }

    pub fn parts(&self) -> (i32, i32, i32) {
        (i32::from(self.year), i32::from(self.month), i32::from(self.day))
    }

    pub fn ordinal(&self) -> i32 {
        let (year, month, day) = self.parts();
        calendar::to_ordinal(year, month, day)
    }

    fn state(&self) -> [u8; 4] {
        let [high, low] = self.year.to_be_bytes();
        [high, low, self.month, self.day]
    }

    pub fn iso(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn allocate(class: &TypeObject, parts: (i32, i32, i32)) -> Owned {
    allocate_object(class, |header| Date::new(header, parts))
}

/// A plain date of parts that are in range.
pub fn make(parts: (i32, i32, i32)) -> Owned {
    allocate(DATE.get(), parts)
}

/// A date of a class: subclasses are called.
fn of_class(class: Value, (year, month, day): (i32, i32, i32), thread: &mut Thread) -> PyResult {
    if class.is(DATE.get().value()) {
        check_date(year, month, day, thread)?;
        return Ok(make((year, month, day)));
    }
    let parts = [year, month, day].map(|part| Owned::int(i64::from(part)));
    call::call(class, &[*parts[0], *parts[1], *parts[2]], thread)
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if let Some(state) = args.get(0).filter(|_| args.len() == 1 && kwnames.is_empty()) {
        let state = arguments::state(state, 4, "date", |state| (1..=12).contains(&state[2]), thread)?;
        if let Some(state) = state {
            let year = u16::from_be_bytes([state[0], state[1]]);
            return Ok(allocate(TypeObject::of(class), (i32::from(year), i32::from(state[2]), i32::from(state[3]))));
        }
    }
    let mut numbers = [0; 3];
    arguments::bind(["year", "month", "day"], 3, 3, args, kwnames, thread, |i, value, thread| {
        numbers[i] = c_int(value, thread)?;
        Ok(())
    })?;
    let parts = (numbers[0], numbers[1], numbers[2]);
    check_date(parts.0, parts.1, parts.2, thread)?;
    Ok(allocate(TypeObject::of(class), parts))
}

fn fromtimestamp(class: Value, stamp: Value, thread: &mut Thread) -> PyResult {
    let seconds = whole_seconds(stamp, Rounding::Floor, thread)?;
    let parts = local_time::parts(seconds, true, thread)?;
    let year = i32::try_from(parts.year).unwrap_or(i32::MAX);
    of_class(class, (year, parts.month, parts.day), thread)
}

fn today(class: Value, thread: &mut Thread) -> PyResult {
    let now = call_module("time", "time", &[], thread)?;
    if class.is(DATE.get().value()) {
        return fromtimestamp(class, *now, thread);
    }
    call::call_method(class, *pyrt_runtime::names::interned("fromtimestamp"), &[*now], thread)
}

fn fromordinal(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ordinal = arguments::only(args, kwnames, "fromordinal", thread)?;
    let ordinal = c_int(ordinal, thread)?;
    if ordinal < 1 {
        return Err(thread.raise_value_error("ordinal must be >= 1"));
    }
    of_class(class, calendar::from_ordinal(ordinal), thread)
}

fn fromisoformat(class: Value, text: Value, thread: &mut Thread) -> PyResult {
    let bytes = arguments::iso_text(text, thread)?;
    match iso_text::date(&bytes) {
        Some(parts) => of_class(class, parts, thread),
        None => Err(arguments::invalid_iso(text, thread)),
    }
}

/// A number of `fromisocalendar`; one that is too large for C gets a message of its own.
fn iso_component(value: Value, thread: &mut Thread) -> PyResult<i32> {
    match c_int(value, thread) {
        Ok(number) => Ok(number),
        Err(raised) => {
            thread.catch(raised, &exc::OVERFLOW_ERROR)?;
            Err(thread.raise_value_error("ISO calendar component out of range"))
        }
    }
}

fn fromisocalendar(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let year = iso_component(args.at(0), thread)?;
    let week = iso_component(args.at(1), thread)?;
    let day = iso_component(args.at(2), thread)?;
    match calendar::from_iso(year, week, day) {
        Ok(ordinal) if ordinal >= 1 => of_class(class, calendar::from_ordinal(ordinal), thread),
        Ok(_) => of_class(class, (0, 12, 31), thread),
        Err(IsoError::Year) => Err(thread.raise_value_error(format!("year must be in 1..{MAX_YEAR}, not {year}"))),
        Err(IsoError::Week) => Err(thread.raise_value_error(format!("Invalid week: {week}"))),
        Err(IsoError::Weekday) => Err(thread.raise_value_error(format!("Invalid weekday: {day} (range is [1, 7])"))),
    }
}

/// `_strptime`'s function for a class.
pub fn strptime_by(function: &str, class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let n = args.len();
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("strptime() takes no keyword arguments"));
    }
    if n != 2 {
        return Err(thread.raise_type_error(format!("strptime() takes exactly 2 arguments ({n} given)")));
    }
    for i in 0..2 {
        arguments::text(args.at(i), "strptime", i + 1, thread)?;
    }
    call_module("_strptime", function, &[class, args.at(0), args.at(1)], thread)
}

fn strptime(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    strptime_by("_strptime_datetime_date", class, args, kwnames, thread)
}

fn ctime(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&ctime_text(of(this), "00:00:00")))
}

pub fn ctime_text(date: &Date, clock: &str) -> String {
    let (year, month, day) = date.parts();
    let weekday = WEEKDAYS.get(calendar::weekday(year, month, day) as usize).copied().unwrap_or("");
    let month = MONTHS.get(month as usize - 1).copied().unwrap_or("");
    format!("{weekday} {month} {day:2} {clock} {year:04}")
}

fn strftime(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let format = args.at(0);
    arguments::text(format, "strftime", 1, thread)?;
    let time_tuple = call::call_method(this, *pyrt_runtime::names::interned("timetuple"), &[], thread)?;
    let (zone, microsecond) = if datetime::is_datetime(this) {
        let moment = datetime::of(this);
        (moment.tzinfo.as_ref(), moment.microsecond as i32)
    } else {
        (None, 0)
    };
    let subject = Subject { argument: this, zone, microsecond, date: of(this).parts(), time_tuple: *time_tuple };
    formatting::strftime(&subject, format, thread)
}

fn format(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let spec = arguments::only(args, kwnames, "__format__", thread)?;
    formatting::format(this, spec, thread)
}

fn timetuple(this: Value, thread: &mut Thread) -> PyResult {
    formatting::struct_time(time_fields(of(this), [0; 3], -1), thread)
}

/// The fields of `time.struct_time`.
pub fn time_fields(date: &Date, [hour, minute, second]: [i32; 3], is_dst: i32) -> [i32; 9] {
    let (year, month, day) = date.parts();
    let day_of_year = calendar::days_before_month(year, month) + day;
    [year, month, day, hour, minute, second, calendar::weekday(year, month, day), day_of_year, is_dst]
}

fn isocalendar(this: Value, thread: &mut Thread) -> PyResult {
    let (year, month, day) = of(this).parts();
    let (year, week, weekday) = calendar::to_iso(year, month, day);
    iso_calendar_date::make(year, week, weekday, thread)
}

fn isoformat(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&of(this).iso()))
}

fn str(this: Value, thread: &mut Thread) -> PyResult {
    call::call_method(this, *pyrt_runtime::names::interned("isoformat"), &[], thread)
}

fn isoweekday(this: Value, _thread: &mut Thread) -> PyResult {
    let (year, month, day) = of(this).parts();
    Ok(Owned::int(i64::from(calendar::weekday(year, month, day) + 1)))
}

fn weekday(this: Value, _thread: &mut Thread) -> PyResult {
    let (year, month, day) = of(this).parts();
    Ok(Owned::int(i64::from(calendar::weekday(year, month, day))))
}

fn toordinal(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).ordinal())))
}

fn replace(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (year, month, day) = of(this).parts();
    let parts = (c_int_or(args.get(0), year, thread)?, c_int_or(args.get(1), month, thread)?, c_int_or(args.get(2), day, thread)?);
    of_class(this.type_object().value(), parts, thread)
}

static REPLACE_SIGNATURE: LazySignature = LazySignature::new(REPLACE);
const REPLACE: &str = "($self, /, year=unchanged, month=unchanged, day=unchanged)";

fn replace_dunder(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = REPLACE_SIGNATURE.bind("replace", args, kwnames, thread)?;
    replace(this, bound.args(), thread)
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([bytes::from_slice(&of(this).state())])]))
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let (year, month, day) = of(this).parts();
    Ok(Owned::str(&format!("{}({year}, {month}, {day})", this.type_object().full_name())))
}

fn hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(hashing::hash_bytes(&of(this).state()))
}

fn compare(this: Value, other: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    // A datetime is a date, but none that a plain date compares with.
    if !is_date(other) || datetime::is_datetime(other) {
        return Ok(Owned::not_implemented());
    }
    Ok(Owned::bool(op.holds(of(this).parts().cmp(&of(other).parts()))))
}

/// A date that is some days off, of the same class.
fn moved(date: Value, days: i32, thread: &mut Thread) -> PyResult {
    let ordinal = of(date).ordinal() + days;
    if !(1..=MAX_ORDINAL).contains(&ordinal) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "date value out of range"));
    }
    of_class(date.type_object().value(), calendar::from_ordinal(ordinal), thread)
}

fn add(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if datetime::is_datetime(left) || datetime::is_datetime(right) {
        return Ok(Owned::not_implemented());
    }
    let (date, delta) = if is_date(left) { (left, right) } else { (right, left) };
    if !timedelta::is_timedelta(delta) {
        return Ok(Owned::not_implemented());
    }
    moved(date, timedelta::of(delta).days, thread)
}

fn subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if datetime::is_datetime(left) || datetime::is_datetime(right) || !is_date(left) {
        return Ok(Owned::not_implemented());
    }
    if is_date(right) {
        let days = of(left).ordinal() - of(right).ordinal();
        return Ok(timedelta::from_fields(days, 0, 0));
    }
    if timedelta::is_timedelta(right) {
        return moved(left, -timedelta::of(right).days, thread);
    }
    Ok(Owned::not_implemented())
}

fn get_year(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_i64(i64::from(of(this).year)))
}

fn get_month(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_i64(i64::from(of(this).month)))
}

fn get_day(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_i64(i64::from(of(this).day)))
}

pub const fn class_method(name: &'static str, func: NativeFn, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Class, signature, doc }
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.date",
    doc: "date(year, month, day) --> date object",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<Date>(),
    slots: &[
        SlotFn::new(new),
        SlotFn::repr(repr),
        SlotFn::hash(hash),
        SlotFn::str(str),
        SlotFn::richcompare(compare),
        SlotFn::add(add),
        SlotFn::subtract(subtract),
    ],
    methods: &[
        class_method("fromtimestamp", NativeFn::One(fromtimestamp), "($type, timestamp, /)", "Create a date from a POSIX timestamp, by the local clock."),
        class_method("fromordinal", NativeFn::Raw(fromordinal), "-($type, ordinal, /)", "int -> date corresponding to a proleptic Gregorian ordinal."),
        class_method("fromisoformat", NativeFn::One(fromisoformat), "($type, object, /)", "Construct a date from a string in ISO 8601 format."),
        class_method("fromisocalendar", NativeFn::Bound(fromisocalendar), "-($type, /, year, week, day)", "int, int, int -> Construct a date from the ISO year, week number and weekday.\n\nThis is the inverse of the function date.isocalendar()"),
        class_method("strptime", NativeFn::Raw(strptime), "-($type, string, format, /)", "string, format -> new date parsed from a string (like time.strptime())."),
        class_method("today", NativeFn::NoArgs(today), "($type, /)", "Current date or datetime."),
        method("ctime", NativeFn::NoArgs(ctime), "($self, /)", "Return ctime() style string."),
        method("strftime", NativeFn::Bound(strftime), "-($self, /, format)", "format -> strftime() style string."),
        method("__format__", NativeFn::Raw(format), "-($self, format, /)", "Formats self with strftime."),
        method("timetuple", NativeFn::NoArgs(timetuple), "($self, /)", "Return time tuple, compatible with time.localtime()."),
        method("isocalendar", NativeFn::NoArgs(isocalendar), "($self, /)", "Return a named tuple containing ISO year, week number, and weekday."),
        method("isoformat", NativeFn::NoArgs(isoformat), "($self, /)", "Return string in ISO 8601 format, YYYY-MM-DD."),
        method("isoweekday", NativeFn::NoArgs(isoweekday), "($self, /)", "Return the day of the week represented by the date.\nMonday == 1 ... Sunday == 7"),
        method("toordinal", NativeFn::NoArgs(toordinal), "($self, /)", "Return proleptic Gregorian ordinal.  January 1 of year 1 is day 1."),
        method("weekday", NativeFn::NoArgs(weekday), "($self, /)", "Return the day of the week represented by the date.\nMonday == 0 ... Sunday == 6"),
        method("replace", NativeFn::Bound(replace), REPLACE, "Return date with new specified fields."),
        method("__replace__", NativeFn::Raw(replace_dunder), "($self, /, **changes)", "The same as replace()."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "__reduce__() -> (cls, state)"),
    ],
    getsets: &[
        GetSetDef { name: "year", get: get_year, set: None, doc: "" },
        GetSetDef { name: "month", get: get_month, set: None, doc: "" },
        GetSetDef { name: "day", get: get_day, set: None, doc: "" },
    ],
    ..TypeSpec::DEFAULT
};

pub static DATE: StaticType = StaticType::new(&SPEC);
