//! What a thread has changed of the counts of deferred objects and not told the others yet.
//!
//! Threads that take and give back references to the same objects do not meet: each has a small table of the objects that it
//! has released lately, with the difference that it has made. A full place is made free by applying what was there to the
//! object's shared count ([`refcount::apply`]); all tables are emptied whenever the world is stopped to see what has died.
//!
//! # Invariants
//! * An object in a table is deferred and alive: deferred objects die in a stopped world alone, which empties the tables
//!   first. So an entry with the object's address proves both.
//! * The true count of a deferred object is its settled count plus the differences in all tables.
//!
//! # Who may touch what
//! * A table belongs to the thread that has the heap slot, and to whoever has stopped the world.

use std::cell::UnsafeCell;

use crate::memory::heap::HeapSlot;
use crate::memory::zero_counts;
use crate::object::header::Header;
use crate::object::refcount;
use crate::object::value::Value;
use crate::threads::thread_state;

const ENTRIES: usize = 512;
/// A difference that is applied before it grows further: far less than the bias, times any number of threads.
const LARGEST: i64 = 1 << 13;

#[derive(Clone, Copy)]
struct Entry {
    /// The address of the object, 0 for none.
    object: usize,
    delta: i64,
}

/// A thread's table.
pub struct Deltas {
    entries: UnsafeCell<[Entry; ENTRIES]>,
    /// One bit for each entry whose object has lost more than the thread had taken, since the tables were last emptied.
    has_lost: UnsafeCell<[u64; ENTRIES / 64]>,
}

// SAFETY: see "Who may touch what".
unsafe impl Sync for Deltas {}

/// The table of threads without a heap slot: nothing is ever in it.
pub static NONE: Deltas = Deltas::new();

impl Deltas {
    pub const fn new() -> Deltas {
        Deltas { entries: UnsafeCell::new([Entry { object: 0, delta: 0 }; ENTRIES]), has_lost: UnsafeCell::new([0; ENTRIES / 64]) }
    }

    #[inline(always)]
    fn entry(&self, object: &Header) -> *mut Entry {
        // SAFETY: within the array.
        unsafe { self.entries.get().cast::<Entry>().add(Deltas::place(object)) }
    }

    #[inline(always)]
    fn place(object: &Header) -> usize {
        let address = std::ptr::from_ref(object) as usize;
        ((address >> 4) ^ (address >> 13)) % ENTRIES
    }

    /// Whether the entry at `place` loses for the first time.
    ///
    /// # Safety
    /// The caller has the table to itself.
    unsafe fn note_loss(&self, place: usize) -> bool {
        // SAFETY: the caller's obligation; within the array.
        let word = unsafe { &mut *self.has_lost.get().cast::<u64>().add(place / 64) };
        let bit = 1 << (place % 64);
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }
}

/// Takes a reference to an object that is in the calling thread's table. False: it is not, and nothing has happened.
#[inline(always)]
pub fn retain(object: &Header) -> bool {
    // SAFETY: the calling thread's table.
    unsafe {
        let entry = (*thread_state::deltas()).entry(object);
        if (*entry).object != std::ptr::from_ref(object) as usize {
            return false;
        }
        (*entry).delta += 1;
    }
    true
}

/// Gives back a reference to a deferred object.
pub fn release(object: &Header) {
    let slot = thread_state::heap_slot();
    if slot.is_null() {
        // Found dead, if it is, when a thread next touches it; the program is at its end.
        refcount::apply(object, -1);
        return;
    }
    // SAFETY: the calling thread's slot and table.
    unsafe {
        let entry = (*slot).deltas.entry(object);
        let address = std::ptr::from_ref(object) as usize;
        if (*entry).object != address {
            let old = entry.replace(Entry { object: address, delta: 0 });
            let place = Deltas::place(object);
            *(*slot).deltas.has_lost.get().cast::<u64>().add(place / 64) &= !(1 << (place % 64));
            settle(old);
        }
        (*entry).delta -= 1;
        let delta = (*entry).delta;
        if !thread_state::has_other_threads() {
            // Nobody else changes the count: zero is zero.
            if refcount::count(object) + delta <= 0 {
                zero_counts::add(Value::from_header(object));
            }
        } else if delta == -1 && (*slot).deltas.note_loss(Deltas::place(object)) {
            // A reference that came from elsewhere has gone.
            zero_counts::note_loss(&*slot);
        } else if delta <= -LARGEST {
            settle(entry.replace(Entry { object: address, delta: 0 }));
        }
    }
}

/// Applies an entry that has been taken out of a table.
fn settle(entry: Entry) {
    if entry.delta != 0 {
        // SAFETY: objects in tables are alive.
        let object = unsafe { &*(entry.object as *const Header) };
        if refcount::apply(object, entry.delta) {
            zero_counts::add(Value::from_header(object));
        }
    }
}

/// In a stopped world: applies what is in a slot's table and empties it.
pub fn settle_all(slot: &HeapSlot) {
    // SAFETY: the world is stopped.
    let entries = unsafe {
        slot.deltas.has_lost.get().write([0; ENTRIES / 64]);
        slot.deltas.entries.get().replace([Entry { object: 0, delta: 0 }; ENTRIES])
    };
    entries.into_iter().for_each(settle);
}
