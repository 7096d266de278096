//! Taking and giving back references as the calling thread: its own objects without atomics, deferred ones by the thread's
//! table (memory/deltas.rs), all others by the shared count.

use crate::memory::deltas;
use crate::object::header::Header;
use crate::object::lifetime::follow_release;
use crate::object::refcount::{self, AfterRelease};
use crate::object::value::Value;
use crate::threads::thread_state;

/// # Safety
/// `value` is an unmarked pointer to a live object.
#[inline(always)]
pub unsafe fn retain_pointer(value: Value) {
    // SAFETY: the caller's obligation.
    let header = unsafe { &*value.header() };
    if !refcount::retain_own(header, thread_state::slot_id()) && !deltas::retain(header) {
        refcount::retain_shared(header);
    }
}

/// # Safety
/// `value` is an unmarked pointer in a slot whose container's lock is held.
#[inline]
pub unsafe fn retain_foreign_pointer(value: Value) {
    // SAFETY: the caller's obligation.
    let header = unsafe { &*value.header() };
    if !refcount::FREE_THREADED || !deltas::retain(header) {
        refcount::retain_foreign(header, thread_state::slot_id());
    }
}

/// Whether nobody but the calling thread can use the object.
#[inline(always)]
pub fn is_private(header: &Header) -> bool {
    refcount::is_private(header, thread_state::slot_id())
}

/// Tries to take a reference to what a heap slot held a moment ago.
#[inline(always)]
pub fn try_retain_pointer(value: Value) -> bool {
    // SAFETY: header words of object blocks stay readable until a memory grace period is over.
    let header = unsafe { &*value.header() };
    // What is in the table is alive.
    (refcount::FREE_THREADED && deltas::retain(header)) || refcount::try_retain(header, thread_state::slot_id())
}

/// Takes a reference to what a heap slot held a moment ago, if that needs no atomic operation.
#[inline(always)]
pub fn try_retain_own_pointer(value: Value) -> bool {
    // SAFETY: header words of object blocks stay readable until a memory grace period is over.
    refcount::try_retain_own(unsafe { &*value.header() }, thread_state::slot_id())
}

/// Gives back one reference; frees the object if it was the last.
///
/// # Safety
/// `value` is an unmarked pointer and the caller owns one count.
#[inline(always)]
pub unsafe fn release_pointer(value: Value) {
    // SAFETY: the caller's obligation.
    let header = unsafe { &*value.header() };
    match refcount::release_own(header, thread_state::slot_id()) {
        Some(AfterRelease::Alive) => {}
        // SAFETY: what the counts said.
        Some(after) => unsafe { follow_release(value, after) },
        None => release_foreign(value),
    }
}

/// Gives back a reference to an object that is not this thread's own.
#[inline(never)]
fn release_foreign(value: Value) {
    // SAFETY: the reference keeps the object alive.
    let header = unsafe { &*value.header() };
    if header.is_deferred() {
        return deltas::release(header);
    }
    // SAFETY: what the counts said.
    unsafe { follow_release(value, refcount::release_shared(header)) };
}

/// Gives one reference back if that cannot be the last and sets nothing off; false: nothing has happened.
///
/// # Safety
/// As for [`release_pointer`].
#[inline(always)]
pub unsafe fn release_unless_last(value: Value) -> bool {
    // SAFETY: the caller's obligation.
    refcount::release_unless_last(unsafe { &*value.header() }, thread_state::slot_id())
}
