//! Arithmetic on floats under Python's rules: the remainder has the sign of the divisor.
use num_bigint::{BigInt, Sign};

/// ZeroDivisionError.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZeroDivision;

/// `divmod(a, b)`.
pub fn div_mod(a: f64, b: f64) -> Result<(f64, f64), ZeroDivision> {
    if b == 0.0 {
        return Err(ZeroDivision);
    }
    let mut remainder = a % b;
    // a - remainder is nearly a multiple of b, so the quotient is nearly whole.
    let mut quotient = (a - remainder) / b;
    if remainder == 0.0 {
        remainder = 0.0f64.copysign(b);
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder += b;
        quotient -= 1.0;
    }
    let whole = if quotient == 0.0 {
        0.0f64.copysign(a / b)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    };
    Ok((whole, remainder))
}

/// `a // b`.
pub fn floor_div(a: f64, b: f64) -> Result<f64, ZeroDivision> {
    div_mod(a, b).map(|(quotient, _)| quotient)
}

/// `a % b`.
pub fn floor_mod(a: f64, b: f64) -> Result<f64, ZeroDivision> {
    if b == 0.0 {
        return Err(ZeroDivision);
    }
    let remainder = a % b;
    Ok(if remainder == 0.0 {
        0.0f64.copysign(b)
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder + b
    } else {
        remainder
    })
}

/// What `a ** b` is, or raises.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Power {
    Float(f64),
    /// A negative base under a fractional exponent: the power of the complex number.
    Complex,
    /// ZeroDivisionError: "zero to a negative power"
    ZeroDivision,
    /// OverflowError: (34, "Numerical result out of range")
    Overflow,
}

/// `a ** b`.
pub fn power(a: f64, b: f64) -> Power {
    if b == 0.0 || a == 1.0 {
        return Power::Float(1.0);
    }
    if a.is_nan() || b.is_nan() {
        return Power::Float(a.powf(b));
    }
    if a == 0.0 && b < 0.0 {
        return if b.is_infinite() { Power::Float(f64::INFINITY) } else { Power::ZeroDivision };
    }
    if a.is_infinite() || b.is_infinite() {
        return Power::Float(a.powf(b));
    }
    if a < 0.0 && b != b.floor() {
        return Power::Complex;
    }
    let result = a.powf(b);
    if result.is_infinite() { Power::Overflow } else { Power::Float(result) }
}

/// `value.as_integer_ratio()`; `None` for inf and nan.
pub fn as_integer_ratio(value: f64) -> Option<(BigInt, BigInt)> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some((BigInt::ZERO, BigInt::from(1)));
    }
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7FF) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let zeros = i64::from(mantissa.trailing_zeros());
    let (mantissa, exponent) = (mantissa >> zeros, exponent + zeros);
    let sign = if value < 0.0 { Sign::Minus } else { Sign::Plus };
    let numerator = BigInt::from_biguint(sign, mantissa.into());
    Some(if exponent >= 0 {
        (numerator << exponent as u64, BigInt::from(1))
    } else {
        (numerator, BigInt::from(1) << exponent.unsigned_abs())
    })
}
