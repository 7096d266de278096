//! Reading an object: the pickle machine.
//!
//! # Invariants
//! * `marks` holds positions of the stack, never falling; what lies below the last one is out of reach of opcodes that
//!   take from the stack.

use num_bigint::BigInt;
use pyrt_runtime::codecs;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::number::float_text::parse_float_prefix;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::{attribute, call, iterate, subscript};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::types::builtin_types::{GETSET_DESCRIPTOR, shapes};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::memoryview::{self, View};
use pyrt_runtime::types::string;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::{TYPE_DISALLOW_INSTANTIATION, TYPE_TUPLE_SUBCLASS, TypeObject, is_type};
use pyrt_runtime::types::{bytes, int, int_methods, set};
use pyrt_runtime::{Owned, PyResult, Raised, Thread, Value};

use super::input::{Input, unpickling_error};
use super::opcodes::*;
use super::unpickler::{self, Unpickler};
use super::registries;

/// A load in progress.
pub struct Load<'a> {
    this: Value,
    unpickler: &'a Unpickler,
    input: Input,
    encoding: &'a str,
    errors: &'a str,
    buffers: Option<&'a Owned>,
    persistent_load: Option<Owned>,
    stack: Vec<Owned>,
    marks: Vec<usize>,
}

fn is_tuple(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS)
}

/// Text that was written as UTF-8 with surrogates passed through.
#[inline]
fn utf8(data: &[u8], thread: &mut Thread) -> PyResult {
    if data.is_ascii() {
        return Ok(string::from_ascii(data));
    }
    match std::str::from_utf8(data) {
        Ok(text) => Ok(string::from_str(text)),
        Err(_) => codecs::decode_bytes(data, "utf-8", "surrogatepass", thread),
    }
}

/// A decimal number of a text opcode; `line` is what the message shows.
fn parse_int(text: &[u8], line: &[u8], thread: &mut Thread) -> PyResult {
    let shown = |thread: &mut Thread| {
        let line = string::from_latin1(line);
        pyrt_runtime::protocol::special::safe_repr(*line, thread)
    };
    int_methods::parse(text, 10, &shown, thread)
}

impl<'a> Load<'a> {
    pub fn new(this: Value, input: Input, encoding: &'a str, errors: &'a str, buffers: Option<&'a Owned>) -> Load<'a> {
        Load {
            this,
            unpickler: unpickler::of(this),
            input,
            encoding,
            errors,
            buffers,
            persistent_load: None,
            stack: Vec::with_capacity(64),
            marks: Vec::new(),
        }
    }

    pub fn into_input(self) -> Input {
        self.input
    }

    /// The object of a whole pickle.
    pub fn whole(&mut self, thread: &mut Thread) -> PyResult {
        self.unpickler.protocol.store(0, Ordering::Relaxed);
        self.persistent_load = unpickler::persistent_load_of(self.this, thread)?;
        loop {
            let opcode = match self.input.byte(thread) {
                Ok(opcode) => opcode,
                Err(raised) => return Err(self.at_end(raised, thread)),
            };
            if opcode == STOP {
                break;
            }
            self.step(opcode, thread)?;
        }
        self.input.sync(thread)?;
        self.pop(thread)
    }

    /// Where an opcode should be there is nothing.
    #[cold]
    fn at_end(&mut self, raised: Raised, thread: &mut Thread) -> Raised {
        let class = match super::UNPICKLING_ERROR.get(thread) {
            Ok(class) => class,
            Err(raised) => return raised,
        };
        if thread.exception().is_some_and(|exception| exception.type_object().value().is(class)) {
            drop(thread.take_exception());
            return thread.raise(&exc::EOF_ERROR, "Ran out of input");
        }
        raised
    }

    #[inline(always)]
    fn step(&mut self, opcode: u8, thread: &mut Thread) -> PyResult<()> {
        match opcode {
            NONE => self.push(Owned::none()),
            NEWTRUE => self.push(Owned::true_()),
            NEWFALSE => self.push(Owned::false_()),
            BININT => {
                let number = i32::from_le_bytes(self.input.array(thread)?);
                self.push(Owned::int(i64::from(number)));
            }
            BININT1 => {
                let number = self.input.byte(thread)?;
                self.push(Owned::int(i64::from(number)));
            }
            BININT2 => {
                let number = u16::from_le_bytes(self.input.array(thread)?);
                self.push(Owned::int(i64::from(number)));
            }
            BINFLOAT => {
                let number = f64::from_be_bytes(self.input.array(thread)?);
                self.push(Owned::float(number));
            }
            SHORT_BINUNICODE => {
                let n = usize::from(self.input.byte(thread)?);
                self.text(n, thread)?;
            }
            BINUNICODE => {
                let n = u32::from_le_bytes(self.input.array(thread)?) as usize;
                self.text(n, thread)?;
            }
            MEMOIZE => {
                let top = self.top(thread)?.clone();
                let unpickler = self.unpickler;
                let old = unpickler.memo.with(&unpickler.header, |memo| {
                    let number = memo.len();
                    memo.put(number, top)
                });
                drop(old);
            }
            BINPUT => {
                let number = usize::from(self.input.byte(thread)?);
                self.put(number, thread)?;
            }
            LONG_BINPUT => {
                let number = u32::from_le_bytes(self.input.array(thread)?) as usize;
                self.put(number, thread)?;
            }
            BINGET => {
                let number = usize::from(self.input.byte(thread)?);
                self.get(number as i64, thread)?;
            }
            LONG_BINGET => {
                let number = u32::from_le_bytes(self.input.array(thread)?);
                self.get(i64::from(number), thread)?;
            }
            MARK => self.marks.push(self.stack.len()),
            EMPTY_TUPLE => self.push(tuple::empty()),
            EMPTY_LIST => self.push(list::new()),
            EMPTY_DICT => self.push(dict::new()),
            EMPTY_SET => self.push(set::new()),
            TUPLE1 => {
                let a = self.pop(thread)?;
                self.push(tuple::pack([a]));
            }
            TUPLE2 => {
                self.expect(2, thread)?;
                let (b, a) = (self.pop(thread)?, self.pop(thread)?);
                self.push(tuple::pack([a, b]));
            }
            TUPLE3 => {
                self.expect(3, thread)?;
                let (c, b, a) = (self.pop(thread)?, self.pop(thread)?, self.pop(thread)?);
                self.push(tuple::pack([a, b, c]));
            }
            TUPLE => {
                let items = self.pop_mark(thread)?;
                self.push(tuple::from_vec(items));
            }
            APPEND => {
                let at = self.stack.len().wrapping_sub(1);
                self.append_from(at, thread)?;
            }
            APPENDS => {
                let at = self.mark(thread)?;
                self.append_from(at, thread)?;
            }
            SETITEM => {
                let at = self.stack.len().wrapping_sub(2);
                self.set_from(at, thread)?;
            }
            SETITEMS => {
                let at = self.mark(thread)?;
                self.set_from(at, thread)?;
            }
            NEWOBJ => self.new_object(thread)?,
            BUILD => self.build(thread)?,
            REDUCE => {
                let args = self.pop(thread)?;
                let function = self.pop(thread)?;
                if !is_tuple(*args) {
                    return Err(thread.raise_type_error("argument list must be a tuple"));
                }
                let result = call::call_tuple(*function, *args, None, thread)?;
                self.push(result);
            }
            STACK_GLOBAL => {
                let name = self.pop(thread)?;
                let module_name = self.pop(thread)?;
                if !string::is_exact(*name) || !string::is_exact(*module_name) {
                    return Err(unpickling_error("STACK_GLOBAL requires str", thread));
                }
                self.push_global(module_name, name, thread)?;
            }
            FRAME => {
                let n = self.size("FRAME length exceeds system's maximum", thread)?;
                self.input.begin_frame(n, thread)?;
            }
            _ => self.rare_step(opcode, thread)?,
        }
        Ok(())
    }

    #[inline(never)]
    fn rare_step(&mut self, opcode: u8, thread: &mut Thread) -> PyResult<()> {
        match opcode {
            PROTO => {
                let protocol = self.input.byte(thread)?;
                if protocol > HIGHEST_PROTOCOL {
                    return Err(thread.raise_value_error(format!("unsupported pickle protocol: {protocol}")));
                }
                self.unpickler.protocol.store(i32::from(protocol), Ordering::Relaxed);
            }
            INT => self.int_line(thread)?,
            LONG => {
                let line = self.input.full_line(thread)?;
                let text = line.strip_suffix(b"L\n").unwrap_or(line);
                let number = parse_int(text, text, thread)?;
                self.push(number);
            }
            LONG1 => {
                let n = usize::from(self.input.byte(thread)?);
                self.long(n, thread)?;
            }
            LONG4 => {
                let n = i32::from_le_bytes(self.input.array(thread)?);
                let Ok(n) = usize::try_from(n) else {
                    return Err(unpickling_error("LONG pickle has negative byte count", thread));
                };
                self.long(n, thread)?;
            }
            FLOAT => self.float_line(thread)?,
            SHORT_BINBYTES => {
                let n = usize::from(self.input.byte(thread)?);
                self.bytes(n, thread)?;
            }
            BINBYTES => {
                let n = u32::from_le_bytes(self.input.array(thread)?) as usize;
                self.bytes(n, thread)?;
            }
            BINBYTES8 => {
                let n = self.size("BINBYTES exceeds system's maximum size", thread)?;
                self.bytes(n, thread)?;
            }
            BYTEARRAY8 => {
                let n = self.size("BYTEARRAY8 exceeds system's maximum size", thread)?;
                let made = self.input.take_bytearray(n, thread)?;
                self.push(made);
            }
            NEXT_BUFFER => self.next_buffer(thread)?,
            READONLY_BUFFER => self.readonly_buffer(thread)?,
            SHORT_BINSTRING => {
                let n = usize::from(self.input.byte(thread)?);
                self.old_string(n, thread)?;
            }
            BINSTRING => {
                let n = i32::from_le_bytes(self.input.array(thread)?);
                let Ok(n) = usize::try_from(n) else {
                    return Err(unpickling_error("BINSTRING pickle has negative byte count", thread));
                };
                self.old_string(n, thread)?;
            }
            STRING => self.string_line(thread)?,
            UNICODE => {
                let line = self.input.line(thread)?;
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let text = if text.contains(&b'\\') { codec_call("raw_unicode_escape_decode", text, thread)? } else { string::from_latin1(text) };
                self.push(text);
            }
            BINUNICODE8 => {
                let n = self.size("BINUNICODE exceeds system's maximum size", thread)?;
                self.text(n, thread)?;
            }
            LIST => {
                let items = self.pop_mark(thread)?;
                self.push(list::from_vec(items));
            }
            DICT => {
                let items = self.pop_mark(thread)?;
                if items.len() % 2 != 0 {
                    return Err(unpickling_error("odd number of items for DICT", thread));
                }
                let made = dict::new();
                for pair in items.chunks_exact(2) {
                    DictObject::of(*made).set(*pair[0], pair[1].clone(), thread)?;
                }
                self.push(made);
            }
            FROZENSET => {
                let items = self.pop_mark(thread)?;
                let made = set::frozenset_from(items, thread)?;
                self.push(made);
            }
            ADDITEMS => self.add_items(thread)?,
            OBJ => {
                let at = self.mark(thread)?;
                if self.stack.len() <= at {
                    return Err(self.underflow(thread));
                }
                let args = self.stack.split_off(at + 1);
                let class = self.pop(thread)?;
                self.instantiate(*class, args, thread)?;
            }
            INST => {
                let at = self.mark(thread)?;
                let line = self.input.full_line(thread)?;
                let module_name = codecs::decode_bytes(&line[..line.len() - 1], "ascii", "strict", thread)?;
                let line = self.input.full_line(thread)?;
                let name = codecs::decode_bytes(&line[..line.len() - 1], "ascii", "strict", thread)?;
                let class = self.find(module_name, name, thread)?;
                let args = self.stack.split_off(at.min(self.stack.len()));
                self.instantiate(*class, args, thread)?;
            }
            NEWOBJ_EX => self.new_object_with_keywords(thread)?,
            GLOBAL => {
                let line = self.input.full_line(thread)?;
                let module_name = codecs::decode_bytes(&line[..line.len() - 1], "utf-8", "strict", thread)?;
                let line = self.input.full_line(thread)?;
                let name = codecs::decode_bytes(&line[..line.len() - 1], "utf-8", "strict", thread)?;
                self.push_global(module_name, name, thread)?;
            }
            EXT1 => {
                let code = self.input.byte(thread)?;
                self.extension(i64::from(code), thread)?;
            }
            EXT2 => {
                let code = u16::from_le_bytes(self.input.array(thread)?);
                self.extension(i64::from(code), thread)?;
            }
            EXT4 => {
                let code = i32::from_le_bytes(self.input.array(thread)?);
                self.extension(i64::from(code), thread)?;
            }
            POP => self.pop_any(thread)?,
            POP_MARK => drop(self.pop_mark(thread)?),
            DUP => {
                let top = self.top(thread)?.clone();
                self.push(top);
            }
            GET => {
                let line = self.input.full_line(thread)?;
                let number = parse_int(line, line, thread)?;
                let number = pyrt_runtime::types::str::arguments::as_ssize(*number, thread)?;
                self.get(number, thread)?;
            }
            PUT => {
                let line = self.input.full_line(thread)?.to_vec();
                self.top(thread)?;
                let number = parse_int(&line, &line, thread)?;
                let number = pyrt_runtime::types::str::arguments::as_ssize(*number, thread)?;
                let Ok(number) = usize::try_from(number) else {
                    return Err(thread.raise_value_error("negative PUT argument"));
                };
                self.put(number, thread)?;
            }
            PERSID => {
                let line = self.input.line(thread)?;
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                if !text.is_ascii() {
                    return Err(unpickling_error("persistent IDs in protocol 0 must be ASCII strings", thread));
                }
                let id = string::from_ascii(text);
                self.load_persistent(id, thread)?;
            }
            BINPERSID => {
                if self.persistent_load.is_none() {
                    return Err(unpickler::no_persistent_load(thread));
                }
                let id = self.pop(thread)?;
                self.load_persistent(id, thread)?;
            }
            _ => {
                let shown = match opcode {
                    b'\'' | b'\\' | b'\n' | b'\r' | b'\t' | ..0x20 | 0x7F.. => format!("\\x{opcode:02x}"),
                    _ => (opcode as char).to_string(),
                };
                return Err(unpickling_error(format!("invalid load key, '{shown}'."), thread));
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn push(&mut self, value: Owned) {
        self.stack.push(value);
    }

    /// The part of the stack that the current mark puts out of reach.
    #[inline(always)]
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    #[cold]
    fn underflow(&self, thread: &mut Thread) -> Raised {
        let message = if self.marks.is_empty() { "unpickling stack underflow" } else { "unexpected MARK found" };
        unpickling_error(message, thread)
    }

    #[inline(always)]
    fn expect(&self, n: usize, thread: &mut Thread) -> PyResult<()> {
        if self.stack.len() < self.fence() + n { Err(self.underflow(thread)) } else { Ok(()) }
    }

    #[inline(always)]
    fn pop(&mut self, thread: &mut Thread) -> PyResult {
        if self.stack.len() > self.fence() {
            if let Some(value) = self.stack.pop() {
                return Ok(value);
            }
        }
        Err(self.underflow(thread))
    }

    #[inline(always)]
    fn top(&self, thread: &mut Thread) -> PyResult<&Owned> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.fence() => Ok(top),
            _ => Err(self.underflow(thread)),
        }
    }

    /// Takes the last mark away; its position.
    #[inline]
    fn mark(&mut self, thread: &mut Thread) -> PyResult<usize> {
        match self.marks.pop() {
            Some(mark) => Ok(mark),
            None => Err(unpickling_error("could not find MARK", thread)),
        }
    }

    /// What lies above the last mark.
    #[inline]
    fn pop_mark(&mut self, thread: &mut Thread) -> PyResult<Vec<Owned>> {
        let at = self.mark(thread)?;
        Ok(self.stack.split_off(at.min(self.stack.len())))
    }

    fn pop_any(&mut self, thread: &mut Thread) -> PyResult<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop(thread).map(drop)
    }

    #[inline(always)]
    fn put(&mut self, number: usize, thread: &mut Thread) -> PyResult<()> {
        let top = self.top(thread)?.clone();
        let unpickler = self.unpickler;
        let old = unpickler.memo.with(&unpickler.header, |memo| memo.put(number, top));
        drop(old);
        Ok(())
    }

    #[inline(always)]
    fn get(&mut self, number: i64, thread: &mut Thread) -> PyResult<()> {
        let unpickler = self.unpickler;
        let found = usize::try_from(number).ok().and_then(|number| unpickler.memo.with(&unpickler.header, |memo| memo.get(number)));
        match found {
            Some(found) => {
                self.push(found);
                Ok(())
            }
            None => Err(unpickling_error(format!("Memo value not found at index {number}"), thread)),
        }
    }

    /// A size in eight bytes; `what` is what the message says of one that is too large.
    fn size(&mut self, what: &str, thread: &mut Thread) -> PyResult<usize> {
        let n = u64::from_le_bytes(self.input.array(thread)?);
        if n > isize::MAX as u64 {
            let most = isize::MAX;
            return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{what} of {most} bytes")));
        }
        Ok(n as usize)
    }

    #[inline]
    fn text(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        let text = utf8(self.input.take(n, thread)?, thread)?;
        self.push(text);
        Ok(())
    }

    fn bytes(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        let made = bytes::from_slice(self.input.take(n, thread)?);
        self.push(made);
        Ok(())
    }

    fn long(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        let data = self.input.take(n, thread)?;
        let number = if n <= 8 {
            let mut padded = [if data.last().is_some_and(|last| *last >= 0x80) { 0xFF } else { 0 }; 8];
            padded[..n].copy_from_slice(data);
            Owned::int(i64::from_le_bytes(padded))
        } else {
            int::from_bigint(&BigInt::from_signed_bytes_le(data))
        };
        self.push(number);
        Ok(())
    }

    fn int_line(&mut self, thread: &mut Thread) -> PyResult<()> {
        let line = self.input.full_line(thread)?;
        let is_short = line.len() == 3;
        let number = match parse_int(line, line, thread) {
            Ok(number) => number,
            Err(raised) => {
                thread.catch(raised, &exc::VALUE_ERROR)?;
                return Err(thread.raise_value_error("could not convert string to int"));
            }
        };
        // Two digits: the way protocol 0 writes truth values.
        let number = match int::as_i64(*number) {
            Some(truth @ 0..=1) if is_short => Owned::bool(truth == 1),
            _ => number,
        };
        self.push(number);
        Ok(())
    }

    fn float_line(&mut self, thread: &mut Thread) -> PyResult<()> {
        let line = self.input.full_line(thread)?;
        match parse_float_prefix(line) {
            Some((number, n)) if n == line.len() - 1 => {
                if number.is_infinite() && !line.iter().any(|ch| ch.eq_ignore_ascii_case(&b'n')) {
                    let text = String::from_utf8_lossy(line).into_owned();
                    return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("value too large to convert to float: '{text}'")));
                }
                self.push(Owned::float(number));
                Ok(())
            }
            Some(_) => Err(thread.raise_value_error("could not convert string to float")),
            None => {
                let text = String::from_utf8_lossy(line).into_owned();
                Err(thread.raise_value_error(format!("could not convert string to float: '{text}'")))
            }
        }
    }

    /// A string of Python 2, as the encoding says.
    fn decoded(&self, data: &[u8], thread: &mut Thread) -> PyResult {
        if self.encoding == "bytes" {
            return Ok(bytes::from_slice(data));
        }
        codecs::decode_bytes(data, self.encoding, self.errors, thread)
    }

    fn old_string(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        let data = self.input.take(n, thread)?.to_vec();
        let text = self.decoded(&data, thread)?;
        self.push(text);
        Ok(())
    }

    fn string_line(&mut self, thread: &mut Thread) -> PyResult<()> {
        let line = self.input.line(thread)?;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let quoted = match text {
            [quote @ (b'\'' | b'"'), inner @ .., end] if quote == end => string_escape(inner, thread)?,
            _ => return Err(unpickling_error("the STRING opcode argument must be quoted", thread)),
        };
        let text = self.decoded(&quoted, thread)?;
        self.push(text);
        Ok(())
    }

    fn next_buffer(&mut self, thread: &mut Thread) -> PyResult<()> {
        let Some(buffers) = self.buffers else {
            return Err(unpickling_error("pickle stream refers to out-of-band data but no *buffers* argument was given", thread));
        };
        match iterate::next(**buffers, thread)? {
            Some(buffer) => {
                self.push(buffer);
                Ok(())
            }
            None => Err(unpickling_error("not enough out-of-band buffers", thread)),
        }
    }

    fn readonly_buffer(&mut self, thread: &mut Thread) -> PyResult<()> {
        let top = self.top(thread)?.clone();
        let memory = memoryview::from_object(*top, thread)?;
        let view = memoryview::view_of(*memory, thread)?;
        if !view.is_readonly {
            let readonly = memoryview::new(View { is_readonly: true, ..(*view).clone() });
            if let Some(place) = self.stack.last_mut() {
                *place = readonly;
            }
        }
        Ok(())
    }

    fn load_persistent(&mut self, id: Owned, thread: &mut Thread) -> PyResult<()> {
        let Some(function) = self.persistent_load.clone() else { return Err(unpickler::no_persistent_load(thread)) };
        let object = call::call(*function, &[*id], thread)?;
        self.push(object);
        Ok(())
    }

    fn find(&mut self, module_name: Owned, name: Owned, thread: &mut Thread) -> PyResult {
        if std::ptr::eq(self.this.type_object(), unpickler::UNPICKLER.get()) {
            return unpickler::find(self.this, *module_name, *name, thread);
        }
        call::call_method(self.this, pyrt_runtime::names().find_class, &[*module_name, *name], thread)
    }

    fn push_global(&mut self, module_name: Owned, name: Owned, thread: &mut Thread) -> PyResult<()> {
        let found = self.find(module_name, name, thread)?;
        self.push(found);
        Ok(())
    }

    /// The object of a number of `copyreg.add_extension`.
    fn extension(&mut self, code: i64, thread: &mut Thread) -> PyResult<()> {
        if code <= 0 {
            return Err(unpickling_error("EXT specifies code <= 0", thread));
        }
        let registries = registries(thread)?;
        let key = Owned::int(code);
        let cache = DictObject::of(registries.extension_cache());
        if let Some(found) = cache.get(*key, thread)? {
            self.push(found);
            return Ok(());
        }
        let Some(pair) = DictObject::of(registries.inverted_registry()).get(*key, thread)? else {
            return Err(thread.raise_value_error(format!("unregistered extension code {code}")));
        };
        let names = if is_tuple(*pair) { TupleObject::of(*pair).items() } else { &[] };
        let &[module_name, name] = names else {
            return Err(thread.raise_value_error(format!("_inverted_registry[{code}] isn't a 2-tuple of strings")));
        };
        if !string::is_str(module_name) || !string::is_str(name) {
            return Err(thread.raise_value_error(format!("_inverted_registry[{code}] isn't a 2-tuple of strings")));
        }
        let found = self.find(module_name.to_owned(), name.to_owned(), thread)?;
        cache.set(*key, found.clone(), thread)?;
        self.push(found);
        Ok(())
    }

    /// The container below position `at`, to which everything from there on is added; none if there is nothing to add.
    #[inline]
    fn container_below(&self, at: usize, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let n = self.stack.len();
        if at > n || at <= self.fence() {
            return Err(self.underflow(thread));
        }
        if at == n {
            return Ok(None);
        }
        Ok(self.stack.get(at - 1).cloned())
    }

    fn append_from(&mut self, at: usize, thread: &mut Thread) -> PyResult<()> {
        let Some(target) = self.container_below(at, thread)? else { return Ok(()) };
        if target.has_shape(shapes::LIST) {
            let list = ListObject::of(*target);
            for item in self.stack.drain(at..) {
                list.push(item);
            }
            return Ok(());
        }
        let items = self.stack.split_off(at);
        let names = pyrt_runtime::names();
        if let Some(extend) = attribute::get_optional(*target, names.extend, thread)? {
            call::call(*extend, &[*list::from_vec(items)], thread)?;
            return Ok(());
        }
        let append = attribute::get(*target, names.append, thread)?;
        for item in items {
            call::call(*append, &[*item], thread)?;
        }
        Ok(())
    }

    fn set_from(&mut self, at: usize, thread: &mut Thread) -> PyResult<()> {
        let Some(target) = self.container_below(at, thread)? else { return Ok(()) };
        if !(self.stack.len() - at).is_multiple_of(2) {
            return Err(unpickling_error("odd number of items for SETITEMS", thread));
        }
        let is_dict = dict::is_exact(*target);
        let dict = DictObject::of(*target);
        if self.stack.len() - at == 2 {
            let (value, key) = (self.pop(thread)?, self.pop(thread)?);
            return if is_dict { dict.set(*key, value, thread) } else { subscript::set_item(*target, *key, *value, thread) };
        }
        if is_dict {
            dict.reserve((self.stack.len() - at) / 2);
        }
        let mut items = self.stack.drain(at..);
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if is_dict {
                dict.set(*key, value, thread)?;
            } else {
                subscript::set_item(*target, *key, *value, thread)?;
            }
        }
        Ok(())
    }

    fn add_items(&mut self, thread: &mut Thread) -> PyResult<()> {
        let at = self.mark(thread)?;
        let Some(target) = self.container_below(at, thread)? else { return Ok(()) };
        let items = self.stack.split_off(at);
        if set::is_set(*target) {
            for item in items {
                set::add(*target, *item, thread)?;
            }
            return Ok(());
        }
        let add = attribute::get(*target, pyrt_runtime::names().add, thread)?;
        for item in items {
            call::call(*add, &[*item], thread)?;
        }
        Ok(())
    }

    /// An instance as Python 2 made them.
    fn instantiate(&mut self, class: Value, args: Vec<Owned>, thread: &mut Thread) -> PyResult<()> {
        let names = pyrt_runtime::names();
        let plain = args.is_empty() && is_type(class) && attribute::get_optional(class, names.__getinitargs__, thread)?.is_none();
        let made = if plain {
            call::call_method(class, names.__new__, &[class], thread)?
        } else {
            call::call_args(class, Args::from_owned(&args), KwNames::NONE, thread)?
        };
        self.push(made);
        Ok(())
    }

    fn check_class(class: Value, args: Value, opcode: &str, thread: &mut Thread) -> PyResult<()> {
        let given = |value: Value| value.type_object().full_name();
        if !is_type(class) {
            let name = given(class);
            return Err(unpickling_error(format!("{opcode} class argument must be a type, not {name}"), thread));
        }
        let ty = TypeObject::of(class);
        if ty.slots.new.raw() == 0 || ty.has_flag(TYPE_DISALLOW_INSTANTIATION) {
            let name = ty.full_name();
            return Err(unpickling_error(format!("{opcode} class argument '{name}' doesn't have __new__"), thread));
        }
        if !is_tuple(args) {
            let name = given(args);
            return Err(unpickling_error(format!("{opcode} args argument must be a tuple, not {name}"), thread));
        }
        Ok(())
    }

    fn new_object(&mut self, thread: &mut Thread) -> PyResult<()> {
        let args = self.pop(thread)?;
        let class = self.pop(thread)?;
        Self::check_class(*class, *args, "NEWOBJ", thread)?;
        let Some(new) = TypeObject::of(*class).slots.new.get() else { return Err(self.underflow(thread)) };
        let made = new(*class, Args::from_values(TupleObject::of(*args).items()), KwNames::NONE, thread)?;
        self.push(made);
        Ok(())
    }

    fn new_object_with_keywords(&mut self, thread: &mut Thread) -> PyResult<()> {
        let kwargs = self.pop(thread)?;
        let args = self.pop(thread)?;
        let class = self.pop(thread)?;
        Self::check_class(*class, *args, "NEWOBJ_EX", thread)?;
        if !dict::is_dict(*kwargs) {
            let name = kwargs.type_object().full_name();
            return Err(unpickling_error(format!("NEWOBJ_EX kwargs argument must be a dict, not {name}"), thread));
        }
        let new = attribute::get(*class, pyrt_runtime::names().__new__, thread)?;
        let mut all = vec![class.clone()];
        all.extend(TupleObject::of(*args).items().iter().map(|item| item.to_owned()));
        let made = call::call_tuple(*new, *tuple::from_vec(all), Some(*kwargs), thread)?;
        self.push(made);
        Ok(())
    }

    /// Gives an object its state.
    fn build(&mut self, thread: &mut Thread) -> PyResult<()> {
        self.expect(2, thread)?;
        let mut state = self.pop(thread)?;
        let object = self.top(thread)?.clone();
        let names = pyrt_runtime::names();
        if let Some(setstate) = attribute::get_optional(*object, names.__setstate__, thread)? {
            return call::call(*setstate, &[*state], thread).map(drop);
        }
        let mut slot_state = None;
        if is_tuple(*state) && TupleObject::of(*state).len() == 2 {
            let pair = state;
            state = TupleObject::of(*pair).item(0).to_owned();
            slot_state = Some(TupleObject::of(*pair).item(1).to_owned()).filter(|state| !state.is_none());
        }
        if !state.is_none() {
            if !dict::is_dict(*state) {
                return Err(unpickling_error("state is not a dictionary", thread));
            }
            set_attributes(*object, *state, thread)?;
        }
        if let Some(slot_state) = slot_state {
            if !dict::is_dict(*slot_state) {
                return Err(unpickling_error("slot state is not a dictionary", thread));
            }
            for entry in DictObject::of(*slot_state).entries() {
                attribute::set(*object, *entry.key, *entry.value, thread)?;
            }
        }
        Ok(())
    }
}

/// `object.__dict__.update(state)`, with interned names.
fn set_attributes(object: Value, state: Value, thread: &mut Thread) -> PyResult<()> {
    let names = pyrt_runtime::names();
    let ty = object.type_object();
    let is_plain = attribute::instance_has_dict(object)
        && attribute::uses_generic_lookup(ty)
        && attribute::lookup_type(ty, names.__dict__, thread).is_some_and(|found| std::ptr::eq(found.type_object(), GETSET_DESCRIPTOR.get()));
    let state = DictObject::of(state);
    let mut position = 0;
    let mut dict = None;
    while let Some(entry) = state.next_entry(&mut position) {
        let is_name = string::is_exact(*entry.key);
        let key = if is_name { string::intern(entry.key) } else { entry.key };
        if is_plain && is_name {
            attribute::instance_set(object, *key, *entry.value, thread)?;
            continue;
        }
        let target = match dict.take() {
            Some(dict) => dict,
            None => attribute::get(object, names.__dict__, thread)?,
        };
        subscript::set_item(*target, *key, *entry.value, thread)?;
        dict = Some(target);
    }
    if dict.is_none() && !is_plain {
        // Even an empty state asks for the attribute.
        drop(attribute::get(object, names.__dict__, thread)?);
    }
    Ok(())
}

/// The bytes of the inside of a quoted literal.
fn string_escape(inner: &[u8], thread: &mut Thread) -> PyResult<Vec<u8>> {
    if !inner.contains(&b'\\') {
        return Ok(inner.to_vec());
    }
    let unescaped = codec_call("escape_decode", inner, thread)?;
    pyrt_runtime::protocol::buffer::copy_bytes(*unescaped, thread)
}

/// The first result of a function of `_codecs`.
fn codec_call(function: &str, data: &[u8], thread: &mut Thread) -> PyResult {
    let module = pyrt_runtime::import::import_module("_codecs", thread)?;
    let decode = attribute::get_by_text(*module, function, thread)?;
    let pair = call::call(*decode, &[*bytes::from_slice(data)], thread)?;
    subscript::get_index(*pair, 0, thread)
}
