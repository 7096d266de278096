//! `fork` and its kin, with the functions that are called around it.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, finalize};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::fork::forked;
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::{last_errno, set_errno};

/// Functions that `register_at_fork` was given: before, in the child, in the parent.
static AT_FORK: [LeafMutex<Vec<Owned>>; 3] = [const { LeafMutex::new(Vec::new()) }; 3];

pub fn register_at_fork(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if (0..3).all(|i| args.get(i).is_none()) {
        return Err(thread.raise_type_error("At least one argument is required."));
    }
    for (i, name) in ["before", "after_in_child", "after_in_parent"].iter().enumerate() {
        if args.get(i).is_some_and(|callback| !call::is_callable(callback)) {
            return Err(thread.raise_type_error(format!("'{name}' must be callable, not {}", args.at(i).type_object().full_name())));
        }
    }
    for (i, list) in AT_FORK.iter().enumerate() {
        if let Some(callback) = args.get(i) {
            list.lock().push(callback.to_owned());
        }
    }
    Ok(Owned::none())
}

/// Runs the callbacks of one kind; what they raise is reported and dropped.
fn run_at_fork(kind: usize, thread: &mut Thread) {
    let mut callbacks: Vec<Owned> = AT_FORK.get(kind).map(|list| list.lock().clone()).unwrap_or_default();
    if kind == 0 {
        callbacks.reverse();
    }
    for callback in callbacks {
        if call::call(*callback, &[], thread).is_err() {
            finalize::write_unraisable(None, Some(*callback), thread);
        }
    }
}

/// What must be done before a fork by any means.
pub fn before(thread: &mut Thread) {
    run_at_fork(0, thread);
    crate::imp::hold_import_lock(thread);
}

/// What the parent does after a fork.
pub fn after_in_parent(thread: &mut Thread) {
    crate::imp::release_import_lock(thread);
    run_at_fork(2, thread);
}

/// What the child does after a fork; the runtime itself has been put right already.
pub fn after_in_child(thread: &mut Thread) {
    crate::signal::reset_after_fork();
    crate::signal::adopt_main(thread);
    crate::thread::handle::reset_after_fork(thread);
    crate::warnings::reset_after_fork(thread);
    crate::asyncio::registry::reset_after_fork(thread);
    crate::imp::release_import_lock(thread);
    run_at_fork(1, thread);
}

/// Forks by `call`: its result and errno.
fn fork_by(function: &str, thread: &mut Thread, call: impl FnOnce() -> i32) -> PyResult<i32> {
    if thread.interpreter.finalizing.load(pyrt_runtime::sync::Ordering::Relaxed) {
        return Err(thread.raise(&exc::PYTHON_FINALIZATION_ERROR, "can't fork at interpreter shutdown"));
    }
    before(thread);
    let mut errno = 0;
    let pid = forked(thread, || {
        let pid = call();
        errno = last_errno();
        pid
    });
    if pid == 0 {
        after_in_child(thread);
        return Ok(0);
    }
    after_in_parent(thread);
    if pid < 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    warn_about_threads(function, thread)?;
    Ok(pid)
}

/// The number of threads that the system counts for this process.
fn count_system_threads() -> usize {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 1 };
    // Behind the name in parentheses, which may hold anything, the number is the 18th field.
    let count = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(17)).and_then(|field| field.parse().ok());
    count.unwrap_or(1)
}

fn warn_about_threads(function: &str, thread: &mut Thread) -> PyResult<()> {
    if count_system_threads() <= 1 {
        return Ok(());
    }
    let pid = std::process::id();
    let text = format!("This process (pid={pid}) is multi-threaded, use of {function}() may lead to deadlocks in the child.");
    // The process has forked: there is no way back.
    if pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, &text, 1, thread).is_err() {
        finalize::write_unraisable(None, None, thread);
    }
    Ok(())
}

pub fn fork(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the child goes on with this thread only, and `forked` makes the runtime fit.
    let pid = fork_by("fork", thread, || unsafe { libc::fork() })?;
    Ok(Owned::int(i64::from(pid)))
}

pub fn forkpty(_module: Value, thread: &mut Thread) -> PyResult {
    let mut fd = -1;
    let to = &raw mut fd;
    // SAFETY: as in `fork`; room for the descriptor, the rest may be null.
    let pid = fork_by("forkpty", thread, || unsafe { libc::forkpty(to, std::ptr::null_mut(), std::ptr::null(), std::ptr::null()) })?;
    Ok(tuple::pack([Owned::int(i64::from(pid)), Owned::int(i64::from(fd))]))
}

/// Forks for another module that runs little in the child: the result of `call` in both.
pub fn fork_quietly(thread: &mut Thread, runs_hooks: bool, call: impl FnOnce() -> i32) -> i32 {
    if runs_hooks {
        before(thread);
    }
    let mut errno = 0;
    let pid = forked(thread, || {
        let pid = call();
        errno = last_errno();
        pid
    });
    if runs_hooks {
        if pid == 0 { after_in_child(thread) } else { after_in_parent(thread) }
    }
    set_errno(errno);
    pid
}
