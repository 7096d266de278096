//! `_imp`: what `importlib` needs from the runtime. There are no extension modules (no C API), so `create_dynamic` and
//! `exec_dynamic` are missing, as on other platforms without dynamic loading.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::import;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, buffer, compare};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::code::CodeObject;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{bytes, list, memoryview, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::frozen;
use crate::thread::recursive_lock::RecursiveLock;

pub const MODULE: NativeModule = NativeModule { name: "_imp", initialize };

/// The token of CPython 3.14: the bytecode is the same.
pub const MAGIC_NUMBER_TOKEN: u32 = 168_627_755;

static IMPORT_LOCK: RecursiveLock = RecursiveLock::new();

fn text(value: Value, function: &str, thread: &mut Thread) -> PyResult<String> {
    if string::is_str(value) {
        return Ok(StrObject::of(value).to_string_lossy());
    }
    let got = value.type_object().full_name();
    Err(thread.raise_type_error(format!("{function}() argument must be str, not {got}")))
}

fn lock_held(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(IMPORT_LOCK.is_held()))
}

fn acquire_lock(_module: Value, thread: &mut Thread) -> PyResult {
    IMPORT_LOCK.acquire(thread)?;
    Ok(Owned::none())
}

fn release_lock(_module: Value, thread: &mut Thread) -> PyResult {
    if IMPORT_LOCK.release(thread) { Ok(Owned::none()) } else { Err(thread.raise(&exc::RUNTIME_ERROR, "not holding the import lock")) }
}

/// Before a fork: the child finds no import half done by a thread that is gone. What a signal handler raises while this
/// waits is dropped, for `fork` cannot be half done either.
pub fn hold_import_lock(thread: &mut Thread) {
    if IMPORT_LOCK.acquire(thread).is_err() {
        drop(thread.take_exception());
    }
}

/// After a fork, in parent and child.
pub fn release_import_lock(thread: &Thread) {
    IMPORT_LOCK.release(thread);
}

/// Whether the runtime itself has the module, with the two that exist before import does.
fn is_native(name: &str, thread: &Thread) -> bool {
    name == "sys" || name == "builtins" || thread.interpreter.native_module(name).is_some()
}

fn is_builtin(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = text(name, "is_builtin", thread)?;
    // -1: it can be imported once only.
    Ok(Owned::int(if name == "sys" || name == "builtins" { -1 } else { i64::from(is_native(&name, thread)) }))
}

fn create_builtin(_module: Value, spec: Value, thread: &mut Thread) -> PyResult {
    let name = attribute::get_by_text(spec, "name", thread)?;
    let name = text(*name, "create_builtin", thread)?;
    let interpreter = thread.interpreter;
    let existing = match name.as_str() {
        "sys" => interpreter.load(&interpreter.sys_module),
        "builtins" => interpreter.load(&interpreter.builtins_module),
        _ => None,
    };
    match existing {
        Some(existing) => Ok(existing),
        None => Ok(import::create_native(&name, thread)?.unwrap_or_else(Owned::none)),
    }
}

fn exec_builtin(_module: Value, _made: Value, _thread: &mut Thread) -> PyResult {
    // Native modules are complete when they have been created.
    Ok(Owned::int(0))
}

fn extension_suffixes(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(list::new())
}

fn raise_not_frozen(name: &str, thread: &mut Thread) -> Raised {
    let is_known = frozen::known(name).is_some();
    let quoted = Owned::str(name);
    let quoted = match pyrt_runtime::protocol::convert::repr_text(*quoted, thread) {
        Ok(quoted) => quoted,
        Err(raised) => return raised,
    };
    let text = if is_known {
        format!("Frozen modules are disabled and the frozen object named {quoted} is not essential")
    } else {
        format!("No such frozen object named {quoted}")
    };
    import::raise_import_error(&text, Some(name), thread)
}

fn is_frozen(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = text(name, "is_frozen", thread)?;
    Ok(Owned::bool(frozen::find(&name, thread).is_some()))
}

fn is_frozen_package(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = text(name, "is_frozen_package", thread)?;
    match frozen::find(&name, thread) {
        Some(found) => Ok(Owned::bool(found.is_package)),
        None => Err(raise_not_frozen(&name, thread)),
    }
}

fn find_frozen(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = text(args.at(0), "find_frozen", thread)?;
    let with_data = args.get(1).map_or(Ok(false), |flag| compare::truth(flag, thread))?;
    let Some(found) = frozen::find(&name, thread) else { return Ok(Owned::none()) };
    let data = if with_data {
        let code = frozen::load(found, thread)?;
        let data = bytes::from_vec(crate::marshal::dumps_bytes(*code, thread)?);
        memoryview::from_object(*data, thread)?
    } else {
        Owned::none()
    };
    Ok(tuple::pack([data, Owned::bool(found.is_package), Owned::str(found.original)]))
}

fn get_frozen_object(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = text(args.at(0), "get_frozen_object", thread)?;
    if let Some(data) = args.get(1).filter(|data| !data.is_none()) {
        let data = buffer::copy_bytes(data, thread)?;
        let code = crate::marshal::loads_bytes(&data, thread)?;
        if !code.has_shape(shapes::CODE) {
            return Err(thread.raise_type_error(format!("frozen object {name} is not a code object")));
        }
        return Ok(code);
    }
    match frozen::find(&name, thread) {
        Some(found) => frozen::load(found, thread),
        None => Err(raise_not_frozen(&name, thread)),
    }
}

fn init_frozen(_module: Value, name: Value, thread: &mut Thread) -> PyResult {
    let name = text(name, "init_frozen", thread)?;
    match frozen::find(&name, thread) {
        Some(found) => frozen::import(found, thread),
        None => Ok(Owned::none()),
    }
}

fn frozen_module_names(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(list::from_vec(frozen::MODULES.iter().map(|frozen| Owned::str(frozen.name)).collect()))
}

fn override_frozen_modules(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    frozen::OVERRIDE.store(pyrt_runtime::protocol::convert::as_c_int(value, thread)?, Ordering::Relaxed);
    Ok(Owned::none())
}

fn override_multi_interp_check(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    pyrt_runtime::protocol::convert::as_c_int(value, thread)?;
    Err(thread.raise(&exc::RUNTIME_ERROR, "_imp._override_multi_interp_extensions_check() cannot be used in the main interpreter"))
}

/// Gives a code object and those in it another file name, where they have the same as the outermost.
pub fn fix_filename(code: Value, old: Value, new: Value) {
    let code = CodeObject::of(code);
    let own = code.filename();
    if !StrObject::of(*own).equals(StrObject::of(old)) {
        return;
    }
    code.set_filename(new.to_owned());
    for constant in code.consts() {
        if constant.is_pointer() && constant.has_shape(shapes::CODE) {
            fix_filename(*constant, old, new);
        }
    }
}

fn fix_co_filename(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (code, path) = (args.at(0), args.at(1));
    if !(code.is_pointer() && code.has_shape(shapes::CODE)) {
        let got = code.type_object().full_name();
        return Err(thread.raise_type_error(format!("_fix_co_filename() argument 1 must be code, not {got}")));
    }
    if !string::is_str(path) {
        let got = path.type_object().full_name();
        return Err(thread.raise_type_error(format!("_fix_co_filename() argument 2 must be str, not {got}")));
    }
    let old = CodeObject::of(code).filename();
    if !StrObject::of(*old).equals(StrObject::of(path)) {
        fix_filename(code, *old, path);
    }
    Ok(Owned::none())
}

fn source_hash(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = pyrt_runtime::protocol::convert::as_c_long(args.at(0), thread)?;
    let source = buffer::copy_bytes(args.at(1), thread)?;
    let hash = pyrt_runtime::number::hash::siphash13(key as u64, 0, &source);
    Ok(bytes::from_slice(&hash.to_le_bytes()))
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("(Extremely) low-level import machinery bits as used by importlib."));
    module::add_functions(this, FUNCTIONS);
    let check = thread.interpreter.config.read().check_hash_based_pycs;
    module::add(this, "check_hash_based_pycs", Owned::str(check.name()));
    module::add(this, "pyc_magic_number_token", Owned::int(i64::from(MAGIC_NUMBER_TOKEN)));
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method("extension_suffixes", NativeFn::NoArgs(extension_suffixes), "($module, /)", "Returns the list of file suffixes used to identify extension modules."),
    method("lock_held", NativeFn::NoArgs(lock_held), "($module, /)", "Return True if the import lock is currently held, else False."),
    method("acquire_lock", NativeFn::NoArgs(acquire_lock), "($module, /)", "Acquires the interpreter's import lock for the current thread."),
    method("release_lock", NativeFn::NoArgs(release_lock), "($module, /)", "Release the interpreter's import lock."),
    method("find_frozen", NativeFn::Bound(find_frozen), "($module, name, /, *, withdata=False)", "Return info about the corresponding frozen module (if there is one) or None."),
    method("get_frozen_object", NativeFn::Bound(get_frozen_object), "($module, name, data=None, /)", "Create a code object for a frozen module."),
    method("is_frozen_package", NativeFn::One(is_frozen_package), "($module, name, /)", "Returns True if the module name is of a frozen package."),
    method("create_builtin", NativeFn::One(create_builtin), "($module, spec, /)", "Create an extension module."),
    method("init_frozen", NativeFn::One(init_frozen), "($module, name, /)", "Initializes a frozen module."),
    method("is_builtin", NativeFn::One(is_builtin), "($module, name, /)", "Returns True if the module name corresponds to a built-in module."),
    method("is_frozen", NativeFn::One(is_frozen), "($module, name, /)", "Returns True if the module name corresponds to a frozen module."),
    method("_frozen_module_names", NativeFn::NoArgs(frozen_module_names), "($module, /)", "Returns the list of available frozen modules."),
    method("_override_frozen_modules_for_tests", NativeFn::One(override_frozen_modules), "($module, override, /)", "(internal-only) Override PyConfig.use_frozen_modules."),
    method("_override_multi_interp_extensions_check", NativeFn::One(override_multi_interp_check), "($module, override, /)", "(internal-only) Override PyInterpreterConfig.check_multi_interp_extensions."),
    method("exec_builtin", NativeFn::One(exec_builtin), "($module, mod, /)", "Initialize a built-in module."),
    method("_fix_co_filename", NativeFn::Bound(fix_co_filename), "($module, code, path, /)", "Changes code.co_filename to specify the passed-in file path."),
    method("source_hash", NativeFn::Bound(source_hash), "($module, /, key, source)", "The hash of a source file for hash-based .pyc files."),
];
