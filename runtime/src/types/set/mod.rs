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
pub mod table;

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{compare, iterate};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FROZENSET, SET, shapes};
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::type_object::TypeObject;

pub use iterator::ITERATOR_SPEC;
pub use methods::{FROZENSET_SPEC, SET_SPEC};
pub use operators::{difference_update, intersection, symmetric_difference_update};

use table::Table;

#[repr(C)]
pub struct SetObject {
    header: Header,
    table: AtomicPtr<Table>,
    used: AtomicUsize,
    /// The cached hash of a frozenset, `u64::MAX` while unknown.
    hash: AtomicU64,
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

    #[inline(always)]
    fn table(&self) -> &Table {
        // SAFETY: never null; a replaced block outlives this thread's next safepoint.
        // Acquire: pairs with the Release that publishes a block.
        unsafe { &*self.table.load(Ordering::Acquire) }
    }

    /// Bytes of the block.
    pub fn table_size(&self) -> usize {
        self.table().size()
    }

    /// The place of `key` in the current block, running `__eq__` where needed.
    fn find(&self, key: Value, hash: i64, thread: &mut Thread) -> PyResult<Option<usize>> {
        'restart: loop {
            let table = self.table();
            let mut probe = table.probe(hash);
            loop {
                let Some((index, seen)) = table.next_candidate(&mut probe, hash) else { return Ok(None) };
                if seen.is(key) {
                    return Ok(Some(index));
                }
                let Some(candidate) = table.load_key(index, &self.header) else { continue };
                if candidate.is(key) {
                    return Ok(Some(index));
                }
                if string::is_exact(*candidate) && string::is_exact(key) {
                    if StrObject::of(*candidate).equals(StrObject::of(key)) {
                        return Ok(Some(index));
                    }
                    continue;
                }
                if Value::both_small_ints(*candidate, key) {
                    if candidate.small_int_payload() == key.small_int_payload() {
                        return Ok(Some(index));
                    }
                    continue;
                }
                let equal = compare::equals(*candidate, key, thread)?;
                // The comparison may have run anything: the block may be gone.
                let now = self.table();
                let same = std::ptr::eq(now, table) && now.holds_key(index, *candidate);
                lifetime::release(candidate, thread);
                if !same {
                    continue 'restart;
                }
                if equal {
                    return Ok(Some(index));
                }
            }
        }
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

    /// Adds a key that the caller knows to be absent, holding the lock or the only reference.
    fn insert_locked(&self, key: Value, hash: i64) {
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
        self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
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

    fn remove_index_locked(&self, index: usize) -> Option<Owned> {
        let removed = self.table().remove_locked(index)?;
        self.used.store(self.len() - 1, Ordering::Relaxed);
        self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
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
            self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
            old
        };
        // SAFETY: unlinked; its keys die with it.
        unsafe { Table::retire(old, true) };
        if crate::threads::thread_state::has_pending() {
            lifetime::drain_pending(thread);
        }
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
            if let Some(key) = table.load_key(index, &self.header) {
                return Some(Entry { key, hash: table.hash_at(index) });
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
    fn fill_new(&self, entries: &[Entry]) {
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
    lifetime::allocate_object(ty, |header| SetObject {
        header,
        table: AtomicPtr::new(Table::empty()),
        used: AtomicUsize::new(0),
        hash: AtomicU64::new(u64::MAX),
        finger: AtomicUsize::new(0),
        changes: AtomicU32::new(0),
    })
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
        set.changes.store(set.changes().wrapping_add(1), Ordering::Relaxed);
        old
    };
    // SAFETY: unlinked.
    unsafe { Table::retire(old, true) };
}
