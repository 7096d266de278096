//! The module `_bz2`.

use libbz2_rs_sys as engine;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, module};

use crate::decompression::{self, Decompressor, Engine, Failure, Room, Run};
use crate::native_type::{dealloc, object};
use crate::thread::lock::Exclusive;

pub const MODULE: NativeModule = NativeModule { name: "_bz2", initialize };

const BZ_RUN: i32 = 0;
const BZ_FINISH: i32 = 2;
const BZ_OK: i32 = 0;
const BZ_RUN_OK: i32 = 1;
const BZ_FINISH_OK: i32 = 3;
const BZ_STREAM_END: i32 = 4;
const BZ_PARAM_ERROR: i32 = -2;
const BZ_MEM_ERROR: i32 = -3;
const BZ_DATA_ERROR: i32 = -4;
const BZ_DATA_ERROR_MAGIC: i32 = -5;
const BZ_IO_ERROR: i32 = -6;
const BZ_UNEXPECTED_EOF: i32 = -7;

fn raise(code: i32, thread: &mut Thread) -> Raised {
    match code {
        BZ_PARAM_ERROR => thread.raise_value_error("Internal error - invalid parameters passed to libbzip2"),
        BZ_MEM_ERROR => thread.raise_memory_error(),
        BZ_DATA_ERROR | BZ_DATA_ERROR_MAGIC => thread.raise(&exc::OS_ERROR, "Invalid data stream"),
        BZ_IO_ERROR => thread.raise(&exc::OS_ERROR, "Unknown I/O error"),
        BZ_UNEXPECTED_EOF => thread.raise(&exc::EOF_ERROR, "Compressed file ended before the logical end-of-stream was detected"),
        code => thread.raise(&exc::OS_ERROR, format!("Unrecognized error from libbzip2: {code}")),
    }
}

/// A stream in the middle of its work. The engine's state points back at it, so it stays where it is.
struct Stream {
    inner: Box<engine::bz_stream>,
    compresses: bool,
}

// SAFETY: the pointers inside lead to the stream's own memory; input and output pointers are set for each call.
unsafe impl Send for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by the init function.
        unsafe { if self.compresses { engine::BZ2_bzCompressEnd(&raw mut *self.inner) } else { engine::BZ2_bzDecompressEnd(&raw mut *self.inner) } };
    }
}

impl Stream {
    fn new(level: Option<i32>) -> Result<Stream, i32> {
        // SAFETY: null pointers and zeros are a blank stream, as the interface says.
        let mut inner: Box<engine::bz_stream> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: a blank stream.
        let code = unsafe {
            match level {
                Some(level) => engine::BZ2_bzCompressInit(&raw mut *inner, level, 0, 0),
                None => engine::BZ2_bzDecompressInit(&raw mut *inner, 0, 0),
            }
        };
        if code == BZ_OK { Ok(Stream { inner, compresses: level.is_some() }) } else { Err(code) }
    }

    /// One call of the engine: its code, and how much of the input it took.
    fn step(&mut self, input: &[u8], room: &mut Room, action: i32) -> (i32, usize) {
        let n = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let inner = &mut self.inner;
        inner.next_in = input.as_ptr().cast();
        inner.avail_in = n;
        let compresses = self.compresses;
        let code = room.fill(|to, free| {
            let free = u32::try_from(free).unwrap_or(u32::MAX);
            inner.next_out = to.cast();
            inner.avail_out = free;
            // SAFETY: the stream is whole; the pointers are good for the lengths.
            let code = unsafe { if compresses { engine::BZ2_bzCompress(&raw mut **inner, action) } else { engine::BZ2_bzDecompress(&raw mut **inner) } };
            ((free - inner.avail_out) as usize, code)
        });
        let consumed = (n - self.inner.avail_in) as usize;
        self.inner.next_in = std::ptr::null();
        self.inner.next_out = std::ptr::null_mut();
        (code, consumed)
    }

    fn compress(&mut self, input: &[u8], action: i32) -> Result<Vec<u8>, i32> {
        let mut room = Room::new(None);
        let mut consumed = 0;
        loop {
            if action == BZ_RUN && consumed == input.len() {
                return Ok(room.output);
            }
            let (code, taken) = self.step(&input[consumed..], &mut room, action);
            consumed += taken;
            match code {
                BZ_STREAM_END => return Ok(room.output),
                BZ_OK | BZ_RUN_OK | BZ_FINISH_OK => {}
                code => return Err(code),
            }
        }
    }
}

/// The decompression engine; after an error it is none.
struct Decompression(Option<Stream>);

enum Fault {
    Engine(i32),
    Unusable,
}

impl Engine for Decompression {
    type Fault = Fault;
    const NEEDS_INPUT_AFTER_FAULT: Option<bool> = Some(false);

    fn run(&mut self, input: &[u8], room: &mut Room) -> Result<Run, Fault> {
        let Some(stream) = &mut self.0 else { return Err(Fault::Unusable) };
        let mut consumed = 0;
        loop {
            let before = room.output.len();
            let (code, taken) = stream.step(&input[consumed..], room, BZ_RUN);
            consumed += taken;
            match code {
                BZ_STREAM_END => return Ok(Run { consumed, is_over: true, has_more: false }),
                // What is left of a block comes out without more input, but the object does not say so: as CPython's.
                BZ_OK if room.is_full() => return Ok(Run { consumed, is_over: false, has_more: false }),
                // Room was left: all that there is has come out.
                BZ_OK if consumed == input.len() && (room.output.len() == before || stream.inner.avail_out > 0) => {
                    return Ok(Run { consumed, is_over: false, has_more: false });
                }
                BZ_OK => {}
                code => {
                    self.0 = None;
                    return Err(Fault::Engine(code));
                }
            }
        }
    }
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

fn compressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("BZ2Compressor() takes no keyword arguments"));
    }
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("BZ2Compressor expected at most 1 argument, got {n}")));
    }
    let level = args.get(0).map_or(Ok(9), |level| convert::as_c_int(level, thread))?;
    if !(1..=9).contains(&level) {
        return Err(thread.raise_value_error("compresslevel must be between 1 and 9"));
    }
    let stream = Stream::new(Some(level)).map_err(|code| raise(code, thread))?;
    Ok(allocate_object(TypeObject::of(class), |header| Compressor { header, stream: Exclusive::new(Some(stream)) }))
}

fn compress(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(data, thread)?;
    let result = compressor(this).stream.with(thread, |stream, thread| stream.as_mut().map(|stream| thread.detached(|| stream.compress(&data, BZ_RUN))));
    match result {
        Some(Ok(output)) => Ok(bytes::from_vec(output)),
        Some(Err(code)) => Err(raise(code, thread)),
        None => Err(thread.raise_value_error("Compressor has been flushed")),
    }
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    let result = compressor(this).stream.with(thread, |stream, thread| {
        let mut stream = stream.take()?;
        Some(thread.detached(move || stream.compress(&[], BZ_FINISH)))
    });
    match result {
        Some(Ok(output)) => Ok(bytes::from_vec(output)),
        Some(Err(code)) => Err(raise(code, thread)),
        None => Err(thread.raise_value_error("Repeated call to flush()")),
    }
}

fn decompressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("BZ2Decompressor() takes no keyword arguments"));
    }
    if !args.is_empty() {
        return Err(thread.raise_type_error("BZ2Decompressor() takes no positional arguments"));
    }
    let stream = Stream::new(None).map_err(|code| raise(code, thread))?;
    Ok(Decompressor::allocate(TypeObject::of(class), Decompression(Some(stream)), Owned::none()))
}

fn decompress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match decompression::decompress::<Decompression>(this, args, |_| None, thread)? {
        Ok(output) => Ok(output),
        Err(Failure::AlreadyOver) => Err(thread.raise(&exc::EOF_ERROR, "End of stream already reached")),
        Err(Failure::Engine(Fault::Engine(code))) => Err(raise(code, thread)),
        Err(Failure::Engine(Fault::Unusable)) => Err(thread.raise_value_error("Decompressor is unusable after a previous error")),
    }
}

static COMPRESSOR: StaticType = StaticType::new(&TypeSpec {
    name: "_bz2.BZ2Compressor",
    doc: "BZ2Compressor(compresslevel=9, /)\n--\n\nCreate a compressor object for compressing data incrementally.\n\n  compresslevel\n    Compression level, as a number between 1 and 9.\n\nFor one-shot compression, use the compress() function instead.",
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
    name: "_bz2.BZ2Decompressor",
    doc: "BZ2Decompressor()\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\nFor one-shot decompression, use the decompress() function instead.",
    basic_size: size_of::<Decompressor<Decompression>>(),
    slots: &[SlotFn::new(decompressor_new)],
    methods: &[method(
        "decompress",
        NativeFn::Bound(decompress),
        "($self, /, data, max_length=-1)",
        "Decompress *data*, returning uncompressed data as bytes.\n\nIf max_length is nonnegative, at most that many bytes are returned; the rest comes with further calls, and needs_input\ntells whether those need more input. What lies behind the end of the stream is kept in unused_data.",
    )],
    members: &[Decompressor::<Decompression>::EOF, Decompressor::<Decompression>::UNUSED_DATA, Decompressor::<Decompression>::NEEDS_INPUT],
    dealloc: Some(dealloc::<Decompressor<Decompression>>),
    ..TypeSpec::DEFAULT
});

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_type(this, &COMPRESSOR);
    module::add_type(this, &DECOMPRESSOR);
    Ok(())
}
