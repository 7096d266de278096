//! Attributes.

use pyrt_compiler::bytecode::instructions::{Opcode, SpecialMethod};

use crate::exceptions::exc;
use crate::interp::call_frame::push_function_frame_quickly;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::{Frame, into_owned};
use crate::interp::inline_cache::{self, CacheCell};
use crate::interp::ops::load_store::{cached_global, specialize_as};
use crate::object::attribute_slots::add_locked;
use crate::object::shape::{self, AttributeMode, ShapeId};
use crate::object::value::{Owned, Slot, Value};
use crate::protocol::attribute;
use crate::object::refcount::FREE_THREADED;
use crate::threads::thread_state::{Thread, has_other_threads};
use crate::types::builtin_types::shapes;
use crate::types::descriptors::MemberDescriptor;
use crate::types::dict::DictObject;
use crate::types::function::FunctionObject;
use crate::types::string::StrObject;
use crate::types::type_object::{SlotCache, TYPE_METHOD_DESCRIPTOR, TypeObject, is_type};

/// The slot at word `offset` of an object.
///
/// # Safety
/// The object's shape says that a slot lies there.
#[inline(always)]
unsafe fn slot_at<'a>(object: Value, offset: usize) -> &'a Slot {
    // SAFETY: the caller's obligation.
    unsafe { &*object.header().cast::<Slot>().add(offset) }
}

// What the slot number of a cell's fact means. A word of another kind never fits: the opcode and its cell change one
// after the other.
/// An attribute slot of the instance.
const KIND_INSTANCE: u8 = 1;
/// A `__slots__` member.
const KIND_MEMBER: u8 = 2;
/// The cell's object is a method or a property's getter.
pub(super) const KIND_OBJECT: u8 = 3;
/// The object is a class; the shape is that of its instances.
const KIND_CLASS: u8 = 4;
/// A store that adds an attribute in that slot; the second word is the shape afterwards.
const KIND_ADD: u8 = 5;

/// The object is a class of a metaclass that does not have the attribute.
const KIND_METACLASS: u8 = 6;

/// Whether the cell's shape fact holds for `object`.
#[inline(always)]
pub(super) fn guard(object: Value, word: u64, kind: u8) -> bool {
    if !object.is_pointer() && kind != KIND_OBJECT {
        return false;
    }
    let shape = object.shape();
    inline_cache::is_fact(word, shape, shape::entry(shape).version(), kind)
}

/// Puts a fact in front, and the one that was there behind it.
fn publish_in_front(cell: &CacheCell, word: u64) {
    cell.publish_second(cell.word());
    cell.publish(word);
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
    if object.is_pointer() {
        if let Some(offset) = r.thread.slot_cache.get(object.shape(), name) {
            if offset == SlotCache::METHOD {
                if oparg & 1 != 0 {
                    if let Some(method) = attribute::lookup_type_word(object.type_object(), name, r.thread) {
                        // The object stays as the first argument.
                        let receiver = r.peek(1);
                        r.set(1, method);
                        r.push(receiver);
                        return Flow::Next;
                    }
                }
                return load_generic(r, object, name, oparg);
            }
            if offset >= SlotCache::DICT {
                return load_from_dict(r, object, name, offset, oparg);
            }
            // SAFETY: the shape has an attribute slot there.
            if let Some(word) = attribute::load_inline_word(unsafe { slot_at(object, offset) }, object) {
                return finish_load_word(r, word, oparg);
            }
        } else {
            remember_slot(object, name, r.thread);
        }
    }
    load_generic(r, object, name, oparg)
}

/// An attribute of an object in dict mode, of which the thread's cache knows where it comes from.
#[inline(never)]
fn load_from_dict(r: &mut Regs<'_>, object: Value, name: Value, place: usize, oparg: u32) -> Flow {
    if let Some(value) = attribute::get_in_dict(object, name, place - SlotCache::DICT) {
        return finish_load(r, value, oparg);
    }
    if place == SlotCache::DICT_METHOD && oparg & 1 != 0 {
        if let Some(method) = attribute::lookup_type_word(object.type_object(), name, r.thread) {
            // The object stays as the first argument.
            let receiver = r.peek(1);
            r.set(1, method);
            r.push(receiver);
            return Flow::Next;
        }
    }
    load_generic(r, object, name, oparg)
}

#[inline(always)]
fn load_generic(r: &mut Regs<'_>, object: Value, name: Value, oparg: u32) -> Flow {
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

/// Puts the place of an attribute in the thread's cache, if it lies in a slot of the object and nothing on the class comes
/// first.
fn remember_slot(object: Value, name: Value, thread: &mut Thread) {
    let shape = object.shape();
    let entry = shape::entry(shape);
    if entry.mode() == AttributeMode::None {
        return;
    }
    let (ty, version) = (entry.ty(), entry.version());
    if !attribute::uses_generic_lookup(ty) {
        return;
    }
    let found = attribute::lookup_type(ty, name, thread);
    if entry.mode() == AttributeMode::Dict {
        let is_method = found.as_ref().is_some_and(|found| found.type_has_flag(TYPE_METHOD_DESCRIPTOR));
        match attribute::entry_in_dict(object, name) {
            Some(index) if found.as_ref().is_none_or(|found| found.type_object().slots.descr_set.raw() == 0) => {
                thread.slot_cache.put(shape, version, name, (SlotCache::DICT + index).min(SlotCache::DICT_METHOD - 1));
            }
            None if is_method => thread.slot_cache.put(shape, version, name, SlotCache::DICT_METHOD),
            _ => {}
        }
        return;
    }
    match entry.find(name) {
        Some(index) if found.as_ref().is_none_or(|found| found.type_object().slots.descr_set.raw() == 0) => {
            let offset = entry.first_slot() + index;
            if offset < SlotCache::DICT {
                thread.slot_cache.put(shape, version, name, offset);
            }
        }
        None if found.as_ref().is_some_and(|found| found.type_has_flag(TYPE_METHOD_DESCRIPTOR)) => {
            thread.slot_cache.put(shape, version, name, SlotCache::METHOD);
        }
        _ => {}
    }
}

/// Fills the cell and picks the form of a LOAD_ATTR for an object like `object`.
#[cold]
fn specialize_load_slow(frame: *mut Frame, object: Value, name: Value, is_method: bool, cell: &CacheCell, thread: &mut Thread) {
    if object.has_shape(shapes::MODULE) {
        let Some(dict) = crate::types::module::dict_of(object) else { return };
        let (version, index) = DictObject::of(*dict).cacheable_place(name);
        if let Some(index) = index.filter(|_| version != 0) {
            cell.publish(u64::from(version) << 32 | index as u64);
            specialize_as(frame, Opcode::LOAD_ATTR_MODULE);
        }
        return;
    }
    if is_type(object) && crate::types::class::uses_type_lookup(object.type_object()) {
        specialize_class_load(frame, object, name, cell, thread);
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
                cell.publish(inline_cache::pack(shape, version, offset / 8, KIND_MEMBER));
                specialize_as(frame, Opcode::LOAD_ATTR_SLOT);
            }
            return;
        }
        if descriptor.has_shape(shapes::PROPERTY) && !is_method {
            let Some(getter) = crate::types::property::getter(**descriptor).filter(|getter| getter.has_shape(shapes::FUNCTION)) else { return };
            let function = FunctionObject::of(*getter);
            let function_version = function.take_version();
            if function.code().is_simple && function.code().argcount == 1 && function_version != 0 && cell.set_object(getter) {
                cell.publish_second(u64::from(function_version));
                cell.publish(inline_cache::pack(shape, version, 0, KIND_OBJECT));
                specialize_as(frame, Opcode::LOAD_ATTR_PROPERTY);
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
                    publish_in_front(cell, inline_cache::pack(shape, version, offset, KIND_INSTANCE));
                    specialize_as(frame, Opcode::LOAD_ATTR_INSTANCE_VALUE);
                    thread.slot_cache.put(shape, version, name, offset);
                }
                return;
            }
        }
        AttributeMode::Dict => return,
        AttributeMode::None => {}
    }
    if let Some(method) = found.filter(|method| is_method && method.type_has_flag(TYPE_METHOD_DESCRIPTOR)) {
        if cell.set_object(method) {
            cell.publish(inline_cache::pack(shape, version, 0, KIND_OBJECT));
            specialize_as(frame, Opcode::LOAD_ATTR_METHOD_WITH_VALUES);
        }
    }
}

/// Fills the cell of a LOAD_ATTR on a class, for attributes that the class gives as they are.
#[cold]
fn specialize_class_load(frame: *mut Frame, class: Value, name: Value, cell: &CacheCell, thread: &mut Thread) {
    let ty = TypeObject::of(class);
    let (shape, version) = ty.shape_and_version();
    let own_shape = class.shape();
    let own_version = shape::entry(own_shape).version();
    if version == 0 || own_version == 0 || attribute::lookup_type(class.type_object(), name, thread).is_some() {
        return;
    }
    let Some(found) = attribute::lookup_type(ty, name, thread) else { return };
    let found = if crate::types::class::is_cached_kind(*found) {
        found
    } else {
        // A plain value: the classes where it may be replaced are told first, then it is looked up again.
        if let Some(mro) = ty.mro() {
            crate::types::tuple::TupleObject::of(*mro).items().iter().for_each(|class| TypeObject::of(*class).set_flag(crate::types::type_object::TYPE_PLAIN_CACHED, true));
        }
        let Some(found) = attribute::lookup_type(ty, name, thread) else { return };
        found
    };
    // A function is itself when it is taken from its class.
    let needs_no_binding = found.has_shape(shapes::FUNCTION) || found.type_object().slots.descr_get.raw() == 0;
    if needs_no_binding && cell.set_object(found) {
        // What the metaclass says of the name is a fact of its own; it is asked where the metaclass may change.
        cell.publish_second(inline_cache::pack(own_shape, own_version, 0, KIND_METACLASS));
        cell.publish(inline_cache::pack(shape, version, 0, KIND_CLASS));
        let is_plain = class.has_shape(shapes::TYPE);
        specialize_as(frame, if is_plain { Opcode::LOAD_ATTR_CLASS } else { Opcode::LOAD_ATTR_CLASS_WITH_METACLASS_CHECK });
    }
}

/// The cell does not fit the object: the site is given up, or stays as it is when it has been specialised often enough; the
/// thread's cache serves the other shapes then.
#[inline(always)]
fn miss_load(r: &mut Regs<'_>, cell: &CacheCell) -> Flow {
    if cell.is_settled() { r.instead(Opcode::LOAD_ATTR) } else { r.miss(Opcode::LOAD_ATTR) }
}

/// The attribute takes the place of its object; where a method was asked for, an empty word says that it is none.
#[inline(always)]
fn finish_load(r: &mut Regs<'_>, value: Owned, oparg: u32) -> Flow {
    r.replace_last(1, value);
    if oparg & 1 != 0 {
        r.push(0);
    }
    Flow::Next
}

/// As [`finish_load`] for a word that need not own a count.
#[inline(always)]
fn finish_load_word(r: &mut Regs<'_>, word: u64, oparg: u32) -> Flow {
    let old = r.peek(1);
    r.set(1, word);
    r.release_last(old);
    if oparg & 1 != 0 {
        r.push(0);
    }
    Flow::Next
}

/// The slot of an instance that one of the cell's two facts names.
#[inline(always)]
fn instance_slot<'a>(cell: &CacheCell, object: Value) -> Option<&'a Slot> {
    let mut word = cell.word();
    if !guard(object, word, KIND_INSTANCE) {
        word = cell.second_word();
        if !guard(object, word, KIND_INSTANCE) {
            return None;
        }
    }
    // SAFETY: the shape has an attribute slot there, and slots never change their name.
    Some(unsafe { slot_at(object, inline_cache::slot_of(word)) })
}

#[inline(always)]
pub fn load_attr_instance_value(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (cell, object) = (r.cell(), r.value(1));
    let word = cell.word();
    if guard(object, word, KIND_INSTANCE) {
        // SAFETY: the shape has an attribute slot there, and slots never change their name.
        if let Some(value) = attribute::load_inline_own(unsafe { slot_at(object, inline_cache::slot_of(word)) }) {
            return finish_load(r, value, oparg);
        }
    }
    r.instead(Opcode::INSTRUMENTED_LOAD_SUPER_ATTR)
}

/// LOAD_ATTR_INSTANCE_VALUE by the cell's second fact, or of a value that other threads may use.
#[inline(always)]
pub fn load_attr_instance_value_shared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let (cell, object) = (r.cell(), r.value(1));
    let Some(slot) = instance_slot(cell, object) else { return miss_load(r, cell) };
    match attribute::load_inline_word(slot, object) {
        Some(word) => finish_load_word(r, word, oparg),
        None => r.miss(Opcode::LOAD_ATTR),
    }
}

/// An attribute of a class that needs no binding.
#[inline(always)]
pub fn load_attr_class(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let object = r.value(1);
    if object.has_shape(shapes::TYPE) {
        let shape = TypeObject::of(object).root_shape();
        if inline_cache::is_fact(cell.word(), shape, shape::entry(shape).version(), KIND_CLASS) {
            if let Some(value) = cell.object() {
                // The cell keeps the value alive as long as the frame keeps the code.
                return finish_load_word(r, value.frame_borrowed().bits(), oparg);
            }
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

/// An attribute of a class whose metaclass is not `type`, and does not have it.
#[inline(always)]
pub fn load_attr_class_of_metaclass(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    let object = r.value(1);
    // Only classes have the shapes of which such a fact speaks.
    if guard(object, cell.second_word(), KIND_METACLASS) {
        let shape = TypeObject::of(object).root_shape();
        if inline_cache::is_fact(cell.word(), shape, shape::entry(shape).version(), KIND_CLASS) {
            if let Some(value) = cell.object() {
                // The cell keeps the value alive as long as the frame keeps the code.
                return finish_load_word(r, value.frame_borrowed().bits(), oparg);
            }
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

/// A property whose getter is a Python function, which is entered.
#[inline(always)]
pub fn load_attr_property(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let cell = r.cell();
    let object = r.value(1);
    if guard(object, cell.word(), KIND_OBJECT) {
        if let Some(getter) = cell.object().filter(|getter| u64::from(FunctionObject::of(*getter).version()) == cell.second_word()) {
            let code = FunctionObject::of(getter).code();
            // SAFETY: the cell keeps the function alive as long as the caller's code; the owner moves to the callee.
            unsafe {
                let Some(frame) = push_function_frame_quickly(r.thread, getter.frame_borrowed().bits(), code) else { return r.instead(Opcode::LOAD_ATTR) };
                r.note_return();
                r.sp = r.sp.sub(1);
                *Frame::locals_ptr(frame) = *r.sp;
                r.sync();
                r.enter(frame);
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
    if guard(object, word, KIND_MEMBER) {
        // SAFETY: as in `load_attr_slot_shared`.
        if let Some(value) = unsafe { slot_at(object, inline_cache::slot_of(word)) }.load_own() {
            return finish_load(r, value, oparg);
        }
        return r.instead(Opcode::INSTRUMENTED_END_FOR);
    }
    r.miss(Opcode::LOAD_ATTR)
}

/// LOAD_ATTR_SLOT of a value that other threads may use.
#[inline(always)]
pub fn load_attr_slot_shared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word, KIND_MEMBER) {
        // SAFETY: the type has a member slot there; `object` is a pointer, for immediates have no members.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        // SAFETY: the container's header.
        if let Some(word) = slot.load_word(unsafe { &*object.header() }) {
            return finish_load_word(r, word, oparg);
        }
    }
    r.miss(Opcode::LOAD_ATTR)
}

#[inline(always)]
pub fn load_attr_method(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let cell = r.cell();
    let word = cell.word();
    let object = r.value(1);
    if guard(object, word, KIND_OBJECT) {
        if let Some(method) = cell.object() {
            let receiver = r.peek(1);
            // The cell keeps the method alive as long as the frame keeps the code.
            r.set(1, method.frame_borrowed().bits());
            r.push(receiver);
            return Flow::Next;
        }
    }
    miss_load(r, cell)
}

#[inline(always)]
pub fn load_attr_module(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if object.has_shape(shapes::MODULE) {
        if let Some(dict) = crate::types::module::peek_dict(object) {
            if let Some(word) = cached_global(DictObject::of(dict), (word >> 32) as u32, word as u32 as usize) {
                return finish_load_word(r, word, oparg);
            }
            if DictObject::of(dict).has_version((word >> 32) as u32) {
                return r.instead(Opcode::LOAD_ATTR);
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
    let before = object.shape();
    if object.is_pointer() {
        if let Some(offset) = r.thread.slot_cache.get(before, name).filter(|offset| *offset < SlotCache::DICT) {
            if attribute::uses_generic_store(shape::entry(before).ty()) && cell.is_settled() {
                // SAFETY: the shape has an attribute slot there.
                let slot = unsafe { slot_at(object, offset) };
                if let Some(old) = attribute::peek_inline(slot) {
                    if let Ok(old) = slot.compare_replace(old, value.to_owned()) {
                        let object = r.pop();
                        let word = r.pop();
                        r.release(word);
                        r.release_last(object);
                        r.release_last_too(old.into_raw().bits());
                        return Flow::Next;
                    }
                }
            }
        }
    }
    if attribute::set(object, name, value, r.thread).is_err() {
        return Flow::Raised;
    }
    if cell.should_attempt() {
        specialize_store_slow(r.frame, object, before, name, cell, r.thread);
    }
    r.drop_n(2);
    Flow::Next
}

#[cold]
fn specialize_store_slow(frame: *mut Frame, object: Value, before: ShapeId, name: Value, cell: &CacheCell, thread: &mut Thread) {
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
                cell.publish(inline_cache::pack(shape, version, offset / 8, KIND_MEMBER));
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
            if offset >= 4096 {
                return;
            }
            let old = shape::entry(before);
            let old_version = old.version();
            // The name was added by a transition from the old shape to this one; what it looked up still holds.
            let is_addition = before != shape
                && old.mode() == AttributeMode::Inline
                && std::ptr::eq(old.ty(), ty)
                && old.keys().len() == index
                && entry.keys().len() == index + 1
                && (1..=0xFFFF).contains(&old_version);
            if is_addition {
                if attribute::lookup_type(ty, name, thread).is_some_and(|found| found.type_object().slots.descr_set.raw() != 0) {
                    return;
                }
                // First the fact behind: a reader that has the word of an addition sees its shape or a later one, and
                // checks that the shape follows from the one that the object has.
                cell.publish_second(u64::from(shape));
                cell.publish(inline_cache::pack(before, old_version, offset, KIND_ADD));
            } else {
                publish_in_front(cell, inline_cache::pack(shape, version, offset, KIND_INSTANCE));
            }
            specialize_as(frame, Opcode::STORE_ATTR_INSTANCE_VALUE);
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
    let (cell, object) = (r.cell(), r.value(1));
    let word = cell.word();
    if !(FREE_THREADED && has_other_threads()) && guard(object, word, KIND_INSTANCE) {
        // SAFETY: as in `load_attr_instance_value`.
        let slot = unsafe { slot_at(object, inline_cache::slot_of(word)) };
        if let Some(old) = attribute::peek_inline(slot) {
            // No other thread has ever been.
            std::mem::forget(slot.replace_locked(Some(into_owned(r.peek(2)))));
            finish_store(r, 0, old.bits());
            return Flow::Next;
        }
    }
    r.instead(Opcode::INSTRUMENTED_NOT_TAKEN)
}

/// STORE_ATTR_INSTANCE_VALUE by the cell's second fact, of an attribute that is added, or where other threads are.
#[inline(always)]
pub fn store_attr_instance_value_other(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let cell = r.cell();
    let object = r.value(1);
    let mut word = cell.word();
    if !guard(object, word, KIND_INSTANCE) {
        word = cell.second_word();
    }
    if guard(object, word, KIND_INSTANCE) {
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
    } else if guard(object, cell.word(), KIND_ADD) {
        if FREE_THREADED && has_other_threads() {
            return r.instead(Opcode::INSTRUMENTED_RETURN_VALUE);
        }
        return add_to_instance(r, cell);
    }
    r.miss(Opcode::STORE_ATTR)
}

/// STORE_ATTR_INSTANCE_VALUE that adds an attribute where other threads may use the object.
#[inline(always)]
pub fn store_attr_add_shared(r: &mut Regs<'_>) -> Flow {
    let (cell, object) = (r.cell(), r.value(1));
    if guard(object, cell.word(), KIND_ADD) {
        // SAFETY: an object with attribute slots; it lives until the words that this instruction leaves are released.
        let _guard = unsafe { &*object.header() }.lock_leaf();
        return add_to_instance(r, cell);
    }
    r.miss(Opcode::STORE_ATTR)
}

#[inline(always)]
fn add_to_instance(r: &mut Regs<'_>, cell: &CacheCell) -> Flow {
    if add_attribute(cell, r.value(1), r.peek(2)) {
        let object = r.pop();
        r.pop();
        r.release_last(object);
        return Flow::Next;
    }
    r.miss(Opcode::STORE_ATTR)
}

/// Adds the attribute that the cell speaks of, if the object still has the shape for it; the word becomes the object's. The
/// object is locked, or no other thread has ever been.
#[inline(always)]
fn add_attribute(cell: &CacheCell, object: Value, word: u64) -> bool {
    // SAFETY: an object whose shape has attribute slots.
    let header = unsafe { &*object.header() };
    let first = cell.word();
    let second = cell.second_word();
    let (from, to) = (inline_cache::shape_of(first), second as ShapeId);
    let offset = inline_cache::slot_of(first);
    // Two words are two facts: another thread may have written one of them just now.
    if inline_cache::kind_of(first) != KIND_ADD || second >> 32 != 0 || !shape::is_successor(from, to, offset) {
        return false;
    }
    if header.shape() != from {
        return false;
    }
    // SAFETY: the new shape has an attribute slot there.
    add_locked(header, unsafe { slot_at(object, offset) }, into_owned(word), to);
    true
}

#[inline(always)]
pub fn store_attr_slot(r: &mut Regs<'_>, _oparg: u32) -> Flow {
    let word = r.cell().word();
    let object = r.value(1);
    if guard(object, word, KIND_MEMBER) {
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
                SpecialMethod::Enter => ("the context manager protocol (missed __enter__ method)", names.__aenter__, "asynchronous context manager protocol. Did you mean to use 'async with'?"),
                SpecialMethod::Exit => ("the context manager protocol (missed __exit__ method)", names.__aexit__, "asynchronous context manager protocol. Did you mean to use 'async with'?"),
                SpecialMethod::AEnter => ("the asynchronous context manager protocol (missed __aenter__ method)", names.__enter__, "context manager protocol. Did you mean to use 'with'?"),
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

