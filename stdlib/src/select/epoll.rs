//! `select.epoll`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::{AtomicI32, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{list, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};
use crate::system_call::file_descriptor;

#[repr(C)]
struct Epoll {
    header: Header,
    /// -1 when closed.
    fd: AtomicI32,
}

pub static EPOLL: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a Epoll {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn open_fd(this: Value, thread: &mut Thread) -> PyResult<i32> {
    let fd = of(this).fd.load(Ordering::Relaxed);
    if fd < 0 { Err(thread.raise_value_error("I/O operation on closed epoll object")) } else { Ok(fd) }
}

fn make(class: Value, fd: i32) -> Owned {
    lifetime::allocate_object(TypeObject::of(class), |header| Epoll { header, fd: AtomicI32::new(fd) })
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(sizehint=-1, flags=0)");
    let bound = SIGNATURE.bind("epoll", args, kwnames, thread)?;
    let hint = crate::system_call::c_int_or(bound.args().get(0), -1, thread)?;
    let flags = crate::system_call::c_int_or(bound.args().get(1), 0, thread)?;
    if hint != -1 && hint <= 0 {
        return Err(thread.raise_value_error("sizehint must be positive or -1"));
    }
    if flags != 0 && flags != libc::EPOLL_CLOEXEC {
        return Err(thread.raise(&exc::OS_ERROR, "invalid flags"));
    }
    // SAFETY: a plain system call.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 { Err(thread.raise_errno()) } else { Ok(make(class, fd)) }
}

fn fromfd(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(args.at(0), thread)?;
    Ok(make(class, fd))
}

fn close_fd(this: Value, thread: &mut Thread) -> PyResult<()> {
    let fd = of(this).fd.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the descriptor is this object's.
        let failed = thread.detached(|| unsafe { libc::close(fd) }) < 0;
        if failed {
            return Err(thread.raise_errno());
        }
    }
    Ok(())
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    close_fd(this, thread).map(|()| Owned::none())
}

fn fileno(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(open_fd(this, thread)?)))
}

fn closed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).fd.load(Ordering::Relaxed) < 0))
}

/// An event mask: an unsigned C int.
fn event_mask(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let number = convert::index(value, thread)?;
    match pyrt_runtime::types::int::as_i64(*number) {
        Some(number) => Ok(number as u32),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned long")),
    }
}

fn control(this: Value, operation: i32, target: Value, mask: u32, thread: &mut Thread) -> PyResult {
    let own = open_fd(this, thread)?;
    let fd = file_descriptor(target, thread)?;
    let mut event = libc::epoll_event { events: mask, u64: fd as u64 };
    // SAFETY: the event outlives the call.
    let failed = thread.detached(|| unsafe { libc::epoll_ctl(own, operation, fd, &raw mut event) }) < 0;
    if failed { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

fn register(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mask = match args.get(1) {
        Some(mask) => event_mask(mask, thread)?,
        None => (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLOUT) as u32,
    };
    control(this, libc::EPOLL_CTL_ADD, args.at(0), mask, thread)
}

fn modify(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mask = event_mask(args.at(1), thread)?;
    control(this, libc::EPOLL_CTL_MOD, args.at(0), mask, thread)
}

fn unregister(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    control(this, libc::EPOLL_CTL_DEL, args.at(0), 0, thread)
}

fn poll(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let own = open_fd(this, thread)?;
    let deadline = match args.get(0).filter(|timeout| !timeout.is_none()) {
        Some(timeout) => {
            let time = match duration::nanoseconds(timeout, Rounding::Up, thread) {
                Ok(time) => time,
                Err(raised) => {
                    drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                    return Err(thread.raise_type_error("timeout must be an integer or None"));
                }
            };
            if duration::milliseconds(time) > i64::from(i32::MAX) {
                return Err(thread.raise(&exc::OVERFLOW_ERROR, "timeout is too large"));
            }
            (time >= 0).then(|| duration::monotonic().saturating_add(time))
        }
        None => None,
    };
    let most = crate::system_call::c_int_or(args.get(1), -1, thread)?;
    let most = match most {
        -1 => libc::FD_SETSIZE as i32 - 1,
        most if most < 1 => return Err(thread.raise_value_error(format!("maxevents must be greater than 0, got {most}"))),
        most => most,
    };
    let mut events: Vec<libc::epoll_event> = Vec::new();
    if events.try_reserve_exact(most as usize).is_err() {
        return Err(thread.raise_memory_error());
    }
    let to = events.as_mut_ptr();
    // SAFETY: room for as many events as said.
    let n = super::wait(deadline, thread, |left| unsafe { libc::epoll_wait(own, to, most, left) })?;
    // SAFETY: the system has written as many events.
    unsafe { events.set_len(n as usize) };
    let pair = |event: &libc::epoll_event| {
        let (fd, mask) = (event.u64 as i32, event.events);
        tuple::pack([Owned::int(i64::from(fd)), Owned::int(i64::from(mask))])
    };
    Ok(list::from_vec(events.iter().map(pair).collect()))
}

fn enter(this: Value, thread: &mut Thread) -> PyResult {
    open_fd(this, thread)?;
    Ok(this.to_owned())
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    close(this, thread)
}

unsafe fn dealloc(value: Value) {
    let fd = of(value).fd.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the descriptor is this object's.
        unsafe { libc::close(fd) };
    }
}

const REGISTER: &str = "($self, /, fd,\n         eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)";

static SPEC: TypeSpec = TypeSpec {
    name: "select.epoll",
    doc: "select.epoll(sizehint=-1, flags=0)\n\nA set of descriptors that the system watches.",
    basic_size: size_of::<Epoll>(),
    slots: &[SlotFn::new(new)],
    methods: &[
        MethodDef {
            name: "fromfd",
            func: NativeFn::Bound(fromfd),
            kind: MethodKind::Class,
            signature: "($type, fd, /)",
            doc: "An epoll object over a descriptor that exists.",
        },
        method("close", NativeFn::NoArgs(close), "($self, /)", "Closes the descriptor."),
        method("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The descriptor."),
        method("modify", NativeFn::Bound(modify), "($self, /, fd, eventmask)", "Changes what a descriptor is watched for."),
        method("register", NativeFn::Bound(register), REGISTER, "Watches a descriptor."),
        method("unregister", NativeFn::Bound(unregister), "($self, /, fd)", "Watches a descriptor no more."),
        method("poll", NativeFn::Bound(poll), "($self, /, timeout=None, maxevents=-1)", "Waits; gives descriptors with their events."),
        method("__enter__", NativeFn::NoArgs(enter), "($self, /)", ""),
        method("__exit__", NativeFn::Bound(exit), "($self, exc_type=None, exc_value=None, exc_tb=None, /)", ""),
    ],
    getsets: &[GetSetDef { name: "closed", get: closed, set: None, doc: "Whether the descriptor is closed." }],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
