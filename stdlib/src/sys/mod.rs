//! `sys`.
//!
//! `install` makes the module with everything that does not need files or the library; the standard streams and the
//! search path follow in `startup`.

pub mod facts;
mod frames;
pub mod hooks;
mod library_names;
mod limits;
mod tracing;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use pyrt_runtime::codecs::fs_decode;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::memory::zero_counts;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::gil;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{list, module, set, std_printer, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub use limits::print_memory_statistics;

use crate::version;

/// Makes `sys` and puts it into `sys.modules` with `builtins`.
pub fn install(thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let sys = module::new("sys");
    facts::ready_types();
    module::add(*sys, "__doc__", Owned::str(DOC));
    for table in [FUNCTIONS, hooks::FUNCTIONS, frames::FUNCTIONS, limits::FUNCTIONS, tracing::FUNCTIONS] {
        module::add_functions(*sys, table);
    }
    let monitoring = tracing::monitoring(thread);
    module::add(*sys, "monitoring", monitoring.clone());
    if let Some(modules) = interpreter.modules_dict() {
        DictObject::of(*modules).set_by_text("sys.monitoring", monitoring);
        module::add(*sys, "modules", modules.clone());
        let dict = DictObject::of(*modules);
        dict.set_by_text("sys", sys.clone());
        if let Some(builtins) = interpreter.load(&interpreter.builtins_module) {
            dict.set_by_text("builtins", builtins);
        }
    }
    for (name, descriptor) in [("stdin", 0), ("stdout", 1), ("stderr", 2)] {
        let printer = if descriptor == 0 { Owned::none() } else { std_printer::new(descriptor) };
        module::add(*sys, name, printer.clone());
        module::add(*sys, &format!("__{name}__"), printer);
    }
    if let Some(dict) = module::dict_of(*sys) {
        let dict = DictObject::of(*dict);
        for name in ["displayhook", "excepthook", "breakpointhook", "unraisablehook"] {
            if let Some(hook) = dict.get_by_text(name) {
                dict.set_by_text(&format!("__{name}__"), hook);
            }
        }
    }
    interpreter.set_hooks(|known| known.unraisable_args = Some(hooks::unraisable_args));
    add_constants(*sys, thread);
    add_configuration(*sys, thread);
    interpreter.store(&interpreter.sys_dict, module::dict_of(*sys));
    interpreter.store(&interpreter.sys_module, Some(sys));
    Ok(())
}

fn add_constants(sys: Value, thread: &mut Thread) {
    let add = |name: &str, value: Owned| module::add(sys, name, value);
    add("maxsize", Owned::int(i64::MAX));
    add("maxunicode", Owned::int(0x10FFFF));
    add("byteorder", Owned::str(if cfg!(target_endian = "little") { "little" } else { "big" }));
    add("platform", Owned::str("linux"));
    add("float_repr_style", Owned::str("short"));
    add("api_version", Owned::int(1013));
    add("copyright", Owned::str(COPYRIGHT));
    add("version", Owned::str(&version::text()));
    add("abiflags", Owned::str(version::ABI_FLAGS));
    add("hexversion", Owned::int(facts::HEX_VERSION));
    add("version_info", facts::version_info());
    add("hash_info", facts::hash_info());
    add("float_info", facts::float_info());
    add("int_info", facts::int_info());
    add("thread_info", facts::thread_info());
    add("implementation", facts::implementation());
    add("_framework", Owned::str(""));
    add("_git", tuple::pack([Owned::str("pyrt"), Owned::str(""), Owned::str("")]));
    let mut names: Vec<&str> = thread.interpreter.native_module_names();
    names.extend(["builtins", "sys"]);
    names.sort_unstable();
    add("builtin_module_names", tuple::from_vec(names.into_iter().map(string::intern_str).collect()));
    let names = library_names::STDLIB_MODULE_NAMES.iter().map(|name| string::intern_str(name)).collect();
    // Hashing strings does not fail.
    if let Ok(names) = set::frozenset_from(names, thread) {
        add("stdlib_module_names", names);
    }
    let jit = module::new("sys._jit");
    module::add_functions(*jit, JIT_FUNCTIONS);
    add("_jit", jit);
}

/// A string of the operating system (PEP 383).
pub fn os_string(text: impl AsRef<OsStr>) -> Owned {
    fs_decode(text.as_ref().as_bytes())
}

fn strings(values: &[impl AsRef<OsStr>]) -> Owned {
    list::from_vec(values.iter().map(os_string).collect())
}

fn add_configuration(sys: Value, thread: &mut Thread) {
    let config = thread.interpreter.config.read().clone();
    let add = |name: &str, value: Owned| module::add(sys, name, value);
    add("argv", strings(&config.argv));
    add("orig_argv", strings(&config.orig_argv));
    add("executable", os_string(&config.executable));
    add("_base_executable", os_string(&config.base_executable));
    for name in ["prefix", "exec_prefix"] {
        add(name, os_string(&config.prefix));
        add(&format!("base_{name}"), os_string(&config.base_prefix));
    }
    add("_home", Owned::none());
    add("platlibdir", os_string(&config.platform_library));
    add("_stdlib_dir", os_string(&config.home_lib));
    add("path", strings(&config.module_search_paths));
    add("path_hooks", list::new());
    add("path_importer_cache", dict::new());
    add("meta_path", list::new());
    add("pycache_prefix", config.pycache_prefix.as_deref().map_or_else(Owned::none, os_string));
    add("dont_write_bytecode", Owned::bool(config.dont_write_bytecode));
    add("warnoptions", strings(&config.warn_options));
    let options = dict::new();
    for (name, value) in &config.x_options {
        DictObject::of(*options).set_by_text(name, value.as_deref().map_or_else(Owned::true_, os_string));
    }
    add("_xoptions", options);
    add("flags", facts::flags(&config));
}

/// `sys.flags` again, after an option took effect at start-up.
pub fn refresh_flags(thread: &mut Thread) {
    let flags = facts::flags(&thread.interpreter.config.read());
    if let Some(sys) = thread.interpreter.load(&thread.interpreter.sys_module) {
        module::add(*sys, "flags", flags);
    }
}

fn is_gil_enabled(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(gil::is_enabled()))
}

fn getrefcount(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(if value.is_pointer() { zero_counts::count(value, thread) } else { i64::from(u32::MAX) }))
}

fn is_immortal(_module: Value, value: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a pointer value is a live object.
    Ok(Owned::bool(!value.is_pointer() || unsafe { (*value.header()).is_immortal() }))
}

fn intern(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    if string::is_exact(value) {
        return Ok(string::intern(value.to_owned()));
    }
    let got = value.type_object().full_name();
    if string::is_str(value) {
        return Err(thread.raise_type_error(format!("can't intern {got}")));
    }
    Err(thread.raise_type_error(format!("intern() argument must be str, not {got}")))
}

fn is_interned(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(value) {
        let got = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("_is_interned() argument must be str, not {got}")));
    }
    Ok(Owned::bool(StrObject::of(value).is_interned()))
}

fn exit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    // As `raise SystemExit, status`: a tuple gives the arguments.
    let status = args.get(0).unwrap_or_else(Value::none);
    let class = exc::SYSTEM_EXIT.get().value();
    let exception = if status.is_none() {
        pyrt_runtime::protocol::call::call(class, &[], thread)?
    } else if tuple::is_exact(status) {
        pyrt_runtime::protocol::call::call_tuple(class, status, None, thread)?
    } else {
        pyrt_runtime::protocol::call::call(class, &[status], thread)?
    };
    Err(thread.raise_exception(exception))
}

fn getdefaultencoding(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("utf-8"))
}

fn getfilesystemencoding(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("utf-8"))
}

fn getfilesystemencodeerrors(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("surrogateescape"))
}

fn is_finalizing(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(thread.interpreter.finalizing.load(pyrt_runtime::sync::Ordering::Acquire)))
}

fn no(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::false_())
}

fn get_cpu_count_config(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(thread.interpreter.config.read().cpu_count.unwrap_or(-1)))
}

fn clear_internal_caches(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

fn clear_type_cache(_module: Value, thread: &mut Thread) -> PyResult {
    let category = exc::DEPRECATION_WARNING.get().value();
    let text = "sys._clear_type_cache() is deprecated and scheduled for removal in a future version. Use sys._clear_internal_caches() instead.";
    if let Some(warn) = thread.interpreter.hooks().warn {
        warn(category, text, 1, thread)?;
    }
    Ok(Owned::none())
}

const DOC: &str = "This module provides access to some objects used or maintained by the\n\
    interpreter and to functions that interact strongly with the interpreter.";

const COPYRIGHT: &str = "Copyright (c) the pyrt authors.\nLicensed under MIT OR Apache-2.0.\n\n\
    The standard library: Copyright (c) 2001 Python Software Foundation.\nAll Rights Reserved.";

static JIT_FUNCTIONS: &[MethodDef] = &[
    method("is_available", NativeFn::NoArgs(no), "($module, /)", "Whether the interpreter has a JIT compiler: it has none."),
    method("is_enabled", NativeFn::NoArgs(no), "($module, /)", "Whether the JIT compiler is on."),
    method("is_active", NativeFn::NoArgs(no), "($module, /)", "Whether the innermost frame runs compiled code."),
];

static FUNCTIONS: &[MethodDef] = &[
    method("_is_gil_enabled", NativeFn::NoArgs(is_gil_enabled), "($module, /)", "Whether a GIL is in force."),
    method("_is_immortal", NativeFn::One(is_immortal), "($module, op, /)", "Whether the object is never freed."),
    method("_is_interned", NativeFn::One(is_interned), "($module, string, /)", "Whether the string is interned."),
    method("_clear_internal_caches", NativeFn::NoArgs(clear_internal_caches), "($module, /)", "Clears caches that only speed things up; there are none that hold memory."),
    method("_clear_type_cache", NativeFn::NoArgs(clear_type_cache), "($module, /)", "An old name of _clear_internal_caches()."),
    method("_get_cpu_count_config", NativeFn::NoArgs(get_cpu_count_config), "($module, /)", "The number of CPUs that -X cpu_count gave, or -1."),
    method("exit", NativeFn::Bound(exit), "($module, status=None, /)", "Exit the interpreter by raising SystemExit(status)."),
    method("getdefaultencoding", NativeFn::NoArgs(getdefaultencoding), "($module, /)", "The default encoding of str.encode()."),
    method("getfilesystemencoding", NativeFn::NoArgs(getfilesystemencoding), "($module, /)", "The encoding of file names."),
    method("getfilesystemencodeerrors", NativeFn::NoArgs(getfilesystemencodeerrors), "($module, /)", "The error handler of file names."),
    method("getrefcount", NativeFn::One(getrefcount), "($module, object, /)", "The number of references to an object."),
    method("intern", NativeFn::One(intern), "($module, string, /)", "Enter the string in the table of interned strings."),
    method("is_finalizing", NativeFn::NoArgs(is_finalizing), "($module, /)", "Whether the interpreter is shutting down."),
    method("is_stack_trampoline_active", NativeFn::NoArgs(no), "($module, /)", "Whether a stack profiler trampoline is active: there is none."),
    method("is_remote_debug_enabled", NativeFn::NoArgs(no), "($module, /)", "Whether other processes may run code here: they may not."),
];
