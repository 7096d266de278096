//! The methods of `Context`: the operations of decimals under that context.

use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{string, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::arguments::{bind, exactly, operand};
use super::arithmetic;
use super::context::{self, of};
use super::conversion;
use super::decimal::{is_decimal, new};
use super::methods::under;
use super::number::{Number, compare_total, compare_total_magnitudes};
use super::power;
use super::rules::{Rules, Status};
use super::selection;
use super::text;
use super::transcendental;

macro_rules! unary {
    ($($name:ident: $operation:expr;)*) => {
        $(fn $name(this: Value, value: Value, thread: &mut Thread) -> PyResult {
            let operation: fn(&Number, &Rules, &mut Status) -> Number = $operation;
            let a = operand(value, thread)?;
            under(this, thread, |rules, status| operation(&a, rules, status)).map(new)
        })*
    };
}

unary! {
    abs: arithmetic::absolute;
    exp: transcendental::exp;
    ln: transcendental::ln;
    log10: transcendental::log10;
    minus: arithmetic::minus;
    next_minus: |a, rules, status| arithmetic::next(a, false, rules, status);
    next_plus: |a, rules, status| arithmetic::next(a, true, rules, status);
    normalize: arithmetic::normalize;
    plus: arithmetic::plus;
    to_integral_exact: |a, rules, status| arithmetic::round_to_whole(a, true, rules, status);
    to_integral_value: |a, rules, status| arithmetic::round_to_whole(a, false, rules, status);
    sqrt: arithmetic::square_root;
    logb: selection::logb;
    logical_invert: selection::logical_invert;
    apply: |a, rules, status| rules.fit(a.clone(), status);
    copy_abs: |a, _, _| a.absolute();
    copy_decimal: |a, _, _| a.clone();
    copy_negate: |a, _, _| a.negated();
}

macro_rules! binary {
    ($($name:ident: $operation:expr;)*) => {
        $(fn $name(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
            let operation: fn(&Number, &Number, &Rules, &mut Status) -> Number = $operation;
            let [a, b] = exactly(args, kwnames, thread)?;
            let (a, b) = (operand(a, thread)?, operand(b, thread)?);
            under(this, thread, |rules, status| operation(&a, &b, rules, status)).map(new)
        })*
    };
}

binary! {
    add: arithmetic::add;
    compare: selection::compare;
    compare_signal: selection::compare_signal;
    divide: arithmetic::divide;
    divide_int: arithmetic::divide_whole;
    max: |a, b, rules, status| selection::extreme(a, b, true, false, rules, status);
    max_mag: |a, b, rules, status| selection::extreme(a, b, true, true, rules, status);
    min: |a, b, rules, status| selection::extreme(a, b, false, false, rules, status);
    min_mag: |a, b, rules, status| selection::extreme(a, b, false, true, rules, status);
    multiply: arithmetic::multiply;
    next_toward: arithmetic::next_toward;
    quantize: arithmetic::quantize;
    remainder: arithmetic::remainder;
    remainder_near: arithmetic::remainder_near;
    subtract: arithmetic::subtract;
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

fn same_quantum(_this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [a, b] = exactly(args, kwnames, thread)?;
    let (a, b) = (operand(a, thread)?, operand(b, thread)?);
    Ok(Owned::bool(selection::same_quantum(&a, &b)))
}

fn divmod(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [a, b] = exactly(args, kwnames, thread)?;
    let (a, b) = (operand(a, thread)?, operand(b, thread)?);
    let (quotient, rest) = under(this, thread, |rules, status| arithmetic::divide_with_rest(&a, &b, rules, status))?;
    Ok(tuple::pack([new(quotient), new(rest)]))
}

fn fma(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [a, b, c] = exactly(args, kwnames, thread)?;
    let (a, b, c) = (operand(a, thread)?, operand(b, thread)?, operand(c, thread)?);
    under(this, thread, |rules, status| arithmetic::multiply_add(&a, &b, &c, rules, status)).map(new)
}

fn power_method(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let [a, b, modulo] = bind(args, kwnames, ["a", "b", "modulo"], 2, thread)?;
    let (a, b) = (operand(a.unwrap_or(Value::none()), thread)?, operand(b.unwrap_or(Value::none()), thread)?);
    match modulo.filter(|modulo| !modulo.is_none()) {
        None => under(this, thread, |rules, status| power::power(&a, &b, rules, status)).map(new),
        Some(modulo) => {
            let modulo = operand(modulo, thread)?;
            under(this, thread, |rules, status| power::power_modulo(&a, &b, &modulo, rules, status)).map(new)
        }
    }
}

macro_rules! predicates {
    ($($name:ident: $test:expr;)*) => {
        $(fn $name(this: Value, value: Value, thread: &mut Thread) -> PyResult {
            let test: fn(&Number, &Rules) -> bool = $test;
            let a = operand(value, thread)?;
            Ok(Owned::bool(test(&a, &of(this).state.rules())))
        })*
    };
}

predicates! {
    is_finite: |a, _| a.is_finite();
    is_infinite: |a, _| a.is_infinite();
    is_nan: |a, _| a.is_nan();
    is_normal: |a, rules| a.is_normal(rules);
    is_qnan: |a, _| a.is_nan() && !a.is_signaling();
    is_signed: |a, _| a.negative;
    is_snan: |a, _| a.is_signaling();
    is_subnormal: |a, rules| a.is_subnormal(rules);
    is_zero: |a, _| a.is_zero();
}

fn expect_decimal(value: Value, thread: &mut Thread) -> PyResult<()> {
    if is_decimal(value) { Ok(()) } else { Err(thread.raise_type_error("argument must be a Decimal")) }
}

fn is_canonical(_this: Value, value: Value, thread: &mut Thread) -> PyResult {
    expect_decimal(value, thread)?;
    Ok(Owned::bool(true))
}

fn canonical(_this: Value, value: Value, thread: &mut Thread) -> PyResult {
    expect_decimal(value, thread)?;
    Ok(value.to_owned())
}

fn number_class(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let a = operand(value, thread)?;
    Ok(Owned::str(a.class(&of(this).state.rules())))
}

fn to_sci_string(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let a = operand(value, thread)?;
    Ok(string::from_ascii(&text::to_text(&a, false, of(this).state.capitals())))
}

fn to_eng_string(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let a = operand(value, thread)?;
    Ok(string::from_ascii(&text::to_text(&a, true, of(this).state.capitals())))
}

fn etiny(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.rules().etiny()))
}

fn etop(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.rules().etop()))
}

fn radix(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new(Number::from_i64(10)))
}

fn clear_flags(this: Value, _thread: &mut Thread) -> PyResult {
    of(this).state.status.store(0, Ordering::Relaxed);
    Ok(Owned::none())
}

fn clear_traps(this: Value, _thread: &mut Thread) -> PyResult {
    of(this).state.traps.store(0, Ordering::Relaxed);
    Ok(Owned::none())
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(context::copy_of(this, true))
}

fn create_decimal(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("Context.create_decimal() takes no keyword arguments"));
    }
    let n = args.len();
    if n > 1 {
        return Err(thread.raise_type_error(format!("function takes at most 1 argument ({n} given)")));
    }
    let Some(value) = args.get(0) else { return Ok(new(Number::zero(false, 0))) };
    conversion::from_object(value, false, this, thread).map(new)
}

fn create_decimal_from_float(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let exact = if convert::is_int(value) {
        conversion::from_int(value)
    } else if let Some(float) = conversion::float_of(value) {
        conversion::from_f64(float)
    } else {
        return Err(thread.raise_type_error("argument must be int or float"));
    };
    conversion::fitted(exact, false, this, thread).map(new)
}

const fn one(name: &'static str, function: fn(Value, Value, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::One(function), "($self, x, /)", doc)
}

const fn two(name: &'static str, function: fn(Value, Args<'_>, KwNames, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::Raw(function), "($self, x, y, /)", doc)
}

const fn plain(name: &'static str, function: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::NoArgs(function), "($self, /)", doc)
}

pub const METHODS: &[MethodDef] = &[
    one("abs", abs, "The absolute value of x."),
    one("exp", exp, "e ** x, correctly rounded."),
    one("ln", ln, "The natural logarithm of x, correctly rounded."),
    one("log10", log10, "The logarithm of x to base ten, correctly rounded."),
    one("minus", minus, "-x"),
    one("next_minus", next_minus, "The largest number below x."),
    one("next_plus", next_plus, "The smallest number above x."),
    one("normalize", normalize, "x without zeros at its end."),
    one("plus", plus, "+x"),
    one("to_integral", to_integral_value, "As to_integral_value()."),
    one("to_integral_exact", to_integral_exact, "The nearest whole number; signals Inexact and Rounded."),
    one("to_integral_value", to_integral_value, "The nearest whole number, without signals."),
    one("sqrt", sqrt, "The square root of x, correctly rounded."),
    two("add", add, "x + y"),
    two("compare", compare, "Compares numbers."),
    two("compare_signal", compare_signal, "Compares numbers; all NaNs signal."),
    two("divide", divide, "x / y"),
    two("divide_int", divide_int, "x // y"),
    two("divmod", divmod, "x // y and x % y"),
    two("max", max, "The greater number."),
    two("max_mag", max_mag, "The greater number by absolute values."),
    two("min", min, "The smaller number."),
    two("min_mag", min_mag, "The smaller number by absolute values."),
    two("multiply", multiply, "x * y"),
    two("next_toward", next_toward, "The next number from x in the direction of y."),
    two("quantize", quantize, "x rounded to the exponent of y."),
    two("remainder", remainder, "x % y"),
    two("remainder_near", remainder_near, "x - y * n, where n is the whole number nearest to x / y."),
    two("subtract", subtract, "x - y"),
    method("power", NativeFn::Raw(power_method), "($self, /, a, b, modulo=None)", "a ** b, or a ** b % modulo of whole numbers.\n\nAn inexact result may be off in the last digit where b is whole."),
    method("fma", NativeFn::Raw(fma), "($self, x, y, z, /)", "x * y + z, rounded once."),
    plain("Etiny", etiny, "Emin - prec + 1: the least exponent of subnormal results."),
    plain("Etop", etop, "Emax - prec + 1: the greatest exponent of results of full precision."),
    plain("radix", radix, "Decimal(10)."),
    one("is_canonical", is_canonical, "True: every Decimal is canonical."),
    one("is_finite", is_finite, "Whether x is neither infinite nor a NaN."),
    one("is_infinite", is_infinite, "Whether x is infinite."),
    one("is_nan", is_nan, "Whether x is a NaN."),
    one("is_normal", is_normal, "Whether x is finite, not zero and not subnormal."),
    one("is_qnan", is_qnan, "Whether x is a quiet NaN."),
    one("is_signed", is_signed, "Whether the sign of x is minus."),
    one("is_snan", is_snan, "Whether x is a signaling NaN."),
    one("is_subnormal", is_subnormal, "Whether x is below the smallest normal number, and not zero."),
    one("is_zero", is_zero, "Whether x is a zero."),
    method("_apply", NativeFn::One(apply), "($self, object, /)", ""),
    one("canonical", canonical, "x itself."),
    one("copy_abs", copy_abs, "x without its sign; nothing is rounded."),
    one("copy_decimal", copy_decimal, "x as a Decimal; nothing is rounded."),
    one("copy_negate", copy_negate, "x with the other sign; nothing is rounded."),
    one("logb", logb, "The exponent of the first digit, as a Decimal."),
    one("logical_invert", logical_invert, "The other digits of a number of zeros and ones."),
    one("number_class", number_class, "The class of x, such as '+Normal'."),
    one("to_sci_string", to_sci_string, "x as text, with an exponent where needed."),
    one("to_eng_string", to_eng_string, "x as text, with an exponent that is a multiple of three."),
    two("compare_total", compare_total_method, "Compares representations in a total order."),
    two("compare_total_mag", compare_total_mag, "As compare_total(), without signs."),
    two("copy_sign", copy_sign, "x with the sign of y."),
    two("logical_and", logical_and, "Digit by digit: and."),
    two("logical_or", logical_or, "Digit by digit: or."),
    two("logical_xor", logical_xor, "Digit by digit: exclusive or."),
    two("rotate", rotate, "The digits of x rotated by y places."),
    two("same_quantum", same_quantum, "Whether both have the same exponent."),
    two("scaleb", scaleb, "x with y added to its exponent."),
    two("shift", shift, "The digits of x shifted by y places."),
    plain("clear_flags", clear_flags, "Unsets all flags."),
    plain("clear_traps", clear_traps, "Unsets all traps."),
    plain("__copy__", copy, ""),
    plain("__reduce__", context::reduce, ""),
    plain("copy", copy, "A context with the same fields and flags."),
    method("create_decimal", NativeFn::Raw(create_decimal), "($self, num=\"0\", /)", "A Decimal of num, rounded by this context."),
    method("create_decimal_from_float", NativeFn::One(create_decimal_from_float), "($self, f, /)", "A Decimal of a float (or an int), rounded by this context."),
];
