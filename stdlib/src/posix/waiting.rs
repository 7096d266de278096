//! Waiting for children, with what they have used.

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::checked;

struct_sequence! {
    pub WAITID_RESULT: WaitidResult = "posix.waitid_result", "waitid_result: Result from waitid.", 5, [
        ("si_pid", 0, ""), ("si_uid", 1, ""), ("si_signo", 2, ""), ("si_status", 3, ""), ("si_code", 4, ""),
    ]
}

fn wait_for(pid: i32, options: i32, thread: &mut Thread) -> PyResult {
    // SAFETY: all-zero is a valid rusage; the call fills it.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    let (to, usage) = (&raw mut status, &raw mut used);
    // SAFETY: both outlive the calls.
    let pid = checked(thread, || unsafe { libc::wait4(pid, to, options, usage) })?;
    Ok(tuple::pack([Owned::int(i64::from(pid)), Owned::int(i64::from(status)), crate::resource::usage(&used)]))
}

pub fn wait3(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let options = convert::as_c_int(args.at(0), thread)?;
    wait_for(-1, options, thread)
}

pub fn wait4(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (pid, options) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    wait_for(pid, options, thread)
}

pub fn waitid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let kind = convert::as_c_int(args.at(0), thread)?;
    let (id, options) = (convert::as_c_int(args.at(1), thread)?, convert::as_c_int(args.at(2), thread)?);
    // SAFETY: all-zero is a valid siginfo; the call fills it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let to = &raw mut info;
    // SAFETY: `to` outlives the calls.
    checked(thread, || unsafe { libc::waitid(kind as libc::idtype_t, id as libc::id_t, to, options) })?;
    // SAFETY: filled for a child, or left zero.
    let (pid, uid, status) = unsafe { (info.si_pid(), info.si_uid(), info.si_status()) };
    if pid == 0 {
        return Ok(Owned::none());
    }
    let number = |number: i32| Owned::int(i64::from(number));
    Ok(build::<WaitidResult>(vec![number(pid), Owned::int(i64::from(uid)), number(info.si_signo), number(status), number(info.si_code)]))
}
