//! The methods of `set` and `frozenset`.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, convert, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::FROZENSET;
use crate::types::dict::raise_key_error;
use crate::types::list;
use crate::types::set::operators::*;
use crate::types::set::{self, SetObject, hash_of_lookup, is_any_set, is_exact_frozenset, is_exact_set, iterator, new_of_type};
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::leaves_keywords_to_init;
use crate::types::type_object::*;

fn keys_list(this: Value) -> Owned {
    list::from_vec(SetObject::of(this).entries().into_iter().map(|entry| entry.key).collect())
}

fn set_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str(&format!("{name}(...)")));
    }
    let entries = SetObject::of(this).entries();
    if entries.is_empty() {
        return Ok(Owned::str(&format!("{name}()")));
    }
    let exact = is_exact_set(this);
    let mut out = crate::types::str::Builder::new();
    if !exact {
        out.push_str(&name);
        out.push_str("(");
    }
    out.push_str("{");
    thread.repr_active.push(id);
    let mut failed = None;
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        match convert::repr(*entry.key, thread) {
            Ok(text) => out.push_object(*text),
            Err(raised) => {
                failed = Some(raised);
                break;
            }
        }
    }
    thread.repr_active.retain(|active| *active != id);
    if let Some(raised) = failed {
        return Err(raised);
    }
    out.push_str(if exact { "}" } else { "})" });
    Ok(out.finish())
}

fn set_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(SetObject::of(this).len() as i64)
}

fn set_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterator::new(this))
}

fn set_contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    set::contains(this, key, thread)
}

fn frozenset_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    let object = SetObject::of(this);
    let hash = object.keys_hash();
    object.cache_hash(hash);
    Ok(hash)
}

fn set_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(new_of_type(TypeObject::of(class)))
}

fn set_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(iterable=(), /)");
    let bound = SIGNATURE.bind("set", args, kwnames, thread)?;
    if !SetObject::of(this).is_empty() {
        SetObject::of(this).clear(thread);
    }
    match bound.args().get(0) {
        Some(iterable) => set::update(this, iterable, thread),
        None => Ok(()),
    }
}

fn frozenset_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(iterable=(), /)");
    let ty = TypeObject::of(class);
    let kwnames = if leaves_keywords_to_init(ty, FROZENSET.get()) { KwNames::NONE } else { kwnames };
    let bound = SIGNATURE.bind("frozenset", args, kwnames, thread)?;
    let is_exact = std::ptr::eq(ty, FROZENSET.get());
    match bound.args().get(0) {
        Some(iterable) if is_exact && is_exact_frozenset(iterable) => Ok(iterable.to_owned()),
        Some(iterable) => {
            let made = new_of_type(ty);
            set::update(*made, iterable, thread)?;
            Ok(made)
        }
        None => Ok(new_of_type(ty)),
    }
}

fn add(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    set::add(this, value, thread)?;
    Ok(Owned::none())
}

fn discard_value(this: Value, value: Value, thread: &mut Thread) -> PyResult<bool> {
    let hash = hash_of_lookup(value, thread)?;
    Ok(match SetObject::of(this).remove_hashed(value, hash, thread)? {
        Some(old) => {
            lifetime::release(old, thread);
            true
        }
        None => false,
    })
}

fn discard(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    discard_value(this, value, thread)?;
    Ok(Owned::none())
}

fn remove(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    if discard_value(this, value, thread)? { Ok(Owned::none()) } else { Err(raise_key_error(value, thread)) }
}

fn pop(this: Value, thread: &mut Thread) -> PyResult {
    SetObject::of(this).pop_any().ok_or_else(|| thread.raise(&exc::KEY_ERROR, "pop from an empty set"))
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    SetObject::of(this).clear(thread);
    Ok(Owned::none())
}

fn method_copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(copy(this))
}

fn others<'a>(args: Args<'a>) -> &'a [Value] {
    TupleObject::of(args.at(0)).items()
}

fn method_union(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    union(this, others(args), thread)
}

fn update(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    for other in others(args) {
        set::update(this, *other, thread)?;
    }
    Ok(Owned::none())
}

fn method_intersection(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    intersection_all(this, others(args), thread)
}

fn method_intersection_update(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    intersection_update(this, others(args), thread)?;
    Ok(Owned::none())
}

fn method_difference(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some((first, rest)) = others(args).split_first() else { return Ok(fresh_copy(this)) };
    let result = difference(this, *first, thread)?;
    for other in rest {
        difference_update(*result, *other, thread)?;
    }
    Ok(result)
}

fn method_difference_update(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    for other in others(args) {
        difference_update(this, *other, thread)?;
    }
    Ok(Owned::none())
}

fn method_symmetric_difference(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    symmetric_difference(this, other, thread)
}

fn method_symmetric_difference_update(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    symmetric_difference_update(this, other, thread)?;
    Ok(Owned::none())
}

/// The argument as a set: itself, or a new one of its items.
fn as_set(other: Value, thread: &mut Thread) -> PyResult {
    if is_any_set(other) {
        return Ok(other.to_owned());
    }
    let made = set::new();
    set::update(*made, other, thread)?;
    Ok(made)
}

fn issubset(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    let other = as_set(other, thread)?;
    is_subset(this, *other, thread).map(Owned::bool)
}

fn issuperset(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if is_any_set(other) {
        return is_subset(other, this, thread).map(Owned::bool);
    }
    let iterator = iterate::iter(other, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        let hash = set::hash_element(*item, thread)?;
        if !SetObject::of(this).contains_hashed(*item, hash, thread)? {
            return Ok(Owned::false_());
        }
    }
    Ok(Owned::true_())
}

fn isdisjoint(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    let object = SetObject::of(this);
    if this.is(other) {
        return Ok(Owned::bool(object.is_empty()));
    }
    if is_any_set(other) {
        let other = SetObject::of(other);
        let (small, large) = if other.len() > object.len() { (object, other) } else { (other, object) };
        let mut position = 0;
        while let Some(entry) = small.next_entry(&mut position) {
            if large.contains_hashed(*entry.key, entry.hash, thread)? {
                return Ok(Owned::false_());
            }
        }
        return Ok(Owned::true_());
    }
    let iterator = iterate::iter(other, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        let hash = set::hash_element(*item, thread)?;
        if object.contains_hashed(*item, hash, thread)? {
            return Ok(Owned::false_());
        }
    }
    Ok(Owned::true_())
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let state = match attribute::get_optional(this, crate::names::names().__getstate__, thread)? {
        Some(method) => crate::protocol::call::call(*method, &[], thread)?,
        None => Owned::none(),
    };
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([keys_list(this)]), state]))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(this.type_object().basic_size() + SetObject::of(this).table_size()))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

const COPY: MethodDef = method("copy", NativeFn::NoArgs(method_copy), "($self, /)", "Return a shallow copy of a set.");
const DIFFERENCE: MethodDef = method("difference", NativeFn::Bound(method_difference), "($self, /, *others)", "Return a new set with elements in the set that are not in the others.");
const INTERSECTION: MethodDef = method("intersection", NativeFn::Bound(method_intersection), "($self, /, *others)", "Return a new set with elements common to the set and all others.");
const ISDISJOINT: MethodDef = method("isdisjoint", NativeFn::One(isdisjoint), "($self, other, /)", "Return True if two sets have a null intersection.");
const ISSUBSET: MethodDef = method("issubset", NativeFn::One(issubset), "($self, other, /)", "Report whether another set contains this set.");
const ISSUPERSET: MethodDef = method("issuperset", NativeFn::One(issuperset), "($self, other, /)", "Report whether this set contains another set.");
const REDUCE: MethodDef = method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Return state information for pickling.");
const SIZEOF: MethodDef = method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "S.__sizeof__() -> size of S in memory, in bytes.");
const SYMMETRIC_DIFFERENCE: MethodDef = method("symmetric_difference", NativeFn::One(method_symmetric_difference), "($self, other, /)", "Return a new set with elements in either the set or other but not both.");
const UNION: MethodDef = method("union", NativeFn::Bound(method_union), "($self, /, *others)", "Return a new set with elements from the set and all others.");
const CLASS_GETITEM: MethodDef =
    MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" };

pub static SET_SPEC: TypeSpec = TypeSpec {
    name: "set",
    doc: "Build an unordered collection of unique elements.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_MATCH_SELF | TYPE_WEAKREFABLE,
    basic_size: size_of::<SetObject>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(set_repr),
        SlotFn::richcompare(set_compare),
        SlotFn::iter(set_iter),
        SlotFn::subtract(set_subtract),
        SlotFn::and(set_and),
        SlotFn::xor(set_xor),
        SlotFn::or(set_or),
        SlotFn::inplace_subtract(inplace_subtract),
        SlotFn::inplace_and(inplace_and),
        SlotFn::inplace_xor(inplace_xor),
        SlotFn::inplace_or(inplace_or),
        SlotFn::length(set_length),
        SlotFn::contains(set_contains),
        SlotFn::new(set_new),
        SlotFn::init(set_init),
    ],
    methods: &[
        method("add", NativeFn::One(add), "($self, object, /)", "Add an element to a set.\n\nThis has no effect if the element is already present."),
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Remove all elements from this set."),
        COPY,
        method("discard", NativeFn::One(discard), "($self, object, /)", "Remove an element from a set if it is a member.\n\nUnlike set.remove(), the discard() method does not raise\nan exception when an element is missing from the set."),
        DIFFERENCE,
        method("difference_update", NativeFn::Bound(method_difference_update), "($self, /, *others)", "Update the set, removing elements found in others."),
        INTERSECTION,
        method("intersection_update", NativeFn::Bound(method_intersection_update), "($self, /, *others)", "Update the set, keeping only elements found in it and all others."),
        ISDISJOINT,
        ISSUBSET,
        ISSUPERSET,
        method("pop", NativeFn::NoArgs(pop), "($self, /)", "Remove and return an arbitrary set element.\n\nRaises KeyError if the set is empty."),
        REDUCE,
        method("remove", NativeFn::One(remove), "($self, object, /)", "Remove an element from a set; it must be a member.\n\nIf the element is not a member, raise a KeyError."),
        SIZEOF,
        SYMMETRIC_DIFFERENCE,
        method("symmetric_difference_update", NativeFn::One(method_symmetric_difference_update), "($self, other, /)", "Update the set, keeping only elements found in either set, but not in both."),
        UNION,
        method("update", NativeFn::Bound(update), "($self, /, *others)", "Update the set, adding elements from all others."),
        CLASS_GETITEM,
    ],
    dealloc: Some(set::dealloc),
    traverse: Some(set::traverse),
    clear: Some(set::clear),
    ..TypeSpec::DEFAULT
};

pub static FROZENSET_SPEC: TypeSpec = TypeSpec {
    name: "frozenset",
    doc: "Build an immutable unordered collection of unique elements.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_MATCH_SELF | TYPE_WEAKREFABLE,
    basic_size: size_of::<SetObject>(),
    slots: &[
        SlotFn::repr(set_repr),
        SlotFn::hash(frozenset_hash),
        SlotFn::richcompare(set_compare),
        SlotFn::iter(set_iter),
        SlotFn::subtract(set_subtract),
        SlotFn::and(set_and),
        SlotFn::xor(set_xor),
        SlotFn::or(set_or),
        SlotFn::length(set_length),
        SlotFn::contains(set_contains),
        SlotFn::new(frozenset_new),
    ],
    methods: &[
        COPY,
        DIFFERENCE,
        INTERSECTION,
        ISDISJOINT,
        ISSUBSET,
        ISSUPERSET,
        REDUCE,
        SIZEOF,
        SYMMETRIC_DIFFERENCE,
        UNION,
        CLASS_GETITEM,
    ],
    dealloc: Some(set::dealloc),
    traverse: Some(set::traverse),
    ..TypeSpec::DEFAULT
};
