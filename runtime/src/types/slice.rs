//! `slice`, and how slices select from a sequence.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{SLICE, shapes};
use crate::types::int;
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct SliceObject {
    header: Header,
    // Filled once, when the slice is made: reading needs no lock.
    start: Slot,
    stop: Slot,
    step: Slot,
}

fn of<'a>(value: Value) -> &'a SliceObject {
    debug_assert!(value.has_shape(shapes::SLICE));
    // SAFETY: callers pass slices; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

/// A new slice.
#[inline]
pub fn new(start: Owned, stop: Owned, step: Owned) -> Owned {
    lifetime::allocate_object(SLICE.get(), |header| SliceObject { header, start: Slot::new(start), stop: Slot::new(stop), step: Slot::new(step) })
}

/// Start, stop and step as they were given; borrowed from the slice.
#[inline]
pub fn parts(slice: Value) -> [Value; 3] {
    let slice = of(slice);
    [&slice.start, &slice.stop, &slice.step].map(|slot| slot.peek().unwrap_or_else(Value::none))
}

/// Whether the slice has a step other than None and 1: "extended".
pub fn has_step(key: Value) -> bool {
    let step = parts(key)[2];
    !step.is_none() && int::as_i64(step) != Some(1)
}

/// Whether the slice's step is None.
pub fn has_no_step(key: Value) -> bool {
    parts(key)[2].is_none()
}

/// Start and stop in a sequence of `len` items, for bounds that are None or small ints; none for others.
pub fn simple_bounds(start: Value, stop: Value, len: usize) -> Option<(usize, usize)> {
    let bound = |value: Value, default: usize| {
        if value.is_none() {
            return Some(default);
        }
        let index = value.as_small_int()?;
        Some(if index < 0 { (index + len as i64).max(0) as usize } else { (index as usize).min(len) })
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, len)?);
    Some((start, stop.max(start)))
}

/// The indices that a slice selects of a sequence of known length.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub start: i64,
    pub stop: i64,
    pub step: i64,
    pub count: usize,
}

impl Range {
    /// The indices in order, all below the length that the range was made for.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + DoubleEndedIterator + use<> {
        let (start, step) = (self.start, self.step);
        (0..self.count).map(move |i| start.wrapping_add(step.wrapping_mul(i as i64)) as usize)
    }
}

fn slice_index(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if let Some(number) = value.as_small_int() {
        return Ok(number);
    }
    if value.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("slice indices must be integers or None or have an __index__ method"));
    }
    convert::index_as_i64(value, thread, None)
}

/// Start, stop and step as machine ints, missing ones filled in, too large ones clipped. May run `__index__`.
pub fn unpack(slice: Value, thread: &mut Thread) -> PyResult<(i64, i64, i64)> {
    let [start, stop, step] = parts(slice);
    let step = if step.is_none() {
        1
    } else {
        match slice_index(step, thread)? {
            0 => return Err(thread.raise_value_error("slice step cannot be zero")),
            // The opposite of the step must be representable too.
            step => step.max(-i64::MAX),
        }
    };
    let start = if start.is_none() { if step < 0 { i64::MAX } else { 0 } } else { slice_index(start, thread)? };
    let stop = if stop.is_none() { if step < 0 { i64::MIN } else { i64::MAX } } else { slice_index(stop, thread)? };
    Ok((start, stop, step))
}

/// Clips what [`unpack`] gave to a sequence of `len` items.
pub fn adjust((start, stop, step): (i64, i64, i64), len: usize) -> Range {
    let len = len as i64;
    let clip = |i: i64| {
        let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
        let i = if i < 0 { i.saturating_add(len) } else { i };
        i.clamp(low, high)
    };
    let (start, stop) = (clip(start), clip(stop));
    let count = if step < 0 {
        if stop < start { (start - stop - 1) / (-step) + 1 } else { 0 }
    } else if start < stop {
        (stop - start - 1) / step + 1
    } else {
        0
    };
    Range { start, stop, step, count: count as usize }
}

/// What the slice selects of `len` items. May run `__index__`.
#[inline]
pub fn indices(slice: Value, len: usize, thread: &mut Thread) -> PyResult<Range> {
    Ok(adjust(unpack(slice, thread)?, len))
}

fn big_index(value: Value, thread: &mut Thread) -> PyResult<BigInt> {
    if value.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("slice indices must be integers or None or have an __index__ method"));
    }
    Ok(int::to_bigint(*convert::index(value, thread)?))
}

/// Start, stop and step for a sequence of `len` items, if the slice holds None and small ints only and the step is not zero.
pub fn small_indices(slice: Value, len: i64) -> Option<(i64, i64, i64)> {
    let [start, stop, step] = parts(slice);
    let step = if step.is_none() { 1 } else { step.as_small_int()? };
    if step == 0 {
        return None;
    }
    let (lower, upper) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let clip = |value: Value, default: i64| -> Option<i64> {
        if value.is_none() {
            return Some(default);
        }
        let index = value.as_small_int()?;
        Some((if index < 0 { index.saturating_add(len) } else { index }).clamp(lower, upper))
    };
    let (first, last) = if step < 0 { (upper, lower) } else { (lower, upper) };
    Some((clip(start, first)?, clip(stop, last)?, step))
}

/// Start, stop and step for a sequence of `len` items, without limits on their size.
pub fn big_indices(slice: Value, len: &BigInt, thread: &mut Thread) -> PyResult<(BigInt, BigInt, BigInt)> {
    let [start, stop, step] = parts(slice);
    let step = if step.is_none() { BigInt::one() } else { big_index(step, thread)? };
    if step.is_zero() {
        return Err(thread.raise_value_error("slice step cannot be zero"));
    }
    let (lower, upper) = if step.is_negative() { (BigInt::from(-1), len - 1) } else { (BigInt::zero(), len.clone()) };
    let mut clip = |value: Value, default: &BigInt| -> PyResult<BigInt> {
        if value.is_none() {
            return Ok(default.clone());
        }
        let mut index = big_index(value, thread)?;
        if index.is_negative() {
            index += len;
        }
        Ok(if index < lower { lower.clone() } else { index.min(upper.clone()) })
    };
    let backwards = step.is_negative();
    let start = clip(start, if backwards { &upper } else { &lower })?;
    let stop = clip(stop, if backwards { &lower } else { &upper })?;
    Ok((start, stop, step))
}

fn slice_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("slice() takes no keyword arguments"));
    }
    let get = |i: usize| args.get(i).map_or_else(Owned::none, |value| value.to_owned());
    match args.len() {
        0 => Err(thread.raise_type_error("slice expected at least 1 argument, got 0")),
        1 => Ok(new(Owned::none(), get(0), Owned::none())),
        2 | 3 => Ok(new(get(0), get(1), get(2))),
        n => Err(thread.raise_type_error(format!("slice expected at most 3 arguments, got {n}"))),
    }
}

fn slice_repr(this: Value, thread: &mut Thread) -> PyResult {
    let mut out = crate::types::str::Builder::new();
    out.push_str("slice(");
    for (i, part) in parts(this).into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_object(*convert::repr(part, thread)?);
    }
    out.push_str(")");
    Ok(out.finish())
}

fn slice_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !right.has_shape(shapes::SLICE) {
        return Ok(Owned::not_implemented());
    }
    if left.is(right) {
        return Ok(Owned::bool(op.holds(std::cmp::Ordering::Equal)));
    }
    compare::rich_compare(*tuple::from_values(&parts(left)), *tuple::from_values(&parts(right)), op, thread)
}

fn slice_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    // As tuples are hashed, but without the length.
    let mut acc: u64 = 2_870_177_450_012_600_261;
    for part in parts(this) {
        let hash = compare::hash(part, thread)? as u64;
        acc = acc.wrapping_add(hash.wrapping_mul(14_029_467_366_897_019_727));
        acc = acc.rotate_left(31).wrapping_mul(11_400_714_785_074_694_791);
    }
    Ok(if acc == u64::MAX { 1_546_275_796 } else { acc as i64 })
}

fn method_indices(this: Value, length: Value, thread: &mut Thread) -> PyResult {
    let length = int::to_bigint(*convert::index(length, thread)?);
    if length.is_negative() {
        return Err(thread.raise_value_error("length should not be negative"));
    }
    let (start, stop, step) = big_indices(this, &length, thread)?;
    Ok(tuple::pack([start, stop, step].map(|part| int::from_bigint(&part))))
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([SLICE.get().value().to_owned(), tuple::from_values(&parts(this))]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<SliceObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    parts(value).into_iter().for_each(visit);
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "slice",
    doc: "slice(stop)\nslice(start, stop[, step])\n\nCreate a slice object.  This is used for extended slicing (e.g. a[0:10:2]).",
    flags: TYPE_GC,
    basic_size: size_of::<SliceObject>(),
    slots: &[SlotFn::repr(slice_repr), SlotFn::hash(slice_hash), SlotFn::richcompare(slice_compare), SlotFn::new(slice_new)],
    methods: &[
        MethodDef { name: "indices", func: NativeFn::One(method_indices), kind: MethodKind::Instance, signature: "($self, object, /)", doc: "Start, stop and step for a sequence of a given length." },
        MethodDef { name: "__reduce__", func: NativeFn::NoArgs(reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return state information for pickling." },
    ],
    members: &[
        member("start", std::mem::offset_of!(SliceObject, start)),
        member("stop", std::mem::offset_of!(SliceObject, stop)),
        member("step", std::mem::offset_of!(SliceObject, step)),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
