//! `_pickle`: objects as bytes and back.
//!
//! [`pickler`] and [`unpickler`] are the types; a dump runs as [`saving::Save`] (with [`reduction`] for objects that
//! reduce themselves and [`globals`] for names), a load as [`loading::Load`].
//!
//! # Invariants
//! * A pickler or unpickler at work is marked so; its output, stack and input belong to the run alone. Only the memos
//!   are shared with other users of the object, behind its lock.

mod buffer;
mod globals;
mod input;
mod loading;
mod memo;
mod memo_proxy;
mod notes;
mod opcodes;
mod output;
mod pickler;
mod reduction;
mod saving;
mod unpickler;

use std::sync::OnceLock;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::import::import_module;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::attribute;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{bytes, dict, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;

pub const MODULE: NativeModule = NativeModule { name: "_pickle", initialize };

static PICKLE_ERROR: ExceptionClass = ExceptionClass::new("_pickle", "PickleError", &exc::EXCEPTION);
static PICKLING_ERROR: ExceptionClass = ExceptionClass::derived("_pickle", "PicklingError", &PICKLE_ERROR);
static UNPICKLING_ERROR: ExceptionClass = ExceptionClass::derived("_pickle", "UnpicklingError", &PICKLE_ERROR);

/// Objects of other modules that pickles refer to. The words own their objects for good.
struct Registries {
    dispatch_table: u64,
    extension_registry: u64,
    inverted_registry: u64,
    extension_cache: u64,
    name_mapping: u64,
    import_mapping: u64,
    reverse_name_mapping: u64,
    reverse_import_mapping: u64,
    codecs_encode: u64,
    getattr: u64,
    partial: u64,
}

static REGISTRIES: OnceLock<Registries> = OnceLock::new();

macro_rules! registries {
    ($($name:ident),* $(,)?) => {
        impl Registries {
            $(fn $name(&self) -> Value {
                // SAFETY: the word is an object that is never released.
                unsafe { Value::from_bits(self.$name) }
            })*
        }
    };
}

registries!(
    dispatch_table, extension_registry, inverted_registry, extension_cache, name_mapping, import_mapping,
    reverse_name_mapping, reverse_import_mapping, codecs_encode, getattr, partial,
);

/// The registries, looked up when the module is first used.
fn registries(thread: &mut Thread) -> PyResult<&'static Registries> {
    if let Some(registries) = REGISTRIES.get() {
        return Ok(registries);
    }
    let mut found = |module: &str, name: &str, is_dict: bool| -> PyResult<u64> {
        let owner = import_module(module, thread)?;
        let object = attribute::get_by_text(*owner, name, thread)?;
        if is_dict && !dict::is_exact(*object) {
            let given = object.type_object().full_name();
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("{module}.{name} should be a dict, not {given}")));
        }
        Ok(object.into_raw().bits())
    };
    let made = Registries {
        dispatch_table: found("copyreg", "dispatch_table", true)?,
        extension_registry: found("copyreg", "_extension_registry", true)?,
        inverted_registry: found("copyreg", "_inverted_registry", true)?,
        extension_cache: found("copyreg", "_extension_cache", true)?,
        name_mapping: found("_compat_pickle", "NAME_MAPPING", true)?,
        import_mapping: found("_compat_pickle", "IMPORT_MAPPING", true)?,
        reverse_name_mapping: found("_compat_pickle", "REVERSE_NAME_MAPPING", true)?,
        reverse_import_mapping: found("_compat_pickle", "REVERSE_IMPORT_MAPPING", true)?,
        codecs_encode: found("codecs", "encode", false)?,
        getattr: found("builtins", "getattr", false)?,
        partial: found("functools", "partial", false)?,
    };
    // The loser of a race leaves its references unused.
    Ok(REGISTRIES.get_or_init(|| made))
}

fn dump(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pickler = pickler::create(thread)?;
    pickler::configure(*pickler, Some(args.at(1)), &args.from(2).take(3), thread)?;
    pickler::dump_to_file(*pickler, args.at(0), thread)?;
    Ok(Owned::none())
}

fn dumps(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pickler = pickler::create(thread)?;
    pickler::configure(*pickler, None, &args.from(1).take(3), thread)?;
    Ok(bytes::from_vec(pickler::dump_to_bytes(*pickler, args.at(0), thread)?))
}

fn load(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let unpickler = unpickler::create(thread)?;
    unpickler::configure(*unpickler, unpickler::Source::File(args.at(0)), &args.from(1).take(4), "load", thread)?;
    unpickler::run(*unpickler, thread)
}

fn loads(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let unpickler = unpickler::create(thread)?;
    unpickler::configure(*unpickler, unpickler::Source::Data(args.at(0)), &args.from(1).take(4), "loads", thread)?;
    unpickler::run(*unpickler, thread)
}

static FUNCTIONS: &[MethodDef] = &[
    method("dump", NativeFn::Bound(dump), "($module, /, obj, file, protocol=None, *, fix_imports=True,\n     buffer_callback=None)", "Write a pickled representation of obj to the open file object file."),
    method("dumps", NativeFn::Bound(dumps), "($module, /, obj, protocol=None, *, fix_imports=True,\n      buffer_callback=None)", "Return the pickled representation of the object as a bytes object."),
    method("load", NativeFn::Bound(load), "($module, /, file, *, fix_imports=True, encoding='ASCII',\n     errors='strict', buffers=())", "Read and return an object from the pickle data stored in a file."),
    method("loads", NativeFn::Bound(loads), "($module, data, /, *, fix_imports=True, encoding='ASCII',\n      errors='strict', buffers=())", "Read and return an object from the given pickle data."),
];

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    registries(thread)?;
    module::add(this, "__doc__", Owned::str("Optimized C implementation for the Python pickle module."));
    module::add_functions(this, FUNCTIONS);
    for (name, class) in [("PickleError", &PICKLE_ERROR), ("PicklingError", &PICKLING_ERROR), ("UnpicklingError", &UNPICKLING_ERROR)] {
        module::add(this, name, class.get(thread)?.to_owned());
    }
    module::add_type(this, &pickler::PICKLER);
    module::add_type(this, &unpickler::UNPICKLER);
    crate::datetime::leave_module_to_name(&buffer::PICKLE_BUFFER);
    module::add_type(this, &buffer::PICKLE_BUFFER);
    Ok(())
}
