//! `timezone`: a fixed offset.

use std::sync::OnceLock;

use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::given;
use super::tzinfo::{self, TZINFO};
use super::{datetime, timedelta};
use crate::native_type::{dealloc, object};

#[repr(C)]
struct TimeZone {
    header: Header,
    /// A timedelta of less than a day.
    offset: Owned,
    /// A str.
    name: Option<Owned>,
}

fn of<'a>(value: Value) -> &'a TimeZone {
    // SAFETY: called for objects of the type only, which cannot be derived from.
    unsafe { object(value) }
}

fn is_timezone(value: Value) -> bool {
    value.is_pointer() && std::ptr::eq(value.type_object(), TIMEZONE.get())
}

/// The offset of a zone of this very type.
pub fn fixed_offset(zone: Value) -> Option<Owned> {
    is_timezone(zone).then(|| of(zone).offset.clone())
}

fn make(offset: Owned, name: Option<Owned>) -> Owned {
    allocate_object(TIMEZONE.get(), |header| TimeZone { header, offset, name })
}

/// `timezone.utc`.
pub fn utc() -> Value {
    static WORD: OnceLock<u64> = OnceLock::new();
    let word = *WORD.get_or_init(|| make(timedelta::from_fields(0, 0, 0), None).into_raw().bits());
    // SAFETY: the word owns a count that is never given back.
    unsafe { Value::from_bits(word) }
}

/// The zone of an offset; that of UTC is always the same.
pub fn of_offset(offset: Owned, name: Option<Owned>, thread: &mut Thread) -> PyResult {
    if name.is_none() && timedelta::of(*offset).total() == 0 {
        return Ok(utc().to_owned());
    }
    if !tzinfo::offset_is_valid(*offset) {
        return Err(tzinfo::raise_offset_range(*offset, thread));
    }
    Ok(make(offset, name))
}

static NEW_SIGNATURE: LazySignature = LazySignature::new("(offset, name=None)");

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = NEW_SIGNATURE.bind("timezone", args, kwnames, thread)?;
    let args = bound.args();
    let offset = args.at(0);
    if !timedelta::is_timedelta(offset) {
        let name = given(offset);
        return Err(thread.raise_type_error(format!("timezone() argument 1 must be datetime.timedelta, not {name}")));
    }
    let name = match args.get(1) {
        None => None,
        Some(name) if string::is_str(name) => Some(name.to_owned()),
        Some(name) => {
            let name = given(name);
            return Err(thread.raise_type_error(format!("timezone() argument 2 must be str, not {name}")));
        }
    };
    of_offset(offset.to_owned(), name, thread)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let class = this.type_object().full_name();
    if this.is(utc()) {
        return Ok(Owned::str(&format!("{class}.utc")));
    }
    let zone = of(this);
    let offset = convert::repr_text(*zone.offset, thread)?;
    Ok(match &zone.name {
        None => Owned::str(&format!("{class}({offset})")),
        Some(name) => {
            let name = convert::repr(**name, thread)?;
            let mut out = pyrt_runtime::types::str::Builder::new();
            out.push_str(&format!("{class}({offset}, "));
            out.push_object(*name);
            out.push_str(")");
            out.finish()
        }
    })
}

fn str(this: Value, _thread: &mut Thread) -> PyResult {
    let zone = of(this);
    if let Some(name) = &zone.name {
        return Ok(name.clone());
    }
    if timedelta::of(*zone.offset).total() == 0 {
        return Ok(Owned::str("UTC"));
    }
    Ok(Owned::str(&format!("UTC{}", tzinfo::offset_text(*zone.offset, ":"))))
}

fn hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(timedelta::hash_total(timedelta::of(*of(this).offset).total()))
}

fn compare(this: Value, other: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !is_timezone(other) {
        return Ok(Owned::not_implemented());
    }
    let same = timedelta::of(*of(this).offset).total() == timedelta::of(*of(other).offset).total();
    Ok(Owned::bool(same == (op == CompareOp::Eq)))
}

fn tzname(this: Value, moment: Value, thread: &mut Thread) -> PyResult {
    tzinfo::moment_argument(moment, "tzname", thread)?;
    str(this, thread)
}

fn utcoffset(this: Value, moment: Value, thread: &mut Thread) -> PyResult {
    tzinfo::moment_argument(moment, "utcoffset", thread)?;
    Ok(of(this).offset.clone())
}

fn dst(_this: Value, moment: Value, thread: &mut Thread) -> PyResult {
    tzinfo::moment_argument(moment, "dst", thread)?;
    Ok(Owned::none())
}

fn fromutc(this: Value, moment: Value, thread: &mut Thread) -> PyResult {
    tzinfo::check_fromutc(this, moment, thread)?;
    datetime::shifted(moment, timedelta::of(*of(this).offset).total(), thread)
}

fn getinitargs(this: Value, _thread: &mut Thread) -> PyResult {
    let zone = of(this);
    Ok(match &zone.name {
        None => tuple::pack([zone.offset.clone()]),
        Some(name) => tuple::pack([zone.offset.clone(), name.clone()]),
    })
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.timezone",
    doc: "Fixed offset from UTC implementation of tzinfo.",
    base: Some(&TZINFO),
    basic_size: size_of::<TimeZone>(),
    slots: &[SlotFn::new(new), SlotFn::repr(repr), SlotFn::str(str), SlotFn::hash(hash), SlotFn::richcompare(compare)],
    methods: &[
        method("tzname", NativeFn::One(tzname), "($self, object, /)", "If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'."),
        method("utcoffset", NativeFn::One(utcoffset), "($self, object, /)", "Return fixed offset."),
        method("dst", NativeFn::One(dst), "($self, object, /)", "Return None."),
        method("fromutc", NativeFn::One(fromutc), "($self, object, /)", "datetime in UTC -> datetime in local time."),
        method("__getinitargs__", NativeFn::NoArgs(getinitargs), "($self, /)", "pickle support"),
    ],
    dealloc: Some(dealloc::<TimeZone>),
    ..TypeSpec::DEFAULT
};

pub static TIMEZONE: StaticType = StaticType::new(&SPEC);
