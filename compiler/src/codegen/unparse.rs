//! Expressions as text: the annotations of `from __future__ import annotations`.

use crate::bytecode::code::Const;
use crate::codegen::constants::from_tree;
use crate::codegen::recursion::StackGuard;
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;

/// The expression in canonical form, as WTF-8. The only error is that it is nested too deep for the stack.
pub fn unparse_expression(expression: &Expr<'_>, guard: StackGuard) -> Result<Vec<u8>, SyntaxError> {
    let mut writer = Writer { text: Vec::new(), guard, failure: None };
    writer.expression(expression, level::TEST);
    match writer.failure {
        None => Ok(writer.text),
        Some(error) => Err(error),
    }
}

/// Precedence levels, loosest first.
mod level {
    pub(super) const TUPLE: u8 = 0;
    pub(super) const TEST: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const AND: u8 = 3;
    pub(super) const NOT: u8 = 4;
    pub(super) const COMPARE: u8 = 5;
    pub(super) const EXPR: u8 = 6;
    pub(super) const BIT_XOR: u8 = 7;
    pub(super) const BIT_AND: u8 = 8;
    pub(super) const SHIFT: u8 = 9;
    pub(super) const ARITH: u8 = 10;
    pub(super) const TERM: u8 = 11;
    pub(super) const FACTOR: u8 = 12;
    pub(super) const POWER: u8 = 13;
    pub(super) const AWAIT: u8 = 14;
    pub(super) const ATOM: u8 = 15;
}

struct Writer {
    text: Vec<u8>,
    guard: StackGuard,
    /// Once set nothing more is written.
    failure: Option<SyntaxError>,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.text.extend(text.as_bytes());
    }

    /// In parentheses when the context binds more tightly.
    fn grouped(&mut self, needed: bool, write: impl FnOnce(&mut Self)) {
        if needed {
            self.put("(");
        }
        write(self);
        if needed {
            self.put(")");
        }
    }

    fn separated<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                self.put(", ");
            }
            write(self, item);
        }
    }

    fn expressions(&mut self, list: &[ExprRef<'_>]) {
        self.separated(list, |this, item| this.expression(item, level::TEST));
    }

    /// A writer for a part that is inserted later.
    fn fresh(&self) -> Writer {
        Writer { text: Vec::new(), guard: self.guard, failure: None }
    }

    fn expression(&mut self, expression: &Expr<'_>, outer: u8) {
        if self.failure.is_none() {
            self.failure = self.guard.check().err();
        }
        if self.failure.is_some() {
            return;
        }
        match &expression.kind {
            ExprKind::BoolOp { op, values } => {
                let (word, own) =
                    if *op == BoolOperator::And { (" and ", level::AND) } else { (" or ", level::OR) };
                self.grouped(outer > own, |this| {
                    for (position, value) in values.iter().enumerate() {
                        if position > 0 {
                            this.put(word);
                        }
                        this.expression(value, own + 1);
                    }
                });
            }
            ExprKind::BinOp { left, op, right } => {
                let (text, own) = binary_operator(*op);
                let is_power = u8::from(*op == Operator::Pow);
                self.grouped(outer > own, |this| {
                    this.expression(left, own + is_power);
                    this.put(text);
                    this.expression(right, own + 1 - is_power);
                });
            }
            ExprKind::UnaryOp { op, operand } => {
                let (text, own) = match op {
                    UnaryOperator::Invert => ("~", level::FACTOR),
                    UnaryOperator::Not => ("not ", level::NOT),
                    UnaryOperator::UAdd => ("+", level::FACTOR),
                    UnaryOperator::USub => ("-", level::FACTOR),
                };
                self.grouped(outer > own, |this| {
                    this.put(text);
                    this.expression(operand, own);
                });
            }
            ExprKind::Lambda { args, body } => self.grouped(outer > level::TEST, |this| {
                this.put("lambda");
                let start = this.text.len();
                this.put(" ");
                this.arguments(args);
                if this.text.len() == start + 1 {
                    this.text.truncate(start);
                }
                this.put(": ");
                this.expression(body, level::TEST);
            }),
            ExprKind::IfExp { test, body, orelse } => self.grouped(outer > level::TEST, |this| {
                this.expression(body, level::TEST + 1);
                this.put(" if ");
                this.expression(test, level::TEST + 1);
                this.put(" else ");
                this.expression(orelse, level::TEST);
            }),
            ExprKind::Dict { keys, values } => {
                self.put("{");
                self.separated(keys.iter().zip(*values), |this, (key, value)| match key {
                    Some(key) => {
                        this.expression(key, level::TEST);
                        this.put(": ");
                        this.expression(value, level::TEST);
                    }
                    None => {
                        this.put("**");
                        this.expression(value, level::EXPR);
                    }
                });
                self.put("}");
            }
            ExprKind::Set { elts } => {
                self.put("{");
                self.expressions(elts);
                self.put("}");
            }
            ExprKind::GeneratorExp { elt, generators } => self.comprehension("(", elt, None, generators, ")"),
            ExprKind::ListComp { elt, generators } => self.comprehension("[", elt, None, generators, "]"),
            ExprKind::SetComp { elt, generators } => self.comprehension("{", elt, None, generators, "}"),
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension("{", key, Some(value), generators, "}");
            }
            ExprKind::Yield { value: None } => self.put("(yield)"),
            ExprKind::Yield { value: Some(value) } => {
                self.put("(yield ");
                self.expression(value, level::TEST);
                self.put(")");
            }
            ExprKind::YieldFrom { value } => {
                self.put("(yield from ");
                self.expression(value, level::TEST);
                self.put(")");
            }
            ExprKind::Await { value } => self.grouped(outer > level::AWAIT, |this| {
                this.put("await ");
                this.expression(value, level::ATOM);
            }),
            ExprKind::Compare { left, ops, comparators } => self.grouped(outer > level::COMPARE, |this| {
                this.expression(left, level::COMPARE + 1);
                for (op, right) in ops.iter().zip(*comparators) {
                    this.put(compare_operator(*op));
                    this.expression(right, level::COMPARE + 1);
                }
            }),
            ExprKind::Call { func, args, keywords } => self.call(func, args, keywords),
            ExprKind::Constant { value, kind } => self.constant(value, *kind),
            ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => self.joined(b'f', expression),
            ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => self.joined(b't', expression),
            ExprKind::Attribute { value, attr, .. } => {
                self.expression(value, level::ATOM);
                let is_int = matches!(value.kind, ExprKind::Constant { value: Constant::Int(_), .. });
                self.put(if is_int { " ." } else { "." });
                self.put(attr);
            }
            ExprKind::Starred { value, .. } => {
                self.put("*");
                self.expression(value, level::EXPR);
            }
            ExprKind::Name { id, .. } => self.put(id),
            ExprKind::List { elts, .. } => {
                self.put("[");
                self.expressions(elts);
                self.put("]");
            }
            ExprKind::Tuple { elts: [], .. } => self.put("()"),
            ExprKind::Tuple { elts, .. } => self.grouped(outer > level::TUPLE, |this| {
                this.expressions(elts);
                if elts.len() == 1 {
                    this.put(",");
                }
            }),
            ExprKind::Subscript { value, slice, .. } => {
                self.expression(value, level::ATOM);
                self.put("[");
                self.expression(slice, level::TUPLE);
                self.put("]");
            }
            ExprKind::Slice { lower, upper, step } => {
                if let Some(lower) = lower {
                    self.expression(lower, level::TEST);
                }
                self.put(":");
                if let Some(upper) = upper {
                    self.expression(upper, level::TEST);
                }
                if let Some(step) = step {
                    self.put(":");
                    self.expression(step, level::TEST);
                }
            }
            ExprKind::NamedExpr { target, value } => self.grouped(outer > level::TUPLE, |this| {
                this.expression(target, level::ATOM);
                this.put(" := ");
                this.expression(value, level::ATOM);
            }),
        }
    }

    fn comprehension(
        &mut self,
        open: &str,
        element: ExprRef<'_>,
        value: Option<ExprRef<'_>>,
        generators: &[Comprehension<'_>],
        close: &str,
    ) {
        self.put(open);
        self.expression(element, level::TEST);
        if let Some(value) = value {
            self.put(": ");
            self.expression(value, level::TEST);
        }
        for generator in generators {
            self.put(if generator.is_async != 0 { " async for " } else { " for " });
            self.expression(generator.target, level::TUPLE);
            self.put(" in ");
            self.expression(generator.iter, level::TEST + 1);
            for condition in generator.ifs {
                self.put(" if ");
                self.expression(condition, level::TEST + 1);
            }
        }
        self.put(close);
    }

    fn call(&mut self, func: ExprRef<'_>, args: &[ExprRef<'_>], keywords: &[Keyword<'_>]) {
        self.expression(func, level::ATOM);
        if let ([only], []) = (args, keywords)
            && matches!(only.kind, ExprKind::GeneratorExp { .. })
        {
            // Its own parentheses do.
            return self.expression(only, level::TEST);
        }
        self.put("(");
        self.expressions(args);
        if !args.is_empty() && !keywords.is_empty() {
            self.put(", ");
        }
        self.separated(keywords, |this, keyword| {
            match keyword.arg {
                Some(name) => {
                    this.put(name);
                    this.put("=");
                }
                None => this.put("**"),
            }
            this.expression(keyword.value, level::TEST);
        });
        self.put(")");
    }

    fn arguments(&mut self, args: &Arguments<'_>) {
        let mut first = true;
        let mut comma = |this: &mut Self| {
            if !std::mem::take(&mut first) {
                this.put(", ");
            }
        };
        let positional = args.posonlyargs.len() + args.args.len();
        let defaults_from = positional.saturating_sub(args.defaults.len());
        for (position, arg) in args.posonlyargs.iter().chain(args.args).enumerate() {
            comma(self);
            self.put(arg.arg);
            let default = position.checked_sub(defaults_from).and_then(|number| args.defaults.get(number));
            if let Some(default) = default {
                self.put("=");
                self.expression(default, level::TEST);
            }
            if position + 1 == args.posonlyargs.len() {
                self.put(", /");
            }
        }
        if args.vararg.is_some() || !args.kwonlyargs.is_empty() {
            comma(self);
            self.put("*");
            self.put(args.vararg.map_or("", |arg| arg.arg));
        }
        for (arg, default) in args.kwonlyargs.iter().zip(args.kw_defaults) {
            comma(self);
            self.put(arg.arg);
            if let Some(default) = default {
                self.put("=");
                self.expression(default, level::TEST);
            }
        }
        if let Some(arg) = args.kwarg {
            comma(self);
            self.put("**");
            self.put(arg.arg);
        }
    }

    fn constant(&mut self, value: &Constant<'_>, kind: Option<&str>) {
        if let Some(kind) = kind {
            self.put(kind);
        }
        let text = constant_repr(&from_tree(value));
        // Infinity has no literal.
        let is_number = matches!(value, Constant::Float(_) | Constant::Imaginary(_) | Constant::Complex(..));
        self.put(&if is_number { text.replace("inf", "1e309") } else { text });
    }

    /// An f-string or t-string: the body as one literal, quoted as a whole.
    fn joined(&mut self, prefix: u8, expression: &Expr<'_>) {
        let mut body = self.fresh();
        body.joined_part(expression);
        self.failure = self.failure.take().or(body.failure);
        self.text.push(prefix);
        self.put(&string_repr(&body.text));
    }

    fn joined_part(&mut self, part: &Expr<'_>) {
        match &part.kind {
            ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                values.iter().for_each(|value| self.joined_part(value));
            }
            ExprKind::Constant { value: Constant::Str(text), .. } => {
                for &byte in *text {
                    self.text.push(byte);
                    if matches!(byte, b'{' | b'}') {
                        self.text.push(byte);
                    }
                }
            }
            ExprKind::FormattedValue { value, conversion, format_spec } => {
                let mut inner = self.fresh();
                inner.expression(value, level::TEST + 1);
                self.failure = self.failure.take().or(inner.failure);
                self.replacement(&inner.text, *conversion, *format_spec);
            }
            ExprKind::Interpolation { str, conversion, format_spec, .. } => {
                let text = if let Constant::Str(text) = str { *text } else { &[] };
                self.replacement(text, *conversion, *format_spec);
            }
            _ => self.expression(part, level::TEST),
        }
    }

    fn replacement(&mut self, text: &[u8], conversion: i32, format_spec: Option<ExprRef<'_>>) {
        // `{{` would be a brace.
        self.put(if text.first() == Some(&b'{') { "{ " } else { "{" });
        self.text.extend(text);
        if let Ok(letter @ (b's' | b'r' | b'a')) = u8::try_from(conversion) {
            self.text.extend([b'!', letter]);
        }
        if let Some(spec) = format_spec {
            self.put(":");
            self.joined_part(spec);
        }
        self.put("}");
    }
}

fn binary_operator(op: Operator) -> (&'static str, u8) {
    match op {
        Operator::Add => (" + ", level::ARITH),
        Operator::Sub => (" - ", level::ARITH),
        Operator::Mult => (" * ", level::TERM),
        Operator::MatMult => (" @ ", level::TERM),
        Operator::Div => (" / ", level::TERM),
        Operator::Mod => (" % ", level::TERM),
        Operator::LShift => (" << ", level::SHIFT),
        Operator::RShift => (" >> ", level::SHIFT),
        Operator::BitOr => (" | ", level::EXPR),
        Operator::BitXor => (" ^ ", level::BIT_XOR),
        Operator::BitAnd => (" & ", level::BIT_AND),
        Operator::FloorDiv => (" // ", level::TERM),
        Operator::Pow => (" ** ", level::POWER),
    }
}

fn compare_operator(op: CompareOperator) -> &'static str {
    match op {
        CompareOperator::Eq => " == ",
        CompareOperator::NotEq => " != ",
        CompareOperator::Lt => " < ",
        CompareOperator::LtE => " <= ",
        CompareOperator::Gt => " > ",
        CompareOperator::GtE => " >= ",
        CompareOperator::Is => " is ",
        CompareOperator::IsNot => " is not ",
        CompareOperator::In => " in ",
        CompareOperator::NotIn => " not in ",
    }
}

/// `repr()` of a constant. Surrogates are shown as escapes.
pub(crate) fn constant_repr(constant: &Const) -> String {
    let joined = |items: &[Const]| items.iter().map(constant_repr).collect::<Vec<_>>().join(", ");
    match constant {
        Const::None => "None".to_owned(),
        Const::True => "True".to_owned(),
        Const::False => "False".to_owned(),
        Const::Ellipsis => "...".to_owned(),
        Const::Int(value) => value.to_string(),
        Const::BigInt { negative, limbs } => {
            let digits = limbs.iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect();
            let sign = if *negative { num_bigint::Sign::Minus } else { num_bigint::Sign::Plus };
            num_bigint::BigInt::new(sign, digits).to_string()
        }
        Const::Float(value) => float_repr(*value),
        Const::Complex(real, imaginary) => {
            let shorten = |value: f64| float_repr(value).trim_end_matches(".0").to_owned();
            if *real == 0.0 && real.is_sign_positive() {
                format!("{}j", shorten(*imaginary))
            } else {
                let sign = if imaginary.is_sign_negative() { "" } else { "+" };
                format!("({}{sign}{}j)", shorten(*real), shorten(*imaginary))
            }
        }
        Const::Str(text) => string_repr(text),
        Const::Bytes(bytes) => format!("b{}", quoted(bytes.iter().map(|&byte| (u32::from(byte), false)))),
        Const::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
        Const::Tuple(items) => format!("({})", joined(items)),
        Const::FrozenSet(items) => format!("frozenset({{{}}})", joined(items)),
        Const::Slice(parts) => format!("slice({})", joined(&parts[..])),
        Const::Code(code) => format!("<code object {}>", code.name),
    }
}

/// The shortest digits that read back, in positional notation for exponents from -4 to 15.
fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let text = format!("{value}");
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn string_repr(text: &[u8]) -> String {
    let characters = text.chunk_by(|_, next| next & 0xC0 == 0x80).map(|bytes| match std::str::from_utf8(bytes) {
        Ok(valid) => {
            let character = valid.chars().next().unwrap_or('\u{FFFD}');
            let shown = !character.is_ascii() && !character.is_control() && !character.is_whitespace();
            (character as u32, shown)
        }
        // A surrogate in three bytes.
        Err(_) => (bytes.iter().fold(0, |value, byte| value << 6 | u32::from(byte & 0x3F)) & 0xFFFF, false),
    });
    quoted(characters)
}

/// Quotes and escapes; each character comes with whether it is shown as it is although not ASCII.
fn quoted(characters: impl Iterator<Item = (u32, bool)> + Clone) -> String {
    let has = |wanted: char| characters.clone().any(|(character, _)| character == wanted as u32);
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for (code, shown) in characters {
        match char::from_u32(code) {
            Some('\n') => text.push_str("\\n"),
            Some('\r') => text.push_str("\\r"),
            Some('\t') => text.push_str("\\t"),
            Some('\\') => text.push_str("\\\\"),
            Some(character) if character == quote => {
                text.push('\\');
                text.push(character);
            }
            Some(character @ ' '..='~') => text.push(character),
            Some(character) if shown => text.push(character),
            _ if code < 0x100 => text.push_str(&format!("\\x{code:02x}")),
            _ if code < 0x1_0000 => text.push_str(&format!("\\u{code:04x}")),
            _ => text.push_str(&format!("\\U{code:08x}")),
        }
    }
    text.push(quote);
    text
}
