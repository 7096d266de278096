//! `bytearray`: bytes that change.
//!
//! # Who may touch what
//! The storage is read and written under the object lock only. While memory is lent (`exports`) it neither moves nor
//! changes its length; whoever holds a view writes into it without the lock, as CPython documents.

use std::borrow::Cow;
use std::cell::UnsafeCell;

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::buffer::{self, Buffer};
use crate::protocol::compare::CompareOp;
use crate::protocol::native::LazySignature;
use crate::protocol::{attribute, convert, iterate, subscript};
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{BYTEARRAY, shapes};
use crate::types::byte_string_methods::BYTEARRAY_METHODS;
use crate::types::byte_strings::{self, byte, bytes_like, collect_bytes, item_index};
use crate::types::bytes_methods::{constructor_bytes, new_bytearray_iterator};
use crate::types::string;
use crate::types::tuple;
use crate::types::type_object::*;
use crate::types::{bytes, bytes_format, slice};

pub use crate::types::bytes_methods::BYTEARRAY_ITERATOR_SPEC as ITERATOR_SPEC;

/// The bytes from `start` on; what was deleted at the front waits there for the next reallocation.
#[derive(Default)]
struct Storage {
    data: Vec<u8>,
    start: usize,
}

impl Storage {
    fn as_slice(&self) -> &[u8] {
        self.data.get(self.start..).unwrap_or(&[])
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.data.get_mut(self.start..).unwrap_or(&mut [])
    }

    fn len(&self) -> usize {
        self.data.len() - self.start
    }

    /// Replaces the bytes `start..stop` by `new`.
    fn splice(&mut self, start: usize, stop: usize, new: &[u8]) {
        if start == 0 && new.is_empty() {
            self.start += stop;
            if self.start >= self.data.len() {
                *self = Storage::default();
            } else if self.start > self.data.len() / 2 {
                self.data.drain(..self.start);
                self.start = 0;
            }
            return;
        }
        drop(self.data.splice(self.start + start..self.start + stop, new.iter().copied()));
    }
}

#[repr(C)]
struct ByteArray {
    header: Header,
    storage: UnsafeCell<Storage>,
    /// Buffers that are lent.
    exports: AtomicUsize,
}

fn of<'a>(value: Value) -> &'a ByteArray {
    // SAFETY: callers pass bytearrays (or instances of subclasses).
    unsafe { value.as_ref() }
}

/// Reads or writes the storage. `f` runs no Python code.
fn with<R>(value: Value, f: impl FnOnce(&mut Storage) -> R) -> R {
    let array = of(value);
    let _guard = array.header.lock_leaf();
    // SAFETY: the lock (in `pyrt` the GIL) makes this the only reference; `f` does not come back here.
    f(unsafe { &mut *array.storage.get() })
}

/// Changes the length, which lent memory forbids.
fn with_resizable<R>(value: Value, thread: &mut Thread, f: impl FnOnce(&mut Storage) -> R) -> PyResult<R> {
    let result = with(value, |storage| if of(value).exports.load(Ordering::Relaxed) > 0 { None } else { Some(f(storage)) });
    result.ok_or_else(|| thread.raise(&exc::BUFFER_ERROR, "Existing exports of data: object cannot be re-sized"))
}

fn new_of_type(ty: &TypeObject, data: Vec<u8>) -> Owned {
    lifetime::allocate_object(ty, |header| ByteArray {
        header,
        storage: UnsafeCell::new(Storage { data, start: 0 }),
        exports: AtomicUsize::new(0),
    })
}

/// A Python bytearray.
pub fn from_vec(data: Vec<u8>) -> Owned {
    new_of_type(BYTEARRAY.get(), data)
}

/// Whether the value is a bytearray (or of a subclass).
pub fn is_bytearray(value: Value) -> bool {
    value.is_pointer() && value.is_instance(BYTEARRAY.get())
}

/// The bytes: borrowed where no other thread runs, and then only good until Python code runs.
pub fn contents<'a>(value: Value) -> Cow<'a, [u8]> {
    if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
        return Cow::Owned(with(value, |storage| storage.as_slice().to_vec()));
    }
    // SAFETY: no other thread runs, and callers let go of the slice before Python code can change the storage.
    Cow::Borrowed(unsafe { (*of(value).storage.get()).as_slice() })
}

/// Byte `i`.
pub fn get(value: Value, i: usize) -> Option<u8> {
    with(value, |storage| storage.as_slice().get(i).copied())
}

/// The number of bytes.
pub fn len(value: Value) -> usize {
    with(value, |storage| storage.len())
}

fn array_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(new_of_type(TypeObject::of(class), Vec::new()))
}

fn array_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(source=b'', encoding='utf-8', errors='strict')");
    let bound = SIGNATURE.bind("bytearray", args, kwnames, thread)?;
    let data = constructor_bytes(bound.args(), "bytearray", thread)?;
    with_resizable(this, thread, |storage| *storage = Storage { data, start: 0 })
}

fn array_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let own = with(this, |storage| storage.as_slice().to_vec());
    let quote = if own.contains(&b'\'') && !own.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("{}(b{quote}", this.type_object().name());
    for byte in own {
        match byte {
            // The single quote is escaped between double quotes too.
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(byte as char);
            }
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b' '..=b'~' => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
    out.push(')');
    Ok(Owned::str(&out))
}

fn array_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(len(this) as i64)
}

fn array_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_bytearray_iterator(this))
}

fn array_str(this: Value, thread: &mut Thread) -> PyResult {
    byte_strings::warn_of_text("str() on a bytearray instance", thread)?;
    array_repr(this, thread)
}

fn array_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    byte_strings::compare_with(left, right, op, thread)
}

fn array_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !buffer::supports_buffer(right) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can't concat {name} to bytearray")));
    }
    let right = bytes_like(right, thread)?;
    Ok(from_vec([byte_strings::contents(left).as_ref(), right.as_ref()].concat()))
}

fn array_inplace_concat(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if !buffer::supports_buffer(other) {
        let name = other.type_object().full_name();
        return Err(thread.raise_type_error(format!("can't concat {name} to bytearray")));
    }
    let new = bytes_like(other, thread)?;
    if !new.is_empty() {
        with_resizable(this, thread, |storage| storage.data.extend_from_slice(&new))?;
    }
    Ok(this.to_owned())
}

fn array_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    byte_strings::repeated(this, n, thread).map(from_vec)
}

fn array_inplace_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    if n == 1 {
        return Ok(this.to_owned());
    }
    let data = byte_strings::repeated(this, n, thread)?;
    with_resizable(this, thread, |storage| *storage = Storage { data, start: 0 })?;
    Ok(this.to_owned())
}

fn array_remainder(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_bytearray(left) {
        return Ok(Owned::not_implemented());
    }
    bytes_format::format_like(left, right, thread)
}

const WHAT: [&str; 2] = ["bytearray", "bytearray index out of range"];

fn array_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    if key.has_shape(shapes::SLICE) {
        let unpacked = slice::unpack(key, thread)?;
        let chosen = with(this, |storage| {
            let own = storage.as_slice();
            slice::adjust(unpacked, own.len()).iter().filter_map(|i| own.get(i).copied()).collect()
        });
        return Ok(from_vec(chosen));
    }
    let i = item_index(key, len(this), WHAT, thread)?;
    match get(this, i) {
        Some(byte) => Ok(Owned::int(i64::from(byte))),
        None => Err(thread.raise(&exc::INDEX_ERROR, WHAT[1])),
    }
}

fn array_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if key.has_shape(shapes::SLICE) {
        return assign_slice(this, key, value, thread);
    }
    let i = item_index(key, len(this), WHAT, thread)?;
    let Some(value) = value else { return with_resizable(this, thread, |storage| storage.splice(i, i + 1, &[])) };
    let new = byte(value, thread)?;
    // The conversion may have shortened the array.
    let stored = with(this, |storage| storage.as_mut_slice().get_mut(i).map(|slot| *slot = new));
    stored.ok_or_else(|| thread.raise(&exc::INDEX_ERROR, WHAT[1]))
}

fn assign_slice(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    const MESSAGE: &str = "can assign only bytes, buffers, or iterables of ints in range(0, 256)";
    let new = match value {
        None => None,
        Some(value) if buffer::supports_buffer(value) => Some(bytes_like(value, thread)?),
        Some(value) if convert::is_int(value) || string::is_str(value) || !iterate::is_iterable(value) => {
            return Err(thread.raise_type_error(MESSAGE));
        }
        Some(value) => Some(Cow::Owned(collect_bytes(value, "byte must be in range(0, 256)", thread)?)),
    };
    let unpacked = slice::unpack(key, thread)?;
    let range = slice::adjust(unpacked, len(this));
    let bytes = new.as_deref().unwrap_or(&[]);
    if range.step == 1 {
        let (start, stop) = (range.start as usize, range.start as usize + range.count);
        if bytes.len() == range.count {
            with(this, |storage| {
                if let Some(part) = storage.as_mut_slice().get_mut(start..stop) {
                    part.copy_from_slice(bytes);
                }
            });
            return Ok(());
        }
        return with_resizable(this, thread, |storage| storage.splice(start.min(storage.len()), stop.min(storage.len()), bytes));
    }
    if bytes.is_empty() {
        if range.count == 0 {
            return Ok(());
        }
        return with_resizable(this, thread, |storage| {
            let mut kept = vec![true; storage.len()];
            range.iter().for_each(|i| {
                if let Some(kept) = kept.get_mut(i) {
                    *kept = false;
                }
            });
            let data = storage.as_slice().iter().zip(kept).filter(|(_, kept)| *kept).map(|(byte, _)| *byte).collect();
            *storage = Storage { data, start: 0 };
        });
    }
    if bytes.len() != range.count {
        let (n, count) = (bytes.len(), range.count);
        return Err(thread.raise_value_error(format!("attempt to assign bytes of size {n} to extended slice of size {count}")));
    }
    with(this, |storage| {
        for (i, byte) in range.iter().zip(bytes) {
            if let Some(slot) = storage.as_mut_slice().get_mut(i) {
                *slot = *byte;
            }
        }
    });
    Ok(())
}

fn release_export(value: Value) {
    of(value).exports.fetch_sub(1, Ordering::AcqRel);
}

fn array_buffer(this: Value, _flags: u32, _thread: &mut Thread) -> PyResult<Buffer> {
    let (data, len) = with(this, |storage| {
        of(this).exports.fetch_add(1, Ordering::AcqRel);
        (storage.as_mut_slice().as_mut_ptr(), storage.len())
    });
    Ok(Buffer::bytes(this.to_owned(), data, len, false, Some(release_export)))
}

pub(super) fn alloc(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(with(this, |storage| if storage.data.capacity() == 0 { 0 } else { storage.data.capacity() + 1 })))
}

pub(super) fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(this.type_object().basic_size() + with(this, |storage| storage.data.capacity())))
}

fn reduced(this: Value, protocol: i64, thread: &mut Thread) -> PyResult {
    let state = match attribute::get_optional(this, crate::names::names().__getstate__, thread)? {
        Some(method) => crate::protocol::call::call(*method, &[], thread)?,
        None => Owned::none(),
    };
    let own = byte_strings::contents(this).into_owned();
    let args = if own.is_empty() {
        tuple::empty()
    } else if protocol < 3 {
        tuple::pack([string::from_latin1(&own), Owned::str("latin-1")])
    } else {
        tuple::pack([bytes::from_vec(own)])
    };
    Ok(tuple::pack([this.type_object().value().to_owned(), args, state]))
}

pub(super) fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    reduced(this, 2, thread)
}

pub(super) fn reduce_ex(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let protocol = match args.get(0) {
        Some(protocol) => i64::from(convert::as_c_int(protocol, thread)?),
        None => 0,
    };
    reduced(this, protocol, thread)
}

pub(super) fn append(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    let new = byte(item, thread)?;
    with_resizable(this, thread, |storage| storage.data.push(new))?;
    Ok(Owned::none())
}

pub(super) fn clear(this: Value, thread: &mut Thread) -> PyResult {
    with_resizable(this, thread, |storage| *storage = Storage::default())?;
    Ok(Owned::none())
}

pub(super) fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(from_vec(byte_strings::contents(this).into_owned()))
}

pub(super) fn extend(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    let new = if buffer::supports_buffer(source) {
        bytes_like(source, thread)?
    } else if string::is_str(source) {
        return Err(thread.raise_type_error("expected iterable of integers; got: 'str'"));
    } else if !iterate::is_iterable(source) {
        let name = source.type_object().full_name();
        return Err(thread.raise_type_error(format!("can't extend bytearray with {name}")));
    } else {
        Cow::Owned(collect_bytes(source, "byte must be in range(0, 256)", thread)?)
    };
    if !new.is_empty() {
        with_resizable(this, thread, |storage| storage.data.extend_from_slice(&new))?;
    }
    Ok(Owned::none())
}

pub(super) fn insert(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let new = byte(args.at(1), thread)?;
    with_resizable(this, thread, |storage| {
        let len = storage.len() as i64;
        let at = if index < 0 { (index + len).max(0) } else { index.min(len) } as usize;
        storage.splice(at, at, &[new]);
    })?;
    Ok(Owned::none())
}

pub(super) fn pop(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = match args.get(0) {
        Some(index) => convert::index_as_i64(index, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => -1,
    };
    let len = len(this);
    if len == 0 {
        return Err(thread.raise(&exc::INDEX_ERROR, "pop from empty bytearray"));
    }
    let Some(i) = subscript::normalize_index(index, len) else {
        return Err(thread.raise(&exc::INDEX_ERROR, "pop index out of range"));
    };
    let popped = with_resizable(this, thread, |storage| {
        let popped = storage.as_slice().get(i).copied();
        if popped.is_some() {
            storage.splice(i, i + 1, &[]);
        }
        popped
    })?;
    match popped {
        Some(byte) => Ok(Owned::int(i64::from(byte))),
        None => Err(thread.raise(&exc::INDEX_ERROR, "pop index out of range")),
    }
}

pub(super) fn remove(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let wanted = byte(value, thread)?;
    let at = with(this, |storage| storage.as_slice().iter().position(|byte| *byte == wanted));
    let Some(at) = at else { return Err(thread.raise_value_error("value not found in bytearray")) };
    with_resizable(this, thread, |storage| storage.splice(at, at + 1, &[]))?;
    Ok(Owned::none())
}

pub(super) fn resize(this: Value, size: Value, thread: &mut Thread) -> PyResult {
    let size = convert::index_as_i64(size, thread, Some(&exc::OVERFLOW_ERROR))?;
    let Ok(wanted) = usize::try_from(size) else {
        return Err(thread.raise_value_error(format!("Can only resize to positive sizes, got {size}")));
    };
    if wanted == len(this) {
        return Ok(Owned::none());
    }
    let fits = with_resizable(this, thread, |storage| {
        let total = storage.start + wanted;
        let more = total.saturating_sub(storage.data.len());
        if total > isize::MAX as usize / 2 || storage.data.try_reserve(more).is_err() {
            return false;
        }
        storage.data.resize(total, 0);
        true
    })?;
    if fits { Ok(Owned::none()) } else { Err(thread.raise_memory_error()) }
}

pub(super) fn reverse(this: Value, _thread: &mut Thread) -> PyResult {
    with(this, |storage| storage.as_mut_slice().reverse());
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; lent memory would have kept it alive.
    unsafe { std::ptr::drop_in_place(value.header().cast::<ByteArray>()) };
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "bytearray",
    doc: "bytearray(iterable_of_ints) -> bytearray\nbytearray(string, encoding[, errors]) -> bytearray\nbytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer\nbytearray(int) -> bytes array of size given by the parameter initialized with null bytes\nbytearray() -> empty bytes array",
    flags: TYPE_BASETYPE | TYPE_MATCH_SELF,
    basic_size: size_of::<ByteArray>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(array_repr),
        SlotFn::str(array_str),
        SlotFn::richcompare(array_compare),
        SlotFn::iter(array_iter),
        SlotFn::new(array_new),
        SlotFn::init(array_init),
        SlotFn::remainder(array_remainder),
        SlotFn::length(array_length),
        SlotFn::concat(array_concat),
        SlotFn::repeat(array_repeat),
        SlotFn::inplace_concat(array_inplace_concat),
        SlotFn::inplace_repeat(array_inplace_repeat),
        SlotFn::subscript(array_subscript),
        SlotFn::ass_subscript(array_ass_subscript),
        SlotFn::contains(byte_strings::contains),
        SlotFn::buffer(array_buffer),
    ],
    methods: BYTEARRAY_METHODS,
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
