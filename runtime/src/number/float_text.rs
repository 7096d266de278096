//! Texts of floats: the shortest one that reads back (`repr`), fixed and exponent notation with a
//! precision, and the syntax that `float()` reads.
//!
//! Rust's own `{:.N}` and `{:.N}e` round the exact binary value half to even, which is what
//! CPython's dtoa does; the shortest digits come from zmij.

/// `repr(value)` without an allocation.
pub struct ReprText {
    bytes: [u8; 32],
    len: usize,
}

impl ReprText {
    fn empty() -> Self {
        ReprText { bytes: [0; 32], len: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        let end = self.len + text.len();
        if let Some(slot) = self.bytes.get_mut(self.len..end) {
            slot.copy_from_slice(text);
            self.len = end;
        }
    }

    fn zeros(&mut self, count: i32) {
        for _ in 0..count {
            self.push(b"0");
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl std::ops::Deref for ReprText {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// Python's `repr` of a float: shortest digits, exponent notation below 1e-4 and from 1e16 on.
pub fn float_repr(value: f64) -> ReprText {
    let mut text = ReprText::empty();
    repr_into(value, true, &mut text);
    text
}

/// A part of a complex number in its `repr`: like `repr`, without the `.0`.
pub fn float_repr_short(value: f64) -> ReprText {
    let mut text = ReprText::empty();
    repr_into(value, false, &mut text);
    text
}

/// `repr` of a complex number.
pub fn complex_repr(real: f64, imaginary: f64) -> String {
    let im = float_repr_short(imaginary);
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", im.as_str());
    }
    let sign = if im.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{}j)", float_repr_short(real).as_str(), im.as_str())
}

fn repr_into(value: f64, point: bool, text: &mut ReprText) {
    if value.is_nan() {
        return text.push(b"nan");
    }
    if value.is_sign_negative() {
        text.push(b"-");
    }
    if value.is_infinite() {
        return text.push(b"inf");
    }
    let magnitude = value.abs();
    // Integral values below 1e15 are their own digits.
    if magnitude < 1e15 && magnitude as u64 as f64 == magnitude {
        text.push(itoa::Buffer::new().format(magnitude as u64).as_bytes());
        if point {
            text.push(b".0");
        }
        return;
    }
    let shortest = Shortest::of(magnitude);
    let (digits, point_at) = (shortest.digits(), shortest.point);
    let count = digits.len() as i32;
    if !(-3..=16).contains(&point_at) {
        text.push(&digits[..1]);
        if count > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        let exponent = point_at - 1;
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        let exponent = exponent.unsigned_abs();
        if exponent < 10 {
            text.push(b"0");
        }
        text.push(itoa::Buffer::new().format(exponent).as_bytes());
    } else if point_at <= 0 {
        text.push(b"0.");
        text.zeros(-point_at);
        text.push(digits);
    } else if count <= point_at {
        text.push(digits);
        text.zeros(point_at - count);
        if point {
            text.push(b".0");
        }
    } else {
        text.push(&digits[..point_at as usize]);
        text.push(b".");
        text.push(&digits[point_at as usize..]);
    }
}

/// Shortest decimal digits d1d2… and the place of the point: 0.d1d2… × 10^point.
struct Shortest {
    bytes: [u8; 24],
    start: usize,
    end: usize,
    point: i32,
}

impl Shortest {
    /// `magnitude` is finite and not negative.
    fn of(magnitude: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let (mut bytes, mut end, mut point) = ([b'0'; 24], 0, 0);
        let mut exponent = 0i32;
        let mut seen_point = false;
        let text = buffer.format_finite(magnitude);
        let mut parts = text.splitn(2, ['e', 'E']);
        for byte in parts.next().unwrap_or("").bytes() {
            if byte == b'.' {
                seen_point = true;
                continue;
            }
            if let Some(slot) = bytes.get_mut(end) {
                *slot = byte;
                end += 1;
            }
            point += i32::from(!seen_point);
        }
        if let Some(text) = parts.next() {
            exponent = text.trim_start_matches('+').parse().unwrap_or(0);
        }
        let mut start = 0;
        while start + 1 < end && bytes[start] == b'0' {
            start += 1;
            point -= 1;
        }
        while end > start + 1 && bytes[end - 1] == b'0' {
            end -= 1;
        }
        if bytes[start] == b'0' {
            return Shortest { bytes, start, end: start + 1, point: 1 };
        }
        Shortest { bytes, start, end, point: point + exponent }
    }

    fn digits(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// How [`format_float`] shows a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatStyle {
    /// `e`: one digit, the point, `precision` digits, exponent.
    Exponent,
    /// `f`: `precision` digits after the point.
    Fixed,
    /// `g`: `precision` significant digits, whichever notation fits.
    General,
    /// `r`: shortest digits that read back; the precision is ignored.
    Repr,
}

/// Options of [`format_float`].
#[derive(Clone, Copy, Default, Debug)]
pub struct FloatFlags {
    /// `#`: keep the point and trailing zeros.
    pub alternate: bool,
    /// Append `.0` to what would look like an int.
    pub add_dot_zero: bool,
    /// `z`: no sign for what rounds to zero.
    pub no_negative_zero: bool,
    pub upper: bool,
}

/// Text of a float and its sign, apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FloatText {
    pub negative: bool,
    /// Digits, or "inf" or "nan"; no sign.
    pub text: String,
}

impl FloatText {
    /// With "-" in front where negative.
    pub fn signed(self) -> String {
        if self.negative { format!("-{}", self.text) } else { self.text }
    }
}

/// More digits than this are zeros: a double ends at 2^-1074.
const EXACT_DECIMALS: usize = 1100;

/// The conversions of `PyOS_double_to_string`.
pub fn format_float(value: f64, style: FloatStyle, precision: usize, flags: FloatFlags) -> FloatText {
    if !value.is_finite() {
        let text = match (value.is_nan(), flags.upper) {
            (true, false) => "nan",
            (true, true) => "NAN",
            (false, false) => "inf",
            (false, true) => "INF",
        };
        return FloatText { negative: value == f64::NEG_INFINITY, text: text.into() };
    }
    let magnitude = value.abs();
    let mut text = match style {
        FloatStyle::Fixed => fixed(magnitude, precision),
        FloatStyle::Exponent => {
            let (digits, exponent) = significant(magnitude, precision.saturating_add(1));
            exponent_notation(&digits, exponent, flags.alternate)
        }
        FloatStyle::General => {
            let precision = precision.max(1);
            let (digits, exponent) = significant(magnitude, precision);
            let last = precision as i64 - i64::from(flags.add_dot_zero);
            general(&digits, exponent, last, flags.alternate, precision)
        }
        FloatStyle::Repr => {
            let shortest = Shortest::of(magnitude);
            general(shortest.digits(), i64::from(shortest.point) - 1, 16, false, 0)
        }
    };
    let has_exponent = matches!(style, FloatStyle::Exponent | FloatStyle::General | FloatStyle::Repr)
        && text.bytes().any(|b| b == b'e');
    if !text.contains('.') && !has_exponent {
        if flags.alternate {
            text.push('.');
        }
        if flags.add_dot_zero {
            text.push_str(if flags.alternate { "0" } else { ".0" });
        }
    } else if flags.alternate && has_exponent && !text.contains('.') {
        text = text.replacen('e', ".e", 1);
    }
    let mut negative = value.is_sign_negative();
    if negative && flags.no_negative_zero {
        let digits = text.split('e').next().unwrap_or("");
        negative = digits.bytes().any(|b| matches!(b, b'1'..=b'9'));
    }
    if flags.upper {
        text.make_ascii_uppercase();
    }
    FloatText { negative, text }
}

fn fixed(magnitude: f64, precision: usize) -> String {
    if let Some((digits, _)) = super::rounding::scaled_digits(magnitude, precision) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(digits as u64);
        let whole = digits.len().saturating_sub(precision);
        let mut text = String::with_capacity(digits.len() + precision + 2);
        text.push_str(if whole == 0 { "0" } else { &digits[..whole] });
        if precision > 0 {
            text.push('.');
            text.extend(std::iter::repeat_n('0', precision.saturating_sub(digits.len())));
            text.push_str(&digits[whole..]);
        }
        return text;
    }
    let exact = precision.min(EXACT_DECIMALS);
    let mut text = format!("{magnitude:.exact$}");
    text.extend(std::iter::repeat_n('0', precision - exact));
    text
}

/// `count` correctly rounded digits and the decimal exponent of the first.
fn significant(magnitude: f64, count: usize) -> (Vec<u8>, i64) {
    let exact = (count - 1).min(EXACT_DECIMALS);
    let text = format!("{magnitude:.exact$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    digits.resize(count, b'0');
    (digits, exponent.parse().unwrap_or(0))
}

fn push_digits(text: &mut String, digits: &[u8]) {
    text.extend(digits.iter().map(|d| char::from(*d)));
}

fn exponent_notation(digits: &[u8], exponent: i64, point: bool) -> String {
    let mut text = String::with_capacity(digits.len() + 6);
    let (first, rest) = digits.split_at(1.min(digits.len()));
    push_digits(&mut text, first);
    if !rest.is_empty() || point {
        text.push('.');
    }
    push_digits(&mut text, rest);
    text.push_str(if exponent < 0 { "e-" } else { "e+" });
    if exponent.unsigned_abs() < 10 {
        text.push('0');
    }
    text.push_str(itoa::Buffer::new().format(exponent.unsigned_abs()));
    text
}

/// `g`: fixed notation for exponents from -4 on and below `limit`. Without `keep_zeros`
/// trailing zeros go.
fn general(digits: &[u8], exponent: i64, limit: i64, keep_zeros: bool, precision: usize) -> String {
    let mut end = digits.len();
    if !keep_zeros {
        while end > 1 && digits[end - 1] == b'0' {
            end -= 1;
        }
    }
    let digits = &digits[..end];
    if exponent < -4 || exponent >= limit {
        return exponent_notation(digits, exponent, keep_zeros && precision == 1);
    }
    let mut text = String::with_capacity(digits.len() + 24);
    if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        push_digits(&mut text, digits);
        return text;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        push_digits(&mut text, digits);
        text.extend(std::iter::repeat_n('0', whole - digits.len()));
    } else {
        push_digits(&mut text, &digits[..whole]);
        text.push('.');
        push_digits(&mut text, &digits[whole..]);
    }
    text
}

/// Reads what `float()` accepts, white space stripped: sign, digits with single underscores
/// between them, point, exponent; inf, infinity, nan. `None` for anything else.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    if text.contains(&b'_') {
        return parse_decimal(&without_underscores(text)?);
    }
    parse_decimal(text)
}

/// Drops underscores; `None` where one does not stand between two digits.
fn without_underscores(text: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(text.len());
    let mut previous = 0;
    for &byte in text {
        if byte == b'_' {
            if !previous_is_digit(previous) {
                return None;
            }
        } else {
            if previous == b'_' && !byte.is_ascii_digit() {
                return None;
            }
            kept.push(byte);
        }
        previous = byte;
    }
    (previous != b'_').then_some(kept)
}

fn previous_is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn parse_decimal(text: &[u8]) -> Option<f64> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let first = *body.first()?;
    if !first.is_ascii_digit() && first != b'.' {
        let value = if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            f64::INFINITY
        } else if body.eq_ignore_ascii_case(b"nan") {
            f64::NAN
        } else {
            return None;
        };
        return Some(if negative { -value } else { value });
    }
    // Past the first byte, what Rust reads from here on is what Python reads.
    let value: f64 = std::str::from_utf8(body).ok()?.parse().ok()?;
    Some(if negative { -value } else { value })
}

/// The longest prefix that is a decimal float, as `strtod` would read it; for `complex()`.
pub fn parse_float_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let rest = text.get(at..)?;
    for word in [&b"infinity"[..], b"inf", b"nan"] {
        if rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word) {
            let end = at + word.len();
            return Some((parse_decimal(&text[..end])?, end));
        }
    }
    let digits = |mut at: usize| {
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let whole = digits(at);
    let mut count = whole - at;
    at = whole;
    if text.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        count += end - at - 1;
        at = end;
    }
    if count == 0 {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        if end > at + 1 + sign {
            at = end;
        }
    }
    Some((parse_decimal(&text[..at])?, at))
}

/// Reads what `complex()` accepts; `None` for anything else.
pub fn parse_complex(text: &[u8]) -> Option<(f64, f64)> {
    let owned;
    let mut text = text.trim_ascii();
    if text.contains(&b'_') {
        owned = without_underscores(text)?;
        text = &owned;
    }
    if let [b'(', inner @ .., b')'] = text {
        text = inner.trim_ascii();
    }
    let unit = |rest: &[u8], sign: f64| matches!(rest, [b'j' | b'J']).then_some(sign);
    let Some((first, end)) = parse_float_prefix(text) else {
        // "j", "+j", "-j".
        return match text {
            [b'-', rest @ ..] => unit(rest, -1.0),
            [b'+', rest @ ..] => unit(rest, 1.0),
            rest => unit(rest, 1.0),
        }
        .map(|imaginary| (0.0, imaginary));
    };
    let rest = &text[end..];
    match rest {
        [] => Some((first, 0.0)),
        [b'j' | b'J'] => Some((0.0, first)),
        [sign @ (b'+' | b'-'), tail @ ..] => {
            let one = if *sign == b'-' { -1.0 } else { 1.0 };
            if let Some(imaginary) = unit(tail, one) {
                return Some((first, imaginary));
            }
            let (imaginary, used) = parse_float_prefix(rest)?;
            matches!(rest.get(used..)?, [b'j' | b'J']).then_some((first, imaginary))
        }
        _ => None,
    }
}
