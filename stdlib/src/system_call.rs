//! System calls as Python code makes them: detached while they block, retried after EINTR once the signal handlers have
//! run (PEP 475), with `OSError` for failures. Also rows of method tables and conversions of common arguments.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

/// The results of system calls: below zero on failure.
pub trait CallResult: Copy {
    fn has_failed(self) -> bool;
}

macro_rules! call_results {
    ($($ty:ty)*) => {$(
        impl CallResult for $ty {
            fn has_failed(self) -> bool {
                self < 0
            }
        }
    )*};
}

call_results!(i32 i64 isize);

/// The calling thread's `errno`.
pub fn last_errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Sets the calling thread's `errno`.
pub fn set_errno(errno: i32) {
    // SAFETY: the cell is this thread's.
    unsafe { *libc::__errno_location() = errno };
}

/// Makes a call that may block, again after each interruption. The inner error is the `errno`; the outer one comes from
/// a signal handler.
pub fn retry<T: CallResult>(thread: &mut Thread, call: impl FnMut() -> T) -> PyResult<Result<T, i32>> {
    retry_for(false, thread, call)
}

/// As [`retry`] for a call that seldom blocks ([`Thread::detached_briefly`]).
pub fn retry_briefly<T: CallResult>(thread: &mut Thread, call: impl FnMut() -> T) -> PyResult<Result<T, i32>> {
    retry_for(true, thread, call)
}

/// One or the other.
pub fn retry_for<T: CallResult>(is_brief: bool, thread: &mut Thread, mut call: impl FnMut() -> T) -> PyResult<Result<T, i32>> {
    loop {
        let result = if is_brief { thread.detached_briefly(&mut call) } else { thread.detached(&mut call) };
        if !result.has_failed() {
            return Ok(Ok(result));
        }
        let errno = last_errno();
        if errno != libc::EINTR {
            return Ok(Err(errno));
        }
        safepoint::poll(thread)?;
    }
}

/// As [`retry`], with `OSError` for failures.
pub fn checked<T: CallResult>(thread: &mut Thread, call: impl FnMut() -> T) -> PyResult<T> {
    retry(thread, call)?.map_err(|errno| thread.raise_os_error(errno, None, None))
}

/// `None`, or `OSError` if the call failed.
pub fn none_or_errno(result: i32, thread: &mut Thread) -> PyResult {
    if result < 0 { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

/// The result as an int, or `OSError` if the call failed.
pub fn int_or_errno(result: i64, thread: &mut Thread) -> PyResult {
    if result < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(result)) }
}

/// A file descriptor: an int, or an object with `fileno()`.
pub fn file_descriptor(value: Value, thread: &mut Thread) -> PyResult<i32> {
    if convert::is_int(value) {
        if value.as_bool().is_some() {
            pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, "bool is used as a file descriptor", 1, thread)?;
        }
        let fd = convert::as_c_int(value, thread)?;
        return check_descriptor(fd, thread);
    }
    let names = pyrt_runtime::names();
    match pyrt_runtime::protocol::attribute::get_optional(value, names.fileno, thread)? {
        Some(method) => {
            let fd = pyrt_runtime::protocol::call::call(*method, &[], thread)?;
            if !convert::is_int(*fd) {
                return Err(thread.raise_type_error("fileno() returned a non-integer"));
            }
            let fd = convert::as_c_int(*fd, thread)?;
            check_descriptor(fd, thread)
        }
        None => Err(thread.raise_type_error("argument must be an int, or have a fileno() method")),
    }
}

fn check_descriptor(fd: i32, thread: &mut Thread) -> PyResult<i32> {
    if fd < 0 {
        return Err(thread.raise_value_error(format!("file descriptor cannot be a negative integer ({fd})")));
    }
    Ok(fd)
}

/// An argument that must fit `i64` (an offset).
pub fn offset(value: Value, thread: &mut Thread) -> PyResult<i64> {
    convert::as_c_long(value, thread)
}

/// A size: not negative is for the caller to check.
pub fn size(value: Value, thread: &mut Thread) -> PyResult<i64> {
    convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))
}

/// The `i`-th argument's truth, or a default where it is missing.
pub fn flag(value: Option<Value>, default: bool, thread: &mut Thread) -> PyResult<bool> {
    match value {
        Some(value) => pyrt_runtime::protocol::compare::truth(value, thread),
        None => Ok(default),
    }
}

/// Memory that a call writes to; `what` names the argument.
pub fn writable_buffer(value: Value, what: &str, thread: &mut Thread) -> PyResult<pyrt_runtime::protocol::buffer::Buffer> {
    use pyrt_runtime::protocol::buffer::{WRITABLE, get};
    match get(value, WRITABLE, thread) {
        Ok(target) if target.is_contiguous() => Ok(target),
        Ok(_) => Err(thread.raise(&exc::BUFFER_ERROR, "memoryview: underlying buffer is not C-contiguous")),
        Err(raised) => {
            let is_plain = thread.exception_matches(&exc::BUFFER_ERROR) || thread.exception_matches(&exc::TYPE_ERROR);
            if !is_plain {
                return Err(raised);
            }
            drop(thread.take_exception());
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("{what} must be read-write bytes-like object, not {name}")))
        }
    }
}

/// An optional C int.
pub fn c_int_or(value: Option<Value>, default: i32, thread: &mut Thread) -> PyResult<i32> {
    match value {
        Some(value) => convert::as_c_int(value, thread),
        None => Ok(default),
    }
}

/// `TypeError: <function>() argument …` and its like.
pub fn type_error(thread: &mut Thread, message: impl AsRef<str>) -> Raised {
    thread.raise_type_error(message)
}

/// Rows of a module's function table: name, form, function, signature, doc.
macro_rules! functions {
    ($($name:literal $form:ident($function:path) $signature:literal $doc:literal;)*) => {
        &[$(pyrt_runtime::types::type_object::MethodDef {
            name: $name,
            func: pyrt_runtime::protocol::native::NativeFn::$form($function),
            kind: pyrt_runtime::types::type_object::MethodKind::Instance,
            signature: $signature,
            doc: $doc,
        }),*]
    };
}
pub(crate) use functions;

/// A C string of static text.
pub fn c_string(text: &[u8], what: &str, thread: &mut Thread) -> PyResult<std::ffi::CString> {
    std::ffi::CString::new(text).map_err(|_| thread.raise_value_error(what))
}
