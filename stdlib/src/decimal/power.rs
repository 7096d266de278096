//! Powers: of whole exponents by repeated squaring, of others by `exp` and `ln`; modular ones.
//!
//! As in the decimal module of the C library that CPython uses, inexact powers are good to the last digit mostly, not
//! always: the steps and their precision are the same, so that the results are.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};

use super::arithmetic;
use super::coefficient::Coefficient;
use super::number::{Number, compare_magnitudes, compare_numbers, propagate_nan};
use super::rules::{MAX_EMAX, Rounding, Rules, Status};
use super::transcendental;

/// A one with zeros behind it, `shift` of them.
fn padded_one(negative: bool, shift: i64, status: &mut Status) -> Number {
    if !status.has_room(shift + 1) {
        return Number::nan();
    }
    Number::finite(negative, Coefficient::power_of_ten(shift.unsigned_abs()), -shift)
}

/// The number of digits of an exponent.
fn digits_of(exponent: i64) -> i64 {
    exponent.unsigned_abs().checked_ilog10().map_or(1, |log| i64::from(log) + 1)
}

pub fn power(base: &Number, exponent: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[base, exponent], rules, status) {
        return nan;
    }
    let is_whole = exponent.is_integer();
    let negative = is_whole && base.negative && exponent.is_odd();
    if base.is_zero() {
        if exponent.is_zero() {
            return status.fail(Status::INVALID_OPERATION);
        }
        return if exponent.negative { Number::infinity(negative) } else { Number::zero(negative, 0) };
    }
    if base.negative && (!is_whole || exponent.is_infinite()) {
        return status.fail(Status::INVALID_OPERATION);
    }
    if exponent.is_infinite() {
        let order = if base.is_infinite() { Ordering::Greater } else { compare_magnitudes(base, &Number::one()) };
        return match order {
            Ordering::Equal => {
                status.raise(Status::NOT_EXACT);
                padded_one(negative, rules.precision - 1, status)
            }
            order if (order == Ordering::Less) == exponent.negative => Number::infinity(negative),
            _ => Number::zero(negative, 0),
        };
    }
    if base.is_infinite() {
        return if exponent.is_zero() {
            Number::finite(negative, Coefficient::ONE, 0)
        } else if exponent.negative {
            Number::zero(negative, 0)
        } else {
            Number::infinity(negative)
        };
    }
    if exponent.is_zero() {
        return Number::finite(negative, Coefficient::ONE, 0);
    }
    if compare_magnitudes(base, &Number::one()).is_eq() {
        return power_of_one(base, exponent, is_whole, negative, rules, status);
    }
    if let Some(result) = beyond_range(base, exponent, negative, rules, status) {
        return result;
    }
    if is_whole { whole_power(base, exponent, negative, rules, status) } else { real_power(base, exponent, rules, status) }
}

fn power_of_one(base: &Number, exponent: &Number, is_whole: bool, negative: bool, rules: &Rules, status: &mut Status) -> Number {
    let most = rules.precision - 1;
    if !is_whole {
        status.raise(Status::NOT_EXACT);
        return padded_one(negative, most, status);
    }
    if exponent.negative {
        return Number::finite(negative, Coefficient::ONE, 0);
    }
    // The zeros behind the point multiply.
    let zeros = Number::from_i64(-base.exponent);
    let mut unseen = Status::default();
    let product = arithmetic::multiply(exponent, &zeros, &Rules::WIDEST, &mut unseen);
    let limit = Number::from_i64(most);
    let shift = if product.is_zero() || product.negative {
        // Without a point there may be zeros before it: those of the coefficient are not kept.
        whole_value(&product).unwrap_or(0)
    } else if compare_numbers(&product, &limit).is_gt() {
        status.raise(Status::ROUNDED);
        most
    } else {
        whole_value(&product).unwrap_or(0)
    };
    padded_one(negative, shift, status)
}

/// A whole number as a machine word.
fn whole_value(number: &Number) -> Option<i64> {
    let digits = if number.exponent >= 0 {
        if number.exponent > 19 && !number.coefficient.is_zero() {
            return None;
        }
        number.coefficient.shift_left(number.exponent.unsigned_abs().min(20))
    } else {
        number.coefficient.shift_right(number.exponent.unsigned_abs()).0
    };
    let magnitude = i64::try_from(digits.as_u64()?).ok()?;
    Some(if number.negative { -magnitude } else { magnitude })
}

/// The result where the logarithms of the operands alone say that it leaves the range.
fn beyond_range(base: &Number, exponent: &Number, negative: bool, rules: &Rules, status: &mut Status) -> Option<Number> {
    let adjusted = base.adjusted();
    // A lower bound of log10(|log10(base)|).
    let below = if adjusted > 0 {
        digits_of(adjusted) - 1
    } else if adjusted < -1 {
        digits_of(adjusted + 1) - 1
    } else {
        let mut unseen = Status::default();
        let distance = arithmetic::subtract(&base.absolute(), &Number::one(), &Rules::WIDEST, &mut unseen);
        distance.adjusted() - 1
    };
    let reach = below + exponent.adjusted();
    if (adjusted < 0) == exponent.negative {
        (digits_of(rules.emax) < reach).then(|| rules.fit(Number::finite(negative, Coefficient::ONE, rules.emax + 1), status))
    } else {
        (digits_of(rules.etiny()) < reach).then(|| rules.fit(Number::finite(negative, Coefficient::ONE, rules.etiny() - 1), status))
    }
}

fn whole_power(base: &Number, exponent: &Number, negative: bool, rules: &Rules, status: &mut Status) -> Number {
    let mut work = Rules {
        precision: rules.precision + exponent.digits() + exponent.exponent + 2,
        rounding: Rounding::HalfEven,
        clamp: false,
        ..*rules
    };
    let mut factor = base.clone();
    if exponent.negative {
        work.precision += 1;
        let mut signals = Status::default();
        factor = arithmetic::divide(&Number::one(), base, &work, &mut signals);
        status.raise(signals);
        if signals.has(Status::ERRORS) {
            return Number::nan();
        }
    }
    let mut signals = Status::default();
    let small = if exponent.adjusted() < 19 { whole_value(exponent) } else { None };
    let mut result = match small {
        Some(n) => power_by_bits(&factor, n.unsigned_abs(), &work, &mut signals),
        None => power_from_below(&factor, exponent, &work, &mut signals),
    };
    status.raise(signals);
    if result.is_nan() {
        return result;
    }
    if result.is_infinite() {
        result = Number::finite(negative, Coefficient::ONE, MAX_EMAX + 1);
    }
    rules.fit(result.with_sign(negative), status)
}

fn is_settled(result: &Number, signals: Status) -> bool {
    result.is_special() || (result.is_zero() && signals.has(Status::CLAMPED))
}

/// Squares from the highest bit downwards.
fn power_by_bits(base: &Number, n: u64, work: &Rules, signals: &mut Status) -> Number {
    let mut result = base.clone();
    let Some(top) = n.checked_ilog2() else { return Number::one() };
    for bit in (0..top).rev() {
        result = arithmetic::multiply(&result, &result, work, signals);
        if n >> bit & 1 != 0 {
            result = arithmetic::multiply(&result, base, work, signals);
        }
        if is_settled(&result, *signals) {
            break;
        }
    }
    result
}

/// As [`power_by_bits`] from the lowest bit, for exponents beyond machine words.
fn power_from_below(base: &Number, exponent: &Number, work: &Rules, signals: &mut Status) -> Number {
    let mut result = Number::one();
    let mut square = base.clone();
    let mut rest = if exponent.exponent >= 0 {
        if !signals.has_room(exponent.adjusted()) {
            return Number::nan();
        }
        exponent.coefficient.shift_left(exponent.exponent.unsigned_abs())
    } else {
        exponent.coefficient.shift_right(exponent.exponent.unsigned_abs()).0
    };
    let two = Coefficient::small(2);
    while !rest.is_zero() {
        if rest.is_odd() {
            result = arithmetic::multiply(&result, &square, work, signals);
            if is_settled(&result, *signals) {
                break;
            }
        }
        square = arithmetic::multiply(&square, &square, work, signals);
        rest = rest.div_rem(&two).0;
        if square.is_nan() {
            return square;
        }
    }
    result
}

fn real_power(base: &Number, exponent: &Number, rules: &Rules, status: &mut Status) -> Number {
    let work = Rules { precision: rules.precision.max(base.digits()) + 4 + 19, ..Rules::WIDEST };
    let mut signals = Status::default();
    let logarithm = transcendental::ln(base, &work, &mut signals);
    let product = arithmetic::multiply(&logarithm, exponent, &work, &mut signals);
    let mut result = transcendental::exp(&product, &work, &mut signals);
    status.raise(signals.only(Status::ERRORS));
    status.raise(Status::NOT_EXACT);
    if !result.is_special() && compare_numbers(&result, &Number::one()).is_eq() {
        result = padded_one(false, rules.precision - 1, status);
    }
    if result.is_infinite() {
        result = Number::finite(false, Coefficient::ONE, MAX_EMAX + 1);
    }
    rules.fit(result, status)
}

/// `base ** exponent % modulus` of whole numbers.
pub fn power_modulo(base: &Number, exponent: &Number, modulus: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[base, exponent, modulus], rules, status) {
        return nan;
    }
    let are_whole = [base, exponent, modulus].iter().all(|number| number.is_integer());
    if !are_whole || exponent.negative || modulus.is_zero() || modulus.digits() + modulus.exponent > rules.precision {
        return status.fail(Status::INVALID_OPERATION);
    }
    if base.is_zero() && exponent.is_zero() {
        return status.fail(Status::INVALID_OPERATION);
    }
    if !status.has_room(modulus.digits() + modulus.exponent) {
        return Number::nan();
    }
    let negative = base.negative && exponent.is_odd();
    let ten = BigUint::from(10u32);
    let split = |number: &Number| {
        if number.exponent >= 0 {
            (number.coefficient.to_big(), number.exponent.unsigned_abs())
        } else {
            (number.coefficient.shift_right(number.exponent.unsigned_abs()).0.to_big(), 0)
        }
    };
    let (modulus, zeros) = split(modulus);
    let modulus = modulus * ten.pow(u32::try_from(zeros).unwrap_or(u32::MAX));
    let (coefficient, zeros) = split(base);
    let mut result = coefficient * ten.modpow(&BigUint::from(zeros), &modulus) % &modulus;
    let (coefficient, mut zeros) = split(exponent);
    if coefficient.is_zero() {
        zeros = 0;
    }
    // Ever more tenth powers end in a cycle at the latest after as many as the modulus is long.
    while zeros > 0 {
        let piece = zeros.min(10_000);
        result = result.modpow(&ten.pow(piece.to_u32().unwrap_or(0)), &modulus);
        zeros -= piece;
        if result.is_zero() || result.is_one() {
            break;
        }
    }
    result = result.modpow(&coefficient, &modulus);
    Number::finite(negative && !exponent.is_zero(), Coefficient::from_big(&result), 0)
}
