//! Reference counts: `retain`, `release`, `release_contended`, `try_retain`, `merge_queued`, `mark_maybe_shared` of
//! runtime/src/object/refcount.rs, with `MergeQueue` of memory/merge_queue.rs.
//!
//! # The protocol
//! An object has an owner, the heap slot of the thread that made it, which counts its references in a word of its own,
//! without atomics. All others count in the shared word, which also has a state: unshared, maybe-shared (somebody may try
//! to take a reference at any time), queued, merged. States only move up.
//! A thread that would take the shared count below zero gives its reference to the owner's merge queue instead; the owner,
//! or who has claimed its idle slot, adds the two counts, takes off what is owed, and gives the object up (merged, no
//! owner). The owner frees without an atomic only while the whole shared word is zero; every other death is one exchange
//! of the shared word, so that there is one.
//! An owner that ends leaves its objects as they are; the next thread with its slot is their owner.
//!
//! # What must hold
//! * The object dies exactly once, when nobody holds it, and everything that was done with it comes before.
//! * Trial never revives it.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use pyrt_loom_tests::memory::merge_queue::MergeQueue;
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::header::Header;
use pyrt_loom_tests::object::refcount::{self, AfterRelease};

const OWNER: u16 = 1;
const OTHER: u16 = 2;

struct Object {
    header: Header,
    deaths: AtomicUsize,
    /// The owner's merge queue: one entry per owed reference.
    queue: MergeQueue<()>,
    /// Stands for what is in the object.
    contents: UnsafeCell<u32>,
}

// SAFETY: loom's cell reports unordered accesses.
unsafe impl Sync for Object {}
// SAFETY: as above.
unsafe impl Send for Object {}

impl Object {
    fn new() -> Arc<Object> {
        let header = Header::new(OWNER, 0, 1);
        Arc::new(Object { header, deaths: AtomicUsize::new(0), queue: MergeQueue::new(), contents: UnsafeCell::new(0) })
    }

    /// Somebody who has a reference looks into the object.
    fn look(&self) {
        // SAFETY: what is being checked.
        self.contents.with(|contents| assert_eq!(unsafe { *contents }, 0, "a dead object was used"));
    }

    fn release(&self, me: u16) {
        self.look();
        self.follow(refcount::release(&self.header, me));
    }

    fn follow(&self, after: AfterRelease) {
        match after {
            AfterRelease::Alive => {}
            AfterRelease::Dead => self.die(),
            AfterRelease::QueueForOwner => {
                self.queue.push(());
                // The slot may be idle; otherwise its thread is asked.
                self.queue.claim_idle(|()| self.merge());
            }
            AfterRelease::ZeroCount => unreachable!("nothing is deferred here"),
            AfterRelease::Contended => {
                let after = refcount::release_contended(&self.header);
                self.follow(after);
            }
        }
    }

    /// What the owner does at a safepoint.
    fn drain(&self) {
        self.queue.take_all().into_iter().for_each(|()| self.merge());
    }

    fn merge(&self) {
        if refcount::merge_queued(&self.header) == AfterRelease::Dead {
            self.die();
        }
    }

    fn check(&self) {
        assert_eq!(self.deaths.load(Ordering::SeqCst), 1, "the object never died");
    }

    fn die(&self) {
        assert_eq!(self.deaths.fetch_add(1, Ordering::Relaxed), 0, "the object died twice");
        // SAFETY: what is being checked.
        self.contents.with_mut(|contents| unsafe { *contents = 1 });
    }
}

/// The owner hands a reference over and drops its own; the receiver drops the one it got.
#[test]
fn handed_over_reference_is_released_by_the_other() {
    model(3, || {
        let object = Object::new();
        // The second reference, counted by the owner, goes to the other thread.
        refcount::retain(&object.header, OWNER);
        let other = {
            let object = object.clone();
            thread::spawn(move || object.release(OTHER))
        };
        object.release(OWNER);
        object.drain();
        other.join().unwrap();
        object.drain();
        object.check();
    });
}

/// The receiver takes one more reference before it drops both.
#[test]
fn foreign_retain_and_release() {
    model(3, || {
        let object = Object::new();
        refcount::retain(&object.header, OWNER);
        let other = {
            let object = object.clone();
            thread::spawn(move || {
                refcount::retain(&object.header, OTHER);
                object.release(OTHER);
                object.release(OTHER);
            })
        };
        object.release(OWNER);
        other.join().unwrap();
        object.drain();
        object.check();
    });
}

/// A reader tries to take a reference from a slot while the owner empties it and drops the last reference.
#[test]
fn try_retain_against_last_release() {
    model(3, || {
        let object = Object::new();
        refcount::mark_maybe_shared(&object.header);
        let reader = {
            let object = object.clone();
            thread::spawn(move || {
                if refcount::try_retain(&object.header, OTHER) {
                    object.look();
                    object.release(OTHER);
                }
            })
        };
        object.release(OWNER);
        object.drain();
        reader.join().unwrap();
        object.drain();
        object.check();
    });
}

/// Two foreign threads give references back at once while the owner merges.
#[test]
fn two_foreign_releases_and_a_merge() {
    model(3, || {
        let object = Object::new();
        refcount::retain(&object.header, OWNER);
        refcount::retain(&object.header, OWNER);
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let object = object.clone();
                thread::spawn(move || object.release(OTHER + i))
            })
            .collect();
        object.drain();
        object.release(OWNER);
        for thread in threads {
            thread.join().unwrap();
        }
        object.drain();
        object.check();
    });
}

/// The owner ends, another thread takes its slot and has its objects, while a third gives a reference back.
fn owner_ends(next: fn(&Object)) {
    let object = Object::new();
    // One reference lies in a container, the other goes to the third thread.
    refcount::retain(&object.header, OWNER);
    let foreign = {
        let object = object.clone();
        thread::spawn(move || object.release(OTHER))
    };
    let ender = {
        let object = object.clone();
        thread::spawn(move || {
            object.drain();
            // What is left is worked off by who finds it: here the end of the model.
            let _ = object.queue.give_slot_back();
        })
    };
    // The container's reference goes with the next owner, or, if there is none yet, by a thread with another slot.
    next(&object);
    foreign.join().unwrap();
    ender.join().unwrap();
    object.drain();
    object.check();
}

#[test]
fn next_owner_of_the_slot_has_the_objects() {
    model(3, || {
        owner_ends(|object| {
            if object.queue.take_slot() {
                refcount::retain(&object.header, OWNER);
                object.release(OWNER);
                object.release(OWNER);
                object.drain();
                let _ = object.queue.give_slot_back();
            } else {
                object.release(OTHER + 1);
            }
        });
    });
}

/// Mutant: a thread takes itself for the owner before the slot is its own.
#[test]
#[should_panic(expected = "died")]
fn mutant_slot_is_not_taken() {
    model(3, || owner_ends(|object| object.release(OWNER)));
}

/// Mutant: an entry of the merge queue is lost: the object does not die.
#[test]
#[should_panic(expected = "never died")]
fn mutant_queue_entry_is_lost() {
    model(3, || {
        let object = Object::new();
        refcount::retain(&object.header, OWNER);
        let other = {
            let object = object.clone();
            thread::spawn(move || {
                let _ = refcount::release(&object.header, OTHER);
            })
        };
        object.release(OWNER);
        other.join().unwrap();
        object.drain();
        object.check();
    });
}

/// Mutant: the owner frees the object when its own count is zero, whatever the shared word says.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_owner_does_not_look() {
    model(3, || {
        let object = Object::new();
        let reader = {
            let object = object.clone();
            thread::spawn(move || {
                refcount::retain_foreign(&object.header, OTHER);
                object.release(OTHER);
            })
        };
        // The owner's reference is the container's, and its last.
        object.die();
        reader.join().unwrap();
    });
}
