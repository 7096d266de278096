//! Exception classes of native modules, such as `struct.error`.

use std::sync::OnceLock;

use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::call;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, TYPE};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::tuple;

/// A class derived from another exception; made when first used, and then for good.
pub struct ExceptionClass {
    module: &'static str,
    name: &'static str,
    base: Base,
    /// The word of the class, which owns a count.
    class: OnceLock<u64>,
}

enum Base {
    BuiltIn(&'static StaticType),
    Own(&'static ExceptionClass),
}

impl ExceptionClass {
    pub const fn new(module: &'static str, name: &'static str, base: &'static StaticType) -> ExceptionClass {
        ExceptionClass { module, name, base: Base::BuiltIn(base), class: OnceLock::new() }
    }

    /// A class derived from another one of a native module.
    pub const fn derived(module: &'static str, name: &'static str, base: &'static ExceptionClass) -> ExceptionClass {
        ExceptionClass { module, name, base: Base::Own(base), class: OnceLock::new() }
    }

    /// The class.
    pub fn get(&self, thread: &mut Thread) -> PyResult<Value> {
        if let Some(word) = self.class.get() {
            // SAFETY: the word is a class that is never released.
            return Ok(unsafe { Value::from_bits(*word) });
        }
        let namespace = dict::new();
        DictObject::of(*namespace).set_by_text("__module__", pyrt_runtime::names::interned(self.module));
        let base = match self.base {
            Base::BuiltIn(base) => base.get().value(),
            Base::Own(base) => base.get(thread)?,
        };
        let bases = tuple::pack([base.to_owned()]);
        let class = call::call(TYPE.get().value(), &[*Owned::str(self.name), *bases, *namespace], thread)?;
        let word = *self.class.get_or_init(|| class.into_raw().bits());
        // SAFETY: as above; the loser of a race leaves its class unused.
        Ok(unsafe { Value::from_bits(word) })
    }

    /// Raises an instance with a message.
    pub fn raise(&self, message: impl AsRef<str>, thread: &mut Thread) -> Raised {
        let made = self.get(thread).and_then(|class| call::call(class, &[*Owned::str(message.as_ref())], thread));
        match made {
            Ok(exception) => thread.raise_exception(exception),
            Err(raised) => raised,
        }
    }
}
