//! The global interpreter lock: always in `pyrt`, in `pyrt-t` only with `-X gil=1` or `PYTHON_GIL=1`.
//!
//! A waiter waits for the switch interval; if the holder has not changed by then it sets `REQUEST_GIL` in the holder's
//! word, and the holder drops the lock at its next safepoint and waits until another thread has had it (forced
//! switching, as in CPython since 3.2). At the hand-over both look for each other for some microseconds before they sleep:
//! a processor that has gone to sleep takes longer to wake than the whole hand-over takes. The lock itself is in
//! threads/gil_lock.rs.

use std::time::Duration;

use crate::object::refcount::FREE_THREADED;
use crate::sync::{AtomicBool, AtomicU64, Ordering, Resettable};
use crate::threads::gil_lock::{GilLock, Holder};
use crate::threads::thread_state::{REQUEST_GIL, Thread, ThreadShared};

impl Holder for ThreadShared {
    fn ask_for_gil(&self) {
        self.request(REQUEST_GIL);
    }
}

static LOCK: Resettable<GilLock<ThreadShared>> = Resettable::new(GilLock::new());
static ENABLED: AtomicBool = AtomicBool::new(!FREE_THREADED);
/// Microseconds between forced switches.
static INTERVAL: AtomicU64 = AtomicU64::new(5000);

/// Whether a GIL is in force (`sys._is_gil_enabled()`).
#[inline(always)]
pub fn is_enabled() -> bool {
    // Relaxed: set before the first thread attaches.
    !FREE_THREADED || ENABLED.load(Ordering::Relaxed)
}

/// Turns the GIL on in `pyrt-t`. Before the first thread attaches.
pub fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

pub fn switch_interval() -> Duration {
    Duration::from_micros(INTERVAL.load(Ordering::Relaxed))
}

pub fn set_switch_interval(interval: Duration) {
    INTERVAL.store((interval.as_micros() as u64).max(1), Ordering::Relaxed);
}

/// Takes the GIL, where there is one.
pub fn acquire(thread: &mut Thread) {
    if is_enabled() {
        LOCK.acquire(thread.shared, switch_interval());
    }
}

/// Gives the GIL up, where there is one; briefly if the thread wants it back within microseconds.
pub fn release(is_brief: bool) {
    if is_enabled() {
        LOCK.release(is_brief);
    }
}

/// At a safepoint with `REQUEST_GIL` set: lets another thread have the lock.
pub fn yield_to_waiter(thread: &mut Thread) {
    thread.shared.requests.fetch_and(!REQUEST_GIL, Ordering::Relaxed);
    if !is_enabled() {
        return;
    }
    let Some(switches) = LOCK.switches_if_wanted() else { return };
    super::thread_state::detach(thread);
    LOCK.wait_for_switch(switches, switch_interval());
    super::thread_state::attach(thread);
}

/// In the child after `fork`: only this thread exists, and it held the GIL.
pub fn reset_after_fork(thread: &Thread) {
    // SAFETY: no other thread exists; the lock is overwritten, whatever state it was in.
    unsafe { LOCK.reset(GilLock::new()) };
    if is_enabled() {
        LOCK.acquire(thread.shared, switch_interval());
    }
}
