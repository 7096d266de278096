//! The error that every stage of the compiler reports.

/// Which exception class the error becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    Syntax,
    Indentation,
    Tab,
    /// The input ended too early and `ALLOW_INCOMPLETE_INPUT` was set (`_IncompleteInputError`).
    Incomplete,
    /// Nesting too deep for the parser (`MemoryError` in CPython).
    TooNested,
    /// Nesting too deep for the later passes (`RecursionError`).
    Recursion,
    /// A string literal or the source cannot be decoded (`UnicodeDecodeError` shown as SyntaxError).
    Value,
    Overflow,
}

/// A `SyntaxError` before it is an object. Lines count from 1; columns count from 1 in **characters**, 0 = unknown,
/// [`NO_OFFSET`] where CPython says -1.
/// `text` is the source line without its number, `None` when the source is not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    pub message: String,
    pub line: u32,
    pub col: u32,
    pub end_line: u32,
    pub end_col: u32,
    pub text: Option<String>,
}

/// A `SyntaxWarning` or `DeprecationWarning` found while compiling; the caller hands it to `warnings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileWarning {
    /// `SyntaxWarning` when true, `DeprecationWarning` otherwise.
    pub is_syntax_warning: bool,
    pub message: String,
    /// What the SyntaxError says that a filter makes of it, where that is something else.
    pub error_message: Option<String>,
    pub line: u32,
    /// 1-based in characters, for the case that a filter turns the warning into a SyntaxError.
    pub col: u32,
    pub end_line: u32,
    pub end_col: u32,
}

/// The `end_offset` (and rarely `offset`) that CPython shows as -1.
pub const NO_OFFSET: u32 = u32::MAX;
