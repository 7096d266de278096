//! `TextIOWrapper`: text over a buffered binary stream.
//!
//! UTF-8, ASCII and Latin-1 are coded natively; other encodings go through incremental codecs from the registry. Reading
//! lies in [`reading`], moving about in [`position`].
//!
//! # Who may touch what
//! * [`State`] lies behind a lock that is held for moves of text only, never while Python code runs. Text read ahead
//!   stays one string with an index into it, so that a line costs no copy of the rest.

mod position;
mod reading;

use pyrt_runtime::codecs::{native::Codec, registry};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, buffer, compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::string::{self, Chars, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Slot, Thread, Value};

use super::base::{self, IoBase, TEXT_IO_BASE};
use super::newline::{Newline, NewlineState, replace_newlines};
use super::{attribute_truth, buffered, getter, method, row, unsupported};

const CHUNK: usize = 8192;

/// The codec that this module runs itself, with its error handler's name.
#[derive(Clone)]
struct NativeCoding {
    codec: Codec,
    errors: String,
}

/// Where reading may start again: the decoder's flags, and the bytes that followed that state.
#[derive(Clone)]
struct Snapshot {
    flags: i64,
    input: Vec<u8>,
}

#[derive(Default)]
struct State {
    is_ready: bool,
    /// None: the decoder and encoder in the slots are used.
    native: Option<NativeCoding>,
    newline: Newline,
    /// Where line ends are read universally.
    ends: Option<NewlineState>,
    line_buffering: bool,
    write_through: bool,
    can_read: bool,
    can_write: bool,
    seekable: bool,
    /// Positions can be told: not while a loop over the lines runs.
    telling: bool,
    has_read1: bool,
    chunk_size: usize,
    /// Encoded output that the buffer has not got yet.
    pending: Vec<u8>,
    /// Input that is not a whole character yet (native decoders).
    undecoded: Vec<u8>,
    /// Text read ahead, of which `used` characters have been asked for.
    decoded: Option<Owned>,
    used: usize,
    snapshot: Option<Snapshot>,
    /// Bytes per character of the last chunk.
    ratio: f64,
}

#[repr(C)]
struct TextWrapper {
    base: IoBase,
    buffer: Slot,
    encoding: Slot,
    errors: Slot,
    decoder: Slot,
    encoder: Slot,
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

/// The binary stream, if the wrapper is set up and has one.
fn buffer_of(this: Value, thread: &mut Thread) -> PyResult {
    if let Some(buffer) = slot(this, &of(this).buffer) {
        return Ok(buffer);
    }
    let is_ready = of(this).state.lock().is_ready;
    Err(thread.raise_value_error(if is_ready { "underlying buffer has been detached" } else { "I/O operation on uninitialized object" }))
}

fn check_open(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = buffer_of(this, thread)?;
    let is_closed = match buffered::is_closed(*buffer) {
        Some(is_closed) => is_closed,
        None => attribute_truth(*buffer, "closed", thread)?,
    };
    if is_closed { Err(super::closed_error(thread)) } else { Ok(buffer) }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| TextWrapper {
        base: IoBase::new(header),
        buffer: Slot::empty(),
        encoding: Slot::empty(),
        errors: Slot::empty(),
        decoder: Slot::empty(),
        encoder: Slot::empty(),
        state: LeafMutex::new(State::default()),
    }))
}

fn native_codec(encoding: &str) -> Option<Codec> {
    match encoding.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "utf8" | "u8" | "cp65001" => Some(Codec::Utf8),
        "ascii" | "usascii" | "646" | "ansix3.41968" => Some(Codec::Ascii),
        "latin1" | "iso88591" | "l1" => Some(Codec::Latin1),
        _ => None,
    }
}

/// The encoding for text streams where none is named.
pub fn default_encoding(thread: &Thread) -> String {
    if thread.interpreter.config.read().utf8_mode { "utf-8".to_string() } else { locale_encoding() }
}

/// The encoding of the locale.
pub fn locale_encoding() -> String {
    // SAFETY: the result is a terminated string that stays until the locale changes; it is copied at once.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) }.to_string_lossy().into_owned();
    if name.is_empty() { "utf-8".to_string() } else { name }
}

fn text_argument(value: Value, name: &str, thread: &mut Thread) -> PyResult<String> {
    if !string::is_str(value) {
        let type_name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("TextIOWrapper() argument '{name}' must be str or None, not {type_name}")));
    }
    if StrObject::of(value).as_utf8().is_none() {
        // Raises: the name has characters that cannot be encoded.
        pyrt_runtime::codecs::native::encode(Codec::Utf8, value, "strict", thread)?;
    }
    let text = StrObject::of(value).to_string_lossy();
    if text.contains('\0') {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(text)
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature =
        LazySignature::new("(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)");
    let bound = SIGNATURE.bind("TextIOWrapper", args, kwnames, thread)?;
    let args = bound.args();
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    *of(this).state.lock() = State::default();
    store(this, &of(this).buffer, None);
    let warns = thread.interpreter.config.read().warn_default_encoding;
    if warns && given(1).is_none() {
        pyrt_runtime::builtins::warn(&exc::ENCODING_WARNING, "'encoding' argument not specified", 1, thread)?;
    }
    let encoding = match given(1) {
        Some(encoding) => match text_argument(encoding, "encoding", thread)? {
            name if name == "locale" => locale_encoding(),
            name => name,
        },
        None => default_encoding(thread),
    };
    let errors = match given(2) {
        Some(errors) => text_argument(errors, "errors", thread)?,
        None => "strict".to_string(),
    };
    let newline = Newline::parse(args.get(3).unwrap_or_else(Value::none), "TextIOWrapper", thread)?;
    let line_buffering = crate::system_call::flag(args.get(4), false, thread)?;
    let write_through = crate::system_call::flag(args.get(5), false, thread)?;
    let target = args.at(0);
    let ask = |question: &str, thread: &mut Thread| {
        let answer = method(target, question, &[], thread)?;
        compare::truth(*answer, thread)
    };
    set_coding(this, target, &encoding, &errors, thread)?;
    let seekable = ask("seekable", thread)?;
    let has_read1 = attribute::get_optional(target, *pyrt_runtime::names::interned("read1"), thread)?.is_some();
    {
        let mut state = of(this).state.lock();
        state.line_buffering = line_buffering;
        state.write_through = write_through;
        state.seekable = seekable;
        state.telling = seekable;
        state.has_read1 = has_read1;
        state.chunk_size = CHUNK;
        state.is_ready = true;
    }
    set_newline(this, newline);
    store(this, &of(this).buffer, Some(target.to_owned()));
    fix_encoder_state(this, target, thread)
}

fn set_newline(this: Value, newline: Newline) {
    let mut state = of(this).state.lock();
    state.newline = newline;
    let translate = newline == Newline::Translate;
    state.ends = newline.is_universal().then(|| NewlineState { translate, ..NewlineState::default() });
}

/// Makes coder and decoder of an encoding, as the stream can be read and written.
fn set_coding(this: Value, target: Value, encoding: &str, errors: &str, thread: &mut Thread) -> PyResult<()> {
    let native = native_codec(encoding);
    let codec = match native {
        Some(_) => None,
        None => Some(registry::lookup_text_encoding(encoding, "codecs.open()", thread)?),
    };
    if !matches!(errors, "strict" | "ignore" | "replace" | "surrogateescape" | "backslashreplace" | "surrogatepass") {
        let is_dev = thread.interpreter.config.read().dev_mode;
        if is_dev {
            drop(pyrt_runtime::codecs::errors::lookup(errors, thread)?);
        }
    }
    let mut can = [false; 2];
    for (answer, question) in can.iter_mut().zip(["readable", "writable"]) {
        let value = method(target, question, &[], thread)?;
        *answer = compare::truth(*value, thread)?;
    }
    let errors_text = Owned::str(errors);
    for (can, place, name) in [(can[0], &of(this).decoder, "incrementaldecoder"), (can[1], &of(this).encoder, "incrementalencoder")] {
        let made = match &codec {
            Some(codec) if can => Some(method(**codec, name, &[*errors_text], thread)?),
            _ => None,
        };
        store(this, place, made);
    }
    {
        let mut state = of(this).state.lock();
        state.native = native.map(|codec| NativeCoding { codec, errors: errors.to_string() });
        [state.can_read, state.can_write] = can;
        state.undecoded.clear();
    }
    store(this, &of(this).encoding, Some(Owned::str(encoding)));
    store(this, &of(this).errors, Some(errors_text));
    Ok(())
}

/// An encoder that writes a mark at the start must not do so in the middle.
fn fix_encoder_state(this: Value, target: Value, thread: &mut Thread) -> PyResult<()> {
    let seekable = of(this).state.lock().seekable;
    let Some(encoder) = slot(this, &of(this).encoder).filter(|_| seekable) else { return Ok(()) };
    let at = method(target, "tell", &[], thread)?;
    if compare::truth(*at, thread)? {
        method(*encoder, "setstate", &[Value::plain_int(0)], thread)?;
    }
    Ok(())
}

fn reconfigure(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    let (encoding, errors) = (given(0), given(1));
    let newline = args.get(2);
    buffer_of(this, thread)?;
    let has_read = of(this).state.lock().decoded.is_some();
    if has_read && (encoding.is_some() || errors.is_some() || newline.is_some()) {
        return Err(unsupported("It is not possible to set the encoding or newline of stream after the first read", thread));
    }
    let wrong = |value: Value, name: &str, thread: &mut Thread| {
        let type_name = value.type_object().full_name();
        Err(thread.raise_type_error(format!("reconfigure() argument '{name}' must be str or None, not {type_name}")))
    };
    for (value, name) in [(encoding, "encoding"), (errors, "errors")] {
        if let Some(value) = value.filter(|value| !string::is_str(*value)) {
            return wrong(value, name, thread);
        }
    }
    let newline = match newline {
        Some(newline) => Some(Newline::parse(newline, "reconfigure", thread)?),
        None => None,
    };
    let (mut line_buffering, mut write_through) = {
        let state = of(this).state.lock();
        (state.line_buffering, state.write_through)
    };
    if let Some(value) = given(3) {
        line_buffering = compare::truth(value, thread)?;
    }
    if let Some(value) = given(4) {
        write_through = compare::truth(value, thread)?;
    }
    method(this, "flush", &[], thread)?;
    of(this).state.lock().ratio = 0.0;
    if let Some(newline) = newline {
        set_newline(this, newline);
    }
    if encoding.is_some() || errors.is_some() {
        let text = |slot: Option<Owned>| slot.map_or_else(String::new, |value| StrObject::of(*value).to_string_lossy());
        let new_errors = match (errors, encoding) {
            (Some(errors), _) => text_argument(errors, "errors", thread)?,
            (None, Some(_)) => "strict".to_string(),
            (None, None) => text(slot(this, &of(this).errors)),
        };
        let new_encoding = match encoding {
            Some(encoding) if StrObject::of(encoding).equals_str("locale") => locale_encoding(),
            Some(encoding) => {
                if StrObject::of(encoding).as_utf8().is_none() {
                    pyrt_runtime::codecs::native::encode(Codec::Utf8, encoding, "strict", thread)?;
                }
                StrObject::of(encoding).to_string_lossy()
            }
            None => text(slot(this, &of(this).encoding)),
        };
        let buffer = buffer_of(this, thread)?;
        set_coding(this, *buffer, &new_encoding, &new_errors, thread)?;
        fix_encoder_state(this, *buffer, thread)?;
    }
    let mut state = of(this).state.lock();
    state.line_buffering = line_buffering;
    state.write_through = write_through;
    Ok(Owned::none())
}

fn contains(text: &StrObject, ch: u8) -> bool {
    match text.chars() {
        Chars::One(chars) => memchr::memchr(ch, chars).is_some(),
        Chars::Two(chars) => chars.contains(&u16::from(ch)),
        Chars::Four(chars) => chars.contains(&u32::from(ch)),
    }
}

fn encode(this: Value, text: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let native = of(this).state.lock().native.clone();
    if let Some(native) = native {
        return pyrt_runtime::codecs::native::encode(native.codec, text, &native.errors, thread);
    }
    let Some(encoder) = slot(this, &of(this).encoder) else { return Err(unsupported("not writable", thread)) };
    let encoded = method(*encoder, "encode", &[text], thread)?;
    if !bytes::is_bytes(*encoded) {
        let name = encoded.type_object().full_name();
        return Err(thread.raise_type_error(format!("encoder should return a bytes object, not '{name}'")));
    }
    buffer::copy_bytes(*encoded, thread)
}

fn write(this: Value, text: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("write() argument must be str, not {name}")));
    }
    let buffer = check_open(this, thread)?;
    let object = StrObject::of(text);
    let (can_write, end, line_buffering, write_through, takes_ascii, chunk_size) = {
        let state = of(this).state.lock();
        (state.can_write, state.newline.written(), state.line_buffering, state.write_through, state.native.is_some(), state.chunk_size)
    };
    if !can_write {
        return Err(unsupported("not writable", thread));
    }
    let has_newline = (end.is_some() || line_buffering) && contains(object, b'\n');
    let flush_line = line_buffering && (has_newline || contains(object, b'\r'));
    let mut translated = None;
    if let Some(end) = end.filter(|_| has_newline) {
        translated = Some(if string::is_exact(text) {
            replace_newlines(text, end)
        } else {
            let end = string::from_ascii(end);
            let replaced = method(text, "replace", &[*Owned::str("\n"), *end], thread)?;
            if !string::is_str(*replaced) {
                let name = replaced.type_object().full_name();
                return Err(thread.raise_type_error(format!("str.replace() should return str, not {name}")));
            }
            // That code may have closed or changed the stream.
            check_open(this, thread)?;
            let (is_ready, can_write) = {
                let state = of(this).state.lock();
                (state.is_ready, state.can_write)
            };
            if !is_ready {
                return Err(thread.raise_value_error("I/O operation on uninitialized object"));
            }
            if !can_write {
                return Err(unsupported("not writable", thread));
            }
            replaced
        });
    }
    let source = translated.as_ref().map_or(text, |text| **text);
    let ascii = StrObject::of(source).as_ascii().filter(|_| takes_ascii);
    let owned;
    let encoded: &[u8] = match ascii {
        Some(ascii) => ascii.as_bytes(),
        None => {
            owned = encode(this, source, thread)?;
            &owned
        }
    };
    // Code of the binary stream may write here meanwhile: that comes first.
    while {
        let state = of(this).state.lock();
        !state.pending.is_empty() && state.pending.len() + encoded.len() > chunk_size
    } {
        flush_pending(this, *buffer, thread)?;
    }
    let is_full = {
        let mut state = of(this).state.lock();
        state.pending.extend_from_slice(encoded);
        state.pending.len() >= chunk_size
    };
    if is_full || flush_line || write_through {
        flush_pending(this, *buffer, thread)?;
    }
    if flush_line {
        method(*buffer, "flush", &[], thread)?;
    }
    let has_read = {
        let mut state = of(this).state.lock();
        // Without positions what was read ahead stays: reading and writing are apart then.
        let had_snapshot = state.snapshot.take().is_some();
        let old = if had_snapshot { state.decoded.take() } else { None };
        if had_snapshot {
            state.used = 0;
        }
        drop(state);
        drop(old);
        had_snapshot
    };
    if has_read {
        reading::reset_decoder(this, thread)?;
    }
    Ok(Owned::usize(object.len()))
}

fn flush_pending(this: Value, buffer: Value, thread: &mut Thread) -> PyResult<()> {
    let data = std::mem::take(&mut of(this).state.lock().pending);
    if data.is_empty() {
        return Ok(());
    }
    let object = bytes::from_slice(&data);
    loop {
        match method(buffer, "write", &[*object], thread) {
            Ok(_) => return Ok(()),
            Err(raised) => {
                let is_interrupted = thread.exception_matches(&exc::INTERRUPTED_ERROR);
                if !is_interrupted {
                    return Err(raised);
                }
                drop(thread.take_exception());
            }
        }
    }
}

fn flush(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    {
        let mut state = of(this).state.lock();
        state.telling = state.seekable;
    }
    flush_pending(this, *buffer, thread)?;
    method(*buffer, "flush", &[], thread)
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = buffer_of(this, thread)?;
    if attribute_truth(*buffer, "closed", thread)? {
        return Ok(Owned::none());
    }
    if slot(this, &of(this).buffer).is_none() {
        // Asking has detached it.
        return Ok(Owned::none());
    }
    if of(this).base.is_finalizing() && method(*buffer, "_dealloc_warn", &[this], thread).is_err() {
        drop(thread.take_exception());
    }
    let flushed = method(this, "flush", &[], thread);
    let first = if flushed.is_err() { thread.take_exception() } else { None };
    let closed = method(*buffer, "close", &[], thread);
    super::chain_errors(first, closed, thread)
}

fn detach(this: Value, thread: &mut Thread) -> PyResult {
    buffer_of(this, thread)?;
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

fn buffer_attribute(this: Value, thread: &mut Thread) -> PyResult {
    buffer_of(this, thread)
}

fn encoding(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(slot(this, &of(this).encoding).unwrap_or_else(Owned::none))
}

fn errors(this: Value, thread: &mut Thread) -> PyResult {
    let is_ready = of(this).state.lock().is_ready;
    if !is_ready {
        return Err(thread.raise_value_error("I/O operation on uninitialized object"));
    }
    Ok(slot(this, &of(this).errors).unwrap_or_else(Owned::none))
}

fn line_buffering(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).state.lock().line_buffering))
}

fn write_through(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).state.lock().write_through))
}

fn newlines(this: Value, thread: &mut Thread) -> PyResult {
    buffer_of(this, thread)?;
    let state = of(this).state.lock();
    Ok(state.ends.filter(|_| state.can_read).map_or_else(Owned::none, |ends| ends.newlines()))
}

fn chunk_size(this: Value, thread: &mut Thread) -> PyResult {
    buffer_of(this, thread)?;
    Ok(Owned::usize(of(this).state.lock().chunk_size))
}

fn set_chunk_size(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    buffer_of(this, thread)?;
    let Some(value) = value else { return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "_CHUNK_SIZE cannot be deleted")) };
    let size = convert::index_as_i64(value, thread, Some(&exc::VALUE_ERROR))?;
    if size <= 0 {
        return Err(thread.raise_value_error("a strictly positive integer is required"));
    }
    of(this).state.lock().chunk_size = size as usize;
    Ok(())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let is_ready = of(this).state.lock().is_ready;
    if !is_ready {
        return Err(thread.raise_value_error("I/O operation on uninitialized object"));
    }
    let type_name = this.type_object().full_name();
    let mut text = format!("<{type_name}");
    super::guarded_repr(this, thread, |thread| {
        for what in ["name", "mode"] {
            match attribute::get_optional(this, *pyrt_runtime::names::interned(what), thread) {
                Ok(Some(value)) => text.push_str(&format!(" {what}={}", convert::repr_text(*value, thread)?)),
                Ok(None) => {}
                Err(raised) => drop(thread.catch(raised, &exc::VALUE_ERROR)?),
            }
        }
        Ok(())
    })?;
    let encoding = encoding(this, thread)?;
    text.push_str(&format!(" encoding={}>", convert::repr_text(*encoding, thread)?));
    Ok(Owned::str(&text))
}

fn slots(wrapper: &TextWrapper) -> [&Slot; 6] {
    [&wrapper.base.dict, &wrapper.buffer, &wrapper.encoding, &wrapper.errors, &wrapper.decoder, &wrapper.encoder]
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

const RECONFIGURE: &str = "($self, /, *, encoding=None, errors=None, newline=None,\n            line_buffering=None, write_through=None)";

static SPEC: TypeSpec = TypeSpec {
    name: "_io.TextIOWrapper",
    doc: "Text over a buffered binary stream.",
    base: Some(&TEXT_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<TextWrapper>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::repr(repr), SlotFn::iternext(reading::next_line), SlotFn::finalize(base::finalize)],
    methods: &[
        row("detach", NativeFn::NoArgs(detach), "($self, /)", "Separate the binary stream and return it."),
        row("reconfigure", NativeFn::Bound(reconfigure), RECONFIGURE, "Change parameters of the stream."),
        row("write", NativeFn::One(write), "($self, text, /)", "Write text, return its length."),
        row("read", NativeFn::Bound(reading::read), "($self, size=-1, /)", "Read at most size characters."),
        row("readline", NativeFn::Bound(reading::readline), "($self, size=-1, /)", "Read a line."),
        row("flush", NativeFn::NoArgs(flush), "($self, /)", "Hand all text to the binary stream and flush that."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Flush and close the stream."),
        row("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The file descriptor."),
        row("seekable", NativeFn::NoArgs(seekable), "($self, /)", "Whether the stream can seek."),
        row("readable", NativeFn::NoArgs(readable), "($self, /)", "Whether the stream can be read."),
        row("writable", NativeFn::NoArgs(writable), "($self, /)", "Whether the stream can be written."),
        row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether the stream is a terminal."),
        row("seek", NativeFn::Bound(position::seek), "($self, cookie, whence=os.SEEK_SET, /)", "Move to a position that tell() gave."),
        row("tell", NativeFn::NoArgs(position::tell), "($self, /)", "The position, as an opaque number."),
        row("truncate", NativeFn::Bound(position::truncate), "($self, pos=None, /)", "Truncate the binary stream."),
        row("__getstate__", NativeFn::NoArgs(super::no_pickling), "($self, /)", "Raises: streams cannot be pickled."),
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
        GetSetDef { name: "_CHUNK_SIZE", get: chunk_size, set: Some(set_chunk_size), doc: "" },
        base::FINALIZING,
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
