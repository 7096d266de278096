//! Exceptions: the tree of classes, the object, raising from native code, chaining, tracebacks.

pub mod classes;
pub mod display;
pub mod group;
pub mod methods;
pub mod object;
pub mod raise;
pub mod suggest;

pub use classes as exc;
pub use object::ExceptionObject;
pub use raise::{chain_context, make, raise_class};
