//! `round(x, ndigits)` for floats: the decimal nearest to the exact binary value, ties to even.

/// 10^n is exact up to here.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// `round(value, ndigits)`; `None` where the result overflows ("rounded value too large to represent").
pub fn round_float(value: f64, ndigits: i64) -> Option<f64> {
    if !value.is_finite() || value == 0.0 || ndigits > 323 {
        return Some(value);
    }
    if ndigits < -308 {
        return Some(0.0 * value);
    }
    let rounded = if ndigits >= 0 {
        after_point(value.abs(), ndigits as usize)
    } else {
        before_point(value.abs(), -ndigits as usize)
    };
    rounded.is_finite().then(|| rounded.copysign(value))
}

/// `value` × 10^`ndigits`, rounded half to even by its exact value, and the power of ten; `None`
/// where doubles cannot tell. `value` is not negative.
pub(super) fn scaled_digits(value: f64, ndigits: usize) -> Option<(f64, f64)> {
    let power = *EXACT_POWERS.get(ndigits)?;
    let scaled = value * power;
    if scaled >= 4_503_599_627_370_496.0 {
        return None;
    }
    // The product as a double and its exact error decide the direction. A fraction other than
    // 1/2 is further from 1/2 than the error is long.
    let error = value.mul_add(power, -scaled);
    let floor = scaled.floor();
    let fraction = scaled - floor;
    let up = fraction > 0.5 || fraction == 0.5 && (error > 0.0 || error == 0.0 && floor % 2.0 == 1.0);
    Some((if up { floor + 1.0 } else { floor }, power))
}

fn after_point(value: f64, ndigits: usize) -> f64 {
    // The quotient of two exact doubles is the double nearest to the decimal.
    if let Some((digits, power)) = scaled_digits(value, ndigits) {
        return digits / power;
    }
    format!("{value:.ndigits$}").parse().unwrap_or(value)
}

fn before_point(value: f64, zeros: usize) -> f64 {
    // The digits of the exact integer part, and whether anything follows them.
    let whole = value.trunc();
    let digits = format!("{whole:.0}");
    let inexact = whole != value;
    if digits.len() < zeros {
        return 0.0;
    }
    let (kept, dropped) = digits.split_at(digits.len() - zeros);
    let half = dropped.starts_with('5') && !inexact && dropped.bytes().skip(1).all(|d| d == b'0');
    let odd = kept.bytes().last().is_some_and(|d| (d - b'0') % 2 == 1);
    let up = if half { odd } else { dropped.as_bytes().first().is_some_and(|d| *d >= b'5') };
    let kept = if kept.is_empty() { "0" } else { kept };
    let text = if up { increment(kept) } else { kept.to_owned() };
    format!("{text}e{zeros}").parse().unwrap_or(value)
}

fn increment(digits: &str) -> String {
    let mut bytes = digits.as_bytes().to_vec();
    for digit in bytes.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        *digit = b'0';
    }
    format!("1{}", String::from_utf8_lossy(&bytes))
}
