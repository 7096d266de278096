//! Native state of an object behind the object's own lock.
//!
//! # Invariants
//! * The state is touched only inside [`Guarded::with`], which holds the lock of the header that is named there; each
//!   object names one header for it, its own.
//! * The closure runs no Python code, gives up no reference and does not come back to the same state: what leaves the
//!   state is handed out and dropped by the caller. In `pyrt` the lock is the GIL.

use std::cell::UnsafeCell;

use crate::object::header::Header;

pub struct Guarded<T>(UnsafeCell<T>);

// SAFETY: all accesses hold the lock of one header, or the GIL (see the invariants).
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub const fn new(state: T) -> Guarded<T> {
        Guarded(UnsafeCell::new(state))
    }

    /// Runs `access` on the state with the lock of `header` held.
    #[inline(always)]
    pub fn with<R>(&self, header: &Header, access: impl FnOnce(&mut T) -> R) -> R {
        let _guard = header.lock_leaf();
        // SAFETY: the lock is held; by the invariants nobody is inside another `with` of this state.
        access(unsafe { &mut *self.0.get() })
    }

    /// The state, for traversal and dealloc.
    ///
    /// # Safety
    /// The world is stopped, or nobody else can reach the object.
    #[inline(always)]
    pub unsafe fn peek(&self) -> &T {
        // SAFETY: the caller's obligation.
        unsafe { &*self.0.get() }
    }
}
