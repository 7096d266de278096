//! Functions of `posix` on processes, users, and the machine.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, convert, iterate};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::{bytes, int, list, string, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::constants::SYSCONF_NAMES;
use super::files::id_number;
use super::path::{self, Accepts};
use crate::system_call::{c_int_or, checked, int_or_errno, none_or_errno, retry, set_errno};

struct_sequence! {
    pub UNAME_RESULT: UnameResult = "posix.uname_result", "uname_result: Result from os.uname().", 5, [
        ("sysname", 0, "operating system name"), ("nodename", 1, "name of machine on network"),
        ("release", 2, "operating system release"), ("version", 3, "operating system version"), ("machine", 4, "hardware identifier"),
    ]
}

struct_sequence! {
    pub TIMES_RESULT: TimesResult = "posix.times_result", "times_result: Result from os.times().", 5, [
        ("user", 0, "user time"), ("system", 1, "system time"), ("children_user", 2, "user time of children"),
        ("children_system", 3, "system time of children"), ("elapsed", 4, "elapsed time since an arbitrary point in the past"),
    ]
}

/// `posix.environ`: bytes to bytes.
pub fn environment(thread: &mut Thread) -> PyResult {
    let environ = dict::new();
    for (name, value) in std::env::vars_os() {
        let name = bytes::from_slice(name.as_bytes());
        DictObject::of(*environ).set(*name, bytes::from_slice(value.as_bytes()), thread)?;
    }
    Ok(environ)
}

pub fn create_environ(_module: Value, thread: &mut Thread) -> PyResult {
    environment(thread)
}

pub fn putenv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (name, value) = (path::fs_encode(args.at(0), thread)?, path::fs_encode(args.at(1), thread)?);
    if name.as_bytes().contains(&b'=') {
        return Err(thread.raise_value_error("illegal environment variable name"));
    }
    // SAFETY: terminated strings, which the C library copies.
    none_or_errno(unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) }, thread)
}

pub fn unsetenv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    // SAFETY: a terminated string.
    none_or_errno(unsafe { libc::unsetenv(name.as_ptr()) }, thread)
}

pub fn exit_now(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let status = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

pub fn abort(_module: Value, _thread: &mut Thread) -> PyResult {
    std::process::abort()
}

macro_rules! numbers {
    ($($name:ident $call:ident;)*) => {$(
        pub fn $name(_module: Value, _thread: &mut Thread) -> PyResult {
            // SAFETY: a plain system call that cannot fail.
            Ok(Owned::int(i64::from(unsafe { libc::$call() })))
        }
    )*};
}

numbers! {
    getpid getpid;
    getppid getppid;
    getuid getuid;
    geteuid geteuid;
    getgid getgid;
    getegid getegid;
    getpgrp getpgrp;
}

macro_rules! set_ids {
    ($($name:ident $call:ident ($($what:literal),*);)*) => {$(
        pub fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let mut at = 0..;
            // SAFETY: a plain system call.
            let result = unsafe { libc::$call($(id_number(args.at(at.next().unwrap_or(0)), $what, thread)?),*) };
            none_or_errno(result, thread)
        }
    )*};
}

set_ids! {
    setuid setuid ("uid");
    seteuid seteuid ("uid");
    setgid setgid ("gid");
    setegid setegid ("gid");
    setreuid setreuid ("uid", "uid");
    setregid setregid ("gid", "gid");
    setresuid setresuid ("uid", "uid", "uid");
    setresgid setresgid ("gid", "gid", "gid");
}

macro_rules! int_calls {
    ($($name:ident $finish:ident libc::$call:ident ($($i:literal),*);)*) => {$(
        pub fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            // SAFETY: a plain system call on numbers.
            let result = unsafe { libc::$call($(convert::as_c_int(args.at($i), thread)? as _),*) };
            $finish(result.into(), thread)
        }
    )*};
}

int_calls! {
    getpgid int_or_errno libc::getpgid(0);
    setpgid none_or_errno libc::setpgid(0, 1);
    getsid int_or_errno libc::getsid(0);
    tcgetpgrp int_or_errno libc::tcgetpgrp(0);
    tcsetpgrp none_or_errno libc::tcsetpgrp(0, 1);
    sched_get_priority_max int_or_errno libc::sched_get_priority_max(0);
    sched_get_priority_min int_or_errno libc::sched_get_priority_min(0);
    sched_getscheduler int_or_errno libc::sched_getscheduler(0);
    setpriority none_or_errno libc::setpriority(0, 1, 2);
    setns none_or_errno libc::setns(0, 1);
}

/// A signal may be for this process itself: then it is handled before the call returns.
fn sent(result: i32, thread: &mut Thread) -> PyResult {
    if result < 0 {
        return Err(thread.raise_errno());
    }
    pyrt_runtime::threads::safepoint::poll(thread)?;
    Ok(Owned::none())
}

pub fn kill(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (pid, signal) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    // SAFETY: a plain system call.
    sent(unsafe { libc::kill(pid, signal) }, thread)
}

pub fn killpg(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (group, signal) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    // SAFETY: a plain system call.
    sent(unsafe { libc::killpg(group, signal) }, thread)
}

pub fn getpriority(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (which, who) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    set_errno(0);
    // SAFETY: a plain system call; -1 is a valid result.
    let result = unsafe { libc::getpriority(which as libc::__priority_which_t, who as libc::id_t) };
    if result == -1 && crate::system_call::last_errno() != 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(i64::from(result))) }
}

pub fn nice(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let increment = convert::as_c_int(args.at(0), thread)?;
    set_errno(0);
    // SAFETY: a plain system call; -1 is a valid result.
    let result = unsafe { libc::nice(increment) };
    if result == -1 && crate::system_call::last_errno() != 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(i64::from(result))) }
}

pub fn setsid(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    none_or_errno(unsafe { libc::setsid() }, thread)
}

pub fn setpgrp(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    none_or_errno(unsafe { libc::setpgid(0, 0) }, thread)
}

pub fn getgroups(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: asks for the number first, then fills that much room.
    let groups = unsafe {
        let n = libc::getgroups(0, std::ptr::null_mut());
        let mut groups = vec![0 as libc::gid_t; n.max(0) as usize];
        let n = libc::getgroups(groups.len() as i32, groups.as_mut_ptr());
        if n < 0 {
            return Err(thread.raise_errno());
        }
        groups.truncate(n as usize);
        groups
    };
    Ok(list::from_vec(groups.into_iter().map(|group| Owned::int(i64::from(group))).collect()))
}

pub fn umask(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mask = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: a plain system call that cannot fail.
    Ok(Owned::int(i64::from(unsafe { libc::umask(mask as libc::mode_t) })))
}

pub fn uname(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: all-zero is a valid utsname; the call fills it with terminated strings.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut names) < 0 {
            return Err(thread.raise_errno());
        }
        let fields = [&names.sysname, &names.nodename, &names.release, &names.version, &names.machine];
        Ok(build::<UnameResult>(fields.iter().map(|field| path::decode(CStr::from_ptr(field.as_ptr()).to_bytes())).collect()))
    }
}

pub fn times(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: all-zero is a valid tms.
    unsafe {
        let mut used: libc::tms = std::mem::zeroed();
        let elapsed = libc::times(&raw mut used);
        if elapsed == -1 {
            return Err(thread.raise_errno());
        }
        let ticks = libc::sysconf(libc::_SC_CLK_TCK) as f64;
        let all = [used.tms_utime, used.tms_stime, used.tms_cutime, used.tms_cstime, elapsed];
        Ok(build::<TimesResult>(all.iter().map(|count| Owned::float(*count as f64 / ticks)).collect()))
    }
}

/// A configuration name: one of the table, or a number.
pub fn configuration_name(value: Value, names: &[(&str, i64)], thread: &mut Thread) -> PyResult<i32> {
    if convert::is_int(value) || value.type_object().slots.index.raw() != 0 {
        return convert::as_c_int(value, thread);
    }
    if !string::is_str(value) {
        return Err(thread.raise_type_error("configuration names must be strings or integers"));
    }
    let text = string::StrObject::of(value);
    match names.iter().find(|(name, _)| text.equals_str(name)) {
        Some((_, number)) => Ok(*number as i32),
        None => Err(thread.raise_value_error("unrecognized configuration name")),
    }
}

pub fn sysconf(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = configuration_name(args.at(0), SYSCONF_NAMES, thread)?;
    set_errno(0);
    // SAFETY: a plain call.
    let result = unsafe { libc::sysconf(name) };
    if result == -1 && crate::system_call::last_errno() != 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(result)) }
}

pub fn cpu_count(_module: Value, thread: &mut Thread) -> PyResult {
    if let Some(count) = thread.interpreter.config.read().cpu_count {
        return Ok(Owned::int(count));
    }
    // SAFETY: a plain call.
    let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    Ok(if n < 1 { Owned::none() } else { Owned::int(n) })
}

fn random_bytes(n: i64, flags: u32, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let mut data = Vec::new();
    if data.try_reserve_exact(n as usize).is_err() {
        return Err(thread.raise_memory_error());
    }
    data.resize(n as usize, 0u8);
    let mut done = 0;
    while done < data.len() {
        let (to, room) = (data[done..].as_mut_ptr(), data.len() - done);
        // SAFETY: `room` bytes of `data` remain.
        done += checked(thread, || unsafe { libc::getrandom(to.cast(), room, flags) })? as usize;
    }
    Ok(data)
}

pub fn urandom(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = crate::system_call::size(args.at(0), thread)?;
    if n < 0 {
        return Err(thread.raise_value_error("negative argument not allowed"));
    }
    random_bytes(n, 0, thread).map(bytes::from_vec)
}

pub fn getrandom(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = crate::system_call::size(args.at(0), thread)?;
    let flags = c_int_or(args.get(1), 0, thread)?;
    if n < 0 {
        return Err(thread.raise_os_error(libc::EINVAL, None, None));
    }
    let mut data = vec![0u8; n as usize];
    let to = data.as_mut_ptr();
    // SAFETY: room for `n` bytes.
    let got = checked(thread, || unsafe { libc::getrandom(to.cast(), n as usize, flags as libc::c_uint) })?;
    data.truncate(got as usize);
    Ok(bytes::from_vec(data))
}

pub fn strerror(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = convert::as_c_int(args.at(0), thread)?;
    Ok(Owned::str(&pyrt_runtime::exceptions::raise::system_error_text(code)))
}

pub fn fspath(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    path::fspath(args.at(0), thread)
}

pub fn system(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let command = path::fs_encode(args.at(0), thread)?;
    // SAFETY: a terminated string.
    let status = thread.detached(|| unsafe { libc::system(command.as_ptr()) });
    Ok(Owned::int(i64::from(status)))
}

pub fn sched_yield(_module: Value, thread: &mut Thread) -> PyResult {
    thread.detached(std::thread::yield_now);
    Ok(Owned::none())
}

pub fn sched_getaffinity(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: all-zero is a valid set; the call fills it.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(pid, size_of::<libc::cpu_set_t>(), &raw mut set) < 0 {
            return Err(thread.raise_errno());
        }
        set
    };
    // SAFETY: the numbers are within the set.
    let cpus = (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) });
    let items = list::from_vec(cpus.map(Owned::usize).collect());
    call::call(pyrt_runtime::types::builtin_types::SET.get().value(), &[*items], thread)
}

pub fn sched_setaffinity(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: all-zero is a valid set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for item in iterate::collect(args.at(1), thread)? {
        let cpu = convert::as_c_int(*item, thread)?;
        if cpu < 0 {
            return Err(thread.raise_value_error("negative CPU number"));
        }
        if cpu >= libc::CPU_SETSIZE {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "CPU number too large"));
        }
        // SAFETY: within the set.
        unsafe { libc::CPU_SET(cpu as usize, &mut set) };
    }
    // SAFETY: a complete set.
    none_or_errno(unsafe { libc::sched_setaffinity(pid, size_of::<libc::cpu_set_t>(), &raw const set) }, thread)
}

pub fn getloadavg(_module: Value, thread: &mut Thread) -> PyResult {
    let mut loads = [0.0; 3];
    // SAFETY: room for three.
    if unsafe { libc::getloadavg(loads.as_mut_ptr(), 3) } != 3 {
        return Err(thread.raise(&exc::OS_ERROR, "Load averages are unobtainable"));
    }
    Ok(tuple::pack(loads.map(Owned::float)))
}

fn wait_result(pid: i32, status: i32) -> Owned {
    tuple::pack([Owned::int(i64::from(pid)), Owned::int(i64::from(status))])
}

pub fn waitpid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (pid, options) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    let mut status = 0;
    let to = &raw mut status;
    // SAFETY: `to` outlives the calls.
    let pid = checked(thread, || unsafe { libc::waitpid(pid, to, options) })?;
    Ok(wait_result(pid, status))
}

pub fn wait(_module: Value, thread: &mut Thread) -> PyResult {
    let mut status = 0;
    let to = &raw mut status;
    // SAFETY: `to` outlives the calls.
    let pid = checked(thread, || unsafe { libc::waitpid(-1, to, 0) })?;
    Ok(wait_result(pid, status))
}

macro_rules! status_tests {
    ($($name:ident $make:ident $test:ident;)*) => {$(
        pub fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let status = convert::as_c_int(args.at(0), thread)?;
            Ok(Owned::$make(libc::$test(status).into()))
        }
    )*};
}

status_tests! {
    wcoredump bool WCOREDUMP;
    wexitstatus int WEXITSTATUS;
    wifcontinued bool WIFCONTINUED;
    wifexited bool WIFEXITED;
    wifsignaled bool WIFSIGNALED;
    wifstopped bool WIFSTOPPED;
    wstopsig int WSTOPSIG;
    wtermsig int WTERMSIG;
}

pub fn waitstatus_to_exitcode(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let status = convert::as_c_int(args.at(0), thread)?;
    if libc::WIFEXITED(status) {
        return Ok(Owned::int(i64::from(libc::WEXITSTATUS(status))));
    }
    if libc::WIFSIGNALED(status) {
        return Ok(Owned::int(-i64::from(libc::WTERMSIG(status))));
    }
    if libc::WIFSTOPPED(status) {
        let signal = libc::WSTOPSIG(status);
        return Err(thread.raise_value_error(format!("process stopped by delivery of signal {signal}")));
    }
    Err(thread.raise_value_error(format!("invalid wait status: {status}")))
}

/// The C strings of a sequence of paths.
pub fn string_vector(sequence: Value, thread: &mut Thread) -> PyResult<Vec<CString>> {
    iterate::collect(sequence, thread)?.iter().map(|item| path::fs_encode(**item, thread)).collect()
}

/// Pointers to the strings, ended by null.
pub fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

fn argument_vector(function: &str, argv: Value, thread: &mut Thread) -> PyResult<Vec<CString>> {
    let is_sequence = argv.is_pointer()
        && (argv.type_has_flag(pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS)
            || argv.type_has_flag(pyrt_runtime::types::type_object::TYPE_LIST_SUBCLASS));
    if !is_sequence {
        let what = if function == "execve" { "execve: argv must be a tuple or list" } else { "execv() arg 2 must be a tuple or list" };
        return Err(thread.raise_type_error(what));
    }
    let strings = string_vector(argv, thread)?;
    let what = match strings.first() {
        None if function == "execve" => "execve: argv must not be empty",
        None => "execv() arg 2 must not be empty",
        Some(first) if first.is_empty() && function == "execve" => "execve: argv first element cannot be empty",
        Some(first) if first.is_empty() => "execv() arg 2 first element cannot be empty",
        Some(_) => return Ok(strings),
    };
    Err(thread.raise_value_error(what))
}

pub fn execv(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path("execv"), thread)?;
    let strings = argument_vector("execv", args.at(1), thread)?;
    let argv = pointers(&strings);
    // SAFETY: terminated strings, null-terminated vector.
    unsafe { libc::execv(path.as_ptr(), argv.as_ptr()) };
    Err(path.error(crate::system_call::last_errno(), thread))
}

/// `NAME=value` strings of a mapping.
pub fn environment_vector(mapping: Value, thread: &mut Thread) -> PyResult<Vec<CString>> {
    let list_by = |method: &str, thread: &mut Thread| {
        let name = pyrt_runtime::names::interned(method);
        let found = call::call_method(mapping, *name, &[], thread)?;
        iterate::collect(*found, thread)
    };
    let (keys, values) = (list_by("keys", thread)?, list_by("values", thread)?);
    let mut strings = Vec::new();
    for (key, value) in keys.iter().zip(&values) {
        let (name, value) = (path::fs_encode(**key, thread)?, path::fs_encode(**value, thread)?);
        if name.is_empty() || name.as_bytes()[1..].contains(&b'=') {
            return Err(thread.raise_value_error("illegal environment variable name"));
        }
        let joined = [name.as_bytes(), b"=", value.as_bytes()].concat();
        strings.push(crate::system_call::c_string(&joined, "embedded null byte", thread)?);
    }
    Ok(strings)
}

pub fn execve(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path_or_fd("execve"), thread)?;
    let strings = argument_vector("execve", args.at(1), thread)?;
    let environment = environment_vector(args.at(2), thread)?;
    let (argv, envp) = (pointers(&strings), pointers(&environment));
    // SAFETY: terminated strings, null-terminated vectors.
    unsafe {
        match path.fd {
            Some(fd) => libc::fexecve(fd, argv.as_ptr(), envp.as_ptr()),
            None => libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()),
        }
    };
    Err(path.error(crate::system_call::last_errno(), thread))
}

pub fn ttyname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(args.at(0), thread)?;
    let mut name = [0 as libc::c_char; 4096];
    // SAFETY: room for the name, which is terminated.
    let errno = unsafe { libc::ttyname_r(fd, name.as_mut_ptr(), name.len()) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    // SAFETY: as above.
    Ok(path::decode(unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes()))
}

unsafe extern "C" {
    /// The libc crate lacks it.
    fn getlogin_r(name: *mut libc::c_char, room: libc::size_t) -> libc::c_int;
}

pub fn getlogin(_module: Value, thread: &mut Thread) -> PyResult {
    let mut name = [0 as libc::c_char; 256];
    // SAFETY: room for the name, which is terminated.
    let errno = unsafe { getlogin_r(name.as_mut_ptr(), name.len()) };
    if errno != 0 {
        return Err(thread.raise_os_error(errno, None, None));
    }
    // SAFETY: as above.
    Ok(path::decode(unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes()))
}

pub fn sync(_module: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    thread.detached(|| unsafe { libc::sync() });
    Ok(Owned::none())
}

pub fn pidfd_open(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (pid, flags) = (convert::as_c_int(args.at(0), thread)?, c_int_or(args.get(1), 0, thread)?);
    // SAFETY: a plain system call.
    match retry(thread, || unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })? {
        Ok(fd) => Ok(int::from_i64(fd)),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}
