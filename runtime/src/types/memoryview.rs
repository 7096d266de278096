//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "memoryview", ..TypeSpec::DEFAULT };
pub static ITERATOR_SPEC: TypeSpec = TypeSpec { name: "memory_iterator", ..TypeSpec::DEFAULT };
pub fn from_object(_v:Value,_t:&mut Thread)->PyResult{Ok(Owned::none())}
pub fn buffer_of_class(_o:Value,_v:Value,_f:u32,t:&mut Thread)->PyResult<crate::protocol::buffer::Buffer>{Err(t.raise_memory_error())}
