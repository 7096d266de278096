//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static SPEC: TypeSpec = TypeSpec { name: "string.templatelib.Template", ..TypeSpec::DEFAULT };
pub static ITERATOR_SPEC: TypeSpec = TypeSpec { name: "string.templatelib.TemplateIter", ..TypeSpec::DEFAULT };
pub static INTERPOLATION_SPEC: TypeSpec = TypeSpec { name: "string.templatelib.Interpolation", ..TypeSpec::DEFAULT };
pub fn new(_a:Owned,_b:Owned)->Owned{Owned::none()}
pub fn new_interpolation(_a:Owned,_b:Owned,_c:Owned,_d:Owned)->Owned{Owned::none()}
