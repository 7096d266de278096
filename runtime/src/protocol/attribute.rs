//! Attribute access: type lookup, descriptors, instance attributes in slots or dicts.

use crate::exceptions::exc;
use crate::object::attribute_slots::{add_locked, forward_locked};
pub use crate::object::attribute_slots::{load_inline, load_inline_own, peek_inline};
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::refcount::FREE_THREADED;
use crate::object::shape::{self, AttributeMode, FORWARDED};
use crate::object::value::{Owned, PyResult, Raised, Slot, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::type_object::{BinaryFn, DictPlace, SetAttrFn, TYPE_METHOD_DESCRIPTOR, TypeObject, is_type};

/// `type(...).__mro__` lookup: the attribute as it lies in the first class dict that has it. Never runs Python code.
#[inline]
pub fn lookup_type(ty: &TypeObject, name: Value, thread: &mut Thread) -> Option<Owned> {
    if let Some(found) = thread.type_cache.get(ty, name) {
        match found {
            None => return None,
            Some(value) => {
                // The version proves that the type still held the value a moment ago; in `pyrt-t` the reference is taken
                // by trial, and the version looked at again.
                if !FREE_THREADED {
                    return Some(value.to_owned());
                }
                if !value.is_pointer() || lifetime::try_retain_pointer(value) {
                    // SAFETY: the count just taken.
                    let held = unsafe { Owned::from_raw(value) };
                    if thread.type_cache.get(ty, name).is_some_and(|again| again.is_some_and(|again| again.bits() == value.bits())) {
                        return Some(held);
                    }
                }
            }
        }
    }
    lookup_type_slow(ty, name, thread)
}

/// As [`lookup_type`], as a word for a stack: without a count if the attribute is deferred.
#[inline]
pub fn lookup_type_word(ty: &TypeObject, name: Value, thread: &mut Thread) -> Option<u64> {
    match peek_type_deferred(ty, name, thread) {
        Some(value) => Some(value.deferred_borrowed().bits()),
        None => Some(lookup_type(ty, name, thread)?.into_raw().bits()),
    }
}

/// The attribute of the type, if it is deferred and the thread's cache knows it: it lives at least until the thread's next
/// safepoint, and longer where a stack holds it as a deferred-borrowed word. `None` says nothing.
#[inline]
pub fn peek_type_deferred(ty: &TypeObject, name: Value, thread: &Thread) -> Option<Value> {
    if !FREE_THREADED {
        return None;
    }
    let value = thread.type_cache.get(ty, name)?.filter(|value| value.is_pointer())?;
    // SAFETY: header words of object blocks stay readable until a memory grace period is over.
    let is_deferred = unsafe { (*value.header()).is_deferred() };
    // The version is looked at again after the flag: the type still held the value, so the flag is the value's.
    let is_current = is_deferred && thread.type_cache.get(ty, name).is_some_and(|again| again.is_some_and(|again| again.bits() == value.bits()));
    is_current.then_some(value)
}

#[inline(never)]
fn lookup_type_slow(ty: &TypeObject, name: Value, thread: &mut Thread) -> Option<Owned> {
    // The version is read before the lookup: what changes meanwhile makes the entry stale at once.
    let (shape, version) = ty.shape_and_version();
    let found = lookup_mro(ty, name);
    // Plain values are not kept: replacing one by another changes no version (PROTOCOLS M14).
    let is_cacheable = found.as_ref().is_none_or(|found| crate::types::class::is_cached_kind(**found));
    if is_cacheable && StrObject::of(name).is_interned() && string::is_exact(name) {
        thread.type_cache.put(shape, version, name, found.as_ref().map(Owned::value));
    }
    found
}

/// The lookup without the cache.
pub fn lookup_mro(ty: &TypeObject, name: Value) -> Option<Owned> {
    for &class in ty.peek_mro()?.items() {
        if let Some(found) = TypeObject::of(class).dict().and_then(|dict| dict.get_str(name)) {
            return Some(found);
        }
    }
    None
}

/// `object.name`.
#[inline]
pub fn get(object: Value, name: Value, thread: &mut Thread) -> PyResult {
    let ty = object.type_object();
    match ty.slots.getattr.get() {
        Some(function) => function(object, name, thread),
        None => generic_get(object, name, thread),
    }
}

/// `object.name` by text.
pub fn get_by_text(object: Value, name: &str, thread: &mut Thread) -> PyResult {
    let name = string::intern_str(name);
    get(object, *name, thread)
}

/// `getattr(object, name, None)`-like: `None` if there is no such attribute, other errors come out.
pub fn get_optional(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let ty = object.type_object();
    let found = if uses_generic_lookup(ty) {
        generic_get_optional(object, name, thread)
    } else {
        get(object, name, thread).map(Some)
    };
    match found {
        Ok(value) => Ok(value),
        Err(raised) => {
            drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
            Ok(None)
        }
    }
}

/// Whether attribute loads of instances go by [`generic_get`] alone.
#[inline]
pub fn uses_generic_lookup(ty: &TypeObject) -> bool {
    ty.slots.getattr.raw() == generic_get as BinaryFn as usize
}

/// Whether attribute stores go by [`generic_set`] alone.
#[inline]
pub fn uses_generic_store(ty: &TypeObject) -> bool {
    ty.slots.setattr.raw() == generic_set as SetAttrFn as usize
}

/// `object.__getattribute__`: data descriptors, the instance, other class attributes.
pub fn generic_get(object: Value, name: Value, thread: &mut Thread) -> PyResult {
    match generic_get_optional(object, name, thread)? {
        Some(value) => Ok(value),
        None => Err(no_attribute(object, name, thread)),
    }
}

fn generic_get_optional(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    if !string::is_str(name) {
        return Err(bad_name(name, thread));
    }
    let ty = object.type_object();
    let found = lookup_type(ty, name, thread);
    let getter = found.as_ref().and_then(|found| found.type_object().slots.descr_get.get());
    if let (Some(found), Some(getter)) = (&found, getter) {
        if found.type_object().slots.descr_set.raw() != 0 {
            return getter(**found, Some(object), Some(ty.value()), thread).map(Some);
        }
    }
    if let Some(value) = instance_get(object, name, thread)? {
        return Ok(Some(value));
    }
    match (found, getter) {
        (Some(found), Some(getter)) => getter(*found, Some(object), Some(ty.value()), thread).map(Some),
        (found, _) => Ok(found),
    }
}

#[cold]
fn bad_name(name: Value, thread: &mut Thread) -> Raised {
    let ty = name.type_object().full_name();
    thread.raise_type_error(format!("attribute name must be string, not '{ty}'"))
}

/// `AttributeError` with `name` and `obj` set.
#[cold]
pub fn no_attribute(object: Value, name: Value, thread: &mut Thread) -> Raised {
    let text = StrObject::of(name).to_string_lossy();
    let message = if is_type(object) {
        format!("type object '{}' has no attribute '{text}'", TypeObject::of(object).name())
    } else {
        format!("'{}' object has no attribute '{text}'", object.type_object().full_name())
    };
    raise_attribute_error(object, name, &message, thread)
}

/// `AttributeError(message)` with `name` and `obj` set.
#[cold]
pub fn raise_attribute_error(object: Value, name: Value, message: &str, thread: &mut Thread) -> Raised {
    let exception = crate::exceptions::make(&exc::ATTRIBUTE_ERROR, vec![Owned::str(message)]);
    let error = crate::exceptions::object::AttributeErrorObject::of(*exception);
    drop(error.obj.replace_locked(Some(object.to_owned())));
    drop(error.name.replace_locked(Some(name.to_owned())));
    thread.raise_exception(exception)
}

/// What a method call needs: the function and `true` if `object` is to be passed first, or the bound value and `false`.
pub fn load_method(object: Value, name: Value, thread: &mut Thread) -> PyResult<(Owned, bool)> {
    let ty = object.type_object();
    if !uses_generic_lookup(ty) || !string::is_str(name) {
        return get(object, name, thread).map(|value| (value, false));
    }
    let found = lookup_type(ty, name, thread);
    let mut is_method = false;
    let mut getter = None;
    if let Some(found) = &found {
        let found_type = found.type_object();
        if found_type.has_flag(TYPE_METHOD_DESCRIPTOR) {
            is_method = true;
        } else {
            getter = found_type.slots.descr_get.get();
            if let Some(getter) = getter.filter(|_| found_type.slots.descr_set.raw() != 0) {
                return getter(**found, Some(object), Some(ty.value()), thread).map(|value| (value, false));
            }
        }
    }
    if let Some(value) = instance_get(object, name, thread)? {
        return Ok((value, false));
    }
    match (found, getter) {
        (Some(found), _) if is_method => Ok((found, true)),
        (Some(found), Some(getter)) => getter(*found, Some(object), Some(ty.value()), thread).map(|value| (value, false)),
        (Some(found), None) => Ok((found, false)),
        (None, _) => Err(no_attribute(object, name, thread)),
    }
}

/// A special method, looked up on the type: the function and whether `object` is to be passed first.
pub fn lookup_special_method(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<(Owned, bool)>> {
    let ty = object.type_object();
    let Some(found) = lookup_type(ty, name, thread) else { return Ok(None) };
    let found_type = found.type_object();
    if found_type.has_flag(TYPE_METHOD_DESCRIPTOR) {
        return Ok(Some((found, true)));
    }
    match found_type.slots.descr_get.get() {
        Some(getter) => getter(*found, Some(object), Some(ty.value()), thread).map(|value| Some((value, false))),
        None => Ok(Some((found, false))),
    }
}

/// Calls a special method of the type; `None` if the type has none.
pub fn call_special(object: Value, name: Value, args: &[Value], thread: &mut Thread) -> PyResult<Option<Owned>> {
    // The frame of the call holds the function, so that it needs no count here.
    if let Some(function) = peek_type_deferred(object.type_object(), name, thread).filter(|found| found.has_shape(shapes::FUNCTION)) {
        let mut all = smallvec::SmallVec::<[Value; 6]>::new();
        all.push(object);
        all.extend_from_slice(args);
        return crate::protocol::call::call(function, &all, thread).map(Some);
    }
    match lookup_special_method(object, name, thread)? {
        None => Ok(None),
        Some((method, true)) => {
            let mut all = smallvec::SmallVec::<[Value; 6]>::new();
            all.push(object);
            all.extend_from_slice(args);
            crate::protocol::call::call(*method, &all, thread).map(Some)
        }
        Some((method, false)) => crate::protocol::call::call(*method, args, thread).map(Some),
    }
}

/// `object.name = value`.
#[inline]
pub fn set(object: Value, name: Value, value: Value, thread: &mut Thread) -> PyResult<()> {
    set_or_delete(object, name, Some(value), thread)
}

/// `del object.name`.
pub fn delete(object: Value, name: Value, thread: &mut Thread) -> PyResult<()> {
    set_or_delete(object, name, None, thread)
}

#[inline]
pub fn set_or_delete(object: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if !string::is_str(name) {
        return Err(bad_name(name, thread));
    }
    let ty = object.type_object();
    match ty.slots.setattr.get() {
        Some(function) => {
            if StrObject::of(name).is_interned() || !string::is_exact(name) {
                return function(object, name, value, thread);
            }
            let name = string::intern(name.to_owned());
            function(object, *name, value, thread)
        }
        None => Err(no_attribute(object, name, thread)),
    }
}

/// `object.__setattr__` and `__delattr__`.
pub fn generic_set(object: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if !string::is_str(name) {
        return Err(bad_name(name, thread));
    }
    let ty = object.type_object();
    let found = lookup_type(ty, name, thread);
    if let Some(found) = &found {
        if let Some(setter) = found.type_object().slots.descr_set.get() {
            return setter(**found, object, value, thread);
        }
    }
    if !instance_has_dict(object) {
        let type_name = ty.full_name();
        let text = StrObject::of(name).to_string_lossy();
        let message = if found.is_some() {
            format!("'{type_name}' object attribute '{text}' is read-only")
        } else if uses_generic_store(ty) {
            format!("'{type_name}' object has no attribute '{text}' and no __dict__ for setting new attributes")
        } else {
            format!("'{type_name}' object has no attribute '{text}'")
        };
        return Err(raise_attribute_error(object, name, &message, thread));
    }
    match value {
        Some(value) => instance_set(object, name, value, thread),
        None => {
            if instance_delete(object, name, thread)? {
                return Ok(());
            }
            Err(no_attribute(object, name, thread))
        }
    }
}

/// Whether instances of the value's type have a `__dict__`.
#[inline]
pub fn instance_has_dict(object: Value) -> bool {
    object.is_pointer() && object.type_object().dict_place != DictPlace::None
}

fn header_of<'a>(object: Value) -> &'a Header {
    // SAFETY: the caller's value is a live object.
    unsafe { &*object.header() }
}

/// The attribute in the dict of an object in dict mode, perhaps at entry `hint`.
#[inline]
pub fn get_in_dict(object: Value, name: Value, hint: usize) -> Option<Owned> {
    let dict = dict_slot(object)?.load(header_of(object))?;
    DictObject::of(*dict).get_str_at(hint, name)
}

/// The number of the attribute's entry in the dict of an object in dict mode.
pub fn entry_in_dict(object: Value, name: Value) -> Option<usize> {
    let dict = dict_slot(object)?.load(header_of(object))?;
    DictObject::of(*dict).entry_of_str(name)
}

/// The slot with the pointer to the instance's dict.
fn dict_slot<'a>(object: Value) -> Option<&'a Slot> {
    if !object.is_pointer() {
        return None;
    }
    let ty = object.type_object();
    let offset = match ty.dict_place {
        DictPlace::None => return None,
        DictPlace::At(offset) => offset as usize,
        DictPlace::End => crate::types::class_layout::end_area_offset(object),
    };
    // SAFETY: the type's layout has a slot there.
    Some(unsafe { &*object.header().cast::<u8>().add(offset).cast::<Slot>() })
}

/// Slot number `index` of an object with an inline shape.
fn inline_slot<'a>(object: Value, entry: &shape::ShapeEntry, index: usize) -> &'a Slot {
    // SAFETY: the shape's slots lie within the object.
    unsafe { &*object.header().cast::<Slot>().add(entry.first_slot() + index) }
}

/// What an inline slot of `object` holds as a word for a stack (see [`Slot::load_word`]).
#[inline]
pub fn load_inline_word(slot: &Slot, object: Value) -> Option<u64> {
    match slot.peek_deferred() {
        Some(value) => Some(value.deferred_borrowed().bits()),
        None => Some(load_inline(slot, header_of(object))?.into_raw().bits()),
    }
}

/// The instance's own attribute.
#[inline]
pub fn instance_get(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    if !object.is_pointer() {
        return Ok(None);
    }
    let entry = shape::entry(header_of(object).shape());
    match entry.mode() {
        AttributeMode::None => Ok(None),
        AttributeMode::Inline => {
            if let Some(index) = find_key(entry, name) {
                if let Some(value) = load_inline(inline_slot(object, entry, index), header_of(object)) {
                    return Ok(Some(value));
                }
                // It is being moved to dict mode by another thread, whose lock says when the dict is there.
                drop(header_of(object).lock_leaf());
                return dict_get(object, name, thread);
            }
            Ok(None)
        }
        AttributeMode::Dict => dict_get(object, name, thread),
    }
}

fn dict_get(object: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let Some(slot) = dict_slot(object) else { return Ok(None) };
    match slot.load(header_of(object)) {
        Some(dict) => DictObject::of(*dict).get(name, thread),
        None => Ok(None),
    }
}

/// The slot number of `name`, interned or not.
fn find_key(entry: &shape::ShapeEntry, name: Value) -> Option<usize> {
    if let Some(index) = entry.find(name) {
        return Some(index);
    }
    if StrObject::of(name).is_interned() {
        return None;
    }
    entry.keys().iter().position(|key| StrObject::of(*key).equals(StrObject::of(name)))
}

/// Sets the instance's own attribute, past all descriptors. The object has a place for attributes.
pub fn instance_set(object: Value, name: Value, value: Value, thread: &mut Thread) -> PyResult<()> {
    let header = header_of(object);
    loop {
        let shape = header.shape();
        let entry = shape::entry(shape);
        if entry.mode() != AttributeMode::Inline {
            let dict = instance_dict(object, thread)?;
            return DictObject::of(*dict).set(name, value.to_owned(), thread);
        }
        if let Some(index) = find_key(entry, name) {
            let slot = inline_slot(object, entry, index);
            let Some(old) = peek_inline(slot) else {
                move_to_dict(object, thread)?;
                continue;
            };
            match slot.compare_replace(old, value.to_owned()) {
                Ok(old) => {
                    lifetime::release(old, thread);
                    return Ok(());
                }
                Err(_) => continue,
            }
        }
        let interned = if StrObject::of(name).is_interned() { name.to_owned() } else { string::intern(exact_str(name)) };
        if let Some(next) = shape::transition(shape, *interned) {
            let guard = header.lock_leaf();
            if header.shape() != shape {
                continue;
            }
            add_locked(header, inline_slot(object, entry, entry.keys().len()), value.to_owned(), next);
            drop(guard);
            return Ok(());
        }
        if entry.keys().len() >= entry.capacity() {
            crate::types::class_layout::grow_inline_capacity(object.type_object(), entry.capacity());
        }
        move_to_dict(object, thread)?;
    }
}

/// A str of exactly type str with the same characters.
fn exact_str(name: Value) -> Owned {
    if string::is_exact(name) { name.to_owned() } else { string::slice(StrObject::of(name), 0, StrObject::of(name).len()) }
}

fn instance_delete(object: Value, name: Value, thread: &mut Thread) -> PyResult<bool> {
    let entry = shape::entry(header_of(object).shape());
    if entry.mode() == AttributeMode::Inline {
        if find_key(entry, name).is_none() {
            return Ok(false);
        }
        move_to_dict(object, thread)?;
    }
    let Some(dict) = dict_slot(object).and_then(|slot| slot.load(header_of(object))) else { return Ok(false) };
    match DictObject::of(*dict).remove(name, thread)? {
        Some(old) => {
            lifetime::release(old, thread);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Moves the attributes of an inline object into a dict; the object stays in dict mode.
fn move_to_dict(object: Value, thread: &mut Thread) -> PyResult<()> {
    let header = header_of(object);
    let ty = object.type_object();
    let Some(dict_shape) = ty.dict_shape() else { return Err(thread.raise_memory_error()) };
    // Room for what the object has and a bit more: objects that are looked at as dicts often get attributes that way.
    let made = dict::with_capacity(shape::entry(header.shape()).keys().len() + 4);
    let guard = header.lock_leaf();
    let entry = shape::entry(header.shape());
    if entry.mode() == AttributeMode::Inline {
        for (index, &key) in entry.keys().iter().enumerate() {
            if let Some(value) = forward_locked(inline_slot(object, entry, index)) {
                drop(DictObject::of(*made).set_str(key, value));
            }
        }
        if let Some(slot) = dict_slot(object) {
            drop(slot.replace_locked(Some(made)));
        }
        header.set_shape(dict_shape);
    }
    drop(guard);
    Ok(())
}

/// `object.__dict__`, made if there is none yet.
pub fn instance_dict(object: Value, thread: &mut Thread) -> PyResult {
    let header = header_of(object);
    if shape::entry(header.shape()).mode() == AttributeMode::Inline {
        move_to_dict(object, thread)?;
    }
    let Some(slot) = dict_slot(object) else {
        let name = object.type_object().full_name();
        return Err(thread.raise(&exc::ATTRIBUTE_ERROR, format!("'{name}' object has no attribute '__dict__'")));
    };
    if let Some(dict) = slot.load(header) {
        return Ok(dict);
    }
    let made = dict::new();
    let guard = header.lock_leaf();
    if let Some(dict) = slot.load_locked() {
        drop(guard);
        return Ok(dict);
    }
    drop(slot.replace_locked(Some(made.clone())));
    drop(guard);
    Ok(made)
}

/// The getter of `__dict__` attributes.
pub fn get_dict_attribute(object: Value, thread: &mut Thread) -> PyResult {
    instance_dict(object, thread)
}

/// `object.__dict__ = value`.
pub fn set_instance_dict(object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        // Deleting it leaves an empty one.
        let empty = dict::new();
        return set_instance_dict(object, Some(*empty), thread);
    };
    if !dict::is_dict(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("__dict__ must be set to a dictionary, not a '{name}'")));
    }
    if shape::entry(header_of(object).shape()).mode() == AttributeMode::Inline {
        move_to_dict(object, thread)?;
    }
    if let Some(slot) = dict_slot(object) {
        if let Some(old) = slot.replace(header_of(object), Some(value.to_owned())) {
            lifetime::release(old, thread);
        }
    }
    Ok(())
}

/// Shows the references of the instance's attribute area: dict and inline slots.
///
/// # Safety
/// The world is stopped or the object is dead.
pub unsafe fn traverse_instance(object: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(slot) = dict_slot(object) {
        if let Some(dict) = slot.peek() {
            visit(dict);
        }
    }
    let entry = shape::entry(header_of(object).shape());
    if entry.mode() == AttributeMode::Inline {
        for index in 0..entry.keys().len() {
            if let Some(value) = peek_inline(inline_slot(object, entry, index)) {
                visit(value);
            }
        }
    }
}

/// Drops the references of the instance's attribute area.
///
/// # Safety
/// The object is dead, or garbage that the collector clears.
pub unsafe fn clear_instance(object: Value) {
    let entry = shape::entry(header_of(object).shape());
    if entry.mode() == AttributeMode::Inline {
        for index in 0..entry.keys().len() {
            let slot = inline_slot(object, entry, index);
            let word = slot.word().swap(0, Ordering::AcqRel);
            if let Some(value) = Value::from_slot(word).filter(|value| value.bits() != FORWARDED) {
                // SAFETY: the slot owned a count.
                drop(unsafe { Owned::from_raw(value) });
            }
        }
    }
    if let Some(slot) = dict_slot(object) {
        drop(slot.replace_locked(None));
    }
}

/// Module attribute lookup is special only in its error text; see types/module.rs.
pub fn is_module(object: Value) -> bool {
    object.has_shape(shapes::MODULE)
}
