//! Normalisation forms (UAX #15).
//!
//! Text is worked on in segments that start at a starter which no composition joins to what
//! precedes it; characters that the quick check passes are copied.
use std::borrow::Cow;

use crate::database::mapping;
use crate::tables::normalization::{COMPOSITION, QUICK, QUICK_BLOCKS, QUICK_INDEX, QUICK_SHIFT};
use crate::two_stage;

/// A normalisation form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Canonical composition.
    Nfc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility composition.
    Nfkc,
    /// Compatibility decomposition.
    Nfkd,
}

impl Form {
    /// From Python's name, such as "NFC".
    pub fn from_name(name: &str) -> Option<Form> {
        Some(match name {
            "NFC" => Form::Nfc,
            "NFD" => Form::Nfd,
            "NFKC" => Form::Nfkc,
            "NFKD" => Form::Nfkd,
            _ => return None,
        })
    }

    fn composes(self) -> bool {
        matches!(self, Form::Nfc | Form::Nfkc)
    }

    fn compatibility(self) -> bool {
        matches!(self, Form::Nfkc | Form::Nfkd)
    }
}

/// Answer of [`quick_check`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuickCheck {
    Yes,
    No,
    /// Only normalising and comparing tells.
    Maybe,
}

/// Whether the text is in the form, decided in one pass where possible.
pub fn quick_check(form: Form, text: impl Iterator<Item = u32>) -> QuickCheck {
    let mut result = QuickCheck::Yes;
    let mut last_class = 0;
    for code in text {
        if code < 0x80 {
            last_class = 0;
            continue;
        }
        let (class, answer) = check(form, code);
        if class != 0 && last_class > class {
            return QuickCheck::No;
        }
        last_class = class;
        match answer {
            QuickCheck::Yes => {}
            QuickCheck::No => return QuickCheck::No,
            QuickCheck::Maybe => result = QuickCheck::Maybe,
        }
    }
    result
}

/// The text in the form.
pub fn normalize(form: Form, text: impl Iterator<Item = u32>) -> Vec<u32> {
    normalize_with(form, text, |_| None)
}

/// The same, where `instead` gives what some code points decompose to, for good.
pub(crate) fn normalize_with(
    form: Form, text: impl Iterator<Item = u32>, instead: impl Fn(u32) -> Option<u32>,
) -> Vec<u32> {
    let mut output = Vec::with_capacity(text.size_hint().0);
    // The open segment: decomposed code points with their combining classes.
    let mut segment: Vec<(u32, u8)> = Vec::new();
    for code in text {
        let (class, answer) = check(form, code);
        // A starter that stays as it is and that nothing before can absorb opens a segment.
        if class == 0 && answer == QuickCheck::Yes {
            flush(form, &mut segment, &mut output);
        }
        match instead(code) {
            Some(other) => segment.push((other, check(form, other).0)),
            None => decompose(form, code, &mut segment),
        }
    }
    flush(form, &mut segment, &mut output);
    output
}

/// NFKC of a `str`, which borrows what is normalised already; for identifiers.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || quick_check(Form::Nfkc, text.chars().map(u32::from)) == QuickCheck::Yes {
        return Cow::Borrowed(text);
    }
    let codes = normalize(Form::Nfkc, text.chars().map(u32::from));
    // No mapping leads to surrogates, so nothing is lost here.
    Cow::Owned(codes.into_iter().filter_map(char::from_u32).collect())
}

const MAYBE_COMPOSES: u8 = 1;
const NEVER_COMPOSED: u8 = 2;
const CANONICAL: u8 = 4;
const COMPATIBILITY: u8 = 8;

/// Combining class and quick check of one code point.
#[inline]
fn check(form: Form, code: u32) -> (u8, QuickCheck) {
    let [class, bits] = QUICK[two_stage!(code, QUICK_BLOCKS, QUICK_INDEX, QUICK_SHIFT)];
    let no = match form {
        Form::Nfd => CANONICAL,
        Form::Nfkd => CANONICAL | COMPATIBILITY,
        Form::Nfc => NEVER_COMPOSED,
        Form::Nfkc => NEVER_COMPOSED | COMPATIBILITY,
    };
    let answer = if bits & no != 0 {
        QuickCheck::No
    } else if form.composes() && bits & MAYBE_COMPOSES != 0 {
        QuickCheck::Maybe
    } else {
        QuickCheck::Yes
    };
    (class, answer)
}

const S_BASE: u32 = 0xAC00;
const L_BASE: u32 = 0x1100;
const V_BASE: u32 = 0x1161;
const T_BASE: u32 = 0x11A7;
const L_COUNT: u32 = 19;
const V_COUNT: u32 = 21;
const T_COUNT: u32 = 28;
const S_COUNT: u32 = L_COUNT * V_COUNT * T_COUNT;

/// The letters of a Hangul syllable.
pub(crate) struct Letters {
    codes: [u32; 3],
    len: usize,
}

impl Letters {
    pub(crate) fn as_slice(&self) -> &[u32] {
        self.codes.get(..self.len).unwrap_or(&[])
    }
}

pub(crate) fn decompose_syllable(code: u32) -> Option<Letters> {
    let syllable = code.checked_sub(S_BASE).filter(|s| *s < S_COUNT)?;
    let trailing = syllable % T_COUNT;
    let codes = [
        L_BASE + syllable / (V_COUNT * T_COUNT),
        V_BASE + syllable / T_COUNT % V_COUNT,
        T_BASE + trailing,
    ];
    Some(Letters { codes, len: if trailing == 0 { 2 } else { 3 } })
}

fn decompose(form: Form, code: u32, segment: &mut Vec<(u32, u8)>) {
    if let Some(letters) = decompose_syllable(code) {
        segment.extend(letters.as_slice().iter().map(|letter| (*letter, 0)));
        return;
    }
    match mapping(code) {
        // Depth is that of the data: a handful.
        Some((tag, codes)) if tag.is_empty() || form.compatibility() => {
            for &part in codes {
                decompose(form, part, segment);
            }
        }
        _ => segment.push((code, check(form, code).0)),
    }
}

/// Orders, composes where the form asks for it, and appends the segment.
fn flush(form: Form, segment: &mut Vec<(u32, u8)>, output: &mut Vec<u32>) {
    if let [(code, _)] = segment.as_slice() {
        output.push(*code);
        segment.clear();
        return;
    }
    // Canonical ordering: stable, within runs of non-starters.
    for run in segment.chunk_by_mut(|a, b| a.1 != 0 && b.1 != 0) {
        if run.len() > 1 && !run.is_sorted_by_key(|entry| entry.1) {
            run.sort_by_key(|entry| entry.1);
        }
    }
    if form.composes() {
        compose(segment);
    }
    output.extend(segment.iter().map(|entry| entry.0));
    segment.clear();
}

fn compose(segment: &mut Vec<(u32, u8)>) {
    let mut kept = 0;
    let mut starter: Option<usize> = None;
    // Class of the last character kept after the starter; blocked by equal or higher ones.
    let mut last_class = 0;
    for at in 0..segment.len() {
        let (code, class) = segment[at];
        if let Some(s) = starter {
            let adjacent = s + 1 == kept;
            if (adjacent || (last_class != 0 && last_class < class))
                && let Some(composed) = compose_pair(segment[s].0, code)
            {
                segment[s].0 = composed;
                continue;
            }
        }
        segment[kept] = (code, class);
        if class == 0 {
            starter = Some(kept);
        }
        last_class = class;
        kept += 1;
    }
    segment.truncate(kept);
}

fn compose_pair(first: u32, second: u32) -> Option<u32> {
    let l = first.wrapping_sub(L_BASE);
    let v = second.wrapping_sub(V_BASE);
    if l < L_COUNT && v < V_COUNT {
        return Some(S_BASE + (l * V_COUNT + v) * T_COUNT);
    }
    let s = first.wrapping_sub(S_BASE);
    let t = second.wrapping_sub(T_BASE);
    if s < S_COUNT && s.is_multiple_of(T_COUNT) && (1..T_COUNT).contains(&t) {
        return Some(first + t);
    }
    let at = COMPOSITION.binary_search_by(|entry| (entry.0, entry.1).cmp(&(first, second))).ok()?;
    COMPOSITION.get(at).map(|entry| entry.2)
}
