//! Formats of `struct`: parsing, sizes and offsets, and the bytes of single values.
//!
//! Which Python objects a value may come from, and the messages about their types, are the
//! module's business; here a value is an int, a float or bytes already.
use std::ops::Range;

/// How many values a format code stands for, and where their bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// The format character.
    pub code: u8,
    /// Offset of the first value.
    pub offset: usize,
    /// Bytes of one value; for `s` and `p` of the string.
    pub size: usize,
    /// Number of values; 1 for `s` and `p`.
    pub count: usize,
    pub big_endian: bool,
    /// Native sizes and alignment: it changes how floats that overflow are treated nowhere, but
    /// `n`, `N` and `P` exist only so.
    pub native: bool,
}

/// A parsed format. Padding has no field.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    pub fields: Vec<Field>,
    pub size: usize,
    /// Number of Python values.
    pub values: usize,
}

/// `struct.error` with this message.
pub type FormatError = &'static str;

/// Size and alignment of a code.
fn code_size(code: u8, native: bool) -> Option<(usize, usize)> {
    let standard = match code {
        b'x' | b'c' | b'b' | b'B' | b'?' | b's' | b'p' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' if native => size_of::<libc::c_long>(),
        b'l' | b'L' => 4,
        b'q' | b'Q' | b'd' => 8,
        b'F' => return Some((8, if native { 4 } else { 1 })),
        b'D' => return Some((16, if native { 8 } else { 1 })),
        b'n' | b'N' | b'P' if native => size_of::<usize>(),
        _ => return None,
    };
    Some((standard, if native { standard } else { 1 }))
}

/// Parses a format.
pub fn parse(format: &[u8]) -> Result<Layout, FormatError> {
    let (native, aligned, big_endian, format) = match format {
        [b'@', rest @ ..] => (true, true, cfg!(target_endian = "big"), rest),
        [b'=', rest @ ..] => (false, false, cfg!(target_endian = "big"), rest),
        [b'<', rest @ ..] => (false, false, false, rest),
        [b'>' | b'!', rest @ ..] => (false, false, true, rest),
        rest => (true, true, cfg!(target_endian = "big"), rest),
    };
    let too_long = "total struct size too long";
    let limit = isize::MAX as usize;
    let mut layout = Layout::default();
    let mut codes = format.iter().copied().peekable();
    while let Some(byte) = codes.next() {
        if matches!(byte, b' ' | 9..=13) {
            continue;
        }
        let mut code = byte;
        let mut count = 1usize;
        if byte.is_ascii_digit() {
            count = usize::from(byte - b'0');
            while let Some(digit) = codes.next_if(u8::is_ascii_digit) {
                count = count.checked_mul(10).and_then(|n| n.checked_add(usize::from(digit - b'0'))).ok_or(too_long)?;
                if count > limit {
                    return Err(too_long);
                }
            }
            code = codes.next().ok_or("repeat count given without format specifier")?;
        }
        let (size, alignment) = code_size(code, native).ok_or("bad char in struct format")?;
        if aligned {
            layout.size = layout.size.checked_next_multiple_of(alignment).filter(|n| *n <= limit).ok_or(too_long)?;
        }
        let offset = layout.size;
        let bytes = size.checked_mul(count).ok_or(too_long)?;
        layout.size = layout.size.checked_add(bytes).filter(|n| *n <= limit).ok_or(too_long)?;
        let field = |size, count| Field { code, offset, size, count, big_endian, native };
        match code {
            b'x' => {}
            b's' | b'p' => {
                layout.fields.push(field(count, 1));
                layout.values += 1;
            }
            _ if count > 0 => {
                layout.fields.push(field(size, count));
                layout.values = layout.values.checked_add(count).ok_or(too_long)?;
            }
            _ => {}
        }
    }
    Ok(layout)
}

/// A value to pack.
#[derive(Clone, Copy, Debug)]
pub enum PackValue<'a> {
    /// An int that fits in 128 bits; others are out of any range: use [`range_message`].
    Int(i128),
    Bool(bool),
    Float(f64),
    Complex(f64, f64),
    Bytes(&'a [u8]),
}

/// Why a value cannot be packed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PackError {
    /// `struct.error`: out of range.
    Range(String),
    /// OverflowError: "float too large to pack with … format".
    FloatTooLarge(&'static str),
    /// The value is of another kind than the code wants.
    Kind,
}

/// The range of an int code.
pub fn int_range(field: &Field) -> Option<(i128, i128)> {
    let signed = match field.code {
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => true,
        b'B' | b'H' | b'I' | b'L' | b'Q' | b'N' => false,
        _ => return None,
    };
    let bits = 8 * field.size as u32;
    Some(if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) })
}

/// The message about an int that is out of range.
pub fn range_message(field: &Field) -> String {
    let (low, high) = int_range(field).unwrap_or((0, 0));
    format!("'{}' format requires {low} <= number <= {high}", char::from(field.code))
}

fn put(out: &mut [u8], big_endian: bool, little: &[u8]) {
    for (i, byte) in little.iter().take(out.len()).enumerate() {
        let at = if big_endian { out.len() - 1 - i } else { i };
        out[at] = *byte;
    }
}

/// Packs one value of a field into `out`, which is `field.size` bytes long.
pub fn pack(field: &Field, value: PackValue, out: &mut [u8]) -> Result<(), PackError> {
    let big = field.big_endian;
    match (field.code, value) {
        (b'?', PackValue::Bool(value)) => out.fill(u8::from(value)),
        (b'c', PackValue::Bytes([byte])) => out.fill(*byte),
        (b's', PackValue::Bytes(bytes)) => {
            let used = bytes.len().min(out.len());
            out[..used].copy_from_slice(&bytes[..used]);
            out[used..].fill(0);
        }
        (b'p', PackValue::Bytes(bytes)) => {
            if let Some((length, text)) = out.split_first_mut() {
                let used = bytes.len().min(text.len());
                text[..used].copy_from_slice(&bytes[..used]);
                text[used..].fill(0);
                *length = used.min(255) as u8;
            }
        }
        (b'P', PackValue::Int(value)) => {
            let limit = 1i128 << (8 * field.size);
            if value >= limit || value < -(limit / 2) {
                return Err(PackError::Range("int too large to convert".into()));
            }
            put(out, big, &value.to_le_bytes());
        }
        (_, PackValue::Int(value)) => {
            let (low, high) = int_range(field).ok_or(PackError::Kind)?;
            if value < low || value > high {
                return Err(PackError::Range(range_message(field)));
            }
            put(out, big, &value.to_le_bytes());
        }
        (b'e', PackValue::Float(value)) => {
            let half = half_from_f64(value).ok_or(PackError::FloatTooLarge("float too large to pack with e format"))?;
            put(out, big, &half.to_le_bytes());
        }
        (b'f', PackValue::Float(value)) => put(out, big, &single(value)?),
        (b'd', PackValue::Float(value)) => put(out, big, &value.to_le_bytes()),
        (b'F', PackValue::Complex(real, imaginary)) => {
            let (first, second) = out.split_at_mut(out.len() / 2);
            put(first, big, &single(real)?);
            put(second, big, &single(imaginary)?);
        }
        (b'D', PackValue::Complex(real, imaginary)) => {
            let (first, second) = out.split_at_mut(out.len() / 2);
            put(first, big, &real.to_le_bytes());
            put(second, big, &imaginary.to_le_bytes());
        }
        _ => return Err(PackError::Kind),
    }
    Ok(())
}

fn single(value: f64) -> Result<[u8; 4], PackError> {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(PackError::FloatTooLarge("float too large to pack with f format"));
    }
    Ok(narrow.to_le_bytes())
}

/// A value read from bytes.
#[derive(Clone, PartialEq, Debug)]
pub enum Unpacked {
    Signed(i64),
    Unsigned(u64),
    Bool(bool),
    Float(f64),
    Complex(f64, f64),
    /// A range of the bytes of the value.
    Bytes(Range<usize>),
}

/// Reads one value of a field from its bytes.
pub fn unpack(field: &Field, bytes: &[u8]) -> Unpacked {
    let mut little = [0u8; 16];
    let size = bytes.len().min(16);
    if !matches!(field.code, b's' | b'p') {
        little[..size].copy_from_slice(&bytes[..size]);
        if field.big_endian {
            let part = if matches!(field.code, b'F' | b'D') { size / 2 } else { size };
            little[..size].chunks_mut(part.max(1)).for_each(<[u8]>::reverse);
        }
    }
    let [a, b, c, d, e, f, g, h, rest @ ..] = little;
    let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    match field.code {
        b'?' => Unpacked::Bool(bytes.iter().any(|b| *b != 0)),
        b'c' | b's' => Unpacked::Bytes(0..bytes.len()),
        b'p' => {
            let length = bytes.first().map_or(0, |n| usize::from(*n).min(bytes.len() - 1));
            let start = usize::from(!bytes.is_empty());
            Unpacked::Bytes(start..start + length)
        }
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => {
            let shift = 64 - 8 * size.min(8) as u32;
            Unpacked::Signed(if size == 0 { 0 } else { (low << shift) as i64 >> shift })
        }
        b'e' => Unpacked::Float(half_to_f64(low as u16)),
        b'f' => Unpacked::Float(f64::from(f32::from_bits(low as u32))),
        b'd' => Unpacked::Float(f64::from_bits(low)),
        b'F' => Unpacked::Complex(
            f64::from(f32::from_bits(low as u32)),
            f64::from(f32::from_bits((low >> 32) as u32)),
        ),
        b'D' => Unpacked::Complex(f64::from_bits(low), f64::from_bits(u64::from_le_bytes(rest))),
        _ => Unpacked::Unsigned(low),
    }
}

/// IEEE 754 binary16, rounded half to even; `None` on overflow.
pub fn half_from_f64(value: f64) -> Option<u16> {
    let bits = value.to_bits();
    let sign = (bits >> 48) as u16 & 0x8000;
    if value.is_nan() {
        // The payload's high bits stay; a quiet nan stays one.
        let payload = (bits >> 42) as u16 & 0x3FF;
        return Some(sign | 0x7C00 | if payload == 0 { 0x200 } else { payload });
    }
    if value.is_infinite() {
        return Some(sign | 0x7C00);
    }
    let magnitude = value.abs();
    if magnitude >= 65520.0 {
        return None;
    }
    // Scaled so that the unit of the last place is 1: subnormals share the smallest exponent.
    let exponent = ((magnitude.to_bits() >> 52) as i32 - 1023).max(-14);
    let scaled = magnitude * f64::from_bits(((1023 + 10 - exponent) as u64) << 52);
    let rounded = scaled.round_ties_even() as u16;
    // A carry out of the fraction moves on into the exponent.
    Some(sign | ((((exponent + 14) as u16) << 10) + rounded))
}

/// The value of an IEEE 754 binary16.
pub fn half_to_f64(half: u16) -> f64 {
    let sign = u64::from(half >> 15) << 63;
    let (exponent, fraction) = (half >> 10 & 0x1F, u64::from(half & 0x3FF));
    match exponent {
        0x1F => f64::from_bits(sign | 0x7FF << 52 | fraction << 42),
        0 => {
            let value = fraction as f64 / 16_777_216.0;
            if sign != 0 { -value } else { value }
        }
        _ => f64::from_bits(sign | (u64::from(exponent) + 1023 - 15) << 52 | fraction << 42),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_align_and_values_survive() {
        let layout = parse(b"b h3sqe").unwrap();
        let offsets: Vec<usize> = layout.fields.iter().map(|f| f.offset).collect();
        assert_eq!((offsets, layout.size, layout.values), (vec![0, 2, 4, 8, 16], 18, 5));
        assert_eq!(parse(b"<n"), Err("bad char in struct format"));
        assert_eq!(parse(b"3"), Err("repeat count given without format specifier"));
        let field = parse(b">i").unwrap().fields[0];
        let mut bytes = [0; 4];
        pack(&field, PackValue::Int(-2), &mut bytes).unwrap();
        assert_eq!((bytes, unpack(&field, &bytes)), ([255, 255, 255, 254], Unpacked::Signed(-2)));
        let range = "'i' format requires -2147483648 <= number <= 2147483647".to_owned();
        assert_eq!(pack(&field, PackValue::Int(1 << 31), &mut bytes), Err(PackError::Range(range)));
        for half in 0..0x7C00 {
            assert_eq!(half_from_f64(half_to_f64(half)), Some(half));
        }
        assert_eq!((half_from_f64(65519.0), half_from_f64(65520.0)), (Some(0x7BFF), None));
    }
}
