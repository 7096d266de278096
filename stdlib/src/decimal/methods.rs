//! The methods of `Decimal`.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::One;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{complex, int, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::arguments::{self, bind, operand};
use super::arithmetic;
use super::context;
use super::conversion;
use super::decimal::{self, new, number};
use super::formatting::{self, FormatFault, Locale, Specification};
use super::number::{Number, compare_total, compare_total_magnitudes};
use super::rules::{Rounding, Rules, Status};
use super::selection;
use super::signals::Kept;
use super::transcendental;

/// The class of `as_tuple`.
pub static DECIMAL_TUPLE: Kept = Kept::new();

/// Does an operation under a context, and settles what it signals.
#[inline(always)]
pub fn under<R>(context: Value, thread: &mut Thread, operation: impl FnOnce(&Rules, &mut Status) -> R) -> PyResult<R> {
    let rules = context::of(context).state.rules();
    let mut status = Status::default();
    let result = operation(&rules, &mut status);
    context::settle(context, status, thread)?;
    Ok(result)
}

macro_rules! unary {
    ($($name:ident: $operation:expr;)*) => {
        $(fn $name(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
            let [context] = bind(args, kwnames, ["context"], 0, thread)?;
            let context = arguments::context(context, thread)?;
            let operation: fn(&Number, &Rules, &mut Status) -> Number = $operation;
            under(*context, thread, |rules, status| operation(number(this), rules, status)).map(new)
        })*
    };
}

unary! {
    exp: transcendental::exp;
    ln: transcendental::ln;
    log10: transcendental::log10;
    next_minus: |a, rules, status| arithmetic::next(a, false, rules, status);
    next_plus: |a, rules, status| arithmetic::next(a, true, rules, status);
    normalize: arithmetic::normalize;
    sqrt: arithmetic::square_root;
    logb: selection::logb;
    logical_invert: selection::logical_invert;
}

macro_rules! binary {
    ($($name:ident: $operation:expr;)*) => {
        $(fn $name(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
            let [other, context] = bind(args, kwnames, ["other", "context"], 1, thread)?;
            let context = arguments::context(context, thread)?;
            let other = operand(other.unwrap_or(Value::none()), thread)?;
            let operation: fn(&Number, &Number, &Rules, &mut Status) -> Number = $operation;
            under(*context, thread, |rules, status| operation(number(this), &other, rules, status)).map(new)
        })*
    };
}

binary! {
    compare: selection::compare;
    compare_signal: selection::compare_signal;
    max: |a, b, rules, status| selection::extreme(a, b, true, false, rules, status);
    max_mag: |a, b, rules, status| selection::extreme(a, b, true, true, rules, status);
    min: |a, b, rules, status| selection::extreme(a, b, false, false, rules, status);
    min_mag: |a, b, rules, status| selection::extreme(a, b, false, true, rules, status);
    next_toward: arithmetic::next_toward;
    remainder_near: arithmetic::remainder_near;
    compare_total_method: |a, b, _, _| Number::from_i64(compare_total(a, b) as i64);
    compare_total_mag: |a, b, _, _| Number::from_i64(compare_total_magnitudes(a, b) as i64);
    copy_sign: |a, b, _, _| a.with_sign(b.negative);
    logical_and: |a, b, rules, status| selection::logical(a, b, |x, y| x & y, rules, status);
    logical_or: |a, b, rules, status| selection::logical(a, b, |x, y| x | y, rules, status);
    logical_xor: |a, b, rules, status| selection::logical(a, b, |x, y| x ^ y, rules, status);
    rotate: selection::rotate;
    scaleb: selection::scale;
    shift: selection::shift;
}

fn same_quantum(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [other, context] = bind(args, kwnames, ["other", "context"], 1, thread)?;
    arguments::context(context, thread)?;
    let other = operand(other.unwrap_or(Value::none()), thread)?;
    Ok(Owned::bool(selection::same_quantum(number(this), &other)))
}

fn fma(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [other, third, context] = bind(args, kwnames, ["other", "third", "context"], 2, thread)?;
    let context = arguments::context(context, thread)?;
    let other = operand(other.unwrap_or(Value::none()), thread)?;
    let third = operand(third.unwrap_or(Value::none()), thread)?;
    under(*context, thread, |rules, status| arithmetic::multiply_add(number(this), &other, &third, rules, status)).map(new)
}

/// The rules of a context, with another way of rounding if one is given.
fn rounded_by(rules: &Rules, rounding: Option<Rounding>) -> Rules {
    Rules { rounding: rounding.unwrap_or(rules.rounding), ..*rules }
}

fn optional_rounding(given: Option<Value>, thread: &mut Thread) -> PyResult<Option<Rounding>> {
    match given.filter(|value| !value.is_none()) {
        Some(value) => arguments::rounding(value, thread).map(Some),
        None => Ok(None),
    }
}

fn quantize(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [exponent, rounding, context] = bind(args, kwnames, ["exp", "rounding", "context"], 1, thread)?;
    let context = arguments::context(context, thread)?;
    let rounding = optional_rounding(rounding, thread)?;
    let exponent = operand(exponent.unwrap_or(Value::none()), thread)?;
    under(*context, thread, |rules, status| arithmetic::quantize(number(this), &exponent, &rounded_by(rules, rounding), status)).map(new)
}

fn round_whole(this: Value, is_exact: bool, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [rounding, context] = bind(args, kwnames, ["rounding", "context"], 0, thread)?;
    let context = arguments::context(context, thread)?;
    let rounding = optional_rounding(rounding, thread)?;
    under(*context, thread, |rules, status| arithmetic::round_to_whole(number(this), is_exact, &rounded_by(rules, rounding), status)).map(new)
}

fn to_integral_value(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    round_whole(this, false, args, kwnames, thread)
}

fn to_integral_exact(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    round_whole(this, true, args, kwnames, thread)
}

macro_rules! predicates {
    ($($name:ident: $test:expr;)*) => {
        $(fn $name(this: Value, _thread: &mut Thread) -> PyResult {
            let test: fn(&Number) -> bool = $test;
            Ok(Owned::bool(test(number(this))))
        })*
    };
}

predicates! {
    is_canonical: |_| true;
    is_finite: |a| a.is_finite();
    is_infinite: |a| a.is_infinite();
    is_nan: |a| a.is_nan();
    is_qnan: |a| a.is_nan() && !a.is_signaling();
    is_snan: |a| a.is_signaling();
    is_signed: |a| a.negative;
    is_zero: |a| a.is_zero();
}

fn is_normal(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [context] = bind(args, kwnames, ["context"], 0, thread)?;
    let context = arguments::context(context, thread)?;
    Ok(Owned::bool(number(this).is_normal(&context::of(*context).state.rules())))
}

fn is_subnormal(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [context] = bind(args, kwnames, ["context"], 0, thread)?;
    let context = arguments::context(context, thread)?;
    Ok(Owned::bool(number(this).is_subnormal(&context::of(*context).state.rules())))
}

fn number_class(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [context] = bind(args, kwnames, ["context"], 0, thread)?;
    let context = arguments::context(context, thread)?;
    Ok(Owned::str(number(this).class(&context::of(*context).state.rules())))
}

fn to_eng_string(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [context] = bind(args, kwnames, ["context"], 0, thread)?;
    let context = arguments::context(context, thread)?;
    let text = super::text::to_text(number(this), true, context::of(*context).state.capitals());
    Ok(string::from_ascii(&text))
}

fn adjusted(this: Value, _thread: &mut Thread) -> PyResult {
    let number = number(this);
    Ok(Owned::int(if number.is_special() { 0 } else { number.adjusted() }))
}

fn itself(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn deepcopy(this: Value, _memo: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn radix(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new(Number::from_i64(10)))
}

fn copy_abs(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new(number(this).absolute()))
}

fn copy_negate(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new(number(this).negated()))
}

/// A result of a class method: of the class itself.
fn of_class(class: Value, number: Number, thread: &mut Thread) -> PyResult {
    let made = new(number);
    if class.is(decimal::DECIMAL.get().value()) { Ok(made) } else { call::call(class, &[*made], thread) }
}

fn from_float(class: Value, value: Value, thread: &mut Thread) -> PyResult {
    let number = if convert::is_int(value) {
        conversion::from_int(value)
    } else if let Some(number) = conversion::float_of(value) {
        conversion::from_f64(number)
    } else {
        return Err(thread.raise_type_error("argument must be int or float"));
    };
    of_class(class, number, thread)
}

fn from_number(class: Value, value: Value, thread: &mut Thread) -> PyResult {
    let number = if let Some(number) = conversion::float_of(value) { conversion::from_f64(number) } else { (*operand(value, thread)?).clone() };
    of_class(class, number, thread)
}

fn as_tuple(this: Value, thread: &mut Thread) -> PyResult {
    let fields = conversion::to_fields(number(this));
    match DECIMAL_TUPLE.get() {
        Some(class) => call::call_tuple(class, *fields, None, thread),
        None => Ok(fields),
    }
}

fn as_integer_ratio(this: Value, thread: &mut Thread) -> PyResult {
    let number = number(this);
    if number.is_nan() {
        return Err(thread.raise_value_error("cannot convert NaN to integer ratio"));
    }
    if number.is_infinite() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot convert Infinity to integer ratio"));
    }
    if number.coefficient.is_zero() {
        return Ok(tuple::pack([Owned::int(0), Owned::int(1)]));
    }
    let mut status = Status::default();
    let zeros = number.coefficient.trailing_zeros();
    let coefficient = number.coefficient.shift_right(zeros.unsigned_abs()).0;
    let exponent = number.exponent + zeros;
    if !status.has_room(number.digits().saturating_add(exponent.saturating_abs())) {
        return Err(thread.raise_memory_error());
    }
    let power = super::coefficient::Coefficient::power_of_ten(exponent.unsigned_abs());
    if exponent >= 0 {
        return Ok(tuple::pack([conversion::coefficient_int(number.negative, &coefficient.multiply(&power)), Owned::int(1)]));
    }
    let (numerator, denominator) = (coefficient.to_big(), power.to_big());
    let divisor = numerator.gcd(&denominator);
    let (numerator, denominator) = if divisor.is_one() { (numerator, denominator) } else { (numerator / &divisor, denominator / divisor) };
    let numerator = BigInt::from(numerator);
    let numerator = if number.negative { -numerator } else { numerator };
    Ok(tuple::pack([int::from_bigint(&numerator), int::from_biguint(&denominator)]))
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let text = convert::str(this, thread)?;
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([text])]))
}

fn round(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("Decimal.__round__() takes no keyword arguments"));
    }
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("function takes at most 1 argument ({n} given)")));
    }
    let Some(places) = args.get(0).filter(|places| !places.is_none()) else {
        return conversion::to_int(number(this), Rounding::HalfEven, thread);
    };
    if !convert::is_int(places) {
        return Err(thread.raise_type_error("optional arg must be an integer"));
    }
    let Some(places) = int::as_i64(places) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t"));
    };
    let context = context::current(thread)?;
    let target = Number::zero(false, places.checked_neg().unwrap_or(i64::MAX));
    under(context, thread, |rules, status| arithmetic::quantize(number(this), &target, rules, status)).map(new)
}

fn ceil(this: Value, thread: &mut Thread) -> PyResult {
    conversion::to_int(number(this), Rounding::Ceiling, thread)
}

fn floor(this: Value, thread: &mut Thread) -> PyResult {
    conversion::to_int(number(this), Rounding::Floor, thread)
}

fn trunc(this: Value, thread: &mut Thread) -> PyResult {
    conversion::to_int(number(this), Rounding::Down, thread)
}

fn as_complex(this: Value, thread: &mut Thread) -> PyResult {
    Ok(complex::new(conversion::to_f64(number(this), thread)?, 0.0))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let limbs = usize::try_from(number(this).digits()).unwrap_or(0).div_ceil(19);
    // At least four words, as in CPython.
    Ok(Owned::usize(this.type_object().fixed_size() + 16 + 8 * limbs.max(4)))
}

/// The separators of the C library's locale, or those that are given in a dict.
fn locale(given: Option<Value>, thread: &mut Thread) -> PyResult<Locale> {
    use pyrt_runtime::types::dict::{self, DictObject};
    if let Some(given) = given {
        if !dict::is_dict(given) {
            return Err(thread.raise_type_error("optional argument must be a dict"));
        }
        let dict = DictObject::of(given);
        let text = |name: &str, thread: &mut Thread| match dict.get_by_text(name) {
            Some(value) if string::is_str(*value) => Ok(StrObject::of(*value).to_string_lossy()),
            Some(_) => Err(thread.raise_type_error("argument must be a string")),
            None => Ok(String::new()),
        };
        let decimal_point = if dict.get_by_text("decimal_point").is_some() { text("decimal_point", thread)? } else { ".".into() };
        let thousands_separator = text("thousands_sep", thread)?;
        let grouping = text("grouping", thread)?.chars().map(|c| c as u8).collect();
        return Ok(Locale { decimal_point, thousands_separator, grouping });
    }
    let from_c = crate::locale::numeric_separators();
    Ok(Locale { decimal_point: from_c.0, thousands_separator: from_c.1, grouping: from_c.2 })
}

fn format(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("Decimal.__format__() takes no keyword arguments"));
    }
    let n = args.len();
    let Some(spec) = args.get(0).filter(|_| n <= 2) else {
        let bound = if n == 0 { "at least 1" } else { "at most 2" };
        let s = if n == 0 { "" } else { "s" };
        return Err(thread.raise_type_error(format!("function takes {bound} argument{s} ({n} given)")));
    };
    if !string::is_str(spec) {
        return Err(thread.raise_type_error("format arg must be str"));
    }
    let text = StrObject::of(spec);
    let Some(text) = text.as_utf8() else {
        // Lone surrogates: the error is that of the encoder.
        let bytes = call::call_method(spec, *pyrt_runtime::names::interned("encode"), &[], thread);
        return bytes.and_then(|_| Err(thread.raise_value_error("invalid format string")));
    };
    let separators = locale(args.get(1), thread)?;
    let parsed = Specification::parse(text);
    if matches!(&parsed, Ok(parsed) if parsed.kind == Some('N')) {
        let message = "Format specifier 'N' is deprecated and slated for removal in Python 3.18";
        pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, message, 1, thread)?;
    }
    let context = context::current(thread)?;
    let state = &context::of(context).state;
    let result = parsed.and_then(|parsed| formatting::format(number(this), &parsed, &separators, &state.rules(), state.capitals()));
    match result {
        Ok(text) => Ok(Owned::str(&text)),
        Err(FormatFault::Syntax) => Err(thread.raise_value_error("invalid format string")),
        Err(FormatFault::TooLarge) => Err(thread.raise(&exc::OVERFLOW_ERROR, "cannot fit 'int' into an index-sized integer")),
        Err(FormatFault::Memory) => Err(thread.raise_memory_error()),
    }
}

fn get_real(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn get_imag(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new(Number::zero(false, 0)))
}

pub const GETSETS: &[GetSetDef] = &[
    GetSetDef { name: "real", get: get_real, set: None, doc: "" },
    GetSetDef { name: "imag", get: get_imag, set: None, doc: "" },
];

const CONTEXT: &str = "($self, /, context=None)";
const OTHER: &str = "($self, /, other, context=None)";
const ROUNDING: &str = "($self, /, rounding=None, context=None)";
const NOTHING: &str = "($self, /)";

const fn raw(name: &'static str, function: fn(Value, Args<'_>, KwNames, &mut Thread) -> PyResult, signature: &'static str, doc: &'static str) -> MethodDef {
    method(name, NativeFn::Raw(function), signature, doc)
}

const fn plain(name: &'static str, function: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::NoArgs(function), NOTHING, doc)
}

pub const METHODS: &[MethodDef] = &[
    raw("exp", exp, CONTEXT, "e to the power of the number, correctly rounded."),
    raw("ln", ln, CONTEXT, "The natural logarithm, correctly rounded."),
    raw("log10", log10, CONTEXT, "The logarithm to base ten, correctly rounded."),
    raw("next_minus", next_minus, CONTEXT, "The largest number of the context below this one."),
    raw("next_plus", next_plus, CONTEXT, "The smallest number of the context above this one."),
    raw("normalize", normalize, CONTEXT, "The number without zeros at its end; every zero becomes 0."),
    raw("to_integral", to_integral_value, ROUNDING, "As to_integral_value()."),
    raw("to_integral_exact", to_integral_exact, ROUNDING, "The nearest whole number; signals Inexact and Rounded."),
    raw("to_integral_value", to_integral_value, ROUNDING, "The nearest whole number, without signals."),
    raw("sqrt", sqrt, CONTEXT, "The square root, correctly rounded."),
    raw("compare", compare, OTHER, "-1, 0 or 1, or NaN, as a Decimal."),
    raw("compare_signal", compare_signal, OTHER, "As compare(), where all NaNs signal."),
    raw("max", max, OTHER, "The greater number; a number rather than a quiet NaN."),
    raw("max_mag", max_mag, OTHER, "As max(), by absolute values."),
    raw("min", min, OTHER, "The smaller number; a number rather than a quiet NaN."),
    raw("min_mag", min_mag, OTHER, "As min(), by absolute values."),
    raw("next_toward", next_toward, OTHER, "The nearest number of the context in the direction of other."),
    raw("quantize", quantize, "($self, /, exp, rounding=None, context=None)", "The number rounded to the exponent of exp.\n\nInvalidOperation if that takes more digits than the precision."),
    raw("remainder_near", remainder_near, OTHER, "The rest by the nearest whole multiple of other."),
    raw("fma", fma, "($self, /, other, third, context=None)", "self * other + third, rounded once."),
    plain("is_canonical", is_canonical, "True: every Decimal is canonical."),
    plain("is_finite", is_finite, "Whether the number is neither infinite nor a NaN."),
    plain("is_infinite", is_infinite, "Whether the number is infinite."),
    plain("is_nan", is_nan, "Whether this is a NaN."),
    plain("is_qnan", is_qnan, "Whether this is a quiet NaN."),
    plain("is_snan", is_snan, "Whether this is a signaling NaN."),
    plain("is_signed", is_signed, "Whether the sign is minus."),
    plain("is_zero", is_zero, "Whether this is a zero."),
    raw("is_normal", is_normal, CONTEXT, "Whether the number is finite, not zero and not subnormal."),
    raw("is_subnormal", is_subnormal, CONTEXT, "Whether the number is below the smallest normal one, and not zero."),
    plain("adjusted", adjusted, "The exponent of the first digit."),
    plain("canonical", itself, "The number itself."),
    plain("conjugate", itself, "The number itself."),
    plain("radix", radix, "Decimal(10)."),
    plain("copy_abs", copy_abs, "The number without its sign; nothing is rounded."),
    plain("copy_negate", copy_negate, "The number with the other sign; nothing is rounded."),
    raw("logb", logb, CONTEXT, "The exponent of the first digit, as a Decimal."),
    raw("logical_invert", logical_invert, CONTEXT, "The other digits of a number of zeros and ones."),
    raw("number_class", number_class, CONTEXT, "The class of the number, such as '+Normal'."),
    raw("to_eng_string", to_eng_string, CONTEXT, "The text with an exponent that is a multiple of three."),
    raw("compare_total", compare_total_method, OTHER, "Compares representations in a total order."),
    raw("compare_total_mag", compare_total_mag, OTHER, "As compare_total(), without signs."),
    raw("copy_sign", copy_sign, OTHER, "The number with the sign of other."),
    raw("same_quantum", same_quantum, OTHER, "Whether both have the same exponent."),
    raw("logical_and", logical_and, OTHER, "Digit by digit: and."),
    raw("logical_or", logical_or, OTHER, "Digit by digit: or."),
    raw("logical_xor", logical_xor, OTHER, "Digit by digit: exclusive or."),
    raw("rotate", rotate, OTHER, "The digits rotated within the precision."),
    raw("scaleb", scaleb, OTHER, "The number with other added to its exponent."),
    raw("shift", shift, OTHER, "The digits shifted within the precision."),
    MethodDef { name: "from_float", func: NativeFn::One(from_float), kind: MethodKind::Class, signature: "($type, f, /)", doc: "The exact value of a float (or an int)." },
    MethodDef { name: "from_number", func: NativeFn::One(from_number), kind: MethodKind::Class, signature: "($type, number, /)", doc: "The exact value of a real number." },
    plain("as_tuple", as_tuple, "Sign, digits and exponent as a DecimalTuple."),
    plain("as_integer_ratio", as_integer_ratio, "Numerator and denominator without common divisors."),
    plain("__copy__", itself, ""),
    method("__deepcopy__", NativeFn::One(deepcopy), "($self, object, /)", ""),
    raw("__format__", format, "-($self, fmt, localeconv=None, /)", ""),
    plain("__reduce__", reduce, ""),
    raw("__round__", round, "-($self, ndigits=None, /)", ""),
    plain("__ceil__", ceil, ""),
    plain("__floor__", floor, ""),
    plain("__trunc__", trunc, ""),
    plain("__complex__", as_complex, ""),
    plain("__sizeof__", sizeof, ""),
];
