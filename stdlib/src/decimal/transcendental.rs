//! `exp`, `ln` and `log10`, correctly rounded: approximations in binary fixed point, of more and more digits until these
//! decide the rounding.
//!
//! An approximation is a whole number of units of some power of ten that is off by less than [`ERROR`] of them.

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};
use pyrt_runtime::sync::LeafMutex;

use super::arithmetic;
use super::coefficient::Coefficient;
use super::number::{Number, propagate_nan};
use super::rules::{Rounding, Rules, Status};

const ERROR: u32 = 4;

/// Bits of so many digits, and some more.
fn bits_of(digits: u64) -> u64 {
    digits * 33_220 / 10_000 + 16
}

/// `10^n`.
fn power_of_ten(n: u64) -> BigUint {
    BigUint::from(10u32).pow(u32::try_from(n).unwrap_or(u32::MAX))
}

/// `ln 10` in units of 2^-bits, off by one unit at most.
fn ln_10(bits: u64) -> BigUint {
    static KNOWN: LeafMutex<Option<(u64, BigUint)>> = LeafMutex::new(None);
    let known = KNOWN.lock().as_ref().filter(|(known, _)| *known >= bits).map(|(known, number)| number >> (known - bits));
    if let Some(known) = known {
        return known;
    }
    let more = bits + bits / 4 + 64;
    // ln 10 = 46 artanh(1/31) + 34 artanh(1/49) + 20 artanh(1/161)
    let guard = 40;
    let artanh = |n: u64| {
        let mut power = (BigUint::from(1u32) << (more + guard)) / n;
        let mut sum = power.clone();
        let mut k = 1u64;
        loop {
            power /= n * n;
            k += 2;
            let term = &power / k;
            if term.is_zero() {
                return sum;
            }
            sum += term;
        }
    };
    let number: BigUint = (artanh(31) * 46u32 + artanh(49) * 34u32 + artanh(161) * 20u32) >> guard;
    let result = &number >> (more - bits);
    let mut known = KNOWN.lock();
    if known.as_ref().is_none_or(|(known, _)| *known < more) {
        let old = known.replace((more, number));
        drop(known);
        drop(old);
    }
    result
}

/// A finite number in units of 2^-bits, cut off.
fn fixed(number: &Number, bits: u64) -> BigInt {
    let coefficient = number.coefficient.to_big();
    let magnitude = if number.exponent >= 0 {
        (coefficient * power_of_ten(number.exponent.unsigned_abs())) << bits
    } else {
        // Digits that lie below the last bit are of no use.
        let places = number.exponent.unsigned_abs();
        let digits = number.digits().unsigned_abs();
        let spare = places.saturating_sub(bits).min(digits.saturating_sub(1));
        if spare > 64 {
            (number.coefficient.shift_right(spare).0.to_big() << bits) / power_of_ten(places - spare)
        } else {
            (coefficient << bits) / power_of_ten(places)
        }
    };
    BigInt::from_biguint(if number.negative { Sign::Minus } else { Sign::Plus }, magnitude)
}

/// `e^x` for `x` between -3 and 3, both in units of 2^-bits.
fn exp_fixed(x: &BigInt, bits: u64) -> BigInt {
    // Halve the argument so often that squarings and terms are about as many.
    let halvings = (bits as f64).sqrt() as u64 * 7 / 10 + 2;
    let inner = bits + 2 * halvings + 24;
    let small: BigInt = (x << (inner - bits)) >> halvings;
    let one = BigInt::from(1) << inner;
    let mut term = small.clone();
    let mut sum: BigInt = &one + &small;
    let mut n = 1u64;
    loop {
        n += 1;
        term = (&term * &small) >> inner;
        term /= n;
        // Of a negative number -1 is what shifts leave for ever.
        if term.bits() <= 1 {
            break;
        }
        sum += &term;
    }
    for _ in 0..halvings {
        sum = (&sum * &sum) >> inner;
    }
    sum >> (inner - bits)
}

/// `ln x` for `x` between 0.05 and 20, both in units of 2^-bits.
fn ln_fixed(x: &BigInt, bits: u64) -> BigInt {
    let mut steps = vec![bits];
    while let Some(last) = steps.last().copied().filter(|last| *last > 120) {
        steps.push(last / 3 + 8);
    }
    let first = steps.last().copied().unwrap_or(bits).min(60);
    let head = (x >> (bits - first)).to_f64().unwrap_or(1.0) / (first as f64).exp2();
    let mut known_bits = 60;
    let mut known = BigInt::from((head.ln() * (known_bits as f64).exp2()) as i64);
    for step in steps.into_iter().rev() {
        let shift = |number: &BigInt, from: u64| if step >= from { number << (step - from) } else { number >> (from - step) };
        let start = shift(&known, known_bits);
        let target = shift(x, bits);
        let reached = exp_fixed(&start, step);
        let difference: BigInt = &target - &reached;
        known = start + ((difference << (step + 1)) / (target + reached));
        known_bits = step;
    }
    known
}

/// A number in units of 2^-bits, as so many digits at least in units of a power of ten.
fn to_decimal(number: &BigUint, bits: u64, digits: u64) -> (BigUint, i64) {
    let whole_digits = (number.bits() as i64 - bits as i64) * 30_103 / 100_000;
    let places = (digits as i64 - whole_digits + 2).max(0);
    ((number * power_of_ten(places.unsigned_abs())) >> bits, -places)
}

/// Approximates `e^x`; `x` is below 10^20 in magnitude.
fn approximate_exp(x: &Number, digits: u64) -> (BigUint, i64) {
    let bits = bits_of(digits + 4) + 16;
    // The multiple of ln 10 needs as many bits more as it has itself.
    let wide = bits + 72;
    let x = fixed(x, wide);
    let ln_10 = BigInt::from(ln_10(wide));
    let (multiple, rest) = x.div_mod_floor(&ln_10);
    let power = exp_fixed(&(rest >> 72), bits);
    let (number, exponent) = to_decimal(power.magnitude(), bits, digits);
    (number, exponent + multiple.to_i64().unwrap_or(0))
}

/// Approximates `|ln x|`, or `|log10 x|`; `x` is positive and not one.
fn approximate_ln(x: &Number, is_log10: bool, digits: u64) -> (BigUint, i64) {
    let adjusted = x.adjusted();
    let is_near = matches!(adjusted, -1 | 0);
    // How far the logarithm is below one.
    let lost = if is_near {
        let mut unseen = Status::default();
        let distance = arithmetic::subtract(x, &Number::one(), &Rules::WIDEST, &mut unseen);
        (-distance.adjusted()).max(0).unsigned_abs()
    } else {
        0
    };
    let bits = bits_of(digits + lost + 6) + 72;
    let multiple = if is_near { 0 } else { adjusted };
    let mantissa = Number { exponent: x.exponent - multiple, ..x.clone() };
    let mut logarithm = ln_fixed(&fixed(&mantissa, bits), bits);
    let ln_10 = BigInt::from(ln_10(bits));
    logarithm += &ln_10 * multiple;
    if is_log10 {
        logarithm = (logarithm << bits) / ln_10;
    }
    to_decimal(logarithm.magnitude(), bits, digits)
}

/// Rounds the irrational number that `approximate` gives to any number of digits.
fn round(negative: bool, rules: &Rules, status: &mut Status, approximate: impl Fn(u64) -> (BigUint, i64)) -> Number {
    let rules = &Rules { rounding: Rounding::HalfEven, ..*rules };
    let mut guard = 4 + rules.precision.unsigned_abs() / 64;
    loop {
        let wanted = rules.precision.unsigned_abs() + guard;
        let (number, exponent) = approximate(wanted);
        let number = Coefficient::from_big(&number);
        let adjusted = exponent + number.digits() - 1;
        let kept = rules.precision.min(adjusted - rules.etiny() + 1);
        let cut = number.digits() - kept.max(0);
        let error = Coefficient::small(u128::from(ERROR));
        // The rounding is sure if the digits behind the last kept one are not near a half.
        let low = number.low_digits(cut.max(0).unsigned_abs());
        let half = Coefficient::small(5).shift_left((cut - 1).max(0).unsigned_abs());
        let distance = if low.compare(&half).is_ge() { low.subtract(&half) } else { half.subtract(&low) };
        if kept < 0 || (cut > 1 && distance.compare(&error).is_gt()) {
            let number = number.shift_left(1).add_one();
            return rules.fit_finite(negative, number, exponent - 1, status);
        }
        guard *= 2;
    }
}

/// Whether the precision can be worked with.
fn has_room(number: &Number, rules: &Rules, status: &mut Status) -> bool {
    status.has_room((rules.precision.saturating_add(number.digits())).saturating_mul(4))
}

pub fn exp(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    let even = &Rules { rounding: Rounding::HalfEven, ..*rules };
    if a.is_infinite() {
        return if a.negative { Number::zero(false, 0) } else { Number::infinity(false) };
    }
    if a.coefficient.is_zero() {
        return even.fit(Number::one(), status);
    }
    let (overflow, underflow) = (Number::finite(false, Coefficient::ONE, rules.emax + 1), Number::finite(false, Coefficient::ONE, rules.etiny() - 2));
    if a.adjusted() > 19 {
        return even.fit(if a.negative { underflow } else { overflow }, status);
    }
    if !has_room(a, rules, status) {
        return Number::nan();
    }
    if a.adjusted() < -(rules.precision + 1) {
        // One, and a little more or less.
        let places = rules.precision + 3;
        let one = Coefficient::power_of_ten(places.unsigned_abs());
        let near = if a.negative { one.subtract(&Coefficient::ONE) } else { one.add_one() };
        return even.fit_finite(false, near, -places, status);
    }
    if a.adjusted() > 0 {
        let (number, exponent) = approximate_exp(a, 4);
        let adjusted = exponent + Coefficient::from_big(&number).digits() - 1;
        if adjusted > rules.emax + 1 {
            return even.fit(overflow, status);
        }
        if adjusted < rules.etiny() - 2 {
            return even.fit(underflow, status);
        }
    }
    round(false, rules, status, |digits| approximate_exp(a, digits))
}

pub fn ln(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    logarithm(a, false, rules, status)
}

pub fn log10(a: &Number, rules: &Rules, status: &mut Status) -> Number {
    logarithm(a, true, rules, status)
}

fn logarithm(a: &Number, is_log10: bool, rules: &Rules, status: &mut Status) -> Number {
    if let Some(nan) = propagate_nan(&[a], rules, status) {
        return nan;
    }
    if a.is_zero() {
        return Number::infinity(true);
    }
    if a.negative {
        return status.fail(Status::INVALID_OPERATION);
    }
    if a.is_infinite() {
        return Number::infinity(false);
    }
    let even = &Rules { rounding: Rounding::HalfEven, ..*rules };
    let adjusted = a.adjusted();
    if a.coefficient.trailing_zeros() == a.digits() - 1 && a.coefficient.shift_right(a.coefficient.trailing_zeros().unsigned_abs()).0.is_one() {
        if is_log10 {
            return even.fit(Number::from_i64(adjusted), status);
        }
        if adjusted == 0 {
            return Number::zero(false, 0);
        }
    }
    if !has_room(a, rules, status) {
        return Number::nan();
    }
    let negative = adjusted < 0;
    round(negative, rules, status, |digits| approximate_ln(a, is_log10, digits))
}

#[cfg(test)]
mod tests {
    use num_traits::Signed;

    use super::*;

    #[test]
    fn logarithms_undo_exponentials() {
        for bits in [64u64, 130, 400, 3000] {
            for number in [-2.0, -0.001, 0.5, 1.75, 2.5] {
                let x = BigInt::from((number * 2f64.powi(40)) as i64) << (bits - 40);
                let back = ln_fixed(&exp_fixed(&x, bits), bits);
                assert!((back - x).abs().bits() < 8, "{bits} {number}");
            }
        }
    }
}
