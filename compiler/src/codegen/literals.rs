//! Displays (list, tuple, set, dict), unpacking into them, f-strings, t-strings, and `'…' % (…)`.

use bumpalo::Bump;

use super::compiler::{Compiler, Gen, STACK_USE_GUIDELINE};
use super::location::{Location, NO_SPAN};
use super::syntax_error;
use crate::bytecode::instructions::{CodegenOpcode as Op, Intrinsic1};
use crate::syntax::ast::*;

/// How a collection is built at once or piece by piece.
#[derive(Clone, Copy)]
struct Builder {
    build: Op,
    add: Op,
    extend: Op,
    is_tuple: bool,
}

const LIST: Builder = Builder { build: Op::BUILD_LIST, add: Op::LIST_APPEND, extend: Op::LIST_EXTEND, is_tuple: false };
const TUPLE: Builder = Builder { is_tuple: true, ..LIST };
const SET: Builder = Builder { build: Op::BUILD_SET, add: Op::SET_ADD, extend: Op::SET_UPDATE, is_tuple: false };

impl<'a> Compiler<'a, '_> {
    pub(super) fn list_or_tuple(&mut self, span: Span, elts: &'a [ExprRef<'a>], context: ExprContext, is_tuple: bool) -> Gen {
        let location = Location::from(span);
        match context {
            ExprContext::Store => self.unpack_targets(span, elts),
            ExprContext::Load => self.collect(location, elts, None, 0, if is_tuple { TUPLE } else { LIST }),
            ExprContext::Del => self.expressions(elts),
        }
    }

    pub(super) fn set(&mut self, location: Location, elts: &'a [ExprRef<'a>]) -> Gen {
        self.collect(location, elts, None, 0, SET)
    }

    /// The positional arguments of a call as a tuple; `pushed` of them are on the stack, `injected` names one more.
    pub(super) fn argument_tuple(
        &mut self,
        location: Location,
        args: &'a [ExprRef<'a>],
        injected: Option<&'a str>,
        pushed: u32,
    ) -> Gen {
        self.collect(location, args, injected, pushed, TUPLE)
    }

    fn collect(
        &mut self,
        location: Location,
        elts: &'a [ExprRef<'a>],
        injected: Option<&'a str>,
        pushed: u32,
        builder: Builder,
    ) -> Gen {
        let total = elts.len() + pushed as usize + usize::from(injected.is_some());
        let is_big = total > STACK_USE_GUIDELINE;
        let has_star = elts.iter().any(|elt| matches!(elt.kind, ExprKind::Starred { .. }));
        if !has_star && !is_big {
            self.expressions(elts)?;
            if let Some(name) = injected {
                self.name_op(location, name, ExprContext::Load);
            }
            let build = if builder.is_tuple { Op::BUILD_TUPLE } else { builder.build };
            self.op_i(location, build, total as u32);
            return Ok(());
        }
        let mut is_built = false;
        if is_big {
            self.op_i(location, builder.build, pushed);
            is_built = true;
        }
        for (position, elt) in elts.iter().enumerate() {
            if let ExprKind::Starred { value, .. } = &elt.kind {
                if !is_built {
                    self.op_i(location, builder.build, position as u32 + pushed);
                    is_built = true;
                }
                self.expression(value)?;
                self.op_i(location, builder.extend, 1);
            } else {
                self.expression(elt)?;
                if is_built {
                    self.op_i(location, builder.add, 1);
                }
            }
        }
        if let Some(name) = injected {
            self.name_op(location, name, ExprContext::Load);
            self.op_i(location, builder.add, 1);
        }
        if builder.is_tuple {
            self.op_i(location, Op::CALL_INTRINSIC_1, Intrinsic1::ListToTuple as u32);
        }
        Ok(())
    }

    fn unpack_targets(&mut self, span: Span, elts: &'a [ExprRef<'a>]) -> Gen {
        let location = Location::from(span);
        let count = elts.len();
        let mut has_star = false;
        for (position, elt) in elts.iter().enumerate() {
            if !matches!(elt.kind, ExprKind::Starred { .. }) {
                continue;
            }
            if has_star {
                return Err(syntax_error("multiple starred expressions in assignment".to_owned(), span));
            }
            let after = count - position - 1;
            if position >= 1 << 8 || after >= (i32::MAX as usize) >> 8 {
                return Err(syntax_error("too many expressions in star-unpacking assignment".to_owned(), span));
            }
            self.op_i(location, Op::UNPACK_EX, (position + (after << 8)) as u32);
            has_star = true;
        }
        if !has_star {
            self.op_i(location, Op::UNPACK_SEQUENCE, count as u32);
        }
        for elt in elts {
            match &elt.kind {
                ExprKind::Starred { value, .. } => self.expression(value)?,
                _ => self.expression(elt)?,
            }
        }
        Ok(())
    }

    pub(super) fn dict(&mut self, location: Location, keys: &'a [Option<ExprRef<'a>>], values: &'a [ExprRef<'a>]) -> Gen {
        let pairs: Vec<(Option<ExprRef<'a>>, ExprRef<'a>)> = keys.iter().copied().zip(values.iter().copied()).collect();
        let mut have_dict = false;
        // The pairs from `start` on wait to be put on the stack.
        let mut start = 0;
        for (position, (key, value)) in pairs.iter().enumerate() {
            if key.is_none() {
                if start < position {
                    self.dict_part(location, &pairs[start..position], &mut have_dict)?;
                }
                start = position + 1;
                if !have_dict {
                    self.op_i(location, Op::BUILD_MAP, 0);
                    have_dict = true;
                }
                self.expression(value)?;
                self.op_i(location, Op::DICT_UPDATE, 1);
            } else if (position - start) * 2 > STACK_USE_GUIDELINE {
                self.dict_part(location, &pairs[start..=position], &mut have_dict)?;
                start = position + 1;
            }
        }
        if start < pairs.len() {
            self.dict_part(location, &pairs[start..], &mut have_dict)?;
        }
        if !have_dict {
            self.op_i(location, Op::BUILD_MAP, 0);
        }
        Ok(())
    }

    fn dict_part(
        &mut self,
        location: Location,
        pairs: &[(Option<ExprRef<'a>>, ExprRef<'a>)],
        have_dict: &mut bool,
    ) -> Gen {
        let is_big = pairs.len() * 2 > STACK_USE_GUIDELINE;
        if is_big {
            self.op_i(location, Op::BUILD_MAP, 0);
        }
        for (key, value) in pairs {
            if let Some(key) = key {
                self.expression(key)?;
            }
            self.expression(value)?;
            if is_big {
                self.op_i(location, Op::MAP_ADD, 1);
            }
        }
        if !is_big {
            self.op_i(location, Op::BUILD_MAP, pairs.len() as u32);
        }
        if *have_dict {
            self.op_i(location, Op::DICT_UPDATE, 1);
        }
        *have_dict = true;
        Ok(())
    }

    pub(super) fn joined_string(&mut self, location: Location, values: &'a [ExprRef<'a>]) -> Gen {
        if values.len() > STACK_USE_GUIDELINE {
            self.load_str(location, "");
            self.op_attr(location, "join", true);
            self.op_i(location, Op::BUILD_LIST, 0);
            for value in values {
                self.expression(value)?;
                self.op_i(location, Op::LIST_APPEND, 1);
            }
            self.op_i(location, Op::CALL, 1);
            return Ok(());
        }
        self.expressions(values)?;
        match values.len() {
            0 => self.load_str(location, ""),
            1 => {}
            count => self.op_i(location, Op::BUILD_STRING, count as u32),
        }
        Ok(())
    }

    pub(super) fn formatted_value(
        &mut self,
        location: Location,
        value: ExprRef<'a>,
        conversion: i32,
        format_spec: Option<ExprRef<'a>>,
    ) -> Gen {
        self.expression(value)?;
        if let Some(number) = conversion_number(conversion) {
            self.op_i(location, Op::CONVERT_VALUE, number);
        }
        match format_spec {
            Some(spec) => {
                self.expression(spec)?;
                self.op(location, Op::FORMAT_WITH_SPEC);
            }
            None => self.op(location, Op::FORMAT_SIMPLE),
        }
        Ok(())
    }

    /// Strings and interpolations as two tuples; there is a string before, between and after interpolations.
    pub(super) fn template_string(&mut self, location: Location, values: &'a [ExprRef<'a>]) -> Gen {
        let mut after_interpolation = true;
        let mut strings = 0;
        for value in values {
            let is_interpolation = matches!(value.kind, ExprKind::Interpolation { .. });
            if !is_interpolation {
                self.expression(value)?;
                strings += 1;
            } else if after_interpolation {
                self.load_str(location, "");
                strings += 1;
            }
            after_interpolation = is_interpolation;
        }
        if after_interpolation {
            self.load_str(location, "");
            strings += 1;
        }
        self.op_i(location, Op::BUILD_TUPLE, strings);
        let mut interpolations = 0;
        for value in values {
            if matches!(value.kind, ExprKind::Interpolation { .. }) {
                self.expression(value)?;
                interpolations += 1;
            }
        }
        self.op_i(location, Op::BUILD_TUPLE, interpolations);
        self.op(location, Op::BUILD_TEMPLATE);
        Ok(())
    }

    pub(super) fn interpolation(
        &mut self,
        location: Location,
        value: ExprRef<'a>,
        text: &Constant<'a>,
        conversion: i32,
        format_spec: Option<ExprRef<'a>>,
    ) -> Gen {
        self.expression(value)?;
        self.load_const(location, super::constants::from_tree(text));
        let mut arg = 2;
        if let Some(spec) = format_spec {
            self.expression(spec)?;
            arg |= 1;
        }
        if let Some(number) = conversion_number(conversion) {
            arg |= number << 2;
        }
        self.op_i(location, Op::BUILD_INTERPOLATION, arg);
        Ok(())
    }
}

/// `'%s…' % (a, …)` as an f-string, if the format uses nothing but %s, %r and %a.
pub fn folded_format<'a>(arena: &'a Bump, whole: ExprRef<'a>, left: ExprRef<'a>, right: ExprRef<'a>) -> Option<ExprRef<'a>> {
    let ExprKind::Constant { value: Constant::Str(format), .. } = left.kind else { return None };
    let ExprKind::Tuple { elts, .. } = right.kind else { return None };
    if elts.iter().any(|elt| matches!(elt.kind, ExprKind::Starred { .. })) {
        return None;
    }
    let mut values: Vec<ExprRef<'a>> = Vec::with_capacity(elts.len() * 2 + 1);
    let mut elements = elts.iter();
    let mut rest = format;
    loop {
        let mut literal = Vec::new();
        // Up to a single percent sign.
        loop {
            match rest {
                [b'%', b'%', tail @ ..] => {
                    literal.push(b'%');
                    rest = tail;
                }
                [b'%', ..] | [] => break,
                [byte, tail @ ..] => {
                    literal.push(*byte);
                    rest = tail;
                }
            }
        }
        if !literal.is_empty() {
            values.push(constant_string(arena, &literal, NO_SPAN));
        }
        let Some((_, directive)) = rest.split_first() else { break };
        let argument = *elements.next()?;
        let (conversion, spec, tail) = parse_directive(directive)?;
        rest = tail;
        let format_spec = (!spec.is_empty()).then(|| constant_string(arena, spec.as_bytes(), argument.span));
        let kind = ExprKind::FormattedValue { value: argument, conversion: i32::from(conversion), format_spec };
        values.push(arena.alloc(Expr { kind, span: argument.span }));
    }
    if elements.next().is_some() {
        return None;
    }
    let values = arena.alloc_slice_copy(&values);
    Some(arena.alloc(Expr { kind: ExprKind::JoinedStr { values }, span: whole.span }))
}

fn constant_string<'a>(arena: &'a Bump, text: &[u8], span: Span) -> ExprRef<'a> {
    let value = Constant::Str(arena.alloc_slice_copy(text));
    arena.alloc(Expr { kind: ExprKind::Constant { value, kind: None }, span })
}

fn conversion_number(conversion: i32) -> Option<u32> {
    match u8::try_from(conversion) {
        Ok(b's') => Some(1),
        Ok(b'r') => Some(2),
        Ok(b'a') => Some(3),
        _ => None,
    }
}

/// Flags, width and precision after a percent sign: the conversion, the format spec that does the same, the rest.
fn parse_directive(mut text: &[u8]) -> Option<(u8, String, &[u8])> {
    const MAX_DIGITS: usize = 2;
    let mut left_adjusted = false;
    while let [flag @ (b'-' | b'+' | b' ' | b'#' | b'0'), tail @ ..] = text {
        left_adjusted |= *flag == b'-';
        text = tail;
    }
    let number = |text: &mut &[u8]| -> Option<Option<u32>> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > MAX_DIGITS {
            return None;
        }
        let (number, tail) = text.split_at(digits);
        *text = tail;
        let value = number.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        Some((digits > 0).then_some(value))
    };
    let width = number(&mut text)?;
    let mut precision = None;
    if let [b'.', tail @ ..] = text {
        text = tail;
        precision = Some(number(&mut text)?.unwrap_or(0));
    }
    let [conversion @ (b's' | b'r' | b'a'), tail @ ..] = text else { return None };
    let mut spec = String::new();
    if let Some(width) = width {
        if !left_adjusted && width > 0 {
            spec.push('>');
        }
        spec.push_str(&width.to_string());
    }
    if let Some(precision) = precision {
        spec.push('.');
        spec.push_str(&precision.to_string());
    }
    Some((*conversion, spec, tail))
}
