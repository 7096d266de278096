//! From the compiler's tree to Python objects.

use super::classes::{Classes, classes};
use super::node_type::node_with_dict;
use pyrt_compiler::for_each_ast_node;
use pyrt_compiler::syntax::ast::*;
use pyrt_runtime::names::interned;
use pyrt_runtime::object::value::{Owned, PyResult};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::{bytes, complex, float, int, list, set, string, tuple};

/// The tree as `_ast` nodes.
pub fn module(tree: &Mod<'_>, thread: &mut Thread) -> PyResult {
    let classes = classes(thread)?;
    let attributes = super::classes::ATTRIBUTES.map(interned);
    tree.to_object(&mut Maker { classes, attributes, thread })
}

struct Maker<'t> {
    classes: &'static Classes,
    attributes: [Owned; 4],
    thread: &'t mut Thread,
}

trait ToObject {
    fn to_object(&self, maker: &mut Maker) -> PyResult;
}

impl Maker<'_> {
    fn guard(&mut self) -> PyResult<()> {
        if self.thread.native_stack_is_low() {
            return Err(self.thread.raise_recursion_error(" during ast construction"));
        }
        Ok(())
    }

    fn node<const N: usize>(&mut self, name: &str, fields: [Owned; N], span: Option<Span>) -> PyResult {
        let Some(class) = self.classes.get(name) else { return Ok(Owned::none()) };
        let attributes = dict::with_capacity(N + 4);
        let entries = DictObject::of(*attributes);
        for (i, value) in fields.into_iter().enumerate() {
            entries.set_str(class.field_name(i), value);
        }
        if let Some(span) = span {
            let numbers = [span.line, span.col, span.end_line, span.end_col];
            for (name, number) in self.attributes.iter().zip(numbers) {
                entries.set_str(**name, Owned::int(i64::from(number as i32)));
            }
        }
        Ok(node_with_dict(class.class(), attributes))
    }

    fn singleton(&mut self, name: &str) -> PyResult {
        Ok(self.classes.get(name).and_then(|class| class.singleton()).unwrap_or_else(Owned::none))
    }
}

impl<T: ToObject> ToObject for &T {
    fn to_object(&self, maker: &mut Maker) -> PyResult {
        (*self).to_object(maker)
    }
}

impl<T: ToObject> ToObject for Option<T> {
    fn to_object(&self, maker: &mut Maker) -> PyResult {
        self.as_ref().map_or_else(|| Ok(Owned::none()), |value| value.to_object(maker))
    }
}

impl<T: ToObject> ToObject for &[T] {
    fn to_object(&self, maker: &mut Maker) -> PyResult {
        let items: PyResult<Vec<Owned>> = self.iter().map(|item| item.to_object(maker)).collect();
        Ok(list::from_vec(items?))
    }
}

impl ToObject for &str {
    fn to_object(&self, _maker: &mut Maker) -> PyResult {
        Ok(string::intern_str(self))
    }
}

impl ToObject for i32 {
    fn to_object(&self, _maker: &mut Maker) -> PyResult {
        Ok(Owned::int(i64::from(*self)))
    }
}

impl ToObject for Constant<'_> {
    fn to_object(&self, maker: &mut Maker) -> PyResult {
        Ok(match *self {
            Constant::None => Owned::none(),
            Constant::True => Owned::true_(),
            Constant::False => Owned::false_(),
            Constant::Ellipsis => Owned::ellipsis(),
            Constant::Str(text) => string::from_wtf8(text),
            Constant::Bytes(text) => bytes::from_slice(text),
            Constant::Int(ConstInt::Small(number)) => Owned::int(number),
            Constant::Int(ConstInt::Big { negative, limbs }) => int::from_limbs(negative, limbs),
            Constant::Float(number) => float::from_f64(number),
            Constant::Imaginary(number) => complex::new(0.0, number),
            Constant::Complex(real, imaginary) => complex::new(real, imaginary),
            Constant::Tuple(items) => {
                maker.guard()?;
                let items: PyResult<Vec<Owned>> = items.iter().map(|item| item.to_object(maker)).collect();
                tuple::from_vec(items?)
            }
            Constant::FrozenSet(items) => {
                maker.guard()?;
                let items: PyResult<Vec<Owned>> = items.iter().map(|item| item.to_object(maker)).collect();
                set::frozenset_from(items?, maker.thread)?
            }
        })
    }
}

macro_rules! implement {
    () => {};
    (sum $name:ident $asdl:literal $attr:ident { $($variants:tt)* } $($rest:tt)*) => {
        implement_sum! { $name $($variants)* }
        implement! { $($rest)* }
    };
    (enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        impl ToObject for $name {
            fn to_object(&self, maker: &mut Maker) -> PyResult {
                maker.singleton(self.name())
            }
        }
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal attributes { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl ToObject for $name<'_> {
            fn to_object(&self, maker: &mut Maker) -> PyResult {
                let fields = [$(self.$field.to_object(maker)?),*];
                maker.node($asdl, fields, Some(self.span))
            }
        }
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal plain { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl ToObject for $name<'_> {
            fn to_object(&self, maker: &mut Maker) -> PyResult {
                let fields = [$(self.$field.to_object(maker)?),*];
                maker.node($asdl, fields, None)
            }
        }
        implement! { $($rest)* }
    };
}

macro_rules! implement_sum {
    (Stmt $($rest:tt)*) => { implement_variants! { Stmt StmtKind spanned $($rest)* } };
    (Expr $($rest:tt)*) => { implement_variants! { Expr ExprKind spanned $($rest)* } };
    (ExceptHandler $($rest:tt)*) => { implement_variants! { ExceptHandler ExceptHandlerKind spanned $($rest)* } };
    (Pattern $($rest:tt)*) => { implement_variants! { Pattern PatternKind spanned $($rest)* } };
    (TypeParam $($rest:tt)*) => { implement_variants! { TypeParam TypeParamKind spanned $($rest)* } };
    ($name:ident $($rest:tt)*) => { implement_variants! { $name $name plain $($rest)* } };
}

macro_rules! implement_variants {
    ($name:ident $kind:ident spanned $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl ToObject for $name<'_> {
            fn to_object(&self, maker: &mut Maker) -> PyResult {
                maker.guard()?;
                match self.kind {
                    $($kind::$variant { $($field),* } => {
                        let fields = [$($field.to_object(maker)?),*];
                        maker.node(stringify!($variant), fields, Some(self.span))
                    })*
                }
            }
        }
    };
    ($name:ident $kind:ident plain $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl ToObject for $name<'_> {
            fn to_object(&self, maker: &mut Maker) -> PyResult {
                match *self {
                    $($kind::$variant { $($field),* } => {
                        let fields = [$($field.to_object(maker)?),*];
                        maker.node(stringify!($variant), fields, None)
                    })*
                }
            }
        }
    };
}

for_each_ast_node!(implement);
