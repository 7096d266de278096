//! Pseudo-terminals.

use std::ffi::CStr;

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::{self, fd_argument};
use crate::system_call::{last_errno, none_or_errno};

fn not_inherited(fd: i32) {
    // SAFETY: a plain system call.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}

pub fn openpty(_module: Value, thread: &mut Thread) -> PyResult {
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: room for two descriptors; the rest may be null.
    let failed = unsafe { libc::openpty(&raw mut master, &raw mut slave, std::ptr::null_mut(), std::ptr::null(), std::ptr::null()) } < 0;
    if failed {
        return Err(thread.raise_errno());
    }
    not_inherited(master);
    not_inherited(slave);
    Ok(tuple::pack([Owned::int(i64::from(master)), Owned::int(i64::from(slave))]))
}

pub fn login_tty(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    // SAFETY: a plain call.
    none_or_errno(unsafe { libc::login_tty(fd) }, thread)
}

pub fn posix_openpt(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let flags = pyrt_runtime::protocol::convert::as_c_int(args.at(0), thread)?;
    // SAFETY: a plain call.
    let fd = unsafe { libc::posix_openpt(flags) };
    if fd < 0 {
        return Err(thread.raise_errno());
    }
    if flags & libc::O_CLOEXEC == 0 {
        not_inherited(fd);
    }
    Ok(Owned::int(i64::from(fd)))
}

pub fn grantpt(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    // SAFETY: a plain call.
    none_or_errno(unsafe { libc::grantpt(fd) }, thread)
}

pub fn unlockpt(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    // SAFETY: a plain call.
    none_or_errno(unsafe { libc::unlockpt(fd) }, thread)
}

pub fn ptsname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    let mut name = [0 as libc::c_char; 4096];
    // SAFETY: room as said; the result is terminated.
    let errno = unsafe { libc::ptsname_r(fd, name.as_mut_ptr(), name.len()) };
    if errno != 0 {
        let errno = if errno < 0 { last_errno() } else { errno };
        return Err(thread.raise_os_error(errno, None, None));
    }
    // SAFETY: as above.
    Ok(path::decode(unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes()))
}

pub fn ctermid(_module: Value, _thread: &mut Thread) -> PyResult {
    let mut name = [0 as libc::c_char; 64];
    // SAFETY: more room than L_ctermid; the result is terminated.
    let text = unsafe {
        libc::ctermid(name.as_mut_ptr());
        CStr::from_ptr(name.as_ptr())
    };
    Ok(path::decode(text.to_bytes()))
}
