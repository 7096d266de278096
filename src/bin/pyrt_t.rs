//! `pyrt-t`: Python without a global interpreter lock.

#[path = "../cli.rs"]
mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
