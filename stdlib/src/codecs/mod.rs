//! The module `_codecs`.

use pyrt_runtime::codecs::native::{self, decode_steps};
use pyrt_runtime::codecs::{Codec, argument_name, charmap, errors, registry};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{buffer, compare, convert};
use pyrt_runtime::text::Buffer;
use pyrt_runtime::text::codec::{ByteOrder, bytes_escape, unicode_escape, utf7};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::str::arguments::{expect_str, shown_type};
use pyrt_runtime::types::str::{from_buffer, units};
use pyrt_runtime::types::string::{self};
use pyrt_runtime::types::type_object::{MethodDef, function};
use pyrt_runtime::types::{module, tuple};
use unicode_escape::InvalidEscape;

pub const MODULE: NativeModule = NativeModule { name: "_codecs", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

/// The name of an error handler: str or None.
fn errors_of(args: Args<'_>, i: usize, function: &str, thread: &mut Thread) -> PyResult<String> {
    match args.get(i) {
        None => Ok("strict".to_owned()),
        Some(value) if value.is_none() => Ok("strict".to_owned()),
        Some(value) if string::is_str(value) => argument_name(value, "errors", thread),
        Some(other) => {
            let name = shown_type(other);
            let number = i + 1;
            Err(thread.raise_type_error(format!("{function}() argument {number} must be str or None, not {name}")))
        }
    }
}

fn flag(args: Args<'_>, i: usize, default: bool, thread: &mut Thread) -> PyResult<bool> {
    args.get(i).map_or(Ok(default), |value| compare::truth(value, thread))
}

fn with_length(result: Owned, length: usize) -> Owned {
    tuple::pack([result, Owned::usize(length)])
}

fn encode_by(codec: Codec, function: &str, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let text = args.at(0);
    let length = expect_str(text, &format!("{function}() argument 1"), thread)?.len();
    let errors = errors_of(args, 1, function, thread)?;
    let encoded = native::encode(codec, text, &errors, thread)?;
    Ok(with_length(bytes::from_vec(encoded), length))
}

fn decode_by(codec: Codec, function: &str, args: Args<'_>, is_final: bool, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, function, thread)?;
    let data = args.at(0);
    let copied;
    let input = if bytes::is_bytes(data) {
        BytesObject::of(data).as_slice()
    } else {
        copied = buffer::copy_bytes(data, thread)?;
        &copied
    };
    let (text, consumed, _) = native::decode_stateful(codec, input, &errors, is_final, thread)?;
    Ok(with_length(text, consumed))
}

macro_rules! codecs {
    ($($encode:ident $decode:ident $codec:expr, $stateful:expr;)*) => {$(
        fn $encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            encode_by($codec, stringify!($encode), args, thread)
        }

        fn $decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let is_final = !$stateful || flag(args, 2, false, thread)?;
            decode_by($codec, stringify!($decode), args, is_final, thread)
        }
    )*};
}

codecs! {
    utf_8_encode utf_8_decode Codec::Utf8, true;
    latin_1_encode latin_1_decode Codec::Latin1, false;
    ascii_encode ascii_decode Codec::Ascii, false;
    utf_16_le_encode utf_16_le_decode Codec::Utf16(Some(ByteOrder::Little)), true;
    utf_16_be_encode utf_16_be_decode Codec::Utf16(Some(ByteOrder::Big)), true;
    utf_32_le_encode utf_32_le_decode Codec::Utf32(Some(ByteOrder::Little)), true;
    utf_32_be_encode utf_32_be_decode Codec::Utf32(Some(ByteOrder::Big)), true;
}

/// A byte order as a number: below zero little, above big, zero by a mark.
fn order_of(args: Args<'_>, i: usize, thread: &mut Thread) -> PyResult<Option<ByteOrder>> {
    let order = args.get(i).map_or(Ok(0), |value| convert::as_c_int(value, thread))?;
    Ok(match order {
        0 => None,
        1.. => Some(ByteOrder::Big),
        _ => Some(ByteOrder::Little),
    })
}

macro_rules! marked {
    ($($encode:ident $decode:ident $ex_decode:ident $codec:ident;)*) => {$(
        fn $encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let order = order_of(args, 2, thread)?;
            encode_by(Codec::$codec(order), stringify!($encode), args, thread)
        }

        fn $decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let is_final = flag(args, 2, false, thread)?;
            decode_by(Codec::$codec(None), stringify!($decode), args, is_final, thread)
        }

        fn $ex_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let errors = errors_of(args, 1, stringify!($ex_decode), thread)?;
            let order = order_of(args, 2, thread)?;
            let is_final = flag(args, 3, false, thread)?;
            let input = buffer::copy_bytes(args.at(0), thread)?;
            let (text, consumed, codec) = native::decode_stateful(Codec::$codec(order), &input, &errors, is_final, thread)?;
            let order = match codec {
                Codec::$codec(Some(ByteOrder::Little)) => -1,
                Codec::$codec(Some(ByteOrder::Big)) => 1,
                _ => 0,
            };
            Ok(tuple::pack([text, Owned::usize(consumed), Owned::int(order)]))
        }
    )*};
}

marked! {
    utf_16_encode utf_16_decode utf_16_ex_decode Utf16;
    utf_32_encode utf_32_decode utf_32_ex_decode Utf32;
}

fn utf_7_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let text = expect_str(args.at(0), "utf_7_encode() argument 1", thread)?;
    errors_of(args, 1, "utf_7_encode", thread)?;
    let mut out = Vec::new();
    utf7::encode(units(text), &mut out);
    Ok(with_length(bytes::from_vec(out), text.len()))
}

fn utf_7_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, "utf_7_decode", thread)?;
    let is_final = flag(args, 2, false, thread)?;
    let input = buffer::copy_bytes(args.at(0), thread)?;
    let mut out = Buffer::new();
    let step = |input: &[u8], at: usize, out: &mut Buffer, _: &mut Thread| Ok(utf7::decode(input, at, is_final, out));
    let consumed = decode_steps("utf7", None, &input, 0, &errors, &mut out, step, thread)?;
    Ok(with_length(from_buffer(out), consumed))
}

/// Bytes, or the UTF-8 of a str.
fn bytes_or_text(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if string::is_str(value) {
        return native::encode(Codec::Utf8, value, "strict", thread);
    }
    buffer::copy_bytes(value, thread)
}

fn warn_of(invalid: Option<InvalidEscape>, prefix: &str, input: &[u8], thread: &mut Thread) -> PyResult<()> {
    let message = match invalid {
        None => return Ok(()),
        Some(InvalidEscape::Character(at)) => {
            let shown = char::from(input.get(at).copied().unwrap_or(b'?'));
            format!("{prefix}\"\\{shown}\" is an invalid escape sequence. Such sequences will not work in the future. ")
        }
        Some(InvalidEscape::Octal(at)) => {
            let digits: String = input.iter().skip(at).take(3).map(|b| char::from(*b)).collect();
            format!("{prefix}\"\\{digits}\" is an invalid octal escape sequence. Such sequences will not work in the future. ")
        }
    };
    pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, &message, 1, thread)
}

fn character_of(name: &str) -> Option<u32> {
    match pyrt_unicode::names::lookup(name) {
        Some(pyrt_unicode::names::Found::Character(code)) => Some(code),
        _ => None,
    }
}

fn unicode_escape_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, "unicode_escape_decode", thread)?;
    let is_final = flag(args, 2, true, thread)?;
    let input = bytes_or_text(args.at(0), thread)?;
    let mut out = Buffer::new();
    let mut invalid = None;
    let step = |input: &[u8], at: usize, out: &mut Buffer, _: &mut Thread| {
        Ok(unicode_escape::decode(input, at, is_final, out, character_of, &mut invalid))
    };
    let consumed = decode_steps("unicodeescape", None, &input, 0, &errors, &mut out, step, thread)?;
    warn_of(invalid, "", &input, thread)?;
    Ok(with_length(from_buffer(out), consumed))
}

fn raw_unicode_escape_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, "raw_unicode_escape_decode", thread)?;
    let is_final = flag(args, 2, true, thread)?;
    let input = bytes_or_text(args.at(0), thread)?;
    let mut out = Buffer::new();
    let step = |input: &[u8], at: usize, out: &mut Buffer, _: &mut Thread| Ok(unicode_escape::decode_raw(input, at, is_final, out));
    let consumed = decode_steps("rawunicodeescape", None, &input, 0, &errors, &mut out, step, thread)?;
    Ok(with_length(from_buffer(out), consumed))
}

fn unicode_escape_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let text = expect_str(args.at(0), "unicode_escape_encode() argument 1", thread)?;
    errors_of(args, 1, "unicode_escape_encode", thread)?;
    let mut out = Vec::new();
    unicode_escape::encode(units(text), &mut out);
    Ok(with_length(bytes::from_vec(out), text.len()))
}

fn raw_unicode_escape_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let text = expect_str(args.at(0), "raw_unicode_escape_encode() argument 1", thread)?;
    errors_of(args, 1, "raw_unicode_escape_encode", thread)?;
    let mut out = Vec::new();
    unicode_escape::encode_raw(units(text), &mut out);
    Ok(with_length(bytes::from_vec(out), text.len()))
}

fn escape_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, "escape_decode", thread)?;
    let input = bytes_or_text(args.at(0), thread)?;
    let on_error = match errors.as_str() {
        "strict" => Some(bytes_escape::OnError::Strict),
        "replace" => Some(bytes_escape::OnError::Replace),
        "ignore" => Some(bytes_escape::OnError::Ignore),
        _ => None,
    };
    let mut invalid = None;
    match bytes_escape::decode(&input, on_error.unwrap_or(bytes_escape::OnError::Strict), &mut invalid) {
        Ok(decoded) => {
            warn_of(invalid, "b", &input, thread)?;
            Ok(with_length(bytes::from_vec(decoded), input.len()))
        }
        Err(bytes_escape::EscapeError::Trailing) => Err(thread.raise_value_error("Trailing \\ in string")),
        Err(bytes_escape::EscapeError::InvalidHex(_)) if on_error.is_none() => {
            Err(thread.raise_value_error(format!("decoding error; unknown error handling code: {errors}")))
        }
        Err(bytes_escape::EscapeError::InvalidHex(at)) => {
            Err(thread.raise_value_error(format!("invalid \\x escape at position {at}")))
        }
    }
}

fn escape_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let data = args.at(0);
    if !bytes::is_bytes(data) {
        let name = shown_type(data);
        return Err(thread.raise_type_error(format!("escape_encode() argument 1 must be bytes, not {name}")));
    }
    errors_of(args, 1, "escape_encode", thread)?;
    let input = BytesObject::of(data).as_slice();
    Ok(with_length(bytes::from_vec(bytes_escape::encode(input)), input.len()))
}

fn readbuffer_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    errors_of(args, 1, "readbuffer_encode", thread)?;
    let input = bytes_or_text(args.at(0), thread)?;
    let length = input.len();
    Ok(with_length(bytes::from_vec(input), length))
}

fn mapping(args: Args<'_>) -> Option<Value> {
    args.get(2).filter(|map| !map.is_none())
}

fn charmap_decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let errors = errors_of(args, 1, "charmap_decode", thread)?;
    let input = buffer::copy_bytes(args.at(0), thread)?;
    let text = charmap::decode(&input, &errors, mapping(args), thread)?;
    Ok(with_length(text, input.len()))
}

fn charmap_encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = expect_str(args.at(0), "charmap_encode() argument 1", thread)?.len();
    let errors = errors_of(args, 1, "charmap_encode", thread)?;
    let encoded = charmap::encode(args.at(0), &errors, mapping(args), thread)?;
    Ok(with_length(encoded, length))
}

fn charmap_build(_module: Value, map: Value, thread: &mut Thread) -> PyResult {
    expect_str(map, "charmap_build() argument", thread)?;
    charmap::build(map, thread)
}

fn register(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    registry::register(function, thread)?;
    Ok(Owned::none())
}

fn unregister(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    registry::unregister(function, thread)?;
    Ok(Owned::none())
}

fn lookup(_module: Value, encoding: Value, thread: &mut Thread) -> PyResult {
    let encoding = argument_name(encoding, "lookup() argument", thread)?;
    registry::lookup(&encoding, thread)
}

fn register_error(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = argument_name(args.at(0), "register_error() argument 1", thread)?;
    errors::register(&name, args.at(1), thread)?;
    Ok(Owned::none())
}

fn unregister_error(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = argument_name(name, "_unregister_error() argument", thread)?;
    errors::unregister(&name, thread).map(Owned::bool)
}

fn lookup_error(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = argument_name(name, "lookup_error() argument", thread)?;
    errors::lookup(&name, thread)
}

fn names_of(args: Args<'_>, function: &str, thread: &mut Thread) -> PyResult<(String, Option<String>)> {
    let encoding = match args.get(1) {
        Some(value) => argument_name(value, &format!("{function}() argument 'encoding'"), thread)?,
        None => "utf-8".to_owned(),
    };
    let errors = match args.get(2) {
        Some(value) => Some(argument_name(value, &format!("{function}() argument 'errors'"), thread)?),
        None => None,
    };
    Ok((encoding, errors))
}

fn encode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (encoding, errors) = names_of(args, "encode", thread)?;
    registry::encode(args.at(0), &encoding, errors.as_deref(), thread)
}

fn decode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (encoding, errors) = names_of(args, "decode", thread)?;
    registry::decode(args.at(0), &encoding, errors.as_deref(), thread)
}

const STATELESS_DECODE: &str = "($module, data, errors=None, /)";
const STATEFUL_DECODE: &str = "($module, data, errors=None, final=False, /)";
const ESCAPE_DECODE: &str = "($module, data, errors=None, final=True, /)";
const EX_DECODE: &str = "($module, data, errors=None, byteorder=0, final=False,\n                 /)";
const ENCODE: &str = "($module, str, errors=None, /)";
const ORDERED_ENCODE: &str = "($module, str, errors=None, byteorder=0, /)";

static FUNCTIONS: &[MethodDef] = &[
    function("register", NativeFn::One(register), "($module, search_function, /)"),
    function("unregister", NativeFn::One(unregister), "($module, search_function, /)"),
    function("lookup", NativeFn::One(lookup), "($module, encoding, /)"),
    function("encode", NativeFn::Bound(encode), "($module, /, obj, encoding='utf-8', errors='strict')"),
    function("decode", NativeFn::Bound(decode), "($module, /, obj, encoding='utf-8', errors='strict')"),
    function("escape_encode", NativeFn::Bound(escape_encode), STATELESS_DECODE),
    function("escape_decode", NativeFn::Bound(escape_decode), STATELESS_DECODE),
    function("utf_8_encode", NativeFn::Bound(utf_8_encode), ENCODE),
    function("utf_8_decode", NativeFn::Bound(utf_8_decode), STATEFUL_DECODE),
    function("utf_7_encode", NativeFn::Bound(utf_7_encode), ENCODE),
    function("utf_7_decode", NativeFn::Bound(utf_7_decode), STATEFUL_DECODE),
    function("utf_16_encode", NativeFn::Bound(utf_16_encode), ORDERED_ENCODE),
    function("utf_16_le_encode", NativeFn::Bound(utf_16_le_encode), ENCODE),
    function("utf_16_be_encode", NativeFn::Bound(utf_16_be_encode), ENCODE),
    function("utf_16_decode", NativeFn::Bound(utf_16_decode), STATEFUL_DECODE),
    function("utf_16_le_decode", NativeFn::Bound(utf_16_le_decode), STATEFUL_DECODE),
    function("utf_16_be_decode", NativeFn::Bound(utf_16_be_decode), STATEFUL_DECODE),
    function("utf_16_ex_decode", NativeFn::Bound(utf_16_ex_decode), EX_DECODE),
    function("utf_32_encode", NativeFn::Bound(utf_32_encode), ORDERED_ENCODE),
    function("utf_32_le_encode", NativeFn::Bound(utf_32_le_encode), ENCODE),
    function("utf_32_be_encode", NativeFn::Bound(utf_32_be_encode), ENCODE),
    function("utf_32_decode", NativeFn::Bound(utf_32_decode), STATEFUL_DECODE),
    function("utf_32_le_decode", NativeFn::Bound(utf_32_le_decode), STATEFUL_DECODE),
    function("utf_32_be_decode", NativeFn::Bound(utf_32_be_decode), STATEFUL_DECODE),
    function("utf_32_ex_decode", NativeFn::Bound(utf_32_ex_decode), EX_DECODE),
    function("unicode_escape_encode", NativeFn::Bound(unicode_escape_encode), ENCODE),
    function("unicode_escape_decode", NativeFn::Bound(unicode_escape_decode), ESCAPE_DECODE),
    function("raw_unicode_escape_encode", NativeFn::Bound(raw_unicode_escape_encode), ENCODE),
    function("raw_unicode_escape_decode", NativeFn::Bound(raw_unicode_escape_decode), ESCAPE_DECODE),
    function("latin_1_encode", NativeFn::Bound(latin_1_encode), ENCODE),
    function("latin_1_decode", NativeFn::Bound(latin_1_decode), STATELESS_DECODE),
    function("ascii_encode", NativeFn::Bound(ascii_encode), ENCODE),
    function("ascii_decode", NativeFn::Bound(ascii_decode), STATELESS_DECODE),
    function("charmap_encode", NativeFn::Bound(charmap_encode), "($module, str, errors=None, mapping=None, /)"),
    function("charmap_decode", NativeFn::Bound(charmap_decode), "($module, data, errors=None, mapping=None, /)"),
    function("charmap_build", NativeFn::One(charmap_build), "($module, map, /)"),
    function("readbuffer_encode", NativeFn::Bound(readbuffer_encode), STATELESS_DECODE),
    function("register_error", NativeFn::Bound(register_error), "($module, errors, handler, /)"),
    function("_unregister_error", NativeFn::One(unregister_error), "($module, errors, /)"),
    function("lookup_error", NativeFn::One(lookup_error), "($module, name, /)"),
];
