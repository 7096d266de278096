//! From [`TypeSpec`] to type object: built-in types at start-up, those of native modules on first use.

use crate::object::header::Header;
use crate::object::shape::{self, AttributeMode};
use crate::object::value::{Owned, Value};
use crate::protocol::compare;
use crate::types::builtin_types::{self, OBJECT, StaticType, shapes};
use crate::types::descriptors;
use crate::types::dict::{self, DictObject};
use crate::types::slot_table::{ROWS, SEQUENCE_ROWS, SlotRow, Wrapper};
use crate::types::string;
use crate::types::tuple;
use crate::types::type_object::*;

/// Allocates all built-in types, enough for objects of them to be made. No string or dict exists yet.
pub(crate) fn make_skeletons() {
    shape::initialize();
    for ty in builtin_types::ALL {
        make_skeleton(ty);
    }
}

/// Gives the built-in types names, dicts, MROs.
pub(crate) fn make_builtins() {
    for ty in builtin_types::ALL {
        finish(ty);
    }
    for ty in crate::exceptions::exc::ALL {
        ty.get();
    }
}

static MAKING: crate::sync::LeafMutex<()> = crate::sync::LeafMutex::new(());

/// Makes the type of a native module when it is first asked for.
pub(crate) fn make_static(ty: &'static StaticType) -> &'static TypeObject {
    if let Some(base) = ty.spec.base {
        // Bases first, outside the lock.
        base.get();
    }
    let _guard = MAKING.lock();
    if ty.pointer().is_null() {
        let object = make_skeleton_unpublished(ty);
        finish_object(ty, object);
        ty.publish(object);
    }
    // SAFETY: static types are never freed.
    unsafe { &*ty.pointer() }
}

fn make_skeleton(ty: &'static StaticType) {
    let object = make_skeleton_unpublished(ty);
    ty.publish(object);
}

fn base_pointer(ty: &StaticType) -> *mut TypeObject {
    match ty.spec.base {
        Some(base) => base.pointer(),
        None if std::ptr::eq(ty, &OBJECT) => std::ptr::null_mut(),
        None => OBJECT.pointer(),
    }
}

fn make_skeleton_unpublished(ty: &'static StaticType) -> *mut TypeObject {
    let spec = ty.spec;
    let base = base_pointer(ty);
    // SAFETY: bases come first in the table and are complete as skeletons.
    let base_ref = unsafe { base.as_ref() };
    let mut flags = spec.flags | TYPE_IMMUTABLE;
    if let Some(base) = base_ref {
        flags |= base.flags() & (TYPE_INHERITED | TYPE_GC | TYPE_WEAKREFABLE);
    }
    let mut object = TypeObject::unfinished(Header::immortal(shapes::TYPE), flags);
    object.basic_size = spec.basic_size.max(base_ref.map_or(0, |base| base.basic_size as usize)) as u32;
    object.item_size = if spec.item_size != 0 { spec.item_size as u32 } else { base_ref.map_or(0, |base| base.item_size) };
    object.spec = Some(spec);
    object.dict_place = match spec.dict_offset {
        Some(offset) => DictPlace::At(offset as u32),
        None => base_ref.map_or(DictPlace::None, |base| base.dict_place),
    };
    let object = Box::into_raw(Box::new(object));
    // SAFETY: just made; nobody else has it.
    let made = unsafe { &*object };
    made.dealloc.set(spec.dealloc.or_else(|| base_ref.and_then(|base| base.dealloc.get())));
    made.traverse.set(spec.traverse.or_else(|| base_ref.and_then(|base| base.traverse.get())));
    made.clear.set(spec.clear.or_else(|| base_ref.and_then(|base| base.clear.get())));
    made.at_rest.set(spec.at_rest.or_else(|| base_ref.and_then(|base| base.at_rest.get())));
    for slot in spec.slots {
        made.slots.fill(slot);
    }
    if spec.unhashable {
        made.slots.hash.set(Some(compare::unhashable_slot));
    }
    match base_ref {
        Some(base) => inherit_slots(made, base),
        None => made.native_new.set(made.slots.new.get()),
    }
    let mode = if made.dict_place == DictPlace::None { AttributeMode::None } else { AttributeMode::Dict };
    if ty.shape != 0 {
        shape::define_builtin(ty.shape, object, mode);
        made.set_root_shape(ty.shape);
    } else if let Some(shape) = shape::new_root(object, mode, 0, 0) {
        made.set_root_shape(shape);
    }
    object
}

/// Takes over from `base` what the type does not define: hash and comparison only together.
pub(crate) fn inherit_slots(ty: &TypeObject, base: &TypeObject) {
    let own_comparison = ty.slots.richcompare.raw() != 0 || ty.slots.hash.raw() != 0;
    for &id in SlotId::ALL {
        if ty.slots.raw(id) != 0 || (own_comparison && matches!(id, SlotId::richcompare | SlotId::hash)) {
            continue;
        }
        ty.slots.copy(id, &base.slots);
    }
    if ty.native_new.raw() == 0 {
        ty.native_new.set(ty.slots.new.get());
    }
}

fn finish(ty: &'static StaticType) {
    finish_object(ty, ty.pointer());
}

fn finish_object(ty: &'static StaticType, object: *mut TypeObject) {
    let spec = ty.spec;
    // SAFETY: made by `make_skeleton_unpublished`, never freed.
    let made = unsafe { &*object };
    let base = base_pointer(ty);
    let short = spec.name.rsplit('.').next().unwrap_or(spec.name);
    drop(made.name.replace_locked(Some(string::intern_str(short))));
    drop(made.qualname.replace_locked(Some(string::intern_str(short))));
    let this = Value::from_object(made);
    let mut mro = vec![this.to_owned()];
    if !base.is_null() {
        // SAFETY: as above.
        let base = unsafe { &*base };
        drop(made.base.replace_locked(Some(base.value().to_owned())));
        drop(made.bases.replace_locked(Some(tuple::from_values(&[base.value()]))));
        if let Some(base_mro) = base.mro() {
            mro.extend(tuple::TupleObject::of(*base_mro).items().iter().map(|class| class.to_owned()));
        }
        base.lists.lock().subclasses.push(object);
    } else {
        drop(made.bases.replace_locked(Some(tuple::empty())));
    }
    drop(made.mro.replace_locked(Some(tuple::from_vec(mro))));
    let namespace = dict::new();
    let dict = DictObject::of(*namespace);
    add_slot_wrappers(made, spec, dict);
    descriptors::add_methods(made, spec.methods, dict);
    descriptors::add_getsets(made, spec.getsets, dict);
    descriptors::add_members(made, spec.members, dict);
    if spec.unhashable {
        dict.set_by_text("__hash__", Owned::none());
    }
    // As CPython's heap types: the module is an attribute that instances see too. Built-in types compute it.
    if let (0, Some((module, _))) = (ty.shape, spec.name.rsplit_once('.')) {
        if dict.get_by_text("__module__").is_none() {
            dict.set_by_text("__module__", string::intern_str(module));
        }
    }
    let has_doc = dict.get_by_text("__doc__").is_some();
    if !has_doc {
        dict.set_by_text("__doc__", if spec.doc.is_empty() { Owned::none() } else { Owned::str(spec.doc) });
    }
    drop(made.dict.replace_locked(Some(namespace)));
    // A type that adds nothing to its base's layout shares it.
    // SAFETY: as above.
    let shared = unsafe { base.as_ref() }.filter(|base| base.basic_size == made.basic_size && base.item_size == made.item_size);
    let solid = shared.map_or(object as usize, |base| base.solid_base.load(crate::sync::Ordering::Relaxed));
    made.solid_base.store(solid, crate::sync::Ordering::Relaxed);
}

/// One wrapper descriptor per special method whose slot the type itself fills.
fn add_slot_wrappers(ty: &TypeObject, spec: &'static TypeSpec, dict: &DictObject) {
    let own: Vec<(SlotId, usize)> = spec.slots.iter().map(SlotFn::parts).collect();
    let mut add = |row: &'static SlotRow| {
        if row.wrapper == Wrapper::None {
            return;
        }
        if let Some((_, raw)) = own.iter().find(|(id, _)| *id == row.slot) {
            let name = string::intern_str(row.name);
            if dict.get_str(*name).is_none() {
                dict.set_str(*name, descriptors::new_wrapper(ty, row, *raw));
            }
        }
    };
    // Number slots come before sequence slots of the same name, as in CPython's table.
    ROWS.iter().for_each(&mut add);
    SEQUENCE_ROWS.iter().for_each(&mut add);
    if own.iter().any(|(id, _)| *id == SlotId::new) {
        dict.set_by_text("__new__", crate::types::builtin_function::new_for_type(ty));
    }
}

/// Sets the slots of a class from its methods: all of them, or those that `name` stands for.
pub(crate) fn update_slots(ty: &TypeObject, name: Option<Value>) {
    let wanted = |row: &SlotRow| match name {
        None => true,
        Some(name) => string::StrObject::of(name).equals_str(row.name),
    };
    let mut done = Vec::new();
    for row in ROWS {
        if wanted(row) && !done.contains(&row.slot) {
            done.push(row.slot);
            update_slot(ty, row.slot);
        }
    }
    for row in SEQUENCE_ROWS {
        if wanted(row) {
            update_sequence_slot(ty, row);
        }
    }
}

/// A class keeps a native concat or repeat only while the method in its MRO is still the native wrapper.
fn update_sequence_slot(ty: &TypeObject, row: &'static SlotRow) {
    let name = string::intern_str(row.name);
    let raw = crate::protocol::attribute::lookup_mro(ty, *name)
        .and_then(|found| descriptors::wrapper_function(*found, row.slot))
        .unwrap_or(0);
    ty.slots.set_raw(row.slot, raw);
}

fn update_slot(ty: &TypeObject, id: SlotId) {
    let mut specific = None;
    let mut generic = None;
    let mut use_generic = false;
    for row in ROWS.iter().filter(|row| row.slot == id) {
        let name = string::intern_str(row.name);
        let Some(found) = crate::protocol::attribute::lookup_mro(ty, *name) else {
            continue;
        };
        if let Some(raw) = descriptors::wrapper_function(*found, id).filter(|_| row.wrapper != Wrapper::None) {
            match specific {
                None => specific = Some(raw),
                Some(other) if other != raw => use_generic = true,
                _ => {}
            }
            generic.get_or_insert(row.dispatch.parts().1);
        } else if descriptors::is_sequence_wrapper(*found) {
            // A native concat or repeat: the sequence slot serves it, the number slot stays empty.
        } else if id == SlotId::new {
            if let Some(native) = crate::types::builtin_function::native_new_of(*found) {
                specific = Some(native);
            } else {
                use_generic = true;
            }
            generic.get_or_insert(row.dispatch.parts().1);
        } else if found.is_none() && id == SlotId::hash {
            specific = Some(compare::unhashable_slot as LengthFn as usize);
            generic.get_or_insert(row.dispatch.parts().1);
        } else {
            use_generic = true;
            generic.get_or_insert(row.dispatch.parts().1);
        }
    }
    let raw = match (specific, generic) {
        (Some(specific), _) if !use_generic => specific,
        (_, Some(generic)) => generic,
        _ => 0,
    };
    ty.slots.set_raw(id, raw);
}
