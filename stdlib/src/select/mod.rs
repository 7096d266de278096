//! `select`: waiting for file descriptors.

mod epoll;
mod poll;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::iterate;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{list, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::duration::{self, Rounding};
use crate::system_call::{file_descriptor, functions, last_errno};

pub const MODULE: NativeModule = NativeModule { name: "select", initialize };

static FUNCTIONS: &[MethodDef] = functions! {
    "select" Bound(select) "($module, rlist, wlist, xlist, timeout=None, /)" "Waits until descriptors are ready.";
    "poll" NoArgs(poll::new_poll) "($module, /)" "A polling object.";
};

const CONSTANTS: &[(&str, i64)] = &[
    ("EPOLLERR", 8),
    ("EPOLLET", 1 << 31),
    ("EPOLLEXCLUSIVE", 1 << 28),
    ("EPOLLHUP", 16),
    ("EPOLLIN", 1),
    ("EPOLLMSG", 1024),
    ("EPOLLONESHOT", 1 << 30),
    ("EPOLLOUT", 4),
    ("EPOLLPRI", 2),
    ("EPOLLRDBAND", 128),
    ("EPOLLRDHUP", 8192),
    ("EPOLLRDNORM", 64),
    ("EPOLLWAKEUP", 1 << 29),
    ("EPOLLWRBAND", 512),
    ("EPOLLWRNORM", 256),
    ("EPOLL_CLOEXEC", 524_288),
    ("PIPE_BUF", 4096),
    ("POLLERR", 8),
    ("POLLHUP", 16),
    ("POLLIN", 1),
    ("POLLMSG", 1024),
    ("POLLNVAL", 32),
    ("POLLOUT", 4),
    ("POLLPRI", 2),
    ("POLLRDBAND", 128),
    ("POLLRDHUP", 8192),
    ("POLLRDNORM", 64),
    ("POLLWRBAND", 512),
    ("POLLWRNORM", 256),
];

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Waiting for file descriptors: select, poll, epoll."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    module::add(this, "error", exc::OS_ERROR.get().value().to_owned());
    module::add_type(this, &epoll::EPOLL);
    Ok(())
}

/// A wait that signal handlers may interrupt: how much time is left is worked out anew each time. `call` gets
/// milliseconds, -1 for no limit.
fn wait(deadline: Option<i64>, thread: &mut Thread, mut call: impl FnMut(i32) -> i32) -> PyResult<i32> {
    loop {
        let left = match deadline {
            None => -1,
            Some(deadline) => duration::milliseconds((deadline - duration::monotonic()).max(0)).min(i64::from(i32::MAX)) as i32,
        };
        let result = thread.detached(|| call(left));
        if result >= 0 {
            return Ok(result);
        }
        match last_errno() {
            libc::EINTR => safepoint::poll(thread)?,
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    }
}

/// One of the three lists: the objects with their descriptors, and the set of these.
struct Watched {
    objects: Vec<(Owned, i32)>,
    set: libc::fd_set,
}

fn watched(source: Value, thread: &mut Thread) -> PyResult<Watched> {
    // SAFETY: all-zero is the empty set.
    let mut set: libc::fd_set = unsafe { std::mem::zeroed() };
    let mut objects = Vec::new();
    if !iterate::is_iterable(source) {
        return Err(thread.raise_type_error("arguments 1-3 must be sequences"));
    }
    // A list may change while its items are asked for their descriptors.
    let is_list = source.is_pointer() && source.type_has_flag(pyrt_runtime::types::type_object::TYPE_LIST_SUBCLASS);
    let items = if is_list { Vec::new() } else { iterate::collect(source, thread)? };
    let mut i = 0;
    while let Some(object) = if is_list { list::ListObject::of(source).get(i) } else { items.get(i).cloned() } {
        i += 1;
        let fd = file_descriptor(*object, thread)?;
        if fd as usize >= libc::FD_SETSIZE {
            return Err(thread.raise_value_error("filedescriptor out of range in select()"));
        }
        if objects.len() >= libc::FD_SETSIZE {
            return Err(thread.raise_value_error("too many file descriptors in select()"));
        }
        // SAFETY: within the set.
        unsafe { libc::FD_SET(fd, &raw mut set) };
        objects.push((object, fd));
    }
    Ok(Watched { objects, set })
}

fn select(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let deadline = match args.get(3).filter(|timeout| !timeout.is_none()) {
        Some(timeout) => {
            let time = match duration::nanoseconds(timeout, Rounding::Up, thread) {
                Ok(time) => time,
                Err(raised) => {
                    drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                    return Err(thread.raise_type_error("timeout must be a float or None"));
                }
            };
            if time < 0 {
                return Err(thread.raise_value_error("timeout must be non-negative"));
            }
            Some(duration::monotonic().saturating_add(time))
        }
        None => None,
    };
    let lists = [watched(args.at(0), thread)?, watched(args.at(1), thread)?, watched(args.at(2), thread)?];
    let n = lists.iter().flat_map(|list| list.objects.iter().map(|(_, fd)| fd + 1)).max().unwrap_or(0);
    let sets = loop {
        let mut left = deadline.map(|deadline| duration::timeval((deadline - duration::monotonic()).max(0), Rounding::Ceiling));
        let mut sets = [lists[0].set, lists[1].set, lists[2].set];
        let [reading, writing, exceptional] = &mut sets;
        let limit = left.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
        // SAFETY: three sets and a limit that outlive the call.
        let result = thread.detached(|| unsafe { libc::select(n, reading, writing, exceptional, limit) });
        if result > 0 {
            break sets;
        }
        if result == 0 {
            // SAFETY: all-zero is the empty set.
            break unsafe { std::mem::zeroed() };
        }
        match last_errno() {
            libc::EINTR => safepoint::poll(thread)?,
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    };
    let ready = |i: usize| {
        let set = &sets[i];
        // SAFETY: the descriptors are within the set.
        let chosen = lists[i].objects.iter().filter(|(_, fd)| unsafe { libc::FD_ISSET(*fd, set) });
        list::from_vec(chosen.map(|(object, _)| object.clone()).collect())
    };
    Ok(tuple::pack([ready(0), ready(1), ready(2)]))
}

/// An event mask: an unsigned C short.
fn event_mask(value: Value, thread: &mut Thread) -> PyResult<u16> {
    let number = pyrt_runtime::protocol::convert::index(value, thread)?;
    if pyrt_runtime::types::int::is_negative(*number) {
        return Err(thread.raise_value_error("value must be positive"));
    }
    match pyrt_runtime::types::int::as_i64(*number).and_then(|number| u16::try_from(number).ok()) {
        Some(mask) => Ok(mask),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large for C unsigned short")),
    }
}
