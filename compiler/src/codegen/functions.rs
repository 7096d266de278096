//! Functions and lambdas.

use super::compiler::{Compiler, Gen, ScopeEntry};
use super::constants::string;
use super::location::Location;
use super::symbol_table::{BlockKey, Role};
use super::unit::{FrameBlockKind, ParameterCounts, ScopeType};
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{CodegenOpcode as Op, Intrinsic1, Intrinsic2, function_attribute};
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;

const NONE: Location = Location::NONE;

/// The parts that `def` and `async def` share.
#[derive(Clone, Copy)]
struct Definition<'a> {
    name: &'a str,
    args: &'a Arguments<'a>,
    body: &'a [Stmt<'a>],
    decorators: &'a [ExprRef<'a>],
    returns: Option<ExprRef<'a>>,
    type_params: &'a [TypeParam<'a>],
    is_async: bool,
}

impl<'a> Definition<'a> {
    fn new(statement: &Stmt<'a>) -> Option<Definition<'a>> {
        match statement.kind {
            StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_params, .. } => {
                Some(Definition { name, args, body, decorators: decorator_list, returns, type_params, is_async: false })
            }
            StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_params, .. } => {
                Some(Definition { name, args, body, decorators: decorator_list, returns, type_params, is_async: true })
            }
            _ => None,
        }
    }
}

/// The line where a definition begins: that of its first decorator.
pub(super) fn first_line(statement: &Stmt<'_>, decorators: &[ExprRef<'_>]) -> i32 {
    decorators.first().map_or(statement.span.line, |decorator| decorator.span.line) as i32
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn function(&mut self, statement: &'a Stmt<'a>) -> Gen {
        let Some(definition) = Definition::new(statement) else { return Ok(()) };
        let location = Location::from(statement.span);
        self.expressions(definition.decorators)?;
        let first_line = first_line(statement, definition.decorators);
        let mut flags = self.default_arguments(location, definition.args)?;
        let is_generic = !definition.type_params.is_empty();
        let mut moved = 0;
        if is_generic {
            // The defaults are evaluated outside of the scope of the type parameters and passed into it.
            moved = (flags & (function_attribute::DEFAULTS | function_attribute::KWDEFAULTS)).count_ones();
            if moved == 2 {
                self.op_i(location, Op::SWAP, 2);
            }
            self.enter_type_params(statement, definition.name, first_line, None, moved)?;
            self.type_params(definition.type_params)?;
            (0..moved).for_each(|slot| self.op_i(location, Op::LOAD_FAST, slot));
        }
        flags |= self.function_annotations(statement, definition.args, definition.returns)?;
        self.function_body(statement, definition, flags, first_line)?;
        if is_generic {
            self.op_i(location, Op::SWAP, 2);
            self.op_i(location, Op::CALL_INTRINSIC_2, Intrinsic2::SetFunctionTypeParams as u32);
            let code = self.leave_scope(false)?;
            self.make_closure(location, code, 0)?;
            if moved > 0 {
                self.op_i(location, Op::SWAP, moved + 1);
                self.op_i(location, Op::CALL, moved - 1);
            } else {
                self.op(location, Op::PUSH_NULL);
                self.op_i(location, Op::CALL, 0);
            }
        }
        self.apply_decorators(definition.decorators);
        self.name_op(location, definition.name, ExprContext::Store);
        Ok(())
    }

    pub(super) fn apply_decorators(&mut self, decorators: &'a [ExprRef<'a>]) {
        for decorator in decorators.iter().rev() {
            self.op_i(decorator.span.into(), Op::CALL, 0);
        }
    }

    /// The scope that holds the type parameters of a definition; `parameters` are passed into it.
    pub(super) fn enter_type_params(
        &mut self,
        statement: &'a Stmt<'a>,
        name: &str,
        first_line: i32,
        private: Option<&'a str>,
        parameters: u32,
    ) -> Gen {
        let name = self.arena.alloc_str(&format!("<generic parameters of {name}>"));
        self.enter_scope(ScopeEntry {
            name,
            scope_type: ScopeType::Annotations,
            key: BlockKey::new(statement, Role::TypeParameters),
            first_line,
            private,
            parameters: ParameterCounts { positional: parameters, ..Default::default() },
        })
    }

    fn function_body(&mut self, statement: &'a Stmt<'a>, definition: Definition<'a>, flags: u32, first_line: i32) -> Gen {
        let scope_type = if definition.is_async { ScopeType::AsyncFunction } else { ScopeType::Function };
        self.enter_scope(ScopeEntry {
            name: definition.name,
            scope_type,
            key: Self::key(statement),
            first_line,
            private: None,
            parameters: parameter_counts(definition.args),
        })?;
        if self.block().has_docstring
            && let Some((value, text)) = super::docstring::docstring_of(definition.body)
        {
            // The first constant of a function with CO_HAS_DOCSTRING is its docstring.
            self.unit.consts.add(Const::Str(super::docstring::checked_clean(text, value.span)?));
        }
        let block = self.block();
        let is_generator = block.coroutine || block.generator;
        if is_generator {
            self.push_block(FrameBlockKind::StopIteration, NONE, None, None)?;
        }
        self.statements_after_docstring(definition.body)?;
        if is_generator {
            self.wrap_in_stopiteration_handler();
            self.pop_block();
        }
        let code = self.leave_scope(true)?;
        self.make_closure(statement.span.into(), code, flags)
    }

    /// A StopIteration that leaves a generator becomes a RuntimeError (PEP 479).
    pub(super) fn wrap_in_stopiteration_handler(&mut self) {
        let handler = self.label();
        self.unit.sequence.insert_first(Op::SETUP_CLEANUP, handler.0, NONE);
        self.load_none(NONE);
        self.op(NONE, Op::RETURN_VALUE);
        self.place(handler);
        self.op_i(NONE, Op::CALL_INTRINSIC_1, Intrinsic1::StopIterationError as u32);
        self.op_i(NONE, Op::RERAISE, 1);
    }

    /// Pushes the tuple and the dict of defaults; returns which of them there are.
    fn default_arguments(&mut self, location: Location, args: &'a Arguments<'a>) -> Result<u32, SyntaxError> {
        let mut flags = 0;
        if !args.defaults.is_empty() {
            flags |= function_attribute::DEFAULTS;
            self.expressions(args.defaults)?;
            self.op_i(location, Op::BUILD_TUPLE, args.defaults.len() as u32);
        }
        let mut count = 0;
        for (arg, default) in args.kwonlyargs.iter().zip(args.kw_defaults) {
            if let Some(default) = default {
                count += 1;
                let name = self.mangle(arg.arg);
                self.load_const(location, string(name));
                self.expression(default)?;
            }
        }
        if count > 0 {
            flags |= function_attribute::KWDEFAULTS;
            self.op_i(location, Op::BUILD_MAP, count);
        }
        Ok(flags)
    }

    pub(super) fn lambda(&mut self, whole: ExprRef<'a>, args: &'a Arguments<'a>, body: ExprRef<'a>) -> Gen {
        let location = Location::from(whole.span);
        let flags = self.default_arguments(location, args)?;
        self.enter_scope(ScopeEntry {
            name: "<lambda>",
            scope_type: ScopeType::Lambda,
            key: Self::key(whole),
            first_line: whole.span.line as i32,
            private: None,
            parameters: parameter_counts(args),
        })?;
        self.expression(body)?;
        let is_generator = self.block().generator;
        if !is_generator {
            self.op(body.span.into(), Op::RETURN_VALUE);
        }
        let code = self.leave_scope(!is_generator)?;
        self.make_closure(location, code, flags)
    }
}

fn parameter_counts(args: &Arguments<'_>) -> ParameterCounts {
    ParameterCounts {
        positional_only: args.posonlyargs.len() as u32,
        positional: args.args.len() as u32,
        keyword_only: args.kwonlyargs.len() as u32,
    }
}
