//! `ZstdDict`, and making dictionaries from samples.

use std::collections::BTreeMap;

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{buffer, compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::int;
use zstd_sys as engine;

use super::{ERROR, error_name, is_error};
use crate::native_type::{dealloc, object};

/// Dictionaries in the engine's own form, which may be used by many streams at a time.
#[derive(Default)]
struct Digested {
    for_compression: BTreeMap<i32, *mut engine::ZSTD_CDict>,
    for_decompression: Option<*mut engine::ZSTD_DDict>,
}

// SAFETY: the engine's dictionaries are not changed after they are made.
unsafe impl Send for Digested {}

impl Drop for Digested {
    fn drop(&mut self) {
        // SAFETY: made once, freed once; streams that use them hold the object.
        unsafe {
            for dictionary in self.for_compression.values() {
                engine::ZSTD_freeCDict(*dictionary);
            }
            if let Some(dictionary) = self.for_decompression {
                engine::ZSTD_freeDDict(dictionary);
            }
        }
    }
}

#[repr(C)]
pub struct ZstdDict {
    header: Header,
    /// A bytes object.
    content: Owned,
    dict_id: Slot,
    id: u32,
    digested: LeafMutex<Digested>,
}

/// How a dictionary is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Digested,
    Undigested,
    Prefix,
}

fn of<'a>(value: Value) -> &'a ZstdDict {
    // SAFETY: called for objects of this type.
    unsafe { object(value) }
}

/// The argument `zstd_dict`: the dictionary and how it is used.
pub fn argument(value: Value, default: Use, thread: &mut Thread) -> PyResult<(Value, Use)> {
    let is_dict = |value: Value| value.is_pointer() && value.is_instance(ZSTD_DICT.get());
    if is_dict(value) {
        return Ok((value, default));
    }
    if value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        if let [dictionary, kind] = TupleObject::of(value).items() {
            let kind = if convert::is_int(*kind) { Some(i64::from(super::parameters::c_int(*kind, thread)?)) } else { None };
            let kind = match kind {
                Some(0) => Some(Use::Digested),
                Some(1) => Some(Use::Undigested),
                Some(2) => Some(Use::Prefix),
                _ => None,
            };
            if let Some(kind) = kind.filter(|_| is_dict(*dictionary)) {
                return Ok((*dictionary, kind));
            }
        }
    }
    Err(thread.raise_type_error("zstd_dict argument should be a ZstdDict object."))
}

/// The bytes of a dictionary, which live as long as the object.
pub fn content<'a>(dictionary: Value) -> &'a [u8] {
    BytesObject::of(*of(dictionary).content).as_slice()
}

/// The engine's form for compression at a level.
pub fn for_compression(dictionary: Value, level: i32, thread: &mut Thread) -> PyResult<*const engine::ZSTD_CDict> {
    let bytes = content(dictionary);
    let found = *of(dictionary).digested.lock().for_compression.entry(level).or_insert_with(|| {
        // SAFETY: the bytes are copied.
        unsafe { engine::ZSTD_createCDict(bytes.as_ptr().cast(), bytes.len(), level) }
    });
    if found.is_null() {
        return Err(ERROR.raise("Failed to create a ZSTD_CDict instance from Zstandard dictionary content.", thread));
    }
    Ok(found)
}

/// The engine's form for decompression.
pub fn for_decompression(dictionary: Value, thread: &mut Thread) -> PyResult<*const engine::ZSTD_DDict> {
    let bytes = content(dictionary);
    let found = *of(dictionary).digested.lock().for_decompression.get_or_insert_with(|| {
        // SAFETY: the bytes are copied.
        unsafe { engine::ZSTD_createDDict(bytes.as_ptr().cast(), bytes.len()) }
    });
    if found.is_null() {
        return Err(ERROR.raise("Failed to create a ZSTD_DDict instance from Zstandard dictionary content.", thread));
    }
    Ok(found)
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(dict_content, /, *, is_raw=False)");
    let bound = SIGNATURE.bind("ZstdDict", args, kwnames, thread)?;
    let args = bound.args();
    let content = buffer::copy_bytes(args.at(0), thread)?;
    let is_raw = args.get(1).map_or(Ok(false), |flag| compare::truth(flag, thread))?;
    if content.len() < 8 {
        return Err(thread.raise_value_error("Zstandard dictionary content too short (must have at least eight bytes)"));
    }
    // SAFETY: as many bytes as said.
    let id = unsafe { engine::ZSTD_getDictID_fromDict(content.as_ptr().cast(), content.len()) };
    if !is_raw && id == 0 {
        return Err(thread.raise_value_error("invalid Zstandard dictionary"));
    }
    let content = bytes::from_vec(content);
    Ok(allocate_object(TypeObject::of(class), |header| ZstdDict {
        header,
        content,
        dict_id: Slot::new(Owned::int(i64::from(id))),
        id,
        digested: LeafMutex::new(Digested::default()),
    }))
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let (id, size) = (of(this).id, content(this).len());
    Ok(Owned::str(&format!("<ZstdDict dict_id={id} dict_size={size}>")))
}

fn length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(content(this).len() as i64)
}

fn dict_content(this: Value, _thread: &mut Thread) -> PyResult {
    Ok((*of(this).content).to_owned())
}

fn used_as(this: Value, kind: i64) -> PyResult {
    Ok(tuple::pack([this.to_owned(), Owned::int(kind)]))
}

fn as_digested_dict(this: Value, _thread: &mut Thread) -> PyResult {
    used_as(this, 0)
}

fn as_undigested_dict(this: Value, _thread: &mut Thread) -> PyResult {
    used_as(this, 1)
}

fn as_prefix(this: Value, _thread: &mut Thread) -> PyResult {
    used_as(this, 2)
}

const fn getter(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> GetSetDef {
    GetSetDef { name, get, set: None, doc }
}

pub static ZSTD_DICT: StaticType = StaticType::new(&TypeSpec {
    name: "compression.zstd.ZstdDict",
    doc: "ZstdDict(dict_content, /, *, is_raw=False)\n--\n\nRepresents a Zstandard dictionary.\n\n  dict_content\n    The content of a Zstandard dictionary as a bytes-like object.\n  is_raw\n    If true, the content need not be a dictionary that zstd has made.\n\nThe dictionary can be used for compression or decompression, and can be\nshared by multiple ZstdCompressor or ZstdDecompressor objects.",
    basic_size: size_of::<ZstdDict>(),
    slots: &[SlotFn::new(new), SlotFn::repr(repr), SlotFn::length(length)],
    getsets: &[
        getter("dict_content", dict_content, "The content of a Zstandard dictionary, as a bytes object."),
        getter("as_digested_dict", as_digested_dict, "Load as a digested dictionary to compressor.\n\nPass this attribute as zstd_dict argument. The dictionary is prepared once and then shared, with some of the compressor's\nparameters fixed by it. It is the default for decompression."),
        getter("as_undigested_dict", as_undigested_dict, "Load as an undigested dictionary to compressor.\n\nPass this attribute as zstd_dict argument. All of the compressor's parameters count; loading takes longer. It is the\ndefault for compression."),
        getter("as_prefix", as_prefix, "Load as a prefix to compressor/decompressor.\n\nPass this attribute as zstd_dict argument. It holds for one frame."),
    ],
    members: &[MemberDef { name: "dict_id", offset: std::mem::offset_of!(ZstdDict, dict_id), readonly: true, none_if_empty: false, doc: "The ID of the Zstandard dictionary; 0 if it is raw content." }],
    dealloc: Some(dealloc::<ZstdDict>),
    ..TypeSpec::DEFAULT
});

/// The samples' sizes, which must add up to the length of all of them.
fn sample_sizes(sizes: Value, function: &str, place: u32, total: usize, thread: &mut Thread) -> PyResult<Vec<usize>> {
    if !sizes.is_pointer() || !sizes.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        let got = sizes.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument {place} must be tuple, not {got}")));
    }
    let mut found = Vec::new();
    for size in TupleObject::of(sizes).items() {
        if !convert::is_int(*size) {
            return Err(thread.raise_type_error("an integer is required"));
        }
        let size = int::as_u64(*size).and_then(|size| usize::try_from(size).ok());
        match size {
            Some(size) => found.push(size),
            None => return Err(thread.raise_value_error(format!("Items in samples_sizes should be an int object, with a value between 0 and {}.", u64::MAX))),
        }
    }
    if found.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) != Some(total) {
        return Err(thread.raise_value_error("The samples size tuple doesn't match the concatenation's size."));
    }
    Ok(found)
}

fn bytes_argument<'a>(value: Value, function: &str, place: u32, thread: &mut Thread) -> PyResult<&'a [u8]> {
    if !bytes::is_bytes(value) {
        let got = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument {place} must be bytes, not {got}")));
    }
    Ok(BytesObject::of(value).as_slice())
}

fn room(size: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let size = convert::index_as_i64(size, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
    match usize::try_from(size) {
        Ok(size @ 1..) => {
            let mut room = Vec::new();
            if room.try_reserve_exact(size).is_err() {
                return Err(thread.raise_memory_error());
            }
            room.resize(size, 0u8);
            Ok(room)
        }
        _ => Err(thread.raise_value_error("dict_size argument should be positive number.")),
    }
}

fn made(mut room: Vec<u8>, result: usize, what: &str, thread: &mut Thread) -> PyResult {
    if is_error(result) {
        return Err(ERROR.raise(format!("Unable to {what} the Zstandard dictionary: {}", error_name(result)), thread));
    }
    room.truncate(result);
    Ok(bytes::from_vec(room))
}

pub fn train_dict(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let samples = bytes_argument(args.at(0), "train_dict", 1, thread)?;
    let sizes = sample_sizes(args.at(1), "train_dict", 2, samples.len(), thread)?;
    let mut room = room(args.at(2), thread)?;
    // SAFETY: the samples lie one behind the other, as long as the sizes say.
    let result = thread.detached(|| unsafe { engine::ZDICT_trainFromBuffer(room.as_mut_ptr().cast(), room.len(), samples.as_ptr().cast(), sizes.as_ptr(), sizes.len() as u32) });
    made(room, result, "train", thread)
}

pub fn finalize_dict(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let custom = bytes_argument(args.at(0), "finalize_dict", 1, thread)?;
    let samples = bytes_argument(args.at(1), "finalize_dict", 2, thread)?;
    let sizes = sample_sizes(args.at(2), "finalize_dict", 3, samples.len(), thread)?;
    let mut room = room(args.at(3), thread)?;
    let level = convert::as_c_int(args.at(4), thread)?;
    let parameters = engine::ZDICT_params_t { compressionLevel: level, notificationLevel: 0, dictID: 0 };
    // SAFETY: as above.
    let result = thread.detached(|| unsafe {
        engine::ZDICT_finalizeDictionary(
            room.as_mut_ptr().cast(),
            room.len(),
            custom.as_ptr().cast(),
            custom.len(),
            samples.as_ptr().cast(),
            sizes.as_ptr(),
            sizes.len() as u32,
            parameters,
        )
    });
    made(room, result, "finalize", thread)
}

pub const FUNCTIONS: &[MethodDef] = &[
    method("train_dict", NativeFn::Bound(train_dict), "($module, samples_bytes, samples_sizes, dict_size, /)", "Train a Zstandard dictionary on sample data.\n\n  samples_bytes\n    Concatenation of samples.\n  samples_sizes\n    Tuple of samples' sizes.\n  dict_size\n    The size of the dictionary."),
    method("finalize_dict", NativeFn::Bound(finalize_dict), "($module, custom_dict_bytes, samples_bytes, samples_sizes,\n              dict_size, compression_level, /)", "Finalize a Zstandard dictionary.\n\n  custom_dict_bytes\n    Custom dictionary content.\n  samples_bytes\n    Concatenation of samples.\n  samples_sizes\n    Tuple of samples' sizes.\n  dict_size\n    The size of the dictionary.\n  compression_level\n    Optimize for a specific Zstandard compression level, 0 means default."),
];
