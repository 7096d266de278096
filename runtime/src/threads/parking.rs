//! Parking by address: threads wait for a word to change without the word holding a queue.
//!
//! Our own, not `parking_lot_core`'s, because the buckets are reset in the child after `fork`, and because a signal
//! handler can wake the main thread out of a wait ([`interrupt_main`]).
//!
//! # Who may touch what
//! * A waiter's word: the waker writes it while it holds the bucket's lock and the waiter is queued; so a thread that has
//!   found itself out of the queue may forget its word. The wake-up call itself may come later: a futex call on an
//!   address that nobody waits for (or that is gone) does nothing.
//! * [`MAIN_WORD`]: the main thread waits on it while a signal may end the wait; the signal handler writes it too.

#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

#[cfg(loom)]
use crate::sync::modelled::{Mutex, MutexGuard};
use crate::sync::{AtomicU32, Ordering};
#[cfg(not(loom))]
use crate::sync::{Resettable, fence};

/// Number of buckets; a prime, so that aligned addresses spread.
#[cfg(not(loom))]
const N_BUCKETS: usize = 251;

/// Nothing has happened yet.
const WAITING: u32 = 0;
/// A waker has taken the waiter off the queue.
const WOKEN: u32 = 1;
/// A signal has come.
const INTERRUPTED: u32 = 2;

struct Waiter {
    address: usize,
    word: *const AtomicU32,
}

// SAFETY: the word outlives the entry (see the module's invariants).
unsafe impl Send for Waiter {}

#[cfg(not(loom))]
static BUCKETS: [Resettable<Mutex<Vec<Waiter>>>; N_BUCKETS] = [const { Resettable::new(Mutex::new(Vec::new())) }; N_BUCKETS];

/// Where the main thread waits for a lock or for a signal.
#[cfg(not(loom))]
static MAIN_WORD: AtomicU32 = AtomicU32::new(WOKEN);

// In models all addresses share a bucket.
#[cfg(loom)]
loom::lazy_static! {
    static ref BUCKET: Mutex<Vec<Waiter>> = Mutex::new(Vec::new());
    static ref MAIN_WORD: AtomicU32 = AtomicU32::new(WOKEN);
}

fn main_word() -> &'static AtomicU32 {
    &MAIN_WORD
}

fn bucket(address: usize) -> MutexGuard<'static, Vec<Waiter>> {
    #[cfg(not(loom))]
    let bucket = &BUCKETS[(address >> 1) % N_BUCKETS];
    #[cfg(loom)]
    let (bucket, _) = (&*BUCKET, address);
    // A panic under a bucket lock is impossible; after a fork the child resets by `reset_after_fork`.
    bucket.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// How a wait ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    Woken,
    /// `validate` said no: the word had changed already.
    Invalid,
    TimedOut,
    /// A signal has come ([`park_main`] only).
    Interrupted,
}

/// Sleeps until [`unpark_one`] or [`unpark_all`] on `address`, if `validate` holds once the bucket is locked.
pub fn park(address: usize, validate: impl FnOnce() -> bool) {
    let _ = park_until(address, None, validate);
}

/// As [`park`], with a deadline.
pub fn park_until(address: usize, deadline: Option<Instant>, validate: impl FnOnce() -> bool) -> Parked {
    let word = AtomicU32::new(WAITING);
    park_on(&word, address, deadline, validate)
}

/// As [`park_until`], for the main thread: a signal ends the wait. `has_signal` tells whether one has come already.
pub fn park_main(address: usize, deadline: Option<Instant>, has_signal: impl FnOnce() -> bool, validate: impl FnOnce() -> bool) -> Parked {
    // SeqCst: either `has_signal` sees what the handler has noted, or the handler sees this thread waiting.
    main_word().store(WAITING, Ordering::SeqCst);
    let result = if has_signal() { Parked::Interrupted } else { park_on(main_word(), address, deadline, validate) };
    main_word().store(WOKEN, Ordering::SeqCst);
    result
}

/// Ends a wait of the main thread in [`park_main`]. Called from signal handlers: no locks, no allocation.
pub fn interrupt_main() {
    if main_word().compare_exchange(WAITING, INTERRUPTED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        futex_wake(main_word());
    }
}

fn park_on(word: &AtomicU32, address: usize, deadline: Option<Instant>, validate: impl FnOnce() -> bool) -> Parked {
    {
        let mut queue = bucket(address);
        let is_valid = validate();
        #[cfg(loom)]
        let is_valid = is_valid || crate::sync::modelled::leaves_out("validation");
        if !is_valid {
            return Parked::Invalid;
        }
        queue.push(Waiter { address, word });
    }
    let early = loop {
        // Acquire: pairs with the Release of the waker.
        match word.load(Ordering::Acquire) {
            WAITING => {}
            WOKEN => return Parked::Woken,
            _ => break Parked::Interrupted,
        }
        if !futex_wait(word, deadline) {
            break Parked::TimedOut;
        }
    };
    let mut queue = bucket(address);
    let before = queue.len();
    queue.retain(|other| !std::ptr::eq(other.word, word));
    // Taken off the queue by a waker in the meantime: that wake-up is ours.
    #[cfg(loom)]
    if crate::sync::modelled::leaves_out("late wake-up") {
        return early;
    }
    if queue.len() == before { Parked::Woken } else { early }
}

/// Wakes the longest-waiting thread of `address`. `before` runs with the bucket locked and is told whether more wait.
pub fn unpark_one(address: usize, before: impl FnOnce(bool)) {
    let mut queue = bucket(address);
    let first = queue.iter().position(|waiter| waiter.address == address);
    let chosen = first.map(|at| queue.remove(at));
    before(queue.iter().any(|waiter| waiter.address == address));
    if let Some(waiter) = &chosen {
        mark_woken(waiter);
    }
    drop(queue);
    if let Some(waiter) = chosen {
        futex_wake(waiter.word);
    }
}

/// Wakes all threads of `address`.
pub fn unpark_all(address: usize) {
    let mut chosen = Vec::new();
    bucket(address).retain(|waiter| {
        let mine = waiter.address == address;
        if mine {
            mark_woken(waiter);
            chosen.push(waiter.word);
        }
        !mine
    });
    for word in chosen {
        futex_wake(word);
    }
}

/// With the bucket locked: the waiter's word is alive, because its thread takes the lock before it leaves uninvited.
fn mark_woken(waiter: &Waiter) {
    // SAFETY: as above. Release: the waiter sees what its waker did.
    unsafe { (*waiter.word).store(WOKEN, Ordering::Release) };
}

#[cfg(loom)]
use crate::sync::modelled::{futex_wait, futex_wake};

/// Waits while the word is [`WAITING`]; false when the time is over.
#[cfg(not(loom))]
fn futex_wait(word: &AtomicU32, deadline: Option<Instant>) -> bool {
    let timeout = match deadline {
        None => None,
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            Some(libc::timespec { tv_sec: left.as_secs().min(i64::MAX as u64) as i64, tv_nsec: i64::from(left.subsec_nanos()) })
        }
    };
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word and the time are alive during the call; any outcome leads to another look at the word.
    unsafe { libc::syscall(libc::SYS_futex, std::ptr::from_ref(word), operation, WAITING, timeout) };
    true
}

#[cfg(not(loom))]
fn futex_wake(word: *const AtomicU32) {
    // SAFETY: only the address counts for the call; it fails where nothing is mapped.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

/// In the child after `fork`: no other thread exists, so no bucket is locked by a living one and nobody waits.
#[cfg(not(loom))]
pub fn reset_after_fork() {
    fence(Ordering::SeqCst);
    for slot in &BUCKETS {
        // SAFETY: the only thread of the process runs this; the mutex and the vector may be in any state, so they are
        // overwritten without being dropped.
        unsafe { slot.reset(Mutex::new(Vec::new())) };
    }
    MAIN_WORD.store(WOKEN, Ordering::SeqCst);
}
