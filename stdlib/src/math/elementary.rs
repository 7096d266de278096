//! Functions of one or two floats.

use super::gamma::{self, Failure};
use super::{domain_error, range_error};
use num_traits::Signed;
use pyrt_runtime::number::integer;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert::{self, as_f64, is_int};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::attribute;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::type_object::{MethodDef, MethodKind};
use pyrt_runtime::types::{float, int, tuple};

/// The C library's functions.
pub(super) mod libm {
    unsafe extern "C" {
        pub fn sin(x: f64) -> f64;
        pub fn cos(x: f64) -> f64;
        pub fn tan(x: f64) -> f64;
        pub fn asin(x: f64) -> f64;
        pub fn acos(x: f64) -> f64;
        pub fn atan(x: f64) -> f64;
        pub fn sinh(x: f64) -> f64;
        pub fn cosh(x: f64) -> f64;
        pub fn tanh(x: f64) -> f64;
        pub fn asinh(x: f64) -> f64;
        pub fn acosh(x: f64) -> f64;
        pub fn atanh(x: f64) -> f64;
        pub fn exp(x: f64) -> f64;
        pub fn exp2(x: f64) -> f64;
        pub fn expm1(x: f64) -> f64;
        pub fn log(x: f64) -> f64;
        pub fn log2(x: f64) -> f64;
        pub fn log10(x: f64) -> f64;
        pub fn log1p(x: f64) -> f64;
        pub fn cbrt(x: f64) -> f64;
        pub fn erf(x: f64) -> f64;
        pub fn erfc(x: f64) -> f64;
        pub fn pow(x: f64, y: f64) -> f64;
        pub fn fmod(x: f64, y: f64) -> f64;
        pub fn atan2(y: f64, x: f64) -> f64;
        pub fn nextafter(x: f64, y: f64) -> f64;
        pub fn ldexp(x: f64, exponent: i32) -> f64;
        pub fn frexp(x: f64, exponent: *mut i32) -> f64;
        pub fn fma(x: f64, y: f64, z: f64) -> f64;
        pub fn remainder(x: f64, y: f64) -> f64;
    }
}

/// An argument shown as `math.sqrt(-1.0)`'s message does.
fn shown(x: f64) -> String {
    pyrt_runtime::number::float_text::float_repr(x).as_str().to_owned()
}

/// A function of one float. `can_overflow`: an infinite result is a range error, else a domain error. `message` says
/// what a bad argument should have been.
fn unary(value: Value, function: unsafe extern "C" fn(f64) -> f64, can_overflow: bool, message: Option<&str>, thread: &mut Thread) -> PyResult {
    let x = as_f64(value, thread)?;
    // SAFETY: a pure function of the C library.
    let result = unsafe { function(x) };
    if (result.is_nan() && !x.is_nan()) || (result.is_infinite() && x.is_finite() && !can_overflow) {
        return Err(match message {
            Some(message) => thread.raise_value_error(message.replace("{}", &shown(x))),
            None => domain_error(thread),
        });
    }
    if result.is_infinite() && x.is_finite() {
        return Err(range_error(thread));
    }
    Ok(float::from_f64(result))
}

macro_rules! unaries {
    ($($name:ident $overflows:literal $message:expr;)*) => {$(
        fn $name(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
            unary(x, libm::$name, $overflows, $message, thread)
        }
    )*};
}

unaries! {
    sin false Some("expected a finite input, got {}");
    cos false Some("expected a finite input, got {}");
    tan false Some("expected a finite input, got {}");
    asin false Some("expected a number in range from -1 up to 1, got {}");
    acos false Some("expected a number in range from -1 up to 1, got {}");
    atan false None;
    sinh true None;
    cosh true None;
    tanh false None;
    asinh false None;
    acosh false Some("expected argument value not less than 1, got {}");
    atanh false Some("expected a number between -1 and 1, got {}");
    exp true None;
    exp2 true None;
    expm1 true None;
    log1p false Some("expected argument value > -1, got {}");
    cbrt false None;
    erf false None;
    erfc false None;
}

fn sqrt(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(x, thread)?;
    if x < 0.0 {
        let text = shown(x);
        return Err(thread.raise_value_error(format!("expected a nonnegative input, got {text}")));
    }
    Ok(float::from_f64(x.sqrt()))
}

fn fabs(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(float::from_f64(as_f64(x, thread)?.abs()))
}

fn degrees(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(float::from_f64(as_f64(x, thread)? * (180.0 / std::f64::consts::PI)))
}

fn radians(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(float::from_f64(as_f64(x, thread)? * (std::f64::consts::PI / 180.0)))
}

fn isfinite(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(as_f64(x, thread)?.is_finite()))
}

fn isinf(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(as_f64(x, thread)?.is_infinite()))
}

fn isnan(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(as_f64(x, thread)?.is_nan()))
}

fn gamma_function(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(value, thread)?;
    match gamma::gamma(x) {
        Ok(result) => Ok(float::from_f64(result)),
        Err(Failure::Range) => Err(range_error(thread)),
        Err(Failure::Domain) => {
            let text = shown(x);
            Err(thread.raise_value_error(format!("expected a noninteger or positive integer, got {text}")))
        }
    }
}

fn lgamma(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(value, thread)?;
    match gamma::lgamma(x) {
        Ok(result) => Ok(float::from_f64(result)),
        Err(Failure::Range) => Err(range_error(thread)),
        Err(Failure::Domain) => {
            let text = shown(x);
            Err(thread.raise_value_error(format!("expected a noninteger or positive integer, got {text}")))
        }
    }
}

/// Logarithms take ints of any size.
fn logarithm(value: Value, function: unsafe extern "C" fn(f64) -> f64, thread: &mut Thread) -> PyResult<f64> {
    if is_int(value) {
        // SAFETY: pure functions of the C library.
        let log = |x| unsafe { function(x) };
        if let Some(small) = int::as_i64(value) {
            if small <= 0 {
                return Err(thread.raise_value_error("expected a positive input"));
            }
            return Ok(log(small as f64));
        }
        let big = int::to_bigint(value);
        if big.is_negative() {
            return Err(thread.raise_value_error("expected a positive input"));
        }
        return match integer::to_float(&big) {
            Ok(x) => Ok(log(x)),
            Err(_) => {
                let (mantissa, exponent) = integer::to_float_scaled(big.magnitude());
                Ok(log(mantissa) + log(2.0) * exponent as f64)
            }
        };
    }
    let x = as_f64(value, thread)?;
    if x <= 0.0 {
        let text = shown(x);
        return Err(thread.raise_value_error(format!("expected a positive input, got {text}")));
    }
    // SAFETY: a pure function of the C library.
    Ok(unsafe { function(x) })
}

fn log(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let numerator = logarithm(args.at(0), libm::log, thread)?;
    let Some(base) = args.get(1) else { return Ok(float::from_f64(numerator)) };
    let denominator = logarithm(base, libm::log, thread)?;
    if denominator == 0.0 {
        return Err(thread.raise(&pyrt_runtime::exceptions::exc::ZERO_DIVISION_ERROR, "division by zero"));
    }
    Ok(float::from_f64(numerator / denominator))
}

fn log2(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    logarithm(x, libm::log2, thread).map(float::from_f64)
}

fn log10(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    logarithm(x, libm::log10, thread).map(float::from_f64)
}

fn two(args: Args<'_>, thread: &mut Thread) -> PyResult<(f64, f64)> {
    Ok((as_f64(args.at(0), thread)?, as_f64(args.at(1), thread)?))
}

fn atan2(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (y, x) = two(args, thread)?;
    // SAFETY: a pure function of the C library.
    Ok(float::from_f64(unsafe { libm::atan2(y, x) }))
}

fn copysign(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    Ok(float::from_f64(x.copysign(y)))
}

fn fmod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    if y.is_infinite() && x.is_finite() {
        return Ok(float::from_f64(x));
    }
    // SAFETY: a pure function of the C library.
    let result = unsafe { libm::fmod(x, y) };
    if result.is_nan() && !x.is_nan() && !y.is_nan() {
        return Err(domain_error(thread));
    }
    Ok(float::from_f64(result))
}

fn remainder(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    // SAFETY: a pure function of the C library.
    let result = unsafe { libm::remainder(x, y) };
    if result.is_nan() && !x.is_nan() && !y.is_nan() {
        return Err(domain_error(thread));
    }
    Ok(float::from_f64(result))
}

fn pow(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    // SAFETY: a pure function of the C library.
    let result = unsafe { libm::pow(x, y) };
    if x.is_finite() && y.is_finite() && !result.is_finite() {
        // A negative base with a fraction, zero to a negative power, or too large.
        return Err(if result.is_nan() || x == 0.0 { domain_error(thread) } else { range_error(thread) });
    }
    Ok(float::from_f64(result))
}

fn fma(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    let z = as_f64(args.at(2), thread)?;
    // SAFETY: a pure function of the C library.
    let result = unsafe { libm::fma(x, y, z) };
    if result.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
        return Err(thread.raise_value_error("invalid operation in fma"));
    }
    if result.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
        return Err(thread.raise(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR, "overflow in fma"));
    }
    Ok(float::from_f64(result))
}

fn frexp(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(x, thread)?;
    let mut exponent = 0;
    let mantissa = if x.is_finite() && x != 0.0 {
        // SAFETY: writes one int.
        unsafe { libm::frexp(x, &mut exponent) }
    } else {
        x
    };
    Ok(tuple::pack([float::from_f64(mantissa), Owned::int(i64::from(exponent))]))
}

fn ldexp(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let x = as_f64(args.at(0), thread)?;
    let exponent = args.at(1);
    if !is_int(exponent) {
        return Err(thread.raise_type_error("Expected an int as second argument to ldexp."));
    }
    let exponent = convert::index_as_i64(exponent, thread, None)?;
    if x == 0.0 || !x.is_finite() {
        return Ok(float::from_f64(x));
    }
    let exponent = exponent.clamp(-100_000, 100_000) as i32;
    // SAFETY: a pure function of the C library.
    let result = unsafe { libm::ldexp(x, exponent) };
    if result.is_infinite() {
        return Err(range_error(thread));
    }
    Ok(float::from_f64(result))
}

fn modf(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(x, thread)?;
    let (fraction, whole) = if x.is_infinite() {
        (0.0f64.copysign(x), x)
    } else if x.is_nan() {
        (x, x)
    } else {
        let whole = x.trunc();
        ((x - whole).copysign(x), whole)
    };
    Ok(tuple::pack([float::from_f64(fraction), float::from_f64(whole)]))
}

/// One step towards `y`, or `steps` of them.
fn nextafter(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (x, y) = two(args, thread)?;
    let Some(steps) = args.get(2).filter(|steps| !steps.is_none()) else {
        // SAFETY: a pure function of the C library.
        return Ok(float::from_f64(unsafe { libm::nextafter(x, y) }));
    };
    let steps = convert::index(steps, thread)?;
    if int::is_negative(*steps) {
        return Err(thread.raise_value_error("steps must be a non-negative integer"));
    }
    let steps = int::as_u64(*steps).unwrap_or(u64::MAX);
    if steps == 0 || x.is_nan() {
        return Ok(float::from_f64(x));
    }
    if y.is_nan() {
        return Ok(float::from_f64(y));
    }
    // Floats in their order as integers, with both zeros at 0.
    let rank = |number: f64| {
        let magnitude = i128::from(number.to_bits() & (u64::MAX >> 1));
        if number.is_sign_negative() { -magnitude } else { magnitude }
    };
    let (from, to) = (rank(x), rank(y));
    let distance = (to - from).unsigned_abs();
    if u128::from(steps) >= distance {
        return Ok(float::from_f64(y));
    }
    let at = if to > from { from + i128::from(steps) } else { from - i128::from(steps) };
    let magnitude = f64::from_bits(at.unsigned_abs() as u64);
    let negative = at < 0 || (at == 0 && from < 0);
    Ok(float::from_f64(if negative { -magnitude } else { magnitude }))
}

fn ulp(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    let x = as_f64(x, thread)?.abs();
    if !x.is_finite() {
        return Ok(float::from_f64(x));
    }
    let next = f64::from_bits(x.to_bits() + 1);
    Ok(float::from_f64(if next.is_infinite() { x - f64::from_bits(x.to_bits() - 1) } else { next - x }))
}

fn isclose(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (a, b) = two(args, thread)?;
    let relative = args.get(2).map_or(Ok(1e-9), |value| as_f64(value, thread))?;
    let absolute = args.get(3).map_or(Ok(0.0), |value| as_f64(value, thread))?;
    if relative < 0.0 || absolute < 0.0 {
        return Err(thread.raise_value_error("tolerances must be non-negative"));
    }
    if a == b {
        return Ok(Owned::bool(true));
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(Owned::bool(false));
    }
    let difference = (b - a).abs();
    Ok(Owned::bool(difference <= (relative * b).abs() || difference <= (relative * a).abs() || difference <= absolute))
}

fn rounding(value: Value, method: &str, whole: fn(f64) -> f64, thread: &mut Thread) -> PyResult {
    if !value.is_flonum() {
        if is_int(value) && value.is_small_int() {
            return Ok(value.to_owned());
        }
        let name = pyrt_runtime::names::interned(method);
        if let Some(result) = attribute::call_special(value, *name, &[], thread)? {
            return Ok(result);
        }
    }
    let x = as_f64(value, thread)?;
    let x = Owned::float(whole(x));
    pyrt_runtime::types::int_methods::to_int(*x, thread)
}

fn ceil(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    rounding(x, "__ceil__", f64::ceil, thread)
}

fn floor(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    rounding(x, "__floor__", f64::floor, thread)
}

fn trunc(_module: Value, x: Value, thread: &mut Thread) -> PyResult {
    if x.is_flonum() {
        return pyrt_runtime::types::int_methods::to_int(x, thread);
    }
    let name = pyrt_runtime::names::interned("__trunc__");
    match attribute::call_special(x, *name, &[], thread)? {
        Some(result) => Ok(result),
        None => {
            let name = x.type_object().full_name();
            Err(thread.raise_type_error(format!("type {name} doesn't define __trunc__ method")))
        }
    }
}

const fn one(name: &'static str, func: fn(Value, Value, &mut Thread) -> PyResult) -> MethodDef {
    MethodDef { name, func: NativeFn::One(func), kind: MethodKind::Static, signature: "($module, x, /)", doc: "" }
}

const fn bound(name: &'static str, func: fn(Value, Args<'_>, &mut Thread) -> PyResult, signature: &'static str) -> MethodDef {
    MethodDef { name, func: NativeFn::Bound(func), kind: MethodKind::Static, signature, doc: "" }
}

pub(super) static FUNCTIONS: &[MethodDef] = &[
    one("acos", acos),
    one("acosh", acosh),
    one("asin", asin),
    one("asinh", asinh),
    one("atan", atan),
    bound("atan2", atan2, "($module, y, x, /)"),
    one("atanh", atanh),
    one("cbrt", cbrt),
    one("ceil", ceil),
    bound("copysign", copysign, "($module, x, y, /)"),
    one("cos", cos),
    one("cosh", cosh),
    one("degrees", degrees),
    one("erf", erf),
    one("erfc", erfc),
    one("exp", exp),
    one("exp2", exp2),
    one("expm1", expm1),
    one("fabs", fabs),
    one("floor", floor),
    bound("fma", fma, "($module, x, y, z, /)"),
    bound("fmod", fmod, "($module, x, y, /)"),
    one("frexp", frexp),
    one("gamma", gamma_function),
    bound("isclose", isclose, "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)"),
    one("isfinite", isfinite),
    one("isinf", isinf),
    one("isnan", isnan),
    bound("ldexp", ldexp, "($module, x, i, /)"),
    one("lgamma", lgamma),
    bound("log", log, "-($module, x, base=<unrepresentable>, /)"),
    one("log1p", log1p),
    one("log10", log10),
    one("log2", log2),
    one("modf", modf),
    bound("nextafter", nextafter, "($module, x, y, /, *, steps=None)"),
    bound("pow", pow, "($module, x, y, /)"),
    one("radians", radians),
    bound("remainder", remainder, "($module, x, y, /)"),
    one("sin", sin),
    one("sinh", sinh),
    one("sqrt", sqrt),
    one("tan", tan),
    one("tanh", tanh),
    one("trunc", trunc),
    one("ulp", ulp),
];

/// Whether a value is exactly a float, for the sums.
pub(super) fn is_float(value: Value) -> bool {
    value.is_flonum() || std::ptr::eq(value.type_object(), pyrt_runtime::types::builtin_types::FLOAT.get())
}
