//! `datetime`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{binary, call, convert};
use pyrt_runtime::sync::{AtomicU8, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, float, hashing, int, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::arguments::{self, c_int, c_int_or, check_date, check_time};
use super::calendar::{self, MAX_ORDINAL};
use super::date::{self, DATE, Date, class_method, strptime_by};
use super::local_time::{self, EPOCH, MAX_FOLD};
use super::time::{push_zone_and_fold, separator, state_zone, zone_of_text};
use super::{formatting, iso_text, time, timedelta, timezone, tzinfo};
use crate::native_type::{dealloc, object};

const DAY: i128 = 86_400_000_000;

#[repr(C)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    /// Set right after the object is made, when a subclass has made it.
    fold: AtomicU8,
    pub microsecond: u32,
    pub tzinfo: Option<Owned>,
}

pub fn of<'a>(value: Value) -> &'a DateTime {
    // SAFETY: called for objects of the type and its subclasses only.
    unsafe { object(value) }
}

pub fn is_datetime(value: Value) -> bool {
    value.is_pointer() && value.is_instance(DATETIME.get())
}

/// A moment without its zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fields {
    date: (i32, i32, i32),
    clock: [i32; 4],
}

impl Fields {
    /// Microseconds since the day before January 1 of year 1.
    fn total(&self) -> i128 {
        let (year, month, day) = self.date;
        let [hour, minute, second, microsecond] = self.clock;
        i128::from(calendar::to_ordinal(year, month, day)) * DAY
            + i128::from(hour * 3600 + minute * 60 + second) * 1_000_000
            + i128::from(microsecond)
    }

    fn of_total(total: i128) -> Option<Fields> {
        let ordinal = i32::try_from(total.div_euclid(DAY)).ok().filter(|ordinal| (1..=MAX_ORDINAL).contains(ordinal))?;
        let rest = total.rem_euclid(DAY);
        let (seconds, microsecond) = ((rest / 1_000_000) as i32, (rest % 1_000_000) as i32);
        Some(Fields { date: calendar::from_ordinal(ordinal), clock: [seconds / 3600, seconds / 60 % 60, seconds % 60, microsecond] })
    }

    /// The moment in seconds, of a clock that shows UTC.
    fn seconds(&self) -> i64 {
        let (year, month, day) = self.date;
        local_time::moment(year, month, day, self.clock[0], self.clock[1], self.clock[2])
    }
}

impl DateTime {
    fn fields(&self) -> Fields {
        Fields { date: self.date.parts(), clock: [i32::from(self.hour), i32::from(self.minute), i32::from(self.second), self.microsecond as i32] }
    }

    fn fold(&self) -> i32 {
        i32::from(self.fold.load(Ordering::Relaxed))
    }

    pub fn zone(&self) -> Option<Value> {
        self.tzinfo.as_ref().map(Owned::value)
    }

    fn state(&self) -> [u8; 10] {
        let [high, low] = self.date.year.to_be_bytes();
        let [_, a, b, c] = self.microsecond.to_be_bytes();
        [high, low, self.date.month, self.date.day, self.hour, self.minute, self.second, a, b, c]
    }
}

fn allocate(class: &TypeObject, fields: Fields, tzinfo: Option<Owned>, fold: i32) -> Owned {
    let [hour, minute, second, microsecond] = fields.clock;
    allocate_object(class, |header| DateTime {
        date: Date::new(header, fields.date),
        hour: hour as u8,
        minute: minute as u8,
        second: second as u8,
        fold: AtomicU8::new(fold as u8),
        microsecond: microsecond as u32,
        tzinfo,
    })
}

fn make(fields: Fields, tzinfo: Option<Owned>, fold: i32) -> Owned {
    allocate(DATETIME.get(), fields, tzinfo, fold)
}

fn check(fields: Fields, fold: i32, thread: &mut Thread) -> PyResult<()> {
    let (year, month, day) = fields.date;
    check_date(year, month, day, thread)?;
    check_time(fields.clock, fold, thread)
}

/// A datetime of a class: subclasses are called.
fn of_class(class: Value, fields: Fields, tzinfo: Option<Owned>, fold: i32, thread: &mut Thread) -> PyResult {
    if class.is(DATETIME.get().value()) {
        check(fields, fold, thread)?;
        return Ok(make(fields, tzinfo, fold));
    }
    let (year, month, day) = fields.date;
    let [hour, minute, second, microsecond] = fields.clock;
    let parts = [year, month, day, hour, minute, second, microsecond].map(|part| Owned::int(i64::from(part)));
    let tzinfo = tzinfo.unwrap_or_else(Owned::none);
    let values = [*parts[0], *parts[1], *parts[2], *parts[3], *parts[4], *parts[5], *parts[6], *tzinfo];
    let made = call::call(class, &values, thread)?;
    if is_datetime(*made) {
        if fold != 0 && fold != 1 {
            return Err(thread.raise_value_error(format!("fold must be either 0 or 1, not {fold}")));
        }
        of(*made).fold.store(fold as u8, Ordering::Relaxed);
    }
    Ok(made)
}

/// The datetime that is some microseconds later, of the same class and zone.
pub fn shifted(this: Value, microseconds: i128, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    match Fields::of_total(moment.fields().total() + microseconds) {
        Some(fields) => of_class(this.type_object().value(), fields, moment.tzinfo.clone(), 0, thread),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "date value out of range")),
    }
}

fn utcoffset_of(this: Value, thread: &mut Thread) -> PyResult<Option<i128>> {
    Ok(tzinfo::utcoffset(of(this).zone(), this, thread)?.map(|offset| timedelta::of(*offset).total()))
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if let Some(state) = args.get(0).filter(|_| args.len() <= 2 && kwnames.is_empty()) {
        let state = arguments::state(state, 10, "datetime", |state| (1..=12).contains(&(state[2] & 0x7F)), thread)?;
        if let Some(state) = state {
            let tzinfo = state_zone(args.get(1), thread)?;
            let year = u16::from_be_bytes([state[0], state[1]]);
            let microsecond = u32::from_be_bytes([0, state[7], state[8], state[9]]) as i32;
            let fields = Fields {
                date: (i32::from(year), i32::from(state[2] & 0x7F), i32::from(state[3])),
                clock: [i32::from(state[4]), i32::from(state[5]), i32::from(state[6]), microsecond],
            };
            return Ok(allocate(TypeObject::of(class), fields, tzinfo, i32::from(state[2] >> 7)));
        }
    }
    let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
    let (mut numbers, mut zone) = ([0; 9], None);
    arguments::bind(names, 3, 8, args, kwnames, thread, |i, value, thread| {
        if i == 7 {
            zone = Some(value);
        } else {
            numbers[i] = c_int(value, thread)?;
        }
        Ok(())
    })?;
    let tzinfo = tzinfo::argument(zone, thread)?;
    let [year, month, day, hour, minute, second, microsecond, _, fold] = numbers;
    let fields = Fields { date: (year, month, day), clock: [hour, minute, second, microsecond] };
    check(fields, fold, thread)?;
    Ok(allocate(TypeObject::of(class), fields, tzinfo, fold))
}

/// A time stamp in whole seconds and microseconds, rounded half to even.
fn stamp(value: Value, thread: &mut Thread) -> PyResult<(i64, i32)> {
    let is_float = value.is_flonum() || (value.is_pointer() && value.type_has_flag(TYPE_FLOAT_SUBCLASS));
    let Some(number) = float::as_f64(value).filter(|_| is_float) else {
        let whole = match convert::index(value, thread) {
            Ok(whole) => whole,
            Err(raised) => {
                thread.catch(raised, &exc::TYPE_ERROR)?;
                let name = value.type_object().full_name();
                return Err(thread.raise_type_error(format!("argument must be int or float, not {name}")));
            }
        };
        return Ok((crate::duration::whole_seconds(*whole, crate::duration::Rounding::Floor, thread)?, 0));
    };
    if number.is_nan() {
        return Err(thread.raise_value_error("Invalid value NaN (not a number)"));
    }
    let mut seconds = number.trunc();
    let mut microseconds = (number.fract() * 1e6).round_ties_even();
    if microseconds >= 1e6 {
        microseconds -= 1e6;
        seconds += 1.0;
    } else if microseconds < 0.0 {
        microseconds += 1e6;
        seconds -= 1.0;
    }
    let limit = -(i64::MIN as f64);
    if !(seconds >= -limit && seconds < limit) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "timestamp out of range for platform time_t"));
    }
    Ok((seconds as i64, microseconds as i32))
}

/// The datetime of a time stamp: local without a zone, else of UTC.
fn of_stamp(class: Value, (seconds, microsecond): (i64, i32), is_local: bool, tzinfo: Option<Owned>, thread: &mut Thread) -> PyResult {
    let parts = local_time::parts(seconds, is_local, thread)?;
    let year = i32::try_from(parts.year).unwrap_or(i32::MAX);
    let fields = Fields { date: (year, parts.month, parts.day), clock: [parts.hour, parts.minute, parts.second, microsecond] };
    let mut fold = 0;
    if is_local && tzinfo.is_none() && (1..=9999).contains(&year) {
        // Whether local clocks have shown this before.
        let shown = fields.seconds();
        let before = local_time::local(EPOCH + seconds - MAX_FOLD, thread)?;
        let jump = shown - before - MAX_FOLD;
        if jump < 0 && local_time::local(EPOCH + seconds + jump, thread)? == shown {
            fold = 1;
        }
    }
    of_class(class, fields, tzinfo, fold, thread)
}

/// Moves a datetime of UTC, which has the zone already, to the zone.
fn into_zone(moment: Owned, zone: Option<&Owned>, thread: &mut Thread) -> PyResult {
    match zone {
        None => Ok(moment),
        Some(zone) => call::call_method(**zone, *pyrt_runtime::names::interned("fromutc"), &[*moment], thread),
    }
}

fn now_stamp() -> (i64, i32) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_secs() as i64, now.subsec_micros() as i32)
}

fn now(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let zone = tzinfo::argument(args.get(0), thread)?;
    let moment = of_stamp(class, now_stamp(), zone.is_none(), zone.clone(), thread)?;
    into_zone(moment, zone.as_ref(), thread)
}

fn deprecated(old: &str, new: &str, thread: &mut Thread) -> PyResult<()> {
    let text = format!(
        "datetime.datetime.{old}() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.{new}."
    );
    pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, &text, 1, thread)
}

fn utcnow(class: Value, thread: &mut Thread) -> PyResult {
    deprecated("utcnow", "now(datetime.UTC)", thread)?;
    of_stamp(class, now_stamp(), false, None, thread)
}

fn fromtimestamp(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let zone = tzinfo::argument(args.get(1), thread)?;
    let stamp = stamp(args.at(0), thread)?;
    let moment = of_stamp(class, stamp, zone.is_none(), zone.clone(), thread)?;
    into_zone(moment, zone.as_ref(), thread)
}

fn utcfromtimestamp(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let value = arguments::only(args, kwnames, "utcfromtimestamp", thread)?;
    deprecated("utcfromtimestamp", "fromtimestamp(timestamp, datetime.UTC)", thread)?;
    let stamp = stamp(value, thread)?;
    of_stamp(class, stamp, false, None, thread)
}

fn strptime(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    strptime_by("_strptime_datetime_datetime", class, args, kwnames, thread)
}

fn combine(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (day, clock) = (args.at(0), args.at(1));
    if !date::is_date(day) {
        let name = arguments::given(day);
        return Err(thread.raise_type_error(format!("combine() argument 1 must be datetime.date, not {name}")));
    }
    if !time::is_time(clock) {
        let name = arguments::given(clock);
        return Err(thread.raise_type_error(format!("combine() argument 2 must be datetime.time, not {name}")));
    }
    let clock = time::of(clock);
    let tzinfo = match args.get(2) {
        None => clock.tzinfo.clone(),
        Some(zone) => tzinfo::argument(Some(zone), thread)?,
    };
    of_class(class, Fields { date: date::of(day).parts(), clock: clock.clock() }, tzinfo, clock.fold(), thread)
}

fn fromisoformat(class: Value, text: Value, thread: &mut Thread) -> PyResult {
    let bytes = arguments::iso_text(text, thread)?;
    let end = if bytes.len() >= 7 { iso_text::date_end(&bytes) } else { None };
    let parsed = end.and_then(|end| {
        let date = iso_text::date(bytes.get(..end.min(bytes.len()))?)?;
        if end >= bytes.len() {
            return Some((date, iso_text::Clock::default()));
        }
        Some((date, iso_text::clock(bytes.get(end + 1..)?)?))
    });
    let Some((mut day, mut clock)) = parsed else { return Err(arguments::invalid_iso(text, thread)) };
    let tzinfo = zone_of_text(clock.offset, thread)?;
    if time::is_end_of_day(&clock, thread)? {
        clock.hour = 0;
        let (year, month, date) = day;
        // A date out of range is complained of below.
        if (1..=12).contains(&month) && (1..=calendar::days_in_month(year, month)).contains(&date) {
            day = match () {
                () if date < calendar::days_in_month(year, month) => (year, month, date + 1),
                () if month < 12 => (year, month + 1, 1),
                () => (year + 1, 1, 1),
            };
        }
    }
    let fields = Fields { date: day, clock: [clock.hour, clock.minute, clock.second, clock.microsecond] };
    of_class(class, fields, tzinfo, 0, thread)
}

fn get_date(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(date::make(of(this).date.parts()))
}

fn get_time(this: Value, _thread: &mut Thread) -> PyResult {
    let moment = of(this);
    Ok(time::make(moment.fields().clock, None, moment.fold()))
}

fn get_timetz(this: Value, _thread: &mut Thread) -> PyResult {
    let moment = of(this);
    Ok(time::make(moment.fields().clock, moment.tzinfo.clone(), moment.fold()))
}

fn ctime(this: Value, _thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let [hour, minute, second, _] = moment.fields().clock;
    Ok(Owned::str(&date::ctime_text(&moment.date, &format!("{hour:02}:{minute:02}:{second:02}"))))
}

fn timetuple(this: Value, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let is_dst = match tzinfo::dst(moment.zone(), this, thread)? {
        None => -1,
        Some(dst) => i32::from(timedelta::of(*dst).total() != 0),
    };
    let [hour, minute, second, _] = moment.fields().clock;
    formatting::struct_time(date::time_fields(&moment.date, [hour, minute, second], is_dst), thread)
}

fn utctimetuple(this: Value, thread: &mut Thread) -> PyResult {
    let offset = utcoffset_of(this, thread)?.unwrap_or(0);
    let fields = of(this).fields();
    let total = fields.total() - offset;
    let in_range = Fields::of_total(total);
    let Some(fields) = in_range else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "date value out of range"));
    };
    let plain = make(fields, None, 0);
    let [hour, minute, second, _] = fields.clock;
    formatting::struct_time(date::time_fields(&of(*plain).date, [hour, minute, second], 0), thread)
}

/// The moment's seconds since the epoch, of a datetime without a zone.
fn local_stamp(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let moment = of(this);
    Ok(local_time::to_utc(moment.fields().seconds(), moment.fold() != 0, thread)? - EPOCH)
}

fn timestamp(this: Value, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let Some(_) = &moment.tzinfo else {
        let seconds = local_stamp(this, thread)?;
        return Ok(Owned::float(seconds as f64 + f64::from(moment.microsecond) / 1e6));
    };
    match utcoffset_of(this, thread)? {
        None => {
            let seconds = local_stamp(this, thread)?;
            Ok(Owned::float(seconds as f64 + f64::from(moment.microsecond) / 1e6))
        }
        Some(offset) => {
            let microseconds = moment.fields().total() - offset - i128::from(EPOCH) * 1_000_000;
            let total = i64::try_from(microseconds).unwrap_or(i64::MAX);
            binary::operate(binary::BinaryOperator::TrueDivide, *Owned::int(total), *Owned::int(1_000_000), thread)
        }
    }
}

fn isoformat(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let separator = args.get(0).map_or(Ok(u32::from(b'T')), |value| separator(value, thread))?;
    let timespec = match args.get(1) {
        None => "auto".to_string(),
        Some(timespec) => arguments::text(timespec, "isoformat", 2, thread)?.to_string_lossy(),
    };
    let moment = of(this);
    let Some(clock) = formatting::clock_text(moment.fields().clock, &timespec) else {
        return Err(thread.raise_value_error("Unknown timespec value"));
    };
    let mut out = Builder::new();
    out.push_str(&moment.date.iso());
    out.push_char(separator);
    out.push_str(&clock);
    if let Some(offset) = tzinfo::utcoffset(moment.zone(), this, thread)? {
        out.push_str(&tzinfo::offset_text(*offset, ":"));
    }
    Ok(out.finish())
}

fn str(this: Value, thread: &mut Thread) -> PyResult {
    call::call_method(this, *pyrt_runtime::names::interned("isoformat"), &[*Owned::str(" ")], thread)
}

fn utcoffset(this: Value, thread: &mut Thread) -> PyResult {
    Ok(tzinfo::utcoffset(of(this).zone(), this, thread)?.unwrap_or_else(Owned::none))
}

fn tzname(this: Value, thread: &mut Thread) -> PyResult {
    tzinfo::tzname(of(this).zone(), this, thread)
}

fn dst(this: Value, thread: &mut Thread) -> PyResult {
    Ok(tzinfo::dst(of(this).zone(), this, thread)?.unwrap_or_else(Owned::none))
}

const REPLACE: &str = "($self, /, year=unchanged, month=unchanged, day=unchanged,\n        hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)";
static REPLACE_SIGNATURE: LazySignature = LazySignature::new(REPLACE);

fn replace(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let Fields { date: (year, month, day), clock: [hour, minute, second, microsecond] } = moment.fields();
    let mut parts = [year, month, day, hour, minute, second, microsecond];
    for (i, part) in parts.iter_mut().enumerate() {
        *part = c_int_or(args.get(i), *part, thread)?;
    }
    let [year, month, day, hour, minute, second, microsecond] = parts;
    let fold = c_int_or(args.get(8), moment.fold(), thread)?;
    let tzinfo = match args.get(7) {
        None => moment.tzinfo.clone(),
        Some(zone) => tzinfo::argument(Some(zone), thread)?,
    };
    let fields = Fields { date: (year, month, day), clock: [hour, minute, second, microsecond] };
    of_class(this.type_object().value(), fields, tzinfo, fold, thread)
}

fn replace_dunder(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = REPLACE_SIGNATURE.bind("replace", args, kwnames, thread)?;
    replace(this, bound.args(), thread)
}

/// The local zone at a time stamp: its offset and name then.
fn local_zone(seconds: i64, thread: &mut Thread) -> PyResult {
    let parts = local_time::parts(seconds, true, thread)?;
    let offset = timedelta::from_total(i128::from(parts.offset) * 1_000_000, thread)?;
    timezone::of_offset(offset, Some(crate::posix::path::decode(&parts.zone())), thread)
}

/// The local zone of a datetime that is taken for local. In a gap that clocks jump over the fold says which side's
/// offset counts, which is the one of the other side's moment.
fn zone_of_local(this: Value, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let (clock, fold) = (moment.fields().seconds(), moment.fold() != 0);
    let first = local_time::to_utc(clock, fold, thread)?;
    let other = local_time::to_utc(clock, !fold, thread)?;
    let is_gap = other != first && (other > first) == fold;
    local_zone(if is_gap { other } else { first } - EPOCH, thread)
}

fn astimezone(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let wanted = tzinfo::argument(args.get(0), thread)?;
    let moment = of(this);
    let mut own = match &moment.tzinfo {
        Some(own) => own.clone(),
        None => zone_of_local(this, thread)?,
    };
    if wanted.as_ref().is_some_and(|wanted| wanted.is(*own)) {
        return Ok(this.to_owned());
    }
    let offset = match tzinfo::utcoffset(Some(*own), this, thread)? {
        Some(offset) => offset,
        None => {
            // A zone that does not know: the time is taken for local.
            own = zone_of_local(this, thread)?;
            if wanted.as_ref().is_some_and(|wanted| wanted.is(*own)) {
                return Ok(this.to_owned());
            }
            tzinfo::utcoffset(Some(*own), this, thread)?.unwrap_or_else(|| timedelta::from_fields(0, 0, 0))
        }
    };
    let total = moment.fields().total() - timedelta::of(*offset).total();
    let Some(fields) = Fields::of_total(total) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "date value out of range"));
    };
    let zone = match wanted {
        Some(wanted) => wanted,
        None => local_zone(fields.seconds() - EPOCH, thread)?,
    };
    let utc = of_class(this.type_object().value(), fields, Some(zone.clone()), 0, thread)?;
    into_zone(utc, Some(&zone), thread)
}

/// The state for a pickle; protocols above 3 know of folds.
fn reduced(this: Value, protocol: i32) -> Owned {
    let moment = of(this);
    let mut state = moment.state();
    if protocol > 3 && moment.fold() != 0 {
        state[2] |= 0x80;
    }
    let state = bytes::from_slice(&state);
    let args = match &moment.tzinfo {
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

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let moment = of(this);
    let Fields { date: (year, month, day), clock: [hour, minute, second, microsecond] } = moment.fields();
    let mut out = Builder::new();
    out.push_str(&format!("{}({year}, {month}, {day}, {hour}, {minute}", this.type_object().full_name()));
    if second != 0 || microsecond != 0 {
        out.push_str(&format!(", {second}"));
    }
    if microsecond != 0 {
        out.push_str(&format!(", {microsecond}"));
    }
    push_zone_and_fold(&mut out, moment.tzinfo.as_ref(), moment.fold(), thread)?;
    Ok(out.finish())
}

/// The same moment with another fold, as a plain datetime.
fn with_fold(this: Value, fold: i32) -> Owned {
    let moment = of(this);
    make(moment.fields(), moment.tzinfo.clone(), fold)
}

fn hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let moment = of(this);
    // Both folds of a moment hash alike.
    let unfolded = if moment.fold() == 0 { this.to_owned() } else { with_fold(this, 0) };
    match utcoffset_of(*unfolded, thread)? {
        None => Ok(hashing::hash_bytes(&moment.state())),
        Some(offset) => Ok(timedelta::hash_total(moment.fields().total() - offset)),
    }
}

/// Whether the offset depends on the fold: such a moment equals none of another zone (PEP 495).
fn depends_on_fold(this: Value, offset: Option<i128>, thread: &mut Thread) -> PyResult<bool> {
    let flipped = with_fold(this, 1 - of(this).fold());
    Ok(utcoffset_of(*flipped, thread)? != offset)
}

fn compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_datetime(other) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(this), of(other));
    if a.zone().map(Value::bits) == b.zone().map(Value::bits) {
        return Ok(Owned::bool(op.holds(a.fields().cmp(&b.fields()))));
    }
    let (x, y) = (utcoffset_of(this, thread)?, utcoffset_of(other, thread)?);
    let ordering = match (x, y) {
        (Some(x), Some(y)) => (a.fields().total() - x).cmp(&(b.fields().total() - y)),
        (None, None) => a.fields().cmp(&b.fields()),
        _ => {
            return match op {
                CompareOp::Eq => Ok(Owned::false_()),
                CompareOp::Ne => Ok(Owned::true_()),
                _ => Err(thread.raise_type_error("can't compare offset-naive and offset-aware datetimes")),
            };
        }
    };
    if op.is_equality() && ordering.is_eq() && (depends_on_fold(this, x, thread)? || depends_on_fold(other, y, thread)?) {
        return Ok(Owned::bool(op == CompareOp::Ne));
    }
    Ok(Owned::bool(op.holds(ordering)))
}

fn add(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (moment, delta) = if is_datetime(left) { (left, right) } else { (right, left) };
    if !is_datetime(moment) || !timedelta::is_timedelta(delta) {
        return Ok(Owned::not_implemented());
    }
    shifted(moment, timedelta::of(delta).total(), thread)
}

fn subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_datetime(left) {
        return Ok(Owned::not_implemented());
    }
    if timedelta::is_timedelta(right) {
        return shifted(left, -timedelta::of(right).total(), thread);
    }
    if !is_datetime(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(left), of(right));
    let difference = a.fields().total() - b.fields().total();
    if a.zone().map(Value::bits) == b.zone().map(Value::bits) {
        return timedelta::from_total(difference, thread);
    }
    match (utcoffset_of(left, thread)?, utcoffset_of(right, thread)?) {
        (Some(x), Some(y)) => timedelta::from_total(difference - x + y, thread),
        (None, None) => timedelta::from_total(difference, thread),
        _ => Err(thread.raise_type_error("can't subtract offset-naive and offset-aware datetimes")),
    }
}

macro_rules! getters {
    ($($name:ident $part:expr;)*) => { $(fn $name(this: Value, _thread: &mut Thread) -> PyResult { Ok(int::from_i64(i64::from($part(of(this))))) })* };
}

getters! {
    get_hour |moment: &DateTime| moment.hour;
    get_minute |moment: &DateTime| moment.minute;
    get_second |moment: &DateTime| moment.second;
    get_microsecond |moment: &DateTime| moment.microsecond;
    get_fold |moment: &DateTime| moment.fold();
}

fn get_tzinfo(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).tzinfo.clone().unwrap_or_else(Owned::none))
}

/// The first or the last datetime.
pub fn limit(is_first: bool) -> Owned {
    let fields = if is_first { Fields { date: (1, 1, 1), clock: [0; 4] } } else { Fields { date: (9999, 12, 31), clock: [23, 59, 59, 999_999] } };
    make(fields, None, 0)
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.datetime",
    doc: "datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])\n\nThe year, month and day arguments are required. tzinfo may be None, or an\ninstance of a tzinfo subclass. The remaining arguments may be ints.",
    base: Some(&DATE),
    flags: TYPE_BASETYPE,
    basic_size: size_of::<DateTime>(),
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
        class_method("now", NativeFn::Bound(now), "($type, /, tz=None)", "Returns new datetime object representing current time local to tz.\n\nWithout tz, the local clock is taken."),
        class_method("utcnow", NativeFn::NoArgs(utcnow), "($type, /)", "Return a new datetime representing UTC day and time."),
        class_method("fromtimestamp", NativeFn::Bound(fromtimestamp), "-($type, /, timestamp, tz=None)", "timestamp[, tz] -> tz's local time from POSIX timestamp."),
        class_method("utcfromtimestamp", NativeFn::Raw(utcfromtimestamp), "-($type, timestamp, /)", "Construct a naive UTC datetime from a POSIX timestamp."),
        class_method("strptime", NativeFn::Raw(strptime), "-($type, string, format, /)", "string, format -> new datetime parsed from a string (like time.strptime())."),
        class_method("combine", NativeFn::Bound(combine), "-($type, /, date, time, tzinfo=None)", "date, time -> datetime with same date and time fields"),
        class_method("fromisoformat", NativeFn::One(fromisoformat), "($type, object, /)", "Construct a date from a string in ISO 8601 format."),
        method("date", NativeFn::NoArgs(get_date), "($self, /)", "Return date object with same year, month and day."),
        method("time", NativeFn::NoArgs(get_time), "($self, /)", "Return time object with same time but with tzinfo=None."),
        method("timetz", NativeFn::NoArgs(get_timetz), "($self, /)", "Return time object with same time and tzinfo."),
        method("ctime", NativeFn::NoArgs(ctime), "($self, /)", "Return ctime() style string."),
        method("timetuple", NativeFn::NoArgs(timetuple), "($self, /)", "Return time tuple, compatible with time.localtime()."),
        method("timestamp", NativeFn::NoArgs(timestamp), "($self, /)", "Return POSIX timestamp as float."),
        method("utctimetuple", NativeFn::NoArgs(utctimetuple), "($self, /)", "Return UTC time tuple, compatible with time.localtime()."),
        method("isoformat", NativeFn::Bound(isoformat), "-($self, /, sep='T', timespec='auto')", "[sep] -> string in ISO 8601 format, YYYY-MM-DDT[HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM]."),
        method("utcoffset", NativeFn::NoArgs(utcoffset), "($self, /)", "Return self.tzinfo.utcoffset(self)."),
        method("tzname", NativeFn::NoArgs(tzname), "($self, /)", "Return self.tzinfo.tzname(self)."),
        method("dst", NativeFn::NoArgs(dst), "($self, /)", "Return self.tzinfo.dst(self)."),
        method("replace", NativeFn::Bound(replace), REPLACE, "Return datetime with new specified fields."),
        method("__replace__", NativeFn::Raw(replace_dunder), "($self, /, **changes)", "The same as replace()."),
        method("astimezone", NativeFn::Bound(astimezone), "-($self, /, tz=None)", "tz -> convert to local time in new timezone tz"),
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
    dealloc: Some(dealloc::<DateTime>),
    ..TypeSpec::DEFAULT
};

pub static DATETIME: StaticType = StaticType::new(&SPEC);
