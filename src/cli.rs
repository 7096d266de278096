//! From the process's arguments to its exit code.

use std::ffi::{OsString, c_int};
use std::io::Write;

use crate::options::{self, Stop};
use crate::{paths, startup};

/// Runs the program named by the process's arguments.
///
/// Rust's own start of a program does not run (see `src/bin/`): it would open the standard descriptors that are closed,
/// which a program is to find closed.
pub fn main() -> c_int {
    // SAFETY: before any other thread. A pipe without a reader is an error to the writer, as in Rust's own start.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut config = options::defaults();
    let options = match options::read(&arguments, &mut config) {
        Ok(options) => options,
        Err(Stop::Print(text)) => {
            let mut out = std::io::stdout();
            return if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok() { 0 } else { 120 };
        }
        Err(Stop::Usage(text)) => {
            let _ = std::io::stderr().write_all(text.as_bytes());
            return 2;
        }
        Err(Stop::Fatal(function, text, state)) => {
            let function = if function.is_empty() { String::new() } else { format!("{function}: ") };
            let text = format!("Fatal Python error: {function}{text}\nPython runtime state: {state}\n\n");
            let _ = std::io::stderr().write_all(text.as_bytes());
            return 1;
        }
    };
    paths::configure(&mut config, &options);
    startup::run(options, config)
}
