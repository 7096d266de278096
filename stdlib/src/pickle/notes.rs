//! What messages and notes say of the object that is being pickled.

use pyrt_runtime::exceptions::ExceptionObject;
use pyrt_runtime::exceptions::methods::add_note;
use pyrt_runtime::protocol::{attribute, special};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::{Owned, Raised, Thread, Value};

use super::PICKLING_ERROR;

/// The name of a value's type with its module, but for those of `builtins` and `__main__`.
pub fn type_name(value: Value, thread: &mut Thread) -> String {
    let had = thread.take_exception();
    let class = value.type_object().value();
    let names = pyrt_runtime::names();
    let mut text = |name: Value| match attribute::get(class, name, thread) {
        Ok(found) if string::is_str(*found) => Some(StrObject::of(*found).to_string_lossy()),
        _ => None,
    };
    let qualname = text(names.__qualname__).unwrap_or_else(|| value.type_object().name());
    let module = text(names.__module__).filter(|module| module != "builtins" && module != "__main__");
    drop(thread.take_exception());
    if let Some(had) = had {
        thread.set_exception(had);
    }
    match module {
        Some(module) => format!("{module}.{qualname}"),
        None => qualname,
    }
}

/// The `repr` of a value, for a note.
pub fn shown(value: Value, thread: &mut Thread) -> String {
    let had = thread.take_exception();
    let text = special::safe_repr(value, thread);
    drop(thread.take_exception());
    if let Some(had) = had {
        thread.set_exception(had);
    }
    text
}

/// Adds "when serializing `type` `part`" to the exception that is being raised.
#[cold]
pub fn note(raised: Raised, value: Value, part: &str, thread: &mut Thread) -> Raised {
    let name = type_name(value, thread);
    let Some(exception) = thread.take_exception() else { return raised };
    add_note(*exception, &format!("when serializing {name} {part}"));
    thread.reraise(exception)
}

/// `PicklingError(message)`.
#[cold]
pub fn pickling_error(message: impl AsRef<str>, thread: &mut Thread) -> Raised {
    PICKLING_ERROR.raise(message, thread)
}

/// `PicklingError(message)` that came of another exception, taken from the thread.
#[cold]
pub fn pickling_error_from(context: Owned, message: impl AsRef<str>, thread: &mut Thread) -> Raised {
    let raised = PICKLING_ERROR.raise(message, thread);
    if let Some(exception) = thread.exception() {
        if !exception.is(*context) {
            ExceptionObject::of(exception).set_context(Some(context));
        }
    }
    raised
}
