//! The GIL: `GilLock` and `Holder` of runtime/src/threads/gil_lock.rs, used by `gil::{acquire, release, yield_to_waiter}` of
//! threads/gil.rs, by `thread_state::{attach, detach}` and at safepoints.
//!
//! # The protocol
//! Who holds the lock, how many wait and how often it has changed hands is under a mutex. A waiter sleeps on a condition;
//! when the holder has not changed for the switch interval it sets a request in the holder's word, and the holder lets
//! the lock go at its next safepoint and does not take it again before another thread has had it, if one waits (*forced
//! switching*). A thread that gives the lock up before it blocks wakes a waiter; if it does that only for a moment it wakes
//! nobody, and waiters look by themselves in a fraction of the interval.
//!
//! # What must hold
//! * One thread at a time has the lock and sees what the one before did.
//! * After a request the holder does not win the lock back from who asked.
//! * Nobody sleeps for ever; without brief releases not even if no time ever passes (loom reports a deadlock).
#![cfg(loom)]

// Not loom's: a thread that is found in a deadlock could not drop it.
use std::sync::Arc;
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::thread;
use pyrt_loom_tests::model;
use pyrt_loom_tests::sync::modelled::let_time_pass;
use pyrt_loom_tests::sync::{AtomicBool, AtomicU32, Ordering};
use pyrt_loom_tests::threads::gil_lock::{GilLock, Holder};

const INTERVAL: Duration = Duration::from_millis(5);

struct Runner {
    request: AtomicBool,
}

impl Holder for Runner {
    fn ask_for_gil(&self) {
        self.request.store(true, Ordering::Release);
    }
}

struct Process {
    lock: GilLock<Runner>,
    objects: UnsafeCell<u32>,
    /// Turns that each of two threads has had.
    turns: [AtomicU32; 2],
}

// SAFETY: loom's cells report unordered accesses.
unsafe impl Sync for Process {}
// SAFETY: as above.
unsafe impl Send for Process {}

impl Process {
    fn new() -> Arc<Process> {
        let turns = std::array::from_fn(|_| AtomicU32::new(0));
        Arc::new(Process { lock: GilLock::new(), objects: UnsafeCell::new(0), turns })
    }

    fn acquire(&self, me: &'static Runner) {
        self.lock.acquire(me, INTERVAL);
    }

    fn use_objects(&self, turn: usize) {
        self.turns[turn].fetch_add(1, Ordering::Relaxed);
        // SAFETY: what is being checked.
        self.objects.with_mut(|used| unsafe { *used += 1 });
    }

    /// `gil::yield_to_waiter`: true if somebody waited.
    fn yield_to_waiter(&self, me: &'static Runner) -> bool {
        me.request.store(false, Ordering::Relaxed);
        let Some(switches) = self.lock.switches_if_wanted() else { return false };
        self.lock.release(false);
        self.lock.wait_for_switch(switches, INTERVAL);
        self.acquire(me);
        true
    }
}

/// Threads are never freed; here they live as long as the process's test.
fn runner() -> &'static Runner {
    Box::leak(Box::new(Runner { request: AtomicBool::new(false) }))
}

fn blocking_threads(n: usize, release: fn(&GilLock<Runner>)) {
    let process = Process::new();
    let others: Vec<_> = (1..n)
        .map(|_| {
            let (process, me) = (process.clone(), runner());
            thread::spawn(move || {
                process.acquire(me);
                process.use_objects(1);
                release(&process.lock);
            })
        })
        .collect();
    let me = runner();
    process.acquire(me);
    process.use_objects(0);
    release(&process.lock);
    process.acquire(me);
    process.use_objects(0);
    release(&process.lock);
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn two_threads_that_block() {
    model(3, || blocking_threads(2, |lock| lock.release(false)));
}

#[test]
fn three_threads_that_block() {
    model(2, || blocking_threads(3, |lock| lock.release(false)));
}

/// Brief releases wake nobody: waiters look when some time has passed.
#[test]
fn brief_releases() {
    let_time_pass(true);
    model(3, || blocking_threads(2, |lock| lock.release(true)));
}

/// Mutant: a release wakes nobody, and no time passes.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_nobody_is_woken() {
    model(3, || blocking_threads(2, |lock| lock.release(true)));
}

/// A thread that computes is asked for the lock and lets a waiter have it.
fn forced_switch(yield_to_waiter: fn(&Process, &'static Runner) -> bool) {
    let process = Process::new();
    let me = runner();
    process.acquire(me);
    let waiting = {
        let (process, other) = (process.clone(), runner());
        thread::spawn(move || {
            process.acquire(other);
            process.use_objects(1);
            process.lock.release(false);
        })
    };
    process.use_objects(0);
    // A safepoint.
    let had_turn = process.turns[1].load(Ordering::Relaxed);
    if yield_to_waiter(&process, me) {
        assert!(process.turns[1].load(Ordering::Relaxed) > had_turn, "the holder won the lock back");
    }
    process.use_objects(0);
    process.lock.release(false);
    waiting.join().unwrap();
}

#[test]
fn holder_lets_a_waiter_have_its_turn() {
    model(3, || forced_switch(Process::yield_to_waiter));
}

/// The request comes when the interval is over.
#[test]
fn holder_is_asked_for_the_lock() {
    let_time_pass(true);
    model(2, || {
        forced_switch(|process, me| me.request.load(Ordering::Acquire) && process.yield_to_waiter(me));
    });
}

/// Mutant: the holder does not wait until the lock has changed hands.
#[test]
#[should_panic(expected = "won the lock back")]
fn mutant_switch_is_not_forced() {
    model(3, || {
        forced_switch(|process, me| {
            let is_wanted = process.lock.switches_if_wanted().is_some();
            if is_wanted {
                process.lock.release(false);
                process.acquire(me);
            }
            is_wanted
        });
    });
}
