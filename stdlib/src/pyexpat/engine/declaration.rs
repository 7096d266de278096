//! XML and text declarations: `<?xml version="1.0" encoding="…" standalone="…"?>`.

use std::ops::Range;

use super::characters::is_space;

pub struct XmlDeclaration {
    pub version: Option<Range<usize>>,
    pub encoding: Option<Range<usize>>,
    pub standalone: Option<bool>,
}

/// Reads the declaration `text`; the error is the offset of what is wrong. A text declaration, at the start of an external
/// entity, must have an encoding, and has no `standalone`.
pub fn parse(text: &[u8], is_text_declaration: bool) -> Result<XmlDeclaration, usize> {
    let end = text.len() - b"?>".len();
    let mut fields = Fields { text: &text[..end], at: b"<?xml".len() };
    let mut found = XmlDeclaration { version: None, encoding: None, standalone: None };
    let mut field = fields.next()?.ok_or(b"<?xml".len())?;
    if &text[field.name.clone()] == b"version" {
        let is_known = text[field.value.clone()].strip_prefix(b"1.").is_some_and(|minor| !minor.is_empty() && minor.iter().all(u8::is_ascii_digit));
        if !is_known {
            return Err(field.value.start);
        }
        let end = fields.at;
        found.version = Some(field.value);
        field = match fields.next()? {
            Some(field) => field,
            None if is_text_declaration => return Err(end),
            None => return Ok(found),
        };
    } else if !is_text_declaration {
        return Err(field.name.start);
    }
    if &text[field.name.clone()] == b"encoding" {
        if !text.get(field.value.start).is_some_and(u8::is_ascii_alphabetic) {
            return Err(field.value.start);
        }
        found.encoding = Some(field.value);
        field = match fields.next()? {
            Some(field) => field,
            None => return Ok(found),
        };
    }
    if is_text_declaration || &text[field.name.clone()] != b"standalone" {
        return Err(field.name.start);
    }
    found.standalone = match &text[field.value.clone()] {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => return Err(field.value.start),
    };
    let rest = fields.skip_space();
    if rest == end { Ok(found) } else { Err(rest) }
}

struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

struct Fields<'t> {
    text: &'t [u8],
    at: usize,
}

impl Fields<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) -> usize {
        while self.byte().is_some_and(is_space) {
            self.at += 1;
        }
        self.at
    }

    fn next(&mut self) -> Result<Option<Field>, usize> {
        let start = self.at;
        if self.byte().is_none() {
            return Ok(None);
        }
        if self.skip_space() == start {
            return Err(start);
        }
        if self.byte().is_none() {
            return Ok(None);
        }
        let name_start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii() && byte != b'=' && !is_space(byte)) {
            self.at += 1;
        }
        let name = name_start..self.at;
        self.skip_space();
        if name.is_empty() || self.byte() != Some(b'=') {
            return Err(self.at);
        }
        self.at += 1;
        self.skip_space();
        let Some(quote @ (b'"' | b'\'')) = self.byte() else { return Err(self.at) };
        self.at += 1;
        let value_start = self.at;
        while let Some(byte) = self.byte() {
            if byte == quote {
                let value = value_start..self.at;
                self.at += 1;
                return Ok(Some(Field { name, value }));
            }
            if !byte.is_ascii_alphanumeric() && !b".-_".contains(&byte) {
                break;
            }
            self.at += 1;
        }
        Err(self.at)
    }
}
