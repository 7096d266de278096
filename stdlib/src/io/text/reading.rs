//! Reading text: chunks, lines, decoders.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::text::Buffer;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::str::{from_buffer, units};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::super::newline::parse_decoder_state;
use super::super::{method, size_or_all, unsupported};
use super::{Snapshot, check_open, flush_pending, of, slot};

/// Decodes bytes that follow the last ones, and applies universal newlines.
pub fn decode(this: Value, data: &[u8], is_final: bool, thread: &mut Thread) -> PyResult {
    let native = {
        let mut state = of(this).state.lock();
        state.native.clone().map(|native| (native, std::mem::take(&mut state.undecoded)))
    };
    let text = match native {
        Some((native, mut undecoded)) => {
            let whole: &[u8] = if undecoded.is_empty() {
                data
            } else {
                undecoded.extend_from_slice(data);
                &undecoded
            };
            if whole.is_ascii() {
                string::from_ascii(whole)
            } else {
                let (text, consumed, _) = pyrt_runtime::codecs::native::decode_stateful(native.codec, whole, &native.errors, is_final, thread)?;
                if consumed < whole.len() {
                    of(this).state.lock().undecoded = whole[consumed..].to_vec();
                }
                text
            }
        }
        None => {
            let Some(decoder) = slot(this, &of(this).decoder) else { return Err(unsupported("not readable", thread)) };
            let data = bytes::from_slice(data);
            let text = method(*decoder, "decode", &[*data, Value::bool(is_final)], thread)?;
            if !string::is_str(*text) {
                let name = text.type_object().full_name();
                return Err(thread.raise_type_error(format!("decoder should return a string result, not '{name}'")));
            }
            text
        }
    };
    Ok(match &mut of(this).state.lock().ends {
        Some(ends) => ends.apply(text, is_final),
        None => text,
    })
}

/// Forgets what the decoder has kept back.
pub fn reset_decoder(this: Value, thread: &mut Thread) -> PyResult<()> {
    {
        let mut state = of(this).state.lock();
        state.undecoded.clear();
        if let Some(ends) = &mut state.ends {
            ends.seen = 0;
            ends.pending_cr = false;
        }
    }
    if let Some(decoder) = slot(this, &of(this).decoder) {
        method(*decoder, "reset", &[], thread)?;
    }
    Ok(())
}

/// The bytes that the decoder has kept back, and its flags.
pub fn decoder_state(this: Value, thread: &mut Thread) -> PyResult<(Vec<u8>, i64)> {
    let (is_native, undecoded, ends) = {
        let state = of(this).state.lock();
        (state.native.is_some(), state.undecoded.clone(), state.ends)
    };
    let (kept, flags) = if is_native {
        (undecoded, 0)
    } else {
        match slot(this, &of(this).decoder) {
            Some(decoder) => {
                let state = method(*decoder, "getstate", &[], thread)?;
                parse_decoder_state(*state, thread)?
            }
            None => (Vec::new(), 0),
        }
    };
    Ok((kept, ends.map_or(flags, |ends| flags << 1 | i64::from(ends.pending_cr))))
}

/// Goes back to what [`decoder_state`] gave.
pub fn set_decoder_state(this: Value, kept: &[u8], flags: i64, thread: &mut Thread) -> PyResult<()> {
    let (is_native, flags) = {
        let mut state = of(this).state.lock();
        let inner = match &mut state.ends {
            Some(ends) => {
                ends.pending_cr = flags & 1 != 0;
                flags >> 1
            }
            None => flags,
        };
        if state.native.is_some() {
            state.undecoded = kept.to_vec();
        }
        (state.native.is_some(), inner)
    };
    if is_native {
        return Ok(());
    }
    if let Some(decoder) = slot(this, &of(this).decoder) {
        let state = tuple::pack([bytes::from_slice(kept), Owned::int(flags)]);
        method(*decoder, "setstate", &[*state], thread)?;
    }
    Ok(())
}

/// Reads and decodes one chunk, in place of what was read ahead: whether there was any. `hint` characters are wanted.
fn read_chunk(this: Value, buffer: Value, hint: usize, thread: &mut Thread) -> PyResult<bool> {
    let (can_read, telling, has_read1, chunk_size, ratio) = {
        let state = of(this).state.lock();
        (state.can_read, state.telling, state.has_read1, state.chunk_size, state.ratio)
    };
    if !can_read {
        return Err(unsupported("not readable", thread));
    }
    let before = if telling { Some(decoder_state(this, thread)?) } else { None };
    let wanted = if hint > 0 { (ratio.max(1.0) * hint as f64) as usize } else { 0 };
    let size = Owned::usize(chunk_size.max(wanted.min(isize::MAX as usize)));
    let name = if has_read1 { "read1" } else { "read" };
    let data = method(buffer, name, &[*size], thread)?;
    if !buffer::supports_buffer(*data) {
        let type_name = data.type_object().full_name();
        return Err(thread.raise_type_error(format!("underlying {name}() should have returned a bytes-like object, not '{type_name}'")));
    }
    let owned;
    let input: &[u8] = if bytes::is_bytes(*data) {
        bytes::BytesObject::of(*data).as_slice()
    } else {
        owned = buffer::copy_bytes(*data, thread)?;
        &owned
    };
    let is_final = input.is_empty();
    let text = decode(this, input, is_final, thread)?;
    let n = StrObject::of(*text).len();
    let mut state = of(this).state.lock();
    state.ratio = if n > 0 { input.len() as f64 / n as f64 } else { 0.0 };
    let old = state.decoded.replace(text);
    state.used = 0;
    if let Some((mut kept, flags)) = before {
        kept.extend_from_slice(input);
        state.snapshot = Some(Snapshot { flags, input: kept });
    }
    drop(state);
    drop(old);
    Ok(!is_final || n > 0)
}

/// Takes up to `n` characters read ahead.
fn take_decoded(this: Value, n: usize) -> Owned {
    let mut state = of(this).state.lock();
    let from = state.used;
    let Some(text) = &state.decoded else { return string::empty() };
    let object = StrObject::of(**text);
    let to = from.saturating_add(n).min(object.len());
    let taken = if from == 0 && to == object.len() { text.clone() } else { string::slice(object, from, to) };
    state.used = to;
    taken
}

/// The parts of a text joined.
fn join(parts: Vec<Owned>) -> Owned {
    let mut parts: Vec<Owned> = parts.into_iter().filter(|part| !StrObject::of(**part).is_empty()).collect();
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_else(string::empty);
    }
    let mut out = Buffer::with_capacity(parts.iter().map(|part| StrObject::of(**part).len()).sum());
    for part in &parts {
        out.push_units(units(StrObject::of(**part)));
    }
    from_buffer(out)
}

fn forget_decoded(this: Value) {
    let mut state = of(this).state.lock();
    let old = (state.decoded.take(), state.snapshot.take());
    state.used = 0;
    drop(state);
    drop(old);
}

pub fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    let buffer = check_open(this, thread)?;
    let can_read = of(this).state.lock().can_read;
    if !can_read {
        return Err(unsupported("not readable", thread));
    }
    flush_pending(this, *buffer, thread)?;
    let Some(mut missing) = limit else {
        let data = method(*buffer, "read", &[], thread)?;
        if data.is_none() {
            return Err(thread.raise(&exc::BLOCKING_IO_ERROR, "Read returned None."));
        }
        let data = buffer::copy_bytes(*data, thread)?;
        let text = decode(this, &data, true, thread)?;
        let ahead = take_decoded(this, usize::MAX);
        let has_snapshot = of(this).state.lock().snapshot.is_some();
        if has_snapshot {
            forget_decoded(this);
        }
        return Ok(join(vec![ahead, text]));
    };
    let first = take_decoded(this, missing);
    missing -= StrObject::of(*first).len();
    let mut parts = vec![first];
    while missing > 0 && read_chunk(this, *buffer, missing, thread)? {
        let part = take_decoded(this, missing);
        missing -= StrObject::of(*part).len();
        parts.push(part);
    }
    Ok(join(parts))
}

/// One look for a line's end in the text read ahead: the taken part and whether it ends the line.
fn take_line_part(this: Value, room: usize, after_cr: bool) -> Option<(Owned, bool)> {
    let mut state = of(this).state.lock();
    let from = state.used;
    let newline = state.newline;
    let text = state.decoded.as_ref()?;
    let object = StrObject::of(**text);
    if from >= object.len() {
        return None;
    }
    // The CR of a two-character end may have been the last of the chunk before.
    let ends_at_once = after_cr && object.char_at(from) == 10;
    let end = if ends_at_once { Some(from + 1) } else { newline.line_end(object.chars(), from) };
    let most = from.saturating_add(room);
    let (to, is_whole) = match end {
        Some(end) => (end.min(most), true),
        None => (object.len().min(most), object.len() >= most),
    };
    let part = if from == 0 && to == object.len() { text.clone() } else { string::slice(object, from, to) };
    state.used = to;
    Some((part, is_whole))
}

fn read_line(this: Value, limit: Option<usize>, thread: &mut Thread) -> PyResult {
    let buffer = check_open(this, thread)?;
    let has_pending = !of(this).state.lock().pending.is_empty();
    if has_pending {
        flush_pending(this, *buffer, thread)?;
    }
    let mut room = limit.unwrap_or(usize::MAX);
    let mut parts: Vec<Owned> = Vec::new();
    let is_crlf = of(this).state.lock().newline == super::Newline::CrLf;
    while room > 0 {
        let after_cr = is_crlf && parts.last().is_some_and(|part| {
            let part = StrObject::of(**part);
            !part.is_empty() && part.char_at(part.len() - 1) == 13
        });
        if let Some((part, is_whole)) = take_line_part(this, room, after_cr) {
            room -= StrObject::of(*part).len();
            if is_whole && parts.is_empty() {
                return Ok(part);
            }
            parts.push(part);
            if is_whole {
                break;
            }
        }
        if !read_chunk(this, *buffer, 0, thread)? {
            forget_decoded(this);
            break;
        }
    }
    Ok(join(parts))
}

pub fn readline(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let limit = size_or_all(args.get(0), thread)?;
    read_line(this, limit, thread)
}

pub fn next_line(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    of(this).state.lock().telling = false;
    let line = if std::ptr::eq(this.type_object(), super::TEXT_IO_WRAPPER.get()) {
        read_line(this, None, thread)?
    } else {
        let line = method(this, "readline", &[], thread)?;
        if !string::is_str(*line) {
            let name = line.type_object().full_name();
            return Err(thread.raise(&exc::OS_ERROR, format!("readline() should have returned a str object, not '{name}'")));
        }
        line
    };
    if StrObject::of(*line).is_empty() {
        let mut state = of(this).state.lock();
        state.snapshot = None;
        state.telling = state.seekable;
        return Ok(None);
    }
    Ok(Some(line))
}

