//! From Python objects to the compiler's tree.

use bumpalo::Bump;

use super::classes::{Classes, classes};
use pyrt_compiler::for_each_ast_node;
use pyrt_compiler::syntax::ast::*;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::names::interned;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::bytes::BytesObject;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::set::SetObject;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::{TYPE_LIST_SUBCLASS, TYPE_STR_SUBCLASS};
use pyrt_runtime::types::{complex, float, int};

/// The tree of `_ast` nodes in an arena.
pub fn module<'a>(arena: &'a Bump, value: Value, thread: &mut Thread) -> PyResult<Mod<'a>> {
    let classes = classes(thread)?;
    let mut reader = Reader { arena, classes, thread };
    match Mod::read(value, Place { class: "", field: "mod", ty: "" }, &mut reader)? {
        Some(module) => Ok(module),
        None => Err(reader.thread.raise_type_error("expected some sort of mod, but got None")),
    }
}

struct Reader<'a, 't> {
    arena: &'a Bump,
    classes: &'static Classes,
    thread: &'t mut Thread,
}

/// What is being read, for messages.
#[derive(Clone, Copy)]
struct Place {
    class: &'static str,
    field: &'static str,
    /// The field's type in Rust, as text.
    ty: &'static str,
}

impl Place {
    fn is_identifier(&self) -> bool {
        self.ty.contains("Identifier")
    }
}

/// A value of a field or an item of a list. None in Python is `None` where a node is wanted.
trait Read<'a>: Sized {
    fn read(value: Value, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>>;
}

/// The whole of a field.
trait ReadField<'a>: Sized {
    fn read_field(value: Option<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Self>;
}

impl<'a> Reader<'a, '_> {
    fn field<T: ReadField<'a>>(&mut self, object: Value, class: &'static str, field: &'static str, ty: &'static str) -> PyResult<T> {
        let field = super::schema::python_name(field);
        let value = attribute::get_optional(object, *interned(field), self.thread)?;
        T::read_field(value, Place { class, field, ty }, self)
    }

    fn guard(&mut self, what: &str) -> PyResult<()> {
        if self.thread.native_stack_is_low() {
            return Err(self.thread.raise_recursion_error(&format!(" while traversing '{what}' node")));
        }
        Ok(())
    }

    fn span(&mut self, object: Value, class: &'static str) -> PyResult<Span> {
        let line: i32 = self.field(object, class, "lineno", "i32")?;
        let col: i32 = self.field(object, class, "col_offset", "i32")?;
        let end_line: Option<i32> = self.field(object, class, "end_lineno", "i32")?;
        let end_col: Option<i32> = self.field(object, class, "end_col_offset", "i32")?;
        let (end_line, end_col) = (end_line.unwrap_or(line), end_col.unwrap_or(col));
        Ok(Span { line: line as u32, col: col as u32, end_line: end_line as u32, end_col: end_col as u32 })
    }

    #[cold]
    fn unexpected(&mut self, value: Value, sum: &str) -> Raised {
        match convert::repr_text(value, self.thread) {
            Ok(text) => self.thread.raise_type_error(format!("expected some sort of {sum}, but got {text}")),
            Err(raised) => raised,
        }
    }

    #[cold]
    fn missing(&mut self, place: Place) -> Raised {
        self.thread.raise_type_error(format!("required field \"{}\" missing from {}", place.field, place.class))
    }

    #[cold]
    fn is_none(&mut self, place: Place) -> Raised {
        self.thread.raise_value_error(format!("field '{}' is required for {}", place.field, place.class))
    }
}

fn required<'a, T: Read<'a>>(value: Option<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<T> {
    let Some(value) = value else { return Err(reader.missing(place)) };
    match T::read(*value, place, reader)? {
        Some(read) => Ok(read),
        None => Err(reader.is_none(place)),
    }
}

impl<'a, T: Read<'a>> ReadField<'a> for Option<T> {
    fn read_field(value: Option<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Self> {
        match value {
            Some(value) if !value.is_none() => T::read(*value, place, reader),
            _ => Ok(None),
        }
    }
}

impl<'a, T: Read<'a> + Copy> ReadField<'a> for &'a [T] {
    fn read_field(value: Option<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Self> {
        let Some(value) = value else { return Ok(&[]) };
        let Place { class, field, ty } = place;
        if !value.is_pointer() || !value.type_has_flag(TYPE_LIST_SUBCLASS) {
            let got = value.type_object().full_name();
            return Err(reader.thread.raise_type_error(format!("{class} field \"{field}\" must be a list, not a {got}")));
        }
        let list = ListObject::of(*value);
        let n = list.len();
        let mut items = Vec::with_capacity(n);
        for i in 0..n {
            let changed = match list.get(i) {
                Some(item) => {
                    match T::read(*item, place, reader)? {
                        Some(item) => items.push(item),
                        None => {
                            return Err(match ty {
                                _ if ty.contains("Stmt") => reader.thread.raise_value_error("None disallowed in statement list"),
                                _ if ty.contains("ExprRef") => reader.thread.raise_value_error("None disallowed in expression list"),
                                _ => reader.is_none(place),
                            });
                        }
                    }
                    list.len() != n
                }
                None => true,
            };
            if changed {
                return Err(reader.thread.raise(&exc::RUNTIME_ERROR, format!("{class} field \"{field}\" changed size during iteration")));
            }
        }
        Ok(reader.arena.alloc_slice_copy(&items))
    }
}

/// An item of `expr?*`.
impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(value: Value, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
        if value.is_none() { Ok(Some(None)) } else { T::read(value, place, reader).map(Some) }
    }
}

impl<'a> Read<'a> for &'a str {
    fn read(value: Value, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
        if value.is_none() {
            return Ok(None);
        }
        let is_identifier = place.is_identifier();
        let fits = value.is_pointer() && if is_identifier { value.has_shape(shapes::STR) } else { value.type_has_flag(TYPE_STR_SUBCLASS) || value.has_shape(shapes::BYTES) };
        if !fits {
            return Err(reader.thread.raise_type_error(if is_identifier { "AST identifier must be of type str" } else { "AST string must be of type str" }));
        }
        if value.has_shape(shapes::BYTES) {
            return Ok(Some(reader.arena.alloc_str(&String::from_utf8_lossy(BytesObject::of(value).as_slice()))));
        }
        let text = convert::as_text(value, "AST string", reader.thread)?;
        if is_identifier && matches!(text.as_str(), "None" | "True" | "False") {
            return Err(reader.thread.raise_value_error(format!("identifier field can't represent '{text}' constant")));
        }
        Ok(Some(reader.arena.alloc_str(&text)))
    }
}

impl<'a> Read<'a> for i32 {
    fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
        if !convert::is_int(value) {
            let text = convert::repr_text(value, reader.thread)?;
            return Err(reader.thread.raise_value_error(format!("invalid integer value: {text}")));
        }
        convert::as_c_int(value, reader.thread).map(Some)
    }
}

impl<'a> Read<'a> for Constant<'a> {
    fn read(value: Value, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
        let arena = reader.arena;
        if value.is_none() {
            return Ok(Some(Constant::None));
        }
        if value.is_true() {
            return Ok(Some(Constant::True));
        }
        if value.is_false() {
            return Ok(Some(Constant::False));
        }
        if value.is_ellipsis() {
            return Ok(Some(Constant::Ellipsis));
        }
        Ok(Some(match value.shape() {
            shapes::STR => Constant::Str(arena.alloc_slice_copy(&StrObject::of(value).to_wtf8())),
            shapes::BYTES => Constant::Bytes(arena.alloc_slice_copy(BytesObject::of(value).as_slice())),
            shapes::INT => Constant::Int(match int::as_i64(value) {
                Some(small) => ConstInt::Small(small),
                None => {
                    let big = int::to_bigint(value);
                    ConstInt::Big { negative: int::is_negative(value), limbs: arena.alloc_slice_copy(&big.magnitude().to_u64_digits()) }
                }
            }),
            shapes::FLOAT => Constant::Float(float::as_f64(value).unwrap_or(0.0)),
            shapes::COMPLEX => match complex::parts(value) {
                Some((0.0, imaginary)) => Constant::Imaginary(imaginary),
                Some((real, imaginary)) => Constant::Complex(real, imaginary),
                None => Constant::None,
            },
            shapes::TUPLE => {
                reader.guard("constant")?;
                let items = TupleObject::of(value).items();
                Constant::Tuple(constants(items.iter().map(Value::to_owned).collect(), place, reader)?)
            }
            shapes::FROZENSET => {
                reader.guard("constant")?;
                let items = SetObject::of(value).entries().into_iter().map(|entry| entry.key).collect();
                Constant::FrozenSet(constants(items, place, reader)?)
            }
            _ => {
                let name = value.type_object().full_name();
                return Err(reader.thread.raise_type_error(format!("got an invalid type in Constant: {name}")));
            }
        }))
    }
}

fn constants<'a>(items: Vec<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<&'a [Constant<'a>]> {
    let mut read = Vec::with_capacity(items.len());
    for item in items {
        read.extend(Constant::read(*item, place, reader)?);
    }
    Ok(reader.arena.alloc_slice_copy(&read))
}

macro_rules! by_value {
    ($($ty:ty),*) => {$(
        impl<'a> ReadField<'a> for $ty {
            fn read_field(value: Option<Owned>, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Self> {
                required(value, place, reader)
            }
        }
    )*};
}

by_value!(&'a str, i32, Constant<'a>, ExprRef<'a>, &'a Arguments<'a>, &'a Arg<'a>, &'a Pattern<'a>);

macro_rules! by_reference {
    ($($ty:ident)*) => {$(
        impl<'a> Read<'a> for &'a $ty<'a> {
            fn read(value: Value, place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                let arena = reader.arena;
                Ok($ty::read(value, place, reader)?.map(|node| &*arena.alloc(node)))
            }
        }
    )*};
}

by_reference!(Expr Arguments Arg Pattern);

macro_rules! implement {
    () => {};
    (sum $name:ident $asdl:literal $attr:ident { $($variants:tt)* } $($rest:tt)*) => {
        implement_sum! { $name $asdl $($variants)* }
        implement! { $($rest)* }
    };
    (enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        impl<'a> Read<'a> for $name {
            fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                let found = reader.classes.variant_of(value, $asdl).and_then(|found| $name::ALL.iter().find(|one| one.name() == found));
                match found {
                    Some(found) => Ok(Some(*found)),
                    None => Err(reader.unexpected(value, $asdl)),
                }
            }
        }
        by_value!($name);
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal attributes { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl<'a> Read<'a> for $name<'a> {
            fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                reader.guard($asdl)?;
                $(let $field = reader.field(value, $asdl, stringify!($field), stringify!($ty))?;)*
                let span = reader.span(value, $asdl)?;
                Ok(Some($name { $($field,)* span }))
            }
        }
        implement! { $($rest)* }
    };
    (product $name:ident $asdl:literal plain { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl<'a> Read<'a> for $name<'a> {
            fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                reader.guard($asdl)?;
                $(let $field = reader.field(value, $asdl, stringify!($field), stringify!($ty))?;)*
                Ok(Some($name { $($field),* }))
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
    ($name:ident $kind:ident spanned $asdl:literal $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl<'a> Read<'a> for $name<'a> {
            fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                if value.is_none() {
                    return Ok(None);
                }
                reader.guard($asdl)?;
                let span = reader.span(value, $asdl)?;
                let found = reader.classes.variant_of(value, $asdl).unwrap_or_default();
                $(if found == stringify!($variant) {
                    $(let $field = reader.field(value, stringify!($variant), stringify!($field), stringify!($ty))?;)*
                    return Ok(Some($name { kind: $kind::$variant { $($field),* }, span }));
                })*
                Err(reader.unexpected(value, $asdl))
            }
        }
    };
    ($name:ident $kind:ident plain $asdl:literal $($variant:ident { $($field:ident : $ty:ty),* })*) => {
        impl<'a> Read<'a> for $name<'a> {
            fn read(value: Value, _place: Place, reader: &mut Reader<'a, '_>) -> PyResult<Option<Self>> {
                if value.is_none() {
                    return Ok(None);
                }
                let found = reader.classes.variant_of(value, $asdl).unwrap_or_default();
                $(if found == stringify!($variant) {
                    $(let $field = reader.field(value, stringify!($variant), stringify!($field), stringify!($ty))?;)*
                    return Ok(Some($kind::$variant { $($field),* }));
                })*
                Err(reader.unexpected(value, $asdl))
            }
        }
    };
}

for_each_ast_node!(implement);
