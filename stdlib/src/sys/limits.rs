//! Limits and sizes: recursion, switch interval, digits of ints, memory of objects.

use std::time::Duration;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::sync::{AtomicI32, Ordering};
use pyrt_runtime::threads::{gil, stop_the_world, thread_state};
use pyrt_runtime::types::type_object::{MethodDef, is_type, method};
use pyrt_runtime::types::{float, string};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

/// The smallest limit of digits but 0, which stands for none (`sys.int_info.str_digits_check_threshold`).
const DIGITS_THRESHOLD: i32 = 640;

fn getrecursionlimit(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(thread.interpreter.recursion_limit())))
}

fn setrecursionlimit(_module: Value, limit: Value, thread: &mut Thread) -> PyResult {
    let limit = convert::as_c_int(limit, thread)?;
    if limit < 1 {
        return Err(thread.raise_value_error("recursion limit must be greater or equal than 1"));
    }
    let old = thread.interpreter.recursion_limit();
    let depth = old - thread.recursion_left;
    if depth >= limit {
        return Err(thread.raise(
            &exc::RECURSION_ERROR,
            format!("cannot set the recursion limit to {limit} at the recursion depth {depth}: the limit is too low"),
        ));
    }
    let difference = thread.interpreter.set_recursion_limit(limit);
    let world = stop_the_world::stop(thread);
    thread_state::for_each_thread(|shared| {
        let other = shared.thread.load(Ordering::Acquire);
        if !other.is_null() {
            // SAFETY: the world is stopped: the thread neither runs nor ends.
            unsafe { (*other).recursion_left += difference };
        }
    });
    drop(world);
    Ok(Owned::none())
}

fn getswitchinterval(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(float::from_f64(gil::switch_interval().as_secs_f64()))
}

fn setswitchinterval(_module: Value, interval: Value, thread: &mut Thread) -> PyResult {
    let seconds = convert::as_f64(interval, thread)?;
    if seconds <= 0.0 {
        return Err(thread.raise_value_error("switch interval must be strictly positive"));
    }
    gil::set_switch_interval(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    Ok(Owned::none())
}

fn get_int_max_str_digits(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(thread.interpreter.config.read().int_max_str_digits)))
}

fn set_int_max_str_digits(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let digits = convert::as_c_int(args.at(0), thread)?;
    if digits != 0 && digits < DIGITS_THRESHOLD {
        return Err(thread.raise_value_error(format!("maxdigits must be >= {DIGITS_THRESHOLD} or 0 for unlimited")));
    }
    thread.interpreter.config.write().int_max_str_digits = digits;
    Ok(Owned::none())
}

fn getsizeof(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let object = args.at(0);
    match size_of(object, thread) {
        Ok(size) => Ok(size),
        Err(raised) => match args.get(1) {
            Some(default) => {
                drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                Ok(default.to_owned())
            }
            None => Err(raised),
        },
    }
}

fn size_of(object: Value, thread: &mut Thread) -> PyResult {
    let name = pyrt_runtime::names().__sizeof__;
    let Some(size) = attribute::call_special(object, name, &[], thread)? else {
        let got = object.type_object().full_name();
        return Err(thread.raise_type_error(format!("Type {got} doesn't define __sizeof__")));
    };
    let number = convert::index_as_i64(*size, thread, Some(&exc::OVERFLOW_ERROR))?;
    if number < 0 {
        return Err(thread.raise_value_error("__sizeof__() should return >= 0"));
    }
    // The header is part of the object; the collector keeps nothing in front of it.
    Ok(Owned::int(number))
}

fn getallocatedblocks(_module: Value, thread: &mut Thread) -> PyResult {
    let objects = pyrt_runtime::memory::collector::followed_objects(thread).len();
    Ok(Owned::usize(objects + string::count_interned()))
}

fn debugmallocstats(_module: Value, _thread: &mut Thread) -> PyResult {
    print_memory_statistics();
    Ok(Owned::none())
}

/// Counts of the memory manager, on the process's standard error (`PYTHONMALLOCSTATS`).
pub fn print_memory_statistics() {
    let collections: u64 = pyrt_runtime::memory::collector::statistics().iter().map(|generation| generation[0]).sum();
    let merges = thread_state::count_merges();
    let interned = string::count_interned();
    let slots = pyrt_runtime::memory::heap::all_slots().len();
    let (threshold, classes) = (pyrt_runtime::memory::heap::MAX_SMALL, pyrt_runtime::memory::heap::N_CLASSES);
    eprint!(
        "Small block threshold = {threshold}, in {classes} size classes.\n\
         collections: {collections}\nmerges: {merges}\nheap slots: {slots}\ninterned strings: {interned}\n"
    );
}

fn getunicodeinternedsize(_module: Value, _args: Args<'_>, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(string::count_interned()))
}

/// Flags for `dlopen`, which natives do not use: kept for `ctypes`-like callers.
static DLOPEN_FLAGS: AtomicI32 = AtomicI32::new(libc::RTLD_NOW);

fn getdlopenflags(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(DLOPEN_FLAGS.load(Ordering::Relaxed))))
}

fn setdlopenflags(_module: Value, flags: Value, thread: &mut Thread) -> PyResult {
    DLOPEN_FLAGS.store(convert::as_c_int(flags, thread)?, Ordering::Relaxed);
    Ok(Owned::none())
}

fn clear_type_descriptors(_module: Value, class: Value, thread: &mut Thread) -> PyResult {
    if !is_type(class) {
        let got = class.type_object().full_name();
        return Err(thread.raise_type_error(format!("_clear_type_descriptors() argument must be type, not {got}")));
    }
    for name in ["__dict__", "__weakref__"] {
        let name = string::intern_str(name);
        if let Err(raised) = attribute::delete(class, *name, thread) {
            drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
        }
    }
    Ok(Owned::none())
}

fn call_tracing(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if !pyrt_runtime::types::tuple::is_exact(args.at(1)) {
        let got = args.at(1).type_object().full_name();
        return Err(thread.raise_type_error(format!("call_tracing() argument 2 must be tuple, not {got}")));
    }
    let was = std::mem::replace(&mut thread.tracing, false);
    let result = call::call_tuple(args.at(0), args.at(1), None, thread);
    thread.tracing = was;
    result
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("getrecursionlimit", NativeFn::NoArgs(getrecursionlimit), "($module, /)", "The limit of nested calls."),
    method("setrecursionlimit", NativeFn::One(setrecursionlimit), "($module, limit, /)", "Sets the limit of nested calls."),
    method("getswitchinterval", NativeFn::NoArgs(getswitchinterval), "($module, /)", "Seconds after which a thread that holds the GIL is asked to give it up."),
    method("setswitchinterval", NativeFn::One(setswitchinterval), "($module, interval, /)", "Sets the switch interval, in seconds."),
    method("get_int_max_str_digits", NativeFn::NoArgs(get_int_max_str_digits), "($module, /)", "The limit of digits in conversions between int and str."),
    method("set_int_max_str_digits", NativeFn::Bound(set_int_max_str_digits), "($module, /, maxdigits)", "Sets the limit of digits in conversions between int and str."),
    method("getsizeof", NativeFn::Bound(getsizeof), "-($module, object, default=<unrepresentable>)", "getsizeof(object [, default]) -> int\n\nReturn the size of object in bytes."),
    method("_debugmallocstats", NativeFn::NoArgs(debugmallocstats), "($module, /)", "Print counts of the memory manager to stderr: collections, merges of counts, heap slots, interned strings."),
    method("getallocatedblocks", NativeFn::NoArgs(getallocatedblocks), "($module, /)", "The number of objects that the runtime counts: followed by the collector, or interned."),
    method("getunicodeinternedsize", NativeFn::Bound(getunicodeinternedsize), "($module, /, *, _only_immortal=False)", "The number of interned strings."),
    method("getdlopenflags", NativeFn::NoArgs(getdlopenflags), "($module, /)", "The flags for dlopen()."),
    method("setdlopenflags", NativeFn::One(setdlopenflags), "($module, flags, /)", "Sets the flags for dlopen()."),
    method("_clear_type_descriptors", NativeFn::One(clear_type_descriptors), "($module, type, /)", "Deletes __dict__ and __weakref__ of a class."),
    method("call_tracing", NativeFn::Bound(call_tracing), "($module, func, args, /)", "Call func(*args), while tracing is enabled."),
];
