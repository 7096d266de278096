//! `PicklerMemoProxy` and `UnpicklerMemoProxy`: the memos as Python sees them.

use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{int, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::memo::{PicklerMemo, UnpicklerMemo};
use super::{pickler, unpickler};
use crate::native_type::{followed, object, references};

#[repr(C)]
struct MemoProxy {
    header: Header,
    /// Empty in a proxy that was made by calling its type.
    owner: Option<Owned>,
}

references!(MemoProxy: owner);

/// Whose memo it is.
fn owner(this: Value, thread: &mut Thread) -> PyResult<Value> {
    // SAFETY: called for objects of both proxy types only.
    match unsafe { &object::<MemoProxy>(this).owner } {
        Some(owner) => Ok(**owner),
        None => Err(thread.raise_value_error("memo proxy without an owner")),
    }
}

fn is(value: Value, ty: &'static StaticType) -> bool {
    value.is_pointer() && std::ptr::eq(value.type_object(), ty.get())
}

pub fn of_pickler(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(PICKLER_PROXY.get(), |header| MemoProxy { header, owner: Some(this.to_owned()) }))
}

pub fn of_unpickler(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(UNPICKLER_PROXY.get(), |header| MemoProxy { header, owner: Some(this.to_owned()) }))
}

fn deletion(thread: &mut Thread) -> pyrt_runtime::Raised {
    thread.raise_type_error("attribute deletion is not supported")
}

pub fn set_pickler_memo(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(deletion(thread)) };
    let memo = if is(value, &PICKLER_PROXY) {
        let source = pickler::of(owner(value, thread)?);
        source.memo.with(&source.header, |memo| memo.clone())
    } else if dict::is_dict(value) {
        let mut memo = PicklerMemo::default();
        for entry in DictObject::of(value).entries() {
            let pair = if tuple_of_two(*entry.value) { tuple::TupleObject::of(*entry.value) } else {
                return Err(thread.raise_type_error("'memo' values must be 2-item tuples"));
            };
            if !convert::is_int(pair.item(0)) {
                return Err(thread.raise_type_error("an integer is required"));
            }
            let number = convert::index_as_i64(pair.item(0), thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
            memo.insert(pair.item(1), number as usize);
        }
        memo
    } else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("'memo' attribute must be a PicklerMemoProxy object or dict, not {name}")));
    };
    let target = pickler::of(this);
    let old = target.memo.with(&target.header, |place| std::mem::replace(place, memo));
    pickler::release_memo(old, thread);
    Ok(())
}

fn tuple_of_two(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS) && tuple::TupleObject::of(value).len() == 2
}

pub fn set_unpickler_memo(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(deletion(thread)) };
    let memo = if is(value, &UNPICKLER_PROXY) {
        let source = unpickler::of(owner(value, thread)?);
        source.memo.with(&source.header, |memo| memo.clone())
    } else if dict::is_dict(value) {
        let mut memo = UnpicklerMemo::default();
        for entry in DictObject::of(value).entries() {
            if !convert::is_int(*entry.key) {
                return Err(thread.raise_type_error("memo key must be integers"));
            }
            let number = convert::index_as_i64(*entry.key, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
            let Ok(number) = usize::try_from(number) else {
                return Err(thread.raise_value_error("memo key must be positive integers."));
            };
            drop(memo.put(number, entry.value));
        }
        memo
    } else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("'memo' attribute must be an UnpicklerMemoProxy object or dict, not {name}")));
    };
    let target = unpickler::of(this);
    let old = target.memo.with(&target.header, |place| std::mem::replace(place, memo));
    drop(old);
    lifetime::drain_pending(thread);
    Ok(())
}

fn pickler_clear(this: Value, thread: &mut Thread) -> PyResult {
    let target = pickler::of(owner(this, thread)?);
    let old = target.memo.with(&target.header, std::mem::take);
    pickler::release_memo(old, thread);
    Ok(Owned::none())
}

fn unpickler_clear(this: Value, thread: &mut Thread) -> PyResult {
    let target = unpickler::of(owner(this, thread)?);
    let old = target.memo.with(&target.header, std::mem::take);
    drop(old);
    lifetime::drain_pending(thread);
    Ok(Owned::none())
}

fn pickler_copy(this: Value, thread: &mut Thread) -> PyResult {
    let source = pickler::of(owner(this, thread)?);
    let memo = source.memo.with(&source.header, |memo| memo.clone());
    let copy = dict::new();
    for (object, number) in memo.entries() {
        let pair = tuple::pack([Owned::usize(*number), object.clone()]);
        DictObject::of(*copy).set(*int::from_u64(object.id()), pair, thread)?;
    }
    Ok(copy)
}

fn unpickler_copy(this: Value, thread: &mut Thread) -> PyResult {
    let source = unpickler::of(owner(this, thread)?);
    let entries = source.memo.with(&source.header, |memo| memo.entries());
    let copy = dict::new();
    for (number, object) in entries {
        DictObject::of(*copy).set(*Owned::usize(number), object, thread)?;
    }
    Ok(copy)
}

fn reduced(copy: Owned) -> Owned {
    let class = pyrt_runtime::types::builtin_types::DICT.get().value().to_owned();
    tuple::pack([class, tuple::pack([copy])])
}

fn pickler_reduce(this: Value, thread: &mut Thread) -> PyResult {
    Ok(reduced(pickler_copy(this, thread)?))
}

fn unpickler_reduce(this: Value, thread: &mut Thread) -> PyResult {
    Ok(reduced(unpickler_copy(this, thread)?))
}

static PICKLER_SPEC: TypeSpec = TypeSpec {
    name: "_pickle.PicklerMemoProxy",
    unhashable: true,
    methods: &[
        method("clear", NativeFn::NoArgs(pickler_clear), "($self, /)", "Remove all items from memo."),
        method("copy", NativeFn::NoArgs(pickler_copy), "($self, /)", "Copy the memo to a new object."),
        method("__reduce__", NativeFn::NoArgs(pickler_reduce), "($self, /)", "Implement pickle support."),
    ],
    ..followed::<MemoProxy>()
};

static PICKLER_PROXY: StaticType = StaticType::new(&PICKLER_SPEC);

static UNPICKLER_SPEC: TypeSpec = TypeSpec {
    name: "_pickle.UnpicklerMemoProxy",
    unhashable: true,
    methods: &[
        method("clear", NativeFn::NoArgs(unpickler_clear), "($self, /)", "Remove all items from memo."),
        method("copy", NativeFn::NoArgs(unpickler_copy), "($self, /)", "Copy the memo to a new object."),
        method("__reduce__", NativeFn::NoArgs(unpickler_reduce), "($self, /)", "Implement pickling support."),
    ],
    ..followed::<MemoProxy>()
};

static UNPICKLER_PROXY: StaticType = StaticType::new(&UNPICKLER_SPEC);
