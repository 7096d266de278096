//! Attributes.

use pyrt_compiler::bytecode::instructions::{Opcode, SpecialMethod};

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::{Frame, into_owned};
use crate::interp::inline_cache::{self, CacheCell};
use crate::interp::ops::load_store::specialize_as;
use crate::object::shape::{self, AttributeMode};
use crate::object::value::{Slot, Value};
use crate::protocol::attribute;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::descriptors::MemberDescriptor;
use crate::types::dict::DictObject;
use crate::types::string::StrObject;
use crate::types::type_object::TYPE_METHOD_DESCRIPTOR;

/// The slot at word `offset` of an object.
///
/// # Safety
/// The object's shape says that a slot lies there.
#[inline(always)]
unsafe fn slot_at<'a>(object: Value, offset: usize) -> &'a Slot {
    // SAFETY: the caller's obligation.
    unsafe { &*object.header().cast::<Slot>().add(offset) }
}

/// Whether the cell's shape fact holds for `object`.
#[inline(always)]
fn guard(object: Value, word: u64) -> bool {
    let shape = object.shape();
    shape == inline_cache::shape_of(word) && shape::entry(shape).version() == inline_cache::version_of(word)
}

#[inline(always)]
pub fn load_attr(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let name = r.name(oparg >> 1);
    r.sync();
    let object = r.value(1);
    if cell.should_attempt() {
        specialize_load_slow(r.frame, object, name, oparg & 1 != 0, cell, r.thread);
    }
    if oparg & 1 != 0 {
        match attribute::load_method(object, name, r.thread) {
            Ok((method, true)) => {
                // Unbound: the object stays as the first argument.
                let receiver = r.peek(1);
                r.set(1, method.into_raw().bits());
                r.push(receiver);
                Flow::Next
            }
            Ok((value, false)) => {
                r.replace_last(1, value);
                r.push(0);
                Flow::Next
            }
            Err(_) => Flow::Raised,
        }
    } else {
        let result = attribute::get(object, name, r.thread);
        r.finish_unary(result)
    }
}

/// Fills the cell and picks the form of a LOAD_ATTR for an object like `object`.
#[cold]
fn specialize_load_slow(frame: *mut Frame, object: Value, name: Value, is_method: bool, cell: &CacheCell, thread: &mut Thread) {
    if object.has_shape(shapes::MODULE) {
        let Some(dict) = crate::types::module::dict_of(object) else { return };
        let (version, index) = DictObject::of(*dict).cacheable_index(name);
        if let Some(index) = index.filter(|_| version != 0) {
            cell.publish(u64::from(version) << 32 | index as u64);
            specialize_as(frame, Opcode::LOAD_ATTR_MODULE);
        }
        return;
    }
    let ty = object.type_object();
    if !attribute::uses_generic_lookup(ty) {
        return;
    }
    let shape = object.shape();
    let entry = shape::entry(shape);
    // The version is read before the lookup: what changes meanwhile makes the fact stale at once.
    let version = entry.version();
    if version == 0 || version > 0xFFFF {
        return;
    }
    let found = attribute::lookup_type(ty, name, thread);
    if let Some(descriptor) = &found {
        if descriptor.has_shape(shapes::MEMBER_DESCRIPTOR) {
            let member = MemberDescriptor::of(**descriptor);
            if let Some(offset) = member.slot_offset().filter(|offset| offset % 8 == 0 && offset / 8 < 4096) {
                cell.publish(inline_cache::pack(shape, version, offset / 8, 0));
                specialize_as(frame, Opcode::LOAD_ATTR_SLOT);
            }
            return;
        }
        if descriptor.type_object().slots.descr_set.raw() != 0 {
            return;
        }
    }
    match entry.mode() {
        AttributeMode::Inline => {
            if let Some(index) = entry.find(name) {
                let offset = entry.first_slot() + index;
                if offset < 4096 {
                    cell.publish(inline_cache::pack(shape, version, offset, 0));
                    specialize_as(frame, Opcode::LOAD_ATTR_INSTANCE_VALUE);
                }
                return;
            }
        }
        AttributeMode::Dict => return,
        AttributeMode::None => {}
    }
    if let Some(method) = found.filter(|method| is_method && method.type_has_flag(TYPE_METHOD_DESCRIPTOR)) {
        if cell.set_object(method) {
            cell.publish(inline_cache::pack(shape, version, 0, 0));
            specialize_as(frame, Opcode::LOAD_ATTR_METHOD_WITH_VALUES);
        }
    }
}

#[inline(always)]
pub fn load_attr_instance_value(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word) {
        // SAFETY: the shape has an attribute slot there, and slots never change their name.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        if let Some(value) = attribute::load_inline(slot, object) {
            r.replace_last(1, value);
            if oparg & 1 != 0 {
                r.push(0);
            }
            return Flow::Next;
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

#[inline(always)]
pub fn load_attr_slot(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word) {
        // SAFETY: the type has a member slot there; `object` is a pointer, for immediates have no members.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        // SAFETY: the container's header.
        if let Some(value) = slot.load(unsafe { &*object.header() }) {
            r.replace_last(1, value);
            if oparg & 1 != 0 {
                r.push(0);
            }
            return Flow::Next;
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

#[inline(always)]
pub fn load_attr_method(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let word = cell.word();
    let object = r.value(1);
    if guard(object, word) {
        if let Some(method) = cell.object() {
            let receiver = r.peek(1);
            // The cell keeps the method alive as long as the frame keeps the code.
            r.set(1, method.frame_borrowed().bits());
            r.push(receiver);
            return Flow::Next;
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

#[inline(always)]
pub fn load_attr_module(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if object.has_shape(shapes::MODULE) {
        if let Some(dict) = crate::types::module::peek_dict(object) {
            if let Some(value) = DictObject::of(dict).get_cached((word >> 32) as u32, word as u32 as usize) {
                r.replace_last(1, value);
                if oparg & 1 != 0 {
                    r.push(0);
                }
                return Flow::Next;
            }
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

#[inline(always)]
pub fn store_attr(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let name = r.name(oparg);
    r.sync();
    let (value, object) = (r.value(2), r.value(1));
    if attribute::set(object, name, value, r.thread).is_err() {
        return Flow::Raised;
    }
    if cell.should_attempt() {
        specialize_store_slow(r.frame, object, name, cell, r.thread);
    }
    r.drop_n(2);
    Flow::Next
}

#[cold]
fn specialize_store_slow(frame: *mut Frame, object: Value, name: Value, cell: &CacheCell, thread: &mut Thread) {
    let ty = object.type_object();
    if !object.is_pointer() || !attribute::uses_generic_store(ty) {
        return;
    }
    let shape = object.shape();
    let entry = shape::entry(shape);
    let version = entry.version();
    if version == 0 || version > 0xFFFF {
        return;
    }
    if let Some(descriptor) = attribute::lookup_type(ty, name, thread) {
        if descriptor.has_shape(shapes::MEMBER_DESCRIPTOR) {
            let member = MemberDescriptor::of(*descriptor);
            if let Some(offset) = member.slot_offset().filter(|offset| offset % 8 == 0 && offset / 8 < 4096 && !member.is_readonly()) {
                cell.publish(inline_cache::pack(shape, version, offset / 8, 0));
                specialize_as(frame, Opcode::STORE_ATTR_SLOT);
            }
            return;
        }
        if descriptor.type_object().slots.descr_set.raw() != 0 {
            return;
        }
    }
    if entry.mode() == AttributeMode::Inline {
        if let Some(index) = entry.find(name) {
            let offset = entry.first_slot() + index;
            if offset < 4096 {
                cell.publish(inline_cache::pack(shape, version, offset, 0));
                specialize_as(frame, Opcode::STORE_ATTR_INSTANCE_VALUE);
            }
        }
    }
}

/// The value has moved into the object: it and the object leave the stack.
#[inline(always)]
fn finish_store(r: &mut Regs<'_>, _value: u64, old: u64) {
    let object = r.pop();
    r.pop();
    r.release_last(object);
    r.release_last_too(old);
}

#[inline(always)]
pub fn store_attr_instance_value(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word) {
        // SAFETY: as in `load_attr_instance_value`.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        if let Some(old) = attribute::peek_inline(slot) {
            let word_of_value = r.peek(2);
            match slot.compare_replace(old, into_owned(word_of_value)) {
                Ok(old) => {
                    finish_store(r, word_of_value, old.into_raw().bits());
                    return Flow::Next;
                }
                Err(value) => {
                    // The word stays on the stack for the generic form.
                    r.set(2, value.into_raw().bits());
                }
            }
        }
    }
    r.miss(Opcode::STORE_ATTR)
}

#[inline(always)]
pub fn store_attr_slot(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word) {
        // SAFETY: the type has a member slot there.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        let word_of_value = r.peek(2);
        // SAFETY: the container's header.
        let old = slot.replace(unsafe { &*object.header() }, Some(into_owned(word_of_value)));
        finish_store(r, word_of_value, old.map_or(0, |old| old.into_raw().bits()));
        return Flow::Next;
    }
    r.miss(Opcode::STORE_ATTR)
}

#[inline(always)]
pub fn delete_attr(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    if attribute::delete(r.value(1), name, r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn load_super_attr(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    r.sync();
    let name = r.name(oparg >> 2);
    let (global_super, class, object) = (r.value(3), r.value(2), r.value(1));
    let result = crate::types::super_object::load_attribute(global_super, class, object, name, oparg & 1 != 0, oparg & 2 != 0, r.thread);
    match result {
        Ok((method, true)) => {
            // Unbound method and its self.
            let receiver = r.pop();
            let class = r.pop();
            let global_super = r.peek(1);
            r.set(1, method.into_raw().bits());
            r.push(receiver);
            r.release(class);
            r.release(global_super);
            Flow::Next
        }
        Ok((value, false)) => {
            r.drop_n(2);
            r.replace(1, value);
            if oparg & 1 != 0 {
                r.push(0);
            }
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn load_special(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let owner = r.value(1);
    let Some(which) = SpecialMethod::from_u32(oparg) else { return Flow::Raised };
    let names = crate::names::names();
    let name = match which {
        SpecialMethod::Enter => names.__enter__,
        SpecialMethod::Exit => names.__exit__,
        SpecialMethod::AEnter => names.__aenter__,
        SpecialMethod::AExit => names.__aexit__,
    };
    match attribute::lookup_special_method(owner, name, r.thread) {
        Ok(Some((method, true))) => {
            let receiver = r.peek(1);
            r.set(1, method.into_raw().bits());
            r.push(receiver);
            Flow::Next
        }
        Ok(Some((method, false))) => {
            r.replace(1, method);
            r.push(0);
            Flow::Next
        }
        Ok(None) => {
            let ty = owner.type_object().full_name();
            let (protocol, other, hint) = match which {
                SpecialMethod::Enter => ("the context manager protocol", names.__aenter__, "asynchronous context manager protocol. Did you mean to use 'async with'?"),
                SpecialMethod::Exit => ("the context manager protocol (missed __exit__ method)", names.__aexit__, "asynchronous context manager protocol. Did you mean to use 'async with'?"),
                SpecialMethod::AEnter => ("the asynchronous context manager protocol", names.__enter__, "context manager protocol. Did you mean to use 'with'?"),
                SpecialMethod::AExit => ("the asynchronous context manager protocol (missed __aexit__ method)", names.__exit__, "context manager protocol. Did you mean to use 'with'?"),
            };
            let has_other = attribute::lookup_type(owner.type_object(), other, r.thread).is_some();
            let message = if has_other {
                format!("'{ty}' object does not support {protocol} but it supports the {hint}")
            } else {
                format!("'{ty}' object does not support {protocol}")
            };
            let _ = r.thread.raise(&exc::TYPE_ERROR, message);
            Flow::Raised
        }
        Err(_) => Flow::Raised,
    }
}

/// For messages: the text of an attribute name.
pub fn name_text(name: Value) -> String {
    StrObject::of(name).to_string_lossy()
}

