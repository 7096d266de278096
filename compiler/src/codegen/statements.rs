//! Simple statements, imports, and the dispatch over all statements.

use super::compiler::{Compiler, Gen};
use super::location::Location;
use super::syntax_error;
use super::unit::ScopeType;
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{BinaryOperation, CodegenOpcode as Op, CommonConstant, Intrinsic1};
use crate::syntax::ast::*;

impl<'a> Compiler<'a, '_> {
    pub(super) fn statements(&mut self, body: &'a [Stmt<'a>]) -> Gen {
        body.iter().try_for_each(|statement| self.statement(statement))
    }

    /// Statements that may run or not; annotations in them are conditional.
    pub(super) fn conditionally(&mut self, generate: impl FnOnce(&mut Self) -> Gen) -> Gen {
        let outer = std::mem::replace(&mut self.unit.in_conditional_block, true);
        generate(self)?;
        self.unit.in_conditional_block = outer;
        Ok(())
    }

    pub(super) fn statement(&mut self, statement: &'a Stmt<'a>) -> Gen {
        self.guard.check()?;
        let location = Location::from(statement.span);
        match &statement.kind {
            StmtKind::FunctionDef { .. } | StmtKind::AsyncFunctionDef { .. } => self.function(statement),
            StmtKind::ClassDef { .. } => self.class(statement),
            StmtKind::TypeAlias { .. } => self.type_alias(statement),
            StmtKind::Return { value } => self.return_statement(statement.span, *value),
            StmtKind::Delete { targets } => targets.iter().try_for_each(|target| self.expression(target)),
            StmtKind::Assign { targets, value, .. } => {
                self.expression(value)?;
                let last = targets.len().saturating_sub(1);
                for (position, target) in targets.iter().enumerate() {
                    if position < last {
                        self.op_i(location, Op::COPY, 1);
                    }
                    self.expression(target)?;
                }
                Ok(())
            }
            StmtKind::AugAssign { target, op, value } => self.augmented_assignment(location, target, *op, value),
            StmtKind::AnnAssign { .. } => self.annotated_assignment(statement),
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.conditionally(|this| this.for_loop(location, target, iter, body, orelse))
            }
            StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
                self.conditionally(|this| this.async_for_loop(location, target, iter, body, orelse))
            }
            StmtKind::While { test, body, orelse } => {
                self.conditionally(|this| this.while_loop(location, test, body, orelse))
            }
            StmtKind::If { test, body, orelse } => self.conditionally(|this| this.if_statement(test, body, orelse)),
            StmtKind::With { items, body, .. } => self.conditionally(|this| this.with_statement(items, body)),
            StmtKind::AsyncWith { items, body, .. } => self.conditionally(|this| this.async_with_statement(items, body)),
            StmtKind::Match { subject, cases } => self.conditionally(|this| this.match_statement(subject, cases)),
            StmtKind::Raise { exc, cause } => {
                let mut count = 0;
                if let Some(exc) = exc {
                    self.expression(exc)?;
                    count += 1;
                    if let Some(cause) = cause {
                        self.expression(cause)?;
                        count += 1;
                    }
                }
                self.op_i(location, Op::RAISE_VARARGS, count);
                Ok(())
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                self.conditionally(|this| this.try_statement(location, body, handlers, orelse, finalbody, false))
            }
            StmtKind::TryStar { body, handlers, orelse, finalbody } => {
                self.conditionally(|this| this.try_statement(location, body, handlers, orelse, finalbody, true))
            }
            StmtKind::Assert { test, msg } => self.assert_statement(location, test, *msg),
            StmtKind::Import { names } => {
                names.iter().for_each(|alias| self.import(location, alias));
                Ok(())
            }
            StmtKind::ImportFrom { module, names, level } => {
                self.import_from(statement.span, *module, names, level.unwrap_or(0))
            }
            StmtKind::Global { .. } | StmtKind::Nonlocal { .. } => Ok(()),
            StmtKind::Expr { value } => self.expression_statement(location, value),
            StmtKind::Pass {} => {
                self.op(location, Op::NOP);
                Ok(())
            }
            StmtKind::Break {} => self.leave_loop(statement.span, "'break' outside loop", |block| block.exit),
            StmtKind::Continue {} => {
                self.leave_loop(statement.span, "'continue' not properly in loop", |block| block.start)
            }
        }
    }

    fn expression_statement(&mut self, location: Location, value: ExprRef<'a>) -> Gen {
        if self.interactive && self.unit.scope_type == ScopeType::Module {
            self.expression(value)?;
            self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::Print as u32);
            self.op(Location::NONE, Op::POP_TOP);
            return Ok(());
        }
        if self.constant_of(value).is_some() {
            self.op(location, Op::NOP);
            return Ok(());
        }
        self.expression(value)?;
        self.op(Location::NONE, Op::POP_TOP);
        Ok(())
    }

    fn return_statement(&mut self, span: Span, value: Option<ExprRef<'a>>) -> Gen {
        let mut location = Location::from(span);
        let block = self.block();
        if !block.kind.is_function_like() {
            return Err(syntax_error("'return' outside function".to_owned(), span));
        }
        if value.is_some() && block.coroutine && block.generator {
            return Err(syntax_error("'return' with value in async generator".to_owned(), span));
        }
        let constant = value.and_then(|value| self.constant_of(value));
        let preserve_top = value.is_some() && constant.is_none();
        if let Some(value) = value {
            if preserve_top {
                self.expression(value)?;
            } else {
                location = value.span.into();
                self.op(location, Op::NOP);
            }
        }
        if value.is_none_or(|value| value.span.line != span.line) {
            location = span.into();
            self.op(location, Op::NOP);
        }
        self.unwind_blocks(&mut location, preserve_top, false)?;
        if !preserve_top {
            self.load_const(location, constant.unwrap_or(Const::None));
        }
        self.op(location, Op::RETURN_VALUE);
        Ok(())
    }

    fn if_statement(&mut self, test: ExprRef<'a>, body: &'a [Stmt<'a>], orelse: &'a [Stmt<'a>]) -> Gen {
        let end = self.label();
        let next = if orelse.is_empty() { end } else { self.label() };
        self.jump_if(test, next, false)?;
        self.statements(body)?;
        if !orelse.is_empty() {
            self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
            self.place(next);
            self.statements(orelse)?;
        }
        self.place(end);
        Ok(())
    }

    fn assert_statement(&mut self, location: Location, test: ExprRef<'a>, msg: Option<ExprRef<'a>>) -> Gen {
        let always_true = match &test.kind {
            ExprKind::Tuple { elts, .. } => !elts.is_empty(),
            ExprKind::Constant { value: Constant::Tuple(items), .. } => !items.is_empty(),
            _ => false,
        };
        if always_true {
            let span = Span {
                line: location.line as u32,
                col: location.col as u32,
                end_line: location.end_line as u32,
                end_col: location.end_col as u32,
            };
            self.warn("assertion is always true, perhaps remove parentheses?".to_owned(), span);
        }
        if self.options.optimize > 0 {
            return Ok(());
        }
        let end = self.label();
        self.jump_if(test, end, true)?;
        self.op_i(location, Op::LOAD_COMMON_CONSTANT, CommonConstant::AssertionError as u32);
        if let Some(msg) = msg {
            self.expression(msg)?;
            self.op_i(location, Op::CALL, 0);
        }
        self.op_i(test.span.into(), Op::RAISE_VARARGS, 1);
        self.place(end);
        Ok(())
    }

    fn augmented_assignment(&mut self, location: Location, target: ExprRef<'a>, op: Operator, value: ExprRef<'a>) -> Gen {
        let place = Location::from(target.span);
        match &target.kind {
            ExprKind::Attribute { value: owner, attr, .. } => {
                self.expression(owner)?;
                self.op_i(place, Op::COPY, 1);
                self.op_attr(attribute_location(place, target, attr), attr, false);
            }
            ExprKind::Subscript { value: container, slice, .. } => {
                self.expression(container)?;
                if self.is_two_part_slice(slice) {
                    self.slice_bounds(slice)?;
                    (0..3).for_each(|_| self.op_i(place, Op::COPY, 3));
                    self.op(place, Op::BINARY_SLICE);
                } else {
                    self.expression(slice)?;
                    (0..2).for_each(|_| self.op_i(place, Op::COPY, 2));
                    self.op_i(place, Op::BINARY_OP, BinaryOperation::Subscr as u32);
                }
            }
            ExprKind::Name { id, .. } => self.name_op(place, id, ExprContext::Load),
            _ => {
                let message = "illegal expression for augmented assignment".to_owned();
                return Err(syntax_error(message, target.span));
            }
        }
        self.expression(value)?;
        self.op_i(location, Op::BINARY_OP, super::expressions::binary_operation(op) as u32 + INPLACE);
        match &target.kind {
            ExprKind::Attribute { attr, .. } => {
                let place = attribute_location(place, target, attr);
                self.op_i(place, Op::SWAP, 2);
                self.op_name(place, Op::STORE_ATTR, attr);
            }
            ExprKind::Subscript { slice, .. } => {
                if self.is_two_part_slice(slice) {
                    [4, 3, 2].into_iter().for_each(|depth| self.op_i(place, Op::SWAP, depth));
                    self.op(place, Op::STORE_SLICE);
                } else {
                    [3, 2].into_iter().for_each(|depth| self.op_i(place, Op::SWAP, depth));
                    self.op(place, Op::STORE_SUBSCR);
                }
            }
            ExprKind::Name { id, .. } => self.name_op(place, id, ExprContext::Store),
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, location: Location, alias: &'a Alias<'a>) {
        self.load_int(location, 0);
        self.load_none(location);
        self.op_name(location, Op::IMPORT_NAME, alias.name);
        let mut parts = alias.name.split('.');
        let first = parts.next().unwrap_or(alias.name);
        let Some(asname) = alias.asname else {
            self.name_op(location, first, ExprContext::Store);
            return;
        };
        // `import a.b.c as d` binds the submodule: IMPORT_NAME gave the package.
        let mut is_dotted = false;
        for part in parts {
            if is_dotted {
                self.op_i(location, Op::SWAP, 2);
                self.op(location, Op::POP_TOP);
            }
            let index = self.unit.names.add(part);
            self.op_i(location, Op::IMPORT_FROM, index);
            is_dotted = true;
        }
        self.name_op(location, asname, ExprContext::Store);
        if is_dotted {
            self.op(location, Op::POP_TOP);
        }
    }

    fn import_from(&mut self, span: Span, module: Option<&'a str>, names: &'a [Alias<'a>], level: i32) -> Gen {
        let location = Location::from(span);
        self.load_const(location, Const::Int(i64::from(level)));
        let tuple = names.iter().map(|alias| super::constants::string(alias.name)).collect();
        self.load_const(location, Const::Tuple(tuple));
        self.op_name(location, Op::IMPORT_NAME, module.unwrap_or(""));
        for (position, alias) in names.iter().enumerate() {
            if position == 0 && alias.name.starts_with('*') {
                self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::ImportStar as u32);
                self.op(Location::NONE, Op::POP_TOP);
                return Ok(());
            }
            self.op_name(location, Op::IMPORT_FROM, alias.name);
            self.name_op(location, alias.asname.unwrap_or(alias.name), ExprContext::Store);
        }
        self.op(location, Op::POP_TOP);
        Ok(())
    }
}

/// The distance from a binary operation to its in-place form.
const INPLACE: u32 = BinaryOperation::InplaceAdd as u32;

/// The place of an attribute access that ends on another line than it begins: the name alone.
pub(super) fn attribute_location(mut location: Location, node: &Expr<'_>, attr: &str) -> Location {
    let end_line = node.span.end_line as i32;
    if location.line != end_line && location != Location::NONE {
        location.line = end_line;
        let length = attr.chars().count() as i32;
        let end_col = node.span.end_col as i32;
        if length <= end_col {
            location.col = end_col - length;
        } else {
            // Only in trees that were not parsed from text.
            location.col = -1;
            location.end_col = -1;
        }
        location.end_line = location.end_line.max(location.line);
    }
    location
}
