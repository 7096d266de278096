//! The type codes: how items are laid out, and how values become items and back.

use num_traits::Signed;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::{float, int};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Signed,
    Unsigned,
    Float,
    Char,
}

pub struct Typecode {
    pub letter: char,
    pub size: usize,
    pub kind: Kind,
    /// As `struct` and `memoryview` write it.
    pub format: &'static str,
    /// The number of the machine format, for pickles.
    pub machine_format: u8,
}

const fn typecode(letter: char, size: usize, kind: Kind, format: &'static str, machine_format: u8) -> Typecode {
    Typecode { letter, size, kind, format, machine_format }
}

/// All of them, in the order of `typecodes`. The machine formats are those of a little-endian machine.
pub static ALL: [Typecode; 14] = [
    typecode('b', 1, Kind::Signed, "b", 1),
    typecode('B', 1, Kind::Unsigned, "B", 0),
    typecode('u', 4, Kind::Char, "w", 20),
    typecode('w', 4, Kind::Char, "w", 20),
    typecode('h', 2, Kind::Signed, "h", 4),
    typecode('H', 2, Kind::Unsigned, "H", 2),
    typecode('i', 4, Kind::Signed, "i", 8),
    typecode('I', 4, Kind::Unsigned, "I", 6),
    typecode('l', 8, Kind::Signed, "l", 12),
    typecode('L', 8, Kind::Unsigned, "L", 10),
    typecode('q', 8, Kind::Signed, "q", 12),
    typecode('Q', 8, Kind::Unsigned, "Q", 10),
    typecode('f', 4, Kind::Float, "f", 14),
    typecode('d', 8, Kind::Float, "d", 16),
];

const _: () = assert!(cfg!(target_endian = "little"), "machine formats and item bytes are little-endian");

pub fn find(letter: char) -> Option<&'static Typecode> {
    ALL.iter().find(|typecode| typecode.letter == letter)
}

impl Typecode {
    pub fn is_unicode(&self) -> bool {
        self.kind == Kind::Char
    }

    /// The value of an item, whose bytes come first in `raw`, the rest being zero.
    pub fn decode(&self, raw: [u8; 8]) -> Owned {
        let bits = u64::from_le_bytes(raw);
        match (self.kind, self.size) {
            (Kind::Signed, size) => {
                let unused = 64 - 8 * size as u32;
                int::from_i64((bits << unused) as i64 >> unused)
            }
            (Kind::Unsigned, _) => int::from_u64(bits),
            (Kind::Float, 4) => float::from_f64(f64::from(f32::from_bits(bits as u32))),
            (Kind::Float, _) => float::from_f64(f64::from_bits(bits)),
            (Kind::Char, _) => string::from_char((bits as u32).min(0x10_FFFF)),
        }
    }

    /// The bytes of an item, or the exception that CPython raises.
    pub fn encode(&self, value: Value, thread: &mut Thread) -> PyResult<[u8; 8]> {
        let bits = match self.kind {
            Kind::Signed => self.encode_signed(value, thread)? as u64,
            Kind::Unsigned => self.encode_unsigned(value, thread)?,
            Kind::Float => {
                let number = convert::as_f64(value, thread)?;
                if self.size == 4 { u64::from((number as f32).to_bits()) } else { number.to_bits() }
            }
            Kind::Char => u64::from(encode_char(value, thread)?),
        };
        Ok(bits.to_le_bytes())
    }

    fn encode_signed(&self, value: Value, thread: &mut Thread) -> PyResult<i64> {
        let number = convert::index(value, thread)?;
        let Some(number) = int::as_i64(*number) else {
            let what = if self.letter == 'q' { "int too big to convert" } else { "Python int too large to convert to C long" };
            return Err(overflow(what, thread));
        };
        let (name, min, max) = match self.letter {
            'b' if i16::try_from(number).is_ok() => ("signed char", i64::from(i8::MIN), i64::from(i8::MAX)),
            'b' | 'h' => ("signed short integer", i64::from(i16::MIN), i64::from(i16::MAX)),
            'i' => ("signed integer", i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => return Ok(number),
        };
        check_range(name, number, min, max, thread)
    }

    fn encode_unsigned(&self, value: Value, thread: &mut Thread) -> PyResult<u64> {
        let number = convert::index(value, thread)?;
        if matches!(self.letter, 'B' | 'H') {
            let Some(number) = int::as_i64(*number) else {
                return Err(overflow("Python int too large to convert to C long", thread));
            };
            let number = match self.letter {
                'B' => check_range("unsigned byte integer", number, 0, 255, thread)?,
                _ => {
                    check_range("signed integer", number, i64::from(i32::MIN), i64::from(i32::MAX), thread)?;
                    check_range("unsigned short", number, 0, 65535, thread)?
                }
            };
            return Ok(number as u64);
        }
        let is_negative = int::as_i64(*number).map_or_else(|| int::to_bigint(*number).is_negative(), |number| number < 0);
        if is_negative {
            let what = if self.letter == 'Q' { "can't convert negative int to unsigned" } else { "can't convert negative value to unsigned int" };
            return Err(overflow(what, thread));
        }
        match int::as_u64(*number) {
            Some(number) if self.letter == 'I' && number > u64::from(u32::MAX) => Err(overflow("unsigned int is greater than maximum", thread)),
            Some(number) => Ok(number),
            None if self.letter == 'Q' => Err(overflow("int too big to convert", thread)),
            None => Err(overflow("Python int too large to convert to C unsigned long", thread)),
        }
    }
}

fn overflow(what: &str, thread: &mut Thread) -> Raised {
    thread.raise(&exc::OVERFLOW_ERROR, what)
}

fn check_range(name: &str, number: i64, min: i64, max: i64, thread: &mut Thread) -> PyResult<i64> {
    if number < min {
        return Err(overflow(&format!("{name} is less than minimum"), thread));
    }
    if number > max {
        return Err(overflow(&format!("{name} is greater than maximum"), thread));
    }
    Ok(number)
}

fn encode_char(value: Value, thread: &mut Thread) -> PyResult<u32> {
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("array item must be a unicode character, not {name}")));
    }
    let text = StrObject::of(value);
    if text.len() != 1 {
        let n = text.len();
        return Err(thread.raise_type_error(format!("array item must be a unicode character, not a string of length {n}")));
    }
    Ok(text.char_at(0))
}

/// The characters of a string as items.
pub fn encode_text(text: &StrObject) -> Vec<u8> {
    text.chars().iter().flat_map(u32::to_le_bytes).collect()
}

/// Items as a string.
pub fn decode_text(bytes: &[u8], thread: &mut Thread) -> PyResult {
    let mut chars = Vec::with_capacity(bytes.len() / 4);
    for chunk in bytes.chunks_exact(4) {
        let ch = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        if ch > 0x10_FFFF {
            return Err(thread.raise_value_error(format!("character U+{ch:x} is not in range [U+0000; U+10ffff]")));
        }
        chars.push(ch);
    }
    Ok(string::from_code_points(&chars))
}
