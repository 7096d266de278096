//! The prolog and its declarations, and external subsets and parameter entities.

use std::sync::Arc;

use super::characters::Stop;
use super::codes::Code;
use super::declaration;
use super::dtd::{DeclaredAttribute, EntityId, ExternalSubset, Text};
use super::encoding::{Encoding, Named};
use super::events::{EventKind, Handler, ModelKind, ModelPart, Span};
use super::grammar::{Declaration, Role};
use super::scanner::{PrologToken, Quantity, Scanner};
use super::{Engine, Frame, Mode, ParameterParsing, Step, Task};

/// The declaration that is being read.
#[derive(Default)]
pub struct Declarations {
    doctype_name: Option<Vec<u8>>,
    doctype_system: Option<Vec<u8>>,
    doctype_public: Option<Vec<u8>>,
    has_external_subset: bool,
    entity: Option<EntityId>,
    notation_name: Option<Vec<u8>>,
    notation_public: Option<Vec<u8>>,
    element: Vec<u8>,
    attribute: Vec<u8>,
    attribute_is_cdata: bool,
    attribute_type: Vec<u8>,
    model: Option<Model>,
    /// The connectors of the open groups; 0: none seen.
    connectors: Vec<u8>,
}

/// A content model that is being read, and its names.
struct Model {
    parts: Vec<ModelPart>,
    names: Vec<u8>,
    /// The open groups.
    open: Vec<usize>,
}

impl Model {
    fn add(&mut self, kind: ModelKind, quantity: Quantity, name: Option<&[u8]>) -> usize {
        let name = name.map(|name| {
            let start = self.names.len();
            self.names.extend_from_slice(name);
            Span { start, end: self.names.len() }
        });
        let index = self.parts.len();
        self.parts.push(ModelPart { kind, quantity, name, children: Vec::new() });
        if let Some(parent) = self.open.last().and_then(|parent| self.parts.get_mut(*parent)) {
            parent.children.push(index);
        }
        index
    }

    fn top(&mut self) -> Option<&mut ModelPart> {
        self.parts.get_mut(*self.open.last()?)
    }
}

/// What became of a token: whether the default handler gets it.
type Handled = Result<bool, Code>;

impl Engine {
    pub(super) fn prolog_step(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        if is_main {
            self.input.mark(at);
        }
        let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
        let (token, end) = match scanner.prolog(at) {
            Ok((_, _, true)) if self.has_more(frame) => return Ok(Step::Starved),
            Ok((token, end, _)) => (token, end),
            Err(Stop::Empty) if !is_main => return self.end_of_parameter_entity(),
            Err(Stop::Empty) if self.input.undecoded_len() == 0 => return self.end_of_prolog(frame),
            Err(stop) => return self.stopped(stop, frame),
        };
        let whole = &text[at..end];
        let role = self.grammar.role(token, whole);
        if !matches!(role, Role::InstanceStart | Role::XmlDeclaration | Role::TextDeclaration) {
            self.accounting.read(whole.len(), is_main && self.is_document())?;
        }
        let is_default = self.declare(role, token, Frame { text: &text[..end], at, is_main })?;
        if is_default {
            self.emit_default(whole, is_main);
        }
        Ok(Step::To(end))
    }

    fn end_of_parameter_entity(&mut self) -> Result<Step, Code> {
        let is_between = self.entities.last().is_some_and(|entity| entity.is_between);
        if is_between && self.grammar.role(PrologToken::End, b"") == Role::Error {
            return Err(Code::IncompletePe);
        }
        Ok(Step::EntityDone)
    }

    fn end_of_prolog(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        if self.has_more(frame) {
            return Ok(Step::Starved);
        }
        if self.is_document() {
            return Err(Code::NoElements);
        }
        if self.grammar.role(PrologToken::End, b"") == Role::Error {
            return Err(Code::IncompletePe);
        }
        Ok(Step::EntityDone)
    }

    fn keeps_processing(&self) -> bool {
        self.dtd.lock().keeps_processing
    }

    /// Declarations of this kind are left to the default handler.
    fn is_unheard(&self, declaration: Declaration) -> bool {
        match declaration {
            Declaration::No => true,
            Declaration::Doctype => !self.interest.has(Handler::StartDoctypeDecl),
            Declaration::Entity => !(self.interest.has(Handler::EntityDecl) && self.keeps_processing()),
            Declaration::Notation => !self.interest.has(Handler::NotationDecl),
            Declaration::Attlist => !(self.interest.has(Handler::AttlistDecl) && self.keeps_processing()),
            Declaration::Element => !self.interest.has(Handler::ElementDecl),
        }
    }

    fn declare(&mut self, role: Role, token: PrologToken, frame: Frame<'_>) -> Handled {
        let Frame { text, at, is_main } = frame;
        let whole = &text[at..];
        match role {
            Role::Error => Err(match token {
                PrologToken::ParameterEntityReference => Code::ParamEntityRef,
                PrologToken::XmlDeclaration => Code::MisplacedXmlPi,
                _ => Code::Syntax,
            }),
            Role::None(declaration) => Ok(self.is_unheard(declaration)),
            Role::XmlDeclaration => self.xml_declaration(frame, false).map(|()| false),
            Role::TextDeclaration => self.xml_declaration(frame, true).map(|()| false),
            Role::ProcessingInstruction => {
                if let PrologToken::ProcessingInstruction { target_end } = token {
                    self.processing_instruction(whole, target_end - at, is_main);
                }
                Ok(false)
            }
            Role::Comment => {
                self.comment(whole, is_main);
                Ok(false)
            }
            Role::InstanceStart => {
                self.tasks.push_back(Task::ExternalSubset { has_system_id: false });
                self.tasks.push_back(Task::EnterContent);
                Ok(false)
            }
            Role::DoctypeName
            | Role::DoctypePublicId
            | Role::DoctypeSystemId
            | Role::DoctypeInternalSubset
            | Role::DoctypeClose => self.declare_doctype(role, frame),
            Role::EntityName { .. }
            | Role::EntityValue
            | Role::EntityPublicId
            | Role::EntitySystemId
            | Role::EntityComplete
            | Role::EntityNotation => self.declare_entity(role, frame),
            Role::NotationName | Role::NotationPublicId | Role::NotationSystemId | Role::NotationWithoutSystemId => {
                self.declare_notation(role, frame)
            }
            Role::AttlistElementName
            | Role::AttributeName
            | Role::AttributeType(_)
            | Role::AttributeEnumValue
            | Role::AttributeNotationValue
            | Role::ImpliedAttribute
            | Role::RequiredAttribute
            | Role::DefaultAttribute
            | Role::FixedAttribute => self.declare_attribute(role, frame),
            Role::ElementName
            | Role::ContentEmpty
            | Role::ContentAny
            | Role::ContentPcdata
            | Role::ContentElement(_)
            | Role::GroupOpen
            | Role::GroupClose(_)
            | Role::GroupChoice
            | Role::GroupSequence => self.declare_element(role, whole),
            Role::ParameterEntityReference { is_between } => self.parameter_reference(whole, is_between),
            Role::IgnoreSection => {
                self.emit_default(whole, is_main);
                self.mode = Mode::IgnoredSection;
                Ok(false)
            }
        }
    }

    /// `frame.text` ends with the declaration.
    pub(super) fn xml_declaration(&mut self, frame: Frame<'_>, is_text_declaration: bool) -> Result<(), Code> {
        let Frame { text, at, is_main } = frame;
        let whole = &text[at..];
        self.accounting.read(whole.len(), is_main && self.is_document())?;
        let found = match declaration::parse(whole, is_text_declaration) {
            Ok(found) => found,
            Err(bad) => {
                let code = if is_text_declaration { Code::TextDecl } else { Code::XmlDecl };
                return Err(self.fail(at + bad, is_main, code));
            }
        };
        if !is_text_declaration && found.standalone == Some(true) {
            self.dtd.lock().is_standalone = true;
            if self.parameter_parsing == ParameterParsing::UnlessStandalone {
                self.parameter_parsing = ParameterParsing::Never;
            }
        }
        if self.interest.has(Handler::XmlDecl) {
            let version = self.batch.add_option(found.version.map(|version| &whole[version]));
            let encoding = self.batch.add_option(found.encoding.clone().map(|encoding| &whole[encoding]));
            let standalone = found.standalone.map_or(-1, i64::from);
            self.emit(EventKind::XmlDeclaration { version, encoding, standalone });
        } else {
            self.emit_default(whole, is_main);
        }
        if let (None, Some(name)) = (&self.stated_encoding, found.encoding) {
            self.tasks.push_back(Task::SwitchEncoding { at: at + name.start, name: whole[name].to_vec() });
        }
        Ok(())
    }

    /// The declaration names the encoding of what follows.
    pub(super) fn switch_encoding(&mut self, name: &[u8], at: usize) -> Result<(), Code> {
        let is_two_bytes = self.input.encoding().is_some_and(Encoding::is_two_bytes);
        let is_big = matches!(self.input.encoding(), Some(Encoding::Utf16 { is_big: true }));
        let new = match Named::find(name) {
            Named::Utf16 if is_two_bytes => return Ok(()),
            Named::Utf16Big if is_two_bytes && is_big => return Ok(()),
            Named::Utf16Little if is_two_bytes && !is_big => return Ok(()),
            Named::Other => {
                self.input.mark(at);
                self.ask_for_encoding(name);
                return Ok(());
            }
            Named::Utf8 if !is_two_bytes => return if self.input.is_utf8() { Ok(()) } else { self.decode_as(Encoding::Utf8) },
            Named::Latin1 if !is_two_bytes => Encoding::Latin1,
            Named::Ascii if !is_two_bytes => Encoding::Ascii,
            _ => return Err(self.fail(at, true, Code::IncorrectEncoding)),
        };
        self.decode_as(new)
    }

    fn decode_as(&mut self, encoding: Encoding) -> Result<(), Code> {
        self.input.set_encoding(encoding);
        Ok(())
    }

    fn declare_doctype(&mut self, role: Role, frame: Frame<'_>) -> Handled {
        let Frame { text, at, is_main } = frame;
        let whole = &text[at..];
        let is_heard = self.interest.has(Handler::StartDoctypeDecl);
        match role {
            Role::DoctypeName => {
                self.declarations.doctype_name = is_heard.then(|| whole.to_vec());
                self.declarations.doctype_system = None;
                self.declarations.doctype_public = None;
                self.declarations.has_external_subset = false;
                Ok(!is_heard)
            }
            Role::DoctypePublicId => {
                self.uses_foreign_dtd = false;
                let public = self.public_id(frame)?;
                let mut dtd = self.dtd.lock();
                dtd.has_parameter_references = true;
                if dtd.keeps_processing {
                    dtd.external_subset.get_or_insert_default().public = Some(public.as_slice().into());
                }
                drop(dtd);
                if is_heard {
                    self.declarations.doctype_public = Some(public);
                }
                Ok(!is_heard)
            }
            Role::DoctypeSystemId => {
                self.uses_foreign_dtd = false;
                let system = &whole[1..whole.len() - 1];
                self.declarations.has_external_subset = true;
                if is_heard {
                    self.declarations.doctype_system = Some(system.to_vec());
                }
                let base = self.base.clone();
                let mut dtd = self.dtd.lock();
                dtd.has_parameter_references = true;
                if dtd.keeps_processing {
                    let subset: &mut ExternalSubset = dtd.external_subset.get_or_insert_default();
                    subset.system = Some(system.into());
                    subset.base = base;
                }
                drop(dtd);
                if self.parameter_parsing == ParameterParsing::Never {
                    self.tasks.push_back(Task::CheckStandalone);
                }
                Ok(!is_heard)
            }
            Role::DoctypeInternalSubset => {
                let was_emitted = self.start_doctype(true);
                Ok(!was_emitted)
            }
            _ => {
                if !is_main {
                    return Err(Code::InvalidToken);
                }
                let was_emitted = self.start_doctype(false);
                let has_system_id = self.declarations.has_external_subset;
                if has_system_id || self.uses_foreign_dtd {
                    self.tasks.push_back(Task::ExternalSubset { has_system_id });
                }
                let default = if was_emitted { Vec::new() } else { whole.to_vec() };
                self.tasks.push_back(Task::EndDoctype { default });
                Ok(false)
            }
        }
    }

    fn start_doctype(&mut self, has_internal_subset: bool) -> bool {
        let Some(name) = self.declarations.doctype_name.take() else { return false };
        let name = self.batch.add(&name);
        let system = self.declarations.doctype_system.take();
        let public = self.declarations.doctype_public.take();
        let system = self.batch.add_option(system.as_deref());
        let public = self.batch.add_option(public.as_deref());
        self.emit(EventKind::StartDoctype { name, system, public, has_internal_subset });
        true
    }

    /// The text of a public identifier's literal, its white space normalized.
    fn public_id(&mut self, frame: Frame<'_>) -> Result<Vec<u8>, Code> {
        let literal = &frame.text[frame.at + 1..frame.text.len() - 1];
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b" \r\n-'()+,./:=?;!*#@$_%".contains(byte);
        if let Some(bad) = literal.iter().position(|byte| !is_allowed(byte)) {
            return Err(self.fail(frame.at + 1 + bad, frame.is_main, Code::PublicId));
        }
        let words: Vec<&[u8]> = literal.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        Ok(words.join(&b' '))
    }

    fn declare_entity(&mut self, role: Role, frame: Frame<'_>) -> Handled {
        let whole = &frame.text[frame.at..];
        let is_heard = self.interest.has(Handler::EntityDecl);
        let literal = |text: &[u8]| Text::from(&text[1..text.len() - 1]);
        match role {
            Role::EntityName { is_parameter } => {
                let is_internal = self.is_document() && self.entities.is_empty();
                let is_predefined = !is_parameter && super::characters::predefined_entity(whole).is_some();
                let mut dtd = self.dtd.lock();
                let declared = if dtd.keeps_processing && !is_predefined {
                    dtd.entities(is_parameter).declare(whole, is_internal)
                } else {
                    None
                };
                drop(dtd);
                self.declarations.entity = declared.map(|index| EntityId { is_parameter, index });
                if declared.is_some() {
                    self.accounting.allocate(size_of::<super::Entity>() + whole.len())?;
                }
                Ok(!(declared.is_some() && is_heard))
            }
            Role::EntityValue => {
                if !self.keeps_processing() {
                    return Ok(true);
                }
                self.dtd.lock().entity_value.clear();
                let inner = Frame { text: &frame.text[..frame.text.len() - 1], at: frame.at + 1, ..frame };
                self.tasks.push_front(Task::CompleteEntity { default: whole.to_vec() });
                self.begin_entity_value(inner, self.declarations.entity);
                Ok(false)
            }
            Role::EntityPublicId => {
                let public = self.public_id(frame)?;
                let is_taken = self.change_entity(|entity, _| entity.public = Some(public.into()));
                Ok(!(is_taken && is_heard))
            }
            Role::EntitySystemId => {
                let is_taken = self.change_entity(|entity, base| {
                    entity.system = Some(literal(whole));
                    entity.base = base;
                });
                Ok(!(is_taken && is_heard))
            }
            Role::EntityComplete => {
                if is_heard && self.keeps_processing() {
                    return Ok(!self.emit_entity_declaration());
                }
                Ok(true)
            }
            _ => {
                let is_taken = self.change_entity(|entity, _| entity.notation = Some(whole.into()));
                if !is_taken {
                    return Ok(true);
                }
                if self.interest.has(Handler::UnparsedEntityDecl) {
                    return Ok(!self.emit_unparsed_entity());
                }
                Ok(!(is_heard && self.emit_entity_declaration()))
            }
        }
    }

    /// Completes the entity that is being declared, if the declaration is taken in.
    fn change_entity(&mut self, change: impl FnOnce(&mut super::Entity, Option<Text>)) -> bool {
        let base = self.base.clone();
        let mut dtd = self.dtd.lock();
        if !dtd.keeps_processing {
            return false;
        }
        match self.declarations.entity.and_then(|id| dtd.entity(id)) {
            Some(entity) => {
                change(entity, base);
                true
            }
            None => false,
        }
    }

    fn declared_entity(&self) -> Option<(bool, super::Entity)> {
        let id = self.declarations.entity?;
        let entity = self.dtd.lock().entity(id)?.clone();
        Some((id.is_parameter, entity))
    }

    pub(super) fn emit_entity_declaration(&mut self) -> bool {
        let Some((is_parameter, entity)) = self.declared_entity() else { return false };
        let name = self.batch.add(&entity.name);
        let value = self.batch.add_option(entity.text.as_deref());
        let base = if value.is_some() { self.base.clone() } else { entity.base };
        let ids = self.add_external_id(base.as_deref(), entity.system.as_deref(), entity.public.as_deref());
        let notation = self.batch.add_option(entity.notation.as_deref());
        self.emit(EventKind::EntityDeclaration { name, is_parameter, value, ids, notation });
        true
    }

    fn emit_unparsed_entity(&mut self) -> bool {
        let Some((_, entity)) = self.declared_entity() else { return false };
        let name = self.batch.add(&entity.name);
        let ids = self.external_id(&entity);
        let notation = self.batch.add(entity.notation.as_deref().unwrap_or_default());
        self.emit(EventKind::UnparsedEntity { name, ids, notation });
        true
    }

    pub(super) fn entity_value_is_whole(&mut self, declared: Option<EntityId>) -> Result<(), Code> {
        let mut dtd = self.dtd.lock();
        let value: Text = std::mem::take(&mut dtd.entity_value).into();
        let len = value.len();
        if let Some(entity) = declared.and_then(|id| dtd.entity(id)) {
            entity.text = Some(value);
        }
        drop(dtd);
        self.accounting.allocate(len)
    }

    fn declare_notation(&mut self, role: Role, frame: Frame<'_>) -> Handled {
        let whole = &frame.text[frame.at..];
        let is_heard = self.interest.has(Handler::NotationDecl);
        match role {
            Role::NotationName => {
                self.declarations.notation_public = None;
                self.declarations.notation_name = is_heard.then(|| whole.to_vec());
                Ok(!is_heard)
            }
            Role::NotationPublicId => {
                let public = self.public_id(frame)?;
                let is_taken = self.declarations.notation_name.is_some();
                if is_taken {
                    self.declarations.notation_public = Some(public);
                }
                Ok(!is_taken)
            }
            _ => {
                let system = (role == Role::NotationSystemId).then(|| &whole[1..whole.len() - 1]);
                let public = self.declarations.notation_public.take();
                let Some(name) = self.declarations.notation_name.take() else { return Ok(true) };
                if !is_heard || system.is_none() && public.is_none() {
                    return Ok(true);
                }
                let name = self.batch.add(&name);
                let base = self.base.clone();
                let ids = self.add_external_id(base.as_deref(), system, public.as_deref());
                self.emit(EventKind::Notation { name, ids });
                Ok(false)
            }
        }
    }

    fn declare_attribute(&mut self, role: Role, frame: Frame<'_>) -> Handled {
        let whole = &frame.text[frame.at..];
        let keeps_processing = self.keeps_processing();
        let is_heard = keeps_processing && self.interest.has(Handler::AttlistDecl);
        let declarations = &mut self.declarations;
        match role {
            Role::AttlistElementName => declarations.element = whole.to_vec(),
            Role::AttributeName => {
                declarations.attribute = whole.to_vec();
                declarations.attribute_is_cdata = false;
                declarations.attribute_type.clear();
            }
            Role::AttributeType(name) => {
                declarations.attribute_is_cdata = name == "CDATA";
                declarations.attribute_type = name.as_bytes().to_vec();
            }
            Role::AttributeEnumValue | Role::AttributeNotationValue => {
                let open: &[u8] = match role {
                    _ if !declarations.attribute_type.is_empty() => b"|",
                    Role::AttributeNotationValue => b"NOTATION(",
                    _ => b"(",
                };
                declarations.attribute_type.extend_from_slice(open);
                declarations.attribute_type.extend_from_slice(whole);
            }
            _ => {
                let literal = matches!(role, Role::DefaultAttribute | Role::FixedAttribute);
                let is_required = matches!(role, Role::RequiredAttribute | Role::FixedAttribute);
                if !keeps_processing {
                    return Ok(true);
                }
                let default = if literal { Some(self.default_value(frame)?) } else { None };
                return self.attribute_is_whole(default, is_required, is_heard);
            }
        }
        Ok(!is_heard)
    }

    /// The default value of the attribute that is being declared, from its literal.
    fn default_value(&mut self, frame: Frame<'_>) -> Result<Text, Code> {
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        let must_be_declared = self.is_document() && (if dtd.is_standalone { self.entities.is_empty() } else { !dtd.has_parameter_references });
        let start = self.batch.text.len();
        let inner = Frame { text: &frame.text[..frame.text.len() - 1], at: frame.at + 1, ..frame };
        let is_cdata = self.declarations.attribute_is_cdata;
        self.attribute_value(inner, is_cdata, must_be_declared, &mut dtd)?;
        let value = Text::from(&self.batch.text[start..]);
        self.batch.text.truncate(start);
        Ok(value)
    }

    fn attribute_is_whole(&mut self, default: Option<Text>, is_required: bool, is_heard: bool) -> Handled {
        let declarations = &mut self.declarations;
        let attribute = DeclaredAttribute {
            name: declarations.attribute.as_slice().into(),
            is_cdata: declarations.attribute_is_cdata,
            default: default.clone(),
        };
        if attribute.default.is_some() || !attribute.is_cdata {
            self.accounting.allocate(size_of::<DeclaredAttribute>() + attribute.name.len())?;
            self.dtd.lock().declare_attribute(&declarations.element, attribute);
        }
        if !is_heard || declarations.attribute_type.is_empty() {
            return Ok(true);
        }
        if declarations.attribute_type.starts_with(b"(") || declarations.attribute_type.starts_with(b"NOTATION(") {
            declarations.attribute_type.push(b')');
        }
        let element = self.batch.add(&self.declarations.element);
        let attribute = self.batch.add(&self.declarations.attribute);
        let kind = self.batch.add(&self.declarations.attribute_type);
        let default = self.batch.add_option(default.as_deref());
        self.emit(EventKind::AttributeDeclaration { element, attribute, kind, default, is_required });
        Ok(false)
    }

    fn declare_element(&mut self, role: Role, whole: &[u8]) -> Handled {
        let is_heard = self.interest.has(Handler::ElementDecl);
        match role {
            Role::ElementName => {
                self.declarations.element = whole.to_vec();
                self.declarations.model = is_heard.then(|| Model { parts: Vec::new(), names: Vec::new(), open: Vec::new() });
                return Ok(!is_heard);
            }
            Role::GroupChoice | Role::GroupSequence => {
                let connector = if role == Role::GroupChoice { b'|' } else { b',' };
                let Some(seen) = self.declarations.connectors.last_mut() else { return Err(Code::UnexpectedState) };
                if *seen != 0 && *seen != connector {
                    return Err(Code::Syntax);
                }
                let is_first = *seen == 0;
                *seen = connector;
                let group = self.declarations.model.as_mut().and_then(Model::top);
                if let (true, true, Some(group)) = (is_first, role == Role::GroupChoice, group) {
                    if group.kind != ModelKind::Mixed {
                        group.kind = ModelKind::Choice;
                    }
                }
                return Ok(!is_heard);
            }
            Role::GroupOpen => self.declarations.connectors.push(0),
            Role::GroupClose(_) => {
                self.declarations.connectors.pop();
            }
            _ => {}
        }
        let Some(model) = &mut self.declarations.model else { return Ok(true) };
        match role {
            Role::ContentEmpty | Role::ContentAny => {
                let kind = if role == Role::ContentAny { ModelKind::Any } else { ModelKind::Empty };
                model.add(kind, Quantity::One, None);
            }
            Role::ContentPcdata => {
                if let Some(group) = model.top() {
                    group.kind = ModelKind::Mixed;
                }
            }
            Role::ContentElement(quantity) => {
                let name = match quantity {
                    Quantity::One => whole,
                    _ => &whole[..whole.len() - 1],
                };
                model.add(ModelKind::Name, quantity, Some(name));
            }
            Role::GroupOpen => {
                let group = model.add(ModelKind::Sequence, Quantity::One, None);
                model.open.push(group);
            }
            Role::GroupClose(quantity) => {
                if let Some(group) = model.top() {
                    group.quantity = quantity;
                }
                model.open.pop();
            }
            _ => {}
        }
        self.accounting.allocate(size_of::<ModelPart>())?;
        if !model.open.is_empty() {
            return Ok(!is_heard);
        }
        let Some(mut model) = self.declarations.model.take() else { return Ok(true) };
        self.accounting.release(size_of::<ModelPart>() * model.parts.len());
        if !is_heard {
            return Ok(true);
        }
        let names = self.batch.add(&model.names).start;
        for part in &mut model.parts {
            part.name = part.name.map(|span| Span { start: span.start + names, end: span.end + names });
        }
        let name = self.batch.add(&self.declarations.element);
        self.emit(EventKind::ElementDeclaration { name, model: model.parts });
        Ok(false)
    }

    fn parameter_reference(&mut self, whole: &[u8], is_between: bool) -> Handled {
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        dtd.has_parameter_references = true;
        if self.parameter_parsing == ParameterParsing::Never {
            dtd.keeps_processing = dtd.is_standalone;
            self.tasks.push_back(Task::CheckStandalone);
            return Ok(true);
        }
        let must_be_declared = self.is_document() && dtd.is_standalone && self.entities.is_empty();
        let name = &whole[1..whole.len() - 1];
        let found = dtd.find(true, name);
        let Some((id, entity)) = found.and_then(|id| Some((id, dtd.entity(id)?))) else {
            if must_be_declared {
                return Err(Code::UndefinedEntity);
            }
            dtd.keeps_processing = dtd.is_standalone;
            // Inside of a declaration, it cannot be said what is skipped.
            let is_reported = is_between && self.interest.has(Handler::SkippedEntity);
            if is_reported {
                let name = self.batch.add(name);
                self.emit(EventKind::SkippedEntity { name, is_parameter: true });
            }
            return Ok(!is_reported);
        };
        if must_be_declared && !entity.is_internal {
            return Err(Code::EntityDeclaredInPe);
        }
        if entity.is_open {
            return Err(Code::RecursiveEntityRef);
        }
        if entity.text.is_some() {
            entity.is_open = true;
            self.tasks.push_back(Task::ExpandParameterEntity { id, is_between });
            return Ok(false);
        }
        if !self.interest.has(Handler::ExternalEntityRef) {
            dtd.keeps_processing = dtd.is_standalone;
            return Ok(true);
        }
        let ids = self.external_id(entity);
        entity.is_open = true;
        dtd.parameter_entity_read = false;
        self.emit(EventKind::ExternalEntity { context: None, ids });
        self.tasks.push_back(Task::ParameterEntityAnswered(id));
        Ok(false)
    }

    pub(super) fn perform_in_prolog(&mut self, task: Task) -> Result<(), Code> {
        match task {
            Task::ExternalSubset { has_system_id } => self.ask_for_external_subset(has_system_id),
            Task::ExternalSubsetAnswered { has_system_id, had_references } => {
                if !self.answer {
                    return Err(Code::ExternalEntityHandling);
                }
                let mut dtd = self.dtd.lock();
                if dtd.parameter_entity_read {
                    drop(dtd);
                    self.tasks.push_front(Task::CheckStandalone);
                } else if !has_system_id {
                    dtd.has_parameter_references = had_references;
                }
                Ok(())
            }
            Task::CheckStandalone => {
                let is_standalone = self.dtd.lock().is_standalone;
                if !is_standalone && self.interest.has(Handler::NotStandalone) {
                    self.emit(EventKind::NotStandalone);
                    self.tasks.push_front(Task::StandaloneAnswered);
                }
                Ok(())
            }
            Task::StandaloneAnswered if self.answer => Ok(()),
            Task::StandaloneAnswered => Err(Code::NotStandalone),
            Task::EndDoctype { default } => {
                if self.interest.has(Handler::EndDoctypeDecl) {
                    self.emit(EventKind::EndDoctype);
                } else {
                    self.emit_default(&default, true);
                }
                Ok(())
            }
            Task::ExpandParameterEntity { id, is_between } => {
                let text = self.dtd.lock().entity(id).and_then(|entity| entity.text.clone());
                match text {
                    Some(text) => self.open_entity(id, text, is_between),
                    None => Ok(()),
                }
            }
            Task::ParameterEntityAnswered(id) => {
                let mut dtd = self.dtd.lock();
                dtd.set_open(id, false);
                if !self.answer {
                    return Err(Code::ExternalEntityHandling);
                }
                if dtd.parameter_entity_read {
                    drop(dtd);
                    self.tasks.push_front(Task::CheckStandalone);
                } else {
                    dtd.keeps_processing = dtd.is_standalone;
                }
                Ok(())
            }
            Task::CompleteEntity { default } => {
                let is_emitted = self.interest.has(Handler::EntityDecl) && self.emit_entity_declaration();
                if !is_emitted {
                    self.emit_default(&default, self.entities.is_empty());
                }
                Ok(())
            }
            _ => Err(Code::UnexpectedState),
        }
    }

    fn ask_for_external_subset(&mut self, has_system_id: bool) -> Result<(), Code> {
        if !has_system_id && !self.uses_foreign_dtd {
            return Ok(());
        }
        let is_foreign = std::mem::take(&mut self.uses_foreign_dtd);
        let dtd = Arc::clone(&self.dtd);
        let mut dtd = dtd.lock();
        let had_references = std::mem::replace(&mut dtd.has_parameter_references, true);
        if self.parameter_parsing == ParameterParsing::Never || !self.interest.has(Handler::ExternalEntityRef) {
            return Ok(());
        }
        let mut subset = dtd.external_subset.clone().unwrap_or_default();
        if is_foreign {
            subset.base = self.base.clone();
        }
        dtd.parameter_entity_read = false;
        let ids = self.add_external_id(subset.base.as_deref(), subset.system.as_deref(), subset.public.as_deref());
        self.emit(EventKind::ExternalEntity { context: None, ids });
        self.tasks.push_front(Task::ExternalSubsetAnswered { has_system_id, had_references });
        Ok(())
    }

    /// Skips a section `<![IGNORE[`…`]]>`.
    pub(super) fn ignored_section(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let Frame { text, at, is_main } = frame;
        if is_main {
            self.input.mark(at);
        }
        let scanner = Scanner::new(text, self.namespaces.is_some(), is_main);
        match scanner.ignored_section(at) {
            Ok(end) => {
                self.accounting.read(end - at, is_main && self.is_document())?;
                self.emit_default(&text[at..end], is_main);
                self.mode = Mode::Prolog;
                Ok(Step::To(end))
            }
            Err(Stop::Invalid(bad)) => Err(self.fail(bad, is_main, Code::InvalidToken)),
            Err(_) if self.has_more(frame) => Ok(Step::Starved),
            Err(Stop::PartialCharacter) => Err(Code::PartialChar),
            Err(_) => Err(Code::Syntax),
        }
    }

    /// An external parameter entity inside an entity's value: all of its text becomes a part of that.
    pub(super) fn value_part(&mut self, frame: Frame<'_>) -> Result<Step, Code> {
        let scanner = Scanner::new(frame.text, self.namespaces.is_some(), frame.is_main);
        let mut at = frame.at;
        loop {
            self.input.mark(at);
            match scanner.prolog(at) {
                Ok((_, _, true)) if self.has_more(frame) => return Ok(Step::Starved),
                Ok((PrologToken::XmlDeclaration, end, _)) if self.mode == Mode::EntityValue && at == frame.at => {
                    self.mode = Mode::RestOfEntityValue;
                    self.xml_declaration(Frame { text: &frame.text[..end], ..frame }, true)?;
                    return Ok(Step::To(end));
                }
                Ok((PrologToken::InstanceStart, _, _)) => return Err(Code::Syntax),
                Ok((_, end, _)) => at = end,
                Err(Stop::Empty) if !self.has_more(frame) => break,
                Err(stop) => return self.stopped(stop, Frame { at, ..frame }),
            }
        }
        if frame.at < frame.text.len() {
            self.begin_entity_value(frame, None);
        }
        Ok(Step::To(frame.text.len()))
    }
}
