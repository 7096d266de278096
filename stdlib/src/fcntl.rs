//! `fcntl`: operations on file descriptors, and locks on files.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer::{self, WRITABLE};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{bytes, int, module, string};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::{checked, file_descriptor, functions};

pub const MODULE: NativeModule = NativeModule { name: "fcntl", initialize };

static FUNCTIONS: &[MethodDef] = functions! {
    "fcntl" Bound(fcntl) "($module, fd, cmd, arg=0, /)" "As the system call fcntl.";
    "ioctl" Bound(ioctl) "($module, fd, request, arg=0, mutate_flag=True, /)" "As the system call ioctl.";
    "flock" Bound(flock) "($module, fd, operation, /)" "As the system call flock.";
    "lockf" Bound(lockf) "($module, fd, cmd, len=0, start=0, whence=0, /)" "A lock on a part of a file, by fcntl.";
};

const CONSTANTS: &[(&str, i64)] = &[
    ("DN_ACCESS", 1),
    ("DN_ATTRIB", 32),
    ("DN_CREATE", 4),
    ("DN_DELETE", 8),
    ("DN_MODIFY", 2),
    ("DN_MULTISHOT", 2147483648),
    ("DN_RENAME", 16),
    ("FASYNC", 8192),
    ("FD_CLOEXEC", 1),
    ("FICLONE", 1074041865),
    ("FICLONERANGE", 1075876877),
    ("F_ADD_SEALS", 1033),
    ("F_DUPFD", 0),
    ("F_DUPFD_CLOEXEC", 1030),
    ("F_DUPFD_QUERY", 1027),
    ("F_EXLCK", 4),
    ("F_GETFD", 1),
    ("F_GETFL", 3),
    ("F_GETLEASE", 1025),
    ("F_GETLK", 5),
    ("F_GETLK64", 5),
    ("F_GETOWN", 9),
    ("F_GETOWN_EX", 16),
    ("F_GETPIPE_SZ", 1032),
    ("F_GETSIG", 11),
    ("F_GET_FILE_RW_HINT", 1037),
    ("F_GET_RW_HINT", 1035),
    ("F_GET_SEALS", 1034),
    ("F_NOTIFY", 1026),
    ("F_OFD_GETLK", 36),
    ("F_OFD_SETLK", 37),
    ("F_OFD_SETLKW", 38),
    ("F_OWNER_PGRP", 2),
    ("F_OWNER_PID", 1),
    ("F_OWNER_TID", 0),
    ("F_RDLCK", 0),
    ("F_SEAL_FUTURE_WRITE", 16),
    ("F_SEAL_GROW", 4),
    ("F_SEAL_SEAL", 1),
    ("F_SEAL_SHRINK", 2),
    ("F_SEAL_WRITE", 8),
    ("F_SETFD", 2),
    ("F_SETFL", 4),
    ("F_SETLEASE", 1024),
    ("F_SETLK", 6),
    ("F_SETLK64", 6),
    ("F_SETLKW", 7),
    ("F_SETLKW64", 7),
    ("F_SETOWN", 8),
    ("F_SETOWN_EX", 15),
    ("F_SETPIPE_SZ", 1031),
    ("F_SETSIG", 10),
    ("F_SET_FILE_RW_HINT", 1038),
    ("F_SET_RW_HINT", 1036),
    ("F_SHLCK", 8),
    ("F_UNLCK", 2),
    ("F_WRLCK", 1),
    ("LOCK_EX", 2),
    ("LOCK_MAND", 32),
    ("LOCK_NB", 4),
    ("LOCK_READ", 64),
    ("LOCK_RW", 192),
    ("LOCK_SH", 1),
    ("LOCK_UN", 8),
    ("LOCK_WRITE", 128),
    ("RWH_WRITE_LIFE_EXTREME", 5),
    ("RWH_WRITE_LIFE_LONG", 4),
    ("RWH_WRITE_LIFE_MEDIUM", 3),
    ("RWH_WRITE_LIFE_NONE", 1),
    ("RWH_WRITE_LIFE_NOT_SET", 0),
    ("RWH_WRITE_LIFE_SHORT", 2),
];

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Operations on file descriptors, and locks on files."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    Ok(())
}

/// Structures up to this size are copied and given back.
const ROOM: usize = 1024;

/// The bytes of a str or bytes-like argument that is copied.
fn copied(argument: Value, function: &str, thread: &mut Thread) -> PyResult<Option<Vec<u8>>> {
    let data = if string::is_str(argument) {
        string::StrObject::of(argument).to_wtf8().into_owned()
    } else if buffer::supports_buffer(argument) {
        buffer::copy_bytes(argument, thread)?
    } else {
        return Ok(None);
    };
    if data.len() > ROOM {
        return Err(thread.raise_value_error(format!("{function} argument 3 is too long")));
    }
    Ok(Some(data))
}

/// An int argument in C's way: what fits an unsigned int or, for larger ones, the low bits of a long.
fn number(argument: Value, function: &str, thread: &mut Thread) -> PyResult<i64> {
    if !convert::is_int(argument) && argument.type_object().slots.index.raw() == 0 {
        let name = argument.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument 3 must be an integer, a bytes-like object, or a string, not {name}")));
    }
    let whole = convert::index(argument, thread)?;
    match int::as_i64(*whole) {
        Some(number) => Ok(number),
        None => Ok(int::as_u64(*whole).unwrap_or(u64::MAX) as i64),
    }
}

fn fcntl(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let command = convert::as_c_int(args.at(1), thread)?;
    let Some(argument) = args.get(2) else { return call_fcntl(fd, command, 0, thread) };
    match copied(argument, "fcntl", thread)? {
        Some(mut data) => {
            let n = data.len();
            data.resize(ROOM + 8, 0);
            let to = data.as_mut_ptr();
            // SAFETY: room for any structure that the caller may mean within the limit.
            checked(thread, || unsafe { libc::fcntl(fd, command, to) })?;
            data.truncate(n);
            Ok(bytes::from_vec(data))
        }
        None => call_fcntl(fd, command, number(argument, "fcntl", thread)?, thread),
    }
}

fn call_fcntl(fd: i32, command: i32, argument: i64, thread: &mut Thread) -> PyResult {
    // SAFETY: the argument is a number to the system.
    let result = checked(thread, || unsafe { libc::fcntl(fd, command, argument) })?;
    Ok(Owned::int(i64::from(result)))
}

/// A request number: any int, of which 32 bits count.
fn request(value: Value, thread: &mut Thread) -> PyResult<libc::c_ulong> {
    let whole = convert::index(value, thread)?;
    Ok(match int::as_i64(*whole) {
        Some(number) => number as libc::c_ulong,
        None => int::as_u64(*whole).unwrap_or(0) as libc::c_ulong,
    })
}

fn ioctl(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let request = request(args.at(1), thread)?;
    let mutates = crate::system_call::flag(args.get(3), true, thread)?;
    let Some(argument) = args.get(2) else { return call_ioctl(fd, request, 0, thread) };
    let is_lender = !string::is_str(argument) && buffer::supports_buffer(argument);
    if is_lender && mutates && !bytes::is_bytes(argument) {
        // A buffer that can be written is changed in place.
        match buffer::get(argument, WRITABLE, thread) {
            Ok(target) => {
                let data = target.data;
                // SAFETY: the buffer is lent; what the request writes is the caller's business, as in C.
                let result = if target.len <= ROOM {
                    let mut copy = target.to_vec();
                    copy.resize(ROOM + 8, 0);
                    let to = copy.as_mut_ptr();
                    // SAFETY: room as said.
                    let result = checked(thread, || unsafe { libc::ioctl(fd, request as _, to) })?;
                    // SAFETY: the buffer is lent.
                    unsafe { std::ptr::copy_nonoverlapping(copy.as_ptr(), data, target.len) };
                    result
                } else {
                    // SAFETY: as above.
                    checked(thread, || unsafe { libc::ioctl(fd, request as _, data) })?
                };
                return Ok(Owned::int(i64::from(result)));
            }
            Err(raised) => drop(thread.catch(raised, &pyrt_runtime::exceptions::exc::BUFFER_ERROR)?),
        }
    }
    match copied(argument, "ioctl", thread)? {
        Some(mut data) => {
            let n = data.len();
            data.resize(ROOM + 8, 0);
            let to = data.as_mut_ptr();
            // SAFETY: room for any structure that the caller may mean within the limit.
            checked(thread, || unsafe { libc::ioctl(fd, request as _, to) })?;
            data.truncate(n);
            Ok(bytes::from_vec(data))
        }
        None => call_ioctl(fd, request, number(argument, "ioctl", thread)?, thread),
    }
}

fn call_ioctl(fd: i32, request: libc::c_ulong, argument: i64, thread: &mut Thread) -> PyResult {
    // SAFETY: the argument is a number to the system.
    let result = checked(thread, || unsafe { libc::ioctl(fd, request as _, argument) })?;
    Ok(Owned::int(i64::from(result)))
}

fn flock(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let operation = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: a plain system call.
    checked(thread, || unsafe { libc::flock(fd, operation) })?;
    Ok(Owned::none())
}

fn lockf(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let operation = convert::as_c_int(args.at(1), thread)?;
    let kind = if operation == libc::LOCK_UN {
        libc::F_UNLCK
    } else if operation & libc::LOCK_SH != 0 {
        libc::F_RDLCK
    } else if operation & libc::LOCK_EX != 0 {
        libc::F_WRLCK
    } else {
        return Err(thread.raise_value_error("unrecognized lockf argument"));
    };
    let offset = |value: Option<Value>, thread: &mut Thread| match value {
        Some(value) => convert::as_c_long(value, thread),
        None => Ok(0),
    };
    // SAFETY: all-zero is a valid lock.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_len = offset(args.get(2), thread)?;
    lock.l_start = offset(args.get(3), thread)?;
    lock.l_whence = crate::system_call::c_int_or(args.get(4), 0, thread)? as libc::c_short;
    let command = if operation & libc::LOCK_NB != 0 { libc::F_SETLK } else { libc::F_SETLKW };
    let what = &raw const lock;
    // SAFETY: the lock outlives the calls.
    checked(thread, || unsafe { libc::fcntl(fd, command, what) })?;
    Ok(Owned::none())
}
