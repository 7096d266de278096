//! `PyCF_OPTIMIZED_AST`: the changes that the compiler makes to a tree before it generates code, shown as a tree.
//!
//! `__debug__` becomes its value, `'%s' % (a,)` an f-string, signed and complex numbers in patterns constants;
//! without docstrings (`-OO`) they leave the bodies.

use bumpalo::Bump;
use pyrt_compiler::codegen::folded_format;
use pyrt_compiler::for_each_ast_node;
use pyrt_compiler::syntax::ast::*;
use pyrt_runtime::builtins::source::SourceOptions;

/// The tree with the changes, in the same arena.
pub fn module<'a>(arena: &'a Bump, tree: &Mod<'a>, options: SourceOptions) -> Mod<'a> {
    let folder = Folder { arena, optimize: options.optimize };
    let tree = tree.fold(&folder);
    match tree {
        Mod::Module { body, type_ignores } => Mod::Module { body: folder.body(body, false), type_ignores },
        Mod::Interactive { body } => Mod::Interactive { body: folder.body(body, false) },
        other => other,
    }
}

struct Folder<'a> {
    arena: &'a Bump,
    optimize: i32,
}

trait Fold<'a>: Sized {
    fn fold(&self, folder: &Folder<'a>) -> Self;
}

impl<'a> Folder<'a> {
    /// A body without its docstring, where docstrings are dropped.
    fn body(&self, body: &'a [Stmt<'a>], must_stay: bool) -> &'a [Stmt<'a>] {
        let Some((first, rest)) = body.split_first() else { return body };
        let StmtKind::Expr { value } = first.kind else { return body };
        if self.optimize < 2 || !matches!(value.kind, ExprKind::Constant { value: Constant::Str(_), .. }) {
            return body;
        }
        if rest.is_empty() && must_stay {
            // As wide as the word `pass`.
            let span = Span { end_line: first.span.line, end_col: first.span.col + 4, ..first.span };
            return self.arena.alloc_slice_copy(&[Stmt { kind: StmtKind::Pass {}, span }]);
        }
        rest
    }

    fn statement(&self, kind: StmtKind<'a>) -> StmtKind<'a> {
        match kind {
            StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_comment, type_params } => {
                let body = self.body(body, true);
                StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
            }
            StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_comment, type_params } => {
                let body = self.body(body, true);
                StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
            }
            StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params } => {
                let body = self.body(body, true);
                StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params }
            }
            other => other,
        }
    }

    fn expression(&self, kind: ExprKind<'a>, span: Span) -> ExprKind<'a> {
        match kind {
            ExprKind::Name { id: "__debug__", ctx: ExprContext::Load } => {
                let value = if self.optimize == 0 { Constant::True } else { Constant::False };
                ExprKind::Constant { value, kind: None }
            }
            ExprKind::BinOp { left, op: Operator::Mod, right } => {
                let whole = self.arena.alloc(Expr { kind, span });
                folded_format(self.arena, whole, left, right).map_or(kind, |folded| folded.kind)
            }
            other => other,
        }
    }

    fn pattern(&self, kind: PatternKind<'a>) -> PatternKind<'a> {
        match kind {
            PatternKind::MatchValue { value } => PatternKind::MatchValue { value: self.pattern_number(value) },
            PatternKind::MatchMapping { keys, patterns, rest } => {
                let keys = self.arena.alloc_slice_fill_iter(keys.iter().map(|key| self.pattern_number(key)));
                PatternKind::MatchMapping { keys, patterns, rest }
            }
            other => other,
        }
    }

    fn pattern_number(&self, value: ExprRef<'a>) -> ExprRef<'a> {
        let folded = match value.kind {
            ExprKind::UnaryOp { op: UnaryOperator::USub, operand } => constant_of(operand).and_then(negated),
            ExprKind::BinOp { left, op, right } => {
                let left = match left.kind {
                    ExprKind::UnaryOp { op: UnaryOperator::USub, operand } => constant_of(operand).and_then(negated),
                    _ => constant_of(left),
                };
                left.zip(constant_of(right)).and_then(|(left, right)| complex_of(left, op, right))
            }
            _ => None,
        };
        match folded {
            Some(value_) => self.arena.alloc(Expr { kind: ExprKind::Constant { value: value_, kind: None }, span: value.span }),
            None => value,
        }
    }
}

fn constant_of<'a>(value: ExprRef<'a>) -> Option<Constant<'a>> {
    if let ExprKind::Constant { value, .. } = value.kind { Some(value) } else { None }
}

fn negated(value: Constant<'_>) -> Option<Constant<'_>> {
    Some(match value {
        Constant::Int(ConstInt::Small(number)) => Constant::Int(ConstInt::Small(number.checked_neg()?)),
        Constant::Int(ConstInt::Big { negative, limbs }) => Constant::Int(ConstInt::Big { negative: !negative, limbs }),
        Constant::Float(number) => Constant::Float(-number),
        Constant::Imaginary(number) => Constant::Complex(-0.0, -number),
        Constant::Complex(real, imaginary) => Constant::Complex(-real, -imaginary),
        _ => return None,
    })
}

fn complex_of<'a>(left: Constant<'a>, op: Operator, right: Constant<'a>) -> Option<Constant<'a>> {
    let real = match left {
        Constant::Int(ConstInt::Small(number)) => number as f64,
        Constant::Float(number) => number,
        _ => return None,
    };
    let Constant::Imaginary(imaginary) = right else { return None };
    match op {
        Operator::Add => Some(Constant::Complex(real, imaginary)),
        Operator::Sub => Some(Constant::Complex(real, -imaginary)),
        _ => None,
    }
}

impl<'a, T: Fold<'a>> Fold<'a> for &'a T {
    fn fold(&self, folder: &Folder<'a>) -> Self {
        folder.arena.alloc((*self).fold(folder))
    }
}

impl<'a, T: Fold<'a>> Fold<'a> for Option<T> {
    fn fold(&self, folder: &Folder<'a>) -> Self {
        self.as_ref().map(|value| value.fold(folder))
    }
}

impl<'a, T: Fold<'a>> Fold<'a> for &'a [T] {
    fn fold(&self, folder: &Folder<'a>) -> Self {
        folder.arena.alloc_slice_fill_iter(self.iter().map(|item| item.fold(folder)))
    }
}

macro_rules! unchanged {
    ($($ty:ty),*) => {$(
        impl<'a> Fold<'a> for $ty {
            fn fold(&self, _folder: &Folder<'a>) -> Self {
                *self
            }
        }
    )*};
}

unchanged!(&'a str, i32, Constant<'a>);

macro_rules! implement {
    () => {};
    (sum $name:ident $asdl:literal $attr:ident { $($variants:tt)* } $($rest:tt)*) => {
        implement_sum! { $name $($variants)* }
        implement! { $($rest)* }
    };
    (enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        unchanged!($name);
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal attributes { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl<'a> Fold<'a> for $name<'a> {
            fn fold(&self, folder: &Folder<'a>) -> Self {
                $name { $($field: Fold::fold(&self.$field, folder),)* span: self.span }
            }
        }
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal plain { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl<'a> Fold<'a> for $name<'a> {
            fn fold(&self, folder: &Folder<'a>) -> Self {
                $name { $($field: Fold::fold(&self.$field, folder)),* }
            }
        }
        implement! { $($rest)* }
    };
}

macro_rules! implement_sum {
    (Stmt $($rest:tt)*) => { implement_variants! { Stmt StmtKind (|folder: &Folder<'a>, kind, _| folder.statement(kind)) $($rest)* } };
    (Expr $($rest:tt)*) => { implement_variants! { Expr ExprKind (|folder: &Folder<'a>, kind, span| folder.expression(kind, span)) $($rest)* } };
    (Pattern $($rest:tt)*) => { implement_variants! { Pattern PatternKind (|folder: &Folder<'a>, kind, _| folder.pattern(kind)) $($rest)* } };
    (ExceptHandler $($rest:tt)*) => { implement_variants! { ExceptHandler ExceptHandlerKind (|_: &Folder<'a>, kind, _| kind) $($rest)* } };
    (TypeParam $($rest:tt)*) => { implement_variants! { TypeParam TypeParamKind (|_: &Folder<'a>, kind, _| kind) $($rest)* } };
    ($name:ident $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl<'a> Fold<'a> for $name<'a> {
            fn fold(&self, folder: &Folder<'a>) -> Self {
                match *self {
                    $($name::$variant { $($field),* } => $name::$variant { $($field: Fold::fold(&$field, folder)),* },)*
                }
            }
        }
    };
}

macro_rules! implement_variants {
    ($name:ident $kind:ident ($after:expr) $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl<'a> Fold<'a> for $name<'a> {
            fn fold(&self, folder: &Folder<'a>) -> Self {
                let kind = match self.kind {
                    $($kind::$variant { $($field),* } => $kind::$variant { $($field: Fold::fold(&$field, folder)),* },)*
                };
                $name { kind: ($after)(folder, kind, self.span), span: self.span }
            }
        }
    };
}

for_each_ast_node!(implement);
