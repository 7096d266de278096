//! The operators and methods of `tuple`, and its iterator.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{convert, iterate, subscript};
use crate::sync::{AtomicI64, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{TUPLE, TUPLE_ITERATOR, shapes};
use crate::types::list::methods::{clip_index, repr_items};
use crate::types::slice;
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;

/// Whether a constructor passes keyword arguments over: those of a subclass with an `__init__` of its own.
pub fn leaves_keywords_to_init(class: &TypeObject, base: &TypeObject) -> bool {
    !std::ptr::eq(class, base) && class.slots.init.raw() != base.slots.init.raw()
}

/// Whether the value is a tuple or of a subclass.
#[inline]
pub fn is_tuple(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS)
}

fn items<'a>(this: Value) -> &'a [Value] {
    TupleObject::of(this).items()
}

fn tuple_repr(this: Value, thread: &mut Thread) -> PyResult {
    if thread.repr_active.contains(&this.id()) {
        return Ok(Owned::str("(...)"));
    }
    let close = if items(this).len() == 1 { ",)" } else { ")" };
    repr_items(this, "(", close, thread, |i| items(this).get(i).map(|item| item.to_owned()))
}

fn tuple_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let object = TupleObject::of(this);
    if let Some(hash) = object.cached_hash() {
        return Ok(hash);
    }
    let mut hashes = smallvec::SmallVec::<[i64; 16]>::with_capacity(object.len());
    for item in object.items() {
        if thread.native_stack_is_low() {
            return Err(thread.raise_recursion_error(" while hashing a tuple"));
        }
        hashes.push(compare::hash(*item, thread)?);
    }
    let hash = crate::types::hashing::combine(hashes.into_iter());
    object.cache_hash(hash);
    Ok(hash)
}

fn tuple_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_tuple(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (items(left), items(right));
    for (x, y) in a.iter().zip(b) {
        if !compare::equals(*x, *y, thread)? {
            return match op {
                CompareOp::Eq => Ok(Owned::false_()),
                CompareOp::Ne => Ok(Owned::true_()),
                _ => compare::rich_compare(*x, *y, op, thread),
            };
        }
    }
    Ok(Owned::bool(op.holds(a.len().cmp(&b.len()))))
}

fn tuple_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(items(this).len() as i64)
}

fn tuple_contains(this: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    for candidate in items(this) {
        if compare::equals(*candidate, item, thread)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tuple_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_tuple(right) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only concatenate tuple (not \"{name}\") to tuple")));
    }
    let (a, b) = (items(left), items(right));
    if a.is_empty() && tuple::is_exact(right) {
        return Ok(right.to_owned());
    }
    if b.is_empty() && tuple::is_exact(left) {
        return Ok(left.to_owned());
    }
    let mut all = Vec::with_capacity(a.len() + b.len());
    all.extend_from_slice(a);
    all.extend_from_slice(b);
    Ok(tuple::from_values(&all))
}

fn tuple_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    let own = items(this);
    if tuple::is_exact(this) && (own.is_empty() || n == 1) {
        return Ok(this.to_owned());
    }
    let n = usize::try_from(n).unwrap_or(0);
    let total = own.len().checked_mul(n).filter(|total| *total < isize::MAX as usize / 16);
    let mut all: Vec<Value> = Vec::new();
    match total {
        Some(total) if all.try_reserve_exact(total).is_ok() => {}
        _ => return Err(thread.raise_memory_error()),
    }
    if !own.is_empty() {
        (0..n).for_each(|_| all.extend_from_slice(own));
    }
    Ok(tuple::from_values(&all))
}

fn tuple_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let own = items(this);
    if key.has_shape(shapes::SLICE) {
        let range = slice::indices(key, own.len(), thread)?;
        if range.count == own.len() && range.step == 1 && tuple::is_exact(this) {
            return Ok(this.to_owned());
        }
        let chosen: Vec<Value> = range.iter().filter_map(|i| own.get(i).copied()).collect();
        return Ok(tuple::from_values(&chosen));
    }
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("tuple indices must be integers or slices, not {name}")));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    match subscript::normalize_index(index, own.len()) {
        Some(i) => Ok(own[i].to_owned()),
        None => Err(thread.raise(&exc::INDEX_ERROR, "tuple index out of range")),
    }
}

fn tuple_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(iterable=(), /)");
    let ty = TypeObject::of(class);
    let kwnames = if leaves_keywords_to_init(ty, TUPLE.get()) { KwNames::NONE } else { kwnames };
    let bound = SIGNATURE.bind("tuple", args, kwnames, thread)?;
    let Some(iterable) = bound.args().get(0) else { return tuple::new_of_type(ty, &[], thread) };
    if std::ptr::eq(ty, TUPLE.get()) {
        if tuple::is_exact(iterable) {
            return Ok(iterable.to_owned());
        }
        return Ok(tuple::from_vec(iterate::collect(iterable, thread)?));
    }
    let collected = iterate::collect(iterable, thread)?;
    let values: Vec<Value> = collected.iter().map(Owned::value).collect();
    tuple::new_of_type(ty, &values, thread)
}

fn tuple_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(this))
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let own = items(this);
    let start = clip_index(args.get(1), own.len(), 0, thread)?;
    let stop = clip_index(args.get(2), own.len(), usize::MAX, thread)?;
    for (i, item) in own.iter().enumerate().take(stop).skip(start) {
        if compare::equals(*item, args.at(0), thread)? {
            return Ok(Owned::usize(i));
        }
    }
    Err(thread.raise_value_error("tuple.index(x): x not in tuple"))
}

fn count(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    let mut n = 0;
    for candidate in items(this) {
        if compare::equals(*candidate, item, thread)? {
            n += 1;
        }
    }
    Ok(Owned::int(n))
}

fn getnewargs(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([tuple::from_values(items(this))]))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(this.type_object().basic_size() + 8 * items(this).len()))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "tuple",
    doc: "Built-in immutable sequence.\n\nIf no argument is given, the constructor returns an empty tuple.\nIf iterable is specified the tuple is initialized from iterable's items.\n\nIf the argument is a tuple, the return value is the same object.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_TUPLE_SUBCLASS | TYPE_SEQUENCE | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: tuple::ITEMS_OFFSET,
    item_size: 8,
    slots: &[
        SlotFn::repr(tuple_repr),
        SlotFn::hash(tuple_hash),
        SlotFn::richcompare(tuple_compare),
        SlotFn::iter(tuple_iter),
        SlotFn::length(tuple_length),
        SlotFn::concat(tuple_concat),
        SlotFn::repeat(tuple_repeat),
        SlotFn::subscript(tuple_subscript),
        SlotFn::contains(tuple_contains),
        SlotFn::new(tuple_new),
    ],
    methods: &[
        method("__getnewargs__", NativeFn::NoArgs(getnewargs), "($self, /)", ""),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Size in memory, in bytes."),
        method("index", NativeFn::Bound(index), "($self, value, start=0, stop=sys.maxsize, /)", "The first index of a value."),
        method("count", NativeFn::One(count), "($self, value, /)", "How many items equal a value."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    dealloc: Some(tuple::dealloc),
    traverse: Some(tuple::traverse),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct TupleIterator {
    header: Header,
    /// Empty once exhausted.
    tuple: Slot,
    /// The next index, advanced atomically where threads share the iterator.
    index: AtomicI64,
}

fn iterator_of<'a>(value: Value) -> &'a TupleIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

/// `iter(tuple)`.
#[inline]
pub fn new_iterator(tuple: Value) -> Owned {
    lifetime::allocate_object(TUPLE_ITERATOR.get(), |header| TupleIterator { header, tuple: Slot::new(tuple.to_owned()), index: AtomicI64::new(0) })
}

/// The next item of a tuple iterator.
#[inline(always)]
pub fn next_item(iterator: Value) -> Option<Owned> {
    let this = iterator_of(iterator);
    if !crate::object::lifetime::is_private(&this.header) {
        return next_shared(this);
    }
    let tuple = this.tuple.peek()?;
    let index = this.index.load(Ordering::Relaxed);
    match items(tuple).get(index as usize) {
        Some(item) => {
            this.index.store(index + 1, Ordering::Relaxed);
            Some(item.to_owned())
        }
        None => {
            drop(this.tuple.replace(&this.header, None));
            None
        }
    }
}

/// As [`next_item`] where other threads may use the iterator: the tuple is held, the index advances atomically.
fn next_shared(this: &TupleIterator) -> Option<Owned> {
    let tuple = this.tuple.load(&this.header)?;
    let index = this.index.fetch_add(1, Ordering::Relaxed);
    let item = usize::try_from(index).ok().and_then(|index| items(*tuple).get(index)).map(|item| item.to_owned());
    if item.is_none() {
        drop(this.tuple.replace(&this.header, None));
    }
    item
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next_item(this))
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    let left = iterator.tuple.load(&iterator.header).map_or(0, |tuple| items(*tuple).len() as i64 - iterator.index.load(Ordering::Relaxed));
    Ok(Owned::int(left.max(0)))
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    let function = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(match iterator.tuple.load(&iterator.header) {
        Some(tuple) => tuple::pack([function, tuple::pack([tuple]), Owned::int(iterator.index.load(Ordering::Relaxed))]),
        None => tuple::pack([function, tuple::pack([tuple::empty()])]),
    })
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let iterator = iterator_of(this);
    if let Some(tuple) = iterator.tuple.load(&iterator.header) {
        iterator.index.store(index.clamp(0, items(*tuple).len() as i64), Ordering::Relaxed);
    }
    Ok(Owned::none())
}

unsafe fn iterator_dealloc(value: Value) {
    drop(iterator_of(value).tuple.replace_locked(None));
}

unsafe fn iterator_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(tuple) = iterator_of(value).tuple.peek() {
        visit(tuple);
    }
}

pub static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "tuple_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<TupleIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(length_hint), "($self, /)", "Private method of iterators."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Private method of iterators."),
        method("__setstate__", NativeFn::One(setstate), "($self, object, /)", "Private method of iterators."),
    ],
    dealloc: Some(iterator_dealloc),
    traverse: Some(iterator_traverse),
    ..TypeSpec::DEFAULT
};
