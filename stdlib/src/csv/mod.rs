//! The module `_csv`.

mod dialect;
mod parser;
mod reader;
mod registry;
mod writer;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::sync::{AtomicI64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::MethodDef;

use crate::exception_class::ExceptionClass;
use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "_csv", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("_csv", "Error", &exc::EXCEPTION);

/// A field may be this long.
static FIELD_LIMIT: AtomicI64 = AtomicI64::new(128 * 1024);

fn field_limit() -> i64 {
    // Relaxed: a number that orders nothing.
    FIELD_LIMIT.load(Ordering::Relaxed)
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("CSV parsing and writing.\n"));
    module::add_functions(this, FUNCTIONS);
    for (number, (name, _)) in (0..).zip(dialect::QUOTING_STYLES) {
        module::add(this, name, Owned::int(number));
    }
    module::add(this, "_dialects", registry::dialects().to_owned());
    module::add_type(this, &dialect::DIALECT);
    module::add(this, "Reader", reader::READER.get().value().to_owned());
    module::add(this, "Writer", writer::WRITER.get().value().to_owned());
    module::add(this, "Error", ERROR.get(thread)?.to_owned());
    Ok(())
}

/// Refuses other than one or two positional arguments.
fn expect_positional(name: &str, given: usize, thread: &mut Thread) -> PyResult<()> {
    match given {
        1 | 2 => Ok(()),
        0 => Err(thread.raise_type_error(format!("{name} expected at least 1 argument, got 0"))),
        _ => Err(thread.raise_type_error(format!("{name} expected at most 2 arguments, got {given}"))),
    }
}

fn field_size_limit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let old = field_limit();
    if let Some(limit) = args.get(0) {
        if !convert::is_int(limit) || limit.as_bool().is_some() {
            return Err(thread.raise_type_error("limit must be an integer"));
        }
        let limit = match pyrt_runtime::types::int::as_i64(limit) {
            Some(limit) => limit,
            None => return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t")),
        };
        FIELD_LIMIT.store(limit, Ordering::Relaxed);
    }
    Ok(Owned::int(old))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "reader" Raw(reader::new) "($module, iterable, /, dialect='excel', **fmtparams)" "Return a reader object that will process lines from the given iterable.\n\nEach item of the iterable is a line, such as those of a file. The dialect is a name or an object with its\nattributes; keyword arguments replace single ones of them. The reader gives each record as a list of strings.";
    "writer" Raw(writer::new) "($module, fileobj, /, dialect='excel', **fmtparams)" "Return a writer object that will write user data on the given file object.\n\nThe file is any object with a method write(). The dialect is as for reader().";
    "register_dialect" Raw(registry::register_dialect) "($module, name, /, dialect='excel', **fmtparams)" "Create a mapping from a string name to a CVS dialect.";
    "unregister_dialect" Bound(registry::unregister_dialect) "($module, /, name)" "Delete the name/dialect mapping associated with a string name.";
    "get_dialect" Bound(registry::get_dialect) "($module, /, name)" "Return the dialect instance associated with name.";
    "list_dialects" NoArgs(registry::list_dialects) "($module, /)" "Return a list of all known dialect names.";
    "field_size_limit" Bound(field_size_limit) "($module, /, new_limit=<unrepresentable>)" "Sets an upper limit on parsed fields.\n\nReturns the old limit; without an argument, nothing changes.";
};
