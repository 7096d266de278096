//! The gamma function and its logarithm, by the approximation of Lanczos with N = 13, g = 6.024680040776729583740234375
//! (coefficients: Boost's `lanczos13m53`, the ones that give CPython's results).

const G: f64 = 6.024_680_040_776_73;
const G_MINUS_HALF: f64 = 5.524_680_040_776_73;

const NUMERATOR: [f64; 13] = [
    23_531_376_880.410_76,
    42_919_803_642.649_1,
    35_711_959_237.355_67,
    17_921_034_426.037_21,
    6_039_542_586.352_028,
    1_439_720_407.311_721_6,
    248_874_557.862_054_17,
    31_426_415.585_400_194,
    2_876_370.628_935_372_5,
    186_056.265_395_223_48,
    8_071.672_002_365_816,
    210.824_277_751_579_36,
    2.506_628_274_631_000_2,
];

/// Coefficients of x (x + 1) … (x + 11).
const DENOMINATOR: [f64; 13] = [
    0.0, 39916800.0, 120543840.0, 150917976.0, 105258076.0, 45995730.0, 13339535.0, 2637558.0, 357423.0, 32670.0,
    1925.0, 66.0, 1.0,
];

/// `gamma(n)` for n = 1 … 23.
const FACTORIALS: [f64; 23] = [
    1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0, 40320.0, 362880.0, 3628800.0, 39916800.0, 479001600.0,
    6227020800.0, 87178291200.0, 1307674368000.0, 20922789888000.0, 355687428096000.0, 6402373705728000.0,
    121645100408832000.0, 2432902008176640000.0, 51090942171709440000.0, 1124000727777607680000.0,
];

/// What a function without a value reports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Domain,
    Range,
}

fn lanczos_sum(x: f64) -> f64 {
    let (mut numerator, mut denominator) = (0.0, 0.0);
    if x < 5.0 {
        for i in (0..13).rev() {
            numerator = numerator * x + NUMERATOR[i];
            denominator = denominator * x + DENOMINATOR[i];
        }
    } else {
        // In powers of 1/x, so that nothing overflows.
        for i in 0..13 {
            numerator = numerator / x + NUMERATOR[i];
            denominator = denominator / x + DENOMINATOR[i];
        }
    }
    numerator / denominator
}

/// `sin(pi x)`, accurate near integers.
fn sin_pi(x: f64) -> f64 {
    use std::f64::consts::PI;
    let y = x.abs() % 2.0;
    let quadrant = (2.0 * y).round() as i32;
    let result = match quadrant {
        0 => c_sin(PI * y),
        1 => c_cos(PI * (y - 0.5)),
        2 => c_sin(PI * (1.0 - y)),
        3 => -c_cos(PI * (y - 1.5)),
        _ => c_sin(PI * (y - 2.0)),
    };
    1.0f64.copysign(x) * result
}

fn c_sin(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { libm_functions::sin(x) }
}

fn c_cos(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { libm_functions::cos(x) }
}

fn c_pow(x: f64, y: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { libm_functions::pow(x, y) }
}

fn c_exp(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { libm_functions::exp(x) }
}

fn c_log(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { libm_functions::log(x) }
}

use super::elementary::libm as libm_functions;

pub(super) fn gamma(x: f64) -> Result<f64, Failure> {
    if !x.is_finite() {
        return if x.is_nan() || x > 0.0 { Ok(x) } else { Err(Failure::Domain) };
    }
    if x == 0.0 {
        return Err(Failure::Domain);
    }
    if x == x.floor() {
        if x < 0.0 {
            return Err(Failure::Domain);
        }
        if let Some(exact) = FACTORIALS.get(x as usize - 1) {
            return Ok(*exact);
        }
    }
    let magnitude = x.abs();
    if magnitude < 1e-20 {
        let result = 1.0 / x;
        return if result.is_infinite() { Err(Failure::Range) } else { Ok(result) };
    }
    if magnitude > 200.0 {
        return if x < 0.0 { Ok(0.0 / sin_pi(x)) } else { Err(Failure::Range) };
    }
    let y = magnitude + G_MINUS_HALF;
    // The rounding error of y.
    let z = if magnitude > G_MINUS_HALF {
        let q = y - magnitude;
        q - G_MINUS_HALF
    } else {
        let q = y - G_MINUS_HALF;
        q - magnitude
    };
    let z = z * G / y;
    let mut result;
    if x < 0.0 {
        result = -std::f64::consts::PI / sin_pi(magnitude) / magnitude * c_exp(y) / lanczos_sum(magnitude);
        result -= z * result;
        if magnitude < 140.0 {
            result /= c_pow(y, magnitude - 0.5);
        } else {
            let root = c_pow(y, magnitude / 2.0 - 0.25);
            result /= root;
            result /= root;
        }
    } else {
        result = lanczos_sum(magnitude) / c_exp(y);
        result += z * result;
        if magnitude < 140.0 {
            result *= c_pow(y, magnitude - 0.5);
        } else {
            let root = c_pow(y, magnitude / 2.0 - 0.25);
            result *= root;
            result *= root;
        }
    }
    if result.is_infinite() { Err(Failure::Range) } else { Ok(result) }
}

pub(super) fn lgamma(x: f64) -> Result<f64, Failure> {
    if !x.is_finite() {
        return Ok(if x.is_nan() { x } else { f64::INFINITY });
    }
    if x == x.floor() && x <= 2.0 {
        return if x <= 0.0 { Err(Failure::Domain) } else { Ok(0.0) };
    }
    let magnitude = x.abs();
    if magnitude < 1e-20 {
        return Ok(-c_log(magnitude));
    }
    let mut result = c_log(lanczos_sum(magnitude)) - G;
    result += (magnitude - 0.5) * (c_log(magnitude + G - 0.5) - 1.0);
    if x < 0.0 {
        const LOG_PI: f64 = 1.144_729_885_849_400_174_143_427_351_353_058_711_647;
        result = LOG_PI - c_log(sin_pi(magnitude).abs()) - c_log(magnitude) - result;
    }
    if result.is_infinite() { Err(Failure::Range) } else { Ok(result) }
}
