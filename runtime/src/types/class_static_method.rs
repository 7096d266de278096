//! `classmethod` and `staticmethod`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{CLASSMETHOD, STATICMETHOD};
use crate::types::dict::DictObject;
use crate::types::method;
use crate::types::property::is_abstract;
use crate::types::type_object::*;

/// The layout of both.
#[repr(C)]
struct Wrapper {
    header: Header,
    callable: Slot,
    dict: Slot,
}

fn of<'a>(value: Value) -> &'a Wrapper {
    // SAFETY: called for these two types only.
    unsafe { value.as_ref() }
}

fn make(ty: &TypeObject, callable: Option<Owned>) -> Owned {
    lifetime::allocate_object(ty, |header| Wrapper { header, callable: Slot::from_option(callable), dict: Slot::empty() })
}

/// A static method.
pub fn new_static(function: Owned) -> Owned {
    make(STATICMETHOD.get(), Some(function))
}

/// A class method.
pub fn new_class(function: Owned) -> Owned {
    make(CLASSMETHOD.get(), Some(function))
}

/// What is wrapped.
pub fn callable(this: Value) -> Option<Owned> {
    of(this).callable.load(&of(this).header)
}

fn wrapper_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(make(TypeObject::of(class), None))
}

fn init(this: Value, name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error(format!("{name}() takes no keyword arguments")));
    }
    if args.len() != 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("{name} expected 1 argument, got {n}")));
    }
    let function = args.at(0);
    if let Some(old) = of(this).callable.replace(&of(this).header, Some(function.to_owned())) {
        lifetime::release(old, thread);
    }
    let names = crate::names::names();
    for name in [names.__module__, names.__name__, names.__qualname__, names.__doc__] {
        if let Some(value) = attribute::get_optional(function, name, thread)? {
            let own = attribute::instance_dict(this, thread)?;
            DictObject::of(*own).set(name, value, thread)?;
        }
    }
    Ok(())
}

fn class_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    init(this, "classmethod", args, kwnames, thread)
}

fn static_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    init(this, "staticmethod", args, kwnames, thread)
}

fn required(this: Value, name: &str, thread: &mut Thread) -> PyResult {
    callable(this).ok_or_else(|| thread.raise(&crate::exceptions::exc::RUNTIME_ERROR, format!("uninitialized {name} object")))
}

fn class_get(this: Value, object: Option<Value>, ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let function = required(this, "classmethod", thread)?;
    let class = match (ty, object) {
        (Some(ty), _) => ty,
        (None, Some(object)) => object.type_object().value(),
        (None, None) => Value::none(),
    };
    Ok(method::new(*function, class))
}

fn static_get(this: Value, _object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    required(this, "staticmethod", thread)
}

fn static_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let function = required(this, "staticmethod", thread)?;
    call::call_args(*function, args, kwnames, thread)
}

fn repr(this: Value, name: &str, thread: &mut Thread) -> PyResult {
    let inner = match callable(this) {
        Some(function) => convert::repr(*function, thread)?,
        None => Owned::str("<NULL>"),
    };
    let mut out = crate::types::str::Builder::new();
    out.push_str(&format!("<{name}("));
    out.push_object(*inner);
    out.push_str(")>");
    Ok(out.finish())
}

fn class_repr(this: Value, thread: &mut Thread) -> PyResult {
    repr(this, "classmethod", thread)
}

fn static_repr(this: Value, thread: &mut Thread) -> PyResult {
    repr(this, "staticmethod", thread)
}

fn get_function(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(callable(this).unwrap_or_else(Owned::none))
}

fn get_is_abstract(this: Value, thread: &mut Thread) -> PyResult {
    match callable(this) {
        Some(function) => is_abstract(*function, thread).map(Owned::bool),
        None => Ok(Owned::false_()),
    }
}

/// An attribute of what is wrapped, kept in the own dict once it has been asked for.
fn wrapped_attribute(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let own = attribute::instance_dict(this, thread)?;
    if let Some(value) = DictObject::of(*own).get(name, thread)? {
        return Ok(value);
    }
    let function = callable(this).unwrap_or_else(Owned::none);
    let value = attribute::get(*function, name, thread)?;
    DictObject::of(*own).set(name, value.clone(), thread)?;
    Ok(value)
}

fn set_wrapped_attribute(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let own = attribute::instance_dict(this, thread)?;
    match value {
        Some(value) => DictObject::of(*own).set(name, value.to_owned(), thread),
        None => match DictObject::of(*own).remove(name, thread)? {
            Some(old) => {
                lifetime::release(old, thread);
                Ok(())
            }
            None => Err(attribute::no_attribute(this, name, thread)),
        },
    }
}

fn get_annotations(this: Value, thread: &mut Thread) -> PyResult {
    wrapped_attribute(this, crate::names::names().__annotations__, thread)
}

fn set_annotations(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    set_wrapped_attribute(this, crate::names::names().__annotations__, value, thread)
}

fn get_annotate(this: Value, thread: &mut Thread) -> PyResult {
    wrapped_attribute(this, crate::names::names().__annotate__, thread)
}

fn set_annotate(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    set_wrapped_attribute(this, crate::names::names().__annotate__, value, thread)
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Wrapper>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    [&of(value).callable, &of(value).dict].into_iter().filter_map(Slot::peek).for_each(visit);
}

unsafe fn clear(value: Value) {
    let this = of(value);
    drop(this.callable.replace(&this.header, None));
    drop(this.dict.replace(&this.header, None));
}

const METHODS: &[MethodDef] = &[MethodDef {
    name: "__class_getitem__",
    func: NativeFn::One(class_getitem),
    kind: MethodKind::Class,
    signature: "($type, object, /)",
    doc: "See PEP 585",
}];

const GETSETS: &[GetSetDef] = &[
    GetSetDef { name: "__func__", get: get_function, set: None, doc: "" },
    GetSetDef { name: "__wrapped__", get: get_function, set: None, doc: "" },
    GetSetDef { name: "__isabstractmethod__", get: get_is_abstract, set: None, doc: "" },
    GetSetDef { name: "__dict__", get: attribute::instance_dict, set: Some(attribute::set_instance_dict), doc: "" },
    GetSetDef { name: "__annotations__", get: get_annotations, set: Some(set_annotations), doc: "" },
    GetSetDef { name: "__annotate__", get: get_annotate, set: Some(set_annotate), doc: "" },
];

pub static CLASSMETHOD_SPEC: TypeSpec = TypeSpec {
    name: "classmethod",
    doc: "classmethod(function, /)\n--\n\nConvert a function to be a class method.\n\nA class method receives the class as implicit first argument,\njust like an instance method receives the instance.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Wrapper>(),
    dict_offset: Some(std::mem::offset_of!(Wrapper, dict)),
    slots: &[SlotFn::repr(class_repr), SlotFn::descr_get(class_get), SlotFn::new(wrapper_new), SlotFn::init(class_init)],
    methods: METHODS,
    getsets: GETSETS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

pub static STATICMETHOD_SPEC: TypeSpec = TypeSpec {
    name: "staticmethod",
    doc: "staticmethod(function, /)\n--\n\nConvert a function to be a static method.\n\nA static method does not receive an implicit first argument.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Wrapper>(),
    dict_offset: Some(std::mem::offset_of!(Wrapper, dict)),
    slots: &[
        SlotFn::repr(static_repr),
        SlotFn::call(static_call),
        SlotFn::descr_get(static_get),
        SlotFn::new(wrapper_new),
        SlotFn::init(static_init),
    ],
    methods: METHODS,
    getsets: GETSETS,
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
