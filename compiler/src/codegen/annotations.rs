//! Annotations: `__annotate__` functions (PEP 649, 749), or strings under `from __future__ import annotations`.

use super::compiler::{Compiler, Gen, ScopeEntry};
use super::constants::string;
use super::expressions::comparison;
use super::location::Location;
use super::symbol_table::{BlockKey, BlockKind, Role};
use super::unit::{ParameterCounts, ScopeType};
use crate::bytecode::code::{CodeData, Const};
use crate::bytecode::instructions::{CodegenOpcode as Op, CommonConstant, CompareOperation, function_attribute};
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;

/// `annotationlib.Format.VALUE_WITH_FAKE_GLOBALS`: formats above it are not for the generated functions.
const FORMAT_VALUE_WITH_FAKE_GLOBALS: i64 = 2;

const CONDITIONAL: &str = "__conditional_annotations__";

impl<'a> Compiler<'a, '_> {
    /// Enters a function of one parameter, the format, that refuses the formats that it does not know.
    pub(super) fn enter_annotation_scope(&mut self, location: Location, key: BlockKey, name: &'a str) -> Gen {
        self.enter_scope(ScopeEntry {
            name,
            scope_type: ScopeType::Annotations,
            key,
            first_line: location.line,
            private: None,
            parameters: ParameterCounts { positional_only: 1, ..Default::default() },
        })?;
        self.op_i(location, Op::LOAD_FAST, 0);
        self.load_const(location, Const::Int(FORMAT_VALUE_WITH_FAKE_GLOBALS));
        self.op_i(location, Op::COMPARE_OP, comparison(CompareOperation::Gt));
        let body = self.label();
        self.jump(location, Op::POP_JUMP_IF_FALSE, body);
        self.op_i(location, Op::LOAD_COMMON_CONSTANT, CommonConstant::NotImplementedError as u32);
        self.op_i(location, Op::RAISE_VARARGS, 1);
        self.place(body);
        Ok(())
    }

    /// Ends `__annotate__` and pushes it.
    fn leave_annotation_scope(&mut self, location: Location) -> Gen {
        self.op(location, Op::RETURN_VALUE);
        let mut code: CodeData = self.leave_scope(true)?;
        // Inside, the parameter has a name that no annotation can mean; outside it shows as `format`.
        if let Some(name) = code.localsplusnames.first_mut() {
            *name = "format".to_owned();
        }
        self.make_closure(location, code, 0)
    }

    /// Pushes the `__annotate__` of a function; returns the flag for it, or 0 if it has no annotations.
    pub(super) fn function_annotations(
        &mut self,
        statement: &'a Stmt<'a>,
        args: &'a Arguments<'a>,
        returns: Option<ExprRef<'a>>,
    ) -> Result<u32, SyntaxError> {
        let location = Location::from(statement.span);
        let key = BlockKey::new(statement, Role::Annotations);
        let is_used = self.table.find(key).is_some_and(|block| self.table.block(block).annotations_used);
        if !is_used {
            return Ok(0);
        }
        self.enter_annotation_scope(location, key, "__annotate__")?;
        let mut count = 0;
        let parameters = args
            .args
            .iter()
            .chain(args.posonlyargs)
            .chain(args.vararg)
            .chain(args.kwonlyargs)
            .chain(args.kwarg)
            .map(|arg| (arg.arg, arg.annotation))
            .chain(std::iter::once(("return", returns)));
        for (name, annotation) in parameters {
            let Some(annotation) = annotation else { continue };
            let name = self.mangle(name);
            self.load_const(location, string(name));
            self.parameter_annotation(location, annotation)?;
            count += 1;
        }
        self.op_i(location, Op::BUILD_MAP, count);
        self.leave_annotation_scope(location)?;
        Ok(function_attribute::ANNOTATE)
    }

    fn parameter_annotation(&mut self, location: Location, annotation: ExprRef<'a>) -> Gen {
        if self.future.features.annotations() {
            return self.annotation_string(annotation);
        }
        if let ExprKind::Starred { value, .. } = &annotation.kind {
            // `*args: *Ts` is the one item of `*Ts`.
            self.expression(value)?;
            self.op_i(location, Op::UNPACK_SEQUENCE, 1);
            return Ok(());
        }
        self.expression(annotation)
    }

    fn annotation_string(&mut self, annotation: ExprRef<'a>) -> Gen {
        let text = super::unparse::unparse_expression(annotation, self.guard)?;
        self.load_const(annotation.span.into(), Const::Str(text));
        Ok(())
    }

    pub(super) fn annotated_assignment(&mut self, statement: &'a Stmt<'a>) -> Gen {
        let StmtKind::AnnAssign { target, annotation, value, simple } = &statement.kind else { return Ok(()) };
        let location = Location::from(statement.span);
        if let Some(value) = value {
            self.expression(value)?;
            self.expression(target)?;
        }
        match &target.kind {
            ExprKind::Name { id, .. } => {
                let is_stored = matches!(self.unit.scope_type, ScopeType::Module | ScopeType::Class);
                if *simple == 0 || !is_stored {
                    return Ok(());
                }
                if self.future.features.annotations() {
                    self.annotation_string(annotation)?;
                    self.op_name(location, Op::LOAD_NAME, "__annotations__");
                    let name = self.mangle(id);
                    self.load_const(location, string(name));
                    self.op(location, Op::STORE_SUBSCR);
                } else {
                    self.defer_annotation(location, statement);
                }
                Ok(())
            }
            ExprKind::Attribute { value: owner, .. } if value.is_none() => self.evaluate_and_drop(owner),
            ExprKind::Subscript { value: owner, slice, .. } if value.is_none() => {
                self.evaluate_and_drop(owner)?;
                self.check_annotation_subscript(slice)
            }
            _ => Ok(()),
        }
    }

    fn evaluate_and_drop(&mut self, expression: ExprRef<'a>) -> Gen {
        self.expression(expression)?;
        self.op(expression.span.into(), Op::POP_TOP);
        Ok(())
    }

    /// Evaluates the parts of a subscript that is annotated and not assigned.
    fn check_annotation_subscript(&mut self, slice: ExprRef<'a>) -> Gen {
        match &slice.kind {
            ExprKind::Slice { lower, upper, step } => {
                [lower, upper, step].into_iter().flatten().try_for_each(|part| self.evaluate_and_drop(part))
            }
            ExprKind::Tuple { elts, .. } => {
                self.guard.check()?;
                elts.iter().try_for_each(|elt| self.check_annotation_subscript(elt))
            }
            _ => self.evaluate_and_drop(slice),
        }
    }

    /// Keeps the annotation for `__annotate__`. One that may not be reached gets a number that is noted when it is.
    fn defer_annotation(&mut self, location: Location, statement: &'a Stmt<'a>) {
        let is_module = self.unit.scope_type == ScopeType::Module;
        let number = (is_module || self.unit.in_conditional_block).then(|| {
            let number = self.unit.next_conditional_annotation;
            self.unit.next_conditional_annotation += 1;
            number
        });
        self.unit.deferred_annotations.push((statement, number));
        let Some(number) = number else { return };
        if is_module {
            self.op_name(location, Op::LOAD_NAME, CONDITIONAL);
        } else {
            let cell = self.unit.cellvars.add(CONDITIONAL);
            self.op_i(location, Op::LOAD_DEREF, cell);
        }
        self.load_const(location, Const::Int(i64::from(number)));
        self.op_i(location, Op::SET_ADD, 1);
        self.op(location, Op::POP_TOP);
    }

    /// Makes the `__annotate__` of a module or class from the annotations kept so far. In a module the code goes
    /// to the front.
    pub(super) fn deferred_annotations(&mut self, location: Location) -> Gen {
        let deferred = std::mem::take(&mut self.unit.deferred_annotations);
        if deferred.is_empty() {
            return Ok(());
        }
        let is_module = self.unit.scope_type == ScopeType::Module;
        let body = self.unit.sequence.instructions.len();
        let key = BlockKey::annotations_of(self.unit.block);
        self.enter_annotation_scope(location, key, "__annotate__")?;
        self.op_i(location, Op::BUILD_MAP, 0);
        for (statement, number) in deferred {
            self.deferred_annotation(location, statement, number, is_module)?;
        }
        self.leave_annotation_scope(location)?;
        let is_class = self.block().kind == BlockKind::Class;
        let name = if is_class { "__annotate_func__" } else { "__annotate__" };
        self.name_op(location, name, ExprContext::Store);
        if is_module {
            let front = self.unit.sequence.instructions.split_off(body);
            self.unit.sequence.annotations = Some(front);
        }
        Ok(())
    }

    fn deferred_annotation(
        &mut self,
        scope_location: Location,
        statement: &'a Stmt<'a>,
        number: Option<u32>,
        is_module: bool,
    ) -> Gen {
        let StmtKind::AnnAssign { target, annotation, .. } = &statement.kind else { return Ok(()) };
        let ExprKind::Name { id, .. } = target.kind else { return Ok(()) };
        let location = Location::from(statement.span);
        let not_set = self.label();
        if let Some(number) = number {
            self.load_const(location, Const::Int(i64::from(number)));
            if is_module {
                let index = self.unit.names.add(CONDITIONAL);
                self.op_i(location, Op::LOAD_GLOBAL, index << 1);
            } else {
                let cell = self.unit.freevars.add(CONDITIONAL);
                self.op_i(location, Op::LOAD_DEREF, cell);
            }
            self.op_i(location, Op::CONTAINS_OP, 0);
            self.jump(location, Op::POP_JUMP_IF_FALSE, not_set);
        }
        self.expression(annotation)?;
        self.op_i(location, Op::COPY, 2);
        let name = self.mangle(id);
        self.load_const(location, string(name));
        self.op(scope_location, Op::STORE_SUBSCR);
        self.place(not_set);
        Ok(())
    }
}
