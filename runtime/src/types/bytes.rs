//! `bytes`: the object. Operators and methods are in bytes_methods.rs.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicU64, Ordering};
use crate::types::builtin_types::BYTES;
use crate::types::type_object::{TYPE_BYTES_SUBCLASS, TypeObject};

pub use crate::types::bytes_methods::{ITERATOR_SPEC, SPEC};

#[repr(C)]
pub struct BytesObject {
    header: Header,
    /// Cached hash, `u64::MAX` while unknown.
    hash: AtomicU64,
    len: usize,
    // The bytes follow.
}

const DATA_OFFSET: usize = size_of::<BytesObject>();

impl BytesObject {
    /// The bytes object that `value` is; the caller knows that it is one (or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a BytesObject {
        debug_assert!(value.type_has_flag(TYPE_BYTES_SUBCLASS));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes: they never change.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes follow.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast::<u8>().add(DATA_OFFSET), self.len) }
    }

    pub fn hash(&self) -> i64 {
        let hash = self.hash.load(Ordering::Relaxed);
        if hash != u64::MAX {
            return hash as i64;
        }
        let hash = crate::types::hashing::hash_bytes(self.as_slice());
        self.hash.store(hash as u64, Ordering::Relaxed);
        hash
    }
}

/// Whether `value` is `bytes` or of a subclass.
#[inline]
pub fn is_bytes(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_BYTES_SUBCLASS)
}

/// A bytes object of a type, with its attribute area zeroed. `None` when there is no memory.
///
/// # Safety
/// `fill` initialises all `len` bytes.
pub unsafe fn build_of_type(ty: &TypeObject, len: usize, fill: impl FnOnce(*mut u8)) -> Option<Owned> {
    let end_at = (DATA_OFFSET.checked_add(len)? + 7) & !7;
    let size = end_at.checked_add(ty.end_area as usize)?;
    if size > isize::MAX as usize / 2 {
        return None;
    }
    // SAFETY: everything behind the header is written.
    unsafe {
        lifetime::allocate(ty, size, |block| {
            let object = block.cast::<BytesObject>();
            (&raw mut (*object).hash).write(AtomicU64::new(u64::MAX));
            (&raw mut (*object).len).write(len);
            fill(block.add(DATA_OFFSET));
            std::ptr::write_bytes(block.add(end_at), 0, size - end_at);
        })
    }
}

/// A new object even where a singleton exists; for start-up and subclasses.
pub(crate) fn make(bytes: &[u8]) -> Owned {
    new_of_type(BYTES.get(), bytes)
}

/// A bytes object of a subclass.
pub fn new_of_type(ty: &TypeObject, bytes: &[u8]) -> Owned {
    // SAFETY: all bytes are written.
    unsafe { build_of_type(ty, bytes.len(), |to| std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len())) }
        .unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// A Python bytes object.
pub fn from_slice(bytes: &[u8]) -> Owned {
    match bytes {
        [] => crate::interpreter::singletons().empty_bytes.to_owned(),
        [byte] => crate::interpreter::singletons().byte[usize::from(*byte)].to_owned(),
        _ => make(bytes),
    }
}

/// A Python bytes object.
pub fn from_vec(bytes: Vec<u8>) -> Owned {
    from_slice(&bytes)
}

/// Byte offset of the attribute area of a bytes subclass instance.
pub fn end_area_offset(value: Value) -> usize {
    (DATA_OFFSET + BytesObject::of(value).len() + 7) & !7
}
