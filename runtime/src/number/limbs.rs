//! Arithmetic on magnitudes of moderate length where they lie: slices of 64-bit limbs, the lowest first.
//!
//! Schoolbook methods, for operands too short for anything cleverer to pay; [`crate::number::integer`] has the rest.
//! Operands may have leading zero limbs only where a function says so; results may have them.

use std::cmp::Ordering;

use smallvec::SmallVec;

/// A magnitude under construction.
pub type Limbs = SmallVec<[u64; 16]>;

/// From this length of the shorter operand on, subquadratic multiplication pays.
pub const LONG_PRODUCT: usize = 40;
/// A quotient of more limbs than this, by a divisor that is as long, is divided by a subquadratic method.
pub const LONG_QUOTIENT: usize = 60;

/// The limbs without leading zeros.
#[inline]
pub fn trimmed(limbs: &[u64]) -> &[u64] {
    let n = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
    limbs.get(..n).unwrap_or(limbs)
}

/// Compares two magnitudes without leading zeros.
pub fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `a + b`.
pub fn add(a: &[u64], b: &[u64]) -> Limbs {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut sum = Limbs::with_capacity(long.len() + 1);
    let mut carry = false;
    let (low, high) = long.split_at(short.len());
    for (x, y) in low.iter().zip(short) {
        let (partial, first) = x.overflowing_add(*y);
        let (limb, second) = partial.overflowing_add(u64::from(carry));
        carry = first | second;
        sum.push(limb);
    }
    for x in high {
        let (limb, overflow) = x.overflowing_add(u64::from(carry));
        carry = overflow;
        sum.push(limb);
    }
    if carry {
        sum.push(1);
    }
    sum
}

/// `a - b`, where `a` is not below `b`.
pub fn subtract(a: &[u64], b: &[u64]) -> Limbs {
    let mut difference = Limbs::with_capacity(a.len());
    let mut borrow = false;
    let (low, high) = a.split_at(b.len().min(a.len()));
    for (x, y) in low.iter().zip(b) {
        let (partial, first) = x.overflowing_sub(*y);
        let (limb, second) = partial.overflowing_sub(u64::from(borrow));
        borrow = first | second;
        difference.push(limb);
    }
    for x in high {
        let (limb, overflow) = x.overflowing_sub(u64::from(borrow));
        borrow = overflow;
        difference.push(limb);
    }
    difference
}

/// Adds `a * factor` to the limbs of `to`, which are as many; gives the limb above them.
#[inline]
fn add_product(to: &mut [u64], a: &[u64], factor: u64) -> u64 {
    let mut carry = 0;
    for (limb, x) in to.iter_mut().zip(a) {
        let wide = u128::from(*x) * u128::from(factor) + u128::from(*limb) + u128::from(carry);
        *limb = wide as u64;
        carry = (wide >> 64) as u64;
    }
    carry
}

/// `a * b`.
pub fn multiply(a: &[u64], b: &[u64]) -> Limbs {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let Some((&first, rest)) = short.split_first() else { return Limbs::new() };
    let mut product = Limbs::with_capacity(long.len() + short.len());
    let mut carry = 0;
    for x in long {
        let wide = u128::from(*x) * u128::from(first) + u128::from(carry);
        product.push(wide as u64);
        carry = (wide >> 64) as u64;
    }
    product.push(carry);
    for (i, &factor) in rest.iter().enumerate() {
        let top = add_product(&mut product[i + 1..i + 1 + long.len()], long, factor);
        product.push(top);
    }
    product
}

/// Quotient and remainder by one limb, which is not zero.
fn divide_by_limb(a: &[u64], divisor: u64) -> (Limbs, u64) {
    let mut quotient = Limbs::from_elem(0, a.len());
    let mut rest = 0_u64;
    for (to, x) in quotient.iter_mut().zip(a).rev() {
        let wide = u128::from(rest) << 64 | u128::from(*x);
        *to = (wide / u128::from(divisor)) as u64;
        rest = (wide % u128::from(divisor)) as u64;
    }
    (quotient, rest)
}

/// `a << bits` for less than a limb's bits, with a limb more.
fn shifted_left(a: &[u64], bits: u32) -> Limbs {
    let mut shifted = Limbs::with_capacity(a.len() + 1);
    let mut carry = 0;
    for x in a {
        shifted.push(x << bits | carry);
        carry = if bits == 0 { 0 } else { x >> (64 - bits) };
    }
    shifted.push(carry);
    shifted
}

/// Quotient and remainder of `a` by `b`, both without leading zeros and `b` not empty (Knuth, volume 2, 4.3.1, algorithm D).
pub fn divide(a: &[u64], b: &[u64]) -> (Limbs, Limbs) {
    if compare(a, b) == Ordering::Less {
        return (Limbs::new(), Limbs::from_slice(a));
    }
    if let [divisor] = b {
        let (quotient, rest) = divide_by_limb(a, *divisor);
        return (quotient, Limbs::from_slice(&[rest]));
    }
    let n = b.len();
    let shift = b[n - 1].leading_zeros();
    let mut divisor = shifted_left(b, shift);
    divisor.truncate(n);
    let mut rest = shifted_left(a, shift);
    let (high, next) = (divisor[n - 1], divisor[n - 2]);
    let m = rest.len() - n;
    let mut quotient = Limbs::from_elem(0, m);
    for j in (0..m).rev() {
        let top = rest[j + n];
        let wide = u128::from(top) << 64 | u128::from(rest[j + n - 1]);
        // An estimate that is right or one too great after the test with the next limb.
        let (mut guess, mut left) = if top >= high {
            (u64::MAX, wide - u128::from(u64::MAX) * u128::from(high))
        } else {
            ((wide / u128::from(high)) as u64, wide % u128::from(high))
        };
        while left >> 64 == 0 && u128::from(guess) * u128::from(next) > (left << 64 | u128::from(rest[j + n - 2])) {
            guess -= 1;
            left += u128::from(high);
        }
        let window = &mut rest[j..=j + n];
        let mut borrow = 0_u64;
        for (limb, x) in window.iter_mut().zip(&divisor) {
            let product = u128::from(*x) * u128::from(guess) + u128::from(borrow);
            let (limb_left, overflow) = limb.overflowing_sub(product as u64);
            *limb = limb_left;
            borrow = (product >> 64) as u64 + u64::from(overflow);
        }
        let (limb_left, is_too_great) = window[n].overflowing_sub(borrow);
        window[n] = limb_left;
        if is_too_great {
            guess -= 1;
            let mut carry = false;
            for (limb, x) in window.iter_mut().zip(&divisor) {
                let (partial, first) = limb.overflowing_add(*x);
                let (sum, second) = partial.overflowing_add(u64::from(carry));
                carry = first | second;
                *limb = sum;
            }
            window[n] = window[n].wrapping_add(u64::from(carry));
        }
        quotient[j] = guess;
    }
    rest.truncate(n);
    if shift != 0 {
        let mut above = 0;
        for limb in rest.iter_mut().rev() {
            let low = *limb << (64 - shift);
            *limb = *limb >> shift | above;
            above = low;
        }
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    fn big(limbs: &[u64]) -> BigUint {
        BigUint::new(limbs.iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect())
    }

    /// Numbers whose limbs are often all zeros or all ones, where carries and corrections of the estimate happen.
    fn numbers() -> Vec<Limbs> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut limb = || match random() % 5 {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 63,
            3 => 1,
            _ => random(),
        };
        (0..300).map(|i| (0..i % 9 + 1).map(|_| limb()).collect()).collect()
    }

    #[test]
    fn agrees_with_num_bigint() {
        let numbers = numbers();
        for (i, a) in numbers.iter().enumerate() {
            for b in numbers.iter().skip(i % 7).step_by(7) {
                let (a, b) = (trimmed(a), trimmed(b));
                let (x, y) = (big(a), big(b));
                assert_eq!(compare(a, b), x.cmp(&y));
                assert_eq!(big(&add(a, b)), &x + &y);
                assert_eq!(big(&multiply(a, b)), &x * &y);
                if x >= y {
                    assert_eq!(big(&subtract(a, b)), &x - &y);
                }
                if !b.is_empty() {
                    let (quotient, rest) = divide(a, b);
                    assert_eq!((big(&quotient), big(&rest)), (&x / &y, &x % &y), "{a:?} {b:?}");
                }
            }
        }
    }
}
