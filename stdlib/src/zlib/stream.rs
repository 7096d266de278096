//! Compression and decompression streams: the C-shaped interface of the engine behind safe functions.

use libz_rs_sys as z;

pub const Z_OK: i32 = 0;
pub const Z_STREAM_END: i32 = 1;
pub const Z_NEED_DICT: i32 = 2;
pub const Z_STREAM_ERROR: i32 = -2;
pub const Z_MEM_ERROR: i32 = -4;
pub const Z_BUF_ERROR: i32 = -5;
pub const Z_NO_FLUSH: i32 = 0;
pub const Z_SYNC_FLUSH: i32 = 2;
pub const Z_FINISH: i32 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Deflate,
    Inflate,
}

/// A stream in the middle of its work. The engine's state points back at it, so it stays where it is.
pub struct Stream {
    inner: Box<z::z_stream>,
    direction: Direction,
}

// SAFETY: the pointers inside lead to the stream's own memory; input and output pointers are set for each call.
unsafe impl Send for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by the init function.
        unsafe {
            match self.direction {
                Direction::Deflate => z::deflateEnd(&raw mut *self.inner),
                Direction::Inflate => z::inflateEnd(&raw mut *self.inner),
            }
        };
    }
}

/// What a run over some input has come to.
pub struct Progress {
    pub code: i32,
    pub output: Vec<u8>,
    pub consumed: usize,
}

/// Output grows from this on.
const FIRST_ROOM: usize = 16 * 1024;
const MOST_ROOM: usize = 1 << 24;

fn blank() -> Box<z::z_stream> {
    Box::default()
}

impl Stream {
    pub fn deflate(level: i32, method: i32, window_bits: i32, memory_level: i32, strategy: i32) -> Result<Stream, i32> {
        let mut inner = blank();
        // SAFETY: a blank stream; version and size are the engine's own.
        let code = unsafe {
            z::deflateInit2_(&raw mut *inner, level, method, window_bits, memory_level, strategy, z::zlibVersion(), size_of::<z::z_stream>() as i32)
        };
        if code == Z_OK { Ok(Stream { inner, direction: Direction::Deflate }) } else { Err(code) }
    }

    pub fn inflate(window_bits: i32) -> Result<Stream, i32> {
        let mut inner = blank();
        // SAFETY: as above.
        let code = unsafe { z::inflateInit2_(&raw mut *inner, window_bits, z::zlibVersion(), size_of::<z::z_stream>() as i32) };
        if code == Z_OK { Ok(Stream { inner, direction: Direction::Inflate }) } else { Err(code) }
    }

    /// A stream that goes on from the same state.
    pub fn duplicate(&mut self) -> Result<Stream, i32> {
        let mut inner = blank();
        // The engine copies only streams that have somewhere to write to.
        let mut place = 0u8;
        self.inner.next_out = &raw mut place;
        // SAFETY: a whole stream and a blank one.
        let code = unsafe {
            match self.direction {
                Direction::Deflate => z::deflateCopy(&raw mut *inner, &raw mut *self.inner),
                Direction::Inflate => z::inflateCopy(&raw mut *inner, &raw const *self.inner),
            }
        };
        self.inner.next_out = std::ptr::null_mut();
        inner.next_out = std::ptr::null_mut();
        if code == Z_OK { Ok(Stream { inner, direction: self.direction }) } else { Err(code) }
    }

    pub fn set_dictionary(&mut self, dictionary: &[u8]) -> i32 {
        let (from, n) = (dictionary.as_ptr(), dictionary.len().min(u32::MAX as usize) as u32);
        // SAFETY: as many bytes as said.
        unsafe {
            match self.direction {
                Direction::Deflate => z::deflateSetDictionary(&raw mut *self.inner, from, n),
                Direction::Inflate => z::inflateSetDictionary(&raw mut *self.inner, from, n),
            }
        }
    }

    /// What the engine says about its last error.
    pub fn message(&self) -> Option<String> {
        let message = self.inner.msg;
        // SAFETY: null or a terminated text that stays.
        (!message.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(message.cast_const().cast()) }.to_string_lossy().into_owned())
    }

    /// Works off `input`; the last part of it with `flush`. Stops at the end of the stream, at an error, when the
    /// input is used up and all output is there, or when there are `limit` bytes of output.
    pub fn run(&mut self, input: &[u8], flush: i32, limit: Option<usize>, dictionary: Option<&[u8]>) -> Progress {
        let mut output: Vec<u8> = Vec::new();
        let mut consumed = 0;
        loop {
            let part = (input.len() - consumed).min(u32::MAX as usize);
            let is_last = consumed + part == input.len();
            let mode = if is_last || self.direction == Direction::Inflate && flush != Z_FINISH { flush } else { Z_NO_FLUSH };
            let mut room = output.len().clamp(FIRST_ROOM, MOST_ROOM);
            if let Some(limit) = limit {
                room = room.min(limit - output.len());
            }
            if output.try_reserve(room).is_err() {
                return Progress { code: Z_MEM_ERROR, output, consumed };
            }
            let stream = &raw mut *self.inner;
            self.inner.next_in = input[consumed..].as_ptr().cast_mut();
            self.inner.avail_in = part as u32;
            let room = output.spare_capacity_mut().len().min(if limit.is_some() { room } else { MOST_ROOM });
            self.inner.next_out = output.spare_capacity_mut().as_mut_ptr().cast();
            self.inner.avail_out = room as u32;
            // SAFETY: input and output are as long as said.
            let code = unsafe {
                match self.direction {
                    Direction::Deflate => z::deflate(stream, mode),
                    Direction::Inflate => z::inflate(stream, mode),
                }
            };
            let made = room - self.inner.avail_out as usize;
            // SAFETY: the engine has written as many bytes.
            unsafe { output.set_len(output.len() + made) };
            consumed += part - self.inner.avail_in as usize;
            let is_full = self.inner.avail_out == 0;
            self.inner.next_in = std::ptr::null_mut();
            self.inner.next_out = std::ptr::null_mut();
            self.inner.avail_in = 0;
            self.inner.avail_out = 0;
            match code {
                Z_OK | Z_BUF_ERROR => {}
                Z_NEED_DICT => match dictionary {
                    Some(dictionary) => {
                        let code = self.set_dictionary(dictionary);
                        if code != Z_OK {
                            return Progress { code, output, consumed };
                        }
                        continue;
                    }
                    None => return Progress { code, output, consumed },
                },
                _ => return Progress { code, output, consumed },
            }
            let is_at_limit = limit.is_some_and(|limit| output.len() >= limit);
            if is_at_limit || !is_full && consumed == input.len() || code == Z_BUF_ERROR && made == 0 {
                return Progress { code, output, consumed };
            }
        }
    }
}

/// The checksum CRC-32 of data that follows what gave `start`.
pub fn crc32(start: u32, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(data);
    hasher.finalize()
}

/// The checksum Adler-32 of data that follows what gave `start`.
pub fn adler32(start: u32, data: &[u8]) -> u32 {
    // SAFETY: as many bytes as said.
    unsafe { z::adler32_z(start.into(), data.as_ptr(), data.len()) as u32 }
}
