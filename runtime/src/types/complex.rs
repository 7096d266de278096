//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "complex", ..TypeSpec::DEFAULT };
pub fn new(_re:f64,_im:f64)->Owned{Owned::none()}
pub fn power(_a:f64,_b:f64,_c:f64,_d:f64,_t:&mut Thread)->PyResult{Ok(Owned::none())}
