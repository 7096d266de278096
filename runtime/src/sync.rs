//! The only importer of atomics and of `parking_lot`.
//!
//! Under `cfg(loom)` the same names come from `loom`, so that the models in `loom-tests/` run the real code.

#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
#[cfg(loom)]
pub use self::modelled::{LeafCondvar, LeafMutex, LeafMutexGuard, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    compiler_fence, fence,
};

/// Internal leaf locks: held for a few instructions, nothing is locked below them, no Python code runs under them.
#[cfg(not(loom))]
pub use parking_lot::{Mutex as LeafMutex, MutexGuard as LeafMutexGuard, RwLock as LeafRwLock};

/// A function that is `const`, so that statics can be made of it; not under loom, whose atomics cannot be.
#[macro_export]
macro_rules! const_unless_loom {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $ty:ty),*) -> $result:ty $body:block) => {
        $(#[$attribute])*
        #[cfg(not(loom))]
        $visibility const fn $name($($argument: $ty),*) -> $result $body
        $(#[$attribute])*
        #[cfg(loom)]
        $visibility fn $name($($argument: $ty),*) -> $result $body
    };
}
pub use const_unless_loom;

/// A condition of what a [`LeafMutex`] guards. Waits may end without cause.
///
/// Our own on futexes: a waiter is known to the kernel alone, so that the child of a `fork` does not inherit waiters
/// that are gone (as it would those of `parking_lot`, whose memory the child's next thread takes over).
#[cfg(not(loom))]
pub struct LeafCondvar {
    /// Changes with each notification.
    sequence: AtomicU32,
    /// How many wait: without any, a notification is no system call.
    waiters: AtomicU32,
}

#[cfg(not(loom))]
impl LeafCondvar {
    pub const fn new() -> LeafCondvar {
        LeafCondvar { sequence: AtomicU32::new(0), waiters: AtomicU32::new(0) }
    }

    /// Gives up the lock until a notification.
    pub fn wait<T>(&self, guard: &mut LeafMutexGuard<'_, T>) {
        let _ = self.wait_until_changed(guard, None);
    }

    /// As [`LeafCondvar::wait`], at most so long. True if the time is over.
    #[must_use]
    pub fn wait_for<T>(&self, guard: &mut LeafMutexGuard<'_, T>, most: std::time::Duration) -> bool {
        self.wait_until_changed(guard, Some(most))
    }

    fn wait_until_changed<T>(&self, guard: &mut LeafMutexGuard<'_, T>, most: Option<std::time::Duration>) -> bool {
        // Relaxed, here and below: read under the lock, under which the condition changes too; a notification between
        // the unlocking and the wait changes the word, which the kernel then finds.
        let before = self.sequence.load(Ordering::Relaxed);
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let is_late = LeafMutexGuard::unlocked(guard, || {
            let timeout = most.map(|most| libc::timespec { tv_sec: most.as_secs().min(i32::MAX as u64) as i64, tv_nsec: most.subsec_nanos().into() });
            let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            // SAFETY: the word outlives the call; the timeout is null or a valid time.
            let result = unsafe { libc::syscall(libc::SYS_futex, self.sequence.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, before, timeout) };
            result != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT)
        });
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        is_late
    }

    pub fn notify_one(&self) {
        self.notify(1);
    }

    pub fn notify_all(&self) {
        self.notify(i32::MAX);
    }

    /// The caller holds the lock, or has held it since the condition changed: so it sees who waited before.
    fn notify(&self, most: i32) {
        if self.waiters.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.sequence.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a wake-up only.
        unsafe { libc::syscall(libc::SYS_futex, self.sequence.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, most) };
    }
}

/// One step of a spin loop.
#[inline]
pub fn spin_hint() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}

/// Lets another thread run.
#[inline]
pub fn yield_now() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
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

/// The leaf locks on loom's primitives, and what models need to weaken the code that they run.
#[cfg(loom)]
pub mod modelled {
    use std::cell::Cell;
    use std::time::Duration;

    use std::time::Instant;

    pub use loom::sync::{Mutex, MutexGuard};

    use super::{AtomicU32, Ordering};

    loom::lazy_static! {
        /// What the kernel holds while it looks at the word of a futex, and what sleepers wait for.
        static ref SLEEPERS: (Mutex<()>, loom::sync::Condvar) = (Mutex::new(()), loom::sync::Condvar::new());
    }

    /// Sleeps while the word is zero; false when the time is over.
    pub fn futex_wait(word: &AtomicU32, deadline: Option<Instant>) -> bool {
        if deadline.is_some() && time_passes() {
            loom::thread::yield_now();
            return false;
        }
        let looking = SLEEPERS.0.lock().unwrap();
        if word.load(Ordering::Relaxed) == 0 {
            drop(SLEEPERS.1.wait(looking).unwrap());
        }
        true
    }

    /// Only the address counts, and here not even that: who has been woken looks at its word again.
    pub fn futex_wake(_word: *const AtomicU32) {
        drop(SLEEPERS.0.lock().unwrap());
        SLEEPERS.1.notify_all();
    }

    loom::thread_local! {
        static WITHOUT_FENCES: Cell<bool> = Cell::new(false);
    }
    std::thread_local! {
        /// Of the test: loom runs all threads of a model on one thread of the system.
        static TIME_PASSES: Cell<bool> = const { Cell::new(false) };
        static LEFT_OUT: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// While it lives a step of the code is left out: the mutant of a model.
    pub struct Mutant(());

    impl Mutant {
        /// A mutant without the step that [`leaves_out`] asks for by this name.
        pub fn without(step: &'static str) -> Mutant {
            LEFT_OUT.set(Some(step));
            Mutant(())
        }
    }

    impl Drop for Mutant {
        fn drop(&mut self) {
            LEFT_OUT.set(None);
        }
    }

    pub fn leaves_out(step: &str) -> bool {
        LEFT_OUT.get() == Some(step)
    }

    /// Runs `mutant` with all fences of the calling thread left out.
    pub fn without_fences<R>(mutant: impl FnOnce() -> R) -> R {
        WITHOUT_FENCES.with(|without| without.set(true));
        let result = mutant();
        WITHOUT_FENCES.with(|without| without.set(false));
        result
    }

    /// Says whether waits with a time limit end when it is over, or only by what they wait for: then a model that blocks
    /// for ever has missed a notification.
    pub fn let_time_pass(passes: bool) {
        TIME_PASSES.set(passes);
    }

    pub fn time_passes() -> bool {
        TIME_PASSES.get()
    }

    pub fn fence(order: Ordering) {
        if !WITHOUT_FENCES.with(Cell::get) {
            loom::sync::atomic::fence(order);
        }
    }

    pub struct LeafMutex<T>(loom::sync::Mutex<T>);

    pub struct LeafMutexGuard<'a, T> {
        lock: &'a LeafMutex<T>,
        /// None while a condition is waited for.
        guard: Option<loom::sync::MutexGuard<'a, T>>,
    }

    impl<T> LeafMutex<T> {
        pub fn new(value: T) -> LeafMutex<T> {
            LeafMutex(loom::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> LeafMutexGuard<'_, T> {
            LeafMutexGuard { lock: self, guard: Some(self.0.lock().unwrap()) }
        }

        pub fn try_lock(&self) -> Option<LeafMutexGuard<'_, T>> {
            Some(LeafMutexGuard { lock: self, guard: Some(self.0.try_lock().ok()?) })
        }
    }

    impl<T> std::ops::Deref for LeafMutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.guard.as_ref().unwrap()
        }
    }

    impl<T> std::ops::DerefMut for LeafMutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.guard.as_mut().unwrap()
        }
    }

    pub struct LeafCondvar(loom::sync::Condvar);

    impl LeafCondvar {
        pub fn new() -> LeafCondvar {
            LeafCondvar(loom::sync::Condvar::new())
        }

        pub fn wait<T>(&self, guard: &mut LeafMutexGuard<'_, T>) {
            let held = guard.guard.take().unwrap();
            guard.guard = Some(self.0.wait(held).unwrap());
        }

        #[must_use]
        pub fn wait_for<T>(&self, guard: &mut LeafMutexGuard<'_, T>, _most: Duration) -> bool {
            if !time_passes() {
                self.wait(guard);
                return false;
            }
            drop(guard.guard.take());
            loom::thread::yield_now();
            guard.guard = Some(guard.lock.0.lock().unwrap());
            true
        }

        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
