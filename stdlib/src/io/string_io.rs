//! `StringIO`: a text stream over memory of its own.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::text::{Buffer, Units};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::str::{from_buffer, units};
use pyrt_runtime::types::string::{self, Chars, StrObject};
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::base::{IoBase, TEXT_IO_BASE};
use super::newline::{Newline, NewlineState, replace_newlines, tuple_items};
use super::{getter, method, row, size_or_all};

struct Memory {
    text: Buffer,
    at: usize,
    newline: Newline,
    /// Where line ends are read universally.
    ends: Option<NewlineState>,
}

#[derive(PartialEq, Eq)]
enum Phase {
    New,
    Open,
    Closed,
}

struct State {
    phase: Phase,
    memory: Memory,
}

#[repr(C)]
struct StringIo {
    base: IoBase,
    state: LeafMutex<State>,
}

pub static STRING_IO: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a StringIo {
    // SAFETY: called for StringIO objects only.
    unsafe { this.as_ref() }
}

/// Works on the memory, or raises if the stream is closed. `work` runs no Python code.
fn with<T>(this: Value, thread: &mut Thread, work: impl FnOnce(&mut Memory) -> T) -> Result<T, Raised> {
    let message = {
        let mut state = of(this).state.lock();
        match state.phase {
            Phase::Open => return Ok(work(&mut state.memory)),
            Phase::New => "I/O operation on uninitialized object",
            Phase::Closed => "I/O operation on closed file",
        }
    };
    Err(thread.raise_value_error(message))
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| StringIo {
        base: IoBase::new(header),
        state: LeafMutex::new(State {
            phase: Phase::New,
            memory: Memory { text: Buffer::new(), at: 0, newline: Newline::Lf, ends: None },
        }),
    }))
}

fn set_up(this: Value, newline: Newline) {
    let ends = newline.is_universal().then(|| NewlineState { translate: newline == Newline::Translate, ..NewlineState::default() });
    let mut state = of(this).state.lock();
    state.memory = Memory { text: Buffer::new(), at: 0, newline, ends };
    state.phase = Phase::Open;
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(initial_value='', newline='\\n')");
    let bound = SIGNATURE.bind("StringIO", args, kwnames, thread)?;
    let newline = match bound.args().get(1) {
        Some(newline) => Newline::parse(newline, "StringIO", thread).map_err(|raised| wrong_newline(newline, raised, thread))?,
        None => Newline::Lf,
    };
    let value = bound.args().get(0).filter(|value| !value.is_none());
    if let Some(value) = value.filter(|value| !string::is_str(*value)) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("initial_value must be str or None, not {name}")));
    }
    set_up(this, newline);
    if let Some(value) = value {
        write_text(this, value, thread)?;
        with(this, thread, |memory| memory.at = 0)?;
    }
    Ok(())
}

fn wrong_newline(newline: Value, raised: Raised, thread: &mut Thread) -> Raised {
    if string::is_str(newline) {
        return raised;
    }
    let name = newline.type_object().full_name();
    drop(thread.take_exception());
    thread.raise_type_error(format!("newline must be str or None, not {name}"))
}

/// Appends units `from..to` of one buffer to another.
fn push_range(out: &mut Buffer, source: &Buffer, from: usize, to: usize) {
    match source {
        Buffer::One(units) => out.extend(units.get(from..to).unwrap_or(&[])),
        Buffer::Two(units) => out.extend(units.get(from..to).unwrap_or(&[])),
        Buffer::Four(units) => out.extend(units.get(from..to).unwrap_or(&[])),
    }
}

fn put(memory: &mut Memory, text: Units<'_>) {
    let (len, n) = (memory.text.len(), text.len());
    if n == 0 {
        return;
    }
    if memory.at > len {
        memory.text.push_repeated(0, memory.at - len);
    }
    if memory.at >= len {
        memory.text.push_units(text);
    } else if let (Buffer::One(all), Units::One(new)) = (&mut memory.text, text) {
        let end = (memory.at + n).min(len);
        let kept = end - memory.at;
        all[memory.at..end].copy_from_slice(&new[..kept]);
        all.extend_from_slice(&new[kept..]);
    } else {
        let mut out = Buffer::with_capacity(len.max(memory.at + n));
        push_range(&mut out, &memory.text, 0, memory.at);
        out.push_units(text);
        push_range(&mut out, &memory.text, (memory.at + n).min(len), len);
        memory.text = out;
    }
    memory.at += n;
}

fn write_text(this: Value, text: Value, thread: &mut Thread) -> PyResult<()> {
    with(this, thread, |memory| {
        let mut text = text.to_owned();
        if let Some(ends) = &mut memory.ends {
            text = ends.apply(text, true);
        }
        if let Some(end) = memory.newline.written() {
            text = replace_newlines(*text, end);
        }
        put(memory, units(StrObject::of(*text)));
    })
}

fn write(this: Value, text: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(text) {
        with(this, thread, |_| ())?;
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("string argument expected, got '{name}'")));
    }
    write_text(this, text, thread)?;
    Ok(Owned::usize(StrObject::of(text).len()))
}

fn take(memory: &mut Memory, n: usize) -> Owned {
    let len = memory.text.len();
    let from = memory.at.min(len);
    let to = from.saturating_add(n).min(len);
    let mut out = Buffer::with_capacity(0);
    push_range(&mut out, &memory.text, from, to);
    if to > from {
        memory.at = to;
    }
    from_buffer(out)
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = size_or_all(args.get(0), thread)?.unwrap_or(usize::MAX);
    with(this, thread, |memory| take(memory, n))
}

fn line(memory: &mut Memory, limit: Option<usize>) -> Owned {
    let chars = match &memory.text {
        Buffer::One(units) => Chars::One(units),
        Buffer::Two(units) => Chars::Two(units),
        Buffer::Four(units) => Chars::Four(units),
    };
    let end = memory.newline.line_end(chars, memory.at).unwrap_or(usize::MAX);
    let n = end.saturating_sub(memory.at);
    take(memory, limit.map_or(n, |limit| limit.min(n)))
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    with(this, thread, |memory| line(memory, limit))
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let line = if std::ptr::eq(this.type_object(), STRING_IO.get()) {
        with(this, thread, |memory| line(memory, None))?
    } else {
        let line = method(this, "readline", &[], thread)?;
        if !string::is_str(*line) {
            let name = line.type_object().full_name();
            return Err(thread.raise(&exc::OS_ERROR, format!("readline() should have returned a str object, not '{name}'")));
        }
        line
    };
    Ok(if StrObject::of(*line).is_empty() { None } else { Some(line) })
}

fn getvalue(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| from_buffer(memory.text.clone()))
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| memory.at).map(Owned::usize)
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let at = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    with(this, thread, |_| ())?;
    if !(0..=2).contains(&whence) {
        return Err(thread.raise_value_error(format!("Invalid whence ({whence}, should be 0, 1 or 2)")));
    }
    if at < 0 && whence == 0 {
        return Err(thread.raise_value_error(format!("Negative seek position {at}")));
    }
    if whence != 0 && at != 0 {
        return Err(thread.raise(&exc::OS_ERROR, "Can't do nonzero cur-relative seeks"));
    }
    with(this, thread, |memory| {
        memory.at = [at as usize, memory.at, memory.text.len()][whence as usize];
        memory.at
    })
    .map(Owned::usize)
}

fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ())?;
    let size = match args.get(0).filter(|size| !size.is_none()) {
        Some(size) => {
            let size = convert::index_as_i64(size, thread, Some(&exc::OVERFLOW_ERROR))?;
            if size < 0 {
                return Err(thread.raise_value_error(format!("Negative size value {size}")));
            }
            Some(size as usize)
        }
        None => None,
    };
    with(this, thread, |memory| {
        let size = size.unwrap_or(memory.at);
        memory.text.truncate(size);
        size
    })
    .map(Owned::usize)
}

fn close(this: Value, _thread: &mut Thread) -> PyResult {
    let mut state = of(this).state.lock();
    state.phase = Phase::Closed;
    state.memory.text = Buffer::new();
    Ok(Owned::none())
}

fn answer_yes(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| Owned::true_())
}

fn closed(this: Value, thread: &mut Thread) -> PyResult {
    let phase_is_new = of(this).state.lock().phase == Phase::New;
    if phase_is_new {
        return Err(thread.raise_value_error("I/O operation on uninitialized object"));
    }
    Ok(Owned::bool(of(this).state.lock().phase == Phase::Closed))
}

fn line_buffering(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ()).map(|()| Owned::false_())
}

fn newlines(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |memory| memory.ends.map_or_else(Owned::none, |ends| ends.newlines()))
}

fn getstate(this: Value, thread: &mut Thread) -> PyResult {
    let value = getvalue(this, thread)?;
    let (newline, at) = with(this, thread, |memory| (memory.newline, memory.at))?;
    let newline = newline.as_argument().map_or_else(Owned::none, Owned::str);
    let own = match of(this).base.dict.load(&of(this).base.header).filter(|own| dict::is_dict(**own)) {
        Some(own) => DictObject::of(*own).copy(),
        None => Owned::none(),
    };
    Ok(tuple::pack([value, newline, Owned::usize(at), own]))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    if of(this).state.lock().phase == Phase::Closed {
        return Err(thread.raise_value_error("I/O operation on closed file"));
    }
    let Some(items) = tuple_items(state).filter(|items| items.len() >= 4) else {
        let class = this.type_object().full_name();
        let name = state.type_object().full_name();
        return Err(thread.raise_type_error(format!("{class}.__setstate__ argument should be 4-tuple, got {name}")));
    };
    let (value, newline, at, own) = (items[0], items[1], items[2], items[3]);
    let newline = Newline::parse(newline, "StringIO", thread).map_err(|raised| wrong_newline(newline, raised, thread))?;
    if !string::is_str(value) && !value.is_none() {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("initial_value must be str or None, not {name}")));
    }
    set_up(this, newline);
    if string::is_str(value) {
        // As it is: line ends have been translated when it was written.
        with(this, thread, |memory| memory.text.push_units(units(StrObject::of(value))))?;
    }
    if !convert::is_int(at) {
        let name = at.type_object().full_name();
        return Err(thread.raise_type_error(format!("third item of state must be an integer, got {name}")));
    }
    let at = convert::index_as_i64(at, thread, Some(&exc::OVERFLOW_ERROR))?;
    if at < 0 {
        return Err(thread.raise_value_error("position value cannot be negative"));
    }
    with(this, thread, |memory| memory.at = at as usize)?;
    super::update_dict(this, own, "fourth", thread)?;
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        super::drop_slots(&[&of(value).base.dict]);
        std::ptr::drop_in_place(&raw mut (*value.header().cast::<StringIo>()).state);
    }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_io.StringIO",
    doc: "A text stream over memory.",
    base: Some(&TEXT_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<StringIo>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::iternext(next_line)],
    methods: &[
        row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size characters."),
        row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
        row("write", NativeFn::One(write), "($self, s, /)", "Write text, return its length."),
        row("seek", NativeFn::Bound(seek), "($self, pos, whence=0, /)", "Move to a position and return it."),
        row("tell", NativeFn::NoArgs(tell), "($self, /)", "Current position."),
        row("truncate", NativeFn::Bound(truncate), "($self, pos=None, /)", "Cut at pos."),
        row("getvalue", NativeFn::NoArgs(getvalue), "($self, /)", "All text."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Give the memory up."),
        row("seekable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("readable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("writable", NativeFn::NoArgs(answer_yes), "($self, /)", "True."),
        row("__getstate__", NativeFn::NoArgs(getstate), "($self, /)", "For pickling."),
        row("__setstate__", NativeFn::One(setstate), "($self, state, /)", "For unpickling."),
    ],
    getsets: &[getter("closed", closed), getter("line_buffering", line_buffering), getter("newlines", newlines)],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
