//! What a thread does at function entry and back edges when its request word is not zero.

use crate::memory::{collector, reclamation, zero_counts};
use crate::object::lifetime;
use crate::object::value::{PyResult, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::{
    self, REQUEST_ASYNC_EXCEPTION, REQUEST_COLLECT, REQUEST_EPOCH, REQUEST_GIL, REQUEST_MERGE, REQUEST_PENDING,
    REQUEST_SIGNALS, REQUEST_STOP, REQUEST_ZEAL, REQUEST_ZERO_COUNTS, Thread,
};
use crate::threads::{gil, stop_the_world};

/// Serves all requests. The frame's `ip` and `sp` are written, no lock is held. An exception raised here (by a signal
/// handler, or thrown in by another thread) comes out as an error.
#[cold]
pub fn serve(thread: &mut Thread) -> PyResult<()> {
    let requests = thread.requests();
    thread_state::stop_if_finalizing(thread);
    if requests & REQUEST_STOP != 0 {
        stop_the_world::suspend(thread);
    }
    if requests & REQUEST_GIL != 0 {
        gil::yield_to_waiter(thread);
    }
    if requests & REQUEST_EPOCH != 0 {
        clear(thread, REQUEST_EPOCH);
        reclamation::acknowledge(thread.shared);
    }
    let may_finalize = !thread_state::postpones(requests & (REQUEST_MERGE | REQUEST_ZERO_COUNTS));
    if requests & REQUEST_MERGE != 0 {
        clear(thread, REQUEST_MERGE);
        if may_finalize {
            thread_state::merge_own_list();
        }
    }
    if requests & REQUEST_ZERO_COUNTS != 0 {
        clear(thread, REQUEST_ZERO_COUNTS);
        if may_finalize {
            zero_counts::reap(thread);
        }
    }
    if requests & REQUEST_ZEAL != 0 {
        zeal(thread);
    }
    if requests & REQUEST_COLLECT != 0 {
        clear(thread, REQUEST_COLLECT);
        collector::collect_if_due(thread);
    }
    // Here and not at the next release: that may be where the program holds a lock which a finalizer takes.
    if requests & REQUEST_PENDING != 0 || (may_finalize && thread_state::has_pending()) {
        clear(thread, REQUEST_PENDING);
        lifetime::drain_pending(thread);
    }
    if requests & REQUEST_SIGNALS != 0 {
        serve_signals(thread)?;
    }
    if requests & REQUEST_ASYNC_EXCEPTION != 0 {
        clear(thread, REQUEST_ASYNC_EXCEPTION);
        let word = thread.shared.async_exception.swap(0, Ordering::AcqRel);
        if let Some(class) = Value::from_slot(word) {
            // SAFETY: the word came with a count.
            let class = unsafe { crate::object::value::Owned::from_raw(class) };
            return Err(crate::exceptions::raise_class(class.value(), thread));
        }
    }
    Ok(())
}

/// Calls the functions of the signals that have come.
#[cold]
pub fn serve_signals(thread: &mut Thread) -> PyResult<()> {
    clear(thread, REQUEST_SIGNALS);
    match thread.interpreter.hooks().run_signal_handlers {
        Some(handler) => handler(thread),
        None => Ok(()),
    }
}

/// Polls and serves, for natives that run long.
#[inline]
pub fn poll(thread: &mut Thread) -> PyResult<()> {
    if thread.requests() != 0 { serve(thread) } else { Ok(()) }
}

fn clear(thread: &Thread, bit: u32) {
    // Relaxed: a request set again in the meantime is served next time.
    thread.shared.requests.fetch_and(!bit, Ordering::Relaxed);
}

/// Zeal mode: merge, advance and, now and then, collect at every safepoint.
fn zeal(thread: &mut Thread) {
    thread_state::merge_own_list();
    reclamation::advance();
    reclamation::acknowledge(thread.shared);
    collector::zeal(thread);
}
