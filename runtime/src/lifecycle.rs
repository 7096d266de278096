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

/// What an uncaught exception means for the exit: SystemExit gives its code, anything else is shown and gives 1.
pub fn handle_uncaught(thread: &mut Thread) -> i32 {
    let Some(exception) = thread.take_exception() else { return 0 };
    if exception.is_instance(exc::SYSTEM_EXIT.get()) {
        let object = crate::exceptions::object::ValueException::of(*exception);
        return match object.value.load(&object.base.header) {
            None => 0,
            Some(code) if code.is_none() => 0,
            Some(code) => match crate::types::int::as_i64(*code) {
                Some(code) => code as i32,
                None => {
                    let text = crate::protocol::convert::str_text(*code, thread).unwrap_or_default();
                    flush_standard_files(thread);
                    eprintln!("{text}");
                    1
                }
            },
        };
    }
    show_exception(exception, thread);
    1
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
                crate::protocol::finalize::write_unraisable(None, Some(*file), thread);
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

