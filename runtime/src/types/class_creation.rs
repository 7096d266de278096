//! Making classes: what `type(name, bases, namespace)` and class statements do.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::shape::{self, AttributeMode};
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::{attribute, call};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{OBJECT, TYPE, shapes};
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;
use crate::types::{class_layout, cell, class, class_mro, class_static_method, descriptors, type_setup};

/// Inline attribute slots of a class that says nothing about its attributes.
const DEFAULT_CAPACITY: usize = 6;

/// `type.__new__(meta, name, bases, namespace, **keywords)`.
pub fn type_new(meta: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if args.len() != 3 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("type.__new__() takes exactly 3 arguments ({n} given)")));
    }
    let (name, bases, namespace) = (args.at(0), args.at(1), args.at(2));
    let wrong = |i: usize, wanted: &str, got: Value, thread: &mut Thread| {
        let got = got.type_object().full_name();
        thread.raise_type_error(format!("type.__new__() argument {i} must be {wanted}, not {got}"))
    };
    if !string::is_str(name) {
        return Err(wrong(1, "str", name, thread));
    }
    if !bases.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        return Err(wrong(2, "tuple", bases, thread));
    }
    if !dict::is_dict(namespace) {
        return Err(wrong(3, "dict", namespace, thread));
    }
    let base_items = TupleObject::of(bases).items();
    for &base in base_items {
        if !is_type(base) {
            if attribute::get_optional(base, crate::names::names().__mro_entries__, thread)?.is_some() {
                return Err(thread.raise_type_error(
                    "type() doesn't support MRO entry resolution; use types.new_class()",
                ));
            }
            return Err(thread.raise_type_error("bases must be types"));
        }
    }
    let winner = calculate_metaclass(TypeObject::of(meta), base_items, thread)?;
    if !std::ptr::eq(winner, TypeObject::of(meta)) {
        // A more derived metaclass has the word.
        let its_new = winner.slots.new.get();
        if let Some(new) = its_new.filter(|new| *new as usize != type_new as CallFn as usize) {
            return new(winner.value(), args, kwnames, thread);
        }
    }
    let made = create(winner, name, bases, namespace, thread)?;
    set_names(*made, thread)?;
    init_subclass(*made, args, kwnames, thread)?;
    Ok(made)
}

/// The most derived metaclass of the bases and `meta`.
pub fn calculate_metaclass<'a>(meta: &'a TypeObject, bases: &[Value], thread: &mut Thread) -> PyResult<&'a TypeObject> {
    let mut winner: &TypeObject = meta;
    for &base in bases {
        let ty = base.type_object();
        if winner.is_subtype(ty) {
            continue;
        }
        if ty.is_subtype(winner) {
            winner = ty;
            continue;
        }
        return Err(thread.raise_type_error(
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases",
        ));
    }
    Ok(winner)
}

fn solid_base(ty: &'static TypeObject) -> &'static TypeObject {
    // SAFETY: set when the type was made; types outlive those derived from them.
    unsafe { &*(ty.solid_base.load(Ordering::Relaxed) as *const TypeObject) }
}

/// The base whose layout the class takes over.
fn best_base(bases: &[Value], thread: &mut Thread) -> PyResult<&'static TypeObject> {
    let mut winner: Option<(&'static TypeObject, &'static TypeObject)> = None;
    for &base in bases {
        // SAFETY: kept alive by the tuple of bases, which the new class holds.
        let ty: &'static TypeObject = unsafe { base.as_ref() };
        if !ty.has_flag(TYPE_BASETYPE) {
            let name = ty.full_name();
            return Err(thread.raise_type_error(format!("type '{name}' is not an acceptable base type")));
        }
        let solid = solid_base(ty);
        winner = match winner {
            None => Some((ty, solid)),
            Some((_, other)) if other.is_subtype(solid) => winner,
            Some((_, other)) if solid.is_subtype(other) => Some((ty, solid)),
            Some(_) => return Err(thread.raise_type_error("multiple bases have instance lay-out conflict")),
        };
    }
    match winner {
        Some((ty, _)) => Ok(ty),
        None => Ok(OBJECT.get()),
    }
}

fn create(meta: &TypeObject, name: Value, bases: Value, namespace: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let bases = if TupleObject::of(bases).is_empty() { tuple::from_values(&[OBJECT.get().value()]) } else { tuple::from_values(TupleObject::of(bases).items()) };
    let base = best_base(TupleObject::of(*bases).items(), thread)?;
    if StrObject::of(name).chars().iter().any(|ch| ch == 0) {
        return Err(thread.raise_value_error("type name must not contain null characters"));
    }
    if StrObject::of(name).chars().iter().any(|ch| (0xD800..0xE000).contains(&ch)) {
        let at = StrObject::of(name).chars().iter().position(|ch| (0xD800..0xE000).contains(&ch)).unwrap_or(0);
        return Err(crate::exceptions::methods::raise_unicode_encode("utf-8", name, at, at + 1, "surrogates not allowed", thread));
    }
    let own_dict = DictObject::of(namespace).copy();
    let class_dict = DictObject::of(*own_dict);
    let plan = plan_slots(base, TupleObject::of(*bases).items(), class_dict, name, thread)?;

    // The namespace's special entries.
    let qualname = match class_dict.remove_str(names.__qualname__) {
        Some(qualname) if string::is_str(*qualname) => qualname,
        Some(other) => {
            let got = other.type_object().full_name();
            return Err(thread.raise_type_error(format!("type __qualname__ must be a str, not {got}")));
        }
        None => name.to_owned(),
    };
    let classcell = class_dict.remove_str(names.__classcell__);
    if let Some(cell) = &classcell {
        if !cell.has_shape(shapes::CELL) {
            let got_repr = class::display(cell.type_object().value(), thread);
            return Err(thread.raise_type_error(format!("type.__new__() argument '__classcell__' must be a nonlocal cell, not {got_repr}")));
        }
    }
    let classdictcell = class_dict.remove_str(names.__classdictcell__);
    if class_dict.get_str(names.__module__).is_none() {
        if let Some(module) = current_module(thread) {
            class_dict.set_str(names.__module__, module);
        }
    }
    if class_dict.get_str(names.__doc__).is_none() {
        class_dict.set_str(names.__doc__, Owned::none());
    }
    if class_dict.get_str(names.__eq__).is_some() && class_dict.get_str(names.__hash__).is_none() {
        class_dict.set_str(names.__hash__, Owned::none());
    }
    if let Some(new) = class_dict.get_str(names.__new__).filter(|new| new.has_shape(shapes::FUNCTION)) {
        class_dict.set_str(names.__new__, class_static_method::new_static(new));
    }
    for special in [names.__init_subclass__, names.__class_getitem__] {
        if let Some(function) = class_dict.get_str(special).filter(|function| function.has_shape(shapes::FUNCTION)) {
            class_dict.set_str(special, class_static_method::new_class(function));
        }
    }

    let mut flags = TYPE_HEAP | TYPE_BASETYPE | TYPE_GC;
    for &one in TupleObject::of(*bases).items() {
        let one = TypeObject::of(one);
        flags |= one.flags() & (TYPE_HAS_DEL | TYPE_EXCEPTION_SUBCLASS);
        if flags & (TYPE_SEQUENCE | TYPE_MAPPING) == 0 {
            flags |= one.flags() & (TYPE_SEQUENCE | TYPE_MAPPING);
        }
    }
    flags |= base.flags() & (TYPE_INHERITED & !(TYPE_SEQUENCE | TYPE_MAPPING));
    if plan.is_weakrefable {
        flags |= TYPE_WEAKREFABLE;
    }
    if class_dict.get_str(names.__del__).is_some() {
        flags |= TYPE_HAS_DEL;
    }
    let is_meta = flags & TYPE_TYPE_SUBCLASS != 0;
    let made = lifetime::allocate_object(meta, |header| {
        header.born_deferred();
        let mut ty = TypeObject::unfinished(header, flags);
        ty.basic_size = plan.basic_size as u32;
        ty.item_size = base.item_size;
        ty.dict_place = plan.dict_place;
        ty.end_area = plan.end_area as u32;
        ty.root.set_capacity(plan.inline_capacity);
        ty
    });
    let ty = TypeObject::of(*made);
    ty.dealloc.set(Some(instance_dealloc));
    ty.traverse.set(Some(instance_traverse));
    ty.clear.set(Some(instance_clear));
    ty.at_rest.set(base.at_rest.get());
    if is_meta {
        ty.dealloc.set(base.dealloc.get());
        ty.traverse.set(base.traverse.get());
        ty.clear.set(base.clear.get());
    }
    let mode = match plan.dict_place {
        DictPlace::None => AttributeMode::None,
        _ if plan.inline_capacity > 0 => AttributeMode::Inline,
        _ => AttributeMode::Dict,
    };
    let mode = if is_meta { AttributeMode::None } else { mode };
    let Some(root) = shape::new_root(std::ptr::from_ref(ty).cast_mut(), mode, ty.first_slot(), plan.inline_capacity) else {
        return Err(thread.raise_memory_error());
    };
    ty.set_root_shape(root);
    drop(ty.name.replace_locked(Some(string::intern(if string::is_exact(name) { name.to_owned() } else { string::slice(StrObject::of(name), 0, StrObject::of(name).len()) }))));
    drop(ty.qualname.replace_locked(Some(qualname)));
    drop(ty.base.replace_locked(Some(base.value().to_owned())));
    drop(ty.bases.replace_locked(Some(bases.clone())));
    drop(ty.dict.replace_locked(Some(own_dict.clone())));
    drop(ty.slot_names.replace_locked(plan.slot_names.clone()));
    let solid = if plan.added_members || base.item_size != ty.item_size { std::ptr::from_ref(ty) as usize } else { base.solid_base.load(Ordering::Relaxed) };
    ty.solid_base.store(solid, Ordering::Relaxed);
    ty.native_new.set(base.native_new.get());

    // Descriptors for __slots__, __dict__ and __weakref__.
    for (slot_name, offset) in &plan.members {
        class_dict.set_str(**slot_name, descriptors::new_class_member(ty, (**slot_name).to_owned(), *offset));
    }
    if plan.added_dict {
        let key = names.__dict__;
        if class_dict.get_str(key).is_none() {
            class_dict.set_str(key, descriptors::new_dict_getset(ty));
        }
    }
    if plan.added_weakref {
        let key = names.__weakref__;
        if class_dict.get_str(key).is_none() {
            class_dict.set_str(key, descriptors::new_weakref_getset(ty));
        }
    }

    let mro = linearize(ty, meta, thread)?;
    drop(ty.mro.replace(&ty.header, Some(mro)));
    for &one in TupleObject::of(*bases).items() {
        class::add_subclass(TypeObject::of(one), ty);
    }
    type_setup::update_slots(ty, None);
    if let Some(mro) = ty.mro() {
        if TupleObject::of(*mro).items().iter().any(|class| TypeObject::of(*class).has_flag(TYPE_HAS_DEL)) {
            ty.set_flag(TYPE_HAS_DEL, true);
        }
    }
    // Native slots without a special method come from the best base.
    for id in [SlotId::concat, SlotId::repeat, SlotId::inplace_concat, SlotId::inplace_repeat, SlotId::buffer] {
        if ty.slots.raw(id) == 0 && id == SlotId::buffer {
            ty.slots.copy(id, &base.slots);
        }
    }
    if let Some(cell) = classcell {
        drop(cell::set(*cell, Some(made.clone())));
    }
    if let Some(cell) = classdictcell.filter(|cell| cell.has_shape(shapes::CELL)) {
        drop(cell::set(*cell, Some(own_dict)));
    }
    Ok(made)
}

/// The MRO, by the metaclass's `mro` method if it has its own.
fn linearize(ty: &TypeObject, meta: &TypeObject, thread: &mut Thread) -> PyResult {
    if std::ptr::eq(meta, TYPE.get()) {
        return class_mro::compute(ty, thread).map(tuple::from_vec);
    }
    let own = attribute::lookup_type(meta, crate::names::names().mro, thread);
    let native = TYPE.get().dict().and_then(|dict| dict.get_str(crate::names::names().mro));
    if own.as_ref().map(|own| own.id()) == native.as_ref().map(|native| native.id()) {
        return class_mro::compute(ty, thread).map(tuple::from_vec);
    }
    let result = match attribute::call_special(ty.value(), crate::names::names().mro, &[], thread)? {
        Some(result) => result,
        None => return class_mro::compute(ty, thread).map(tuple::from_vec),
    };
    let items = crate::protocol::iterate::collect(*result, thread)?;
    for item in &items {
        if !is_type(**item) {
            let got = item.type_object().full_name();
            return Err(thread.raise_type_error(format!("mro() returned a non-class ('{got}')")));
        }
        let this = ty.base().map(|base| base.solid_base.load(Ordering::Relaxed));
        let solid = TypeObject::of(**item).solid_base.load(Ordering::Relaxed) as *const TypeObject;
        // SAFETY: solid bases outlive the types derived from them.
        if !std::ptr::eq(TypeObject::of(**item), ty) && this.is_some_and(|this| unsafe { !(*(this as *const TypeObject)).is_subtype(&*solid) }) {
            let got = TypeObject::of(**item).name();
            return Err(thread.raise_type_error(format!("mro() returned base with unsuitable layout ('{got}')")));
        }
    }
    Ok(tuple::from_vec(items))
}

/// What the layout of a new class adds to that of its base.
struct SlotPlan {
    basic_size: usize,
    dict_place: DictPlace,
    end_area: usize,
    inline_capacity: usize,
    members: Vec<(Owned, usize)>,
    slot_names: Option<Owned>,
    added_dict: bool,
    added_weakref: bool,
    added_members: bool,
    is_weakrefable: bool,
}

fn plan_slots(base: &TypeObject, bases: &[Value], class_dict: &DictObject, name: Value, thread: &mut Thread) -> PyResult<SlotPlan> {
    let names = crate::names::names();
    let base_has_dict = base.dict_place != DictPlace::None || base.has_flag(TYPE_TYPE_SUBCLASS);
    let base_weakrefable = base.has_flag(TYPE_WEAKREFABLE);
    let may_add_dict = !base_has_dict;
    let may_add_weak = !base_weakrefable && base.item_size == 0;
    let mut plan = SlotPlan {
        basic_size: base.basic_size as usize,
        dict_place: base.dict_place,
        end_area: base.end_area as usize,
        inline_capacity: base.inline_capacity(),
        members: Vec::new(),
        slot_names: None,
        added_dict: false,
        added_weakref: false,
        added_members: false,
        is_weakrefable: base_weakrefable,
    };
    let slots = class_dict.get_str(names.__slots__);
    let mut add_dict = false;
    let mut add_weak = false;
    match slots {
        None => {
            add_dict = may_add_dict;
            add_weak = may_add_weak;
        }
        Some(slots) => {
            let listed = if string::is_str(*slots) { vec![slots.clone()] } else { crate::protocol::iterate::collect(*slots, thread)? };
            if !listed.is_empty() && base.item_size != 0 {
                let base_name = base.full_name();
                return Err(thread.raise_type_error(format!("nonempty __slots__ not supported for subtype of '{base_name}'")));
            }
            let mut fields: Vec<Owned> = Vec::new();
            for slot in listed {
                if !string::is_str(*slot) {
                    let got = slot.type_object().full_name();
                    return Err(thread.raise_type_error(format!("__slots__ items must be strings, not '{got}'")));
                }
                let text = StrObject::of(*slot).to_string_lossy();
                if !is_identifier(&text) {
                    return Err(thread.raise_type_error("__slots__ must be identifiers"));
                }
                if text == "__dict__" {
                    if !may_add_dict || add_dict {
                        return Err(thread.raise_type_error("__dict__ slot disallowed: we already got one"));
                    }
                    add_dict = true;
                    continue;
                }
                if text == "__weakref__" {
                    if !may_add_weak || add_weak {
                        return Err(thread.raise_type_error("__weakref__ slot disallowed: we already got one"));
                    }
                    add_weak = true;
                    continue;
                }
                let mangled = string::intern_str(&mangle(&text, &StrObject::of(name).to_string_lossy()));
                if class_dict.get_str(*mangled).is_some() && !matches!(text.as_str(), "__qualname__" | "__classcell__" | "__classdictcell__") {
                    return Err(thread.raise_value_error(format!("'{text}' in __slots__ conflicts with class variable")));
                }
                fields.push(mangled);
            }
            fields.sort_by(|a, b| StrObject::of(**a).compare(StrObject::of(**b)));
            // Bases beside the layout base may bring a dict or weak references.
            if bases.len() > 1 && (may_add_dict || may_add_weak) {
                for &other in bases {
                    let other = TypeObject::of(other);
                    if std::ptr::eq(other, base) {
                        continue;
                    }
                    if may_add_dict && !add_dict && other.dict_place != DictPlace::None {
                        add_dict = true;
                    }
                    if may_add_weak && !add_weak && other.has_flag(TYPE_WEAKREFABLE) {
                        add_weak = true;
                    }
                }
            }
            if base.has_flag(TYPE_VAR_SIZED) && !fields.is_empty() && plan.end_area == 0 {
                // The first word behind the value is the dict's, also for subclasses that add one.
                plan.end_area = size_of::<Slot>();
            }
            for field in fields {
                let offset = if base.has_flag(TYPE_VAR_SIZED) {
                    plan.end_area += size_of::<Slot>();
                    class_layout::MEMBER_AT_END | (plan.end_area - size_of::<Slot>())
                } else {
                    plan.basic_size += size_of::<Slot>();
                    plan.basic_size - size_of::<Slot>()
                };
                plan.members.push((field, offset));
                plan.added_members = true;
            }
            plan.slot_names = Some(tuple::from_vec(plan.members.iter().map(|(field, _)| field.clone()).collect()));
        }
    }
    if add_weak {
        plan.is_weakrefable = true;
        plan.added_weakref = true;
    }
    if add_dict {
        plan.added_dict = true;
        if base.has_flag(TYPE_VAR_SIZED) {
            plan.dict_place = DictPlace::End;
            plan.end_area = plan.end_area.max(size_of::<Slot>());
        } else {
            plan.dict_place = DictPlace::At(plan.basic_size as u32);
            plan.basic_size += size_of::<Slot>();
        }
    }
    // Attributes in slots of the object: for plain objects, not for subclasses of native layouts.
    let is_plain = base.native_new.raw() == OBJECT.get().slots.new.raw() && !base.has_flag(TYPE_VAR_SIZED);
    plan.inline_capacity = if is_plain && matches!(plan.dict_place, DictPlace::At(_)) {
        let wanted = class_dict
            .get_str(names.__static_attributes__)
            .filter(|attributes| attributes.has_shape(shapes::TUPLE))
            .map_or(0, |attributes| TupleObject::of(*attributes).len());
        (wanted + base.inline_capacity()).max(DEFAULT_CAPACITY.min(wanted + 4)).max(2).min(class_layout::MAX_CAPACITY)
    } else {
        0
    };
    Ok(plan)
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|ch| ch == '_' || ch.is_alphabetic()) && chars.all(|ch| ch == '_' || ch.is_alphanumeric())
}

/// Private name mangling (Language Reference, "Identifiers").
fn mangle(name: &str, class: &str) -> String {
    let class = class.trim_start_matches('_');
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') || class.is_empty() {
        return name.to_string();
    }
    format!("_{class}{name}")
}

/// `__name__` of the globals of the running frame.
fn current_module(thread: &mut Thread) -> Option<Owned> {
    let frame = crate::interp::ops::control::visible_frame(thread.frame);
    if frame.is_null() {
        return None;
    }
    // SAFETY: the innermost frame of this thread.
    let globals = unsafe { (*frame).globals };
    DictObject::of(globals).get_str(crate::names::names().__name__)
}

/// Tells every attribute of the new class its name (PEP 487).
fn set_names(class: Value, thread: &mut Thread) -> PyResult<()> {
    let Some(dict) = TypeObject::of(class).dict() else { return Ok(()) };
    for entry in dict.entries() {
        let found = attribute::lookup_special_method(*entry.value, crate::names::names().__set_name__, thread)?;
        let result = match found {
            None => continue,
            Some((method, true)) => call::call(*method, &[*entry.value, class, *entry.key], thread),
            Some((method, false)) => call::call(*method, &[class, *entry.key], thread),
        };
        if let Err(raised) = result {
            let note = format!(
                "Error calling __set_name__ on '{}' instance {} in '{}'",
                entry.value.type_object().full_name(),
                crate::protocol::special::safe_repr(*entry.key, thread),
                TypeObject::of(class).name()
            );
            if let Some(exception) = thread.take_exception() {
                crate::exceptions::methods::add_note(*exception, &note);
                thread.set_exception(exception);
            }
            return Err(raised);
        }
    }
    Ok(())
}

/// `super(cls, cls).__init_subclass__(**keywords)`.
fn init_subclass(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let method = crate::types::super_object::lookup(TypeObject::of(class), class, class, crate::names::names().__init_subclass__, thread)?;
    let Some(method) = method else { return Ok(()) };
    // Only the keyword arguments are passed on.
    let values: Vec<Value> = (0..kwnames.len()).map(|i| args.keyword(i)).collect();
    // SAFETY: no positional arguments; one value per name.
    let raw = unsafe { Args::from_raw(values.as_ptr().cast(), 0) };
    call::call_args(*method, raw, kwnames, thread)?;
    Ok(())
}

/// `cls.__bases__ = …`.
pub fn set_bases(class: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let ty = TypeObject::of(class);
    if !ty.has_flag(TYPE_HEAP) {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot set '__bases__' attribute of immutable type '{name}'")));
    }
    let Some(value) = value else {
        let name = ty.name();
        return Err(thread.raise_type_error(format!("cannot delete '__bases__' attribute of type '{name}'")));
    };
    let name = ty.name();
    if !value.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        let got = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only assign tuple to {name}.__bases__, not {got}")));
    }
    let items = TupleObject::of(value).items();
    if items.is_empty() {
        return Err(thread.raise_type_error(format!("can only assign non-empty tuple to {name}.__bases__, not ()")));
    }
    for &base in items {
        if !is_type(base) {
            let got = base.type_object().full_name();
            return Err(thread.raise_type_error(format!("{name}.__bases__ must be tuple of classes, not '{got}'")));
        }
        // By the MRO and by the chain of bases, for the MRO may be out of date in the midst of another change.
        let mut above = Some(TypeObject::of(base));
        while let Some(one) = above.filter(|one| !std::ptr::eq(*one, ty)) {
            above = one.base();
        }
        if above.is_some() || TypeObject::of(base).is_subtype(ty) {
            return Err(thread.raise_type_error("a __bases__ item causes an inheritance cycle"));
        }
    }
    let new_base = best_base(items, thread)?;
    let old_base = ty.base();
    let same_layout = old_base.is_some_and(|old| {
        old.basic_size == new_base.basic_size && old.dict_place == new_base.dict_place && old.item_size == new_base.item_size
    }) || old_base.is_some_and(|old| {
        old.solid_base.load(Ordering::Relaxed) == new_base.solid_base.load(Ordering::Relaxed)
            && new_base.has_flag(TYPE_HEAP) && old.has_flag(TYPE_HEAP)
    });
    if !same_layout {
        let (new_name, old_name) = (new_base.full_name(), old_base.map_or(String::new(), TypeObject::full_name));
        return Err(thread.raise_type_error(format!("__bases__ assignment: '{new_name}' object layout differs from '{old_name}'")));
    }
    let new_bases = tuple::from_values(items);
    let old_bases = ty.bases.replace(&ty.header, Some(new_bases.clone()));
    let old_base = ty.base.replace(&ty.header, Some(new_base.value().to_owned()));
    for old in [&old_bases, &old_base].into_iter().flatten() {
        // Others read them without a count (`TypeObject::base`).
        // SAFETY: a count of its own; dropping classes and tuples of them runs no Python code.
        unsafe { crate::memory::reclamation::retire_box(Box::into_raw(Box::new(old.clone()))) };
    }
    let relinearized = relinearize(ty, thread);
    if let Err(raised) = relinearized {
        drop(ty.bases.replace(&ty.header, old_bases));
        drop(ty.base.replace(&ty.header, old_base));
        let exception = thread.take_exception();
        let _ = relinearize(ty, thread);
        if let Some(exception) = exception {
            thread.set_exception(exception);
        }
        return Err(raised);
    }
    if ty.bases.peek().is_none_or(|bases| !bases.is(*new_bases)) {
        // A `mro` method has set other bases meanwhile, and done the rest for them.
        return Ok(());
    }
    let this = std::ptr::from_ref(ty).cast_mut();
    if let Some(old_bases) = &old_bases {
        for &base in TupleObject::of(**old_bases).items() {
            TypeObject::of(base).lists.lock().subclasses.retain(|other| !std::ptr::eq(*other, this));
        }
    }
    for &base in items {
        class::add_subclass(TypeObject::of(base), ty);
    }
    refresh(ty);
    Ok(())
}

/// Computes the MROs of a class and those derived from it anew.
fn relinearize(ty: &TypeObject, thread: &mut Thread) -> PyResult<()> {
    let mro = linearize(ty, ty.value().type_object(), thread)?;
    if let Some(old) = ty.mro.replace(&ty.header, Some(mro)) {
        // Lookups read the MRO without a count (`TypeObject::peek_mro`).
        // SAFETY: unlinked; dropping a tuple of classes runs no Python code.
        unsafe { crate::memory::reclamation::retire_box(Box::into_raw(Box::new(old))) };
    }
    for subclass in class::subclasses(ty) {
        relinearize(TypeObject::of(*subclass), thread)?;
    }
    Ok(())
}

fn refresh(ty: &TypeObject) {
    class::bump_versions(ty);
    type_setup::update_slots(ty, None);
    for subclass in class::subclasses(ty) {
        refresh(TypeObject::of(*subclass));
    }
}

/// The nearest base that is not a class made by a class statement.
fn native_base(ty: &'static TypeObject) -> &'static TypeObject {
    let mut at = ty;
    while at.has_flag(TYPE_HEAP) {
        match at.base() {
            Some(base) => at = base,
            None => break,
        }
    }
    at
}

/// The member slots that classes (not native types) have added to an object's layout.
unsafe fn for_each_member(object: Value, mut visit: impl FnMut(&Slot)) {
    let mut ty = object.type_object();
    while ty.has_flag(TYPE_HEAP) {
        if let Some(names) = ty.slot_names.peek() {
            let n = TupleObject::of(names).len();
            if ty.has_flag(TYPE_VAR_SIZED) {
                let first = class_layout::end_area_offset(object) + ty.end_area as usize - n * size_of::<Slot>();
                for i in 0..n {
                    // SAFETY: the class's members end its attribute area.
                    visit(unsafe { &*object.header().cast::<u8>().add(first + i * size_of::<Slot>()).cast::<Slot>() });
                }
                match ty.base() {
                    Some(base) => ty = base,
                    None => break,
                }
                continue;
            }
            let first = ty.basic_size as usize - n * size_of::<Slot>()
                - if ty.base().is_some_and(|base| base.dict_place == DictPlace::None) && matches!(ty.dict_place, DictPlace::At(_)) { size_of::<Slot>() } else { 0 };
            for i in 0..n {
                // SAFETY: the class's layout has a slot there.
                visit(unsafe { &*object.header().cast::<u8>().add(first + i * size_of::<Slot>()).cast::<Slot>() });
            }
        }
        match ty.base() {
            Some(base) => ty = base,
            None => break,
        }
    }
}

/// Drops what a class instance holds: members, attributes, then the native part.
unsafe fn instance_dealloc(object: Value) {
    // SAFETY: the object is dead.
    unsafe {
        for_each_member(object, |slot| drop(slot.replace_locked(None)));
        let native = native_base(object.type_object());
        if native.dict_place == DictPlace::None {
            attribute::clear_instance(object);
        }
        (native.dealloc_fn())(object);
    }
}

unsafe fn instance_traverse(object: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the world is stopped or the object is ours.
    unsafe {
        for_each_member(object, |slot| {
            if let Some(held) = slot.peek() {
                visit(held);
            }
        });
        let native = native_base(object.type_object());
        if native.dict_place == DictPlace::None {
            attribute::traverse_instance(object, visit);
        }
        if let Some(traverse) = native.traverse.get() {
            traverse(object, visit);
        }
    }
}

unsafe fn instance_clear(object: Value) {
    // SAFETY: the object is garbage but alive.
    unsafe {
        let header: &Header = &*object.header();
        for_each_member(object, |slot| drop(slot.replace(header, None)));
        let native = native_base(object.type_object());
        if native.dict_place == DictPlace::None {
            attribute::clear_instance(object);
        }
        if let Some(clear) = native.clear.get() {
            clear(object);
        }
    }
}

/// Whether objects of one class can become objects of the other by `__class__` assignment.
pub fn compatible_for_assignment(new: &TypeObject, old: &TypeObject) -> bool {
    std::ptr::eq(new, old)
        || (new.basic_size == old.basic_size
            && new.item_size == old.item_size
            && new.dict_place == old.dict_place
            && new.end_area == old.end_area
            && native_same(new, old)
            && member_names(new) == member_names(old))
}

fn native_same(new: &TypeObject, old: &TypeObject) -> bool {
    // SAFETY: types live as long as those derived from them.
    unsafe { std::ptr::eq(native_base(&*std::ptr::from_ref(new)), native_base(&*std::ptr::from_ref(old))) }
}

fn member_names(ty: &TypeObject) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = Some(ty);
    while let Some(ty) = at {
        if let Some(own) = ty.slot_names.peek() {
            names.extend(TupleObject::of(own).items().iter().map(|name| StrObject::of(*name).to_string_lossy()));
        }
        at = ty.base();
    }
    names
}

