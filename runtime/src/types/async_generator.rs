//! Asynchronous generators (PEP 525): what `asend`, `athrow`, `aclose` and `__anext__` give to be awaited.
//!
//! | state of an awaitable | meaning |
//! |---|---|
//! | Init | nothing has been asked of it |
//! | Iter | it drives the generator |
//! | Closed | it has given its result and cannot be used again |

use crate::exceptions::exc;
use crate::interp::ops::generator::awaitable_iter;
use crate::interp::resume::{self, Sent};
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, PyResult, Raised, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, iterate};
use crate::sync::{AtomicU8, Ordering};
use crate::threads::thread_state::{self, Thread};
use crate::types::builtin_types::{ASYNC_GENERATOR_WRAPPED_VALUE, StaticType, shapes};
use crate::types::generator::{self, GeneratorObject, State};
use crate::types::string::StrObject;
use crate::types::type_object::*;

#[repr(C)]
pub struct WrappedValue {
    header: Header,
    pub value: Owned,
}

/// What `yield value` in an asynchronous generator gives to its driver: told apart from values of inner awaits.
pub fn wrap_value(value: Value) -> Owned {
    lifetime::allocate_object(ASYNC_GENERATOR_WRAPPED_VALUE.get(), |header| WrappedValue { header, value: value.to_owned() })
}

/// The value that a wrapped one holds.
fn unwrapped(value: Value) -> Option<Owned> {
    // SAFETY: the shape says so.
    value.has_shape(shapes::ASYNC_GENERATOR_WRAPPED_VALUE).then(|| unsafe { value.as_ref::<WrappedValue>() }.value.clone())
}

/// The generator's hooks have been told of it.
const HOOKS_INITIALIZED: u8 = 1;
/// It has been closed, or has ended.
const CLOSED: u8 = 2;
/// One of its awaitables is at work.
const RUNNING: u8 = 4;

fn has(generator: &GeneratorObject, flag: u8) -> bool {
    generator.async_flags.load(Ordering::Acquire) & flag != 0
}

fn set(generator: &GeneratorObject, flag: u8, on: bool) {
    if !(FREE_THREADED && thread_state::has_other_threads()) {
        // Relaxed: no other thread runs meanwhile.
        let flags = generator.async_flags.load(Ordering::Relaxed);
        generator.async_flags.store(if on { flags | flag } else { flags & !flag }, Ordering::Relaxed);
    } else if on {
        generator.async_flags.fetch_or(flag, Ordering::AcqRel);
    } else {
        generator.async_flags.fetch_and(!flag, Ordering::AcqRel);
    }
}

/// Tells the thread's hooks about a generator that is iterated for the first time.
fn initialize_hooks(this: Value, thread: &mut Thread) -> PyResult<()> {
    let generator = GeneratorObject::of_any(this);
    if has(generator, HOOKS_INITIALIZED) || generator.async_flags.fetch_or(HOOKS_INITIALIZED, Ordering::AcqRel) & HOOKS_INITIALIZED != 0 {
        return Ok(());
    }
    if let Some(finalizer) = thread.asyncgen_finalizer.clone() {
        drop(generator.origin.replace(generator.header(), Some(finalizer)));
    }
    if let Some(first) = thread.asyncgen_firstiter.clone() {
        call::call(*first, &[this], thread)?;
    }
    Ok(())
}

/// What came out of the generator: a value of an inner await goes on to the driver, a yielded one is the result.
enum Step {
    Pending(Owned),
    Result(Owned),
}

fn stop_async_iteration(thread: &mut Thread) -> Raised {
    let stop = crate::exceptions::make(&exc::STOP_ASYNC_ITERATION, Vec::new());
    thread.raise_exception(stop)
}

/// `gen.send(value)`, with the end as StopAsyncIteration.
fn send_to(this: Value, value: Owned, thread: &mut Thread) -> PyResult {
    match resume::send(this, value, thread)? {
        Sent::Yielded(value) => Ok(value),
        Sent::Returned(_) => Err(stop_async_iteration(thread)),
    }
}

/// Throws the thread's exception, with the end as StopAsyncIteration.
fn throw_into(this: Value, thread: &mut Thread) -> PyResult {
    match generator::throw_current(this, thread)? {
        Sent::Yielded(value) => Ok(value),
        Sent::Returned(_) => Err(stop_async_iteration(thread)),
    }
}

fn unwrap(this: Value, result: PyResult, thread: &mut Thread) -> PyResult<Step> {
    let object = GeneratorObject::of_any(this);
    match result {
        Ok(value) => Ok(match unwrapped(*value) {
            Some(value) => {
                set(object, RUNNING, false);
                Step::Result(value)
            }
            None => Step::Pending(value),
        }),
        Err(raised) => {
            if thread.exception_matches(&exc::STOP_ASYNC_ITERATION) || thread.exception_matches(&exc::GENERATOR_EXIT) {
                set(object, CLOSED, true);
            }
            set(object, RUNNING, false);
            Err(raised)
        }
    }
}

const INIT: u8 = 0;
const ITER: u8 = 1;
const DONE: u8 = 2;

/// `async_generator_asend` and `async_generator_athrow`.
#[repr(C)]
struct AwaitableObject {
    header: Header,
    generator: Owned,
    /// The value to send, or the arguments of `athrow` as a tuple; empty for `aclose`.
    argument: Option<Owned>,
    state: AtomicU8,
}

fn of<'a>(value: Value) -> &'a AwaitableObject {
    // SAFETY: called for the two types only.
    unsafe { value.as_ref() }
}

impl AwaitableObject {
    fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    fn set_state(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }

    fn is_aclose(&self) -> bool {
        self.argument.is_none()
    }
}

fn make(ty: &'static StaticType, generator: Value, argument: Option<Owned>) -> Owned {
    lifetime::allocate_object(ty.get(), |header| AwaitableObject { header, generator: generator.to_owned(), argument, state: AtomicU8::new(INIT) })
}

fn async_generator_aiter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn async_generator_anext(this: Value, thread: &mut Thread) -> PyResult {
    initialize_hooks(this, thread)?;
    Ok(make(&ASEND, this, Some(Owned::none())))
}

fn asend(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    initialize_hooks(this, thread)?;
    Ok(make(&ASEND, this, Some(value.to_owned())))
}

fn athrow(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("async_generator.athrow() takes no keyword arguments"));
    }
    let n = args.len();
    if n > 1 {
        let message = "the (type, exc, tb) signature of athrow() is deprecated, use the single-arg signature instead.";
        crate::builtins::warn(&exc::DEPRECATION_WARNING, message, 1, thread)?;
    }
    initialize_hooks(this, thread)?;
    let values: Vec<Value> = args.iter().collect();
    Ok(make(&ATHROW, this, Some(crate::types::tuple::from_values(&values))))
}

fn aclose(this: Value, thread: &mut Thread) -> PyResult {
    initialize_hooks(this, thread)?;
    Ok(make(&ATHROW, this, None))
}

fn async_generator_finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let object = GeneratorObject::of_any(this);
    if object.state() == State::Finished {
        return Ok(());
    }
    if let Some(finalizer) = object.origin.load(object.header()).filter(|_| !has(object, CLOSED)) {
        return call::call(*finalizer, &[this], thread).map(drop);
    }
    if object.state() == State::Suspended {
        generator::close(this, thread)?;
    }
    Ok(())
}

fn already_running(awaitable: &AwaitableObject, what: &str, thread: &mut Thread) -> Raised {
    awaitable.set_state(DONE);
    thread.raise(&exc::RUNTIME_ERROR, format!("{what}(): asynchronous generator is already running"))
}

const REUSED_ASEND: &str = "cannot reuse already awaited __anext__()/asend()";
const REUSED_ATHROW: &str = "cannot reuse already awaited aclose()/athrow()";

/// Ends an awaitable that has given its result or failed.
fn settle(awaitable: &AwaitableObject, result: PyResult<Step>) -> PyResult<Step> {
    if !matches!(result, Ok(Step::Pending(_))) {
        awaitable.set_state(DONE);
    }
    result
}

fn asend_step(this: Value, value: Value, thread: &mut Thread) -> PyResult<Step> {
    let awaitable = of(this);
    let generator = GeneratorObject::of_any(*awaitable.generator);
    let mut value = value.to_owned();
    match awaitable.state() {
        DONE => return Err(thread.raise(&exc::RUNTIME_ERROR, REUSED_ASEND)),
        INIT => {
            if has(generator, RUNNING) {
                return Err(already_running(awaitable, "anext", thread));
            }
            if value.is_none() {
                value = awaitable.argument.clone().unwrap_or_else(Owned::none);
            }
            awaitable.set_state(ITER);
        }
        _ => {}
    }
    set(generator, RUNNING, true);
    let result = send_to(*awaitable.generator, value, thread);
    let result = unwrap(*awaitable.generator, result, thread);
    settle(awaitable, result)
}

/// Throws the thread's exception into what an `asend` drives.
fn asend_throw_step(this: Value, thread: &mut Thread) -> PyResult<Step> {
    let awaitable = of(this);
    let generator = GeneratorObject::of_any(*awaitable.generator);
    match awaitable.state() {
        DONE => {
            drop(thread.take_exception());
            return Err(thread.raise(&exc::RUNTIME_ERROR, REUSED_ASEND));
        }
        INIT => {
            if has(generator, RUNNING) {
                drop(thread.take_exception());
                return Err(already_running(awaitable, "anext", thread));
            }
            awaitable.set_state(ITER);
            set(generator, RUNNING, true);
        }
        _ => {}
    }
    let result = throw_into(*awaitable.generator, thread);
    let result = unwrap(*awaitable.generator, result, thread);
    settle(awaitable, result)
}

/// The end of an `aclose` or `athrow` by an exception: `aclose` takes the two that mean success.
fn check_error(awaitable: &AwaitableObject, raised: Raised, thread: &mut Thread) -> PyResult<Step> {
    set(GeneratorObject::of_any(*awaitable.generator), RUNNING, false);
    awaitable.set_state(DONE);
    let is_end = thread.exception_matches(&exc::STOP_ASYNC_ITERATION) || thread.exception_matches(&exc::GENERATOR_EXIT);
    if is_end && awaitable.is_aclose() {
        drop(thread.take_exception());
        return Ok(Step::Result(Owned::none()));
    }
    Err(raised)
}

fn ignored_exit(awaitable: &AwaitableObject, thread: &mut Thread) -> Raised {
    set(GeneratorObject::of_any(*awaitable.generator), RUNNING, false);
    awaitable.set_state(DONE);
    thread.raise(&exc::RUNTIME_ERROR, "async generator ignored GeneratorExit")
}

/// What a generator gave to an `aclose` or `athrow`.
fn athrow_result(awaitable: &AwaitableObject, result: PyResult, thread: &mut Thread) -> PyResult<Step> {
    if !awaitable.is_aclose() {
        return match unwrap(*awaitable.generator, result, thread) {
            Ok(Step::Pending(value)) => Ok(Step::Pending(value)),
            Ok(Step::Result(value)) => {
                awaitable.set_state(DONE);
                Ok(Step::Result(value))
            }
            Err(raised) => check_error(awaitable, raised, thread),
        };
    }
    match result {
        Ok(value) if value.has_shape(shapes::ASYNC_GENERATOR_WRAPPED_VALUE) => Err(ignored_exit(awaitable, thread)),
        Ok(value) => Ok(Step::Pending(value)),
        Err(raised) => check_error(awaitable, raised, thread),
    }
}

fn athrow_step(this: Value, value: Value, thread: &mut Thread) -> PyResult<Step> {
    let awaitable = of(this);
    let generator = GeneratorObject::of_any(*awaitable.generator);
    if awaitable.state() == DONE {
        return Err(thread.raise(&exc::RUNTIME_ERROR, REUSED_ATHROW));
    }
    if generator.state() == State::Finished {
        awaitable.set_state(DONE);
        return Ok(Step::Result(Owned::none()));
    }
    if awaitable.state() == ITER {
        let result = send_to(*awaitable.generator, value.to_owned(), thread);
        return athrow_result(awaitable, result, thread);
    }
    if has(generator, RUNNING) {
        return Err(already_running(awaitable, if awaitable.is_aclose() { "aclose" } else { "athrow" }, thread));
    }
    if has(generator, CLOSED) {
        awaitable.set_state(DONE);
        return Err(stop_async_iteration(thread));
    }
    if !value.is_none() {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "can't send non-None value to a just-started coroutine"));
    }
    awaitable.set_state(ITER);
    set(generator, RUNNING, true);
    let prepared = match &awaitable.argument {
        None => {
            set(generator, CLOSED, true);
            generator::prepare_throw(exc::GENERATOR_EXIT.get().value(), None, None, thread)
        }
        Some(arguments) => {
            let items = crate::types::tuple::TupleObject::of(**arguments).items();
            let at = |i: usize| items.get(i).copied();
            match at(0) {
                Some(class) => generator::prepare_throw(class, at(1), at(2), thread),
                None => Err(thread.raise_type_error("athrow expected at least 1 argument, got 0")),
            }
        }
    };
    let result = prepared.and_then(|()| throw_into(*awaitable.generator, thread));
    athrow_result(awaitable, result, thread)
}

/// Throws the thread's exception into what an `athrow` or `aclose` drives.
fn athrow_throw_step(this: Value, thread: &mut Thread) -> PyResult<Step> {
    let awaitable = of(this);
    let generator = GeneratorObject::of_any(*awaitable.generator);
    match awaitable.state() {
        DONE => {
            drop(thread.take_exception());
            return Err(thread.raise(&exc::RUNTIME_ERROR, REUSED_ATHROW));
        }
        INIT => {
            if has(generator, RUNNING) {
                drop(thread.take_exception());
                return Err(already_running(awaitable, if awaitable.is_aclose() { "aclose" } else { "athrow" }, thread));
            }
            awaitable.set_state(ITER);
            set(generator, RUNNING, true);
        }
        _ => {}
    }
    let result = throw_into(*awaitable.generator, thread);
    athrow_result(awaitable, result, thread)
}

type Stepper = fn(Value, Value, &mut Thread) -> PyResult<Step>;
type Thrower = fn(Value, &mut Thread) -> PyResult<Step>;

fn steppers(this: Value) -> (Stepper, Thrower) {
    if std::ptr::eq(this.type_object(), ASEND.get()) { (asend_step, asend_throw_step) } else { (athrow_step, athrow_throw_step) }
}

fn awaitable_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match steppers(this).0(this, Value::none(), thread)? {
        Step::Pending(value) => Ok(Some(value)),
        Step::Result(value) => {
            thread.set_iteration_result(if value.is_none() { None } else { Some(value) });
            Ok(None)
        }
    }
}

fn finish(step: Step, thread: &mut Thread) -> PyResult {
    match step {
        Step::Pending(value) => Ok(value),
        Step::Result(value) => Err(thread.raise_stop_iteration(if value.is_none() { None } else { Some(value) })),
    }
}

fn awaitable_send(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let step = steppers(this).0(this, value, thread)?;
    finish(step, thread)
}

fn awaitable_throw(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let n = args.len();
    if !kwnames.is_empty() || n == 0 || n > 3 {
        return Err(thread.raise_type_error(format!("throw expected at {} argument{}, got {n}", if n == 0 { "least 1" } else { "most 3" }, if n == 0 { "" } else { "s" })));
    }
    if n > 1 {
        let message = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        crate::builtins::warn(&exc::DEPRECATION_WARNING, message, 1, thread)?;
    }
    generator::prepare_throw(args.at(0), args.get(1), args.get(2), thread)?;
    let step = steppers(this).1(this, thread)?;
    finish(step, thread)
}

fn awaitable_close(this: Value, thread: &mut Thread) -> PyResult {
    if of(this).state() == DONE {
        return Ok(Owned::none());
    }
    generator::prepare_throw(exc::GENERATOR_EXIT.get().value(), None, None, thread)?;
    match steppers(this).1(this, thread) {
        Ok(Step::Pending(_)) => Err(thread.raise(&exc::RUNTIME_ERROR, "coroutine ignored GeneratorExit")),
        Ok(Step::Result(_)) => Ok(Owned::none()),
        Err(raised) => {
            if [&exc::STOP_ITERATION, &exc::STOP_ASYNC_ITERATION, &exc::GENERATOR_EXIT].iter().any(|class| thread.exception_matches(class)) {
                drop(thread.take_exception());
                return Ok(Owned::none());
            }
            Err(raised)
        }
    }
}

/// Whether the awaitable has been used: only one that was not is warned of.
fn awaitable_at_rest(this: Value) -> bool {
    of(this).state() != INIT
}

fn awaitable_finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let awaitable = of(this);
    if awaitable.state() != INIT {
        return Ok(());
    }
    let method = match (std::ptr::eq(this.type_object(), ASEND.get()), awaitable.is_aclose()) {
        (true, _) => "asend",
        (false, true) => "aclose",
        (false, false) => "athrow",
    };
    let object = GeneratorObject::of_any(*awaitable.generator);
    let name = object.qualname.load(object.header()).map_or_else(String::new, |name| StrObject::of(*name).to_string_lossy());
    crate::builtins::warn(&exc::RUNTIME_WARNING, &format!("coroutine method '{method}' of '{name}' was never awaited"), 1, thread)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn get_running(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(has(GeneratorObject::of_any(this), RUNNING)))
}

unsafe fn wrapped_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<WrappedValue>()) };
}

unsafe fn wrapped_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a wrapped value.
    visit(*unsafe { value.as_ref::<WrappedValue>() }.value);
}

unsafe fn awaitable_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<AwaitableObject>()) };
}

unsafe fn awaitable_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let awaitable = of(value);
    visit(*awaitable.generator);
    if let Some(argument) = &awaitable.argument {
        visit(**argument);
    }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "async_generator",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: generator::GENERATOR_SPEC.basic_size,
    slots: &[
        SlotFn::repr(generator::async_generator_repr),
        SlotFn::aiter(async_generator_aiter),
        SlotFn::anext(async_generator_anext),
        SlotFn::finalize(async_generator_finalize),
    ],
    methods: &[
        method("asend", NativeFn::One(asend), "-($self, value, /)", "asend(v) -> send 'v' in generator."),
        method("athrow", NativeFn::Raw(athrow), "-($self, /, *args)", "Raises an exception in the generator, and gives the next value."),
        method("aclose", NativeFn::NoArgs(aclose), "-($self)", "aclose() -> raise GeneratorExit inside generator."),
        generator::SIZEOF,
        generator::CLASS_GETITEM,
    ],
    getsets: &[
        generator::NAME,
        generator::QUALNAME,
        GetSetDef { name: "ag_running", get: get_running, set: None, doc: "" },
        GetSetDef { name: "ag_await", get: generator::get_delegate, set: None, doc: "object being awaited on, or None" },
        GetSetDef { name: "ag_frame", get: generator::get_frame, set: None, doc: "" },
        GetSetDef { name: "ag_code", get: generator::get_code, set: None, doc: "" },
        GetSetDef { name: "ag_suspended", get: generator::get_suspended, set: None, doc: "" },
    ],
    dealloc: Some(generator::dealloc),
    traverse: Some(generator::traverse),
    at_rest: Some(generator::is_finished),
    ..TypeSpec::DEFAULT
};

pub static WRAPPED_VALUE_SPEC: TypeSpec = TypeSpec {
    name: "async_generator_wrapped_value",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<WrappedValue>(),
    dealloc: Some(wrapped_dealloc),
    traverse: Some(wrapped_traverse),
    ..TypeSpec::DEFAULT
};

const AWAITABLE_SPEC: TypeSpec = TypeSpec {
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<AwaitableObject>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(awaitable_next), SlotFn::await_(self_iter), SlotFn::finalize(awaitable_finalize)],
    methods: &[
        method("send", NativeFn::One(awaitable_send), "-($self, value, /)", "Sends a value in."),
        method("throw", NativeFn::Raw(awaitable_throw), "-($self, /, *args)", "Raises an exception inside."),
        method("close", NativeFn::NoArgs(awaitable_close), "-($self)", "Raises GeneratorExit inside."),
    ],
    dealloc: Some(awaitable_dealloc),
    traverse: Some(awaitable_traverse),
    at_rest: Some(awaitable_at_rest),
    ..TypeSpec::DEFAULT
};

static ASEND_SPEC: TypeSpec = TypeSpec { name: "async_generator_asend", ..AWAITABLE_SPEC };
static ATHROW_SPEC: TypeSpec = TypeSpec { name: "async_generator_athrow", ..AWAITABLE_SPEC };
static ASEND: StaticType = StaticType::new(&ASEND_SPEC);
static ATHROW: StaticType = StaticType::new(&ATHROW_SPEC);

/// `anext(iterator, default)`: an awaitable whose end is the default.
#[repr(C)]
struct DefaultAwaitable {
    header: Header,
    wrapped: Slot,
    default: Slot,
}

/// What `anext(iterator, default)` gives.
pub fn with_default(wrapped: Owned, default: Value) -> Owned {
    lifetime::allocate_object(ANEXT_AWAITABLE.get(), |header| DefaultAwaitable {
        header,
        wrapped: Slot::new(wrapped),
        default: Slot::new(default.to_owned()),
    })
}

fn default_of<'a>(value: Value) -> &'a DefaultAwaitable {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

/// The iterator that drives the wrapped awaitable.
fn inner_iterator(this: Value, thread: &mut Thread) -> PyResult {
    let wrapped = default_of(this).wrapped.peek().unwrap_or_else(Value::none);
    let iterator = awaitable_iter(wrapped, 0, thread)?;
    if iterator.type_object().slots.iternext.raw() != 0 {
        return Ok(iterator);
    }
    match iterator.type_object().slots.await_.get() {
        Some(await_) => await_(*iterator, thread),
        None => {
            let name = iterator.type_object().full_name();
            Err(thread.raise_type_error(format!("__await__ must return an iterable, not {name}")))
        }
    }
}

/// StopAsyncIteration becomes the default.
fn or_default(this: Value, result: PyResult, thread: &mut Thread) -> PyResult {
    match result {
        Err(raised) => {
            drop(thread.catch(raised, &exc::STOP_ASYNC_ITERATION)?);
            let default = default_of(this).default.peek().unwrap_or_else(Value::none);
            Err(thread.raise_stop_iteration(Some(default.to_owned())))
        }
        Ok(value) => Ok(value),
    }
}

fn default_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = inner_iterator(this, thread)?;
    match iterate::next(*iterator, thread) {
        Ok(value) => Ok(value),
        Err(raised) => {
            drop(thread.catch(raised, &exc::STOP_ASYNC_ITERATION)?);
            let default = default_of(this).default.peek().unwrap_or_else(Value::none);
            thread.set_iteration_result(if default.is_none() { None } else { Some(default.to_owned()) });
            Ok(None)
        }
    }
}

fn default_call(this: Value, name: &str, args: &[Value], thread: &mut Thread) -> PyResult {
    let iterator = inner_iterator(this, thread)?;
    let method = attribute::get_by_text(*iterator, name, thread)?;
    let result = call::call(*method, args, thread);
    or_default(this, result, thread)
}

fn default_send(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    default_call(this, "send", &[value], thread)
}

fn default_throw(this: Value, args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let values: Vec<Value> = args.iter().collect();
    default_call(this, "throw", &values, thread)
}

fn default_close(this: Value, thread: &mut Thread) -> PyResult {
    default_call(this, "close", &[], thread)
}

unsafe fn default_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<DefaultAwaitable>()) };
}

unsafe fn default_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let this = default_of(value);
    [&this.wrapped, &this.default].into_iter().filter_map(Slot::peek).for_each(visit);
}

static ANEXT_SPEC: TypeSpec = TypeSpec {
    name: "anext_awaitable",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<DefaultAwaitable>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(default_next), SlotFn::await_(self_iter)],
    methods: &[
        method("send", NativeFn::One(default_send), "-($self, value, /)", "Sends a value in."),
        method("throw", NativeFn::Raw(default_throw), "-($self, /, *args)", "Raises an exception inside."),
        method("close", NativeFn::NoArgs(default_close), "-($self)", "Raises GeneratorExit inside."),
    ],
    dealloc: Some(default_dealloc),
    traverse: Some(default_traverse),
    ..TypeSpec::DEFAULT
};

static ANEXT_AWAITABLE: StaticType = StaticType::new(&ANEXT_SPEC);
