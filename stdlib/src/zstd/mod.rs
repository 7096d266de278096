//! The module `_zstd`.

mod dictionary;
mod parameters;

use std::ffi::CStr;
use std::ptr::NonNull;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, int, module, tuple};
use zstd_sys as engine;

use crate::decompression::{self, Decompressor, Engine, Failure, Room, Run};
use crate::exception_class::ExceptionClass;
use crate::native_type::{dealloc, object};
use crate::system_call::functions;
use crate::thread::lock::Exclusive;
use dictionary::Use;
use parameters::Direction;

pub const MODULE: NativeModule = NativeModule { name: "_zstd", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("compression.zstd", "ZstdError", &exc::EXCEPTION);

/// Whether a result of the engine is an error.
fn is_error(result: usize) -> bool {
    // SAFETY: a pure function.
    unsafe { engine::ZSTD_isError(result) != 0 }
}

fn error_name(result: usize) -> String {
    // SAFETY: the engine gives a text that stays.
    unsafe { CStr::from_ptr(engine::ZSTD_getErrorName(result)) }.to_string_lossy().into_owned()
}

/// What a chunk is for the frame.
const CONTINUE: i32 = 0;
const FLUSH_BLOCK: i32 = 1;
const FLUSH_FRAME: i32 = 2;

/// A compression context, with the dictionary that it uses.
struct Compression {
    context: NonNull<engine::ZSTD_CCtx>,
    _dictionary: Option<Owned>,
    has_workers: bool,
    last_mode: i32,
}

// SAFETY: a context is used by one thread at a time; the dictionary only has to stay alive.
unsafe impl Send for Compression {}

impl Drop for Compression {
    fn drop(&mut self) {
        // The engine frees a context's dictionary before its workers have ended. So the frame ends first.
        if self.has_workers && self.last_mode != FLUSH_FRAME {
            drop(self.run(&[], FLUSH_FRAME));
        }
        // SAFETY: made once, freed once.
        unsafe { engine::ZSTD_freeCCtx(self.context.as_ptr()) };
    }
}

impl Compression {
    fn run(&mut self, input: &[u8], mode: i32) -> Result<Vec<u8>, usize> {
        let directive = match mode {
            CONTINUE => engine::ZSTD_EndDirective::ZSTD_e_continue,
            FLUSH_BLOCK => engine::ZSTD_EndDirective::ZSTD_e_flush,
            _ => engine::ZSTD_EndDirective::ZSTD_e_end,
        };
        let mut from = engine::ZSTD_inBuffer { src: input.as_ptr().cast(), size: input.len(), pos: 0 };
        let mut room = Room::new(None);
        loop {
            let (result, has_room) = room.fill(|to, free| {
                let mut to = engine::ZSTD_outBuffer { dst: to.cast(), size: free, pos: 0 };
                // With workers, one call may take only a part of the input although there is room.
                let result = loop {
                    // SAFETY: a context; the pointers are good for the lengths.
                    let result = unsafe { engine::ZSTD_compressStream2(self.context.as_ptr(), &raw mut to, &raw mut from, directive) };
                    let goes_on = self.has_workers && mode == CONTINUE && !is_error(result) && from.pos < from.size && to.pos < to.size;
                    if !goes_on {
                        break result;
                    }
                };
                (to.pos, (result, to.pos < to.size))
            });
            if is_error(result) {
                self.last_mode = FLUSH_FRAME;
                // SAFETY: a context.
                unsafe { engine::ZSTD_CCtx_reset(self.context.as_ptr(), engine::ZSTD_ResetDirective::ZSTD_reset_session_only) };
                return Err(result);
            }
            if result == 0 || (mode == CONTINUE && from.pos == from.size && has_room) {
                self.last_mode = mode;
                return Ok(room.output);
            }
        }
    }
}

#[repr(C)]
struct Compressor {
    header: Header,
    last_mode: Slot,
    state: Exclusive<Compression>,
}

fn compressor<'a>(this: Value) -> &'a Compressor {
    // SAFETY: `self` of the methods of this type.
    unsafe { object(this) }
}

fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !value.is_none())
}

fn dictionary_error(what: &str, code: usize, thread: &mut Thread) -> Raised {
    ERROR.raise(format!("Unable to load Zstandard dictionary or prefix for {what}: {}", error_name(code)), thread)
}

fn compressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(level=None, options=None, zstd_dict=None)");
    let bound = SIGNATURE.bind("ZstdCompressor", args, kwnames, thread)?;
    let args = bound.args();
    let (level, options) = (given(args.get(0)), given(args.get(1)));
    if level.is_some() && options.is_some() {
        return Err(thread.raise_type_error("Only one of level or options should be used."));
    }
    // SAFETY: no arguments.
    let Some(context) = NonNull::new(unsafe { engine::ZSTD_createCCtx() }) else { return Err(thread.raise_memory_error()) };
    let mut compression = Compression { context, _dictionary: None, has_workers: false, last_mode: FLUSH_FRAME };
    // SAFETY: a context; the engine looks at the numbers.
    let set = |key, value| unsafe { parameters::raw::ZSTD_CCtx_setParameter(context.as_ptr(), key, value) };
    let mut used_level = 0;
    if let Some(level) = level {
        used_level = parameters::level_argument(level, thread)?;
        set(parameters::COMPRESSION_LEVEL, used_level);
    }
    if let Some(options) = options {
        for (key, value) in parameters::apply(options, Direction::Compression, "ZstdCompressor", set, thread)? {
            match key {
                parameters::COMPRESSION_LEVEL => used_level = value,
                parameters::WORKERS => compression.has_workers = value != 0,
                _ => {}
            }
        }
    }
    if let Some(dictionary) = given(args.get(2)) {
        let (dictionary, kind) = dictionary::argument(dictionary, Use::Undigested, thread)?;
        let content = dictionary::content(dictionary);
        let context = context.as_ptr();
        let digested = if kind == Use::Digested { dictionary::for_compression(dictionary, used_level, thread)? } else { std::ptr::null() };
        // SAFETY: a context; what is referred to lives as long as the dictionary, which the compressor holds.
        let code = unsafe {
            match kind {
                Use::Digested => engine::ZSTD_CCtx_refCDict(context, digested),
                Use::Undigested => engine::ZSTD_CCtx_loadDictionary(context, content.as_ptr().cast(), content.len()),
                Use::Prefix => engine::ZSTD_CCtx_refPrefix(context, content.as_ptr().cast(), content.len()),
            }
        };
        if is_error(code) {
            return Err(dictionary_error("compression", code, thread));
        }
        compression._dictionary = Some(dictionary.to_owned());
    }
    Ok(allocate_object(TypeObject::of(class), |header| Compressor {
        header,
        last_mode: Slot::new(Owned::int(i64::from(FLUSH_FRAME))),
        state: Exclusive::new(compression),
    }))
}

fn run(this: Value, data: &[u8], mode: i32, thread: &mut Thread) -> PyResult {
    let compressor = compressor(this);
    let result = compressor.state.with(thread, |state, thread| {
        let result = thread.detached(|| state.run(data, mode));
        drop(compressor.last_mode.replace(&compressor.header, Some(Owned::int(i64::from(state.last_mode)))));
        result
    });
    match result {
        Ok(output) => Ok(bytes::from_vec(output)),
        Err(code) => Err(ERROR.raise(format!("Unable to compress Zstandard data: {}", error_name(code)), thread)),
    }
}

fn compress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let mode = args.get(1).map_or(Ok(CONTINUE), |mode| convert::as_c_int(mode, thread))?;
    if !(CONTINUE..=FLUSH_FRAME).contains(&mode) {
        return Err(thread.raise_value_error(
            "mode argument wrong value, it should be one of ZstdCompressor.CONTINUE, ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME.",
        ));
    }
    run(this, &data, mode, thread)
}

fn flush(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mode = args.get(0).map_or(Ok(FLUSH_FRAME), |mode| convert::as_c_int(mode, thread))?;
    if mode != FLUSH_BLOCK && mode != FLUSH_FRAME {
        return Err(thread.raise_value_error("mode argument wrong value, it should be ZstdCompressor.FLUSH_FRAME or ZstdCompressor.FLUSH_BLOCK."));
    }
    run(this, &[], mode, thread)
}

/// The engine's value for a size that is not known, and that for an error.
const SIZE_UNKNOWN: u64 = u64::MAX;
const SIZE_ERROR: u64 = u64::MAX - 1;

fn set_pledged_input_size(this: Value, size: Value, thread: &mut Thread) -> PyResult {
    let size = if size.is_none() {
        SIZE_UNKNOWN
    } else if !convert::is_int(size) {
        return Err(thread.raise_type_error("an integer is required"));
    } else {
        match int::as_u64(size).filter(|size| *size < SIZE_ERROR) {
            Some(known) => known,
            None => return Err(thread.raise_value_error(format!("size argument should be a positive int less than {SIZE_ERROR}"))),
        }
    };
    let result = compressor(this).state.with(thread, |state, _| {
        // SAFETY: a context.
        (state.last_mode == FLUSH_FRAME).then(|| unsafe { engine::ZSTD_CCtx_setPledgedSrcSize(state.context.as_ptr(), size) })
    });
    match result {
        None => Err(thread.raise_value_error("set_pledged_input_size() method must be called when last_mode == FLUSH_FRAME")),
        Some(code) if is_error(code) => Err(ERROR.raise(format!("Unable to set pledged uncompressed content size: {}", error_name(code)), thread)),
        Some(_) => Ok(Owned::none()),
    }
}

/// A decompression context, with the dictionary that it uses.
struct Decompression {
    context: NonNull<engine::ZSTD_DCtx>,
    _dictionary: Option<Owned>,
}

// SAFETY: as for compression.
unsafe impl Send for Decompression {}

impl Drop for Decompression {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { engine::ZSTD_freeDCtx(self.context.as_ptr()) };
    }
}

impl Engine for Decompression {
    type Fault = usize;
    const NEEDS_INPUT_AFTER_FAULT: Option<bool> = Some(true);

    fn run(&mut self, input: &[u8], room: &mut Room) -> Result<Run, usize> {
        let mut from = engine::ZSTD_inBuffer { src: input.as_ptr().cast(), size: input.len(), pos: 0 };
        loop {
            let (result, has_room) = room.fill(|to, free| {
                let mut to = engine::ZSTD_outBuffer { dst: to.cast(), size: free, pos: 0 };
                // SAFETY: a context; the pointers are good for the lengths.
                let result = unsafe { engine::ZSTD_decompressStream(self.context.as_ptr(), &raw mut to, &raw mut from) };
                (to.pos, (result, to.pos < to.size))
            });
            let consumed = from.pos;
            if is_error(result) {
                // SAFETY: a context.
                unsafe { engine::ZSTD_DCtx_reset(self.context.as_ptr(), engine::ZSTD_ResetDirective::ZSTD_reset_session_only) };
                return Err(result);
            }
            if result == 0 {
                return Ok(Run { consumed, is_over: true, has_more: false });
            }
            if room.is_full() {
                return Ok(Run { consumed, is_over: false, has_more: true });
            }
            if consumed == input.len() && has_room {
                return Ok(Run { consumed, is_over: false, has_more: false });
            }
        }
    }
}

fn decompressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(zstd_dict=None, options=None)");
    let bound = SIGNATURE.bind("ZstdDecompressor", args, kwnames, thread)?;
    let args = bound.args();
    // SAFETY: no arguments.
    let Some(context) = NonNull::new(unsafe { engine::ZSTD_createDCtx() }) else { return Err(thread.raise_memory_error()) };
    let mut decompression = Decompression { context, _dictionary: None };
    if let Some(dictionary) = given(args.get(0)) {
        let (dictionary, kind) = dictionary::argument(dictionary, Use::Digested, thread)?;
        let content = dictionary::content(dictionary);
        let context = context.as_ptr();
        let digested = if kind == Use::Digested { dictionary::for_decompression(dictionary, thread)? } else { std::ptr::null() };
        // SAFETY: a context; what is referred to lives as long as the dictionary, which the decompressor holds.
        let code = unsafe {
            match kind {
                Use::Digested => engine::ZSTD_DCtx_refDDict(context, digested),
                Use::Undigested => engine::ZSTD_DCtx_loadDictionary(context, content.as_ptr().cast(), content.len()),
                Use::Prefix => engine::ZSTD_DCtx_refPrefix(context, content.as_ptr().cast(), content.len()),
            }
        };
        if is_error(code) {
            return Err(dictionary_error("decompression", code, thread));
        }
        decompression._dictionary = Some(dictionary.to_owned());
    }
    if let Some(options) = given(args.get(1)) {
        // SAFETY: a context; the engine looks at the numbers.
        let set = |key, value| unsafe { parameters::raw::ZSTD_DCtx_setParameter(context.as_ptr(), key, value) };
        parameters::apply(options, Direction::Decompression, "ZstdDecompressor", set, thread)?;
    }
    Ok(Decompressor::allocate(TypeObject::of(class), decompression, Owned::none()))
}

fn decompress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match decompression::decompress::<Decompression>(this, args, |_| None, thread)? {
        Ok(output) => Ok(output),
        Err(Failure::AlreadyOver) => Err(thread.raise(&exc::EOF_ERROR, "Already at the end of a Zstandard frame.")),
        Err(Failure::Engine(code)) => Err(ERROR.raise(format!("Unable to decompress Zstandard data: {}", error_name(code)), thread)),
    }
}

static COMPRESSOR: StaticType = StaticType::new(&TypeSpec {
    name: "compression.zstd.ZstdCompressor",
    doc: "ZstdCompressor(level=None, options=None, zstd_dict=None)\n--\n\nCreate a compressor object for compressing data incrementally.\n\n  level\n    The compression level to use. Defaults to COMPRESSION_LEVEL_DEFAULT.\n  options\n    A dict object that contains advanced compression parameters.\n  zstd_dict\n    A ZstdDict object, a pre-trained Zstandard dictionary.\n\nFor one-shot compression, use the compress() function instead.",
    basic_size: size_of::<Compressor>(),
    slots: &[SlotFn::new(compressor_new)],
    methods: &[
        method("compress", NativeFn::Bound(compress), "($self, /, data, mode=ZstdCompressor.CONTINUE)", "Provide data to the compressor object.\n\n  mode\n    Can be these 3 values ZstdCompressor.CONTINUE,\n    ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME\n\nReturn a chunk of compressed data if possible, or b'' otherwise."),
        method("flush", NativeFn::Bound(flush), "($self, /, mode=ZstdCompressor.FLUSH_FRAME)", "Finish the compression process.\n\n  mode\n    Can be these 2 values ZstdCompressor.FLUSH_FRAME,\n    ZstdCompressor.FLUSH_BLOCK\n\nReturn any remaining compressed data, which ends the frame or the block."),
        method("set_pledged_input_size", NativeFn::One(set_pledged_input_size), "($self, size, /)", "Set the uncompressed content size to be written into the frame header.\n\n  size\n    The size of the uncompressed data to be provided to the compressor, or None if it is not known."),
    ],
    members: &[MemberDef { name: "last_mode", offset: std::mem::offset_of!(Compressor, last_mode), readonly: true, none_if_empty: false, doc: "The last mode used to this compressor object." }],
    dealloc: Some(dealloc::<Compressor>),
    ..TypeSpec::DEFAULT
});

static DECOMPRESSOR: StaticType = StaticType::new(&TypeSpec {
    name: "compression.zstd.ZstdDecompressor",
    doc: "ZstdDecompressor(zstd_dict=None, options=None)\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\n  zstd_dict\n    A ZstdDict object, a pre-trained Zstandard dictionary.\n  options\n    A dict object that contains advanced decompression parameters.\n\nFor one-shot decompression, use the decompress() function instead.",
    basic_size: size_of::<Decompressor<Decompression>>(),
    slots: &[SlotFn::new(decompressor_new)],
    methods: &[method(
        "decompress",
        NativeFn::Bound(decompress),
        "($self, /, data, max_length=-1)",
        "Decompress *data*, returning uncompressed bytes if possible, or b'' otherwise.\n\nIf max_length is nonnegative, at most that many bytes are returned; the rest comes with further calls, and needs_input\ntells whether those need more input. What lies behind the end of the frame is kept in unused_data.",
    )],
    members: &[Decompressor::<Decompression>::EOF, Decompressor::<Decompression>::NEEDS_INPUT, Decompressor::<Decompression>::UNUSED_DATA],
    dealloc: Some(dealloc::<Decompressor<Decompression>>),
    ..TypeSpec::DEFAULT
});

fn get_frame_size(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let frame = buffer::copy_bytes(args.at(0), thread)?;
    // SAFETY: as many bytes as said.
    let size = unsafe { engine::ZSTD_findFrameCompressedSize(frame.as_ptr().cast(), frame.len()) };
    if is_error(size) {
        let name = error_name(size);
        return Err(ERROR.raise(
            format!("Error when finding the compressed size of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a frame, and its length is not less than this complete frame. Zstd error message: {name}."),
            thread,
        ));
    }
    Ok(Owned::usize(size))
}

fn get_frame_info(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let frame = buffer::copy_bytes(args.at(0), thread)?;
    // SAFETY: as many bytes as said.
    let (size, id) = unsafe { (engine::ZSTD_getFrameContentSize(frame.as_ptr().cast(), frame.len()), engine::ZSTD_getDictID_fromFrame(frame.as_ptr().cast(), frame.len())) };
    let size = match size {
        SIZE_ERROR => {
            return Err(ERROR.raise(
                "Error when getting information from the header of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a frame, and its length is not less than the frame header (6~18 bytes).",
                thread,
            ));
        }
        SIZE_UNKNOWN => Owned::none(),
        size => int::from_u64(size),
    };
    Ok(tuple::pack([size, Owned::int(i64::from(id))]))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "get_param_bounds" Bound(parameters::get_param_bounds) "($module, /, parameter, is_compress)" "Get CompressionParameter/DecompressionParameter bounds.\n\n  parameter\n    The parameter to get bounds.\n  is_compress\n    True for CompressionParameter, False for DecompressionParameter.";
    "get_frame_size" Bound(get_frame_size) "($module, /, frame_buffer)" "Get the size of a Zstandard frame, including the header and optional checksum.\n\n  frame_buffer\n    A bytes-like object, it should start from the beginning of a frame,\n    and contains at least one complete frame.";
    "get_frame_info" Bound(get_frame_info) "($module, /, frame_buffer)" "Get Zstandard frame infomation from a frame header.\n\n  frame_buffer\n    A bytes-like object, containing the header of a Zstandard frame.";
    "set_parameter_types" Bound(parameters::set_parameter_types) "($module, /, c_parameter_type, d_parameter_type)" "Set CompressionParameter and DecompressionParameter types for validity check.";
};

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Implementation module for Zstandard compression."));
    module::add_functions(this, FUNCTIONS);
    module::add_functions(this, dictionary::FUNCTIONS);
    for (name, _, number) in parameters::COMPRESSION.iter().chain(parameters::DECOMPRESSION) {
        module::add(this, name, Owned::int(i64::from(*number)));
    }
    for (name, strategy) in parameters::STRATEGIES {
        module::add(this, name, Owned::int(*strategy as i64));
    }
    // SAFETY: pure functions; the version is a text that stays.
    unsafe {
        module::add(this, "ZSTD_CLEVEL_DEFAULT", Owned::int(i64::from(engine::ZSTD_defaultCLevel())));
        module::add(this, "ZSTD_DStreamOutSize", Owned::usize(engine::ZSTD_DStreamOutSize()));
        module::add(this, "zstd_version_number", Owned::int(i64::from(engine::ZSTD_versionNumber())));
        module::add(this, "zstd_version", Owned::str(&CStr::from_ptr(engine::ZSTD_versionString()).to_string_lossy()));
    }
    module::add(this, "ZstdError", ERROR.get(thread)?.to_owned());
    for ty in [&COMPRESSOR, &DECOMPRESSOR, &dictionary::ZSTD_DICT] {
        module::add_type(this, ty);
    }
    if let Some(dict) = COMPRESSOR.get().dict() {
        for (name, mode) in [("CONTINUE", CONTINUE), ("FLUSH_BLOCK", FLUSH_BLOCK), ("FLUSH_FRAME", FLUSH_FRAME)] {
            dict.set_by_text(name, Owned::int(i64::from(mode)));
        }
    }
    Ok(())
}
