//! `BufferedRWPair`: a reader and a writer that are not the same raw stream.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, call, compare};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{PyResult, Slot, Thread, Value};

use super::base::{BUFFERED_IO_BASE, IoBase};
use super::buffered::{BUFFERED_READER, BUFFERED_WRITER};
use super::{getter, method, row, unsupported};

#[repr(C)]
struct Pair {
    base: IoBase,
    reader: Slot,
    writer: Slot,
}

pub static BUFFERED_RW_PAIR: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a Pair {
    // SAFETY: called for pairs only.
    unsafe { this.as_ref() }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Pair {
        base: IoBase::new(header),
        reader: Slot::empty(),
        writer: Slot::empty(),
    }))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)");
    let bound = SIGNATURE.bind("BufferedRWPair", args, kwnames, thread)?;
    let args = bound.args();
    let answers = [(args.at(0), "readable", "File or stream is not readable."), (args.at(1), "writable", "File or stream is not writable.")];
    for (stream, question, message) in answers {
        let answer = method(stream, question, &[], thread)?;
        if !compare::truth(*answer, thread)? {
            return Err(unsupported(message, thread));
        }
    }
    let make = |class: &StaticType, raw: Value, thread: &mut Thread| match args.get(2) {
        Some(size) => call::call(class.get().value(), &[raw, size], thread),
        None => call::call(class.get().value(), &[raw], thread),
    };
    let reader = make(&BUFFERED_READER, args.at(0), thread)?;
    let writer = make(&BUFFERED_WRITER, args.at(1), thread)?;
    drop(of(this).reader.replace(&of(this).base.header, Some(reader)));
    drop(of(this).writer.replace(&of(this).base.header, Some(writer)));
    Ok(())
}

fn reader(this: Value, thread: &mut Thread) -> PyResult {
    let reader = of(this).reader.load(&of(this).base.header);
    reader.ok_or_else(|| thread.raise_value_error("I/O operation on uninitialized object"))
}

fn writer(this: Value, thread: &mut Thread) -> PyResult {
    let writer = of(this).writer.load(&of(this).base.header);
    writer.ok_or_else(|| thread.raise_value_error("I/O operation on uninitialized object"))
}

macro_rules! forwards {
    ($($function:ident $to:ident $name:literal $args:tt;)*) => {$(
        forwards! { @one $function $to $name $args }
    )*};
    (@one $function:ident $to:ident $name:literal 0) => {
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let to = $to(this, thread)?;
            method(*to, $name, &[], thread)
        }
    };
    (@one $function:ident $to:ident $name:literal 1) => {
        fn $function(this: Value, argument: Value, thread: &mut Thread) -> PyResult {
            let to = $to(this, thread)?;
            method(*to, $name, &[argument], thread)
        }
    };
    (@one $function:ident $to:ident $name:literal "any") => {
        fn $function(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let to = $to(this, thread)?;
            match args.get(0) {
                Some(argument) => method(*to, $name, &[argument], thread),
                None => method(*to, $name, &[], thread),
            }
        }
    };
}

forwards! {
    read reader "read" "any";
    peek reader "peek" "any";
    read1 reader "read1" "any";
    readinto reader "readinto" 1;
    readinto1 reader "readinto1" 1;
    readable reader "readable" 0;
    write writer "write" 1;
    flush writer "flush" 0;
    writable writer "writable" 0;
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let writer = writer(this, thread)?;
    let first = method(*writer, "close", &[], thread).err().and_then(|_| thread.take_exception());
    let reader = reader(this, thread)?;
    let closed = method(*reader, "close", &[], thread);
    let Some(first) = first else { return closed };
    if closed.is_err() {
        if let Some(second) = thread.take_exception() {
            pyrt_runtime::exceptions::ExceptionObject::of(*second).set_context(Some(first));
            return Err(thread.reraise(second));
        }
    }
    Err(thread.reraise(first))
}

fn isatty(this: Value, thread: &mut Thread) -> PyResult {
    let writer = writer(this, thread)?;
    let answer = method(*writer, "isatty", &[], thread)?;
    if compare::truth(*answer, thread)? {
        return Ok(answer);
    }
    let reader = reader(this, thread)?;
    method(*reader, "isatty", &[], thread)
}

fn closed(this: Value, thread: &mut Thread) -> PyResult {
    match of(this).writer.load(&of(this).base.header) {
        Some(writer) => attribute::get_by_text(*writer, "closed", thread),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "the BufferedRWPair object is being garbage-collected")),
    }
}

fn slots(pair: &Pair) -> [&Slot; 3] {
    [&pair.base.dict, &pair.reader, &pair.writer]
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { super::drop_slots(&slots(of(value))) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    for slot in slots(of(value)) {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

unsafe fn clear(value: Value) {
    for slot in slots(of(value)) {
        drop(slot.replace(&of(value).base.header, None));
    }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_io.BufferedRWPair",
    doc: "A buffered reader and a buffered writer together, for sockets and pipes.",
    base: Some(&BUFFERED_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<Pair>(),
    slots: &[SlotFn::new(new), SlotFn::init(init)],
    methods: &[
        row("read", NativeFn::Bound(read), "-($self, size=-1, /)", "As the reader's."),
        row("peek", NativeFn::Bound(peek), "-($self, size=0, /)", "As the reader's."),
        row("read1", NativeFn::Bound(read1), "-($self, size=-1, /)", "As the reader's."),
        row("readinto", NativeFn::One(readinto), "-($self, buffer, /)", "As the reader's."),
        row("readinto1", NativeFn::One(readinto1), "-($self, buffer, /)", "As the reader's."),
        row("write", NativeFn::One(write), "-($self, buffer, /)", "As the writer's."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "As the writer's."),
        row("readable", NativeFn::NoArgs(readable), "($self, /)", "As the reader's."),
        row("writable", NativeFn::NoArgs(writable), "($self, /)", "As the writer's."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Close both."),
        row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether one of them is a terminal."),
    ],
    getsets: &[getter("closed", closed)],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
