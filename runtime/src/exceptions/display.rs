//! Showing an exception and its traceback on standard error, in CPython's form: chained causes, groups, notes, source
//! lines. The library's `traceback` module adds the carets once it can be imported.

use crate::exceptions::ExceptionObject;
use crate::exceptions::object::{GroupObject, SyntaxErrorObject};
use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::frame_object;
use crate::types::string::{self, StrObject};
use crate::types::traceback::TracebackObject;
use crate::types::tuple::TupleObject;

/// Prints an exception to `sys.stderr`, by the library where it can be imported.
pub fn print(exception: Value, thread: &mut Thread) {
    crate::lifecycle::flush_standard_files(thread);
    if print_by_library(exception, thread) {
        return;
    }
    drop(thread.take_exception());
    let text = render(exception, thread);
    write_to_stderr(&text, thread);
}

/// Prints an exception to a file, by the library where it can be imported.
pub fn print_to(exception: Value, file: Value, thread: &mut Thread) -> PyResult<()> {
    if thread.interpreter.load(&thread.interpreter.importlib).is_some() {
        let printed = crate::import::import_module("traceback", thread).and_then(|module| {
            let function = attribute::get_by_text(*module, "print_exception", thread)?;
            call::call_keywords(*function, &[exception], &[("file", file)], thread)
        });
        if printed.is_ok() {
            return Ok(());
        }
        drop(thread.take_exception());
    }
    let text = Owned::str(&render(exception, thread));
    call::call_method(file, crate::names::names().write, &[*text], thread).map(drop)
}

/// Writes to `sys.stderr`, to descriptor 2 where that fails.
pub fn write_to_stderr(text: &str, thread: &mut Thread) {
    let stderr = thread.interpreter.sys_get(crate::names::names().stderr).filter(|file| !file.is_none());
    let text_object = Owned::str(text);
    let written = match stderr {
        Some(file) => call::call_method(*file, crate::names::names().write, &[*text_object], thread).is_ok(),
        None => false,
    };
    if !written {
        drop(thread.take_exception());
        eprint!("{text}");
    }
}

fn print_by_library(exception: Value, thread: &mut Thread) -> bool {
    if thread.interpreter.load(&thread.interpreter.importlib).is_none() {
        return false;
    }
    let Ok(module) = crate::import::import_module("traceback", thread) else { return false };
    let name = crate::names::interned("_print_exception_bltin");
    let Ok(Some(function)) = attribute::get_optional(*module, *name, thread) else { return false };
    call::call(*function, &[exception], thread).is_ok()
}

/// The text of an exception with its chain.
pub fn render(exception: Value, thread: &mut Thread) -> String {
    let mut chain: Vec<(Owned, &'static str)> = Vec::new();
    let mut at = exception.to_owned();
    loop {
        let object = ExceptionObject::of(*at);
        let next = match object.cause() {
            Some(cause) => Some((cause, "\nThe above exception was the direct cause of the following exception:\n\n")),
            None if !object.suppress_context.load(crate::sync::Ordering::Relaxed) => object
                .context()
                .map(|context| (context, "\nDuring handling of the above exception, another exception occurred:\n\n")),
            None => None,
        };
        let seen = chain.iter().any(|(one, _)| one.is(*at));
        match next {
            Some((next, text)) if !seen && !next.is(*at) && chain.len() < 1000 => {
                chain.push((at, text));
                at = next;
            }
            _ => {
                chain.push((at, ""));
                break;
            }
        }
    }
    let mut out = String::new();
    for (i, (one, _)) in chain.iter().enumerate().rev() {
        render_one(**one, "", true, &mut out, thread);
        if i > 0 {
            out.push_str(chain[i - 1].1);
        }
    }
    out
}

/// The text of an exception without what it came from and without carets, as for unraisable ones.
pub fn render_alone(exception: Value, thread: &mut Thread) -> String {
    let mut out = String::new();
    render_one(exception, "", false, &mut out, thread);
    out
}

fn render_one(exception: Value, indent: &str, with_carets: bool, out: &mut String, thread: &mut Thread) {
    let object = ExceptionObject::of(exception);
    let is_group = exception.is_instance(exc::BASE_EXCEPTION_GROUP.get());
    if let Some(traceback) = object.traceback() {
        let (mark, line_indent) = if is_group { ("  + Exception Group Traceback (most recent call last):\n", "  | ") } else { ("Traceback (most recent call last):\n", "") };
        out.push_str(indent);
        out.push_str(mark);
        render_traceback(traceback, &format!("{indent}{line_indent}"), with_carets, out, thread);
    }
    let prefix = if is_group { format!("{indent}  | ") } else { indent.to_string() };
    if exception.is_instance(exc::SYNTAX_ERROR.get()) {
        render_syntax_location(exception, &prefix, out, thread);
    }
    for line in head(exception, thread).lines() {
        out.push_str(&prefix);
        out.push_str(line);
        out.push('\n');
    }
    if let Ok(Some(notes)) = attribute::get_optional(exception, crate::names::names().__notes__, thread) {
        for note in crate::protocol::iterate::collect(*notes, thread).unwrap_or_default() {
            for line in convert::str_text(*note, thread).unwrap_or_default().lines() {
                out.push_str(&format!("{prefix}{line}\n"));
            }
        }
    }
    drop(thread.take_exception());
    if is_group {
        let group = GroupObject::of(exception);
        let members = group.exceptions.load(&group.base.header);
        let items = members.as_ref().map_or(&[][..], |members| TupleObject::of(**members).items());
        for (i, &member) in items.iter().enumerate() {
            let mark = if i == 0 { "+-" } else { "  " };
            out.push_str(&format!("{indent}  {mark}+---------------- {} ----------------\n", i + 1));
            render_one(member, &format!("{indent}    | "), with_carets, out, thread);
        }
        out.push_str(&format!("{indent}    +------------------------------------\n"));
    }
}

/// The last line: class and text.
pub fn head(exception: Value, thread: &mut Thread) -> String {
    let ty = exception.type_object();
    let module = crate::types::class::get_module(ty.value(), thread).ok().filter(|module| string::is_str(**module));
    drop(thread.take_exception());
    let qualname = ty.qualname.load(&ty.header).map_or_else(|| ty.name(), |name| StrObject::of(*name).to_string_lossy());
    let name = match module.map(|module| StrObject::of(*module).to_string_lossy()) {
        Some(module) if module != "builtins" && module != "__main__" => format!("{module}.{qualname}"),
        _ => qualname,
    };
    let text = if exception.is_instance(exc::SYNTAX_ERROR.get()) {
        let object = SyntaxErrorObject::of(exception);
        object.msg.load(&object.base.header).and_then(|msg| convert::str_text(*msg, thread).ok())
    } else {
        convert::str_text(exception, thread).ok()
    };
    drop(thread.take_exception());
    match text {
        Some(text) if text.is_empty() => name,
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: <exception str() failed>"),
    }
}

fn render_syntax_location(exception: Value, prefix: &str, out: &mut String, thread: &mut Thread) {
    let object = SyntaxErrorObject::of(exception);
    let header = &object.base.header;
    let number = |slot: &crate::object::value::Slot| slot.load(header).and_then(|value| crate::types::int::as_i64(*value));
    let Some(line) = number(&object.lineno) else { return };
    let file = object.filename.load(header).and_then(|file| convert::str_text(*file, thread).ok()).unwrap_or("<string>".into());
    out.push_str(&format!("{prefix}  File \"{file}\", line {line}\n"));
    let Some(text) = object.text.load(header).filter(|text| string::is_str(**text)) else { return };
    let text = StrObject::of(*text).to_string_lossy();
    let stripped = text.trim_start_matches([' ', '\t', '\x0c']).trim_end_matches(['\n', '\r']);
    let cut = text.chars().count() - text.trim_start_matches([' ', '\t', '\x0c']).chars().count();
    out.push_str(&format!("{prefix}    {stripped}\n"));
    let Some(offset) = number(&object.offset).filter(|offset| *offset >= 1) else { return };
    let end = number(&object.end_offset).filter(|end| *end > offset).unwrap_or(offset + 1);
    let start = (offset - 1 - cut as i64).max(0) as usize;
    let width = ((end - offset).max(1) as usize).min(stripped.chars().count().saturating_sub(start).max(1));
    out.push_str(&format!("{prefix}    {}{}\n", " ".repeat(start), "^".repeat(width)));
}

fn render_traceback(traceback: Owned, indent: &str, with_carets: bool, out: &mut String, thread: &mut Thread) {
    let mut entries = Vec::new();
    let mut at = Some(traceback);
    while let Some(entry) = at {
        at = TracebackObject::of(*entry).next();
        entries.push(entry);
    }
    let mut last: Option<(String, i32, String)> = None;
    let mut repeated = 0;
    for entry in &entries {
        let object = TracebackObject::of(**entry);
        let Some(code) = frame_object::code_of(*object.frame) else { continue };
        let file = StrObject::of(*code.filename()).to_string_lossy();
        let name = StrObject::of(*code.name).to_string_lossy();
        let line = object.line().unwrap_or(0);
        let key = (file.clone(), line, name.clone());
        if last.as_ref() == Some(&key) {
            repeated += 1;
            if repeated >= 3 {
                continue;
            }
        } else {
            flush_repeated(repeated, indent, out);
            repeated = 0;
            last = Some(key);
        }
        out.push_str(&format!("{indent}  File \"{file}\", line {line}, in {name}\n"));
        let position = crate::interp::locations::position_of(&code.data.linetable, code.firstlineno, (object.lasti.max(0) / 2) as u32);
        if let Some(source) = source_line(&file, line) {
            let stripped = source.trim();
            if !stripped.is_empty() {
                out.push_str(&format!("{indent}    {stripped}\n"));
                if with_carets {
                    push_carets(&source, stripped, position, indent, out);
                }
            }
        }
    }
    flush_repeated(repeated, indent, out);
    let _ = thread;
}

fn flush_repeated(repeated: usize, indent: &str, out: &mut String) {
    if repeated >= 3 {
        let n = repeated - 2;
        let s = if n == 1 { "" } else { "s" };
        out.push_str(&format!("{indent}  [Previous line repeated {n} more time{s}]\n"));
    }
}

/// Marks the part of the line that the instruction comes from, unless it is the whole line.
fn push_carets(source: &str, stripped: &str, position: crate::interp::locations::Position, indent: &str, out: &mut String) {
    let (Some(col), Some(end_col)) = (position.col, position.end_col) else { return };
    let to_chars = |bytes: i32| source.get(..bytes.max(0) as usize).map_or(source.chars().count(), |text| text.chars().count());
    let cut = source.chars().count() - source.trim_start().chars().count();
    let start = to_chars(col).saturating_sub(cut);
    let total = stripped.chars().count();
    let end = if position.end_line == position.line { to_chars(end_col).saturating_sub(cut).min(total) } else { total };
    if start == 0 && end >= total || end <= start {
        return;
    }
    out.push_str(&format!("{indent}    {}{}\n", " ".repeat(start), "^".repeat(end - start)));
}

fn source_line(file: &str, line: i32) -> Option<String> {
    if line < 1 {
        return None;
    }
    let text = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().nth(line as usize - 1).map(str::to_string)
}
