//! Encodings: their names, their detection, and their decoding into the UTF-8 that the scanner reads.

use super::characters::{NO_CHARACTER, push};

/// What `Mapping` holds for bytes without a character.
pub const UNMAPPED: u32 = u32::MAX;

/// An encoding of one byte per character: what each byte means.
pub type Mapping = Box<[u32; 256]>;

#[derive(Clone)]
pub enum Encoding {
    Utf8,
    Utf16 { is_big: bool },
    Latin1,
    Ascii,
    Mapped(Mapping),
}

/// What a document or a caller says about the encoding.
pub enum Named {
    Utf8,
    Utf16,
    Utf16Big,
    Utf16Little,
    Latin1,
    Ascii,
    Other,
}

impl Named {
    pub fn find(name: &[u8]) -> Named {
        match name.to_ascii_uppercase().as_slice() {
            b"UTF-8" => Named::Utf8,
            b"UTF-16" => Named::Utf16,
            b"UTF-16BE" => Named::Utf16Big,
            b"UTF-16LE" => Named::Utf16Little,
            b"ISO-8859-1" => Named::Latin1,
            b"US-ASCII" => Named::Ascii,
            _ => Named::Other,
        }
    }
}

/// What the first bytes say.
pub enum Detected {
    Encoding(Encoding),
    /// More bytes are needed.
    Unclear,
}

/// The encoding of text that begins with `bytes`. `stated` is what the caller said; `is_document` is false for general
/// external entities, whose text may begin with any character.
pub fn detect(bytes: &[u8], stated: Option<&Named>, is_document: bool) -> Detected {
    let is_utf16_stated = matches!(stated, Some(Named::Utf16 | Named::Utf16Big | Named::Utf16Little));
    let by_statement = || Detected::Encoding(Encoding::stated(stated));
    let is_latin1_entity = !is_document && matches!(stated, Some(Named::Latin1));
    let utf16 = |is_big| Detected::Encoding(Encoding::Utf16 { is_big });
    match bytes {
        [] => Detected::Unclear,
        [first] => match first {
            _ if is_utf16_stated => Detected::Unclear,
            0xFE | 0xFF | 0xEF if !is_latin1_entity => Detected::Unclear,
            0x00 | b'<' => Detected::Unclear,
            _ => by_statement(),
        },
        [0xFE, 0xFF, ..] if !is_latin1_entity => utf16(true),
        [0xFF, 0xFE, ..] if !is_latin1_entity => utf16(false),
        [b'<', 0, ..] if is_document || !matches!(stated, Some(Named::Utf16 | Named::Utf16Big)) => utf16(false),
        [0xEF, 0xBB] if !is_latin1_entity && (is_document || !is_utf16_stated) => Detected::Unclear,
        [0xEF, 0xBB, 0xBF, ..] if !is_latin1_entity && (is_document || !is_utf16_stated) => Detected::Encoding(Encoding::Utf8),
        [0, ..] if is_document || !matches!(stated, Some(Named::Utf16Little)) => utf16(true),
        [_, 0, ..] if is_document => utf16(false),
        _ => by_statement(),
    }
}

/// Checks that ASCII characters with a meaning in XML are encoded as in ASCII, and marks what XML does not allow.
pub fn check_mapping(mut mapping: Mapping) -> Option<Mapping> {
    let has_meaning = |ch: u32| match u8::try_from(ch) {
        Ok(byte) => byte.is_ascii() && !matches!(byte, 0..=8 | 0xB | 0xC | 0xE..=0x1F | b'$' | b'@' | b'\\' | b'^' | b'`' | b'{' | b'}' | b'~' | 0x7F),
        Err(_) => false,
    };
    for (byte, ch) in (0u32..).zip(mapping.iter_mut()) {
        if has_meaning(byte) && *ch != byte {
            return None;
        }
        if *ch == UNMAPPED {
            continue;
        }
        if has_meaning(*ch) && *ch != byte || *ch > 0xFFFF {
            return None;
        }
        if !super::characters::is_allowed(*ch) {
            *ch = UNMAPPED;
        }
    }
    Some(mapping)
}

impl Encoding {
    /// The encoding of text that does not tell its own.
    pub fn stated(stated: Option<&Named>) -> Encoding {
        match stated {
            None | Some(Named::Utf8 | Named::Other) => Encoding::Utf8,
            Some(Named::Utf16 | Named::Utf16Big) => Encoding::Utf16 { is_big: true },
            Some(Named::Utf16Little) => Encoding::Utf16 { is_big: false },
            Some(Named::Latin1) => Encoding::Latin1,
            Some(Named::Ascii) => Encoding::Ascii,
        }
    }

    pub fn is_utf8(&self) -> bool {
        matches!(self, Encoding::Utf8)
    }

    pub fn is_two_bytes(&self) -> bool {
        matches!(self, Encoding::Utf16 { .. })
    }

    /// Appends as much of `bytes` as whole characters allow; returns how much that was.
    pub fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let mut one_each = |character: &dyn Fn(u8) -> u32| {
            for byte in bytes {
                match character(*byte) {
                    UNMAPPED => out.push(NO_CHARACTER),
                    ch => push(out, ch),
                }
            }
            bytes.len()
        };
        match self {
            Encoding::Utf8 => {
                out.extend_from_slice(bytes);
                bytes.len()
            }
            Encoding::Latin1 => one_each(&|byte| u32::from(byte)),
            Encoding::Ascii => one_each(&|byte| if byte.is_ascii() { u32::from(byte) } else { UNMAPPED }),
            Encoding::Mapped(mapping) => one_each(&|byte| mapping[byte as usize]),
            Encoding::Utf16 { is_big } => decode_utf16(bytes, *is_big, out),
        }
    }

    /// How many bytes of this encoding the decoded text stands for.
    pub fn encoded_len(&self, text: &[u8]) -> usize {
        let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
        match self {
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 { .. } => text.iter().filter(is_first).map(|byte| if (0xF0..NO_CHARACTER).contains(byte) { 4 } else { 2 }).sum(),
            _ => text.iter().filter(is_first).count(),
        }
    }
}

fn decode_utf16(bytes: &[u8], is_big: bool, out: &mut Vec<u8>) -> usize {
    let unit = |pair: &[u8; 2]| u32::from(if is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let mut rest = bytes;
    while let Some((pair, after)) = rest.split_first_chunk::<2>() {
        let first = unit(pair);
        let mut used = after;
        match first {
            0xD800..0xDC00 => match after.split_first_chunk::<2>().map(|(pair, after)| (unit(pair), after)) {
                None => break,
                Some((second @ 0xDC00..0xE000, after)) => {
                    push(out, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
                    used = after;
                }
                Some(_) => out.push(NO_CHARACTER),
            },
            0xDC00..0xE000 => out.push(NO_CHARACTER),
            _ => push(out, first),
        }
        rest = used;
    }
    bytes.len() - rest.len()
}
