//! Reading. Any bytes are taken without a panic, and recursion is bounded.

use std::borrow::Cow;

use num_bigint::{BigInt, BigUint, Sign};
use pyrt_compiler::bytecode::code::CodeData;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::{bytearray, bytes, code, complex, dict, float, int, list, set, slice, string, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::{FLAG_REF, MAX_DEPTH};

enum Source<'b> {
    Slice(&'b [u8]),
    /// A file with `readinto`.
    File(Value),
}

pub(super) struct Reader<'b> {
    source: Source<'b>,
    allow_code: bool,
    /// `None`: announced, not complete yet.
    refs: Vec<Option<Owned>>,
    depth: u32,
}

fn bad(what: &str, thread: &mut Thread) -> Raised {
    thread.raise_value_error(format!("bad marshal data ({what})"))
}

impl<'b> Reader<'b> {
    pub(super) fn of_slice(data: &'b [u8], allow_code: bool) -> Reader<'b> {
        Reader { source: Source::Slice(data), allow_code, refs: Vec::new(), depth: 0 }
    }

    pub(super) fn of_file(file: Value, allow_code: bool) -> Reader<'b> {
        Reader { source: Source::File(file), allow_code, refs: Vec::new(), depth: 0 }
    }

    /// One object.
    pub(super) fn whole(mut self, thread: &mut Thread) -> PyResult {
        self.required("object", thread)
    }

    fn take(&mut self, count: usize, thread: &mut Thread) -> PyResult<Cow<'b, [u8]>> {
        match &mut self.source {
            Source::Slice(data) => {
                if count > data.len() {
                    return Err(thread.raise(&exc::EOF_ERROR, "marshal data too short"));
                }
                let (taken, rest) = data.split_at(count);
                *data = rest;
                Ok(Cow::Borrowed(taken))
            }
            Source::File(file) => {
                let file = *file;
                let place = bytearray::from_vec(vec![0; count]);
                let got = call::call_method(file, *pyrt_runtime::names::interned("readinto"), &[*place], thread)?;
                let got = convert::index_as_i64(*got, thread, Some(&exc::OVERFLOW_ERROR))?;
                if got != count as i64 {
                    return Err(if got > count as i64 {
                        thread.raise_value_error(format!("read() returned too much data: {count} bytes requested, {got} returned"))
                    } else {
                        thread.raise(&exc::EOF_ERROR, "EOF read where not expected")
                    });
                }
                Ok(Cow::Owned(pyrt_runtime::protocol::buffer::copy_bytes(*place, thread)?))
            }
        }
    }

    fn array<const N: usize>(&mut self, thread: &mut Thread) -> PyResult<[u8; N]> {
        let taken = self.take(N, thread)?;
        let mut array = [0; N];
        array.copy_from_slice(&taken[..N]);
        Ok(array)
    }

    fn int32(&mut self, thread: &mut Thread) -> PyResult<i32> {
        Ok(i32::from_le_bytes(self.array(thread)?))
    }

    fn size(&mut self, what: &str, thread: &mut Thread) -> PyResult<usize> {
        let size = self.int32(thread)?;
        usize::try_from(size).map_err(|_| bad(&format!("{what} size out of range"), thread))
    }

    /// A number as text (versions below 2).
    fn float_text(&mut self, thread: &mut Thread) -> PyResult<f64> {
        let [size] = self.array::<1>(thread)?;
        let text = self.take(usize::from(size), thread)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.trim().parse().map_err(|_| thread.raise_value_error(format!("could not convert string to float: '{text}'")))
    }

    fn double(&mut self, thread: &mut Thread) -> PyResult<f64> {
        Ok(f64::from_le_bytes(self.array(thread)?))
    }

    fn required(&mut self, what: &str, thread: &mut Thread) -> PyResult {
        match self.object(thread)? {
            Some(value) => Ok(value),
            None => Err(thread.raise_type_error(format!("NULL object in marshal data for {what}"))),
        }
    }

    fn items(&mut self, count: usize, what: &str, thread: &mut Thread) -> PyResult<Vec<Owned>> {
        // The count may lie: memory grows with the data that is really there.
        let mut items = Vec::with_capacity(count.min(4096));
        for _ in 0..count {
            items.push(self.required(what, thread)?);
        }
        Ok(items)
    }

    fn reserve(&mut self, is_ref: bool) -> usize {
        if is_ref {
            self.refs.push(None);
        }
        self.refs.len().wrapping_sub(1)
    }

    fn fill(&mut self, slot: usize, is_ref: bool, value: Owned) -> Owned {
        if is_ref && let Some(place) = self.refs.get_mut(slot) {
            *place = Some(value.clone());
        }
        value
    }

    /// `None` is the NULL of CPython, which ends dicts.
    fn object(&mut self, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let kind = match &self.source {
            Source::Slice([]) => return Err(thread.raise(&exc::EOF_ERROR, "EOF read where object expected")),
            _ => self.array::<1>(thread)?[0],
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(thread.raise_value_error("recursion limit exceeded"));
        }
        let result = self.value(kind & !FLAG_REF, kind & FLAG_REF != 0, thread);
        self.depth -= 1;
        result
    }

    fn value(&mut self, kind: u8, is_ref: bool, thread: &mut Thread) -> PyResult<Option<Owned>> {
        // What cannot refer to itself is complete before it gets its number.
        let simple = match kind {
            b'0' => return Ok(None),
            b'N' => return Ok(Some(Owned::none())),
            b'T' => return Ok(Some(Owned::true_())),
            b'F' => return Ok(Some(Owned::false_())),
            b'.' => return Ok(Some(Owned::ellipsis())),
            b'S' => return Ok(Some(exc::STOP_ITERATION.get().value().to_owned())),
            b'r' => {
                let index = self.int32(thread)?;
                return match usize::try_from(index).ok().and_then(|index| self.refs.get(index)) {
                    Some(Some(value)) => Ok(Some(value.clone())),
                    _ => Err(bad("invalid reference", thread)),
                };
            }
            b'i' => Owned::int(i64::from(self.int32(thread)?)),
            b'I' => Owned::int(i64::from_le_bytes(self.array(thread)?)),
            b'l' => self.long(thread)?,
            b'f' => float::from_f64(self.float_text(thread)?),
            b'g' => float::from_f64(self.double(thread)?),
            b'x' => {
                let re = self.float_text(thread)?;
                complex::new(re, self.float_text(thread)?)
            }
            b'y' => {
                let re = self.double(thread)?;
                complex::new(re, self.double(thread)?)
            }
            b's' => {
                let size = self.size("bytes object", thread)?;
                bytes::from_slice(&self.take(size, thread)?)
            }
            b'u' | b't' => {
                let size = self.size("string", thread)?;
                let text = self.take(size, thread)?;
                let text = decode(&text, thread)?;
                if kind == b't' { string::intern(text) } else { text }
            }
            b'a' | b'A' | b'z' | b'Z' => {
                let size = match kind {
                    b'a' | b'A' => self.size("string", thread)?,
                    _ => usize::from(self.array::<1>(thread)?[0]),
                };
                let text = self.take(size, thread)?;
                let made = string::from_latin1(&text);
                if matches!(kind, b'A' | b'Z') { string::intern(made) } else { made }
            }
            _ => return self.container(kind, is_ref, thread).map(Some),
        };
        if is_ref {
            self.refs.push(Some(simple.clone()));
        }
        Ok(Some(simple))
    }

    fn long(&mut self, thread: &mut Thread) -> PyResult {
        let count = self.int32(thread)?;
        if count == i32::MIN {
            return Err(bad("long size out of range", thread));
        }
        let mut words = Vec::new();
        let (mut pending, mut bits, mut last) = (0u64, 0u32, 1u64);
        for _ in 0..count.unsigned_abs() {
            let digit = u64::from(u16::from_le_bytes(self.array(thread)?));
            if digit >= 1 << 15 {
                return Err(bad("digit out of range in long", thread));
            }
            last = digit;
            pending |= digit << bits;
            bits += 15;
            if bits >= 32 {
                words.push(pending as u32);
                pending >>= 32;
                bits -= 32;
            }
        }
        if last == 0 {
            return Err(bad("unnormalized long data", thread));
        }
        words.push(pending as u32);
        let sign = if count < 0 { Sign::Minus } else { Sign::Plus };
        Ok(int::from_bigint(&BigInt::from_biguint(sign, BigUint::new(words))))
    }

    fn container(&mut self, kind: u8, is_ref: bool, thread: &mut Thread) -> PyResult {
        match kind {
            b'(' | b')' => {
                let size = match kind {
                    b'(' => self.size("tuple", thread)?,
                    _ => usize::from(self.array::<1>(thread)?[0]),
                };
                let slot = self.reserve(is_ref);
                let items = self.items(size, "tuple", thread)?;
                Ok(self.fill(slot, is_ref, tuple::from_vec(items)))
            }
            b'[' => {
                let size = self.size("list", thread)?;
                let slot = self.reserve(is_ref);
                let made = self.fill(slot, is_ref, list::new());
                for _ in 0..size {
                    let item = self.required("list", thread)?;
                    ListObject::of(*made).push(item);
                }
                Ok(made)
            }
            b'{' => {
                let slot = self.reserve(is_ref);
                let made = self.fill(slot, is_ref, dict::new());
                while let Some(key) = self.object(thread)? {
                    let Some(value) = self.object(thread)? else { break };
                    DictObject::of(*made).set(*key, value, thread)?;
                }
                Ok(made)
            }
            b'<' => {
                let size = self.size("set", thread)?;
                let slot = self.reserve(is_ref);
                let made = self.fill(slot, is_ref, set::new());
                for _ in 0..size {
                    let item = self.required("set", thread)?;
                    set::add(*made, *item, thread)?;
                }
                Ok(made)
            }
            b'>' => {
                let size = self.size("set", thread)?;
                let slot = self.reserve(is_ref);
                let items = self.items(size, "set", thread)?;
                let made = set::frozenset_from(items, thread)?;
                Ok(self.fill(slot, is_ref, made))
            }
            b':' => {
                let slot = self.reserve(is_ref);
                let start = self.required("slice", thread)?;
                let stop = self.required("slice", thread)?;
                let step = self.required("slice", thread)?;
                Ok(self.fill(slot, is_ref, slice::new(start, stop, step)))
            }
            b'c' => {
                if !self.allow_code {
                    return Err(thread.raise_value_error("unmarshalling code objects is disallowed"));
                }
                let slot = self.reserve(is_ref);
                let made = self.code(thread)?;
                Ok(self.fill(slot, is_ref, made))
            }
            _ => Err(bad("unknown type code", thread)),
        }
    }

    fn count(&mut self, thread: &mut Thread) -> PyResult<u32> {
        let count = self.int32(thread)?;
        u32::try_from(count).map_err(|_| bad("code: negative count", thread))
    }

    fn part(&mut self, is_right: fn(Value) -> bool, thread: &mut Thread) -> PyResult {
        let value = self.required("code", thread)?;
        if is_right(*value) { Ok(value) } else { Err(bad("code: wrong type of field", thread)) }
    }

    fn text(&mut self, thread: &mut Thread) -> PyResult<String> {
        let value = self.part(string::is_str, thread)?;
        Ok(StrObject::of(*value).to_string_lossy())
    }

    fn byte_part(&mut self, thread: &mut Thread) -> PyResult<Vec<u8>> {
        let value = self.part(bytes::is_bytes, thread)?;
        Ok(bytes::BytesObject::of(*value).as_slice().to_vec())
    }

    fn texts(&mut self, thread: &mut Thread) -> PyResult<Vec<String>> {
        let value = self.part(tuple::is_exact, thread)?;
        let items = TupleObject::of(*value).items();
        if !items.iter().all(|item| string::is_str(*item)) {
            return Err(thread.raise_type_error("name tuples must contain only strings, not other types"));
        }
        Ok(items.iter().map(|item| StrObject::of(*item).to_string_lossy()).collect())
    }

    fn code(&mut self, thread: &mut Thread) -> PyResult {
        let (argcount, posonlyargcount, kwonlyargcount) = (self.count(thread)?, self.count(thread)?, self.count(thread)?);
        let stacksize = self.count(thread)?;
        let flags = self.int32(thread)? as u32;
        let instructions = self.byte_part(thread)?;
        let consts = self.part(tuple::is_exact, thread)?;
        let names = self.texts(thread)?;
        let localsplusnames = self.texts(thread)?;
        let localspluskinds = self.byte_part(thread)?;
        let filename = self.part(string::is_str, thread)?;
        let data = CodeData {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code: instructions,
            consts: Vec::new(),
            names,
            localsplusnames,
            localspluskinds,
            filename: StrObject::of(*filename).to_string_lossy(),
            name: self.text(thread)?,
            qualname: self.text(thread)?,
            firstlineno: self.int32(thread)?,
            linetable: self.byte_part(thread)?,
            exceptiontable: self.byte_part(thread)?,
        };
        if data.localspluskinds.len() != data.localsplusnames.len() {
            return Err(thread.raise_value_error("code: localspluskinds and localsplusnames differ in length"));
        }
        let consts = TupleObject::of(*consts).items().iter().map(|item| item.to_owned()).collect();
        let made = code::from_parts(data, consts, thread)?;
        code::CodeObject::of(*made).set_filename(filename);
        Ok(made)
    }
}

/// UTF-8 that may hold lone surrogates.
fn decode(text: &[u8], thread: &mut Thread) -> PyResult {
    match std::str::from_utf8(text) {
        Ok(text) => Ok(string::from_str(text)),
        Err(_) => {
            let bytes = bytes::from_slice(text);
            let (encoding, errors) = (Owned::str("utf-8"), Owned::str("surrogatepass"));
            call::call_method(*bytes, pyrt_runtime::names().decode, &[*encoding, *errors], thread)
        }
    }
}
