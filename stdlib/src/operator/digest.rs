//! `_compare_digest`: comparison in a time that tells nothing about the contents.

use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::string::{self, StrObject};

/// Whether the bytes are equal; takes as long as the right side is long.
pub fn are_equal(left: &[u8], right: &[u8]) -> bool {
    // With unequal lengths the right side is compared with itself, and the answer is no all the same.
    let (compared, mut difference) = if left.len() == right.len() { (left, 0u8) } else { (right, 1u8) };
    for (a, b) in compared.iter().zip(right) {
        difference |= std::hint::black_box(a ^ b);
    }
    difference == 0
}

pub fn compare_digest(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (a, b) = (args.at(0), args.at(1));
    if string::is_str(a) && string::is_str(b) {
        return match (StrObject::of(a).as_ascii(), StrObject::of(b).as_ascii()) {
            (Some(a), Some(b)) => Ok(Owned::bool(are_equal(a.as_bytes(), b.as_bytes()))),
            _ => Err(thread.raise_type_error("comparing strings with non-ASCII characters is not supported")),
        };
    }
    if !buffer::supports_buffer(a) && !buffer::supports_buffer(b) {
        let (a, b) = (a.type_object().full_name(), b.type_object().full_name());
        return Err(thread.raise_type_error(format!("unsupported operand types(s) or combination of types: '{a}' and '{b}'")));
    }
    let a = buffer::copy_bytes(a, thread)?;
    let b = buffer::copy_bytes(b, thread)?;
    Ok(Owned::bool(are_equal(&a, &b)))
}
