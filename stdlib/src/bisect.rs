//! The module `_bisect`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, compare, convert, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_bisect", initialize };

const DOC: &str = "Bisection algorithms.

This module provides support for maintaining a list in sorted order without
having to sort the list after each insertion. For long lists of items with
expensive comparison operations, this can be an improvement over the more
common approach.
";

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

/// The item at a position; lists are read without the detour over the protocol.
fn item_at(sequence: Value, i: i64, thread: &mut Thread) -> PyResult {
    if sequence.has_shape(shapes::LIST) {
        if let Some(item) = ListObject::of(sequence).get(i as usize) {
            return Ok(item);
        }
    }
    subscript::get_index(sequence, i, thread)
}

/// Where `x` belongs: behind equal items if `right`.
fn search(args: Args<'_>, x: Value, right: bool, thread: &mut Thread) -> PyResult<i64> {
    let sequence = args.at(0);
    let mut low = match args.get(2) {
        Some(low) => convert::index_as_i64(low, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 0,
    };
    if low < 0 {
        return Err(thread.raise_value_error("lo must be non-negative"));
    }
    let mut high = match args.get(3).filter(|high| !high.is_none()) {
        Some(high) if high.type_object().slots.index.raw() == 0 => {
            let name = high.type_object().full_name();
            return Err(thread.raise_type_error(format!("argument should be integer or None, not '{name}'")));
        }
        Some(high) => convert::index_as_i64(high, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => subscript::length(sequence, thread)?,
    };
    let key = args.get(4).filter(|key| !key.is_none());
    while low < high {
        let middle = ((low as u64 + high as u64) / 2) as i64;
        let mut item = item_at(sequence, middle, thread)?;
        if let Some(key) = key {
            item = call::call(key, &[*item], thread)?;
        }
        let goes_left = if right { compare::compare_truth_lt(x, *item, thread)? } else { !compare::compare_truth_lt(*item, x, thread)? };
        if goes_left {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

fn bisect_right(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    search(args, args.at(1), true, thread).map(Owned::int)
}

fn bisect_left(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    search(args, args.at(1), false, thread).map(Owned::int)
}

fn insort(args: Args<'_>, right: bool, thread: &mut Thread) -> PyResult {
    let (sequence, x) = (args.at(0), args.at(1));
    let index = match args.get(4).filter(|key| !key.is_none()) {
        Some(key) => {
            let wanted = call::call(key, &[x], thread)?;
            search(args, *wanted, right, thread)?
        }
        None => search(args, x, right, thread)?,
    };
    if sequence.has_shape(shapes::LIST) {
        let list = ListObject::of(sequence);
        let at = (index as usize).min(list.len());
        list.splice(at, at, vec![x.to_owned()]);
    } else {
        call::call_method(sequence, pyrt_runtime::names::names().insert, &[*Owned::int(index), x], thread)?;
    }
    Ok(Owned::none())
}

fn insort_right(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    insort(args, true, thread)
}

fn insort_left(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    insort(args, false, thread)
}

const SIGNATURE: &str = "($module, /, a, x, lo=0, hi=None, *, key=None)";

static FUNCTIONS: &[MethodDef] = &[
    method("bisect_right", NativeFn::Bound(bisect_right), SIGNATURE, "Return the index where to insert item x in list a, assuming a is sorted.\n\nAll items before it are <= x, all from it on are > x. lo and hi bound the part of a to be searched; a key function\nextracts from each item what is compared with x."),
    method("insort_right", NativeFn::Bound(insort_right), SIGNATURE, "Insert item x in list a, and keep it sorted assuming a is sorted.\n\nIf x is already in a, insert it to the right of the rightmost x."),
    method("bisect_left", NativeFn::Bound(bisect_left), SIGNATURE, "Return the index where to insert item x in list a, assuming a is sorted.\n\nAll items before it are < x, all from it on are >= x. lo and hi bound the part of a to be searched; a key function\nextracts from each item what is compared with x."),
    method("insort_left", NativeFn::Bound(insort_left), SIGNATURE, "Insert item x in list a, and keep it sorted assuming a is sorted.\n\nIf x is already in a, insert it to the left of the leftmost x."),
];
