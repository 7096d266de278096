//! The lock behind the GIL: who holds it, who waits, and how a waiter gets it from a holder that goes on.
//!
//! # The words
//! The state is under a mutex. [`GilLock::held`] and [`GilLock::switches`] repeat parts of it for threads that look for some
//! microseconds before they sleep: hints, the mutex decides. The holder is known by its address, so that a waiter can ask it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, LeafCondvar, LeafMutex, Ordering, const_unless_loom};

/// What holds the lock: can be asked to let it go.
pub trait Holder {
    fn ask_for_gil(&self);
}

struct State {
    held: bool,
    /// Grows at each acquisition by another thread than the last.
    switches: u64,
    last: usize,
    waiting: usize,
}

pub struct GilLock<H> {
    state: LeafMutex<State>,
    released: LeafCondvar,
    switched: LeafCondvar,
    holder: AtomicPtr<H>,
    held: AtomicBool,
    switches: AtomicU64,
}

/// Looks at a word before a waiter sleeps: some ten microseconds.
const SPIN_LIMIT: u32 = if cfg!(loom) { 0 } else { 4000 };

/// Waits for a moment until `is_done`, where another processor can bring it about.
fn spin_until(is_done: impl Fn() -> bool) {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    if *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from)) > 1 {
        let _ = (0..SPIN_LIMIT).any(|_| {
            crate::sync::spin_hint();
            is_done()
        });
    }
}

/// In models a thread that has waited has waited long enough.
fn is_over(deadline: Instant) -> bool {
    cfg!(loom) || Instant::now() >= deadline
}

impl<H: Holder> GilLock<H> {
    const_unless_loom! {
        pub fn new() -> GilLock<H> {
            GilLock {
                state: LeafMutex::new(State { held: false, switches: 0, last: 0, waiting: 0 }),
                released: LeafCondvar::new(),
                switched: LeafCondvar::new(),
                holder: AtomicPtr::new(std::ptr::null_mut()),
                held: AtomicBool::new(false),
                switches: AtomicU64::new(0),
            }
        }
    }

    /// Takes the lock for `me`. A holder that has had it for `interval` is asked to let it go.
    pub fn acquire(&self, me: &'static H, interval: Duration) {
        let mut state = self.state.lock();
        state.waiting += 1;
        if state.held {
            let mut switches = state.switches;
            let mut deadline = Instant::now() + interval;
            while state.held {
                // In slices, since a brief release wakes nobody.
                let left = deadline.saturating_duration_since(Instant::now());
                let _ = self.released.wait_for(&mut state, left.min(interval / 4).max(Duration::from_micros(50)));
                if state.switches != switches {
                    // Another thread has it now: it has its interval.
                    switches = state.switches;
                    deadline = Instant::now() + interval;
                } else if state.held && is_over(deadline) {
                    let holder = self.holder.load(Ordering::Relaxed);
                    if !holder.is_null() {
                        // SAFETY: holders are never freed.
                        unsafe { (*holder).ask_for_gil() };
                        drop(state);
                        // Relaxed: a hint; the mutex decides.
                        spin_until(|| !self.held.load(Ordering::Relaxed));
                        state = self.state.lock();
                    }
                    deadline = Instant::now() + interval;
                }
            }
        }
        state.waiting -= 1;
        state.held = true;
        self.held.store(true, Ordering::Relaxed);
        let address = std::ptr::from_ref(me).addr();
        if state.last != address {
            state.last = address;
            state.switches += 1;
            self.switches.store(state.switches, Ordering::Relaxed);
            self.switched.notify_all();
        }
        self.holder.store(std::ptr::from_ref(me).cast_mut(), Ordering::Relaxed);
    }

    /// Gives the lock up. After a brief release nobody is woken: the thread wants it back within microseconds, before who
    /// sleeps could take it; should it take longer, waiters look in a fraction of the interval.
    pub fn release(&self, is_brief: bool) {
        let mut state = self.state.lock();
        state.held = false;
        self.held.store(false, Ordering::Relaxed);
        self.holder.store(std::ptr::null_mut(), Ordering::Relaxed);
        drop(state);
        if !is_brief {
            self.released.notify_one();
        }
    }

    /// The number of switches so far, if somebody waits.
    pub fn switches_if_wanted(&self) -> Option<u64> {
        let state = self.state.lock();
        (state.waiting > 0).then_some(state.switches)
    }

    /// Waits, after a release, until another thread has had the lock: without this the releasing thread would often win it
    /// again at once.
    pub fn wait_for_switch(&self, switches: u64, interval: Duration) {
        // Relaxed: a hint; the mutex decides.
        spin_until(|| self.switches.load(Ordering::Relaxed) != switches);
        let mut state = self.state.lock();
        while state.waiting > 0 && state.switches == switches {
            let _ = self.switched.wait_for(&mut state, interval);
        }
    }
}
