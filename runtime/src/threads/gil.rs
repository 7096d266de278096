//! The global interpreter lock: always in `pyrt`, in `pyrt-t` only with `-X gil=1` or `PYTHON_GIL=1`.
//!
//! A waiter waits for the switch interval; if the holder has not changed by then it sets `REQUEST_GIL` in the holder's
//! word, and the holder drops the lock at its next safepoint and waits until another thread has had it (forced
//! switching, as in CPython since 3.2). At the hand-over both look for each other for some microseconds before they sleep:
//! a processor that has gone to sleep takes longer to wake than the whole hand-over takes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::object::refcount::FREE_THREADED;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, LeafCondvar, LeafMutex, Ordering, Resettable};
use crate::threads::thread_state::{REQUEST_GIL, Thread, ThreadShared};

struct GilState {
    held: bool,
    /// Grows at each acquisition by another thread than the last.
    switches: u64,
    last: usize,
    waiting: usize,
}

static STATE: Resettable<LeafMutex<GilState>> =
    Resettable::new(LeafMutex::new(GilState { held: false, switches: 0, last: 0, waiting: 0 }));
static RELEASED: Resettable<LeafCondvar> = Resettable::new(LeafCondvar::new());
static SWITCHED: Resettable<LeafCondvar> = Resettable::new(LeafCondvar::new());
static HOLDER: AtomicPtr<ThreadShared> = AtomicPtr::new(std::ptr::null_mut());
static ENABLED: AtomicBool = AtomicBool::new(!FREE_THREADED);
/// Microseconds between forced switches.
static INTERVAL: AtomicU64 = AtomicU64::new(5000);

/// What `GilState` says, for those who look without the mutex.
static HELD: AtomicBool = AtomicBool::new(false);
static SWITCHES: AtomicU64 = AtomicU64::new(0);
/// Looks at a word before a waiter sleeps: some ten microseconds.
const SPIN_LIMIT: u32 = 4000;

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
    if !is_enabled() {
        return;
    }
    let me = std::ptr::from_ref(thread.shared).cast_mut();
    let mut state = STATE.lock();
    state.waiting += 1;
    if state.held {
        let mut switches = state.switches;
        let mut deadline = Instant::now() + switch_interval();
        while state.held {
            // In slices, since a brief release wakes nobody.
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = RELEASED.wait_for(&mut state, left.min(switch_interval() / 4).max(Duration::from_micros(50)));
            if state.switches != switches {
                // Another thread has it now: it has its interval.
                switches = state.switches;
                deadline = Instant::now() + switch_interval();
            } else if state.held && Instant::now() >= deadline {
                let holder = HOLDER.load(Ordering::Relaxed);
                if !holder.is_null() {
                    // SAFETY: shared parts of threads are never freed.
                    unsafe { (*holder).request(REQUEST_GIL) };
                    drop(state);
                    // Relaxed: a hint; the mutex decides.
                    spin_until(|| !HELD.load(Ordering::Relaxed));
                    state = STATE.lock();
                }
                deadline = Instant::now() + switch_interval();
            }
        }
    }
    state.waiting -= 1;
    state.held = true;
    HELD.store(true, Ordering::Relaxed);
    if state.last != me as usize {
        state.last = me as usize;
        state.switches += 1;
        SWITCHES.store(state.switches, Ordering::Relaxed);
        SWITCHED.notify_all();
    }
    HOLDER.store(me, Ordering::Relaxed);
}

/// Gives the GIL up, where there is one. After a brief release nobody is woken: the thread wants it back within
/// microseconds, before who sleeps could take it; should it take longer, waiters look in a fraction of the interval.
pub fn release(thread: &mut Thread, is_brief: bool) {
    if !is_enabled() {
        return;
    }
    let _ = thread;
    let mut state = STATE.lock();
    state.held = false;
    HELD.store(false, Ordering::Relaxed);
    HOLDER.store(std::ptr::null_mut(), Ordering::Relaxed);
    drop(state);
    if !is_brief {
        RELEASED.notify_one();
    }
}

/// At a safepoint with `REQUEST_GIL` set: lets another thread have the lock.
pub fn yield_to_waiter(thread: &mut Thread) {
    thread.shared.requests.fetch_and(!REQUEST_GIL, Ordering::Relaxed);
    if !is_enabled() {
        return;
    }
    let switches = {
        let state = STATE.lock();
        if state.waiting == 0 {
            return;
        }
        state.switches
    };
    super::thread_state::detach(thread);
    // Relaxed: a hint; the mutex decides.
    spin_until(|| SWITCHES.load(Ordering::Relaxed) != switches);
    {
        let mut state = STATE.lock();
        // Forced switch: without this the releasing thread would often win the lock again at once.
        while state.waiting > 0 && state.switches == switches {
            let _ = SWITCHED.wait_for(&mut state, switch_interval());
        }
    }
    super::thread_state::attach(thread);
}

/// In the child after `fork`: only this thread exists, and it held the GIL.
pub fn reset_after_fork(thread: &Thread) {
    let me = std::ptr::from_ref(thread.shared).cast_mut();
    // SAFETY: no other thread exists; the lock words are overwritten, whatever state they were in.
    unsafe {
        STATE.reset(LeafMutex::new(GilState { held: is_enabled(), switches: 0, last: me as usize, waiting: 0 }));
        RELEASED.reset(LeafCondvar::new());
        SWITCHED.reset(LeafCondvar::new());
    }
    HELD.store(is_enabled(), Ordering::Relaxed);
    SWITCHES.store(0, Ordering::Relaxed);
    HOLDER.store(me, Ordering::Relaxed);
}
