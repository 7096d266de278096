//! The parser of valid programs: recursive descent, operators by precedence, no backtracking but where the grammar
//! asks for it (soft keywords and parenthesised `with` items).
//!
//! A rule returns `Err(Failed)` when nothing fits; who fails leaves the mark anywhere. Messages are not made here
//! but for the errors that CPython raises while it builds nodes (strings, numbers, language versions).
//!
//! Nesting is bounded by the native stack: [`Parser::guard`] compares addresses, so the bound holds for every mix of
//! rules.

mod arguments;
mod atoms;
mod blocks;
mod comprehensions;
mod definitions;
mod expressions;
mod patterns;
mod statements;
mod strings;
mod targets;

use super::ast::{Arguments, Expr, ExprKind, ExprRef, Mod, Span, Stmt};
use super::diagnosis;
use super::error::{CompileWarning, SyntaxError, SyntaxErrorKind};
use super::source::{self, DecodeHook};
use super::string_literal::CharacterByName;
use super::token_stream::{Failed, TokenStream};
use super::tokenizer::{Token, TokenKind, Tokenizer, TokenizerOptions};
use bumpalo::Bump;

/// What the source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A module.
    Exec,
    /// One expression.
    Eval,
    /// One interactive statement.
    Single,
    /// `(int, str) -> bool`, the text of a function's type comment.
    FunctionType,
}

#[derive(Clone, Copy)]
pub struct ParseOptions<'o> {
    pub mode: Mode,
    /// `# type: …` comments become part of the tree.
    pub type_comments: bool,
    /// `PyCF_DONT_IMPLY_DEDENT`: an interactive block must be closed by an empty line.
    pub dont_imply_dedent: bool,
    /// `PyCF_ALLOW_INCOMPLETE_INPUT`: a source that ends too early is [`SyntaxErrorKind::Incomplete`].
    pub allow_incomplete_input: bool,
    /// The minor version of Python 3 whose grammar applies.
    pub feature_version: u32,
    /// `from __future__ import barry_as_FLUFL`: `<>` instead of `!=`.
    pub barry_as_flufl: bool,
    /// How many bytes of native stack the parser may use.
    pub stack_bytes: usize,
    /// `sys.get_int_max_str_digits()`, 0 for no limit.
    pub int_max_str_digits: usize,
    pub character_by_name: CharacterByName<'o>,
    /// The file that the bytes come from, for the message about bytes that are not UTF-8.
    pub file: Option<&'o str>,
    /// Decodes sources in encodings other than UTF-8, Latin-1 and ASCII (for [`parse_bytes`]).
    pub decode: Option<DecodeHook<'o>>,
}

impl Default for ParseOptions<'_> {
    fn default() -> Self {
        Self {
            mode: Mode::Exec,
            type_comments: false,
            dont_imply_dedent: false,
            allow_incomplete_input: false,
            feature_version: 14,
            barry_as_flufl: false,
            stack_bytes: 1 << 20,
            int_max_str_digits: 4300,
            character_by_name: None,
            file: None,
            decode: None,
        }
    }
}

/// A parsed source.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub module: Mod<'a>,
    pub warnings: Vec<CompileWarning>,
}

/// Parses a source. The tree lives in `arena` and borrows nothing else.
///
/// # Errors
/// What CPython raises: `SyntaxError` and its subclasses, or [`SyntaxErrorKind::TooNested`] when
/// [`ParseOptions::stack_bytes`] do not suffice. The caller adds the file name.
pub fn parse<'a>(arena: &'a Bump, source: &str, options: ParseOptions) -> Result<Parsed<'a>, SyntaxError> {
    let mut warnings = Vec::new();
    let module = parse_with_warnings(arena, source, options, &mut warnings)?;
    Ok(Parsed { module, warnings })
}

/// As [`parse`], and gives the warnings that CPython issues before it fails, too.
pub fn parse_with_warnings<'a>(
    arena: &'a Bump,
    source: &str,
    options: ParseOptions,
    warnings: &mut Vec<CompileWarning>,
) -> Result<Mod<'a>, SyntaxError> {
    let plain_error = |kind, message: &str| SyntaxError {
        kind,
        message: message.into(),
        line: 0,
        col: 0,
        end_line: 0,
        end_col: 0,
        text: None,
    };
    if memchr::memchr(0, source.as_bytes()).is_some() {
        return Err(plain_error(SyntaxErrorKind::Syntax, "source code string cannot contain null bytes"));
    }
    if source.len() >= u32::MAX as usize - 1 {
        return Err(plain_error(SyntaxErrorKind::Overflow, "Parser column offset overflow - source line is too big"));
    }
    let text = source::normalize_line_ends(arena, source, options.mode == Mode::Exec);
    let mut parser = Parser::new(arena, text, &options);
    match parser.input() {
        Ok(module) => {
            warnings.append(&mut parser.stream.tokenizer.warnings);
            if options.mode == Mode::Single && parser.more_follows() {
                parser.stream.raise_last(
                    SyntaxErrorKind::Syntax,
                    "multiple statements found while compiling a single statement".into(),
                );
                if let Some(error) = parser.stream.raised.take() {
                    return Err(error);
                }
            }
            Ok(module)
        }
        Err(Failed) if parser.too_nested => {
            warnings.append(&mut parser.stream.tokenizer.warnings);
            Err(plain_error(
                SyntaxErrorKind::TooNested,
                "Parser stack overflowed - Python source too complex to parse",
            ))
        }
        Err(Failed) => Err(diagnosis::explain(&parser, warnings)),
    }
}

/// Parses bytes: a byte order mark or a coding comment says how they are encoded.
pub fn parse_bytes<'a>(
    arena: &'a Bump,
    bytes: &[u8],
    options: ParseOptions,
) -> Result<Parsed<'a>, SyntaxError> {
    let text = source::decode(bytes, options.decode, options.file)?;
    parse(arena, &text, options)
}

pub(super) use statements::augmented_operator;

pub(super) type ParseResult<T> = Result<T, Failed>;

/// Line and column of the first token of a node.
pub(super) type Start = (u32, u32);

pub(in crate::syntax) struct Parser<'a, 'o> {
    pub(in crate::syntax) stream: TokenStream<'a>,
    pub(in crate::syntax) arena: &'a Bump,
    pub(in crate::syntax) options: &'o ParseOptions<'o>,
    pub(in crate::syntax) too_nested: bool,
    /// Strings parsed while speculating, by token: the second attempt must not warn again.
    pub(in crate::syntax) known_strings: Vec<(usize, ExprRef<'a>, usize)>,
    pub(in crate::syntax) speculating: bool,
    /// No warnings of escapes: while the second pass looks for mistakes, which reads the same strings again.
    pub(in crate::syntax) keeps_quiet: bool,
    /// Offset of a `<>` where an operator fits.
    pub(in crate::syntax) rejected_diamond: Option<u32>,
    /// `<>` is wanted, by option or by an import from `__future__`.
    pub(in crate::syntax) barry_as_flufl: bool,
    stack_base: usize,
    // Sequences grow on these stacks and move to the arena when complete.
    expressions: Vec<ExprRef<'a>>,
    statements: Vec<Stmt<'a>>,
}

impl<'a, 'o> Parser<'a, 'o> {
    fn new(arena: &'a Bump, source: &'a str, options: &'o ParseOptions<'o>) -> Self {
        let tokenizer = Tokenizer::new(
            source,
            TokenizerOptions { extra_tokens: false, type_comments: options.type_comments },
        );
        let mut stream = TokenStream::new(source, tokenizer);
        stream.is_file_input = options.mode == Mode::Exec;
        stream.is_single_input = options.mode == Mode::Single;
        stream.imply_dedents = !options.dont_imply_dedent;
        Self {
            stream,
            arena,
            options,
            too_nested: false,
            known_strings: Vec::new(),
            speculating: false,
            keeps_quiet: false,
            rejected_diamond: None,
            barry_as_flufl: options.barry_as_flufl,
            stack_base: stack_address(),
            expressions: Vec::new(),
            statements: Vec::new(),
        }
    }

    /// A parser at the start of the same source.
    pub(in crate::syntax) fn restarted(&self) -> Self {
        let mut parser = Self::new(self.arena, self.stream.source, self.options);
        parser.stack_base = self.stack_base;
        parser
    }

    /// What to report when nothing better is found: the error that stopped the parser, or its last token.
    pub(in crate::syntax) fn fallback_error(&self) -> SyntaxError {
        if let Some(error) = &self.stream.raised {
            return error.clone();
        }
        let (line, col) = self.stream.tokens.last().map_or((0, 0), |token| (token.line, token.col.wrapping_add(1)));
        SyntaxError {
            kind: SyntaxErrorKind::Syntax,
            message: "invalid syntax".into(),
            line,
            col,
            end_line: line,
            end_col: col,
            text: source::line(self.stream.source, line).map(str::to_owned),
        }
    }

    /// An empty parameter list, for nodes that nobody reads.
    pub(in crate::syntax) fn no_arguments(&self) -> &'a Arguments<'a> {
        self.arena.alloc(Arguments {
            posonlyargs: &[],
            args: &[],
            vararg: None,
            kwonlyargs: &[],
            kw_defaults: &[],
            kwarg: None,
            defaults: &[],
        })
    }

    fn input(&mut self) -> ParseResult<Mod<'a>> {
        match self.options.mode {
            Mode::Exec => {
                let base = self.statements.len();
                while self.peek() != TokenKind::EndMarker {
                    self.statement()?;
                }
                self.advance();
                let body = self.take_statements(base);
                let type_ignores = self.arena.alloc_slice_copy(&self.stream.type_ignores);
                Ok(Mod::Module { body, type_ignores })
            }
            Mode::Eval => {
                let body = self.expressions()?;
                self.end_of_expression()?;
                Ok(Mod::Expression { body })
            }
            Mode::Single => {
                let base = self.statements.len();
                self.interactive_statement()?;
                Ok(Mod::Interactive { body: self.take_statements(base) })
            }
            Mode::FunctionType => self.function_type(),
        }
    }

    fn end_of_expression(&mut self) -> ParseResult<()> {
        while self.eat(TokenKind::NewLine) {}
        self.expect(TokenKind::EndMarker)
    }

    /// `'(' [types] ')' '->' type`; `*type` and `**type` may come last, in this order, and no comma ends the list.
    fn function_type(&mut self) -> ParseResult<Mod<'a>> {
        self.expect(TokenKind::LeftParen)?;
        let base = self.expressions.len();
        let mut stars = 0;
        if self.peek() != TokenKind::RightParen {
            loop {
                let prefix = match self.peek() {
                    TokenKind::Star => 1,
                    TokenKind::DoubleStar => 2,
                    _ => 0,
                };
                if stars > 0 && prefix <= stars {
                    return Err(Failed);
                }
                stars = prefix;
                if prefix > 0 {
                    self.advance();
                }
                let argument = self.expression()?;
                self.expressions.push(argument);
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
        }
        let argtypes = self.take_expressions(base);
        self.expect(TokenKind::RightParen)?;
        self.expect(TokenKind::Arrow)?;
        let returns = self.expression()?;
        self.end_of_expression()?;
        Ok(Mod::FunctionType { argtypes, returns })
    }

    /// After an interactive statement: whether anything but blanks and comments is left.
    fn more_follows(&self) -> bool {
        let rest = &self.stream.source[self.stream.tokenizer.position()..];
        let mut in_comment = false;
        for c in rest.bytes() {
            match c {
                b'\n' => in_comment = false,
                b'#' => in_comment = true,
                b' ' | b'\t' | b'\x0c' => {}
                _ if in_comment => {}
                _ => return true,
            }
        }
        false
    }

    // --- Tokens -----------------------------------------------------------------------------------------------------

    #[inline]
    pub(in crate::syntax) fn peek(&mut self) -> TokenKind {
        self.stream.peek()
    }

    /// Takes the current token, which has been looked at.
    #[inline]
    pub(in crate::syntax) fn advance(&mut self) {
        self.stream.mark += 1;
    }

    #[inline]
    pub(in crate::syntax) fn take(&mut self) -> Token {
        let token = self.stream.token();
        self.stream.mark += 1;
        token
    }

    #[inline]
    pub(in crate::syntax) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.advance();
        }
        found
    }

    #[inline]
    pub(in crate::syntax) fn expect(&mut self, kind: TokenKind) -> ParseResult<()> {
        if self.eat(kind) { Ok(()) } else { Err(Failed) }
    }

    pub(in crate::syntax) fn expect_token(&mut self, kind: TokenKind) -> ParseResult<Token> {
        if self.peek() == kind { Ok(self.take()) } else { Err(Failed) }
    }

    /// A name, which is the keyword-like `word` by place only.
    pub(in crate::syntax) fn is_soft_keyword(&mut self, word: &str) -> bool {
        let token = self.stream.token();
        token.kind == TokenKind::Name && self.stream.text(token) == word
    }

    pub(in crate::syntax) fn identifier(&mut self) -> ParseResult<&'a str> {
        let token = self.expect_token(TokenKind::Name)?;
        Ok(self.name_of(token))
    }

    /// The identifier that a name token stands for.
    #[inline]
    pub(in crate::syntax) fn name_of(&self, token: Token) -> &'a str {
        let text = self.stream.text(token);
        if text.is_ascii() { text } else { self.normalized(text) }
    }

    #[cold]
    fn normalized(&self, text: &'a str) -> &'a str {
        match super::identifier::normalize(text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(name) => self.arena.alloc_str(&name),
        }
    }

    // --- Nodes ------------------------------------------------------------------------------------------------------

    #[inline]
    pub(in crate::syntax) fn start(&mut self) -> Start {
        let token = self.stream.token();
        (token.line, token.col)
    }

    /// From `start` to the end of the last token taken.
    #[inline]
    pub(in crate::syntax) fn span(&self, start: Start) -> Span {
        let last = self.stream.previous();
        Span { line: start.0, col: start.1, end_line: last.end_line, end_col: last.end_col }
    }

    #[inline]
    pub(in crate::syntax) fn node(&self, kind: ExprKind<'a>, start: Start) -> ExprRef<'a> {
        self.arena.alloc(Expr { kind, span: self.span(start) })
    }

    fn take_expressions(&mut self, base: usize) -> &'a [ExprRef<'a>] {
        let sequence = self.arena.alloc_slice_copy(&self.expressions[base..]);
        self.expressions.truncate(base);
        sequence
    }

    fn take_statements(&mut self, base: usize) -> &'a [Stmt<'a>] {
        let sequence = self.arena.alloc_slice_copy(&self.statements[base..]);
        self.statements.truncate(base);
        sequence
    }

    pub(in crate::syntax) fn sequence<T: Copy>(&self, items: &[T]) -> &'a [T] {
        self.arena.alloc_slice_copy(items)
    }

    // --- Failure ----------------------------------------------------------------------------------------------------

    /// Fails when the native stack is used up.
    #[inline]
    pub(in crate::syntax) fn guard(&mut self) -> ParseResult<()> {
        if self.stack_base.wrapping_sub(stack_address()) > self.options.stack_bytes {
            self.too_nested = true;
            return Err(Failed);
        }
        Ok(())
    }

    /// Raises an error at the last token read.
    #[cold]
    pub(in crate::syntax) fn raise<T>(&mut self, message: String) -> ParseResult<T> {
        self.stream.raise_last(SyntaxErrorKind::Syntax, message);
        Err(Failed)
    }

    /// Fails when the language version asked for lacks a feature.
    #[inline]
    pub(in crate::syntax) fn check_version(&mut self, version: u32, feature: &str) -> ParseResult<()> {
        if self.options.feature_version < version {
            return self.raise(format!("{feature} only supported in Python 3.{version} and greater"));
        }
        Ok(())
    }

    /// Tries a rule; on failure the mark is back, unless an error was raised.
    pub(in crate::syntax) fn attempt<T>(
        &mut self,
        rule: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<Option<T>> {
        let mark = self.stream.mark;
        let (expressions, statements) = (self.expressions.len(), self.statements.len());
        let speculating = std::mem::replace(&mut self.speculating, true);
        let result = rule(self);
        self.speculating = speculating;
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Failed) if self.stream.raised.is_some() || self.too_nested => Err(Failed),
            Err(Failed) => {
                self.stream.mark = mark;
                self.expressions.truncate(expressions);
                self.statements.truncate(statements);
                Ok(None)
            }
        }
    }
}

/// An address near the top of the native stack, which grows down.
#[inline(always)]
pub(in crate::syntax) fn stack_address() -> usize {
    let marker = 0u8;
    std::hint::black_box(&raw const marker) as usize
}
