//! Grace periods: which readers may still look at memory that has been unlinked (QSBR).
//!
//! # The words
//! * [`Periods`]: the number of the current period; only grows.
//! * A thread's own word: the period that it last acknowledged, at a moment when it used nothing that it had found before;
//!   [`DETACHED`] while it reads nothing at all.
//!
//! # Why it is enough
//! Who unlinks memory asks for its *goal*, a period that has not begun, and frees it when every thread has acknowledged that
//! period or is detached. Both sides pass a fence between their two steps: the one between the unlinking and the look at the
//! period, the other between the look at the period (which it acknowledges) and whatever it reads next. So a thread that
//! has acknowledged the goal either did so after the unlinking could be seen, or the period that it saw is seen by who
//! unlinks too, and the goal is a later one. In the same way a thread that attaches is seen by who frees, or finds the
//! memory unlinked.

use crate::sync::{AtomicU64, Ordering, const_unless_loom, fence};

/// The word of a detached thread.
pub const DETACHED: u64 = u64::MAX;

/// The number of the current period.
pub struct Periods(AtomicU64);

impl Periods {
    const_unless_loom! {
        pub fn new() -> Periods {
            Periods(AtomicU64::new(1))
        }
    }

    /// The period that must be acknowledged before what the caller has just unlinked is freed.
    #[inline]
    pub fn goal(&self) -> u64 {
        // SeqCst: the unlinking comes before the look at the period; pairs with the fence in `acknowledge`.
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) + 1
    }

    /// Starts a new period. The caller then asks for it to be acknowledged.
    pub fn advance(&self) {
        // SeqCst: a thread that attaches after it is not asked has read the new period.
        self.0.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The thread uses nothing that it found earlier.
    #[inline]
    pub fn acknowledge(&self, own: &AtomicU64) {
        let period = self.0.load(Ordering::Relaxed);
        // Release: the reads so far stay before it.
        own.store(period, Ordering::Release);
        // SeqCst: what is read from here on is read after the period; pairs with the fence in `goal`.
        fence(Ordering::SeqCst);
    }

    /// The thread becomes able to read shared memory.
    #[inline]
    pub fn attach(&self, own: &AtomicU64) {
        // Release: who sees the period instead of the detaching before it sees the reads before that done, too.
        own.store(self.0.load(Ordering::Relaxed), Ordering::Release);
        // SeqCst: the announcement comes before any read; pairs with the fence in `oldest`.
        fence(Ordering::SeqCst);
    }

    /// The thread stops reading shared memory.
    #[inline]
    pub fn detach(own: &AtomicU64) {
        // Release: all reads come before.
        own.store(DETACHED, Ordering::Release);
    }

    /// The oldest period in which some thread may still be reading. `for_each` shows the words of all threads.
    pub fn oldest(&self, for_each: impl FnOnce(&mut dyn FnMut(&AtomicU64))) -> u64 {
        // SeqCst: pairs with the fence in `attach`.
        fence(Ordering::SeqCst);
        let mut oldest = self.0.load(Ordering::Relaxed);
        // Acquire: pairs with the Release in `acknowledge` and `detach`.
        for_each(&mut |own| oldest = oldest.min(own.load(Ordering::Acquire)));
        oldest
    }
}

/// What waits for a grace period to end, in the order of the goals.
pub struct RetireList<T> {
    entries: Vec<(u64, T)>,
    bytes: usize,
}

impl<T> RetireList<T> {
    pub const fn new() -> RetireList<T> {
        RetireList { entries: Vec::new(), bytes: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry; says how many there are now and how many bytes they stand for.
    pub fn push(&mut self, goal: u64, entry: T, bytes: usize) -> (usize, usize) {
        self.entries.push((goal, entry));
        self.bytes += bytes;
        (self.entries.len(), self.bytes)
    }

    /// Takes out what no thread can be reading any more.
    pub fn take_ready(&mut self, oldest: u64) -> Vec<T> {
        let n = self.entries.iter().take_while(|(goal, _)| *goal <= oldest).count();
        let ready = self.entries.drain(..n).map(|(_, entry)| entry).collect();
        if self.entries.is_empty() {
            self.bytes = 0;
        }
        ready
    }

    /// Takes everything out, with its goals.
    pub fn take_all(&mut self) -> Vec<(u64, T)> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }
}
