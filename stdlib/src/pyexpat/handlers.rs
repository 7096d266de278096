//! Handlers: their attributes, and the calls that events become.

use pyrt_runtime::codecs;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::GetSetDef;
use pyrt_runtime::types::{list, tuple};

use super::engine::UNMAPPED;
use super::engine::events::{Batch, Event, EventKind, ExternalId, HANDLERS, Handler, ModelPart, Span};
use super::engine::scanner::Quantity;
use super::parser::{DefaultKind, Parser};
use super::text_buffer::Taken;

/// Content models may nest this deep: the tuples that describe them do as well.
const MODEL_DEPTH: usize = 50_000;

/// The attribute of each handler, and the name of its entry in tracebacks.
const NAMES: [(&str, &str); HANDLERS] = [
    ("StartElementHandler", "StartElement"),
    ("EndElementHandler", "EndElement"),
    ("ProcessingInstructionHandler", "ProcessingInstruction"),
    ("CharacterDataHandler", "CharacterData"),
    ("UnparsedEntityDeclHandler", "UnparsedEntityDecl"),
    ("NotationDeclHandler", "NotationDecl"),
    ("StartNamespaceDeclHandler", "StartNamespaceDecl"),
    ("EndNamespaceDeclHandler", "EndNamespaceDecl"),
    ("CommentHandler", "Comment"),
    ("StartCdataSectionHandler", "StartCdataSection"),
    ("EndCdataSectionHandler", "EndCdataSection"),
    ("DefaultHandler", "Default"),
    ("DefaultHandlerExpand", "DefaultHandlerExpand"),
    ("NotStandaloneHandler", "NotStandalone"),
    ("ExternalEntityRefHandler", "ExternalEntityRef"),
    ("StartDoctypeDeclHandler", "StartDoctypeDecl"),
    ("EndDoctypeDeclHandler", "EndDoctypeDecl"),
    ("EntityDeclHandler", "EntityDecl"),
    ("XmlDeclHandler", "XmlDecl"),
    ("ElementDeclHandler", "ElementDecl"),
    ("AttlistDeclHandler", "AttlistDecl"),
    ("SkippedEntityHandler", "SkippedEntity"),
];

const fn attribute<const N: usize>() -> GetSetDef {
    GetSetDef { name: NAMES[N].0, get: get::<N>, set: Some(set::<N>), doc: "" }
}

pub const ATTRIBUTES: [GetSetDef; HANDLERS] = [
    attribute::<0>(),
    attribute::<1>(),
    attribute::<2>(),
    attribute::<3>(),
    attribute::<4>(),
    attribute::<5>(),
    attribute::<6>(),
    attribute::<7>(),
    attribute::<8>(),
    attribute::<9>(),
    attribute::<10>(),
    attribute::<11>(),
    attribute::<12>(),
    attribute::<13>(),
    attribute::<14>(),
    attribute::<15>(),
    attribute::<16>(),
    attribute::<17>(),
    attribute::<18>(),
    attribute::<19>(),
    attribute::<20>(),
    attribute::<21>(),
];

fn get<const N: usize>(this: Value, _thread: &mut Thread) -> PyResult {
    let parser = Parser::of(this);
    Ok(parser.handlers[N].load(&parser.header).unwrap_or_else(Owned::none))
}

fn set<const N: usize>(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let parser = Parser::of(this);
    let Some(value) = value else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "Cannot delete attribute"));
    };
    if N == Handler::CharacterData as usize {
        // What has been collected belongs to the old handler.
        parser.flush_text(thread)?;
    }
    let handler = if value.is_none() { None } else { Some(value.to_owned()) };
    parser.note_interest(N, handler.is_some());
    drop(parser.handlers[N].replace(&parser.header, handler));
    Ok(())
}

fn text(bytes: &[u8]) -> Owned {
    if bytes.is_ascii() { string::from_ascii(bytes) } else { string::from_wtf8(bytes) }
}

impl Parser {
    fn handler(&self, which: Handler) -> Option<Owned> {
        self.handlers[which as usize].load(&self.header)
    }

    /// The handler, once collected text has been reported: that may have changed it.
    fn handler_after_text(&self, which: Handler, thread: &mut Thread) -> PyResult<Option<Owned>> {
        if self.handler(which).is_none() {
            return Ok(None);
        }
        self.flush_text(thread)?;
        Ok(self.handler(which))
    }

    /// Reports collected character data.
    pub fn flush_text(&self, thread: &mut Thread) -> PyResult<()> {
        let collected = self.text.with(&self.header, |buffer| buffer.flush());
        if collected.is_empty() {
            return Ok(());
        }
        self.report_text(&collected, thread)
    }

    fn report_text(&self, data: &[u8], thread: &mut Thread) -> PyResult<()> {
        match self.handler(Handler::CharacterData) {
            Some(handler) => self.call(Handler::CharacterData, &handler, &[text(data)], thread).map(drop),
            None => Ok(()),
        }
    }

    fn character_data(&self, data: &[u8], thread: &mut Thread) -> PyResult<()> {
        while let Taken::Full(collected) = match self.text.with(&self.header, |buffer| buffer.take_in(data)) {
            Taken::Kept => return Ok(()),
            Taken::Refused => return self.report_text(data, thread),
            full => full,
        } {
            self.report_text(&collected, thread)?;
            if self.handler(Handler::CharacterData).is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn call(&self, which: Handler, handler: &Owned, arguments: &[Owned], thread: &mut Thread) -> PyResult {
        let values: Vec<Value> = arguments.iter().map(Owned::value).collect();
        // Relaxed: read by this thread's own calls; other threads' see one of both values.
        let was_inside = self.is_in_handler.swap(true, Ordering::Relaxed);
        let result = call::call(**handler, &values, thread);
        self.is_in_handler.store(was_inside, Ordering::Relaxed);
        result.map_err(|raised| add_traceback_entry(NAMES[which as usize].1, raised, thread))
    }

    /// Calls a handler, if there is one, and takes what it returns as a truth value.
    fn ask(&self, which: Handler, arguments: &[Owned], thread: &mut Thread) -> PyResult<bool> {
        let Some(handler) = self.handler_after_text(which, thread)? else { return Ok(true) };
        let answer = self.call(which, &handler, arguments, thread)?;
        Ok(convert::as_c_int(*answer, thread)? != 0)
    }

    fn tell(&self, which: Handler, thread: &mut Thread, arguments: impl FnOnce(&Parser, &mut Thread) -> PyResult<Vec<Owned>>) -> PyResult<()> {
        let Some(handler) = self.handler_after_text(which, thread)? else { return Ok(()) };
        let arguments = arguments(self, thread)?;
        self.call(which, &handler, &arguments, thread).map(drop)
    }

    /// The same object for the same text, as far as the parser's dict of names knows it.
    fn intern(&self, name: &[u8], thread: &mut Thread) -> PyResult {
        let name = text(name);
        match self.names.load(&self.header) {
            Some(names) => Ok(DictObject::of(*names).set_default(*name, *name, thread)?.0),
            None => Ok(name),
        }
    }

    fn intern_option(&self, name: Option<&[u8]>, thread: &mut Thread) -> PyResult {
        name.map_or_else(|| Ok(Owned::none()), |name| self.intern(name, thread))
    }

    /// Handles an event.
    pub fn dispatch(&self, batch: &Batch, event: &Event, thread: &mut Thread) -> PyResult<()> {
        let get = |span: Span| batch.get(span);
        let optional = |span: Option<Span>| span.map(|span| batch.get(span));
        let text_or_none = |span: Option<Span>| optional(span).map_or_else(Owned::none, text);
        match &event.kind {
            EventKind::CharacterData { text } => self.character_data(get(*text), thread),
            EventKind::StartElement { name, attributes, specified } => self.tell(Handler::StartElement, thread, |parser, thread| {
                let name = parser.intern(get(*name), thread)?;
                let shown = if parser.specified_attributes.load(Ordering::Relaxed) { *specified } else { attributes.len() };
                Ok(vec![name, parser.attributes(batch, &attributes[..shown], thread)?])
            }),
            EventKind::EndElement { name } => {
                self.tell(Handler::EndElement, thread, |parser, thread| Ok(vec![parser.intern(get(*name), thread)?]))
            }
            EventKind::ProcessingInstruction { target, data } => self.tell(Handler::ProcessingInstruction, thread, |parser, thread| {
                Ok(vec![parser.intern(get(*target), thread)?, text(get(*data))])
            }),
            EventKind::Comment { text: comment } => self.tell(Handler::Comment, thread, |_, _| Ok(vec![text(get(*comment))])),
            EventKind::StartCdataSection => self.tell(Handler::StartCdataSection, thread, |_, _| Ok(Vec::new())),
            EventKind::EndCdataSection => self.tell(Handler::EndCdataSection, thread, |_, _| Ok(Vec::new())),
            EventKind::StartNamespace { prefix, uri } => self.tell(Handler::StartNamespaceDecl, thread, |parser, thread| {
                Ok(vec![parser.intern_option(optional(*prefix), thread)?, parser.intern_option(optional(*uri), thread)?])
            }),
            EventKind::EndNamespace { prefix } => self.tell(Handler::EndNamespaceDecl, thread, |parser, thread| {
                Ok(vec![parser.intern_option(optional(*prefix), thread)?])
            }),
            EventKind::Default { text: rest } => {
                let which = match self.default_kind() {
                    DefaultKind::None => return Ok(()),
                    DefaultKind::Plain => Handler::Default,
                    DefaultKind::Expand => Handler::DefaultHandlerExpand,
                };
                self.tell(which, thread, |_, _| Ok(vec![text(get(*rest))]))
            }
            EventKind::XmlDeclaration { version, encoding, standalone } => self.tell(Handler::XmlDecl, thread, |_, _| {
                Ok(vec![text_or_none(*version), text_or_none(*encoding), Owned::int(*standalone)])
            }),
            EventKind::StartDoctype { name, system, public, has_internal_subset } => {
                self.tell(Handler::StartDoctypeDecl, thread, |parser, thread| {
                    Ok(vec![
                        parser.intern(get(*name), thread)?,
                        parser.intern_option(optional(*system), thread)?,
                        parser.intern_option(optional(*public), thread)?,
                        Owned::int(i64::from(*has_internal_subset)),
                    ])
                })
            }
            EventKind::EndDoctype => self.tell(Handler::EndDoctypeDecl, thread, |_, _| Ok(Vec::new())),
            EventKind::ElementDeclaration { name, model } => self.tell(Handler::ElementDecl, thread, |parser, thread| {
                let model = parser.content_model(batch, model, thread)?;
                Ok(vec![parser.intern(get(*name), thread)?, model])
            }),
            EventKind::AttributeDeclaration { element, attribute, kind, default, is_required } => {
                self.tell(Handler::AttlistDecl, thread, |parser, thread| {
                    Ok(vec![
                        parser.intern(get(*element), thread)?,
                        parser.intern(get(*attribute), thread)?,
                        text(get(*kind)),
                        text_or_none(*default),
                        Owned::int(i64::from(*is_required)),
                    ])
                })
            }
            EventKind::EntityDeclaration { name, is_parameter, value, ids, notation } => {
                self.tell(Handler::EntityDecl, thread, |parser, thread| {
                    let mut arguments = vec![parser.intern(get(*name), thread)?, Owned::int(i64::from(*is_parameter)), text_or_none(*value)];
                    parser.add_ids(batch, ids, &mut arguments, thread)?;
                    arguments.push(parser.intern_option(optional(*notation), thread)?);
                    Ok(arguments)
                })
            }
            EventKind::UnparsedEntity { name, ids, notation } => self.tell(Handler::UnparsedEntityDecl, thread, |parser, thread| {
                let mut arguments = vec![parser.intern(get(*name), thread)?];
                parser.add_ids(batch, ids, &mut arguments, thread)?;
                arguments.push(parser.intern(get(*notation), thread)?);
                Ok(arguments)
            }),
            EventKind::Notation { name, ids } => self.tell(Handler::NotationDecl, thread, |parser, thread| {
                let mut arguments = vec![parser.intern(get(*name), thread)?];
                parser.add_ids(batch, ids, &mut arguments, thread)?;
                Ok(arguments)
            }),
            EventKind::SkippedEntity { name, is_parameter } => self.tell(Handler::SkippedEntity, thread, |parser, thread| {
                Ok(vec![parser.intern(get(*name), thread)?, Owned::int(i64::from(*is_parameter))])
            }),
            EventKind::NotStandalone => {
                let answer = self.ask(Handler::NotStandalone, &[], thread)?;
                self.with_engine(|engine| engine.answer(answer));
                Ok(())
            }
            EventKind::ExternalEntity { context, ids } => {
                let mut arguments = vec![text_or_none(*context)];
                self.add_ids(batch, ids, &mut arguments, thread)?;
                let answer = self.ask(Handler::ExternalEntityRef, &arguments, thread)?;
                self.with_engine(|engine| engine.answer(answer));
                Ok(())
            }
            EventKind::UnknownEncoding { name } => self.unknown_encoding(get(*name), thread),
        }
    }

    fn add_ids(&self, batch: &Batch, ids: &ExternalId, arguments: &mut Vec<Owned>, thread: &mut Thread) -> PyResult<()> {
        for id in [ids.base, ids.system, ids.public] {
            arguments.push(self.intern_option(id.map(|id| batch.get(id)), thread)?);
        }
        Ok(())
    }

    fn attributes(&self, batch: &Batch, attributes: &[(Span, Span)], thread: &mut Thread) -> PyResult {
        if self.ordered_attributes.load(Ordering::Relaxed) {
            let mut items = Vec::with_capacity(2 * attributes.len());
            for (name, value) in attributes {
                items.push(self.intern(batch.get(*name), thread)?);
                items.push(text(batch.get(*value)));
            }
            return Ok(list::from_vec(items));
        }
        let items = dict::with_capacity(attributes.len());
        for (name, value) in attributes {
            let name = self.intern(batch.get(*name), thread)?;
            DictObject::of(*items).set(*name, text(batch.get(*value)), thread)?;
        }
        Ok(items)
    }

    /// The nested tuples that describe what an element may contain.
    fn content_model(&self, batch: &Batch, parts: &[ModelPart], thread: &mut Thread) -> PyResult {
        let mut depths = vec![0usize; parts.len()];
        for (i, part) in parts.iter().enumerate() {
            if depths[i] > MODEL_DEPTH {
                return Err(thread.raise_recursion_error(" in conv_content_model"));
            }
            for child in &part.children {
                depths[*child] = depths[i] + 1;
            }
        }
        // Children follow their parent.
        let mut made: Vec<Option<Owned>> = vec![None; parts.len()];
        for (i, part) in parts.iter().enumerate().rev() {
            let children: Vec<Owned> = part.children.iter().filter_map(|child| made[*child].take()).collect();
            let quantity = match part.quantity {
                Quantity::One => 0,
                Quantity::Optional => 1,
                Quantity::Any => 2,
                Quantity::AtLeastOne => 3,
            };
            let name = match part.name {
                Some(name) => self.intern(batch.get(name), thread)?,
                None => Owned::none(),
            };
            made[i] = Some(tuple::pack([Owned::int(part.kind as i64), Owned::int(quantity), name, tuple::from_vec(children)]));
        }
        Ok(made.first_mut().and_then(Option::take).unwrap_or_else(Owned::none))
    }

    /// Asks the codec of an encoding what each byte means.
    fn unknown_encoding(&self, name: &[u8], thread: &mut Thread) -> PyResult<()> {
        let bytes: Vec<u8> = (0..=255).collect();
        let name = String::from_utf8_lossy(name);
        let decoded = codecs::decode_bytes(&bytes, &name, "replace", thread)?;
        let decoded = StrObject::of(*decoded);
        if decoded.len() != bytes.len() {
            return Err(thread.raise_value_error("multi-byte encodings are not supported"));
        }
        let mut mapping = Box::new([UNMAPPED; 256]);
        for (meaning, ch) in mapping.iter_mut().zip(decoded.chars().iter()) {
            if ch != 0xFFFD {
                *meaning = ch;
            }
        }
        self.with_engine(|engine| engine.answer_encoding(Some(mapping)));
        Ok(())
    }
}

/// Shows the call of the handler in the traceback of what it raised.
fn add_traceback_entry(function: &str, raised: Raised, thread: &mut Thread) -> Raised {
    let Some(error) = thread.take_exception() else { return raised };
    let kept = error.clone();
    match raise_within(function, error, thread) {
        Ok(()) => {
            thread.set_exception(kept);
            raised
        }
        Err(raised) => raised,
    }
}

/// Raises `error` again in a function of this name, whose frame its traceback then shows.
fn raise_within(function: &str, error: Owned, thread: &mut Thread) -> PyResult<()> {
    let builtins = pyrt_runtime::import::import_module("builtins", thread)?;
    let source = Owned::str(&format!("def {function}(error):\n    try:\n        raise error\n    finally:\n        del error\n"));
    let compile = attribute::get_by_text(*builtins, "compile", thread)?;
    let code = call::call(*compile, &[*source, *Owned::str("pyexpat.c"), *Owned::str("exec")], thread)?;
    let namespace = dict::new();
    let exec = attribute::get_by_text(*builtins, "exec", thread)?;
    call::call(*exec, &[*code, *namespace], thread)?;
    match DictObject::of(*namespace).get_by_text(function) {
        Some(function) => call::call(*function, &[*error], thread).map(drop),
        None => Ok(()),
    }
}
