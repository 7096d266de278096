//! Scheduling policies and parameters; namespaces.

use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::attribute;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::struct_sequence::{build, ready};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{descriptors, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::{int_or_errno, none_or_errno};

struct_sequence! {
    pub SCHED_PARAM: SchedParam = "posix.sched_param", "Currently has only one field: sched_priority", 1, [
        ("sched_priority", 0, "the scheduling priority"),
    ]
}

fn new_param(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(sched_priority)");
    let bound = SIGNATURE.bind("sched_param", args, kwnames, thread)?;
    Ok(build::<SchedParam>(vec![bound.args().at(0).to_owned()]))
}

fn reduce_param(this: Value, thread: &mut Thread) -> PyResult {
    let priority = attribute::get_by_text(this, "sched_priority", thread)?;
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([priority])]))
}

static OWN_METHODS: &[MethodDef] = &[method("__reduce__", NativeFn::NoArgs(reduce_param), "-($self)", "For pickling.")];

/// Adds the type; unlike other struct sequences it is made of its field, not of a sequence.
pub fn add_type(this: Value) {
    let ty = ready::<SchedParam>();
    ty.slots.new.set(Some(new_param));
    if let Some(dict) = ty.dict() {
        descriptors::add_methods(ty, OWN_METHODS, dict);
    }
    module::add(this, "sched_param", ty.value().to_owned());
}

/// The parameters that an object of the type gives.
pub fn param_of(value: Value, thread: &mut Thread) -> PyResult<libc::sched_param> {
    if !value.is_pointer() || !std::ptr::eq(value.type_object(), SCHED_PARAM.get()) {
        return Err(thread.raise_type_error("must have a sched_param object"));
    }
    let priority = attribute::get_by_text(value, "sched_priority", thread)?;
    let number = convert::as_c_long(*priority, thread)?;
    let Ok(number) = i32::try_from(number) else {
        return Err(thread.raise(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR, "sched_priority out of range"));
    };
    Ok(libc::sched_param { sched_priority: number })
}

pub fn sched_getparam(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    let mut param = libc::sched_param { sched_priority: 0 };
    // SAFETY: fills `param`.
    if unsafe { libc::sched_getparam(pid, &raw mut param) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(build::<SchedParam>(vec![Owned::int(i64::from(param.sched_priority))]))
}

pub fn sched_setparam(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    let param = param_of(args.at(1), thread)?;
    // SAFETY: a plain system call.
    none_or_errno(unsafe { libc::sched_setparam(pid, &raw const param) }, thread)
}

pub fn sched_setscheduler(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (pid, policy) = (convert::as_c_int(args.at(0), thread)?, convert::as_c_int(args.at(1), thread)?);
    let param = param_of(args.at(2), thread)?;
    // SAFETY: a plain system call.
    none_or_errno(unsafe { libc::sched_setscheduler(pid, policy, &raw const param) }, thread)
}

pub fn sched_rr_get_interval(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pid = convert::as_c_int(args.at(0), thread)?;
    let mut interval = crate::duration::timespec(0);
    // SAFETY: fills `interval`.
    if unsafe { libc::sched_rr_get_interval(pid, &raw mut interval) } < 0 {
        return Err(thread.raise_errno());
    }
    Ok(Owned::float(interval.tv_sec as f64 + interval.tv_nsec as f64 * 1e-9))
}

pub fn unshare(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let flags = convert::as_c_int(args.at(0), thread)?;
    // SAFETY: a plain system call.
    let result = thread.detached(|| unsafe { libc::unshare(flags) });
    int_or_errno(i64::from(result), thread).map(|_| Owned::none())
}
