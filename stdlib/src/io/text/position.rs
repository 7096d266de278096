//! `tell`, `seek`, `truncate`: a position in text is a cookie of a byte position and what must be decoded from there.

use num_bigint::{BigInt, Sign};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::int;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::super::{method, unsupported};
use super::reading::{decode, decoder_state, reset_decoder, set_decoder_state};
use super::{Snapshot, check_open, flush_pending, of, slot};

/// What a position consists of. As a number: 64 bits of position, then three fields of 32, then a flag.
#[derive(Default)]
struct Cookie {
    position: i64,
    flags: i64,
    bytes_to_feed: usize,
    chars_to_skip: usize,
    needs_eof: bool,
}

impl Cookie {
    fn into_int(self) -> Owned {
        if self.flags == 0 && self.bytes_to_feed == 0 && self.chars_to_skip == 0 && !self.needs_eof {
            return Owned::int(self.position);
        }
        let mut words = vec![self.position as u32, (self.position >> 32) as u32];
        words.extend([self.flags as u32, self.bytes_to_feed as u32, self.chars_to_skip as u32, u32::from(self.needs_eof)]);
        int::from_bigint(&BigInt::from_slice(Sign::Plus, &words))
    }

    fn from_int(value: Value, thread: &mut Thread) -> PyResult<Cookie> {
        let words = int::to_bigint(value).magnitude().to_u32_digits();
        if words.len() > 6 {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "int too big to convert"));
        }
        let word = |i: usize| words.get(i).copied().unwrap_or(0);
        Ok(Cookie {
            position: (u64::from(word(0)) | u64::from(word(1)) << 32) as i64,
            flags: i64::from(word(2) as i32),
            bytes_to_feed: word(3) as usize,
            chars_to_skip: word(4) as usize,
            needs_eof: word(5) & 1 != 0,
        })
    }
}

fn length(text: &Owned) -> usize {
    StrObject::of(**text).len()
}

pub fn tell(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    let (seekable, telling) = {
        let state = of(this).state.lock();
        (state.seekable, state.telling)
    };
    if !seekable {
        return Err(unsupported("underlying stream is not seekable", thread));
    }
    if !telling {
        return Err(thread.raise(&exc::OS_ERROR, "telling position disabled by next() call"));
    }
    flush_pending(this, *buffer, thread)?;
    method(this, "flush", &[], thread)?;
    let position = method(*buffer, "tell", &[], thread)?;
    let (snapshot, used) = {
        let state = of(this).state.lock();
        (state.snapshot.clone().filter(|_| state.can_read), state.used)
    };
    let Some(Snapshot { flags, input }) = snapshot else { return Ok(position) };
    let position = convert::as_c_long(*position, thread)? - input.len() as i64;
    if used == 0 {
        return Ok(Cookie { position, flags, ..Cookie::default() }.into_int());
    }
    let (kept, kept_flags) = decoder_state(this, thread)?;
    let seen = of(this).state.lock().ends;
    let found = find_position(this, position, flags, &input, used, thread);
    let pending = if found.is_err() { thread.take_exception() } else { None };
    let restored = set_decoder_state(this, &kept, kept_flags, thread);
    if let (Some(seen), Some(ends)) = (seen, &mut of(this).state.lock().ends) {
        ends.seen = seen.seen;
    }
    if let Some(pending) = pending {
        drop(thread.take_exception());
        return Err(thread.reraise(pending));
    }
    restored?;
    found.map(Cookie::into_int)
}

/// Where decoding must begin, and what must be decoded, to arrive behind `used` characters of the snapshot.
fn find_position(this: Value, mut position: i64, mut flags: i64, input: &[u8], used: usize, thread: &mut Thread) -> PyResult<Cookie> {
    let mut chars_to_skip = used;
    let ratio = of(this).state.lock().ratio;
    let mut skip_bytes = ((ratio * chars_to_skip as f64) as usize).min(input.len());
    let mut skip_back = 1;
    let mut is_found = false;
    while skip_bytes > 0 {
        set_decoder_state(this, b"", flags, thread)?;
        let n = length(&decode(this, &input[..skip_bytes], false, thread)?);
        if n <= chars_to_skip {
            let (kept, new_flags) = decoder_state(this, thread)?;
            if kept.is_empty() {
                flags = new_flags;
                chars_to_skip -= n;
                is_found = true;
                break;
            }
            skip_bytes = skip_bytes.saturating_sub(kept.len());
            skip_back = 1;
        } else {
            skip_bytes = skip_bytes.saturating_sub(skip_back);
            skip_back *= 2;
        }
    }
    if !is_found {
        skip_bytes = 0;
        set_decoder_state(this, b"", flags, thread)?;
    }
    position += skip_bytes as i64;
    if chars_to_skip == 0 {
        return Ok(Cookie { position, flags, ..Cookie::default() });
    }
    // Byte by byte from here, noting each place where the decoder keeps nothing back.
    let mut bytes_fed = 0;
    let mut decoded = 0;
    let mut reached = false;
    for byte in &input[skip_bytes..] {
        decoded += length(&decode(this, &[*byte], false, thread)?);
        bytes_fed += 1;
        let (kept, new_flags) = decoder_state(this, thread)?;
        if kept.is_empty() && decoded <= chars_to_skip {
            position += bytes_fed as i64;
            chars_to_skip -= decoded;
            flags = new_flags;
            bytes_fed = 0;
            decoded = 0;
        }
        if decoded >= chars_to_skip {
            reached = true;
            break;
        }
    }
    let mut needs_eof = false;
    if !reached {
        decoded += length(&decode(this, b"", true, thread)?);
        needs_eof = true;
        if decoded < chars_to_skip {
            return Err(thread.raise(&exc::OS_ERROR, "can't reconstruct logical file position"));
        }
    }
    Ok(Cookie { position, flags, bytes_to_feed: bytes_fed, chars_to_skip, needs_eof })
}

/// An encoder at the start of a stream writes its mark, elsewhere it does not.
fn set_encoder_start(this: Value, is_start: bool, thread: &mut Thread) -> PyResult<()> {
    if let Some(encoder) = slot(this, &of(this).encoder) {
        if is_start {
            method(*encoder, "reset", &[], thread)?;
        } else {
            method(*encoder, "setstate", &[Value::plain_int(0)], thread)?;
        }
    }
    Ok(())
}

fn forget_decoded(this: Value, snapshot: Option<Snapshot>) {
    let mut state = of(this).state.lock();
    let old = state.decoded.take();
    state.snapshot = snapshot;
    state.used = 0;
    drop(state);
    drop(old);
}

fn check_offset(value: Value, what: &str, thread: &mut Thread) -> PyResult<()> {
    if pyrt_runtime::protocol::compare::truth(value, thread)? {
        return Err(unsupported(&format!("can't do nonzero {what}-relative seeks"), thread));
    }
    Ok(())
}

pub fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    let buffer = check_open(this, thread)?;
    let seekable = of(this).state.lock().seekable;
    if !seekable {
        return Err(unsupported("underlying stream is not seekable", thread));
    }
    let mut cookie = args.at(0).to_owned();
    match whence {
        0 => {}
        1 => {
            check_offset(*cookie, "cur", thread)?;
            // The position is told again so that it is one that seek() takes.
            cookie = method(this, "tell", &[], thread)?;
        }
        2 => {
            check_offset(*cookie, "end", thread)?;
            method(this, "flush", &[], thread)?;
            forget_decoded(this, None);
            reset_decoder(this, thread)?;
            let at = method(*buffer, "seek", &[Value::plain_int(0), Value::plain_int(2)], thread)?;
            let is_start = !pyrt_runtime::protocol::compare::truth(*at, thread)?;
            set_encoder_start(this, is_start, thread)?;
            return Ok(at);
        }
        _ => return Err(thread.raise_value_error(format!("invalid whence ({whence}, should be 0, 1 or 2)"))),
    }
    if !convert::is_int(*cookie) {
        cookie = convert::index(*cookie, thread)?;
    }
    if int::is_negative(*cookie) {
        let text = convert::repr_text(*cookie, thread)?;
        return Err(thread.raise_value_error(format!("negative seek position {text}")));
    }
    method(this, "flush", &[], thread)?;
    let target = Cookie::from_int(*cookie, thread)?;
    method(*buffer, "seek", &[*Owned::int(target.position)], thread)?;
    forget_decoded(this, None);
    let is_start = target.position == 0 && target.flags == 0;
    let can_read = of(this).state.lock().can_read;
    if can_read {
        if is_start {
            reset_decoder(this, thread)?;
        } else {
            set_decoder_state(this, b"", target.flags, thread)?;
        }
    }
    if target.chars_to_skip > 0 {
        feed(this, *buffer, &target, thread)?;
    } else {
        forget_decoded(this, Some(Snapshot { flags: target.flags, input: Vec::new() }));
    }
    set_encoder_start(this, is_start, thread)?;
    Ok(cookie)
}

/// Decodes from a cookie's place up to the position that it means.
fn feed(this: Value, buffer: Value, target: &Cookie, thread: &mut Thread) -> Result<(), Raised> {
    let input = method(buffer, "read", &[*Owned::usize(target.bytes_to_feed)], thread)?;
    if !bytes::is_bytes(*input) {
        let name = input.type_object().full_name();
        return Err(thread.raise_type_error(format!("underlying read() should have returned a bytes object, not '{name}'")));
    }
    let input = BytesObject::of(*input).as_slice().to_vec();
    let text = decode(this, &input, target.needs_eof, thread)?;
    let n = length(&text);
    let old = {
        let mut state = of(this).state.lock();
        state.snapshot = Some(Snapshot { flags: target.flags, input });
        state.used = target.chars_to_skip.min(n);
        state.decoded.replace(text)
    };
    drop(old);
    if n < target.chars_to_skip {
        return Err(thread.raise(&exc::OS_ERROR, "can't restore logical file position"));
    }
    Ok(())
}

pub fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    method(this, "flush", &[], thread)?;
    method(*buffer, "truncate", &[args.get(0).unwrap_or_else(Value::none)], thread)
}
