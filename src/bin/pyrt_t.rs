//! `pyrt-t`: Python without a global interpreter lock.
#![no_main]

/// What the C library calls. Rust's own `main` would open descriptors 0 to 2 where they are closed.
// SAFETY: the only function of this name in the program.
#[unsafe(no_mangle)]
pub extern "C" fn main(_count: std::ffi::c_int, _arguments: *const *const std::ffi::c_char) -> std::ffi::c_int {
    pyrt::cli::main()
}
