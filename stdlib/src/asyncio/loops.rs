//! The running loop and the running task of a thread.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::names::interned;
use pyrt_runtime::object::FREE_THREADED;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::stop_the_world;
use pyrt_runtime::threads::thread_state::{self, Thread};
use pyrt_runtime::types::type_object::*;

use super::{future, imported};

/// The running loop, else the policy's.
pub fn event_loop(thread: &mut Thread) -> PyResult {
    if let Some(running) = &thread.event_loop {
        return Ok(running.clone());
    }
    let policy = imported::EVENT_LOOP_POLICY.get(thread)?;
    let policy = call::call(policy, &[], thread)?;
    call::call_method(*policy, *interned("get_event_loop"), &[], thread)
}

/// The running loop; RuntimeError without one.
pub fn running_loop(thread: &mut Thread) -> PyResult {
    match &thread.event_loop {
        Some(running) => Ok(running.clone()),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "no running event loop")),
    }
}

fn check_loop(event_loop: Value, thread: &mut Thread) -> PyResult<()> {
    if thread.event_loop.as_ref().is_some_and(|running| running.is(event_loop)) {
        return Ok(());
    }
    let shown = convert::repr_text(event_loop, thread)?;
    Err(thread.raise(&exc::RUNTIME_ERROR, format!("loop {shown} is not the running loop")))
}

/// The task begins a step.
pub fn enter(event_loop: Value, task: Value, thread: &mut Thread) -> PyResult<()> {
    check_loop(event_loop, thread)?;
    if let Some(running) = thread.running_task.clone() {
        let (task, running) = (convert::repr_text(task, thread)?, convert::repr_text(*running, thread)?);
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("Cannot enter into task {task} while another task {running} is being executed.")));
    }
    thread.running_task = Some(task.to_owned());
    Ok(())
}

/// The task ends a step.
pub fn leave(event_loop: Value, task: Value, thread: &mut Thread) -> PyResult<()> {
    check_loop(event_loop, thread)?;
    if !thread.running_task.as_ref().is_some_and(|running| running.is(task)) {
        let running = thread.running_task.clone().unwrap_or_else(Owned::none);
        let (task, running) = (convert::repr_text(task, thread)?, convert::repr_text(*running, thread)?);
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("Invalid attempt to leave task {task} while task {running} is entered.")));
    }
    drop(thread.running_task.take());
    Ok(())
}

/// Puts another task in the place of the running one, which is returned.
pub fn swap(event_loop: Value, task: Option<Owned>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    check_loop(event_loop, thread)?;
    Ok(std::mem::replace(&mut thread.running_task, task))
}

fn get_running_loop(_module: Value, thread: &mut Thread) -> PyResult {
    running_loop(thread)
}

fn get_running_loop_or_none(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(thread.event_loop.clone().unwrap_or_else(Owned::none))
}

fn set_running_loop(_module: Value, event_loop: Value, thread: &mut Thread) -> PyResult {
    let new = if event_loop.is_none() { None } else { Some(event_loop.to_owned()) };
    drop(std::mem::replace(&mut thread.event_loop, new));
    Ok(Owned::none())
}

fn get_event_loop(_module: Value, thread: &mut Thread) -> PyResult {
    event_loop(thread)
}

fn enter_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    enter(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

fn leave_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    leave(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

fn swap_current_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let task = args.at(1);
    let old = swap(args.at(0), if task.is_none() { None } else { Some(task.to_owned()) }, thread)?;
    Ok(old.unwrap_or_else(Owned::none))
}

fn current_task(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let event_loop = match args.get(0).filter(|event_loop| !event_loop.is_none()) {
        Some(event_loop) => event_loop.to_owned(),
        None => running_loop(thread)?,
    };
    if thread.event_loop.as_ref().is_some_and(|running| running.is(*event_loop)) {
        return Ok(thread.running_task.clone().unwrap_or_else(Owned::none));
    }
    Ok(task_of_other_thread(*event_loop, thread).unwrap_or_else(Owned::none))
}

/// The task that another thread runs in `event_loop`.
fn task_of_other_thread(event_loop: Value, thread: &mut Thread) -> Option<Owned> {
    if !thread_state::has_other_threads() {
        return None;
    }
    // With a GIL the other threads do not change theirs meanwhile.
    let stopped = FREE_THREADED.then(|| stop_the_world::stop(thread));
    let mut found = None;
    thread_state::for_each_thread(|shared| {
        let other = shared.thread.load(Ordering::Acquire);
        if found.is_some() || other.is_null() {
            return;
        }
        // SAFETY: a registered thread's state is alive while the list of threads is locked, and at rest: the world is
        // stopped, or this thread holds the GIL.
        let (running, task) = unsafe { (&(*other).event_loop, &(*other).running_task) };
        if running.as_ref().is_some_and(|running| running.is(event_loop)) {
            found = task.clone();
        }
    });
    drop(stopped);
    found
}

fn add_to_awaited_by(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    future::add_awaited_by(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

fn discard_from_awaited_by(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    future::discard_awaited_by(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("get_event_loop", NativeFn::NoArgs(get_event_loop), "($module, /)", "The running event loop; outside of callbacks and coroutines what the policy's get_event_loop() says."),
    method("get_running_loop", NativeFn::NoArgs(get_running_loop), "($module, /)", "The running event loop; RuntimeError without one."),
    method("_get_running_loop", NativeFn::NoArgs(get_running_loop_or_none), "($module, /)", "The running event loop or None."),
    method("_set_running_loop", NativeFn::One(set_running_loop), "($module, loop, /)", "Sets the running event loop of this thread."),
    method("_enter_task", NativeFn::Bound(enter_task), "($module, /, loop, task)", "A task begins or resumes a step."),
    method("_leave_task", NativeFn::Bound(leave_task), "($module, /, loop, task)", "A task ends or suspends a step."),
    method("_swap_current_task", NativeFn::Bound(swap_current_task), "($module, /, loop, task)", "Puts a task in the place of the current one, which is returned."),
    method("current_task", NativeFn::Bound(current_task), "($module, /, loop=None)", "The task that a loop runs, or None."),
    method("future_add_to_awaited_by", NativeFn::Bound(add_to_awaited_by), "($module, fut, waiter, /)", "Notes that a future waits for another."),
    method("future_discard_from_awaited_by", NativeFn::Bound(discard_from_awaited_by), "($module, fut, waiter, /)", "Forgets that a future waits for another."),
];
