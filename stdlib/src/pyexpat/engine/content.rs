//! Content of elements, and what may follow the document's element.

use std::collections::HashSet;
use std::sync::Arc;

use super::characters::{Stop, character_reference, predefined_entity, push, push_lines};
use super::codes::Code;
use super::dtd::{DeclaredAttribute, Dtd};
use super::events::{EventKind, Handler, Span};
use super::namespaces::{AttributeName, classify};
use super::scanner::{AttributeSpan, CdataToken, ContentToken, PrologToken, Scanner};
use super::{Engine, Frame, Kind, Mode, Step, Tag, Task};

/// More attributes than this are compared by hash.
const FEW_ATTRIBUTES: usize = 12;

/// An attribute of a start tag, its name not yet expanded.
struct Attribute {
    name: Span,
    value: Span,
}

impl Engine {
    /// How many elements must be open where the text ends; None: the document's element must have been closed.
    fn floor(&self) -> Option<usize> {
        match self.entities.last() {
            Some(entity) => Some(entity.floor),
            None if self.kind == Kind::GeneralEntity => Some(0),
            None => None,
        }
    }

    /// The text ends in content.
    fn end_of_content(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        if self.has_more(frame) {
            return Ok(Step::Starved);
        }
        match self.floor() {
            None => Err(Code::NoElements),
            Some(floor) if floor != self.tags.len() => Err(Code::AsyncEntity),
            Some(_) => Ok(Step::EntityDone),
        }
    }

    /// What a stop means; `frame.at` is where the token would begin.
    pub(super) fn stopped(&mut self, stop: Stop, frame: Frame<'_>) -> Result<Step, Code> {
        match stop {
            Stop::Invalid(at) => Err(self.fail(at, frame.is_main, Code::InvalidToken)),
            _ if self.has_more(frame) => Ok(Step::Starved),
            Stop::PartialCharacter => Err(Code::PartialChar),
            // Bytes that are no whole character count.
            Stop::Empty if frame.is_main && self.input.undecoded_len() > 1 => Err(Code::PartialChar),
            Stop::Empty | Stop::Partial => Err(Code::UnclosedToken),
        }
    }

    fn is_empty(&self, stop: Stop, frame: Frame<'_>) -> bool {
        matches!(stop, Stop::Empty) && !(frame.is_main && self.input.undecoded_len() > 0)
    }

    /// The start of a general external entity, which may have a text declaration.
    pub(super) fn entity_start(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let scanner = Scanner::new(frame.text, self.namespaces.is_some(), frame.is_main);
        self.input.mark(frame.at);
        let scanned = scanner.content(frame.at, &mut Vec::new());
        match scanned {
            Ok((ContentToken::XmlDeclaration, end)) => {
                self.mode = Mode::Content;
                self.xml_declaration(Frame { text: &frame.text[..end], ..frame }, true)?;
                Ok(Step::To(end))
            }
            Err(Stop::Partial | Stop::PartialCharacter | Stop::Empty) if self.has_more(frame) => Ok(Step::Starved),
            _ => {
                self.mode = Mode::Content;
                Ok(Step::To(frame.at))
            }
        }
    }

    pub(super) fn content_step(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        if is_main {
            self.input.mark(at);
        }
        let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
        let mut spans = std::mem::take(&mut self.attribute_spans);
        let scanned = scanner.content(at, &mut spans);
        let step = match scanned {
            Ok((token, end)) => match self.accounting.read(end - at, is_main && self.is_document()) {
                Ok(()) => self.content_token(token, end, &spans, frame),
                Err(code) => Err(code),
            },
            Err(stop) if self.is_empty(stop, frame) => self.end_of_content(frame),
            Err(stop) => self.stopped(stop, frame),
        };
        self.attribute_spans = spans;
        step
    }

    fn content_token(&mut self, token: ContentToken, end: usize, spans: &[AttributeSpan], frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        let whole = &text[at..end];
        match token {
            ContentToken::Data => self.emit_data(whole, whole, is_main),
            ContentToken::Newline => self.emit_data(b"\n", whole, is_main),
            ContentToken::TrailingReturn | ContentToken::TrailingBracket => {
                if self.has_more(frame) {
                    return Ok(Step::Starved);
                }
                let rest = &text[at..];
                if token == ContentToken::TrailingReturn {
                    self.emit_data(b"\n", rest, is_main);
                } else {
                    self.emit_data(rest, rest, is_main);
                    if is_main {
                        self.input.mark(text.len());
                    }
                }
                self.end_of_content(frame)?;
                return Ok(Step::To(text.len()));
            }
            ContentToken::EntityReference => self.content_reference(frame, end)?,
            ContentToken::CharacterReference => {
                let ch = character_reference(whole).ok_or(Code::BadCharRef)?;
                let mut data = Vec::new();
                push(&mut data, ch);
                self.emit_data(&data, whole, true);
            }
            ContentToken::StartTag { name_end, is_empty } => self.start_tag(frame, name_end, end, is_empty, spans)?,
            ContentToken::EndTag { name_end } => self.end_tag(frame, name_end, end)?,
            ContentToken::CdataOpen => {
                if self.interest.has(Handler::StartCdataSection) {
                    self.emit(EventKind::StartCdataSection);
                } else {
                    self.emit_default(whole, is_main);
                }
                self.mode = Mode::Cdata;
            }
            ContentToken::Comment => self.comment(whole, is_main),
            ContentToken::ProcessingInstruction { target_end } => self.processing_instruction(whole, target_end - at, is_main),
            ContentToken::XmlDeclaration => return Err(Code::MisplacedXmlPi),
        }
        Ok(Step::To(end))
    }

    pub(super) fn comment(&mut self, whole: &[u8], is_main: bool) {
        if self.interest.has(Handler::Comment) {
            let text = self.batch.add_with(|out| push_lines(out, &whole[4..whole.len() - 3]));
            self.emit(EventKind::Comment { text });
        } else {
            self.emit_default(whole, is_main);
        }
    }

    pub(super) fn processing_instruction(&mut self, whole: &[u8], target_end: usize, is_main: bool) {
        if self.interest.has(Handler::ProcessingInstruction) {
            let target = self.batch.add(&whole[2..target_end]);
            let data = whole[target_end..whole.len() - 2].trim_ascii_start();
            let data = self.batch.add_with(|out| push_lines(out, data));
            self.emit(EventKind::ProcessingInstruction { target, data });
        } else {
            self.emit_default(whole, is_main);
        }
    }

    fn content_reference(&mut self, frame: Frame<'_>, end: usize) -> Result<(), Code> {
        let Frame { text, at, is_main } = frame;
        let whole = &text[at..end];
        let name = &whole[1..whole.len() - 1];
        if let Some(ch) = predefined_entity(name) {
            self.accounting.read(1, false)?;
            self.emit_data(&[ch], whole, true);
            return Ok(());
        }
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        let must_be_declared = !dtd.has_parameter_references || dtd.is_standalone;
        let found = dtd.find(false, name);
        let Some((id, entity)) = found.and_then(|id| Some((id, dtd.entity(id)?))) else {
            if must_be_declared {
                return Err(Code::UndefinedEntity);
            }
            self.skipped_entity(whole, is_main);
            return Ok(());
        };
        if must_be_declared && !entity.is_internal {
            return Err(Code::EntityDeclaredInPe);
        }
        if entity.is_open {
            return Err(Code::RecursiveEntityRef);
        }
        if entity.notation.is_some() {
            return Err(Code::BinaryEntityRef);
        }
        if let Some(text) = &entity.text {
            if !self.expands_entities {
                self.skipped_entity(whole, is_main);
                return Ok(());
            }
            let text = Arc::clone(text);
            entity.is_open = true;
            return self.open_entity(id, text, false);
        }
        if !self.interest.has(Handler::ExternalEntityRef) {
            self.emit_default(whole, is_main);
            return Ok(());
        }
        let ids = self.external_id(entity);
        entity.is_open = true;
        let context = self.context(&dtd);
        dtd.set_open(id, false);
        let context = self.batch.add(&context);
        self.emit(EventKind::ExternalEntity { context: Some(context), ids });
        self.tasks.push_front(Task::GeneralEntityAnswered);
        Ok(())
    }

    /// A reference that is not expanded.
    fn skipped_entity(&mut self, whole: &[u8], is_main: bool) {
        if self.interest.has(Handler::SkippedEntity) {
            let name = self.batch.add(&whole[1..whole.len() - 1]);
            self.emit(EventKind::SkippedEntity { name, is_parameter: false });
        } else {
            self.emit_default(whole, is_main);
        }
    }

    fn start_tag(&mut self, frame: Frame<'_>, name_end: usize, end: usize, is_empty: bool, spans: &[AttributeSpan]) -> Result<(), Code> {
        let Frame { text, at, is_main } = frame;
        let raw_name = &text[at + 1..name_end];
        let level = self.namespaces.as_ref().map_or(0, |namespaces| namespaces.level());
        let (name, attributes, specified) = match self.element_names(frame, raw_name, spans) {
            Ok(found) => found,
            Err(code) => {
                if is_empty {
                    self.leave_scope(level);
                }
                return Err(code);
            }
        };
        let has_start = self.interest.has(Handler::StartElement);
        if has_start {
            self.emit(EventKind::StartElement { name, attributes, specified });
        }
        if !is_empty {
            if !has_start {
                self.emit_default(&text[at..end], is_main);
            }
            self.accounting.allocate(size_of::<Tag>() + raw_name.len() + (name.end - name.start))?;
            self.tag_names.extend_from_slice(raw_name);
            let raw_end = self.tag_names.len();
            self.tag_names.extend_from_slice(&self.batch.text[name.start..name.end]);
            self.tags.push(Tag { raw_end, full_end: self.tag_names.len(), bindings: level });
            return Ok(());
        }
        if self.interest.has(Handler::EndElement) {
            if has_start && is_main {
                self.input.mark(end);
            }
            self.emit(EventKind::EndElement { name });
        } else if !has_start {
            self.emit_default(&text[at..end], is_main);
        }
        self.leave_scope(level);
        self.after_element(is_main);
        Ok(())
    }

    /// The full name of an element, and its attributes.
    fn element_names(&mut self, frame: Frame<'_>, raw_name: &[u8], spans: &[AttributeSpan]) -> Result<(Span, Vec<(Span, Span)>, usize), Code> {
        let (attributes, specified) = self.attributes(frame, raw_name, spans)?;
        let start = self.batch.text.len();
        match &self.namespaces {
            Some(namespaces) => namespaces.expand_element(raw_name, &mut self.batch.text)?,
            None => self.batch.text.extend_from_slice(raw_name),
        }
        Ok((Span { start, end: self.batch.text.len() }, attributes, specified))
    }

    /// The bindings of an element end with it.
    fn leave_scope(&mut self, level: usize) {
        while let Some(prefix) = self.namespaces.as_mut().and_then(|namespaces| namespaces.unbind(level)) {
            if self.interest.has(Handler::EndNamespaceDecl) {
                let prefix = if prefix.is_empty() { None } else { Some(self.batch.add(&prefix)) };
                self.emit(EventKind::EndNamespace { prefix });
            }
        }
    }

    fn after_element(&mut self, is_main: bool) {
        if self.tags.is_empty() && is_main && self.is_document() {
            self.mode = Mode::Epilog;
        }
    }

    fn end_tag(&mut self, frame: Frame<'_>, name_end: usize, end: usize) -> Result<(), Code> {
        let Frame { text, at, is_main } = frame;
        if self.tags.len() == self.floor().unwrap_or(0) {
            return Err(Code::AsyncEntity);
        }
        let Some(tag) = self.tags.pop() else { return Err(Code::AsyncEntity) };
        let start = self.tags.last().map_or(0, |outer| outer.full_end);
        let raw_name = &text[at + 2..name_end];
        if self.tag_names[start..tag.raw_end] != *raw_name {
            return Err(self.fail(at + 2, is_main, Code::TagMismatch));
        }
        if self.interest.has(Handler::EndElement) {
            let name = self.batch.add(&self.tag_names[tag.raw_end..tag.full_end]);
            self.emit(EventKind::EndElement { name });
        } else {
            self.emit_default(&text[at..end], is_main);
        }
        self.accounting.release(size_of::<Tag>() + tag.full_end - start);
        self.tag_names.truncate(start);
        self.leave_scope(tag.bindings);
        self.after_element(is_main);
        Ok(())
    }

    /// The attributes of a start tag with their full names and values, declared defaults behind those that are specified,
    /// and the number of these. Namespaces are bound on the way.
    fn attributes(&mut self, frame: Frame<'_>, element: &[u8], spans: &[AttributeSpan]) -> Result<(Vec<(Span, Span)>, usize), Code> {
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        let declared = if dtd.has_attributes() { dtd.attributes_of(element).to_vec() } else { Vec::new() };
        if spans.is_empty() && declared.is_empty() {
            return Ok((Vec::new(), 0));
        }
        self.check_distinct(frame, spans)?;
        let must_be_declared = !dtd.has_parameter_references || dtd.is_standalone;
        let mut found = Vec::with_capacity(spans.len());
        for span in spans {
            let name = &frame.text[span.name.0..span.name.1];
            let value = self.specified_value(frame, span, &declared, name, must_be_declared, &mut dtd)?;
            self.take_attribute(name, value, &mut found)?;
        }
        let specified = found.len();
        for attribute in &declared {
            let Some(default) = &attribute.default else { continue };
            let is_specified = spans.iter().any(|span| frame.text[span.name.0..span.name.1] == *attribute.name);
            if !is_specified {
                let value = self.batch.add(default);
                self.take_attribute(&attribute.name, value, &mut found)?;
            }
        }
        drop(dtd);
        let attributes = self.expand_names(found)?;
        Ok((attributes, specified))
    }

    fn check_distinct(&mut self, frame: Frame<'_>, spans: &[AttributeSpan]) -> Result<(), Code> {
        let name = |span: &AttributeSpan| &frame.text[span.name.0..span.name.1];
        let repeated = if spans.len() <= FEW_ATTRIBUTES {
            (1..spans.len()).find(|&i| spans[..i].iter().any(|earlier| name(earlier) == name(&spans[i])))
        } else {
            let mut seen = HashSet::with_capacity(spans.len());
            spans.iter().position(|span| !seen.insert(name(span)))
        };
        match repeated {
            Some(i) => Err(self.fail(spans[i].name.0, frame.is_main, Code::DuplicateAttribute)),
            None => Ok(()),
        }
    }

    fn specified_value(
        &mut self,
        frame: Frame<'_>,
        span: &AttributeSpan,
        declared: &[DeclaredAttribute],
        name: &[u8],
        must_be_declared: bool,
        dtd: &mut Dtd,
    ) -> Result<Span, Code> {
        let (start, end) = span.value;
        if span.is_plain {
            return Ok(self.batch.add(&frame.text[start..end]));
        }
        let is_cdata = declared.iter().find(|attribute| *attribute.name == *name).is_none_or(|attribute| attribute.is_cdata);
        let value_start = self.batch.text.len();
        self.attribute_value(Frame { text: &frame.text[..end], at: start, is_main: frame.is_main }, is_cdata, must_be_declared, dtd)?;
        Ok(Span { start: value_start, end: self.batch.text.len() })
    }

    /// Binds a namespace, if that is what the attribute does; else notes the attribute.
    fn take_attribute(&mut self, name: &[u8], value: Span, found: &mut Vec<Attribute>) -> Result<(), Code> {
        if let (Some(namespaces), AttributeName::Binding(prefix)) = (&mut self.namespaces, classify(name)) {
            let uri = &self.batch.text[value.start..value.end];
            let is_empty = uri.is_empty();
            namespaces.bind(prefix, uri)?;
            if self.interest.has(Handler::StartNamespaceDecl) {
                let prefix = if prefix.is_empty() { None } else { Some(self.batch.add(prefix)) };
                let uri = (!is_empty).then_some(value);
                self.emit(EventKind::StartNamespace { prefix, uri });
            }
            return Ok(());
        }
        let name = self.batch.add(name);
        found.push(Attribute { name, value });
        Ok(())
    }

    /// Gives prefixed names their namespace, now that all of the tag's are bound.
    fn expand_names(&mut self, found: Vec<Attribute>) -> Result<Vec<(Span, Span)>, Code> {
        let Some(namespaces) = &self.namespaces else {
            return Ok(found.into_iter().map(|attribute| (attribute.name, attribute.value)).collect());
        };
        let mut attributes = Vec::with_capacity(found.len());
        let mut expanded: Vec<Vec<u8>> = Vec::new();
        for attribute in found {
            let raw = &self.batch.text[attribute.name.start..attribute.name.end];
            let mut full = Vec::new();
            match classify(raw) {
                AttributeName::Prefixed { prefix, local } => namespaces.expand(prefix, local, &mut full)?,
                _ => {
                    attributes.push((attribute.name, attribute.value));
                    continue;
                }
            }
            attributes.push((self.batch.add(&full), attribute.value));
            expanded.push(full);
        }
        let count = expanded.len();
        if count > 1 {
            expanded.sort_unstable();
            expanded.dedup();
            if expanded.len() < count {
                return Err(Code::DuplicateAttribute);
            }
        }
        Ok(attributes)
    }

    pub(super) fn cdata_step(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        if is_main {
            self.input.mark(at);
        }
        let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
        let (token, end) = match scanner.cdata(at) {
            Ok(scanned) => scanned,
            Err(Stop::Invalid(bad)) => return Err(self.fail(bad, is_main, Code::InvalidToken)),
            Err(_) if self.has_more(frame) => return Ok(Step::Starved),
            Err(Stop::PartialCharacter) => return Err(Code::PartialChar),
            Err(_) => return Err(Code::UnclosedCdataSection),
        };
        let whole = &text[at..end];
        self.accounting.read(whole.len(), is_main && self.is_document())?;
        match token {
            CdataToken::Data => self.emit_data(whole, whole, is_main),
            CdataToken::Newline => self.emit_data(b"\n", whole, is_main),
            CdataToken::Close => {
                if self.interest.has(Handler::EndCdataSection) {
                    self.emit(EventKind::EndCdataSection);
                } else {
                    self.emit_default(whole, is_main);
                }
                self.mode = Mode::Content;
            }
        }
        Ok(Step::To(end))
    }

    /// After the document's element.
    pub(super) fn epilog_step(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        self.input.mark(at);
        let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
        let (token, end, is_last_return) = match scanner.prolog(at) {
            Ok(scanned) => scanned,
            Err(stop) if self.is_empty(stop, frame) => return Ok(Step::Starved),
            Err(stop) => return self.stopped(stop, frame),
        };
        let whole = &text[at..end];
        self.accounting.read(whole.len(), true)?;
        match token {
            PrologToken::Space => {
                self.emit_default(whole, is_main);
                if is_last_return && !self.has_more(frame) {
                    // The position stays in front of it.
                    self.mode = Mode::Finished;
                }
            }
            PrologToken::Comment => self.comment(whole, is_main),
            PrologToken::ProcessingInstruction { target_end } => self.processing_instruction(whole, target_end - at, is_main),
            _ => return Err(Code::JunkAfterDocElement),
        }
        Ok(Step::To(end))
    }
}
