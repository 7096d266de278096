//! A compiled code object before it is a Python object: what code generation produces and marshal reads and writes.

use bitflags::bitflags;

bitflags! {
    /// `co_flags` (CPython `Include/cpython/code.h`, the `inspect.CO_*` constants).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CodeFlags: u32 {
        const OPTIMIZED = 0x1;
        const NEWLOCALS = 0x2;
        const VARARGS = 0x4;
        const VARKEYWORDS = 0x8;
        const NESTED = 0x10;
        const GENERATOR = 0x20;
        const COROUTINE = 0x80;
        const ITERABLE_COROUTINE = 0x100;
        const ASYNC_GENERATOR = 0x200;
        const FUTURE_DIVISION = 0x20000;
        const FUTURE_ABSOLUTE_IMPORT = 0x40000;
        const FUTURE_WITH_STATEMENT = 0x80000;
        const FUTURE_PRINT_FUNCTION = 0x100000;
        const FUTURE_UNICODE_LITERALS = 0x200000;
        const FUTURE_BARRY_AS_BDFL = 0x400000;
        const FUTURE_GENERATOR_STOP = 0x800000;
        const FUTURE_ANNOTATIONS = 0x1000000;
        const HAS_DOCSTRING = 0x4000000;
        const METHOD = 0x8000000;
    }
}

bitflags! {
    /// What a slot of `localsplus` is (`co_localspluskinds`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LocalKind: u8 {
        const ARG_POS = 0x02;
        const ARG_KW = 0x04;
        const ARG_VAR = 0x08;
        const HIDDEN = 0x10;
        const LOCAL = 0x20;
        const CELL = 0x40;
        const FREE = 0x80;
    }
}

/// A constant of a code object. Strings are WTF-8 (lone surrogates are three-byte sequences).
#[derive(Clone, Debug)]
pub enum Const {
    None,
    True,
    False,
    Ellipsis,
    Int(i64),
    /// An int beyond `i64`: sign and magnitude as little-endian 64-bit limbs without a trailing zero limb.
    BigInt { negative: bool, limbs: Vec<u64> },
    Float(f64),
    Complex(f64, f64),
    Str(Vec<u8>),
    Bytes(Vec<u8>),
    Tuple(Vec<Const>),
    FrozenSet(Vec<Const>),
    Slice(Box<[Const; 3]>),
    Code(Box<CodeData>),
}

/// The fields of a code object, under CPython's names without `co_`.
#[derive(Clone, Debug, Default)]
pub struct CodeData {
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub stacksize: u32,
    pub flags: u32,
    /// CPython's instruction stream: pairs of opcode and argument byte, inline caches zero.
    pub code: Vec<u8>,
    pub consts: Vec<Const>,
    pub names: Vec<String>,
    pub localsplusnames: Vec<String>,
    /// One [`LocalKind`] per name.
    pub localspluskinds: Vec<u8>,
    pub filename: String,
    pub name: String,
    pub qualname: String,
    pub firstlineno: i32,
    pub linetable: Vec<u8>,
    pub exceptiontable: Vec<u8>,
}
