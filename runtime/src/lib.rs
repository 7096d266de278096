//! Objects, memory, threads, eval loop, built-in types, import.

pub mod builtins;
pub mod codecs;
pub mod exceptions;
pub mod import;
pub mod interp;
pub mod interpreter;
pub mod lifecycle;
pub mod memory;
pub mod names;
pub mod number;
pub mod object;
pub mod protocol;
pub mod sorting;
pub mod sync;
pub mod text;
pub mod threads;
pub mod types;

pub use interpreter::Interpreter;
pub use names::names;
pub use object::{FREE_THREADED, Header, Owned, PyResult, Raised, Slot, Value};
pub use threads::thread_state::Thread;
