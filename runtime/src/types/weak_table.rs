//! The weak references to each object: a side table keyed by the object's address.
//!
//! # Who may touch what
//! * The list of an object's references, and their `referent` fields, are changed under the lock of the address's shard. A
//!   dying object is taken off the table under that lock before its memory is given back; a reader takes its count by
//!   trial under the same lock, so it never touches freed memory.
//! * A weak reference that dies while it is on the list leaves it under the lock. One whose `referent` is zero has left it:
//!   its memory may be gone at any time. So whoever clears that field has done with the reference, or holds it.
//! * No Python code runs under a shard lock.

use hashbrown::HashMap;

use crate::object::header::{FLAG_WEAKREFS, Header};
use crate::object::lifetime;
use crate::object::refcount;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicU64, LeafMutex, Ordering};

#[repr(C)]
pub struct WeakReference {
    pub(crate) header: Header,
    /// Address of the referent, 0 once it is dead.
    pub(crate) referent: AtomicU64,
    pub(crate) callback: Slot,
    pub(crate) hash: AtomicU64,
}

impl WeakReference {
    pub fn new(header: Header, referent: Value, callback: Option<Owned>) -> WeakReference {
        WeakReference {
            header,
            referent: AtomicU64::new(referent.unmarked().bits()),
            callback: Slot::from_option(callback),
            hash: AtomicU64::new(u64::MAX),
        }
    }
}

type Shard = LeafMutex<Option<HashMap<u64, Vec<Value>>>>;

#[cfg(not(loom))]
const N_SHARDS: usize = 64;
#[cfg(not(loom))]
static TABLE: [Shard; N_SHARDS] = [const { LeafMutex::new(None) }; N_SHARDS];

// In models all addresses share a shard.
#[cfg(loom)]
loom::lazy_static! {
    static ref TABLE: Shard = LeafMutex::new(None);
}

fn shard(address: u64) -> &'static Shard {
    #[cfg(not(loom))]
    return &TABLE[(address >> 4) as usize % N_SHARDS];
    #[cfg(loom)]
    {
        let _ = address;
        &TABLE
    }
}

fn of<'a>(value: Value) -> &'a WeakReference {
    // SAFETY: the table holds weak references and proxies only, which share the layout.
    unsafe { value.as_ref() }
}

fn header_of<'a>(value: Value) -> &'a Header {
    // SAFETY: the callers' values are alive.
    unsafe { &*value.header() }
}

/// A weak reference to `referent`, which the caller holds: an existing one without callback that `may_share` accepts, or the
/// one that `make` makes.
pub fn register(referent: Value, has_callback: bool, may_share: impl Fn(Value) -> bool, make: impl FnOnce() -> Owned) -> Owned {
    let address = referent.unmarked().bits();
    let mut guard = shard(address).lock();
    let table = guard.get_or_insert_default();
    if let Some(list) = table.get(&address).filter(|_| !has_callback) {
        for &existing in list {
            if of(existing).callback.peek().is_none() && may_share(existing) && lifetime::try_retain_pointer(existing) {
                // SAFETY: the count just taken.
                return unsafe { Owned::from_raw(existing) };
            }
        }
    }
    refcount::mark_maybe_shared(header_of(referent));
    header_of(referent).set_flag(FLAG_WEAKREFS);
    let made = make();
    // Others may find it in the table and take references.
    refcount::mark_maybe_shared(header_of(*made));
    let list = table.entry(address).or_default();
    // One without callback comes first.
    if has_callback { list.push(*made) } else { list.insert(0, *made) }
    made
}

/// The referent of a weak reference, if it is alive.
pub fn upgrade(this: Value) -> Option<Owned> {
    let reference = of(this);
    let address = reference.referent.load(Ordering::Acquire);
    let guard = shard(address).lock();
    // Looked at again under the lock: a dying object clears it there.
    if address == 0 || reference.referent.load(Ordering::Acquire) != address {
        return None;
    }
    // SAFETY: the object is still on the table, so its memory has not been given back.
    let value = unsafe { Value::from_bits(address) };
    let alive = lifetime::try_retain_pointer(value);
    drop(guard);
    // SAFETY: the count just taken.
    if alive { Some(unsafe { Owned::from_raw(value) }) } else { None }
}

/// All weak references to an object.
pub fn references_of(value: Value) -> Vec<Owned> {
    let address = value.unmarked().bits();
    let guard = shard(address).lock();
    let list = guard.as_ref().and_then(|table| table.get(&address)).cloned().unwrap_or_default();
    // SAFETY: a listed reference has not been freed: it leaves the list first, under the lock.
    list.into_iter().filter(|one| lifetime::try_retain_pointer(*one)).map(|one| unsafe { Owned::from_raw(one) }).collect()
}

/// Whether the death of the object calls something.
pub fn has_callbacks(value: Value) -> bool {
    let address = value.unmarked().bits();
    let guard = shard(address).lock();
    guard.as_ref().and_then(|table| table.get(&address)).is_some_and(|list| list.iter().any(|one| of(*one).callback.peek().is_some()))
}

/// Takes a dead object off the table without calling anything.
pub fn clear_without_callbacks(value: Value) {
    let address = value.unmarked().bits();
    let mut guard = shard(address).lock();
    let Some(list) = guard.as_mut().and_then(|table| table.remove(&address)) else { return };
    for one in list {
        of(one).referent.store(0, Ordering::Release);
    }
}

/// Takes a dying object, which the caller has revived, off the table: the references to it whose callbacks are to be called.
pub fn take_callbacks(value: Value) -> Vec<Owned> {
    let address = value.unmarked().bits();
    let mut calls = Vec::new();
    let mut guard = shard(address).lock();
    let Some(list) = guard.as_mut().and_then(|table| table.remove(&address)) else { return calls };
    for one in list {
        #[cfg(loom)]
        if crate::sync::modelled::leaves_out("hold") {
            of(one).referent.store(0, Ordering::Release);
        }
        if of(one).callback.peek().is_some() && lifetime::try_retain_pointer(one) {
            // SAFETY: the count just taken.
            calls.push(unsafe { Owned::from_raw(one) });
        }
        // Last: one that is dying in another thread does not wait for the lock any more.
        of(one).referent.store(0, Ordering::Release);
    }
    calls
}

/// A weak reference dies.
pub fn forget(this: Value) {
    let address = of(this).referent.load(Ordering::Acquire);
    if address == 0 {
        return;
    }
    let mut guard = shard(address).lock();
    let Some(table) = guard.as_mut() else { return };
    if let Some(list) = table.get_mut(&address) {
        list.retain(|one| one.bits() != this.bits());
        if list.is_empty() {
            table.remove(&address);
        }
    }
}
