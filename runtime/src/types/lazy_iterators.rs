//! `map`, `filter` and `zip`.
//!
//! Their fields never change but for `strict`; what threads that share one see is decided by the iterators inside.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{call, compare, iterate};
use crate::sync::{AtomicBool, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FILTER, shapes};
use crate::types::iterators::self_iter;
use crate::types::string::StrObject;
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::leaves_keywords_to_init;
use crate::types::type_object::*;

/// The layout of `map` (with a function) and `zip` (with None in its place).
#[repr(C)]
struct Parallel {
    header: Header,
    function: Owned,
    iterators: Owned,
    strict: AtomicBool,
}

fn of<'a>(value: Value) -> &'a Parallel {
    // SAFETY: called for `map` and `zip` objects only.
    unsafe { value.as_ref() }
}

impl Parallel {
    fn iterators(&self) -> &[Value] {
        TupleObject::of(*self.iterators).items()
    }

    fn is_strict(&self) -> bool {
        self.strict.load(Ordering::Relaxed)
    }
}

/// The `strict` keyword, the only one there is.
fn strict_argument(name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<bool> {
    if kwnames.len() > 1 {
        let n = kwnames.len();
        return Err(thread.raise_type_error(format!("{name}() takes at most 1 keyword argument ({n} given)")));
    }
    match kwnames.get(0) {
        None => Ok(false),
        Some(key) if StrObject::of(key).equals_str("strict") => compare::truth(args.keyword(0), thread),
        Some(key) => {
            let text = StrObject::of(key).to_string_lossy();
            Err(thread.raise_type_error(format!("{name}() got an unexpected keyword argument '{text}'")))
        }
    }
}

fn iterators_of(iterables: Args<'_>, thread: &mut Thread) -> PyResult {
    let mut iterators = Vec::with_capacity(iterables.len());
    for iterable in iterables.iter() {
        iterators.push(iterate::iter(iterable, thread)?);
    }
    Ok(tuple::from_vec(iterators))
}

fn new_parallel(class: Value, function: Owned, iterators: Owned, strict: bool) -> Owned {
    lifetime::allocate_object(TypeObject::of(class), |header| Parallel { header, function, iterators, strict: AtomicBool::new(strict) })
}

/// One item of each iterator; none as soon as one has no more.
fn next_row(this: &Parallel, name: &str, thread: &mut Thread) -> PyResult<Option<smallvec::SmallVec<[Owned; 4]>>> {
    let iterators = this.iterators();
    let mut row = smallvec::SmallVec::with_capacity(iterators.len());
    for (i, iterator) in iterators.iter().enumerate() {
        match iterate::next(*iterator, thread)? {
            Some(item) => row.push(item),
            None => {
                if this.is_strict() {
                    check_lengths(this, name, i, thread)?;
                }
                return Ok(None);
            }
        }
    }
    Ok(if iterators.is_empty() { None } else { Some(row) })
}

/// Argument `i` has ended first: an error unless all others end too.
fn check_lengths(this: &Parallel, name: &str, i: usize, thread: &mut Thread) -> PyResult<()> {
    let complain = |i: usize, how: &str, thread: &mut Thread| {
        let others = if i == 1 { "argument 1".to_string() } else { format!("arguments 1-{i}") };
        thread.raise_value_error(format!("{name}() argument {} is {how} than {others}", i + 1))
    };
    if i > 0 {
        return Err(complain(i, "shorter", thread));
    }
    for (i, iterator) in this.iterators().iter().enumerate().skip(1) {
        if iterate::next(*iterator, thread)?.is_some() {
            return Err(complain(i, "longer", thread));
        }
    }
    Ok(())
}

fn map_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let strict = strict_argument("map", args, kwnames, thread)?;
    if args.len() < 2 {
        return Err(thread.raise_type_error("map() must have at least two arguments."));
    }
    let iterators = iterators_of(args.from(1), thread)?;
    Ok(new_parallel(class, args.at(0).to_owned(), iterators, strict))
}

fn map_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = of(this);
    if let [iterator] = this.iterators() {
        let Some(item) = iterate::next(*iterator, thread)? else { return Ok(None) };
        let result = call::call(*this.function, &[*item], thread);
        return iterate::stop_to_none(result, thread);
    }
    let Some(row) = next_row(this, "map", thread)? else { return Ok(None) };
    let result = call::call_args(*this.function, Args::from_owned(&row), KwNames::NONE, thread);
    iterate::stop_to_none(result, thread)
}

fn with_strict(mut parts: Vec<Owned>, strict: bool) -> Owned {
    if strict {
        parts.push(Owned::true_());
    }
    tuple::from_vec(parts)
}

fn map_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = of(this);
    let mut items = vec![object.function.clone()];
    items.extend(object.iterators().iter().map(|iterator| iterator.to_owned()));
    Ok(with_strict(vec![this.type_object().value().to_owned(), tuple::from_vec(items)], object.is_strict()))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let strict = compare::truth(state, thread)?;
    of(this).strict.store(strict, Ordering::Relaxed);
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Parallel>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let this = of(value);
    visit(*this.function);
    visit(*this.iterators);
}

pub static MAP_SPEC: TypeSpec = TypeSpec {
    name: "map",
    doc: "map(function, iterable, /, *iterables, strict=False)\n--\n\nMake an iterator that computes the function using arguments from\neach of the iterables.  Stops when the shortest iterable is exhausted.\n\nIf strict is true and one of the arguments is exhausted before the others,\nraise a ValueError.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Parallel>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(map_next), SlotFn::new(map_new)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(map_reduce), "($self, /)", "Return state information for pickling."),
        method("__setstate__", NativeFn::One(setstate), "($self, object, /)", "Set state information for unpickling."),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

fn zip_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let strict = strict_argument("zip", args, kwnames, thread)?;
    let iterators = iterators_of(args, thread)?;
    Ok(new_parallel(class, Owned::none(), iterators, strict))
}

fn zip_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let object = of(this);
    if let [first, second] = *object.iterators() {
        // The usual case, without a vector.
        if let Some(left) = iterate::next(first, thread)? {
            if let Some(right) = iterate::next(second, thread)? {
                return Ok(Some(tuple::pack([left, right])));
            }
            if object.is_strict() {
                check_lengths(object, "zip", 1, thread)?;
            }
            return Ok(None);
        }
        if object.is_strict() {
            check_lengths(object, "zip", 0, thread)?;
        }
        return Ok(None);
    }
    Ok(next_row(object, "zip", thread)?.map(tuple::from_row))
}

fn zip_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = of(this);
    Ok(with_strict(vec![this.type_object().value().to_owned(), object.iterators.clone()], object.is_strict()))
}

pub static ZIP_SPEC: TypeSpec = TypeSpec {
    name: "zip",
    doc: "zip(*iterables, strict=False)\n--\n\nThe zip object yields n-length tuples, where n is the number of iterables\npassed as positional arguments to zip().  The i-th element in every tuple\ncomes from the i-th iterable argument to zip().  This continues until the\nshortest argument is exhausted.\n\nIf strict is true and one of the arguments is exhausted before the others,\nraise a ValueError.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Parallel>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(zip_next), SlotFn::new(zip_new)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(zip_reduce), "($self, /)", "Return state information for pickling."),
        method("__setstate__", NativeFn::One(setstate), "($self, object, /)", "Set state information for unpickling."),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct Filter {
    header: Header,
    function: Owned,
    iterator: Owned,
}

fn filter_of<'a>(value: Value) -> &'a Filter {
    // SAFETY: called for `filter` objects only.
    unsafe { value.as_ref() }
}

fn filter_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    if !kwnames.is_empty() && !leaves_keywords_to_init(ty, FILTER.get()) {
        return Err(thread.raise_type_error("filter() takes no keyword arguments"));
    }
    if args.len() != 2 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("filter expected 2 arguments, got {n}")));
    }
    let iterator = iterate::iter(args.at(1), thread)?;
    Ok(lifetime::allocate_object(ty, |header| Filter { header, function: args.at(0).to_owned(), iterator }))
}

fn filter_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = filter_of(this);
    // None and bool select by truth; calling bool would do the same, more slowly.
    let by_truth = this.function.is_none() || (this.function.has_shape(shapes::TYPE) && this.function.is(crate::types::builtin_types::BOOL.get().value()));
    while let Some(item) = iterate::next(*this.iterator, thread)? {
        let chosen = if by_truth {
            compare::truth(*item, thread)?
        } else {
            let result = call::call(*this.function, &[*item], thread);
            let Some(verdict) = iterate::stop_to_none(result, thread)? else { return Ok(None) };
            compare::truth(*verdict, thread)?
        };
        if chosen {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn filter_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = filter_of(this);
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([object.function.clone(), object.iterator.clone()])]))
}

unsafe fn filter_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Filter>()) };
}

unsafe fn filter_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let this = filter_of(value);
    visit(*this.function);
    visit(*this.iterator);
}

pub static FILTER_SPEC: TypeSpec = TypeSpec {
    name: "filter",
    doc: "filter(function, iterable, /)\n--\n\nReturn an iterator yielding those items of iterable for which function(item)\nis true. If function is None, return the items that are true.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Filter>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(filter_next), SlotFn::new(filter_new)],
    methods: &[method("__reduce__", NativeFn::NoArgs(filter_reduce), "($self, /)", "Return state information for pickling.")],
    dealloc: Some(filter_dealloc),
    traverse: Some(filter_traverse),
    ..TypeSpec::DEFAULT
};
