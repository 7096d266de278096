//! Generators, coroutines, `yield from`, `await`, asynchronous iteration.

use pyrt_compiler::bytecode::code::CodeFlags;
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs, is_entry};
use crate::interp::frame::{Frame, close, into_owned};
use crate::interp::ops::control::exit_with;
use crate::interp::ops::iterate::{exhausted, generic_for_iter};
use crate::interp::resume::{self, Sent};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call, iterate};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::code::{CodeObject, unit_opcode, unit_oparg};
use crate::types::generator::{self, GeneratorObject};

#[inline(always)]
pub fn return_generator(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let frame = r.frame;
    // SAFETY: the running frame.
    let (previous, entry) = unsafe { ((*frame).previous, is_entry(frame)) };
    let made = generator::from_frame(r.thread, frame);
    let word = match made {
        Ok(made) => made.into_raw().bits(),
        Err(_) => return Flow::Raised,
    };
    if entry {
        return exit_with(r, word);
    }
    r.resume_caller(previous);
    r.push(word);
    Flow::Next
}

#[inline(always)]
pub fn yield_value(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let word = into_owned(r.pop()).into_raw().bits();
    r.sync();
    let frame = r.frame;
    // SAFETY: the running frame, which a generator owns.
    let (previous, entry) = unsafe { ((*frame).previous, is_entry(frame)) };
    resume::suspend(r.thread, frame);
    if entry {
        return exit_with(r, word);
    }
    r.resume_caller(previous);
    r.push(word);
    Flow::Next
}

/// Enters a suspended generator without recursion in Rust. `sent` is given to its `yield`.
#[inline(always)]
fn enter_generator(r: &mut Regs<'_>, generator: Value, sent: u64) -> bool {
    let object = GeneratorObject::of(generator);
    if !object.try_start() {
        return false;
    }
    r.note_return();
    let frame = resume::link(r.thread, object, false);
    // SAFETY: a suspended frame has room for the value on its stack.
    unsafe {
        *(*frame).sp = sent;
        (*frame).sp = (*frame).sp.add(1);
        (*frame).ip = (*frame).ip.add(1);
    }
    r.enter(frame);
    true
}

#[inline(always)]
pub fn for_iter_gen(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let iterator = r.value(1);
    if iterator.has_shape(shapes::GENERATOR) && r.thread.recursion_left > 0 {
        r.skip_cell();
        if enter_generator(r, iterator, Value::none().bits()) {
            return Flow::Next;
        }
        // SAFETY: back to the cell unit.
        r.ip = unsafe { r.ip.sub(1) };
    }
    generic_for_iter(r, oparg)
}

/// A generator entered by `for_iter_gen` or `send` has returned `word`: the caller goes on behind its loop or SEND.
#[inline(always)]
pub fn returned_inline(r: &mut Regs<'_>, previous: *mut Frame, word: u64) -> Flow {
    r.thread.frame = previous;
    r.frame = previous;
    // SAFETY: the caller's frame; its `ip` is the instruction that entered the generator.
    let (unit, opcode) = unsafe {
        r.sp = (*previous).sp;
        r.ip = (*previous).ip.add((*previous).return_offset as usize);
        let unit = (*(*previous).ip).load(Ordering::Relaxed);
        let mut opcode = unit_opcode(unit);
        if opcode == Opcode::INSTRUMENTED_LINE as u8 {
            opcode = crate::interp::tracing::opcode_at((*previous).code(), (*previous).unit());
        }
        (unit, opcode)
    };
    if opcode == Opcode::SEND as u8 || opcode == Opcode::SEND_GEN as u8 {
        r.push(word);
        r.jump(unit_oparg(unit));
        return Flow::Next;
    }
    if crate::interp::tracing::watches_exceptions(r.thread) {
        // SAFETY: an owned word.
        let value = unsafe { Value::from_bits(word) };
        if !value.is_none() && crate::interp::tracing::iteration_stopped(r.thread, previous, value).is_err() {
            close(word, r.thread);
            return Flow::Raised;
        }
    }
    r.release_last_too(word);
    exhausted(r, unit_oparg(unit))
}

#[inline(always)]
pub fn send(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    // receiver, value
    let receiver = r.value(2);
    if (receiver.has_shape(shapes::GENERATOR) || receiver.has_shape(shapes::COROUTINE)) && r.thread.recursion_left > 0 {
        let value = into_owned(r.pop()).into_raw().bits();
        if enter_generator(r, receiver, value) {
            return Flow::Next;
        }
        r.push(value);
    }
    r.sync();
    let value = r.value(1);
    match send_slow(receiver, value, r.thread) {
        Ok(Sent::Yielded(value)) => {
            r.replace(1, value);
            Flow::Next
        }
        Ok(Sent::Returned(value)) => {
            let frame = r.frame;
            if crate::interp::tracing::watches_exceptions(r.thread)
                && !generator::is_generator_like(receiver)
                && crate::interp::tracing::iteration_stopped(r.thread, frame, *value).is_err()
            {
                return Flow::Raised;
            }
            r.replace(1, value);
            r.jump(oparg);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

/// Sends a value to whatever a coroutine can wait for: a generator, an iterator or an object with `send`.
#[inline(never)]
pub fn send_slow(receiver: Value, value: Value, thread: &mut Thread) -> PyResult<Sent> {
    if generator::is_generator_like(receiver) {
        return resume::send(receiver, value.to_owned(), thread);
    }
    if value.is_none() && iterate::is_iterator(receiver) {
        return match iterate::next(receiver, thread) {
            Ok(Some(value)) => Ok(Sent::Yielded(value)),
            Ok(None) => Ok(Sent::Returned(thread.take_iteration_result())),
            Err(raised) => stop_value(raised, thread),
        };
    }
    let method = attribute::get(receiver, crate::names::names().send, thread)?;
    match call::call(*method, &[value], thread) {
        Ok(value) => Ok(Sent::Yielded(value)),
        Err(raised) => stop_value(raised, thread),
    }
}

/// A StopIteration that is being raised is the end, with its value.
pub fn stop_value(raised: crate::object::value::Raised, thread: &mut Thread) -> PyResult<Sent> {
    let exception = thread.catch(raised, &exc::STOP_ITERATION)?;
    let object = crate::exceptions::object::ValueException::of(*exception);
    Ok(Sent::Returned(object.value.load(&object.base.header).unwrap_or_else(Owned::none)))
}

#[inline(always)]
pub fn end_send(r: &mut Regs<'_>) -> Flow {
    // receiver, value -> value
    let value = r.pop();
    let receiver = r.peek(1);
    r.set(1, value);
    r.release_last(receiver);
    Flow::Next
}

#[inline(always)]
pub fn get_yield_from_iter(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let iterable = r.value(1);
    if iterable.has_shape(shapes::COROUTINE) {
        let flags = CodeFlags::COROUTINE | CodeFlags::ITERABLE_COROUTINE;
        if r.code().flags & flags.bits() == 0 {
            let _ = r.thread.raise_type_error("cannot 'yield from' a coroutine object in a non-coroutine generator");
            return Flow::Raised;
        }
        return Flow::Next;
    }
    if iterable.has_shape(shapes::GENERATOR) {
        return Flow::Next;
    }
    let result = iterate::iter(iterable, r.thread);
    r.finish_unary(result)
}

#[inline(always)]
pub fn get_awaitable(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let iterable = r.value(1);
    let result = awaitable_iter(iterable, oparg, r.thread);
    if let Ok(iterator) = &result {
        if iterator.has_shape(shapes::COROUTINE) && generator::is_awaited(**iterator) {
            let _ = r.thread.raise(&exc::RUNTIME_ERROR, "coroutine is being awaited already");
            return Flow::Raised;
        }
    }
    r.finish_unary(result)
}

/// The iterator of `await value`; `context` is 1 for `__aenter__`, 2 for `__aexit__`.
pub fn awaitable_iter(value: Value, context: u32, thread: &mut Thread) -> PyResult {
    if value.has_shape(shapes::COROUTINE) {
        return Ok(value.to_owned());
    }
    if value.has_shape(shapes::GENERATOR) {
        let code = GeneratorObject::of(value).code();
        if CodeObject::of(code).has_flag(CodeFlags::ITERABLE_COROUTINE) {
            return Ok(value.to_owned());
        }
    }
    let ty = value.type_object();
    if let Some(await_) = ty.slots.await_.get() {
        let result = await_(value, thread)?;
        let is_coroutine = result.has_shape(shapes::COROUTINE)
            || (result.has_shape(shapes::GENERATOR)
                && CodeObject::of(GeneratorObject::of(*result).code()).has_flag(CodeFlags::ITERABLE_COROUTINE));
        if is_coroutine {
            return Err(thread.raise_type_error("__await__() returned a coroutine"));
        }
        if result.type_object().slots.iternext.raw() == 0 {
            let name = result.type_object().full_name();
            return Err(thread.raise_type_error(format!("__await__() returned non-iterator of type '{name}'")));
        }
        return Ok(result);
    }
    let name = ty.full_name();
    Err(thread.raise_type_error(match context {
        1 => format!("'async with' received an object from __aenter__ that does not implement __await__: {name}"),
        2 => format!("'async with' received an object from __aexit__ that does not implement __await__: {name}"),
        _ => format!("'{name}' object can't be awaited"),
    }))
}

#[inline(always)]
pub fn get_aiter(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = get_aiter_slow(r.value(1), r.thread);
    r.finish_unary(result)
}

fn get_aiter_slow(value: Value, thread: &mut Thread) -> PyResult {
    let ty = value.type_object();
    let Some(aiter) = ty.slots.aiter.get() else {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("'async for' requires an object with __aiter__ method, got {name}")));
    };
    let iterator = aiter(value, thread)?;
    if iterator.type_object().slots.anext.raw() == 0 {
        let name = iterator.type_object().full_name();
        return Err(thread.raise_type_error(format!(
            "'async for' received an object from __aiter__ that does not implement __anext__: {name}"
        )));
    }
    Ok(iterator)
}

#[inline(always)]
pub fn get_anext(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = get_anext_slow(r.value(1), r.thread);
    r.push_result(result)
}

fn get_anext_slow(value: Value, thread: &mut Thread) -> PyResult {
    let ty = value.type_object();
    let Some(anext) = ty.slots.anext.get() else {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("'async for' requires an iterator with __anext__ method, got {name}")));
    };
    let next = anext(value, thread)?;
    if value.has_shape(shapes::ASYNC_GENERATOR) {
        return Ok(next);
    }
    match awaitable_iter(*next, 0, thread) {
        Ok(awaitable) => Ok(awaitable),
        Err(raised) => {
            let Some(cause) = thread.take_exception() else { return Err(raised) };
            let name = next.type_object().full_name();
            let error = crate::exceptions::make(
                &exc::TYPE_ERROR,
                vec![Owned::str(&format!("'async for' received an invalid object from __anext__: {name}"))],
            );
            let object = crate::exceptions::ExceptionObject::of(*error);
            object.set_cause(Some(cause.clone()));
            object.set_context(Some(cause));
            Err(thread.reraise(error))
        }
    }
}

#[inline(always)]
pub fn end_async_for(r: &mut Regs<'_>) -> Flow {
    // awaitable, exception
    let exception = r.value(1);
    if exception.is_instance(exc::STOP_ASYNC_ITERATION.get()) {
        r.drop_n(2);
        return Flow::Next;
    }
    let exception = exception.to_owned();
    r.sync();
    r.thread.silent_reraise = true;
    let _ = r.thread.reraise(exception);
    Flow::Raised
}
