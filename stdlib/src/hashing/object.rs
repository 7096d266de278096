//! Hash objects: what the types of all hash modules have in common.
//!
//! # Threads
//! The state is [`Exclusive`]: one thread at a time works on it, detached if there is much to do.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer::{self, Buffer};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{int, string};

use super::algorithm::{Algorithm, Hash};
use crate::native_type::{dealloc, object};
use crate::thread::lock::Exclusive;

/// From this many bytes on, the interpreter is left to others meanwhile.
pub const DETACH_FROM: usize = 2048;

/// Runs native work, detached if there is much of it.
pub fn work<T>(size: usize, thread: &mut Thread, work: impl FnOnce() -> T) -> T {
    if size >= DETACH_FROM { thread.detached(work) } else { work() }
}

/// Bytes to be hashed. Those of a bytes object are read where they lie; others may change meanwhile and are copied.
pub enum Data<'a> {
    Fixed(&'a [u8]),
    Copied(Vec<u8>),
}

impl std::ops::Deref for Data<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Data::Fixed(bytes) => bytes,
            Data::Copied(bytes) => bytes,
        }
    }
}

fn contiguous(lent: &Buffer, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if !lent.is_contiguous() {
        return Err(thread.raise(&exc::BUFFER_ERROR, "memoryview: underlying buffer is not C-contiguous"));
    }
    Ok(lent.to_vec())
}

/// An argument to be hashed.
pub fn data<'a>(value: Value, thread: &mut Thread) -> PyResult<Data<'a>> {
    if value.has_shape(shapes::BYTES) {
        return Ok(Data::Fixed(BytesObject::of(value).as_slice()));
    }
    if string::is_str(value) {
        return Err(thread.raise_type_error("Strings must be encoded before hashing"));
    }
    if !buffer::supports_buffer(value) {
        return Err(thread.raise_type_error("object supporting the buffer API required"));
    }
    let lent = buffer::get(value, 0, thread)?;
    contiguous(&lent, thread).map(Data::Copied)
}

/// An argument that lends bytes, such as a key.
pub fn bytes_like<'a>(value: Value, thread: &mut Thread) -> PyResult<Data<'a>> {
    if value.has_shape(shapes::BYTES) {
        return Ok(Data::Fixed(BytesObject::of(value).as_slice()));
    }
    let lent = buffer::get(value, 0, thread)?;
    contiguous(&lent, thread).map(Data::Copied)
}

/// The data of a constructor, which has two names for it.
pub fn initial<'a>(data: Option<Value>, string: Option<Value>, thread: &mut Thread) -> PyResult<Option<Data<'a>>> {
    match (data, string) {
        (Some(_), Some(_)) => Err(thread.raise_type_error(
            "'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a future version.",
        )),
        (Some(data), None) | (None, Some(data)) => self::data(data, thread).map(Some),
        (None, None) => Ok(None),
    }
}

#[repr(C)]
pub struct HashObject {
    header: Header,
    pub algorithm: Algorithm,
    digest_size: usize,
    state: Exclusive<Hash>,
}

fn of<'a>(value: Value) -> &'a HashObject {
    // SAFETY: called for hash objects only: `self` of their methods.
    unsafe { object(value) }
}

pub fn new(ty: &TypeObject, algorithm: Algorithm, digest_size: usize, mut hash: Hash, data: Option<Data<'_>>, thread: &mut Thread) -> Owned {
    if let Some(data) = data {
        work(data.len(), thread, || hash.update(&data));
    }
    allocate_object(ty, |header| HashObject { header, algorithm, digest_size, state: Exclusive::new(hash) })
}

/// A new object from the arguments `data`, `usedforsecurity`, `string`.
pub fn from_args(ty: &TypeObject, algorithm: Algorithm, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = initial(args.get(0), args.get(2), thread)?;
    Ok(new(ty, algorithm, algorithm.digest_size(), algorithm.start(), data, thread))
}

pub fn update(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = self::data(data, thread)?;
    of(this).state.with(thread, |hash, thread| work(data.len(), thread, || hash.update(&data)));
    Ok(Owned::none())
}

/// The state as it is now.
fn snapshot(this: Value, thread: &mut Thread) -> Hash {
    of(this).state.with(thread, |hash, _| hash.clone())
}

pub fn digest(this: Value, thread: &mut Thread) -> PyResult {
    Ok(bytes::from_slice(snapshot(this, thread).finish().as_slice()))
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> Owned {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    string::from_ascii(&text)
}

pub fn hexdigest(this: Value, thread: &mut Thread) -> PyResult {
    Ok(hex(snapshot(this, thread).finish().as_slice()))
}

/// The digest of a function of variable size.
pub fn extended(this: Value, length: usize, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let hash = snapshot(this, thread);
    let mut output = Vec::new();
    if output.try_reserve_exact(length).is_err() {
        return Err(thread.raise_memory_error());
    }
    output.resize(length, 0);
    work(length, thread, || hash.finish_extended(&mut output));
    Ok(output)
}

/// An unsigned number, as C's `unsigned long`.
pub fn unsigned(value: Value, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    int::as_u64(*number).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large for C unsigned long"))
}

fn shake_length(value: Value, thread: &mut Thread) -> PyResult<usize> {
    match unsigned(value, thread)? {
        length if length >= 1 << 29 => Err(thread.raise_value_error("length is too large")),
        length => Ok(length as usize),
    }
}

fn shake_digest(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = shake_length(args.at(0), thread)?;
    Ok(bytes::from_vec(extended(this, length, thread)?))
}

fn shake_hexdigest(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = shake_length(args.at(0), thread)?;
    Ok(hex(&extended(this, length, thread)?))
}

pub fn copy(this: Value, thread: &mut Thread) -> PyResult {
    let hash = snapshot(this, thread);
    Ok(new(this.type_object(), of(this).algorithm, of(this).digest_size, hash, None, thread))
}

pub fn algorithm_of(this: Value) -> Algorithm {
    of(this).algorithm
}

pub fn name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(of(this).algorithm.name()))
}

pub fn block_size(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).algorithm.block_size()))
}

pub fn digest_size(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).digest_size))
}

fn rate_bits(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).algorithm.block_size() * 8))
}

fn capacity_bits(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(1600 - of(this).algorithm.block_size() * 8))
}

fn suffix(this: Value, _thread: &mut Thread) -> PyResult {
    let is_extendable = matches!(of(this).algorithm, Algorithm::Shake128 | Algorithm::Shake256);
    Ok(bytes::from_slice(if is_extendable { b"\x1f" } else { b"\x06" }))
}

pub const fn getter(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> GetSetDef {
    GetSetDef { name, get, set: None, doc }
}

pub const COPY: MethodDef = method("copy", NativeFn::NoArgs(copy), "($self, /)", "Return a copy of the hash object.");
pub const DIGEST: MethodDef = method("digest", NativeFn::NoArgs(digest), "($self, /)", "Return the digest value as a bytes object.");
pub const HEXDIGEST: MethodDef = method("hexdigest", NativeFn::NoArgs(hexdigest), "($self, /)", "Return the digest value as a string of hexadecimal digits.");

const fn update_method(signature: &'static str) -> MethodDef {
    method("update", NativeFn::One(update), signature, "Update this hash object's state with the provided string.")
}

pub const UPDATE: MethodDef = update_method("($self, obj, /)");
pub const UPDATE_DATA: MethodDef = update_method("($self, data, /)");

const BLOCK_SIZE: GetSetDef = getter("block_size", block_size, "");
const NAME: GetSetDef = getter("name", name, "");
const DIGEST_SIZE: GetSetDef = getter("digest_size", digest_size, "");
const SIZES: &[GetSetDef] = &[BLOCK_SIZE, NAME, DIGEST_SIZE];

const SHA3_GETSETS: &[GetSetDef] = &[
    BLOCK_SIZE,
    NAME,
    DIGEST_SIZE,
    getter("_capacity_bits", capacity_bits, ""),
    getter("_rate_bits", rate_bits, ""),
    getter("_suffix", suffix, ""),
];

const SHAKE_METHODS: &[MethodDef] = &[
    COPY,
    method("digest", NativeFn::Bound(shake_digest), "($self, /, length)", "Return the digest value as a bytes object."),
    method("hexdigest", NativeFn::Bound(shake_hexdigest), "($self, /, length)", "Return the digest value as a string of hexadecimal digits."),
    UPDATE_DATA,
];

/// The declaration of a hash type without more to it.
pub const fn plain(name: &'static str) -> TypeSpec {
    TypeSpec {
        name,
        flags: TYPE_DISALLOW_INSTANTIATION,
        basic_size: size_of::<HashObject>(),
        methods: &[COPY, DIGEST, HEXDIGEST, UPDATE],
        getsets: SIZES,
        dealloc: Some(dealloc::<HashObject>),
        ..TypeSpec::DEFAULT
    }
}

/// The declaration of a type of `_sha3`.
pub const fn sha3(name: &'static str, doc: &'static str, slots: &'static [SlotFn], is_extendable: bool) -> TypeSpec {
    TypeSpec {
        doc,
        flags: 0,
        slots,
        methods: if is_extendable { SHAKE_METHODS } else { &[COPY, DIGEST, HEXDIGEST, UPDATE_DATA] },
        getsets: SHA3_GETSETS,
        ..plain(name)
    }
}

/// A type as a value.
pub fn type_value(ty: &'static StaticType) -> Owned {
    ty.get().value().to_owned()
}
