//! `cargo xtask demo`: builds everything and shows two programs on both binaries, on one thread and on all cores.

use std::path::Path;
use std::process::Command;

use crate::dist;

pub fn run() -> Result<(), String> {
    dist::lay_out()?;
    let binaries = dist::BINARIES.map(|(name, _, _)| Path::new(dist::ROOT).join("bin").join(name));
    println!("Each program with 1 and more threads, in seconds; then how many times faster more threads are.");
    let status = Command::new(&binaries[0])
        .arg("scripts/compare_gil.py")
        .args(&binaries)
        .args(["--runs", "1", "--only", "primes", "--only", "mandelbrot"])
        .status()
        .map_err(|error| format!("{}: {error}", binaries[0].display()))?;
    if status.success() { Ok(()) } else { Err("the programs failed".into()) }
}
