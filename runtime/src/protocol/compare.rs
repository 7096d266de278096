//! Comparison, hashing, truth.

use std::cmp::Ordering;

use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::string::{self, StrObject};

/// The operators in CPython's order (`Py_LT` …).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CompareOp {
    Lt = 0,
    Le = 1,
    Eq = 2,
    Ne = 3,
    Gt = 4,
    Ge = 5,
}

impl CompareOp {
    pub const ALL: [CompareOp; 6] = [CompareOp::Lt, CompareOp::Le, CompareOp::Eq, CompareOp::Ne, CompareOp::Gt, CompareOp::Ge];

    #[inline(always)]
    pub fn from_number(number: u32) -> CompareOp {
        CompareOp::ALL[number as usize % 6]
    }

    pub fn symbol(self) -> &'static str {
        ["<", "<=", "==", "!=", ">", ">="][self as usize]
    }

    /// The operator with its operands exchanged.
    pub fn swapped(self) -> CompareOp {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Eq => CompareOp::Eq,
            CompareOp::Ne => CompareOp::Ne,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
        }
    }

    #[inline(always)]
    pub fn is_equality(self) -> bool {
        matches!(self, CompareOp::Eq | CompareOp::Ne)
    }

    /// Whether the operator holds for operands in this order.
    #[inline(always)]
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Lt => ordering == Ordering::Less,
            CompareOp::Le => ordering != Ordering::Greater,
            CompareOp::Eq => ordering == Ordering::Equal,
            CompareOp::Ne => ordering != Ordering::Equal,
            CompareOp::Gt => ordering == Ordering::Greater,
            CompareOp::Ge => ordering != Ordering::Less,
        }
    }

    #[inline(always)]
    pub fn holds_float(self, a: f64, b: f64) -> bool {
        match self {
            CompareOp::Lt => a < b,
            CompareOp::Le => a <= b,
            CompareOp::Eq => a == b,
            CompareOp::Ne => a != b,
            CompareOp::Gt => a > b,
            CompareOp::Ge => a >= b,
        }
    }
}

/// `left op right`.
pub fn rich_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if Value::both_small_ints(left, right) {
        return Ok(Owned::bool(op.holds(Value::small_int_cmp(left, right))));
    }
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" in comparison"));
    }
    let (left_type, right_type) = (left.type_object(), right.type_object());
    let mut tried_right = false;
    if !std::ptr::eq(left_type, right_type) && right_type.is_subtype(left_type) {
        if let Some(compare) = right_type.slots.richcompare.get() {
            tried_right = true;
            let result = compare(right, left, op.swapped(), thread)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
        }
    }
    if let Some(compare) = left_type.slots.richcompare.get() {
        let result = compare(left, right, op, thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if !tried_right {
        if let Some(compare) = right_type.slots.richcompare.get() {
            let result = compare(right, left, op.swapped(), thread)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
        }
    }
    match op {
        CompareOp::Eq => Ok(Owned::bool(left.is(right))),
        CompareOp::Ne => Ok(Owned::bool(!left.is(right))),
        _ => {
            let (left, right) = (left_type.full_name(), right_type.full_name());
            Err(thread.raise_type_error(format!(
                "'{}' not supported between instances of '{left}' and '{right}'",
                op.symbol()
            )))
        }
    }
}

/// The truth of `left op right`; identical objects are equal.
#[inline]
pub fn compare_truth(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult<bool> {
    if op.is_equality() && left.is(right) {
        return Ok(op == CompareOp::Eq);
    }
    let result = rich_compare(left, right, op, thread)?;
    if let Some(truth) = result.as_bool() {
        return Ok(truth);
    }
    truth(*result, thread)
}

/// `left == right`, identity first, as containers compare.
#[inline]
pub fn equals(left: Value, right: Value, thread: &mut Thread) -> PyResult<bool> {
    if left.is(right) {
        return Ok(true);
    }
    if Value::both_small_ints(left, right) {
        return Ok(left.small_int_payload() == right.small_int_payload());
    }
    if string::is_exact(left) && string::is_exact(right) {
        return Ok(StrObject::of(left).equals(StrObject::of(right)));
    }
    compare_truth(left, right, CompareOp::Eq, thread)
}

/// `hash(value)`.
#[inline]
pub fn hash(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if let Some(payload) = value.as_small_int() {
        return Ok(crate::types::hashing::hash_i64(payload));
    }
    if string::is_exact(value) {
        return Ok(StrObject::of(value).hash());
    }
    let ty = value.type_object();
    match ty.slots.hash.get() {
        Some(function) => function(value, thread),
        None => Err(unhashable(value, thread)),
    }
}

/// The `hash` slot of unhashable types.
pub fn unhashable_slot(value: Value, thread: &mut Thread) -> PyResult<i64> {
    Err(unhashable(value, thread))
}

#[cold]
fn unhashable(value: Value, thread: &mut Thread) -> crate::object::value::Raised {
    let name = value.type_object().full_name();
    thread.raise_type_error(format!("unhashable type: '{name}'"))
}

/// `bool(value)`.
#[inline]
pub fn truth(value: Value, thread: &mut Thread) -> PyResult<bool> {
    if let Some(truth) = value.as_bool() {
        return Ok(truth);
    }
    if value.is_none() {
        return Ok(false);
    }
    if let Some(payload) = value.as_small_int() {
        return Ok(payload != 0);
    }
    let ty = value.type_object();
    if let Some(function) = ty.slots.truth.get() {
        return function(value, thread);
    }
    if let Some(function) = ty.slots.length.get() {
        return Ok(function(value, thread)? != 0);
    }
    Ok(true)
}

/// `left < right` as a truth value, for sorting.
#[inline]
pub fn compare_truth_lt(left: Value, right: Value, thread: &mut Thread) -> PyResult<bool> {
    if Value::both_small_ints(left, right) {
        return Ok(Value::small_int_cmp(left, right) == Ordering::Less);
    }
    let result = rich_compare(left, right, CompareOp::Lt, thread)?;
    match result.as_bool() {
        Some(truth) => Ok(truth),
        None => truth(*result, thread),
    }
}
