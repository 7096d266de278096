//! From the process's arguments to its exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::options::{self, Stop};
use crate::{paths, startup};

/// Runs the program named by the process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut config = options::defaults();
    let options = match options::read(&arguments, &mut config) {
        Ok(options) => options,
        Err(Stop::Print(text)) => {
            let mut out = std::io::stdout();
            return if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok() { ExitCode::SUCCESS } else { ExitCode::from(120) };
        }
        Err(Stop::Usage(text)) => {
            let _ = std::io::stderr().write_all(text.as_bytes());
            return ExitCode::from(2);
        }
        Err(Stop::Fatal(function, text, state)) => {
            let text = format!("Fatal Python error: {function}: {text}\nPython runtime state: {state}\n\n");
            let _ = std::io::stderr().write_all(text.as_bytes());
            return ExitCode::FAILURE;
        }
    };
    paths::configure(&mut config, options.home.as_deref(), options.python_path.as_deref());
    ExitCode::from(startup::run(options, config) as u8)
}
