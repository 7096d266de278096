//! The module `_types`: names for built-in types.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::*;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::{TYPE_DISALLOW_INSTANTIATION, TypeSpec};

pub const MODULE: NativeModule = NativeModule { name: "_types", initialize };

/// The type of C pointers that extension modules hand to each other. No native module here makes any.
static CAPSULE: StaticType = StaticType::new(&TypeSpec {
    name: "PyCapsule",
    doc: "Capsule objects let you wrap a C \"void *\" pointer in a Python\nobject.  They're a way of passing data through the Python interpreter\nwithout creating your own custom type.\n\nCapsules are used for communication between extension modules.\nThey provide a way for an extension module to export a C interface\nto other extension modules, so that extension modules can use the\nPython import mechanism to link to one another.",
    flags: TYPE_DISALLOW_INSTANTIATION,
    ..TypeSpec::DEFAULT
});

static TYPES: &[(&str, &StaticType)] = &[
    ("AsyncGeneratorType", &ASYNC_GENERATOR),
    ("BuiltinFunctionType", &BUILTIN_FUNCTION),
    ("BuiltinMethodType", &BUILTIN_FUNCTION),
    ("CapsuleType", &CAPSULE),
    ("CellType", &CELL),
    ("ClassMethodDescriptorType", &CLASSMETHOD_DESCRIPTOR),
    ("CodeType", &CODE),
    ("CoroutineType", &COROUTINE),
    ("EllipsisType", &ELLIPSIS),
    ("FrameType", &FRAME),
    ("FunctionType", &FUNCTION),
    ("GeneratorType", &GENERATOR),
    ("GenericAlias", &GENERIC_ALIAS),
    ("GetSetDescriptorType", &GETSET_DESCRIPTOR),
    ("LambdaType", &FUNCTION),
    ("MappingProxyType", &MAPPING_PROXY),
    ("MemberDescriptorType", &MEMBER_DESCRIPTOR),
    ("MethodDescriptorType", &METHOD_DESCRIPTOR),
    ("MethodType", &METHOD),
    ("MethodWrapperType", &METHOD_WRAPPER),
    ("ModuleType", &pyrt_runtime::types::builtin_types::MODULE),
    ("NoneType", &NONE),
    ("NotImplementedType", &NOT_IMPLEMENTED),
    ("SimpleNamespace", &SIMPLE_NAMESPACE),
    ("TracebackType", &TRACEBACK),
    ("UnionType", &UNION),
    ("WrapperDescriptorType", &WRAPPER_DESCRIPTOR),
];

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Define names for built-in types."));
    for (name, ty) in TYPES {
        module::add(this, name, ty.get().value().to_owned());
    }
    Ok(())
}
