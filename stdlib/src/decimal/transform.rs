//! Products of long numbers by number-theoretic transforms modulo three primes.
//!
//! A coefficient of the convolution of numbers of base 10^19 is below `n * 10^38`; the product of the primes (about
//! 2^179) is above that for every length that memory can hold. Residues are in Montgomery's form with R = 2^64.

use super::limbs::split;

struct Prime {
    modulus: u64,
    /// `-modulus^-1` modulo 2^64.
    inverse: u64,
    /// 2^128 modulo the prime.
    square: u64,
    root: u64,
}

const fn prime(modulus: u64, root: u64) -> Prime {
    let mut inverse = 1u64;
    let mut i = 0;
    while i < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(modulus.wrapping_mul(inverse)));
        i += 1;
    }
    let once = (1u128 << 64) % modulus as u128;
    Prime { modulus, inverse: inverse.wrapping_neg(), square: (once * once % modulus as u128) as u64, root }
}

/// Each is one more than a multiple of 2^55, with a generator of its group.
static PRIMES: [Prime; 3] = [prime(29 << 57 | 1, 3), prime(27 << 56 | 1, 5), prime(5 << 55 | 1, 6)];

impl Prime {
    #[inline(always)]
    fn multiply(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        let factor = (product as u64).wrapping_mul(self.inverse);
        let reduced = ((product + u128::from(factor) * u128::from(self.modulus)) >> 64) as u64;
        if reduced >= self.modulus { reduced - self.modulus } else { reduced }
    }

    #[inline(always)]
    fn add(&self, a: u64, b: u64) -> u64 {
        let sum = a + b;
        if sum >= self.modulus { sum - self.modulus } else { sum }
    }

    #[inline(always)]
    fn subtract(&self, a: u64, b: u64) -> u64 {
        if a >= b { a - b } else { a + self.modulus - b }
    }

    fn enter(&self, number: u64) -> u64 {
        self.multiply(number % self.modulus, self.square)
    }

    fn power(&self, base: u64, mut exponent: u64) -> u64 {
        let (mut base, mut result) = (base, self.enter(1));
        while exponent != 0 {
            if exponent & 1 != 0 {
                result = self.multiply(result, base);
            }
            base = self.multiply(base, base);
            exponent >>= 1;
        }
        result
    }

    /// The powers of a root of unity of order `n`, for the first half.
    fn roots(&self, n: usize, is_inverse: bool) -> Vec<u64> {
        let mut generator = self.power(self.enter(self.root), (self.modulus - 1) / n as u64);
        if is_inverse {
            generator = self.power(generator, self.modulus - 2);
        }
        let mut roots = Vec::with_capacity(n / 2);
        let mut root = self.enter(1);
        for _ in 0..n / 2 {
            roots.push(root);
            root = self.multiply(root, generator);
        }
        roots
    }

    /// From natural to bit-reversed order. Halves first: what fits the cache is finished before the rest is touched.
    fn forward(&self, data: &mut [u64], roots: &[u64], stride: usize) {
        let half = data.len() / 2;
        if half == 0 {
            return;
        }
        let (low, high) = data.split_at_mut(half);
        for ((x, y), root) in low.iter_mut().zip(high.iter_mut()).zip(roots.iter().step_by(stride)) {
            let (a, b) = (*x, *y);
            *x = self.add(a, b);
            *y = self.multiply(self.subtract(a, b), *root);
        }
        self.forward(low, roots, stride * 2);
        self.forward(high, roots, stride * 2);
    }

    fn backward(&self, data: &mut [u64], roots: &[u64], stride: usize) {
        let half = data.len() / 2;
        if half == 0 {
            return;
        }
        let (low, high) = data.split_at_mut(half);
        self.backward(low, roots, stride * 2);
        self.backward(high, roots, stride * 2);
        for ((x, y), root) in low.iter_mut().zip(high.iter_mut()).zip(roots.iter().step_by(stride)) {
            let (a, b) = (*x, self.multiply(*y, *root));
            *x = self.add(a, b);
            *y = self.subtract(a, b);
        }
    }

    /// The cyclic convolution of length `n`, as plain residues.
    fn convolve(&self, a: &[u64], b: &[u64], n: usize) -> Vec<u64> {
        let roots = self.roots(n, false);
        let load = |from: &[u64]| {
            let mut data: Vec<u64> = from.iter().map(|limb| limb % self.modulus).collect();
            data.resize(n, 0);
            self.forward(&mut data, &roots, 1);
            data
        };
        let mut data = load(a);
        // The factors have not entered Montgomery's form: the scale makes up for it.
        let scale = self.multiply(self.power(self.enter(n as u64), self.modulus - 2), self.square);
        if std::ptr::eq(a, b) {
            for x in &mut data {
                *x = self.multiply(self.multiply(*x, *x), scale);
            }
        } else {
            let other = load(b);
            for (x, y) in data.iter_mut().zip(&other) {
                *x = self.multiply(self.multiply(*x, *y), scale);
            }
        }
        drop(roots);
        self.backward(&mut data, &self.roots(n, true), 1);
        data
    }
}

/// `a * b`, into `product`, as long as both together.
pub fn multiply(a: &[u64], b: &[u64], product: &mut [u64]) {
    let n = (a.len() + b.len()).next_power_of_two();
    let [first, second, third] = &PRIMES;
    let residues = [first.convolve(a, b, n), second.convolve(a, b, n), third.convolve(a, b, n)];
    // Garner: x = r1 + p1 * (k2 + p2 * k3).
    let inverse_12 = second.power(second.enter(first.modulus), second.modulus - 2);
    let both = third.multiply(third.enter(first.modulus), third.enter(second.modulus));
    let inverse_123 = third.power(both, third.modulus - 2);
    let first_in_third = third.enter(first.modulus);
    let low = u128::from(first.modulus) * u128::from(second.modulus);
    let (low_0, low_1) = (low as u64, (low >> 64) as u64);
    let mut carry: [u64; 3] = [0; 3];
    for (i, place) in product.iter_mut().enumerate() {
        let (r1, r2, r3) = (residues[0][i], residues[1][i], residues[2][i]);
        let k2 = second.multiply(second.subtract(r2, r1 % second.modulus), inverse_12);
        let known = third.add(r1 % third.modulus, third.multiply(k2 % third.modulus, first_in_third));
        let k3 = third.multiply(third.subtract(r3, known), inverse_123);
        // carry += r1 + p1 * k2 + p1 * p2 * k3
        let pair = u128::from(first.modulus) * u128::from(k2) + u128::from(r1);
        let t0 = u128::from(low_0) * u128::from(k3) + u128::from(pair as u64) + u128::from(carry[0]);
        let t1 = u128::from(low_1) * u128::from(k3) + (pair >> 64) + u128::from(carry[1]) + (t0 >> 64);
        let t2 = (t1 >> 64) as u64 + carry[2];
        let (quotient_1, rest) = split(u128::from(t2) << 64 | u128::from(t1 as u64));
        let (quotient_0, limb) = split(u128::from(rest) << 64 | u128::from(t0 as u64));
        carry = [quotient_0, quotient_1, 0];
        *place = limb;
    }
}
