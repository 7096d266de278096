//! The cycle collector: one algorithm for both builds, in a stopped world.
//!
//! What can be reached from modules and frames is marked (memory/marking.rs). Every other object that the collector follows
//! gets its count less the references from others of them. What is left over is held from outside: by native code, by
//! thread states. Everything reachable from those is alive too; the rest is garbage. Finalizers and weakref callbacks run
//! after the world has been restarted.

use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use crate::memory::heap::{self, HeapSlot};
use crate::memory::marking::{Reachable, is_followed};
use crate::memory::reclamation;
use crate::memory::zero_counts::{self, for_each_stack_word};
use crate::exceptions::display::write_to_stderr;
use crate::object::header::{FLAG_FINALIZED, FLAG_FROZEN, FLAG_WEAKREFS, Header};
use crate::object::refcount;
use crate::object::shape;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, LeafMutex, Ordering};
use crate::threads::stop_the_world;
use crate::threads::thread_state::{self, Thread};
use crate::types::type_object::TYPE_HAS_DEL;

static ENABLED: AtomicBool = AtomicBool::new(true);
static COLLECTING: AtomicBool = AtomicBool::new(false);
/// For each generation that a collection was asked for: collections, objects collected, objects found uncollectable.
static STATISTICS: LeafMutex<[[u64; 3]; 3]> = LeafMutex::new([[0; 3]; 3]);
/// `gc.set_debug`.
static DEBUG: AtomicU32 = AtomicU32::new(0);
pub const DEBUG_STATS: u32 = 1 << 0;
pub const DEBUG_COLLECTABLE: u32 = 1 << 1;
pub const DEBUG_UNCOLLECTABLE: u32 = 1 << 2;
/// Garbage is put into `gc.garbage` instead of being freed.
pub const DEBUG_SAVEALL: u32 = 1 << 5;
/// `gc.set_threshold`: 0 as the first stops automatic collections, another number than the usual one paces them.
pub static THRESHOLDS: LeafMutex<[i64; 3]> = LeafMutex::new([2000, 10, 10]);
/// Bytes of followed objects at the end of the last collection.
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

pub fn set_enabled(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// For each generation: collections so far, objects collected, objects found uncollectable.
pub fn statistics() -> [[u64; 3]; 3] {
    *STATISTICS.lock()
}

pub fn debug_flags() -> u32 {
    DEBUG.load(Ordering::Relaxed)
}

pub fn set_debug_flags(flags: u32) {
    DEBUG.store(flags, Ordering::Relaxed);
}

/// Bytes of followed objects that have been allocated since the last collection.
pub fn allocated_bytes() -> usize {
    thread_state::unreported_gc_bytes() + heap::all_slots().into_iter().map(|slot| {
        // SAFETY: slots are never freed.
        unsafe { (*slot).allocated.load(Ordering::Relaxed) }
    }).sum::<usize>()
}

/// At a safepoint with a collection asked for.
pub fn collect_if_due(thread: &mut Thread) {
    if is_enabled() && THRESHOLDS.lock()[0] != 0 {
        collect_generation(0, thread);
    }
}

/// Zeal mode: every so many safepoints a collection.
pub fn zeal(thread: &mut Thread) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    if count.is_multiple_of(4096) && is_enabled() {
        collect(thread);
    } else if count.is_multiple_of(256) {
        zero_counts::reap(thread);
    }
}

/// The first threshold as it is at the start: then bytes alone pace the collector.
const DEFAULT_THRESHOLD: i64 = 2000;
/// Bytes that count as one object against another threshold.
const BYTES_PER_OBJECT: usize = 64;

/// The number of bytes after which the next collection is due, `live` being those that are alive.
fn collect_after(live: usize) -> usize {
    match THRESHOLDS.lock()[0] {
        DEFAULT_THRESHOLD | ..=0 => heap::MIN_COLLECT_BYTES.max(live / 4),
        objects => (objects as usize).saturating_mul(BYTES_PER_OBJECT),
    }
}

/// `gc.set_threshold`.
pub fn set_thresholds(thresholds: [i64; 3]) {
    *THRESHOLDS.lock() = thresholds;
    for slot in heap::all_slots() {
        // SAFETY: slots are never freed.
        unsafe { (*slot).collect_at.store(collect_after(LIVE_BYTES.load(Ordering::Relaxed)), Ordering::Relaxed) };
    }
}

/// All objects that the collector follows, as counted references (`gc.get_objects`).
pub fn followed_objects(thread: &mut Thread) -> Vec<Owned> {
    let _stopped = stop_the_world::stop(thread);
    let mut out = Vec::new();
    for slot in heap::all_slots() {
        // SAFETY: the world is stopped.
        unsafe {
            HeapSlot::visit_objects(slot, |header| {
                if !(*header).has_flag(FLAG_FROZEN) {
                    out.push(Value::from_header(header).to_owned());
                }
            });
        }
    }
    out
}

/// `gc.freeze()` (true) and `gc.unfreeze()` (false); gives the number of frozen objects.
pub fn set_frozen(frozen: bool, thread: &mut Thread) {
    let _stopped = stop_the_world::stop(thread);
    for slot in heap::all_slots() {
        // SAFETY: the world is stopped.
        unsafe {
            HeapSlot::visit_objects(slot, |header| if frozen { (*header).set_flag(FLAG_FROZEN) } else { (*header).clear_flag(FLAG_FROZEN) });
        }
    }
}

pub fn count_frozen(thread: &mut Thread) -> usize {
    let _stopped = stop_the_world::stop(thread);
    let mut n = 0;
    for slot in heap::all_slots() {
        // SAFETY: the world is stopped.
        unsafe { HeapSlot::visit_objects(slot, |header| n += usize::from((*header).has_flag(FLAG_FROZEN))) };
    }
    n
}

/// What the objects refer to. The world is stopped meanwhile: traversal reads what other threads may be changing.
pub fn referents(values: &[Value], thread: &mut Thread) -> Vec<Owned> {
    let _stopped = stop_the_world::stop(thread);
    let mut out = Vec::new();
    for &value in values {
        // SAFETY: a live object, kept alive by the caller; the world is stopped.
        unsafe { for_each_referent(value, |held| out.push(held.to_owned())) };
    }
    out
}

/// All objects that the collector follows, each with whether it refers to one of the values.
pub fn followed_with_referents(wanted: &[Value], thread: &mut Thread) -> Vec<(Owned, bool)> {
    let _stopped = stop_the_world::stop(thread);
    let mut out = Vec::new();
    for slot in heap::all_slots() {
        // SAFETY: the world is stopped.
        unsafe {
            HeapSlot::visit_objects(slot, |header| {
                if !(*header).has_flag(FLAG_FROZEN) {
                    let (object, mut holds) = (Value::from_header(header), false);
                    for_each_referent(object, |held| holds |= wanted.iter().any(|one| one.is(held.unmarked())));
                    out.push((object.to_owned(), holds));
                }
            });
        }
    }
    out
}

/// # Safety
/// The object is alive, the world is stopped.
unsafe fn for_each_referent(value: Value, mut visit: impl FnMut(Value)) {
    if value.is_pointer() {
        if let Some(traverse) = value.type_object().traverse.get() {
            // SAFETY: the caller's.
            unsafe { traverse(value, &mut visit) };
        }
    }
}

/// A full collection. Gives the number of unreachable objects found.
pub fn collect(thread: &mut Thread) -> usize {
    collect_generation(2, thread)
}

/// A collection (always a full one) that is shown as one of the generation.
pub fn collect_generation(generation: usize, thread: &mut Thread) -> usize {
    if COLLECTING.swap(true, Ordering::AcqRel) {
        return 0;
    }
    let had = thread.take_exception();
    call_callbacks("start", generation, 0, thread);
    let start = Instant::now();
    if debug_flags() & DEBUG_STATS != 0 {
        let (n, frozen) = (followed_objects(thread).len(), count_frozen(thread));
        write_to_stderr(&format!("gc: collecting generation {generation}...\ngc: objects in each generation: {n} 0 0\ngc: objects in permanent generation: {frozen}\n"), thread);
    }
    zero_counts::reap(thread);
    let (garbage, pause) = find_garbage(thread);
    let unreachable = garbage.len();
    let mut found = 0;
    if unreachable > 0 {
        found = finish(garbage, thread);
        zero_counts::reap(thread);
    }
    crate::object::lifetime::drain_pending(thread);
    if debug_flags() & DEBUG_STATS != 0 {
        let seconds = start.elapsed().as_secs_f64();
        write_to_stderr(&format!("gc: done, {unreachable} unreachable, 0 uncollectable, {seconds:.4}s elapsed\n"), thread);
        write_to_stderr(&format!("gc: the world was stopped for {:.4}s\n", pause.as_secs_f64()), thread);
    }
    {
        let mut statistics = STATISTICS.lock();
        let of_generation = &mut statistics[generation.min(2)];
        of_generation[0] += 1;
        of_generation[1] += found as u64;
    }
    call_callbacks("stop", generation, found, thread);
    COLLECTING.store(false, Ordering::Release);
    if let Some(had) = had {
        thread.set_exception(had);
    }
    found
}

/// Calls what is in `gc.callbacks`.
fn call_callbacks(phase: &str, generation: usize, found: usize, thread: &mut Thread) {
    let interpreter = thread.interpreter;
    let Some(callbacks) = interpreter.load(&interpreter.gc_callbacks) else { return };
    let callbacks = crate::types::list::ListObject::of(*callbacks).to_vec();
    if callbacks.is_empty() {
        return;
    }
    let info = crate::types::dict::new();
    for (key, number) in [("generation", generation), ("collected", found), ("uncollectable", 0)] {
        crate::types::dict::DictObject::of(*info).set_by_text(key, Owned::usize(number));
    }
    let phase = Owned::str(phase);
    for callback in callbacks {
        if crate::protocol::call::call(*callback, &[*phase, *info], thread).is_err() {
            crate::protocol::finalize::write_unraisable(None, Some(*callback), thread);
        }
    }
}

/// Finds the unreachable objects and takes a reference to each. Gives also how long the world was stopped.
fn find_garbage(thread: &mut Thread) -> (Vec<Owned>, Duration) {
    let stopped = stop_the_world::stop(thread);
    let start = Instant::now();
    // Counts: what queues owe is settled first.
    zero_counts::settle();
    let slots = heap::all_slots();
    // The world is stopped, here and below: objects that are not free are alive, and nobody changes them.
    let mut blocks = heap::Blocks::default();
    for &slot in &slots {
        // SAFETY: see above.
        unsafe {
            HeapSlot::clear_marks(slot);
            HeapSlot::note_blocks(slot, &mut blocks);
        }
    }
    // Most objects are reachable from modules and frames. Words on stacks need not be counted: what they lead to is alive
    // whatever its count.
    let mut roots = Reachable::default();
    let interpreter = thread.interpreter;
    for slot in [&interpreter.modules, &interpreter.sys_dict, &interpreter.builtins_dict, &interpreter.importlib] {
        if let Some(held) = slot.peek() {
            roots.push(held);
        }
    }
    for_each_stack_word(|word| {
        // SAFETY: see above.
        if unsafe { blocks.has_live(word.unmarked().header()) } {
            roots.push(word);
        }
    });
    // SAFETY: see above.
    unsafe { roots.mark(LIVE_BYTES.load(Ordering::Relaxed)) };
    // Of the others, those are alive that are referred to from outside: by native code, by thread states, by what the
    // collector does not follow. They have more references than the others together hold.
    let mut candidates: Vec<*mut Header> = Vec::new();
    let mut bytes = 0;
    for &slot in &slots {
        // SAFETY: see above.
        bytes += unsafe {
            HeapSlot::visit_unmarked(slot, |header| {
                if !(*header).is_immortal() && !(*header).has_flag(FLAG_FROZEN) {
                    HeapSlot::set_count(header, refcount::count(&*header));
                    candidates.push(header);
                }
            })
        };
    }
    for &header in &candidates {
        // SAFETY: see above.
        unsafe {
            if let Some(traverse) = shape::type_of_header(&*header).traverse.get() {
                traverse(Value::from_header(header), &mut |held| {
                    if is_followed(held) {
                        if let Some(count) = HeapSlot::count(held.header()) {
                            // Relaxed: one thread alone counts. Those of marked objects do not matter.
                            count.store(count.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
    }
    let mut held_from_outside = Reachable::default();
    for &header in &candidates {
        // SAFETY: see above.
        if unsafe { HeapSlot::count(header) }.is_some_and(|count| count.load(Ordering::Relaxed) > 0) {
            held_from_outside.push(Value::from_header(header));
        }
    }
    // SAFETY: see above.
    unsafe { held_from_outside.mark(candidates.len() * size_of::<[Header; 4]>()) };
    let mut garbage = Vec::new();
    for header in candidates {
        // SAFETY: see above. Garbage is unreachable but not freed; the reference keeps it until it is cleared.
        unsafe {
            if HeapSlot::is_marked(header) {
                bytes += HeapSlot::block_size(header.cast());
            } else {
                garbage.push(Value::from_header(header).to_owned());
            }
        }
    }
    LIVE_BYTES.store(bytes, Ordering::Relaxed);
    thread_state::reset_gc_bytes();
    for slot in slots {
        // SAFETY: slots are never freed; the world is stopped.
        unsafe {
            HeapSlot::forget_counts(slot);
            (*slot).allocated.store(0, Ordering::Relaxed);
            (*slot).collect_at.store(collect_after(bytes), Ordering::Relaxed);
        }
    }
    reclamation::reclaim_all();
    drop(stopped);
    (garbage, start.elapsed())
}

/// Clears the garbage: weak references and finalizers first; what they bring back to life stays. Gives the number of
/// objects that did not.
fn finish(garbage: Vec<Owned>, thread: &mut Thread) -> usize {
    let (mut with_weakrefs, mut with_finalizer) = (Vec::new(), Vec::new());
    for object in &garbage {
        // SAFETY: held by the vector.
        let header = unsafe { &*object.header() };
        if header.has_flag(FLAG_WEAKREFS) {
            with_weakrefs.push(object);
        }
        if object.type_object().has_finalizer() && !header.has_flag(FLAG_FINALIZED) {
            with_finalizer.push(object);
        }
    }
    // Weak references to garbage are cleared before any finalizer runs; callbacks of references that are not garbage
    // themselves are called.
    if !with_weakrefs.is_empty() {
        let addresses: HashSet<u64> = garbage.iter().map(|object| object.bits()).collect();
        for object in with_weakrefs {
            for reference in crate::types::weakref::references_of(**object) {
                if addresses.contains(&reference.bits()) {
                    crate::types::weakref::forget_callback(*reference);
                }
            }
            crate::types::weakref::run_callbacks_of(object, thread);
        }
    }
    let finalized = !with_finalizer.is_empty();
    // Those written in Python first: they may use what the natives' own would close (an event loop its sockets).
    with_finalizer.sort_by_key(|object| !object.type_object().has_flag(TYPE_HAS_DEL));
    for object in with_finalizer {
        // SAFETY: held by the vector.
        let header = unsafe { &*object.header() };
        // A finalizer may have finalized another of them.
        if !header.has_flag(FLAG_FINALIZED) {
            header.set_flag(FLAG_FINALIZED);
            crate::protocol::finalize::call_finalizer(object, thread);
        }
    }
    let garbage = if finalized { still_garbage(garbage, thread) } else { garbage };
    let (flags, found) = (debug_flags(), garbage.len());
    if flags & DEBUG_COLLECTABLE != 0 {
        for object in &garbage {
            let name = object.type_object().full_name();
            write_to_stderr(&format!("gc: collectable <{name} {:#x}>\n", object.id()), thread);
        }
    }
    if flags & DEBUG_SAVEALL != 0 {
        let interpreter = thread.interpreter;
        if let Some(list) = interpreter.load(&interpreter.gc_garbage) {
            let list = crate::types::list::ListObject::of(*list);
            garbage.into_iter().for_each(|object| list.push(object));
        }
        return found;
    }
    for object in &garbage {
        // SAFETY: held by the vector, reachable from garbage only.
        unsafe {
            if let Some(clear) = object.type_object().clear.get() {
                clear(**object);
            }
        }
    }
    drop(garbage);
    crate::object::lifetime::drain_pending(thread);
    found
}

/// After finalizers have run: objects that are reachable again, and what they lead to, are taken out.
fn still_garbage(garbage: Vec<Owned>, thread: &mut Thread) -> Vec<Owned> {
    let stopped = stop_the_world::stop(thread);
    zero_counts::settle();
    // One reference of each is the vector's own.
    let mut counts: HashMap<u64, i64> =
        // SAFETY: held by the vector.
        garbage.iter().map(|object| (object.bits(), unsafe { refcount::count(&*object.header()) } - 1)).collect();
    for object in &garbage {
        // SAFETY: as above.
        unsafe {
            if let Some(traverse) = object.type_object().traverse.get() {
                traverse(**object, &mut |held| {
                    if held.is_pointer() {
                        if let Some(count) = counts.get_mut(&held.unmarked().bits()) {
                            *count -= 1;
                        }
                    }
                });
            }
        }
    }
    let mut alive: HashSet<u64> = counts.iter().filter(|(_, count)| **count > 0).map(|(address, _)| *address).collect();
    // Finalizers may have shown the objects to other threads, whose stacks need not count them.
    for_each_stack_word(|word| {
        let address = word.unmarked().bits();
        if counts.contains_key(&address) {
            alive.insert(address);
        }
    });
    let mut work: Vec<u64> = alive.iter().copied().collect();
    while let Some(address) = work.pop() {
        // SAFETY: as above.
        unsafe {
            let value = Value::from_header(address as *const Header);
            if let Some(traverse) = value.type_object().traverse.get() {
                traverse(value, &mut |held| {
                    let address = held.unmarked().bits();
                    if counts.contains_key(&address) && alive.insert(address) {
                        work.push(address);
                    }
                });
            }
        }
    }
    let (resurrected, dead): (Vec<Owned>, Vec<Owned>) = garbage.into_iter().partition(|object| alive.contains(&object.bits()));
    drop(stopped);
    drop(resurrected);
    dead
}
