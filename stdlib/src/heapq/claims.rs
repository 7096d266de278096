//! Which heaps are being worked on by operations that run Python code.
//!
//! # Protocol
//! An operation whose comparisons are all native runs under the list's lock from its beginning to its end. One that
//! needs Python code for a comparison claims the list (still under that lock) and gives the lock up for the comparison;
//! other heap operations on the list wait for the claim before they begin. The wait is never for ever: a holder that is
//! itself detached (it waits for something, perhaps for the thread that waits here) loses the exclusion, as CPython's
//! critical sections do. Then operations interleave: each exchanges items under the lock only, so none is lost or seen
//! twice, and one that finds the length changed raises RuntimeError.
//!
//! With the GIL there are no claims: whoever runs another thread's code does so where CPython would.

use std::time::{Duration, Instant};

use pyrt_runtime::object::FREE_THREADED;
use pyrt_runtime::sync::{AtomicUsize, LeafMutex, Ordering};
use pyrt_runtime::threads::parking;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::threads::thread_state::{STATE_DETACHED, Thread, ThreadShared};
use pyrt_runtime::types::list::{ListObject, LockedList};
use pyrt_runtime::object::value::PyResult;

struct Entry {
    list: usize,
    holder: &'static ThreadShared,
}

static ENTRIES: LeafMutex<Vec<Entry>> = LeafMutex::new(Vec::new());
/// The number of entries, changed under the lock of a claimed list: zero saves the look at the table.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How often a waiting thread looks whether the holder is detached, and how many looks in a row must find it so: a
/// thread detaches for moments too, such as a collection.
const PATIENCE: Duration = Duration::from_millis(1);
const LOOKS: u32 = 5;

fn address(list: &ListObject) -> usize {
    std::ptr::from_ref(list) as usize
}

/// Who else holds a claim on the list.
fn other_holder(list: usize, own: &'static ThreadShared) -> Option<&'static ThreadShared> {
    // Acquire: pairs with the Release in `Claim::new`. A claim on this list was made under the list's lock, which the
    // caller holds.
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    ENTRIES.lock().iter().find(|entry| entry.list == list && !std::ptr::eq(entry.holder, own)).map(|entry| entry.holder)
}

/// Locks the list once no other thread's heap operation is in its middle.
pub fn enter<'a>(list: &'a ListObject, thread: &mut Thread) -> PyResult<LockedList<'a>> {
    let (at, own) = (address(list), thread.shared);
    let mut detached_looks = 0;
    loop {
        let locked = list.lock();
        if !FREE_THREADED {
            return Ok(locked);
        }
        let Some(holder) = other_holder(at, own) else { return Ok(locked) };
        drop(locked);
        thread.detached(|| {
            let _ = parking::park_until(at, Some(Instant::now() + PATIENCE), || other_holder(at, own).is_some());
        });
        safepoint::poll(thread)?;
        // Acquire: pairs with the holder's stores of its state.
        detached_looks = if holder.state.load(Ordering::Acquire) == STATE_DETACHED { detached_looks + 1 } else { 0 };
        if detached_looks == LOOKS {
            return Ok(list.lock());
        }
    }
}

/// A claim on a list, given back when dropped (not under the list's lock).
pub struct Claim {
    list: usize,
    holder: Option<&'static ThreadShared>,
}

impl Claim {
    pub fn new(locked: &LockedList<'_>, list: &ListObject, thread: &Thread) -> Claim {
        let _ = locked;
        let at = address(list);
        if !FREE_THREADED {
            return Claim { list: at, holder: None };
        }
        let mut entries = ENTRIES.lock();
        entries.push(Entry { list: at, holder: thread.shared });
        COUNT.store(entries.len(), Ordering::Release);
        Claim { list: at, holder: Some(thread.shared) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(holder) = self.holder else { return };
        {
            let mut entries = ENTRIES.lock();
            // A thread that comes back to the list has several claims on it, all alike.
            if let Some(at) = entries.iter().rposition(|entry| entry.list == self.list && std::ptr::eq(entry.holder, holder)) {
                entries.swap_remove(at);
            }
            COUNT.store(entries.len(), Ordering::Release);
        }
        parking::unpark_all(self.list);
    }
}
