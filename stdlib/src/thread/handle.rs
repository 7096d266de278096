//! Starting OS threads that run Python, and `_thread._ThreadHandle`, by which one waits for the end of such a thread.

use std::sync::{Arc, Weak};
use std::time::Instant;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::lifecycle::{FRAME_STACK_BYTES, native_limit};
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert, finalize};
use pyrt_runtime::sync::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, LeafMutex, Ordering};
use pyrt_runtime::threads::thread_state::{self, Thread};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::{GetSetDef, SlotFn, TYPE_WEAKREFABLE, TypeObject, TypeSpec, method};

use super::lock::{RawLock, deadline_of};
use crate::duration::{self, Rounding};

/// Native stack of a started thread in bytes, unless `_thread.stack_size()` says otherwise.
const DEFAULT_STACK_BYTES: usize = 16 << 20;

const NOT_STARTED: u8 = 0;
const STARTING: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;

/// What a handle and its thread share. The lock is held until the thread is done.
pub struct HandleState {
    phase: AtomicU8,
    ident: AtomicU64,
    done: RawLock,
    is_daemon: AtomicBool,
    /// Started by `start`, so that `_count` counts it.
    is_counted: AtomicBool,
}

impl HandleState {
    fn new() -> Arc<HandleState> {
        let state = HandleState {
            phase: AtomicU8::new(NOT_STARTED),
            ident: AtomicU64::new(0),
            done: RawLock::new(),
            is_daemon: AtomicBool::new(true),
            is_counted: AtomicBool::new(false),
        };
        state.done.try_acquire();
        Arc::new(state)
    }

    fn finish(&self) {
        // Release: who sees DONE sees what the thread did.
        if self.phase.swap(DONE, Ordering::AcqRel) != DONE {
            self.done.release();
        }
    }

    fn is_done(&self) -> bool {
        self.phase.load(Ordering::Acquire) == DONE
    }

    /// Waits until the thread is done; false when `deadline` passed.
    fn wait(&self, deadline: Option<Instant>, thread: &mut Thread) -> PyResult<bool> {
        if self.is_done() {
            return Ok(true);
        }
        let is_over = self.done.acquire_until(deadline, thread)?;
        if is_over {
            // The next one that waits gets through too.
            self.done.release();
        }
        Ok(is_over)
    }
}

/// Threads that the end of the program waits for.
static JOINABLE: LeafMutex<Vec<Arc<HandleState>>> = LeafMutex::new(Vec::new());
/// All threads that were started and may run, for the child of a fork.
static STARTED: LeafMutex<Vec<Weak<HandleState>>> = LeafMutex::new(Vec::new());
static N_RUNNING: AtomicI64 = AtomicI64::new(0);
static STACK_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The number of started threads that still run (`_thread._count`).
pub fn count() -> i64 {
    N_RUNNING.load(Ordering::Relaxed)
}

/// The configured native stack size, 0 for the default; sets it if `bytes` is given.
pub fn stack_size(bytes: Option<usize>) -> usize {
    match bytes {
        None => STACK_BYTES.load(Ordering::Relaxed),
        Some(bytes) => STACK_BYTES.swap(bytes, Ordering::Relaxed),
    }
}

/// Waits for all threads that are not daemons.
pub fn join_all(thread: &mut Thread) -> PyResult<()> {
    loop {
        let last = {
            let mut joinable = JOINABLE.lock();
            joinable.retain(|state| !state.is_done());
            joinable.iter().find(|state| state.ident.load(Ordering::Relaxed) != thread.shared.ident.load(Ordering::Relaxed)).cloned()
        };
        match last {
            Some(state) => {
                state.wait(None, thread)?;
            }
            None => return Ok(()),
        }
    }
}

/// In the child after `fork`: all other threads are gone, so they count as done, and nobody waits for them.
pub fn reset_after_fork(thread: &Thread) {
    let own = thread.shared.ident.load(Ordering::Relaxed);
    let started = std::mem::take(&mut *STARTED.lock());
    let mut is_started = false;
    for state in started.iter().filter_map(Weak::upgrade) {
        if state.ident.load(Ordering::Relaxed) == own && !state.is_done() {
            is_started |= state.is_counted.load(Ordering::Relaxed);
            STARTED.lock().push(Arc::downgrade(&state));
        } else {
            state.phase.store(DONE, Ordering::Release);
            state.done.reset();
        }
    }
    JOINABLE.lock().clear();
    N_RUNNING.store(i64::from(is_started), Ordering::Relaxed);
}

/// Counted references on their way to the thread that will own them.
struct Parcel {
    function: Owned,
    args: Owned,
    kwargs: Option<Owned>,
}

// SAFETY: counted references may move between threads: each count is given back by whoever holds it then, and the
// counting tells owner and others apart. The parcel is opened only by an attached thread.
unsafe impl Send for Parcel {}

/// Starts a thread that calls `function(*args, **kwargs)`; gives its ident.
pub fn start(function: Value, args: Owned, kwargs: Option<Owned>, state: Arc<HandleState>, thread: &mut Thread) -> PyResult<u64> {
    let interpreter = thread.interpreter;
    if interpreter.finalizing.load(Ordering::Relaxed) {
        return Err(thread.raise(&exc::PYTHON_FINALIZATION_ERROR, "can't create new thread at interpreter shutdown"));
    }
    if state.phase.compare_exchange(NOT_STARTED, STARTING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "thread already started"));
    }
    state.is_counted.store(true, Ordering::Relaxed);
    thread_state::note_other_threads();
    let parcel = Parcel { function: function.to_owned(), args, kwargs };
    let bytes = match STACK_BYTES.load(Ordering::Relaxed) {
        0 => DEFAULT_STACK_BYTES,
        bytes => bytes,
    };
    let mine = state.clone();
    // Held until the new thread is registered, so that its ident is known and it is counted when this returns.
    let started = Arc::new(RawLock::new());
    started.try_acquire();
    let signal = started.clone();
    // The new thread gives the parcel back itself; where none could be made, nothing has happened yet.
    let parcel = Arc::new(LeafMutex::new(Some(parcel)));
    let to_open = parcel.clone();
    let body = move || {
        let mut own = thread_state::register(interpreter, false, native_limit(), FRAME_STACK_BYTES);
        mine.ident.store(own.shared.ident.load(Ordering::Relaxed), Ordering::Relaxed);
        mine.phase.store(RUNNING, Ordering::Release);
        N_RUNNING.fetch_add(1, Ordering::Relaxed);
        signal.release();
        thread_state::attach(&mut own);
        let contents = to_open.lock().take();
        if let Some(contents) = contents {
            run(contents, &mut own);
        }
        super::local::forget_thread(&mut own);
        crate::asyncio::registry::forget_thread();
        thread_state::unregister(own);
        N_RUNNING.fetch_sub(1, Ordering::Relaxed);
        mine.finish();
    };
    if std::thread::Builder::new().stack_size(bytes).spawn(body).is_err() {
        state.phase.store(NOT_STARTED, Ordering::Release);
        let contents = parcel.lock().take();
        drop(contents);
        return Err(thread.raise(&exc::RUNTIME_ERROR, "can't start new thread"));
    }
    if !state.is_daemon.load(Ordering::Relaxed) {
        let mut joinable = JOINABLE.lock();
        joinable.retain(|other| !other.is_done());
        joinable.push(state.clone());
    }
    remember(&state);
    // The thread exists and will say so: no signal handler may come in between.
    started.acquire_unheeding(thread);
    Ok(state.ident.load(Ordering::Relaxed))
}

fn run(contents: Parcel, thread: &mut Thread) {
    let Parcel { function, args, kwargs } = contents;
    let result = call::call_tuple(*function, *args, kwargs.as_ref().map(|kwargs| **kwargs), thread);
    match result {
        Ok(value) => lifetime::release(value, thread),
        Err(_) => {
            let is_exit = thread.exception().is_some_and(|exception| exception.is_instance(exc::SYSTEM_EXIT.get()));
            if is_exit {
                drop(thread.take_exception());
            } else {
                let what = convert::repr_text(*function, thread).unwrap_or_default();
                finalize::write_unraisable(Some(&format!("Exception ignored in thread started by {what}")), None, thread);
            }
        }
    }
    lifetime::release(function, thread);
    lifetime::release(args, thread);
    if let Some(kwargs) = kwargs {
        lifetime::release(kwargs, thread);
    }
}

#[repr(C)]
struct HandleObject {
    header: Header,
    state: Arc<HandleState>,
}

fn of<'a>(value: Value) -> &'a HandleObject {
    // SAFETY: callers have checked the type, or are its methods.
    unsafe { value.as_ref() }
}

/// A handle of a thread that has not started.
pub fn new_handle() -> Owned {
    lifetime::allocate_object(HANDLE.get(), |header| HandleObject { header, state: HandleState::new() })
}

/// A handle of a running thread that was not started from here, by its ident.
pub fn handle_of_running(ident: u64) -> Owned {
    let made = new_handle();
    let state = &of(*made).state;
    state.ident.store(ident, Ordering::Relaxed);
    state.phase.store(RUNNING, Ordering::Release);
    remember(state);
    made
}

/// Keeps a thread's state for the child of a fork.
fn remember(state: &Arc<HandleState>) {
    let mut started = STARTED.lock();
    if started.len() >= 64 && started.len().is_power_of_two() {
        started.retain(|state| state.upgrade().is_some_and(|state| !state.is_done()));
    }
    started.push(Arc::downgrade(state));
}

/// The state behind a handle, `None` for other objects.
pub fn state_of(value: Value) -> Option<Arc<HandleState>> {
    (value.is_pointer() && std::ptr::eq(value.type_object(), HANDLE.get())).then(|| of(value).state.clone())
}

/// A state without handle, for threads that nobody joins.
pub fn detached_state() -> Arc<HandleState> {
    HandleState::new()
}

/// Whether the end of the program waits for the thread.
pub fn set_daemon(state: &HandleState, is_daemon: bool) {
    state.is_daemon.store(is_daemon, Ordering::Relaxed);
}

fn handle_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        return Err(thread.raise_type_error("_ThreadHandle() takes no arguments"));
    }
    Ok(new_handle())
}

fn handle_join(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let time = match args.get(0).filter(|timeout| !timeout.is_none()) {
        Some(timeout) => Some(duration::nanoseconds(timeout, Rounding::Up, thread)?),
        None => None,
    };
    let state = of(this).state.clone();
    let phase = state.phase.load(Ordering::Acquire);
    if phase == NOT_STARTED {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "thread not started"));
    }
    if phase != DONE && state.ident.load(Ordering::Relaxed) == thread.shared.ident.load(Ordering::Relaxed) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "Cannot join current thread"));
    }
    if phase != DONE && thread.interpreter.finalizing.load(Ordering::Relaxed) {
        // Other threads run no Python code any more, so it would never be done.
        return Err(thread.raise(&exc::PYTHON_FINALIZATION_ERROR, "cannot join thread at interpreter shutdown"));
    }
    // A negative time waits forever.
    let deadline = match time.filter(|time| *time >= 0) {
        Some(time) => deadline_of(time, thread)?,
        None => None,
    };
    state.wait(deadline, thread)?;
    Ok(Owned::none())
}

fn handle_is_done(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).state.is_done()))
}

fn handle_set_done(this: Value, thread: &mut Thread) -> PyResult {
    let state = &of(this).state;
    if state.phase.load(Ordering::Acquire) == NOT_STARTED {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "thread not started"));
    }
    state.finish();
    Ok(Owned::none())
}

fn handle_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&format!("<_ThreadHandle object: ident={}>", of(this).state.ident.load(Ordering::Relaxed))))
}

fn get_ident(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.ident.load(Ordering::Relaxed) as i64))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead, and its contents are dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<HandleObject>()).state) };
}

pub static HANDLE: StaticType = StaticType::new(&TypeSpec {
    name: "_thread._ThreadHandle",
    doc: "A thread that can be joined.",
    flags: TYPE_WEAKREFABLE,
    basic_size: size_of::<HandleObject>(),
    slots: &[SlotFn::repr(handle_repr), SlotFn::new(handle_new)],
    methods: &[
        method("join", NativeFn::Bound(handle_join), "-($self, timeout=None, /)", "Waits until the thread is done."),
        method("is_done", NativeFn::NoArgs(handle_is_done), "-($self, /)", "Whether the thread is done."),
        method("_set_done", NativeFn::NoArgs(handle_set_done), "-($self, /)", "Counts the thread as done."),
    ],
    getsets: &[GetSetDef { name: "ident", get: get_ident, set: None, doc: "The thread's identifier." }],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
});

/// Whether `value` is an instance of `ty`, by its real type.
pub fn is_instance_of(value: Value, ty: &TypeObject) -> bool {
    value.is_pointer() && value.is_instance(ty)
}
