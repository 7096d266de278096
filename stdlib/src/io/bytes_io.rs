//! `BytesIO`: a binary stream over memory of its own.
//!
//! # Invariants
//! * While memory is lent (`exports` is not zero) its length does not change, so it stays in place.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, Buffer};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, convert, iterate};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::{MEMORYVIEW, StaticType};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, list, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::base::{BUFFERED_IO_BASE, IoBase};
use super::newline::tuple_items;
use super::{closed_error, getter, row, size_or_all};

#[derive(Default)]
struct Memory {
    data: Vec<u8>,
    at: usize,
    exports: usize,
}

#[repr(C)]
struct BytesIo {
    base: IoBase,
    /// None when closed.
    memory: LeafMutex<Option<Memory>>,
}

pub static BYTES_IO: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a BytesIo {
    // SAFETY: called for BytesIO objects only.
    unsafe { this.as_ref() }
}

/// Works on the memory, or raises if the stream is closed. `work` runs no Python code.
fn with<T>(this: Value, thread: &mut Thread, work: impl FnOnce(&mut Memory) -> T) -> Result<T, Raised> {
    let result = of(this).memory.lock().as_mut().map(work);
    result.ok_or_else(|| closed_error(thread))
}

fn lent_error(thread: &mut Thread) -> Raised {
    thread.raise(&exc::BUFFER_ERROR, "Existing exports of data: object cannot be re-sized")
}

/// As [`with`], where the length may change: not while memory is lent.
fn with_resizable<T>(this: Value, thread: &mut Thread, work: impl FnOnce(&mut Memory) -> T) -> Result<T, Raised> {
    let result = with(this, thread, |memory| if memory.exports == 0 { Some(work(memory)) } else { None })?;
    result.ok_or_else(|| lent_error(thread))
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| BytesIo {
        base: IoBase::new(header),
        memory: LeafMutex::new(Some(Memory::default())),
    }))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(initial_bytes=b'')");
    let bound = SIGNATURE.bind("BytesIO", args, kwnames, thread)?;
    if is_lent(this) {
        return Err(lent_error(thread));
    }
    let data = match bound.args().get(0).filter(|value| !value.is_none()) {
        Some(value) => buffer::copy_bytes(value, thread)?,
        None => Vec::new(),
    };
    *of(this).memory.lock() = Some(Memory { data, ..Memory::default() });
    Ok(())
}

fn is_lent(this: Value) -> bool {
    of(this).memory.lock().as_ref().is_some_and(|memory| memory.exports > 0)
}

fn take(memory: &mut Memory, n: usize) -> Owned {
    let from = memory.at.min(memory.data.len());
    let to = from.saturating_add(n).min(memory.data.len());
    if to > from {
        memory.at = to;
    }
    bytes::from_slice(&memory.data[from..to])
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = size_or_all(args.get(0), thread)?.unwrap_or(usize::MAX);
    with(this, thread, |memory| take(memory, n))
}

fn line_length(memory: &Memory, limit: Option<usize>) -> usize {
    let rest = memory.data.get(memory.at..).unwrap_or(&[]);
    let n = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
    limit.map_or(n, |limit| limit.min(n))
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    with(this, thread, |memory| {
        let n = line_length(memory, limit);
        take(memory, n)
    })
}

fn readlines(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let hint = size_or_all(args.get(0), thread)?.filter(|hint| *hint > 0);
    let lines = with(this, thread, |memory| {
        let (mut lines, mut total) = (Vec::new(), 0);
        loop {
            let n = line_length(memory, None);
            if n == 0 {
                return lines;
            }
            lines.push(take(memory, n));
            total += n;
            if hint.is_some_and(|hint| total >= hint) {
                return lines;
            }
        }
    })?;
    Ok(list::from_vec(lines))
}

fn self_iter(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| this.to_owned())
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    with(this, thread, |memory| match line_length(memory, None) {
        0 => None,
        n => Some(take(memory, n)),
    })
}

fn readinto(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ())?;
    let target = crate::system_call::writable_buffer(target, "readinto() argument", thread)?;
    with(this, thread, |memory| {
        let from = memory.at.min(memory.data.len());
        let n = target.len.min(memory.data.len() - from);
        // SAFETY: the buffer is lent and has room; it may be this stream's own memory.
        unsafe { std::ptr::copy(memory.data.as_ptr().add(from), target.data, n) };
        memory.at += n;
        Owned::usize(n)
    })
}

fn put(memory: &mut Memory, source: &Buffer) -> bool {
    if source.len == 0 {
        return true;
    }
    let Some(end) = memory.at.checked_add(source.len) else { return false };
    if memory.data.len() < end {
        if memory.data.try_reserve(end - memory.data.len()).is_err() {
            return false;
        }
        memory.data.resize(end, 0);
    }
    // SAFETY: the buffer is lent and contiguous; room was made.
    unsafe { std::ptr::copy(source.data, memory.data.as_mut_ptr().add(memory.at), source.len) };
    memory.at = end;
    true
}

fn write(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    with_resizable(this, thread, |_| ())?;
    let source = contiguous(source, thread)?;
    if !with_resizable(this, thread, |memory| put(memory, &source))? {
        return Err(thread.raise_memory_error());
    }
    Ok(Owned::usize(source.len))
}

/// A buffer whose bytes lie side by side.
fn contiguous(source: Value, thread: &mut Thread) -> PyResult<Buffer> {
    let lent = buffer::get(source, 0, thread)?;
    if lent.is_contiguous() {
        return Ok(lent);
    }
    Err(thread.raise(&exc::BUFFER_ERROR, "memoryview: underlying buffer is not C-contiguous"))
}

fn writelines(this: Value, lines: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ())?;
    iterate::for_each(lines, thread, |line, thread| write(this, *line, thread).map(drop))?;
    Ok(Owned::none())
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let at = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    with(this, thread, |_| ())?;
    if whence == 0 && at < 0 {
        return Err(thread.raise_value_error(format!("negative seek value {at}")));
    }
    if !(0..=2).contains(&whence) {
        return Err(thread.raise_value_error(format!("invalid whence ({whence}, should be 0, 1 or 2)")));
    }
    let to = with(this, thread, |memory| {
        let from = [0, memory.at, memory.data.len()][whence as usize];
        let to = (from as i64).checked_add(at)?.max(0) as usize;
        memory.at = to;
        Some(to)
    })?;
    match to {
        Some(to) => Ok(Owned::usize(to)),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "new position too large")),
    }
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| memory.at).map(Owned::usize)
}

fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    with_resizable(this, thread, |_| ())?;
    let size = match args.get(0).filter(|size| !size.is_none()) {
        Some(size) => Some(convert::index_as_i64(size, thread, Some(&exc::OVERFLOW_ERROR))?),
        None => None,
    };
    if let Some(size) = size.filter(|size| *size < 0) {
        return Err(thread.raise_value_error(format!("negative size value {size}")));
    }
    with_resizable(this, thread, |memory| {
        let size = size.map_or(memory.at, |size| size as usize);
        memory.data.truncate(size);
        size
    })
    .map(Owned::usize)
}

fn getvalue(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| bytes::from_slice(&memory.data))
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    if is_lent(this) {
        return Err(lent_error(thread));
    }
    drop(of(this).memory.lock().take());
    Ok(Owned::none())
}

fn answer_yes(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| Owned::true_())
}

fn answer_no(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| Owned::false_())
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| Owned::none())
}

fn closed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).memory.lock().is_none()))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let held = of(this).memory.lock().as_ref().map_or(0, |memory| memory.data.capacity());
    Ok(Owned::usize(this.type_object().basic_size() + held))
}

fn getstate(this: Value, thread: &mut Thread) -> PyResult {
    let value = getvalue(this, thread)?;
    let at = with(this, thread, |memory| memory.at)?;
    let own = match of(this).base.dict.load(&of(this).base.header).filter(|own| dict::is_dict(**own)) {
        Some(own) => DictObject::of(*own).copy(),
        None => Owned::none(),
    };
    Ok(tuple::pack([value, Owned::usize(at), own]))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let Some(items) = tuple_items(state).filter(|items| items.len() >= 3) else {
        let class = this.type_object().full_name();
        let name = state.type_object().full_name();
        return Err(thread.raise_type_error(format!("{class}.__setstate__ argument should be 3-tuple, got {name}")));
    };
    if is_lent(this) {
        return Err(lent_error(thread));
    }
    {
        let mut memory = of(this).memory.lock();
        if let Some(memory) = memory.as_mut() {
            *memory = Memory::default();
        }
    }
    write(this, items[0], thread)?;
    if !convert::is_int(items[1]) {
        let name = items[1].type_object().full_name();
        return Err(thread.raise_type_error(format!("second item of state must be an integer, got {name}")));
    }
    let at = convert::index_as_i64(items[1], thread, Some(&exc::OVERFLOW_ERROR))?;
    if at < 0 {
        return Err(thread.raise_value_error("position value cannot be negative"));
    }
    with(this, thread, |memory| memory.at = at as usize)?;
    super::update_dict(this, items[2], "third", thread)?;
    Ok(Owned::none())
}

/// What `getbuffer()` makes a memoryview of.
#[repr(C)]
struct Lender {
    header: Header,
    source: Owned,
}

pub static BYTES_IO_BUFFER: StaticType = StaticType::new(&LENDER_SPEC);

fn lender<'a>(this: Value) -> &'a Lender {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn getbuffer(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ())?;
    let made = lifetime::allocate_object(BYTES_IO_BUFFER.get(), |header| Lender { header, source: this.to_owned() });
    call::call(MEMORYVIEW.get().value(), &[*made], thread)
}

fn lend(this: Value, _flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    let (data, len) = with(*lender(this).source, thread, |memory| {
        memory.exports += 1;
        (memory.data.as_mut_ptr(), memory.data.len())
    })?;
    Ok(Buffer::bytes(this.to_owned(), data, len, false, Some(take_back)))
}

fn take_back(this: Value) {
    if let Some(memory) = of(*lender(this).source).memory.lock().as_mut() {
        memory.exports = memory.exports.saturating_sub(1);
    }
}

unsafe fn lender_dealloc(value: Value) {
    // SAFETY: the object is dead, and its field is dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<Lender>()).source) };
}

unsafe fn lender_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*lender(value).source);
}

static LENDER_SPEC: TypeSpec = TypeSpec {
    name: "_io._BytesIOBuffer",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<Lender>(),
    slots: &[SlotFn::buffer(lend)],
    dealloc: Some(lender_dealloc),
    traverse: Some(lender_traverse),
    ..TypeSpec::DEFAULT
};

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        super::drop_slots(&[&of(value).base.dict]);
        std::ptr::drop_in_place(&raw mut (*value.header().cast::<BytesIo>()).memory);
    }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_io.BytesIO",
    doc: "A binary stream over memory.",
    base: Some(&BUFFERED_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<BytesIo>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::iter(self_iter), SlotFn::iternext(next_line)],
    methods: &[
        row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size bytes."),
        row("read1", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size bytes."),
        row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
        row("readlines", NativeFn::Bound(readlines), "($self, size=None, /)", "A list of lines."),
        row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
        row("write", NativeFn::One(write), "($self, b, /)", "Write bytes, return their number."),
        row("writelines", NativeFn::One(writelines), "($self, lines, /)", "Write a list of lines."),
        row("seek", NativeFn::Bound(seek), "($self, pos, whence=0, /)", "Move to a position and return it."),
        row("tell", NativeFn::NoArgs(tell), "($self, /)", "Current position."),
        row("truncate", NativeFn::Bound(truncate), "($self, size=None, /)", "Cut at size."),
        row("getvalue", NativeFn::NoArgs(getvalue), "($self, /)", "All bytes."),
        row("getbuffer", NativeFn::NoArgs(getbuffer), "($self, /)", "A view of the memory itself."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Give the memory up."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "Does nothing."),
        row("isatty", NativeFn::NoArgs(answer_no), "($self, /)", "False."),
        row("seekable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("readable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("writable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Bytes in memory."),
        row("__getstate__", NativeFn::NoArgs(getstate), "($self, /)", "For pickling."),
        row("__setstate__", NativeFn::One(setstate), "($self, object, /)", "For unpickling."),
    ],
    getsets: &[getter("closed", closed)],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
