//! The module `_asyncio`: futures, tasks, and which loop and task a thread runs.
//!
//! # Who may touch what
//! * The running loop and the running task lie in the thread state. Others read them in a stopped world alone.
//! * A future's and a task's state is guarded by the object's own lock, under which no Python code runs: what a change
//!   calls for (scheduling callbacks, giving references up) is handed out and done behind it.
//! * The tasks that a thread has made are listed per thread (registry.rs): no lock is shared by all threads.

mod future;
mod future_iterator;
mod imported;
mod loops;
pub mod registry;
mod step;
mod task;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;

pub const MODULE: NativeModule = NativeModule { name: "_asyncio", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Accelerator module for asyncio"));
    module::add_type(this, &future::FUTURE);
    module::add_type(this, &task::TASK);
    module::add_functions(this, loops::FUNCTIONS);
    module::add_functions(this, registry::FUNCTIONS);
    Ok(())
}
