//! Functions of ints: gcd, lcm, comb, perm, factorial, isqrt.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::number::integer;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::int;
use pyrt_runtime::types::type_object::{MethodDef, function};

fn no_keywords(kwnames: KwNames, name: &str, thread: &mut Thread) -> PyResult<()> {
    if kwnames.is_empty() {
        return Ok(());
    }
    Err(thread.raise_type_error(format!("math.{name}() takes no keyword arguments")))
}

fn gcd_u64(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn gcd(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "gcd", thread)?;
    let mut result = Owned::int(0);
    for arg in args.iter() {
        let number = convert::index(arg, thread)?;
        result = match (int::as_i64(*result), int::as_i64(*number)) {
            (Some(a), Some(b)) => int::from_u64(gcd_u64(a.unsigned_abs(), b.unsigned_abs())),
            _ => int::from_bigint(&integer::gcd(&int::to_bigint(*result), &int::to_bigint(*number))),
        };
    }
    Ok(result)
}

fn lcm(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords(kwnames, "lcm", thread)?;
    let mut result = BigInt::one();
    for arg in args.iter() {
        let number = int::to_bigint(*convert::index(arg, thread)?);
        result = if result.is_zero() || number.is_zero() {
            BigInt::zero()
        } else {
            let divisor = integer::gcd(&result, &number);
            (result / divisor * number).abs()
        };
    }
    Ok(int::from_bigint(&result))
}

/// The product of `low..=high`, by halves so that the factors are of similar size.
fn product(low: u64, high: u64) -> BigInt {
    if low > high {
        return BigInt::one();
    }
    if high - low < 8 {
        return (low..=high).fold(BigInt::one(), |product, factor| product * factor);
    }
    let middle = low + (high - low) / 2;
    product(low, middle) * product(middle + 1, high)
}

fn factorial(_module: Value, n: Value, thread: &mut Thread) -> PyResult {
    let number = convert::index(n, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("factorial() not defined for negative values"));
    }
    match int::as_i64(*number) {
        Some(n) if n <= 20 => Ok(Owned::int((1..=n).product())),
        // More would not fit any memory.
        Some(n) if n < 1 << 40 => Ok(int::from_bigint(&product(1, n as u64))),
        _ => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("factorial() argument should not exceed {}", i64::MAX))),
    }
}

fn nonnegative(value: Value, what: &str, thread: &mut Thread) -> PyResult {
    let number = convert::index(value, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error(format!("{what} must be a non-negative integer")));
    }
    Ok(number)
}

/// n (n - 1) … (n - k + 1)
fn falling(n: &BigInt, k: u64) -> BigInt {
    if k == 0 {
        return BigInt::one();
    }
    if k == 1 {
        return n.clone();
    }
    let half = k / 2;
    falling(n, half) * falling(&(n - half), k - half)
}

fn perm(module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(k) = args.get(1).filter(|k| !k.is_none()) else { return factorial(module, args.at(0), thread) };
    let (n, k) = (convert::index(args.at(0), thread)?, convert::index(k, thread)?);
    let (n, k) = (nonnegative(*n, "n", thread)?, nonnegative(*k, "k", thread)?);
    let (n, k) = (int::to_bigint(*n), int::to_bigint(*k));
    if k > n {
        return Ok(Owned::int(0));
    }
    match u64::try_from(&k) {
        Ok(k) => Ok(int::from_bigint(&falling(&n, k))),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("k must not exceed {}", i64::MAX))),
    }
}

fn binomial(n: &BigInt, k: u64) -> BigInt {
    if k == 0 {
        return BigInt::one();
    }
    if let Ok(n) = u64::try_from(n) {
        // Small results without big numbers: each partial product is a binomial coefficient itself.
        let mut result = 1u128;
        let mut fits = true;
        for i in 0..k {
            match result.checked_mul(u128::from(n - i)) {
                Some(product) => result = product / u128::from(i + 1),
                None => {
                    fits = false;
                    break;
                }
            }
        }
        if fits {
            return BigInt::from(result);
        }
    }
    // C(n, k) = C(n, j) C(n - j, k - j) / C(k, j)
    let half = k / 2;
    if half == 0 {
        return n.clone();
    }
    binomial(n, half) * binomial(&(n - half), k - half) / binomial(&BigInt::from(k), half)
}

fn comb(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (n, k) = (convert::index(args.at(0), thread)?, convert::index(args.at(1), thread)?);
    let (n, k) = (nonnegative(*n, "n", thread)?, nonnegative(*k, "k", thread)?);
    let (n, k) = (int::to_bigint(*n), int::to_bigint(*k));
    if k > n {
        return Ok(Owned::int(0));
    }
    let other = &n - &k;
    let k = if other < k { other } else { k };
    match u64::try_from(&k) {
        Ok(k) => Ok(int::from_bigint(&binomial(&n, k))),
        Err(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("min(n - k, k) must not exceed {}", i64::MAX))),
    }
}

fn isqrt(_module: Value, n: Value, thread: &mut Thread) -> PyResult {
    let number = convert::index(n, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("isqrt() argument must be nonnegative"));
    }
    if let Some(small) = int::as_i64(*number) {
        return Ok(Owned::int((small as u64).isqrt() as i64));
    }
    Ok(int::from_biguint(&integer::isqrt(int::to_bigint(*number).magnitude())))
}

pub(super) static FUNCTIONS: &[MethodDef] = &[
    function("comb", NativeFn::Bound(comb), "($module, n, k, /)"),
    function("factorial", NativeFn::One(factorial), "($module, n, /)"),
    function("gcd", NativeFn::Raw(gcd), "($module, /, *integers)"),
    function("isqrt", NativeFn::One(isqrt), "($module, n, /)"),
    function("lcm", NativeFn::Raw(lcm), "($module, /, *integers)"),
    function("perm", NativeFn::Bound(perm), "($module, n, k=None, /)"),
];
