//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SEQUENCE_SPEC: TypeSpec = TypeSpec { name: "iterator", ..TypeSpec::DEFAULT };
pub static CALLABLE_SPEC: TypeSpec = TypeSpec { name: "callable_iterator", ..TypeSpec::DEFAULT };
pub static ENUMERATE_SPEC: TypeSpec = TypeSpec { name: "enumerate", ..TypeSpec::DEFAULT };
pub static REVERSED_SPEC: TypeSpec = TypeSpec { name: "reversed", ..TypeSpec::DEFAULT };
pub static MAP_SPEC: TypeSpec = TypeSpec { name: "map", ..TypeSpec::DEFAULT };
pub static FILTER_SPEC: TypeSpec = TypeSpec { name: "filter", ..TypeSpec::DEFAULT };
pub static ZIP_SPEC: TypeSpec = TypeSpec { name: "zip", ..TypeSpec::DEFAULT };
pub fn new_sequence_iterator(_v:Value)->Owned{Owned::none()}
pub fn new_callable_iterator(_a:Value,_b:Value)->Owned{Owned::none()}
