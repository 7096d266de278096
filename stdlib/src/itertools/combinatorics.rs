//! `product`, `permutations`, `combinations`, `combinations_with_replacement`.
//!
//! Each keeps index numbers into its pools; the lexicographically next numbers are found under the object's lock.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{followed, object, references, self_iter};

/// The layout of all four.
#[repr(C)]
struct Selection {
    header: Header,
    pools: Vec<Vec<Owned>>,
    /// Items of a result.
    r: usize,
    state: Guarded<Indices>,
}

#[derive(Default)]
struct Indices {
    /// Which item of the pool stands at each place; for permutations of the whole pool.
    places: Vec<usize>,
    /// For permutations: how many choices are left at each place.
    cycles: Vec<usize>,
    has_started: bool,
    is_over: bool,
}

references!(Selection: pools);

/// A vector of so many numbers, or MemoryError.
fn numbers(n: usize, number: impl Fn(usize) -> usize, thread: &mut Thread) -> PyResult<Vec<usize>> {
    let mut made = Vec::new();
    if n > isize::MAX as usize / 16 || made.try_reserve_exact(n).is_err() {
        return Err(thread.raise_memory_error());
    }
    made.extend((0..n).map(number));
    Ok(made)
}

fn make(class: Value, pools: Vec<Vec<Owned>>, r: usize, indices: Indices) -> Owned {
    allocate_object(TypeObject::of(class), |header| Selection { header, pools, r, state: Guarded::new(indices) })
}

/// One step: `advance` moves the places on and says whether there is another result; the first needs no step.
fn next(this: Value, advance: fn(&Selection, &mut Indices) -> bool) -> Option<Owned> {
    // SAFETY: called for the four types of this file, which share the layout.
    let selection: &Selection = unsafe { object(this) };
    let items = selection.state.with(&selection.header, |indices| {
        if indices.is_over {
            return None;
        }
        if indices.has_started && !advance(selection, indices) {
            indices.is_over = true;
            return None;
        }
        indices.has_started = true;
        let pool = |place: usize| selection.pools.get(if selection.pools.len() == 1 { 0 } else { place });
        let items = indices.places.iter().take(selection.r).enumerate();
        items.map(|(place, &index)| pool(place)?.get(index).cloned()).collect::<Option<Vec<Owned>>>()
    })?;
    Some(tuple::from_vec(items))
}

fn sizeof(this: Value, fields: usize) -> PyResult {
    // SAFETY: called for the four types of this file, which share the layout.
    let selection: &Selection = unsafe { object(this) };
    let n = selection.state.with(&selection.header, |indices| indices.places.len() + indices.cycles.len());
    Ok(Owned::usize((2 + fields + n) * 8))
}

static R_SIGNATURE: LazySignature = LazySignature::new("(iterable, r)");

/// The pool and `r` of a combination.
fn pool_and_r(name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<(Vec<Owned>, usize)> {
    let given = args.len() + kwnames.len();
    if given > 2 {
        return Err(thread.raise_type_error(format!("{name}() takes at most 2 arguments ({given} given)")));
    }
    let bound = R_SIGNATURE.bind(name, args, kwnames, thread)?;
    let r = convert::index_as_i64(bound.args().at(1), thread, Some(&exc::OVERFLOW_ERROR))?;
    let pool = iterate::collect(bound.args().at(0), thread)?;
    match usize::try_from(r) {
        Ok(r) => Ok((pool, r)),
        Err(_) => Err(thread.raise_value_error("r must be non-negative")),
    }
}

fn combinations_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let (pool, r) = pool_and_r("combinations", args, kwnames, thread)?;
    let indices = Indices { places: numbers(r, |i| i, thread)?, is_over: r > pool.len(), ..Indices::default() };
    Ok(make(class, vec![pool], r, indices))
}

fn advance_combination(selection: &Selection, indices: &mut Indices) -> bool {
    let (n, r) = (selection.pools.first().map_or(0, Vec::len), selection.r);
    let places = &mut indices.places;
    // The rightmost place that is not at its last item.
    let Some(i) = (0..r).rev().find(|&i| places[i] != i + n - r) else { return false };
    places[i] += 1;
    for j in i + 1..r {
        places[j] = places[j - 1] + 1;
    }
    true
}

fn combinations_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next(this, advance_combination))
}

fn combinations_sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    sizeof(this, 5)
}

static COMBINATIONS_SPEC: TypeSpec = TypeSpec {
    name: "itertools.combinations",
    doc: "combinations(iterable, r)\n--\n\nReturn successive r-length combinations of elements in the iterable.\n\ncombinations(range(4), 3) --> (0,1,2), (0,1,3), (0,2,3), (1,2,3)",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(combinations_new), SlotFn::iter(self_iter), SlotFn::iternext(combinations_next)],
    methods: &[method("__sizeof__", NativeFn::NoArgs(combinations_sizeof), "($self, /)", "Returns size in memory, in bytes.")],
    ..followed::<Selection>()
};
pub static COMBINATIONS: StaticType = StaticType::new(&COMBINATIONS_SPEC);

fn with_replacement_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let (pool, r) = pool_and_r("combinations_with_replacement", args, kwnames, thread)?;
    let indices = Indices { places: numbers(r, |_| 0, thread)?, is_over: pool.is_empty() && r > 0, ..Indices::default() };
    Ok(make(class, vec![pool], r, indices))
}

fn advance_with_replacement(selection: &Selection, indices: &mut Indices) -> bool {
    let n = selection.pools.first().map_or(0, Vec::len);
    let places = &mut indices.places;
    let Some(i) = places.iter().rposition(|&place| place + 1 != n) else { return false };
    let next = places[i] + 1;
    places[i..].fill(next);
    true
}

fn with_replacement_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next(this, advance_with_replacement))
}

static WITH_REPLACEMENT_SPEC: TypeSpec = TypeSpec {
    name: "itertools.combinations_with_replacement",
    doc: "combinations_with_replacement(iterable, r)\n--\n\nReturn successive r-length combinations of elements in the iterable allowing individual elements to have successive repeats.\n\ncombinations_with_replacement('ABC', 2) --> ('A','A'), ('A','B'), ('A','C'), ('B','B'), ('B','C'), ('C','C')",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(with_replacement_new), SlotFn::iter(self_iter), SlotFn::iternext(with_replacement_next)],
    methods: &[method("__sizeof__", NativeFn::NoArgs(combinations_sizeof), "($self, /)", "Returns size in memory, in bytes.")],
    ..followed::<Selection>()
};
pub static COMBINATIONS_WITH_REPLACEMENT: StaticType = StaticType::new(&WITH_REPLACEMENT_SPEC);

static PERMUTATIONS_SIGNATURE: LazySignature = LazySignature::new("(iterable, r=None)");

fn permutations_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let given = args.len() + kwnames.len();
    if given > 2 {
        return Err(thread.raise_type_error(format!("permutations() takes at most 2 arguments ({given} given)")));
    }
    let bound = PERMUTATIONS_SIGNATURE.bind("permutations", args, kwnames, thread)?;
    let pool = iterate::collect(bound.args().at(0), thread)?;
    let n = pool.len();
    let r = match bound.args().get(1).filter(|r| !r.is_none()) {
        None => n as i64,
        Some(r) if !convert::is_int(r) => return Err(thread.raise_type_error("Expected int as r")),
        Some(r) => convert::index_as_i64(r, thread, Some(&exc::OVERFLOW_ERROR))?,
    };
    let Ok(r) = usize::try_from(r) else { return Err(thread.raise_value_error("r must be non-negative")) };
    let places = numbers(n, |i| i, thread)?;
    let cycles = numbers(r, |i| n.wrapping_sub(i), thread)?;
    Ok(make(class, vec![pool], r, Indices { places, cycles, has_started: false, is_over: r > n }))
}

fn advance_permutation(selection: &Selection, indices: &mut Indices) -> bool {
    let (places, cycles) = (&mut indices.places, &mut indices.cycles);
    let n = places.len();
    for i in (0..selection.r).rev() {
        cycles[i] -= 1;
        if cycles[i] == 0 {
            // All choices for this place are through: back to where it started.
            places[i..].rotate_left(1);
            cycles[i] = n - i;
        } else {
            let j = n - cycles[i];
            places.swap(i, j);
            return true;
        }
    }
    false
}

fn permutations_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next(this, advance_permutation))
}

fn permutations_sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    sizeof(this, 6)
}

static PERMUTATIONS_SPEC: TypeSpec = TypeSpec {
    name: "itertools.permutations",
    doc: "permutations(iterable, r=None)\n--\n\nReturn successive r-length permutations of elements in the iterable.\n\npermutations(range(3), 2) --> (0,1), (0,2), (1,0), (1,2), (2,0), (2,1)",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(permutations_new), SlotFn::iter(self_iter), SlotFn::iternext(permutations_next)],
    methods: &[method("__sizeof__", NativeFn::NoArgs(permutations_sizeof), "($self, /)", "Returns size in memory, in bytes.")],
    ..followed::<Selection>()
};
pub static PERMUTATIONS: StaticType = StaticType::new(&PERMUTATIONS_SPEC);

fn product_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let mut repeat = 1;
    for i in 0..kwnames.len() {
        let Some(name) = kwnames.get(i) else { break };
        if !StrObject::of(name).equals_str("repeat") {
            let name = StrObject::of(name).to_string_lossy();
            return Err(thread.raise_type_error(format!("product() got an unexpected keyword argument '{name}'")));
        }
        repeat = convert::index_as_i64(args.keyword(i), thread, Some(&exc::OVERFLOW_ERROR))?;
        if repeat < 0 {
            return Err(thread.raise_value_error("repeat argument cannot be negative"));
        }
    }
    let n = if repeat == 0 { 0 } else { args.len() };
    let Some(r) = n.checked_mul(repeat as usize).filter(|r| *r <= isize::MAX as usize) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "repeat argument too large"));
    };
    let places = numbers(r, |_| 0, thread)?;
    let mut pools: Vec<Vec<Owned>> = Vec::new();
    if pools.try_reserve_exact(r).is_err() {
        return Err(thread.raise_memory_error());
    }
    for arg in args.take(n).iter() {
        pools.push(iterate::collect(arg, thread)?);
    }
    for i in 0..r - n {
        let pool = pools[i].clone();
        pools.push(pool);
    }
    let is_over = pools.iter().any(Vec::is_empty);
    Ok(make(class, pools, r, Indices { places, is_over, ..Indices::default() }))
}

fn advance_product(selection: &Selection, indices: &mut Indices) -> bool {
    for (place, pool) in indices.places.iter_mut().zip(&selection.pools).rev() {
        *place += 1;
        if *place < pool.len() {
            return true;
        }
        *place = 0;
    }
    false
}

fn product_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(next(this, advance_product))
}

fn product_sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    sizeof(this, 4)
}

static PRODUCT_SPEC: TypeSpec = TypeSpec {
    name: "itertools.product",
    doc: "product(*iterables, repeat=1)\n--\n\nCartesian product of input iterables.  Equivalent to nested for-loops.\n\nFor example, product(A, B) returns the same as:  ((x,y) for x in A for y in B).\nThe leftmost iterators are in the outermost for-loop, so the output tuples\ncycle in a manner similar to an odometer (with the rightmost element changing\non every iteration).\n\nTo compute the product of an iterable with itself, specify the number\nof repetitions with the optional repeat keyword argument. For example,\nproduct(A, repeat=4) means the same as product(A, A, A, A).",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(product_new), SlotFn::iter(self_iter), SlotFn::iternext(product_next)],
    methods: &[method("__sizeof__", NativeFn::NoArgs(product_sizeof), "($self, /)", "Returns size in memory, in bytes.")],
    ..followed::<Selection>()
};
pub static PRODUCT: StaticType = StaticType::new(&PRODUCT_SPEC);
