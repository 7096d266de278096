//! The buffer protocol: memory that an object lends.

use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;

/// The memory must be writable.
pub const WRITABLE: u32 = 1;

/// Memory lent by an object. It stays in place until the buffer is dropped: the exporter counts its exports (in
/// `owner`, whose release runs no Python code).
///
/// Bytes that Python can change are never a Rust slice: other threads may write them meanwhile (PROTOCOLS M19).
pub struct Buffer {
    pub owner: Owned,
    pub data: *mut u8,
    /// Bytes in all.
    pub len: usize,
    pub is_readonly: bool,
    pub itemsize: usize,
    /// The item format as `struct` writes it.
    pub format: std::borrow::Cow<'static, str>,
    pub shape: Vec<i64>,
    pub strides: Vec<i64>,
    /// Called when the buffer is given back.
    pub release: Option<fn(Value)>,
}

impl Buffer {
    /// A one-dimensional buffer of bytes.
    pub fn bytes(owner: Owned, data: *mut u8, len: usize, is_readonly: bool, release: Option<fn(Value)>) -> Buffer {
        Buffer {
            owner,
            data,
            len,
            is_readonly,
            itemsize: 1,
            format: std::borrow::Cow::Borrowed("B"),
            shape: vec![len as i64],
            strides: vec![1],
            release,
        }
    }

    /// A private copy of the bytes in order (C-contiguous).
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![0u8; self.len];
        if self.is_contiguous() {
            // SAFETY: `len` bytes are lent; a racing write gives some mixture, no undefined memory.
            unsafe { std::ptr::copy_nonoverlapping(self.data, out.as_mut_ptr(), self.len) };
            return out;
        }
        let mut at = 0;
        self.copy_strided(0, 0, &mut out, &mut at);
        out
    }

    fn copy_strided(&self, dimension: usize, offset: i64, out: &mut [u8], at: &mut usize) {
        if dimension == self.shape.len() {
            // SAFETY: shape and strides describe memory that is lent.
            unsafe { std::ptr::copy_nonoverlapping(self.data.offset(offset as isize), out.as_mut_ptr().add(*at), self.itemsize) };
            *at += self.itemsize;
            return;
        }
        for i in 0..self.shape[dimension] {
            self.copy_strided(dimension + 1, offset + i * self.strides[dimension], out, at);
        }
    }

    pub fn is_contiguous(&self) -> bool {
        let mut expected = self.itemsize as i64;
        for (extent, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *extent > 1 && *stride != expected {
                return false;
            }
            expected *= extent;
        }
        true
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(*self.owner);
        }
    }
}

/// Whether the value lends memory.
pub fn supports_buffer(value: Value) -> bool {
    value.type_object().slots.buffer.raw() != 0
}

/// Asks `value` for its memory.
pub fn get(value: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    match value.type_object().slots.buffer.get() {
        Some(function) => function(value, flags, thread),
        None => {
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("a bytes-like object is required, not '{name}'")))
        }
    }
}

/// A private copy of a bytes-like argument.
pub fn copy_bytes(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if value.has_shape(crate::types::builtin_types::shapes::BYTES) {
        return Ok(crate::types::bytes::BytesObject::of(value).as_slice().to_vec());
    }
    Ok(get(value, 0, thread)?.to_vec())
}
