//! Deferred reclamation (QSBR): memory that lock-free readers may still look at is freed after a grace period in which
//! every attached thread has passed a safepoint. Detached threads hold no such references and do not hold it up.
//!
//! A thread publishes its passing only when an advance is asked for: the poll is the safepoint's one load and branch.
//!
//! # The words
//! * [`EPOCH`]: the number of the current period; only grows.
//! * `ThreadShared::epoch`: the period that the thread last acknowledged; [`DETACHED`] while it is detached.

use std::alloc::{Layout, dealloc};
use std::cell::RefCell;

use crate::memory::heap::{HeapSlot, Kind};
use crate::object::refcount::FREE_THREADED;
use crate::sync::{AtomicU64, LeafMutex, Ordering, fence};
use crate::threads::thread_state::{self, REQUEST_EPOCH};

/// `ThreadShared::epoch` of a detached thread.
pub const DETACHED: u64 = u64::MAX;

static EPOCH: AtomicU64 = AtomicU64::new(1);

/// What is done when nobody can read the memory any more.
enum Retired {
    Raw { address: usize, size: usize, align: usize },
    Object(usize),
    Boxed { address: usize, drop: unsafe fn(usize) },
}

#[derive(Default)]
struct RetireList {
    entries: Vec<(u64, Retired)>,
    bytes: usize,
}

thread_local! {
    static RETIRED: RefCell<RetireList> = const { RefCell::new(RetireList { entries: Vec::new(), bytes: 0 }) };
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
        // The entry may be freed once every thread has acknowledged a period later than the current one.
        list.entries.push((EPOCH.load(Ordering::Relaxed) + 1, entry));
        list.bytes += bytes;
        list.entries.len() >= ADVANCE_AFTER_ENTRIES || list.bytes >= ADVANCE_AFTER_BYTES
    });
    if full {
        advance();
        thread_state::request_self(REQUEST_EPOCH);
    }
}

/// Starts a new period and asks all attached threads to acknowledge it.
pub fn advance() {
    // SeqCst: pairs with the fence in `acknowledge`: a thread that acknowledges the new period has finished all reads
    // it began before the memory was unlinked.
    EPOCH.fetch_add(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    thread_state::for_each_thread(|shared| {
        if shared.epoch.load(Ordering::Relaxed) != DETACHED {
            shared.request(REQUEST_EPOCH);
        }
    });
}

/// At a safepoint: the thread holds no uncounted references to retired memory.
pub fn acknowledge(shared: &thread_state::ThreadShared) {
    fence(Ordering::SeqCst);
    // Release: the reads before this safepoint stay before it.
    shared.epoch.store(EPOCH.load(Ordering::Relaxed), Ordering::Release);
    reclaim();
}

/// The thread becomes able to read shared memory.
pub fn attach(shared: &thread_state::ThreadShared) {
    shared.epoch.store(EPOCH.load(Ordering::Relaxed), Ordering::Relaxed);
    // SeqCst: the announcement comes before any read; pairs with the fence in `advance` and in `oldest`.
    fence(Ordering::SeqCst);
}

/// The thread stops reading shared memory.
pub fn detach(shared: &thread_state::ThreadShared) {
    // Release: all reads come before.
    shared.epoch.store(DETACHED, Ordering::Release);
}

/// The oldest period that some attached thread may still be reading in.
fn oldest() -> u64 {
    fence(Ordering::SeqCst);
    let mut oldest = EPOCH.load(Ordering::Relaxed);
    thread_state::for_each_thread(|shared| {
        // Acquire: pairs with the Release in `acknowledge` and `detach`.
        oldest = oldest.min(shared.epoch.load(Ordering::Acquire));
    });
    oldest
}

/// Frees what no thread can be reading any more.
pub fn reclaim() {
    let is_empty = RETIRED.with_borrow(|list| list.entries.is_empty());
    if is_empty {
        return;
    }
    let oldest = oldest();
    let ready: Vec<Retired> = RETIRED.with_borrow_mut(|list| {
        let n = list.entries.iter().take_while(|(goal, _)| *goal <= oldest).count();
        let ready = list.entries.drain(..n).map(|(_, entry)| entry).collect();
        if list.entries.is_empty() {
            list.bytes = 0;
        }
        ready
    });
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
    let all = RETIRED.with_borrow_mut(|list| {
        list.bytes = 0;
        std::mem::take(&mut list.entries)
    });
    for (_, entry) in all.into_iter().chain(std::mem::take(&mut *ORPHANS.lock())) {
        free_now(entry);
    }
}

/// The thread ends: others free what it has retired.
pub fn abandon() {
    let left = RETIRED.with_borrow_mut(|list| std::mem::take(&mut list.entries));
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
