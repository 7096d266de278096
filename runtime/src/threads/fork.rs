//! `fork` in a process with threads: the child goes on with the calling thread alone.
//!
//! While the process forks the world is stopped and no thread comes or goes, so the runtime's own structures are whole in
//! the child; locks that threads held which are gone are overwritten.

use crate::sync::Ordering;
use crate::threads::thread_state::{self, Thread};
use crate::threads::{gil, parking, stop_the_world};

/// Runs `fork`, which returns 0 in the child, and makes the child's runtime fit.
pub fn forked(thread: &mut Thread, fork: impl FnOnce() -> i32) -> i32 {
    let world = stop_the_world::stop(thread);
    let threads = thread_state::hold_threads();
    let pid = fork();
    if pid != 0 {
        return pid;
    }
    // The child: neither may be given back the usual way, which could look for threads that are gone.
    std::mem::forget(threads);
    std::mem::forget(world);
    parking::reset_after_fork();
    stop_the_world::reset_after_fork();
    thread_state::reset_after_fork(thread);
    gil::reset_after_fork(thread);
    let ident = thread.shared.ident.load(Ordering::Relaxed);
    thread.interpreter.main_thread.store(ident, Ordering::Relaxed);
    thread.is_main = true;
    0
}
