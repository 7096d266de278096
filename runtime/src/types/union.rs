//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "typing.Union", ..TypeSpec::DEFAULT };
pub fn args(_u:Value)->Owned{crate::types::tuple::empty()}
pub fn from_operator(_a:Value,_b:Value,_t:&mut Thread)->PyResult{Ok(Owned::not_implemented())}
