//! Calls of callables that the eval loop knows: `len`, `isinstance`, `type`, `list.append`, bound methods, functions that
//! take defaults. The cell of a site holds the builtin it stands for, which so outlives the site.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::interp::call_frame::push_frame_with_arguments;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::{Frame, into_owned};
use crate::object::refcount::FREE_THREADED;
use crate::object::value::Value;
use crate::protocol::special;
use crate::sync::Ordering;
use crate::threads::thread_state::has_other_threads;
use crate::types::builtin_types::{TYPE, shapes};
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::list::ListObject;
use crate::types::method::MethodObject;
use crate::types::set::SetObject;
use crate::types::string::StrObject;
use crate::types::tuple::TupleObject;

/// Whether the site has a cell whose object is what it calls, with `n` arguments and no self.
#[inline(always)]
fn calls_its_builtin(r: &mut Regs<'_>, n: usize) -> bool {
    let cell = r.cell();
    r.peek(n + 1) == 0 && cell.object().is_some_and(|known| known.bits() == r.value(n + 2).bits())
}

/// The result takes the place of callable, empty self and one argument.
#[inline(always)]
fn finish_one(r: &mut Regs<'_>, result: Value) -> Flow {
    let argument = r.pop();
    r.pop();
    let callable = r.peek(1);
    r.set(1, result.bits());
    r.release_last(argument);
    r.release_last_too(callable);
    Flow::Next
}

/// `len(x)` of a built-in container.
#[inline(always)]
pub fn call_len(r: &mut Regs<'_>) -> Flow {
    let value = r.value(1);
    if calls_its_builtin(r, 1) && value.is_pointer() {
        let len = match value.shape() {
            shapes::LIST => ListObject::of(value).len(),
            shapes::TUPLE => TupleObject::of(value).len(),
            shapes::STR => StrObject::of(value).len(),
            shapes::DICT => DictObject::of(value).len(),
            shapes::SET => SetObject::of(value).len(),
            _ => return r.instead(Opcode::CALL_BUILTIN_O),
        };
        return finish_one(r, Value::small_int_unchecked(len as i64));
    }
    r.instead(Opcode::CALL_BUILTIN_O)
}

/// `isinstance(x, class)` where the classes alone decide.
#[inline(always)]
pub fn call_isinstance(r: &mut Regs<'_>) -> Flow {
    if calls_its_builtin(r, 2) {
        if let Some(truth) = special::is_instance_by_classes(r.value(2), r.value(1), r.thread) {
            let class = r.pop();
            r.release_now(class);
            return finish_one(r, Value::bool(truth));
        }
    }
    r.instead(Opcode::CALL_BUILTIN_FAST)
}

/// `type(x)`.
#[inline(always)]
pub fn call_type_1(r: &mut Regs<'_>) -> Flow {
    r.skip_cell();
    if r.peek(2) == 0 && r.value(3).bits() == TYPE.get().value().bits() {
        let ty = r.value(1).type_object().value().to_owned().into_raw();
        return finish_one(r, ty);
    }
    r.miss(Opcode::CALL)
}

/// `x.append(y)` of a list.
#[inline(always)]
pub fn call_list_append(r: &mut Regs<'_>) -> Flow {
    let cell = r.cell();
    // Without a self the word is empty, and no value.
    if r.peek(2) == 0 || (FREE_THREADED && has_other_threads()) {
        return r.instead(Opcode::CALL_METHOD_DESCRIPTOR_O);
    }
    let list = r.value(2);
    if list.has_shape(shapes::LIST) && cell.object().is_some_and(|known| known.bits() == r.value(3).bits()) {
        let word = r.peek(1);
        if ListObject::of(list).push_alone(|| into_owned(word)) {
            r.pop();
            let list = r.pop();
            let callable = r.pop();
            // SAFETY: no code ends with a call.
            let unit = unsafe { (*r.ip).load(Ordering::Relaxed) };
            if unit as u8 == Opcode::POP_TOP as u8 {
                // SAFETY: behind the POP_TOP.
                r.ip = unsafe { r.ip.add(1) };
            } else {
                r.push(Value::none().bits());
            }
            r.release_last(list);
            r.release_last_too(callable);
            return Flow::Next;
        }
    }
    r.instead(Opcode::CALL_METHOD_DESCRIPTOR_O)
}

/// A Python function that takes more parameters by position than it is given: the last ones have defaults.
#[inline(always)]
pub fn call_py_general(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    let n = oparg as usize;
    let callable = r.value(n + 2);
    if !callable.has_shape(shapes::FUNCTION) {
        return r.miss(Opcode::CALL);
    }
    let function = FunctionObject::of(callable);
    let code = function.code();
    let total = n + usize::from(r.peek(n + 1) != 0);
    let argcount = code.argcount as usize;
    if !code.is_simple || argcount <= total {
        return r.miss(Opcode::CALL);
    }
    let Some(defaults) = function.defaults.load_own() else { return r.instead(Opcode::CALL) };
    let items = TupleObject::of(*defaults).items();
    let missing = argcount - total;
    // SAFETY: the words leave the stack with the callable; the parameters come first in the locals.
    unsafe {
        let frame = if items.len() < missing {
            None
        } else {
            push_frame_with_arguments(r.thread, r.peek(n + 2), code, r.sp.sub(total), total)
        };
        let Some(frame) = frame else {
            return r.instead(Opcode::CALL);
        };
        let mut to = Frame::locals_ptr(frame).add(total);
        for item in &items[items.len() - missing..] {
            to.write(item.to_owned().into_raw().bits());
            to = to.add(1);
        }
        r.note_return();
        (*r.frame).sp = r.sp.sub(n + 2);
        r.enter(frame);
    }
    r.release_last(defaults.into_raw().bits());
    Flow::Next
}

/// A bound method of a Python function that takes exactly these arguments.
#[inline(always)]
pub fn call_bound_method_exact_args(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    let n = oparg as usize;
    let callable = r.value(n + 2);
    if !callable.has_shape(shapes::METHOD) || r.peek(n + 1) != 0 {
        return r.miss(Opcode::CALL);
    }
    let method = MethodObject::of(callable);
    if !method.function.has_shape(shapes::FUNCTION) {
        return r.miss(Opcode::CALL);
    }
    let code = FunctionObject::of(*method.function).code();
    if !code.is_simple || code.argcount as usize != n + 1 {
        return r.miss(Opcode::CALL);
    }
    // SAFETY: the callee takes exactly these words; they leave the stack with the method, which keeps what it holds alive
    // until the callee's frame has its own counts.
    unsafe {
        let first = r.sp.sub(n + 1);
        let function = *method.function;
        *first = method.receiver.to_owned().into_raw().bits();
        let Some(frame) = push_frame_with_arguments(r.thread, function.bits(), code, first, n + 1) else {
            // Not the last count: the method has one.
            drop(into_owned(first.replace(0)));
            return r.instead(Opcode::CALL);
        };
        std::mem::forget(function.to_owned());
        let word = r.peek(n + 2);
        r.note_return();
        (*r.frame).sp = r.sp.sub(n + 2);
        r.enter(frame);
        r.release_last(word);
    }
    Flow::Next
}
