//! What belongs to one thread.
//!
//! # Who may touch what
//! * [`Thread`]: its own OS thread, which passes it down as `&mut Thread`: the token of everything that may run Python
//!   code, block or pass a safepoint. Whoever stops the world may read it.
//! * [`ThreadShared`]: any thread; all fields are atomics. It outlives its thread and is reused.
//! * The thread-locals: their own thread. They exist for code without the token: drops of owned handles, allocation.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::ptr::null_mut;

use crate::interp::frame::{DataStack, ExcInfo, Frame};
use crate::interpreter::Interpreter;
use crate::memory::deltas::{self, Deltas};
use crate::memory::heap::{self, HeapSlot};
use crate::memory::reclamation;
use crate::object::refcount::{self, AfterRelease, FREE_THREADED};
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, LeafMutex, LeafMutexGuard, Ordering, Resettable};
use crate::threads::stop_the_world::WORLD;
pub use crate::threads::world::{REQUEST_STOP, STATE_DETACHED};
use crate::threads::world::{self, Member};
use crate::types::type_object::{SlotCache, TypeCache};

/// A collection is due.
pub const REQUEST_COLLECT: u32 = 1 << 1;
/// A signal has arrived (main thread only).
pub const REQUEST_SIGNALS: u32 = 1 << 2;
/// `PyThreadState_SetAsyncExc`-like exception waits in the shared part.
pub const REQUEST_ASYNC_EXCEPTION: u32 = 1 << 3;
/// Objects wait on the merge list.
pub const REQUEST_MERGE: u32 = 1 << 4;
/// Another thread wants the GIL.
pub const REQUEST_GIL: u32 = 1 << 5;
/// A new reclamation period must be acknowledged.
pub const REQUEST_EPOCH: u32 = 1 << 6;
/// Finalizers are due.
pub const REQUEST_PENDING: u32 = 1 << 7;
/// Zeal mode: every safepoint does everything.
pub const REQUEST_ZEAL: u32 = 1 << 8;
/// Something is traced or monitored: function entries and backward jumps look at their code.
pub const REQUEST_TRACE: u32 = 1 << 9;

/// Deferred objects have lost their last reference.
pub const REQUEST_ZERO_COUNTS: u32 = 1 << 10;

/// The part of a thread that others see, on cache lines of its own (two: processors fetch them in pairs).
#[repr(align(128))]
pub struct ThreadShared {
    /// `REQUEST_*` bits, polled at safepoints.
    pub requests: AtomicU32,
    pub state: AtomicU8,
    /// See memory/reclamation.rs.
    pub epoch: AtomicU64,
    /// The thread itself, null when it has ended. Dereferenced in a stopped world only.
    pub thread: AtomicPtr<Thread>,
    /// `threading.get_ident()`.
    pub ident: AtomicU64,
    /// `threading.get_native_id()`.
    pub native_id: AtomicU64,
    /// An exception class to raise at the next safepoint, as a counted word; 0 for none.
    pub async_exception: AtomicU64,
}

impl Member for ThreadShared {
    #[inline(always)]
    fn state(&self) -> &AtomicU8 {
        &self.state
    }

    #[inline(always)]
    fn requests(&self) -> &AtomicU32 {
        &self.requests
    }
}

impl ThreadShared {
    #[inline]
    pub fn request(&self, bits: u32) {
        // Release: what the request is about is visible to the thread that serves it.
        self.requests.fetch_or(bits, Ordering::Release);
    }
}

/// The thread's own state, the token of whatever may run Python code. On cache lines of its own.
#[repr(align(128))]
pub struct Thread {
    pub shared: &'static ThreadShared,
    pub interpreter: &'static Interpreter,
    /// The innermost frame, null outside Python code.
    pub frame: *mut Frame,
    pub stack: DataStack,
    /// The exception that is being raised.
    exception: Option<Owned>,
    /// The exceptions that are being handled, innermost first (one entry per running generator and one at the bottom).
    pub exc_info: *mut ExcInfo,
    pub exc_base: Box<ExcInfo>,
    /// Lowest address to which native code may let its stack grow.
    pub native_limit: usize,
    /// Where the eval loop cuts a chain of handlers that has grown the native stack (interp/dispatch.rs).
    pub chain_limit: usize,
    /// Python frames that may still be pushed.
    pub recursion_left: i32,
    pub type_cache: Box<TypeCache>,
    pub slot_cache: Box<SlotCache>,
    pub slot: *mut HeapSlot,
    /// Objects whose `repr` is being made (`reprlib`-like guard of containers).
    pub repr_active: Vec<u64>,
    /// `contextvars.Context` of the thread.
    pub context: Option<Owned>,
    pub context_version: u64,
    /// `asyncio`: the running event loop, and the task that it runs. Others read them in a stopped world.
    pub event_loop: Option<Owned>,
    pub running_task: Option<Owned>,
    /// The current context of `decimal`, for a value of `context_version`.
    pub decimal_context: Option<(u64, Owned)>,
    /// Async generator hooks (`sys.set_asyncgen_hooks`).
    pub asyncgen_firstiter: Option<Owned>,
    pub asyncgen_finalizer: Option<Owned>,
    pub coroutine_origin_depth: i32,
    /// `sys.setprofile`, `sys.settrace`.
    pub trace_function: Option<Owned>,
    pub profile_function: Option<Owned>,
    pub tracing: bool,
    /// The event that the trace function is called for (`interp::tracing::event`).
    pub trace_event: u32,
    /// A frame is being left by an exception.
    pub is_unwinding: bool,
    /// The dict of `threading.local` storage and others' per-thread data.
    pub dict: Option<Owned>,
    pub is_main: bool,
    /// The handle of a stackless re-entry depth, for diagnosing.
    pub native_depth: u32,
    /// The exception is being raised again by RERAISE: no traceback entry for that frame.
    pub silent_reraise: bool,
    /// Where RERAISE stands, whose frame shows the instruction that raised first; `u32::MAX` for none.
    pub reraise_unit: u32,
    /// The result of the eval loop on its way out.
    pub exit_word: u64,
    /// A stack word on its way to be released.
    pub garbage: u64,
    /// The value of the StopIteration that ended the last iteration.
    iteration_result: Option<Owned>,
}

thread_local! {
    static CURRENT: Cell<*mut Thread> = const { Cell::new(null_mut()) };
    static SLOT: Cell<*mut HeapSlot> = const { Cell::new(null_mut()) };
    static SLOT_ID: Cell<u16> = const { Cell::new(0xFFFE) };
    static LISTS: Cell<*mut Lists> = const { Cell::new(null_mut()) };
    static DELTAS: Cell<*const Deltas> = const { Cell::new(&raw const deltas::NONE) };
    static HAS_PENDING: Cell<bool> = const { Cell::new(false) };
    static GC_BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Work that dealloc leaves behind.
#[derive(Default)]
pub struct DeallocState {
    pub depth: u32,
    pub put_off: Vec<Value>,
}

#[derive(Default)]
struct Lists {
    dealloc: UnsafeCell<DeallocState>,
    pending: UnsafeCell<VecDeque<Value>>,
    /// Entries at the front of `pending` that wait until the finalizer which is running has ended: it may hold locks that
    /// theirs take.
    waiting: Cell<usize>,
    /// Finalizers that are running.
    depth: Cell<u32>,
    /// `REQUEST_*` bits that safepoints within them have left for later.
    postponed: Cell<u32>,
}

/// Whether a second thread has ever been started (never cleared).
static OTHER_THREADS: AtomicBool = AtomicBool::new(false);
/// Held while a thread registers or unregisters: a forking thread holds it too.
static COMING_AND_GOING: Resettable<LeafMutex<()>> = Resettable::new(LeafMutex::new(()));
static THREADS: LeafMutex<Vec<&'static ThreadShared>> = LeafMutex::new(Vec::new());
static IDLE_SHARED: LeafMutex<Vec<&'static ThreadShared>> = LeafMutex::new(Vec::new());

#[inline(always)]
pub fn heap_slot() -> *mut HeapSlot {
    SLOT.get()
}

/// The table of the calling thread's changes to counts.
#[inline(always)]
pub fn deltas() -> *const Deltas {
    DELTAS.get()
}

#[inline(always)]
pub fn slot_id() -> u16 {
    SLOT_ID.get()
}

/// The calling thread's state; null outside Python threads.
#[inline(always)]
pub fn current() -> *mut Thread {
    CURRENT.get()
}

#[inline(always)]
pub fn has_other_threads() -> bool {
    // Relaxed: set by this thread or at a safepoint of it.
    OTHER_THREADS.load(Ordering::Relaxed)
}

/// A second thread is about to start.
pub fn note_other_threads() {
    OTHER_THREADS.store(true, Ordering::SeqCst);
}

/// The lists of dealloc; only for object/lifetime.rs.
#[inline]
pub fn dealloc_state() -> &'static mut DeallocState {
    // SAFETY: set up when the thread took its slot; only this thread uses it, and dealloc does not keep the reference
    // across the deallocs that it calls other than by value of the fields.
    unsafe { &mut *(*LISTS.get()).dealloc.get() }
}

/// Puts a revived object on the list of finalizers and callbacks to run.
#[cold]
pub fn add_pending(value: Value) {
    // SAFETY: only this thread uses its lists.
    unsafe { (*(*LISTS.get()).pending.get()).push_back(value) };
    HAS_PENDING.set(true);
    request_self(REQUEST_PENDING);
}

#[inline(always)]
pub fn has_pending() -> bool {
    HAS_PENDING.get()
}

/// The next object whose finalizer or callbacks are to be run. Whoever runs a finalizer calls [`hold_pending`] around it.
pub fn take_pending() -> Option<Value> {
    // SAFETY: only this thread uses its lists.
    let (list, waiting) = unsafe { (&mut *(*LISTS.get()).pending.get(), (*LISTS.get()).waiting.get()) };
    let value = list.remove(waiting);
    HAS_PENDING.set(list.len() > waiting);
    value
}

/// Runs a finalizer or callbacks: what is pending now waits until that is done, what becomes pending meanwhile does not.
pub fn hold_pending(run: impl FnOnce()) {
    // SAFETY: only this thread uses its lists; they stay until the thread ends.
    let lists = unsafe { &*LISTS.get() };
    let before = lists.waiting.get();
    // SAFETY: as above; the reference does not last.
    lists.waiting.set(unsafe { (*lists.pending.get()).len() });
    HAS_PENDING.set(false);
    lists.depth.set(lists.depth.get() + 1);
    run();
    lists.depth.set(lists.depth.get() - 1);
    lists.waiting.set(before);
    // SAFETY: as above.
    HAS_PENDING.set(unsafe { (*lists.pending.get()).len() } > before);
    if lists.depth.get() == 0 && lists.postponed.get() != 0 {
        request_self(lists.postponed.replace(0));
    }
}

/// Whether a finalizer is running: then what `request` asks for is to be left until it has ended, and is asked for again.
/// Other objects' deaths must wait, for it may hold locks that their finalizers take.
pub fn postpones(request: u32) -> bool {
    // SAFETY: as above.
    let lists = unsafe { &*LISTS.get() };
    let is_running = lists.depth.get() > 0;
    if is_running {
        lists.postponed.set(lists.postponed.get() | request);
    }
    is_running
}

/// Asks this thread to do something at its next safepoint.
pub fn request_self(bits: u32) {
    let thread = current();
    if !thread.is_null() {
        // SAFETY: the current thread's state is alive while it is set; `shared` is never freed.
        unsafe { (*thread).shared.request(bits) };
    }
}

/// Counts bytes of an object that the collector follows; asks for a collection when enough have come together.
#[inline(always)]
pub fn count_gc_allocation(slot: *mut HeapSlot, size: usize) {
    let bytes = GC_BYTES.get() + size as isize;
    GC_BYTES.set(bytes);
    if bytes > 64 * 1024 {
        flush_gc_bytes(slot, bytes);
    }
}

#[inline(always)]
pub fn count_gc_release(size: usize) {
    GC_BYTES.set(GC_BYTES.get() - size as isize);
}

/// Bytes that this thread has counted and not yet added to its heap slot.
pub fn unreported_gc_bytes() -> usize {
    GC_BYTES.get().max(0) as usize
}

/// Forgets them: a collection is over.
pub fn reset_gc_bytes() {
    GC_BYTES.set(0);
}

#[cold]
fn flush_gc_bytes(slot: *mut HeapSlot, bytes: isize) {
    GC_BYTES.set(0);
    // SAFETY: the slot is this thread's and never freed.
    let slot = unsafe { &*slot };
    let total = slot.allocated.load(Ordering::Relaxed).wrapping_add(bytes as usize);
    slot.allocated.store(total, Ordering::Relaxed);
    if total as isize > slot.collect_at.load(Ordering::Relaxed) as isize {
        request_self(REQUEST_COLLECT);
    }
}

/// Calls `visit` for each thread that exists. The list is locked meanwhile.
pub fn for_each_thread(mut visit: impl FnMut(&'static ThreadShared)) {
    for shared in THREADS.lock().iter() {
        visit(shared);
    }
}

/// The threads that exist, newest first, for signal handlers: no lock is waited for. False where the list is in use.
pub fn try_for_each_thread(mut visit: impl FnMut(&'static ThreadShared)) -> bool {
    let Some(threads) = THREADS.try_lock() else { return false };
    for shared in threads.iter().rev() {
        visit(shared);
    }
    true
}

/// The number of threads that exist.
pub fn count_threads() -> usize {
    THREADS.lock().len()
}

/// Makes the calling OS thread a Python thread: takes a heap slot, registers, but does not attach yet.
/// Objects may be made only after [`attach`].
pub fn register(interpreter: &'static Interpreter, is_main: bool, native_limit: usize, stack_bytes: usize) -> Box<Thread> {
    let _coming = COMING_AND_GOING.lock();
    let slot = heap::take_slot();
    SLOT.set(slot);
    // SAFETY: slots are never freed.
    unsafe {
        SLOT_ID.set((*slot).id);
        DELTAS.set(&raw const (*slot).deltas);
    }
    if LISTS.get().is_null() {
        LISTS.set(Box::into_raw(Box::default()));
    }
    let shared = IDLE_SHARED.lock().pop().unwrap_or_else(|| {
        Box::leak(Box::new(ThreadShared {
            requests: AtomicU32::new(0),
            state: AtomicU8::new(STATE_DETACHED),
            epoch: AtomicU64::new(reclamation::DETACHED),
            thread: AtomicPtr::new(null_mut()),
            ident: AtomicU64::new(0),
            native_id: AtomicU64::new(0),
            async_exception: AtomicU64::new(0),
        }))
    });
    let mut exc_base = Box::new(ExcInfo::empty());
    let exc_info: *mut ExcInfo = &mut *exc_base;
    let mut thread = Box::new(Thread {
        shared,
        interpreter,
        frame: null_mut(),
        stack: DataStack::new(stack_bytes),
        exception: None,
        exc_info,
        exc_base,
        native_limit,
        chain_limit: native_limit,
        recursion_left: interpreter.recursion_limit(),
        type_cache: TypeCache::new(),
        slot_cache: SlotCache::new(),
        slot,
        repr_active: Vec::new(),
        context: None,
        context_version: 0,
        event_loop: None,
        running_task: None,
        decimal_context: None,
        asyncgen_firstiter: None,
        asyncgen_finalizer: None,
        coroutine_origin_depth: 0,
        trace_function: None,
        profile_function: None,
        tracing: false,
        trace_event: 0,
        is_unwinding: false,
        dict: None,
        is_main,
        native_depth: 0,
        silent_reraise: false,
        reraise_unit: u32::MAX,
        exit_word: 0,
        garbage: 0,
        iteration_result: None,
    });
    let is_zealous = interpreter.config.read().zeal;
    shared.requests.store(if is_zealous { REQUEST_ZEAL } else { 0 }, Ordering::Relaxed);
    // SAFETY: plain system calls.
    unsafe {
        shared.ident.store(libc::pthread_self() as u64, Ordering::Relaxed);
        shared.native_id.store(libc::syscall(libc::SYS_gettid) as u64, Ordering::Relaxed);
    }
    shared.thread.store(&mut *thread, Ordering::Release);
    CURRENT.set(&mut *thread);
    THREADS.lock().push(shared);
    // SAFETY: slots are never freed.
    if unsafe { !(*slot).merge_queue.is_empty() } {
        // Left behind, or added when the slot had been taken and this thread was not on the list yet.
        shared.request(REQUEST_MERGE);
    }
    crate::interp::tracing::watch_new_thread(&thread);
    thread
}

/// The thread ends: it must be attached, and has dropped its Python state.
pub fn unregister(mut thread: Box<Thread>) {
    thread.exception = None;
    thread.context = None;
    thread.event_loop = None;
    thread.running_task = None;
    thread.decimal_context = None;
    thread.dict = None;
    thread.iteration_result = None;
    thread.asyncgen_firstiter = None;
    thread.asyncgen_finalizer = None;
    drop(crate::interp::tracing::replace_trace(None, &mut thread));
    drop(crate::interp::tracing::replace_profile(None, &mut thread));
    thread.type_cache.clear();
    // SAFETY: the slot is this thread's.
    if unsafe { !(*thread.slot).zero_counts.lock().is_empty() } {
        crate::memory::zero_counts::reap(&mut thread);
    }
    // Merging may end objects whose finalizers are to run, and those may leave more to be merged.
    loop {
        merge_own_list();
        if !has_pending() {
            break;
        }
        crate::object::lifetime::drain_pending(&mut thread);
    }
    reclamation::abandon();
    let shared = thread.shared;
    let _going = COMING_AND_GOING.lock();
    THREADS.lock().retain(|other| !std::ptr::eq(*other, shared));
    detach(&mut thread);
    shared.thread.store(null_mut(), Ordering::Release);
    if heap::give_slot_back(thread.slot) {
        ask_for_idle_slots();
    }
    CURRENT.set(null_mut());
    SLOT.set(null_mut());
    SLOT_ID.set(0xFFFE);
    DELTAS.set(&raw const deltas::NONE);
    let lists = LISTS.replace(null_mut());
    if !lists.is_null() {
        // SAFETY: made by `register`, used by this thread only, and no longer reachable.
        drop(unsafe { Box::from_raw(lists) });
    }
    drop(thread);
    IDLE_SHARED.lock().push(shared);
}

/// While the guard lives no thread comes or goes.
pub fn hold_threads() -> LeafMutexGuard<'static, ()> {
    COMING_AND_GOING.lock()
}

/// In the child after `fork`: the other threads are gone; what they owned is up for grabs.
pub fn reset_after_fork(thread: &Thread) {
    // SAFETY: no other thread exists.
    unsafe { COMING_AND_GOING.reset(LeafMutex::new(())) };
    let mut gone = Vec::new();
    THREADS.lock().retain(|other| {
        let is_own = std::ptr::eq(*other, thread.shared);
        if !is_own {
            gone.push(*other);
        }
        is_own
    });
    let mut has_left = false;
    for shared in gone {
        let other = shared.thread.swap(null_mut(), Ordering::AcqRel);
        if !other.is_null() {
            // SAFETY: the thread was registered, so its state is whole; nobody else looks at it any more.
            has_left |= heap::give_slot_back(unsafe { (*other).slot });
        }
    }
    if has_left {
        ask_for_idle_slots();
    }
    thread.shared.requests.fetch_and(!(REQUEST_STOP | REQUEST_GIL), Ordering::Relaxed);
    // SAFETY: a plain system call.
    thread.shared.native_id.store(unsafe { libc::syscall(libc::SYS_gettid) } as u64, Ordering::Relaxed);
}

/// Lets the thread run Python code: waits for a stopped world and, where there is one, for the GIL.
pub fn attach(thread: &mut Thread) {
    super::gil::acquire(thread);
    let shared = thread.shared;
    if super::gil::is_enabled() {
        // The world is never stopped, and nobody claims; others may look.
        shared.state.store(world::STATE_ATTACHED, Ordering::Release);
    } else {
        WORLD.attach(shared);
    }
    reclamation::attach(shared);
    stop_if_finalizing(thread);
}

/// Once the interpreter ends, no other thread runs Python code any more: it sleeps until the process exits.
#[inline]
pub fn stop_if_finalizing(thread: &mut Thread) {
    // Acquire: pairs with the store in `lifecycle::finish`.
    if !thread.is_main && thread.interpreter.finalizing.load(Ordering::Acquire) {
        sleep_forever(thread);
    }
}

#[cold]
fn sleep_forever(thread: &mut Thread) -> ! {
    detach(thread);
    loop {
        std::thread::park();
    }
}

/// The thread stops touching objects: before it blocks.
pub fn detach(thread: &mut Thread) {
    detach_for(thread, false);
}

fn detach_for(thread: &mut Thread, is_brief: bool) {
    let shared = thread.shared;
    reclamation::detach(shared);
    if super::gil::is_enabled() {
        shared.state.store(STATE_DETACHED, Ordering::Release);
        super::gil::release(is_brief);
    } else {
        WORLD.detach(shared);
    }
}

impl Thread {
    /// Runs `blocking` while the thread is detached, so that others may run and collect.
    #[inline]
    pub fn detached<T>(&mut self, blocking: impl FnOnce() -> T) -> T {
        self.detached_for(false, blocking)
    }

    /// As [`Thread::detached`] for what seldom takes longer than some microseconds: reading a file from the page cache,
    /// asking about one. With a GIL the next thread is not woken for that.
    #[inline]
    pub fn detached_briefly<T>(&mut self, call: impl FnOnce() -> T) -> T {
        self.detached_for(true, call)
    }

    fn detached_for<T>(&mut self, is_brief: bool, blocking: impl FnOnce() -> T) -> T {
        detach_for(self, is_brief);
        let result = blocking();
        // The C library's errno must survive the waiting for the GIL.
        // SAFETY: reads and writes this thread's errno.
        let errno = unsafe { *libc::__errno_location() };
        attach(self);
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
        result
    }

    /// Whether an exception is being raised.
    #[inline(always)]
    pub fn has_exception(&self) -> bool {
        self.exception.is_some()
    }

    /// The exception that is being raised, left in place.
    #[inline]
    pub fn exception(&self) -> Option<Value> {
        self.exception.as_ref().map(Owned::value)
    }

    /// Takes the exception that is being raised.
    #[inline]
    pub fn take_exception(&mut self) -> Option<Owned> {
        self.exception.take()
    }

    /// Stores the exception that is being raised, replacing any other.
    #[inline]
    pub fn set_exception(&mut self, exception: Owned) {
        self.exception = Some(exception);
    }

    /// Bits that other threads or signal handlers have set; zero in the common case.
    #[inline(always)]
    pub fn requests(&self) -> u32 {
        // Acquire: pairs with the Release in `ThreadShared::request`.
        self.shared.requests.load(Ordering::Acquire)
    }

    /// Whether native code has come close to the end of its stack.
    #[inline(always)]
    pub fn native_stack_is_low(&self) -> bool {
        stack_pointer() < self.native_limit
    }
}

impl Thread {
    /// Whether handlers have grown the native stack since the eval loop was entered: their calls of each other were not
    /// all turned into jumps.
    #[inline(always)]
    pub fn chain_is_long(&self) -> bool {
        stack_pointer() < self.chain_limit
    }
}

/// About where the native stack ends now. No address of a local is taken: that would keep callers from tail calls.
#[inline(always)]
pub fn stack_pointer() -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let here: usize;
        // SAFETY: only reads a register.
        unsafe { std::arch::asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags)) };
        here
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let here: usize;
        // SAFETY: only reads a register.
        unsafe { std::arch::asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags)) };
        here
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    {
        let here = 0u8;
        std::ptr::from_ref(&here) as usize
    }
}

/// Hands an object whose shared count would fall below zero to its owner.
#[cold]
pub fn queue_for_owner(value: Value) {
    // SAFETY: the entry owns one reference, so the object is alive.
    let owner = unsafe { (*value.header()).owner.load(Ordering::Acquire) };
    let Some(slot) = heap::slot_by_id(owner) else {
        // Merged in between.
        // SAFETY: the queue entry's reference is given back.
        unsafe { finish_merge(value) };
        return;
    };
    // SAFETY: slots are never freed.
    let slot = unsafe { &*slot };
    slot.merge_queue.push(value);
    if claim_idle_slot(slot) {
        return;
    }
    let mut claimed = None;
    for_each_thread(|shared| {
        let thread = shared.thread.load(Ordering::Acquire);
        // SAFETY: a registered thread's `slot` field never changes; the list is locked, so the thread cannot
        // unregister meanwhile.
        if !thread.is_null() && unsafe { std::ptr::eq((*thread).slot, slot) } {
            if !super::gil::is_enabled() && world::claim(shared) {
                claimed = Some(shared);
            } else {
                shared.request(REQUEST_MERGE);
            }
        }
    });
    if let Some(shared) = claimed {
        // The owner waits for something, perhaps for long.
        let mut ended = Vec::new();
        slot.merge_queue.take_all().into_iter().for_each(|value| merge_entry(value, &mut ended));
        WORLD.let_go(shared);
        finish_ended(ended);
    }
}

/// Merges an object in place of its owner; what that ends is put off.
fn merge_entry(value: Value, ended: &mut Vec<(Value, AfterRelease)>) {
    // SAFETY: the entry owns one reference; the slot or its thread is claimed, so the owner's words are ours.
    match refcount::merge_queued(unsafe { &*value.header() }) {
        AfterRelease::Alive => {}
        after => ended.push((value, after)),
    }
}

fn finish_ended(ended: Vec<(Value, AfterRelease)>) {
    for (value, after) in ended {
        // SAFETY: what the counts said, exactly once.
        unsafe { crate::object::lifetime::follow_release(value, after) };
    }
}

/// If no thread has the slot, merges its queue on the spot. Its objects die here.
fn claim_idle_slot(slot: &HeapSlot) -> bool {
    let mut ended = Vec::new();
    let is_idle = slot.merge_queue.claim_idle(|value| merge_entry(value, &mut ended));
    finish_ended(ended);
    is_idle
}

/// Idle slots have objects on their merge queues.
static LEFT_BEHIND: AtomicBool = AtomicBool::new(false);

/// Asks all threads, one of which will come to a safepoint first, to work off the queues of idle slots.
fn ask_for_idle_slots() {
    LEFT_BEHIND.store(true, Ordering::Release);
    for_each_thread(|shared| shared.request(REQUEST_MERGE));
}

/// Works off the merge queue of this thread's slot, and those of idle ones if a thread has left some behind.
pub fn merge_own_list() {
    if !FREE_THREADED {
        return;
    }
    // SAFETY: the slot is this thread's.
    let slot = unsafe { &*heap_slot() };
    let list = slot.merge_queue.take_all();
    if !list.is_empty() {
        slot.n_merges.store(slot.n_merges.load(Ordering::Relaxed) + list.len() as u64, Ordering::Relaxed);
    }
    for value in list {
        // SAFETY: the entry owns one reference.
        unsafe { finish_merge(value) };
    }
    if LEFT_BEHIND.load(Ordering::Relaxed) && LEFT_BEHIND.swap(false, Ordering::Acquire) {
        for slot in heap::all_slots() {
            // SAFETY: slots are never freed.
            let slot = unsafe { &*slot };
            if !slot.merge_queue.is_empty() {
                claim_idle_slot(slot);
            }
        }
    }
}

/// How many references have been merged by their objects' owners so far.
pub fn count_merges() -> u64 {
    // SAFETY: slots are never freed.
    heap::all_slots().into_iter().map(|slot| unsafe { (*slot).n_merges.load(Ordering::Relaxed) }).sum()
}

/// # Safety
/// The caller gives up one reference of a merge-list entry; it owns the object's heap slot or the object is merged.
unsafe fn finish_merge(value: Value) {
    // SAFETY: the caller's obligation.
    unsafe {
        crate::object::lifetime::follow_release(value, refcount::merge_queued(&*value.header()));
    }
}

impl Thread {
    /// Keeps the value of a StopIteration that was turned into exhaustion.
    pub fn set_iteration_result(&mut self, value: Option<Owned>) {
        self.iteration_result = value;
    }

    /// The value that the last exhausted iterator returned (`None` if it returned none).
    pub fn take_iteration_result(&mut self) -> Owned {
        self.iteration_result.take().unwrap_or_else(Owned::none)
    }
}

/// In a stopped world: works off the merge lists of all slots. Objects that die here are put on the caller's teardown.
pub fn settle_merge_lists() {
    if !FREE_THREADED {
        return;
    }
    for slot in heap::all_slots() {
        // SAFETY: slots are never freed; the world is stopped, so the words of all owners are ours.
        let list = unsafe { (*slot).merge_queue.take_all() };
        for value in list {
            // SAFETY: the entry owns one reference.
            unsafe { finish_merge(value) };
        }
    }
}
