//! Moving an item to its place in the heap, step by step, so that a comparison in Python can come between two steps.

use std::cmp::Ordering;

use pyrt_runtime::object::value::{Owned, Value};
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::float;
use pyrt_runtime::types::list::LockedList;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};

/// Which item comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum First {
    Smallest,
    Largest,
}

impl First {
    /// The question whether `a` comes before `b`, as the two sides of `<`.
    pub fn sides<T>(self, a: T, b: T) -> (T, T) {
        match self {
            First::Smallest => (a, b),
            First::Largest => (b, a),
        }
    }
}

/// What a step needs.
#[must_use]
pub enum Step {
    /// The item is in its place.
    Done,
    /// Whether the first is less than the second, by Python code.
    Compare(Owned, Owned),
    /// The list has another length than before.
    Changed,
}

/// The order of two values that native code can compare: small ints, floats, strings, and tuples of such.
pub fn native_order(a: Value, b: Value, depth: u32) -> Option<Option<Ordering>> {
    if Value::both_small_ints(a, b) {
        return Some(Some(Value::small_int_cmp(a, b)));
    }
    if string::is_exact(a) && string::is_exact(b) {
        return Some(Some(StrObject::of(a).compare(StrObject::of(b))));
    }
    if let (Some(a), Some(b)) = (exact_float(a), exact_float(b)) {
        return Some(a.partial_cmp(&b));
    }
    if depth == 0 || !tuple::is_exact(a) || !tuple::is_exact(b) {
        return None;
    }
    let (a, b) = (TupleObject::of(a).items(), TupleObject::of(b).items());
    for (a, b) in a.iter().zip(b) {
        if a.is(*b) {
            continue;
        }
        match native_order(*a, *b, depth - 1)? {
            Some(Ordering::Equal) => {}
            decided => return Some(decided),
        }
    }
    Some(Some(a.len().cmp(&b.len())))
}

fn exact_float(value: Value) -> Option<f64> {
    if value.is_pointer() && !value.has_shape(shapes::FLOAT) { None } else { float::as_f64(value) }
}

/// `a < b`, if native code can tell.
pub fn native_less(a: Value, b: Value) -> Option<bool> {
    native_order(a, b, 4).map(|order| order == Some(Ordering::Less))
}

enum Phase {
    /// Down to a leaf, along the children that come first.
    Sinking,
    /// Towards the root, until the parent comes first.
    Rising,
}

pub struct Sift {
    first: First,
    phase: Phase,
    /// The item goes no higher than here.
    start: usize,
    position: usize,
    /// The list's length, which must not change.
    len: usize,
}

impl Sift {
    /// Moves the item at `position` towards the root.
    pub fn rising(first: First, position: usize, len: usize) -> Sift {
        Sift { first, phase: Phase::Rising, start: 0, position, len }
    }

    /// Moves the item at `position` to its place in the tree below it.
    pub fn sinking(first: First, position: usize, len: usize) -> Sift {
        Sift { first, phase: Phase::Sinking, start: position, position, len }
    }

    /// Goes on until a comparison needs Python code. `answer` is that of the last such comparison.
    pub fn advance(&mut self, heap: &mut LockedList<'_>, mut answer: Option<bool>) -> Step {
        if heap.len() != self.len {
            return Step::Changed;
        }
        loop {
            match self.phase {
                Phase::Sinking if self.position >= self.len >> 1 => self.phase = Phase::Rising,
                Phase::Sinking => {
                    let mut child = 2 * self.position + 1;
                    if child + 1 < self.len {
                        let (Some(left), Some(right)) = (heap.peek(child), heap.peek(child + 1)) else { return Step::Changed };
                        let (a, b) = self.first.sides(left, right);
                        match answer.take().or_else(|| native_less(a, b)) {
                            Some(takes_left) => child += usize::from(!takes_left),
                            None => return Step::Compare(a.to_owned(), b.to_owned()),
                        }
                    }
                    heap.swap(self.position, child);
                    self.position = child;
                }
                Phase::Rising if self.position <= self.start => return Step::Done,
                Phase::Rising => {
                    let above = (self.position - 1) >> 1;
                    let (Some(own), Some(parent)) = (heap.peek(self.position), heap.peek(above)) else { return Step::Changed };
                    let (a, b) = self.first.sides(own, parent);
                    match answer.take().or_else(|| native_less(a, b)) {
                        Some(true) => {
                            heap.swap(self.position, above);
                            self.position = above;
                        }
                        Some(false) => return Step::Done,
                        None => return Step::Compare(a.to_owned(), b.to_owned()),
                    }
                }
            }
        }
    }
}
