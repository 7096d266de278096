//! What a context says about results: precision, range of exponents, rounding; and what operations signal.

use super::coefficient::{Coefficient, Cut};
use super::number::{Kind, Number};

pub const MAX_PREC: i64 = 999_999_999_999_999_999;
pub const MAX_EMAX: i64 = MAX_PREC;
pub const MIN_EMIN: i64 = -MAX_PREC;
pub const MIN_ETINY: i64 = MIN_EMIN - (MAX_PREC - 1);

/// No coefficient is made longer: the operation is out of memory.
const MOST_DIGITS: u64 = 40_000_000_000;

/// The conditions that operations signal.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Status(pub u32);

impl Status {
    pub const CLAMPED: Status = Status(0x0001);
    pub const CONVERSION_SYNTAX: Status = Status(0x0002);
    pub const DIVISION_BY_ZERO: Status = Status(0x0004);
    pub const DIVISION_IMPOSSIBLE: Status = Status(0x0008);
    pub const DIVISION_UNDEFINED: Status = Status(0x0010);
    pub const INEXACT: Status = Status(0x0040);
    pub const INVALID_CONTEXT: Status = Status(0x0080);
    pub const INVALID_OPERATION: Status = Status(0x0100);
    pub const OUT_OF_MEMORY: Status = Status(0x0200);
    pub const OVERFLOW: Status = Status(0x0800);
    pub const ROUNDED: Status = Status(0x1000);
    pub const SUBNORMAL: Status = Status(0x2000);
    pub const UNDERFLOW: Status = Status(0x4000);
    pub const FLOAT_OPERATION: Status = Status(0x8000);

    /// What counts as InvalidOperation.
    pub const INVALID: Status = Status(0x0002 | 0x0008 | 0x0010 | 0x0020 | 0x0080 | 0x0100 | 0x0200);
    /// What leaves no useful result.
    pub const ERRORS: Status = Status(Status::INVALID.0 | 0x0004);
    pub const NOT_EXACT: Status = Status(0x0040 | 0x1000);

    #[inline(always)]
    pub fn raise(&mut self, condition: Status) {
        self.0 |= condition.0;
    }

    #[inline(always)]
    pub fn has(self, condition: Status) -> bool {
        self.0 & condition.0 != 0
    }

    pub fn only(self, conditions: Status) -> Status {
        Status(self.0 & conditions.0)
    }

    /// Signals an error, whose result is a NaN.
    pub fn fail(&mut self, condition: Status) -> Number {
        self.raise(condition);
        Number::nan()
    }

    /// Whether there is memory for a coefficient of so many digits; signals if not.
    pub fn has_room(&mut self, digits: i64) -> bool {
        let digits = u64::try_from(digits).unwrap_or(0);
        if digits < 1 << 20 {
            return true;
        }
        let words = usize::try_from(digits / 19 + 2).unwrap_or(usize::MAX);
        if digits <= MOST_DIGITS && Vec::<u64>::new().try_reserve_exact(words.saturating_mul(4)).is_ok() {
            return true;
        }
        self.raise(Status::OUT_OF_MEMORY);
        false
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Rounding {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    ZeroFiveUp,
}

impl Rounding {
    pub const ALL: [(Rounding, &'static str); 8] = [
        (Rounding::Up, "ROUND_UP"),
        (Rounding::Down, "ROUND_DOWN"),
        (Rounding::Ceiling, "ROUND_CEILING"),
        (Rounding::Floor, "ROUND_FLOOR"),
        (Rounding::HalfUp, "ROUND_HALF_UP"),
        (Rounding::HalfDown, "ROUND_HALF_DOWN"),
        (Rounding::HalfEven, "ROUND_HALF_EVEN"),
        (Rounding::ZeroFiveUp, "ROUND_05UP"),
    ];

    pub fn name(self) -> &'static str {
        Rounding::ALL[self as usize].1
    }

    pub fn from_number(number: u8) -> Rounding {
        Rounding::ALL.get(usize::from(number)).map_or(Rounding::HalfEven, |(mode, _)| *mode)
    }

    pub fn from_name(name: &str) -> Option<Rounding> {
        Rounding::ALL.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode)
    }

    /// Whether the kept part goes one up.
    #[inline]
    pub fn goes_up(self, kept: &Coefficient, cut: Cut, negative: bool) -> bool {
        match self {
            _ if cut == Cut::Nothing => false,
            Rounding::Up => true,
            Rounding::Down => false,
            Rounding::Ceiling => !negative,
            Rounding::Floor => negative,
            Rounding::HalfUp => cut != Cut::BelowHalf,
            Rounding::HalfDown => cut == Cut::AboveHalf,
            Rounding::HalfEven => cut == Cut::AboveHalf || (cut == Cut::Half && kept.is_odd()),
            Rounding::ZeroFiveUp => matches!(kept.last_digit(), 0 | 5),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub precision: i64,
    pub emax: i64,
    pub emin: i64,
    pub rounding: Rounding,
    pub clamp: bool,
}

impl Rules {
    /// The widest: results are exact.
    pub const WIDEST: Rules = Rules { precision: MAX_PREC, emax: MAX_EMAX, emin: MIN_EMIN, rounding: Rounding::HalfEven, clamp: false };

    #[inline(always)]
    pub fn etiny(&self) -> i64 {
        self.emin - (self.precision - 1)
    }

    pub fn etop(&self) -> i64 {
        self.emax - (self.precision - 1)
    }

    /// A NaN whose payload fits the precision.
    pub fn fit_nan(&self, nan: Number) -> Number {
        let most = self.precision - i64::from(self.clamp);
        if nan.digits() > most && !nan.coefficient.is_zero() {
            return Number { coefficient: nan.coefficient.low_digits(most.unsigned_abs()), ..nan };
        }
        nan
    }

    /// Rounds to the precision and the range.
    #[inline]
    pub fn fit(&self, number: Number, status: &mut Status) -> Number {
        if number.kind == Kind::Finite {
            return self.fit_finite(number.negative, number.coefficient, number.exponent, status);
        }
        if number.is_nan() { self.fit_nan(number) } else { number }
    }

    #[inline]
    pub fn fit_finite(&self, negative: bool, coefficient: Coefficient, exponent: i64, status: &mut Status) -> Number {
        let digits = coefficient.digits();
        let adjusted = exponent + digits - 1;
        if digits <= self.precision && adjusted <= self.emax && adjusted >= self.emin && !self.clamp {
            return Number::finite(negative, coefficient, exponent);
        }
        self.fit_hard(negative, coefficient, exponent, digits, status)
    }

    fn fit_hard(&self, negative: bool, coefficient: Coefficient, exponent: i64, digits: i64, status: &mut Status) -> Number {
        let etiny = self.etiny();
        if coefficient.is_zero() {
            let top = if self.clamp { self.etop() } else { self.emax };
            let fitted = exponent.clamp(etiny.min(top), top);
            if fitted != exponent {
                status.raise(Status::CLAMPED);
            }
            return Number::zero(negative, fitted);
        }
        let adjusted = exponent + digits - 1;
        if adjusted > self.emax {
            return self.overflow(negative, status);
        }
        let is_subnormal = adjusted < self.emin;
        if is_subnormal {
            status.raise(Status::SUBNORMAL);
        }
        let least = if is_subnormal { etiny } else { exponent + (digits - self.precision) };
        if exponent >= least {
            return self.fold_down(negative, coefficient, exponent, status);
        }
        let (mut kept, cut) = coefficient.shift_right((least - exponent).unsigned_abs());
        let mut exponent = least;
        if self.rounding.goes_up(&kept, cut, negative) {
            kept = kept.add_one();
            if !is_subnormal && kept.digits() > self.precision {
                kept = kept.shift_right(1).0;
                exponent += 1;
            }
        }
        status.raise(Status::ROUNDED);
        if cut != Cut::Nothing {
            status.raise(Status::INEXACT);
            if is_subnormal {
                status.raise(Status::UNDERFLOW);
                if kept.is_zero() {
                    status.raise(Status::CLAMPED);
                }
            }
        }
        if !is_subnormal && exponent + kept.digits() - 1 > self.emax {
            return self.overflow(negative, status);
        }
        self.fold_down(negative, kept, exponent, status)
    }

    /// With `clamp`, large exponents are made smaller by zeros at the end.
    fn fold_down(&self, negative: bool, coefficient: Coefficient, exponent: i64, status: &mut Status) -> Number {
        let etop = self.etop();
        if !self.clamp || exponent <= etop {
            return Number::finite(negative, coefficient, exponent);
        }
        let shift = exponent - etop;
        if !status.has_room(coefficient.digits() + shift) {
            return Number::nan();
        }
        status.raise(Status::CLAMPED);
        Number::finite(negative, coefficient.shift_left(shift.unsigned_abs()), etop)
    }

    fn overflow(&self, negative: bool, status: &mut Status) -> Number {
        status.raise(Status(Status::OVERFLOW.0 | Status::NOT_EXACT.0));
        let is_largest = match self.rounding {
            Rounding::Down | Rounding::ZeroFiveUp => true,
            Rounding::Ceiling => negative,
            Rounding::Floor => !negative,
            Rounding::Up | Rounding::HalfUp | Rounding::HalfDown | Rounding::HalfEven => false,
        };
        if is_largest { self.largest(negative, status) } else { Number::infinity(negative) }
    }

    /// The largest finite number.
    pub fn largest(&self, negative: bool, status: &mut Status) -> Number {
        if !status.has_room(self.precision) {
            return Number::nan();
        }
        Number::finite(negative, Coefficient::nines(self.precision.unsigned_abs()), self.etop())
    }
}
