//! `Task`: a future that runs a coroutine.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::names::names;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{call, compare, convert};
use pyrt_runtime::sync::{AtomicU64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::string;
use pyrt_runtime::types::type_object::*;

use super::future::{self, Future, Status};
use super::registry::{self, Listing};
use super::{imported, loops, step};
use crate::contextvars::context;
use crate::native_type::{References, followed, object};

#[repr(C)]
pub struct Task {
    future: Future,
    state: Guarded<TaskState>,
    pub listing: Listing,
}

pub struct TaskState {
    /// What the coroutine waits for.
    pub waiter: Option<Owned>,
    /// None: `__init__` has not run, or the task was done when it had started eagerly.
    pub coroutine: Option<Owned>,
    pub context: Option<Owned>,
    name: Name,
    /// The next step throws a CancelledError.
    pub must_cancel: bool,
    log_destroy_pending: bool,
    cancels_requested: i64,
}

/// The name is made of the number when first asked for.
enum Name {
    None,
    Number(u64),
    Given(Owned),
}

impl References for Task {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        self.future.visit(visit);
        self.state.visit(visit);
    }
}

impl References for TaskState {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        self.waiter.visit(visit);
        self.coroutine.visit(visit);
        self.context.visit(visit);
        if let Name::Given(name) = &self.name {
            visit(**name);
        }
    }
}

impl TaskState {
    const fn new() -> TaskState {
        TaskState { waiter: None, coroutine: None, context: None, name: Name::None, must_cancel: false, log_destroy_pending: false, cancels_requested: 0 }
    }
}

#[inline(always)]
pub fn of<'a>(value: Value) -> &'a Task {
    // SAFETY: called for tasks only.
    unsafe { object(value) }
}

pub fn is_task(value: Value) -> bool {
    value.is_pointer() && value.is_instance(TASK.get())
}

impl Task {
    #[inline(always)]
    pub fn with<R>(&self, access: impl FnOnce(&mut TaskState) -> R) -> R {
        self.state.with(self.future.header(), access)
    }

    pub fn future(&self) -> &Future {
        &self.future
    }
}

fn task_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(TypeObject::of(class), |header: Header| Task {
        future: Future::new(header),
        state: Guarded::new(TaskState::new()),
        listing: Listing::new(),
    }))
}

static INIT_SIGNATURE: LazySignature = LazySignature::new("(coro, *, loop=None, name=None, context=None, eager_start=False)");

/// The number of the last task without a name.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn is_coroutine(value: Value, thread: &mut Thread) -> PyResult<bool> {
    if value.has_shape(shapes::COROUTINE) {
        return Ok(true);
    }
    let function = imported::IS_COROUTINE.get(thread)?;
    let answer = call::call(function, &[value], thread)?;
    compare::truth(*answer, thread)
}

fn task_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let bound = INIT_SIGNATURE.bind("Task", args, kwnames, thread)?;
    let args = bound.args();
    let coroutine = args.at(0);
    let starts_eagerly = args.get(4).map_or(Ok(false), |eager| compare::truth(eager, thread))?;
    let event_loop = future::initialize(this, args.get(1), thread)?;
    if !is_coroutine(coroutine, thread)? {
        of(this).with(|state| state.log_destroy_pending = false);
        let shown = convert::repr_text(coroutine, thread)?;
        return Err(thread.raise_type_error(format!("a coroutine was expected, got {shown}")));
    }
    let context = match args.get(3).filter(|context| !context.is_none()) {
        Some(context) => context.to_owned(),
        None => context::copy_of(*context::current(thread)),
    };
    let name = match args.get(2).filter(|name| !name.is_none()) {
        // Relaxed: a number of its own is all that is asked for.
        None => Name::Number(NUMBER.fetch_add(1, Ordering::Relaxed) + 1),
        Some(name) if string::is_exact(name) => Name::Given(name.to_owned()),
        Some(name) => Name::Given(convert::str(name, thread)?),
    };
    let new = TaskState {
        coroutine: Some(coroutine.to_owned()),
        context: Some(context),
        name,
        log_destroy_pending: true,
        ..TaskState::new()
    };
    let old = of(this).with(|state| std::mem::replace(state, new));
    drop(old);
    if starts_eagerly {
        let is_running = call::call_method(*event_loop, names().is_running, &[], thread)?;
        if compare::truth(*is_running, thread)? {
            return step::start_eagerly(this, *event_loop, thread);
        }
    }
    step::call_step_soon(this, None, thread)?;
    registry::register(this);
    Ok(())
}

/// `Task.cancel`.
pub fn cancel(this: Value, message: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    let task = of(this);
    let is_pending = task.future.with(|state| {
        state.logs_traceback = false;
        state.status == Status::Pending
    });
    if !is_pending {
        return Ok(false);
    }
    let waiter = task.with(|state| {
        state.cancels_requested += 1;
        state.waiter.clone()
    });
    if let Some(waiter) = waiter {
        if cancel_waiter(*waiter, message, thread)? {
            return Ok(true);
        }
    }
    let message = message.map(|message| message.to_owned());
    let old = task.future.with(|state| std::mem::replace(&mut state.cancel_message, message));
    drop(old);
    task.with(|state| state.must_cancel = true);
    Ok(true)
}

/// Cancels what a task waits for; whether that could be cancelled.
pub fn cancel_waiter(waiter: Value, message: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    let ty = waiter.type_object();
    if std::ptr::eq(ty, future::FUTURE.get()) {
        return future::cancel(waiter, message, thread);
    }
    if std::ptr::eq(ty, TASK.get()) {
        return cancel(waiter, message, thread);
    }
    let method = pyrt_runtime::protocol::attribute::get(waiter, names().cancel, thread)?;
    let answer = call::call_keywords(*method, &[], &[("msg", message.unwrap_or(Value::none()))], thread)?;
    compare::truth(*answer, thread)
}

fn cancel_method(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    cancel(this, args.get(0), thread).map(Owned::bool)
}

fn cancelling(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).with(|state| state.cancels_requested)))
}

fn uncancel(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).with(|state| {
        if state.cancels_requested > 0 {
            state.cancels_requested -= 1;
            if state.cancels_requested == 0 {
                state.must_cancel = false;
            }
        }
        state.cancels_requested
    })))
}

fn set_result(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(thread.raise(&exc::RUNTIME_ERROR, "Task does not support set_result operation"))
}

fn set_exception(_this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    Err(thread.raise(&exc::RUNTIME_ERROR, "Task does not support set_exception operation"))
}

fn get_coro(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).with(|state| state.coroutine.clone()).unwrap_or_else(Owned::none))
}

fn get_context(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).with(|state| state.context.clone()).unwrap_or_else(Owned::none))
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    let number = match of(this).with(|state| match &state.name {
        Name::None => Ok(Owned::none()),
        Name::Given(name) => Ok(name.clone()),
        Name::Number(number) => Err(*number),
    }) {
        Ok(name) => return Ok(name),
        Err(number) => number,
    };
    let made = Owned::str(&format!("Task-{number}"));
    Ok(of(this).with(|state| {
        if let Name::Given(name) = &state.name {
            return name.clone();
        }
        state.name = Name::Given(made.clone());
        made
    }))
}

fn set_name(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = args.at(0);
    let name = if string::is_exact(name) { name.to_owned() } else { convert::str(name, thread)? };
    let old = of(this).with(|state| std::mem::replace(&mut state.name, Name::Given(name)));
    drop(old);
    Ok(Owned::none())
}

fn get_stack(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let function = imported::TASK_GET_STACK.get(thread)?;
    call::call(function, &[this, args.get(0).unwrap_or(Value::none())], thread)
}

fn print_stack(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let function = imported::TASK_PRINT_STACK.get(thread)?;
    let (limit, file) = (args.get(0).unwrap_or(Value::none()), args.get(1).unwrap_or(Value::none()));
    call::call(function, &[this, limit, file], thread)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    of(this).future.require_initialized(thread)?;
    let function = imported::TASK_REPR.get(thread)?;
    call::call(function, &[this], thread)
}

fn get_waiter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).with(|state| state.waiter.clone()).unwrap_or_else(Owned::none))
}

fn get_must_cancel(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).with(|state| state.must_cancel)))
}

fn get_log_destroy_pending(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).with(|state| state.log_destroy_pending)))
}

fn set_log_destroy_pending(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = future::not_deleted(value, "_asyncio.Task", "_log_destroy_pending", thread)?;
    let logs = compare::truth(value, thread)?;
    of(this).with(|state| state.log_destroy_pending = logs);
    Ok(())
}

/// A task that goes away before it is done is reported.
fn finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let task = of(this);
    let logs = task.with(|state| state.log_destroy_pending);
    let (status, event_loop, source) = task.future.with(|state| (state.status, state.event_loop.clone(), state.source_traceback.clone()));
    if let (Status::Pending, true, Some(event_loop)) = (status, logs, event_loop) {
        let message = Owned::str("Task was destroyed but it is pending!");
        let entries = [("task", Some(this)), ("message", Some(*message)), ("source_traceback", source.as_ref().map(|source| **source))];
        future::report(this, *event_loop, &entries, thread);
    }
    future::finalize_future(this, thread)
}

fn at_rest(value: Value) -> bool {
    // SAFETY: the object is dead.
    unsafe {
        let (future, task) = (of(value).future.peek(), of(value).state.peek());
        !future.logs_traceback && !(task.log_destroy_pending && future.status == Status::Pending)
    }
}

unsafe fn clear(value: Value) {
    let task = of(value);
    let old = task.with(|state| {
        let new = TaskState { must_cancel: state.must_cancel, cancels_requested: state.cancels_requested, ..TaskState::new() };
        std::mem::replace(state, new)
    });
    drop(old);
    task.future.clear();
}

unsafe fn dealloc(value: Value) {
    registry::unregister(value);
    // SAFETY: the object is dead.
    unsafe { crate::native_type::dealloc::<Task>(value) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "_asyncio.Task",
    doc: "Task(coro, *, loop=None, name=None, context=None, eager_start=False)\n--\n\nA coroutine that a loop runs, as a future.",
    base: Some(&future::FUTURE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    slots: &[
        SlotFn::new(task_new),
        SlotFn::init(task_init),
        SlotFn::repr(repr),
        SlotFn::iter(future::iter),
        SlotFn::await_(future::iter),
        SlotFn::finalize(finalize),
    ],
    methods: &[
        future::RESULT,
        future::EXCEPTION,
        method("set_result", NativeFn::Bound(set_result), "($self, result, /)", "Tasks have no such operation."),
        method("set_exception", NativeFn::Bound(set_exception), "($self, exception, /)", "Tasks have no such operation."),
        future::ADD_DONE_CALLBACK,
        future::REMOVE_DONE_CALLBACK,
        future::MAKE_CANCELLED_ERROR,
        method("cancel", NativeFn::Bound(cancel_method), "($self, /, msg=None)", "Has a CancelledError thrown into the coroutine at the next opportunity; False if the task is done already."),
        method("cancelling", NativeFn::NoArgs(cancelling), "($self, /)", "How often cancel() has been called, less the calls of uncancel()."),
        method("uncancel", NativeFn::NoArgs(uncancel), "($self, /)", "Takes one request to cancel back; returns how many are left."),
        future::CANCELLED,
        future::DONE,
        method("get_stack", NativeFn::Bound(get_stack), "($self, /, *, limit=None)", "The stack frames of the coroutine; of a failed task those of its traceback."),
        method("print_stack", NativeFn::Bound(print_stack), "($self, /, *, limit=None, file=None)", "Prints the stack or traceback of the coroutine."),
        method("get_name", NativeFn::NoArgs(get_name), "($self, /)", ""),
        method("set_name", NativeFn::Bound(set_name), "($self, value, /)", ""),
        method("get_coro", NativeFn::NoArgs(get_coro), "($self, /)", ""),
        method("get_context", NativeFn::NoArgs(get_context), "($self, /)", ""),
        future::CLASS_GETITEM,
    ],
    getsets: &[
        GetSetDef { name: "_log_destroy_pending", get: get_log_destroy_pending, set: Some(set_log_destroy_pending), doc: "" },
        GetSetDef { name: "_must_cancel", get: get_must_cancel, set: None, doc: "" },
        GetSetDef { name: "_coro", get: get_coro, set: None, doc: "" },
        GetSetDef { name: "_fut_waiter", get: get_waiter, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    clear: Some(clear),
    at_rest: Some(at_rest),
    ..followed::<Task>()
};

pub static TASK: StaticType = StaticType::new(&SPEC);

/// The loop runs `task` in its own context from here on.
pub fn event_loop_of(this: Value, thread: &mut Thread) -> PyResult {
    of(this).future.event_loop(thread)
}

/// The context of the task's steps.
pub fn context_of(this: Value) -> Owned {
    of(this).with(|state| state.context.clone()).unwrap_or_else(Owned::none)
}

/// Puts `task` in the place of the running one of its loop.
pub fn swap_running(event_loop: Value, task: Option<Owned>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    loops::swap(event_loop, task, thread)
}
