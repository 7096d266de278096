//! The operators and methods of `dict`.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert, iterate, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::DICT;
use crate::types::dict::{self, DictObject, iterators, merge, raise_key_error, views};
use crate::types::{set, tuple};
use crate::types::type_object::*;

fn dict_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(dict::new_of_type(TypeObject::of(class)))
}

/// Positional and keyword arguments of `dict()` and `update()`.
fn update_from_call(this: Value, args: Args<'_>, kwnames: KwNames, name: &str, thread: &mut Thread) -> PyResult<()> {
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("{name} expected at most 1 argument, got {n}")));
    }
    if let Some(source) = args.get(0) {
        merge::update(this, source, thread)?;
    }
    for i in 0..kwnames.len() {
        if let Some(key) = kwnames.get(i) {
            DictObject::of(this).set(key, args.keyword(i).to_owned(), thread)?;
        }
    }
    Ok(())
}

fn dict_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    update_from_call(this, args, kwnames, "dict", thread)
}

fn update(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    update_from_call(this, args, kwnames, "update", thread)?;
    Ok(Owned::none())
}

fn dict_repr(this: Value, thread: &mut Thread) -> PyResult {
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str("{...}"));
    }
    let object = DictObject::of(this);
    if object.is_empty() {
        return Ok(Owned::str("{}"));
    }
    thread.repr_active.push(id);
    let result = repr_entries(object, thread);
    thread.repr_active.retain(|active| *active != id);
    result
}

fn repr_entries(object: &DictObject, thread: &mut Thread) -> PyResult {
    let mut out = crate::types::str::Builder::new();
    out.push_str("{");
    let (mut position, mut first) = (0, true);
    while let Some(entry) = object.next_entry(&mut position) {
        if !first {
            out.push_str(", ");
        }
        first = false;
        out.push_object(*convert::repr(*entry.key, thread)?);
        out.push_str(": ");
        out.push_object(*convert::repr(*entry.value, thread)?);
    }
    out.push_str("}");
    Ok(out.finish())
}

fn dict_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(DictObject::of(this).len() as i64)
}

fn dict_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_keys(this))
}

fn dict_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    if let Some(value) = DictObject::of(this).get(key, thread)? {
        return Ok(value);
    }
    if !dict::is_exact(this) {
        if let Some(value) = attribute::call_special(this, crate::names::names().__missing__, &[key], thread)? {
            return Ok(value);
        }
    }
    Err(raise_key_error(key, thread))
}

fn dict_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let object = DictObject::of(this);
    match value {
        Some(value) => object.set(key, value.to_owned(), thread),
        None => match object.remove(key, thread)? {
            Some(old) => {
                lifetime::release(old, thread);
                Ok(())
            }
            None => Err(raise_key_error(key, thread)),
        },
    }
}

fn dict_contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    DictObject::of(this).contains(key, thread)
}

fn dict_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !dict::is_dict(left) || !dict::is_dict(right) {
        return Ok(Owned::not_implemented());
    }
    let equal = are_equal(DictObject::of(left), DictObject::of(right), thread)?;
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn are_equal(a: &DictObject, b: &DictObject, thread: &mut Thread) -> PyResult<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut position = 0;
    while let Some(entry) = a.next_entry(&mut position) {
        let Some(other) = b.get_hashed(*entry.key, entry.hash, thread)? else { return Ok(false) };
        if !compare::equals(*entry.value, *other, thread)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dict_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !dict::is_dict(left) || !dict::is_dict(right) {
        return Ok(Owned::not_implemented());
    }
    let merged = DictObject::of(left).copy();
    merge::update(*merged, right, thread)?;
    Ok(merged)
}

fn dict_inplace_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    merge::update(left, right, thread)?;
    Ok(left.to_owned())
}

fn get(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match DictObject::of(this).get(args.at(0), thread)? {
        Some(value) => Ok(value),
        None => Ok(args.get(1).map_or_else(Owned::none, |default| default.to_owned())),
    }
}

fn setdefault(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let default = args.get(1).unwrap_or_else(Value::none);
    DictObject::of(this).set_default(args.at(0), default, thread).map(|(value, _)| value)
}

fn pop(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let object = DictObject::of(this);
    // An empty dict does not even hash the key.
    if !object.is_empty() {
        if let Some(value) = object.remove(args.at(0), thread)? {
            return Ok(value);
        }
    }
    match args.get(1) {
        Some(default) => Ok(default.to_owned()),
        None => Err(raise_key_error(args.at(0), thread)),
    }
}

fn popitem(this: Value, thread: &mut Thread) -> PyResult {
    match DictObject::of(this).pop_entry(true, thread) {
        Some(entry) => Ok(tuple::pack([entry.key, entry.value])),
        None => Err(thread.raise(&exc::KEY_ERROR, "popitem(): dictionary is empty")),
    }
}

fn keys(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_keys(this))
}

fn values(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_values(this))
}

fn items(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_items(this))
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    DictObject::of(this).clear(thread);
    Ok(Owned::none())
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(DictObject::of(this).copy())
}

fn fromkeys(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let value = args.get(1).unwrap_or_else(Value::none);
    let made = if class.is(DICT.get().value()) { dict::new() } else { call::call(class, &[], thread)? };
    let iterable = args.at(0);
    if dict::is_exact(*made) {
        let target = made.clone();
        let entries = if dict::is_exact(iterable) {
            Some(DictObject::of(iterable).entries().into_iter().map(|entry| (entry.key, entry.hash)).collect::<Vec<_>>())
        } else if set::is_exact_set(iterable) || set::is_exact_frozenset(iterable) {
            Some(set::SetObject::of(iterable).entries().into_iter().map(|entry| (entry.key, entry.hash)).collect())
        } else {
            None
        };
        if let Some(entries) = entries {
            for (key, hash) in entries {
                DictObject::of(*target).set_hashed(*key, hash, value.to_owned(), thread)?;
            }
            return Ok(made);
        }
        iterate::for_each(iterable, thread, |key, thread| DictObject::of(*target).set(*key, value.to_owned(), thread))?;
    } else {
        iterate::for_each(iterable, thread, |key, thread| subscript::set_item(*made, *key, value, thread))?;
    }
    Ok(made)
}

fn reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_reverse_keys(this))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(DictObject::of(this).size()))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "dict",
    doc: "dict() -> new empty dictionary\ndict(mapping) -> new dictionary initialized from a mapping object's\n    (key, value) pairs\ndict(iterable) -> new dictionary initialized as if via:\n    d = {}\n    for k, v in iterable:\n        d[k] = v\ndict(**kwargs) -> new dictionary initialized with the name=value pairs\n    in the keyword argument list.  For example:  dict(one=1, two=2)",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_DICT_SUBCLASS | TYPE_MAPPING | TYPE_MATCH_SELF,
    basic_size: size_of::<DictObject>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(dict_repr),
        SlotFn::richcompare(dict_compare),
        SlotFn::iter(dict_iter),
        SlotFn::length(dict_length),
        SlotFn::subscript(dict_subscript),
        SlotFn::ass_subscript(dict_ass_subscript),
        SlotFn::contains(dict_contains),
        SlotFn::or(dict_or),
        SlotFn::inplace_or(dict_inplace_or),
        SlotFn::new(dict_new),
        SlotFn::init(dict_init),
    ],
    methods: &[
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Return the size of the dict in memory."),
        method("get", NativeFn::Bound(get), "($self, key, default=None, /)", "Return the value for key if key is in the dictionary, else default."),
        method("setdefault", NativeFn::Bound(setdefault), "($self, key, default=None, /)", "Insert key with a value of default if key is not in the dictionary.\n\nReturn the value for key if key is in the dictionary, else default."),
        method("pop", NativeFn::Bound(pop), "($self, key, default=<unrepresentable>, /)", "D.pop(k[,d]) -> v, remove specified key and return the corresponding value.\n\nIf the key is not found, return the default if given; otherwise,\nraise a KeyError."),
        method("popitem", NativeFn::NoArgs(popitem), "($self, /)", "Remove and return a (key, value) pair as a 2-tuple.\n\nPairs are returned in LIFO (last-in, first-out) order.\nRaises KeyError if the dict is empty."),
        method("keys", NativeFn::NoArgs(keys), "($self, /)", "Return a set-like object providing a view on the dict's keys."),
        method("items", NativeFn::NoArgs(items), "($self, /)", "Return a set-like object providing a view on the dict's items."),
        method("values", NativeFn::NoArgs(values), "($self, /)", "Return an object providing a view on the dict's values."),
        method("update", NativeFn::Raw(update), "-($self, mapping=(), /, **kwargs)", "D.update([E, ]**F) -> None.  Update D from mapping/iterable E and F."),
        MethodDef { name: "fromkeys", func: NativeFn::Bound(fromkeys), kind: MethodKind::Class, signature: "($type, iterable, value=None, /)", doc: "Create a new dictionary with keys from iterable and values set to value." },
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Remove all items from the dict."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "Return a shallow copy of the dict."),
        method("__reversed__", NativeFn::NoArgs(reversed), "($self, /)", "Return a reverse iterator over the dict keys."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    dealloc: Some(dict::dealloc),
    traverse: Some(dict::traverse),
    clear: Some(dict::clear),
    ..TypeSpec::DEFAULT
};
