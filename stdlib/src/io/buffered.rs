//! `BufferedReader`, `BufferedWriter`, `BufferedRandom`: one layout, what they allow decides the type.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::sync::{AtomicU8, AtomicU64, LeafMutex, Ordering};
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::types::builtin_types::{BYTEARRAY, StaticType};
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Slot, Thread, Value};

use super::base::{self, BUFFERED_IO_BASE, IoBase};
use crate::thread::lock::RawLock;
use super::{DEFAULT_BUFFER_SIZE, attribute_truth, file_io, getter, method, row, size_or_all, unsupported};

/// Bytes on their way.
#[derive(Default)]
struct State {
    /// Read from the raw stream; `read[at..]` has not been asked for yet.
    read: Vec<u8>,
    at: usize,
    /// Written, but not to the raw stream yet.
    write: Vec<u8>,
    size: usize,
}

#[repr(C)]
struct Buffered {
    base: IoBase,
    raw: Slot,
    state: LeafMutex<State>,
    /// Held for a whole call, raw calls included, so that calls of threads come one after the other.
    lock: RawLock,
    /// The ident of the thread that holds the lock, 0 for none.
    owner: AtomicU64,
    /// `UNINITIALIZED`, `READY` or `DETACHED`.
    phase: AtomicU8,
}

const UNINITIALIZED: u8 = 0;
const READY: u8 = 1;
const DETACHED: u8 = 2;

/// Runs a call with the stream's lock held.
fn entered<T>(this: Value, thread: &mut Thread, body: impl FnOnce(&mut Thread) -> PyResult<T>) -> PyResult<T> {
    let stream = of(this);
    let own = thread.shared.ident.load(Ordering::Relaxed);
    if !stream.lock.try_acquire() {
        if stream.owner.load(Ordering::Relaxed) == own {
            let text = pyrt_runtime::protocol::special::safe_repr(this, thread);
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("reentrant call inside {text}")));
        }
        stream.lock.acquire_until(None, thread)?;
    }
    stream.owner.store(own, Ordering::Relaxed);
    let result = body(thread);
    stream.owner.store(0, Ordering::Relaxed);
    stream.lock.release();
    result
}

pub static BUFFERED_READER: StaticType = StaticType::new(&READER_SPEC);
pub static BUFFERED_WRITER: StaticType = StaticType::new(&WRITER_SPEC);
pub static BUFFERED_RANDOM: StaticType = StaticType::new(&RANDOM_SPEC);

fn of<'a>(this: Value) -> &'a Buffered {
    // SAFETY: called for buffered streams only.
    unsafe { this.as_ref() }
}

/// Whether the stream is closed, where that can be told without asking Python code.
pub fn is_closed(this: Value) -> Option<bool> {
    if !this.is_pointer() {
        return None;
    }
    let ty = this.type_object();
    if ![&BUFFERED_READER, &BUFFERED_WRITER, &BUFFERED_RANDOM].iter().any(|known| std::ptr::eq(ty, known.get())) {
        return None;
    }
    let raw = of(this).raw.load(&of(this).base.header)?;
    file_io::is_closed_direct(*raw)
}

fn raw_of(this: Value, thread: &mut Thread) -> PyResult {
    if of(this).phase.load(Ordering::Acquire) == READY {
        if let Some(raw) = of(this).raw.load(&of(this).base.header) {
            return Ok(raw);
        }
    }
    let is_detached = of(this).phase.load(Ordering::Acquire) == DETACHED;
    Err(thread.raise_value_error(if is_detached { "raw stream has been detached" } else { "I/O operation on uninitialized object" }))
}

fn open_raw(this: Value, what: &str, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    let is_closed = match file_io::is_closed_direct(*raw) {
        Some(is_closed) => is_closed,
        None => attribute_truth(*raw, "closed", thread)?,
    };
    if is_closed { Err(thread.raise_value_error(what)) } else { Ok(raw) }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Buffered {
        base: IoBase::new(header),
        raw: Slot::empty(),
        state: LeafMutex::new(State { size: DEFAULT_BUFFER_SIZE, ..State::default() }),
        lock: RawLock::new(),
        owner: AtomicU64::new(0),
        phase: AtomicU8::new(UNINITIALIZED),
    }))
}

fn init_as(name: &str, questions: &[(&str, &str)], this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(raw, buffer_size=131072)");
    let bound = SIGNATURE.bind(name, args, kwnames, thread)?;
    of(this).phase.store(UNINITIALIZED, Ordering::Release);
    let raw = bound.args().at(0);
    let size = match bound.args().get(1) {
        Some(size) => convert::index_as_i64(size, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => DEFAULT_BUFFER_SIZE as i64,
    };
    for (question, message) in questions {
        let answer = method(raw, question, &[], thread)?;
        if !pyrt_runtime::protocol::compare::truth(*answer, thread)? {
            return Err(unsupported(message, thread));
        }
    }
    if size <= 0 {
        return Err(thread.raise_value_error("buffer size must be strictly positive"));
    }
    *of(this).state.lock() = State { size: size as usize, ..State::default() };
    drop(of(this).raw.replace(&of(this).base.header, Some(raw.to_owned())));
    of(this).phase.store(READY, Ordering::Release);
    Ok(())
}

const READABLE: (&str, &str) = ("readable", "File or stream is not readable.");
const WRITABLE_RAW: (&str, &str) = ("writable", "File or stream is not writable.");
const SEEKABLE: (&str, &str) = ("seekable", "File or stream is not seekable.");

fn reader_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    init_as("BufferedReader", &[READABLE], this, args, kwnames, thread)
}

fn writer_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    init_as("BufferedWriter", &[WRITABLE_RAW], this, args, kwnames, thread)
}

fn random_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    init_as("BufferedRandom", &[SEEKABLE, READABLE, WRITABLE_RAW], this, args, kwnames, thread)
}

/// One raw read of up to `n` bytes; none where it would block.
fn raw_read(raw: Value, n: usize, thread: &mut Thread) -> PyResult<Option<Vec<u8>>> {
    let mut data: Vec<u8> = Vec::new();
    if data.try_reserve_exact(n).is_err() {
        return Err(thread.raise_memory_error());
    }
    if let Some(result) = file_io::read_direct(raw, data.as_mut_ptr(), n, thread) {
        return Ok(result?.map(|n| {
            // SAFETY: the system wrote `n` bytes.
            unsafe { data.set_len(n) };
            data
        }));
    }
    let size = Owned::usize(n);
    let array = pyrt_runtime::protocol::call::call(BYTEARRAY.get().value(), &[*size], thread)?;
    let got = method(raw, "readinto", &[*array], thread)?;
    if got.is_none() {
        return Ok(None);
    }
    let got = match convert::index_as_i64(*got, thread, Some(&exc::VALUE_ERROR)) {
        Ok(got) => got,
        Err(raised) => {
            let Some(cause) = thread.take_exception() else { return Err(raised) };
            let _ = thread.raise(&exc::OS_ERROR, "raw readinto() failed");
            if let Some(failure) = thread.exception() {
                let object = pyrt_runtime::exceptions::ExceptionObject::of(failure);
                object.set_cause(Some(cause.clone()));
                object.set_context(Some(cause));
            }
            return Err(raised);
        }
    };
    if got < 0 || got as usize > n {
        return Err(thread.raise(&exc::OS_ERROR, format!("raw readinto() returned invalid length {got} (should have been between 0 and {n})")));
    }
    let mut data = buffer::copy_bytes(*array, thread)?;
    data.truncate(got as usize);
    Ok(Some(data))
}

/// Writes all of `data`; what a stream that would block did not take comes back.
fn raw_write_all(raw: Value, data: Vec<u8>, thread: &mut Thread) -> Result<(), (usize, WriteStop)> {
    let mut done = 0;
    while done < data.len() {
        let rest = &data[done..];
        let result = match file_io::write_direct(raw, rest, thread) {
            Some(result) => result,
            None => write_by_method(raw, rest, thread),
        };
        match result {
            Ok(Some(n)) => {
                done += n;
                // A write that a signal cut short succeeds in part.
                if done < data.len() {
                    if let Err(raised) = safepoint::poll(thread) {
                        return Err((done, WriteStop::Raised(raised)));
                    }
                }
            }
            Ok(None) => return Err((done, WriteStop::WouldBlock)),
            Err(raised) => return Err((done, WriteStop::Raised(raised))),
        }
    }
    Ok(())
}

enum WriteStop {
    WouldBlock,
    Raised(pyrt_runtime::object::value::Raised),
}

fn write_by_method(raw: Value, data: &[u8], thread: &mut Thread) -> PyResult<Option<usize>> {
    let object = bytes::from_slice(data);
    let n = method(raw, "write", &[*object], thread)?;
    if n.is_none() {
        return Ok(None);
    }
    let n = convert::index_as_i64(*n, thread, Some(&exc::VALUE_ERROR))?;
    if n < 0 || n as usize > data.len() {
        let most = data.len();
        return Err(thread.raise(&exc::OS_ERROR, format!("raw write() returned invalid length {n} (should have been between 0 and {most})")));
    }
    Ok(Some(n as usize))
}

/// Hands what has been written to the raw stream.
fn flush_writes(this: Value, raw: Value, thread: &mut Thread) -> PyResult<()> {
    let data = std::mem::take(&mut of(this).state.lock().write);
    if data.is_empty() {
        return Ok(());
    }
    let copy = data.clone();
    match raw_write_all(raw, data, thread) {
        Ok(()) => Ok(()),
        Err((done, stop)) => {
            let mut state = of(this).state.lock();
            let newer = std::mem::take(&mut state.write);
            state.write = [&copy[done..], &newer].concat();
            drop(state);
            match stop {
                WriteStop::Raised(raised) => Err(raised),
                WriteStop::WouldBlock => Err(would_block(0, thread)),
            }
        }
    }
}

fn would_block(written: usize, thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    let args = [Owned::int(i64::from(libc::EAGAIN)), Owned::str("write could not complete without blocking"), Owned::usize(written)];
    let values: Vec<Value> = args.iter().map(Owned::value).collect();
    match pyrt_runtime::protocol::call::call(exc::BLOCKING_IO_ERROR.get().value(), &values, thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// Gives unread bytes back by seeking the raw stream, so that its position is the stream's.
fn drop_reads(this: Value, raw: Value, thread: &mut Thread) -> PyResult<()> {
    let unread = {
        let mut state = of(this).state.lock();
        let unread = state.read.len() - state.at;
        state.read.clear();
        state.at = 0;
        unread
    };
    if unread > 0 {
        method(raw, "seek", &[*Owned::int(-(unread as i64)), Value::plain_int(1)], thread)?;
    }
    Ok(())
}

/// Takes up to `n` buffered bytes.
fn take_buffered(this: Value, n: usize) -> Vec<u8> {
    let mut state = of(this).state.lock();
    let n = n.min(state.read.len() - state.at);
    let taken = state.read[state.at..state.at + n].to_vec();
    state.at += n;
    if state.at == state.read.len() {
        state.read.clear();
        state.at = 0;
    }
    taken
}

/// One raw read into the buffer: the number of bytes, none where it would block.
fn fill(this: Value, raw: Value, thread: &mut Thread) -> PyResult<Option<usize>> {
    let size = of(this).state.lock().size;
    let Some(data) = raw_read(raw, size, thread)? else { return Ok(None) };
    let n = data.len();
    let mut state = of(this).state.lock();
    let at = state.at;
    state.read.drain(..at);
    state.at = 0;
    if state.read.is_empty() {
        state.read = data;
    } else {
        state.read.extend_from_slice(&data);
    }
    Ok(Some(n))
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if let Some(n) = args.get(0).and_then(Value::as_small_int).filter(|n| *n < -1) {
        let _ = n;
        return Err(thread.raise_value_error("read length must be non-negative or -1"));
    }
    let limit = size_or_all(args.get(0), thread)?;
    entered(this, thread, |thread| read_up_to(this, limit, thread))
}

fn read_up_to(this: Value, limit: Option<usize>, thread: &mut Thread) -> PyResult {
    let raw = open_raw(this, "read of closed file", thread)?;
    flush_writes(this, *raw, thread)?;
    let Some(n) = limit else { return read_all(this, *raw, thread) };
    let mut data = take_buffered(this, n);
    while data.len() < n {
        let size = of(this).state.lock().size;
        let missing = n - data.len();
        let got = if missing >= size {
            // Large reads go around the buffer.
            raw_read(*raw, missing, thread)?
        } else {
            match fill(this, *raw, thread)? {
                Some(0) => Some(Vec::new()),
                Some(_) => Some(take_buffered(this, missing)),
                None => None,
            }
        };
        match got {
            None if data.is_empty() => return Ok(Owned::none()),
            None => break,
            Some(part) if part.is_empty() => break,
            Some(part) => data.extend_from_slice(&part),
        }
    }
    Ok(bytes::from_vec(data))
}

fn read_all(this: Value, raw: Value, thread: &mut Thread) -> PyResult {
    let mut data = take_buffered(this, usize::MAX);
    let readall = attribute::get_optional(raw, pyrt_runtime::names().readall, thread)?;
    if let Some(readall) = readall {
        let rest = pyrt_runtime::protocol::call::call(*readall, &[], thread)?;
        if rest.is_none() {
            return Ok(if data.is_empty() { rest } else { bytes::from_vec(data) });
        }
        if !bytes::is_bytes(*rest) {
            return Err(thread.raise_type_error("readall() should return bytes"));
        }
        if data.is_empty() {
            return Ok(rest);
        }
        data.extend_from_slice(BytesObject::of(*rest).as_slice());
        return Ok(bytes::from_vec(data));
    }
    loop {
        match raw_read(raw, DEFAULT_BUFFER_SIZE, thread)? {
            None if data.is_empty() => return Ok(Owned::none()),
            Some(part) if !part.is_empty() => data.extend_from_slice(&part),
            _ => return Ok(bytes::from_vec(data)),
        }
    }
}

fn read1(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    entered(this, thread, |thread| {
        let raw = open_raw(this, "read of closed file", thread)?;
        flush_writes(this, *raw, thread)?;
        let n = limit.unwrap_or_else(|| of(this).state.lock().size);
        let data = take_buffered(this, n);
        if !data.is_empty() || n == 0 {
            return Ok(bytes::from_vec(data));
        }
        Ok(bytes::from_vec(raw_read(*raw, n, thread)?.unwrap_or_default()))
    })
}

fn readinto_by(this: Value, target: Value, once: bool, thread: &mut Thread) -> PyResult {
    let target = crate::system_call::writable_buffer(target, "readinto() argument", thread)?;
    entered(this, thread, |thread| {
        let raw = open_raw(this, "readinto of closed file", thread)?;
        flush_writes(this, *raw, thread)?;
        let put = |data: &[u8], at: usize| {
            // SAFETY: the buffer is lent; no more than what is missing is read.
            unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target.data.add(at), data.len().min(target.len - at)) };
            data.len().min(target.len - at)
        };
        let mut done = put(&take_buffered(this, target.len), 0);
        let size = of(this).state.lock().size;
        while done < target.len {
            let missing = target.len - done;
            let got = if missing > size {
                // Large reads go around the buffer.
                raw_read(*raw, missing, thread)?
            } else if !(once && done > 0) {
                match fill(this, *raw, thread)? {
                    Some(0) => Some(Vec::new()),
                    Some(_) => Some(take_buffered(this, missing)),
                    None => None,
                }
            } else {
                break;
            };
            match got {
                None if done == 0 => return Ok(Owned::none()),
                None => break,
                Some(part) if part.is_empty() => break,
                Some(part) => done += put(&part, done),
            }
            if once {
                break;
            }
        }
        Ok(Owned::usize(done))
    })
}

fn readinto(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    readinto_by(this, target, false, thread)
}

fn readinto1(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    readinto_by(this, target, true, thread)
}

fn peek(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    entered(this, thread, |thread| {
        let raw = open_raw(this, "peek of closed file", thread)?;
        flush_writes(this, *raw, thread)?;
        let is_empty = of(this).state.lock().read.is_empty();
        if is_empty {
            fill(this, *raw, thread)?;
        }
        let state = of(this).state.lock();
        Ok(bytes::from_slice(&state.read[state.at..]))
    })
}

/// Reads up to and with a newline.
fn read_line(this: Value, limit: Option<usize>, thread: &mut Thread) -> PyResult<Vec<u8>> {
    entered(this, thread, |thread| read_line_entered(this, limit, thread))
}

fn read_line_entered(this: Value, limit: Option<usize>, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let raw = open_raw(this, "readline of closed file", thread)?;
    flush_writes(this, *raw, thread)?;
    let mut line = Vec::new();
    loop {
        let room = limit.map_or(usize::MAX, |limit| limit - line.len());
        if room == 0 {
            return Ok(line);
        }
        let n = {
            let state = of(this).state.lock();
            let ahead = &state.read[state.at..];
            let ahead = &ahead[..ahead.len().min(room)];
            memchr::memchr(b'\n', ahead).map_or(ahead.len(), |at| at + 1)
        };
        line.extend(take_buffered(this, n));
        if line.last() == Some(&b'\n') {
            return Ok(line);
        }
        let is_empty = of(this).state.lock().read.is_empty();
        if is_empty && !matches!(fill(this, *raw, thread)?, Some(1..)) {
            return Ok(line);
        }
    }
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    Ok(bytes::from_vec(read_line(this, limit, thread)?))
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let is_plain = std::ptr::eq(this.type_object(), BUFFERED_READER.get()) || std::ptr::eq(this.type_object(), BUFFERED_RANDOM.get());
    if !is_plain {
        // A subclass may have its own idea of a line.
        let line = method(this, "readline", &[], thread)?;
        if !bytes::is_bytes(*line) {
            let name = line.type_object().full_name();
            return Err(thread.raise(&exc::OS_ERROR, format!("readline() should have returned a bytes object, not '{name}'")));
        }
        return Ok(Some(line).filter(|line| !BytesObject::of(**line).is_empty()));
    }
    let line = read_line(this, None, thread)?;
    Ok(if line.is_empty() { None } else { Some(bytes::from_vec(line)) })
}

fn write(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    if pyrt_runtime::types::string::is_str(source) {
        return Err(thread.raise_type_error("a bytes-like object is required, not 'str'"));
    }
    raw_of(this, thread)?;
    let data = buffer::copy_bytes(source, thread)?;
    entered(this, thread, |thread| write_entered(this, &data, thread))
}

/// Appends to what waits to be written, as far as there is room: how much that was.
fn append(this: Value, data: &[u8]) -> usize {
    let mut state = of(this).state.lock();
    let n = data.len().min(state.size.saturating_sub(state.write.len()));
    state.write.extend_from_slice(&data[..n]);
    n
}

fn write_entered(this: Value, data: &[u8], thread: &mut Thread) -> PyResult {
    let raw = open_raw(this, "write to closed file", thread)?;
    drop_reads(this, *raw, thread)?;
    let (size, room) = {
        let state = of(this).state.lock();
        (state.size, state.size.saturating_sub(state.write.len()))
    };
    if data.len() <= room {
        append(this, data);
        return Ok(Owned::usize(data.len()));
    }
    if let Err(raised) = flush_writes(this, *raw, thread) {
        if !thread.exception_matches(&exc::BLOCKING_IO_ERROR) {
            return Err(raised);
        }
        // The raw stream takes no more now: what fits is kept.
        let n = append(this, data);
        if n == data.len() {
            drop(thread.take_exception());
            return Ok(Owned::usize(n));
        }
        drop(thread.take_exception());
        return Err(would_block(n, thread));
    }
    let mut done = 0;
    while data.len() - done > size {
        let rest = &data[done..];
        let wrote = match file_io::write_direct(*raw, rest, thread) {
            Some(result) => result?,
            None => write_by_method(*raw, rest, thread)?,
        };
        match wrote {
            Some(n) => done += n,
            None => {
                done += append(this, rest);
                if done < data.len() {
                    return Err(would_block(done, thread));
                }
                return Ok(Owned::usize(done));
            }
        }
        // A write that a signal cut short succeeds in part.
        safepoint::poll(thread)?;
    }
    append(this, &data[done..]);
    Ok(Owned::usize(data.len()))
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    entered(this, thread, |thread| {
        let raw = open_raw(this, "flush of closed file", thread)?;
        flush_writes(this, *raw, thread)?;
        // What was read ahead is given back, so that the raw stream stands where this one does.
        let unread = {
            let mut state = of(this).state.lock();
            if state.read.len() == state.at {
                state.read.clear();
                state.at = 0;
            }
            state.read.len() - state.at
        };
        if unread > 0 && is_seekable(*raw, thread)? {
            drop_reads(this, *raw, thread)?;
        }
        Ok(Owned::none())
    })
}

fn is_seekable(raw: Value, thread: &mut Thread) -> PyResult<bool> {
    let answer = method(raw, "seekable", &[], thread)?;
    pyrt_runtime::protocol::compare::truth(*answer, thread)
}

fn reader_flush(this: Value, thread: &mut Thread) -> PyResult {
    let raw = open_raw(this, "flush of closed file", thread)?;
    method(*raw, "flush", &[], thread)
}

/// A position that the raw stream has given.
fn position(value: Value, thread: &mut Thread) -> PyResult<i64> {
    let at = convert::as_c_long(value, thread)?;
    if at < 0 {
        return Err(thread.raise(&exc::OS_ERROR, format!("Raw stream returned invalid position {at}")));
    }
    Ok(at)
}

fn raw_tell(raw: Value, thread: &mut Thread) -> PyResult<i64> {
    let at = method(raw, "tell", &[], thread)?;
    position(*at, thread)
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    raw_of(this, thread)?;
    if !(0..=4).contains(&whence) {
        return Err(thread.raise_value_error(format!("whence value {whence} unsupported")));
    }
    let raw = open_raw(this, "seek of closed file", thread)?;
    if !is_seekable(*raw, thread)? {
        return Err(unsupported("File or stream is not seekable.", thread));
    }
    let target = convert::as_c_long(args.at(0), thread)?;
    entered(this, thread, |thread| {
        let (unread, read_before, has_writes) = {
            let state = of(this).state.lock();
            ((state.read.len() - state.at) as i64, state.at as i64, !state.write.is_empty())
        };
        if whence <= 1 && !has_writes && unread + read_before > 0 {
            // Within what has been read, no raw seek is needed.
            let here = raw_tell(*raw, thread)? - unread;
            let step = if whence == 0 { target.saturating_sub(here) } else { target };
            if (-read_before..=unread).contains(&step) {
                let mut state = of(this).state.lock();
                state.at = (state.at as i64 + step).max(0) as usize;
                return Ok(Owned::int((here + step).max(0)));
            }
        }
        flush_writes(this, *raw, thread)?;
        let at = if whence == 1 { target.saturating_sub(unread) } else { target };
        let to = method(*raw, "seek", &[*Owned::int(at), *Owned::int(i64::from(whence))], thread)?;
        let to = position(*to, thread)?;
        let mut state = of(this).state.lock();
        state.read.clear();
        state.at = 0;
        Ok(Owned::int(to))
    })
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    let at = raw_tell(*raw, thread)?;
    let state = of(this).state.lock();
    Ok(Owned::int((at - (state.read.len() - state.at) as i64 + state.write.len() as i64).max(0)))
}

fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let raw = open_raw(this, "truncate of closed file", thread)?;
    let can_write = !this.is_instance(BUFFERED_READER.get());
    if !can_write {
        return Err(unsupported("truncate", thread));
    }
    entered(this, thread, |thread| {
        flush_writes(this, *raw, thread)?;
        drop_reads(this, *raw, thread)?;
        method(*raw, "truncate", &[args.get(0).unwrap_or_else(Value::none)], thread)
    })
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    raw_of(this, thread)?;
    let raw = entered(this, thread, |thread| {
        let raw = raw_of(this, thread)?;
        if attribute_truth(*raw, "closed", thread)? {
            return Ok(None);
        }
        if of(this).base.is_finalizing() {
            dealloc_warn(this, this, thread)?;
        }
        Ok(Some(raw))
    })?;
    let Some(raw) = raw else { return Ok(Owned::none()) };
    // flush() takes the lock itself, whoever has defined it.
    let flushed = method(this, "flush", &[], thread);
    let first = if flushed.is_err() { thread.take_exception() } else { None };
    let closed = entered(this, thread, |thread| method(*raw, "close", &[], thread));
    super::chain_errors(first, closed, thread)
}

/// Has the raw stream warn that `source` was dropped open.
fn dealloc_warn(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    if let Some(raw) = of(this).raw.load(&of(this).base.header) {
        if method(*raw, "_dealloc_warn", &[source], thread).is_err() {
            drop(thread.take_exception());
        }
    }
    Ok(Owned::none())
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(this.type_object().basic_size() + of(this).state.lock().size))
}

fn detach(this: Value, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    method(this, "flush", &[], thread)?;
    of(this).phase.store(DETACHED, Ordering::Release);
    drop(of(this).raw.replace(&of(this).base.header, None));
    Ok(raw)
}

macro_rules! forwards {
    ($($function:ident $name:literal;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let raw = raw_of(this, thread)?;
            method(*raw, $name, &[], thread)
        }
    )*};
}

forwards! {
    seekable "seekable";
    readable "readable";
    writable "writable";
    fileno "fileno";
    isatty "isatty";
}

fn closed(this: Value, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    attribute::get_by_text(*raw, "closed", thread)
}

fn name(this: Value, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    attribute::get_by_text(*raw, "name", thread)
}

fn mode(this: Value, thread: &mut Thread) -> PyResult {
    let raw = raw_of(this, thread)?;
    attribute::get_by_text(*raw, "mode", thread)
}

fn raw(this: Value, thread: &mut Thread) -> PyResult {
    let _ = &thread;
    Ok(of(this).raw.load(&of(this).base.header).unwrap_or_else(Owned::none))
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let type_name = this.type_object().full_name();
    let mut text = format!("<{type_name}");
    super::guarded_repr(this, thread, |thread| {
        match attribute::get_optional(this, *pyrt_runtime::names::interned("name"), thread) {
            Ok(Some(name)) => text.push_str(&format!(" name={}", convert::repr_text(*name, thread)?)),
            Ok(None) => {}
            Err(raised) => drop(thread.catch(raised, &exc::VALUE_ERROR)?),
        }
        Ok(())
    })?;
    text.push('>');
    Ok(Owned::str(&text))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        super::drop_slots(&[&of(value).base.dict, &of(value).raw]);
        std::ptr::drop_in_place(&raw mut (*value.header().cast::<Buffered>()).state);
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    for slot in [&of(value).base.dict, &of(value).raw] {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

unsafe fn clear(value: Value) {
    for slot in [&of(value).base.dict, &of(value).raw] {
        drop(slot.replace(&of(value).base.header, None));
    }
}

const GETSETS: &[GetSetDef] = &[getter("closed", closed), getter("name", name), getter("mode", mode), getter("raw", raw), base::FINALIZING];

macro_rules! buffered_spec {
    ($spec:ident $name:literal $doc:literal $init:ident [$($slot:expr),*] [$($method:expr),* $(,)?]) => {
        static $spec: TypeSpec = TypeSpec {
            name: $name,
            doc: $doc,
            base: Some(&BUFFERED_IO_BASE),
            flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
            basic_size: size_of::<Buffered>(),
            slots: &[SlotFn::new(new), SlotFn::init($init), SlotFn::repr(repr), SlotFn::finalize(base::finalize), $($slot),*],
            methods: &[
                row("detach", NativeFn::NoArgs(detach), "($self, /)", "Separate the raw stream and return it."),
                row("close", NativeFn::NoArgs(close), "($self, /)", "Flush and close the stream."),
                row("_dealloc_warn", NativeFn::One(dealloc_warn), "($self, source, /)", "Warns if the raw stream is open."),
                row("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Bytes in memory."),
                row("__getstate__", NativeFn::NoArgs(super::no_pickling), "($self, /)", "Raises: streams cannot be pickled."),
                row("seekable", NativeFn::NoArgs(seekable), "($self, /)", "Whether the raw stream can seek."),
                row("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The raw stream's descriptor."),
                row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether the raw stream is a terminal."),
                row("seek", NativeFn::Bound(seek), "($self, target, whence=0, /)", "Move to a position and return it."),
                row("tell", NativeFn::NoArgs(tell), "($self, /)", "Current position."),
                row("truncate", NativeFn::Bound(truncate), "($self, pos=None, /)", "Truncate the file."),
                $($method),*
            ],
            getsets: GETSETS,
            dealloc: Some(dealloc),
            traverse: Some(traverse),
            clear: Some(clear),
            ..TypeSpec::DEFAULT
        };
    };
}

buffered_spec! { READER_SPEC "_io.BufferedReader" "A buffer over a readable raw stream." reader_init [SlotFn::iternext(next_line)] [
    row("flush", NativeFn::NoArgs(reader_flush), "($self, /)", "Flush the raw stream."),
    row("readable", NativeFn::NoArgs(readable), "($self, /)", "Whether the raw stream can be read."),
    row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read and return up to size bytes."),
    row("peek", NativeFn::Bound(peek), "($self, size=0, /)", "Bytes ahead, without moving on."),
    row("read1", NativeFn::Bound(read1), "($self, size=-1, /)", "Read with at most one raw call."),
    row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
    row("readinto1", NativeFn::One(readinto1), "($self, buffer, /)", "Read into a buffer with at most one raw call."),
    row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
] }

buffered_spec! { WRITER_SPEC "_io.BufferedWriter" "A buffer over a writable raw stream." writer_init [] [
    row("flush", NativeFn::NoArgs(flush), "($self, /)", "Hand all bytes to the raw stream."),
    row("writable", NativeFn::NoArgs(writable), "($self, /)", "Whether the raw stream can be written."),
    row("write", NativeFn::One(write), "($self, buffer, /)", "Write bytes, return their number."),
] }

buffered_spec! { RANDOM_SPEC "_io.BufferedRandom" "A buffer over a raw stream that reads, writes and seeks." random_init [SlotFn::iternext(next_line)] [
    row("flush", NativeFn::NoArgs(flush), "($self, /)", "Hand all bytes to the raw stream."),
    row("readable", NativeFn::NoArgs(readable), "($self, /)", "Whether the raw stream can be read."),
    row("writable", NativeFn::NoArgs(writable), "($self, /)", "Whether the raw stream can be written."),
    row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read and return up to size bytes."),
    row("peek", NativeFn::Bound(peek), "($self, size=0, /)", "Bytes ahead, without moving on."),
    row("read1", NativeFn::Bound(read1), "($self, size=-1, /)", "Read with at most one raw call."),
    row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
    row("readinto1", NativeFn::One(readinto1), "($self, buffer, /)", "Read into a buffer with at most one raw call."),
    row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
    row("write", NativeFn::One(write), "($self, buffer, /)", "Write bytes, return their number."),
] }
