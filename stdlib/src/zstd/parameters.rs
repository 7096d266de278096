//! Parameters of compression and decompression.

use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::is_type;
use pyrt_runtime::types::int;
use zstd_sys as engine;

use super::{ERROR, error_name, is_error};

/// What the parameters are of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Compression,
    Decompression,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Compression => "compression",
            Direction::Decompression => "decompression",
        }
    }

    fn parameters(self) -> &'static [(&'static str, &'static str, i32)] {
        match self {
            Direction::Compression => COMPRESSION,
            Direction::Decompression => DECOMPRESSION,
        }
    }

    /// The engine's bounds of a parameter.
    fn bounds(self, key: i32) -> Result<(i32, i32), usize> {
        // SAFETY: any number may be asked about: the engine compares it with those that it knows.
        let bounds = unsafe {
            match self {
                Direction::Compression => raw::ZSTD_cParam_getBounds(key),
                Direction::Decompression => raw::ZSTD_dParam_getBounds(key),
            }
        };
        if is_error(bounds.error) { Err(bounds.error) } else { Ok((bounds.lowerBound, bounds.upperBound)) }
    }
}

/// The engine's functions that take parameters, with plain numbers for them: a number that Python code gives need not be
/// one of the engine's.
pub mod raw {
    use zstd_sys::{ZSTD_CCtx, ZSTD_DCtx, ZSTD_bounds};
    unsafe extern "C" {
        pub fn ZSTD_cParam_getBounds(parameter: i32) -> ZSTD_bounds;
        pub fn ZSTD_dParam_getBounds(parameter: i32) -> ZSTD_bounds;
        pub fn ZSTD_CCtx_setParameter(context: *mut ZSTD_CCtx, parameter: i32, value: i32) -> usize;
        pub fn ZSTD_DCtx_setParameter(context: *mut ZSTD_DCtx, parameter: i32, value: i32) -> usize;
    }
}

pub const COMPRESSION_LEVEL: i32 = 100;
pub const WORKERS: i32 = 400;

/// The names of the constants, and those in messages.
pub const COMPRESSION: &[(&str, &str, i32)] = &[
    ("ZSTD_c_compressionLevel", "compression_level", COMPRESSION_LEVEL),
    ("ZSTD_c_windowLog", "window_log", 101),
    ("ZSTD_c_hashLog", "hash_log", 102),
    ("ZSTD_c_chainLog", "chain_log", 103),
    ("ZSTD_c_searchLog", "search_log", 104),
    ("ZSTD_c_minMatch", "min_match", 105),
    ("ZSTD_c_targetLength", "target_length", 106),
    ("ZSTD_c_strategy", "strategy", 107),
    ("ZSTD_c_enableLongDistanceMatching", "enable_long_distance_matching", 160),
    ("ZSTD_c_ldmHashLog", "ldm_hash_log", 161),
    ("ZSTD_c_ldmMinMatch", "ldm_min_match", 162),
    ("ZSTD_c_ldmBucketSizeLog", "ldm_bucket_size_log", 163),
    ("ZSTD_c_ldmHashRateLog", "ldm_hash_rate_log", 164),
    ("ZSTD_c_contentSizeFlag", "content_size_flag", 200),
    ("ZSTD_c_checksumFlag", "checksum_flag", 201),
    ("ZSTD_c_dictIDFlag", "dict_id_flag", 202),
    ("ZSTD_c_nbWorkers", "nb_workers", WORKERS),
    ("ZSTD_c_jobSize", "job_size", 401),
    ("ZSTD_c_overlapLog", "overlap_log", 402),
];

pub const DECOMPRESSION: &[(&str, &str, i32)] = &[("ZSTD_d_windowLogMax", "window_log_max", 100)];

/// The classes of the keys: `CompressionParameter` and `DecompressionParameter`, as words that own a count.
static TYPES: LeafMutex<[Option<u64>; 2]> = LeafMutex::new([None, None]);

pub fn set_parameter_types(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    for (i, name) in ["c_parameter_type", "d_parameter_type"].iter().enumerate() {
        let value = args.at(i);
        if !is_type(value) {
            let got = value.type_object().full_name();
            return Err(thread.raise_type_error(format!("set_parameter_types() argument '{name}' must be type, not {got}")));
        }
    }
    // The old ones, if any, stay alive: a thread may be comparing with them.
    let words = [args.at(0).to_owned().into_raw().bits(), args.at(1).to_owned().into_raw().bits()];
    *TYPES.lock() = words.map(Some);
    Ok(Owned::none())
}

fn is_of_other_class(key: Value, direction: Direction) -> bool {
    let other = match direction {
        Direction::Compression => 1,
        Direction::Decompression => 0,
    };
    TYPES.lock()[other] == Some(key.type_object().value().bits())
}

/// `ValueError` for a parameter that the engine refuses.
fn refused(direction: Direction, key: i32, value: i32, thread: &mut Thread) -> Raised {
    let what = direction.name();
    let name = match direction.parameters().iter().find(|(_, _, number)| *number == key) {
        Some((_, name, _)) => (*name).to_owned(),
        None => format!("unknown parameter (key {key})"),
    };
    match direction.bounds(key) {
        Err(_) => thread.raise_value_error(format!("invalid {what} parameter '{name}'")),
        Ok((low, high)) => thread.raise_value_error(format!("{what} parameter '{name}' received an illegal value {value}; the valid range is [{low}, {high}]")),
    }
}

/// A compression level within its bounds; without a number if it is no C int.
fn check_level(level: Option<i32>, thread: &mut Thread) -> PyResult<i32> {
    let (low, high) = Direction::Compression.bounds(COMPRESSION_LEVEL).unwrap_or((i32::MIN, i32::MAX));
    match level {
        Some(level) if (low..=high).contains(&level) => Ok(level),
        Some(level) => Err(thread.raise_value_error(format!("illegal compression level {level}; the valid range is [{low}, {high}]"))),
        None => Err(thread.raise_value_error(format!("illegal compression level; the valid range is [{low}, {high}]"))),
    }
}

/// The argument `level`.
pub fn level_argument(value: Value, thread: &mut Thread) -> PyResult<i32> {
    if !convert::is_int(value) {
        return Err(thread.raise_type_error("invalid type for level, expected int"));
    }
    check_level(int::as_i64(value).and_then(|level| i32::try_from(level).ok()), thread)
}

/// The argument `options` as pairs, each of which `set` gives to the engine.
pub fn apply(options: Value, direction: Direction, function: &str, mut set: impl FnMut(i32, i32) -> usize, thread: &mut Thread) -> PyResult<Vec<(i32, i32)>> {
    if !dict::is_dict(options) {
        let got = options.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument 'options' must be dict, not {got}")));
    }
    let mut pairs = Vec::new();
    for entry in DictObject::of(options).entries() {
        if is_of_other_class(*entry.key, direction) {
            let (what, other) = match direction {
                Direction::Compression => ("compression", "Decompression"),
                Direction::Decompression => ("decompression", "Compression"),
            };
            return Err(thread.raise_type_error(format!("{what} options dictionary key must not be a {other}Parameter attribute")));
        }
        let (key, mut value) = (c_int(*entry.key, thread)?, c_int(*entry.value, thread)?);
        if direction == Direction::Compression && key == COMPRESSION_LEVEL {
            value = check_level(Some(value), thread)?;
        }
        if is_error(set(key, value)) {
            return Err(refused(direction, key, value, thread));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// A C int.
pub fn c_int(value: Value, thread: &mut Thread) -> PyResult<i32> {
    let number = convert::index(value, thread)?;
    let small = int::as_i64(*number).and_then(|number| i32::try_from(number).ok());
    small.ok_or_else(|| thread.raise(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR, "Python int too large to convert to C int"))
}

pub fn get_param_bounds(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = convert::as_c_int(args.at(0), thread)?;
    let direction = if compare::truth(args.at(1), thread)? { Direction::Compression } else { Direction::Decompression };
    match direction.bounds(key) {
        Ok((low, high)) => Ok(tuple::pack([Owned::int(i64::from(low)), Owned::int(i64::from(high))])),
        Err(code) => {
            let what = direction.name();
            Err(ERROR.raise(format!("Unable to get zstd {what} parameter bounds: {}", error_name(code)), thread))
        }
    }
}

/// The strategies.
pub const STRATEGIES: &[(&str, engine::ZSTD_strategy)] = &[
    ("ZSTD_fast", engine::ZSTD_strategy::ZSTD_fast),
    ("ZSTD_dfast", engine::ZSTD_strategy::ZSTD_dfast),
    ("ZSTD_greedy", engine::ZSTD_strategy::ZSTD_greedy),
    ("ZSTD_lazy", engine::ZSTD_strategy::ZSTD_lazy),
    ("ZSTD_lazy2", engine::ZSTD_strategy::ZSTD_lazy2),
    ("ZSTD_btlazy2", engine::ZSTD_strategy::ZSTD_btlazy2),
    ("ZSTD_btopt", engine::ZSTD_strategy::ZSTD_btopt),
    ("ZSTD_btultra", engine::ZSTD_strategy::ZSTD_btultra),
    ("ZSTD_btultra2", engine::ZSTD_strategy::ZSTD_btultra2),
];
