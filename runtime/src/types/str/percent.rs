//! `str % values`.

use num_bigint::BigInt;

use crate::exceptions::exc;
use crate::number::format_spec::{Formatted, IntValue};
use crate::number::printf::{Amount, Directive, Resolved, parse_directive};
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::{convert, subscript};
use crate::text::{Buffer, Unit};
use crate::threads::thread_state::Thread;
use crate::types::str::units;
use crate::types::string::{self, StrObject, is_str};
use crate::types::tuple::TupleObject;
use crate::types::type_object::{TYPE_STR_SUBCLASS, TYPE_TUPLE_SUBCLASS};
use crate::types::{int, int_methods};

/// Hands out the values of a `%` operation one after the other; `bytes % values` uses it too.
pub struct Values {
    operand: Value,
    /// The mapping for `%(key)s`, if the operand can be one.
    mapping: Option<Value>,
    is_tuple: bool,
    next: usize,
}

impl Values {
    pub fn new(operand: Value) -> Values {
        let has = |flag| operand.is_pointer() && operand.type_has_flag(flag);
        let is_tuple = has(TYPE_TUPLE_SUBCLASS);
        let is_mapping = operand.type_object().slots.subscript.raw() != 0 && !is_tuple && !has(TYPE_STR_SUBCLASS);
        Values { operand, mapping: is_mapping.then_some(operand), is_tuple, next: 0 }
    }

    pub fn mapping(&self) -> Option<Value> {
        self.mapping
    }

    /// The next value by position.
    pub fn take(&mut self, thread: &mut Thread) -> PyResult<Value> {
        let found = if self.is_tuple {
            TupleObject::of(self.operand).items().get(self.next).copied()
        } else {
            (self.next == 0).then_some(self.operand)
        };
        self.next += 1;
        found.ok_or_else(|| thread.raise_type_error("not enough arguments for format string"))
    }

    /// An int for a star.
    pub fn take_star(&mut self, thread: &mut Thread) -> PyResult<i64> {
        let value = self.take(thread)?;
        if !convert::is_int(value) {
            return Err(thread.raise_type_error("* wants int"));
        }
        int::as_i64(value).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t"))
    }

    /// Marks a single operand as used (by key).
    pub fn use_mapping(&mut self) {
        self.next = usize::MAX / 2;
    }

    /// Whether values are left over, which is an error unless the operand is a mapping.
    pub fn has_left_over(&self) -> bool {
        let n = if self.is_tuple { TupleObject::of(self.operand).len() } else { 1 };
        self.mapping.is_none() && self.next < n
    }
}

/// `format % operand`.
pub fn format(format: Value, operand: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(format);
    let mut out = Buffer::with_capacity(text.len() + 16);
    let mut values = Values::new(operand);
    crate::with_units!(units(text), text => format_units(text, &mut values, &mut out, thread))?;
    if values.has_left_over() {
        return Err(thread.raise_type_error("not all arguments converted during string formatting"));
    }
    Ok(crate::types::str::from_buffer(out))
}

fn format_units<U: Unit>(text: &[U], values: &mut Values, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let plain = crate::text::search::find_unit(rest, U::from_code(u32::from(b'%')));
        out.extend(&rest[..plain.unwrap_or(rest.len())]);
        let Some(plain) = plain else { break };
        at += plain + 1;
        // The commonest directives have nothing but a conversion.
        if text.get(at).is_some_and(|unit| unit.code() == u32::from(b's')) {
            let value = values.take(thread)?;
            push_str_of(value, out, thread)?;
            at += 1;
            continue;
        }
        let directive = parse_directive(text, at, "precision too big").map_err(|message| thread.raise_value_error(message))?;
        at = directive.at + 1;
        one(text, &directive, values, out, thread)?;
    }
    Ok(())
}

fn push_str_of(value: Value, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    if string::is_exact(value) {
        out.push_units(units(StrObject::of(value)));
    } else {
        let shown = convert::str(value, thread)?;
        out.push_units(units(StrObject::of(*shown)));
    }
    Ok(())
}

fn one<U: Unit>(text: &[U], directive: &Directive, values: &mut Values, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    let keyed = match &directive.key {
        None => None,
        Some(key) => {
            let Some(mapping) = values.mapping() else { return Err(thread.raise_type_error("format requires a mapping")) };
            let key = crate::types::str::shaping::from_units(&text[key.clone()]);
            let found = subscript::get_item(mapping, *key, thread)?;
            values.use_mapping();
            Some(found)
        }
    };
    let star = |amount, values: &mut Values, thread: &mut Thread| match amount {
        Amount::Star if keyed.is_some() => {
            // The value found by the key is all that there is.
            Err(thread.raise_type_error("* wants int"))
        }
        Amount::Star => values.take_star(thread).map(Some),
        _ => Ok(None),
    };
    let width = star(directive.width, values, thread)?;
    let precision = star(directive.precision, values, thread)?;
    if precision.is_some_and(|n| n > i64::from(i32::MAX)) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C int"));
    }
    let resolved = directive.resolve(width, precision);
    if directive.conversion == u32::from(b'%') {
        out.push(u32::from(b'%'));
        return Ok(());
    }
    let value = match &keyed {
        Some(value) => **value,
        None => values.take(thread)?,
    };
    let conversion = u8::try_from(directive.conversion).unwrap_or(0);
    let room = |thread: &mut Thread, out: &mut Buffer| {
        if resolved.width > isize::MAX as usize / 8 || !out.try_reserve(resolved.width) {
            return Err(thread.raise_memory_error());
        }
        Ok(())
    };
    match conversion {
        b's' | b'r' | b'a' => {
            let shown = match conversion {
                b's' => convert::str(value, thread)?,
                b'r' => convert::repr(value, thread)?,
                _ => convert::ascii(value, thread)?,
            };
            let shown = StrObject::of(*shown);
            let length = resolved.precision.map_or(shown.len(), |precision| precision.min(shown.len()));
            room(thread, out)?;
            let (left, right) = resolved.pad_text(length);
            out.push_repeated(u32::from(b' '), left);
            out.push_units(units(shown).slice(0..length));
            out.push_repeated(u32::from(b' '), right);
        }
        b'c' => {
            let code = character(value, thread)?;
            room(thread, out)?;
            let (left, right) = resolved.pad_text(1);
            out.push_repeated(u32::from(b' '), left);
            out.push(code);
            out.push_repeated(u32::from(b' '), right);
        }
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
            room(thread, out)?;
            let formatted = integer(value, conversion, &resolved, thread)?;
            push_formatted(formatted, out, thread)?;
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let number = convert::as_f64(value, thread)?;
            room(thread, out)?;
            push_formatted(resolved.format_float(number, conversion), out, thread)?;
        }
        _ => return Err(bad_conversion(directive, thread)),
    }
    Ok(())
}

#[cold]
fn bad_conversion(directive: &Directive, thread: &mut Thread) -> Raised {
    let code = directive.conversion;
    let shown = if (31..0x7F).contains(&code) { code as u8 as char } else { '?' };
    let at = directive.at;
    thread.raise_value_error(format!("unsupported format character '{shown}' (0x{code:x}) at index {at}"))
}

/// Appends a formatted number.
pub fn push_formatted(formatted: Formatted, out: &mut Buffer, thread: &mut Thread) -> PyResult<()> {
    match formatted.into_buffer() {
        Some(buffer) => {
            out.push_units(buffer.as_units());
            Ok(())
        }
        None => Err(thread.raise_memory_error()),
    }
}

fn character(value: Value, thread: &mut Thread) -> PyResult<u32> {
    if is_str(value) {
        let text = StrObject::of(value);
        if text.len() == 1 {
            return Ok(text.char_at(0));
        }
        let n = text.len();
        return Err(thread.raise_type_error(format!("%c requires an int or a unicode character, not a string of length {n}")));
    }
    if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("%c requires an int or a unicode character, not {name}")));
    }
    let number = convert::index(value, thread)?;
    match int::as_i64(*number) {
        Some(code) => match u32::try_from(code).ok().filter(|code| *code < 0x11_0000) {
            Some(code) => Ok(code),
            None => Err(thread.raise(&exc::OVERFLOW_ERROR, "%c arg not in range(0x110000)")),
        },
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "%c arg not in range(0x110000)")),
    }
}

/// The text of an int conversion; `%d` takes any real number.
pub fn integer(value: Value, conversion: u8, resolved: &Resolved, thread: &mut Thread) -> PyResult<Formatted> {
    let number = if convert::is_int(value) {
        value.to_owned()
    } else {
        as_integer(value, conversion, thread)?
    };
    if let Some(small) = int::as_i64(*number) {
        return Ok(resolved.format_int(IntValue::Small(small), conversion));
    }
    if matches!(conversion, b'd' | b'i' | b'u') {
        // The limit on digits is checked where ints become text.
        drop(int_methods::to_text(*number, thread)?);
    }
    let big: BigInt = int::to_bigint(*number);
    Ok(resolved.format_int(IntValue::Big(&big), conversion))
}

fn as_integer(value: Value, conversion: u8, thread: &mut Thread) -> PyResult {
    let slots = &value.type_object().slots;
    let is_number = slots.index.raw() != 0 || slots.int.raw() != 0 || slots.float.raw() != 0;
    let exact = matches!(conversion, b'o' | b'x' | b'X');
    let result = match is_number {
        false => None,
        true if exact => Some(convert::index(value, thread)),
        true => Some(int_methods::to_int(value, thread)),
    };
    match result {
        Some(Ok(number)) => return Ok(number),
        Some(Err(raised)) => {
            thread.catch(raised, &exc::TYPE_ERROR)?;
        }
        None => {}
    }
    let name = value.type_object().full_name();
    let what = if exact { "an integer" } else { "a real number" };
    Err(thread.raise_type_error(format!("%{} format: {what} is required, not {name}", char::from(conversion))))
}

/// The slot behind `str.__mod__` and `str.__rmod__`.
pub fn remainder(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_str(left) {
        return Ok(Owned::not_implemented());
    }
    format(left, right, thread)
}
