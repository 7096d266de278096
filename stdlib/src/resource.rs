//! `resource`: what processes have used, and their limits.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::struct_sequence::{add_to_module, build};
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::{functions, last_errno};

pub const MODULE: NativeModule = NativeModule { name: "resource", initialize };

struct_sequence! {
    pub STRUCT_RUSAGE: StructRusage = "resource.struct_rusage", "struct_rusage: Result from getrusage.", 16, [
        ("ru_utime", 0, "user time used"), ("ru_stime", 1, "system time used"),
        ("ru_maxrss", 2, "max. resident set size"), ("ru_ixrss", 3, "shared memory size"),
        ("ru_idrss", 4, "unshared data size"), ("ru_isrss", 5, "unshared stack size"),
        ("ru_minflt", 6, "page faults not requiring I/O"), ("ru_majflt", 7, "page faults requiring I/O"),
        ("ru_nswap", 8, "number of swap outs"), ("ru_inblock", 9, "block input operations"),
        ("ru_oublock", 10, "block output operations"), ("ru_msgsnd", 11, "IPC messages sent"),
        ("ru_msgrcv", 12, "IPC messages received"), ("ru_nsignals", 13, "signals received"),
        ("ru_nvcsw", 14, "voluntary context switches"), ("ru_nivcsw", 15, "involuntary context switches"),
    ]
}

const CONSTANTS: &[(&str, i64)] = &[
    ("RLIMIT_AS", 9),
    ("RLIMIT_CORE", 4),
    ("RLIMIT_CPU", 0),
    ("RLIMIT_DATA", 2),
    ("RLIMIT_FSIZE", 1),
    ("RLIMIT_MEMLOCK", 8),
    ("RLIMIT_MSGQUEUE", 12),
    ("RLIMIT_NICE", 13),
    ("RLIMIT_NOFILE", 7),
    ("RLIMIT_NPROC", 6),
    ("RLIMIT_OFILE", 7),
    ("RLIMIT_RSS", 5),
    ("RLIMIT_RTPRIO", 14),
    ("RLIMIT_RTTIME", 15),
    ("RLIMIT_SIGPENDING", 11),
    ("RLIMIT_STACK", 3),
    ("RLIM_INFINITY", -1),
    ("RUSAGE_CHILDREN", -1),
    ("RUSAGE_SELF", 0),
    ("RUSAGE_THREAD", 1),
];
const N_LIMITS: i32 = 16;

static FUNCTIONS: &[MethodDef] = functions! {
    "getrusage" Bound(getrusage) "($module, who, /)" "What processes have used.";
    "getrlimit" Bound(getrlimit) "($module, resource, /)" "The soft and the hard limit of a resource.";
    "setrlimit" Bound(setrlimit) "($module, resource, limits, /)" "Sets the limits of a resource.";
    "prlimit" Bound(prlimit) "($module, pid, resource, limits=None, /)" "Sets limits of another process; gives the old ones.";
    "getpagesize" NoArgs(getpagesize) "($module, /)" "Bytes of a page.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    module::add(this, "error", exc::OS_ERROR.get().value().to_owned());
    add_to_module::<StructRusage>(this);
    Ok(())
}

/// What was used, as an object.
pub fn usage(used: &libc::rusage) -> Owned {
    let time = |time: &libc::timeval| Owned::float(time.tv_sec as f64 + time.tv_usec as f64 * 1e-6);
    let mut fields = vec![time(&used.ru_utime), time(&used.ru_stime)];
    fields.extend(
        [
            used.ru_maxrss, used.ru_ixrss, used.ru_idrss, used.ru_isrss, used.ru_minflt, used.ru_majflt, used.ru_nswap,
            used.ru_inblock, used.ru_oublock, used.ru_msgsnd, used.ru_msgrcv, used.ru_nsignals, used.ru_nvcsw, used.ru_nivcsw,
        ]
        .map(Owned::int),
    );
    build::<StructRusage>(fields)
}

fn getrusage(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let who = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: all-zero is a valid rusage; the call fills it.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::getrusage(who, &raw mut used) } < 0 {
        if last_errno() == libc::EINVAL {
            return Err(thread.raise_value_error("invalid who parameter"));
        }
        return Err(thread.raise_errno());
    }
    Ok(usage(&used))
}

fn resource_number(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let resource = convert::as_c_int(value, thread)?;
    if !(0..N_LIMITS).contains(&resource) {
        return Err(thread.raise_value_error("invalid resource specified"));
    }
    Ok(resource)
}

fn pair(limits: &libc::rlimit) -> Owned {
    tuple::pack([Owned::int(limits.rlim_cur as i64), Owned::int(limits.rlim_max as i64)])
}

fn limit(value: Value, thread: &mut Thread) -> PyResult<libc::rlim_t> {
    let number = convert::index(value, thread)?;
    if let Some(number) = pyrt_runtime::types::int::as_i64(*number) {
        if number >= -1 {
            return Ok(number as libc::rlim_t);
        }
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    match pyrt_runtime::types::int::as_u64(*number) {
        Some(number) => Ok(number),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C rlim_t")),
    }
}

fn limits_of(value: Value, thread: &mut Thread) -> PyResult<libc::rlimit> {
    let items = iterate::collect(value, thread)?;
    let [soft, hard] = items.as_slice() else {
        return Err(thread.raise_value_error("expected a tuple of 2 integers"));
    };
    Ok(libc::rlimit { rlim_cur: limit(**soft, thread)?, rlim_max: limit(**hard, thread)? })
}

/// The exception for a failed change of limits.
fn limit_error(thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    match last_errno() {
        libc::EINVAL => thread.raise_value_error("current limit exceeds maximum limit"),
        libc::EPERM => thread.raise_value_error("not allowed to raise maximum limit"),
        errno => thread.raise_os_error(errno, None, None),
    }
}

fn getrlimit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let resource = resource_number(args.at(0), thread)?;
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills `limits`.
    if unsafe { libc::getrlimit(resource as _, &raw mut limits) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(pair(&limits))
}

fn setrlimit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let resource = resource_number(args.at(0), thread)?;
    let limits = limits_of(args.at(1), thread)?;
    // SAFETY: a plain system call.
    if unsafe { libc::setrlimit(resource as _, &raw const limits) } < 0 {
        return Err(limit_error(thread));
    }
    Ok(Owned::none())
}

fn prlimit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    let resource = resource_number(args.at(1), thread)?;
    let new = match args.get(2).filter(|limits| !limits.is_none()) {
        Some(limits) => Some(limits_of(limits, thread)?),
        None => None,
    };
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: null or limits; fills `old`.
    if unsafe { libc::prlimit(pid, resource as _, new, &raw mut old) } < 0 {
        if last_errno() == libc::EINVAL {
            return Err(thread.raise_value_error("current limit exceeds maximum limit"));
        }
        return Err(thread.raise_errno());
    }
    Ok(pair(&old))
}

fn getpagesize(_module: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a plain call.
    Ok(Owned::int(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }))
}
