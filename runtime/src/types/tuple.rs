//! `tuple`: immutable, so its items are read without any protocol.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::sync::{AtomicU64, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{TUPLE, shapes};

#[repr(C)]
pub struct TupleObject {
    header: Header,
    len: usize,
    /// Cached hash, `u64::MAX` while unknown.
    hash: AtomicU64,
    // Items follow.
}

/// Byte offset of the items.
pub const ITEMS_OFFSET: usize = size_of::<TupleObject>();

impl TupleObject {
    /// The tuple that `value` is; the caller knows that it is one (or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a TupleObject {
        debug_assert!(value.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The items: valid as long as the tuple is, for they never change after it has been published.
    #[inline(always)]
    pub fn items(&self) -> &[Value] {
        // SAFETY: `len` initialised words follow the struct.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast::<u8>().add(ITEMS_OFFSET).cast(), self.len) }
    }

    #[inline(always)]
    pub fn item(&self, i: usize) -> Value {
        self.items()[i]
    }

    pub fn cached_hash(&self) -> Option<i64> {
        let hash = self.hash.load(Ordering::Relaxed);
        if hash == u64::MAX { None } else { Some(hash as i64) }
    }

    pub fn cache_hash(&self, hash: i64) {
        self.hash.store(hash as u64, Ordering::Relaxed);
    }

    /// Replaces an item of a tuple that nobody else has seen yet (marshal, `BUILD_TUPLE` in steps).
    ///
    /// # Safety
    /// The caller holds the only reference, or the item was a placeholder that nobody has read.
    pub unsafe fn set_item_unpublished(&self, i: usize, item: Owned) {
        assert!(i < self.len);
        // SAFETY: within the items; the old word is released.
        unsafe {
            let slot = std::ptr::from_ref(self).cast::<u8>().add(ITEMS_OFFSET).cast::<Value>().cast_mut().add(i);
            let old = slot.replace(item.into_raw());
            drop(Owned::from_raw(old));
        }
    }
}

/// Writes length and hash cell of a tuple-like object (struct sequences).
///
/// # Safety
/// `block` is a fresh block of at least [`ITEMS_OFFSET`] bytes.
pub(crate) unsafe fn write_head(block: *mut u8, len: usize) {
    let tuple = block.cast::<TupleObject>();
    // SAFETY: the caller's obligation.
    unsafe {
        (&raw mut (*tuple).len).write(len);
        (&raw mut (*tuple).hash).write(AtomicU64::new(u64::MAX));
    }
}

/// A tuple of `n` items that `fill` writes, each an owned word. `None` when there is no memory.
///
/// # Safety
/// `fill` initialises all `n` words.
#[inline]
unsafe fn build(n: usize, fill: impl FnOnce(*mut Value)) -> Option<Owned> {
    if n == 0 {
        return Some(empty());
    }
    let size = n.checked_mul(8)?.checked_add(ITEMS_OFFSET)?;
    // SAFETY: everything behind the header is written.
    unsafe {
        lifetime::allocate(TUPLE.get(), size, |block| {
            let tuple = block.cast::<TupleObject>();
            (&raw mut (*tuple).len).write(n);
            (&raw mut (*tuple).hash).write(AtomicU64::new(u64::MAX));
            fill(block.add(ITEMS_OFFSET).cast());
        })
    }
}

/// A tuple that takes over `items`.
pub fn from_vec(items: Vec<Owned>) -> Owned {
    let n = items.len();
    let mut items = items.into_iter();
    // SAFETY: all words are written from the exact-size iterator.
    let made = unsafe {
        build(n, |to| {
            for i in 0..n {
                if let Some(item) = items.next() {
                    to.add(i).write(item.into_raw());
                }
            }
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// A tuple of new references to `items`.
pub fn from_values(items: &[Value]) -> Owned {
    // SAFETY: all words are written.
    let made = unsafe {
        build(items.len(), |to| {
            for (i, item) in items.iter().enumerate() {
                to.add(i).write(item.to_owned().into_raw());
            }
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// A tuple made from `n` stack words, which are moved in (counted).
///
/// # Safety
/// `from` points to `n` owned, unmarked words, which the caller gives up.
#[inline]
pub unsafe fn from_stack(from: *const Value, n: usize) -> Option<Owned> {
    // SAFETY: the caller's obligation.
    unsafe { build(n, |to| std::ptr::copy_nonoverlapping(from, to, n)) }
}

/// A tuple of a few items.
#[inline]
pub fn pack<const N: usize>(items: [Owned; N]) -> Owned {
    // SAFETY: all words are written; an array of `Owned` is one of words.
    let made = unsafe { build(N, |to| to.cast::<[Owned; N]>().write(items)) };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// A tuple that takes over the items of a vector on the stack.
pub fn from_row(mut items: smallvec::SmallVec<[Owned; 4]>) -> Owned {
    let n = items.len();
    // SAFETY: the words are moved: the vector forgets them.
    let made = unsafe {
        build(n, |to| {
            std::ptr::copy_nonoverlapping(items.as_ptr().cast::<Value>(), to, n);
            items.set_len(0);
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// An object of a subclass of tuple with these items and `ty`'s attribute area zeroed.
pub fn new_of_type(ty: &crate::types::type_object::TypeObject, items: &[Value], thread: &mut Thread) -> PyResult {
    if std::ptr::eq(ty, TUPLE.get()) {
        return Ok(from_values(items));
    }
    let n = items.len();
    let end = ty.end_area as usize;
    let size = ITEMS_OFFSET + n * 8 + end;
    // SAFETY: everything behind the header is written.
    let made = unsafe {
        lifetime::allocate(ty, size, |block| {
            let tuple = block.cast::<TupleObject>();
            (&raw mut (*tuple).len).write(n);
            (&raw mut (*tuple).hash).write(AtomicU64::new(u64::MAX));
            let to = block.add(ITEMS_OFFSET).cast::<Value>();
            for (i, item) in items.iter().enumerate() {
                to.add(i).write(item.to_owned().into_raw());
            }
            std::ptr::write_bytes(block.add(ITEMS_OFFSET + n * 8), 0, end);
        })
    };
    made.ok_or_else(|| thread.raise_memory_error())
}

/// The empty tuple, one immortal object.
pub fn empty() -> Owned {
    crate::interpreter::singletons().empty_tuple.to_owned()
}

/// Makes the empty tuple; called once at start-up.
pub(crate) fn make_empty() -> Owned {
    // SAFETY: everything behind the header is written.
    let made = unsafe {
        lifetime::allocate(TUPLE.get(), ITEMS_OFFSET, |block| {
            let tuple = block.cast::<TupleObject>();
            (&raw mut (*tuple).len).write(0);
            (&raw mut (*tuple).hash).write(AtomicU64::new(u64::MAX));
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

#[inline(always)]
pub fn is_exact(value: Value) -> bool {
    value.has_shape(shapes::TUPLE)
}

pub(crate) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; its items are released once.
    for &item in unsafe { value.as_ref::<TupleObject>() }.items() {
        if let Some(item) = Value::from_slot(item_bits(item)) {
            // SAFETY: the tuple owned it.
            drop(unsafe { Owned::from_raw(item) });
        }
    }
}

/// The word of an item, which may be empty in a tuple that was never finished.
fn item_bits(item: Value) -> u64 {
    item.bits()
}

pub(crate) unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a tuple.
    for &item in unsafe { value.as_ref::<TupleObject>() }.items() {
        visit(item);
    }
}
