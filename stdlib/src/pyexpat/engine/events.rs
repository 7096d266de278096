//! What the engine reports. All text of a batch of events lies in one buffer, which is used again for the next one.

use super::scanner::Quantity;

/// The handlers that can be set, in the order of their attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Handler {
    StartElement,
    EndElement,
    ProcessingInstruction,
    CharacterData,
    UnparsedEntityDecl,
    NotationDecl,
    StartNamespaceDecl,
    EndNamespaceDecl,
    Comment,
    StartCdataSection,
    EndCdataSection,
    Default,
    DefaultHandlerExpand,
    NotStandalone,
    ExternalEntityRef,
    StartDoctypeDecl,
    EndDoctypeDecl,
    EntityDecl,
    XmlDecl,
    ElementDecl,
    AttlistDecl,
    SkippedEntity,
}

pub const HANDLERS: usize = Handler::SkippedEntity as usize + 1;

/// The set of handlers that somebody listens with: bit n is handler n.
#[derive(Clone, Copy, Default)]
pub struct Interest(pub u32);

impl Interest {
    pub fn has(self, handler: Handler) -> bool {
        self.0 >> handler as u32 & 1 != 0
    }

    /// Is there a handler for all that has none of its own?
    pub fn has_default(self) -> bool {
        self.has(Handler::Default) || self.has(Handler::DefaultHandlerExpand)
    }
}

/// A part of [`Batch::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// What an element may contain. The parts of all models of a declaration lie in one vector; the first is the whole.
#[derive(Clone, Debug)]
pub struct ModelPart {
    pub kind: ModelKind,
    pub quantity: Quantity,
    pub name: Option<Span>,
    pub children: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    Empty = 1,
    Any = 2,
    Mixed = 3,
    Name = 4,
    Choice = 5,
    Sequence = 6,
}

#[derive(Clone, Debug)]
pub enum EventKind {
    StartElement { name: Span, attributes: Vec<(Span, Span)>, specified: usize },
    EndElement { name: Span },
    CharacterData { text: Span },
    ProcessingInstruction { target: Span, data: Span },
    Comment { text: Span },
    StartCdataSection,
    EndCdataSection,
    StartNamespace { prefix: Option<Span>, uri: Option<Span> },
    EndNamespace { prefix: Option<Span> },
    /// What no other handler wants.
    Default { text: Span },
    XmlDeclaration { version: Option<Span>, encoding: Option<Span>, standalone: i64 },
    StartDoctype { name: Span, system: Option<Span>, public: Option<Span>, has_internal_subset: bool },
    EndDoctype,
    ElementDeclaration { name: Span, model: Vec<ModelPart> },
    AttributeDeclaration { element: Span, attribute: Span, kind: Span, default: Option<Span>, is_required: bool },
    EntityDeclaration { name: Span, is_parameter: bool, value: Option<Span>, ids: ExternalId, notation: Option<Span> },
    UnparsedEntity { name: Span, ids: ExternalId, notation: Span },
    Notation { name: Span, ids: ExternalId },
    SkippedEntity { name: Span, is_parameter: bool },
    /// A question: may parsing go on?
    NotStandalone,
    /// A question: has the entity been dealt with?
    ExternalEntity { context: Option<Span>, ids: ExternalId },
    /// A question: what do the bytes of this encoding mean?
    UnknownEncoding { name: Span },
}

#[derive(Clone, Copy, Debug)]
pub struct ExternalId {
    pub base: Option<Span>,
    pub system: Option<Span>,
    pub public: Option<Span>,
}

#[derive(Debug)]
pub struct Event {
    pub kind: EventKind,
    /// The offset that is the current position while the event is handled.
    pub at: Option<usize>,
}

#[derive(Default)]
pub struct Batch {
    pub text: Vec<u8>,
    pub events: Vec<Event>,
}

impl Batch {
    pub fn clear(&mut self) {
        self.text.clear();
        self.events.clear();
    }

    pub fn get(&self, span: Span) -> &[u8] {
        self.text.get(span.start..span.end).unwrap_or(&[])
    }

    pub fn add(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        Span { start, end: self.text.len() }
    }

    pub fn add_option(&mut self, text: Option<&[u8]>) -> Option<Span> {
        text.map(|text| self.add(text))
    }

    /// Whatever `write` appends.
    pub fn add_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.text.len();
        write(&mut self.text);
        Span { start, end: self.text.len() }
    }
}
