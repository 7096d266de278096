//! `type`: classes as objects. Creation is in class_creation.rs, the MRO in class_mro.rs.

use crate::object::{lifetime, refcount};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute::{self, lookup_type};
use crate::protocol::native::NativeFn;
use crate::protocol::{call, convert, special};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::TYPE;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;
use crate::types::{class_creation, class_mro, list, type_setup};

fn type_repr(this: Value, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    let module = get_module(this, thread).ok().filter(|module| string::is_str(**module));
    drop(thread.take_exception());
    let qualname = ty.qualname.load(&ty.header).map_or_else(|| ty.name(), |name| StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&match module {
        Some(module) if !StrObject::of(*module).equals_str("builtins") => {
            format!("<class '{}.{qualname}'>", StrObject::of(*module).to_string_lossy())
        }
        _ => format!("<class '{qualname}'>"),
    }))
}

/// Calling a class: `type(x)`, or `__new__` and `__init__`.
fn type_call(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    if std::ptr::eq(ty, TYPE.get()) && kwnames.is_empty() {
        match args.len() {
            1 => return Ok(args.at(0).type_object().value().to_owned()),
            3 => {}
            _ => return Err(thread.raise_type_error("type() takes 1 or 3 arguments")),
        }
    }
    let Some(new) = ty.slots.new.get().filter(|_| !ty.has_flag(TYPE_DISALLOW_INSTANTIATION)) else {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot create '{name}' instances")));
    };
    let object = new(class, args, kwnames, thread)?;
    if !object.is_instance(ty) {
        return Ok(object);
    }
    if let Some(init) = object.type_object().slots.init.get() {
        init(*object, args, kwnames, thread)?;
    }
    Ok(object)
}

/// Attribute access on classes: metatype data descriptors, the class and its bases, other metatype attributes.
pub fn type_getattr(class: Value, name: Value, thread: &mut Thread) -> PyResult {
    match type_getattr_optional(class, name, thread)? {
        Some(value) => Ok(value),
        None => Err(attribute::no_attribute(class, name, thread)),
    }
}

/// Whether attribute loads of the classes of a metaclass go by [`type_getattr`] alone.
pub fn uses_type_lookup(meta: &TypeObject) -> bool {
    meta.slots.getattr.raw() == type_getattr as BinaryFn as usize
}

fn type_getattr_optional(class: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let ty = TypeObject::of(class);
    let meta = class.type_object();
    if !string::is_str(name) {
        let what = name.type_object().full_name();
        return Err(thread.raise_type_error(format!("attribute name must be string, not '{what}'")));
    }
    let meta_found = lookup_type(meta, name, thread);
    let meta_getter = meta_found.as_ref().and_then(|found| found.type_object().slots.descr_get.get());
    if let (Some(found), Some(getter)) = (&meta_found, meta_getter) {
        if found.type_object().slots.descr_set.raw() != 0 {
            return getter(**found, Some(class), Some(meta.value()), thread).map(Some);
        }
    }
    if let Some(found) = lookup_type(ty, name, thread) {
        return match found.type_object().slots.descr_get.get() {
            Some(getter) => getter(*found, None, Some(class), thread).map(Some),
            None => Ok(Some(found)),
        };
    }
    match (meta_found, meta_getter) {
        (Some(found), Some(getter)) => getter(*found, Some(class), Some(meta.value()), thread).map(Some),
        (found, _) => Ok(found),
    }
}

fn type_setattr(class: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let ty = TypeObject::of(class);
    if ty.has_flag(TYPE_IMMUTABLE) {
        let (text, type_name) = (StrObject::of(name).to_string_lossy(), ty.full_name());
        return Err(thread.raise_type_error(format!("cannot set '{text}' attribute of immutable type '{type_name}'")));
    }
    let meta = class.type_object();
    if let Some(found) = lookup_type(meta, name, thread) {
        if let Some(setter) = found.type_object().slots.descr_set.get() {
            return setter(*found, class, value, thread);
        }
    }
    let Some(dict) = ty.dict() else { return Err(attribute::no_attribute(class, name, thread)) };
    let name = if StrObject::of(name).is_interned() { name.to_owned() } else { string::intern(name.to_owned()) };
    let old = dict.get_str(*name);
    if value.is_none() && old.is_none() {
        return Err(attribute::no_attribute(class, *name, thread));
    }
    // Versions change before the mutation is visible; and again after it, for a lookup that ran in between. A plain value
    // that replaces a plain value keeps them, unless one has been cached (TYPE_PLAIN_CACHED).
    let changes_kind = match (&old, value) {
        (Some(old), Some(new)) => is_cached_kind(**old) || is_cached_kind(new),
        _ => true,
    };
    if changes_kind || ty.has_flag(TYPE_PLAIN_CACHED) {
        bump_versions(ty);
    }
    let removed = match value {
        Some(value) => dict.set_str(*name, value.to_owned()),
        None => dict.remove_str(*name),
    };
    // Asked again: who caches a plain value sets the flag before looking the value up.
    if changes_kind || ty.has_flag(TYPE_PLAIN_CACHED) {
        bump_versions(ty);
    }
    let text = StrObject::of(*name);
    if text.as_ascii().is_some_and(|text| text.starts_with("__") && text.ends_with("__")) {
        update_slots_recursively(ty, *name);
    }
    if let Some(removed) = removed {
        lifetime::release(removed, thread);
    }
    Ok(())
}

/// Values that caches may hold on to: whatever takes part in the descriptor protocol.
pub fn is_cached_kind(value: Value) -> bool {
    let slots = &value.type_object().slots;
    slots.descr_get.raw() != 0 || slots.descr_set.raw() != 0
}

/// Facts about `ty` and the classes derived from it are no longer what caches say.
pub fn bump_versions(ty: &TypeObject) {
    // The root first: one that is replaced meanwhile is on the list already.
    let root = ty.root.latest();
    let shapes = ty.lists.lock().shapes.clone();
    crate::object::shape::entry(root).bump_version();
    for shape in shapes {
        crate::object::shape::entry(shape).bump_version();
    }
    for subclass in subclasses(ty) {
        bump_versions(TypeObject::of(*subclass));
    }
}

/// The classes made directly from this one that are alive.
pub fn subclasses(ty: &TypeObject) -> Vec<Owned> {
    let lists = ty.lists.lock();
    // SAFETY: a class that dies leaves its bases' lists, under their locks, before its memory is given back.
    let classes = lists.subclasses.iter().map(|class| unsafe { (**class).value() });
    // SAFETY: the count just taken.
    classes.filter(|class| lifetime::try_retain_pointer(*class)).map(|class| unsafe { Owned::from_raw(class) }).collect()
}

/// Puts a class on the list of a base.
pub fn add_subclass(base: &TypeObject, class: &TypeObject) {
    // Other threads may find it on the list and take references.
    refcount::mark_maybe_shared(&class.header);
    base.lists.lock().subclasses.push(std::ptr::from_ref(class).cast_mut());
}

/// Sets the slots that `name` stands for in `ty` and in derived classes that inherit the method.
fn update_slots_recursively(ty: &TypeObject, name: Value) {
    if StrObject::of(name).equals_str("__del__") {
        ty.set_flag(TYPE_HAS_DEL, crate::protocol::attribute::lookup_mro(ty, name).is_some());
    }
    type_setup::update_slots(ty, Some(name));
    for subclass in subclasses(ty) {
        let subclass = TypeObject::of(*subclass);
        if subclass.dict().is_none_or(|dict| dict.get_str(name).is_none()) {
            update_slots_recursively(subclass, name);
        }
    }
}

/// `object.__setattr__(x, …)` where the class of `x` is derived from a native type with its own: refused, as CPython's
/// `hackcheck` does.
pub fn check_setattr_wrapper(object: Value, raw: usize, method: &str, thread: &mut Thread) -> PyResult<()> {
    let mut ty = object.type_object();
    while ty.has_flag(TYPE_HEAP) {
        match ty.base() {
            Some(base) => ty = base,
            None => return Ok(()),
        }
    }
    let native = ty.slots.setattr.raw();
    if native != 0 && native != raw && is_type(object) {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("can't apply this {method} to {name} object")));
    }
    Ok(())
}

fn type_init(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if !kwnames.is_empty() && args.len() == 1 {
        return Err(thread.raise_type_error("type.__init__() takes no keyword arguments"));
    }
    if args.len() != 1 && args.len() != 3 {
        return Err(thread.raise_type_error("type.__init__() takes 1 or 3 arguments"));
    }
    Ok(())
}

fn type_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    crate::types::union::from_operator(left, right, thread)
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    Ok(ty.name.load(&ty.header).unwrap_or_else(string::empty))
}

fn check_settable(this: Value, value: Option<Value>, name: &str, thread: &mut Thread) -> PyResult<Value> {
    let ty = TypeObject::of(this);
    if !ty.has_flag(TYPE_HEAP) {
        let type_name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot set '{name}' attribute of immutable type '{type_name}'")));
    }
    match value {
        Some(value) => Ok(value),
        None => {
            let type_name = ty.name();
            Err(thread.raise_type_error(format!("cannot delete '{name}' attribute of type '{type_name}'")))
        }
    }
}

fn set_name(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = check_settable(this, value, "__name__", thread)?;
    let ty = TypeObject::of(this);
    if !string::is_str(value) {
        let (type_name, got) = (ty.name(), value.type_object().full_name());
        return Err(thread.raise_type_error(format!("can only assign string to {type_name}.__name__, not '{got}'")));
    }
    if StrObject::of(value).chars().iter().any(|ch| ch == 0) {
        return Err(thread.raise_value_error("type name must not contain null characters"));
    }
    drop(ty.name.replace(&ty.header, Some(value.to_owned())));
    Ok(())
}

fn get_qualname(this: Value, _thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    Ok(ty.qualname.load(&ty.header).unwrap_or_else(string::empty))
}

fn set_qualname(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = check_settable(this, value, "__qualname__", thread)?;
    let ty = TypeObject::of(this);
    if !string::is_str(value) {
        let (type_name, got) = (ty.name(), value.type_object().full_name());
        return Err(thread.raise_type_error(format!("can only assign string to {type_name}.__qualname__, not '{got}'")));
    }
    drop(ty.qualname.replace(&ty.header, Some(value.to_owned())));
    Ok(())
}

/// `__module__`: from the dict of a class, from the declared name of a native type.
pub fn get_module(this: Value, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    if ty.has_flag(TYPE_HEAP) {
        let name = crate::names::names().__module__;
        return match ty.dict().and_then(|dict| dict.get_str(name)) {
            Some(module) => Ok(module),
            None => Err(attribute::raise_attribute_error(this, name, "__module__", thread)),
        };
    }
    let module = ty.spec.and_then(|spec| spec.name.rsplit_once('.')).map_or("builtins", |(module, _)| module);
    Ok(string::intern_str(module))
}

fn set_module(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = check_settable(this, value, "__module__", thread)?;
    if let Some(dict) = TypeObject::of(this).dict() {
        bump_versions(TypeObject::of(this));
        drop(dict.set_str(crate::names::names().__module__, value.to_owned()));
        drop(dict.remove_str(crate::names::names().__firstlineno__));
    }
    Ok(())
}

fn get_bases(this: Value, _thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    Ok(ty.bases.load(&ty.header).unwrap_or_else(tuple::empty))
}

fn get_base(this: Value, _thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    Ok(ty.base.load(&ty.header).unwrap_or_else(Owned::none))
}

fn get_mro(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(TypeObject::of(this).mro().unwrap_or_else(Owned::none))
}

fn get_dict(this: Value, _thread: &mut Thread) -> PyResult {
    match TypeObject::of(this).dict.peek() {
        Some(dict) => Ok(crate::types::mapping_proxy::new(dict.to_owned())),
        None => Ok(Owned::none()),
    }
}

fn get_doc(this: Value, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    if let Some(spec) = ty.spec.filter(|spec| !spec.doc.is_empty() && !ty.has_flag(TYPE_HEAP)) {
        return Ok(Owned::str(split_signature(spec.doc).1));
    }
    let Some(doc) = ty.dict().and_then(|dict| dict.get_str(crate::names::names().__doc__)) else { return Ok(Owned::none()) };
    match doc.type_object().slots.descr_get.get() {
        Some(getter) => getter(*doc, None, Some(this), thread),
        None => Ok(doc),
    }
}

fn set_doc(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = check_settable(this, value, "__doc__", thread)?;
    if let Some(dict) = TypeObject::of(this).dict() {
        bump_versions(TypeObject::of(this));
        drop(dict.set_str(crate::names::names().__doc__, value.to_owned()));
    }
    Ok(())
}

/// The signature and the rest of a docstring that begins with `name(parameters)` and a line `--`.
fn split_signature(doc: &'static str) -> (Option<&'static str>, &'static str) {
    match doc.split_once("\n--\n\n") {
        Some((head, rest)) => (head.find('(').and_then(|at| head.get(at..)), rest),
        None => (None, doc),
    }
}

fn get_text_signature(this: Value, _thread: &mut Thread) -> PyResult {
    let signature = TypeObject::of(this).spec.and_then(|spec| split_signature(spec.doc).0);
    Ok(signature.map_or_else(Owned::none, Owned::str))
}

fn get_abstract_methods(this: Value, thread: &mut Thread) -> PyResult {
    let name = crate::names::names().__abstractmethods__;
    let ty = TypeObject::of(this);
    if !std::ptr::eq(ty, TYPE.get()) {
        if let Some(found) = ty.dict().and_then(|dict| dict.get_str(name)) {
            return Ok(found);
        }
    }
    Err(attribute::raise_attribute_error(this, name, "__abstractmethods__", thread))
}

fn set_abstract_methods(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let name = crate::names::names().__abstractmethods__;
    let ty = TypeObject::of(this);
    let Some(dict) = ty.dict() else { return Ok(()) };
    match value {
        Some(value) => {
            let truth = crate::protocol::compare::truth(value, thread)?;
            drop(dict.set_str(name, value.to_owned()));
            ty.set_flag(TYPE_ABSTRACT, truth);
        }
        None => {
            if dict.remove_str(name).is_none() {
                return Err(attribute::raise_attribute_error(this, name, "__abstractmethods__", thread));
            }
            ty.set_flag(TYPE_ABSTRACT, false);
        }
    }
    bump_versions(ty);
    Ok(())
}

fn get_annotate(this: Value, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    if !ty.has_flag(TYPE_HEAP) {
        let name = ty.full_name();
        let attribute_name = crate::names::names().__annotate__;
        return Err(attribute::raise_attribute_error(this, attribute_name, &format!("type object '{name}' has no attribute '__annotate__'"), thread));
    }
    let names = crate::names::names();
    let dict = ty.dict();
    let found = dict.and_then(|dict| dict.get_str(names.__annotate_func__).or_else(|| dict.get_str(names.__annotate__)));
    match found {
        Some(found) => match found.type_object().slots.descr_get.get() {
            Some(getter) => getter(*found, None, Some(this), thread),
            None => Ok(found),
        },
        None => Ok(Owned::none()),
    }
}

fn set_annotate(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let names = crate::names::names();
    let Some(value) = value else {
        return Err(thread.raise_type_error("cannot delete __annotate__ attribute"));
    };
    let value = check_settable(this, Some(value), "__annotate__", thread)?;
    if !value.is_none() && !call::is_callable(value) {
        return Err(thread.raise_type_error("__annotate__ must be callable or None"));
    }
    if let Some(dict) = TypeObject::of(this).dict() {
        drop(dict.set_str(names.__annotate_func__, value.to_owned()));
        if !value.is_none() {
            drop(dict.remove_str(names.__annotations_cache__));
        }
        bump_versions(TypeObject::of(this));
    }
    Ok(())
}

fn get_annotations(this: Value, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    let names = crate::names::names();
    if !ty.has_flag(TYPE_HEAP) {
        let name = ty.full_name();
        return Err(attribute::raise_attribute_error(this, names.__annotations__, &format!("type object '{name}' has no attribute '__annotations__'"), thread));
    }
    let Some(dict) = ty.dict() else { return Ok(dict::new()) };
    let cached = dict.get_str(names.__annotations__).or_else(|| dict.get_str(names.__annotations_cache__));
    if let Some(found) = cached {
        return match found.type_object().slots.descr_get.get() {
            Some(getter) => getter(*found, None, Some(this), thread),
            None => Ok(found),
        };
    }
    let annotate = get_annotate(this, thread)?;
    let made = if call::is_callable(*annotate) {
        let made = call::call(*annotate, &[Value::plain_int(1)], thread)?;
        if !dict::is_dict(*made) {
            let got = made.type_object().full_name();
            return Err(thread.raise_type_error(format!("__annotate__() must return a dict, not {got}")));
        }
        made
    } else {
        dict::new()
    };
    drop(dict.set_str(names.__annotations_cache__, made.clone()));
    bump_versions(ty);
    Ok(made)
}

fn set_annotations(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let ty = TypeObject::of(this);
    let names = crate::names::names();
    if !ty.has_flag(TYPE_HEAP) {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot set '__annotations__' attribute of immutable type '{name}'")));
    }
    if let Some(dict) = ty.dict() {
        let key = if dict.get_str(names.__annotations__).is_some() { names.__annotations__ } else { names.__annotations_cache__ };
        match value {
            Some(value) => drop(dict.set_str(key, value.to_owned())),
            None => {
                if dict.remove_str(key).is_none() {
                    return Err(attribute::raise_attribute_error(this, names.__annotations__, "__annotations__", thread));
                }
            }
        }
        drop(dict.remove_str(names.__annotate_func__));
        drop(dict.remove_str(names.__annotate__));
        bump_versions(ty);
    }
    Ok(())
}

fn get_type_params(this: Value, _thread: &mut Thread) -> PyResult {
    if this.is(TYPE.get().value()) {
        // The descriptor itself lies there.
        return Ok(tuple::empty());
    }
    let found = TypeObject::of(this).dict().and_then(|dict| dict.get_str(crate::names::names().__type_params__));
    Ok(found.unwrap_or_else(tuple::empty))
}

fn set_type_params(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = check_settable(this, value, "__type_params__", thread)?;
    if let Some(dict) = TypeObject::of(this).dict() {
        drop(dict.set_str(crate::names::names().__type_params__, value.to_owned()));
        bump_versions(TypeObject::of(this));
    }
    Ok(())
}

fn get_basicsize(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(TypeObject::of(this).fixed_size()))
}

fn get_itemsize(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(TypeObject::of(this).item_size)))
}

/// `__flags__` in CPython's bits, as far as they have a meaning here.
fn get_flags(this: Value, _thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(this);
    let pairs = [
        (TYPE_SEQUENCE, 1 << 5),
        (TYPE_MAPPING, 1 << 6),
        (TYPE_DISALLOW_INSTANTIATION, 1 << 7),
        (TYPE_IMMUTABLE, 1 << 8),
        (TYPE_HEAP, 1 << 9),
        (TYPE_BASETYPE, 1 << 10),
        (TYPE_GC, 1 << 14),
        (TYPE_METHOD_DESCRIPTOR, 1 << 17),
        (TYPE_ABSTRACT, 1 << 20),
        (TYPE_MATCH_SELF, 1 << 22),
        (TYPE_INT_SUBCLASS, 1 << 24),
        (TYPE_LIST_SUBCLASS, 1 << 25),
        (TYPE_TUPLE_SUBCLASS, 1 << 26),
        (TYPE_BYTES_SUBCLASS, 1 << 27),
        (TYPE_STR_SUBCLASS, 1 << 28),
        (TYPE_DICT_SUBCLASS, 1 << 29),
        (TYPE_EXCEPTION_SUBCLASS, 1 << 30),
        (TYPE_TYPE_SUBCLASS, 1 << 31),
    ];
    let flags: i64 = pairs.iter().filter(|(own, _)| ty.has_flag(*own)).map(|(_, theirs)| *theirs).sum::<i64>() | 1 << 12;
    // Types of native modules are made at run time in CPython.
    let of_module = ty.spec.is_some() && !ty.is_builtin() && ty.dict().is_some_and(|dict| dict.get_str(crate::names::names().__module__).is_some());
    Ok(Owned::int(flags | if of_module { 1 << 9 } else { 0 }))
}

fn get_dictoffset(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(match TypeObject::of(this).dict_place {
        DictPlace::None => 0,
        DictPlace::At(offset) => i64::from(offset),
        DictPlace::End => -1,
    }))
}

fn get_weakrefoffset(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(if TypeObject::of(this).has_flag(TYPE_WEAKREFABLE) { -1 } else { 0 }))
}

fn method_mro(this: Value, thread: &mut Thread) -> PyResult {
    class_mro::compute(TypeObject::of(this), thread).map(list::from_vec)
}

fn method_subclasses(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(list::from_vec(subclasses(TypeObject::of(this))))
}

fn method_prepare(_class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(dict::new())
}

fn method_instancecheck(this: Value, object: Value, thread: &mut Thread) -> PyResult {
    special::is_instance_plain(object, this, thread).map(Owned::bool)
}

fn method_subclasscheck(this: Value, class: Value, thread: &mut Thread) -> PyResult {
    special::is_subclass_plain(class, this, thread).map(Owned::bool)
}

fn method_dir(this: Value, thread: &mut Thread) -> PyResult {
    let names = dict::new();
    merge_class_dict(this, DictObject::of(*names), thread)?;
    let entries = DictObject::of(*names).entries();
    Ok(list::from_vec(entries.into_iter().map(|entry| entry.key).collect()))
}

/// The names of a class and its bases, for `dir()`.
pub fn merge_class_dict(class: Value, into: &DictObject, thread: &mut Thread) -> PyResult<()> {
    let names = crate::names::names();
    if let Some(dict) = attribute::get_optional(class, names.__dict__, thread)? {
        dict::merge::update(into.value(), *dict, thread)?;
    }
    if let Some(bases) = attribute::get_optional(class, names.__bases__, thread)? {
        for base in crate::protocol::iterate::collect(*bases, thread)? {
            merge_class_dict(*base, into, thread)?;
        }
    }
    Ok(())
}

fn method_sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let _ = this;
    Ok(Owned::usize(size_of::<TypeObject>()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the class is dead: it leaves its bases' lists; its fields are dropped once.
    unsafe {
        let ty = value.header().cast::<TypeObject>();
        if let Some(bases) = (*ty).bases.peek() {
            for &base in TupleObject::of(bases).items() {
                if is_type(base) {
                    TypeObject::of(base).lists.lock().subclasses.retain(|class| !std::ptr::eq(*class, ty));
                }
            }
        }
        std::ptr::drop_in_place(ty);
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a type.
    let ty = unsafe { value.as_ref::<TypeObject>() };
    for slot in [&ty.name, &ty.qualname, &ty.base, &ty.bases, &ty.mro, &ty.dict, &ty.slot_names] {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the class is garbage but alive; its MRO and dict must stay usable for instances that die with it.
    unsafe {
        let ty = value.as_ref::<TypeObject>();
        if let Some(dict) = ty.dict.peek() {
            dict::clear(dict);
        }
        let mro = ty.mro.replace(&ty.header, Some(tuple::empty()));
        drop(mro);
    }
}

fn type_new(meta: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    class_creation::type_new(meta, args, kwnames, thread)
}

/// The text of a `__name__`-like value for messages.
pub fn display(value: Value, thread: &mut Thread) -> String {
    convert::repr_text(value, thread).unwrap_or_default()
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "type",
    doc: "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_TYPE_SUBCLASS | TYPE_WEAKREFABLE,
    basic_size: size_of::<TypeObject>(),
    slots: &[
        SlotFn::repr(type_repr),
        SlotFn::call(type_call),
        SlotFn::getattr(type_getattr),
        SlotFn::setattr(type_setattr),
        SlotFn::init(type_init),
        SlotFn::new(type_new),
        SlotFn::or(type_or),
    ],
    methods: &[
        MethodDef { name: "mro", func: NativeFn::NoArgs(method_mro), kind: MethodKind::Instance, signature: "($self, /)", doc: "The method resolution order as a list." },
        MethodDef { name: "__subclasses__", func: NativeFn::NoArgs(method_subclasses), kind: MethodKind::Instance, signature: "($self, /)", doc: "The classes made directly from this one." },
        MethodDef { name: "__prepare__", func: NativeFn::Raw(method_prepare), kind: MethodKind::Class, signature: "($cls, name, bases, /, **kwds)", doc: "The namespace for a class statement." },
        MethodDef { name: "__instancecheck__", func: NativeFn::One(method_instancecheck), kind: MethodKind::Instance, signature: "($self, instance, /)", doc: "Whether an object is an instance." },
        MethodDef { name: "__subclasscheck__", func: NativeFn::One(method_subclasscheck), kind: MethodKind::Instance, signature: "($self, subclass, /)", doc: "Whether a class is a subclass." },
        MethodDef { name: "__dir__", func: NativeFn::NoArgs(method_dir), kind: MethodKind::Instance, signature: "($self, /)", doc: "The names of the class and its bases." },
        MethodDef { name: "__sizeof__", func: NativeFn::NoArgs(method_sizeof), kind: MethodKind::Instance, signature: "($self, /)", doc: "Bytes of the type object." },
    ],
    getsets: &[
        GetSetDef { name: "__name__", get: get_name, set: Some(set_name), doc: "" },
        GetSetDef { name: "__qualname__", get: get_qualname, set: Some(set_qualname), doc: "" },
        GetSetDef { name: "__module__", get: get_module, set: Some(set_module), doc: "" },
        GetSetDef { name: "__bases__", get: get_bases, set: Some(class_creation::set_bases), doc: "" },
        GetSetDef { name: "__base__", get: get_base, set: None, doc: "" },
        GetSetDef { name: "__mro__", get: get_mro, set: None, doc: "" },
        GetSetDef { name: "__dict__", get: get_dict, set: None, doc: "" },
        GetSetDef { name: "__doc__", get: get_doc, set: Some(set_doc), doc: "" },
        GetSetDef { name: "__text_signature__", get: get_text_signature, set: None, doc: "" },
        GetSetDef { name: "__abstractmethods__", get: get_abstract_methods, set: Some(set_abstract_methods), doc: "" },
        GetSetDef { name: "__annotations__", get: get_annotations, set: Some(set_annotations), doc: "" },
        GetSetDef { name: "__annotate__", get: get_annotate, set: Some(set_annotate), doc: "" },
        GetSetDef { name: "__type_params__", get: get_type_params, set: Some(set_type_params), doc: "" },
        GetSetDef { name: "__basicsize__", get: get_basicsize, set: None, doc: "" },
        GetSetDef { name: "__itemsize__", get: get_itemsize, set: None, doc: "" },
        GetSetDef { name: "__flags__", get: get_flags, set: None, doc: "" },
        GetSetDef { name: "__dictoffset__", get: get_dictoffset, set: None, doc: "" },
        GetSetDef { name: "__weakrefoffset__", get: get_weakrefoffset, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

