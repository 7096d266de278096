//! `iter(sequence)`, `iter(callable, sentinel)`, `enumerate`, `reversed`.
//!
//! `map`, `filter` and `zip` are in [`super::lazy_iterators`]. Iterators that threads share neither crash nor give an item
//! twice: positions advance atomically.

use num_bigint::BigInt;

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, compare, convert, iterate, subscript};
use crate::sync::{AtomicI64, LeafMutex, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{CALLABLE_ITERATOR, REVERSED, SEQUENCE_ITERATOR, shapes};
use crate::types::int;
use crate::types::slot_table;
use crate::types::string::StrObject;
use crate::types::tuple;
use crate::types::type_object::*;

pub use super::lazy_iterators::{FILTER_SPEC, MAP_SPEC, ZIP_SPEC};

pub(super) fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn builtin_iter(thread: &Thread) -> Owned {
    thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none)
}

/// Moves a position and gives the old one: by a plain store where no other thread runs.
#[inline]
fn advance(position: &AtomicI64, by: i64) -> i64 {
    if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
        return position.fetch_add(by, Ordering::Relaxed);
    }
    let old = position.load(Ordering::Relaxed);
    position.store(old.wrapping_add(by), Ordering::Relaxed);
    old
}

/// An object and a position in it: the layout of `iter(sequence)` and of `reversed`.
#[repr(C)]
struct PositionIterator {
    header: Header,
    /// Empty once exhausted.
    sequence: Slot,
    position: AtomicI64,
}

fn position_of<'a>(value: Value) -> &'a PositionIterator {
    // SAFETY: called for `iterator` and `reversed` objects only.
    unsafe { value.as_ref() }
}

fn new_position(ty: &TypeObject, sequence: Value, position: i64) -> Owned {
    lifetime::allocate_object(ty, |header| PositionIterator { header, sequence: Slot::new(sequence.to_owned()), position: AtomicI64::new(position) })
}

/// `iter(value)` by `__getitem__`.
pub fn new_sequence_iterator(value: Value) -> Owned {
    new_position(SEQUENCE_ITERATOR.get(), value, 0)
}

/// The item at a position; IndexError and StopIteration end the iteration.
fn item_at(this: &PositionIterator, sequence: &Owned, position: i64, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let slots = &sequence.type_object().slots;
    let found = match slots.item.get() {
        Some(item) if !slot_table::is_subscript_overridden(slots) => item(**sequence, *Owned::int(position), thread),
        _ => subscript::get_item(**sequence, *Owned::int(position), thread),
    };
    let raised = match found {
        Ok(item) => return Ok(Some(item)),
        Err(raised) => raised,
    };
    if !thread.exception_matches(&exc::INDEX_ERROR) && !thread.exception_matches(&exc::STOP_ITERATION) {
        return Err(raised);
    }
    drop(thread.take_exception());
    drop(this.sequence.replace(&this.header, None));
    Ok(None)
}

fn sequence_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = position_of(this);
    let Some(sequence) = this.sequence.load(&this.header) else { return Ok(None) };
    if this.position.load(Ordering::Relaxed) == i64::MAX {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "iter index too large"));
    }
    let position = advance(&this.position, 1);
    let item = item_at(this, &sequence, position, thread);
    if item.is_err() {
        // An item that could not be had is asked for again.
        advance(&this.position, -1);
    }
    item
}

fn sequence_length_hint(this: Value, thread: &mut Thread) -> PyResult {
    let this = position_of(this);
    let Some(sequence) = this.sequence.load(&this.header) else { return Ok(Owned::int(0)) };
    if sequence.type_object().slots.length.raw() == 0 {
        return Ok(Owned::not_implemented());
    }
    let length = subscript::length(*sequence, thread)?;
    Ok(Owned::int((length - this.position.load(Ordering::Relaxed)).max(0)))
}

fn sequence_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let this = position_of(this);
    let function = builtin_iter(thread);
    Ok(match this.sequence.load(&this.header) {
        Some(sequence) => tuple::pack([function, tuple::pack([sequence]), Owned::int(this.position.load(Ordering::Relaxed))]),
        None => tuple::pack([function, tuple::pack([tuple::empty()])]),
    })
}

fn sequence_setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let position = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let this = position_of(this);
    if this.sequence.peek().is_some() {
        this.position.store(position.max(0), Ordering::Relaxed);
    }
    Ok(Owned::none())
}

unsafe fn position_dealloc(value: Value) {
    drop(position_of(value).sequence.replace_locked(None));
}

unsafe fn position_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(sequence) = position_of(value).sequence.peek() {
        visit(sequence);
    }
}

pub static SEQUENCE_SPEC: TypeSpec = TypeSpec {
    name: "iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<PositionIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(sequence_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(sequence_length_hint), "($self, /)", "Private method returning an estimate of len(list(it))."),
        method("__reduce__", NativeFn::NoArgs(sequence_reduce), "($self, /)", "Return state information for pickling."),
        method("__setstate__", NativeFn::One(sequence_setstate), "($self, object, /)", "Set state information for unpickling."),
    ],
    dealloc: Some(position_dealloc),
    traverse: Some(position_traverse),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct CallableIterator {
    header: Header,
    /// Both are empty once the sentinel has come.
    callable: Slot,
    sentinel: Slot,
}

fn callable_of<'a>(value: Value) -> &'a CallableIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

/// `iter(callable, sentinel)`.
pub fn new_callable_iterator(callable: Value, sentinel: Value) -> Owned {
    lifetime::allocate_object(CALLABLE_ITERATOR.get(), |header| CallableIterator {
        header,
        callable: Slot::new(callable.to_owned()),
        sentinel: Slot::new(sentinel.to_owned()),
    })
}

fn callable_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = callable_of(this);
    let Some(callable) = this.callable.load(&this.header) else { return Ok(None) };
    let finish = || {
        drop(this.callable.replace(&this.header, None));
        drop(this.sentinel.replace(&this.header, None));
    };
    let result = call::call(*callable, &[], thread);
    if result.is_err() && thread.exception_matches(&exc::STOP_ITERATION) {
        finish();
    }
    let Some(value) = iterate::stop_to_none(result, thread)? else { return Ok(None) };
    // The call may have exhausted this very iterator.
    let Some(sentinel) = this.sentinel.load(&this.header) else { return Ok(None) };
    if compare::equals(*sentinel, *value, thread)? {
        finish();
        return Ok(None);
    }
    Ok(Some(value))
}

fn callable_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let this = callable_of(this);
    let function = builtin_iter(thread);
    Ok(match (this.callable.load(&this.header), this.sentinel.load(&this.header)) {
        (Some(callable), Some(sentinel)) => tuple::pack([function, tuple::pack([callable, sentinel])]),
        _ => tuple::pack([function, tuple::pack([tuple::empty()])]),
    })
}

unsafe fn callable_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<CallableIterator>()) };
}

unsafe fn callable_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let this = callable_of(value);
    [&this.callable, &this.sentinel].into_iter().filter_map(Slot::peek).for_each(visit);
}

pub static CALLABLE_SPEC: TypeSpec = TypeSpec {
    name: "callable_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<CallableIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(callable_next)],
    methods: &[method("__reduce__", NativeFn::NoArgs(callable_reduce), "($self, /)", "Return state information for pickling.")],
    dealloc: Some(callable_dealloc),
    traverse: Some(callable_traverse),
    ..TypeSpec::DEFAULT
};

/// Beyond this, `enumerate` counts with big ints from the start.
const SMALL_COUNT_LIMIT: i64 = 1 << 62;

#[repr(C)]
struct Enumerate {
    header: Header,
    iterator: Owned,
    count: AtomicI64,
    big_count: Option<LeafMutex<BigInt>>,
}

fn enumerate_of<'a>(value: Value) -> &'a Enumerate {
    // SAFETY: called for `enumerate` objects only.
    unsafe { value.as_ref() }
}

fn enumerate_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let (n, n_keywords) = (args.len(), kwnames.len());
    if n + n_keywords > 2 {
        let given = n + n_keywords;
        return Err(thread.raise_type_error(format!("enumerate() takes at most 2 arguments ({given} given)")));
    }
    let (mut iterable, mut start) = (args.get(0), args.get(1));
    for i in 0..n_keywords {
        let Some(name) = kwnames.get(i) else { break };
        let text = StrObject::of(name);
        if iterable.is_none() && text.equals_str("iterable") {
            iterable = Some(args.keyword(i));
        } else if start.is_none() && text.equals_str("start") && (n > 0 || n_keywords == 2) {
            start = Some(args.keyword(i));
        } else {
            let text = text.to_string_lossy();
            return Err(thread.raise_type_error(format!("'{text}' is an invalid keyword argument for enumerate()")));
        }
    }
    let Some(iterable) = iterable else {
        return Err(thread.raise_type_error("enumerate() missing required argument 'iterable'"));
    };
    let start = match start {
        Some(start) => convert::index(start, thread)?,
        None => Owned::int(0),
    };
    let iterator = iterate::iter(iterable, thread)?;
    let (count, big_count) = match int::as_i64(*start) {
        Some(count) if count < SMALL_COUNT_LIMIT => (count, None),
        _ => (0, Some(LeafMutex::new(int::to_bigint(*start)))),
    };
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Enumerate { header, iterator, count: AtomicI64::new(count), big_count }))
}

fn enumerate_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = enumerate_of(this);
    let Some(item) = iterate::next(*this.iterator, thread)? else { return Ok(None) };
    let number = match &this.big_count {
        None => Owned::int(advance(&this.count, 1)),
        Some(count) => {
            let number = {
                let mut count = count.lock();
                let after = &*count + 1;
                std::mem::replace(&mut *count, after)
            };
            int::from_bigint(&number)
        }
    };
    Ok(Some(tuple::pack([number, item])))
}

fn enumerate_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = enumerate_of(this);
    let count = match &object.big_count {
        None => Owned::int(object.count.load(Ordering::Relaxed)),
        Some(count) => {
            let count = count.lock().clone();
            int::from_bigint(&count)
        }
    };
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([object.iterator.clone(), count])]))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

unsafe fn enumerate_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Enumerate>()) };
}

unsafe fn enumerate_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*enumerate_of(value).iterator);
}

pub static ENUMERATE_SPEC: TypeSpec = TypeSpec {
    name: "enumerate",
    doc: "enumerate(iterable, start=0)\n--\n\nPairs of a count, from start, and the items of an iterable: (0, seq[0]), (1, seq[1]), ...",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Enumerate>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(enumerate_next), SlotFn::new(enumerate_new)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(enumerate_reduce), "($self, /)", "Return state information for pickling."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    dealloc: Some(enumerate_dealloc),
    traverse: Some(enumerate_traverse),
    ..TypeSpec::DEFAULT
};

/// Whether `__getitem__` with ints may be tried, as CPython's `PySequence_Check` says.
fn is_sequence(value: Value) -> bool {
    let ty = value.type_object();
    ty.slots.subscript.raw() != 0
        && !ty.has_flag(TYPE_DICT_SUBCLASS)
        && !value.has_shape(shapes::MAPPING_PROXY)
        && (ty.has_flag(TYPE_HEAP) || ty.slots.length.raw() != 0)
}

fn reversed_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    if !kwnames.is_empty() && std::ptr::eq(ty, REVERSED.get()) {
        return Err(thread.raise_type_error("reversed() takes no keyword arguments"));
    }
    if args.len() != 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("reversed expected 1 argument, got {n}")));
    }
    let sequence = args.at(0);
    let not_reversible = |thread: &mut Thread| {
        let name = sequence.type_object().full_name();
        thread.raise_type_error(format!("'{name}' object is not reversible"))
    };
    if let Some(found) = attribute::lookup_type(sequence.type_object(), crate::names::names().__reversed__, thread) {
        if found.is_none() {
            return Err(not_reversible(thread));
        }
        if let Some(result) = attribute::call_special(sequence, crate::names::names().__reversed__, &[], thread)? {
            return Ok(result);
        }
    }
    if !is_sequence(sequence) {
        return Err(not_reversible(thread));
    }
    let length = subscript::length(sequence, thread)?;
    Ok(new_position(ty, sequence, length - 1))
}

fn reversed_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = position_of(this);
    if this.position.load(Ordering::Relaxed) < 0 {
        return Ok(None);
    }
    let Some(sequence) = this.sequence.load(&this.header) else { return Ok(None) };
    let position = advance(&this.position, -1);
    if position < 0 {
        return Ok(None);
    }
    let item = item_at(this, &sequence, position, thread);
    if matches!(item, Ok(None)) || position == 0 {
        this.position.store(-1, Ordering::Relaxed);
        drop(this.sequence.replace(&this.header, None));
    }
    item
}

fn reversed_length_hint(this: Value, thread: &mut Thread) -> PyResult {
    let this = position_of(this);
    let Some(sequence) = this.sequence.load(&this.header) else { return Ok(Owned::int(0)) };
    let length = subscript::length(*sequence, thread)?;
    let left = this.position.load(Ordering::Relaxed) + 1;
    Ok(Owned::int(if length < left { 0 } else { left }))
}

fn reversed_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = position_of(this);
    let class = this.type_object().value().to_owned();
    Ok(match object.sequence.load(&object.header) {
        Some(sequence) => tuple::pack([class, tuple::pack([sequence]), Owned::int(object.position.load(Ordering::Relaxed))]),
        None => tuple::pack([class, tuple::pack([tuple::empty()])]),
    })
}

fn reversed_setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let position = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let this = position_of(this);
    if let Some(sequence) = this.sequence.load(&this.header) {
        let length = subscript::length(*sequence, thread)?;
        this.position.store(position.clamp(-1, length - 1), Ordering::Relaxed);
    }
    Ok(Owned::none())
}

pub static REVERSED_SPEC: TypeSpec = TypeSpec {
    name: "reversed",
    doc: "reversed(sequence, /)\n--\n\nReturn a reverse iterator over the values of the given sequence.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<PositionIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(reversed_next), SlotFn::new(reversed_new)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(reversed_length_hint), "($self, /)", "Private method returning an estimate of len(list(it))."),
        method("__reduce__", NativeFn::NoArgs(reversed_reduce), "($self, /)", "Return state information for pickling."),
        method("__setstate__", NativeFn::One(reversed_setstate), "($self, object, /)", "Set state information for unpickling."),
    ],
    dealloc: Some(position_dealloc),
    traverse: Some(position_traverse),
    ..TypeSpec::DEFAULT
};
