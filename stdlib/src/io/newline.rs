//! Universal newlines: the state that follows decoded text, and `IncrementalNewlineDecoder` around it.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::text::Buffer;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::from_buffer;
use pyrt_runtime::types::string::{self, Chars, StrObject};
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, int, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use super::{getter, row};

pub const SEEN_CR: u8 = 1;
pub const SEEN_LF: u8 = 2;
pub const SEEN_CRLF: u8 = 4;

/// Follows the line ends of a text that comes in pieces.
#[derive(Clone, Copy, Default)]
pub struct NewlineState {
    /// All line ends become `\n`; otherwise they are only counted.
    pub translate: bool,
    /// A CR ended the last piece and waits: an LF may follow.
    pub pending_cr: bool,
    /// `SEEN_*` bits.
    pub seen: u8,
}

impl NewlineState {
    /// The next piece, with the CR that was kept back and without one at its end.
    pub fn apply(&mut self, text: Owned, is_final: bool) -> Owned {
        let object = StrObject::of(*text);
        let has_cr = match object.chars() {
            Chars::One(chars) => memchr::memchr(13, chars).is_some(),
            Chars::Two(chars) => chars.contains(&13),
            Chars::Four(chars) => chars.contains(&13),
        };
        if !has_cr && (!self.pending_cr || object.is_empty() && !is_final) {
            let has_lf = self.seen & SEEN_LF == 0
                && match object.chars() {
                    Chars::One(chars) => memchr::memchr(10, chars).is_some(),
                    Chars::Two(chars) => chars.contains(&10),
                    Chars::Four(chars) => chars.contains(&10),
                };
            if has_lf {
                self.seen |= SEEN_LF;
            }
            return text;
        }
        let mut out = Buffer::with_capacity(object.len() + 1);
        // What the last character was, if that was a CR whose line end is not decided yet.
        let mut after_cr = std::mem::take(&mut self.pending_cr);
        for ch in object.chars().iter() {
            if after_cr {
                after_cr = false;
                if ch == 10 {
                    self.seen |= SEEN_CRLF;
                    if !self.translate {
                        out.push(13);
                    }
                    out.push(10);
                    continue;
                }
                self.seen |= SEEN_CR;
                out.push(if self.translate { 10 } else { 13 });
            }
            match ch {
                13 => after_cr = true,
                10 => {
                    self.seen |= SEEN_LF;
                    out.push(10);
                }
                _ => out.push(ch),
            }
        }
        if after_cr {
            if is_final {
                self.seen |= SEEN_CR;
                out.push(if self.translate { 10 } else { 13 });
            } else {
                self.pending_cr = true;
            }
        }
        from_buffer(out)
    }

    /// What the attribute `newlines` says.
    pub fn newlines(&self) -> Owned {
        let mut all: Vec<Owned> = [(SEEN_CR, "\r"), (SEEN_LF, "\n"), (SEEN_CRLF, "\r\n")]
            .iter()
            .filter(|(bit, _)| self.seen & bit != 0)
            .map(|(_, text)| Owned::str(text))
            .collect();
        match all.len() {
            0 => Owned::none(),
            1 => all.remove(0),
            _ => tuple::from_vec(all),
        }
    }
}

/// The state of a decoder as `getstate` gives it: bytes and flags.
pub fn parse_decoder_state(state: Value, thread: &mut Thread) -> PyResult<(Vec<u8>, i64)> {
    let items = tuple_items(state).filter(|items| items.len() == 2);
    let Some(items) = items else { return Err(thread.raise_type_error("illegal decoder state")) };
    if !bytes::is_bytes(items[0]) {
        let name = items[0].type_object().full_name();
        return Err(thread.raise_type_error(format!("illegal decoder state: the first item should be a bytes object, not '{name}'")));
    }
    let flags = convert::index_as_i64(items[1], thread, Some(&exc::OVERFLOW_ERROR))?;
    Ok((bytes::BytesObject::of(items[0]).as_slice().to_vec(), flags))
}

/// The items if the value is a tuple.
pub fn tuple_items<'a>(value: Value) -> Option<&'a [Value]> {
    let is_tuple = value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS);
    is_tuple.then(|| TupleObject::of(value).items())
}

#[repr(C)]
struct NewlineDecoder {
    header: Header,
    /// Decodes the bytes; `None` where the input is text already.
    decoder: Slot,
    state: LeafMutex<NewlineState>,
}

pub static NEWLINE_DECODER: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a NewlineDecoder {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| NewlineDecoder {
        header,
        decoder: Slot::empty(),
        state: LeafMutex::new(NewlineState::default()),
    }))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(decoder, translate, errors='strict')");
    let bound = SIGNATURE.bind("IncrementalNewlineDecoder", args, kwnames, thread)?;
    let translate = compare::truth(bound.args().at(1), thread)?;
    *of(this).state.lock() = NewlineState { translate, ..NewlineState::default() };
    drop(of(this).decoder.replace(&of(this).header, Some(bound.args().at(0).to_owned())));
    Ok(())
}

/// The decoder, `None` inside if there is none.
fn decoder_of(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match of(this).decoder.load(&of(this).header) {
        Some(decoder) => Ok(Some(decoder).filter(|decoder| !decoder.is_none())),
        None => Err(thread.raise_value_error("IncrementalNewlineDecoder.__init__() not called")),
    }
}

fn decode(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let is_final = crate::system_call::flag(args.get(1), false, thread)?;
    let input = args.at(0);
    let text = match decoder_of(this, thread)? {
        Some(decoder) => super::method(*decoder, "decode", &[input, Value::bool(is_final)], thread)?,
        None => input.to_owned(),
    };
    if !string::is_str(*text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("decoder should return a string result, not '{name}'")));
    }
    Ok(of(this).state.lock().apply(text, is_final))
}

fn getstate(this: Value, thread: &mut Thread) -> PyResult {
    let (buffered, flags) = match decoder_of(this, thread)? {
        Some(decoder) => {
            let state = super::method(*decoder, "getstate", &[], thread)?;
            let parts = tuple_items(*state).filter(|items| items.len() == 2).map(|items| (items[0].to_owned(), items[1].to_owned()));
            let Some((buffered, flags)) = parts else { return Err(thread.raise_type_error("illegal decoder state")) };
            (buffered, int::to_bigint(*convert::index(*flags, thread)?))
        }
        None => (bytes::from_slice(b""), num_bigint::BigInt::from(0)),
    };
    let pending = of(this).state.lock().pending_cr;
    let flags = int::from_bigint(&((flags << 1) + u8::from(pending)));
    Ok(tuple::pack([buffered, flags]))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    if tuple_items(state).is_none() {
        return Err(thread.raise_type_error("state argument must be a tuple"));
    }
    let Some(items) = tuple_items(state).filter(|items| items.len() == 2) else {
        return Err(thread.raise_type_error("setstate(): illegal state argument"));
    };
    let flags = int::to_bigint(*convert::index(items[1], thread)?);
    let decoder = decoder_of(this, thread)?;
    let rest = int::from_bigint(&(&flags >> 1));
    of(this).state.lock().pending_cr = flags.bit(0);
    match decoder {
        Some(decoder) => {
            let inner = tuple::pack([items[0].to_owned(), rest]);
            super::method(*decoder, "setstate", &[*inner], thread)
        }
        None => Ok(Owned::none()),
    }
}

fn reset(this: Value, thread: &mut Thread) -> PyResult {
    let decoder = decoder_of(this, thread)?;
    {
        let mut state = of(this).state.lock();
        state.seen = 0;
        state.pending_cr = false;
    }
    match decoder {
        Some(decoder) => {
            let reset = pyrt_runtime::names::interned("reset");
            call::call_method(*decoder, *reset, &[], thread)
        }
        None => Ok(Owned::none()),
    }
}

fn newlines(this: Value, thread: &mut Thread) -> PyResult {
    decoder_of(this, thread)?;
    Ok(of(this).state.lock().newlines())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { super::drop_slots(&[&of(value).decoder]) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(decoder) = of(value).decoder.peek() {
        visit(decoder);
    }
}

unsafe fn clear(value: Value) {
    drop(of(value).decoder.replace(&of(value).header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_io.IncrementalNewlineDecoder",
    doc: "Translates line ends of text that a decoder gives in pieces.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<NewlineDecoder>(),
    slots: &[SlotFn::new(new), SlotFn::init(init)],
    methods: &[
        row("decode", NativeFn::Bound(decode), "($self, /, input, final=False)", "The next piece of text."),
        row("getstate", NativeFn::NoArgs(getstate), "($self, /)", "Bytes kept back, and flags."),
        row("setstate", NativeFn::One(setstate), "($self, state, /)", "Goes back to what getstate() gave."),
        row("reset", NativeFn::NoArgs(reset), "($self, /)", "Starts anew."),
    ],
    getsets: &[getter("newlines", newlines)],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

/// How a text stream reads and writes line ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Newline {
    /// `newline=None`: all ends read as `\n`, written as they are.
    #[default]
    Translate,
    /// `newline=''`: all ends are lines' ends, untranslated.
    Universal,
    Lf,
    Cr,
    CrLf,
}

impl Newline {
    /// The argument `newline`; `who` is for messages.
    pub fn parse(value: Value, who: &str, thread: &mut Thread) -> PyResult<Newline> {
        if value.is_none() {
            return Ok(Newline::Translate);
        }
        if !string::is_str(value) {
            let name = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("{who}() argument 'newline' must be str or None, not {name}")));
        }
        let text = StrObject::of(value).to_string_lossy();
        match text.as_str() {
            "" => Ok(Newline::Universal),
            "\n" => Ok(Newline::Lf),
            "\r" => Ok(Newline::Cr),
            "\r\n" => Ok(Newline::CrLf),
            _ => Err(thread.raise_value_error(format!("illegal newline value: {text}"))),
        }
    }

    /// The argument again, `None` for `None`.
    pub fn as_argument(self) -> Option<&'static str> {
        match self {
            Newline::Translate => None,
            Newline::Universal => Some(""),
            Newline::Lf => Some("\n"),
            Newline::Cr => Some("\r"),
            Newline::CrLf => Some("\r\n"),
        }
    }

    pub fn is_universal(self) -> bool {
        matches!(self, Newline::Translate | Newline::Universal)
    }

    /// What a written `\n` becomes, if not itself.
    pub fn written(self) -> Option<&'static [u8]> {
        match self {
            Newline::Cr => Some(b"\r"),
            Newline::CrLf => Some(b"\r\n"),
            _ => None,
        }
    }

    /// The index behind the first line end at or after `from`.
    pub fn line_end(self, text: Chars<'_>, from: usize) -> Option<usize> {
        match text {
            Chars::One(chars) => {
                let rest = chars.get(from..)?;
                match self {
                    Newline::Translate | Newline::Lf => memchr::memchr(b'\n', rest).map(|at| from + at + 1),
                    Newline::Cr => memchr::memchr(b'\r', rest).map(|at| from + at + 1),
                    Newline::CrLf => memchr::memmem::find(rest, b"\r\n").map(|at| from + at + 2),
                    Newline::Universal => {
                        let at = from + memchr::memchr2(b'\n', b'\r', rest)?;
                        Some(at + if chars[at] == b'\r' && chars.get(at + 1) == Some(&b'\n') { 2 } else { 1 })
                    }
                }
            }
            Chars::Two(chars) => self.line_end_wide(chars, from),
            Chars::Four(chars) => self.line_end_wide(chars, from),
        }
    }

    fn line_end_wide<U: Copy + Into<u32>>(self, chars: &[U], from: usize) -> Option<usize> {
        let rest = chars.get(from..)?;
        let is = |at: usize, wanted: u32| chars.get(at).is_some_and(|ch| (*ch).into() == wanted);
        match self {
            Newline::Translate | Newline::Lf => rest.iter().position(|ch| (*ch).into() == 10).map(|at| from + at + 1),
            Newline::Cr => rest.iter().position(|ch| (*ch).into() == 13).map(|at| from + at + 1),
            Newline::CrLf => (from..chars.len()).find(|&at| is(at, 13) && is(at + 1, 10)).map(|at| at + 2),
            Newline::Universal => {
                let at = from + rest.iter().position(|ch| matches!((*ch).into(), 10 | 13))?;
                Some(at + if is(at, 13) && is(at + 1, 10) { 2 } else { 1 })
            }
        }
    }
}

/// The text with each `\n` written as `end`.
pub fn replace_newlines(text: Value, end: &[u8]) -> Owned {
    let object = StrObject::of(text);
    let mut out = Buffer::with_capacity(object.len() + 16);
    match object.chars() {
        Chars::One(chars) => {
            let mut from = 0;
            for at in memchr::memchr_iter(b'\n', chars) {
                out.extend(&chars[from..at]);
                out.push_latin1(end);
                from = at + 1;
            }
            out.extend(&chars[from..]);
        }
        _ => {
            for ch in object.chars().iter() {
                if ch == 10 { out.push_latin1(end) } else { out.push(ch) }
            }
        }
    }
    from_buffer(out)
}
