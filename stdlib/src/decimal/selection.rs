//! Comparing, choosing, and operations on digits and exponents: what computes no new digits.

use std::cmp::Ordering;

use super::coefficient::Coefficient;
use super::number::{Kind, Number, compare_magnitudes, compare_numbers, compare_total, propagate_nan};
use super::rules::{Rules, Status};

fn of_ordering(ordering: Ordering) -> Number {
    Number::from_i64(ordering as i64)
}

pub fn compare(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    propagate_nan(&[a, b], rules, status).unwrap_or_else(|| of_ordering(compare_numbers(a, b)))
}

/// As [`compare`], where every NaN is invalid.
pub fn compare_signal(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a, b], rules, status) {
        status.raise(Status::INVALID_OPERATION);
        return nan;
    }
    of_ordering(compare_numbers(a, b))
}

/// The greater (or the less), by value or by magnitude; a quiet NaN gives way to a number.
pub fn extreme(a: &Number, b: &Number, is_max: bool, by_magnitude: bool, rules: &Rules, status: &mut Status) -> Number {
    let chosen = if a.is_nan() || b.is_nan() {
        match (a.kind, b.kind) {
            (Kind::Quiet, _) if !b.is_nan() => b,
            (_, Kind::Quiet) if !a.is_nan() => a,
            _ => return propagate_nan(&[a, b], rules, status).unwrap_or_else(Number::nan),
        }
    } else {
        let values = if by_magnitude {
            match (a.is_infinite(), b.is_infinite()) {
                (false, false) => compare_magnitudes(a, b),
                (x, y) => x.cmp(&y),
            }
        } else {
            compare_numbers(a, b)
        };
        let values = if by_magnitude && values.is_eq() { compare_numbers(a, b) } else { values };
        let order = values.then_with(|| compare_total(a, b));
        if order.is_ge() == is_max { a } else { b }
    };
    rules.fit(chosen.clone(), status)
}

/// The digits of a logical operand, least first.
fn logical_digits(number: &Number, rules: &Rules) -> Option<Vec<bool>> {
    if number.is_special() || number.negative || number.exponent != 0 || number.digits() > rules.precision {
        return None;
    }
    number.coefficient.to_digits().iter().rev().map(|digit| match digit {
        b'0' => Some(false),
        b'1' => Some(true),
        _ => None,
    }).collect()
}

fn of_logical(digits: impl DoubleEndedIterator<Item = bool>) -> Number {
    let digits: Vec<u8> = digits.rev().map(|digit| b'0' + u8::from(digit)).collect();
    Number::finite(false, Coefficient::from_digits(&digits), 0)
}

pub fn logical(a: &Number, b: &Number, operation: fn(bool, bool) -> bool, rules: &Rules, status: &mut Status) -> Number {
    let (Some(x), Some(y)) = (logical_digits(a, rules), logical_digits(b, rules)) else {
        return status.fail(Status::INVALID_OPERATION);
    };
    let digit = |digits: &[bool], i: usize| digits.get(i).copied().unwrap_or(false);
    of_logical((0..x.len().max(y.len())).map(|i| operation(digit(&x, i), digit(&y, i))))
}

pub fn logical_invert(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    let Some(x) = logical_digits(a, rules) else { return status.fail(Status::INVALID_OPERATION) };
    if !status.has_room(rules.precision.saturating_mul(19)) {
        return Number::nan();
    }
    of_logical((0..rules.precision.unsigned_abs() as usize).map(|i| !x.get(i).copied().unwrap_or(false)))
}

/// The second operand of shifts and rotations.
fn places(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Result<i64, Number> {
    if let Some(nan) = propagate_nan(&[a, b], rules, status) {
        return Err(nan);
    }
    whole_within(b, rules.precision).ok_or_else(|| status.fail(Status::INVALID_OPERATION))
}

/// A number with exponent zero whose magnitude is not above the limit.
fn whole_within(number: &Number, limit: i64) -> Option<i64> {
    if number.is_special() || number.exponent != 0 {
        return None;
    }
    let magnitude = number.coefficient.as_u64().filter(|magnitude| *magnitude <= limit.unsigned_abs())? as i64;
    Some(if number.negative { -magnitude } else { magnitude })
}

/// `a` with its digits moved; what leaves the precision is lost.
pub fn shift(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    let n = match places(a, b, rules, status) {
        Ok(n) => n,
        Err(nan) => return nan,
    };
    if a.is_infinite() {
        return a.clone();
    }
    let coefficient = if n >= 0 {
        if !status.has_room(a.digits() + n) {
            return Number::nan();
        }
        a.coefficient.low_digits((rules.precision - n).unsigned_abs()).shift_left(n.unsigned_abs())
    } else {
        a.coefficient.low_digits(rules.precision.unsigned_abs()).shift_right(n.unsigned_abs()).0
    };
    Number::finite(a.negative, coefficient, a.exponent)
}

pub fn rotate(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    let n = match places(a, b, rules, status) {
        Ok(n) => n,
        Err(nan) => return nan,
    };
    if a.is_infinite() {
        return a.clone();
    }
    let left = if n >= 0 { n } else { rules.precision + n };
    if !status.has_room(a.digits() + left) {
        return Number::nan();
    }
    let digits = a.coefficient.low_digits(rules.precision.unsigned_abs());
    let right = rules.precision - left;
    let upper = digits.low_digits(right.unsigned_abs()).shift_left(left.unsigned_abs());
    let lower = digits.shift_right(right.unsigned_abs()).0;
    Number::finite(a.negative, upper.add(&lower), a.exponent)
}

/// `a` with `b` added to its exponent.
pub fn scale(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a, b], rules, status) {
        return nan;
    }
    // The limit is the specification's: 2 * (Emax + precision).
    let Some(n) = whole_within(b, 2 * (rules.emax + rules.precision)) else { return status.fail(Status::INVALID_OPERATION) };
    if a.is_infinite() {
        return a.clone();
    }
    let exponent = (a.exponent + n).clamp(super::rules::MIN_ETINY - 1, super::rules::MAX_EMAX + 1);
    rules.fit(Number { exponent, ..a.clone() }, status)
}

/// The exponent of the first digit.
pub fn logb(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    if a.is_infinite() {
        return Number::infinity(false);
    }
    if a.coefficient.is_zero() {
        status.raise(Status::DIVISION_BY_ZERO);
        return Number::infinity(true);
    }
    rules.fit(Number::from_i64(a.adjusted()), status)
}

pub fn same_quantum(a: &Number, b: &Number) -> bool {
    if a.is_special() || b.is_special() {
        return (a.is_nan() && b.is_nan()) || (a.is_infinite() && b.is_infinite());
    }
    a.exponent == b.exponent
}
