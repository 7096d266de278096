//! Deferred objects and how they die: `born_deferred`, `is_deferred` of runtime/src/object/header.rs, `apply`,
//! `settled_count`, `undefer`, `promote_and_release`, `merge_queued` of object/refcount.rs. Used by memory/deltas.rs (the
//! threads' tables), memory/zero_counts.rs (`take_dead`), `Slot::peek_deferred` and `lifetime::follow_release`.
//!
//! # The protocol
//! Words on stacks use a deferred object without a count; heap slots count. Its shared count stands a bias above the true
//! one, and threads keep their changes to it in tables of their own, which they apply when these are full. So no single
//! thread can tell that it is dead. An object whose count looks like zero is put on a list; now and then the world is
//! stopped, all tables are applied, and what has count zero and is on no stack is made an ordinary object with one
//! reference, which is given back when the world runs again. An object that threads contend for is promoted by one that
//! holds a reference: first comes the bias, then the flag.
//!
//! # What must hold
//! * The object is freed once, not while a stack or a slot has it, and is not left behind.
//!
//! # The stand-ins
//! A stop-the-world pause is a reader-writer lock: a mutator holds it for reading between two safepoints, the reaper for
//! writing (tests/stop_the_world.rs models the real one). A stack is one word per mutator, a table one difference. The slot
//! follows `Slot::peek_deferred`: word, flag, word (tests/slot.rs models the real one).
#![cfg(loom)]

use loom::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;
use pyrt_loom_tests::object::header::Header;
use pyrt_loom_tests::object::refcount::{self, AfterRelease};

const OWNER: u16 = 1;
const FIRST: u16 = 2;
const SECOND: u16 = 3;
const REAPER: u16 = 4;

/// All interleavings with at most three preemptions: the mutants need so many.
fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

struct World {
    object: Header,
    /// Whether the one heap slot holds the object (with a count).
    slot: AtomicBool,
    /// Which stacks use the object without a count.
    stacks: [AtomicBool; 2],
    running: RwLock<()>,
    /// Whether the object is on a list of those to be looked at.
    listed: AtomicBool,
    /// Changes to the count that only the thread which made them knows, one table per thread.
    deltas: [AtomicIsize; 5],
    /// The owner's merge queue: likewise.
    queued: Mutex<usize>,
    deaths: AtomicUsize,
    /// What mutants leave out.
    skips_stacks: bool,
    skips_tables: bool,
}

impl World {
    /// An object in the slot, born deferred or not.
    fn new(is_deferred: bool, skips_stacks: bool, skips_tables: bool) -> Arc<World> {
        let object = Header::new(OWNER, 0, 1);
        if is_deferred {
            object.born_deferred();
        }
        Arc::new(World {
            object,
            slot: AtomicBool::new(true),
            stacks: [AtomicBool::new(false), AtomicBool::new(false)],
            running: RwLock::new(()),
            listed: AtomicBool::new(false),
            deltas: std::array::from_fn(|_| AtomicIsize::new(0)),
            queued: Mutex::new(0),
            deaths: AtomicUsize::new(0),
            skips_stacks,
            skips_tables,
        })
    }

    fn follow(&self, after: AfterRelease) {
        match after {
            AfterRelease::Alive => {}
            AfterRelease::Dead => {
                assert!(!self.stacks.iter().any(|stack| stack.load(Ordering::SeqCst)), "freed while a stack uses it");
                assert_eq!(self.deaths.fetch_add(1, Ordering::SeqCst), 0, "freed twice");
            }
            AfterRelease::QueueForOwner => *self.queued.lock().unwrap() += 1,
            AfterRelease::ZeroCount => self.listed.store(true, Ordering::SeqCst),
            AfterRelease::Contended => self.follow(refcount::promote_and_release(&self.object)),
        }
    }

    /// `lifetime::release_pointer`: deferred objects by the thread's table.
    fn release(&self, me: u16) {
        match refcount::release_own(&self.object, me) {
            Some(after) => self.follow(after),
            None if self.object.is_deferred() => {
                self.deltas[usize::from(me)].fetch_sub(1, Ordering::SeqCst);
            }
            None => self.follow(refcount::release_shared(&self.object)),
        }
    }

    /// `lifetime::retain_pointer` of an object that is in the thread's table.
    fn retain(&self, me: u16) {
        self.deltas[usize::from(me)].fetch_add(1, Ordering::SeqCst);
    }

    /// A full table: one entry is applied.
    fn settle(&self, me: u16) {
        let delta = self.deltas[usize::from(me)].swap(0, Ordering::SeqCst);
        if delta != 0 && refcount::apply(&self.object, delta as i64) {
            self.listed.store(true, Ordering::SeqCst);
        }
    }

    /// Loads the slot to the mutator's stack if the object is deferred.
    fn load(&self, stack: usize) -> bool {
        let borrowed = self.slot.load(Ordering::Acquire) && self.object.is_deferred() && self.slot.load(Ordering::Acquire);
        if borrowed {
            assert_eq!(self.deaths.load(Ordering::SeqCst), 0, "loaded a freed object");
            self.stacks[stack].store(true, Ordering::SeqCst);
        }
        borrowed
    }

    fn pop(&self, stack: usize) {
        assert_eq!(self.deaths.load(Ordering::SeqCst), 0, "freed while a stack uses it");
        self.stacks[stack].store(false, Ordering::SeqCst);
    }

    /// Empties the slot and gives its reference back.
    fn clear_slot(&self, me: u16) {
        if self.slot.swap(false, Ordering::AcqRel) {
            self.release(me);
        }
    }

    fn merge(&self) {
        let n = std::mem::take(&mut *self.queued.lock().unwrap());
        for _ in 0..n {
            let after = refcount::merge_queued(&self.object);
            self.follow(after);
        }
    }

    /// One look at all tables and stacks in a stopped world.
    fn reap(&self) {
        {
            let _stopped = self.running.write().unwrap();
            if self.deaths.load(Ordering::SeqCst) > 0 {
                return;
            }
            if !self.skips_tables {
                (0..5).for_each(|slot| self.settle(slot));
            }
            let is_used = !self.skips_stacks && self.stacks.iter().any(|stack| stack.load(Ordering::SeqCst));
            if !self.listed.load(Ordering::SeqCst) || is_used {
                return;
            }
            self.listed.store(false, Ordering::SeqCst);
            if !self.object.is_deferred() || refcount::settled_count(&self.object) > 0 {
                return;
            }
            refcount::undefer(&self.object);
        }
        // The world runs again.
        self.release(REAPER);
    }

    fn finish(&self) {
        self.merge();
        self.reap();
        assert_eq!(self.deaths.load(Ordering::SeqCst), 1, "leaked");
    }
}

/// A word on a stack, the slot emptied by another thread, the reaper at any time.
fn borrow_against_clear(skips_stacks: bool) {
    let world = World::new(true, skips_stacks, false);
    let reader = {
        let world = world.clone();
        thread::spawn(move || {
            let attached = world.running.read().unwrap();
            let borrowed = world.load(0);
            drop(attached);
            // A safepoint: the world may stop here.
            let _attached = world.running.read().unwrap();
            if borrowed {
                world.pop(0);
            }
        })
    };
    let reaper = {
        let world = world.clone();
        thread::spawn(move || world.reap())
    };
    {
        let _attached = world.running.read().unwrap();
        world.clear_slot(SECOND);
    }
    reader.join().unwrap();
    reaper.join().unwrap();
    world.finish();
}

#[test]
fn stack_word_against_last_release() {
    model(|| borrow_against_clear(false));
}

/// Mutant: the reaper does not look at the stacks.
#[test]
#[should_panic(expected = "freed while a stack uses it")]
fn mutant_stacks_are_not_looked_at() {
    model(|| borrow_against_clear(true));
}

/// A borrowed word becomes a counted one and is given back, while the slot's reference goes: the zero is found once.
#[test]
fn borrowed_word_is_counted_while_the_slot_is_cleared() {
    model(|| {
        let world = World::new(true, false, false);
        let reader = {
            let world = world.clone();
            thread::spawn(move || {
                let attached = world.running.read().unwrap();
                if world.load(0) {
                    world.retain(FIRST);
                    world.pop(0);
                    drop(attached);
                    let _attached = world.running.read().unwrap();
                    world.release(FIRST);
                }
            })
        };
        {
            let _attached = world.running.read().unwrap();
            world.clear_slot(SECOND);
        }
        world.reap();
        reader.join().unwrap();
        world.finish();
    });
}

/// Two foreign threads lose races for the count of an object that its owner still counts, and promote it; then all let go.
#[test]
fn promotion_against_the_owners_release() {
    model(|| {
        let world = World::new(false, false, false);
        // Each of the two holds a reference taken under a lock; the slot's is the owner's.
        refcount::retain_foreign(&world.object, FIRST);
        refcount::retain_foreign(&world.object, SECOND);
        let others: Vec<_> = [FIRST, SECOND]
            .into_iter()
            .map(|me| {
                let world = world.clone();
                thread::spawn(move || world.release(me))
            })
            .collect();
        world.clear_slot(OWNER);
        world.merge();
        for other in others {
            other.join().unwrap();
        }
        world.merge();
        if world.deaths.load(Ordering::SeqCst) == 0 {
            world.finish();
        }
    });
}

/// A reference taken by one thread is given back by another: each knows half of it, and one applies its half early. The
/// slot's reference stays, so the object does.
fn handed_over(skips_tables: bool) {
    let world = World::new(true, false, skips_tables);
    let taker = {
        let world = world.clone();
        thread::spawn(move || {
            let _attached = world.running.read().unwrap();
            // The slot's reference is doubled, and goes to the other thread.
            world.retain(FIRST);
            world.settle(FIRST);
        })
    };
    {
        let _attached = world.running.read().unwrap();
        world.release(SECOND);
        world.settle(SECOND);
    }
    // The second thread's release may be known before the first one's retain: the count looks like zero.
    if !skips_tables {
        taker.join().unwrap();
        world.reap();
        assert_eq!(world.deaths.load(Ordering::SeqCst), 0, "freed while the slot has it");
        world.clear_slot(SECOND);
        world.finish();
    } else {
        taker.join().unwrap();
        world.clear_slot(SECOND);
        world.finish();
    }
}

#[test]
fn reference_handed_from_thread_to_thread() {
    model(|| handed_over(false));
}

/// Mutant: the tables are not emptied when the world is stopped: the last release stays unknown.
#[test]
#[should_panic(expected = "leaked")]
fn mutant_tables_are_not_settled() {
    model(|| handed_over(true));
}
