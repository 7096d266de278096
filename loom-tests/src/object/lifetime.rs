//! Death: the block is free for the next object at once.

pub use crate::object::counting::{
    is_private, release_pointer, release_unless_last, retain_foreign_pointer, retain_pointer, try_retain_own_pointer, try_retain_pointer,
};
use crate::object::refcount::{self, AfterRelease};
use crate::object::value::Value;

/// # Safety
/// As in the runtime: what a release said, done once.
pub unsafe fn follow_release(value: Value, after: AfterRelease) {
    match after {
        AfterRelease::Alive => {}
        AfterRelease::Dead => crate::heap::free(value),
        AfterRelease::QueueForOwner => crate::heap::queue_for_owner(value),
        AfterRelease::ZeroCount => unreachable!("deferred objects do not die in these models"),
        AfterRelease::Contended => {
            // SAFETY: the reference is still the caller's.
            unsafe { follow_release(value, refcount::release_contended(&*value.header())) }
        }
    }
}
