//! Docstrings: which expression is one, and its text without the indentation.

use super::syntax_error;
use crate::syntax::ast::{Constant, ExprKind, ExprRef, Span, Stmt, StmtKind};
use crate::syntax::error::{SyntaxError, SyntaxErrorKind};

/// The first statement if it is a string literal.
pub(crate) fn docstring_of<'a>(body: &[Stmt<'a>]) -> Option<(ExprRef<'a>, &'a [u8])> {
    let StmtKind::Expr { value } = body.first()?.kind else { return None };
    match value.kind {
        ExprKind::Constant { value: Constant::Str(text), .. } => Some((value, text)),
        _ => None,
    }
}

/// [`clean`], refused for text with surrogates: CPython does this on UTF-8.
pub(crate) fn checked_clean(text: &[u8], span: Span) -> Result<Vec<u8>, SyntaxError> {
    let expanded = expand_tabs(text);
    let valid = match std::str::from_utf8(&expanded) {
        Ok(_) => return Ok(clean(text)),
        Err(error) => &expanded[..error.valid_up_to()],
    };
    let position = valid.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    let surrogate = expanded[valid.len()..].iter().take(3).fold(0, |code, byte| code << 6 | u32::from(byte & 0x3F));
    let mut error = syntax_error(
        format!(
            "'utf-8' codec can't encode character '\\u{:04x}' in position {position}: surrogates not allowed",
            surrogate & 0xFFFF
        ),
        span,
    );
    error.kind = SyntaxErrorKind::Value;
    Err(error)
}

/// Expands tabs, strips the first line, and removes from the others the indentation that all non-blank ones share.
fn clean(text: &[u8]) -> Vec<u8> {
    let text = expand_tabs(text);
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let margin = lines
        .clone()
        .filter_map(|line| {
            let indent = line.iter().take_while(|&&byte| byte == b' ').count();
            line.get(indent).filter(|&&byte| byte != b'\n').map(|_| indent)
        })
        .min()
        .unwrap_or(0);
    let mut cleaned = Vec::with_capacity(text.len());
    let lead = first.iter().take_while(|&&byte| byte == b' ').count();
    cleaned.extend(&first[lead..]);
    for line in lines {
        let indent = line.iter().take(margin).take_while(|&&byte| byte == b' ').count();
        cleaned.extend(&line[indent..]);
    }
    cleaned
}

/// `str.expandtabs(8)` on UTF-8.
fn expand_tabs(text: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut column = 0;
    for &byte in text {
        match byte {
            b'\t' => {
                let spaces = 8 - column % 8;
                expanded.extend(std::iter::repeat_n(b' ', spaces));
                column += spaces;
            }
            b'\n' | b'\r' => {
                expanded.push(byte);
                column = 0;
            }
            // Continuation bytes take no column.
            _ => {
                expanded.push(byte);
                column += usize::from(byte & 0xC0 != 0x80);
            }
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn removes_common_margin() {
        assert_eq!(clean(b"  a\n    b\n\n      c\n  "), b"a\nb\n\n  c\n");
        assert_eq!(clean(b"a\n\tb"), b"a\nb");
        assert_eq!(clean(b""), b"");
    }
}
