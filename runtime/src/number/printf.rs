//! The `%` operator: directives of a format, and ints and floats under them.
use super::float_text::{FloatFlags, FloatStyle, format_float};
use super::format_spec::{Formatted, IntValue};
use crate::text::Unit;

/// A width or a precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    Absent,
    /// Taken from the arguments.
    Star,
    Number(usize),
}

/// One directive; positions are offsets in the format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// The text between the parentheses of `%(key)s`.
    pub key: Option<std::ops::Range<usize>>,
    pub left: bool,
    pub plus: bool,
    pub space: bool,
    pub alternate: bool,
    pub zero: bool,
    pub width: Amount,
    pub precision: Amount,
    /// The conversion character.
    pub conversion: u32,
    /// Where the conversion character stands (for messages); what follows starts one later.
    pub at: usize,
}

/// ValueError with this message.
pub type PrintfError = &'static str;

/// Parses the directive that starts behind a `%`, at `at`. `precision_message` is "precision too
/// big" for str and "prec too big" for bytes.
pub fn parse_directive<U: Unit>(format: &[U], at: usize, precision_message: &'static str) -> Result<Directive, PrintfError> {
    let mut at = at;
    let get = |at: usize| format.get(at).map(|u| u.code());
    let mut directive = Directive {
        key: None,
        left: false,
        plus: false,
        space: false,
        alternate: false,
        zero: false,
        width: Amount::Absent,
        precision: Amount::Absent,
        conversion: 0,
        at: 0,
    };
    if get(at) == Some(u32::from(b'(')) {
        let start = at + 1;
        let mut depth = 1;
        at = start;
        loop {
            match get(at) {
                None => return Err("incomplete format key"),
                Some(0x28) => depth += 1,
                Some(0x29) => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        directive.key = Some(start..at - 1);
    }
    loop {
        match get(at) {
            Some(0x2D) => directive.left = true,
            Some(0x2B) => directive.plus = true,
            Some(0x20) => directive.space = true,
            Some(0x23) => directive.alternate = true,
            Some(0x30) => directive.zero = true,
            _ => break,
        }
        at += 1;
    }
    (directive.width, at) = amount(format, at, isize::MAX as usize, "width too big")?;
    if get(at) == Some(u32::from(b'.')) {
        (directive.precision, at) = amount(format, at + 1, i32::MAX as usize, precision_message)?;
        if directive.precision == Amount::Absent {
            directive.precision = Amount::Number(0);
        }
    }
    // C's length modifiers mean nothing.
    if matches!(get(at), Some(0x68 | 0x6C | 0x4C)) {
        at += 1;
    }
    directive.conversion = get(at).ok_or("incomplete format")?;
    directive.at = at;
    Ok(directive)
}

fn amount<U: Unit>(format: &[U], mut at: usize, limit: usize, message: &'static str) -> Result<(Amount, usize), PrintfError> {
    let get = |at: usize| format.get(at).map(|u| u.code());
    if get(at) == Some(u32::from(b'*')) {
        return Ok((Amount::Star, at + 1));
    }
    let mut value = None;
    while let Some(digit @ 0x30..=0x39) = get(at) {
        let digit = (digit - 0x30) as usize;
        let next = value.unwrap_or(0usize);
        if next > (limit - digit) / 10 {
            return Err(message);
        }
        value = Some(next * 10 + digit);
        at += 1;
    }
    Ok((value.map_or(Amount::Absent, Amount::Number), at))
}

/// Flags, width and precision with the stars filled in.
#[derive(Clone, Copy, Default, Debug)]
pub struct Resolved {
    pub left: bool,
    pub plus: bool,
    pub space: bool,
    pub alternate: bool,
    pub zero: bool,
    pub width: usize,
    pub precision: Option<usize>,
}

impl Directive {
    /// With the arguments that stars take; a negative width means left, a negative precision 0.
    pub fn resolve(&self, star_width: Option<i64>, star_precision: Option<i64>) -> Resolved {
        let mut left = self.left;
        let width = match (self.width, star_width) {
            (Amount::Number(n), _) => n,
            (Amount::Star, Some(n)) => {
                left |= n < 0;
                n.unsigned_abs() as usize
            }
            _ => 0,
        };
        let precision = match (self.precision, star_precision) {
            (Amount::Number(n), _) => Some(n),
            (Amount::Star, Some(n)) => Some(usize::try_from(n).unwrap_or(0)),
            _ => None,
        };
        Resolved {
            left,
            plus: self.plus,
            space: self.space,
            alternate: self.alternate,
            zero: self.zero,
            width,
            precision,
        }
    }
}

impl Resolved {
    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    fn numeric(&self, head: String, body: String) -> Formatted {
        let free = self.width.saturating_sub(head.len() + body.len());
        let (mut left, mut inner, mut right, mut fill) = (0, 0, 0, u32::from(b' '));
        if self.left {
            right = free;
        } else if self.zero {
            inner = free;
            fill = u32::from(b'0');
        } else {
            left = free;
        }
        if free == 0 {
            (left, inner, right) = (0, 0, 0);
        }
        Formatted::new(fill, left, head, inner, body, right)
    }

    /// `%d`, `%i`, `%u`, `%o`, `%x`, `%X`: the precision is the least number of digits.
    pub fn format_int(&self, value: IntValue, conversion: u8) -> Formatted {
        let (base, prefix) = match conversion {
            b'o' => (8, "0o"),
            b'x' => (16, "0x"),
            b'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut digits = value.digits(base);
        if conversion == b'X' {
            digits.make_ascii_uppercase();
        }
        if let Some(least) = self.precision
            && least > digits.len()
        {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let negative = match value {
            IntValue::Small(value) => value < 0,
            IntValue::Big(value) => value.sign() == num_bigint::Sign::Minus,
        };
        let mut head = String::from(self.sign(negative));
        if self.alternate {
            head.push_str(prefix);
        }
        self.numeric(head, digits)
    }

    /// `%e`, `%f`, `%g` and their upper cases.
    pub fn format_float(&self, value: f64, conversion: u8) -> Formatted {
        let style = match conversion.to_ascii_lowercase() {
            b'e' => FloatStyle::Exponent,
            b'f' => FloatStyle::Fixed,
            _ => FloatStyle::General,
        };
        let flags = FloatFlags {
            alternate: self.alternate,
            upper: conversion.is_ascii_uppercase(),
            ..FloatFlags::default()
        };
        let text = format_float(value, style, self.precision.unwrap_or(6), flags);
        self.numeric(self.sign(text.negative).into(), text.text)
    }

    /// Fill on the left and on the right of a text of `length` code points (after its precision).
    pub fn pad_text(&self, length: usize) -> (usize, usize) {
        let free = self.width.saturating_sub(length);
        if self.left { (0, free) } else { (free, 0) }
    }
}
