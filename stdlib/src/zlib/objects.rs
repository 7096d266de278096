//! Objects that compress and decompress in pieces.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::stream::{Stream, Z_BUF_ERROR, Z_FINISH, Z_MEM_ERROR, Z_OK, Z_STREAM_END, Z_STREAM_ERROR, Z_SYNC_FLUSH};
use super::{MAX_WBITS, engine_error, work};
use crate::system_call::c_int_or;
use crate::thread::lock::Exclusive;

#[repr(C)]
struct Compress {
    header: Header,
    /// None once the stream is finished.
    stream: Exclusive<Option<Stream>>,
}

static COMPRESS: StaticType = StaticType::new(&COMPRESS_SPEC);

fn compress_of<'a>(this: Value) -> &'a Compress {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn new_compress(stream: Stream) -> Owned {
    lifetime::allocate_object(COMPRESS.get(), |header| Compress { header, stream: Exclusive::new(Some(stream)) })
}

/// The bytes of a dictionary argument.
fn dictionary(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if !buffer::supports_buffer(value) {
        return Err(thread.raise_type_error("zdict argument must support the buffer protocol"));
    }
    let data = buffer::copy_bytes(value, thread)?;
    if data.len() > u32::MAX as usize {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "zdict length does not fit in an unsigned int"));
    }
    Ok(data)
}

pub fn compressobj(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut numbers = [-1, 8, MAX_WBITS, 8, 0];
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = c_int_or(args.get(i), *number, thread)?;
    }
    let dictionary = match args.get(5).filter(|dictionary| !dictionary.is_none()) {
        Some(value) => Some(buffer::copy_bytes(value, thread)?),
        None => None,
    };
    let [level, method, window_bits, memory_level, strategy] = numbers;
    let mut stream = match Stream::deflate(level, method, window_bits, memory_level, strategy) {
        Ok(stream) => stream,
        Err(Z_MEM_ERROR) => return Err(thread.raise(&exc::MEMORY_ERROR, "Can't allocate memory for compression object")),
        Err(Z_STREAM_ERROR) => return Err(thread.raise_value_error("Invalid initialization option")),
        Err(code) => return Err(engine_error(code, None, "while creating compression object", thread)),
    };
    if let Some(dictionary) = dictionary {
        match stream.set_dictionary(&dictionary) {
            Z_OK => {}
            Z_STREAM_ERROR => return Err(thread.raise_value_error("Invalid dictionary")),
            _ => return Err(thread.raise_value_error("deflateSetDictionary()")),
        }
    }
    Ok(new_compress(stream))
}

/// A failed call: code and the engine's message.
type Failure = (i32, Option<String>);

fn compress_raise(failure: Failure, doing: &str, thread: &mut Thread) -> Raised {
    match failure {
        (Z_MEM_ERROR, _) => thread.raise_memory_error(),
        (code, message) => engine_error(code, message, doing, thread),
    }
}

fn compress(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(data, thread)?;
    let result: Result<Vec<u8>, Failure> = compress_of(this).stream.with(thread, |stream, thread| {
        let Some(stream) = stream else { return Err((Z_STREAM_ERROR, None)) };
        let progress = work(data.len(), thread, || stream.run(&data, 0, None, None));
        if progress.code < 0 && progress.code != Z_BUF_ERROR { Err((progress.code, stream.message())) } else { Ok(progress.output) }
    });
    result.map(bytes::from_vec).map_err(|failure| compress_raise(failure, "while compressing data", thread))
}

fn compress_flush(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mode = c_int_or(args.get(0), Z_FINISH, thread)?;
    if mode == 0 {
        return Ok(bytes::from_slice(b""));
    }
    let result: Result<Vec<u8>, Failure> = compress_of(this).stream.with(thread, |place, thread| {
        let Some(stream) = place else { return Err((Z_STREAM_ERROR, None)) };
        let progress = work(usize::MAX, thread, || stream.run(&[], mode, None, None));
        match progress.code {
            Z_STREAM_END => {
                if mode == Z_FINISH {
                    *place = None;
                }
                Ok(progress.output)
            }
            Z_OK | Z_BUF_ERROR => Ok(progress.output),
            code => Err((code, stream.message())),
        }
    });
    result.map(bytes::from_vec).map_err(|failure| compress_raise(failure, "while flushing", thread))
}

fn copy_failed(code: i32, thread: &mut Thread) -> Raised {
    match code {
        Z_STREAM_ERROR => thread.raise_value_error("Inconsistent stream state"),
        Z_MEM_ERROR => thread.raise(&exc::MEMORY_ERROR, "Can't allocate memory for compression object"),
        code => engine_error(code, None, "while copying compression object", thread),
    }
}

fn compress_copy(this: Value, thread: &mut Thread) -> PyResult {
    let copied = compress_of(this).stream.with(thread, |stream, _| match stream {
        Some(stream) => stream.duplicate(),
        None => Err(Z_STREAM_ERROR),
    });
    copied.map(new_compress).map_err(|code| copy_failed(code, thread))
}

fn compress_deepcopy(this: Value, _memo: Value, thread: &mut Thread) -> PyResult {
    compress_copy(this, thread)
}

unsafe fn compress_dealloc(value: Value) {
    // SAFETY: the object is dead, and its field is dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<Compress>()).stream) };
}

static COMPRESS_SPEC: TypeSpec = TypeSpec {
    name: "zlib.Compress",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<Compress>(),
    methods: &[
        method("compress", NativeFn::One(compress), "($self, data, /)", "Takes data; gives compressed data as far as there is any."),
        method("flush", NativeFn::Bound(compress_flush), "($self, mode=zlib.Z_FINISH, /)", "Gives what is left."),
        method("copy", NativeFn::NoArgs(compress_copy), "($self, /)", "A copy in the same state."),
        method("__copy__", NativeFn::NoArgs(compress_copy), "($self, /)", "A copy in the same state."),
        method("__deepcopy__", NativeFn::One(compress_deepcopy), "($self, memo, /)", "A copy in the same state."),
    ],
    dealloc: Some(compress_dealloc),
    ..TypeSpec::DEFAULT
};

/// The state of both kinds of decompression objects.
struct Inflating {
    stream: Stream,
    dictionary: Option<Vec<u8>>,
    /// Input that waits: `unconsumed_tail`, or what the object keeps for the next call.
    waiting: Vec<u8>,
    unused: Vec<u8>,
    eof: bool,
    needs_input: bool,
    /// `flush` has come to the end of the stream: nothing can be done with it any more.
    is_over: bool,
}

fn start(window_bits: i32, dictionary: Option<Vec<u8>>, thread: &mut Thread) -> PyResult<Inflating> {
    let mut stream = match Stream::inflate(window_bits) {
        Ok(stream) => stream,
        Err(Z_MEM_ERROR) => return Err(thread.raise(&exc::MEMORY_ERROR, "Can't allocate memory for decompression object")),
        Err(Z_STREAM_ERROR) => return Err(thread.raise_value_error("Invalid initialization option")),
        Err(code) => return Err(engine_error(code, None, "while creating decompression object", thread)),
    };
    let dictionary = dictionary.filter(|dictionary| !dictionary.is_empty());
    // A raw stream cannot ask for its dictionary.
    if let Some(dictionary) = dictionary.as_ref().filter(|_| window_bits < 0) {
        let code = stream.set_dictionary(dictionary);
        if code != Z_OK {
            return Err(engine_error(code, stream.message(), "while setting zdict", thread));
        }
    }
    Ok(Inflating { stream, dictionary, waiting: Vec::new(), unused: Vec::new(), eof: false, needs_input: true, is_over: false })
}

fn decompress_error(failure: Failure, doing: &str, thread: &mut Thread) -> Raised {
    match failure {
        (Z_MEM_ERROR, _) => thread.raise_memory_error(),
        (code, message) => engine_error(code, message, doing, thread),
    }
}

#[repr(C)]
struct Decompress {
    header: Header,
    state: Exclusive<Inflating>,
}

static DECOMPRESS: StaticType = StaticType::new(&DECOMPRESS_SPEC);

fn decompress_of<'a>(this: Value) -> &'a Decompress {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn new_decompress(state: Inflating) -> Owned {
    lifetime::allocate_object(DECOMPRESS.get(), |header| Decompress { header, state: Exclusive::new(state) })
}

pub fn decompressobj(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let window_bits = c_int_or(args.get(0), MAX_WBITS, thread)?;
    let dictionary = match args.get(1) {
        Some(value) => Some(dictionary(value, thread)?),
        None => None,
    };
    Ok(new_decompress(start(window_bits, dictionary, thread)?))
}

impl Inflating {
    /// One call of `decompress`: the input is worked off or, where a limit stops it, kept as the unconsumed tail.
    fn feed(&mut self, input: &[u8], flush: i32, limit: Option<usize>, thread: &mut Thread) -> Result<(Vec<u8>, i32), Failure> {
        if self.is_over {
            return Err((Z_STREAM_ERROR, None));
        }
        let (stream, dictionary) = (&mut self.stream, self.dictionary.as_deref());
        let progress = work(input.len().max(limit.map_or(0, |_| 1)), thread, || stream.run(input, flush, limit, dictionary));
        let rest = &input[progress.consumed..];
        match progress.code {
            Z_STREAM_END => {
                self.unused.extend_from_slice(rest);
                self.waiting.clear();
                self.eof = true;
            }
            Z_OK | Z_BUF_ERROR => self.waiting = rest.to_vec(),
            code => return Err((code, self.stream.message())),
        }
        Ok((progress.output, progress.code))
    }
}

fn length_argument(value: Option<Value>, default: i64, thread: &mut Thread) -> PyResult<i64> {
    match value {
        Some(value) => convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR)),
        None => Ok(default),
    }
}

fn decompress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let limit = length_argument(args.get(1), 0, thread)?;
    if limit < 0 {
        return Err(thread.raise_value_error("max_length must be non-negative"));
    }
    let limit = (limit > 0).then_some(limit as usize);
    let result = decompress_of(this).state.with(thread, |state, thread| state.feed(&data, Z_SYNC_FLUSH, limit, thread));
    result.map(|(output, _)| bytes::from_vec(output)).map_err(|failure| decompress_error(failure, "while decompressing data", thread))
}

fn decompress_flush(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = length_argument(args.get(0), 16384, thread)?;
    if length <= 0 {
        return Err(thread.raise_value_error("length must be greater than zero"));
    }
    let result = decompress_of(this).state.with(thread, |state, thread| {
        if state.is_over {
            return Ok((Vec::new(), Z_STREAM_END));
        }
        let input = std::mem::take(&mut state.waiting);
        let result = state.feed(&input, Z_FINISH, None, thread)?;
        state.is_over = result.1 == Z_STREAM_END;
        Ok(result)
    });
    result.map(|(output, _)| bytes::from_vec(output)).map_err(|failure| decompress_error(failure, "while flushing", thread))
}

fn decompress_copy(this: Value, thread: &mut Thread) -> PyResult {
    let copied = decompress_of(this).state.with(thread, |state, _| {
        if state.is_over {
            return Err(Z_STREAM_ERROR);
        }
        state.stream.duplicate().map(|stream| Inflating {
            stream,
            dictionary: state.dictionary.clone(),
            waiting: state.waiting.clone(),
            unused: state.unused.clone(),
            eof: state.eof,
            needs_input: state.needs_input,
            is_over: false,
        })
    });
    copied.map(new_decompress).map_err(|code| copy_failed(code, thread))
}

fn decompress_deepcopy(this: Value, _memo: Value, thread: &mut Thread) -> PyResult {
    decompress_copy(this, thread)
}

fn unused_data(this: Value, thread: &mut Thread) -> PyResult {
    Ok(decompress_of(this).state.with(thread, |state, _| bytes::from_slice(&state.unused)))
}

fn unconsumed_tail(this: Value, thread: &mut Thread) -> PyResult {
    Ok(decompress_of(this).state.with(thread, |state, _| bytes::from_slice(&state.waiting)))
}

fn eof(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(decompress_of(this).state.with(thread, |state, _| state.eof)))
}

unsafe fn decompress_dealloc(value: Value) {
    // SAFETY: the object is dead, and its field is dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<Decompress>()).state) };
}

const fn read_only(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

static DECOMPRESS_SPEC: TypeSpec = TypeSpec {
    name: "zlib.Decompress",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<Decompress>(),
    methods: &[
        method("decompress", NativeFn::Bound(decompress), "($self, data, /, max_length=0)", "Takes compressed data; gives what it stands for."),
        method("flush", NativeFn::Bound(decompress_flush), "($self, length=zlib.DEF_BUF_SIZE, /)", "Gives what is left."),
        method("copy", NativeFn::NoArgs(decompress_copy), "($self, /)", "A copy in the same state."),
        method("__copy__", NativeFn::NoArgs(decompress_copy), "($self, /)", "A copy in the same state."),
        method("__deepcopy__", NativeFn::One(decompress_deepcopy), "($self, memo, /)", "A copy in the same state."),
    ],
    getsets: &[read_only("unused_data", unused_data), read_only("unconsumed_tail", unconsumed_tail), read_only("eof", eof)],
    dealloc: Some(decompress_dealloc),
    ..TypeSpec::DEFAULT
};

pub static ZLIB_DECOMPRESSOR: StaticType = StaticType::new(&DECOMPRESSOR_SPEC);

fn decompressor_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(wbits=15, zdict=b'')");
    let bound = SIGNATURE.bind("_ZlibDecompressor", args, kwnames, thread)?;
    let window_bits = c_int_or(bound.args().get(0), MAX_WBITS, thread)?;
    let dictionary = match bound.args().get(1) {
        Some(value) => Some(dictionary(value, thread)?),
        None => None,
    };
    let state = start(window_bits, dictionary, thread)?;
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Decompress { header, state: Exclusive::new(state) }))
}

fn decompressor_decompress(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let limit = usize::try_from(length_argument(args.get(1), -1, thread)?).ok();
    let result = decompress_of(this).state.with(thread, |state, thread| {
        if state.eof {
            return Ok(None);
        }
        let mut input = std::mem::take(&mut state.waiting);
        input.extend_from_slice(&data);
        if limit == Some(0) {
            state.needs_input = input.is_empty();
            state.waiting = input;
            return Ok(Some(Vec::new()));
        }
        let (output, _) = state.feed(&input, Z_SYNC_FLUSH, limit, thread)?;
        state.needs_input = !state.eof && state.waiting.is_empty();
        Ok(Some(output))
    });
    match result {
        Ok(Some(output)) => Ok(bytes::from_vec(output)),
        Ok(None) => Err(thread.raise(&exc::EOF_ERROR, "End of stream already reached")),
        Err(failure) => Err(decompress_error(failure, "while decompressing data", thread)),
    }
}

fn needs_input(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(decompress_of(this).state.with(thread, |state, _| state.needs_input)))
}

static DECOMPRESSOR_SPEC: TypeSpec = TypeSpec {
    name: "zlib._ZlibDecompressor",
    doc: "Decompresses data in pieces, keeping input that waits.",
    basic_size: size_of::<Decompress>(),
    slots: &[SlotFn::new(decompressor_new)],
    methods: &[method(
        "decompress",
        NativeFn::Bound(decompressor_decompress),
        "($self, /, data, max_length=-1)",
        "Takes compressed data; gives at most max_length bytes of what it stands for.",
    )],
    getsets: &[read_only("eof", eof), read_only("unused_data", unused_data), read_only("needs_input", needs_input)],
    dealloc: Some(decompress_dealloc),
    ..TypeSpec::DEFAULT
};
