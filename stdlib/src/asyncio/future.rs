//! `Future`, and what tasks have in common with it.

use pyrt_runtime::exceptions::{ExceptionObject, exc, object as exception_object};
use pyrt_runtime::names::{interned, names};
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, call, compare, finalize};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, list, set, tuple};
use smallvec::SmallVec;

use super::{future_iterator, imported, loops, task};
use crate::contextvars::context;
use crate::native_type::{References, followed, object, references};

#[repr(C)]
pub struct Future {
    header: Header,
    /// The instance's dict.
    attributes: Slot,
    state: Guarded<State>,
}

references!(Future: attributes, state);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pending,
    Cancelled,
    Finished,
}

pub struct State {
    /// None: `__init__` has not run.
    pub event_loop: Option<Owned>,
    pub status: Status,
    /// `_asyncio_future_blocking`: an `await` has just yielded the future.
    pub is_blocking: bool,
    /// Nobody has asked for the exception yet: the finalizer reports it.
    pub logs_traceback: bool,
    pub callbacks: Callbacks,
    pub result: Option<Owned>,
    pub exception: Option<Owned>,
    /// The traceback that the exception came with.
    pub traceback: Option<Owned>,
    pub source_traceback: Option<Owned>,
    pub cancel_message: Option<Owned>,
    /// The CancelledError that ended a task.
    pub cancelled_error: Option<Owned>,
    pub awaited_by: AwaitedBy,
}

pub struct Callback {
    function: Owned,
    context: Owned,
}

type Callbacks = SmallVec<[Callback; 1]>;

/// The futures that wait for one; mostly there is a single one.
pub enum AwaitedBy {
    None,
    One(Owned),
    Set(Owned),
}

impl State {
    fn new() -> State {
        State {
            event_loop: None,
            status: Status::Pending,
            is_blocking: false,
            logs_traceback: false,
            callbacks: SmallVec::new(),
            result: None,
            exception: None,
            traceback: None,
            source_traceback: None,
            cancel_message: None,
            cancelled_error: None,
            awaited_by: AwaitedBy::None,
        }
    }
}

impl References for State {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        let fields = [&self.event_loop, &self.result, &self.exception, &self.traceback, &self.source_traceback, &self.cancel_message, &self.cancelled_error];
        for field in fields {
            field.visit(visit);
        }
        for callback in &self.callbacks {
            visit(*callback.function);
            visit(*callback.context);
        }
        match &self.awaited_by {
            AwaitedBy::None => {}
            AwaitedBy::One(waiter) | AwaitedBy::Set(waiter) => visit(**waiter),
        }
    }
}

/// The future or task that a value is.
#[inline(always)]
pub fn of<'a>(value: Value) -> &'a Future {
    // SAFETY: called for objects of the types of this module only, which all begin with a `Future`.
    unsafe { object(value) }
}

/// Whether the value is a future or task of exactly the types of this module.
#[inline]
pub fn is_exact(value: Value) -> bool {
    value.is_pointer() && {
        let ty = value.type_object();
        std::ptr::eq(ty, FUTURE.get()) || std::ptr::eq(ty, task::TASK.get())
    }
}

pub fn is_future(value: Value) -> bool {
    value.is_pointer() && value.is_instance(FUTURE.get())
}

/// What a finished future holds.
pub enum Outcome {
    Result(Owned),
    Exception(Owned),
}

impl Future {
    pub fn new(header: Header) -> Future {
        Future { header, attributes: Slot::empty(), state: Guarded::new(State::new()) }
    }

    #[inline(always)]
    pub fn header(&self) -> &Header {
        &self.header
    }

    #[inline(always)]
    pub fn with<R>(&self, access: impl FnOnce(&mut State) -> R) -> R {
        self.state.with(&self.header, access)
    }

    /// The state of a dead object.
    ///
    /// # Safety
    /// Nobody else can reach the object.
    pub unsafe fn peek(&self) -> &State {
        // SAFETY: the caller's obligation.
        unsafe { self.state.peek() }
    }

    pub fn status(&self) -> Status {
        self.with(|state| state.status)
    }

    /// The loop; RuntimeError if the future has none yet.
    pub fn event_loop(&self, thread: &mut Thread) -> PyResult {
        self.with(|state| state.event_loop.clone()).ok_or(()).or_else(|()| Err(uninitialized(thread)))
    }

    pub fn require_initialized(&self, thread: &mut Thread) -> PyResult<()> {
        if self.with(|state| state.event_loop.is_some()) { Ok(()) } else { Err(uninitialized(thread)) }
    }

    /// Drops everything, as the collector asks for.
    pub fn clear(&self) {
        let old = self.with(|state| {
            let new = State { status: state.status, is_blocking: state.is_blocking, ..State::new() };
            std::mem::replace(state, new)
        });
        drop(old);
        drop(self.attributes.replace(&self.header, None));
    }

    /// The CancelledError to raise for a cancelled future.
    pub fn cancelled_error(&self, thread: &mut Thread) -> PyResult {
        let (made, message) = self.with(|state| (state.cancelled_error.take(), state.cancel_message.clone()));
        if let Some(made) = made {
            return Ok(made);
        }
        let class = imported::CANCELLED_ERROR.get(thread)?;
        match message.filter(|message| !message.is_none()) {
            Some(message) => call::call(class, &[*message], thread),
            None => call::call(class, &[], thread),
        }
    }
}

#[cold]
fn uninitialized(thread: &mut Thread) -> Raised {
    thread.raise(&exc::RUNTIME_ERROR, "Future object is not initialized.")
}

#[cold]
pub fn invalid_state(message: &str, thread: &mut Thread) -> Raised {
    imported::INVALID_STATE_ERROR.raise(*Owned::str(message), thread)
}

fn future_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(TypeObject::of(class), Future::new))
}

/// `Future.__init__`.
pub fn initialize(this: Value, event_loop: Option<Value>, thread: &mut Thread) -> PyResult {
    let event_loop = match event_loop.filter(|event_loop| !event_loop.is_none()) {
        Some(event_loop) => event_loop.to_owned(),
        None => loops::event_loop(thread)?,
    };
    let new = State { event_loop: Some(event_loop.clone()), ..State::new() };
    let old = of(this).with(|state| std::mem::replace(state, new));
    drop(old);
    let debug = call::call_method(*event_loop, names().get_debug, &[], thread)?;
    if compare::truth(*debug, thread)? && !thread.interpreter.finalizing.load(Ordering::Relaxed) {
        let extract = imported::EXTRACT_STACK.get(thread)?;
        let stack = call::call(extract, &[], thread)?;
        let old = of(this).with(|state| state.source_traceback.replace(stack));
        drop(old);
    }
    Ok(event_loop)
}

static INIT_SIGNATURE: LazySignature = LazySignature::new("(*, loop=None)");

fn future_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let bound = INIT_SIGNATURE.bind("Future", args, kwnames, thread)?;
    initialize(this, bound.args().get(0), thread).map(drop)
}

/// `loop.call_soon(callback, argument, context=context)`.
pub fn call_soon(event_loop: Value, callback: Value, argument: Option<Value>, context: Value, thread: &mut Thread) -> PyResult<()> {
    let (method, is_unbound) = attribute::load_method(event_loop, names().call_soon, thread)?;
    let mut values = SmallVec::<[Value; 4]>::new();
    if is_unbound {
        values.push(event_loop);
    }
    values.push(callback);
    values.extend(argument);
    let n_positional = values.len();
    values.push(context);
    // SAFETY: the positional arguments come first, the keyword's value follows; `values` outlives the call.
    let args = unsafe { Args::from_raw(values.as_ptr().cast(), n_positional) };
    let result = call::call_args(*method, args, KwNames(Some(context_keyword())), thread)?;
    lifetime::release(result, thread);
    Ok(())
}

/// `('context',)`, for good.
pub fn context_keyword() -> Value {
    static WORD: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let word = *WORD.get_or_init(|| {
        let made = tuple::pack([names().context.to_owned()]).into_raw();
        // SAFETY: just made, nobody else has it.
        unsafe { (*made.header()).make_immortal() };
        made.bits()
    });
    // SAFETY: the word of an immortal object.
    unsafe { Value::from_bits(word) }
}

/// Ends a pending future: `change` sets its state. The callbacks to be scheduled, or none if it was not pending.
fn finish(future: &Future, status: Status, change: impl FnOnce(&mut State)) -> Option<Callbacks> {
    future.with(|state| {
        if state.status != Status::Pending {
            return None;
        }
        state.status = status;
        change(state);
        Some(std::mem::take(&mut state.callbacks))
    })
}

fn schedule(this: Value, callbacks: Callbacks, thread: &mut Thread) -> PyResult<()> {
    if callbacks.is_empty() {
        return Ok(());
    }
    let event_loop = of(this).event_loop(thread)?;
    for callback in callbacks {
        call_soon(*event_loop, *callback.function, Some(this), *callback.context, thread)?;
    }
    Ok(())
}

pub fn set_result(this: Value, result: Value, thread: &mut Thread) -> PyResult<()> {
    let future = of(this);
    future.require_initialized(thread)?;
    match finish(future, Status::Finished, |state| state.result = Some(result.to_owned())) {
        Some(callbacks) => schedule(this, callbacks, thread),
        None => Err(invalid_state("invalid state", thread)),
    }
}

pub fn set_exception(this: Value, exception: Value, thread: &mut Thread) -> PyResult<()> {
    let future = of(this);
    future.require_initialized(thread)?;
    if future.status() != Status::Pending {
        return Err(invalid_state("invalid state", thread));
    }
    let mut exception = if exception_object::is_exception_class(exception) { call::call(exception, &[], thread)? } else { exception.to_owned() };
    if !exception_object::is_exception(*exception) {
        return Err(thread.raise_type_error("invalid exception object"));
    }
    if exception.is_instance(exc::STOP_ITERATION.get()) {
        let message = "StopIteration interacts badly with generators and cannot be raised into a Future";
        let made = pyrt_runtime::exceptions::make(&exc::RUNTIME_ERROR, vec![Owned::str(message)]);
        ExceptionObject::of(*made).set_cause(Some(exception.clone()));
        ExceptionObject::of(*made).set_context(Some(exception));
        exception = made;
    }
    let traceback = ExceptionObject::of(*exception).traceback();
    let callbacks = finish(future, Status::Finished, |state| {
        state.exception = Some(exception);
        state.traceback = traceback;
    });
    match callbacks {
        Some(callbacks) => schedule(this, callbacks, thread)?,
        None => return Err(invalid_state("invalid state", thread)),
    }
    future.with(|state| state.logs_traceback = true);
    Ok(())
}

/// False if the future is done already.
pub fn cancel(this: Value, message: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    let future = of(this);
    future.require_initialized(thread)?;
    let message = message.map(|message| message.to_owned());
    let mut old = None;
    let callbacks = future.with(|state| {
        state.logs_traceback = false;
        if state.status != Status::Pending {
            return None;
        }
        state.status = Status::Cancelled;
        old = std::mem::replace(&mut state.cancel_message, message);
        Some(std::mem::take(&mut state.callbacks))
    });
    drop(old);
    match callbacks {
        Some(callbacks) => schedule(this, callbacks, thread).map(|()| true),
        None => Ok(false),
    }
}

/// Has `callback` called with the future when that is done.
pub fn add_callback(this: Value, callback: Value, context: Owned, thread: &mut Thread) -> PyResult<()> {
    let future = of(this);
    let mut new = Some(Callback { function: callback.to_owned(), context });
    let event_loop = future.with(|state| {
        if state.event_loop.is_some() && state.status == Status::Pending {
            state.callbacks.extend(new.take());
        }
        state.event_loop.clone()
    });
    let Some(event_loop) = event_loop else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "uninitialized Future object"));
    };
    match new {
        None => Ok(()),
        Some(new) => call_soon(*event_loop, callback, Some(this), *new.context, thread),
    }
}

/// The outcome of a future that is done; InvalidStateError if it is not.
pub fn outcome(this: Value, thread: &mut Thread) -> PyResult<Outcome> {
    enum Found {
        Outcome(Outcome, Option<Owned>),
        Cancelled,
        Pending,
        Uninitialized,
    }
    let future = of(this);
    let found = future.with(|state| match (&state.event_loop, state.status) {
        (None, _) => Found::Uninitialized,
        (_, Status::Pending) => Found::Pending,
        (_, Status::Cancelled) => Found::Cancelled,
        (_, Status::Finished) => {
            state.logs_traceback = false;
            match (&state.exception, &state.result) {
                (Some(exception), _) => Found::Outcome(Outcome::Exception(exception.clone()), state.traceback.take()),
                (None, Some(result)) => Found::Outcome(Outcome::Result(result.clone()), None),
                // Cleared by the collector.
                (None, None) => Found::Outcome(Outcome::Result(Owned::none()), None),
            }
        }
    });
    match found {
        Found::Outcome(outcome, traceback) => {
            if let Outcome::Exception(exception) = &outcome {
                ExceptionObject::of(**exception).set_traceback(traceback);
            }
            Ok(outcome)
        }
        Found::Cancelled => future.cancelled_error(thread).map(Outcome::Exception),
        Found::Pending => Err(invalid_state("Result is not set.", thread)),
        Found::Uninitialized => Err(invalid_state("Future object is not initialized.", thread)),
    }
}

pub fn result(this: Value, thread: &mut Thread) -> PyResult {
    match outcome(this, thread)? {
        Outcome::Result(result) => Ok(result),
        Outcome::Exception(exception) => Err(thread.raise_exception(exception)),
    }
}

fn exception(this: Value, thread: &mut Thread) -> PyResult {
    let future = of(this);
    let (is_initialized, status) = future.with(|state| (state.event_loop.is_some(), state.status));
    if !is_initialized {
        return Err(invalid_state("Future object is not initialized.", thread));
    }
    match status {
        Status::Cancelled => {
            let error = future.cancelled_error(thread)?;
            Err(thread.raise_exception(error))
        }
        Status::Pending => Err(invalid_state("Exception is not set.", thread)),
        Status::Finished => Ok(future.with(|state| {
            state.logs_traceback = false;
            state.exception.clone()
        }).unwrap_or_else(Owned::none)),
    }
}

/// The loop of anything like a future.
pub fn loop_of(value: Value, thread: &mut Thread) -> PyResult {
    if is_exact(value) {
        return of(value).event_loop(thread);
    }
    match attribute::get_optional(value, names().get_loop, thread)? {
        Some(method) => call::call(*method, &[], thread),
        None => attribute::get(value, names()._loop, thread),
    }
}

/// Notes that `waiter` waits for `this`; both may be anything.
pub fn add_awaited_by(this: Value, waiter: Value, thread: &mut Thread) -> PyResult<()> {
    if !is_future(this) || !is_future(waiter) {
        return Ok(());
    }
    let future = of(this);
    let mut new = Some(waiter.to_owned());
    let first = future.with(|state| match &state.awaited_by {
        AwaitedBy::None => {
            if let Some(waiter) = new.take() {
                state.awaited_by = AwaitedBy::One(waiter);
            }
            None
        }
        AwaitedBy::One(held) | AwaitedBy::Set(held) => Some(held.clone()),
    });
    let Some(held) = first else { return Ok(()) };
    if set::is_exact_set(*held) {
        return set::add(*held, waiter, thread);
    }
    let made = set::new();
    set::add(*made, *held, thread)?;
    set::add(*made, waiter, thread)?;
    let old = future.with(|state| std::mem::replace(&mut state.awaited_by, AwaitedBy::Set(made)));
    drop(old);
    Ok(())
}

pub fn discard_awaited_by(this: Value, waiter: Value, thread: &mut Thread) -> PyResult<()> {
    if !is_future(this) || !is_future(waiter) {
        return Ok(());
    }
    enum Found {
        Nothing,
        Single { _old: AwaitedBy },
        Set(Owned),
    }
    let found = of(this).with(|state| match &state.awaited_by {
        AwaitedBy::One(held) if held.is(waiter) => Found::Single { _old: std::mem::replace(&mut state.awaited_by, AwaitedBy::None) },
        AwaitedBy::Set(set) => Found::Set(set.clone()),
        AwaitedBy::One(_) | AwaitedBy::None => Found::Nothing,
    });
    if let Found::Set(held) = found {
        let hash = set::hash_element(waiter, thread)?;
        drop(set::SetObject::of(*held).remove_hashed(waiter, hash, thread)?);
    }
    Ok(())
}

fn result_method(this: Value, thread: &mut Thread) -> PyResult {
    result(this, thread)
}

fn set_result_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_result(this, args.at(0), thread)?;
    Ok(Owned::none())
}

fn set_exception_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_exception(this, args.at(0), thread)?;
    Ok(Owned::none())
}

fn add_done_callback(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let context = match args.get(1) {
        Some(context) => context.to_owned(),
        None => context::copy_of(*context::current(thread)),
    };
    add_callback(this, args.at(0), context, thread)?;
    Ok(Owned::none())
}

fn remove_done_callback(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let future = of(this);
    future.require_initialized(thread)?;
    let present: Vec<(Owned, Owned)> =
        future.with(|state| state.callbacks.iter().map(|callback| (callback.function.clone(), callback.context.clone())).collect());
    let mut wanted = Vec::new();
    for (function, context) in &present {
        if compare::equals(**function, args.at(0), thread)? {
            wanted.push((**function, **context));
        }
    }
    // What the comparisons have added or removed meanwhile stays so.
    let removed: Callbacks = future.with(|state| {
        let (removed, kept) = std::mem::take(&mut state.callbacks)
            .into_iter()
            .partition(|callback| wanted.iter().any(|(function, context)| callback.function.is(*function) && callback.context.is(*context)));
        state.callbacks = kept;
        removed
    });
    Ok(Owned::usize(removed.len()))
}

fn cancel_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    cancel(this, args.get(0), thread).map(Owned::bool)
}

fn cancelled(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).status() == Status::Cancelled))
}

fn done(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).status() != Status::Pending))
}

fn get_loop(this: Value, thread: &mut Thread) -> PyResult {
    of(this).event_loop(thread)
}

fn make_cancelled_error(this: Value, thread: &mut Thread) -> PyResult {
    of(this).cancelled_error(thread)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    let function = imported::FUTURE_REPR.get(thread)?;
    call::call(function, &[this], thread)
}

/// `__iter__` and `__await__`.
pub fn iter(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    Ok(future_iterator::new(this))
}

/// Tells the loop's exception handler of something that nobody else can be told.
pub fn report(this: Value, event_loop: Value, entries: &[(&str, Option<Value>)], thread: &mut Thread) {
    let context = dict::new();
    for (key, value) in entries {
        if let Some(value) = value {
            DictObject::of(*context).set_by_text(key, value.to_owned());
        }
    }
    let Ok(handler) = attribute::get(event_loop, names().call_exception_handler, thread) else {
        return finalize::write_unraisable(None, Some(this), thread);
    };
    if call::call(*handler, &[*context], thread).is_err() {
        finalize::write_unraisable(None, Some(*handler), thread);
    }
}

/// An exception that nobody has asked for is reported.
pub fn finalize_future(this: Value, thread: &mut Thread) -> PyResult<()> {
    let found = of(this).with(|state| {
        let logs = std::mem::replace(&mut state.logs_traceback, false);
        logs.then(|| (state.event_loop.clone(), state.exception.clone(), state.source_traceback.clone()))
    });
    let Some((Some(event_loop), Some(exception), source)) = found else { return Ok(()) };
    let message = Owned::str(&format!("{} exception was never retrieved", this.type_object().name()));
    let entries = [
        ("message", Some(*message)),
        ("exception", Some(*exception)),
        ("future", Some(this)),
        ("source_traceback", source.as_ref().map(|source| **source)),
    ];
    report(this, *event_loop, &entries, thread);
    Ok(())
}

fn at_rest(value: Value) -> bool {
    // SAFETY: the object is dead.
    unsafe { !of(value).peek().logs_traceback }
}

fn or_none(value: Option<Owned>) -> PyResult {
    Ok(value.unwrap_or_else(Owned::none))
}

fn get_state(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    Ok(interned(match of(this).status() {
        Status::Pending => "PENDING",
        Status::Cancelled => "CANCELLED",
        Status::Finished => "FINISHED",
    }))
}

fn get_blocking(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).with(|state| state.is_blocking)))
}

/// The value that an attribute is set to; it may not be deleted.
pub fn not_deleted(value: Option<Value>, ty: &str, name: &str, thread: &mut Thread) -> PyResult<Value> {
    value.ok_or(()).or_else(|()| Err(thread.raise(&exc::ATTRIBUTE_ERROR, format!("attribute '{name}' of '{ty}' objects cannot be deleted"))))
}

fn set_blocking(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = not_deleted(value, "_asyncio.Future", "_asyncio_future_blocking", thread)?;
    of(this).require_initialized(thread)?;
    let is_blocking = compare::truth(value, thread)?;
    of(this).with(|state| state.is_blocking = is_blocking);
    Ok(())
}

fn get_loop_attribute(this: Value, _thread: &mut Thread) -> PyResult {
    or_none(of(this).with(|state| state.event_loop.clone()))
}

fn get_callbacks(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    let pairs: Vec<(Owned, Owned)> =
        of(this).with(|state| state.callbacks.iter().map(|callback| (callback.function.clone(), callback.context.clone())).collect());
    if pairs.is_empty() {
        return Ok(Owned::none());
    }
    Ok(list::from_vec(pairs.into_iter().map(|(function, context)| tuple::pack([function, context])).collect()))
}

fn get_result(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    or_none(of(this).with(|state| state.result.clone()))
}

fn get_exception(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    or_none(of(this).with(|state| state.exception.clone()))
}

fn get_logs_traceback(this: Value, thread: &mut Thread) -> PyResult {
    of(this).require_initialized(thread)?;
    Ok(Owned::bool(of(this).with(|state| state.logs_traceback)))
}

fn set_logs_traceback(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = not_deleted(value, "_asyncio.Future", "_log_traceback", thread)?;
    if compare::truth(value, thread)? {
        return Err(thread.raise_value_error("_log_traceback can only be set to False"));
    }
    of(this).with(|state| state.logs_traceback = false);
    Ok(())
}

fn get_source_traceback(this: Value, _thread: &mut Thread) -> PyResult {
    or_none(of(this).with(|state| state.source_traceback.clone()))
}

fn get_cancel_message(this: Value, _thread: &mut Thread) -> PyResult {
    or_none(of(this).with(|state| state.cancel_message.clone()))
}

fn set_cancel_message(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = not_deleted(value, "_asyncio.Future", "_cancel_message", thread)?.to_owned();
    let old = of(this).with(|state| state.cancel_message.replace(value));
    drop(old);
    Ok(())
}

fn get_awaited_by(this: Value, thread: &mut Thread) -> PyResult {
    let found = of(this).with(|state| match &state.awaited_by {
        AwaitedBy::None => None,
        AwaitedBy::One(held) | AwaitedBy::Set(held) => Some(held.clone()),
    });
    match found {
        None => Ok(Owned::none()),
        Some(held) if set::is_exact_set(*held) => {
            let items = set::SetObject::of(*held).entries().into_iter().map(|entry| entry.key).collect();
            set::frozenset_from(items, thread)
        }
        Some(held) => set::frozenset_from(vec![held], thread),
    }
}

unsafe fn clear(value: Value) {
    of(value).clear();
}

pub const CLASS_GETITEM: MethodDef =
    MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" };
pub const RESULT: MethodDef = method("result", NativeFn::NoArgs(result_method), "($self, /)", "The result. Raises what the future failed with, CancelledError if it was cancelled, InvalidStateError if it is not done.");
pub const EXCEPTION: MethodDef = method("exception", NativeFn::NoArgs(exception), "($self, /)", "The exception that the future failed with, or None. Raises CancelledError if it was cancelled, InvalidStateError if it is not done.");
pub const ADD_DONE_CALLBACK: MethodDef =
    method("add_done_callback", NativeFn::Bound(add_done_callback), "($self, fn, /, *, context=<unrepresentable>)", "Has the loop call fn with the future as soon as that is done.");
pub const REMOVE_DONE_CALLBACK: MethodDef =
    method("remove_done_callback", NativeFn::Bound(remove_done_callback), "($self, fn, /)", "Takes all instances of a callback out; returns their number.");
pub const CANCELLED: MethodDef = method("cancelled", NativeFn::NoArgs(cancelled), "($self, /)", "Whether the future was cancelled.");
pub const DONE: MethodDef = method("done", NativeFn::NoArgs(done), "($self, /)", "Whether the future is done: it has a result or an exception, or was cancelled.");
pub const MAKE_CANCELLED_ERROR: MethodDef = method("_make_cancelled_error", NativeFn::NoArgs(make_cancelled_error), "($self, /)", "The CancelledError to raise if the future is cancelled.");

static SPEC: TypeSpec = TypeSpec {
    name: "_asyncio.Future",
    doc: "Future(*, loop=None)\n--\n\nA result that is not there yet: as concurrent.futures.Future, but not for use by several threads.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    dict_offset: Some(std::mem::offset_of!(Future, attributes)),
    slots: &[
        SlotFn::new(future_new),
        SlotFn::init(future_init),
        SlotFn::repr(repr),
        SlotFn::iter(iter),
        SlotFn::await_(iter),
        SlotFn::finalize(finalize_future),
    ],
    methods: &[
        RESULT,
        EXCEPTION,
        method("set_result", NativeFn::Bound(set_result_method), "($self, result, /)", "Marks the future as done with a result."),
        method("set_exception", NativeFn::Bound(set_exception_method), "($self, exception, /)", "Marks the future as done with an exception."),
        ADD_DONE_CALLBACK,
        REMOVE_DONE_CALLBACK,
        method("cancel", NativeFn::Bound(cancel_method), "($self, /, msg=None)", "Cancels the future and schedules its callbacks; False if it is done already."),
        CANCELLED,
        DONE,
        method("get_loop", NativeFn::NoArgs(get_loop), "($self, /)", "The loop that the future is bound to."),
        MAKE_CANCELLED_ERROR,
        CLASS_GETITEM,
    ],
    getsets: &[
        GetSetDef { name: "_state", get: get_state, set: None, doc: "" },
        GetSetDef { name: "_asyncio_future_blocking", get: get_blocking, set: Some(set_blocking), doc: "" },
        GetSetDef { name: "_loop", get: get_loop_attribute, set: None, doc: "" },
        GetSetDef { name: "_callbacks", get: get_callbacks, set: None, doc: "" },
        GetSetDef { name: "_result", get: get_result, set: None, doc: "" },
        GetSetDef { name: "_exception", get: get_exception, set: None, doc: "" },
        GetSetDef { name: "_log_traceback", get: get_logs_traceback, set: Some(set_logs_traceback), doc: "" },
        GetSetDef { name: "_source_traceback", get: get_source_traceback, set: None, doc: "" },
        GetSetDef { name: "_cancel_message", get: get_cancel_message, set: Some(set_cancel_message), doc: "" },
        GetSetDef { name: "_asyncio_awaited_by", get: get_awaited_by, set: None, doc: "" },
    ],
    clear: Some(clear),
    at_rest: Some(at_rest),
    ..followed::<Future>()
};

pub static FUTURE: StaticType = StaticType::new(&SPEC);
