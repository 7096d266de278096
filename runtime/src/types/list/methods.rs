//! The operators and methods of `list`.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{call, convert, iterate, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::list::{self, ListObject, iterators};
use crate::types::slice;
use crate::types::type_object::*;

/// `repr` of a sequence's items between brackets; a sequence that contains itself shows `...`.
pub fn repr_items(this: Value, open: &str, close: &str, thread: &mut Thread, mut item_at: impl FnMut(usize) -> Option<Owned>) -> PyResult {
    if item_at(0).is_none() {
        return Ok(Owned::str(&format!("{open}{close}")));
    }
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str(&format!("{open}...{close}")));
    }
    thread.repr_active.push(id);
    let mut parts = crate::types::str::Builder::new();
    parts.push_str(open);
    let mut i = 0;
    let mut failed = None;
    while let Some(item) = item_at(i) {
        if i > 0 {
            parts.push_str(", ");
        }
        match convert::repr(*item, thread) {
            Ok(text) => parts.push_object(*text),
            Err(raised) => {
                failed = Some(raised);
                break;
            }
        }
        i += 1;
    }
    thread.repr_active.retain(|active| *active != id);
    if let Some(raised) = failed {
        return Err(raised);
    }
    parts.push_str(close);
    Ok(parts.finish())
}

fn list_repr(this: Value, thread: &mut Thread) -> PyResult {
    repr_items(this, "[", "]", thread, |i| ListObject::of(this).get(i))
}

fn list_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(ListObject::of(this).len() as i64)
}

fn list_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new(this))
}

fn list_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let list = ListObject::of(this);
    if key.has_shape(shapes::SLICE) {
        if slice::has_no_step(key) {
            let range = slice::adjust(slice::unpack(key, thread)?, list.len());
            return Ok(list.sublist(range.start as usize, range.start as usize + range.count));
        }
        loop {
            let range = slice::adjust(slice::unpack(key, thread)?, list.len());
            // Again when another thread has made the list shorter meanwhile.
            if let Some(selected) = list.select(range.iter()) {
                return Ok(selected);
            }
        }
    }
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("list indices must be integers or slices, not {name}")));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    subscript::normalize_index(index, list.len())
        .and_then(|i| list.get(i))
        .ok_or_else(|| thread.raise(&exc::INDEX_ERROR, "list index out of range"))
}

fn list_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let list = ListObject::of(this);
    if key.has_shape(shapes::SLICE) {
        return assign_slice(list, key, value, thread);
    }
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("list indices must be integers or slices, not {name}")));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    let Some(i) = subscript::normalize_index(index, list.len()) else {
        return Err(thread.raise(&exc::INDEX_ERROR, "list assignment index out of range"));
    };
    let old = match value {
        Some(value) => list.set(i, value.to_owned()).ok(),
        None => list.remove_at(i),
    };
    match old {
        Some(old) => {
            lifetime::release(old, thread);
            Ok(())
        }
        None => Err(thread.raise(&exc::INDEX_ERROR, "list assignment index out of range")),
    }
}

fn assign_slice(list: &ListObject, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let new = match value {
        None => None,
        Some(value) => {
            if !iterate::is_iterable(value) {
                let name = value.type_object().full_name();
                return Err(thread.raise_type_error(if slice::has_step(key) {
                    format!("must assign iterable to extended slice, not {name}")
                } else {
                    format!("can only assign an iterable, not {name}")
                }));
            }
            Some(iterate::collect(value, thread)?)
        }
    };
    let range = slice::adjust(slice::unpack(key, thread)?, list.len());
    if range.step == 1 {
        let removed = list.splice(range.start as usize, (range.start as usize) + range.count, new.unwrap_or_default());
        drop(removed);
        run_pending(thread);
        return Ok(());
    }
    match new {
        None => {
            let mut indices: Vec<usize> = range.iter().collect();
            indices.sort_unstable();
            let mut items: Vec<Option<Owned>> = list.to_vec().into_iter().map(Some).collect();
            let mut removed = Vec::new();
            for i in indices {
                if let Some(slot) = items.get_mut(i) {
                    removed.extend(slot.take());
                }
            }
            drop(list.replace_all(items.into_iter().flatten().collect()));
            drop(removed);
        }
        Some(new) => {
            if new.len() != range.count {
                let (n, count) = (new.len(), range.count);
                return Err(thread.raise_value_error(format!("attempt to assign sequence of size {n} to extended slice of size {count}")));
            }
            for (i, item) in range.iter().zip(new) {
                drop(list.set(i, item));
            }
        }
    }
    run_pending(thread);
    Ok(())
}

fn run_pending(thread: &mut Thread) {
    if crate::threads::thread_state::has_pending() {
        lifetime::drain_pending(thread);
    }
}

fn list_contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    let list = ListObject::of(this);
    let mut i = 0;
    while let Some(candidate) = list.get(i) {
        if compare::equals(*candidate, item, thread)? {
            return Ok(true);
        }
        i += 1;
    }
    Ok(false)
}

fn list_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !right.is_pointer() || !right.type_has_flag(TYPE_LIST_SUBCLASS) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only concatenate list (not \"{name}\") to list")));
    }
    let mut items = ListObject::of(left).to_vec();
    items.extend(ListObject::of(right).to_vec());
    Ok(list::from_vec(items))
}

fn repeated(items: &[Owned], n: i64, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    let n = usize::try_from(n).unwrap_or(0);
    let total = items.len().checked_mul(n).filter(|total| *total < isize::MAX as usize / 16);
    let mut out = Vec::new();
    match total {
        Some(total) if out.try_reserve_exact(total).is_ok() => {}
        _ => return Err(thread.raise_memory_error()),
    }
    for _ in 0..if items.is_empty() { 0 } else { n } {
        out.extend(items.iter().cloned());
    }
    Ok(out)
}

fn list_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    if let (1, Some(item)) = (ListObject::of(this).len(), ListObject::of(this).get(0)) {
        // The usual case: one item over and over.
        let n = usize::try_from(n).unwrap_or(0);
        let made = if n < isize::MAX as usize / 16 { list::from_fn(n, |_| item.clone()) } else { None };
        return made.ok_or(()).map_err(|()| thread.raise_memory_error());
    }
    let items = ListObject::of(this).to_vec();
    repeated(&items, n, thread).map(list::from_vec)
}

fn list_inplace_concat(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    list::extend(this, other, thread)?;
    Ok(this.to_owned())
}

fn list_inplace_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    let items = ListObject::of(this).to_vec();
    let new = repeated(&items, n, thread)?;
    drop(ListObject::of(this).replace_all(new));
    run_pending(thread);
    Ok(this.to_owned())
}

fn list_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !right.is_pointer() || !right.type_has_flag(TYPE_LIST_SUBCLASS) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (ListObject::of(left), ListObject::of(right));
    if op.is_equality() && a.len() != b.len() {
        return Ok(Owned::bool(op == CompareOp::Ne));
    }
    let mut i = 0;
    loop {
        match (a.get(i), b.get(i)) {
            (Some(x), Some(y)) => {
                if !compare::equals(*x, *y, thread)? {
                    if i >= a.len() || i >= b.len() {
                        // The comparison has shortened one: the lengths decide.
                        return Ok(Owned::bool(op.holds(a.len().cmp(&b.len()))));
                    }
                    return match op {
                        CompareOp::Eq => Ok(Owned::false_()),
                        CompareOp::Ne => Ok(Owned::true_()),
                        _ => compare::rich_compare(*x, *y, op, thread),
                    };
                }
            }
            (x, y) => return Ok(Owned::bool(op.holds(x.is_some().cmp(&y.is_some())))),
        }
        i += 1;
    }
}

fn list_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(list::new_of_type(TypeObject::of(class)))
}

fn list_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(iterable=(), /)");
    // A subclass with its own `__new__` may take keyword arguments there.
    let own_new = this.type_object().slots.new.raw() != crate::types::builtin_types::LIST.get().slots.new.raw();
    let kwnames = if own_new { KwNames::NONE } else { kwnames };
    let bound = SIGNATURE.bind("list", args, kwnames, thread)?;
    drop(ListObject::of(this).take_all());
    if let Some(iterable) = bound.args().get(0) {
        list::extend(this, iterable, thread)?;
    }
    Ok(())
}

pub(crate) fn append(this: Value, item: Value, _thread: &mut Thread) -> PyResult {
    ListObject::of(this).push(item.to_owned());
    Ok(Owned::none())
}

fn extend(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    list::extend(this, iterable, thread)?;
    Ok(Owned::none())
}

fn insert(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let list = ListObject::of(this);
    let len = list.len() as i64;
    let index = if index < 0 { (index + len).max(0) } else { index.min(len) } as usize;
    list.insert_at(index, args.at(1).to_owned());
    Ok(Owned::none())
}

fn pop(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = match args.get(0) {
        Some(index) => convert::index_as_i64(index, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => -1,
    };
    let list = ListObject::of(this);
    let len = list.len();
    if len == 0 {
        return Err(thread.raise(&exc::INDEX_ERROR, "pop from empty list"));
    }
    subscript::normalize_index(index, len)
        .and_then(|i| list.remove_at(i))
        .ok_or_else(|| thread.raise(&exc::INDEX_ERROR, "pop index out of range"))
}

fn find(this: Value, item: Value, start: usize, stop: usize, thread: &mut Thread) -> PyResult<Option<usize>> {
    let list = ListObject::of(this);
    let mut i = start;
    while i < stop {
        let Some(candidate) = list.get(i) else { break };
        if compare::equals(*candidate, item, thread)? {
            return Ok(Some(i));
        }
        i += 1;
    }
    Ok(None)
}

fn remove(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    match find(this, item, 0, usize::MAX, thread)? {
        Some(i) => {
            if let Some(old) = ListObject::of(this).remove_at(i) {
                lifetime::release(old, thread);
            }
            Ok(Owned::none())
        }
        None => Err(thread.raise_value_error("list.remove(x): x not in list")),
    }
}

/// An index argument clipped to the length, as `index()` methods take it.
pub fn clip_index(value: Option<Value>, len: usize, default: usize, thread: &mut Thread) -> PyResult<usize> {
    let Some(value) = value else { return Ok(default) };
    if value.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("slice indices must be integers or have an __index__ method"));
    }
    let index = convert::index_as_i64(value, thread, None)?;
    let index = if index < 0 { index.saturating_add(len as i64).max(0) } else { index };
    Ok(index as usize)
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let len = ListObject::of(this).len();
    let start = clip_index(args.get(1), len, 0, thread)?;
    let stop = clip_index(args.get(2), len, usize::MAX, thread)?;
    match find(this, args.at(0), start, stop, thread)? {
        Some(i) => Ok(Owned::usize(i)),
        None => Err(thread.raise_value_error("list.index(x): x not in list")),
    }
}

fn count(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    let list = ListObject::of(this);
    let (mut i, mut n) = (0, 0);
    while let Some(candidate) = list.get(i) {
        if compare::equals(*candidate, item, thread)? {
            n += 1;
        }
        i += 1;
    }
    Ok(Owned::int(n))
}

fn reverse(this: Value, _thread: &mut Thread) -> PyResult {
    let list = ListObject::of(this);
    let mut items = list.to_vec();
    items.reverse();
    drop(list.replace_all(items));
    Ok(Owned::none())
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(ListObject::of(this).sublist(0, usize::MAX))
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    drop(ListObject::of(this).take_all());
    run_pending(thread);
    Ok(Owned::none())
}

fn sort(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = args.get(0).filter(|key| !key.is_none());
    let reverse = match args.get(1) {
        Some(reverse) => compare::truth(reverse, thread)?,
        None => false,
    };
    let list = ListObject::of(this);
    // The list looks empty while it is sorted, as in CPython.
    let (items, marker) = list.take_all_marked();
    let (items, result) = sort_items(items, key, reverse, thread);
    run_pending(thread);
    let meddled = !list.is_untouched(marker);
    drop(list.replace_all(items));
    result?;
    if meddled {
        return Err(thread.raise_value_error("list modified during sort"));
    }
    run_pending(thread);
    Ok(Owned::none())
}

/// Sorts stably; the items come back, in whatever order, also on failure.
pub fn sort_items(mut items: Vec<Owned>, key: Option<Value>, reverse: bool, thread: &mut Thread) -> (Vec<Owned>, PyResult<()>) {
    let keys = match key {
        None => None,
        Some(key) => {
            let mut keys = Vec::with_capacity(items.len());
            for item in &items {
                match call::call(key, &[**item], thread) {
                    Ok(key) => keys.push(key),
                    Err(raised) => return (items, Err(raised)),
                }
            }
            Some(keys)
        }
    };
    if reverse {
        items.reverse();
    }
    let n = items.len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    let sorted_by: Vec<Value> = match &keys {
        Some(keys) if reverse => keys.iter().rev().map(Owned::value).collect(),
        Some(keys) => keys.iter().map(Owned::value).collect(),
        None => items.iter().map(Owned::value).collect(),
    };
    let all_small = sorted_by.iter().all(|value| value.is_small_int());
    let all_str = !all_small && sorted_by.iter().all(|value| crate::types::string::is_exact(*value));
    let result = if all_small {
        order.sort_by(|a, b| Value::small_int_cmp(sorted_by[*a as usize], sorted_by[*b as usize]));
        Ok(())
    } else if all_str {
        use crate::types::string::StrObject;
        order.sort_by(|a, b| StrObject::of(sorted_by[*a as usize]).compare(StrObject::of(sorted_by[*b as usize])));
        Ok(())
    } else {
        crate::sorting::sort(&mut order, |a, b| {
            compare::compare_truth_lt(sorted_by[a as usize], sorted_by[b as usize], thread)
        })
    };
    let mut slots: Vec<Option<Owned>> = items.into_iter().map(Some).collect();
    let mut out: Vec<Owned> = order.iter().filter_map(|&i| slots[i as usize].take()).collect();
    if reverse {
        out.reverse();
    }
    (out, result)
}

fn reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(iterators::new_reversed(this))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(ListObject::of(this).size()))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "list",
    doc: "Built-in mutable sequence.\n\nIf no argument is given, the constructor creates a new empty list.\nThe argument must be an iterable if specified.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_LIST_SUBCLASS | TYPE_SEQUENCE | TYPE_MATCH_SELF,
    basic_size: size_of::<ListObject>(),
    unhashable: true,
    slots: &[
        SlotFn::repr(list_repr),
        SlotFn::length(list_length),
        SlotFn::iter(list_iter),
        SlotFn::subscript(list_subscript),
        SlotFn::ass_subscript(list_ass_subscript),
        SlotFn::contains(list_contains),
        SlotFn::concat(list_concat),
        SlotFn::repeat(list_repeat),
        SlotFn::inplace_concat(list_inplace_concat),
        SlotFn::inplace_repeat(list_inplace_repeat),
        SlotFn::richcompare(list_compare),
        SlotFn::new(list_new),
        SlotFn::init(list_init),
    ],
    methods: &[
        method("__reversed__", NativeFn::NoArgs(reversed), "($self, /)", "A reverse iterator over the list."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Size in memory, in bytes."),
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Removes all items."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("append", NativeFn::One(append), "($self, object, /)", "Appends an object at the end."),
        method("insert", NativeFn::Bound(insert), "($self, index, object, /)", "Inserts an object before an index."),
        method("extend", NativeFn::One(extend), "($self, iterable, /)", "Appends the items of an iterable."),
        method("pop", NativeFn::Bound(pop), "($self, index=-1, /)", "Removes and returns an item, the last by default."),
        method("remove", NativeFn::One(remove), "($self, value, /)", "Removes the first item that equals a value."),
        method("index", NativeFn::Bound(index), "($self, value, start=0, stop=sys.maxsize, /)", "The first index of a value."),
        method("count", NativeFn::One(count), "($self, value, /)", "How many items equal a value."),
        method("reverse", NativeFn::NoArgs(reverse), "($self, /)", "Reverses in place."),
        method("sort", NativeFn::Bound(sort), "($self, /, *, key=None, reverse=False)", "Sorts in place, stably, in ascending order."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" },
    ],
    dealloc: Some(list::dealloc),
    traverse: Some(list::traverse),
    clear: Some(list::clear),
    ..TypeSpec::DEFAULT
};
