//! Struct sequences: tuple subclasses with named fields (`time.struct_time`, `os.stat_result`, `sys.flags`).
//!
//! # Invariants
//! * The first [`Layout::N_SEQUENCE`] fields are the tuple; the others follow in the same block, behind the tuple's
//!   length, reachable by name only. All [`Layout::N_FIELDS`] words are always initialised.
//! * The fields never change after the object is published.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{convert, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{StaticType, TUPLE};
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, ITEMS_OFFSET, TupleObject};
use crate::types::type_object::*;

/// A named field.
pub struct Field {
    pub name: &'static str,
    pub index: usize,
}

/// What is fixed about one struct sequence type; [`struct_sequence!`](crate::struct_sequence) implements it.
pub trait Layout: 'static {
    const NAME: &'static str;
    const DOC: &'static str;
    /// In declaration order; indices may leave gaps, which are unnamed fields.
    const FIELDS: &'static [Field];
    const N_SEQUENCE: usize;
    const N_FIELDS: usize;
    const MEMBERS: &'static [MemberDef];
    /// Instances cannot be made by Python code.
    const IS_SEALED: bool;
    const SLOTS: &'static [SlotFn] = &[SlotFn::repr(repr::<Self>), SlotFn::new(new::<Self>)];
    const SEALED_SLOTS: &'static [SlotFn] = &[SlotFn::repr(repr::<Self>)];
    const METHODS: &'static [MethodDef] = &[
        MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce::<Self>), kind: MethodKind::Instance, signature: "-($self)", doc: "For pickling." },
        MethodDef {
            name: "__replace__",
            func: NativeFn::Raw(replace::<Self>),
            kind: MethodKind::Instance,
            signature: "($self, /, **changes)",
            doc: "Return a copy of the structure with new values for the specified fields.",
        },
    ];

    fn static_type() -> &'static StaticType;

    /// Completes the fields of an instance that Python code makes: some follow from others.
    fn complete(_fields: &mut [Owned]) {}
}

/// The declaration of the type with layout `L`.
pub const fn spec<L: Layout + ?Sized>() -> TypeSpec {
    TypeSpec {
        name: L::NAME,
        doc: L::DOC,
        base: Some(&TUPLE),
        flags: if L::IS_SEALED { TYPE_GC | TYPE_DISALLOW_INSTANTIATION } else { TYPE_GC },
        slots: if L::IS_SEALED { L::SEALED_SLOTS } else { L::SLOTS },
        methods: L::METHODS,
        members: L::MEMBERS,
        dealloc: Some(dealloc::<L>),
        traverse: Some(traverse::<L>),
        ..TypeSpec::DEFAULT
    }
}

/// One more than the largest index.
pub const fn count_fields(fields: &[Field]) -> usize {
    let (mut n, mut i) = (0, 0);
    while i < fields.len() {
        if fields[i].index >= n {
            n = fields[i].index + 1;
        }
        i += 1;
    }
    n
}

/// Declares a struct sequence type:
/// `struct_sequence! { pub STRUCT_TIME: StructTime = "time.struct_time", "doc", 9, [("tm_year", 0, "doc"), …] }`.
/// `sealed` behind the name forbids making instances; `complete = path` names a [`Layout::complete`](crate::types::struct_sequence::Layout::complete).
#[macro_export]
macro_rules! struct_sequence {
    ($vis:vis $static:ident : $layout:ident = $name:literal, $doc:literal, $n_sequence:literal, [$(($field:literal, $index:literal, $fdoc:literal)),* $(,)?] $(, complete = $complete:path)?) => {
        $crate::struct_sequence!(@make $vis $static $layout $name $doc $n_sequence false [$(($field, $index, $fdoc)),*] [$($complete)?]);
    };
    ($vis:vis $static:ident : $layout:ident = sealed $name:literal, $doc:literal, $n_sequence:literal, [$(($field:literal, $index:literal, $fdoc:literal)),* $(,)?]) => {
        $crate::struct_sequence!(@make $vis $static $layout $name $doc $n_sequence true [$(($field, $index, $fdoc)),*] []);
    };
    (@make $vis:vis $static:ident $layout:ident $name:literal $doc:literal $n_sequence:literal $sealed:literal [$(($field:literal, $index:literal, $fdoc:literal)),*] [$($complete:path)?]) => {
        #[doc = $doc]
        $vis struct $layout;

        impl $crate::types::struct_sequence::Layout for $layout {
            const NAME: &'static str = $name;
            const DOC: &'static str = $doc;
            const FIELDS: &'static [$crate::types::struct_sequence::Field] =
                &[$($crate::types::struct_sequence::Field { name: $field, index: $index }),*];
            const N_SEQUENCE: usize = $n_sequence;
            const N_FIELDS: usize = $crate::types::struct_sequence::count_fields(Self::FIELDS);
            const IS_SEALED: bool = $sealed;
            const MEMBERS: &'static [$crate::types::type_object::MemberDef] = &[$(
                $crate::types::type_object::MemberDef {
                    name: $field,
                    offset: $crate::types::tuple::ITEMS_OFFSET + 8 * $index,
                    readonly: true,
                    none_if_empty: false,
                    doc: $fdoc,
                }
            ),*];

            fn static_type() -> &'static $crate::types::builtin_types::StaticType {
                &$static
            }

            $(fn complete(fields: &mut [$crate::Owned]) {
                $complete(fields);
            })?
        }

        #[doc = $doc]
        $vis static $static: $crate::types::builtin_types::StaticType = {
            static SPEC: $crate::types::type_object::TypeSpec = $crate::types::struct_sequence::spec::<$layout>();
            $crate::types::builtin_types::StaticType::new(&SPEC)
        };
    };
}

/// The type with its class attributes (`n_fields` and others) in place. Modules call it when they add the type.
pub fn ready<L: Layout + ?Sized>() -> &'static TypeObject {
    let ty = L::static_type().get();
    if let Some(dict) = ty.dict() {
        let named = L::FIELDS.len();
        for (name, value) in [("n_sequence_fields", L::N_SEQUENCE), ("n_fields", L::N_FIELDS), ("n_unnamed_fields", L::N_FIELDS - named)] {
            dict.set_by_text(name, Owned::usize(value));
        }
        let visible = L::FIELDS.iter().filter(|field| field.index < L::N_SEQUENCE);
        dict.set_by_text("__match_args__", tuple::from_vec(visible.map(|field| string::intern_str(field.name)).collect()));
    }
    ty
}

/// Adds the type to a module under its own name.
pub fn add_to_module<L: Layout + ?Sized>(module: Value) {
    let ty = ready::<L>();
    crate::types::module::add(module, &ty.name(), ty.value().to_owned());
}

/// An instance. Missing fields at the end are `None`, further values are dropped.
pub fn build<L: Layout + ?Sized>(fields: Vec<Owned>) -> Owned {
    let size = ITEMS_OFFSET + 8 * L::N_FIELDS;
    let mut fields = fields.into_iter();
    // SAFETY: length, hash and all words are written.
    let made = unsafe {
        lifetime::allocate(L::static_type().get(), size, |block| {
            tuple::write_head(block, L::N_SEQUENCE);
            let to = block.add(ITEMS_OFFSET).cast::<Value>();
            for i in 0..L::N_FIELDS {
                to.add(i).write(fields.next().unwrap_or_else(Owned::none).into_raw());
            }
        })
    };
    made.unwrap_or_else(|| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()))
}

/// All fields, the hidden ones too.
fn fields<'a, L: Layout + ?Sized>(this: Value) -> &'a [Value] {
    // SAFETY: `build` writes `N_FIELDS` words behind the head.
    unsafe { std::slice::from_raw_parts(this.header().cast::<u8>().add(ITEMS_OFFSET).cast(), L::N_FIELDS) }
}

fn repr<L: Layout + ?Sized>(this: Value, thread: &mut Thread) -> PyResult {
    let mut text = format!("{}(", L::NAME);
    let items = TupleObject::of(this).items();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        // Unnamed fields go by the name of the field of that rank (the integer times of stat_result), as in CPython.
        let name = L::FIELDS.get(i).map_or("", |field| field.name);
        text.push_str(name);
        text.push('=');
        let item = convert::repr(*item, thread)?;
        text.push_str(&StrObject::of(*item).to_string_lossy());
    }
    text.push(')');
    Ok(Owned::str(&text))
}

fn new<L: Layout + ?Sized>(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(sequence, dict={})");
    let short = L::NAME.rsplit('.').next().unwrap_or(L::NAME);
    let bound = SIGNATURE.bind(short, args, kwnames, thread)?;
    let sequence = bound.args().at(0);
    let extra = bound.args().get(1);
    if !iterate::is_iterable(sequence) {
        return Err(thread.raise_type_error("constructor requires a sequence"));
    }
    let mut given = iterate::collect(sequence, thread)?;
    if let Some(extra) = extra.filter(|extra| !dict::is_dict(*extra)) {
        let _ = extra;
        return Err(thread.raise_type_error(format!("{}() takes a dict as second arg, if any", L::NAME)));
    }
    let n = given.len();
    let (min, max) = (L::N_SEQUENCE, L::N_FIELDS);
    if n < min || n > max {
        let what = if min == max {
            format!("a {min}-sequence")
        } else if n < min {
            format!("an at least {min}-sequence")
        } else {
            format!("an at most {max}-sequence")
        };
        return Err(thread.raise_type_error(format!("{}() takes {what} ({n}-sequence given)", L::NAME)));
    }
    let mut used = 0;
    for index in n..max {
        let name = L::FIELDS.iter().find(|field| field.index == index).map(|field| field.name);
        let found = match (name, extra) {
            (Some(name), Some(extra)) => DictObject::of(extra).get_by_text(name),
            _ => None,
        };
        used += usize::from(found.is_some());
        given.push(found.unwrap_or_else(Owned::none));
    }
    if extra.is_some_and(|extra| DictObject::of(extra).len() > used) {
        return Err(thread.raise_type_error(format!("{}() got duplicate or unexpected field name(s)", L::NAME)));
    }
    L::complete(&mut given);
    Ok(build::<L>(given))
}

fn reduce<L: Layout + ?Sized>(this: Value, _thread: &mut Thread) -> PyResult {
    let all = fields::<L>(this);
    let visible = tuple::from_values(&all[..L::N_SEQUENCE]);
    let hidden = dict::new();
    for field in L::FIELDS.iter().filter(|field| field.index >= L::N_SEQUENCE) {
        DictObject::of(*hidden).set_by_text(field.name, all[field.index].to_owned());
    }
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([visible, hidden])]))
}

fn replace<L: Layout + ?Sized>(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() {
        let n = args.len();
        return Err(thread.raise_type_error(format!("__replace__() takes 0 positional arguments but {n} {} given", if n == 1 { "was" } else { "were" })));
    }
    if L::FIELDS.len() < L::N_FIELDS {
        return Err(thread.raise_type_error(format!("__replace__() is not supported for {} because it has unnamed field(s)", L::NAME)));
    }
    let mut values: Vec<Owned> = fields::<L>(this).iter().map(|field| field.to_owned()).collect();
    let mut unknown = Vec::new();
    for i in 0..kwnames.len() {
        let Some(name) = kwnames.get(i) else { break };
        match L::FIELDS.iter().find(|field| StrObject::of(name).equals_str(field.name)) {
            Some(field) => values[field.index] = args.keyword(i).to_owned(),
            None => unknown.push(name.to_owned()),
        }
    }
    if !unknown.is_empty() {
        let list = crate::types::list::from_vec(unknown);
        let list = convert::repr_text(*list, thread)?;
        return Err(thread.raise(&exc::TYPE_ERROR, format!("Got unexpected field name(s): {list}")));
    }
    Ok(build::<L>(values))
}

unsafe fn dealloc<L: Layout + ?Sized>(value: Value) {
    for &field in fields::<L>(value) {
        // SAFETY: the object is dead and owned its fields.
        drop(unsafe { Owned::from_raw(field) });
    }
}

unsafe fn traverse<L: Layout + ?Sized>(value: Value, visit: &mut dyn FnMut(Value)) {
    for &field in fields::<L>(value) {
        visit(field);
    }
}
