//! The module `_random`.
pub mod mersenne;

use mersenne::{MersenneTwister, WORDS};
use num_bigint::{BigInt, Sign};
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int, module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_random", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Module implements the Mersenne Twister random number generator."));
    module::add_type(this, &RANDOM);
    Ok(())
}

#[repr(C)]
struct Random {
    header: Header,
    generator: LeafMutex<MersenneTwister>,
}

fn of<'a>(value: Value) -> &'a Random {
    // SAFETY: `self` of the methods of this type.
    unsafe { value.as_ref() }
}

/// A generator seeded by the system.
fn from_system() -> MersenneTwister {
    let mut key = [0u32; WORDS];
    // SAFETY: the buffer is as long as said.
    let got = unsafe { libc::getrandom(key.as_mut_ptr().cast(), size_of_val(&key), libc::GRND_NONBLOCK) };
    if got != size_of_val(&key) as isize {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        return MersenneTwister::from_key(&[now as u32, (now >> 32) as u32, std::process::id()]);
    }
    MersenneTwister::from_key(&key)
}

fn from_seed(seed: Option<Value>, thread: &mut Thread) -> PyResult<MersenneTwister> {
    let Some(seed) = seed.filter(|seed| !seed.is_none()) else { return Ok(from_system()) };
    let number = if convert::is_int(seed) {
        int::to_bigint(seed)
    } else {
        BigInt::from(compare::hash(seed, thread)? as u64)
    };
    Ok(MersenneTwister::from_key(&number.magnitude().to_u32_digits()))
}

fn random_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() && std::ptr::eq(TypeObject::of(class), RANDOM.get()) {
        return Err(thread.raise_type_error("Random() takes no keyword arguments"));
    }
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("Random expected at most 1 argument, got {n}")));
    }
    let generator = from_seed(args.get(0), thread)?;
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| Random { header, generator: LeafMutex::new(generator) }))
}

fn random_init(_this: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult<()> {
    Ok(())
}

fn random(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(float::from_f64(of(this).generator.lock().next_f64()))
}

fn seed(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let generator = from_seed(args.get(0), thread)?;
    *of(this).generator.lock() = generator;
    Ok(Owned::none())
}

fn getstate(this: Value, _thread: &mut Thread) -> PyResult {
    let generator = of(this).generator.lock().clone();
    let (words, index) = generator.state();
    Ok(tuple::from_vec(words.iter().map(|word| Owned::int(i64::from(*word))).chain([Owned::usize(index)]).collect()))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    if !(state.is_pointer() && state.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("state vector must be a tuple"));
    }
    let items = TupleObject::of(state).items();
    if items.len() != WORDS + 1 {
        return Err(thread.raise_value_error("state vector is the wrong size"));
    }
    let mut words = [0u32; WORDS];
    for (word, item) in words.iter_mut().zip(items) {
        let number = convert::index(*item, thread)?;
        if int::is_negative(*number) {
            return Err(thread.raise(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR, "can't convert negative value to unsigned int"));
        }
        *word = int::as_u64(*number).unwrap_or(0) as u32;
    }
    let index = convert::as_c_long(items[WORDS], thread)?;
    match usize::try_from(index).ok().and_then(|index| MersenneTwister::from_state(words, index)) {
        Some(generator) => {
            *of(this).generator.lock() = generator;
            Ok(Owned::none())
        }
        None => Err(thread.raise_value_error("invalid state")),
    }
}

fn getrandbits(this: Value, k: Value, thread: &mut Thread) -> PyResult {
    let number = convert::index(k, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    let Some(bits) = int::as_u64(*number).filter(|bits| *bits < 1 << 40) else {
        return Err(thread.raise(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR, "Python int too large to convert to C uint64_t"));
    };
    if bits <= 64 {
        return Ok(int::from_u64(of(this).generator.lock().next_u64(bits as u32)));
    }
    let words = of(this).generator.lock().next_bits(bits);
    Ok(int::from_bigint(&BigInt::from_slice(Sign::Plus, &words)))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; the generator is plain data behind its lock.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.header().cast::<Random>()).generator) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "_random.Random",
    doc: "Random() -> create a random number generator with its own internal state.",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<Random>(),
    slots: &[SlotFn::new(random_new), SlotFn::init(random_init)],
    methods: &[
        method("random", NativeFn::NoArgs(random), "($self, /)", "A float in the interval [0, 1)."),
        method("seed", NativeFn::Bound(seed), "($self, n=None, /)", "Seeds by a number, or by the system."),
        method("getstate", NativeFn::NoArgs(getstate), "($self, /)", "The state as a tuple."),
        method("setstate", NativeFn::One(setstate), "($self, state, /)", "Restores a state that getstate() gave."),
        method("getrandbits", NativeFn::One(getrandbits), "($self, k, /)", "An int with k random bits."),
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

static RANDOM: StaticType = StaticType::new(&SPEC);
