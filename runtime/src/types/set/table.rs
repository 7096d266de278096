//! The block behind a set: one open-addressing table of hashes and keys. Who may call what is said in the parent module.
//!
//! A place is empty (no key, hash not -1), taken, or a dummy (no key, hash -1, which no object has). It goes from empty to
//! taken to dummy and never back: a block whose places have been used up is replaced. So a reader that sees a key sees the
//! hash that was stored before it, or -1 if the key has just gone.

use std::alloc::{Layout, alloc, handle_alloc_error};

use crate::memory::reclamation;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicI64, AtomicUsize, Ordering};

#[repr(C)]
pub struct Place {
    hash: AtomicI64,
    key: Slot,
}

/// The header of a block; `mask + 1` places follow.
#[repr(C)]
pub struct Table {
    mask: usize,
    /// Places that may be used before the block is replaced; 0 for the shared empty block.
    capacity: usize,
    /// Places that are taken or dummies.
    filled: AtomicUsize,
}

const DUMMY_HASH: i64 = -1;
const MIN_SIZE: usize = 8;

#[cfg(not(loom))]
#[repr(C)]
struct SharedEmpty {
    table: Table,
    place: Place,
}

/// The block of all empty sets.
#[cfg(not(loom))]
static SHARED_EMPTY: SharedEmpty = SharedEmpty {
    table: Table { mask: 0, capacity: 0, filled: AtomicUsize::new(0) },
    place: Place { hash: AtomicI64::new(0), key: Slot::empty() },
};

/// A position in the probe sequence.
pub struct Probe {
    index: usize,
    perturb: u64,
    left: usize,
}

impl Table {
    #[cfg(not(loom))]
    pub fn empty() -> *mut Table {
        let _ = &SHARED_EMPTY.place;
        (&raw const SHARED_EMPTY).cast_mut().cast()
    }

    #[cfg(loom)]
    pub fn empty() -> *mut Table {
        let table = Table { mask: 0, capacity: 0, filled: AtomicUsize::new(0) };
        Box::into_raw(Box::new((table, Place { hash: AtomicI64::new(0), key: Slot::empty() }))).cast()
    }

    pub fn is_shared_empty(&self) -> bool {
        self.capacity == 0
    }

    /// The number of places of a block for `n` keys with room to grow.
    pub fn size_for(n: usize) -> usize {
        let wanted = if n > 50_000 { n.saturating_mul(2) } else { n.saturating_mul(4) };
        wanted.max(MIN_SIZE).next_power_of_two()
    }

    fn layout(size: usize) -> Layout {
        // `size` is far below isize::MAX: it follows from keys that exist.
        Layout::from_size_align(size_of::<Table>() + size * size_of::<Place>(), 8).unwrap_or(Layout::new::<u64>())
    }

    pub fn allocate(size: usize) -> *mut Table {
        let layout = Table::layout(size);
        // SAFETY: the layout is not empty; header and places (all zero: empty) are written.
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            block.cast::<Table>().write(Table { mask: size - 1, capacity: size * 3 / 5, filled: AtomicUsize::new(0) });
            for i in 0..size {
                block.cast::<Table>().add(1).cast::<Place>().add(i).write(Place { hash: AtomicI64::new(0), key: Slot::empty() });
            }
            block.cast()
        }
    }

    /// Bytes of the block.
    pub fn size(&self) -> usize {
        if self.is_shared_empty() { 0 } else { Table::layout(self.mask + 1).size() }
    }

    #[inline(always)]
    pub fn n_places(&self) -> usize {
        self.mask + 1
    }

    #[inline(always)]
    fn place(&self, index: usize) -> &Place {
        debug_assert!(index <= self.mask);
        // SAFETY: `mask + 1` initialised places follow the header.
        unsafe { &*std::ptr::from_ref(self).add(1).cast::<Place>().add(index) }
    }

    #[inline(always)]
    pub fn probe(&self, hash: i64) -> Probe {
        Probe { index: hash as usize & self.mask, perturb: hash as u64, left: self.mask + 1 + 64 }
    }

    #[inline(always)]
    fn step(&self, probe: &mut Probe) {
        probe.perturb >>= 5;
        probe.index = (probe.index.wrapping_mul(5).wrapping_add(probe.perturb as usize).wrapping_add(1)) & self.mask;
        probe.left = probe.left.saturating_sub(1);
    }

    /// The next place in probe order whose key has this hash; `None` at the end of the sequence.
    #[inline]
    pub fn next_candidate(&self, probe: &mut Probe, hash: i64) -> Option<(usize, Value)> {
        while probe.left > 0 {
            let index = probe.index;
            let place = self.place(index);
            let key = place.key.peek();
            let own = place.hash.load(Ordering::Relaxed);
            self.step(probe);
            match key {
                Some(key) if own == hash => return Some((index, key)),
                Some(_) => {}
                None if own == DUMMY_HASH => {}
                None => return None,
            }
        }
        None
    }

    #[inline(always)]
    pub fn key_slot(&self, index: usize) -> &Slot {
        &self.place(index).key
    }

    pub fn load_key_locked(&self, index: usize) -> Option<Owned> {
        self.place(index).key.load_locked()
    }

    #[inline]
    pub fn peek_key(&self, index: usize) -> Option<Value> {
        self.place(index).key.peek()
    }

    #[inline]
    pub fn hash_at(&self, index: usize) -> i64 {
        self.place(index).hash.load(Ordering::Relaxed)
    }

    pub fn holds_key(&self, index: usize, key: Value) -> bool {
        self.peek_key(index).is_some_and(|own| own.bits() == key.bits())
    }

    pub fn has_room(&self) -> bool {
        self.filled.load(Ordering::Relaxed) < self.capacity
    }

    /// Stores a key that is absent; there is room.
    pub fn insert_locked(&self, key: Owned, hash: i64) {
        let mut probe = self.probe(hash);
        loop {
            let place = self.place(probe.index);
            if place.key.peek().is_none() && place.hash.load(Ordering::Relaxed) != DUMMY_HASH {
                place.hash.store(hash, Ordering::Relaxed);
                // Release (in the slot): the hash is seen by whoever sees the key.
                drop(place.key.replace_locked(Some(key)));
                self.filled.store(self.filled.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                return;
            }
            self.step(&mut probe);
        }
    }

    pub fn remove_locked(&self, index: usize) -> Option<Owned> {
        let place = self.place(index);
        place.hash.store(DUMMY_HASH, Ordering::Relaxed);
        place.key.replace_locked(None)
    }

    /// A new block of `size` places that the keys of this one are moved to.
    pub fn rebuilt_locked(&self, size: usize) -> *mut Table {
        let new = Table::allocate(size);
        // SAFETY: `new` is ours. Words move without touching counts: this block is retired without its contents, and late
        // readers decide by the objects' headers (try-increment).
        let target = unsafe { &*new };
        for index in 0..self.n_places() {
            if let Some(key) = self.peek_key(index) {
                // SAFETY: the count moves from this block to the new one.
                target.insert_locked(unsafe { Owned::from_raw(key) }, self.hash_at(index));
            }
        }
        new
    }

    /// Frees a block that has been unlinked, after a grace period; its keys are released now if `with_contents`.
    ///
    /// # Safety
    /// The block is unlinked; without `with_contents` its keys have moved elsewhere.
    pub unsafe fn retire(block: *mut Table, with_contents: bool) {
        // SAFETY: the caller's obligation.
        unsafe {
            if (*block).is_shared_empty() {
                return;
            }
            let mut dead = Vec::new();
            if with_contents {
                for index in 0..(*block).n_places() {
                    dead.extend((*block).place(index).key.replace_locked(None));
                }
            }
            let layout = Table::layout((*block).n_places());
            reclamation::retire_raw(block.cast(), layout);
            drop(dead);
        }
    }
}
