//! Subscription, slices, concatenation, comparison of arrays.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::{convert, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::slice;

use super::{ARRAY, is_array, make, of};

fn out_of_range(thread: &mut Thread) -> Raised {
    thread.raise(&exc::INDEX_ERROR, "array index out of range")
}

/// The position that an index means, none if there is no such item.
fn position(this: Value, key: Value, thread: &mut Thread) -> PyResult<Option<usize>> {
    if key.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("array indices must be integers"));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    Ok(subscript::normalize_index(index, of(this).len()))
}

pub fn get_item(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let array = of(this);
    if key.has_shape(shapes::SLICE) {
        let range = slice::adjust(slice::unpack(key, thread)?, array.len());
        let size = array.typecode.size;
        let picked = array.with(|bytes| {
            let items = range.iter().filter_map(|i| bytes.get(i * size..(i + 1) * size));
            items.flatten().copied().collect::<Vec<u8>>()
        });
        return Ok(make(ARRAY.get(), array.typecode, picked));
    }
    match position(this, key, thread)?.and_then(|i| array.get(i)) {
        Some(item) => Ok(item),
        None => Err(out_of_range(thread)),
    }
}

pub fn set_item(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if key.has_shape(shapes::SLICE) {
        return set_slice(this, key, value, thread);
    }
    let array = of(this);
    let Some(i) = position(this, key, thread)? else {
        return Err(thread.raise(&exc::INDEX_ERROR, "array assignment index out of range"));
    };
    let size = array.typecode.size;
    match value {
        Some(value) => {
            let raw = array.typecode.encode(value, thread)?;
            if !array.set(i, raw) {
                return Err(thread.raise(&exc::INDEX_ERROR, "array assignment index out of range"));
            }
        }
        None => array.resize(thread, |bytes| {
            if (i + 1) * size <= bytes.len() {
                drop(bytes.drain(i * size..(i + 1) * size));
            }
        })?,
    }
    Ok(())
}

/// The bytes of an array of the same kind, to be put into a slice.
fn replacement(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    if !is_array(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only assign array (not \"{name}\") to array slice")));
    }
    if !std::ptr::eq(of(value).typecode, of(this).typecode) {
        return Err(thread.raise_type_error("bad argument type for built-in operation"));
    }
    Ok(of(value).to_vec())
}

fn set_slice(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let array = of(this);
    let size = array.typecode.size;
    let new = replacement(this, value, thread)?;
    let range = slice::adjust(slice::unpack(key, thread)?, array.len());
    let n = range.iter().len();
    if range.step == 1 {
        let start = range.start as usize;
        if new.len() == n * size {
            // The length stays: lent memory does not matter.
            array.with(|bytes| {
                if let Some(place) = bytes.get_mut(start * size..(start + n) * size) {
                    place.copy_from_slice(&new);
                }
            });
            return Ok(());
        }
        return array.resize(thread, |bytes| {
            let (from, to) = ((start * size).min(bytes.len()), ((start + n) * size).min(bytes.len()));
            drop(bytes.splice(from..to, new));
        });
    }
    if value.is_none() {
        if n == 0 {
            return Ok(());
        }
        let mut doomed: Vec<usize> = range.iter().collect();
        doomed.sort_unstable();
        return array.resize(thread, |bytes| {
            let mut kept = Vec::with_capacity(bytes.len());
            for (i, item) in bytes.chunks_exact(size).enumerate() {
                if doomed.binary_search(&i).is_err() {
                    kept.extend_from_slice(item);
                }
            }
            *bytes = kept;
        });
    }
    if new.len() != n * size {
        let given = new.len() / size;
        return Err(thread.raise_value_error(format!("attempt to assign array of size {given} to extended slice of size {n}")));
    }
    array.with(|bytes| {
        for (i, item) in range.iter().zip(new.chunks_exact(size)) {
            if let Some(place) = bytes.get_mut(i * size..(i + 1) * size) {
                place.copy_from_slice(item);
            }
        }
    });
    Ok(())
}

pub fn length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(of(this).len() as i64)
}

pub fn contains(this: Value, value: Value, thread: &mut Thread) -> PyResult<bool> {
    Ok(find(this, value, 0, usize::MAX, thread)?.is_some())
}

/// The first item in the range that equals `value`.
pub fn find(this: Value, value: Value, start: usize, stop: usize, thread: &mut Thread) -> PyResult<Option<usize>> {
    let mut i = start;
    while i < stop {
        let Some(item) = of(this).get(i) else { break };
        if compare::equals(*item, value, thread)? {
            return Ok(Some(i));
        }
        i += 1;
    }
    Ok(None)
}

pub fn concat(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if !is_array(other) {
        let name = other.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only append array (not \"{name}\") to array")));
    }
    if !std::ptr::eq(of(this).typecode, of(other).typecode) {
        return Err(thread.raise_type_error("bad argument type for built-in operation"));
    }
    let mut bytes = of(this).to_vec();
    bytes.extend(of(other).to_vec());
    Ok(make(ARRAY.get(), of(this).typecode, bytes))
}

fn repeated(this: Value, n: i64, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let bytes = of(this).to_vec();
    let n = n.max(0) as usize;
    let total = bytes.len().checked_mul(n).filter(|total| *total <= isize::MAX as usize);
    let mut out = Vec::new();
    match total {
        Some(total) if out.try_reserve_exact(total).is_ok() => {
            for _ in 0..if bytes.is_empty() { 0 } else { n } {
                out.extend_from_slice(&bytes);
            }
            Ok(out)
        }
        _ => Err(thread.raise_memory_error()),
    }
}

pub fn repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    let bytes = repeated(this, n, thread)?;
    Ok(make(ARRAY.get(), of(this).typecode, bytes))
}

pub fn inplace_repeat(this: Value, n: i64, thread: &mut Thread) -> PyResult {
    if of(this).len() > 0 && n != 1 {
        let new = repeated(this, n, thread)?;
        of(this).resize(thread, |bytes| *bytes = new)?;
    }
    Ok(this.to_owned())
}

pub fn inplace_concat(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if !is_array(other) {
        let name = other.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only extend array with array (not \"{name}\")")));
    }
    super::methods::extend_by(this, other, thread)?;
    Ok(this.to_owned())
}

pub fn richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_array(left) || !is_array(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (of(left), of(right));
    if op.is_equality() && a.len() != b.len() {
        return Ok(Owned::bool(op == CompareOp::Ne));
    }
    let mut i = 0;
    loop {
        match (a.get(i), b.get(i)) {
            (Some(x), Some(y)) => {
                if !compare::compare_truth(*x, *y, CompareOp::Eq, thread)? {
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
