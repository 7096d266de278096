//! `_IOBase`, `_RawIOBase`, `_BufferedIOBase`, `_TextIOBase`: what all streams share, written against the methods that
//! subclasses define.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, WRITABLE};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, compare, convert, iterate};
use pyrt_runtime::sync::{AtomicBool, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::list;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use super::{DEFAULT_BUFFER_SIZE, attribute_truth, closed_error, getter, method, row, size_or_all, unsupported};

/// The layout that all streams begin with.
#[repr(C)]
pub struct IoBase {
    pub header: Header,
    pub dict: Slot,
    /// The stream is being closed because nothing refers to it any more.
    finalizing: AtomicBool,
}

impl IoBase {
    pub fn new(header: Header) -> IoBase {
        IoBase { header, dict: Slot::empty(), finalizing: AtomicBool::new(false) }
    }

    pub fn is_finalizing(&self) -> bool {
        self.finalizing.load(Ordering::Relaxed)
    }
}

fn get_finalizing(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(base(this).is_finalizing()))
}

fn set_finalizing(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise_type_error("can't delete numeric/char attribute")) };
    if value.as_bool().is_none() {
        return Err(thread.raise_type_error("attribute value type must be bool"));
    }
    base(this).finalizing.store(value.is_true(), Ordering::Relaxed);
    Ok(())
}

/// The attribute `_finalizing`.
pub const FINALIZING: GetSetDef = GetSetDef { name: "_finalizing", get: get_finalizing, set: Some(set_finalizing), doc: "" };

pub static IO_BASE: StaticType = StaticType::new(&IO_BASE_SPEC);
pub static RAW_IO_BASE: StaticType = StaticType::new(&RAW_IO_BASE_SPEC);
pub static BUFFERED_IO_BASE: StaticType = StaticType::new(&BUFFERED_IO_BASE_SPEC);
pub static TEXT_IO_BASE: StaticType = StaticType::new(&TEXT_IO_BASE_SPEC);

fn base<'a>(this: Value) -> &'a IoBase {
    // SAFETY: all streams begin with this layout.
    unsafe { this.as_ref() }
}

fn base_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), IoBase::new))
}

/// Raises unless the stream is open.
pub fn check_closed(this: Value, thread: &mut Thread) -> PyResult<()> {
    if attribute_truth(this, "closed", thread)? { Err(closed_error(thread)) } else { Ok(()) }
}

fn seek(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(unsupported("seek", thread))
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    method(this, "seek", &[Value::plain_int(0), Value::plain_int(1)], thread)
}

fn truncate(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(unsupported("truncate", thread))
}

fn fileno(_this: Value, thread: &mut Thread) -> PyResult {
    Err(unsupported("fileno", thread))
}

fn isatty(this: Value, thread: &mut Thread) -> PyResult {
    check_closed(this, thread)?;
    Ok(Owned::false_())
}

fn answer_no(this: Value, thread: &mut Thread) -> PyResult {
    let _ = (this, &thread);
    Ok(Owned::false_())
}

const CLOSED_MARK: &str = "__IOBase_closed";

fn is_marked_closed(this: Value, thread: &mut Thread) -> PyResult<bool> {
    let name = pyrt_runtime::names::interned(CLOSED_MARK);
    Ok(attribute::get_optional(this, *name, thread)?.is_some())
}

fn closed(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(is_marked_closed(this, thread)?))
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    if is_marked_closed(this, thread)? {
        return Err(closed_error(thread));
    }
    Ok(Owned::none())
}

/// `_IOBase.close`: flushes and marks as closed, the latter even if flushing fails.
pub fn close(this: Value, thread: &mut Thread) -> PyResult {
    if is_marked_closed(this, thread)? {
        return Ok(Owned::none());
    }
    let flushed = method(this, "flush", &[], thread);
    let pending = if flushed.is_err() { thread.take_exception() } else { None };
    let name = pyrt_runtime::names::interned(CLOSED_MARK);
    let marked = attribute::set(this, *name, Value::true_(), thread);
    if let Some(pending) = pending {
        drop(thread.take_exception());
        return Err(thread.reraise(pending));
    }
    marked.map(|()| Owned::none())
}

/// Closes a stream that is dropped open; what that raises is reported.
pub fn finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let saved = thread.take_exception();
    let is_closed = attribute_truth(this, "closed", thread);
    let result = match is_closed {
        Ok(true) => Ok(Owned::none()),
        Ok(false) => {
            // Subclasses may refuse the attribute.
            if attribute::set(this, *pyrt_runtime::names::interned("_finalizing"), Value::true_(), thread).is_err() {
                drop(thread.take_exception());
            }
            method(this, "close", &[], thread)
        }
        // Whatever cannot say whether it is closed is beyond closing.
        Err(_) => {
            drop(thread.take_exception());
            Ok(Owned::none())
        }
    };
    if result.is_err() {
        let text = pyrt_runtime::protocol::special::safe_repr(this, thread);
        pyrt_runtime::protocol::finalize::write_unraisable(Some(&format!("Exception ignored while finalizing file {text}")), None, thread);
    }
    if let Some(saved) = saved {
        thread.set_exception(saved);
    }
    Ok(())
}

fn check(this: Value, question: &str, message: &str, thread: &mut Thread) -> PyResult {
    let answer = method(this, question, &[], thread)?;
    if compare::truth(*answer, thread)? { Ok(answer) } else { Err(unsupported(message, thread)) }
}

fn check_seekable(this: Value, thread: &mut Thread) -> PyResult {
    check(this, "seekable", "File or stream is not seekable.", thread)
}

fn check_readable(this: Value, thread: &mut Thread) -> PyResult {
    check(this, "readable", "File or stream is not readable.", thread)
}

fn check_writable(this: Value, thread: &mut Thread) -> PyResult {
    check(this, "writable", "File or stream is not writable.", thread)
}

fn check_closed_method(this: Value, thread: &mut Thread) -> PyResult {
    check_closed(this, thread)?;
    Ok(Owned::none())
}

pub fn enter(this: Value, thread: &mut Thread) -> PyResult {
    check_closed(this, thread)?;
    Ok(this.to_owned())
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    method(this, "close", &[], thread)
}

fn self_iter(this: Value, thread: &mut Thread) -> PyResult {
    check_closed(this, thread)?;
    Ok(this.to_owned())
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let line = method(this, "readline", &[], thread)?;
    let is_empty = pyrt_runtime::protocol::subscript::length(*line, thread)? == 0;
    Ok(if is_empty { None } else { Some(line) })
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    let peek = attribute::get_optional(this, *pyrt_runtime::names::interned("peek"), thread)?;
    let mut line: Vec<u8> = Vec::new();
    while limit.is_none_or(|limit| line.len() < limit) {
        let mut n = 1;
        if let Some(peek) = &peek {
            let ahead = pyrt_runtime::protocol::call::call(**peek, &[Value::plain_int(1)], thread)?;
            if !bytes::is_bytes(*ahead) {
                let name = ahead.type_object().full_name();
                return Err(thread.raise(&exc::OS_ERROR, format!("peek() should have returned a bytes object, not '{name}'")));
            }
            let ahead = BytesObject::of(*ahead).as_slice();
            if !ahead.is_empty() {
                let room = limit.map_or(ahead.len(), |limit| (limit - line.len()).min(ahead.len()));
                n = memchr::memchr(b'\n', &ahead[..room]).map_or(room, |at| at + 1);
            }
        }
        let part = method(this, "read", &[*Owned::usize(n)], thread)?;
        if !bytes::is_bytes(*part) {
            let name = part.type_object().full_name();
            return Err(thread.raise(&exc::OS_ERROR, format!("read() should have returned a bytes object, not '{name}'")));
        }
        let part = BytesObject::of(*part).as_slice();
        if part.is_empty() {
            break;
        }
        line.extend_from_slice(part);
        if line.last() == Some(&b'\n') {
            break;
        }
    }
    Ok(bytes::from_vec(line))
}

fn readlines(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let hint = size_or_all(args.get(0), thread)?.filter(|hint| *hint > 0);
    let iterator = iterate::iter(this, thread)?;
    let mut lines = Vec::new();
    let mut total = 0;
    while let Some(line) = iterate::next(*iterator, thread)? {
        total += pyrt_runtime::protocol::subscript::length(*line, thread)? as usize;
        lines.push(line);
        if hint.is_some_and(|hint| total >= hint) {
            break;
        }
    }
    Ok(list::from_vec(lines))
}

fn writelines(this: Value, lines: Value, thread: &mut Thread) -> PyResult {
    check_closed(this, thread)?;
    iterate::for_each(lines, thread, |line, thread| method(this, "write", &[*line], thread).map(drop))?;
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    drop(base(value).dict.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(dict) = base(value).dict.peek() {
        visit(dict);
    }
}

unsafe fn clear(value: Value) {
    drop(base(value).dict.replace(&base(value).header, None));
}

static IO_BASE_SPEC: TypeSpec = TypeSpec {
    name: "_io._IOBase",
    doc: "The base of all streams: defaults for what a stream does not support.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<IoBase>(),
    dict_offset: Some(std::mem::offset_of!(IoBase, dict)),
    slots: &[SlotFn::new(base_new), SlotFn::iter(self_iter), SlotFn::iternext(next_line), SlotFn::finalize(finalize)],
    methods: &[
        row("seek", NativeFn::Bound(seek), "($self, offset, whence=os.SEEK_SET, /)", "Change the stream position."),
        row("tell", NativeFn::NoArgs(tell), "($self, /)", "Return the stream position."),
        row("truncate", NativeFn::Bound(truncate), "($self, size=None, /)", "Truncate the file to size bytes."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "Flush write buffers, if applicable."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Flush and close the stream."),
        row("seekable", NativeFn::NoArgs(answer_no), "($self, /)", "Whether the stream supports random access."),
        row("readable", NativeFn::NoArgs(answer_no), "($self, /)", "Whether the stream can be read."),
        row("writable", NativeFn::NoArgs(answer_no), "($self, /)", "Whether the stream can be written."),
        row("_checkClosed", NativeFn::NoArgs(check_closed_method), "-($self)", ""),
        row("_checkSeekable", NativeFn::NoArgs(check_seekable), "-($self)", ""),
        row("_checkReadable", NativeFn::NoArgs(check_readable), "-($self)", ""),
        row("_checkWritable", NativeFn::NoArgs(check_writable), "-($self)", ""),
        row("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The file descriptor, if there is one."),
        row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether the stream is a terminal."),
        row("__enter__", NativeFn::NoArgs(enter), "-($self)", ""),
        row("__exit__", NativeFn::Bound(exit), "-($self, *args)", ""),
        row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read and return a line."),
        row("readlines", NativeFn::Bound(readlines), "($self, hint=-1, /)", "Return a list of lines."),
        row("writelines", NativeFn::One(writelines), "($self, lines, /)", "Write a list of lines; separators are not added."),
    ],
    getsets: &[
        getter("closed", closed),
        GetSetDef { name: "__dict__", get: attribute::get_dict_attribute, set: Some(attribute::set_instance_dict), doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

fn raw_read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(n) = size_or_all(args.get(0), thread)? else {
        return method(this, "readall", &[], thread);
    };
    let size = Owned::usize(n);
    let array = pyrt_runtime::protocol::call::call(pyrt_runtime::types::builtin_types::BYTEARRAY.get().value(), &[*size], thread)?;
    let got = method(this, "readinto", &[*array], thread)?;
    if got.is_none() {
        return Ok(got);
    }
    let got = convert::index_as_i64(*got, thread, Some(&exc::VALUE_ERROR))?;
    if got < 0 || got as usize > n {
        return Err(thread.raise_value_error(format!("readinto returned {got} outside buffer size {n}")));
    }
    let mut data = buffer::copy_bytes(*array, thread)?;
    data.truncate(got as usize);
    Ok(bytes::from_vec(data))
}

fn raw_readall(this: Value, thread: &mut Thread) -> PyResult {
    let mut all: Vec<u8> = Vec::new();
    loop {
        let part = method(this, "read", &[*Owned::usize(DEFAULT_BUFFER_SIZE)], thread)?;
        if part.is_none() {
            return Ok(if all.is_empty() { part } else { bytes::from_vec(all) });
        }
        if !bytes::is_bytes(*part) {
            return Err(thread.raise_type_error("read() should return bytes"));
        }
        let part = BytesObject::of(*part).as_slice();
        if part.is_empty() {
            return Ok(bytes::from_vec(all));
        }
        all.extend_from_slice(part);
    }
}

fn raw_missing(_this: Value, _argument: Value, thread: &mut Thread) -> PyResult {
    Err(thread.raise_with(&exc::NOT_IMPLEMENTED_ERROR, Vec::new()))
}

static RAW_IO_BASE_SPEC: TypeSpec = TypeSpec {
    name: "_io._RawIOBase",
    doc: "Base class for raw binary I/O.",
    base: Some(&IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<IoBase>(),
    methods: &[
        row("read", NativeFn::Bound(raw_read), "($self, size=-1, /)", "Read up to size bytes."),
        row("readall", NativeFn::NoArgs(raw_readall), "($self, /)", "Read until EOF."),
        row("readinto", NativeFn::One(raw_missing), "-($self, buffer, /)", "To be defined by subclasses."),
        row("write", NativeFn::One(raw_missing), "-($self, b, /)", "To be defined by subclasses."),
    ],
    ..TypeSpec::DEFAULT
};

fn no_detach(_this: Value, thread: &mut Thread) -> PyResult {
    Err(unsupported("detach", thread))
}

fn no_read(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(unsupported("read", thread))
}

fn no_read1(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(unsupported("read1", thread))
}

fn no_write(_this: Value, _argument: Value, thread: &mut Thread) -> PyResult {
    Err(unsupported("write", thread))
}

fn no_readline(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(unsupported("readline", thread))
}

fn readinto_by(this: Value, target: Value, name: &str, thread: &mut Thread) -> PyResult {
    let target = buffer::get(target, WRITABLE, thread)?;
    let data = method(this, name, &[*Owned::usize(target.len)], thread)?;
    if !bytes::is_bytes(*data) {
        return Err(thread.raise_type_error("read() should return bytes"));
    }
    let data = BytesObject::of(*data).as_slice();
    if data.len() > target.len {
        let (got, room) = (data.len(), target.len);
        return Err(thread.raise_value_error(format!("read() returned too much data: {room} bytes requested, {got} returned")));
    }
    // SAFETY: the buffer is lent and has room.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target.data, data.len()) };
    Ok(Owned::usize(data.len()))
}

fn readinto(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    readinto_by(this, target, "read", thread)
}

fn readinto1(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    readinto_by(this, target, "read1", thread)
}

static BUFFERED_IO_BASE_SPEC: TypeSpec = TypeSpec {
    name: "_io._BufferedIOBase",
    doc: "Base class for buffered binary streams.",
    base: Some(&IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<IoBase>(),
    methods: &[
        row("detach", NativeFn::NoArgs(no_detach), "($self, /)", "Separate the raw stream and return it."),
        row("read", NativeFn::Bound(no_read), "($self, size=-1, /)", "Read and return up to size bytes."),
        row("read1", NativeFn::Bound(no_read1), "($self, size=-1, /)", "Read with at most one call of the raw stream."),
        row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
        row("readinto1", NativeFn::One(readinto1), "($self, buffer, /)", "Read into a buffer with at most one raw call."),
        row("write", NativeFn::One(no_write), "($self, b, /)", "Write bytes."),
    ],
    ..TypeSpec::DEFAULT
};

fn none_attribute(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

static TEXT_IO_BASE_SPEC: TypeSpec = TypeSpec {
    name: "_io._TextIOBase",
    doc: "Base class for text streams.",
    base: Some(&IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<IoBase>(),
    methods: &[
        row("detach", NativeFn::NoArgs(no_detach), "($self, /)", "Separate the binary stream and return it."),
        row("read", NativeFn::Bound(no_read), "($self, size=-1, /)", "Read at most size characters."),
        row("readline", NativeFn::Bound(no_readline), "($self, size=-1, /)", "Read until newline or EOF."),
        row("write", NativeFn::One(no_write), "($self, s, /)", "Write a string."),
    ],
    getsets: &[getter("encoding", none_attribute), getter("newlines", none_attribute), getter("errors", none_attribute)],
    ..TypeSpec::DEFAULT
};
