//! Objects of the models: strings, of which each has a number for a text. The text may only be looked at while a reference
//! is held: loom reports it otherwise. A block can be a weak reference's, too.

use loom::cell::UnsafeCell;

use crate::object::header::{Header, ShapeId};
use crate::object::value::Value;
use crate::types::weak_table::WeakReference;

/// The shape of strings.
pub const STR: ShapeId = 3;
/// The shape of weak references.
pub const WEAKREF: ShapeId = 4;

#[repr(C, align(16))]
pub struct StrObject {
    pub weak: WeakReference,
    text: UnsafeCell<u64>,
}

// SAFETY: loom's cell reports unordered accesses.
unsafe impl Sync for StrObject {}
// SAFETY: as above.
unsafe impl Send for StrObject {}

impl StrObject {
    /// A block that nobody uses.
    pub fn free() -> StrObject {
        let header = Header::new(0, 0, 0);
        header.write_free(0);
        StrObject { weak: WeakReference::new(header, Value::plain_int(0), None), text: UnsafeCell::new(0) }
    }

    pub fn header(&self) -> &Header {
        &self.weak.header
    }

    pub fn of<'a>(value: Value) -> &'a StrObject {
        // SAFETY: all objects of the models are of this type, and their blocks live to the end of a run.
        unsafe { value.as_ref() }
    }

    pub fn text(&self) -> u64 {
        // SAFETY: what is being checked.
        self.text.with(|text| unsafe { *text })
    }

    pub fn set_text(&self, text: u64) {
        // SAFETY: what is being checked.
        self.text.with_mut(|old| unsafe { *old = text });
    }

    /// Texts that are equal modulo 100 collide.
    pub fn hash(&self) -> i64 {
        (self.text() % 100) as i64
    }

    pub fn equals(&self, other: &StrObject) -> bool {
        self.text() == other.text()
    }
}

pub fn is_exact(value: Value) -> bool {
    // SAFETY: as in `of`.
    value.is_pointer() && unsafe { &*value.header() }.shape() == STR
}
