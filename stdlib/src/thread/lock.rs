//! `_thread.lock` and `_thread.RLock`.
//!
//! A thread waits detached, so that others run and collect; the lock itself is in thread/raw_lock.rs.

use std::time::{Duration, Instant};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::threads::thread_state::{REQUEST_SIGNALS, Thread};
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::type_object::{MethodDef, SlotFn, TYPE_WEAKREFABLE, TypeObject, TypeSpec, method};
pub use super::raw_lock::RawLock;
use super::raw_lock::Waited;
use super::recursive_lock::RecursiveLock;
use pyrt_runtime::types::{int, tuple};

use crate::duration::{self, Rounding};

/// The longest time that a wait may take, in seconds (`_thread.TIMEOUT_MAX`).
pub const TIMEOUT_MAX: f64 = 9_223_372_036.0;

impl RawLock {
    /// Waits for the lock until `deadline`; false when that passed. An exception of a signal handler ends the wait.
    pub fn acquire_until(&self, deadline: Option<Instant>, thread: &mut Thread) -> PyResult<bool> {
        if self.try_acquire() {
            return Ok(true);
        }
        if thread.is_main && thread.interpreter.finalizing.load(Ordering::Relaxed) {
            // Who holds it runs no Python code any more, so it would never be free.
            return Err(thread.raise(&exc::PYTHON_FINALIZATION_ERROR, "cannot acquire lock at interpreter finalization"));
        }
        loop {
            let is_main = thread.is_main;
            let shared = thread.shared;
            let has_signal = || shared.requests.load(Ordering::SeqCst) & REQUEST_SIGNALS != 0;
            match thread.detached(|| self.wait(deadline, is_main.then_some(has_signal))) {
                Waited::Taken => return Ok(true),
                Waited::TimedOut => {
                    safepoint::poll(thread)?;
                    return Ok(self.try_acquire());
                }
                Waited::Interrupted => safepoint::poll(thread)?,
            }
        }
    }

    /// Waits for the lock while no signal handler runs.
    pub fn acquire_unheeding(&self, thread: &mut Thread) {
        if !self.try_acquire() {
            thread.detached(|| while self.wait(None, None::<fn() -> bool>) != Waited::Taken {});
        }
    }
}

/// The time until which a wait of so many nanoseconds goes.
pub fn deadline_of(nanoseconds: i64, thread: &mut Thread) -> PyResult<Option<Instant>> {
    if nanoseconds as f64 > TIMEOUT_MAX * 1e9 {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "timeout value is too large"));
    }
    Ok(Instant::now().checked_add(Duration::from_nanos(nanoseconds.max(0) as u64)))
}

/// `acquire(blocking=True, timeout=-1)`: takes the lock as these arguments say.
fn acquire_by(raw: &RawLock, args: Args<'_>, thread: &mut Thread) -> PyResult<bool> {
    let is_blocking = match args.get(0) {
        Some(blocking) => compare::truth(blocking, thread)?,
        None => true,
    };
    const FOREVER: i64 = -duration::NANOS;
    let time = match args.get(1) {
        Some(timeout) => duration::nanoseconds(timeout, Rounding::Up, thread)?,
        None => FOREVER,
    };
    if !is_blocking && time != FOREVER {
        return Err(thread.raise_value_error("can't specify a timeout for a non-blocking call"));
    }
    if time < 0 && time != FOREVER {
        return Err(thread.raise_value_error("timeout value must be a non-negative number"));
    }
    if !is_blocking {
        return Ok(raw.try_acquire());
    }
    let deadline = if time == FOREVER { None } else { deadline_of(time, thread)? };
    raw.acquire_until(deadline, thread)
}

#[repr(C)]
struct LockObject {
    header: Header,
    raw: RawLock,
}

fn lock_of<'a>(value: Value) -> &'a LockObject {
    // SAFETY: the methods below belong to the type.
    unsafe { value.as_ref() }
}

/// A new lock.
pub fn new_lock() -> Owned {
    lifetime::allocate_object(LOCK.get(), |header| LockObject { header, raw: RawLock::new() })
}

fn lock_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("lock() takes no keyword arguments"));
    }
    if !args.is_empty() {
        let n = args.len();
        return Err(thread.raise_type_error(format!("lock expected 0 arguments, got {n}")));
    }
    Ok(new_lock())
}

fn lock_acquire(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(acquire_by(&lock_of(this).raw, args, thread)?))
}

fn lock_enter(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(lock_of(this).raw.acquire_until(None, thread)?))
}

fn lock_release(this: Value, thread: &mut Thread) -> PyResult {
    if lock_of(this).raw.release() { Ok(Owned::none()) } else { Err(thread.raise(&exc::RUNTIME_ERROR, "release unlocked lock")) }
}

fn lock_exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    lock_release(this, thread)
}

fn lock_locked(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(lock_of(this).raw.is_held()))
}

fn lock_reset(this: Value, _thread: &mut Thread) -> PyResult {
    lock_of(this).raw.reset();
    Ok(Owned::none())
}

fn lock_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let state = if lock_of(this).raw.is_held() { "locked" } else { "unlocked" };
    Ok(Owned::str(&format!("<{state} {} object at {:#x}>", this.type_object().full_name(), this.id())))
}

const ACQUIRE: &str = "($self, /, blocking=True, timeout=-1)";
const EXIT: &str = "($self, /, *exc_info)";

static LOCK_METHODS: &[MethodDef] = &[
    method("acquire", NativeFn::Bound(lock_acquire), ACQUIRE, "Takes the lock; false if that could not be done in time."),
    method("acquire_lock", NativeFn::Bound(lock_acquire), ACQUIRE, "An old name of acquire()."),
    method("release", NativeFn::NoArgs(lock_release), "($self, /)", "Gives the lock back, whichever thread took it."),
    method("release_lock", NativeFn::NoArgs(lock_release), "($self, /)", "An old name of release()."),
    method("locked", NativeFn::NoArgs(lock_locked), "($self, /)", "Whether the lock is taken."),
    method("locked_lock", NativeFn::NoArgs(lock_locked), "($self, /)", "An old name of locked()."),
    method("__enter__", NativeFn::NoArgs(lock_enter), "($self, /)", "Takes the lock."),
    method("__exit__", NativeFn::Bound(lock_exit), EXIT, "Gives the lock back."),
    method("_at_fork_reinit", NativeFn::NoArgs(lock_reset), "($self, /)", "Frees the lock in a forked child."),
];

pub static LOCK: StaticType = StaticType::new(&TypeSpec {
    name: "_thread.lock",
    doc: "A lock that one thread takes and any thread gives back.",
    flags: TYPE_WEAKREFABLE,
    basic_size: size_of::<LockObject>(),
    slots: &[SlotFn::repr(lock_repr), SlotFn::new(lock_new)],
    methods: LOCK_METHODS,
    ..TypeSpec::DEFAULT
});

#[repr(C)]
struct RLockObject {
    header: Header,
    lock: RecursiveLock,
}

fn rlock_of<'a>(value: Value) -> &'a RecursiveLock {
    // SAFETY: the methods below belong to the type.
    &unsafe { value.as_ref::<RLockObject>() }.lock
}

fn rlock_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| RLockObject {
        header,
        lock: RecursiveLock::new(),
    }))
}

fn rlock_acquire(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let lock = rlock_of(this);
    if lock.is_mine(thread) {
        // The arguments are checked as ever; the lock itself is not looked at.
        let probe = RawLock::new();
        acquire_by(&probe, args, thread)?;
        lock.enter_again(thread)?;
        return Ok(Owned::bool(true));
    }
    let is_taken = acquire_by(&lock.raw, args, thread)?;
    if is_taken {
        lock.take(thread, 1);
    }
    Ok(Owned::bool(is_taken))
}

fn rlock_enter(this: Value, thread: &mut Thread) -> PyResult {
    rlock_of(this).acquire(thread)?;
    Ok(Owned::bool(true))
}

fn rlock_release(this: Value, thread: &mut Thread) -> PyResult {
    if rlock_of(this).release(thread) {
        Ok(Owned::none())
    } else {
        Err(thread.raise(&exc::RUNTIME_ERROR, "cannot release un-acquired lock"))
    }
}

fn rlock_exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    rlock_release(this, thread)
}

fn rlock_locked(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(rlock_of(this).raw.is_held()))
}

fn rlock_is_owned(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(rlock_of(this).is_mine(thread)))
}

fn rlock_recursion_count(this: Value, thread: &mut Thread) -> PyResult {
    let lock = rlock_of(this);
    Ok(Owned::int(if lock.is_mine(thread) { lock.count.load(Ordering::Relaxed) as i64 } else { 0 }))
}

/// Gives the lock back wholly, however often it was taken; what `_acquire_restore` needs.
fn rlock_release_save(this: Value, thread: &mut Thread) -> PyResult {
    let lock = rlock_of(this);
    if !lock.is_mine(thread) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot release un-acquired lock"));
    }
    let (count, owner) = (lock.count.load(Ordering::Relaxed), lock.owner.load(Ordering::Relaxed));
    lock.leave();
    Ok(tuple::from_vec(vec![int::from_i64(count as i64), int::from_i64(owner as i64)]))
}

fn rlock_acquire_restore(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    if !state.has_shape(shapes::TUPLE) || tuple::TupleObject::of(state).items().len() != 2 {
        return Err(thread.raise_type_error("_acquire_restore() argument 1 must be a 2-item tuple"));
    }
    let items = tuple::TupleObject::of(state).items();
    let count = convert::index_as_i64(items[0], thread, Some(&exc::OVERFLOW_ERROR))?;
    let owner = convert::index_as_i64(items[1], thread, Some(&exc::OVERFLOW_ERROR))?;
    let lock = rlock_of(this);
    lock.raw.acquire_until(None, thread)?;
    lock.count.store(count as u64, Ordering::Relaxed);
    lock.owner.store(owner as u64, Ordering::Relaxed);
    Ok(Owned::none())
}

fn rlock_reset(this: Value, _thread: &mut Thread) -> PyResult {
    rlock_of(this).reset();
    Ok(Owned::none())
}

fn rlock_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let lock = rlock_of(this);
    let state = if lock.raw.is_held() { "locked" } else { "unlocked" };
    let (owner, count) = (lock.owner.load(Ordering::Relaxed), lock.count.load(Ordering::Relaxed));
    let name = this.type_object().full_name();
    Ok(Owned::str(&format!("<{state} {name} object owner={owner} count={count} at {:#x}>", this.id())))
}

static RLOCK_METHODS: &[MethodDef] = &[
    method("acquire", NativeFn::Bound(rlock_acquire), ACQUIRE, "Takes the lock, or takes it once more."),
    method("release", NativeFn::NoArgs(rlock_release), "($self, /)", "Undoes one acquire() of this thread."),
    method("locked", NativeFn::NoArgs(rlock_locked), "($self, /)", "Whether the lock is taken."),
    method("__enter__", NativeFn::NoArgs(rlock_enter), "($self, /)", "Takes the lock."),
    method("__exit__", NativeFn::Bound(rlock_exit), EXIT, "Undoes one acquire()."),
    method("_is_owned", NativeFn::NoArgs(rlock_is_owned), "($self, /)", "Whether this thread has the lock."),
    method("_recursion_count", NativeFn::NoArgs(rlock_recursion_count), "($self, /)", "How often this thread has taken the lock."),
    method("_release_save", NativeFn::NoArgs(rlock_release_save), "($self, /)", "Gives the lock back wholly; for Condition."),
    method("_acquire_restore", NativeFn::One(rlock_acquire_restore), "($self, state, /)", "Takes the lock as often as saved."),
    method("_at_fork_reinit", NativeFn::NoArgs(rlock_reset), "($self, /)", "Frees the lock in a forked child."),
];

pub static RLOCK: StaticType = StaticType::new(&TypeSpec {
    name: "_thread.RLock",
    doc: "A lock that its holder may take again.",
    flags: TYPE_WEAKREFABLE | pyrt_runtime::types::type_object::TYPE_BASETYPE,
    basic_size: size_of::<RLockObject>(),
    slots: &[SlotFn::repr(rlock_repr), SlotFn::new(rlock_new)],
    methods: RLOCK_METHODS,
    ..TypeSpec::DEFAULT
});

/// A native value that one thread at a time works on, for as long as that takes: the others wait detached.
pub struct Exclusive<T> {
    lock: RawLock,
    value: std::cell::UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at the value at a time.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub const fn new(value: T) -> Exclusive<T> {
        Exclusive { lock: RawLock::new(), value: std::cell::UnsafeCell::new(value) }
    }

    /// Works on the value. `work` runs no Python code, so that it cannot come back here.
    pub fn with<R>(&self, thread: &mut Thread, work: impl FnOnce(&mut T, &mut Thread) -> R) -> R {
        self.lock.acquire_unheeding(thread);
        // SAFETY: the lock is held.
        let result = work(unsafe { &mut *self.value.get() }, thread);
        self.lock.release();
        result
    }
}
