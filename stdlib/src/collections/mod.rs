//! The module `_collections`.
mod default_dict;
mod deque;
mod deque_iterators;
mod ordered_dict;
mod ordered_dict_views;
mod tuple_getter;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::binary::{self, BinaryOperator};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, iterate, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::DICT;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub use deque::DEQUE;
pub use ordered_dict::ORDERED_DICT;

pub const MODULE: NativeModule = NativeModule { name: "_collections", initialize };

const DOC: &str = "High performance data structures.
- deque:        ordered collection accessible from endpoints only
- defaultdict:  dict subclass with a default value factory
";

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    for ty in [
        &deque::DEQUE,
        &default_dict::DEFAULT_DICT,
        &ordered_dict::ORDERED_DICT,
        &deque_iterators::DEQUE_ITERATOR,
        &deque_iterators::DEQUE_REVERSE_ITERATOR,
        &tuple_getter::TUPLE_GETTER,
    ] {
        module::add_type(this, ty);
    }
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[method(
    "_count_elements",
    NativeFn::Bound(count_elements),
    "($module, mapping, iterable, /)",
    "Adds one to mapping[item] for each item of the iterable.",
)];

/// Whether the class of a dict uses `dict`'s own `get` and `__setitem__`, so that nothing can see the short cut.
fn counts_plainly(mapping: Value, thread: &mut Thread) -> bool {
    if !dict::is_dict(mapping) {
        return false;
    }
    let (ty, plain) = (mapping.type_object(), DICT.get());
    if std::ptr::eq(ty, plain) {
        return true;
    }
    let same = |name: Value, thread: &mut Thread| match (attribute::lookup_type(ty, name, thread), attribute::lookup_type(plain, name, thread)) {
        (Some(own), Some(plain)) => own.is(*plain),
        _ => false,
    };
    let names = pyrt_runtime::names::names();
    same(names.get, thread) && same(names.__setitem__, thread)
}

fn count_elements(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let mapping = args.at(0);
    let iterator = iterate::iter(args.at(1), thread)?;
    let one = Owned::int(1);
    if counts_plainly(mapping, thread) {
        let counts = DictObject::of(mapping);
        while let Some(item) = iterate::next(*iterator, thread)? {
            let hash = dict::hash_key(*item, thread)?;
            let count = match counts.get_hashed(*item, hash, thread)? {
                Some(count) => binary::operate(BinaryOperator::Add, *count, *one, thread)?,
                None => one.clone(),
            };
            counts.set_hashed(*item, hash, count, thread)?;
            lifetime::release(item, thread);
        }
        return Ok(Owned::none());
    }
    let zero = Owned::int(0);
    let get = attribute::get(mapping, pyrt_runtime::names::names().get, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        let count = call::call(*get, &[*item, *zero], thread)?;
        let count = binary::operate(BinaryOperator::Add, *count, *one, thread)?;
        subscript::set_item(mapping, *item, *count, thread)?;
    }
    Ok(Owned::none())
}

/// `key` and `value` of a pair, with the messages of `MutableMapping.update`.
fn unpack_pair(pair: Value, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let iterator = iterate::iter(pair, thread)?;
    let mut parts = [None, None];
    for (i, part) in parts.iter_mut().enumerate() {
        *part = iterate::next(*iterator, thread)?;
        if part.is_none() {
            let s = if i == 1 { "" } else { "s" };
            return Err(thread.raise_value_error(format!("need more than {i} value{s} to unpack")));
        }
    }
    if iterate::next(*iterator, thread)?.is_some() {
        return Err(thread.raise_value_error("too many values to unpack (expected 2)"));
    }
    match parts {
        [Some(key), Some(value)] => Ok((key, value)),
        _ => Err(thread.raise(&exc::SYSTEM_ERROR, "a part of a pair is missing")),
    }
}
