//! `match` statements (PEP 634).

use super::compiler::{Compiler, Gen};
use super::constants::string;
use super::flow_graph::folding;
use super::instruction_sequence::Label;
use super::location::Location;
use super::syntax_error;
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{BinaryOperation, CodegenOpcode as Op};
use crate::syntax::ast::*;

/// The state of one pattern: what lies on the stack while it is matched, and where failures go.
#[derive(Default)]
struct Context<'a> {
    /// Captured names; their values lie on the stack in this order, below [`Self::on_top`] items.
    stores: Vec<&'a str>,
    /// Whether a pattern that always matches may stand here.
    allow_irrefutable: bool,
    /// `fail_pop[n]` is where to jump to fail with `n` items to pop.
    fail_pop: Vec<Label>,
    /// Items above the captured ones that must stay there.
    on_top: usize,
}

fn is_wildcard(pattern: &Pattern<'_>) -> bool {
    matches!(pattern.kind, PatternKind::MatchAs { name: None, .. })
}

fn is_star_wildcard(pattern: &Pattern<'_>) -> bool {
    matches!(pattern.kind, PatternKind::MatchStar { name: None })
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn match_statement(&mut self, subject: ExprRef<'a>, cases: &'a [MatchCase<'a>]) -> Gen {
        self.expression(subject)?;
        let end = self.label();
        let Some(last) = cases.last() else { return Ok(()) };
        let has_default = is_wildcard(last.pattern) && cases.len() > 1;
        let refutable = cases.len() - usize::from(has_default);
        for (position, case) in cases.iter().take(refutable).enumerate() {
            let location = Location::from(case.pattern.span);
            let is_last = position + 1 == refutable;
            if !is_last {
                self.op_i(location, Op::COPY, 1);
            }
            let mut context = Context {
                allow_irrefutable: case.guard.is_some() || position + 1 == cases.len(),
                ..Context::default()
            };
            self.pattern(case.pattern, &mut context)?;
            for name in std::mem::take(&mut context.stores) {
                self.name_op(location, name, ExprContext::Store);
            }
            if let Some(guard) = case.guard {
                self.ensure_fail_pop(&mut context, 0);
                let fail = context.fail_pop[0];
                self.jump_if(guard, fail, false)?;
            }
            if !is_last {
                self.op(Location::NEXT, Op::POP_TOP);
            }
            self.statements(case.body)?;
            self.jump(Location::NONE, Op::JUMP, end);
            // The clean-up after a failure belongs to the line of the pattern.
            self.emit_fail_pop(location, &mut context);
        }
        if has_default {
            let location = Location::from(last.pattern.span);
            self.op(location, Op::NOP);
            if let Some(guard) = last.guard {
                self.jump_if(guard, end, false)?;
            }
            self.statements(last.body)?;
        }
        self.place(end);
        Ok(())
    }

    fn ensure_fail_pop(&mut self, context: &mut Context<'a>, pops: usize) {
        while context.fail_pop.len() <= pops {
            let label = self.label();
            context.fail_pop.push(label);
        }
    }

    /// Jumps away with everything of this pattern popped.
    fn jump_to_fail_pop(&mut self, location: Location, context: &mut Context<'a>, opcode: Op) {
        let pops = context.on_top + context.stores.len();
        self.ensure_fail_pop(context, pops);
        self.jump(location, opcode, context.fail_pop[pops]);
    }

    fn emit_fail_pop(&mut self, location: Location, context: &mut Context<'a>) {
        let labels = std::mem::take(&mut context.fail_pop);
        for (pops, label) in labels.into_iter().enumerate().rev() {
            self.place(label);
            if pops > 0 {
                self.op(location, Op::POP_TOP);
            }
        }
    }

    /// Moves the top below `count - 1` other items.
    fn rotate(&mut self, location: Location, count: usize) {
        for depth in (2..=count).rev() {
            self.op_i(location, Op::SWAP, depth as u32);
        }
    }

    /// Puts the top among the captured values, or drops it.
    fn store_name(&mut self, span: Span, name: Option<&'a str>, context: &mut Context<'a>) -> Gen {
        let location = Location::from(span);
        let Some(name) = name else {
            self.op(location, Op::POP_TOP);
            return Ok(());
        };
        if context.stores.contains(&name) {
            return Err(duplicate_store(name, span));
        }
        self.rotate(location, context.on_top + context.stores.len() + 1);
        context.stores.push(name);
        Ok(())
    }

    /// Matches and consumes the top of the stack.
    fn pattern(&mut self, pattern: &'a Pattern<'a>, context: &mut Context<'a>) -> Gen {
        self.guard.check()?;
        let span = pattern.span;
        let location = Location::from(span);
        match &pattern.kind {
            PatternKind::MatchValue { value } => {
                match self.pattern_constant(value)? {
                    Some(constant) => self.load_const(value.span.into(), constant),
                    None => {
                        if !matches!(value.kind, ExprKind::Attribute { .. }) {
                            let message = "patterns may only match literals and attribute lookups".to_owned();
                            return Err(syntax_error(message, span));
                        }
                        self.expression(value)?;
                    }
                }
                self.compare_op(location, CompareOperator::Eq);
                self.op(location, Op::TO_BOOL);
                self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::MatchSingleton { value } => {
                self.load_const(location, super::constants::from_tree(value));
                self.compare_op(location, CompareOperator::Is);
                self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::MatchSequence { patterns } => self.sequence_pattern(span, patterns, context),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.mapping_pattern(span, keys, patterns, *rest, context)
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.class_pattern(span, cls, patterns, kwd_attrs, kwd_patterns, context)
            }
            PatternKind::MatchStar { name } => self.store_name(span, *name, context),
            PatternKind::MatchAs { pattern: None, name } => {
                if !context.allow_irrefutable {
                    let what = match name {
                        Some(name) => format!("name capture '{name}'"),
                        None => "wildcard".to_owned(),
                    };
                    return Err(syntax_error(format!("{what} makes remaining patterns unreachable"), span));
                }
                self.store_name(span, *name, context)
            }
            PatternKind::MatchAs { pattern: Some(inner), name } => {
                context.on_top += 1;
                self.op_i(location, Op::COPY, 1);
                self.pattern(inner, context)?;
                context.on_top -= 1;
                self.store_name(span, *name, context)
            }
            PatternKind::MatchOr { patterns } => self.or_pattern(span, patterns, context),
        }
    }

    /// A pattern inside another one, where always matching is no error.
    fn subpattern(&mut self, pattern: &'a Pattern<'a>, context: &mut Context<'a>) -> Gen {
        let outer = std::mem::replace(&mut context.allow_irrefutable, true);
        self.pattern(pattern, context)?;
        context.allow_irrefutable = outer;
        Ok(())
    }

    /// Literals: numbers may have a sign and an imaginary part.
    fn pattern_constant(&self, value: &Expr<'a>) -> Result<Option<Const>, crate::syntax::error::SyntaxError> {
        self.guard.check()?;
        Ok(match &value.kind {
            ExprKind::UnaryOp { op: UnaryOperator::USub, operand } => {
                self.pattern_constant(operand)?.and_then(|operand| folding::unary(Op::UNARY_NEGATIVE, &operand))
            }
            ExprKind::BinOp { left, op: op @ (Operator::Add | Operator::Sub), right } => {
                let (left, right) = (self.pattern_constant(left)?, self.pattern_constant(right)?);
                let operation = super::expressions::binary_operation(*op);
                left.zip(right).and_then(|(left, right)| folding::binary(operation, &left, &right))
            }
            _ => self.constant_of(value),
        })
    }

    fn sequence_pattern(&mut self, span: Span, patterns: &'a [&'a Pattern<'a>], context: &mut Context<'a>) -> Gen {
        let location = Location::from(span);
        let mut star = None;
        for (position, pattern) in patterns.iter().enumerate() {
            if matches!(pattern.kind, PatternKind::MatchStar { .. }) {
                if star.is_some() {
                    let message = "multiple starred names in sequence pattern".to_owned();
                    return Err(syntax_error(message, span));
                }
                star = Some(position);
            }
        }
        let only_wildcards = patterns.iter().all(|pattern| is_wildcard(pattern) || is_star_wildcard(pattern));
        let size = patterns.len();

        context.on_top += 1;
        self.op(location, Op::MATCH_SEQUENCE);
        self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
        if star.is_none() {
            self.length_check(location, size, CompareOperator::Eq, context);
        } else if size > 1 {
            self.length_check(location, size - 1, CompareOperator::GtE, context);
        }
        context.on_top -= 1;
        if only_wildcards {
            self.op(location, Op::POP_TOP);
            return Ok(());
        }
        match star {
            Some(star) if is_star_wildcard(patterns[star]) => {
                self.sequence_by_subscripts(location, patterns, star, context)
            }
            _ => self.sequence_by_unpacking(span, patterns, star, context),
        }
    }

    fn length_check(&mut self, location: Location, size: usize, op: CompareOperator, context: &mut Context<'a>) {
        self.op(location, Op::GET_LEN);
        self.load_int(location, size);
        self.compare_op(location, op);
        self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
    }

    /// `[a, *_, b]`: takes the items one by one, which is cheaper than building the list of the rest.
    fn sequence_by_subscripts(
        &mut self,
        location: Location,
        patterns: &'a [&'a Pattern<'a>],
        star: usize,
        context: &mut Context<'a>,
    ) -> Gen {
        context.on_top += 1;
        for (position, pattern) in patterns.iter().enumerate() {
            if is_wildcard(pattern) || position == star {
                continue;
            }
            self.op_i(location, Op::COPY, 1);
            if position < star {
                self.load_int(location, position);
            } else {
                // The subject need not support negative indices.
                self.op(location, Op::GET_LEN);
                self.load_int(location, patterns.len() - position);
                self.op_i(location, Op::BINARY_OP, BinaryOperation::Subtract as u32);
            }
            self.op_i(location, Op::BINARY_OP, BinaryOperation::Subscr as u32);
            self.subpattern(pattern, context)?;
        }
        context.on_top -= 1;
        self.op(location, Op::POP_TOP);
        Ok(())
    }

    fn sequence_by_unpacking(
        &mut self,
        span: Span,
        patterns: &'a [&'a Pattern<'a>],
        star: Option<usize>,
        context: &mut Context<'a>,
    ) -> Gen {
        let location = Location::from(span);
        let size = patterns.len();
        match star {
            Some(star) => {
                let after = size - star - 1;
                if star >= 1 << 8 || after >= (i32::MAX as usize) >> 8 {
                    let message = "too many expressions in star-unpacking sequence pattern".to_owned();
                    return Err(syntax_error(message, span));
                }
                self.op_i(location, Op::UNPACK_EX, (star + (after << 8)) as u32);
            }
            None => self.op_i(location, Op::UNPACK_SEQUENCE, size as u32),
        }
        context.on_top += size;
        for pattern in patterns {
            context.on_top -= 1;
            self.subpattern(pattern, context)?;
        }
        Ok(())
    }

    fn mapping_pattern(
        &mut self,
        span: Span,
        keys: &'a [ExprRef<'a>],
        patterns: &'a [&'a Pattern<'a>],
        rest: Option<&'a str>,
        context: &mut Context<'a>,
    ) -> Gen {
        let location = Location::from(span);
        let size = keys.len();
        if size != patterns.len() {
            let message =
                format!("keys ({size}) / patterns ({}) length mismatch in mapping pattern", patterns.len());
            return Err(syntax_error(message, span));
        }
        context.on_top += 1;
        self.op(location, Op::MATCH_MAPPING);
        self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
        if size == 0 && rest.is_none() {
            context.on_top -= 1;
            self.op(location, Op::POP_TOP);
            return Ok(());
        }
        if size > 0 {
            self.length_check(location, size, CompareOperator::GtE, context);
        }
        let mut seen: Vec<Const> = Vec::new();
        for key in keys {
            if let Some(constant) = self.pattern_constant(key)? {
                if seen.iter().any(|other| folding::equal(other, &constant)) {
                    let shown = super::unparse::constant_repr(&constant);
                    return Err(syntax_error(format!("mapping pattern checks duplicate key ({shown})"), span));
                }
                self.load_const(key.span.into(), constant.clone());
                seen.push(constant);
            } else if matches!(key.kind, ExprKind::Attribute { .. }) {
                self.expression(key)?;
            } else {
                let message = "mapping pattern keys may only match literals and attribute lookups".to_owned();
                return Err(syntax_error(message, span));
            }
        }
        self.op_i(location, Op::BUILD_TUPLE, size as u32);
        self.op(location, Op::MATCH_KEYS);
        // Now the tuple of keys and that of values lie on the subject.
        context.on_top += 2;
        self.check_not_none(location, context);
        self.op_i(location, Op::UNPACK_SEQUENCE, size as u32);
        context.on_top = context.on_top + size - 1;
        for pattern in patterns {
            context.on_top -= 1;
            self.subpattern(pattern, context)?;
        }
        context.on_top -= 2;
        if let Some(rest) = rest {
            // rest = dict(subject), then del rest[key] for each key.
            self.op_i(location, Op::BUILD_MAP, 0);
            self.op_i(location, Op::SWAP, 3);
            self.op_i(location, Op::DICT_UPDATE, 2);
            self.op_i(location, Op::UNPACK_SEQUENCE, size as u32);
            for depth in (1..=size).rev() {
                self.op_i(location, Op::COPY, 1 + depth as u32);
                self.op_i(location, Op::SWAP, 2);
                self.op(location, Op::DELETE_SUBSCR);
            }
            return self.store_name(span, Some(rest), context);
        }
        self.op(location, Op::POP_TOP);
        self.op(location, Op::POP_TOP);
        Ok(())
    }

    fn check_not_none(&mut self, location: Location, context: &mut Context<'a>) {
        self.op_i(location, Op::COPY, 1);
        self.load_none(location);
        self.op_i(location, Op::IS_OP, 1);
        self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
    }

    fn class_pattern(
        &mut self,
        span: Span,
        class: ExprRef<'a>,
        patterns: &'a [&'a Pattern<'a>],
        attributes: &'a [&'a str],
        attribute_patterns: &'a [&'a Pattern<'a>],
        context: &mut Context<'a>,
    ) -> Gen {
        let location = Location::from(span);
        if attributes.len() != attribute_patterns.len() {
            let message = format!(
                "kwd_attrs ({}) / kwd_patterns ({}) length mismatch in class pattern",
                attributes.len(),
                attribute_patterns.len()
            );
            return Err(syntax_error(message, span));
        }
        for (position, attribute) in attributes.iter().enumerate() {
            if let Some(again) = attributes[position + 1..].iter().position(|other| other == attribute) {
                let message = format!("attribute name repeated in class pattern: {attribute}");
                return Err(syntax_error(message, attribute_patterns[position + 1 + again].span));
            }
        }
        self.expression(class)?;
        self.load_const(location, Const::Tuple(attributes.iter().map(|attribute| string(attribute)).collect()));
        self.op_i(location, Op::MATCH_CLASS, patterns.len() as u32);
        // The tuple of attributes, or None.
        self.op_i(location, Op::COPY, 1);
        self.load_none(location);
        self.op_i(location, Op::IS_OP, 1);
        context.on_top += 1;
        self.jump_to_fail_pop(location, context, Op::POP_JUMP_IF_FALSE);
        let total = patterns.len() + attributes.len();
        self.op_i(location, Op::UNPACK_SEQUENCE, total as u32);
        context.on_top = context.on_top + total - 1;
        for pattern in patterns.iter().chain(attribute_patterns) {
            context.on_top -= 1;
            if is_wildcard(pattern) {
                self.op(location, Op::POP_TOP);
            } else {
                self.subpattern(pattern, context)?;
            }
        }
        Ok(())
    }

    fn or_pattern(&mut self, span: Span, patterns: &'a [&'a Pattern<'a>], context: &mut Context<'a>) -> Gen {
        let location = Location::from(span);
        let end = self.label();
        // The names that the first alternative binds: the others must bind the same.
        let mut control: Vec<&'a str> = Vec::new();
        for (position, alternative) in patterns.iter().enumerate() {
            let place = Location::from(alternative.span);
            let mut inner = Context {
                allow_irrefutable: position + 1 == patterns.len() && context.allow_irrefutable,
                ..Context::default()
            };
            self.op_i(place, Op::COPY, 1);
            self.pattern(alternative, &mut inner)?;
            if position == 0 {
                control.clone_from(&inner.stores);
            } else {
                self.reorder_stores(place, &control, &mut inner.stores).map_err(|Differ| {
                    syntax_error("alternative patterns bind different names".to_owned(), span)
                })?;
            }
            self.jump(place, Op::JUMP, end);
            self.emit_fail_pop(place, &mut inner);
        }
        // No alternative matched: drop the copy of the subject and fail.
        self.op(location, Op::POP_TOP);
        self.jump_to_fail_pop(location, context, Op::JUMP);
        self.place(end);
        // The new values lie above the earlier ones, the copy of the subject and what must stay on top.
        let rotations = control.len() + 1 + context.on_top + context.stores.len();
        for name in control {
            self.rotate(location, rotations);
            if context.stores.contains(&name) {
                return Err(duplicate_store(name, span));
            }
            context.stores.push(name);
        }
        self.op(location, Op::POP_TOP);
        Ok(())
    }

    /// Brings captured values into the order of `control`.
    fn reorder_stores(&mut self, location: Location, control: &[&'a str], stores: &mut Vec<&'a str>) -> Result<(), Differ> {
        if stores.len() != control.len() {
            return Err(Differ);
        }
        for (target, name) in control.iter().enumerate().rev() {
            let at = stores.iter().position(|store| store == name).ok_or(Differ)?;
            if at > target {
                return Err(Differ);
            }
            if at != target {
                let rotated: Vec<&'a str> = stores.drain(..=at).collect();
                let insert_at = target - at;
                stores.splice(insert_at..insert_at, rotated);
                (0..=at).for_each(|_| self.rotate(location, target + 1));
            }
        }
        Ok(())
    }
}

/// Two alternatives bind different names.
struct Differ;

fn duplicate_store(name: &str, span: Span) -> crate::syntax::error::SyntaxError {
    syntax_error(format!("multiple assignments to name '{name}' in pattern"), span)
}

/// Keys of patterns that are equal although not the same constant (`1` and `True`) are found by value.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::constants::key_of;

    #[test]
    fn equal_keys_across_types() {
        assert!(folding::equal(&Const::Int(1), &Const::True));
        assert!(folding::equal(&Const::Float(1.0), &Const::Int(1)));
        assert_ne!(key_of(&Const::Int(1)), key_of(&Const::True));
    }
}
