//! `count`, `cycle`, `repeat`.

use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::binary::{self, BinaryOperator};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::sync::{AtomicI64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{COMPLEX, StaticType};
use pyrt_runtime::types::int;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{References, expect_arguments, followed, object, references, refuse_keywords, self_iter};

/// Where a count is: a machine int as long as the step is 1, then an object.
enum Position {
    Small(i64),
    Object(Owned),
}

impl References for Position {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        if let Position::Object(value) = self {
            visit(**value);
        }
    }
}

#[repr(C)]
struct Count {
    header: Header,
    position: Guarded<Position>,
    step: Owned,
}

references!(Count: position, step);

static COUNT_SIGNATURE: LazySignature = LazySignature::new("(start=0, step=1)");

fn is_number(value: Value) -> bool {
    let slots = &value.type_object().slots;
    slots.index.raw() != 0 || slots.int.raw() != 0 || slots.float.raw() != 0 || value.is_instance(COMPLEX.get())
}

fn count_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = COUNT_SIGNATURE.bind("count", args, kwnames, thread)?;
    let (start, step) = (bound.args().get(0), bound.args().get(1));
    if start.is_some_and(|start| !is_number(start)) || step.is_some_and(|step| !is_number(step)) {
        return Err(thread.raise_type_error("a number is required"));
    }
    let steps_by_one = step.is_none_or(|step| convert::is_int(step) && int::as_i64(step) == Some(1));
    let position = match start {
        None if steps_by_one => Position::Small(0),
        None => Position::Object(Owned::int(0)),
        Some(start) => match int::as_i64(start) {
            Some(small) if steps_by_one && convert::is_int(start) => Position::Small(small),
            _ => Position::Object(start.to_owned()),
        },
    };
    let step = step.map_or_else(|| Owned::int(1), |step| step.to_owned());
    Ok(allocate_object(TypeObject::of(class), |header| Count { header, position: Guarded::new(position), step }))
}

fn count_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Count = unsafe { object(this) };
    loop {
        let now = this.position.with(&this.header, |position| match position {
            Position::Small(number) => {
                let now = *number;
                match now.checked_add(1) {
                    Some(next) => *position = Position::Small(next),
                    None => *position = Position::Object(int::from_bigint(&(num_bigint::BigInt::from(now) + 1))),
                }
                Ok(now)
            }
            Position::Object(value) => Err(value.clone()),
        });
        let now = match now {
            Ok(number) => return Ok(Some(Owned::int(number))),
            Err(now) => now,
        };
        let next = binary::operate(BinaryOperator::Add, *now, *this.step, thread)?;
        // Another thread may have stepped on while the sum was made: then this step does not count.
        let old = this.position.with(&this.header, |position| match position {
            Position::Object(value) if value.bits() == now.bits() => Some(std::mem::replace(value, next)),
            _ => None,
        });
        if old.is_some() {
            return Ok(Some(now));
        }
    }
}

fn count_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    // SAFETY: `self` of this type.
    let this: &Count = unsafe { object(this) };
    let now = this.position.with(&this.header, |position| match position {
        Position::Small(number) => Owned::int(*number),
        Position::Object(value) => value.clone(),
    });
    let now = convert::repr_text(*now, thread)?;
    if convert::is_int(*this.step) && int::as_i64(*this.step) == Some(1) {
        return Ok(Owned::str(&format!("{name}({now})")));
    }
    let step = convert::repr_text(*this.step, thread)?;
    Ok(Owned::str(&format!("{name}({now}, {step})")))
}

static COUNT_SPEC: TypeSpec = TypeSpec {
    name: "itertools.count",
    doc: "count(start=0, step=1)\n--\n\nReturn a count object whose .__next__() method returns consecutive values.\n\nEquivalent to:\n    def count(firstval=0, step=1):\n        x = firstval\n        while 1:\n            yield x\n            x += step",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(count_new), SlotFn::repr(count_repr), SlotFn::iter(self_iter), SlotFn::iternext(count_next)],
    ..followed::<Count>()
};
pub static COUNT: StaticType = StaticType::new(&COUNT_SPEC);

#[repr(C)]
struct Cycle {
    header: Header,
    /// Empty once the first round is over.
    iterator: Slot,
    saved: Guarded<Saved>,
}

struct Saved {
    items: Vec<Owned>,
    next: usize,
}

references!(Saved: items);
references!(Cycle: iterator, saved);

fn cycle_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &CYCLE, kwnames, thread)?;
    expect_arguments("cycle", args.len(), 1, thread)?;
    let iterator = iterate::iter(args.at(0), thread)?;
    let saved = Guarded::new(Saved { items: Vec::new(), next: 0 });
    Ok(allocate_object(TypeObject::of(class), |header| Cycle { header, iterator: Slot::new(iterator), saved }))
}

fn cycle_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Cycle = unsafe { object(this) };
    if let Some(iterator) = this.iterator.load(&this.header) {
        if let Some(item) = iterate::next(*iterator, thread)? {
            this.saved.with(&this.header, |saved| saved.items.push(item.clone()));
            return Ok(Some(item));
        }
        drop(this.iterator.replace(&this.header, None));
    }
    Ok(this.saved.with(&this.header, |saved| {
        let item = saved.items.get(saved.next)?.clone();
        saved.next = if saved.next + 1 >= saved.items.len() { 0 } else { saved.next + 1 };
        Some(item)
    }))
}

static CYCLE_SPEC: TypeSpec = TypeSpec {
    name: "itertools.cycle",
    doc: "cycle(iterable, /)\n--\n\nReturn elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(cycle_new), SlotFn::iter(self_iter), SlotFn::iternext(cycle_next)],
    ..followed::<Cycle>()
};
pub static CYCLE: StaticType = StaticType::new(&CYCLE_SPEC);

#[repr(C)]
struct Repeat {
    header: Header,
    element: Owned,
    /// How often it is still to come; negative: for ever.
    left: AtomicI64,
}

references!(Repeat: element);

static REPEAT_SIGNATURE: LazySignature = LazySignature::new("(object, times=None)");

fn repeat_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let given = args.len() + kwnames.len();
    if given > 2 {
        return Err(thread.raise_type_error(format!("repeat() takes at most 2 arguments ({given} given)")));
    }
    let bound = REPEAT_SIGNATURE.bind("repeat", args, kwnames, thread)?;
    let left = match bound.args().get(1) {
        Some(times) => convert::index_as_i64(times, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR))?.max(0),
        None => -1,
    };
    let element = bound.args().at(0).to_owned();
    Ok(allocate_object(TypeObject::of(class), |header| Repeat { header, element, left: AtomicI64::new(left) }))
}

fn repeat_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Repeat = unsafe { object(this) };
    // Relaxed: the number guards nothing but itself.
    let counted = this.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
        0 => None,
        left if left < 0 => Some(left),
        left => Some(left - 1),
    });
    Ok(counted.is_ok().then(|| this.element.clone()))
}

fn repeat_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    // SAFETY: `self` of this type.
    let this: &Repeat = unsafe { object(this) };
    let element = convert::repr_text(*this.element, thread)?;
    let left = this.left.load(Ordering::Relaxed);
    Ok(Owned::str(&if left < 0 { format!("{name}({element})") } else { format!("{name}({element}, {left})") }))
}

fn repeat_length_hint(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: `self` of this type.
    let this: &Repeat = unsafe { object(this) };
    match this.left.load(Ordering::Relaxed) {
        left if left < 0 => Err(thread.raise_type_error("len() of unsized object")),
        left => Ok(Owned::int(left)),
    }
}

static REPEAT_SPEC: TypeSpec = TypeSpec {
    name: "itertools.repeat",
    doc: "repeat(object [,times]) -> create an iterator which returns the object\nfor the specified number of times.  If not specified, returns the object\nendlessly.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(repeat_new), SlotFn::repr(repeat_repr), SlotFn::iter(self_iter), SlotFn::iternext(repeat_next)],
    methods: &[method("__length_hint__", NativeFn::NoArgs(repeat_length_hint), "($self, /)", "Private method returning an estimate of len(list(it)).")],
    ..followed::<Repeat>()
};
pub static REPEAT: StaticType = StaticType::new(&REPEAT_SPEC);
