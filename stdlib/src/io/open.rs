//! `open`, `open_code`, `text_encoding`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, compare, convert};
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::buffered::{BUFFERED_RANDOM, BUFFERED_READER, BUFFERED_WRITER};
use super::file_io::FILE_IO;
use super::method;
use crate::posix::path;
use crate::system_call::functions;

pub static FUNCTIONS: &[MethodDef] = functions! {
    "open" Bound(open) "($module, /, file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)" "Open a file and return a stream.";
    "open_code" Bound(open_code) "($module, /, path)" "Open a file to import code from it.";
    "text_encoding" Bound(text_encoding) "($module, encoding, stacklevel=2, /)" "The encoding to use where none may have been given.";
};

fn open(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let file = args.at(0);
    let file = if convert::is_int(file) { file.to_owned() } else { path::fspath(file, thread)? };
    let mode = match args.get(1) {
        Some(mode) => convert::as_text(mode, "open() argument 'mode'", thread)?,
        None => "r".to_string(),
    };
    let buffering = crate::system_call::c_int_or(args.get(2), -1, thread)?;
    let text_argument = |i: usize| args.get(i).filter(|value| !value.is_none());
    let (encoding, errors, newline) = (text_argument(3), text_argument(4), text_argument(5));
    let close_fd = match args.get(6) {
        Some(value) => compare::truth(value, thread)?,
        None => true,
    };
    let opener = args.get(7).unwrap_or_else(Value::none);
    let has = |ch: char| mode.contains(ch);
    let repeats = mode.char_indices().any(|(i, ch)| mode[..i].contains(ch));
    if repeats || mode.chars().any(|ch| !"xrwab+t".contains(ch)) {
        return Err(thread.raise_value_error(format!("invalid mode: '{mode}'")));
    }
    let (binary, text) = (has('b'), has('t'));
    if binary && text {
        return Err(thread.raise_value_error("can't have text and binary mode at once"));
    }
    if ['x', 'r', 'w', 'a'].iter().filter(|ch| has(**ch)).count() != 1 {
        return Err(thread.raise_value_error("must have exactly one of create/read/write/append mode"));
    }
    if binary {
        for (given, what) in [(encoding, "an encoding"), (errors, "an errors"), (newline, "a newline")] {
            if given.is_some() {
                return Err(thread.raise_value_error(format!("binary mode doesn't take {what} argument")));
            }
        }
        if buffering == 1 {
            pyrt_runtime::builtins::warn(
                &exc::RUNTIME_WARNING,
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
                1,
                thread,
            )?;
        }
    }
    let raw_mode: String = mode.chars().filter(|ch| !"bt".contains(*ch)).collect();
    let raw_mode = Owned::str(&raw_mode);
    let raw = call::call(FILE_IO.get().value(), &[*file, *raw_mode, Value::bool(close_fd), opener], thread)?;
    let layered = layer(*raw, &mode, buffering, [encoding, errors, newline], thread);
    if layered.is_err() {
        let pending = thread.take_exception();
        if method(*raw, "close", &[], thread).is_err() {
            drop(thread.take_exception());
        }
        if let Some(pending) = pending {
            return Err(thread.reraise(pending));
        }
    }
    layered
}

/// Puts buffer and text layer on a raw file.
fn layer(raw: Value, mode: &str, buffering: i32, text: [Option<Value>; 3], thread: &mut Thread) -> PyResult {
    let binary = mode.contains('b');
    let is_terminal = if buffering < 0 {
        let answer = method(raw, "_isatty_open_only", &[], thread)?;
        compare::truth(*answer, thread)?
    } else {
        false
    };
    let line_buffering = buffering == 1 || is_terminal;
    let size = if buffering > 1 {
        i64::from(buffering)
    } else {
        let block = pyrt_runtime::protocol::attribute::get_by_text(raw, "_blksize", thread)?;
        convert::as_c_long(*block, thread)?.clamp(super::DEFAULT_BUFFER_SIZE as i64, 8 << 20)
    };
    if buffering == 0 {
        if !binary {
            return Err(thread.raise_value_error("can't have unbuffered text I/O"));
        }
        return Ok(raw.to_owned());
    }
    let class = if mode.contains('+') {
        &BUFFERED_RANDOM
    } else if mode.contains('r') {
        &BUFFERED_READER
    } else {
        &BUFFERED_WRITER
    };
    let buffered = call::call(class.get().value(), &[raw, *Owned::int(size)], thread)?;
    if binary {
        return Ok(buffered);
    }
    let [encoding, errors, newline] = text.map(|value| value.unwrap_or_else(Value::none));
    let wrapper = call::call(super::text_wrapper_class(), &[*buffered, encoding, errors, newline, Value::bool(line_buffering)], thread)?;
    let text_mode = Owned::str(mode);
    pyrt_runtime::protocol::attribute::set(*wrapper, *pyrt_runtime::names::interned("mode"), *text_mode, thread)?;
    Ok(wrapper)
}

fn open_code(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = args.at(0);
    if !pyrt_runtime::types::string::is_str(path) {
        let name = path.type_object().full_name();
        return Err(thread.raise_type_error(format!("open_code() argument 'path' must be str, not {name}")));
    }
    let mode = Owned::str("rb");
    open(Value::none(), Args::from_slots(&[Some(path), Some(*mode), None, None, None, None, None, None]), thread)
}

fn text_encoding(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let encoding = args.at(0);
    if !encoding.is_none() {
        return Ok(encoding.to_owned());
    }
    let (warn, utf8) = {
        let config = thread.interpreter.config.read();
        (config.warn_default_encoding, config.utf8_mode)
    };
    if warn {
        let level = i64::from(crate::system_call::c_int_or(args.get(1), 2, thread)?);
        pyrt_runtime::builtins::warn(&exc::ENCODING_WARNING, "'encoding' argument not specified", level, thread)?;
    }
    Ok(Owned::str(if utf8 { "utf-8" } else { "locale" }))
}
