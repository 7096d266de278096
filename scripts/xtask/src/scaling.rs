//! `cargo xtask scaling`: the patterns of `benches/scaling`, on `pyrt-t` or on another Python.

use std::path::Path;
use std::process::Command;

use crate::dist;

/// `--python COMMAND` names another Python; all other arguments are the script's.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let mut arguments = arguments.to_vec();
    let python = match arguments.iter().position(|argument| argument == "--python") {
        Some(at) if at + 1 < arguments.len() => {
            arguments.remove(at);
            arguments.remove(at).into()
        }
        Some(_) => return Err("--python wants a command".into()),
        None => {
            dist::lay_out()?;
            Path::new(dist::ROOT).join("bin").join("pyrt-t")
        }
    };
    let status = Command::new(&python)
        .arg("benches/scaling/scaling.py")
        .args(&arguments)
        .status()
        .map_err(|error| format!("{}: {error}", python.display()))?;
    if status.success() { Ok(()) } else { Err("the patterns failed".into()) }
}
