//! Writing an object: atoms and containers. Objects of other types reduce themselves ([`super::reduction`]).
//!
//! # Invariants
//! * What is in the memo was written completely or is being written as a container that a GET can refer to.
//! * Nesting is bounded by the native stack: [`Save::nested`] raises RecursionError.

use num_bigint::BigInt;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::number::float_text::float_repr;
use pyrt_runtime::protocol::{call, compare, convert, iterate};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::types::builtin_types::{INT, shapes};
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::set::SetObject;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS;
use pyrt_runtime::types::{bytearray, float, int};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::notes::{note, pickling_error, shown};
use super::opcodes::*;
use super::output::Output;
use super::pickler::{self, Pickler};
use super::{buffer, registries};

/// Items between MARK and APPENDS, SETITEMS, ADDITEMS.
const BATCH_SIZE: usize = 1000;
/// Containers nested deeper than this are noted in fast mode, to find cycles.
const FAST_NESTING_LIMIT: usize = 50;

/// A dump in progress.
pub struct Save<'a> {
    pub pickler: &'a Pickler,
    pub out: Output,
    pub protocol: u8,
    /// Binary opcodes are used.
    bin: bool,
    fast: bool,
    pub fix_imports: bool,
    persistent_id: Option<Owned>,
    pub reducer_override: Option<Owned>,
    pub dispatch_table: Option<Owned>,
    buffer_callback: Option<Owned>,
    /// Containers that are being written in fast mode.
    fast_path: Vec<u64>,
}

impl<'a> Save<'a> {
    pub fn new(this: Value, out: Output, thread: &mut Thread) -> PyResult<Save<'a>> {
        let pickler = pickler::of(this);
        let persistent_id = pickler::persistent_id_of(this, thread)?;
        let is_own = std::ptr::eq(this.type_object(), pickler::PICKLER.get());
        let reducer_override = if is_own { None } else { pyrt_runtime::protocol::attribute::get_optional(this, pyrt_runtime::names().reducer_override, thread)? };
        Ok(Save {
            pickler,
            out,
            protocol: pickler.protocol.load(Ordering::Relaxed).clamp(0, i32::from(HIGHEST_PROTOCOL)) as u8,
            bin: pickler.bin.load(Ordering::Relaxed) != 0,
            fast: pickler.fast.load(Ordering::Relaxed) != 0,
            fix_imports: pickler.fix_imports.load(Ordering::Relaxed),
            persistent_id,
            reducer_override,
            dispatch_table: pickler.dispatch_table.load(&pickler.header),
            buffer_callback: pickler.buffer_callback.load(&pickler.header),
            fast_path: Vec::new(),
        })
    }

    pub fn into_output(self) -> Output {
        self.out
    }

    /// A whole pickle.
    pub fn whole(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.protocol >= 2 {
            self.out.bytes(&[PROTO, self.protocol]);
            if self.protocol >= 4 {
                self.out.start_framing();
            }
        }
        self.save(value, thread)?;
        self.out.byte(STOP);
        Ok(())
    }

    #[inline]
    pub fn memo_number(&self, value: Value) -> Option<usize> {
        self.pickler.memo.with(&self.pickler.header, |memo| memo.get(value))
    }

    /// Gives the object on top of the stack the next number.
    #[inline]
    pub fn memoize(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.fast {
            return Ok(());
        }
        let number = self.pickler.memo.with(&self.pickler.header, |memo| {
            let number = memo.len();
            memo.insert(value, number);
            number
        });
        if self.protocol >= 4 {
            self.out.byte(MEMOIZE);
            return Ok(());
        }
        self.put_number([PUT, BINPUT, LONG_BINPUT], number, "memo id too large for LONG_BINPUT", thread)
    }

    /// An opcode with a memo number: as text, in a byte or in four.
    fn put_number(&mut self, opcodes: [u8; 3], number: usize, too_large: &str, thread: &mut Thread) -> PyResult<()> {
        if !self.bin {
            self.out.bytes(format!("{}{number}\n", opcodes[0] as char).as_bytes());
        } else if let Ok(small) = u8::try_from(number) {
            self.out.bytes(&[opcodes[1], small]);
        } else if let Ok(large) = u32::try_from(number) {
            let [a, b, c, d] = large.to_le_bytes();
            self.out.bytes(&[opcodes[2], a, b, c, d]);
        } else {
            return Err(pickling_error(too_large, thread));
        }
        Ok(())
    }

    /// Fetches an object that was written before.
    pub fn recall(&mut self, number: usize, thread: &mut Thread) -> PyResult<()> {
        self.put_number([GET, BINGET, LONG_BINGET], number, "memo id too large for LONG_BINGET", thread)
    }

    /// Writes an object.
    #[inline]
    pub fn save(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        self.out.boundary(thread)?;
        if self.persistent_id.is_some() && self.save_persistent(value, thread)? {
            return Ok(());
        }
        self.save_itself(value, thread)
    }

    /// Asks for a persistent id and writes it; false if the object has none.
    fn save_persistent(&mut self, value: Value, thread: &mut Thread) -> PyResult<bool> {
        let Some(function) = self.persistent_id.clone() else { return Ok(false) };
        let id = call::call(*function, &[value], thread)?;
        if id.is_none() {
            return Ok(false);
        }
        if self.bin {
            self.out.boundary(thread)?;
            self.save_itself(*id, thread)?;
            self.out.byte(BINPERSID);
            return Ok(true);
        }
        let text = convert::str(*id, thread)?;
        let Some(ascii) = StrObject::of(*text).as_ascii() else {
            return Err(pickling_error("persistent IDs in protocol 0 must be ASCII strings", thread));
        };
        self.out.byte(PERSID);
        self.out.bytes(ascii.as_bytes());
        self.out.byte(b'\n');
        Ok(true)
    }

    fn save_itself(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let shape = value.shape();
        match shape {
            shapes::NONE => {
                self.out.byte(NONE);
                return Ok(());
            }
            shapes::BOOL => {
                self.save_bool(value.is_true());
                return Ok(());
            }
            shapes::INT => return self.save_int(value, thread),
            shapes::FLOAT => {
                self.save_float(float::as_f64(value).unwrap_or(0.0));
                return Ok(());
            }
            _ => {}
        }
        if let Some(number) = self.memo_number(value) {
            return self.recall(number, thread);
        }
        match shape {
            shapes::STR => self.save_str(value, thread),
            shapes::BYTES => self.save_bytes(value, thread),
            _ => self.nested(value, thread),
        }
    }

    /// Objects that hold others.
    fn nested(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if thread.native_stack_is_low() {
            return Err(thread.raise_recursion_error(" while pickling an object"));
        }
        match value.shape() {
            shapes::DICT => self.save_dict(value, thread),
            shapes::SET => self.save_set(value, thread),
            shapes::FROZENSET => self.save_frozenset(value, thread),
            shapes::LIST => self.save_list(value, thread),
            shapes::TUPLE => self.save_tuple(value, thread),
            shapes::BYTEARRAY => self.save_bytearray(value, thread),
            _ if buffer::is_pickle_buffer(value) => self.save_pickle_buffer(value, thread),
            _ => self.save_reducible(value, thread),
        }
    }

    fn save_bool(&mut self, truth: bool) {
        match (self.protocol >= 2, truth) {
            (true, true) => self.out.byte(NEWTRUE),
            (true, false) => self.out.byte(NEWFALSE),
            (false, true) => self.out.bytes(b"I01\n"),
            (false, false) => self.out.bytes(b"I00\n"),
        }
    }

    fn save_int(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if let Some(number) = int::as_i64(value) {
            if let Ok(small) = i32::try_from(number) {
                if !self.bin {
                    self.out.bytes(format!("I{small}\n").as_bytes());
                    return Ok(());
                }
                let [a, b, c, d] = small.to_le_bytes();
                match small {
                    0..=0xFF => self.out.bytes(&[BININT1, a]),
                    0x100..=0xFFFF => self.out.bytes(&[BININT2, a, b]),
                    _ => self.out.bytes(&[BININT, a, b, c, d]),
                }
                return Ok(());
            }
            if self.protocol >= 2 {
                // The shortest two's complement form.
                let bytes = number.to_le_bytes();
                let n_bits = 65 - if number < 0 { (!number).leading_zeros() } else { number.leading_zeros() };
                let n = n_bits.div_ceil(8) as usize;
                self.out.bytes(&[LONG1, n as u8]);
                self.out.bytes(bytes.get(..n).unwrap_or(&bytes));
                return Ok(());
            }
        }
        if self.protocol >= 2 {
            let bytes = BigInt::to_signed_bytes_le(&int::to_bigint(value));
            match u8::try_from(bytes.len()) {
                Ok(n) => self.out.bytes(&[LONG1, n]),
                Err(_) => match i32::try_from(bytes.len()) {
                    Ok(n) => {
                        self.out.byte(LONG4);
                        self.out.bytes(&n.to_le_bytes());
                    }
                    Err(_) => return Err(thread.raise(&exc::OVERFLOW_ERROR, "int too large to pickle")),
                },
            }
            self.out.bytes(&bytes);
            return Ok(());
        }
        let text = match INT.get().slots.repr.get() {
            Some(repr) => repr(value, thread)?,
            None => convert::repr(value, thread)?,
        };
        self.out.byte(LONG);
        self.out.bytes(StrObject::of(*text).raw_bytes());
        self.out.bytes(b"L\n");
        Ok(())
    }

    fn save_float(&mut self, number: f64) {
        if self.bin {
            let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
            self.out.bytes(&[BINFLOAT, a, b, c, d, e, f, g, h]);
            return;
        }
        self.out.byte(FLOAT);
        self.out.bytes(float_repr(number).as_str().as_bytes());
        self.out.byte(b'\n');
    }

    /// An opcode with a length in one, four or eight bytes, and data.
    fn counted(&mut self, opcodes: [u8; 3], data: &[u8], whole: Option<Value>, too_large: &str, thread: &mut Thread) -> PyResult<()> {
        let n = data.len();
        if let (Ok(small), true) = (u8::try_from(n), opcodes[0] != 0) {
            self.out.bytes(&[opcodes[0], small]);
            self.out.bytes(data);
            return Ok(());
        }
        if let (Ok(n), true) = (u32::try_from(n), opcodes[1] != 0) {
            let [a, b, c, d] = n.to_le_bytes();
            return self.out.large(&[opcodes[1], a, b, c, d], data, whole, thread);
        }
        if self.protocol >= 4 {
            let [a, b, c, d, e, f, g, h] = (n as u64).to_le_bytes();
            return self.out.large(&[opcodes[2], a, b, c, d, e, f, g, h], data, whole, thread);
        }
        Err(thread.raise(&exc::OVERFLOW_ERROR, too_large))
    }

    fn save_str(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let text = StrObject::of(value);
        if self.bin {
            let short = if self.protocol >= 4 { SHORT_BINUNICODE } else { 0 };
            let opcodes = [short, BINUNICODE, BINUNICODE8];
            let too_large = "serializing a string larger than 4 GiB requires pickle protocol 4 or higher";
            if text.is_ascii() {
                self.counted(opcodes, text.raw_bytes(), None, too_large, thread)?;
            } else {
                self.counted(opcodes, &text.to_wtf8(), None, too_large, thread)?;
            }
        } else {
            self.out.byte(UNICODE);
            let mut line = Vec::with_capacity(text.len() + 1);
            for ch in text.chars().iter() {
                match ch {
                    0x10000.. => line.extend_from_slice(format!("\\U{ch:08x}").as_bytes()),
                    // Backslash, and what ends a line or a file.
                    0x100.. | 0x5C | 0 | 0x0A | 0x0D | 0x1A => line.extend_from_slice(format!("\\u{ch:04x}").as_bytes()),
                    _ => line.push(ch as u8),
                }
            }
            line.push(b'\n');
            self.out.bytes(&line);
        }
        self.memoize(value, thread)
    }

    fn save_bytes(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let data = BytesObject::of(value).as_slice();
        if self.protocol >= 3 {
            return self.bytes_data(value, data, Some(value), thread);
        }
        let reduced = if data.is_empty() {
            tuple::pack([value.type_object().value().to_owned(), tuple::empty()])
        } else {
            let encode = registries(thread)?.codecs_encode().to_owned();
            tuple::pack([encode, tuple::pack([string::from_latin1(data), pyrt_runtime::names::interned("latin1")])])
        };
        self.save_reduction(*reduced, Some(value), thread)
    }

    fn bytes_data(&mut self, value: Value, data: &[u8], whole: Option<Value>, thread: &mut Thread) -> PyResult<()> {
        let too_large = "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher";
        self.counted([SHORT_BINBYTES, BINBYTES, BINBYTES8], data, whole, too_large, thread)?;
        self.memoize(value, thread)
    }

    fn save_bytearray(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let data = bytearray::contents(value);
        if self.protocol >= 5 {
            self.counted([0, 0, BYTEARRAY8], &data, Some(value), "", thread)?;
            return self.memoize(value, thread);
        }
        let args = if data.is_empty() { tuple::empty() } else { tuple::pack([bytes::from_slice(&data)]) };
        let reduced = tuple::pack([value.type_object().value().to_owned(), args]);
        self.save_reduction(*reduced, Some(value), thread)
    }

    fn save_pickle_buffer(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.protocol < 5 {
            return Err(pickling_error("PickleBuffer can only be pickled with protocol >= 5", thread));
        }
        let view = buffer::view(value, thread)?;
        let fortran = !view.is_contiguous(false);
        if fortran && !view.is_contiguous(true) {
            return Err(pickling_error("PickleBuffer can not be pickled when pointing to a non-contiguous buffer", thread));
        }
        let in_band = match self.buffer_callback.clone() {
            None => true,
            Some(callback) => {
                let answer = call::call(*callback, &[value], thread)?;
                compare::truth(*answer, thread)?
            }
        };
        if !in_band {
            self.out.byte(NEXT_BUFFER);
            if view.is_readonly {
                self.out.byte(READONLY_BUFFER);
            }
            return Ok(());
        }
        let data = view.to_vec(fortran);
        if view.is_readonly {
            return self.bytes_data(value, &data, None, thread);
        }
        self.counted([0, 0, BYTEARRAY8], &data, None, "", thread)?;
        self.memoize(value, thread)
    }

    fn save_tuple(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let items = TupleObject::of(value).items();
        let n = items.len();
        if n == 0 {
            if self.protocol > 0 {
                self.out.byte(EMPTY_TUPLE);
            } else {
                self.out.bytes(&[MARK, TUPLE]);
            }
            return Ok(());
        }
        let is_short = n <= 3 && self.protocol >= 2;
        if !is_short {
            self.out.byte(MARK);
        }
        for (i, item) in items.iter().enumerate() {
            if let Err(raised) = self.save(*item, thread) {
                return Err(note(raised, value, &format!("item {i}"), thread));
            }
        }
        // A tuple that contains itself has been written meanwhile: the items are taken off again.
        if let Some(number) = self.memo_number(value) {
            if is_short {
                self.out.bytes(&[POP; 3][..n]);
            } else if self.bin {
                self.out.byte(POP_MARK);
            } else {
                for _ in 0..=n {
                    self.out.byte(POP);
                }
            }
            return self.recall(number, thread);
        }
        self.out.byte(match (is_short, n) {
            (true, 1) => TUPLE1,
            (true, 2) => TUPLE2,
            (true, _) => TUPLE3,
            (false, _) => TUPLE,
        });
        self.memoize(value, thread)
    }

    /// In fast mode: a container begins. There is no memo, so cycles are looked for.
    fn enter_fast(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.fast_path.len() >= FAST_NESTING_LIMIT && self.fast_path.contains(&value.id()) {
            let (name, id) = (value.type_object().full_name(), value.id());
            return Err(thread.raise_value_error(format!("fast mode: can't pickle cyclic objects including object type {name} at {id:#x}")));
        }
        self.fast_path.push(value.id());
        Ok(())
    }

    fn save_list(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.fast {
            self.enter_fast(value, thread)?;
        }
        if self.bin {
            self.out.byte(EMPTY_LIST);
        } else {
            self.out.bytes(&[MARK, LIST]);
        }
        self.memoize(value, thread)?;
        if self.protocol > 0 {
            self.list_items(value, thread)?;
        } else if !ListObject::of(value).is_empty() {
            let iterator = iterate::iter(value, thread)?;
            self.append_items(*iterator, value, thread)?;
        }
        if self.fast {
            self.fast_path.pop();
        }
        Ok(())
    }

    fn item(&mut self, item: Value, container: Value, i: usize, thread: &mut Thread) -> PyResult<()> {
        self.save(item, thread).map_err(|raised| note(raised, container, &format!("item {i}"), thread))
    }

    fn list_items(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let items = ListObject::of(value);
        let mut i = 0;
        if items.len() == 1 {
            if let Some(item) = items.get(0) {
                self.item(*item, value, 0, thread)?;
                self.out.byte(APPEND);
                return Ok(());
            }
        }
        while i < items.len() {
            self.out.byte(MARK);
            let mut n = 0;
            while let Some(item) = items.get(i) {
                self.item(*item, value, i, thread)?;
                i += 1;
                n += 1;
                if n == BATCH_SIZE {
                    break;
                }
            }
            self.out.byte(APPENDS);
            if n == 0 {
                // Another thread empties the list meanwhile.
                break;
            }
        }
        Ok(())
    }

    /// The items of an iterator, for a list or something like one.
    pub fn append_items(&mut self, iterator: Value, container: Value, thread: &mut Thread) -> PyResult<()> {
        let mut i = 0;
        if self.protocol == 0 {
            while let Some(item) = iterate::next(iterator, thread)? {
                self.item(*item, container, i, thread)?;
                self.out.byte(APPEND);
                i += 1;
            }
            return Ok(());
        }
        loop {
            let Some(first) = iterate::next(iterator, thread)? else { return Ok(()) };
            let Some(mut item) = iterate::next(iterator, thread)? else {
                self.item(*first, container, i, thread)?;
                self.out.byte(APPEND);
                return Ok(());
            };
            self.out.byte(MARK);
            self.item(*first, container, i, thread)?;
            i += 1;
            let mut n = 1;
            let is_full = loop {
                self.item(*item, container, i, thread)?;
                i += 1;
                n += 1;
                if n == BATCH_SIZE {
                    break true;
                }
                match iterate::next(iterator, thread)? {
                    Some(next) => item = next,
                    None => break false,
                }
            };
            self.out.byte(APPENDS);
            if !is_full {
                return Ok(());
            }
        }
    }

    fn save_dict(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.fast {
            self.enter_fast(value, thread)?;
        }
        if self.bin {
            self.out.byte(EMPTY_DICT);
        } else {
            self.out.bytes(&[MARK, DICT]);
        }
        self.memoize(value, thread)?;
        if !DictObject::of(value).is_empty() {
            if self.protocol > 0 {
                self.dict_items(value, thread)?;
            } else {
                let items = call::call_method(value, pyrt_runtime::names().items, &[], thread)?;
                let iterator = iterate::iter(*items, thread)?;
                self.set_items(*iterator, value, thread)?;
            }
        }
        if self.fast {
            self.fast_path.pop();
        }
        Ok(())
    }

    fn pair(&mut self, key: Value, item: Value, container: Value, thread: &mut Thread) -> PyResult<()> {
        self.save(key, thread)?;
        if let Err(raised) = self.save(item, thread) {
            let key = shown(key, thread);
            return Err(note(raised, container, &format!("item {key}"), thread));
        }
        Ok(())
    }

    fn dict_items(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let dict = DictObject::of(value);
        let size = dict.len();
        let mut position = 0;
        if size == 1 {
            if let Some(entry) = dict.next_entry(&mut position) {
                self.pair(*entry.key, *entry.value, value, thread)?;
                self.out.byte(SETITEM);
            }
            return Ok(());
        }
        loop {
            let mut n = 0;
            self.out.byte(MARK);
            while let Some(entry) = dict.next_entry(&mut position) {
                self.pair(*entry.key, *entry.value, value, thread)?;
                n += 1;
                if n == BATCH_SIZE {
                    break;
                }
            }
            self.out.byte(SETITEMS);
            if dict.len() != size {
                return Err(thread.raise(&exc::RUNTIME_ERROR, "dictionary changed size during iteration"));
            }
            if n < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    /// The pairs of an iterator, for a dict or something like one.
    pub fn set_items(&mut self, iterator: Value, container: Value, thread: &mut Thread) -> PyResult<()> {
        let save = |save: &mut Save<'a>, pair: Value, thread: &mut Thread| {
            if !(pair.is_pointer() && pair.type_has_flag(TYPE_TUPLE_SUBCLASS) && TupleObject::of(pair).len() == 2) {
                return Err(thread.raise_type_error("dict items iterator must return 2-tuples"));
            }
            let pair = TupleObject::of(pair);
            save.pair(pair.item(0), pair.item(1), container, thread)
        };
        if self.protocol == 0 {
            while let Some(pair) = iterate::next(iterator, thread)? {
                save(self, *pair, thread)?;
                self.out.byte(SETITEM);
            }
            return Ok(());
        }
        loop {
            let Some(first) = iterate::next(iterator, thread)? else { return Ok(()) };
            let Some(mut pair) = iterate::next(iterator, thread)? else {
                save(self, *first, thread)?;
                self.out.byte(SETITEM);
                return Ok(());
            };
            self.out.byte(MARK);
            save(self, *first, thread)?;
            let mut n = 1;
            let is_full = loop {
                save(self, *pair, thread)?;
                n += 1;
                if n == BATCH_SIZE {
                    break true;
                }
                match iterate::next(iterator, thread)? {
                    Some(next) => pair = next,
                    None => break false,
                }
            };
            self.out.byte(SETITEMS);
            if !is_full {
                return Ok(());
            }
        }
    }

    /// A set for protocols that have no opcode for it: the class and a list of the elements.
    fn reduced_set(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let items = iterate::collect(value, thread)?;
        let args = tuple::pack([list::from_vec(items)]);
        let reduced = tuple::pack([value.type_object().value().to_owned(), args]);
        self.save_reduction(*reduced, Some(value), thread)
    }

    fn element(&mut self, element: Value, container: Value, thread: &mut Thread) -> PyResult<()> {
        self.save(element, thread).map_err(|raised| note(raised, container, "element", thread))
    }

    fn save_set(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.protocol < 4 {
            return self.reduced_set(value, thread);
        }
        self.out.byte(EMPTY_SET);
        self.memoize(value, thread)?;
        let set = SetObject::of(value);
        let size = set.len();
        if size == 0 {
            return Ok(());
        }
        let mut position = 0;
        loop {
            let mut n = 0;
            self.out.byte(MARK);
            while let Some(entry) = set.next_entry(&mut position) {
                self.element(*entry.key, value, thread)?;
                n += 1;
                if n == BATCH_SIZE {
                    break;
                }
            }
            self.out.byte(ADDITEMS);
            if set.len() != size {
                return Err(thread.raise(&exc::RUNTIME_ERROR, "set changed size during iteration"));
            }
            if n < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn save_frozenset(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        if self.protocol < 4 {
            return self.reduced_set(value, thread);
        }
        self.out.byte(MARK);
        for item in iterate::collect(value, thread)? {
            self.element(*item, value, thread)?;
        }
        // As for tuples.
        if let Some(number) = self.memo_number(value) {
            self.out.byte(POP_MARK);
            return self.recall(number, thread);
        }
        self.out.byte(FROZENSET);
        self.memoize(value, thread)
    }
}
