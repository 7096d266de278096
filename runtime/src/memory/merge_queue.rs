//! What other threads owe to the owner of a heap slot, and who works it off.
//!
//! A thread that gives back a reference which only the owner counted puts the object on the queue of the owner's heap slot
//! (object/refcount.rs). A slot outlives its thread: in between it is *idle*, and whoever finds it so works the queue off
//! itself.
//!
//! # Who works an entry off
//! Who adds one does it if the slot is idle ([`MergeQueue::claim_idle`]); otherwise a thread has the slot and is asked to.
//! A thread that gives the slot back, or a claim that ends, looks once more: an entry that came too late for the one and too
//! early for the other is found under the queue's lock, which either shows the entry to the former or the idle slot to who
//! added it. A thread that takes a slot looks when others can find it.

use crate::sync::{AtomicU8, LeafMutex, Ordering};

/// Nobody uses the slot.
const FREE: u8 = 0;
/// A thread has the slot.
const TAKEN: u8 = 1;
/// Some thread works off the queue of an idle slot.
const CLAIMED: u8 = 2;

pub struct MergeQueue<T> {
    state: AtomicU8,
    /// One entry for each reference owed.
    entries: LeafMutex<Vec<T>>,
}

impl<T> MergeQueue<T> {
    /// The queue of a new slot, which a thread has.
    pub fn new() -> MergeQueue<T> {
        MergeQueue { state: AtomicU8::new(TAKEN), entries: LeafMutex::new(Vec::new()) }
    }

    /// Takes the slot if it is idle.
    pub fn take_slot(&self) -> bool {
        // Acquire: pairs with the Release of who gave the slot back or had claimed it.
        self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The slot's thread is done with it. True if there are entries that somebody must work off.
    #[must_use]
    pub fn give_slot_back(&self) -> bool {
        // Release: all that the thread did to its objects comes before.
        self.state.store(FREE, Ordering::Release);
        !self.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.lock().is_empty()
    }

    pub fn push(&self, entry: T) {
        self.entries.lock().push(entry);
    }

    /// Hands all entries to the slot's thread, to who has claimed that thread, or to who has stopped the world.
    pub fn take_all(&self) -> Vec<T> {
        std::mem::take(&mut *self.entries.lock())
    }

    /// If no thread has the slot, lets `merge` work its entries off. False: a thread has it, or another claim works on it.
    pub fn claim_idle(&self, mut merge: impl FnMut(T)) -> bool {
        let mut has_claimed = false;
        // Acquire: pairs with the Release of the thread that gave the slot back.
        while self.state.compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            has_claimed = true;
            self.take_all().into_iter().for_each(&mut merge);
            // Release: the merged words are visible to the next user of the slot.
            self.state.store(FREE, Ordering::Release);
            if self.is_empty() {
                break;
            }
        }
        has_claimed
    }
}

impl<T> Default for MergeQueue<T> {
    fn default() -> MergeQueue<T> {
        MergeQueue::new()
    }
}
