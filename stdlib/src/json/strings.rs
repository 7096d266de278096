//! JSON strings: reading and writing.

use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple;

/// A document with quick access to its characters.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    pub object: Value,
    text: &'a StrObject,
    ascii: Option<&'a [u8]>,
    pub len: usize,
}

impl<'a> Document<'a> {
    pub fn new(object: Value) -> Document<'a> {
        let text = StrObject::of(object);
        Document { object, text, ascii: text.as_ascii().map(str::as_bytes), len: text.len() }
    }

    /// Character `i`; beyond the end something that no JSON has.
    #[inline(always)]
    pub fn at(&self, i: usize) -> u32 {
        match self.ascii {
            Some(bytes) => bytes.get(i).map_or(u32::MAX, |byte| u32::from(*byte)),
            None if i < self.len => self.text.char_at(i),
            None => u32::MAX,
        }
    }

    pub fn is_at(&self, i: usize, ch: char) -> bool {
        self.at(i) == u32::from(ch)
    }

    pub fn slice(&self, from: usize, to: usize) -> Owned {
        string::slice(self.text, from, to)
    }

    /// The text of an ASCII part.
    pub fn ascii_part(&self, from: usize, to: usize) -> String {
        (from..to).filter_map(|i| char::from_u32(self.at(i))).collect()
    }
}

/// `JSONDecodeError(message, document, position)`.
pub fn decode_error(message: &str, document: Value, position: i64, thread: &mut Thread) -> Raised {
    let made = (|| {
        let decoder = pyrt_runtime::import::import_module("json.decoder", thread)?;
        let class = attribute::get_by_text(*decoder, "JSONDecodeError", thread)?;
        call::call(*class, &[*Owned::str(message), document, *Owned::int(position)], thread)
    })();
    match made {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

fn hex4(document: &Document<'_>, from: usize) -> Option<u32> {
    (from..from + 4).try_fold(0, |code, i| Some(code * 16 + char::from_u32(document.at(i))?.to_digit(16)?))
}

/// The string whose opening quote is before `end`, and the position behind its closing quote.
pub fn scan(document: &Document<'_>, mut end: usize, strict: bool, thread: &mut Thread) -> PyResult<(Owned, usize)> {
    let begin = end as i64 - 1;
    let unterminated = |thread: &mut Thread| decode_error("Unterminated string starting at", document.object, begin, thread);
    let mut built: Option<Builder> = None;
    loop {
        let mut next = end;
        let mut ch = 0;
        while next < document.len {
            ch = document.at(next);
            if ch == u32::from('"') || ch == u32::from('\\') {
                break;
            }
            if ch <= 0x1F && strict {
                return Err(decode_error("Invalid control character at", document.object, next as i64, thread));
            }
            next += 1;
        }
        if next == document.len {
            return Err(unterminated(thread));
        }
        if ch == u32::from('"') {
            let Some(mut out) = built else { return Ok((document.slice(end, next), next + 1)) };
            if next > end {
                out.push_object(*document.slice(end, next));
            }
            return Ok((out.finish(), next + 1));
        }
        let out = built.get_or_insert_default();
        if next > end {
            out.push_object(*document.slice(end, next));
        }
        next += 1;
        if next == document.len {
            return Err(unterminated(thread));
        }
        let escape = char::from_u32(document.at(next)).unwrap_or('\0');
        if escape != 'u' {
            let ch = match escape {
                '"' | '\\' | '/' => escape,
                'b' => '\u{8}',
                'f' => '\u{C}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                _ => return Err(decode_error("Invalid \\escape", document.object, next as i64 - 1, thread)),
            };
            out.push_char(u32::from(ch));
            end = next + 1;
            continue;
        }
        next += 1;
        end = next + 4;
        let invalid = |at: usize, thread: &mut Thread| decode_error("Invalid \\uXXXX escape", document.object, at as i64, thread);
        if end > document.len {
            return Err(invalid(next - 1, thread));
        }
        let Some(mut code) = hex4(document, next) else { return Err(invalid(end - 5, thread)) };
        let pair_follows = (0xD800..0xDC00).contains(&code) && end + 6 < document.len && document.is_at(end, '\\') && document.is_at(end + 1, 'u');
        if pair_follows {
            let Some(low) = hex4(document, end + 2) else { return Err(invalid(end + 1, thread)) };
            if (0xDC00..0xE000).contains(&low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                end += 6;
            }
        }
        out.push_char(code);
    }
}

fn not_a_string(value: Value, thread: &mut Thread) -> Raised {
    let name = value.type_object().full_name();
    thread.raise_type_error(format!("first argument must be a string, not {name}"))
}

pub fn scanstring(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let end = convert::index_as_i64(args.at(1), thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
    let strict = args.get(2).map_or(Ok(true), |strict| compare::truth(strict, thread))?;
    if !string::is_str(args.at(0)) {
        return Err(not_a_string(args.at(0), thread));
    }
    let document = Document::new(args.at(0));
    match usize::try_from(end) {
        Ok(end) if end <= document.len => {
            let (text, end) = scan(&document, end, strict, thread)?;
            Ok(tuple::pack([text, Owned::usize(end)]))
        }
        _ => Err(thread.raise_value_error("end is out of bounds")),
    }
}

/// Appends a quoted string.
pub fn push_quoted(out: &mut Builder, text: &StrObject, ascii_only: bool) {
    out.push_str("\"");
    if let Some(ascii) = text.as_ascii() {
        let mut start = 0;
        for (i, byte) in ascii.bytes().enumerate() {
            if byte < 0x20 || byte == b'"' || byte == b'\\' || (ascii_only && byte == 0x7F) {
                out.push_str(&ascii[start..i]);
                push_escape(out, u32::from(byte));
                start = i + 1;
            }
        }
        out.push_str(&ascii[start..]);
    } else {
        for ch in text.chars().iter() {
            if ch < 0x20 || ch == u32::from('"') || ch == u32::from('\\') || (ascii_only && ch >= 0x7F) {
                push_escape(out, ch);
            } else {
                out.push_char(ch);
            }
        }
    }
    out.push_str("\"");
}

fn push_escape(out: &mut Builder, ch: u32) {
    match char::from_u32(ch) {
        Some('"') => out.push_str("\\\""),
        Some('\\') => out.push_str("\\\\"),
        Some('\u{8}') => out.push_str("\\b"),
        Some('\u{C}') => out.push_str("\\f"),
        Some('\n') => out.push_str("\\n"),
        Some('\r') => out.push_str("\\r"),
        Some('\t') => out.push_str("\\t"),
        _ if ch >= 0x10000 => {
            let rest = ch - 0x10000;
            out.push_str(&format!("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF)));
        }
        _ => out.push_str(&format!("\\u{ch:04x}")),
    }
}

fn encode(value: Value, ascii_only: bool, thread: &mut Thread) -> PyResult {
    if !string::is_str(value) {
        return Err(not_a_string(value, thread));
    }
    let mut out = Builder::new();
    push_quoted(&mut out, StrObject::of(value), ascii_only);
    Ok(out.finish())
}

pub fn encode_basestring_ascii(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    encode(value, true, thread)
}

pub fn encode_basestring(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    encode(value, false, thread)
}
