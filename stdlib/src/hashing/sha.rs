//! The modules `_md5`, `_sha1`, `_sha2` and `_sha3`.

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

use super::algorithm::Algorithm;
use super::object::{DETACH_FROM, from_args, plain, sha3, type_value};
use crate::system_call::functions;

pub const MD5: NativeModule = NativeModule { name: "_md5", initialize: initialize_md5 };
pub const SHA1: NativeModule = NativeModule { name: "_sha1", initialize: initialize_sha1 };
pub const SHA2: NativeModule = NativeModule { name: "_sha2", initialize: initialize_sha2 };
pub const SHA3: NativeModule = NativeModule { name: "_sha3", initialize: initialize_sha3 };

macro_rules! constructors {
    ($($function:ident $ty:ident $class:literal $algorithm:ident;)*) => {$(
        static $ty: StaticType = StaticType::new(&plain($class));

        fn $function(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            from_args($ty.get(), Algorithm::$algorithm, args, thread)
        }
    )*};
}

constructors! {
    md5 MD5_TYPE "_md5.md5" Md5;
    sha1 SHA1_TYPE "_sha1.sha1" Sha1;
    sha224 SHA224_TYPE "_sha2.SHA224Type" Sha224;
    sha256 SHA256_TYPE "_sha2.SHA256Type" Sha256;
    sha384 SHA384_TYPE "_sha2.SHA384Type" Sha384;
    sha512 SHA512_TYPE "_sha2.SHA512Type" Sha512;
}

static MD5_FUNCTIONS: &[MethodDef] = functions! {
    "md5" Bound(md5) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new MD5 hash object; optionally initialized with a string.";
};

static SHA1_FUNCTIONS: &[MethodDef] = functions! {
    "sha1" Bound(sha1) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new SHA1 hash object; optionally initialized with a string.";
};

static SHA2_FUNCTIONS: &[MethodDef] = functions! {
    "sha224" Bound(sha224) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new SHA-224 hash object; optionally initialized with a string.";
    "sha256" Bound(sha256) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new SHA-256 hash object; optionally initialized with a string.";
    "sha384" Bound(sha384) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new SHA-384 hash object; optionally initialized with a string.";
    "sha512" Bound(sha512) "($module, /, data=b'', *, usedforsecurity=True, string=None)" "Return a new SHA-512 hash object; optionally initialized with a string.";
};

/// What all hash modules have.
pub fn initialize(this: Value, functions: &'static [MethodDef]) {
    module::add_functions(this, functions);
    module::add(this, "_GIL_MINSIZE", Owned::usize(DETACH_FROM));
}

fn initialize_md5(this: Value, _thread: &mut Thread) -> PyResult<()> {
    initialize(this, MD5_FUNCTIONS);
    module::add(this, "MD5Type", type_value(&MD5_TYPE));
    Ok(())
}

fn initialize_sha1(this: Value, _thread: &mut Thread) -> PyResult<()> {
    initialize(this, SHA1_FUNCTIONS);
    module::add(this, "SHA1Type", type_value(&SHA1_TYPE));
    Ok(())
}

fn initialize_sha2(this: Value, _thread: &mut Thread) -> PyResult<()> {
    initialize(this, SHA2_FUNCTIONS);
    for ty in [&SHA224_TYPE, &SHA256_TYPE, &SHA384_TYPE, &SHA512_TYPE] {
        module::add_type(this, ty);
    }
    Ok(())
}

fn sha3_new(class: Value, args: Args<'_>, kwnames: KwNames, algorithm: Algorithm, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(data=b'', *, usedforsecurity=True, string=None)");
    let bound = SIGNATURE.bind(algorithm.name(), args, kwnames, thread)?;
    from_args(TypeObject::of(class), algorithm, bound.args(), thread)
}

macro_rules! sha3_types {
    ($($function:ident $ty:ident $class:literal $algorithm:ident $is_extendable:literal $doc:literal;)*) => {
        $(
            fn $function(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
                sha3_new(class, args, kwnames, Algorithm::$algorithm, thread)
            }
            static $ty: StaticType = StaticType::new(&sha3($class, $doc, &[SlotFn::new($function)], $is_extendable));
        )*
        static SHA3_TYPES: &[&StaticType] = &[$(&$ty),*];
    };
}

sha3_types! {
    sha3_224 SHA3_224 "_sha3.sha3_224" Sha3Part224 false "sha3_224([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 28 bytes.";
    sha3_256 SHA3_256 "_sha3.sha3_256" Sha3Part256 false "sha3_256([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 32 bytes.";
    sha3_384 SHA3_384 "_sha3.sha3_384" Sha3Part384 false "sha3_384([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 48 bytes.";
    sha3_512 SHA3_512 "_sha3.sha3_512" Sha3Part512 false "sha3_512([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 64 bytes.";
    shake_128 SHAKE_128 "_sha3.shake_128" Shake128 true "shake_128([data], *, usedforsecurity=True) -> SHAKE object\n\nReturn a new SHAKE hash object.";
    shake_256 SHAKE_256 "_sha3.shake_256" Shake256 true "shake_256([data], *, usedforsecurity=True) -> SHAKE object\n\nReturn a new SHAKE hash object.";
}

fn initialize_sha3(this: Value, _thread: &mut Thread) -> PyResult<()> {
    initialize(this, &[]);
    for ty in SHA3_TYPES {
        module::add_type(this, ty);
    }
    module::add(this, "implementation", Owned::str("keccak"));
    Ok(())
}
