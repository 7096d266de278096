//! The module `_struct`.
pub mod kernels;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::exception_class::ExceptionClass;
use kernels::{Field, Layout, PackError, PackValue, Unpacked};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, Buffer};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::sync::{AtomicUsize, LeafMutex, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::str::arguments::as_ssize;
use pyrt_runtime::types::string::{StrObject, is_str};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{complex, float, int, module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_struct", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("struct", "error", &exc::EXCEPTION);

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Functions to convert between Python values and C structs."));
    module::add_functions(this, FUNCTIONS);
    module::add_type(this, &STRUCT);
    module::add(this, "error", ERROR.get(thread)?.to_owned());
    Ok(())
}

/// Layouts of formats that module functions were called with.
static CACHE: OnceLock<LeafMutex<HashMap<Vec<u8>, Arc<Layout>>>> = OnceLock::new();
const MAX_CACHED: usize = 100;

fn cache() -> &'static LeafMutex<HashMap<Vec<u8>, Arc<Layout>>> {
    CACHE.get_or_init(|| LeafMutex::new(HashMap::new()))
}

/// The bytes of a format given as str or bytes.
fn format_bytes(format: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if is_str(format) {
        let text = StrObject::of(format);
        return match text.as_ascii() {
            Some(ascii) => Ok(ascii.as_bytes().to_vec()),
            None => pyrt_runtime::codecs::native::encode(pyrt_runtime::codecs::Codec::Ascii, format, "strict", thread),
        };
    }
    if bytes::is_bytes(format) {
        return Ok(BytesObject::of(format).as_slice().to_vec());
    }
    let name = format.type_object().full_name();
    Err(thread.raise_type_error(format!("Struct() argument 1 must be a str or bytes object, not {name}")))
}

fn parse(format: &[u8], thread: &mut Thread) -> PyResult<Arc<Layout>> {
    if format.contains(&0) {
        return Err(ERROR.raise("embedded null character", thread));
    }
    kernels::parse(format).map(Arc::new).map_err(|message| ERROR.raise(message, thread))
}

/// The layout of a format argument.
fn layout_of(format: Value, thread: &mut Thread) -> PyResult<Arc<Layout>> {
    if format.is_pointer() && std::ptr::eq(format.type_object(), STRUCT.get()) {
        return initialized(format, thread);
    }
    let format = format_bytes(format, thread)?;
    if let Some(found) = cache().lock().get(&format) {
        return Ok(found.clone());
    }
    let layout = parse(&format, thread)?;
    let mut cached = cache().lock();
    if cached.len() >= MAX_CACHED {
        cached.clear();
    }
    cached.insert(format, layout.clone());
    Ok(layout)
}

fn pack_error(error: PackError, field: &Field, thread: &mut Thread) -> Raised {
    match error {
        PackError::Range(message) => ERROR.raise(message, thread),
        PackError::FloatTooLarge(message) => thread.raise(&exc::OVERFLOW_ERROR, message),
        PackError::Kind => ERROR.raise(kind_message(field.code), thread),
    }
}

fn kind_message(code: u8) -> &'static str {
    match code {
        b'c' => "char format requires a bytes object of length 1",
        b's' => "argument for 's' must be a bytes object",
        b'p' => "argument for 'p' must be a bytes object",
        b'e' | b'f' | b'd' => "required argument is not a float",
        b'F' | b'D' => "required argument is not a complex",
        _ => "required argument is not an integer",
    }
}

/// Packs one value.
fn pack_one(field: &Field, value: Value, out: &mut [u8], thread: &mut Thread) -> PyResult<()> {
    let result = match field.code {
        b'?' => kernels::pack(field, PackValue::Bool(compare::truth(value, thread)?), out),
        b'c' | b's' | b'p' => {
            if bytes::is_bytes(value) {
                kernels::pack(field, PackValue::Bytes(BytesObject::of(value).as_slice()), out)
            } else if field.code != b'c' && buffer::supports_buffer(value) && value.type_object().name().as_str() == "bytearray" {
                let raw = buffer::copy_bytes(value, thread)?;
                kernels::pack(field, PackValue::Bytes(&raw), out)
            } else {
                Err(PackError::Kind)
            }
        }
        b'e' | b'f' | b'd' => match convert::as_f64(value, thread) {
            Ok(number) => kernels::pack(field, PackValue::Float(number), out),
            Err(_) => {
                drop(thread.take_exception());
                Err(PackError::Kind)
            }
        },
        b'F' | b'D' => {
            let parts = match complex::parts(value) {
                Some(parts) => Some(parts),
                None => match convert::as_f64(value, thread) {
                    Ok(number) => Some((number, 0.0)),
                    Err(_) => {
                        drop(thread.take_exception());
                        None
                    }
                },
            };
            match parts {
                Some((real, imaginary)) => kernels::pack(field, PackValue::Complex(real, imaginary), out),
                None => Err(PackError::Kind),
            }
        }
        _ => {
            if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
                Err(PackError::Kind)
            } else {
                let number = convert::index(value, thread)?;
                let wide = match int::as_i64(*number) {
                    Some(small) => Some(i128::from(small)),
                    None => i128::try_from(&int::to_bigint(*number)).ok(),
                };
                match wide {
                    Some(wide) => kernels::pack(field, PackValue::Int(wide), out),
                    None if field.code == b'P' => Err(PackError::Range("int too large to convert".to_owned())),
                    None => Err(PackError::Range(kernels::range_message(field))),
                }
            }
        }
    };
    result.map_err(|error| pack_error(error, field, thread))
}

fn pack_values(layout: &Layout, values: Args<'_>, name: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if values.len() != layout.values {
        let (expected, got) = (layout.values, values.len());
        return Err(ERROR.raise(format!("{name} expected {expected} items for packing (got {got})"), thread));
    }
    let mut out = vec![0u8; layout.size];
    let mut next = 0;
    for field in &layout.fields {
        for i in 0..field.count {
            let start = field.offset + i * field.size;
            pack_one(field, values.at(next), &mut out[start..start + field.size], thread)?;
            next += 1;
        }
    }
    Ok(out)
}

fn unpack_values(layout: &Layout, bytes: &[u8]) -> Owned {
    let mut items = Vec::with_capacity(layout.values);
    for field in &layout.fields {
        for i in 0..field.count {
            let start = field.offset + i * field.size;
            let raw = &bytes[start..start + field.size];
            items.push(match kernels::unpack(field, raw) {
                Unpacked::Signed(number) => Owned::int(number),
                Unpacked::Unsigned(number) => int::from_u64(number),
                Unpacked::Bool(truth) => Owned::bool(truth),
                Unpacked::Float(number) => float::from_f64(number),
                Unpacked::Complex(real, imaginary) => complex::new(real, imaginary),
                Unpacked::Bytes(range) => bytes::from_slice(&raw[range]),
            });
        }
    }
    tuple::from_vec(items)
}

/// Where in a buffer of `len` bytes an access of `size` bytes at `offset` begins.
fn checked_offset(offset: i64, len: usize, size: usize, packing: bool, thread: &mut Thread) -> PyResult<usize> {
    let (name, verb) = if packing { ("pack_into", "packing") } else { ("unpack_from", "unpacking") };
    let mut at = offset;
    if at < 0 {
        if at + size as i64 > 0 {
            let message = if packing {
                format!("no space to pack {size} bytes at offset {at}")
            } else {
                format!("not enough data to unpack {size} bytes at offset {at}")
            };
            return Err(ERROR.raise(message, thread));
        }
        if at + (len as i64) < 0 {
            return Err(ERROR.raise(format!("offset {at} out of range for {len}-byte buffer"), thread));
        }
        at += len as i64;
    }
    let at = at as usize;
    if len < at || len - at < size {
        let needed = size + at;
        return Err(ERROR.raise(
            format!("{name} requires a buffer of at least {needed} bytes for {verb} {size} bytes at offset {at} (actual buffer size is {len})"),
            thread,
        ));
    }
    Ok(at)
}

fn do_unpack(layout: &Layout, data: Value, thread: &mut Thread) -> PyResult {
    let input = buffer::copy_bytes(data, thread)?;
    if input.len() != layout.size {
        let size = layout.size;
        return Err(ERROR.raise(format!("unpack requires a buffer of {size} bytes"), thread));
    }
    Ok(unpack_values(layout, &input))
}

fn do_unpack_from(layout: &Layout, data: Value, offset: Option<Value>, thread: &mut Thread) -> PyResult {
    let offset = offset.map_or(Ok(0), |offset| as_ssize(offset, thread))?;
    if bytes::is_bytes(data) {
        let input = BytesObject::of(data).as_slice();
        let at = checked_offset(offset, input.len(), layout.size, false, thread)?;
        return Ok(unpack_values(layout, &input[at..at + layout.size]));
    }
    let input = buffer::copy_bytes(data, thread)?;
    let at = checked_offset(offset, input.len(), layout.size, false, thread)?;
    Ok(unpack_values(layout, &input[at..at + layout.size]))
}

fn do_pack_into(layout: &Layout, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(target) = args.get(0) else { return Err(ERROR.raise("pack_into expected buffer argument", thread)) };
    let Some(offset) = args.get(1) else { return Err(ERROR.raise("pack_into expected offset argument", thread)) };
    if args.len() - 2 != layout.values {
        let (expected, got) = (layout.values, args.len() - 2);
        return Err(ERROR.raise(format!("pack_into expected {expected} items for packing (got {got})"), thread));
    }
    let lent = writable(target, thread)?;
    let offset = as_ssize(offset, thread)?;
    let at = checked_offset(offset, lent.len, layout.size, true, thread)?;
    let packed = pack_values(layout, args.from(2), "pack_into", thread)?;
    // SAFETY: the range was checked against the memory that is lent, which is contiguous.
    unsafe { std::ptr::copy_nonoverlapping(packed.as_ptr(), lent.data.add(at), packed.len()) };
    Ok(Owned::none())
}

fn writable(target: Value, thread: &mut Thread) -> PyResult<Buffer> {
    if !buffer::supports_buffer(target) {
        return Err(not_writable(target, thread));
    }
    match buffer::get(target, buffer::WRITABLE, thread) {
        Ok(lent) if !lent.is_readonly && lent.is_contiguous() => Ok(lent),
        Ok(_) => Err(not_writable(target, thread)),
        Err(_) => {
            drop(thread.take_exception());
            Err(not_writable(target, thread))
        }
    }
}

#[cold]
fn not_writable(target: Value, thread: &mut Thread) -> Raised {
    let name = target.type_object().full_name();
    thread.raise_type_error(format!("argument must be read-write bytes-like object, not {name}"))
}

fn no_keywords(kwnames: KwNames, name: &str, thread: &mut Thread) -> PyResult<()> {
    if kwnames.is_empty() { Ok(()) } else { Err(thread.raise_type_error(format!("{name}() takes no keyword arguments"))) }
}

fn calcsize(_module: Value, format: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(layout_of(format, thread)?.size))
}

fn pack(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "_struct.pack", thread)?;
    let Some(format) = args.get(0) else { return Err(thread.raise_type_error("missing format argument")) };
    let layout = layout_of(format, thread)?;
    pack_values(&layout, args.from(1), "pack", thread).map(bytes::from_vec)
}

fn pack_into(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "_struct.pack_into", thread)?;
    let Some(format) = args.get(0) else { return Err(thread.raise_type_error("missing format argument")) };
    let layout = layout_of(format, thread)?;
    do_pack_into(&layout, args.from(1), thread)
}

fn unpack(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let layout = layout_of(args.at(0), thread)?;
    do_unpack(&layout, args.at(1), thread)
}

fn unpack_from(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let layout = layout_of(args.at(0), thread)?;
    do_unpack_from(&layout, args.at(1), args.get(2), thread)
}

fn iter_unpack(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let layout = layout_of(args.at(0), thread)?;
    new_iterator(layout, args.at(1), thread)
}

fn clear_cache(_module: Value, _thread: &mut Thread) -> PyResult {
    cache().lock().clear();
    Ok(Owned::none())
}

const fn function(name: &'static str, func: NativeFn, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Static, signature, doc }
}

static FUNCTIONS: &[MethodDef] = &[
    function("_clearcache", NativeFn::NoArgs(clear_cache), "($module, /)", "Clears the cache."),
    function("calcsize", NativeFn::One(calcsize), "($module, format, /)", "Size in bytes of the struct that a format describes."),
    function("iter_unpack", NativeFn::Bound(iter_unpack), "($module, format, buffer, /)", "An iterator over the structs in a buffer."),
    function("pack", NativeFn::Raw(pack), "-(format, *values)", "Bytes of values packed by a format."),
    function("pack_into", NativeFn::Raw(pack_into), "-(format, buffer, offset, *values)", "Packs values into a buffer."),
    function("unpack", NativeFn::Bound(unpack), "($module, format, buffer, /)", "The values in a buffer."),
    function("unpack_from", NativeFn::Bound(unpack_from), "($module, format, /, buffer, offset=0)", "The values in a buffer, from an offset on."),
];

#[repr(C)]
struct Struct {
    header: Header,
    /// The format and its layout; none before `__init__`.
    state: LeafMutex<Option<(Vec<u8>, Arc<Layout>)>>,
}

fn of<'a>(value: Value) -> &'a Struct {
    // SAFETY: `self` of the methods of this type, or a value whose type was checked.
    unsafe { value.as_ref() }
}

fn initialized(this: Value, thread: &mut Thread) -> PyResult<Arc<Layout>> {
    let layout = of(this).state.lock().as_ref().map(|(_, layout)| layout.clone());
    layout.ok_or_else(|| thread.raise(&exc::RUNTIME_ERROR, "Struct object is not initialized"))
}

fn struct_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Struct { header, state: LeafMutex::new(None) }))
}

fn struct_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(format)");
    let bound = SIGNATURE.bind("Struct", args, kwnames, thread)?;
    let format = format_bytes(bound.args().at(0), thread)?;
    let layout = parse(&format, thread)?;
    *of(this).state.lock() = Some((format, layout));
    Ok(())
}

fn struct_repr(this: Value, thread: &mut Thread) -> PyResult {
    let format = get_format(this, thread)?;
    let shown = convert::repr_text(*format, thread)?;
    let name = this.type_object().name();
    Ok(Owned::str(&format!("{name}({shown})")))
}

fn get_format(this: Value, thread: &mut Thread) -> PyResult {
    initialized(this, thread)?;
    let format = of(this).state.lock().as_ref().map(|(format, _)| format.clone()).unwrap_or_default();
    Ok(pyrt_runtime::types::string::from_latin1(&format))
}

fn get_size(this: Value, _thread: &mut Thread) -> PyResult {
    let size = of(this).state.lock().as_ref().map_or(-1, |(_, layout)| layout.size as i64);
    Ok(Owned::int(size))
}

fn struct_pack(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "Struct.pack", thread)?;
    let layout = initialized(this, thread)?;
    pack_values(&layout, args, "pack", thread).map(bytes::from_vec)
}

fn struct_pack_into(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "Struct.pack_into", thread)?;
    let layout = initialized(this, thread)?;
    do_pack_into(&layout, args, thread)
}

fn struct_unpack(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let layout = initialized(this, thread)?;
    do_unpack(&layout, data, thread)
}

fn struct_unpack_from(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let layout = initialized(this, thread)?;
    do_unpack_from(&layout, args.at(0), args.get(1), thread)
}

fn struct_iter_unpack(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let layout = initialized(this, thread)?;
    new_iterator(layout, data, thread)
}

fn struct_sizeof(this: Value, thread: &mut Thread) -> PyResult {
    let layout = initialized(this, thread)?;
    Ok(Owned::usize(size_of::<Struct>() + layout.fields.len() * size_of::<Field>()))
}

unsafe fn struct_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.header().cast::<Struct>()).state) };
}

static STRUCT_SPEC: TypeSpec = TypeSpec {
    name: "_struct.Struct",
    doc: "Struct(fmt) --> compiled struct object",
    flags: TYPE_BASETYPE | TYPE_WEAKREFABLE,
    basic_size: size_of::<Struct>(),
    slots: &[SlotFn::new(struct_new), SlotFn::init(struct_init), SlotFn::repr(struct_repr)],
    methods: &[
        method("iter_unpack", NativeFn::One(struct_iter_unpack), "($self, buffer, /)", "An iterator over the structs in a buffer."),
        method("pack", NativeFn::Raw(struct_pack), "-($self, *values)", "Bytes of packed values."),
        method("pack_into", NativeFn::Raw(struct_pack_into), "-($self, buffer, offset, *values)", "Packs values into a buffer."),
        method("unpack", NativeFn::One(struct_unpack), "($self, buffer, /)", "The values in a buffer."),
        method("unpack_from", NativeFn::Bound(struct_unpack_from), "($self, /, buffer, offset=0)", "The values in a buffer, from an offset on."),
        method("__sizeof__", NativeFn::NoArgs(struct_sizeof), "($self, /)", "Bytes of the object."),
    ],
    getsets: &[
        GetSetDef { name: "format", get: get_format, set: None, doc: "struct format string" },
        GetSetDef { name: "size", get: get_size, set: None, doc: "struct size in bytes" },
    ],
    dealloc: Some(struct_dealloc),
    ..TypeSpec::DEFAULT
};

static STRUCT: StaticType = StaticType::new(&STRUCT_SPEC);

#[repr(C)]
struct UnpackIterator {
    header: Header,
    layout: Arc<Layout>,
    data: Vec<u8>,
    at: AtomicUsize,
}

fn new_iterator(layout: Arc<Layout>, data: Value, thread: &mut Thread) -> PyResult {
    if layout.size == 0 {
        return Err(ERROR.raise("cannot iteratively unpack with a struct of length 0", thread));
    }
    let data = buffer::copy_bytes(data, thread)?;
    if data.len() % layout.size != 0 {
        let size = layout.size;
        return Err(ERROR.raise(format!("iterative unpacking requires a buffer of a multiple of {size} bytes"), thread));
    }
    Ok(lifetime::allocate_object(ITERATOR.get(), |header| UnpackIterator { header, layout, data, at: AtomicUsize::new(0) }))
}

fn iterator_of<'a>(value: Value) -> &'a UnpackIterator {
    // SAFETY: `self` of the methods of this type.
    unsafe { value.as_ref() }
}

fn iterator_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = iterator_of(this);
    let size = iterator.layout.size;
    let at = iterator.at.fetch_add(size, Ordering::Relaxed);
    match iterator.data.get(at..at + size) {
        Some(part) => Ok(Some(unpack_values(&iterator.layout, part))),
        None => {
            iterator.at.store(iterator.data.len(), Ordering::Relaxed);
            Ok(None)
        }
    }
}

fn iterator_length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    let left = iterator.data.len().saturating_sub(iterator.at.load(Ordering::Relaxed));
    Ok(Owned::usize(left / iterator.layout.size))
}

unsafe fn iterator_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<UnpackIterator>()) };
}

static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "_struct.unpack_iterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<UnpackIterator>(),
    slots: &[SlotFn::iter(iterator_iter), SlotFn::iternext(iterator_next)],
    methods: &[method("__length_hint__", NativeFn::NoArgs(iterator_length_hint), "($self, /)", "")],
    dealloc: Some(iterator_dealloc),
    ..TypeSpec::DEFAULT
};

static ITERATOR: StaticType = StaticType::new(&ITERATOR_SPEC);
