//! `range` and its iterators.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::protocol::subscript;
use crate::sync::{AtomicI64, LeafMutex, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{LONG_RANGE_ITERATOR, RANGE, RANGE_ITERATOR, shapes};
use crate::types::int;
use crate::types::slice;
use crate::types::tuple;
use crate::types::type_object::*;

/// A range whose bounds, step and length fit machine ints; then so does every item.
#[derive(Clone, Copy)]
struct Small {
    start: i64,
    step: i64,
    len: i64,
}

#[repr(C)]
struct RangeObject {
    header: Header,
    // Filled once, when the range is made: reading needs no lock.
    start: Slot,
    stop: Slot,
    step: Slot,
    length: Slot,
    small: Option<Small>,
}

fn of<'a>(value: Value) -> &'a RangeObject {
    debug_assert!(value.has_shape(shapes::RANGE));
    // SAFETY: callers pass ranges; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

impl RangeObject {
    fn part(&self, slot: &Slot) -> Value {
        slot.peek().unwrap_or_else(|| Value::plain_int(0))
    }

    fn start(&self) -> Value {
        self.part(&self.start)
    }

    fn stop(&self) -> Value {
        self.part(&self.stop)
    }

    fn step(&self) -> Value {
        self.part(&self.step)
    }

    fn length(&self) -> Value {
        self.part(&self.length)
    }

    fn item(&self, index: &BigInt) -> BigInt {
        int::to_bigint(self.start()) + int::to_bigint(self.step()) * index
    }
}

fn small_length(start: i64, stop: i64, step: i64) -> Option<i64> {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let n = if step > 0 && start < stop {
        (stop - start - 1) / step + 1
    } else if step < 0 && start > stop {
        (start - stop - 1) / -step + 1
    } else {
        0
    };
    i64::try_from(n).ok()
}

fn big_length(start: &BigInt, stop: &BigInt, step: &BigInt) -> BigInt {
    if step.is_positive() && start < stop {
        (stop - start - 1u32).div_floor(step) + 1u32
    } else if step.is_negative() && start > stop {
        (start - stop - 1u32).div_floor(&-step) + 1u32
    } else {
        BigInt::zero()
    }
}

/// A range of ints; `step` is not zero.
fn make(start: Owned, stop: Owned, step: Owned) -> Owned {
    let words = (int::as_i64(*start), int::as_i64(*stop), int::as_i64(*step));
    let small = match words {
        (Some(start), Some(stop), Some(step)) => small_length(start, stop, step).map(|len| Small { start, step, len }),
        _ => None,
    };
    let length = match small {
        Some(small) => Owned::int(small.len),
        None => int::from_bigint(&big_length(&int::to_bigint(*start), &int::to_bigint(*stop), &int::to_bigint(*step))),
    };
    lifetime::allocate_object(RANGE.get(), |header| RangeObject {
        header,
        start: Slot::new(start),
        stop: Slot::new(stop),
        step: Slot::new(step),
        length: Slot::new(length),
        small,
    })
}

fn make_big(start: &BigInt, stop: &BigInt, step: &BigInt) -> Owned {
    make(int::from_bigint(start), int::from_bigint(stop), int::from_bigint(step))
}

fn range_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("range() takes no keyword arguments"));
    }
    let n = args.len();
    if n == 0 || n > 3 {
        let limit = if n == 0 { "at least 1 argument" } else { "at most 3 arguments" };
        return Err(thread.raise_type_error(format!("range expected {limit}, got {n}")));
    }
    let mut number = |i: usize| -> PyResult { Ok(int::exact(*convert::index(args.at(i), thread)?)) };
    if n == 1 {
        return Ok(make(Owned::int(0), number(0)?, Owned::int(1)));
    }
    let (start, stop) = (number(0)?, number(1)?);
    let step = if n == 3 { number(2)? } else { Owned::int(1) };
    if int::as_i64(*step) == Some(0) {
        return Err(thread.raise_value_error("range() arg 3 must not be zero"));
    }
    Ok(make(start, stop, step))
}

fn range_repr(this: Value, thread: &mut Thread) -> PyResult {
    let range = of(this);
    let (start, stop) = (convert::repr_text(range.start(), thread)?, convert::repr_text(range.stop(), thread)?);
    if int::as_i64(range.step()) == Some(1) {
        return Ok(Owned::str(&format!("range({start}, {stop})")));
    }
    let step = convert::repr_text(range.step(), thread)?;
    Ok(Owned::str(&format!("range({start}, {stop}, {step})")))
}

fn range_length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    int::as_i64(of(this).length()).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t"))
}

fn range_truth(this: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(int::as_i64(of(this).length()) != Some(0))
}

fn range_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let range = of(this);
    if key.has_shape(shapes::SLICE) {
        if let Some(small) = range.small {
            // Words suffice unless a number of the range or of the slice is big.
            if let Some((start, stop, step)) = slice::small_indices(key, small.len) {
                let item = |index: i64| small.step.checked_mul(index).and_then(|offset| small.start.checked_add(offset));
                if let (Some(start), Some(stop), Some(step)) = (item(start), item(stop), small.step.checked_mul(step)) {
                    return Ok(make(Owned::int(start), Owned::int(stop), Owned::int(step)));
                }
            }
        }
        let (start, stop, step) = slice::big_indices(key, &int::to_bigint(range.length()), thread)?;
        let step = int::to_bigint(range.step()) * step;
        return Ok(make_big(&range.item(&start), &range.item(&stop), &step));
    }
    if key.type_object().slots.index.raw() == 0 {
        let name = key.type_object().full_name();
        return Err(thread.raise_type_error(format!("range indices must be integers or slices, not {name}")));
    }
    let index = convert::index(key, thread)?;
    if let (Some(small), Some(index)) = (range.small, int::as_i64(*index)) {
        let index = if index < 0 { index.saturating_add(small.len) } else { index };
        if (0..small.len).contains(&index) {
            return Ok(Owned::int(small.start + small.step * index));
        }
    } else {
        let (mut index, length) = (int::to_bigint(*index), int::to_bigint(range.length()));
        if index.is_negative() {
            index += &length;
        }
        if !index.is_negative() && index < length {
            return Ok(int::from_bigint(&range.item(&index)));
        }
    }
    Err(thread.raise(&exc::INDEX_ERROR, "range object index out of range"))
}

/// Whether the value is compared as a number: an exact int or a bool, whose `__eq__` is known.
fn is_plain_int(value: Value) -> bool {
    value.is_small_int() || value.has_shape(shapes::INT) || value.has_shape(shapes::BOOL)
}

/// The index of an int in the range.
fn position(range: &RangeObject, value: Value) -> Option<BigInt> {
    if let (Some(small), Some(number)) = (range.small, int::as_i64(value)) {
        let offset = i128::from(number) - i128::from(small.start);
        let step = i128::from(small.step);
        let index = offset / step;
        return (offset % step == 0 && (0..i128::from(small.len)).contains(&index)).then(|| BigInt::from(index));
    }
    let offset = int::to_bigint(value) - int::to_bigint(range.start());
    let (index, rest) = offset.div_mod_floor(&int::to_bigint(range.step()));
    (rest.is_zero() && !index.is_negative() && index < int::to_bigint(range.length())).then_some(index)
}

fn range_contains(this: Value, value: Value, thread: &mut Thread) -> PyResult<bool> {
    if is_plain_int(value) {
        return Ok(position(of(this), value).is_some());
    }
    subscript::contains_by_iteration(this, value, thread)
}

fn index(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    if is_plain_int(value) {
        return match position(of(this), value) {
            Some(index) => Ok(int::from_bigint(&index)),
            None => Err(thread.raise_value_error("range.index(x): x not in range")),
        };
    }
    let iterator = new_iterator(this);
    let mut i = 0;
    while let Some(item) = crate::protocol::iterate::next(*iterator, thread)? {
        if compare::equals(*item, value, thread)? {
            return Ok(Owned::int(i));
        }
        i += 1;
    }
    Err(thread.raise_value_error("sequence.index(x): x not in sequence"))
}

fn count(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    if is_plain_int(value) {
        return Ok(Owned::int(i64::from(position(of(this), value).is_some())));
    }
    let iterator = new_iterator(this);
    let mut n = 0;
    while let Some(item) = crate::protocol::iterate::next(*iterator, thread)? {
        if compare::equals(*item, value, thread)? {
            n += 1;
        }
    }
    Ok(Owned::int(n))
}

fn range_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !right.has_shape(shapes::RANGE) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(left), of(right));
    let n = int::as_i64(a.length());
    let equal = compare::equals(a.length(), b.length(), thread)?
        && (n == Some(0)
            || compare::equals(a.start(), b.start(), thread)? && (n == Some(1) || compare::equals(a.step(), b.step(), thread)?));
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn range_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let range = of(this);
    let n = int::as_i64(range.length());
    let start = if n == Some(0) { Value::none() } else { range.start() };
    let step = if matches!(n, Some(0 | 1)) { Value::none() } else { range.step() };
    compare::hash(*tuple::from_values(&[range.length(), start, step]), thread)
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let range = of(this);
    Ok(tuple::pack([RANGE.get().value().to_owned(), tuple::from_values(&[range.start(), range.stop(), range.step()])]))
}

fn new_iterator(this: Value) -> Owned {
    let range = of(this);
    match range.small {
        Some(small) => small_iterator(small),
        None => big_iterator(int::to_bigint(range.start()), int::to_bigint(range.step()), int::to_bigint(range.length())),
    }
}

fn range_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(this))
}

fn reversed(this: Value, _thread: &mut Thread) -> PyResult {
    let range = of(this);
    if let Some(small) = range.small {
        if let (true, Some(step)) = (small.len > 0, small.step.checked_neg()) {
            return Ok(small_iterator(Small { start: small.start + small.step * (small.len - 1), step, len: small.len }));
        }
        if small.len == 0 {
            return Ok(small_iterator(Small { start: 0, step: 1, len: 0 }));
        }
    }
    let length = int::to_bigint(range.length());
    let last = range.item(&(&length - 1));
    Ok(big_iterator(last, -int::to_bigint(range.step()), length))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<RangeObject>()) };
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: false, doc: "" }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "range",
    doc: "range(stop) -> range object\nrange(start, stop[, step]) -> range object\n\nThe ints from start (0 by default) up to, not including, stop, by step (1 by default).",
    flags: TYPE_SEQUENCE,
    basic_size: size_of::<RangeObject>(),
    slots: &[
        SlotFn::repr(range_repr),
        SlotFn::hash(range_hash),
        SlotFn::richcompare(range_compare),
        SlotFn::iter(range_iter),
        SlotFn::truth(range_truth),
        SlotFn::length(range_length),
        SlotFn::subscript(range_subscript),
        SlotFn::contains(range_contains),
        SlotFn::new(range_new),
    ],
    methods: &[
        method("__reversed__", NativeFn::NoArgs(reversed), "($self, /)", "A reverse iterator."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Helper for pickle."),
        method("count", NativeFn::One(count), "($self, object, /)", "rangeobject.count(value) -> integer -- return number of occurrences of value"),
        method("index", NativeFn::One(index), "($self, object, /)", "rangeobject.index(value) -> integer -- return index of value.\nRaise ValueError if the value is not present."),
    ],
    members: &[
        member("start", std::mem::offset_of!(RangeObject, start)),
        member("stop", std::mem::offset_of!(RangeObject, stop)),
        member("step", std::mem::offset_of!(RangeObject, step)),
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct RangeIterator {
    header: Header,
    range: Small,
    /// The next index, at most `range.len` unless threads race; advanced atomically where threads share the iterator.
    index: AtomicI64,
}

fn iterator_of<'a>(value: Value) -> &'a RangeIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

fn small_iterator(range: Small) -> Owned {
    lifetime::allocate_object(RANGE_ITERATOR.get(), |header| RangeIterator { header, range, index: AtomicI64::new(0) })
}

/// The next number of a range iterator: no allocation unless the number is huge.
#[inline(always)]
pub fn next_number(iterator: Value) -> Option<Owned> {
    next_integer(iterator).map(Owned::int)
}

/// As [`next_number`], not yet an object.
#[inline(always)]
pub fn next_integer(iterator: Value) -> Option<i64> {
    let this = iterator_of(iterator);
    let mut index = this.index.load(Ordering::Relaxed);
    if index >= this.range.len {
        return None;
    }
    if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
        index = this.index.fetch_add(1, Ordering::Relaxed);
        if index >= this.range.len {
            this.index.store(this.range.len, Ordering::Relaxed);
            return None;
        }
    } else {
        this.index.store(index + 1, Ordering::Relaxed);
    }
    Some(this.range.start.wrapping_add(this.range.step.wrapping_mul(index)))
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next_number(this))
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn iterator_length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let this = iterator_of(this);
    Ok(Owned::int((this.range.len - this.index.load(Ordering::Relaxed)).max(0)))
}

fn reduced(range: Owned, thread: &mut Thread) -> PyResult {
    let function = thread.interpreter.builtin(*crate::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(tuple::pack([function, tuple::pack([range]), Owned::none()]))
}

fn iterator_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let this = iterator_of(this);
    let index = this.index.load(Ordering::Relaxed).min(this.range.len);
    let at = |index: i64| BigInt::from(this.range.start) + BigInt::from(this.range.step) * index;
    reduced(make_big(&at(index), &at(this.range.len), &BigInt::from(this.range.step)), thread)
}

fn iterator_setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let state = convert::index_as_i64(state, thread, Some(&exc::OVERFLOW_ERROR))?;
    let this = iterator_of(this);
    let index = this.index.load(Ordering::Relaxed);
    this.index.store(index + state.clamp(0, (this.range.len - index).max(0)), Ordering::Relaxed);
    Ok(Owned::none())
}

pub static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "range_iterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<RangeIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(iterator_length_hint), "($self, /)", "Private method of iterators."),
        method("__reduce__", NativeFn::NoArgs(iterator_reduce), "($self, /)", "Private method of iterators."),
        method("__setstate__", NativeFn::One(iterator_setstate), "($self, object, /)", "Private method of iterators."),
    ],
    ..TypeSpec::DEFAULT
};

/// What is left to come.
struct Rest {
    next: BigInt,
    left: BigInt,
}

#[repr(C)]
struct LongRangeIterator {
    header: Header,
    step: BigInt,
    rest: LeafMutex<Rest>,
}

fn long_of<'a>(value: Value) -> &'a LongRangeIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

fn big_iterator(start: BigInt, step: BigInt, length: BigInt) -> Owned {
    lifetime::allocate_object(LONG_RANGE_ITERATOR.get(), |header| LongRangeIterator {
        header,
        step,
        rest: LeafMutex::new(Rest { next: start, left: length }),
    })
}

fn long_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = long_of(this);
    let number = {
        let mut rest = this.rest.lock();
        if !rest.left.is_positive() {
            return Ok(None);
        }
        rest.left -= BigInt::one();
        let after = &rest.next + &this.step;
        std::mem::replace(&mut rest.next, after)
    };
    Ok(Some(int::from_bigint(&number)))
}

fn long_length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let left = long_of(this).rest.lock().left.clone();
    Ok(int::from_bigint(&left))
}

fn long_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let this = long_of(this);
    let (start, stop) = {
        let rest = this.rest.lock();
        (rest.next.clone(), &rest.next + &this.step * &rest.left)
    };
    reduced(make_big(&start, &stop, &this.step), thread)
}

fn long_setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let state = int::to_bigint(*convert::index(state, thread)?);
    let this = long_of(this);
    let mut rest = this.rest.lock();
    let skipped = if state.is_negative() { BigInt::zero() } else { state.min(rest.left.clone()) };
    rest.next = &rest.next + &this.step * &skipped;
    rest.left -= skipped;
    Ok(Owned::none())
}

unsafe fn long_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<LongRangeIterator>()) };
}

pub static LONG_ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "longrange_iterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<LongRangeIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(long_next)],
    methods: &[
        method("__length_hint__", NativeFn::NoArgs(long_length_hint), "($self, /)", "Private method of iterators."),
        method("__reduce__", NativeFn::NoArgs(long_reduce), "($self, /)", "Private method of iterators."),
        method("__setstate__", NativeFn::One(long_setstate), "($self, object, /)", "Private method of iterators."),
    ],
    dealloc: Some(long_dealloc),
    ..TypeSpec::DEFAULT
};
