//! `_thread._excepthook`: reports an exception that ended a thread.

use pyrt_runtime::exceptions::{display, exc};
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

struct_sequence! {
    pub EXCEPT_HOOK_ARGS: ExceptHookArgs = "_thread._ExceptHookArgs", "ExceptHookArgs\n\nType used to pass arguments to threading.excepthook.", 4, [
        ("exc_type", 0, "Exception type"), ("exc_value", 1, "Exception value"),
        ("exc_traceback", 2, "Exception traceback"), ("thread", 3, "Thread"),
    ]
}

pub fn excepthook(_module: Value, args: Value, thread: &mut Thread) -> PyResult {
    if !args.is_pointer() || !std::ptr::eq(args.type_object(), EXCEPT_HOOK_ARGS.get()) {
        return Err(thread.raise_type_error("_thread.excepthook argument type must be ExceptHookArgs"));
    }
    let field = |name: &str, thread: &mut Thread| attribute::get_by_text(args, name, thread);
    let class = field("exc_type", thread)?;
    if class.is(exc::SYSTEM_EXIT.get().value()) {
        return Ok(Owned::none());
    }
    let value = field("exc_value", thread)?;
    let traceback = field("exc_traceback", thread)?;
    let which = field("thread", thread)?;
    let Some(file) = file_for(*which, thread)? else { return Ok(Owned::none()) };
    let name = if which.is_none() {
        None
    } else {
        let name = attribute::get_optional(*which, *pyrt_runtime::names::interned("name"), thread)?;
        match name {
            Some(name) => Some(convert::str_text(*name, thread)?),
            None => None,
        }
    };
    let name = name.unwrap_or_else(|| thread.shared.ident.load(Ordering::Relaxed).to_string());
    write(*file, &format!("Exception in thread {name}:\n"), thread)?;
    if pyrt_runtime::exceptions::object::is_exception(*value) {
        let object = pyrt_runtime::exceptions::ExceptionObject::of(*value);
        if object.traceback().is_none() && !traceback.is_none() {
            attribute::set(*value, *pyrt_runtime::names::interned("__traceback__"), *traceback, thread)?;
        }
        display::print_to(*value, *file, thread)?;
    } else {
        let text = convert::str_text(*class, thread)?;
        write(*file, &format!("{text}\n"), thread)?;
    }
    if call::call_method(*file, pyrt_runtime::names().flush, &[], thread).is_err() {
        drop(thread.take_exception());
    }
    Ok(Owned::none())
}

/// `sys.stderr`, or where that is gone what the thread object has kept of it.
fn file_for(which: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let stderr = thread.interpreter.sys_get(pyrt_runtime::names().stderr).filter(|file| !file.is_none());
    if stderr.is_some() || which.is_none() {
        return Ok(stderr);
    }
    let kept = attribute::get_optional(which, *pyrt_runtime::names::interned("_stderr"), thread)?;
    Ok(kept.filter(|file| !file.is_none()))
}

fn write(file: Value, text: &str, thread: &mut Thread) -> PyResult<()> {
    let name = pyrt_runtime::names::interned("write");
    call::call_method(file, *name, &[*Owned::str(text)], thread).map(drop)
}
