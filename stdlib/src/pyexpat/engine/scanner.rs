//! Finds the next token of markup. A scanner keeps no state: after [`Stop::Partial`] the same token is scanned again, from
//! its start, when more text has come.

use super::characters::{self, Stop, is_plain_ascii, is_space};

/// A token and the offset behind it.
pub type Scanned<T> = Result<(T, usize), Stop>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentToken {
    Data,
    Newline,
    /// A carriage return at the very end: a line feed may follow.
    TrailingReturn,
    /// One or two `]` at the very end.
    TrailingBracket,
    EntityReference,
    CharacterReference,
    /// A start tag; the name ends at this offset.
    StartTag { name_end: usize, is_empty: bool },
    EndTag { name_end: usize },
    CdataOpen,
    Comment,
    ProcessingInstruction { target_end: usize },
    XmlDeclaration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdataToken {
    Data,
    Newline,
    Close,
}

/// How often a part of a content model may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    One,
    Optional,
    Any,
    AtLeastOne,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrologToken {
    /// The text of an entity is used up.
    End,
    Space,
    XmlDeclaration,
    ProcessingInstruction { target_end: usize },
    Comment,
    /// `<!NAME`.
    DeclarationOpen,
    /// `>`.
    DeclarationClose,
    /// `<` and a name: the document's element.
    InstanceStart,
    Name(Quantity),
    /// A name with one colon, while namespaces are processed.
    PrefixedName(Quantity),
    NameToken,
    /// `#NAME`.
    PoundName,
    Literal,
    ParameterEntityReference,
    Percent,
    Or,
    Comma,
    OpenParenthesis,
    CloseParenthesis(Quantity),
    OpenBracket,
    CloseBracket,
    ConditionalOpen,
    ConditionalClose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueToken {
    Data,
    /// One white-space character of an attribute's value, or a line end.
    Space,
    Newline,
    EntityReference,
    CharacterReference,
    ParameterEntityReference,
}

/// An attribute in a start tag.
#[derive(Clone, Copy, Debug)]
pub struct AttributeSpan {
    pub name: (usize, usize),
    pub value: (usize, usize),
    /// The value stands for itself, whatever the attribute's type.
    pub is_plain: bool,
}

#[derive(Clone, Copy)]
pub struct Scanner<'t> {
    pub text: &'t [u8],
    pub has_namespaces: bool,
    /// The replacement text of an entity: its line ends are `\n` already, and a carriage return, which can only come from
    /// a character reference, is white space like any other.
    is_internal: bool,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t [u8], has_namespaces: bool, is_main: bool) -> Scanner<'t> {
        Scanner { text, has_namespaces, is_internal: !is_main }
    }

    /// Does a line end begin with this byte?
    fn ends_line(&self, byte: u8) -> bool {
        byte == b'\n' || byte == b'\r' && !self.is_internal
    }

    fn byte(&self, at: usize) -> Result<u8, Stop> {
        self.text.get(at).copied().ok_or(Stop::Partial)
    }

    fn name_start(&self, at: usize) -> Result<Option<usize>, Stop> {
        match self.text.get(at) {
            Some(b':') if !self.has_namespaces => Ok(Some(1)),
            _ => characters::name_start(self.text, at),
        }
    }

    fn name_rest(&self, at: usize) -> Result<Option<usize>, Stop> {
        match self.text.get(at) {
            Some(b':') if !self.has_namespaces => Ok(Some(1)),
            _ => characters::name_rest(self.text, at),
        }
    }

    /// The offset behind a name that must begin at `at`.
    fn name(&self, at: usize) -> Result<usize, Stop> {
        match self.name_start(at)? {
            Some(len) => self.rest_of_name(at + len),
            None => Err(Stop::Invalid(at)),
        }
    }

    fn rest_of_name(&self, mut at: usize) -> Result<usize, Stop> {
        while let Some(len) = self.name_rest(at)? {
            at += len;
        }
        Ok(at)
    }

    /// A name with one colon at most, and text on both sides of it.
    fn qualified_name(&self, at: usize) -> Result<usize, Stop> {
        let end = self.name(at)?;
        if !self.has_namespaces || self.byte(end)? != b':' {
            return Ok(end);
        }
        let end = self.name(end + 1)?;
        if self.byte(end)? == b':' { Err(Stop::Invalid(end)) } else { Ok(end) }
    }

    fn skip_space(&self, mut at: usize) -> Result<usize, Stop> {
        while is_space(self.byte(at)?) {
            at += 1;
        }
        Ok(at)
    }

    fn expect(&self, at: usize, wanted: u8) -> Result<usize, Stop> {
        if self.byte(at)? == wanted { Ok(at + 1) } else { Err(Stop::Invalid(at)) }
    }

    /// The length of any allowed character.
    #[inline(always)]
    fn any(&self, at: usize) -> Result<usize, Stop> {
        if is_plain_ascii(self.byte(at)?) {
            return Ok(1);
        }
        characters::decode(self.text, at).map(|(_, len)| len)
    }

    /// The end of a run of data from `at` on, which stops before the bytes of `stops` and before what is no character.
    #[inline(always)]
    fn data_end(&self, mut at: usize, stops: impl Fn(u8) -> bool) -> usize {
        while let Some(&byte) = self.text.get(at) {
            if is_plain_ascii(byte) {
                if stops(byte) {
                    break;
                }
                at += 1;
            } else {
                match characters::decode(self.text, at) {
                    Ok((_, len)) => at += len,
                    Err(_) => break,
                }
            }
        }
        at
    }

    /// A line end at `at`, whose first byte is known. None: the text ends with a carriage return.
    fn newline(&self, at: usize) -> Option<usize> {
        match (self.text.get(at), self.text.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some(at + 2),
            (Some(b'\r'), None) => None,
            _ => Some(at + 1),
        }
    }

    pub fn content(&self, at: usize, attributes: &mut Vec<AttributeSpan>) -> Scanned<ContentToken> {
        let Some(&first) = self.text.get(at) else { return Err(Stop::Empty) };
        match first {
            b'<' => self.tag(at + 1, attributes),
            b'&' => self.reference(at),
            _ if self.ends_line(first) => Ok(match self.newline(at) {
                Some(end) => (ContentToken::Newline, end),
                None => (ContentToken::TrailingReturn, at + 1),
            }),
            b']' => match &self.text[at..] {
                [_] | [_, b']'] => Ok((ContentToken::TrailingBracket, at + 1)),
                [_, b']', b'>', ..] => Err(Stop::Invalid(at + 2)),
                _ => self.data(at + 1),
            },
            _ => {
                let len = self.any(at)?;
                self.data(at + len)
            }
        }
    }

    fn data(&self, mut at: usize) -> Scanned<ContentToken> {
        loop {
            at = self.data_end(at, |byte| matches!(byte, b'<' | b'&' | b']') || self.ends_line(byte));
            match self.text.get(at..) {
                Some([b']', b']', b'>', ..]) => return Err(Stop::Invalid(at + 2)),
                Some([b']'] | [b']', b']']) => return Ok((ContentToken::Data, at)),
                Some([b']', ..]) => at += 1,
                _ => return Ok((ContentToken::Data, at)),
            }
        }
    }

    /// `&…;`.
    fn reference(&self, at: usize) -> Scanned<ContentToken> {
        if self.byte(at + 1)? != b'#' {
            let end = self.name(at + 1)?;
            return Ok((ContentToken::EntityReference, self.expect(end, b';')?));
        }
        let is_hexadecimal = self.byte(at + 2)? == b'x';
        let is_digit = |byte: u8| if is_hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        let start = if is_hexadecimal { at + 3 } else { at + 2 };
        let mut end = start;
        while is_digit(self.byte(end)?) {
            end += 1;
        }
        if end == start {
            return Err(Stop::Invalid(end));
        }
        Ok((ContentToken::CharacterReference, self.expect(end, b';')?))
    }

    /// What follows `<` in content.
    fn tag(&self, at: usize, attributes: &mut Vec<AttributeSpan>) -> Scanned<ContentToken> {
        match self.byte(at)? {
            b'/' => self.end_tag(at + 1),
            b'!' => match self.byte(at + 1)? {
                b'-' => Ok((ContentToken::Comment, self.comment(at + 2)?)),
                b'[' => {
                    let mut end = at + 2;
                    self.byte(end + b"CDATA[".len() - 1)?;
                    for wanted in b"CDATA[" {
                        end = self.expect(end, *wanted)?;
                    }
                    Ok((ContentToken::CdataOpen, end))
                }
                _ => Err(Stop::Invalid(at + 1)),
            },
            b'?' => {
                let (target_end, is_declaration, end) = self.processing_instruction(at + 1)?;
                let token = if is_declaration { ContentToken::XmlDeclaration } else { ContentToken::ProcessingInstruction { target_end } };
                Ok((token, end))
            }
            _ => self.start_tag(at, attributes),
        }
    }

    fn end_tag(&self, at: usize) -> Scanned<ContentToken> {
        let mut name_end = self.name(at)?;
        // The name must be that of the start tag, so its colons need no check.
        while self.byte(name_end)? == b':' {
            name_end = self.rest_of_name(name_end + 1)?;
        }
        let end = self.skip_space(name_end)?;
        Ok((ContentToken::EndTag { name_end }, self.expect(end, b'>')?))
    }

    fn start_tag(&self, at: usize, attributes: &mut Vec<AttributeSpan>) -> Scanned<ContentToken> {
        attributes.clear();
        let name_end = self.qualified_name(at)?;
        let mut at = name_end;
        loop {
            let after_space = self.skip_space(at)?;
            match self.byte(after_space)? {
                b'>' => return Ok((ContentToken::StartTag { name_end, is_empty: false }, after_space + 1)),
                b'/' => {
                    let end = self.expect(after_space + 1, b'>')?;
                    return Ok((ContentToken::StartTag { name_end, is_empty: true }, end));
                }
                _ if after_space == at => return Err(Stop::Invalid(at)),
                _ => {}
            }
            let attribute_end = self.qualified_name(after_space)?;
            let equals = self.skip_space(attribute_end)?;
            let open = self.skip_space(self.expect(equals, b'=')?)?;
            let quote = self.byte(open)?;
            if quote != b'"' && quote != b'\'' {
                return Err(Stop::Invalid(open));
            }
            let (value_end, is_plain) = self.attribute_value(open + 1, quote)?;
            attributes.push(AttributeSpan { name: (after_space, attribute_end), value: (open + 1, value_end), is_plain });
            at = value_end + 1;
        }
    }

    /// The offset of the closing quote, and whether the value stands for itself.
    fn attribute_value(&self, start: usize, quote: u8) -> Result<(usize, bool), Stop> {
        let mut at = start;
        let mut is_plain = true;
        loop {
            match self.byte(at)? {
                byte if byte == quote => {
                    let ends_with_space = at > start && self.text[at - 1] == b' ';
                    return Ok((at, is_plain && !ends_with_space));
                }
                b'&' => {
                    (_, at) = self.reference(at)?;
                    is_plain = false;
                }
                b'<' => return Err(Stop::Invalid(at)),
                b' ' => {
                    is_plain &= at > start && self.text[at - 1] != b' ';
                    at += 1;
                }
                b'\t' | b'\r' | b'\n' => {
                    is_plain = false;
                    at += 1;
                }
                _ => at += self.any(at)?,
            }
        }
    }

    /// The end of a comment of which `<!-` has been seen.
    fn comment(&self, at: usize) -> Result<usize, Stop> {
        let mut at = self.expect(at, b'-')?;
        loop {
            if self.byte(at)? == b'-' {
                at += 1;
                if self.byte(at)? == b'-' {
                    return self.expect(at + 1, b'>');
                }
            } else {
                at += self.any(at)?;
            }
        }
    }

    /// After `<?`: the target's end, whether it is `xml`, and the end.
    fn processing_instruction(&self, start: usize) -> Result<(usize, bool, usize), Stop> {
        let target_end = self.name(start)?;
        let target = &self.text[start..target_end];
        let is_declaration = target == b"xml";
        match self.byte(target_end)? {
            b'?' => {}
            byte if is_space(byte) => {}
            _ => return Err(Stop::Invalid(target_end)),
        }
        if target.eq_ignore_ascii_case(b"xml") && !is_declaration {
            return Err(Stop::Invalid(target_end));
        }
        if self.byte(target_end)? == b'?' {
            return Ok((target_end, is_declaration, self.expect(target_end + 1, b'>')?));
        }
        let mut at = target_end + 1;
        loop {
            if self.byte(at)? == b'?' {
                at += 1;
                if self.byte(at)? == b'>' {
                    return Ok((target_end, is_declaration, at + 1));
                }
            } else {
                at += self.any(at)?;
            }
        }
    }

    pub fn cdata(&self, at: usize) -> Scanned<CdataToken> {
        let Some(&first) = self.text.get(at) else { return Err(Stop::Empty) };
        let data_from = match first {
            b']' => {
                if self.byte(at + 1)? == b']' && self.byte(at + 2)? == b'>' {
                    return Ok((CdataToken::Close, at + 3));
                }
                at + 1
            }
            _ if self.ends_line(first) => {
                let end = self.newline(at).ok_or(Stop::Partial)?;
                return Ok((CdataToken::Newline, end));
            }
            _ => at + self.any(at)?,
        };
        Ok((CdataToken::Data, self.data_end(data_from, |byte| byte == b']' || self.ends_line(byte))))
    }

    /// What an ignored section holds, from behind its `[` to behind its `]]>`.
    pub fn ignored_section(&self, mut at: usize) -> Result<usize, Stop> {
        let mut depth = 0usize;
        loop {
            match &self.text[at.min(self.text.len())..] {
                [b'<', b'!', b'[', ..] => {
                    depth += 1;
                    at += 3;
                }
                [b']', b']', b'>', ..] => {
                    at += 3;
                    if depth == 0 {
                        return Ok(at);
                    }
                    depth -= 1;
                }
                [b'<'] | [b'<', b'!'] | [b']'] | [b']', b']'] => return Err(Stop::Partial),
                _ => at += self.any(at)?,
            }
        }
    }

    /// A token of an attribute's value. `<` can only come from an entity.
    pub fn attribute_token(&self, at: usize) -> Scanned<ValueToken> {
        let Some(&first) = self.text.get(at) else { return Err(Stop::Empty) };
        match first {
            b'&' => self.value_reference(at),
            b'<' => Err(Stop::Invalid(at)),
            _ if self.ends_line(first) => Ok((ValueToken::Newline, self.newline(at).unwrap_or(at + 1))),
            b' ' | b'\t' | b'\r' => Ok((ValueToken::Space, at + 1)),
            _ => {
                let end = self.data_end(at, |byte| matches!(byte, b'&' | b'<' | b'\r' | b'\n' | b' ' | b'\t'));
                if end == at { Err(Stop::Invalid(at)) } else { Ok((ValueToken::Data, end)) }
            }
        }
    }

    /// A token of an entity's value.
    pub fn entity_token(&self, at: usize) -> Scanned<ValueToken> {
        let Some(&first) = self.text.get(at) else { return Err(Stop::Empty) };
        match first {
            b'&' => self.value_reference(at),
            b'%' => match self.percent(at)? {
                (PrologToken::Percent, _) => Err(Stop::Invalid(at)),
                (_, end) => Ok((ValueToken::ParameterEntityReference, end)),
            },
            _ if self.ends_line(first) => Ok((ValueToken::Newline, self.newline(at).unwrap_or(at + 1))),
            _ => {
                let end = self.data_end(at, |byte| matches!(byte, b'&' | b'%') || self.ends_line(byte));
                if end == at { Err(Stop::Invalid(at)) } else { Ok((ValueToken::Data, end)) }
            }
        }
    }

    fn value_reference(&self, at: usize) -> Scanned<ValueToken> {
        self.reference(at).map(|(token, end)| match token {
            ContentToken::CharacterReference => (ValueToken::CharacterReference, end),
            _ => (ValueToken::EntityReference, end),
        })
    }

    /// A token of the prolog, and whether more text could make it longer.
    pub fn prolog(&self, at: usize) -> Result<(PrologToken, usize, bool), Stop> {
        let Some(&first) = self.text.get(at) else { return Err(Stop::Empty) };
        let whole = |scanned: Scanned<PrologToken>| scanned.map(|(token, end)| (token, end, false));
        match first {
            b'"' | b'\'' => self.literal(at + 1, first),
            b'<' => whole(self.declaration_start(at)),
            b' ' | b'\t' | b'\n' | b'\r' => Ok(self.prolog_space(at)),
            b'%' => whole(self.percent(at)),
            b',' => Ok((PrologToken::Comma, at + 1, false)),
            b'|' => Ok((PrologToken::Or, at + 1, false)),
            b'>' => Ok((PrologToken::DeclarationClose, at + 1, false)),
            b'(' => Ok((PrologToken::OpenParenthesis, at + 1, false)),
            b'[' => Ok((PrologToken::OpenBracket, at + 1, false)),
            b']' => match &self.text[at..] {
                [_] => Ok((PrologToken::CloseBracket, at + 1, true)),
                [_, b']'] => Err(Stop::Partial),
                [_, b']', b'>', ..] => Ok((PrologToken::ConditionalClose, at + 3, false)),
                _ => Ok((PrologToken::CloseBracket, at + 1, false)),
            },
            b')' => {
                let close = PrologToken::CloseParenthesis;
                match self.text.get(at + 1) {
                    None => Ok((close(Quantity::One), at + 1, true)),
                    Some(b'*') => Ok((close(Quantity::Any), at + 2, false)),
                    Some(b'?') => Ok((close(Quantity::Optional), at + 2, false)),
                    Some(b'+') => Ok((close(Quantity::AtLeastOne), at + 2, false)),
                    Some(b'>' | b',' | b'|' | b')') => Ok((close(Quantity::One), at + 1, false)),
                    Some(byte) if is_space(*byte) => Ok((close(Quantity::One), at + 1, false)),
                    Some(_) => Err(Stop::Invalid(at + 1)),
                }
            }
            b'#' => self.pound_name(at + 1),
            _ => self.prolog_name(at),
        }
    }

    fn prolog_space(&self, start: usize) -> (PrologToken, usize, bool) {
        let mut at = start;
        while let Some(&byte) = self.text.get(at) {
            let splits_line_end = byte == b'\r' && !self.is_internal && at + 1 == self.text.len();
            if !is_space(byte) || splits_line_end && at > start {
                return (PrologToken::Space, at, false);
            }
            if splits_line_end {
                return (PrologToken::Space, at + 1, true);
            }
            at += 1;
        }
        (PrologToken::Space, at, false)
    }

    fn declaration_start(&self, at: usize) -> Scanned<PrologToken> {
        match self.byte(at + 1)? {
            b'!' => self.markup_declaration(at + 2),
            b'?' => {
                let (target_end, is_declaration, end) = self.processing_instruction(at + 2)?;
                let token = if is_declaration { PrologToken::XmlDeclaration } else { PrologToken::ProcessingInstruction { target_end } };
                Ok((token, end))
            }
            0xC0..=0xF4 => Ok((PrologToken::InstanceStart, at)),
            _ if self.name_start(at + 1)?.is_some() => Ok((PrologToken::InstanceStart, at)),
            _ => Err(Stop::Invalid(at + 1)),
        }
    }

    /// May this stand in the name of a declaration? All that have a meaning are ASCII.
    fn names_declaration(&self, byte: u8) -> bool {
        byte.is_ascii_alphabetic() || byte == b'_' || byte == b':' && !self.has_namespaces
    }

    /// What follows `<!` in the prolog.
    fn markup_declaration(&self, start: usize) -> Scanned<PrologToken> {
        match self.byte(start)? {
            b'-' => return Ok((PrologToken::Comment, self.comment(start + 1)?)),
            b'[' => return Ok((PrologToken::ConditionalOpen, start + 1)),
            byte if self.names_declaration(byte) => {}
            _ => return Err(Stop::Invalid(start)),
        }
        let mut at = start + 1;
        loop {
            match self.byte(at)? {
                b'%' => {
                    let after = self.byte(at + 1)?;
                    return if is_space(after) || after == b'%' { Err(Stop::Invalid(at)) } else { Ok((PrologToken::DeclarationOpen, at)) };
                }
                byte if is_space(byte) => return Ok((PrologToken::DeclarationOpen, at)),
                byte if self.names_declaration(byte) => at += 1,
                _ => return Err(Stop::Invalid(at)),
            }
        }
    }

    fn percent(&self, at: usize) -> Scanned<PrologToken> {
        let after = self.byte(at + 1)?;
        if is_space(after) || after == b'%' {
            return Ok((PrologToken::Percent, at + 1));
        }
        let end = self.name(at + 1)?;
        Ok((PrologToken::ParameterEntityReference, self.expect(end, b';')?))
    }

    fn literal(&self, start: usize, quote: u8) -> Result<(PrologToken, usize, bool), Stop> {
        let mut at = start;
        while self.byte(at)? != quote {
            at += self.any(at)?;
        }
        match self.text.get(at + 1) {
            None => Ok((PrologToken::Literal, at + 1, true)),
            Some(b'>' | b'%' | b'[') => Ok((PrologToken::Literal, at + 1, false)),
            Some(byte) if is_space(*byte) => Ok((PrologToken::Literal, at + 1, false)),
            Some(_) => Err(Stop::Invalid(at + 1)),
        }
    }

    fn pound_name(&self, start: usize) -> Result<(PrologToken, usize, bool), Stop> {
        let mut at = match self.name_start(start)? {
            Some(len) => start + len,
            None => return Err(Stop::Invalid(start)),
        };
        while at < self.text.len() {
            match self.name_rest(at)? {
                Some(len) => at += len,
                None if is_space(self.text[at]) || matches!(self.text[at], b')' | b'>' | b'%' | b'|') => {
                    return Ok((PrologToken::PoundName, at, false));
                }
                None => return Err(Stop::Invalid(at)),
            }
        }
        Ok((PrologToken::PoundName, at, true))
    }

    fn prolog_name(&self, start: usize) -> Result<(PrologToken, usize, bool), Stop> {
        #[derive(PartialEq)]
        enum Form {
            Name,
            Prefixed,
            Token,
        }
        let begins_name = match self.text.get(start) {
            Some(b':') if self.has_namespaces => None,
            // Not every character that continues a name begins one.
            Some(0x80..) => {
                let (ch, len) = characters::decode(self.text, start)?;
                super::names::begins_name(ch).then_some(len)
            }
            _ => self.name_start(start)?,
        };
        let (mut form, mut at) = match begins_name {
            Some(len) => (Form::Name, start + len),
            None if self.text[start] == b':' => (Form::Token, start + 1),
            None => match self.name_rest(start)? {
                Some(len) => (Form::Token, start + len),
                None => return Err(Stop::Invalid(start)),
            },
        };
        let token = |form: &Form, quantity| match form {
            Form::Name => PrologToken::Name(quantity),
            Form::Prefixed => PrologToken::PrefixedName(quantity),
            Form::Token => PrologToken::NameToken,
        };
        while at < self.text.len() {
            if let Some(len) = self.name_rest(at)? {
                at += len;
                continue;
            }
            let quantity = match self.text[at] {
                b':' => {
                    at += 1;
                    form = match form {
                        Form::Name => match self.name_start_if_any(at)? {
                            true => Form::Prefixed,
                            false => Form::Token,
                        },
                        _ => Form::Token,
                    };
                    continue;
                }
                b'?' => Quantity::Optional,
                b'*' => Quantity::Any,
                b'+' => Quantity::AtLeastOne,
                b'>' | b')' | b',' | b'|' | b'[' | b'%' => Quantity::One,
                byte if is_space(byte) => Quantity::One,
                _ => return Err(Stop::Invalid(at)),
            };
            if quantity == Quantity::One {
                return Ok((token(&form, quantity), at, false));
            }
            if form == Form::Token {
                return Err(Stop::Invalid(at));
            }
            return Ok((token(&form, quantity), at + 1, false));
        }
        Ok((token(&form, Quantity::One), at, true))
    }

    /// Does a name begin behind a colon? At the end of the text that is not known yet.
    fn name_start_if_any(&self, at: usize) -> Result<bool, Stop> {
        match self.text.get(at) {
            None => Err(Stop::Partial),
            Some(0x80..) => characters::decode(self.text, at).map(|(ch, _)| super::names::begins_name(ch)),
            Some(_) => Ok(characters::name_start(self.text, at)?.is_some()),
        }
    }
}
