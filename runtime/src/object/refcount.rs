//! Reference counts: plain in `pyrt`, biased in `pyrt-t` (Choi, Shull, Torrellas 2018; PEP 703).
//!
//! # The words
//! `local_refs` counts the references of the owner, `shared_refs` holds those of all others in its upper 30 bits and
//! a state in the lower two. In `pyrt` only `local_refs` is used.
//!
//! | state | bits | meaning |
//! |---|---|---|
//! | unshared | 00 | nobody but the owner has tried to take a reference it did not already hold |
//! | maybe-shared | 01 | a foreign reader or a weak reference may try at any time |
//! | queued | 10 | the owner has been asked to merge |
//! | merged | 11 | `shared_refs` is the whole count, there is no owner |
//!
//! States only move up. The true count is `local_refs + shared - (entries in the merge queue)`; the shared count is
//! never below zero, since a foreign release that would make it so queues the object instead (PROTOCOLS M6).
//! The owner frees without an atomic only while the whole shared word is zero; every other death is one CAS.

use super::header::{DEAD, Header, OWNER_IMMORTAL, OWNER_NONE, STICKY};
use crate::sync::Ordering;

/// Whether this build has no global interpreter lock.
pub const FREE_THREADED: bool = cfg!(feature = "free-threaded");

/// One reference in `shared_refs`.
pub const SHARED_ONE: u32 = 4;
/// The state bits of `shared_refs`.
pub const STATE_MASK: u32 = 3;
pub const UNSHARED: u32 = 0;
pub const MAYBE_SHARED: u32 = 1;
pub const QUEUED: u32 = 2;
pub const MERGED: u32 = 3;
/// A shared count that has reached this is sticky.
const SHARED_STICKY: u32 = STICKY << 2;

/// What became of the object when a reference was given back.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRelease {
    Alive,
    /// Nobody can reach it any more: the caller frees it.
    Dead,
    /// The caller must put the object on its owner's merge list; the list then owns the reference.
    QueueForOwner,
}

/// Takes one more reference. The caller already holds one, or knows that one is held. `me` is the caller's heap slot.
#[inline(always)]
pub fn retain(object: &Header, me: u16) {
    if !FREE_THREADED {
        // Relaxed: the GIL orders all accesses.
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs < STICKY {
            object.local_refs.store(refs + 1, Ordering::Relaxed);
        }
        return;
    }
    // Relaxed: only this thread ever stores its own slot number here or takes it away.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me {
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs < STICKY {
            object.local_refs.store(refs + 1, Ordering::Relaxed);
        }
    } else if owner != OWNER_IMMORTAL {
        retain_shared(object);
    }
}

// Inline: a call would make every handler that may take a count save registers.
#[inline(always)]
fn retain_shared(object: &Header) {
    // Relaxed: a reference is held already, so nothing needs to be ordered before this one.
    if object.shared_refs.load(Ordering::Relaxed) < SHARED_STICKY {
        object.shared_refs.fetch_add(SHARED_ONE, Ordering::Relaxed);
    }
}

/// Gives one reference back. `me` is the caller's heap slot.
#[inline(always)]
pub fn release(object: &Header, me: u16) -> AfterRelease {
    if !FREE_THREADED {
        // Relaxed: the GIL orders all accesses.
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs >= STICKY {
            return AfterRelease::Alive;
        }
        object.local_refs.store(refs - 1, Ordering::Relaxed);
        return if refs == 1 { AfterRelease::Dead } else { AfterRelease::Alive };
    }
    // Relaxed: see `retain`.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me {
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs >= STICKY {
            return AfterRelease::Alive;
        }
        object.local_refs.store(refs - 1, Ordering::Relaxed);
        if refs != 1 {
            return AfterRelease::Alive;
        }
        return release_last_local(object);
    }
    if owner == OWNER_IMMORTAL {
        return AfterRelease::Alive;
    }
    release_shared(object)
}

/// Gives one reference back if that is a plain subtraction: not the last one, and not one of a foreign object. Otherwise
/// nothing happens.
#[inline(always)]
pub fn release_unless_last(object: &Header, me: u16) -> bool {
    if FREE_THREADED {
        // Relaxed: see `retain`.
        let owner = object.owner.load(Ordering::Relaxed);
        if owner != me {
            return owner == OWNER_IMMORTAL;
        }
    }
    // Relaxed: as in `release`.
    let refs = object.local_refs.load(Ordering::Relaxed);
    // One comparison for the usual case: neither the last reference nor a sticky count.
    if refs.wrapping_sub(2) < STICKY - 2 {
        object.local_refs.store(refs - 1, Ordering::Relaxed);
        return true;
    }
    refs != 1
}

/// The owner has given back its last reference.
#[inline]
fn release_last_local(object: &Header) -> AfterRelease {
    // Acquire: pairs with the Release of foreign releases, whose accesses to the object must be over before it is freed.
    if object.shared_refs.load(Ordering::Acquire) == 0 {
        return AfterRelease::Dead;
    }
    merge(object, 0)
}

/// Merges the counts: the object has no owner afterwards. `owed` references are taken off on the way. Called by the
/// owner, by whoever has claimed the owner's idle heap slot, or in a stopped world.
pub fn merge(object: &Header, owed: u32) -> AfterRelease {
    // Relaxed: `local_refs` belongs to the caller.
    let local = object.local_refs.load(Ordering::Relaxed);
    object.local_refs.store(0, Ordering::Relaxed);
    // Release, and before the state changes: who sees "merged" also sees that there is no owner.
    object.owner.store(OWNER_NONE, Ordering::Release);
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        let total = i64::from(word >> 2) + i64::from(local) - i64::from(owed);
        let total = if local >= STICKY || word >= SHARED_STICKY { i64::from(STICKY) } else { total };
        let merged = ((total.max(0) as u32).min(STICKY) << 2) | MERGED;
        // AcqRel: publishes the owner's accesses to who frees it later, and takes in those of foreign releases.
        match object.shared_refs.compare_exchange_weak(word, merged, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return if total <= 0 { AfterRelease::Dead } else { AfterRelease::Alive },
            Err(now) => word = now,
        }
    }
}

/// A thread that is not the owner gives a reference back.
#[inline(never)]
pub fn release_shared(object: &Header) -> AfterRelease {
    // Relaxed: the compare-exchange below orders.
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        if word >= SHARED_STICKY {
            return AfterRelease::Alive;
        }
        let state = word & STATE_MASK;
        let next = if word < SHARED_ONE {
            if state == MERGED {
                // A merged object at zero is dead already; only a double release gets here.
                debug_assert!(false, "release of a dead object");
                return AfterRelease::Alive;
            }
            QUEUED
        } else {
            word - SHARED_ONE
        };
        // AcqRel: this thread's accesses come before a later free, and a free here sees those of all others.
        match object.shared_refs.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) if word < SHARED_ONE => return AfterRelease::QueueForOwner,
            Ok(_) if next == MERGED => return AfterRelease::Dead,
            Ok(_) => return AfterRelease::Alive,
            Err(now) => word = now,
        }
    }
}

/// An entry of a merge queue is worked off: by the owner, by whoever has claimed its idle slot, or in a stopped world.
pub fn merge_queued(object: &Header) -> AfterRelease {
    // Acquire: pairs with the Release of the store of `OWNER_NONE` in `merge`.
    if object.owner.load(Ordering::Acquire) == OWNER_NONE {
        return release_shared(object);
    }
    merge(object, 1)
}

/// Takes a reference to an object just read from a slot, if that needs no atomic operation: it is this thread's own or
/// immortal. The slot need not be read again: an object of this thread is freed by this thread alone, at no point before
/// the next safepoint, and it held a count when the slot was read.
#[inline(always)]
pub fn try_retain_own(object: &Header, me: u16) -> bool {
    if !FREE_THREADED {
        retain(object, me);
        return true;
    }
    // Relaxed: see `retain`.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me {
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs == 0 {
            return false;
        }
        if refs < STICKY {
            object.local_refs.store(refs + 1, Ordering::Relaxed);
        }
        return true;
    }
    owner == OWNER_IMMORTAL
}

/// Tries to take a reference to an object read from a slot that another thread may be overwriting. On success the
/// caller re-reads the slot and gives the reference back if it has changed. Fails on unshared foreign objects: then the
/// reference is taken under the container's lock with [`retain_foreign`].
#[inline]
pub fn try_retain(object: &Header, me: u16) -> bool {
    if !FREE_THREADED {
        retain(object, me);
        return true;
    }
    // Relaxed: the owner's own view is exact; for others the shared word decides.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me {
        let refs = object.local_refs.load(Ordering::Relaxed);
        // A recycled block of this thread reads as owned only while it is alive.
        if refs == 0 {
            return false;
        }
        if refs < STICKY {
            object.local_refs.store(refs + 1, Ordering::Relaxed);
        }
        return true;
    }
    if owner == OWNER_IMMORTAL {
        return true;
    }
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        if word == UNSHARED || word == MERGED || word == DEAD {
            return false;
        }
        if word >= SHARED_STICKY {
            return true;
        }
        // Acquire: what the holder of the slot wrote to the object before publishing it is seen after this.
        match object.shared_refs.compare_exchange_weak(word, word + SHARED_ONE, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(now) => word = now,
        }
    }
}

/// Takes a reference from a slot whose container's lock is held, so that the object cannot go away, and marks the
/// object so that later readers need no lock.
pub fn retain_foreign(object: &Header, me: u16) {
    if !FREE_THREADED {
        return retain(object, me);
    }
    // Relaxed: see `retain`.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me || owner == OWNER_IMMORTAL {
        return retain(object, me);
    }
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        if word >= SHARED_STICKY {
            return;
        }
        let state = if word & STATE_MASK == UNSHARED { MAYBE_SHARED } else { word & STATE_MASK };
        let next = ((word & !STATE_MASK) + SHARED_ONE) | state;
        // Relaxed: a reference exists under the lock, whose acquisition orders.
        match object.shared_refs.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => word = now,
        }
    }
}

/// Marks an object so that foreign readers may try to take references: before a weak reference to it is published.
pub fn mark_maybe_shared(object: &Header) {
    if FREE_THREADED && !object.is_immortal() {
        let mut word = object.shared_refs.load(Ordering::Relaxed);
        while word & STATE_MASK == UNSHARED {
            // Relaxed: the caller holds a reference; the weak reference is published by its own store.
            match object.shared_refs.compare_exchange_weak(word, word | MAYBE_SHARED, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

/// Whether the caller's reference is the only one: it may change the object in place.
#[inline]
pub fn is_unique(object: &Header, me: u16) -> bool {
    // Relaxed for the owner's words; Acquire on the shared one: pairs with foreign releases.
    if object.local_refs.load(Ordering::Relaxed) == 1 {
        return !FREE_THREADED
            || (object.owner.load(Ordering::Relaxed) == me && object.shared_refs.load(Ordering::Acquire) == 0);
    }
    FREE_THREADED && object.shared_refs.load(Ordering::Acquire) == (SHARED_ONE | MERGED)
}

/// The number of references as far as it can be known without stopping other threads.
pub fn count(object: &Header) -> i64 {
    // Relaxed: a snapshot.
    let local = object.local_refs.load(Ordering::Relaxed);
    if object.is_immortal() {
        return i64::from(u32::MAX);
    }
    if !FREE_THREADED {
        return i64::from(local);
    }
    i64::from(local) + i64::from(object.shared_refs.load(Ordering::Relaxed) >> 2)
}
