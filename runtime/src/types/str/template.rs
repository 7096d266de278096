//! `str.format` (PEP 3101): replacement fields, their names, and rendering.

use std::ops::Range;

use crate::exceptions::exc;
use crate::number::format_spec::FormatSpec;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::{attribute, convert, subscript};
use crate::text::Buffer;
use crate::threads::thread_state::Thread;
use crate::types::dict::raise_key_error;
use crate::types::str::arguments::expect_str;
use crate::types::str::methods::exact;
use crate::types::str::{from_buffer, raise_format_error, units};
use crate::types::string::{self, StrObject};

/// A ValueError with this message.
pub type TemplateError = &'static str;

/// A replacement field; ranges are offsets in the template.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: Range<usize>,
    pub conversion: Option<u32>,
    pub spec: Range<usize>,
    /// The specification has fields of its own.
    pub nested: bool,
}

/// Literal text, followed by a field unless it ends in an escaped brace or the template is at its end.
#[derive(Clone, Debug)]
pub struct Piece {
    pub literal: Range<usize>,
    pub field: Option<Field>,
}

/// Cuts a template into pieces, `until` an end.
pub struct Pieces {
    at: usize,
    until: usize,
}

const OPEN: u32 = b'{' as u32;
const CLOSE: u32 = b'}' as u32;

impl Pieces {
    pub fn new(range: Range<usize>) -> Pieces {
        Pieces { at: range.start, until: range.end }
    }

    /// The next piece, `None` at the end.
    pub fn next(&mut self, text: &StrObject) -> Result<Option<Piece>, TemplateError> {
        if self.at >= self.until {
            return Ok(None);
        }
        let start = self.at;
        let chars = text.chars();
        let brace = (start..self.until).find(|&i| matches!(chars.get(i), OPEN | CLOSE));
        let Some(brace) = brace else {
            self.at = self.until;
            return Ok(Some(Piece { literal: start..self.until, field: None }));
        };
        let kind = chars.get(brace);
        let next = (brace + 1 < self.until).then(|| chars.get(brace + 1));
        if next == Some(kind) {
            self.at = brace + 2;
            return Ok(Some(Piece { literal: start..brace + 1, field: None }));
        }
        if kind == CLOSE {
            return Err("Single '}' encountered in format string");
        }
        if next.is_none() {
            return Err("Single '{' encountered in format string");
        }
        self.at = brace + 1;
        let field = self.field(text)?;
        Ok(Some(Piece { literal: start..brace, field: Some(field) }))
    }

    fn take(&mut self, text: &StrObject) -> Option<u32> {
        if self.at >= self.until {
            return None;
        }
        self.at += 1;
        Some(text.char_at(self.at - 1))
    }

    /// The field behind an opening brace.
    fn field(&mut self, text: &StrObject) -> Result<Field, TemplateError> {
        let start = self.at;
        let end = loop {
            match self.take(text) {
                Some(OPEN) => return Err("unexpected '{' in field name"),
                // What stands in brackets may be any character.
                Some(0x5B) => while self.at < self.until && text.char_at(self.at) != 0x5D {
                    self.at += 1;
                },
                Some(end @ (CLOSE | 0x3A | 0x21)) => break end,
                Some(_) => {}
                None => return Err("expected '}' before end of string"),
            }
        };
        let name = start..self.at - 1;
        let mut conversion = None;
        if end == CLOSE {
            return Ok(Field { name, conversion, spec: self.at..self.at, nested: false });
        }
        if end == 0x21 {
            conversion = Some(self.take(text).ok_or("end of string while looking for conversion specifier")?);
            match self.take(text) {
                Some(CLOSE) => return Ok(Field { name, conversion, spec: self.at..self.at, nested: false }),
                Some(0x3A) | None => {}
                Some(_) => return Err("expected ':' after conversion specifier"),
            }
        }
        let start = self.at;
        let (mut depth, mut nested) = (1, false);
        loop {
            match self.take(text) {
                Some(OPEN) => {
                    nested = true;
                    depth += 1;
                }
                Some(CLOSE) => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(Field { name, conversion, spec: start..self.at - 1, nested });
                    }
                }
                Some(_) => {}
                None => return Err("unmatched '{' in format spec"),
            }
        }
    }
}

/// A part of a field name.
#[derive(Clone, Debug)]
pub enum Key {
    Index(i64),
    Name(Range<usize>),
}

/// A part of a field name behind the first.
#[derive(Clone, Debug)]
pub enum Access {
    Attribute(Range<usize>),
    Item(Key),
}

fn is_empty_name() -> TemplateError {
    "Empty attribute in format string"
}

/// A part as a number if it is one.
fn key_of(text: &StrObject, range: Range<usize>) -> Result<Key, TemplateError> {
    let mut number = 0i64;
    for i in range.clone() {
        let Some(digit) = pyrt_unicode::decimal_value(text.char_at(i)) else { return Ok(Key::Name(range)) };
        number = number.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit))).ok_or("Too many decimal digits in format string")?;
    }
    Ok(if range.is_empty() { Key::Name(range) } else { Key::Index(number) })
}

/// Splits a field name into its first part and where the rest begins.
pub fn first_of(text: &StrObject, name: Range<usize>) -> Result<(Key, usize), TemplateError> {
    let end = name.clone().find(|&i| matches!(text.char_at(i), 0x2E | 0x5B)).unwrap_or(name.end);
    Ok((key_of(text, name.start..end)?, end))
}

/// The access at `*at`, which moves behind it.
pub fn next_access(text: &StrObject, at: &mut usize, end: usize) -> Result<Option<Access>, TemplateError> {
    if *at >= end {
        return Ok(None);
    }
    let opener = text.char_at(*at);
    *at += 1;
    let start = *at;
    match opener {
        0x2E => {
            *at = (start..end).find(|&i| matches!(text.char_at(i), 0x2E | 0x5B)).unwrap_or(end);
            if *at == start {
                return Err(is_empty_name());
            }
            Ok(Some(Access::Attribute(start..*at)))
        }
        0x5B => {
            let close = (start..end).find(|&i| text.char_at(i) == 0x5D).ok_or("Missing ']' in format string")?;
            *at = close + 1;
            if close == start {
                return Err(is_empty_name());
            }
            Ok(Some(Access::Item(key_of(text, start..close)?)))
        }
        _ => Err("Only '.' or '[' may follow ']' in format field specifier"),
    }
}

/// How fields without a name are numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Undecided,
    Automatic(i64),
    Manual,
}

/// Where the values of fields come from.
struct Source<'a> {
    args: Option<Args<'a>>,
    keywords: Keywords<'a>,
    numbering: Numbering,
}

enum Keywords<'a> {
    Call(Args<'a>, KwNames),
    Mapping(Value),
}

/// Raises a [`TemplateError`].
pub fn raise(error: TemplateError, thread: &mut Thread) -> Raised {
    thread.raise_value_error(error)
}

/// Nested templates: a specification may have fields, whose specifications may not.
const MAX_DEPTH: u32 = 2;

fn render(text: &StrObject, range: Range<usize>, source: &mut Source<'_>, depth: u32, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    if depth == 0 {
        return Err(thread.raise_value_error("Max string recursion exceeded"));
    }
    let mut pieces = Pieces::new(range);
    while let Some(piece) = pieces.next(text).map_err(|error| raise(error, thread))? {
        out.push_units(units(text).slice(piece.literal));
        if let Some(field) = piece.field {
            render_field(text, &field, source, depth, out, thread)?;
        }
    }
    Ok(())
}

fn render_field(text: &StrObject, field: &Field, source: &mut Source<'_>, depth: u32, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    let mut value = lookup(text, field.name.clone(), source, thread)?;
    if let Some(conversion) = field.conversion {
        value = match u8::try_from(conversion).unwrap_or(0) {
            b'r' => convert::repr(*value, thread)?,
            b's' => convert::str(*value, thread)?,
            b'a' => convert::ascii(*value, thread)?,
            _ if conversion > 32 && conversion < 127 => {
                let shown = char::from(conversion as u8);
                return Err(thread.raise_value_error(format!("Unknown conversion specifier '{shown}'")));
            }
            _ => return Err(thread.raise_value_error(format!("Unknown conversion specifier '\\x{conversion:x}'"))),
        };
    }
    let expanded;
    let (spec_owner, spec) = if field.nested {
        let mut buffer = Buffer::new();
        render(text, field.spec.clone(), source, depth - 1, &mut buffer, thread)?;
        expanded = from_buffer(buffer);
        let object = StrObject::of(*expanded);
        (object, 0..object.len())
    } else {
        (text, field.spec.clone())
    };
    if spec.is_empty() && string::is_exact(*value) {
        out.push_units(units(StrObject::of(*value)));
        return Ok(());
    }
    let spec = if spec.is_empty() { None } else { Some(string::slice(spec_owner, spec.start, spec.end)) };
    let shown = convert::format(*value, spec.as_deref().copied(), thread)?;
    out.push_units(units(StrObject::of(*shown)));
    Ok(())
}

fn lookup(text: &StrObject, name: Range<usize>, source: &mut Source<'_>, thread: &mut Thread) -> PyResult {
    let (first, mut at) = first_of(text, name.clone()).map_err(|error| raise(error, thread))?;
    let is_empty = matches!(&first, Key::Name(range) if range.is_empty());
    let first = match (first, source.numbering) {
        (first @ Key::Name(_), _) if !is_empty => first,
        (Key::Name(_), Numbering::Manual) => {
            return Err(thread.raise_value_error("cannot switch from manual field specification to automatic field numbering"));
        }
        (Key::Name(_), numbering) => {
            let number = if let Numbering::Automatic(number) = numbering { number } else { 0 };
            source.numbering = Numbering::Automatic(number + 1);
            Key::Index(number)
        }
        (Key::Index(_), Numbering::Automatic(_)) => {
            return Err(thread.raise_value_error("cannot switch from automatic field numbering to manual field specification"));
        }
        (first, _) => {
            source.numbering = Numbering::Manual;
            first
        }
    };
    let mut value = match first {
        Key::Index(number) => {
            let Some(args) = source.args else {
                return Err(thread.raise_value_error("Format string contains positional fields"));
            };
            match usize::try_from(number).ok().and_then(|number| args.get(number)) {
                Some(value) => value.to_owned(),
                None => {
                    return Err(thread.raise(&exc::INDEX_ERROR, format!("Replacement index {number} out of range for positional args tuple")));
                }
            }
        }
        Key::Name(range) => {
            let key = string::slice(text, range.start, range.end);
            match source.keywords {
                Keywords::Mapping(mapping) => subscript::get_item(mapping, *key, thread)?,
                Keywords::Call(args, kwnames) => {
                    let wanted = StrObject::of(*key);
                    let found = (0..kwnames.len()).find(|&i| kwnames.get(i).is_some_and(|name| StrObject::of(name).equals(wanted)));
                    match found {
                        Some(i) => args.keyword(i).to_owned(),
                        None => return Err(raise_key_error(*key, thread)),
                    }
                }
            }
        }
    };
    while let Some(access) = next_access(text, &mut at, name.end).map_err(|error| raise(error, thread))? {
        value = match access {
            Access::Attribute(range) => {
                let attribute = string::slice(text, range.start, range.end);
                attribute::get(*value, *attribute, thread)?
            }
            Access::Item(Key::Index(number)) => subscript::get_item(*value, *Owned::int(number), thread)?,
            Access::Item(Key::Name(range)) => {
                let key = string::slice(text, range.start, range.end);
                subscript::get_item(*value, *key, thread)?
            }
        };
    }
    Ok(value)
}

/// `str.format`.
pub fn format(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let source = Source { args: Some(args), keywords: Keywords::Call(args, kwnames), numbering: Numbering::Undecided };
    run(this, source, thread)
}

/// `str.format_map`.
pub fn format_map(this: Value, mapping: Value, thread: &mut Thread) -> PyResult {
    run(this, Source { args: None, keywords: Keywords::Mapping(mapping), numbering: Numbering::Undecided }, thread)
}

fn run(this: Value, mut source: Source<'_>, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(this);
    let mut out = Buffer::with_capacity(text.len() + 16);
    render(text, 0..text.len(), &mut source, MAX_DEPTH, &mut out, thread)?;
    Ok(from_buffer(out))
}

/// `str.__format__`.
pub fn format_str(this: Value, spec: Value, thread: &mut Thread) -> PyResult {
    let spec = expect_str(spec, "__format__() argument", thread)?;
    if spec.is_empty() {
        return if string::is_exact(this) { Ok(this.to_owned()) } else { convert::str(this, thread) };
    }
    let text = StrObject::of(this);
    let type_name = this.type_object().full_name();
    let codes: Vec<u32> = spec.chars().iter().collect();
    let layout = FormatSpec::parse(&codes, b's', b'<', &type_name).and_then(|parsed| parsed.lay_out_text(text.len(), &type_name));
    let layout = layout.map_err(|error| raise_format_error(error, thread))?;
    if layout.left == 0 && layout.right == 0 && layout.take == text.len() {
        return Ok(exact(this));
    }
    let mut out = Buffer::new();
    let total = layout.left.saturating_add(layout.right).saturating_add(layout.take);
    if total > isize::MAX as usize / 8 || !out.try_reserve(total) {
        return Err(thread.raise_memory_error());
    }
    out.push_repeated(layout.fill, layout.left);
    out.push_units(units(text).slice(0..layout.take));
    out.push_repeated(layout.fill, layout.right);
    Ok(from_buffer(out))
}

