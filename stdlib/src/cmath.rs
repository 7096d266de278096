//! The module `cmath`.
//!
//! Finite arguments go through the usual formulas (Kahan, "Branch cuts for complex elementary functions", 1987) with the
//! C library's real functions; for the others the C library's complex functions give what C99, annex G asks for.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{complex, module, tuple};
use std::f64::consts::{E, LN_2, LN_10, PI, TAU};

use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "cmath", initialize };

/// A complex number, as C passes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Complex {
    re: f64,
    im: f64,
}

/// Why there is no result: C's EDOM and ERANGE.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Domain,
    Range,
}

type Outcome = Result<Complex, Failure>;

/// The C library's functions. Two doubles in a struct travel as a complex does on all supported machines.
mod libm {
    use super::Complex;
    unsafe extern "C" {
        pub safe fn cacos(z: Complex) -> Complex;
        pub safe fn cacosh(z: Complex) -> Complex;
        pub safe fn casinh(z: Complex) -> Complex;
        pub safe fn catanh(z: Complex) -> Complex;
        pub safe fn ccosh(z: Complex) -> Complex;
        pub safe fn csinh(z: Complex) -> Complex;
        pub safe fn ctanh(z: Complex) -> Complex;
        pub safe fn cexp(z: Complex) -> Complex;
        pub safe fn clog(z: Complex) -> Complex;
        pub safe fn csqrt(z: Complex) -> Complex;
    }

    mod real {
        unsafe extern "C" {
            pub fn asinh(x: f64) -> f64;
            pub fn ldexp(x: f64, exponent: i32) -> f64;
        }
    }

    pub fn asinh(x: f64) -> f64 {
        // SAFETY: a pure function. (Rust's own method computes it otherwise.)
        unsafe { real::asinh(x) }
    }

    pub fn ldexp(x: f64, exponent: i32) -> f64 {
        // SAFETY: a pure function.
        unsafe { real::ldexp(x, exponent) }
    }

    pub fn atan2(y: f64, x: f64) -> f64 {
        y.atan2(x)
    }

    pub fn hypot(x: f64, y: f64) -> f64 {
        x.hypot(y)
    }

    macro_rules! of_rust {
        ($($name:ident = $method:ident;)*) => {
            $(pub fn $name(x: f64) -> f64 { x.$method() })*
        };
    }

    // Rust's methods call the C library.
    of_rust! { cosh = cosh; sinh = sinh; tanh = tanh; cos = cos; sin = sin; tan = tan; exp = exp; log = ln; log1p = ln_1p; }
}

/// Beyond this, squares and sums of parts may overflow.
const LARGE: f64 = f64::MAX / 4.0;
const MANTISSA: i32 = f64::MANTISSA_DIGITS as i32;

fn sqrt_large() -> f64 {
    LARGE.sqrt()
}

/// Beyond this, `exp` overflows.
fn log_large() -> f64 {
    libm::log(LARGE)
}

const fn c(re: f64, im: f64) -> Complex {
    Complex { re, im }
}

impl Complex {
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    fn is_large(self) -> bool {
        self.re.abs() > LARGE || self.im.abs() > LARGE
    }

    /// i * self.
    fn turned(self) -> Complex {
        c(-self.im, self.re)
    }

    /// -i * self.
    fn turned_back(self) -> Complex {
        c(self.im, -self.re)
    }
}

/// log(|z|) for a z whose parts are so large that |z| may overflow.
fn log_of_large(z: Complex) -> f64 {
    libm::log(libm::hypot(z.re / 2.0, z.im / 2.0))
}

fn sqrt(z: Complex) -> Complex {
    if !z.is_finite() {
        return libm::csqrt(z);
    }
    if z.re == 0.0 && z.im == 0.0 {
        return c(0.0, z.im);
    }
    let (x, y) = (z.re.abs(), z.im.abs());
    let s = if x < f64::MIN_POSITIVE && y < f64::MIN_POSITIVE {
        // Scaled up, so that the sum keeps its digits.
        let up = 2 * (MANTISSA / 2) + 1;
        let x = libm::ldexp(x, up);
        libm::ldexp((x + libm::hypot(x, libm::ldexp(y, up))).sqrt(), -(up + 1) / 2)
    } else {
        let x = x / 8.0;
        2.0 * (x + libm::hypot(x, y / 8.0)).sqrt()
    };
    let d = y / (2.0 * s);
    if z.re >= 0.0 { c(s, d.copysign(z.im)) } else { c(d, s.copysign(z.im)) }
}

fn acos(z: Complex) -> Complex {
    if !z.is_finite() {
        return libm::cacos(z);
    }
    if z.is_large() {
        let magnitude = log_of_large(z) + LN_2 * 2.0;
        let im = if z.re < 0.0 { -magnitude.copysign(z.im) } else { magnitude.copysign(-z.im) };
        return c(libm::atan2(z.im.abs(), z.re), im);
    }
    let (a, b) = (sqrt(c(1.0 - z.re, -z.im)), sqrt(c(1.0 + z.re, z.im)));
    c(2.0 * libm::atan2(a.re, b.re), libm::asinh(b.re * a.im - b.im * a.re))
}

fn acosh(z: Complex) -> Complex {
    if !z.is_finite() {
        return libm::cacosh(z);
    }
    if z.is_large() {
        return c(log_of_large(z) + LN_2 * 2.0, libm::atan2(z.im, z.re));
    }
    let (a, b) = (sqrt(c(z.re - 1.0, z.im)), sqrt(c(z.re + 1.0, z.im)));
    c(libm::asinh(a.re * b.re + a.im * b.im), 2.0 * libm::atan2(a.im, b.re))
}

fn asin(z: Complex) -> Complex {
    asinh(z.turned()).turned_back()
}

fn asinh(z: Complex) -> Complex {
    if !z.is_finite() {
        return libm::casinh(z);
    }
    if z.is_large() {
        let magnitude = log_of_large(z) + LN_2 * 2.0;
        let re = if z.im >= 0.0 { magnitude.copysign(z.re) } else { -magnitude.copysign(-z.re) };
        return c(re, libm::atan2(z.im, z.re.abs()));
    }
    let (a, b) = (sqrt(c(1.0 + z.im, -z.re)), sqrt(c(1.0 - z.im, z.re)));
    c(libm::asinh(a.re * b.im - b.re * a.im), libm::atan2(z.im, a.re * b.re - a.im * b.im))
}

fn atan(z: Complex) -> Outcome {
    atanh(z.turned()).map(Complex::turned_back)
}

fn atanh(z: Complex) -> Outcome {
    if !z.is_finite() {
        return Ok(libm::catanh(z));
    }
    if z.re.is_sign_negative() {
        return atanh(c(-z.re, -z.im)).map(|result| c(-result.re, -result.im));
    }
    let y = z.im.abs();
    if z.re > sqrt_large() || y > sqrt_large() {
        let h = libm::hypot(z.re / 2.0, z.im / 2.0);
        return Ok(c(z.re / 4.0 / h / h, -(PI / 2.0).copysign(-z.im)));
    }
    if z.re == 1.0 && y < f64::MIN_POSITIVE.sqrt() {
        if y == 0.0 {
            return Err(Failure::Domain);
        }
        let re = -libm::log(y.sqrt() / libm::hypot(y, 2.0).sqrt());
        return Ok(c(re, (libm::atan2(2.0, -y) / 2.0).copysign(z.im)));
    }
    let below = 1.0 - z.re;
    let re = libm::log1p(4.0 * z.re / (below * below + y * y)) / 4.0;
    Ok(c(re, -libm::atan2(-2.0 * z.im, below * (1.0 + z.re) - y * y) / 2.0))
}

/// An infinite part of the result of finite arguments is an overflow.
fn in_range(z: Complex) -> Outcome {
    if z.re.is_infinite() || z.im.is_infinite() { Err(Failure::Range) } else { Ok(z) }
}

fn cos(z: Complex) -> Outcome {
    cosh(z.turned())
}

fn cosh(z: Complex) -> Outcome {
    if !z.is_finite() {
        return if z.im.is_infinite() && !z.re.is_nan() { Err(Failure::Domain) } else { Ok(libm::ccosh(z)) };
    }
    if z.re.abs() > log_large() {
        let nearer = z.re - 1f64.copysign(z.re);
        return in_range(c(libm::cos(z.im) * libm::cosh(nearer) * E, libm::sin(z.im) * libm::sinh(nearer) * E));
    }
    in_range(c(libm::cos(z.im) * libm::cosh(z.re), libm::sin(z.im) * libm::sinh(z.re)))
}

fn sin(z: Complex) -> Outcome {
    sinh(z.turned()).map(Complex::turned_back)
}

fn sinh(z: Complex) -> Outcome {
    if !z.is_finite() {
        return if z.im.is_infinite() && !z.re.is_nan() { Err(Failure::Domain) } else { Ok(libm::csinh(z)) };
    }
    if z.re.abs() > log_large() {
        let nearer = z.re - 1f64.copysign(z.re);
        return in_range(c(libm::cos(z.im) * libm::sinh(nearer) * E, libm::sin(z.im) * libm::cosh(nearer) * E));
    }
    in_range(c(libm::cos(z.im) * libm::sinh(z.re), libm::sin(z.im) * libm::cosh(z.re)))
}

fn tan(z: Complex) -> Outcome {
    tanh(z.turned()).map(Complex::turned_back)
}

fn tanh(z: Complex) -> Outcome {
    if !z.is_finite() {
        return if z.im.is_infinite() && z.re.is_finite() { Err(Failure::Domain) } else { Ok(libm::ctanh(z)) };
    }
    if z.re.abs() > log_large() {
        return Ok(c(1f64.copysign(z.re), 4.0 * libm::sin(z.im) * libm::cos(z.im) * libm::exp(-2.0 * z.re.abs())));
    }
    let (tx, ty, inverse) = (libm::tanh(z.re), libm::tan(z.im), 1.0 / libm::cosh(z.re));
    let product = tx * ty;
    let denominator = 1.0 + product * product;
    Ok(c(tx * (1.0 + ty * ty) / denominator, ((ty / denominator) * inverse) * inverse))
}

fn exp(z: Complex) -> Outcome {
    if !z.is_finite() {
        let is_undefined = z.im.is_infinite() && (z.re.is_finite() || z.re == f64::INFINITY);
        return if is_undefined { Err(Failure::Domain) } else { Ok(libm::cexp(z)) };
    }
    if z.re > log_large() {
        let size = libm::exp(z.re - 1.0);
        return in_range(c(size * libm::cos(z.im) * E, size * libm::sin(z.im) * E));
    }
    let size = libm::exp(z.re);
    in_range(c(size * libm::cos(z.im), size * libm::sin(z.im)))
}

/// The logarithm, and whether it is one: that of zero is minus infinity and a domain error.
fn log_or_infinity(z: Complex) -> (Complex, bool) {
    if !z.is_finite() {
        return (libm::clog(z), true);
    }
    let (x, y) = (z.re.abs(), z.im.abs());
    let angle = libm::atan2(z.im, z.re);
    if z.is_large() {
        return (c(log_of_large(z) + LN_2, angle), true);
    }
    if x < f64::MIN_POSITIVE && y < f64::MIN_POSITIVE {
        if x == 0.0 && y == 0.0 {
            return (c(f64::NEG_INFINITY, angle), false);
        }
        let size = libm::hypot(libm::ldexp(x, MANTISSA), libm::ldexp(y, MANTISSA));
        return (c(libm::log(size) - f64::from(MANTISSA) * LN_2, angle), true);
    }
    let size = libm::hypot(x, y);
    let re = if (0.71..=1.73).contains(&size) {
        let (more, less) = (x.max(y), x.min(y));
        libm::log1p((more - 1.0) * (more + 1.0) + less * less) / 2.0
    } else {
        libm::log(size)
    };
    (c(re, angle), true)
}

fn log10(z: Complex) -> Outcome {
    match log_or_infinity(z) {
        (result, true) => Ok(c(result.re / LN_10, result.im / LN_10)),
        (_, false) => Err(Failure::Domain),
    }
}

fn rect(r: f64, phi: f64) -> Outcome {
    if r.is_finite() && phi.is_finite() {
        return Ok(if phi == 0.0 { c(r, r * phi) } else { c(r * libm::cos(phi), r * libm::sin(phi)) });
    }
    if phi.is_infinite() && r != 0.0 && !r.is_nan() {
        return Err(Failure::Domain);
    }
    if phi == 0.0 {
        // A zero stays one, whatever it is turned by.
        return Ok(c(r, if r.is_nan() { phi } else { phi.copysign(phi.signum() * r.signum()) }));
    }
    if r == 0.0 {
        return Ok(c(0.0, 0.0));
    }
    if r.is_infinite() && phi.is_finite() {
        return Ok(c(r * libm::cos(phi).signum(), r * libm::sin(phi).signum()));
    }
    Ok(c(if r.is_infinite() { f64::INFINITY } else { f64::NAN }, f64::NAN))
}

/// An argument: a complex, what `__complex__` gives, or a real number.
fn complex_argument(value: Value, thread: &mut Thread) -> PyResult<Complex> {
    if let Some((re, im)) = complex::parts(value) {
        return Ok(c(re, im));
    }
    match attribute::call_special(value, pyrt_runtime::names().__complex__, &[], thread)? {
        None => convert::as_f64(value, thread).map(|re| c(re, 0.0)),
        Some(result) => {
            let name = result.type_object().full_name();
            let Some((re, im)) = complex::parts(*result) else {
                return Err(thread.raise_type_error(format!("__complex__ returned non-complex (type {name})")));
            };
            if !result.has_shape(pyrt_runtime::types::builtin_types::shapes::COMPLEX) {
                let text = format!("__complex__ returned non-complex (type {name}).  The ability to return an instance of a strict subclass of complex is deprecated, and may be removed in a future version of Python.");
                pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, &text, 1, thread)?;
            }
            Ok(c(re, im))
        }
    }
}

fn raise(failure: Failure, thread: &mut Thread) -> Raised {
    match failure {
        Failure::Domain => thread.raise_value_error("math domain error"),
        Failure::Range => thread.raise(&exc::OVERFLOW_ERROR, "math range error"),
    }
}

fn finish(outcome: Outcome, thread: &mut Thread) -> PyResult {
    outcome.map(|z| complex::new(z.re, z.im)).map_err(|failure| raise(failure, thread))
}

macro_rules! natives {
    ($($native:ident = $function:expr;)*) => {$(
        fn $native(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
            let z = complex_argument(z, thread)?;
            let function: fn(Complex) -> Outcome = $function;
            finish(function(z), thread)
        }
    )*};
}

natives! {
    native_acos = |z| Ok(acos(z));
    native_acosh = |z| Ok(acosh(z));
    native_asin = |z| Ok(asin(z));
    native_asinh = |z| Ok(asinh(z));
    native_atan = atan;
    native_atanh = atanh;
    native_cos = cos;
    native_cosh = cosh;
    native_exp = exp;
    native_log10 = log10;
    native_sin = sin;
    native_sinh = sinh;
    native_sqrt = |z| Ok(sqrt(z));
    native_tan = tan;
    native_tanh = tanh;
}

fn native_log(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let z = complex_argument(args.at(0), thread)?;
    let base = match args.get(1) {
        Some(base) => Some(complex_argument(base, thread)?),
        None => None,
    };
    let (numerator, is_defined) = log_or_infinity(z);
    let Some(base) = base else {
        return finish(if is_defined { Ok(numerator) } else { Err(Failure::Domain) }, thread);
    };
    let (denominator, is_defined) = log_or_infinity(base);
    if !is_defined || (denominator.re == 0.0 && denominator.im == 0.0) {
        return Err(raise(Failure::Domain, thread));
    }
    let (numerator, denominator) = (complex::new(numerator.re, numerator.im), complex::new(denominator.re, denominator.im));
    call::call_method(*numerator, *pyrt_runtime::names::interned("__truediv__"), &[*denominator], thread)
}

fn native_phase(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
    let z = complex_argument(z, thread)?;
    Ok(Owned::float(libm::atan2(z.im, z.re)))
}

fn native_polar(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
    let z = complex_argument(z, thread)?;
    let size = libm::hypot(z.re, z.im);
    if size.is_infinite() && z.is_finite() {
        return Err(raise(Failure::Range, thread));
    }
    Ok(tuple::pack([Owned::float(size), Owned::float(libm::atan2(z.im, z.re))]))
}

fn native_rect(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (r, phi) = (convert::as_f64(args.at(0), thread)?, convert::as_f64(args.at(1), thread)?);
    finish(rect(r, phi), thread)
}

fn isfinite(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(complex_argument(z, thread)?.is_finite()))
}

fn isinf(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
    let z = complex_argument(z, thread)?;
    Ok(Owned::bool(z.re.is_infinite() || z.im.is_infinite()))
}

fn isnan(_module: Value, z: Value, thread: &mut Thread) -> PyResult {
    let z = complex_argument(z, thread)?;
    Ok(Owned::bool(z.re.is_nan() || z.im.is_nan()))
}

fn isclose(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (a, b) = (complex_argument(args.at(0), thread)?, complex_argument(args.at(1), thread)?);
    let relative = args.get(2).map_or(Ok(1e-9), |tolerance| convert::as_f64(tolerance, thread))?;
    let absolute = args.get(3).map_or(Ok(0.0), |tolerance| convert::as_f64(tolerance, thread))?;
    if relative < 0.0 || absolute < 0.0 {
        return Err(thread.raise_value_error("tolerances must be non-negative"));
    }
    if a == b {
        return Ok(Owned::true_());
    }
    let is_infinite = |z: Complex| z.re.is_infinite() || z.im.is_infinite();
    if is_infinite(a) || is_infinite(b) {
        return Ok(Owned::false_());
    }
    let size = |z: Complex| libm::hypot(z.re, z.im);
    let difference = size(c(a.re - b.re, a.im - b.im));
    Ok(Owned::bool(difference <= relative * size(b) || difference <= relative * size(a) || difference <= absolute))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "acos" One(native_acos) "($module, z, /)" "Return the arc cosine of z.";
    "acosh" One(native_acosh) "($module, z, /)" "Return the inverse hyperbolic cosine of z.";
    "asin" One(native_asin) "($module, z, /)" "Return the arc sine of z.";
    "asinh" One(native_asinh) "($module, z, /)" "Return the inverse hyperbolic sine of z.";
    "atan" One(native_atan) "($module, z, /)" "Return the arc tangent of z.";
    "atanh" One(native_atanh) "($module, z, /)" "Return the inverse hyperbolic tangent of z.";
    "cos" One(native_cos) "($module, z, /)" "Return the cosine of z.";
    "cosh" One(native_cosh) "($module, z, /)" "Return the hyperbolic cosine of z.";
    "exp" One(native_exp) "($module, z, /)" "Return the exponential value e**z.";
    "isclose" Bound(isclose) "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)" "Determine whether two complex numbers are close in value.\n\nThe tolerances are relative to the larger number, and absolute. NaN is close to nothing, infinities only to themselves.";
    "isfinite" One(isfinite) "($module, z, /)" "Return True if both the real and imaginary parts of z are finite, else False.";
    "isinf" One(isinf) "($module, z, /)" "Checks if the real or imaginary part of z is infinite.";
    "isnan" One(isnan) "($module, z, /)" "Checks if the real or imaginary part of z not a number (NaN).";
    "log" Bound(native_log) "($module, z, base=<unrepresentable>, /)" "log(z[, base]) -> the logarithm of z to the given base.\n\nIf the base is not specified, returns the natural logarithm (base e) of z.";
    "log10" One(native_log10) "($module, z, /)" "Return the base-10 logarithm of z.";
    "phase" One(native_phase) "($module, z, /)" "Return argument, also known as the phase angle, of a complex.";
    "polar" One(native_polar) "($module, z, /)" "Convert a complex from rectangular coordinates to polar coordinates.\n\nr is the distance from 0 and phi the phase angle.";
    "rect" Bound(native_rect) "($module, r, phi, /)" "Convert from polar coordinates to rectangular coordinates.";
    "sin" One(native_sin) "($module, z, /)" "Return the sine of z.";
    "sinh" One(native_sinh) "($module, z, /)" "Return the hyperbolic sine of z.";
    "sqrt" One(native_sqrt) "($module, z, /)" "Return the square root of z.";
    "tan" One(native_tan) "($module, z, /)" "Return the tangent of z.";
    "tanh" One(native_tanh) "($module, z, /)" "Return the hyperbolic tangent of z.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("This module provides access to mathematical functions for complex\nnumbers."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in [("pi", PI), ("e", E), ("tau", TAU), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
        module::add(this, name, Owned::float(value));
    }
    module::add(this, "infj", complex::new(0.0, f64::INFINITY));
    module::add(this, "nanj", complex::new(0.0, f64::NAN));
    Ok(())
}
