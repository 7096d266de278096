//! A lock that its holder may take again: what `_thread.RLock` is made of, and the locks of native state that Python
//! code runs under (import, warnings).

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::sync::{AtomicU64, Ordering};
use pyrt_runtime::{PyResult, Thread};

use super::lock::RawLock;

/// `owner` and `count` are written by the holder only; others read `owner` to compare it with themselves.
pub struct RecursiveLock {
    pub(super) raw: RawLock,
    pub(super) owner: AtomicU64,
    pub(super) count: AtomicU64,
}

impl RecursiveLock {
    pub const fn new() -> RecursiveLock {
        RecursiveLock { raw: RawLock::new(), owner: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    pub(super) fn is_mine(&self, thread: &Thread) -> bool {
        self.owner.load(Ordering::Relaxed) == ident(thread)
    }

    pub fn is_held(&self) -> bool {
        self.raw.is_held()
    }

    /// The thread, which has just taken the raw lock, holds it `count` times.
    pub(super) fn take(&self, thread: &Thread, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        self.owner.store(ident(thread), Ordering::Relaxed);
    }

    /// Counts once more if the thread is the holder.
    pub(super) fn enter_again(&self, thread: &mut Thread) -> PyResult<bool> {
        if !self.is_mine(thread) {
            return Ok(false);
        }
        match self.count.load(Ordering::Relaxed).checked_add(1) {
            Some(count) => self.count.store(count, Ordering::Relaxed),
            None => return Err(thread.raise(&exc::OVERFLOW_ERROR, "Internal lock count overflowed")),
        }
        Ok(true)
    }

    /// Takes the lock, waiting detached.
    pub fn acquire(&self, thread: &mut Thread) -> PyResult<()> {
        if !self.enter_again(thread)? {
            self.raw.acquire_until(None, thread)?;
            self.take(thread, 1);
        }
        Ok(())
    }

    /// Gives it back once; false if the thread does not hold it.
    pub fn release(&self, thread: &Thread) -> bool {
        if !self.is_mine(thread) {
            return false;
        }
        match self.count.load(Ordering::Relaxed) {
            0 | 1 => self.leave(),
            count => self.count.store(count - 1, Ordering::Relaxed),
        }
        true
    }

    /// Gives it back wholly. Only for the holder.
    pub(super) fn leave(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        self.raw.release();
    }

    /// Nobody holds it, whoever did.
    pub(super) fn reset(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        self.raw.reset();
    }

    /// In the child after `fork`: nobody holds it but, perhaps, the thread that forked.
    pub fn reset_after_fork(&self, thread: &Thread) {
        if !self.is_mine(thread) {
            self.reset();
        }
    }
}

impl Default for RecursiveLock {
    fn default() -> Self {
        Self::new()
    }
}

fn ident(thread: &Thread) -> u64 {
    thread.shared.ident.load(Ordering::Relaxed)
}
