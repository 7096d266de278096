//! The steps of a task: the coroutine is resumed, and what it yields is waited for.

use pyrt_runtime::exceptions::{self, exc};
use pyrt_runtime::interp::ops::generator::{send_slow, stop_value};
use pyrt_runtime::interp::resume::{self, Sent};
use pyrt_runtime::names::names;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{builtin_function, generator};

use super::future::{self, Outcome, Status};
use super::task;
use super::{imported, loops, registry};
use crate::contextvars::context;
use crate::native_type::{followed, object, references};

/// What the loop calls for a step that nothing is waited for.
#[repr(C)]
struct StepWrapper {
    header: Header,
    task: Slot,
    /// The exception to throw.
    exception: Slot,
}

references!(StepWrapper: task, exception);

fn wrapper_of<'a>(value: Value) -> &'a StepWrapper {
    // SAFETY: called for objects of the type only.
    unsafe { object(value) }
}

/// Has the loop run a step of the task, into which `exception` is thrown.
pub fn call_step_soon(this: Value, exception: Option<Owned>, thread: &mut Thread) -> PyResult<()> {
    let event_loop = task::event_loop_of(this, thread)?;
    let wrapper = allocate_object(STEP_WRAPPER.get(), |header| StepWrapper { header, task: Slot::new(this.to_owned()), exception: Slot::from_option(exception) });
    future::call_soon(*event_loop, *wrapper, None, *task::context_of(this), thread)
}

fn wrapper_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("function takes no keyword arguments"));
    }
    if !args.is_empty() {
        return Err(thread.raise_type_error("function takes no positional arguments"));
    }
    let wrapper = wrapper_of(this);
    match wrapper.task.load(&wrapper.header) {
        Some(task) => step(*task, wrapper.exception.load(&wrapper.header), thread),
        None => Ok(Owned::none()),
    }
}

fn wrapper_task(this: Value, _thread: &mut Thread) -> PyResult {
    let wrapper = wrapper_of(this);
    Ok(wrapper.task.load(&wrapper.header).unwrap_or_else(Owned::none))
}

unsafe fn clear(value: Value) {
    let wrapper = wrapper_of(value);
    drop(wrapper.task.replace(&wrapper.header, None));
    drop(wrapper.exception.replace(&wrapper.header, None));
}

static WRAPPER_SPEC: TypeSpec = TypeSpec {
    name: "_asyncio.TaskStepMethWrapper",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    slots: &[SlotFn::call(wrapper_call)],
    getsets: &[GetSetDef { name: "__self__", get: wrapper_task, set: None, doc: "" }],
    clear: Some(clear),
    ..followed::<StepWrapper>()
};

static STEP_WRAPPER: StaticType = StaticType::new(&WRAPPER_SPEC);

static WAKEUP: MethodDef = method("task_wakeup", NativeFn::One(wakeup), "($self, object, /)", "");

/// What a future calls back that a task waits for.
fn wakeup(this: Value, awaited: Value, thread: &mut Thread) -> PyResult {
    future::discard_awaited_by(awaited, this, thread)?;
    if future::is_exact(awaited) {
        return match future::outcome(awaited, thread) {
            Ok(Outcome::Result(result)) => {
                drop(result);
                step(this, None, thread)
            }
            Ok(Outcome::Exception(exception)) => step(this, Some(exception), thread),
            Err(_) => {
                let exception = thread.take_exception();
                step(this, exception, thread)
            }
        };
    }
    let exception = match call::call_method(awaited, *pyrt_runtime::names::interned("result"), &[], thread) {
        Ok(result) => {
            lifetime::release(result, thread);
            None
        }
        Err(_) => thread.take_exception(),
    };
    step(this, exception, thread)
}

/// Runs a step; the loop is that of the calling thread.
fn step(this: Value, exception: Option<Owned>, thread: &mut Thread) -> PyResult {
    let event_loop = task::event_loop_of(this, thread)?;
    loops::enter(*event_loop, this, thread)?;
    match step_entered(this, exception, thread) {
        Ok(()) => loops::leave(*event_loop, this, thread).map(|()| Owned::none()),
        Err(raised) => {
            let first = thread.take_exception();
            if loops::leave(*event_loop, this, thread).is_err() {
                drop(thread.take_exception());
            }
            if let Some(first) = first {
                thread.set_exception(first);
            }
            Err(raised)
        }
    }
}

/// The first step is run at once, in the task's own context.
pub fn start_eagerly(this: Value, event_loop: Value, thread: &mut Thread) -> PyResult<()> {
    let previous = task::swap_running(event_loop, Some(this.to_owned()), thread)?;
    // The task is among all tasks while it runs.
    registry::register(this);
    let task_context = task::context_of(this);
    let result = context::enter(*task_context, thread).and_then(|()| {
        let result = step_entered(this, None, thread);
        let first = thread.take_exception();
        let left = context::leave(*task_context, thread);
        match first {
            Some(first) => {
                drop(thread.take_exception());
                thread.set_exception(first);
                result
            }
            None => result.and(left),
        }
    });
    let first = thread.take_exception();
    let swapped = task::swap_running(event_loop, previous, thread).map(drop);
    let result = match first {
        Some(first) => {
            drop(thread.take_exception());
            thread.set_exception(first);
            result
        }
        None => result.and(swapped),
    };
    if task::of(this).future().status() != Status::Pending {
        registry::unregister(this);
        let coroutine = task::of(this).with(|state| state.coroutine.take());
        drop(coroutine);
    }
    result
}

/// A step of a task that is the running one.
fn step_entered(this: Value, exception: Option<Owned>, thread: &mut Thread) -> PyResult<()> {
    let task = task::of(this);
    let mut exception = exception;
    if task.future().status() != Status::Pending {
        let shown = convert::repr_text(this, thread)?;
        let thrown = match &exception {
            Some(exception) => convert::repr_text(**exception, thread)?,
            None => "None".to_owned(),
        };
        return Err(future::invalid_state(&format!("__step(): already done: {shown} {thrown}"), thread));
    }
    let (must_cancel, waiter, coroutine) =
        task.with(|state| (std::mem::replace(&mut state.must_cancel, false), state.waiter.take(), state.coroutine.clone()));
    drop(waiter);
    if must_cancel {
        let is_cancellation = match &exception {
            Some(exception) => exception.is_instance(TypeObject::of(imported::CANCELLED_ERROR.get(thread)?)),
            None => false,
        };
        if !is_cancellation {
            exception = Some(task.future().cancelled_error(thread)?);
        }
    }
    let Some(coroutine) = coroutine else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "uninitialized Task object"));
    };
    let sent = match exception {
        None if coroutine.has_shape(shapes::COROUTINE) => resume::send(*coroutine, Owned::none(), thread),
        None => send_slow(*coroutine, Value::none(), thread),
        Some(exception) => throw(*coroutine, exception, thread),
    };
    match sent {
        Ok(Sent::Yielded(yielded)) => wait_for(this, yielded, thread),
        Ok(Sent::Returned(result)) => {
            drop(coroutine);
            if task.with(|state| std::mem::replace(&mut state.must_cancel, false)) {
                // Cancelled right before the end.
                let message = task.future().with(|state| state.cancel_message.clone());
                future::cancel(this, message.as_ref().map(|message| **message), thread)?;
            } else {
                future::set_result(this, *result, thread)?;
            }
            registry::unregister(this);
            Ok(())
        }
        Err(_) => failed(this, thread),
    }
}

fn throw(coroutine: Value, exception: Owned, thread: &mut Thread) -> PyResult<Sent> {
    if coroutine.has_shape(shapes::COROUTINE) || coroutine.has_shape(shapes::GENERATOR) {
        thread.set_exception(exception);
        return generator::throw_current(coroutine, thread);
    }
    match call::call_method(coroutine, names().throw, &[*exception], thread) {
        Ok(yielded) => Ok(Sent::Yielded(yielded)),
        Err(raised) => stop_value(raised, thread),
    }
}

/// The coroutine has raised something.
fn failed(this: Value, thread: &mut Thread) -> PyResult<()> {
    let Some(exception) = thread.take_exception() else { return Ok(()) };
    let cancelled_error = imported::CANCELLED_ERROR.get(thread)?;
    if exception.is_instance(TypeObject::of(cancelled_error)) {
        let old = task::of(this).future().with(|state| state.cancelled_error.replace(exception));
        drop(old);
        future::cancel(this, None, thread)?;
        registry::unregister(this);
        return Ok(());
    }
    future::set_exception(this, *exception, thread)?;
    registry::unregister(this);
    if exception.is_instance(exc::KEYBOARD_INTERRUPT.get()) || exception.is_instance(exc::SYSTEM_EXIT.get()) {
        return Err(thread.reraise(exception));
    }
    Ok(())
}

/// The coroutine waits for what it has yielded.
fn wait_for(this: Value, yielded: Owned, thread: &mut Thread) -> PyResult<()> {
    let task = task::of(this);
    if yielded.is(this) {
        return fail_soon(this, |task, _| format!("Task cannot await on itself: {task}"), None, thread);
    }
    if future::is_exact(*yielded) {
        let own_loop = task.future().event_loop(thread)?;
        let other = future::of(*yielded);
        let (is_same_loop, is_blocking) = other.with(|state| {
            let is_same = state.event_loop.as_ref().is_some_and(|event_loop| event_loop.is(*own_loop));
            (is_same, is_same && std::mem::replace(&mut state.is_blocking, false))
        });
        if !is_same_loop {
            return attached_to_other_loop(this, *yielded, thread);
        }
        if !is_blocking {
            return not_awaited(this, *yielded, thread);
        }
        future::add_awaited_by(*yielded, this, thread)?;
        let callback = wakeup_of(this);
        future::add_callback(*yielded, *callback, task::context_of(this), thread)?;
        return now_waits(this, yielded, thread);
    }
    if yielded.is_none() {
        // A bare yield gives way for one round of the loop.
        return call_step_soon(this, None, thread);
    }
    let blocking = attribute::get_optional(*yielded, names()._asyncio_future_blocking, thread)?;
    if let Some(blocking) = blocking.filter(|blocking| !blocking.is_none()) {
        let is_blocking = compare::truth(*blocking, thread)?;
        let other_loop = future::loop_of(*yielded, thread)?;
        if !other_loop.is(*task.future().event_loop(thread)?) {
            return attached_to_other_loop(this, *yielded, thread);
        }
        if !is_blocking {
            return not_awaited(this, *yielded, thread);
        }
        future::add_awaited_by(*yielded, this, thread)?;
        attribute::set(*yielded, names()._asyncio_future_blocking, Value::bool(false), thread)?;
        let callback = wakeup_of(this);
        let add = attribute::get(*yielded, names().add_done_callback, thread)?;
        call::call_keywords(*add, &[*callback], &[("context", *task::context_of(this))], thread)?;
        return now_waits(this, yielded, thread);
    }
    if yielded.has_shape(shapes::GENERATOR) {
        return fail_soon(
            this,
            |task, yielded| format!("yield was used instead of yield from for generator in task {task} with {yielded}"),
            Some(*yielded),
            thread,
        );
    }
    fail_soon(this, |_, yielded| format!("Task got bad yield: {yielded}"), Some(*yielded), thread)
}

fn wakeup_of(this: Value) -> Owned {
    builtin_function::new(&WAKEUP, Some(this.to_owned()), None)
}

fn now_waits(this: Value, waiter: Owned, thread: &mut Thread) -> PyResult<()> {
    let task = task::of(this);
    let (old, must_cancel) = task.with(|state| (state.waiter.replace(waiter.clone()), state.must_cancel));
    drop(old);
    if must_cancel {
        let message = task.future().with(|state| state.cancel_message.clone());
        if task::cancel_waiter(*waiter, message.as_ref().map(|message| **message), thread)? {
            task.with(|state| state.must_cancel = false);
        }
    }
    Ok(())
}

#[cold]
fn attached_to_other_loop(this: Value, other: Value, thread: &mut Thread) -> PyResult<()> {
    fail_soon(this, |task, other| format!("Task {task} got Future {other} attached to a different loop"), Some(other), thread)
}

#[cold]
fn not_awaited(this: Value, yielded: Value, thread: &mut Thread) -> PyResult<()> {
    fail_soon(this, |task, yielded| format!("yield was used instead of yield from in task {task} with {yielded}"), Some(yielded), thread)
}

/// The next step throws a RuntimeError into the coroutine.
#[cold]
fn fail_soon(this: Value, message: impl FnOnce(&str, &str) -> String, yielded: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let task = convert::repr_text(this, thread)?;
    let yielded = match yielded {
        Some(yielded) => convert::repr_text(yielded, thread)?,
        None => String::new(),
    };
    let error = exceptions::make(&exc::RUNTIME_ERROR, vec![Owned::str(&message(&task, &yielded))]);
    call_step_soon(this, Some(error), thread)
}
