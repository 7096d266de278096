//! `dict`: compact and ordered, with lock-free lookups.
//!
//! # Layout
//! A [`DictObject`] points to a [`Keys`] block: an open-addressing table of entry indices, then the entries in
//! insertion order. Entries are only ever appended to a block; deleting empties an entry and leaves a dummy index, and
//! neither is used again until the dict gets a new block. So a reader that has found a key reads the value of that key.
//!
//! # Who may touch what
//! * Readers: any thread without a lock. They find the block, probe, and take references by try-increment; blocks are
//!   reclaimed by grace period (memory/reclamation.rs), so none may be kept across a safepoint.
//! * Writers: hold the object lock, which no Python code runs under. `__eq__` of keys runs before, and
//!   [`DictObject::changes`] tells whether the dict is still as it was.
//! * `Keys::version`: 0, or a number that no other block ever had; reset to 0 before a key is added or removed.

pub mod iterators;
pub mod merge;
pub mod methods;
pub mod table;
pub mod views;

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Raised, Slot, Value};
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{DICT, shapes};
use crate::types::string::{self, StrObject};
use crate::types::type_object::{TYPE_DICT_SUBCLASS, TypeObject};

use table::{Keys, Lookup};

#[repr(C)]
pub struct DictObject {
    header: Header,
    keys: AtomicPtr<Keys>,
    used: AtomicUsize,
    /// Grows with each added or removed key.
    changes: AtomicU32,
}

/// An entry as the iteration functions hand it out.
pub struct Entry {
    pub key: Owned,
    pub value: Owned,
    pub hash: i64,
}

impl DictObject {
    /// The dict that `value` is; the caller knows that it is one (or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a DictObject {
        debug_assert!(value.type_has_flag(TYPE_DICT_SUBCLASS));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_object(self)
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
    pub fn changes(&self) -> u32 {
        self.changes.load(Ordering::Relaxed)
    }

    /// The current block. Valid until the next safepoint of this thread.
    #[inline(always)]
    pub(crate) fn keys(&self) -> &Keys {
        // SAFETY: never null; a replaced block outlives this thread's next safepoint.
        // Acquire: pairs with the Release that publishes a block.
        unsafe { &*self.keys.load(Ordering::Acquire) }
    }

    /// Looks up a string key whose `__eq__` is `str`'s: never runs Python code unless the dict holds keys of other
    /// types with the same hash. Returns `None` also in that rare case's failure to find it by identity or text.
    #[inline]
    pub fn get_str(&self, key: Value) -> Option<Owned> {
        let string = StrObject::of(key);
        loop {
            let keys = self.keys();
            let index = keys.find_str(key, string)?;
            match keys.load_value(index, &self.header) {
                Some(value) => return Some(value),
                // Deleted, or moved to another block, in between.
                None if std::ptr::eq(keys, self.keys()) => return None,
                None => {}
            }
        }
    }

    /// As [`DictObject::get_str`] for a key that may be found at entry `hint`.
    #[inline]
    pub fn get_str_at(&self, hint: usize, key: Value) -> Option<Owned> {
        let keys = self.keys();
        if keys.holds_key(hint, key) {
            if let Some(value) = keys.load_value(hint, &self.header) {
                return Some(value);
            }
        }
        self.get_str(key)
    }

    /// The number of the entry with a string key.
    pub fn entry_of_str(&self, key: Value) -> Option<usize> {
        self.keys().find_str(key, StrObject::of(key))
    }

    /// As [`DictObject::get_str`] without taking a count.
    pub fn peek_str(&self, key: Value) -> Option<Value> {
        let keys = self.keys();
        keys.peek_value(keys.find_str(key, StrObject::of(key))?)
    }

    /// As [`DictObject::get_str`] if the value is deferred (see [`Slot::peek_deferred`]): `None` says nothing.
    pub fn peek_str_deferred(&self, key: Value) -> Option<Value> {
        let keys = self.keys();
        keys.value_slot(keys.find_str(key, StrObject::of(key))?).peek_deferred()
    }

    /// Looks up by text, for native code that has no string object at hand.
    pub fn get_by_text(&self, key: &str) -> Option<Owned> {
        let key = string::from_str(key);
        self.get_str(*key)
    }

    /// `self[key]`, `None` if absent. May run `__hash__` and `__eq__`.
    #[inline]
    pub fn get(&self, key: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
        if string::is_exact(key) && self.keys().is_all_strings() {
            return Ok(self.get_str(key));
        }
        let hash = hash_key(key, thread)?;
        self.get_hashed(key, hash, thread)
    }

    /// As [`DictObject::get`] with the hash at hand.
    pub fn get_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<Owned>> {
        loop {
            match self.find(key, hash, thread)? {
                Lookup::Absent => return Ok(None),
                Lookup::Found(index) => {
                    let keys = self.keys();
                    if let Some(value) = keys.load_value(index, &self.header) {
                        return Ok(Some(value));
                    }
                    if std::ptr::eq(keys, self.keys()) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    pub fn contains(&self, key: Value, thread: &mut Thread) -> PyResult<bool> {
        Ok(self.get(key, thread)?.is_some())
    }

    /// Finds the entry of `key`, running `__eq__` where needed. The index is that of the current block; it may be out of
    /// date as soon as another thread writes.
    fn find(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Lookup> {
        'restart: loop {
            let keys = self.keys();
            let mut probe = keys.probe(hash);
            loop {
                let Some(index) = keys.next_candidate(&mut probe, hash) else { return Ok(Lookup::Absent) };
                // Small ints need no count and no call.
                if let Some(own) = keys.peek_key(index).filter(|own| Value::both_small_ints(*own, key)) {
                    if own.small_int_payload() == key.small_int_payload() {
                        return Ok(Lookup::Found(index));
                    }
                    continue;
                }
                let Some(candidate) = keys.load_key(index, &self.header) else { continue };
                if candidate.is(key) {
                    return Ok(Lookup::Found(index));
                }
                if string::is_exact(*candidate) && string::is_exact(key) {
                    if StrObject::of(*candidate).equals(StrObject::of(key)) {
                        return Ok(Lookup::Found(index));
                    }
                    continue;
                }
                let equal = crate::protocol::compare::equals(*candidate, key, thread)?;
                // The comparison may have run anything: the block may be gone.
                let now = self.keys();
                if !std::ptr::eq(now, keys) || !now.holds_key(index, *candidate) {
                    lifetime::release(candidate, thread);
                    continue 'restart;
                }
                lifetime::release(candidate, thread);
                if equal {
                    return Ok(Lookup::Found(index));
                }
            }
        }
    }

    /// `self[key] = value`. May run `__hash__` and `__eq__`, and whatever the death of the old value sets off.
    #[inline]
    pub fn set(&self, key: Value, value: Owned, thread: &mut Thread) -> PyResult<()> {
        let hash = if string::is_exact(key) { StrObject::of(key).hash() } else { hash_key(key, thread)? };
        self.set_hashed(key, hash, value, thread)
    }

    /// As [`DictObject::set`] with the hash at hand.
    pub fn set_hashed(&self, key: Value, hash: i64, value: Owned, thread: &mut Thread) -> PyResult<()> {
        if string::is_exact(key) {
            let string = StrObject::of(key);
            let guard = self.header.lock_leaf();
            let keys = self.keys();
            if keys.is_all_strings() {
                let old = match keys.find_str(key, string) {
                    Some(index) => keys.replace_value_locked(index, value),
                    None => {
                        self.insert_locked(key, hash, value);
                        None
                    }
                };
                drop(guard);
                if let Some(old) = old {
                    lifetime::release(old, thread);
                }
                return Ok(());
            }
        }
        loop {
            let changes = self.changes();
            let found = self.find(key, hash, thread)?;
            let guard = self.header.lock_leaf();
            if self.changes() != changes {
                continue;
            }
            let old = match found {
                Lookup::Found(index) => self.keys().replace_value_locked(index, value),
                Lookup::Absent => {
                    self.insert_locked(key, hash, value);
                    None
                }
            };
            drop(guard);
            if let Some(old) = old {
                lifetime::release(old, thread);
            }
            return Ok(());
        }
    }

    /// Stores under a string key without running Python code; for namespaces that native code builds. The old value is
    /// handed out.
    pub fn set_str(&self, key: Value, value: Owned) -> Option<Owned> {
        let string = StrObject::of(key);
        let _guard = self.header.lock_leaf();
        match self.keys().find_str(key, string) {
            Some(index) => self.keys().replace_value_locked(index, value),
            None => {
                self.insert_locked(key, string.hash(), value);
                None
            }
        }
    }

    /// Stores under the interned string of `key`.
    pub fn set_by_text(&self, key: &str, value: Owned) {
        self.set_str(*string::intern_str(key), value);
    }

    /// `setdefault`: the value that is there, or `default` after storing it. The flag says whether it was stored.
    pub fn set_default(&self, key: Value, default: Value, thread: &mut Thread) -> PyResult<(Owned, bool)> {
        let hash = hash_key(key, thread)?;
        loop {
            let changes = self.changes();
            let found = self.find(key, hash, thread)?;
            let guard = self.header.lock_leaf();
            if self.changes() != changes {
                continue;
            }
            if let Lookup::Found(index) = found {
                if let Some(value) = self.keys().load_value_locked(index) {
                    return Ok((value, false));
                }
            }
            self.insert_locked(key, hash, default.to_owned());
            drop(guard);
            return Ok((default.to_owned(), true));
        }
    }

    /// Appends an entry; the caller holds the lock and knows that the key is absent.
    fn insert_locked(&self, key: Value, hash: i64, value: Owned) {
        if !self.keys().has_room() {
            self.resize_locked(self.len() + 1);
        }
        let keys = self.keys();
        keys.reset_version();
        keys.append_locked(key.to_owned(), hash, value);
        self.used.store(self.len() + 1, Ordering::Relaxed);
        self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
    }

    /// Moves the entries to a new block with room to grow.
    fn resize_locked(&self, at_least: usize) {
        self.resize_with_gap_locked(at_least, 0);
    }

    /// As `resize_locked`, with room for `gap` entries before the first.
    fn resize_with_gap_locked(&self, at_least: usize, gap: usize) {
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

    /// Removes `key` and hands out its value.
    pub fn remove(&self, key: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let hash = hash_key(key, thread)?;
        self.remove_hashed(key, hash, thread)
    }

    pub fn remove_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<Owned>> {
        loop {
            let changes = self.changes();
            let Lookup::Found(index) = self.find(key, hash, thread)? else { return Ok(None) };
            let guard = self.header.lock_leaf();
            if self.changes() != changes {
                continue;
            }
            let removed = self.remove_index_locked(index, hash, false);
            drop(guard);
            return Ok(removed.map(|(key, value)| {
                lifetime::release(key, thread);
                value
            }));
        }
    }

    /// Removes a string key without running Python code.
    pub fn remove_str(&self, key: Value) -> Option<Owned> {
        let string = StrObject::of(key);
        let guard = self.header.lock_leaf();
        let index = self.keys().find_str(key, string)?;
        let removed = self.remove_index_locked(index, string.hash(), false);
        drop(guard);
        removed.map(|(_, value)| value)
    }

    fn remove_index_locked(&self, index: usize, hash: i64, is_last: bool) -> Option<(Owned, Owned)> {
        let keys = self.keys();
        keys.reset_version();
        let removed = keys.remove_locked(index, hash, is_last)?;
        self.used.store(self.len() - 1, Ordering::Relaxed);
        self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
        Some(removed)
    }

    /// Moves the entry of `key` behind or before all others. False if there is none.
    pub fn move_to_end(&self, key: Value, last: bool, thread: &mut Thread) -> PyResult<bool> {
        let hash = hash_key(key, thread)?;
        loop {
            let changes = self.changes();
            let Lookup::Found(mut index) = self.find(key, hash, thread)? else { return Ok(false) };
            let guard = self.header.lock_leaf();
            if self.changes() != changes {
                continue;
            }
            let keys = self.keys();
            if index == if last { keys.n_entries() - 1 } else { keys.first() } {
                return Ok(true);
            }
            let (gap, is_full) = if last { (0, !keys.has_room()) } else { (self.len() / 2 + 4, !keys.has_gap()) };
            if is_full {
                index = gap + (0..index).filter(|&i| keys.is_live(i)).count();
                self.resize_with_gap_locked(self.len() + 1, gap);
            }
            let keys = self.keys();
            let (Some(own_key), Some(value)) = (keys.load_key_locked(index), keys.load_value_locked(index)) else { return Ok(false) };
            keys.reset_version();
            // The new entry comes first, so that a reader finds one of the two.
            if last {
                keys.append_locked(own_key, hash, value);
            } else {
                keys.prepend_locked(own_key, hash, value);
            }
            let removed = keys.remove_locked(index, hash, false);
            self.changes.store(changes.wrapping_add(1), Ordering::Relaxed);
            drop(guard);
            drop(removed);
            return Ok(true);
        }
    }

    /// Removes the last (or first) entry: `popitem`.
    pub fn pop_entry(&self, last: bool, _thread: &mut Thread) -> Option<Entry> {
        let _guard = self.header.lock_leaf();
        let keys = self.keys();
        let n = keys.n_entries();
        let index = if last { (0..n).rev().find(|&i| keys.is_live(i)) } else { (keys.first()..n).find(|&i| keys.is_live(i)) }?;
        let hash = keys.entry_hash(index);
        let (key, value) = self.remove_index_locked(index, hash, last)?;
        if last {
            // The tail is unused again in a single-threaded view, so that popitem in a loop stays linear.
            keys.trim_tail_locked();
        } else {
            keys.set_first_locked(index + 1);
        }
        Some(Entry { key, value, hash })
    }

    /// Removes everything. The old entries die after the lock is released.
    pub fn clear(&self, thread: &mut Thread) {
        let old = {
            let _guard = self.header.lock_leaf();
            let old = self.keys.load(Ordering::Relaxed);
            // SAFETY: the current block.
            unsafe { (*old).reset_version() };
            self.keys.store(Keys::empty(), Ordering::Release);
            self.used.store(0, Ordering::Relaxed);
            self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
            old
        };
        // SAFETY: unlinked; its references die with it.
        unsafe { Keys::retire(old, true) };
        if crate::threads::thread_state::has_pending() {
            lifetime::drain_pending(thread);
        }
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
            let (Some(key), Some(value)) = (keys.load_key(index, &self.header), keys.load_value(index, &self.header)) else {
                continue;
            };
            return Some(Entry { key, value, hash: keys.entry_hash(index) });
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
            if let Some(key) = keys.load_key(index, &self.header) {
                return Some(key);
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
            if let Some(value) = keys.load_value(index, &self.header) {
                return Some(value);
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
            if let (Some(key), Some(value)) = (keys.load_key(index, &self.header), keys.load_value(index, &self.header)) {
                return Some(Entry { key, value, hash: keys.entry_hash(index) });
            }
        }
    }

    /// Where a backward iteration starts.
    pub fn end_position(&self) -> usize {
        self.keys().n_entries()
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

    /// A new dict with the same entries.
    pub fn copy(&self) -> Owned {
        let new = with_capacity(self.len());
        let target = DictObject::of(*new);
        for entry in self.entries() {
            target.insert_locked(*entry.key, entry.hash, entry.value);
        }
        new
    }

    /// `dict.update(other)` for a dict, entry by entry.
    pub fn update_from(&self, other: &DictObject, thread: &mut Thread) -> PyResult<()> {
        let n = other.len();
        for entry in other.entries() {
            self.set_hashed(*entry.key, entry.hash, entry.value, thread)?;
            if other.len() != n && !(crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads()) {
                return Err(thread.raise(&exc::RUNTIME_ERROR, "dict mutated during update"));
            }
        }
        Ok(())
    }

    /// The version that a cache cell can name (0: none can be given) and the place of `key`'s value in the current block.
    pub fn cacheable_place(&self, key: Value) -> (u32, Option<usize>) {
        let _guard = self.header.lock_leaf();
        let keys = self.keys();
        if !keys.is_all_strings() {
            return (0, None);
        }
        (keys.take_version_locked(), keys.find_str(key, StrObject::of(key)).map(|index| keys.place_of_value(index)))
    }

    /// The slot at a place, if the block still has the version that was given with it.
    #[inline(always)]
    fn cached_slot(&self, version: u32, place: usize) -> Option<&Slot> {
        let keys = self.keys();
        // SAFETY: a version belongs to one block.
        if keys.version() == version { Some(unsafe { keys.value_at(place) }) } else { None }
    }

    /// If the block still has `version`, the value at `place`.
    #[inline(always)]
    pub fn get_cached(&self, version: u32, place: usize) -> Option<Owned> {
        self.cached_slot(version, place)?.load(&self.header)
    }

    /// If the block still has `version`, the value at `place` as a word for a stack (see [`Slot::load_word`]).
    #[inline(always)]
    pub fn get_cached_word(&self, version: u32, place: usize) -> Option<u64> {
        self.cached_slot(version, place)?.load_word(&self.header)
    }

    /// As [`DictObject::get_cached`] where that needs no atomic operation: `None` says nothing.
    #[inline(always)]
    pub fn get_cached_own(&self, version: u32, place: usize) -> Option<Owned> {
        self.cached_slot(version, place)?.load_own()
    }

    /// Whether the block still has `version`.
    #[inline(always)]
    pub fn has_version(&self, version: u32) -> bool {
        self.keys().version() == version
    }

    /// If the block still has `version`, the value at `place` without a count.
    #[inline(always)]
    pub fn peek_cached(&self, version: u32, place: usize) -> Option<Value> {
        self.cached_slot(version, place)?.peek()
    }

    /// Bytes of the object and its block, for `__sizeof__`.
    pub fn size(&self) -> usize {
        size_of::<DictObject>() + self.keys().size()
    }
}

/// A new empty dict.
#[inline]
pub fn new() -> Owned {
    new_of_type(DICT.get())
}

/// A new empty dict of a subclass.
pub fn new_of_type(ty: &TypeObject) -> Owned {
    lifetime::allocate_object(ty, |header| DictObject {
        header,
        keys: AtomicPtr::new(Keys::empty()),
        used: AtomicUsize::new(0),
        changes: AtomicU32::new(0),
    })
}

/// A new dict with room for `n` entries.
pub fn with_capacity(n: usize) -> Owned {
    let dict = new();
    if n > 0 {
        let object = DictObject::of(*dict);
        object.keys.store(Keys::allocate(Keys::log2_for(n.saturating_mul(3) / 2 + 1)), Ordering::Relaxed);
    }
    dict
}

#[inline(always)]
pub fn is_exact(value: Value) -> bool {
    value.has_shape(shapes::DICT)
}

#[inline(always)]
pub fn is_dict(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_DICT_SUBCLASS)
}

/// The hash of a key, with CPython's message for unhashable ones.
#[inline]
pub fn hash_key(key: Value, thread: &mut Thread) -> PyResult<i64> {
    match crate::protocol::compare::hash(key, thread) {
        Ok(hash) => Ok(hash),
        Err(raised) => Err(explain_unhashable(key, "a dict key", raised, thread)),
    }
}

/// Says of a TypeError from hashing what the value was to be used as. Other exceptions stay.
#[cold]
pub fn explain_unhashable(key: Value, what: &str, raised: Raised, thread: &mut Thread) -> Raised {
    let Some(exception) = thread.take_exception() else { return raised };
    if !std::ptr::eq(exception.type_object(), exc::TYPE_ERROR.get()) {
        return thread.reraise(exception);
    }
    let names = crate::names::names();
    let ty = key.type_object();
    let text = |value: PyResult| value.ok().filter(|text| string::is_str(**text)).map(|text| StrObject::of(*text).to_string_lossy());
    let qualname = text(crate::protocol::attribute::get(ty.value(), names.__qualname__, thread)).unwrap_or_else(|| ty.name());
    let module = text(crate::protocol::attribute::get(ty.value(), names.__module__, thread)).unwrap_or_default();
    let reason = text(crate::protocol::convert::str(*exception, thread)).unwrap_or_default();
    drop(thread.take_exception());
    let dot = if module.is_empty() || module == "builtins" || module == "__main__" { String::new() } else { format!("{module}.") };
    thread.raise_type_error(format!("cannot use '{dot}{qualname}' as {what} ({reason})"))
}

/// `KeyError(key)`.
pub fn raise_key_error(key: Value, thread: &mut Thread) -> crate::object::value::Raised {
    thread.raise_value(&exc::KEY_ERROR, key.to_owned())
}

/// # Safety
/// `value` is a dead dict.
pub unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; its block dies with all references.
    unsafe { Keys::retire(value.as_ref::<DictObject>().keys.load(Ordering::Relaxed), true) };
}

/// # Safety
/// `value` is a dict, the world is stopped.
pub unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a dict; the world is stopped.
    let keys = unsafe { value.as_ref::<DictObject>() }.keys();
    for index in 0..keys.n_entries() {
        if let Some(key) = keys.peek_key(index) {
            visit(key);
        }
        if let Some(value) = keys.peek_value(index) {
            visit(value);
        }
    }
}

/// # Safety
/// `value` is a dict.
pub unsafe fn clear(value: Value) {
    // SAFETY: the object is alive and garbage: the collector holds a reference.
    let dict = unsafe { value.as_ref::<DictObject>() };
    let old = {
        let _guard = dict.header.lock_leaf();
        let old = dict.keys.load(Ordering::Relaxed);
        dict.keys.store(Keys::empty(), Ordering::Release);
        dict.used.store(0, Ordering::Relaxed);
        dict.changes.store(dict.changes().wrapping_add(1), Ordering::Relaxed);
        old
    };
    // SAFETY: unlinked.
    unsafe { Keys::retire(old, true) };
}
