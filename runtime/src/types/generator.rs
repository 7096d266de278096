//! Generators and coroutines: an object that owns a frame.
//!
//! # States
//! | state | meaning |
//! |---|---|
//! | Created | not started |
//! | Suspended | at a `yield` or `await` |
//! | Running | some thread runs its frame |
//! | Finished | returned, failed or closed; the frame is cleared |
//!
//! Only the thread that has moved the state to Running touches the frame and the exception entry.

use pyrt_compiler::bytecode::code::CodeFlags;
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::{ExceptionObject, exc};
use crate::interp::frame::{ExcInfo, FRAME_WORDS, Frame, FrameOwner, into_owned};
use crate::interp::resume::{self, Sent};
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call};
use crate::sync::{AtomicU8, Ordering};
use crate::threads::thread_state::{self, Thread};
use crate::types::builtin_types::{ASYNC_GENERATOR, COROUTINE, COROUTINE_WRAPPER, GENERATOR, shapes};
use crate::types::code::unit_oparg;
use crate::types::string::{self, StrObject};
use crate::types::type_object::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    Created = 0,
    Suspended = 1,
    Running = 2,
    Finished = 3,
}

#[repr(C)]
pub struct GeneratorObject {
    header: Header,
    state: AtomicU8,
    /// For asynchronous generators: hooks initialised, closed, running.
    pub async_flags: AtomicU8,
    pub name: Slot,
    pub qualname: Slot,
    /// `cr_origin`, `ag_finalizer`.
    pub origin: Slot,
    /// Code, globals and builtins of a frame that has no function to keep them alive.
    anchor: Slot,
    exc_info: std::cell::UnsafeCell<ExcInfo>,
    frame: Frame,
    // Words follow.
}

impl GeneratorObject {
    /// The generator that `value` is: a generator, coroutine or asynchronous generator.
    #[inline(always)]
    pub fn of_any<'a>(value: Value) -> &'a GeneratorObject {
        debug_assert!(is_generator_like(value));
        // SAFETY: the three types share the layout.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a GeneratorObject {
        GeneratorObject::of_any(value)
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_object(self)
    }

    #[inline(always)]
    pub fn frame_ptr(&self) -> *mut Frame {
        (&raw const self.frame).cast_mut()
    }

    #[inline(always)]
    pub fn exc_info_ptr(&self) -> *mut ExcInfo {
        self.exc_info.get()
    }

    /// The generator that owns a frame.
    #[inline(always)]
    pub fn from_frame_ptr<'a>(frame: *mut Frame) -> &'a GeneratorObject {
        // SAFETY: the caller's frame has FrameOwner::Generator, hence lies in a generator.
        unsafe { &*frame.cast::<u8>().sub(std::mem::offset_of!(GeneratorObject, frame)).cast() }
    }

    #[inline]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Created,
            1 => State::Suspended,
            2 => State::Running,
            _ => State::Finished,
        }
    }

    #[inline(always)]
    pub fn set_state(&self, state: State) {
        // Release: the frame's words are visible to the next thread that runs it.
        self.state.store(state as u8, Ordering::Release);
    }

    pub fn is_created(&self) -> bool {
        self.state() == State::Created
    }

    /// Moves a created or suspended generator to Running. False if it is running or finished.
    #[inline(always)]
    pub fn try_start(&self) -> bool {
        let now = self.state.load(Ordering::Acquire);
        if now >= State::Running as u8 {
            return false;
        }
        if FREE_THREADED && thread_state::has_other_threads() {
            return self.state.compare_exchange(now, State::Running as u8, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        }
        self.state.store(State::Running as u8, Ordering::Relaxed);
        true
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn code(&self) -> Value {
        // SAFETY: the frame's function, which the generator keeps, or the anchor keeps the code alive.
        unsafe { &*self.frame.code }.value()
    }

    pub fn is_coroutine(&self) -> bool {
        std::ptr::eq(self.value().type_object(), COROUTINE.get())
    }

    /// For messages.
    pub fn kind_name(&self) -> &'static str {
        if self.is_coroutine() {
            "coroutine"
        } else if self.value().has_shape(shapes::ASYNC_GENERATOR) {
            "async generator"
        } else {
            "generator"
        }
    }
}

/// Whether the value is a generator, coroutine or asynchronous generator.
#[inline]
pub fn is_generator_like(value: Value) -> bool {
    value.has_shape(shapes::GENERATOR) || value.has_shape(shapes::COROUTINE) || value.has_shape(shapes::ASYNC_GENERATOR)
}

/// RETURN_GENERATOR: moves the running frame into a new generator; the frame leaves the thread's stack.
pub fn from_frame(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    // SAFETY: the innermost frame of the thread, on its data stack.
    unsafe {
        let code = (*frame).code();
        let ty = if code.has_flag(CodeFlags::COROUTINE) {
            COROUTINE.get()
        } else if code.has_flag(CodeFlags::ASYNC_GENERATOR) {
            ASYNC_GENERATOR.get()
        } else {
            GENERATOR.get()
        };
        let n_locals = code.nlocalsplus as usize;
        let size = size_of::<GeneratorObject>() + code.frame_words() * 8;
        let (name, qualname) = match (*frame).function() {
            Some(function) => {
                let function = crate::types::function::FunctionObject::of(function);
                (function.name.load(&function.header), function.qualname.load(&function.header))
            }
            None => (None, None),
        };
        let (name, qualname) = (name.unwrap_or_else(|| code.name.clone()), qualname.unwrap_or_else(|| code.qualname.clone()));
        let origin = if code.has_flag(CodeFlags::COROUTINE) && thread.coroutine_origin_depth > 0 { Some(origin_of(thread)) } else { None };
        // A function keeps all three, the code even if its `__code__` is replaced.
        let anchor = if (*frame).func != 0 {
            None
        } else {
            Some(crate::types::tuple::pack([code.value().to_owned(), (*frame).globals.to_owned(), (*frame).builtins.to_owned()]))
        };
        let made = lifetime::allocate(ty, size, |block| {
            let object = block.cast::<GeneratorObject>();
            (&raw mut (*object).state).write(AtomicU8::new(State::Created as u8));
            (&raw mut (*object).async_flags).write(AtomicU8::new(0));
            (&raw mut (*object).name).write(Slot::new(name));
            (&raw mut (*object).qualname).write(Slot::new(qualname));
            (&raw mut (*object).origin).write(Slot::from_option(origin));
            (&raw mut (*object).anchor).write(Slot::from_option(anchor));
            (&raw mut (*object).exc_info).write(std::cell::UnsafeCell::new(ExcInfo::empty()));
            std::ptr::copy_nonoverlapping(frame.cast::<u64>(), (&raw mut (*object).frame).cast::<u64>(), FRAME_WORDS);
            let new = &raw mut (*object).frame;
            let (from, to) = (Frame::locals_ptr(frame), Frame::locals_ptr(new));
            for i in 0..n_locals {
                let word = from.add(i).replace(0);
                *to.add(i) = if word == 0 { 0 } else { into_owned(word).into_raw().bits() };
            }
            (*new).owner = FrameOwner::Generator;
            (*new).flags = 0;
            (*new).sp = Frame::stack_ptr(new);
            (*new).previous = std::ptr::null_mut();
            // The generator holds the function itself only through code, globals and closure cells.
            let func = (*new).func;
            (*new).func = if func == 0 { 0 } else { into_owned(func).into_raw().bits() };
        });
        let Some(made) = made else { return Err(thread.raise_memory_error()) };
        let generator = GeneratorObject::of_any(*made);
        // The frame object, if someone has taken it already, now speaks of the generator's frame.
        if let Some(object) = Value::from_slot((*frame).frame_object) {
            crate::types::frame_object::moved(object, generator.frame_ptr());
        }
        thread.frame = (*frame).previous;
        thread.recursion_left += 1;
        thread.stack.pop_to(frame.cast());
        Ok(made)
    }
}

/// `cr_origin`: where a coroutine was made, innermost first.
fn origin_of(thread: &Thread) -> Owned {
    let mut entries = Vec::new();
    // SAFETY: the chain of live frames of this thread.
    unsafe {
        let mut frame = crate::interp::ops::control::visible_frame((*thread.frame).previous);
        while !frame.is_null() && (entries.len() as i32) < thread.coroutine_origin_depth {
            let code = (*frame).code();
            entries.push(crate::types::tuple::pack([
                code.filename(),
                (*frame).line().map_or_else(Owned::none, |line| Owned::int(i64::from(line))),
                code.name.clone(),
            ]));
            frame = crate::interp::ops::control::visible_frame((*frame).previous);
        }
    }
    crate::types::tuple::from_vec(entries)
}

/// What a suspended generator delegates to (`yield from`, `await`).
pub fn delegate(generator: Value) -> Option<Owned> {
    let object = GeneratorObject::of_any(generator);
    if object.state() != State::Suspended {
        return None;
    }
    let frame = object.frame_ptr();
    // SAFETY: a suspended frame: `ip` is its YIELD_VALUE, RESUME follows; a delegating one has the receiver on top.
    unsafe {
        let next = (*(*frame).ip.add(1)).load(Ordering::Relaxed);
        let code = (*frame).code();
        if crate::interp::tracing::opcode_at(code, (*frame).unit() + 1) == Opcode::RESUME as u8 && unit_oparg(next) & 3 >= 2 {
            let word = *(*frame).sp.sub(1);
            return Value::from_slot(word).map(|receiver| receiver.to_owned());
        }
    }
    None
}

/// Whether the generator is finished: there is nothing for its finalizer to do.
pub fn is_finished(value: Value) -> bool {
    GeneratorObject::of_any(value).state() == State::Finished
}

/// Whether a suspended generator stands at a plain `yield` outside of every `try`: closing it runs no code.
fn is_outside_handlers(object: &GeneratorObject) -> bool {
    let frame = object.frame_ptr();
    // SAFETY: as in `delegate`.
    unsafe {
        let next = (*(*frame).ip.add(1)).load(Ordering::Relaxed);
        let oparg = unit_oparg(next);
        crate::interp::tracing::opcode_at((*frame).code(), (*frame).unit() + 1) == Opcode::RESUME as u8 && oparg & 3 == 1 && oparg & RESUME_DEPTH_1 != 0
    }
}

/// In RESUME's operand: the only handler around is the generator's own, which turns StopIteration into RuntimeError.
const RESUME_DEPTH_1: u32 = 4;

/// Whether another coroutine awaits this one.
pub fn is_awaited(coroutine: Value) -> bool {
    delegate(coroutine).is_some()
}

fn finish(sent: Sent, thread: &mut Thread) -> PyResult {
    match sent {
        Sent::Yielded(value) => Ok(value),
        Sent::Returned(value) => Err(thread.raise_stop_iteration(if value.is_none() { None } else { Some(value) })),
    }
}

fn generator_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match resume::send(this, Owned::none(), thread)? {
        Sent::Yielded(value) => Ok(Some(value)),
        Sent::Returned(value) => {
            thread.set_iteration_result(if value.is_none() { None } else { Some(value) });
            Ok(None)
        }
    }
}

fn send_method(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let sent = resume::send(this, value.to_owned(), thread)?;
    finish(sent, thread)
}

/// Makes the exception of a `throw(type, value, traceback)` call the thread's.
pub fn prepare_throw(class: Value, value: Option<Value>, traceback: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = value.filter(|value| !value.is_none());
    let traceback = traceback.filter(|traceback| !traceback.is_none());
    if traceback.is_some_and(|traceback| !traceback.has_shape(shapes::TRACEBACK)) {
        return Err(thread.raise_type_error("throw() third argument must be a traceback object"));
    }
    let exception = if crate::exceptions::object::is_exception_class(class) {
        match value {
            Some(value) if crate::exceptions::object::is_exception(value) && value.is_instance(TypeObject::of(class)) => value.to_owned(),
            Some(value) if value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS) => call::call_tuple(class, value, None, thread)?,
            Some(value) => call::call(class, &[value], thread)?,
            None => call::call(class, &[], thread)?,
        }
    } else if crate::exceptions::object::is_exception(class) {
        if value.is_some() {
            return Err(thread.raise_type_error("instance exception may not have a separate value"));
        }
        class.to_owned()
    } else {
        let name = class.type_object().full_name();
        return Err(thread.raise_type_error(format!(
            "exceptions must be classes or instances deriving from BaseException, not {name}"
        )));
    };
    if !crate::exceptions::object::is_exception(*exception) {
        let class = crate::protocol::special::safe_repr(class, thread);
        let got = crate::protocol::special::safe_repr(exception.type_object().value(), thread);
        return Err(thread.raise_type_error(format!("calling {class} should have returned an instance of BaseException, not {got}")));
    }
    if let Some(traceback) = traceback {
        ExceptionObject::of(*exception).set_traceback(Some(traceback.to_owned()));
    }
    thread.set_exception(exception);
    Ok(())
}

/// Does something to the sub-iterator of a generator whose frame is shown as the caller meanwhile.
fn shown_as_caller<T>(generator: &GeneratorObject, thread: &mut Thread, call: impl FnOnce(&mut Thread) -> T) -> T {
    let frame = generator.frame_ptr();
    // SAFETY: the generator is marked as running: its frame is this thread's.
    unsafe {
        (*frame).previous = thread.frame;
        thread.frame = frame;
        let result = call(thread);
        thread.frame = (*frame).previous;
        (*frame).previous = std::ptr::null_mut();
        result
    }
}

/// Throws the thread's exception into a generator.
pub fn throw_current(this: Value, thread: &mut Thread) -> PyResult<Sent> {
    let object = GeneratorObject::of_any(this);
    if let Some(receiver) = delegate(this) {
        return throw_delegated(this, *receiver, thread);
    }
    match object.state() {
        State::Created
            // Nothing has run: the generator is closed and the exception comes out, with the generator's frame shown.
            if object.try_start() => {
                return resume::throw_started(this, thread);
            }
        State::Finished => {
            if object.is_coroutine() {
                drop(thread.take_exception());
                return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot reuse already awaited coroutine"));
            }
            return Err(crate::object::value::Raised::stored());
        }
        _ => {}
    }
    if !object.try_start() {
        drop(thread.take_exception());
        let kind = object.kind_name();
        return Err(thread.raise_value_error(format!("{kind} already executing")));
    }
    throw_into(this, thread)
}

/// Resumes a generator that has been started by this thread with the thread's exception.
fn throw_into(this: Value, thread: &mut Thread) -> PyResult<Sent> {
    chain_own_context(GeneratorObject::of_any(this), thread);
    resume::throw_started(this, thread)
}

/// The context of a thrown exception is what the generator itself is handling, not what its caller does.
fn chain_own_context(object: &GeneratorObject, thread: &mut Thread) {
    let info = object.exc_info_ptr();
    // SAFETY: the generator has been started by this thread, so its entry is this thread's; it is linked for the call only.
    unsafe {
        if (*info).value.is_none() {
            return;
        }
        let Some(exception) = thread.take_exception() else { return };
        let outer = std::mem::replace(&mut thread.exc_info, info);
        crate::exceptions::chain_context(&exception, thread);
        thread.exc_info = outer;
        thread.set_exception(exception);
    }
}

/// The exception goes to the sub-iterator first.
fn throw_delegated(this: Value, receiver: Value, thread: &mut Thread) -> PyResult<Sent> {
    let object = GeneratorObject::of_any(this);
    let Some(exception) = thread.take_exception() else { return Ok(Sent::Returned(Owned::none())) };
    if exception.is_instance(exc::GENERATOR_EXIT.get()) {
        if !object.try_start() {
            let kind = object.kind_name();
            return Err(thread.raise_value_error(format!("{kind} already executing")));
        }
        let closed = shown_as_caller(object, thread, |thread| close_iterator(receiver, thread));
        object.set_state(State::Suspended);
        if closed.is_ok() {
            thread.set_exception(exception);
        }
        if !object.try_start() {
            return Err(crate::object::value::Raised::stored());
        }
        return throw_into(this, thread);
    }
    if !object.try_start() {
        let kind = object.kind_name();
        return Err(thread.raise_value_error(format!("{kind} already executing")));
    }
    let result = if is_generator_like(receiver) {
        thread.set_exception(exception);
        shown_as_caller(object, thread, |thread| throw_current(receiver, thread))
    } else {
        match attribute::get_optional(receiver, crate::names::names().throw, thread) {
            Ok(Some(method)) => match shown_as_caller(object, thread, |thread| call::call(*method, &[*exception], thread)) {
                Ok(value) => Ok(Sent::Yielded(value)),
                Err(raised) => Err(raised),
            },
            Ok(None) => {
                thread.set_exception(exception);
                object.set_state(State::Suspended);
                if !object.try_start() {
                    return Err(crate::object::value::Raised::stored());
                }
                return throw_into(this, thread);
            }
            Err(raised) => Err(raised),
        }
    };
    match result {
        Ok(Sent::Yielded(value)) => {
            object.set_state(State::Suspended);
            Ok(Sent::Yielded(value))
        }
        Ok(Sent::Returned(value)) => {
            // The sub-iterator has returned: its StopIteration is thrown in, CLEANUP_THROW takes the value.
            let stop = crate::exceptions::make(&exc::STOP_ITERATION, vec![value.clone()]);
            let slot = &crate::exceptions::object::ValueException::of(*stop).value;
            drop(slot.replace_locked(Some(value)));
            thread.set_exception(stop);
            throw_into(this, thread)
        }
        Err(_) => throw_into(this, thread),
    }
}

/// `close()` of a sub-iterator.
fn close_iterator(receiver: Value, thread: &mut Thread) -> PyResult<()> {
    if is_generator_like(receiver) {
        return close(receiver, thread).map(drop);
    }
    if let Some(method) = attribute::get_optional(receiver, crate::names::names().close, thread)? {
        call::call(*method, &[], thread)?;
    }
    Ok(())
}

/// `generator.close()`: the value that it returns, if any.
pub fn close(this: Value, thread: &mut Thread) -> PyResult {
    let object = GeneratorObject::of_any(this);
    match object.state() {
        State::Created => {
            if object.try_start() {
                resume::link(thread, object, true);
                resume::finish_generator(thread, object.frame_ptr());
            }
            return Ok(Owned::none());
        }
        State::Finished => return Ok(Owned::none()),
        State::Running => {
            let kind = object.kind_name();
            return Err(thread.raise_value_error(format!("{kind} already executing")));
        }
        State::Suspended => {
            if is_outside_handlers(object) && object.try_start() {
                resume::link(thread, object, true);
                resume::finish_generator(thread, object.frame_ptr());
                return Ok(Owned::none());
            }
        }
    }
    let exit = crate::exceptions::make(&exc::GENERATOR_EXIT, Vec::new());
    crate::exceptions::chain_context(&exit, thread);
    thread.set_exception(exit);
    match throw_current(this, thread) {
        Ok(Sent::Returned(value)) => Ok(value),
        Ok(Sent::Yielded(_)) => {
            let kind = object.kind_name();
            Err(thread.raise(&exc::RUNTIME_ERROR, format!("{kind} ignored GeneratorExit")))
        }
        Err(raised) => {
            if thread.exception_matches(&exc::GENERATOR_EXIT) || thread.exception_matches(&exc::STOP_ITERATION) {
                drop(thread.take_exception());
                return Ok(Owned::none());
            }
            Err(raised)
        }
    }
}

fn throw_method(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("throw() takes no keyword arguments"));
    }
    let n = args.len();
    if n == 0 || n > 3 {
        return Err(thread.raise_type_error(format!("throw expected at {} argument{}, got {n}", if n == 0 { "least 1" } else { "most 3" }, if n == 0 { "" } else { "s" })));
    }
    if n > 1 {
        crate::builtins::warn(
            &exc::DEPRECATION_WARNING,
            "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
            1,
            thread,
        )?;
    }
    prepare_throw(args.at(0), args.get(1), args.get(2), thread)?;
    let sent = throw_current(this, thread)?;
    finish(sent, thread)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

/// A generator that dies suspended is closed.
fn generator_finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let object = GeneratorObject::of_any(this);
    if object.is_coroutine() && object.state() == State::Created {
        return warn_never_awaited(this, thread);
    }
    if object.state() == State::Suspended {
        close(this, thread)?;
    }
    Ok(())
}

fn warn_never_awaited(this: Value, thread: &mut Thread) -> PyResult<()> {
    let object = GeneratorObject::of_any(this);
    let module = crate::import::loaded_module("warnings", thread);
    if let Some(module) = module {
        if let Some(function) = attribute::get_optional(*module, crate::names::names()._warn_unawaited_coroutine, thread)? {
            call::call(*function, &[this], thread)?;
            return Ok(());
        }
    }
    let name = object.qualname.load(&object.header).map_or_else(String::new, |name| StrObject::of(*name).to_string_lossy());
    crate::builtins::warn(&exc::RUNTIME_WARNING, &format!("coroutine '{name}' was never awaited"), 1, thread)
}

fn repr_of(this: Value, kind: &str) -> PyResult {
    let object = GeneratorObject::of_any(this);
    let name = object.qualname.load(&object.header).map_or_else(String::new, |name| StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&format!("<{kind} object {name} at {:#x}>", this.id())))
}

fn generator_repr(this: Value, _thread: &mut Thread) -> PyResult {
    repr_of(this, "generator")
}

pub fn async_generator_repr(this: Value, _thread: &mut Thread) -> PyResult {
    repr_of(this, "async_generator")
}

fn coroutine_repr(this: Value, _thread: &mut Thread) -> PyResult {
    repr_of(this, "coroutine")
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    let object = GeneratorObject::of_any(this);
    Ok(object.name.load(&object.header).unwrap_or_else(string::empty))
}

fn set_string(slot: &Slot, header: &Header, attribute: &str, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value.filter(|value| string::is_str(*value)) else {
        return Err(thread.raise_type_error(format!("{attribute} must be set to a string object")));
    };
    drop(slot.replace(header, Some(value.to_owned())));
    Ok(())
}

fn set_name(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let object = GeneratorObject::of_any(this);
    set_string(&object.name, &object.header, "__name__", value, thread)
}

fn get_qualname(this: Value, _thread: &mut Thread) -> PyResult {
    let object = GeneratorObject::of_any(this);
    Ok(object.qualname.load(&object.header).unwrap_or_else(string::empty))
}

fn set_qualname(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let object = GeneratorObject::of_any(this);
    set_string(&object.qualname, &object.header, "__qualname__", value, thread)
}

pub fn get_running(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(GeneratorObject::of_any(this).state() == State::Running))
}

pub fn get_suspended(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(GeneratorObject::of_any(this).state() == State::Suspended))
}

pub fn get_frame(this: Value, _thread: &mut Thread) -> PyResult {
    let object = GeneratorObject::of_any(this);
    if object.state() == State::Finished {
        return Ok(Owned::none());
    }
    Ok(crate::types::frame_object::of_frame(object.frame_ptr()))
}

pub fn get_code(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(GeneratorObject::of_any(this).code().to_owned())
}

pub fn get_delegate(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(delegate(this).unwrap_or_else(Owned::none))
}

fn get_origin(this: Value, _thread: &mut Thread) -> PyResult {
    let object = GeneratorObject::of_any(this);
    Ok(object.origin.load(&object.header).unwrap_or_else(Owned::none))
}

fn close_method(this: Value, thread: &mut Thread) -> PyResult {
    close(this, thread)
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let code = crate::types::code::CodeObject::of(GeneratorObject::of_any(this).code());
    Ok(Owned::usize(size_of::<GeneratorObject>() + code.frame_words() * 8))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

#[repr(C)]
struct CoroutineWrapper {
    header: Header,
    coroutine: Owned,
}

fn wrapped(this: Value) -> Value {
    // SAFETY: called for coroutine wrappers only.
    *unsafe { this.as_ref::<CoroutineWrapper>() }.coroutine
}

fn coroutine_await(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(COROUTINE_WRAPPER.get(), |header| CoroutineWrapper { header, coroutine: this.to_owned() }))
}

fn wrapper_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    generator_next(wrapped(this), thread)
}

fn wrapper_send(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    send_method(wrapped(this), value, thread)
}

fn wrapper_throw(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    throw_method(wrapped(this), args, kwnames, thread)
}

fn wrapper_close(this: Value, thread: &mut Thread) -> PyResult {
    close(wrapped(this), thread)
}

pub(crate) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; the words of a frame that is not finished are released once. No Python code runs in
    // drops.
    unsafe {
        let object = value.header().cast::<GeneratorObject>();
        let frame = &raw mut (*object).frame;
        if (*object).state() != State::Finished {
            let end = (*frame).sp;
            let mut at = Frame::locals_ptr(frame);
            while at < end {
                if let Some(word) = Value::from_slot(at.replace(0)).filter(|word| word.is_counted()) {
                    drop(Owned::from_raw(word));
                }
                at = at.add(1);
            }
        }
        if (*frame).frame_object != 0 {
            let held = Owned::from_raw(Value::from_bits((*frame).frame_object));
            crate::types::frame_object::moved(*held, std::ptr::null_mut());
            drop(held);
        }
        if let Some(func) = Value::from_slot((*frame).func) {
            drop(Owned::from_raw(func));
        }
        for slot in [&(*object).name, &(*object).qualname, &(*object).origin, &(*object).anchor] {
            drop(slot.replace_locked(None));
        }
        drop((*(*object).exc_info.get()).value.take());
    }
}

pub(crate) unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the world is stopped.
    unsafe {
        let object = value.as_ref::<GeneratorObject>();
        let frame = object.frame_ptr();
        if object.state() != State::Finished && object.state() != State::Running {
            let mut at = Frame::locals_ptr(frame);
            while at < (*frame).sp {
                if let Some(word) = Value::from_slot(*at).filter(|word| word.is_counted()) {
                    visit(word);
                }
                at = at.add(1);
            }
        }
        if let Some(func) = Value::from_slot((*frame).func) {
            visit(func);
        }
        for slot in [&object.name, &object.qualname, &object.origin, &object.anchor] {
            if let Some(held) = slot.peek() {
                visit(held);
            }
        }
        if let Some(handled) = &(*object.exc_info_ptr()).value {
            visit(**handled);
        }
    }
}

/// Shows the locals of a generator that the calling thread is running, which `traverse` leaves to the stacks.
pub fn for_each_running_local(value: Value, thread: &Thread, mut visit: impl FnMut(Value)) {
    let object = GeneratorObject::of_any(value);
    let mut frame = thread.frame;
    // SAFETY: the chain of live frames of this thread, whose locals are words or empty.
    unsafe {
        while !frame.is_null() && frame != object.frame_ptr() {
            frame = (*frame).previous;
        }
        if !frame.is_null() {
            let locals = Frame::locals_ptr(frame);
            for i in 0..(*frame).code().nlocalsplus as usize {
                if let Some(held) = Value::from_slot(*locals.add(i)) {
                    visit(held.unmarked());
                }
            }
        }
    }
}

/// `__sizeof__`, for asynchronous generators too.
pub const SIZEOF: MethodDef = method("__sizeof__", NativeFn::NoArgs(sizeof), "-($self)", "Bytes of the object.");
pub const CLASS_GETITEM: MethodDef =
    MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" };
pub const NAME: GetSetDef = GetSetDef { name: "__name__", get: get_name, set: Some(set_name), doc: "" };
pub const QUALNAME: GetSetDef = GetSetDef { name: "__qualname__", get: get_qualname, set: Some(set_qualname), doc: "" };

pub static GENERATOR_SPEC: TypeSpec = TypeSpec {
    name: "generator",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<GeneratorObject>(),
    slots: &[SlotFn::repr(generator_repr), SlotFn::iter(self_iter), SlotFn::iternext(generator_next), SlotFn::finalize(generator_finalize)],
    methods: &[
        method("send", NativeFn::One(send_method), "-($self, value, /)", "Resumes the generator with a value."),
        method("throw", NativeFn::Raw(throw_method), "-($self, /, *args)", "Raises an exception inside the generator."),
        method("close", NativeFn::NoArgs(close_method), "-($self)", "Raises GeneratorExit inside the generator."),
        SIZEOF,
        CLASS_GETITEM,
    ],
    getsets: &[
        NAME,
        QUALNAME,
        GetSetDef { name: "gi_yieldfrom", get: get_delegate, set: None, doc: "" },
        GetSetDef { name: "gi_running", get: get_running, set: None, doc: "" },
        GetSetDef { name: "gi_frame", get: get_frame, set: None, doc: "" },
        GetSetDef { name: "gi_suspended", get: get_suspended, set: None, doc: "" },
        GetSetDef { name: "gi_code", get: get_code, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    at_rest: Some(is_finished),
    ..TypeSpec::DEFAULT
};

pub static COROUTINE_SPEC: TypeSpec = TypeSpec {
    name: "coroutine",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<GeneratorObject>(),
    slots: &[SlotFn::repr(coroutine_repr), SlotFn::await_(coroutine_await), SlotFn::finalize(generator_finalize)],
    methods: &[
        method("send", NativeFn::One(send_method), "-($self, value, /)", "Resumes the coroutine with a value."),
        method("throw", NativeFn::Raw(throw_method), "-($self, /, *args)", "Raises an exception inside the coroutine."),
        method("close", NativeFn::NoArgs(close_method), "-($self)", "Raises GeneratorExit inside the coroutine."),
        SIZEOF,
        CLASS_GETITEM,
    ],
    getsets: &[
        NAME,
        QUALNAME,
        GetSetDef { name: "cr_await", get: get_delegate, set: None, doc: "" },
        GetSetDef { name: "cr_running", get: get_running, set: None, doc: "" },
        GetSetDef { name: "cr_frame", get: get_frame, set: None, doc: "" },
        GetSetDef { name: "cr_suspended", get: get_suspended, set: None, doc: "" },
        GetSetDef { name: "cr_code", get: get_code, set: None, doc: "" },
        GetSetDef { name: "cr_origin", get: get_origin, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    at_rest: Some(is_finished),
    ..TypeSpec::DEFAULT
};

unsafe fn wrapper_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<CoroutineWrapper>()) };
}

unsafe fn wrapper_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(wrapped(value));
}

pub static COROUTINE_WRAPPER_SPEC: TypeSpec = TypeSpec {
    name: "coroutine_wrapper",
    doc: "A wrapper object implementing __await__ for coroutines.",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<CoroutineWrapper>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(wrapper_next)],
    methods: &[
        method("send", NativeFn::One(wrapper_send), "-($self, value, /)", "Resumes the coroutine with a value."),
        method("throw", NativeFn::Raw(wrapper_throw), "-($self, /, *args)", "Raises an exception inside the coroutine."),
        method("close", NativeFn::NoArgs(wrapper_close), "-($self)", "Raises GeneratorExit inside the coroutine."),
    ],
    dealloc: Some(wrapper_dealloc),
    traverse: Some(wrapper_traverse),
    ..TypeSpec::DEFAULT
};

