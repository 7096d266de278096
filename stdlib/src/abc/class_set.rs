//! A set of classes, by their serial numbers, that is read without a lock.
//!
//! # Invariants
//! * A table is an array of numbers, 0 for empty, probed linearly; numbers are only ever added to a table. It is
//!   replaced when it gets full and when the set is emptied; the old one is freed after a grace period, so that a reader
//!   may use what it has loaded until its next safepoint.
//! * Serial numbers are never used again, so a number of a dead class is never asked for.
//! * Writers hold the lock of the owner's header.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

use pyrt_runtime::memory::reclamation;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::value::Owned;
use pyrt_runtime::sync::{AtomicPtr, AtomicU64, Ordering};

#[repr(C)]
struct Table {
    /// A power of two.
    n_slots: usize,
}

const FIRST_SIZE: usize = 8;

impl Table {
    fn layout(n_slots: usize) -> Layout {
        // At most twice the number of classes: far below isize::MAX.
        Layout::from_size_align(size_of::<Table>() + n_slots * 8, 8).unwrap_or(Layout::new::<u64>())
    }

    fn allocate(n_slots: usize) -> *mut Table {
        let layout = Table::layout(n_slots);
        // SAFETY: the layout is not empty; zero is a valid number in every slot.
        unsafe {
            let table = alloc_zeroed(layout).cast::<Table>();
            if table.is_null() {
                handle_alloc_error(layout);
            }
            (*table).n_slots = n_slots;
            table
        }
    }

    fn slots(&self) -> &[AtomicU64] {
        // SAFETY: `n_slots` numbers follow the head.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).add(1).cast(), self.n_slots) }
    }

    fn contains(&self, serial: u64) -> bool {
        let slots = self.slots();
        let mask = slots.len() - 1;
        let mut at = serial as usize & mask;
        for _ in 0..slots.len() {
            // Relaxed: the number says all.
            match slots[at].load(Ordering::Relaxed) {
                0 => return false,
                found if found == serial => return true,
                _ => at = (at + 1) & mask,
            }
        }
        false
    }

    fn insert(&self, serial: u64) {
        let slots = self.slots();
        let mask = slots.len() - 1;
        let mut at = serial as usize & mask;
        while slots[at].load(Ordering::Relaxed) != 0 {
            at = (at + 1) & mask;
        }
        slots[at].store(serial, Ordering::Relaxed);
    }
}

pub struct ClassSet {
    /// Null while the set is empty.
    table: AtomicPtr<Table>,
    /// The numbers with weak references to their classes, for `_get_dump`.
    members: Guarded<Vec<(u64, Owned)>>,
}

impl ClassSet {
    pub fn new() -> ClassSet {
        ClassSet { table: AtomicPtr::new(std::ptr::null_mut()), members: Guarded::new(Vec::new()) }
    }

    /// Whether the class with this number is in the set.
    #[inline]
    pub fn contains(&self, serial: u64) -> bool {
        // Acquire: pairs with the Release that publishes a table.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: a replaced table outlives this thread's next safepoint.
        !table.is_null() && unsafe { &*table }.contains(serial)
    }

    /// Adds a class. False if it is there already.
    pub fn insert(&self, owner: &Header, serial: u64, reference: Owned) -> bool {
        let mut reference = Some(reference);
        let (is_new, old) = self.members.with(owner, |members| {
            if self.contains(serial) {
                return (false, std::ptr::null_mut());
            }
            let mut old = std::ptr::null_mut();
            let table = self.table.load(Ordering::Relaxed);
            // SAFETY: the current table, which only the lock holder replaces.
            let n_slots = if table.is_null() { 0 } else { unsafe { (*table).n_slots } };
            if (members.len() + 1) * 2 > n_slots {
                let new = Table::allocate((n_slots * 2).max(FIRST_SIZE));
                for (member, _) in members.iter() {
                    // SAFETY: just made.
                    unsafe { &*new }.insert(*member);
                }
                // Release: the table is complete before it can be found.
                self.table.store(new, Ordering::Release);
                old = table;
            }
            // SAFETY: the current table; it has room.
            unsafe { &*self.table.load(Ordering::Relaxed) }.insert(serial);
            members.extend(reference.take().map(|reference| (serial, reference)));
            (true, old)
        });
        retire(old);
        is_new
    }

    /// Removes everything.
    pub fn clear(&self, owner: &Header) {
        let (members, old) = self.members.with(owner, |members| {
            (std::mem::take(members), self.table.swap(std::ptr::null_mut(), Ordering::AcqRel))
        });
        retire(old);
        drop(members);
    }

    /// Weak references to the members.
    pub fn references(&self, owner: &Header) -> Vec<Owned> {
        self.members.with(owner, |members| members.iter().map(|(_, reference)| reference.clone()).collect())
    }
}

/// Frees a table that has been unlinked, after a grace period.
fn retire(table: *mut Table) {
    if !table.is_null() {
        // SAFETY: unlinked; allocated with this layout.
        unsafe { reclamation::retire_raw(table.cast(), Table::layout((*table).n_slots)) };
    }
}

impl Drop for ClassSet {
    fn drop(&mut self) {
        retire(self.table.load(Ordering::Relaxed));
    }
}
