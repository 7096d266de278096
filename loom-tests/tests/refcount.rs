//! The reference counts (runtime/src/object/refcount.rs): owner and foreign threads take and give back references; the
//! object dies exactly once, and only when nobody holds it.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p pyrt-loom-tests`.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use pyrt_loom_tests::object::header::Header;
use pyrt_loom_tests::object::refcount::{self, AfterRelease};

const OWNER: u16 = 1;
const OTHER: u16 = 2;

struct Object {
    header: Header,
    deaths: AtomicUsize,
    /// The owner's merge list: one entry per owed reference.
    queue: Mutex<usize>,
}

impl Object {
    fn new() -> Arc<Object> {
        Arc::new(Object { header: Header::new(OWNER, 0, 1), deaths: AtomicUsize::new(0), queue: Mutex::new(0) })
    }

    fn release(&self, me: u16) {
        self.follow(refcount::release(&self.header, me));
    }

    fn follow(&self, after: AfterRelease) {
        match after {
            AfterRelease::Alive => {}
            AfterRelease::Dead => self.die(),
            AfterRelease::QueueForOwner => *self.queue.lock().unwrap() += 1,
            AfterRelease::ZeroCount => unreachable!("nothing is deferred here"),
            AfterRelease::Contended => {
                let after = refcount::release_contended(&self.header);
                self.follow(after);
            }
        }
    }

    /// What the owner does at a safepoint, or whoever has claimed its idle slot.
    fn drain(&self) {
        let n = std::mem::take(&mut *self.queue.lock().unwrap());
        for _ in 0..n {
            if refcount::merge_queued(&self.header) == AfterRelease::Dead {
                self.die();
            }
        }
    }

    fn die(&self) {
        assert_eq!(self.deaths.fetch_add(1, Ordering::SeqCst), 0, "the object died twice");
    }
}

/// The owner hands a reference over and drops its own; the receiver drops the one it got.
#[test]
fn handed_over_reference_is_released_by_the_other() {
    loom::model(|| {
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
        assert_eq!(object.deaths.load(Ordering::SeqCst), 1);
    });
}

/// The receiver takes one more reference before it drops both.
#[test]
fn foreign_retain_and_release() {
    loom::model(|| {
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
        assert_eq!(object.deaths.load(Ordering::SeqCst), 1);
    });
}

/// A reader tries to take a reference from a slot while the owner empties it and drops the last reference.
#[test]
fn try_retain_against_last_release() {
    loom::model(|| {
        let object = Object::new();
        refcount::mark_maybe_shared(&object.header);
        let reader = {
            let object = object.clone();
            thread::spawn(move || {
                if refcount::try_retain(&object.header, OTHER) {
                    assert_eq!(object.deaths.load(Ordering::SeqCst), 0, "a dead object was revived");
                    object.release(OTHER);
                }
            })
        };
        object.release(OWNER);
        object.drain();
        reader.join().unwrap();
        object.drain();
        assert_eq!(object.deaths.load(Ordering::SeqCst), 1);
    });
}

/// Two foreign threads give references back at once while the owner merges.
#[test]
fn two_foreign_releases_and_a_merge() {
    loom::model(|| {
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
        assert_eq!(object.deaths.load(Ordering::SeqCst), 1);
    });
}

/// Mutant: a foreign release that subtracts below zero instead of queueing must be caught, here by the missing death.
#[test]
#[should_panic]
fn mutant_queue_entry_is_lost() {
    loom::model(|| {
        let object = Object::new();
        refcount::retain(&object.header, OWNER);
        let other = {
            let object = object.clone();
            thread::spawn(move || {
                // The entry of the merge list is dropped.
                let _ = refcount::release(&object.header, OTHER);
            })
        };
        object.release(OWNER);
        other.join().unwrap();
        object.drain();
        assert_eq!(object.deaths.load(Ordering::SeqCst), 1);
    });
}
