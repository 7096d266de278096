//! Placeholder until the types branch is merged.
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::*;
pub static CLASSMETHOD_SPEC: TypeSpec = TypeSpec { name: "classmethod", ..TypeSpec::DEFAULT };
pub static STATICMETHOD_SPEC: TypeSpec = TypeSpec { name: "staticmethod", ..TypeSpec::DEFAULT };
pub fn new_static(f: Owned)->Owned {f}
pub fn new_class(f: Owned)->Owned {f}
