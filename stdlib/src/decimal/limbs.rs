//! Natural numbers as limbs of base 10^19, least first: the arithmetic below [`Coefficient`](super::coefficient).
//!
//! # Invariants
//! * Every limb is below [`BASE`]. Results have no leading zero limbs (zero is no limb at all) unless said otherwise.
//! * The base has its top bit set, so that a product is split by a multiplication with a constant (Möller and Granlund).

use std::cmp::Ordering;

use super::transform;

pub const BASE: u64 = 10_000_000_000_000_000_000;
pub const LIMB_DIGITS: usize = 19;

/// `floor((2^128 - 1) / BASE) - 2^64`.
const RECIPROCAL: u64 = (u128::MAX / BASE as u128 - (1 << 64)) as u64;

/// From this length on products are divided in three.
const KARATSUBA: usize = 32;
/// From this length on (of the shorter factor) products go through number-theoretic transforms.
const TRANSFORM: usize = 700;
/// From this length on (of divisor and quotient) divisions are recursive.
const RECURSIVE_DIVISION: usize = 64;

pub static POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Quotient and remainder by the base; `number` is below `BASE * 2^64`.
#[inline(always)]
pub fn split(number: u128) -> (u64, u64) {
    let (high, low) = ((number >> 64) as u64, number as u64);
    let estimate = u128::from(RECIPROCAL).wrapping_mul(u128::from(high)).wrapping_add(number);
    let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
    let mut rest = low.wrapping_sub(quotient.wrapping_mul(BASE));
    if rest > estimate as u64 {
        quotient = quotient.wrapping_sub(1);
        rest = rest.wrapping_add(BASE);
    }
    if rest >= BASE {
        quotient = quotient.wrapping_add(1);
        rest -= BASE;
    }
    (quotient, rest)
}

pub fn trimmed(limbs: &[u64]) -> &[u64] {
    let n = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
    &limbs[..n]
}

pub fn trim(limbs: &mut Vec<u64>) {
    let n = trimmed(limbs).len();
    limbs.truncate(n);
}

/// Compares two numbers without leading zero limbs.
pub fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// Adds `b` into `a` (not shorter) and gives the carry.
fn add_into(a: &mut [u64], b: &[u64]) -> bool {
    let mut carry = false;
    let (low, high) = a.split_at_mut(b.len());
    for (x, y) in low.iter_mut().zip(b) {
        let (sum, over) = x.overflowing_add(*y);
        let (sum, over2) = sum.overflowing_add(u64::from(carry));
        carry = over | over2 | (sum >= BASE);
        *x = if carry { sum.wrapping_sub(BASE) } else { sum };
    }
    for x in high {
        if !carry {
            return false;
        }
        carry = *x == BASE - 1;
        *x = if carry { 0 } else { *x + 1 };
    }
    carry
}

/// Takes `b` from `a` (not shorter) and gives the borrow.
fn subtract_from(a: &mut [u64], b: &[u64]) -> bool {
    let mut borrow = false;
    let (low, high) = a.split_at_mut(b.len());
    for (x, y) in low.iter_mut().zip(b) {
        let (difference, under) = x.overflowing_sub(*y);
        let (difference, under2) = difference.overflowing_sub(u64::from(borrow));
        borrow = under | under2;
        *x = if borrow { difference.wrapping_add(BASE) } else { difference };
    }
    for x in high {
        if !borrow {
            return false;
        }
        borrow = *x == 0;
        *x = if borrow { BASE - 1 } else { *x - 1 };
    }
    borrow
}

pub fn add(a: &[u64], b: &[u64]) -> Vec<u64> {
    let (a, b) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut sum = Vec::with_capacity(a.len() + 1);
    sum.extend_from_slice(a);
    if add_into(&mut sum, b) {
        sum.push(1);
    }
    sum
}

/// `a - b`, where `a` is not less.
pub fn subtract(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut difference = a.to_vec();
    let n = b.len().min(a.len());
    subtract_from(&mut difference, &b[..n]);
    trim(&mut difference);
    difference
}

/// `a * factor + addend`, with both below the base.
pub fn multiply_small(a: &[u64], factor: u64, addend: u64) -> Vec<u64> {
    let mut product = Vec::with_capacity(a.len() + 1);
    let mut carry = addend;
    for limb in a {
        let (high, low) = split(u128::from(*limb) * u128::from(factor) + u128::from(carry));
        product.push(low);
        carry = high;
    }
    product.push(carry);
    trim(&mut product);
    product
}

/// Divides by one limb (not zero) in place and gives the rest.
pub fn divide_small(a: &mut [u64], divisor: u64) -> u64 {
    let mut rest = 0u64;
    for limb in a.iter_mut().rev() {
        let number = u128::from(rest) * u128::from(BASE) + u128::from(*limb);
        *limb = (number / u128::from(divisor)) as u64;
        rest = (number % u128::from(divisor)) as u64;
    }
    rest
}

/// Long multiplication; `product` is zero and as long as both together.
fn multiply_plain(a: &[u64], b: &[u64], product: &mut [u64]) {
    for (i, x) in a.iter().enumerate() {
        if *x == 0 {
            continue;
        }
        let mut carry = 0;
        let row = &mut product[i..];
        for (y, place) in b.iter().zip(row.iter_mut()) {
            let (high, low) = split(u128::from(*x) * u128::from(*y) + u128::from(*place) + u128::from(carry));
            *place = low;
            carry = high;
        }
        row[b.len()] = carry;
    }
}

/// The product of factors of one length, into `product` (twice as long, of any content).
fn multiply_balanced(a: &[u64], b: &[u64], product: &mut [u64]) {
    let n = a.len();
    if n < KARATSUBA {
        product.fill(0);
        return multiply_plain(a, b, product);
    }
    if n >= TRANSFORM {
        return transform::multiply(a, b, product);
    }
    let half = n / 2;
    let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
    {
        let (low, high) = product.split_at_mut(2 * half);
        multiply_balanced(a0, b0, low);
        multiply_balanced(a1, b1, high);
    }
    let m = n - half + 1;
    let widened = |x: &[u64], y: &[u64]| {
        let mut sum = Vec::with_capacity(m);
        sum.extend_from_slice(x);
        let carry = add_into(&mut sum, y);
        sum.push(u64::from(carry));
        sum
    };
    let mut middle = vec![0; 2 * m];
    multiply_balanced(&widened(a1, a0), &widened(b1, b0), &mut middle);
    subtract_from(&mut middle, &product[..2 * half]);
    subtract_from(&mut middle, &product[2 * half..]);
    let middle = trimmed(&middle);
    add_into(&mut product[half..], middle);
}

/// `a * b`.
pub fn multiply(a: &[u64], b: &[u64]) -> Vec<u64> {
    let (a, b) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    if b.is_empty() {
        return Vec::new();
    }
    let mut product = vec![0; a.len() + b.len()];
    if b.len() < KARATSUBA {
        multiply_plain(b, a, &mut product);
    } else if b.len() >= TRANSFORM && a.len() < 8 * b.len() {
        transform::multiply(a, b, &mut product);
    } else {
        // The longer factor in pieces of the length of the shorter one.
        let n = b.len();
        let mut partial = vec![0; 2 * n];
        let mut pieces = a.chunks_exact(n);
        let mut at = 0;
        for piece in &mut pieces {
            multiply_balanced(piece, b, &mut partial);
            add_into(&mut product[at..], &partial);
            at += n;
        }
        let rest = trimmed(pieces.remainder());
        if !rest.is_empty() {
            add_into(&mut product[at..], &multiply(b, rest));
        }
    }
    trim(&mut product);
    product
}

/// The long division of `u` by `v` (two limbs or more, the first at least half the base): the rest stays in `u`, whose
/// first limb is less than that of `v`.
fn divide_plain(u: &mut [u64], v: &[u64], quotient: &mut [u64]) {
    let n = v.len();
    let (top, second) = (v[n - 1], v[n - 2]);
    for j in (0..quotient.len()).rev() {
        let number = u128::from(u[j + n]) * u128::from(BASE) + u128::from(u[j + n - 1]);
        let (mut guess, mut rest) = (number / u128::from(top), number % u128::from(top));
        while guess >= u128::from(BASE) || guess * u128::from(second) > rest * u128::from(BASE) + u128::from(u[j + n - 2]) {
            guess -= 1;
            rest += u128::from(top);
            if rest >= u128::from(BASE) {
                break;
            }
        }
        let mut guess = guess as u64;
        let (mut carry, mut borrow) = (0u64, false);
        let row = &mut u[j..=j + n];
        for (place, y) in row.iter_mut().zip(v) {
            let (high, low) = split(u128::from(guess) * u128::from(*y) + u128::from(carry));
            carry = high;
            let (difference, under) = place.overflowing_sub(low);
            let (difference, under2) = difference.overflowing_sub(u64::from(borrow));
            borrow = under | under2;
            *place = if borrow { difference.wrapping_add(BASE) } else { difference };
        }
        let (difference, under) = row[n].overflowing_sub(carry);
        let (difference, under2) = difference.overflowing_sub(u64::from(borrow));
        row[n] = if under | under2 { difference.wrapping_add(BASE) } else { difference };
        if under | under2 {
            guess -= 1;
            add_into(row, v);
        }
        quotient[j] = guess;
    }
}

/// Divides `u` by `v`, normalized as for [`divide_plain`], where `u` is less than `v * BASE^quotient.len()`; the rest is
/// left in `u`.
fn divide_normalized(u: &mut [u64], v: &[u64], quotient: &mut [u64]) {
    let (n, k) = (v.len(), quotient.len());
    if k < RECURSIVE_DIVISION || n < RECURSIVE_DIVISION {
        return divide_plain(u, v, quotient);
    }
    if k > n {
        // Blocks of the quotient from above.
        let mut end = k;
        while end > 0 {
            let size = if end % n == 0 { n } else { end % n };
            let start = end - size;
            divide_normalized(&mut u[start..start + n + size], v, &mut quotient[start..end]);
            end = start;
        }
        return;
    }
    if k == n {
        let half = k / 2;
        divide_normalized(&mut u[half..], v, &mut quotient[half..]);
        return divide_normalized(&mut u[..n + half], v, &mut quotient[..half]);
    }
    // The quotient by the upper 2k limbs is too large by little.
    let cut = n - k;
    let (v_low, v_high) = v.split_at(cut);
    if compare(trimmed(&u[cut + k..]), trimmed(v_high)).is_ge() {
        // The estimate would not fit: it is all nines.
        quotient.fill(BASE - 1);
        let taken = multiply(v_high, quotient);
        subtract_from(&mut u[cut..], &taken);
    } else {
        divide_normalized(&mut u[cut..], v_high, quotient);
    }
    let taken = multiply(v_low, trimmed(quotient));
    let mut below = subtract_from(u, &taken);
    while below {
        subtract_from(quotient, &[1]);
        below = !add_into(u, v);
    }
}

/// Quotient and rest; `b` is not zero.
pub fn divide(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    if compare(a, b).is_lt() {
        return (Vec::new(), a.to_vec());
    }
    if let [divisor] = *b {
        let mut quotient = a.to_vec();
        let rest = divide_small(&mut quotient, divisor);
        trim(&mut quotient);
        return (quotient, if rest == 0 { Vec::new() } else { vec![rest] });
    }
    let scale = BASE / (b[b.len() - 1] + 1);
    let v = multiply_small(b, scale, 0);
    let mut u = multiply_small(a, scale, 0);
    u.resize(a.len() + 1, 0);
    let mut quotient = vec![0; a.len() + 1 - b.len()];
    divide_normalized(&mut u, &v, &mut quotient);
    trim(&mut quotient);
    trim(&mut u);
    divide_small(&mut u, scale);
    trim(&mut u);
    (quotient, u)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, n: usize) -> Vec<u64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Extreme limbs, too.
            match state >> 61 {
                0 => BASE - 1,
                1 => 0,
                _ => (u128::from(state.rotate_left(21)) * u128::from(BASE) >> 64) as u64,
            }
        };
        let mut limbs: Vec<u64> = (0..n).map(|_| next()).collect();
        if let Some(top) = limbs.last_mut() {
            *top = (*top).max(1);
        }
        limbs
    }

    fn plain(a: &[u64], b: &[u64]) -> Vec<u64> {
        let mut product = vec![0; a.len() + b.len()];
        multiply_plain(a, b, &mut product);
        trim(&mut product);
        product
    }

    #[test]
    fn fast_products_equal_plain_ones() {
        for (n, m) in [(40, 33), (64, 64), (65, 97), (300, 33), (710, 705), (1500, 800), (9000, 710)] {
            let (a, b) = (numbers(n as u64, n), numbers(m as u64 + 7, m));
            assert_eq!(multiply(&a, &b), plain(&a, &b), "{n} {m}");
        }
        let nines = vec![BASE - 1; 1024];
        assert_eq!(multiply(&nines, &nines), plain(&nines, &nines));
    }

    #[test]
    fn quotient_times_divisor_plus_rest_is_the_dividend() {
        for (n, m) in [(3, 2), (10, 9), (200, 100), (131, 67), (400, 130), (1000, 150), (700, 500), (1500, 999), (4000, 2000)] {
            for seed in 0..6 {
                let b = numbers(seed * 31 + m as u64, m);
                // Also quotients of nines.
                let a = if seed % 2 == 0 { numbers(seed + n as u64, n) } else { subtract(&multiply(&b, &vec![BASE - 1; n - m]), &[1]) };
                let (quotient, rest) = divide(&a, &b);
                assert!(compare(&rest, &b).is_lt());
                assert_eq!(add(&multiply(&quotient, &b), &rest), a, "{n} {m} {seed}");
            }
        }
    }
}
