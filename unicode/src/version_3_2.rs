//! `unicodedata.ucd_3_2_0`: the database as Unicode 3.2.0 had it, which IDNA and stringprep need.
//! It is kept as differences from the current one.
//!
//! Combining classes and canonical composition are the current ones, as in CPython: what is
//! assigned in 3.2.0 has never changed them.
use crate::database;
use crate::normalization::{Form, normalize_with};
use crate::tables::version_3_2::{ABSENT, CHANGES, DECOMPOSITIONS};

/// The version.
pub const VERSION: &str = "3.2.0";

/// What was different: code point, category, bidirectional class, mirrored, east asian width,
/// decimal digit, numeric value.
pub(crate) type Change = (u32, &'static str, &'static str, bool, &'static str, Option<u8>, Option<f64>);

/// Whether Unicode 3.2.0 assigned the code point.
pub fn is_assigned(code: u32) -> bool {
    let at = ABSENT.partition_point(|range| range.1 < code);
    ABSENT.get(at).is_none_or(|range| range.0 > code) && database::category(code) != "Cn"
}

fn change(code: u32) -> Option<&'static Change> {
    CHANGES.binary_search_by_key(&code, |change| change.0).ok().and_then(|at| CHANGES.get(at))
}

pub fn category(code: u32) -> &'static str {
    match change(code) {
        _ if !is_assigned(code) => "Cn",
        Some(change) => change.1,
        None => database::category(code),
    }
}

pub fn bidirectional(code: u32) -> &'static str {
    match change(code) {
        _ if !is_assigned(code) => "",
        Some(change) => change.2,
        None => database::bidirectional(code),
    }
}

pub fn mirrored(code: u32) -> bool {
    match change(code) {
        _ if !is_assigned(code) => false,
        Some(change) => change.3,
        None => database::mirrored(code),
    }
}

pub fn east_asian_width(code: u32) -> &'static str {
    match change(code) {
        _ if !is_assigned(code) && database::category(code) != "Cn" => "N",
        Some(change) => change.4,
        None => database::east_asian_width(code),
    }
}

pub fn decimal_value(code: u32) -> Option<u8> {
    match change(code) {
        _ if !is_assigned(code) => None,
        Some(change) => change.5,
        None => crate::decimal_value(code),
    }
}

pub fn numeric_value(code: u32) -> Option<f64> {
    match change(code) {
        _ if !is_assigned(code) => None,
        Some(change) => change.6,
        None => crate::numeric_value(code),
    }
}

pub fn combining(code: u32) -> u8 {
    if is_assigned(code) { database::combining(code) } else { 0 }
}

pub fn decomposition(code: u32) -> String {
    if is_assigned(code) { database::decomposition(code) } else { String::new() }
}

/// The text in a normalisation form.
pub fn normalize(form: Form, text: impl Iterator<Item = u32>) -> Vec<u32> {
    normalize_with(form, text, |code| {
        if !is_assigned(code) {
            return Some(code);
        }
        DECOMPOSITIONS.iter().find(|entry| entry.0 == code).map(|entry| entry.1)
    })
}
