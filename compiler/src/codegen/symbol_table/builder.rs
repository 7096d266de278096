//! First pass over statements, definitions and type parameters. Expressions are in the sibling module.

use bumpalo::Bump;
use hashbrown::{HashMap, HashSet};

use super::{
    Block, BlockId, BlockKey, BlockKind, ComprehensionKind, Role, Scope, Symbol, SymbolFlags, SymbolMap, SymbolTable,
    SymbolTableOptions, mangle_in,
};
use crate::codegen::docstring::docstring_of;
use crate::codegen::recursion::StackGuard;
use crate::codegen::syntax_error;
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;

pub(super) type Visit = Result<(), SyntaxError>;

pub(super) struct Builder<'a> {
    pub(super) arena: &'a Bump,
    pub(super) options: SymbolTableOptions,
    pub(super) guard: StackGuard,
    pub(super) table: SymbolTable<'a>,
    /// The open blocks, innermost last.
    pub(super) stack: Vec<BlockId>,
    /// The class whose private names are mangled.
    pub(super) private: Option<&'a str>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(arena: &'a Bump, options: SymbolTableOptions, guard: StackGuard) -> Builder<'a> {
        let table = SymbolTable { blocks: Vec::new(), top: BlockId(0), keys: HashMap::new() };
        Builder { arena, options, guard, table, stack: Vec::new(), private: None }
    }

    pub(super) fn run(mut self, module: &'a Mod<'a>) -> Result<SymbolTable<'a>, SyntaxError> {
        let span = Span::default();
        let top = self.new_block("top", BlockKind::Module, BlockKey::new(module, Role::Body), span);
        self.table.top = top;
        self.enter_existing(top);
        match module {
            Mod::Module { body, .. } => {
                self.current().has_docstring = self.has_docstring(body);
                self.statements(body)?;
            }
            Mod::Interactive { body } => self.statements(body)?,
            Mod::Expression { body } => self.expression(body)?,
            Mod::FunctionType { .. } => {
                return Err(syntax_error("this compiler does not handle FunctionTypes".to_owned(), span));
            }
        }
        self.exit();
        Ok(self.table)
    }

    pub(super) fn current_id(&self) -> BlockId {
        self.stack.last().copied().unwrap_or(self.table.top)
    }

    pub(super) fn current(&mut self) -> &mut Block<'a> {
        let id = self.current_id();
        self.table.block_mut(id)
    }

    pub(super) fn current_kind(&self) -> BlockKind {
        self.table.block(self.current_id()).kind
    }

    fn has_docstring(&self, body: &[Stmt<'a>]) -> bool {
        self.options.optimize < 2 && docstring_of(body).is_some()
    }

    /// A block that is not entered yet.
    pub(super) fn new_block(&mut self, name: &'a str, kind: BlockKind, key: BlockKey, span: Span) -> BlockId {
        let mut nested = false;
        let mut is_method = false;
        if let Some(&outer) = self.stack.last() {
            let outer = self.table.block(outer);
            nested = outer.nested || outer.kind.is_function_like();
            is_method = outer.kind == BlockKind::Class && kind == BlockKind::Function;
        }
        let id = BlockId(self.table.blocks.len() as u32);
        self.table.blocks.push(Block {
            name,
            kind,
            span,
            symbols: SymbolMap::default(),
            children: Vec::new(),
            varnames: Vec::new(),
            directives: Vec::new(),
            nested,
            generator: false,
            coroutine: false,
            annotations_used: false,
            comprehension: ComprehensionKind::None,
            varargs: false,
            varkeywords: false,
            returns_value: false,
            needs_class_closure: false,
            needs_classdict: false,
            comp_inlined: false,
            comp_iter_target: false,
            comp_iter_expr: 0,
            can_see_class_scope: false,
            has_docstring: false,
            is_method,
            in_unevaluated_annotation: false,
            has_conditional_annotations: false,
            in_conditional_block: false,
            annotation_block: None,
            scope_info: None,
            mangled_names: None,
        });
        self.table.keys.insert(key, id);
        id
    }

    pub(super) fn enter_existing(&mut self, id: BlockId) {
        let outer = self.stack.last().copied();
        self.stack.push(id);
        let Some(outer) = outer else { return };
        // `:=` is refused in the outermost iterable of a comprehension, and in every block inside it.
        self.table.block_mut(id).comp_iter_expr = self.table.block(outer).comp_iter_expr;
        let kind = self.table.block(id).kind;
        if kind != BlockKind::Class
            && let Some(names) = self.table.block(outer).mangled_names.clone()
        {
            self.table.block_mut(id).mangled_names = Some(names);
        }
        // Annotations that become strings have no part in the analysis.
        if kind == BlockKind::Annotation && self.options.future.annotations() {
            return;
        }
        let children = &mut self.table.block_mut(outer).children;
        // Only the annotation block of a module or class is entered more than once.
        if kind != BlockKind::Annotation || !children.contains(&id) {
            children.push(id);
        }
    }

    pub(super) fn enter(&mut self, name: &'a str, kind: BlockKind, key: BlockKey, span: Span) -> Visit {
        let id = self.new_block(name, kind, key, span);
        self.enter_existing(id);
        if matches!(kind, BlockKind::Annotation | BlockKind::TypeVariable | BlockKind::TypeAlias) {
            // The parameter that says in which format the annotations are wanted.
            self.define(".format", SymbolFlags::PARAM, span)?;
            self.define(".format", SymbolFlags::USE, span)?;
        }
        Ok(())
    }

    pub(super) fn exit(&mut self) {
        self.stack.pop();
    }

    /// Notes `flag` for `name` in the current block.
    pub(super) fn define(&mut self, name: &'a str, flag: SymbolFlags, span: Span) -> Visit {
        let id = self.current_id();
        self.define_in(id, name, flag, span)
    }

    /// Also checks that a name that is bound or deleted is not `__debug__`.
    pub(super) fn define_checked(&mut self, name: &'a str, flag: SymbolFlags, span: Span, context: ExprContext) -> Visit {
        let binds = flag.intersects(SymbolFlags::PARAM | SymbolFlags::LOCAL | SymbolFlags::IMPORT | SymbolFlags::TYPE_PARAM);
        if binds {
            check_name(name, span, context)?;
        }
        if flag.contains(SymbolFlags::TYPE_PARAM)
            && let Some(names) = &mut self.current().mangled_names
        {
            names.insert(name);
        }
        self.define(name, flag, span)
    }

    pub(super) fn define_in(&mut self, id: BlockId, name: &'a str, flag: SymbolFlags, span: Span) -> Visit {
        let mangled = mangle_in(self.arena, self.private, self.table.block(self.current_id()), name);
        let block = self.table.block_mut(id);
        let mut flags = block.flags_of(mangled);
        if flag.contains(SymbolFlags::PARAM) && flags.contains(SymbolFlags::PARAM) {
            return Err(syntax_error(format!("duplicate argument '{name}' in function definition"), span));
        }
        if flag.contains(SymbolFlags::TYPE_PARAM) && flags.contains(SymbolFlags::TYPE_PARAM) {
            return Err(syntax_error(format!("duplicate type parameter '{name}'"), span));
        }
        flags |= flag;
        if block.comp_iter_target {
            if flags.intersects(SymbolFlags::GLOBAL | SymbolFlags::NONLOCAL) {
                let message = format!("comprehension inner loop cannot rebind assignment expression target '{name}'");
                return Err(syntax_error(message, span));
            }
            flags |= SymbolFlags::COMP_ITER;
        }
        block.symbols.set(mangled, Symbol { flags, scope: Scope::Unknown });
        if flag.contains(SymbolFlags::PARAM) {
            block.varnames.push(mangled);
        } else if flag.contains(SymbolFlags::GLOBAL) {
            let top = self.table.top;
            let module = self.table.block_mut(top);
            let flags = flag | module.flags_of(mangled);
            module.symbols.set(mangled, Symbol { flags, scope: Scope::Unknown });
        }
        Ok(())
    }

    pub(super) fn lookup_in(&self, id: BlockId, name: &'a str) -> SymbolFlags {
        let mangled = mangle_in(self.arena, self.private, self.table.block(self.current_id()), name);
        self.table.block(id).flags_of(mangled)
    }

    pub(super) fn record_directive(&mut self, name: &'a str, span: Span) {
        let mangled = mangle_in(self.arena, self.private, self.table.block(self.current_id()), name);
        self.current().directives.push((mangled, span));
    }

    pub(super) fn statements(&mut self, body: &'a [Stmt<'a>]) -> Visit {
        body.iter().try_for_each(|statement| self.statement(statement))
    }

    /// Statements that may run or not: annotations in them are conditional.
    fn conditionally(&mut self, visit: impl FnOnce(&mut Self) -> Visit) -> Visit {
        let outer = std::mem::replace(&mut self.current().in_conditional_block, true);
        visit(self)?;
        self.current().in_conditional_block = outer;
        Ok(())
    }

    fn allows_top_level_await(&self) -> bool {
        self.options.allow_top_level_await && self.current_kind() == BlockKind::Module
    }

    pub(super) fn in_async_function(&self) -> bool {
        let block = self.table.block(self.current_id());
        block.kind == BlockKind::Function && block.coroutine
    }

    /// `async for` and `async with` need an async function, or a module where top-level await is allowed.
    fn check_async_statement(&mut self, message: &str, span: Span) -> Visit {
        if self.allows_top_level_await() {
            self.current().coroutine = true;
        } else if !self.in_async_function() {
            return Err(syntax_error(message.to_owned(), span));
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'a Stmt<'a>) -> Visit {
        self.guard.check()?;
        let span = statement.span;
        match &statement.kind {
            StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_params, .. } => {
                self.function(statement, name, args, body, decorator_list, *returns, type_params, false)?;
            }
            StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_params, .. } => {
                self.function(statement, name, args, body, decorator_list, *returns, type_params, true)?;
            }
            StmtKind::ClassDef { .. } => self.class(statement)?,
            StmtKind::Return { value } => {
                if let Some(value) = value {
                    self.expression(value)?;
                    self.current().returns_value = true;
                }
            }
            StmtKind::Delete { targets } => self.expressions(targets)?,
            StmtKind::Assign { targets, value, .. } => {
                self.expressions(targets)?;
                self.expression(value)?;
            }
            StmtKind::TypeAlias { name, type_params, value } => self.type_alias(statement, name, type_params, value)?,
            StmtKind::AugAssign { target, value, .. } => {
                self.expression(target)?;
                self.expression(value)?;
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.annotated_assignment(span, target, annotation, *value, *simple != 0)?;
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.expression(target)?;
                self.expression(iter)?;
                self.conditionally(|this| {
                    this.statements(body)?;
                    this.statements(orelse)
                })?;
            }
            StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
                self.check_async_statement("'async for' outside async function", span)?;
                self.expression(target)?;
                self.expression(iter)?;
                self.conditionally(|this| {
                    this.statements(body)?;
                    this.statements(orelse)
                })?;
            }
            StmtKind::While { test, body, orelse } | StmtKind::If { test, body, orelse } => {
                self.expression(test)?;
                self.conditionally(|this| {
                    this.statements(body)?;
                    this.statements(orelse)
                })?;
            }
            StmtKind::With { items, body, .. } => self.with(items, body)?,
            StmtKind::AsyncWith { items, body, .. } => {
                self.check_async_statement("'async with' outside async function", span)?;
                self.with(items, body)?;
            }
            StmtKind::Match { subject, cases } => {
                self.expression(subject)?;
                self.conditionally(|this| {
                    cases.iter().try_for_each(|case| {
                        this.pattern(case.pattern)?;
                        this.optional(case.guard)?;
                        this.statements(case.body)
                    })
                })?;
            }
            StmtKind::Raise { exc, cause } => {
                self.optional(*exc)?;
                self.optional(*cause)?;
            }
            StmtKind::Try { body, handlers, orelse, finalbody }
            | StmtKind::TryStar { body, handlers, orelse, finalbody } => {
                self.conditionally(|this| {
                    this.statements(body)?;
                    for handler in *handlers {
                        let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
                        this.optional(*type_)?;
                        if let Some(name) = name {
                            this.define_checked(name, SymbolFlags::LOCAL, handler.span, ExprContext::Store)?;
                        }
                        this.statements(body)?;
                    }
                    this.statements(orelse)?;
                    this.statements(finalbody)
                })?;
            }
            StmtKind::Assert { test, msg } => {
                self.expression(test)?;
                self.optional(*msg)?;
            }
            StmtKind::ImportFrom { module: Some("__future__"), level: None | Some(0), .. }
                if (span.line, span.col) > self.options.last_future_import =>
            {
                let message = "from __future__ imports must occur at the beginning of the file";
                return Err(syntax_error(message.to_owned(), span));
            }
            StmtKind::Import { names } | StmtKind::ImportFrom { names, .. } => {
                names.iter().try_for_each(|alias| self.alias(alias))?;
            }
            StmtKind::Global { names } => self.global_or_nonlocal(names, span, SymbolFlags::GLOBAL)?,
            StmtKind::Nonlocal { names } => self.global_or_nonlocal(names, span, SymbolFlags::NONLOCAL)?,
            StmtKind::Expr { value } => self.expression(value)?,
            StmtKind::Pass {} | StmtKind::Break {} | StmtKind::Continue {} => {}
        }
        Ok(())
    }

    fn with(&mut self, items: &'a [WithItem<'a>], body: &'a [Stmt<'a>]) -> Visit {
        self.conditionally(|this| {
            for item in items {
                this.expression(item.context_expr)?;
                this.optional(item.optional_vars)?;
            }
            this.statements(body)
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn function(
        &mut self,
        statement: &'a Stmt<'a>,
        name: &'a str,
        args: &'a Arguments<'a>,
        body: &'a [Stmt<'a>],
        decorators: &'a [ExprRef<'a>],
        returns: Option<ExprRef<'a>>,
        type_params: &'a [TypeParam<'a>],
        is_async: bool,
    ) -> Visit {
        let span = statement.span;
        self.define_checked(name, SymbolFlags::LOCAL, span, ExprContext::Store)?;
        self.expressions(args.defaults)?;
        args.kw_defaults.iter().try_for_each(|default| self.optional(*default))?;
        self.expressions(decorators)?;
        if !type_params.is_empty() {
            let key = BlockKey::new(statement, Role::TypeParameters);
            let has_kwdefaults = args.kw_defaults.iter().any(Option::is_some);
            self.enter_type_params(name, key, span, true, has_kwdefaults, false)?;
            type_params.iter().try_for_each(|param| self.type_param(param))?;
        }
        let block = self.new_block(name, BlockKind::Function, BlockKey::new(statement, Role::Body), span);
        self.function_annotations(statement, args, returns)?;
        self.enter_existing(block);
        self.current().coroutine = is_async;
        self.arguments(args)?;
        self.current().has_docstring = self.has_docstring(body);
        self.statements(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    /// The block of a function's annotations; it exists even if there are none.
    fn function_annotations(
        &mut self,
        statement: &'a Stmt<'a>,
        args: &'a Arguments<'a>,
        returns: Option<ExprRef<'a>>,
    ) -> Visit {
        let span = statement.span;
        let outer = self.current();
        let sees_class = outer.can_see_class_scope || outer.kind == BlockKind::Class;
        self.enter("__annotate__", BlockKind::Annotation, BlockKey::new(statement, Role::Annotations), span)?;
        if sees_class {
            self.current().can_see_class_scope = true;
            self.define("__classdict__", SymbolFlags::USE, span)?;
        }
        let vararg = args.vararg.into_iter().chain(args.kwarg);
        for arg in args.posonlyargs.iter().chain(args.args).chain(vararg).chain(args.kwonlyargs) {
            if let Some(annotation) = arg.annotation {
                self.current().annotations_used = true;
                self.expression(annotation)?;
            }
        }
        if let Some(returns) = returns {
            self.current().annotations_used = true;
            self.expression(returns)?;
        }
        self.exit();
        Ok(())
    }

    pub(super) fn arguments(&mut self, args: &'a Arguments<'a>) -> Visit {
        for arg in args.posonlyargs.iter().chain(args.args).chain(args.kwonlyargs) {
            self.define_checked(arg.arg, SymbolFlags::PARAM, arg.span, ExprContext::Store)?;
        }
        if let Some(arg) = args.vararg {
            self.define_checked(arg.arg, SymbolFlags::PARAM, arg.span, ExprContext::Store)?;
            self.current().varargs = true;
        }
        if let Some(arg) = args.kwarg {
            self.define_checked(arg.arg, SymbolFlags::PARAM, arg.span, ExprContext::Store)?;
            self.current().varkeywords = true;
        }
        Ok(())
    }

    fn class(&mut self, statement: &'a Stmt<'a>) -> Visit {
        let StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params } = &statement.kind else {
            return Ok(());
        };
        let span = statement.span;
        self.define_checked(name, SymbolFlags::LOCAL, span, ExprContext::Store)?;
        self.expressions(decorator_list)?;
        let outer_private = self.private;
        if !type_params.is_empty() {
            let key = BlockKey::new(statement, Role::TypeParameters);
            self.enter_type_params(name, key, span, false, false, true)?;
            self.private = Some(name);
            type_params.iter().try_for_each(|param| self.type_param(param))?;
        }
        self.expressions(bases)?;
        keywords.iter().try_for_each(|keyword| self.keyword(keyword))?;
        self.enter(name, BlockKind::Class, BlockKey::new(statement, Role::Body), span)?;
        self.private = Some(name);
        if !type_params.is_empty() {
            self.define("__type_params__", SymbolFlags::LOCAL, span)?;
            self.define(".type_params", SymbolFlags::USE, span)?;
        }
        self.current().has_docstring = self.has_docstring(body);
        self.statements(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        self.private = outer_private;
        Ok(())
    }

    fn enter_type_params(
        &mut self,
        name: &'a str,
        key: BlockKey,
        span: Span,
        has_defaults: bool,
        has_kwdefaults: bool,
        is_class: bool,
    ) -> Visit {
        let outer_kind = self.current_kind();
        self.enter(name, BlockKind::TypeParameters, key, span)?;
        if outer_kind == BlockKind::Class {
            self.current().can_see_class_scope = true;
            self.define("__classdict__", SymbolFlags::USE, span)?;
        }
        if is_class {
            // Set when the tuple of type parameters is made, used for the bases.
            self.define(".type_params", SymbolFlags::LOCAL, span)?;
            self.define(".type_params", SymbolFlags::USE, span)?;
            self.define(".generic_base", SymbolFlags::LOCAL, span)?;
            self.define(".generic_base", SymbolFlags::USE, span)?;
            self.current().mangled_names = Some(HashSet::new());
        }
        if has_defaults {
            self.define(".defaults", SymbolFlags::PARAM, span)?;
        }
        if has_kwdefaults {
            self.define(".kwdefaults", SymbolFlags::PARAM, span)?;
        }
        Ok(())
    }

    fn type_param(&mut self, param: &'a TypeParam<'a>) -> Visit {
        let (name, bound, default, default_info) = match &param.kind {
            TypeParamKind::TypeVar { name, bound, default_value } => (*name, *bound, *default_value, "a TypeVar default"),
            TypeParamKind::ParamSpec { name, default_value } => (*name, None, *default_value, "a ParamSpec default"),
            TypeParamKind::TypeVarTuple { name, default_value } => {
                (*name, None, *default_value, "a TypeVarTuple default")
            }
        };
        let flags = SymbolFlags::TYPE_PARAM | SymbolFlags::LOCAL;
        self.define_checked(name, flags, param.span, ExprContext::Store)?;
        if name == "__classdict__" {
            let message = format!("reserved name '{name}' cannot be used for type parameter");
            return Err(syntax_error(message, param.span));
        }
        if let Some(bound) = bound {
            let is_tuple = matches!(bound.kind, ExprKind::Tuple { .. });
            let info = if is_tuple { "a TypeVar constraint" } else { "a TypeVar bound" };
            self.bound_or_default(bound, name, BlockKey::new(param, Role::Bound), info)?;
        }
        if let Some(default) = default {
            self.bound_or_default(default, name, BlockKey::new(param, Role::Default), default_info)?;
        }
        Ok(())
    }

    fn bound_or_default(&mut self, value: ExprRef<'a>, name: &'a str, key: BlockKey, info: &'static str) -> Visit {
        let sees_class = self.current().can_see_class_scope;
        self.enter(name, BlockKind::TypeVariable, key, value.span)?;
        self.current().can_see_class_scope = sees_class;
        if sees_class {
            self.define("__classdict__", SymbolFlags::USE, value.span)?;
        }
        self.current().scope_info = Some(info);
        self.expression(value)?;
        self.exit();
        Ok(())
    }

    fn type_alias(
        &mut self,
        statement: &'a Stmt<'a>,
        name: ExprRef<'a>,
        type_params: &'a [TypeParam<'a>],
        value: ExprRef<'a>,
    ) -> Visit {
        self.expression(name)?;
        let span = statement.span;
        let alias = if let ExprKind::Name { id, .. } = name.kind { id } else { "" };
        let in_class = self.current_kind() == BlockKind::Class;
        if !type_params.is_empty() {
            let key = BlockKey::new(statement, Role::TypeParameters);
            self.enter_type_params(alias, key, span, false, false, false)?;
            type_params.iter().try_for_each(|param| self.type_param(param))?;
        }
        self.enter(alias, BlockKind::TypeAlias, BlockKey::new(statement, Role::Body), span)?;
        self.current().can_see_class_scope = in_class;
        if in_class {
            self.define("__classdict__", SymbolFlags::USE, value.span)?;
        }
        self.expression(value)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    fn annotated_assignment(
        &mut self,
        span: Span,
        target: ExprRef<'a>,
        annotation: ExprRef<'a>,
        value: Option<ExprRef<'a>>,
        simple: bool,
    ) -> Visit {
        self.current().annotations_used = true;
        if let ExprKind::Name { id, .. } = target.kind {
            let flags = self.lookup_in(self.current_id(), id);
            let is_module = self.current_id() == self.table.top;
            if flags.intersects(SymbolFlags::GLOBAL | SymbolFlags::NONLOCAL) && !is_module && simple {
                let word = if flags.contains(SymbolFlags::GLOBAL) { "global" } else { "nonlocal" };
                return Err(syntax_error(format!("annotated name '{id}' can't be {word}"), span));
            }
            if simple {
                let flags = SymbolFlags::ANNOT | SymbolFlags::LOCAL;
                self.define_checked(id, flags, target.span, ExprContext::Store)?;
            } else if value.is_some() {
                self.define_checked(id, SymbolFlags::LOCAL, target.span, ExprContext::Store)?;
            }
        } else {
            self.expression(target)?;
        }
        self.variable_annotation(annotation)?;
        self.optional(value)
    }

    /// The annotation of a variable: a part of the one annotation block of the module, class or function.
    fn variable_annotation(&mut self, annotation: ExprRef<'a>) -> Visit {
        let span = annotation.span;
        let outer = self.current_id();
        let block = self.table.block(outer);
        let kind = block.kind;
        let unevaluated = kind == BlockKind::Function;
        // A module may be run in part, so all its annotations count as conditional.
        let conditional = kind == BlockKind::Module || (kind == BlockKind::Class && block.in_conditional_block);
        if conditional && !block.has_conditional_annotations {
            self.current().has_conditional_annotations = true;
            self.define("__conditional_annotations__", SymbolFlags::USE, span)?;
        }
        match self.table.block(outer).annotation_block {
            Some(existing) => self.enter_existing(existing),
            None => {
                // One block per owner: found by the owner's number, which no node's address can equal.
                let key = BlockKey { address: outer.0 as usize, role: Role::Annotations };
                self.enter("__annotate__", BlockKind::Annotation, key, span)?;
                let id = self.current_id();
                self.table.block_mut(outer).annotation_block = Some(id);
                if kind == BlockKind::Class && !self.options.future.annotations() {
                    self.current().can_see_class_scope = true;
                    self.define("__classdict__", SymbolFlags::USE, span)?;
                }
            }
        }
        self.current().in_unevaluated_annotation = unevaluated;
        self.expression(annotation)?;
        self.current().in_unevaluated_annotation = false;
        self.exit();
        Ok(())
    }

    fn global_or_nonlocal(&mut self, names: &'a [&'a str], span: Span, flag: SymbolFlags) -> Visit {
        let word = if flag == SymbolFlags::GLOBAL { "global" } else { "nonlocal" };
        for &name in names {
            let flags = self.lookup_in(self.current_id(), name);
            let message = if flags.contains(SymbolFlags::PARAM) {
                Some(format!("name '{name}' is parameter and {word}"))
            } else if flags.contains(SymbolFlags::USE) {
                Some(format!("name '{name}' is used prior to {word} declaration"))
            } else if flags.contains(SymbolFlags::ANNOT) {
                Some(format!("annotated name '{name}' can't be {word}"))
            } else if flags.contains(SymbolFlags::LOCAL) {
                Some(format!("name '{name}' is assigned to before {word} declaration"))
            } else {
                None
            };
            if let Some(message) = message {
                return Err(syntax_error(message, span));
            }
            self.define(name, flag, span)?;
            self.record_directive(name, span);
        }
        Ok(())
    }

    fn alias(&mut self, alias: &'a Alias<'a>) -> Visit {
        let name = alias.asname.unwrap_or(alias.name);
        if name == "*" {
            if self.current_kind() != BlockKind::Module {
                return Err(syntax_error("import * only allowed at module level".to_owned(), alias.span));
            }
            return Ok(());
        }
        let stored = name.split('.').next().unwrap_or(name);
        self.define_checked(stored, SymbolFlags::IMPORT, alias.span, ExprContext::Store)
    }

    fn pattern(&mut self, pattern: &'a Pattern<'a>) -> Visit {
        self.guard.check()?;
        match &pattern.kind {
            PatternKind::MatchValue { value } => self.expression(value),
            PatternKind::MatchSingleton { .. } => Ok(()),
            PatternKind::MatchSequence { patterns } | PatternKind::MatchOr { patterns } => self.patterns(patterns),
            PatternKind::MatchStar { name } => self.captured(*name, pattern.span),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.expressions(keys)?;
                self.patterns(patterns)?;
                self.captured(*rest, pattern.span)
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.expression(cls)?;
                self.patterns(patterns)?;
                kwd_attrs.iter().try_for_each(|attr| check_name(attr, pattern.span, ExprContext::Store))?;
                self.patterns(kwd_patterns)
            }
            PatternKind::MatchAs { pattern: inner, name } => {
                if let Some(inner) = inner {
                    self.pattern(inner)?;
                }
                self.captured(*name, pattern.span)
            }
        }
    }

    fn patterns(&mut self, patterns: &'a [&'a Pattern<'a>]) -> Visit {
        patterns.iter().try_for_each(|pattern| self.pattern(pattern))
    }

    fn captured(&mut self, name: Option<&'a str>, span: Span) -> Visit {
        name.map_or(Ok(()), |name| self.define_checked(name, SymbolFlags::LOCAL, span, ExprContext::Store))
    }

    pub(super) fn keyword(&mut self, keyword: &'a Keyword<'a>) -> Visit {
        if let Some(arg) = keyword.arg {
            check_name(arg, keyword.span, ExprContext::Store)?;
        }
        self.expression(keyword.value)
    }
}

/// `__debug__` cannot be bound or deleted.
pub(super) fn check_name(name: &str, span: Span, context: ExprContext) -> Visit {
    if name != "__debug__" {
        return Ok(());
    }
    match context {
        ExprContext::Load => Ok(()),
        ExprContext::Store => Err(syntax_error("cannot assign to __debug__".to_owned(), span)),
        ExprContext::Del => Err(syntax_error("cannot delete __debug__".to_owned(), span)),
    }
}

impl BlockKey {
    /// The key of the annotation block of a module or class.
    pub(crate) fn annotations_of(block: BlockId) -> BlockKey {
        BlockKey { address: block.0 as usize, role: Role::Annotations }
    }
}
