//! First pass over expressions.

use super::builder::{Builder, Visit, check_name};
use super::{BlockKey, BlockKind, ComprehensionKind, Role, SymbolFlags};
use crate::codegen::syntax_error;
use crate::syntax::ast::*;

impl<'a> Builder<'a> {
    pub(super) fn expressions(&mut self, list: &'a [ExprRef<'a>]) -> Visit {
        list.iter().try_for_each(|expression| self.expression(expression))
    }

    pub(super) fn optional(&mut self, expression: Option<ExprRef<'a>>) -> Visit {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    pub(super) fn expression(&mut self, expression: ExprRef<'a>) -> Visit {
        self.guard.check()?;
        let span = expression.span;
        match &expression.kind {
            ExprKind::NamedExpr { target, value } => {
                self.refuse_in_annotation("named expression", span)?;
                self.named_expression(target, value, span)
            }
            ExprKind::BoolOp { values, .. } => self.expressions(values),
            ExprKind::BinOp { left, right, .. } => {
                self.expression(left)?;
                self.expression(right)
            }
            ExprKind::UnaryOp { operand, .. } => self.expression(operand),
            ExprKind::Lambda { args, body } => {
                self.expressions(args.defaults)?;
                args.kw_defaults.iter().try_for_each(|default| self.optional(*default))?;
                self.enter("lambda", BlockKind::Function, BlockKey::new(expression, Role::Body), span)?;
                self.arguments(args)?;
                self.expression(body)?;
                self.exit();
                Ok(())
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expression(test)?;
                self.expression(body)?;
                self.expression(orelse)
            }
            ExprKind::Dict { keys, values } => {
                keys.iter().try_for_each(|key| self.optional(*key))?;
                self.expressions(values)
            }
            ExprKind::Set { elts } | ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => self.expressions(elts),
            ExprKind::ListComp { elt, generators } => {
                self.comprehension(expression, "listcomp", ComprehensionKind::List, generators, elt, None)
            }
            ExprKind::SetComp { elt, generators } => {
                self.comprehension(expression, "setcomp", ComprehensionKind::Set, generators, elt, None)
            }
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension(expression, "dictcomp", ComprehensionKind::Dict, generators, key, Some(value))
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.comprehension(expression, "genexpr", ComprehensionKind::Generator, generators, elt, None)
            }
            ExprKind::Yield { value } => {
                self.refuse_in_annotation("yield expression", span)?;
                self.optional(*value)?;
                self.current().generator = true;
                self.refuse_in_comprehension(span)
            }
            ExprKind::YieldFrom { value } => {
                self.refuse_in_annotation("yield expression", span)?;
                self.expression(value)?;
                self.current().generator = true;
                self.refuse_in_comprehension(span)
            }
            ExprKind::Await { value } => {
                self.refuse_in_annotation("await expression", span)?;
                let block = self.table.block(self.current_id());
                let top_level = self.options.allow_top_level_await && block.kind == BlockKind::Module;
                if !top_level {
                    if !block.kind.is_function_like() {
                        return Err(syntax_error("'await' outside function".to_owned(), span));
                    }
                    if !self.in_async_function() && block.comprehension == ComprehensionKind::None {
                        return Err(syntax_error("'await' outside async function".to_owned(), span));
                    }
                }
                self.expression(value)?;
                self.current().coroutine = true;
                Ok(())
            }
            ExprKind::Compare { left, comparators, .. } => {
                self.expression(left)?;
                self.expressions(comparators)
            }
            ExprKind::Call { func, args, keywords } => {
                self.expression(func)?;
                self.expressions(args)?;
                keywords.iter().try_for_each(|keyword| self.keyword(keyword))
            }
            ExprKind::FormattedValue { value, format_spec, .. } | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expression(value)?;
                self.optional(*format_spec)
            }
            ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => self.expressions(values),
            ExprKind::Constant { .. } => Ok(()),
            ExprKind::Attribute { value, attr, ctx } => {
                check_name(attr, span, *ctx)?;
                self.expression(value)
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expression(value)?;
                self.expression(slice)
            }
            ExprKind::Starred { value, .. } => self.expression(value),
            ExprKind::Slice { lower, upper, step } => {
                self.optional(*lower)?;
                self.optional(*upper)?;
                self.optional(*step)
            }
            ExprKind::Name { id, ctx } => self.name(id, *ctx, span),
        }
    }

    fn name(&mut self, id: &'a str, context: ExprContext, span: Span) -> Visit {
        if self.current().in_unevaluated_annotation {
            return Ok(());
        }
        if context != ExprContext::Load {
            return self.define_checked(id, SymbolFlags::LOCAL, span, context);
        }
        self.define(id, SymbolFlags::USE, span)?;
        if id == "super" && self.current_kind().is_function_like() {
            // `super()` reads the cell of the class.
            self.define("__class__", SymbolFlags::USE, span)?;
        }
        Ok(())
    }

    fn named_expression(&mut self, target: ExprRef<'a>, value: ExprRef<'a>, span: Span) -> Visit {
        let block = self.current();
        if block.comp_iter_expr > 0 {
            let message = "assignment expression cannot be used in a comprehension iterable expression";
            return Err(syntax_error(message.to_owned(), span));
        }
        if block.comprehension != ComprehensionKind::None {
            self.extend_named_expression_scope(target)?;
        }
        self.expression(value)?;
        self.expression(target)
    }

    /// The target of `:=` in a comprehension is a name of the nearest function or module around it.
    fn extend_named_expression_scope(&mut self, target: ExprRef<'a>) -> Visit {
        let ExprKind::Name { id: name, .. } = target.kind else { return Ok(()) };
        let span = target.span;
        for position in (0..self.stack.len()).rev() {
            let id = self.stack[position];
            let block = self.table.block(id);
            let refusal = match block.kind {
                _ if block.comprehension != ComprehensionKind::None => {
                    let flags = self.lookup_in(id, name);
                    if flags.contains(SymbolFlags::COMP_ITER) && flags.intersects(SymbolFlags::LOCAL | SymbolFlags::GLOBAL) {
                        let message = format!("assignment expression cannot rebind comprehension iteration variable '{name}'");
                        return Err(syntax_error(message, span));
                    }
                    continue;
                }
                BlockKind::Function => {
                    let is_global = self.lookup_in(id, name).contains(SymbolFlags::GLOBAL);
                    let flag = if is_global { SymbolFlags::GLOBAL } else { SymbolFlags::NONLOCAL };
                    self.define(name, flag, span)?;
                    self.record_directive(name, span);
                    return self.define_in(id, name, SymbolFlags::LOCAL, span);
                }
                BlockKind::Module => {
                    self.define(name, SymbolFlags::GLOBAL, span)?;
                    self.record_directive(name, span);
                    return self.define_in(id, name, SymbolFlags::GLOBAL, span);
                }
                BlockKind::Class => "used in a class body",
                BlockKind::TypeParameters => "used within the definition of a generic",
                BlockKind::TypeAlias => "used in a type alias",
                BlockKind::TypeVariable => "used in a TypeVar bound",
                BlockKind::Annotation => continue,
            };
            let message = format!("assignment expression within a comprehension cannot be {refusal}");
            return Err(syntax_error(message, span));
        }
        Ok(())
    }

    /// The first iterable is evaluated outside; the rest is a block with the iterator as its parameter.
    fn comprehension(
        &mut self,
        expression: ExprRef<'a>,
        name: &'a str,
        kind: ComprehensionKind,
        generators: &'a [Comprehension<'a>],
        element: ExprRef<'a>,
        value: Option<ExprRef<'a>>,
    ) -> Visit {
        let Some((outermost, inner)) = generators.split_first() else { return Ok(()) };
        let span = expression.span;
        self.current().comp_iter_expr += 1;
        self.expression(outermost.iter)?;
        self.current().comp_iter_expr -= 1;
        self.enter(name, BlockKind::Function, BlockKey::new(expression, Role::Body), span)?;
        self.current().comprehension = kind;
        if outermost.is_async != 0 {
            self.current().coroutine = true;
        }
        self.define(".0", SymbolFlags::PARAM, span)?;
        self.current().comp_iter_target = true;
        self.expression(outermost.target)?;
        self.current().comp_iter_target = false;
        self.expressions(outermost.ifs)?;
        for generator in inner {
            self.current().comp_iter_target = true;
            self.expression(generator.target)?;
            self.current().comp_iter_target = false;
            self.current().comp_iter_expr += 1;
            self.expression(generator.iter)?;
            self.current().comp_iter_expr -= 1;
            self.expressions(generator.ifs)?;
            if generator.is_async != 0 {
                self.current().coroutine = true;
            }
        }
        self.optional(value)?;
        self.expression(element)?;
        let is_generator = kind == ComprehensionKind::Generator;
        let block = self.current();
        block.generator = is_generator;
        let is_async = block.coroutine && !is_generator;
        self.exit();
        if is_async {
            let block = self.table.block(self.current_id());
            let top_level = self.options.allow_top_level_await && block.kind == BlockKind::Module;
            if !self.in_async_function() && block.comprehension == ComprehensionKind::None && !top_level {
                let message = "asynchronous comprehension outside of an asynchronous function";
                return Err(syntax_error(message.to_owned(), span));
            }
            self.current().coroutine = true;
        }
        Ok(())
    }

    /// `yield`, `await` and `:=` mean nothing in the scopes of annotations and type parameters.
    fn refuse_in_annotation(&mut self, what: &str, span: Span) -> Visit {
        let block = self.current();
        let message = match block.kind {
            BlockKind::Annotation => format!("{what} cannot be used within an annotation"),
            BlockKind::TypeVariable => {
                format!("{what} cannot be used within {}", block.scope_info.unwrap_or("a TypeVar bound"))
            }
            BlockKind::TypeAlias => format!("{what} cannot be used within a type alias"),
            BlockKind::TypeParameters => format!("{what} cannot be used within the definition of a generic"),
            BlockKind::Function | BlockKind::Class | BlockKind::Module => return Ok(()),
        };
        Err(syntax_error(message, span))
    }

    fn refuse_in_comprehension(&mut self, span: Span) -> Visit {
        let place = match self.current().comprehension {
            ComprehensionKind::None => return Ok(()),
            ComprehensionKind::List => "list comprehension",
            ComprehensionKind::Set => "set comprehension",
            ComprehensionKind::Dict => "dict comprehension",
            ComprehensionKind::Generator => "generator expression",
        };
        Err(syntax_error(format!("'yield' inside {place}"), span))
    }
}
