//! The module `_blake2`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::module;
use pyrt_runtime::types::int;
use pyrt_runtime::types::type_object::*;

use super::algorithm::{Algorithm, Hash};
use super::object::{self, COPY, DIGEST, HEXDIGEST, UPDATE_DATA, bytes_like, initial, plain, unsigned};

pub const MODULE: NativeModule = NativeModule { name: "_blake2", initialize };

/// What the two functions differ in.
struct Variant {
    algorithm: Algorithm,
    title: &'static str,
    max_digest: usize,
    max_key: usize,
    salt: usize,
    person: usize,
    max_node_offset: u64,
}

static B: Variant = Variant { algorithm: Algorithm::Blake2b, title: "Blake2b", max_digest: 64, max_key: 64, salt: 16, person: 16, max_node_offset: u64::MAX };
static S: Variant = Variant { algorithm: Algorithm::Blake2s, title: "Blake2s", max_digest: 32, max_key: 32, salt: 8, person: 8, max_node_offset: (1 << 48) - 1 };

static SIGNATURE_B: LazySignature = LazySignature::new(
    "(data=b'', *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)",
);

fn bounded(value: Option<Value>, default: usize, min: i32, max: i32, message: &str, thread: &mut Thread) -> PyResult<usize> {
    let Some(value) = value else { return Ok(default) };
    match convert::as_c_int(value, thread)? {
        number if (min..=max).contains(&number) => Ok(number as usize),
        _ => Err(thread.raise_value_error(message)),
    }
}

fn parameter(value: Option<Value>, max: usize, what: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let bytes = bytes_like(value, thread)?;
    if bytes.len() > max {
        return Err(thread.raise_value_error(format!("maximum {what} length is {max} bytes")));
    }
    Ok(bytes.to_vec())
}

/// A 64-bit number whose overflow is named as C's `unsigned long long`.
fn unsigned_long_long(value: Value, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    int::as_u64(*number).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large for C unsigned long long"))
}

fn new(variant: &Variant, class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE_B.bind(variant.algorithm.name(), args, kwnames, thread)?;
    let args = bound.args();
    // The parameters come in C's types first, then their bounds.
    for i in [1, 5, 6, 9, 10] {
        if let Some(number) = args.get(i) {
            convert::as_c_int(number, thread)?;
        }
    }
    let is_last = args.get(11).map_or(Ok(false), |flag| compare::truth(flag, thread))?;
    let data = initial(args.get(0), args.get(13), thread)?;
    let max = variant.max_digest;
    let digest_size = match args.get(1) {
        None => max,
        Some(size) => match convert::as_c_int(size, thread)? {
            size if (1..=max as i32).contains(&size) => size as usize,
            size => {
                let title = variant.title;
                return Err(thread.raise_value_error(format!("digest_size for {title} must be between 1 and {max} bytes, here it is {size}")));
            }
        },
    };
    let salt = parameter(args.get(3), variant.salt, "salt", thread)?;
    let person = parameter(args.get(4), variant.person, "person", thread)?;
    let fanout = bounded(args.get(5), 1, 0, 255, "fanout must be between 0 and 255", thread)?;
    let depth = bounded(args.get(6), 1, 1, 255, "depth must be between 1 and 255", thread)?;
    let leaf_size = match args.get(7) {
        None => 0,
        Some(size) => match u32::try_from(unsigned(size, thread)?) {
            Ok(size) => size,
            Err(_) => return Err(thread.raise(&exc::OVERFLOW_ERROR, "leaf_size is too large")),
        },
    };
    let node_offset = match args.get(8) {
        None => 0,
        Some(offset) => match unsigned_long_long(offset, thread)? {
            offset if offset > variant.max_node_offset => return Err(thread.raise(&exc::OVERFLOW_ERROR, "node_offset is too large")),
            offset => offset,
        },
    };
    let node_depth = bounded(args.get(9), 0, 0, 255, "node_depth must be between 0 and 255", thread)?;
    let inner_size = bounded(args.get(10), 0, 0, max as i32, &format!("inner_size must be between 0 and is {max}"), thread)?;
    let key = parameter(args.get(2), variant.max_key, "key", thread)?;
    macro_rules! build {
        ($params:expr) => {
            $params
                .hash_length(digest_size)
                .key(&key)
                .salt(&salt)
                .personal(&person)
                .fanout(fanout as u8)
                .max_depth(depth as u8)
                .max_leaf_length(leaf_size)
                .node_offset(node_offset)
                .node_depth(node_depth as u8)
                .inner_hash_length(inner_size)
                .last_node(is_last)
                .to_state()
        };
    }
    let hash = match variant.algorithm {
        Algorithm::Blake2s => Hash::Blake2s(build!(blake2s_simd::Params::new())),
        _ => Hash::Blake2b(build!(blake2b_simd::Params::new())),
    };
    Ok(object::new(TypeObject::of(class), variant.algorithm, digest_size, hash, data, thread))
}

fn new_b(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    new(&B, class, args, kwnames, thread)
}

fn new_s(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    new(&S, class, args, kwnames, thread)
}

const fn spec(name: &'static str, doc: &'static str, slots: &'static [SlotFn]) -> TypeSpec {
    TypeSpec { doc, flags: 0, slots, methods: &[COPY, DIGEST, HEXDIGEST, UPDATE_DATA], ..plain(name) }
}

static BLAKE2B: StaticType = StaticType::new(&spec(
    "_blake2.blake2b",
    "blake2b(data=b'', *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)\n--\n\nReturn a new BLAKE2b hash object.",
    &[SlotFn::new(new_b)],
));

static BLAKE2S: StaticType = StaticType::new(&spec(
    "_blake2.blake2s",
    "blake2s(data=b'', *, digest_size=_blake2.blake2s.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)\n--\n\nReturn a new BLAKE2s hash object.",
    &[SlotFn::new(new_s)],
));

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    super::sha::initialize(this, &[]);
    for (ty, prefix, variant) in [(&BLAKE2B, "BLAKE2B", &B), (&BLAKE2S, "BLAKE2S", &S)] {
        module::add_type(this, ty);
        let sizes = [("SALT_SIZE", variant.salt), ("PERSON_SIZE", variant.person), ("MAX_KEY_SIZE", variant.max_key), ("MAX_DIGEST_SIZE", variant.max_digest)];
        for (name, size) in sizes {
            module::add(this, &format!("{prefix}_{name}"), Owned::usize(size));
            if let Some(dict) = ty.get().dict() {
                dict.set_by_text(name, Owned::usize(size));
            }
        }
    }
    Ok(())
}
