//! The constants of a code object: equal ones are stored once.
//!
//! Equal means CPython's constant keys: the same type and value, with -0.0 apart from 0.0 and so inside tuples; code
//! objects by everything but their qualified names. Code objects inside code objects are told apart by place,
//! instructions and names alone: two of them that agree so far come from one definition that is compiled twice (in a
//! `finally` body), and keys would else grow with the square of the nesting.

use hashbrown::HashMap;

use crate::bytecode::code::{CodeData, Const};
use crate::syntax::ast::{ConstInt, Constant};

#[derive(Debug, Default)]
pub(crate) struct ConstTable {
    pub(crate) items: Vec<Const>,
    index: HashMap<Vec<u8>, u32>,
}

impl ConstTable {
    /// The index of the constant, added if it is new.
    pub(crate) fn add(&mut self, constant: Const) -> u32 {
        let key = key_of(&constant);
        if is_nan(&constant) {
            // Not equal to itself.
            self.items.push(constant);
            return self.items.len() as u32 - 1;
        }
        if let Some(&index) = self.index.get(&key) {
            return index;
        }
        let index = self.items.len() as u32;
        self.items.push(constant);
        self.index.insert(key, index);
        index
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Const> {
        self.items.get(index as usize)
    }
}

fn is_nan(constant: &Const) -> bool {
    match constant {
        Const::Float(value) => value.is_nan(),
        Const::Complex(real, imaginary) => real.is_nan() || imaginary.is_nan(),
        _ => false,
    }
}

/// Bytes that are equal exactly for equal constants.
pub(crate) fn key_of(constant: &Const) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    write_key(constant, &mut key);
    key
}

fn write_bytes(tag: u8, bytes: &[u8], key: &mut Vec<u8>) {
    key.push(tag);
    key.extend((bytes.len() as u64).to_le_bytes());
    key.extend(bytes);
}

fn write_key(constant: &Const, key: &mut Vec<u8>) {
    match constant {
        Const::None => key.push(b'N'),
        Const::True => key.push(b'T'),
        Const::False => key.push(b'F'),
        Const::Ellipsis => key.push(b'.'),
        Const::Int(value) => {
            key.push(b'i');
            key.extend(value.to_le_bytes());
        }
        Const::BigInt { negative, limbs } => {
            key.push(if *negative { b'm' } else { b'p' });
            key.extend((limbs.len() as u64).to_le_bytes());
            limbs.iter().for_each(|limb| key.extend(limb.to_le_bytes()));
        }
        Const::Float(value) => {
            key.push(b'g');
            key.extend(value.to_bits().to_le_bytes());
        }
        Const::Complex(real, imaginary) => {
            key.push(b'y');
            key.extend(real.to_bits().to_le_bytes());
            key.extend(imaginary.to_bits().to_le_bytes());
        }
        Const::Str(bytes) => write_bytes(b'u', bytes, key),
        Const::Bytes(bytes) => write_bytes(b's', bytes, key),
        Const::Tuple(items) => {
            key.push(b'(');
            key.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| write_key(item, key));
        }
        Const::FrozenSet(items) => {
            key.push(b'<');
            let mut keys: Vec<Vec<u8>> = items.iter().map(key_of).collect();
            keys.sort_unstable();
            key.extend((keys.len() as u64).to_le_bytes());
            keys.iter().for_each(|item| key.extend(item));
        }
        Const::Slice(parts) => {
            key.push(b':');
            parts.iter().for_each(|part| write_key(part, key));
        }
        Const::Code(code) => write_code_key(code, key),
    }
}

fn write_code_key(code: &CodeData, key: &mut Vec<u8>) {
    write_code_head(code, key);
    key.extend((code.consts.len() as u64).to_le_bytes());
    for constant in &code.consts {
        match constant {
            Const::Code(inner) => write_code_head(inner, key),
            _ => write_key(constant, key),
        }
    }
}

/// Everything but the constants.
fn write_code_head(code: &CodeData, key: &mut Vec<u8>) {
    key.push(b'c');
    for number in [code.argcount, code.posonlyargcount, code.kwonlyargcount, code.flags, code.firstlineno as u32] {
        key.extend(number.to_le_bytes());
    }
    write_bytes(b'n', code.name.as_bytes(), key);
    for bytes in [&code.code, &code.linetable, &code.exceptiontable, &code.localspluskinds] {
        write_bytes(b'b', bytes, key);
    }
    for names in [&code.names, &code.localsplusnames] {
        key.extend((names.len() as u64).to_le_bytes());
        names.iter().for_each(|name| write_bytes(b'n', name.as_bytes(), key));
    }
}

/// The constant of a `Constant` node.
pub(crate) fn from_tree(constant: &Constant<'_>) -> Const {
    match constant {
        Constant::None => Const::None,
        Constant::True => Const::True,
        Constant::False => Const::False,
        Constant::Ellipsis => Const::Ellipsis,
        Constant::Str(bytes) => Const::Str(bytes.to_vec()),
        Constant::Bytes(bytes) => Const::Bytes(bytes.to_vec()),
        Constant::Int(ConstInt::Small(value)) => Const::Int(*value),
        Constant::Int(ConstInt::Big { negative, limbs }) => Const::BigInt { negative: *negative, limbs: limbs.to_vec() },
        Constant::Float(value) => Const::Float(*value),
        Constant::Imaginary(value) => Const::Complex(0.0, *value),
        Constant::Complex(real, imaginary) => Const::Complex(*real, *imaginary),
        Constant::Tuple(items) => Const::Tuple(items.iter().map(from_tree).collect()),
        Constant::FrozenSet(items) => Const::FrozenSet(items.iter().map(from_tree).collect()),
    }
}

/// A str constant.
pub(crate) fn string(text: &str) -> Const {
    Const::Str(text.as_bytes().to_vec())
}
