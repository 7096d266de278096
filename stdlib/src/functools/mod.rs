//! The module `_functools`.
mod key_wrapper;
mod lru_cache;
mod partial;
mod placeholder;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_functools", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Tools that operate on functions."));
    module::add_type(this, &placeholder::PLACEHOLDER_TYPE);
    module::add(this, "Placeholder", placeholder::placeholder().to_owned());
    module::add_type(this, &partial::PARTIAL);
    module::add_type(this, &lru_cache::LRU_CACHE);
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method("cmp_to_key", NativeFn::Raw(key_wrapper::cmp_to_key), "($module, /, mycmp)", "A key function that orders as the comparison function mycmp does."),
    method(
        "reduce",
        NativeFn::Bound(reduce),
        "($module, function, iterable, /, initial=<unrepresentable>)",
        "Applies a function of two arguments cumulatively to the items of an iterable, from left to right.\n\nThis reduces the iterable to a single value.  For example, reduce(lambda x, y: x+y, [1, 2, 3, 4, 5])\ncalculates ((((1 + 2) + 3) + 4) + 5). An initial value is placed before the items, and is the result if there are none.",
    ),
];

fn reduce(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (function, iterable) = (args.at(0), args.at(1));
    let iterator = match iterate::iter(iterable, thread) {
        Ok(iterator) => iterator,
        Err(raised) => {
            thread.catch(raised, &exc::TYPE_ERROR)?;
            return Err(thread.raise_type_error("reduce() arg 2 must support iteration"));
        }
    };
    let mut result = args.get(2).map(|initial| initial.to_owned());
    while let Some(item) = iterate::next(*iterator, thread)? {
        result = Some(match result {
            None => item,
            Some(so_far) => call::call(function, &[*so_far, *item], thread)?,
        });
    }
    result.ok_or(()).or_else(|()| Err(thread.raise_type_error("reduce() of empty iterable with no initial value")))
}
