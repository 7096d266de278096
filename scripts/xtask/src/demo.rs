//! `cargo xtask demo`: builds both binaries and runs a program on each.

use std::process::Command;
use std::time::Instant;

use crate::dist;

const PROGRAM: &str = "examples/primes.py";

pub fn run() -> Result<(), String> {
    for (name, extra, folder) in dist::BINARIES {
        let binary = dist::build(name, extra, folder, "release")?;
        let start = Instant::now();
        let status = Command::new(&binary).arg(PROGRAM).status().map_err(|error| format!("{name}: {error}"))?;
        if !status.success() {
            return Err(format!("{name} {PROGRAM} failed"));
        }
        println!("{name}: {:.2} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}
