//! From a raised exception to its handler: traceback entries, the exception table, frames that are left.

use crate::exceptions::ExceptionObject;
use crate::interp::call_frame;
use crate::interp::tracing;
use crate::interp::frame::{FRAME_ENTRY, Frame, FrameOwner, clear_words};
use crate::object::value::{Owned, Raised, Value};
use crate::threads::thread_state::Thread;
use crate::types::traceback;

/// Finds the handler for the thread's exception, leaving frames on the way. Gives the frame to go on in, or none when
/// the entry frame has been left too: the exception then stays in the thread.
#[cold]
pub fn unwind(thread: &mut Thread, frame: *mut Frame) -> Option<*mut Frame> {
    let mut frame = frame;
    let mut add_entry = true;
    loop {
        // SAFETY: `frame` is the running frame, with `ip` and `sp` written.
        unsafe {
            let code = (*frame).code();
            // RERAISE looks for its handler where it stands itself.
            let unit = match std::mem::replace(&mut thread.reraise_unit, u32::MAX) {
                u32::MAX => (*frame).unit(),
                unit => unit as usize,
            };
            if add_entry && !is_silent_reraise(thread) {
                if !(*frame).is_incomplete() {
                    add_traceback_entry(thread, frame);
                }
            }
            if tracing::watches_exceptions(thread) && !(*frame).is_incomplete() {
                tracing::exception_raised(thread, frame, add_entry && is_silent_reraise(thread));
            }
            clear_reraise_mark(thread);
            let lasti = (*frame).lasti();
            if let Some(handler) = code.handler_for(unit) {
                if tracing::watches_exceptions(thread) {
                    (*frame).ip = code.units.as_ptr().add(handler.target as usize);
                    tracing::exception_handled(thread, frame);
                    (*frame).lineno = -2;
                }
                let stack = Frame::stack_ptr(frame);
                let target = stack.add(handler.depth as usize);
                while (*frame).sp > target {
                    (*frame).sp = (*frame).sp.sub(1);
                    let word = (*frame).sp.replace(0);
                    crate::interp::frame::close(word, thread);
                }
                if handler.push_lasti {
                    *(*frame).sp = Value::plain_int(i64::from(lasti)).bits();
                    (*frame).sp = (*frame).sp.add(1);
                }
                let exception = thread.take_exception().unwrap_or_else(Owned::none);
                *(*frame).sp = exception.into_raw().bits();
                (*frame).sp = (*frame).sp.add(1);
                (*frame).ip = code.units.as_ptr().add(handler.target as usize);
                return Some(frame);
            }
            // No handler here: leave the frame.
            let is_entry = (*frame).flags & FRAME_ENTRY != 0;
            let previous = (*frame).previous;
            if tracing::watches_exceptions(thread) && !(*frame).is_incomplete() {
                tracing::frame_unwound(thread, frame);
            }
            call_frame::leave_failed(thread, frame);
            if is_entry {
                return None;
            }
            frame = previous;
            add_entry = true;
        }
    }
}

/// The native stack is nearly used up: the frame is left before it has run.
#[cold]
pub fn abandon_entry(thread: &mut Thread, frame: *mut Frame) -> Raised {
    thread.frame = frame;
    let raised = thread.raise_recursion_error("");
    // SAFETY: the frame is set up and has not run.
    unsafe {
        if (*frame).owner == FrameOwner::Generator {
            (*frame).flags &= !FRAME_ENTRY;
        }
        call_frame::leave_failed(thread, frame);
    }
    raised
}

/// Puts `frame`'s current instruction on the traceback of the thread's exception.
pub fn add_traceback_entry(thread: &mut Thread, frame: *mut Frame) {
    let Some(exception) = thread.take_exception() else { return };
    let object = ExceptionObject::of(*exception);
    // SAFETY: the running frame.
    let lasti = unsafe { (*frame).lasti() };
    let frame_object = crate::types::frame_object::of_frame(frame);
    // The line is found when it is asked for.
    let entry = traceback::new(object.traceback(), frame_object, lasti, -1);
    object.set_traceback(Some(entry));
    thread.set_exception(exception);
}

/// RERAISE keeps the traceback as it is: no entry for the frame that re-raises.
fn is_silent_reraise(thread: &Thread) -> bool {
    thread.silent_reraise
}

fn clear_reraise_mark(thread: &mut Thread) {
    thread.silent_reraise = false;
}

/// Empties a frame's locals and stack.
pub fn clear_frame(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: the frame is being left; nothing else uses its words.
    unsafe {
        let sp = (*frame).sp;
        let first = Frame::locals_ptr(frame);
        (*frame).sp = Frame::stack_ptr(frame);
        // Locals die before what is left on the stack, as in CPython.
        clear_words(first, Frame::stack_ptr(frame), thread);
        clear_words(Frame::stack_ptr(frame), sp, thread);
    }
}
