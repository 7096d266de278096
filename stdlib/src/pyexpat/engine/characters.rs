//! Bytes and characters as XML classifies them. Text is UTF-8; the byte [`NO_CHARACTER`] stands for what no encoding gives.

use super::names;

/// What a decoder writes for bytes that are no character in its encoding; never part of UTF-8.
pub const NO_CHARACTER: u8 = 0xFF;

/// Why a scanner stopped without a token.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// No text is left at all.
    Empty,
    /// The text ends inside a token.
    Partial,
    /// The text ends inside a character.
    PartialCharacter,
    /// The character at this offset cannot stand there.
    Invalid(usize),
}

const NAME_START: u8 = 1;
const NAME: u8 = 2;
const SPACE: u8 = 4;
/// An ASCII character that XML does not allow.
const FORBIDDEN: u8 = 8;
/// The first byte of a longer character, or a byte that begins none.
const LONG: u8 = 16;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let ch = byte as u8;
        classes[byte] = match ch {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => NAME_START | NAME,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b' ' | b'\t' | b'\r' | b'\n' => SPACE,
            0..0x20 => FORBIDDEN,
            0x80.. => LONG,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

pub fn is_space(byte: u8) -> bool {
    class(byte) & SPACE != 0
}

/// Is this an ASCII character that may stand in text?
pub fn is_plain_ascii(byte: u8) -> bool {
    class(byte) & (FORBIDDEN | LONG) == 0
}

/// Is `ch` allowed in documents as a character reference?
pub fn is_allowed(ch: u32) -> bool {
    match ch {
        0x9 | 0xA | 0xD => true,
        0..0x20 | 0xD800..0xE000 | 0xFFFE | 0xFFFF => false,
        _ => ch <= 0x10FFFF,
    }
}

/// The character at an offset that lies within the text, and its length.
pub fn decode(text: &[u8], at: usize) -> Result<(u32, usize), Stop> {
    let Some(&first) = text.get(at) else { return Err(Stop::Partial) };
    let (len, low) = match first {
        0..0x80 => {
            return if class(first) & FORBIDDEN != 0 { Err(Stop::Invalid(at)) } else { Ok((u32::from(first), 1)) };
        }
        0xC0..=0xDF => (2, u32::from(first & 0x1F)),
        0xE0..=0xEF => (3, u32::from(first & 0x0F)),
        0xF0..=0xF4 => (4, u32::from(first & 0x07)),
        _ => return Err(Stop::Invalid(at)),
    };
    let Some(tail) = text.get(at + 1..at + len) else { return Err(Stop::PartialCharacter) };
    let mut ch = low;
    for byte in tail {
        if byte & 0xC0 != 0x80 {
            return Err(Stop::Invalid(at));
        }
        ch = ch << 6 | u32::from(byte & 0x3F);
    }
    let is_shortest = match len {
        2 => ch >= 0x80,
        3 => ch >= 0x800,
        _ => ch >= 0x10000,
    };
    if is_shortest && is_allowed(ch) { Ok((ch, len)) } else { Err(Stop::Invalid(at)) }
}

/// The length of the character at `at` if it may begin a name. A longer character that may not is invalid: it can stand
/// nowhere that a name could.
pub fn name_start(text: &[u8], at: usize) -> Result<Option<usize>, Stop> {
    name_character(text, at, NAME_START, names::begins_name)
}

/// The length of the character at `at` if it may continue a name.
pub fn name_rest(text: &[u8], at: usize) -> Result<Option<usize>, Stop> {
    name_character(text, at, NAME, names::continues_name)
}

#[inline(always)]
fn name_character(text: &[u8], at: usize, wanted: u8, is_wanted: fn(u32) -> bool) -> Result<Option<usize>, Stop> {
    let Some(&first) = text.get(at) else { return Err(Stop::Partial) };
    let class = class(first);
    if class & wanted != 0 {
        return Ok(Some(1));
    }
    if class & LONG == 0 {
        return Ok(None);
    }
    let (ch, len) = decode(text, at)?;
    if is_wanted(ch) { Ok(Some(len)) } else { Err(Stop::Invalid(at)) }
}

/// Appends a character.
pub fn push(out: &mut Vec<u8>, ch: u32) {
    let mut buffer = [0; 4];
    let ch = char::from_u32(ch).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(ch.encode_utf8(&mut buffer).as_bytes());
}

/// Appends text with its line ends made `\n`.
pub fn push_lines(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = &rest[at + 1..];
        if let [b'\n', after @ ..] = rest {
            rest = after;
        }
    }
    out.extend_from_slice(rest);
}

/// The character that `&#…;` refers to.
pub fn character_reference(reference: &[u8]) -> Option<u32> {
    let digits = reference.strip_prefix(b"&#")?.strip_suffix(b";")?;
    let (digits, radix) = match digits.strip_prefix(b"x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    let mut number = 0;
    for digit in digits {
        number = number * radix + char::from(*digit).to_digit(radix)?;
        if number > 0x10FFFF {
            return None;
        }
    }
    is_allowed(number).then_some(number)
}

/// The character of the five entities that need no declaration.
pub fn predefined_entity(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"lt" => b'<',
        b"gt" => b'>',
        b"amp" => b'&',
        b"quot" => b'"',
        b"apos" => b'\'',
        _ => return None,
    })
}
