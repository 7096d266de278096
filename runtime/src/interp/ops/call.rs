//! Calls.

use pyrt_compiler::bytecode::instructions::{Intrinsic1, Intrinsic2, Opcode};

use crate::exceptions::exc;
use crate::interp::call_frame::{bind, discard_frame, move_arguments, push_function_frame, take_arguments};
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::into_owned;
use crate::interp::ops::load_store::{miss_slow, specialize_as};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::call;
use crate::types::builtin_types::shapes;
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::method::MethodObject;
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{TYPE_DICT_SUBCLASS, TYPE_TUPLE_SUBCLASS};

/// A bound method on the callable slot is taken apart: function and self.
#[inline(always)]
fn unpack_method(r: &mut Regs<'_>, n: usize) {
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::METHOD) && r.peek(n + 1) == 0 {
        let method = MethodObject::of(callable);
        let (function, receiver) = (method.function.clone(), method.receiver.clone());
        r.set(n + 1, receiver.into_raw().bits());
        r.replace(n + 2, function);
    }
}

#[inline(always)]
pub fn call(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    r.sync();
    let n = oparg as usize;
    unpack_method(r, n);
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::FUNCTION) {
        let total = n + usize::from(r.peek(n + 1) != 0);
        let function = FunctionObject::of(callable);
        let code = function.code();
        if code.is_simple && code.argcount as usize == total && cell.should_attempt() {
            let version = function.take_version();
            if version != 0 {
                cell.publish(u64::from(version));
                specialize_as(r.frame, Opcode::CALL_PY_EXACT_ARGS);
            }
        }
        return enter_function(r, n, None);
    }
    call_other(r, n, KwNames::NONE)
}

#[inline(always)]
pub fn call_py_exact_args(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let n = oparg as usize;
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::FUNCTION) {
        let function = FunctionObject::of(callable);
        let code = function.code();
        let has_self = usize::from(r.peek(n + 1) != 0);
        if u64::from(function.version()) == cell.word() && code.argcount as usize == n + has_self {
            r.note_return();
            // SAFETY: the callee takes exactly these words; they leave the stack with the callable.
            unsafe {
                let first = r.sp.sub(n + has_self);
                let base = r.sp.sub(n + 2);
                let Ok(frame) = push_function_frame(r.thread, *base, code) else {
                    // The callable is gone already; the rest goes with the stack.
                    *base = Value::none().bits();
                    return Flow::Raised;
                };
                move_arguments(frame, first, n + has_self);
                (*r.frame).sp = base;
                r.enter(frame);
            }
            return Flow::Next;
        }
    }
    miss_slow(r.frame, Opcode::CALL);
    // SAFETY: back to the cell unit.
    r.ip = unsafe { r.ip.sub(1) };
    call(r, oparg)
}

/// Enters a Python function whose callable, self and `n` arguments (keyword values included) are on the stack.
#[inline(always)]
fn enter_function(r: &mut Regs<'_>, n: usize, kwnames: Option<Owned>) -> Flow {
    let callable = r.value(n + 2);
    let function = FunctionObject::of(callable);
    let code = function.code();
    let has_self = usize::from(r.peek(n + 1) != 0);
    let total = n + has_self;
    r.note_return();
    // SAFETY: the stack holds callable, self and arguments; they leave it here.
    unsafe {
        let base = r.sp.sub(n + 2);
        let first = r.sp.sub(total);
        let func_word = into_owned(*base).into_raw().bits();
        *base = Value::none().bits();
        let Ok(frame) = push_function_frame(r.thread, func_word, code) else { return Flow::Raised };
        if kwnames.is_none() && code.is_simple && code.argcount as usize == total {
            move_arguments(frame, first, total);
            (*r.frame).sp = base;
            r.enter(frame);
            return Flow::Next;
        }
        let n_keywords = kwnames.as_ref().map_or(0, |names| TupleObject::of(**names).len());
        let mut words = take_arguments(first, total);
        (*r.frame).sp = base;
        r.sp = base;
        let values = words.split_off(total - n_keywords);
        let keywords = match &kwnames {
            Some(names) => TupleObject::of(**names).items().iter().map(|name| name.to_owned()).zip(values).collect(),
            None => Vec::new(),
        };
        if bind(function, code, frame, words, keywords, r.thread).is_err() {
            discard_frame(r.thread, frame);
            return Flow::Raised;
        }
        r.enter(frame);
    }
    Flow::Next
}

/// Calls anything else; the result replaces callable, self and arguments.
#[inline(always)]
fn call_other(r: &mut Regs<'_>, n: usize, kwnames: KwNames) -> Flow {
    let callable = r.value(n + 2);
    let has_self = usize::from(r.peek(n + 1) != 0);
    let n_positional = n + has_self - kwnames.len();
    // SAFETY: the words lie on the stack during the call.
    let args = unsafe { Args::from_raw(r.sp.sub(n + has_self), n_positional) };
    let result = call::call_args(callable, args, kwnames, r.thread);
    finish_call(r, n, result)
}

#[inline(always)]
fn finish_call(r: &mut Regs<'_>, n: usize, result: PyResult) -> Flow {
    match result {
        Ok(value) => {
            r.drop_n(n);
            let receiver = r.pop();
            if receiver != 0 {
                r.release(receiver);
            }
            r.replace(1, value);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn call_kw(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    // The names are a constant of the code, which the frame holds.
    let names = r.pop_owned();
    r.sync();
    let n = oparg as usize;
    unpack_method(r, n);
    if r.value(n + 2).has_shape(shapes::FUNCTION) {
        return enter_function(r, n, Some(names));
    }
    call_other(r, n, KwNames(Some(*names)))
}

#[inline(always)]
pub fn call_function_ex(r: &mut Regs<'_>) -> Flow {
    r.sync();
    match call_function_ex_slow(r) {
        Ok(None) => Flow::Next,
        Ok(Some(value)) => {
            // callable, NULL, args, kwargs
            r.pop_optional_release();
            r.drop_top();
            let receiver = r.pop();
            r.release(receiver);
            r.replace(1, value);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

impl Regs<'_> {
    fn pop_optional_release(&mut self) {
        let word = self.pop();
        self.release(word);
    }
}

#[inline(never)]
fn call_function_ex_slow(r: &mut Regs<'_>) -> PyResult<Option<Owned>> {
    let callable = r.value(4);
    let mut positional = r.value(2);
    let keywords = Value::from_slot(r.peek(1)).map(Value::unmarked);
    if !positional.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        if !crate::protocol::iterate::is_iterable(positional) {
            let what = call::describe(callable, r.thread);
            let ty = positional.type_object().full_name();
            return Err(r.thread.raise_type_error(format!("{what} argument after * must be an iterable, not {ty}")));
        }
        let items = crate::protocol::iterate::collect(positional, r.thread)?;
        r.replace(2, tuple::from_vec(items));
        positional = r.value(2);
    }
    let items = TupleObject::of(positional).items();
    let mut values: Vec<Value> = items.to_vec();
    let mut names = Vec::new();
    let entries = match keywords {
        Some(keywords) if keywords.type_has_flag(TYPE_DICT_SUBCLASS) => DictObject::of(keywords).entries(),
        _ => Vec::new(),
    };
    for entry in &entries {
        if !crate::types::string::is_str(*entry.key) {
            return Err(r.thread.raise_type_error("keywords must be strings"));
        }
        names.push(entry.key.clone());
        values.push(*entry.value);
    }
    let n = items.len();
    if callable.has_shape(shapes::FUNCTION) {
        let function = FunctionObject::of(callable);
        let code = function.code();
        let positional: Vec<Owned> = items.iter().map(|item| item.to_owned()).collect();
        let keywords = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        r.note_return();
        // SAFETY: the function is held by the frame; the four words leave the stack.
        unsafe {
            let frame = push_function_frame(r.thread, callable.to_owned().into_raw().bits(), code)?;
            if let Err(raised) = bind(function, code, frame, positional, keywords, r.thread) {
                discard_frame(r.thread, frame);
                return Err(raised);
            }
            // The callee's frame is not linked yet: what the old operands' deaths run is called from this frame.
            let base = r.sp.sub(4);
            let words = [*base, *base.add(1), *base.add(2), *base.add(3)];
            r.sp = base;
            r.sync();
            for word in words {
                crate::interp::frame::close(word, r.thread);
            }
            r.enter(frame);
        }
        return Ok(None);
    }
    let kwnames = if names.is_empty() { None } else { Some(tuple::from_vec(names)) };
    // SAFETY: `values` holds the positional arguments, then one value per name, and outlives the call.
    let args = unsafe { Args::from_raw(values.as_ptr().cast(), n) };
    call::call_args(callable, args, KwNames(kwnames.as_ref().map(Owned::value)), r.thread).map(Some)
}

#[inline(always)]
pub fn call_intrinsic_1(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let value = r.value(1);
    let frame = r.frame;
    let result = match Intrinsic1::from_u32(oparg) {
        Some(Intrinsic1::Print) => crate::builtins::interactive_print(value, r.thread),
        Some(Intrinsic1::ImportStar) => super::import::import_star(value, frame, r.thread),
        Some(Intrinsic1::StopIterationError) => super::exception::stop_iteration_error(value, frame, r.thread),
        Some(Intrinsic1::AsyncGenWrap) => Ok(crate::types::async_generator::wrap_value(value)),
        Some(Intrinsic1::UnaryPositive) => crate::protocol::binary::positive(value, r.thread),
        Some(Intrinsic1::ListToTuple) => Ok(tuple::from_vec(crate::types::list::ListObject::of(value).to_vec())),
        Some(Intrinsic1::TypeVar | Intrinsic1::ParamSpec | Intrinsic1::TypeVarTuple | Intrinsic1::SubscriptGeneric | Intrinsic1::TypeAlias) => {
            crate::builtins::typing_intrinsic_1(oparg, value, r.thread)
        }
        _ => Err(r.thread.raise(&exc::SYSTEM_ERROR, "bad intrinsic")),
    };
    r.finish_unary(result)
}

#[inline(always)]
pub fn call_intrinsic_2(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let (first, second) = (r.value(2), r.value(1));
    let result = match Intrinsic2::from_u32(oparg) {
        Some(Intrinsic2::PrepReraiseStar) => crate::exceptions::group::prepare_reraise_star(first, second, r.thread),
        Some(Intrinsic2::SetFunctionTypeParams) => {
            drop(FunctionObject::of(first).type_params.replace(&FunctionObject::of(first).header, Some(second.to_owned())));
            Ok(first.to_owned())
        }
        Some(Intrinsic2::TypeVarWithBound | Intrinsic2::TypeVarWithConstraints | Intrinsic2::SetTypeparamDefault) => {
            crate::builtins::typing_intrinsic_2(oparg, first, second, r.thread)
        }
        _ => Err(r.thread.raise(&exc::SYSTEM_ERROR, "bad intrinsic")),
    };
    r.finish_binary(result)
}

