//! Deferred objects (runtime/src/object/refcount.rs, memory/zero_counts.rs): words on stacks use an object without a count
//! while others take it out of its slot; it is freed once, and not while a stack has it.
//!
//! The model of a stop-the-world pause is a reader-writer lock: a mutator holds it for reading between two safepoints, the
//! reaper for writing. A stack is one word per mutator. The slot follows `Slot::peek_deferred`: word, flag, word.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p pyrt-loom-tests`.
#![cfg(loom)]

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;
use pyrt_loom_tests::object::header::{FLAG_DEFERRED, Header};
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
    /// The zero-count list: entries that own a reference.
    listed: AtomicUsize,
    /// The owner's merge queue: likewise.
    queued: Mutex<usize>,
    deaths: AtomicUsize,
    /// What a mutant leaves out.
    skips_stacks: bool,
}

impl World {
    /// An object in the slot, born deferred or not.
    fn new(is_deferred: bool, skips_stacks: bool) -> Arc<World> {
        let object = Header::new(OWNER, 0, 1);
        if is_deferred {
            object.born_deferred();
        }
        Arc::new(World {
            object,
            slot: AtomicBool::new(true),
            stacks: [AtomicBool::new(false), AtomicBool::new(false)],
            running: RwLock::new(()),
            listed: AtomicUsize::new(0),
            queued: Mutex::new(0),
            deaths: AtomicUsize::new(0),
            skips_stacks,
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
            AfterRelease::ZeroCount => {
                self.listed.fetch_add(1, Ordering::SeqCst);
            }
            AfterRelease::Contended => self.follow(refcount::promote_and_release(&self.object)),
        }
    }

    fn release(&self, me: u16) {
        self.follow(refcount::release(&self.object, me));
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

    /// One look at all stacks in a stopped world.
    fn reap(&self) {
        let is_dead = {
            let _stopped = self.running.write().unwrap();
            let entries = self.listed.load(Ordering::SeqCst);
            assert!(entries <= 1, "listed twice");
            if entries == 0 {
                return;
            }
            let is_used = !self.skips_stacks && self.stacks.iter().any(|stack| stack.load(Ordering::SeqCst));
            if refcount::is_held_by_list_alone(&self.object) && is_used {
                return;
            }
            self.listed.store(0, Ordering::SeqCst);
            refcount::unlist(&self.object)
        };
        if is_dead {
            // The world runs again.
            self.release(REAPER);
        }
    }

    fn finish(&self) {
        self.merge();
        self.reap();
        assert_eq!(self.deaths.load(Ordering::SeqCst), 1, "leaked");
    }
}

/// A word on a stack, the slot emptied by another thread, the reaper at any time.
fn borrow_against_clear(skips_stacks: bool) {
    let world = World::new(true, skips_stacks);
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
#[should_panic]
fn mutant_stacks_are_not_looked_at() {
    model(|| borrow_against_clear(true));
}

/// A borrowed word becomes a counted one and is given back, while the slot's reference goes: the zero is found once.
#[test]
fn borrowed_word_is_counted_while_the_slot_is_cleared() {
    model(|| {
        let world = World::new(true, false);
        let reader = {
            let world = world.clone();
            thread::spawn(move || {
                let attached = world.running.read().unwrap();
                if world.load(0) {
                    refcount::retain(&world.object, FIRST);
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
        let world = World::new(false, false);
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

/// Mutant: an object is made deferred by a thread that holds no reference, after its last one has gone.
#[test]
#[should_panic]
fn mutant_promotion_without_a_reference() {
    model(|| {
        let world = World::new(false, false);
        let promoter = {
            let world = world.clone();
            thread::spawn(move || {
                if world.slot.load(Ordering::Acquire) {
                    world.object.set_flag(FLAG_DEFERRED);
                }
                if world.load(0) {
                    world.pop(0);
                }
            })
        };
        world.clear_slot(OWNER);
        promoter.join().unwrap();
        world.reap();
    });
}
