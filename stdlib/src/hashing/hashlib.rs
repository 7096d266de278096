//! The module `_hashlib`: what CPython has from OpenSSL, on the same functions as the other hash modules.

use std::sync::OnceLock;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{FROZENSET, StaticType};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, list, mapping_proxy, module};

use super::algorithm::{Algorithm, derive_key};
use super::mac;
use super::object::{self, HashObject, bytes_like, data, extended, getter, hex, plain, unsigned};
use crate::exception_class::ExceptionClass;
use crate::operator::digest::compare_digest;

pub const MODULE: NativeModule = NativeModule { name: "_hashlib", initialize };

static UNSUPPORTED: ExceptionClass = ExceptionClass::new("_hashlib", "UnsupportedDigestmodError", &exc::VALUE_ERROR);

/// The constructors by function, as a dict that lives for good: its word.
static CONSTRUCTORS: OnceLock<u64> = OnceLock::new();

macro_rules! about_hash {
    ($arguments:literal) => {
        concat!(
            "A hash is an object used to calculate a checksum of a string of information.\n\nMethods:\n\n",
            "update() -- updates the current digest with an additional string\ndigest(", $arguments, ") -- return the current digest value\n",
            "hexdigest(", $arguments, ") -- return the current digest as a string of hexadecimal digits\n",
            "copy() -- return a copy of the current hash object\n\nAttributes:\n\n",
            "name -- the hash algorithm being used by this object\ndigest_size -- number of bytes in this hashes output",
        )
    };
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let (name, class, address) = (object::algorithm_of(this).name(), this.type_object().full_name(), this.bits());
    Ok(Owned::str(&format!("<{name} {class} object @ 0x{address:x}>")))
}

static HASH: StaticType = StaticType::new(&TypeSpec {
    doc: concat!("HASH(name, string=b'')\n--\n\n", about_hash!("")),
    flags: TYPE_DISALLOW_INSTANTIATION | TYPE_BASETYPE,
    slots: &[SlotFn::repr(repr)],
    ..plain("_hashlib.HASH")
});

/// A size in C's `Py_ssize_t`.
fn length(value: Value, thread: &mut Thread) -> PyResult<i64> {
    convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))
}

fn extended_digest(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = length(args.at(0), thread)?;
    match usize::try_from(length) {
        Ok(length) => Ok(bytes::from_vec(extended(this, length, thread)?)),
        Err(_) => Err(thread.raise(&exc::SYSTEM_ERROR, "Negative size passed to PyBytes_FromStringAndSize")),
    }
}

fn extended_hexdigest(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let length = length(args.at(0), thread)?;
    match usize::try_from(length) {
        Ok(length) => Ok(hex(&extended(this, length, thread)?)),
        Err(_) => Err(thread.raise_memory_error()),
    }
}

static HASHXOF: StaticType = StaticType::new(&TypeSpec {
    name: "_hashlib.HASHXOF",
    doc: concat!("HASHXOF(name, string=b'')\n--\n\n", about_hash!("length")),
    base: Some(&HASH),
    flags: TYPE_DISALLOW_INSTANTIATION | TYPE_BASETYPE,
    basic_size: size_of::<HashObject>(),
    methods: &[
        method("digest", NativeFn::Bound(extended_digest), "($self, /, length)", "Return the digest value as a bytes object."),
        method("hexdigest", NativeFn::Bound(extended_hexdigest), "($self, /, length)", "Return the digest value as a string of hexadecimal digits."),
    ],
    getsets: &[getter("digest_size", object::digest_size, "")],
    dealloc: Some(crate::native_type::dealloc::<HashObject>),
    ..TypeSpec::DEFAULT
});

static HMAC: StaticType = StaticType::new(&mac::spec(
    "_hashlib.HMAC",
    "The object used to calculate HMAC of a message.\n\nMethods:\n\nupdate() -- updates the current digest with an additional string\ndigest() -- return the current digest value\nhexdigest() -- return the current digest as a string of hexadecimal digits\ncopy() -- return a copy of the current hash object\n\nAttributes:\n\nname -- the name, including the hash algorithm used by this object\ndigest_size -- number of bytes in digest() output\n",
));

/// Other names by which OpenSSL knows the functions; case does not matter.
const ALIASES: &[(Algorithm, &[&str])] = &[
    (Algorithm::Md5, &["ssl3-md5", "1.2.840.113549.2.5"]),
    (Algorithm::Sha1, &["sha-1", "ssl3-sha1", "1.3.14.3.2.26"]),
    (Algorithm::Sha224, &["sha-224", "sha2-224", "2.16.840.1.101.3.4.2.4"]),
    (Algorithm::Sha256, &["sha-256", "sha2-256", "2.16.840.1.101.3.4.2.1"]),
    (Algorithm::Sha384, &["sha-384", "sha2-384", "2.16.840.1.101.3.4.2.2"]),
    (Algorithm::Sha512, &["sha-512", "sha2-512", "2.16.840.1.101.3.4.2.3"]),
    (Algorithm::Sha512Part224, &["sha512-224", "sha-512/224", "sha2-512/224", "2.16.840.1.101.3.4.2.5"]),
    (Algorithm::Sha512Part256, &["sha512-256", "sha-512/256", "sha2-512/256", "2.16.840.1.101.3.4.2.6"]),
    (Algorithm::Sha3Part224, &["sha3-224", "2.16.840.1.101.3.4.2.7"]),
    (Algorithm::Sha3Part256, &["sha3-256", "2.16.840.1.101.3.4.2.8"]),
    (Algorithm::Sha3Part384, &["sha3-384", "2.16.840.1.101.3.4.2.9"]),
    (Algorithm::Sha3Part512, &["sha3-512", "2.16.840.1.101.3.4.2.10"]),
    (Algorithm::Shake128, &["shake-128", "shake128", "2.16.840.1.101.3.4.2.11"]),
    (Algorithm::Shake256, &["shake-256", "shake256", "2.16.840.1.101.3.4.2.12"]),
    (Algorithm::Blake2b, &["blake2b-512", "blake2b512", "1.3.6.1.4.1.1722.12.2.1.16"]),
    (Algorithm::Blake2s, &["blake2s-256", "blake2s256", "1.3.6.1.4.1.1722.12.2.2.8"]),
    (Algorithm::Ripemd160, &["ripemd-160", "ripemd", "rmd160", "1.3.36.3.2.1"]),
    (Algorithm::Sm3, &["1.2.156.10197.1.401"]),
];

fn by_name(name: &str) -> Option<Algorithm> {
    let direct = Algorithm::ALL.iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
    let alias = || ALIASES.iter().find(|(_, names)| names.iter().any(|alias| alias.eq_ignore_ascii_case(name)));
    direct.copied().or_else(|| alias().map(|(algorithm, _)| *algorithm))
}

fn unsupported(thread: &mut Thread) -> Raised {
    UNSUPPORTED.raise("[digital envelope routines] unsupported", thread)
}

fn named(name: &str, thread: &mut Thread) -> PyResult<Algorithm> {
    by_name(name).ok_or_else(|| unsupported(thread))
}

/// The name of a hash function among the arguments.
fn name_argument(value: Value, what: &str, thread: &mut Thread) -> PyResult<String> {
    let name = convert::as_text(value, what, thread)?;
    if name.contains('\0') {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(name)
}

fn create(algorithm: Algorithm, args: (Option<Value>, Option<Value>), thread: &mut Thread) -> PyResult {
    let data = object::initial(args.0, args.1, thread)?;
    let ty = if algorithm.digest_size() == 0 { &HASHXOF } else { &HASH };
    Ok(object::new(ty.get(), algorithm, algorithm.digest_size(), algorithm.start(), data, thread))
}

fn new(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = name_argument(args.at(0), "new() argument 'name'", thread)?;
    // The arguments are looked at before the name.
    if args.get(1).is_some() && args.get(3).is_some() {
        return create(Algorithm::Md5, (args.get(1), args.get(3)), thread);
    }
    let algorithm = named(&name, thread)?;
    create(algorithm, (args.get(1), args.get(3)), thread)
}

/// The function that `digestmod` stands for: a name, or one of the constructors.
fn digestmod(value: Value, thread: &mut Thread) -> PyResult<Algorithm> {
    let name = if string::is_str(value) {
        Some(value.to_owned())
    } else {
        // SAFETY: the word is a dict that is never released.
        let constructors = CONSTRUCTORS.get().map(|word| unsafe { Value::from_bits(*word) });
        match constructors {
            Some(constructors) => DictObject::of(constructors).get(value, thread)?,
            None => None,
        }
    };
    let Some(name) = name else {
        let text = convert::repr_text(value, thread)?;
        return Err(UNSUPPORTED.raise(format!("Unsupported digestmod {text}"), thread));
    };
    let text = StrObject::of(*name).to_string_lossy();
    named(&text, thread)
}

/// Codes need a digest of fixed size.
fn check_fixed(algorithm: Algorithm, thread: &mut Thread) -> PyResult<()> {
    if algorithm.digest_size() == 0 { Err(thread.raise_value_error("no reason supplied")) } else { Ok(()) }
}

fn hmac_new(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = bytes_like(args.at(0), thread)?;
    let Some(function) = args.get(2) else { return Err(thread.raise_type_error("Missing required parameter 'digestmod'.")) };
    let algorithm = digestmod(function, thread)?;
    check_fixed(algorithm, thread)?;
    let message = match args.get(1).filter(|message| !message.is_none()) {
        Some(message) => Some(data(message, thread)?),
        None => None,
    };
    let mac = mac::start(algorithm, &key, message.as_deref(), thread);
    Ok(mac::new_object(HMAC.get(), algorithm, mac))
}

fn hmac_digest(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (key, message) = (bytes_like(args.at(0), thread)?, bytes_like(args.at(1), thread)?);
    let algorithm = digestmod(args.at(2), thread)?;
    check_fixed(algorithm, thread)?;
    Ok(bytes::from_slice(mac::start(algorithm, &key, Some(&message), thread).finish().as_slice()))
}

fn pbkdf2_hmac(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = name_argument(args.at(0), "pbkdf2_hmac() argument 'hash_name'", thread)?;
    let (password, salt) = (bytes_like(args.at(1), thread)?, bytes_like(args.at(2), thread)?);
    let iterations = convert::as_c_long(args.at(3), thread)?;
    let algorithm = named(&name, thread)?;
    if password.len() > i32::MAX as usize {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "password is too long."));
    }
    if salt.len() > i32::MAX as usize {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "salt is too long."));
    }
    if iterations < 1 {
        return Err(thread.raise_value_error("iteration value must be greater than 0."));
    }
    let Ok(iterations) = i32::try_from(iterations) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "iteration value is too great."));
    };
    let length = match args.get(4).filter(|length| !length.is_none()) {
        None => algorithm.digest_size() as i64,
        Some(length) => convert::as_c_long(length, thread)?,
    };
    if length < 1 {
        return Err(thread.raise_value_error("key length must be greater than 0."));
    }
    if length > i64::from(i32::MAX) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "key length is too great."));
    }
    check_fixed(algorithm, thread)?;
    let mut output = vec![0; length as usize];
    thread.detached(|| derive_key(algorithm, &password, &salt, iterations as u32, &mut output));
    Ok(bytes::from_vec(output))
}

/// The memory that scrypt may take if the caller does not say.
const SCRYPT_MEMORY: u64 = 32 << 20;
/// RFC 7914: p <= ((2^32 - 1) * 32) / (128 * r).
const SCRYPT_MAX_PRODUCT: u64 = (1 << 30) - 1;

/// Whether the parameters keep to the limits of RFC 7914 and to the caller's memory.
fn scrypt_fits(n: u64, r: u64, p: u64, memory: u64) -> bool {
    if p > SCRYPT_MAX_PRODUCT / r || (16 * r <= 63 && n >= 1 << (16 * r)) {
        return false;
    }
    let blocks = 128 * r * p;
    let table = (n + 2).checked_mul(128).and_then(|table| table.checked_mul(r));
    blocks <= i32::MAX as u64 && table.and_then(|table| table.checked_add(blocks)).is_some_and(|size| size <= memory)
}

fn scrypt(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let password = bytes_like(args.at(0), thread)?;
    let salt = bytes_like(args.at(1), thread)?;
    let (n, r, p) = (unsigned(args.at(2), thread)?, unsigned(args.at(3), thread)?, unsigned(args.at(4), thread)?);
    let memory = args.get(5).map_or(Ok(0), |memory| convert::as_c_long(memory, thread))?;
    let length = args.get(6).map_or(Ok(64), |length| convert::as_c_long(length, thread))?;
    if password.len() > i32::MAX as usize {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "password is too long"));
    }
    if salt.len() > i32::MAX as usize {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "salt is too long"));
    }
    if n < 2 || !n.is_power_of_two() {
        return Err(thread.raise_value_error("n must be a power of 2."));
    }
    let maximum = i64::from(i32::MAX);
    if !(0..=maximum).contains(&memory) {
        return Err(thread.raise_value_error(format!("maxmem must be positive and smaller than {maximum}")));
    }
    if !(1..=maximum).contains(&length) {
        return Err(thread.raise_value_error(format!("dklen must be greater than 0 and smaller than {maximum}")));
    }
    if r == 0 || p == 0 {
        return Err(thread.raise_value_error("Invalid parameter combination for n, r, p, maxmem."));
    }
    let (Ok(small_r), Ok(small_p)) = (u32::try_from(r), u32::try_from(p)) else {
        return Err(thread.raise_value_error("[digital envelope routines] parameter too large"));
    };
    let memory = if memory == 0 { SCRYPT_MEMORY } else { memory as u64 };
    if !scrypt_fits(n, r, p, memory) {
        return Err(thread.raise_value_error("[digital envelope routines] memory limit exceeded"));
    }
    let Ok(parameters) = scrypt::Params::new(n.trailing_zeros() as u8, small_r, small_p) else {
        return Err(thread.raise_value_error("Invalid parameter combination for n, r, p, maxmem."));
    };
    let mut output = vec![0; length as usize];
    match thread.detached(|| scrypt::scrypt(&password, &salt, &parameters, &mut output)) {
        Ok(()) => Ok(bytes::from_vec(output)),
        Err(_) => Err(thread.raise_value_error("dklen is too large")),
    }
}

fn get_fips_mode(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(0))
}

macro_rules! openssl_functions {
    ($($function:ident $algorithm:ident;)*) => {
        $(
            fn $function(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
                create(Algorithm::$algorithm, (args.get(0), args.get(2)), thread)
            }
        )*
        const OPENSSL: &[(&str, Algorithm)] = &[$((stringify!($function), Algorithm::$algorithm)),*];

        static FUNCTIONS: &[MethodDef] = &[
            method("new", NativeFn::Bound(new), "($module, /, name, data=b'', *, usedforsecurity=True, string=None)", "Return a new hash object using the named algorithm.\n\nAn optional string argument may be provided and will be\nautomatically hashed.\n\nThe MD5 and SHA1 algorithms are always supported."),
            method("compare_digest", NativeFn::Bound(compare_digest), "($module, a, b, /)", "Return 'a == b', in a time that does not depend on where they differ.\n\na and b must be of the same type: either str (ASCII only), or any bytes-like object."),
            method("get_fips_mode", NativeFn::NoArgs(get_fips_mode), "($module, /)", "Whether only approved functions may be used: 0, no."),
            method("hmac_digest", NativeFn::Bound(hmac_digest), "($module, /, key, msg, digest)", "Single-shot HMAC."),
            method("hmac_new", NativeFn::Bound(hmac_new), "($module, /, key, msg=b'', digestmod=None)", "Return a new hmac object."),
            method("pbkdf2_hmac", NativeFn::Bound(pbkdf2_hmac), "($module, /, hash_name, password, salt, iterations,\n            dklen=None)", "Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function."),
            method("scrypt", NativeFn::Bound(scrypt), "($module, /, password, *, salt, n, r, p, maxmem=0, dklen=64)", "scrypt password-based key derivation function."),
            $(method(stringify!($function), NativeFn::Bound($function), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "Returns a hash object; optionally initialized with a string")),*
        ];
    };
}

openssl_functions! {
    openssl_md5 Md5;
    openssl_sha1 Sha1;
    openssl_sha224 Sha224;
    openssl_sha256 Sha256;
    openssl_sha384 Sha384;
    openssl_sha512 Sha512;
    openssl_sha3_224 Sha3Part224;
    openssl_sha3_256 Sha3Part256;
    openssl_sha3_384 Sha3Part384;
    openssl_sha3_512 Sha3Part512;
    openssl_shake_128 Shake128;
    openssl_shake_256 Shake256;
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("OpenSSL interface for hashlib module"));
    super::sha::initialize(this, FUNCTIONS);
    for ty in [&HASH, &HASHXOF, &HMAC] {
        module::add_type(this, ty);
    }
    module::add(this, "UnsupportedDigestmodError", UNSUPPORTED.get(thread)?.to_owned());
    let names = list::from_vec(Algorithm::ALL.iter().map(|algorithm| Owned::str(algorithm.name())).collect());
    module::add(this, "openssl_md_meth_names", call::call(FROZENSET.get().value(), &[*names], thread)?);
    let constructors = dict::new();
    if let Some(namespace) = module::dict_of(this) {
        for (function, algorithm) in OPENSSL {
            if let Some(function) = DictObject::of(*namespace).get_by_text(function) {
                DictObject::of(*constructors).set(*function, Owned::str(algorithm.name()), thread)?;
            }
        }
    }
    let shown = (*constructors).to_owned();
    let _ = CONSTRUCTORS.set(constructors.into_raw().bits());
    module::add(this, "_constructors", mapping_proxy::new(shown));
    Ok(())
}
