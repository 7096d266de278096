//! The operators of `bytes`, and the iterator of `bytes` and `bytearray`.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::buffer::{self, Buffer};
use crate::protocol::compare::CompareOp;
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, convert};
use crate::sync::{AtomicI64, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{BYTES, BYTES_ITERATOR, BYTEARRAY_ITERATOR, StaticType, shapes};
use crate::types::byte_string_methods::BYTES_METHODS;
use crate::types::byte_strings::{self, bytes_like, contents, from_source, item_index};
use crate::types::bytes::{self, BytesObject, from_vec, is_bytes};
use crate::types::string;
use crate::types::tuple;
use crate::types::type_object::*;
use crate::types::{bytearray, bytes_format, codec_calls, slice};

fn bytes_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let quoted = crate::text::escape::repr_bytes(BytesObject::of(this).as_slice());
    Ok(string::from_ascii(&[b"b", quoted.as_slice()].concat()))
}

fn bytes_str(this: Value, thread: &mut Thread) -> PyResult {
    byte_strings::warn_of_text("str() on a bytes instance", thread)?;
    bytes_repr(this, thread)
}

fn bytes_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(BytesObject::of(this).hash())
}

fn bytes_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(BytesObject::of(this).len() as i64)
}

fn bytes_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(&BYTES_ITERATOR, this))
}

fn bytes_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_bytes(right) {
        if matches!(op, CompareOp::Eq | CompareOp::Ne) {
            if string::is_str(right) {
                byte_strings::warn_of_text("Comparison between bytes and string", thread)?;
            } else if crate::protocol::convert::is_int(right) {
                byte_strings::warn_of_text("Comparison between bytes and int", thread)?;
            }
        }
        return Ok(Owned::not_implemented());
    }
    Ok(Owned::bool(op.holds(BytesObject::of(left).as_slice().cmp(BytesObject::of(right).as_slice()))))
}

fn bytes_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !buffer::supports_buffer(right) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can't concat {name} to bytes")));
    }
    let (a, b) = (contents(left), bytes_like(right, thread)?);
    if a.is_empty() && right.has_shape(shapes::BYTES) {
        return Ok(right.to_owned());
    }
    if b.is_empty() && left.has_shape(shapes::BYTES) {
        return Ok(left.to_owned());
    }
    Ok(from_vec([a.as_ref(), b.as_ref()].concat()))
}

fn bytes_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    if n == 1 && this.has_shape(shapes::BYTES) {
        return Ok(this.to_owned());
    }
    byte_strings::repeated(this, n, thread).map(from_vec)
}

fn bytes_remainder(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_bytes(left) {
        return Ok(Owned::not_implemented());
    }
    bytes_format::format_like(left, right, thread)
}

fn bytes_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let own = BytesObject::of(this).as_slice();
    if key.has_shape(shapes::SLICE) {
        let range = slice::indices(key, own.len(), thread)?;
        if range.step == 1 {
            if range.count == own.len() && this.has_shape(shapes::BYTES) {
                return Ok(this.to_owned());
            }
            let start = range.start as usize;
            return Ok(bytes::from_slice(own.get(start..start + range.count).unwrap_or(&[])));
        }
        return Ok(from_vec(range.iter().filter_map(|i| own.get(i).copied()).collect()));
    }
    let i = item_index(key, own.len(), ["byte", "index out of range"], thread)?;
    Ok(Owned::int(i64::from(own[i])))
}

fn bytes_buffer(this: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    if flags & buffer::WRITABLE != 0 {
        return Err(thread.raise(&exc::BUFFER_ERROR, "Object is not writable."));
    }
    let object = BytesObject::of(this);
    Ok(Buffer::bytes(this.to_owned(), object.as_slice().as_ptr().cast_mut(), object.len(), true, None))
}

/// The bytes of the constructor's arguments; with an encoding the source must be a str.
pub fn constructor_bytes(args: Args<'_>, class: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let (source, encoding, errors) = (args.get(0), args.get(1), args.get(2));
    if encoding.is_some() || errors.is_some() {
        return match source {
            Some(source) if string::is_str(source) => codec_calls::encode(source, encoding, errors, class, thread),
            _ if encoding.is_some() => Err(thread.raise_type_error("encoding without a string argument")),
            _ => Err(thread.raise_type_error("errors without a string argument")),
        };
    }
    match source {
        Some(source) => from_source(source, class, thread),
        None => Ok(Vec::new()),
    }
}

fn bytes_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(source=b'', encoding='utf-8', errors='strict')");
    let ty = TypeObject::of(class);
    let is_exact = std::ptr::eq(ty, BYTES.get());
    let bound = SIGNATURE.bind("bytes", args, kwnames, thread)?;
    let bound = bound.args();
    if let (Some(source), None, None) = (bound.get(0), bound.get(1), bound.get(2)) {
        if is_exact && source.has_shape(shapes::BYTES) {
            return Ok(source.to_owned());
        }
        if let Some(result) = attribute::call_special(source, crate::names::names().__bytes__, &[], thread)? {
            if !is_bytes(*result) {
                let name = result.type_object().full_name();
                return Err(thread.raise_type_error(format!("__bytes__ returned non-bytes (type {name})")));
            }
            return Ok(if is_exact { result } else { bytes::new_of_type(ty, BytesObject::of(*result).as_slice()) });
        }
    }
    let made = constructor_bytes(bound, "bytes", thread)?;
    Ok(if is_exact { from_vec(made) } else { bytes::new_of_type(ty, &made) })
}

pub(super) fn getnewargs(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([bytes::from_slice(BytesObject::of(this).as_slice())]))
}

pub(super) fn exact(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(byte_strings::unchanged(this))
}

pub(super) fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(33 + BytesObject::of(this).len()))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "bytes",
    doc: "bytes(iterable_of_ints) -> bytes\nbytes(string, encoding[, errors]) -> bytes\nbytes(bytes_or_buffer) -> immutable copy of bytes_or_buffer\nbytes(int) -> bytes object of size given by the parameter initialized with null bytes\nbytes() -> empty bytes object",
    flags: TYPE_BASETYPE | TYPE_BYTES_SUBCLASS | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: 33,
    item_size: 1,
    slots: &[
        SlotFn::repr(bytes_repr),
        SlotFn::str(bytes_str),
        SlotFn::hash(bytes_hash),
        SlotFn::richcompare(bytes_compare),
        SlotFn::iter(bytes_iter),
        SlotFn::new(bytes_new),
        SlotFn::remainder(bytes_remainder),
        SlotFn::length(bytes_length),
        SlotFn::concat(bytes_concat),
        SlotFn::repeat(bytes_repeat),
        SlotFn::subscript(bytes_subscript),
        SlotFn::contains(byte_strings::contains),
        SlotFn::buffer(bytes_buffer),
    ],
    methods: BYTES_METHODS,
    ..TypeSpec::DEFAULT
};

/// The iterator of both types.
#[repr(C)]
struct ByteIterator {
    header: Header,
    /// Empty once exhausted.
    sequence: Slot,
    /// The next index, advanced atomically where threads share the iterator.
    index: AtomicI64,
}

fn iterator_of<'a>(value: Value) -> &'a ByteIterator {
    // SAFETY: called for the two iterator types only.
    unsafe { value.as_ref() }
}

/// `iter(bytes)`, `iter(bytearray)`.
pub fn new_iterator(ty: &StaticType, sequence: Value) -> Owned {
    lifetime::allocate_object(ty.get(), |header| ByteIterator { header, sequence: Slot::new(sequence.to_owned()), index: AtomicI64::new(0) })
}

fn item_at(sequence: Value, index: i64) -> Option<u8> {
    let index = usize::try_from(index).ok()?;
    if is_bytes(sequence) { BytesObject::of(sequence).as_slice().get(index).copied() } else { bytearray::get(sequence, index) }
}

fn length_of(sequence: Value) -> i64 {
    if is_bytes(sequence) { BytesObject::of(sequence).len() as i64 } else { bytearray::len(sequence) as i64 }
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = iterator_of(this);
    let Some(sequence) = iterator.sequence.load(&iterator.header) else { return Ok(None) };
    let index = if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
        iterator.index.fetch_add(1, Ordering::Relaxed)
    } else {
        let index = iterator.index.load(Ordering::Relaxed);
        iterator.index.store(index + 1, Ordering::Relaxed);
        index
    };
    match item_at(*sequence, index) {
        Some(byte) => Ok(Some(Owned::int(i64::from(byte)))),
        None => {
            drop(iterator.sequence.replace(&iterator.header, None));
            Ok(None)
        }
    }
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    let left = iterator.sequence.load(&iterator.header).map_or(0, |sequence| length_of(*sequence) - iterator.index.load(Ordering::Relaxed));
    Ok(Owned::int(left.max(0)))
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    let function = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(match iterator.sequence.load(&iterator.header) {
        Some(sequence) => tuple::pack([function, tuple::pack([sequence]), Owned::int(iterator.index.load(Ordering::Relaxed))]),
        None => tuple::pack([function, tuple::pack([tuple::empty()])]),
    })
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let iterator = iterator_of(this);
    if let Some(sequence) = iterator.sequence.load(&iterator.header) {
        iterator.index.store(index.clamp(0, length_of(*sequence)), Ordering::Relaxed);
    }
    Ok(Owned::none())
}

unsafe fn iterator_dealloc(value: Value) {
    drop(iterator_of(value).sequence.replace_locked(None));
}

unsafe fn iterator_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(sequence) = iterator_of(value).sequence.peek() {
        visit(sequence);
    }
}

const ITERATOR_METHODS: &[MethodDef] = &[
    method("__length_hint__", NativeFn::NoArgs(length_hint), "($self, /)", "Private method returning an estimate of len(list(it))."),
    method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Return state information for pickling."),
    method("__setstate__", NativeFn::One(setstate), "($self, object, /)", "Set state information for unpickling."),
];

const fn iterator_spec(name: &'static str) -> TypeSpec {
    TypeSpec {
        name,
        flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
        basic_size: size_of::<ByteIterator>(),
        slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
        methods: ITERATOR_METHODS,
        dealloc: Some(iterator_dealloc),
        traverse: Some(iterator_traverse),
        ..TypeSpec::DEFAULT
    }
}

pub static ITERATOR_SPEC: TypeSpec = iterator_spec("bytes_iterator");
pub static BYTEARRAY_ITERATOR_SPEC: TypeSpec = iterator_spec("bytearray_iterator");

/// `iter(bytearray)`.
pub fn new_bytearray_iterator(sequence: Value) -> Owned {
    new_iterator(&BYTEARRAY_ITERATOR, sequence)
}
