//! Hash functions: `_md5`, `_sha1`, `_sha2`, `_sha3`, `_blake2`, `_hmac` and `_hashlib`.

mod algorithm;
pub mod blake2;
pub mod hashlib;
pub mod mac;
mod object;
pub mod sha;
