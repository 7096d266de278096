//! Starting and ending an interpreter.

use crate::exceptions::ExceptionObject;
use crate::exceptions::exc;
use crate::interp::call_frame;
use crate::interpreter::{self, Config, Interpreter};
use crate::object::value::{Owned, PyResult, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::{self, Thread};
use crate::types::dict::{self, DictObject};
use crate::types::module;
use crate::types::string::StrObject;

/// Address space for the frames of a thread.
pub const FRAME_STACK_BYTES: usize = 256 << 20;
/// Native stack that is kept free for error handling.
pub const NATIVE_RESERVE: usize = 256 << 10;

/// The lowest address to which the calling thread's native stack may grow.
pub fn native_limit() -> usize {
    // SAFETY: queries of the calling thread's own attributes.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return 0;
        }
        let (mut base, mut size) = (std::ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attributes, &mut base, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        // The main thread's stack grows on demand up to the limit that the attributes give.
        base as usize + NATIVE_RESERVE.min(size / 4)
    }
}

/// Makes the interpreter and its main thread, which is attached afterwards. Types, names, `builtins` and an empty
/// `sys.modules` exist then; `sys` and the rest are the caller's next steps.
pub fn start(config: Config) -> PyResult<Box<Thread>> {
    crate::types::hashing::set_seed(config.hash_seed);
    crate::import::import_time::set_level(config.import_time);
    let interpreter = Interpreter::new(config);
    let mut thread = thread_state::register(interpreter, true, native_limit(), FRAME_STACK_BYTES);
    thread_state::attach(&mut thread);
    interpreter.main_thread.store(thread.shared.ident.load(Ordering::Relaxed), Ordering::Relaxed);
    interpreter::initialize_runtime();
    interpreter.store(&interpreter.modules, Some(dict::new()));
    if let Err(raised) = crate::builtins::initialize(&mut thread) {
        if let Some(exception) = thread.take_exception() {
            eprint!("{}", crate::exceptions::display::render(*exception, &mut thread));
        }
        return Err(raised);
    }
    Ok(thread)
}

/// The namespace of `__main__`, made if there is none.
pub fn main_namespace(thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let interpreter = thread.interpreter;
    let modules = interpreter.modules_dict().unwrap_or_else(dict::new);
    if let Some(main) = DictObject::of(*modules).get_str(names.__main__) {
        if let Some(namespace) = module::dict_of(*main) {
            return Ok(namespace);
        }
    }
    let main = module::new("__main__");
    DictObject::of(*modules).set(names.__main__, main.clone(), thread)?;
    let namespace = module::dict_of(*main).unwrap_or_else(dict::new);
    if let Some(builtins) = interpreter.load(&interpreter.builtins_module) {
        DictObject::of(*namespace).set(names.__builtins__, builtins, thread)?;
    }
    Ok(namespace)
}

/// Runs a code object as the body of `__main__`.
pub fn run_main(code: Value, thread: &mut Thread) -> PyResult {
    let namespace = main_namespace(thread)?;
    call_frame::run_code(code, *namespace, *namespace, thread)
}

/// Stands for an exit code: the process ends as killed by SIGINT, so that a shell sees it.
pub const EXIT_BY_SIGINT: i32 = 130;

/// Ends the interpreter: waits for threads that are no daemons, runs the exit functions, stops all other threads, clears
/// the modules so that finalizers run, flushes. False if standard output could not be flushed.
pub fn finish(thread: &mut Thread) -> bool {
    call_module_function("threading", "_shutdown", thread);
    run_exit_functions(thread);
    let mut fine = flush_standard_files(thread);
    // Release: threads that see it see all that was done before. They stop at their next safepoint or when they attach.
    thread.interpreter.finalizing.store(true, Ordering::Release);
    thread_state::for_each_thread(|shared| shared.request(thread_state::REQUEST_PENDING));
    clear_modules(thread);
    // Once is enough to say that it could not be done.
    if fine {
        fine = flush_standard_files(thread);
    }
    fine
}

/// Calls what `atexit.register` was given, the last first, and forgets it.
pub fn run_exit_functions(thread: &mut Thread) {
    let interpreter = thread.interpreter;
    let Some(functions) = interpreter.load(&interpreter.exit_functions) else { return };
    let list = crate::types::list::ListObject::of(*functions);
    for entry in list.to_vec() {
        let &[function, args, keywords] = crate::types::tuple::TupleObject::of(*entry).items() else { continue };
        if crate::protocol::call::call_tuple(function, args, Some(keywords), thread).is_err() {
            let had = thread.take_exception();
            let shown = crate::protocol::special::safe_repr(function, thread);
            if let Some(had) = had {
                thread.set_exception(had);
            }
            crate::protocol::finalize::write_unraisable(Some(&format!("Exception ignored in atexit callback {shown}")), None, thread);
        }
    }
    drop(list.take_all());
}

/// Calls a function of a module that is loaded; what it raises is unraisable.
fn call_module_function(module: &str, function: &str, thread: &mut Thread) {
    let Some(module) = crate::import::loaded_module(module, thread) else { return };
    if crate::protocol::call::call_method(*module, *crate::names::interned(function), &[], thread).is_err() {
        crate::protocol::finalize::write_unraisable(Some("Exception ignored on threading shutdown"), Some(*module), thread);
    }
}

/// Takes the modules apart in CPython's order: names of `sys` that hold user objects, then `sys.modules`, a collection,
/// and the namespaces of modules that are still alive, the last first.
fn clear_modules(thread: &mut Thread) {
    let interpreter = thread.interpreter;
    let Some(sys_dict) = interpreter.load(&interpreter.sys_dict) else { return };
    let sys_dict = DictObject::of(*sys_dict);
    if let Some(builtins) = interpreter.load(&interpreter.builtins_dict) {
        release_name(DictObject::of(*builtins), "_", thread);
    }
    for name in ["path", "argv", "ps1", "ps2", "last_exc", "last_type", "last_value", "last_traceback", "path_importer_cache", "meta_path", "path_hooks"] {
        release_name(sys_dict, name, thread);
    }
    for name in ["stdin", "stdout", "stderr"] {
        if let Some(original) = sys_dict.get_by_text(&format!("__{name}__")) {
            sys_dict.set_by_text(name, original);
        }
    }
    let Some(modules) = interpreter.modules_dict() else { return };
    let entries = DictObject::of(*modules).entries();
    let mut remaining = Vec::new();
    for entry in &entries {
        let is_base = interpreter.sys_module.peek().is_some_and(|sys| sys.is(*entry.value))
            || interpreter.builtins_module.peek().is_some_and(|builtins| builtins.is(*entry.value));
        if module::is_module(*entry.value) && !is_base && crate::types::weakref::is_referenceable(*entry.value) {
            let reference = crate::types::weakref::new(crate::types::builtin_types::WEAKREF.get(), *entry.value, None, thread);
            drop(thread.take_exception());
            remaining.extend(reference.ok());
        }
    }
    drop(entries);
    DictObject::of(*modules).clear(thread);
    crate::memory::collector::collect(thread);
    for reference in remaining.into_iter().rev() {
        let Some(module) = crate::types::weakref::upgrade(*reference) else { continue };
        if let Some(namespace) = module::dict_of(*module) {
            clear_namespace(DictObject::of(*namespace), thread);
        }
    }
    crate::memory::collector::collect(thread);
    crate::object::lifetime::drain_pending(thread);
}

fn release_name(dict: &DictObject, name: &str, thread: &mut Thread) {
    if dict.get_by_text(name).is_some() {
        let name = crate::names::interned(name);
        if let Some(old) = dict.set_str(*name, Owned::none()) {
            crate::object::lifetime::release(old, thread);
        }
    }
}

/// Sets a module's names to None: first those with one leading underscore, then the rest but `__builtins__`.
fn clear_namespace(dict: &DictObject, thread: &mut Thread) {
    for is_private_turn in [true, false] {
        for entry in dict.entries() {
            if entry.value.is_none() || !crate::types::string::is_str(*entry.key) {
                continue;
            }
            let name = crate::types::string::StrObject::of(*entry.key).to_string_lossy();
            let is_private = name.starts_with('_') && !name.starts_with("__");
            if is_private == is_private_turn && name != "__builtins__" {
                let key = entry.key.clone();
                drop(entry);
                if let Some(old) = dict.set_str(*key, Owned::none()) {
                    crate::object::lifetime::release(old, thread);
                }
            }
        }
    }
}

/// What an uncaught exception means for the exit: SystemExit gives its code, anything else is shown and gives 1. Where a
/// prompt follows (`-i`), SystemExit is shown as well.
pub fn handle_uncaught(thread: &mut Thread) -> i32 {
    let Some(exception) = thread.take_exception() else { return 0 };
    let inspects = thread.interpreter.config.read().inspect;
    if exception.is_instance(exc::SYSTEM_EXIT.get()) && !inspects {
        return exit_code(&exception, thread);
    }
    let code = if exception.is_instance(exc::KEYBOARD_INTERRUPT.get()) && !inspects { EXIT_BY_SIGINT } else { 1 };
    remember_exception(&exception, thread);
    show_exception(exception, thread);
    code
}

/// The exit code of a SystemExit; what is no number is shown, and gives 1.
fn exit_code(exception: &Owned, thread: &mut Thread) -> i32 {
    // A subclass may have an attribute of its own.
    let code = crate::protocol::attribute::get_by_text(**exception, "code", thread).unwrap_or_else(|_| Owned::none());
    drop(thread.take_exception());
    if code.is_none() {
        return 0;
    }
    if code.is_instance(crate::types::builtin_types::INT.get()) {
        // One that does not fit is -1, as in C.
        return crate::types::int::as_i64(*code).map_or(-1, |code| code as i32);
    }
    flush_standard_files(thread);
    let names = crate::names::names();
    // The object itself, so that the stream's error handler sees surrogates.
    let text = crate::protocol::convert::str(*code, thread).unwrap_or_else(|_| crate::types::string::empty());
    drop(thread.take_exception());
    let stderr = thread.interpreter.sys_get(names.stderr).filter(|file| !file.is_none());
    let written = stderr.is_some_and(|file| crate::protocol::call::call_method(*file, names.write, &[*text], thread).is_ok());
    drop(thread.take_exception());
    let rest = if written { String::new() } else { StrObject::of(*text).to_string_lossy() };
    crate::exceptions::display::write_to_stderr(&format!("{rest}\n"), thread);
    1
}

/// Sets `sys.last_exc` and its like.
pub fn remember_exception(exception: &Owned, thread: &mut Thread) {
    let interpreter = thread.interpreter;
    let Some(sys) = interpreter.load(&interpreter.sys_module) else { return };
    let traceback = ExceptionObject::of(**exception).traceback().unwrap_or_else(Owned::none);
    module::add(*sys, "last_exc", exception.clone());
    module::add(*sys, "last_type", exception.type_object().value().to_owned());
    module::add(*sys, "last_value", exception.clone());
    module::add(*sys, "last_traceback", traceback);
}

/// Hands an exception to `sys.excepthook`; without one it is shown in the simplest form.
pub fn show_exception(exception: Owned, thread: &mut Thread) {
    let names = crate::names::names();
    let traceback = ExceptionObject::of(*exception).traceback().unwrap_or_else(Owned::none);
    if let Some(hook) = thread.interpreter.sys_get(names.excepthook).filter(|hook| !hook.is_none()) {
        let class = exception.type_object().value();
        match crate::protocol::call::call(*hook, &[class, *exception, *traceback], thread) {
            Ok(_) => return,
            Err(_) => {
                eprintln!("Error in sys.excepthook:");
                if let Some(second) = thread.take_exception() {
                    crate::exceptions::display::print(*second, thread);
                }
                eprintln!("\nOriginal exception was:");
            }
        }
    }
    crate::exceptions::display::print(*exception, thread);
}

/// Flushes `sys.stdout` and `sys.stderr`; false if standard output could not be flushed.
pub fn flush_standard_files(thread: &mut Thread) -> bool {
    let names = crate::names::names();
    let had = thread.take_exception();
    let mut fine = true;
    for (name, matters) in [(names.stdout, true), (names.stderr, false)] {
        let Some(file) = thread.interpreter.sys_get(name).filter(|file| !file.is_none()) else { continue };
        let closed = crate::protocol::attribute::get_optional(*file, names.closed, thread);
        let is_closed = matches!(closed, Ok(Some(flag)) if flag.is_true());
        drop(thread.take_exception());
        if is_closed {
            continue;
        }
        if crate::protocol::call::call_method(*file, names.flush, &[], thread).is_err() {
            if matters {
                crate::protocol::finalize::write_unraisable(Some("Exception ignored while flushing sys.stdout"), None, thread);
                fine = false;
            } else {
                drop(thread.take_exception());
            }
        }
    }
    if let Some(had) = had {
        thread.set_exception(had);
    }
    fine
}

