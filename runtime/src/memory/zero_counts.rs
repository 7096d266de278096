//! Deferred objects to which perhaps no counted reference leads any more (object/refcount.rs), and how they die.
//!
//! Words on stacks may still use such an object without a count, and other threads may have changes to its count of which
//! nobody else knows (memory/deltas.rs). It dies in a stopped world, when all changes are known, the count is zero and no
//! stack holds it. That is enough: uncounted words come from heap slots, which count, and only stacks hold them across a
//! safepoint; so such an object cannot be found again but by a weak reference, which counts. (Periods in which each thread
//! scans for itself would need more states and a way to claim detached threads; a pause for a batch of objects needs
//! neither.)
//!
//! # Who may touch what
//! * The list of a heap slot: the slot's thread adds, whoever has stopped the world empties it. Entries own nothing, and may
//!   be there more than once: a deferred object lives at least until the lists have been emptied.

use hashbrown::HashSet;

use crate::interp::frame::Frame;
use crate::memory::deltas;
use crate::memory::heap::{self, HeapSlot};
use crate::object::header::{FLAG_WEAKREFS, Header};
use crate::object::refcount;
use crate::object::shape;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::stop_the_world;
use crate::threads::thread_state::{self, REQUEST_ZERO_COUNTS, Thread};

/// Objects that a thread lets go of before it asks for a look at the stacks, where other threads would have to stop.
const BATCH: usize = 256;
/// Stack words that may be looked at for each object on the lists.
const WORDS_PER_OBJECT: usize = 64;

/// What the entries that the last look left behind, and the stacks that it saw, are worth.
static BASE: AtomicUsize = AtomicUsize::new(0);
/// Losses after which a thread asks for a look: more where looks find little.
static LOSSES: AtomicUsize = AtomicUsize::new(BATCH);
const MOST_LOSSES: usize = 1 << 16;

fn header_of<'a>(value: Value) -> &'a Header {
    // SAFETY: entries are deferred objects, which live at least until the lists have been emptied.
    unsafe { &*value.header() }
}

/// Puts an object on the calling thread's list.
#[cold]
pub fn add(value: Value) {
    let slot = thread_state::heap_slot();
    if slot.is_null() {
        // No thread of ours any more: the object stays.
        return;
    }
    let entries = {
        // SAFETY: slots are never freed.
        let mut list = unsafe { (*slot).zero_counts.lock() };
        list.push(value);
        list.len()
    };
    let batch = if thread_state::has_other_threads() && !is_awaited(value) { BATCH } else { 1 };
    // Relaxed: a figure for pacing.
    if entries >= BASE.load(Ordering::Relaxed) + batch {
        thread_state::request_self(REQUEST_ZERO_COUNTS);
    }
}

/// Whether somebody may be waiting for the object's death.
fn is_awaited(value: Value) -> bool {
    let header = header_of(value);
    header.has_flag(FLAG_WEAKREFS) || shape::type_of_header(header).has_finalizer()
}

/// The calling thread has given back a reference that it had not taken: the object may be dead.
#[inline]
pub fn note_loss(slot: &HeapSlot) {
    // Relaxed: the slot's thread alone writes it, but for a stopped world.
    let losses = slot.losses.load(Ordering::Relaxed) + 1;
    slot.losses.store(losses, Ordering::Relaxed);
    if losses >= BASE.load(Ordering::Relaxed) + LOSSES.load(Ordering::Relaxed) {
        thread_state::request_self(REQUEST_ZERO_COUNTS);
    }
}

/// Frees deferred objects to which nothing refers, and what that leaves without references.
pub fn reap(thread: &mut Thread) {
    if !refcount::FREE_THREADED {
        return;
    }
    loop {
        let dead = take_dead(thread);
        if dead.is_empty() {
            break;
        }
        drop(dead);
    }
}

/// In a stopped world: works off what the merge lists owe and makes all threads' changes known. Deferred objects whose
/// count looks like zero are on the calling thread's list afterwards.
pub fn settle() {
    thread_state::settle_merge_lists();
    if refcount::FREE_THREADED {
        for slot in heap::all_slots() {
            // SAFETY: slots are never freed; the world is stopped.
            unsafe {
                deltas::settle_all(&*slot);
                (*slot).losses.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// The number of references to an object, for `sys.getrefcount`.
pub fn count(value: Value, thread: &mut Thread) -> i64 {
    // SAFETY: a live object.
    let header = unsafe { &*value.header() };
    if header.is_deferred() {
        let stopped = stop_the_world::stop(thread);
        settle();
        drop(stopped);
    }
    refcount::count(header)
}

/// Objects whose only reference is the one given here. They are no longer deferred.
fn take_dead(thread: &mut Thread) -> Vec<Owned> {
    let stopped = stop_the_world::stop(thread);
    // SAFETY: slots are never freed.
    let losses: usize = heap::all_slots().into_iter().map(|slot| unsafe { (*slot).losses.load(Ordering::Relaxed) }).sum();
    settle();
    let mut unreferenced: HashSet<u64> = HashSet::new();
    for slot in heap::all_slots() {
        // SAFETY: slots are never freed.
        let list = std::mem::take(&mut *unsafe { (*slot).zero_counts.lock() });
        unreferenced.extend(list.into_iter().filter(|value| refcount::settled_count(header_of(*value)) <= 0).map(Value::bits));
    }
    let (mut words, mut kept) = (0, Vec::new());
    if !unreferenced.is_empty() {
        for_each_stack_word(|word| {
            words += 1;
            if unreferenced.remove(&word.unmarked().bits()) {
                kept.push(word.unmarked());
            }
        });
    }
    let dead: Vec<Owned> = unreferenced
        .into_iter()
        .map(|address| {
            // SAFETY: an object, alive so far.
            unsafe {
                let value = Value::from_header(address as *const Header);
                refcount::undefer(&*value.header());
                Owned::from_raw(value)
            }
        })
        .collect();
    let batch = LOSSES.load(Ordering::Relaxed);
    LOSSES.store(if dead.len() * 8 >= losses { BATCH } else { (batch * 2).min(MOST_LOSSES) }, Ordering::Relaxed);
    BASE.store(kept.len() + words / WORDS_PER_OBJECT, Ordering::Relaxed);
    // SAFETY: this thread's slot.
    unsafe { (*thread_state::heap_slot()).zero_counts.lock().extend(kept) };
    drop(stopped);
    dead
}

/// Shows every pointer word in the frames of all threads. The world is stopped.
pub fn for_each_stack_word(mut visit: impl FnMut(Value)) {
    thread_state::for_each_thread(|shared| {
        // Acquire: pairs with the Release of the thread's registration.
        let thread = shared.thread.load(Ordering::Acquire);
        if thread.is_null() {
            return;
        }
        // SAFETY: the world is stopped: the thread does not run, its frames are complete. A frame being pushed at the
        // safepoint is not linked yet and holds counted words only.
        unsafe {
            let mut frame = (*thread).frame;
            while !frame.is_null() {
                let mut at = Frame::locals_ptr(frame);
                while at < (*frame).sp {
                    if let Some(value) = Value::from_slot(*at).filter(|value| value.is_pointer()) {
                        visit(value);
                    }
                    at = at.add(1);
                }
                visit((*(*frame).code).value());
                visit((*frame).globals);
                visit((*frame).builtins);
                for word in [(*frame).func, (*frame).locals] {
                    if let Some(value) = Value::from_slot(word) {
                        visit(value);
                    }
                }
                frame = (*frame).previous;
            }
        }
    });
}
