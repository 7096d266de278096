//! Filter chains: dicts with an `id` and options, and the engine's structures for them.

use std::ffi::c_void;

use liblzma_sys as engine;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{buffer, call, convert, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::DICT;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::{bytes, int};

use super::{ERROR, raise};

/// The engine's options of the delta filter.
#[repr(C)]
struct DeltaOptions {
    kind: u32,
    distance: u32,
    reserved: [u32; 4],
    reserved_pointers: [*mut c_void; 2],
}

enum Options {
    Lzma(Box<engine::lzma_options_lzma>),
    Delta(Box<DeltaOptions>),
    BranchCallJump(Box<engine::lzma_options_bcj>),
}

/// A filter and its options.
pub struct Filter {
    id: u64,
    options: Options,
}

impl Filter {
    fn pointer(&self) -> *mut c_void {
        match &self.options {
            Options::Lzma(options) => std::ptr::from_ref(&**options).cast_mut().cast(),
            Options::Delta(options) => std::ptr::from_ref(&**options).cast_mut().cast(),
            Options::BranchCallJump(options) => std::ptr::from_ref(&**options).cast_mut().cast(),
        }
    }

    fn raw(&self) -> engine::lzma_filter {
        engine::lzma_filter { id: self.id, options: self.pointer() }
    }

    /// The options, if this is an LZMA1 filter.
    pub fn lzma1(&self) -> Option<&engine::lzma_options_lzma> {
        match &self.options {
            Options::Lzma(options) if self.id == engine::LZMA_FILTER_LZMA1 => Some(options),
            _ => None,
        }
    }
}

/// A chain of filters.
pub struct Chain(pub Vec<Filter>);

impl Chain {
    /// The engine's form of it, which points into the chain.
    pub fn raw(&self) -> Vec<engine::lzma_filter> {
        let end = engine::lzma_filter { id: engine::LZMA_VLI_UNKNOWN, options: std::ptr::null_mut() };
        self.0.iter().map(Filter::raw).chain([end]).collect()
    }
}

/// An unsigned number of so many bits.
pub fn unsigned(value: Value, bits: u32, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    match int::as_u64(*number) {
        Some(number) if bits >= 64 || number < 1 << bits => Ok(number),
        _ => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("Python int too large for C uint{bits}_t"))),
    }
}

/// The options of a preset.
pub fn preset_options(preset: u32, thread: &mut Thread) -> PyResult<Box<engine::lzma_options_lzma>> {
    // SAFETY: numbers and null pointers only.
    let mut options: Box<engine::lzma_options_lzma> = Box::new(unsafe { std::mem::zeroed() });
    // SAFETY: room for the options.
    if unsafe { engine::lzma_lzma_preset(&raw mut *options, preset) } != 0 {
        return Err(ERROR.raise(format!("Invalid compression preset: {preset}"), thread));
    }
    Ok(options)
}

/// The options in a filter specifier, by the order of `names`; `what` names the filter in messages.
fn options_of<const N: usize>(specifier: Value, names: [&str; N], what: &str, thread: &mut Thread) -> PyResult<[Option<Owned>; N]> {
    let specifier = if dict::is_dict(specifier) { specifier.to_owned() } else { call::call(DICT.get().value(), &[specifier], thread)? };
    let mut found = [const { None }; N];
    for entry in DictObject::of(*specifier).entries() {
        let name = if string::is_str(*entry.key) { StrObject::of(*entry.key).to_string_lossy() } else { String::new() };
        match names.iter().position(|known| *known == name) {
            Some(at) => found[at] = Some(entry.value),
            None if name == "id" || name == "preset" && N > 1 => {}
            None => return Err(thread.raise_value_error(format!("Invalid filter specifier for {what} filter"))),
        }
    }
    Ok(found)
}

/// A 32-bit option; any failure to be one is that of the specifier.
fn option(value: Option<Owned>, default: u32, what: &str, thread: &mut Thread) -> PyResult<u32> {
    let Some(value) = value else { return Ok(default) };
    match unsigned(*value, 32, thread) {
        Ok(number) => Ok(number as u32),
        Err(_) => {
            drop(thread.take_exception());
            Err(thread.raise_value_error(format!("Invalid filter specifier for {what} filter")))
        }
    }
}

fn is_branch_filter(id: u64) -> bool {
    [engine::LZMA_FILTER_X86, engine::LZMA_FILTER_POWERPC, engine::LZMA_FILTER_IA64, engine::LZMA_FILTER_ARM, engine::LZMA_FILTER_ARMTHUMB, engine::LZMA_FILTER_SPARC]
        .contains(&id)
}

fn invalid_id(id: u64, thread: &mut Thread) -> Raised {
    thread.raise_value_error(format!("Invalid filter ID: {id}"))
}

fn item(specifier: Value, name: &str, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match subscript::get_item(specifier, *Owned::str(name), thread) {
        Ok(value) => Ok(Some(value)),
        Err(raised) => {
            drop(thread.catch(raised, &exc::KEY_ERROR)?);
            Ok(None)
        }
    }
}

fn filter(specifier: Value, thread: &mut Thread) -> PyResult<Filter> {
    if specifier.type_object().slots.subscript.raw() == 0 {
        return Err(thread.raise_type_error("Filter specifier must be a dict or dict-like object"));
    }
    let Some(id) = item(specifier, "id", thread)? else {
        return Err(thread.raise_value_error("Filter specifier must have an \"id\" entry"));
    };
    let id = unsigned(*id, 64, thread)?;
    let options = match id {
        engine::LZMA_FILTER_LZMA1 | engine::LZMA_FILTER_LZMA2 => {
            let preset = match item(specifier, "preset", thread)? {
                Some(preset) => unsigned(*preset, 32, thread)? as u32,
                None => engine::LZMA_PRESET_DEFAULT,
            };
            let mut options = preset_options(preset, thread)?;
            let names = ["dict_size", "lc", "lp", "pb", "mode", "nice_len", "mf", "depth"];
            let [dict_size, lc, lp, pb, mode, nice_len, mf, depth] = options_of(specifier, names, "LZMA", thread)?;
            let mut number = |value, default| option(value, default, "LZMA", thread);
            options.dict_size = number(dict_size, options.dict_size)?;
            options.lc = number(lc, options.lc)?;
            options.lp = number(lp, options.lp)?;
            options.pb = number(pb, options.pb)?;
            options.mode = number(mode, options.mode)?;
            options.nice_len = number(nice_len, options.nice_len)?;
            options.mf = number(mf, options.mf)?;
            options.depth = number(depth, options.depth)?;
            Options::Lzma(options)
        }
        engine::LZMA_FILTER_DELTA => {
            let [distance] = options_of(specifier, ["dist"], "delta", thread)?;
            let distance = option(distance, 1, "delta", thread)?;
            Options::Delta(Box::new(DeltaOptions { kind: 0, distance, reserved: [0; 4], reserved_pointers: [std::ptr::null_mut(); 2] }))
        }
        id if is_branch_filter(id) => {
            let [start_offset] = options_of(specifier, ["start_offset"], "BCJ", thread)?;
            let start_offset = option(start_offset, 0, "BCJ", thread)?;
            Options::BranchCallJump(Box::new(engine::lzma_options_bcj { start_offset }))
        }
        id => return Err(invalid_id(id, thread)),
    };
    Ok(Filter { id, options })
}

/// The engine's limit.
const MOST_FILTERS: i64 = 4;

/// The chain that a sequence of specifiers describes.
pub fn chain(specifiers: Value, thread: &mut Thread) -> PyResult<Chain> {
    if dict::is_dict(specifiers) {
        let name = specifiers.type_object().full_name();
        return Err(thread.raise_type_error(format!("{name} is not a sequence")));
    }
    let n = subscript::length(specifiers, thread)?;
    if n > MOST_FILTERS {
        return Err(thread.raise_value_error(format!("Too many filters - liblzma supports a maximum of {MOST_FILTERS}")));
    }
    let mut filters = Vec::new();
    for i in 0..n {
        let specifier = subscript::get_index(specifiers, i, thread)?;
        filters.push(filter(*specifier, thread)?);
    }
    Ok(Chain(filters))
}

pub fn encode_filter_properties(_module: Value, specifier: Value, thread: &mut Thread) -> PyResult {
    let filter = filter(specifier, thread)?;
    let raw = filter.raw();
    let mut size = 0;
    // SAFETY: a filter with its options.
    let code = unsafe { engine::lzma_properties_size(&raw mut size, &raw const raw) };
    if code != engine::LZMA_OK {
        return Err(raise(code, thread));
    }
    let mut properties = vec![0; size as usize];
    // SAFETY: as much room as was asked for.
    let code = unsafe { engine::lzma_properties_encode(&raw const raw, properties.as_mut_ptr()) };
    if code != engine::LZMA_OK {
        return Err(raise(code, thread));
    }
    Ok(bytes::from_vec(properties))
}

pub fn decode_filter_properties(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let id = unsigned(args.at(0), 64, thread)?;
    let properties = buffer::copy_bytes(args.at(1), thread)?;
    let mut raw = engine::lzma_filter { id, options: std::ptr::null_mut() };
    // SAFETY: the properties' bytes; the options are allocated by `malloc`.
    let code = unsafe { engine::lzma_properties_decode(&raw mut raw, std::ptr::null(), properties.as_ptr(), properties.len()) };
    if code != engine::LZMA_OK {
        return Err(raise(code, thread));
    }
    let mut entries: Vec<(&str, Owned)> = Vec::new();
    let number = |number: u32| Owned::int(i64::from(number));
    if !raw.options.is_null() {
        // SAFETY: options of the filter's kind.
        unsafe {
            match id {
                engine::LZMA_FILTER_LZMA1 => {
                    let options = &*raw.options.cast::<engine::lzma_options_lzma>();
                    entries.extend([("lc", number(options.lc)), ("lp", number(options.lp)), ("pb", number(options.pb)), ("dict_size", number(options.dict_size))]);
                }
                engine::LZMA_FILTER_LZMA2 => entries.push(("dict_size", number((*raw.options.cast::<engine::lzma_options_lzma>()).dict_size))),
                engine::LZMA_FILTER_DELTA => entries.push(("dist", number((*raw.options.cast::<DeltaOptions>()).distance))),
                _ => entries.push(("start_offset", number((*raw.options.cast::<engine::lzma_options_bcj>()).start_offset))),
            }
            libc::free(raw.options);
        }
    }
    let is_known = matches!(id, engine::LZMA_FILTER_LZMA1 | engine::LZMA_FILTER_LZMA2 | engine::LZMA_FILTER_DELTA) || is_branch_filter(id);
    if !is_known {
        return Err(invalid_id(id, thread));
    }
    let result = dict::new();
    DictObject::of(*result).set_by_text("id", int::from_u64(id));
    for (name, value) in entries {
        DictObject::of(*result).set_by_text(name, value);
    }
    Ok(result)
}
