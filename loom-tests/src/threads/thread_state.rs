//! The calling thread: which heap slot it has.

use std::cell::Cell;

loom::thread_local! {
    static SLOT_ID: Cell<u16> = Cell::new(0);
}

/// Stands for the token of the runtime.
pub struct Thread(());

pub fn has_other_threads() -> bool {
    true
}

pub fn slot_id() -> u16 {
    SLOT_ID.with(Cell::get)
}

/// Says which heap slot the calling thread has.
pub fn set_slot_id(id: u16) {
    SLOT_ID.with(|slot| slot.set(id));
}
