//! Arithmetic, comparison, truth.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::Frame;
use crate::interp::inline_cache::CacheCell;
use crate::interp::ops::load_store::{miss_slow, specialize_as};
use crate::object::value::{Owned, Value};
use crate::protocol::binary::{self, BinaryOperator};
use crate::protocol::compare::{self, CompareOp};
use crate::types::string::{self, StrObject};

#[inline(always)]
pub fn binary_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    r.sync();
    let (left, right) = (r.value(2), r.value(1));
    if cell.should_attempt() {
        specialize_binary_slow(r.frame, oparg, left, right, cell);
    }
    let result = binary::operate(BinaryOperator::from_oparg(oparg), left, right, r.thread);
    r.finish_binary(result)
}

#[cold]
fn specialize_binary_slow(frame: *mut Frame, oparg: u32, left: Value, right: Value, cell: &CacheCell) {
    use crate::types::builtin_types::shapes;
    let _ = cell;
    let operator = BinaryOperator::from_oparg(oparg);
    let plain = operator.plain();
    let opcode = if Value::both_small_ints(left, right) {
        match plain {
            BinaryOperator::Add => Opcode::BINARY_OP_ADD_INT,
            BinaryOperator::Subtract => Opcode::BINARY_OP_SUBTRACT_INT,
            BinaryOperator::Multiply => Opcode::BINARY_OP_MULTIPLY_INT,
            _ => return,
        }
    } else if left.is_flonum() && right.is_flonum() {
        match plain {
            BinaryOperator::Add => Opcode::BINARY_OP_ADD_FLOAT,
            BinaryOperator::Subtract => Opcode::BINARY_OP_SUBTRACT_FLOAT,
            BinaryOperator::Multiply => Opcode::BINARY_OP_MULTIPLY_FLOAT,
            _ => return,
        }
    } else if operator == BinaryOperator::Subscr {
        match left.shape() {
            shapes::LIST if right.is_small_int() => Opcode::BINARY_OP_SUBSCR_LIST_INT,
            shapes::TUPLE if right.is_small_int() => Opcode::BINARY_OP_SUBSCR_TUPLE_INT,
            shapes::DICT => Opcode::BINARY_OP_SUBSCR_DICT,
            _ => return,
        }
    } else {
        return;
    };
    specialize_as(frame, opcode);
}

/// The specialised form does not fit: generic from here on, with the cell unit still ahead.
#[inline(always)]
pub fn generic_binary(r: &mut Regs<'_>, oparg: u32) -> Flow {
    miss_slow(r.frame, Opcode::BINARY_OP);
    binary_op(r, oparg)
}

macro_rules! int_op {
    ($name:ident, $compute:path) => {
        #[inline(always)]
        pub fn $name(r: &mut Regs<'_>, oparg: u32) -> Flow {
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
                return overflow(r, oparg);
            }
            generic_binary(r, oparg)
        }
    };
}

int_op!(binary_op_add_int, Value::small_int_add);
int_op!(binary_op_subtract_int, Value::small_int_sub);
int_op!(binary_op_multiply_int, Value::small_int_mul);

#[inline(never)]
fn overflow(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    r.sync();
    let (left, right) = (r.value(2), r.value(1));
    let result = binary::operate(BinaryOperator::from_oparg(oparg), left, right, r.thread);
    r.finish_binary(result)
}

macro_rules! float_op {
    ($name:ident, $operator:tt) => {
        #[inline(always)]
        pub fn $name(r: &mut Regs<'_>, oparg: u32) -> Flow {
            // SAFETY: two operands.
            let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
            if left.is_flonum() && right.is_flonum() {
                let result = left.flonum_value() $operator right.flonum_value();
                r.skip_cell();
                r.pop();
                let word = match Value::flonum(result) {
                    Some(value) => value.bits(),
                    None => crate::types::float::boxed(result).into_raw().bits(),
                };
                r.set(1, word);
                return Flow::Next;
            }
            if is_number(left) && is_number(right) {
                // A mixed or boxed operand at a float site: generic once, still a float site.
                return overflow(r, oparg);
            }
            generic_binary(r, oparg)
        }
    };
}

#[inline(always)]
fn is_number(value: Value) -> bool {
    value.is_small_int() || value.is_flonum() || value.unmarked().has_shape(crate::types::builtin_types::shapes::FLOAT)
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
    r.replace(1, Owned::bool(!value.is_true()));
    Flow::Next
}

#[inline(always)]
pub fn to_bool(r: &mut Regs<'_>) -> Flow {
    r.skip_cell();
    let value = r.value(1);
    if value.is_true() || value.is_false() {
        return Flow::Next;
    }
    if value.is_none() {
        r.set(1, Value::false_().bits());
        return Flow::Next;
    }
    if value.is_small_int() {
        r.set(1, Value::bool(value.small_int_payload() != 0).bits());
        return Flow::Next;
    }
    r.sync();
    match compare::truth(value, r.thread) {
        Ok(truth) => {
            r.replace(1, Owned::bool(truth));
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
        } else if left.is_flonum() && right.is_flonum() {
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
    r.set(1, Value::bool(truth).bits());
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
    miss_slow(r.frame, Opcode::COMPARE_OP);
    compare_op(r, oparg)
}

#[inline(always)]
pub fn compare_op_float(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: two operands.
    let (left, right) = unsafe { (Value::from_bits(r.peek(2)), Value::from_bits(r.peek(1))) };
    if left.is_flonum() && right.is_flonum() {
        let truth = operator_of(oparg).holds_float(left.flonum_value(), right.flonum_value());
        return finish_compare(r, truth);
    }
    miss_slow(r.frame, Opcode::COMPARE_OP);
    compare_op(r, oparg)
}

#[inline(always)]
pub fn compare_op_str(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (left, right) = (r.value(2), r.value(1));
    if string::is_exact(left) && string::is_exact(right) {
        let equal = StrObject::of(left).equals(StrObject::of(right));
        let truth = equal == (operator_of(oparg) == CompareOp::Eq);
        r.skip_cell();
        let right = r.pop();
        let left = r.peek(1);
        r.set(1, Value::bool(truth).bits());
        r.release(right);
        r.release(left);
        return Flow::Next;
    }
    miss_slow(r.frame, Opcode::COMPARE_OP);
    compare_op(r, oparg)
}

#[inline(always)]
pub fn is_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let same = r.value(2).is(r.value(1));
    r.finish_binary(Ok(Owned::bool(same != (oparg != 0))))
}

#[inline(always)]
pub fn contains_op(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    r.sync();
    let result = crate::protocol::subscript::contains(r.value(1), r.value(2), r.thread);
    r.finish_binary(result.map(|found| Owned::bool(found != (oparg != 0))))
}
