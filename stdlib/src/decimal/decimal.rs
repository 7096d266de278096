//! The type `Decimal`: construction, operators, comparison, hash.
//!
//! # Invariants
//! * Objects never change: numbers are borrowed from them as long as a reference is held.

use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::CompareOp;
use pyrt_runtime::protocol::{attribute, convert, special};
use pyrt_runtime::types::builtin_types::{COMPLEX, StaticType};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{complex, hashing, string, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::{self, Operand, as_operand, bind};
use super::arithmetic;
use super::context;
use super::conversion;
use super::number::{Number, compare_numbers};
use super::power;
use super::rules::{Rounding, Rules, Status};
use super::signals::Kept;
use super::text;
use crate::native_type::object;

#[repr(C)]
struct DecimalObject {
    header: Header,
    number: Number,
}

#[inline(always)]
pub fn is_decimal(value: Value) -> bool {
    value.is_pointer() && value.is_instance(DECIMAL.get())
}

/// The number of a Decimal.
#[inline(always)]
pub fn number<'a>(value: Value) -> &'a Number {
    // SAFETY: called for objects of the type and its subclasses only, which the caller keeps alive.
    &unsafe { object::<DecimalObject>(value) }.number
}

#[inline(always)]
pub fn of_class(class: &TypeObject, number: Number) -> Owned {
    allocate_object(class, |header| DecimalObject { header, number })
}

/// A Decimal.
#[inline(always)]
pub fn new(number: Number) -> Owned {
    of_class(DECIMAL.get(), number)
}

fn decimal_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [value, context] = if kwnames.is_empty() && args.len() == 1 {
        [args.get(0), None]
    } else {
        bind(args, kwnames, ["value", "context"], 0, thread)?
    };
    let class = TypeObject::of(class);
    let context = arguments::context(context, thread)?;
    let Some(value) = value else { return Ok(of_class(class, Number::zero(false, 0))) };
    if std::ptr::eq(class, DECIMAL.get()) && value.is_pointer() && std::ptr::eq(value.type_object(), class) {
        return Ok(value.to_owned());
    }
    let number = conversion::from_object(value, true, *context, thread)?;
    Ok(of_class(class, number))
}

/// Does an operation under the current context.
#[inline(always)]
fn operate(
    left: Value,
    right: Value,
    thread: &mut Thread,
    operation: impl FnOnce(&Number, &Number, &Rules, &mut Status) -> Number,
) -> PyResult {
    let (Some(a), Some(b)) = (as_operand(left), as_operand(right)) else { return Ok(Owned::not_implemented()) };
    let context = context::current(thread)?;
    let rules = context::of(context).state.rules();
    let mut status = Status::default();
    let result = operation(&a, &b, &rules, &mut status);
    context::settle(context, status, thread)?;
    Ok(new(result))
}

macro_rules! operators {
    ($($name:ident: $operation:path;)*) => {
        $(fn $name(left: Value, right: Value, thread: &mut Thread) -> PyResult {
            operate(left, right, thread, $operation)
        })*
    };
}

operators! {
    add: arithmetic::add;
    subtract: arithmetic::subtract;
    multiply: arithmetic::multiply;
    true_divide: arithmetic::divide;
    floor_divide: arithmetic::divide_whole;
    remainder: arithmetic::remainder;
}

fn divmod(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (Some(a), Some(b)) = (as_operand(left), as_operand(right)) else { return Ok(Owned::not_implemented()) };
    let context = context::current(thread)?;
    let rules = context::of(context).state.rules();
    let mut status = Status::default();
    let (quotient, rest) = arithmetic::divide_with_rest(&a, &b, &rules, &mut status);
    context::settle(context, status, thread)?;
    Ok(tuple::pack([new(quotient), new(rest)]))
}

fn power_operator(base: Value, exponent: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    if modulus.is_none() {
        return operate(base, exponent, thread, power::power);
    }
    let Some(modulus) = as_operand(modulus) else { return Ok(Owned::not_implemented()) };
    operate(base, exponent, thread, |a, b, rules, status| power::power_modulo(a, b, &modulus, rules, status))
}

/// Does an operation on one number under the current context.
pub fn operate_unary(this: Value, thread: &mut Thread, operation: fn(&Number, &Rules, &mut Status) -> Number) -> PyResult {
    let context = context::current(thread)?;
    let rules = context::of(context).state.rules();
    let mut status = Status::default();
    let result = operation(number(this), &rules, &mut status);
    context::settle(context, status, thread)?;
    Ok(new(result))
}

fn negative(this: Value, thread: &mut Thread) -> PyResult {
    operate_unary(this, thread, arithmetic::minus)
}

fn positive(this: Value, thread: &mut Thread) -> PyResult {
    operate_unary(this, thread, arithmetic::plus)
}

fn absolute(this: Value, thread: &mut Thread) -> PyResult {
    operate_unary(this, thread, arithmetic::absolute)
}

fn truth(this: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(!number(this).is_zero())
}

fn int(this: Value, thread: &mut Thread) -> PyResult {
    conversion::to_int(number(this), Rounding::Down, thread)
}

fn float(this: Value, thread: &mut Thread) -> PyResult {
    conversion::to_f64(number(this), thread).map(Owned::float)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let text = shown(this, false, thread)?;
    Ok(string::from_ascii(&[b"Decimal('", &text[..], b"')"].concat()))
}

fn str(this: Value, thread: &mut Thread) -> PyResult {
    Ok(string::from_ascii(&shown(this, false, thread)?))
}

/// The text of a Decimal, with capitals as the current context says.
pub fn shown(this: Value, is_engineering: bool, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let context = context::current(thread)?;
    Ok(text::to_text(number(this), is_engineering, context::of(context).state.capitals()))
}

/// `numbers.Rational`.
pub static RATIONAL: Kept = Kept::new();

/// Both sides of a comparison, brought to numbers; `None` if the other side cannot be compared.
fn sides<'a>(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult<Option<(Operand<'a>, Operand<'a>)>> {
    let own = || Operand::Decimal(number(this));
    if let Some(operand) = as_operand(other) {
        return Ok(Some((own(), operand)));
    }
    let real = if op.is_equality() && other.is_pointer() && other.is_instance(COMPLEX.get()) {
        complex::parts(other).filter(|(_, imaginary)| *imaginary == 0.0).map(|(real, _)| real)
    } else {
        conversion::float_of(other)
    };
    if let Some(real) = real {
        let context = context::current(thread)?;
        if op.is_equality() {
            context::note(context, Status::FLOAT_OPERATION);
        } else {
            context::settle(context, Status::FLOAT_OPERATION, thread)?;
        }
        return Ok(Some((own(), Operand::Int(conversion::from_f64(real)))));
    }
    if other.is_none() || string::is_str(other) {
        return Ok(None);
    }
    let Some(rational) = RATIONAL.get() else { return Ok(None) };
    if !special::is_instance(other, rational, thread)? {
        return Ok(None);
    }
    let numerator = attribute::get_by_text(other, "numerator", thread)?;
    let denominator = attribute::get_by_text(other, "denominator", thread)?;
    for part in [&numerator, &denominator] {
        if !convert::is_int(**part) {
            return Err(thread.raise_type_error("an integer is required"));
        }
    }
    let scaled = if number(this).is_special() {
        number(this).clone()
    } else {
        let mut status = Status::default();
        let product = arithmetic::multiply(number(this), &conversion::from_int(*denominator), &Rules::WIDEST, &mut status);
        if status.has(Status::OUT_OF_MEMORY) {
            return Err(thread.raise_memory_error());
        }
        product
    };
    Ok(Some((Operand::Int(scaled), Operand::Int(conversion::from_int(*numerator)))))
}

fn compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let Some((a, b)) = sides(this, other, op, thread)? else { return Ok(Owned::not_implemented()) };
    if a.is_nan() || b.is_nan() {
        // Signaling NaNs and orderings always signal.
        if a.is_signaling() || b.is_signaling() || !op.is_equality() {
            let context = context::current(thread)?;
            context::settle(context, Status::INVALID_OPERATION, thread)?;
        }
        return Ok(Owned::bool(op == CompareOp::Ne));
    }
    Ok(Owned::bool(op.holds(compare_numbers(&a, &b))))
}

const HASH_MODULUS: u64 = (1 << 61) - 1;

fn power_modulo_hash(mut base: u64, mut exponent: u64) -> u64 {
    let multiply = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(HASH_MODULUS)) as u64;
    let mut result = 1;
    while exponent != 0 {
        if exponent & 1 != 0 {
            result = multiply(result, base);
        }
        base = multiply(base, base);
        exponent >>= 1;
    }
    result
}

/// The hash of a number, the same as that of an int or a float of the same value.
fn hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let number = number(this);
    if number.is_signaling() {
        return Err(thread.raise_type_error("Cannot hash a signaling NaN value"));
    }
    if number.is_nan() {
        return Ok(hashing::hash_pointer(this.id()));
    }
    if number.is_infinite() {
        return Ok(if number.negative { -314_159 } else { 314_159 });
    }
    // The inverse of ten is a power of ten, too: by Fermat.
    let exponent = number.exponent.rem_euclid((HASH_MODULUS - 1) as i64).unsigned_abs();
    let power = power_modulo_hash(10, exponent);
    let hash = (u128::from(number.coefficient.modulo(HASH_MODULUS)) * u128::from(power) % u128::from(HASH_MODULUS)) as i64;
    let hash = if number.negative { -hash } else { hash };
    Ok(if hash == -1 { -2 } else { hash })
}

static SPEC: TypeSpec = TypeSpec {
    name: "decimal.Decimal",
    doc: "Decimal(value=\"0\", context=None)\n--\n\nA decimal number of an int, a string, a tuple, a float or another Decimal, exactly.\n\nThe context says only whether what is no number raises InvalidOperation.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<DecimalObject>(),
    slots: &[
        SlotFn::new(decimal_new),
        SlotFn::repr(repr),
        SlotFn::str(str),
        SlotFn::hash(hash),
        SlotFn::richcompare(compare),
        SlotFn::add(add),
        SlotFn::subtract(subtract),
        SlotFn::multiply(multiply),
        SlotFn::remainder(remainder),
        SlotFn::divmod(divmod),
        SlotFn::power(power_operator),
        SlotFn::negative(negative),
        SlotFn::positive(positive),
        SlotFn::absolute(absolute),
        SlotFn::truth(truth),
        SlotFn::int(int),
        SlotFn::float(float),
        SlotFn::floor_divide(floor_divide),
        SlotFn::true_divide(true_divide),
    ],
    methods: super::methods::METHODS,
    getsets: super::methods::GETSETS,
    dealloc: Some(crate::native_type::dealloc::<DecimalObject>),
    ..TypeSpec::DEFAULT
};

pub static DECIMAL: StaticType = StaticType::new(&SPEC);
