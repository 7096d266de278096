//! A lock that its holder may take again, for native state that Python code runs under (import, warnings).

use pyrt_runtime::sync::{AtomicU64, Ordering};
use pyrt_runtime::{PyResult, Thread};

use super::lock::RawLock;

/// `owner` and `count` are written by the holder only; others read `owner` to compare it with themselves.
pub struct RecursiveLock {
    raw: RawLock,
    owner: AtomicU64,
    count: AtomicU64,
}

impl RecursiveLock {
    pub const fn new() -> RecursiveLock {
        RecursiveLock { raw: RawLock::new(), owner: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    fn is_mine(&self, thread: &Thread) -> bool {
        self.owner.load(Ordering::Relaxed) == thread.shared.ident.load(Ordering::Relaxed)
    }

    pub fn is_held(&self) -> bool {
        self.owner.load(Ordering::Relaxed) != 0
    }

    /// Takes the lock, waiting detached.
    pub fn acquire(&self, thread: &mut Thread) -> PyResult<()> {
        if self.is_mine(thread) {
            self.count.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.raw.acquire_until(None, thread)?;
        self.owner.store(thread.shared.ident.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    /// Gives it back once; false if the thread does not hold it.
    pub fn release(&self, thread: &Thread) -> bool {
        if !self.is_mine(thread) {
            return false;
        }
        if self.count.load(Ordering::Relaxed) > 0 {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return true;
        }
        self.owner.store(0, Ordering::Relaxed);
        self.raw.release()
    }

    /// In the child after `fork`: nobody holds it but, perhaps, the thread that forked.
    pub fn reset_after_fork(&self, thread: &Thread) {
        if !self.is_mine(thread) {
            self.owner.store(0, Ordering::Relaxed);
            self.count.store(0, Ordering::Relaxed);
            self.raw.reset();
        }
    }
}

impl Default for RecursiveLock {
    fn default() -> Self {
        Self::new()
    }
}
