//! Polling objects.

use std::collections::BTreeMap;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::{AtomicBool, LeafMutex, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{list, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use crate::duration;
use crate::system_call::file_descriptor;

#[repr(C)]
struct Poll {
    header: Header,
    /// The descriptors and what is wanted of them.
    wanted: LeafMutex<BTreeMap<i32, u16>>,
    is_running: AtomicBool,
}

static POLL: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a Poll {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

pub fn new_poll(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(POLL.get(), |header| Poll {
        header,
        wanted: LeafMutex::new(BTreeMap::new()),
        is_running: AtomicBool::new(false),
    }))
}

fn register(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let mask = match args.get(1) {
        Some(mask) => super::event_mask(mask, thread)?,
        None => (libc::POLLIN | libc::POLLPRI | libc::POLLOUT) as u16,
    };
    of(this).wanted.lock().insert(fd, mask);
    Ok(Owned::none())
}

fn modify(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let mask = super::event_mask(args.at(1), thread)?;
    let is_known = match of(this).wanted.lock().get_mut(&fd) {
        Some(known) => {
            *known = mask;
            true
        }
        None => false,
    };
    if is_known { Ok(Owned::none()) } else { Err(thread.raise_os_error(libc::ENOENT, None, None)) }
}

fn unregister(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let removed = of(this).wanted.lock().remove(&fd);
    match removed {
        Some(_) => Ok(Owned::none()),
        None => Err(thread.raise_value(&exc::KEY_ERROR, Owned::int(i64::from(fd)))),
    }
}

fn poll(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let deadline = match args.get(0).filter(|timeout| !timeout.is_none()) {
        Some(timeout) => {
            let time = match duration::from_milliseconds(timeout, thread) {
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
    if of(this).is_running.swap(true, Ordering::Acquire) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "concurrent poll() invocation"));
    }
    let mut fds: Vec<libc::pollfd> =
        of(this).wanted.lock().iter().map(|(fd, mask)| libc::pollfd { fd: *fd, events: *mask as i16, revents: 0 }).collect();
    let (at, n) = (fds.as_mut_ptr(), fds.len() as libc::nfds_t);
    // SAFETY: as many entries as said.
    let result = super::wait(deadline, thread, |left| unsafe { libc::poll(at, n, left) });
    of(this).is_running.store(false, Ordering::Release);
    result?;
    let ready = fds.iter().filter(|entry| entry.revents != 0);
    let pair = |entry: &libc::pollfd| tuple::pack([Owned::int(i64::from(entry.fd)), Owned::int(i64::from(entry.revents as u16))]);
    Ok(list::from_vec(ready.map(pair).collect()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead, and its field is dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<Poll>()).wanted) };
}

const REGISTER: &str = "($self, fd,\n         eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)";

static SPEC: TypeSpec = TypeSpec {
    name: "select.poll",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<Poll>(),
    methods: &[
        method("register", NativeFn::Bound(register), REGISTER, "Watches a descriptor."),
        method("modify", NativeFn::Bound(modify), "($self, fd, eventmask, /)", "Changes what a watched descriptor is watched for."),
        method("unregister", NativeFn::Bound(unregister), "($self, fd, /)", "Watches a descriptor no more."),
        method("poll", NativeFn::Bound(poll), "($self, timeout=None, /)", "Waits; gives descriptors with their events."),
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
