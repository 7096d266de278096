//! The state of a dict and what needs no Python code: lookups without the lock, changes with it.
//!
//! # Readers and replaced blocks
//! A block that has been replaced keeps its words without their counts. So a reader that has taken a reference by trial
//! looks whether the block is still in place (what a word of it named may be another object by now), and where trial fails
//! it looks again with the lock held ([`DictObject::load_from`]).

use crate::object::header::Header;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use crate::types::string::StrObject;

use super::table::Keys;

#[repr(C)]
pub struct DictObject {
    pub(super) header: Header,
    pub(super) keys: AtomicPtr<Keys>,
    pub(super) used: AtomicUsize,
    /// Grows with each added or removed key.
    changes: AtomicU32,
}

/// An entry as the iteration functions hand it out.
pub struct Entry {
    pub key: Owned,
    pub value: Owned,
    pub hash: i64,
}

/// An entry that was found, in the block that it was found in.
pub struct Place<'a> {
    keys: &'a Keys,
    pub index: usize,
}

/// The block has been replaced: the reader starts again.
#[derive(Debug)]
pub struct Replaced;

/// What is known about a key with the right hash.
pub enum Verdict {
    Same,
    Other,
    /// Python code was asked: the dict may have changed.
    Asked {
        equal: bool,
        /// The key, as a word to compare: it has been given back.
        key: Value,
    },
}

impl DictObject {
    pub(super) fn with_keys(header: Header, keys: *mut Keys) -> DictObject {
        DictObject { header, keys: AtomicPtr::new(keys), used: AtomicUsize::new(0), changes: AtomicU32::new(0) }
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

    /// The current block. Valid until the next safepoint of this thread.
    #[inline(always)]
    pub(crate) fn keys(&self) -> &Keys {
        // SAFETY: never null; a replaced block outlives this thread's next safepoint.
        // Acquire: pairs with the Release that publishes a block.
        unsafe { &*self.keys.load(Ordering::Acquire) }
    }

    /// Whether the block is in place. Without a GIL it may be replaced at any time.
    #[inline(always)]
    fn is_current(&self, keys: &Keys) -> bool {
        #[cfg(loom)]
        if crate::sync::modelled::leaves_out("second look") {
            return true;
        }
        !FREE_THREADED || std::ptr::eq(keys, self.keys())
    }

    /// A counted reference to what a slot of block `keys` holds.
    #[inline(always)]
    fn load_from(&self, keys: &Keys, slot: &Slot) -> Result<Option<Owned>, Replaced> {
        match slot.load_unlocked() {
            Ok(value) if self.is_current(keys) => Ok(value),
            _ => self.load_from_locked_slow(keys, slot),
        }
    }

    #[cold]
    fn load_from_locked_slow(&self, keys: &Keys, slot: &Slot) -> Result<Option<Owned>, Replaced> {
        let _guard = self.header.lock_leaf();
        if std::ptr::eq(keys, self.keys()) { Ok(slot.load_locked()) } else { Err(Replaced) }
    }

    /// The value of an entry that was found; none if it has been emptied.
    #[inline]
    pub fn load_value(&self, place: &Place<'_>) -> Result<Option<Owned>, Replaced> {
        self.load_from(place.keys, place.keys.value_slot(place.index))
    }

    /// Where a string key lies in block `keys`.
    #[inline(always)]
    fn find_str_in(&self, keys: &Keys, key: Value, text: &StrObject) -> Result<Option<usize>, Replaced> {
        if !FREE_THREADED || !crate::threads::thread_state::has_other_threads() {
            return Ok(keys.find_str_locked(key, text));
        }
        #[cfg(loom)]
        if crate::sync::modelled::leaves_out("hold") {
            return Ok(keys.find_str_locked(key, text));
        }
        keys.find_str(key, text, |slot| self.load_from(keys, slot))
    }

    /// Looks up a string key whose `__eq__` is `str`'s: never runs Python code unless the dict holds keys of other
    /// types with the same hash. Returns `None` also in that rare case's failure to find it by identity or text.
    #[inline]
    pub fn get_str(&self, key: Value) -> Option<Owned> {
        let text = StrObject::of(key);
        let keys = self.keys();
        match self.find_str_in(keys, key, text) {
            Ok(None) => return None,
            Ok(Some(index)) => {
                if let Ok(Some(value)) = self.load_from(keys, keys.value_slot(index)) {
                    return Some(value);
                }
            }
            Err(Replaced) => {}
        }
        // Deleted, moved, or in another block by now.
        self.get_str_locked_slow(key, text)
    }

    /// As [`DictObject::get_str`] for a key that may be found at entry `hint`.
    #[inline]
    pub fn get_str_at(&self, hint: usize, key: Value) -> Option<Owned> {
        let keys = self.keys();
        if keys.holds_key(hint, key) {
            if let Ok(Some(value)) = self.load_from(keys, keys.value_slot(hint)) {
                return Some(value);
            }
        }
        self.get_str(key)
    }

    /// The number of the entry with a string key, as a hint.
    pub fn entry_of_str(&self, key: Value) -> Option<usize> {
        self.find_str_in(self.keys(), key, StrObject::of(key)).ok()?
    }

    #[cold]
    fn get_str_locked_slow(&self, key: Value, text: &StrObject) -> Option<Owned> {
        let _guard = self.header.lock_leaf();
        let keys = self.keys();
        keys.load_value_locked(keys.find_str_locked(key, text)?)
    }

    /// As [`DictObject::get_str`] if the value is deferred (see [`Slot::peek_deferred`]): `None` says nothing.
    pub fn peek_str_deferred(&self, key: Value) -> Option<Value> {
        let keys = self.keys();
        let index = self.find_str_in(keys, key, StrObject::of(key)).ok()??;
        keys.value_slot(index).peek_deferred().filter(|_| self.is_current(keys))
    }

    /// Finds an entry by its key's hash. `at_a_glance` may decide from a key's word, `decide` has a reference.
    #[inline(always)]
    pub fn find_by<E>(
        &self,
        hash: i64,
        at_a_glance: impl Fn(Value) -> Option<bool>,
        mut decide: impl FnMut(Owned) -> Result<Verdict, E>,
    ) -> Result<Option<Place<'_>>, E> {
        'restart: loop {
            let keys = self.keys();
            let mut probe = keys.probe(hash);
            loop {
                let Some(index) = keys.next_candidate(&mut probe, hash) else { return Ok(None) };
                match keys.peek_key(index).and_then(&at_a_glance) {
                    Some(true) => return Ok(Some(Place { keys, index })),
                    Some(false) => continue,
                    None => {}
                }
                let candidate = match self.load_from(keys, keys.key_slot(index)) {
                    Ok(Some(candidate)) => candidate,
                    Ok(None) => continue,
                    Err(Replaced) => continue 'restart,
                };
                match decide(candidate)? {
                    Verdict::Same => return Ok(Some(Place { keys, index })),
                    Verdict::Other => {}
                    // The comparison may have run anything: the block may be gone.
                    Verdict::Asked { key, .. } if !std::ptr::eq(self.keys(), keys) || !self.keys().holds_key(index, key) => continue 'restart,
                    Verdict::Asked { equal: true, .. } => return Ok(Some(Place { keys, index })),
                    Verdict::Asked { .. } => {}
                }
            }
        }
    }

    /// Stores under a string key without running Python code; for namespaces that native code builds. The old value is
    /// handed out.
    pub fn set_str(&self, key: Value, value: Owned) -> Option<Owned> {
        let string = StrObject::of(key);
        let _guard = self.header.lock_leaf();
        match self.keys().find_str_locked(key, string) {
            Some(index) => self.keys().replace_value_locked(index, value),
            None => {
                self.insert_locked(key, string.hash(), value);
                None
            }
        }
    }

    /// Appends an entry; the caller holds the lock and knows that the key is absent.
    pub(super) fn insert_locked(&self, key: Value, hash: i64, value: Owned) {
        if !self.keys().has_room() {
            self.resize_locked(self.len() + 1);
        }
        let keys = self.keys();
        keys.reset_version();
        keys.append_locked(key.to_owned(), hash, value);
        self.used.store(self.len() + 1, Ordering::Relaxed);
        self.note_change();
    }

    /// Moves the entries to a new block with room to grow.
    fn resize_locked(&self, at_least: usize) {
        self.resize_with_gap_locked(at_least, 0);
    }

    /// As `resize_locked`, with room for `gap` entries before the first.
    pub(super) fn resize_with_gap_locked(&self, at_least: usize, gap: usize) {
        let old = self.keys.load(Ordering::Relaxed);
        // SAFETY: the current block, which only the lock holder replaces.
        let new = unsafe { (*old).rebuilt_locked(Keys::log2_for((at_least + gap).saturating_mul(3) / 2 + 1), gap) };
        // Release: the block is complete before it can be found.
        self.keys.store(new, Ordering::Release);
        // SAFETY: unlinked; its references have moved to the new block.
        unsafe { Keys::retire(old, false) };
    }

    /// Makes room for `n` entries in an empty dict, as a hint.
    pub fn reserve(&self, n: usize) {
        let _guard = self.header.lock_leaf();
        let old = self.keys.load(Ordering::Relaxed);
        // SAFETY: the current block.
        if !self.is_empty() || !unsafe { (*old).is_shared_empty() } {
            return;
        }
        // SAFETY: as in `resize_with_gap_locked`.
        let new = unsafe { (*old).rebuilt_locked(Keys::log2_for(n), 0) };
        self.keys.store(new, Ordering::Release);
        // SAFETY: as in `resize_with_gap_locked`.
        unsafe { Keys::retire(old, false) };
    }

    /// Removes a string key without running Python code.
    pub fn remove_str(&self, key: Value) -> Option<Owned> {
        let string = StrObject::of(key);
        let guard = self.header.lock_leaf();
        let index = self.keys().find_str_locked(key, string)?;
        let removed = self.remove_index_locked(index, string.hash(), false);
        drop(guard);
        removed.map(|(_, value)| value)
    }

    pub(super) fn remove_index_locked(&self, index: usize, hash: i64, is_last: bool) -> Option<(Owned, Owned)> {
        let keys = self.keys();
        keys.reset_version();
        let removed = keys.remove_locked(index, hash, is_last)?;
        self.used.store(self.len() - 1, Ordering::Relaxed);
        self.note_change();
        Some(removed)
    }

    /// The live entry at or after `position`, which is moved behind it. For iterators and native loops; an entry added
    /// or removed meanwhile may or may not be seen.
    #[inline]
    pub fn next_entry(&self, position: &mut usize) -> Option<Entry> {
        loop {
            let keys = self.keys();
            let index = *position;
            if index >= keys.n_entries() {
                return None;
            }
            *position = index + 1;
            match (self.load_from(keys, keys.key_slot(index)), self.load_from(keys, keys.value_slot(index))) {
                (Ok(Some(key)), Ok(Some(value))) => return Some(Entry { key, value, hash: keys.entry_hash(index) }),
                (Ok(_), Ok(_)) => {}
                _ => *position = index,
            }
        }
    }

    /// As [`DictObject::next_entry`], the key alone.
    #[inline]
    pub fn next_key(&self, position: &mut usize) -> Option<Owned> {
        loop {
            let keys = self.keys();
            let index = *position;
            if index >= keys.n_entries() {
                return None;
            }
            *position = index + 1;
            match self.load_from(keys, keys.key_slot(index)) {
                Ok(None) => {}
                Ok(key) => return key,
                Err(Replaced) => *position = index,
            }
        }
    }

    /// As [`DictObject::next_entry`], the value alone.
    #[inline]
    pub fn next_value(&self, position: &mut usize) -> Option<Owned> {
        loop {
            let keys = self.keys();
            let index = *position;
            if index >= keys.n_entries() {
                return None;
            }
            *position = index + 1;
            match self.load_from(keys, keys.value_slot(index)) {
                Ok(None) => {}
                Ok(value) => return value,
                Err(Replaced) => *position = index,
            }
        }
    }

    /// The live entry before `position`, which is moved to it.
    pub fn previous_entry(&self, position: &mut usize) -> Option<Entry> {
        loop {
            let keys = self.keys();
            // Beyond the end: the entries are not those that the iteration began with.
            if *position > keys.n_entries() {
                return None;
            }
            *position = position.checked_sub(1)?;
            let index = *position;
            match (self.load_from(keys, keys.key_slot(index)), self.load_from(keys, keys.value_slot(index))) {
                (Ok(Some(key)), Ok(Some(value))) => return Some(Entry { key, value, hash: keys.entry_hash(index) }),
                (Ok(_), Ok(_)) => {}
                _ => *position = index + 1,
            }
        }
    }

    /// All entries at one moment.
    pub fn entries(&self) -> Vec<Entry> {
        let _guard = self.header.lock_leaf();
        let keys = self.keys();
        let mut out = Vec::with_capacity(self.len());
        for index in 0..keys.n_entries() {
            if let (Some(key), Some(value)) = (keys.load_key_locked(index), keys.load_value_locked(index)) {
                out.push(Entry { key, value, hash: keys.entry_hash(index) });
            }
        }
        out
    }

    /// The version that a cache cell can name (0: none can be given) and the place of `key`'s value in the current block.
    pub fn cacheable_place(&self, key: Value) -> (u32, Option<usize>) {
        let _guard = self.header.lock_leaf();
        let keys = self.keys();
        if !keys.is_all_strings() {
            return (0, None);
        }
        (keys.take_version_locked(), keys.find_str_locked(key, StrObject::of(key)).map(|index| keys.place_of_value(index)))
    }

    /// The block with the slot at a place, if it still has the version that was given with it.
    #[inline(always)]
    fn cached_slot(&self, version: u32, place: usize) -> Option<(&Keys, &Slot)> {
        let keys = self.keys();
        // SAFETY: a version belongs to one block.
        if keys.version() == version { Some((keys, unsafe { keys.value_at(place) })) } else { None }
    }

    /// If the block still has `version`, the value at `place`.
    #[inline(always)]
    pub fn get_cached(&self, version: u32, place: usize) -> Option<Owned> {
        let (keys, slot) = self.cached_slot(version, place)?;
        self.load_from(keys, slot).ok()?
    }

    /// If the block still has `version`, the value at `place` as a word for a stack (see [`Slot::load_word`]).
    #[inline(always)]
    pub fn get_cached_word(&self, version: u32, place: usize) -> Option<u64> {
        let (keys, slot) = self.cached_slot(version, place)?;
        match slot.peek_deferred().filter(|_| self.is_current(keys)) {
            Some(value) => Some(value.deferred_borrowed().bits()),
            None => Some(self.load_from(keys, slot).ok()??.into_raw().bits()),
        }
    }

    /// As [`DictObject::get_cached`] where that needs no atomic operation: `None` says nothing.
    #[inline(always)]
    pub fn get_cached_own(&self, version: u32, place: usize) -> Option<Owned> {
        self.cached_slot(version, place)?.1.load_own()
    }

    /// Whether the block still has `version`.
    #[inline(always)]
    pub fn has_version(&self, version: u32) -> bool {
        self.keys().version() == version
    }

    /// If the block still has `version`, the value at `place` without a count.
    #[inline(always)]
    pub fn peek_cached(&self, version: u32, place: usize) -> Option<Value> {
        self.cached_slot(version, place)?.1.peek()
    }
}
