//! SyntaxWarnings about code that is legal and surely wrong.

use super::compiler::Compiler;
use super::syntax_error;
use crate::syntax::ast::{CompareOperator, Constant, Expr, ExprKind, ExprRef, Keyword, Span};
use crate::syntax::error::{CompileWarning, SyntaxError};

/// A warning with the place in the form of [`syntax_error`].
pub(super) fn syntax_warning(message: String, span: Span) -> CompileWarning {
    CompileWarning {
        is_syntax_warning: true,
        error_message: None,
        message,
        line: span.line,
        col: span.col.saturating_add(1),
        end_line: span.end_line,
        end_col: span.end_col.saturating_add(1),
    }
}

/// The name of the type that an expression surely has.
fn inferred_type(expression: &Expr<'_>) -> Option<&'static str> {
    Some(match &expression.kind {
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::List { .. } | ExprKind::ListComp { .. } => "list",
        ExprKind::Dict { .. } | ExprKind::DictComp { .. } => "dict",
        ExprKind::Set { .. } | ExprKind::SetComp { .. } => "set",
        ExprKind::GeneratorExp { .. } => "generator",
        ExprKind::Lambda { .. } => "function",
        ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => "string.templatelib.Template",
        ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => "str",
        ExprKind::Constant { value, .. } => constant_type(value),
        _ => return None,
    })
}

fn constant_type(value: &Constant<'_>) -> &'static str {
    match value {
        Constant::None => "NoneType",
        Constant::True | Constant::False => "bool",
        Constant::Ellipsis => "ellipsis",
        Constant::Str(_) => "str",
        Constant::Bytes(_) => "bytes",
        Constant::Int(_) => "int",
        Constant::Float(_) => "float",
        Constant::Imaginary(_) | Constant::Complex(..) => "complex",
        Constant::Tuple(_) => "tuple",
        Constant::FrozenSet(_) => "frozenset",
    }
}

/// What `is` may sensibly compare with: anything but a literal, and the singletons.
fn identity_operand_type(expression: &Expr<'_>) -> Option<&'static str> {
    match &expression.kind {
        ExprKind::Constant { value: Constant::None | Constant::True | Constant::False | Constant::Ellipsis, .. } => None,
        ExprKind::Constant { value, .. } => Some(constant_type(value)),
        ExprKind::Tuple { elts, .. } if elts.iter().all(|elt| matches!(elt.kind, ExprKind::Constant { .. })) => {
            Some("tuple")
        }
        _ => None,
    }
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn warn(&mut self, message: String, span: Span) {
        // Code that is generated twice (`finally` bodies) warns once.
        let warning = syntax_warning(message, span);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// `1 is x`.
    pub(super) fn check_compare(&mut self, whole: ExprRef<'a>) {
        let ExprKind::Compare { left, ops, comparators } = &whole.kind else { return };
        let mut left = identity_operand_type(left);
        for (op, right) in ops.iter().zip(*comparators) {
            let right = identity_operand_type(right);
            if matches!(op, CompareOperator::Is | CompareOperator::IsNot)
                && let Some(name) = left.or(right)
            {
                let (word, instead) = if *op == CompareOperator::Is { ("is", "==") } else { ("is not", "!=") };
                self.warn(format!("\"{word}\" with '{name}' literal. Did you mean \"{instead}\"?"), whole.span);
                return;
            }
            left = right;
        }
    }

    /// `"x" (1)`.
    pub(super) fn check_caller(&mut self, func: ExprRef<'a>) {
        if !matches!(func.kind, ExprKind::Lambda { .. })
            && let Some(name) = inferred_type(func)
        {
            let message = format!("'{name}' object is not callable; perhaps you missed a comma?");
            self.warn(message, func.span);
        }
    }

    /// `1 [2]`.
    pub(super) fn check_subscripter(&mut self, value: ExprRef<'a>) {
        let refuses = match &value.kind {
            ExprKind::Constant { value, .. } => matches!(
                value,
                Constant::None
                    | Constant::True
                    | Constant::False
                    | Constant::Ellipsis
                    | Constant::Int(_)
                    | Constant::Float(_)
                    | Constant::Imaginary(_)
                    | Constant::Complex(..)
                    | Constant::FrozenSet(_)
            ),
            ExprKind::Set { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::GeneratorExp { .. }
            | ExprKind::TemplateStr { .. }
            | ExprKind::Interpolation { .. }
            | ExprKind::Lambda { .. } => true,
            _ => false,
        };
        if refuses && let Some(name) = inferred_type(value) {
            let message = format!("'{name}' object is not subscriptable; perhaps you missed a comma?");
            self.warn(message, value.span);
        }
    }

    /// `[1] ["a"]`.
    pub(super) fn check_index(&mut self, value: ExprRef<'a>, index: ExprRef<'a>) {
        let Some(index_type) = inferred_type(index) else { return };
        if matches!(index_type, "int" | "bool") {
            return;
        }
        let is_sequence = match &value.kind {
            ExprKind::Constant { value, .. } => {
                matches!(value, Constant::Str(_) | Constant::Bytes(_) | Constant::Tuple(_))
            }
            ExprKind::Tuple { .. }
            | ExprKind::List { .. }
            | ExprKind::ListComp { .. }
            | ExprKind::JoinedStr { .. }
            | ExprKind::FormattedValue { .. } => true,
            _ => false,
        };
        if is_sequence && let Some(name) = inferred_type(value) {
            let message =
                format!("{name} indices must be integers or slices, not {index_type}; perhaps you missed a comma?");
            self.warn(message, value.span);
        }
    }

    /// `f(a=1, a=2)` is an error.
    pub(super) fn check_keywords(&self, keywords: &[Keyword<'a>]) -> Result<(), SyntaxError> {
        for (position, keyword) in keywords.iter().enumerate() {
            let Some(name) = keyword.arg else { continue };
            if let Some(again) = keywords[position + 1..].iter().find(|other| other.arg == Some(name)) {
                return Err(syntax_error(format!("keyword argument repeated: {name}"), again.span));
            }
        }
        Ok(())
    }
}
