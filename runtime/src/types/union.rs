//! `typing.Union` (`types.UnionType`): `int | str`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{NONE, UNION, shapes};
use crate::types::generic_alias::is_alias;
use crate::types::generic_parameters::{find_parameters, push_type_repr, substitute};
use crate::types::set;
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::is_tuple;
use crate::types::type_object::*;

#[repr(C)]
struct UnionObject {
    header: Header,
    /// A tuple of at least two different things.
    args: Owned,
    /// Found when first asked for.
    parameters: Slot,
}

fn of<'a>(value: Value) -> &'a UnionObject {
    debug_assert!(value.has_shape(shapes::UNION));
    // SAFETY: callers pass unions; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

fn is_union(value: Value) -> bool {
    value.has_shape(shapes::UNION)
}

/// The members of a union, a tuple.
pub fn args(union: Value) -> Owned {
    of(union).args.clone()
}

/// What `|` makes a union of without asking.
fn is_unionable(value: Value) -> bool {
    value.is_none() || is_type(value) || is_union(value) || is_alias(value) || value.type_object().full_name() == "typing.TypeAliasType"
}

fn add(members: &mut Vec<Owned>, arg: Value, thread: &mut Thread) -> PyResult<()> {
    if is_union(arg) {
        for &member in TupleObject::of(*of(arg).args).items() {
            add(members, member, thread)?;
        }
        return Ok(());
    }
    let arg = if arg.is_none() {
        NONE.get().value().to_owned()
    } else if is_unionable(arg) {
        arg.to_owned()
    } else {
        // Strings become forward references, and so on.
        let typing = crate::import::import_module("typing", thread)?;
        let check = attribute::get_by_text(*typing, "_type_check", thread)?;
        call::call(*check, &[arg, *Owned::str("Union[arg, ...]: each arg must be a type.")], thread)?
    };
    for known in members.iter() {
        if compare::equals(**known, *arg, thread)? {
            return Ok(());
        }
    }
    members.push(arg);
    Ok(())
}

fn finish(mut members: Vec<Owned>, thread: &mut Thread) -> PyResult {
    match members.len() {
        0 => Err(thread.raise_type_error("Cannot take a Union of no types.")),
        1 => Ok(members.remove(0)),
        _ => {
            let args = tuple::from_vec(members);
            Ok(lifetime::allocate_object(UNION.get(), |header| UnionObject { header, args, parameters: Slot::empty() }))
        }
    }
}

/// The union of these.
pub fn from_members(values: &[Value], thread: &mut Thread) -> PyResult {
    let mut members = Vec::with_capacity(values.len());
    for &value in values {
        add(&mut members, value, thread)?;
    }
    finish(members, thread)
}

/// `left | right` of types and aliases.
pub fn from_operator(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_unionable(left) || !is_unionable(right) {
        return Ok(Owned::not_implemented());
    }
    from_members(&[left, right], thread)
}

fn union_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    from_members(&[left, right], thread)
}

fn union_repr(this: Value, thread: &mut Thread) -> PyResult {
    let mut out = crate::types::str::Builder::new();
    for (i, member) in TupleObject::of(*of(this).args).items().iter().enumerate() {
        if i > 0 {
            out.push_str(" | ");
        }
        push_type_repr(&mut out, *member, thread)?;
    }
    Ok(out.finish())
}

fn union_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let members = TupleObject::of(*of(this).args).items();
    for member in members {
        compare::hash(*member, thread)?;
    }
    let members = set::frozenset_from(members.iter().map(|member| member.to_owned()).collect(), thread)?;
    compare::hash(*members, thread)
}

fn union_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !is_union(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (TupleObject::of(*of(left).args).items(), TupleObject::of(*of(right).args).items());
    let mut equal = a.len() == b.len();
    for member in a {
        if !equal {
            break;
        }
        equal = false;
        for other in b {
            if compare::equals(*member, *other, thread)? {
                equal = true;
                break;
            }
        }
    }
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn parameters(this: Value, thread: &mut Thread) -> PyResult {
    let union = of(this);
    if let Some(found) = union.parameters.load(&union.header) {
        return Ok(found);
    }
    let found = find_parameters(*union.args, thread)?;
    drop(union.parameters.replace(&union.header, Some(found.clone())));
    Ok(found)
}

fn union_subscript(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    let own = parameters(this, thread)?;
    let members = substitute(this, *of(this).args, *own, item, thread)?;
    from_members(TupleObject::of(*members).items(), thread)
}

fn class_getitem(_class: Value, item: Value, thread: &mut Thread) -> PyResult {
    if is_tuple(item) { from_members(TupleObject::of(item).items(), thread) } else { from_members(&[item], thread) }
}

fn mro_entries(this: Value, _bases: Value, thread: &mut Thread) -> PyResult {
    let shown = convert::repr_text(this, thread)?;
    Err(thread.raise_type_error(format!("Cannot subclass {shown}")))
}

fn get_args(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(args(this))
}

fn get_name(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::names::interned("Union"))
}

fn get_origin(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(UNION.get().value().to_owned())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<UnionObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*of(value).args);
    if let Some(parameters) = of(value).parameters.peek() {
        visit(parameters);
    }
}

const fn getset(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> GetSetDef {
    GetSetDef { name, get, set: None, doc }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "typing.Union",
    doc: "Represent a union type\n\nE.g. for int | str",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<UnionObject>(),
    slots: &[
        SlotFn::repr(union_repr),
        SlotFn::hash(union_hash),
        SlotFn::richcompare(union_compare),
        SlotFn::or(union_or),
        SlotFn::subscript(union_subscript),
    ],
    methods: &[
        MethodDef { name: "__mro_entries__", func: NativeFn::One(mro_entries), kind: MethodKind::Instance, signature: "($self, object, /)", doc: "" },
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        getset("__args__", get_args, ""),
        getset("__name__", get_name, "Name of the type"),
        getset("__qualname__", get_name, "Qualified name of the type"),
        getset("__origin__", get_origin, "Always returns the type"),
        getset("__parameters__", parameters, "Type variables in the types.UnionType."),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
