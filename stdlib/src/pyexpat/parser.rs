//! The parser object.
//!
//! # Invariants
//! * The engine is used under the object's lock, for one token at a time; no handler runs meanwhile.
//! * `interest` has the bit of each handler that is set; the two default handlers exclude each other there.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, buffer, call, compare, convert};
use pyrt_runtime::sync::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytearray, bytes, dict, int};

use super::engine::accounting::Measure;
use super::engine::codes::Code;
use super::engine::events::{Batch, EventKind, HANDLERS, Handler, Interest};
use super::engine::{Engine, Outcome, ParameterParsing, Settings};
use super::handlers::ATTRIBUTES;
use super::raise_error;
use super::text_buffer::{DEFAULT_SIZE, TextBuffer};
use crate::native_type::{References, followed, object};
use crate::system_call::functions;

/// Larger inputs are taken in piece by piece.
const PIECE: usize = 1 << 20;
/// How much a file is asked for.
const READ_SIZE: usize = 2048;

/// Which of the two default handlers gets what no other one wants.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DefaultKind {
    None,
    /// Internal entities are not expanded.
    Plain,
    Expand,
}

#[repr(C)]
pub struct Parser {
    pub header: Header,
    engine: Guarded<Box<Engine>>,
    pub handlers: [Slot; HANDLERS],
    pub names: Slot,
    pub text: Guarded<TextBuffer>,
    interest: AtomicU32,
    default_kind: AtomicU8,
    expands_entities: AtomicBool,
    pub is_in_handler: AtomicBool,
    pub ordered_attributes: AtomicBool,
    pub specified_attributes: AtomicBool,
    namespace_prefixes: AtomicBool,
}

impl References for Parser {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for handler in &self.handlers {
            handler.visit(visit);
        }
        self.names.visit(visit);
    }
}

impl Parser {
    pub fn of<'a>(value: Value) -> &'a Parser {
        // SAFETY: called for objects of this type only.
        unsafe { object(value) }
    }

    pub fn with_engine<R>(&self, access: impl FnOnce(&mut Engine) -> R) -> R {
        self.engine.with(&self.header, |engine| access(engine))
    }

    // Relaxed, here and below: settings that order nothing.
    pub fn default_kind(&self) -> DefaultKind {
        match self.default_kind.load(Ordering::Relaxed) {
            1 => DefaultKind::Plain,
            2 => DefaultKind::Expand,
            _ => DefaultKind::None,
        }
    }

    /// The handler with this number is set or taken away.
    pub fn note_interest(&self, handler: usize, is_set: bool) {
        let bit = 1 << handler;
        let defaults = 1 << Handler::Default as u32 | 1 << Handler::DefaultHandlerExpand as u32;
        if bit & defaults == 0 {
            if is_set {
                self.interest.fetch_or(bit, Ordering::Relaxed);
            } else {
                self.interest.fetch_and(!bit, Ordering::Relaxed);
            }
            return;
        }
        let is_plain = handler == Handler::Default as usize;
        self.expands_entities.store(!is_plain, Ordering::Relaxed);
        let kind = match (is_set, is_plain) {
            (false, _) => DefaultKind::None,
            (true, true) => DefaultKind::Plain,
            (true, false) => DefaultKind::Expand,
        };
        self.default_kind.store(kind as u8, Ordering::Relaxed);
        self.interest.fetch_and(!defaults, Ordering::Relaxed);
        if is_set {
            self.interest.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Takes bytes in and handles all that can be made of them.
    fn parse(&self, input: &[u8], is_final: bool, thread: &mut Thread) -> PyResult<()> {
        if let Err(code) = self.with_engine(|engine| engine.feed(input, is_final)) {
            return Err(self.error(code, thread));
        }
        let mut batch = Batch::default();
        loop {
            let interest = Interest(self.interest.load(Ordering::Relaxed));
            let expands = self.expands_entities.load(Ordering::Relaxed);
            match self.with_engine(|engine| engine.advance(interest, expands, &mut batch)) {
                Outcome::More => self.dispatch_all(&batch, thread)?,
                Outcome::Starved => return Ok(()),
                Outcome::Failed(code) => return Err(self.error(code, thread)),
            }
        }
    }

    fn dispatch_all(&self, batch: &Batch, thread: &mut Thread) -> PyResult<()> {
        for (i, event) in batch.events.iter().enumerate() {
            self.with_engine(|engine| engine.set_current(event.at));
            if let Err(raised) = self.dispatch(batch, event, thread) {
                let last = batch.events.get(i..).and_then(|rest| rest.last()).and_then(|event| event.at);
                self.with_engine(|engine| {
                    engine.set_current(last);
                    match event.kind {
                        EventKind::UnknownEncoding { .. } => engine.refuse_encoding(),
                        _ => engine.abort(),
                    }
                });
                return Err(raised);
            }
        }
        Ok(())
    }

    /// Raises the error of a code at the current position.
    fn error(&self, code: Code, thread: &mut Thread) -> Raised {
        let (line, column) = self.with_engine(Engine::position);
        let message = format!("{}: line {line}, column {column}", code.message());
        raise_error(&message, code.number(), (line, column), thread)
    }

    /// Raises an error that a setting cannot be what it should become.
    fn setting_error(&self, message: &str, thread: &mut Thread) -> Raised {
        let position = self.with_engine(Engine::position);
        raise_error(message, Code::InvalidArgument.number(), position, thread)
    }

    fn expect_outside(&self, method: &str, thread: &mut Thread) -> PyResult<()> {
        if self.is_in_handler.load(Ordering::Relaxed) {
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("cannot call {method}() from within a handler")));
        }
        Ok(())
    }
}

fn new(engine: Engine, names: Option<Owned>, text: TextBuffer) -> Owned {
    allocate_object(PARSER.get(), |header| Parser {
        header,
        engine: Guarded::new(Box::new(engine)),
        handlers: [const { Slot::empty() }; HANDLERS],
        names: Slot::from_option(names),
        text: Guarded::new(text),
        interest: AtomicU32::new(0),
        default_kind: AtomicU8::new(DefaultKind::None as u8),
        expands_entities: AtomicBool::new(true),
        is_in_handler: AtomicBool::new(false),
        ordered_attributes: AtomicBool::new(false),
        specified_attributes: AtomicBool::new(false),
        namespace_prefixes: AtomicBool::new(false),
    })
}

/// A text argument that C code would get, in UTF-8.
fn c_text(value: Value, what: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let text = utf8(value, what, thread)?;
    if text.contains(&0) {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(text)
}

fn utf8(value: Value, what: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if !string::is_str(value) {
        let name = if value.is_none() { "None".to_owned() } else { value.type_object().name() };
        return Err(thread.raise_type_error(format!("{what}, not {name}")));
    }
    if let Some(text) = StrObject::of(value).as_utf8() {
        return Ok(text.as_bytes().to_vec());
    }
    let encoded = pyrt_runtime::codecs::encode_text(value, "utf-8", "strict", thread)?;
    buffer::copy_bytes(*encoded, thread)
}

fn optional_text(value: Option<Value>, what: &str, thread: &mut Thread) -> PyResult<Option<Vec<u8>>> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => c_text(value, what, thread).map(Some),
        None => Ok(None),
    }
}

pub fn create(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let encoding = optional_text(args.get(0), "ParserCreate() argument 'encoding' must be str or None", thread)?;
    let separator = optional_text(args.get(1), "ParserCreate() argument 'namespace_separator' must be str or None", thread)?;
    if separator.as_ref().is_some_and(|separator| separator.len() > 1) {
        return Err(thread.raise_value_error("namespace_separator must be at most one character, omitted, or None"));
    }
    let names = match args.get(2) {
        None => Some(dict::new()),
        Some(names) if names.is_none() => None,
        Some(names) if dict::is_dict(names) => Some(names.to_owned()),
        Some(_) => return Err(thread.raise_type_error("intern must be a dictionary")),
    };
    let namespace_separator = separator.map(|separator| separator.first().copied());
    Ok(new(Engine::new(Settings { encoding, namespace_separator }), names, TextBuffer::new(DEFAULT_SIZE, false)))
}

fn parse(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    let is_final = match args.get(1) {
        Some(value) => compare::truth(value, thread)?,
        None => false,
    };
    parser.expect_outside("Parse", thread)?;
    let data = args.at(0);
    let input = if string::is_str(data) {
        let input = utf8(data, "", thread)?;
        parser.with_engine(|engine| engine.set_stated_encoding(b"utf-8"));
        input
    } else {
        buffer::copy_bytes(data, thread)?
    };
    let mut rest = input.as_slice();
    while rest.len() > PIECE {
        let (piece, after) = rest.split_at(PIECE);
        parser.parse(piece, false, thread)?;
        rest = after;
    }
    parser.parse(rest, is_final, thread)?;
    parser.flush_text(thread)?;
    Ok(Owned::int(1))
}

fn parse_file(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    parser.expect_outside("ParseFile", thread)?;
    let Some(read) = attribute::get_optional(args.at(0), pyrt_runtime::names::interned("read").value(), thread)? else {
        return Err(thread.raise_type_error("argument must have 'read' attribute"));
    };
    loop {
        if parser.with_engine(|engine| engine.is_finished()) {
            return Err(parser.error(Code::Finished, thread));
        }
        let data = call::call(*read, &[*Owned::int(READ_SIZE as i64)], thread)?;
        if !bytes::is_bytes(*data) && !bytearray::is_bytearray(*data) {
            let name = data.type_object().full_name();
            return Err(thread.raise_type_error(format!("read() did not return a bytes object (type={name})")));
        }
        let input = buffer::copy_bytes(*data, thread)?;
        if input.len() > READ_SIZE {
            let len = input.len();
            return Err(thread.raise_value_error(format!("read() returned too much data: {READ_SIZE} bytes requested, {len} returned")));
        }
        parser.parse(&input, input.is_empty(), thread)?;
        if input.is_empty() {
            break;
        }
    }
    parser.flush_text(thread)?;
    Ok(Owned::int(1))
}

fn set_base(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let base = c_text(args.at(0), "SetBase() argument must be str", thread)?;
    Parser::of(this).with_engine(|engine| engine.set_base(Some(&base)));
    Ok(Owned::none())
}

fn get_base(this: Value, _thread: &mut Thread) -> PyResult {
    let base = Parser::of(this).with_engine(|engine| engine.base().map(<[u8]>::to_vec));
    Ok(base.map_or_else(Owned::none, |base| string::from_wtf8(&base)))
}

fn get_input_context(this: Value, _thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    if !parser.is_in_handler.load(Ordering::Relaxed) {
        return Ok(Owned::none());
    }
    let context = parser.with_engine(|engine| engine.input_context().map(<[u8]>::to_vec));
    Ok(context.map_or_else(Owned::none, bytes::from_vec))
}

fn external_entity_parser_create(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    let context = optional_text(args.get(0), "ExternalEntityParserCreate() argument 1 must be str or None", thread)?;
    let encoding = match args.get(1) {
        Some(encoding) => Some(c_text(encoding, "ExternalEntityParserCreate() argument 2 must be str", thread)?),
        None => None,
    };
    let child = match parser.with_engine(|engine| engine.child(context.as_deref(), encoding)) {
        Ok(child) => child,
        Err(_) => return Err(thread.raise_memory_error()),
    };
    let (size, is_on) = parser.text.with(&parser.header, |text| (text.size, text.is_on));
    let names = parser.names.load(&parser.header);
    let made = new(child, names, TextBuffer::new(size, is_on));
    let copy = Parser::of(*made);
    for (mine, theirs) in parser.handlers.iter().zip(&copy.handlers) {
        drop(theirs.replace(&copy.header, mine.load(&parser.header)));
    }
    copy.interest.store(parser.interest.load(Ordering::Relaxed), Ordering::Relaxed);
    copy.default_kind.store(parser.default_kind.load(Ordering::Relaxed), Ordering::Relaxed);
    fn flags(parser: &Parser) -> [&AtomicBool; 4] {
        [&parser.expands_entities, &parser.ordered_attributes, &parser.specified_attributes, &parser.namespace_prefixes]
    }
    for (mine, theirs) in flags(parser).into_iter().zip(flags(copy)) {
        theirs.store(mine.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    Ok(made)
}

fn set_param_entity_parsing(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parsing = match convert::as_c_int(args.at(0), thread)? {
        0 => ParameterParsing::Never,
        1 => ParameterParsing::UnlessStandalone,
        _ => ParameterParsing::Always,
    };
    let is_set = Parser::of(this).with_engine(|engine| engine.set_parameter_parsing(parsing));
    Ok(Owned::int(i64::from(is_set)))
}

fn use_foreign_dtd(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    let uses = match args.get(0) {
        Some(flag) => compare::truth(flag, thread)?,
        None => true,
    };
    match parser.with_engine(|engine| engine.use_foreign_dtd(uses)) {
        Ok(()) => Ok(Owned::none()),
        Err(code) => Err(parser.error(code, thread)),
    }
}

/// A number for C's `unsigned long long`.
fn threshold(value: Value, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    let number = int::to_bigint(*number);
    if number.sign() == num_bigint::Sign::Minus {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    match u64::try_from(number) {
        Ok(number) => Ok(number),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large for C unsigned long long")),
    }
}

fn set_threshold(this: Value, measure: Measure, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    let threshold = threshold(args.at(0), thread)?;
    let is_root = parser.with_engine(|engine| {
        if engine.is_document() {
            engine.accounting().set_threshold(measure, threshold);
        }
        engine.is_document()
    });
    if is_root { Ok(Owned::none()) } else { Err(parser.setting_error("parser must be a root parser", thread)) }
}

fn set_maximum(this: Value, measure: Measure, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    let maximum = convert::as_f64(args.at(0), thread)? as f32;
    if maximum.is_nan() || maximum < 1.0 {
        return Err(parser.setting_error("'max_factor' must be at least 1.0", thread));
    }
    let is_root = parser.with_engine(|engine| {
        if engine.is_document() {
            engine.accounting().set_maximum(measure, maximum);
        }
        engine.is_document()
    });
    if is_root { Ok(Owned::none()) } else { Err(parser.setting_error("parser must be a root parser", thread)) }
}

fn set_expansion_threshold(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_threshold(this, Measure::Expansion, args, thread)
}

fn set_expansion_maximum(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_maximum(this, Measure::Expansion, args, thread)
}

fn set_memory_threshold(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_threshold(this, Measure::Memory, args, thread)
}

fn set_memory_maximum(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_maximum(this, Measure::Memory, args, thread)
}

fn set_reparse_deferral(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let defers = compare::truth(args.at(0), thread)?;
    Parser::of(this).with_engine(|engine| engine.set_defers_reparsing(defers));
    Ok(Owned::none())
}

fn get_reparse_deferral(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(Parser::of(this).with_engine(|engine| engine.defers_reparsing())))
}

static METHODS: &[MethodDef] = functions! {
    "Parse" Bound(parse) "($self, data, isfinal=False, /)" "Parse XML data.\n\n'isfinal' should be true at end of input.";
    "ParseFile" Bound(parse_file) "($self, file, /)" "Parse XML data from file-like object.";
    "SetBase" Bound(set_base) "($self, base, /)" "Set the base URL for the parser.";
    "GetBase" NoArgs(get_base) "($self, /)" "Return base URL string for the parser.";
    "GetInputContext" NoArgs(get_input_context) "($self, /)" "Return the untranslated text of the input that caused the current event.";
    "ExternalEntityParserCreate" Bound(external_entity_parser_create) "($self, context, encoding=<unrepresentable>,\n                           /)" "Create a parser for parsing an external entity based on the information passed to the ExternalEntityRefHandler.";
    "SetParamEntityParsing" Bound(set_param_entity_parsing) "($self, flag, /)" "Controls parsing of parameter entities (including the external DTD subset).\n\nPossible flag values are XML_PARAM_ENTITY_PARSING_NEVER,\nXML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE and\nXML_PARAM_ENTITY_PARSING_ALWAYS. Returns true if setting the flag\nwas successful.";
    "UseForeignDTD" Bound(use_foreign_dtd) "($self, flag=True, /)" "Allows the application to provide an artificial external subset if one is not specified as part of the document instance.";
    "SetBillionLaughsAttackProtectionActivationThreshold" Bound(set_expansion_threshold) "($self, threshold, /)" "Sets the number of output bytes needed to activate protection against billion laughs attacks.";
    "SetBillionLaughsAttackProtectionMaximumAmplification" Bound(set_expansion_maximum) "($self, max_factor,\n                                                     /)" "Sets the maximum tolerated amplification factor for protection against billion laughs attacks.";
    "SetAllocTrackerActivationThreshold" Bound(set_memory_threshold) "($self, threshold, /)" "Sets the number of allocated bytes of dynamic memory needed to activate protection against disproportionate use of RAM.";
    "SetAllocTrackerMaximumAmplification" Bound(set_memory_maximum) "($self, max_factor, /)" "Sets the maximum amplification factor between direct input and bytes of dynamic memory allocated.";
    "SetReparseDeferralEnabled" Bound(set_reparse_deferral) "($self, enabled, /)" "Enable/Disable reparse deferral; enabled by default.";
    "GetReparseDeferralEnabled" NoArgs(get_reparse_deferral) "($self, /)" "Retrieve reparse deferral enabled status.";
};

fn error_code(this: Value, _thread: &mut Thread) -> PyResult {
    let code = Parser::of(this).with_engine(|engine| engine.error());
    Ok(Owned::int(code.map_or(0, Code::number)))
}

fn number(number: u64) -> Owned {
    Owned::int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn line_number(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(number(Parser::of(this).with_engine(Engine::position).0))
}

fn column_number(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(number(Parser::of(this).with_engine(Engine::position).1))
}

fn byte_index(this: Value, _thread: &mut Thread) -> PyResult {
    let index = Parser::of(this).with_engine(|engine| engine.byte_index());
    Ok(index.map_or_else(|| Owned::int(-1), number))
}

fn get_buffer_size(this: Value, _thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    Ok(Owned::usize(parser.text.with(&parser.header, |text| text.size)))
}

fn given(value: Option<Value>, thread: &mut Thread) -> PyResult<Value> {
    value.ok_or_else(|| thread.raise(&exc::RUNTIME_ERROR, "Cannot delete attribute"))
}

fn set_buffer_size(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let parser = Parser::of(this);
    let value = given(value, thread)?;
    if !convert::is_int(value) {
        return Err(thread.raise_type_error("buffer_size must be an integer"));
    }
    let size = convert::as_c_long(value, thread)?;
    if size <= 0 {
        return Err(thread.raise_value_error("buffer_size must be greater than zero"));
    }
    if size > i64::from(i32::MAX) {
        return Err(thread.raise_value_error(format!("buffer_size must not be greater than {}", i32::MAX)));
    }
    let size = size as usize;
    if parser.text.with(&parser.header, |text| text.size) != size {
        parser.flush_text(thread)?;
        parser.text.with(&parser.header, |text| text.size = size);
    }
    Ok(())
}

fn get_buffer_text(this: Value, _thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    Ok(Owned::bool(parser.text.with(&parser.header, |text| text.is_on)))
}

fn set_buffer_text(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let parser = Parser::of(this);
    let value = given(value, thread)?;
    let is_on = compare::truth(value, thread)?;
    if !is_on {
        parser.flush_text(thread)?;
    }
    parser.text.with(&parser.header, |text| text.is_on = is_on);
    Ok(())
}

fn get_buffer_used(this: Value, _thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    Ok(Owned::usize(parser.text.with(&parser.header, |text| text.used())))
}

fn get_namespace_prefixes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(Parser::of(this).namespace_prefixes.load(Ordering::Relaxed)))
}

fn set_namespace_prefixes(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let parser = Parser::of(this);
    let value = given(value, thread)?;
    let keeps = compare::truth(value, thread)?;
    parser.namespace_prefixes.store(keeps, Ordering::Relaxed);
    parser.with_engine(|engine| engine.set_keeps_prefixes(keeps));
    Ok(())
}

fn get_ordered_attributes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(Parser::of(this).ordered_attributes.load(Ordering::Relaxed)))
}

fn set_ordered_attributes(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = given(value, thread)?;
    Parser::of(this).ordered_attributes.store(compare::truth(value, thread)?, Ordering::Relaxed);
    Ok(())
}

fn get_specified_attributes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(Parser::of(this).specified_attributes.load(Ordering::Relaxed)))
}

fn set_specified_attributes(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = given(value, thread)?;
    Parser::of(this).specified_attributes.store(compare::truth(value, thread)?, Ordering::Relaxed);
    Ok(())
}

const fn readonly(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

const fn setting(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, set: fn(Value, Option<Value>, &mut Thread) -> PyResult<()>) -> GetSetDef {
    GetSetDef { name, get, set: Some(set), doc: "" }
}

const OWN_ATTRIBUTES: [GetSetDef; 13] = [
    readonly("ErrorCode", error_code),
    readonly("ErrorLineNumber", line_number),
    readonly("ErrorColumnNumber", column_number),
    readonly("ErrorByteIndex", byte_index),
    readonly("CurrentLineNumber", line_number),
    readonly("CurrentColumnNumber", column_number),
    readonly("CurrentByteIndex", byte_index),
    setting("buffer_size", get_buffer_size, set_buffer_size),
    setting("buffer_text", get_buffer_text, set_buffer_text),
    readonly("buffer_used", get_buffer_used),
    setting("namespace_prefixes", get_namespace_prefixes, set_namespace_prefixes),
    setting("ordered_attributes", get_ordered_attributes, set_ordered_attributes),
    setting("specified_attributes", get_specified_attributes, set_specified_attributes),
];

static ALL_ATTRIBUTES: [GetSetDef; OWN_ATTRIBUTES.len() + HANDLERS] = {
    let mut all = [const { readonly("", error_code) }; OWN_ATTRIBUTES.len() + HANDLERS];
    let mut i = 0;
    while i < OWN_ATTRIBUTES.len() {
        let own = &OWN_ATTRIBUTES[i];
        all[i] = GetSetDef { name: own.name, get: own.get, set: own.set, doc: own.doc };
        i += 1;
    }
    let mut i = 0;
    while i < HANDLERS {
        let handler = &ATTRIBUTES[i];
        all[OWN_ATTRIBUTES.len() + i] = GetSetDef { name: handler.name, get: handler.get, set: handler.set, doc: handler.doc };
        i += 1;
    }
    all
};

unsafe fn clear(value: Value) {
    let parser = Parser::of(value);
    for handler in &parser.handlers {
        drop(handler.replace(&parser.header, None));
    }
    drop(parser.names.replace(&parser.header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "pyexpat.xmlparser",
    doc: "XML parser",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    methods: METHODS,
    getsets: &ALL_ATTRIBUTES,
    members: &[MemberDef { name: "intern", offset: std::mem::offset_of!(Parser, names), readonly: true, none_if_empty: true, doc: "" }],
    clear: Some(clear),
    ..followed::<Parser>()
};

pub static PARSER: StaticType = StaticType::new(&SPEC);
