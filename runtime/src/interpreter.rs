//! What belongs to one interpreter: modules, import state, configuration, hooks (PROTOCOLS M25: no mutable static holds
//! Python state; the thread state leads here).

use std::ffi::OsString;

use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::sync::{AtomicBool, AtomicI32, AtomicU64, LeafMutex, LeafRwLock, Ordering};
use crate::threads::thread_state::{self, Thread};
use crate::types::dict::{self, DictObject};

/// Options that are fixed at start-up (CPython's `PyConfig`, as far as the runtime needs them).
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub optimize: i32,
    pub verbose: i32,
    pub inspect: bool,
    pub interactive: bool,
    pub quiet: bool,
    pub isolated: bool,
    pub no_site: bool,
    pub no_user_site: bool,
    pub ignore_environment: bool,
    pub dont_write_bytecode: bool,
    pub bytes_warning: i32,
    pub dev_mode: bool,
    pub utf8_mode: bool,
    pub safe_path: bool,
    pub unbuffered: bool,
    pub hash_seed: Option<u32>,
    pub int_max_str_digits: i32,
    pub warn_options: Vec<String>,
    pub x_options: Vec<(String, Option<String>)>,
    pub argv: Vec<OsString>,
    pub orig_argv: Vec<OsString>,
    pub executable: OsString,
    /// That of the installation that a virtual environment is made from.
    pub base_executable: OsString,
    pub prefix: OsString,
    pub base_prefix: OsString,
    /// `sys.platlibdir`: the folder under the prefixes that has the library.
    pub platform_library: OsString,
    /// The folder of the standard library.
    pub home_lib: OsString,
    pub module_search_paths: Vec<OsString>,
    pub pycache_prefix: Option<String>,
    pub warn_default_encoding: bool,
    pub thread_inherit_context: bool,
    pub context_aware_warnings: bool,
    pub tracemalloc: i32,
    pub faulthandler: bool,
    pub import_time: i32,
    pub parser_debug: bool,
    pub zeal: bool,
    pub check_hash_based_pycs: CheckHashBasedPycs,
    /// `-X gil` and `PYTHON_GIL`.
    pub gil: Option<bool>,
    pub cpu_count: Option<i64>,
    pub frozen_modules: Option<bool>,
    pub perf: i32,
    pub code_debug_ranges: bool,
    /// `sys.stdin`'s and its like: `PYTHONIOENCODING`.
    pub stdio_encoding: Option<String>,
    pub stdio_errors: Option<String>,
    /// `PYTHONMALLOCSTATS`
    pub malloc_stats: bool,
    /// Off by `-X disable-remote-debug`.
    pub remote_debug: bool,
}

/// `--check-hash-based-pycs` (PEP 552).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckHashBasedPycs {
    #[default]
    Default,
    Always,
    Never,
}

impl CheckHashBasedPycs {
    pub fn name(self) -> &'static str {
        match self {
            CheckHashBasedPycs::Default => "default",
            CheckHashBasedPycs::Always => "always",
            CheckHashBasedPycs::Never => "never",
        }
    }
}

/// How a native module comes into being: `create` makes the module object's contents.
#[derive(Clone, Copy)]
pub struct NativeModule {
    pub name: &'static str,
    pub initialize: fn(Value, &mut Thread) -> PyResult<()>,
}

/// Functions that upper layers install.
#[derive(Default, Clone, Copy)]
pub struct Hooks {
    pub run_signal_handlers: Option<fn(&mut Thread) -> PyResult<()>>,
    /// `_warnings.warn_explicit` for warnings that the runtime itself gives: category, text, stack level.
    pub warn: Option<fn(Value, &str, i64, &mut Thread) -> PyResult<()>>,
    /// Category, text, file name, line.
    pub warn_explicit: Option<fn(Value, &str, &str, i64, &mut Thread) -> PyResult<()>>,
    /// `compile()` of a tree, or to a tree; `None` leaves the source to the caller.
    pub compile_ast: Option<fn(Value, &str, crate::builtins::source::SourceOptions, &mut Thread) -> PyResult<Option<Owned>>>,
    /// `INTRINSIC_TYPEVAR` and its like (the classes are `_typing`'s): operand number, value.
    pub typing_intrinsic_1: Option<fn(u32, Value, &mut Thread) -> PyResult>,
    pub typing_intrinsic_2: Option<fn(u32, Value, Value, &mut Thread) -> PyResult>,
    /// The argument of `sys.unraisablehook`, from its five fields.
    pub unraisable_args: Option<fn(Vec<Owned>) -> Owned>,
}

pub struct Interpreter {
    pub config: LeafRwLock<Config>,
    recursion_limit: AtomicI32,
    /// `sys.modules`.
    pub modules: Slot,
    /// The dicts of `sys` and `builtins`.
    pub sys_dict: Slot,
    pub builtins_dict: Slot,
    /// `all` and `any` as they were made, for LOAD_COMMON_CONSTANT.
    pub builtin_all: Slot,
    pub builtin_any: Slot,
    /// Modules that `sys` and `builtins` are.
    pub sys_module: Slot,
    pub builtins_module: Slot,
    /// `importlib._bootstrap`, once it is loaded.
    pub importlib: Slot,
    /// The codec registry: search functions (list), cache and error handlers (dicts).
    pub codec_search_path: Slot,
    pub codec_cache: Slot,
    pub codec_errors: Slot,
    /// `atexit`'s functions: a list of tuples of function, arguments, keyword arguments, the last first.
    pub exit_functions: Slot,
    /// The lists `gc.callbacks` and `gc.garbage`.
    pub gc_callbacks: Slot,
    pub gc_garbage: Slot,
    /// The dict of `_warnings` as it was made: filters and actions while `warnings` is not imported.
    pub warnings_state: Slot,
    /// `sys.audit` hooks (a list), empty until one is added.
    pub audit_hooks: Slot,
    native_modules: LeafMutex<Vec<NativeModule>>,
    hooks: LeafRwLock<Hooks>,
    pub finalizing: AtomicBool,
    /// Thread ident of the main thread.
    pub main_thread: AtomicU64,
    anchor: crate::object::header::Header,
}

impl Interpreter {
    pub fn new(config: Config) -> &'static Interpreter {
        Box::leak(Box::new(Interpreter {
            config: LeafRwLock::new(config),
            recursion_limit: AtomicI32::new(1000),
            modules: Slot::empty(),
            sys_dict: Slot::empty(),
            builtins_dict: Slot::empty(),
            builtin_all: Slot::empty(),
            builtin_any: Slot::empty(),
            sys_module: Slot::empty(),
            builtins_module: Slot::empty(),
            importlib: Slot::empty(),
            codec_search_path: Slot::empty(),
            codec_cache: Slot::empty(),
            codec_errors: Slot::empty(),
            exit_functions: Slot::empty(),
            gc_callbacks: Slot::empty(),
            gc_garbage: Slot::empty(),
            warnings_state: Slot::empty(),
            audit_hooks: Slot::empty(),
            native_modules: LeafMutex::new(Vec::new()),
            hooks: LeafRwLock::new(Hooks::default()),
            finalizing: AtomicBool::new(false),
            main_thread: AtomicU64::new(0),
            anchor: crate::object::header::Header::immortal(0),
        }))
    }

    /// The header whose lock guards the slots of the interpreter.
    pub fn anchor(&self) -> &crate::object::header::Header {
        &self.anchor
    }

    /// A counted reference to what one of the interpreter's slots holds.
    pub fn load(&self, slot: &Slot) -> Option<Owned> {
        slot.load(&self.anchor)
    }

    pub fn store(&self, slot: &Slot, value: Option<Owned>) {
        drop(slot.replace(&self.anchor, value));
    }

    pub fn recursion_limit(&self) -> i32 {
        self.recursion_limit.load(Ordering::Relaxed)
    }

    /// Sets the limit; running threads adjust what they have left by the difference, which is returned.
    pub fn set_recursion_limit(&self, limit: i32) -> i32 {
        limit - self.recursion_limit.swap(limit, Ordering::Relaxed)
    }

    pub fn hooks(&self) -> Hooks {
        *self.hooks.read()
    }

    pub fn set_hooks(&self, change: impl FnOnce(&mut Hooks)) {
        change(&mut self.hooks.write());
    }

    pub fn add_native_module(&self, module: NativeModule) {
        self.native_modules.lock().push(module);
    }

    pub fn native_module(&self, name: &str) -> Option<NativeModule> {
        self.native_modules.lock().iter().find(|module| module.name == name).copied()
    }

    pub fn native_module_names(&self) -> Vec<&'static str> {
        self.native_modules.lock().iter().map(|module| module.name).collect()
    }

    /// `sys.modules` as a dict.
    pub fn modules_dict(&self) -> Option<Owned> {
        self.load(&self.modules).filter(|modules| dict::is_dict(**modules))
    }

    /// `sys.<name>`, if it is there.
    pub fn sys_get(&self, name: Value) -> Option<Owned> {
        DictObject::of(self.sys_dict.peek()?).get_str(name)
    }

    /// `builtins.<name>`, if it is there.
    pub fn builtin(&self, name: Value) -> Option<Owned> {
        DictObject::of(self.builtins_dict.peek()?).get_str(name)
    }
}

/// Immortal objects that native code makes all the time.
pub struct Singletons {
    pub empty_tuple: Value,
    pub empty_str: Value,
    pub empty_bytes: Value,
    pub empty_frozenset: Option<Value>,
    pub latin1: [Value; 256],
    pub byte: [Value; 256],
}

static mut SINGLETONS: Option<Singletons> = None;

/// The singletons. Valid after start-up.
#[inline(always)]
pub fn singletons() -> &'static Singletons {
    // SAFETY: written by `initialize_runtime` before other threads exist and before anything reads it.
    unsafe {
        match &*(&raw const SINGLETONS) {
            Some(singletons) => singletons,
            None => missing(),
        }
    }
}

#[cold]
fn missing() -> ! {
    panic!("singletons are used before the interpreter is set up")
}

/// Makes types, names and singletons. Called once, by the first thread, after it has been registered and attached.
pub fn initialize_runtime() {
    use crate::types::{bytes, string, tuple};
    crate::types::type_setup::make_skeletons();
    let immortal = |object: Owned| {
        let value = object.into_raw();
        // SAFETY: just made, nobody else has it.
        unsafe { (*value.header()).make_immortal() };
        value
    };
    let latin1 = std::array::from_fn(|ch| immortal(string::make_latin1(&[ch as u8])));
    let byte = std::array::from_fn(|ch| immortal(bytes::make(&[ch as u8])));
    let made = Singletons {
        empty_tuple: immortal(tuple::make_empty()),
        empty_str: immortal(string::make_latin1(b"")),
        empty_bytes: immortal(bytes::make(b"")),
        empty_frozenset: None,
        latin1,
        byte,
    };
    // SAFETY: only the first thread runs.
    unsafe { SINGLETONS = Some(made) };
    for ch in 0..=255u8 {
        let _ = string::intern(string::latin1_char(ch));
    }
    let _ = string::intern(string::empty());
    crate::names::initialize();
    crate::types::builtin_types::initialize();
    crate::types::template::add_match_args();
    let _ = thread_state::current();
}
