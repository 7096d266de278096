//! `deque`.
//!
//! # Who may touch what
//! * `items`: inside `Guarded::with` on the deque's own header.
//! * `changes`: grows with each added, removed or moved item, under the same lock; iterators and searches compare it.
//! * `maxlen`: -1 for none; only `__init__` writes it.

use std::collections::VecDeque;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, convert, iterate, subscript};
use pyrt_runtime::sync::{AtomicI64, AtomicU64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::list::methods::clip_index;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, tuple};

use super::deque_iterators;

#[repr(C)]
pub struct Deque {
    pub header: Header,
    items: Guarded<VecDeque<Owned>>,
    changes: AtomicU64,
    maxlen: AtomicI64,
}

/// Items of a block of CPython's deque, for `__sizeof__`.
const BLOCK_ITEMS: usize = 64;

impl Deque {
    /// The deque that `value` is; the caller knows that it is one.
    pub fn of<'a>(value: Value) -> &'a Deque {
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    pub fn len(&self) -> usize {
        self.read(|items| items.len())
    }

    /// Item `i`, none beyond the end.
    pub fn get(&self, i: usize) -> Option<Owned> {
        self.read(|items| items.get(i).cloned())
    }

    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    fn maxlen(&self) -> Option<usize> {
        usize::try_from(self.maxlen.load(Ordering::Relaxed)).ok()
    }

    fn read<R>(&self, access: impl FnOnce(&VecDeque<Owned>) -> R) -> R {
        self.items.with(&self.header, |items| access(items))
    }

    /// A change of the structure.
    fn change<R>(&self, access: impl FnOnce(&mut VecDeque<Owned>) -> R) -> R {
        self.items.with(&self.header, |items| {
            // Relaxed: the lock orders; readers without it see a snapshot.
            self.changes.store(self.changes().wrapping_add(1), Ordering::Relaxed);
            access(items)
        })
    }

    /// Appends at the right; what falls out at the left is handed out.
    fn push_back(&self, item: Owned) -> Option<Owned> {
        let limit = self.maxlen();
        self.change(|items| {
            items.push_back(item);
            if limit.is_some_and(|limit| items.len() > limit) { items.pop_front() } else { None }
        })
    }

    fn push_front(&self, item: Owned) -> Option<Owned> {
        let limit = self.maxlen();
        self.change(|items| {
            items.push_front(item);
            if limit.is_some_and(|limit| items.len() > limit) { items.pop_back() } else { None }
        })
    }

    fn snapshot(&self) -> Vec<Owned> {
        self.read(|items| items.iter().cloned().collect())
    }
}

fn allocate(ty: &TypeObject, items: VecDeque<Owned>, maxlen: i64) -> Owned {
    lifetime::allocate_object(ty, |header| Deque {
        header,
        items: Guarded::new(items),
        changes: AtomicU64::new(0),
        maxlen: AtomicI64::new(maxlen),
    })
}

/// Whether the value is a deque or of a subclass.
pub fn is_deque(value: Value) -> bool {
    value.is_pointer() && value.is_instance(DEQUE.get())
}

fn release(old: Option<Owned>, thread: &mut Thread) {
    if let Some(old) = old {
        lifetime::release(old, thread);
    }
}

fn release_all(old: impl IntoIterator<Item = Owned>, thread: &mut Thread) {
    for item in old {
        lifetime::release(item, thread);
    }
}

fn deque_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate(TypeObject::of(class), VecDeque::new(), -1))
}

static INIT: LazySignature = LazySignature::new("(iterable=None, maxlen=None)");

fn deque_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let given = args.len() + kwnames.len();
    if given > 2 {
        return Err(thread.raise_type_error(format!("deque() takes at most 2 arguments ({given} given)")));
    }
    let bound = INIT.bind("deque", args, kwnames, thread)?;
    let (iterable, maxlen) = (bound.args().get(0), bound.args().get(1));
    let mut limit = -1;
    if let Some(maxlen) = maxlen.filter(|maxlen| !maxlen.is_none()) {
        if maxlen.type_object().slots.index.raw() == 0 {
            return Err(thread.raise_type_error("an integer is required"));
        }
        limit = convert::index_as_i64(maxlen, thread, Some(&exc::OVERFLOW_ERROR))?;
        if limit < 0 {
            return Err(thread.raise_value_error("maxlen must be non-negative"));
        }
    }
    Deque::of(this).maxlen.store(limit, Ordering::Relaxed);
    clear(this, thread)?;
    match iterable {
        Some(iterable) => extend(this, iterable, thread).map(drop),
        None => Ok(()),
    }
}

fn append(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    release(Deque::of(this).push_back(item.to_owned()), thread);
    Ok(Owned::none())
}

fn appendleft(this: Value, item: Value, thread: &mut Thread) -> PyResult {
    release(Deque::of(this).push_front(item.to_owned()), thread);
    Ok(Owned::none())
}

fn empty_error(thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    thread.raise(&exc::INDEX_ERROR, "pop from an empty deque")
}

fn pop(this: Value, thread: &mut Thread) -> PyResult {
    match Deque::of(this).change(VecDeque::pop_back) {
        Some(item) => Ok(item),
        None => Err(empty_error(thread)),
    }
}

fn popleft(this: Value, thread: &mut Thread) -> PyResult {
    match Deque::of(this).change(VecDeque::pop_front) {
        Some(item) => Ok(item),
        None => Err(empty_error(thread)),
    }
}

fn extend_at(this: Value, iterable: Value, at_left: bool, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let push = |item: Owned| if at_left { deque.push_front(item) } else { deque.push_back(item) };
    if iterable.is(this) {
        for item in deque.snapshot() {
            release(push(item), thread);
        }
        return Ok(Owned::none());
    }
    let iterator = iterate::iter(iterable, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        release(push(item), thread);
    }
    Ok(Owned::none())
}

fn extend(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    extend_at(this, iterable, false, thread)
}

fn extendleft(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    extend_at(this, iterable, true, thread)
}

fn inplace_concat(this: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    extend(this, iterable, thread)?;
    Ok(this.to_owned())
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    let old = Deque::of(this).change(std::mem::take);
    release_all(old, thread);
    Ok(Owned::none())
}

fn copy(this: Value, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let ty = this.type_object();
    if std::ptr::eq(ty, DEQUE.get()) {
        return Ok(allocate(ty, deque.snapshot().into(), deque.maxlen.load(Ordering::Relaxed)));
    }
    let made = match deque.maxlen() {
        None => call::call(ty.value(), &[this], thread)?,
        Some(maxlen) => call::call(ty.value(), &[this, *Owned::usize(maxlen)], thread)?,
    };
    if !is_deque(*made) {
        let (own, other) = (ty.name(), made.type_object().name());
        return Err(thread.raise_type_error(format!("{own}() must return a deque, not {other}")));
    }
    Ok(made)
}

fn concat(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if !is_deque(other) {
        let name = other.type_object().name();
        return Err(thread.raise_type_error(format!("can only concatenate deque (not \"{name}\") to deque")));
    }
    let made = copy(this, thread)?;
    extend(*made, other, thread)?;
    Ok(made)
}

fn inplace_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let len = deque.len();
    if len == 0 || n == 1 {
        return Ok(this.to_owned());
    }
    if n <= 0 {
        clear(this, thread)?;
        return Ok(this.to_owned());
    }
    let items = deque.snapshot();
    let n = n as usize;
    let wanted = match deque.maxlen() {
        Some(limit) => len.saturating_mul(n).min(limit.max(len)),
        None => len.saturating_mul(n),
    };
    let total = len.saturating_mul(n);
    if wanted > isize::MAX as usize / 16 || (deque.maxlen().is_none() && total > isize::MAX as usize / 16) {
        return Err(thread.raise_memory_error());
    }
    // The last `wanted` items of the repetition.
    let start = total - wanted;
    let mut repeated = VecDeque::new();
    if repeated.try_reserve(wanted).is_err() {
        return Err(thread.raise_memory_error());
    }
    let mut at = start % len;
    for _ in 0..wanted {
        if let Some(item) = items.get(at) {
            repeated.push_back(item.clone());
        }
        at = if at + 1 == len { 0 } else { at + 1 };
    }
    let old = deque.change(|items| std::mem::replace(items, repeated));
    release_all(old, thread);
    Ok(this.to_owned())
}

fn repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    let made = copy(this, thread)?;
    inplace_repeat(*made, n, thread)
}

fn rotate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = match args.get(0) {
        Some(n) => convert::index_as_i64(n, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 1,
    };
    let deque = Deque::of(this);
    if deque.len() > 1 {
        deque.change(|items| {
            if !items.is_empty() {
                let by = n.rem_euclid(items.len() as i64) as usize;
                items.rotate_right(by);
            }
        });
    }
    Ok(Owned::none())
}

fn reverse(this: Value, _thread: &mut Thread) -> PyResult {
    Deque::of(this).change(|items| items.make_contiguous().reverse());
    Ok(Owned::none())
}

fn insert(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let deque = Deque::of(this);
    let limit = deque.maxlen();
    let value = args.at(1).to_owned();
    let refused = deque.change(|items| {
        if limit == Some(items.len()) {
            return Some(value);
        }
        let len = items.len() as i64;
        let at = if index < 0 { (index.saturating_add(len)).max(0) } else { index.min(len) };
        items.insert(at as usize, value);
        None
    });
    match refused {
        Some(_) => Err(thread.raise(&exc::INDEX_ERROR, "deque already at its maximum size")),
        None => Ok(Owned::none()),
    }
}

fn mutated(thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    thread.raise(&exc::RUNTIME_ERROR, "deque mutated during iteration")
}

/// Whether comparing values of these types runs no Python code.
fn compares_natively(value: Value) -> bool {
    !value.is_pointer() || (!value.type_has_flag(TYPE_HEAP) && value.type_has_flag(TYPE_STR_SUBCLASS | TYPE_INT_SUBCLASS | TYPE_FLOAT_SUBCLASS | TYPE_BYTES_SUBCLASS))
}

/// The items as they are, where other threads may change the deque while it is searched: a search sees one moment.
fn searched_items(deque: &Deque) -> Option<Vec<Owned>> {
    (pyrt_runtime::object::FREE_THREADED && !lifetime::is_private(&deque.header)).then(|| deque.snapshot())
}

/// The first item in the range that equals `value`.
fn find(deque: &Deque, value: Value, start: usize, stop: usize, thread: &mut Thread) -> PyResult<Option<usize>> {
    let changes = deque.changes();
    let items = searched_items(deque);
    for i in start..stop.min(items.as_ref().map_or(deque.len(), Vec::len)) {
        let Some(item) = items.as_ref().map_or_else(|| deque.get(i), |items| items.get(i).cloned()) else { return Err(mutated(thread)) };
        let equal = compare::equals(*item, value, thread)?;
        if equal {
            return Ok(Some(i));
        }
        if deque.changes() != changes && !(items.is_some() && compares_natively(*item) && compares_natively(value)) {
            return Err(mutated(thread));
        }
    }
    Ok(None)
}

fn contains(this: Value, value: Value, thread: &mut Thread) -> PyResult<bool> {
    Ok(find(Deque::of(this), value, 0, usize::MAX, thread)?.is_some())
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let start = clip_index(args.get(1), deque.len(), 0, thread)?;
    let stop = clip_index(args.get(2), deque.len(), usize::MAX, thread)?;
    match find(deque, args.at(0), start, stop, thread)? {
        Some(i) => Ok(Owned::usize(i)),
        None => Err(thread.raise_value_error("deque.index(x): x not in deque")),
    }
}

fn count(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let (changes, mut n) = (deque.changes(), 0);
    let items = searched_items(deque);
    for i in 0..items.as_ref().map_or(deque.len(), Vec::len) {
        let Some(item) = items.as_ref().map_or_else(|| deque.get(i), |items| items.get(i).cloned()) else { return Err(mutated(thread)) };
        n += usize::from(compare::equals(*item, value, thread)?);
        if deque.changes() != changes && !(items.is_some() && compares_natively(*item) && compares_natively(value)) {
            return Err(mutated(thread));
        }
    }
    Ok(Owned::usize(n))
}

fn remove(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let deque = Deque::of(this);
    let changes = deque.changes();
    for i in 0..deque.len() {
        let Some(item) = deque.get(i) else { break };
        let equal = compare::equals(*item, value, thread)?;
        if deque.changes() != changes {
            return Err(thread.raise(&exc::INDEX_ERROR, "deque mutated during remove()."));
        }
        if equal {
            let old = deque.change(|items| items.remove(i));
            release(old, thread);
            return Ok(Owned::none());
        }
    }
    Err(thread.raise_value_error("deque.remove(x): x not in deque"))
}

fn length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(Deque::of(this).len() as i64)
}

fn position(this: Value, key: Value, thread: &mut Thread) -> PyResult<Option<usize>> {
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("sequence index must be integer, not '{name}'")));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    Ok(subscript::normalize_index(index, Deque::of(this).len()))
}

fn range_error(thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    thread.raise(&exc::INDEX_ERROR, "deque index out of range")
}

fn get_item(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    match position(this, key, thread)?.and_then(|i| Deque::of(this).get(i)) {
        Some(item) => Ok(item),
        None => Err(range_error(thread)),
    }
}

fn set_item(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let deque = Deque::of(this);
    let Some(i) = position(this, key, thread)? else { return Err(range_error(thread)) };
    let old = match value {
        Some(value) => {
            let new = value.to_owned();
            deque.items.with(&deque.header, |items| match items.get_mut(i) {
                Some(place) => Ok(std::mem::replace(place, new)),
                None => Err(new),
            })
        }
        None => match deque.change(|items| items.remove(i)) {
            Some(old) => Ok(old),
            None => return Err(range_error(thread)),
        },
    };
    match old {
        Ok(old) => {
            lifetime::release(old, thread);
            Ok(())
        }
        Err(_) => Err(range_error(thread)),
    }
}

fn richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_deque(left) || !is_deque(right) {
        return Ok(Owned::not_implemented());
    }
    if op.is_equality() {
        if left.is(right) {
            return Ok(Owned::bool(op == CompareOp::Eq));
        }
        if Deque::of(left).len() != Deque::of(right).len() {
            return Ok(Owned::bool(op == CompareOp::Ne));
        }
    }
    let (a, b) = (deque_iterators::new(left), deque_iterators::new(right));
    loop {
        let x = iterate::next(*a, thread)?;
        let y = iterate::next(*b, thread)?;
        match (x, y) {
            (Some(x), Some(y)) => {
                if !compare::equals(*x, *y, thread)? {
                    return Ok(Owned::bool(compare::compare_truth(*x, *y, op, thread)?));
                }
            }
            (x, y) => return Ok(Owned::bool(op.holds(x.is_some().cmp(&y.is_some())))),
        }
    }
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str("[...]"));
    }
    thread.repr_active.push(id);
    let result = repr_items(this, thread);
    thread.repr_active.retain(|active| *active != id);
    result
}

fn repr_items(this: Value, thread: &mut Thread) -> PyResult {
    let mut out = Builder::new();
    out.push_str(&this.type_object().name());
    out.push_str("([");
    for (i, item) in iterate::collect(this, thread)?.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_object(*convert::repr(**item, thread)?);
    }
    match Deque::of(this).maxlen() {
        Some(maxlen) => out.push_str(&format!("], maxlen={maxlen})")),
        None => out.push_str("])"),
    }
    Ok(out.finish())
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let state = call::call_method(this, pyrt_runtime::names::names().__getstate__, &[], thread)?;
    let iterator = iterate::iter(this, thread)?;
    let args = match Deque::of(this).maxlen() {
        Some(maxlen) => tuple::pack([tuple::empty(), Owned::usize(maxlen)]),
        None => tuple::empty(),
    };
    Ok(tuple::pack([this.type_object().value().to_owned(), args, state, iterator]))
}

fn iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(deque_iterators::new(this))
}

fn reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(deque_iterators::new_reversed(this))
}

/// What the same deque takes in CPython: blocks of 64 items, each with two links.
fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let blocks = Deque::of(this).len() / BLOCK_ITEMS + 1;
    Ok(Owned::usize(this.type_object().basic_size().max(deque_size()) + blocks * (BLOCK_ITEMS + 2) * 8))
}

/// The object itself on CPython (`object.__basicsize__`): without its links to items.
const fn deque_size() -> usize {
    216
}

fn get_maxlen(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Deque::of(this).maxlen().map_or_else(Owned::none, Owned::usize))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Deque>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the world is stopped.
    for item in unsafe { Deque::of(value).items.peek() } {
        visit(**item);
    }
}

unsafe fn gc_clear(value: Value) {
    let old = Deque::of(value).change(std::mem::take);
    drop(old);
}

static SPEC: TypeSpec = TypeSpec {
    name: "collections.deque",
    doc: "deque([iterable[, maxlen]])\n\nA list-like sequence with fast access to both ends.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE | TYPE_SEQUENCE,
    basic_size: size_of::<Deque>(),
    unhashable: true,
    slots: &[
        SlotFn::new(deque_new),
        SlotFn::init(deque_init),
        SlotFn::repr(repr),
        SlotFn::richcompare(richcompare),
        SlotFn::iter(iter),
        SlotFn::length(length),
        SlotFn::concat(concat),
        SlotFn::repeat(repeat),
        SlotFn::inplace_concat(inplace_concat),
        SlotFn::inplace_repeat(inplace_repeat),
        SlotFn::subscript(get_item),
        SlotFn::ass_subscript(set_item),
        SlotFn::contains(contains),
    ],
    methods: &[
        method("append", NativeFn::One(append), "($self, item, /)", "Adds an item at the right end."),
        method("appendleft", NativeFn::One(appendleft), "($self, item, /)", "Adds an item at the left end."),
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Removes all items."),
        method("__copy__", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("count", NativeFn::One(count), "($self, value, /)", "The number of items equal to value."),
        method("extend", NativeFn::One(extend), "($self, iterable, /)", "Adds the items of the iterable at the right end."),
        method("extendleft", NativeFn::One(extendleft), "($self, iterable, /)", "Adds the items of the iterable at the left end."),
        method("index", NativeFn::Bound(index), "($self, value, [start, [stop]])", "The first index of value.\n\nRaises ValueError if it is not there."),
        method("insert", NativeFn::Bound(insert), "($self, index, value, /)", "Inserts value before index."),
        method("pop", NativeFn::NoArgs(pop), "($self, /)", "Removes and returns the rightmost item."),
        method("popleft", NativeFn::NoArgs(popleft), "($self, /)", "Removes and returns the leftmost item."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "State for pickling."),
        method("remove", NativeFn::One(remove), "($self, value, /)", "Removes the first item equal to value."),
        method("__reversed__", NativeFn::NoArgs(reversed), "($self, /)", "An iterator from right to left."),
        method("reverse", NativeFn::NoArgs(reverse), "($self, /)", "Reverses in place."),
        method("rotate", NativeFn::Bound(rotate), "($self, n=1, /)", "Moves n items from the right end to the left; the other way if n is negative."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "The size in memory, in bytes."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[GetSetDef { name: "maxlen", get: get_maxlen, set: None, doc: "maximum size of a deque or None if unbounded" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(gc_clear),
    ..TypeSpec::DEFAULT
};

pub static DEQUE: StaticType = StaticType::new(&SPEC);

