//! The zero-count lists: deferred objects to which no counted reference leads any more (object/refcount.rs).
//!
//! Words on stacks may still use such an object without a count. It dies once a look at all stacks, in a stopped world,
//! has found none. That is enough: uncounted words come from heap slots, which count, and only stacks hold them across a
//! safepoint; so an object with the list's reference as its only one, and on no stack, cannot be found again but by a weak
//! reference, which counts. (PROTOCOLS M1 to M3 describe a period in which each thread scans for itself; stopping the
//! world for a batch of objects needs neither its second state nor its claims of detached threads.)
//!
//! # Who may touch what
//! * The list of a heap slot: the slot's thread adds, whoever has stopped the world empties it.

use hashbrown::HashSet;

use crate::interp::frame::Frame;
use crate::memory::heap;
use crate::object::header::FLAG_WEAKREFS;
use crate::object::refcount;
use crate::object::shape;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::stop_the_world;
use crate::threads::thread_state::{self, REQUEST_ZERO_COUNTS, Thread};

/// Objects that a list takes before it asks for a look at the stacks, where other threads would have to stop for it.
const BATCH: usize = 256;
/// Stack words that may be looked at for each object on the lists.
const WORDS_PER_OBJECT: usize = 64;

/// Entries that the last look left behind, and those that the stacks it saw are worth.
static BASE: AtomicUsize = AtomicUsize::new(0);

/// Puts an object on the calling thread's list, which takes over the last reference.
#[cold]
pub fn add(value: Value) {
    let slot = thread_state::heap_slot();
    if slot.is_null() {
        // No thread of ours any more: the object stays.
        return;
    }
    // SAFETY: slots are never freed.
    let entries = {
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
    // SAFETY: the list's reference keeps the object alive.
    let header = unsafe { &*value.header() };
    header.has_flag(FLAG_WEAKREFS) || shape::type_of_header(header).has_finalizer()
}

/// Frees what is on the lists and on no stack, and what that leaves without references.
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

/// Objects whose only reference is the one given here. They are no longer deferred.
fn take_dead(thread: &mut Thread) -> Vec<Owned> {
    let slots = heap::all_slots();
    // SAFETY: slots are never freed.
    if slots.iter().all(|slot| unsafe { (**slot).zero_counts.lock().is_empty() }) {
        return Vec::new();
    }
    let stopped = stop_the_world::stop(thread);
    let mut entries: Vec<Value> = Vec::new();
    for &slot in &slots {
        // SAFETY: as above.
        entries.append(&mut *unsafe { (*slot).zero_counts.lock() });
    }
    // SAFETY: the list's references keep the objects alive.
    let header_of = |value: &Value| unsafe { &*value.header() };
    let mut unused: HashSet<u64> =
        entries.iter().filter(|value| refcount::is_held_by_list_alone(header_of(value))).map(|value| value.bits()).collect();
    let mut words = 0;
    if !unused.is_empty() {
        for_each_stack_word(|word| {
            words += 1;
            unused.remove(&word.unmarked().bits());
        });
    }
    let mut dead = Vec::with_capacity(unused.len());
    let mut kept = Vec::new();
    for value in entries {
        let is_alone = refcount::is_held_by_list_alone(header_of(&value));
        if is_alone && !unused.contains(&value.bits()) {
            kept.push(value);
        } else if refcount::unlist(header_of(&value)) {
            // SAFETY: the list's reference.
            dead.push(unsafe { Owned::from_raw(value) });
        }
    }
    BASE.store(kept.len() + words / WORDS_PER_OBJECT, Ordering::Relaxed);
    // SAFETY: this thread's slot.
    *unsafe { (*thread_state::heap_slot()).zero_counts.lock() } = kept;
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
