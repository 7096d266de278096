//! Functions of `posix` on file descriptors.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer::{self, Buffer, WRITABLE};
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::{bytes, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::{self, Accepts};
use crate::system_call::{c_int_or, checked, file_descriptor, flag, last_errno, none_or_errno, offset, retry, size};

struct_sequence! {
    pub TERMINAL_SIZE: TerminalSize = "os.terminal_size", "A tuple of (columns, lines) for holding terminal window size", 2, [
        ("columns", 0, "width of the terminal window in characters"), ("lines", 1, "height of the terminal window in characters"),
    ]
}

/// What Linux reads or writes at most in one call.
pub const MAX_TRANSFER: usize = 0x7FFF_F000;

fn fd_of(value: Value, thread: &mut Thread) -> PyResult<i32> {
    convert::as_c_int(value, thread)
}

pub fn open(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("open"), thread)?;
    let flags = convert::as_c_int(args.at(1), thread)? | libc::O_CLOEXEC;
    let mode = c_int_or(args.get(2), 0o777, thread)?;
    let dir = path::dir_fd(args.get(3), thread)?;
    // SAFETY: a terminated name.
    match retry(thread, || unsafe { libc::openat(dir, path.as_ptr(), flags, mode as libc::mode_t) })? {
        Ok(fd) => Ok(Owned::int(i64::from(fd))),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn close(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call. After EINTR the descriptor is closed on Linux: no retry.
    let result = thread.detached(|| unsafe { libc::close(fd) });
    if result < 0 && last_errno() != libc::EINTR {
        return Err(thread.raise_errno());
    }
    Ok(Owned::none())
}

pub fn closerange(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (low, high) = (fd_of(args.at(0), thread)?, fd_of(args.at(1), thread)?);
    thread.detached(|| close_range(low.max(0), high));
    Ok(Owned::none())
}

/// Closes `low..high`; async-signal-safe.
pub fn close_range(low: i32, high: i32) {
    if low >= high {
        return;
    }
    // SAFETY: plain system calls.
    unsafe {
        if libc::syscall(libc::SYS_close_range, low as libc::c_uint, (high - 1) as libc::c_uint, 0) == 0 {
            return;
        }
        let limit = libc::sysconf(libc::_SC_OPEN_MAX);
        let high = if limit > 0 { high.min(limit as i32) } else { high };
        for fd in low..high {
            libc::close(fd);
        }
    }
}

pub fn read(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let length = size(args.at(1), thread)?;
    if length < 0 {
        return Err(thread.raise_os_error(libc::EINVAL, None, None));
    }
    let data = read_up_to(length as usize, thread, |to, n| {
        // SAFETY: `to` has room for `n` bytes.
        unsafe { libc::read(fd, to.cast(), n) }
    })?;
    Ok(bytes::from_vec(data))
}

/// Reads once into a fresh buffer.
fn read_up_to(length: usize, thread: &mut Thread, mut call: impl FnMut(*mut u8, usize) -> isize) -> PyResult<Vec<u8>> {
    let length = length.min(MAX_TRANSFER);
    let mut data = Vec::new();
    if data.try_reserve_exact(length).is_err() {
        return Err(thread.raise_memory_error());
    }
    let to: *mut u8 = data.as_mut_ptr();
    let n = checked(thread, || call(to, length))?;
    // SAFETY: the system wrote `n` bytes.
    unsafe { data.set_len(n as usize) };
    Ok(data)
}

pub fn readinto(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let target = crate::system_call::writable_buffer(args.at(1), "readinto() argument 2", thread)?;
    let (to, n) = (target.data, target.len.min(MAX_TRANSFER));
    // SAFETY: the buffer is lent until `target` is dropped.
    let n = checked(thread, || unsafe { libc::read(fd, to.cast(), n) })?;
    Ok(Owned::int(n as i64))
}

pub fn write(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let source = buffer::get(args.at(1), 0, thread)?;
    let (from, n) = (source.data, source.len.min(MAX_TRANSFER));
    // SAFETY: the buffer is lent until `source` is dropped.
    let n = checked(thread, || unsafe { libc::write(fd, from.cast(), n) })?;
    Ok(Owned::int(n as i64))
}

pub fn pread(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let length = convert::as_c_int(args.at(1), thread)?;
    let at = offset(args.at(2), thread)?;
    if length < 0 {
        return Err(thread.raise_os_error(libc::EINVAL, None, None));
    }
    let data = read_up_to(length as usize, thread, |to, n| {
        // SAFETY: `to` has room for `n` bytes.
        unsafe { libc::pread(fd, to.cast(), n, at) }
    })?;
    Ok(bytes::from_vec(data))
}

pub fn pwrite(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let source = buffer::get(args.at(1), 0, thread)?;
    let at = offset(args.at(2), thread)?;
    let (from, n) = (source.data, source.len);
    // SAFETY: the buffer is lent until `source` is dropped.
    let n = checked(thread, || unsafe { libc::pwrite(fd, from.cast(), n, at) })?;
    Ok(Owned::int(n as i64))
}

/// The buffers of a sequence and the vector that describes them to the system.
fn vector(sequence: Value, flags: u32, function: &str, thread: &mut Thread) -> PyResult<(Vec<Buffer>, Vec<libc::iovec>)> {
    if !iterate::is_iterable(sequence) || sequence.type_object().slots.length.raw() == 0 {
        return Err(thread.raise_type_error(format!("{function}() arg 2 must be a sequence")));
    }
    let mut buffers = Vec::new();
    for item in iterate::collect(sequence, thread)? {
        buffers.push(buffer::get(*item, flags, thread)?);
    }
    let vector = buffers.iter().map(|buffer| libc::iovec { iov_base: buffer.data.cast(), iov_len: buffer.len }).collect();
    Ok((buffers, vector))
}

pub fn readv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (_buffers, vector) = vector(args.at(1), WRITABLE, "readv", thread)?;
    // SAFETY: the buffers are lent until the end of this function.
    let n = checked(thread, || unsafe { libc::readv(fd, vector.as_ptr(), vector.len() as i32) })?;
    Ok(Owned::int(n as i64))
}

pub fn writev(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (_buffers, vector) = vector(args.at(1), 0, "writev", thread)?;
    // SAFETY: the buffers are lent until the end of this function.
    let n = checked(thread, || unsafe { libc::writev(fd, vector.as_ptr(), vector.len() as i32) })?;
    Ok(Owned::int(n as i64))
}

pub fn preadv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (_buffers, vector) = vector(args.at(1), WRITABLE, "preadv", thread)?;
    let at = offset(args.at(2), thread)?;
    let flags = c_int_or(args.get(3), 0, thread)?;
    // SAFETY: the buffers are lent until the end of this function.
    let n = checked(thread, || unsafe { libc::preadv2(fd, vector.as_ptr(), vector.len() as i32, at, flags) })?;
    Ok(Owned::int(n as i64))
}

pub fn pwritev(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (_buffers, vector) = vector(args.at(1), 0, "pwritev", thread)?;
    let at = offset(args.at(2), thread)?;
    let flags = c_int_or(args.get(3), 0, thread)?;
    // SAFETY: the buffers are lent until the end of this function.
    let n = checked(thread, || unsafe { libc::pwritev2(fd, vector.as_ptr(), vector.len() as i32, at, flags) })?;
    Ok(Owned::int(n as i64))
}

pub fn lseek(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let at = offset(args.at(1), thread)?;
    let whence = convert::as_c_int(args.at(2), thread)?;
    // SAFETY: a plain system call.
    let result = thread.detached(|| unsafe { libc::lseek(fd, at, whence) });
    if result < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(result)) }
}

pub fn dup(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call.
    let fd = checked(thread, || unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
    Ok(Owned::int(i64::from(fd)))
}

pub fn dup2(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (from, to) = (fd_of(args.at(0), thread)?, fd_of(args.at(1), thread)?);
    let inheritable = flag(args.get(2), true, thread)?;
    if from < 0 || to < 0 {
        return Err(thread.raise_os_error(libc::EBADF, None, None));
    }
    // SAFETY: plain system calls. With equal descriptors dup3 fails where dup2 does nothing.
    let result = thread.detached(|| unsafe {
        if inheritable || from == to { libc::dup2(from, to) } else { libc::dup3(from, to, libc::O_CLOEXEC) }
    });
    if result < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(i64::from(result))) }
}

fn make_pipe(flags: i32, thread: &mut Thread) -> PyResult {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both ends.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), flags) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(tuple::pack(ends.map(|end| Owned::int(i64::from(end)))))
}

pub fn pipe(_module: Value, thread: &mut Thread) -> PyResult {
    make_pipe(libc::O_CLOEXEC, thread)
}

pub fn pipe2(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let flags = convert::as_c_int(args.at(0), thread)?;
    make_pipe(flags, thread)
}

pub fn isatty(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call.
    Ok(Owned::bool(thread.detached(|| unsafe { libc::isatty(fd) }) == 1))
}

pub fn fsync(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::fsync(fd) }).map(|_| Owned::none())
}

pub fn fdatasync(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::fdatasync(fd) }).map(|_| Owned::none())
}

pub fn ftruncate(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let length = offset(args.at(1), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::ftruncate(fd, length) }).map(|_| Owned::none())
}

pub fn fchdir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::fchdir(fd) }).map(|_| Owned::none())
}

pub fn fchmod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let mode = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::fchmod(fd, mode as libc::mode_t) }).map(|_| Owned::none())
}

pub fn lockf(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let command = convert::as_c_int(args.at(1), thread)?;
    let length = offset(args.at(2), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::lockf(fd, command, length) }).map(|_| Owned::none())
}

pub fn posix_fallocate(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (at, length) = (offset(args.at(1), thread)?, offset(args.at(2), thread)?);
    // SAFETY: a plain system call, which returns the errno.
    by_error_number(thread, || unsafe { libc::posix_fallocate(fd, at, length) })
}

pub fn posix_fadvise(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let (at, length) = (offset(args.at(1), thread)?, offset(args.at(2), thread)?);
    let advice = convert::as_c_int(args.at(3), thread)?;
    // SAFETY: a plain system call, which returns the errno.
    by_error_number(thread, || unsafe { libc::posix_fadvise(fd, at, length, advice) })
}

fn by_error_number(thread: &mut Thread, mut call: impl FnMut() -> i32) -> PyResult {
    loop {
        match thread.detached(&mut call) {
            0 => return Ok(Owned::none()),
            libc::EINTR => pyrt_runtime::threads::safepoint::poll(thread)?,
            errno => return Err(thread.raise_os_error(errno, None, None)),
        }
    }
}

pub fn get_inheritable(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 { Err(thread.raise_errno()) } else { Ok(Owned::bool(flags & libc::FD_CLOEXEC == 0)) }
}

pub fn set_inheritable(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let inheritable = convert::as_c_int(args.at(1), thread)? != 0;
    let request = if inheritable { libc::FIONCLEX } else { libc::FIOCLEX };
    // SAFETY: the request takes no argument.
    let mut result = unsafe { libc::ioctl(fd, request) };
    if result < 0 && crate::system_call::last_errno() == libc::EBADF {
        // Descriptors that only name a file take no such requests.
        // SAFETY: plain system calls.
        result = unsafe {
            match libc::fcntl(fd, libc::F_GETFD) {
                flags if flags < 0 => flags,
                flags => libc::fcntl(fd, libc::F_SETFD, if inheritable { flags & !libc::FD_CLOEXEC } else { flags | libc::FD_CLOEXEC }),
            }
        };
    }
    none_or_errno(result, thread)
}

pub fn get_blocking(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 { Err(thread.raise_errno()) } else { Ok(Owned::bool(flags & libc::O_NONBLOCK == 0)) }
}

pub fn set_blocking(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    let blocking = flag(args.get(1), true, thread)?;
    // SAFETY: plain system calls.
    let result = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags < 0 {
            flags
        } else {
            let wanted = if blocking { flags & !libc::O_NONBLOCK } else { flags | libc::O_NONBLOCK };
            libc::fcntl(fd, libc::F_SETFL, wanted)
        }
    };
    none_or_errno(result, thread)
}

pub fn get_terminal_size(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = c_int_or(args.get(0), 1, thread)?;
    // SAFETY: all-zero is a valid winsize; the request writes one.
    let mut window: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut window) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(build::<TerminalSize>(vec![Owned::int(i64::from(window.ws_col)), Owned::int(i64::from(window.ws_row))]))
}

pub fn device_encoding(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_of(args.at(0), thread)?;
    // SAFETY: a plain system call.
    if unsafe { libc::isatty(fd) } != 1 {
        return Ok(Owned::none());
    }
    // SAFETY: nl_langinfo returns a terminated string.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) };
    if thread.interpreter.config.read().utf8_mode {
        return Ok(Owned::str("utf-8"));
    }
    Ok(path::decode(name.to_bytes()))
}

fn optional_offset(value: Option<Value>, thread: &mut Thread) -> PyResult<Option<i64>> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => offset(value, thread).map(Some),
        None => Ok(None),
    }
}

fn count_argument(value: Value, thread: &mut Thread) -> PyResult<usize> {
    let count = size(value, thread)?;
    usize::try_from(count).map_err(|_| thread.raise_value_error("negative value for 'count' not allowed"))
}

pub fn sendfile(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (to, from) = (fd_of(args.at(0), thread)?, fd_of(args.at(1), thread)?);
    let mut at = optional_offset(args.get(2), thread)?;
    let count = size(args.at(3), thread)?;
    let at_pointer = at.as_mut().map_or(std::ptr::null_mut(), |at| &raw mut *at);
    // SAFETY: the offset cell outlives the calls.
    let n = checked(thread, || unsafe { libc::sendfile(to, from, at_pointer, count as usize) })?;
    Ok(Owned::int(n as i64))
}

pub fn copy_file_range(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (from, to) = (fd_of(args.at(0), thread)?, fd_of(args.at(1), thread)?);
    let count = count_argument(args.at(2), thread)?;
    let (mut from_at, mut to_at) = (optional_offset(args.get(3), thread)?, optional_offset(args.get(4), thread)?);
    let from_pointer = from_at.as_mut().map_or(std::ptr::null_mut(), |at| &raw mut *at);
    let to_pointer = to_at.as_mut().map_or(std::ptr::null_mut(), |at| &raw mut *at);
    // SAFETY: the offset cells outlive the calls.
    let n = checked(thread, || unsafe { libc::copy_file_range(from, from_pointer, to, to_pointer, count, 0) })?;
    Ok(Owned::int(n as i64))
}

pub fn splice(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (from, to) = (fd_of(args.at(0), thread)?, fd_of(args.at(1), thread)?);
    let count = count_argument(args.at(2), thread)?;
    let (mut from_at, mut to_at) = (optional_offset(args.get(3), thread)?, optional_offset(args.get(4), thread)?);
    let flags = c_int_or(args.get(5), 0, thread)?;
    let from_pointer = from_at.as_mut().map_or(std::ptr::null_mut(), |at| &raw mut *at);
    let to_pointer = to_at.as_mut().map_or(std::ptr::null_mut(), |at| &raw mut *at);
    // SAFETY: the offset cells outlive the calls.
    let n = checked(thread, || unsafe { libc::splice(from, from_pointer, to, to_pointer, count, flags as libc::c_uint) })?;
    Ok(Owned::int(n as i64))
}

pub fn eventfd(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let start = unsigned_int(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), libc::EFD_CLOEXEC, thread)?;
    // SAFETY: a plain system call.
    let fd = unsafe { libc::eventfd(start, flags) };
    crate::system_call::int_or_errno(i64::from(fd), thread)
}

fn unsigned_int(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let number = convert::index(value, thread)?;
    match pyrt_runtime::types::int::as_i64(*number) {
        Some(number) if number < 0 => Err(thread.raise_value_error("value must be positive")),
        Some(number) => u32::try_from(number)
            .map_err(|_| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large for C unsigned int")),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned long")),
    }
}

pub fn eventfd_read(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let mut value = 0u64;
    let to = &raw mut value;
    // SAFETY: eight bytes for the counter.
    let n = thread.detached(|| unsafe { libc::read(fd, to.cast(), 8) });
    if n < 0 { Err(thread.raise_errno()) } else { Ok(pyrt_runtime::types::int::from_u64(value)) }
}

pub fn eventfd_write(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let number = convert::index(args.at(1), thread)?;
    let Some(value) = pyrt_runtime::types::int::as_u64(*number) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "int too big to convert"));
    };
    let from = &raw const value;
    // SAFETY: eight bytes of the number.
    let n = thread.detached(|| unsafe { libc::write(fd, from.cast(), 8) });
    if n < 0 { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

pub fn memfd_create(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    let flags = match args.get(1) {
        Some(flags) => unsigned_int(flags, thread)?,
        None => libc::MFD_CLOEXEC,
    };
    // SAFETY: a terminated name.
    let fd = thread.detached(|| unsafe { libc::memfd_create(name.as_ptr(), flags) });
    crate::system_call::int_or_errno(i64::from(fd), thread)
}
