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
