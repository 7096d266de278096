//! Escapes in bytes literals (`codecs.escape_decode`, `escape_encode`).
use super::unicode_escape::InvalidEscape;

/// ValueError, with the position of the escape where one is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EscapeError {
    /// "Trailing \ in string"
    Trailing,
    /// "invalid \x escape at position …"
    InvalidHex(usize),
}

/// What a bad `\x` becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    Strict,
    /// A question mark.
    Replace,
    Ignore,
}

/// Decodes all of the input.
pub fn decode(input: &[u8], on_error: OnError, invalid: &mut Option<InvalidEscape>) -> Result<Vec<u8>, EscapeError> {
    let mut out = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        let start = at + plain;
        if plain == rest.len() {
            break;
        }
        let letter = *input.get(start + 1).ok_or(EscapeError::Trailing)?;
        at = start + 2;
        match letter {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(letter),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b't' => out.push(9),
            b'n' => out.push(10),
            b'v' => out.push(11),
            b'f' => out.push(12),
            b'r' => out.push(13),
            b'0'..=b'7' => {
                let mut code = 0u32;
                let mut end = start + 1;
                while end < start + 4
                    && let Some(digit @ b'0'..=b'7') = input.get(end)
                {
                    code = code * 8 + u32::from(digit - b'0');
                    end += 1;
                }
                if code > 0xFF && invalid.is_none() {
                    *invalid = Some(InvalidEscape::Octal(start + 1));
                }
                out.push(code as u8);
                at = end;
            }
            b'x' => {
                let digit = |at: usize| input.get(at).and_then(|b| char::from(*b).to_digit(16));
                match (digit(at), digit(at + 1)) {
                    (Some(high), Some(low)) => {
                        out.push((high << 4 | low) as u8);
                        at += 2;
                    }
                    (high, _) => {
                        match on_error {
                            OnError::Strict => return Err(EscapeError::InvalidHex(start)),
                            OnError::Replace => out.push(b'?'),
                            OnError::Ignore => {}
                        }
                        at += usize::from(high.is_some());
                    }
                }
            }
            _ => {
                if invalid.is_none() {
                    *invalid = Some(InvalidEscape::Character(start + 1));
                }
                out.extend_from_slice(&[b'\\', letter]);
            }
        }
    }
    Ok(out)
}

/// Encodes: like `repr` of bytes inside single quotes.
pub fn encode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    for &byte in input {
        match byte {
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7E => out.push(byte),
            _ => crate::text::escape::push_hex_escape(u32::from(byte), |b| out.push(b)),
        }
    }
    out
}
