//! The module `_posixshmem`.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::MethodDef;

use crate::system_call::{c_int_or, c_string, functions, retry};

pub const MODULE: NativeModule = NativeModule { name: "_posixshmem", initialize };

fn name_of(value: Value, what: &str, thread: &mut Thread) -> PyResult<std::ffi::CString> {
    let name = convert::as_text(value, what, thread)?;
    c_string(name.as_bytes(), "embedded null character", thread)
}

fn shm_open(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = name_of(args.at(0), "shm_open() argument 1", thread)?;
    let flags = convert::as_c_int(args.at(1), thread)?;
    let mode = c_int_or(args.get(2), 0o777, thread)?;
    // SAFETY: a terminated string and numbers.
    match retry(thread, || unsafe { libc::shm_open(name.as_ptr(), flags, mode as libc::mode_t) })? {
        Ok(fd) => Ok(Owned::int(i64::from(fd))),
        Err(errno) => Err(thread.raise_os_error(errno, Some(args.at(0)), None)),
    }
}

fn shm_unlink(_module: Value, path: Value, thread: &mut Thread) -> PyResult {
    let name = name_of(path, "shm_unlink() argument", thread)?;
    // SAFETY: a terminated string.
    match retry(thread, || unsafe { libc::shm_unlink(name.as_ptr()) })? {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(thread.raise_os_error(errno, Some(path), None)),
    }
}

static FUNCTIONS: &[MethodDef] = functions! {
    "shm_open" Bound(shm_open) "($module, /, path, flags, mode=511)" "Open a shared memory object.  Returns a file descriptor (integer).";
    "shm_unlink" One(shm_unlink) "($module, path, /)" "Remove a shared memory object (similar to unlink()).\n\nRemove a shared memory object name, and, once all processes have unmapped\nthe object, de-allocates and destroys the contents of the associated\nmemory region.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("POSIX shared memory module"));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}
