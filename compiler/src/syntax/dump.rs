//! The text that `ast.dump` of CPython 3.14 gives for a tree, for comparisons.
//!
//! It recurses as deep as the tree; callers with deep trees need a deep stack. Nothing that Python code can reach
//! calls it.

use super::ast::*;
use super::identifier;
use crate::for_each_ast_node;
use num_bigint::{BigInt, BigUint, Sign};
use std::fmt::Write;

/// `ast.dump(tree, include_attributes=include_attributes, indent=indent)`.
pub fn dump(tree: &Mod, include_attributes: bool, indent: Option<usize>) -> String {
    let mut writer = Writer { out: String::new(), include_attributes, indent };
    tree.write(&mut writer, 0);
    writer.out
}

/// `ascii(text)`
pub fn ascii_repr(text: &str) -> String {
    let mut repr = String::new();
    write_str(&mut repr, text.as_bytes());
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        let code = u32::from(c);
        let _ = match code {
            0..0x80 => write!(out, "{c}"),
            0x80..=0xFF => write!(out, "\\x{code:02x}"),
            0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out
}

struct Writer {
    out: String,
    include_attributes: bool,
    indent: Option<usize>,
}

/// What can be the value of a field.
trait Dump {
    fn write(&self, writer: &mut Writer, level: usize);

    /// Whether the text of the value never needs lines of its own.
    fn is_simple(&self, _include_attributes: bool) -> bool {
        true
    }

    /// Whether a field with this value is left out.
    fn is_omitted(&self) -> bool {
        false
    }
}

impl Writer {
    fn new_line(&mut self, level: usize) {
        if let Some(width) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', width * level));
        }
    }

    fn separator(&mut self, level: usize) {
        if self.indent.is_some() {
            self.out.push(',');
            self.new_line(level);
        } else {
            self.out.push_str(", ");
        }
    }

    fn node(&mut self, name: &str, fields: &[(&str, &dyn Dump)], span: Option<&Span>, level: usize) {
        let level = level + 1;
        self.out.push_str(name);
        self.out.push('(');
        let shown = || fields.iter().filter(|(_, value)| !value.is_omitted());
        let span = span.filter(|_| self.include_attributes);
        let count = shown().count() + if span.is_some() { 4 } else { 0 };
        let on_one_line =
            self.indent.is_none() || (count <= 3 && shown().all(|(_, value)| value.is_simple(self.include_attributes)));
        let mut first = true;
        let mut before = |writer: &mut Self| {
            match (std::mem::replace(&mut first, false), on_one_line) {
                (true, true) => {}
                (true, false) => writer.new_line(level),
                (false, true) => writer.out.push_str(", "),
                (false, false) => writer.separator(level),
            };
        };
        for (name, value) in shown() {
            before(self);
            self.out.push_str(name.trim_end_matches('_'));
            self.out.push('=');
            value.write(self, level);
        }
        if let Some(span) = span {
            let attributes = [
                ("lineno", span.line),
                ("col_offset", span.col),
                ("end_lineno", span.end_line),
                ("end_col_offset", span.end_col),
            ];
            for (name, value) in attributes {
                before(self);
                let _ = write!(self.out, "{name}={value}");
            }
        }
        self.out.push(')');
    }
}

/// Whether a node has nothing to show between its parentheses.
fn is_bare(fields: &[(&str, &dyn Dump)], has_span: bool) -> bool {
    !has_span && fields.iter().all(|(_, value)| value.is_omitted())
}

macro_rules! use_kind {
    (Stmt) => { use StmtKind as Kind; };
    (Expr) => { use ExprKind as Kind; };
    (ExceptHandler) => { use ExceptHandlerKind as Kind; };
    (Pattern) => { use PatternKind as Kind; };
    (TypeParam) => { use TypeParamKind as Kind; };
}

macro_rules! dump_nodes {
    () => {};
    (sum $name:ident $asdl:literal attributes { $($variant:ident { $($field:ident : $ty:ty),* })* } $($rest:tt)*) => {
        impl Dump for $name<'_> {
            fn write(&self, writer: &mut Writer, level: usize) {
                use_kind!($name);
                match &self.kind {
                    $(Kind::$variant { $($field),* } => writer.node(
                        stringify!($variant), &[$((stringify!($field), $field as &dyn Dump)),*], Some(&self.span), level,
                    ),)*
                }
            }

            fn is_simple(&self, include_attributes: bool) -> bool {
                use_kind!($name);
                match &self.kind {
                    $(Kind::$variant { $($field),* } => is_bare(
                        &[$((stringify!($field), $field as &dyn Dump)),*], include_attributes,
                    ),)*
                }
            }
        }
        dump_nodes! { $($rest)* }
    };
    (sum $name:ident $asdl:literal plain { $($variant:ident { $($field:ident : $ty:ty),* })* } $($rest:tt)*) => {
        impl Dump for $name<'_> {
            fn write(&self, writer: &mut Writer, level: usize) {
                match self {
                    $(Self::$variant { $($field),* } => writer.node(
                        stringify!($variant), &[$((stringify!($field), $field as &dyn Dump)),*], None, level,
                    ),)*
                }
            }

            fn is_simple(&self, _include_attributes: bool) -> bool {
                false
            }
        }
        dump_nodes! { $($rest)* }
    };
    (enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        impl Dump for $name {
            fn write(&self, writer: &mut Writer, _level: usize) {
                writer.out.push_str(self.name());
                writer.out.push_str("()");
            }
        }
        dump_nodes! { $($rest)* }
    };
    (product $name:ident $asdl:literal $attributes:ident { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        impl Dump for $name<'_> {
            fn write(&self, writer: &mut Writer, level: usize) {
                let fields: &[(&str, &dyn Dump)] = &[$((stringify!($field), &self.$field as &dyn Dump)),*];
                writer.node($asdl, fields, dump_nodes!(@span $attributes self), level);
            }

            fn is_simple(&self, include_attributes: bool) -> bool {
                let fields: &[(&str, &dyn Dump)] = &[$((stringify!($field), &self.$field as &dyn Dump)),*];
                is_bare(fields, include_attributes && dump_nodes!(@span $attributes self).is_some())
            }
        }
        dump_nodes! { $($rest)* }
    };
    (@span attributes $node:ident) => { Some(&$node.span) };
    (@span plain $node:ident) => { None::<&Span> };
}
for_each_ast_node!(dump_nodes);

impl<T: Dump + ?Sized> Dump for &T {
    fn write(&self, writer: &mut Writer, level: usize) {
        (**self).write(writer, level);
    }

    fn is_simple(&self, include_attributes: bool) -> bool {
        (**self).is_simple(include_attributes)
    }

    fn is_omitted(&self) -> bool {
        (**self).is_omitted()
    }
}

impl<T: Dump> Dump for Option<T> {
    fn write(&self, writer: &mut Writer, level: usize) {
        match self {
            Some(value) => value.write(writer, level),
            None => writer.out.push_str("None"),
        }
    }

    fn is_simple(&self, include_attributes: bool) -> bool {
        self.as_ref().is_none_or(|value| value.is_simple(include_attributes))
    }

    fn is_omitted(&self) -> bool {
        self.is_none()
    }
}

impl<T: Dump> Dump for [T] {
    fn write(&self, writer: &mut Writer, level: usize) {
        if self.is_empty() {
            writer.out.push_str("[]");
            return;
        }
        let level = level + 1;
        writer.out.push('[');
        writer.new_line(level);
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                writer.separator(level);
            }
            value.write(writer, level);
        }
        writer.out.push(']');
    }

    fn is_simple(&self, _include_attributes: bool) -> bool {
        self.is_empty()
    }

    fn is_omitted(&self) -> bool {
        self.is_empty()
    }
}

impl Dump for str {
    fn write(&self, writer: &mut Writer, _level: usize) {
        write_str(&mut writer.out, self.as_bytes());
    }
}

impl Dump for i32 {
    fn write(&self, writer: &mut Writer, _level: usize) {
        let _ = write!(writer.out, "{self}");
    }
}

impl Dump for Constant<'_> {
    fn write(&self, writer: &mut Writer, _level: usize) {
        write_constant(&mut writer.out, self);
    }
}

fn write_constant(out: &mut String, constant: &Constant) {
    match *constant {
        Constant::None => out.push_str("None"),
        Constant::True => out.push_str("True"),
        Constant::False => out.push_str("False"),
        Constant::Ellipsis => out.push_str("Ellipsis"),
        Constant::Str(text) => write_str(out, text),
        Constant::Bytes(bytes) => write_bytes(out, bytes),
        Constant::Int(ConstInt::Small(value)) => {
            let _ = write!(out, "{value}");
        }
        Constant::Int(ConstInt::Big { negative, limbs }) => {
            let digits = limbs.iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect();
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            let _ = write!(out, "{}", BigInt::from_biguint(sign, BigUint::new(digits)));
        }
        Constant::Float(value) => write_float(out, value, true),
        Constant::Imaginary(value) => {
            write_float(out, value, false);
            out.push('j');
        }
        Constant::Complex(real, imaginary) => {
            out.push('(');
            write_float(out, real, false);
            if !imaginary.is_sign_negative() {
                out.push('+');
            }
            write_float(out, imaginary, false);
            out.push_str("j)");
        }
        Constant::Tuple(items) => {
            out.push('(');
            write_constants(out, items);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Constant::FrozenSet(items) => {
            out.push_str("frozenset({");
            write_constants(out, items);
            out.push_str("})");
        }
    }
}

fn write_constants(out: &mut String, items: &[Constant]) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_constant(out, item);
    }
}

fn quote_for(text: &[u8]) -> char {
    if text.contains(&b'\'') && !text.contains(&b'"') { '"' } else { '\'' }
}

/// `repr` of a `str` in WTF-8.
fn write_str(out: &mut String, text: &[u8]) {
    let quote = quote_for(text);
    out.push(quote);
    let mut rest = text;
    while !rest.is_empty() {
        let (valid, after) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, &[][..]),
            Err(problem) => {
                let (valid, after) = rest.split_at(problem.valid_up_to());
                (std::str::from_utf8(valid).unwrap_or(""), after)
            }
        };
        for c in valid.chars() {
            write_char(out, c, quote);
        }
        rest = after;
        if let [a, b, c, tail @ ..] = after {
            let code = (u32::from(*a) & 0xF) << 12 | (u32::from(*b) & 0x3F) << 6 | (u32::from(*c) & 0x3F);
            let _ = write!(out, "\\u{code:04x}");
            rest = tail;
        } else if !after.is_empty() {
            break;
        }
    }
    out.push(quote);
}

fn write_char(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if c == quote => {
            out.push('\\');
            out.push(c);
        }
        ' '..='~' => out.push(c),
        _ => {
            let code = u32::from(c);
            let _ = match code {
                0..0x80 => write!(out, "\\x{code:02x}"),
                _ if identifier::is_printable(c) => {
                    out.push(c);
                    Ok(())
                }
                0x80..=0xFF => write!(out, "\\x{code:02x}"),
                0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// `repr` of `bytes`.
fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes);
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ if char::from(byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
}

/// `repr` of a `float`: the shortest digits that read back as the same value.
fn write_float(out: &mut String, value: f64, with_point: bool) {
    if value.is_infinite() {
        out.push_str(if value < 0.0 { "-inf" } else { "inf" });
        return;
    }
    if value.is_nan() {
        out.push_str("nan");
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let (digits, exponent) = shortest_digits(value.abs());
    // `exponent` is that of the first digit.
    if (-4..16).contains(&exponent) {
        let count = digits.len() as i32;
        if exponent < 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            out.push_str(&digits);
        } else if count <= exponent + 1 {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', (exponent + 1 - count) as usize));
            if with_point {
                out.push_str(".0");
            }
        } else {
            let (whole, fraction) = digits.split_at((exponent + 1) as usize);
            let _ = write!(out, "{whole}.{fraction}");
        }
        return;
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        let _ = write!(out, ".{rest}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.abs());
}

/// The significant digits of a finite value that is not negative, and the exponent of the first.
fn shortest_digits(value: f64) -> (String, i32) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.bytes().take_while(|&c| c == b'0').count();
    let digits = all[leading..].trim_end_matches('0');
    if digits.is_empty() {
        return ("0".into(), 0);
    }
    (digits.to_owned(), exponent + whole.len() as i32 - 1 - leading as i32)
}
