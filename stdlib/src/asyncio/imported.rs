//! What the module takes from the library's Python modules: imported when first used, and then kept for good.

use std::sync::OnceLock;

use pyrt_runtime::import;
use pyrt_runtime::object::value::{PyResult, Raised, Value};
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::threads::thread_state::Thread;

/// An attribute of a Python module.
pub struct Imported {
    module: &'static str,
    name: &'static str,
    /// The word of the object, which owns a count.
    object: OnceLock<u64>,
}

impl Imported {
    const fn new(module: &'static str, name: &'static str) -> Imported {
        Imported { module, name, object: OnceLock::new() }
    }

    pub fn get(&self, thread: &mut Thread) -> PyResult<Value> {
        let word = match self.object.get() {
            Some(word) => *word,
            None => {
                let module = import::import_module(self.module, thread)?;
                let object = attribute::get_by_text(*module, self.name, thread)?;
                *self.object.get_or_init(|| object.into_raw().bits())
            }
        };
        // SAFETY: the count is never given back.
        Ok(unsafe { Value::from_bits(word) })
    }

    /// Raises an instance of the exception class that this is.
    #[cold]
    pub fn raise(&self, argument: Value, thread: &mut Thread) -> Raised {
        match self.get(thread).and_then(|class| call::call(class, &[argument], thread)) {
            Ok(exception) => thread.raise_exception(exception),
            Err(raised) => raised,
        }
    }
}

pub static CANCELLED_ERROR: Imported = Imported::new("asyncio.exceptions", "CancelledError");
pub static INVALID_STATE_ERROR: Imported = Imported::new("asyncio.exceptions", "InvalidStateError");
pub static FUTURE_REPR: Imported = Imported::new("asyncio.base_futures", "_future_repr");
pub static TASK_REPR: Imported = Imported::new("asyncio.base_tasks", "_task_repr");
pub static TASK_GET_STACK: Imported = Imported::new("asyncio.base_tasks", "_task_get_stack");
pub static TASK_PRINT_STACK: Imported = Imported::new("asyncio.base_tasks", "_task_print_stack");
pub static IS_COROUTINE: Imported = Imported::new("asyncio.coroutines", "iscoroutine");
pub static EVENT_LOOP_POLICY: Imported = Imported::new("asyncio.events", "_get_event_loop_policy");
pub static EXTRACT_STACK: Imported = Imported::new("traceback", "extract_stack");
pub static WEAK_SET: Imported = Imported::new("weakref", "WeakSet");
