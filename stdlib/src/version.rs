//! The version of Python that this is: that of the library laid out.

/// `platform.python_version()`.
pub const NUMBER: &str = "3.14.0";
pub const MAJOR: i64 = 3;
pub const MINOR: i64 = 14;
pub const MICRO: i64 = 0;

/// `sys.implementation.cache_tag`: names the files in `__pycache__`.
pub const CACHE_TAG: &str = "pyrt-314";

/// `sys.implementation._multiarch`.
#[cfg(target_arch = "x86_64")]
pub const MULTIARCH: &str = "x86_64-linux-gnu";
#[cfg(target_arch = "aarch64")]
pub const MULTIARCH: &str = "aarch64-linux-gnu";

/// `sys.abiflags`: `t` says that the build has no GIL of its own.
pub const ABI_FLAGS: &str = if pyrt_runtime::FREE_THREADED { "t" } else { "" };

/// `sys.version`: the version, which build it is, and what compiled it.
pub fn text() -> String {
    let build = if pyrt_runtime::FREE_THREADED { " free-threading build" } else { "" };
    format!("{NUMBER}{build} (pyrt {}) [Rust]", env!("CARGO_PKG_VERSION"))
}
