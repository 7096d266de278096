//! What an unpickler reads: bytes at hand, and a file that gives more.
//!
//! # Invariants
//! * `data` is the content of `chunk`, which is bytes and lives as long.
//! * A file with `peek` has been read only up to `synced`; the rest of the chunk was looked at in advance. Without
//!   `peek` all of the chunk has been read.
//! * A frame lies within one chunk; no opcode reads across its end.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::{bytearray, memoryview};
use pyrt_runtime::{Owned, PyResult, Raised, Thread, Value};

use super::UNPICKLING_ERROR;

/// How much is looked at in advance.
const PREFETCH: usize = 16 * 1024;

/// The methods of a file.
#[derive(Clone)]
struct File {
    read: Owned,
    readline: Owned,
    readinto: Option<Owned>,
    peek: Option<Owned>,
}

pub struct Input {
    chunk: Owned,
    data: &'static [u8],
    position: usize,
    synced: usize,
    frame_end: Option<usize>,
    file: Option<File>,
}

/// `UnpicklingError(message)`.
#[cold]
pub fn unpickling_error(message: impl AsRef<str>, thread: &mut Thread) -> Raised {
    UNPICKLING_ERROR.raise(message, thread)
}

#[cold]
pub fn truncated(thread: &mut Thread) -> Raised {
    unpickling_error("pickle data was truncated", thread)
}

impl Input {
    /// Data without a file; `data` is bytes.
    pub fn of_bytes(data: Owned) -> Input {
        let content = BytesObject::of(*data).as_slice();
        Input { data: content, chunk: data, position: 0, synced: 0, frame_end: None, file: None }
    }

    pub fn of_file(file: Value, thread: &mut Thread) -> PyResult<Input> {
        let names = pyrt_runtime::names();
        let peek = attribute::get_optional(file, names.peek, thread)?;
        let readinto = attribute::get_optional(file, names.readinto, thread)?;
        let read = attribute::get_optional(file, names.read, thread)?;
        let readline = attribute::get_optional(file, names.readline, thread)?;
        let (Some(read), Some(readline)) = (read, readline) else {
            return Err(thread.raise_type_error("file must have 'read' and 'readline' attributes"));
        };
        let mut input = Input::of_bytes(bytes::from_slice(b""));
        input.file = Some(File { read, readline, readinto, peek });
        Ok(input)
    }

    pub fn visit(&self, visit: &mut dyn FnMut(Value)) {
        visit(*self.chunk);
        if let Some(file) = &self.file {
            visit(*file.read);
            visit(*file.readline);
            for method in [&file.readinto, &file.peek].into_iter().flatten() {
                visit(**method);
            }
        }
    }

    fn set_chunk(&mut self, chunk: Owned, synced: bool) {
        self.data = BytesObject::of(*chunk).as_slice();
        self.position = 0;
        self.synced = if synced { self.data.len() } else { 0 };
        self.frame_end = None;
        // The old chunk goes after `data` has left it.
        drop(std::mem::replace(&mut self.chunk, chunk));
    }

    fn expect_bytes(&self, found: Owned, thread: &mut Thread) -> PyResult {
        if bytes::is_bytes(*found) {
            return Ok(found);
        }
        let shown = convert::repr_text(*found, thread)?;
        Err(thread.raise_value_error(format!("read() returned non-bytes object ({shown})")))
    }

    /// Makes the file's own position that of the input.
    pub fn sync(&mut self, thread: &mut Thread) -> PyResult<()> {
        if self.position > self.synced {
            if let Some(file) = self.file.clone() {
                let n = Owned::usize(self.position - self.synced);
                self.synced = self.position;
                drop(call::call(*file.read, &[*n], thread)?);
            }
        }
        Ok(())
    }

    /// Checks that the next `n` bytes belong to the current frame, if there is one.
    #[inline(always)]
    fn check_frame(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        match self.frame_end {
            Some(end) => self.check_frame_slow(end, n, thread),
            None => Ok(()),
        }
    }

    #[inline]
    fn check_frame_slow(&mut self, end: usize, n: usize, thread: &mut Thread) -> PyResult<()> {
        if self.position >= end {
            self.frame_end = None;
        } else if end - self.position < n {
            return Err(unpickling_error("pickle exhausted before end of frame", thread));
        }
        Ok(())
    }

    /// The next `n` bytes.
    #[inline(always)]
    pub fn take(&mut self, n: usize, thread: &mut Thread) -> PyResult<&[u8]> {
        self.check_frame(n, thread)?;
        if self.data.len() - self.position < n {
            self.fill(n, thread)?;
        }
        let from = self.position;
        self.position += n;
        Ok(self.data.get(from..from + n).unwrap_or(&[]))
    }

    #[inline(always)]
    pub fn array<const N: usize>(&mut self, thread: &mut Thread) -> PyResult<[u8; N]> {
        let bytes = self.take(N, thread)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    #[inline(always)]
    pub fn byte(&mut self, thread: &mut Thread) -> PyResult<u8> {
        if self.frame_end.is_none() {
            if let Some(&byte) = self.data.get(self.position) {
                self.position += 1;
                return Ok(byte);
            }
        }
        Ok(self.array::<1>(thread)?[0])
    }

    /// Gets a chunk that begins with the next `n` bytes.
    #[cold]
    #[inline(never)]
    fn fill(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        if n > isize::MAX as usize - self.position {
            return Err(unpickling_error("read would overflow (invalid bytecode)", thread));
        }
        if self.file.is_none() {
            return Err(truncated(thread));
        }
        self.sync(thread)?;
        let Some(file) = self.file.clone() else { return Err(truncated(thread)) };
        if let Some(peek) = file.peek.filter(|_| n < PREFETCH) {
            match call::call(*peek, &[*Owned::usize(PREFETCH)], thread) {
                Ok(seen) => {
                    let seen = self.expect_bytes(seen, thread)?;
                    self.set_chunk(seen, false);
                    if self.data.len() >= n {
                        return Ok(());
                    }
                    // What was seen is read below.
                    self.synced = 0;
                }
                Err(raised) => {
                    drop(thread.catch(raised, &exc::NOT_IMPLEMENTED_ERROR)?);
                    if let Some(file) = &mut self.file {
                        file.peek = None;
                    }
                }
            }
        }
        let read = call::call(*file.read, &[*Owned::usize(n)], thread)?;
        let read = self.expect_bytes(read, thread)?;
        self.set_chunk(read, true);
        if self.data.len() < n { Err(truncated(thread)) } else { Ok(()) }
    }

    /// The rest of the line with its end.
    pub fn line(&mut self, thread: &mut Thread) -> PyResult<&[u8]> {
        if self.frame_end.is_some_and(|end| self.position >= end) {
            self.frame_end = None;
        }
        let end = self.frame_end.unwrap_or(self.data.len());
        let from = self.position;
        let rest = self.data.get(from..end).unwrap_or(&[]);
        if let Some(n) = memchr::memchr(b'\n', rest) {
            self.position += n + 1;
            return Ok(self.data.get(from..from + n + 1).unwrap_or(&[]));
        }
        if self.frame_end.is_some() {
            return Err(unpickling_error("pickle exhausted before end of frame", thread));
        }
        if self.file.is_none() {
            return Err(truncated(thread));
        }
        self.sync(thread)?;
        let Some(file) = self.file.clone() else { return Err(truncated(thread)) };
        let line = call::call(*file.readline, &[], thread)?;
        let line = self.expect_bytes(line, thread)?;
        self.set_chunk(line, true);
        if self.data.last() != Some(&b'\n') {
            return Err(truncated(thread));
        }
        self.position = self.data.len();
        Ok(self.data)
    }

    /// A line that has content.
    pub fn full_line(&mut self, thread: &mut Thread) -> PyResult<&[u8]> {
        // The borrow of a line that is handed out ends too late for an early return of an error.
        let n = self.line(thread)?.len();
        if n < 2 {
            return Err(truncated(thread));
        }
        let end = self.position;
        Ok(self.data.get(end - n..end).unwrap_or(&[]))
    }

    /// A frame of `n` bytes begins.
    pub fn begin_frame(&mut self, n: usize, thread: &mut Thread) -> PyResult<()> {
        if self.frame_end.is_some_and(|end| self.position < end) {
            return Err(unpickling_error("beginning of a new frame before end of current frame", thread));
        }
        self.frame_end = None;
        self.take(n, thread)?;
        self.position -= n;
        self.frame_end = Some(self.position + n);
        Ok(())
    }

    /// The next `n` bytes as a bytearray; a file may fill it itself.
    pub fn take_bytearray(&mut self, n: usize, thread: &mut Thread) -> PyResult {
        self.check_frame(n, thread)?;
        let readinto = self.file.as_ref().and_then(|file| file.readinto.clone());
        match readinto {
            Some(readinto) if self.data.len() == self.position && n > 0 => {
                self.sync(thread)?;
                let mut memory = Vec::new();
                if memory.try_reserve_exact(n).is_err() {
                    return Err(thread.raise_memory_error());
                }
                memory.resize(n, 0);
                let target = bytearray::from_vec(memory);
                let view = memoryview::from_object(*target, thread)?;
                let count = call::call(*readinto, &[*view], thread)?;
                let count = convert::index_as_i64(*count, thread, Some(&exc::VALUE_ERROR))?;
                drop(view);
                if count < 0 || (count as usize) < n {
                    return Err(truncated(thread));
                }
                Ok(target)
            }
            _ => {
                if n > isize::MAX as usize / 2 {
                    return Err(thread.raise_memory_error());
                }
                Ok(bytearray::from_vec(self.take(n, thread)?.to_vec()))
            }
        }
    }
}
