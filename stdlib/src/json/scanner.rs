//! `make_scanner`: reads a JSON value at a position of a text.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{FLOAT, INT, StaticType};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, list, tuple};

use super::strings::{Document, decode_error, scan};
use crate::native_type::{followed, object, references};

#[repr(C)]
struct Scanner {
    header: Header,
    strict: Slot,
    object_hook: Slot,
    object_pairs_hook: Slot,
    parse_float: Slot,
    parse_int: Slot,
    parse_constant: Slot,
}

references!(Scanner: strict, object_hook, object_pairs_hook, parse_float, parse_int, parse_constant);

static NEW_SIGNATURE: LazySignature = LazySignature::new("(context)");
static CALL_SIGNATURE: LazySignature = LazySignature::new("(string, idx)");

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = NEW_SIGNATURE.bind("make_scanner", args, kwnames, thread)?;
    let context = bound.args().at(0);
    let strict = attribute::get_by_text(context, "strict", thread)?;
    let strict = Owned::bool(compare::truth(*strict, thread)?);
    let mut get = |name: &str| attribute::get_by_text(context, name, thread).map(Slot::new);
    let (object_hook, object_pairs_hook) = (get("object_hook")?, get("object_pairs_hook")?);
    let (parse_float, parse_int, parse_constant) = (get("parse_float")?, get("parse_int")?, get("parse_constant")?);
    Ok(allocate_object(TypeObject::of(class), |header| Scanner {
        header,
        strict: Slot::new(strict),
        object_hook,
        object_pairs_hook,
        parse_float,
        parse_int,
        parse_constant,
    }))
}

/// One run over a document.
struct Run<'a> {
    document: Document<'a>,
    strict: bool,
    object_hook: Option<Owned>,
    object_pairs_hook: Option<Owned>,
    /// None: the type itself.
    parse_float: Option<Owned>,
    parse_int: Option<Owned>,
    parse_constant: Owned,
    /// Keys that have come already: equal keys become one object.
    memo: Owned,
}

fn scan_once(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = CALL_SIGNATURE.bind("scan_once", args, kwnames, thread)?;
    let (text, start) = (bound.args().at(0), bound.args().at(1));
    let start = convert::index_as_i64(start, thread, Some(&exc::OVERFLOW_ERROR))?;
    if !string::is_str(text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("first argument must be a string, not {name}")));
    }
    let Ok(start) = usize::try_from(start) else { return Err(thread.raise_value_error("idx cannot be negative")) };
    // SAFETY: `self` of this type.
    let scanner: &Scanner = unsafe { object(this) };
    let load = |slot: &Slot| slot.load(&scanner.header).filter(|value| !value.is_none());
    let custom = |slot: &Slot, plain: &StaticType| load(slot).filter(|function| !function.is(plain.get().value()));
    let run = Run {
        document: Document::new(text),
        strict: scanner.strict.peek().is_some_and(Value::is_true),
        object_hook: load(&scanner.object_hook),
        object_pairs_hook: load(&scanner.object_pairs_hook),
        parse_float: custom(&scanner.parse_float, &FLOAT),
        parse_int: custom(&scanner.parse_int, &INT),
        parse_constant: load(&scanner.parse_constant).unwrap_or_else(Owned::none),
        memo: dict::new(),
    };
    let (value, end) = run.value(start, thread)?;
    Ok(tuple::pack([value, Owned::usize(end)]))
}

impl Run<'_> {
    fn error(&self, message: &str, at: usize, thread: &mut Thread) -> Raised {
        decode_error(message, self.document.object, at as i64, thread)
    }

    fn stop(at: usize, thread: &mut Thread) -> Raised {
        thread.raise_stop_iteration(Some(Owned::usize(at)))
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(char::from_u32(self.document.at(at)), Some(' ' | '\t' | '\n' | '\r')) {
            at += 1;
        }
        at
    }

    fn has_text(&self, at: usize, text: &str) -> bool {
        text.chars().enumerate().all(|(i, ch)| self.document.is_at(at + i, ch))
    }

    /// The value at a position, and the position behind it.
    fn value(&self, at: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
        if at >= self.document.len {
            return Err(Run::stop(at, thread));
        }
        let deep = thread.native_stack_is_low();
        match char::from_u32(self.document.at(at)) {
            Some('"') => scan(&self.document, at + 1, self.strict, thread),
            Some('{') if deep => Err(thread.raise_recursion_error(" while decoding a JSON object from a unicode string")),
            Some('[') if deep => Err(thread.raise_recursion_error(" while decoding a JSON array from a unicode string")),
            Some('{') => self.object(at + 1, thread),
            Some('[') => self.array(at + 1, thread),
            Some('n') if self.has_text(at, "null") => Ok((Owned::none(), at + 4)),
            Some('t') if self.has_text(at, "true") => Ok((Owned::true_(), at + 4)),
            Some('f') if self.has_text(at, "false") => Ok((Owned::false_(), at + 5)),
            Some('N') if self.has_text(at, "NaN") => self.constant("NaN", at, thread),
            Some('I') if self.has_text(at, "Infinity") => self.constant("Infinity", at, thread),
            Some('-') if self.has_text(at, "-Infinity") => self.constant("-Infinity", at, thread),
            _ => self.number(at, thread),
        }
    }

    fn constant(&self, name: &str, at: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
        let value = call::call(*self.parse_constant, &[*Owned::str(name)], thread)?;
        Ok((value, at + name.len()))
    }

    fn is_digit(&self, at: usize) -> bool {
        matches!(char::from_u32(self.document.at(at)), Some('0'..='9'))
    }

    fn skip_digits(&self, mut at: usize) -> usize {
        while self.is_digit(at) {
            at += 1;
        }
        at
    }

    fn number(&self, start: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
        let mut at = start + usize::from(self.document.is_at(start, '-'));
        if self.document.is_at(at, '0') {
            at += 1;
        } else if self.is_digit(at) {
            at = self.skip_digits(at);
        } else {
            return Err(Run::stop(start, thread));
        }
        let mut is_float = false;
        if self.document.is_at(at, '.') && self.is_digit(at + 1) {
            is_float = true;
            at = self.skip_digits(at + 1);
        }
        if self.document.is_at(at, 'e') || self.document.is_at(at, 'E') {
            let sign = usize::from(self.document.is_at(at + 1, '-') || self.document.is_at(at + 1, '+'));
            if self.is_digit(at + 1 + sign) {
                is_float = true;
                at = self.skip_digits(at + 1 + sign);
            }
        }
        let custom = if is_float { &self.parse_float } else { &self.parse_int };
        if let Some(function) = custom {
            let value = call::call(**function, &[*self.document.slice(start, at)], thread)?;
            return Ok((value, at));
        }
        let text = self.document.ascii_part(start, at);
        let value = match (is_float, text.parse::<i64>()) {
            (true, _) => float::from_f64(text.parse().unwrap_or(f64::NAN)),
            (false, Ok(number)) => Owned::int(number),
            (false, Err(_)) => call::call(INT.get().value(), &[*Owned::str(&text)], thread)?,
        };
        Ok((value, at))
    }

    fn array(&self, mut at: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
        let mut items = Vec::new();
        at = self.skip_space(at);
        if !self.document.is_at(at, ']') {
            loop {
                let (item, end) = self.value(at, thread)?;
                items.push(item);
                at = self.skip_space(end);
                if self.document.is_at(at, ']') {
                    break;
                }
                if !self.document.is_at(at, ',') {
                    return Err(self.error("Expecting ',' delimiter", at, thread));
                }
                let comma = at;
                at = self.skip_space(at + 1);
                if self.document.is_at(at, ']') {
                    return Err(self.error("Illegal trailing comma before end of array", comma, thread));
                }
            }
        }
        Ok((list::from_vec(items), at + 1))
    }

    /// The key as the one object that stands for all equal ones of the document.
    fn unique_key(&self, key: Owned, thread: &mut Thread) -> PyResult {
        DictObject::of(*self.memo).set_default(*key, *key, thread).map(|(key, _)| key)
    }

    fn object(&self, mut at: usize, thread: &mut Thread) -> PyResult<(Owned, usize)> {
        let mut pairs = Vec::new();
        at = self.skip_space(at);
        if !self.document.is_at(at, '}') {
            loop {
                if !self.document.is_at(at, '"') {
                    return Err(self.error("Expecting property name enclosed in double quotes", at, thread));
                }
                let (key, end) = scan(&self.document, at + 1, self.strict, thread)?;
                let key = self.unique_key(key, thread)?;
                at = self.skip_space(end);
                if !self.document.is_at(at, ':') {
                    return Err(self.error("Expecting ':' delimiter", at, thread));
                }
                at = self.skip_space(at + 1);
                let (value, end) = self.value(at, thread)?;
                pairs.push((key, value));
                at = self.skip_space(end);
                if self.document.is_at(at, '}') {
                    break;
                }
                if !self.document.is_at(at, ',') {
                    return Err(self.error("Expecting ',' delimiter", at, thread));
                }
                let comma = at;
                at = self.skip_space(at + 1);
                if self.document.is_at(at, '}') {
                    return Err(self.error("Illegal trailing comma before end of object", comma, thread));
                }
            }
        }
        if let Some(hook) = &self.object_pairs_hook {
            let pairs = pairs.into_iter().map(|(key, value)| tuple::pack([key, value])).collect();
            let made = call::call(**hook, &[*list::from_vec(pairs)], thread)?;
            return Ok((made, at + 1));
        }
        let made = dict::with_capacity(pairs.len());
        for (key, value) in pairs {
            DictObject::of(*made).set(*key, value, thread)?;
        }
        match &self.object_hook {
            Some(hook) => Ok((call::call(**hook, &[*made], thread)?, at + 1)),
            None => Ok((made, at + 1)),
        }
    }
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_json.Scanner",
    doc: "JSON scanner object",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(new), SlotFn::call(scan_once)],
    members: &[
        member("strict", std::mem::offset_of!(Scanner, strict)),
        member("object_hook", std::mem::offset_of!(Scanner, object_hook)),
        member("object_pairs_hook", std::mem::offset_of!(Scanner, object_pairs_hook)),
        member("parse_float", std::mem::offset_of!(Scanner, parse_float)),
        member("parse_int", std::mem::offset_of!(Scanner, parse_int)),
        member("parse_constant", std::mem::offset_of!(Scanner, parse_constant)),
    ],
    ..followed::<Scanner>()
};

pub static SCANNER: StaticType = StaticType::new(&SPEC);
