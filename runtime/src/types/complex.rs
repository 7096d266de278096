//! `complex`.

use crate::exceptions::exc;
use crate::number::format_spec::{FormatSpec, NumberLocale};
use crate::number::{float_text, hash as hash_kernels, integer};
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::COMPLEX;
use crate::types::float::as_f64;
use crate::types::int;
use crate::types::string::{self, StrObject};
use crate::types::tuple;
use crate::types::type_object::*;

#[repr(C)]
struct ComplexObject {
    header: Header,
    re: f64,
    im: f64,
}

/// A Python complex.
pub fn new(re: f64, im: f64) -> Owned {
    new_of_type(COMPLEX.get(), re, im)
}

/// A complex of a subclass.
pub fn new_of_type(ty: &TypeObject, re: f64, im: f64) -> Owned {
    lifetime::allocate_object(ty, |header| ComplexObject { header, re, im })
}

/// Both parts, if the value is a complex (or of a subclass).
#[inline]
pub fn parts(value: Value) -> Option<(f64, f64)> {
    if !value.is_pointer() || !value.is_instance(COMPLEX.get()) {
        return None;
    }
    // SAFETY: checked above.
    let object = unsafe { value.as_ref::<ComplexObject>() };
    Some((object.re, object.im))
}

fn own(value: Value) -> (f64, f64) {
    parts(value).unwrap_or((0.0, 0.0))
}

/// An operand: real numbers stay real, so that signs of zeros survive (as in C's mixed arithmetic).
enum Operand {
    Real(f64),
    Complex(f64, f64),
}

use Operand::{Complex, Real};

fn operand(value: Value, thread: &mut Thread) -> PyResult<Option<Operand>> {
    if let Some((re, im)) = parts(value) {
        return Ok(Some(Complex(re, im)));
    }
    if let Some(number) = as_f64(value) {
        return Ok(Some(Real(number)));
    }
    if convert::is_int(value) {
        return int::to_f64(value, thread).map(|number| Some(Real(number)));
    }
    Ok(None)
}

macro_rules! operator {
    ($name:ident, |$a:ident, $b:ident, $thread:ident| $result:expr) => {
        fn $name(left: Value, right: Value, $thread: &mut Thread) -> PyResult {
            let Some($a) = operand(left, $thread)? else { return Ok(Owned::not_implemented()) };
            let Some($b) = operand(right, $thread)? else { return Ok(Owned::not_implemented()) };
            let result: PyResult<(f64, f64)> = $result;
            result.map(|(re, im)| new(re, im))
        }
    };
}

operator!(complex_add, |a, b, thread| {
    let _ = &thread;
    Ok(match (a, b) {
        (Complex(re, im), Real(b)) | (Real(b), Complex(re, im)) => (re + b, im),
        (Complex(a, b), Complex(c, d)) => (a + c, b + d),
        (Real(a), Real(b)) => (a + b, 0.0),
    })
});

operator!(complex_subtract, |a, b, thread| {
    let _ = &thread;
    Ok(match (a, b) {
        (Complex(re, im), Real(b)) => (re - b, im),
        (Real(a), Complex(re, im)) => (a - re, -im),
        (Complex(a, b), Complex(c, d)) => (a - c, b - d),
        (Real(a), Real(b)) => (a - b, 0.0),
    })
});

operator!(complex_multiply, |a, b, thread| {
    let _ = &thread;
    Ok(match (a, b) {
        (Complex(re, im), Real(b)) | (Real(b), Complex(re, im)) => (re * b, im * b),
        (Complex(a, b), Complex(c, d)) => multiply((a, b), (c, d)),
        (Real(a), Real(b)) => (a * b, 0.0),
    })
});

operator!(complex_true_divide, |a, b, thread| {
    let quotient = match (a, b) {
        (Complex(_, _), Real(0.0)) => None,
        (Complex(re, im), Real(b)) => Some((re / b, im / b)),
        (Real(a), Complex(re, im)) => divide_real(a, (re, im)),
        (Complex(a, b), Complex(c, d)) => divide((a, b), (c, d)),
        (Real(a), Real(b)) => (b != 0.0).then(|| (a / b, 0.0)),
    };
    quotient.ok_or_else(|| thread.raise(&exc::ZERO_DIVISION_ERROR, "division by zero"))
});

/// One for an infinity, zero for the rest, with the sign kept.
fn boxed(x: f64) -> f64 {
    if x.is_infinite() { 1.0f64.copysign(x) } else { 0.0f64.copysign(x) }
}

fn zero_if_nan(x: f64) -> f64 {
    if x.is_nan() { 0.0f64.copysign(x) } else { x }
}

/// The product, with infinities recovered where the plain formula gives nan (C23, Annex G).
fn multiply((mut a, mut b): (f64, f64), (mut c, mut d): (f64, f64)) -> (f64, f64) {
    let (ac, bd, ad, bc) = (a * c, b * d, a * d, b * c);
    let (re, im) = (ac - bd, ad + bc);
    if !(re.is_nan() && im.is_nan()) {
        return (re, im);
    }
    let mut recover = false;
    if a.is_infinite() || b.is_infinite() {
        (a, b, c, d) = (boxed(a), boxed(b), zero_if_nan(c), zero_if_nan(d));
        recover = true;
    }
    if c.is_infinite() || d.is_infinite() {
        (a, b, c, d) = (zero_if_nan(a), zero_if_nan(b), boxed(c), boxed(d));
        recover = true;
    }
    if !recover && (ac.is_infinite() || bd.is_infinite() || ad.is_infinite() || bc.is_infinite()) {
        (a, b, c, d) = (zero_if_nan(a), zero_if_nan(b), zero_if_nan(c), zero_if_nan(d));
        recover = true;
    }
    if recover { (f64::INFINITY * (a * c - b * d), f64::INFINITY * (a * d + b * c)) } else { (re, im) }
}

/// The quotient by Smith's method; `None` by zero.
fn divide((a, b): (f64, f64), (c, d): (f64, f64)) -> Option<(f64, f64)> {
    let (re, im) = if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        ((a + b * ratio) / denominator, (b - a * ratio) / denominator)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        ((a * ratio + b) / denominator, (b * ratio - a) / denominator)
    } else {
        (f64::NAN, f64::NAN)
    };
    if re.is_nan() && im.is_nan() {
        if (a.is_infinite() || b.is_infinite()) && c.is_finite() && d.is_finite() {
            let (x, y) = (boxed(a), boxed(b));
            return Some((f64::INFINITY * (x * c + y * d), f64::INFINITY * (y * c - x * d)));
        }
        if (c.is_infinite() || d.is_infinite()) && a.is_finite() && b.is_finite() {
            let (x, y) = (boxed(c), boxed(d));
            return Some((0.0 * (a * x + b * y), 0.0 * (b * x - a * y)));
        }
    }
    Some((re, im))
}

/// A real number by a complex one.
fn divide_real(a: f64, (c, d): (f64, f64)) -> Option<(f64, f64)> {
    let (re, im) = if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        (a / denominator, (-a * ratio) / denominator)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        ((a * ratio) / denominator, -a / denominator)
    } else {
        (f64::NAN, f64::NAN)
    };
    if re.is_nan() && im.is_nan() && a.is_finite() && (c.is_infinite() || d.is_infinite()) {
        let (x, y) = (boxed(c), boxed(d));
        return Some((0.0 * (a * x), 0.0 * (-a * y)));
    }
    Some((re, im))
}

/// `None`: zero to a negative or complex power.
fn general_power((a, b): (f64, f64), (c, d): (f64, f64)) -> Option<(f64, f64)> {
    if c == 0.0 && d == 0.0 {
        return Some((1.0, 0.0));
    }
    if a == 0.0 && b == 0.0 {
        return (d == 0.0 && c >= 0.0).then_some((0.0, 0.0));
    }
    let modulus = a.hypot(b);
    let mut length = modulus.powf(c);
    let angle = b.atan2(a);
    let mut phase = angle * c;
    if d != 0.0 {
        length *= (-angle * d).exp();
        phase += d * modulus.ln();
    }
    Some((length * phase.cos(), length * phase.sin()))
}

fn natural_power(base: (f64, f64), exponent: u32) -> (f64, f64) {
    let (mut result, mut power) = ((1.0, 0.0), base);
    let mut mask = 1;
    while mask > 0 && exponent >= mask {
        if exponent & mask != 0 {
            result = multiply(result, power);
        }
        mask <<= 1;
        power = multiply(power, power);
    }
    result
}

/// `(re + im j) ** (re2 + im2 j)`.
pub fn power(re: f64, im: f64, re2: f64, im2: f64, thread: &mut Thread) -> PyResult {
    let result = if im2 == 0.0 && re2 == re2.floor() && re2.abs() <= 100.0 {
        let n = re2 as i32;
        let natural = natural_power((re, im), n.unsigned_abs());
        if n > 0 { Some(natural) } else { divide((1.0, 0.0), natural) }
    } else {
        general_power((re, im), (re2, im2))
    };
    match result {
        None => Err(thread.raise(&exc::ZERO_DIVISION_ERROR, "zero to a negative or complex power")),
        Some((re, im)) if re.is_infinite() || im.is_infinite() => Err(thread.raise(&exc::OVERFLOW_ERROR, "complex exponentiation")),
        Some((re, im)) => Ok(new(re, im)),
    }
}

fn complex_power(base: Value, exponent: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    let widen = |operand| match operand {
        Real(number) => (number, 0.0),
        Complex(re, im) => (re, im),
    };
    let Some(base) = operand(base, thread)? else { return Ok(Owned::not_implemented()) };
    let Some(exponent) = operand(exponent, thread)? else { return Ok(Owned::not_implemented()) };
    if !modulus.is_none() {
        return Err(thread.raise_value_error("complex modulo"));
    }
    let ((re, im), (re2, im2)) = (widen(base), widen(exponent));
    power(re, im, re2, im2, thread)
}

fn complex_negative(value: Value, _thread: &mut Thread) -> PyResult {
    let (re, im) = own(value);
    Ok(new(-re, -im))
}

fn complex_positive(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(exact(value))
}

fn exact(value: Value) -> Owned {
    if value.has_shape(COMPLEX.shape) {
        return value.to_owned();
    }
    let (re, im) = own(value);
    new(re, im)
}

fn complex_absolute(value: Value, thread: &mut Thread) -> PyResult {
    let (re, im) = own(value);
    let modulus = if re.is_infinite() || im.is_infinite() { f64::INFINITY } else { re.hypot(im) };
    if modulus.is_infinite() && re.is_finite() && im.is_finite() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "absolute value too large"));
    }
    Ok(Owned::float(modulus))
}

fn complex_truth(value: Value, _thread: &mut Thread) -> PyResult<bool> {
    Ok(own(value) != (0.0, 0.0))
}

fn complex_repr(value: Value, _thread: &mut Thread) -> PyResult {
    let (re, im) = own(value);
    Ok(Owned::str(&float_text::complex_repr(re, im)))
}

fn complex_hash(value: Value, _thread: &mut Thread) -> PyResult<i64> {
    let (re, im) = own(value);
    let nan = crate::types::hashing::hash_pointer(value.id());
    Ok(hash_kernels::hash_complex(hash_kernels::hash_f64(re, nan), hash_kernels::hash_f64(im, nan)))
}

fn complex_compare(left: Value, right: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !op.is_equality() {
        return Ok(Owned::not_implemented());
    }
    let (re, im) = own(left);
    let equal = if let Some((re2, im2)) = parts(right) {
        re == re2 && im == im2
    } else if let Some(number) = as_f64(right) {
        re == number && im == 0.0
    } else if convert::is_int(right) {
        im == 0.0 && !re.is_nan() && integer::compare_float(&int::to_bigint(right), re).is_eq()
    } else {
        return Ok(Owned::not_implemented());
    };
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

/// What `__complex__` gives, if there is such a method.
fn converted(value: Value, thread: &mut Thread) -> PyResult<Option<(f64, f64)>> {
    if value.has_shape(COMPLEX.shape) {
        return Ok(parts(value));
    }
    let Some(result) = attribute::call_special(value, crate::names::names().__complex__, &[], thread)? else { return Ok(parts(value)) };
    let owner = value.type_object().full_name();
    let name = result.type_object().full_name();
    let Some(found) = parts(*result) else {
        return Err(thread.raise_type_error(format!("{owner}.__complex__() must return a complex, not {name}")));
    };
    if !result.has_shape(COMPLEX.shape) {
        crate::builtins::warn(
            &exc::DEPRECATION_WARNING,
            &format!("{owner}.__complex__() must return a complex, not {name}.  The ability to return an instance of a strict subclass of complex is deprecated, and may not be supported in a future version of Python."),
            1,
            thread,
        )?;
    }
    Ok(Some(found))
}

fn is_real_number(value: Value) -> bool {
    let slots = &value.type_object().slots;
    convert::is_int(value) || as_f64(value).is_some() || slots.float.raw() != 0 || slots.index.raw() != 0
}

fn parse(text: Value, thread: &mut Thread) -> PyResult<(f64, f64)> {
    let digits = crate::types::int_methods::to_ascii_digits(StrObject::of(text));
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1C..=0x1F);
    let start = digits.iter().position(|byte| !is_space(byte)).unwrap_or(digits.len());
    let end = digits.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    float_text::parse_complex(&digits[start..end]).ok_or_else(|| thread.raise_value_error("complex() arg is a malformed string"))
}

fn complex_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(real=0, imag=0)");
    let ty = TypeObject::of(class);
    let bound = SIGNATURE.bind("complex", args, kwnames, thread)?;
    let (real, imag) = (bound.args().get(0), bound.args().get(1));
    if let (Some(real), None) = (real, imag) {
        if real.has_shape(COMPLEX.shape) && std::ptr::eq(ty, COMPLEX.get()) {
            return Ok(real.to_owned());
        }
        if string::is_str(real) {
            let (re, im) = parse(real, thread)?;
            return Ok(new_of_type(ty, re, im));
        }
        if let Some((re, im)) = converted(real, thread)? {
            return Ok(new_of_type(ty, re, im));
        }
        if !is_real_number(real) {
            let name = real.type_object().full_name();
            return Err(thread.raise_type_error(format!("complex() argument must be a string or a number, not {name}")));
        }
        let re = convert::as_f64(real, thread)?;
        return Ok(new_of_type(ty, re, 0.0));
    }
    let mut part = |value: Option<Value>, which: &str, convertible: bool| -> PyResult<Operand> {
        let Some(value) = value else { return Ok(Real(0.0)) };
        let name = value.type_object().full_name();
        let message = format!("complex() argument '{which}' must be a real number, not {name}");
        let found = if convertible { converted(value, thread)? } else { parts(value) };
        if let Some((re, im)) = found {
            crate::builtins::warn(&exc::DEPRECATION_WARNING, &message, 1, thread)?;
            return Ok(Complex(re, im));
        }
        if !is_real_number(value) {
            return Err(thread.raise_type_error(message));
        }
        convert::as_f64(value, thread).map(Real)
    };
    let real = part(real, "real", true)?;
    let imag = part(imag, "imag", false)?;
    let (mut re, extra_im) = match real {
        Real(re) => (re, None),
        Complex(re, im) => (re, Some(im)),
    };
    let mut im = match imag {
        Real(im) => im,
        Complex(im, negative) => {
            re -= negative;
            im
        }
    };
    if let Some(extra) = extra_im {
        im += extra;
    }
    Ok(new_of_type(ty, re, im))
}

fn from_number(class: Value, number: Value, thread: &mut Thread) -> PyResult {
    let is_exact_class = class.is(COMPLEX.get().value());
    if is_exact_class && number.has_shape(COMPLEX.shape) {
        return Ok(number.to_owned());
    }
    let (re, im) = match converted(number, thread)? {
        Some(found) => found,
        None => (convert::as_f64(number, thread)?, 0.0),
    };
    let made = new(re, im);
    if is_exact_class { Ok(made) } else { call::call(class, &[*made], thread) }
}

fn conjugate(value: Value, _thread: &mut Thread) -> PyResult {
    let (re, im) = own(value);
    Ok(new(re, -im))
}

fn getnewargs(value: Value, _thread: &mut Thread) -> PyResult {
    let (re, im) = own(value);
    Ok(tuple::pack([Owned::float(re), Owned::float(im)]))
}

fn format(value: Value, spec: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(spec) {
        let name = spec.type_object().full_name();
        return Err(thread.raise_type_error(format!("__format__() argument must be str, not {name}")));
    }
    let object = StrObject::of(spec);
    if object.is_empty() {
        return convert::str(value, thread);
    }
    let type_name = value.type_object().full_name();
    let text: Vec<u32> = object.chars().iter().collect();
    let (re, im) = own(value);
    let result = FormatSpec::parse(&text, 0, b'>', &type_name)
        .and_then(|parsed| parsed.format_complex(re, im, &NumberLocale::default(), &type_name));
    match result {
        Ok(formatted) => Ok(crate::types::str::from_formatted(&formatted)),
        Err(error) => Err(crate::types::str::raise_format_error(error, thread)),
    }
}

fn get_real(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::float(own(value).0))
}

fn get_imag(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::float(own(value).1))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "complex",
    doc: "complex(real=0, imag=0)\n--\n\nCreate a complex number from a string or numbers.\n\nIf a string is given, parse it as a complex number.\nIf a single number is given, convert it to a complex number.\nIf the 'real' or 'imag' arguments are given, create a complex number\nwith the specified real and imaginary components.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<ComplexObject>(),
    slots: &[
        SlotFn::repr(complex_repr),
        SlotFn::hash(complex_hash),
        SlotFn::richcompare(complex_compare),
        SlotFn::new(complex_new),
        SlotFn::add(complex_add),
        SlotFn::subtract(complex_subtract),
        SlotFn::multiply(complex_multiply),
        SlotFn::power(complex_power),
        SlotFn::negative(complex_negative),
        SlotFn::positive(complex_positive),
        SlotFn::absolute(complex_absolute),
        SlotFn::truth(complex_truth),
        SlotFn::true_divide(complex_true_divide),
    ],
    methods: &[
        MethodDef { name: "from_number", func: NativeFn::One(from_number), kind: MethodKind::Class, signature: "($type, number, /)", doc: "Convert number to a complex floating-point number." },
        method("conjugate", NativeFn::NoArgs(conjugate), "($self, /)", "Return the complex conjugate of its argument. (3-4j).conjugate() == 3+4j."),
        method("__complex__", NativeFn::NoArgs(complex_positive), "($self, /)", "Convert this value to exact type complex."),
        method("__getnewargs__", NativeFn::NoArgs(getnewargs), "($self, /)", ""),
        method("__format__", NativeFn::One(format), "($self, format_spec, /)", "Convert to a string according to format_spec."),
    ],
    getsets: &[
        GetSetDef { name: "real", get: get_real, set: None, doc: "the real part of a complex number" },
        GetSetDef { name: "imag", get: get_imag, set: None, doc: "the imaginary part of a complex number" },
    ],
    ..TypeSpec::DEFAULT
};
