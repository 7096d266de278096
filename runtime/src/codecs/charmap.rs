//! Codecs by character maps: strings of 256 characters, `EncodingMap`s, dicts.

use crate::codecs::errors;
use crate::codecs::native::{decode_steps, encode_steps};
use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::native::NativeFn;
use crate::protocol::subscript;
use crate::text::Buffer;
use crate::text::codec::charmap::{self, EncodingMap};
use crate::text::codec::{Decoded, Fault, single_byte};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::StaticType;
use crate::types::bytes::{self, BytesObject};
use crate::types::dict::{self, DictObject};
use crate::types::str::{from_buffer, units};
use crate::types::string::{self, StrObject};
use crate::types::type_object::{MethodDef, MethodKind, TYPE_DISALLOW_INSTANTIATION, TypeSpec};

#[repr(C)]
struct EncodingMapObject {
    header: Header,
    map: EncodingMap,
}

fn map_size(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(size_of::<EncodingMapObject>()))
}

unsafe fn map_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.header().cast::<EncodingMapObject>()).map) };
}

static MAP_SPEC: TypeSpec = TypeSpec {
    name: "EncodingMap",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<EncodingMapObject>(),
    methods: &[MethodDef {
        name: "size",
        func: NativeFn::NoArgs(map_size),
        kind: MethodKind::Instance,
        signature: "-($self, /)",
        doc: "Return the size (in bytes) of this object",
    }],
    dealloc: Some(map_dealloc),
    ..TypeSpec::DEFAULT
};

/// The type of what `charmap_build` returns for most tables.
pub static ENCODING_MAP: StaticType = StaticType::new(&MAP_SPEC);

/// `codecs.charmap_build(table)`: an `EncodingMap`, or a dict where one cannot be.
pub fn build(table: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(table);
    let plain = text.len() == 256
        && text.char_at(0) == 0
        && text.chars().iter().skip(1).all(|code| code != 0 && code <= 0xFFFE);
    if plain {
        let map = EncodingMap::new(units(text));
        return Ok(lifetime::allocate_object(ENCODING_MAP.get(), |header| EncodingMapObject { header, map }));
    }
    let made = dict::new();
    for (byte, code) in text.chars().iter().enumerate().take(256) {
        DictObject::of(*made).set(*Owned::int(i64::from(code)), Owned::usize(byte), thread)?;
    }
    Ok(made)
}

const REASON: &str = "character maps to <undefined>";

/// `codecs.charmap_decode` with a map; none means Latin-1.
pub fn decode(input: &[u8], errors: &str, map: Option<Value>, thread: &mut Thread) -> PyResult {
    let mut out = Buffer::with_capacity(input.len());
    match map {
        None => single_byte::decode_latin1(input, &mut out),
        Some(table) if string::is_exact(table) => {
            let table = StrObject::of(table);
            let step = |input: &[u8], at: usize, out: &mut Buffer, _: &mut Thread| Ok(charmap::decode(input, at, units(table), out));
            decode_steps("charmap", None, input, 0, errors, &mut out, step, thread)?;
        }
        Some(map) => {
            let step = |input: &[u8], at: usize, out: &mut Buffer, thread: &mut Thread| decode_by_mapping(input, at, map, out, thread);
            decode_steps("charmap", None, input, 0, errors, &mut out, step, thread)?;
        }
    }
    Ok(from_buffer(out))
}

/// What a mapping has for a number; `None` where it has nothing.
fn map_item(map: Value, key: u32, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match subscript::get_item(map, *Owned::int(i64::from(key)), thread) {
        Ok(found) if found.is_none() => Ok(None),
        Ok(found) => Ok(Some(found)),
        Err(raised) => {
            thread.catch(raised, &exc::LOOKUP_ERROR)?;
            Ok(None)
        }
    }
}

fn decode_by_mapping(input: &[u8], at: usize, map: Value, out: &mut Buffer, thread: &mut Thread) -> PyResult<Decoded> {
    for (i, byte) in input.iter().enumerate().skip(at) {
        let fault = Decoded { consumed: i, fault: Some(Fault { start: i, end: i + 1, reason: REASON }) };
        let Some(found) = map_item(map, u32::from(*byte), thread)? else { return Ok(fault) };
        if let Some(code) = errors::code_of(*found) {
            match u32::try_from(code).ok().filter(|code| *code < 0x11_0000) {
                Some(0xFFFE) => return Ok(fault),
                Some(code) => out.push(code),
                None => return Err(thread.raise_type_error("character mapping must be in range(0x110000)")),
            }
        } else if string::is_str(*found) {
            let text = StrObject::of(*found);
            if text.len() == 1 && text.char_at(0) == 0xFFFE {
                return Ok(fault);
            }
            out.push_units(units(text));
        } else {
            return Err(thread.raise_type_error("character mapping must return integer, None or str"));
        }
    }
    Ok(Decoded { consumed: input.len(), fault: None })
}

/// `codecs.charmap_encode` with a map; none means Latin-1.
pub fn encode(text: Value, errors: &str, map: Option<Value>, thread: &mut Thread) -> PyResult {
    let mut out = Vec::with_capacity(StrObject::of(text).len());
    match map {
        None => {
            encode_steps("latin-1", None, text, errors, &mut out, |text, at, out, _| Ok(single_byte::encode_latin1(text, at, out)), thread)?;
        }
        Some(map) if map.is_pointer() && std::ptr::eq(map.type_object(), ENCODING_MAP.get()) => {
            // SAFETY: the type was checked.
            let map = unsafe { &map.as_ref::<EncodingMapObject>().map };
            encode_steps("charmap", None, text, errors, &mut out, |text, at, out, _| Ok(charmap::encode(text, at, map, out)), thread)?;
        }
        Some(map) => {
            let step = |text: crate::text::Units<'_>, at: usize, out: &mut Vec<u8>, thread: &mut Thread| encode_by_mapping(text, at, map, out, thread);
            encode_steps("charmap", None, text, errors, &mut out, step, thread)?;
        }
    }
    Ok(bytes::from_vec(out))
}

/// Appends what the map has for a character; false where it has nothing.
fn encode_char(map: Value, code: u32, out: &mut Vec<u8>, thread: &mut Thread) -> PyResult<bool> {
    let Some(found) = map_item(map, code, thread)? else { return Ok(false) };
    if let Some(byte) = errors::code_of(*found) {
        match u8::try_from(byte) {
            Ok(byte) => out.push(byte),
            Err(_) => return Err(thread.raise_type_error("character mapping must be in range(256)")),
        }
    } else if bytes::is_bytes(*found) {
        out.extend_from_slice(BytesObject::of(*found).as_slice());
    } else {
        let name = found.type_object().full_name();
        return Err(thread.raise_type_error(format!("character mapping must return integer, bytes or None, not {name}")));
    }
    Ok(true)
}

fn encode_by_mapping(text: crate::text::Units<'_>, at: usize, map: Value, out: &mut Vec<u8>, thread: &mut Thread) -> PyResult<Option<Fault>> {
    for (start, code) in text.code_points().enumerate().skip(at) {
        if encode_char(map, code, out, thread)? {
            continue;
        }
        // The fault is the whole run that cannot be encoded.
        let mut end = start + 1;
        let mut ignored = Vec::new();
        while let Some(code) = text.get(end) {
            if encode_char(map, code, &mut ignored, thread)? {
                break;
            }
            end += 1;
        }
        return Ok(Some(Fault { start, end, reason: REASON }));
    }
    Ok(None)
}
