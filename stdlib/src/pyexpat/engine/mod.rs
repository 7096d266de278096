//! A parser of XML 1.0 that reads a document as it comes and reports each piece of it, with Expat's behaviour: its events,
//! its chunks of character data, its positions and its error codes.
//!
//! # How it works
//! [`Engine::feed`] takes bytes in. [`Engine::advance`] reads tokens until there is something to report and hands the
//! events out; nothing is called back, so the engine is never on the stack while handlers run, and they may ask it
//! anything. Some events are questions: whoever handles them calls [`Engine::answer`] before it advances again. What is
//! left to do after a question, or in a certain order, waits in a queue of [`Task`]s.
//!
//! # Invariants
//! * Text is scanned from a stack of frames: entities that are being expanded, on top of the document's own input. Nothing
//!   here recurses, however deep elements, entities or content models nest.
//! * A token that is not whole is scanned again from its start when more text has come. So the offset `input.at` moves in
//!   whole tokens, and events of a token are emitted only once.
//! * Offsets of positions count in the document's input alone; inside an entity they stay at the reference to it.

pub mod accounting;
mod characters;
pub mod codes;
mod content;
mod declaration;
mod dtd;
mod encoding;
pub mod events;
mod grammar;
mod input;
mod namespaces;
mod names;
mod prolog;
pub mod scanner;
mod values;

use std::collections::VecDeque;
use std::sync::Arc;

use pyrt_runtime::sync::LeafMutex;

use accounting::Accounting;
use codes::Code;
use dtd::{Dtd, Entity, EntityId, Text};
use encoding::{Mapping, Named};
use events::{Batch, Event, EventKind, ExternalId, Handler, Interest, Span};
use grammar::Grammar;
use input::Input;
use namespaces::Namespaces;
use scanner::AttributeSpan;

pub use encoding::UNMAPPED;

/// What [`Engine::advance`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Events are to be handled; then it goes on.
    More,
    /// All is read that has come.
    Starved,
    Failed(Code),
}

/// Whether external parts of the document type declaration are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterParsing {
    Never = 0,
    UnlessStandalone = 1,
    Always = 2,
}

/// What an engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Document,
    GeneralEntity,
    /// An external subset or parameter entity.
    ParameterEntity,
    /// An external parameter entity inside an entity's value.
    ValuePart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Start,
    /// The first token: a text declaration may come.
    EntityStart,
    Prolog,
    IgnoredSection,
    Content,
    Cdata,
    Epilog,
    EntityValue,
    /// Behind its text declaration.
    RestOfEntityValue,
    Failed(Code),
    Finished,
}

/// What is to be done before the next token is read.
enum Task {
    SwitchEncoding { name: Vec<u8>, at: usize },
    EncodingAnswered,
    /// Asks for the external subset, at the end of the document type declaration or before the first element.
    ExternalSubset { has_system_id: bool },
    ExternalSubsetAnswered { has_system_id: bool, had_references: bool },
    CheckStandalone,
    StandaloneAnswered,
    EndDoctype { default: Vec<u8> },
    EnterContent,
    ExpandParameterEntity { id: EntityId, is_between: bool },
    ParameterEntityAnswered(EntityId),
    EntityValue,
    ValueEntityAnswered(EntityId),
    CompleteEntity { default: Vec<u8> },
    GeneralEntityAnswered,
}

/// An entity that is being expanded.
struct OpenEntity {
    id: EntityId,
    text: Text,
    at: usize,
    /// How many elements were open at the reference.
    floor: usize,
    /// A parameter entity that was referred to between declarations.
    is_between: bool,
}

/// A text and the place of the next token in it.
#[derive(Clone, Copy)]
pub struct Frame<'t> {
    text: &'t [u8],
    at: usize,
    /// It is the document's own input.
    is_main: bool,
}

enum Step {
    /// The next token is here.
    To(usize),
    /// The top entity is read.
    EntityDone,
    Starved,
}

struct Tag {
    /// Ends of the name as it stands in the document, and of the full name behind it, in `tag_names`.
    raw_end: usize,
    full_end: usize,
    bindings: usize,
}

pub struct Engine {
    kind: Kind,
    mode: Mode,
    has_started: bool,
    input: Input,
    dtd: Arc<LeafMutex<Dtd>>,
    accounting: Arc<Accounting>,
    grammar: Grammar,
    entities: Vec<OpenEntity>,
    tasks: VecDeque<Task>,
    answer: bool,
    mapping: Option<Mapping>,
    batch: Batch,
    interest: Interest,
    expands_entities: bool,
    namespaces: Option<Namespaces>,
    base: Option<Text>,
    stated_encoding: Option<Vec<u8>>,
    uses_foreign_dtd: bool,
    parameter_parsing: ParameterParsing,
    defers_reparsing: bool,
    /// How many bytes the last attempt had that found no whole token.
    tried: usize,
    /// Where the attempt began.
    attempt_from: usize,
    is_deferred: bool,
    /// How much memory of the input is accounted for.
    input_memory: usize,
    error: Option<Code>,
    failed_at: Option<usize>,
    tags: Vec<Tag>,
    tag_names: Vec<u8>,
    attribute_spans: Vec<AttributeSpan>,
    declarations: prolog::Declarations,
    entity_value: Option<values::EntityValue>,
}

/// What an engine is created with.
pub struct Settings {
    pub encoding: Option<Vec<u8>>,
    /// Namespaces are processed if there is one; its inside is None for no separator at all.
    pub namespace_separator: Option<Option<u8>>,
}

impl Engine {
    pub fn new(settings: Settings) -> Engine {
        let accounting = Accounting::new();
        // Far below each limit.
        let _ = accounting.allocate(size_of::<Engine>());
        Engine {
            kind: Kind::Document,
            mode: Mode::Start,
            has_started: false,
            input: Input::default(),
            dtd: Arc::new(LeafMutex::new(Dtd::default())),
            accounting: Arc::new(accounting),
            grammar: Grammar::document(),
            entities: Vec::new(),
            tasks: VecDeque::new(),
            answer: true,
            mapping: None,
            batch: Batch::default(),
            interest: Interest::default(),
            expands_entities: true,
            namespaces: settings.namespace_separator.map(Namespaces::new),
            base: None,
            stated_encoding: settings.encoding,
            uses_foreign_dtd: false,
            parameter_parsing: ParameterParsing::Never,
            defers_reparsing: true,
            tried: 0,
            attempt_from: 0,
            is_deferred: false,
            input_memory: 0,
            failed_at: None,
            error: None,
            tags: Vec::new(),
            tag_names: Vec::new(),
            attribute_spans: Vec::new(),
            declarations: prolog::Declarations::default(),
            entity_value: None,
        }
    }

    /// The engine for an external entity: a general one if there is a context, as its event has it.
    pub fn child(&self, context: Option<&[u8]>, encoding: Option<Vec<u8>>) -> Result<Engine, Code> {
        let mut child = Engine::new(Settings { encoding, namespace_separator: None });
        child.namespaces = self.namespaces.as_ref().map(Namespaces::fresh);
        child.accounting = Arc::clone(&self.accounting);
        child.base = self.base.clone();
        child.parameter_parsing = self.parameter_parsing;
        child.defers_reparsing = self.defers_reparsing;
        match context {
            Some(context) => {
                child.kind = Kind::GeneralEntity;
                let mut dtd = self.dtd.lock().clone();
                dtd.close_entities();
                child.set_context(context, &mut dtd)?;
                child.dtd = Arc::new(LeafMutex::new(dtd));
            }
            None => {
                child.kind = if self.dtd.lock().in_entity_value { Kind::ValuePart } else { Kind::ParameterEntity };
                child.dtd = Arc::clone(&self.dtd);
                child.grammar = Grammar::external();
            }
        }
        Ok(child)
    }

    fn set_context(&mut self, context: &[u8], dtd: &mut Dtd) -> Result<(), Code> {
        for item in context.split(|byte| *byte == b'\x0C') {
            match (memchr::memchr(b'=', item), &mut self.namespaces) {
                (Some(equals), Some(namespaces)) => {
                    let (prefix, uri) = (&item[..equals], &item[equals + 1..]);
                    namespaces.bind(prefix, uri)?;
                }
                _ => {
                    if let Some(id) = dtd.find(false, item) {
                        dtd.set_open(id, true);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the parser of a general entity has to know of where it is: the namespaces in force and the open entities.
    fn context(&self, dtd: &Dtd) -> Vec<u8> {
        let mut context = Vec::new();
        let mut add = |parts: &[&[u8]]| {
            if !context.is_empty() {
                context.push(b'\x0C');
            }
            parts.iter().for_each(|part| context.extend_from_slice(part));
        };
        for (prefix, uri) in self.namespaces.iter().flat_map(Namespaces::in_force) {
            add(&[prefix, b"=", uri]);
        }
        for name in dtd.open_entities() {
            add(&[name]);
        }
        context
    }

    pub fn is_document(&self) -> bool {
        self.kind == Kind::Document
    }

    fn is_value_part(&self) -> bool {
        self.kind == Kind::ValuePart
    }

    /// Parsing has begun and is not over: settings must stay.
    pub fn is_busy(&self) -> bool {
        self.has_started && self.mode != Mode::Finished
    }

    pub fn accounting(&self) -> &Accounting {
        &self.accounting
    }

    pub fn base(&self) -> Option<&[u8]> {
        self.base.as_deref()
    }

    pub fn set_base(&mut self, base: Option<&[u8]>) {
        self.base = base.map(Text::from);
    }

    /// States the encoding of what comes, whatever the document says.
    pub fn set_stated_encoding(&mut self, encoding: &[u8]) {
        if !self.is_busy() {
            self.stated_encoding = Some(encoding.to_vec());
        }
    }

    pub fn set_keeps_prefixes(&mut self, keeps: bool) {
        if let (false, Some(namespaces)) = (self.is_busy(), &mut self.namespaces) {
            namespaces.keeps_prefixes = keeps;
        }
    }

    pub fn use_foreign_dtd(&mut self, uses: bool) -> Result<(), Code> {
        if self.is_busy() {
            return Err(Code::CantChangeFeatureOnceParsing);
        }
        self.uses_foreign_dtd = uses;
        Ok(())
    }

    pub fn set_parameter_parsing(&mut self, parsing: ParameterParsing) -> bool {
        if self.is_busy() {
            return false;
        }
        self.parameter_parsing = parsing;
        true
    }

    pub fn defers_reparsing(&self) -> bool {
        self.defers_reparsing
    }

    pub fn set_defers_reparsing(&mut self, defers: bool) {
        self.defers_reparsing = defers;
    }

    pub fn error(&self) -> Option<Code> {
        self.error
    }

    /// Line, from 1, and column, from 0, of the last event.
    pub fn position(&mut self) -> (u64, u64) {
        self.input.position()
    }

    pub fn byte_index(&self) -> Option<u64> {
        self.input.byte_index()
    }

    /// The bytes from the current event on.
    pub fn input_context(&self) -> Option<&[u8]> {
        self.input.context()
    }

    /// The event at this offset is being handled.
    pub fn set_current(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.input.mark(at);
        }
    }

    /// The question after an encoding could not be answered.
    pub fn refuse_encoding(&mut self) {
        self.record_failure(Code::UnknownEncoding);
    }

    /// Ends everything: a handler has failed.
    pub fn abort(&mut self) {
        if self.entities.is_empty() && matches!(self.mode, Mode::Content | Mode::Cdata | Mode::Epilog) {
            self.input.mark(self.input.at);
        }
        self.error = Some(Code::Aborted);
        self.tasks.clear();
        self.mode = Mode::Finished;
    }

    pub fn is_finished(&self) -> bool {
        self.mode == Mode::Finished
    }

    /// The answer to the question that the last event was.
    pub fn answer(&mut self, answer: bool) {
        self.answer = answer;
    }

    /// The answer to the question after an encoding; None: it cannot be used.
    pub fn answer_encoding(&mut self, mapping: Option<Mapping>) {
        self.mapping = mapping.and_then(encoding::check_mapping);
    }

    /// Takes bytes in. They are the last ones if `is_final`.
    pub fn feed(&mut self, bytes: &[u8], is_final: bool) -> Result<(), Code> {
        if self.mode == Mode::Finished {
            self.error = Some(Code::Finished);
            return Err(Code::Finished);
        }
        if let Mode::Failed(code) = self.mode {
            return Err(code);
        }
        self.has_started = true;
        self.input.feed(bytes, is_final);
        let now = self.input.unscanned_len();
        self.accounting.release(std::mem::take(&mut self.input_memory));
        if let Err(code) = self.accounting.allocate(now) {
            self.accounting.release(now);
            return Err(self.record_failure(code));
        }
        self.input_memory = now;
        self.is_deferred = self.defers_reparsing && !is_final && now < 2 * self.tried;
        self.attempt_from = self.input.at;
        Ok(())
    }

    /// Reads on until there are events, which replace those of `batch`.
    pub fn advance(&mut self, interest: Interest, expands_entities: bool, batch: &mut Batch) -> Outcome {
        self.interest = interest;
        self.expands_entities = expands_entities;
        batch.clear();
        std::mem::swap(batch, &mut self.batch);
        let outcome = self.run();
        std::mem::swap(batch, &mut self.batch);
        outcome
    }

    fn run(&mut self) -> Outcome {
        if let Mode::Failed(code) = self.mode {
            // Events that preceded the error have moved the position.
            self.set_current(self.failed_at);
            return Outcome::Failed(code);
        }
        if self.is_deferred || self.mode == Mode::Finished {
            return Outcome::Starved;
        }
        loop {
            let advanced = match self.tasks.pop_front() {
                Some(task) => self.perform(task).map(|()| true),
                None => self.step(),
            };
            let has_events = !self.batch.events.is_empty();
            match advanced {
                Ok(true) if has_events => return Outcome::More,
                Ok(true) => {}
                Ok(false) if has_events => return Outcome::More,
                Ok(false) => {
                    self.end_attempt();
                    return Outcome::Starved;
                }
                Err(code) => {
                    let code = self.record_failure(code);
                    // What precedes the error is still reported.
                    return if has_events { Outcome::More } else { Outcome::Failed(code) };
                }
            }
        }
    }

    fn record_failure(&mut self, code: Code) -> Code {
        self.error = Some(code);
        self.failed_at = self.input.marked();
        self.mode = Mode::Failed(code);
        self.tasks.clear();
        code
    }

    fn end_attempt(&mut self) {
        let has_advanced = self.input.at != self.attempt_from;
        self.tried = if has_advanced { 0 } else { self.input.unscanned_len() };
        if self.input.is_final {
            self.mode = Mode::Finished;
        } else {
            self.input.settle_position();
        }
    }

    /// Reads one token. False: there is none yet.
    fn step(&mut self) -> Result<bool, Code> {
        if self.mode == Mode::Start {
            return self.start();
        }
        if let Some(depth) = self.entities.len().checked_sub(1) {
            let (text, at) = (Arc::clone(&self.entities[depth].text), self.entities[depth].at);
            match self.scan(Frame { text: &text, at, is_main: false })? {
                // A reference may have put another entity on top.
                Step::To(at) => self.entities[depth].at = at,
                Step::EntityDone => {
                    if let Some(entity) = self.entities.pop() {
                        self.accounting.release(size_of::<OpenEntity>());
                        self.dtd.lock().set_open(entity.id, false);
                    }
                }
                Step::Starved => return Ok(false),
            }
            return Ok(true);
        }
        let text = std::mem::take(&mut self.input.text);
        let step = self.scan(Frame { text: &text, at: self.input.at, is_main: true });
        self.input.text = text;
        match step? {
            Step::To(at) => {
                self.input.at = at;
                Ok(true)
            }
            Step::EntityDone | Step::Starved => Ok(false),
        }
    }

    fn scan(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        match self.mode {
            Mode::EntityStart => self.entity_start(frame),
            Mode::Prolog => self.prolog_step(frame),
            Mode::IgnoredSection => self.ignored_section(frame),
            Mode::Content => self.content_step(frame),
            Mode::Cdata => self.cdata_step(frame),
            Mode::Epilog => self.epilog_step(frame),
            Mode::EntityValue | Mode::RestOfEntityValue => self.value_part(frame),
            Mode::Start | Mode::Finished => Ok(Step::Starved),
            Mode::Failed(code) => Err(code),
        }
    }

    /// Finds the encoding.
    fn start(&mut self) -> Result<bool, Code> {
        self.input.mark(0);
        let stated = self.stated_encoding.as_deref().map(Named::find);
        if matches!(stated, Some(Named::Other)) && self.input.encoding().is_none() {
            let name = self.stated_encoding.clone().unwrap_or_default();
            self.mode = self.mode_after_start();
            self.ask_for_encoding(&name);
            return Ok(true);
        }
        if !self.input.detect(stated.as_ref(), self.kind != Kind::GeneralEntity) {
            if !self.input.is_final {
                return Ok(false);
            }
            if self.input.unscanned_len() > 0 {
                return Err(Code::UnclosedToken);
            }
            if self.is_document() {
                return Err(Code::NoElements);
            }
            self.input.set_encoding(encoding::Encoding::Utf8);
        }
        self.mode = self.mode_after_start();
        if self.input.text.starts_with(b"\xEF\xBB\xBF") {
            // It only tells the encoding.
            self.input.at = 3;
        }
        Ok(true)
    }

    fn mode_after_start(&mut self) -> Mode {
        match self.kind {
            Kind::Document => Mode::Prolog,
            Kind::GeneralEntity => Mode::EntityStart,
            Kind::ParameterEntity => {
                self.dtd.lock().parameter_entity_read = true;
                Mode::Prolog
            }
            Kind::ValuePart => {
                self.dtd.lock().parameter_entity_read = true;
                Mode::EntityValue
            }
        }
    }

    fn ask_for_encoding(&mut self, name: &[u8]) {
        let name = self.batch.add(name);
        self.mapping = None;
        self.emit(EventKind::UnknownEncoding { name });
        self.tasks.push_front(Task::EncodingAnswered);
    }

    fn perform(&mut self, task: Task) -> Result<(), Code> {
        match task {
            Task::SwitchEncoding { name, at } => self.switch_encoding(&name, at),
            Task::EncodingAnswered => match self.mapping.take() {
                Some(mapping) => {
                    self.input.set_encoding(encoding::Encoding::Mapped(mapping));
                    Ok(())
                }
                None => Err(Code::UnknownEncoding),
            },
            Task::GeneralEntityAnswered if self.answer => Ok(()),
            Task::GeneralEntityAnswered => Err(Code::ExternalEntityHandling),
            Task::EntityValue => self.continue_entity_value(),
            Task::ValueEntityAnswered(id) => self.value_entity_answered(id),
            Task::EnterContent => {
                self.mode = Mode::Content;
                Ok(())
            }
            task => self.perform_in_prolog(task),
        }
    }

    /// An error at this offset of the frame that is scanned.
    fn fail(&mut self, at: usize, is_main: bool, code: Code) -> Code {
        if is_main {
            self.input.mark(at);
        }
        code
    }

    fn has_more(&self, frame: Frame<'_>) -> bool {
        frame.is_main && !self.input.is_final
    }

    fn emit(&mut self, kind: EventKind) {
        self.batch.events.push(Event { kind, at: self.input.marked() });
    }

    fn emit_default(&mut self, text: &[u8], is_main: bool) {
        if self.interest.has_default() {
            self.emit_pieces(text, is_main, |text| EventKind::Default { text });
        }
    }

    fn emit_pieces(&mut self, text: &[u8], is_main: bool, kind: fn(Span) -> EventKind) {
        let mut at = self.input.marked();
        for piece in input::pieces(text, !is_main || self.input.is_utf8()) {
            let span = self.batch.add(piece);
            self.batch.events.push(Event { kind: kind(span), at });
            if is_main {
                at = at.map(|at| at + piece.len());
            }
        }
    }

    /// Character data, for whichever handler there is.
    fn emit_data(&mut self, text: &[u8], as_written: &[u8], is_main: bool) {
        if self.interest.has(Handler::CharacterData) {
            self.emit_pieces(text, is_main, |text| EventKind::CharacterData { text });
        } else {
            self.emit_default(as_written, is_main);
        }
    }

    fn external_id(&mut self, entity: &Entity) -> ExternalId {
        self.add_external_id(entity.base.as_deref(), entity.system.as_deref(), entity.public.as_deref())
    }

    fn add_external_id(&mut self, base: Option<&[u8]>, system: Option<&[u8]>, public: Option<&[u8]>) -> ExternalId {
        let batch = &mut self.batch;
        ExternalId { base: batch.add_option(base), system: batch.add_option(system), public: batch.add_option(public) }
    }

    /// Puts an entity's text on top of what is read.
    fn open_entity(&mut self, id: EntityId, text: Text, is_between: bool) -> Result<(), Code> {
        self.accounting.allocate(size_of::<OpenEntity>())?;
        self.entities.push(OpenEntity { id, text, at: 0, floor: self.tags.len(), is_between });
        Ok(())
    }
}
