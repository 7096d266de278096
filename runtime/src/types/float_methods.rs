//! The operators and methods of `float`.

use std::cmp::Ordering;

use num_bigint::BigInt;

use crate::exceptions::exc;
use crate::number::float_hex;
use crate::number::float_text;
use crate::number::format_spec::{FormatSpec, NumberLocale};
use crate::number::{hash as hash_kernels, integer, rounding};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::convert::{self, is_int};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::buffer;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::FLOAT;
use crate::types::float::{as_f64, from_f64, new_of_type, power};
use crate::types::int::{as_i64, from_bigint, to_bigint, to_f64};
use crate::types::int_methods::to_ascii_digits;
use crate::types::string::{self, StrObject};
use crate::types::tuple;
use crate::types::type_object::*;

/// The operand as a float; `None` if it is neither float nor int.
fn operand(value: Value, thread: &mut Thread) -> PyResult<Option<f64>> {
    if let Some(number) = as_f64(value) {
        return Ok(Some(number));
    }
    if is_int(value) {
        return to_f64(value, thread).map(Some);
    }
    Ok(None)
}

macro_rules! operator {
    ($name:ident, |$a:ident, $b:ident, $thread:ident| $result:expr) => {
        fn $name(left: Value, right: Value, $thread: &mut Thread) -> PyResult {
            let Some($a) = operand(left, $thread)? else { return Ok(Owned::not_implemented()) };
            let Some($b) = operand(right, $thread)? else { return Ok(Owned::not_implemented()) };
            $result
        }
    };
}

/// Python's floor division and modulo of floats.
pub fn floor_divmod(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 {
        if (b < 0.0) != (remainder < 0.0) {
            remainder += b;
            quotient -= 1.0;
        }
    } else {
        remainder = 0.0f64.copysign(b);
    }
    let floored = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0.0f64.copysign(a / b)
    };
    (floored, remainder)
}

fn zero_division(text: &str, thread: &mut Thread) -> PyResult {
    Err(thread.raise(&exc::ZERO_DIVISION_ERROR, text))
}

operator!(float_add, |a, b, thread| { let _ = &thread; Ok(from_f64(a + b)) });
operator!(float_subtract, |a, b, thread| { let _ = &thread; Ok(from_f64(a - b)) });
operator!(float_multiply, |a, b, thread| { let _ = &thread; Ok(from_f64(a * b)) });
operator!(float_true_divide, |a, b, thread| {
    if b == 0.0 { zero_division("division by zero", thread) } else { Ok(from_f64(a / b)) }
});
operator!(float_floor_divide, |a, b, thread| {
    if b == 0.0 { zero_division("division by zero", thread) } else { Ok(from_f64(floor_divmod(a, b).0)) }
});
operator!(float_remainder, |a, b, thread| {
    if b == 0.0 { zero_division("division by zero", thread) } else { Ok(from_f64(floor_divmod(a, b).1)) }
});
operator!(float_divmod, |a, b, thread| {
    if b == 0.0 {
        return zero_division("division by zero", thread);
    }
    let (quotient, remainder) = floor_divmod(a, b);
    Ok(tuple::pack([from_f64(quotient), from_f64(remainder)]))
});

fn float_power(base: Value, exponent: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    if !modulus.is_none() {
        return Err(thread.raise_type_error("pow() 3rd argument not allowed unless all arguments are integers"));
    }
    let Some(a) = operand(base, thread)? else { return Ok(Owned::not_implemented()) };
    let Some(b) = operand(exponent, thread)? else { return Ok(Owned::not_implemented()) };
    power(a, b, thread)
}

fn number(value: Value) -> f64 {
    as_f64(value).unwrap_or(0.0)
}

fn float_negative(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(from_f64(-number(value)))
}

fn float_positive(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

/// The same number as a float of exactly type float.
pub fn exact(value: Value) -> Owned {
    if std::ptr::eq(value.type_object(), FLOAT.get()) { value.to_owned() } else { from_f64(number(value)) }
}

fn float_absolute(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(from_f64(number(value).abs()))
}

fn float_truth(value: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(number(value) != 0.0)
}

fn float_hash(value: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(hash_kernels::hash_f64(number(value), crate::types::hashing::hash_pointer(value.id())))
}

fn float_compare(left: Value, right: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    let a = number(left);
    if let Some(b) = as_f64(right) {
        return Ok(Owned::bool(op.holds_float(a, b)));
    }
    if !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    if a.is_nan() {
        return Ok(Owned::bool(op == CompareOp::Ne));
    }
    let ordering = match as_i64(right) {
        Some(small) if small.unsigned_abs() < 1 << 53 => a.partial_cmp(&(small as f64)).unwrap_or(Ordering::Equal),
        _ => integer::compare_float(&to_bigint(right), a).reverse(),
    };
    Ok(Owned::bool(op.holds(ordering)))
}

fn float_repr(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(string::from_ascii(float_text::float_repr(number(value)).as_str().as_bytes()))
}

fn to_integer(value: f64, thread: &mut Thread) -> PyResult {
    if value.is_nan() {
        return Err(thread.raise_value_error("cannot convert float NaN to integer"));
    }
    if value.is_infinite() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot convert float infinity to integer"));
    }
    if value.abs() < 9e15 {
        return Ok(Owned::int(value as i64));
    }
    Ok(from_bigint(&integer::from_float(value).unwrap_or_default()))
}

fn float_int(value: Value, thread: &mut Thread) -> PyResult {
    to_integer(number(value), thread)
}

fn float_floor(value: Value, thread: &mut Thread) -> PyResult {
    to_integer(number(value).floor(), thread)
}

fn float_ceil(value: Value, thread: &mut Thread) -> PyResult {
    to_integer(number(value).ceil(), thread)
}

/// `float(value)` for a str or bytes-like value; `None` for other types.
pub fn parse_object(value: Value, thread: &mut Thread) -> PyResult<Option<f64>> {
    let text = if string::is_str(value) {
        to_ascii_digits(StrObject::of(value))
    } else if value.is_pointer() && value.type_object().slots.buffer.raw() != 0 {
        buffer::copy_bytes(value, thread)?
    } else {
        return Ok(None);
    };
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1C..=0x1F);
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    match float_text::parse_float(&text[start..end]) {
        Some(number) => Ok(Some(number)),
        None => {
            let shown = crate::protocol::special::safe_repr(value, thread);
            Err(thread.raise_value_error(format!("could not convert string to float: {shown}")))
        }
    }
}

/// `float(value)`.
pub fn to_float(value: Value, thread: &mut Thread) -> PyResult<f64> {
    if value.type_object().slots.float.raw() == 0 {
        if let Some(number) = parse_object(value, thread)? {
            return Ok(number);
        }
        if value.type_object().slots.index.raw() == 0 {
            let name = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("float() argument must be a string or a real number, not '{name}'")));
        }
    }
    convert::as_f64(value, thread)
}

fn float_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(x=0, /)");
    let ty = TypeObject::of(class);
    // A subclass with an `__init__` of its own may take keywords.
    let kwnames = if ty.slots.init.raw() == FLOAT.get().slots.init.raw() { kwnames } else { KwNames::NONE };
    let bound = SIGNATURE.bind("float", args, kwnames, thread)?;
    let number = match bound.args().get(0) {
        Some(value) if value.is_flonum() => value.flonum_value(),
        Some(value) if std::ptr::eq(ty, FLOAT.get()) && std::ptr::eq(value.type_object(), FLOAT.get()) => return Ok(value.to_owned()),
        Some(value) => to_float(value, thread)?,
        None => 0.0,
    };
    Ok(if std::ptr::eq(ty, FLOAT.get()) { from_f64(number) } else { new_of_type(ty, number) })
}

fn conjugate(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn is_integer(value: Value, _thread: &mut Thread) -> PyResult {
    let number = number(value);
    Ok(Owned::bool(number.is_finite() && number.floor() == number))
}

fn as_integer_ratio(value: Value, thread: &mut Thread) -> PyResult {
    let value = number(value);
    if value.is_nan() {
        return Err(thread.raise_value_error("cannot convert NaN to integer ratio"));
    }
    if value.is_infinite() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot convert Infinity to integer ratio"));
    }
    // Exact: doubles are dyadic rationals.
    let mut exponent = 0u64;
    let mut scaled = value;
    while scaled != scaled.floor() {
        scaled *= 2.0;
        exponent += 1;
    }
    let numerator = integer::from_float(scaled).unwrap_or_default();
    let denominator = BigInt::from(1) << exponent;
    Ok(tuple::pack([from_bigint(&numerator), from_bigint(&denominator)]))
}

fn hex(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&float_hex::float_hex(number(value))))
}

fn fromhex(class: Value, text: Value, thread: &mut Thread) -> PyResult {
    let text = convert::as_text(text, "fromhex() argument", thread)?;
    let text = text.trim_matches(|ch: char| matches!(ch, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c'));
    match float_hex::float_from_hex(text.as_bytes()) {
        Ok(number) if std::ptr::eq(TypeObject::of(class), FLOAT.get()) => Ok(from_f64(number)),
        Ok(number) => crate::protocol::call::call(class, &[*from_f64(number)], thread),
        Err(error @ float_hex::HexError::TooLarge) => Err(thread.raise(&exc::OVERFLOW_ERROR, error.message())),
        Err(error) => Err(thread.raise_value_error(error.message())),
    }
}

fn from_number(class: Value, value: Value, thread: &mut Thread) -> PyResult {
    if std::ptr::eq(TypeObject::of(class), FLOAT.get()) && std::ptr::eq(value.type_object(), FLOAT.get()) {
        return Ok(value.to_owned());
    }
    let number = convert::as_f64(value, thread)?;
    if std::ptr::eq(TypeObject::of(class), FLOAT.get()) { Ok(from_f64(number)) } else { crate::protocol::call::call(class, &[*from_f64(number)], thread) }
}

fn getnewargs(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([from_f64(number(value))]))
}

fn getformat(_class: Value, kind: Value, thread: &mut Thread) -> PyResult {
    let kind = convert::as_text(kind, "__getformat__() argument", thread)?;
    if kind != "double" && kind != "float" {
        return Err(thread.raise_value_error("__getformat__() argument 1 must be 'double' or 'float'"));
    }
    Ok(Owned::str(if cfg!(target_endian = "little") { "IEEE, little-endian" } else { "IEEE, big-endian" }))
}

fn round(value: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let value = number(value);
    let Some(ndigits) = args.get(0).filter(|ndigits| !ndigits.is_none()) else {
        let rounded = value.round();
        let rounded = if (value - rounded).abs() == 0.5 { 2.0 * (value / 2.0).round() } else { rounded };
        return to_integer(if value.is_finite() { rounded } else { value }, thread);
    };
    let ndigits = convert::index_as_i64(ndigits, thread, None)?;
    match rounding::round_float(value, ndigits) {
        Some(rounded) => Ok(from_f64(rounded)),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "rounded value too large to represent")),
    }
}

fn format(value: Value, spec: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(spec) {
        let name = spec.type_object().full_name();
        return Err(thread.raise_type_error(format!("__format__() argument must be str, not {name}")));
    }
    let object = StrObject::of(spec);
    if object.is_empty() {
        return convert::str(value, thread);
    }
    let type_name = value.type_object().full_name();
    let text: Vec<u32> = object.chars().iter().collect();
    let result = FormatSpec::parse(&text, 0, b'>', &type_name)
        .and_then(|parsed| parsed.format_float(number(value), &NumberLocale::default(), &type_name));
    match result {
        Ok(formatted) => Ok(crate::types::str::from_formatted(&formatted)),
        Err(error) => Err(crate::types::str::raise_format_error(error, thread)),
    }
}

fn get_real(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn get_imag(_value: Value, _thread: &mut Thread) -> PyResult {
    Ok(from_f64(0.0))
}

const fn class_method(name: &'static str, func: NativeFn, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Class, signature, doc }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "float",
    doc: "Convert a string or number to a floating-point number, if possible.",
    flags: TYPE_BASETYPE | TYPE_FLOAT_SUBCLASS | TYPE_MATCH_SELF,
    basic_size: size_of::<crate::types::float::FloatObject>(),
    slots: &[
        SlotFn::repr(float_repr),
        SlotFn::hash(float_hash),
        SlotFn::richcompare(float_compare),
        SlotFn::new(float_new),
        SlotFn::add(float_add),
        SlotFn::subtract(float_subtract),
        SlotFn::multiply(float_multiply),
        SlotFn::remainder(float_remainder),
        SlotFn::divmod(float_divmod),
        SlotFn::power(float_power),
        SlotFn::negative(float_negative),
        SlotFn::positive(float_positive),
        SlotFn::absolute(float_absolute),
        SlotFn::truth(float_truth),
        SlotFn::int(float_int),
        SlotFn::float(float_positive),
        SlotFn::floor_divide(float_floor_divide),
        SlotFn::true_divide(float_true_divide),
    ],
    methods: &[
        class_method("from_number", NativeFn::One(from_number), "($type, number, /)", "A float from a real number."),
        method("conjugate", NativeFn::NoArgs(conjugate), "($self, /)", "The number itself."),
        method("__trunc__", NativeFn::NoArgs(float_int), "($self, /)", "The integral part."),
        method("__floor__", NativeFn::NoArgs(float_floor), "($self, /)", "The floor as an int."),
        method("__ceil__", NativeFn::NoArgs(float_ceil), "($self, /)", "The ceiling as an int."),
        method("__round__", NativeFn::Bound(round), "($self, ndigits=None, /)", "Rounds, ties to even."),
        method("as_integer_ratio", NativeFn::NoArgs(as_integer_ratio), "($self, /)", "Two ints whose ratio is the number."),
        class_method("fromhex", NativeFn::One(fromhex), "($type, string, /)", "A float from its hexadecimal text."),
        method("hex", NativeFn::NoArgs(hex), "($self, /)", "Hexadecimal text."),
        method("is_integer", NativeFn::NoArgs(is_integer), "($self, /)", "Whether the number is integral."),
        method("__getnewargs__", NativeFn::NoArgs(getnewargs), "($self, /)", ""),
        class_method("__getformat__", NativeFn::One(getformat), "($type, typestr, /)", "How floats are stored."),
        method("__format__", NativeFn::One(format), "($self, format_spec, /)", "Text by a format specification."),
    ],
    getsets: &[
        GetSetDef { name: "real", get: get_real, set: None, doc: "the real part of a complex number" },
        GetSetDef { name: "imag", get: get_imag, set: None, doc: "the imaginary part of a complex number" },
    ],
    ..TypeSpec::DEFAULT
};
