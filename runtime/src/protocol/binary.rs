//! Binary and unary operators.

use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::type_object::{BinaryFn, SlotCell, Slots, TypeObject};

/// The operands of BINARY_OP. ORDER BinaryOperator: as `_opcode.get_nb_ops()` numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BinaryOperator {
    Add,
    And,
    FloorDivide,
    LShift,
    MatrixMultiply,
    Multiply,
    Remainder,
    Or,
    Power,
    RShift,
    Subtract,
    TrueDivide,
    Xor,
    InplaceAdd,
    InplaceAnd,
    InplaceFloorDivide,
    InplaceLShift,
    InplaceMatrixMultiply,
    InplaceMultiply,
    InplaceRemainder,
    InplaceOr,
    InplacePower,
    InplaceRShift,
    InplaceSubtract,
    InplaceTrueDivide,
    InplaceXor,
    Subscr,
}

use BinaryOperator as Op;

const ALL: [Op; 27] = [
    Op::Add, Op::And, Op::FloorDivide, Op::LShift, Op::MatrixMultiply, Op::Multiply, Op::Remainder, Op::Or, Op::Power,
    Op::RShift, Op::Subtract, Op::TrueDivide, Op::Xor, Op::InplaceAdd, Op::InplaceAnd, Op::InplaceFloorDivide,
    Op::InplaceLShift, Op::InplaceMatrixMultiply, Op::InplaceMultiply, Op::InplaceRemainder, Op::InplaceOr,
    Op::InplacePower, Op::InplaceRShift, Op::InplaceSubtract, Op::InplaceTrueDivide, Op::InplaceXor, Op::Subscr,
];

impl BinaryOperator {
    #[inline(always)]
    pub fn from_oparg(oparg: u32) -> BinaryOperator {
        ALL[oparg as usize % 27]
    }

    #[inline(always)]
    pub fn is_inplace(self) -> bool {
        (13..26).contains(&(self as u8))
    }

    /// The operator without assignment.
    #[inline(always)]
    pub fn plain(self) -> BinaryOperator {
        if self.is_inplace() { ALL[self as usize - 13] } else { self }
    }

    pub fn symbol(self) -> &'static str {
        [
            "+", "&", "//", "<<", "@", "*", "%", "|", "** or pow()", ">>", "-", "/", "^", "+=", "&=", "//=", "<<=", "@=", "*=",
            "%=", "|=", "**=", ">>=", "-=", "/=", "^=", "[]",
        ][self as usize]
    }
}

fn slot(slots: &Slots, op: Op) -> &SlotCell<BinaryFn> {
    match op.plain() {
        Op::Add => &slots.add,
        Op::And => &slots.and,
        Op::FloorDivide => &slots.floor_divide,
        Op::LShift => &slots.lshift,
        Op::MatrixMultiply => &slots.matrix_multiply,
        Op::Multiply => &slots.multiply,
        Op::Remainder => &slots.remainder,
        Op::Or => &slots.or,
        Op::RShift => &slots.rshift,
        Op::Subtract => &slots.subtract,
        Op::TrueDivide => &slots.true_divide,
        _ => &slots.xor,
    }
}

fn inplace_slot(slots: &Slots, op: Op) -> Option<BinaryFn> {
    match op {
        Op::InplaceAdd => &slots.inplace_add,
        Op::InplaceAnd => &slots.inplace_and,
        Op::InplaceFloorDivide => &slots.inplace_floor_divide,
        Op::InplaceLShift => &slots.inplace_lshift,
        Op::InplaceMatrixMultiply => &slots.inplace_matrix_multiply,
        Op::InplaceMultiply => &slots.inplace_multiply,
        Op::InplaceRemainder => &slots.inplace_remainder,
        Op::InplaceOr => &slots.inplace_or,
        Op::InplaceRShift => &slots.inplace_rshift,
        Op::InplaceSubtract => &slots.inplace_subtract,
        Op::InplaceTrueDivide => &slots.inplace_true_divide,
        Op::InplaceXor => &slots.inplace_xor,
        _ => return None,
    }
    .get()
}

/// `left op right` (or the in-place form).
pub fn operate(op: BinaryOperator, left: Value, right: Value, thread: &mut Thread) -> PyResult {
    match op {
        Op::Subscr => return crate::protocol::subscript::get_item(left, right, thread),
        Op::Power | Op::InplacePower => return power_operator(op, left, right, thread),
        _ => {}
    }
    if let Some(function) = inplace_slot(&left.type_object().slots, op) {
        let result = function(left, right, thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    let result = dispatch(left, right, |slots| slot(slots, op).get(), thread)?;
    if !result.is_not_implemented() {
        return Ok(result);
    }
    // Sequences come last: concatenation and repetition.
    let (left_type, right_type) = (left.type_object(), right.type_object());
    match op.plain() {
        Op::Add => {
            if op.is_inplace() {
                if let Some(concat) = left_type.slots.inplace_concat.get() {
                    return concat(left, right, thread);
                }
            }
            if let Some(concat) = left_type.slots.concat.get() {
                return concat(left, right, thread);
            }
        }
        Op::Multiply => {
            if op.is_inplace() {
                if let Some(repeat) = left_type.slots.inplace_repeat.get() {
                    let n = repeat_count(right, thread)?;
                    return repeat(left, n, thread);
                }
            }
            if let Some(repeat) = left_type.slots.repeat.get() {
                let n = repeat_count(right, thread)?;
                return repeat(left, n, thread);
            }
            if let Some(repeat) = right_type.slots.repeat.get() {
                let n = repeat_count(left, thread)?;
                return repeat(right, n, thread);
            }
        }
        _ => {}
    }
    Err(unsupported(op, left, right, thread))
}

fn repeat_count(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("can't multiply sequence by non-int of type '{name}'")));
    }
    crate::protocol::convert::index_as_i64(value, thread, Some(&crate::exceptions::exc::OVERFLOW_ERROR))
}

#[cold]
fn unsupported(op: Op, left: Value, right: Value, thread: &mut Thread) -> crate::object::value::Raised {
    let (left_name, right_name) = (left.type_object().full_name(), right.type_object().full_name());
    if op == Op::RShift && left.has_shape(crate::types::builtin_types::shapes::BUILTIN_FUNCTION) {
        let is_print = crate::types::builtin_function::BuiltinFunction::of(left).def_name() == "print";
        if is_print {
            return thread.raise_type_error(format!(
                "unsupported operand type(s) for >>: '{left_name}' and '{right_name}'. Did you mean \"print(<message>, file=<output_stream>)\"?"
            ));
        }
    }
    thread.raise_type_error(format!("unsupported operand type(s) for {}: '{left_name}' and '{right_name}'", op.symbol()))
}

/// The operator protocol: the right operand's type goes first if it is a subclass with its own implementation.
#[inline]
fn dispatch(left: Value, right: Value, pick: impl Fn(&Slots) -> Option<BinaryFn>, thread: &mut Thread) -> PyResult {
    let (left_type, right_type) = (left.type_object(), right.type_object());
    let left_slot = pick(&left_type.slots);
    let right_slot = if std::ptr::eq(left_type, right_type) { None } else { pick(&right_type.slots) };
    let same = |a: Option<BinaryFn>, b: Option<BinaryFn>| a.map(|f| f as usize) == b.map(|f| f as usize);
    let right_slot = if same(left_slot, right_slot) { None } else { right_slot };
    if let Some(function) = left_slot {
        if let Some(other) = right_slot.filter(|_| right_type.is_subtype(left_type)) {
            let result = other(left, right, thread)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
            return function(left, right, thread);
        }
        let result = function(left, right, thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    match right_slot {
        Some(function) => function(left, right, thread),
        None => Ok(Owned::not_implemented()),
    }
}

fn power_operator(op: Op, left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if op == Op::InplacePower {
        if let Some(function) = left.type_object().slots.inplace_power.get() {
            let result = function(left, right, Value::none(), thread)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
        }
    }
    let result = try_power(left, right, Value::none(), thread)?;
    if result.is_not_implemented() { Err(unsupported(op, left, right, thread)) } else { Ok(result) }
}

/// `pow(left, right, modulus)`.
pub fn power(left: Value, right: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    if modulus.is_none() {
        return power_operator(Op::Power, left, right, thread);
    }
    let mut result = try_power(left, right, modulus, thread)?;
    if result.is_not_implemented() {
        // The modulus' type has the last word.
        let ty = modulus.type_object();
        if !std::ptr::eq(ty, left.type_object()) && !std::ptr::eq(ty, right.type_object()) {
            if let Some(function) = ty.slots.power.get() {
                result = function(left, right, modulus, thread)?;
            }
        }
    }
    if result.is_not_implemented() {
        let (a, b, c) = (left.type_object().full_name(), right.type_object().full_name(), modulus.type_object().full_name());
        return Err(thread.raise_type_error(format!("unsupported operand type(s) for ** or pow(): '{a}', '{b}', '{c}'")));
    }
    Ok(result)
}

fn try_power(left: Value, right: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    let (left_type, right_type) = (left.type_object(), right.type_object());
    let left_slot = left_type.slots.power.get();
    let right_slot = if std::ptr::eq(left_type, right_type) { None } else { right_type.slots.power.get() };
    let right_slot = right_slot.filter(|f| left_slot.is_none_or(|l| l as usize != *f as usize));
    if let (Some(function), true) = (right_slot, left_slot.is_none() || right_type.is_subtype(left_type)) {
        let result = function(left, right, modulus, thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
        return match left_slot {
            Some(function) => function(left, right, modulus, thread),
            None => Ok(result),
        };
    }
    if let Some(function) = left_slot {
        let result = function(left, right, modulus, thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    match right_slot {
        Some(function) => function(left, right, modulus, thread),
        None => Ok(Owned::not_implemented()),
    }
}

/// `divmod(left, right)`.
pub fn divmod(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let result = dispatch(left, right, |slots| slots.divmod.get(), thread)?;
    if result.is_not_implemented() {
        let (a, b) = (left.type_object().full_name(), right.type_object().full_name());
        return Err(thread.raise_type_error(format!("unsupported operand type(s) for divmod(): '{a}' and '{b}'")));
    }
    Ok(result)
}

macro_rules! unary {
    ($name:ident, $slot:ident, $symbol:literal) => {
        /// The unary operator.
        pub fn $name(value: Value, thread: &mut Thread) -> PyResult {
            match value.type_object().slots.$slot.get() {
                Some(function) => function(value, thread),
                None => Err(bad_unary($symbol, value.type_object(), thread)),
            }
        }
    };
}

unary!(negative, negative, "unary -");
unary!(positive, positive, "unary +");
unary!(invert, invert, "unary ~");
unary!(absolute, absolute, "abs()");

#[cold]
fn bad_unary(symbol: &str, ty: &TypeObject, thread: &mut Thread) -> crate::object::value::Raised {
    let name = ty.full_name();
    thread.raise_type_error(format!("bad operand type for {symbol}: '{name}'"))
}
