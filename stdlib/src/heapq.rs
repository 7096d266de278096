//! The module `_heapq`.
//!
//! A heap lies in a list; each step compares items (which may run Python code) and then exchanges two of them if the
//! list still has its length.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::compare;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

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

/// Which item comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Smallest,
    Largest,
}

impl First {
    /// Whether `a` comes before `b`.
    fn precedes(self, a: Value, b: Value, thread: &mut Thread) -> PyResult<bool> {
        match self {
            First::Smallest => compare::compare_truth_lt(a, b, thread),
            First::Largest => compare::compare_truth_lt(b, a, thread),
        }
    }
}

fn changed(thread: &mut Thread) -> Raised {
    thread.raise(&exc::RUNTIME_ERROR, "list changed size during iteration")
}

fn item(heap: &ListObject, i: usize, thread: &mut Thread) -> PyResult {
    heap.get(i).ok_or(()).or_else(|()| Err(changed(thread)))
}

/// Exchanges two items that have just been read.
fn exchange(heap: &ListObject, (i, a): (usize, Owned), (j, b): (usize, Owned), thread: &mut Thread) -> PyResult<()> {
    match (heap.set(i, b), heap.set(j, a)) {
        (Ok(_), Ok(_)) => Ok(()),
        _ => Err(changed(thread)),
    }
}

/// Moves the item at `position` towards `start` until its parent precedes it.
fn sift_down(heap: &ListObject, start: usize, mut position: usize, first: First, thread: &mut Thread) -> PyResult<()> {
    let n = heap.len();
    if position >= n {
        return Err(thread.raise(&exc::INDEX_ERROR, "index out of range"));
    }
    while position > start {
        let parent_position = (position - 1) >> 1;
        let (own, parent) = (item(heap, position, thread)?, item(heap, parent_position, thread)?);
        let moves = first.precedes(*own, *parent, thread)?;
        if heap.len() != n {
            return Err(changed(thread));
        }
        if !moves {
            break;
        }
        exchange(heap, (position, own), (parent_position, parent), thread)?;
        position = parent_position;
    }
    Ok(())
}

/// Moves the item at `position` down to a leaf along the children that come first, then up to its place.
fn sift_up(heap: &ListObject, mut position: usize, first: First, thread: &mut Thread) -> PyResult<()> {
    let n = heap.len();
    let start = position;
    if position >= n {
        return Err(thread.raise(&exc::INDEX_ERROR, "index out of range"));
    }
    while position < n >> 1 {
        let mut child = 2 * position + 1;
        if child + 1 < n {
            let (left, right) = (item(heap, child, thread)?, item(heap, child + 1, thread)?);
            let takes_left = match first {
                First::Smallest => compare::compare_truth_lt(*left, *right, thread)?,
                First::Largest => compare::compare_truth_lt(*right, *left, thread)?,
            };
            child += usize::from(!takes_left);
            if heap.len() != n {
                return Err(changed(thread));
            }
        }
        let (own, below) = (item(heap, position, thread)?, item(heap, child, thread)?);
        exchange(heap, (position, own), (child, below), thread)?;
        position = child;
    }
    sift_down(heap, start, position, first, thread)
}

/// The list that the first argument must be.
fn heap_of<'a>(value: Value, what: &str, thread: &mut Thread) -> PyResult<&'a ListObject> {
    if value.is_pointer() && value.type_has_flag(TYPE_LIST_SUBCLASS) {
        return Ok(ListObject::of(value));
    }
    let name = value.type_object().full_name();
    Err(thread.raise_type_error(format!("{what} must be list, not {name}")))
}

fn push(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format!("{name}() argument 1"), thread)?;
    heap.push(args.at(1).to_owned());
    sift_down(heap, 0, heap.len().saturating_sub(1), first, thread)?;
    Ok(Owned::none())
}

fn empty_heap(thread: &mut Thread) -> Raised {
    thread.raise(&exc::INDEX_ERROR, "index out of range")
}

fn pop(heap: Value, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(heap, &format!("{name}() argument"), thread)?;
    let n = heap.len();
    let Some(last) = n.checked_sub(1).and_then(|i| heap.remove_at(i)) else { return Err(empty_heap(thread)) };
    if n == 1 {
        return Ok(last);
    }
    let Ok(result) = heap.set(0, last) else { return Err(changed(thread)) };
    sift_up(heap, 0, first, thread)?;
    Ok(result)
}

fn replace(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format!("{name}() argument 1"), thread)?;
    let Ok(result) = heap.set(0, args.at(1).to_owned()) else { return Err(empty_heap(thread)) };
    sift_up(heap, 0, first, thread)?;
    Ok(result)
}

fn push_pop(args: Args<'_>, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(args.at(0), &format!("{name}() argument 1"), thread)?;
    let new = args.at(1);
    let Some(top) = heap.get(0) else { return Ok(new.to_owned()) };
    if !first.precedes(*top, new, thread)? {
        return Ok(new.to_owned());
    }
    let Ok(result) = heap.set(0, new.to_owned()) else { return Err(empty_heap(thread)) };
    sift_up(heap, 0, first, thread)?;
    Ok(result)
}

fn make_heap(heap: Value, name: &str, first: First, thread: &mut Thread) -> PyResult {
    let heap = heap_of(heap, &format!("{name}() argument"), thread)?;
    for i in (0..heap.len() / 2).rev() {
        sift_up(heap, i, first, thread)?;
    }
    Ok(Owned::none())
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
