//! The module `_json`.
mod encoder;
mod scanner;
mod strings;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_json", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("json speedups\n"));
    module::add(this, "make_scanner", scanner::SCANNER.get().value().to_owned());
    module::add(this, "make_encoder", encoder::ENCODER.get().value().to_owned());
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method(
        "encode_basestring_ascii",
        NativeFn::One(strings::encode_basestring_ascii),
        "($self, object, /)",
        "Return an ASCII-only JSON representation of a Python string",
    ),
    method("encode_basestring", NativeFn::One(strings::encode_basestring), "($self, object, /)", "Return a JSON representation of a Python string"),
    method(
        "scanstring",
        NativeFn::Bound(strings::scanstring),
        "-($module, string, end, strict=True, /)",
        "scanstring(string, end, strict=True) -> (string, end)\n\nScan the string s for a JSON string. End is the index of the\ncharacter in s after the quote that started the JSON string.",
    ),
];

/// Which of the native string encoders a value is: `Some(true)` for the one that keeps to ASCII.
fn native_encoder(value: Value) -> Option<bool> {
    use pyrt_runtime::types::builtin_function::BuiltinFunction;
    if !value.has_shape(pyrt_runtime::types::builtin_types::shapes::BUILTIN_FUNCTION) {
        return None;
    }
    let def = BuiltinFunction::of(value).def();
    if std::ptr::eq(def, &FUNCTIONS[0]) {
        Some(true)
    } else if std::ptr::eq(def, &FUNCTIONS[1]) {
        Some(false)
    } else {
        None
    }
}
