//! Unicode errors as objects, and error handlers: the built-in ones as Python functions, all of them by name.

use crate::exceptions::object::{UnicodeErrorObject, is_exception};
use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::{attribute, call, convert};
use crate::protocol::native::NativeFn;
use crate::sync::Ordering;
use crate::text::codec::handlers::{self, Handler, Replacement, SurrogateForm};
use crate::text::codec::{ByteOrder, Fault};
use crate::text::{Buffer, Units};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::StaticType;
use crate::types::bytes::{self, BytesObject};
use crate::types::dict::{self, DictObject};
use crate::types::str::{Builder, from_buffer, units};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{MethodDef, MethodKind};
use crate::types::{builtin_function, int};

/// What an error handler gives in the place of characters.
pub enum Reply {
    Text(Owned),
    Bytes(Owned),
}

/// What an error handler gives in the place of bytes.
pub struct DecodeReply {
    pub text: Owned,
    pub next: usize,
    /// The input to go on with, which the handler may have exchanged.
    pub object: Owned,
}

fn make(class: &StaticType, args: &[Value], thread: &mut Thread) -> PyResult {
    call::call(class.get().value(), args, thread)
}

/// A `UnicodeEncodeError`.
pub fn encode_error(encoding: &str, object: Value, start: usize, end: usize, reason: &str, thread: &mut Thread) -> PyResult {
    let (encoding, reason) = (Owned::str(encoding), Owned::str(reason));
    make(&exc::UNICODE_ENCODE_ERROR, &[*encoding, object, *Owned::usize(start), *Owned::usize(end), *reason], thread)
}

/// A `UnicodeDecodeError`.
pub fn decode_error(encoding: &str, input: &[u8], start: usize, end: usize, reason: &str, thread: &mut Thread) -> PyResult {
    let (encoding, reason, object) = (Owned::str(encoding), Owned::str(reason), bytes::from_slice(input));
    make(&exc::UNICODE_DECODE_ERROR, &[*encoding, *object, *Owned::usize(start), *Owned::usize(end), *reason], thread)
}

/// Raises a `UnicodeEncodeError`.
#[cold]
pub fn raise_encode(encoding: &str, object: Value, start: usize, end: usize, reason: &str, thread: &mut Thread) -> Raised {
    match encode_error(encoding, object, start, end, reason, thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// Raises a `UnicodeDecodeError`.
#[cold]
pub fn raise_decode(encoding: &str, input: &[u8], start: usize, end: usize, reason: &str, thread: &mut Thread) -> Raised {
    match decode_error(encoding, input, start, end, reason, thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// "don't know how to handle … in error callback"
#[cold]
pub fn raise_unhandled(exception: Value, thread: &mut Thread) -> Raised {
    let name = exception.type_object().full_name();
    thread.raise_type_error(format!("don't know how to handle {name} in error callback"))
}

/// The position that a handler gave, in an input of `len`.
fn position(value: Value, len: usize, thread: &mut Thread) -> PyResult<usize> {
    let given = crate::types::str::arguments::as_ssize(value, thread)?;
    let position = if given < 0 { given.saturating_add(len as i64) } else { given };
    match usize::try_from(position).ok().filter(|position| *position <= len) {
        Some(position) => Ok(position),
        None => {
            Err(thread.raise(&exc::INDEX_ERROR, format!("position {position} from error handler out of bounds")))
        }
    }
}

/// The two items of a handler's result; `None` if it is no such tuple.
fn pair(result: Value) -> Option<(Value, Value)> {
    let is_tuple = result.is_pointer() && result.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS);
    match is_tuple.then(|| TupleObject::of(result).items()) {
        Some(&[first, second]) => Some((first, second)),
        _ => None,
    }
}

/// Calls a handler for characters of a str of `len` characters.
pub fn call_encode_handler(handler: Value, exception: Owned, len: usize, thread: &mut Thread) -> PyResult<(Reply, usize)> {
    let result = call::call(handler, &[*exception], thread)?;
    let reply = match pair(*result) {
        Some((text, _)) if string::is_str(text) => Reply::Text(text.to_owned()),
        Some((raw, _)) if bytes::is_bytes(raw) => Reply::Bytes(raw.to_owned()),
        _ => return Err(thread.raise_type_error("encoding error handler must return (str/bytes, int) tuple")),
    };
    let next = position(pair(*result).map_or(Value::none(), |pair| pair.1), len, thread)?;
    Ok((reply, next))
}

/// Calls a handler for bytes.
pub fn call_decode_handler(handler: Value, exception: Owned, thread: &mut Thread) -> PyResult<DecodeReply> {
    let result = call::call(handler, &[*exception], thread)?;
    let Some((text, next)) = pair(*result).filter(|(text, _)| string::is_str(*text)) else {
        return Err(thread.raise_type_error("decoding error handler must return (str, int) tuple"));
    };
    let object = attribute::get(*exception, crate::names::names().object, thread)?;
    if !bytes::is_bytes(*object) {
        return Err(thread.raise_type_error("exception attribute 'object' must be bytes"));
    }
    let next = position(next, BytesObject::of(*object).len(), thread)?;
    Ok(DecodeReply { text: text.to_owned(), next, object })
}

/// Calls a handler for characters that cannot be translated: the replacement and where to go on.
pub fn call_translate_handler(handler: Value, exception: Owned, len: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
    let result = call::call(handler, &[*exception], thread)?;
    let Some((text, next)) = pair(*result).filter(|(text, _)| string::is_str(*text)) else {
        return Err(thread.raise_type_error("translating error handler must return (str, int) tuple"));
    };
    let next = position(next, len, thread)?;
    Ok((text.to_owned(), next))
}

/// The dict of error handlers, with the built-in ones in it.
fn registry(thread: &mut Thread) -> Owned {
    let interpreter = thread.interpreter;
    if let Some(found) = interpreter.load(&interpreter.codec_errors) {
        return found;
    }
    let made = dict::new();
    for (name, def) in BUILTIN {
        DictObject::of(*made).set_by_text(name, builtin_function::new(def, None, None));
    }
    interpreter.store(&interpreter.codec_errors, Some(made.clone()));
    made
}

/// `codecs.lookup_error(name)`.
pub fn lookup(name: &str, thread: &mut Thread) -> PyResult {
    match DictObject::of(*registry(thread)).get_by_text(name) {
        Some(handler) => Ok(handler),
        None => Err(thread.raise(&exc::LOOKUP_ERROR, format!("unknown error handler name '{name}'"))),
    }
}

/// `codecs.register_error(name, handler)`.
pub fn register(name: &str, handler: Value, thread: &mut Thread) -> PyResult<()> {
    if !call::is_callable(handler) {
        return Err(thread.raise_type_error("handler must be callable"));
    }
    DictObject::of(*registry(thread)).set_by_text(name, handler.to_owned());
    Ok(())
}

/// Whether there was a handler of this name; the built-in ones stay.
pub fn unregister(name: &str, thread: &mut Thread) -> PyResult<bool> {
    if BUILTIN.iter().any(|(builtin, _)| *builtin == name) {
        return Err(thread.raise_value_error(format!("cannot un-register built-in error handler '{name}'")));
    }
    let registry = registry(thread);
    let key = Owned::str(name);
    Ok(DictObject::of(*registry).remove(*key, thread)?.is_some())
}

macro_rules! builtin_handlers {
    ($($name:literal $function:ident $shown:literal;)*) => {
        static BUILTIN: &[(&str, &MethodDef)] = &[$(($name, {
            static DEF: MethodDef = MethodDef {
                name: $shown,
                func: NativeFn::One($function),
                kind: MethodKind::Static,
                signature: "-(exception, /)",
                doc: concat!("Implements the '", $name, "' error handling."),
            };
            &DEF
        })),*];
    };
}

builtin_handlers! {
    "strict" strict "strict_errors";
    "ignore" ignore "ignore_errors";
    "replace" replace "replace_errors";
    "xmlcharrefreplace" xmlcharrefreplace "xmlcharrefreplace_errors";
    "backslashreplace" backslashreplace "backslashreplace_errors";
    "namereplace" namereplace "namereplace_errors";
    "surrogateescape" surrogateescape "surrogateescape";
    "surrogatepass" surrogatepass "surrogatepass";
}

/// What a Unicode error is about.
enum Subject {
    Encode(Owned),
    Decode(Owned),
    Translate(Owned),
}

/// The parts of a Unicode error that handlers need; start and end are within the object.
struct UnicodeFault {
    subject: Subject,
    start: usize,
    end: usize,
    encoding: String,
}

fn parts(exception: Value, thread: &mut Thread) -> PyResult<Option<UnicodeFault>> {
    if !is_exception(exception) {
        return Ok(None);
    }
    let is = |class: &StaticType| exception.is_instance(class.get());
    let (is_encode, is_decode) = (is(&exc::UNICODE_ENCODE_ERROR), is(&exc::UNICODE_DECODE_ERROR));
    if !is_encode && !is_decode && !is(&exc::UNICODE_TRANSLATE_ERROR) {
        return Ok(None);
    }
    let error = UnicodeErrorObject::of(exception);
    let header = &error.base.header;
    let Some(object) = error.object.load(header) else {
        return Err(thread.raise_type_error("UnicodeError 'object' attribute is not set"));
    };
    let fits = if is_decode { bytes::is_bytes(*object) } else { string::is_str(*object) };
    if !fits {
        let wanted = if is_decode { "bytes" } else { "str" };
        return Err(thread.raise_type_error(format!("UnicodeError 'object' attribute must be a {wanted}")));
    }
    let len = if is_decode { BytesObject::of(*object).len() } else { StrObject::of(*object).len() } as i64;
    let start = error.start.load(Ordering::Relaxed).clamp(0, (len - 1).max(0));
    let end = error.end.load(Ordering::Relaxed).max(1).min(len).max(start);
    let encoding = error.encoding.load(header).filter(|encoding| string::is_str(**encoding));
    let encoding = encoding.map_or(String::new(), |encoding| StrObject::of(*encoding).to_string_lossy());
    let subject = if is_encode {
        Subject::Encode(object)
    } else if is_decode {
        Subject::Decode(object)
    } else {
        Subject::Translate(object)
    };
    Ok(Some(UnicodeFault { subject, start: start as usize, end: end as usize, encoding }))
}

fn result(text: Owned, next: usize) -> PyResult {
    Ok(tuple::pack([text, Owned::usize(next)]))
}

fn strict(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    if is_exception(exception) {
        return Err(thread.raise_exception(exception.to_owned()));
    }
    Err(thread.raise_type_error("codec must pass exception instance"))
}

fn ignore(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    match parts(exception, thread)? {
        Some(fault) => result(string::empty(), fault.end),
        None => Err(raise_unhandled(exception, thread)),
    }
}

fn replace(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    let Some(fault) = parts(exception, thread)? else { return Err(raise_unhandled(exception, thread)) };
    let (code, count) = match fault.subject {
        Subject::Encode(_) => (u32::from(b'?'), fault.end - fault.start),
        Subject::Decode(_) => (0xFFFD, 1),
        Subject::Translate(_) => (0xFFFD, fault.end - fault.start),
    };
    result(string::from_code_points(&vec![code; count]), fault.end)
}

/// Runs a native handler over the range of an encoding (or translating) error.
fn run_encode(handler: Handler, text: Value, fault: &UnicodeFault, form: Option<SurrogateForm>) -> Option<(Owned, usize)> {
    let range = Fault { start: fault.start, end: fault.end, reason: "" };
    handlers::encode(handler, units(StrObject::of(text)), range, form).map(|(replacement, next)| match replacement {
        Replacement::Text(latin1) => (string::from_latin1(&latin1), next),
        Replacement::Bytes(raw) => (bytes::from_vec(raw), next),
    })
}

fn encode_only(handler: Handler, exception: Value, thread: &mut Thread) -> PyResult {
    if let Some(fault) = parts(exception, thread)?
        && let Subject::Encode(text) = &fault.subject
        && let Some((reply, next)) = run_encode(handler, **text, &fault, None)
    {
        return result(reply, next);
    }
    Err(raise_unhandled(exception, thread))
}

fn xmlcharrefreplace(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    encode_only(Handler::XmlCharRefReplace, exception, thread)
}

fn namereplace(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    encode_only(Handler::NameReplace, exception, thread)
}

fn backslashreplace(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    let Some(fault) = parts(exception, thread)? else { return Err(raise_unhandled(exception, thread)) };
    match &fault.subject {
        Subject::Encode(text) | Subject::Translate(text) => match run_encode(Handler::BackslashReplace, **text, &fault, None) {
            Some((reply, next)) => result(reply, next),
            None => Err(raise_unhandled(exception, thread)),
        },
        Subject::Decode(input) => {
            let mut out = Builder::new();
            for byte in BytesObject::of(**input).as_slice().get(fault.start..fault.end).unwrap_or(&[]) {
                out.push_str(&format!("\\x{byte:02x}"));
            }
            result(out.finish(), fault.end)
        }
    }
}

fn surrogateescape(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    let Some(fault) = parts(exception, thread)? else { return Err(raise_unhandled(exception, thread)) };
    let range = Fault { start: fault.start, end: fault.end, reason: "" };
    match &fault.subject {
        Subject::Encode(text) => {
            let text: Units<'_> = units(StrObject::of(**text));
            match handlers::escaped_bytes(text, range) {
                Some(raw) => result(bytes::from_vec(raw), fault.end),
                None => Err(thread.raise_exception(exception.to_owned())),
            }
        }
        Subject::Decode(input) => run_decode(Handler::SurrogateEscape, exception, **input, range, None, thread),
        Subject::Translate(_) => Err(raise_unhandled(exception, thread)),
    }
}

fn run_decode(handler: Handler, exception: Value, input: Value, range: Fault, form: Option<SurrogateForm>, thread: &mut Thread) -> PyResult {
    let mut out = Buffer::new();
    match handlers::decode(handler, BytesObject::of(input).as_slice(), range, form, &mut out) {
        Some(next) => result(from_buffer(out), next),
        None => Err(thread.raise_exception(exception.to_owned())),
    }
}

/// The encoding that `surrogatepass` is to work for.
fn surrogate_form(encoding: &str) -> Option<SurrogateForm> {
    let name: String = encoding.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
    Some(match name.as_str() {
        "utf8" | "cp65001" => SurrogateForm::Utf8,
        "utf16" => SurrogateForm::Utf16(ByteOrder::NATIVE),
        "utf16le" => SurrogateForm::Utf16(ByteOrder::Little),
        "utf16be" => SurrogateForm::Utf16(ByteOrder::Big),
        "utf32" => SurrogateForm::Utf32(ByteOrder::NATIVE),
        "utf32le" => SurrogateForm::Utf32(ByteOrder::Little),
        "utf32be" => SurrogateForm::Utf32(ByteOrder::Big),
        _ => return None,
    })
}

fn surrogatepass(_module: Value, exception: Value, thread: &mut Thread) -> PyResult {
    let Some(fault) = parts(exception, thread)? else { return Err(raise_unhandled(exception, thread)) };
    let form = surrogate_form(&fault.encoding);
    match &fault.subject {
        Subject::Encode(text) => match form.and_then(|form| run_encode(Handler::SurrogatePass, **text, &fault, Some(form))) {
            Some((reply, next)) => result(reply, next),
            None => Err(thread.raise_exception(exception.to_owned())),
        },
        Subject::Decode(input) => {
            let range = Fault { start: fault.start, end: fault.end, reason: "" };
            match form {
                Some(_) => run_decode(Handler::SurrogatePass, exception, **input, range, form, thread),
                None => Err(thread.raise_exception(exception.to_owned())),
            }
        }
        Subject::Translate(_) => Err(raise_unhandled(exception, thread)),
    }
}

/// A small int, for maps.
pub(crate) fn code_of(value: Value) -> Option<i64> {
    if convert::is_int(value) { Some(int::as_i64(value).unwrap_or(i64::MAX)) } else { None }
}
