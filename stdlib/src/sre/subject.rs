//! The text that a pattern is matched against: a str, or bytes of any kind.

use super::engine::{Interrupt, Matcher, Mode, Stop};
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::text::Units;
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::str::units;
use pyrt_runtime::types::string::{self, StrObject, is_str};

/// A text with the part of it that is looked at.
pub(super) struct Subject {
    pub(super) string: Owned,
    /// What other bytes-like objects held when matching began: their memory may change.
    copied: Option<Vec<u8>>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// An empty match at `start` does not count.
    pub(super) must_advance: bool,
}

impl Subject {
    /// `is_bytes`: what the pattern is for, if it is known.
    pub(super) fn new(string: Value, is_bytes: Option<bool>, pos: i64, endpos: i64, thread: &mut Thread) -> PyResult<Subject> {
        let mut copied = None;
        let length = if is_str(string) {
            if is_bytes == Some(true) {
                return Err(thread.raise_type_error("cannot use a bytes pattern on a string-like object"));
            }
            StrObject::of(string).len()
        } else {
            let length = if bytes::is_bytes(string) {
                BytesObject::of(string).len()
            } else if buffer::supports_buffer(string) {
                let bytes = buffer::copy_bytes(string, thread)?;
                copied.insert(bytes).len()
            } else {
                let name = string.type_object().full_name();
                return Err(thread.raise_type_error(format!("expected string or bytes-like object, got '{name}'")));
            };
            if is_bytes == Some(false) {
                return Err(thread.raise_type_error("cannot use a string pattern on a bytes-like object"));
            }
            length
        };
        let clip = |bound: i64| usize::try_from(bound).unwrap_or(0).min(length);
        Ok(Subject { string: string.to_owned(), copied, start: clip(pos), end: clip(endpos), must_advance: false })
    }

    pub(super) fn units(&self) -> Units<'_> {
        match &self.copied {
            Some(bytes) => Units::One(bytes),
            None if is_str(*self.string) => units(StrObject::of(*self.string)),
            None => Units::One(BytesObject::of(*self.string).as_slice()),
        }
    }

    /// The text between two positions, as str or bytes.
    pub(super) fn slice(&self, start: usize, end: usize) -> Owned {
        slice_units(*self.string, self.units(), start, end)
    }

    /// Runs the matcher: searches, or matches at the start.
    pub(super) fn run(&self, matcher: &mut Matcher<'_>, how: How, thread: &mut Thread) -> PyResult<bool> {
        if self.start > self.end {
            return Ok(false);
        }
        let mut raised = None;
        let mut hook = || {
            safepoint::poll(thread).map_err(|error| {
                raised = Some(error);
                Interrupt
            })
        };
        let text = self.units().slice(0..self.end);
        let result = pyrt_runtime::with_units!(text, text => match how {
            How::Search => matcher.search(text, self.start, self.must_advance, &mut hook),
            How::Match => matcher.match_at(text, self.start, Mode::Prefix, self.must_advance, &mut hook),
            How::Full => matcher.match_at(text, self.start, Mode::Full, self.must_advance, &mut hook),
        });
        match (result, raised) {
            (_, Some(raised)) => Err(raised),
            (Ok(found), None) => Ok(found),
            (Err(Stop::Memory | Stop::Interrupted), None) => Err(thread.raise_memory_error()),
        }
    }

    /// Goes on behind a match.
    pub(super) fn advance(&mut self, span: (usize, usize)) {
        self.must_advance = span.0 == span.1;
        self.start = span.1;
    }
}

/// How a pattern is applied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Search,
    Match,
    Full,
}

fn slice_units(string: Value, text: Units<'_>, start: usize, end: usize) -> Owned {
    if is_str(string) {
        let object = StrObject::of(string);
        if start == 0 && end == object.len() && string::is_exact(string) {
            return string.to_owned();
        }
        return string::slice(object, start.min(object.len()), end.min(object.len()));
    }
    match text.slice(start..end) {
        Units::One(part) if start <= end && part.len() == end - start => {
            if bytes::is_bytes(string) && std::ptr::eq(string.type_object(), bytes_type()) && part.len() == text.len() {
                return string.to_owned();
            }
            bytes::from_slice(part)
        }
        _ => bytes::from_slice(&[]),
    }
}

fn bytes_type() -> &'static pyrt_runtime::types::type_object::TypeObject {
    pyrt_runtime::types::builtin_types::BYTES.get()
}

/// The part of a string that a match found, later: mutable memory is read as it is now.
pub(super) fn slice_value(string: Value, start: usize, end: usize, thread: &mut Thread) -> PyResult {
    if is_str(string) {
        return Ok(slice_units(string, units(StrObject::of(string)), start, end));
    }
    if bytes::is_bytes(string) {
        return Ok(slice_units(string, Units::One(BytesObject::of(string).as_slice()), start, end));
    }
    let now = buffer::copy_bytes(string, thread)?;
    let end = end.min(now.len());
    Ok(bytes::from_slice(now.get(start.min(end)..end).unwrap_or(&[])))
}
