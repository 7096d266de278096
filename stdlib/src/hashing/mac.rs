//! HMAC objects, and the module `_hmac`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, module};

use super::algorithm::{Algorithm, Mac, Output};
use super::object::{data, getter, hex, work};
use crate::exception_class::ExceptionClass;
use crate::native_type::{dealloc, object};
use crate::thread::lock::Exclusive;

pub const MODULE: NativeModule = NativeModule { name: "_hmac", initialize };

static UNKNOWN_HASH_ERROR: ExceptionClass = ExceptionClass::new("_hmac", "UnknownHashError", &exc::VALUE_ERROR);

#[repr(C)]
struct MacObject {
    header: Header,
    algorithm: Algorithm,
    state: Exclusive<Mac>,
}

fn of<'a>(value: Value) -> &'a MacObject {
    // SAFETY: `self` of the methods of HMAC objects.
    unsafe { object(value) }
}

/// A new object of one of the HMAC types.
pub fn new_object(ty: &TypeObject, algorithm: Algorithm, mac: Mac) -> Owned {
    allocate_object(ty, |header| MacObject { header, algorithm, state: Exclusive::new(mac) })
}

/// A code with its key and, if there is one, its first data.
pub fn start(algorithm: Algorithm, key: &[u8], message: Option<&[u8]>, thread: &mut Thread) -> Mac {
    work(key.len().max(message.map_or(0, <[u8]>::len)), thread, || {
        let mut mac = Mac::new(algorithm, key);
        if let Some(message) = message {
            mac.update(message);
        }
        mac
    })
}

fn update(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let message = data(args.at(0), thread)?;
    of(this).state.with(thread, |mac, thread| work(message.len(), thread, || mac.update(&message)));
    Ok(Owned::none())
}

fn finished(this: Value, thread: &mut Thread) -> Output {
    of(this).state.with(thread, |mac, _| mac.clone()).finish()
}

fn digest(this: Value, thread: &mut Thread) -> PyResult {
    Ok(bytes::from_slice(finished(this, thread).as_slice()))
}

fn hexdigest(this: Value, thread: &mut Thread) -> PyResult {
    Ok(hex(finished(this, thread).as_slice()))
}

fn copy(this: Value, thread: &mut Thread) -> PyResult {
    let mac = of(this).state.with(thread, |mac, _| mac.clone());
    Ok(new_object(this.type_object(), of(this).algorithm, mac))
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let (name, address) = (of(this).algorithm.name(), this.bits());
    Ok(Owned::str(&format!("<{name} HMAC object @ 0x{address:x}>")))
}

fn name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&format!("hmac-{}", of(this).algorithm.name())))
}

fn block_size(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).algorithm.block_size()))
}

fn digest_size(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).algorithm.digest_size()))
}

const METHODS: &[MethodDef] = &[
    method("copy", NativeFn::NoArgs(copy), "($self, /)", "Return a copy (\"clone\") of the HMAC object."),
    method("digest", NativeFn::NoArgs(digest), "($self, /)", "Return the digest of the bytes passed to the update() method so far."),
    method("hexdigest", NativeFn::NoArgs(hexdigest), "($self, /)", "Return hexadecimal digest of the bytes passed to the update() method so far."),
    method("update", NativeFn::Bound(update), "($self, /, msg)", "Update the HMAC object with msg."),
    ];

const GETSETS: &[GetSetDef] = &[getter("name", name, ""), getter("block_size", block_size, ""), getter("digest_size", digest_size, "")];

/// The declaration of an HMAC type.
pub const fn spec(name: &'static str, doc: &'static str) -> TypeSpec {
    TypeSpec {
        name,
        doc,
        flags: TYPE_DISALLOW_INSTANTIATION,
        basic_size: size_of::<MacObject>(),
        slots: &[SlotFn::repr(repr)],
        methods: METHODS,
        getsets: GETSETS,
        dealloc: Some(dealloc::<MacObject>),
        ..TypeSpec::DEFAULT
    }
}

static HMAC: StaticType = StaticType::new(&spec("_hmac.HMAC", ""));

fn unknown_hash(value: Value, thread: &mut Thread) -> Raised {
    match convert::repr_text(value, thread) {
        Ok(text) => UNKNOWN_HASH_ERROR.raise(format!("unsupported hash type: {text}"), thread),
        Err(raised) => raised,
    }
}

/// The functions that `_hmac` knows by name.
const NAMED: &[(&str, Algorithm)] = &[
    ("md5", Algorithm::Md5),
    ("sha1", Algorithm::Sha1),
    ("sha224", Algorithm::Sha224),
    ("sha256", Algorithm::Sha256),
    ("sha384", Algorithm::Sha384),
    ("sha512", Algorithm::Sha512),
    ("sha3_224", Algorithm::Sha3Part224),
    ("sha3_256", Algorithm::Sha3Part256),
    ("sha3_384", Algorithm::Sha3Part384),
    ("sha3_512", Algorithm::Sha3Part512),
    ("blake2s", Algorithm::Blake2s),
    ("blake2s_32", Algorithm::Blake2s),
    ("blake2b", Algorithm::Blake2b),
    ("blake2b_32", Algorithm::Blake2b),
];

fn named(value: Value, thread: &mut Thread) -> PyResult<Algorithm> {
    let text = if string::is_str(value) { StrObject::of(value).as_ascii().unwrap_or("") } else { "" };
    match NAMED.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        Some((_, algorithm)) => Ok(*algorithm),
        None => Err(unknown_hash(value, thread)),
    }
}

fn new(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(digestmod) = args.get(2) else { return Err(thread.raise_type_error("new() missing 1 required argument 'digestmod'")) };
    let algorithm = named(digestmod, thread)?;
    let key = data(args.at(0), thread)?;
    let message = match args.get(1).filter(|message| !message.is_none()) {
        Some(message) => Some(data(message, thread)?),
        None => None,
    };
    let mac = start(algorithm, &key, message.as_deref(), thread);
    Ok(new_object(HMAC.get(), algorithm, mac))
}

fn compute(algorithm: Algorithm, key: Value, message: Value, thread: &mut Thread) -> PyResult {
    let (key, message) = (data(key, thread)?, data(message, thread)?);
    Ok(bytes::from_slice(start(algorithm, &key, Some(&message), thread).finish().as_slice()))
}

fn compute_digest(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let algorithm = named(args.at(2), thread)?;
    compute(algorithm, args.at(0), args.at(1), thread)
}

macro_rules! compute_functions {
    ($($name:ident $algorithm:ident;)*) => {
        $(
            fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
                compute(Algorithm::$algorithm, args.at(0), args.at(1), thread)
            }
        )*
        static FUNCTIONS: &[MethodDef] = &[
            method("new", NativeFn::Bound(new), "($module, /, key, msg=None, digestmod=None)", "Return a new HMAC object."),
            method("compute_digest", NativeFn::Bound(compute_digest), "($module, /, key, msg, digest)", "The authentication code of a message."),
            $(method(stringify!($name), NativeFn::Bound($name), "($module, key, msg, /)", "The authentication code of a message.")),*
        ];
    };
}

compute_functions! {
    compute_md5 Md5;
    compute_sha1 Sha1;
    compute_sha224 Sha224;
    compute_sha256 Sha256;
    compute_sha384 Sha384;
    compute_sha512 Sha512;
    compute_sha3_224 Sha3Part224;
    compute_sha3_256 Sha3Part256;
    compute_sha3_384 Sha3Part384;
    compute_sha3_512 Sha3Part512;
    compute_blake2s_32 Blake2s;
    compute_blake2b_32 Blake2b;
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    super::sha::initialize(this, FUNCTIONS);
    module::add_type(this, &HMAC);
    module::add(this, "UnknownHashError", UNKNOWN_HASH_ERROR.get(thread)?.to_owned());
    Ok(())
}
