//! Hashes: numbers modulo 2^61 - 1 (equal numbers of different types have equal hashes), texts by
//! SipHash-1-3 (Aumasson and Bernstein).
use num_bigint::{BigInt, BigUint, Sign};

/// `sys.hash_info.modulus`.
pub const MODULUS: u64 = (1 << 61) - 1;
/// `sys.hash_info.inf`.
pub const INFINITY: i64 = 314_159;
/// `sys.hash_info.imag`.
pub const IMAGINARY: u64 = 1_000_003;

/// Hashes never are -1.
#[inline]
fn not_minus_one(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

/// Hash of an int.
#[inline]
pub fn hash_i64(value: i64) -> i64 {
    let magnitude = (value.unsigned_abs() % MODULUS) as i64;
    not_minus_one(if value < 0 { -magnitude } else { magnitude })
}

/// Hash of a big int.
pub fn hash_big(value: &BigInt) -> i64 {
    let magnitude = reduce(value.magnitude()) as i64;
    not_minus_one(if value.sign() == Sign::Minus { -magnitude } else { magnitude })
}

fn reduce(value: &BigUint) -> u64 {
    // 2^64 is 8 modulo 2^61 - 1.
    value.iter_u64_digits().rev().fold(0u64, |hash, digit| {
        ((u128::from(hash) * 8 + u128::from(digit)) % u128::from(MODULUS)) as u64
    })
}

/// Hash of a float; a nan has the hash of its object, which the caller supplies.
pub fn hash_f64(value: f64, nan: i64) -> i64 {
    if value.is_nan() {
        return nan;
    }
    if value.is_infinite() {
        return if value > 0.0 { INFINITY } else { -INFINITY };
    }
    let integral = value as i64;
    if integral as f64 == value && integral.unsigned_abs() < MODULUS {
        return hash_i64(integral);
    }
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7FF) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    // 2^61 is 1, so a factor 2^e rotates the 61 bits.
    let turn = exponent.rem_euclid(61) as u32;
    let rotated = if turn == 0 { mantissa } else { (mantissa << turn & MODULUS) | mantissa >> (61 - turn) };
    let hash = rotated as i64;
    not_minus_one(if value < 0.0 { -hash } else { hash })
}

/// Hash of a complex number from those of its parts.
pub fn hash_complex(real: i64, imaginary: i64) -> i64 {
    not_minus_one((real as u64).wrapping_add(IMAGINARY.wrapping_mul(imaginary as u64)) as i64)
}

/// Hash of the storage of a str or of a bytes object, under a 128-bit key (`k0` low, `k1` high).
pub fn hash_bytes(key: u128, bytes: &[u8]) -> i64 {
    if bytes.is_empty() {
        return 0;
    }
    not_minus_one(siphash13(key as u64, (key >> 64) as u64, bytes) as i64)
}

/// The key that `PYTHONHASHSEED=seed` stands for; 0 is the key 0.
pub fn key_from_seed(seed: u32) -> u128 {
    if seed == 0 {
        return 0;
    }
    let mut state = seed;
    let bytes: [u8; 16] = std::array::from_fn(|_| {
        state = state.wrapping_mul(214_013).wrapping_add(2_531_011);
        (state >> 16) as u8
    });
    u128::from_le_bytes(bytes)
}

#[inline]
fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

/// SipHash-1-3.
pub fn siphash13(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        v[3] ^= word;
        sip_round(&mut v);
        v[0] ^= word;
    }
    let last = tail.iter().enumerate().fold((bytes.len() as u64) << 56, |w, (i, b)| w | u64::from(*b) << (8 * i));
    v[3] ^= last;
    sip_round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_round(&mut v);
    sip_round(&mut v);
    sip_round(&mut v);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}
