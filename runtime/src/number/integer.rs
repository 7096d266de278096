//! Arithmetic on big ints under Python's rules, and conversions to and from floats and bytes.
//!
//! Division and remainder floor: the remainder has the sign of the divisor.
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer as _;
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};

/// Why an operation has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntError {
    /// ZeroDivisionError
    ZeroDivision,
    /// OverflowError: "int too large to convert to float", or for a quotient "integer division
    /// result too large for a float".
    Overflow,
    /// ValueError: "base is not invertible for the given modulus"
    NotInvertible,
    /// MemoryError or OverflowError: the result cannot be held.
    TooLarge,
}

/// `divmod(a, b)`.
pub fn div_mod(a: &BigInt, b: &BigInt) -> Result<(BigInt, BigInt), IntError> {
    if b.is_zero() { Err(IntError::ZeroDivision) } else { Ok(a.div_mod_floor(b)) }
}

/// `a // b`.
pub fn floor_div(a: &BigInt, b: &BigInt) -> Result<BigInt, IntError> {
    if b.is_zero() { Err(IntError::ZeroDivision) } else { Ok(a.div_floor(b)) }
}

/// `a % b`.
pub fn floor_mod(a: &BigInt, b: &BigInt) -> Result<BigInt, IntError> {
    if b.is_zero() { Err(IntError::ZeroDivision) } else { Ok(a.mod_floor(b)) }
}

/// More bits than this are refused instead of tried.
const MAX_BITS: u64 = 1 << 40;

/// `a << n`.
pub fn shift_left(a: &BigInt, n: u64) -> Result<BigInt, IntError> {
    if a.is_zero() {
        return Ok(BigInt::ZERO);
    }
    if a.bits().saturating_add(n) > MAX_BITS { Err(IntError::TooLarge) } else { Ok(a << n) }
}

/// `a >> n`, rounding down.
pub fn shift_right(a: &BigInt, n: u64) -> BigInt {
    if n >= a.bits().saturating_add(1) {
        return if a.is_negative() { BigInt::from(-1) } else { BigInt::ZERO };
    }
    a >> n
}

/// `base ** exponent` for an exponent that is not negative.
pub fn pow(base: &BigInt, exponent: u64) -> Result<BigInt, IntError> {
    if exponent == 0 || base.is_one() {
        return Ok(BigInt::one());
    }
    if base.is_zero() {
        return Ok(BigInt::ZERO);
    }
    if base.magnitude().is_one() {
        return Ok(if exponent.is_multiple_of(2) { BigInt::one() } else { base.clone() });
    }
    if (base.bits() - 1).saturating_mul(exponent) > MAX_BITS {
        return Err(IntError::TooLarge);
    }
    // A power of two is a shift; its factor is taken out of every even base.
    let twos = base.magnitude().trailing_zeros().unwrap_or(0);
    let odd = base >> twos;
    Ok(num_traits::pow::Pow::pow(&odd, exponent) << (twos * exponent))
}

/// `pow(base, exponent, modulus)`: the result has the sign of the modulus; a negative exponent
/// takes the inverse.
pub fn pow_mod(base: &BigInt, exponent: &BigInt, modulus: &BigInt) -> Result<BigInt, IntError> {
    if modulus.is_zero() {
        return Err(IntError::ZeroDivision);
    }
    if !exponent.is_negative() {
        return Ok(base.modpow(exponent, modulus));
    }
    let inverse = invert(base, modulus)?;
    Ok(inverse.modpow(&-exponent, modulus))
}

fn invert(value: &BigInt, modulus: &BigInt) -> Result<BigInt, IntError> {
    let size = modulus.abs();
    let reduced = value.mod_floor(&size);
    let extended = reduced.extended_gcd(&size);
    if !extended.gcd.is_one() {
        return Err(IntError::NotInvertible);
    }
    Ok(extended.x.mod_floor(&size))
}

/// `math.isqrt` of a value that is not negative.
pub fn isqrt(value: &BigUint) -> BigUint {
    value.sqrt()
}

/// `math.gcd`, by Lehmer's method: most steps work on the leading 64 bits only.
pub fn gcd(a: &BigInt, b: &BigInt) -> BigInt {
    let (mut a, mut b) = (a.magnitude().clone(), b.magnitude().clone());
    if a < b {
        std::mem::swap(&mut a, &mut b);
    }
    loop {
        let bits = a.bits();
        if bits <= 64 {
            let (x, y) = (a.to_u64().unwrap_or(0), b.to_u64().unwrap_or(0));
            return BigInt::from(x.gcd(&y));
        }
        if b.is_zero() {
            return BigInt::from(a);
        }
        let shift = bits - 62;
        let mut x = leading(&a, shift);
        let mut y = leading(&b, shift);
        // The cofactor matrix: new a = p·a + q·b, new b = r·a + s·b.
        let (mut p, mut q, mut r, mut s) = (1i64, 0i64, 0i64, 1i64);
        loop {
            // The quotient is certain where both bounds of the true ratio give it (Knuth, 4.5.2 L).
            let (low, high) = (y + r, y + s);
            if low == 0 || high == 0 {
                break;
            }
            let quotient = (x + p) / low;
            if quotient != (x + q) / high {
                break;
            }
            let (next, r2, s2) = (x - quotient * y, checked(p, quotient, r), checked(q, quotient, s));
            let (Some(r2), Some(s2)) = (r2, s2) else { break };
            (x, y) = (y, next);
            (p, q, r, s) = (r, s, r2, s2);
        }
        if q == 0 {
            let rest = &a % &b;
            a = std::mem::replace(&mut b, rest);
        } else {
            let next_a = combine(&a, p, &b, q);
            let next_b = combine(&a, r, &b, s);
            (a, b) = (next_a, next_b);
            if a < b {
                std::mem::swap(&mut a, &mut b);
            }
        }
    }
}

fn leading(value: &BigUint, shift: u64) -> i64 {
    (value >> shift).to_i64().unwrap_or(i64::MAX)
}

fn checked(a: i64, quotient: i64, b: i64) -> Option<i64> {
    let value = a.checked_sub(quotient.checked_mul(b)?)?;
    (value.unsigned_abs() < 1 << 61).then_some(value)
}

/// |p·a + q·b|.
fn combine(a: &BigUint, p: i64, b: &BigUint, q: i64) -> BigUint {
    let x = a * p.unsigned_abs();
    let y = b * q.unsigned_abs();
    if (p < 0) == (q < 0) {
        x + y
    } else if x > y {
        x - y
    } else {
        y - x
    }
}

/// `mantissa` × 2^`exponent`, with more nonzero bits below where `sticky`, as the nearest double,
/// ties to even; `None` on overflow. `sticky` needs a mantissa of 56 bits at least.
pub fn compose_float(mantissa: u128, sticky: bool, exponent: i64) -> Option<f64> {
    if mantissa == 0 {
        return Some(0.0);
    }
    let bits = i64::from(128 - mantissa.leading_zeros());
    let top = exponent.saturating_add(bits - 1);
    if top > 1023 {
        return None;
    }
    // Weight of the last bit that the result keeps.
    let last = (top - 52).max(-1074);
    let drop = last.saturating_sub(exponent);
    let kept = if drop <= 0 {
        (mantissa << -drop) as u64
    } else if drop > bits + 1 {
        0
    } else {
        let (kept, rest) =
            if drop == 128 { (0, mantissa) } else { (mantissa >> drop, mantissa & ((1u128 << drop) - 1)) };
        let half = 1u128 << (drop - 1);
        let up = rest > half || rest == half && (sticky || kept & 1 == 1);
        kept as u64 + u64::from(up)
    };
    let bits = if last == -1074 && kept < 1 << 52 {
        kept
    } else {
        // A carry to 2^53 moves on into the exponent.
        (((last + 1075) as u64) << 52) + (kept - (1 << 52))
    };
    let value = f64::from_bits(bits);
    value.is_finite().then_some(value)
}

/// The top 64 bits or fewer, whether bits below them are set, and the weight of the last.
fn top_bits(value: &BigUint) -> (u128, bool, i64) {
    let bits = value.bits();
    if bits <= 64 {
        return (value.to_u128().unwrap_or(0), false, 0);
    }
    let shift = bits - 64;
    let sticky = value.trailing_zeros().is_some_and(|zeros| zeros < shift);
    ((value >> shift).to_u128().unwrap_or(0), sticky, shift as i64)
}

/// `float(value)`, correctly rounded.
pub fn to_float(value: &BigInt) -> Result<f64, IntError> {
    let (mantissa, sticky, exponent) = top_bits(value.magnitude());
    let magnitude = compose_float(mantissa, sticky, exponent).ok_or(IntError::Overflow)?;
    Ok(if value.is_negative() { -magnitude } else { magnitude })
}

/// `math.frexp`-like view for logarithms: value ≈ m × 2^e with 0.5 <= m < 1, correctly rounded.
pub fn to_float_scaled(value: &BigUint) -> (f64, i64) {
    if value.is_zero() {
        return (0.0, 0);
    }
    let bits = value.bits() as i64;
    let (mantissa, sticky, exponent) = top_bits(value);
    let fraction = compose_float(mantissa, sticky, exponent - bits).unwrap_or(0.5);
    if fraction == 1.0 { (0.5, bits + 1) } else { (fraction, bits) }
}

/// `int(value)`, rounding toward zero; `None` for inf and nan.
pub fn from_float(value: f64) -> Option<BigInt> {
    if !value.is_finite() {
        return None;
    }
    let magnitude = value.abs();
    let whole = if magnitude < 18_446_744_073_709_551_616.0 {
        BigUint::from(magnitude as u64)
    } else {
        let bits = magnitude.to_bits();
        BigUint::from(bits & ((1 << 52) - 1) | 1 << 52) << ((bits >> 52) as usize - 1075)
    };
    Some(BigInt::from_biguint(if value < 0.0 { Sign::Minus } else { Sign::Plus }, whole))
}

/// `a / b`, correctly rounded.
pub fn true_divide(a: &BigInt, b: &BigInt) -> Result<f64, IntError> {
    if b.is_zero() {
        return Err(IntError::ZeroDivision);
    }
    if a.is_zero() {
        return Ok(if b.is_negative() { -0.0 } else { 0.0 });
    }
    let (x, y) = (a.magnitude(), b.magnitude());
    // A quotient of 66 or 67 bits.
    let shift = x.bits() as i64 - y.bits() as i64 - 66;
    if shift > 1100 {
        return Err(IntError::Overflow);
    }
    let negative = a.is_negative() != b.is_negative();
    let signed = |value: f64| if negative { -value } else { value };
    if shift < -1300 {
        return Ok(signed(0.0));
    }
    let (quotient, rest, lost) = if shift > 0 {
        let lost = x.trailing_zeros().is_some_and(|zeros| zeros < shift as u64);
        let (q, r) = (x >> shift as u64).div_rem(y);
        (q, r, lost)
    } else {
        let (q, r) = (x << -shift as u64).div_rem(y);
        (q, r, false)
    };
    let sticky = lost || !rest.is_zero();
    compose_float(quotient.to_u128().unwrap_or(0), sticky, shift).map(signed).ok_or(IntError::Overflow)
}

/// Compares an int with a float that is not nan, exactly.
pub fn compare_float(a: &BigInt, b: f64) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if b.is_infinite() {
        return if b > 0.0 { Less } else { Greater };
    }
    let whole = from_float(b).unwrap_or_default();
    let fraction = b - b.trunc();
    a.cmp(&whole).then(if fraction > 0.0 {
        Less
    } else if fraction < 0.0 {
        Greater
    } else {
        Equal
    })
}

/// `int.bit_length`.
pub fn bit_length(value: &BigInt) -> u64 {
    value.bits()
}

/// `int.bit_count`.
pub fn bit_count(value: &BigInt) -> u64 {
    value.magnitude().count_ones()
}

/// Why [`to_bytes`] refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToBytesError {
    /// OverflowError: "can't convert negative int to unsigned"
    Negative,
    /// OverflowError: "int too big to convert"
    TooBig,
}

/// `int.to_bytes`.
pub fn to_bytes(value: &BigInt, length: usize, little: bool, signed: bool) -> Result<Vec<u8>, ToBytesError> {
    let negative = value.is_negative();
    if negative && !signed {
        return Err(ToBytesError::Negative);
    }
    // Two's complement: a negative value needs the bits of ~value, and a sign bit.
    let needed = if !signed {
        value.bits()
    } else if negative {
        (value + 1u32).bits() + 1
    } else if value.is_zero() {
        0
    } else {
        value.bits() + 1
    };
    if needed > (length as u64).saturating_mul(8) {
        return Err(ToBytesError::TooBig);
    }
    let mut bytes = if signed { value.to_signed_bytes_le() } else { value.magnitude().to_bytes_le() };
    bytes.resize(length, if negative { 0xFF } else { 0 });
    if !little {
        bytes.reverse();
    }
    Ok(bytes)
}

/// `int.from_bytes`.
pub fn from_bytes(bytes: &[u8], little: bool, signed: bool) -> BigInt {
    match (little, signed) {
        (true, true) => BigInt::from_signed_bytes_le(bytes),
        (false, true) => BigInt::from_signed_bytes_be(bytes),
        (true, false) => BigInt::from_bytes_le(Sign::Plus, bytes),
        (false, false) => BigInt::from_bytes_be(Sign::Plus, bytes),
    }
}
