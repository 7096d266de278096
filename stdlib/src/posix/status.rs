//! `os.stat_result` and what makes it; `statvfs_result`.

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::{float, int};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::{self, Accepts, Path};
use crate::system_call::{file_descriptor, flag, last_errno, retry};

struct_sequence! {
    pub STAT_RESULT: StatResult = "os.stat_result", "stat_result: Result from stat, fstat, or lstat.", 10, [
        ("st_mode", 0, "protection bits"), ("st_ino", 1, "inode"), ("st_dev", 2, "device"),
        ("st_nlink", 3, "number of hard links"), ("st_uid", 4, "user ID of owner"), ("st_gid", 5, "group ID of owner"),
        ("st_size", 6, "total size, in bytes"), ("st_atime", 10, "time of last access"),
        ("st_mtime", 11, "time of last modification"), ("st_ctime", 12, "time of last change"),
        ("st_atime_ns", 13, "time of last access in nanoseconds"),
        ("st_mtime_ns", 14, "time of last modification in nanoseconds"),
        ("st_ctime_ns", 15, "time of last change in nanoseconds"),
        ("st_blksize", 16, "blocksize for filesystem I/O"), ("st_blocks", 17, "number of blocks allocated"),
        ("st_rdev", 18, "device type (if inode device)"),
    ], complete = fill_float_times
}

struct_sequence! {
    pub STATVFS_RESULT: StatvfsResult = "os.statvfs_result", "statvfs_result: Result from statvfs or fstatvfs.", 10, [
        ("f_bsize", 0, ""), ("f_frsize", 1, ""), ("f_blocks", 2, ""), ("f_bfree", 3, ""), ("f_bavail", 4, ""),
        ("f_files", 5, ""), ("f_ffree", 6, ""), ("f_favail", 7, ""), ("f_flag", 8, ""), ("f_namemax", 9, ""),
        ("f_fsid", 10, ""),
    ]
}

/// A stat_result made from ten integers gets its float times from them.
fn fill_float_times(fields: &mut [Owned]) {
    for i in 7..10 {
        if fields.get(i + 3).is_some_and(|field| field.is_none()) {
            fields[i + 3] = fields[i].clone();
        }
    }
}

fn unsigned(value: u64) -> Owned {
    int::from_u64(value)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> Owned {
    match seconds.checked_mul(1_000_000_000).and_then(|total| total.checked_add(nanoseconds)) {
        Some(total) => Owned::int(total),
        None => int::from_bigint(&(num_bigint::BigInt::from(seconds) * 1_000_000_000 + nanoseconds)),
    }
}

/// The `stat_result` of what the system says.
#[allow(clippy::unnecessary_cast, reason = "the widths differ between machines")]
pub fn from_stat(stat: &libc::stat) -> Owned {
    let times = [(stat.st_atime, stat.st_atime_nsec), (stat.st_mtime, stat.st_mtime_nsec), (stat.st_ctime, stat.st_ctime_nsec)];
    let id = |id: u32| if id == u32::MAX { Owned::int(-1) } else { Owned::int(i64::from(id)) };
    let mut fields = vec![
        Owned::int(i64::from(stat.st_mode)),
        unsigned(stat.st_ino as u64),
        unsigned(stat.st_dev as u64),
        unsigned(stat.st_nlink as u64),
        id(stat.st_uid),
        id(stat.st_gid),
        Owned::int(stat.st_size),
    ];
    fields.extend(times.iter().map(|(seconds, _)| Owned::int(*seconds)));
    fields.extend(times.iter().map(|(seconds, ns)| float::from_f64(*seconds as f64 + 1e-9 * *ns as f64)));
    fields.extend(times.iter().map(|(seconds, ns)| nanoseconds(*seconds, *ns)));
    fields.push(Owned::int(stat.st_blksize as i64));
    fields.push(Owned::int(stat.st_blocks as i64));
    fields.push(unsigned(stat.st_rdev as u64));
    build::<StatResult>(fields)
}

/// Asks the system about a path or descriptor; the inner error is the errno.
pub fn status_of(path: &Path, dir: i32, follow: bool, thread: &mut Thread) -> PyResult<Result<libc::stat, i32>> {
    // SAFETY: all-zero is a valid stat.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let out = &raw mut stat;
    let result = match path.fd {
        // SAFETY: `out` is valid for the call.
        Some(fd) => thread.detached_briefly(|| unsafe { libc::fstat(fd, out) }),
        None => {
            let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
            // SAFETY: a terminated name; `out` is valid for the call.
            thread.detached_briefly(|| unsafe { libc::fstatat(dir, path.as_ptr(), out, flags) })
        }
    };
    Ok(if result == 0 { Ok(stat) } else { Err(last_errno()) })
}

pub fn stat(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("stat"), thread)?;
    let dir = path::dir_fd(args.get(1), thread)?;
    let follow = flag(args.get(2), true, thread)?;
    path.check_fd_use("stat", dir, follow, thread)?;
    finish(&path, dir, follow, thread)
}

pub fn lstat(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("lstat"), thread)?;
    let dir = path::dir_fd(args.get(1), thread)?;
    finish(&path, dir, false, thread)
}

fn finish(path: &Path, dir: i32, follow: bool, thread: &mut Thread) -> PyResult {
    match status_of(path, dir, follow, thread)? {
        Ok(stat) => Ok(from_stat(&stat)),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn fstat(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = pyrt_runtime::protocol::convert::as_c_int(args.at(0), thread)?;
    // SAFETY: all-zero is a valid stat.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let out = &raw mut stat;
    // SAFETY: `out` is valid for the call.
    match retry(thread, || unsafe { libc::fstat(fd, out) })? {
        Ok(_) => Ok(from_stat(&stat)),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}

#[allow(clippy::unnecessary_cast, reason = "the widths differ between machines")]
fn from_statvfs(stat: &libc::statvfs) -> Owned {
    let fields = [
        stat.f_bsize as u64,
        stat.f_frsize as u64,
        stat.f_blocks as u64,
        stat.f_bfree as u64,
        stat.f_bavail as u64,
        stat.f_files as u64,
        stat.f_ffree as u64,
        stat.f_favail as u64,
        stat.f_flag as u64,
        stat.f_namemax as u64,
        stat.f_fsid as u64,
    ];
    build::<StatvfsResult>(fields.into_iter().map(unsigned).collect())
}

pub fn statvfs(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("statvfs"), thread)?;
    // SAFETY: all-zero is a valid statvfs.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    let out = &raw mut stat;
    let result = retry(thread, || match path.fd {
        // SAFETY: `out` is valid for the call.
        Some(fd) => unsafe { libc::fstatvfs(fd, out) },
        // SAFETY: a terminated name; `out` is valid for the call.
        None => unsafe { libc::statvfs(path.as_ptr(), out) },
    })?;
    match result {
        Ok(_) => Ok(from_statvfs(&stat)),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

pub fn fstatvfs(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    // SAFETY: all-zero is a valid statvfs.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    let out = &raw mut stat;
    // SAFETY: `out` is valid for the call.
    match retry(thread, || unsafe { libc::fstatvfs(fd, out) })? {
        Ok(_) => Ok(from_statvfs(&stat)),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}
