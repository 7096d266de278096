//! The module `_multiprocessing`: semaphores that processes share.

use std::ffi::CString;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::{AtomicI64, AtomicU64, Ordering};
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{dealloc, object};
use crate::system_call::{c_string, flag, functions, last_errno};

pub const MODULE: NativeModule = NativeModule { name: "_multiprocessing", initialize };

const RECURSIVE_MUTEX: i32 = 0;
const SEMAPHORE: i32 = 1;
/// The greatest value that a semaphore may have.
const SEM_VALUE_MAX: i64 = i32::MAX as i64;

/// The system's semaphore, closed when dropped.
struct Handle(*mut libc::sem_t);

// SAFETY: semaphores are for use by many threads.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once.
        unsafe { libc::sem_close(self.0) };
    }
}

#[repr(C)]
struct SemLock {
    header: Header,
    handle: Slot,
    kind: Slot,
    maxvalue: Slot,
    name: Slot,
    semaphore: Handle,
    is_recursive: bool,
    maximum: i64,
    /// How often it has been acquired through this object, less the releases.
    count: AtomicI64,
    /// The thread that acquired it last.
    last_thread: AtomicU64,
}

fn of<'a>(this: Value) -> &'a SemLock {
    // SAFETY: `self` of the methods of this type.
    unsafe { object(this) }
}

fn name_of(value: Value, what: &str, thread: &mut Thread) -> PyResult<CString> {
    let name = convert::as_text(value, what, thread)?;
    c_string(name.as_bytes(), "embedded null character", thread)
}

fn allocate(class: Value, semaphore: Handle, kind: i32, maximum: i32, name: Owned) -> Owned {
    let address = semaphore.0 as usize;
    allocate_object(TypeObject::of(class), |header| SemLock {
        header,
        handle: Slot::new(Owned::usize(address)),
        kind: Slot::new(Owned::int(i64::from(kind))),
        maxvalue: Slot::new(Owned::int(i64::from(maximum))),
        name: Slot::new(name),
        semaphore,
        is_recursive: kind == RECURSIVE_MUTEX,
        maximum: i64::from(maximum),
        count: AtomicI64::new(0),
        last_thread: AtomicU64::new(0),
    })
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(kind, value, maxvalue, name, unlink)");
    let bound = SIGNATURE.bind("SemLock", args, kwnames, thread)?;
    let args = bound.args();
    let (kind, value, maximum) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?, convert::as_c_int(args.at(2), thread)?);
    let name = name_of(args.at(3), "SemLock() argument 'name'", thread)?;
    let unlinks = flag(args.get(4), false, thread)?;
    if kind != RECURSIVE_MUTEX && kind != SEMAPHORE {
        return Err(thread.raise_value_error("unrecognized kind"));
    }
    // SAFETY: a terminated string and numbers.
    let opened = unsafe { libc::sem_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL, 0o600, value) };
    if opened == libc::SEM_FAILED {
        return Err(thread.raise_errno());
    }
    let semaphore = Handle(opened);
    if unlinks {
        // SAFETY: a terminated string.
        let failed = unsafe { libc::sem_unlink(name.as_ptr()) } < 0;
        if failed {
            return Err(thread.raise_errno());
        }
    }
    let shown = if unlinks { Owned::none() } else { args.at(3).to_owned() };
    Ok(allocate(class, semaphore, kind, maximum, shown))
}

fn rebuild(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let (kind, maximum) = (convert::as_c_int(args.at(1), thread)?, convert::as_c_int(args.at(2), thread)?);
    // Semaphores have names here, and a number alone may be any.
    if args.at(3).is_none() {
        return Err(thread.raise_os_error(libc::EINVAL, None, None));
    }
    let name = name_of(args.at(3), "_rebuild() argument 4", thread)?;
    // SAFETY: a terminated string.
    let semaphore = unsafe { libc::sem_open(name.as_ptr(), 0) };
    if semaphore == libc::SEM_FAILED {
        return Err(thread.raise_errno());
    }
    Ok(allocate(class, Handle(semaphore), kind, maximum, args.at(3).to_owned()))
}

impl SemLock {
    fn is_mine(&self, thread: &Thread) -> bool {
        // Relaxed: only the thread's own stores make this true.
        self.count.load(Ordering::Relaxed) > 0 && self.last_thread.load(Ordering::Relaxed) == thread.shared.ident.load(Ordering::Relaxed)
    }

    fn value(&self) -> Option<i32> {
        let mut value = 0;
        // SAFETY: an open semaphore.
        (unsafe { libc::sem_getvalue(self.semaphore.0, &raw mut value) } == 0).then_some(value)
    }

    fn note_acquired(&self, thread: &Thread) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.last_thread.store(thread.shared.ident.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The wall clock so many seconds from now.
fn deadline(seconds: f64) -> libc::timespec {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let wait = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(std::time::Duration::from_secs(u32::MAX.into()));
    let end = now.saturating_add(wait);
    libc::timespec { tv_sec: i64::try_from(end.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(end.subsec_nanos()) }
}

fn acquire_lock(this: &SemLock, blocks: bool, timeout: Option<f64>, thread: &mut Thread) -> PyResult {
    if this.is_recursive && this.is_mine(thread) {
        this.count.fetch_add(1, Ordering::Relaxed);
        return Ok(Owned::true_());
    }
    let deadline = timeout.map(deadline);
    let semaphore = &this.semaphore;
    // SAFETY: an open semaphore.
    if unsafe { libc::sem_trywait(semaphore.0) } == 0 {
        this.note_acquired(thread);
        return Ok(Owned::true_());
    }
    let mut errno = last_errno();
    if errno == libc::EAGAIN && blocks {
        loop {
            errno = thread.detached(|| {
                // SAFETY: an open semaphore, and a time.
                let result = unsafe {
                    match &deadline {
                        None => libc::sem_wait(semaphore.0),
                        Some(deadline) => libc::sem_timedwait(semaphore.0, deadline),
                    }
                };
                if result == 0 { 0 } else { last_errno() }
            });
            match errno {
                libc::EINTR => safepoint::poll(thread)?,
                _ => break,
            }
        }
    }
    match errno {
        0 => {
            this.note_acquired(thread);
            Ok(Owned::true_())
        }
        libc::EAGAIN | libc::ETIMEDOUT => Ok(Owned::false_()),
        errno => Err(thread.raise_os_error(errno, None, None)),
    }
}

fn acquire(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let blocks = flag(args.get(0), true, thread)?;
    let timeout = match args.get(1).filter(|timeout| !timeout.is_none()) {
        Some(timeout) => Some(convert::as_f64(timeout, thread)?),
        None => None,
    };
    acquire_lock(of(this), blocks, timeout, thread)
}

fn release(this: Value, thread: &mut Thread) -> PyResult {
    let lock = of(this);
    if lock.is_recursive {
        if !lock.is_mine(thread) {
            return Err(thread.raise(&exc::ASSERTION_ERROR, "attempt to release recursive lock not owned by thread"));
        }
        if lock.count.load(Ordering::Relaxed) > 1 {
            lock.count.fetch_sub(1, Ordering::Relaxed);
            return Ok(Owned::none());
        }
    } else {
        match lock.value() {
            None => return Err(thread.raise_errno()),
            Some(value) if i64::from(value) >= lock.maximum => return Err(thread.raise_value_error("semaphore or lock released too many times")),
            Some(_) => {}
        }
    }
    // Before the semaphore is free: the next holder counts itself.
    lock.count.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: an open semaphore.
    if unsafe { libc::sem_post(lock.semaphore.0) } < 0 {
        let errno = last_errno();
        lock.count.fetch_add(1, Ordering::Relaxed);
        return Err(thread.raise_os_error(errno, None, None));
    }
    Ok(Owned::none())
}

fn enter(this: Value, thread: &mut Thread) -> PyResult {
    acquire_lock(of(this), true, None, thread)
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    release(this, thread)
}

fn count(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).count.load(Ordering::Relaxed)))
}

fn is_mine(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).is_mine(thread)))
}

fn get_value(this: Value, thread: &mut Thread) -> PyResult {
    match of(this).value() {
        Some(value) => Ok(Owned::int(i64::from(value.max(0)))),
        None => Err(thread.raise_errno()),
    }
}

fn is_zero(this: Value, thread: &mut Thread) -> PyResult {
    match of(this).value() {
        Some(value) => Ok(Owned::bool(value <= 0)),
        None => Err(thread.raise_errno()),
    }
}

fn after_fork(this: Value, _thread: &mut Thread) -> PyResult {
    of(this).count.store(0, Ordering::Relaxed);
    Ok(Owned::none())
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

static SEM_LOCK: StaticType = StaticType::new(&TypeSpec {
    name: "_multiprocessing.SemLock",
    doc: "Semaphore/Mutex type",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<SemLock>(),
    slots: &[SlotFn::new(new)],
    methods: &[
        method("acquire", NativeFn::Bound(acquire), "($self, /, block=True, timeout=None)", "Acquire the semaphore/lock."),
        method("release", NativeFn::NoArgs(release), "($self, /)", "Release the semaphore/lock."),
        method("__enter__", NativeFn::NoArgs(enter), "($self, /)", "Enter the semaphore/lock."),
        method("__exit__", NativeFn::Bound(exit), "($self, exc_type=None, exc_value=None, exc_tb=None, /)", "Exit the semaphore/lock."),
        method("_count", NativeFn::NoArgs(count), "($self, /)", "Num of `acquire()`s minus num of `release()`s for this process."),
        method("_is_mine", NativeFn::NoArgs(is_mine), "($self, /)", "Whether the lock is owned by this thread."),
        method("_get_value", NativeFn::NoArgs(get_value), "($self, /)", "Get the value of the semaphore."),
        method("_is_zero", NativeFn::NoArgs(is_zero), "($self, /)", "Return whether semaphore has value zero."),
        MethodDef { name: "_rebuild", func: NativeFn::Bound(rebuild), kind: MethodKind::Class, signature: "($type, handle, kind, maxvalue, name, /)", doc: "" },
        method("_after_fork", NativeFn::NoArgs(after_fork), "($self, /)", "Rezero the net acquisition count after fork()."),
    ],
    members: &[
        member("handle", std::mem::offset_of!(SemLock, handle)),
        member("kind", std::mem::offset_of!(SemLock, kind)),
        member("maxvalue", std::mem::offset_of!(SemLock, maxvalue)),
        member("name", std::mem::offset_of!(SemLock, name)),
    ],
    dealloc: Some(dealloc::<SemLock>),
    ..TypeSpec::DEFAULT
});

fn sem_unlink(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = name_of(name, "sem_unlink() argument", thread)?;
    // SAFETY: a terminated string.
    if unsafe { libc::sem_unlink(name.as_ptr()) } < 0 { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

static FUNCTIONS: &[MethodDef] = functions! {
    "sem_unlink" One(sem_unlink) "($module, name, /)" "Removes the name of a semaphore.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    module::add_type(this, &SEM_LOCK);
    if let Some(dict) = SEM_LOCK.get().dict() {
        dict.set_by_text("SEM_VALUE_MAX", Owned::int(SEM_VALUE_MAX));
    }
    let flags = dict::new();
    for name in ["HAVE_SEM_OPEN", "HAVE_SEM_TIMEDWAIT"] {
        DictObject::of(*flags).set_by_text(name, Owned::int(1));
    }
    module::add(this, "flags", flags);
    Ok(())
}
