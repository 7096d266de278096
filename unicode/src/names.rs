//! Character names, for `unicodedata.name`/`lookup` and `\N{…}`.
//!
//! `tables/names.bin` holds, at the places that `tables/names.rs` gives:
//! * phrases: each name as a length byte and tokens. 0: the next word is joined by a hyphen;
//!   1: the code point in hexadecimal; up to `FIRST_LEAD`: a frequent word; else two bytes for
//!   the other words. Names of code points come first, in their order, then aliases, then
//!   sequences;
//! * blocks: the offset of every sixteenth phrase;
//! * the lexicon of words with their offsets;
//! * ranges (first code point, count, number of the first phrase);
//! * slots: a hash table from names to phrase numbers, with linear probing.
//!
//! Names of Hangul syllables and ideographs follow rules (Unicode 4.8).
use crate::tables::names as at;

static BLOB: &[u8] = include_bytes!("tables/names.bin");

/// What [`lookup`] finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    Character(u32),
    /// Number of a named sequence, for [`sequence`].
    Sequence(usize),
}

/// The name of a character; aliases and sequences have none here.
pub fn name(code: u32) -> Option<String> {
    if let Some(syllable) = code.checked_sub(S_BASE).filter(|s| *s < S_COUNT) {
        let (l, v, t) = (syllable / 588, syllable / 28 % 21, syllable % 28);
        return Some(format!(
            "HANGUL SYLLABLE {}{}{}",
            LEADING[l as usize], VOWELS[v as usize], TRAILING[t as usize]
        ));
    }
    if is_unified_ideograph(code) {
        return Some(format!("CJK UNIFIED IDEOGRAPH-{code:X}"));
    }
    let mut text = String::new();
    spell(phrase_of(code)?, &mut text)?;
    Some(text)
}

/// The character of a name or an alias, or a named sequence; case does not matter.
pub fn lookup(name: &str) -> Option<Found> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_ascii_uppercase();
    if let Some(rest) = name.strip_prefix("HANGUL SYLLABLE ") {
        return hangul(rest).map(Found::Character);
    }
    for (prefix, belongs) in RULES {
        if let Some(digits) = name.strip_prefix(prefix) {
            let canonical = (4..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|c| canonical && belongs(*c))?;
            return (format!("{code:X}").len() == digits.len()).then_some(Found::Character(code));
        }
    }
    let mut slot = hash(&name) as usize % at::SLOTS.1;
    let mut text = String::new();
    loop {
        let number = u16_at(at::SLOTS.0 + 2 * slot)?;
        if number == u16::MAX {
            return None;
        }
        let number = usize::from(number);
        text.clear();
        spell(number, &mut text)?;
        if text == name {
            return resolve(number);
        }
        slot = (slot + 1) % at::SLOTS.1;
    }
}

/// The code points of a named sequence.
pub fn sequence(number: usize) -> Vec<u32> {
    let bound = |n: usize| u32_at(at::SEQUENCE_OFFSETS.0 + 4 * n).map(|v| v as usize);
    let (Some(start), Some(end)) = (bound(number), bound(number + 1)) else { return Vec::new() };
    (start..end).filter_map(|i| u32_at(at::SEQUENCE_CODES.0 + 4 * i)).collect()
}

const LONGEST: usize = 256;
const S_BASE: u32 = 0xAC00;
const S_COUNT: u32 = 11172;

static LEADING: [&str; 19] =
    ["G", "GG", "N", "D", "DD", "R", "M", "B", "BB", "S", "SS", "", "J", "JJ", "C", "K", "T", "P", "H"];
static VOWELS: [&str; 21] = [
    "A", "AE", "YA", "YAE", "EO", "E", "YEO", "YE", "O", "WA", "WAE", "OE", "YO", "U", "WEO", "WE", "WI", "YU", "EU",
    "YI", "I",
];
static TRAILING: [&str; 28] = [
    "", "G", "GG", "GS", "N", "NJ", "NH", "D", "L", "LG", "LM", "LB", "LS", "LT", "LP", "LH", "M", "B", "BS", "S", "SS",
    "NG", "J", "C", "K", "T", "P", "H",
];

type Rule = (&'static str, fn(u32) -> bool);
static RULES: [Rule; 2] =
    [("CJK UNIFIED IDEOGRAPH-", is_unified_ideograph), ("TANGUT IDEOGRAPH-", is_tangut_ideograph)];

fn is_unified_ideograph(code: u32) -> bool {
    matches!(code,
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0x20000..=0x2A6DF | 0x2A700..=0x2B739 | 0x2B740..=0x2B81D
        | 0x2B820..=0x2CEA1 | 0x2CEB0..=0x2EBE0 | 0x2EBF0..=0x2EE5D | 0x30000..=0x3134A | 0x31350..=0x323AF)
}

fn is_tangut_ideograph(code: u32) -> bool {
    matches!(code, 0x17000..=0x187F7 | 0x18D00..=0x18D08)
}

/// The longest match decides each part, as for every name that the rule can make.
fn hangul(text: &str) -> Option<u32> {
    let longest = |text: &str, list: &[&str]| {
        let fits = |(_, part): &(usize, &&str)| text.starts_with(**part);
        list.iter().enumerate().filter(fits).max_by_key(|(_, part)| part.len()).map(|(i, part)| (i as u32, part.len()))
    };
    let (l, n) = longest(text, &LEADING)?;
    let text = text.get(n..)?;
    let (v, n) = longest(text, &VOWELS)?;
    let text = text.get(n..)?;
    let (t, n) = longest(text, &TRAILING)?;
    (n == text.len()).then_some(S_BASE + (l * 21 + v) * 28 + t)
}

// ORDER name_hash: also in scripts/xtask/src/unicode_tables.rs
fn hash(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811C_9DC5u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    hash ^ hash >> 15
}

fn u32_at(offset: usize) -> Option<u32> {
    BLOB.get(offset..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u16_at(offset: usize) -> Option<u16> {
    BLOB.get(offset..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn range(n: usize) -> Option<[u32; 3]> {
    let base = at::RANGES.0 + 12 * n;
    Some([u32_at(base)?, u32_at(base + 4)?, u32_at(base + 8)?])
}

/// The last range whose `key` column is at most `value`.
fn range_before(column: usize, value: u32) -> Option<[u32; 3]> {
    let (mut low, mut high) = (0, at::RANGES.1 / 3);
    while low < high {
        let middle = (low + high) / 2;
        if range(middle)?[column] <= value {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    range(low.checked_sub(1)?)
}

fn phrase_of(code: u32) -> Option<usize> {
    let [first, count, number] = range_before(0, code)?;
    let offset = code - first;
    (offset < count).then_some((number + offset) as usize)
}

fn code_of(number: usize) -> Option<u32> {
    let [first, _, start] = range_before(2, number as u32)?;
    Some(first + number as u32 - start)
}

fn resolve(number: usize) -> Option<Found> {
    if number < at::NAMED {
        return code_of(number).map(Found::Character);
    }
    let number = number - at::NAMED;
    if number < at::ALIAS_CODES.1 {
        return u32_at(at::ALIAS_CODES.0 + 4 * number).map(Found::Character);
    }
    Some(Found::Sequence(number - at::ALIAS_CODES.1))
}

/// Appends the text of a phrase.
fn spell(number: usize, text: &mut String) -> Option<()> {
    let mut offset = at::PHRASES.0 + u32_at(at::BLOCKS.0 + 4 * (number / 16))? as usize;
    for _ in 0..number % 16 {
        offset += 1 + usize::from(*BLOB.get(offset)?);
    }
    let length = usize::from(*BLOB.get(offset)?);
    let mut tokens = BLOB.get(offset + 1..offset + 1 + length)?.iter().map(|b| usize::from(*b));
    let mut separator = "";
    while let Some(token) = tokens.next() {
        let word = match token {
            0 => {
                separator = "-";
                continue;
            }
            1 => {
                text.push_str(separator);
                text.push_str(&format!("{:04X}", code_of(number)?));
                separator = " ";
                continue;
            }
            t if t < at::FIRST_LEAD => t - 2,
            t => (t - at::FIRST_LEAD) * 256 + tokens.next()? + at::FIRST_LEAD - 2,
        };
        let start = u32_at(at::WORD_OFFSETS.0 + 4 * word)? as usize;
        let end = u32_at(at::WORD_OFFSETS.0 + 4 * word + 4)? as usize;
        text.push_str(separator);
        text.push_str(std::str::from_utf8(BLOB.get(at::LEXICON.0 + start..at::LEXICON.0 + end)?).ok()?);
        separator = " ";
    }
    Some(())
}
