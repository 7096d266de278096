//! `pyrt`: Python with a global interpreter lock.

fn main() -> std::process::ExitCode {
    pyrt::cli::main()
}
