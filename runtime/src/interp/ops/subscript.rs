//! `a[b]` and slices.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::interp::call_frame::push_frame_with_arguments;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::into_owned;
use crate::interp::inline_cache::{self, CacheCell};
use crate::interp::ops::attr::{KIND_OBJECT, guard};
use crate::interp::ops::load_store::specialize_as;
use crate::names::names;
use crate::object::refcount::FREE_THREADED;
use crate::object::shape;
use crate::object::value::{Owned, Value};
use crate::protocol::{attribute, subscript};
use crate::threads::thread_state::{Thread, has_other_threads};
use crate::types::builtin_types::shapes;
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::list::ListObject;
use crate::types::tuple::TupleObject;
use crate::types::type_object::TYPE_HEAP;

/// The list on the stack and the number of the item that the small int on top names, if they are that. Numbers from the end
/// are those of the list's length just now.
#[inline(always)]
fn list_and_index<'a>(r: &Regs<'_>) -> Option<(&'a ListObject, Option<usize>)> {
    let (container, index) = (r.value(2), r.value(1));
    if !index.is_small_int() || !container.has_shape(shapes::LIST) {
        return None;
    }
    let list = ListObject::of(container);
    let i = index.small_int_payload();
    Some((list, usize::try_from(if i < 0 { i + list.len() as i64 } else { i }).ok()))
}

/// The item takes the place of its container and index.
#[inline(always)]
fn finish_load(r: &mut Regs<'_>, item: u64) -> Flow {
    r.skip_cell();
    r.pop();
    let old = r.peek(1);
    r.set(1, item);
    r.release_last(old);
    Flow::Next
}

#[inline(always)]
pub fn binary_op_subscr_list_int(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let Some((list, i)) = list_and_index(r) else { return r.miss(Opcode::BINARY_OP) };
    match i.and_then(|i| list.get_own(i)) {
        Some(item) => finish_load(r, item.into_raw().bits()),
        None => r.instead(Opcode::INSTRUMENTED_CALL_FUNCTION_EX),
    }
}

/// BINARY_OP_SUBSCR_LIST_INT of an item that other threads may use, or that there is not.
#[inline(always)]
pub fn binary_op_subscr_list_int_shared(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    match list_and_index(r).and_then(|(list, i)| list.get_word(i?)) {
        Some(item) => finish_load(r, item),
        None => r.miss(Opcode::BINARY_OP),
    }
}

/// A word for an object that its tuple keeps alive: without a count if it is deferred.
#[inline(always)]
fn word_of(item: Value) -> u64 {
    // SAFETY: a live object.
    if FREE_THREADED && item.is_pointer() && unsafe { (*item.header()).is_deferred() } {
        return item.deferred_borrowed().bits();
    }
    item.to_owned().into_raw().bits()
}

#[inline(always)]
pub fn binary_op_subscr_tuple_int(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let (container, index) = (r.value(2), r.value(1));
    if index.is_small_int() && container.has_shape(shapes::TUPLE) {
        let items = TupleObject::of(container).items();
        let i = index.small_int_payload();
        if let Some(item) = usize::try_from(i).ok().and_then(|i| items.get(i)) {
            return finish_load(r, word_of(*item));
        }
    }
    r.miss(Opcode::BINARY_OP)
}

#[inline(always)]
pub fn binary_op_subscr_dict(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let (container, key) = (r.value(2), r.value(1));
    if container.has_shape(shapes::DICT) {
        r.sync();
        match DictObject::of(container).get(key, r.thread) {
            Ok(Some(value)) => {
                r.skip_cell();
                return r.finish_binary(Ok(value));
            }
            Ok(None) => {
                let _ = crate::types::dict::raise_key_error(key, r.thread);
                return Flow::Raised;
            }
            Err(_) => return Flow::Raised,
        }
    }
    r.miss(Opcode::BINARY_OP)
}

/// Fills the cell for containers like this one, if their class has a simple `__getitem__` written in Python.
#[cold]
pub fn remember_getitem(container: Value, cell: &CacheCell, thread: &mut Thread) -> bool {
    if !container.is_pointer() || !container.type_has_flag(TYPE_HEAP) {
        return false;
    }
    let shape = container.shape();
    // The version is read before the lookup: what changes meanwhile makes the fact stale at once.
    let version = shape::entry(shape).version();
    if version == 0 || version > 0xFFFF {
        return false;
    }
    let found = attribute::lookup_type(container.type_object(), names().__getitem__, thread);
    let Some(function) = found.filter(|found| found.has_shape(shapes::FUNCTION)) else { return false };
    let object = FunctionObject::of(*function);
    let (code, function_version) = (object.code(), object.take_version());
    if !code.is_simple || code.argcount != 2 || function_version == 0 || !cell.set_object(function) {
        return false;
    }
    cell.publish_second(u64::from(function_version));
    cell.publish(inline_cache::pack(shape, version, 0, KIND_OBJECT));
    true
}

#[inline(always)]
pub fn binary_op_subscr_getitem(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let (cell, container) = (r.cell(), r.value(2));
    if container.is_pointer() && guard(container, cell.word(), KIND_OBJECT) {
        if let Some(function) = cell.object().filter(|function| u64::from(FunctionObject::of(*function).version()) == cell.second_word()) {
            let code = FunctionObject::of(function).code();
            // SAFETY: the cell keeps the function alive as long as the caller's code; container and key move to the callee.
            unsafe {
                let base = r.sp.sub(2);
                let Some(frame) = push_frame_with_arguments(r.thread, function.frame_borrowed().bits(), code, base, 2) else {
                    return r.instead(Opcode::BINARY_OP);
                };
                r.note_return();
                (*r.frame).sp = base;
                r.enter(frame);
            }
            return Flow::Next;
        }
    }
    r.miss(Opcode::BINARY_OP)
}

#[inline(always)]
pub fn store_subscr(r: &mut Regs<'_>) -> Flow {
    let cell = r.cell();
    r.sync();
    let (value, container, key) = (r.value(3), r.value(2), r.value(1));
    if cell.should_attempt() {
        if container.has_shape(shapes::LIST) && key.is_small_int() {
            specialize_as(r.frame, Opcode::STORE_SUBSCR_LIST_INT);
        } else if container.has_shape(shapes::DICT) {
            specialize_as(r.frame, Opcode::STORE_SUBSCR_DICT);
        }
    }
    if subscript::set_item(container, key, value, r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_n(3);
    Flow::Next
}

#[inline(always)]
pub fn store_subscr_list_int(r: &mut Regs<'_>) -> Flow {
    if FREE_THREADED && has_other_threads() {
        return r.instead(Opcode::INSTRUMENTED_YIELD_VALUE);
    }
    store_to_list(r, ListObject::set_alone)
}

/// STORE_SUBSCR_LIST_INT where other threads may use the list.
#[inline(always)]
pub fn store_subscr_list_int_shared(r: &mut Regs<'_>) -> Flow {
    store_to_list(r, ListObject::set)
}

#[inline(always)]
fn store_to_list(r: &mut Regs<'_>, set: impl FnOnce(&ListObject, usize, Owned) -> Result<Owned, Owned>) -> Flow {
    if let Some((list, Some(i))) = list_and_index(r) {
        match set(list, i, into_owned(r.peek(3))) {
            Ok(old) => {
                // The value has moved into the list.
                r.skip_cell();
                r.pop();
                let list = r.pop();
                r.pop();
                r.release_last(list);
                r.release_last_too(old.into_raw().bits());
                return Flow::Next;
            }
            // It stays on the stack for the generic form.
            Err(value) => r.set(3, value.into_raw().bits()),
        }
    }
    r.miss(Opcode::STORE_SUBSCR)
}

#[inline(always)]
pub fn store_subscr_dict(r: &mut Regs<'_>) -> Flow {
    let (value, container, key) = (r.value(3), r.value(2), r.value(1));
    if container.has_shape(shapes::DICT) {
        r.sync();
        if DictObject::of(container).set(key, value.to_owned(), r.thread).is_err() {
            return Flow::Raised;
        }
        r.skip_cell();
        r.drop_n(3);
        return Flow::Next;
    }
    r.miss(Opcode::STORE_SUBSCR)
}

#[inline(always)]
pub fn delete_subscr(r: &mut Regs<'_>) -> Flow {
    r.sync();
    if subscript::delete_item(r.value(2), r.value(1), r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_n(2);
    Flow::Next
}

#[inline(always)]
pub fn binary_slice(r: &mut Regs<'_>) -> Flow {
    r.sync();
    match subscript::get_slice(r.value(3), r.value(2), r.value(1), r.thread) {
        Ok(value) => {
            r.drop_n(2);
            r.replace(1, value);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn store_slice(r: &mut Regs<'_>) -> Flow {
    r.sync();
    if subscript::set_simple_slice(r.value(3), r.value(2), r.value(1), r.value(4)) {
        r.drop_n(4);
        if crate::threads::thread_state::has_pending() {
            crate::object::lifetime::drain_pending(r.thread);
        }
        return Flow::Next;
    }
    let slice = crate::types::slice::new(r.value(2).to_owned(), r.value(1).to_owned(), Owned::none());
    if subscript::set_item(r.value(3), *slice, r.value(4), r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_n(4);
    Flow::Next
}

