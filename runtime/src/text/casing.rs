//! Case conversion of whole strings, and the ASCII-only one of `bytes`.
use super::copy::is_ascii;
use super::{Buffer, Unit, Units};

/// A case conversion of `str`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conversion {
    Lower,
    Upper,
    Title,
    Capitalize,
    SwapCase,
    Fold,
}

/// Applies a conversion.
pub fn convert(text: Units, conversion: Conversion) -> Buffer {
    match text {
        Units::One(bytes) if bytes.is_ascii() => Buffer::One(convert_ascii(bytes, conversion)),
        Units::One(bytes) if conversion == Conversion::Lower => {
            // The lower case of Latin-1 is Latin-1.
            Buffer::One(bytes.iter().map(|b| pyrt_unicode::simple_to_lower(u32::from(*b)) as u8).collect())
        }
        _ => crate::with_units!(text, units => convert_full(units, conversion)),
    }
}

/// Applies a conversion to ASCII letters only, as `bytes` does.
pub fn convert_ascii(bytes: &[u8], conversion: Conversion) -> Vec<u8> {
    match conversion {
        Conversion::Lower | Conversion::Fold => bytes.to_ascii_lowercase(),
        Conversion::Upper => bytes.to_ascii_uppercase(),
        Conversion::SwapCase => {
            bytes.iter().map(|b| if b.is_ascii_alphabetic() { b ^ 0x20 } else { *b }).collect()
        }
        Conversion::Capitalize => {
            let mut result = bytes.to_ascii_lowercase();
            if let Some(first) = result.first_mut() {
                first.make_ascii_uppercase();
            }
            result
        }
        Conversion::Title => {
            let mut cased = false;
            let title = |byte: &u8| {
                let result = if cased { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() };
                cased = byte.is_ascii_alphabetic();
                result
            };
            bytes.iter().map(title).collect()
        }
    }
}

const CAPITAL_SIGMA: u32 = 0x3A3;

fn convert_full<U: Unit>(text: &[U], conversion: Conversion) -> Buffer {
    let mut result = Buffer::with_capacity(text.len());
    let mut put = |codes: &[u32]| codes.iter().for_each(|c| result.push(*c));
    let mut cased = false;
    for (at, unit) in text.iter().enumerate() {
        let code = unit.code();
        match conversion {
            Conversion::Lower => lower(text, at, &mut put),
            Conversion::Upper => put(&pyrt_unicode::to_upper(code)),
            Conversion::Fold => put(&pyrt_unicode::fold(code)),
            Conversion::SwapCase => {
                if pyrt_unicode::is_upper(code) {
                    lower(text, at, &mut put);
                } else if pyrt_unicode::is_lower(code) {
                    put(&pyrt_unicode::to_upper(code));
                } else {
                    put(&[code]);
                }
            }
            Conversion::Capitalize if at == 0 => put(&pyrt_unicode::to_title(code)),
            Conversion::Capitalize => lower(text, at, &mut put),
            Conversion::Title => {
                if cased {
                    lower(text, at, &mut put);
                } else {
                    put(&pyrt_unicode::to_title(code));
                }
                cased = pyrt_unicode::is_cased(code);
            }
        }
    }
    result
}

fn lower<U: Unit>(text: &[U], at: usize, put: &mut impl FnMut(&[u32])) {
    match text.get(at).map(|u| u.code()) {
        Some(CAPITAL_SIGMA) => put(&[if is_final_sigma(text, at) { 0x3C2 } else { 0x3C3 }]),
        Some(code) => put(&pyrt_unicode::to_lower(code)),
        None => {}
    }
}

/// Unicode 3.13: cased before, and nothing cased after, ignorable ones skipped.
fn is_final_sigma<U: Unit>(text: &[U], at: usize) -> bool {
    let cased = |code: Option<u32>| code.is_some_and(pyrt_unicode::is_cased);
    let ignorable = |code: &u32| pyrt_unicode::is_case_ignorable(*code);
    let before = text.get(..at).unwrap_or(&[]).iter().rev().map(|u| u.code()).find(|c| !ignorable(c));
    let after = text.get(at + 1..).unwrap_or(&[]).iter().map(|u| u.code()).find(|c| !ignorable(c));
    cased(before) && !cased(after)
}

/// Whether a conversion to lower case changes nothing, decided quickly for ASCII only.
pub fn is_ascii_lower<U: Unit>(text: &[U]) -> bool {
    is_ascii(text) && !text.iter().any(|u| matches!(u.code(), 0x41..=0x5A))
}
