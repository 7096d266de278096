//! `_io`: raw, buffered and text streams.
//!
//! # Who may touch what
//! * Each stream's native state lies behind its own lock, which is held for moves of bytes between buffers only: never
//!   while Python code runs (raw objects, codecs) and never across a system call. Calls that overlap take the buffers
//!   in turn; what one call moves stays together.
//! * Subclassable streams keep their `__dict__` in a slot of the native layout.

mod base;
mod buffered;
mod bytes_io;
mod file_io;
mod newline;
mod open;
mod pair;
mod string_io;
mod text;

pub use text::locale_encoding;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::{attribute, call, compare};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Slot, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "_io", initialize };

pub const DEFAULT_BUFFER_SIZE: usize = 128 * 1024;

/// `io.UnsupportedOperation`, made when the module is.
static UNSUPPORTED_OPERATION: pyrt_runtime::sync::LeafMutex<Option<Owned>> = pyrt_runtime::sync::LeafMutex::new(None);

/// Raises `io.UnsupportedOperation`.
pub fn unsupported(message: &str, thread: &mut Thread) -> Raised {
    let class = UNSUPPORTED_OPERATION.lock().clone();
    let Some(class) = class else { return thread.raise(&exc::OS_ERROR, message) };
    let text = Owned::str(message);
    match call::call(*class, &[*text], thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// Calls a method by text.
pub fn method(object: Value, name: &str, args: &[Value], thread: &mut Thread) -> PyResult {
    let name = pyrt_runtime::names::interned(name);
    call::call_method(object, *name, args, thread)
}

/// Whether `object.<name>` is true.
pub fn attribute_truth(object: Value, name: &str, thread: &mut Thread) -> PyResult<bool> {
    let value = attribute::get_by_text(object, name, thread)?;
    compare::truth(*value, thread)
}

/// `ValueError` for closed streams.
pub fn closed_error(thread: &mut Thread) -> Raised {
    thread.raise_value_error("I/O operation on closed file.")
}

/// The class that `open` wraps text files in.
fn text_wrapper_class() -> Value {
    text::TEXT_IO_WRAPPER.get().value()
}

/// A method table row.
pub const fn row(name: &'static str, func: pyrt_runtime::protocol::native::NativeFn, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc }
}

/// A read-only attribute.
pub const fn getter(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

/// An optional size argument: `None` and negative numbers mean "all".
pub fn size_or_all(value: Option<Value>, thread: &mut Thread) -> PyResult<Option<usize>> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(None),
        Some(value) => {
            if !pyrt_runtime::protocol::convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
                let name = value.type_object().full_name();
                return Err(thread.raise_type_error(format!("argument should be integer or None, not '{name}'")));
            }
            let n = pyrt_runtime::protocol::convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
            Ok(usize::try_from(n).ok())
        }
    }
}

/// Runs the body of a `__repr__` that must not come back to the same object.
pub fn guarded_repr(this: Value, thread: &mut Thread, body: impl FnOnce(&mut Thread) -> PyResult<()>) -> PyResult<()> {
    let id = this.id();
    if thread.repr_active.contains(&id) {
        let name = this.type_object().full_name();
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("reentrant call inside {name}.__repr__")));
    }
    thread.repr_active.push(id);
    let result = body(thread);
    thread.repr_active.retain(|active| *active != id);
    result
}

/// The outcome of closing after a flush that raised `first`: the later exception with the earlier one as its context.
pub fn chain_errors(first: Option<Owned>, closed: PyResult, thread: &mut Thread) -> PyResult {
    let Some(first) = first else { return closed };
    if closed.is_err() {
        if let Some(second) = thread.take_exception() {
            let object = pyrt_runtime::exceptions::ExceptionObject::of(*second);
            if object.context().is_none() && !second.is(*first) {
                object.set_context(Some(first));
            }
            return Err(thread.reraise(second));
        }
    }
    Err(thread.reraise(first))
}

/// `__getstate__` of streams over descriptors.
pub fn no_pickling(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    Err(thread.raise_type_error(format!("cannot pickle '{name}' instances")))
}

/// Adds what a pickled state says to the instance's `__dict__`.
pub fn update_dict(this: Value, items: Value, which: &str, thread: &mut Thread) -> PyResult<()> {
    if items.is_none() {
        return Ok(());
    }
    if !dict::is_dict(items) {
        let name = items.type_object().full_name();
        return Err(thread.raise_type_error(format!("{which} item of state should be a dict, got a {name}")));
    }
    let own = attribute::get_by_text(this, "__dict__", thread)?;
    if dict::is_dict(*own) {
        DictObject::of(*own).update_from(DictObject::of(items), thread)?;
    }
    Ok(())
}

/// Drops the slots of a dead stream.
///
/// # Safety
/// The object is dead; each slot is one of its fields.
pub unsafe fn drop_slots(slots: &[&Slot]) {
    for slot in slots {
        drop(slot.replace_locked(None));
    }
}

fn make_unsupported_operation(thread: &mut Thread) -> PyResult {
    let bases = pyrt_runtime::types::tuple::pack([exc::OS_ERROR.get().value().to_owned(), exc::VALUE_ERROR.get().value().to_owned()]);
    let namespace = dict::new();
    DictObject::of(*namespace).set_by_text("__module__", Owned::str("io"));
    DictObject::of(*namespace).set_by_text("__doc__", Owned::none());
    let name = Owned::str("UnsupportedOperation");
    let ty = pyrt_runtime::types::builtin_types::TYPE.get().value();
    call::call(ty, &[*name, *bases, *namespace], thread)
}

fn initialize(module: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(module, "__doc__", Owned::str("Streams: raw files, buffers, text. Use the module io."));
    module::add(module, "DEFAULT_BUFFER_SIZE", Owned::usize(DEFAULT_BUFFER_SIZE));
    let unsupported = make_unsupported_operation(thread)?;
    *UNSUPPORTED_OPERATION.lock() = Some(unsupported.clone());
    module::add(module, "UnsupportedOperation", unsupported);
    module::add(module, "BlockingIOError", exc::BLOCKING_IO_ERROR.get().value().to_owned());
    for ty in [&base::IO_BASE, &base::RAW_IO_BASE, &base::BUFFERED_IO_BASE, &base::TEXT_IO_BASE, &file_io::FILE_IO, &text::TEXT_IO_WRAPPER] {
        module::add_type(module, ty);
    }
    for ty in [&bytes_io::BYTES_IO, &bytes_io::BYTES_IO_BUFFER, &buffered::BUFFERED_READER, &buffered::BUFFERED_WRITER, &buffered::BUFFERED_RANDOM] {
        module::add_type(module, ty);
    }
    for ty in [&newline::NEWLINE_DECODER, &pair::BUFFERED_RW_PAIR, &string_io::STRING_IO] {
        module::add_type(module, ty);
    }
    module::add_functions(module, open::FUNCTIONS);
    Ok(())
}
