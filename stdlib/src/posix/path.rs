//! Path arguments: str, bytes, `os.PathLike`, or a file descriptor; names as UTF-8 with `surrogateescape`.

use std::ffi::CString;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::file_descriptor;

/// A path as the system takes it.
pub struct Path {
    /// What the caller gave: for error messages.
    pub object: Owned,
    pub name: CString,
    /// The names of results are bytes.
    pub is_bytes: bool,
    /// The argument was a descriptor: `name` is empty.
    pub fd: Option<i32>,
}

/// What a parameter accepts besides str, bytes and path-like objects.
#[derive(Clone, Copy)]
pub struct Accepts {
    pub function: &'static str,
    pub argument: &'static str,
    pub fd: bool,
    pub none: bool,
}

impl Accepts {
    pub const fn path(function: &'static str) -> Accepts {
        Accepts { function, argument: "path", fd: false, none: false }
    }

    pub const fn path_or_fd(function: &'static str) -> Accepts {
        Accepts { function, argument: "path", fd: true, none: false }
    }

    pub const fn named(function: &'static str, argument: &'static str) -> Accepts {
        Accepts { function, argument, fd: false, none: false }
    }
}

/// The bytes of a file name: UTF-8, escaped bytes given back.
pub fn encode(text: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let object = StrObject::of(text);
    if let Some(utf8) = object.as_utf8() {
        return Ok(utf8.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(object.len() * 2);
    for (at, ch) in object.chars().iter().enumerate() {
        match ch {
            0xDC80..=0xDCFF => out.push((ch - 0xDC00) as u8),
            0xD800..=0xDFFF => {
                return Err(pyrt_runtime::exceptions::methods::raise_unicode_encode(
                    "utf-8",
                    text,
                    at,
                    at + 1,
                    "surrogates not allowed",
                    thread,
                ));
            }
            _ => string::push_wtf8(&mut out, ch),
        }
    }
    Ok(out)
}

/// A file name as str: bytes that are not UTF-8 become lone surrogates.
pub fn decode(name: &[u8]) -> Owned {
    if let Ok(text) = std::str::from_utf8(name) {
        return Owned::str(text);
    }
    let mut points = Vec::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                points.extend(text.chars().map(|ch| ch as u32));
                break;
            }
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                if let Ok(text) = std::str::from_utf8(good) {
                    points.extend(text.chars().map(|ch| ch as u32));
                }
                let Some((&byte, tail)) = bad.split_first() else { break };
                points.push(0xDC00 + u32::from(byte));
                rest = tail;
            }
        }
    }
    string::from_code_points(&points)
}

/// A name of a result: str, or bytes where the caller gave bytes.
pub fn result_name(name: &[u8], is_bytes: bool) -> Owned {
    if is_bytes { bytes::from_slice(name) } else { decode(name) }
}

/// `os.fspath`.
pub fn fspath(path: Value, thread: &mut Thread) -> PyResult {
    if string::is_str(path) || bytes::is_bytes(path) {
        return Ok(path.to_owned());
    }
    let Some(method) = special_fspath(path, thread) else {
        let name = path.type_object().full_name();
        return Err(thread.raise_type_error(format!("expected str, bytes or os.PathLike object, not {name}")));
    };
    call_fspath(path, method, thread)
}

fn special_fspath(path: Value, thread: &mut Thread) -> Option<Owned> {
    attribute::lookup_type(path.type_object(), pyrt_runtime::names().__fspath__, thread).filter(|method| !method.is_none())
}

fn call_fspath(path: Value, _method: Owned, thread: &mut Thread) -> PyResult {
    let result = attribute::call_special(path, pyrt_runtime::names().__fspath__, &[], thread)?.unwrap_or_else(Owned::none);
    if string::is_str(*result) || bytes::is_bytes(*result) {
        return Ok(result);
    }
    let (owner, name) = (path.type_object().full_name(), result.type_object().full_name());
    Err(thread.raise_type_error(format!("expected {owner}.__fspath__() to return str or bytes, not {name}")))
}

fn wrong_type(value: Value, accepts: Accepts, thread: &mut Thread) -> Raised {
    let allowed = match (accepts.fd, accepts.none) {
        (true, true) => "string, bytes, os.PathLike, integer or None",
        (true, false) => "string, bytes, os.PathLike or integer",
        (false, true) => "string, bytes, os.PathLike or None",
        (false, false) => "string, bytes or os.PathLike",
    };
    let name = value.type_object().full_name();
    thread.raise_type_error(format!("{}: {} should be {allowed}, not {name}", accepts.function, accepts.argument))
}

/// Converts a path argument.
pub fn convert(value: Value, accepts: Accepts, thread: &mut Thread) -> PyResult<Path> {
    if string::is_str(value) || bytes::is_bytes(value) {
        return from_name(value, value, accepts, thread);
    }
    if value.is_none() && accepts.none {
        return Ok(Path { object: Owned::none(), name: CString::from(c"."), is_bytes: false, fd: None });
    }
    if accepts.fd && (convert::is_int(value) || value.type_object().slots.index.raw() != 0) {
        if value.as_bool().is_some() {
            pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, "bool is used as a file descriptor", 1, thread)?;
        }
        let fd = fd_number(value, thread)?;
        return Ok(Path { object: value.to_owned(), name: CString::default(), is_bytes: false, fd: Some(fd) });
    }
    match special_fspath(value, thread) {
        Some(method) => {
            let name = call_fspath(value, method, thread)?;
            from_name(value, *name, accepts, thread)
        }
        None => Err(wrong_type(value, accepts, thread)),
    }
}

fn fd_number(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let number = convert::index(value, thread)?;
    let clipped = convert::index_as_i64(*number, thread, None)?;
    i32::try_from(clipped).map_err(|_| {
        let bound = if clipped > 0 { "fd is greater than maximum" } else { "fd is less than minimum" };
        thread.raise(&exc::OVERFLOW_ERROR, bound)
    })
}

fn from_name(object: Value, name: Value, accepts: Accepts, thread: &mut Thread) -> PyResult<Path> {
    let is_bytes = bytes::is_bytes(name);
    let encoded = if is_bytes { BytesObject::of(name).as_slice().to_vec() } else { encode(name, thread)? };
    match CString::new(encoded) {
        Ok(encoded) => Ok(Path { object: object.to_owned(), name: encoded, is_bytes, fd: None }),
        Err(_) => {
            let what = if is_bytes { "byte" } else { "character" };
            Err(thread.raise_value_error(format!("{}: embedded null {what} in {}", accepts.function, accepts.argument)))
        }
    }
}

/// `dir_fd`: `AT_FDCWD` unless given.
pub fn dir_fd(value: Option<Value>, thread: &mut Thread) -> PyResult<i32> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(libc::AT_FDCWD),
        Some(value) if convert::is_int(value) || value.type_object().slots.index.raw() != 0 => {
            if value.as_bool().is_some() {
                pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, "bool is used as a file descriptor", 1, thread)?;
            }
            fd_number(value, thread)
        }
        Some(value) => {
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("argument should be integer or None, not {name}")))
        }
    }
}

/// `os.PathLike`, str or bytes as the bytes of a name without null bytes: `os.fsencode` for natives.
pub fn fs_encode(value: Value, thread: &mut Thread) -> PyResult<CString> {
    let name = fspath(value, thread)?;
    let encoded = if bytes::is_bytes(*name) { BytesObject::of(*name).as_slice().to_vec() } else { encode(*name, thread)? };
    CString::new(encoded).map_err(|_| thread.raise_value_error("embedded null byte"))
}

impl Path {
    pub fn as_ptr(&self) -> *const libc::c_char {
        self.name.as_ptr()
    }

    /// `OSError` about this path.
    pub fn error(&self, errno: i32, thread: &mut Thread) -> Raised {
        let filename = if self.object.is_none() { None } else { Some(*self.object) };
        thread.raise_os_error(errno, filename, None)
    }

    /// `OSError` about this path and another.
    pub fn error_with(&self, other: &Path, errno: i32, thread: &mut Thread) -> Raised {
        thread.raise_os_error(errno, Some(*self.object), Some(*other.object))
    }

    /// `ValueError` if a descriptor comes with `dir_fd` or `follow_symlinks=False`.
    pub fn check_fd_use(&self, function: &str, dir: i32, follow: bool, thread: &mut Thread) -> PyResult<()> {
        if self.fd.is_some() && dir != libc::AT_FDCWD {
            return Err(thread.raise_value_error(format!("{function}: can't specify dir_fd without matching path")));
        }
        if self.fd.is_some() && !follow {
            return Err(thread.raise_value_error(format!("{function}: cannot use fd and follow_symlinks together")));
        }
        Ok(())
    }
}

/// `posix._path_normpath`: collapses separators, `.` and `..`.
pub fn normpath(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (name, is_bytes) = raw_name(args.at(0), thread)?;
    let leading = match name.as_slice() {
        [b'/', b'/', b'/', ..] | [b'/'] => 1,
        [b'/', b'/', ..] => 2,
        [b'/', ..] => 1,
        _ => 0,
    };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name[leading..].split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if parts.is_empty() && leading > 0 => {}
            _ => parts.push(part),
        }
    }
    let mut out = vec![b'/'; leading];
    out.extend(parts.join(&b'/'));
    if out.is_empty() {
        out.push(b'.');
    }
    Ok(result_name(&out, is_bytes))
}

/// `posix._path_splitroot_ex`: drive (empty), root, rest.
pub fn splitroot(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (name, is_bytes) = raw_name(args.at(0), thread)?;
    let root = match name.as_slice() {
        [b'/', b'/', b'/', ..] => 1,
        [b'/', b'/', ..] => 2,
        [b'/', ..] => 1,
        _ => 0,
    };
    let parts = [&b""[..], &name[..root], &name[root..]];
    Ok(pyrt_runtime::types::tuple::pack(parts.map(|part| result_name(part, is_bytes))))
}

/// The bytes of a path that may hold null bytes.
fn raw_name(value: Value, thread: &mut Thread) -> PyResult<(Vec<u8>, bool)> {
    let name = fspath(value, thread)?;
    if bytes::is_bytes(*name) {
        return Ok((BytesObject::of(*name).as_slice().to_vec(), true));
    }
    // WTF-8 so that any surrogate survives the way there and back.
    let object = StrObject::of(*name);
    if object.as_utf8().is_some() {
        return Ok((object.to_wtf8().into_owned(), false));
    }
    Ok((encode(*name, thread)?, false))
}

/// The `fileno`-like argument of functions that take descriptors only.
pub fn fd_argument(value: Value, thread: &mut Thread) -> PyResult<i32> {
    file_descriptor(value, thread)
}
