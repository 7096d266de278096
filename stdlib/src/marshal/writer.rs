//! Writing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use num_bigint::Sign;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::refcount;
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::code::CodeObject;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::set::{self, SetObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::{complex, int, list, slice};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::{FLAG_REF, MAX_DEPTH};

struct Writer {
    out: Vec<u8>,
    version: i32,
    allow_code: bool,
    /// Reference numbers of objects that others may hold too, by identity; the objects are kept until the end.
    refs: HashMap<u64, u32>,
    kept: Vec<Owned>,
    depth: u32,
}

/// An object as bytes.
pub(super) fn write(value: Value, version: i32, allow_code: bool, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let mut writer = Writer { out: Vec::new(), version, allow_code, refs: HashMap::new(), kept: Vec::new(), depth: 0 };
    writer.object(value, thread)?;
    Ok(writer.out)
}

impl Writer {
    fn int32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn size(&mut self, size: usize, thread: &mut Thread) -> PyResult<()> {
        match i32::try_from(size) {
            Ok(size) => {
                self.int32(size);
                Ok(())
            }
            Err(_) => Err(thread.raise_value_error("unmarshallable object")),
        }
    }

    fn bytes(&mut self, data: &[u8], thread: &mut Thread) -> PyResult<()> {
        self.size(data.len(), thread)?;
        self.out.extend_from_slice(data);
        Ok(())
    }

    /// A reference if the object was written before; else the flag for its type byte.
    fn reference(&mut self, value: Value) -> Option<u8> {
        if self.version < 3 {
            return Some(0);
        }
        // SAFETY: a pointer value is a live object.
        let is_unshared = value.is_pointer() && unsafe { refcount::count(&*value.header()) } == 1;
        if is_unshared && !(string::is_exact(value) && StrObject::of(value).is_interned()) {
            return Some(0);
        }
        let next = self.refs.len() as u32;
        match self.refs.entry(value.id()) {
            Entry::Occupied(entry) => {
                let number = *entry.get();
                self.out.push(b'r');
                self.out.extend_from_slice(&number.to_le_bytes());
                None
            }
            Entry::Vacant(entry) => {
                entry.insert(next);
                self.kept.push(value.to_owned());
                Some(FLAG_REF)
            }
        }
    }

    fn object(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(thread.raise_value_error("object too deeply nested to marshal"));
        }
        let singleton = match () {
            () if value.is_none() => Some(b'N'),
            () if value.is_true() => Some(b'T'),
            () if value.is_false() => Some(b'F'),
            () if value.is_ellipsis() => Some(b'.'),
            () if value.is(exc::STOP_ITERATION.get().value()) => Some(b'S'),
            () => None,
        };
        match singleton {
            Some(kind) => self.out.push(kind),
            None => {
                if let Some(flag) = self.reference(value) {
                    self.complex_object(value, flag, thread)?;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn complex_object(&mut self, value: Value, flag: u8, thread: &mut Thread) -> PyResult<()> {
        if value.type_object().value().is(int_type()) {
            return self.int(value, flag, thread);
        }
        if string::is_exact(value) {
            return self.string(value, flag, thread);
        }
        if tuple::is_exact(value) {
            let items = TupleObject::of(value).items();
            if self.version >= 4 && items.len() < 256 {
                self.out.extend([b')' | flag, items.len() as u8]);
            } else {
                self.out.push(b'(' | flag);
                self.size(items.len(), thread)?;
            }
            return items.iter().try_for_each(|item| self.object(*item, thread));
        }
        if value.has_shape(shapes::CODE) {
            return self.code(value, flag, thread);
        }
        let ty = value.type_object();
        let is = |static_type: &pyrt_runtime::types::builtin_types::StaticType| std::ptr::eq(ty, static_type.get());
        use pyrt_runtime::types::builtin_types::{BYTES, COMPLEX, FLOAT, LIST, SLICE};
        if is(&FLOAT) {
            let number = pyrt_runtime::types::float::as_f64(value).unwrap_or(0.0);
            if self.version > 1 {
                self.out.push(b'g' | flag);
                self.out.extend_from_slice(&number.to_le_bytes());
            } else {
                self.out.push(b'f' | flag);
                self.float_text(number);
            }
            return Ok(());
        }
        if is(&COMPLEX) {
            let (re, im) = complex::parts(value).unwrap_or((0.0, 0.0));
            if self.version > 1 {
                self.out.push(b'y' | flag);
                self.out.extend_from_slice(&re.to_le_bytes());
                self.out.extend_from_slice(&im.to_le_bytes());
            } else {
                self.out.push(b'x' | flag);
                self.float_text(re);
                self.float_text(im);
            }
            return Ok(());
        }
        if is(&BYTES) && bytes::is_bytes(value) {
            self.out.push(b's' | flag);
            return self.bytes(BytesObject::of(value).as_slice(), thread);
        }
        if is(&LIST) {
            let items = list::ListObject::of(value).to_vec();
            self.out.push(b'[' | flag);
            self.size(items.len(), thread)?;
            return items.iter().try_for_each(|item| self.object(**item, thread));
        }
        if dict::is_exact(value) {
            self.out.push(b'{' | flag);
            for entry in DictObject::of(value).entries() {
                self.object(*entry.key, thread)?;
                self.object(*entry.value, thread)?;
            }
            self.out.push(b'0');
            return Ok(());
        }
        if set::is_exact_set(value) || set::is_exact_frozenset(value) {
            return self.set(value, flag, thread);
        }
        if is(&SLICE) {
            if self.version < 5 {
                return self.unmarshallable(thread);
            }
            self.out.push(b':' | flag);
            return slice::parts(value).iter().try_for_each(|part| self.object(*part, thread));
        }
        if buffer::supports_buffer(value) {
            let data = buffer::copy_bytes(value, thread)?;
            self.out.push(b's' | flag);
            return self.bytes(&data, thread);
        }
        self.unmarshallable(thread)
    }

    fn unmarshallable(&mut self, thread: &mut Thread) -> PyResult<()> {
        Err(thread.raise_value_error("unmarshallable object"))
    }

    fn float_text(&mut self, number: f64) {
        let text = pyrt_runtime::number::float_text::float_repr(number);
        let text = text.as_str();
        self.out.push(text.len() as u8);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn int(&mut self, value: Value, flag: u8, thread: &mut Thread) -> PyResult<()> {
        if let Some(number) = int::as_i64(value).and_then(|number| i32::try_from(number).ok()) {
            self.out.push(b'i' | flag);
            self.int32(number);
            return Ok(());
        }
        let number = int::to_bigint(value);
        let words = number.magnitude().to_u32_digits();
        let mut digits: Vec<u16> = Vec::with_capacity(words.len() * 32 / 15 + 1);
        let (mut pending, mut bits) = (0u64, 0u32);
        for word in words {
            pending |= u64::from(word) << bits;
            bits += 32;
            while bits >= 15 {
                digits.push((pending & 0x7FFF) as u16);
                pending >>= 15;
                bits -= 15;
            }
        }
        digits.push(pending as u16);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let Ok(count) = i32::try_from(digits.len()) else { return self.unmarshallable(thread) };
        self.out.push(b'l' | flag);
        self.int32(if number.sign() == Sign::Minus { -count } else { count });
        for digit in digits {
            self.out.extend_from_slice(&digit.to_le_bytes());
        }
        Ok(())
    }

    fn string(&mut self, value: Value, flag: u8, thread: &mut Thread) -> PyResult<()> {
        let text = StrObject::of(value);
        let interned = text.is_interned();
        if self.version >= 4 && text.is_ascii() {
            let data = text.raw_bytes();
            if data.len() < 256 {
                self.out.extend([if interned { b'Z' } else { b'z' } | flag, data.len() as u8]);
                self.out.extend_from_slice(data);
                return Ok(());
            }
            self.out.push(if interned { b'A' } else { b'a' } | flag);
            return self.bytes(data, thread);
        }
        self.out.push(if self.version >= 3 && interned { b't' } else { b'u' } | flag);
        self.bytes(&text.to_wtf8(), thread)
    }

    /// Elements are written in the order of their own bytes, so that equal sets give equal data.
    fn set(&mut self, value: Value, flag: u8, thread: &mut Thread) -> PyResult<()> {
        self.out.push(if set::is_exact_set(value) { b'<' } else { b'>' } | flag);
        let mut elements = Vec::new();
        for entry in SetObject::of(value).entries() {
            let data = write(*entry.key, self.version, self.allow_code, thread)?;
            elements.push((data, entry.key));
        }
        elements.sort_by(|a, b| a.0.cmp(&b.0));
        self.size(elements.len(), thread)?;
        elements.iter().try_for_each(|(_, element)| self.object(**element, thread))
    }

    fn code(&mut self, value: Value, flag: u8, thread: &mut Thread) -> PyResult<()> {
        if !self.allow_code {
            return Err(thread.raise_value_error("marshalling code objects is disallowed"));
        }
        let code = CodeObject::of(value);
        self.out.push(b'c' | flag);
        for number in [code.argcount, code.posonlyargcount, code.kwonlyargcount, code.stacksize, code.flags] {
            self.int32(number as i32);
        }
        self.byte_part(&code.data.code, thread)?;
        self.object(*code.consts, thread)?;
        self.object(*code.names, thread)?;
        self.object(*code.localsplusnames, thread)?;
        self.byte_part(&code.data.localspluskinds, thread)?;
        let filename = code.filename();
        self.object(*filename, thread)?;
        self.object(*code.name, thread)?;
        self.object(*code.qualname, thread)?;
        self.int32(code.firstlineno);
        self.byte_part(&code.data.linetable, thread)?;
        self.byte_part(&code.data.exceptiontable, thread)
    }

    fn byte_part(&mut self, data: &[u8], thread: &mut Thread) -> PyResult<()> {
        self.out.push(b's');
        self.bytes(data, thread)
    }
}

fn int_type() -> Value {
    pyrt_runtime::types::builtin_types::INT.get().value()
}
