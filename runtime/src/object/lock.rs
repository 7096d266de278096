//! The one-byte lock of every object (`pyrt-t`; in `pyrt` it compiles to nothing).
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | free |
//! | LOCKED | held, nobody waits |
//! | LOCKED, PARKED | held, threads are parked on the address |
//! | PARKED | free, threads are parked: the next unlock or the woken thread clears it |
//!
//! No Python code runs and no safepoint is passed while such a lock is held, so a waiter waits for a few hundred
//! instructions at most, unless the holder was descheduled; that is what parking is for.

use crate::object::refcount::FREE_THREADED;
use crate::sync::{AtomicU8, Ordering};
use crate::threads::parking;

/// The lock is held.
pub const LOCKED: u8 = 1;
/// Threads are parked on the lock's address; set and cleared only with the parking bucket locked.
pub const PARKED: u8 = 2;

/// Spins before a waiter parks.
const SPIN_LIMIT: u32 = 64;

/// Whether locks must be taken at all: not before a second thread has been started. The answer changes only at a
/// safepoint of this thread, and none is passed while a lock is held, so `acquire` and `release` agree.
#[inline(always)]
fn is_needed() -> bool {
    FREE_THREADED && crate::threads::thread_state::has_other_threads()
}

/// Locks the byte.
#[inline(always)]
pub fn acquire(byte: &AtomicU8) {
    if is_needed() {
        // Acquire: pairs with the Release in `release`.
        if byte.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            acquire_slow(byte);
        }
    }
}

/// Unlocks the byte, which the caller holds.
#[inline(always)]
pub fn release(byte: &AtomicU8) {
    if is_needed() {
        // Release: pairs with the Acquire in `acquire`.
        if byte.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            release_slow(byte);
        }
    }
}

/// Holds the lock of an object until it is dropped. Borrows the thread token, so that nothing that may run Python code
/// can be called meanwhile (PROTOCOLS M17).
pub struct ObjectGuard<'a> {
    header: &'a crate::object::header::Header,
    token: std::marker::PhantomData<&'a mut crate::threads::thread_state::Thread>,
}

impl crate::object::header::Header {
    /// Locks the object.
    #[inline(always)]
    pub fn lock<'a>(&'a self, _thread: &'a mut crate::threads::thread_state::Thread) -> ObjectGuard<'a> {
        acquire(&self.lock);
        ObjectGuard { header: self, token: std::marker::PhantomData }
    }

    /// Locks the object where the token is not at hand: a leaf section that calls nothing but loads and stores.
    #[inline(always)]
    pub fn lock_leaf(&self) -> ObjectGuard<'_> {
        acquire(&self.lock);
        ObjectGuard { header: self, token: std::marker::PhantomData }
    }
}

impl Drop for ObjectGuard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        release(&self.header.lock);
    }
}

#[cold]
fn acquire_slow(byte: &AtomicU8) {
    let mut spins = 0;
    loop {
        let now = byte.load(Ordering::Relaxed);
        if now & LOCKED == 0 {
            // Acquire: see `acquire`.
            if byte.compare_exchange_weak(now, now | LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return;
            }
            continue;
        }
        // In models a thread that spins would let the holder go on, and never park.
        if !cfg!(loom) && spins < SPIN_LIMIT {
            spins += 1;
            crate::sync::spin_hint();
            continue;
        }
        if now & PARKED == 0
            && byte.compare_exchange_weak(now, now | PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            continue;
        }
        // Sleeps only if the byte still reads as held with waiters once the bucket is locked: no wake-up is lost.
        parking::park(std::ptr::from_ref(byte) as usize, || byte.load(Ordering::Relaxed) == LOCKED | PARKED);
        spins = 0;
    }
}

#[cold]
fn release_slow(byte: &AtomicU8) {
    parking::unpark_one(std::ptr::from_ref(byte) as usize, |more| {
        // Release: see `release`. The bucket is locked, so PARKED cannot be set in between.
        byte.store(if more { PARKED } else { 0 }, Ordering::Release);
    });
}
