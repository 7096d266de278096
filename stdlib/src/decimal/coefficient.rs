//! Coefficients: natural numbers whose decimal digits matter.
//!
//! # Invariants
//! * A number below 10^38 is [`Coefficient::Small`]; any other is [`Coefficient::Big`], three limbs or more (see
//!   [`limbs`]) without a leading zero limb.

use std::cmp::Ordering;

use num_bigint::BigUint;

use super::limbs::{self, BASE, LIMB_DIGITS, POWERS};

/// Digits that fit a small coefficient whatever they are.
pub const SMALL_DIGITS: u64 = 38;
const SMALL_LIMIT: u128 = POWERS_128[38];

pub static POWERS_128: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// A 128-bit number that is aligned like its halves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    low: u64,
    high: u64,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Coefficient {
    Small(Pair),
    Big(Box<[u64]>),
}

/// How much was cut off, in terms of the last digit that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    Nothing,
    BelowHalf,
    Half,
    AboveHalf,
}

impl Cut {
    fn of(twice: Ordering) -> Cut {
        match twice {
            Ordering::Less => Cut::BelowHalf,
            Ordering::Equal => Cut::Half,
            Ordering::Greater => Cut::AboveHalf,
        }
    }
}

use Coefficient::{Big, Small};

/// The number of decimal digits, 1 for zero.
#[inline(always)]
pub fn digits_128(number: u128) -> u64 {
    // log10(2) as a fraction, from below; one comparison settles the rest.
    let bits = u64::from(128 - (number | 1).leading_zeros());
    let guess = (bits * 1233) >> 12;
    match POWERS_128.get(guess as usize) {
        Some(power) if number >= *power => guess + 1,
        _ => guess.max(1),
    }
}

#[inline(always)]
fn digits_64(number: u64) -> u64 {
    digits_128(u128::from(number))
}

/// Quotient and remainder by 10^k.
#[inline(always)]
pub fn div_rem_power(number: u128, k: usize) -> (u128, u128) {
    let power = POWERS_128[k];
    if number >> 64 == 0 && power >> 64 == 0 {
        let (number, power) = (number as u64, power as u64);
        return (u128::from(number / power), u128::from(number % power));
    }
    let quotient = number / power;
    (quotient, number - quotient * power)
}

impl Coefficient {
    pub const ZERO: Coefficient = Small(Pair { low: 0, high: 0 });
    pub const ONE: Coefficient = Small(Pair { low: 1, high: 0 });

    /// A number below 10^38.
    #[inline(always)]
    pub fn small(number: u128) -> Coefficient {
        debug_assert!(number < SMALL_LIMIT);
        Small(Pair { low: number as u64, high: (number >> 64) as u64 })
    }

    #[inline]
    pub fn from_u128(number: u128) -> Coefficient {
        if number < SMALL_LIMIT {
            return Coefficient::small(number);
        }
        let base = u128::from(BASE);
        let (rest, low) = (number / base, (number % base) as u64);
        Big(Box::new([low, (rest % base) as u64, (rest / base) as u64]))
    }

    #[inline(always)]
    pub fn as_small(&self) -> Option<u128> {
        match self {
            Small(pair) => Some(u128::from(pair.low) | u128::from(pair.high) << 64),
            Big(_) => None,
        }
    }

    pub fn as_u64(&self) -> Option<u64> {
        self.as_small().and_then(|number| u64::try_from(number).ok())
    }

    /// From limbs that may have leading zeros.
    pub fn from_limbs(mut limbs: Vec<u64>) -> Coefficient {
        limbs::trim(&mut limbs);
        match *limbs {
            [] => Coefficient::ZERO,
            [low] => Coefficient::small(u128::from(low)),
            [low, high] => Coefficient::small(u128::from(high) * u128::from(BASE) + u128::from(low)),
            _ => Big(limbs.into_boxed_slice()),
        }
    }

    /// The limbs, where they lie or in `place`.
    fn limbs<'a>(&'a self, place: &'a mut [u64; 2]) -> &'a [u64] {
        match self {
            Small(_) => {
                let (high, low) = limbs::split(self.as_small().unwrap_or(0));
                *place = [low, high];
                limbs::trimmed(place)
            }
            Big(limbs) => limbs,
        }
    }

    /// From ASCII digits.
    pub fn from_digits(digits: &[u8]) -> Coefficient {
        if digits.len() <= SMALL_DIGITS as usize {
            let parse = |digits: &[u8]| digits.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
            if digits.len() <= LIMB_DIGITS {
                return Coefficient::small(u128::from(parse(digits)));
            }
            let (high, low) = digits.split_at(digits.len() - LIMB_DIGITS);
            return Coefficient::small(u128::from(parse(high)) * u128::from(BASE) + u128::from(parse(low)));
        }
        let limb = |digits: &[u8]| digits.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        Coefficient::from_limbs(digits.rchunks(LIMB_DIGITS).map(limb).collect())
    }

    /// The digits, without leading zeros but for zero itself.
    pub fn to_digits(&self) -> Vec<u8> {
        match self {
            Small(_) => self.as_small().unwrap_or(0).to_string().into_bytes(),
            Big(limbs) => {
                let mut text = Vec::with_capacity(limbs.len() * LIMB_DIGITS);
                for (i, limb) in limbs.iter().rev().enumerate() {
                    let start = text.len();
                    text.resize(start + LIMB_DIGITS, b'0');
                    let mut rest = *limb;
                    for place in text[start..].iter_mut().rev() {
                        *place = b'0' + (rest % 10) as u8;
                        rest /= 10;
                    }
                    if i == 0 {
                        let zeros = text.iter().take_while(|digit| **digit == b'0').count();
                        text.drain(..zeros);
                    }
                }
                text
            }
        }
    }

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        matches!(self, Small(Pair { low: 0, high: 0 }))
    }

    pub fn is_one(&self) -> bool {
        matches!(self, Small(Pair { low: 1, high: 0 }))
    }

    /// The number of digits; 1 for zero.
    #[inline(always)]
    pub fn digits(&self) -> i64 {
        match self {
            Small(_) => digits_128(self.as_small().unwrap_or(0)) as i64,
            Big(limbs) => {
                let top = limbs.last().copied().unwrap_or(0);
                ((limbs.len() - 1) * LIMB_DIGITS) as i64 + digits_64(top) as i64
            }
        }
    }

    /// The last digit.
    pub fn last_digit(&self) -> u64 {
        match self {
            Small(_) => (self.as_small().unwrap_or(0) % 10) as u64,
            Big(limbs) => limbs.first().map_or(0, |limb| limb % 10),
        }
    }

    #[inline]
    pub fn is_odd(&self) -> bool {
        match self {
            Small(pair) => pair.low & 1 != 0,
            Big(limbs) => limbs.first().is_some_and(|limb| limb & 1 != 0),
        }
    }

    pub fn trailing_zeros(&self) -> i64 {
        match self {
            Small(_) => {
                let mut number = self.as_small().unwrap_or(0);
                if number == 0 {
                    return 0;
                }
                let mut zeros = 0;
                while number % 10 == 0 {
                    number /= 10;
                    zeros += 1;
                }
                zeros
            }
            Big(limbs) => {
                let whole = limbs.iter().take_while(|limb| **limb == 0).count();
                let mut zeros = (whole * LIMB_DIGITS) as i64;
                let mut limb = limbs.get(whole).copied().unwrap_or(1);
                while limb % 10 == 0 {
                    limb /= 10;
                    zeros += 1;
                }
                zeros
            }
        }
    }

    pub fn compare(&self, other: &Coefficient) -> Ordering {
        match (self, other) {
            (Small(_), Small(_)) => self.as_small().cmp(&other.as_small()),
            (Small(_), Big(_)) => Ordering::Less,
            (Big(_), Small(_)) => Ordering::Greater,
            (Big(a), Big(b)) => limbs::compare(a, b),
        }
    }

    pub fn add(&self, other: &Coefficient) -> Coefficient {
        if let (Some(a), Some(b)) = (self.as_small(), other.as_small()) {
            return Coefficient::from_u128(a + b);
        }
        let (mut place, mut place_2) = ([0; 2], [0; 2]);
        Coefficient::from_limbs(limbs::add(self.limbs(&mut place), other.limbs(&mut place_2)))
    }

    /// The difference of numbers of which `other` is not the greater.
    pub fn subtract(&self, other: &Coefficient) -> Coefficient {
        if let (Some(a), Some(b)) = (self.as_small(), other.as_small()) {
            return Coefficient::small(a.saturating_sub(b));
        }
        let (mut place, mut place_2) = ([0; 2], [0; 2]);
        Coefficient::from_limbs(limbs::subtract(self.limbs(&mut place), other.limbs(&mut place_2)))
    }

    pub fn add_one(&self) -> Coefficient {
        self.add(&Coefficient::ONE)
    }

    pub fn multiply(&self, other: &Coefficient) -> Coefficient {
        if let (Some(a), Some(b)) = (self.as_small(), other.as_small()) {
            if let Some(product) = a.checked_mul(b) {
                return Coefficient::from_u128(product);
            }
        }
        let (mut place, mut place_2) = ([0; 2], [0; 2]);
        if std::ptr::eq(self, other) {
            let limbs = self.limbs(&mut place);
            return Coefficient::from_limbs(limbs::multiply(limbs, limbs));
        }
        Coefficient::from_limbs(limbs::multiply(self.limbs(&mut place), other.limbs(&mut place_2)))
    }

    /// Quotient and rest; `divisor` is not zero.
    pub fn div_rem(&self, divisor: &Coefficient) -> (Coefficient, Coefficient) {
        if let (Some(a), Some(b)) = (self.as_small(), divisor.as_small()) {
            return match (a.checked_div(b), a.checked_rem(b)) {
                (Some(quotient), Some(rest)) => (Coefficient::small(quotient), Coefficient::small(rest)),
                _ => (Coefficient::ZERO, Coefficient::ZERO),
            };
        }
        let (mut place, mut place_2) = ([0; 2], [0; 2]);
        let (quotient, rest) = limbs::divide(self.limbs(&mut place), divisor.limbs(&mut place_2));
        (Coefficient::from_limbs(quotient), Coefficient::from_limbs(rest))
    }

    /// The number times 10^k. The caller has seen to it that there is memory.
    pub fn shift_left(&self, k: u64) -> Coefficient {
        if k == 0 || self.is_zero() {
            return self.clone();
        }
        if let Some(number) = self.as_small() {
            if let Some(product) = POWERS_128.get(k as usize).and_then(|power| number.checked_mul(*power)) {
                return Coefficient::from_u128(product);
            }
        }
        let mut place = [0; 2];
        let from = self.limbs(&mut place);
        let (whole, part) = ((k / LIMB_DIGITS as u64) as usize, (k % LIMB_DIGITS as u64) as usize);
        let mut shifted = Vec::with_capacity(whole + from.len() + 1);
        shifted.resize(whole, 0);
        if part == 0 {
            shifted.extend_from_slice(from);
        } else {
            let mut carry = 0;
            for limb in from {
                let (high, low) = limbs::split(u128::from(*limb) * u128::from(POWERS[part]) + u128::from(carry));
                shifted.push(low);
                carry = high;
            }
            shifted.push(carry);
        }
        Coefficient::from_limbs(shifted)
    }

    /// The number divided by 10^k, and what was cut off.
    #[inline]
    pub fn shift_right(&self, k: u64) -> (Coefficient, Cut) {
        if k == 0 || self.is_zero() {
            return (self.clone(), Cut::Nothing);
        }
        if let Some(number) = self.as_small() {
            if k > SMALL_DIGITS {
                return (Coefficient::ZERO, Cut::BelowHalf);
            }
            let (quotient, rest) = div_rem_power(number, k as usize);
            let cut = if rest == 0 { Cut::Nothing } else { Cut::of(rest.cmp(&(POWERS_128[k as usize] / 2))) };
            return (Coefficient::small(quotient), cut);
        }
        self.shift_right_big(k)
    }

    fn shift_right_big(&self, k: u64) -> (Coefficient, Cut) {
        let mut place = [0; 2];
        let from = self.limbs(&mut place);
        if k > self.digits() as u64 {
            return (Coefficient::ZERO, Cut::BelowHalf);
        }
        let (whole, part) = ((k / LIMB_DIGITS as u64) as usize, (k % LIMB_DIGITS as u64) as usize);
        // The first digit that is cut off, and whether there is something behind it.
        let (at, digit) = if part == 0 { (whole - 1, LIMB_DIGITS - 1) } else { (whole, part - 1) };
        let Some(limb) = from.get(at) else { return (Coefficient::ZERO, Cut::BelowHalf) };
        let cut_limb = limb % POWERS[digit + 1];
        let is_more = |limb: u64| limb != 0 || from[..at].iter().any(|limb| *limb != 0);
        let half = 5 * POWERS[digit];
        let cut = match cut_limb.cmp(&half) {
            Ordering::Less => if is_more(cut_limb) { Cut::BelowHalf } else { Cut::Nothing },
            Ordering::Equal => if is_more(0) { Cut::AboveHalf } else { Cut::Half },
            Ordering::Greater => Cut::AboveHalf,
        };
        let upper = &from[whole.min(from.len())..];
        if part == 0 {
            return (Coefficient::from_limbs(upper.to_vec()), cut);
        }
        let (low_power, high_power) = (POWERS[part], POWERS[LIMB_DIGITS - part]);
        let mut shifted = Vec::with_capacity(upper.len());
        for (i, limb) in upper.iter().enumerate() {
            let next = upper.get(i + 1).copied().unwrap_or(0);
            shifted.push(limb / low_power + next % low_power * high_power);
        }
        (Coefficient::from_limbs(shifted), cut)
    }

    /// The number modulo 10^k.
    pub fn low_digits(&self, k: u64) -> Coefficient {
        if k >= self.digits() as u64 {
            return self.clone();
        }
        if let Some(number) = self.as_small() {
            return Coefficient::small(div_rem_power(number, k as usize).1);
        }
        let mut place = [0; 2];
        let from = self.limbs(&mut place);
        let (whole, part) = ((k / LIMB_DIGITS as u64) as usize, (k % LIMB_DIGITS as u64) as usize);
        let mut low = from[..whole.min(from.len())].to_vec();
        if let Some(limb) = from.get(whole) {
            low.push(limb % POWERS[part]);
        }
        Coefficient::from_limbs(low)
    }

    /// 10^k.
    pub fn power_of_ten(k: u64) -> Coefficient {
        Coefficient::ONE.shift_left(k)
    }

    /// 10^k - 1.
    pub fn nines(k: u64) -> Coefficient {
        if k <= SMALL_DIGITS {
            return Coefficient::small(POWERS_128[k as usize] - 1);
        }
        let mut limbs = vec![BASE - 1; (k / LIMB_DIGITS as u64) as usize];
        limbs.push(POWERS[(k % LIMB_DIGITS as u64) as usize] - 1);
        Coefficient::from_limbs(limbs)
    }

    /// The whole part of the square root.
    pub fn square_root(&self) -> Coefficient {
        if let Some(number) = self.as_small() {
            return Coefficient::small(u128::from(number.isqrt() as u64));
        }
        // Newton, with as many digits as the last step made good; the last corrections make it exact.
        let digits = self.digits() as u64;
        let mut steps = Vec::new();
        let mut wanted = digits.div_ceil(2);
        while wanted > 17 {
            steps.push(wanted);
            wanted = wanted / 2 + 2;
        }
        // The root of the first digits, an even number of which is cut off.
        let head_digits = 2 * wanted + digits % 2;
        let cut = digits - head_digits;
        let mut root = self.shift_right(cut).0.square_root();
        let mut root_cut = cut / 2;
        for wanted in steps.into_iter().rev() {
            let next_cut = digits.div_ceil(2).saturating_sub(wanted);
            let raised = root.shift_left(root_cut - next_cut);
            let head = self.shift_right(2 * next_cut).0;
            let sum = raised.add(&head.div_rem(&raised).0);
            root = sum.div_rem(&Coefficient::small(2)).0;
            root_cut = next_cut;
        }
        let mut square = root.multiply(&root);
        while square.compare(self).is_gt() {
            root = root.subtract(&Coefficient::ONE);
            square = root.multiply(&root);
        }
        loop {
            let next = root.add_one();
            let square = next.multiply(&next);
            if square.compare(self).is_gt() {
                return root;
            }
            root = next;
        }
    }

    pub fn to_big(&self) -> BigUint {
        if let Some(number) = self.as_small() {
            return BigUint::from(number);
        }
        let mut place = [0; 2];
        let limbs = self.limbs(&mut place);
        // powers[i] is BASE^(PLAIN * 2^i).
        let mut powers = vec![BigUint::from(BASE).pow(PLAIN as u32)];
        while PLAIN << powers.len() < limbs.len() {
            let next = &powers[powers.len() - 1] * &powers[powers.len() - 1];
            powers.push(next);
        }
        join(limbs, &powers)
    }

    pub fn from_big(number: &BigUint) -> Coefficient {
        let words = number.to_u64_digits();
        match *words {
            [] => Coefficient::ZERO,
            [low] => Coefficient::small(u128::from(low)),
            [low, high] => Coefficient::from_u128(u128::from(high) << 64 | u128::from(low)),
            _ => {
                let two_64 = [(u128::from(u64::MAX) + 1 - u128::from(BASE)) as u64, 1];
                let mut power = vec![1];
                for _ in 0..PLAIN {
                    power = limbs::multiply(&power, &two_64);
                }
                let mut powers = vec![power];
                while PLAIN << powers.len() < words.len() {
                    let last = &powers[powers.len() - 1];
                    let next = limbs::multiply(last, last);
                    powers.push(next);
                }
                Coefficient::from_limbs(join_words(&words, &powers))
            }
        }
    }

    /// The remainder by a number below 2^63.
    pub fn modulo(&self, modulus: u64) -> u64 {
        let mut place = [0; 2];
        let limbs = self.limbs(&mut place);
        let (base, modulus) = (u128::from(BASE), u128::from(modulus));
        limbs.iter().rev().fold(0, |rest: u128, limb| (rest * base + u128::from(*limb)) % modulus) as u64
    }
}

/// Conversions work through so many words one by one.
const PLAIN: usize = 32;

/// The number of limbs of base 10^19.
fn join(limbs: &[u64], powers: &[BigUint]) -> BigUint {
    if limbs.len() <= PLAIN {
        return limbs.iter().rev().fold(BigUint::ZERO, |number, limb| number * BASE + *limb);
    }
    let mut level = 0;
    while PLAIN << (level + 1) < limbs.len() {
        level += 1;
    }
    let (low, high) = limbs.split_at(PLAIN << level);
    join(high, powers) * &powers[level] + join(low, powers)
}

/// The limbs of base 10^19 of a number of 64-bit words.
fn join_words(words: &[u64], powers: &[Vec<u64>]) -> Vec<u64> {
    if words.len() <= PLAIN {
        let mut number: Vec<u64> = Vec::new();
        for word in words.iter().rev() {
            // 2^64 is not below the base: twice 2^32.
            number = limbs::multiply_small(&number, 1 << 32, word >> 32);
            number = limbs::multiply_small(&number, 1 << 32, word & 0xFFFF_FFFF);
        }
        return number;
    }
    let mut level = 0;
    while PLAIN << (level + 1) < words.len() {
        level += 1;
    }
    let (low, high) = words.split_at(PLAIN << level);
    limbs::add(&limbs::multiply(&join_words(high, powers), &powers[level]), &join_words(low, powers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_cut_where_they_should() {
        let number = Coefficient::from_digits(b"12345678901234567890123456789012345678901234567890500000000000000000000");
        let (upper, cut) = number.shift_right(21);
        assert_eq!(upper.to_digits(), b"12345678901234567890123456789012345678901234567890");
        assert_eq!(cut, Cut::Half);
        assert_eq!(number.shift_right(20).1, Cut::Nothing);
        assert_eq!(number.add_one().shift_right(21).1, Cut::AboveHalf);
        assert_eq!(number.subtract(&Coefficient::ONE).shift_right(21).1, Cut::BelowHalf);
        assert_eq!(number.low_digits(25).to_digits(), b"7890500000000000000000000");
    }

    #[test]
    fn roots_and_conversions_are_exact() {
        for n in [39u64, 40, 57, 76, 77, 200, 1001, 5000] {
            let number = Coefficient::nines(n).subtract(&Coefficient::small(u128::from(n)));
            let root = number.square_root();
            assert!(root.multiply(&root).compare(&number).is_le());
            assert!(root.add_one().multiply(&root.add_one()).compare(&number).is_gt());
            assert!(Coefficient::from_big(&number.to_big()) == number);
            assert_eq!(number.to_big().to_string().into_bytes(), number.to_digits());
        }
    }
}
