//! The module `_lzma`.

mod filters;
mod stream;

use liblzma_sys as engine;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, int, module};

use crate::decompression::{self, Decompressor, Failure};
use crate::exception_class::ExceptionClass;
use crate::native_type::{dealloc, object};
use crate::system_call::{c_int_or, functions};
use crate::thread::lock::Exclusive;
use stream::{Decompression, Stream};

pub const MODULE: NativeModule = NativeModule { name: "_lzma", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("_lzma", "LZMAError", &exc::EXCEPTION);

const FORMAT_AUTO: i32 = 0;
const FORMAT_XZ: i32 = 1;
const FORMAT_ALONE: i32 = 2;
const FORMAT_RAW: i32 = 3;
/// No check has been met yet.
const CHECK_UNKNOWN: u32 = 16;

const CONSTANTS: &[(&str, u64)] = &[
    ("FORMAT_AUTO", 0),
    ("FORMAT_XZ", 1),
    ("FORMAT_ALONE", 2),
    ("FORMAT_RAW", 3),
    ("CHECK_NONE", 0),
    ("CHECK_CRC32", 1),
    ("CHECK_CRC64", 4),
    ("CHECK_SHA256", 10),
    ("CHECK_ID_MAX", 15),
    ("CHECK_UNKNOWN", 16),
    ("FILTER_LZMA1", engine::LZMA_FILTER_LZMA1),
    ("FILTER_LZMA2", engine::LZMA_FILTER_LZMA2),
    ("FILTER_DELTA", engine::LZMA_FILTER_DELTA),
    ("FILTER_X86", engine::LZMA_FILTER_X86),
    ("FILTER_POWERPC", engine::LZMA_FILTER_POWERPC),
    ("FILTER_IA64", engine::LZMA_FILTER_IA64),
    ("FILTER_ARM", engine::LZMA_FILTER_ARM),
    ("FILTER_ARMTHUMB", engine::LZMA_FILTER_ARMTHUMB),
    ("FILTER_SPARC", engine::LZMA_FILTER_SPARC),
    ("MF_HC3", 3),
    ("MF_HC4", 4),
    ("MF_BT2", 18),
    ("MF_BT3", 19),
    ("MF_BT4", 20),
    ("MODE_FAST", 1),
    ("MODE_NORMAL", 2),
    ("PRESET_DEFAULT", 6),
    ("PRESET_EXTREME", 1 << 31),
];

/// The exception for a code of the engine.
fn raise(code: u32, thread: &mut Thread) -> Raised {
    let message = match code {
        engine::LZMA_UNSUPPORTED_CHECK => "Unsupported integrity check",
        engine::LZMA_MEM_ERROR => return thread.raise_memory_error(),
        engine::LZMA_MEMLIMIT_ERROR => "Memory usage limit exceeded",
        engine::LZMA_FORMAT_ERROR => "Input format not supported by decoder",
        engine::LZMA_OPTIONS_ERROR => "Invalid or unsupported options",
        engine::LZMA_DATA_ERROR => "Corrupt input data",
        engine::LZMA_BUF_ERROR => "Insufficient buffer space",
        engine::LZMA_PROG_ERROR => "Internal error",
        code => return ERROR.raise(format!("Unrecognized error from liblzma: {code}"), thread),
    };
    ERROR.raise(message, thread)
}

#[repr(C)]
struct Compressor {
    header: Header,
    /// None once the stream is finished.
    stream: Exclusive<Option<Stream>>,
}

fn compressor<'a>(this: Value) -> &'a Compressor {
    // SAFETY: `self` of the methods of this type.
    unsafe { object(this) }
}

fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !value.is_none())
}

fn compressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(format=FORMAT_XZ, check=-1, preset=None, filters=None)");
    let bound = SIGNATURE.bind("LZMACompressor", args, kwnames, thread)?;
    let args = bound.args();
    let format = c_int_or(args.get(0), FORMAT_XZ, thread)?;
    let check = c_int_or(args.get(1), -1, thread)?;
    let (preset, specifiers) = (given(args.get(2)), given(args.get(3)));
    if preset.is_some() && specifiers.is_some() {
        return Err(thread.raise_value_error("Cannot specify both preset and filter chain"));
    }
    let preset = match preset {
        Some(preset) => filters::unsigned(preset, 32, thread)? as u32,
        None => engine::LZMA_PRESET_DEFAULT,
    };
    if format != FORMAT_XZ && check != -1 && check != 0 {
        return Err(thread.raise_value_error("Integrity checks are only supported by FORMAT_XZ"));
    }
    let started = match (format, specifiers) {
        (FORMAT_XZ, specifiers) => {
            let check = if check == -1 { engine::LZMA_CHECK_CRC64 } else { check as u32 };
            match specifiers {
                None => Stream::easy_encoder(preset, check),
                Some(specifiers) => Stream::encoder(&filters::chain(specifiers, thread)?, check),
            }
        }
        (FORMAT_ALONE, None) => {
            let options = filters::preset_options(preset, thread)?;
            Stream::alone_encoder(&options)
        },
        (FORMAT_ALONE, Some(specifiers)) => {
            let chain = filters::chain(specifiers, thread)?;
            match chain.0.as_slice() {
                [filter] if filter.lzma1().is_some() => filter.lzma1().map_or(Err(engine::LZMA_PROG_ERROR), Stream::alone_encoder),
                _ => return Err(thread.raise_value_error("Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter")),
            }
        }
        (FORMAT_RAW, None) => return Err(thread.raise_value_error("Must specify filters for FORMAT_RAW")),
        (FORMAT_RAW, Some(specifiers)) => Stream::raw_encoder(&filters::chain(specifiers, thread)?),
        (format, _) => return Err(thread.raise_value_error(format!("Invalid container format: {format}"))),
    };
    let stream = started.map_err(|code| raise(code, thread))?;
    Ok(allocate_object(TypeObject::of(class), |header| Compressor { header, stream: Exclusive::new(Some(stream)) }))
}

fn compress(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(data, thread)?;
    let result = compressor(this).stream.with(thread, |stream, thread| stream.as_mut().map(|stream| thread.detached(|| stream.compress(&data, false))));
    match result {
        Some(Ok(output)) => Ok(bytes::from_vec(output)),
        Some(Err(code)) => Err(raise(code, thread)),
        None => Err(thread.raise_value_error("Compressor has been flushed")),
    }
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    let result = compressor(this).stream.with(thread, |stream, thread| {
        let mut stream = stream.take()?;
        Some(thread.detached(move || stream.compress(&[], true)))
    });
    match result {
        Some(Ok(output)) => Ok(bytes::from_vec(output)),
        Some(Err(code)) => Err(raise(code, thread)),
        None => Err(thread.raise_value_error("Repeated call to flush()")),
    }
}

fn decompressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(format=FORMAT_AUTO, memlimit=None, filters=None)");
    let bound = SIGNATURE.bind("LZMADecompressor", args, kwnames, thread)?;
    let args = bound.args();
    let format = c_int_or(args.get(0), FORMAT_AUTO, thread)?;
    let memory = match given(args.get(1)) {
        None => u64::MAX,
        Some(_) if format == FORMAT_RAW => return Err(thread.raise_value_error("Cannot specify memory limit with FORMAT_RAW")),
        Some(memory) => filters::unsigned(memory, 64, thread)?,
    };
    let specifiers = given(args.get(2));
    if format != FORMAT_RAW && specifiers.is_some() {
        return Err(thread.raise_value_error("Cannot specify filters except with FORMAT_RAW"));
    }
    let (started, check) = match (format, specifiers) {
        (FORMAT_AUTO, _) => (Stream::auto_decoder(memory), CHECK_UNKNOWN),
        (FORMAT_XZ, _) => (Stream::decoder(memory), CHECK_UNKNOWN),
        (FORMAT_ALONE, _) => (Stream::alone_decoder(memory), engine::LZMA_CHECK_NONE),
        (FORMAT_RAW, Some(specifiers)) => (Stream::raw_decoder(&filters::chain(specifiers, thread)?), engine::LZMA_CHECK_NONE),
        (FORMAT_RAW, None) => return Err(thread.raise_value_error("Must specify filters for FORMAT_RAW")),
        (format, _) => return Err(thread.raise_value_error(format!("Invalid container format: {format}"))),
    };
    let stream = started.map_err(|code| raise(code, thread))?;
    Ok(Decompressor::allocate(TypeObject::of(class), Decompression { stream, check }, Owned::int(i64::from(check))))
}

fn decompress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match decompression::decompress::<Decompression>(this, args, |engine| Some(i64::from(engine.check)), thread)? {
        Ok(output) => Ok(output),
        Err(Failure::AlreadyOver) => Err(thread.raise(&exc::EOF_ERROR, "Already at end of stream")),
        Err(Failure::Engine(code)) => Err(raise(code, thread)),
    }
}

fn is_check_supported(_module: Value, check: Value, thread: &mut Thread) -> PyResult {
    let check = convert::as_c_int(check, thread)?;
    // SAFETY: a pure function.
    Ok(Owned::bool(unsafe { engine::lzma_check_is_supported(check as u32) } != 0))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "is_check_supported" One(is_check_supported) "($module, check_id, /)" "Test whether the given integrity check is supported.\n\nAlways returns True for CHECK_NONE and CHECK_CRC32.";
    "_encode_filter_properties" One(filters::encode_filter_properties) "($module, filter, /)" "Return a bytes object encoding the options (properties) of the filter specified by *filter* (a dict).\n\nThe result does not include the filter ID itself, only the options.";
    "_decode_filter_properties" Bound(filters::decode_filter_properties) "($module, filter_id, encoded_props, /)" "Return a dict describing a filter, from its ID and its encoded options.";
};

static COMPRESSOR: StaticType = StaticType::new(&TypeSpec {
    name: "_lzma.LZMACompressor",
    doc: "LZMACompressor(format=FORMAT_XZ, check=-1, preset=None, filters=None)\n\nCreate a compressor object for compressing data incrementally.\n\nformat is FORMAT_XZ, FORMAT_ALONE or FORMAT_RAW. check is an integrity check, for FORMAT_XZ only, where CHECK_CRC64 is\nthe default. The settings are either a preset level from 0 to 9, perhaps with PRESET_EXTREME, or a chain of filters:\na sequence of dicts, each with an \"id\" and the filter's options. FORMAT_RAW needs filters.\n\nFor one-shot compression, use the compress() function instead.\n",
    basic_size: size_of::<Compressor>(),
    slots: &[SlotFn::new(compressor_new)],
    methods: &[
        method("compress", NativeFn::One(compress), "($self, data, /)", "Provide data to the compressor object.\n\nReturns a chunk of compressed data if possible, or b'' otherwise.\n\nWhen you have finished providing data to the compressor, call the\nflush() method to finish the compression process."),
        method("flush", NativeFn::NoArgs(flush), "($self, /)", "Finish the compression process.\n\nReturns the compressed data left in internal buffers.\n\nThe compressor object may not be used after this method is called."),
    ],
    dealloc: Some(dealloc::<Compressor>),
    ..TypeSpec::DEFAULT
});

static DECOMPRESSOR: StaticType = StaticType::new(&TypeSpec {
    name: "_lzma.LZMADecompressor",
    doc: "LZMADecompressor(format=FORMAT_AUTO, memlimit=None, filters=None)\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\nformat tells what the input is; FORMAT_AUTO finds out whether it is FORMAT_XZ or FORMAT_ALONE. memlimit bounds the\nmemory that may be used. filters is the chain that FORMAT_RAW needs and no other takes.\n\nFor one-shot decompression, use the decompress() function instead.",
    basic_size: size_of::<Decompressor<Decompression>>(),
    slots: &[SlotFn::new(decompressor_new)],
    methods: &[method(
        "decompress",
        NativeFn::Bound(decompress),
        "($self, /, data, max_length=-1)",
        "Decompress *data*, returning uncompressed data as bytes.\n\nIf max_length is nonnegative, at most that many bytes are returned; the rest comes with further calls, and needs_input\ntells whether those need more input. What lies behind the end of the stream is kept in unused_data.",
    )],
    members: &[
        Decompressor::<Decompression>::CHECK,
        Decompressor::<Decompression>::EOF,
        Decompressor::<Decompression>::NEEDS_INPUT,
        Decompressor::<Decompression>::UNUSED_DATA,
    ],
    dealloc: Some(dealloc::<Decompressor<Decompression>>),
    ..TypeSpec::DEFAULT
});

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, int::from_u64(*value));
    }
    module::add(this, "LZMAError", ERROR.get(thread)?.to_owned());
    module::add_type(this, &COMPRESSOR);
    module::add_type(this, &DECOMPRESSOR);
    Ok(())
}
