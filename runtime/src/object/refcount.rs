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
//! A *deferred* object ([`FLAG_DEFERRED`]) may also be used by words on stacks that own no count, and threads keep their
//! changes to its count to themselves for a while (memory/deltas.rs). Its shared count stands [`BIAS`] above the true one,
//! so that no sum of part of the changes comes near zero; whether it is dead is found out in a stopped world alone
//! (memory/zero_counts.rs). An object is born deferred, or promoted by a thread that has lost a race for its count while
//! holding a reference: first comes the bias, then the flag. A deferred object has no owner, or gets none as soon as the
//! owner merges.
//!
//! States only move up. The true count is `local_refs + shared - (entries in the merge queue)`; the shared count is
//! never below zero, since a foreign release that would make it so queues the object instead (PROTOCOLS M6).
//! The owner frees without an atomic only while the whole shared word is zero; every other death is one CAS.

use super::header::{DEAD, FLAG_DEFERRED, Header, OWNER_IMMORTAL, OWNER_NONE, STICKY};
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
/// What the shared count of a deferred object holds besides its references.
pub const BIAS: u32 = 1 << 26;
/// `shared_refs` of an object that is born deferred, with one reference.
pub const BORN_DEFERRED: u32 = ((BIAS + 1) << 2) | MERGED;

/// Whether the shared word is that of a deferred object, or of one that is just being promoted. No other object has so
/// many references: it is not promoted then.
fn is_biased(word: u32) -> bool {
    word >> 2 >= BIAS / 2
}

/// What became of the object when a reference was given back.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRelease {
    Alive,
    /// Nobody can reach it any more: the caller frees it.
    Dead,
    /// The caller must put the object on its owner's merge list; the list then owns the reference.
    QueueForOwner,
    /// The object is deferred, and as far as this thread can see nothing refers to it: the caller puts it on the list of
    /// those to be looked at.
    ZeroCount,
    /// Another thread came in between; nothing has been given back. The caller goes on with [`promote_and_release`], or
    /// with [`release_contended`] if the object is not to be deferred.
    Contended,
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
pub fn retain_shared(object: &Header) {
    // Relaxed: a reference is held already, so nothing needs to be ordered before this one.
    if object.shared_refs.load(Ordering::Relaxed) < SHARED_STICKY {
        object.shared_refs.fetch_add(SHARED_ONE, Ordering::Relaxed);
    }
}

/// Takes one more reference if that needs no atomic operation: the object is the caller's own or immortal.
#[inline(always)]
pub fn retain_own(object: &Header, me: u16) -> bool {
    if !FREE_THREADED {
        retain(object, me);
        return true;
    }
    // Relaxed: see `retain`.
    let owner = object.owner.load(Ordering::Relaxed);
    if owner == me {
        let refs = object.local_refs.load(Ordering::Relaxed);
        if refs < STICKY {
            object.local_refs.store(refs + 1, Ordering::Relaxed);
        }
        return true;
    }
    owner == OWNER_IMMORTAL
}

/// Gives one reference back if the object is the caller's own or immortal; none: nothing has happened.
#[inline(always)]
pub fn release_own(object: &Header, me: u16) -> Option<AfterRelease> {
    if FREE_THREADED {
        // Relaxed: see `retain`.
        let owner = object.owner.load(Ordering::Relaxed);
        if owner != me && owner != OWNER_IMMORTAL {
            return None;
        }
    }
    Some(release(object, me))
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
            Ok(_) if total <= 0 => return AfterRelease::Dead,
            Ok(_) if is_biased(merged) && merged >> 2 <= BIAS => return AfterRelease::ZeroCount,
            Ok(_) => return AfterRelease::Alive,
            Err(now) => word = now,
        }
    }
}

/// A thread that is not the owner gives a reference back.
#[inline(never)]
pub fn release_shared(object: &Header) -> AfterRelease {
    release_shared_once(object).unwrap_or(AfterRelease::Contended)
}

/// As [`release_shared`] until it is done.
pub fn release_contended(object: &Header) -> AfterRelease {
    loop {
        if let Some(after) = release_shared_once(object) {
            return after;
        }
    }
}

/// Makes an object deferred that threads contend for, and gives the caller's reference back.
#[cold]
pub fn promote_and_release(object: &Header) -> AfterRelease {
    if !object.is_deferred() && promote(object) {
        return AfterRelease::QueueForOwner;
    }
    release_contended(object)
}

/// None: another thread changed the count in between.
#[inline(always)]
fn release_shared_once(object: &Header) -> Option<AfterRelease> {
    // Relaxed: the exchange below orders.
    let word = object.shared_refs.load(Ordering::Relaxed);
    if word >= SHARED_STICKY {
        return Some(AfterRelease::Alive);
    }
    let state = word & STATE_MASK;
    let next = if word < SHARED_ONE {
        if state == MERGED {
            // A merged object at zero is dead already; only a double release gets here.
            debug_assert!(false, "release of a dead object");
            return Some(AfterRelease::Alive);
        }
        QUEUED
    } else {
        word - SHARED_ONE
    };
    // AcqRel: this thread's accesses come before a later free, and a free here sees those of all others.
    match object.shared_refs.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed) {
        Ok(_) if word < SHARED_ONE => Some(AfterRelease::QueueForOwner),
        Ok(_) if next == MERGED => Some(AfterRelease::Dead),
        Ok(_) if is_biased(next) && next >> 2 <= BIAS => Some(AfterRelease::ZeroCount),
        Ok(_) => Some(AfterRelease::Alive),
        Err(_) => None,
    }
}

/// The caller holds a reference; true if that now belongs to an entry of the owner's merge queue, which the caller makes.
fn promote(object: &Header) -> bool {
    // Relaxed: the exchange below orders.
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        // Without a shared count the last release could come before the bias; with the bias another thread has done it.
        if word < SHARED_ONE || is_biased(word) {
            return false;
        }
        let asks_owner = word & STATE_MASK < QUEUED;
        let state = if asks_owner { QUEUED } else { word & STATE_MASK };
        let next = ((word & !STATE_MASK) + (BIAS << 2)) | state;
        // AcqRel: from here on no release finds a count of zero; only then may others see the flag.
        match object.shared_refs.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => {
                object.set_flag(FLAG_DEFERRED);
                return asks_owner;
            }
            Err(now) => word = now,
        }
    }
}

/// Adds a thread's changes to the count of a deferred object. True if that now looks like zero: then the object is to be
/// looked at in a stopped world, when all threads' changes are known.
pub fn apply(object: &Header, delta: i64) -> bool {
    let mut word = object.shared_refs.load(Ordering::Relaxed);
    loop {
        if word >= SHARED_STICKY {
            return false;
        }
        let count = (i64::from(word >> 2) + delta).clamp(0, i64::from(STICKY)) as u32;
        let next = (count << 2) | (word & STATE_MASK);
        // Release: this thread's accesses come before a free that a stopped world decides.
        match object.shared_refs.compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return count <= BIAS,
            Err(now) => word = now,
        }
    }
}

/// In a stopped world, when all changes have been applied: the number of references of a deferred object.
pub fn settled_count(object: &Header) -> i64 {
    // Relaxed: the world is stopped.
    i64::from(object.shared_refs.load(Ordering::Relaxed) >> 2) - i64::from(BIAS) + i64::from(object.local_refs.load(Ordering::Relaxed))
}

/// In a stopped world: makes an object to which nothing refers an ordinary one with a single reference, the caller's.
pub fn undefer(object: &Header) {
    object.clear_flag(FLAG_DEFERRED);
    // Relaxed: the world is stopped.
    object.local_refs.store(0, Ordering::Relaxed);
    object.owner.store(OWNER_NONE, Ordering::Relaxed);
    object.shared_refs.store(SHARED_ONE | MERGED, Ordering::Relaxed);
}

/// Makes a dead object, which the caller has to itself, live again with one reference of the caller.
pub fn revive(object: &Header) {
    // Relaxed: the object was dead.
    if FREE_THREADED && object.owner.load(Ordering::Relaxed) == OWNER_NONE {
        object.shared_refs.store(SHARED_ONE | MERGED, Ordering::Relaxed);
    } else {
        object.local_refs.store(1, Ordering::Relaxed);
    }
}

/// An entry of a merge queue is worked off: by the owner, by whoever has claimed its idle slot, or in a stopped world.
pub fn merge_queued(object: &Header) -> AfterRelease {
    // Acquire: pairs with the Release of the store of `OWNER_NONE` in `merge`.
    if object.owner.load(Ordering::Acquire) == OWNER_NONE {
        return release_contended(object);
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
        // Release: a stale reader that takes a reference to what is in the block now (`try_retain`) sees that its slot holds
        // something else.
        match object.shared_refs.compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed) {
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
            // Release: as in `retain_foreign`.
            match object.shared_refs.compare_exchange_weak(word, word | MAYBE_SHARED, Ordering::Release, Ordering::Relaxed)
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
    // The count of a deferred object, which may be in use without a count, is biased.
    FREE_THREADED && object.shared_refs.load(Ordering::Acquire) == (SHARED_ONE | MERGED)
}

/// Whether only the calling thread has references to the object, and no other can take one: what it changes nobody sees.
#[inline(always)]
pub fn is_private(object: &Header, me: u16) -> bool {
    // Relaxed: a thread that gets a reference later gets it from this one.
    !FREE_THREADED || (object.owner.load(Ordering::Relaxed) == me && object.shared_refs.load(Ordering::Relaxed) == 0)
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
    let word = object.shared_refs.load(Ordering::Relaxed);
    let bias = if is_biased(word) && word < SHARED_STICKY { i64::from(BIAS) } else { 0 };
    i64::from(local) + i64::from(word >> 2) - bias
}
