//! `property`.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, call, compare, convert};
use crate::sync::{AtomicBool, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::PROPERTY;
use crate::types::type_object::*;

#[repr(C)]
struct PropertyObject {
    header: Header,
    fget: Slot,
    fset: Slot,
    fdel: Slot,
    doc: Slot,
    name: Slot,
    /// The docstring came from the getter.
    getter_doc: AtomicBool,
}

fn of<'a>(value: Value) -> &'a PropertyObject {
    // SAFETY: called for properties only.
    unsafe { value.as_ref() }
}

impl PropertyObject {
    fn load(&self, slot: &Slot) -> Option<Owned> {
        slot.load(&self.header)
    }

    fn store(&self, slot: &Slot, value: Option<Owned>, thread: &mut Thread) {
        if let Some(old) = slot.replace(&self.header, value) {
            lifetime::release(old, thread);
        }
    }
}

/// The getter of a property, if it has one.
pub fn getter(property: Value) -> Option<Owned> {
    of(property).load(&of(property).fget)
}

fn property_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| PropertyObject {
        header,
        fget: Slot::empty(),
        fset: Slot::empty(),
        fdel: Slot::empty(),
        doc: Slot::empty(),
        name: Slot::empty(),
        getter_doc: AtomicBool::new(false),
    }))
}

fn property_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(fget=None, fset=None, fdel=None, doc=None)");
    let bound = SIGNATURE.bind("property", args, kwnames, thread)?;
    let given = |i: usize| bound.args().get(i).filter(|value| !value.is_none()).map(|value| value.to_owned());
    let object = of(this);
    object.store(&object.fget, given(0), thread);
    object.store(&object.fset, given(1), thread);
    object.store(&object.fdel, given(2), thread);
    object.store(&object.name, None, thread);
    object.getter_doc.store(false, Ordering::Relaxed);
    let names = crate::names::names();
    let mut doc = given(3);
    if let (None, Some(getter)) = (&doc, given(0)) {
        doc = attribute::get_optional(*getter, names.__doc__, thread)?.filter(|doc| !doc.is_none());
        object.getter_doc.store(doc.is_some(), Ordering::Relaxed);
    }
    if this.has_shape(PROPERTY.shape) {
        object.store(&object.doc, doc, thread);
        return Ok(());
    }
    // The class of a subclass has a `__doc__` of its own, which hides the member: the instance gets an attribute.
    object.store(&object.doc, None, thread);
    let doc = doc.unwrap_or_else(Owned::none);
    if let Err(raised) = attribute::set(this, names.__doc__, *doc, thread) {
        if object.getter_doc.load(Ordering::Relaxed) {
            return Err(raised);
        }
        drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
    }
    Ok(())
}

/// The name that messages show: set by the class statement, else the getter's.
fn property_name(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let object = of(this);
    if let Some(name) = object.load(&object.name) {
        return Ok(Some(name));
    }
    match object.load(&object.fget) {
        Some(getter) => attribute::get_optional(*getter, crate::names::names().__name__, thread),
        None => Ok(None),
    }
}

fn missing_accessor(this: Value, object: Value, what: &str, thread: &mut Thread) -> crate::object::value::Raised {
    let name = match property_name(this, thread) {
        Ok(name) => name,
        Err(raised) => return raised,
    };
    let owner = attribute::get(object.type_object().value(), crate::names::names().__qualname__, thread)
        .and_then(|qualname| convert::repr_text(*qualname, thread))
        .unwrap_or_default();
    drop(thread.take_exception());
    let shown = match name {
        Some(name) => match convert::repr_text(*name, thread) {
            Ok(name) => format!(" {name}"),
            Err(raised) => return raised,
        },
        None => String::new(),
    };
    thread.raise(&exc::ATTRIBUTE_ERROR, format!("property{shown} of {owner} object has no {what}"))
}

fn property_get(this: Value, object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(this.to_owned()) };
    match getter(this) {
        Some(getter) => call::call(*getter, &[object], thread),
        None => Err(missing_accessor(this, object, "getter", thread)),
    }
}

fn property_set(this: Value, object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let property = of(this);
    let (accessor, what) = match value {
        Some(_) => (property.load(&property.fset), "setter"),
        None => (property.load(&property.fdel), "deleter"),
    };
    let Some(accessor) = accessor else { return Err(missing_accessor(this, object, what, thread)) };
    match value {
        Some(value) => call::call(*accessor, &[object, value], thread),
        None => call::call(*accessor, &[object], thread),
    }
    .map(drop)
}

/// A property of the same class with one accessor replaced.
fn copy_with(this: Value, replaced: usize, accessor: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let mut parts = [&object.fget, &object.fset, &object.fdel].map(|slot| object.load(slot).unwrap_or_else(Owned::none));
    if !accessor.is_none() {
        parts[replaced] = accessor.to_owned();
    }
    let keeps_doc = !object.getter_doc.load(Ordering::Relaxed) || parts[0].is_none();
    let doc = if keeps_doc { object.load(&object.doc) } else { None }.unwrap_or_else(Owned::none);
    let [fget, fset, fdel] = parts;
    let new = call::call(this.type_object().value(), &[*fget, *fset, *fdel, *doc], thread)?;
    if new.is_instance(PROPERTY.get()) {
        let copy = of(*new);
        copy.store(&copy.name, object.load(&object.name), thread);
    }
    Ok(new)
}

fn with_getter(this: Value, accessor: Value, thread: &mut Thread) -> PyResult {
    copy_with(this, 0, accessor, thread)
}

fn with_setter(this: Value, accessor: Value, thread: &mut Thread) -> PyResult {
    copy_with(this, 1, accessor, thread)
}

fn with_deleter(this: Value, accessor: Value, thread: &mut Thread) -> PyResult {
    copy_with(this, 2, accessor, thread)
}

fn set_name(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if args.len() != 2 || !kwnames.is_empty() {
        let n = args.len();
        return Err(thread.raise_type_error(format!("__set_name__() takes 2 positional arguments but {n} were given")));
    }
    of(this).store(&of(this).name, Some(args.at(1).to_owned()), thread);
    Ok(Owned::none())
}

fn get_name(this: Value, thread: &mut Thread) -> PyResult {
    match property_name(this, thread)? {
        Some(name) => Ok(name),
        None => Err(attribute::raise_attribute_error(this, crate::names::names().__name__, "'property' object has no attribute '__name__'", thread)),
    }
}

fn change_name(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    of(this).store(&of(this).name, value.map(|value| value.to_owned()), thread);
    Ok(())
}

/// Whether a function is marked as abstract.
pub fn is_abstract(function: Value, thread: &mut Thread) -> PyResult<bool> {
    match attribute::get_optional(function, crate::names::names().__isabstractmethod__, thread)? {
        Some(mark) => compare::truth(*mark, thread),
        None => Ok(false),
    }
}

fn get_is_abstract(this: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    for slot in [&object.fget, &object.fset, &object.fdel] {
        if let Some(accessor) = object.load(slot) {
            if is_abstract(*accessor, thread)? {
                return Ok(Owned::true_());
            }
        }
    }
    Ok(Owned::false_())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<PropertyObject>()) };
}

fn slots(this: &PropertyObject) -> [&Slot; 5] {
    [&this.fget, &this.fset, &this.fdel, &this.doc, &this.name]
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    slots(of(value)).into_iter().filter_map(Slot::peek).for_each(visit);
}

unsafe fn clear(value: Value) {
    let this = of(value);
    for slot in slots(this) {
        drop(slot.replace(&this.header, None));
    }
}

const fn member(name: &'static str, offset: usize, readonly: bool) -> MemberDef {
    MemberDef { name, offset, readonly, none_if_empty: true, doc: "" }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "property",
    doc: "property(fget=None, fset=None, fdel=None, doc=None)\n--\n\nProperty attribute.\n\n  fget\n    function to be used for getting an attribute value\n  fset\n    function to be used for setting an attribute value\n  fdel\n    function to be used for del'ing an attribute\n  doc\n    docstring",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<PropertyObject>(),
    slots: &[SlotFn::descr_get(property_get), SlotFn::descr_set(property_set), SlotFn::new(property_new), SlotFn::init(property_init)],
    methods: &[
        method("getter", NativeFn::One(with_getter), "($self, object, /)", "Descriptor to obtain a copy of the property with a different getter."),
        method("setter", NativeFn::One(with_setter), "($self, object, /)", "Descriptor to obtain a copy of the property with a different setter."),
        method("deleter", NativeFn::One(with_deleter), "($self, object, /)", "Descriptor to obtain a copy of the property with a different deleter."),
        method("__set_name__", NativeFn::Raw(set_name), "-($self, owner, name, /)", "Method to set name of a property."),
    ],
    getsets: &[
        GetSetDef { name: "__name__", get: get_name, set: Some(change_name), doc: "" },
        GetSetDef { name: "__isabstractmethod__", get: get_is_abstract, set: None, doc: "" },
    ],
    members: &[
        member("fget", std::mem::offset_of!(PropertyObject, fget), true),
        member("fset", std::mem::offset_of!(PropertyObject, fset), true),
        member("fdel", std::mem::offset_of!(PropertyObject, fdel), true),
        member("__doc__", std::mem::offset_of!(PropertyObject, doc), false),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
