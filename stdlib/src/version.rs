//! The version of Python that this is: that of the library laid out.

/// `platform.python_version()`.
pub const NUMBER: &str = "3.14.0";
pub const MAJOR: i64 = 3;
pub const MINOR: i64 = 14;
pub const MICRO: i64 = 0;
