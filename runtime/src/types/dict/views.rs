//! The views that `keys()`, `values()` and `items()` give.

use std::cmp::Ordering;

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{convert, iterate, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::*;
use crate::types::dict::{DictObject, iterators};
use crate::types::list;
use crate::types::mapping_proxy;
use crate::types::set;
use crate::types::tuple::TupleObject;
use crate::types::type_object::*;

#[repr(C)]
struct DictView {
    header: Header,
    dict: Owned,
}

/// The dict that a view shows.
pub fn dict_of(view: Value) -> Value {
    // SAFETY: called for the three types of this file only, which share the layout.
    *unsafe { view.as_ref::<DictView>() }.dict
}

/// A view of one of the three types or of a type derived from them.
pub fn new_of_type(ty: &StaticType, dict: Value) -> Owned {
    lifetime::allocate_object(ty.get(), |header| DictView { header, dict: dict.to_owned() })
}

/// `dict.keys()`.
pub fn new_keys(dict: Value) -> Owned {
    new_of_type(&DICT_KEYS, dict)
}

/// `dict.values()`.
pub fn new_values(dict: Value) -> Owned {
    new_of_type(&DICT_VALUES, dict)
}

/// `dict.items()`.
pub fn new_items(dict: Value) -> Owned {
    new_of_type(&DICT_ITEMS, dict)
}

/// The items of a view of an exact dict at one moment; `None` for other objects.
pub fn snapshot(view: Value) -> Option<Vec<Owned>> {
    let is_keys = view.has_shape(shapes::DICT_KEYS);
    let is_items = view.has_shape(shapes::DICT_ITEMS);
    if !(is_keys || is_items || view.has_shape(shapes::DICT_VALUES)) || !dict_of(view).has_shape(shapes::DICT) {
        return None;
    }
    let entries = DictObject::of(dict_of(view)).entries().into_iter();
    Some(if is_keys {
        entries.map(|entry| entry.key).collect()
    } else if is_items {
        entries.map(|entry| crate::types::tuple::pack([entry.key, entry.value])).collect()
    } else {
        entries.map(|entry| entry.value).collect()
    })
}

/// Whether the value is a view that behaves like a set.
fn is_set_view(value: Value) -> bool {
    value.has_shape(shapes::DICT_KEYS) || value.has_shape(shapes::DICT_ITEMS)
}

fn view_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(DictObject::of(dict_of(this)).len() as i64)
}

fn view_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().full_name();
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str("..."));
    }
    thread.repr_active.push(id);
    let result = iterate::collect(this, thread).and_then(|items| convert::repr(*list::from_vec(items), thread));
    thread.repr_active.retain(|active| *active != id);
    let mut out = crate::types::str::Builder::new();
    out.push_str(&name);
    out.push_str("(");
    out.push_object(*result?);
    out.push_str(")");
    Ok(out.finish())
}

fn keys_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_keys(dict_of(this)))
}

fn values_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_values(dict_of(this)))
}

fn items_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_items(dict_of(this)))
}

fn keys_reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_reverse_keys(dict_of(this)))
}

fn values_reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_reverse_values(dict_of(this)))
}

fn items_reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_reverse_items(dict_of(this)))
}

fn keys_contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    DictObject::of(dict_of(this)).contains(key, thread)
}

fn items_contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    if !crate::types::tuple_methods::is_tuple(item) {
        return Ok(false);
    }
    let [key, value] = TupleObject::of(item).items() else { return Ok(false) };
    match DictObject::of(dict_of(this)).get(*key, thread)? {
        Some(found) => compare::equals(*found, *value, thread),
        None => Ok(false),
    }
}

fn all_contained_in(items: Value, container: Value, thread: &mut Thread) -> PyResult<bool> {
    let iterator = iterate::iter(items, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        if !subscript::contains(container, *item, thread)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn view_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !set::is_any_set(right) && !is_set_view(right) {
        return Ok(Owned::not_implemented());
    }
    let lengths = subscript::length(left, thread)?.cmp(&subscript::length(right, thread)?);
    let truth = match op {
        CompareOp::Eq => lengths == Ordering::Equal && all_contained_in(left, right, thread)?,
        CompareOp::Ne => !(lengths == Ordering::Equal && all_contained_in(left, right, thread)?),
        CompareOp::Lt => lengths == Ordering::Less && all_contained_in(left, right, thread)?,
        CompareOp::Le => lengths != Ordering::Greater && all_contained_in(left, right, thread)?,
        CompareOp::Gt => lengths == Ordering::Greater && all_contained_in(right, left, thread)?,
        CompareOp::Ge => lengths != Ordering::Less && all_contained_in(right, left, thread)?,
    };
    Ok(Owned::bool(truth))
}

fn to_set(items: Value, thread: &mut Thread) -> PyResult {
    let made = set::new();
    set::update(*made, items, thread)?;
    Ok(made)
}

fn view_subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let result = to_set(left, thread)?;
    set::difference_update(*result, right, thread)?;
    Ok(result)
}

fn view_and(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (mut view, mut other) = if is_set_view(left) { (left, right) } else { (right, left) };
    if is_set_view(other) && subscript::length(other, thread)? > subscript::length(view, thread)? {
        std::mem::swap(&mut view, &mut other);
    }
    if set::is_exact_set(other) && subscript::length(view, thread)? <= subscript::length(other, thread)? {
        // The set keeps its own elements in the result either way; the smaller side is gone through.
        return set::intersection(other, view, thread);
    }
    let result = set::new();
    iterate::for_each(other, thread, |item, thread| {
        if subscript::contains(view, *item, thread)? {
            set::add(*result, *item, thread)?;
        }
        Ok(())
    })?;
    Ok(result)
}

fn view_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let result = to_set(left, thread)?;
    set::update(*result, right, thread)?;
    Ok(result)
}

fn view_xor(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let result = to_set(left, thread)?;
    set::symmetric_difference_update(*result, right, thread)?;
    Ok(result)
}

fn isdisjoint(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if this.is(other) {
        return Ok(Owned::bool(DictObject::of(dict_of(this)).is_empty()));
    }
    let (mut view, mut other) = (this, other);
    if (set::is_any_set(other) || is_set_view(other)) && subscript::length(other, thread)? > subscript::length(view, thread)? {
        std::mem::swap(&mut view, &mut other);
    }
    let iterator = iterate::iter(other, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        if subscript::contains(view, *item, thread)? {
            return Ok(Owned::false_());
        }
    }
    Ok(Owned::true_())
}

fn get_mapping(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(mapping_proxy::new(dict_of(this).to_owned()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<DictView>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(dict_of(value));
}

const MAPPING: &[GetSetDef] =
    &[GetSetDef { name: "mapping", get: get_mapping, set: None, doc: "dictionary that this view refers to" }];

const ISDISJOINT: MethodDef =
    method("isdisjoint", NativeFn::One(isdisjoint), "($self, object, /)", "Return True if the view and the given iterable have a null intersection.");

pub static KEYS_SPEC: TypeSpec = TypeSpec {
    name: "dict_keys",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<DictView>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(view_repr),
        SlotFn::richcompare(view_compare),
        SlotFn::iter(keys_iter),
        SlotFn::subtract(view_subtract),
        SlotFn::and(view_and),
        SlotFn::xor(view_xor),
        SlotFn::or(view_or),
        SlotFn::length(view_length),
        SlotFn::contains(keys_contains),
    ],
    methods: &[
        ISDISJOINT,
        method("__reversed__", NativeFn::NoArgs(keys_reversed), "($self, /)", "Return a reverse iterator over the dict keys."),
    ],
    getsets: MAPPING,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

pub static VALUES_SPEC: TypeSpec = TypeSpec {
    name: "dict_values",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<DictView>(),
    slots: &[SlotFn::repr(view_repr), SlotFn::iter(values_iter), SlotFn::length(view_length)],
    methods: &[method("__reversed__", NativeFn::NoArgs(values_reversed), "($self, /)", "Return a reverse iterator over the dict values.")],
    getsets: MAPPING,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

pub static ITEMS_SPEC: TypeSpec = TypeSpec {
    name: "dict_items",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<DictView>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(view_repr),
        SlotFn::richcompare(view_compare),
        SlotFn::iter(items_iter),
        SlotFn::subtract(view_subtract),
        SlotFn::and(view_and),
        SlotFn::xor(view_xor),
        SlotFn::or(view_or),
        SlotFn::length(view_length),
        SlotFn::contains(items_contains),
    ],
    methods: &[
        ISDISJOINT,
        method("__reversed__", NativeFn::NoArgs(items_reversed), "($self, /)", "Return a reverse iterator over the dict items."),
    ],
    getsets: MAPPING,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
