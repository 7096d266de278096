//! `FutureIter`: what awaiting a future iterates over. It gives the future once, and ends with its result.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::exceptions::object as exception_object;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::generator;
use pyrt_runtime::types::type_object::*;

use super::future::{self, Status};
use crate::native_type::{followed, object, references, self_iter};

#[repr(C)]
struct FutureIterator {
    header: Header,
    /// Empty at the end.
    future: Slot,
}

references!(FutureIterator: future);

fn of<'a>(value: Value) -> &'a FutureIterator {
    // SAFETY: called for objects of the type only.
    unsafe { object(value) }
}

pub fn new(future: Value) -> Owned {
    allocate_object(FUTURE_ITERATOR.get(), |header| FutureIterator { header, future: Slot::new(future.to_owned()) })
}

fn next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = of(this);
    let Some(held) = iterator.future.load(&iterator.header) else {
        thread.set_iteration_result(None);
        return Ok(None);
    };
    let (status, was_blocking) = future::of(*held).with(|state| {
        let was = state.is_blocking;
        if state.status == Status::Pending {
            state.is_blocking = true;
        }
        (state.status, was)
    });
    if status == Status::Pending {
        if was_blocking {
            return Err(thread.raise(&exc::RUNTIME_ERROR, "await wasn't used with future"));
        }
        return Ok(Some(held));
    }
    drop(iterator.future.replace(&iterator.header, None));
    let result = future::result(*held, thread)?;
    thread.set_iteration_result(if result.is_none() { None } else { Some(result) });
    Ok(None)
}

fn send(this: Value, _value: Value, thread: &mut Thread) -> PyResult {
    match next(this, thread)? {
        Some(future) => Ok(future),
        None => {
            let result = thread.take_iteration_result();
            Err(thread.raise_stop_iteration(if result.is_none() { None } else { Some(result) }))
        }
    }
}

fn throw(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("FutureIter.throw() takes no keyword arguments"));
    }
    crate::native_type::expect_between("throw", args.len(), 1, 3, thread)?;
    if args.len() > 1 {
        let message = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        pyrt_runtime::builtins::warn(&exc::DEPRECATION_WARNING, message, 1, thread)?;
    }
    let class = args.at(0);
    if args.get(2).is_some_and(|traceback| !traceback.is_none() && !traceback.has_shape(shapes::TRACEBACK)) {
        return Err(thread.raise_type_error("throw() third argument must be a traceback"));
    }
    if !exception_object::is_exception_class(class) && !exception_object::is_exception(class) {
        return Err(thread.raise_type_error("exceptions must be classes deriving BaseException or instances of such a class"));
    }
    generator::prepare_throw(class, args.get(1), args.get(2), thread)?;
    let iterator = of(this);
    drop(iterator.future.replace(&iterator.header, None));
    match thread.take_exception() {
        Some(exception) => Err(thread.reraise(exception)),
        None => Ok(Owned::none()),
    }
}

fn close(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = of(this);
    drop(iterator.future.replace(&iterator.header, None));
    Ok(Owned::none())
}

unsafe fn clear(value: Value) {
    let iterator = of(value);
    drop(iterator.future.replace(&iterator.header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_asyncio.FutureIter",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(next)],
    methods: &[
        method("send", NativeFn::One(send), "($self, object, /)", ""),
        method("throw", NativeFn::Raw(throw), "-($self, /, *args)", ""),
        method("close", NativeFn::NoArgs(close), "($self, /)", ""),
    ],
    clear: Some(clear),
    ..followed::<FutureIterator>()
};

static FUTURE_ITERATOR: StaticType = StaticType::new(&SPEC);
