//! What a pickler has written: a buffer, cut into frames from protocol 4 on.
//!
//! # Invariants
//! * While a frame is open, `frame_start` is where its header will be written, for which room is kept, and
//!   `frame_limit` is where it is full; else the limit is never reached.
//! * A frame ends at opcode boundaries only; large strings stand outside frames.

use pyrt_runtime::protocol::call;
use pyrt_runtime::types::bytes;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::opcodes;

/// A frame that has grown to this is closed.
const FRAME_SIZE_TARGET: usize = 64 * 1024;
/// A frame that is smaller gets no header.
const FRAME_SIZE_MIN: usize = 4;
const FRAME_HEADER: usize = 9;

pub struct Output {
    data: Vec<u8>,
    framing: bool,
    /// The next write opens a frame.
    needs_frame: bool,
    frame_start: Option<usize>,
    /// The length of `data` at which the open frame is closed.
    frame_limit: usize,
    /// The file's `write`, none if all is kept.
    write: Option<Owned>,
}

impl Output {
    pub fn new(write: Option<Owned>) -> Output {
        Output { data: Vec::with_capacity(256), framing: false, needs_frame: false, frame_start: None, frame_limit: usize::MAX, write }
    }

    pub fn start_framing(&mut self) {
        self.framing = true;
        self.needs_frame = true;
    }

    #[cold]
    #[inline(never)]
    fn open_frame(&mut self) {
        self.needs_frame = false;
        self.frame_start = Some(self.data.len());
        self.data.extend_from_slice(&[0; FRAME_HEADER]);
        self.frame_limit = self.data.len() + FRAME_SIZE_TARGET;
    }

    #[inline(always)]
    fn reserve_frame(&mut self) {
        if self.needs_frame {
            self.open_frame();
        }
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.reserve_frame();
        self.data.push(byte);
    }

    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.reserve_frame();
        self.data.extend_from_slice(bytes);
    }

    fn close_frame(&mut self) {
        let Some(start) = self.frame_start.take() else { return };
        self.needs_frame = self.framing;
        self.frame_limit = usize::MAX;
        let length = self.data.len() - start - FRAME_HEADER;
        if length >= FRAME_SIZE_MIN {
            if let Some(header) = self.data.get_mut(start..start + FRAME_HEADER) {
                header[0] = opcodes::FRAME;
                header[1..].copy_from_slice(&(length as u64).to_le_bytes());
            }
        } else {
            self.data.drain(start..start + FRAME_HEADER);
        }
    }

    /// Between two opcodes: a large frame ends here, and goes to the file.
    #[inline(always)]
    pub fn boundary(&mut self, thread: &mut Thread) -> PyResult<()> {
        if self.data.len() >= self.frame_limit { self.end_frame(thread) } else { Ok(()) }
    }

    #[cold]
    fn end_frame(&mut self, thread: &mut Thread) -> PyResult<()> {
        self.close_frame();
        self.flush(thread)
    }

    /// Gives what there is to the file.
    fn flush(&mut self, thread: &mut Thread) -> PyResult<()> {
        let Some(write) = &self.write else { return Ok(()) };
        let data = bytes::from_slice(&self.data);
        self.data.clear();
        call::call(**write, &[*data], thread).map(drop)
    }

    /// A header and data that may be large: large data stands outside frames and goes to the file by itself; `whole` is
    /// the object to give to the file then.
    pub fn large(&mut self, header: &[u8], data: &[u8], whole: Option<Value>, thread: &mut Thread) -> PyResult<()> {
        if data.len() < FRAME_SIZE_TARGET {
            self.bytes(header);
            self.bytes(data);
            return Ok(());
        }
        self.close_frame();
        self.data.extend_from_slice(header);
        let Some(write) = self.write.clone() else {
            self.data.extend_from_slice(data);
            return Ok(());
        };
        let copied;
        let payload = match whole {
            Some(whole) => whole,
            None => {
                copied = bytes::from_slice(data);
                *copied
            }
        };
        self.flush(thread)?;
        call::call(*write, &[payload], thread).map(drop)
    }

    /// All that was written.
    pub fn finish(mut self) -> Vec<u8> {
        self.close_frame();
        self.data
    }

    /// Gives the rest to the file.
    pub fn finish_file(mut self, thread: &mut Thread) -> PyResult<()> {
        self.close_frame();
        self.flush(thread)
    }
}
