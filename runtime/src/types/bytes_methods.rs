//! The operators and methods of `bytes`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::buffer::{Buffer, copy_bytes};
use crate::protocol::compare::CompareOp;
use crate::threads::thread_state::Thread;
use crate::types::bytes::{BytesObject, from_vec, is_bytes};
use crate::types::type_object::*;

fn bytes_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::types::string::from_ascii(&crate::text::escape::repr_bytes(BytesObject::of(this).as_slice())))
}

fn bytes_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(BytesObject::of(this).hash())
}

fn bytes_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(BytesObject::of(this).len() as i64)
}

fn bytes_compare(left: Value, right: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !is_bytes(right) {
        return Ok(Owned::not_implemented());
    }
    Ok(Owned::bool(op.holds(BytesObject::of(left).as_slice().cmp(BytesObject::of(right).as_slice()))))
}

fn bytes_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let mut out = BytesObject::of(left).as_slice().to_vec();
    out.extend(copy_bytes(right, thread)?);
    Ok(from_vec(out))
}

fn bytes_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let bytes = BytesObject::of(this).as_slice();
    if key.has_shape(crate::types::builtin_types::shapes::SLICE) {
        let range = crate::types::slice::indices(key, bytes.len(), thread)?;
        return Ok(from_vec(range.iter().map(|i| bytes[i]).collect()));
    }
    let index = crate::protocol::convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    match crate::protocol::subscript::normalize_index(index, bytes.len()) {
        Some(i) => Ok(Owned::int(i64::from(bytes[i]))),
        None => Err(thread.raise(&exc::INDEX_ERROR, "index out of range")),
    }
}

fn bytes_buffer(this: Value, _flags: u32, _thread: &mut Thread) -> PyResult<Buffer> {
    let object = BytesObject::of(this);
    Ok(Buffer::bytes(this.to_owned(), object.as_slice().as_ptr().cast_mut(), object.len(), true, None))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "bytes",
    doc: "An immutable array of bytes.",
    flags: TYPE_BASETYPE | TYPE_BYTES_SUBCLASS | TYPE_MATCH_SELF | TYPE_VAR_SIZED,
    basic_size: 33,
    item_size: 1,
    slots: &[
        SlotFn::repr(bytes_repr),
        SlotFn::hash(bytes_hash),
        SlotFn::length(bytes_length),
        SlotFn::richcompare(bytes_compare),
        SlotFn::concat(bytes_concat),
        SlotFn::subscript(bytes_subscript),
        SlotFn::buffer(bytes_buffer),
    ],
    ..TypeSpec::DEFAULT
};

pub static ITERATOR_SPEC: TypeSpec = TypeSpec { name: "bytes_iterator", ..TypeSpec::DEFAULT };

