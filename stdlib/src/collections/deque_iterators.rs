//! Iterators over a deque, from either end.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use super::deque::{Deque, is_deque};

#[repr(C)]
struct DequeIterator {
    header: Header,
    deque: Owned,
    changes: u64,
    /// Items that are still to come.
    left: Guarded<usize>,
}

fn of<'a>(value: Value) -> &'a DequeIterator {
    // SAFETY: called for the two types of this file only, which share the layout.
    unsafe { value.as_ref() }
}

fn allocate(ty: &TypeObject, deque: Value) -> Owned {
    let object = Deque::of(deque);
    lifetime::allocate_object(ty, |header| DequeIterator {
        header,
        deque: deque.to_owned(),
        changes: object.changes(),
        left: Guarded::new(object.len()),
    })
}

pub fn new(deque: Value) -> Owned {
    allocate(DEQUE_ITERATOR.get(), deque)
}

pub fn new_reversed(deque: Value) -> Owned {
    allocate(DEQUE_REVERSE_ITERATOR.get(), deque)
}

fn advance(this: Value, backwards: bool, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let this = of(this);
    let deque = Deque::of(*this.deque);
    if deque.changes() != this.changes {
        this.left.with(&this.header, |left| *left = 0);
        return Err(thread.raise(&exc::RUNTIME_ERROR, "deque mutated during iteration"));
    }
    let left = this.left.with(&this.header, |left| {
        let before = *left;
        *left = before.saturating_sub(1);
        before
    });
    if left == 0 {
        return Ok(None);
    }
    let index = if backwards { Some(left - 1) } else { deque.len().checked_sub(left) };
    match index.and_then(|index| deque.get(index)) {
        Some(item) => Ok(Some(item)),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "deque mutated during iteration")),
    }
}

fn next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, false, thread)
}

fn next_back(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    advance(this, true, thread)
}

fn left_of(this: Value) -> usize {
    of(this).left.with(&of(this).header, |left| *left)
}

fn make(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = args.len();
    if n == 0 || n > 2 {
        let (how, s) = if n == 0 { ("least 1", "") } else { ("most 2", "s") };
        return Err(thread.raise_type_error(format!("function takes at {how} argument{s} ({n} given)")));
    }
    let deque = args.at(0);
    if !is_deque(deque) {
        let name = deque.type_object().full_name();
        return Err(thread.raise_type_error(format!("argument 1 must be collections.deque, not {name}")));
    }
    let skip = match args.get(1) {
        Some(skip) => convert::index_as_i64(skip, thread, Some(&exc::OVERFLOW_ERROR))?.max(0) as usize,
        None => 0,
    };
    let made = allocate(TypeObject::of(class), deque);
    of(*made).left.with(&of(*made).header, |left| *left = left.saturating_sub(skip));
    Ok(made)
}

fn iterator_new(class: Value, args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    make(class, args, thread)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(left_of(this)))
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let deque = of(this).deque.clone();
    let done = Deque::of(*deque).len().saturating_sub(left_of(this));
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::pack([deque, Owned::usize(done)])]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<DequeIterator>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*of(value).deque);
}

const METHODS: &[MethodDef] = &[
    method("__length_hint__", NativeFn::NoArgs(length_hint), "($self, /)", "Private method returning an estimate of len(list(it))."),
    method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Return state information for pickling."),
];

static SPEC: TypeSpec = TypeSpec {
    name: "collections._deque_iterator",
    flags: TYPE_GC,
    basic_size: size_of::<DequeIterator>(),
    slots: &[SlotFn::new(iterator_new), SlotFn::iter(self_iter), SlotFn::iternext(next)],
    methods: METHODS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

static REVERSE_SPEC: TypeSpec = TypeSpec {
    name: "collections._deque_reverse_iterator",
    flags: TYPE_GC,
    basic_size: size_of::<DequeIterator>(),
    slots: &[SlotFn::new(iterator_new), SlotFn::iter(self_iter), SlotFn::iternext(next_back)],
    methods: METHODS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

pub static DEQUE_ITERATOR: StaticType = StaticType::new(&SPEC);
pub static DEQUE_REVERSE_ITERATOR: StaticType = StaticType::new(&REVERSE_SPEC);
