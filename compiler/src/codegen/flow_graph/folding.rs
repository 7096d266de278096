//! Arithmetic on constants. `None` means that it is left to run time: an error, a type that is not folded, or a
//! result that would be too large.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::bytecode::code::Const;
use crate::bytecode::instructions::{BinaryOperation, CodegenOpcode as Op};

/// Bits of the largest int that `*`, `**` and `<<` make.
const MAX_INT_BITS: u64 = 128;
/// Items of the largest tuple that `*` makes.
const MAX_COLLECTION_SIZE: usize = 256;
/// Length of the longest str or bytes that `*` makes.
const MAX_STR_SIZE: usize = 4096;
/// Items, counted through all levels, of the largest tuple that `*` makes.
const MAX_TOTAL_ITEMS: usize = 1024;

enum Number {
    Int(BigInt),
    Float(f64),
    Complex(f64, f64),
}

fn to_big(constant: &Const) -> Option<BigInt> {
    match constant {
        Const::True => Some(BigInt::from(1)),
        Const::False => Some(BigInt::zero()),
        Const::Int(value) => Some(BigInt::from(*value)),
        Const::BigInt { negative, limbs } => {
            let digits = limbs.iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect();
            let sign = if *negative { Sign::Minus } else { Sign::Plus };
            Some(BigInt::new(sign, digits))
        }
        _ => None,
    }
}

pub(crate) fn from_big(value: &BigInt) -> Const {
    match value.to_i64() {
        Some(small) => Const::Int(small),
        None => Const::BigInt { negative: value.is_negative(), limbs: value.magnitude().to_u64_digits() },
    }
}

fn number(constant: &Const) -> Option<Number> {
    match constant {
        Const::Float(value) => Some(Number::Float(*value)),
        Const::Complex(real, imaginary) => Some(Number::Complex(*real, *imaginary)),
        _ => to_big(constant).map(Number::Int),
    }
}

fn big_to_float(value: &BigInt) -> Option<f64> {
    value.to_f64().filter(|value| value.is_finite())
}

/// `bool(x)`; code objects are true.
pub(crate) fn truth(constant: &Const) -> bool {
    match constant {
        Const::None | Const::False => false,
        Const::True | Const::Ellipsis | Const::Slice(_) | Const::Code(_) => true,
        Const::Int(value) => *value != 0,
        Const::BigInt { limbs, .. } => !limbs.is_empty(),
        Const::Float(value) => *value != 0.0,
        Const::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
        Const::Str(bytes) | Const::Bytes(bytes) => !bytes.is_empty(),
        Const::Tuple(items) | Const::FrozenSet(items) => !items.is_empty(),
    }
}

/// `==` for the constants that may be keys of mapping patterns.
pub(crate) fn equal(left: &Const, right: &Const) -> bool {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => match (left, right) {
            (Number::Int(left), Number::Int(right)) => left == right,
            (Number::Int(int), Number::Float(float)) | (Number::Float(float), Number::Int(int)) => {
                equal_int_float(&int, float)
            }
            (Number::Float(left), Number::Float(right)) => left == right,
            (Number::Complex(real, imaginary), Number::Float(other))
            | (Number::Float(other), Number::Complex(real, imaginary)) => imaginary == 0.0 && real == other,
            (Number::Complex(real, imaginary), Number::Int(int)) | (Number::Int(int), Number::Complex(real, imaginary)) => {
                imaginary == 0.0 && equal_int_float(&int, real)
            }
            (Number::Complex(a, b), Number::Complex(c, d)) => a == c && b == d,
        },
        _ => super::super::constants::key_of(left) == super::super::constants::key_of(right),
    }
}

fn equal_int_float(int: &BigInt, float: f64) -> bool {
    float.fract() == 0.0 && num_traits::FromPrimitive::from_f64(float).is_some_and(|exact: BigInt| exact == *int)
}

/// The unary operation of an instruction; UNARY_POSITIVE is CALL_INTRINSIC_1.
pub(crate) fn unary(opcode: Op, operand: &Const) -> Option<Const> {
    match opcode {
        Op::UNARY_NOT => Some(boolean(!truth(operand))),
        Op::UNARY_NEGATIVE => Some(match number(operand)? {
            Number::Int(value) => from_big(&-value),
            Number::Float(value) => Const::Float(-value),
            Number::Complex(real, imaginary) => Const::Complex(-real, -imaginary),
        }),
        // `~` of a bool is deprecated and warns at run time.
        Op::UNARY_INVERT if !matches!(operand, Const::True | Const::False) => {
            to_big(operand).map(|value| from_big(&(-value - BigInt::from(1))))
        }
        Op::CALL_INTRINSIC_1 => Some(match number(operand)? {
            Number::Int(value) => from_big(&value),
            Number::Float(value) => Const::Float(value),
            Number::Complex(real, imaginary) => Const::Complex(real, imaginary),
        }),
        _ => None,
    }
}

fn boolean(value: bool) -> Const {
    if value { Const::True } else { Const::False }
}

pub(crate) fn binary(operation: BinaryOperation, left: &Const, right: &Const) -> Option<Const> {
    use BinaryOperation as B;
    match operation {
        B::Subscr => return subscript(left, right),
        B::MatrixMultiply => return None,
        B::Multiply => {
            if let Some(result) = repeat(left, right) {
                return result;
            }
        }
        B::Add => match (left, right) {
            (Const::Str(left), Const::Str(right)) => return Some(Const::Str(join_wtf8(left, right))),
            (Const::Bytes(left), Const::Bytes(right)) => return Some(Const::Bytes([&left[..], right].concat())),
            (Const::Tuple(left), Const::Tuple(right)) => {
                return Some(Const::Tuple(left.iter().chain(right).cloned().collect()));
            }
            _ => {}
        },
        B::And | B::Or | B::Xor => {
            if let (Some(left), Some(right)) = (as_bool(left), as_bool(right)) {
                return Some(boolean(match operation {
                    B::And => left & right,
                    B::Or => left | right,
                    _ => left ^ right,
                }));
            }
        }
        _ => {}
    }
    match (number(left)?, number(right)?) {
        (Number::Int(left), Number::Int(right)) => int_operation(operation, &left, &right),
        (Number::Complex(a, b), Number::Complex(c, d)) => complex_operation(operation, (a, b), (c, d)),
        (Number::Complex(a, b), Number::Int(right)) => {
            complex_real(operation, (a, b), big_to_float(&right)?)
        }
        (Number::Complex(a, b), Number::Float(right)) => complex_real(operation, (a, b), right),
        (Number::Int(left), Number::Complex(c, d)) => real_complex(operation, big_to_float(&left)?, (c, d)),
        (Number::Float(left), Number::Complex(c, d)) => real_complex(operation, left, (c, d)),
        (Number::Int(left), Number::Float(right)) => float_operation(operation, big_to_float(&left)?, right),
        (Number::Float(left), Number::Int(right)) => float_operation(operation, left, big_to_float(&right)?),
        (Number::Float(left), Number::Float(right)) => float_operation(operation, left, right),
    }
}

fn as_bool(constant: &Const) -> Option<bool> {
    match constant {
        Const::True => Some(true),
        Const::False => Some(false),
        _ => None,
    }
}

fn int_operation(operation: BinaryOperation, left: &BigInt, right: &BigInt) -> Option<Const> {
    use BinaryOperation as B;
    Some(match operation {
        B::Add => from_big(&(left + right)),
        B::Subtract => from_big(&(left - right)),
        B::Multiply => {
            if !left.is_zero() && !right.is_zero() && left.bits() + right.bits() > MAX_INT_BITS {
                return None;
            }
            from_big(&(left * right))
        }
        B::TrueDivide => Const::Float(int_true_divide(left, right)?),
        B::FloorDivide if !right.is_zero() => from_big(&left.div_floor(right)),
        B::Remainder if !right.is_zero() => from_big(&left.mod_floor(right)),
        B::Power => {
            if right.is_negative() {
                return float_operation(B::Power, big_to_float(left)?, big_to_float(right)?);
            }
            if !left.is_zero() && right.is_positive() {
                let exponent = right.to_u64()?;
                if left.bits() > MAX_INT_BITS / exponent {
                    return None;
                }
            }
            // Of zero any power: the exponent may be huge.
            let exponent = if left.is_zero() { u32::from(!right.is_zero()) } else { right.to_u32()? };
            from_big(&left.pow(exponent))
        }
        B::LShift if !right.is_negative() => {
            if !left.is_zero() && !right.is_zero() {
                let shift = right.to_u64()?;
                if shift > MAX_INT_BITS || left.bits() > MAX_INT_BITS - shift {
                    return None;
                }
            }
            if left.is_zero() { Const::Int(0) } else { from_big(&(left << right.to_u32()?)) }
        }
        B::RShift if !right.is_negative() => match right.to_u32() {
            Some(shift) => from_big(&(left >> shift)),
            None => Const::Int(if left.is_negative() { -1 } else { 0 }),
        },
        B::And => from_big(&(left & right)),
        B::Or => from_big(&(left | right)),
        B::Xor => from_big(&(left ^ right)),
        _ => return None,
    })
}

/// Correctly rounded quotient.
fn int_true_divide(left: &BigInt, right: &BigInt) -> Option<f64> {
    if right.is_zero() {
        return None;
    }
    const EXACT: u64 = 53;
    if left.bits() <= EXACT && right.bits() <= EXACT {
        return Some(left.to_f64()? / right.to_f64()?);
    }
    if left.is_zero() {
        return Some(if right.is_negative() { -0.0 } else { 0.0 });
    }
    let (numerator, denominator) = (left.magnitude(), right.magnitude());
    // A quotient of at least 66 bits, with a sticky bit for the remainder, rounds once in the conversion, unless it
    // is subnormal.
    let shift = denominator.bits() as i64 + 66 - numerator.bits() as i64;
    if shift > 1022 {
        return None;
    }
    let (quotient, remainder) = if shift > 0 {
        (numerator << shift as u64).div_rem(denominator)
    } else {
        numerator.div_rem(&(denominator << (-shift) as u64))
    };
    let quotient = if remainder.is_zero() { quotient << 1u32 } else { (quotient << 1u32) + 1u32 };
    let magnitude = quotient.to_f64()? * 2f64.powi((-shift - 1) as i32);
    if !magnitude.is_finite() || !magnitude.is_normal() {
        return None;
    }
    Some(if left.is_negative() != right.is_negative() { -magnitude } else { magnitude })
}

fn float_operation(operation: BinaryOperation, left: f64, right: f64) -> Option<Const> {
    use BinaryOperation as B;
    Some(Const::Float(match operation {
        B::Add => left + right,
        B::Subtract => left - right,
        B::Multiply => left * right,
        B::TrueDivide if right != 0.0 => left / right,
        B::FloorDivide if right != 0.0 => float_div_mod(left, right).0,
        B::Remainder if right != 0.0 => float_div_mod(left, right).1,
        B::Power => {
            if left < 0.0 && right.is_finite() && right.fract() != 0.0 && left.is_finite() {
                return complex_operation(B::Power, (left, 0.0), (right, 0.0));
            }
            if left == 0.0 && right < 0.0 {
                return None;
            }
            let result = left.powf(right);
            if result.is_infinite() && left.is_finite() && right.is_finite() {
                return None;
            }
            result
        }
        _ => return None,
    }))
}

/// Floor division and modulo with the sign of the divisor.
fn float_div_mod(left: f64, right: f64) -> (f64, f64) {
    let mut modulo = left % right;
    let mut quotient = (left - modulo) / right;
    if modulo != 0.0 {
        if (right < 0.0) != (modulo < 0.0) {
            modulo += right;
            quotient -= 1.0;
        }
    } else {
        modulo = 0f64.copysign(right);
    }
    let floored = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0f64.copysign(left / right)
    };
    (floored, modulo)
}

type Pair = (f64, f64);

fn complex_real(operation: BinaryOperation, left: Pair, right: f64) -> Option<Const> {
    use BinaryOperation as B;
    let (real, imaginary) = match operation {
        B::Add => (left.0 + right, left.1),
        B::Subtract => (left.0 - right, left.1),
        B::Multiply => (left.0 * right, left.1 * right),
        B::TrueDivide if right != 0.0 => (left.0 / right, left.1 / right),
        B::Power => return complex_operation(operation, left, (right, 0.0)),
        _ => return None,
    };
    Some(Const::Complex(real, imaginary))
}

fn real_complex(operation: BinaryOperation, left: f64, right: Pair) -> Option<Const> {
    use BinaryOperation as B;
    let (real, imaginary) = match operation {
        B::Add => (left + right.0, right.1),
        B::Subtract => (left - right.0, -right.1),
        B::Multiply => (left * right.0, left * right.1),
        B::TrueDivide => real_quotient(left, right)?,
        B::Power => return complex_operation(operation, (left, 0.0), right),
        _ => return None,
    };
    Some(Const::Complex(real, imaginary))
}

fn complex_operation(operation: BinaryOperation, (a, b): Pair, (c, d): Pair) -> Option<Const> {
    use BinaryOperation as B;
    let (real, imaginary) = match operation {
        B::Add => (a + c, b + d),
        B::Subtract => (a - c, b - d),
        B::Multiply => {
            let product = (a * c - b * d, a * d + b * c);
            // The recovery of infinities is left to run time.
            if product.0.is_nan() && product.1.is_nan() {
                return None;
            }
            product
        }
        B::TrueDivide => complex_quotient((a, b), (c, d))?,
        B::Power => complex_power((a, b), (c, d))?,
        _ => return None,
    };
    Some(Const::Complex(real, imaginary))
}

/// A real number by a complex one: no zero imaginary part comes in, so the signs of zeros differ from the general case.
/// Zero divisors, infinities and NaN are left to run time.
fn real_quotient(a: f64, (c, d): Pair) -> Option<Pair> {
    let (real, imaginary) = if c.abs() >= d.abs() {
        let ratio = d / c;
        let denominator = c + d * ratio;
        (a / denominator, (-a * ratio) / denominator)
    } else {
        let ratio = c / d;
        let denominator = c * ratio + d;
        ((a * ratio) / denominator, -a / denominator)
    };
    (real.is_finite() && imaginary.is_finite()).then_some((real, imaginary))
}

/// Smith's method.
fn complex_quotient((a, b): Pair, (c, d): Pair) -> Option<Pair> {
    if c == 0.0 && d == 0.0 {
        return None;
    }
    let quotient = if c.abs() >= d.abs() {
        let ratio = d / c;
        let denominator = c + d * ratio;
        ((a + b * ratio) / denominator, (b - a * ratio) / denominator)
    } else {
        let ratio = c / d;
        let denominator = c * ratio + d;
        ((a * ratio + b) / denominator, (b * ratio - a) / denominator)
    };
    (quotient.0.is_finite() && quotient.1.is_finite()).then_some(quotient)
}

fn complex_power(base: Pair, exponent: Pair) -> Option<Pair> {
    let (a, b) = base;
    let (c, d) = exponent;
    const MAX_INT_EXPONENT: f64 = 100.0;
    let result = if c == 0.0 && d == 0.0 {
        (1.0, 0.0)
    } else if a == 0.0 && b == 0.0 {
        if d != 0.0 || c < 0.0 {
            return None;
        }
        (0.0, 0.0)
    } else if d == 0.0 && c.fract() == 0.0 && c.abs() <= MAX_INT_EXPONENT {
        let power = |count: u32| {
            let multiply = |(a, b): Pair, (c, d): Pair| (a * c - b * d, a * d + b * c);
            let (mut result, mut square, mut bit) = ((1.0, 0.0), base, 1u32);
            while bit <= count {
                if count & bit != 0 {
                    result = multiply(result, square);
                }
                bit <<= 1;
                square = multiply(square, square);
            }
            result
        };
        if c > 0.0 { power(c as u32) } else { complex_quotient((1.0, 0.0), power(-c as u32))? }
    } else {
        let magnitude = a.hypot(b);
        let mut length = magnitude.powf(c);
        let angle = b.atan2(a);
        let mut phase = angle * c;
        if d != 0.0 {
            length *= (-angle * d).exp();
            phase += d * magnitude.ln();
        }
        (length * phase.cos(), length * phase.sin())
    };
    (result.0.is_finite() && result.1.is_finite()).then_some(result)
}

/// Sequence times int, in either order; the outer `None` means that it is neither.
fn repeat(left: &Const, right: &Const) -> Option<Option<Const>> {
    let is_sequence = |constant: &Const| matches!(constant, Const::Str(_) | Const::Bytes(_) | Const::Tuple(_));
    let (sequence, count) = match (is_sequence(left), is_sequence(right)) {
        (true, false) => (left, to_big(right)?),
        (false, true) => (right, to_big(left)?),
        _ => return None,
    };
    Some(repeated(sequence, &count))
}

fn repeated(sequence: &Const, count: &BigInt) -> Option<Const> {
    let size = match sequence {
        Const::Str(text) => text.iter().filter(|byte| **byte & 0xC0 != 0x80).count(),
        Const::Bytes(bytes) => bytes.len(),
        Const::Tuple(items) => items.len(),
        _ => return None,
    };
    let limit = if matches!(sequence, Const::Tuple(_)) { MAX_COLLECTION_SIZE } else { MAX_STR_SIZE };
    let count = if size == 0 { 0 } else { count.to_usize().filter(|count| *count <= limit / size)? };
    Some(match sequence {
        Const::Str(text) => Const::Str(text.repeat(count)),
        Const::Bytes(bytes) => Const::Bytes(bytes.repeat(count)),
        Const::Tuple(items) => {
            if count > 0 && total_items(items, MAX_TOTAL_ITEMS / count).is_none() {
                return None;
            }
            Const::Tuple(items.iter().cloned().cycle().take(items.len() * count).collect())
        }
        _ => return None,
    })
}

/// What is left of the limit after counting items through all levels.
fn total_items(items: &[Const], limit: usize) -> Option<usize> {
    let mut left = limit.checked_sub(items.len())?;
    for item in items {
        if let Const::Tuple(inner) = item {
            left = total_items(inner, left)?;
        }
    }
    Some(left)
}

fn subscript(container: &Const, index: &Const) -> Option<Const> {
    if let Const::Slice(parts) = index {
        return match container {
            Const::Str(text) => {
                let chars = characters(text);
                let mut sliced = Vec::new();
                for at in slice_indices(parts, chars.len())? {
                    sliced = join_wtf8(&sliced, chars[at]);
                }
                Some(Const::Str(sliced))
            }
            Const::Bytes(bytes) => {
                Some(Const::Bytes(slice_indices(parts, bytes.len())?.into_iter().map(|at| bytes[at]).collect()))
            }
            Const::Tuple(items) => {
                Some(Const::Tuple(slice_indices(parts, items.len())?.into_iter().map(|at| items[at].clone()).collect()))
            }
            _ => None,
        };
    }
    let index = to_big(index)?.to_i64()?;
    let position = |length: usize| {
        let index = if index < 0 { index + length as i64 } else { index };
        usize::try_from(index).ok().filter(|index| *index < length)
    };
    match container {
        Const::Str(text) => {
            let chars = characters(text);
            Some(Const::Str(chars[position(chars.len())?].to_vec()))
        }
        Const::Bytes(bytes) => Some(Const::Int(i64::from(bytes[position(bytes.len())?]))),
        Const::Tuple(items) => Some(items[position(items.len())?].clone()),
        _ => None,
    }
}

/// The characters of WTF-8 text.
fn characters(text: &[u8]) -> Vec<&[u8]> {
    text.chunk_by(|_, next| next & 0xC0 == 0x80).collect()
}

/// Concatenation; a high and a low surrogate that come together stay two, as in a Python str.
fn join_wtf8(left: &[u8], right: &[u8]) -> Vec<u8> {
    [left, right].concat()
}

/// The positions that a slice takes.
fn slice_indices(parts: &[Const; 3], length: usize) -> Option<Vec<usize>> {
    let part = |constant: &Const| -> Option<Option<i64>> {
        match constant {
            Const::None => Some(None),
            _ => {
                let value = to_big(constant)?;
                let clamp = if value.is_negative() { i64::MIN / 4 } else { i64::MAX / 4 };
                Some(Some(value.to_i64().unwrap_or(clamp).clamp(i64::MIN / 4, i64::MAX / 4)))
            }
        }
    };
    let length = length as i64;
    let step = part(&parts[2])?.unwrap_or(1);
    if step == 0 {
        return None;
    }
    let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let bound = |value: Option<i64>, default: i64| match value {
        None => default,
        Some(value) => (if value < 0 { value + length } else { value }).clamp(low, high),
    };
    let start = bound(part(&parts[0])?, if step < 0 { high } else { low });
    let stop = bound(part(&parts[1])?, if step < 0 { low } else { high });
    let mut indices = Vec::new();
    let mut at = start;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        indices.push(usize::try_from(at).ok()?);
        at += step;
    }
    Some(indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> Const {
        Const::Int(value)
    }

    #[test]
    fn limits_and_signs() {
        assert!(binary(BinaryOperation::Power, &int(2), &int(129)).is_none());
        assert!(equal(&binary(BinaryOperation::FloorDivide, &int(-7), &int(2)).expect("folds"), &int(-4)));
        assert!(matches!(binary(BinaryOperation::Remainder, &Const::Float(-1.0), &Const::Float(3.0)), Some(Const::Float(x)) if x == 2.0));
        let text = Const::Str(b"ab".to_vec());
        assert!(binary(BinaryOperation::Multiply, &text, &int(2049)).is_none());
        assert!(matches!(binary(BinaryOperation::Multiply, &int(2), &text), Some(Const::Str(s)) if s == b"abab"));
        let slice = Const::Slice(Box::new([Const::None, Const::None, int(-1)]));
        assert!(matches!(binary(BinaryOperation::Subscr, &text, &slice), Some(Const::Str(s)) if s == b"ba"));
    }

    #[test]
    fn true_division_of_large_ints_rounds_once() {
        let big = binary(BinaryOperation::LShift, &int(1), &int(100)).expect("folds");
        let above = binary(BinaryOperation::Add, &big, &int(1)).expect("folds");
        assert!(matches!(binary(BinaryOperation::TrueDivide, &above, &int(3)), Some(Const::Float(x)) if x == 2f64.powi(100) / 3.0));
    }
}
