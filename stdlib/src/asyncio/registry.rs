//! Which tasks there are: `all_tasks`.
//!
//! # Who may touch what
//! * Each thread lists the tasks that it has registered in a [`Registry`] of its own. Its lock is taken by that thread,
//!   by one that ends or drops a task of it, and by `all_tasks`; nothing is locked and no Python code runs below it.
//! * The lists own no counts. A task is taken off before its memory is given back, so that what is listed can be looked
//!   at under the lock. `all_tasks` takes its counts in a stopped world, where no owner is in the middle of giving back
//!   a last reference.
//! * `Task::registry` changes with the lock of the registry that it names (or will name) held; so does `Task::place`.
//! * Registries are never freed: when a thread ends, its registry with the tasks in it goes to the next one.
//! * Tasks that are not of the native type are in a WeakSet and, while they start eagerly, in a set.

use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use pyrt_runtime::names::names;
use pyrt_runtime::object::FREE_THREADED;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::refcount;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, compare, iterate};
use pyrt_runtime::sync::{AtomicPtr, AtomicUsize, LeafMutex, Ordering};
use pyrt_runtime::threads::stop_the_world;
use pyrt_runtime::threads::thread_state::{self, Thread};
use pyrt_runtime::types::set;
use pyrt_runtime::types::type_object::*;

use super::future::{self, Status};
use super::{imported, loops, task};

pub struct Registry {
    tasks: LeafMutex<Vec<Value>>,
}

// SAFETY: the values are touched under the lock (see above).
unsafe impl Sync for Registry {}

/// Where a task is listed.
pub struct Listing {
    registry: AtomicPtr<Registry>,
    place: AtomicUsize,
}

impl Listing {
    pub const fn new() -> Listing {
        Listing { registry: AtomicPtr::new(null_mut()), place: AtomicUsize::new(0) }
    }
}

struct Registries {
    all: Vec<&'static Registry>,
    idle: Vec<&'static Registry>,
}

static REGISTRIES: LeafMutex<Registries> = LeafMutex::new(Registries { all: Vec::new(), idle: Vec::new() });

thread_local! {
    static OWN: Cell<*const Registry> = const { Cell::new(null()) };
}

fn own() -> &'static Registry {
    let own = OWN.get();
    if !own.is_null() {
        // SAFETY: registries are never freed.
        return unsafe { &*own };
    }
    let mut registries = REGISTRIES.lock();
    let taken = registries.idle.pop().unwrap_or_else(|| {
        let made: &'static Registry = Box::leak(Box::new(Registry { tasks: LeafMutex::new(Vec::new()) }));
        registries.all.push(made);
        made
    });
    OWN.set(taken);
    taken
}

/// The thread ends.
pub fn forget_thread() {
    let own = OWN.replace(null());
    if !own.is_null() {
        // SAFETY: registries are never freed.
        REGISTRIES.lock().idle.push(unsafe { &*own });
    }
}

/// In the child after `fork`: no loop runs there, and none of the tasks is the child's.
pub fn reset_after_fork(thread: &mut Thread) {
    drop((thread.event_loop.take(), thread.running_task.take()));
    for registry in REGISTRIES.lock().all.iter() {
        for listed in registry.tasks.lock().drain(..) {
            task::of(listed).listing.registry.store(null_mut(), Ordering::Relaxed);
        }
    }
}

/// Lists a native task, if it is not listed yet.
pub fn register(this: Value) {
    let listing = &task::of(this).listing;
    // Relaxed: whoever has changed it holds the lock that is taken next, or is this thread.
    if !listing.registry.load(Ordering::Relaxed).is_null() {
        return;
    }
    let own = own();
    let mut tasks = own.tasks.lock();
    let word = std::ptr::from_ref(own).cast_mut();
    if listing.registry.compare_exchange(null_mut(), word, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        listing.place.store(tasks.len(), Ordering::Relaxed);
        tasks.push(this);
    }
}

/// Takes a native task off its list.
pub fn unregister(this: Value) {
    let listing = &task::of(this).listing;
    let registry = listing.registry.load(Ordering::Acquire);
    if registry.is_null() {
        return;
    }
    // SAFETY: registries are never freed.
    let mut tasks = unsafe { (*registry).tasks.lock() };
    if listing.registry.load(Ordering::Relaxed) != registry {
        return;
    }
    let place = listing.place.load(Ordering::Relaxed);
    if tasks.get(place).is_some_and(|listed| listed.is(this)) {
        tasks.swap_remove(place);
        if let Some(moved) = tasks.get(place) {
            task::of(*moved).listing.place.store(place, Ordering::Relaxed);
        }
    }
    // Release: pairs with the loads above; the next registration finds the list without the task.
    listing.registry.store(null_mut(), Ordering::Release);
}

/// All listed native tasks.
fn listed(thread: &mut Thread) -> Vec<Owned> {
    let stopped = (FREE_THREADED && thread_state::has_other_threads()).then(|| stop_the_world::stop(thread));
    let registries = REGISTRIES.lock().all.clone();
    let mut found = Vec::new();
    for registry in registries {
        for listed in registry.tasks.lock().iter() {
            // A dead task that waits for its teardown has no references left.
            // SAFETY: a listed task has its memory. Nobody gives references back meanwhile, so that one with a count is
            // alive: the world is stopped, or this is the only thread that runs.
            unsafe {
                if refcount::count(&*listed.header()) > 0 {
                    lifetime::retain_foreign_pointer(*listed);
                    found.push(Owned::from_raw(*listed));
                }
            }
        }
    }
    drop(stopped);
    found
}

/// The WeakSet of tasks of other types.
static SCHEDULED: OnceLock<u64> = OnceLock::new();
/// The set of those that are starting eagerly.
static EAGER: OnceLock<u64> = OnceLock::new();

fn scheduled(thread: &mut Thread) -> PyResult<Value> {
    let word = match SCHEDULED.get() {
        Some(word) => *word,
        None => {
            let class = imported::WEAK_SET.get(thread)?;
            let made = call::call(class, &[], thread)?;
            *SCHEDULED.get_or_init(|| made.into_raw().bits())
        }
    };
    // SAFETY: the count is never given back.
    Ok(unsafe { Value::from_bits(word) })
}

fn eager() -> Value {
    let word = *EAGER.get_or_init(|| set::new().into_raw().bits());
    // SAFETY: the count is never given back.
    unsafe { Value::from_bits(word) }
}

fn register_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if task::is_task(args.at(0)) {
        register(args.at(0));
    } else {
        let tasks = scheduled(thread)?;
        call::call_method(tasks, names().add, &[args.at(0)], thread)?;
    }
    Ok(Owned::none())
}

fn unregister_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if task::is_task(args.at(0)) {
        unregister(args.at(0));
    } else {
        let tasks = scheduled(thread)?;
        call::call_method(tasks, names().discard, &[args.at(0)], thread)?;
    }
    Ok(Owned::none())
}

fn register_eager_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set::add(eager(), args.at(0), thread)?;
    Ok(Owned::none())
}

fn unregister_eager_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let hash = set::hash_element(args.at(0), thread)?;
    drop(set::SetObject::of(eager()).remove_hashed(args.at(0), hash, thread)?);
    Ok(Owned::none())
}

fn all_tasks(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let event_loop = match args.get(0).filter(|event_loop| !event_loop.is_none()) {
        Some(event_loop) => event_loop.to_owned(),
        None => loops::running_loop(thread)?,
    };
    // The eager ones first: one that is scheduled meanwhile is not missed.
    let mut tasks: Vec<Owned> = set::SetObject::of(eager()).entries().into_iter().map(|entry| entry.key).collect();
    tasks.append(&mut listed(thread));
    let others = scheduled(thread)?;
    tasks.append(&mut iterate::collect(others, thread)?);
    let found = set::new();
    for task in tasks {
        let is_done = if future::is_exact(*task) {
            future::of(*task).status() != Status::Pending
        } else {
            let done = call::call_method(*task, names().done, &[], thread)?;
            compare::truth(*done, thread)?
        };
        if !is_done && future::loop_of(*task, thread)?.is(*event_loop) {
            set::add(*found, *task, thread)?;
        }
    }
    Ok(found)
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("_register_task", NativeFn::Bound(register_task), "($module, /, task)", "Makes a task known to all_tasks()."),
    method("_unregister_task", NativeFn::Bound(unregister_task), "($module, /, task)", "all_tasks() forgets a task."),
    method("_register_eager_task", NativeFn::Bound(register_eager_task), "($module, /, task)", "Makes a task known that starts eagerly."),
    method("_unregister_eager_task", NativeFn::Bound(unregister_eager_task), "($module, /, task)", "Forgets a task that has started eagerly."),
    method("all_tasks", NativeFn::Bound(all_tasks), "($module, /, loop=None)", "The set of all tasks of a loop that are not done."),
];
