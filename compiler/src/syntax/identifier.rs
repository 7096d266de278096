//! The non-ASCII half of identifiers: which characters may stand in them, and their NFKC form.

use std::borrow::Cow;

/// `XID_Start`, or an underscore.
pub fn is_start(c: char) -> bool {
    c == '_' || pyrt_unicode::is_xid_start(c as u32)
}

/// `XID_Continue`.
pub fn is_continue(c: char) -> bool {
    pyrt_unicode::is_xid_continue(c as u32)
}

/// The name that a non-ASCII identifier stands for.
pub fn normalize(name: &str) -> Cow<'_, str> {
    pyrt_unicode::nfkc(name)
}

/// `str.isprintable()` of one character.
pub fn is_printable(c: char) -> bool {
    pyrt_unicode::is_printable(c as u32)
}
