//! Locals, cells, globals, names, constants, stack shuffling.

use pyrt_compiler::bytecode::code::LocalKind;
use pyrt_compiler::bytecode::instructions::{CommonConstant, Opcode};

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::Frame;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, PyResult, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::cell;
use crate::types::code::make_unit;
use crate::types::dict::{self, DictObject};
use crate::types::function::FunctionObject;
use crate::types::string::StrObject;
use crate::types::tuple::TupleObject;

#[inline(always)]
pub fn load_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: the compiler emits LOAD_FAST only where the local is bound.
    let value = unsafe { Value::from_bits(r.local(oparg)) };
    r.push(value.to_owned().into_raw().bits());
    Flow::Next
}

#[inline(always)]
pub fn load_fast_borrow(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: as above; the local outlives the stack word (the compiler's analysis).
    let value = unsafe { Value::from_bits(r.local(oparg)) };
    r.push(value.frame_borrowed().bits());
    Flow::Next
}

#[inline(always)]
pub fn load_fast_load_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    load_fast(r, oparg >> 4);
    load_fast(r, oparg & 15)
}

#[inline(always)]
pub fn load_fast_borrow_load_fast_borrow(r: &mut Regs<'_>, oparg: u32) -> Flow {
    load_fast_borrow(r, oparg >> 4);
    load_fast_borrow(r, oparg & 15)
}

#[inline(always)]
pub fn load_fast_check(r: &mut Regs<'_>, oparg: u32) -> Flow {
    match Value::from_slot(r.local(oparg)) {
        Some(value) => {
            r.push(value.to_owned().into_raw().bits());
            Flow::Next
        }
        None => {
            r.sync();
            unbound_local_slow(r.thread, r.frame, oparg)
        }
    }
}

#[cold]
fn unbound_local_slow(thread: &mut Thread, frame: *mut Frame, i: u32) -> Flow {
    // SAFETY: the running frame.
    let name = unsafe { (*frame).code().local_names()[i as usize] };
    let _ = raise_name_error(
        &exc::UNBOUND_LOCAL_ERROR,
        format!("cannot access local variable '{}' where it is not associated with a value", StrObject::of(name).to_string_lossy()),
        name,
        thread,
    );
    Flow::Raised
}

/// A `NameError` whose `name` attribute is set.
#[cold]
pub fn raise_name_error(class: &crate::types::builtin_types::StaticType, message: String, name: Value, thread: &mut Thread) -> crate::object::value::Raised {
    let exception = crate::exceptions::make(class, vec![Owned::str(&message)]);
    drop(crate::exceptions::object::NameErrorObject::of(*exception).name.replace_locked(Some(name.to_owned())));
    thread.raise_exception(exception)
}

#[inline(always)]
pub fn load_fast_and_clear(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.local(oparg);
    r.set_local(oparg, 0);
    r.push(word);
    Flow::Next
}

#[inline(always)]
pub fn load_const(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let value = r.constant(oparg);
    // A constant int is one object wherever its site is run; another site's equal constant may be another.
    r.push(value.frame_borrowed().bits());
    Flow::Next
}

#[inline(always)]
pub fn load_small_int(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.push(Value::plain_int(i64::from(oparg)).bits());
    Flow::Next
}

#[inline(always)]
pub fn load_common_constant(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let value = match CommonConstant::from_u32(oparg) {
        Some(CommonConstant::NotImplementedError) => exc::NOT_IMPLEMENTED_ERROR.get().value(),
        Some(CommonConstant::Tuple) => crate::types::builtin_types::TUPLE.get().value(),
        Some(CommonConstant::All) => r.thread.interpreter.builtin_all.peek().unwrap_or(Value::none()),
        Some(CommonConstant::Any) => r.thread.interpreter.builtin_any.peek().unwrap_or(Value::none()),
        _ => exc::ASSERTION_ERROR.get().value(),
    };
    r.push(value.frame_borrowed().bits());
    Flow::Next
}

#[inline(always)]
pub fn store_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.pop();
    let old = r.local(oparg);
    r.set_local(oparg, own_for_local(word));
    r.release_last(old);
    Flow::Next
}

/// A word as a local may hold it: what was borrowed gets a count, for the older slot may change first, and locals of
/// generators outlive their activation (PROTOCOLS M4).
#[inline(always)]
fn own_for_local(word: u64) -> u64 {
    if word & 3 == 0 && word & 0xC != 0 {
        return crate::interp::frame::into_owned(word).into_raw().bits();
    }
    word
}

#[inline(always)]
pub fn store_fast_load_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    store_fast(r, oparg >> 4);
    load_fast(r, oparg & 15)
}

#[inline(always)]
pub fn store_fast_store_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.pop();
    let old = r.local(oparg >> 4);
    r.set_local(oparg >> 4, own_for_local(word));
    r.release_last_too(old);
    store_fast(r, oparg & 15)
}

#[inline(always)]
pub fn delete_fast(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let old = r.local(oparg);
    if old == 0 {
        r.sync();
        return unbound_local_slow(r.thread, r.frame, oparg);
    }
    r.set_local(oparg, 0);
    r.release(old);
    Flow::Next
}

#[inline(always)]
pub fn make_cell(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.local(oparg);
    let contents = if word == 0 { None } else { Some(crate::interp::frame::into_owned(word)) };
    r.set_local(oparg, cell::new(contents).into_raw().bits());
    Flow::Next
}

#[inline(always)]
pub fn copy_free_vars(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: a function whose code has free variables has a closure of that length (checked when it is made).
    let function = unsafe { Value::from_bits((*r.frame).func) }.unmarked();
    let Some(closure) = FunctionObject::of(function).closure.peek() else { return Flow::Next };
    let first = r.code().nlocalsplus - oparg;
    for (i, cell) in TupleObject::of(closure).items().iter().enumerate() {
        r.set_local(first + i as u32, cell.to_owned().into_raw().bits());
    }
    Flow::Next
}

#[inline(always)]
fn cell_of(r: &Regs<'_>, oparg: u32) -> Value {
    // SAFETY: MAKE_CELL or COPY_FREE_VARS has put a cell there.
    unsafe { Value::from_bits(r.local(oparg)) }.unmarked()
}

#[inline(always)]
pub fn load_deref(r: &mut Regs<'_>, oparg: u32) -> Flow {
    if let Some(value) = cell::get_own(cell_of(r, oparg)) {
        r.push_owned(value);
        return Flow::Next;
    }
    r.instead(Opcode::INSTRUMENTED_END_SEND)
}

/// LOAD_DEREF of an empty cell, or of a value that other threads may use.
#[inline(always)]
pub fn load_deref_shared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    match cell::get_word(cell_of(r, oparg)) {
        Some(word) => {
            r.push(word);
            Flow::Next
        }
        None => {
            r.sync();
            unbound_cell_slow(r.thread, r.frame, oparg)
        }
    }
}

#[cold]
fn unbound_cell_slow(thread: &mut Thread, frame: *mut Frame, i: u32) -> Flow {
    // SAFETY: the running frame.
    let code = unsafe { (*frame).code() };
    let name = code.local_names()[i as usize];
    let text = StrObject::of(name).to_string_lossy();
    if code.local_kind(i as usize).contains(LocalKind::FREE) {
        let _ = raise_name_error(
            &exc::NAME_ERROR,
            format!("cannot access free variable '{text}' where it is not associated with a value in enclosing scope"),
            name,
            thread,
        );
        return Flow::Raised;
    }
    unbound_local_slow(thread, frame, i)
}

#[inline(always)]
pub fn store_deref(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let value = r.pop_owned();
    let old = cell::set(cell_of(r, oparg), Some(value));
    if let Some(old) = old {
        r.release_last(old.into_raw().bits());
    }
    Flow::Next
}

#[inline(always)]
pub fn delete_deref(r: &mut Regs<'_>, oparg: u32) -> Flow {
    match cell::set(cell_of(r, oparg), None) {
        Some(old) => {
            r.release(old.into_raw().bits());
            Flow::Next
        }
        None => {
            r.sync();
            unbound_cell_slow(r.thread, r.frame, oparg)
        }
    }
}

#[inline(always)]
pub fn load_from_dict_or_deref(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.code().local_names()[oparg as usize];
    let namespace = r.value(1);
    match lookup_in_namespace(namespace, name, r.thread) {
        Ok(Some(value)) => {
            r.replace(1, value);
            Flow::Next
        }
        Ok(None) => match cell::get(cell_of(r, oparg)) {
            Some(value) => {
                r.replace(1, value);
                Flow::Next
            }
            None => unbound_cell_slow(r.thread, r.frame, oparg),
        },
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn load_from_dict_or_globals(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    let namespace = r.value(1);
    match lookup_in_namespace(namespace, name, r.thread).and_then(|found| match found {
        Some(value) => Ok(value),
        None => lookup_global_slow(r.thread, r.frame, name),
    }) {
        Ok(value) => {
            r.replace(1, value);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

/// `namespace[name]`, `None` if it has no such key: a dict by its items, another mapping by `__getitem__`.
pub fn lookup_in_namespace(namespace: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    if dict::is_exact(namespace) {
        return DictObject::of(namespace).get(name, thread);
    }
    match crate::protocol::subscript::get_item(namespace, name, thread) {
        Ok(value) => Ok(Some(value)),
        Err(raised) => {
            drop(thread.catch(raised, &exc::KEY_ERROR)?);
            Ok(None)
        }
    }
}

/// A global or builtin, or `NameError`.
#[inline(never)]
pub fn lookup_global_slow(thread: &mut Thread, frame: *mut Frame, name: Value) -> PyResult {
    // SAFETY: the running frame.
    let (globals, builtins) = unsafe { ((*frame).globals, (*frame).builtins) };
    if let Some(value) = lookup_in_namespace(globals, name, thread)? {
        return Ok(value);
    }
    if let Some(value) = lookup_in_namespace(builtins, name, thread)? {
        return Ok(value);
    }
    Err(raise_name_error(&exc::NAME_ERROR, format!("name '{}' is not defined", StrObject::of(name).to_string_lossy()), name, thread))
}

#[inline(always)]
pub fn load_name(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let result = load_name_slow(r.thread, r.frame, r.name(oparg));
    r.push_result(result)
}

fn load_name_slow(thread: &mut Thread, frame: *mut Frame, name: Value) -> PyResult {
    // SAFETY: the running frame.
    let locals = unsafe { Value::from_slot((*frame).locals) };
    let Some(locals) = locals else {
        return Err(thread.raise(&exc::SYSTEM_ERROR, format!("no locals when loading '{}'", StrObject::of(name).to_string_lossy())));
    };
    if let Some(value) = lookup_in_namespace(locals, name, thread)? {
        return Ok(value);
    }
    lookup_global_slow(thread, frame, name)
}

#[inline(always)]
pub fn store_name(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    let value = r.value(1);
    if store_name_slow(r.thread, r.frame, name, value).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

fn store_name_slow(thread: &mut Thread, frame: *mut Frame, name: Value, value: Value) -> PyResult<()> {
    // SAFETY: the running frame.
    let locals = unsafe { Value::from_slot((*frame).locals) };
    match locals {
        None => Err(thread.raise(&exc::SYSTEM_ERROR, format!("no locals found when storing '{}'", StrObject::of(name).to_string_lossy()))),
        Some(locals) if dict::is_exact(locals) => DictObject::of(locals).set(name, value.to_owned(), thread),
        Some(locals) => crate::protocol::subscript::set_item(locals, name, value, thread),
    }
}

#[inline(always)]
pub fn delete_name(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    if delete_name_slow(r.thread, r.frame, r.name(oparg)).is_err() { Flow::Raised } else { Flow::Next }
}

fn delete_name_slow(thread: &mut Thread, frame: *mut Frame, name: Value) -> PyResult<()> {
    // SAFETY: the running frame.
    let locals = unsafe { Value::from_slot((*frame).locals) };
    let undefined = |thread: &mut Thread| {
        raise_name_error(&exc::NAME_ERROR, format!("name '{}' is not defined", StrObject::of(name).to_string_lossy()), name, thread)
    };
    let Some(locals) = locals else {
        return Err(thread.raise(&exc::SYSTEM_ERROR, format!("no locals when deleting '{}'", StrObject::of(name).to_string_lossy())));
    };
    if dict::is_exact(locals) {
        return match DictObject::of(locals).remove(name, thread)? {
            Some(old) => {
                crate::object::lifetime::release(old, thread);
                Ok(())
            }
            None => Err(undefined(thread)),
        };
    }
    match crate::protocol::subscript::delete_item(locals, name, thread) {
        Ok(()) => Ok(()),
        Err(raised) => {
            drop(thread.catch(raised, &exc::KEY_ERROR)?);
            Err(undefined(thread))
        }
    }
}

#[inline(always)]
pub fn load_global(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let name = r.name(oparg >> 1);
    r.sync();
    if cell.should_attempt() {
        specialize_global_slow(r.frame, name, cell);
    }
    match lookup_global_slow(r.thread, r.frame, name) {
        Ok(value) => {
            r.push_owned(value);
            if oparg & 1 != 0 {
                r.push(0);
            }
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

/// Fills the cell of a LOAD_GLOBAL: first word `version of the globals' keys : 32 | index : 32`, second likewise for the
/// builtins. Each word is a fact about this site's name on its own.
#[cold]
fn specialize_global_slow(frame: *mut Frame, name: Value, cell: &crate::interp::inline_cache::CacheCell) {
    // SAFETY: the running frame.
    let (globals, builtins) = unsafe { ((*frame).globals, (*frame).builtins) };
    if !dict::is_exact(globals) || !dict::is_exact(builtins) {
        return;
    }
    let (version, index) = DictObject::of(globals).cacheable_place(name);
    if version == 0 && !DictObject::of(globals).is_empty() {
        return;
    }
    let opcode = match index {
        Some(index) => {
            cell.publish(u64::from(version) << 32 | index as u64);
            Opcode::LOAD_GLOBAL_MODULE
        }
        None => {
            let (builtin_version, builtin_index) = DictObject::of(builtins).cacheable_place(name);
            let Some(index) = builtin_index.filter(|_| builtin_version != 0 && version != 0) else { return };
            cell.publish(u64::from(version) << 32 | u64::from(u32::MAX));
            cell.publish_second(u64::from(builtin_version) << 32 | index as u64);
            Opcode::LOAD_GLOBAL_BUILTIN
        }
    };
    specialize_as(frame, opcode);
}

/// Pushes what a slot of a dict or object holds: a deferred object as a borrowed word, others counted.
#[inline(always)]
pub fn push_loaded(r: &mut Regs<'_>, value: Owned) {
    r.push_owned(value);
}

#[inline(always)]
pub fn load_global_module(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let word = cell.word();
    // SAFETY: the running frame; its globals are a dict (checked at every entry into a frame).
    let globals = DictObject::of(unsafe { (*r.frame).globals });
    if let Some(value) = cached_global(globals, (word >> 32) as u32, word as u32 as usize) {
        r.push(value);
        if oparg & 1 != 0 {
            r.push(0);
        }
        return Flow::Next;
    }
    if FREE_THREADED && globals.has_version((word >> 32) as u32) {
        return r.instead(Opcode::INSTRUMENTED_CALL);
    }
    r.miss(Opcode::LOAD_GLOBAL)
}

/// LOAD_GLOBAL_MODULE of a value that other threads may use.
#[inline(always)]
pub fn load_global_module_shared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let word = cell.word();
    // SAFETY: as in `load_global_module`.
    let globals = DictObject::of(unsafe { (*r.frame).globals });
    if let Some(value) = globals.get_cached_word((word >> 32) as u32, word as u32 as usize) {
        r.push(value);
        if oparg & 1 != 0 {
            r.push(0);
        }
        return Flow::Next;
    }
    r.miss(Opcode::LOAD_GLOBAL)
}

/// A word for the stack: borrowed if the object is deferred or immortal, counted otherwise.
#[inline(always)]
pub fn cached_global(dict: &DictObject, version: u32, index: usize) -> Option<u64> {
    if FREE_THREADED {
        let value = dict.peek_cached(version, index)?;
        if value.is_pointer() {
            // SAFETY: header words stay readable (type-stable memory).
            let header = unsafe { &*value.header() };
            if header.is_immortal() || header.is_deferred() {
                // The flag was read between two loads of the slot: the address still held this object (DESIGN §4).
                if dict.peek_cached(version, index).is_some_and(|again| again.bits() == value.bits()) {
                    return Some(value.deferred_borrowed().bits());
                }
            }
        }
    }
    Some(dict.get_cached_own(version, index)?.into_raw().bits())
}

#[inline(always)]
pub fn load_global_builtin(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let (first, second) = (cell.word(), cell.second_word());
    // SAFETY: the running frame; both are dicts.
    let (globals, builtins) = unsafe { (DictObject::of((*r.frame).globals), DictObject::of((*r.frame).builtins)) };
    if first as u32 == u32::MAX && globals.has_version((first >> 32) as u32) {
        if let Some(value) = cached_global(builtins, (second >> 32) as u32, second as u32 as usize) {
            r.push(value);
            if oparg & 1 != 0 {
                r.push(0);
            }
            return Flow::Next;
        }
        if FREE_THREADED && builtins.has_version((second >> 32) as u32) {
            return r.instead(Opcode::LOAD_GLOBAL);
        }
    }
    r.miss(Opcode::LOAD_GLOBAL)
}

/// The site gets a specialised form.
#[cold]
pub fn specialize_as(frame: *mut Frame, opcode: Opcode) {
    // SAFETY: as above. Release: the cell is filled first.
    unsafe {
        let ip = (*frame).ip;
        let unit = (*ip).load(Ordering::Relaxed);
        if unit as u8 == Opcode::INSTRUMENTED_LINE as u8 {
            crate::interp::tracing::store_opcode_slow(frame, opcode as u8);
        } else {
            (*ip).store(make_unit(opcode as u8, unit >> 8), Ordering::Release);
        }
    }
}

#[inline(always)]
pub fn store_global(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    // SAFETY: the running frame.
    let globals = unsafe { (*r.frame).globals };
    let value = r.value(1).to_owned();
    if DictObject::of(globals).set(name, value, r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn delete_global(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    // SAFETY: the running frame.
    let globals = unsafe { (*r.frame).globals };
    match DictObject::of(globals).remove(name, r.thread) {
        Ok(Some(old)) => {
            r.release(old.into_raw().bits());
            Flow::Next
        }
        Ok(None) => {
            let message = format!("name '{}' is not defined", StrObject::of(name).to_string_lossy());
            let _ = raise_name_error(&exc::NAME_ERROR, message, name, r.thread);
            Flow::Raised
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn load_locals(r: &mut Regs<'_>) -> Flow {
    // SAFETY: the running frame.
    match unsafe { Value::from_slot((*r.frame).locals) } {
        Some(locals) => {
            r.push_owned(locals.to_owned());
            Flow::Next
        }
        None => {
            r.sync();
            let _ = r.thread.raise(&exc::SYSTEM_ERROR, "no locals");
            Flow::Raised
        }
    }
}

#[inline(always)]
pub fn copy(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.peek(oparg as usize);
    if word == 0 {
        r.push(0);
    } else {
        // SAFETY: not empty.
        r.push(unsafe { Value::from_bits(word) }.to_owned().into_raw().bits());
    }
    Flow::Next
}

#[inline(always)]
pub fn swap(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (top, other) = (r.peek(1), r.peek(oparg as usize));
    r.set(1, other);
    r.set(oparg as usize, top);
    Flow::Next
}
