//! The merge queue of a heap slot that changes hands: `MergeQueue` of runtime/src/memory/merge_queue.rs with `claim` of
//! threads/world.rs, used by `thread_state::{register, unregister, queue_for_owner, claim_idle_slot, merge_own_list}`.
//!
//! # The protocol
//! `owner` in an object's header names a heap slot. The slot's thread counts its references without atomics. A thread that
//! gives back a reference which only the owner has counted (refcount.rs) puts the object on the slot's queue, and then
//! finds out who works it off: the slot is idle, and it claims the slot and does it itself; or the slot's thread is
//! detached, and it claims that thread and does it; or the thread is asked to at its next safepoint.
//! A thread that ends works off what is there, leaves the list of threads, gives the slot back and looks once more
//! (`MergeQueue::give_slot_back`), as does who has claimed an idle slot; the next thread that takes the slot looks when
//! others can find it.
//!
//! # What must hold
//! * Each entry is worked off exactly once, by somebody who has the slot to himself (here: loom's cell).
//! * No entry is left behind without somebody who knows of it.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::memory::merge_queue::MergeQueue;
use pyrt_loom_tests::model;
use pyrt_loom_tests::sync::{AtomicU8, AtomicU32, LeafMutex, Ordering};
use pyrt_loom_tests::threads::world::{self, Member, STATE_DETACHED, World};

const REQUEST_MERGE: u32 = 1 << 4;

struct Owner {
    state: AtomicU8,
    requests: AtomicU32,
}

impl Member for Owner {
    fn state(&self) -> &AtomicU8 {
        &self.state
    }

    fn requests(&self) -> &AtomicU32 {
        &self.requests
    }
}

struct Slot {
    queue: MergeQueue<u32>,
    /// Stands for the words of the slot's objects, which only their owner or its deputy touches: the sum of what was
    /// worked off.
    words: UnsafeCell<u32>,
    /// The thread that others find to have the slot.
    owner: LeafMutex<Option<Arc<Owner>>>,
    /// A thread has ended and left entries.
    left_behind: AtomicU32,
    world: World,
}

// SAFETY: loom's cells report unordered accesses.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

impl Slot {
    fn new() -> Arc<Slot> {
        Arc::new(Slot {
            queue: MergeQueue::new(),
            words: UnsafeCell::new(0),
            owner: LeafMutex::new(None),
            left_behind: AtomicU32::new(0),
            world: World::new(),
        })
    }

    fn merge(&self, entry: u32) {
        // SAFETY: what is being checked.
        self.words.with_mut(|words| unsafe { *words += entry });
    }

    fn own_all(&self) {
        self.queue.take_all().into_iter().for_each(|entry| self.merge(entry));
    }

    /// `thread_state::register` and `attach`, by a thread that has just taken the slot.
    fn register(&self) -> Arc<Owner> {
        let owner = Arc::new(Owner { state: AtomicU8::new(STATE_DETACHED), requests: AtomicU32::new(0) });
        *self.owner.lock() = Some(owner.clone());
        if !self.queue.is_empty() {
            owner.requests.fetch_or(REQUEST_MERGE, Ordering::Release);
        }
        self.world.attach(&*owner);
        owner
    }

    fn safepoint(&self, owner: &Owner) {
        if owner.requests.load(Ordering::Acquire) & REQUEST_MERGE != 0 {
            owner.requests.fetch_and(!REQUEST_MERGE, Ordering::Relaxed);
            self.own_all();
        }
    }

    /// `thread_state::unregister`.
    fn unregister(&self, owner: &Owner, give_back: fn(&MergeQueue<u32>) -> bool) {
        self.own_all();
        *self.owner.lock() = None;
        self.world.detach(owner);
        if give_back(&self.queue) {
            self.left_behind.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// `thread_state::queue_for_owner`.
    fn queue_for_owner(&self, entry: u32, claim: fn(&Owner) -> bool) {
        self.queue.push(entry);
        if self.queue.claim_idle(|entry| self.merge(entry)) {
            return;
        }
        let mut claimed = None;
        if let Some(owner) = self.owner.lock().as_ref() {
            if claim(owner) {
                claimed = Some(owner.clone());
            } else {
                owner.requests.fetch_or(REQUEST_MERGE, Ordering::Release);
            }
        }
        if let Some(owner) = claimed {
            self.own_all();
            self.world.let_go(&*owner);
        }
    }

    /// When all threads are at rest: what was left behind is worked off, and nothing else is there.
    fn check(&self, total: u32) {
        if self.left_behind.load(Ordering::Acquire) > 0 {
            self.queue.claim_idle(|entry| self.merge(entry));
        }
        assert!(self.queue.is_empty(), "an entry was left that nobody knows of");
        // SAFETY: all other threads have ended.
        self.words.with(|words| assert_eq!(unsafe { *words }, total));
    }
}

/// The owner ends while another thread owes it something.
fn exit_against_queue(give_back: fn(&MergeQueue<u32>) -> bool) {
    let slot = Slot::new();
    let owner = slot.register();
    let other = {
        let slot = slot.clone();
        thread::spawn(move || slot.queue_for_owner(1, |owner| world::claim(owner)))
    };
    slot.unregister(&owner, give_back);
    other.join().unwrap();
    slot.check(1);
}

#[test]
fn owner_ends_while_it_is_owed() {
    model(3, || exit_against_queue(MergeQueue::give_slot_back));
}

/// Mutant: a thread that ends does not look again.
#[test]
#[should_panic(expected = "nobody knows of")]
fn mutant_no_look_after_the_end() {
    model(3, || {
        exit_against_queue(|queue| {
            let _ = queue.give_slot_back();
            false
        });
    });
}

/// Two threads owe to an idle slot, and a new thread takes it.
#[test]
fn two_claims_and_a_new_owner() {
    model(3, || {
        let slot = Slot::new();
        assert!(!slot.queue.give_slot_back());
        let others: Vec<_> = [1, 10]
            .map(|entry| {
                let slot = slot.clone();
                thread::spawn(move || slot.queue_for_owner(entry, |owner| world::claim(owner)))
            })
            .into();
        if slot.queue.take_slot() {
            let owner = slot.register();
            slot.merge(100);
            slot.safepoint(&owner);
            slot.unregister(&owner, MergeQueue::give_slot_back);
        } else {
            // Somebody works on it: a thread takes another slot.
            slot.left_behind.fetch_add(1, Ordering::AcqRel);
        }
        for other in others {
            other.join().unwrap();
        }
        // SAFETY: all other threads have ended.
        let taken = slot.words.with(|words| unsafe { *words } >= 100);
        slot.check(if taken { 111 } else { 11 });
    });
}

/// The owner waits detached and wakes up, while another thread owes it something.
fn detached_owner(claim: fn(&Owner) -> bool) {
    let slot = Slot::new();
    let owner = slot.register();
    slot.merge(100);
    slot.world.detach(&*owner);
    let other = {
        let slot = slot.clone();
        thread::spawn(move || {
            slot.queue_for_owner(1, claim);
            slot.queue_for_owner(10, claim);
        })
    };
    slot.world.attach(&*owner);
    slot.merge(1000);
    slot.safepoint(&owner);
    slot.world.detach(&*owner);
    other.join().unwrap();
    slot.world.attach(&*owner);
    slot.safepoint(&owner);
    slot.check(1111);
}

#[test]
fn detached_owner_wakes_up_while_it_is_owed() {
    model(3, || detached_owner(|owner| world::claim(owner)));
}

/// Mutant: who finds the owner detached does not keep it from attaching.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_owner_is_not_held() {
    model(3, || detached_owner(|owner| owner.state.load(Ordering::Acquire) == STATE_DETACHED));
}
