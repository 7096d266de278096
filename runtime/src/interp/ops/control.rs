//! Jumps, function entry and exit.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::call_frame::pop_frame;
use crate::interp::dispatch::{Flow, Regs, is_entry, owns_count, release_quickly};
use crate::interp::frame::{FRAME_DROP_RESULT, FRAME_ENTRY, FRAME_INIT, Frame, FrameOwner, close, into_owned};
use crate::interp::ops::load_store::specialize_as;
use crate::interp::tracing;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::Value;
use crate::sync::{Ordering, fence};
use crate::threads::safepoint;
use crate::threads::thread_state::{REQUEST_TRACE, Thread};

/// The start of a function that may run for the first time, or the way on after a `yield` or `await`.
#[inline(always)]
pub fn resume_unprepared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    if oparg & 3 == 0 {
        r.code().prepare();
        specialize_as(r.frame, Opcode::RESUME_CHECK);
    }
    resume(r, oparg)
}

/// The start of a function whose code is ready.
#[inline(always)]
pub fn resume_prepared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    if FREE_THREADED {
        // Pairs with the Release in `specialize_as`: who reads this opcode sees the cells.
        fence(Ordering::Acquire);
    }
    resume(r, oparg)
}

#[inline(always)]
fn resume(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let _ = oparg;
    if r.thread.requests() != 0 {
        // Out of line: the handler needs no stack then.
        return r.instead(Opcode::INSTRUMENTED_RESUME);
    }
    if r.thread.chain_is_long() { Flow::Back } else { Flow::Next }
}

/// RESUME with requests to serve.
#[inline(always)]
pub fn resume_serving(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    // Not after `yield from` and `await`: the inner one has polled.
    if oparg & 3 < 2 && safepoint::serve(r.thread).is_err() {
        return Flow::Raised;
    }
    if r.thread.requests() & REQUEST_TRACE != 0 && tracing::look(r.frame) {
        // Once more, instrumented.
        // SAFETY: the running frame.
        r.ip = unsafe { (*r.frame).ip };
    }
    Flow::Next
}

/// Gives the events of the instruction that stands here, and lets it work.
#[inline(always)]
pub fn instrumented(r: &mut Regs<'_>) -> Flow {
    r.sync();
    match tracing::before_instruction(r.thread, r.frame) {
        Ok(tracing::Next::Original(opcode)) => match Opcode::from_u8(opcode) {
            Some(opcode) => r.instead(opcode),
            None => Flow::Raised,
        },
        Ok(tracing::Next::Elsewhere) => {
            // SAFETY: the running frame.
            unsafe {
                r.ip = (*r.frame).ip;
                r.sp = (*r.frame).sp;
            }
            Flow::Back
        }
        Err(_) => {
            // SAFETY: as above.
            r.sp = unsafe { (*r.frame).sp };
            Flow::Raised
        }
    }
}

#[inline(always)]
pub fn jump_backward(r: &mut Regs<'_>, oparg: u32) -> Flow {
    if r.thread.requests() != 0 {
        return r.instead(Opcode::INSTRUMENTED_JUMP_BACKWARD);
    }
    r.jump(oparg);
    if r.thread.chain_is_long() { Flow::Back } else { Flow::Next }
}

/// JUMP_BACKWARD with requests to serve.
#[inline(always)]
pub fn jump_backward_serving(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    if safepoint::serve(r.thread).is_err() {
        return Flow::Raised;
    }
    if r.thread.requests() & REQUEST_TRACE != 0 {
        tracing::look(r.frame);
    }
    r.jump(oparg);
    Flow::Next
}

#[inline(always)]
pub fn pop_jump_if(r: &mut Regs<'_>, oparg: u32, wanted: bool) -> Flow {
    // The compiler puts TO_BOOL or a comparison before it: the operand is an immortal bool.
    // SAFETY: not empty.
    let value = unsafe { Value::from_bits(r.pop()) };
    let is_true = value.bits() & !0xC == Value::true_().bits();
    if is_true == wanted {
        r.jump(oparg);
    }
    Flow::Next
}

#[inline(always)]
pub fn pop_jump_if_none(r: &mut Regs<'_>, oparg: u32, wanted: bool) -> Flow {
    let word = r.pop();
    // SAFETY: not empty.
    let is_none = unsafe { Value::from_bits(word) }.is_none();
    if is_none == wanted {
        r.jump(oparg);
    }
    r.release_last(word);
    Flow::Next
}

/// Returns from a function to its caller in the eval loop; the rest is for [`return_value_slow`].
#[inline(always)]
pub fn return_value(r: &mut Regs<'_>) -> Flow {
    let frame = r.frame;
    // SAFETY: the running frame, its words, and the caller's frame.
    unsafe {
        let flags = (*frame).flags;
        let is_plain = (*frame).owner == FrameOwner::Thread
            && flags & (FRAME_ENTRY | FRAME_DROP_RESULT) == 0
            && (*frame).frame_object == 0
            && (*frame).locals == 0;
        let top = r.sp.sub(1);
        // What is borrowed from a local gets a count before the local is released.
        let word = into_owned(*top).into_raw().bits();
        *top = word;
        if !is_plain || (flags & FRAME_INIT != 0 && !Value::from_bits(word).is_none()) {
            return r.instead(Opcode::INSTRUMENTED_CALL_KW);
        }
        let mut at = Frame::locals_ptr(frame);
        while at < top {
            let word = *at;
            if owns_count(word) {
                if !release_quickly(word) {
                    // What has been released is empty.
                    return r.instead(Opcode::INSTRUMENTED_CALL_KW);
                }
                *at = 0;
            }
            at = at.add(1);
        }
        let func = (*frame).func;
        (*frame).func = 0;
        r.thread.recursion_left += 1;
        r.thread.stack.pop_to(frame.cast());
        r.resume_caller((*frame).previous);
        r.release_last(func);
        if flags & FRAME_INIT == 0 {
            r.push(word);
        }
        Flow::Next
    }
}

/// RETURN_VALUE where something is left to be done: a generator, a frame that someone holds, the entry frame, locals that
/// die.
#[inline(always)]
pub fn return_value_slow(r: &mut Regs<'_>) -> Flow {
    let word = into_owned(r.pop()).into_raw().bits();
    r.sync();
    let frame = r.frame;
    // SAFETY: the running frame.
    unsafe {
        if (*frame).owner == FrameOwner::Generator {
            return return_from_generator(r, word);
        }
        let flags = (*frame).flags;
        let previous = (*frame).previous;
        if (*frame).frame_object != 0 || (*frame).locals != 0 {
            pop_frame_slow(r.thread, frame);
        } else {
            let mut at = Frame::locals_ptr(frame);
            while at < r.sp {
                let word = at.replace(0);
                r.release_now(word);
                at = at.add(1);
            }
            let func = (*frame).func;
            (*frame).func = 0;
            r.thread.frame = previous;
            r.thread.recursion_left += 1;
            r.thread.stack.pop_to(frame.cast());
            if flags & FRAME_ENTRY == 0 {
                r.frame = previous;
                r.release_last(func);
            } else {
                close(func, r.thread);
            }
        }
        if flags & FRAME_ENTRY != 0 {
            return exit_with(r, word);
        }
        r.resume_caller(previous);
        if flags & (FRAME_INIT | FRAME_DROP_RESULT) != 0 {
            // SAFETY: an owned word.
            if flags & FRAME_INIT != 0 && !Value::from_bits(word).is_none() {
                // The caller's `ip` is the call.
                r.ip = (*previous).ip;
                wrong_init_result_slow(r.thread, word);
                return Flow::Raised;
            }
            r.release_last_too(word);
            return Flow::Next;
        }
        r.push(word);
        Flow::Next
    }
}

#[inline(never)]
fn pop_frame_slow(thread: &mut Thread, frame: *mut Frame) {
    pop_frame(thread, frame);
}

/// `__init__` called by a class call: the instance, which lies on the caller's stack already, is the result.
#[cold]
fn wrong_init_result_slow(thread: &mut Thread, word: u64) {
    // SAFETY: an owned word.
    let name = unsafe { Value::from_bits(word) }.type_object().full_name();
    close(word, thread);
    let _ = thread.raise_type_error(format!("__init__() should return None, not '{name}'"));
}

/// Leaves the eval loop with an owned word.
#[inline(always)]
pub fn exit_with(r: &mut Regs<'_>, word: u64) -> Flow {
    // The word is handed over in the thread: the frame it stood on may be gone.
    r.thread.exit_word = word;
    Flow::Exit
}

#[inline(always)]
fn return_from_generator(r: &mut Regs<'_>, word: u64) -> Flow {
    let frame = r.frame;
    // SAFETY: the running frame, which its generator owns.
    let (previous, entry) = unsafe { ((*frame).previous, is_entry(frame)) };
    crate::interp::resume::finish_generator(r.thread, frame);
    if entry {
        return exit_with(r, word);
    }
    super::generator::returned_inline(r, previous, word)
}

#[inline(always)]
pub fn exit_init_check(r: &mut Regs<'_>) -> Flow {
    let value = r.value(1);
    if !value.is_none() {
        r.sync();
        let name = value.type_object().full_name();
        let _ = r.thread.raise(&exc::TYPE_ERROR, format!("__init__() should return None, not '{name}'"));
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

/// The innermost frame of the thread that is shown to Python code.
pub fn visible_frame(mut frame: *mut Frame) -> *mut Frame {
    // SAFETY: the chain of live frames.
    unsafe {
        while !frame.is_null() && (*frame).is_incomplete() {
            frame = (*frame).previous;
        }
    }
    frame
}
