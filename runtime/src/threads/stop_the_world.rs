//! Stopping all other Python threads: for the collector, fork and a few rare mutations.
//!
//! In `pyrt`, and wherever a GIL is in force, the holder of the GIL is alone already. In `pyrt-t` attached threads are
//! asked to suspend themselves at a safepoint, detached ones are kept from attaching.

use crate::sync::{AtomicBool, LeafCondvar, LeafMutex, Ordering, Resettable};
use crate::threads::gil;
use crate::threads::thread_state::{
    REQUEST_STOP, STATE_ATTACHED, STATE_DETACHED, STATE_SUSPENDED, Thread, ThreadShared, for_each_thread,
};

struct World {
    stopped_by: usize,
}

static WORLD: Resettable<LeafMutex<World>> = Resettable::new(LeafMutex::new(World { stopped_by: 0 }));
static STOPPING: AtomicBool = AtomicBool::new(false);
/// Signalled when a thread suspends or detaches while the world is being stopped.
static ARRIVED: Resettable<LeafCondvar> = Resettable::new(LeafCondvar::new());
/// Signalled when the world runs again.
static RESUMED: Resettable<LeafCondvar> = Resettable::new(LeafCondvar::new());

/// While it lives, no other thread runs Python code. Nothing that can run Python may be called meanwhile.
pub struct StoppedWorld {
    needs_resume: bool,
}

/// Stops the world. The caller is attached.
pub fn stop(thread: &mut Thread) -> StoppedWorld {
    if gil::is_enabled() {
        return StoppedWorld { needs_resume: false };
    }
    let me = std::ptr::from_ref(thread.shared) as usize;
    loop {
        let mut world = WORLD.lock();
        if world.stopped_by == 0 {
            world.stopped_by = me;
            STOPPING.store(true, Ordering::SeqCst);
            break;
        }
        // Another thread stops the world: suspend for it, then try again.
        drop(world);
        suspend(thread);
    }
    let mut world = WORLD.lock();
    loop {
        let mut running = 0;
        for_each_thread(|shared| {
            if std::ptr::from_ref(shared) as usize == me {
                return;
            }
            // Acquire: what the detached thread did before is visible here.
            match shared.state.compare_exchange(STATE_DETACHED, STATE_SUSPENDED, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) | Err(STATE_SUSPENDED) => {}
                Err(state) => {
                    if state == STATE_ATTACHED {
                        shared.request(REQUEST_STOP);
                    }
                    running += 1;
                }
            }
        });
        if running == 0 {
            return StoppedWorld { needs_resume: true };
        }
        // A thread that detaches between the look and the wait signals under the lock, so no arrival is lost; the
        // bound covers threads that register meanwhile.
        let _ = ARRIVED.wait_for(&mut world, std::time::Duration::from_millis(1));
    }
}

impl Drop for StoppedWorld {
    fn drop(&mut self) {
        if !self.needs_resume {
            return;
        }
        let mut world = WORLD.lock();
        for_each_thread(|shared| {
            shared.requests.fetch_and(!REQUEST_STOP, Ordering::Relaxed);
            // Release: what was done in the stopped world is visible to threads that attach.
            let _ = shared.state.compare_exchange(STATE_SUSPENDED, STATE_DETACHED, Ordering::Release, Ordering::Relaxed);
        });
        STOPPING.store(false, Ordering::SeqCst);
        world.stopped_by = 0;
        RESUMED.notify_all();
    }
}

/// At a safepoint with `REQUEST_STOP` set: waits until the world runs again.
pub fn suspend(thread: &mut Thread) {
    thread.shared.requests.fetch_and(!REQUEST_STOP, Ordering::Relaxed);
    crate::threads::thread_state::detach(thread);
    wait_until_running();
    crate::threads::thread_state::attach(thread);
}

/// A detached thread waits for a stopped world to end.
pub fn wait_until_running() {
    let mut world = WORLD.lock();
    while world.stopped_by != 0 {
        RESUMED.wait(&mut world);
    }
}

/// Whether another thread than `me` is stopping the world.
#[inline]
pub fn is_stopping_without(me: &ThreadShared) -> bool {
    // SeqCst: either this thread sees the stop, or the stopper sees this thread attached.
    crate::sync::fence(Ordering::SeqCst);
    STOPPING.load(Ordering::SeqCst) && WORLD.lock().stopped_by != std::ptr::from_ref(me) as usize
}

/// Tells who is stopping the world that a thread has detached.
#[inline]
pub fn note_detached() {
    if STOPPING.load(Ordering::SeqCst) {
        let _world = WORLD.lock();
        ARRIVED.notify_all();
    }
}

/// In the child after `fork`.
pub fn reset_after_fork() {
    // SAFETY: no other thread exists.
    unsafe {
        WORLD.reset(LeafMutex::new(World { stopped_by: 0 }));
        ARRIVED.reset(LeafCondvar::new());
        RESUMED.reset(LeafCondvar::new());
    }
    STOPPING.store(false, Ordering::SeqCst);
}
