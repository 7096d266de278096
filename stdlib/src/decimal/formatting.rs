//! `format()` of numbers: the specification and its application.

use super::arithmetic;
use super::coefficient::Coefficient;
use super::number::Number;
use super::rules::{Rounding, Rules, Status};
use super::text;

pub struct Locale {
    pub decimal_point: String,
    pub thousands_separator: String,
    /// As in C: sizes of groups from the right, the last one repeated if a zero follows, none after 127.
    pub grouping: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Specification {
    fill: char,
    align: char,
    /// What stands before numbers that are not negative.
    plus: Option<char>,
    no_negative_zero: bool,
    alternate: bool,
    zero_pad: bool,
    width: usize,
    thousands: Option<char>,
    precision: Option<usize>,
    fraction_separator: Option<char>,
    pub kind: Option<char>,
}

/// Why there is no result.
pub enum FormatFault {
    Syntax,
    /// A number in the specification is beyond machine words.
    TooLarge,
    Memory,
}

struct Reader<'a> {
    rest: &'a [char],
}

impl Reader<'_> {
    fn take(&mut self, accepts: &[char]) -> Option<char> {
        let (first, rest) = self.rest.split_first()?;
        accepts.contains(first).then(|| {
            self.rest = rest;
            *first
        })
    }

    fn number(&mut self) -> Result<Option<usize>, FormatFault> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.rest.first().and_then(|c| c.to_digit(10)) {
            self.rest = &self.rest[1..];
            let next = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit as usize));
            number = Some(next.filter(|n| i64::try_from(*n).is_ok()).ok_or(FormatFault::TooLarge)?);
        }
        Ok(number)
    }
}

impl Specification {
    pub fn parse(specification: &str) -> Result<Specification, FormatFault> {
        const ALIGNMENTS: [char; 4] = ['<', '>', '=', '^'];
        let text: Vec<char> = specification.chars().collect();
        let mut reader = Reader { rest: &text };
        let (mut fill, mut align) = (None, None);
        if let [first, second, ..] = text[..] {
            if ALIGNMENTS.contains(&second) {
                (fill, align) = (Some(first), Some(second));
                reader.rest = &text[2..];
            }
        }
        if align.is_none() {
            align = reader.take(&ALIGNMENTS);
        }
        let plus = reader.take(&['+', '-', ' ']);
        let no_negative_zero = reader.take(&['z']).is_some();
        let alternate = reader.take(&['#']).is_some();
        let zero_pad = reader.take(&['0']).is_some();
        if zero_pad && align.is_some() {
            return Err(FormatFault::Syntax);
        }
        let width = reader.number()?.unwrap_or(0);
        let thousands = reader.take(&[',', '_']);
        let (mut precision, mut fraction_separator) = (None, None);
        if reader.take(&['.']).is_some() {
            precision = reader.number()?;
            fraction_separator = reader.take(&[',', '_']);
            if precision.is_none() && fraction_separator.is_none() {
                return Err(FormatFault::Syntax);
            }
        }
        let kind = reader.take(&['e', 'E', 'f', 'F', 'g', 'G', 'n', 'N', '%']);
        if !reader.rest.is_empty() || (matches!(kind, Some('n' | 'N')) && (thousands.is_some() || fraction_separator.is_some())) {
            return Err(FormatFault::Syntax);
        }
        if precision == Some(0) && matches!(kind, None | Some('g' | 'G' | 'n' | 'N')) {
            precision = Some(1);
        }
        Ok(Specification {
            fill: fill.unwrap_or(if zero_pad { '0' } else { ' ' }),
            align: align.unwrap_or(if zero_pad { '=' } else { '>' }),
            plus: plus.filter(|sign| *sign != '-'),
            no_negative_zero,
            alternate,
            zero_pad,
            width,
            thousands,
            precision,
            fraction_separator,
            kind,
        })
    }

    /// Lays out sign and body.
    fn align(&self, sign: &str, body: &str) -> Result<String, FormatFault> {
        let length = sign.chars().count() + body.chars().count();
        let padding = self.width.saturating_sub(length);
        let mut out = String::new();
        let size = padding.checked_mul(self.fill.len_utf8()).and_then(|n| n.checked_add(sign.len() + body.len()));
        out.try_reserve(size.ok_or(FormatFault::Memory)?).map_err(|_| FormatFault::Memory)?;
        let (left, inner, right) = match self.align {
            '<' => (0, 0, padding),
            '^' => (padding / 2, 0, padding - padding / 2),
            '=' => (0, padding, 0),
            _ => (padding, 0, 0),
        };
        out.extend(std::iter::repeat_n(self.fill, left));
        out.push_str(sign);
        out.extend(std::iter::repeat_n(self.fill, inner));
        out.push_str(body);
        out.extend(std::iter::repeat_n(self.fill, right));
        Ok(out)
    }

    fn sign(&self, negative: bool) -> String {
        if negative { "-".into() } else { self.plus.map(String::from).unwrap_or_default() }
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// A finite number rounded (or filled up) to so many places behind the point.
fn rescale(number: &Number, exponent: i64, rounding: Rounding) -> Result<Number, FormatFault> {
    let mut status = Status::default();
    let target = Number::zero(false, exponent);
    let rules = Rules { rounding, ..Rules::WIDEST };
    let result = arithmetic::quantize(number, &target, &rules, &mut status);
    if result.is_nan() { Err(FormatFault::Memory) } else { Ok(result) }
}

/// Rounded (or filled up) to so many digits.
fn round(number: &Number, places: i64, rounding: Rounding) -> Result<Number, FormatFault> {
    if number.is_zero() {
        return Ok(number.clone());
    }
    let result = rescale(number, number.adjusted() + 1 - places, rounding)?;
    if result.adjusted() == number.adjusted() { Ok(result) } else { rescale(&result, result.adjusted() + 1 - places, rounding) }
}

pub fn format(number: &Number, spec: &Specification, locale: &Locale, rules: &Rules, capitals: bool) -> Result<String, FormatFault> {
    if number.is_special() {
        let mut body = text_of(text::to_text(&number.absolute(), false, true));
        if spec.kind == Some('%') {
            body.push('%');
        }
        let spec = if spec.zero_pad { &Specification { fill: ' ', align: '>', ..spec.clone() } } else { spec };
        return spec.align(&spec.sign(number.negative), &body);
    }
    let is_locale = matches!(spec.kind, Some('n' | 'N'));
    let kind = match spec.kind {
        None => if capitals { 'G' } else { 'g' },
        Some('n') => 'g',
        Some('N') => 'G',
        Some(kind) => kind,
    };
    let mut number = number.clone();
    if kind == '%' {
        number.exponent += 2;
    }
    let precision = match spec.precision {
        Some(precision) => Some(i64::try_from(precision).ok().filter(|n| *n < i64::MAX / 4).ok_or(FormatFault::Memory)?),
        None => None,
    };
    let is_fixed = matches!(kind, 'f' | 'F' | '%');
    match (precision, kind) {
        (Some(precision), 'e' | 'E') => number = round(&number, precision + 1, rules.rounding)?,
        (Some(precision), 'g' | 'G') if number.digits() > precision => number = round(&number, precision, rules.rounding)?,
        (Some(precision), _) if is_fixed => number = rescale(&number, -precision, rules.rounding)?,
        _ => {}
    }
    if number.is_zero() && number.exponent > 0 && is_fixed {
        number = rescale(&number, 0, rules.rounding)?;
    }
    let negative = number.negative && !(number.is_zero() && spec.no_negative_zero);
    let digits = text_of(number.coefficient.to_digits());
    let left = number.exponent + digits.len() as i64;
    let place = match kind {
        'e' | 'E' => precision.filter(|_| number.is_zero()).map_or(1, |precision| 1 - precision),
        'g' | 'G' => if number.exponent <= 0 && left > -6 { left } else { 1 },
        _ => left,
    };
    if place.unsigned_abs() > 1 << 20 {
        let mut status = Status::default();
        if !status.has_room(place.saturating_abs().saturating_mul(8)) {
            return Err(FormatFault::Memory);
        }
    }
    let (mut whole, mut fraction);
    if place <= 0 {
        whole = "0".to_string();
        fraction = "0".repeat(usize::try_from(-place).unwrap_or(0)) + &digits;
    } else if place >= digits.len() as i64 {
        whole = digits.clone() + &"0".repeat(usize::try_from(place).unwrap_or(0) - digits.len());
        fraction = String::new();
    } else {
        whole = digits[..place as usize].to_string();
        fraction = digits[place as usize..].to_string();
    }
    let exponent = left - place;
    if let Some(separator) = spec.fraction_separator {
        let groups: Vec<&str> = fraction.as_bytes().chunks(3).map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
        fraction = groups.join(&separator.to_string());
    }
    if !fraction.is_empty() || spec.alternate {
        fraction = format!("{}{fraction}", if is_locale { &locale.decimal_point } else { "." });
    }
    if exponent != 0 || matches!(kind, 'e' | 'E') {
        let letter = if matches!(kind, 'E' | 'G' | 'F') { 'E' } else { 'e' };
        fraction.push_str(&format!("{letter}{exponent:+}"));
    }
    if kind == '%' {
        fraction.push('%');
    }
    let sign = spec.sign(negative);
    let least = if spec.zero_pad { spec.width.saturating_sub(fraction.chars().count() + sign.len()) } else { 0 };
    if least > 1 << 20 && !Status::default().has_room((least as i64).saturating_mul(8)) {
        return Err(FormatFault::Memory);
    }
    whole = if is_locale {
        group(&whole, least, &locale.thousands_separator, &locale.grouping)
    } else {
        match spec.thousands {
            Some(separator) => group(&whole, least, &separator.to_string(), &[3, 0]),
            None => group(&whole, least, "", &[3, 0]),
        }
    };
    spec.align(&sign, &(whole + &fraction))
}

/// Digits in groups, filled up with zeros to a width.
fn group(digits: &str, least: usize, separator: &str, grouping: &[u8]) -> String {
    let mut rest = digits.len();
    let mut least = least as i64;
    let separator_width = separator.chars().count() as i64;
    let mut groups: Vec<String> = Vec::new();
    let mut sizes = grouping.iter().copied();
    let mut last = 0u8;
    loop {
        // A zero repeats the size before it; 127, or no more sizes: all the rest.
        let size = match sizes.next() {
            Some(0) | None if last != 0 && grouping.last() == Some(&0) => Some(i64::from(last)),
            Some(127) | Some(0) | None => None,
            Some(size) => Some(i64::from(size)),
        };
        if let Some(size) = size {
            last = size as u8;
        }
        let wanted = (rest as i64).max(least).max(1);
        let length = size.map_or(wanted, |size| wanted.min(size));
        let taken = (length as usize).min(rest);
        groups.push("0".repeat(length as usize - taken) + &digits[rest - taken..rest]);
        rest -= taken;
        least -= length;
        if size.is_none() || (rest == 0 && least <= 0) {
            break;
        }
        least -= separator_width;
    }
    groups.reverse();
    groups.join(separator)
}

/// Digits of a coefficient for tuples.
pub fn digits_of(coefficient: &Coefficient) -> Vec<u8> {
    coefficient.to_digits().iter().map(|digit| digit - b'0').collect()
}
