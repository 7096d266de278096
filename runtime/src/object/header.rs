//! The 16-byte header at the start of every heap object, in both builds.
//!
//! # Who may touch what
//! * `local_refs`: the owner thread only (`pyrt`: the holder of the GIL). A free block keeps its free-list link here.
//! * `owner`: written when the object is made, when its counts are merged and when a heap slot is adopted.
//! * `lock`: any thread, by compare-exchange (object/lock.rs).
//! * `flags`: any thread, by atomic or; bits are only cleared by dealloc.
//! * `shared_refs`: any thread, by compare-exchange (object/refcount.rs). [`DEAD`] in a free block.
//! * `shape`: any thread may read; written under the object lock (a store of the shape follows that of the value).
//!
//! Every access goes through the atomics, also in free blocks: stale readers may look at any time (PROTOCOLS M5).

use crate::sync::{AtomicU8, AtomicU16, AtomicU32, Ordering};

/// The number of a shape: an index into the shape table.
pub type ShapeId = u32;

/// Object header. ORDER Header: the eval loop and memory/heap.rs rely on these offsets.
#[repr(C)]
pub struct Header {
    pub(crate) local_refs: AtomicU32,
    pub(crate) owner: AtomicU16,
    pub(crate) lock: AtomicU8,
    pub(crate) flags: AtomicU8,
    pub(crate) shared_refs: AtomicU32,
    pub(crate) shape: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Header>() == 16);

/// `owner` of an object that no thread owns: merged, or a free block.
pub const OWNER_NONE: u16 = 0;
/// `owner` of an object born immortal: its counts never move.
pub const OWNER_IMMORTAL: u16 = 0xFFFF;

/// A count that has reached this value is sticky: the object is never freed (PROTOCOLS M7).
pub const STICKY: u32 = 1 << 28;

/// `shared_refs` of a free block: a reader that still holds the address must not revive it.
pub const DEAD: u32 = u32::MAX;

/// Set on objects whose stack references need not be counted (`pyrt-t` only; object/refcount.rs). It is cleared when
/// the zero-count list has found that nobody uses the object.
pub const FLAG_DEFERRED: u8 = 1 << 0;
/// The object has been finalized (`__del__` ran); it will not run again (PEP 442).
pub const FLAG_FINALIZED: u8 = 1 << 1;
/// Weak references to the object exist or existed: dealloc must clear them.
pub const FLAG_WEAKREFS: u8 = 1 << 2;
/// The block does not lie in a size-class page but came from the system allocator.
pub const FLAG_LARGE: u8 = 1 << 3;
/// The cycle collector follows the object.
pub const FLAG_GC: u8 = 1 << 4;
/// `gc.freeze()` moved the object out of the collector's sight.
pub const FLAG_FROZEN: u8 = 1 << 5;
/// Type-specific bit (str: interned; function: has been specialised; generator: running).
pub const FLAG_TYPE_0: u8 = 1 << 6;
/// Type-specific bit.
pub const FLAG_TYPE_1: u8 = 1 << 7;

impl Header {
    /// A header of an object with one reference, owned by heap slot `owner`.
    #[inline]
    pub fn new(owner: u16, flags: u8, shape: ShapeId) -> Header {
        Header {
            local_refs: AtomicU32::new(1),
            owner: AtomicU16::new(owner),
            lock: AtomicU8::new(0),
            flags: AtomicU8::new(flags),
            shared_refs: AtomicU32::new(0),
            shape: AtomicU32::new(shape),
        }
    }

    /// A header of an object that is never freed.
    #[cfg(not(loom))]
    pub const fn immortal(shape: ShapeId) -> Header {
        Header {
            local_refs: AtomicU32::new(STICKY),
            owner: AtomicU16::new(OWNER_IMMORTAL),
            lock: AtomicU8::new(0),
            flags: AtomicU8::new(0),
            shared_refs: AtomicU32::new(0),
            shape: AtomicU32::new(shape),
        }
    }

    /// Fills in the header of a block whose old header stale readers may still look at: they find it dead until this is
    /// done.
    #[inline(always)]
    pub fn write_new(&self, owner: u16, flags: u8, shape: ShapeId) {
        // Relaxed: who gets a reference to the object gets it by a word that is published later.
        self.local_refs.store(1, Ordering::Relaxed);
        self.lock.store(0, Ordering::Relaxed);
        self.flags.store(flags, Ordering::Relaxed);
        self.shape.store(shape, Ordering::Relaxed);
        self.owner.store(owner, Ordering::Relaxed);
        // Release: a stale reader that sees this word as alive sees the rest of the header.
        self.shared_refs.store(0, Ordering::Release);
    }

    /// Makes an unused block read as free, with its link in a free list.
    #[inline(always)]
    pub fn write_free(&self, link: u32) {
        // Relaxed: whoever still reads this block finds it dead whatever the order.
        self.owner.store(OWNER_NONE, Ordering::Relaxed);
        self.flags.store(0, Ordering::Relaxed);
        self.lock.store(0, Ordering::Relaxed);
        self.shared_refs.store(DEAD, Ordering::Relaxed);
        self.local_refs.store(link, Ordering::Relaxed);
    }

    #[inline(always)]
    pub fn shape(&self) -> ShapeId {
        // Acquire: pairs with the Release in `set_shape`, so that the value of a new attribute is seen with its shape.
        self.shape.load(Ordering::Acquire)
    }

    #[inline]
    pub fn set_shape(&self, shape: ShapeId) {
        // Release: pairs with `shape`.
        self.shape.store(shape, Ordering::Release);
    }

    #[inline(always)]
    pub fn has_flag(&self, flag: u8) -> bool {
        // Relaxed: each flag stands for itself; what depends on it is published by other words.
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    #[inline]
    pub fn set_flag(&self, flag: u8) {
        // Release: a stale reader that finds the flag of what is in the block now (`is_deferred`) sees that its slot holds
        // something else. Under the GIL nobody writes in between.
        if crate::object::refcount::FREE_THREADED {
            self.flags.fetch_or(flag, Ordering::Release);
        } else {
            self.flags.store(self.flags.load(Ordering::Relaxed) | flag, Ordering::Relaxed);
        }
    }

    /// Clears a flag; only the sole user of the object may (dealloc, the collector in a stopped world).
    #[inline]
    pub fn clear_flag(&self, flag: u8) {
        // Relaxed: see `has_flag`.
        self.flags.fetch_and(!flag, Ordering::Relaxed);
    }

    /// Makes a fresh object deferred: it is born without an owner, its one reference a shared one. Nothing in `pyrt`.
    #[inline]
    pub fn born_deferred(&self) {
        if crate::object::refcount::FREE_THREADED {
            // Release: nobody else has seen the object, but stale readers may look at its block (see `set_flag`).
            self.local_refs.store(0, Ordering::Relaxed);
            self.owner.store(OWNER_NONE, Ordering::Relaxed);
            self.shared_refs.store(crate::object::refcount::BORN_DEFERRED, Ordering::Release);
            self.flags.fetch_or(FLAG_DEFERRED, Ordering::Release);
        }
    }

    /// Whether words on stacks may use the object without a count.
    #[inline(always)]
    pub fn is_deferred(&self) -> bool {
        // Acquire: a slot that is read again after this is not read before it.
        crate::object::refcount::FREE_THREADED && self.flags.load(Ordering::Acquire) & FLAG_DEFERRED != 0
    }

    /// Whether this is the header of a free block.
    #[inline]
    pub fn is_dead(&self) -> bool {
        // Relaxed: for looks at a stopped world.
        self.shared_refs.load(Ordering::Relaxed) == DEAD
    }

    #[inline(always)]
    pub fn is_immortal(&self) -> bool {
        // Relaxed: an object is born immortal or made so by its only user.
        self.owner.load(Ordering::Relaxed) == OWNER_IMMORTAL
    }

    /// Makes the object immortal. The caller is its only user, or the world is stopped.
    pub fn make_immortal(&self) {
        // Relaxed: see above.
        self.owner.store(OWNER_IMMORTAL, Ordering::Relaxed);
        self.local_refs.store(STICKY, Ordering::Relaxed);
    }
}
