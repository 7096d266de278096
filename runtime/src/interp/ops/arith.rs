//! Arithmetic, comparison, truth.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::Frame;
use crate::interp::inline_cache::CacheCell;
use crate::interp::ops::load_store::specialize_as;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::binary::{self, BinaryOperator};
use crate::protocol::compare::{self, CompareOp};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::dict::DictObject;
use crate::types::float;
use crate::types::list::ListObject;
use crate::types::string::{self, StrObject};
use crate::types::tuple::TupleObject;

#[inline(always)]
pub fn binary_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    r.sync();
    let (left, right) = (r.value(2), r.value(1));
    if cell.should_attempt() {
        specialize_binary_slow(r.frame, oparg, left, right, cell, r.thread);
    }
    let result = operate_slow(oparg, left, right, r.thread);
    r.finish_binary(result)
}

/// BINARY_OP of small ints and flonums by an operator that has no form of its own.
#[inline(always)]
pub fn binary_op_immediates(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: two operands.
    let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
    if let Some(result) = operate_on_immediates(oparg, left, right) {
        r.skip_cell();
        r.pop();
        r.set(1, result.bits());
        return Flow::Next;
    }
    if left.is_pointer() && right.is_pointer() { r.miss(Opcode::BINARY_OP) } else { r.instead(Opcode::BINARY_OP) }
}

/// The operations on small ints and flonums that have no specialised form, where the result is of that kind too.
#[inline(always)]
fn operate_on_immediates(oparg: u32, left: Value, right: Value) -> Option<Value> {
    let operator = BinaryOperator::from_oparg(oparg).plain();
    if let (Some(a), Some(b)) = (left.as_small_int(), right.as_small_int()) {
        let result = match operator {
            BinaryOperator::And => a & b,
            BinaryOperator::Or => a | b,
            BinaryOperator::Xor => a ^ b,
            BinaryOperator::RShift if (0..64).contains(&b) => a >> b,
            BinaryOperator::LShift if (0..32).contains(&b) && a.unsigned_abs() < 1 << 20 => a << b,
            BinaryOperator::FloorDivide if b > 0 => a.div_euclid(b),
            BinaryOperator::Remainder if b > 0 => a.rem_euclid(b),
            // Both are exact as floats, so the quotient is correctly rounded.
            BinaryOperator::TrueDivide if b != 0 => return Value::flonum(a as f64 / b as f64),
            _ => return None,
        };
        return Value::small_int(result);
    }
    if !left.is_flonum() && !right.is_flonum() {
        return None;
    }
    let (a, b) = (immediate_number(left)?, immediate_number(right)?);
    match operator {
        BinaryOperator::TrueDivide if b != 0.0 => Value::flonum(a / b),
        BinaryOperator::Add => Value::flonum(a + b),
        BinaryOperator::Subtract => Value::flonum(a - b),
        BinaryOperator::Multiply => Value::flonum(a * b),
        _ => None,
    }
}

#[cold]
fn specialize_binary_slow(frame: *mut Frame, oparg: u32, left: Value, right: Value, cell: &CacheCell, thread: &mut Thread) {
    let operator = BinaryOperator::from_oparg(oparg);
    let plain = operator.plain();
    let opcode = if Value::both_small_ints(left, right) {
        match plain {
            BinaryOperator::Add => Opcode::BINARY_OP_ADD_INT,
            BinaryOperator::Subtract => Opcode::BINARY_OP_SUBTRACT_INT,
            BinaryOperator::Multiply => Opcode::BINARY_OP_MULTIPLY_INT,
            _ => Opcode::BINARY_OP_EXTEND,
        }
    } else if (left.is_flonum() || right.is_flonum()) && immediate_number(left).is_some() && immediate_number(right).is_some() {
        match plain {
            BinaryOperator::Add => Opcode::BINARY_OP_ADD_FLOAT,
            BinaryOperator::Subtract => Opcode::BINARY_OP_SUBTRACT_FLOAT,
            BinaryOperator::Multiply => Opcode::BINARY_OP_MULTIPLY_FLOAT,
            _ => Opcode::BINARY_OP_EXTEND,
        }
    } else if operator == BinaryOperator::Subscr {
        match left.shape() {
            shapes::LIST if right.is_small_int() => Opcode::BINARY_OP_SUBSCR_LIST_INT,
            shapes::TUPLE if right.is_small_int() => Opcode::BINARY_OP_SUBSCR_TUPLE_INT,
            shapes::DICT => Opcode::BINARY_OP_SUBSCR_DICT,
            _ if super::subscript::remember_getitem(left, cell, thread) => Opcode::BINARY_OP_SUBSCR_GETITEM,
            _ => return,
        }
    } else {
        return;
    };
    specialize_as(frame, opcode);
}

macro_rules! int_op {
    ($name:ident, $compute:path) => {
        #[inline(always)]
        pub fn $name(r: &mut Regs<'_>, _oparg: u32) -> Flow {
            // SAFETY: two operands.
            let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
            if Value::both_small_ints(left, right) {
                if let Some(result) = $compute(left, right) {
                    r.skip_cell();
                    r.pop();
                    r.set(1, result.bits());
                    return Flow::Next;
                }
                // Overflow of the payload: a heap int, at a site that stays specialised.
                return r.instead(Opcode::BINARY_OP);
            }
            r.miss(Opcode::BINARY_OP)
        }
    };
}

int_op!(binary_op_add_int, Value::small_int_add);
int_op!(binary_op_subtract_int, Value::small_int_sub);
int_op!(binary_op_multiply_int, Value::small_int_mul);

#[inline(never)]
fn operate_slow(oparg: u32, left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !left.is_pointer() && !right.is_pointer() {
        if let Some(result) = operate_on_immediates(oparg, left, right) {
            // SAFETY: immediates have no count.
            return Ok(unsafe { Owned::from_raw(result) });
        }
    }
    if let Some(result) = operate_on_boxed_floats(oparg, left, right) {
        return Ok(result);
    }
    binary::operate(BinaryOperator::from_oparg(oparg), left, right, thread)
}

macro_rules! float_op {
    ($name:ident, $operator:tt) => {
        #[inline(always)]
        pub fn $name(r: &mut Regs<'_>, _oparg: u32) -> Flow {
            // SAFETY: two operands.
            let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
            if left.is_flonum() && right.is_flonum() {
                if let Some(result) = Value::flonum(left.flonum_value() $operator right.flonum_value()) {
                    r.skip_cell();
                    r.pop();
                    r.set(1, result.bits());
                    return Flow::Next;
                }
            }
            r.instead(Opcode::INSTRUMENTED_POP_JUMP_IF_FALSE)
        }
    };
}

/// An operation on floats where one operand is a small int, or where a box is at hand or needed.
#[inline(always)]
pub fn binary_op_float_other(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: two operands.
    let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
    if let Some(result) = operate_on_immediates(oparg, left, right) {
        r.skip_cell();
        r.pop();
        r.set(1, result.bits());
        return Flow::Next;
    }
    // Floats in boxes, or a result that needs one, at a site that stays specialised.
    if may_be_float(left) || may_be_float(right) {
        return r.instead(Opcode::BINARY_OP);
    }
    r.miss(Opcode::BINARY_OP)
}

/// Whether the operand is a float, in a box or not.
#[inline(always)]
fn may_be_float(value: Value) -> bool {
    value.is_flonum() || value.unmarked().has_shape(shapes::FLOAT)
}

/// An operation on two numbers of which one at least is a float in a box.
fn operate_on_boxed_floats(oparg: u32, left: Value, right: Value) -> Option<Owned> {
    if !left.has_shape(shapes::FLOAT) && !right.has_shape(shapes::FLOAT) {
        return None;
    }
    let number = |value: Value| immediate_number(value).or_else(|| if value.has_shape(shapes::FLOAT) { float::as_f64(value) } else { None });
    let (a, b) = (number(left)?, number(right)?);
    Some(float::from_f64(match BinaryOperator::from_oparg(oparg).plain() {
        BinaryOperator::Add => a + b,
        BinaryOperator::Subtract => a - b,
        BinaryOperator::Multiply => a * b,
        BinaryOperator::TrueDivide if b != 0.0 => a / b,
        _ => return None,
    }))
}

/// A small int or flonum as a float.
#[inline(always)]
fn immediate_number(value: Value) -> Option<f64> {
    if value.is_flonum() {
        return Some(value.flonum_value());
    }
    value.as_small_int().map(|number| number as f64)
}

float_op!(binary_op_add_float, +);
float_op!(binary_op_subtract_float, -);
float_op!(binary_op_multiply_float, *);

#[inline(always)]
pub fn unary_negative(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = binary::negative(r.value(1), r.thread);
    r.finish_unary(result)
}

#[inline(always)]
pub fn unary_invert(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = binary::invert(r.value(1), r.thread);
    r.finish_unary(result)
}

#[inline(always)]
pub fn unary_not(r: &mut Regs<'_>) -> Flow {
    let value = r.value(1);
    // The compiler puts TO_BOOL before it.
    r.replace_last(1, Owned::bool(!value.is_true()));
    Flow::Next
}

#[inline(always)]
pub fn to_bool(r: &mut Regs<'_>) -> Flow {
    r.skip_cell();
    let value = r.value(1);
    if value.is_true() || value.is_false() || value.is_none() {
        r.pop();
        r.push_truth(value.is_true());
        return Flow::Next;
    }
    if value.is_small_int() {
        r.pop();
        r.push_truth(value.small_int_payload() != 0);
        return Flow::Next;
    }
    // Out of line: the handler needs no stack then.
    r.instead(Opcode::TO_BOOL_LIST)
}

/// TO_BOOL of a container or string whose length says it.
#[inline(always)]
pub fn to_bool_container(r: &mut Regs<'_>) -> Flow {
    let value = r.value(1);
    if value.is_pointer() {
        let len = match value.shape() {
            shapes::LIST => ListObject::of(value).len(),
            shapes::STR => StrObject::of(value).len(),
            shapes::TUPLE => TupleObject::of(value).len(),
            shapes::DICT => DictObject::of(value).len(),
            _ => return r.instead(Opcode::INSTRUMENTED_INSTRUCTION),
        };
        r.skip_cell();
        let word = r.pop();
        r.push_truth(len != 0);
        r.release_last(word);
        return Flow::Next;
    }
    r.instead(Opcode::INSTRUMENTED_INSTRUCTION)
}

/// TO_BOOL of what is neither a bool, None, a small int nor one of the containers above.
#[inline(always)]
pub fn to_bool_other(r: &mut Regs<'_>) -> Flow {
    r.skip_cell();
    r.sync();
    let value = r.value(1);
    match compare::truth(value, r.thread) {
        Ok(truth) => {
            let word = r.pop();
            r.push_truth(truth);
            r.release_last(word);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
fn operator_of(oparg: u32) -> CompareOp {
    CompareOp::from_number(oparg >> 5)
}

#[inline(always)]
pub fn compare_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    r.sync();
    let (left, right) = (r.value(2), r.value(1));
    if cell.should_attempt() {
        if Value::both_small_ints(left, right) {
            specialize_as(r.frame, Opcode::COMPARE_OP_INT);
        } else if exact_number(left).is_some() && exact_number(right).is_some() {
            specialize_as(r.frame, Opcode::COMPARE_OP_FLOAT);
        } else if string::is_exact(left) && string::is_exact(right) && operator_of(oparg).is_equality() {
            specialize_as(r.frame, Opcode::COMPARE_OP_STR);
        }
    }
    let result = compare::rich_compare(left, right, operator_of(oparg), r.thread);
    let result = if oparg & 16 != 0 {
        // The result is only tested for truth.
        result.and_then(|value| {
            if value.is_true() || value.is_false() {
                return Ok(value);
            }
            compare::truth(*value, r.thread).map(Owned::bool)
        })
    } else {
        result
    };
    r.finish_binary(result)
}

#[inline(always)]
fn finish_compare(r: &mut Regs<'_>, truth: bool) -> Flow {
    r.skip_cell();
    r.pop();
    r.pop();
    r.push_truth(truth);
    Flow::Next
}

#[inline(always)]
pub fn compare_op_int(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: two operands.
    let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
    if Value::both_small_ints(left, right) {
        let truth = operator_of(oparg).holds(Value::small_int_cmp(left, right));
        return finish_compare(r, truth);
    }
    r.miss(Opcode::COMPARE_OP)
}

#[inline(always)]
pub fn compare_op_float(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: two operands.
    let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
    if let (Some(a), Some(b)) = (exact_number(left), exact_number(right)) {
        let truth = operator_of(oparg).holds_float(a, b);
        return finish_compare(r, truth);
    }
    r.miss(Opcode::COMPARE_OP)
}

/// An immediate as a float of exactly its value.
#[inline(always)]
fn exact_number(value: Value) -> Option<f64> {
    if value.is_flonum() {
        return Some(value.flonum_value());
    }
    match value.as_small_int() {
        Some(number) if number.unsigned_abs() <= 1 << 53 => Some(number as f64),
        _ => None,
    }
}

#[inline(always)]
pub fn compare_op_str(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (left, right) = (r.value(2), r.value(1));
    if string::is_exact(left) && string::is_exact(right) {
        let (a, b) = (StrObject::of(left), StrObject::of(right));
        if std::ptr::eq(a, b) || a.len() != b.len() || (a.is_interned() && b.is_interned()) {
            let truth = std::ptr::eq(a, b) == (operator_of(oparg) == CompareOp::Eq);
            r.skip_cell();
            return finish_truth(r, truth);
        }
    }
    r.instead(Opcode::INSTRUMENTED_POP_JUMP_IF_TRUE)
}

/// COMPARE_OP_STR where the characters decide.
#[inline(always)]
pub fn compare_op_str_slow(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (left, right) = (r.value(2), r.value(1));
    if string::is_exact(left) && string::is_exact(right) {
        let equal = StrObject::of(left).equals(StrObject::of(right));
        let truth = equal == (operator_of(oparg) == CompareOp::Eq);
        r.skip_cell();
        return finish_truth(r, truth);
    }
    r.miss(Opcode::COMPARE_OP)
}

#[inline(always)]
pub fn is_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let same = r.value(2).is(r.value(1));
    finish_truth(r, same != (oparg != 0))
}

#[inline(always)]
pub fn contains_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    r.sync();
    let result = crate::protocol::subscript::contains(r.value(1), r.value(2), r.thread);
    match result {
        Ok(found) => finish_truth(r, found != (oparg != 0)),
        Err(_) => Flow::Raised,
    }
}

/// Two operands make a bool.
#[inline(always)]
fn finish_truth(r: &mut Regs<'_>, truth: bool) -> Flow {
    let right = r.pop();
    let left = r.pop();
    r.push_truth(truth);
    r.release_last(right);
    r.release_last_too(left);
    Flow::Next
}
