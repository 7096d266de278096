//! The attribute slots of an instance: loads and stores beside additions and the move to a dict.
//!
//! # Who may touch what
//! * A slot never changes its name while the object lives. Readers need no lock.
//! * A store to a slot that has a value is one exchange, which fails if the slot has been forwarded: then the value goes to
//!   the dict.
//! * Adding an attribute, and moving all to a dict, happens with the object locked, if it still has the shape for it. The
//!   value of a new attribute comes before its shape.
//! * A reader that meets a forwarded slot waits for the object's lock: when it is free the dict is there.

use crate::object::header::{Header, ShapeId};
use crate::object::lifetime;
use crate::object::lock;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::Ordering;

/// The word in an attribute slot of an object that has moved to dict mode.
pub const FORWARDED: u64 = 0b1100;

/// What an inline slot holds, none if it is empty or the object has moved to dict mode.
#[inline(always)]
pub fn peek_inline(slot: &Slot) -> Option<Value> {
    slot.peek().filter(|value| value.bits() != FORWARDED)
}

/// As [`load_inline`] where that needs no atomic operation: `None` says nothing.
#[inline(always)]
pub fn load_inline_own(slot: &Slot) -> Option<Owned> {
    let value = peek_inline(slot)?;
    // SAFETY: the count just taken.
    if !value.is_pointer() || lifetime::try_retain_own_pointer(value) { Some(unsafe { Owned::from_raw(value) }) } else { None }
}

/// A counted reference to what an inline slot of the object with this header holds.
#[inline(always)]
pub fn load_inline(slot: &Slot, container: &Header) -> Option<Owned> {
    loop {
        let value = peek_inline(slot)?;
        if !FREE_THREADED || !value.is_pointer() {
            return Some(value.to_owned());
        }
        if lifetime::try_retain_pointer(value) {
            // SAFETY: the count just taken.
            let held = unsafe { Owned::from_raw(value) };
            if slot.peek().is_some_and(|now| now.bits() == value.bits()) {
                return Some(held);
            }
            continue;
        }
        return load_inline_slow(slot, container);
    }
}

#[cold]
fn load_inline_slow(slot: &Slot, container: &Header) -> Option<Owned> {
    lock::acquire(&container.lock);
    let found = if peek_inline(slot).is_some() { slot.load_locked() } else { None };
    lock::release(&container.lock);
    found
}

/// Adds an attribute in `slot`: `word`, whose count the object takes over, and the shape that has it. The object is locked
/// and has the shape before; the slot is empty, for no shape before had it.
#[inline(always)]
pub fn add_locked(header: &Header, slot: &Slot, value: Owned, to: ShapeId) {
    #[cfg(loom)]
    if crate::sync::modelled::leaves_out("value first") {
        header.set_shape(to);
    }
    // The value before the shape.
    std::mem::forget(slot.replace_locked(Some(value)));
    header.set_shape(to);
}

/// Takes the value out of a slot of an object that moves to dict mode. The object is locked.
#[inline]
pub fn forward_locked(slot: &Slot) -> Option<Owned> {
    // AcqRel: as a store that takes the old value over.
    let word = slot.word().swap(FORWARDED, Ordering::AcqRel);
    // SAFETY: the slot's count.
    Value::from_slot(word).filter(|value| value.bits() != FORWARDED).map(|value| unsafe { Owned::from_raw(value) })
}
