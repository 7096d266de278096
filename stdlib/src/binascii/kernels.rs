//! Hexadecimal, base64 and uuencoded text, and checksums.

/// `binascii.Error` with this message.
pub type Error = String;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Two hexadecimal digits for each byte, with a separator between groups: `group` bytes from the
/// right, or from the left where it is negative; 0 for none.
pub fn hexlify(bytes: &[u8], separator: Option<(u8, isize)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let digits = |b: u8| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]];
    match separator {
        Some((separator, group)) if group != 0 => {
            let size = group.unsigned_abs();
            let first = if group < 0 { size } else { (bytes.len() + size - 1) % size + 1 };
            for (i, byte) in bytes.iter().enumerate() {
                // Positions relative to the end of the first group.
                if i >= first && (i - first).is_multiple_of(size) {
                    out.push(separator);
                }
                out.extend_from_slice(&digits(*byte));
            }
        }
        _ => out.extend(bytes.iter().flat_map(|b| digits(*b))),
    }
    out
}

/// The bytes of hexadecimal digits.
pub fn unhexlify(text: &[u8]) -> Result<Vec<u8>, Error> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("Odd-length string".into());
    }
    let mut out = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        match (char::from(*high).to_digit(16), char::from(*low).to_digit(16)) {
            (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
            _ => return Err("Non-hexadecimal digit found".into()),
        }
    }
    Ok(out)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NO_DIGIT: u8 = 0xFF;

const BASE64_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut i = 0;
    while i < 64 {
        values[BASE64[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Base64 on one line, which `newline` ends.
pub fn b2a_base64(bytes: &[u8], newline: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4 + 1);
    let digit = |bits: u32| BASE64[(bits & 63) as usize];
    let (triples, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in triples {
        let bits = u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c);
        out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
    }
    match rest {
        [a] => {
            let bits = u32::from(*a) << 16;
            out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), b'=', b'=']);
        }
        [a, b] => {
            let bits = u32::from(*a) << 16 | u32::from(*b) << 8;
            out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), b'=']);
        }
        _ => {}
    }
    if newline {
        out.push(b'\n');
    }
    out
}

/// The bytes of base64 text. Without `strict` other characters are skipped.
pub fn a2b_base64(text: &[u8], strict: bool) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut at = 0;
    // Whole groups of four digits.
    while let Some([a, b, c, d]) = text.get(at..at + 4) {
        let values = [a, b, c, d].map(|byte| u32::from(BASE64_VALUES[usize::from(*byte)]));
        if values.iter().any(|v| *v > 63) {
            break;
        }
        let bits = values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3];
        out.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
        at += 4;
    }
    let (mut place, mut bits, mut pads) = (0, 0u32, 0);
    let count_error = |out: &[u8]| {
        let count = out.len() / 3 * 4 + 1;
        Err(format!(
            "Invalid base64-encoded string: number of data characters ({count}) cannot be 1 more than a multiple of 4"
        ))
    };
    for (i, &byte) in text.iter().enumerate().skip(at) {
        if byte == b'=' {
            if strict {
                match place {
                    0 if i == 0 => return Err("Leading padding not allowed".into()),
                    1 => return count_error(&out),
                    _ if place == 0 || place + pads >= 4 => return Err("Excess padding not allowed".into()),
                    _ => {}
                }
            }
            pads += 1;
            continue;
        }
        let value = BASE64_VALUES[usize::from(byte)];
        if value == NO_DIGIT {
            if strict {
                return Err("Only base64 data is allowed".into());
            }
            continue;
        }
        if strict && pads > 0 {
            let complete = place + pads >= 4;
            return Err(if complete { "Excess data after padding" } else { "Discontinuous padding not allowed" }.into());
        }
        pads = 0;
        bits = bits << 6 | u32::from(value);
        if place > 0 {
            // The bits above the ones that are pending.
            out.push((bits >> (6 - 2 * place)) as u8);
        }
        place = (place + 1) % 4;
    }
    match place {
        0 => Ok(out),
        1 => count_error(&out),
        _ if place + pads < 4 => Err("Incorrect padding".into()),
        _ => Ok(out),
    }
}

/// One uuencoded line of at most 45 bytes.
pub fn b2a_uu(bytes: &[u8], backtick: bool) -> Result<Vec<u8>, Error> {
    if bytes.len() > 45 {
        return Err("At most 45 bytes at once".into());
    }
    let digit = |six: u32| match six & 63 {
        0 if backtick => b'`',
        six => six as u8 + b' ',
    };
    let mut out = vec![digit(bytes.len() as u32)];
    for triple in bytes.chunks(3) {
        let byte = |i: usize| triple.get(i).map_or(0, |b| u32::from(*b));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
    }
    out.push(b'\n');
    Ok(out)
}

/// The bytes of one uuencoded line.
pub fn a2b_uu(text: &[u8]) -> Result<Vec<u8>, Error> {
    let Some((first, rest)) = text.split_first() else {
        return Err("Missing length byte".into());
    };
    let length = usize::from(first.wrapping_sub(b' ') & 63);
    let mut out = Vec::with_capacity(length);
    let (mut bits, mut pending) = (0u32, 0);
    let mut input = rest.iter().copied();
    while out.len() < length {
        // What is missing at the end of the line is zeros: some mailers strip spaces.
        let six = match input.next() {
            None | Some(b'\n' | b'\r') => 0,
            Some(byte @ b' '..=b'`') => u32::from(byte - b' ') & 63,
            Some(_) => return Err("Illegal char".into()),
        };
        bits = bits << 6 | six;
        pending += 6;
        if pending >= 8 {
            pending -= 8;
            out.push((bits >> pending) as u8);
        }
    }
    match input.find(|byte| !matches!(byte, b' ' | b'`' | b'\n' | b'\r')) {
        Some(_) => Err("Trailing garbage".into()),
        None => Ok(out),
    }
}

/// CRC-CCITT as binhex uses it.
pub fn crc_hqx(bytes: &[u8], start: u16) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut crc = (i as u16) << 8;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    bytes.iter().fold(start, |crc, byte| crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// CRC-32 (of zip and gzip), going on from `start`.
pub fn crc32(bytes: &[u8], start: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(bytes);
    hasher.finalize()
}
