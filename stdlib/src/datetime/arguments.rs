//! Arguments of constructors and methods.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::int;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::{PyResult, Raised, Thread, Value};

use super::calendar::{MAX_YEAR, MIN_YEAR, days_in_month};

/// An int in the range of C's.
pub fn c_int(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let whole = convert::index(value, thread)?;
    let Some(number) = int::as_i64(*whole) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C long"));
    };
    i32::try_from(number).map_err(|_| {
        let side = if number > 0 { "greater than maximum" } else { "less than minimum" };
        thread.raise(&exc::OVERFLOW_ERROR, format!("signed integer is {side}"))
    })
}

/// An optional int.
pub fn c_int_or(value: Option<Value>, default: i32, thread: &mut Thread) -> PyResult<i32> {
    value.map_or(Ok(default), |value| c_int(value, thread))
}

/// Binds the arguments of a constructor, which messages call "function": one place a name. `take` gets each as soon as
/// it is found.
pub fn bind<const N: usize>(
    names: [&str; N],
    n_required: usize,
    n_positional: usize,
    args: Args<'_>,
    kwnames: KwNames,
    thread: &mut Thread,
    mut take: impl FnMut(usize, Value, &mut Thread) -> PyResult<()>,
) -> PyResult<()> {
    let given = args.len();
    let total = given + kwnames.len();
    if total > N {
        let kind = if given == 0 { "keyword " } else { "" };
        return Err(thread.raise_type_error(format!("function takes at most {N} {kind}arguments ({total} given)")));
    }
    if given > n_positional {
        return Err(thread.raise_type_error(format!("function takes at most {n_positional} positional arguments ({given} given)")));
    }
    let mut n_used = 0;
    for (i, name) in names.iter().enumerate() {
        let value = args.get(i).or_else(|| {
            let keyword = args.find_keyword(kwnames, name);
            n_used += usize::from(keyword.is_some());
            keyword
        });
        match value {
            Some(value) => take(i, value, thread)?,
            None if i < n_required => {
                let position = i + 1;
                return Err(thread.raise_type_error(format!("function missing required argument '{name}' (pos {position})")));
            }
            None => {}
        }
    }
    if n_used == kwnames.len() {
        return Ok(());
    }
    if let Some((i, name)) = names.iter().enumerate().take(given).find(|(_, name)| args.find_keyword(kwnames, name).is_some()) {
        let position = i + 1;
        return Err(thread.raise_type_error(format!("argument for function given by name ('{name}') and position ({position})")));
    }
    let unexpected = (0..kwnames.len()).filter_map(|i| kwnames.get(i)).map(|name| StrObject::of(name).to_string_lossy()).find(|name| !names.contains(&name.as_str()));
    let name = unexpected.unwrap_or_default();
    Err(thread.raise_type_error(format!("this function got an unexpected keyword argument '{name}'")))
}

/// The one argument of a method that tells the number given as C functions do.
pub fn only(args: Args<'_>, kwnames: KwNames, function: &str, thread: &mut Thread) -> PyResult<Value> {
    let n = args.len();
    match args.get(0) {
        Some(only) if n == 1 && kwnames.is_empty() => Ok(only),
        _ if !kwnames.is_empty() => Err(thread.raise_type_error(format!("{function}() takes no keyword arguments"))),
        _ => Err(thread.raise_type_error(format!("{function}() takes exactly 1 argument ({n} given)"))),
    }
}

#[cold]
fn out_of_range(what: &str, range: &str, given: i32, thread: &mut Thread) -> Raised {
    thread.raise_value_error(format!("{what} must be in {range}, not {given}"))
}

pub fn check_date(year: i32, month: i32, day: i32, thread: &mut Thread) -> PyResult<()> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(out_of_range("year", "1..9999", year, thread));
    }
    if !(1..=12).contains(&month) {
        return Err(out_of_range("month", "1..12", month, thread));
    }
    let last = days_in_month(year, month);
    if !(1..=last).contains(&day) {
        return Err(thread.raise_value_error(format!("day {day} must be in range 1..{last} for month {month} in year {year}")));
    }
    Ok(())
}

pub fn check_time([hour, minute, second, microsecond]: [i32; 4], fold: i32, thread: &mut Thread) -> PyResult<()> {
    if !(0..24).contains(&hour) {
        return Err(out_of_range("hour", "0..23", hour, thread));
    }
    if !(0..60).contains(&minute) {
        return Err(out_of_range("minute", "0..59", minute, thread));
    }
    if !(0..60).contains(&second) {
        return Err(out_of_range("second", "0..59", second, thread));
    }
    if !(0..1_000_000).contains(&microsecond) {
        return Err(out_of_range("microsecond", "0..999999", microsecond, thread));
    }
    if fold != 0 && fold != 1 {
        return Err(thread.raise_value_error(format!("fold must be either 0 or 1, not {fold}")));
    }
    Ok(())
}

/// The name that messages give a value's type, where None is its own.
pub fn given(value: Value) -> String {
    if value.is_none() { "None".to_string() } else { value.type_object().full_name() }
}

/// An argument that must be a str.
pub fn text<'a>(value: Value, function: &str, position: usize, thread: &mut Thread) -> PyResult<&'a StrObject> {
    if string::is_str(value) {
        return Ok(StrObject::of(value));
    }
    let name = given(value);
    Err(thread.raise_type_error(format!("{function}() argument {position} must be str, not {name}")))
}

/// The text of `fromisoformat`, one byte a character; what is not ASCII is 0xFF.
pub fn iso_text<'a>(value: Value, thread: &mut Thread) -> PyResult<std::borrow::Cow<'a, [u8]>> {
    if !string::is_str(value) {
        return Err(thread.raise_type_error("fromisoformat: argument must be str"));
    }
    if let Some(ascii) = StrObject::of(value).as_ascii() {
        return Ok(ascii.as_bytes().into());
    }
    Ok(StrObject::of(value).chars().iter().map(|ch| u8::try_from(ch).ok().filter(u8::is_ascii).unwrap_or(0xFF)).collect())
}

#[cold]
pub fn invalid_iso(value: Value, thread: &mut Thread) -> Raised {
    match convert::repr_text(value, thread) {
        Ok(shown) => thread.raise_value_error(format!("Invalid isoformat string: {shown}")),
        Err(raised) => raised,
    }
}

/// The bytes of a pickled state of `n` bytes: bytes, or a str of Python 2's pickles.
pub fn state(value: Value, n: usize, what: &str, is_valid: impl Fn(&[u8]) -> bool, thread: &mut Thread) -> PyResult<Option<Vec<u8>>> {
    if pyrt_runtime::types::bytes::is_bytes(value) {
        let data = pyrt_runtime::types::bytes::BytesObject::of(value).as_slice();
        return Ok((data.len() == n && is_valid(data)).then(|| data.to_vec()));
    }
    if !string::is_str(value) || StrObject::of(value).len() != n {
        return Ok(None);
    }
    let text: Vec<u32> = StrObject::of(value).chars().iter().collect();
    let low: Vec<u8> = text.iter().map(|ch| *ch as u8).collect();
    if text.iter().any(|ch| *ch > 0xFF) {
        // Only what would be a state at all is worth the hint.
        let fits = text.iter().enumerate().all(|(i, ch)| *ch <= 0xFF || i != state_check_place(n));
        if fits && is_valid(&low) {
            return Err(thread.raise_value_error(format!(
                "Failed to encode latin1 string when unpickling a {what} object. pickle.load(data, encoding='latin1') is assumed."
            )));
        }
        return Ok(None);
    }
    Ok(is_valid(&low).then_some(low))
}

/// Which byte of a state of `n` bytes tells whether it is one.
fn state_check_place(n: usize) -> usize {
    if n == 6 { 0 } else { 2 }
}
