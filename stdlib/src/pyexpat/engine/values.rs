//! The values of attributes and of entities: references in them are replaced, white space is normalized.

use std::sync::Arc;

use super::characters::{Stop, character_reference, predefined_entity, push};
use super::codes::Code;
use super::dtd::{Dtd, EntityId, Text};
use super::events::{EventKind, Handler};
use super::scanner::{Scanner, ValueToken};
use super::{Engine, Frame, Task};

/// A text inside an attribute's value: the value itself, or an entity's.
struct Part {
    text: Text,
    at: usize,
    entity: EntityId,
}

/// An entity's value that is being put together.
pub struct EntityValue {
    parts: Vec<ValuePart>,
    /// The entity of the declaration, if that is taken in.
    pub declared: Option<EntityId>,
}

struct ValuePart {
    text: Text,
    at: usize,
    entity: Option<EntityId>,
    /// Where the text begins in the main document, if it does.
    offset: Option<usize>,
}

impl Engine {
    /// Appends an attribute's value to the batch's text. `must_be_declared`: a reference to an unknown entity is an error.
    pub(super) fn attribute_value(&mut self, frame: Frame<'_>, is_cdata: bool, must_be_declared: bool, dtd: &mut Dtd) -> Result<(), Code> {
        let start = self.batch.text.len();
        let mut parts: Vec<Part> = Vec::new();
        let result = self.append_value(frame, &mut parts, start, is_cdata, must_be_declared, dtd);
        for part in parts {
            dtd.set_open(part.entity, false);
        }
        if !is_cdata && self.batch.text.len() > start && self.batch.text.last() == Some(&b' ') {
            self.batch.text.pop();
        }
        result
    }

    fn append_value(&mut self, frame: Frame<'_>, parts: &mut Vec<Part>, start: usize, is_cdata: bool, must_be_declared: bool, dtd: &mut Dtd) -> Result<(), Code> {
        let mut own_at = frame.at;
        loop {
            let held;
            let (text, at, is_own) = match parts.last() {
                Some(part) => {
                    held = Arc::clone(&part.text);
                    (&held[..], part.at, false)
                }
                None => (frame.text, own_at, true),
            };
            let is_main = is_own && frame.is_main;
            let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
            let (token, end) = match scanner.attribute_token(at) {
                Ok(scanned) => scanned,
                Err(Stop::Empty) => match parts.pop() {
                    Some(part) => {
                        dtd.set_open(part.entity, false);
                        continue;
                    }
                    None => return Ok(()),
                },
                Err(Stop::Invalid(bad)) => return Err(self.fail(bad, is_main, Code::InvalidToken)),
                Err(_) => return Err(self.fail(at, is_main, Code::InvalidToken)),
            };
            if !is_own {
                self.accounting.read(end - at, false)?;
            }
            match parts.last_mut() {
                Some(part) => part.at = end,
                None => own_at = end,
            }
            let out = &mut self.batch.text;
            let follows_space = out.len() == start || out.last() == Some(&b' ');
            match token {
                ValueToken::Data | ValueToken::ParameterEntityReference => out.extend_from_slice(&text[at..end]),
                ValueToken::Space | ValueToken::Newline => {
                    if is_cdata || !follows_space {
                        out.push(b' ');
                    }
                }
                ValueToken::CharacterReference => match character_reference(&text[at..end]) {
                    Some(0x20) if !is_cdata && follows_space => {}
                    Some(ch) => push(out, ch),
                    None => return Err(self.fail(at, is_main, Code::BadCharRef)),
                },
                ValueToken::EntityReference => {
                    let name = &text[at + 1..end - 1];
                    if let Some(ch) = predefined_entity(name) {
                        out.push(ch);
                        continue;
                    }
                    let found = dtd.find(false, name);
                    let Some((id, entity)) = found.and_then(|id| Some((id, dtd.entity(id)?))) else {
                        if must_be_declared {
                            return Err(Code::UndefinedEntity);
                        }
                        continue;
                    };
                    if must_be_declared && !entity.is_internal {
                        return Err(Code::EntityDeclaredInPe);
                    }
                    if entity.is_open {
                        return Err(self.fail(at, is_main, Code::RecursiveEntityRef));
                    }
                    if entity.notation.is_some() {
                        return Err(self.fail(at, is_main, Code::BinaryEntityRef));
                    }
                    let Some(text) = &entity.text else {
                        return Err(self.fail(at, is_main, Code::AttributeExternalEntityRef));
                    };
                    let text = Arc::clone(text);
                    entity.is_open = true;
                    parts.push(Part { text, at: 0, entity: id });
                    self.accounting.allocate(size_of::<Part>())?;
                }
            }
        }
    }

    /// Begins to put an entity's value together, from the text of its literal.
    pub(super) fn begin_entity_value(&mut self, frame: Frame<'_>, declared: Option<EntityId>) {
        let text: Text = frame.text[frame.at..].into();
        let offset = frame.is_main.then_some(frame.at);
        self.entity_value = Some(EntityValue { parts: vec![ValuePart { text, at: 0, entity: None, offset }], declared });
        self.tasks.push_front(Task::EntityValue);
    }

    /// Goes on until the value is whole, or an external entity has to be read into it.
    pub(super) fn continue_entity_value(&mut self) -> Result<(), Code> {
        let Some(mut value) = self.entity_value.take() else { return Ok(()) };
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        dtd.in_entity_value = true;
        let result = self.append_entity_value(&mut value, &mut dtd);
        if matches!(result, Ok(true)) {
            self.entity_value = Some(value);
            return Ok(());
        }
        for part in value.parts {
            if let Some(id) = part.entity {
                dtd.set_open(id, false);
            }
        }
        dtd.in_entity_value = self.is_value_part();
        drop(dtd);
        if !self.is_value_part() {
            self.entity_value_is_whole(value.declared)?;
            if result.is_err() && self.interest.has(Handler::EntityDecl) {
                // What could be read of the value is reported all the same.
                self.emit_entity_declaration();
            }
        }
        result.map(drop)
    }

    /// True: the engine waits for an external entity.
    fn append_entity_value(&mut self, value: &mut EntityValue, dtd: &mut Dtd) -> Result<bool, Code> {
        while let Some(part) = value.parts.last_mut() {
            let text = Arc::clone(&part.text);
            let (at, offset) = (part.at, part.offset);
            let scanner = Scanner::new(&text, self.namespaces.is_some(), offset.is_some());
            let bad = |engine: &mut Engine, at: usize, code| engine.fail(at + offset.unwrap_or(0), offset.is_some(), code);
            let (token, end) = match scanner.entity_token(at) {
                Ok(scanned) => scanned,
                Err(Stop::Empty) => {
                    if let Some(id) = part.entity {
                        dtd.set_open(id, false);
                    }
                    value.parts.pop();
                    continue;
                }
                Err(Stop::Invalid(at)) => return Err(bad(self, at, Code::InvalidToken)),
                Err(_) => return Err(bad(self, at, Code::InvalidToken)),
            };
            part.at = end;
            if part.entity.is_some() {
                self.accounting.read(end - at, false)?;
            }
            match token {
                ValueToken::Data | ValueToken::EntityReference | ValueToken::Space => dtd.entity_value.extend_from_slice(&text[at..end]),
                ValueToken::Newline => dtd.entity_value.push(b'\n'),
                ValueToken::CharacterReference => match character_reference(&text[at..end]) {
                    Some(ch) => push(&mut dtd.entity_value, ch),
                    None => return Err(bad(self, at, Code::BadCharRef)),
                },
                ValueToken::ParameterEntityReference => {
                    // Inside declarations of the document itself, parameter entities are not recognized.
                    if self.is_document() && offset.is_some() {
                        return Err(bad(self, at, Code::ParamEntityRef));
                    }
                    let Some(id) = dtd.find(true, &text[at + 1..end - 1]) else {
                        dtd.keeps_processing = dtd.is_standalone;
                        return Ok(self.skip_entity_value(value, dtd));
                    };
                    let Some(entity) = dtd.entity(id) else { continue };
                    if entity.is_open || value.declared == Some(id) {
                        return Err(bad(self, at, Code::RecursiveEntityRef));
                    }
                    if let Some(text) = &entity.text {
                        let text = Arc::clone(text);
                        entity.is_open = true;
                        value.parts.push(ValuePart { text, at: 0, entity: Some(id), offset: None });
                        self.accounting.allocate(size_of::<ValuePart>())?;
                    } else if self.interest.has(Handler::ExternalEntityRef) {
                        entity.is_open = true;
                        let ids = self.external_id(entity);
                        dtd.parameter_entity_read = false;
                        self.emit(EventKind::ExternalEntity { context: None, ids });
                        self.tasks.push_front(Task::EntityValue);
                        self.tasks.push_front(Task::ValueEntityAnswered(id));
                        return Ok(true);
                    } else {
                        dtd.keeps_processing = dtd.is_standalone;
                    }
                }
            }
        }
        Ok(false)
    }

    /// The rest of a value that cannot be known is left out.
    fn skip_entity_value(&mut self, value: &mut EntityValue, dtd: &mut Dtd) -> bool {
        for part in value.parts.drain(..) {
            if let Some(id) = part.entity {
                dtd.set_open(id, false);
            }
        }
        false
    }

    pub(super) fn value_entity_answered(&mut self, id: EntityId) -> Result<(), Code> {
        let mut dtd = self.dtd.lock();
        dtd.set_open(id, false);
        if !self.answer {
            return Err(Code::ExternalEntityHandling);
        }
        if !dtd.parameter_entity_read {
            dtd.keeps_processing = dtd.is_standalone;
        }
        Ok(())
    }
}
