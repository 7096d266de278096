//! `TextIOWrapper`: text over a buffered binary stream. UTF-8, ASCII and Latin-1 are decoded here; other encodings, and
//! faults in these, go through the codec registry.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, buffer, call, compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Slot, Thread, Value};

use super::base::{self, IoBase, TEXT_IO_BASE};
use super::{attribute_truth, getter, method, row, size_or_all, unsupported};

const CHUNK: usize = 8192;
/// Bytes that may wait before they are handed to the buffer.
const PENDING_LIMIT: usize = 8192;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Utf8,
    SingleByte,
    Other,
}

/// How line ends are read and written.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Newline {
    /// `newline=None`: all ends read as `\n`, written as the system's.
    #[default]
    Translate,
    /// `newline=''`: all ends are lines' ends, untranslated.
    Universal,
    Lf,
    Cr,
    CrLf,
}

#[derive(Default)]
struct State {
    kind: Kind,
    newline: Newline,
    line_buffering: bool,
    write_through: bool,
    can_write: bool,
    /// Encoded output that the buffer has not got yet.
    pending: Vec<u8>,
    /// Input that is not a whole character yet.
    undecoded: Vec<u8>,
    /// The bytes that `decoded` was made from, and those not decoded behind them.
    chunk: Vec<u8>,
    /// A CR ended the last chunk: an LF may follow.
    pending_cr: bool,
    seen: u8,
}

#[repr(C)]
struct TextWrapper {
    base: IoBase,
    buffer: Slot,
    encoding: Slot,
    errors: Slot,
    decoder: Slot,
    /// Text read ahead: what has not been asked for yet.
    decoded: Slot,
    state: LeafMutex<State>,
}

pub static TEXT_IO_WRAPPER: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a TextWrapper {
    // SAFETY: called for text wrappers only.
    unsafe { this.as_ref() }
}

fn slot(this: Value, slot: &Slot) -> Option<Owned> {
    slot.load(&of(this).base.header)
}

fn store(this: Value, slot: &Slot, value: Option<Owned>) {
    drop(slot.replace(&of(this).base.header, value));
}

fn buffer_of(this: Value, thread: &mut Thread) -> PyResult {
    slot(this, &of(this).buffer).ok_or_else(|| thread.raise_value_error("underlying buffer has been detached"))
}

fn check_open(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = buffer_of(this, thread)?;
    if attribute_truth(*buffer, "closed", thread)? {
        return Err(super::closed_error(thread));
    }
    Ok(buffer)
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| TextWrapper {
        base: IoBase { header, dict: Slot::empty() },
        buffer: Slot::empty(),
        encoding: Slot::empty(),
        errors: Slot::empty(),
        decoder: Slot::empty(),
        decoded: Slot::empty(),
        state: LeafMutex::new(State::default()),
    }))
}

fn parse_newline(value: Value, thread: &mut Thread) -> PyResult<Newline> {
    if value.is_none() {
        return Ok(Newline::Translate);
    }
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("TextIOWrapper() argument 'newline' must be str or None, not {name}")));
    }
    match StrObject::of(value).to_string_lossy().as_str() {
        "" => Ok(Newline::Universal),
        "\n" => Ok(Newline::Lf),
        "\r" => Ok(Newline::Cr),
        "\r\n" => Ok(Newline::CrLf),
        _ => {
            let text = convert::repr_text(value, thread)?;
            Err(thread.raise_value_error(format!("illegal newline value: {text}")))
        }
    }
}

fn kind_of(encoding: &str) -> Kind {
    match encoding.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "utf8" | "u8" | "cp65001" => Kind::Utf8,
        "ascii" | "usascii" | "646" | "latin1" | "iso88591" | "l1" => Kind::SingleByte,
        _ => Kind::Other,
    }
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature =
        LazySignature::new("(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)");
    let bound = SIGNATURE.bind("TextIOWrapper", args, kwnames, thread)?;
    let args = bound.args();
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    let encoding = match given(1) {
        Some(encoding) => convert::as_text(encoding, "TextIOWrapper() argument 'encoding'", thread)?,
        None => "UTF-8".to_string(),
    };
    let encoding = if encoding == "locale" { "UTF-8".to_string() } else { encoding };
    let errors = match given(2) {
        Some(errors) => convert::as_text(errors, "TextIOWrapper() argument 'errors'", thread)?,
        None => "strict".to_string(),
    };
    let newline = parse_newline(args.get(3).unwrap_or_else(Value::none), thread)?;
    let line_buffering = crate::system_call::flag(args.get(4), false, thread)?;
    let write_through = crate::system_call::flag(args.get(5), false, thread)?;
    let kind = kind_of(&encoding);
    if kind == Kind::Other {
        let decoder = make_decoder(&encoding, &errors, thread)?;
        store(this, &of(this).decoder, Some(decoder));
    }
    let answer = method(args.at(0), "writable", &[], thread)?;
    let can_write = compare::truth(*answer, thread)?;
    *of(this).state.lock() = State { kind, newline, line_buffering, write_through, can_write, ..State::default() };
    store(this, &of(this).encoding, Some(Owned::str(&encoding)));
    store(this, &of(this).errors, Some(Owned::str(&errors)));
    store(this, &of(this).decoded, None);
    store(this, &of(this).buffer, Some(args.at(0).to_owned()));
    Ok(())
}

fn make_decoder(encoding: &str, errors: &str, thread: &mut Thread) -> PyResult {
    let name = Owned::str("codecs");
    let import = thread.interpreter.builtin(pyrt_runtime::names().__import__);
    let Some(import) = import else { return Err(thread.raise(&exc::IMPORT_ERROR, "__import__ not found")) };
    let codecs = call::call(*import, &[*name], thread)?;
    let (encoding, errors) = (Owned::str(encoding), Owned::str(errors));
    let class = method(*codecs, "getincrementaldecoder", &[*encoding], thread)?;
    call::call(*class, &[*errors], thread)
}

/// Decodes a chunk that follows the last one.
fn decode(this: Value, data: &[u8], is_final: bool, thread: &mut Thread) -> PyResult {
    let kind = of(this).state.lock().kind;
    if kind == Kind::Other {
        let Some(decoder) = slot(this, &of(this).decoder) else { return Err(unsupported("not readable", thread)) };
        let data = bytes::from_slice(data);
        return method(*decoder, "decode", &[*data, Value::bool(is_final)], thread);
    }
    let mut whole = std::mem::take(&mut of(this).state.lock().undecoded);
    whole.extend_from_slice(data);
    if kind == Kind::Utf8 {
        match std::str::from_utf8(&whole) {
            Ok(text) => return Ok(Owned::str(text)),
            Err(error) if error.error_len().is_none() && !is_final => {
                let rest = whole.split_off(error.valid_up_to());
                of(this).state.lock().undecoded = rest;
                if let Ok(text) = std::str::from_utf8(&whole) {
                    return Ok(Owned::str(text));
                }
            }
            Err(_) if !is_final => {
                // Keep an unfinished sequence at the end for the next chunk.
                let tail = whole.iter().rev().take(3).position(|byte| *byte >= 0xC0);
                if let Some(back) = tail {
                    let at = whole.len() - back - 1;
                    if std::str::from_utf8(&whole[at..]).is_err_and(|error| error.error_len().is_none()) {
                        let rest = whole.split_off(at);
                        of(this).state.lock().undecoded = rest;
                    }
                }
            }
            Err(_) => {}
        }
    } else if whole.is_ascii() {
        return Ok(string::from_ascii(&whole));
    }
    let data = bytes::from_vec(whole);
    let encoding = slot(this, &of(this).encoding).unwrap_or_else(string::empty);
    let errors = slot(this, &of(this).errors).unwrap_or_else(string::empty);
    method(*data, "decode", &[*encoding, *errors], thread)
}

/// Reads and decodes one chunk: whether there was any.
fn read_chunk(this: Value, buffer: Value, thread: &mut Thread) -> PyResult<bool> {
    let has_read1 = attribute::get_optional(buffer, *pyrt_runtime::names::interned("read1"), thread)?;
    let size = Owned::usize(CHUNK);
    let data = match has_read1 {
        Some(read1) => call::call(*read1, &[*size], thread)?,
        None => method(buffer, "read", &[*size], thread)?,
    };
    if !buffer::supports_buffer(*data) {
        let name = data.type_object().full_name();
        return Err(thread.raise_type_error(format!("underlying read1() should have returned a bytes-like object, not '{name}'")));
    }
    let data = buffer::copy_bytes(*data, thread)?;
    let is_final = data.is_empty();
    let left = of(this).state.lock().undecoded.clone();
    let text = decode(this, &data, is_final, thread)?;
    let text = translate(this, text, is_final);
    of(this).state.lock().chunk = [left, data].concat();
    append_decoded(this, text);
    Ok(!is_final)
}

fn append_decoded(this: Value, text: Owned) {
    let joined = match slot(this, &of(this).decoded) {
        Some(before) if !StrObject::of(*before).is_empty() => {
            let chars: Vec<u32> = StrObject::of(*before).chars().iter().chain(StrObject::of(*text).chars().iter()).collect();
            string::from_code_points(&chars)
        }
        _ => text,
    };
    store(this, &of(this).decoded, Some(joined));
}

const SEEN_CR: u8 = 1;
const SEEN_LF: u8 = 2;
const SEEN_CRLF: u8 = 4;

/// Applies universal newlines to decoded text.
fn translate(this: Value, text: Owned, is_final: bool) -> Owned {
    let mut state = of(this).state.lock();
    if !matches!(state.newline, Newline::Translate | Newline::Universal) {
        return text;
    }
    let object = StrObject::of(*text);
    let has_cr = object.chars().iter().any(|ch| ch == 13);
    if !has_cr && !state.pending_cr {
        if state.seen & SEEN_LF == 0 && object.chars().iter().any(|ch| ch == 10) {
            state.seen |= SEEN_LF;
        }
        return text;
    }
    let mut chars: Vec<u32> = Vec::with_capacity(object.len() + 1);
    if std::mem::take(&mut state.pending_cr) {
        chars.push(13);
    }
    chars.extend(object.chars().iter());
    if !is_final && chars.last() == Some(&13) {
        chars.pop();
        state.pending_cr = true;
    }
    let mut out = Vec::with_capacity(chars.len());
    let mut i = 0;
    while let Some(&ch) = chars.get(i) {
        let is_crlf = ch == 13 && chars.get(i + 1) == Some(&10);
        match ch {
            13 if is_crlf => state.seen |= SEEN_CRLF,
            13 => state.seen |= SEEN_CR,
            10 => state.seen |= SEEN_LF,
            _ => {}
        }
        if state.newline == Newline::Translate && ch == 13 {
            out.push(10);
            i += if is_crlf { 2 } else { 1 };
        } else {
            out.push(ch);
            i += 1;
            if is_crlf {
                out.push(10);
                i += 1;
            }
        }
    }
    string::from_code_points(&out)
}

/// Takes the first `n` characters read ahead.
fn take_decoded(this: Value, n: usize) -> Owned {
    let Some(text) = slot(this, &of(this).decoded) else { return string::empty() };
    let object = StrObject::of(*text);
    let n = n.min(object.len());
    let taken = string::slice(object, 0, n);
    store(this, &of(this).decoded, Some(string::slice(object, n, object.len())));
    taken
}

fn available(this: Value) -> usize {
    slot(this, &of(this).decoded).map_or(0, |text| StrObject::of(*text).len())
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    let buffer = check_open(this, thread)?;
    check_readable(*buffer, thread)?;
    flush_pending(this, *buffer, thread)?;
    match limit {
        None => {
            let data = method(*buffer, "read", &[], thread)?;
            let data = buffer::copy_bytes(*data, thread)?;
            let text = decode(this, &data, true, thread)?;
            let text = translate(this, text, true);
            append_decoded(this, text);
            Ok(take_decoded(this, usize::MAX))
        }
        Some(n) => {
            while available(this) < n && read_chunk(this, *buffer, thread)? {}
            Ok(take_decoded(this, n))
        }
    }
}

fn check_readable(buffer: Value, thread: &mut Thread) -> PyResult<()> {
    let answer = method(buffer, "readable", &[], thread)?;
    if compare::truth(*answer, thread)? { Ok(()) } else { Err(unsupported("not readable", thread)) }
}

/// The end of the first line, if it is there.
fn line_end(text: &StrObject, newline: Newline) -> Option<usize> {
    let find = |wanted: u32| text.chars().iter().position(|ch| ch == wanted);
    match newline {
        Newline::Translate | Newline::Lf => match text.chars() {
            string::Chars::One(chars) => memchr::memchr(b'\n', chars).map(|at| at + 1),
            _ => find(10).map(|at| at + 1),
        },
        Newline::Cr => find(13).map(|at| at + 1),
        Newline::CrLf => (1..text.len()).find(|&i| text.char_at(i) == 10 && text.char_at(i - 1) == 13).map(|at| at + 1),
        Newline::Universal => {
            let at = text.chars().iter().position(|ch| ch == 10 || ch == 13)?;
            let is_crlf = text.char_at(at) == 13 && at + 1 < text.len() && text.char_at(at + 1) == 10;
            Some(at + if is_crlf { 2 } else { 1 })
        }
    }
}

fn read_line(this: Value, limit: Option<usize>, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    flush_pending(this, *buffer, thread)?;
    let newline = of(this).state.lock().newline;
    loop {
        if let Some(text) = slot(this, &of(this).decoded) {
            let object = StrObject::of(*text);
            let end = line_end(object, newline);
            if let Some(n) = end.or_else(|| limit.filter(|limit| object.len() >= *limit)) {
                return Ok(take_decoded(this, limit.map_or(n, |limit| limit.min(n))));
            }
        }
        if !read_chunk(this, *buffer, thread)? {
            // The last chunk may have given text that was held back.
            let n = slot(this, &of(this).decoded).and_then(|text| line_end(StrObject::of(*text), newline)).unwrap_or(usize::MAX);
            return Ok(take_decoded(this, limit.map_or(n, |limit| limit.min(n))));
        }
    }
}

fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    read_line(this, limit, thread)
}

fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let line = read_line(this, None, thread)?;
    Ok(if StrObject::of(*line).is_empty() { None } else { Some(line) })
}

fn write(this: Value, text: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("write() argument must be str, not {name}")));
    }
    let buffer = check_open(this, thread)?;
    let can_write = of(this).state.lock().can_write;
    if !can_write {
        return Err(unsupported("not writable", thread));
    }
    let object = StrObject::of(text);
    let n = object.len();
    let (kind, newline, line_buffering, write_through) = {
        let state = of(this).state.lock();
        (state.kind, state.newline, state.line_buffering, state.write_through)
    };
    let has_newline = object.chars().iter().any(|ch| ch == 10 || (line_buffering && ch == 13));
    let translated = match newline {
        Newline::Cr | Newline::CrLf if has_newline => {
            let to = if newline == Newline::Cr { "\r" } else { "\r\n" };
            let (from, to) = (Owned::str("\n"), Owned::str(to));
            method(text, "replace", &[*from, *to], thread)?
        }
        _ => text.to_owned(),
    };
    let object = StrObject::of(*translated);
    let fast = match kind {
        Kind::Utf8 => object.as_utf8().map(|text| text.as_bytes().to_vec()),
        Kind::SingleByte => object.as_ascii().map(|text| text.as_bytes().to_vec()),
        Kind::Other => None,
    };
    let encoded = match fast {
        Some(encoded) => encoded,
        None => {
            let encoding = slot(this, &of(this).encoding).unwrap_or_else(string::empty);
            let errors = slot(this, &of(this).errors).unwrap_or_else(string::empty);
            let encoded = method(*translated, "encode", &[*encoding, *errors], thread)?;
            buffer::copy_bytes(*encoded, thread)?
        }
    };
    let is_full = {
        let mut state = of(this).state.lock();
        state.pending.extend_from_slice(&encoded);
        state.pending.len() >= PENDING_LIMIT || write_through
    };
    let flush_line = line_buffering && has_newline;
    if is_full || flush_line {
        flush_pending(this, *buffer, thread)?;
    }
    if flush_line {
        method(*buffer, "flush", &[], thread)?;
    }
    store(this, &of(this).decoded, None);
    Ok(Owned::usize(n))
}

fn flush_pending(this: Value, buffer: Value, thread: &mut Thread) -> PyResult<()> {
    let data = std::mem::take(&mut of(this).state.lock().pending);
    if !data.is_empty() {
        let data = bytes::from_vec(data);
        method(buffer, "write", &[*data], thread)?;
    }
    Ok(())
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    flush_pending(this, *buffer, thread)?;
    method(*buffer, "flush", &[], thread)
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = buffer_of(this, thread)?;
    if attribute_truth(*buffer, "closed", thread)? {
        return Ok(Owned::none());
    }
    let flushed = method(this, "flush", &[], thread);
    let pending = if flushed.is_err() { thread.take_exception() } else { None };
    let closed = method(*buffer, "close", &[], thread);
    match pending {
        None => closed,
        Some(pending) => {
            drop(thread.take_exception());
            Err(thread.reraise(pending))
        }
    }
}

fn detach(this: Value, thread: &mut Thread) -> PyResult {
    method(this, "flush", &[], thread)?;
    let buffer = buffer_of(this, thread)?;
    store(this, &of(this).buffer, None);
    Ok(buffer)
}

macro_rules! forwards {
    ($($function:ident $name:literal;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let buffer = buffer_of(this, thread)?;
            method(*buffer, $name, &[], thread)
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

macro_rules! attributes {
    ($($function:ident $name:literal;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let buffer = buffer_of(this, thread)?;
            attribute::get_by_text(*buffer, $name, thread)
        }
    )*};
}

attributes! {
    closed "closed";
    name "name";
}

fn buffer_attribute(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(slot(this, &of(this).buffer).unwrap_or_else(Owned::none))
}

fn encoding(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(slot(this, &of(this).encoding).unwrap_or_else(Owned::none))
}

fn errors(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(slot(this, &of(this).errors).unwrap_or_else(Owned::none))
}

fn line_buffering(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).state.lock().line_buffering))
}

fn write_through(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).state.lock().write_through))
}

fn newlines(this: Value, _thread: &mut Thread) -> PyResult {
    let seen = of(this).state.lock().seen;
    let mut all: Vec<Owned> = [(SEEN_CR, "\r"), (SEEN_LF, "\n"), (SEEN_CRLF, "\r\n")]
        .iter()
        .filter(|(bit, _)| seen & bit != 0)
        .map(|(_, text)| Owned::str(text))
        .collect();
    Ok(match all.len() {
        0 => Owned::none(),
        1 => all.remove(0),
        _ => pyrt_runtime::types::tuple::from_vec(all),
    })
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let type_name = this.type_object().full_name();
    let mut text = format!("<{type_name}");
    for what in ["name", "mode"] {
        match attribute::get_optional(this, *pyrt_runtime::names::interned(what), thread) {
            Ok(Some(value)) => text.push_str(&format!(" {what}={}", convert::repr_text(*value, thread)?)),
            Ok(None) => {}
            Err(raised) => drop(thread.catch(raised, &exc::VALUE_ERROR)?),
        }
    }
    let encoding = encoding(this, thread)?;
    text.push_str(&format!(" encoding={}>", convert::repr_text(*encoding, thread)?));
    Ok(Owned::str(&text))
}

fn slots(wrapper: &TextWrapper) -> [&Slot; 6] {
    [&wrapper.base.dict, &wrapper.buffer, &wrapper.encoding, &wrapper.errors, &wrapper.decoder, &wrapper.decoded]
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        super::drop_slots(&slots(of(value)));
        std::ptr::drop_in_place(&raw mut (*value.header().cast::<TextWrapper>()).state);
    }
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
    name: "_io.TextIOWrapper",
    doc: "Text over a buffered binary stream.",
    base: Some(&TEXT_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<TextWrapper>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::repr(repr), SlotFn::iternext(next_line), SlotFn::finalize(base::finalize)],
    methods: &[
        row("detach", NativeFn::NoArgs(detach), "($self, /)", "Separate the binary stream and return it."),
        row("write", NativeFn::One(write), "($self, text, /)", "Write text, return its length."),
        row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size characters."),
        row("readline", NativeFn::Bound(readline), "($self, size=-1, /)", "Read a line."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "Hand all text to the binary stream and flush that."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Flush and close the stream."),
        row("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The file descriptor."),
        row("seekable", NativeFn::NoArgs(seekable), "($self, /)", "Whether the stream can seek."),
        row("readable", NativeFn::NoArgs(readable), "($self, /)", "Whether the stream can be read."),
        row("writable", NativeFn::NoArgs(writable), "($self, /)", "Whether the stream can be written."),
        row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether the stream is a terminal."),
    ],
    getsets: &[
        getter("buffer", buffer_attribute),
        getter("encoding", encoding),
        getter("errors", errors),
        getter("line_buffering", line_buffering),
        getter("write_through", write_through),
        getter("newlines", newlines),
        getter("name", name),
        getter("closed", closed),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
