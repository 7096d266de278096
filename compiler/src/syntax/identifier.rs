//! The non-ASCII half of identifiers: which characters may stand in them, and their NFKC form.

use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfkc_quick, IsNormalized};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// `XID_Start`, or an underscore.
pub fn is_start(c: char) -> bool {
    c == '_' || unicode_ident::is_xid_start(c)
}

/// `XID_Continue`.
pub fn is_continue(c: char) -> bool {
    unicode_ident::is_xid_continue(c)
}

/// The name that a non-ASCII identifier stands for.
pub fn normalize(name: &str) -> Cow<'_, str> {
    if is_nfkc_quick(name.chars()) == IsNormalized::Yes {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.nfkc().collect())
    }
}

/// `str.isprintable()` of one character: no control, format, surrogate, private, unassigned or separator character
/// other than the space.
pub fn is_printable(c: char) -> bool {
    use GeneralCategory::*;
    c == ' '
        || !matches!(
            c.general_category(),
            Control | Format | Surrogate | PrivateUse | Unassigned | LineSeparator | ParagraphSeparator | SpaceSeparator
        )
}
