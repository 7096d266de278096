//! Decimals from other objects, and other objects from decimals.

use num_bigint::{BigInt, Sign};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::number::float_text;
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::arithmetic;
use super::coefficient::Coefficient;
use super::context;
use super::decimal;
use super::number::{Kind, Number};
use super::rules::{Rounding, Rules, Status};
use super::text;

/// The number of an int.
pub fn from_int(value: Value) -> Number {
    match int::as_i64(value) {
        Some(small) => Number::from_i64(small),
        None => {
            let number = int::to_bigint(value);
            Number::finite(number.sign() == Sign::Minus, Coefficient::from_big(number.magnitude()), 0)
        }
    }
}

pub fn float_of(value: Value) -> Option<f64> {
    if value.is_flonum() || (value.is_pointer() && value.type_has_flag(TYPE_FLOAT_SUBCLASS)) { float::as_f64(value) } else { None }
}

/// The number of a float, exactly.
pub fn from_f64(value: f64) -> Number {
    let negative = value.is_sign_negative();
    if value.is_nan() {
        return Number::nan().with_sign(negative);
    }
    if value.is_infinite() {
        return Number::infinity(negative);
    }
    if value == 0.0 {
        return Number::zero(negative, 0);
    }
    let bits = value.to_bits();
    let raw_exponent = (bits >> 52 & 0x7FF) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mut mantissa, mut exponent) = if raw_exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw_exponent - 1075) };
    let zeros = mantissa.trailing_zeros();
    mantissa >>= zeros;
    exponent += i64::from(zeros);
    let mantissa = num_bigint::BigUint::from(mantissa);
    if exponent >= 0 {
        return Number::finite(negative, Coefficient::from_big(&(mantissa << exponent as u64)), 0);
    }
    let places = exponent.unsigned_abs() as u32;
    let fives = num_bigint::BigUint::from(5u32).pow(places);
    Number::finite(negative, Coefficient::from_big(&(mantissa * fives)), exponent)
}

/// The characters of a text that can be part of a number; others become something that cannot.
fn ascii_of(value: Value, is_lenient: bool) -> Vec<u8> {
    let object = StrObject::of(value);
    if let Some(text) = object.as_ascii() {
        let text = text.as_bytes();
        if !is_lenient {
            return text.to_vec();
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | 9..=13 | 28..=31);
        let start = text.iter().take_while(|byte| is_space(byte)).count();
        let end = text.len() - text[start..].iter().rev().take_while(|byte| is_space(byte)).count();
        return text[start..end].iter().copied().filter(|byte| *byte != b'_').collect();
    }
    let mut out: Vec<u8> = Vec::new();
    let chars: Vec<u32> = object.chars().iter().collect();
    let is_space = |ch: u32| pyrt_unicode::is_space(ch);
    let (mut start, mut end) = (0, chars.len());
    if is_lenient {
        while start < end && is_space(chars[start]) {
            start += 1;
        }
        while end > start && is_space(chars[end - 1]) {
            end -= 1;
        }
    }
    for &ch in &chars[start..end] {
        if is_lenient && ch == u32::from(b'_') {
            continue;
        }
        out.push(match u8::try_from(ch) {
            Ok(byte) if byte.is_ascii() && byte != 0 => byte,
            _ => pyrt_unicode::decimal_value(ch).map_or(b'?', |digit| b'0' + digit),
        });
    }
    out
}

/// A result that must be exact.
fn exact(number: Number, mut status: Status, context: Value, thread: &mut Thread) -> PyResult<Number> {
    let mut number = number;
    if status.has(Status(Status::NOT_EXACT.0 | Status::CLAMPED.0)) {
        number = status.fail(Status::INVALID_OPERATION);
    }
    context::settle(context, status.only(Status::ERRORS), thread)?;
    Ok(number)
}

/// What a value says, under the rules of the constructor (`is_exact`) or of the context.
pub fn from_object(value: Value, is_exact: bool, context: Value, thread: &mut Thread) -> PyResult<Number> {
    let rules = if is_exact { Rules::WIDEST } else { context::of(context).state.rules() };
    let mut status = Status::default();
    if decimal::is_decimal(value) {
        let number = decimal::number(value).clone();
        if is_exact {
            return Ok(number);
        }
        let number = if number.is_nan() && !number.coefficient.is_zero() && number.digits() > rules.precision - i64::from(rules.clamp) {
            status.fail(Status::CONVERSION_SYNTAX)
        } else {
            rules.fit(number, &mut status)
        };
        context::settle(context, status, thread)?;
        return Ok(number);
    }
    if string::is_str(value) {
        let number = text::parse(&ascii_of(value, is_exact), &rules, &mut status);
        if is_exact {
            return exact(number, status, context, thread);
        }
        context::settle(context, status, thread)?;
        return Ok(number);
    }
    let number = if convert::is_int(value) {
        from_int(value)
    } else if value.is_pointer() && (value.type_has_flag(TYPE_TUPLE_SUBCLASS) || value.type_has_flag(TYPE_LIST_SUBCLASS)) {
        from_sequence(value, thread)?
    } else if let Some(number) = float_of(value) {
        context::settle(context, Status::FLOAT_OPERATION, thread)?;
        from_f64(number)
    } else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("conversion from {name} to Decimal is not supported")));
    };
    fitted(number, is_exact, context, thread)
}

/// A number as it is, or rounded by a context.
pub fn fitted(number: Number, is_exact: bool, context: Value, thread: &mut Thread) -> PyResult<Number> {
    let rules = if is_exact { Rules::WIDEST } else { context::of(context).state.rules() };
    let mut status = Status::default();
    if number.is_nan() && !number.coefficient.is_zero() && number.digits() > rules.precision - i64::from(rules.clamp) {
        status.raise(Status::CONVERSION_SYNTAX);
        context::settle(context, status, thread)?;
        return Ok(Number::nan());
    }
    let number = rules.fit(number, &mut status);
    if is_exact {
        return exact(number, status, context, thread);
    }
    context::settle(context, status, thread)?;
    Ok(number)
}

/// Sign, digits and exponent.
fn from_sequence(value: Value, thread: &mut Thread) -> PyResult<Number> {
    let items = iterate::collect(value, thread)?;
    let [sign, digits, exponent] = &items[..] else {
        return Err(thread.raise_value_error("argument must be a sequence of length 3"));
    };
    let negative = match if convert::is_int(**sign) { int::as_i64(**sign) } else { None } {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(thread.raise_value_error("sign must be an integer with the value 0 or 1")),
    };
    let mut kind = Kind::Finite;
    let mut places = 0;
    if string::is_str(**exponent) {
        let text = StrObject::of(**exponent);
        kind = if text.equals_str("F") {
            Kind::Infinite
        } else if text.equals_str("n") {
            Kind::Quiet
        } else if text.equals_str("N") {
            Kind::Signaling
        } else {
            return Err(thread.raise_value_error("string argument in the third position must be 'F', 'n' or 'N'"));
        };
    } else if convert::is_int(**exponent) {
        match int::as_i64(**exponent) {
            Some(number) => places = number,
            None => return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t")),
        }
    }
    let bad_digits = "coefficient must be a tuple of digits";
    let digits = match iterate::collect(**digits, thread) {
        Ok(digits) => digits,
        Err(raised) => {
            thread.catch(raised, &exc::TYPE_ERROR)?;
            return Err(thread.raise_value_error(bad_digits));
        }
    };
    if kind == Kind::Finite && !convert::is_int(**exponent) {
        return Err(thread.raise_value_error("exponent must be an integer"));
    }
    if kind == Kind::Infinite {
        return Ok(Number::infinity(negative));
    }
    let mut text = Vec::with_capacity(digits.len());
    for digit in &digits {
        match if convert::is_int(**digit) { int::as_i64(**digit) } else { None } {
            Some(digit @ 0..=9) => text.push(b'0' + digit as u8),
            _ => return Err(thread.raise_value_error(bad_digits)),
        }
    }
    let zeros = text.iter().take_while(|digit| **digit == b'0').count();
    let coefficient = Coefficient::from_digits(&text[zeros..]);
    let limit = super::rules::MAX_EMAX + 1;
    let exponent = if kind == Kind::Finite { places.clamp(super::rules::MIN_ETINY - 1, limit) } else { 0 };
    Ok(Number { negative, kind, exponent, coefficient })
}

/// The int that a number is after rounding.
pub fn to_int(number: &Number, rounding: Rounding, thread: &mut Thread) -> PyResult {
    if number.is_nan() {
        return Err(thread.raise_value_error("cannot convert NaN to integer"));
    }
    if number.is_infinite() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot convert Infinity to integer"));
    }
    let rules = Rules { rounding, ..Rules::WIDEST };
    let mut status = Status::default();
    let whole = arithmetic::round_to_whole(number, false, &rules, &mut status);
    if whole.coefficient.is_zero() {
        return Ok(Owned::int(0));
    }
    if !status.has_room(whole.digits().saturating_add(whole.exponent)) {
        return Err(thread.raise_memory_error());
    }
    let magnitude = whole.coefficient.shift_left(whole.exponent.unsigned_abs());
    Ok(coefficient_int(whole.negative, &magnitude))
}

/// The int of a coefficient.
pub fn coefficient_int(negative: bool, coefficient: &Coefficient) -> Owned {
    match coefficient.as_u64().and_then(|number| i64::try_from(number).ok()) {
        Some(number) => Owned::int(if negative { -number } else { number }),
        None => int::from_bigint(&BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, coefficient.to_big())),
    }
}

pub fn to_f64(number: &Number, thread: &mut Thread) -> PyResult<f64> {
    if number.is_signaling() {
        return Err(thread.raise_value_error("cannot convert signaling NaN to float"));
    }
    let magnitude = match number.kind {
        Kind::Infinite => f64::INFINITY,
        Kind::Finite => float_text::parse_float(&text::to_text(&number.absolute(), false, true)).unwrap_or(0.0),
        Kind::Quiet | Kind::Signaling => f64::NAN,
    };
    Ok(if number.negative { -magnitude } else { magnitude })
}

/// `as_tuple`, as plain fields.
pub fn to_fields(number: &Number) -> Owned {
    let digits = |coefficient: &Coefficient| {
        let digits = super::formatting::digits_of(coefficient);
        tuple::from_vec(digits.into_iter().map(|digit| Owned::int(i64::from(digit))).collect())
    };
    let (digits, exponent) = match number.kind {
        Kind::Finite => (digits(&number.coefficient), Owned::int(number.exponent)),
        Kind::Infinite => (tuple::pack([Owned::int(0)]), Owned::str("F")),
        kind => {
            let payload = if number.coefficient.is_zero() { tuple::empty() } else { digits(&number.coefficient) };
            (payload, Owned::str(if kind == Kind::Quiet { "n" } else { "N" }))
        }
    };
    tuple::pack([Owned::int(i64::from(number.negative)), digits, exponent])
}
