//! `set` and `frozenset`: one table of keys, with lock-free lookups.
//!
//! # Who may touch what
//! * Readers: any thread without a lock. They find the block, probe, and take references by try-increment; replaced blocks
//!   are reclaimed by grace period, so none may be kept across a safepoint.
//! * Writers: hold the object lock, which no Python code runs under. `__eq__` of keys runs before, and
//!   [`SetObject::changes`] tells whether the set is still as it was.

pub mod iterator;
pub mod methods;
pub mod operators;
mod storage;
pub mod table;

use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{compare, iterate};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FROZENSET, SET, shapes};
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::type_object::TypeObject;

pub use iterator::ITERATOR_SPEC;
pub use methods::{FROZENSET_SPEC, SET_SPEC};
pub use operators::{difference_update, intersection, symmetric_difference_update};

pub use storage::{Entry, SetObject};
use storage::Verdict;
use table::Table;

/// Whether the value is a set or frozenset, or of a subclass.
#[inline]
pub fn is_any_set(value: Value) -> bool {
    value.is_pointer() && (value.has_shape(shapes::SET) || value.has_shape(shapes::FROZENSET) || is_set_subclass(value.type_object()))
}

fn is_set_subclass(ty: &TypeObject) -> bool {
    ty.is_subtype(SET.get()) || ty.is_subtype(FROZENSET.get())
}

/// Whether the value is exactly a set.
#[inline]
pub fn is_exact_set(value: Value) -> bool {
    value.has_shape(shapes::SET)
}

/// Whether the value is exactly a frozenset.
#[inline]
pub fn is_exact_frozenset(value: Value) -> bool {
    value.has_shape(shapes::FROZENSET)
}

/// Whether the value is a set or of a subclass of it.
pub fn is_set(value: Value) -> bool {
    is_exact_set(value) || value.is_instance(SET.get())
}

/// Whether the value is a frozenset or of a subclass of it.
pub fn is_frozenset(value: Value) -> bool {
    is_exact_frozenset(value) || value.is_instance(FROZENSET.get())
}

/// The hash of an element, with CPython's message for unhashable ones.
#[inline]
pub fn hash_element(key: Value, thread: &mut Thread) -> PyResult<i64> {
    match compare::hash(key, thread) {
        Ok(hash) => Ok(hash),
        Err(raised) => Err(dict::explain_unhashable(key, "a set element", raised, thread)),
    }
}

impl SetObject {
    /// The set that `value` is; the caller knows that it is one (or a frozenset, or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a SetObject {
        debug_assert!(is_any_set(value));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    /// The place of `key` in the current block, running `__eq__` where needed.
    fn find(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<usize>> {
        self.find_by(hash, |seen| seen.is(key), |candidate| {
            if candidate.is(key) {
                return Ok(Verdict::Same);
            }
            if string::is_exact(*candidate) && string::is_exact(key) {
                return Ok(if StrObject::of(*candidate).equals(StrObject::of(key)) { Verdict::Same } else { Verdict::Other });
            }
            if Value::both_small_ints(*candidate, key) {
                return Ok(if candidate.small_int_payload() == key.small_int_payload() { Verdict::Same } else { Verdict::Other });
            }
            let equal = compare::equals(*candidate, key, thread)?;
            let word = *candidate;
            // Whether the place still holds it is decided by the word alone.
            lifetime::release(candidate, thread);
            Ok(Verdict::Asked { equal, key: word })
        })
    }

    /// Whether the set has `key`, whose hash is at hand.
    #[inline]
    pub fn contains_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<bool> {
        Ok(self.find(key, hash, thread)?.is_some())
    }

    /// Adds a key; says whether it was absent.
    pub fn add_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<bool> {
        loop {
            let changes = self.changes();
            let found = self.find(key, hash, thread)?;
            let _guard = self.header.lock_leaf();
            if self.changes() != changes {
                continue;
            }
            if found.is_some() {
                return Ok(false);
            }
            self.insert_locked(key, hash);
            return Ok(true);
        }
    }

    /// Removes a key and hands it out.
    pub fn remove_hashed(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<Owned>> {
        loop {
            let changes = self.changes();
            let Some(index) = self.find(key, hash, thread)? else { return Ok(None) };
            let _guard = self.header.lock_leaf();
            if self.changes() == changes {
                return Ok(self.remove_index_locked(index));
            }
        }
    }

    /// Puts the keys of a set that nobody else sees in place of its own, which die after the lock is released.
    fn take_over(&self, other: &SetObject, thread: &mut Thread) {
        let (new, used) = (other.table.swap(Table::empty(), Ordering::AcqRel), other.used.swap(0, Ordering::Relaxed));
        self.replace_table(new, used, thread);
    }

    /// Removes everything.
    pub fn clear(&self, thread: &mut Thread) {
        self.replace_table(Table::empty(), 0, thread);
    }

    fn replace_table(&self, new: *mut Table, used: usize, thread: &mut Thread) {
        let old = {
            let _guard = self.header.lock_leaf();
            let old = self.table.swap(new, Ordering::AcqRel);
            self.used.store(used, Ordering::Relaxed);
            self.note_change();
            old
        };
        // SAFETY: unlinked; its keys die with it.
        unsafe { Table::retire(old, true) };
        if crate::threads::thread_state::has_pending() {
            lifetime::drain_pending(thread);
        }
    }

    /// The hash of the keys regardless of their order, as CPython computes it for frozensets.
    pub fn keys_hash(&self) -> i64 {
        let cached = self.hash.load(Ordering::Relaxed);
        if cached != u64::MAX {
            return cached as i64;
        }
        let mut hash: u64 = 0;
        for entry in self.entries() {
            let own = entry.hash as u64;
            hash ^= ((own ^ 89_869_747) ^ (own << 16)).wrapping_mul(3_644_798_167);
        }
        hash ^= (self.len() as u64 + 1).wrapping_mul(1_927_868_237);
        hash ^= (hash >> 11) ^ (hash >> 25);
        hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
        if hash == u64::MAX { 590_923_713 } else { hash as i64 }
    }

    fn cache_hash(&self, hash: i64) {
        self.hash.store(hash as u64, Ordering::Relaxed);
    }
}

/// A new empty set or frozenset of type `ty`.
pub fn new_of_type(ty: &TypeObject) -> Owned {
    lifetime::allocate_object(ty, SetObject::empty)
}

/// A new empty set.
pub fn new() -> Owned {
    new_of_type(SET.get())
}

/// A new set or frozenset of type `ty` with the keys of another.
fn copy_as(ty: &TypeObject, source: Value) -> Owned {
    let made = new_of_type(ty);
    SetObject::of(*made).fill_new(&SetObject::of(source).entries());
    made
}

/// `set.add(value)`.
#[inline]
pub fn add(set: Value, value: Value, thread: &mut Thread) -> PyResult<()> {
    let hash = hash_element(value, thread)?;
    SetObject::of(set).add_hashed(value, hash, thread).map(drop)
}

/// `value in set`; a set that is looked for counts as the frozenset of its keys.
pub fn contains(set: Value, value: Value, thread: &mut Thread) -> PyResult<bool> {
    let hash = hash_of_lookup(value, thread)?;
    SetObject::of(set).contains_hashed(value, hash, thread)
}

/// The hash of a value that is looked for.
fn hash_of_lookup(value: Value, thread: &mut Thread) -> PyResult<i64> {
    match compare::hash(value, thread) {
        Ok(hash) => Ok(hash),
        Err(_) if is_set(value) && thread.exception_matches(&crate::exceptions::exc::TYPE_ERROR) => {
            drop(thread.take_exception());
            Ok(SetObject::of(value).keys_hash())
        }
        Err(raised) => Err(dict::explain_unhashable(value, "a set element", raised, thread)),
    }
}

/// `set.update(iterable)`.
pub fn update(set: Value, iterable: Value, thread: &mut Thread) -> PyResult<()> {
    let object = SetObject::of(set);
    if is_any_set(iterable) {
        if iterable.is(set) {
            return Ok(());
        }
        let entries = SetObject::of(iterable).entries();
        if object.is_empty() && object.table().is_shared_empty() && !crate::threads::thread_state::has_other_threads() {
            object.fill_new(&entries);
            return Ok(());
        }
        for entry in entries {
            object.add_hashed(*entry.key, entry.hash, thread)?;
        }
        return Ok(());
    }
    if dict::is_exact(iterable) {
        for entry in DictObject::of(iterable).entries() {
            object.add_hashed(*entry.key, entry.hash, thread)?;
        }
        return Ok(());
    }
    iterate::for_each(iterable, thread, |item, thread| add(set, *item, thread))
}

/// A frozenset of these values.
pub fn frozenset_from(items: Vec<Owned>, thread: &mut Thread) -> PyResult {
    let made = new_of_type(FROZENSET.get());
    for item in items {
        add(*made, *item, thread)?;
    }
    Ok(made)
}

pub(crate) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; its block dies with all keys.
    unsafe { Table::retire(value.as_ref::<SetObject>().table.load(Ordering::Relaxed), true) };
}

pub(crate) unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a set; the world is stopped.
    let table = unsafe { value.as_ref::<SetObject>() }.table();
    for index in 0..table.n_places() {
        if let Some(key) = table.peek_key(index) {
            visit(key);
        }
    }
}

pub(crate) unsafe fn clear(value: Value) {
    // SAFETY: the object is alive and garbage: the collector holds a reference.
    let set = unsafe { value.as_ref::<SetObject>() };
    let old = {
        let _guard = set.header.lock_leaf();
        let old = set.table.swap(Table::empty(), Ordering::AcqRel);
        set.used.store(0, Ordering::Relaxed);
        set.note_change();
        old
    };
    // SAFETY: unlinked.
    unsafe { Table::retire(old, true) };
}
