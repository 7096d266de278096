//! A lock word that threads wait for by address: of `threading.Lock` and of natives.
//!
//! Free, held, or contended: held, and threads may be parked on the word's address. Taking a free lock and giving back one
//! that nobody waits for is one atomic instruction. Who has been woken takes the lock like any other, but as a contended
//! one: it does not know whether others wait.

use std::time::Instant;

use pyrt_runtime::sync::{AtomicU64, Ordering, const_unless_loom};
use pyrt_runtime::threads::parking::{self, Parked};

const FREE: u64 = 0;
const HELD: u64 = 1;
const CONTENDED: u64 = 2;

/// How a wait for a lock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Taken,
    TimedOut,
    Interrupted,
}

/// A lock word that a thread can wait for.
pub struct RawLock {
    word: AtomicU64,
}

impl Default for RawLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RawLock {
    const_unless_loom! {
        pub fn new() -> RawLock {
            RawLock { word: AtomicU64::new(FREE) }
        }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    pub fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed) != FREE
    }

    pub fn try_acquire(&self) -> bool {
        // Acquire: sees what the last holder did.
        self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock as one that others may wait for. The main thread gives `has_signal`: then a signal ends the wait.
    pub fn wait(&self, deadline: Option<Instant>, has_signal: Option<impl Fn() -> bool>) -> Waited {
        loop {
            if self.word.swap(CONTENDED, Ordering::Acquire) == FREE {
                return Waited::Taken;
            }
            let is_contended = || self.word.load(Ordering::Relaxed) == CONTENDED;
            let parked = match &has_signal {
                Some(has_signal) => parking::park_main(self.address(), deadline, has_signal, is_contended),
                None => parking::park_until(self.address(), deadline, is_contended),
            };
            match parked {
                Parked::Woken | Parked::Invalid => {}
                Parked::TimedOut if self.word.swap(CONTENDED, Ordering::Acquire) == FREE => return Waited::Taken,
                Parked::TimedOut => return Waited::TimedOut,
                Parked::Interrupted => return Waited::Interrupted,
            }
        }
    }

    /// Gives the lock back; false if it was free.
    pub fn release(&self) -> bool {
        // Release: the next holder sees what this one did.
        match self.word.swap(FREE, Ordering::Release) {
            FREE => false,
            HELD => true,
            _ => {
                parking::unpark_one(self.address(), |_| ());
                true
            }
        }
    }

    /// In the child after `fork`: nobody holds it.
    pub fn reset(&self) {
        self.word.store(FREE, Ordering::Relaxed);
    }
}
