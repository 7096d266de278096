//! `sys.stdin`, `sys.stdout`, `sys.stderr` and the built-in `open`.

use pyrt_runtime::codecs::registry;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::types::module;
use pyrt_runtime::{Owned, PyResult, Thread, import, names};

/// What all three streams have in common.
struct Settings {
    unbuffered: bool,
    encoding: String,
    errors: String,
}

/// Makes the streams. An encoding that is not known raises `LookupError`.
pub fn open(thread: &mut Thread) -> PyResult<()> {
    let io = import::import_module("_io", thread)?;
    let open = attribute::get(*io, names::names().open, thread)?;
    let interpreter = thread.interpreter;
    if let Some(builtins) = interpreter.load(&interpreter.builtins_module) {
        module::add(*builtins, "open", open.clone());
    }
    let Some(sys) = interpreter.load(&interpreter.sys_module) else { return Ok(()) };
    let settings = settings(thread)?;
    // Standard error first, so that what goes wrong with the others can be said.
    for (fd, name) in [(2, "stderr"), (0, "stdin"), (1, "stdout")] {
        let stream = open_stream(fd, name, &settings, &open, &io, thread)?;
        module::add(*sys, name, stream.clone());
        module::add(*sys, &format!("__{name}__"), stream);
    }
    Ok(())
}

fn settings(thread: &mut Thread) -> PyResult<Settings> {
    let (unbuffered, encoding, errors, utf8_mode) = {
        let config = thread.interpreter.config.read();
        (config.unbuffered, config.stdio_encoding.clone(), config.stdio_errors.clone(), config.utf8_mode)
    };
    let encoding = match encoding {
        Some(encoding) => encoding,
        None if utf8_mode => "utf-8".to_string(),
        None => pyrt_stdlib::io::locale_encoding(),
    };
    let encoding = if encoding.eq_ignore_ascii_case("utf-8") { "utf-8".to_string() } else { codec_name(&encoding, thread)? };
    // Where the locale says nothing of the encoding, undecodable input must survive.
    let lenient = utf8_mode || pyrt_stdlib::locale::has_weak_character_set();
    let errors = errors.unwrap_or_else(|| (if lenient { "surrogateescape" } else { "strict" }).to_string());
    Ok(Settings { unbuffered, encoding, errors })
}

/// The name that the codec itself has.
fn codec_name(encoding: &str, thread: &mut Thread) -> PyResult<String> {
    let codec = registry::lookup(encoding, thread)?;
    let name = attribute::get(*codec, names::names().name, thread)?;
    convert::str_text(*name, thread)
}

fn open_stream(fd: i32, name: &str, settings: &Settings, open: &Owned, io: &Owned, thread: &mut Thread) -> PyResult {
    // SAFETY: asks about a descriptor.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Ok(Owned::none());
    }
    let is_output = fd != 0;
    let is_raw = settings.unbuffered && is_output;
    let (none, false_, buffering) = (Owned::none(), Owned::false_(), Owned::int(if is_raw { 0 } else { -1 }));
    let mode = Owned::str(if is_output { "wb" } else { "rb" });
    let number = Owned::int(i64::from(fd));
    let buffer = match call::call(**open, &[*number, *mode, *buffering, *none, *none, *none, *false_], thread) {
        Ok(buffer) => buffer,
        Err(raised) => {
            // A descriptor that cannot be used (a folder as standard input).
            drop::<Owned>(thread.catch(raised, &exc::OS_ERROR)?);
            return Ok(Owned::none());
        }
    };
    let raw = if is_raw { buffer.clone() } else { attribute::get_by_text(*buffer, "raw", thread)? };
    let label = Owned::str(&format!("<{name}>"));
    attribute::set(*raw, names::names().name, *label, thread)?;
    // SAFETY: asks about a descriptor.
    let is_terminal = unsafe { libc::isatty(fd) } == 1;
    let line_buffering = Owned::bool(!settings.unbuffered && (is_terminal || fd == 2));
    let write_through = Owned::bool(settings.unbuffered);
    let errors = Owned::str(if fd == 2 { "backslashreplace" } else { &settings.errors });
    let (encoding, newline) = (Owned::str(&settings.encoding), Owned::str("\n"));
    let class = attribute::get_by_text(**io, "TextIOWrapper", thread)?;
    let stream = call::call(*class, &[*buffer, *encoding, *errors, *newline, *line_buffering, *write_through], thread)?;
    let text_mode = Owned::str(if is_output { "w" } else { "r" });
    attribute::set(*stream, names::names().mode, *text_mode, thread)?;
    Ok(stream)
}
