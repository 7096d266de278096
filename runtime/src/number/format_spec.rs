//! The mini-language of `format()`: parsing of a specification and its application to ints,
//! floats, complex numbers and strings.
//!
//! A result is a [`Formatted`]: the parts of the text and how much fill goes between them, because
//! the fill character may be any code point, surrogates included, and because a caller can then
//! build the string in one go at its final width.
use num_bigint::{BigInt, Sign};

use super::float_text::{FloatFlags, FloatStyle, format_float};
use super::integer;
use crate::text::Buffer;

/// The exception that a bad format raises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormatError {
    /// ValueError
    Value(String),
    /// OverflowError
    Overflow(String),
    /// MemoryError: the result is too wide.
    Memory,
}

fn value_error<T>(message: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError::Value(message.into()))
}

/// A text with room for fill: `left` fill, `head`, `inner` fill, `body`, `right` fill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Formatted {
    pub fill: u32,
    pub left: usize,
    pub head: String,
    pub inner: usize,
    pub body: String,
    /// A surrogate in the place of the body, which cannot hold it.
    pub surrogate: Option<u32>,
    pub right: usize,
}

impl Formatted {
    pub(super) fn new(fill: u32, left: usize, head: String, inner: usize, body: String, right: usize) -> Self {
        Formatted { fill, left, head, inner, body, surrogate: None, right }
    }

    /// Length in code points.
    pub fn len(&self) -> usize {
        let texts = self.head.chars().count() + self.body.chars().count() + usize::from(self.surrogate.is_some());
        self.left + self.inner + self.right + texts
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code points, in order.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let fill = |n| std::iter::repeat_n(self.fill, n);
        fill(self.left)
            .chain(self.head.chars().map(u32::from))
            .chain(fill(self.inner))
            .chain(self.body.chars().map(u32::from))
            .chain(self.surrogate)
            .chain(fill(self.right))
    }

    /// The text as a string under construction; `None` where memory does not suffice.
    pub fn into_buffer(self) -> Option<Buffer> {
        let mut buffer = Buffer::new();
        if !buffer.try_reserve(self.len()) {
            return None;
        }
        buffer.push_repeated(self.fill, self.left);
        buffer.push_str(&self.head);
        buffer.push_repeated(self.fill, self.inner);
        buffer.push_str(&self.body);
        if let Some(code) = self.surrogate {
            buffer.push(code);
        }
        buffer.push_repeated(self.fill, self.right);
        Some(buffer)
    }

    /// The text, where no surrogate takes part; `None` also where memory does not suffice.
    pub fn into_string(self) -> Option<String> {
        if self.surrogate.is_some() {
            return None;
        }
        if self.left + self.inner + self.right == 0 {
            let mut text = self.head;
            if text.is_empty() {
                return Some(self.body);
            }
            text.push_str(&self.body);
            return Some(text);
        }
        let fill = char::from_u32(self.fill)?;
        let extra = (self.left + self.inner + self.right).saturating_mul(fill.len_utf8());
        let mut text = String::new();
        text.try_reserve_exact((self.head.len() + self.body.len()).saturating_add(extra)).ok()?;
        text.extend(std::iter::repeat_n(fill, self.left));
        text.push_str(&self.head);
        text.extend(std::iter::repeat_n(fill, self.inner));
        text.push_str(&self.body);
        text.extend(std::iter::repeat_n(fill, self.right));
        Some(text)
    }
}

/// Where a string of some length goes: see [`FormatSpec::lay_out_text`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextLayout {
    pub fill: u32,
    pub left: usize,
    /// So many code points of the string are taken.
    pub take: usize,
    pub right: usize,
}

/// The separators of the type `n`, from the C library's locale.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberLocale {
    pub decimal_point: String,
    pub thousands_separator: String,
    /// Sizes of groups as in `struct lconv`: the last repeats, 127 (CHAR_MAX) ends the grouping.
    pub grouping: Vec<u8>,
}

impl Default for NumberLocale {
    /// The locale "C".
    fn default() -> Self {
        NumberLocale { decimal_point: ".".into(), thousands_separator: String::new(), grouping: Vec::new() }
    }
}

/// An int to format.
#[derive(Clone, Copy)]
pub enum IntValue<'a> {
    Small(i64),
    Big(&'a BigInt),
}

impl IntValue<'_> {
    fn negative(self) -> bool {
        match self {
            IntValue::Small(value) => value < 0,
            IntValue::Big(value) => value.sign() == Sign::Minus,
        }
    }

    /// Digits of the magnitude.
    pub(super) fn digits(self, base: u32) -> String {
        match self {
            IntValue::Small(value) => {
                let magnitude = value.unsigned_abs();
                match base {
                    2 => power_of_two_digits(magnitude, 1),
                    8 => power_of_two_digits(magnitude, 3),
                    16 => power_of_two_digits(magnitude, 4),
                    _ => itoa::Buffer::new().format(magnitude).to_owned(),
                }
            }
            IntValue::Big(value) => value.magnitude().to_str_radix(base),
        }
    }
}

fn power_of_two_digits(mut value: u64, bits: u32) -> String {
    let mut text = [0; 64];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b"0123456789abcdef"[(value & ((1 << bits) - 1)) as usize];
        value >>= bits;
        if value == 0 {
            return text[at..].iter().map(|digit| char::from(*digit)).collect();
        }
    }
}

/// A parsed specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatSpec {
    pub fill: u32,
    pub align: u8,
    align_given: bool,
    pub alternate: bool,
    pub no_negative_zero: bool,
    /// 0, `+`, `-` or space.
    pub sign: u8,
    pub width: Option<usize>,
    /// `,` or `_`; 0 for none.
    grouping: u8,
    /// The same for digits after the point.
    fraction_grouping: u8,
    pub precision: Option<usize>,
    /// Presentation type: a code point; 0 for none where there is no default.
    pub kind: u32,
}

impl FormatSpec {
    /// Parses `text`. `type_name` is for the messages; `default_kind` and `default_align` depend
    /// on the type of the value ('d' and '>' for int, 's' and '<' for str, 0 and '>' for float).
    pub fn parse(text: &[u32], default_kind: u8, default_align: u8, type_name: &str) -> Result<Self, FormatError> {
        let mut spec = FormatSpec {
            fill: u32::from(b' '),
            align: default_align,
            align_given: false,
            alternate: false,
            no_negative_zero: false,
            sign: 0,
            width: None,
            grouping: 0,
            fraction_grouping: 0,
            precision: None,
            kind: u32::from(default_kind),
        };
        let is = |at: usize, byte: u8| text.get(at) == Some(&u32::from(byte));
        let align = |at: usize| match text.get(at) {
            Some(&c) if c < 0x80 && matches!(c as u8, b'<' | b'>' | b'=' | b'^') => Some(c as u8),
            _ => None,
        };
        let mut at = 0;
        let mut fill_given = false;
        if let Some(found) = align(1) {
            spec.fill = text[0];
            spec.align = found;
            spec.align_given = true;
            fill_given = true;
            at = 2;
        } else if let Some(found) = align(0) {
            spec.align = found;
            spec.align_given = true;
            at = 1;
        }
        if let Some(&sign) = text.get(at)
            && (sign == 0x2B || sign == 0x2D || sign == 0x20)
        {
            spec.sign = sign as u8;
            at += 1;
        }
        if is(at, b'z') {
            spec.no_negative_zero = true;
            at += 1;
        }
        if is(at, b'#') {
            spec.alternate = true;
            at += 1;
        }
        if !fill_given && is(at, b'0') {
            spec.fill = u32::from(b'0');
            if !spec.align_given && default_align == b'>' {
                spec.align = b'=';
            }
            at += 1;
        }
        (spec.width, at) = integer(text, at)?;
        (spec.grouping, at) = grouping(text, at)?;
        if is(at, b'.') {
            (spec.precision, at) = integer(text, at + 1)?;
            (spec.fraction_grouping, at) = grouping(text, at)?;
            if spec.precision.is_none() && spec.fraction_grouping == 0 {
                return value_error("Format specifier missing precision");
            }
        }
        match text.get(at..) {
            None | Some([]) => {}
            Some([kind]) => spec.kind = *kind,
            Some(_) => {
                let shown: String = text.iter().map(|c| char::from_u32(*c).unwrap_or('\u{FFFD}')).collect();
                return value_error(format!("Invalid format specifier '{shown}' for object of type '{type_name}'"));
            }
        }
        let kind = u8::try_from(spec.kind).unwrap_or(0xFF);
        if spec.grouping != 0 {
            let allowed = match kind {
                b'd' | b'e' | b'f' | b'g' | b'E' | b'G' | b'%' | b'F' | 0 => true,
                b'b' | b'o' | b'x' | b'X' => spec.grouping == b'_',
                _ => false,
            };
            if !allowed {
                return cannot_group(spec.grouping, spec.kind);
            }
        }
        if spec.fraction_grouping != 0 && kind == b'n' {
            return cannot_group(spec.fraction_grouping, spec.kind);
        }
        Ok(spec)
    }

    /// Whether the type is one of those that show an int as a float.
    pub fn is_float_kind(&self) -> bool {
        matches!(u8::try_from(self.kind), Ok(b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%'))
    }

    /// Whether the type shows an int in base ten, where the digit limit applies.
    pub fn is_decimal_int(&self) -> bool {
        matches!(u8::try_from(self.kind), Ok(0 | b'd' | b'n'))
    }

    fn unknown_kind<T>(&self, type_name: &str) -> Result<T, FormatError> {
        let kind = self.kind;
        if kind > 32 && kind < 128 {
            return value_error(format!("Unknown format code '{}' for object of type '{type_name}'", kind as u8 as char));
        }
        value_error(format!("Unknown format code '\\x{kind:x}' for object of type '{type_name}'"))
    }

    /// Left and right fill around `length` code points.
    fn padding(&self, length: usize) -> (usize, usize) {
        let free = self.width.unwrap_or(0).saturating_sub(length);
        match self.align {
            b'>' => (free, 0),
            b'^' => (free / 2, free - free / 2),
            _ => (0, free),
        }
    }

    /// Applies the specification to a string of `length` code points.
    pub fn lay_out_text(&self, length: usize, type_name: &str) -> Result<TextLayout, FormatError> {
        if self.kind != u32::from(b's') {
            return self.unknown_kind(type_name);
        }
        if self.sign == b' ' {
            return value_error("Space not allowed in string format specifier");
        }
        if self.sign != 0 {
            return value_error("Sign not allowed in string format specifier");
        }
        if self.no_negative_zero {
            return value_error("Negative zero coercion (z) not allowed in string format specifier");
        }
        if self.alternate {
            return value_error("Alternate form (#) not allowed in string format specifier");
        }
        if self.align == b'=' {
            return value_error("'=' alignment not allowed in string format specifier");
        }
        let take = self.precision.map_or(length, |p| p.min(length));
        let (left, right) = self.padding(take);
        Ok(TextLayout { fill: self.fill, left, take, right })
    }

    /// Applies the specification to an int. For the types of [`Self::is_float_kind`] the caller
    /// converts the int (OverflowError) and uses [`Self::format_float`].
    pub fn format_int(&self, value: IntValue, locale: &NumberLocale, type_name: &str) -> Result<Formatted, FormatError> {
        let kind = u8::try_from(self.kind).unwrap_or(0xFF);
        let (base, prefix) = match kind {
            0 | b'd' | b'n' => (10, ""),
            b'b' => (2, "0b"),
            b'o' => (8, "0o"),
            b'x' => (16, "0x"),
            b'X' => (16, "0X"),
            b'c' => (0, ""),
            _ => return self.unknown_kind(type_name),
        };
        if self.precision.is_some() {
            return value_error("Precision not allowed in integer format specifier");
        }
        if self.no_negative_zero {
            return value_error("Negative zero coercion (z) not allowed in integer format specifier");
        }
        if kind == b'c' {
            return self.format_character(value);
        }
        let mut digits = value.digits(base);
        if kind == b'X' {
            digits.make_ascii_uppercase();
        }
        let mut head = String::from(self.sign_text(value.negative()));
        if self.alternate {
            head.push_str(prefix);
        }
        if self.grouping == 0 && kind != b'n' {
            return Ok(self.pad_number(head, digits));
        }
        let separators = match (kind, self.grouping) {
            (b'n', _) => Separators::of(locale),
            (b'b' | b'o' | b'x' | b'X', separator @ 1..) => Separators::every(4, separator),
            (_, separator @ 1..) => Separators::every(3, separator),
            _ => Separators::none(),
        };
        self.assemble(head, &digits, "", &separators)
    }

    fn format_character(&self, value: IntValue) -> Result<Formatted, FormatError> {
        if self.sign != 0 {
            return value_error("Sign not allowed with integer format specifier 'c'");
        }
        if self.alternate {
            return value_error("Alternate form (#) not allowed with integer format specifier 'c'");
        }
        let code = match value {
            IntValue::Small(value) => u32::try_from(value).ok().filter(|c| *c < 0x11_0000),
            IntValue::Big(big) if i64::try_from(big).is_err() => {
                return Err(FormatError::Overflow("Python int too large to convert to C long".into()));
            }
            IntValue::Big(_) => None,
        };
        let Some(code) = code else {
            return Err(FormatError::Overflow("%c arg not in range(0x110000)".into()));
        };
        let (left, right) = match self.align {
            b'=' => (self.width.unwrap_or(0).saturating_sub(1), 0),
            _ => self.padding(1),
        };
        let body = char::from_u32(code).map(String::from);
        let surrogate = if body.is_none() { Some(code) } else { None };
        let body = body.unwrap_or_default();
        Ok(Formatted { fill: self.fill, left, head: String::new(), inner: 0, body, surrogate, right })
    }

    /// Applies the specification to a float.
    pub fn format_float(&self, value: f64, locale: &NumberLocale, type_name: &str) -> Result<Formatted, FormatError> {
        let kind = u8::try_from(self.kind).unwrap_or(0xFF);
        if !matches!(kind, 0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n' | b'%') {
            return self.unknown_kind(type_name);
        }
        let percent = kind == b'%';
        let text = self.float_text(if percent { value * 100.0 } else { value }, kind, kind == 0)?;
        let head = self.sign_text(text.negative).to_owned();
        if self.grouping == 0 && self.fraction_grouping == 0 && kind != b'n' {
            let mut body = text.text;
            if percent {
                body.push('%');
            }
            return Ok(self.pad_number(head, body));
        }
        let (digits, mut rest) = self.split_float(&text.text, kind, locale);
        if percent {
            rest.push('%');
        }
        self.assemble(head, &digits, &rest, &self.float_separators(kind, locale))
    }

    /// Applies the specification to a complex number.
    pub fn format_complex(
        &self, real: f64, imaginary: f64, locale: &NumberLocale, type_name: &str,
    ) -> Result<Formatted, FormatError> {
        let kind = u8::try_from(self.kind).unwrap_or(0xFF);
        if !matches!(kind, 0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n') {
            return self.unknown_kind(type_name);
        }
        if self.fill == u32::from(b'0') {
            return value_error("Zero padding is not allowed in complex format specifier");
        }
        if self.align == b'=' {
            return value_error("'=' alignment flag is not allowed in complex format specifier");
        }
        let separators = self.float_separators(kind, locale);
        let part = |value: f64, sign: u8| -> Result<String, FormatError> {
            let text = self.float_text(value, kind, false)?;
            let (digits, rest) = self.split_float(&text.text, kind, locale);
            Ok(format!("{}{}{rest}", sign_text(sign, text.negative), separators.apply(&digits, 0)))
        };
        let bare = kind == 0 && real == 0.0 && real.is_sign_positive();
        let body = if bare {
            format!("{}j", part(imaginary, self.sign)?)
        } else {
            let (re, im) = (part(real, self.sign)?, part(imaginary, b'+')?);
            if kind == 0 { format!("({re}{im}j)") } else { format!("{re}{im}j") }
        };
        let (left, right) = self.padding(body.chars().count());
        Ok(Formatted::new(self.fill, left, String::new(), 0, body, right))
    }

    fn float_text(&self, value: f64, kind: u8, dot_zero: bool) -> Result<super::float_text::FloatText, FormatError> {
        if self.precision.is_some_and(|p| p >= i32::MAX as usize) {
            return value_error("precision too big");
        }
        let style = match kind {
            b'e' | b'E' => FloatStyle::Exponent,
            b'f' | b'F' | b'%' => FloatStyle::Fixed,
            0 if self.precision.is_none() => FloatStyle::Repr,
            _ => FloatStyle::General,
        };
        let flags = FloatFlags {
            alternate: self.alternate,
            add_dot_zero: dot_zero,
            no_negative_zero: self.no_negative_zero,
            upper: kind.is_ascii_uppercase(),
        };
        Ok(format_float(value, style, self.precision.unwrap_or(6), flags))
    }

    /// The digits before the point, and the rest with its separators and the locale's point.
    fn split_float(&self, text: &str, kind: u8, locale: &NumberLocale) -> (String, String) {
        let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
        let (digits, tail) = text.split_at(end);
        let Some(tail) = tail.strip_prefix('.') else {
            return (digits.into(), tail.into());
        };
        let end = tail.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(tail.len());
        let (fraction, exponent) = tail.split_at(end);
        let mut rest = String::from(if kind == b'n' { locale.decimal_point.as_str() } else { "." });
        if self.fraction_grouping == 0 {
            rest.push_str(fraction);
        } else {
            for (i, digit) in fraction.chars().enumerate() {
                if i > 0 && i % 3 == 0 {
                    rest.push(char::from(self.fraction_grouping));
                }
                rest.push(digit);
            }
        }
        rest.push_str(exponent);
        (digits.into(), rest)
    }

    fn float_separators(&self, kind: u8, locale: &NumberLocale) -> Separators {
        match (kind, self.grouping) {
            (b'n', _) => Separators::of(locale),
            (_, 0) => Separators::none(),
            (_, separator) => Separators::every(3, separator),
        }
    }

    fn sign_text(&self, negative: bool) -> &'static str {
        sign_text(self.sign, negative)
    }

    /// Sign and prefix, grouped digits, the rest; zero padding widens the digits.
    fn assemble(
        &self, head: String, digits: &str, rest: &str, separators: &Separators,
    ) -> Result<Formatted, FormatError> {
        let fixed = head.len() + rest.chars().count();
        let zero_padded = self.fill == u32::from(b'0') && self.align == b'=';
        let least = if zero_padded { self.width.unwrap_or(0).saturating_sub(fixed) } else { 0 };
        // The digits with their zeros are made here, the fill is not.
        if String::new().try_reserve_exact(least.saturating_mul(2)).is_err() {
            return Err(FormatError::Memory);
        }
        let mut body = separators.apply(digits, least);
        body.push_str(rest);
        Ok(self.pad_number(head, body))
    }

    fn pad_number(&self, head: String, body: String) -> Formatted {
        if self.width.is_none() {
            return Formatted::new(self.fill, 0, head, 0, body, 0);
        }
        let length = head.len() + body.chars().count();
        if self.align == b'=' {
            let inner = self.width.unwrap_or(0).saturating_sub(length);
            return Formatted::new(self.fill, 0, head, inner, body, 0);
        }
        let (left, right) = self.padding(length);
        Formatted::new(self.fill, left, head, 0, body, right)
    }
}

/// Converts for [`FormatSpec::format_float`]: "int too large to convert to float" is the caller's.
pub fn int_to_float(value: IntValue) -> Option<f64> {
    match value {
        IntValue::Small(value) => Some(value as f64),
        IntValue::Big(value) => integer::to_float(value).ok(),
    }
}

fn sign_text(sign: u8, negative: bool) -> &'static str {
    match (negative, sign) {
        (true, _) => "-",
        (_, b'+') => "+",
        (_, b' ') => " ",
        _ => "",
    }
}

fn cannot_group<T>(separator: u8, kind: u32) -> Result<T, FormatError> {
    let separator = char::from(separator);
    if kind > 32 && kind < 128 {
        return value_error(format!("Cannot specify '{separator}' with '{}'.", kind as u8 as char));
    }
    value_error(format!("Cannot specify '{separator}' with '\\x{kind:x}'."))
}

/// Digits from `at` on, of any script; `None` where there are none.
fn integer(text: &[u32], mut at: usize) -> Result<(Option<usize>, usize), FormatError> {
    let mut value = None;
    while let Some(digit) = text.get(at).and_then(|c| pyrt_unicode::decimal_value(*c)) {
        let next = value.unwrap_or(0i64).checked_mul(10).and_then(|v| v.checked_add(i64::from(digit)));
        let Some(next) = next else {
            return value_error("Too many decimal digits in format string");
        };
        value = Some(next);
        at += 1;
    }
    Ok((value.map(|v| v as usize), at))
}

fn grouping(text: &[u32], mut at: usize) -> Result<(u8, usize), FormatError> {
    let is = |at: usize, byte: u8| text.get(at) == Some(&u32::from(byte));
    let both = || value_error("Cannot specify both ',' and '_'.");
    let mut separator = 0;
    if is(at, b',') {
        separator = b',';
        at += 1;
    }
    if is(at, b'_') {
        if separator != 0 {
            return both();
        }
        separator = b'_';
        at += 1;
    }
    if separator == b'_' && is(at, b',') {
        return both();
    }
    Ok((separator, at))
}

/// Sizes of groups from the right, the last one repeating unless 0 follows.
struct Separators {
    text: String,
    sizes: Vec<u8>,
}

impl Separators {
    fn none() -> Self {
        Separators { text: String::new(), sizes: Vec::new() }
    }

    fn every(size: u8, separator: u8) -> Self {
        Separators { text: char::from(separator).into(), sizes: vec![size] }
    }

    fn of(locale: &NumberLocale) -> Self {
        Separators { text: locale.thousands_separator.clone(), sizes: locale.grouping.clone() }
    }

    /// The digits in groups, with zeros in front up to a width of `least`.
    fn apply(&self, digits: &str, least: usize) -> String {
        // "inf" and "nan" have no digits.
        if digits.is_empty() {
            return String::new();
        }
        if self.sizes.is_empty() {
            let zeros = least.saturating_sub(digits.len());
            let mut text = String::with_capacity(zeros + digits.len());
            text.extend(std::iter::repeat_n('0', zeros));
            text.push_str(digits);
            return text;
        }
        if let ([size], [separator]) = (self.sizes.as_slice(), self.text.as_bytes()) {
            return uniform_groups(digits, usize::from(*size).max(1), char::from(*separator), least);
        }
        let separator_width = self.text.chars().count();
        let mut rest = digits.as_bytes();
        // Groups from the right; joined at the end.
        let mut groups: Vec<String> = Vec::new();
        let mut width = 0;
        let mut sizes = self.sizes.iter().copied();
        let mut size = 0;
        let mut ended = false;
        loop {
            match sizes.next() {
                Some(0) | None => {}
                Some(127) => ended = true,
                Some(next) => size = usize::from(next),
            }
            let missing = least.saturating_sub(width);
            let wanted = rest.len().max(missing).max(1);
            let take = if ended || size == 0 { wanted } else { wanted.min(size) };
            let from_digits = take.min(rest.len());
            let (left, group) = rest.split_at(rest.len() - from_digits);
            let mut text = "0".repeat(take - from_digits);
            text.push_str(std::str::from_utf8(group).unwrap_or(""));
            groups.push(text);
            rest = left;
            width += take;
            if rest.is_empty() && width >= least {
                break;
            }
            width += separator_width;
        }
        groups.reverse();
        groups.join(&self.text)
    }
}

/// Digits in groups of one size, with zeros in front up to a width of `least`.
fn uniform_groups(digits: &str, size: usize, separator: char, least: usize) -> String {
    // The fewest digits that give the width, with a separator before each whole group but the first.
    let width = |count: usize| count + (count - 1) / size;
    let mut count = digits.len().max(1);
    if width(count) < least {
        count = count.max(least - least / (size + 1));
        while width(count) < least {
            count += 1;
        }
    }
    let mut text = String::with_capacity(width(count));
    let zeros = std::iter::repeat_n('0', count - digits.len());
    for (i, digit) in zeros.chain(digits.chars()).enumerate() {
        if i > 0 && (count - i).is_multiple_of(size) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str, kind: u8) -> Result<FormatSpec, FormatError> {
        FormatSpec::parse(&text.chars().map(u32::from).collect::<Vec<_>>(), kind, b'>', "int")
    }

    fn float(text: &str, value: f64) -> String {
        let locale = NumberLocale::default();
        spec(text, 0).and_then(|s| s.format_float(value, &locale, "float")).unwrap().into_string().unwrap()
    }

    #[test]
    fn numbers_are_grouped_padded_and_rounded() {
        assert_eq!(float("020,.6_f", 12345.678912), "0,000,012,345.678_912");
        assert_eq!(float("z.2f", -1e-10), "0.00");
        assert_eq!(float("", 1e16), "1e+16");
        assert_eq!(float(".3", 123.0), "1.23e+02");
        assert_eq!(float(".2f", 2.675), "2.67");
        let int = |text: &str| {
            let locale = NumberLocale::default();
            spec(text, b'd').and_then(|s| s.format_int(IntValue::Small(-255), &locale, "int"))
        };
        assert_eq!(int("#012_x").unwrap().into_string().unwrap(), "-0x0000_00ff");
        assert_eq!(int(",x"), Err(FormatError::Value("Cannot specify ',' with 'x'.".into())));
        assert_eq!(int(&format!("0{},", isize::MAX)), Err(FormatError::Memory));
    }
}
