//! Items of a memoryview: reading and writing one in a native format of `struct`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::{attribute, call, compare, convert};
use crate::threads::thread_state::Thread;
use crate::types::bytes::{self, BytesObject, is_bytes};
use crate::types::int;
use crate::types::tuple::TupleObject;
use crate::types::tuple_methods::is_tuple;

/// The character of a native single character format, with or without `@`.
pub fn native_character(format: &str) -> Option<u8> {
    match format.as_bytes() {
        [ch] | [b'@', ch] if size_of_item(*ch).is_some() => Some(*ch),
        _ => None,
    }
}

/// Bytes of an item of a native format.
pub fn size_of_item(format: u8) -> Option<usize> {
    Some(match format {
        b'c' | b'b' | b'B' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' => 8,
        _ => return None,
    })
}

/// Whether equal bytes mean equal items.
pub fn compares_by_bytes(format: u8) -> bool {
    !matches!(format, b'e' | b'f' | b'd' | b'?')
}

fn not_supported(format: &str, thread: &mut Thread) -> Raised {
    thread.raise(&exc::NOT_IMPLEMENTED_ERROR, format!("memoryview: format {format} not supported"))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// `None`: too large.
fn f64_to_half(number: f64) -> Option<u16> {
    let sign = if number.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = number.abs();
    if number.is_nan() {
        return Some(sign | 0x7E00);
    }
    if magnitude.is_infinite() {
        return Some(sign | 0x7C00);
    }
    // To a multiple of the unit of the binade, ties to even.
    let exponent = (((magnitude.to_bits() >> 52) as i32) - 1023).max(-14);
    let scaled = (magnitude * 2f64.powi(10 - exponent)).round_ties_even() as u32;
    let bits = if scaled < 1024 { scaled } else { (((exponent + 15) as u32) << 10) + scaled - 1024 };
    if bits >= 0x7C00 { None } else { Some(sign | bits as u16) }
}

/// The item in `bytes`.
pub fn unpack(format: &str, bytes: &[u8], thread: &mut Thread) -> PyResult {
    let Some(character) = native_character(format) else { return Err(not_supported(format, thread)) };
    Ok(match character {
        b'c' => bytes::from_slice(bytes),
        b'b' => Owned::int(i64::from(i8::from_ne_bytes(array(bytes)))),
        b'B' => Owned::int(i64::from(u8::from_ne_bytes(array(bytes)))),
        b'?' => Owned::bool(bytes.iter().any(|byte| *byte != 0)),
        b'h' => Owned::int(i64::from(i16::from_ne_bytes(array(bytes)))),
        b'H' => Owned::int(i64::from(u16::from_ne_bytes(array(bytes)))),
        b'i' => Owned::int(i64::from(i32::from_ne_bytes(array(bytes)))),
        b'I' => Owned::int(i64::from(u32::from_ne_bytes(array(bytes)))),
        b'l' | b'q' | b'n' => Owned::int(i64::from_ne_bytes(array(bytes))),
        b'L' | b'Q' | b'N' | b'P' => int::from_u64(u64::from_ne_bytes(array(bytes))),
        b'e' => Owned::float(half_to_f64(u16::from_ne_bytes(array(bytes)))),
        b'f' => Owned::float(f64::from(f32::from_ne_bytes(array(bytes)))),
        _ => Owned::float(f64::from_ne_bytes(array(bytes))),
    })
}

/// The bytes of an item.
pub fn pack(format: &str, value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let Some(character) = native_character(format) else { return Err(not_supported(format, thread)) };
    let bad_value = |thread: &mut Thread| thread.raise_value_error(format!("memoryview: invalid value for format '{format}'"));
    let bad_type = |thread: &mut Thread| thread.raise_type_error(format!("memoryview: invalid type for format '{format}'"));
    match character {
        b'c' => {
            if !is_bytes(value) {
                return Err(bad_type(thread));
            }
            match BytesObject::of(value).as_slice() {
                [byte] => Ok(vec![*byte]),
                _ => Err(bad_value(thread)),
            }
        }
        b'?' => Ok(vec![u8::from(compare::truth(value, thread)?)]),
        b'e' | b'f' | b'd' => {
            let number = match convert::as_f64(value, thread) {
                Ok(number) => number,
                Err(raised) => {
                    drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                    return Err(bad_type(thread));
                }
            };
            match character {
                b'e' => match f64_to_half(number) {
                    Some(half) => Ok(half.to_ne_bytes().to_vec()),
                    None => Err(thread.raise(&exc::OVERFLOW_ERROR, "float too large to pack with e format")),
                },
                b'f' => Ok((number as f32).to_ne_bytes().to_vec()),
                _ => Ok(number.to_ne_bytes().to_vec()),
            }
        }
        _ => {
            if value.type_object().slots.index.raw() == 0 {
                return Err(bad_type(thread));
            }
            let number = convert::index(value, thread)?;
            let Some(size) = size_of_item(character) else { return Err(bad_type(thread)) };
            let signed = character.is_ascii_lowercase();
            match crate::number::integer::to_bytes(&int::to_bigint(*number), size, cfg!(target_endian = "little"), signed) {
                Ok(bytes) => Ok(bytes),
                Err(_) => Err(bad_value(thread)),
            }
        }
    }
}

/// The item in any format, for comparisons: by the struct module where it is no native one.
pub fn unpack_any(format: &str, bytes: &[u8], thread: &mut Thread) -> PyResult {
    if native_character(format).is_some() {
        return unpack(format, bytes, thread);
    }
    let module = crate::import::import_module("struct", thread)?;
    let function = attribute::get_by_text(*module, "unpack", thread)?;
    let items = call::call(*function, &[*Owned::str(format), *bytes::from_slice(bytes)], thread)?;
    if is_tuple(*items) {
        if let [only] = TupleObject::of(*items).items() {
            return Ok(only.to_owned());
        }
    }
    Ok(items)
}
