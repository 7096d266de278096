//! From the text of a number to its value.

use super::ast::{ConstInt, Constant};
use bumpalo::Bump;
use num_bigint::BigUint;
use std::borrow::Cow;

/// A decimal literal has more digits than `sys.get_int_max_str_digits()` allows.
pub(super) struct TooManyDigits {
    pub(super) digits: usize,
}

/// The value of a literal that the tokenizer has accepted.
pub(super) fn value<'a>(arena: &'a Bump, text: &str, max_digits: usize) -> Result<Constant<'a>, TooManyDigits> {
    let text: Cow<str> = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    let bytes = text.as_bytes();
    let radix = match bytes {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    if radix != 10 {
        return Ok(Constant::Int(integer(arena, &text[2..], radix)));
    }
    match bytes.last() {
        Some(b'j' | b'J') => return Ok(Constant::Imaginary(text[..text.len() - 1].parse().unwrap_or(f64::INFINITY))),
        _ if bytes.iter().any(|c| matches!(c, b'.' | b'e' | b'E')) => {
            return Ok(Constant::Float(text.parse().unwrap_or(f64::INFINITY)));
        }
        _ => {}
    }
    if max_digits > 0 && bytes.len() > max_digits {
        return Err(TooManyDigits { digits: bytes.len() });
    }
    Ok(Constant::Int(integer(arena, &text, 10)))
}

fn integer<'a>(arena: &'a Bump, digits: &str, radix: u32) -> ConstInt<'a> {
    if let Ok(value) = i64::from_str_radix(digits, radix) {
        return ConstInt::Small(value);
    }
    let value = BigUint::parse_bytes(digits.as_bytes(), radix).unwrap_or_default();
    ConstInt::Big { negative: false, limbs: arena.alloc_slice_copy(&value.to_u64_digits()) }
}
