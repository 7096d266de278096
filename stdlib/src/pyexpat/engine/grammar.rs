//! The grammar of prologs and declarations: which token may follow which, and what it means there.

use super::scanner::{PrologToken as Token, Quantity};

/// What a token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The token cannot stand here.
    Error,
    /// Markup without a meaning of its own, inside of such a declaration.
    None(Declaration),
    XmlDeclaration,
    TextDeclaration,
    InstanceStart,
    ProcessingInstruction,
    Comment,
    DoctypeName,
    DoctypePublicId,
    DoctypeSystemId,
    DoctypeInternalSubset,
    DoctypeClose,
    EntityName { is_parameter: bool },
    EntityValue,
    EntityPublicId,
    EntitySystemId,
    EntityComplete,
    EntityNotation,
    NotationName,
    NotationPublicId,
    NotationSystemId,
    NotationWithoutSystemId,
    AttlistElementName,
    AttributeName,
    AttributeType(&'static str),
    AttributeEnumValue,
    AttributeNotationValue,
    ImpliedAttribute,
    RequiredAttribute,
    DefaultAttribute,
    FixedAttribute,
    ElementName,
    ContentEmpty,
    ContentAny,
    ContentPcdata,
    ContentElement(Quantity),
    GroupOpen,
    GroupClose(Quantity),
    GroupChoice,
    GroupSequence,
    /// A reference to a parameter entity between declarations, or inside of one.
    ParameterEntityReference { is_between: bool },
    IgnoreSection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declaration {
    No,
    Doctype,
    Entity,
    Notation,
    Attlist,
    Element,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    BeforeDoctype,
    AfterDoctype,
    Doctype,
    DoctypeNamed,
    DoctypePublic,
    DoctypeSystem,
    DoctypeIds,
    DoctypeEnd,
    InternalSubset,
    ExternalStart,
    ExternalSubset,
    Entity,
    EntityPercent,
    EntityNamed { is_parameter: bool },
    EntityPublic { is_parameter: bool },
    EntitySystem { is_parameter: bool },
    EntityIds { is_parameter: bool },
    EntityNotation,
    Notation,
    NotationNamed,
    NotationPublic,
    NotationSystem,
    NotationIds,
    Attlist,
    AttlistNamed,
    AttributeNamed,
    EnumOpen,
    EnumValue,
    NotationType,
    NotationTypeOpen,
    NotationTypeValue,
    AttributeTyped,
    AttributeFixed,
    Element,
    ElementNamed,
    ContentStart,
    AfterPcdata,
    MixedName,
    AfterMixedName,
    ModelPart,
    AfterModelPart,
    Section,
    SectionInclude,
    SectionIgnore,
    Close(Declaration),
    Error,
}

pub struct Grammar {
    state: State,
    /// In the document itself, not in an external entity.
    pub is_document: bool,
    depth: usize,
    /// How many included sections are open.
    included: usize,
}

impl Grammar {
    pub fn document() -> Grammar {
        Grammar { state: State::Start, is_document: true, depth: 0, included: 0 }
    }

    /// The grammar of external subsets and parameter entities.
    pub fn external() -> Grammar {
        Grammar { state: State::ExternalStart, is_document: false, depth: 0, included: 0 }
    }

    fn go(&mut self, state: State, role: Role) -> Role {
        self.state = state;
        role
    }

    /// The state between declarations.
    fn subset(&self) -> State {
        if self.is_document { State::InternalSubset } else { State::ExternalSubset }
    }

    /// The meaning of the next token, whose text is given.
    pub fn role(&mut self, token: Token, text: &[u8]) -> Role {
        use Declaration as D;
        use State as S;
        let plain_name = token == Token::Name(Quantity::One);
        let any_name = matches!(token, Token::Name(Quantity::One) | Token::PrefixedName(Quantity::One));
        let keyword = |wanted: &[u8]| plain_name && text == wanted;
        let none = Role::None;
        match self.state {
            S::Start | S::BeforeDoctype | S::AfterDoctype => self.prolog(token, text),
            S::Doctype => match token {
                Token::Space => none(D::Doctype),
                _ if any_name => self.go(S::DoctypeNamed, Role::DoctypeName),
                _ => self.other(token),
            },
            S::DoctypeNamed => match token {
                Token::Space => none(D::Doctype),
                Token::OpenBracket => self.go(S::InternalSubset, Role::DoctypeInternalSubset),
                Token::DeclarationClose => self.go(S::AfterDoctype, Role::DoctypeClose),
                _ if keyword(b"SYSTEM") => self.go(S::DoctypeSystem, none(D::Doctype)),
                _ if keyword(b"PUBLIC") => self.go(S::DoctypePublic, none(D::Doctype)),
                _ => self.other(token),
            },
            S::DoctypePublic => match token {
                Token::Space => none(D::Doctype),
                Token::Literal => self.go(S::DoctypeSystem, Role::DoctypePublicId),
                _ => self.other(token),
            },
            S::DoctypeSystem => match token {
                Token::Space => none(D::Doctype),
                Token::Literal => self.go(S::DoctypeIds, Role::DoctypeSystemId),
                _ => self.other(token),
            },
            S::DoctypeIds => match token {
                Token::Space => none(D::Doctype),
                Token::OpenBracket => self.go(S::InternalSubset, Role::DoctypeInternalSubset),
                Token::DeclarationClose => self.go(S::AfterDoctype, Role::DoctypeClose),
                _ => self.other(token),
            },
            S::DoctypeEnd => match token {
                Token::Space => none(D::Doctype),
                Token::DeclarationClose => self.go(S::AfterDoctype, Role::DoctypeClose),
                _ => self.other(token),
            },
            S::InternalSubset => self.between_declarations(token, text),
            S::ExternalStart => {
                self.state = S::ExternalSubset;
                if token == Token::XmlDeclaration { Role::TextDeclaration } else { self.external_subset(token, text) }
            }
            S::ExternalSubset => self.external_subset(token, text),
            S::Entity => match token {
                Token::Space => none(D::Entity),
                Token::Percent => self.go(S::EntityPercent, none(D::Entity)),
                _ if plain_name => self.go(S::EntityNamed { is_parameter: false }, Role::EntityName { is_parameter: false }),
                _ => self.other(token),
            },
            S::EntityPercent => match token {
                Token::Space => none(D::Entity),
                _ if plain_name => self.go(S::EntityNamed { is_parameter: true }, Role::EntityName { is_parameter: true }),
                _ => self.other(token),
            },
            S::EntityNamed { is_parameter } => match token {
                Token::Space => none(D::Entity),
                Token::Literal => self.go(S::Close(D::Entity), Role::EntityValue),
                _ if keyword(b"SYSTEM") => self.go(S::EntitySystem { is_parameter }, none(D::Entity)),
                _ if keyword(b"PUBLIC") => self.go(S::EntityPublic { is_parameter }, none(D::Entity)),
                _ => self.other(token),
            },
            S::EntityPublic { is_parameter } => match token {
                Token::Space => none(D::Entity),
                Token::Literal => self.go(S::EntitySystem { is_parameter }, Role::EntityPublicId),
                _ => self.other(token),
            },
            S::EntitySystem { is_parameter } => match token {
                Token::Space => none(D::Entity),
                Token::Literal => self.go(S::EntityIds { is_parameter }, Role::EntitySystemId),
                _ => self.other(token),
            },
            S::EntityIds { is_parameter } => match token {
                Token::Space => none(D::Entity),
                Token::DeclarationClose => self.go(self.subset(), Role::EntityComplete),
                _ if !is_parameter && keyword(b"NDATA") => self.go(S::EntityNotation, none(D::Entity)),
                _ => self.other(token),
            },
            S::EntityNotation => match token {
                Token::Space => none(D::Entity),
                _ if plain_name => self.go(S::Close(D::Entity), Role::EntityNotation),
                _ => self.other(token),
            },
            S::Notation => match token {
                Token::Space => none(D::Notation),
                _ if plain_name => self.go(S::NotationNamed, Role::NotationName),
                _ => self.other(token),
            },
            S::NotationNamed => match token {
                Token::Space => none(D::Notation),
                _ if keyword(b"SYSTEM") => self.go(S::NotationSystem, none(D::Notation)),
                _ if keyword(b"PUBLIC") => self.go(S::NotationPublic, none(D::Notation)),
                _ => self.other(token),
            },
            S::NotationPublic => match token {
                Token::Space => none(D::Notation),
                Token::Literal => self.go(S::NotationIds, Role::NotationPublicId),
                _ => self.other(token),
            },
            S::NotationSystem => match token {
                Token::Space => none(D::Notation),
                Token::Literal => self.go(S::Close(D::Notation), Role::NotationSystemId),
                _ => self.other(token),
            },
            S::NotationIds => match token {
                Token::Space => none(D::Notation),
                Token::Literal => self.go(S::Close(D::Notation), Role::NotationSystemId),
                Token::DeclarationClose => self.go(self.subset(), Role::NotationWithoutSystemId),
                _ => self.other(token),
            },
            S::Attlist
            | S::AttlistNamed
            | S::AttributeNamed
            | S::EnumOpen
            | S::EnumValue
            | S::NotationType
            | S::NotationTypeOpen
            | S::NotationTypeValue
            | S::AttributeTyped
            | S::AttributeFixed => self.attribute_list(token, text),
            S::Element
            | S::ElementNamed
            | S::ContentStart
            | S::AfterPcdata
            | S::MixedName
            | S::AfterMixedName
            | S::ModelPart
            | S::AfterModelPart => self.element(token, text),
            S::Section => match token {
                Token::Space => none(D::No),
                _ if keyword(b"INCLUDE") => self.go(S::SectionInclude, none(D::No)),
                _ if keyword(b"IGNORE") => self.go(S::SectionIgnore, none(D::No)),
                _ => self.other(token),
            },
            S::SectionInclude => match token {
                Token::Space => none(D::No),
                Token::OpenBracket => {
                    self.included += 1;
                    self.go(S::ExternalSubset, none(D::No))
                }
                _ => self.other(token),
            },
            S::SectionIgnore => match token {
                Token::Space => none(D::No),
                Token::OpenBracket => self.go(S::ExternalSubset, Role::IgnoreSection),
                _ => self.other(token),
            },
            S::Close(declaration) => match token {
                Token::Space => none(declaration),
                Token::DeclarationClose => self.go(self.subset(), none(declaration)),
                _ => self.other(token),
            },
            S::Error => Role::Error,
        }
    }

    /// Outside of the document type declaration.
    fn prolog(&mut self, token: Token, text: &[u8]) -> Role {
        let after_doctype = matches!(self.state, State::AfterDoctype);
        let is_start = matches!(self.state, State::Start);
        let next = if after_doctype { State::AfterDoctype } else { State::BeforeDoctype };
        match token {
            Token::Space => self.go(next, Role::None(Declaration::No)),
            Token::XmlDeclaration if is_start => self.go(next, Role::XmlDeclaration),
            Token::ProcessingInstruction { .. } => self.go(next, Role::ProcessingInstruction),
            Token::Comment => self.go(next, Role::Comment),
            Token::DeclarationOpen if !after_doctype && text == b"<!DOCTYPE" => {
                self.go(State::Doctype, Role::None(Declaration::Doctype))
            }
            Token::InstanceStart => self.go(State::Error, Role::InstanceStart),
            _ => self.other(token),
        }
    }

    fn between_declarations(&mut self, token: Token, text: &[u8]) -> Role {
        match token {
            Token::Space | Token::End => Role::None(Declaration::No),
            Token::DeclarationOpen => match text {
                b"<!ENTITY" => self.go(State::Entity, Role::None(Declaration::Entity)),
                b"<!ATTLIST" => self.go(State::Attlist, Role::None(Declaration::Attlist)),
                b"<!ELEMENT" => self.go(State::Element, Role::None(Declaration::Element)),
                b"<!NOTATION" => self.go(State::Notation, Role::None(Declaration::Notation)),
                _ => self.other(token),
            },
            Token::ProcessingInstruction { .. } => Role::ProcessingInstruction,
            Token::Comment => Role::Comment,
            Token::ParameterEntityReference => Role::ParameterEntityReference { is_between: true },
            Token::CloseBracket if self.is_document => self.go(State::DoctypeEnd, Role::None(Declaration::Doctype)),
            _ => self.other(token),
        }
    }

    fn external_subset(&mut self, token: Token, text: &[u8]) -> Role {
        match token {
            Token::ConditionalOpen => self.go(State::Section, Role::None(Declaration::No)),
            Token::ConditionalClose if self.included > 0 => {
                self.included -= 1;
                Role::None(Declaration::No)
            }
            Token::End if self.included > 0 => self.other(token),
            _ => self.between_declarations(token, text),
        }
    }

    fn attribute_list(&mut self, token: Token, text: &[u8]) -> Role {
        use State as S;
        let none = Role::None(Declaration::Attlist);
        let plain_name = token == Token::Name(Quantity::One);
        let any_name = matches!(token, Token::Name(Quantity::One) | Token::PrefixedName(Quantity::One));
        if token == Token::Space {
            return none;
        }
        let closed = token == Token::CloseParenthesis(Quantity::One);
        match self.state {
            S::Attlist if any_name => self.go(S::AttlistNamed, Role::AttlistElementName),
            S::AttlistNamed if token == Token::DeclarationClose => self.go(self.subset(), none),
            S::AttlistNamed if any_name => self.go(S::AttributeNamed, Role::AttributeName),
            S::AttributeNamed if token == Token::OpenParenthesis => self.go(S::EnumOpen, none),
            S::AttributeNamed if plain_name => {
                const TYPES: [&str; 8] = ["CDATA", "ID", "IDREF", "IDREFS", "ENTITY", "ENTITIES", "NMTOKEN", "NMTOKENS"];
                match TYPES.into_iter().find(|known| known.as_bytes() == text) {
                    Some(known) => self.go(S::AttributeTyped, Role::AttributeType(known)),
                    None if text == b"NOTATION" => self.go(S::NotationType, none),
                    None => self.other(token),
                }
            }
            S::EnumOpen if any_name || token == Token::NameToken => self.go(S::EnumValue, Role::AttributeEnumValue),
            S::EnumValue if token == Token::Or => self.go(S::EnumOpen, none),
            S::NotationType if token == Token::OpenParenthesis => self.go(S::NotationTypeOpen, none),
            S::NotationTypeOpen if plain_name => self.go(S::NotationTypeValue, Role::AttributeNotationValue),
            S::NotationTypeValue if token == Token::Or => self.go(S::NotationTypeOpen, none),
            S::EnumValue | S::NotationTypeValue if closed => self.go(S::AttributeTyped, none),
            S::AttributeTyped if token == Token::Literal => self.go(S::AttlistNamed, Role::DefaultAttribute),
            S::AttributeTyped if token == Token::PoundName => match text {
                b"#IMPLIED" => self.go(S::AttlistNamed, Role::ImpliedAttribute),
                b"#REQUIRED" => self.go(S::AttlistNamed, Role::RequiredAttribute),
                b"#FIXED" => self.go(S::AttributeFixed, none),
                _ => self.other(token),
            },
            S::AttributeFixed if token == Token::Literal => self.go(S::AttlistNamed, Role::FixedAttribute),
            _ => self.other(token),
        }
    }

    fn element(&mut self, token: Token, text: &[u8]) -> Role {
        use State as S;
        if token == Token::Space {
            return Role::None(Declaration::Element);
        }
        let close = S::Close(Declaration::Element);
        let any_name = matches!(token, Token::Name(Quantity::One) | Token::PrefixedName(Quantity::One));
        match (self.state, token) {
            (S::Element, _) if any_name => self.go(S::ElementNamed, Role::ElementName),
            (S::ElementNamed, Token::Name(Quantity::One)) if text == b"EMPTY" => self.go(close, Role::ContentEmpty),
            (S::ElementNamed, Token::Name(Quantity::One)) if text == b"ANY" => self.go(close, Role::ContentAny),
            (S::ElementNamed, Token::OpenParenthesis) => {
                self.depth = 1;
                self.go(S::ContentStart, Role::GroupOpen)
            }
            (S::ContentStart, Token::PoundName) if text == b"#PCDATA" => self.go(S::AfterPcdata, Role::ContentPcdata),
            (S::ContentStart | S::ModelPart, Token::OpenParenthesis) => {
                self.depth += 1;
                self.go(S::ModelPart, Role::GroupOpen)
            }
            (S::ContentStart | S::ModelPart, Token::Name(quantity) | Token::PrefixedName(quantity)) => {
                self.go(S::AfterModelPart, Role::ContentElement(quantity))
            }
            (S::AfterPcdata, Token::CloseParenthesis(Quantity::One)) => self.go(close, Role::GroupClose(Quantity::One)),
            (S::AfterPcdata | S::AfterMixedName, Token::CloseParenthesis(Quantity::Any)) => self.go(close, Role::GroupClose(Quantity::Any)),
            (S::AfterPcdata | S::AfterMixedName, Token::Or) => self.go(S::MixedName, Role::None(Declaration::Element)),
            (S::MixedName, _) if any_name => self.go(S::AfterMixedName, Role::ContentElement(Quantity::One)),
            (S::AfterModelPart, Token::CloseParenthesis(quantity)) => {
                self.depth -= 1;
                let next = if self.depth == 0 { close } else { S::AfterModelPart };
                self.go(next, Role::GroupClose(quantity))
            }
            (S::AfterModelPart, Token::Comma) => self.go(S::ModelPart, Role::GroupSequence),
            (S::AfterModelPart, Token::Or) => self.go(S::ModelPart, Role::GroupChoice),
            _ => self.other(token),
        }
    }

    /// A token that the state does not know.
    fn other(&mut self, token: Token) -> Role {
        if !self.is_document && token == Token::ParameterEntityReference {
            return Role::ParameterEntityReference { is_between: false };
        }
        self.go(State::Error, Role::Error)
    }
}
