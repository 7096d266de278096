//! `marshal` format 5, for constants and code objects: what `.pyc` files hold after their header.
//!
//! An object is a type byte and its content. Bit 7 of the type ([`FLAG_REF`]) gives the object the next reference
//! number; type `r` refers back to it. The reader takes any bytes without panicking and bounds its recursion; the
//! writer shares strings and writes no other references, which CPython reads alike.

use hashbrown::HashMap;

use super::code::{CodeData, Const};

/// The version that 3.14 writes.
pub const VERSION: u32 = 5;

const FLAG_REF: u8 = 0x80;
/// As deep as CPython lets data nest.
const MAX_DEPTH: u32 = 2000;
/// Bits of one digit of a large int.
const LONG_SHIFT: u32 = 15;

/// Why data cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarshalError {
    /// `EOFError`.
    TooShort,
    /// `ValueError`, with what is bad ("unknown type code").
    BadData(&'static str),
}

type Read<T> = Result<T, MarshalError>;

/// Reads one object. What follows it is ignored, as by `marshal.loads`.
pub fn read(bytes: &[u8]) -> Read<Const> {
    let mut reader = Reader { bytes, refs: Vec::new(), depth: 0 };
    match reader.object()? {
        Some(constant) => Ok(constant),
        None => Err(MarshalError::BadData("NULL object in marshal data for object")),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    /// `None`: announced, not complete yet.
    refs: Vec<Option<Const>>,
    depth: u32,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Read<&'b [u8]> {
        if count > self.bytes.len() {
            return Err(MarshalError::TooShort);
        }
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| MarshalError::TooShort)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn int32(&mut self) -> Read<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn double(&mut self) -> Read<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn size(&mut self, what: &'static str) -> Read<usize> {
        usize::try_from(self.int32()?).map_err(|_| MarshalError::BadData(what))
    }

    /// `None` is the NULL of CPython, which ends dicts.
    fn object(&mut self) -> Read<Option<Const>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(MarshalError::BadData("recursion limit exceeded"));
        }
        let code = self.byte()?;
        let is_ref = code & FLAG_REF != 0;
        let result = match code & !FLAG_REF {
            b'r' => {
                let index = self.size("invalid reference")?;
                match self.refs.get(index) {
                    Some(Some(constant)) => Some(constant.clone()),
                    _ => return Err(MarshalError::BadData("invalid reference")),
                }
            }
            b'0' => None,
            kind => {
                // A container takes its number before what is in it.
                let slot = self.refs.len();
                if is_ref {
                    self.refs.push(None);
                }
                let constant = self.value(kind)?;
                if is_ref && let Some(reserved) = self.refs.get_mut(slot) {
                    *reserved = Some(constant.clone());
                }
                Some(constant)
            }
        };
        self.depth -= 1;
        Ok(result)
    }

    fn constant(&mut self) -> Read<Const> {
        self.object()?.ok_or(MarshalError::BadData("NULL object in marshal data for object"))
    }

    fn constants(&mut self, count: usize) -> Read<Vec<Const>> {
        // The count may lie: memory grows with the data that is really there.
        let mut items = Vec::with_capacity(count.min(self.bytes.len()));
        for _ in 0..count {
            items.push(self.constant()?);
        }
        Ok(items)
    }

    fn value(&mut self, kind: u8) -> Read<Const> {
        Ok(match kind {
            b'N' => Const::None,
            b'T' => Const::True,
            b'F' => Const::False,
            b'.' => Const::Ellipsis,
            b'i' => Const::Int(i64::from(self.int32()?)),
            b'I' => Const::Int(i64::from_le_bytes(self.array()?)),
            b'l' => self.long()?,
            b'g' => Const::Float(self.double()?),
            b'y' => Const::Complex(self.double()?, self.double()?),
            b's' => {
                let size = self.size("bytes object size out of range")?;
                Const::Bytes(self.take(size)?.to_vec())
            }
            b'u' | b't' | b'a' | b'A' => {
                let size = self.size("string size out of range")?;
                self.text(kind, size)?
            }
            b'z' | b'Z' => {
                let size = usize::from(self.byte()?);
                self.text(b'a', size)?
            }
            b'(' => {
                let count = self.size("tuple size out of range")?;
                Const::Tuple(self.constants(count)?)
            }
            b')' => {
                let count = usize::from(self.byte()?);
                Const::Tuple(self.constants(count)?)
            }
            b'>' => {
                let count = self.size("set size out of range")?;
                Const::FrozenSet(self.constants(count)?)
            }
            b':' => Const::Slice(Box::new([self.constant()?, self.constant()?, self.constant()?])),
            b'c' => Const::Code(Box::new(self.code()?)),
            _ => return Err(MarshalError::BadData("unknown type code")),
        })
    }

    fn text(&mut self, kind: u8, size: usize) -> Read<Const> {
        let bytes = self.take(size)?;
        if matches!(kind, b'a' | b'A') {
            // Written as one byte a character.
            let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
            return Ok(Const::Str(text.into_bytes()));
        }
        if !is_wtf8(bytes) {
            return Err(MarshalError::BadData("invalid UTF-8"));
        }
        Ok(Const::Str(bytes.to_vec()))
    }

    fn long(&mut self) -> Read<Const> {
        let count = self.int32()?;
        let digits = count.unsigned_abs() as usize;
        let bytes = self.take(digits.checked_mul(2).ok_or(MarshalError::TooShort)?)?;
        let mut limbs: Vec<u64> = Vec::with_capacity(digits / 4 + 1);
        let (mut pending, mut bits) = (0u128, 0);
        let mut last = 1;
        for pair in bytes.chunks_exact(2) {
            last = u16::from_le_bytes([pair[0], pair[1]]);
            if last >> LONG_SHIFT != 0 {
                return Err(MarshalError::BadData("digit out of range in long"));
            }
            pending |= u128::from(last) << bits;
            bits += LONG_SHIFT;
            if bits >= 64 {
                limbs.push(pending as u64);
                pending >>= 64;
                bits -= 64;
            }
        }
        if last == 0 {
            return Err(MarshalError::BadData("unnormalized long data"));
        }
        if pending != 0 {
            limbs.push(pending as u64);
        }
        let negative = count < 0;
        Ok(match limbs[..] {
            [] => Const::Int(0),
            [limb] if limb <= i64::MAX as u64 => Const::Int(if negative { -(limb as i64) } else { limb as i64 }),
            [limb] if negative && limb == 1 << 63 => Const::Int(i64::MIN),
            _ => Const::BigInt { negative, limbs },
        })
    }

    fn count(&mut self) -> Read<u32> {
        u32::try_from(self.int32()?).map_err(|_| MarshalError::BadData("code: argument out of range"))
    }

    fn bytes_field(&mut self) -> Read<Vec<u8>> {
        match self.constant()? {
            Const::Bytes(bytes) => Ok(bytes),
            _ => Err(MarshalError::BadData("code: bytes expected")),
        }
    }

    fn string_field(&mut self) -> Read<String> {
        string_of(self.constant()?)
    }

    fn names_field(&mut self) -> Read<Vec<String>> {
        match self.constant()? {
            Const::Tuple(names) => names.into_iter().map(string_of).collect(),
            _ => Err(MarshalError::BadData("code: tuple expected")),
        }
    }

    fn code(&mut self) -> Read<CodeData> {
        let code = CodeData {
            argcount: self.count()?,
            posonlyargcount: self.count()?,
            kwonlyargcount: self.count()?,
            stacksize: self.count()?,
            flags: self.int32()? as u32,
            code: self.bytes_field()?,
            consts: match self.constant()? {
                Const::Tuple(consts) => consts,
                _ => return Err(MarshalError::BadData("code: tuple expected")),
            },
            names: self.names_field()?,
            localsplusnames: self.names_field()?,
            localspluskinds: self.bytes_field()?,
            filename: self.string_field()?,
            name: self.string_field()?,
            qualname: self.string_field()?,
            firstlineno: self.int32()?,
            linetable: self.bytes_field()?,
            exceptiontable: self.bytes_field()?,
        };
        if code.localsplusnames.len() != code.localspluskinds.len() || !code.code.len().is_multiple_of(2) {
            return Err(MarshalError::BadData("code: inconsistent lengths"));
        }
        Ok(code)
    }
}

fn string_of(constant: Const) -> Read<String> {
    match constant {
        Const::Str(bytes) => String::from_utf8(bytes).map_err(|_| MarshalError::BadData("invalid name")),
        _ => Err(MarshalError::BadData("code: name expected")),
    }
}

/// UTF-8 that may hold surrogates as three bytes.
fn is_wtf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return true,
            Err(error) => match &rest[error.valid_up_to()..] {
                [0xED, 0xA0..=0xBF, 0x80..=0xBF, tail @ ..] => rest = tail,
                _ => return false,
            },
        }
    }
}

/// Writes one object. Data nested deeper than [`MAX_DEPTH`] is refused.
pub fn write(constant: &Const) -> Result<Vec<u8>, MarshalError> {
    let mut writer = Writer { bytes: Vec::new(), strings: HashMap::new(), next_ref: 0, depth: 0 };
    writer.count_strings(constant)?;
    writer.depth = 0;
    writer.constant(constant)?;
    Ok(writer.bytes)
}

/// [`write`] of a code object.
pub fn write_code(code: &CodeData) -> Result<Vec<u8>, MarshalError> {
    write(&Const::Code(Box::new(code.clone())))
}

/// How often a string occurs, and its number once it is written.
#[derive(Clone, Copy, Default)]
struct Shared {
    count: u32,
    number: Option<u32>,
}

struct Writer {
    bytes: Vec<u8>,
    strings: HashMap<Vec<u8>, Shared>,
    next_ref: u32,
    depth: u32,
}

impl Writer {
    fn deeper(&mut self) -> Result<(), MarshalError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(MarshalError::BadData("object too deeply nested to marshal")) } else { Ok(()) }
    }

    fn note(&mut self, text: &[u8]) {
        self.strings.entry_ref(text).or_default().count += 1;
    }

    fn count_strings(&mut self, constant: &Const) -> Result<(), MarshalError> {
        self.deeper()?;
        match constant {
            Const::Str(text) => self.note(text),
            Const::Tuple(items) | Const::FrozenSet(items) => {
                items.iter().try_for_each(|item| self.count_strings(item))?;
            }
            Const::Slice(parts) => parts.iter().try_for_each(|part| self.count_strings(part))?,
            Const::Code(code) => {
                code.consts.iter().try_for_each(|item| self.count_strings(item))?;
                let own = [&code.filename, &code.name, &code.qualname];
                code.names.iter().chain(&code.localsplusnames).chain(own).for_each(|name| self.note(name.as_bytes()));
            }
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn int32(&mut self, value: i32) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn size(&mut self, size: usize) -> Result<(), MarshalError> {
        let size = i32::try_from(size).map_err(|_| MarshalError::BadData("unmarshallable object"))?;
        self.int32(size);
        Ok(())
    }

    fn constant(&mut self, constant: &Const) -> Result<(), MarshalError> {
        self.deeper()?;
        match constant {
            Const::None => self.bytes.push(b'N'),
            Const::True => self.bytes.push(b'T'),
            Const::False => self.bytes.push(b'F'),
            Const::Ellipsis => self.bytes.push(b'.'),
            Const::Int(value) => match i32::try_from(*value) {
                Ok(small) => {
                    self.bytes.push(b'i');
                    self.int32(small);
                }
                Err(_) => self.long(*value < 0, &[value.unsigned_abs()])?,
            },
            Const::BigInt { negative, limbs } => self.long(*negative, limbs)?,
            Const::Float(value) => {
                self.bytes.push(b'g');
                self.bytes.extend(value.to_le_bytes());
            }
            Const::Complex(real, imaginary) => {
                self.bytes.push(b'y');
                self.bytes.extend(real.to_le_bytes());
                self.bytes.extend(imaginary.to_le_bytes());
            }
            Const::Str(text) => {
                let looks_like_name = text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                self.string(text, looks_like_name)?;
            }
            Const::Bytes(bytes) => self.bytes_object(bytes)?,
            Const::Tuple(items) => {
                self.tuple_head(items.len())?;
                items.iter().try_for_each(|item| self.constant(item))?;
            }
            Const::FrozenSet(items) => {
                self.bytes.push(b'>');
                self.size(items.len())?;
                items.iter().try_for_each(|item| self.constant(item))?;
            }
            Const::Slice(parts) => {
                self.bytes.push(b':');
                parts.iter().try_for_each(|part| self.constant(part))?;
            }
            Const::Code(code) => self.code(code)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn tuple_head(&mut self, count: usize) -> Result<(), MarshalError> {
        match u8::try_from(count) {
            Ok(small) => self.bytes.extend([b')', small]),
            Err(_) => {
                self.bytes.push(b'(');
                self.size(count)?;
            }
        }
        Ok(())
    }

    fn bytes_object(&mut self, bytes: &[u8]) -> Result<(), MarshalError> {
        self.bytes.push(b's');
        self.size(bytes.len())?;
        self.bytes.extend(bytes);
        Ok(())
    }

    fn long(&mut self, negative: bool, limbs: &[u64]) -> Result<(), MarshalError> {
        let mut digits: Vec<u16> = Vec::new();
        let (mut pending, mut bits) = (0u128, 0);
        for limb in limbs {
            pending |= u128::from(*limb) << bits;
            bits += 64;
            while bits >= LONG_SHIFT {
                digits.push(pending as u16 & ((1 << LONG_SHIFT) - 1));
                pending >>= LONG_SHIFT;
                bits -= LONG_SHIFT;
            }
        }
        digits.push(pending as u16);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        self.bytes.push(b'l');
        let count = i32::try_from(digits.len()).map_err(|_| MarshalError::BadData("unmarshallable object"))?;
        self.int32(if negative { -count } else { count });
        digits.iter().for_each(|digit| self.bytes.extend(digit.to_le_bytes()));
        Ok(())
    }

    fn string(&mut self, text: &[u8], interned: bool) -> Result<(), MarshalError> {
        let mut flag = 0;
        if let Some(shared) = self.strings.get_mut(text) {
            if let Some(number) = shared.number {
                self.bytes.push(b'r');
                self.bytes.extend(number.to_le_bytes());
                return Ok(());
            }
            if shared.count > 1 {
                shared.number = Some(self.next_ref);
                self.next_ref += 1;
                flag = FLAG_REF;
            }
        }
        if !text.is_ascii() {
            self.bytes.push(if interned { b't' } else { b'u' } | flag);
            self.size(text.len())?;
        } else if let Ok(small) = u8::try_from(text.len()) {
            self.bytes.extend([if interned { b'Z' } else { b'z' } | flag, small]);
        } else {
            self.bytes.push(if interned { b'A' } else { b'a' } | flag);
            self.size(text.len())?;
        }
        self.bytes.extend(text);
        Ok(())
    }

    fn names(&mut self, names: &[String]) -> Result<(), MarshalError> {
        self.tuple_head(names.len())?;
        names.iter().try_for_each(|name| self.string(name.as_bytes(), true))
    }

    fn code(&mut self, code: &CodeData) -> Result<(), MarshalError> {
        self.bytes.push(b'c');
        for number in [code.argcount, code.posonlyargcount, code.kwonlyargcount, code.stacksize, code.flags] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes_object(&code.code)?;
        self.tuple_head(code.consts.len())?;
        code.consts.iter().try_for_each(|constant| self.constant(constant))?;
        self.names(&code.names)?;
        self.names(&code.localsplusnames)?;
        self.bytes_object(&code.localspluskinds)?;
        self.string(code.filename.as_bytes(), true)?;
        self.string(code.name.as_bytes(), true)?;
        self.string(code.qualname.as_bytes(), true)?;
        self.int32(code.firstlineno);
        self.bytes_object(&code.linetable)?;
        self.bytes_object(&code.exceptiontable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Const {
        let text = Const::Str("é\u{FFFF}".into());
        let surrogate = Const::Str(vec![0xED, 0xA0, 0x80]);
        let big = Const::BigInt { negative: true, limbs: vec![1, 2, 3] };
        let code = CodeData {
            names: vec!["a".into(), "b".into()],
            consts: vec![Const::Int(1 << 40), Const::Int(i64::MIN), big, text, surrogate],
            name: "a".into(),
            code: vec![128, 0],
            ..CodeData::default()
        };
        Const::Tuple(vec![Const::Code(Box::new(code)), Const::Float(-0.0), Const::Bytes(vec![0; 300])])
    }

    #[test]
    fn round_trip() {
        let bytes = write(&sample()).expect("writes");
        let again = write(&read(&bytes).expect("reads")).expect("writes");
        assert_eq!(bytes, again);
    }

    /// Every cut and every changed byte gives a value or an error, never a panic.
    #[test]
    fn bad_input_is_refused() {
        let bytes = write(&sample()).expect("writes");
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err());
        }
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let _ = read(&changed);
            }
        }
        assert!(matches!(read(&[b')' | FLAG_REF, 1, b'r', 0, 0, 0, 0]), Err(MarshalError::BadData(_))));
        assert!(read(&[b')', 1].repeat(5000)).is_err());
    }
}
