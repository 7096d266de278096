//! `cell`: a variable that closures share.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{CELL, shapes};
use crate::types::type_object::{GetSetDef, SlotFn, TYPE_GC, TypeSpec};

#[repr(C)]
struct CellObject {
    header: Header,
    contents: Slot,
}

fn of<'a>(value: Value) -> &'a CellObject {
    debug_assert!(value.has_shape(shapes::CELL));
    // SAFETY: callers pass cells.
    unsafe { value.as_ref() }
}

/// A new cell.
#[inline]
pub fn new(contents: Option<Owned>) -> Owned {
    lifetime::allocate_object(CELL.get(), |header| CellObject { header, contents: Slot::from_option(contents) })
}

/// What a cell holds.
#[inline(always)]
pub fn get(cell: Value) -> Option<Owned> {
    let cell = of(cell);
    cell.contents.load(&cell.header)
}

/// What the cell holds, if taking it needs no atomic operation: `None` says nothing.
#[inline(always)]
pub fn get_word(cell: Value) -> Option<u64> {
    let cell = of(cell);
    cell.contents.load_word(&cell.header)
}

/// As [`get`] where that needs no atomic operation: `None` says nothing.
#[inline(always)]
pub fn get_own(cell: Value) -> Option<Owned> {
    of(cell).contents.load_own()
}

/// Puts a value in (or empties the cell) and hands out what it held.
#[inline(always)]
pub fn set(cell: Value, contents: Option<Owned>) -> Option<Owned> {
    let cell = of(cell);
    cell.contents.replace(&cell.header, contents)
}

fn cell_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&match get(this) {
        None => format!("<cell at {:#x}: empty>", this.id()),
        Some(contents) => format!("<cell at {:#x}: {} object at {:#x}>", this.id(), contents.type_object().full_name(), contents.id()),
    }))
}

fn cell_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("cell() takes no keyword arguments"));
    }
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("cell expected at most 1 argument, got {n}")));
    }
    Ok(new(args.get(0).map(|contents| contents.to_owned())))
}

fn cell_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !other.has_shape(shapes::CELL) {
        return Ok(Owned::not_implemented());
    }
    match (get(this), get(other)) {
        (Some(a), Some(b)) => compare::rich_compare(*a, *b, op, thread),
        (a, b) => Ok(Owned::bool(op.holds(a.is_some().cmp(&b.is_some())))),
    }
}

fn get_contents(this: Value, thread: &mut Thread) -> PyResult {
    get(this).ok_or_else(|| thread.raise_value_error("cell is empty"))
}

fn set_contents(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if let Some(old) = set(this, value.map(|value| value.to_owned())) {
        lifetime::release(old, thread);
    }
    Ok(())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    drop(unsafe { value.as_ref::<CellObject>() }.contents.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a cell.
    if let Some(held) = unsafe { value.as_ref::<CellObject>() }.contents.peek() {
        visit(held);
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the object is a cell.
    let cell = unsafe { value.as_ref::<CellObject>() };
    drop(cell.contents.replace(&cell.header, None));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "cell",
    doc: "A variable that closures share.",
    flags: TYPE_GC,
    basic_size: size_of::<CellObject>(),
    slots: &[SlotFn::repr(cell_repr), SlotFn::new(cell_new), SlotFn::richcompare(cell_compare), SlotFn::hash(compare::unhashable_slot)],
    getsets: &[GetSetDef { name: "cell_contents", get: get_contents, set: Some(set_contents), doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
