//! `float.hex` and `float.fromhex`.
use super::integer::compose_float;

/// `float.hex(value)`.
pub fn float_hex(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    if value == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7FF) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (lead, exponent) = if biased == 0 { (0, -1022) } else { (1, biased - 1023) };
    format!("{sign}0x{lead}.{fraction:013x}p{exponent:+}")
}

/// Why [`float_from_hex`] refused a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HexError {
    /// ValueError
    Invalid,
    /// OverflowError
    TooLarge,
}

impl HexError {
    /// The message of the exception.
    pub fn message(self) -> &'static str {
        match self {
            HexError::Invalid => "invalid hexadecimal floating-point string",
            HexError::TooLarge => "hexadecimal value too large to represent as a float",
        }
    }
}

/// `float.fromhex(text)`: optional sign, `0x`, digits with a point, `p` and a decimal exponent;
/// or inf, infinity, nan. Correctly rounded.
pub fn float_from_hex(text: &[u8]) -> Result<f64, HexError> {
    let text = text.trim_ascii();
    let (negative, mut body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let signed = |value: f64| if negative { -value } else { value };
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Ok(signed(f64::INFINITY));
    }
    if body.eq_ignore_ascii_case(b"nan") {
        return Ok(signed(f64::NAN));
    }
    if let [b'0', b'x' | b'X', rest @ ..] = body {
        body = rest;
    }
    let mut mantissa = 0u128;
    let mut sticky = false;
    let mut exponent = 0i64;
    let (mut digits, mut point) = (0usize, false);
    let mut rest = body;
    while let [byte, tail @ ..] = rest {
        if *byte == b'.' && !point {
            point = true;
            rest = tail;
            continue;
        }
        let Some(digit) = char::from(*byte).to_digit(16) else { break };
        digits += 1;
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | u128::from(digit);
        } else {
            sticky |= digit != 0;
            exponent += 4;
        }
        if point {
            exponent -= 4;
        }
        rest = tail;
    }
    if digits == 0 {
        return Err(HexError::Invalid);
    }
    if let [b'p' | b'P', tail @ ..] = rest {
        let (minus, number) = match tail {
            [b'-', number @ ..] => (true, number),
            [b'+', number @ ..] => (false, number),
            _ => (false, tail),
        };
        if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
            return Err(HexError::Invalid);
        }
        let value = number.iter().fold(0i64, |v, d| v.saturating_mul(10).saturating_add(i64::from(d - b'0')));
        // Far outside of what any digits could bring back into range.
        let value = value.min(i64::MAX / 8);
        exponent = exponent.saturating_add(if minus { -value } else { value });
        rest = &[];
    }
    if !rest.is_empty() {
        return Err(HexError::Invalid);
    }
    if mantissa == 0 {
        return Ok(signed(0.0));
    }
    compose_float(mantissa, sticky, exponent).map(signed).ok_or(HexError::TooLarge)
}
