//! Calls.

use pyrt_compiler::bytecode::code::CodeFlags;
use pyrt_compiler::bytecode::instructions::{Intrinsic1, Intrinsic2, Opcode};

use crate::exceptions::exc;
use crate::interp::call_frame::{bind, discard_frame, move_arguments, push_frame_with_arguments, push_function_frame, take_arguments};
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::{FRAME_INIT, Frame, into_owned};
use crate::interp::inline_cache::{self, CacheCell};
use crate::builtins::functions;
use crate::interp::ops::load_store::specialize_as;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::{NativeFn, call_padded};
use crate::protocol::{attribute, call};
use crate::threads::thread_state::Thread;
use crate::types::builtin_function::BuiltinFunction;
use crate::types::builtin_types::{OBJECT, TYPE, shapes};
use crate::types::code::CodeObject;
use crate::types::descriptors::MethodDescriptor;
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::method::MethodObject;
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{TYPE_ABSTRACT, TYPE_DICT_SUBCLASS, TYPE_DISALLOW_INSTANTIATION, TYPE_HEAP, TYPE_TUPLE_SUBCLASS, TypeObject};

type OneFn = fn(Value, Value, &mut Thread) -> PyResult;
type BoundFn = fn(Value, Args<'_>, &mut Thread) -> PyResult;

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
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::METHOD) {
        if cell.should_attempt() {
            specialize_method_call_slow(r.frame, callable, n);
        }
        unpack_method(r, n);
    }
    let callable = r.value(n + 2);
    if cell.should_attempt() {
        specialize_call_slow(r.frame, callable, n, r.peek(n + 1) != 0, cell, r.thread);
    }
    if callable.has_shape(shapes::FUNCTION) {
        return enter_function(r, n, None);
    }
    call_other(r, n, KwNames::NONE)
}

/// Picks the form of a CALL for a callable like this one.
#[cold]
fn specialize_call_slow(frame: *mut Frame, callable: Value, n: usize, has_self: bool, cell: &CacheCell, thread: &mut Thread) {
    let total = n + usize::from(has_self);
    match callable.shape() {
        shapes::FUNCTION => {
            let function = FunctionObject::of(callable);
            let code = function.code();
            if code.is_simple && code.argcount as usize == total {
                specialize_as(frame, Opcode::CALL_PY_EXACT_ARGS);
            } else if code.is_simple && code.argcount as usize > total {
                specialize_as(frame, Opcode::CALL_PY_GENERAL);
            }
        }
        shapes::TYPE if callable.is(TYPE.get().value()) && n == 1 && !has_self => specialize_as(frame, Opcode::CALL_TYPE_1),
        shapes::TYPE if !has_self => specialize_class_call(frame, callable, n, cell, thread),
        shapes::BUILTIN_FUNCTION => match BuiltinFunction::of(callable).def().func {
            NativeFn::One(function) if total == 1 => {
                let is_len = !has_self && function as usize == functions::len as OneFn as usize;
                let is_known = is_len && cell.set_object(callable.to_owned());
                specialize_as(frame, if is_known { Opcode::CALL_LEN } else { Opcode::CALL_BUILTIN_O });
            }
            NativeFn::Bound(function) if n == 2 && !has_self && function as usize == functions::isinstance as BoundFn as usize => {
                let is_known = cell.set_object(callable.to_owned());
                specialize_as(frame, if is_known { Opcode::CALL_ISINSTANCE } else { Opcode::CALL_BUILTIN_FAST });
            }
            NativeFn::Raw(_) => specialize_as(frame, Opcode::CALL_BUILTIN_FAST),
            NativeFn::Bound(_) if BuiltinFunction::of(callable).signature().can_pad(total) => specialize_as(frame, Opcode::CALL_BUILTIN_FAST),
            _ => {}
        },
        shapes::METHOD_DESCRIPTOR if has_self => {
            let descriptor = MethodDescriptor::of(callable);
            match descriptor.def.func {
                NativeFn::NoArgs(_) if n == 0 => specialize_as(frame, Opcode::CALL_METHOD_DESCRIPTOR_NOARGS),
                NativeFn::One(function) if n == 1 => {
                    let is_append = function as usize == crate::types::list::methods::append as OneFn as usize;
                    let is_known = is_append && cell.set_object(callable.to_owned());
                    specialize_as(frame, if is_known { Opcode::CALL_LIST_APPEND } else { Opcode::CALL_METHOD_DESCRIPTOR_O });
                }
                NativeFn::Raw(_) => specialize_as(frame, Opcode::CALL_METHOD_DESCRIPTOR_FAST),
                NativeFn::Bound(_) if descriptor.signature.get().can_pad(n) => specialize_as(frame, Opcode::CALL_METHOD_DESCRIPTOR_FAST),
                _ => {}
            }
        }
        _ => {}
    }
}

/// A site that calls bound methods, which are taken apart.
#[cold]
fn specialize_method_call_slow(frame: *mut Frame, callable: Value, n: usize) {
    let function = *MethodObject::of(callable).function;
    if function.has_shape(shapes::FUNCTION) {
        let code = FunctionObject::of(function).code();
        if code.is_simple && code.argcount as usize == n + 1 {
            specialize_as(frame, Opcode::CALL_BOUND_METHOD_EXACT_ARGS);
        }
    }
}

/// A class whose instances are plain objects with a Python `__init__`: the instance is made and `__init__` entered.
fn specialize_class_call(frame: *mut Frame, callable: Value, n: usize, cell: &CacheCell, thread: &mut Thread) {
    let ty = TypeObject::of(callable);
    let (shape, version) = ty.shape_and_version();
    let is_plain = ty.slots.new.raw() == OBJECT.get().slots.new.raw()
        && ty.has_flag(TYPE_HEAP)
        && !ty.has_flag(TYPE_ABSTRACT | TYPE_DISALLOW_INSTANTIATION);
    if !is_plain || version == 0 || version > 0xFFFF {
        return;
    }
    let Some(init) = attribute::lookup_type(ty, crate::names::names().__init__, thread) else { return };
    if !init.has_shape(shapes::FUNCTION) {
        return;
    }
    let function = FunctionObject::of(*init);
    let function_version = function.take_version();
    let suspends = CodeFlags::GENERATOR | CodeFlags::COROUTINE | CodeFlags::ASYNC_GENERATOR;
    if function.code().flags & suspends.bits() != 0 {
        return;
    }
    if !function.code().is_simple || function.code().argcount as usize != n + 1 || function_version == 0 {
        return;
    }
    if cell.set_object(init) {
        cell.publish_second(u64::from(function_version));
        cell.publish(inline_cache::pack(shape, version, 0, 0));
        specialize_as(frame, Opcode::CALL_ALLOC_AND_ENTER_INIT);
    }
}

#[inline(always)]
pub fn call_alloc_and_enter_init(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let n = oparg as usize;
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::TYPE) && r.peek(n + 1) == 0 {
        let ty = TypeObject::of(callable);
        let shape = ty.root_shape();
        let word = cell.word();
        if inline_cache::is_fact(word, shape, crate::object::shape::entry(shape).version(), 0) && !ty.has_flag(TYPE_ABSTRACT) {
            if let Some(init) = cell.object().filter(|init| u64::from(FunctionObject::of(*init).version()) == cell.second_word()) {
                let code = FunctionObject::of(init).code();
                r.note_return();
                // SAFETY: the cell keeps the function alive as long as the caller's code; the instance stays on the
                // caller's stack, where the callee's `self` borrows it, and is the result in the end.
                unsafe {
                    let Ok(frame) = push_function_frame(r.thread, init.frame_borrowed().bits(), code) else { return Flow::Raised };
                    let instance = crate::types::object::new_instance(ty).into_raw();
                    let base = r.sp.sub(n + 2);
                    *Frame::locals_ptr(frame) = instance.frame_borrowed().bits();
                    for i in 0..n {
                        *Frame::locals_ptr(frame).add(i + 1) = *r.sp.sub(n - i);
                    }
                    (*frame).flags |= FRAME_INIT;
                    let class = *base;
                    *base = instance.bits();
                    (*r.frame).sp = base.add(1);
                    r.release_last(class);
                    r.enter(frame);
                }
                return Flow::Next;
            }
        }
    }
    r.miss(Opcode::CALL)
}

/// The arguments of a call of a native, where they lie on the stack.
#[inline(always)]
fn stack_args<'a>(r: &Regs<'_>, n: usize) -> Args<'a> {
    // SAFETY: the words lie on the stack during the call.
    unsafe { Args::from_raw(r.sp.sub(n), n) }
}

#[inline(always)]
pub fn call_builtin_o(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    let callable = r.value(n + 2);
    let total = n + usize::from(r.peek(n + 1) != 0);
    if callable.has_shape(shapes::BUILTIN_FUNCTION) && total == 1 && !r.thread.native_stack_is_low() {
        let function = BuiltinFunction::of(callable);
        if let NativeFn::One(native) = function.def().func {
            r.skip_cell();
            r.sync();
            // The one argument is on top, or is the self below no arguments.
            let argument = r.value(1);
            let result = native(function.receiver(), argument, r.thread);
            let Ok(value) = result else { return Flow::Raised };
            let argument = r.pop();
            if n != 0 {
                // The empty self.
                r.pop();
            }
            let callable = r.peek(1);
            r.set(1, value.into_raw().bits());
            r.release_last(argument);
            r.release_last_too(callable);
            return finish_native(r);
        }
    }
    r.miss(Opcode::CALL)
}

#[inline(always)]
pub fn call_builtin_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    let callable = r.value(n + 2);
    let total = n + usize::from(r.peek(n + 1) != 0);
    if callable.has_shape(shapes::BUILTIN_FUNCTION) && !r.thread.native_stack_is_low() {
        let function = BuiltinFunction::of(callable);
        let result = match function.def().func {
            NativeFn::Bound(native) => {
                let signature = function.signature();
                if !signature.can_pad(total) {
                    return r.miss(Opcode::CALL);
                }
                r.skip_cell();
                r.sync();
                if signature.params.len() == total {
                    native(function.receiver(), stack_args(r, total), r.thread)
                } else {
                    call_padded(native, function.receiver(), stack_args(r, total), signature.params.len(), r.thread)
                }
            }
            NativeFn::Raw(native) => {
                r.skip_cell();
                r.sync();
                native(function.receiver(), stack_args(r, total), KwNames::NONE, r.thread)
            }
            _ => return r.miss(Opcode::CALL),
        };
        return finish_call(r, n, result);
    }
    r.miss(Opcode::CALL)
}

/// The method descriptor that is called with a receiver of its own type exactly.
#[inline(always)]
fn callable_descriptor<'a>(r: &Regs<'_>, n: usize) -> Option<(&'a MethodDescriptor, Value)> {
    let callable = r.value(n + 2);
    if r.peek(n + 1) == 0 || !callable.has_shape(shapes::METHOD_DESCRIPTOR) || r.thread.native_stack_is_low() {
        return None;
    }
    let descriptor = MethodDescriptor::of(callable);
    let receiver = r.value(n + 1);
    (std::ptr::eq(receiver.type_object(), descriptor.base.owner)).then_some((descriptor, receiver))
}

#[inline(always)]
pub fn call_method_descriptor_noargs(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    if let Some((descriptor, receiver)) = callable_descriptor(r, n) {
        if let (NativeFn::NoArgs(native), 0) = (descriptor.def.func, n) {
            r.skip_cell();
            r.sync();
            let result = native(receiver, r.thread);
            let Ok(value) = result else { return Flow::Raised };
            let receiver = r.pop();
            let callable = r.peek(1);
            r.set(1, value.into_raw().bits());
            r.release_last(receiver);
            r.release_last_too(callable);
            return finish_native(r);
        }
    }
    r.miss(Opcode::CALL)
}

#[inline(always)]
pub fn call_method_descriptor_o(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    if let Some((descriptor, receiver)) = callable_descriptor(r, n) {
        if let (NativeFn::One(native), 1) = (descriptor.def.func, n) {
            r.skip_cell();
            r.sync();
            let result = native(receiver, r.value(1), r.thread);
            return finish_call(r, n, result);
        }
    }
    r.miss(Opcode::CALL)
}

#[inline(always)]
pub fn call_method_descriptor_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    if let Some((descriptor, receiver)) = callable_descriptor(r, n) {
        let result = match descriptor.def.func {
            NativeFn::Bound(native) => {
                let signature = descriptor.signature.get();
                if !signature.can_pad(n) {
                    return r.miss(Opcode::CALL);
                }
                r.skip_cell();
                r.sync();
                if signature.params.len() == n {
                    native(receiver, stack_args(r, n), r.thread)
                } else {
                    call_padded(native, receiver, stack_args(r, n), signature.params.len(), r.thread)
                }
            }
            NativeFn::Raw(native) => {
                r.skip_cell();
                r.sync();
                native(receiver, stack_args(r, n), KwNames::NONE, r.thread)
            }
            _ => return r.miss(Opcode::CALL),
        };
        return finish_call(r, n, result);
    }
    r.miss(Opcode::CALL)
}

#[inline(always)]
pub fn call_py_exact_args(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    let n = oparg as usize;
    let callable = r.value(n + 2);
    if callable.has_shape(shapes::FUNCTION) {
        let code = FunctionObject::of(callable).code();
        let has_self = usize::from(r.peek(n + 1) != 0);
        if code.is_simple && code.argcount as usize == n + has_self {
            // SAFETY: the callee takes exactly these words; they leave the stack with the callable.
            unsafe {
                let first = r.sp.sub(n + has_self);
                let base = r.sp.sub(n + 2);
                let Some(frame) = push_frame_with_arguments(r.thread, *base, code, first, n + has_self) else { return r.instead(Opcode::CALL) };
                r.note_return();
                (*r.frame).sp = base;
                r.enter(frame);
            }
            return Flow::Next;
        }
    }
    r.miss(Opcode::CALL)
}

/// Enters a Python function whose callable, self and `n` arguments (keyword values included) are on the stack.
#[inline(always)]
fn enter_function(r: &mut Regs<'_>, n: usize, kwnames: Option<Owned>) -> Flow {
    r.note_return();
    let has_self = usize::from(r.peek(n + 1) != 0);
    // SAFETY: the stack holds callable, self and arguments; they leave it here.
    unsafe {
        let base = r.sp.sub(n + 2);
        match push_bound_frame(r.thread, base, n + has_self, kwnames, r.frame) {
            Some(frame) => {
                r.enter(frame);
                Flow::Next
            }
            None => {
                r.sp = (*r.frame).sp;
                Flow::Raised
            }
        }
    }
}

/// A frame for the call of the function at `base`, whose `total` argument words are the last of the caller's stack. All
/// of them have left the caller's stack afterwards.
///
/// # Safety
/// `base` is a stack word of `caller`, which is the innermost frame and whose `sp` is written.
#[inline(never)]
unsafe fn push_bound_frame(thread: &mut Thread, base: *mut u64, total: usize, kwnames: Option<Owned>, caller: *mut Frame) -> Option<*mut Frame> {
    // SAFETY: the caller's obligation.
    unsafe {
        let function = FunctionObject::of(Value::from_bits(*base).unmarked());
        let code = function.code();
        let first = (*caller).sp.sub(total);
        let mut func_word = *base;
        if !Value::from_bits(func_word).is_deferred_borrow() {
            func_word = into_owned(func_word).into_raw().bits();
            *base = Value::none().bits();
        }
        let frame = push_function_frame(thread, func_word, code).ok()?;
        if kwnames.is_none() && code.is_simple && code.argcount as usize == total {
            move_arguments(frame, first, total);
            (*caller).sp = base;
            return Some(frame);
        }
        let n_keywords = kwnames.as_ref().map_or(0, |names| TupleObject::of(**names).len());
        if place_quickly(function, code, frame, first, total - n_keywords, kwnames.as_ref(), thread) {
            (*caller).sp = base;
            return Some(frame);
        }
        let mut words = take_arguments(first, total);
        // The new frame is on no stack yet while the binding may run Python code: what it holds is counted.
        (*frame).func = into_owned((*frame).func).into_raw().bits();
        (*caller).sp = base;
        let values = words.split_off(total - n_keywords);
        let keywords = match &kwnames {
            Some(names) => TupleObject::of(**names).items().iter().map(|name| name.to_owned()).zip(values).collect(),
            None => Vec::new(),
        };
        if bind(function, code, frame, words, keywords, thread).is_err() {
            discard_frame(thread, frame);
            return None;
        }
        Some(frame)
    }
}

/// Places arguments without a message to give: names are found by identity, defaults fill the gaps. False: nothing has
/// been moved.
///
/// # Safety
/// `first` points to the positional words, then one word per name; `frame` is new and its function's.
unsafe fn place_quickly(
    function: &FunctionObject,
    code: &CodeObject,
    frame: *mut Frame,
    first: *const u64,
    positional: usize,
    kwnames: Option<&Owned>,
    thread: &mut Thread,
) -> bool {
    let argcount = code.argcount as usize;
    let total = argcount + code.kwonlyargcount as usize;
    let has_varargs = code.has_flag(CodeFlags::VARARGS);
    let has_kwargs = code.has_flag(CodeFlags::VARKEYWORDS);
    let placed = positional.min(argcount);
    if (positional > argcount && !has_varargs) || total > 63 {
        return false;
    }
    let names = kwnames.map_or(&[][..], |names| TupleObject::of(**names).items());
    let parameters = &code.local_names()[..total];
    let posonly = code.posonlyargcount as usize;
    let place_of = |name: &Value| parameters.iter().skip(posonly).position(|own| own.is(*name)).map(|i| i + posonly);
    let mut bound = (1u64 << placed) - 1;
    for name in names {
        match place_of(name) {
            Some(i) if bound & 1 << i == 0 => bound |= 1 << i,
            None if has_kwargs && string::is_exact(*name) && StrObject::of(*name).is_interned() => {}
            _ => return false,
        }
    }
    let is_free = |i: usize| bound & 1 << i == 0;
    let defaults = if placed < argcount { function.defaults.load(&function.header) } else { None };
    let defaults = defaults.as_ref().map_or(&[][..], |defaults| TupleObject::of(**defaults).items());
    // Defaults may be more than the parameters, then the last ones count.
    let first_default = argcount.saturating_sub(defaults.len());
    let unused_defaults = defaults.len() - (argcount - first_default);
    if (placed..first_default).any(is_free) {
        return false;
    }
    let kwdefaults = if total > argcount { function.kwdefaults.load(&function.header) } else { None };
    let kwdefault = |i: usize| kwdefaults.as_ref().and_then(|defaults| DictObject::of(**defaults).get_str(parameters[i]));
    if (argcount..total).any(|i| is_free(i) && kwdefault(i).is_none()) {
        return false;
    }
    // SAFETY: parameters come first in the locals; the words leave the caller's stack.
    unsafe {
        let locals = Frame::locals_ptr(frame);
        for i in 0..placed {
            *locals.add(i) = *first.add(i);
        }
        let kwargs = if has_kwargs { Some(crate::types::dict::new()) } else { None };
        for (i, name) in names.iter().enumerate() {
            let word = *first.add(positional + i);
            match (place_of(name), &kwargs) {
                (Some(place), _) => *locals.add(place) = word,
                (None, Some(kwargs)) => drop(DictObject::of(**kwargs).set_str(*name, into_owned(word))),
                (None, None) => crate::interp::frame::close(word, thread),
            }
        }
        for i in first_default.max(placed)..argcount {
            if is_free(i) {
                *locals.add(i) = defaults[unused_defaults + i - first_default].to_owned().into_raw().bits();
            }
        }
        for i in argcount..total {
            if is_free(i) {
                *locals.add(i) = kwdefault(i).map_or(0, |value| value.into_raw().bits());
            }
        }
        if has_varargs {
            let rest = (placed..positional).map(|i| into_owned(*first.add(i))).collect();
            *locals.add(total) = tuple::from_vec(rest).into_raw().bits();
        }
        if let Some(kwargs) = kwargs {
            *locals.add(total + usize::from(has_varargs)) = kwargs.into_raw().bits();
        }
    }
    true
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
            // SAFETY: callable, self and `n` arguments lie on the stack.
            let base = unsafe { r.sp.sub(n + 1) };
            while r.sp > base {
                let word = r.pop();
                r.release_now(word);
            }
            r.replace_last(1, value);
            finish_native(r)
        }
        Err(_) => Flow::Raised,
    }
}

/// Runs what the deaths in a native have left to be run.
#[inline(always)]
fn finish_native(r: &mut Regs<'_>) -> Flow {
    if crate::threads::thread_state::has_pending() {
        r.sync();
        crate::object::lifetime::drain_pending(r.thread);
    }
    Flow::Next
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
        r.note_return();
        // SAFETY: the function is held by the frame; the four words leave the stack.
        unsafe {
            let frame = push_function_frame(r.thread, callable.to_owned().into_raw().bits(), code)?;
            let words: smallvec::SmallVec<[u64; 8]> = values.iter().map(|value| value.to_owned().into_raw().bits()).collect();
            let kwnames = if names.is_empty() { None } else { Some(tuple::from_vec(std::mem::take(&mut names))) };
            let is_placed = place_quickly(function, code, frame, words.as_ptr(), n, kwnames.as_ref(), r.thread);
            let bound = if is_placed {
                Ok(())
            } else {
                let mut words = take_arguments(words.as_ptr(), words.len());
                let values = words.split_off(n);
                bind(function, code, frame, words, entries.into_iter().map(|entry| entry.key).zip(values).collect(), r.thread)
            };
            if let Err(raised) = bound {
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

