//! `time`: a time of day.

use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::sync::{AtomicU8, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::string;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, hashing, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::{self, c_int, c_int_or, check_time};
use super::date::{class_method, strptime_by};
use super::formatting::{self, Subject};
use super::{iso_text, timedelta, timezone, tzinfo};
use crate::native_type::{dealloc, object};

#[repr(C)]
pub struct Time {
    header: Header,
    hour: u8,
    minute: u8,
    second: u8,
    /// Set right after the object is made, when a subclass has made it.
    fold: AtomicU8,
    microsecond: u32,
    pub tzinfo: Option<Owned>,
}

pub fn of<'a>(value: Value) -> &'a Time {
    // SAFETY: called for objects of the type and its subclasses only.
    unsafe { object(value) }
}

pub fn is_time(value: Value) -> bool {
    value.is_pointer() && value.is_instance(TIME.get())
}

impl Time {
    /// Hour, minute, second, microsecond.
    pub fn clock(&self) -> [i32; 4] {
        [i32::from(self.hour), i32::from(self.minute), i32::from(self.second), self.microsecond as i32]
    }

    pub fn fold(&self) -> i32 {
        i32::from(self.fold.load(Ordering::Relaxed))
    }

    pub fn zone(&self) -> Option<Value> {
        self.tzinfo.as_ref().map(Owned::value)
    }

    fn state(&self) -> [u8; 6] {
        let [_, a, b, c] = self.microsecond.to_be_bytes();
        [self.hour, self.minute, self.second, a, b, c]
    }
}

fn allocate(class: &TypeObject, [hour, minute, second, microsecond]: [i32; 4], tzinfo: Option<Owned>, fold: i32) -> Owned {
    allocate_object(class, |header| Time {
        header,
        hour: hour as u8,
        minute: minute as u8,
        second: second as u8,
        fold: AtomicU8::new(fold as u8),
        microsecond: microsecond as u32,
        tzinfo,
    })
}

/// A plain time of parts that are in range.
pub fn make(clock: [i32; 4], tzinfo: Option<Owned>, fold: i32) -> Owned {
    allocate(TIME.get(), clock, tzinfo, fold)
}

/// A time of a class: subclasses are called.
fn of_class(class: Value, clock: [i32; 4], tzinfo: Option<Owned>, fold: i32, thread: &mut Thread) -> PyResult {
    if class.is(TIME.get().value()) {
        check_time(clock, fold, thread)?;
        return Ok(make(clock, tzinfo, fold));
    }
    let [hour, minute, second, microsecond] = clock.map(|part| Owned::int(i64::from(part)));
    let tzinfo = tzinfo.unwrap_or_else(Owned::none);
    let made = call::call(class, &[*hour, *minute, *second, *microsecond, *tzinfo], thread)?;
    if is_time(*made) && fold != 0 {
        if fold != 1 {
            return Err(thread.raise_value_error(format!("fold must be either 0 or 1, not {fold}")));
        }
        of(*made).fold.store(1, Ordering::Relaxed);
    }
    Ok(made)
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if let Some(state) = args.get(0).filter(|_| args.len() <= 2 && kwnames.is_empty()) {
        let state = arguments::state(state, 6, "time", |state| state[0] & 0x7F < 24, thread)?;
        if let Some(state) = state {
            let tzinfo = state_zone(args.get(1), thread)?;
            let microsecond = u32::from_be_bytes([0, state[3], state[4], state[5]]) as i32;
            let clock = [i32::from(state[0] & 0x7F), i32::from(state[1]), i32::from(state[2]), microsecond];
            return Ok(allocate(TypeObject::of(class), clock, tzinfo, i32::from(state[0] >> 7)));
        }
    }
    let names = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"];
    let (mut numbers, mut zone) = ([0; 6], None);
    arguments::bind(names, 0, 5, args, kwnames, thread, |i, value, thread| {
        if i == 4 {
            zone = Some(value);
        } else {
            numbers[i] = c_int(value, thread)?;
        }
        Ok(())
    })?;
    let [hour, minute, second, microsecond, _, fold] = numbers;
    let clock = [hour, minute, second, microsecond];
    let tzinfo = tzinfo::argument(zone, thread)?;
    check_time(clock, fold, thread)?;
    Ok(allocate(TypeObject::of(class), clock, tzinfo, fold))
}

/// The zone beside a pickled state.
pub fn state_zone(zone: Option<Value>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match zone.filter(|zone| !zone.is_none()) {
        None => Ok(None),
        Some(zone) if tzinfo::is_tzinfo(zone) => Ok(Some(zone.to_owned())),
        Some(_) => Err(thread.raise_type_error("bad tzinfo state arg")),
    }
}

/// The zone of an offset in seconds and microseconds that a text gave.
pub fn zone_of_text(offset: Option<(i32, i32)>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match offset {
        None => Ok(None),
        Some((0, 0)) => Ok(Some(timezone::utc().to_owned())),
        Some((seconds, microseconds)) => {
            let offset = timedelta::from_total(i128::from(seconds) * 1_000_000 + i128::from(microseconds), thread)?;
            timezone::of_offset(offset, None, thread).map(Some)
        }
    }
}

/// Midnight may be written as 24:00; whether it was.
pub fn is_end_of_day(clock: &iso_text::Clock, thread: &mut Thread) -> PyResult<bool> {
    if clock.hour != 24 {
        return Ok(false);
    }
    if clock.minute != 0 || clock.second != 0 || clock.microsecond != 0 {
        return Err(thread.raise_value_error("minute, second, and microsecond must be 0 when hour is 24"));
    }
    Ok(true)
}

fn fromisoformat(class: Value, text: Value, thread: &mut Thread) -> PyResult {
    let bytes = arguments::iso_text(text, thread)?;
    let Some(mut clock) = iso_text::clock(bytes.strip_prefix(b"T").unwrap_or(&bytes)) else {
        return Err(arguments::invalid_iso(text, thread));
    };
    if is_end_of_day(&clock, thread)? {
        clock.hour = 0;
    }
    let tzinfo = zone_of_text(clock.offset, thread)?;
    of_class(class, [clock.hour, clock.minute, clock.second, clock.microsecond], tzinfo, 0, thread)
}

fn strptime(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    strptime_by("_strptime_datetime_time", class, args, kwnames, thread)
}

/// `isoformat` with a `timespec` argument.
fn iso(this: Value, timespec: &str, thread: &mut Thread) -> PyResult {
    let time = of(this);
    let Some(mut text) = formatting::clock_text(time.clock(), timespec) else {
        return Err(thread.raise_value_error("Unknown timespec value"));
    };
    if let Some(offset) = tzinfo::utcoffset(time.zone(), Value::none(), thread)? {
        text.push_str(&tzinfo::offset_text(*offset, ":"));
    }
    Ok(Owned::str(&text))
}

fn isoformat(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let timespec = match args.get(0) {
        None => "auto".to_string(),
        Some(timespec) => arguments::text(timespec, "isoformat", 1, thread)?.to_string_lossy(),
    };
    iso(this, &timespec, thread)
}

fn str(this: Value, thread: &mut Thread) -> PyResult {
    call::call_method(this, *pyrt_runtime::names::interned("isoformat"), &[], thread)
}

fn strftime(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let format = args.at(0);
    arguments::text(format, "strftime", 1, thread)?;
    let time = of(this);
    let [hour, minute, second, microsecond] = time.clock();
    // The year is one that every C library formats.
    let time_tuple = tuple::pack([1900, 1, 1, hour, minute, second, 0, 1, -1].map(|field| Owned::int(i64::from(field))));
    let subject = Subject { argument: Value::none(), zone: time.tzinfo.as_ref(), microsecond, date: (1900, 1, 1), time_tuple: *time_tuple };
    formatting::strftime(&subject, format, thread)
}

fn format(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let spec = arguments::only(args, kwnames, "__format__", thread)?;
    formatting::format(this, spec, thread)
}

fn utcoffset(this: Value, thread: &mut Thread) -> PyResult {
    Ok(tzinfo::utcoffset(of(this).zone(), Value::none(), thread)?.unwrap_or_else(Owned::none))
}

fn dst(this: Value, thread: &mut Thread) -> PyResult {
    Ok(tzinfo::dst(of(this).zone(), Value::none(), thread)?.unwrap_or_else(Owned::none))
}

fn tzname(this: Value, thread: &mut Thread) -> PyResult {
    tzinfo::tzname(of(this).zone(), Value::none(), thread)
}

const REPLACE: &str = "($self, /, hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)";
static REPLACE_SIGNATURE: LazySignature = LazySignature::new(REPLACE);

fn replace(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let time = of(this);
    let mut clock = time.clock();
    for (i, part) in clock.iter_mut().enumerate() {
        *part = c_int_or(args.get(i), *part, thread)?;
    }
    let fold = c_int_or(args.get(5), time.fold(), thread)?;
    let tzinfo = match args.get(4) {
        None => time.tzinfo.clone(),
        Some(zone) => tzinfo::argument(Some(zone), thread)?,
    };
    of_class(this.type_object().value(), clock, tzinfo, fold, thread)
}

fn replace_dunder(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = REPLACE_SIGNATURE.bind("replace", args, kwnames, thread)?;
    replace(this, bound.args(), thread)
}

/// The state for a pickle; protocols above 3 know of folds.
fn reduced(this: Value, protocol: i32) -> Owned {
    let time = of(this);
    let mut state = time.state();
    if protocol > 3 && time.fold() != 0 {
        state[0] |= 0x80;
    }
    let state = bytes::from_slice(&state);
    let args = match &time.tzinfo {
        None => tuple::pack([state]),
        Some(tzinfo) => tuple::pack([state, tzinfo.clone()]),
    };
    tuple::pack([this.type_object().value().to_owned(), args])
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(reduced(this, 2))
}

fn reduce_ex(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let protocol = arguments::only(args, kwnames, "__reduce_ex__", thread)?;
    Ok(reduced(this, c_int(protocol, thread)?))
}

/// The tail of a `repr`: zone and fold, and the closing bracket.
pub fn push_zone_and_fold(out: &mut Builder, tzinfo: Option<&Owned>, fold: i32, thread: &mut Thread) -> PyResult<()> {
    if let Some(tzinfo) = tzinfo {
        out.push_str(", tzinfo=");
        out.push_object(*convert::repr(**tzinfo, thread)?);
    }
    if fold != 0 {
        out.push_str(&format!(", fold={fold}"));
    }
    out.push_str(")");
    Ok(())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let time = of(this);
    let [hour, minute, second, microsecond] = time.clock();
    let mut out = Builder::new();
    out.push_str(&format!("{}({hour}, {minute}", this.type_object().full_name()));
    if second != 0 || microsecond != 0 {
        out.push_str(&format!(", {second}"));
    }
    if microsecond != 0 {
        out.push_str(&format!(", {microsecond}"));
    }
    push_zone_and_fold(&mut out, time.tzinfo.as_ref(), time.fold(), thread)?;
    Ok(out.finish())
}

/// The clock in microseconds.
fn total([hour, minute, second, microsecond]: [i32; 4]) -> i128 {
    i128::from(hour * 3600 + minute * 60 + second) * 1_000_000 + i128::from(microsecond)
}

fn hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let time = of(this);
    // Both folds of a time hash alike.
    let unfolded = if time.fold() == 0 { this.to_owned() } else { make(time.clock(), time.tzinfo.clone(), 0) };
    match tzinfo::utcoffset(of(*unfolded).zone(), Value::none(), thread)? {
        None => Ok(hashing::hash_bytes(&time.state())),
        Some(offset) => Ok(timedelta::hash_total(total(time.clock()) - timedelta::of(*offset).total())),
    }
}

fn compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_time(other) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(this), of(other));
    if a.zone().map(Value::bits) == b.zone().map(Value::bits) {
        return Ok(Owned::bool(op.holds(a.clock().cmp(&b.clock()))));
    }
    let offset = |time: &Time, thread: &mut Thread| -> PyResult<Option<i128>> {
        Ok(tzinfo::utcoffset(time.zone(), Value::none(), thread)?.map(|offset| timedelta::of(*offset).total()))
    };
    let (x, y) = (offset(a, thread)?, offset(b, thread)?);
    match (x, y) {
        _ if x == y => Ok(Owned::bool(op.holds(a.clock().cmp(&b.clock())))),
        (Some(x), Some(y)) => Ok(Owned::bool(op.holds((total(a.clock()) - x).cmp(&(total(b.clock()) - y))))),
        _ => match op {
            CompareOp::Eq => Ok(Owned::false_()),
            CompareOp::Ne => Ok(Owned::true_()),
            _ => Err(thread.raise_type_error("can't compare offset-naive and offset-aware times")),
        },
    }
}

macro_rules! getters {
    ($($name:ident $part:expr;)*) => { $(fn $name(this: Value, _thread: &mut Thread) -> PyResult { Ok(Owned::int(i64::from($part(of(this))))) })* };
}

getters! {
    get_hour |time: &Time| time.hour;
    get_minute |time: &Time| time.minute;
    get_second |time: &Time| time.second;
    get_microsecond |time: &Time| time.microsecond;
    get_fold |time: &Time| time.fold();
}

fn get_tzinfo(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).tzinfo.clone().unwrap_or_else(Owned::none))
}

/// Whether the value is a str of one character, as a separator must be.
pub fn separator(value: Value, thread: &mut Thread) -> PyResult<u32> {
    if !string::is_str(value) {
        let name = arguments::given(value);
        return Err(thread.raise_type_error(format!("isoformat() argument 1 must be a unicode character, not {name}")));
    }
    let text = string::StrObject::of(value);
    let n = text.len();
    if n != 1 {
        return Err(thread.raise_type_error(format!("isoformat() argument 1 must be a unicode character, not a string of length {n}")));
    }
    Ok(text.char_at(0))
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.time",
    doc: "time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object\n\nAll arguments are optional. tzinfo may be None, or an instance of\na tzinfo subclass. The remaining arguments may be ints.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<Time>(),
    slots: &[SlotFn::new(new), SlotFn::repr(repr), SlotFn::hash(hash), SlotFn::str(str), SlotFn::richcompare(compare)],
    methods: &[
        class_method("strptime", NativeFn::Raw(strptime), "-($type, string, format, /)", "string, format -> new time parsed from a string (like time.strptime())."),
        method("isoformat", NativeFn::Bound(isoformat), "-($self, /, timespec='auto')", "Return the time in ISO 8601 format.\n\nThe optional timespec says how much is shown: 'auto', 'hours', 'minutes', 'seconds', 'milliseconds' or\n'microseconds'."),
        method("strftime", NativeFn::Bound(strftime), "-($self, /, format)", "format -> strftime() style string."),
        method("__format__", NativeFn::Raw(format), "-($self, format, /)", "Formats self with strftime."),
        method("utcoffset", NativeFn::NoArgs(utcoffset), "($self, /)", "Return self.tzinfo.utcoffset(self)."),
        method("tzname", NativeFn::NoArgs(tzname), "($self, /)", "Return self.tzinfo.tzname(self)."),
        method("dst", NativeFn::NoArgs(dst), "($self, /)", "Return self.tzinfo.dst(self)."),
        method("replace", NativeFn::Bound(replace), REPLACE, "Return time with new specified fields."),
        method("__replace__", NativeFn::Raw(replace_dunder), "($self, /, **changes)", "The same as replace()."),
        class_method("fromisoformat", NativeFn::One(fromisoformat), "($type, object, /)", "Construct a time from a string in ISO 8601 format."),
        method("__reduce_ex__", NativeFn::Raw(reduce_ex), "-($self, protocol, /)", "__reduce_ex__(proto) -> (cls, state)"),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "__reduce__() -> (cls, state)"),
    ],
    getsets: &[
        GetSetDef { name: "hour", get: get_hour, set: None, doc: "" },
        GetSetDef { name: "minute", get: get_minute, set: None, doc: "" },
        GetSetDef { name: "second", get: get_second, set: None, doc: "" },
        GetSetDef { name: "microsecond", get: get_microsecond, set: None, doc: "" },
        GetSetDef { name: "tzinfo", get: get_tzinfo, set: None, doc: "" },
        GetSetDef { name: "fold", get: get_fold, set: None, doc: "" },
    ],
    dealloc: Some(dealloc::<Time>),
    ..TypeSpec::DEFAULT
};

pub static TIME: StaticType = StaticType::new(&SPEC);
