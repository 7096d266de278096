//! The interactive prompt: the library's `_pyrepl` on a terminal, else a plain one that reads statements from standard
//! input, one at a time.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bumpalo::Bump;
use pyrt_compiler::syntax::Mode;
use pyrt_runtime::builtins::source::{self, FLAG_ALLOW_INCOMPLETE_INPUT, FLAG_DONT_IMPLY_DEDENT, FUTURE_FLAGS, SourceOptions};
use pyrt_runtime::codecs::fs_decode;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interp::call_frame;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::sync::{AtomicU32, AtomicUsize, Ordering};
use pyrt_runtime::types::code::CodeObject;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::{Owned, PyResult, Thread, Value, import, lifecycle, names};
use pyrt_stdlib::sys::hooks::audit_event;

use crate::startup;

/// What `sys` has of the prompt.
pub static FUNCTIONS: &[MethodDef] =
    &[method("_baserepl", NativeFn::NoArgs(baserepl), "($module, /)", "Private function for getting the base REPL")];

fn is_terminal() -> bool {
    // SAFETY: asks about a descriptor.
    unsafe { libc::isatty(0) == 1 }
}

/// Whether commands are read from a terminal, or as from one (`-i`).
pub fn is_interactive(thread: &Thread) -> bool {
    is_terminal() || thread.interpreter.config.read().interactive
}

/// A variable that is set and not empty, unless variables are ignored.
fn variable(name: &str, thread: &Thread) -> Option<OsString> {
    if thread.interpreter.config.read().ignore_environment {
        return None;
    }
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Version and help, where nothing but the prompt is to run.
pub fn print_banner(runs_code: bool, thread: &mut Thread) {
    let (quiet, verbose, no_site) = {
        let config = thread.interpreter.config.read();
        (config.quiet, config.verbose > 0, config.no_site)
    };
    if quiet || !(verbose || !runs_code && is_interactive(thread)) {
        return;
    }
    eprintln!("Python {} on linux", pyrt_stdlib::version::text());
    if !no_site {
        eprintln!("Type \"help\", \"copyright\", \"credits\" or \"license\" for more information.");
    }
}

/// Completion for `input()` and the plain prompt, where there is a `readline`.
pub fn import_readline(runs_code: bool, thread: &mut Thread) {
    let (isolated, inspect) = {
        let config = thread.interpreter.config.read();
        (config.isolated, config.inspect)
    };
    if isolated || (!inspect && runs_code) || !is_terminal() {
        return;
    }
    for name in ["readline", "rlcompleter"] {
        if import::import_module(name, thread).is_err() {
            drop(thread.take_exception());
            return;
        }
    }
}

/// No prompt follows the one that begins: `SystemExit` ends the program from here on.
fn forget_inspect(thread: &mut Thread) {
    thread.interpreter.config.write().inspect = false;
    // SAFETY: the prompt's own thread; others that read the environment use the same C library.
    unsafe { libc::unsetenv(c"PYTHONINSPECT".as_ptr()) };
}

/// The prompt that is all that runs; the exit code.
pub fn from_standard_input(thread: &mut Thread) -> i32 {
    forget_inspect(thread);
    let started = run_startup_file(thread).and_then(|()| run_interactive_hook(thread)).and_then(|()| audit_event("cpython.run_stdin", &[], thread));
    match started {
        Ok(()) => interact(thread),
        Err(_) => lifecycle::handle_uncaught(thread),
    }
}

/// The prompt after a program, if it is wanted (`-i`, `PYTHONINSPECT`, which the program may have set); the exit code.
pub fn after_program(code: i32, thread: &mut Thread) -> i32 {
    let wanted = thread.interpreter.config.read().inspect || variable("PYTHONINSPECT", thread).is_some();
    if !wanted || !is_interactive(thread) {
        return code;
    }
    forget_inspect(thread);
    let started = run_startup_file(thread).and_then(|()| run_interactive_hook(thread)).and_then(|()| audit_event("cpython.run_stdin", &[], thread));
    match started {
        Ok(()) => interact(thread),
        Err(_) => lifecycle::handle_uncaught(thread),
    }
}

fn interact(thread: &mut Thread) -> i32 {
    if !is_terminal() || variable("PYTHON_BASIC_REPL", thread).is_some() {
        return match run(thread) {
            Ok(()) => 0,
            Err(_) => lifecycle::handle_uncaught(thread),
        };
    }
    match run_library_prompt(thread) {
        Ok(()) => 0,
        Err(_) => lifecycle::handle_uncaught(thread),
    }
}

fn run_library_prompt(thread: &mut Thread) -> PyResult<()> {
    let prompt = import::import_module("_pyrepl.main", thread)?;
    let interactive_console = pyrt_runtime::protocol::attribute::get_by_text(*prompt, "interactive_console", thread)?;
    // Makes the module if the program took it away.
    lifecycle::main_namespace(thread)?;
    let main = import::import_module("__main__", thread)?;
    let no_startup = Owned::false_();
    call::call_keywords(*interactive_console, &[], &[("mainmodule", *main), ("pythonstartup", *no_startup)], thread).map(drop)
}

/// `PYTHONSTARTUP`; only a SystemExit passes.
fn run_startup_file(thread: &mut Thread) -> PyResult<()> {
    let Some(path) = variable("PYTHONSTARTUP", thread) else { return Ok(()) };
    let name = fs_decode(path.as_bytes());
    audit_event("cpython.run_startup", &[*name], thread)?;
    let result = match std::fs::read(&path) {
        Ok(bytes) => startup::run_file_bytes(Path::new(&path), bytes, false, thread),
        Err(error) => {
            lifecycle::flush_standard_files(thread);
            eprintln!("Could not open PYTHONSTARTUP");
            Err(thread.raise_os_error(error.raw_os_error().unwrap_or(0), Some(*name), None))
        }
    };
    if result.is_err() {
        show(thread)?;
    }
    Ok(())
}

/// `sys.__interactivehook__`: the history and completion of `readline`, set by `site`.
fn run_interactive_hook(thread: &mut Thread) -> PyResult<()> {
    let Some(hook) = thread.interpreter.sys_get(*names::interned("__interactivehook__")) else { return Ok(()) };
    let result = audit_event("cpython.run_interactivehook", &[*hook], thread).and_then(|()| call::call(*hook, &[], thread));
    if result.is_err() {
        lifecycle::flush_standard_files(thread);
        eprintln!("Failed calling sys.__interactivehook__");
        show(thread)?;
    }
    Ok(())
}

/// Shows the exception, keeps it as `sys.last_exc`; SystemExit passes.
fn show(thread: &mut Thread) -> PyResult<()> {
    if thread.exception_matches(&exc::SYSTEM_EXIT) {
        return Err(match thread.take_exception() {
            Some(exception) => thread.reraise(exception),
            None => thread.raise(&exc::SYSTEM_ERROR, "no exception"),
        });
    }
    let Some(exception) = thread.take_exception() else { return Ok(()) };
    lifecycle::remember_exception(&exception, thread);
    lifecycle::show_exception(exception, thread);
    lifecycle::flush_standard_files(thread);
    Ok(())
}

/// `sys.ps1` or `sys.ps2`.
fn prompt_text(name: &str, thread: &mut Thread) -> String {
    match thread.interpreter.sys_get(*names::interned(name)) {
        Some(prompt) => {
            let text = convert::str_text(*prompt, thread);
            drop(thread.take_exception());
            text.unwrap_or_default()
        }
        None => String::new(),
    }
}

/// Reads to the end of a line; `None` at the end of input.
fn read_line(prompt: &str, thread: &mut Thread) -> PyResult<Option<String>> {
    lifecycle::flush_standard_files(thread);
    let mut err = std::io::stderr();
    let _ = err.write_all(prompt.as_bytes()).and_then(|()| err.flush());
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        // One byte at a time: what follows the line may be for the program's own reading.
        // SAFETY: the buffer has room for one byte.
        let got = thread.detached(|| unsafe { libc::read(0, byte.as_mut_ptr().cast(), 1) });
        match got {
            1 => {
                line.push(byte[0]);
                if byte[0] == b'\n' {
                    break;
                }
            }
            0 if line.is_empty() => return Ok(None),
            0 => break,
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {
                let polled = pyrt_runtime::threads::safepoint::poll(thread);
                if polled.is_err() {
                    // The line that was begun is left.
                    let _ = err.write_all(b"\n");
                }
                polled?;
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// How many statements were read.
static STATEMENTS: AtomicUsize = AtomicUsize::new(0);
/// The `__future__` features that statements have asked for: they hold for those that follow.
static FUTURES: AtomicU32 = AtomicU32::new(0);

fn compile(text: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    let error_filename = format!("<stdin-{}>", STATEMENTS.fetch_add(1, Ordering::Relaxed));
    let code = source::compile_typed(text, "<stdin>", &error_filename, options, thread)?;
    FUTURES.fetch_or(CodeObject::of(*code).flags & FUTURE_FLAGS, Ordering::Relaxed);
    startup::remember_source(&code, text, "<stdin>", thread)?;
    Ok(code)
}

/// Whether the text parses as a statement; false if more lines belong to it.
fn parses(text: &str, options: SourceOptions, thread: &mut Thread) -> PyResult<bool> {
    let arena = Bump::new();
    match source::parse_tree(&arena, text, "<stdin>", options, thread) {
        Ok(_) => Ok(true),
        Err(raised) => {
            drop::<Owned>(thread.catch(raised, &exc::INCOMPLETE_INPUT_ERROR)?);
            Ok(false)
        }
    }
}

/// Whether the text is a whole statement: one with a body ends with an empty line.
fn is_whole(text: &str, options: SourceOptions, thread: &mut Thread) -> PyResult<bool> {
    if !parses(text, options, thread)? {
        return Ok(false);
    }
    let open_ended = text.strip_suffix('\n').unwrap_or(text);
    // Without the line's end, a body may go on.
    if open_ended.is_empty() || open_ended.ends_with('\n') { Ok(true) } else { parses(open_ended, options, thread) }
}

/// Compiles what there is at the end of input.
fn finish(text: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    eprintln!();
    compile(text, options, thread)
}

/// Reads a statement, which may take several lines.
fn read_statement(thread: &mut Thread) -> PyResult<Option<Owned>> {
    let futures = FUTURES.load(Ordering::Relaxed);
    let whole = SourceOptions { mode: Mode::Single, flags: futures, ..SourceOptions::module(thread) };
    let options = SourceOptions { flags: futures | FLAG_DONT_IMPLY_DEDENT | FLAG_ALLOW_INCOMPLETE_INPUT, ..whole };
    let mut text = String::new();
    loop {
        let prompt = prompt_text(if text.is_empty() { "ps1" } else { "ps2" }, thread);
        let Some(line) = read_line(&prompt, thread)? else {
            if text.is_empty() {
                return Ok(None);
            }
            return finish(&text, whole, thread).map(Some);
        };
        let content = line.trim();
        if text.is_empty() && (content.is_empty() || content.starts_with('#')) {
            continue;
        }
        text.push_str(&line);
        if !line.ends_with('\n') {
            // The end of input, which was asked for in vain.
            eprint!("{}", prompt_text("ps2", thread));
            return finish(&text, whole, thread).map(Some);
        }
        if is_whole(&text, options, thread)? {
            return compile(&text, whole, thread).map(Some);
        }
    }
}

/// The plain prompt: reads and runs until the end of input. Only SystemExit comes out of it.
fn run(thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    if let Some(sys) = interpreter.load(&interpreter.sys_module) {
        for (name, text) in [("ps1", ">>> "), ("ps2", "... ")] {
            if interpreter.sys_get(*names::interned(name)).is_none() {
                module::add(*sys, name, Owned::str(text));
            }
        }
    }
    loop {
        let result = match read_statement(thread) {
            Ok(None) => {
                eprintln!();
                return Ok(());
            }
            Ok(Some(code)) => lifecycle::main_namespace(thread)
                .and_then(|namespace| call_frame::run_code(*code, *namespace, *namespace, thread))
                .map(drop),
            Err(raised) => Err(raised),
        };
        if result.is_err() {
            show(thread)?;
        }
    }
}

fn baserepl(_module: Value, thread: &mut Thread) -> PyResult {
    run(thread)?;
    Ok(Owned::none())
}
