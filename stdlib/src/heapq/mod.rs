//! The module `_heapq`.
//!
//! A heap lies in a list. Operations begin under the list's lock and stay there as long as native code can compare the
//! items (sift.rs); what needs Python code for that goes on under a claim (claims.rs).

mod claims;
mod sift;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::compare;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::list::{ListObject, LockedList};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

use claims::Claim;
use sift::{First, Sift, Step};

pub const MODULE: NativeModule = NativeModule { name: "_heapq", initialize };

const DOC: &str = "Heap queue algorithm (a.k.a. priority queue).

Heaps are arrays for which a[k] <= a[2*k+1] and a[k] <= a[2*k+2] for
all k, counting elements from 0.  For the sake of comparison,
non-existing elements are considered to be infinite.  The interesting
property of a heap is that a[0] is always its smallest element.
";

const ABOUT: &str = "Heap queues

A heap is a list of which each item is at most as large as the two that follow it in the tree that the positions form:
position k has the children 2*k+1 and 2*k+2. So the first item is the smallest, pushing and popping take a number of
comparisons that grows with the logarithm of the length, and a sorted list is a heap. The functions whose names end in
_max keep the largest item first.
";

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    module::add(this, "__about__", Owned::str(ABOUT));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

fn changed(thread: &mut Thread) -> Raised {
    thread.raise(&exc::RUNTIME_ERROR, "list changed size during iteration")
}

/// Brings a sift to its end; the list is locked when it begins.
fn settle(heap: &ListObject, mut locked: LockedList<'_>, mut sift: Sift, thread: &mut Thread) -> PyResult<()> {
    let (mut a, mut b) = match sift.advance(&mut locked, None) {
        Step::Done => return Ok(()),
        Step::Changed => {
            drop(locked);
            return Err(changed(thread));
        }
        Step::Compare(a, b) => (a, b),
    };
    let claim = Claim::new(&locked, heap, thread);
    drop(locked);
    let result = loop {
        let answer = match compare::compare_truth_lt(*a, *b, thread) {
            Ok(answer) => answer,
            Err(raised) => break Err(raised),
        };
        let step = sift.advance(&mut heap.lock(), Some(answer));
        match step {
            Step::Done => break Ok(()),
            Step::Changed => break Err(changed(thread)),
            Step::Compare(next_a, next_b) => (a, b) = (next_a, next_b),
        }
    };
    drop(claim);
    result
}

/// The list that the first argument must be.
fn heap_of<'a>(value: Value, what: &dyn std::fmt::Display, thread: &mut Thread) -> PyResult<&'a ListObject> {
    if value.is_pointer() && value.type_has_flag(TYPE_LIST_SUBCLASS) {
        return Ok(ListObject::of(value));
    }
    let name = value.type_object().full_name();
    Err(thread.raise_type_error(format!("{what} must be list, not {name}")))
}

fn push(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format_args!("{name}() argument 1"), thread)?;
    let mut locked = claims::enter(heap, thread)?;
    locked.push(args.at(1).to_owned());
    let n = locked.len();
    settle(heap, locked, Sift::rising(first, n - 1, n), thread)?;
    Ok(Owned::none())
}

fn empty_heap(thread: &mut Thread) -> Raised {
    thread.raise(&exc::INDEX_ERROR, "index out of range")
}

fn pop(heap: Value, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(heap, &format_args!("{name}() argument"), thread)?;
    let mut locked = claims::enter(heap, thread)?;
    let last = locked.pop();
    let Some(last) = last else {
        drop(locked);
        return Err(empty_heap(thread));
    };
    match locked.replace(0, last) {
        // It was the only item.
        Err(last) => Ok(last),
        Ok(result) => {
            let n = locked.len();
            settle(heap, locked, Sift::sinking(first, 0, n), thread)?;
            Ok(result)
        }
    }
}

/// Puts an item in the place of the first, and that one is the result.
fn replace_top(heap: &ListObject, mut locked: LockedList<'_>, item: Value, first: First, thread: &mut Thread) -> PyResult {
    match locked.replace(0, item.to_owned()) {
        Ok(result) => {
            let n = locked.len();
            settle(heap, locked, Sift::sinking(first, 0, n), thread)?;
            Ok(result)
        }
        Err(item) => {
            drop(locked);
            drop(item);
            Err(empty_heap(thread))
        }
    }
}

fn replace(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format_args!("{name}() argument 1"), thread)?;
    let locked = claims::enter(heap, thread)?;
    replace_top(heap, locked, args.at(1), first, thread)
}

fn push_pop(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format_args!("{name}() argument 1"), thread)?;
    let new = args.at(1);
    let locked = claims::enter(heap, thread)?;
    let Some(top) = locked.peek(0) else { return Ok(new.to_owned()) };
    let (a, b) = first.sides(top, new);
    match sift::native_less(a, b) {
        Some(false) => Ok(new.to_owned()),
        Some(true) => replace_top(heap, locked, new, first, thread),
        None => {
            let (a, b) = (a.to_owned(), b.to_owned());
            let claim = Claim::new(&locked, heap, thread);
            drop(locked);
            let result = match compare::compare_truth_lt(*a, *b, thread) {
                Ok(false) => Ok(new.to_owned()),
                Ok(true) => replace_top(heap, heap.lock(), new, first, thread),
                Err(raised) => Err(raised),
            };
            drop(claim);
            result
        }
    }
}

fn make_heap(heap: Value, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(heap, &format_args!("{name}() argument"), thread)?;
    let mut locked = claims::enter(heap, thread)?;
    let n = locked.len();
    let mut roots = (0..n / 2).rev();
    // As far as native code goes, under the one lock.
    let pending = loop {
        let Some(root) = roots.next() else { return Ok(Owned::none()) };
        let mut sift = Sift::sinking(first, root, n);
        match sift.advance(&mut locked, None) {
            Step::Done => {}
            Step::Changed => break None,
            Step::Compare(a, b) => {
                drop((a, b));
                break Some(sift);
            }
        }
    };
    let Some(sift) = pending else {
        drop(locked);
        return Err(changed(thread));
    };
    let claim = Claim::new(&locked, heap, thread);
    let mut result = settle(heap, locked, sift, thread);
    for root in roots {
        if result.is_err() {
            break;
        }
        result = settle(heap, heap.lock(), Sift::sinking(first, root, n), thread);
    }
    drop(claim);
    result.map(|()| Owned::none())
}

macro_rules! functions {
    ($first:ident: $push:ident $pop:ident $replace:ident $push_pop:ident $make:ident) => {
        fn $push(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            push(args, stringify!($push), First::$first, thread)
        }
        fn $pop(_module: Value, heap: Value, thread: &mut Thread) -> PyResult {
            pop(heap, stringify!($pop), First::$first, thread)
        }
        fn $replace(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            replace(args, stringify!($replace), First::$first, thread)
        }
        fn $push_pop(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            push_pop(args, stringify!($push_pop), First::$first, thread)
        }
        fn $make(_module: Value, heap: Value, thread: &mut Thread) -> PyResult {
            make_heap(heap, stringify!($make), First::$first, thread)
        }
    };
}

functions!(Smallest: heappush heappop heapreplace heappushpop heapify);
functions!(Largest: heappush_max heappop_max heapreplace_max heappushpop_max heapify_max);

const HEAP: &str = "($module, heap, /)";
const HEAP_ITEM: &str = "($module, heap, item, /)";

static FUNCTIONS: &[MethodDef] = &[
    method("heappush", NativeFn::Bound(heappush), HEAP_ITEM, "Push item onto heap, maintaining the heap invariant."),
    method("heappushpop", NativeFn::Bound(heappushpop), HEAP_ITEM, "Push item on the heap, then pop and return the smallest item from the heap."),
    method("heappop", NativeFn::One(heappop), HEAP, "Pop the smallest item off the heap, maintaining the heap invariant."),
    method("heapreplace", NativeFn::Bound(heapreplace), HEAP_ITEM, "Pop and return the current smallest value, and add the new item.\n\nThe value returned may be larger than item."),
    method("heapify", NativeFn::One(heapify), HEAP, "Transform list into a heap, in-place, in O(len(heap)) time."),
    method("heappush_max", NativeFn::Bound(heappush_max), HEAP_ITEM, "Push item onto max heap, maintaining the heap invariant."),
    method("heappop_max", NativeFn::One(heappop_max), HEAP, "Maxheap variant of heappop."),
    method("heapify_max", NativeFn::One(heapify_max), HEAP, "Maxheap variant of heapify."),
    method("heapreplace_max", NativeFn::Bound(heapreplace_max), HEAP_ITEM, "Maxheap variant of heapreplace."),
    method("heappushpop_max", NativeFn::Bound(heappushpop_max), HEAP_ITEM, "Maxheap variant of heappushpop.\n\nThe combined action runs more efficiently than heappush_max() followed by a\nseparate call to heappop_max()."),
];
