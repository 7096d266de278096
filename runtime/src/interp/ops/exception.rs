//! Raising and handling.

use pyrt_compiler::bytecode::code::CodeFlags;

use crate::exceptions::object::{ExceptionObject, ValueException, is_exception, is_exception_class};
use crate::exceptions::{chain_context, exc, group, raise};
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::Frame;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::call;
use crate::threads::thread_state::Thread;
use crate::types::tuple::TupleObject;
use crate::types::type_object::TYPE_TUPLE_SUBCLASS;

#[inline(always)]
pub fn raise_varargs(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cause = if oparg == 2 { Some(r.pop_owned()) } else { None };
    let exception = if oparg >= 1 { Some(r.pop_owned()) } else { None };
    r.sync();
    let _ = do_raise(exception, cause, r.thread);
    Flow::Raised
}

fn do_raise(exception: Option<Owned>, cause: Option<Owned>, thread: &mut Thread) -> Raised {
    let Some(exception) = exception else {
        return match thread.handled_exception() {
            Some(handled) => {
                thread.silent_reraise = true;
                thread.reraise(handled)
            }
            None => thread.raise(&exc::RUNTIME_ERROR, "No active exception to reraise"),
        };
    };
    let exception = if is_exception_class(*exception) {
        match call::call(*exception, &[], thread) {
            Ok(made) if is_exception(*made) => made,
            Ok(other) => {
                let class = crate::protocol::special::safe_repr(*exception, thread);
                let ty = crate::protocol::special::safe_repr(other.type_object().value(), thread);
                return thread.raise_type_error(format!(
                    "calling {class} should have returned an instance of BaseException, not {ty}"
                ));
            }
            Err(raised) => return raised,
        }
    } else if is_exception(*exception) {
        exception
    } else {
        return thread.raise_type_error("exceptions must derive from BaseException");
    };
    if let Some(cause) = cause {
        let fixed = if is_exception_class(*cause) {
            match call::call(*cause, &[], thread) {
                Ok(made) if is_exception(*made) => Some(made),
                Ok(other) => {
                    let class = crate::protocol::special::safe_repr(*cause, thread);
                    let ty = crate::protocol::special::safe_repr(other.type_object().value(), thread);
                    return thread.raise_type_error(format!(
                        "calling {class} should have returned an instance of BaseException, not {ty}"
                    ));
                }
                Err(raised) => return raised,
            }
        } else if is_exception(*cause) {
            Some(cause)
        } else if cause.is_none() {
            None
        } else {
            return thread.raise_type_error("exception causes must derive from BaseException");
        };
        ExceptionObject::of(*exception).set_cause(fixed);
    }
    chain_context(&exception, thread);
    thread.reraise(exception)
}

#[inline(always)]
pub fn reraise(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let exception = r.pop_owned();
    // The traceback of the frame was written when the exception was first raised here.
    r.sync();
    if oparg != 0 {
        // What lies there is where the exception was raised first: the frame shows that again.
        if let Some(lasti) = r.value(oparg as usize).as_small_int() {
            // SAFETY: the running frame and units of its code.
            unsafe {
                let code = r.code();
                r.thread.reraise_unit = (*r.frame).unit() as u32;
                (*r.frame).ip = code.units.as_ptr().add(code.unit_of_lasti(lasti as i32).min(code.units.len() - 1));
            }
        }
    }
    r.thread.silent_reraise = true;
    let _ = r.thread.reraise(exception);
    Flow::Raised
}

#[inline(always)]
pub fn push_exc_info(r: &mut Regs<'_>) -> Flow {
    let exception = r.pop();
    // SAFETY: the thread's innermost entry is alive. The new one holds its own count.
    unsafe {
        let info = r.thread.exc_info;
        let previous = (*info).value.take();
        (*info).value = Some(Value::from_bits(exception).to_owned());
        r.push_owned(previous.unwrap_or_else(Owned::none));
    }
    r.push(exception);
    Flow::Next
}

#[inline(always)]
pub fn pop_except(r: &mut Regs<'_>) -> Flow {
    let previous = r.pop_owned();
    // SAFETY: the thread's innermost entry is alive.
    let old = unsafe {
        let info = r.thread.exc_info;
        let old = (*info).value.take();
        (*info).value = if previous.is_none() { None } else { Some(previous) };
        old
    };
    if let Some(old) = old {
        r.release(old.into_raw().bits());
    }
    Flow::Next
}

#[inline(always)]
pub fn check_exc_match(r: &mut Regs<'_>) -> Flow {
    let (exception, class) = (r.value(2), r.value(1));
    if !is_catchable(class) {
        r.sync();
        let _ = r.thread.raise_type_error("catching classes that do not inherit from BaseException is not allowed");
        return Flow::Raised;
    }
    let matches = raise::matches(exception, class);
    r.replace(1, Owned::bool(matches));
    Flow::Next
}

fn is_catchable(class: Value) -> bool {
    if class.is_pointer() && class.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        return TupleObject::of(class).items().iter().all(|&one| is_exception_class(one));
    }
    is_exception_class(class)
}

#[inline(always)]
pub fn check_eg_match(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let (exception, class) = (r.value(2), r.value(1));
    match group::check_match(exception, class, r.thread) {
        Ok((matched, rest)) => {
            r.replace(2, rest);
            let is_match = !matched.is_none();
            if is_match {
                // The matched part becomes the handled exception.
                // SAFETY: the thread's innermost entry is alive.
                unsafe { (*r.thread.exc_info).value = Some(matched.clone()) };
            }
            r.replace(1, matched);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn with_except_start(r: &mut Regs<'_>) -> Flow {
    // exit function, self or NULL, lasti, previous exception, exception
    r.sync();
    let exception = r.value(1);
    let (exit, receiver) = (r.value(5), Value::from_slot(r.peek(4)).map(Value::unmarked));
    let class = exception.type_object().value();
    let traceback = ExceptionObject::of(exception).traceback().unwrap_or_else(Owned::none);
    let result = match receiver {
        Some(receiver) => call::call(exit, &[receiver, class, exception, *traceback], r.thread),
        None => call::call(exit, &[class, exception, *traceback], r.thread),
    };
    r.push_result(result)
}

#[inline(always)]
pub fn cleanup_throw(r: &mut Regs<'_>) -> Flow {
    // sub-iterator, last sent value, exception
    let exception = r.value(1);
    r.sync();
    if exception.is_instance(exc::STOP_ITERATION.get()) {
        let object = ValueException::of(exception);
        let value = object.value.load(&object.base.header).unwrap_or_else(Owned::none);
        r.drop_top();
        r.replace(1, value);
        r.replace(2, Owned::none());
        return Flow::Next;
    }
    let exception = exception.to_owned();
    r.thread.silent_reraise = true;
    let _ = r.thread.reraise(exception);
    Flow::Raised
}

/// `INTRINSIC_STOPITERATION_ERROR`: a StopIteration that leaves a generator becomes a RuntimeError (PEP 479).
pub fn stop_iteration_error(value: Value, frame: *mut Frame, _thread: &mut Thread) -> PyResult {
    // SAFETY: the running frame.
    let code = unsafe { (*frame).code() };
    let kind = if code.has_flag(CodeFlags::COROUTINE) {
        "coroutine"
    } else if code.has_flag(CodeFlags::ASYNC_GENERATOR) {
        "async generator"
    } else {
        "generator"
    };
    let text = if value.is_instance(exc::STOP_ITERATION.get()) {
        format!("{kind} raised StopIteration")
    } else if code.has_flag(CodeFlags::ASYNC_GENERATOR) && value.is_instance(exc::STOP_ASYNC_ITERATION.get()) {
        format!("{kind} raised StopAsyncIteration")
    } else {
        return Ok(value.to_owned());
    };
    let made = raise::make(&exc::RUNTIME_ERROR, vec![Owned::str(&text)]);
    ExceptionObject::of(*made).set_cause(Some(value.to_owned()));
    ExceptionObject::of(*made).set_context(Some(value.to_owned()));
    Ok(made)
}
