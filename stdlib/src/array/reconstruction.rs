//! Pickles of arrays, which name the machine format of their items.

use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int, list, tuple};

use super::items::{self, Kind, Typecode};
use super::{ARRAY, of};

/// A machine format: size, kind of items, and whether the most significant byte comes first.
fn machine_format(number: u8) -> Option<(usize, Kind, bool)> {
    Some(match number {
        0 => (1, Kind::Unsigned, false),
        1 => (1, Kind::Signed, false),
        2..=13 => {
            let size = 2usize << ((number - 2) / 4);
            (size, if (number - 2) / 2 % 2 == 0 { Kind::Unsigned } else { Kind::Signed }, number % 2 == 1)
        }
        14 | 15 => (4, Kind::Float, number == 15),
        16 | 17 => (8, Kind::Float, number == 17),
        18 | 19 => (2, Kind::Char, number == 19),
        20 | 21 => (4, Kind::Char, number == 21),
        _ => return None,
    })
}

fn letter_of(value: Value, thread: &mut Thread) -> PyResult<char> {
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("_array_reconstructor() argument 2 must be a unicode character, not {name}")));
    }
    let text = StrObject::of(value);
    if text.len() != 1 {
        let n = text.len();
        return Err(thread.raise_type_error(format!(
            "_array_reconstructor() argument 2 must be a unicode character, not a string of length {n}"
        )));
    }
    Ok(char::from_u32(text.char_at(0)).unwrap_or('\0'))
}

pub fn reconstruct(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (class, code, data) = (args.at(0), args.at(1), args.at(3));
    let letter = letter_of(code, thread)?;
    let number = convert::as_c_int(args.at(2), thread)?;
    if !is_type(class) {
        let name = class.type_object().full_name();
        return Err(thread.raise_type_error(format!("first argument must be a type object, not {name}")));
    }
    if !TypeObject::of(class).is_subtype(ARRAY.get()) {
        let (own, base) = (TypeObject::of(class).full_name(), ARRAY.get().full_name());
        return Err(thread.raise_type_error(format!("{own} is not a subtype of {base}")));
    }
    let Some(typecode) = items::find(letter) else {
        return Err(thread.raise_value_error("second argument must be a valid type code"));
    };
    let Some((size, kind, is_big)) = u8::try_from(number).ok().and_then(machine_format) else {
        return Err(thread.raise_value_error("third argument must be a valid machine format code."));
    };
    if !bytes::is_bytes(data) {
        let name = data.type_object().full_name();
        return Err(thread.raise_type_error(format!("fourth argument should be bytes, not {name}")));
    }
    if i32::from(typecode.machine_format) == number {
        return call::call(class, &[code, data], thread);
    }
    let data = BytesObject::of(data).as_slice();
    if kind == Kind::Char {
        let text = decode_text(data, size, is_big, thread)?;
        return call::call(class, &[code, *text], thread);
    }
    if data.len() % size != 0 {
        return Err(thread.raise_value_error("string length not a multiple of item size"));
    }
    let values = data.chunks_exact(size).map(|chunk| decode_number(chunk, kind, is_big)).collect();
    // An integer type of the same size and sign takes the place of one that this machine does not have.
    let code = match matching_typecode(size, kind) {
        Some(found) => Owned::str(&found.letter.to_string()),
        None => code.to_owned(),
    };
    let made = call::call(class, &[*code], thread)?;
    list_into(*made, list::from_vec(values), thread)?;
    Ok(made)
}

fn list_into(array: Value, values: Owned, thread: &mut Thread) -> PyResult<()> {
    call::call_method(array, *pyrt_runtime::names::interned("fromlist"), &[*values], thread).map(drop)
}

fn matching_typecode(size: usize, kind: Kind) -> Option<&'static Typecode> {
    if kind == Kind::Float {
        return None;
    }
    items::ALL.iter().rev().find(|typecode| typecode.size == size && typecode.kind == kind)
}

fn decode_number(chunk: &[u8], kind: Kind, is_big: bool) -> Owned {
    let mut raw = [0u8; 8];
    for (i, byte) in chunk.iter().enumerate() {
        raw[if is_big { chunk.len() - 1 - i } else { i }] = *byte;
    }
    let bits = u64::from_le_bytes(raw);
    match (kind, chunk.len()) {
        (Kind::Signed, size) => {
            let unused = 64 - 8 * size as u32;
            int::from_i64((bits << unused) as i64 >> unused)
        }
        (Kind::Float, 4) => float::from_f64(f64::from(f32::from_bits(bits as u32))),
        (Kind::Float, _) => float::from_f64(f64::from_bits(bits)),
        _ => int::from_u64(bits),
    }
}

/// UTF-16 or UTF-32, by the codec, which knows what is wrong with wrong data.
fn decode_text(data: &[u8], size: usize, is_big: bool, thread: &mut Thread) -> PyResult {
    let encoding = format!("utf-{}-{}", size * 8, if is_big { "be" } else { "le" });
    let decoded = call::call_method(*bytes::from_slice(data), pyrt_runtime::names::names().decode, &[*Owned::str(&encoding)], thread)?;
    if string::is_str(*decoded) { Ok(decoded) } else { Err(not_text(*decoded, thread)) }
}

fn not_text(value: Value, thread: &mut Thread) -> Raised {
    let name = value.type_object().full_name();
    thread.raise_type_error(format!("the decoder returned {name}, not str"))
}

/// `__reduce_ex__`.
pub fn reduce_ex(this: Value, protocol: Value, thread: &mut Thread) -> PyResult {
    let protocol = convert::index_as_i64(protocol, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?;
    let names = pyrt_runtime::names::names();
    let state = attribute::get_optional(this, names.__dict__, thread)?.unwrap_or_else(Owned::none);
    let array = of(this);
    let class = this.type_object().value().to_owned();
    let letter = Owned::str(&array.typecode.letter.to_string());
    if protocol < 3 {
        return Ok(tuple::pack([class, tuple::pack([letter, list::from_vec(array.items())]), state]));
    }
    let module = pyrt_runtime::import::import_module("array", thread)?;
    let function = attribute::get_by_text(*module, "_array_reconstructor", thread)?;
    let format = Owned::int(i64::from(array.typecode.machine_format));
    Ok(tuple::pack([function, tuple::pack([class, letter, format, bytes::from_vec(array.to_vec())]), state]))
}
