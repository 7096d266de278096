//! `timedelta`.
//!
//! # Invariants
//! * `days` is within ±999999999, `seconds` within a day, `microseconds` within a second; only `days` may be negative.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{binary, call, convert};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::hashing;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Raised, Thread, Value};

use crate::native_type::object;

pub const MAX_DAYS: i32 = 999_999_999;
const DAY: i128 = 86_400_000_000;
const SECOND: i128 = 1_000_000;

#[repr(C)]
pub struct TimeDelta {
    header: Header,
    pub days: i32,
    pub seconds: i32,
    pub microseconds: i32,
}

pub fn of<'a>(value: Value) -> &'a TimeDelta {
    // SAFETY: called for objects of the type and its subclasses only.
    unsafe { object(value) }
}

pub fn is_timedelta(value: Value) -> bool {
    value.is_pointer() && value.is_instance(TIMEDELTA.get())
}

impl TimeDelta {
    /// The whole in microseconds.
    pub fn total(&self) -> i128 {
        i128::from(self.days) * DAY + i128::from(self.seconds) * SECOND + i128::from(self.microseconds)
    }
}

fn make(class: &TypeObject, days: i32, seconds: i32, microseconds: i32) -> Owned {
    allocate_object(class, |header| TimeDelta { header, days, seconds, microseconds })
}

/// A timedelta of fields that are in range.
pub fn from_fields(days: i32, seconds: i32, microseconds: i32) -> Owned {
    make(TIMEDELTA.get(), days, seconds, microseconds)
}

/// A timedelta of a number of microseconds.
pub fn from_total(total: i128, thread: &mut Thread) -> PyResult {
    of_class(TIMEDELTA.get(), total, thread)
}

#[cold]
fn too_large(thread: &mut Thread) -> Raised {
    thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C int")
}

fn of_class(class: &TypeObject, total: i128, thread: &mut Thread) -> PyResult {
    let (days, rest) = (total.div_euclid(DAY), total.rem_euclid(DAY));
    let Ok(days) = i32::try_from(days) else { return Err(too_large(thread)) };
    if days.abs() > MAX_DAYS {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("days={days}; must have magnitude <= {MAX_DAYS}")));
    }
    let (seconds, microseconds) = ((rest / SECOND) as i32, (rest % SECOND) as i32);
    Ok(make(class, days, seconds, microseconds))
}

fn from_big(total: &BigInt, thread: &mut Thread) -> PyResult {
    match total.to_i128() {
        Some(total) => from_total(total, thread),
        None => Err(too_large(thread)),
    }
}

static NEW_SIGNATURE: LazySignature =
    LazySignature::new("(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)");

/// The components in the order in which they are summed up: place in the signature, name, microseconds.
const COMPONENTS: [(usize, &str, i64); 7] = [
    (2, "microseconds", 1),
    (3, "milliseconds", 1000),
    (1, "seconds", 1_000_000),
    (4, "minutes", 60_000_000),
    (5, "hours", 3_600_000_000),
    (0, "days", 86_400_000_000),
    (6, "weeks", 604_800_000_000),
];

fn big_of_f64(number: f64, thread: &mut Thread) -> PyResult<BigInt> {
    use num_traits::FromPrimitive;
    match BigInt::from_f64(number) {
        Some(big) => Ok(big),
        None if number.is_nan() => Err(thread.raise_value_error("cannot convert float NaN to integer")),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot convert float infinity to integer")),
    }
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = NEW_SIGNATURE.bind("__new__", args, kwnames, thread)?;
    let args = bound.args();
    let mut small: i128 = 0;
    let mut large = BigInt::zero();
    // Parts of microseconds that floats leave.
    let mut leftover = 0.0f64;
    for (place, name, factor) in COMPONENTS {
        let Some(value) = args.get(place) else { continue };
        if convert::is_int(value) {
            match int::as_i64(value) {
                Some(number) => small += i128::from(number) * i128::from(factor),
                None => large += int::to_bigint(value) * factor,
            }
        } else if let Some(number) = float_of(value) {
            // Whole units exactly, the rest in microseconds.
            large += big_of_f64(number.trunc(), thread)? * factor;
            let fraction = number.fract();
            if fraction != 0.0 {
                let microseconds = factor as f64 * fraction;
                large += big_of_f64(microseconds.trunc(), thread)?;
                leftover += microseconds.fract();
            }
        } else {
            let given = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("unsupported type for timedelta {name} component: {given}")));
        }
    }
    if leftover != 0.0 {
        // Half-even with regard to the sum.
        let mut whole = leftover.round();
        if (whole - leftover).abs() == 0.5 {
            let is_odd = if (&large + small).is_odd() { 1.0 } else { 0.0 };
            whole = 2.0 * ((leftover + is_odd) * 0.5).round() - is_odd;
        }
        large += big_of_f64(whole, thread)?;
    }
    let total = if large.is_zero() { Some(small) } else { (large + small).to_i128() };
    match total {
        Some(total) => of_class(TypeObject::of(class), total, thread),
        None => Err(too_large(thread)),
    }
}

fn float_of(value: Value) -> Option<f64> {
    if value.is_flonum() || (value.is_pointer() && value.type_has_flag(TYPE_FLOAT_SUBCLASS)) { float::as_f64(value) } else { None }
}

/// A quotient rounded to the nearest whole number, halves to even.
fn divide_nearest(a: &BigInt, b: &BigInt) -> BigInt {
    let (quotient, rest) = a.div_mod_floor(b);
    let twice: BigInt = rest.abs() * 2;
    let size = b.abs();
    if twice > size || (twice == size && quotient.is_odd()) { quotient + 1 } else { quotient }
}

/// A float as a ratio of whole numbers.
fn ratio(number: Value, thread: &mut Thread) -> PyResult<(BigInt, BigInt)> {
    let pair = call::call_method(number, pyrt_runtime::names().as_integer_ratio, &[], thread)?;
    if !(pair.is_pointer() && pair.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        let given = pair.type_object().full_name();
        return Err(thread.raise_type_error(format!("unexpected return type from as_integer_ratio(): expected tuple, not '{given}'")));
    }
    let &[a, b] = tuple::TupleObject::of(*pair).items() else {
        return Err(thread.raise_value_error("as_integer_ratio() must return a 2-tuple"));
    };
    if !convert::is_int(a) || !convert::is_int(b) {
        return Err(thread.raise_type_error("unexpected return type from as_integer_ratio()"));
    }
    Ok((int::to_bigint(a), int::to_bigint(b)))
}

fn zero_division(thread: &mut Thread) -> Raised {
    thread.raise(&exc::ZERO_DIVISION_ERROR, "division by zero")
}

fn add(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) || !is_timedelta(right) {
        return Ok(Owned::not_implemented());
    }
    from_total(of(left).total() + of(right).total(), thread)
}

fn subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) || !is_timedelta(right) {
        return Ok(Owned::not_implemented());
    }
    from_total(of(left).total() - of(right).total(), thread)
}

fn multiply(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (delta, factor) = if is_timedelta(left) { (left, right) } else { (right, left) };
    let total = of(delta).total();
    if convert::is_int(factor) {
        if let Some(product) = int::as_i64(factor).and_then(|factor| total.checked_mul(i128::from(factor))) {
            return from_total(product, thread);
        }
        return from_big(&(int::to_bigint(factor) * total), thread);
    }
    if float_of(factor).is_some() {
        let (a, b) = ratio(factor, thread)?;
        return from_big(&divide_nearest(&(a * total), &b), thread);
    }
    Ok(Owned::not_implemented())
}

fn floor_divide(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) {
        return Ok(Owned::not_implemented());
    }
    let total = of(left).total();
    if is_timedelta(right) {
        let divisor = of(right).total();
        if divisor == 0 {
            return Err(zero_division(thread));
        }
        return Ok(whole(Integer::div_floor(&total, &divisor)));
    }
    if convert::is_int(right) {
        let divisor = int::to_bigint(right);
        if divisor.is_zero() {
            return Err(zero_division(thread));
        }
        return from_big(&BigInt::from(total).div_floor(&divisor), thread);
    }
    Ok(Owned::not_implemented())
}

fn whole(number: i128) -> Owned {
    i64::try_from(number).map_or_else(|_| int::from_bigint(&BigInt::from(number)), Owned::int)
}

fn true_divide(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) {
        return Ok(Owned::not_implemented());
    }
    let total = of(left).total();
    if is_timedelta(right) {
        let divisor = of(right).total();
        if divisor == 0 {
            return Err(zero_division(thread));
        }
        return binary::operate(binary::BinaryOperator::TrueDivide, *whole(total), *whole(divisor), thread);
    }
    if float_of(right).is_some() {
        let (a, b) = ratio(right, thread)?;
        if a.is_zero() {
            return Err(zero_division(thread));
        }
        return from_big(&divide_nearest(&(b * total), &a), thread);
    }
    if convert::is_int(right) {
        let divisor = int::to_bigint(right);
        if divisor.is_zero() {
            return Err(zero_division(thread));
        }
        return from_big(&divide_nearest(&BigInt::from(total), &divisor), thread);
    }
    Ok(Owned::not_implemented())
}

fn divided(left: Value, right: Value, thread: &mut Thread) -> PyResult<(i128, Owned)> {
    let (total, divisor) = (of(left).total(), of(right).total());
    if divisor == 0 {
        return Err(zero_division(thread));
    }
    let (quotient, rest) = Integer::div_mod_floor(&total, &divisor);
    Ok((quotient, from_total(rest, thread)?))
}

fn remainder(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) || !is_timedelta(right) {
        return Ok(Owned::not_implemented());
    }
    Ok(divided(left, right, thread)?.1)
}

fn divmod(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_timedelta(left) || !is_timedelta(right) {
        return Ok(Owned::not_implemented());
    }
    let (quotient, rest) = divided(left, right, thread)?;
    Ok(tuple::pack([whole(quotient), rest]))
}

fn negative(this: Value, thread: &mut Thread) -> PyResult {
    from_total(-of(this).total(), thread)
}

fn positive(this: Value, _thread: &mut Thread) -> PyResult {
    let delta = of(this);
    Ok(from_fields(delta.days, delta.seconds, delta.microseconds))
}

fn absolute(this: Value, thread: &mut Thread) -> PyResult {
    from_total(of(this).total().abs(), thread)
}

fn truth(this: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(of(this).total() != 0)
}

fn compare(this: Value, other: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !is_timedelta(other) {
        return Ok(Owned::not_implemented());
    }
    Ok(Owned::bool(op.holds(of(this).total().cmp(&of(other).total()))))
}

/// The hash of the fields.
pub fn hash_total(total: i128) -> i64 {
    let (days, rest) = (total.div_euclid(DAY), total.rem_euclid(DAY));
    hashing::combine([days as i64, (rest / SECOND) as i64, (rest % SECOND) as i64].map(hashing::hash_i64).into_iter())
}

fn hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(hash_total(of(this).total()))
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let delta = of(this);
    let fields = [("days", delta.days), ("seconds", delta.seconds), ("microseconds", delta.microseconds)];
    let shown: Vec<String> = fields.iter().filter(|(_, number)| *number != 0).map(|(name, number)| format!("{name}={number}")).collect();
    let shown = if shown.is_empty() { "0".to_string() } else { shown.join(", ") };
    Ok(Owned::str(&format!("{}({shown})", this.type_object().full_name())))
}

fn str(this: Value, _thread: &mut Thread) -> PyResult {
    let delta = of(this);
    let mut text = String::new();
    if delta.days != 0 {
        let s = if delta.days.abs() == 1 { "" } else { "s" };
        text.push_str(&format!("{} day{s}, ", delta.days));
    }
    text.push_str(&format!("{}:{:02}:{:02}", delta.seconds / 3600, delta.seconds / 60 % 60, delta.seconds % 60));
    if delta.microseconds != 0 {
        text.push_str(&format!(".{:06}", delta.microseconds));
    }
    Ok(Owned::str(&text))
}

fn total_seconds(this: Value, thread: &mut Thread) -> PyResult {
    let total = whole(of(this).total());
    binary::operate(binary::BinaryOperator::TrueDivide, *total, *Owned::int(1_000_000), thread)
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let delta = of(this);
    let fields = [delta.days, delta.seconds, delta.microseconds].map(|field| Owned::int(i64::from(field)));
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack(fields)]))
}

fn get_days(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).days)))
}

fn get_seconds(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).seconds)))
}

fn get_microseconds(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).microseconds)))
}

fn readonly(_this: Value, _value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    Err(thread.raise(&exc::ATTRIBUTE_ERROR, "readonly attribute"))
}

static SPEC: TypeSpec = TypeSpec {
    name: "datetime.timedelta",
    doc: "Difference between two datetime values.\n\ntimedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)\n\nAll arguments are ints or floats, positive or negative.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<TimeDelta>(),
    slots: &[
        SlotFn::new(new),
        SlotFn::repr(repr),
        SlotFn::str(str),
        SlotFn::hash(hash),
        SlotFn::richcompare(compare),
        SlotFn::add(add),
        SlotFn::subtract(subtract),
        SlotFn::multiply(multiply),
        SlotFn::remainder(remainder),
        SlotFn::divmod(divmod),
        SlotFn::negative(negative),
        SlotFn::positive(positive),
        SlotFn::absolute(absolute),
        SlotFn::truth(truth),
        SlotFn::floor_divide(floor_divide),
        SlotFn::true_divide(true_divide),
    ],
    methods: &[
        method("total_seconds", NativeFn::NoArgs(total_seconds), "($self, /)", "Total seconds in the duration."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "__reduce__() -> (cls, state)"),
    ],
    getsets: &[
        GetSetDef { name: "days", get: get_days, set: Some(readonly), doc: "Number of days." },
        GetSetDef { name: "seconds", get: get_seconds, set: Some(readonly), doc: "Number of seconds (>= 0 and less than 1 day)." },
        GetSetDef { name: "microseconds", get: get_microseconds, set: Some(readonly), doc: "Number of microseconds (>= 0 and less than 1 second)." },
    ],
    ..TypeSpec::DEFAULT
};

pub static TIMEDELTA: StaticType = StaticType::new(&SPEC);
