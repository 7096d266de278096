//! The operators and methods of `int`.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::exceptions::exc;
use crate::number::format_spec::{FormatSpec, IntValue, NumberLocale};
use crate::number::digits::{self, ParseIntError, ParsedInt};
use crate::number::integer::{self, IntError, ToBytesError};
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::convert::{self, is_int};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, buffer, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::INT;
use crate::types::int::{as_i64, exact, from_bigint, hash, is_negative, n_digits_30, new_of_type, to_bigint, to_f64};
use crate::types::string::{self, StrObject};
use crate::types::type_object::*;
use crate::types::{float, int, tuple};

#[cold]
fn int_error(error: IntError, what: &str, thread: &mut Thread) -> Raised {
    match error {
        IntError::ZeroDivision => thread.raise(&exc::ZERO_DIVISION_ERROR, what),
        _ => thread.raise_memory_error(),
    }
}

macro_rules! operator {
    ($name:ident, |$a:ident, $b:ident| $fast:expr, |$left:ident, $right:ident| $direct:expr, |$big_a:ident, $big_b:ident, $thread:ident| $slow:expr) => {
        fn $name(left: Value, right: Value, $thread: &mut Thread) -> PyResult {
            if !is_int(left) || !is_int(right) {
                return Ok(Owned::not_implemented());
            }
            if let (Some($a), Some($b)) = (as_i64(left), as_i64(right)) {
                if let Some(result) = $fast {
                    return Ok(Owned::int(result));
                }
            }
            let ($left, $right) = (left, right);
            if let Some(result) = $direct {
                return Ok(result);
            }
            let ($big_a, $big_b) = (to_bigint(left), to_bigint(right));
            let result: PyResult<BigInt> = $slow;
            Ok(from_bigint(&result?))
        }
    };
}

fn floor_div_i64(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && ((a < 0) != (b < 0)) { quotient - 1 } else { quotient })
}

fn floor_mod_i64(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let remainder = a.checked_rem(b)?;
    Some(if remainder != 0 && ((remainder < 0) != (b < 0)) { remainder + b } else { remainder })
}

fn int_add(left: Value, right: Value, _thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    match as_i64(left).zip(as_i64(right)).and_then(|(a, b)| a.checked_add(b)) {
        Some(sum) => Ok(Owned::int(sum)),
        None => Ok(int::add(left, right, false)),
    }
}

fn int_subtract(left: Value, right: Value, _thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    match as_i64(left).zip(as_i64(right)).and_then(|(a, b)| a.checked_sub(b)) {
        Some(difference) => Ok(Owned::int(difference)),
        None => Ok(int::add(left, right, true)),
    }
}

operator!(int_multiply, |a, b| a.checked_mul(b), |left, right| int::multiply(left, right), |a, b, thread| { let _ = &thread; Ok(a * b) });
operator!(int_floor_divide, |a, b| floor_div_i64(a, b), |left, right| int::div_mod(left, right).map(|(quotient, _)| quotient), |a, b, thread| {
    integer::floor_div(&a, &b).map_err(|error| int_error(error, "division by zero", thread))
});
operator!(int_remainder, |a, b| floor_mod_i64(a, b), |left, right| int::div_mod(left, right).map(|(_, rest)| rest), |a, b, thread| {
    integer::floor_mod(&a, &b).map_err(|error| int_error(error, "division by zero", thread))
});
operator!(int_and, |a, b| Some(a & b), |_left, _right| None, |a, b, thread| { let _ = &thread; Ok(a & b) });
operator!(int_or, |a, b| Some(a | b), |_left, _right| None, |a, b, thread| { let _ = &thread; Ok(a | b) });
operator!(int_xor, |a, b| Some(a ^ b), |_left, _right| None, |a, b, thread| { let _ = &thread; Ok(a ^ b) });

fn int_lshift(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    if is_negative(right) {
        return Err(thread.raise_value_error("negative shift count"));
    }
    if let (Some(a), Some(n)) = (as_i64(left), as_i64(right)) {
        if a == 0 {
            return Ok(Owned::int(0));
        }
        if n < 63 {
            let shifted = a << n;
            if shifted >> n == a {
                return Ok(Owned::int(shifted));
            }
        }
    }
    let big = to_bigint(left);
    if big.is_zero() {
        return Ok(Owned::int(0));
    }
    let Some(n) = to_bigint(right).to_u64() else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "too many digits in integer"));
    };
    let shifted = integer::shift_left(&big, n).map_err(|_| thread.raise_memory_error())?;
    Ok(from_bigint(&shifted))
}

fn int_rshift(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    if is_negative(right) {
        return Err(thread.raise_value_error("negative shift count"));
    }
    if let (Some(a), Some(n)) = (as_i64(left), as_i64(right)) {
        return Ok(Owned::int(a >> n.min(63)));
    }
    let n = to_bigint(right).to_u64().unwrap_or(u64::MAX);
    Ok(from_bigint(&integer::shift_right(&to_bigint(left), n)))
}

fn int_divmod(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    if let (Some(a), Some(b)) = (as_i64(left), as_i64(right)) {
        if let (Some(quotient), Some(remainder)) = (floor_div_i64(a, b), floor_mod_i64(a, b)) {
            return Ok(tuple::pack([Owned::int(quotient), Owned::int(remainder)]));
        }
    }
    if let Some((quotient, remainder)) = int::div_mod(left, right) {
        return Ok(tuple::pack([quotient, remainder]));
    }
    let (quotient, remainder) = integer::div_mod(&to_bigint(left), &to_bigint(right))
        .map_err(|error| int_error(error, "division by zero", thread))?;
    Ok(tuple::pack([from_bigint(&quotient), from_bigint(&remainder)]))
}

fn int_true_divide(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    if let (Some(a), Some(b)) = (as_i64(left), as_i64(right)) {
        const EXACT: i64 = 1 << 53;
        if b != 0 && (-EXACT..=EXACT).contains(&a) && (-EXACT..=EXACT).contains(&b) {
            return Ok(Owned::float(a as f64 / b as f64));
        }
    }
    match integer::true_divide(&to_bigint(left), &to_bigint(right)) {
        Ok(result) => Ok(Owned::float(result)),
        Err(IntError::ZeroDivision) => Err(thread.raise(&exc::ZERO_DIVISION_ERROR, "division by zero")),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, "integer division result too large for a float")),
    }
}

fn int_power(base: Value, exponent: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    if !is_int(base) || !is_int(exponent) || !(modulus.is_none() || is_int(modulus)) {
        return Ok(Owned::not_implemented());
    }
    if !modulus.is_none() {
        let modulus = to_bigint(modulus);
        if modulus.is_zero() {
            return Err(thread.raise_value_error("pow() 3rd argument cannot be 0"));
        }
        return match integer::pow_mod(&to_bigint(base), &to_bigint(exponent), &modulus) {
            Ok(result) => Ok(from_bigint(&result)),
            Err(IntError::NotInvertible) => Err(thread.raise_value_error("base is not invertible for the given modulus")),
            Err(_) => Err(thread.raise_memory_error()),
        };
    }
    if is_negative(exponent) {
        // A negative exponent makes a float.
        let (base, exponent) = (to_f64(base, thread)?, to_f64(exponent, thread)?);
        return float::power(base, exponent, thread);
    }
    if let (Some(a), Some(n)) = (as_i64(base), as_i64(exponent)) {
        if let Some(result) = u32::try_from(n).ok().and_then(|n| a.checked_pow(n)) {
            return Ok(Owned::int(result));
        }
    }
    let Some(n) = to_bigint(exponent).to_u64() else {
        return match as_i64(base) {
            Some(small @ (0 | 1)) => Ok(Owned::int(small)),
            Some(-1) => Ok(Owned::int(if to_bigint(exponent).bit(0) { -1 } else { 1 })),
            _ => Err(thread.raise_memory_error()),
        };
    };
    let result = integer::pow(&to_bigint(base), n).map_err(|_| thread.raise_memory_error())?;
    Ok(from_bigint(&result))
}

fn int_negative(value: Value, _thread: &mut Thread) -> PyResult {
    match as_i64(value).and_then(i64::checked_neg) {
        Some(result) => Ok(Owned::int(result)),
        None => Ok(from_bigint(&-to_bigint(value))),
    }
}

fn int_positive(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn int_absolute(value: Value, thread: &mut Thread) -> PyResult {
    if is_negative(value) { int_negative(value, thread) } else { Ok(exact(value)) }
}

fn int_invert(value: Value, _thread: &mut Thread) -> PyResult {
    match as_i64(value) {
        Some(small) => Ok(Owned::int(!small)),
        None => Ok(from_bigint(&!to_bigint(value))),
    }
}

fn int_truth(value: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(as_i64(value) != Some(0))
}

fn int_hash(value: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(hash(value))
}

fn int_float(value: Value, thread: &mut Thread) -> PyResult {
    to_f64(value, thread).map(Owned::float)
}

fn int_compare(left: Value, right: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !is_int(left) || !is_int(right) {
        return Ok(Owned::not_implemented());
    }
    Ok(Owned::bool(op.holds(compare_ints(left, right))))
}

/// Three-way comparison of int objects.
pub fn compare_ints(left: Value, right: Value) -> Ordering {
    match (as_i64(left), as_i64(right)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => int::compare(left, right),
    }
}

fn int_repr(value: Value, thread: &mut Thread) -> PyResult {
    to_text(value, thread)
}

/// The decimal text of an int.
pub fn to_text(value: Value, thread: &mut Thread) -> PyResult {
    if let Some(small) = as_i64(value) {
        let mut buffer = itoa::Buffer::new();
        return Ok(string::from_ascii(buffer.format(small).as_bytes()));
    }
    let big = to_bigint(value);
    let limit = max_str_digits(thread);
    if limit > 0 && digits::exceeds_digit_limit(big.magnitude(), limit) {
        return Err(digit_limit_error(limit, thread));
    }
    let mut text = digits::to_text(big.magnitude(), 10);
    if big.is_negative() {
        text.insert(0, '-');
    }
    Ok(string::from_ascii(text.as_bytes()))
}

#[cold]
fn digit_limit_error(limit: usize, thread: &mut Thread) -> Raised {
    thread.raise_value_error(format!(
        "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
    ))
}

/// `sys.get_int_max_str_digits()`.
pub fn max_str_digits(thread: &Thread) -> usize {
    thread.interpreter.config.read().int_max_str_digits.max(0) as usize
}

/// `int(text, base)` for text of digits; `shown` is what error messages show.
pub fn parse(text: &[u8], base: u32, shown: &dyn Fn(&mut Thread) -> String, thread: &mut Thread) -> PyResult {
    match digits::parse_int(text, base, max_str_digits(thread)) {
        Ok(ParsedInt::Small(small)) => Ok(Owned::int(small)),
        Ok(ParsedInt::Big(big)) => Ok(from_bigint(&big)),
        Err(ParseIntError::TooManyDigits(digits)) => {
            let limit = max_str_digits(thread);
            Err(thread.raise_value_error(format!(
                "Exceeds the limit ({limit} digits) for integer string conversion: value has {digits} digits; use sys.set_int_max_str_digits() to increase the limit"
            )))
        }
        Err(_) => {
            let shown = shown(thread);
            Err(thread.raise_value_error(format!("invalid literal for int() with base {base}: {shown}")))
        }
    }
}

/// The ASCII form of a numeric string: digits of other scripts become ASCII digits, spaces a space.
pub fn to_ascii_digits(text: &StrObject) -> Vec<u8> {
    if let Some(ascii) = text.as_ascii() {
        return ascii.as_bytes().to_vec();
    }
    text.chars()
        .iter()
        .map(|ch| {
            if ch < 0x80 {
                ch as u8
            } else if pyrt_unicode::is_space(ch) {
                b' '
            } else {
                pyrt_unicode::decimal_value(ch).map_or(b'?', |digit| b'0' + digit)
            }
        })
        .collect()
}

fn int_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    if kwnames.is_empty() && args.len() <= 1 && std::ptr::eq(ty, INT.get()) {
        return match args.get(0) {
            None => Ok(Owned::int(0)),
            Some(value) => to_int(value, thread),
        };
    }
    static SIGNATURE: LazySignature = LazySignature::new("(x=0, /, base=10)");
    let bound = SIGNATURE.bind("int", args, kwnames, thread)?;
    let (value, base) = (bound.args().get(0), bound.args().get(1));
    let number = match (value, base) {
        (None, None) => Owned::int(0),
        (None, Some(_)) => return Err(thread.raise_type_error("int() missing string argument")),
        (Some(value), None) => to_int(value, thread)?,
        (Some(value), Some(base)) => {
            let base = convert::index_as_i64(base, thread, None)?;
            if base != 0 && !(2..=36).contains(&base) {
                return Err(thread.raise_value_error("int() base must be >= 2 and <= 36, or 0"));
            }
            parse_object(value, base as u32, thread)?
                .ok_or_else(|| thread.raise_type_error("int() can't convert non-string with explicit base"))?
        }
    };
    if std::ptr::eq(ty, INT.get()) { Ok(exact(*number)) } else { Ok(new_of_type(ty, *number)) }
}

/// Parses a str, bytes or bytearray; `None` for other types.
fn parse_object(value: Value, base: u32, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let shown = |thread: &mut Thread| crate::protocol::special::safe_repr(value, thread);
    if string::is_str(value) {
        let text = to_ascii_digits(StrObject::of(value));
        return parse(trim(&text), base, &shown, thread).map(Some);
    }
    if value.is_pointer() && value.type_object().slots.buffer.raw() != 0 {
        let bytes = buffer::copy_bytes(value, thread)?;
        return parse(trim(&bytes), base, &shown, thread).map(Some);
    }
    Ok(None)
}

fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1C..=0x1F);
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// `int(value)`.
pub fn to_int(value: Value, thread: &mut Thread) -> PyResult {
    if value.is_small_int() {
        return Ok(value.to_owned());
    }
    let ty = value.type_object();
    if let Some(function) = ty.slots.int.get() {
        let result = function(value, thread)?;
        if !is_int(*result) {
            let name = result.type_object().full_name();
            return Err(thread.raise_type_error(format!("__int__ returned non-int (type {name})")));
        }
        if !result.is_small_int() && !std::ptr::eq(result.type_object(), INT.get()) {
            let name = result.type_object().full_name();
            crate::builtins::warn(
                &exc::DEPRECATION_WARNING,
                &format!("__int__ returned non-int (type {name}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python."),
                1,
                thread,
            )?;
        }
        return Ok(exact(*result));
    }
    if ty.slots.index.raw() != 0 {
        return convert::index(value, thread).map(|number| exact(*number));
    }
    if let Some(number) = parse_object(value, 10, thread)? {
        return Ok(number);
    }
    let name = ty.full_name();
    Err(thread.raise_type_error(format!(
        "int() argument must be a string, a bytes-like object or a real number, not '{name}'"
    )))
}

fn bit_length(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(match as_i64(value) {
        Some(small) => Owned::int(i64::from(64 - small.unsigned_abs().leading_zeros())),
        None => Owned::int(integer::bit_length(&to_bigint(value)) as i64),
    })
}

fn bit_count(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(integer::bit_count(&to_bigint(value)) as i64))
}

fn conjugate(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn as_integer_ratio(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([exact(value), Owned::int(1)]))
}

fn is_integer(_value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::true_())
}

fn getnewargs(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([exact(value)]))
}

fn round(value: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(ndigits) = args.get(0).filter(|ndigits| !ndigits.is_none()) else { return Ok(exact(value)) };
    let ndigits = convert::index(ndigits, thread)?;
    if !is_negative(*ndigits) {
        return Ok(exact(value));
    }
    // To a multiple of 10**n, ties to even.
    let Some(n) = as_i64(*ndigits).map(|n| n.unsigned_abs()).filter(|n| *n < 1 << 24) else { return Ok(Owned::int(0)) };
    let unit = integer::pow(&BigInt::from(10), n).map_err(|_| thread.raise_memory_error())?;
    let number = to_bigint(value);
    let (quotient, remainder) = integer::div_mod(&number, &unit).map_err(|_| thread.raise_memory_error())?;
    let twice: BigInt = &remainder * 2;
    let up = match twice.cmp(&unit) {
        Ordering::Greater => true,
        Ordering::Equal => quotient.bit(0),
        Ordering::Less => false,
    };
    let rounded = (number - remainder) + if up { unit } else { BigInt::zero() };
    Ok(from_bigint(&rounded))
}

fn sizeof(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(24 + 4 * n_digits_30(value)))
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
    let locale = NumberLocale::default();
    let parsed = match FormatSpec::parse(&text, b'd', b'>', &type_name) {
        Ok(parsed) => parsed,
        Err(error) => return Err(crate::types::str::raise_format_error(error, thread)),
    };
    let result = if parsed.is_float_kind() {
        let number = to_f64(value, thread)?;
        parsed.format_float(number, &locale, &type_name)
    } else {
        let limit = max_str_digits(thread);
        let big;
        let number = match as_i64(value) {
            Some(small) => IntValue::Small(small),
            None => {
                big = to_bigint(value);
                if limit > 0 && parsed.is_decimal_int() && digits::exceeds_digit_limit(big.magnitude(), limit) {
                    return Err(digit_limit_error(limit, thread));
                }
                IntValue::Big(&big)
            }
        };
        parsed.format_int(number, &locale, &type_name)
    };
    match result {
        Ok(formatted) => Ok(crate::types::str::from_formatted(&formatted)),
        Err(error) => Err(crate::types::str::raise_format_error(error, thread)),
    }
}

fn byte_order(value: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    let Some(value) = value else { return Ok(false) };
    if string::is_str(value) {
        if StrObject::of(value).equals_str("little") {
            return Ok(true);
        }
        if StrObject::of(value).equals_str("big") {
            return Ok(false);
        }
        return Err(thread.raise_value_error("byteorder must be either 'little' or 'big'"));
    }
    let name = value.type_object().full_name();
    Err(thread.raise_type_error(format!("to_bytes() argument 'byteorder' must be str, not {name}")))
}

fn to_bytes(value: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = match args.get(0) {
        Some(length) => convert::index_as_i64(length, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 1,
    };
    let little = byte_order(args.get(1), thread)?;
    let signed = match args.get(2) {
        Some(signed) => crate::protocol::compare::truth(signed, thread)?,
        None => false,
    };
    let Ok(length) = usize::try_from(length) else {
        return Err(thread.raise_value_error("length argument must be non-negative"));
    };
    match integer::to_bytes(&to_bigint(value), length, little, signed) {
        Ok(bytes) => Ok(crate::types::bytes::from_vec(bytes)),
        Err(ToBytesError::Negative) => Err(thread.raise(&exc::OVERFLOW_ERROR, "can't convert negative int to unsigned")),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, "int too big to convert")),
    }
}

fn from_bytes(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let source = args.at(0);
    let bytes = if source.is_pointer() && source.type_object().slots.buffer.raw() != 0 {
        buffer::copy_bytes(source, thread)?
    } else if let Some(converted) = attribute::call_special(source, crate::names::names().__bytes__, &[], thread)? {
        buffer::copy_bytes(*converted, thread)?
    } else if string::is_str(source) {
        return Err(thread.raise_type_error("cannot convert 'str' object to bytes"));
    } else if !iterate::is_iterable(source) {
        let name = source.type_object().full_name();
        return Err(thread.raise_type_error(format!("cannot convert '{name}' object to bytes")));
    } else {
        let mut bytes = Vec::new();
        for item in iterate::collect(source, thread)? {
            match u8::try_from(convert::index_as_i64(*item, thread, None)?) {
                Ok(byte) => bytes.push(byte),
                Err(_) => return Err(thread.raise_value_error("bytes must be in range(0, 256)")),
            }
        }
        bytes
    };
    let little = byte_order(args.get(1), thread)?;
    let signed = match args.get(2) {
        Some(signed) => crate::protocol::compare::truth(signed, thread)?,
        None => false,
    };
    let number = from_bigint(&integer::from_bytes(&bytes, little, signed));
    if std::ptr::eq(TypeObject::of(class), INT.get()) {
        return Ok(number);
    }
    crate::protocol::call::call(class, &[*number], thread)
}

fn get_self(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn get_zero(_value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(0))
}

fn get_one(_value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(1))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "int",
    doc: "int([x]) -> integer\nint(x, base=10) -> integer\n\nAn integer of any size, from a number or from its text in some base.",
    flags: TYPE_BASETYPE | TYPE_INT_SUBCLASS | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: 24,
    item_size: 8,
    slots: &[
        SlotFn::repr(int_repr),
        SlotFn::hash(int_hash),
        SlotFn::richcompare(int_compare),
        SlotFn::new(int_new),
        SlotFn::add(int_add),
        SlotFn::subtract(int_subtract),
        SlotFn::multiply(int_multiply),
        SlotFn::remainder(int_remainder),
        SlotFn::divmod(int_divmod),
        SlotFn::power(int_power),
        SlotFn::negative(int_negative),
        SlotFn::positive(int_positive),
        SlotFn::absolute(int_absolute),
        SlotFn::truth(int_truth),
        SlotFn::invert(int_invert),
        SlotFn::lshift(int_lshift),
        SlotFn::rshift(int_rshift),
        SlotFn::and(int_and),
        SlotFn::xor(int_xor),
        SlotFn::or(int_or),
        SlotFn::int(int_positive),
        SlotFn::float(int_float),
        SlotFn::floor_divide(int_floor_divide),
        SlotFn::true_divide(int_true_divide),
        SlotFn::index(int_positive),
    ],
    methods: &[
        method("conjugate", NativeFn::NoArgs(conjugate), "($self, /)", "The number itself."),
        method("bit_length", NativeFn::NoArgs(bit_length), "($self, /)", "Number of bits of the absolute value."),
        method("bit_count", NativeFn::NoArgs(bit_count), "($self, /)", "Number of ones in the binary form of the absolute value."),
        method("to_bytes", NativeFn::Bound(to_bytes), "($self, /, length=1, byteorder='big', *, signed=False)", "The number as an array of bytes."),
        MethodDef {
            name: "from_bytes",
            func: NativeFn::Bound(from_bytes),
            kind: MethodKind::Class,
            signature: "($type, /, bytes, byteorder='big', *, signed=False)",
            doc: "The number that an array of bytes represents.",
        },
        method("as_integer_ratio", NativeFn::NoArgs(as_integer_ratio), "($self, /)", "The number and one."),
        method("is_integer", NativeFn::NoArgs(is_integer), "($self, /)", "True."),
        method("__trunc__", NativeFn::NoArgs(conjugate), "($self, /)", "The number itself."),
        method("__floor__", NativeFn::NoArgs(conjugate), "($self, /)", "The number itself."),
        method("__ceil__", NativeFn::NoArgs(conjugate), "($self, /)", "The number itself."),
        method("__round__", NativeFn::Bound(round), "($self, ndigits=<unrepresentable>, /)", "Rounds to a multiple of a power of ten."),
        method("__getnewargs__", NativeFn::NoArgs(getnewargs), "($self, /)", ""),
        method("__format__", NativeFn::One(format), "($self, format_spec, /)", "Text by a format specification."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Bytes of the object."),
    ],
    getsets: &[
        GetSetDef { name: "real", get: get_self, set: None, doc: "the real part of a complex number" },
        GetSetDef { name: "imag", get: get_zero, set: None, doc: "the imaginary part of a complex number" },
        GetSetDef { name: "numerator", get: get_self, set: None, doc: "the numerator of a rational number in lowest terms" },
        GetSetDef { name: "denominator", get: get_one, set: None, doc: "the denominator of a rational number in lowest terms" },
    ],
    ..TypeSpec::DEFAULT
};
