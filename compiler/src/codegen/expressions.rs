//! Expressions: dispatch, operators, conditions, attributes, subscripts.

use super::literals::folded_format;
use super::compiler::{Compiler, Gen, resume};
use super::instruction_sequence::Label;
use super::location::Location;
use super::statements::attribute_location;
use super::syntax_error;
use super::unit::ScopeType;
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{BinaryOperation, CodegenOpcode as Op, CompareOperation, Intrinsic1};
use crate::syntax::ast::*;

impl<'a> Compiler<'a, '_> {
    pub(super) fn expressions(&mut self, list: &'a [ExprRef<'a>]) -> Gen {
        list.iter().try_for_each(|expression| self.expression(expression))
    }

    pub(super) fn expression(&mut self, expression: ExprRef<'a>) -> Gen {
        self.guard.check()?;
        let location = Location::from(expression.span);
        match &expression.kind {
            ExprKind::NamedExpr { target, value } => {
                self.expression(value)?;
                self.op_i(location, Op::COPY, 1);
                self.expression(target)
            }
            ExprKind::BoolOp { op, values } => self.bool_operation(location, *op, values),
            ExprKind::BinOp { left, op, right } => {
                if *op == Operator::Mod
                    && let Some(joined) = folded_format(self.arena, expression, left, right)
                {
                    return self.expression(joined);
                }
                self.expression(left)?;
                self.expression(right)?;
                self.op_i(location, Op::BINARY_OP, binary_operation(*op) as u32);
                Ok(())
            }
            ExprKind::UnaryOp { op, operand } => {
                self.expression(operand)?;
                match op {
                    UnaryOperator::UAdd => {
                        self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::UnaryPositive as u32);
                    }
                    UnaryOperator::USub => self.op(location, Op::UNARY_NEGATIVE),
                    UnaryOperator::Invert => self.op(location, Op::UNARY_INVERT),
                    UnaryOperator::Not => {
                        self.op(location, Op::TO_BOOL);
                        self.op(location, Op::UNARY_NOT);
                    }
                }
                Ok(())
            }
            ExprKind::Lambda { args, body } => self.lambda(expression, args, body),
            ExprKind::IfExp { test, body, orelse } => {
                let end = self.label();
                let next = self.label();
                self.jump_if(test, next, false)?;
                self.expression(body)?;
                self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(next);
                self.expression(orelse)?;
                self.place(end);
                Ok(())
            }
            ExprKind::Dict { keys, values } => self.dict(location, keys, values),
            ExprKind::Set { elts } => self.set(location, elts),
            ExprKind::ListComp { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::DictComp { .. }
            | ExprKind::GeneratorExp { .. } => self.comprehension(expression),
            ExprKind::Yield { value } => {
                if !self.is_function_like() {
                    return Err(syntax_error("'yield' outside function".to_owned(), expression.span));
                }
                match value {
                    Some(value) => self.expression(value)?,
                    None => self.load_none(location),
                }
                self.yield_value(location);
                Ok(())
            }
            ExprKind::YieldFrom { value } => {
                if !self.is_function_like() {
                    return Err(syntax_error("'yield from' outside function".to_owned(), expression.span));
                }
                if self.unit.scope_type == ScopeType::AsyncFunction {
                    return Err(syntax_error("'yield from' inside async function".to_owned(), expression.span));
                }
                self.expression(value)?;
                self.op(location, Op::GET_YIELD_FROM_ITER);
                self.load_none(location);
                self.yield_from(location, false);
                Ok(())
            }
            ExprKind::Await { value } => {
                self.expression(value)?;
                self.await_value(location, 0);
                Ok(())
            }
            ExprKind::Compare { left, ops, comparators } => self.compare(expression, left, ops, comparators),
            ExprKind::Call { func, args, keywords } => self.call(expression, func, args, keywords),
            ExprKind::Constant { value, .. } => {
                self.load_const(location, super::constants::from_tree(value));
                Ok(())
            }
            ExprKind::JoinedStr { values } => self.joined_string(location, values),
            ExprKind::TemplateStr { values } => self.template_string(location, values),
            ExprKind::FormattedValue { value, conversion, format_spec } => {
                self.formatted_value(location, value, *conversion, *format_spec)
            }
            ExprKind::Interpolation { value, str, conversion, format_spec } => {
                self.interpolation(location, value, str, *conversion, *format_spec)
            }
            ExprKind::Attribute { value, attr, ctx } => self.attribute(expression, value, attr, *ctx),
            ExprKind::Subscript { value, slice, ctx } => self.subscript(location, value, slice, *ctx),
            ExprKind::Starred { ctx, .. } => {
                let message = match ctx {
                    ExprContext::Store => "starred assignment target must be in a list or tuple",
                    _ => "can't use starred expression here",
                };
                Err(syntax_error(message.to_owned(), expression.span))
            }
            ExprKind::Slice { step, .. } => self.slice(location, expression, *step),
            ExprKind::Name { id, ctx } => {
                match self.constant_of(expression) {
                    Some(constant) => self.load_const(location, constant),
                    None => self.name_op(location, id, *ctx),
                }
                Ok(())
            }
            ExprKind::List { elts, ctx } => self.list_or_tuple(expression.span, elts, *ctx, false),
            ExprKind::Tuple { elts, ctx } => self.list_or_tuple(expression.span, elts, *ctx, true),
        }
    }

    pub(super) fn yield_value(&mut self, location: Location) {
        let block = self.block();
        if block.generator && block.coroutine {
            self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::AsyncGenWrap as u32);
        }
        self.op_i(location, Op::YIELD_VALUE, 0);
        self.op_i(location, Op::RESUME, resume::AFTER_YIELD);
    }

    fn bool_operation(&mut self, location: Location, op: BoolOperator, values: &'a [ExprRef<'a>]) -> Gen {
        let Some((last, others)) = values.split_last() else { return Ok(()) };
        let opcode = if op == BoolOperator::And { Op::JUMP_IF_FALSE } else { Op::JUMP_IF_TRUE };
        let end = self.label();
        for value in others {
            self.expression(value)?;
            self.jump(location, opcode, end);
            self.op(location, Op::POP_TOP);
        }
        self.expression(last)?;
        self.place(end);
        Ok(())
    }

    pub(super) fn compare_op(&mut self, location: Location, op: CompareOperator) {
        let (opcode, arg) = match op {
            CompareOperator::Is => (Op::IS_OP, 0),
            CompareOperator::IsNot => (Op::IS_OP, 1),
            CompareOperator::In => (Op::CONTAINS_OP, 0),
            CompareOperator::NotIn => (Op::CONTAINS_OP, 1),
            CompareOperator::Lt => (Op::COMPARE_OP, comparison(CompareOperation::Lt)),
            CompareOperator::LtE => (Op::COMPARE_OP, comparison(CompareOperation::Le)),
            CompareOperator::Eq => (Op::COMPARE_OP, comparison(CompareOperation::Eq)),
            CompareOperator::NotEq => (Op::COMPARE_OP, comparison(CompareOperation::Ne)),
            CompareOperator::Gt => (Op::COMPARE_OP, comparison(CompareOperation::Gt)),
            CompareOperator::GtE => (Op::COMPARE_OP, comparison(CompareOperation::Ge)),
        };
        self.op_i(location, opcode, arg);
    }

    fn compare(
        &mut self,
        whole: ExprRef<'a>,
        left: ExprRef<'a>,
        ops: &'a [CompareOperator],
        comparators: &'a [ExprRef<'a>],
    ) -> Gen {
        let location = Location::from(whole.span);
        self.check_compare(whole);
        self.expression(left)?;
        let (Some((last_op, ops)), Some((last, comparators))) = (ops.split_last(), comparators.split_last()) else {
            return Ok(());
        };
        if ops.is_empty() {
            self.expression(last)?;
            self.compare_op(location, *last_op);
            return Ok(());
        }
        let cleanup = self.label();
        for (op, comparator) in ops.iter().zip(comparators) {
            self.expression(comparator)?;
            self.op_i(location, Op::SWAP, 2);
            self.op_i(location, Op::COPY, 2);
            self.compare_op(location, *op);
            self.op_i(location, Op::COPY, 1);
            self.op(location, Op::TO_BOOL);
            self.jump(location, Op::POP_JUMP_IF_FALSE, cleanup);
            self.op(location, Op::POP_TOP);
        }
        self.expression(last)?;
        self.compare_op(location, *last_op);
        let end = self.label();
        self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup);
        self.op_i(location, Op::SWAP, 2);
        self.op(location, Op::POP_TOP);
        self.place(end);
        Ok(())
    }

    /// Jumps to `next` when the truth of the expression is `condition`.
    pub(super) fn jump_if(&mut self, expression: ExprRef<'a>, next: Label, condition: bool) -> Gen {
        self.guard.check()?;
        let place = Location::from(expression.span);
        let opcode = if condition { Op::POP_JUMP_IF_TRUE } else { Op::POP_JUMP_IF_FALSE };
        match &expression.kind {
            ExprKind::UnaryOp { op: UnaryOperator::Not, operand } => {
                return self.jump_if(operand, next, !condition);
            }
            ExprKind::BoolOp { op, values } => {
                let Some((last, others)) = values.split_last() else { return Ok(()) };
                let short_circuit = *op == BoolOperator::Or;
                let next2 = if short_circuit != condition { self.label() } else { next };
                for value in others {
                    self.jump_if(value, next2, short_circuit)?;
                }
                self.jump_if(last, next, condition)?;
                if next2 != next {
                    self.place(next2);
                }
                return Ok(());
            }
            ExprKind::IfExp { test, body, orelse } => {
                let end = self.label();
                let next2 = self.label();
                self.jump_if(test, next2, false)?;
                self.jump_if(body, next, condition)?;
                self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(next2);
                self.jump_if(orelse, next, condition)?;
                self.place(end);
                return Ok(());
            }
            ExprKind::Compare { left, ops, comparators } if ops.len() > 1 => {
                let (Some((last_op, ops)), Some((last, comparators))) = (ops.split_last(), comparators.split_last())
                else {
                    return Ok(());
                };
                self.check_compare(expression);
                let cleanup = self.label();
                self.expression(left)?;
                for (op, comparator) in ops.iter().zip(comparators) {
                    self.expression(comparator)?;
                    self.op_i(place, Op::SWAP, 2);
                    self.op_i(place, Op::COPY, 2);
                    self.compare_op(place, *op);
                    self.op(place, Op::TO_BOOL);
                    self.jump(place, Op::POP_JUMP_IF_FALSE, cleanup);
                }
                self.expression(last)?;
                self.compare_op(place, *last_op);
                self.op(place, Op::TO_BOOL);
                self.jump(place, opcode, next);
                let end = self.label();
                self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(cleanup);
                self.op(place, Op::POP_TOP);
                if !condition {
                    self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, next);
                }
                self.place(end);
                return Ok(());
            }
            _ => {}
        }
        self.expression(expression)?;
        self.op(place, Op::TO_BOOL);
        self.jump(place, opcode, next);
        Ok(())
    }

    fn attribute(&mut self, whole: ExprRef<'a>, owner: ExprRef<'a>, attr: &'a str, context: ExprContext) -> Gen {
        let location = Location::from(whole.span);
        if context == ExprContext::Load && self.is_optimizable_super(owner, attr) {
            let arguments = self.super_arguments(owner)?;
            self.super_attr(location, attr, arguments, false);
            self.op(attribute_location(location, whole, attr), Op::NOP);
            return Ok(());
        }
        if context == ExprContext::Store && matches!(owner.kind, ExprKind::Name { id: "self", .. }) {
            self.note_static_attribute(attr);
        }
        self.expression(owner)?;
        let location = attribute_location(location, whole, attr);
        match context {
            ExprContext::Load => self.op_attr(location, attr, false),
            ExprContext::Store => self.op_name(location, Op::STORE_ATTR, attr),
            ExprContext::Del => self.op_name(location, Op::DELETE_ATTR, attr),
        }
        Ok(())
    }

    /// `self.attr = …`: the innermost class around the current unit lists it in `__static_attributes__`.
    fn note_static_attribute(&mut self, attr: &'a str) {
        if let Some(class) = self.outer.iter_mut().rev().find(|unit| unit.scope_type == ScopeType::Class) {
            class.static_attributes.insert(attr);
        }
    }

    fn subscript(&mut self, location: Location, container: ExprRef<'a>, slice: ExprRef<'a>, context: ExprContext) -> Gen {
        if context == ExprContext::Load {
            self.check_subscripter(container);
            self.check_index(container, slice);
        }
        self.expression(container)?;
        if context != ExprContext::Del && self.is_two_part_slice(slice) {
            self.slice_bounds(slice)?;
            self.op(location, if context == ExprContext::Load { Op::BINARY_SLICE } else { Op::STORE_SLICE });
            return Ok(());
        }
        self.expression(slice)?;
        match context {
            ExprContext::Load => self.op_i(location, Op::BINARY_OP, BinaryOperation::Subscr as u32),
            ExprContext::Store => self.op(location, Op::STORE_SUBSCR),
            ExprContext::Del => self.op(location, Op::DELETE_SUBSCR),
        }
        Ok(())
    }

    /// The slice as a constant, if all its parts are.
    fn constant_slice(&self, slice: &Expr<'a>) -> Option<Const> {
        let ExprKind::Slice { lower, upper, step } = &slice.kind else { return None };
        let part = |part: &Option<ExprRef<'a>>| part.map_or(Some(Const::None), |part| self.constant_of(part));
        Some(Const::Slice(Box::new([part(lower)?, part(upper)?, part(step)?])))
    }

    /// Whether BINARY_SLICE and STORE_SLICE serve: no step, not constant.
    pub(super) fn is_two_part_slice(&self, slice: &Expr<'a>) -> bool {
        matches!(slice.kind, ExprKind::Slice { step: None, .. }) && self.constant_slice(slice).is_none()
    }

    pub(super) fn slice_bounds(&mut self, slice: ExprRef<'a>) -> Gen {
        let ExprKind::Slice { lower, upper, .. } = &slice.kind else { return Ok(()) };
        for bound in [lower, upper] {
            match bound {
                Some(bound) => self.expression(bound)?,
                None => self.load_none(slice.span.into()),
            }
        }
        Ok(())
    }

    fn slice(&mut self, location: Location, slice: ExprRef<'a>, step: Option<ExprRef<'a>>) -> Gen {
        if let Some(constant) = self.constant_slice(slice) {
            self.load_const(location, constant);
            return Ok(());
        }
        self.slice_bounds(slice)?;
        let mut count = 2;
        if let Some(step) = step {
            self.expression(step)?;
            count = 3;
        }
        self.op_i(location, Op::BUILD_SLICE, count);
        Ok(())
    }
}

/// The operand of COMPARE_OP: operator and the outcomes for which it is true.
pub(super) fn comparison(operation: CompareOperation) -> u32 {
    const UNORDERED: u32 = 1;
    const LESS: u32 = 2;
    const GREATER: u32 = 4;
    const EQUAL: u32 = 8;
    let mask = match operation {
        CompareOperation::Lt => LESS,
        CompareOperation::Le => LESS | EQUAL,
        CompareOperation::Eq => EQUAL,
        CompareOperation::Ne => UNORDERED | LESS | GREATER,
        CompareOperation::Gt => GREATER,
        CompareOperation::Ge => GREATER | EQUAL,
    };
    (operation as u32) << 5 | mask
}

pub(super) fn binary_operation(op: Operator) -> BinaryOperation {
    match op {
        Operator::Add => BinaryOperation::Add,
        Operator::Sub => BinaryOperation::Subtract,
        Operator::Mult => BinaryOperation::Multiply,
        Operator::MatMult => BinaryOperation::MatrixMultiply,
        Operator::Div => BinaryOperation::TrueDivide,
        Operator::Mod => BinaryOperation::Remainder,
        Operator::Pow => BinaryOperation::Power,
        Operator::LShift => BinaryOperation::LShift,
        Operator::RShift => BinaryOperation::RShift,
        Operator::BitOr => BinaryOperation::Or,
        Operator::BitXor => BinaryOperation::Xor,
        Operator::BitAnd => BinaryOperation::And,
        Operator::FloorDiv => BinaryOperation::FloorDivide,
    }
}
