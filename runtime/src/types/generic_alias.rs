//! `types.GenericAlias`: `list[int]`.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{GENERIC_ALIAS, TYPE};
use crate::types::generic_parameters::{find_parameters, push_argument_repr, push_type_repr, substitute};
use crate::types::list::{self, ListObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::{self, is_tuple};
use crate::types::type_object::*;

#[repr(C)]
struct GenericAlias {
    header: Header,
    origin: Owned,
    /// A tuple.
    args: Owned,
    /// Found when first asked for.
    parameters: Slot,
    /// `*tuple[int]`.
    starred: bool,
}

fn of<'a>(value: Value) -> &'a GenericAlias {
    // SAFETY: called for aliases only.
    unsafe { value.as_ref() }
}

fn make(ty: &TypeObject, origin: Value, args: Value, starred: bool) -> Owned {
    let args = if is_tuple(args) { args.to_owned() } else { tuple::from_values(&[args]) };
    lifetime::allocate_object(ty, |header| GenericAlias { header, origin: origin.to_owned(), args, parameters: Slot::empty(), starred })
}

/// `origin[args]`; what is no tuple is one argument.
pub fn new(origin: Value, args: Value, _thread: &mut Thread) -> PyResult {
    Ok(make(GENERIC_ALIAS.get(), origin, args, false))
}

/// Whether the value is an alias (or of a subclass).
pub fn is_alias(value: Value) -> bool {
    value.is_pointer() && value.is_instance(GENERIC_ALIAS.get())
}

/// `class[item]` for a class whose metaclass has no `__getitem__`.
pub fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    if class.is(TYPE.get().value()) {
        return new(class, item, thread);
    }
    if let Some(method) = attribute::get_optional(class, crate::names::names().__class_getitem__, thread)? {
        if !method.is_none() {
            return call::call(*method, &[item], thread);
        }
    }
    let name = TypeObject::of(class).full_name();
    Err(thread.raise_type_error(format!("type '{name}' is not subscriptable")))
}

fn parameters(this: Value, thread: &mut Thread) -> PyResult {
    let alias = of(this);
    if let Some(found) = alias.parameters.load(&alias.header) {
        return Ok(found);
    }
    let found = find_parameters(*alias.args, thread)?;
    drop(alias.parameters.replace(&alias.header, Some(found.clone())));
    Ok(found)
}

fn alias_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("GenericAlias() takes no keyword arguments"));
    }
    if args.len() != 2 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("GenericAlias expected 2 arguments, got {n}")));
    }
    Ok(make(TypeObject::of(class), args.at(0), args.at(1), false))
}

fn alias_repr(this: Value, thread: &mut Thread) -> PyResult {
    let alias = of(this);
    let mut out = crate::types::str::Builder::new();
    if alias.starred {
        out.push_str("*");
    }
    push_type_repr(&mut out, *alias.origin, thread)?;
    out.push_str("[");
    let args = TupleObject::of(*alias.args).items();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_argument_repr(&mut out, *arg, thread)?;
    }
    out.push_str(if args.is_empty() { "()]" } else { "]" });
    Ok(out.finish())
}

fn alias_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let alias = of(this);
    let hash = compare::hash(*alias.origin, thread)? ^ compare::hash(*alias.args, thread)?;
    Ok(if hash == -1 { -2 } else { hash })
}

fn alias_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !is_alias(left) || !is_alias(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(left), of(right));
    let equal = a.starred == b.starred && compare::equals(*a.origin, *b.origin, thread)? && compare::equals(*a.args, *b.args, thread)?;
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn alias_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let made = call::call_args(*of(this).origin, args, kwnames, thread)?;
    if let Err(raised) = attribute::set(*made, *crate::names::interned("__orig_class__"), this, thread) {
        if !thread.exception_matches(&exc::ATTRIBUTE_ERROR) && !thread.exception_matches(&exc::TYPE_ERROR) {
            return Err(raised);
        }
        drop(thread.take_exception());
    }
    Ok(made)
}

/// Attributes of the alias itself; all others are those of the origin.
const OWN_ATTRIBUTES: [&str; 9] = [
    "__class__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
];

const HIDDEN_ATTRIBUTES: [&str; 3] = ["__bases__", "__copy__", "__deepcopy__"];

fn alias_getattr(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    if string::is_str(name) {
        let text = StrObject::of(name);
        if OWN_ATTRIBUTES.iter().chain(&HIDDEN_ATTRIBUTES).any(|own| text.equals_str(own)) {
            return attribute::generic_get(this, name, thread);
        }
    }
    attribute::get(*of(this).origin, name, thread)
}

fn alias_subscript(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    let alias = of(this);
    let own = parameters(this, thread)?;
    let args = substitute(this, *alias.args, *own, item, thread)?;
    Ok(make(GENERIC_ALIAS.get(), *alias.origin, *args, alias.starred))
}

fn alias_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    crate::types::union::from_operator(left, right, thread)
}

fn alias_iter(this: Value, _thread: &mut Thread) -> PyResult {
    let alias = of(this);
    let starred = make(GENERIC_ALIAS.get(), *alias.origin, *alias.args, true);
    Ok(tuple_methods::new_iterator(*tuple::pack([starred])))
}

fn mro_entries(this: Value, _bases: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([of(this).origin.clone()]))
}

fn instancecheck(_this: Value, _object: Value, thread: &mut Thread) -> PyResult {
    Err(thread.raise_type_error("isinstance() argument 2 cannot be a parameterized generic"))
}

fn subclasscheck(_this: Value, _class: Value, thread: &mut Thread) -> PyResult {
    Err(thread.raise_type_error("issubclass() argument 2 cannot be a parameterized generic"))
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let alias = of(this);
    if alias.starred {
        let plain = make(GENERIC_ALIAS.get(), *alias.origin, *alias.args, false);
        let function = thread.interpreter.builtin(*crate::names::interned("next")).unwrap_or_else(Owned::none);
        return Ok(tuple::pack([function, tuple::pack([alias_iter(*plain, thread)?])]));
    }
    Ok(tuple::pack([GENERIC_ALIAS.get().value().to_owned(), tuple::pack([alias.origin.clone(), alias.args.clone()])]))
}

fn dir(this: Value, thread: &mut Thread) -> PyResult {
    let function = thread.interpreter.builtin(*crate::names::interned("dir")).unwrap_or_else(Owned::none);
    let names = call::call(*function, &[*of(this).origin], thread)?;
    if names.is_pointer() && names.type_has_flag(TYPE_LIST_SUBCLASS) {
        let known = ListObject::of(*names).to_vec();
        for own in OWN_ATTRIBUTES {
            if !known.iter().any(|name| string::is_str(**name) && StrObject::of(**name).equals_str(own)) {
                ListObject::of(*names).push(crate::names::interned(own));
            }
        }
        return Ok(names);
    }
    Ok(list::from_vec(crate::protocol::iterate::collect(*names, thread)?))
}

fn get_origin(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).origin.clone())
}

fn get_args(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).args.clone())
}

fn get_unpacked(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).starred))
}

fn get_unpacked_tuple_args(this: Value, _thread: &mut Thread) -> PyResult {
    let alias = of(this);
    let is_tuple_alias = alias.origin.is(crate::types::builtin_types::TUPLE.get().value());
    Ok(if alias.starred && is_tuple_alias { alias.args.clone() } else { Owned::none() })
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<GenericAlias>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let alias = of(value);
    visit(*alias.origin);
    visit(*alias.args);
    if let Some(parameters) = alias.parameters.peek() {
        visit(parameters);
    }
}

const fn method(name: &'static str, func: NativeFn, signature: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc: "" }
}

const fn getset(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> GetSetDef {
    GetSetDef { name, get, set: None, doc }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "types.GenericAlias",
    doc: "GenericAlias(origin, args, /)\n--\n\nRepresent a PEP 585 generic type\n\nE.g. for t = list[int], t.__origin__ is list and t.__args__ is (int,).",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<GenericAlias>(),
    slots: &[
        SlotFn::repr(alias_repr),
        SlotFn::hash(alias_hash),
        SlotFn::call(alias_call),
        SlotFn::getattr(alias_getattr),
        SlotFn::richcompare(alias_compare),
        SlotFn::iter(alias_iter),
        SlotFn::or(alias_or),
        SlotFn::subscript(alias_subscript),
        SlotFn::new(alias_new),
    ],
    methods: &[
        method("__mro_entries__", NativeFn::One(mro_entries), "($self, object, /)"),
        method("__instancecheck__", NativeFn::One(instancecheck), "($self, object, /)"),
        method("__subclasscheck__", NativeFn::One(subclasscheck), "($self, object, /)"),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)"),
        method("__dir__", NativeFn::NoArgs(dir), "($self, /)"),
    ],
    getsets: &[
        getset("__origin__", get_origin, ""),
        getset("__args__", get_args, ""),
        getset("__unpacked__", get_unpacked, ""),
        getset("__parameters__", parameters, "Type variables in the GenericAlias."),
        getset("__typing_unpacked_tuple_args__", get_unpacked_tuple_args, ""),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
