//! `accumulate`, `batched`, `chain`, `pairwise`, `starmap`, `zip_longest`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::binary::{self, BinaryOperator};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, compare, convert, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::generic_alias;

use crate::native_type::{expect_arguments, followed, object, references, refuse_keywords, self_iter};

#[repr(C)]
struct Accumulate {
    header: Header,
    iterator: Owned,
    /// None: addition.
    function: Option<Owned>,
    total: Slot,
    initial: Slot,
}

references!(Accumulate: iterator, function, total, initial);

static ACCUMULATE_SIGNATURE: LazySignature = LazySignature::new("(iterable, func=None, *, initial=None)");

fn given(argument: Option<Value>) -> Option<Owned> {
    argument.filter(|argument| !argument.is_none()).map(|argument| argument.to_owned())
}

fn accumulate_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = ACCUMULATE_SIGNATURE.bind("accumulate", args, kwnames, thread)?;
    let args = bound.args();
    let iterator = iterate::iter(args.at(0), thread)?;
    let (function, initial) = (given(args.get(1)), given(args.get(2)));
    Ok(allocate_object(TypeObject::of(class), |header| Accumulate {
        header,
        iterator,
        function,
        total: Slot::empty(),
        initial: Slot::from_option(initial),
    }))
}

fn accumulate_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Accumulate = unsafe { object(this) };
    if this.initial.peek().is_some() {
        if let Some(initial) = this.initial.replace(&this.header, None) {
            drop(this.total.replace(&this.header, Some(initial.clone())));
            return Ok(Some(initial));
        }
    }
    let Some(item) = iterate::next(*this.iterator, thread)? else { return Ok(None) };
    let total = match this.total.load(&this.header) {
        None => item,
        Some(total) => match &this.function {
            None => binary::operate(BinaryOperator::Add, *total, *item, thread)?,
            Some(function) => {
                let result = call::call(**function, &[*total, *item], thread);
                match iterate::stop_to_none(result, thread)? {
                    Some(total) => total,
                    None => return Ok(None),
                }
            }
        },
    };
    if let Some(old) = this.total.replace(&this.header, Some(total.clone())) {
        lifetime::release(old, thread);
    }
    Ok(Some(total))
}

static ACCUMULATE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.accumulate",
    doc: "accumulate(iterable, func=None, *, initial=None)\n--\n\nReturn series of accumulated sums.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(accumulate_new), SlotFn::iter(self_iter), SlotFn::iternext(accumulate_next)],
    ..followed::<Accumulate>()
};
pub static ACCUMULATE: StaticType = StaticType::new(&ACCUMULATE_SPEC);

#[repr(C)]
struct Batched {
    header: Header,
    size: usize,
    strict: bool,
    /// Empty once exhausted.
    iterator: Slot,
}

references!(Batched: iterator);

static BATCHED_SIGNATURE: LazySignature = LazySignature::new("(iterable, n, *, strict=False)");

fn batched_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = BATCHED_SIGNATURE.bind("batched", args, kwnames, thread)?;
    let args = bound.args();
    let size = convert::index_as_i64(args.at(1), thread, Some(&exc::OVERFLOW_ERROR))?;
    let strict = args.get(2).map_or(Ok(false), |strict| compare::truth(strict, thread))?;
    if size < 1 {
        return Err(thread.raise_value_error("n must be at least one"));
    }
    let iterator = iterate::iter(args.at(0), thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| Batched { header, size: size as usize, strict, iterator: Slot::new(iterator) }))
}

fn batched_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Batched = unsafe { object(this) };
    let Some(iterator) = this.iterator.load(&this.header) else { return Ok(None) };
    let mut items = Vec::with_capacity(this.size.min(64));
    while items.len() < this.size {
        match iterate::next(*iterator, thread) {
            Ok(Some(item)) => items.push(item),
            Ok(None) => break,
            Err(raised) => {
                drop(this.iterator.replace(&this.header, None));
                return Err(raised);
            }
        }
    }
    if items.len() < this.size {
        if items.is_empty() {
            drop(this.iterator.replace(&this.header, None));
            return Ok(None);
        }
        if this.strict {
            drop(this.iterator.replace(&this.header, None));
            return Err(thread.raise_value_error("batched(): incomplete batch"));
        }
    }
    Ok(Some(tuple::from_vec(items)))
}

static BATCHED_SPEC: TypeSpec = TypeSpec {
    name: "itertools.batched",
    doc: "batched(iterable, n, *, strict=False)\n--\n\nBatch data into tuples of length n. The last batch may be shorter than n.\n\nIf strict is true, a shorter last batch is a ValueError.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(batched_new), SlotFn::iter(self_iter), SlotFn::iternext(batched_next)],
    ..followed::<Batched>()
};
pub static BATCHED: StaticType = StaticType::new(&BATCHED_SPEC);

#[repr(C)]
struct Chain {
    header: Header,
    /// An iterator over the iterables, empty at the end.
    source: Slot,
    active: Slot,
}

references!(Chain: source, active);

fn new_chain(class: Value, source: Owned) -> Owned {
    allocate_object(TypeObject::of(class), |header| Chain { header, source: Slot::new(source), active: Slot::empty() })
}

fn chain_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &CHAIN, kwnames, thread)?;
    let iterables = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    Ok(new_chain(class, iterate::iter(*iterables, thread)?))
}

fn chain_from_iterable(class: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    Ok(new_chain(class, iterate::iter(iterable, thread)?))
}

fn chain_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Chain = unsafe { object(this) };
    loop {
        let active = match this.active.load(&this.header) {
            Some(active) => active,
            None => {
                let Some(source) = this.source.load(&this.header) else { return Ok(None) };
                let next = match iterate::next(*source, thread) {
                    Ok(Some(iterable)) => iterate::iter(*iterable, thread).map(Some),
                    Ok(None) => Ok(None),
                    Err(raised) => Err(raised),
                };
                match next {
                    Ok(Some(iterator)) => {
                        drop(this.active.replace(&this.header, Some(iterator.clone())));
                        iterator
                    }
                    other => {
                        drop(this.source.replace(&this.header, None));
                        return other;
                    }
                }
            }
        };
        if let Some(item) = iterate::next(*active, thread)? {
            return Ok(Some(item));
        }
        // Another thread may have gone on to the next one already.
        let old = {
            let _guard = this.header.lock_leaf();
            if this.active.peek().is_some_and(|now| now.is(*active)) { this.active.replace_locked(None) } else { None }
        };
        drop(old);
    }
}

static CHAIN_SPEC: TypeSpec = TypeSpec {
    name: "itertools.chain",
    doc: "chain(*iterables)\n--\n\nReturn a chain object whose .__next__() method returns elements from the\nfirst iterable until it is exhausted, then elements from the next\niterable, until all of the iterables are exhausted.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(chain_new), SlotFn::iter(self_iter), SlotFn::iternext(chain_next)],
    methods: &[
        MethodDef { name: "from_iterable", func: NativeFn::One(chain_from_iterable), kind: MethodKind::Class, signature: "($type, iterable, /)", doc: "As chain(), from an iterable of iterables." },
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    ..followed::<Chain>()
};
pub static CHAIN: StaticType = StaticType::new(&CHAIN_SPEC);

#[repr(C)]
struct Pairwise {
    header: Header,
    iterator: Slot,
    old: Slot,
}

references!(Pairwise: iterator, old);

fn pairwise_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &PAIRWISE, kwnames, thread)?;
    expect_arguments("pairwise", args.len(), 1, thread)?;
    let iterator = iterate::iter(args.at(0), thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| Pairwise { header, iterator: Slot::new(iterator), old: Slot::empty() }))
}

fn pairwise_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Pairwise = unsafe { object(this) };
    let Some(iterator) = this.iterator.load(&this.header) else { return Ok(None) };
    let end = |this: &Pairwise| {
        drop(this.iterator.replace(&this.header, None));
        drop(this.old.replace(&this.header, None));
    };
    let old = match this.old.load(&this.header) {
        Some(old) => old,
        None => match iterate::next(*iterator, thread) {
            Ok(Some(first)) => {
                drop(this.old.replace(&this.header, Some(first.clone())));
                // The step may have exhausted this very iterator.
                if this.iterator.peek().is_none() {
                    drop(this.old.replace(&this.header, None));
                    return Ok(None);
                }
                first
            }
            other => {
                end(this);
                return other.map(|_| None);
            }
        },
    };
    match iterate::next(*iterator, thread) {
        Ok(Some(new)) => {
            drop(this.old.replace(&this.header, Some(new.clone())));
            Ok(Some(tuple::pack([old, new])))
        }
        other => {
            end(this);
            other
        }
    }
}

static PAIRWISE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.pairwise",
    doc: "pairwise(iterable, /)\n--\n\nReturn an iterator of overlapping pairs taken from the input iterator.\n\n    s -> (s0,s1), (s1,s2), (s2, s3), ...",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(pairwise_new), SlotFn::iter(self_iter), SlotFn::iternext(pairwise_next)],
    ..followed::<Pairwise>()
};
pub static PAIRWISE: StaticType = StaticType::new(&PAIRWISE_SPEC);

#[repr(C)]
struct Starmap {
    header: Header,
    function: Owned,
    iterator: Owned,
}

references!(Starmap: function, iterator);

fn starmap_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &STARMAP, kwnames, thread)?;
    expect_arguments("starmap", args.len(), 2, thread)?;
    let iterator = iterate::iter(args.at(1), thread)?;
    let function = args.at(0).to_owned();
    Ok(allocate_object(TypeObject::of(class), |header| Starmap { header, function, iterator }))
}

fn starmap_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Starmap = unsafe { object(this) };
    let Some(item) = iterate::next(*this.iterator, thread)? else { return Ok(None) };
    let args = if tuple::is_exact(*item) { item } else { tuple::from_vec(iterate::collect(*item, thread)?) };
    let result = call::call(*this.function, TupleObject::of(*args).items(), thread);
    iterate::stop_to_none(result, thread)
}

static STARMAP_SPEC: TypeSpec = TypeSpec {
    name: "itertools.starmap",
    doc: "starmap(function, iterable, /)\n--\n\nReturn an iterator whose values are returned from the function evaluated with an argument tuple taken from the given sequence.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(starmap_new), SlotFn::iter(self_iter), SlotFn::iternext(starmap_next)],
    ..followed::<Starmap>()
};
pub static STARMAP: StaticType = StaticType::new(&STARMAP_SPEC);

#[repr(C)]
struct ZipLongest {
    header: Header,
    fill: Owned,
    state: Guarded<Longest>,
}

struct Longest {
    /// None where one is exhausted.
    iterators: Vec<Option<Owned>>,
    active: usize,
}

references!(Longest: iterators);
references!(ZipLongest: fill, state);

fn zip_longest_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let mut fill = Owned::none();
    if !kwnames.is_empty() {
        match kwnames.get(0) {
            Some(name) if kwnames.len() == 1 && StrObject::of(name).equals_str("fillvalue") => fill = args.keyword(0).to_owned(),
            _ => return Err(thread.raise_type_error("zip_longest() got an unexpected keyword argument")),
        }
    }
    let mut iterators = Vec::with_capacity(args.len());
    for arg in args.iter() {
        iterators.push(Some(iterate::iter(arg, thread)?));
    }
    let active = iterators.len();
    Ok(allocate_object(TypeObject::of(class), |header| ZipLongest { header, fill, state: Guarded::new(Longest { iterators, active }) }))
}

fn zip_longest_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &ZipLongest = unsafe { object(this) };
    let with = |access: &mut dyn FnMut(&mut Longest)| this.state.with(&this.header, access);
    let (mut n, mut active) = (0, 0);
    with(&mut |state| (n, active) = (state.iterators.len(), state.active));
    if n == 0 || active == 0 {
        return Ok(None);
    }
    let mut row = Vec::with_capacity(n);
    for i in 0..n {
        let mut iterator = None;
        with(&mut |state| iterator = state.iterators[i].clone());
        let Some(iterator) = iterator else {
            row.push(this.fill.clone());
            continue;
        };
        match iterate::next(*iterator, thread) {
            Ok(Some(item)) => row.push(item),
            Ok(None) => {
                let mut old = None;
                with(&mut |state| {
                    old = state.iterators[i].take();
                    if old.is_some() {
                        state.active -= 1;
                    }
                    active = state.active;
                });
                drop(old);
                if active == 0 {
                    return Ok(None);
                }
                row.push(this.fill.clone());
            }
            Err(raised) => {
                with(&mut |state| state.active = 0);
                return Err(raised);
            }
        }
    }
    Ok(Some(tuple::from_vec(row)))
}

static ZIP_LONGEST_SPEC: TypeSpec = TypeSpec {
    name: "itertools.zip_longest",
    doc: "zip_longest(*iterables, fillvalue=None)\n--\n\nReturn a zip_longest object whose .__next__() method returns a tuple of the items of all iterables, until the longest is exhausted; fillvalue stands for what the others lack.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(zip_longest_new), SlotFn::iter(self_iter), SlotFn::iternext(zip_longest_next)],
    ..followed::<ZipLongest>()
};
pub static ZIP_LONGEST: StaticType = StaticType::new(&ZIP_LONGEST_SPEC);
