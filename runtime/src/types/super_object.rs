//! `super`.

use crate::exceptions::exc;
use crate::interp::frame::Frame;
use crate::object::header::Header;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute;
use crate::protocol::call;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{SUPER, shapes};
use crate::types::string::StrObject;
use crate::types::tuple::TupleObject;
use crate::types::type_object::*;

#[repr(C)]
struct SuperObject {
    header: Header,
    class: Slot,
    object: Slot,
    object_class: Slot,
}

fn of<'a>(value: Value) -> &'a SuperObject {
    // SAFETY: called for `super` objects (or subclasses) only.
    unsafe { value.as_ref() }
}

/// The class in whose MRO lookup starts behind `class`, or TypeError.
fn check(class: &TypeObject, object: Value, thread: &mut Thread) -> PyResult {
    if is_type(object) && TypeObject::of(object).is_subtype(class) {
        return Ok(object.to_owned());
    }
    if object.type_object().is_subtype(class) {
        return Ok(object.type_object().value().to_owned());
    }
    let claimed = attribute::get_optional(object, crate::names::names().__class__, thread)?;
    if let Some(claimed) = claimed.filter(|claimed| is_type(**claimed) && TypeObject::of(**claimed).is_subtype(class)) {
        return Ok(claimed);
    }
    let what = if is_type(object) { "type" } else { "instance" };
    let got = if is_type(object) { TypeObject::of(object).full_name() } else { object.type_object().full_name() };
    let wanted = class.full_name();
    Err(thread.raise_type_error(format!("super(type, obj): obj ({what} of {got}) is not an instance or subtype of type ({wanted}).")))
}

/// The attribute `name` behind `class` in the MRO of `start`, bound to `object`.
pub fn lookup(class: &TypeObject, object: Value, start: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let Some(found) = lookup_unbound(class, start, name) else { return Ok(None) };
    match found.type_object().slots.descr_get.get() {
        Some(getter) => {
            let instance = if object.is(start) { None } else { Some(object) };
            getter(*found, instance, Some(start), thread).map(Some)
        }
        None => Ok(Some(found)),
    }
}

fn lookup_unbound(class: &TypeObject, start: Value, name: Value) -> Option<Owned> {
    let mro = TypeObject::of(start).mro()?;
    let items = TupleObject::of(*mro).items();
    let at = items.iter().position(|one| one.is(class.value()))?;
    items[at + 1..].iter().find_map(|&one| TypeObject::of(one).dict()?.get_str(name))
}

/// LOAD_SUPER_ATTR: `super(class, object).name`; the flag says that the result is an unbound method of `object`.
pub fn load_attribute(global_super: Value, class: Value, object: Value, name: Value, is_method: bool, two_arguments: bool, thread: &mut Thread) -> PyResult<(Owned, bool)> {
    let is_builtin = global_super.is(SUPER.get().value()) && is_type(class) && !StrObject::of(name).equals_str("__class__");
    if !is_builtin {
        let made = if two_arguments { call::call(global_super, &[class, object], thread)? } else { call::call(global_super, &[], thread)? };
        return attribute::get(*made, name, thread).map(|value| (value, false));
    }
    let class_type = TypeObject::of(class);
    let start = check(class_type, object, thread)?;
    if is_method && !object.is(*start) {
        if let Some(found) = lookup_unbound(class_type, *start, name) {
            if found.type_has_flag(TYPE_METHOD_DESCRIPTOR) {
                return Ok((found, true));
            }
        }
    }
    match lookup(class_type, object, *start, name, thread)? {
        Some(value) => Ok((value, false)),
        None => {
            let made = make(SUPER.get(), class, Some(object), Some(start));
            attribute::generic_get(*made, name, thread).map(|value| (value, false))
        }
    }
}

fn make(ty: &TypeObject, class: Value, object: Option<Value>, object_class: Option<Owned>) -> Owned {
    crate::object::lifetime::allocate_object(ty, |header| SuperObject {
        header,
        class: Slot::new(class.to_owned()),
        object: Slot::from_option(object.map(|object| object.to_owned())),
        object_class: Slot::from_option(object_class),
    })
}

fn super_getattr(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    if !StrObject::of(name).equals_str("__class__") {
        let parts = (object.class.load(&object.header), object.object.load(&object.header), object.object_class.load(&object.header));
        if let (Some(class), Some(receiver), Some(start)) = parts {
            if let Some(value) = lookup(TypeObject::of(*class), *receiver, *start, name, thread)? {
                return Ok(value);
            }
        }
    }
    attribute::generic_get(this, name, thread)
}

fn super_get(this: Value, receiver: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let Some(receiver) = receiver.filter(|_| object.object.peek().is_none()) else { return Ok(this.to_owned()) };
    let Some(class) = object.class.load(&object.header) else { return Ok(this.to_owned()) };
    if !std::ptr::eq(this.type_object(), SUPER.get()) {
        return call::call(this.type_object().value(), &[*class, receiver], thread);
    }
    let start = check(TypeObject::of(*class), receiver, thread)?;
    Ok(make(SUPER.get(), *class, Some(receiver), Some(start)))
}

fn super_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(crate::object::lifetime::allocate_object(TypeObject::of(class), |header| SuperObject {
        header,
        class: Slot::empty(),
        object: Slot::empty(),
        object_class: Slot::empty(),
    }))
}

/// `super()` without arguments: `__class__` and the first argument of the calling function.
fn from_frame(thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let frame = crate::interp::ops::control::visible_frame(thread.frame);
    if frame.is_null() {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "super(): no current frame"));
    }
    // SAFETY: the innermost frame of this thread.
    let code = unsafe { (*frame).code() };
    if code.argcount == 0 {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "super(): no arguments"));
    }
    let first = Frame::local(frame, 0);
    let first = match first {
        Some(cell) if cell.has_shape(shapes::CELL) && code.local_kind(0).contains(pyrt_compiler::bytecode::code::LocalKind::CELL) => crate::types::cell::get(cell),
        Some(value) => Some(value.to_owned()),
        None => None,
    };
    let Some(first) = first else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "super(): arg[0] deleted"));
    };
    let names = code.local_names();
    let class_slot = (0..names.len())
        .rev()
        .find(|&i| code.local_kind(i).contains(pyrt_compiler::bytecode::code::LocalKind::FREE) && StrObject::of(names[i]).equals_str("__class__"));
    let Some(class_slot) = class_slot else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "super(): __class__ cell not found"));
    };
    let cell = Frame::local(frame, class_slot).filter(|cell| cell.has_shape(shapes::CELL));
    let Some(class) = cell.and_then(crate::types::cell::get) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "super(): empty __class__ cell"));
    };
    if !is_type(*class) {
        let name = class.type_object().full_name();
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("super(): __class__ is not a type ({name})")));
    }
    Ok((class, first))
}

fn super_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("super() takes no keyword arguments"));
    }
    let n = args.len();
    let (class, object) = match n {
        0 => {
            let (class, object) = from_frame(thread)?;
            (class, Some(object))
        }
        1 | 2 => {
            let class = args.at(0);
            if !is_type(class) {
                let name = class.type_object().full_name();
                return Err(thread.raise_type_error(format!("super() argument 1 must be a type, not {name}")));
            }
            (class.to_owned(), args.get(1).filter(|object| !object.is_none()).map(|object| object.to_owned()))
        }
        _ => return Err(thread.raise_type_error(format!("super expected at most 2 arguments, got {n}"))),
    };
    let start = match &object {
        Some(object) => Some(check(TypeObject::of(*class), **object, thread)?),
        None => None,
    };
    let this = of(this);
    drop(this.class.replace(&this.header, Some(class)));
    drop(this.object.replace(&this.header, object));
    drop(this.object_class.replace(&this.header, start));
    Ok(())
}

fn super_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let object = of(this);
    let class = object.class.load(&object.header).map_or("NULL".to_string(), |class| TypeObject::of(*class).name());
    Ok(Owned::str(&match object.object_class.load(&object.header) {
        Some(start) => format!("<super: <class '{class}'>, <{} object>>", TypeObject::of(*start).name()),
        None => format!("<super: <class '{class}'>, NULL>"),
    }))
}

unsafe fn dealloc(value: Value) {
    for slot in [&of(value).class, &of(value).object, &of(value).object_class] {
        drop(slot.replace_locked(None));
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    for slot in [&of(value).class, &of(value).object, &of(value).object_class] {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "super",
    doc: "super() -> same as super(__class__, <first argument>)\nsuper(type) -> unbound super object\nsuper(type, obj) -> bound super object; requires isinstance(obj, type)\nsuper(type, type2) -> bound super object; requires issubclass(type2, type)",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<SuperObject>(),
    slots: &[
        SlotFn::repr(super_repr),
        SlotFn::getattr(super_getattr),
        SlotFn::descr_get(super_get),
        SlotFn::new(super_new),
        SlotFn::init(super_init),
    ],
    members: &[
        MemberDef { name: "__thisclass__", offset: std::mem::offset_of!(SuperObject, class), readonly: true, none_if_empty: true, doc: "the class invoking super()" },
        MemberDef { name: "__self__", offset: std::mem::offset_of!(SuperObject, object), readonly: true, none_if_empty: true, doc: "the instance invoking super(); may be None" },
        MemberDef { name: "__self_class__", offset: std::mem::offset_of!(SuperObject, object_class), readonly: true, none_if_empty: true, doc: "the type of the instance invoking super(); may be None" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
