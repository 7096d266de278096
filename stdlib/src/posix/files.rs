//! Functions of `posix` on paths.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::types::{int, list, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::{self, Accepts, Path};
use crate::system_call::{c_int_or, flag, last_errno, offset, retry};

/// `None`, or `OSError` about the path.
fn done<T>(result: Result<T, i32>, path: &Path, thread: &mut Thread) -> PyResult {
    match result {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn chdir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("chdir"), thread)?;
    let result = retry(thread, || match path.fd {
        // SAFETY: a plain system call.
        Some(fd) => unsafe { libc::fchdir(fd) },
        // SAFETY: a terminated name.
        None => unsafe { libc::chdir(path.as_ptr()) },
    })?;
    done(result, &path, thread)
}

pub fn chroot(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("chroot"), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::chroot(path.as_ptr()) })?;
    done(result, &path, thread)
}

fn current_directory(thread: &mut Thread) -> PyResult<Vec<u8>> {
    match std::env::current_dir() {
        Ok(path) => Ok(std::os::unix::ffi::OsStringExt::into_vec(path.into_os_string())),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::ENOENT);
            Err(thread.raise_os_error(errno, None, None))
        }
    }
}

pub fn getcwd(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(path::decode(&current_directory(thread)?))
}

pub fn getcwdb(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(pyrt_runtime::types::bytes::from_vec(current_directory(thread)?))
}

pub fn mkdir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("mkdir"), thread)?;
    let mode = c_int_or(args.get(1), 0o777, thread)?;
    let dir = path::dir_fd(args.get(2), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::mkdirat(dir, path.as_ptr(), mode as libc::mode_t) })?;
    done(result, &path, thread)
}

pub fn mkfifo(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("mkfifo"), thread)?;
    let mode = c_int_or(args.get(1), 0o666, thread)?;
    let dir = path::dir_fd(args.get(2), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::mkfifoat(dir, path.as_ptr(), mode as libc::mode_t) })?;
    done(result, &path, thread)
}

pub fn mknod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("mknod"), thread)?;
    let mode = c_int_or(args.get(1), 0o600, thread)?;
    let device = match args.get(2) {
        Some(device) => device_number(device, thread)?,
        None => 0,
    };
    let dir = path::dir_fd(args.get(3), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::mknodat(dir, path.as_ptr(), mode as libc::mode_t, device) })?;
    done(result, &path, thread)
}

fn device_number(value: Value, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    if int::as_i64(*number) == Some(-1) {
        return Ok(u64::MAX);
    }
    int::as_u64(*number).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "can't convert negative int to unsigned"))
}

pub fn major(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let device = device_number(args.at(0), thread)?;
    Ok(if device == u64::MAX { Owned::int(-1) } else { Owned::int(i64::from(libc::major(device))) })
}

pub fn minor(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let device = device_number(args.at(0), thread)?;
    Ok(if device == u64::MAX { Owned::int(-1) } else { Owned::int(i64::from(libc::minor(device))) })
}

pub fn makedev(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (major, minor) = (device_number(args.at(0), thread)?, device_number(args.at(1), thread)?);
    if major == u64::MAX && minor == u64::MAX {
        return Ok(Owned::int(-1));
    }
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major), Ok(minor)) => Ok(int::from_u64(libc::makedev(major, minor))),
        _ => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned int")),
    }
}

pub fn rmdir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("rmdir"), thread)?;
    let dir = path::dir_fd(args.get(1), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::unlinkat(dir, path.as_ptr(), libc::AT_REMOVEDIR) })?;
    done(result, &path, thread)
}

fn unlink_as(function: &'static str, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path(function), thread)?;
    let dir = path::dir_fd(args.get(1), thread)?;
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::unlinkat(dir, path.as_ptr(), 0) })?;
    done(result, &path, thread)
}

pub fn unlink(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    unlink_as("unlink", args, thread)
}

pub fn remove(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    unlink_as("remove", args, thread)
}

fn rename_as(function: &'static str, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let from = path::convert(args.at(0), Accepts::named(function, "src"), thread)?;
    let to = path::convert(args.at(1), Accepts::named(function, "dst"), thread)?;
    let (from_dir, to_dir) = (path::dir_fd(args.get(2), thread)?, path::dir_fd(args.get(3), thread)?);
    // SAFETY: terminated names.
    match retry(thread, || unsafe { libc::renameat(from_dir, from.as_ptr(), to_dir, to.as_ptr()) })? {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(from.error_with(&to, errno, thread)),
    }
}

pub fn rename(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    rename_as("rename", args, thread)
}

pub fn replace(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    rename_as("replace", args, thread)
}

pub fn link(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let from = path::convert(args.at(0), Accepts::named("link", "src"), thread)?;
    let to = path::convert(args.at(1), Accepts::named("link", "dst"), thread)?;
    let (from_dir, to_dir) = (path::dir_fd(args.get(2), thread)?, path::dir_fd(args.get(3), thread)?);
    let flags = if flag(args.get(4), true, thread)? { libc::AT_SYMLINK_FOLLOW } else { 0 };
    // SAFETY: terminated names.
    match retry(thread, || unsafe { libc::linkat(from_dir, from.as_ptr(), to_dir, to.as_ptr(), flags) })? {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(from.error_with(&to, errno, thread)),
    }
}

pub fn symlink(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let from = path::convert(args.at(0), Accepts::named("symlink", "src"), thread)?;
    let to = path::convert(args.at(1), Accepts::named("symlink", "dst"), thread)?;
    let dir = path::dir_fd(args.get(3), thread)?;
    // SAFETY: terminated names.
    match retry(thread, || unsafe { libc::symlinkat(from.as_ptr(), dir, to.as_ptr()) })? {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(from.error_with(&to, errno, thread)),
    }
}

pub fn readlink(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("readlink"), thread)?;
    let dir = path::dir_fd(args.get(1), thread)?;
    let mut target = vec![0u8; libc::PATH_MAX as usize + 1];
    let (to, room) = (target.as_mut_ptr(), target.len());
    // SAFETY: a terminated name, and room for the result.
    match retry(thread, || unsafe { libc::readlinkat(dir, path.as_ptr(), to.cast(), room) })? {
        Ok(n) => Ok(path::result_name(target.get(..n as usize).unwrap_or(&[]), path.is_bytes)),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn access(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("access"), thread)?;
    let mode = convert::as_c_int(args.at(1), thread)?;
    let dir = path::dir_fd(args.get(2), thread)?;
    let mut flags = if flag(args.get(3), false, thread)? { libc::AT_EACCESS } else { 0 };
    if !flag(args.get(4), true, thread)? {
        flags |= libc::AT_SYMLINK_NOFOLLOW;
    }
    // SAFETY: a terminated name.
    let result = thread.detached_briefly(|| unsafe { libc::faccessat(dir, path.as_ptr(), mode, flags) });
    Ok(Owned::bool(result == 0))
}

pub fn chmod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("chmod"), thread)?;
    let mode = convert::as_c_int(args.at(1), thread)? as libc::mode_t;
    let dir = path::dir_fd(args.get(2), thread)?;
    let flags = if flag(args.get(3), true, thread)? { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let result = retry(thread, || match path.fd {
        // SAFETY: a plain system call.
        Some(fd) => unsafe { libc::fchmod(fd, mode) },
        // SAFETY: a terminated name.
        None => unsafe { libc::fchmodat(dir, path.as_ptr(), mode, flags) },
    })?;
    done(result, &path, thread)
}

/// A user or group number; -1 leaves it as it is.
pub fn id_number(value: Value, what: &str, thread: &mut Thread) -> PyResult<u32> {
    if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("{what} should be integer, not {name}")));
    }
    let number = convert::index(value, thread)?;
    match int::as_i64(*number) {
        Some(-1) => Ok(u32::MAX),
        Some(number) if (0..i64::from(u32::MAX)).contains(&number) => Ok(number as u32),
        Some(number) if number > 0 => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{what} is greater than maximum"))),
        None if !int::is_negative(*number) => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{what} is greater than maximum"))),
        _ => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{what} is less than minimum"))),
    }
}

pub fn chown(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("chown"), thread)?;
    let (user, group) = (id_number(args.at(1), "uid", thread)?, id_number(args.at(2), "gid", thread)?);
    let dir = path::dir_fd(args.get(3), thread)?;
    let follow = flag(args.get(4), true, thread)?;
    path.check_fd_use("chown", dir, follow, thread)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let result = retry(thread, || match path.fd {
        // SAFETY: a plain system call.
        Some(fd) => unsafe { libc::fchown(fd, user, group) },
        // SAFETY: a terminated name.
        None => unsafe { libc::fchownat(dir, path.as_ptr(), user, group, flags) },
    })?;
    done(result, &path, thread)
}

pub fn fchown(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(args.at(0), thread)?;
    let (user, group) = (id_number(args.at(1), "uid", thread)?, id_number(args.at(2), "gid", thread)?);
    // SAFETY: a plain system call.
    crate::system_call::checked(thread, || unsafe { libc::fchown(fd, user, group) }).map(|_| Owned::none())
}

pub fn lchown(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("lchown"), thread)?;
    let (user, group) = (id_number(args.at(1), "uid", thread)?, id_number(args.at(2), "gid", thread)?);
    // SAFETY: a terminated name.
    let result = retry(thread, || unsafe { libc::lchown(path.as_ptr(), user, group) })?;
    done(result, &path, thread)
}

pub fn truncate(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("truncate"), thread)?;
    let length = offset(args.at(1), thread)?;
    let result = retry(thread, || match path.fd {
        // SAFETY: a plain system call.
        Some(fd) => unsafe { libc::ftruncate(fd, length) },
        // SAFETY: a terminated name.
        None => unsafe { libc::truncate(path.as_ptr(), length) },
    })?;
    done(result, &path, thread)
}

/// Seconds as int or float to a `timespec`, rounded towards minus infinity.
fn seconds(value: Value, thread: &mut Thread) -> PyResult<libc::timespec> {
    if convert::is_int(value) {
        let Some(seconds) = int::as_i64(value) else {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "timestamp out of range for platform time_t"));
        };
        return Ok(libc::timespec { tv_sec: seconds, tv_nsec: 0 });
    }
    let number = convert::as_f64(value, thread)?;
    if number.is_nan() {
        return Err(thread.raise_value_error("Invalid value NaN (not a number)"));
    }
    let whole = number.floor();
    if !(-9.2e18..9.2e18).contains(&whole) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "timestamp out of range for platform time_t"));
    }
    let mut spec = libc::timespec { tv_sec: whole as i64, tv_nsec: ((number - whole) * 1e9).floor() as i64 };
    if spec.tv_nsec >= 1_000_000_000 {
        spec.tv_sec += 1;
        spec.tv_nsec -= 1_000_000_000;
    }
    Ok(spec)
}

fn from_nanoseconds(value: Value, thread: &mut Thread) -> PyResult<libc::timespec> {
    let number = convert::index(value, thread)?;
    let big = int::to_bigint(*number);
    let (whole, rest) = num_integer_div_floor(&big);
    match i64::try_from(whole) {
        Ok(whole) => Ok(libc::timespec { tv_sec: whole, tv_nsec: rest }),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, "timestamp out of range for platform time_t")),
    }
}

fn num_integer_div_floor(number: &num_bigint::BigInt) -> (num_bigint::BigInt, i64) {
    let billion = num_bigint::BigInt::from(1_000_000_000);
    let mut whole = number / &billion;
    let mut rest = number - &whole * &billion;
    if rest.sign() == num_bigint::Sign::Minus {
        whole -= 1;
        rest += &billion;
    }
    (whole, i64::try_from(rest).unwrap_or(0))
}

pub fn utime(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("utime"), thread)?;
    let times = args.get(1).filter(|times| !times.is_none());
    let ns = args.get(2);
    let dir = path::dir_fd(args.get(3), thread)?;
    let follow = flag(args.get(4), true, thread)?;
    if times.is_some() && ns.is_some() {
        return Err(thread.raise_value_error("utime: you may specify either 'times' or 'ns' but not both"));
    }
    let pair = |value: Value, what: &str, thread: &mut Thread| {
        if tuple_items(value).is_some_and(|items| items.len() == 2) {
            return Ok(());
        }
        Err(thread.raise_type_error(what))
    };
    let specs = match (times, ns) {
        (Some(times), _) => {
            pair(times, "utime: 'times' must be either a tuple of two ints or None", thread)?;
            let items = tuple::TupleObject::of(times);
            Some([seconds(items.item(0), thread)?, seconds(items.item(1), thread)?])
        }
        (None, Some(ns)) => {
            pair(ns, "utime: 'ns' must be a tuple of two ints", thread)?;
            let items = tuple::TupleObject::of(ns);
            Some([from_nanoseconds(items.item(0), thread)?, from_nanoseconds(items.item(1), thread)?])
        }
        (None, None) => None,
    };
    path.check_fd_use("utime", dir, follow, thread)?;
    let specs = specs.as_ref().map_or(std::ptr::null(), |specs| specs.as_ptr());
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let result = retry(thread, || match path.fd {
        // SAFETY: null or two times.
        Some(fd) => unsafe { libc::futimens(fd, specs) },
        // SAFETY: a terminated name; null or two times.
        None => unsafe { libc::utimensat(dir, path.as_ptr(), specs, flags) },
    })?;
    done(result, &path, thread)
}

fn tuple_items<'a>(value: Value) -> Option<&'a [Value]> {
    if pyrt_runtime::types::tuple_methods::is_tuple(value) { Some(tuple::TupleObject::of(value).items()) } else { None }
}

fn attribute_name(value: Value, function: &'static str, thread: &mut Thread) -> PyResult<Path> {
    path::convert(value, Accepts::named(function, "attribute"), thread)
}

pub fn getxattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("getxattr"), thread)?;
    let name = attribute_name(args.at(1), "getxattr", thread)?;
    let follow = flag(args.get(2), true, thread)?;
    path.check_fd_use("getxattr", libc::AT_FDCWD, follow, thread)?;
    for room in [128, 65536] {
        let mut data = vec![0u8; room];
        let to = data.as_mut_ptr().cast();
        // SAFETY: terminated names, room for the value.
        let n = thread.detached_briefly(|| unsafe {
            match path.fd {
                Some(fd) => libc::fgetxattr(fd, name.as_ptr(), to, room),
                None if follow => libc::getxattr(path.as_ptr(), name.as_ptr(), to, room),
                None => libc::lgetxattr(path.as_ptr(), name.as_ptr(), to, room),
            }
        });
        if n >= 0 {
            data.truncate(n as usize);
            return Ok(pyrt_runtime::types::bytes::from_vec(data));
        }
        if last_errno() != libc::ERANGE {
            break;
        }
    }
    Err(path.error(last_errno(), thread))
}

pub fn setxattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("setxattr"), thread)?;
    let name = attribute_name(args.at(1), "setxattr", thread)?;
    let value = buffer::copy_bytes(args.at(2), thread)?;
    let flags = c_int_or(args.get(3), 0, thread)?;
    let follow = flag(args.get(4), true, thread)?;
    path.check_fd_use("setxattr", libc::AT_FDCWD, follow, thread)?;
    let (data, len) = (value.as_ptr().cast(), value.len());
    // SAFETY: terminated names, `len` bytes of data.
    let result = retry(thread, || unsafe {
        match path.fd {
            Some(fd) => libc::fsetxattr(fd, name.as_ptr(), data, len, flags),
            None if follow => libc::setxattr(path.as_ptr(), name.as_ptr(), data, len, flags),
            None => libc::lsetxattr(path.as_ptr(), name.as_ptr(), data, len, flags),
        }
    })?;
    done(result, &path, thread)
}

pub fn removexattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("removexattr"), thread)?;
    let name = attribute_name(args.at(1), "removexattr", thread)?;
    let follow = flag(args.get(2), true, thread)?;
    path.check_fd_use("removexattr", libc::AT_FDCWD, follow, thread)?;
    // SAFETY: terminated names.
    let result = retry(thread, || unsafe {
        match path.fd {
            Some(fd) => libc::fremovexattr(fd, name.as_ptr()),
            None if follow => libc::removexattr(path.as_ptr(), name.as_ptr()),
            None => libc::lremovexattr(path.as_ptr(), name.as_ptr()),
        }
    })?;
    done(result, &path, thread)
}

pub fn listxattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let accepts = Accepts { function: "listxattr", argument: "path", fd: true, none: true };
    let path = path::convert(args.get(0).unwrap_or_else(Value::none), accepts, thread)?;
    let follow = flag(args.get(1), true, thread)?;
    path.check_fd_use("listxattr", libc::AT_FDCWD, follow, thread)?;
    for room in [256, 65536] {
        let mut data = vec![0u8; room];
        let to = data.as_mut_ptr().cast();
        // SAFETY: a terminated name, room for the list.
        let n = thread.detached_briefly(|| unsafe {
            match path.fd {
                Some(fd) => libc::flistxattr(fd, to, room),
                None if follow => libc::listxattr(path.as_ptr(), to, room),
                None => libc::llistxattr(path.as_ptr(), to, room),
            }
        });
        if n >= 0 {
            data.truncate(n as usize);
            let names = data.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            return Ok(list::from_vec(names.map(path::decode).collect()));
        }
        if last_errno() != libc::ERANGE {
            break;
        }
    }
    Err(path.error(last_errno(), thread))
}
