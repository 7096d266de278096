//! Facts about the interpreter: `sys.flags`, `version_info`, `hash_info` and their like.

use pyrt_runtime::FREE_THREADED;
use pyrt_runtime::interpreter::Config;
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::struct_sequence::{build, ready};
use pyrt_runtime::types::{dict, float, simple_namespace};
use pyrt_runtime::Owned;

use crate::version;

struct_sequence! {
    pub FLAGS: Flags = sealed "sys.flags", "sys.flags\n\nFlags provided through command line arguments or environment vars.", 18, [
        ("debug", 0, "-d"),
        ("inspect", 1, "-i"),
        ("interactive", 2, "-i"),
        ("optimize", 3, "-O or -OO"),
        ("dont_write_bytecode", 4, "-B"),
        ("no_user_site", 5, "-s"),
        ("no_site", 6, "-S"),
        ("ignore_environment", 7, "-E"),
        ("verbose", 8, "-v"),
        ("bytes_warning", 9, "-b"),
        ("quiet", 10, "-q"),
        ("hash_randomization", 11, "-R"),
        ("isolated", 12, "-I"),
        ("dev_mode", 13, "-X dev"),
        ("utf8_mode", 14, "-X utf8"),
        ("warn_default_encoding", 15, "-X warn_default_encoding"),
        ("safe_path", 16, "-P"),
        ("int_max_str_digits", 17, "-X int_max_str_digits"),
        ("gil", 18, "-X gil"),
        ("thread_inherit_context", 19, "-X thread_inherit_context"),
        ("context_aware_warnings", 20, "-X context_aware_warnings")
    ]
}

struct_sequence! {
    pub VERSION_INFO: VersionInfo = sealed "sys.version_info", "sys.version_info\n\nVersion information as a named tuple.", 5, [
        ("major", 0, "Major release number"),
        ("minor", 1, "Minor release number"),
        ("micro", 2, "Patch release number"),
        ("releaselevel", 3, "'alpha', 'beta', 'candidate', or 'final'"),
        ("serial", 4, "Serial release number")
    ]
}

struct_sequence! {
    pub HASH_INFO: HashInfo = "sys.hash_info", "hash_info\n\nA named tuple providing parameters used for computing hashes.", 9, [
        ("width", 0, "width of the type used for hashing, in bits"),
        ("modulus", 1, "prime number giving the modulus on which the hash function is based"),
        ("inf", 2, "value to be used for hash of a positive infinity"),
        ("nan", 3, "value to be used for hash of a nan"),
        ("imag", 4, "multiplier used for the imaginary part of a complex number"),
        ("algorithm", 5, "name of the algorithm for hashing of str, bytes and memoryviews"),
        ("hash_bits", 6, "internal output size of hash algorithm"),
        ("seed_bits", 7, "seed size of hash algorithm"),
        ("cutoff", 8, "small string optimization cutoff")
    ]
}

struct_sequence! {
    pub FLOAT_INFO: FloatInfo = "sys.float_info", "sys.float_info\n\nA named tuple holding information about the float type.", 11, [
        ("max", 0, "DBL_MAX -- maximum representable finite float"),
        ("max_exp", 1, "DBL_MAX_EXP -- maximum int e such that radix**(e-1) is representable"),
        ("max_10_exp", 2, "DBL_MAX_10_EXP -- maximum int e such that 10**e is representable"),
        ("min", 3, "DBL_MIN -- Minimum positive normalized float"),
        ("min_exp", 4, "DBL_MIN_EXP -- minimum int e such that radix**(e-1) is a normalized float"),
        ("min_10_exp", 5, "DBL_MIN_10_EXP -- minimum int e such that 10**e is a normalized float"),
        ("dig", 6, "DBL_DIG -- maximum number of decimal digits that can be faithfully represented in a float"),
        ("mant_dig", 7, "DBL_MANT_DIG -- mantissa digits"),
        ("epsilon", 8, "DBL_EPSILON -- Difference between 1 and the next representable float"),
        ("radix", 9, "FLT_RADIX -- radix of exponent"),
        ("rounds", 10, "FLT_ROUNDS -- rounding mode used for arithmetic operations")
    ]
}

struct_sequence! {
    pub INT_INFO: IntInfo = "sys.int_info", "sys.int_info\n\nA named tuple that holds information about Python's internal representation of integers.", 4, [
        ("bits_per_digit", 0, "size of a digit in bits"),
        ("sizeof_digit", 1, "size in bytes of the C type used to represent a digit"),
        ("default_max_str_digits", 2, "maximum string conversion digits limitation"),
        ("str_digits_check_threshold", 3, "minimum positive value for int_max_str_digits")
    ]
}

struct_sequence! {
    pub THREAD_INFO: ThreadInfo = "sys.thread_info", "sys.thread_info\n\nA named tuple holding information about the thread implementation.", 3, [
        ("name", 0, "name of the thread implementation"),
        ("lock", 1, "name of the lock implementation"),
        ("version", 2, "name and version of the thread library")
    ]
}

struct_sequence! {
    pub ASYNCGEN_HOOKS: AsyncgenHooks = "sys.asyncgen_hooks", "sys.asyncgen_hooks\n\nA named tuple describing the hooks of asynchronous generators.", 2, [
        ("firstiter", 0, "called when an asynchronous generator is first iterated"),
        ("finalizer", 1, "called when an asynchronous generator is about to be finalized")
    ]
}

struct_sequence! {
    pub UNRAISABLE_HOOK_ARGS: UnraisableHookArgs = "UnraisableHookArgs", "UnraisableHookArgs\n\nThe argument of sys.unraisablehook.", 5, [
        ("exc_type", 0, "Exception type"),
        ("exc_value", 1, "Exception value"),
        ("exc_traceback", 2, "Exception traceback"),
        ("err_msg", 3, "Error message"),
        ("object", 4, "Object causing the exception")
    ]
}

/// Makes the types usable.
pub fn ready_types() {
    ready::<Flags>();
    ready::<VersionInfo>();
    ready::<HashInfo>();
    ready::<FloatInfo>();
    ready::<IntInfo>();
    ready::<ThreadInfo>();
    ready::<AsyncgenHooks>();
    ready::<UnraisableHookArgs>();
}

pub fn flags(config: &Config) -> Owned {
    let number = |value: bool| Owned::int(i64::from(value));
    build::<Flags>(vec![
        number(config.parser_debug),
        number(config.inspect),
        number(config.interactive),
        Owned::int(i64::from(config.optimize)),
        number(config.dont_write_bytecode),
        number(config.no_user_site),
        number(config.no_site),
        number(config.ignore_environment),
        Owned::int(i64::from(config.verbose)),
        Owned::int(i64::from(config.bytes_warning)),
        number(config.quiet),
        number(config.hash_seed != Some(0)),
        number(config.isolated),
        Owned::bool(config.dev_mode),
        number(config.utf8_mode),
        number(config.warn_default_encoding),
        Owned::bool(config.safe_path),
        Owned::int(i64::from(config.int_max_str_digits)),
        // What was asked for; a build with a GIL has one in any case.
        match config.gil {
            None if FREE_THREADED => Owned::none(),
            asked => number(asked.unwrap_or(true)),
        },
        number(config.thread_inherit_context),
        number(config.context_aware_warnings),
    ])
}

pub fn version_info() -> Owned {
    build::<VersionInfo>(vec![
        Owned::int(version::MAJOR),
        Owned::int(version::MINOR),
        Owned::int(version::MICRO),
        Owned::str("final"),
        Owned::int(0),
    ])
}

/// `sys.hexversion`.
pub const HEX_VERSION: i64 = version::MAJOR << 24 | version::MINOR << 16 | version::MICRO << 8 | 0xF0;

pub fn hash_info() -> Owned {
    let numbers = [64, (1 << 61) - 1, 314_159, 0, 1_000_003].map(Owned::int);
    build::<HashInfo>(numbers.into_iter().chain([Owned::str("siphash13"), Owned::int(64), Owned::int(128), Owned::int(0)]).collect())
}

pub fn float_info() -> Owned {
    let int = |value: i32| Owned::int(i64::from(value));
    build::<FloatInfo>(vec![
        float::from_f64(f64::MAX),
        int(f64::MAX_EXP),
        int(f64::MAX_10_EXP),
        float::from_f64(f64::MIN_POSITIVE),
        int(f64::MIN_EXP),
        int(f64::MIN_10_EXP),
        int(f64::DIGITS as i32),
        int(f64::MANTISSA_DIGITS as i32),
        float::from_f64(f64::EPSILON),
        int(f64::RADIX as i32),
        int(1),
    ])
}

pub fn int_info() -> Owned {
    build::<IntInfo>([30, 4, 4300, 640].map(Owned::int).into())
}

pub fn thread_info() -> Owned {
    // SAFETY: the buffer is as long as said.
    let version = unsafe {
        let mut buffer = [0u8; 64];
        let length = libc::confstr(libc::_CS_GNU_LIBPTHREAD_VERSION, buffer.as_mut_ptr().cast(), buffer.len());
        if length > 1 { String::from_utf8_lossy(&buffer[..length.min(buffer.len()) - 1]).into_owned() } else { String::new() }
    };
    let version = if version.is_empty() { Owned::none() } else { Owned::str(&version) };
    build::<ThreadInfo>(vec![Owned::str("pthread"), Owned::str("futex"), version])
}

pub fn implementation() -> Owned {
    let attributes = dict::new();
    let set = |name: &str, value: Owned| DictObject::of(*attributes).set_by_text(name, value);
    set("name", Owned::str("pyrt"));
    set("cache_tag", Owned::str(version::CACHE_TAG));
    set("version", version_info());
    set("hexversion", Owned::int(HEX_VERSION));
    set("_multiarch", Owned::str(version::MULTIARCH));
    set("supports_isolated_interpreters", Owned::false_());
    simple_namespace::new(attributes)
}
