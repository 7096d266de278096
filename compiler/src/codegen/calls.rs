//! Calls: methods, `super()`, keywords, unpacking, and the inlined forms of `any`, `all` and `tuple`.

use super::compiler::{Compiler, Gen, STACK_USE_GUIDELINE};
use super::constants::string;
use super::instruction_sequence::Label;
use super::location::Location;
use super::statements::attribute_location;
use super::symbol_table::{Scope, SymbolFlags};
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{CodegenOpcode as Op, CommonConstant, Intrinsic1};
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;

impl<'a> Compiler<'a, '_> {
    pub(super) fn call(
        &mut self,
        whole: ExprRef<'a>,
        func: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
        keywords: &'a [Keyword<'a>],
    ) -> Gen {
        self.check_keywords(keywords)?;
        if self.method_call(whole, func, args, keywords)? {
            return Ok(());
        }
        let end = self.label();
        self.check_caller(func);
        self.expression(func)?;
        self.inlined_builtin(func, args, keywords, end)?;
        self.op(func.span.into(), Op::PUSH_NULL);
        self.call_arguments(whole.span.into(), 0, args, None, keywords)?;
        self.place(end);
        Ok(())
    }

    /// `owner.name(…)` without making a bound method. False if the call needs the general form.
    fn method_call(
        &mut self,
        whole: ExprRef<'a>,
        func: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
        keywords: &'a [Keyword<'a>],
    ) -> Result<bool, SyntaxError> {
        let ExprKind::Attribute { value: owner, attr, ctx: ExprContext::Load } = &func.kind else { return Ok(false) };
        // Attributes of modules are mostly plain functions.
        if let ExprKind::Name { id, .. } = owner.kind
            && self.table.block(self.table.top).flags_of(id).contains(SymbolFlags::IMPORT)
        {
            return Ok(false);
        }
        if args.len() + keywords.len() + usize::from(!keywords.is_empty()) >= STACK_USE_GUIDELINE
            || args.iter().any(|arg| matches!(arg.kind, ExprKind::Starred { .. }))
            || keywords.iter().any(|keyword| keyword.arg.is_none())
        {
            return Ok(false);
        }
        let mut location = Location::from(func.span);
        if self.is_optimizable_super(owner, attr) {
            let arguments = self.super_arguments(owner)?;
            self.super_attr(location, attr, arguments, true);
            location = attribute_location(location, func, attr);
            self.op(location, Op::NOP);
        } else {
            self.expression(owner)?;
            location = attribute_location(location, func, attr);
            self.op_attr(location, attr, true);
        }
        self.expressions(args)?;
        let call_location = attribute_location(whole.span.into(), func, attr);
        if keywords.is_empty() {
            self.op_i(call_location, Op::CALL, args.len() as u32);
        } else {
            self.keyword_values(location, keywords)?;
            self.op_i(call_location, Op::CALL_KW, (args.len() + keywords.len()) as u32);
        }
        Ok(true)
    }

    /// The values of the keywords and, on top, the tuple of their names.
    fn keyword_values(&mut self, location: Location, keywords: &'a [Keyword<'a>]) -> Gen {
        keywords.iter().try_for_each(|keyword| self.expression(keyword.value))?;
        let names = keywords.iter().filter_map(|keyword| keyword.arg).map(string).collect();
        self.load_const(location, Const::Tuple(names));
        Ok(())
    }

    /// The arguments and the call; `pushed` arguments are on the stack, `injected` names one more.
    pub(super) fn call_arguments(
        &mut self,
        location: Location,
        pushed: u32,
        args: &'a [ExprRef<'a>],
        injected: Option<&'a str>,
        keywords: &'a [Keyword<'a>],
    ) -> Gen {
        self.check_keywords(keywords)?;
        let is_simple = args.len() + keywords.len() * 2 <= STACK_USE_GUIDELINE
            && !args.iter().any(|arg| matches!(arg.kind, ExprKind::Starred { .. }))
            && keywords.iter().all(|keyword| keyword.arg.is_some());
        if is_simple {
            self.expressions(args)?;
            let mut count = pushed + args.len() as u32;
            if let Some(name) = injected {
                self.name_op(location, name, ExprContext::Load);
                count += 1;
            }
            if keywords.is_empty() {
                self.op_i(location, Op::CALL, count);
            } else {
                self.keyword_values(location, keywords)?;
                self.op_i(location, Op::CALL_KW, count + keywords.len() as u32);
            }
            return Ok(());
        }
        match args {
            [Expr { kind: ExprKind::Starred { value, .. }, .. }] if pushed == 0 && injected.is_none() => {
                self.expression(value)?;
            }
            _ => self.argument_tuple(location, args, injected, pushed)?,
        }
        if keywords.is_empty() {
            self.op(location, Op::PUSH_NULL);
        } else {
            self.keyword_dict(location, keywords)?;
        }
        self.op(location, Op::CALL_FUNCTION_EX);
        Ok(())
    }

    fn keyword_dict(&mut self, location: Location, keywords: &'a [Keyword<'a>]) -> Gen {
        let mut have_dict = false;
        let mut start = 0;
        for (position, keyword) in keywords.iter().enumerate() {
            if keyword.arg.is_some() {
                continue;
            }
            if start < position {
                self.keyword_dict_part(location, &keywords[start..position], &mut have_dict)?;
            }
            start = position + 1;
            if !have_dict {
                self.op_i(location, Op::BUILD_MAP, 0);
                have_dict = true;
            }
            self.expression(keyword.value)?;
            self.op_i(location, Op::DICT_MERGE, 1);
        }
        if start < keywords.len() {
            self.keyword_dict_part(location, &keywords[start..], &mut have_dict)?;
        }
        Ok(())
    }

    fn keyword_dict_part(&mut self, location: Location, keywords: &'a [Keyword<'a>], have_dict: &mut bool) -> Gen {
        let is_big = keywords.len() * 2 > STACK_USE_GUIDELINE;
        if is_big {
            self.op_i(Location::NONE, Op::BUILD_MAP, 0);
        }
        for keyword in keywords {
            self.load_str(location, keyword.arg.unwrap_or_default());
            self.expression(keyword.value)?;
            if is_big {
                self.op_i(Location::NONE, Op::MAP_ADD, 1);
            }
        }
        if !is_big {
            self.op_i(location, Op::BUILD_MAP, keywords.len() as u32);
        }
        if *have_dict {
            self.op_i(location, Op::DICT_MERGE, 1);
        }
        *have_dict = true;
        Ok(())
    }

    /// `any(…)`, `all(…)` and `tuple(…)` of a generator expression run the loop here, if the name still is the
    /// builtin when it comes to that. The function is on the stack.
    fn inlined_builtin(
        &mut self,
        func: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
        keywords: &'a [Keyword<'a>],
        end: Label,
    ) -> Gen {
        let (ExprKind::Name { id, .. }, [generator]) = (&func.kind, args) else { return Ok(()) };
        if !keywords.is_empty() || !matches!(generator.kind, ExprKind::GeneratorExp { .. }) {
            return Ok(());
        }
        if self.table.find(Self::key(*generator)).is_some_and(|block| self.table.block(block).coroutine) {
            return Ok(());
        }
        let (constant, result, continues) = match *id {
            "all" => (CommonConstant::All, Const::True, Some(Op::POP_JUMP_IF_TRUE)),
            "any" => (CommonConstant::Any, Const::False, Some(Op::POP_JUMP_IF_FALSE)),
            "tuple" => (CommonConstant::Tuple, Const::None, None),
            _ => return Ok(()),
        };
        let location = Location::from(func.span);
        let skip = self.label();
        self.op_i(location, Op::COPY, 1);
        self.op_i(location, Op::LOAD_COMMON_CONSTANT, constant as u32);
        self.compare_op(location, CompareOperator::Is);
        self.jump(location, Op::POP_JUMP_IF_FALSE, skip);
        self.op(location, Op::POP_TOP);
        if continues.is_none() {
            self.op_i(location, Op::BUILD_LIST, 0);
        }
        self.expression(generator)?;
        let next = self.label();
        let cleanup = self.label();
        self.place(next);
        self.jump(location, Op::FOR_ITER, cleanup);
        match continues {
            None => {
                self.op_i(location, Op::LIST_APPEND, 2);
                self.jump(location, Op::JUMP, next);
            }
            Some(opcode) => {
                self.op(location, Op::TO_BOOL);
                self.jump(location, opcode, next);
            }
        }
        self.op(Location::NONE, Op::POP_ITER);
        if continues.is_some() {
            let early = if matches!(result, Const::True) { Const::False } else { Const::True };
            self.load_const(location, early);
        }
        self.jump(location, Op::JUMP, end);
        self.place(cleanup);
        self.op(Location::NONE, Op::END_FOR);
        self.op(Location::NONE, Op::POP_ITER);
        if continues.is_none() {
            self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::ListToTuple as u32);
        } else {
            self.load_const(location, result);
        }
        self.jump(location, Op::JUMP, end);
        self.place(skip);
        Ok(())
    }

    /// Whether `owner.attr` is `super().attr` or `super(c, s).attr` with what surely is the builtin.
    pub(super) fn is_optimizable_super(&self, owner: &Expr<'a>, attr: &str) -> bool {
        let ExprKind::Call { func, args, keywords: [] } = &owner.kind else { return false };
        if !matches!(func.kind, ExprKind::Name { id: "super", .. }) || attr == "__class__" {
            return false;
        }
        if self.block().scope_of("super") != Scope::GlobalImplicit
            || self.table.block(self.table.top).scope_of("super") != Scope::Unknown
        {
            return false;
        }
        match args.len() {
            2 => !args.iter().any(|arg| matches!(arg.kind, ExprKind::Starred { .. })),
            0 => {
                let parameters = self.unit.parameters;
                parameters.positional + parameters.positional_only > 0 && self.class_is_free()
            }
            _ => false,
        }
    }

    /// Pushes `super`, the class and the instance; returns whether they were written out.
    pub(super) fn super_arguments(&mut self, call: ExprRef<'a>) -> Result<bool, SyntaxError> {
        let ExprKind::Call { func, args, .. } = &call.kind else { return Ok(false) };
        self.name_op(func.span.into(), "super", ExprContext::Load);
        if let [class, instance] = args {
            self.expression(class)?;
            self.expression(instance)?;
            return Ok(true);
        }
        let location = Location::from(call.span);
        self.name_op(location, "__class__", ExprContext::Load);
        if let Some(&first) = self.unit.varnames.names.first() {
            self.name_op(location, first, ExprContext::Load);
        }
        Ok(false)
    }

    pub(super) fn super_attr(&mut self, location: Location, attr: &'a str, has_arguments: bool, method: bool) {
        let name = self.mangle(attr);
        let index = self.unit.names.add(name);
        let arg = index << 2 | u32::from(has_arguments) << 1 | u32::from(method);
        self.op_i(location, Op::LOAD_SUPER_ATTR, arg);
    }
}
