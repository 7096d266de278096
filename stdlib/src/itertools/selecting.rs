//! `compress`, `dropwhile`, `filterfalse`, `islice`, `takewhile`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{call, compare, convert, iterate};
use pyrt_runtime::sync::{AtomicBool, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{BOOL, StaticType};
use pyrt_runtime::types::type_object::*;

use crate::native_type::{expect_arguments, followed, object, references, refuse_keywords, self_iter};

#[repr(C)]
struct Compress {
    header: Header,
    data: Owned,
    selectors: Owned,
}

references!(Compress: data, selectors);

static COMPRESS_SIGNATURE: LazySignature = LazySignature::new("(data, selectors)");

fn compress_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = COMPRESS_SIGNATURE.bind("compress", args, kwnames, thread)?;
    let data = iterate::iter(bound.args().at(0), thread)?;
    let selectors = iterate::iter(bound.args().at(1), thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| Compress { header, data, selectors }))
}

fn compress_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Compress = unsafe { object(this) };
    loop {
        let Some(item) = iterate::next(*this.data, thread)? else { return Ok(None) };
        let Some(selector) = iterate::next(*this.selectors, thread)? else { return Ok(None) };
        if compare::truth(*selector, thread)? {
            return Ok(Some(item));
        }
    }
}

static COMPRESS_SPEC: TypeSpec = TypeSpec {
    name: "itertools.compress",
    doc: "compress(data, selectors)\n--\n\nReturn data elements corresponding to true selector elements.\n\nForms a shorter iterator from selected data elements using the selectors to\nchoose the data elements.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(compress_new), SlotFn::iter(self_iter), SlotFn::iternext(compress_next)],
    ..followed::<Compress>()
};
pub static COMPRESS: StaticType = StaticType::new(&COMPRESS_SPEC);

/// The layout of `dropwhile`, `takewhile` and `filterfalse`.
#[repr(C)]
struct Chooser {
    header: Header,
    predicate: Owned,
    iterator: Owned,
    /// dropwhile: the predicate has failed; takewhile: the iteration is over.
    is_over: AtomicBool,
}

references!(Chooser: predicate, iterator);

fn new_chooser(class: Value, base: &StaticType, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, base, kwnames, thread)?;
    expect_arguments(&base.get().name(), args.len(), 2, thread)?;
    let iterator = iterate::iter(args.at(1), thread)?;
    let predicate = args.at(0).to_owned();
    Ok(allocate_object(TypeObject::of(class), |header| Chooser { header, predicate, iterator, is_over: AtomicBool::new(false) }))
}

fn dropwhile_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    new_chooser(class, &DROPWHILE, args, kwnames, thread)
}

fn takewhile_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    new_chooser(class, &TAKEWHILE, args, kwnames, thread)
}

fn filterfalse_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    new_chooser(class, &FILTERFALSE, args, kwnames, thread)
}

/// What the predicate says; none if it raised StopIteration.
fn ask(predicate: Value, item: Value, thread: &mut Thread) -> PyResult<Option<bool>> {
    let result = call::call(predicate, &[item], thread);
    match iterate::stop_to_none(result, thread)? {
        Some(verdict) => compare::truth(*verdict, thread).map(Some),
        None => Ok(None),
    }
}

fn dropwhile_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Chooser = unsafe { object(this) };
    while let Some(item) = iterate::next(*this.iterator, thread)? {
        if this.is_over.load(Ordering::Relaxed) {
            return Ok(Some(item));
        }
        match ask(*this.predicate, *item, thread)? {
            Some(true) => {}
            Some(false) => {
                this.is_over.store(true, Ordering::Relaxed);
                return Ok(Some(item));
            }
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn takewhile_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Chooser = unsafe { object(this) };
    if this.is_over.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let Some(item) = iterate::next(*this.iterator, thread)? else { return Ok(None) };
    match ask(*this.predicate, *item, thread)? {
        Some(true) => Ok(Some(item)),
        Some(false) => {
            this.is_over.store(true, Ordering::Relaxed);
            Ok(None)
        }
        None => Ok(None),
    }
}

fn filterfalse_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Chooser = unsafe { object(this) };
    let by_truth = this.predicate.is_none() || this.predicate.is(BOOL.get().value());
    while let Some(item) = iterate::next(*this.iterator, thread)? {
        let chosen = if by_truth {
            compare::truth(*item, thread)?
        } else {
            match ask(*this.predicate, *item, thread)? {
                Some(chosen) => chosen,
                None => return Ok(None),
            }
        };
        if !chosen {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

static DROPWHILE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.dropwhile",
    doc: "dropwhile(predicate, iterable, /)\n--\n\nDrop items from the iterable while predicate(item) is true.\n\nAfterwards, return every element until the iterable is exhausted.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(dropwhile_new), SlotFn::iter(self_iter), SlotFn::iternext(dropwhile_next)],
    ..followed::<Chooser>()
};
pub static DROPWHILE: StaticType = StaticType::new(&DROPWHILE_SPEC);

static TAKEWHILE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.takewhile",
    doc: "takewhile(predicate, iterable, /)\n--\n\nReturn successive entries from an iterable as long as the predicate evaluates to true for each entry.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(takewhile_new), SlotFn::iter(self_iter), SlotFn::iternext(takewhile_next)],
    ..followed::<Chooser>()
};
pub static TAKEWHILE: StaticType = StaticType::new(&TAKEWHILE_SPEC);

static FILTERFALSE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.filterfalse",
    doc: "filterfalse(function, iterable, /)\n--\n\nReturn those items of iterable for which function(item) is false.\n\nIf function is None, return the items that are false.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(filterfalse_new), SlotFn::iter(self_iter), SlotFn::iternext(filterfalse_next)],
    ..followed::<Chooser>()
};
pub static FILTERFALSE: StaticType = StaticType::new(&FILTERFALSE_SPEC);

#[repr(C)]
struct ISlice {
    header: Header,
    /// Empty once exhausted.
    iterator: Slot,
    step: i64,
    /// -1: no end.
    stop: i64,
    position: Guarded<SlicePosition>,
}

#[derive(Clone, Copy)]
struct SlicePosition {
    /// Items taken so far.
    taken: i64,
    /// Index of the next item to be given.
    next: i64,
}

references!(ISlice: iterator);

/// A bound as a number; none for an error, which is cleared.
fn bound_of(value: Value, thread: &mut Thread) -> PyResult<Option<i64>> {
    match convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR)) {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            drop(thread.take_exception());
            Ok(None)
        }
    }
}

fn islice_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &ISLICE, kwnames, thread)?;
    let n = args.len();
    if !(2..=4).contains(&n) {
        let (how, wanted) = if n < 2 { ("least", 2) } else { ("most", 4) };
        return Err(thread.raise_type_error(format!("islice expected at {how} {wanted} arguments, got {n}")));
    }
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    let stop_error = "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
    let (start, stop) = if n == 2 { (None, given(1)) } else { (given(1), given(2)) };
    let stop = match stop {
        None => -1,
        Some(stop) => match bound_of(stop, thread)? {
            None | Some(-1) => return Err(thread.raise_value_error(stop_error)),
            Some(stop) => stop,
        },
    };
    let start = match start {
        None => 0,
        Some(start) => bound_of(start, thread)?.unwrap_or(-1),
    };
    if start < 0 || stop < -1 {
        return Err(thread.raise_value_error("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize."));
    }
    let step = match given(3) {
        None => 1,
        Some(step) => bound_of(step, thread)?.unwrap_or(-1),
    };
    if step < 1 {
        return Err(thread.raise_value_error("Step for islice() must be a positive integer or None."));
    }
    let iterator = iterate::iter(args.at(0), thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| ISlice {
        header,
        iterator: Slot::new(iterator),
        step,
        stop,
        position: Guarded::new(SlicePosition { taken: 0, next: start }),
    }))
}

fn islice_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &ISlice = unsafe { object(this) };
    let Some(iterator) = this.iterator.load(&this.header) else { return Ok(None) };
    // Each round claims one index of the source before it takes the item, so that threads do not exceed the end.
    loop {
        let claimed = this.position.with(&this.header, |position| {
            if position.taken >= position.next && this.stop != -1 && position.taken >= this.stop {
                return None;
            }
            let is_wanted = position.taken >= position.next;
            position.taken = position.taken.saturating_add(1);
            if is_wanted {
                let next = position.next.checked_add(this.step).unwrap_or(i64::MAX);
                position.next = if this.stop != -1 && next > this.stop { this.stop } else { next };
            }
            Some(is_wanted)
        });
        let item = match claimed {
            Some(is_wanted) => iterate::next(*iterator, thread).map(|item| item.map(|item| (item, is_wanted))),
            None => Ok(None),
        };
        match item {
            Ok(Some((item, true))) => return Ok(Some(item)),
            Ok(Some((_, false))) => {}
            other => {
                drop(this.iterator.replace(&this.header, None));
                return other.map(|_| None);
            }
        }
    }
}

static ISLICE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.islice",
    doc: "islice(iterable, stop) --> islice object\nislice(iterable, start, stop[, step]) --> islice object\n\nReturn an iterator whose next() method returns selected values from an\niterable, by the rules of slices, but without negative numbers.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(islice_new), SlotFn::iter(self_iter), SlotFn::iternext(islice_next)],
    ..followed::<ISlice>()
};
pub static ISLICE: StaticType = StaticType::new(&ISLICE_SPEC);
