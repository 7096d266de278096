//! The only importer of atomics and of `parking_lot`.
//!
//! Under `cfg(loom)` the same names come from `loom`, so that the models in `loom-tests/` run the real code.

#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    compiler_fence, fence,
};

/// Internal leaf locks: held for a few instructions, nothing is locked below them, no Python code runs under them.
#[cfg(not(loom))]
pub use parking_lot::{Condvar as LeafCondvar, Mutex as LeafMutex, MutexGuard as LeafMutexGuard, RwLock as LeafRwLock};

/// One step of a spin loop.
#[inline]
pub fn spin_hint() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}

/// A static lock that the child of a `fork` may overwrite, whatever state the threads that are gone left it in.
pub struct Resettable<T>(std::cell::UnsafeCell<T>);

// SAFETY: shared access goes by `Deref` to a `Sync` value; `reset` has its own contract.
unsafe impl<T: Sync> Sync for Resettable<T> {}

impl<T> Resettable<T> {
    pub const fn new(value: T) -> Resettable<T> {
        Resettable(std::cell::UnsafeCell::new(value))
    }

    /// Overwrites the value without dropping the old one.
    ///
    /// # Safety
    /// No other thread exists, and no reference to the old value is in use.
    pub unsafe fn reset(&self, value: T) {
        // SAFETY: the caller's obligation.
        unsafe { std::ptr::write(self.0.get(), value) };
    }
}

impl<T> std::ops::Deref for Resettable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: `reset` is only called while nobody uses the value.
        unsafe { &*self.0.get() }
    }
}
