//! `Dialect`: the rules of a table's text. Objects never change.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{INT, StaticType};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;

use super::registry;
use crate::native_type::{dealloc, object};

/// When fields are put in quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    Minimal,
    All,
    NonNumeric,
    None,
    Strings,
    NotNull,
}

/// The names of the styles, by number.
pub const QUOTING_STYLES: [(&str, Quoting); 6] = [
    ("QUOTE_MINIMAL", Quoting::Minimal),
    ("QUOTE_ALL", Quoting::All),
    ("QUOTE_NONNUMERIC", Quoting::NonNumeric),
    ("QUOTE_NONE", Quoting::None),
    ("QUOTE_STRINGS", Quoting::Strings),
    ("QUOTE_NOTNULL", Quoting::NotNull),
];

/// The rules, without objects.
#[derive(Clone, Copy)]
pub struct Rules {
    pub delimiter: u32,
    pub quote: Option<u32>,
    pub escape: Option<u32>,
    pub quoting: Quoting,
    pub doubles_quotes: bool,
    pub skips_initial_space: bool,
    pub is_strict: bool,
}

#[repr(C)]
pub struct Dialect {
    header: Header,
    pub rules: Rules,
    line_terminator: Owned,
    double_quote: Slot,
    skip_initial_space: Slot,
    strict: Slot,
}

impl Dialect {
    pub fn of<'a>(value: Value) -> &'a Dialect {
        // SAFETY: called for dialects only.
        unsafe { object(value) }
    }

    pub fn line_terminator(&self) -> &StrObject {
        StrObject::of(*self.line_terminator)
    }
}

const PARAMETERS: [&str; 9] = ["dialect", "delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict"];

/// The arguments by the order of [`PARAMETERS`].
fn bind(args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<[Option<Value>; 9]> {
    let given = args.len() + kwnames.len();
    if given > PARAMETERS.len() {
        return Err(thread.raise_type_error(format!("function takes at most {} arguments ({given} given)", PARAMETERS.len())));
    }
    let mut bound = [None; 9];
    for (place, value) in bound.iter_mut().zip(args.iter()) {
        *place = Some(value);
    }
    for i in 0..kwnames.len() {
        let Some(name) = kwnames.get(i) else { continue };
        let text = StrObject::of(name);
        match PARAMETERS.iter().position(|parameter| text.equals_str(parameter)) {
            Some(at) if at < args.len() => {
                let name = PARAMETERS[at];
                return Err(thread.raise_type_error(format!("argument for function given by name ('{name}') and position ({})", at + 1)));
            }
            Some(at) => bound[at] = Some(args.keyword(i)),
            None => {
                let name = text.to_string_lossy();
                return Err(thread.raise_type_error(format!("this function got an unexpected keyword argument '{name}'")));
            }
        }
    }
    Ok(bound)
}

/// One character, or None where that may stand for it.
fn character(name: &str, value: Option<&Owned>, default: Option<char>, or_none: bool, thread: &mut Thread) -> PyResult<Option<u32>> {
    let Some(value) = value.map(|value| **value) else { return Ok(default.map(u32::from)) };
    if or_none && value.is_none() {
        return Ok(None);
    }
    let wanted = if or_none { "a unicode character or None" } else { "a unicode character" };
    if !string::is_str(value) {
        let got = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("\"{name}\" must be {wanted}, not {got}")));
    }
    let text = StrObject::of(value);
    if text.len() != 1 {
        let n = text.len();
        return Err(thread.raise_type_error(format!("\"{name}\" must be {wanted}, not a string of length {n}")));
    }
    Ok(Some(text.char_at(0)))
}

fn flag(value: Option<&Owned>, default: bool, thread: &mut Thread) -> PyResult<bool> {
    value.map_or(Ok(default), |value| compare::truth(**value, thread))
}

fn check_character(name: &str, ch: u32, terminator: &StrObject, allows_space: bool, thread: &mut Thread) -> PyResult<()> {
    if ch == u32::from('\r') || ch == u32::from('\n') || (ch == u32::from(' ') && !allows_space) {
        return Err(thread.raise_value_error(format!("bad {name} value")));
    }
    if terminator.chars().iter().any(|other| other == ch) {
        return Err(thread.raise_value_error(format!("bad {name} or lineterminator value")));
    }
    Ok(())
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = bind(args, kwnames, thread)?;
    make(TypeObject::of(class), bound, thread)
}

fn make(class: &TypeObject, bound: [Option<Value>; 9], thread: &mut Thread) -> PyResult {
    let mut base = bound[0].map(|base| base.to_owned());
    if let Some(name) = base.as_ref().filter(|base| string::is_str(***base)) {
        base = Some(registry::find(**name, thread)?);
    }
    if let Some(base) = base.as_ref().filter(|base| base.is_instance(DIALECT.get())) {
        if bound[1..].iter().all(Option::is_none) {
            return Ok((*base).to_owned());
        }
    }
    let mut values: [Option<Owned>; 9] = bound.map(|value| value.map(|value| value.to_owned()));
    if let Some(base) = base {
        for (name, value) in PARAMETERS.iter().zip(values.iter_mut()).skip(1).filter(|(_, value)| value.is_none()) {
            match attribute::get_by_text(*base, name, thread) {
                Ok(found) => *value = Some(found),
                Err(_) => drop(thread.take_exception()),
            }
        }
    }
    let [_, delimiter, doublequote, escapechar, lineterminator, quotechar, quoting, skipinitialspace, strict] = &values;
    let delimiter = character("delimiter", delimiter.as_ref(), Some(','), false, thread)?.unwrap_or(u32::from(','));
    let doubles_quotes = flag(doublequote.as_ref(), true, thread)?;
    let escape = character("escapechar", escapechar.as_ref(), None, true, thread)?;
    let line_terminator = match lineterminator {
        None => Owned::str("\r\n"),
        Some(text) if string::is_str(**text) => (*text).to_owned(),
        Some(other) => {
            let got = other.type_object().full_name();
            return Err(thread.raise_type_error(format!("\"lineterminator\" must be a string, not {got}")));
        }
    };
    let quote = character("quotechar", quotechar.as_ref(), Some('"'), true, thread)?;
    let mut style = match quoting {
        None => Quoting::Minimal,
        Some(number) if std::ptr::eq(number.type_object(), INT.get()) => {
            let number = convert::as_c_int(**number, thread)?;
            let style = usize::try_from(number).ok().and_then(|number| QUOTING_STYLES.get(number));
            style.ok_or_else(|| thread.raise_type_error("bad \"quoting\" value"))?.1
        }
        Some(other) => {
            let got = other.type_object().full_name();
            return Err(thread.raise_type_error(format!("\"quoting\" must be an integer, not {got}")));
        }
    };
    let skips_initial_space = flag(skipinitialspace.as_ref(), false, thread)?;
    let is_strict = flag(strict.as_ref(), false, thread)?;
    if quoting.is_none() && quotechar.as_ref().is_some_and(|quote| quote.is_none()) {
        style = Quoting::None;
    }
    if style != Quoting::None && quote.is_none() {
        return Err(thread.raise_type_error("quotechar must be set if quoting enabled"));
    }
    let terminator = StrObject::of(*line_terminator);
    check_character("delimiter", delimiter, terminator, true, thread)?;
    for (name, ch) in [("escapechar", escape), ("quotechar", quote)] {
        if let Some(ch) = ch {
            check_character(name, ch, terminator, !skips_initial_space, thread)?;
        }
    }
    for (names, a, b) in [("delimiter or escapechar", Some(delimiter), escape), ("delimiter or quotechar", Some(delimiter), quote), ("escapechar or quotechar", escape, quote)] {
        if a.is_some() && a == b {
            return Err(thread.raise_value_error(format!("bad {names} value")));
        }
    }
    let rules = Rules { delimiter, quote, escape, quoting: style, doubles_quotes, skips_initial_space, is_strict };
    Ok(allocate_object(class, |header| Dialect {
        header,
        rules,
        line_terminator,
        double_quote: Slot::new(Owned::bool(doubles_quotes)),
        skip_initial_space: Slot::new(Owned::bool(skips_initial_space)),
        strict: Slot::new(Owned::bool(is_strict)),
    }))
}

/// The dialect that the arguments of a module function name: an optional dialect, and keywords.
pub fn from_call(dialect: Option<Value>, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let keywords: Vec<Value> = dialect.into_iter().chain((0..kwnames.len()).map(|i| args.keyword(i))).collect();
    // SAFETY: the words are the positional argument, if any, and the keywords' values behind it.
    let args = unsafe { Args::from_raw(keywords.as_ptr().cast(), usize::from(dialect.is_some())) };
    new(DIALECT.get().value(), args, kwnames, thread)
}

fn shown(ch: Option<u32>) -> PyResult {
    Ok(ch.map_or_else(Owned::none, string::from_char))
}

fn delimiter(this: Value, _thread: &mut Thread) -> PyResult {
    shown(Some(Dialect::of(this).rules.delimiter))
}

fn escapechar(this: Value, _thread: &mut Thread) -> PyResult {
    shown(Dialect::of(this).rules.escape)
}

fn quotechar(this: Value, _thread: &mut Thread) -> PyResult {
    shown(Dialect::of(this).rules.quote)
}

fn lineterminator(this: Value, _thread: &mut Thread) -> PyResult {
    Ok((*Dialect::of(this).line_terminator).to_owned())
}

fn quoting(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(Dialect::of(this).rules.quoting as i64))
}

fn reduce(this: Value, _args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    Err(thread.raise_type_error(format!("cannot pickle '{name}' instances")))
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: false, doc: "" }
}

const fn getter(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_csv.Dialect",
    doc: "CSV dialect\n\nThe Dialect type records CSV parsing and generation options.\n",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<Dialect>(),
    slots: &[SlotFn::new(new)],
    methods: &[method("__reduce__", NativeFn::Raw(reduce), "", ""), method("__reduce_ex__", NativeFn::Raw(reduce), "", "")],
    getsets: &[
        getter("delimiter", delimiter),
        getter("escapechar", escapechar),
        getter("lineterminator", lineterminator),
        getter("quotechar", quotechar),
        getter("quoting", quoting),
    ],
    members: &[
        member("skipinitialspace", std::mem::offset_of!(Dialect, skip_initial_space)),
        member("doublequote", std::mem::offset_of!(Dialect, double_quote)),
        member("strict", std::mem::offset_of!(Dialect, strict)),
    ],
    dealloc: Some(dealloc::<Dialect>),
    ..TypeSpec::DEFAULT
};

pub static DIALECT: StaticType = StaticType::new(&SPEC);
