//! Compression and decompression streams: the engine's C interface behind safe functions.

use liblzma_sys as engine;

use super::filters::Chain;
use crate::decompression::{Engine, Room, Run};

/// A stream in the middle of its work.
pub struct Stream {
    inner: Box<engine::lzma_stream>,
}

// SAFETY: the pointers inside lead to the stream's own memory; input and output pointers are set for each call.
unsafe impl Send for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a stream, started or blank.
        unsafe { engine::lzma_end(&raw mut *self.inner) };
    }
}

impl Stream {
    fn start(start: impl FnOnce(*mut engine::lzma_stream) -> u32) -> Result<Stream, u32> {
        // SAFETY: null pointers and zeros are a blank stream, as the interface says.
        let mut stream = Stream { inner: Box::new(unsafe { std::mem::zeroed() }) };
        match start(&raw mut *stream.inner) {
            engine::LZMA_OK => Ok(stream),
            code => Err(code),
        }
    }

    pub fn easy_encoder(preset: u32, check: u32) -> Result<Stream, u32> {
        // SAFETY: a blank stream.
        Stream::start(|stream| unsafe { engine::lzma_easy_encoder(stream, preset, check) })
    }

    pub fn encoder(chain: &Chain, check: u32) -> Result<Stream, u32> {
        let filters = chain.raw();
        // SAFETY: a blank stream and a chain with its end.
        Stream::start(|stream| unsafe { engine::lzma_stream_encoder(stream, filters.as_ptr(), check) })
    }

    pub fn alone_encoder(options: &engine::lzma_options_lzma) -> Result<Stream, u32> {
        // SAFETY: a blank stream and options.
        Stream::start(|stream| unsafe { engine::lzma_alone_encoder(stream, options) })
    }

    pub fn raw_encoder(chain: &Chain) -> Result<Stream, u32> {
        let filters = chain.raw();
        // SAFETY: a blank stream and a chain with its end.
        Stream::start(|stream| unsafe { engine::lzma_raw_encoder(stream, filters.as_ptr()) })
    }

    const TELLING: u32 = engine::LZMA_TELL_ANY_CHECK | engine::LZMA_TELL_NO_CHECK;

    pub fn auto_decoder(memory: u64) -> Result<Stream, u32> {
        // SAFETY: a blank stream.
        Stream::start(|stream| unsafe { engine::lzma_auto_decoder(stream, memory, Stream::TELLING) })
    }

    pub fn decoder(memory: u64) -> Result<Stream, u32> {
        // SAFETY: a blank stream.
        Stream::start(|stream| unsafe { engine::lzma_stream_decoder(stream, memory, Stream::TELLING) })
    }

    pub fn alone_decoder(memory: u64) -> Result<Stream, u32> {
        // SAFETY: a blank stream.
        Stream::start(|stream| unsafe { engine::lzma_alone_decoder(stream, memory) })
    }

    pub fn raw_decoder(chain: &Chain) -> Result<Stream, u32> {
        let filters = chain.raw();
        // SAFETY: a blank stream and a chain with its end.
        Stream::start(|stream| unsafe { engine::lzma_raw_decoder(stream, filters.as_ptr()) })
    }

    /// One call of the engine: its code, how much of the input it took, and whether room was left.
    fn step(&mut self, input: &[u8], room: &mut Room, action: u32) -> (u32, usize, bool) {
        let inner = &mut self.inner;
        inner.next_in = input.as_ptr();
        inner.avail_in = input.len();
        let code = room.fill(|to, free| {
            inner.next_out = to;
            inner.avail_out = free;
            // SAFETY: the stream is whole; the pointers are good for the lengths.
            let code = unsafe { engine::lzma_code(&raw mut **inner, action) };
            (free - inner.avail_out, code)
        });
        let consumed = input.len() - self.inner.avail_in;
        self.inner.next_in = std::ptr::null();
        self.inner.next_out = std::ptr::null_mut();
        (code, consumed, self.inner.avail_out > 0)
    }

    /// Compresses; `finishes` with the last of it.
    pub fn compress(&mut self, input: &[u8], finishes: bool) -> Result<Vec<u8>, u32> {
        let action = if finishes { engine::LZMA_FINISH } else { engine::LZMA_RUN };
        let mut room = Room::new(None);
        let mut consumed = 0;
        loop {
            let (code, taken, has_room) = self.step(&input[consumed..], &mut room, action);
            consumed += taken;
            match code {
                engine::LZMA_STREAM_END => return Ok(room.output),
                // Nothing to do is no error.
                engine::LZMA_BUF_ERROR if consumed == input.len() && has_room && !finishes => return Ok(room.output),
                engine::LZMA_OK if !finishes && consumed == input.len() && has_room => return Ok(room.output),
                engine::LZMA_OK | engine::LZMA_GET_CHECK | engine::LZMA_NO_CHECK => {}
                code => return Err(code),
            }
        }
    }
}

/// A stream that decompresses, and the check that it has met.
pub struct Decompression {
    pub stream: Stream,
    pub check: u32,
}

impl Engine for Decompression {
    type Fault = u32;
    const NEEDS_INPUT_AFTER_FAULT: Option<bool> = None;

    fn run(&mut self, input: &[u8], room: &mut Room) -> Result<Run, u32> {
        let mut consumed = 0;
        loop {
            let (code, taken, has_room) = self.stream.step(&input[consumed..], room, engine::LZMA_RUN);
            consumed += taken;
            if matches!(code, engine::LZMA_GET_CHECK | engine::LZMA_NO_CHECK) {
                // SAFETY: the engine has just told that it knows the check.
                self.check = unsafe { engine::lzma_get_check(&raw const *self.stream.inner) };
            }
            match code {
                engine::LZMA_STREAM_END => return Ok(Run { consumed, is_over: true, has_more: false }),
                engine::LZMA_BUF_ERROR if consumed == input.len() && has_room => return Ok(Run { consumed, is_over: false, has_more: false }),
                engine::LZMA_OK | engine::LZMA_GET_CHECK | engine::LZMA_NO_CHECK => {
                    if room.is_full() {
                        return Ok(Run { consumed, is_over: false, has_more: true });
                    }
                    if consumed == input.len() && has_room {
                        return Ok(Run { consumed, is_over: false, has_more: false });
                    }
                }
                code => return Err(code),
            }
        }
    }
}
