//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "types.GenericAlias", ..TypeSpec::DEFAULT };
pub fn new(_o:Value,_a:Value,_t:&mut Thread)->PyResult{Ok(Owned::none())}
pub fn class_getitem(_c:Value,_i:Value,_t:&mut Thread)->PyResult{Ok(Owned::none())}
