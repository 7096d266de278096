//! From source text to code objects: `compile`, `exec`, `eval`, modules.

use bumpalo::Bump;
use pyrt_compiler::codegen::{self, CompileOptions, FutureFeatures};
use pyrt_compiler::syntax::ast::Mod;
use pyrt_compiler::syntax::error::{CompileWarning, SyntaxError, SyntaxErrorKind};
use pyrt_compiler::syntax::{Mode, ParseOptions};

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::threads::thread_state::Thread;
use crate::types::{code, string, tuple};

/// What the source is compiled as, and how.
#[derive(Clone, Copy)]
pub struct SourceOptions {
    pub mode: Mode,
    pub optimize: i32,
    pub flags: u32,
    pub dont_inherit: bool,
    /// The minor version whose grammar applies.
    pub feature_version: u32,
}

impl SourceOptions {
    pub fn module(thread: &Thread) -> SourceOptions {
        SourceOptions { mode: Mode::Exec, optimize: thread.interpreter.config.read().optimize, flags: 0, dont_inherit: true, feature_version: 14 }
    }
}

/// Flags of `compile()` beside the future features.
pub const FLAG_DONT_IMPLY_DEDENT: u32 = 0x200;
pub const FLAG_ONLY_AST: u32 = 0x400;
pub const FLAG_TYPE_COMMENTS: u32 = 0x1000;
pub const FLAG_ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;
pub const FLAG_ALLOW_INCOMPLETE_INPUT: u32 = 0x4000;
/// `PyCF_OPTIMIZED_AST`, which holds `PyCF_ONLY_AST`.
pub const FLAG_OPTIMIZED_AST: u32 = 0x8000 | FLAG_ONLY_AST;

/// Bytes of native stack that compiling may use, as far as the thread's own stack allows.
fn stack_budget(thread: &Thread) -> usize {
    let here = 0u8;
    (std::ptr::from_ref(&here) as usize).saturating_sub(thread.native_limit).min(4 << 20)
}

/// Flags of `co_flags` that `compile()` takes: the future features.
pub const FUTURE_FLAGS: u32 = 0x1fe_0000;

/// Compiles text to a code object.
pub fn compile_text(source: &str, filename: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    let arena = Bump::new();
    let tree = parse_tree(&arena, source, filename, options, thread)?;
    compile_tree(&tree, filename, options, thread)
}

/// Parses text, with its warnings given.
pub fn parse_tree<'a>(arena: &'a Bump, source: &str, filename: &str, options: SourceOptions, thread: &mut Thread) -> PyResult<Mod<'a>> {
    let parse_options = ParseOptions {
        mode: options.mode,
        type_comments: options.flags & FLAG_TYPE_COMMENTS != 0,
        dont_imply_dedent: options.flags & FLAG_DONT_IMPLY_DEDENT != 0,
        allow_incomplete_input: options.flags & FLAG_ALLOW_INCOMPLETE_INPUT != 0,
        feature_version: options.feature_version,
        barry_as_flufl: options.flags & FutureFeatures::BARRY_AS_BDFL.bits() != 0,
        stack_bytes: stack_budget(thread),
        int_max_str_digits: thread.interpreter.config.read().int_max_str_digits.max(0) as usize,
        character_by_name: Some(&character_by_name),
        ..ParseOptions::default()
    };
    let mut warnings = Vec::new();
    let result = pyrt_compiler::syntax::parse_with_warnings(arena, source, parse_options, &mut warnings);
    give_warnings(warnings, filename, Some(source), thread)?;
    result.map_err(|error| {
        let raised = raise_syntax_error(&error, filename, thread);
        add_metadata(source, thread);
        raised
    })
}

/// Gives the SyntaxError that is being raised what `traceback` wants for its suggestions: where the statement begins
/// (here: the source) and the source.
fn add_metadata(source: &str, thread: &mut Thread) {
    let Some(exception) = thread.take_exception() else { return };
    if exception.is_instance(exc::SYNTAX_ERROR.get()) {
        let metadata = tuple::pack([Owned::int(0), Owned::int(0), Owned::str(source)]);
        drop(crate::exceptions::object::SyntaxErrorObject::of(*exception).metadata.replace_locked(Some(metadata)));
    }
    thread.set_exception(exception);
}

/// Refuses the text of a file that is run if it has a null byte, and says where.
pub fn check_file_text(text: &str, filename: &str, thread: &mut Thread) -> PyResult<()> {
    let Some(at) = text.find('\0') else { return Ok(()) };
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() as u32 + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let error = SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: "source code cannot contain null bytes".into(),
        line,
        col: 0,
        end_line: line,
        end_col: 0,
        text: Some(before.get(start..).unwrap_or_default().to_string()),
    };
    Err(raise_syntax_error(&error, filename, thread))
}

/// Compiles a tree to a code object.
pub fn compile_tree(tree: &Mod<'_>, filename: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    let compile_options = CompileOptions {
        optimize: options.optimize.clamp(0, 2) as _,
        future: FutureFeatures::from_bits_truncate(options.flags & FUTURE_FLAGS),
        allow_top_level_await: options.flags & FLAG_ALLOW_TOP_LEVEL_AWAIT != 0,
        stack_budget: stack_budget(thread),
    };
    let mut warnings = Vec::new();
    let result = codegen::compile(tree, filename, compile_options, &mut warnings);
    give_warnings(warnings, filename, None, thread)?;
    match result {
        Ok(data) => code::from_data(data, thread),
        Err(mut error) => {
            if error.text.is_none() && error.line > 0 {
                error.text = line_of_file(filename, error.line);
            }
            Err(raise_syntax_error(&error, filename, thread))
        }
    }
}

/// Compiles a statement that was typed in. What only the second pass finds is said of a file of its own
/// (`error_filename`), with the line.
pub fn compile_typed(source: &str, filename: &str, error_filename: &str, options: SourceOptions, thread: &mut Thread) -> PyResult {
    let arena = Bump::new();
    let tree = parse_tree(&arena, source, filename, options, thread)?;
    let compile_options = CompileOptions {
        optimize: options.optimize.clamp(0, 2) as _,
        future: FutureFeatures::from_bits_truncate(options.flags & FUTURE_FLAGS),
        allow_top_level_await: false,
        stack_budget: stack_budget(thread),
    };
    let mut warnings = Vec::new();
    let result = codegen::compile(&tree, filename, compile_options, &mut warnings);
    give_warnings(warnings, filename, Some(source), thread)?;
    match result {
        Ok(data) => code::from_data(data, thread),
        Err(mut error) => {
            if error.text.is_none() && error.line > 0 {
                error.text = line_of_text(source, error.line);
            }
            Err(raise_syntax_error(&error, error_filename, thread))
        }
    }
}

/// A line of a source file, for an error of a pass that has no source text at hand.
fn line_of_file(filename: &str, line: u32) -> Option<String> {
    let bytes = std::fs::read(filename).ok()?;
    let text = pyrt_compiler::syntax::decode(&bytes, None, Some(filename)).ok()?;
    text.split_inclusive('\n').nth(line as usize - 1).map(str::to_owned)
}

/// A line of a source text, with its end.
fn line_of_text(source: &str, line: u32) -> Option<String> {
    let content = source.lines().nth((line as usize).checked_sub(1)?)?;
    Some(format!("{content}\n"))
}

fn give_warnings(warnings: Vec<CompileWarning>, filename: &str, source: Option<&str>, thread: &mut Thread) -> PyResult<()> {
    let Some(hook) = thread.interpreter.hooks().warn_explicit else { return Ok(()) };
    for warning in warnings {
        let category = if warning.is_syntax_warning { &exc::SYNTAX_WARNING } else { &exc::DEPRECATION_WARNING };
        if let Err(raised) = hook(category.get().value(), &warning.message, filename, i64::from(warning.line), thread) {
            // A filter made it an error: then it is one with a place.
            drop(thread.catch(raised, category)?);
            let error = SyntaxError {
                kind: SyntaxErrorKind::Syntax,
                message: warning.error_message.unwrap_or(warning.message),
                line: warning.line,
                col: warning.col,
                end_line: warning.end_line,
                end_col: warning.end_col,
                text: source.map_or_else(|| line_of_file(filename, warning.line), |source| line_of_text(source, warning.line)),
            };
            return Err(raise_syntax_error(&error, filename, thread));
        }
    }
    Ok(())
}

/// The character of `\N{name}`.
fn character_by_name(name: &str) -> Option<u32> {
    match pyrt_unicode::names::lookup(name)? {
        pyrt_unicode::names::Found::Character(code) => Some(code),
        _ => None,
    }
}

/// Raises the compiler's error as the exception it stands for.
pub fn raise_syntax_error(error: &SyntaxError, filename: &str, thread: &mut Thread) -> Raised {
    let class = match error.kind {
        SyntaxErrorKind::Syntax | SyntaxErrorKind::Value => &exc::SYNTAX_ERROR,
        SyntaxErrorKind::Indentation => &exc::INDENTATION_ERROR,
        SyntaxErrorKind::Tab => &exc::TAB_ERROR,
        SyntaxErrorKind::Incomplete => &exc::INCOMPLETE_INPUT_ERROR,
        SyntaxErrorKind::TooNested => return thread.raise(&exc::MEMORY_ERROR, &error.message),
        SyntaxErrorKind::Recursion => return thread.raise(&exc::RECURSION_ERROR, &error.message),
        SyntaxErrorKind::Overflow => return thread.raise(&exc::OVERFLOW_ERROR, &error.message),
    };
    let number = |value: u32| if value == u32::MAX { Owned::int(-1) } else { Owned::int(i64::from(value)) };
    let args = if error.line == 0 && error.text.is_none() && error.col == 0 {
        vec![Owned::str(&error.message)]
    } else {
        let info = tuple::from_vec(vec![
            Owned::str(filename),
            number(error.line),
            number(error.col),
            error.text.as_deref().map_or_else(Owned::none, Owned::str),
            number(error.end_line),
            number(error.end_col),
        ]);
        vec![Owned::str(&error.message), info]
    };
    let values: Vec<Value> = args.iter().map(Owned::value).collect();
    match crate::protocol::call::call(class.get().value(), &values, thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// The text of a source argument: a str, or bytes with an encoding declaration.
pub fn source_text(source: Value, what: &str, thread: &mut Thread) -> PyResult<String> {
    if string::is_str(source) {
        return crate::protocol::convert::as_text(source, what, thread);
    }
    if source.type_object().slots.buffer.raw() != 0 {
        let bytes = crate::protocol::buffer::copy_bytes(source, thread)?;
        return decode_source(&bytes, "<string>", thread);
    }
    Err(thread.raise_type_error(format!("{what} must be a string, bytes or code object")))
}

/// The text of a source file.
pub fn decode_source(bytes: &[u8], filename: &str, thread: &mut Thread) -> PyResult<String> {
    let decoded = {
        let cell = std::cell::RefCell::new(&mut *thread);
        let hook = |encoding: &str, body: &[u8]| decode_by_codec(encoding, body, &mut cell.borrow_mut());
        pyrt_compiler::syntax::decode(bytes, Some(&hook), Some(filename))
    };
    decoded.map_err(|error| raise_syntax_error(&error, filename, thread))
}

/// Decodes by a codec of the registry; the text of the problem if there is one.
fn decode_by_codec(encoding: &str, body: &[u8], thread: &mut Thread) -> Result<String, String> {
    let bytes = crate::types::bytes::from_slice(body);
    let decoded = crate::protocol::call::call_method(*bytes, crate::names::names().decode, &[*Owned::str(encoding)], thread)
        .and_then(|text| crate::protocol::convert::as_text(*text, "source", thread));
    decoded.map_err(|_| {
        let is_unknown = thread.exception_matches(&exc::LOOKUP_ERROR);
        let text = thread.take_exception().and_then(|exception| crate::protocol::convert::str_text(*exception, thread).ok());
        if is_unknown { format!("unknown encoding: {encoding}") } else { text.unwrap_or_default() }
    })
}
