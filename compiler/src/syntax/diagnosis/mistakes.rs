//! What several rules of mistakes need to know of expressions.

use super::{Diagnosis, Miss, Rule};
use crate::syntax::ast::{CompareOperator, Constant, ExprKind, ExprRef};

/// Which kind of target an expression fails to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TargetKind {
    Star,
    Delete,
    For,
}

/// How messages name an expression.
pub(super) fn expression_name(expression: ExprRef) -> &'static str {
    match expression.kind {
        ExprKind::Attribute { .. } => "attribute",
        ExprKind::Subscript { .. } => "subscript",
        ExprKind::Starred { .. } => "starred",
        ExprKind::Name { .. } => "name",
        ExprKind::List { .. } => "list",
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::Lambda { .. } => "lambda",
        ExprKind::Call { .. } => "function call",
        ExprKind::BoolOp { .. } | ExprKind::BinOp { .. } | ExprKind::UnaryOp { .. } => "expression",
        ExprKind::GeneratorExp { .. } => "generator expression",
        ExprKind::Yield { .. } | ExprKind::YieldFrom { .. } => "yield expression",
        ExprKind::Await { .. } => "await expression",
        ExprKind::ListComp { .. } => "list comprehension",
        ExprKind::SetComp { .. } => "set comprehension",
        ExprKind::DictComp { .. } => "dict comprehension",
        ExprKind::Dict { .. } => "dict literal",
        ExprKind::Set { .. } => "set display",
        ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => "f-string expression",
        ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => "t-string expression",
        ExprKind::Constant { value, .. } => match value {
            Constant::None => "None",
            Constant::True => "True",
            Constant::False => "False",
            Constant::Ellipsis => "ellipsis",
            _ => "literal",
        },
        ExprKind::Compare { .. } => "comparison",
        ExprKind::IfExp { .. } => "conditional expression",
        ExprKind::NamedExpr { .. } => "named expression",
        ExprKind::Slice { .. } => "slice",
    }
}

/// Whether a name was a statement of Python 2.
pub(super) fn is_legacy_statement(expression: ExprRef) -> bool {
    matches!(expression.kind, ExprKind::Name { id: "print" | "exec", .. })
}

/// The part of an expression that cannot be a target.
fn invalid_target<'a>(expression: ExprRef<'a>, kind: TargetKind) -> Option<ExprRef<'a>> {
    match expression.kind {
        ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => {
            elts.iter().find_map(|element| invalid_target(element, kind))
        }
        ExprKind::Starred { value, .. } if kind != TargetKind::Delete => invalid_target(value, kind),
        // `for a in b` reads as a comparison.
        ExprKind::Compare { left, ops, .. } if kind == TargetKind::For => match ops.first() {
            Some(CompareOperator::In) => invalid_target(left, kind),
            _ => None,
        },
        ExprKind::Name { .. } | ExprKind::Subscript { .. } | ExprKind::Attribute { .. } => None,
        _ => Some(expression),
    }
}

impl<'a> Diagnosis<'a, '_> {
    /// Raises at the part of an expression that cannot be a target, if there is one.
    pub(super) fn raise_invalid_target(&mut self, expression: ExprRef<'a>, kind: TargetKind) -> Rule<()> {
        let Some(invalid) = invalid_target(expression, kind) else { return Err(Miss::No) };
        let verb = if kind == TargetKind::Delete { "delete" } else { "assign to" };
        self.raise(invalid.span, format!("cannot {verb} {}", expression_name(invalid)))
    }
}
