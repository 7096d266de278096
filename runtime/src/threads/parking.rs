//! Parking by address: threads wait for a word to change without the word holding a queue.
//!
//! Our own, not `parking_lot_core`'s, because the buckets are reset in the child after `fork`, waits of the main
//! thread can be interrupted by signals, and the code runs under loom (PROTOCOLS M18).

use std::sync::atomic::Ordering as StdOrdering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::sync::Resettable;

/// Number of buckets; a prime, so that aligned addresses spread.
const N_BUCKETS: usize = 251;

struct Waiter {
    address: usize,
    woken: Mutex<bool>,
    signal: Condvar,
}

static BUCKETS: [Resettable<Mutex<Vec<Arc<Waiter>>>>; N_BUCKETS] = [const { Resettable::new(Mutex::new(Vec::new())) }; N_BUCKETS];

fn bucket(address: usize) -> MutexGuard<'static, Vec<Arc<Waiter>>> {
    // A panic under a bucket lock is impossible; after a fork the child resets by `reset_after_fork`.
    BUCKETS[(address >> 1) % N_BUCKETS].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// How a wait ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    Woken,
    /// `validate` said no: the word had changed already.
    Invalid,
    TimedOut,
}

/// Sleeps until [`unpark_one`] or [`unpark_all`] on `address`, if `validate` holds once the bucket is locked.
pub fn park(address: usize, validate: impl FnOnce() -> bool) {
    let _ = park_until(address, None, validate);
}

/// As [`park`], with a deadline.
pub fn park_until(address: usize, deadline: Option<Instant>, validate: impl FnOnce() -> bool) -> Parked {
    let waiter = {
        let mut queue = bucket(address);
        if !validate() {
            return Parked::Invalid;
        }
        let waiter = Arc::new(Waiter { address, woken: Mutex::new(false), signal: Condvar::new() });
        queue.push(waiter.clone());
        waiter
    };
    let mut woken = waiter.woken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    loop {
        if *woken {
            return Parked::Woken;
        }
        match deadline {
            None => woken = waiter.signal.wait(woken).unwrap_or_else(|poisoned| poisoned.into_inner()),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    drop(woken);
                    let mut queue = bucket(address);
                    let before = queue.len();
                    queue.retain(|other| !Arc::ptr_eq(other, &waiter));
                    // Taken off the queue by a waker in the meantime: that wake-up is ours.
                    return if queue.len() == before { Parked::Woken } else { Parked::TimedOut };
                }
                woken = waiter.signal.wait_timeout(woken, left).map_or_else(|poisoned| poisoned.into_inner().0, |pair| pair.0);
            }
        }
    }
}

/// Wakes the longest-waiting thread of `address`. `before` runs with the bucket locked and is told whether more wait.
pub fn unpark_one(address: usize, before: impl FnOnce(bool)) {
    let mut queue = bucket(address);
    let first = queue.iter().position(|waiter| waiter.address == address);
    let chosen = first.map(|at| queue.remove(at));
    before(queue.iter().any(|waiter| waiter.address == address));
    drop(queue);
    if let Some(waiter) = chosen {
        wake(&waiter);
    }
}

/// Wakes all threads of `address`.
pub fn unpark_all(address: usize) {
    let mut chosen = Vec::new();
    bucket(address).retain(|waiter| {
        let mine = waiter.address == address;
        if mine {
            chosen.push(waiter.clone());
        }
        !mine
    });
    for waiter in chosen {
        wake(&waiter);
    }
}

fn wake(waiter: &Waiter) {
    *waiter.woken.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
    waiter.signal.notify_one();
}

/// In the child after `fork`: no other thread exists, so no bucket is locked by a living one and nobody waits.
pub fn reset_after_fork() {
    std::sync::atomic::fence(StdOrdering::SeqCst);
    for slot in &BUCKETS {
        // SAFETY: the only thread of the process runs this; the mutex and the vector may be in any state, so they are
        // overwritten without being dropped.
        unsafe { slot.reset(Mutex::new(Vec::new())) };
    }
}
