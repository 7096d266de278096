//! `BytesIO`: a binary stream over memory of its own.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, WRITABLE};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Slot, Thread, Value};

use super::base::{BUFFERED_IO_BASE, IoBase};
use super::{closed_error, getter, row, size_or_all};

#[derive(Default)]
struct Memory {
    data: Vec<u8>,
    at: usize,
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

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| BytesIo {
        base: IoBase { header, dict: Slot::empty() },
        memory: LeafMutex::new(Some(Memory::default())),
    }))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(initial_bytes=b'')");
    let bound = SIGNATURE.bind("BytesIO", args, kwnames, thread)?;
    let data = match bound.args().get(0).filter(|value| !value.is_none()) {
        Some(value) => buffer::copy_bytes(value, thread)?,
        None => Vec::new(),
    };
    *of(this).memory.lock() = Some(Memory { data, at: 0 });
    Ok(())
}

fn take(memory: &mut Memory, n: usize) -> Vec<u8> {
    let from = memory.at.min(memory.data.len());
    let part = memory.data[from..].iter().take(n).copied().collect::<Vec<u8>>();
    memory.at += part.len();
    part
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = size_or_all(args.get(0), thread)?.unwrap_or(usize::MAX);
    with(this, thread, |memory| take(memory, n)).map(bytes::from_vec)
}

fn line(memory: &mut Memory, limit: Option<usize>) -> Vec<u8> {
    let rest = memory.data.get(memory.at..).unwrap_or(&[]);
    let n = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
    take(memory, limit.map_or(n, |limit| limit.min(n)))
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    with(this, thread, |memory| line(memory, limit)).map(bytes::from_vec)
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let line = with(this, thread, |memory| line(memory, None))?;
    Ok(if line.is_empty() { None } else { Some(bytes::from_vec(line)) })
}

fn readinto(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    let target = buffer::get(target, WRITABLE, thread)?;
    let part = with(this, thread, |memory| take(memory, target.len))?;
    // SAFETY: the buffer is lent; no more than its length was taken.
    unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), target.data, part.len()) };
    Ok(Owned::usize(part.len()))
}

fn write(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    let source = buffer::copy_bytes(source, thread)?;
    with(this, thread, |memory| {
        if source.is_empty() {
            return;
        }
        let end = memory.at.saturating_add(source.len());
        if memory.data.len() < end {
            memory.data.resize(end, 0);
        }
        memory.data[memory.at..end].copy_from_slice(&source);
        memory.at = end;
    })?;
    Ok(Owned::usize(source.len()))
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let at = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    if whence == 0 && at < 0 {
        return Err(thread.raise_value_error(format!("negative seek value {at}")));
    }
    if !(0..=2).contains(&whence) {
        return Err(thread.raise_value_error(format!("invalid whence ({whence}, should be 0, 1 or 2)")));
    }
    with(this, thread, |memory| {
        let from = [0, memory.at, memory.data.len()][whence as usize];
        memory.at = (from as i64).saturating_add(at).max(0) as usize;
        memory.at
    })
    .map(Owned::usize)
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| memory.at).map(Owned::usize)
}

fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let size = match args.get(0).filter(|size| !size.is_none()) {
        Some(size) => Some(convert::index_as_i64(size, thread, Some(&exc::OVERFLOW_ERROR))?),
        None => None,
    };
    if let Some(size) = size.filter(|size| *size < 0) {
        return Err(thread.raise_value_error(format!("negative size value {size}")));
    }
    with(this, thread, |memory| {
        let size = size.map_or(memory.at, |size| size as usize);
        memory.data.truncate(size);
        size
    })
    .map(Owned::usize)
}

fn getvalue(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| memory.data.clone()).map(bytes::from_vec)
}

fn close(this: Value, _thread: &mut Thread) -> PyResult {
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
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::iternext(next_line)],
    methods: &[
        row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size bytes."),
        row("read1", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size bytes."),
        row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
        row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
        row("write", NativeFn::One(write), "($self, b, /)", "Write bytes, return their number."),
        row("seek", NativeFn::Bound(seek), "($self, pos, whence=0, /)", "Move to a position and return it."),
        row("tell", NativeFn::NoArgs(tell), "($self, /)", "Current position."),
        row("truncate", NativeFn::Bound(truncate), "($self, size=None, /)", "Cut at size."),
        row("getvalue", NativeFn::NoArgs(getvalue), "($self, /)", "All bytes."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Give the memory up."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "Does nothing."),
        row("isatty", NativeFn::NoArgs(answer_no), "($self, /)", "False."),
        row("seekable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("readable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("writable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
    ],
    getsets: &[getter("closed", closed)],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
