//! Sums and products of sequences, and the norms: fsum, sumprod, prod, hypot, dist.

use super::elementary::{is_float, libm};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::binary::{self, BinaryOperator};
use pyrt_runtime::protocol::convert::as_f64;
use pyrt_runtime::protocol::iterate;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::{float, int};
use pyrt_runtime::types::type_object::{MethodDef, TYPE_TUPLE_SUBCLASS, function};

/// The exact sum, rounded once: Shewchuk's partials, which do not overlap and grow in magnitude.
fn fsum(_module: Value, seq: Value, thread: &mut Thread) -> PyResult {
    let mut partials: Vec<f64> = Vec::new();
    let (mut special, mut infinities) = (0.0f64, 0.0f64);
    iterate::for_each(seq, thread, |item, thread| {
        let mut x = as_f64(*item, thread)?;
        let given = x;
        let mut kept = 0;
        for j in 0..partials.len() {
            let mut y = partials[j];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        if x != 0.0 {
            if x.is_finite() {
                partials.push(x);
            } else {
                if given.is_finite() {
                    return Err(thread.raise(&exc::OVERFLOW_ERROR, "intermediate overflow in fsum"));
                }
                if given.is_infinite() {
                    infinities += given;
                }
                special += given;
                partials.clear();
            }
        }
        Ok(())
    })?;
    if special != 0.0 {
        if infinities.is_nan() {
            return Err(thread.raise_value_error("-inf + inf in fsum"));
        }
        return Ok(float::from_f64(special));
    }
    let mut high = 0.0;
    if let Some(last) = partials.pop() {
        high = last;
        let mut low = 0.0;
        while let Some(y) = partials.pop() {
            let x = high;
            high = x + y;
            low = y - (high - x);
            if low != 0.0 {
                break;
            }
        }
        // Half-way cases go by the sign of what is left.
        if let Some(&next) = partials.last()
            && ((low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0))
        {
            let y = low * 2.0;
            let x = high + y;
            if y == x - high {
                high = x;
            }
        }
    }
    Ok(float::from_f64(high))
}

fn prod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut result = args.get(1).map_or_else(|| Owned::int(1), |start| start.to_owned());
    let multiply = BinaryOperator::Multiply;
    iterate::for_each(args.at(0), thread, |item, thread| {
        result = binary::operate(multiply, *result, *item, thread)?;
        Ok(())
    })?;
    Ok(result)
}

/// A sum in three parts, each the rounding error of the one before.
#[derive(Clone, Copy, Default)]
struct Triple {
    high: f64,
    low: f64,
    tiny: f64,
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let x = a + b;
    let z = x - a;
    (x, (a - (x - z)) + (b - z))
}

impl Triple {
    /// Adds x y, without loss up to the third part.
    fn add_product(self, x: f64, y: f64) -> Triple {
        let product = x * y;
        // SAFETY: a pure function of the C library.
        let error = unsafe { libm::fma(x, y, -product) };
        let (high, first) = two_sum(self.high, product);
        let (low, second) = two_sum(self.low, error);
        let (low, third) = two_sum(low, first);
        Triple { high, low, tiny: self.tiny + (second + third) }
    }

    fn total(self) -> f64 {
        let (high, low) = two_sum(self.high, self.low);
        self.tiny + low + high
    }
}

fn sumprod(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (p, q) = (iterate::collect(args.at(0), thread)?, iterate::collect(args.at(1), thread)?);
    if p.len() != q.len() {
        return Err(thread.raise_value_error("Inputs are not the same length"));
    }
    let (add, multiply) = (BinaryOperator::Add, BinaryOperator::Multiply);
    let mut total = Owned::int(0);
    let mut int_path = true;
    let mut int_total = 0i64;
    let mut float_path = false;
    let mut triple = Triple::default();
    let flush = |total: Owned, part: Owned, thread: &mut Thread| binary::operate(add, *total, *part, thread);
    for (p, q) in p.iter().zip(&q) {
        if int_path {
            let exact_ints = p.is_small_int() && q.is_small_int();
            let product = if exact_ints { int::as_i64(**p).zip(int::as_i64(**q)).and_then(|(a, b)| a.checked_mul(b)) } else { None };
            if let Some(sum) = product.and_then(|product| int_total.checked_add(product)) {
                int_total = sum;
                continue;
            }
            int_path = exact_ints;
            total = flush(total, Owned::int(int_total), thread)?;
            int_total = 0;
        }
        let real = |value: Value| if is_float(value) { float::as_f64(value) } else { value.as_small_int().map(|n| n as f64) };
        if (is_float(**p) || is_float(**q)) && (float_path || is_zero(*total) || is_float(*total)) {
            if let (Some(a), Some(b)) = (real(**p), real(**q)) {
                let next = triple.add_product(a, b);
                if next.high.is_finite() && next.low.is_finite() {
                    triple = next;
                    float_path = true;
                    continue;
                }
            }
        }
        if float_path {
            total = flush(total, Owned::float(triple.total()), thread)?;
            triple = Triple::default();
            float_path = false;
        }
        let product = binary::operate(multiply, **p, **q, thread)?;
        total = binary::operate(add, *total, *product, thread)?;
    }
    if int_path {
        total = flush(total, Owned::int(int_total), thread)?;
    }
    if float_path {
        total = flush(total, Owned::float(triple.total()), thread)?;
    }
    Ok(total)
}

fn is_zero(value: Value) -> bool {
    value.as_small_int() == Some(0)
}

/// The Euclidean norm, with one rounding: scaled by a power of two, squares summed with their errors, the root corrected.
fn norm(vector: &mut [f64]) -> f64 {
    let mut max = 0.0f64;
    let mut found_nan = false;
    for x in vector.iter_mut() {
        *x = x.abs();
        found_nan |= x.is_nan();
        max = if *x > max { *x } else { max };
    }
    if max.is_infinite() {
        return max;
    }
    if found_nan {
        return f64::NAN;
    }
    if max == 0.0 || vector.len() <= 1 {
        return max;
    }
    let mut exponent = 0;
    // SAFETY: writes one int.
    unsafe { libm::frexp(max, &mut exponent) };
    if exponent < -1023 {
        // Subnormals: make the numbers normal first.
        vector.iter_mut().for_each(|x| *x /= f64::MIN_POSITIVE);
        return f64::MIN_POSITIVE * norm(vector);
    }
    // SAFETY: a pure function of the C library.
    let scale = unsafe { libm::ldexp(1.0, -exponent) };
    let square = |x: f64| {
        let high = x * x;
        // SAFETY: a pure function of the C library.
        (high, unsafe { libm::fma(x, x, -high) })
    };
    let fast_two_sum = |a: f64, b: f64| {
        let x = a + b;
        (x, (a - x) + b)
    };
    let (mut sum, mut errors, mut squares) = (1.0, 0.0, 0.0);
    for x in vector.iter() {
        let (high, low) = square(*x * scale);
        let (next, error) = fast_two_sum(sum, high);
        sum = next;
        errors += low;
        squares += error;
    }
    let mut root = (sum - 1.0 + (errors + squares)).sqrt();
    let (high, low) = square(root);
    let (next, error) = fast_two_sum(sum, -high);
    errors -= low;
    squares += error;
    let rest = next - 1.0 + (errors + squares);
    root += rest / (2.0 * root);
    root / scale
}

fn hypot(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("math.hypot() takes no keyword arguments"));
    }
    let mut vector = Vec::with_capacity(args.len());
    for arg in args.iter() {
        vector.push(as_f64(arg, thread)?);
    }
    Ok(float::from_f64(norm(&mut vector)))
}

fn dist(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut points = Vec::new();
    for i in 0..2 {
        let point = args.at(i);
        let is_tuple = point.is_pointer() && point.type_has_flag(TYPE_TUPLE_SUBCLASS);
        let items = if is_tuple {
            pyrt_runtime::types::tuple::TupleObject::of(point).items().iter().map(|item| item.to_owned()).collect()
        } else {
            iterate::collect(point, thread)?
        };
        points.push(items);
    }
    if points[0].len() != points[1].len() {
        return Err(thread.raise_value_error("both points must have the same number of dimensions"));
    }
    let mut vector = Vec::with_capacity(points[0].len());
    for (p, q) in points[0].iter().zip(&points[1]) {
        vector.push((as_f64(**p, thread)? - as_f64(**q, thread)?).abs());
    }
    Ok(float::from_f64(norm(&mut vector)))
}

pub(super) static FUNCTIONS: &[MethodDef] = &[
    function("dist", NativeFn::Bound(dist), "($module, p, q, /)"),
    function("fsum", NativeFn::One(fsum), "($module, seq, /)"),
    function("hypot", NativeFn::Raw(hypot), "($module, /, *coordinates)"),
    function("prod", NativeFn::Bound(prod), "($module, iterable, /, *, start=1)"),
    function("sumprod", NativeFn::Bound(sumprod), "($module, p, q, /)"),
];
