//! `tzinfo`: the base of time zones, and how their methods are asked.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Raised, Thread, Value};

use super::arguments::given;
use super::{datetime, timedelta, timezone};

#[repr(C)]
pub struct TzInfo {
    pub header: Header,
}

pub fn is_tzinfo(value: Value) -> bool {
    value.is_pointer() && value.is_instance(TZINFO.get())
}

/// A `tzinfo` argument: none for None.
pub fn argument(value: Option<Value>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(None),
        Some(value) if is_tzinfo(value) => Ok(Some(value.to_owned())),
        Some(value) => {
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("tzinfo argument must be None or of a tzinfo subclass, not type '{name}'")))
        }
    }
}

#[cold]
pub fn raise_offset_range(offset: Value, thread: &mut Thread) -> Raised {
    match convert::repr_text(offset, thread) {
        Ok(shown) => thread.raise_value_error(format!(
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {shown}"
        )),
        Err(raised) => raised,
    }
}

/// Whether an offset is less than a day.
pub fn offset_is_valid(offset: Value) -> bool {
    timedelta::of(offset).total().abs() < 86_400_000_000
}

/// Asks a zone for an offset: a timedelta, or none for None.
fn ask(zone: Value, name: &str, moment: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let method = pyrt_runtime::names::interned(name);
    let found = call::call_method(zone, *method, &[moment], thread)?;
    if found.is_none() {
        return Ok(None);
    }
    if !timedelta::is_timedelta(*found) {
        let given = found.type_object().full_name();
        return Err(thread.raise_type_error(format!("tzinfo.{name}() must return None or timedelta, not '{given}'")));
    }
    if !offset_is_valid(*found) {
        return Err(raise_offset_range(*found, thread));
    }
    Ok(Some(found))
}

/// `zone.utcoffset(moment)`; none without a zone.
pub fn utcoffset(zone: Option<Value>, moment: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match zone {
        None => Ok(None),
        Some(zone) => match timezone::fixed_offset(zone) {
            Some(offset) => Ok(Some(offset)),
            None => ask(zone, "utcoffset", moment, thread),
        },
    }
}

/// `zone.dst(moment)`; none without a zone.
pub fn dst(zone: Option<Value>, moment: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match zone {
        None => Ok(None),
        Some(zone) => ask(zone, "dst", moment, thread),
    }
}

/// `zone.tzname(moment)`: a str or None; None without a zone.
pub fn tzname(zone: Option<Value>, moment: Value, thread: &mut Thread) -> PyResult {
    let Some(zone) = zone else { return Ok(Owned::none()) };
    let method = pyrt_runtime::names::interned("tzname");
    let found = call::call_method(zone, *method, &[moment], thread)?;
    if found.is_none() || string::is_str(*found) {
        return Ok(found);
    }
    let given = found.type_object().full_name();
    Err(thread.raise_type_error(format!("tzinfo.tzname() must return None or a string, not '{given}'")))
}

/// An offset as `+HH:MM[:SS[.ffffff]]`.
pub fn offset_text(offset: Value, separator: &str) -> String {
    let total = timedelta::of(offset).total();
    let sign = if total < 0 { '-' } else { '+' };
    let (seconds, microseconds) = (total.abs() / 1_000_000, total.abs() % 1_000_000);
    let mut text = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || microseconds != 0 {
        text.push_str(&format!("{separator}{:02}", seconds % 60));
    }
    if microseconds != 0 {
        text.push_str(&format!(".{microseconds:06}"));
    }
    text
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(TypeObject::of(class), |header| TzInfo { header }))
}

fn no_method(name: &str, thread: &mut Thread) -> PyResult {
    Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, format!("a tzinfo subclass must implement {name}()")))
}

fn base_tzname(_this: Value, _moment: Value, thread: &mut Thread) -> PyResult {
    no_method("tzname", thread)
}

fn base_utcoffset(_this: Value, _moment: Value, thread: &mut Thread) -> PyResult {
    no_method("utcoffset", thread)
}

fn base_dst(_this: Value, _moment: Value, thread: &mut Thread) -> PyResult {
    no_method("dst", thread)
}

/// The checks of every `fromutc`.
pub fn check_fromutc(this: Value, moment: Value, thread: &mut Thread) -> PyResult<()> {
    if !datetime::is_datetime(moment) {
        return Err(thread.raise_type_error("fromutc: argument must be a datetime"));
    }
    if !datetime::of(moment).zone().is_some_and(|zone| zone.is(this)) {
        return Err(thread.raise_value_error("fromutc: dt.tzinfo is not self"));
    }
    Ok(())
}

fn fromutc(this: Value, moment: Value, thread: &mut Thread) -> PyResult {
    check_fromutc(this, moment, thread)?;
    let Some(offset) = utcoffset(Some(this), moment, thread)? else {
        return Err(thread.raise_value_error("fromutc: non-None utcoffset() result required"));
    };
    let Some(summer) = dst(Some(this), moment, thread)? else {
        return Err(thread.raise_value_error("fromutc: non-None dst() result required"));
    };
    let standard = timedelta::of(*offset).total() - timedelta::of(*summer).total();
    let result = datetime::shifted(moment, standard, thread)?;
    // The rules are in local time: whether it is summer there is known only now.
    match dst(Some(this), *result, thread)? {
        None => Err(thread.raise_value_error("fromutc: tz.dst() gave inconsistent results; cannot convert")),
        Some(summer) => match timedelta::of(*summer).total() {
            0 => Ok(result),
            summer => datetime::shifted(*result, summer, thread),
        },
    }
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let names = pyrt_runtime::names();
    let args = match attribute::get_optional(this, names.__getinitargs__, thread)? {
        Some(method) => call::call(*method, &[], thread)?,
        None => tuple::empty(),
    };
    let state = call::call_method(this, names.__getstate__, &[], thread)?;
    Ok(tuple::pack([this.type_object().value().to_owned(), args, state]))
}

/// A moment argument of a zone's method: a datetime or None.
pub fn moment_argument(moment: Value, function: &str, thread: &mut Thread) -> PyResult<()> {
    if moment.is_none() || datetime::is_datetime(moment) {
        return Ok(());
    }
    let name = given(moment);
    Err(thread.raise_type_error(format!("{function}(dt) argument must be a datetime instance or None, not {name}")))
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.tzinfo",
    doc: "Abstract base class for time zone info objects.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<TzInfo>(),
    slots: &[SlotFn::new(new)],
    methods: &[
        method("tzname", NativeFn::One(base_tzname), "($self, object, /)", "datetime -> string name of time zone."),
        method("utcoffset", NativeFn::One(base_utcoffset), "($self, object, /)", "datetime -> timedelta showing offset from UTC, negative values indicating West of UTC"),
        method("dst", NativeFn::One(base_dst), "($self, object, /)", "datetime -> DST offset as timedelta positive east of UTC."),
        method("fromutc", NativeFn::One(fromutc), "($self, object, /)", "datetime in UTC -> datetime in local time."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "-> (cls, state)"),
    ],
    ..TypeSpec::DEFAULT
};

pub static TZINFO: StaticType = StaticType::new(&SPEC);
