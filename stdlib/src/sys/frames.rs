//! Frames and exceptions of threads; tracing.

use pyrt_runtime::object::refcount;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::{stop_the_world, thread_state};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::struct_sequence::build;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{frame_object, int, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::facts::AsyncgenHooks;

fn depth(value: Option<Value>, thread: &mut Thread) -> PyResult<usize> {
    let depth = value.map_or(Ok(0), |value| convert::as_c_int(value, thread))?;
    Ok(usize::try_from(depth).unwrap_or(0))
}

fn getframe(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let depth = depth(args.get(0), thread)?;
    let Some(frame) = frame_object::at_depth(depth, thread) else {
        return Err(thread.raise_value_error("call stack is not deep enough"));
    };
    super::hooks::audit_event("sys._getframe", &[*frame], thread)?;
    Ok(frame)
}

fn getframemodulename(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let depth = depth(args.get(0), thread)?;
    let number = Owned::usize(depth);
    super::hooks::audit_event("sys._getframemodulename", &[*number], thread)?;
    let Some(frame) = frame_object::at_depth(depth, thread) else { return Ok(Owned::none()) };
    // SAFETY: a frame of this thread that is running.
    let (function, globals) = unsafe {
        let running = frame_object::FrameObject::of(*frame).frame();
        (Value::from_slot((*running).func), (*running).globals)
    };
    match function {
        Some(function) => Ok(attribute::get_optional(function, pyrt_runtime::names().__module__, thread)?.unwrap_or_else(Owned::none)),
        // The body of a module.
        None => Ok(pyrt_runtime::types::dict::DictObject::of(globals).get_str(pyrt_runtime::names().__name__).unwrap_or_else(Owned::none)),
    }
}

/// What `find` gives for each thread, by thread ident.
fn of_all_threads(thread: &mut Thread, mut find: impl FnMut(&Thread) -> Option<Owned>) -> PyResult {
    let mut found = Vec::new();
    let world = stop_the_world::stop(thread);
    thread_state::for_each_thread(|shared| {
        let other = shared.thread.load(Ordering::Acquire);
        if other.is_null() {
            return;
        }
        // SAFETY: the world is stopped: the thread neither runs nor ends.
        if let Some(value) = find(unsafe { &*other }) {
            if value.is_pointer() {
                // SAFETY: a live object, which two threads hold from here on.
                unsafe { refcount::mark_maybe_shared(&*value.header()) };
            }
            found.push((shared.ident.load(Ordering::Relaxed), value));
        }
    });
    drop(world);
    let result = dict::new();
    for (ident, value) in found {
        let ident = int::from_u64(ident);
        DictObject::of(*result).set(*ident, value, thread)?;
    }
    Ok(result)
}

fn current_frames(_module: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys._current_frames", &[], thread)?;
    of_all_threads(thread, |other| frame_object::current(other))
}

fn current_exceptions(_module: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys._current_exceptions", &[], thread)?;
    of_all_threads(thread, |other| Some(other.handled_exception().unwrap_or_else(Owned::none)))
}

fn exc_info(_module: Value, thread: &mut Thread) -> PyResult {
    let none = Owned::none;
    Ok(match thread.handled_exception() {
        Some(exception) => {
            let traceback = pyrt_runtime::exceptions::ExceptionObject::of(*exception).traceback().unwrap_or_else(none);
            tuple::pack([exception.type_object().value().to_owned(), exception, traceback])
        }
        None => tuple::pack([none(), none(), none()]),
    })
}

fn exception(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(thread.handled_exception().unwrap_or_else(Owned::none))
}

fn get_asyncgen_hooks(_module: Value, thread: &mut Thread) -> PyResult {
    let hook = |hook: &Option<Owned>| hook.clone().unwrap_or_else(Owned::none);
    Ok(build::<AsyncgenHooks>(vec![hook(&thread.asyncgen_firstiter), hook(&thread.asyncgen_finalizer)]))
}

fn set_asyncgen_hooks(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    for (i, name) in [(1, "finalizer"), (0, "firstiter")] {
        if let Some(hook) = args.get(i).filter(|hook| !hook.is_none() && !pyrt_runtime::protocol::call::is_callable(*hook)) {
            let got = hook.type_object().full_name();
            return Err(thread.raise_type_error(format!("callable {name} expected, got {got}")));
        }
    }
    let hook = |value: Value| if value.is_none() { None } else { Some(value.to_owned()) };
    if let Some(finalizer) = args.get(1) {
        super::hooks::audit_event("sys.set_asyncgen_hook_finalizer", &[], thread)?;
        drop(std::mem::replace(&mut thread.asyncgen_finalizer, hook(finalizer)));
    }
    if let Some(firstiter) = args.get(0) {
        super::hooks::audit_event("sys.set_asyncgen_hook_firstiter", &[], thread)?;
        drop(std::mem::replace(&mut thread.asyncgen_firstiter, hook(firstiter)));
    }
    Ok(Owned::none())
}

fn get_coroutine_origin_tracking_depth(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(thread.coroutine_origin_depth)))
}

fn set_coroutine_origin_tracking_depth(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let depth = convert::as_c_int(args.at(0), thread)?;
    if depth < 0 {
        return Err(thread.raise_value_error("depth must be >= 0"));
    }
    thread.coroutine_origin_depth = depth;
    Ok(Owned::none())
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("_getframe", NativeFn::Bound(getframe), "($module, depth=0, /)", "Return a frame object from the call stack."),
    method("_getframemodulename", NativeFn::Bound(getframemodulename), "($module, /, depth=0)", "Return the name of the module for a calling frame."),
    method("_current_frames", NativeFn::NoArgs(current_frames), "($module, /)", "Return a dict mapping each thread's thread id to its current stack frame."),
    method("_current_exceptions", NativeFn::NoArgs(current_exceptions), "($module, /)", "Return a dict mapping each thread's identifier to its current raised exception."),
    method("exc_info", NativeFn::NoArgs(exc_info), "($module, /)", "Class, value and traceback of the exception that is being handled."),
    method("exception", NativeFn::NoArgs(exception), "($module, /)", "The exception that is being handled, or None."),
    method("get_asyncgen_hooks", NativeFn::NoArgs(get_asyncgen_hooks), "($module, /)", "Return the installed asynchronous generators hooks."),
    method("set_asyncgen_hooks", NativeFn::Bound(set_asyncgen_hooks), "-($module, firstiter=<unrepresentable>, finalizer=<unrepresentable>)", "set_asyncgen_hooks([firstiter] [, finalizer])\n\nSet a finalizer for async generators objects."),
    method("get_coroutine_origin_tracking_depth", NativeFn::NoArgs(get_coroutine_origin_tracking_depth), "($module, /)", "How many frames of a coroutine's origin are kept."),
    method("set_coroutine_origin_tracking_depth", NativeFn::Bound(set_coroutine_origin_tracking_depth), "($module, /, depth)", "Sets how many frames of a coroutine's origin are kept."),
];
