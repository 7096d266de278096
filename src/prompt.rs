//! The interactive prompt: statements from standard input, one at a time.

use std::io::Write;

use pyrt_compiler::syntax::Mode;
use pyrt_runtime::builtins::source::{self, FLAG_ALLOW_INCOMPLETE_INPUT, FLAG_DONT_IMPLY_DEDENT, SourceOptions};
use pyrt_runtime::exceptions::{ExceptionObject, exc};
use pyrt_runtime::interp::call_frame;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::module;
use pyrt_runtime::{Owned, PyResult, Thread, lifecycle};

use crate::startup;

/// `PYTHONSTARTUP`
pub fn run_startup_file(thread: &mut Thread) -> PyResult<()> {
    if thread.interpreter.config.read().ignore_environment {
        return Ok(());
    }
    let Some(path) = std::env::var_os("PYTHONSTARTUP").filter(|path| !path.is_empty()) else { return Ok(()) };
    let shown = path.to_string_lossy().into_owned();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let code = error.raw_os_error().unwrap_or(0);
            let text = pyrt_runtime::exceptions::raise::system_error_text(code);
            eprintln!("Could not open PYTHONSTARTUP\nFileNotFoundError: [Errno {code}] {text}: '{shown}'");
            return Ok(());
        }
    };
    let result = source::decode_source(&bytes, &shown, thread)
        .and_then(|text| source::compile_text(&text, &shown, SourceOptions::module(thread), thread))
        .and_then(|code| lifecycle::run_main(*code, thread));
    if result.is_err() {
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
    let interpreter = thread.interpreter;
    if let Some(sys) = interpreter.load(&interpreter.sys_module) {
        let traceback = ExceptionObject::of(*exception).traceback().unwrap_or_else(Owned::none);
        module::add(*sys, "last_exc", exception.clone());
        module::add(*sys, "last_type", exception.type_object().value().to_owned());
        module::add(*sys, "last_value", exception.clone());
        module::add(*sys, "last_traceback", traceback);
    }
    lifecycle::show_exception(exception, thread);
    lifecycle::flush_standard_files(thread);
    Ok(())
}

/// `sys.ps1` or `sys.ps2`.
fn prompt_text(name: &str, default: &str, thread: &mut Thread) -> String {
    match thread.interpreter.sys_get(*pyrt_runtime::names::interned(name)) {
        Some(prompt) => {
            let text = convert::str_text(*prompt, thread);
            drop(thread.take_exception());
            text.unwrap_or_default()
        }
        None => default.to_string(),
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
                pyrt_runtime::threads::safepoint::poll(thread)?;
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Reads a statement, which may take several lines.
fn read_statement(thread: &mut Thread) -> PyResult<Option<Owned>> {
    let options = SourceOptions {
        mode: Mode::Single,
        flags: FLAG_DONT_IMPLY_DEDENT | FLAG_ALLOW_INCOMPLETE_INPUT,
        ..SourceOptions::module(thread)
    };
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { prompt_text("ps1", ">>> ", thread) } else { prompt_text("ps2", "... ", thread) };
        let Some(line) = read_line(&prompt, thread)? else {
            if text.is_empty() {
                return Ok(None);
            }
            return finish_statement(&text, SourceOptions { flags: 0, ..options }, thread).map(Some);
        };
        if text.is_empty() && line.trim().is_empty() {
            continue;
        }
        text.push_str(&line);
        match source::compile_text(&text, "<stdin>", options, thread) {
            Ok(code) => {
                startup::remember_source(&code, &text, "<stdin>", thread)?;
                return Ok(Some(code));
            }
            Err(raised) if thread.exception_matches(&exc::INCOMPLETE_INPUT_ERROR) => {
                drop(thread.catch(raised, &exc::INCOMPLETE_INPUT_ERROR)?);
            }
            Err(raised) => return Err(raised),
        }
    }
}

fn finish_statement(text: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    let code = source::compile_text(text, "<stdin>", options, thread)?;
    startup::remember_source(&code, text, "<stdin>", thread)?;
    Ok(code)
}

/// Reads and runs until the end of input or SystemExit; the exit code.
pub fn run(thread: &mut Thread) -> i32 {
    let quiet = thread.interpreter.config.read().quiet;
    let interpreter = thread.interpreter;
    if let Some(sys) = interpreter.load(&interpreter.sys_module) {
        for (name, text) in [("ps1", ">>> "), ("ps2", "... ")] {
            if interpreter.sys_get(*pyrt_runtime::names::interned(name)).is_none() {
                module::add(*sys, name, Owned::str(text));
            }
        }
    }
    if !quiet {
        eprintln!(
            "Python {} on linux\nType \"help\", \"copyright\", \"credits\" or \"license\" for more information.",
            pyrt_stdlib::version::text()
        );
    }
    loop {
        let result = match read_statement(thread) {
            Ok(None) => {
                eprintln!();
                return 0;
            }
            Ok(Some(code)) => lifecycle::main_namespace(thread)
                .and_then(|namespace| call_frame::run_code(*code, *namespace, *namespace, thread))
                .map(drop),
            Err(raised) => Err(raised),
        };
        if result.is_err() && show(thread).is_err() {
            return lifecycle::handle_uncaught(thread);
        }
    }
}
