//! `_posixsubprocess`: starting a program in a child process.
//!
//! Everything that the child needs is made before the fork. Between fork and exec the child makes system calls only,
//! unless it is to run a Python function.

use std::ffi::CString;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, compare, convert, iterate};
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::{MethodDef, TYPE_TUPLE_SUBCLASS};
use pyrt_runtime::types::{bytes, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::posix::{fork, id_number, path, process};
use crate::system_call::{functions, last_errno};

pub const MODULE: NativeModule = NativeModule { name: "_posixsubprocess", initialize };

static FUNCTIONS: &[MethodDef] = functions! {
    "fork_exec" Bound(fork_exec) "($module, args, executable_list, close_fds, pass_fds, cwd,\n          env, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,\n          errpipe_read, errpipe_write, restore_signals, call_setsid,\n          pgid_to_set, gid, extra_groups, uid, child_umask, preexec_fn,\n          /)" "Starts a program in a child process; gives its pid.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Starts programs for the module subprocess."));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

/// What the child does before exec.
struct Plan {
    executables: Vec<CString>,
    argv: Vec<CString>,
    environment: Option<Vec<CString>>,
    directory: Option<CString>,
    close_fds: bool,
    /// Sorted.
    kept_fds: Vec<i32>,
    p2cread: i32,
    p2cwrite: i32,
    c2pread: i32,
    c2pwrite: i32,
    errread: i32,
    errwrite: i32,
    errpipe_read: i32,
    errpipe_write: i32,
    restores_signals: bool,
    sets_session: bool,
    group_to_set: i32,
    gid: Option<u32>,
    groups: Option<Vec<libc::gid_t>>,
    uid: Option<u32>,
    umask: i32,
}

fn kept(value: Value, thread: &mut Thread) -> PyResult<Vec<i32>> {
    let is_tuple = value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS);
    let mut fds: Vec<i32> = Vec::new();
    let mut is_fine = is_tuple;
    if is_tuple {
        for item in TupleObject::of(value).items() {
            let fd = if convert::is_int(*item) { pyrt_runtime::types::int::as_i64(*item) } else { None };
            match fd.and_then(|fd| i32::try_from(fd).ok()) {
                Some(fd) if fd >= 0 && fds.last().is_none_or(|last| fd > *last) => fds.push(fd),
                _ => is_fine = false,
            }
        }
    }
    if is_fine { Ok(fds) } else { Err(thread.raise_value_error("bad value(s) in fds_to_keep")) }
}

fn plan(args: Args<'_>, thread: &mut Thread) -> PyResult<Plan> {
    let number = |i: usize, thread: &mut Thread| convert::as_c_int(args.at(i), thread);
    let given = |i: usize| Some(args.at(i)).filter(|value| !value.is_none());
    let close_fds = compare::truth(args.at(2), thread)?;
    let errpipe_write = number(13, thread)?;
    if close_fds && errpipe_write < 3 {
        return Err(thread.raise_value_error("errpipe_write must be >= 3"));
    }
    let kept_fds = kept(args.at(3), thread)?;
    let mut executables = Vec::new();
    for item in iterate::collect(args.at(1), thread)? {
        if !bytes::is_bytes(*item) {
            let name = item.type_object().full_name();
            return Err(thread.raise_type_error(format!("expected bytes, {name} found")));
        }
        executables.push(path::fs_encode(*item, thread)?);
    }
    let argv = process::string_vector(args.at(0), thread)?;
    let environment = match given(5) {
        Some(list) => Some(process::string_vector(list, thread)?),
        None => None,
    };
    let directory = match given(4) {
        Some(directory) => Some(path::fs_encode(*path::fspath(directory, thread)?, thread)?),
        None => None,
    };
    let groups = match given(18) {
        Some(list) => {
            let mut groups = Vec::new();
            for item in iterate::collect(list, thread)? {
                if !convert::is_int(*item) {
                    return Err(thread.raise_type_error("extra_groups must be integers"));
                }
                match id_number(*item, "gid", thread) {
                    Ok(group) => groups.push(group),
                    Err(raised) => {
                        drop(thread.catch(raised, &exc::OVERFLOW_ERROR)?);
                        return Err(thread.raise_value_error("invalid group id"));
                    }
                }
            }
            Some(groups)
        }
        None => None,
    };
    let gid = match given(17) {
        Some(gid) => Some(id_number(gid, "gid", thread)?),
        None => None,
    };
    let uid = match given(19) {
        Some(uid) => Some(id_number(uid, "uid", thread)?),
        None => None,
    };
    Ok(Plan {
        executables,
        argv,
        environment,
        directory,
        close_fds,
        kept_fds,
        p2cread: number(6, thread)?,
        p2cwrite: number(7, thread)?,
        c2pread: number(8, thread)?,
        c2pwrite: number(9, thread)?,
        errread: number(10, thread)?,
        errwrite: number(11, thread)?,
        errpipe_read: number(12, thread)?,
        errpipe_write,
        restores_signals: compare::truth(args.at(14), thread)?,
        sets_session: compare::truth(args.at(15), thread)?,
        group_to_set: number(16, thread)?,
        gid,
        groups,
        uid,
        umask: number(20, thread)?,
    })
}

fn fork_exec(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let function = Some(args.at(21)).filter(|function| !function.is_none());
    if function.is_some() && thread.interpreter.finalizing.load(pyrt_runtime::sync::Ordering::Relaxed) {
        return Err(thread.raise(&exc::PYTHON_FINALIZATION_ERROR, "preexec_fn not supported at interpreter shutdown"));
    }
    let plan = plan(args, thread)?;
    let argv = process::pointers(&plan.argv);
    let envp = plan.environment.as_ref().map(|strings| process::pointers(strings));
    let envp = envp.as_deref();
    if let Some(function) = function {
        let pid = fork::fork_quietly(thread, true, || {
            // SAFETY: the child goes on with this thread only; the runtime has been made to fit.
            unsafe { libc::fork() }
        });
        if pid == 0 {
            // SAFETY: this is the child; nothing returns from here.
            unsafe { run_child(&plan, &argv, envp, || call::call(function, &[], thread).is_ok()) }
        }
        return finish(pid, thread);
    }
    // Without Python code in the child nothing of the runtime is used there: signals stay blocked until the parent's
    // handlers are gone, and the world goes on beside it.
    let mut before: libc::sigset_t = blocked_signals();
    let pid = thread_fork(&plan, &argv, envp, &before, thread);
    let errno = last_errno();
    // SAFETY: the set from above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw mut before, std::ptr::null_mut()) };
    crate::system_call::set_errno(errno);
    finish(pid, thread)
}

/// Blocks all signals of this thread; gives those that were blocked before.
fn blocked_signals() -> libc::sigset_t {
    // SAFETY: valid sets, made by the calls.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}

/// Forks with all signals blocked; the child goes on with the mask `before`.
fn thread_fork(plan: &Plan, argv: &[*const libc::c_char], envp: Option<&[*const libc::c_char]>, before: &libc::sigset_t, thread: &mut Thread) -> i32 {
    let _ = &thread;
    // SAFETY: the child makes system calls only.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            reset_handlers();
            libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut());
            run_child(plan, argv, envp, || true);
        }
        pid
    }
}

/// Signals with handlers do what they do by default: the handlers are the parent's.
///
/// # Safety
/// Called in the child.
unsafe fn reset_handlers() {
    for signal in 1..crate::signal::N_SIGNALS as i32 {
        // SAFETY: plain system calls; all-zero is a valid action.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
                && action.sa_sigaction != libc::SIG_DFL
                && action.sa_sigaction != libc::SIG_IGN
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

fn finish(pid: i32, thread: &mut Thread) -> PyResult {
    if pid < 0 {
        return Err(thread.raise_errno());
    }
    Ok(Owned::int(i64::from(pid)))
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// The step at which the child failed.
enum Failure {
    /// A system call before exec: the message says nothing more.
    Call(&'static [u8]),
    Exec,
    Function,
}

/// # Safety
/// Called in a forked child; ends the process.
unsafe fn run_child(plan: &Plan, argv: &[*const libc::c_char], envp: Option<&[*const libc::c_char]>, function: impl FnOnce() -> bool) -> ! {
    // SAFETY: the caller's claim.
    let failure = unsafe { prepare(plan, function).err().unwrap_or_else(|| exec(plan, argv, envp)) };
    let errno = last_errno();
    // The form is `class:errno in hexadecimal:message`.
    let mut text = [0u8; 128];
    let mut n = 0;
    let mut push = |part: &[u8]| {
        for byte in part {
            if n < text.len() {
                text[n] = *byte;
                n += 1;
            }
        }
    };
    match failure {
        Failure::Function => push(b"SubprocessError:0:Exception occurred in preexec_fn."),
        Failure::Call(_) | Failure::Exec => {
            push(b"OSError:");
            let mut digits = [0u8; 8];
            let mut rest = errno as u32;
            let mut at = digits.len();
            loop {
                at -= 1;
                digits[at] = b"0123456789ABCDEF"[(rest & 15) as usize];
                rest >>= 4;
                if rest == 0 || at == 0 {
                    break;
                }
            }
            push(&digits[at..]);
            push(b":");
            if let Failure::Call(message) = failure {
                push(message);
            }
        }
    }
    // SAFETY: plain system calls.
    unsafe {
        let mut done = 0;
        while done < n {
            let wrote = libc::write(plan.errpipe_write, text.as_ptr().add(done).cast(), n - done);
            if wrote <= 0 {
                break;
            }
            done += wrote as usize;
        }
        libc::_exit(255)
    }
}

/// Makes a descriptor survive exec.
///
/// # Safety
/// As [`run_child`].
unsafe fn make_inheritable(fd: i32) -> Result<(), Failure> {
    // SAFETY: plain system calls.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        if flags < 0 || libc::fcntl(fd, libc::F_SETFD, flags & !libc::FD_CLOEXEC) < 0 {
            return Err(Failure::Call(b"noexec"));
        }
    }
    Ok(())
}

/// Puts `fd` in the place of a standard stream.
///
/// # Safety
/// As [`run_child`].
unsafe fn place(fd: i32, standard: i32) -> Result<(), Failure> {
    // SAFETY: plain system calls.
    unsafe {
        if fd == standard {
            return make_inheritable(fd);
        }
        if fd >= 0 && libc::dup2(fd, standard) < 0 {
            return Err(Failure::Call(b"noexec"));
        }
    }
    Ok(())
}

/// Everything before exec.
///
/// # Safety
/// As [`run_child`].
unsafe fn prepare(plan: &Plan, function: impl FnOnce() -> bool) -> Result<(), Failure> {
    const FAILED: Failure = Failure::Call(b"noexec");
    // SAFETY: plain system calls.
    unsafe {
        for fd in &plan.kept_fds {
            if *fd != plan.errpipe_write {
                // A descriptor that is not open is the caller's fault and no error here.
                let _ = make_inheritable(*fd);
            }
        }
        // The parent's ends of the pipes.
        for fd in [plan.p2cwrite, plan.c2pread, plan.errread] {
            if fd >= 0 && libc::close(fd) < 0 {
                return Err(FAILED);
            }
        }
        libc::close(plan.errpipe_read);
        // Descriptors that stand where another one must go are moved away first.
        let (mut output, mut error) = (plan.c2pwrite, plan.errwrite);
        if output == 0 {
            output = libc::dup(output);
            if output < 0 {
                return Err(FAILED);
            }
        }
        while error == 0 || error == 1 {
            error = libc::dup(error);
            if error < 0 {
                return Err(FAILED);
            }
        }
        place(plan.p2cread, 0)?;
        place(output, 1)?;
        place(error, 2)?;
        if let Some(directory) = &plan.directory {
            if libc::chdir(directory.as_ptr()) < 0 {
                return Err(Failure::Call(b"noexec:chdir"));
            }
        }
        if plan.umask >= 0 {
            libc::umask(plan.umask as libc::mode_t);
        }
        if plan.restores_signals {
            for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        if plan.sets_session && libc::setsid() < 0 {
            return Err(FAILED);
        }
        if plan.group_to_set >= 0 && libc::setpgid(0, plan.group_to_set) < 0 {
            return Err(FAILED);
        }
        if let Some(groups) = &plan.groups {
            if libc::setgroups(groups.len(), groups.as_ptr()) < 0 {
                return Err(FAILED);
            }
        }
        if let Some(gid) = plan.gid {
            if libc::setregid(gid, gid) < 0 {
                return Err(FAILED);
            }
        }
        if let Some(uid) = plan.uid {
            if libc::setreuid(uid, uid) < 0 {
                return Err(FAILED);
            }
        }
    }
    if !function() {
        return Err(Failure::Function);
    }
    if plan.close_fds {
        // SAFETY: as above.
        unsafe { close_others(&plan.kept_fds) };
    }
    Ok(())
}

/// Closes all descriptors from 3 on but those kept.
///
/// # Safety
/// As [`run_child`].
unsafe fn close_others(kept: &[i32]) {
    let close_between = |from: i32, to: u32| {
        if u32::try_from(from).is_ok_and(|from| from <= to) {
            // SAFETY: plain system calls.
            unsafe {
                if libc::syscall(libc::SYS_close_range, from as libc::c_uint, to, 0) < 0 {
                    let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65536) as u32;
                    for fd in from as u32..=to.min(limit) {
                        libc::close(fd as i32);
                    }
                }
            }
        }
    };
    let mut next = 3;
    for fd in kept {
        if *fd >= next {
            if *fd > next {
                close_between(next, *fd as u32 - 1);
            }
            next = fd + 1;
        }
    }
    close_between(next, u32::MAX);
}

/// Tries the programs in turn.
///
/// # Safety
/// As [`run_child`].
unsafe fn exec(plan: &Plan, argv: &[*const libc::c_char], envp: Option<&[*const libc::c_char]>) -> Failure {
    let mut worst = 0;
    for executable in &plan.executables {
        // SAFETY: terminated strings and vectors; the process's own environment as it is by now.
        unsafe { libc::execve(executable.as_ptr(), argv.as_ptr(), envp.map_or(environ, |envp| envp.as_ptr())) };
        let errno = last_errno();
        if errno != libc::ENOENT && errno != libc::ENOTDIR && worst == 0 {
            worst = errno;
        }
    }
    if worst != 0 {
        crate::system_call::set_errno(worst);
    }
    Failure::Exec
}
