//! The module `_tokenize`: the compiler's tokenizer as an iterator.
//!
//! The lines are read from `readline` all at once, before the first token.

use pyrt_compiler::syntax::TokenIter;
use pyrt_compiler::syntax::error::{SyntaxError, SyntaxErrorKind};
use pyrt_runtime::builtins::source::raise_syntax_error;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{call, compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes::{BytesObject, is_bytes};
use pyrt_runtime::types::string::is_str;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_tokenize", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_type(this, &TOKENIZER_ITER);
    Ok(())
}

#[repr(C)]
struct TokenizerObject {
    header: Header,
    readline: Slot,
    /// The name of the encoding that `readline`'s bytes are in; none: it gives text.
    encoding: Option<String>,
    extra_tokens: bool,
    progress: LeafMutex<Progress>,
}

enum Progress {
    New,
    /// The tokenizer borrows the text, so it comes first: fields are dropped in order.
    Running { tokens: TokenIter<'static>, _text: Box<str>, line_ends: LineEnds, last_line: Option<(usize, usize, Owned)> },
    Done,
}

/// Which lines of the source end with a carriage return and a line feed. The tokenizer knows line feeds only; what it
/// gives gets the others back.
struct LineEnds {
    /// By line number from 1; empty if no line does.
    is_crlf: Vec<bool>,
}

impl LineEnds {
    /// The text with line feeds alone, and where there was more.
    fn normalize(text: String) -> (String, LineEnds) {
        if !text.contains("\r\n") {
            return (text, LineEnds { is_crlf: Vec::new() });
        }
        let ends = std::iter::once(false).chain(text.split_inclusive('\n').map(|line| line.ends_with("\r\n"))).collect();
        (text.replace("\r\n", "\n"), LineEnds { is_crlf: ends })
    }

    fn is_crlf(&self, row: u32) -> bool {
        self.is_crlf.get(row as usize).copied().unwrap_or(false)
    }

    /// A piece of the source that begins in line `row`, as it was.
    fn restore(&self, text: &str, row: u32) -> String {
        let mut out = String::with_capacity(text.len() + 2);
        for (i, line) in text.split_inclusive('\n').enumerate() {
            match line.strip_suffix('\n') {
                Some(content) if self.is_crlf(row + i as u32) => {
                    out.push_str(content);
                    out.push_str("\r\n");
                }
                _ => out.push_str(line),
            }
        }
        out
    }
}

fn of<'a>(value: Value) -> &'a TokenizerObject {
    // SAFETY: the type's own functions get objects of the type, which cannot be subclassed.
    unsafe { value.as_ref() }
}

fn tokenizer_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(readline, /, *, extra_tokens, encoding=None)");
    if args.len() != 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("tokenizeriter() takes exactly 1 positional argument ({n} given)")));
    }
    if args.find_keyword(kwnames, "extra_tokens").is_none() {
        return Err(thread.raise_type_error("tokenizeriter() missing required argument 'extra_tokens' (pos 2)"));
    }
    let bound = SIGNATURE.bind("tokenizeriter", args, kwnames, thread)?;
    let bound = bound.args();
    let extra_tokens = compare::truth(bound.at(1), thread)?;
    let encoding = match bound.get(2).filter(|encoding| !encoding.is_none()) {
        Some(encoding) => Some(convert::as_text(encoding, "tokenizeriter() argument 'encoding'", thread)?),
        None => None,
    };
    Ok(lifetime::allocate_object(TOKENIZER_ITER.get(), |header| TokenizerObject {
        header,
        readline: Slot::new(bound.at(0).to_owned()),
        encoding,
        extra_tokens,
        progress: LeafMutex::new(Progress::New),
    }))
}

/// All of the source.
fn read_source(this: &TokenizerObject, thread: &mut Thread) -> PyResult<String> {
    let Some(readline) = this.readline.load(&this.header) else { return Ok(String::new()) };
    let mut text = String::new();
    loop {
        let line = match call::call(*readline, &[], thread) {
            Ok(line) => line,
            Err(raised) => {
                drop(thread.catch(raised, &exc::STOP_ITERATION)?);
                return Ok(text);
            }
        };
        let part = match &this.encoding {
            None if is_str(*line) => convert::as_text(*line, "line", thread)?,
            None => return Err(thread.raise_type_error("readline() returned a non-string object")),
            Some(_) if !is_bytes(*line) => return Err(thread.raise_type_error("readline() returned a non-bytes object")),
            Some(encoding) => {
                let bytes = BytesObject::of(*line).as_slice();
                match std::str::from_utf8(bytes) {
                    Ok(part) if matches!(encoding.as_str(), "utf-8" | "utf8" | "UTF-8") => part.to_owned(),
                    _ if matches!(encoding.as_str(), "utf-8" | "utf8" | "UTF-8") => String::from_utf8_lossy(bytes).into_owned(),
                    _ => {
                        let decoded = call::call_method(*line, pyrt_runtime::names::names().decode, &[*Owned::str(encoding), *Owned::str("replace")], thread)?;
                        convert::as_text(*decoded, "line", thread)?
                    }
                }
            }
        };
        if part.is_empty() {
            return Ok(text);
        }
        text.push_str(&part);
    }
}

fn start(this: &TokenizerObject, thread: &mut Thread) -> PyResult<Progress> {
    let mut text = read_source(this, thread)?;
    if text.contains('\0') {
        return Err(raise_syntax_error(&null_byte(), "<string>", thread));
    }
    let (normalized, line_ends) = LineEnds::normalize(text);
    text = normalized;
    let implicit_newline = !text.is_empty() && !text.ends_with('\n');
    if implicit_newline {
        text.push('\n');
    }
    let text = text.into_boxed_str();
    // SAFETY: the box is kept next to the iterator, is not changed, and outlives it.
    let borrowed: &'static str = unsafe { &*std::ptr::from_ref::<str>(&text) };
    Ok(Progress::Running { tokens: TokenIter::new(borrowed, this.extra_tokens, implicit_newline), _text: text, line_ends, last_line: None })
}

fn null_byte() -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: "source code cannot contain null bytes".to_owned(),
        line: 1,
        col: 0,
        end_line: 1,
        end_col: 0,
        text: None,
    }
}

fn tokenizer_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = of(this);
    if matches!(*this.progress.lock(), Progress::New) {
        let started = start(this, thread)?;
        let mut progress = this.progress.lock();
        // Another thread may have come first; then its text stands.
        let unused = if matches!(*progress, Progress::New) { std::mem::replace(&mut *progress, started) } else { started };
        drop(progress);
        drop(unused);
    }
    let mut progress = this.progress.lock();
    let (result, old_line) = match &mut *progress {
        Progress::Running { tokens, last_line, line_ends, .. } => match tokens.next() {
            None => (Ok(None), None),
            Some(Err(error)) => (Err(error), None),
            Some(Ok(info)) => {
                let key = (info.line.as_ptr() as usize, info.line.len());
                let (line, old) = match last_line {
                    Some((start, len, line)) if (*start, *len) == key => (line.clone(), None),
                    _ => {
                        let line = Owned::str(&line_ends.restore(info.line, info.start.0));
                        (line.clone(), last_line.replace((key.0, key.1, line)))
                    }
                };
                let place = |(row, col): (u32, i32)| tuple::pack([Owned::int(i64::from(row)), Owned::int(i64::from(col))]);
                let text = line_ends.restore(info.text, info.start.0);
                let mut end = info.end;
                if info.text == "\n" && text.len() == 2 {
                    end.1 += 1;
                }
                let token = tuple::pack([Owned::int(i64::from(info.number)), Owned::str(&text), place(info.start), place(end), line]);
                (Ok(Some(token)), old)
            }
        },
        _ => return Ok(None),
    };
    let finished = match &result {
        Ok(Some(_)) => None,
        _ => Some(std::mem::replace(&mut *progress, Progress::Done)),
    };
    drop(progress);
    drop((finished, old_line));
    result.map_err(|error| {
        if error.end_line != 0 || error.end_col != 0 {
            return raise_syntax_error(&error, "<string>", thread);
        }
        // Nothing is known of an end.
        let class = match error.kind {
            SyntaxErrorKind::Indentation => &exc::INDENTATION_ERROR,
            SyntaxErrorKind::Tab => &exc::TAB_ERROR,
            _ => return raise_syntax_error(&error, "<string>", thread),
        };
        let text = error.text.as_deref().map_or_else(Owned::none, |text| Owned::str(text.trim_end_matches('\n')));
        let place = tuple::pack([Owned::str("<string>"), Owned::int(i64::from(error.line)), Owned::int(i64::from(error.col)), text]);
        let message = Owned::str(&error.message);
        match call::call(class.get().value(), &[*message, *place], thread) {
            Ok(exception) => thread.raise_exception(exception),
            Err(raised) => raised,
        }
    })
}

fn tokenizer_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<TokenizerObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(readline) = of(value).readline.peek() {
        visit(readline);
    }
}

unsafe fn clear(value: Value) {
    let this = of(value);
    drop(this.readline.replace(&this.header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_tokenize.TokenizerIter",
    flags: TYPE_GC,
    basic_size: size_of::<TokenizerObject>(),
    slots: &[SlotFn::new(tokenizer_new), SlotFn::iter(tokenizer_iter), SlotFn::iternext(tokenizer_next)],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

static TOKENIZER_ITER: StaticType = StaticType::new(&SPEC);
