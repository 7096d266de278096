//! Classes.

use super::compiler::{Compiler, Gen, ScopeEntry};
use super::constants::string;
use super::functions::first_line;
use super::location::Location;
use super::unit::{ParameterCounts, ScopeType};
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{CodegenOpcode as Op, Intrinsic1};
use crate::syntax::ast::{ExprContext, Stmt, StmtKind};

const NONE: Location = Location::NONE;

impl<'a> Compiler<'a, '_> {
    pub(super) fn class(&mut self, statement: &'a Stmt<'a>) -> Gen {
        let StmtKind::ClassDef { name, bases, keywords, decorator_list, type_params, .. } = &statement.kind else {
            return Ok(());
        };
        let location = Location::from(statement.span);
        self.expressions(decorator_list)?;
        let first_line = first_line(statement, decorator_list);
        let is_generic = !type_params.is_empty();
        if is_generic {
            self.enter_type_params(statement, name, first_line, Some(name), 0)?;
            self.type_params(type_params)?;
            self.name_op(location, ".type_params", ExprContext::Store);
        }
        self.class_body(statement, first_line)?;
        if is_generic {
            self.name_op(location, ".type_params", ExprContext::Load);
            self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::SubscriptGeneric as u32);
            self.name_op(location, ".generic_base", ExprContext::Store);
            self.call_arguments(location, 2, bases, Some(".generic_base"), keywords)?;
            let code = self.leave_scope(false)?;
            self.make_closure(location, code, 0)?;
            self.op(location, Op::PUSH_NULL);
            self.op_i(location, Op::CALL, 0);
        } else {
            self.call_arguments(location, 2, bases, None, keywords)?;
        }
        self.apply_decorators(decorator_list);
        self.name_op(location, name, ExprContext::Store);
        Ok(())
    }

    /// Pushes `__build_class__`, the function of the body, and the name.
    fn class_body(&mut self, statement: &'a Stmt<'a>, first_line: i32) -> Gen {
        let StmtKind::ClassDef { name, body, type_params, .. } = &statement.kind else { return Ok(()) };
        self.enter_scope(ScopeEntry {
            name,
            scope_type: ScopeType::Class,
            key: Self::key(statement),
            first_line,
            private: Some(name),
            parameters: ParameterCounts::default(),
        })?;
        let location = Location::start_of_line(first_line);
        self.name_op(location, "__name__", ExprContext::Load);
        self.name_op(location, "__module__", ExprContext::Store);
        let qualname = string(&self.unit.qualname);
        self.load_const(location, qualname);
        self.name_op(location, "__qualname__", ExprContext::Store);
        self.load_const(location, Const::Int(i64::from(first_line)));
        self.name_op(location, "__firstlineno__", ExprContext::Store);
        if !type_params.is_empty() {
            self.name_op(location, ".type_params", ExprContext::Load);
            self.name_op(location, "__type_params__", ExprContext::Store);
        }
        // These cells are filled although the names belong to a class, whose names are not cells.
        if self.block().needs_classdict {
            self.op(location, Op::LOAD_LOCALS);
            let cell = self.unit.cellvars.add("__classdict__");
            self.op_i(location, Op::STORE_DEREF, cell);
        }
        if self.block().has_conditional_annotations {
            self.op_i(location, Op::BUILD_SET, 0);
            let cell = self.unit.cellvars.add("__conditional_annotations__");
            self.op_i(location, Op::STORE_DEREF, cell);
        }
        self.body(location, body, false)?;
        let attributes = self.unit.static_attributes.iter().map(|attribute| string(attribute)).collect();
        self.load_const(NONE, Const::Tuple(attributes));
        self.name_op(NONE, "__static_attributes__", ExprContext::Store);
        if self.block().needs_classdict {
            let cell = self.unit.cellvars.add("__classdict__");
            self.op_i(NONE, Op::LOAD_CLOSURE, cell);
            self.name_op(NONE, "__classdictcell__", ExprContext::Store);
        }
        if self.block().needs_class_closure {
            let cell = self.unit.cellvars.add("__class__");
            self.op_i(NONE, Op::LOAD_CLOSURE, cell);
            self.op_i(NONE, Op::COPY, 1);
            self.name_op(NONE, "__classcell__", ExprContext::Store);
        } else {
            self.load_none(NONE);
        }
        self.op(NONE, Op::RETURN_VALUE);
        let code = self.leave_scope(true)?;

        // On the line of the class, not of a decorator.
        let location = Location::from(statement.span);
        self.op(location, Op::LOAD_BUILD_CLASS);
        self.op(location, Op::PUSH_NULL);
        self.make_closure(location, code, 0)?;
        self.load_str(location, name);
        Ok(())
    }
}
