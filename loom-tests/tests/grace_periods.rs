//! Grace periods (QSBR): `Periods` and `RetireList` of runtime/src/memory/grace.rs, used by memory/reclamation.rs for
//! blocks of lists, dicts and sets, large objects and replaced MROs, and by `thread_state::{attach, detach}` and
//! `safepoint::serve`.
//!
//! # The protocol
//! Readers look at shared memory without a lock and without a count. Who replaces a block unlinks it (`Release`), asks for
//! a goal (`Periods::goal`), puts the block on its list with that goal and, now and then, starts a new period
//! (`Periods::advance`) and asks all attached threads to acknowledge it. A thread acknowledges at a safepoint, where it
//! uses nothing that it had found before (`Periods::acknowledge`); a thread that detaches reads nothing
//! (`Periods::detach`) until it attaches again (`Periods::attach`). A block is freed when the oldest period that some
//! thread has acknowledged is its goal or later (`Periods::oldest`, `RetireList::take_ready`).
//!
//! # What must hold
//! * No thread reads a block that is being freed or has been (here: loom's cell reports a read and a write without order).
//! * When all threads have acknowledged or are gone, everything is freed.
//!
//! # Who needs sequential consistency
//! * `goal` against `acknowledge`: without the fences a thread unlinks, sees an old period (its store still waits in the
//!   store buffer), while another acknowledges the next one and then still finds the block.
//! * `oldest` against `attach`: without them a thread attaches and finds the block, while the freeing thread still sees it
//!   detached.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::memory::grace::{DETACHED, Periods, RetireList};
use pyrt_loom_tests::model;
use pyrt_loom_tests::sync::modelled::without_fences;
use pyrt_loom_tests::sync::{AtomicU64, AtomicUsize, Ordering};

const THREADS: usize = 3;

struct World {
    periods: Periods,
    /// What each thread has acknowledged.
    words: [AtomicU64; THREADS],
    /// The block that readers find.
    current: AtomicUsize,
    blocks: [UnsafeCell<u32>; 2],
}

// SAFETY: loom's cells report unordered accesses.
unsafe impl Sync for World {}
// SAFETY: as above.
unsafe impl Send for World {}

impl World {
    /// All threads but `attached` are detached.
    fn new(attached: &[usize]) -> Arc<World> {
        let world = World {
            periods: Periods::new(),
            words: std::array::from_fn(|_| AtomicU64::new(DETACHED)),
            current: AtomicUsize::new(0),
            blocks: std::array::from_fn(|_| UnsafeCell::new(1)),
        };
        for &me in attached {
            world.periods.attach(&world.words[me]);
        }
        Arc::new(world)
    }

    fn read(&self) {
        // Acquire: as readers of arrays and tables.
        let block = self.current.load(Ordering::Acquire);
        // SAFETY: what is being checked.
        self.blocks[block].with(|contents| assert_eq!(unsafe { *contents }, 1, "read after free"));
    }

    /// Replaces the block by the other one; the old one is put on the list.
    fn replace(&self, list: &mut RetireList<usize>, goal: impl FnOnce(&Periods) -> u64) {
        self.current.store(1, Ordering::Release);
        list.push(goal(&self.periods), 0, 8);
    }

    fn reclaim(&self, list: &mut RetireList<usize>) -> usize {
        let oldest = self.periods.oldest(|visit| self.words.iter().for_each(visit));
        let ready = list.take_ready(oldest);
        for &block in &ready {
            // SAFETY: what is being checked.
            self.blocks[block].with_mut(|contents| unsafe { *contents = 0 });
        }
        ready.len()
    }
}

/// A reader that is attached all the time and passes safepoints, a writer that retires, and a third thread that starts
/// periods of its own.
fn acknowledging_reader(goal: fn(&Periods) -> u64, acknowledge: fn(&Periods, &AtomicU64)) {
    let world = World::new(&[0, 1]);
    let reader = {
        let world = world.clone();
        thread::spawn(move || {
            world.read();
            acknowledge(&world.periods, &world.words[1]);
            world.read();
            Periods::detach(&world.words[1]);
        })
    };
    let other = {
        let world = world.clone();
        thread::spawn(move || world.periods.advance())
    };
    let mut list = RetireList::new();
    world.replace(&mut list, goal);
    world.periods.acknowledge(&world.words[0]);
    world.reclaim(&mut list);
    reader.join().unwrap();
    other.join().unwrap();
    world.periods.advance();
    world.periods.acknowledge(&world.words[0]);
    world.reclaim(&mut list);
    assert!(list.is_empty(), "never freed");
}

#[test]
fn acknowledging_reader_against_retirement() {
    model(3, || acknowledging_reader(Periods::goal, Periods::acknowledge));
}

/// Mutant: the period is looked at while the unlinking may still wait in the store buffer.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_goal_without_fence() {
    model(3, || acknowledging_reader(|periods| without_fences(|| periods.goal()), Periods::acknowledge));
}

/// Mutant: after the acknowledgement a reader may still find what it could have found before.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_acknowledge_without_fence() {
    model(3, || acknowledging_reader(Periods::goal, |periods, own| without_fences(|| periods.acknowledge(own))));
}

/// A reader that attaches, reads and detaches, while the writer retires, advances and frees.
fn attaching_reader(attach: fn(&Periods, &AtomicU64), detach: fn(&AtomicU64)) {
    let world = World::new(&[0]);
    let reader = {
        let world = world.clone();
        thread::spawn(move || {
            attach(&world.periods, &world.words[1]);
            world.read();
            world.read();
            detach(&world.words[1]);
        })
    };
    let mut list = RetireList::new();
    world.replace(&mut list, Periods::goal);
    world.periods.advance();
    world.periods.acknowledge(&world.words[0]);
    world.reclaim(&mut list);
    world.reclaim(&mut list);
    reader.join().unwrap();
    world.reclaim(&mut list);
    assert!(list.is_empty(), "never freed");
}

#[test]
fn attaching_reader_against_retirement() {
    model(3, || attaching_reader(Periods::attach, Periods::detach));
}

/// Mutant: the thread reads before it can be seen attached.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_attach_without_fence() {
    model(3, || attaching_reader(|periods, own| without_fences(|| periods.attach(own)), Periods::detach));
}

/// Mutant: the reads may come after the detaching.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_detach_without_release() {
    model(3, || attaching_reader(Periods::attach, |own| own.store(DETACHED, Ordering::Relaxed)));
}

/// Two writers retire, each with a list of its own, and a reader detaches and attaches in between.
#[test]
fn two_lists_and_a_reader_that_comes_back() {
    model(2, || {
        let world = World::new(&[0, 1, 2]);
        let reader = {
            let world = world.clone();
            thread::spawn(move || {
                world.read();
                Periods::detach(&world.words[1]);
                world.periods.attach(&world.words[1]);
                world.read();
                Periods::detach(&world.words[1]);
            })
        };
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                world.read();
                world.periods.advance();
                world.periods.acknowledge(&world.words[2]);
                world.read();
                Periods::detach(&world.words[2]);
            })
        };
        let mut list = RetireList::new();
        world.replace(&mut list, Periods::goal);
        world.periods.advance();
        world.periods.acknowledge(&world.words[0]);
        world.reclaim(&mut list);
        reader.join().unwrap();
        other.join().unwrap();
        world.reclaim(&mut list);
        assert!(list.is_empty(), "never freed");
    });
}
