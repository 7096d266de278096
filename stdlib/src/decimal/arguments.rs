//! Arguments of the module's functions: binding with the messages of CPython's older converters, and operands.

use std::ops::Deref;

use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::int;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::context;
use super::conversion;
use super::decimal;
use super::number::Number;
use super::rules::Rounding;

/// Binds a call to parameters of these names, of which the first `required` must be given.
pub fn bind<const N: usize>(args: Args<'_>, kwnames: KwNames, names: [&str; N], required: usize, thread: &mut Thread) -> PyResult<[Option<Value>; N]> {
    let total = args.len() + kwnames.len();
    if total > N {
        let s = if N == 1 { "" } else { "s" };
        let at_most = if required == N { "exactly" } else { "at most" };
        return Err(thread.raise_type_error(format!("function takes {at_most} {N} argument{s} ({total} given)")));
    }
    let mut bound = [None; N];
    for (i, place) in bound.iter_mut().enumerate() {
        *place = args.get(i);
    }
    for i in 0..kwnames.len() {
        let Some(key) = kwnames.get(i) else { break };
        let keyword = StrObject::of(key);
        match names.iter().position(|name| keyword.equals_str(name)) {
            Some(at) if bound[at].is_some() => {
                let message = format!("argument for function given by name ('{}') and position ({})", names[at], at + 1);
                return Err(thread.raise_type_error(message));
            }
            Some(at) => bound[at] = Some(args.keyword(i)),
            None => {
                let keyword = keyword.to_string_lossy();
                return Err(thread.raise_type_error(format!("this function got an unexpected keyword argument '{keyword}'")));
            }
        }
    }
    if let Some(missing) = bound.iter().take(required).position(Option::is_none) {
        return Err(thread.raise_type_error(format!("function missing required argument '{}' (pos {})", names[missing], missing + 1)));
    }
    Ok(bound)
}

/// Exactly so many arguments by position.
pub fn exactly<const N: usize>(args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<[Value; N]> {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("function takes no keyword arguments"));
    }
    if args.len() != N {
        let (n, s) = (args.len(), if N == 1 { "" } else { "s" });
        return Err(thread.raise_type_error(format!("function takes exactly {N} argument{s} ({n} given)")));
    }
    Ok(std::array::from_fn(|i| args.at(i)))
}

/// The context that is meant: the current one for none.
pub fn context(given: Option<Value>, thread: &mut Thread) -> PyResult<Owned> {
    match given.filter(|value| !value.is_none()) {
        None => context::current(thread).map(|context| context.to_owned()),
        Some(value) if context::is_context(value) => Ok(value.to_owned()),
        Some(_) => Err(thread.raise_type_error("optional argument must be a context")),
    }
}

/// A way of rounding by its name.
pub fn rounding(value: Value, thread: &mut Thread) -> PyResult<Rounding> {
    let known = if string::is_str(value) { StrObject::of(value).as_ascii().and_then(Rounding::from_name) } else { None };
    known.ok_or_else(|| {
        thread.raise_type_error(
            "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN,\n   ROUND_05UP]",
        )
    })
}

/// An operand: the number of a Decimal where it lies, or that of an int.
pub enum Operand<'a> {
    Decimal(&'a Number),
    Int(Number),
}

impl Deref for Operand<'_> {
    type Target = Number;

    #[inline(always)]
    fn deref(&self) -> &Number {
        match self {
            Operand::Decimal(number) => number,
            Operand::Int(number) => number,
        }
    }
}

/// The operand that a value is, if it is one.
#[inline(always)]
pub fn as_operand<'a>(value: Value) -> Option<Operand<'a>> {
    if let Some(small) = value.as_small_int() {
        return Some(Operand::Int(Number::from_i64(small)));
    }
    if decimal::is_decimal(value) {
        return Some(Operand::Decimal(decimal::number(value)));
    }
    convert::is_int(value).then(|| Operand::Int(match int::as_i64(value) {
        Some(small) => Number::from_i64(small),
        None => conversion::from_int(value),
    }))
}

/// The operand that a value must be.
#[inline]
pub fn operand<'a>(value: Value, thread: &mut Thread) -> PyResult<Operand<'a>> {
    as_operand(value).ok_or_else(|| {
        let name = value.type_object().full_name();
        thread.raise_type_error(format!("conversion from {name} to Decimal is not supported"))
    })
}
