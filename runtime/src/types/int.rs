//! `int`: the object beyond 53 bits, and what all code needs of ints. Methods are in int_methods.rs.
//!
//! Small ints are immediates (object/value.rs). Larger ones keep sign and limbs (64 bits, least first, no leading zero
//! limb) inline; `num-bigint` does the work on more than machine words.

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;

use crate::exceptions::exc;
use crate::number::hash as hash_kernels;
use crate::number::{integer, limbs};
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, SMALL_INT_MAX, SMALL_INT_MIN, Value};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{INT, shapes};
use crate::types::type_object::{TYPE_INT_SUBCLASS, TypeObject};

pub use crate::types::int_methods::SPEC;

#[repr(C)]
pub struct IntObject {
    header: Header,
    /// Number of limbs, shifted left by one; the low bit is the sign.
    meta: u64,
    // Limbs follow.
}

const LIMBS_OFFSET: usize = size_of::<IntObject>();

fn of<'a>(value: Value) -> &'a IntObject {
    // SAFETY: callers have checked that the value is a heap int that is not a bool.
    unsafe { value.as_ref() }
}

impl IntObject {
    fn is_negative(&self) -> bool {
        self.meta & 1 != 0
    }

    fn limbs(&self) -> &[u64] {
        // SAFETY: that many limbs follow.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast::<u8>().add(LIMBS_OFFSET).cast(), (self.meta >> 1) as usize) }
    }
}

/// A Python int.
#[inline(always)]
pub fn from_i64(value: i64) -> Owned {
    match Value::small_int(value) {
        // SAFETY: immediates have no count.
        Some(value) => unsafe { Owned::from_raw(value) },
        None => from_limbs(value < 0, &[value.unsigned_abs()]),
    }
}

/// A Python int.
pub fn from_u64(value: u64) -> Owned {
    if value <= SMALL_INT_MAX as u64 { from_i64(value as i64) } else { from_limbs(false, &[value]) }
}

/// A Python int.
pub fn from_u128(value: u128) -> Owned {
    from_limbs(false, &[value as u64, (value >> 64) as u64])
}

/// An int from sign and magnitude; leading zero limbs are dropped.
pub fn from_limbs(negative: bool, limbs: &[u64]) -> Owned {
    make(INT.get(), negative, limbs, false)
}

fn make(ty: &TypeObject, negative: bool, limbs: &[u64], force_heap: bool) -> Owned {
    let n = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
    let limbs = &limbs[..n];
    if !force_heap {
        let magnitude = match limbs {
            [] => Some(0),
            [limb] => Some(*limb),
            _ => None,
        };
        if let Some(magnitude) = magnitude.filter(|magnitude| *magnitude <= SMALL_INT_MAX as u64 + u64::from(negative)) {
            let value = if negative { (magnitude as i64).wrapping_neg() } else { magnitude as i64 };
            if let Some(value) = Value::small_int(value) {
                // SAFETY: immediates have no count.
                return unsafe { Owned::from_raw(value) };
            }
        }
    }
    let end = ty.end_area as usize;
    let size = LIMBS_OFFSET + n * 8 + end;
    // SAFETY: everything behind the header is written.
    let made = unsafe {
        lifetime::allocate(ty, size, |block| {
            (&raw mut (*block.cast::<IntObject>()).meta).write((n as u64) << 1 | u64::from(negative));
            std::ptr::copy_nonoverlapping(limbs.as_ptr(), block.add(LIMBS_OFFSET).cast(), n);
            std::ptr::write_bytes(block.add(LIMBS_OFFSET + n * 8), 0, end);
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// An instance of a subclass of int with the value of `value`.
pub fn new_of_type(ty: &TypeObject, value: Value) -> Owned {
    if std::ptr::eq(ty, INT.get()) {
        return exact(value);
    }
    let big = to_bigint(value);
    make(ty, big.sign() == Sign::Minus, &big.magnitude().to_u64_digits(), true)
}

/// The same number as an int of exactly type int.
pub fn exact(value: Value) -> Owned {
    if value.is_small_int() || value.has_shape(shapes::INT) {
        return value.to_owned();
    }
    from_bigint(&to_bigint(value))
}

/// A Python int.
pub fn from_bigint(value: &BigInt) -> Owned {
    match value.to_i64().and_then(Value::small_int) {
        // SAFETY: immediates have no count.
        Some(value) => unsafe { Owned::from_raw(value) },
        None => from_limbs(value.sign() == Sign::Minus, &value.magnitude().to_u64_digits()),
    }
}

pub fn from_biguint(value: &BigUint) -> Owned {
    from_limbs(false, &value.to_u64_digits())
}

/// The number of an int object (or of a subclass).
pub fn to_bigint(value: Value) -> BigInt {
    if let Some(small) = as_i64(value) {
        return BigInt::from(small);
    }
    let object = of(value);
    let digits: Vec<u32> = object.limbs().iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect();
    BigInt::new(if object.is_negative() { Sign::Minus } else { Sign::Plus }, digits)
}

/// The sign of an int object, and its limbs where they lie; those of an immediate are put to `place`.
#[inline]
fn magnitude(value: Value, place: &mut [u64; 1]) -> (bool, &[u64]) {
    match as_i64(value) {
        Some(small) => {
            place[0] = small.unsigned_abs();
            (small < 0, limbs::trimmed(place))
        }
        None => {
            let object = of(value);
            (object.is_negative(), object.limbs())
        }
    }
}

/// `a + b`, or `a - b` if `is_difference`, of two int objects.
pub fn add(a: Value, b: Value, is_difference: bool) -> Owned {
    let (mut place_a, mut place_b) = ([0], [0]);
    let ((a_negative, a), (b_negative, b)) = (magnitude(a, &mut place_a), magnitude(b, &mut place_b));
    if a_negative == (b_negative != is_difference) {
        return from_limbs(a_negative, &limbs::add(a, b));
    }
    if limbs::compare(a, b).is_ge() {
        return from_limbs(a_negative, &limbs::subtract(a, b));
    }
    from_limbs(!a_negative, &limbs::subtract(b, a))
}

/// `a * b` of two int objects; `None` where long operands are better left to [`BigInt`].
pub fn multiply(a: Value, b: Value) -> Option<Owned> {
    let (mut place_a, mut place_b) = ([0], [0]);
    let ((a_negative, a), (b_negative, b)) = (magnitude(a, &mut place_a), magnitude(b, &mut place_b));
    if a.len().min(b.len()) >= limbs::LONG_PRODUCT {
        return None;
    }
    Some(from_limbs(a_negative != b_negative, &limbs::multiply(a, b)))
}

/// `divmod(a, b)` of two int objects; `None` where `b` is zero, or where long operands are better left to [`BigInt`].
pub fn div_mod(a: Value, b: Value) -> Option<(Owned, Owned)> {
    let (mut place_a, mut place_b) = ([0], [0]);
    let ((a_negative, a), (b_negative, b)) = (magnitude(a, &mut place_a), magnitude(b, &mut place_b));
    if b.is_empty() || a.len().saturating_sub(b.len()).min(b.len()) >= limbs::LONG_QUOTIENT {
        return None;
    }
    let (mut quotient, mut rest) = limbs::divide(a, b);
    // Rounded down, as the remainder has the sign of the divisor.
    if a_negative != b_negative && !limbs::trimmed(&rest).is_empty() {
        quotient = limbs::add(&quotient, &[1]);
        rest = limbs::subtract(b, &rest);
    }
    Some((from_limbs(a_negative != b_negative, &quotient), from_limbs(b_negative, &rest)))
}

/// Compares two int objects.
pub fn compare(a: Value, b: Value) -> std::cmp::Ordering {
    let (mut place_a, mut place_b) = ([0], [0]);
    let ((a_negative, a), (b_negative, b)) = (magnitude(a, &mut place_a), magnitude(b, &mut place_b));
    match (a_negative, b_negative) {
        (false, false) => limbs::compare(a, b),
        (true, true) => limbs::compare(b, a),
        (false, true) => std::cmp::Ordering::Greater,
        (true, false) => std::cmp::Ordering::Less,
    }
}

/// The number, if the value is an int (or of a subclass) that fits.
#[inline]
pub fn as_i64(value: Value) -> Option<i64> {
    if let Some(payload) = value.as_small_int() {
        return Some(payload);
    }
    if !value.is_pointer() || !value.type_has_flag(TYPE_INT_SUBCLASS) {
        return None;
    }
    if let Some(truth) = value.as_bool() {
        return Some(i64::from(truth));
    }
    let object = of(value);
    match object.limbs() {
        [] => Some(0),
        [limb] if object.is_negative() => {
            if *limb <= 1 << 63 { Some((*limb as i64).wrapping_neg()) } else { None }
        }
        [limb] => i64::try_from(*limb).ok(),
        _ => None,
    }
}

/// The number as u64, if the value is an int that fits.
pub fn as_u64(value: Value) -> Option<u64> {
    if let Some(small) = as_i64(value) {
        return u64::try_from(small).ok();
    }
    if !value.is_pointer() || !value.type_has_flag(TYPE_INT_SUBCLASS) {
        return None;
    }
    let object = of(value);
    match object.limbs() {
        [limb] if !object.is_negative() => Some(*limb),
        _ => None,
    }
}

/// Whether an int object is below zero.
pub fn is_negative(value: Value) -> bool {
    match as_i64(value) {
        Some(small) => small < 0,
        None => of(value).is_negative(),
    }
}

/// The nearest float; OverflowError beyond the range.
pub fn to_f64(value: Value, thread: &mut Thread) -> PyResult<f64> {
    if let Some(small) = as_i64(value) {
        return Ok(small as f64);
    }
    integer::to_float(&to_bigint(value)).map_err(|_| thread.raise(&exc::OVERFLOW_ERROR, "int too large to convert to float"))
}

/// `hash` of an int object.
pub fn hash(value: Value) -> i64 {
    match as_i64(value) {
        Some(small) => hash_kernels::hash_i64(small),
        None => hash_kernels::hash_big(&to_bigint(value)),
    }
}

/// Byte offset of the attribute area of an int subclass instance.
pub fn end_area_offset(value: Value) -> usize {
    LIMBS_OFFSET + of(value).limbs().len() * 8
}

/// Number of 30-bit digits, as CPython counts them in `__sizeof__`.
pub fn n_digits_30(value: Value) -> usize {
    let bits = integer::bit_length(&to_bigint(value)) as usize;
    bits.div_ceil(30).max(1)
}

const _: () = assert!(SMALL_INT_MIN == -SMALL_INT_MAX - 1);
