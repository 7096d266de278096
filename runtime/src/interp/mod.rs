//! The eval loop: frames, dispatch, inline caches, unwinding, calls from Python to Python.

pub mod call_frame;
pub mod dispatch;
pub mod frame;
pub mod inline_cache;
pub mod line_jump;
pub mod locations;
pub mod ops;
pub mod resume;
pub mod tracing;
pub mod translate;
pub mod unwind;
