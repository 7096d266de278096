//! `float`: an immediate for common exponents, a heap object for the rest and for subclasses.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FLOAT, shapes};
use crate::types::type_object::{TYPE_FLOAT_SUBCLASS, TypeObject};

pub use crate::types::float_methods::SPEC;

#[repr(C)]
pub struct FloatObject {
    header: Header,
    number: f64,
}

/// A Python float.
#[inline(always)]
pub fn from_f64(number: f64) -> Owned {
    match Value::flonum(number) {
        // SAFETY: immediates have no count.
        Some(value) => unsafe { Owned::from_raw(value) },
        None => boxed(number),
    }
}

/// A float on the heap: inf, nan, -0.0, extreme exponents.
#[cold]
#[inline(never)]
pub fn boxed(number: f64) -> Owned {
    new_of_type(FLOAT.get(), number)
}

/// A float of a subclass.
pub fn new_of_type(ty: &TypeObject, number: f64) -> Owned {
    lifetime::allocate_object(ty, |header| FloatObject { header, number })
}

/// The number, if the value is a float (or of a subclass).
#[inline(always)]
pub fn as_f64(value: Value) -> Option<f64> {
    if value.is_flonum() {
        return Some(value.flonum_value());
    }
    if value.is_pointer() && (value.has_shape(shapes::FLOAT) || value.type_has_flag(TYPE_FLOAT_SUBCLASS)) {
        // SAFETY: checked above.
        return Some(unsafe { value.as_ref::<FloatObject>() }.number);
    }
    None
}

/// `base ** exponent` for floats, with CPython's errors; a negative base with a fractional exponent makes a complex.
pub fn power(base: f64, exponent: f64, thread: &mut Thread) -> PyResult {
    if base == 0.0 && exponent < 0.0 && exponent.is_finite() {
        return Err(thread.raise(&exc::ZERO_DIVISION_ERROR, "zero to a negative power"));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent != exponent.floor() {
        return crate::types::complex::power(base, 0.0, exponent, 0.0, thread);
    }
    let result = base.powf(exponent);
    if result.is_infinite() && base.is_finite() && exponent.is_finite() {
        return Err(thread.raise_with(&exc::OVERFLOW_ERROR, vec![Owned::int(34), Owned::str("Numerical result out of range")]));
    }
    Ok(from_f64(result))
}
