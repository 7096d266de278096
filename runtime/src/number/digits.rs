//! Ints to and from text, in bases 2 to 36.
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::Zero as _;

/// What [`parse_int`] read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParsedInt {
    Small(i64),
    Big(BigInt),
}

/// Why a text is no int.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseIntError {
    /// ValueError: "invalid literal for int() with base …"
    Invalid,
    /// ValueError of `sys.set_int_max_str_digits`, with the number of digits.
    TooManyDigits(usize),
}

/// Below this many digits no limit applies (`sys.int_info.str_digits_check_threshold`).
pub const DIGITS_CHECK_THRESHOLD: usize = 640;

/// Reads what `int(text, base)` accepts: white space around, a sign, a prefix where `base` is 0
/// or fits it, single underscores between digits. `base` is 0 or 2 to 36; `max_digits` is
/// `sys.get_int_max_str_digits()`, 0 for no limit.
pub fn parse_int(text: &[u8], base: u32, max_digits: usize) -> Result<ParsedInt, ParseIntError> {
    let text = trim_python_space(text);
    let (negative, mut body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut base = base;
    let mut only_zero = false;
    if let [b'0', letter, ..] = body {
        let prefix = match letter {
            b'x' | b'X' => 16,
            b'o' | b'O' => 8,
            b'b' | b'B' => 2,
            _ => 0,
        };
        if prefix != 0 && (base == 0 || base == prefix) {
            base = prefix;
            body = &body[2..];
            // One underscore may follow the prefix.
            if let [b'_', rest @ ..] = body {
                body = rest;
            }
        } else if base == 0 {
            only_zero = true;
        }
    }
    if base == 0 {
        base = 10;
    }
    let value = parse_magnitude(body, base, max_digits)?;
    Ok(match value {
        Magnitude::Small(value) => {
            if only_zero && value != 0 {
                return Err(ParseIntError::Invalid);
            }
            match i64::try_from(value) {
                Ok(value) => ParsedInt::Small(if negative { -value } else { value }),
                Err(_) => signed(negative, BigUint::from(value)),
            }
        }
        Magnitude::Big(value) => {
            if only_zero && !value.is_zero() {
                return Err(ParseIntError::Invalid);
            }
            signed(negative, value)
        }
    })
}

fn signed(negative: bool, value: BigUint) -> ParsedInt {
    let value = BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, value);
    match i64::try_from(&value) {
        Ok(small) => ParsedInt::Small(small),
        Err(_) => ParsedInt::Big(value),
    }
}

fn trim_python_space(text: &[u8]) -> &[u8] {
    let space = |b: &u8| matches!(b, b' ' | 0x09..=0x0D);
    let start = text.iter().position(|b| !space(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !space(b)).map_or(start, |at| at + 1);
    &text[start..end]
}

enum Magnitude {
    Small(u64),
    Big(BigUint),
}

#[inline]
fn digit_value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'a'..=b'z' => u32::from(byte - b'a') + 10,
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => u32::MAX,
    }
}

fn parse_magnitude(body: &[u8], base: u32, max_digits: usize) -> Result<Magnitude, ParseIntError> {
    let mut small = 0u64;
    let mut fits = true;
    let mut underscores = 0;
    let mut previous = b'_';
    for &byte in body {
        if byte == b'_' {
            if previous == b'_' {
                return Err(ParseIntError::Invalid);
            }
            underscores += 1;
        } else {
            let digit = digit_value(byte);
            if digit >= base {
                return Err(ParseIntError::Invalid);
            }
            if fits {
                match small.checked_mul(u64::from(base)).and_then(|v| v.checked_add(u64::from(digit))) {
                    Some(value) => small = value,
                    None => fits = false,
                }
            }
        }
        previous = byte;
    }
    if previous == b'_' {
        return Err(ParseIntError::Invalid);
    }
    let count = body.len() - underscores;
    if count > DIGITS_CHECK_THRESHOLD && max_digits != 0 && count > max_digits && !base.is_power_of_two() {
        return Err(ParseIntError::TooManyDigits(count));
    }
    if fits {
        return Ok(Magnitude::Small(small));
    }
    let mut digits = Vec::with_capacity(count);
    digits.extend(body.iter().filter(|b| **b != b'_').map(|b| digit_value(*b) as u8));
    Ok(Magnitude::Big(from_digits(&digits, base)))
}

/// Digits of the leaves of the recursion.
const LEAF: usize = 512;

/// The value of digits, most significant first, by halving: O(M(n) log n).
pub fn from_digits(digits: &[u8], base: u32) -> BigUint {
    if base.is_power_of_two() {
        return BigUint::from_radix_be(digits, base).unwrap_or_default();
    }
    // powers[i] = base^(LEAF << i)
    let mut powers = Vec::new();
    if digits.len() > LEAF {
        powers.push(num_traits::pow(BigUint::from(base), LEAF));
        while LEAF << powers.len() < digits.len() {
            let Some(last) = powers.last() else { break };
            let square = last * last;
            powers.push(square);
        }
    }
    halves(digits, base, &powers)
}

fn halves(digits: &[u8], base: u32, powers: &[BigUint]) -> BigUint {
    let Some((power, rest)) = powers.split_last() else {
        return leaf(digits, base);
    };
    let low = LEAF << rest.len();
    if digits.len() <= low {
        return halves(digits, base, rest);
    }
    let (high, low) = digits.split_at(digits.len() - low);
    halves(high, base, rest) * power + halves(low, base, rest)
}

/// A few digits, as many at a time as fit a machine word.
fn leaf(digits: &[u8], base: u32) -> BigUint {
    let base = u64::from(base);
    let mut chunk = 1;
    let mut factor = base;
    while let Some(next) = factor.checked_mul(base) {
        factor = next;
        chunk += 1;
    }
    let value = |part: &[u8]| part.iter().fold(0, |value, digit| value * base + u64::from(*digit));
    let (first, rest) = digits.split_at(digits.len() % chunk);
    let mut words = vec![value(first)];
    for part in rest.chunks(chunk) {
        let mut carry = u128::from(value(part));
        for word in &mut words {
            carry += u128::from(*word) * u128::from(factor);
            *word = carry as u64;
            carry >>= 64;
        }
        if carry != 0 {
            words.push(carry as u64);
        }
    }
    BigUint::new(words.iter().flat_map(|word| [*word as u32, (word >> 32) as u32]).collect())
}

/// Text of a magnitude, digits above 9 in lower case.
pub fn to_text(value: &BigUint, base: u32) -> String {
    value.to_str_radix(base)
}

/// Whether `str(value)` could exceed the limit: the exact answer for `int_max_str_digits`, from
/// the number of bits where that suffices.
pub fn exceeds_digit_limit(value: &BigUint, max_digits: usize) -> bool {
    if max_digits == 0 {
        return false;
    }
    let bits = value.bits();
    // log10(2) lies between these billionths.
    let scaled = |bits: u64, billionths: u128| (u128::from(bits) * billionths / 1_000_000_000) as u64;
    let least = scaled(bits.saturating_sub(1), 301_029_995);
    let most = scaled(bits, 301_029_996) + 1;
    let limit = max_digits.max(DIGITS_CHECK_THRESHOLD) as u64;
    if most <= limit {
        return false;
    }
    if least > limit {
        return true;
    }
    *value >= num_traits::pow(BigUint::from(10u32), limit as usize)
}
