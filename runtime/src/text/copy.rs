//! Copies between widths, and the scan for the largest code point. The loops are written so that
//! the compiler vectorises them.
use super::Unit;

/// Bitwise or of all code points: it is above 0x7F, 0xFF or 0xFFFF exactly when one of them is.
pub fn bits_of<U: Unit>(units: &[U]) -> u32 {
    if let Some(bytes) = U::as_bytes(units) {
        return if bytes.is_ascii() { 0x7F } else { 0xFF };
    }
    let (chunks, rest) = units.as_chunks::<32>();
    let mut bits = 0;
    for chunk in chunks {
        bits |= chunk.iter().fold(0, |b, u| b | u.code());
        // Nothing wider can follow.
        if U::MAX == 0xFFFF && bits > 0xFF || bits > 0xFFFF {
            return bits;
        }
    }
    rest.iter().fold(bits, |b, u| b | u.code())
}

/// The bound that PEP 393 storage is chosen by: 0x7F, 0xFF, 0xFFFF or 0x10FFFF.
pub fn max_class<U: Unit>(units: &[U]) -> u32 {
    match bits_of(units) {
        0..=0x7F => 0x7F,
        0x80..=0xFF => 0xFF,
        0x100..=0xFFFF => 0xFFFF,
        _ => 0x10_FFFF,
    }
}

/// Whether all code points are ASCII.
pub fn is_ascii<U: Unit>(units: &[U]) -> bool {
    match U::as_bytes(units) {
        Some(bytes) => bytes.is_ascii(),
        None => bits_of(units) < 0x80,
    }
}

/// Number of leading ASCII bytes.
pub fn ascii_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        let high = u128::from_le_bytes(*chunk) & 0x8080_8080_8080_8080_8080_8080_8080_8080;
        if high != 0 {
            return at + high.trailing_zeros() as usize / 8;
        }
        at += 16;
    }
    at + rest.iter().position(|b| *b >= 0x80).unwrap_or(rest.len())
}

/// Units in another width; what does not fit is cut, so the caller has checked.
pub fn convert<U: Unit, V: Unit>(units: &[U]) -> Vec<V> {
    units.iter().map(|u| V::from_code(u.code())).collect()
}

/// Units in a wider width.
pub fn widen<U: Unit, V: Unit>(units: &[U]) -> Vec<V> {
    convert(units)
}

/// Writes units into a slice of the same length, in its width.
pub fn copy_into<U: Unit, V: Unit>(from: &[U], to: &mut [V]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = V::from_code(from.code());
    }
}

/// `a == b` for storages of different widths.
pub fn equal<U: Unit, V: Unit>(a: &[U], b: &[V]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.code() == y.code())
}

/// Order of code points.
pub fn compare<U: Unit, V: Unit>(a: &[U], b: &[V]) -> std::cmp::Ordering {
    a.iter().map(|u| u.code()).cmp(b.iter().map(|u| u.code()))
}
