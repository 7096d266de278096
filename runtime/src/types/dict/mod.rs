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
mod storage;
pub mod table;
pub mod views;

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{DICT, shapes};
use crate::types::string::{self, StrObject};
use crate::types::type_object::{TYPE_DICT_SUBCLASS, TypeObject};

pub use storage::{DictObject, Entry};
use storage::{Place, Replaced, Verdict};
use table::Keys;

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
            let Some(found) = self.find(key, hash, thread)? else { return Ok(None) };
            match self.load_value(&found) {
                Ok(Some(value)) => return Ok(Some(value)),
                // It is being deleted or moved: the lock says when that is done.
                Ok(None) => drop(self.header.lock_leaf()),
                Err(Replaced) => {}
            }
        }
    }

    pub fn contains(&self, key: Value, thread: &mut Thread) -> PyResult<bool> {
        Ok(self.get(key, thread)?.is_some())
    }

    /// Finds the entry of `key`, running `__eq__` where needed. It may be out of date as soon as another thread writes.
    #[inline]
    fn find(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<Place<'_>>> {
        // Small ints need no count and no call.
        let at_a_glance = |seen: Value| Value::both_small_ints(seen, key).then(|| seen.small_int_payload() == key.small_int_payload());
        self.find_by(hash, at_a_glance, |candidate| {
            if candidate.is(key) {
                return Ok(Verdict::Same);
            }
            if string::is_exact(*candidate) && string::is_exact(key) {
                return Ok(if StrObject::of(*candidate).equals(StrObject::of(key)) { Verdict::Same } else { Verdict::Other });
            }
            let equal = crate::protocol::compare::equals(*candidate, key, thread)?;
            let word = *candidate;
            // Whether the entry still holds it is decided by the word alone.
            lifetime::release(candidate, thread);
            Ok(Verdict::Asked { equal, key: word })
        })
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
                let old = match keys.find_str_locked(key, string) {
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
                Some(found) => self.keys().replace_value_locked(found.index, value),
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
            if let Some(found) = found {
                if let Some(value) = self.keys().load_value_locked(found.index) {
                    return Ok((value, false));
                }
            }
            self.insert_locked(key, hash, default.to_owned());
            drop(guard);
            return Ok((default.to_owned(), true));
        }
    }

    /// Removes `key` and hands out its value.
    pub fn remove(&self, key: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
        let hash = hash_key(key, thread)?;
        self.remove_hashed(key, hash, thread)
    }

    pub fn remove_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<Owned>> {
        loop {
            let changes = self.changes();
            let Some(Place { index, .. }) = self.find(key, hash, thread)? else { return Ok(None) };
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

    /// Moves the entry of `key` behind or before all others. False if there is none.
    pub fn move_to_end(&self, key: Value, last: bool, thread: &mut Thread) -> PyResult<bool> {
        let hash = hash_key(key, thread)?;
        loop {
            let changes = self.changes();
            let Some(Place { mut index, .. }) = self.find(key, hash, thread)? else { return Ok(false) };
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
            self.note_change();
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
            self.note_change();
            old
        };
        // SAFETY: unlinked; its references die with it.
        unsafe { Keys::retire(old, true) };
        if crate::threads::thread_state::has_pending() {
            lifetime::drain_pending(thread);
        }
    }

    /// Where a backward iteration starts.
    pub fn end_position(&self) -> usize {
        self.keys().n_entries()
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
    lifetime::allocate_object(ty, |header| DictObject::with_keys(header, Keys::empty()))
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
        dict.note_change();
        old
    };
    // SAFETY: unlinked.
    unsafe { Keys::retire(old, true) };
}
