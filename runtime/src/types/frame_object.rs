//! `frame`: made on demand; when its frame exits it takes the values over (PROTOCOLS M22). `f_locals` of a function is
//! PEP 667's write-through proxy.

use crate::exceptions::exc;
use crate::interp::frame::{FRAME_CLEARED, FRAME_WORDS, Frame, FrameOwner, into_owned};
use crate::interp::unwind::clear_frame;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::native::NativeFn;
use crate::protocol::{convert, iterate};
use crate::sync::{AtomicBool, AtomicI64, AtomicPtr, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FRAME, FRAME_LOCALS_PROXY, shapes};
use crate::types::cell;
use crate::types::code::CodeObject;
use crate::types::dict::{self, DictObject};
use crate::types::string::StrObject;
use crate::types::type_object::*;

use pyrt_compiler::bytecode::code::LocalKind;

#[repr(C)]
pub struct FrameObject {
    header: Header,
    /// The running frame, or the frame's copy in `words`.
    frame: AtomicPtr<Frame>,
    /// The copy, once the frame has exited.
    words: AtomicPtr<u64>,
    n_words: usize,
    back: Slot,
    trace: Slot,
    /// Names that `f_locals` was given beyond the code's variables.
    extra_locals: Slot,
    lineno: AtomicI64,
    trace_lines: AtomicBool,
    trace_opcodes: AtomicBool,
    /// Values that writes through `f_locals` replaced while the frame may still borrow them.
    overwritten: Slot,
}

impl FrameObject {
    /// The frame object that `value` is; the caller knows that it is one.
    pub fn of<'a>(value: Value) -> &'a FrameObject {
        debug_assert!(value.has_shape(shapes::FRAME));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    /// `f_trace`.
    pub fn trace_function(&self) -> Option<Owned> {
        self.trace.load(&self.header)
    }

    pub fn set_trace_function(&self, function: Option<Owned>) {
        drop(self.trace.replace(&self.header, function));
    }

    /// `f_trace_lines` and `f_trace_opcodes`.
    pub fn trace_options(&self) -> (bool, bool) {
        (self.trace_lines.load(Ordering::Relaxed), self.trace_opcodes.load(Ordering::Relaxed))
    }

    pub fn frame(&self) -> *mut Frame {
        self.frame.load(Ordering::Acquire)
    }
}

/// The frame object of `frame`.
pub fn of_frame(frame: *mut Frame) -> Owned {
    // SAFETY: a live frame of this thread.
    unsafe {
        if let Some(object) = Value::from_slot((*frame).frame_object) {
            return object.to_owned();
        }
        let n_words = (*(*frame).code).nlocalsplus as usize;
        let made = lifetime::allocate_object(FRAME.get(), |header| FrameObject {
            header,
            frame: AtomicPtr::new(frame),
            words: AtomicPtr::new(std::ptr::null_mut()),
            n_words,
            back: Slot::empty(),
            trace: Slot::empty(),
            extra_locals: Slot::empty(),
            lineno: AtomicI64::new(0),
            trace_lines: AtomicBool::new(true),
            trace_opcodes: AtomicBool::new(false),
            overwritten: Slot::empty(),
        });
        (*frame).frame_object = made.clone().into_raw().bits();
        made
    }
}

/// The frame object of the innermost Python call.
pub fn current(thread: &Thread) -> Option<Owned> {
    at_depth(0, thread)
}

/// The frame object `depth` Python calls above the innermost.
pub fn at_depth(depth: usize, thread: &Thread) -> Option<Owned> {
    let mut frame = crate::interp::ops::control::visible_frame(thread.frame);
    for _ in 0..depth {
        if frame.is_null() {
            break;
        }
        // SAFETY: a live frame of this thread, or of one that is stopped.
        frame = crate::interp::ops::control::visible_frame(unsafe { (*frame).previous });
    }
    if frame.is_null() { None } else { Some(of_frame(frame)) }
}

/// The code of a frame object.
pub fn code_of<'a>(value: Value) -> Option<&'a CodeObject> {
    // SAFETY: the frame, running or copied, holds its code.
    unsafe { FrameObject::of(value).frame().as_ref() }.map(|frame| {
        // SAFETY: as above.
        unsafe { &*frame.code }
    })
}

/// The frame exits: if anyone else holds its object, the values move there; otherwise the frame is cleared.
pub fn take_over(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: the innermost frame; its object is counted by the frame.
    unsafe {
        let word = (*frame).frame_object;
        (*frame).frame_object = 0;
        let held = Owned::from_raw(Value::from_bits(word));
        let object = FrameObject::of(*held);
        if crate::object::refcount::is_unique(&object.header, crate::threads::thread_state::slot_id()) {
            object.frame.store(std::ptr::null_mut(), Ordering::Release);
            clear_frame(thread, frame);
            lifetime::release(held, thread);
            return;
        }
        // The stack is released, the locals move.
        let n = (*(*frame).code).nlocalsplus as usize;
        let copy = Box::into_raw(vec![0u64; FRAME_WORDS + n].into_boxed_slice()).cast::<u64>();
        let new = copy.cast::<Frame>();
        std::ptr::copy_nonoverlapping(frame.cast::<u64>(), copy, FRAME_WORDS);
        let (from, to) = (Frame::locals_ptr(frame), Frame::locals_ptr(new));
        for i in 0..n {
            let word = from.add(i).replace(0);
            *to.add(i) = if word == 0 { 0 } else { into_owned(word).into_raw().bits() };
        }
        let previous = crate::interp::ops::control::visible_frame((*frame).previous);
        if (*frame).owner != FrameOwner::Generator && !previous.is_null() {
            drop(object.back.replace(&object.header, Some(of_frame(previous))));
        }
        (*new).previous = std::ptr::null_mut();
        (*new).owner = FrameOwner::FrameObject;
        (*new).sp = Frame::stack_ptr(new);
        (*new).func = match Value::from_slot((*frame).func) {
            Some(func) => func.to_owned().into_raw().bits(),
            None => 0,
        };
        // The copy must keep code, globals and builtins alive by itself.
        let code = (*(*frame).code).value().to_owned();
        let _ = code.into_raw();
        let _ = (*frame).globals.to_owned().into_raw();
        let _ = (*frame).builtins.to_owned().into_raw();
        (*new).locals = match Value::from_slot((*frame).locals) {
            Some(locals) => locals.to_owned().into_raw().bits(),
            None => 0,
        };
        object.frame.store(new, Ordering::Release);
        object.words.store(copy, Ordering::Release);
        clear_frame(thread, frame);
        lifetime::release(held, thread);
    }
}

/// Drops the copy of an exited frame.
unsafe fn drop_copy(object: &FrameObject) {
    let copy = object.words.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if copy.is_null() {
        return;
    }
    object.frame.store(std::ptr::null_mut(), Ordering::Release);
    // SAFETY: made by `take_over` with this many words; each owned word is released once.
    unsafe {
        let frame = copy.cast::<Frame>();
        for i in 0..object.n_words {
            let word = *Frame::locals_ptr(frame).add(i);
            if let Some(value) = Value::from_slot(word) {
                drop(Owned::from_raw(value));
            }
        }
        for word in [(*frame).func, (*frame).locals, (*(*frame).code).value().bits(), (*frame).globals.bits(), (*frame).builtins.bits()] {
            if let Some(value) = Value::from_slot(word) {
                drop(Owned::from_raw(value.unmarked()));
            }
        }
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(copy, FRAME_WORDS + object.n_words)));
    }
}

/// The frame of a frame object, or an error if it is gone.
fn frame_of(this: Value, thread: &mut Thread) -> PyResult<*mut Frame> {
    let frame = FrameObject::of(this).frame();
    if frame.is_null() { Err(thread.raise(&exc::RUNTIME_ERROR, "frame has been cleared")) } else { Ok(frame) }
}

fn frame_repr(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    let (code, line) = unsafe { ((*frame).code(), (*frame).line()) };
    let filename = convert::repr_text(*code.filename(), thread)?;
    let name = StrObject::of(*code.name).to_string_lossy();
    let line = line.map_or("None".to_string(), |line| line.to_string());
    Ok(Owned::str(&format!("<frame at {:#x}, file {filename}, line {line}, code {name}>", this.id())))
}

fn get_back(this: Value, _thread: &mut Thread) -> PyResult {
    let object = FrameObject::of(this);
    if let Some(back) = object.back.load(&object.header) {
        return Ok(back);
    }
    let frame = object.frame();
    if frame.is_null() {
        return Ok(Owned::none());
    }
    // SAFETY: a live frame.
    let previous = crate::interp::ops::control::visible_frame(unsafe { (*frame).previous });
    Ok(if previous.is_null() { Owned::none() } else { of_frame(previous) })
}

fn get_code(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    Ok(unsafe { (*frame).code() }.value().to_owned())
}

fn get_globals(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    Ok(unsafe { (*frame).globals }.to_owned())
}

fn get_builtins(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    Ok(unsafe { (*frame).builtins }.to_owned())
}

fn get_lasti(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    Ok(Owned::int(i64::from(unsafe { (*frame).lasti() })))
}

fn get_lineno(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    let set = FrameObject::of(this).lineno.load(Ordering::Relaxed);
    if set != 0 {
        return Ok(Owned::int(set));
    }
    // SAFETY: a live frame.
    Ok(unsafe { (*frame).line() }.map_or_else(Owned::none, |line| Owned::int(i64::from(line))))
}

fn set_lineno(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let frame = frame_of(this, thread)?;
    let has_trace = FrameObject::of(this).trace_function().is_some();
    crate::interp::line_jump::assign(frame, has_trace, value, thread)
}

fn get_trace(this: Value, _thread: &mut Thread) -> PyResult {
    let object = FrameObject::of(this);
    Ok(object.trace.load(&object.header).unwrap_or_else(Owned::none))
}

fn set_trace(this: Value, value: Option<Value>, _thread: &mut Thread) -> PyResult<()> {
    let object = FrameObject::of(this);
    drop(object.trace.replace(&object.header, value.filter(|value| !value.is_none()).map(|value| value.to_owned())));
    Ok(())
}

fn get_trace_lines(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(FrameObject::of(this).trace_lines.load(Ordering::Relaxed)))
}

fn set_trace_lines(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(truth) = value.and_then(Value::as_bool) else {
        return Err(thread.raise_type_error("attribute value type must be bool"));
    };
    FrameObject::of(this).trace_lines.store(truth, Ordering::Relaxed);
    Ok(())
}

fn get_trace_opcodes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(FrameObject::of(this).trace_opcodes.load(Ordering::Relaxed)))
}

fn set_trace_opcodes(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(truth) = value.and_then(Value::as_bool) else {
        return Err(thread.raise_type_error("attribute value type must be bool"));
    };
    FrameObject::of(this).trace_opcodes.store(truth, Ordering::Relaxed);
    Ok(())
}

fn get_generator(this: Value, _thread: &mut Thread) -> PyResult {
    let frame = FrameObject::of(this).frame();
    // SAFETY: a live frame.
    if frame.is_null() || unsafe { (*frame).owner } != FrameOwner::Generator {
        return Ok(Owned::none());
    }
    Ok(crate::types::generator::GeneratorObject::from_frame_ptr(frame).value().to_owned())
}

fn get_locals(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(this, thread)?;
    // SAFETY: a live frame.
    if let Some(locals) = Value::from_slot(unsafe { (*frame).locals }) {
        return Ok(locals.to_owned());
    }
    Ok(lifetime::allocate_object(FRAME_LOCALS_PROXY.get(), |header| LocalsProxy { header, frame: this.to_owned() }))
}

/// `locals()` of a function: a snapshot as a dict.
pub fn locals_snapshot(frame: *mut Frame, thread: &mut Thread) -> PyResult {
    let made = dict::new();
    // SAFETY: a live frame.
    let code = unsafe { (*frame).code() };
    for (i, &name) in code.local_names().iter().enumerate() {
        if code.local_kind(i).contains(LocalKind::HIDDEN) {
            continue;
        }
        if let Some(value) = variable(frame, i) {
            DictObject::of(*made).set(name, value, thread)?;
        }
    }
    Ok(made)
}

/// The value of variable `i`: of a cell, what it holds.
fn variable(frame: *mut Frame, i: usize) -> Option<Owned> {
    let value = Frame::local(frame, i)?;
    // SAFETY: a live frame.
    let kind = unsafe { (*frame).code() }.local_kind(i);
    if kind.intersects(LocalKind::CELL | LocalKind::FREE) && value.has_shape(shapes::CELL) {
        return cell::get(value);
    }
    Some(value.to_owned())
}

#[repr(C)]
struct LocalsProxy {
    header: Header,
    frame: Owned,
}

fn proxied(this: Value) -> Value {
    // SAFETY: called for proxies only.
    *unsafe { this.as_ref::<LocalsProxy>() }.frame
}

fn find_variable(frame: *mut Frame, name: Value) -> Option<usize> {
    // SAFETY: a live frame.
    let code = unsafe { (*frame).code() };
    if !crate::types::string::is_str(name) {
        return None;
    }
    code.local_names()
        .iter()
        .enumerate()
        .position(|(i, own)| !code.local_kind(i).contains(LocalKind::HIDDEN) && StrObject::of(*own).equals(StrObject::of(name)))
}

fn proxy_dict(this: Value, thread: &mut Thread) -> PyResult {
    let frame = frame_of(proxied(this), thread)?;
    let made = locals_snapshot(frame, thread)?;
    let object = FrameObject::of(proxied(this));
    if let Some(extra) = object.extra_locals.load(&object.header) {
        DictObject::of(*made).update_from(DictObject::of(*extra), thread)?;
    }
    Ok(made)
}

fn proxy_get(this: Value, key: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // Keys that cannot be hashed are refused as by a dict.
    crate::protocol::compare::hash(key, thread)?;
    let frame = frame_of(proxied(this), thread)?;
    if let Some(i) = find_variable(frame, key) {
        return Ok(variable(frame, i));
    }
    let object = FrameObject::of(proxied(this));
    match object.extra_locals.load(&object.header) {
        Some(extra) => DictObject::of(*extra).get(key, thread),
        None => Ok(None),
    }
}

fn proxy_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    match proxy_get(this, key, thread)? {
        Some(value) => Ok(value),
        None => Err(dict::raise_key_error(key, thread)),
    }
}

fn proxy_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let frame_value = proxied(this);
    let frame = frame_of(frame_value, thread)?;
    if let Some(i) = find_variable(frame, key) {
        let Some(value) = value else {
            return Err(thread.raise_value_error("cannot remove local variables from FrameLocalsProxy"));
        };
        // SAFETY: a live frame.
        let kind = unsafe { (*frame).code() }.local_kind(i);
        if let Some(holder) = Frame::local(frame, i).filter(|holder| kind.intersects(LocalKind::CELL | LocalKind::FREE) && holder.has_shape(shapes::CELL)) {
            drop(cell::set(holder, Some(value.to_owned())));
            return Ok(());
        }
        // SAFETY: the slot lies in the frame. The old value stays alive until the frame exits: its stack may borrow it.
        unsafe {
            let slot = Frame::locals_ptr(frame).add(i);
            let old = slot.replace(value.to_owned().into_raw().bits());
            if old != 0 {
                keep_overwritten(FrameObject::of(frame_value), into_owned(old));
            }
        }
        return Ok(());
    }
    let object = FrameObject::of(frame_value);
    let extra = match object.extra_locals.load(&object.header) {
        Some(extra) => extra,
        None => {
            let made = dict::new();
            drop(object.extra_locals.replace(&object.header, Some(made.clone())));
            made
        }
    };
    match value {
        Some(value) => DictObject::of(*extra).set(key, value.to_owned(), thread),
        None => match DictObject::of(*extra).remove(key, thread)? {
            Some(_) => Ok(()),
            None => Err(dict::raise_key_error(key, thread)),
        },
    }
}

fn keep_overwritten(object: &FrameObject, value: Owned) {
    let list = match object.overwritten.load(&object.header) {
        Some(list) => list,
        None => {
            let made = crate::types::list::new();
            drop(object.overwritten.replace(&object.header, Some(made.clone())));
            made
        }
    };
    crate::types::list::ListObject::of(*list).push(value);
}

fn proxy_contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    Ok(proxy_get(this, key, thread)?.is_some())
}

fn proxy_length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let dict = proxy_dict(this, thread)?;
    Ok(DictObject::of(*dict).len() as i64)
}

fn proxy_iter(this: Value, thread: &mut Thread) -> PyResult {
    let keys = crate::types::list::from_vec(DictObject::of(*proxy_dict(this, thread)?).entries().into_iter().map(|entry| entry.key).collect());
    iterate::iter(*keys, thread)
}

fn proxy_repr(this: Value, thread: &mut Thread) -> PyResult {
    if thread.repr_active.contains(&this.id()) {
        return Ok(Owned::str("{...}"));
    }
    thread.repr_active.push(this.id());
    let dict = proxy_dict(this, thread);
    let result = dict.and_then(|dict| convert::repr(*dict, thread));
    thread.repr_active.retain(|active| *active != this.id());
    result
}

fn proxy_compare(this: Value, other: Value, op: crate::protocol::compare::CompareOp, thread: &mut Thread) -> PyResult {
    if other.has_shape(shapes::FRAME_LOCALS_PROXY) && op.is_equality() {
        let same = proxied(this).is(proxied(other));
        return Ok(Owned::bool(same == (op == crate::protocol::compare::CompareOp::Eq)));
    }
    if !dict::is_dict(other) || !op.is_equality() {
        return Ok(Owned::not_implemented());
    }
    let own = proxy_dict(this, thread)?;
    crate::protocol::compare::rich_compare(*own, other, op, thread)
}

macro_rules! through_dict {
    ($($function:ident $name:literal;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let dict = proxy_dict(this, thread)?;
            crate::protocol::call::call_method(*dict, *crate::names::interned($name), &[], thread)
        }
    )*};
}

through_dict! {
    proxy_values "values";
    proxy_items "items";
    proxy_copy "copy";
}

fn key_list(this: Value, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    Ok(DictObject::of(*proxy_dict(this, thread)?).entries().into_iter().map(|entry| entry.key).collect())
}

fn proxy_keys(this: Value, thread: &mut Thread) -> PyResult {
    Ok(crate::types::list::from_vec(key_list(this, thread)?))
}

fn proxy_reversed(this: Value, thread: &mut Thread) -> PyResult {
    let mut keys = key_list(this, thread)?;
    keys.reverse();
    Ok(crate::types::list::from_vec(keys))
}

fn proxy_new(_class: Value, args: crate::protocol::args::Args<'_>, kwnames: crate::protocol::args::KwNames, thread: &mut Thread) -> PyResult {
    let n = args.len();
    if n != 1 {
        return Err(thread.raise_type_error(format!("FrameLocalsProxy expected 1 argument, got {n}")));
    }
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("FrameLocalsProxy takes no keyword arguments"));
    }
    let frame = args.at(0);
    if !frame.has_shape(shapes::FRAME) {
        let got = frame.type_object().full_name();
        return Err(thread.raise_type_error(format!("expect frame, not {got}")));
    }
    Ok(lifetime::allocate_object(FRAME_LOCALS_PROXY.get(), |header| LocalsProxy { header, frame: frame.to_owned() }))
}

/// `proxy | mapping` and the other way round: a dict.
fn proxy_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let fits = |value: Value| value.has_shape(shapes::FRAME_LOCALS_PROXY) || dict::is_dict(value);
    if !fits(left) || !fits(right) {
        return Ok(Owned::not_implemented());
    }
    let merged = dict::new();
    for side in [left, right] {
        dict::merge::update(*merged, side, thread)?;
    }
    Ok(merged)
}

fn proxy_inplace_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !right.has_shape(shapes::FRAME_LOCALS_PROXY) && !dict::is_dict(right) {
        return Ok(Owned::not_implemented());
    }
    proxy_update(left, right, thread)?;
    Ok(left.to_owned())
}

fn proxy_get_method(this: Value, args: crate::protocol::args::Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(proxy_get(this, args.at(0), thread)?.unwrap_or_else(|| args.get(1).map_or_else(Owned::none, |default| default.to_owned())))
}

fn proxy_setdefault(this: Value, args: crate::protocol::args::Args<'_>, thread: &mut Thread) -> PyResult {
    if let Some(value) = proxy_get(this, args.at(0), thread)? {
        return Ok(value);
    }
    let default = args.get(1).unwrap_or_else(Value::none);
    proxy_ass_subscript(this, args.at(0), Some(default), thread)?;
    Ok(default.to_owned())
}

fn proxy_pop(this: Value, args: crate::protocol::args::Args<'_>, thread: &mut Thread) -> PyResult {
    match proxy_get(this, args.at(0), thread)? {
        Some(value) => {
            proxy_ass_subscript(this, args.at(0), None, thread)?;
            Ok(value)
        }
        None => match args.get(1) {
            Some(default) => Ok(default.to_owned()),
            None => Err(dict::raise_key_error(args.at(0), thread)),
        },
    }
}

fn proxy_update(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    let merged = dict::new();
    dict::merge::update(*merged, other, thread)?;
    for entry in DictObject::of(*merged).entries() {
        proxy_ass_subscript(this, *entry.key, Some(*entry.value), thread)?;
    }
    Ok(Owned::none())
}

fn clear_method(this: Value, thread: &mut Thread) -> PyResult {
    let frame = FrameObject::of(this).frame();
    if frame.is_null() {
        return Ok(Owned::none());
    }
    // SAFETY: a live frame.
    unsafe {
        match (*frame).owner {
            FrameOwner::Thread => return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot clear an executing frame")),
            FrameOwner::Generator => {
                let generator = crate::types::generator::GeneratorObject::from_frame_ptr(frame);
                use crate::types::generator::State;
                match generator.state() {
                    State::Running => return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot clear an executing frame")),
                    State::Suspended => return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot clear a suspended frame")),
                    State::Finished => return Ok(Owned::none()),
                    State::Created => {
                        let held = generator.value().to_owned();
                        crate::types::generator::close(*held, thread)?;
                    }
                }
            }
            FrameOwner::FrameObject => {
                clear_frame(thread, frame);
                (*frame).flags |= FRAME_CLEARED;
            }
        }
    }
    Ok(Owned::none())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        let object = value.as_ref::<FrameObject>();
        drop_copy(object);
        for slot in [&object.back, &object.trace, &object.extra_locals, &object.overwritten] {
            drop(slot.replace_locked(None));
        }
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the world is stopped.
    unsafe {
        let object = value.as_ref::<FrameObject>();
        for slot in [&object.back, &object.trace, &object.extra_locals, &object.overwritten] {
            if let Some(held) = slot.peek() {
                visit(held);
            }
        }
        let copy = object.words.load(Ordering::Acquire);
        if !copy.is_null() {
            let frame = copy.cast::<Frame>();
            for i in 0..object.n_words {
                if let Some(held) = Frame::local(frame, i) {
                    visit(held);
                }
            }
            for word in [(*frame).func, (*frame).locals] {
                if let Some(held) = Value::from_slot(word) {
                    visit(held.unmarked());
                }
            }
            visit((*(*frame).code).value());
            visit((*frame).globals);
            visit((*frame).builtins);
        }
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the object is garbage but alive.
    unsafe {
        let object = value.as_ref::<FrameObject>();
        let copy = object.words.load(Ordering::Acquire);
        if !copy.is_null() {
            let frame = copy.cast::<Frame>();
            for i in 0..object.n_words {
                let word = Frame::locals_ptr(frame).add(i).replace(0);
                if let Some(value) = Value::from_slot(word) {
                    drop(Owned::from_raw(value));
                }
            }
        }
        for slot in [&object.back, &object.trace, &object.extra_locals, &object.overwritten] {
            drop(slot.replace(&object.header, None));
        }
    }
}

unsafe fn proxy_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<LocalsProxy>()) };
}

unsafe fn proxy_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(proxied(value));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "frame",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<FrameObject>(),
    slots: &[SlotFn::repr(frame_repr)],
    methods: &[MethodDef { name: "clear", func: NativeFn::NoArgs(clear_method), kind: MethodKind::Instance, signature: "($self, /)", doc: "Clears all references held by the frame." }],
    getsets: &[
        GetSetDef { name: "f_back", get: get_back, set: None, doc: "" },
        GetSetDef { name: "f_code", get: get_code, set: None, doc: "" },
        GetSetDef { name: "f_globals", get: get_globals, set: None, doc: "" },
        GetSetDef { name: "f_builtins", get: get_builtins, set: None, doc: "" },
        GetSetDef { name: "f_locals", get: get_locals, set: None, doc: "" },
        GetSetDef { name: "f_lasti", get: get_lasti, set: None, doc: "" },
        GetSetDef { name: "f_lineno", get: get_lineno, set: Some(set_lineno), doc: "" },
        GetSetDef { name: "f_trace", get: get_trace, set: Some(set_trace), doc: "" },
        GetSetDef { name: "f_trace_lines", get: get_trace_lines, set: Some(set_trace_lines), doc: "" },
        GetSetDef { name: "f_trace_opcodes", get: get_trace_opcodes, set: Some(set_trace_opcodes), doc: "" },
        GetSetDef { name: "f_generator", get: get_generator, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

const fn method(name: &'static str, func: NativeFn, signature: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc: "" }
}

pub static LOCALS_PROXY_SPEC: TypeSpec = TypeSpec {
    name: "FrameLocalsProxy",
    flags: TYPE_GC | TYPE_MAPPING,
    basic_size: size_of::<LocalsProxy>(),
    slots: &[
        SlotFn::repr(proxy_repr),
        SlotFn::length(proxy_length),
        SlotFn::iter(proxy_iter),
        SlotFn::subscript(proxy_subscript),
        SlotFn::ass_subscript(proxy_ass_subscript),
        SlotFn::contains(proxy_contains),
        SlotFn::richcompare(proxy_compare),
        SlotFn::hash(crate::protocol::compare::unhashable_slot),
        SlotFn::new(proxy_new),
        SlotFn::or(proxy_or),
        SlotFn::inplace_or(proxy_inplace_or),
    ],
    methods: &[
        method("keys", NativeFn::NoArgs(proxy_keys), "-($self)"),
        method("values", NativeFn::NoArgs(proxy_values), "-($self)"),
        method("items", NativeFn::NoArgs(proxy_items), "-($self)"),
        method("copy", NativeFn::NoArgs(proxy_copy), "-($self)"),
        method("__reversed__", NativeFn::NoArgs(proxy_reversed), "-($self)"),
        method("get", NativeFn::Bound(proxy_get_method), "-($self, key, default=None, /)"),
        method("setdefault", NativeFn::Bound(proxy_setdefault), "-($self, key, default=None, /)"),
        method("pop", NativeFn::Bound(proxy_pop), "-($self, key, default=None, /)"),
        method("update", NativeFn::One(proxy_update), "-($self, other, /)"),
    ],
    dealloc: Some(proxy_dealloc),
    traverse: Some(proxy_traverse),
    ..TypeSpec::DEFAULT
};

/// The frame of a frame object has moved into a generator, or (null) is gone.
pub fn moved(object: Value, frame: *mut Frame) {
    FrameObject::of(object).frame.store(frame, Ordering::Release);
}
