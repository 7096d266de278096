//! Numbers from text, and text from numbers.

use super::coefficient::Coefficient;
use super::number::{Kind, Number};
use super::rules::{MAX_EMAX, MIN_ETINY, Rules, Status};

/// Reads a number as it stands; `None` if it is none. Exponents beyond the range come out just outside it.
fn read(text: &[u8]) -> Option<Number> {
    let (negative, body) = match text {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] => (false, body),
        body => (false, body),
    };
    match body.first()? {
        b'0'..=b'9' | b'.' => read_finite(negative, body),
        _ => read_special(negative, body),
    }
}

fn read_special(negative: bool, body: &[u8]) -> Option<Number> {
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(Number::infinity(negative));
    }
    let (kind, payload) = if body.len() >= 4 && body[..4].eq_ignore_ascii_case(b"snan") {
        (Kind::Signaling, &body[4..])
    } else if body.len() >= 3 && body[..3].eq_ignore_ascii_case(b"nan") {
        (Kind::Quiet, &body[3..])
    } else {
        return None;
    };
    if !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(Number { negative, kind, exponent: 0, coefficient: Coefficient::from_digits(without_zeros(payload)) })
}

/// Digits without leading zeros.
fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

fn read_finite(negative: bool, body: &[u8]) -> Option<Number> {
    let whole = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, mut rest) = body.split_at(whole);
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (fraction, rest) = after.split_at(digits);
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = 0i64;
    if let [b'e' | b'E', after @ ..] = rest {
        let (below, digits) = match after {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let magnitude = digits.iter().try_fold(0i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
        exponent = magnitude.unwrap_or(i64::MAX);
        if below {
            exponent = -exponent;
        }
        rest = &[];
    }
    if !rest.is_empty() {
        return None;
    }
    let exponent = exponent.saturating_sub(fraction.len() as i64).clamp(MIN_ETINY - 1, MAX_EMAX + 1);
    let coefficient = if fraction.is_empty() {
        Coefficient::from_digits(without_zeros(whole))
    } else if whole.len() + fraction.len() <= 64 {
        let mut digits = [0; 64];
        digits[..whole.len()].copy_from_slice(whole);
        digits[whole.len()..whole.len() + fraction.len()].copy_from_slice(fraction);
        Coefficient::from_digits(without_zeros(&digits[..whole.len() + fraction.len()]))
    } else {
        Coefficient::from_digits(without_zeros(&[whole, fraction].concat()))
    };
    Some(Number::finite(negative, coefficient, exponent))
}

/// The number of a text, rounded.
pub fn parse(text: &[u8], rules: &Rules, status: &mut Status) -> Number {
    match read(text) {
        Some(number) if number.is_nan() => {
            if number.digits() > rules.precision - i64::from(rules.clamp) && !number.coefficient.is_zero() {
                return status.fail(Status::CONVERSION_SYNTAX);
            }
            number
        }
        Some(number) => rules.fit(number, status),
        None => status.fail(Status::CONVERSION_SYNTAX),
    }
}

/// The digits of a number as they are shown: none for a NaN without payload.
fn push_special(out: &mut Vec<u8>, number: &Number) {
    match number.kind {
        Kind::Infinite => out.extend_from_slice(b"Infinity"),
        Kind::Quiet => out.extend_from_slice(b"NaN"),
        Kind::Signaling => out.extend_from_slice(b"sNaN"),
        Kind::Finite => {}
    }
    if number.is_nan() && !number.coefficient.is_zero() {
        out.extend_from_slice(&number.coefficient.to_digits());
    }
}

pub fn to_text(number: &Number, is_engineering: bool, capitals: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if number.negative {
        out.push(b'-');
    }
    if number.is_special() {
        push_special(&mut out, number);
        return out;
    }
    let digits = number.coefficient.to_digits();
    let count = digits.len() as i64;
    let left = number.exponent + count;
    // Where the point goes, counted from the first digit.
    let point = if number.exponent <= 0 && left > -6 {
        left
    } else if !is_engineering {
        1
    } else if number.coefficient.is_zero() {
        (left + 1).rem_euclid(3) - 1
    } else {
        (left - 1).rem_euclid(3) + 1
    };
    push_digits(&mut out, &digits, point);
    if left != point {
        out.push(if capitals { b'E' } else { b'e' });
        let exponent = left - point;
        out.push(if exponent < 0 { b'-' } else { b'+' });
        out.extend_from_slice(exponent.unsigned_abs().to_string().as_bytes());
    }
    out
}

/// Digits with a point behind the first `point` of them (which may lie outside).
fn push_digits(out: &mut Vec<u8>, digits: &[u8], point: i64) {
    let zeros = |out: &mut Vec<u8>, n: i64| out.resize(out.len() + usize::try_from(n).unwrap_or(0), b'0');
    if point <= 0 {
        out.extend_from_slice(b"0.");
        zeros(out, -point);
        out.extend_from_slice(digits);
    } else if point >= digits.len() as i64 {
        out.extend_from_slice(digits);
        zeros(out, point - digits.len() as i64);
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}
