//! Deferred reclamation (QSBR): memory that lock-free readers may still look at is freed after a grace period in which
//! every attached thread has passed a safepoint. Detached threads hold no such references and do not hold it up.
//!
//! A thread publishes its passing only when an advance is asked for: the poll is the safepoint's one load and branch.
//!
//! The order of it all is in memory/grace.rs.

use std::alloc::{Layout, dealloc};
use std::cell::RefCell;

pub use crate::memory::grace::DETACHED;
use crate::memory::grace::{Periods, RetireList};
use crate::memory::heap::{HeapSlot, Kind};
use crate::object::refcount::FREE_THREADED;
use crate::sync::{LeafMutex, Ordering};
use crate::threads::thread_state::{self, REQUEST_EPOCH};

static PERIODS: Periods = Periods::new();

/// What is done when nobody can read the memory any more.
enum Retired {
    Raw { address: usize, size: usize, align: usize },
    Object(usize),
    Boxed { address: usize, drop: unsafe fn(usize) },
}

thread_local! {
    static RETIRED: RefCell<RetireList<Retired>> = const { RefCell::new(RetireList::new()) };
}

/// What threads that have ended left behind.
static ORPHANS: LeafMutex<Vec<(u64, Retired)>> = LeafMutex::new(Vec::new());

/// Entries or bytes after which a thread asks for an advance.
const ADVANCE_AFTER_ENTRIES: usize = 64;
const ADVANCE_AFTER_BYTES: usize = 1 << 20;

/// Frees `size` bytes at `address`, allocated with `std::alloc`, after a grace period (at once where no other thread
/// can be reading).
///
/// # Safety
/// The memory has been unlinked: no new reader can find it.
pub unsafe fn retire_raw(address: *mut u8, layout: Layout) {
    if layout.size() == 0 {
        return;
    }
    if !FREE_THREADED || !thread_state::has_other_threads() {
        // SAFETY: the caller's obligation, and nobody else runs.
        unsafe { dealloc(address, layout) };
        return;
    }
    add(Retired::Raw { address: address as usize, size: layout.size(), align: layout.align() }, layout.size());
}

/// Gives the memory of a dead large object back after a grace period.
///
/// # Safety
/// The object is dead and reads as dead.
pub unsafe fn retire_object(block: *mut u8) {
    if !thread_state::has_other_threads() {
        // SAFETY: nobody else runs.
        unsafe { HeapSlot::free(thread_state::heap_slot(), block, Kind::Object, true) };
        return;
    }
    // SAFETY: the block is a large object, whose size its prefix holds.
    let size = unsafe { HeapSlot::block_size(block) };
    add(Retired::Object(block as usize), size);
}

/// Drops a boxed value after a grace period.
///
/// # Safety
/// The value has been unlinked; its drop runs no Python code.
pub unsafe fn retire_box<T>(boxed: *mut T) {
    unsafe fn drop_box<T>(address: usize) {
        // SAFETY: the address came from `Box::into_raw` and is dropped once.
        drop(unsafe { Box::from_raw(address as *mut T) });
    }
    if !FREE_THREADED || !thread_state::has_other_threads() {
        // SAFETY: nobody else runs.
        drop(unsafe { Box::from_raw(boxed) });
        return;
    }
    add(Retired::Boxed { address: boxed as usize, drop: drop_box::<T> }, size_of::<T>());
}

fn add(entry: Retired, bytes: usize) {
    let full = RETIRED.with_borrow_mut(|list| {
        let (entries, bytes) = list.push(PERIODS.goal(), entry, bytes);
        entries >= ADVANCE_AFTER_ENTRIES || bytes >= ADVANCE_AFTER_BYTES
    });
    if full {
        advance();
        thread_state::request_self(REQUEST_EPOCH);
    }
}

/// Starts a new period and asks all attached threads to acknowledge it.
pub fn advance() {
    PERIODS.advance();
    thread_state::for_each_thread(|shared| {
        if shared.epoch.load(Ordering::Relaxed) != DETACHED {
            shared.request(REQUEST_EPOCH);
        }
    });
}

/// At a safepoint: the thread holds no uncounted references to retired memory.
pub fn acknowledge(shared: &thread_state::ThreadShared) {
    PERIODS.acknowledge(&shared.epoch);
    reclaim();
}

/// The thread becomes able to read shared memory.
pub fn attach(shared: &thread_state::ThreadShared) {
    if FREE_THREADED {
        PERIODS.attach(&shared.epoch);
    }
}

/// The thread stops reading shared memory.
pub fn detach(shared: &thread_state::ThreadShared) {
    if FREE_THREADED {
        Periods::detach(&shared.epoch);
    }
}

/// Frees what no thread can be reading any more.
pub fn reclaim() {
    if RETIRED.with_borrow(RetireList::is_empty) {
        return;
    }
    let oldest = PERIODS.oldest(|visit| thread_state::for_each_thread(|shared| visit(&shared.epoch)));
    let ready = RETIRED.with_borrow_mut(|list| list.take_ready(oldest));
    for entry in ready {
        free_now(entry);
    }
    if let Some(mut orphans) = ORPHANS.try_lock() {
        let mut kept = Vec::new();
        for (goal, entry) in orphans.drain(..) {
            if goal <= oldest {
                free_now(entry);
            } else {
                kept.push((goal, entry));
            }
        }
        *orphans = kept;
    }
}

/// Frees everything that waits: in a stopped world, or when only one thread is left.
pub fn reclaim_all() {
    let all = RETIRED.with_borrow_mut(RetireList::take_all);
    for (_, entry) in all.into_iter().chain(std::mem::take(&mut *ORPHANS.lock())) {
        free_now(entry);
    }
}

/// The thread ends: others free what it has retired.
pub fn abandon() {
    let left = RETIRED.with_borrow_mut(RetireList::take_all);
    ORPHANS.lock().extend(left);
}

fn free_now(entry: Retired) {
    match entry {
        Retired::Raw { address, size, align } => {
            if let Ok(layout) = Layout::from_size_align(size, align) {
                // SAFETY: allocated with this layout; the grace period is over.
                unsafe { dealloc(address as *mut u8, layout) };
            }
        }
        // SAFETY: a large object whose grace period is over.
        Retired::Object(block) => unsafe {
            HeapSlot::free(thread_state::heap_slot(), block as *mut u8, Kind::Object, true);
        },
        // SAFETY: the grace period is over.
        Retired::Boxed { address, drop } => unsafe { drop(address) },
    }
}
