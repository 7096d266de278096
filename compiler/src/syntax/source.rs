//! The source text: from bytes to `str`, one kind of line end, and lines for error messages.

use super::error::{NO_OFFSET, SyntaxError, SyntaxErrorKind};
use bumpalo::Bump;

/// Decodes bytes with a named codec; the error is the text to report.
pub type DecodeHook<'o> = &'o dyn Fn(&str, &[u8]) -> Result<String, String>;

/// An error of a codec, which has no place in the source.
fn codec_error(message: String) -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message,
        line: 0,
        col: NO_OFFSET,
        end_line: 0,
        end_col: 0,
        text: None,
    }
}

/// Copies the source with `\n` as its only line end; with `end_line` the last line gets one if it has none.
pub(super) fn normalize_line_ends<'a>(arena: &'a Bump, source: &str, end_line: bool) -> &'a str {
    let needs_end = end_line && !source.is_empty() && !source.ends_with(['\n', '\r']);
    if memchr::memchr(b'\r', source.as_bytes()).is_none() {
        if !needs_end {
            return arena.alloc_str(source);
        }
        let mut text = bumpalo::collections::String::with_capacity_in(source.len() + 1, arena);
        text.push_str(source);
        text.push('\n');
        return text.into_bump_str();
    }
    let mut text = bumpalo::collections::String::with_capacity_in(source.len() + 1, arena);
    let mut rest = source;
    while let Some(at) = memchr::memchr(b'\r', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        text.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    text.push_str(rest);
    if needs_end {
        text.push('\n');
    }
    text.into_bump_str()
}

/// The line with a number (from 1), without its end.
pub(super) fn line(source: &str, number: u32) -> Option<&str> {
    source.split('\n').nth(number.checked_sub(1)? as usize)
}

/// Finds the encoding that a source declares (PEP 263) and decodes it.
///
/// `file` is named in the message about bytes that are not UTF-8.
pub fn decode(bytes: &[u8], hook: Option<DecodeHook>, file: Option<&str>) -> Result<String, SyntaxError> {
    let (has_mark, body) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let declared = declared_encoding(body);
    let encoding = declared.as_deref().unwrap_or("utf-8");
    if has_mark && encoding != "utf-8" {
        let end = memchr::memchr(b'\n', body).unwrap_or(body.len());
        let text = String::from_utf8_lossy(&body[..end]).into_owned();
        return Err(SyntaxError {
            line: 1,
            col: 0,
            end_line: 1,
            end_col: text.chars().count() as u32,
            text: Some(text),
            ..codec_error(format!("encoding problem: {encoding} with BOM"))
        });
    }
    match encoding {
        "utf-8" => utf8(body, file),
        "iso-8859-1" => Ok(body.iter().map(|&c| c as char).collect()),
        _ => match hook {
            Some(hook) => hook(encoding, body).map_err(codec_error),
            None => decode_without_codecs(encoding, body).map_err(codec_error),
        },
    }
}

/// The encodings that need no codec registry.
fn decode_without_codecs(encoding: &str, body: &[u8]) -> Result<String, String> {
    match encoding.to_ascii_lowercase().replace('-', "_").as_str() {
        "utf8" => std::str::from_utf8(body).map(str::to_owned).map_err(|problem| {
            let at = problem.valid_up_to();
            let reason = utf8_problem(&body[at..], problem.error_len());
            format!("'utf-8' codec can't decode byte 0x{:02x} in position {at}: {reason}", body[at])
        }),
        "latin1" | "latin" | "l1" | "iso8859_1" | "8859" | "cp819" => Ok(body.iter().map(|&c| c as char).collect()),
        "ascii" | "us_ascii" | "646" => match body.iter().position(|c| !c.is_ascii()) {
            None => Ok(String::from_utf8_lossy(body).into_owned()),
            Some(at) => Err(format!(
                "'ascii' codec can't decode byte 0x{:02x} in position {at}: ordinal not in range(128)",
                body[at]
            )),
        },
        _ => Err(format!("unknown encoding: {encoding}")),
    }
}

fn utf8(body: &[u8], file: Option<&str>) -> Result<String, SyntaxError> {
    let problem = match std::str::from_utf8(body) {
        Ok(text) => return Ok(text.to_owned()),
        Err(problem) => problem,
    };
    let at = problem.valid_up_to();
    let line = 1 + memchr::memchr_iter(b'\n', &body[..at]).count() as u32;
    let line_start = memchr::memrchr(b'\n', &body[..at]).map_or(0, |offset| offset + 1);
    let line_end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |offset| at + offset);
    let col = String::from_utf8_lossy(&body[line_start..at]).chars().count() as u32 + 1;
    Err(SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: format!(
            "Non-UTF-8 code starting with '\\x{:02x}'{} on line {line}, but no encoding declared; \
             see https://peps.python.org/pep-0263/ for details",
            body[at],
            file.map(|name| format!(" in file {name}")).unwrap_or_default()
        ),
        line,
        col,
        end_line: line,
        end_col: col,
        text: Some(String::from_utf8_lossy(&body[line_start..line_end]).into_owned()),
    })
}

/// The reason that CPython's UTF-8 decoder gives.
fn utf8_problem(rest: &[u8], length: Option<usize>) -> &'static str {
    match length {
        None => "unexpected end of data",
        Some(1) if !matches!(rest[0], 0xC2..=0xF4) => "invalid start byte",
        Some(_) => "invalid continuation byte",
    }
}

/// The encoding that a comment in the first two lines names, in the spelling that CPython compares.
fn declared_encoding(body: &[u8]) -> Option<String> {
    let mut lines = body.split(|&c| c == b'\n' || c == b'\r');
    let first = lines.next()?;
    if let Some(found) = encoding_in_comment(first) {
        return Some(found);
    }
    // The second line counts only when the first holds no code.
    let blank = first
        .iter()
        .find(|c| !matches!(c, b' ' | b'\t' | b'\x0c'))
        .is_none_or(|&c| c == b'#');
    if !blank {
        return None;
    }
    let mut second = lines.next()?;
    if second.is_empty() && body.get(first.len()..first.len() + 2) == Some(b"\r\n") {
        second = lines.next()?;
    }
    encoding_in_comment(second)
}

fn encoding_in_comment(line: &[u8]) -> Option<String> {
    let start = line.iter().position(|c| !matches!(c, b' ' | b'\t' | b'\x0c'))?;
    if line[start] != b'#' {
        return None;
    }
    let mut rest = &line[start..];
    loop {
        let at = memchr::memmem::find(rest, b"coding")?;
        rest = &rest[at + 6..];
        let Some(b':' | b'=') = rest.first() else { continue };
        let name = &rest[1..];
        let blanks = name.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        let name = &name[blanks..];
        let length =
            name.iter().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.')).count();
        if length > 0 {
            return Some(normal_name(&String::from_utf8_lossy(&name[..length])));
        }
    }
}

/// Folds the many names of UTF-8 and Latin-1 into one each.
fn normal_name(name: &str) -> String {
    let folded: String = name.chars().take(12).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    let is = |base: &str| folded == base || folded.starts_with(&format!("{base}-"));
    if is("utf-8") {
        "utf-8".into()
    } else if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") {
        "iso-8859-1".into()
    } else {
        name.into()
    }
}
