//! The lock of Python's `threading.Lock` and of natives: `RawLock` of stdlib/src/thread/raw_lock.rs on `park_until`,
//! `park_main`, `interrupt_main`, `unpark_one` of runtime/src/threads/parking.rs.
//!
//! # The protocol
//! The word is free, held or contended. A waiter swaps in *contended*: if the word was free it has the lock, as one that
//! may have waiters; otherwise it parks, if the word is still contended when the bucket is locked. Who gives a contended
//! lock back frees the word and then wakes one waiter, which tries again like any other: there is no hand-over, so that no
//! thread waits for one that does not run; a waiter that loses parks again.
//! A wait may end by time or, the main thread's, by a signal. Who leaves that way takes itself off the queue; if a waker has
//! taken it off before, the wake-up was its, and it tries again: nobody else will be woken for that release.
//!
//! # What must hold
//! * One thread at a time has the lock; it sees what the one before did.
//! * No wake-up is lost, neither to a thread whose time is over nor to a signal.
#![cfg(loom)]

// Not loom's: a thread that is found in a deadlock could not drop it.
use std::sync::Arc;
use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::thread;
use pyrt_loom_tests::model;
use pyrt_loom_tests::raw_lock::{RawLock, Waited};
use pyrt_loom_tests::sync::modelled::{Mutant, let_time_pass};
use pyrt_loom_tests::sync::{AtomicBool, Ordering};
use pyrt_loom_tests::threads::parking;

struct Guarded {
    lock: RawLock,
    value: UnsafeCell<u32>,
    signal: AtomicBool,
}

// SAFETY: `value` is only touched with the lock held; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

const NO_SIGNALS: Option<fn() -> bool> = None;

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { lock: RawLock::new(), value: UnsafeCell::new(0), signal: AtomicBool::new(false) })
    }

    fn touch_and_release(&self) {
        // SAFETY: what is being checked.
        self.value.with_mut(|value| unsafe { *value += 1 });
        assert!(self.lock.release());
    }

    /// `acquire()`.
    fn increment(&self) {
        if !self.lock.try_acquire() {
            assert_eq!(self.lock.wait(None, NO_SIGNALS), Waited::Taken);
        }
        self.touch_and_release();
    }

    /// `acquire(timeout=…)`; true if it got the lock.
    fn increment_in_time(&self) -> bool {
        let is_taken = self.lock.try_acquire() || self.lock.wait(Some(Instant::now()), NO_SIGNALS) == Waited::Taken;
        if is_taken {
            self.touch_and_release();
        }
        is_taken
    }

    /// `acquire()` of the main thread, whose signal handler raises.
    fn increment_unless_interrupted(&self) {
        let has_signal = || self.signal.load(Ordering::SeqCst);
        match self.lock.wait(None, Some(has_signal)) {
            Waited::Taken => self.touch_and_release(),
            waited => assert_eq!(waited, Waited::Interrupted),
        }
    }
}

fn exclusion(works: Vec<fn(&Guarded)>) {
    let guarded = Guarded::new();
    let others: Vec<_> = works
        .into_iter()
        .map(|work| {
            let guarded = guarded.clone();
            thread::spawn(move || work(&guarded))
        })
        .collect();
    guarded.increment();
    for other in others {
        other.join().unwrap();
    }
    assert!(guarded.lock.try_acquire(), "the lock is left held");
}

#[test]
fn two_threads() {
    model(4, || exclusion(vec![Guarded::increment]));
}

#[test]
fn three_threads() {
    model(2, || exclusion(vec![Guarded::increment, Guarded::increment]));
}

/// Mutant: a contended lock is given back without waking anyone.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_nobody_is_woken() {
    model(3, || {
        exclusion(vec![|guarded| {
            assert_eq!(guarded.lock.wait(None, NO_SIGNALS), Waited::Taken);
            guarded.lock.reset();
        }]);
    });
}

/// Mutant: the word is not looked at again with the bucket locked.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_no_validation() {
    let _mutant = Mutant::without("validation");
    model(3, || exclusion(vec![Guarded::increment]));
}

/// Mutant: the release is not ordered before the next holder's work.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_release() {
    model(3, || {
        exclusion(vec![|guarded| {
            if guarded.lock.try_acquire() {
                // SAFETY: what is being checked.
                guarded.value.with_mut(|value| unsafe { *value += 1 });
                guarded.lock.reset();
            }
        }]);
    });
}

/// One waiter has a time limit, another has none.
#[test]
fn end_of_time_against_release() {
    let_time_pass(true);
    model(2, || exclusion(vec![|guarded| { let _ = guarded.increment_in_time(); }, Guarded::increment]));
}

/// The main thread waits, a signal comes, and another thread waits for the same lock.
fn signal_against_release() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_acquire());
    let main = {
        let guarded = guarded.clone();
        thread::spawn(move || guarded.increment_unless_interrupted())
    };
    let other = {
        let guarded = guarded.clone();
        thread::spawn(move || guarded.increment())
    };
    // The signal handler, in whatever thread.
    guarded.signal.store(true, Ordering::SeqCst);
    parking::interrupt_main();
    guarded.touch_and_release();
    main.join().unwrap();
    other.join().unwrap();
    assert!(guarded.lock.try_acquire(), "the lock is left held");
}

#[test]
fn interrupted_wait_against_release() {
    model(3, signal_against_release);
}

/// Mutant: who leaves after a signal does not ask whether it had been woken.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_wake_up_is_lost_to_a_signal() {
    let _mutant = Mutant::without("late wake-up");
    model(3, signal_against_release);
}
