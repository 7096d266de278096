//! Resuming and suspending the frames of generators.

use crate::interp::dispatch;
use crate::interp::frame::{FRAME_CLEARED, FRAME_ENTRY, Frame};
use crate::interp::unwind::clear_frame;
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::generator::{GeneratorObject, State};

/// What a generator gave back.
pub enum Sent {
    Yielded(Owned),
    Returned(Owned),
}

/// Makes the generator's frame the thread's innermost. The generator is marked as running; it is kept alive by whoever
/// resumes it.
#[inline(always)]
pub fn link(thread: &mut Thread, generator: &GeneratorObject, entry: bool) -> *mut Frame {
    let frame = generator.frame_ptr();
    // SAFETY: the generator is marked as running, so its frame and exception entry are this thread's.
    unsafe {
        (*frame).previous = thread.frame;
        if entry {
            (*frame).flags |= FRAME_ENTRY;
        } else {
            (*frame).flags &= !FRAME_ENTRY;
        }
        let info = generator.exc_info_ptr();
        (*info).previous = thread.exc_info;
        thread.exc_info = info;
    }
    thread.recursion_left -= 1;
    thread.frame = frame;
    frame
}

/// Undoes `link`.
#[inline(always)]
fn unlink(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: `frame` is the innermost frame, and its generator's exception entry the innermost entry.
    unsafe {
        let info = thread.exc_info;
        thread.exc_info = (*info).previous;
        (*info).previous = std::ptr::null_mut();
        thread.frame = (*frame).previous;
        (*frame).previous = std::ptr::null_mut();
    }
    thread.recursion_left += 1;
}

/// At a `yield`: the frame stays as it is. Words on its stack and in its locals are counted (PROTOCOLS M4).
#[inline(always)]
pub fn suspend(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: the running frame, owned by a generator.
    unsafe {
        let mut at = Frame::stack_ptr(frame);
        while at < (*frame).sp {
            let word = *at;
            if word & 3 == 0 && word & 0xC != 0 {
                *at = crate::interp::frame::into_owned(word).into_raw().bits();
            }
            at = at.add(1);
        }
    }
    unlink(thread, frame);
    GeneratorObject::from_frame_ptr(frame).set_state(State::Suspended);
}

/// The frame has returned or failed: the generator is finished, its frame cleared.
pub fn finish_generator(thread: &mut Thread, frame: *mut Frame) {
    unlink(thread, frame);
    let generator = GeneratorObject::from_frame_ptr(frame);
    // Whoever resumes holds the generator; clearing may run Python code that drops other references.
    let _hold = generator.value().to_owned();
    let exception = thread.take_exception();
    // SAFETY: the generator's frame; nobody runs it any more.
    unsafe {
        if (*frame).frame_object != 0 {
            crate::types::frame_object::take_over(thread, frame);
        } else {
            clear_frame(thread, frame);
        }
        (*frame).flags |= FRAME_CLEARED;
        let handled = (*generator.exc_info_ptr()).value.take();
        drop(handled);
    }
    generator.set_state(State::Finished);
    if let Some(exception) = exception {
        thread.set_exception(exception);
    }
}

/// `generator.send(value)` from native code; also `next()` with `None`. The caller has checked the state by
/// [`GeneratorObject::try_start`].
pub fn resume_started(generator: Value, value: Owned, thread: &mut Thread) -> PyResult<Sent> {
    let object = GeneratorObject::of_any(generator);
    let _hold = generator.to_owned();
    if thread.recursion_left <= 0 {
        object.set_state(if object.is_created() { State::Created } else { State::Suspended });
        drop(value);
        return Err(thread.raise_recursion_error(""));
    }
    let frame = link(thread, object, true);
    // SAFETY: a suspended frame has room for the value.
    unsafe {
        *(*frame).sp = value.into_raw().bits();
        (*frame).sp = (*frame).sp.add(1);
        (*frame).ip = (*frame).ip.add(1);
    }
    let result = dispatch::run(thread, frame)?;
    Ok(if object.state() == State::Finished { Sent::Returned(result) } else { Sent::Yielded(result) })
}

/// `send` with all checks: running and finished generators, values sent to one that has not started.
pub fn send(generator: Value, value: Owned, thread: &mut Thread) -> PyResult<Sent> {
    let object = GeneratorObject::of_any(generator);
    if object.is_created() && !value.is_none() {
        return Err(thread.raise_type_error(format!("can't send non-None value to a just-started {}", object.kind_name())));
    }
    if !object.try_start() {
        return match object.state() {
            State::Finished => {
                if object.is_coroutine() {
                    return Err(thread.raise(&crate::exceptions::exc::RUNTIME_ERROR, "cannot reuse already awaited coroutine"));
                }
                Ok(Sent::Returned(Owned::none()))
            }
            _ => Err(thread.raise_value_error(format!("{} already executing", object.kind_name()))),
        };
    }
    resume_started(generator, value, thread)
}

/// Raises the thread's exception inside a suspended generator. The caller has checked the state.
pub fn throw_started(generator: Value, thread: &mut Thread) -> PyResult<Sent> {
    let object = GeneratorObject::of_any(generator);
    let _hold = generator.to_owned();
    let frame = link(thread, object, true);
    // The handlers' stack depth counts the value that the `yield` would have given.
    // SAFETY: a suspended frame has room for it.
    unsafe {
        *(*frame).sp = Value::none().bits();
        (*frame).sp = (*frame).sp.add(1);
    }
    // What the generator is handling is the context.
    if let Some(exception) = thread.take_exception() {
        crate::exceptions::chain_context(&exception, thread);
        thread.set_exception(exception);
    }
    let result = dispatch::run_throwing(thread, frame)?;
    Ok(if object.state() == State::Finished { Sent::Returned(result) } else { Sent::Yielded(result) })
}
