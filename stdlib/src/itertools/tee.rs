//! `tee`: iterators that read the same source through a chain of blocks.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{expect_arguments, followed, object, references, refuse_keywords, self_iter};

/// Items of a block.
const BLOCK: usize = 57;

#[repr(C)]
struct Data {
    header: Header,
    source: Owned,
    state: Guarded<Block>,
}

#[derive(Default)]
struct Block {
    items: Vec<Owned>,
    next: Option<Owned>,
    /// The source is being asked for the next item.
    is_running: bool,
}

references!(Block: items, next);
references!(Data: source, state);

#[repr(C)]
struct Tee {
    header: Header,
    place: Guarded<Place>,
}

struct Place {
    data: Owned,
    index: usize,
    /// The item at `index` is being fetched.
    is_busy: bool,
}

references!(Place: data);
references!(Tee: place);

fn data_of<'a>(value: Value) -> &'a Data {
    // SAFETY: called for `_tee_dataobject` objects only.
    unsafe { object(value) }
}

fn tee_of<'a>(value: Value) -> &'a Tee {
    // SAFETY: called for `_tee` objects only.
    unsafe { object(value) }
}

impl Data {
    fn with<R>(&self, access: impl FnOnce(&mut Block) -> R) -> R {
        self.state.with(&self.header, access)
    }

    fn cached(&self, index: usize) -> Option<Owned> {
        self.with(|block| block.items.get(index).cloned())
    }

    /// The block behind this one.
    fn following(&self) -> Owned {
        if let Some(next) = self.with(|block| block.next.clone()) {
            return next;
        }
        let mut made = Some(new_data(self.source.clone(), Block::default()));
        // Where another thread was faster, `made` is dropped after the lock.
        self.with(|block| match &block.next {
            Some(next) => next.clone(),
            None => {
                let next = made.take();
                block.next.clone_from(&next);
                next.unwrap_or_else(Owned::none)
            }
        })
    }

    /// Item `index`, from the source if need be.
    fn fetch(&self, index: usize, thread: &mut Thread) -> PyResult<Option<Owned>> {
        enum Found {
            Item(Owned),
            Busy,
            Missing,
        }
        let found = self.with(|block| match block.items.get(index) {
            Some(item) => Found::Item(item.clone()),
            None if block.is_running => Found::Busy,
            None => {
                block.is_running = true;
                Found::Missing
            }
        });
        match found {
            Found::Item(item) => Ok(Some(item)),
            Found::Busy => Err(thread.raise(&exc::RUNTIME_ERROR, "cannot re-enter the tee iterator")),
            Found::Missing => {
                let item = iterate::next(*self.source, thread);
                self.with(|block| {
                    block.is_running = false;
                    if let Ok(Some(item)) = &item {
                        block.items.push(item.clone());
                    }
                });
                item
            }
        }
    }
}

fn new_data(source: Owned, block: Block) -> Owned {
    allocate_object(TEE_DATAOBJECT.get(), |header| Data { header, source, state: Guarded::new(block) })
}

fn new_tee(class: &TypeObject, data: Owned, index: usize) -> Owned {
    allocate_object(class, |header| Tee { header, place: Guarded::new(Place { data, index, is_busy: false }) })
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    let tee = tee_of(this);
    let (data, index) = tee.place.with(&tee.header, |place| (place.data.clone(), place.index));
    Ok(new_tee(this.type_object(), data, index))
}

fn from_iterable(class: &TypeObject, iterable: Value, thread: &mut Thread) -> PyResult {
    let iterator = iterate::iter(iterable, thread)?;
    if iterator.is_pointer() && iterator.is_instance(TEE.get()) {
        return copy(*iterator, thread);
    }
    Ok(new_tee(class, new_data(iterator, Block::default()), 0))
}

fn tee_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &TEE, kwnames, thread)?;
    expect_arguments("_tee", args.len(), 1, thread)?;
    from_iterable(TypeObject::of(class), args.at(0), thread)
}

fn tee_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let tee = tee_of(this);
    let with = |access: &mut dyn FnMut(&mut Place)| tee.place.with(&tee.header, access);
    loop {
        let (mut item, mut is_busy, mut data, mut index) = (None, false, None, 0);
        with(&mut |place| {
            // The block's lock is taken inside the iterator's: always in this order.
            item = data_of(*place.data).cached(place.index);
            if item.is_some() {
                place.index += 1;
                return;
            }
            is_busy = std::mem::replace(&mut place.is_busy, true);
            data = Some(place.data.clone());
            index = place.index;
        });
        let Some(data) = data else { return Ok(item) };
        if is_busy {
            return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot re-enter the tee iterator"));
        }
        if index >= BLOCK {
            let next = data_of(*data).following();
            let mut old = Some(next);
            with(&mut |place| {
                place.is_busy = false;
                if let Some(next) = old.take() {
                    old = Some(std::mem::replace(&mut place.data, next));
                }
                place.index = 0;
            });
            drop(old);
            continue;
        }
        let item = data_of(*data).fetch(index, thread);
        with(&mut |place| {
            place.is_busy = false;
            if matches!(item, Ok(Some(_))) {
                place.index += 1;
            }
        });
        return item;
    }
}

fn data_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    refuse_keywords(class, &TEE_DATAOBJECT, kwnames, thread)?;
    expect_arguments("teedataobject", args.len(), 3, thread)?;
    let (source, values, next) = (args.at(0), args.at(1), args.at(2));
    if !(values.is_pointer() && values.type_has_flag(TYPE_LIST_SUBCLASS)) {
        let name = values.type_object().full_name();
        return Err(thread.raise_type_error(format!("teedataobject() argument 2 must be list, not {name}")));
    }
    let items = ListObject::of(values).to_vec();
    let is_block = next.is_pointer() && next.is_instance(TEE_DATAOBJECT.get());
    let is_valid = match items.len() {
        BLOCK => next.is_none() || is_block,
        n => n < BLOCK && next.is_none(),
    };
    if !is_valid {
        return Err(thread.raise_value_error("Invalid arguments"));
    }
    let next = if next.is_none() { None } else { Some(next.to_owned()) };
    Ok(new_data(source.to_owned(), Block { items, next, is_running: false }))
}

fn tee(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = match args.get(1) {
        Some(n) => convert::index_as_i64(n, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 2,
    };
    if n < 0 {
        return Err(thread.raise_value_error("n must be >= 0"));
    }
    if n == 0 {
        return Ok(tuple::empty());
    }
    let mut made = Vec::new();
    if n > isize::MAX as i64 / 16 || made.try_reserve(n as usize).is_err() {
        return Err(thread.raise_memory_error());
    }
    let first = from_iterable(TEE.get(), args.at(0), thread)?;
    made.push(first.clone());
    for _ in 1..n {
        made.push(copy(*first, thread)?);
    }
    Ok(tuple::from_vec(made))
}

static TEE_SPEC: TypeSpec = TypeSpec {
    name: "itertools._tee",
    doc: "_tee(iterable, /)\n--\n\nIterator wrapped to make it copyable.",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    slots: &[SlotFn::new(tee_new), SlotFn::iter(self_iter), SlotFn::iternext(tee_next)],
    methods: &[method("__copy__", NativeFn::NoArgs(copy), "($self, /)", "Returns an independent iterator.")],
    ..followed::<Tee>()
};
pub static TEE: StaticType = StaticType::new(&TEE_SPEC);

static DATA_SPEC: TypeSpec = TypeSpec {
    name: "itertools._tee_dataobject",
    doc: "teedataobject(iterable, values, next, /)\n\nData container common to multiple tee objects.",
    slots: &[SlotFn::new(data_new)],
    ..followed::<Data>()
};
pub static TEE_DATAOBJECT: StaticType = StaticType::new(&DATA_SPEC);

pub static FUNCTIONS: &[MethodDef] =
    &[method("tee", NativeFn::Bound(tee), "($module, iterable, n=2, /)", "Returns a tuple of n independent iterators.")];
