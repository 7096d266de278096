//! The one-byte object lock and the parking lot: `lock::{acquire, release}` of runtime/src/object/lock.rs, `park`
//! and `unpark_one` of threads/parking.rs, beside `World` of threads/world.rs.
//!
//! # The protocol
//! The byte says whether the lock is held and whether threads are parked on its address. A waiter spins, marks the byte,
//! locks the bucket of the address, looks at the byte again, and sleeps only if it is still held and marked. Who gives a
//! marked lock back wakes the longest-waiting thread with the bucket locked, and leaves the mark if more wait. The woken
//! thread takes the lock like any other, so that no thread waits for one that does not run.
//! No safepoint is passed while such a lock is held; so a thread that waits for it stays attached, and whoever stops the
//! world waits for both.
//!
//! # What must hold
//! * One thread at a time is inside; each sees what the one before did.
//! * No wake-up is lost: all threads come to an end (loom reports a deadlock otherwise).
#![cfg(loom)]

// Not loom's: a thread that is found in a deadlock could not drop it.
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::lock::{self, LOCKED, PARKED};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::sync::{AtomicU8, AtomicU32, Ordering};
use pyrt_loom_tests::threads::parking;
use pyrt_loom_tests::threads::world::{Member, REQUEST_STOP, World};

struct Guarded {
    byte: AtomicU8,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is only touched with the lock held; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { byte: AtomicU8::new(0), value: UnsafeCell::new(0) })
    }

    fn touch(&self) {
        // SAFETY: what is being checked.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    fn increment(&self) {
        lock::acquire(&self.byte);
        self.touch();
        lock::release(&self.byte);
    }
}

fn exclusion(threads: usize, increment: fn(&Guarded)) {
    let guarded = Guarded::new();
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let guarded = guarded.clone();
            thread::spawn(move || increment(&guarded))
        })
        .collect();
    increment(&guarded);
    for other in others {
        other.join().unwrap();
    }
    // SAFETY: the other threads have ended.
    guarded.value.with(|value| assert_eq!(unsafe { *value } as usize, threads));
    assert_eq!(guarded.byte.load(Ordering::Relaxed), 0, "the byte is left marked");
}

#[test]
fn two_threads_exclude_each_other_and_both_finish() {
    model(4, || exclusion(2, Guarded::increment));
}

#[test]
fn three_threads_exclude_each_other_and_all_finish() {
    model(2, || exclusion(3, Guarded::increment));
}

/// Mutant: without the lock loom must see the overlap.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_without_the_lock() {
    model(2, || exclusion(2, Guarded::touch));
}

/// Mutant: a marked lock is given back without waking anyone.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_nobody_is_woken() {
    model(3, || {
        exclusion(2, |guarded| {
            lock::acquire(&guarded.byte);
            guarded.touch();
            guarded.byte.fetch_and(!LOCKED, Ordering::Release);
        });
    });
}

/// Mutant: who is woken is the last to know, though others wait.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_mark_is_cleared_while_others_wait() {
    model(3, || {
        exclusion(3, |guarded| {
            lock::acquire(&guarded.byte);
            guarded.touch();
            if guarded.byte.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_err() {
                parking::unpark_one(std::ptr::from_ref(&guarded.byte) as usize, |_| guarded.byte.store(0, Ordering::Release));
            }
        });
    });
}

/// Mutant: the byte is not looked at again with the bucket locked.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_no_validation() {
    let _mutant = Mutant::without("validation");
    model(3, || exclusion(2, Guarded::increment));
}

struct Runner {
    state: AtomicU8,
    requests: AtomicU32,
}

impl Member for Runner {
    fn state(&self) -> &AtomicU8 {
        &self.state
    }

    fn requests(&self) -> &AtomicU32 {
        &self.requests
    }
}

/// Two attached threads contend for the lock while a third stops the world: it stops when neither holds it or waits for it.
#[test]
fn lock_against_stop_the_world() {
    model(2, || {
        let guarded = Guarded::new();
        let runners: Arc<Vec<Runner>> =
            Arc::new((0..3).map(|_| Runner { state: AtomicU8::new(0), requests: AtomicU32::new(0) }).collect());
        let world = Arc::new(World::new());
        runners.iter().for_each(|runner| world.attach(runner));
        let threads: Vec<_> = [1, 2]
            .map(|me| {
                let (guarded, runners, world) = (guarded.clone(), runners.clone(), world.clone());
                thread::spawn(move || {
                    guarded.increment();
                    // A safepoint.
                    if runners[me].requests.load(Ordering::Acquire) & REQUEST_STOP != 0 {
                        world.detach(&runners[me]);
                        world.wait_until_running();
                        world.attach(&runners[me]);
                    }
                    world.detach(&runners[me]);
                })
            })
            .into();
        let for_each = |visit: &mut dyn FnMut(&Runner)| runners.iter().for_each(visit);
        world.stop(&runners[0], for_each, || unreachable!("nobody else stops the world"));
        assert_eq!(guarded.byte.load(Ordering::Relaxed) & (LOCKED | PARKED), 0, "the world stops with a lock held");
        guarded.touch();
        world.resume(for_each);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
