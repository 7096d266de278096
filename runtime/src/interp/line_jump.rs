//! Assignment to `frame.f_lineno`: where a traced frame may go on, and what leaves its stack on the way.
//!
//! What lies on the stack at each instruction is found by walking the code. A jump is possible to an instruction whose
//! stack is what remains of the present one when values are popped.

use pyrt_compiler::bytecode::code::CodeFlags;
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::frame::{Frame, close, into_owned};
use crate::interp::locations;
use crate::interp::tracing::{event, instructions};
use crate::interp::translate::unit_length;
use crate::object::value::{PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::code::CodeObject;

/// What a stack word is to a jump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Iterator,
    Except,
    Object,
    Null,
    Lasti,
}

type Stack = Vec<Kind>;

/// Moves a frame to the first instruction of a line.
pub fn jump(frame: *mut Frame, line: i64, thread: &mut Thread) -> PyResult<()> {
    match thread.trace_event {
        event::LINE | event::PY_YIELD => {}
        event::PY_START => return Err(thread.raise_value_error("can't jump from the 'call' trace event of a new frame")),
        _ => return Err(thread.raise_value_error("can only jump from a 'line' trace event")),
    }
    // SAFETY: a live frame of this thread.
    let code = unsafe { (*frame).code() };
    if line < i64::from(code.firstlineno) {
        return Err(thread.raise_value_error(format!("line {line} comes before the current code block")));
    }
    let lines = marked_lines(code);
    let Some(line) = lines.iter().map(|(_, marked)| i64::from(*marked)).filter(|marked| *marked >= line).min() else {
        return Err(thread.raise_value_error(format!("line {line} comes after the current code block")));
    };
    let stacks = stacks_of(code);
    // SAFETY: as above.
    let here = unsafe { (*frame).unit() };
    let Some(start) = stacks.get(here).cloned().flatten() else {
        return Err(thread.raise_value_error("can't jump from unreachable code"));
    };
    let mut best: Option<(usize, &Stack)> = None;
    let mut problem = "cannot find bytecode for specified line";
    let mut is_explained = false;
    for &(unit, _) in lines.iter().filter(|(_, marked)| i64::from(*marked) == line) {
        match stacks.get(unit).and_then(Option::as_ref) {
            Some(target) if is_compatible(&start, target) => {
                if best.is_none_or(|(_, stack)| target.len() > stack.len()) {
                    best = Some((unit, target));
                }
            }
            target if !is_explained => {
                problem = explain(target);
                is_explained = true;
            }
            _ => {}
        }
    }
    let Some((unit, target)) = best else { return Err(thread.raise_value_error(problem)) };
    fill_unbound(frame, code, thread)?;
    let mut stack = start.clone();
    while stack.len() > target.len() {
        let kind = stack.pop();
        // SAFETY: the walk says that the word is there.
        let word = unsafe {
            (*frame).sp = (*frame).sp.sub(1);
            (*frame).sp.replace(0)
        };
        if kind == Some(Kind::Except) && word != 0 {
            let exception = into_owned(word);
            // SAFETY: the thread's innermost entry is alive.
            let old = unsafe {
                let info = thread.exc_info;
                std::mem::replace(&mut (*info).value, if exception.is_none() { None } else { Some(exception) })
            };
            drop(old);
        } else {
            close(word, thread);
        }
    }
    // SAFETY: a unit of the code.
    unsafe {
        (*frame).ip = code.units.as_ptr().add(unit);
        (*frame).lineno = -2;
    }
    Ok(())
}

/// Locals that the compiler takes for bound where the jump leads become None.
fn fill_unbound(frame: *mut Frame, code: &CodeObject, thread: &mut Thread) -> PyResult<()> {
    use pyrt_compiler::bytecode::code::LocalKind;
    let is_unbound = |i: &usize| {
        let kind = code.local_kind(*i);
        // SAFETY: within the frame's locals.
        !kind.intersects(LocalKind::CELL | LocalKind::FREE) && unsafe { *Frame::locals_ptr(frame).add(*i) } == 0
    };
    let unbound: Vec<usize> = (0..code.nlocalsplus as usize).filter(is_unbound).collect();
    if unbound.is_empty() {
        return Ok(());
    }
    let (n, s) = (unbound.len(), if unbound.len() == 1 { "" } else { "s" });
    crate::builtins::warn(&exc::RUNTIME_WARNING, &format!("assigning None to {n} unbound local{s}"), 0, thread)?;
    for i in unbound {
        // SAFETY: as above.
        unsafe { *Frame::locals_ptr(frame).add(i) = Value::none().bits() };
    }
    Ok(())
}

/// The units where the line changes, with the new line.
fn marked_lines(code: &CodeObject) -> Vec<(usize, i32)> {
    let mut marked = Vec::new();
    let mut last = None;
    locations::for_each_entry(&code.data.linetable, code.firstlineno, |start, _, position| {
        if let Some(line) = position.line.filter(|line| last != Some(*line)) {
            marked.push((code.unit_of_lasti(start as i32 * 2), line));
            last = Some(line);
        }
        true
    });
    marked
}

fn is_compatible(from: &Stack, to: &Stack) -> bool {
    from.len() >= to.len()
        && from.iter().zip(to).all(|(from, to)| match to {
            Kind::Object => *from != Kind::Null,
            Kind::Null => true,
            to => from == to,
        })
}

fn explain(target: Option<&Stack>) -> &'static str {
    let Some(target) = target else { return "can't jump into unreachable code" };
    match target.last() {
        Some(Kind::Except) => "can't jump into an 'except' block as there's no exception",
        Some(Kind::Lasti) => "can't jump into a re-raising block as there's no location",
        Some(Kind::Iterator) => "can't jump into the body of a for loop",
        _ => "incompatible stacks",
    }
}

/// What lies on the stack before each unit that can be reached.
fn stacks_of(code: &CodeObject) -> Vec<Option<Stack>> {
    let mut stacks: Vec<Option<Stack>> = vec![None; code.units.len() + 1];
    let suspends = CodeFlags::GENERATOR | CodeFlags::COROUTINE | CodeFlags::ASYNC_GENERATOR;
    // A resumed generator finds the value that was sent.
    stacks[0] = Some(if code.flags & suspends.bits() != 0 { vec![Kind::Object] } else { Vec::new() });
    let all = instructions(code);
    let mut again = true;
    while again {
        again = false;
        for &(unit, opcode, oparg) in &all {
            let Some(stack) = stacks[unit].clone() else { continue };
            for (to, stack) in successors(unit, opcode, oparg, stack) {
                if let Some(slot) = stacks.get_mut(to).filter(|slot| slot.is_none()) {
                    *slot = Some(stack);
                    again |= to <= unit;
                }
            }
        }
        for &(unit, _, _) in &all {
            let (Some(handler), Some(stack)) = (code.handler_for(unit), stacks[unit].clone()) else { continue };
            let mut stack = stack;
            stack.truncate(handler.depth as usize);
            if handler.push_lasti {
                stack.push(Kind::Lasti);
            }
            stack.push(Kind::Except);
            if let Some(slot) = stacks.get_mut(handler.target as usize).filter(|slot| slot.is_none()) {
                *slot = Some(stack);
                again = true;
            }
        }
    }
    stacks
}

/// Where an instruction leads, with the stack there.
fn successors(unit: usize, opcode: Opcode, oparg: u32, mut stack: Stack) -> Vec<(usize, Stack)> {
    let next = unit + unit_length(opcode);
    let target = oparg as usize;
    match opcode {
        Opcode::POP_JUMP_IF_FALSE | Opcode::POP_JUMP_IF_TRUE | Opcode::POP_JUMP_IF_NONE | Opcode::POP_JUMP_IF_NOT_NONE => {
            stack.pop();
            return vec![(target, stack.clone()), (next, stack)];
        }
        Opcode::SEND => return vec![(target, stack.clone()), (next, stack)],
        Opcode::JUMP_BACKWARD | Opcode::JUMP_BACKWARD_NO_INTERRUPT | Opcode::JUMP_FORWARD => return vec![(target, stack)],
        Opcode::FOR_ITER => {
            stack.push(Kind::Object);
            return vec![(target, stack.clone()), (next, stack)];
        }
        Opcode::RETURN_VALUE | Opcode::RAISE_VARARGS | Opcode::RERAISE => return Vec::new(),
        Opcode::GET_ITER | Opcode::GET_AITER => {
            stack.pop();
            stack.push(Kind::Iterator);
        }
        Opcode::END_ASYNC_FOR => {
            stack.pop();
            stack.pop();
        }
        Opcode::PUSH_EXC_INFO => stack.push(Kind::Except),
        Opcode::POP_EXCEPT => {
            stack.pop();
        }
        Opcode::PUSH_NULL => stack.push(Kind::Null),
        Opcode::LOAD_GLOBAL => {
            stack.push(Kind::Object);
            if oparg & 1 != 0 {
                stack.push(Kind::Null);
            }
        }
        Opcode::LOAD_ATTR if oparg & 1 != 0 => {
            stack.pop();
            stack.push(Kind::Object);
            stack.push(Kind::Null);
        }
        Opcode::SWAP => {
            let len = stack.len();
            if let Some(other) = len.checked_sub(target) {
                stack.swap(other, len - 1);
            }
        }
        Opcode::COPY => {
            let copied = stack.len().checked_sub(target).and_then(|at| stack.get(at)).copied();
            stack.extend(copied);
        }
        _ => {
            let delta = opcode.stack_effect(oparg);
            for _ in delta..0 {
                stack.pop();
            }
            for _ in 0..delta {
                stack.push(Kind::Object);
            }
        }
    }
    vec![(next, stack)]
}

/// The setter of `f_lineno`.
pub fn assign(frame: *mut Frame, has_trace: bool, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "cannot delete attribute")) };
    if !crate::protocol::convert::is_int(value) {
        return Err(thread.raise_value_error("lineno must be an integer"));
    }
    // At the 'call' event the frame has no trace function yet.
    if !thread.tracing || (!has_trace && thread.trace_event != event::PY_START) {
        return Err(thread.raise_value_error("f_lineno can only be set in a trace function"));
    }
    let line = crate::types::int::as_i64(value).filter(|line| i32::try_from(*line).is_ok());
    match line {
        Some(line) => jump(frame, line, thread),
        None => Err(thread.raise_value_error("lineno out of range")),
    }
}
