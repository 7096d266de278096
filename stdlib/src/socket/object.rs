//! `socket.socket`'s native base.
//!
//! A socket with a time limit is non-blocking to the system; calls wait for it by `poll`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, WRITABLE};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::{AtomicI32, AtomicI64, Ordering};
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, float, string};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::address::{Address, from_object};
use super::{messages, pair};
use crate::duration::{self, Rounding};
use crate::system_call::{c_int_or, last_errno, none_or_errno};

#[repr(C)]
pub struct Socket {
    header: Header,
    /// -1 when closed.
    fd: AtomicI32,
    family: AtomicI32,
    kind: AtomicI32,
    protocol: AtomicI32,
    /// Nanoseconds; -1 for no limit, 0 for "does not wait".
    timeout: AtomicI64,
}

pub static SOCKET: StaticType = StaticType::new(&SPEC);
static DEFAULT_TIMEOUT: AtomicI64 = AtomicI64::new(-1);

pub fn of<'a>(this: Value) -> &'a Socket {
    // SAFETY: called for sockets only.
    unsafe { this.as_ref() }
}

impl Socket {
    pub fn fd(&self) -> i32 {
        self.fd.load(Ordering::Relaxed)
    }

    pub fn family(&self) -> i32 {
        self.family.load(Ordering::Relaxed)
    }

    pub fn protocol(&self) -> i32 {
        self.protocol.load(Ordering::Relaxed)
    }

    fn limit(&self) -> i64 {
        self.timeout.load(Ordering::Relaxed)
    }

    /// When a call that begins now must be over.
    pub fn deadline(&self) -> Option<i64> {
        let limit = self.limit();
        (limit > 0).then(|| duration::monotonic().saturating_add(limit))
    }
}

fn timed_out(thread: &mut Thread) -> Raised {
    thread.raise(&exc::TIMEOUT_ERROR, "timed out")
}

/// Waits until the socket can be read or written; false when the time is over.
fn wait_ready(fd: i32, writes: bool, deadline: Option<i64>, thread: &mut Thread) -> PyResult<bool> {
    if fd < 0 {
        return Ok(true);
    }
    let mut entry = libc::pollfd { fd, events: if writes { libc::POLLOUT } else { libc::POLLIN }, revents: 0 };
    loop {
        let left = match deadline {
            None => -1,
            Some(deadline) => {
                let left = deadline - duration::monotonic();
                if left < 0 {
                    return Ok(false);
                }
                duration::milliseconds(left).min(i64::from(i32::MAX)) as i32
            }
        };
        let at = &raw mut entry;
        // SAFETY: one entry.
        let result = thread.detached(|| unsafe { libc::poll(at, 1, left) });
        match result {
            0 => return Ok(false),
            1.. => return Ok(true),
            _ => match last_errno() {
                libc::EINTR => safepoint::poll(thread)?,
                errno => return Err(thread.raise_os_error(errno, None, None)),
            },
        }
    }
}

/// A call on the socket under its time limit.
pub fn limited(this: Value, writes: bool, deadline: Option<i64>, thread: &mut Thread, mut call: impl FnMut(i32) -> isize) -> PyResult<usize> {
    let socket = of(this);
    loop {
        if deadline.is_some() && !wait_ready(socket.fd(), writes, deadline, thread)? {
            return Err(timed_out(thread));
        }
        let fd = socket.fd();
        let result = thread.detached(|| call(fd));
        if result >= 0 {
            return Ok(result as usize);
        }
        match last_errno() {
            libc::EINTR => safepoint::poll(thread)?,
            libc::EAGAIN if deadline.is_some() => {}
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    }
}

fn set_nonblocking(fd: i32, on: bool, thread: &mut Thread) -> PyResult<()> {
    let mut flag = i32::from(on);
    // SAFETY: room for the flag.
    let failed = thread.detached(|| unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut flag) }) < 0;
    if failed { Err(thread.raise_errno()) } else { Ok(()) }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Socket {
        header,
        fd: AtomicI32::new(-1),
        family: AtomicI32::new(0),
        kind: AtomicI32::new(0),
        protocol: AtomicI32::new(0),
        timeout: AtomicI64::new(DEFAULT_TIMEOUT.load(Ordering::Relaxed)),
    }))
}

fn option(fd: i32, name: i32) -> Option<i32> {
    let mut value = 0i32;
    let mut len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: room as said.
    let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut len) };
    (result == 0).then_some(value)
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(family=-1, type=-1, proto=-1, fileno=None)");
    let bound = SIGNATURE.bind("socket", args, kwnames, thread)?;
    let args = bound.args();
    let (mut family, mut kind, mut protocol) = (c_int_or(args.get(0), -1, thread)?, c_int_or(args.get(1), -1, thread)?, c_int_or(args.get(2), -1, thread)?);
    let fd = match args.get(3).filter(|fd| !fd.is_none()) {
        Some(given) => {
            if float::as_f64(given).is_some() {
                return Err(thread.raise_type_error("integer argument expected, got float"));
            }
            let fd = convert::as_c_int(given, thread)?;
            if fd < 0 {
                return Err(thread.raise_value_error("negative file descriptor"));
            }
            let mut address = Address::empty();
            let (to, len) = (address.as_mut_ptr(), &raw mut address.len);
            // SAFETY: room as said.
            if unsafe { libc::getsockname(fd, to, len) } < 0 {
                if family == -1 || last_errno() == libc::EBADF {
                    return Err(thread.raise_errno());
                }
            } else if family == -1 {
                family = address.family();
            }
            if kind == -1 {
                kind = match option(fd, libc::SO_TYPE) {
                    Some(kind) => kind,
                    None => return Err(thread.raise_errno()),
                };
            }
            if protocol == -1 {
                protocol = match option(fd, libc::SO_PROTOCOL) {
                    Some(protocol) => protocol,
                    None => return Err(thread.raise_errno()),
                };
            }
            fd
        }
        None => {
            family = if family == -1 { libc::AF_INET } else { family };
            kind = if kind == -1 { libc::SOCK_STREAM } else { kind };
            protocol = if protocol == -1 { 0 } else { protocol };
            // SAFETY: a plain system call.
            let fd = thread.detached(|| unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) });
            if fd < 0 {
                return Err(thread.raise_errno());
            }
            fd
        }
    };
    set_up(this, fd, family, kind, protocol, thread)
}

fn set_up(this: Value, fd: i32, family: i32, kind: i32, protocol: i32, thread: &mut Thread) -> PyResult<()> {
    let socket = of(this);
    socket.fd.store(fd, Ordering::Relaxed);
    socket.family.store(family, Ordering::Relaxed);
    socket.kind.store(kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC), Ordering::Relaxed);
    socket.protocol.store(protocol, Ordering::Relaxed);
    let limit = DEFAULT_TIMEOUT.load(Ordering::Relaxed);
    if kind & libc::SOCK_NONBLOCK != 0 {
        socket.timeout.store(0, Ordering::Relaxed);
        return Ok(());
    }
    socket.timeout.store(limit, Ordering::Relaxed);
    if limit >= 0 { set_nonblocking(fd, true, thread) } else { Ok(()) }
}

pub fn socketpair(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (family, kind, protocol) =
        (c_int_or(args.get(0), libc::AF_UNIX, thread)?, c_int_or(args.get(1), libc::SOCK_STREAM, thread)?, c_int_or(args.get(2), 0, thread)?);
    let mut fds = [0; 2];
    // SAFETY: room for two.
    if unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, protocol, fds.as_mut_ptr()) } < 0 {
        return Err(thread.raise_errno());
    }
    let class = SOCKET.get().value();
    let (first, second) = (new(class, Args::from_values(&[]), KwNames(None), thread)?, new(class, Args::from_values(&[]), KwNames(None), thread)?);
    set_up(*first, fds[0], family, kind, protocol, thread)?;
    set_up(*second, fds[1], family, kind, protocol, thread)?;
    Ok(pair(first, second))
}

fn accept(this: Value, thread: &mut Thread) -> PyResult {
    let deadline = of(this).deadline();
    let mut address = Address::empty();
    let (to, len) = (address.as_mut_ptr(), &raw mut address.len);
    let room = address.len;
    // SAFETY: room as said.
    let fd = limited(this, false, deadline, thread, |fd| unsafe {
        *len = room;
        libc::accept4(fd, to, len, libc::SOCK_CLOEXEC) as isize
    })?;
    Ok(pair(Owned::usize(fd), address.to_object(of(this).protocol())))
}

fn bind(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    let address = from_object(target, of(this).family(), of(this).protocol(), "bind", thread)?;
    let fd = of(this).fd();
    // SAFETY: an address as long as said.
    let result = thread.detached(|| unsafe { libc::bind(fd, address.as_ptr(), address.len) });
    none_or_errno(result, thread)
}

/// Connects: 0, or the error number where `raises` is false.
fn connect_to(this: Value, target: Value, caller: &str, raises: bool, thread: &mut Thread) -> PyResult<i32> {
    let address = from_object(target, of(this).family(), of(this).protocol(), caller, thread)?;
    let (fd, limit) = (of(this).fd(), of(this).limit());
    // SAFETY: an address as long as said.
    let result = thread.detached(|| unsafe { libc::connect(fd, address.as_ptr(), address.len) });
    if result == 0 {
        return Ok(0);
    }
    let mut errno = last_errno();
    let waits = match errno {
        libc::EINTR => {
            safepoint::poll(thread)?;
            limit != 0
        }
        libc::EINPROGRESS => limit > 0,
        _ => false,
    };
    if waits {
        let deadline = of(this).deadline();
        if !wait_ready(fd, true, deadline, thread)? {
            if raises {
                return Err(timed_out(thread));
            }
            return Ok(libc::EAGAIN);
        }
        errno = option(fd, libc::SO_ERROR).unwrap_or_else(last_errno);
        if errno == 0 || errno == libc::EISCONN {
            return Ok(0);
        }
    }
    if raises { Err(thread.raise_os_error(errno, None, None)) } else { Ok(errno) }
}

fn connect(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    connect_to(this, target, "connect", true, thread)?;
    Ok(Owned::none())
}

fn connect_ex(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(connect_to(this, target, "connect_ex", false, thread)?)))
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let fd = of(this).fd.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the descriptor is this object's.
        let failed = thread.detached(|| unsafe { libc::close(fd) }) < 0;
        // The peer's reset means nothing for a socket that is given up.
        if failed && last_errno() != libc::ECONNRESET {
            return Err(thread.raise_errno());
        }
    }
    Ok(Owned::none())
}

fn detach(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).fd.swap(-1, Ordering::Relaxed))))
}

fn fileno(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).fd())))
}

fn name_by(this: Value, thread: &mut Thread, call: unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32) -> PyResult {
    let mut address = Address::empty();
    let (fd, to, len) = (of(this).fd(), address.as_mut_ptr(), &raw mut address.len);
    // SAFETY: room as said.
    let failed = thread.detached(|| unsafe { call(fd, to, len) }) < 0;
    if failed { Err(thread.raise_errno()) } else { Ok(address.to_object(of(this).protocol())) }
}

fn getpeername(this: Value, thread: &mut Thread) -> PyResult {
    name_by(this, thread, libc::getpeername)
}

fn getsockname(this: Value, thread: &mut Thread) -> PyResult {
    name_by(this, thread, libc::getsockname)
}

fn getsockopt(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (level, name) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    let room = c_int_or(args.get(2), 0, thread)?;
    let fd = of(this).fd();
    if room == 0 && of(this).family() == libc::AF_VSOCK {
        // These options are 64-bit numbers.
        let mut value = 0u64;
        let mut len = size_of::<u64>() as libc::socklen_t;
        // SAFETY: room as said.
        if unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) } < 0 {
            return Err(thread.raise_errno());
        }
        return Ok(pyrt_runtime::types::int::from_u64(value));
    }
    if room == 0 {
        let mut value = 0i32;
        let mut len = size_of::<i32>() as libc::socklen_t;
        // SAFETY: room as said.
        if unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) } < 0 {
            return Err(thread.raise_errno());
        }
        return Ok(Owned::int(i64::from(value)));
    }
    if !(1..=1024).contains(&room) {
        return Err(thread.raise(&exc::OS_ERROR, "getsockopt buflen out of range"));
    }
    let mut value = vec![0u8; room as usize];
    let mut len = room as libc::socklen_t;
    // SAFETY: room as said.
    if unsafe { libc::getsockopt(fd, level, name, value.as_mut_ptr().cast(), &raw mut len) } < 0 {
        return Err(thread.raise_errno());
    }
    value.truncate(len as usize);
    Ok(bytes::from_vec(value))
}

fn setsockopt(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (level, name) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    let fd = of(this).fd();
    let value = args.at(2);
    if let Some(len) = args.get(3) {
        if !value.is_none() {
            return Err(thread.raise_type_error("setsockopt() argument 3 must be None when a length is given"));
        }
        let number = super::unsigned(len, 32, thread)?;
        // SAFETY: no value, only a length.
        return none_or_errno(unsafe { libc::setsockopt(fd, level, name, std::ptr::null(), number as libc::socklen_t) }, thread);
    }
    if convert::is_int(value) && of(this).family() == libc::AF_VSOCK {
        let number = super::unsigned(value, 64, thread)?;
        // SAFETY: a number.
        let result = unsafe { libc::setsockopt(fd, level, name, (&raw const number).cast(), size_of::<u64>() as libc::socklen_t) };
        return none_or_errno(result, thread);
    }
    if convert::is_int(value) {
        let number = convert::as_c_int(value, thread)?;
        // SAFETY: a number.
        let result = unsafe { libc::setsockopt(fd, level, name, (&raw const number).cast(), size_of::<i32>() as libc::socklen_t) };
        return none_or_errno(result, thread);
    }
    let data = buffer::copy_bytes(value, thread)?;
    // SAFETY: as many bytes as said.
    none_or_errno(unsafe { libc::setsockopt(fd, level, name, data.as_ptr().cast(), data.len() as libc::socklen_t) }, thread)
}

fn listen(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let backlog = c_int_or(args.get(0), 128, thread)?.max(0);
    let fd = of(this).fd();
    // SAFETY: a plain system call.
    let result = thread.detached(|| unsafe { libc::listen(fd, backlog) });
    none_or_errno(result, thread)
}

fn shutdown(this: Value, how: Value, thread: &mut Thread) -> PyResult {
    let how = convert::as_c_int(how, thread)?;
    let fd = of(this).fd();
    // SAFETY: a plain system call.
    let result = thread.detached(|| unsafe { libc::shutdown(fd, how) });
    none_or_errno(result, thread)
}

/// A buffer size argument.
fn size_argument(value: Value, caller: &str, thread: &mut Thread) -> PyResult<usize> {
    let size = convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
    usize::try_from(size).map_err(|_| thread.raise_value_error(format!("negative buffersize in {caller}")))
}

pub fn room_for(n: usize, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let mut data = Vec::new();
    if data.try_reserve_exact(n).is_err() {
        return Err(thread.raise_memory_error());
    }
    Ok(data)
}

fn receive(this: Value, to: *mut u8, n: usize, flags: i32, thread: &mut Thread) -> PyResult<usize> {
    let deadline = of(this).deadline();
    // SAFETY: the caller lends `n` bytes at `to`.
    limited(this, false, deadline, thread, |fd| unsafe { libc::recv(fd, to.cast(), n, flags) })
}

fn recv(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = size_argument(args.at(0), "recv", thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    let mut data = room_for(n, thread)?;
    let got = receive(this, data.as_mut_ptr(), n, flags, thread)?;
    // SAFETY: the system wrote as many bytes.
    unsafe { data.set_len(got.min(n)) };
    Ok(bytes::from_vec(data))
}

/// The target of `recv_into` and its kin.
fn target_of(value: Value, size: Option<Value>, caller: &str, thread: &mut Thread) -> PyResult<(buffer::Buffer, usize)> {
    let target = match buffer::get(value, WRITABLE, thread) {
        Ok(target) => target,
        Err(raised) => {
            let is_mine = thread.exception_matches(&exc::BUFFER_ERROR) || thread.exception_matches(&exc::TYPE_ERROR);
            if !is_mine {
                return Err(raised);
            }
            drop(thread.take_exception());
            let name = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("{caller}() argument 1 must be read-write bytes-like object, not {name}")));
        }
    };
    let n = match size {
        Some(size) => size_argument(size, caller, thread)?,
        None => 0,
    };
    let n = if n == 0 { target.len } else { n };
    if target.len < n {
        let what = if caller == "recv_into" { "buffer too small for requested bytes" } else { "nbytes is greater than the length of the buffer" };
        return Err(thread.raise_value_error(what));
    }
    Ok((target, n))
}

fn recv_into(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (target, n) = target_of(args.at(0), args.get(1), "recv_into", thread)?;
    let flags = c_int_or(args.get(2), 0, thread)?;
    receive(this, target.data, n, flags, thread).map(Owned::usize)
}

fn receive_from(this: Value, to: *mut u8, n: usize, flags: i32, thread: &mut Thread) -> PyResult<(usize, Owned)> {
    let deadline = of(this).deadline();
    let mut address = Address::empty();
    let (place, len, room) = (address.as_mut_ptr(), &raw mut address.len, address.len);
    // SAFETY: the caller lends `n` bytes at `to`; room for an address.
    let got = limited(this, false, deadline, thread, |fd| unsafe {
        *len = room;
        libc::recvfrom(fd, to.cast(), n, flags, place, len)
    })?;
    Ok((got, address.to_object(of(this).protocol())))
}

fn recvfrom(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = size_argument(args.at(0), "recvfrom", thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    let mut data = room_for(n, thread)?;
    let (got, address) = receive_from(this, data.as_mut_ptr(), n, flags, thread)?;
    // SAFETY: the system wrote as many bytes.
    unsafe { data.set_len(got.min(n)) };
    Ok(pair(bytes::from_vec(data), address))
}

fn recvfrom_into(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (target, n) = target_of(args.at(0), args.get(1), "recvfrom_into", thread)?;
    let flags = c_int_or(args.get(2), 0, thread)?;
    let (got, address) = receive_from(this, target.data, n, flags, thread)?;
    Ok(pair(Owned::usize(got), address))
}

/// The bytes to send.
fn source_of(value: Value, thread: &mut Thread) -> PyResult<buffer::Buffer> {
    if string::is_str(value) {
        return Err(thread.raise_type_error("a bytes-like object is required, not 'str'"));
    }
    buffer::get(value, 0, thread)
}

fn send(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let source = source_of(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    let deadline = of(this).deadline();
    let (from, n) = (source.data, source.len);
    // SAFETY: the buffer is lent.
    limited(this, true, deadline, thread, |fd| unsafe { libc::send(fd, from.cast(), n, flags) }).map(Owned::usize)
}

fn sendall(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let source = source_of(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    // One limit for all of it.
    let deadline = of(this).deadline();
    let mut done = 0;
    while done < source.len {
        // SAFETY: the buffer is lent; `done` stays within it.
        let (from, n) = (unsafe { source.data.add(done) }, source.len - done);
        // SAFETY: as above.
        done += limited(this, true, deadline, thread, |fd| unsafe { libc::send(fd, from.cast(), n, flags) })?;
        safepoint::poll(thread)?;
    }
    Ok(Owned::none())
}

fn sendto(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let given = args.at(0);
    let items = pyrt_runtime::types::tuple::TupleObject::of(given).items();
    let (data, flags, target) = match items {
        [data, target] => (*data, 0, *target),
        [data, flags, target] => (*data, convert::as_c_int(*flags, thread)?, *target),
        _ => {
            let n = items.len();
            return Err(thread.raise_type_error(format!("sendto() takes 2 or 3 arguments ({n} given)")));
        }
    };
    let source = source_of(data, thread)?;
    let address = from_object(target, of(this).family(), of(this).protocol(), "sendto", thread)?;
    let deadline = of(this).deadline();
    let (from, n) = (source.data, source.len);
    // SAFETY: the buffer is lent; an address as long as said.
    limited(this, true, deadline, thread, |fd| unsafe { libc::sendto(fd, from.cast(), n, flags, address.as_ptr(), address.len) }).map(Owned::usize)
}

/// A time limit: `None`, or seconds.
fn limit_argument(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if value.is_none() {
        return Ok(-1);
    }
    let limit = duration::nanoseconds(value, Rounding::Up, thread)?;
    if limit < 0 {
        return Err(thread.raise_value_error("Timeout value out of range"));
    }
    if duration::milliseconds(limit) > i64::from(i32::MAX) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "timeout doesn't fit into C timeval"));
    }
    Ok(limit)
}

fn limit_object(limit: i64) -> Owned {
    if limit < 0 { Owned::none() } else { Owned::float(duration::as_seconds(limit)) }
}

fn settimeout(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let limit = limit_argument(value, thread)?;
    of(this).timeout.store(limit, Ordering::Relaxed);
    set_nonblocking(of(this).fd(), limit >= 0, thread)?;
    Ok(Owned::none())
}

fn gettimeout(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(limit_object(of(this).limit()))
}

fn setblocking(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let blocks = pyrt_runtime::protocol::compare::truth(value, thread)?;
    of(this).timeout.store(if blocks { -1 } else { 0 }, Ordering::Relaxed);
    set_nonblocking(of(this).fd(), !blocks, thread)?;
    Ok(Owned::none())
}

fn getblocking(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).limit() != 0))
}

pub fn getdefaulttimeout(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(limit_object(DEFAULT_TIMEOUT.load(Ordering::Relaxed)))
}

pub fn setdefaulttimeout(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    let limit = limit_argument(value, thread)?;
    DEFAULT_TIMEOUT.store(limit, Ordering::Relaxed);
    Ok(Owned::none())
}

macro_rules! numbers {
    ($($name:ident)*) => {$(
        fn $name(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(Owned::int(i64::from(of(this).$name.load(Ordering::Relaxed))))
        }
    )*};
}

numbers! { family kind protocol }

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let socket = of(this);
    let (fd, family, kind, protocol) = (socket.fd(), socket.family(), socket.kind.load(Ordering::Relaxed), socket.protocol());
    Ok(Owned::str(&format!("<socket object, fd={fd}, family={family}, type={kind}, proto={protocol}>")))
}

/// A socket that is dropped open is closed, with a warning.
fn finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    if of(this).fd() < 0 {
        return Ok(());
    }
    let saved = thread.take_exception();
    let text = pyrt_runtime::protocol::special::safe_repr(this, thread);
    if pyrt_runtime::builtins::warn(&exc::RESOURCE_WARNING, &format!("unclosed {text}"), 1, thread).is_err() {
        pyrt_runtime::protocol::finalize::write_unraisable(None, Some(this), thread);
    }
    if close(this, thread).is_err() {
        drop(thread.take_exception());
    }
    if let Some(saved) = saved {
        thread.set_exception(saved);
    }
    Ok(())
}

const fn read_only(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_socket.socket",
    doc: "socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object\nsocket(family=-1, type=-1, proto=-1, fileno=None) -> socket object\n\nAn end of a connection, or a place for messages.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<Socket>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::repr(repr), SlotFn::finalize(finalize)],
    methods: &[
        method("_accept", NativeFn::NoArgs(accept), "($self, /)", "Takes a connection: descriptor and address."),
        method("bind", NativeFn::One(bind), "($self, object, /)", "Gives the socket an address."),
        method("close", NativeFn::NoArgs(close), "($self, /)", "Closes the socket."),
        method("connect", NativeFn::One(connect), "($self, object, /)", "Connects to an address."),
        method("connect_ex", NativeFn::One(connect_ex), "($self, object, /)", "As connect(), with an error number as result."),
        method("detach", NativeFn::NoArgs(detach), "($self, /)", "Gives the descriptor up, open."),
        method("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The descriptor."),
        method("getpeername", NativeFn::NoArgs(getpeername), "($self, /)", "The other end's address."),
        method("getsockname", NativeFn::NoArgs(getsockname), "($self, /)", "The socket's own address."),
        method("getsockopt", NativeFn::Bound(getsockopt), "-($self, level, optname, buflen=0, /)", "An option's value."),
        method("listen", NativeFn::Bound(listen), "-($self, backlog=<unrepresentable>, /)", "Lets others connect."),
        method("recv", NativeFn::Bound(recv), "-($self, buffersize, flags=0, /)", "Receives bytes."),
        method("recv_into", NativeFn::Bound(recv_into), "-($self, buffer, nbytes=0, flags=0)", "Receives bytes into a buffer."),
        method("recvfrom", NativeFn::Bound(recvfrom), "-($self, buffersize, flags=0, /)", "Receives bytes and who sent them."),
        method("recvfrom_into", NativeFn::Bound(recvfrom_into), "-($self, buffer, nbytes=0, flags=0)", "Receives bytes into a buffer, and who sent them."),
        method("send", NativeFn::Bound(send), "-($self, data, flags=0, /)", "Sends bytes: how many went."),
        method("sendall", NativeFn::Bound(sendall), "-($self, data, flags=0, /)", "Sends all bytes."),
        method("sendto", NativeFn::Bound(sendto), "-($self, *args)", "Sends bytes to an address."),
        method("setblocking", NativeFn::One(setblocking), "($self, object, /)", "Whether calls wait."),
        method("getblocking", NativeFn::NoArgs(getblocking), "($self, /)", "Whether calls wait."),
        method("settimeout", NativeFn::One(settimeout), "($self, object, /)", "How long calls wait."),
        method("gettimeout", NativeFn::NoArgs(gettimeout), "($self, /)", "How long calls wait."),
        method("setsockopt", NativeFn::Bound(setsockopt), "-($self, level, option, value, optlen=<unrepresentable>, /)", "Sets an option."),
        method("shutdown", NativeFn::One(shutdown), "($self, object, /)", "Ends one or both directions."),
        method("recvmsg", NativeFn::Bound(messages::recvmsg), "-($self, bufsize, ancbufsize=0, flags=0, /)", "Receives bytes with control messages."),
        method("recvmsg_into", NativeFn::Bound(messages::recvmsg_into), "-($self, buffers, ancbufsize=0, flags=0, /)", "As recvmsg(), into buffers."),
        method("sendmsg", NativeFn::Bound(messages::sendmsg), "-($self, buffers, ancdata=(), flags=0, address=None, /)", "Sends bytes with control messages."),
        method("sendmsg_afalg", NativeFn::Bound(messages::sendmsg_afalg), "-($self, msg=(), *, op=<unrepresentable>, iv=None, assoclen=<unrepresentable>, flags=0)", "Sends to a cipher of the system."),
    ],
    getsets: &[
        read_only("family", family),
        read_only("type", kind),
        read_only("proto", protocol),
        read_only("timeout", gettimeout),
    ],
    ..TypeSpec::DEFAULT
};
