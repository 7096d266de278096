//! Stopping all other Python threads: for the collector, fork and a few rare mutations.
//!
//! In `pyrt`, and wherever a GIL is in force, the holder of the GIL is alone already. In `pyrt-t` attached threads are
//! asked to suspend themselves at a safepoint, detached ones are kept from attaching (threads/world.rs).

use crate::sync::{Ordering, Resettable};
use crate::threads::gil;
use crate::threads::thread_state::{self, Thread, ThreadShared, for_each_thread};
use crate::threads::world::{REQUEST_STOP, World};

pub(super) static WORLD: Resettable<World> = Resettable::new(World::new());

/// While it lives, no other thread runs Python code. Nothing that can run Python may be called meanwhile.
pub struct StoppedWorld {
    needs_resume: bool,
}

fn visit_all(visit: &mut dyn FnMut(&ThreadShared)) {
    for_each_thread(visit);
}

/// Stops the world. The caller is attached.
pub fn stop(thread: &mut Thread) -> StoppedWorld {
    if gil::is_enabled() {
        return StoppedWorld { needs_resume: false };
    }
    WORLD.stop(thread.shared, visit_all, || suspend(thread));
    StoppedWorld { needs_resume: true }
}

impl Drop for StoppedWorld {
    fn drop(&mut self) {
        if self.needs_resume {
            WORLD.resume(visit_all);
        }
    }
}

/// At a safepoint with `REQUEST_STOP` set: waits until the world runs again.
pub fn suspend(thread: &mut Thread) {
    thread.shared.requests.fetch_and(!REQUEST_STOP, Ordering::Relaxed);
    thread_state::detach(thread);
    WORLD.wait_until_running();
    thread_state::attach(thread);
}

/// In the child after `fork`.
pub fn reset_after_fork() {
    // SAFETY: no other thread exists.
    unsafe { WORLD.reset(World::new()) };
}
