//! The second pass.
use super::error::{SyntaxError, SyntaxErrorKind};
use super::parser::Parser;

pub(super) fn explain(mut parser: Parser) -> SyntaxError {
    if let Some(error) = parser.stream.raised.take() {
        return error;
    }
    parser.stream.raise_last(SyntaxErrorKind::Syntax, "invalid syntax".into());
    parser.stream.raised.take().unwrap_or(SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: "invalid syntax".into(),
        line: 0,
        col: 0,
        end_line: 0,
        end_col: 0,
        text: None,
    })
}
