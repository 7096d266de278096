//! The operations of arithmetic on numbers: sums, products, quotients, rounding to places.

use super::coefficient::{Coefficient, Cut};
use super::number::{Number, compare_numbers, propagate_nan};
use super::rules::{Rounding, Rules, Status};

pub fn add(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    add_signed(a, b, b.negative, rules, status)
}

pub fn subtract(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if b.is_nan() {
        return add(a, b, rules, status);
    }
    add_signed(a, b, !b.negative, rules, status)
}

/// The sum of `a` and the magnitude of `b` with another sign.
#[inline]
fn add_signed(a: &Number, b: &Number, b_negative: bool, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() || b.is_special() {
        return add_special(a, b, b_negative, rules, status);
    }
    if a.exponent == b.exponent {
        return add_aligned(a.negative, &a.coefficient, b_negative, &b.coefficient, a.exponent, rules, status);
    }
    // `high` has the larger exponent and is shifted.
    let ((high, high_negative), (low, low_negative)) =
        if a.exponent > b.exponent { ((a, a.negative), (b, b_negative)) } else { ((b, b_negative), (a, a.negative)) };
    if high.coefficient.is_zero() {
        return add_aligned(high_negative, &Coefficient::ZERO, low_negative, &low.coefficient, low.exponent, rules, status);
    }
    let digits = high.digits();
    // A number that lies far below all digits that are kept is as good as any other such.
    let far = high.exponent - 1 + if digits > rules.precision { 0 } else { digits - rules.precision - 1 };
    if low.adjusted() < far {
        let tiny = if low.coefficient.is_zero() { Coefficient::ZERO } else { Coefficient::ONE };
        let shift = high.exponent - far;
        if !status.has_room(digits + shift) {
            return Number::nan();
        }
        let shifted = high.coefficient.shift_left(shift.unsigned_abs());
        return add_aligned(high_negative, &shifted, low_negative, &tiny, far, rules, status);
    }
    let shift = high.exponent - low.exponent;
    if !status.has_room(digits + shift) {
        return Number::nan();
    }
    let shifted = high.coefficient.shift_left(shift.unsigned_abs());
    add_aligned(high_negative, &shifted, low_negative, &low.coefficient, low.exponent, rules, status)
}

#[inline]
fn add_aligned(
    a_negative: bool,
    a: &Coefficient,
    b_negative: bool,
    b: &Coefficient,
    exponent: i64,
    rules: &Rules,
    status: &mut Status,
) -> Number {
    if a_negative == b_negative {
        return rules.fit_finite(a_negative, a.add(b), exponent, status);
    }
    let (negative, coefficient) = match a.compare(b) {
        std::cmp::Ordering::Greater => (a_negative, a.subtract(b)),
        std::cmp::Ordering::Less => (b_negative, b.subtract(a)),
        std::cmp::Ordering::Equal => (rules.rounding == Rounding::Floor, Coefficient::ZERO),
    };
    rules.fit_finite(negative, coefficient, exponent, status)
}

#[cold]
fn add_special(a: &Number, b: &Number, b_negative: bool, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a, b], rules, status) {
        return nan;
    }
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) if a.negative != b_negative => status.fail(Status::INVALID_OPERATION),
        (true, _) => Number::infinity(a.negative),
        _ => Number::infinity(b_negative),
    }
}

pub fn multiply(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    let negative = a.negative != b.negative;
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        if a.is_zero() || b.is_zero() {
            return status.fail(Status::INVALID_OPERATION);
        }
        return Number::infinity(negative);
    }
    if !status.has_room(a.digits() + b.digits()) {
        return Number::nan();
    }
    rules.fit_finite(negative, a.coefficient.multiply(&b.coefficient), a.exponent + b.exponent, status)
}

/// `a * b + c` with one rounding.
pub fn multiply_add(a: &Number, b: &Number, c: &Number, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() || b.is_special() || c.is_special() {
        // The product comes first: whatever is added, even a NaN.
        if (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite()) {
            return status.fail(Status::INVALID_OPERATION);
        }
        if let Some(nan) = propagate_nan(&[a, b, c], rules, status) {
            return nan;
        }
        let mut failed = Status::default();
        let product = multiply(a, b, &Rules::WIDEST, &mut failed);
        status.raise(failed);
        return if product.is_nan() { product } else { add(&product, c, rules, status) };
    }
    if !status.has_room(a.digits() + b.digits()) {
        return Number::nan();
    }
    let product = Number::finite(a.negative != b.negative, a.coefficient.multiply(&b.coefficient), a.exponent + b.exponent);
    add(&product, c, rules, status)
}

pub fn divide(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    let negative = a.negative != b.negative;
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        if a.is_infinite() {
            return if b.is_infinite() { status.fail(Status::INVALID_OPERATION) } else { Number::infinity(negative) };
        }
        status.raise(Status::CLAMPED);
        return Number::zero(negative, rules.etiny());
    }
    if b.coefficient.is_zero() {
        if a.coefficient.is_zero() {
            return status.fail(Status::DIVISION_UNDEFINED);
        }
        status.raise(Status::DIVISION_BY_ZERO);
        return Number::infinity(negative);
    }
    let ideal = a.exponent - b.exponent;
    if a.coefficient.is_zero() {
        return rules.fit(Number::zero(negative, ideal), status);
    }
    let shift = b.digits() - a.digits() + rules.precision + 1;
    if !status.has_room(a.digits() + shift.max(0)) || !status.has_room(b.digits() - shift.min(0)) {
        return Number::nan();
    }
    let exponent = ideal - shift;
    let (mut quotient, is_exact) = if shift >= 0 {
        quotient_shifted(&a.coefficient, shift.unsigned_abs(), &b.coefficient)
    } else {
        let (quotient, rest) = a.coefficient.div_rem(&b.coefficient.shift_left(shift.unsigned_abs()));
        (quotient, rest.is_zero())
    };
    if is_exact {
        let zeros = if exponent < ideal { quotient.trailing_zeros().min(ideal - exponent) } else { 0 };
        return rules.fit_finite(negative, quotient.shift_right(zeros.unsigned_abs()).0, exponent + zeros, status);
    }
    // One digit more than the precision: what is below decides ties and zeros only.
    if matches!(quotient.last_digit(), 0 | 5) {
        quotient = quotient.add_one();
    }
    rules.fit_finite(negative, quotient, exponent, status)
}

/// `a * 10^shift / b`, and whether that is exact.
fn quotient_shifted(a: &Coefficient, shift: u64, b: &Coefficient) -> (Coefficient, bool) {
    if let (Some(mut number), Some(divisor)) = (a.as_small(), b.as_small()) {
        // Digits of the quotient in pieces that fit the machine, as long as the divisor leaves room for them.
        let room = 38u64.saturating_sub(super::coefficient::digits_128(divisor));
        if room >= 9 {
            let powers = &super::coefficient::POWERS_128;
            let mut left = shift;
            let mut quotient = number / divisor;
            number -= quotient * divisor;
            while left > 0 && number != 0 {
                let piece = left.min(room) as usize;
                number *= powers[piece];
                let digits = number / divisor;
                number -= digits * divisor;
                let Some(sum) = quotient.checked_mul(powers[piece]).and_then(|high| high.checked_add(digits)) else { return quotient_long(a, shift, b) };
                quotient = sum;
                left -= piece as u64;
            }
            let quotient = Coefficient::from_u128(quotient);
            return (quotient.shift_left(left), number == 0);
        }
    }
    quotient_long(a, shift, b)
}

fn quotient_long(a: &Coefficient, shift: u64, b: &Coefficient) -> (Coefficient, bool) {
    let (quotient, rest) = a.shift_left(shift).div_rem(b);
    (quotient, rest.is_zero())
}

/// The whole part of the quotient, and the rest, of finite numbers of which `b` is not zero: not yet rounded.
fn whole_quotient(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Option<(Number, Number)> {
    let negative = a.negative != b.negative;
    let ideal = a.exponent.min(b.exponent);
    if a.coefficient.is_zero() {
        return Some((Number::zero(negative, 0), Number::zero(a.negative, ideal)));
    }
    let shift = a.adjusted() - b.adjusted();
    if shift < 0 {
        let rest = if a.exponent > ideal && a.digits() + (a.exponent - ideal) <= rules.precision.max(b.digits()) {
            a.coefficient.shift_left((a.exponent - ideal).unsigned_abs())
        } else if a.exponent > ideal {
            if !status.has_room(a.digits() + (a.exponent - ideal)) {
                return None;
            }
            a.coefficient.shift_left((a.exponent - ideal).unsigned_abs())
        } else {
            a.coefficient.clone()
        };
        return Some((Number::zero(negative, 0), Number::finite(a.negative, rest, ideal)));
    }
    if shift > rules.precision {
        status.raise(Status::DIVISION_IMPOSSIBLE);
        return None;
    }
    if !status.has_room(a.digits() + (a.exponent - ideal)) || !status.has_room(b.digits() + (b.exponent - ideal)) {
        return None;
    }
    let (dividend, divisor) =
        (a.coefficient.shift_left((a.exponent - ideal).unsigned_abs()), b.coefficient.shift_left((b.exponent - ideal).unsigned_abs()));
    let (quotient, rest) = dividend.div_rem(&divisor);
    if quotient.digits() > rules.precision {
        status.raise(Status::DIVISION_IMPOSSIBLE);
        return None;
    }
    Some((Number::finite(negative, quotient, 0), Number::finite(a.negative, rest, ideal)))
}

pub fn divide_whole(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    let negative = a.negative != b.negative;
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        return match (a.is_infinite(), b.is_infinite()) {
            (true, true) => status.fail(Status::INVALID_OPERATION),
            (true, false) => Number::infinity(negative),
            _ => Number::zero(negative, 0),
        };
    }
    if b.coefficient.is_zero() {
        if a.coefficient.is_zero() {
            return status.fail(Status::DIVISION_UNDEFINED);
        }
        status.raise(Status::DIVISION_BY_ZERO);
        return Number::infinity(negative);
    }
    match whole_quotient(a, b, rules, status) {
        Some((quotient, _)) => rules.fit(quotient, status),
        None => Number::nan(),
    }
}

pub fn remainder(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        if a.is_infinite() {
            return status.fail(Status::INVALID_OPERATION);
        }
        return rules.fit(a.clone(), status);
    }
    if b.coefficient.is_zero() {
        return status.fail(if a.coefficient.is_zero() { Status::DIVISION_UNDEFINED } else { Status::INVALID_OPERATION });
    }
    match whole_quotient(a, b, rules, status) {
        Some((_, rest)) => rules.fit(rest, status),
        None => Number::nan(),
    }
}

pub fn divide_with_rest(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> (Number, Number) {
    let negative = a.negative != b.negative;
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return (nan.clone(), nan);
        }
        if a.is_infinite() {
            let quotient = if b.is_infinite() { Number::nan() } else { Number::infinity(negative) };
            return (quotient, status.fail(Status::INVALID_OPERATION));
        }
        let rest = rules.fit(a.clone(), status);
        return (Number::zero(negative, 0), rest);
    }
    if b.coefficient.is_zero() {
        if a.coefficient.is_zero() {
            let nan = status.fail(Status::DIVISION_UNDEFINED);
            return (nan.clone(), nan);
        }
        status.raise(Status::DIVISION_BY_ZERO);
        return (Number::infinity(negative), status.fail(Status::INVALID_OPERATION));
    }
    match whole_quotient(a, b, rules, status) {
        Some((quotient, rest)) => {
            let quotient = rules.fit(quotient, status);
            (quotient, rules.fit(rest, status))
        }
        None => (Number::nan(), Number::nan()),
    }
}

/// The rest with regard to the nearest whole quotient.
pub fn remainder_near(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        if a.is_infinite() {
            return status.fail(Status::INVALID_OPERATION);
        }
        return rules.fit(a.clone(), status);
    }
    if b.coefficient.is_zero() {
        return status.fail(if a.coefficient.is_zero() { Status::DIVISION_UNDEFINED } else { Status::INVALID_OPERATION });
    }
    // Far below half of the divisor, or so far above that the quotient has too many digits.
    if !a.coefficient.is_zero() && a.adjusted() < b.adjusted() - 1 {
        return match whole_quotient(a, b, rules, status) {
            Some((_, rest)) => rules.fit(rest, status),
            None => Number::nan(),
        };
    }
    let Some((quotient, rest)) = whole_quotient(a, b, rules, status) else { return Number::nan() };
    let ideal = rest.exponent;
    if !status.has_room(b.digits() + (b.exponent - ideal)) {
        return Number::nan();
    }
    let divisor = b.coefficient.shift_left((b.exponent - ideal).unsigned_abs());
    let twice = rest.coefficient.add(&rest.coefficient);
    let goes_up = match twice.compare(&divisor) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient.coefficient.is_odd(),
        std::cmp::Ordering::Less => false,
    };
    let rest = if goes_up {
        if quotient.coefficient.add_one().digits() > rules.precision {
            return status.fail(Status::DIVISION_IMPOSSIBLE);
        }
        Number::finite(!rest.negative, divisor.subtract(&rest.coefficient), ideal)
    } else {
        rest
    };
    rules.fit(rest, status)
}

/// `a` with the exponent of `b`.
pub fn quantize(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() || b.is_special() {
        if let Some(nan) = propagate_nan(&[a, b], rules, status) {
            return nan;
        }
        if a.is_infinite() && b.is_infinite() {
            return a.clone();
        }
        return status.fail(Status::INVALID_OPERATION);
    }
    let exponent = b.exponent;
    if exponent > rules.emax || exponent < rules.etiny() {
        return status.fail(Status::INVALID_OPERATION);
    }
    if a.coefficient.is_zero() {
        return rules.fit(Number::zero(a.negative, exponent), status);
    }
    let difference = a.exponent - exponent;
    if a.digits() + difference > rules.precision {
        return status.fail(Status::INVALID_OPERATION);
    }
    let mut signals = Status::default();
    let coefficient = if difference >= 0 {
        if !status.has_room(a.digits() + difference) {
            return Number::nan();
        }
        a.coefficient.shift_left(difference.unsigned_abs())
    } else {
        let (mut kept, cut) = a.coefficient.shift_right(difference.unsigned_abs());
        if rules.rounding.goes_up(&kept, cut, a.negative) {
            kept = kept.add_one();
        }
        signals.raise(Status::ROUNDED);
        if cut != Cut::Nothing {
            signals.raise(Status::INEXACT);
        }
        kept
    };
    let digits = coefficient.digits();
    if digits > rules.precision || exponent + digits - 1 > rules.emax {
        return status.fail(Status::INVALID_OPERATION);
    }
    status.raise(signals);
    let number = rules.fit_finite(a.negative, coefficient, exponent, status);
    status.0 &= !Status::UNDERFLOW.0;
    number
}

/// A whole number; `is_exact` says whether roundings are signaled.
pub fn round_to_whole(a: &Number, is_exact: bool, rules: &Rules, status: &mut Status) -> Number {
    if a.is_special() {
        return propagate_nan(&[a], rules, status).unwrap_or_else(|| a.clone());
    }
    if a.exponent >= 0 {
        return a.clone();
    }
    if a.coefficient.is_zero() {
        return Number::zero(a.negative, 0);
    }
    let (mut kept, cut) = a.coefficient.shift_right(a.exponent.unsigned_abs());
    if rules.rounding.goes_up(&kept, cut, a.negative) {
        kept = kept.add_one();
    }
    if is_exact {
        status.raise(Status::ROUNDED);
        if cut != Cut::Nothing {
            status.raise(Status::INEXACT);
        }
    }
    Number::finite(a.negative, kept, 0)
}

/// `+a`: rounded; a zero loses its sign (but for one way of rounding).
pub fn plus(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    unary(a, a.negative, rules, status)
}

pub fn minus(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    unary(a, !a.negative, rules, status)
}

fn unary(a: &Number, negative: bool, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    let negative = negative && (rules.rounding == Rounding::Floor || !a.is_zero());
    rules.fit(a.with_sign(negative), status)
}

pub fn absolute(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    if a.is_nan() || !a.negative { plus(a, rules, status) } else { minus(a, rules, status) }
}

/// Without zeros at the end.
pub fn normalize(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    let number = rules.fit(a.clone(), status);
    if number.is_special() {
        return number;
    }
    if number.coefficient.is_zero() {
        return Number::zero(number.negative, 0);
    }
    let most = if rules.clamp { rules.etop() } else { rules.emax };
    let shift = number.coefficient.trailing_zeros().min(most - number.exponent).max(0);
    Number::finite(number.negative, number.coefficient.shift_right(shift.unsigned_abs()).0, number.exponent + shift)
}

pub fn square_root(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    let rules = &Rules { rounding: Rounding::HalfEven, ..*rules };
    let ideal = (a.exponent - a.exponent.rem_euclid(2)) / 2;
    if a.is_zero() {
        return rules.fit(Number::zero(a.negative, ideal), status);
    }
    if a.negative {
        return status.fail(Status::INVALID_OPERATION);
    }
    if a.is_infinite() {
        return Number::infinity(false);
    }
    // An even exponent, and two digits more than the precision in the root.
    let odd = a.exponent.rem_euclid(2);
    let digits = a.digits() + odd;
    let shift = (rules.precision + 1 - digits.div_euclid(2)).max(0);
    if !status.has_room(digits + 2 * shift) {
        return Number::nan();
    }
    let radicand = a.coefficient.shift_left((odd + 2 * shift).unsigned_abs());
    let root = radicand.square_root();
    let exponent = ideal - shift;
    if root.multiply(&root) == radicand {
        let zeros = root.trailing_zeros().min(ideal - exponent).max(0);
        return rules.fit_finite(false, root.shift_right(zeros.unsigned_abs()).0, exponent + zeros, status);
    }
    // One digit more says that the root goes on.
    rules.fit_finite(false, root.shift_left(1).add_one(), exponent - 1, status)
}

/// The next number towards plus or minus infinity.
pub fn next(a: &Number, up: bool, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    let rules = &Rules { rounding: if up { Rounding::Ceiling } else { Rounding::Floor }, ..*rules };
    let mut unseen = Status::default();
    let found = if a.is_infinite() {
        if a.negative == up { rules.largest(a.negative, &mut unseen) } else { a.clone() }
    } else {
        let fitted = rules.fit(a.clone(), &mut unseen);
        if unseen.has(Status::INEXACT) {
            fitted
        } else {
            let tiny = Number::finite(!up, Coefficient::ONE, rules.etiny() - 1);
            add(&fitted, &tiny, rules, &mut unseen)
        }
    };
    status.raise(unseen.only(Status::OUT_OF_MEMORY));
    found
}

pub fn next_toward(a: &Number, b: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a, b], rules, status) {
        return nan;
    }
    let found = match compare_numbers(a, b) {
        std::cmp::Ordering::Equal => return a.with_sign(b.negative),
        std::cmp::Ordering::Less => next(a, true, rules, status),
        std::cmp::Ordering::Greater => next(a, false, rules, status),
    };
    if found.is_infinite() {
        status.raise(Status(Status::OVERFLOW.0 | Status::NOT_EXACT.0));
    } else if found.is_finite() && found.adjusted() < rules.emin {
        status.raise(Status(Status::UNDERFLOW.0 | Status::SUBNORMAL.0 | Status::NOT_EXACT.0));
        if found.coefficient.is_zero() {
            status.raise(Status::CLAMPED);
        }
    }
    found
}
