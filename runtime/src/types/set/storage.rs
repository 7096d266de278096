//! The state of a set and what needs no Python code: lookups without the lock, changes with it.
//!
//! Readers and replaced blocks: as in dict/storage.rs.

use crate::object::header::Header;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::table::Table;

#[repr(C)]
pub struct SetObject {
    pub(super) header: Header,
    pub(super) table: AtomicPtr<Table>,
    pub(super) used: AtomicUsize,
    /// The cached hash of a frozenset, `u64::MAX` while unknown.
    pub(super) hash: AtomicU64,
    /// Where `pop` looks first.
    finger: AtomicUsize,
    /// Grows with each added or removed key.
    changes: AtomicU32,
}

/// A key with its hash.
pub struct Entry {
    pub key: Owned,
    pub hash: i64,
}

/// The block has been replaced: the reader starts again.
#[derive(Debug)]
pub struct Replaced;

/// What is known about a key with the right hash.
pub enum Verdict {
    Same,
    Other,
    /// Python code was asked: the set may have changed.
    Asked {
        equal: bool,
        /// The key, as a word to compare: it has been given back.
        key: Value,
    },
}

impl SetObject {
    pub fn empty(header: Header) -> SetObject {
        SetObject {
            header,
            table: AtomicPtr::new(Table::empty()),
            used: AtomicUsize::new(0),
            hash: AtomicU64::new(u64::MAX),
            finger: AtomicUsize::new(0),
            changes: AtomicU32::new(0),
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        // Relaxed: a snapshot.
        self.used.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number that changes whenever a key is added or removed.
    #[inline(always)]
    pub fn changes(&self) -> u32 {
        // Acquire: pairs with the Release in `note_change`; a search that begins after this sees what it stands for.
        self.changes.load(Ordering::Acquire)
    }

    /// A key has been added or removed, with the lock held.
    #[inline(always)]
    pub(super) fn note_change(&self) {
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    #[inline(always)]
    pub(super) fn table(&self) -> &Table {
        // SAFETY: never null; a replaced block outlives this thread's next safepoint.
        // Acquire: pairs with the Release that publishes a block.
        unsafe { &*self.table.load(Ordering::Acquire) }
    }

    /// Bytes of the block.
    pub fn table_size(&self) -> usize {
        self.table().size()
    }

    /// A counted reference to the key at `index` of block `table`.
    #[inline(always)]
    fn load_from(&self, table: &Table, index: usize) -> Result<Option<Owned>, Replaced> {
        match table.key_slot(index).load_unlocked() {
            Ok(key) if self.is_current(table) => Ok(key),
            _ => self.load_from_locked_slow(table, index),
        }
    }

    /// Whether the block is in place. Without a GIL it may be replaced at any time.
    #[inline(always)]
    fn is_current(&self, table: &Table) -> bool {
        #[cfg(loom)]
        if crate::sync::modelled::leaves_out("second look") {
            return true;
        }
        !FREE_THREADED || std::ptr::eq(table, self.table())
    }

    #[cold]
    fn load_from_locked_slow(&self, table: &Table, index: usize) -> Result<Option<Owned>, Replaced> {
        let _guard = self.header.lock_leaf();
        if std::ptr::eq(table, self.table()) { Ok(table.load_key_locked(index)) } else { Err(Replaced) }
    }

    /// Finds a place by its key's hash. `at_a_glance` may recognise a key by its word, `decide` has a reference.
    #[inline(always)]
    pub fn find_by<E>(
        &self,
        hash: i64,
        at_a_glance: impl Fn(Value) -> bool,
        mut decide: impl FnMut(Owned) -> Result<Verdict, E>,
    ) -> Result<Option<usize>, E> {
        'restart: loop {
            let table = self.table();
            let mut probe = table.probe(hash);
            loop {
                let Some((index, seen)) = table.next_candidate(&mut probe, hash) else { return Ok(None) };
                if at_a_glance(seen) {
                    return Ok(Some(index));
                }
                let candidate = match self.load_from(table, index) {
                    Ok(Some(candidate)) => candidate,
                    Ok(None) => continue,
                    Err(Replaced) => continue 'restart,
                };
                match decide(candidate)? {
                    Verdict::Same => return Ok(Some(index)),
                    Verdict::Other => {}
                    // The comparison may have run anything: the block may be gone.
                    Verdict::Asked { key, .. } if !std::ptr::eq(self.table(), table) || !table.holds_key(index, key) => continue 'restart,
                    Verdict::Asked { equal: true, .. } => return Ok(Some(index)),
                    Verdict::Asked { .. } => {}
                }
            }
        }
    }

    /// Adds a key that the caller knows to be absent, holding the lock or the only reference.
    pub(super) fn insert_locked(&self, key: Value, hash: i64) {
        if !self.table().has_room() {
            let old = self.table.load(Ordering::Relaxed);
            let size = Table::size_for(self.len() + 1);
            // SAFETY: the current block, which only the lock holder replaces.
            let new = unsafe { (*old).rebuilt_locked(size) };
            // Release: the block is complete before it can be found.
            self.table.store(new, Ordering::Release);
            // SAFETY: unlinked; its keys have moved.
            unsafe { Table::retire(old, false) };
        }
        self.table().insert_locked(key.to_owned(), hash);
        self.used.store(self.len() + 1, Ordering::Relaxed);
        self.note_change();
    }

    pub(super) fn remove_index_locked(&self, index: usize) -> Option<Owned> {
        let removed = self.table().remove_locked(index)?;
        self.used.store(self.len() - 1, Ordering::Relaxed);
        self.note_change();
        Some(removed)
    }

    /// Removes any key.
    pub fn pop_any(&self) -> Option<Owned> {
        let _guard = self.header.lock_leaf();
        if self.is_empty() {
            return None;
        }
        let table = self.table();
        let n = table.n_places();
        let start = self.finger.load(Ordering::Relaxed);
        let index = (0..n).map(|i| start.wrapping_add(i) % n).find(|&index| table.peek_key(index).is_some())?;
        self.finger.store(index + 1, Ordering::Relaxed);
        self.remove_index_locked(index)
    }

    /// The key at or after `position`, which is moved behind it.
    #[inline]
    pub fn next_entry(&self, position: &mut usize) -> Option<Entry> {
        loop {
            let table = self.table();
            let index = *position;
            if index >= table.n_places() {
                return None;
            }
            *position = index + 1;
            if table.peek_key(index).is_none() {
                continue;
            }
            match self.load_from(table, index) {
                Ok(Some(key)) => return Some(Entry { key, hash: table.hash_at(index) }),
                Ok(None) => {}
                Err(Replaced) => *position = index,
            }
        }
    }

    /// All keys at one moment.
    pub fn entries(&self) -> Vec<Entry> {
        let _guard = self.header.lock_leaf();
        let table = self.table();
        let mut out = Vec::with_capacity(self.len());
        for index in 0..table.n_places() {
            if let Some(key) = table.load_key_locked(index) {
                out.push(Entry { key, hash: table.hash_at(index) });
            }
        }
        out
    }

    /// Fills an empty set that nobody else sees with distinct keys.
    pub(super) fn fill_new(&self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        if self.table().is_shared_empty() {
            self.table.store(Table::allocate(Table::size_for(entries.len()).max(8)), Ordering::Relaxed);
        }
        for entry in entries {
            self.insert_locked(*entry.key, entry.hash);
        }
    }
}
