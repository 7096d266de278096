//! `IsoCalendarDate`: what `isocalendar` returns.

use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::types::builtin_types::{StaticType, TUPLE};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub fn make(year: i32, week: i32, weekday: i32, thread: &mut Thread) -> PyResult {
    let fields = [year, week, weekday].map(|field| Owned::int(i64::from(field)));
    let values = [*fields[0], *fields[1], *fields[2]];
    tuple::new_of_type(ISO_CALENDAR_DATE.get(), &values, thread)
}

static NEW_SIGNATURE: LazySignature = LazySignature::new("(year, week, weekday)");

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = NEW_SIGNATURE.bind("IsoCalendarDate", args, kwnames, thread)?;
    let args = bound.args();
    tuple::new_of_type(TypeObject::of(class), &[args.at(0), args.at(1), args.at(2)], thread)
}

fn field(this: Value, i: usize) -> Owned {
    TupleObject::of(this).items().get(i).map_or_else(Owned::none, |field| field.to_owned())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let mut shown = Vec::new();
    for (i, name) in ["year", "week", "weekday"].into_iter().enumerate() {
        shown.push(format!("{name}={}", pyrt_runtime::protocol::convert::str_text(*field(this, i), thread)?));
    }
    Ok(Owned::str(&format!("{}({})", this.type_object().full_name(), shown.join(", "))))
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let plain = tuple::from_values(TupleObject::of(this).items());
    Ok(tuple::pack([TUPLE.get().value().to_owned(), tuple::pack([plain])]))
}

fn get_year(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(field(this, 0))
}

fn get_week(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(field(this, 1))
}

fn get_weekday(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(field(this, 2))
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.IsoCalendarDate",
    doc: "The result of date.isocalendar() or datetime.isocalendar()\n\nThis object may be accessed either as a tuple of\n  ((year, week, weekday))\nor via the object attributes as named in the above tuple.",
    base: Some(&TUPLE),
    slots: &[SlotFn::new(new), SlotFn::repr(repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "")],
    getsets: &[
        GetSetDef { name: "year", get: get_year, set: None, doc: "" },
        GetSetDef { name: "week", get: get_week, set: None, doc: "" },
        GetSetDef { name: "weekday", get: get_weekday, set: None, doc: "" },
    ],
    ..TypeSpec::DEFAULT
};

pub static ISO_CALENDAR_DATE: StaticType = StaticType::new(&SPEC);
