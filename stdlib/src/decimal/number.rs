//! Decimal numbers as values: sign, coefficient, exponent, and the special ones; signs, comparison and classes of them.

use std::cmp::Ordering;

use super::coefficient::Coefficient;
use super::rules::{Rules, Status};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Finite,
    Infinite,
    Quiet,
    Signaling,
}

#[derive(Clone)]
pub struct Number {
    pub negative: bool,
    pub kind: Kind,
    pub exponent: i64,
    /// Zero in infinities; the payload of NaNs, zero if there is none.
    pub coefficient: Coefficient,
}

impl Number {
    #[inline(always)]
    pub fn finite(negative: bool, coefficient: Coefficient, exponent: i64) -> Number {
        Number { negative, kind: Kind::Finite, exponent, coefficient }
    }

    pub fn zero(negative: bool, exponent: i64) -> Number {
        Number::finite(negative, Coefficient::ZERO, exponent)
    }

    pub fn one() -> Number {
        Number::finite(false, Coefficient::ONE, 0)
    }

    pub fn infinity(negative: bool) -> Number {
        Number { negative, kind: Kind::Infinite, exponent: 0, coefficient: Coefficient::ZERO }
    }

    pub fn nan() -> Number {
        Number { negative: false, kind: Kind::Quiet, exponent: 0, coefficient: Coefficient::ZERO }
    }

    pub fn from_i64(number: i64) -> Number {
        Number::finite(number < 0, Coefficient::small(u128::from(number.unsigned_abs())), 0)
    }

    #[inline(always)]
    pub fn is_finite(&self) -> bool {
        self.kind == Kind::Finite
    }

    #[inline(always)]
    pub fn is_special(&self) -> bool {
        self.kind != Kind::Finite
    }

    pub fn is_infinite(&self) -> bool {
        self.kind == Kind::Infinite
    }

    pub fn is_nan(&self) -> bool {
        matches!(self.kind, Kind::Quiet | Kind::Signaling)
    }

    pub fn is_signaling(&self) -> bool {
        self.kind == Kind::Signaling
    }

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.coefficient.is_zero()
    }

    #[inline(always)]
    pub fn digits(&self) -> i64 {
        self.coefficient.digits()
    }

    /// The exponent of the first digit.
    #[inline(always)]
    pub fn adjusted(&self) -> i64 {
        self.exponent + self.coefficient.digits() - 1
    }

    /// Whether the number is whole.
    pub fn is_integer(&self) -> bool {
        self.is_finite() && (self.exponent >= 0 || self.coefficient.is_zero() || -self.exponent <= self.coefficient.trailing_zeros())
    }

    /// Whether a whole number is odd.
    pub fn is_odd(&self) -> bool {
        match self.exponent {
            0 => self.coefficient.is_odd(),
            exponent if exponent < 0 && -exponent < self.digits() => self.coefficient.shift_right(exponent.unsigned_abs()).0.is_odd(),
            _ => false,
        }
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i64 {
        if self.is_zero() {
            0
        } else if self.negative {
            -1
        } else {
            1
        }
    }

    pub fn with_sign(&self, negative: bool) -> Number {
        Number { negative, ..self.clone() }
    }

    pub fn absolute(&self) -> Number {
        self.with_sign(false)
    }

    pub fn negated(&self) -> Number {
        self.with_sign(!self.negative)
    }

    pub fn is_normal(&self, rules: &Rules) -> bool {
        self.is_finite() && !self.coefficient.is_zero() && self.adjusted() >= rules.emin
    }

    pub fn is_subnormal(&self, rules: &Rules) -> bool {
        self.is_finite() && !self.coefficient.is_zero() && self.adjusted() < rules.emin
    }

    pub fn class(&self, rules: &Rules) -> &'static str {
        let negative = self.negative;
        match self.kind {
            Kind::Signaling => "sNaN",
            Kind::Quiet => "NaN",
            Kind::Infinite => if negative { "-Infinity" } else { "+Infinity" },
            Kind::Finite if self.coefficient.is_zero() => if negative { "-Zero" } else { "+Zero" },
            Kind::Finite if self.is_normal(rules) => if negative { "-Normal" } else { "+Normal" },
            Kind::Finite => if negative { "-Subnormal" } else { "+Subnormal" },
        }
    }
}

/// Compares the magnitudes of finite numbers.
pub fn compare_magnitudes(a: &Number, b: &Number) -> Ordering {
    if a.exponent == b.exponent {
        return a.coefficient.compare(&b.coefficient);
    }
    match (a.coefficient.is_zero(), b.coefficient.is_zero()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    a.adjusted().cmp(&b.adjusted()).then_with(|| {
        // The same first place: the exponents are no further apart than the digits are many.
        if a.exponent > b.exponent {
            a.coefficient.shift_left(a.exponent.abs_diff(b.exponent)).compare(&b.coefficient)
        } else {
            a.coefficient.compare(&b.coefficient.shift_left(a.exponent.abs_diff(b.exponent)))
        }
    })
}

/// Compares numbers that are no NaNs.
pub fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    let (sign_a, sign_b) = (a.signum(), b.signum());
    if sign_a != sign_b || sign_a == 0 {
        return sign_a.cmp(&sign_b);
    }
    let magnitudes = match (a.is_infinite(), b.is_infinite()) {
        (false, false) => compare_magnitudes(a, b),
        (x, y) => x.cmp(&y),
    };
    if a.negative { magnitudes.reverse() } else { magnitudes }
}

/// The total ordering of all numbers by their representation.
pub fn compare_total(a: &Number, b: &Number) -> Ordering {
    if a.negative != b.negative {
        return b.negative.cmp(&a.negative);
    }
    let magnitudes = compare_total_magnitudes(a, b);
    if a.negative { magnitudes.reverse() } else { magnitudes }
}

pub fn compare_total_magnitudes(a: &Number, b: &Number) -> Ordering {
    let rank = |number: &Number| match number.kind {
        Kind::Finite => 0,
        Kind::Infinite => 1,
        Kind::Signaling => 2,
        Kind::Quiet => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match a.kind {
        Kind::Finite => compare_magnitudes(a, b).then(a.exponent.cmp(&b.exponent)),
        Kind::Infinite => Ordering::Equal,
        Kind::Quiet | Kind::Signaling => a.coefficient.compare(&b.coefficient),
    })
}

/// What an operation gives if an operand is a NaN: the first signaling one, else the first, made quiet.
pub fn propagate_nan(operands: &[&Number], rules: &Rules, status: &mut Status) -> Option<Number> {
    let signaling = operands.iter().find(|number| number.is_signaling());
    if signaling.is_some() {
        status.raise(Status::INVALID_OPERATION);
    }
    let chosen = signaling.or_else(|| operands.iter().find(|number| number.is_nan()))?;
    Some(rules.fit_nan(Number { kind: Kind::Quiet, ..(*chosen).clone() }))
}
