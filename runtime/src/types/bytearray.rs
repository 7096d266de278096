//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "bytearray", ..TypeSpec::DEFAULT };
pub static ITERATOR_SPEC: TypeSpec = TypeSpec { name: "bytearray_iterator", ..TypeSpec::DEFAULT };
