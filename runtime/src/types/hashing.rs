//! Hashes: of texts and bytes by SipHash-1-3 with a key per process, of numbers modulo 2^61-1.

use crate::number::hash as kernels;
use crate::sync::{AtomicU64, Ordering};

static KEY: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Sets the key: from a seed (`PYTHONHASHSEED`), else at random.
pub fn set_seed(seed: Option<u32>) {
    let key = match seed {
        Some(seed) => kernels::key_from_seed(seed),
        None => {
            let mut bytes = [0u8; 16];
            // SAFETY: fills the buffer; on failure the key stays zero, which only weakens the hash.
            unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
            u128::from_le_bytes(bytes)
        }
    };
    KEY[0].store(key as u64, Ordering::Relaxed);
    KEY[1].store((key >> 64) as u64, Ordering::Relaxed);
}

/// The hash of a text or bytes object by its memory.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> i64 {
    let key = u128::from(KEY[0].load(Ordering::Relaxed)) | u128::from(KEY[1].load(Ordering::Relaxed)) << 64;
    kernels::hash_bytes(key, bytes)
}

#[inline]
pub fn hash_i64(value: i64) -> i64 {
    kernels::hash_i64(value)
}

/// The hash of an address-like number: identity hashes.
#[inline]
pub fn hash_pointer(address: u64) -> i64 {
    // The low four bits of addresses are zero: rotated away.
    let hash = address.rotate_right(4) as i64;
    if hash == -1 { -2 } else { hash }
}

/// Combines the hashes of a sequence (the scheme of xxHash's rounds, as for tuples in CPython).
pub fn combine(hashes: impl ExactSizeIterator<Item = i64>) -> i64 {
    const PRIME_1: u64 = 11_400_714_785_074_694_791;
    const PRIME_2: u64 = 14_029_467_366_897_019_727;
    const PRIME_5: u64 = 2_870_177_450_012_600_261;
    let len = hashes.len() as u64;
    let mut acc = PRIME_5;
    for hash in hashes {
        acc = acc.wrapping_add((hash as u64).wrapping_mul(PRIME_2));
        acc = acc.rotate_left(31).wrapping_mul(PRIME_1);
    }
    acc = acc.wrapping_add(len ^ (PRIME_5 ^ 3_527_539));
    if acc == u64::MAX { 1_546_275_796 } else { acc as i64 }
}
