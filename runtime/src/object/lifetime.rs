//! Birth and death of objects: allocation, and what happens when a count falls to zero.
//!
//! # Invariants
//! * Nothing here runs Python code. An object whose death might (a `__del__`, a weak reference with a callback) is
//!   revived with one reference and put on its thread's pending list; [`drain_pending`] runs at points that hold the
//!   thread mutably.
//! * Deep structures are torn down with bounded recursion: beyond [`MAX_DEALLOC_DEPTH`] an object waits on the
//!   thread's teardown list until the outermost dealloc works it off.

use crate::memory::heap::{HeapSlot, Kind, MAX_SMALL};
use crate::memory::reclamation;
use crate::object::header::{DEAD, FLAG_FINALIZED, FLAG_GC, FLAG_LARGE, FLAG_WEAKREFS, Header, OWNER_NONE};
pub use crate::object::counting::{
    is_private, release_pointer, release_unless_last, retain_foreign_pointer, retain_pointer, try_retain_own_pointer, try_retain_pointer,
};
use crate::object::refcount::{self, AfterRelease, FREE_THREADED};
use crate::object::shape::{self, ShapeId};
use crate::object::value::{Owned, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::{self, Thread};
use crate::types::type_object::TypeObject;

/// Nested deallocs before the rest is put off.
const MAX_DEALLOC_DEPTH: u32 = 40;

/// Allocates an object of type `ty` and `size` bytes, writes its header with the type's root shape, and lets `init`
/// write the rest, of which nothing is initialised. `None` when there is no memory.
///
/// # Safety
/// `init` writes every field behind the header; `size` is at least that of the layout it writes.
#[inline]
pub unsafe fn allocate(ty: &TypeObject, size: usize, init: impl FnOnce(*mut u8)) -> Option<Owned> {
    let shape = ty.root_shape();
    let slot = thread_state::heap_slot();
    // SAFETY: the slot is this thread's.
    let block = unsafe { HeapSlot::allocate(slot, Kind::Object, size) };
    if block.is_null() {
        return None;
    }
    let mut flags = ty.object_flags();
    if size > MAX_SMALL {
        flags |= FLAG_LARGE;
    }
    // SAFETY: the block is fresh and large enough; its header is written first, field by field where stale readers may
    // look: they find it dead (`shared_refs`) until the owner is stored.
    unsafe {
        let header = block.cast::<Header>();
        if size > MAX_SMALL || !FREE_THREADED {
            header.write(Header::new((*slot).id, flags, shape));
        } else {
            (*header).write_new((*slot).id, flags, shape);
        }
        init(block);
        if flags & FLAG_GC != 0 {
            if size > MAX_SMALL {
                HeapSlot::list_large(slot, block);
            }
            thread_state::count_gc_allocation(slot, size);
        }
        Some(Owned::from_raw(Value::from_header(header)))
    }
}

/// Allocates a fixed-size object and moves `object` in, whose header is filled in here.
#[inline]
pub fn allocate_object<T>(ty: &TypeObject, make: impl FnOnce(Header) -> T) -> Owned {
    // The shape before the size: see `TypeObject::basic_size`.
    let shape = ty.root_shape();
    let size = size_of::<T>().max(ty.basic_size());
    let slot = thread_state::heap_slot();
    // SAFETY: the slot is this thread's.
    let block = unsafe { HeapSlot::allocate(slot, Kind::Object, size) };
    if block.is_null() {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>());
    }
    let mut flags = ty.object_flags();
    if size > MAX_SMALL {
        flags |= FLAG_LARGE;
    }
    // SAFETY: the block is fresh and large enough for `T`; the rest up to the type's basic size is zeroed, which is
    // what empty slots (dict, attributes) look like.
    unsafe {
        block.cast::<T>().write(make(Header::new((*slot).id, flags, shape)));
        if size > size_of::<T>() {
            std::ptr::write_bytes(block.add(size_of::<T>()), 0, size - size_of::<T>());
        }
        if flags & FLAG_GC != 0 {
            if size > MAX_SMALL {
                HeapSlot::list_large(slot, block);
            }
            thread_state::count_gc_allocation(slot, size);
        }
        Owned::from_raw(Value::from_header(block.cast()))
    }
}

/// Does what the counts said after a reference was given back.
///
/// # Safety
/// `after` is what a release of `value` gave, and this is done once.
pub unsafe fn follow_release(value: Value, after: AfterRelease) {
    match after {
        AfterRelease::Alive => {}
        // SAFETY: nobody else can reach the object.
        AfterRelease::Dead => unsafe { dealloc(value) },
        AfterRelease::QueueForOwner => thread_state::queue_for_owner(value),
        AfterRelease::ZeroCount => crate::memory::zero_counts::add(value),
        AfterRelease::Contended => release_contended_slow(value),
    }
}

/// Threads contend for the object's count. It becomes deferred, unless it has a finalizer: that must run when the last
/// reference goes and where it goes, for it may take locks.
#[cold]
fn release_contended_slow(value: Value) {
    // SAFETY: the reference to be given back keeps the object alive.
    let header = unsafe { &*value.header() };
    let after = if shape::type_of_header(header).has_finalizer() { refcount::release_contended(header) } else { refcount::promote_and_release(header) };
    // SAFETY: what the counts said.
    unsafe { follow_release(value, after) };
}

/// Frees a dead object, or puts it off.
///
/// # Safety
/// The count is zero and nobody else can revive the object.
#[inline(never)]
pub unsafe fn dealloc(value: Value) {
    let header = value.header();
    // SAFETY: the object is ours alone.
    unsafe {
        let ty = shape::type_of_header(&*header);
        let needs_python = ((*header).has_flag(FLAG_WEAKREFS) && crate::types::weakref::has_callbacks(value))
            || (ty.has_finalizer() && !(*header).has_flag(FLAG_FINALIZED) && !ty.is_at_rest(value));
        if needs_python {
            refcount::revive(&*header);
            thread_state::add_pending(value);
            return;
        }
        let state = thread_state::dealloc_state();
        if state.depth >= MAX_DEALLOC_DEPTH {
            state.put_off.push(value);
            return;
        }
        state.depth += 1;
        tear_down(value, ty);
        if state.depth == 1 {
            while let Some(next) = state.put_off.pop() {
                tear_down(next, shape::type_of_header(&*next.header()));
            }
        }
        state.depth -= 1;
    }
}

unsafe fn tear_down(value: Value, ty: &TypeObject) {
    let header = value.header();
    // SAFETY: the object is dead; its type's dealloc drops the fields behind the header.
    unsafe {
        if (*header).has_flag(FLAG_WEAKREFS) {
            crate::types::weakref::clear_without_callbacks(value);
        }
        (ty.dealloc_fn())(value);
        free_memory(value);
    }
}

/// Gives the memory of an object back whose fields have been dropped.
///
/// # Safety
/// Nobody uses the object any more.
pub unsafe fn free_memory(value: Value) {
    let header = value.header();
    // SAFETY: the caller's obligation. Lock-free readers may still read the header of a small block (it stays readable)
    // but not that of a large one, which waits for a grace period.
    unsafe {
        let is_large = (*header).has_flag(FLAG_LARGE);
        if (*header).has_flag(FLAG_GC) {
            thread_state::count_gc_release(HeapSlot::block_size(header.cast()));
        }
        if FREE_THREADED && is_large {
            (*header).owner.store(OWNER_NONE, Ordering::Relaxed);
            (*header).shared_refs.store(DEAD, Ordering::Relaxed);
            reclamation::retire_object(header.cast());
            return;
        }
        HeapSlot::free(thread_state::heap_slot(), header.cast(), Kind::Object, is_large);
    }
}

/// Runs the finalizers and weakref callbacks that are due, until none is left.
pub fn drain_pending(thread: &mut Thread) {
    while let Some(value) = thread_state::take_pending() {
        // SAFETY: the pending list owns the one reference that `revive` left.
        let object = unsafe { Owned::from_raw(value) };
        thread_state::hold_pending(|| {
            crate::types::weakref::run_callbacks_of(&object, thread);
            // SAFETY: the object is alive.
            let (header, ty) = unsafe { (&*value.header(), shape::type_of_header(&*value.header())) };
            if ty.has_finalizer() && !header.has_flag(FLAG_FINALIZED) {
                header.set_flag(FLAG_FINALIZED);
                crate::protocol::finalize::call_finalizer(&object, thread);
            }
        });
        drop(object);
    }
}

/// Gives one reference back at a point where Python code may run: what the death sets off runs at once.
#[inline(always)]
pub fn release(value: Owned, thread: &mut Thread) {
    drop(value);
    if thread_state::has_pending() {
        drain_pending(thread);
    }
}

/// The type whose layout number is `shape`.
#[inline(always)]
pub fn type_of_shape(shape: ShapeId) -> &'static TypeObject {
    shape::entry(shape).ty()
}
