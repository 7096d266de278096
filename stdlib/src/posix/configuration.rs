//! Limits and strings of the system's configuration.

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::constants::{CONFSTR_NAMES, PATHCONF_NAMES};
use super::path::{self, Accepts, fd_argument};
use super::process::configuration_name;
use crate::system_call::{last_errno, set_errno};

pub fn confstr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = configuration_name(args.at(0), CONFSTR_NAMES, thread)?;
    set_errno(0);
    let mut text = vec![0u8; 255];
    // SAFETY: room as said, here and below.
    let mut n = unsafe { libc::confstr(name, text.as_mut_ptr().cast(), text.len()) };
    if n == 0 {
        return if last_errno() != 0 { Err(thread.raise_errno()) } else { Ok(Owned::none()) };
    }
    if n > text.len() {
        text.resize(n, 0);
        // SAFETY: as above.
        n = unsafe { libc::confstr(name, text.as_mut_ptr().cast(), text.len()) };
    }
    Ok(path::decode(text.get(..n.saturating_sub(1)).unwrap_or(&[])))
}

fn limit_or_errno(limit: i64, thread: &mut Thread) -> PyResult<Result<Owned, i32>> {
    let _ = &thread;
    Ok(if limit == -1 && last_errno() != 0 { Err(last_errno()) } else { Ok(Owned::int(limit)) })
}

pub fn fpathconf(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = fd_argument(args.at(0), thread)?;
    let name = configuration_name(args.at(1), PATHCONF_NAMES, thread)?;
    set_errno(0);
    // SAFETY: a plain call.
    let limit = unsafe { libc::fpathconf(fd, name) };
    limit_or_errno(limit, thread)?.map_err(|errno| thread.raise_os_error(errno, None, None))
}

pub fn pathconf(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("pathconf"), thread)?;
    let name = configuration_name(args.at(1), PATHCONF_NAMES, thread)?;
    set_errno(0);
    // SAFETY: a terminated path.
    let limit = unsafe {
        match path.fd {
            Some(fd) => libc::fpathconf(fd, name),
            None => libc::pathconf(path.as_ptr(), name),
        }
    };
    match limit_or_errno(limit, thread)? {
        Ok(limit) => Ok(limit),
        // What the name means is not known for the path: that is not the path's fault.
        Err(libc::EINVAL) => Err(thread.raise_os_error(libc::EINVAL, None, None)),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn inputhook(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(0))
}

pub fn is_inputhook_installed(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::false_())
}
