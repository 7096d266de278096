//! From the command line to a run: options, start-up, exit code. Thin: all else is the runtime's.

use std::process::ExitCode;

use pyrt_runtime::builtins::source::{self, SourceOptions};
use pyrt_runtime::interpreter::Config;
use pyrt_runtime::lifecycle;

/// What is run.
enum Task {
    Command(String),
    Script(String),
    StandardInput,
}

/// Runs the program named by the process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let mut config = Config { int_max_str_digits: 4300, orig_argv: arguments.clone(), ..Config::default() };
    let task = match parse(&arguments, &mut config) {
        Ok(task) => task,
        Err(code) => return ExitCode::from(code),
    };
    ExitCode::from(run(task, config) as u8)
}

/// Reads the options up to the first that ends them (`-c`, a file name, `-`).
fn parse(arguments: &[String], config: &mut Config) -> Result<Task, u8> {
    let mut i = 1;
    while let Some(argument) = arguments.get(i) {
        match argument.as_str() {
            "-c" => {
                let Some(command) = arguments.get(i + 1) else {
                    eprintln!("Argument expected for the -c option");
                    return Err(2);
                };
                config.argv = std::iter::once("-c".to_string()).chain(arguments[i + 2..].iter().cloned()).collect();
                return Ok(Task::Command(format!("{command}\n")));
            }
            "-" => {
                config.argv = arguments[i..].to_vec();
                return Ok(Task::StandardInput);
            }
            "-O" => config.optimize += 1,
            "-OO" => config.optimize += 2,
            "-B" => config.dont_write_bytecode = true,
            "-S" => config.no_site = true,
            "-q" => config.quiet = true,
            "-V" | "--version" => {
                println!("Python {}", pyrt_stdlib::version::NUMBER);
                return Err(0);
            }
            other if other.starts_with('-') => {
                eprintln!("Unknown option: {other}");
                return Err(2);
            }
            _ => {
                config.argv = arguments[i..].to_vec();
                return Ok(Task::Script(absolute(argument)));
            }
        }
        i += 1;
    }
    config.argv = vec![String::new()];
    Ok(Task::StandardInput)
}

/// The path of the script from the root, otherwise unchanged, as `__file__` and tracebacks show it.
fn absolute(path: &str) -> String {
    match std::env::current_dir() {
        Ok(directory) if !path.starts_with('/') => format!("{}/{path}", directory.display()),
        _ => path.to_string(),
    }
}

fn run(task: Task, config: Config) -> i32 {
    let Ok(mut thread) = lifecycle::start(config) else {
        eprintln!("Fatal Python error: the interpreter cannot be started");
        return 1;
    };
    let thread = &mut *thread;
    pyrt_stdlib::register(thread.interpreter);
    if pyrt_stdlib::sys::install(thread).is_err() {
        let code = lifecycle::handle_uncaught(thread);
        eprintln!("Fatal Python error: `sys` cannot be set up");
        return code.max(1);
    }
    let (text, filename) = match task {
        Task::Command(command) => (Ok(command), "<string>".to_string()),
        Task::Script(path) => match std::fs::read(&path) {
            Ok(bytes) => (source::decode_source(&bytes, &path, thread), path),
            Err(error) => {
                let code = error.raw_os_error().unwrap_or(0);
                let text = pyrt_runtime::exceptions::raise::system_error_text(code);
                let executable = std::env::args().next().unwrap_or_default();
                eprintln!("{executable}: can't open file '{path}': [Errno {code}] {text}");
                return 2;
            }
        },
        Task::StandardInput => {
            let mut bytes = Vec::new();
            let _ = std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes);
            (source::decode_source(&bytes, "<stdin>", thread), "<stdin>".to_string())
        }
    };
    let options = SourceOptions::module(thread);
    let result = text
        .and_then(|text| source::compile_text(&text, &filename, options, thread))
        .and_then(|code| lifecycle::run_main(*code, thread));
    let code = match result {
        Ok(value) => {
            drop(value);
            0
        }
        Err(_) => lifecycle::handle_uncaught(thread),
    };
    if lifecycle::flush_standard_files(thread) { code } else { 120 }
}
