//! Type parameters and type aliases (PEP 695, 696).

use super::compiler::{Compiler, Gen};
use super::constants::string;
use super::location::Location;
use super::symbol_table::{BlockKey, Role};
use super::syntax_error;
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{CodegenOpcode as Op, Intrinsic1, Intrinsic2, function_attribute};
use crate::syntax::ast::*;

impl<'a> Compiler<'a, '_> {
    /// Makes the parameters, stores each under its name and leaves their tuple on the stack.
    pub(super) fn type_params(&mut self, params: &'a [TypeParam<'a>]) -> Gen {
        let mut seen_default = false;
        for param in params {
            let location = Location::from(param.span);
            let (name, default, can_star) = match &param.kind {
                TypeParamKind::TypeVar { name, bound, default_value } => {
                    self.load_const(location, string(name));
                    match bound {
                        Some(bound) => {
                            self.bound_or_default(bound, name, BlockKey::new(param, Role::Bound), false)?;
                            let intrinsic = match bound.kind {
                                ExprKind::Tuple { .. } => Intrinsic2::TypeVarWithConstraints,
                                _ => Intrinsic2::TypeVarWithBound,
                            };
                            self.op_i(location, Op::CALL_INTRINSIC_2, intrinsic as u32);
                        }
                        None => self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::TypeVar as u32),
                    }
                    (*name, *default_value, false)
                }
                TypeParamKind::TypeVarTuple { name, default_value } => {
                    self.load_const(location, string(name));
                    self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::TypeVarTuple as u32);
                    (*name, *default_value, true)
                }
                TypeParamKind::ParamSpec { name, default_value } => {
                    self.load_const(location, string(name));
                    self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::ParamSpec as u32);
                    (*name, *default_value, false)
                }
            };
            if let Some(default) = default {
                seen_default = true;
                self.bound_or_default(default, name, BlockKey::new(param, Role::Default), can_star)?;
                self.op_i(location, Op::CALL_INTRINSIC_2, Intrinsic2::SetTypeparamDefault as u32);
            } else if seen_default {
                let message = format!("non-default type parameter '{name}' follows default type parameter");
                return Err(syntax_error(message, param.span));
            }
            self.op_i(location, Op::COPY, 1);
            self.name_op(location, name, ExprContext::Store);
        }
        if let Some(first) = params.first() {
            self.op_i(first.span.into(), Op::BUILD_TUPLE, params.len() as u32);
        }
        Ok(())
    }

    /// Pushes the function that evaluates a bound or default when asked.
    fn bound_or_default(&mut self, value: ExprRef<'a>, name: &'a str, key: BlockKey, can_star: bool) -> Gen {
        let location = Location::from(value.span);
        self.load_default_format(location);
        self.enter_annotation_scope(location, key, name)?;
        match &value.kind {
            ExprKind::Starred { value: inner, .. } if can_star => {
                self.expression(inner)?;
                self.op_i(location, Op::UNPACK_SEQUENCE, 1);
            }
            _ => self.expression(value)?,
        }
        self.op(location, Op::RETURN_VALUE);
        let code = self.leave_scope(true)?;
        self.make_closure(location, code, function_attribute::DEFAULTS)
    }

    /// The default of the format parameter: `VALUE`.
    fn load_default_format(&mut self, location: Location) {
        self.load_const(location, Const::Tuple(vec![Const::Int(1)]));
    }

    pub(super) fn type_alias(&mut self, statement: &'a Stmt<'a>) -> Gen {
        let StmtKind::TypeAlias { name, type_params, value } = &statement.kind else { return Ok(()) };
        let ExprKind::Name { id, .. } = name.kind else {
            return Err(syntax_error("TypeAlias with non-Name name".to_owned(), name.span));
        };
        let location = Location::from(statement.span);
        let is_generic = !type_params.is_empty();
        if is_generic {
            self.enter_type_params(statement, id, location.line, None, 0)?;
            self.load_const(location, string(id));
            self.type_params(type_params)?;
        } else {
            self.load_const(location, string(id));
            self.load_none(location);
        }
        self.load_default_format(location);
        self.enter_annotation_scope(location, BlockKey::new(statement, Role::Body), id)?;
        self.expression(value)?;
        self.op(location, Op::RETURN_VALUE);
        let code = self.leave_scope(false)?;
        self.make_closure(location, code, function_attribute::DEFAULTS)?;
        self.op_i(location, Op::BUILD_TUPLE, 3);
        self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::TypeAlias as u32);
        if is_generic {
            let code = self.leave_scope(false)?;
            self.make_closure(location, code, 0)?;
            self.op(location, Op::PUSH_NULL);
            self.op_i(location, Op::CALL, 0);
        }
        self.name_op(location, id, ExprContext::Store);
        Ok(())
    }
}
