//! Namespaces: which prefix stands for which URI where, and names as the handlers get them.

use std::collections::HashMap;
use std::sync::Arc;

use super::codes::Code;
use super::dtd::Text;

const XML_URI: &[u8] = b"http://www.w3.org/XML/1998/namespace";
const XMLNS_URI: &[u8] = b"http://www.w3.org/2000/xmlns/";

pub struct Namespaces {
    /// Stands between the parts of a name; None: nothing does.
    pub separator: Option<u8>,
    /// Names get their prefix as third part.
    pub keeps_prefixes: bool,
    /// All bindings of a prefix, the innermost last. None: the prefix is unbound there. The default namespace has the
    /// empty prefix.
    bound: HashMap<Text, Vec<Option<Text>>>,
    /// The prefixes in the order in which they were bound.
    scope: Vec<Text>,
}

/// What an attribute's name says about namespaces.
pub enum AttributeName<'n> {
    Plain,
    Prefixed { prefix: &'n [u8], local: &'n [u8] },
    /// The attribute binds this prefix.
    Binding(&'n [u8]),
}

pub fn classify(name: &[u8]) -> AttributeName<'_> {
    match split(name) {
        (None, b"xmlns") => AttributeName::Binding(b""),
        (Some(b"xmlns"), prefix) => AttributeName::Binding(prefix),
        (Some(prefix), local) => AttributeName::Prefixed { prefix, local },
        (None, _) => AttributeName::Plain,
    }
}

/// Prefix and local part.
fn split(name: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match memchr::memchr(b':', name) {
        Some(colon) => (Some(&name[..colon]), &name[colon + 1..]),
        None => (None, name),
    }
}

impl Namespaces {
    pub fn new(separator: Option<u8>) -> Namespaces {
        let mut namespaces = Namespaces { separator, keeps_prefixes: false, bound: HashMap::new(), scope: Vec::new() };
        namespaces.push(b"xml", Some(XML_URI.into()));
        namespaces.scope.clear();
        namespaces
    }

    /// An empty set of bindings with the same settings.
    pub fn fresh(&self) -> Namespaces {
        Namespaces { keeps_prefixes: self.keeps_prefixes, ..Namespaces::new(self.separator) }
    }

    pub fn level(&self) -> usize {
        self.scope.len()
    }

    fn push(&mut self, prefix: &[u8], uri: Option<Text>) {
        let (prefix, bindings) = match self.bound.get_key_value(prefix) {
            Some((known, _)) => (Arc::clone(known), None),
            None => (Text::from(prefix), Some(Vec::new())),
        };
        if let Some(bindings) = bindings {
            self.bound.insert(Arc::clone(&prefix), bindings);
        }
        if let Some(bindings) = self.bound.get_mut(&prefix) {
            bindings.push(uri);
        }
        self.scope.push(prefix);
    }

    /// Binds a prefix; an empty URI takes the default namespace away.
    pub fn bind(&mut self, prefix: &[u8], uri: &[u8]) -> Result<(), Code> {
        if uri.is_empty() && !prefix.is_empty() {
            return Err(Code::UndeclaringPrefix);
        }
        match prefix {
            b"xmlns" => return Err(Code::ReservedPrefixXmlns),
            b"xml" if uri != XML_URI => return Err(Code::ReservedPrefixXml),
            b"xml" => {}
            _ if uri == XML_URI || uri == XMLNS_URI => return Err(Code::ReservedNamespaceUri),
            _ => {}
        }
        // A URI that held the separator could pass for another name.
        if self.separator.is_some_and(|separator| !may_stand_in_uri(separator) && uri.contains(&separator)) {
            return Err(Code::Syntax);
        }
        self.push(prefix, if uri.is_empty() { None } else { Some(uri.into()) });
        Ok(())
    }

    /// Takes the innermost binding back, if there are more than `level`; returns its prefix.
    pub fn unbind(&mut self, level: usize) -> Option<Text> {
        if self.scope.len() <= level {
            return None;
        }
        let prefix = self.scope.pop()?;
        if let Some(bindings) = self.bound.get_mut(&prefix) {
            bindings.pop();
        }
        Some(prefix)
    }

    fn uri(&self, prefix: &[u8]) -> Option<&Text> {
        self.bound.get(prefix)?.last()?.as_ref()
    }

    /// Appends the full name of an attribute with a prefix.
    pub fn expand(&self, prefix: &[u8], local: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        let uri = self.uri(prefix).ok_or(Code::UnboundPrefix)?;
        self.write(uri, local, Some(prefix), out);
        Ok(())
    }

    /// Appends the full name of an element.
    pub fn expand_element(&self, name: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        match split(name) {
            (Some(prefix), local) => self.expand(prefix, local, out),
            (None, local) => {
                match self.uri(b"") {
                    Some(uri) => self.write(uri, local, None, out),
                    None => out.extend_from_slice(local),
                }
                Ok(())
            }
        }
    }

    fn write(&self, uri: &[u8], local: &[u8], prefix: Option<&[u8]>, out: &mut Vec<u8>) {
        out.extend_from_slice(uri);
        out.extend(self.separator);
        out.extend_from_slice(local);
        if let (true, Some(prefix)) = (self.keeps_prefixes, prefix) {
            out.extend(self.separator);
            out.extend_from_slice(prefix);
        }
    }

    /// All bindings in force.
    pub fn in_force(&self) -> impl Iterator<Item = (&Text, &Text)> {
        self.bound.iter().filter_map(|(prefix, bindings)| Some((prefix, bindings.last()?.as_ref()?)))
    }
}

/// RFC 3986, appendix A.
fn may_stand_in_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%-._~:/?#[]@!$&'()*+,;=".contains(&byte)
}
