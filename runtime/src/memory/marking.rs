//! Marking: everything that can be reached from given objects, in a stopped world.
//!
//! Objects to be looked at wait on a stack; those taken from it pass through a short queue, in which the processor fetches
//! them, since hardly any is in its caches. In `pyrt-t` all cores mark where there is much to do: a thread that has nothing
//! left takes half of another's stack.
//!
//! The threads that help are no Python threads: `traverse` functions (types/type_object.rs) only read the object.

use crate::memory::heap::HeapSlot;
use crate::object::header::{FLAG_GC, Header};
use crate::object::refcount::FREE_THREADED;
use crate::object::shape;
use crate::object::value::Value;
use crate::sync::{AtomicUsize, LeafCondvar, LeafMutex, Ordering};

/// Objects that are being fetched at a time.
const IN_FLIGHT: usize = 16;
/// A stack of more objects is shared with threads that have none.
const WORTH_SHARING: usize = 32;
/// Bytes of live objects above which other threads help.
const WORTH_HELP: usize = 8 << 20;
/// Threads that mark, at most.
const MAX_THREADS: usize = 16;

/// Asks the processor to fetch the cache line.
#[inline(always)]
fn prefetch(address: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; no address is wrong.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address as *const i8);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Whether the collector follows the object: not an immediate, not immortal, and of a type that refers to others.
///
/// # Safety
/// The value is alive.
#[inline(always)]
pub(super) unsafe fn is_followed(value: Value) -> bool {
    // SAFETY: the caller's.
    value.is_pointer() && unsafe { (*value.header()).has_flag(FLAG_GC) && !(*value.header()).is_immortal() }
}

/// Objects that wait to be looked at, by address.
#[derive(Default)]
pub(super) struct Reachable {
    stack: Vec<u64>,
}

impl Reachable {
    /// An object from which marking starts.
    pub(super) fn push(&mut self, value: Value) {
        if value.is_pointer() {
            self.stack.push(value.unmarked().bits());
        }
    }

    /// Marks what can be reached from the objects pushed. `live_bytes`: how much that may be.
    ///
    /// # Safety
    /// The world is stopped; the objects are alive.
    pub(super) unsafe fn mark(self, live_bytes: usize) {
        let mut threads = 1;
        if FREE_THREADED && live_bytes > WORTH_HELP && !crate::threads::gil::is_enabled() {
            threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        }
        if threads == 1 {
            // SAFETY: the caller's.
            unsafe { Worker::<false> { stack: self.stack, team: &Team::new() }.run() };
            return;
        }
        let team = Team::new();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where no thread can be had, those that run do the work.
                let _ = std::thread::Builder::new().stack_size(1 << 18).spawn_scoped(scope, || {
                    team.join();
                    // SAFETY: the caller waits for this thread in its stopped world.
                    unsafe { Worker::<true> { stack: Vec::new(), team: &team }.run() }
                });
            }
            team.join();
            // SAFETY: the caller's.
            unsafe { Worker::<true> { stack: self.stack, team: &team }.run() };
        });
    }
}

/// The threads that mark together.
struct Team {
    work: LeafMutex<Work>,
    changed: LeafCondvar,
    /// Members without work, for those who look without the lock.
    idle: AtomicUsize,
}

struct Work {
    /// Stacks that wait for a thread.
    shares: Vec<Vec<u64>>,
    members: usize,
    idle: usize,
    is_done: bool,
}

impl Team {
    fn new() -> Team {
        Team {
            work: LeafMutex::new(Work { shares: Vec::new(), members: 0, idle: 0, is_done: false }),
            changed: LeafCondvar::new(),
            idle: AtomicUsize::new(0),
        }
    }

    fn join(&self) {
        self.work.lock().members += 1;
    }

    fn give(&self, share: Vec<u64>) {
        self.work.lock().shares.push(share);
        self.changed.notify_one();
    }

    /// The next stack to work off; `None` when all is marked.
    fn take(&self) -> Option<Vec<u64>> {
        let mut work = self.work.lock();
        if let Some(share) = work.shares.pop() {
            return Some(share);
        }
        work.idle += 1;
        // Relaxed: a hint.
        self.idle.store(work.idle, Ordering::Relaxed);
        loop {
            if work.idle == work.members && work.shares.is_empty() {
                work.is_done = true;
                drop(work);
                self.changed.notify_all();
                return None;
            }
            self.changed.wait(&mut work);
            if work.is_done {
                return None;
            }
            if let Some(share) = work.shares.pop() {
                work.idle -= 1;
                self.idle.store(work.idle, Ordering::Relaxed);
                return Some(share);
            }
        }
    }
}

struct Worker<'a, const SHARED: bool> {
    stack: Vec<u64>,
    team: &'a Team,
}

impl<const SHARED: bool> Worker<'_, SHARED> {
    /// # Safety
    /// See [`Reachable::mark`].
    unsafe fn run(mut self) {
        let mut in_flight = [0u64; IN_FLIGHT];
        let (mut first, mut n) = (0, 0);
        loop {
            while n < IN_FLIGHT {
                let Some(address) = self.stack.pop() else { break };
                prefetch(address);
                in_flight[(first + n) % IN_FLIGHT] = address;
                n += 1;
            }
            if n == 0 {
                if !SHARED {
                    return;
                }
                let Some(share) = self.team.take() else { return };
                self.stack = share;
                continue;
            }
            let address = in_flight[first];
            first = (first + 1) % IN_FLIGHT;
            n -= 1;
            // SAFETY: the caller's.
            unsafe { self.look_at(address) };
            // Relaxed: a hint.
            if SHARED && self.stack.len() > WORTH_SHARING && self.team.idle.load(Ordering::Relaxed) != 0 {
                // What lies lowest was met first and leads to most.
                let rest = self.stack.split_off(self.stack.len() / 2);
                self.team.give(std::mem::replace(&mut self.stack, rest));
            }
        }
    }

    /// Marks the object, and remembers what it refers to, if it was not marked.
    #[inline(always)]
    unsafe fn look_at(&mut self, address: u64) {
        let header = address as *mut Header;
        // SAFETY: references lead to live objects in a stopped world.
        unsafe {
            if !is_followed(Value::from_header(header)) || !HeapSlot::mark::<SHARED>(header) {
                return;
            }
            let ty = shape::type_of_header(&*header);
            // A class is held by the shapes of its instances, uncounted.
            if !ty.header.is_immortal() {
                self.stack.push(ty.value().bits());
            }
            if let Some(traverse) = ty.traverse.get() {
                let (stack, mut last) = (&mut self.stack, 0);
                traverse(Value::from_header(header), &mut |held| {
                    // The same object many times in a row is usual: `[None] * n`.
                    let bits = held.bits();
                    if bits != last && held.is_pointer() {
                        last = bits;
                        stack.push(held.unmarked().bits());
                    }
                });
            }
        }
    }
}
