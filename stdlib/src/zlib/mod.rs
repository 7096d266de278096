//! `zlib`: deflate compression.

mod objects;
mod stream;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{bytes, int, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;
use crate::system_call::{c_int_or, functions};
use stream::{Stream, Z_BUF_ERROR, Z_FINISH, Z_MEM_ERROR, Z_OK, Z_STREAM_END, Z_STREAM_ERROR, Z_SYNC_FLUSH};

pub const MODULE: NativeModule = NativeModule { name: "zlib", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("zlib", "error", &exc::EXCEPTION);

/// The version whose interface and behaviour the engine has.
const VERSION: &str = "1.3.1";
const MAX_WBITS: i32 = 15;

static FUNCTIONS: &[MethodDef] = functions! {
    "adler32" Bound(adler32) "($module, data, value=1, /)" "The checksum Adler-32.";
    "compress" Bound(compress) "($module, data, /, level=Z_DEFAULT_COMPRESSION, wbits=MAX_WBITS)" "Compresses data.";
    "compressobj" Bound(objects::compressobj) "($module, /, level=Z_DEFAULT_COMPRESSION, method=DEFLATED,\n            wbits=MAX_WBITS, memLevel=DEF_MEM_LEVEL,\n            strategy=Z_DEFAULT_STRATEGY, zdict=<unrepresentable>)" "An object that compresses data in pieces.";
    "crc32" Bound(crc32) "($module, data, value=0, /)" "The checksum CRC-32.";
    "decompress" Bound(decompress) "($module, data, /, wbits=MAX_WBITS, bufsize=DEF_BUF_SIZE)" "Decompresses data.";
    "decompressobj" Bound(objects::decompressobj) "($module, /, wbits=MAX_WBITS, zdict=b\'\')" "An object that decompresses data in pieces.";
};

const CONSTANTS: &[(&str, i64)] = &[
    ("DEFLATED", 8),
    ("DEF_BUF_SIZE", 16384),
    ("DEF_MEM_LEVEL", 8),
    ("MAX_WBITS", 15),
    ("Z_BEST_COMPRESSION", 9),
    ("Z_BEST_SPEED", 1),
    ("Z_BLOCK", 5),
    ("Z_DEFAULT_COMPRESSION", -1),
    ("Z_DEFAULT_STRATEGY", 0),
    ("Z_FILTERED", 1),
    ("Z_FINISH", 4),
    ("Z_FIXED", 4),
    ("Z_FULL_FLUSH", 3),
    ("Z_HUFFMAN_ONLY", 2),
    ("Z_NO_COMPRESSION", 0),
    ("Z_NO_FLUSH", 0),
    ("Z_PARTIAL_FLUSH", 1),
    ("Z_RLE", 3),
    ("Z_SYNC_FLUSH", 2),
    ("Z_TREES", 6),
];

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Compression that is compatible with gzip."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    for name in ["ZLIB_VERSION", "ZLIB_RUNTIME_VERSION"] {
        module::add(this, name, Owned::str(VERSION));
    }
    module::add(this, "__version__", Owned::str("1.0"));
    let error = ERROR.get(thread)?.to_owned();
    module::add(this, "error", error);
    module::add_type(this, &objects::ZLIB_DECOMPRESSOR);
    Ok(())
}

/// `zlib.error` for a code of the engine.
fn engine_error(code: i32, message: Option<String>, doing: &str, thread: &mut Thread) -> Raised {
    let message = message.or_else(|| {
        let known = match code {
            Z_BUF_ERROR => "incomplete or truncated stream",
            Z_STREAM_ERROR => "inconsistent stream state",
            -3 => "invalid input data",
            _ => return None,
        };
        Some(known.to_string())
    });
    match message {
        Some(message) => ERROR.raise(format!("Error {code} {doing}: {message}"), thread),
        None => ERROR.raise(format!("Error {code} {doing}"), thread),
    }
}

/// Small inputs are not worth letting other threads run.
const DETACH_FROM: usize = 2048;

/// Runs native work, detached if there is much of it.
fn work<T>(size: usize, thread: &mut Thread, work: impl FnOnce() -> T) -> T {
    if size >= DETACH_FROM { thread.detached(work) } else { work() }
}

/// The start value of a checksum: the low 32 bits of any int.
fn start_value(value: Option<Value>, default: u32, thread: &mut Thread) -> PyResult<u32> {
    let Some(value) = value else { return Ok(default) };
    let number = convert::index(value, thread)?;
    if let Some(number) = int::as_i64(*number) {
        return Ok(number as u32);
    }
    let low = int::to_bigint(*number) & num_bigint::BigInt::from(u32::MAX);
    Ok(num_traits::ToPrimitive::to_u32(&low).unwrap_or(0))
}

fn adler32(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let start = start_value(args.get(1), 1, thread)?;
    Ok(Owned::int(i64::from(work(data.len(), thread, || stream::adler32(start, &data)))))
}

fn crc32(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let start = start_value(args.get(1), 0, thread)?;
    Ok(Owned::int(i64::from(work(data.len(), thread, || stream::crc32(start, &data)))))
}

fn compress(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let level = c_int_or(args.get(1), -1, thread)?;
    let window_bits = c_int_or(args.get(2), MAX_WBITS, thread)?;
    let mut stream = match Stream::deflate(level, 8, window_bits, 8, 0) {
        Ok(stream) => stream,
        Err(Z_MEM_ERROR) => return Err(thread.raise(&exc::MEMORY_ERROR, "Out of memory while compressing data")),
        Err(Z_STREAM_ERROR) => return Err(ERROR.raise("Bad compression level", thread)),
        Err(code) => return Err(engine_error(code, None, "while compressing data", thread)),
    };
    let progress = work(data.len(), thread, || stream.run(&data, Z_FINISH, None, None));
    match progress.code {
        Z_STREAM_END => Ok(bytes::from_vec(progress.output)),
        Z_MEM_ERROR => Err(thread.raise_memory_error()),
        code => Err(engine_error(code, stream.message(), "while compressing data", thread)),
    }
}

fn decompress(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let window_bits = c_int_or(args.get(1), MAX_WBITS, thread)?;
    let room = match args.get(2) {
        Some(room) => convert::index_as_i64(room, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 16384,
    };
    if room < 0 {
        return Err(thread.raise_value_error("bufsize must be non-negative"));
    }
    let mut stream = match Stream::inflate(window_bits) {
        Ok(stream) => stream,
        Err(Z_MEM_ERROR) => return Err(thread.raise(&exc::MEMORY_ERROR, "Out of memory while decompressing data")),
        Err(code) => return Err(engine_error(code, None, "while preparing to decompress data", thread)),
    };
    let progress = work(data.len(), thread, || stream.run(&data, Z_SYNC_FLUSH, None, None));
    match progress.code {
        Z_STREAM_END => Ok(bytes::from_vec(progress.output)),
        Z_MEM_ERROR => Err(thread.raise(&exc::MEMORY_ERROR, "Out of memory while decompressing data")),
        Z_OK => Err(engine_error(Z_BUF_ERROR, None, "while decompressing data", thread)),
        Z_BUF_ERROR => Err(engine_error(Z_BUF_ERROR, None, "while decompressing data", thread)),
        code => Err(engine_error(code, stream.message(), "while decompressing data", thread)),
    }
}
