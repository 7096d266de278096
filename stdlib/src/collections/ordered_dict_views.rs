//! The views and the iterator of `OrderedDict`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::iterate;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::{AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{DICT_ITEMS, DICT_KEYS, DICT_VALUES, StaticType};
use pyrt_runtime::types::dict::{DictObject, raise_key_error, views};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{list, string, tuple};

use super::ordered_dict::expected_count;

/// What an iterator gives.
pub const KEYS: u8 = 1;
pub const VALUES: u8 = 2;
pub const BACKWARDS: u8 = 4;

#[repr(C)]
struct OrderedDictIterator {
    header: Header,
    /// Empty once exhausted.
    dict: Slot,
    /// Where the next entry is looked for; moved by compare-exchange.
    position: AtomicUsize,
    /// Entries given so far.
    given: AtomicUsize,
    size: usize,
    changes: u32,
    kind: u8,
}

fn of<'a>(value: Value) -> &'a OrderedDictIterator {
    // SAFETY: called for `odict_iterator` objects only.
    unsafe { value.as_ref() }
}

pub fn new_iterator(dict: Value, kind: u8) -> Owned {
    let object = DictObject::of(dict);
    let start = if kind & BACKWARDS != 0 { object.end_position() } else { 0 };
    lifetime::allocate_object(ITERATOR.get(), |header| OrderedDictIterator {
        header,
        dict: Slot::new(dict.to_owned()),
        position: AtomicUsize::new(start),
        given: AtomicUsize::new(0),
        size: expected_count(dict),
        changes: object.changes(),
        kind,
    })
}

pub fn new_keys(dict: Value) -> Owned {
    views::new_of_type(&ORDERED_KEYS, dict)
}

pub fn new_values(dict: Value) -> Owned {
    views::new_of_type(&ORDERED_VALUES, dict)
}

pub fn new_items(dict: Value) -> Owned {
    views::new_of_type(&ORDERED_ITEMS, dict)
}

fn next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(dict) = iterator.dict.load(&iterator.header) else { return Ok(None) };
    let object = DictObject::of(*dict);
    let finish = || drop(iterator.dict.replace(&iterator.header, None));
    if iterator.given.load(Ordering::Relaxed) >= iterator.size {
        finish();
        return Ok(None);
    }
    let entry = loop {
        if object.changes() != iterator.changes {
            finish();
            return Err(thread.raise(&exc::RUNTIME_ERROR, "OrderedDict mutated during iteration"));
        }
        let start = iterator.position.load(Ordering::Relaxed);
        let mut position = start;
        let found = if iterator.kind & BACKWARDS != 0 { object.previous_entry(&mut position) } else { object.next_entry(&mut position) };
        let Some(entry) = found else {
            // Keys have been taken away by `dict`'s own methods.
            finish();
            return Err(raise_key_error(Value::none(), thread));
        };
        // Relaxed: the position guards nothing but itself.
        if iterator.position.compare_exchange(start, position, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            iterator.given.fetch_add(1, Ordering::Relaxed);
            break entry;
        }
    };
    let mut entry = entry;
    if iterator.kind & VALUES != 0 && !string::is_exact(*entry.key) {
        // Looked up once more, as CPython does: a key whose hash has changed is not found.
        match object.get(*entry.key, thread)? {
            Some(value) => entry.value = value,
            None => return Err(raise_key_error(*entry.key, thread)),
        }
    }
    Ok(Some(match iterator.kind & (KEYS | VALUES) {
        KEYS => entry.key,
        VALUES => entry.value,
        _ => tuple::pack([entry.key, entry.value]),
    }))
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    let rest = match iterator.dict.load(&iterator.header) {
        Some(dict) => {
            let copy = lifetime::allocate_object(ITERATOR.get(), |header| OrderedDictIterator {
                header,
                dict: Slot::new(dict),
                position: AtomicUsize::new(iterator.position.load(Ordering::Relaxed)),
                given: AtomicUsize::new(iterator.given.load(Ordering::Relaxed)),
                size: iterator.size,
                changes: iterator.changes,
                kind: iterator.kind,
            });
            list::from_vec(iterate::collect(*copy, thread)?)
        }
        None => list::new(),
    };
    let function = thread.interpreter.builtin(*pyrt_runtime::names::interned("iter")).unwrap_or_else(Owned::none);
    Ok(tuple::pack([function, tuple::pack([rest])]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<OrderedDictIterator>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(dict) = of(value).dict.peek() {
        visit(dict);
    }
}

static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "odict_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<OrderedDictIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(next)],
    methods: &[method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "Return state information for pickling")],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

static ITERATOR: StaticType = StaticType::new(&ITERATOR_SPEC);

macro_rules! view {
    ($spec:ident $ty:ident $name:literal $base:ident $kind:expr, $iter:ident $reversed:ident) => {
        fn $iter(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(new_iterator(views::dict_of(this), $kind))
        }

        fn $reversed(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(new_iterator(views::dict_of(this), $kind | BACKWARDS))
        }

        static $spec: TypeSpec = TypeSpec {
            name: $name,
            base: Some(&$base),
            flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
            slots: &[SlotFn::iter($iter)],
            methods: &[method("__reversed__", NativeFn::NoArgs($reversed), "($self, /)", "An iterator from the last to the first.")],
            ..TypeSpec::DEFAULT
        };

        static $ty: StaticType = StaticType::new(&$spec);
    };
}

view!(KEYS_SPEC ORDERED_KEYS "odict_keys" DICT_KEYS KEYS, keys_iter keys_reversed);
view!(VALUES_SPEC ORDERED_VALUES "odict_values" DICT_VALUES VALUES, values_iter values_reversed);
view!(ITEMS_SPEC ORDERED_ITEMS "odict_items" DICT_ITEMS KEYS | VALUES, items_iter items_reversed);
