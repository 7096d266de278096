//! The descriptors of native types: methods, slot wrappers, computed attributes, members.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute;
use crate::protocol::native::{LazySignature, NativeFn, call_native};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{
    CLASSMETHOD_DESCRIPTOR, GETSET_DESCRIPTOR, MEMBER_DESCRIPTOR, METHOD_DESCRIPTOR, METHOD_WRAPPER, WRAPPER_DESCRIPTOR, shapes,
};
use crate::types::dict::DictObject;
use crate::types::slot_table::{self, SlotRow};
use crate::types::string::{self, StrObject};
use crate::types::class_layout::{self, MEMBER_AT_END};
use crate::types::type_object::*;
use crate::types::{builtin_function, class_static_method};

/// What all descriptors begin with.
#[repr(C)]
pub struct DescriptorBase {
    header: Header,
    pub owner: &'static TypeObject,
    pub name: Owned,
}

#[repr(C)]
pub struct MethodDescriptor {
    pub base: DescriptorBase,
    pub def: &'static MethodDef,
    pub signature: LazySignature,
}

#[repr(C)]
pub struct WrapperDescriptor {
    base: DescriptorBase,
    row: &'static SlotRow,
    /// The slot function.
    raw: usize,
}

#[repr(C)]
struct MethodWrapper {
    header: Header,
    descriptor: Owned,
    receiver: Owned,
}

#[repr(C)]
pub struct GetSetDescriptor {
    base: DescriptorBase,
    def: &'static GetSetDef,
}

#[repr(C)]
pub struct MemberDescriptor {
    base: DescriptorBase,
    offset: usize,
    readonly: bool,
    none_if_empty: bool,
    doc: &'static str,
}

fn base_of<'a>(value: Value) -> &'a DescriptorBase {
    // SAFETY: only used for descriptors, which all begin with it.
    unsafe { value.as_ref() }
}

fn new_base(header: Header, owner: &TypeObject, name: Owned) -> DescriptorBase {
    // SAFETY: a type outlives the descriptors in its dict; one that is kept longer keeps its owner through the class of
    // its `__objclass__` (see `traverse`).
    DescriptorBase { header, owner: unsafe { &*std::ptr::from_ref(owner) }, name }
}

/// Puts descriptors for the methods of a native type into its dict.
pub fn add_methods(ty: &TypeObject, methods: &'static [MethodDef], dict: &DictObject) {
    for def in methods {
        let name = string::intern_str(def.name);
        let value = match def.kind {
            MethodKind::Static => class_static_method::new_static(builtin_function::new(def, Some(ty.value().to_owned()), None)),
            MethodKind::Instance | MethodKind::Class => {
                let class = if def.kind == MethodKind::Class { &CLASSMETHOD_DESCRIPTOR } else { &METHOD_DESCRIPTOR };
                lifetime::allocate_object(class.get(), |header| {
                    header.born_deferred();
                    MethodDescriptor { base: new_base(header, ty, name.clone()), def, signature: LazySignature::new(def.signature) }
                })
            }
        };
        dict.set_str(*name, value);
    }
}

/// Puts descriptors for computed attributes of a native type into its dict.
pub(crate) fn add_getsets(ty: &TypeObject, getsets: &'static [GetSetDef], dict: &DictObject) {
    for def in getsets {
        let name = string::intern_str(def.name);
        dict.set_str(*name, new_getset(ty, def));
    }
}

fn new_getset(ty: &TypeObject, def: &'static GetSetDef) -> Owned {
    let name = string::intern_str(def.name);
    lifetime::allocate_object(GETSET_DESCRIPTOR.get(), |header| GetSetDescriptor { base: new_base(header, ty, name), def })
}

/// Puts descriptors for members of a native type into its dict.
pub(crate) fn add_members(ty: &TypeObject, members: &'static [MemberDef], dict: &DictObject) {
    for def in members {
        let name = string::intern_str(def.name);
        let made = lifetime::allocate_object(MEMBER_DESCRIPTOR.get(), |header| MemberDescriptor {
            base: new_base(header, ty, name.clone()),
            offset: def.offset,
            readonly: def.readonly,
            none_if_empty: def.none_if_empty,
            doc: def.doc,
        });
        dict.set_str(*name, made);
    }
}

/// The descriptor of a name in `__slots__`.
pub fn new_class_member(ty: &TypeObject, name: Owned, offset: usize) -> Owned {
    lifetime::allocate_object(MEMBER_DESCRIPTOR.get(), |header| MemberDescriptor {
        base: new_base(header, ty, name),
        offset,
        readonly: false,
        none_if_empty: false,
        doc: "",
    })
}

static DICT_GETSET: GetSetDef = GetSetDef { name: "__dict__", get: get_dict, set: Some(set_dict), doc: "dictionary for instance variables" };
static WEAKREF_GETSET: GetSetDef = GetSetDef { name: "__weakref__", get: get_weakref, set: None, doc: "list of weak references to the object" };

fn get_dict(object: Value, thread: &mut Thread) -> PyResult {
    attribute::instance_dict(object, thread)
}

fn set_dict(object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    attribute::set_instance_dict(object, value, thread)
}

fn get_weakref(object: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::types::weakref::first_reference(object).unwrap_or_else(Owned::none))
}

/// The `__dict__` attribute that a class adds.
pub fn new_dict_getset(ty: &TypeObject) -> Owned {
    new_getset(ty, &DICT_GETSET)
}

/// The `__weakref__` attribute that a class adds.
pub fn new_weakref_getset(ty: &TypeObject) -> Owned {
    new_getset(ty, &WEAKREF_GETSET)
}

/// A slot wrapper.
pub(crate) fn new_wrapper(ty: &TypeObject, row: &'static SlotRow, raw: usize) -> Owned {
    let name = string::intern_str(row.name);
    lifetime::allocate_object(WRAPPER_DESCRIPTOR.get(), |header| {
        header.born_deferred();
        WrapperDescriptor { base: new_base(header, ty, name), row, raw }
    })
}

/// If `value` wraps a native function of `slot`, that function.
pub(crate) fn wrapper_function(value: Value, slot: SlotId) -> Option<usize> {
    if !value.has_shape(shapes::WRAPPER_DESCRIPTOR) {
        return None;
    }
    // SAFETY: checked above.
    let wrapper = unsafe { value.as_ref::<WrapperDescriptor>() };
    if wrapper.row.slot == slot { Some(wrapper.raw) } else { None }
}

/// Whether `value` wraps a concat or repeat function.
pub(crate) fn is_sequence_wrapper(value: Value) -> bool {
    [SlotId::concat, SlotId::repeat, SlotId::inplace_concat, SlotId::inplace_repeat]
        .into_iter()
        .any(|slot| wrapper_function(value, slot).is_some())
}

/// Whether `value` wraps the slot function `raw`.
pub fn is_wrapper_of(value: Value, raw: usize) -> bool {
    // SAFETY: checked by the shape.
    value.has_shape(shapes::WRAPPER_DESCRIPTOR) && unsafe { value.as_ref::<WrapperDescriptor>() }.raw == raw
}

impl MemberDescriptor {
    /// The member descriptor that `value` is; the caller knows that it is one.
    pub fn of<'a>(value: Value) -> &'a MemberDescriptor {
        debug_assert!(value.has_shape(shapes::MEMBER_DESCRIPTOR));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    /// The byte offset, if loads may go to the slot directly: an empty one raises in the generic path.
    pub fn slot_offset(&self) -> Option<usize> {
        if self.offset & MEMBER_AT_END == 0 { Some(self.offset) } else { None }
    }

    pub fn is_readonly(&self) -> bool {
        self.readonly
    }
}

impl MethodDescriptor {
    /// The method descriptor that `value` is; the caller knows that it is one.
    #[inline]
    pub fn of<'a>(value: Value) -> &'a MethodDescriptor {
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    fn display(&self) -> String {
        format!("{}.{}", self.base.owner.name(), self.def.name)
    }
}

/// Raises unless `object` is an instance of the descriptor's type.
fn check_receiver(base: &DescriptorBase, object: Value, thread: &mut Thread) -> PyResult<()> {
    if object.is_instance(base.owner) {
        return Ok(());
    }
    let (name, owner, got) = (text(&base.name), base.owner.full_name(), object.type_object().full_name());
    Err(thread.raise_type_error(format!("descriptor '{name}' for '{owner}' objects doesn't apply to a '{got}' object")))
}

fn text(name: &Owned) -> String {
    StrObject::of(**name).to_string_lossy()
}

/// Calls a method descriptor: the first argument is the receiver.
#[inline]
pub fn method_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let descriptor = MethodDescriptor::of(this);
    let Some(receiver) = args.get(0) else {
        let name = descriptor.display();
        return Err(thread.raise_type_error(format!("unbound method {name}() needs an argument")));
    };
    if !std::ptr::eq(receiver.type_object(), descriptor.base.owner) && !receiver.is_instance(descriptor.base.owner) {
        let (name, owner, got) = (descriptor.def.name, descriptor.base.owner.full_name(), receiver.type_object().full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' for '{owner}' objects doesn't apply to a '{got}' object")));
    }
    call_native(descriptor.def.func, &descriptor.signature, &|| descriptor.display(), receiver, args.from(1), kwnames, thread)
}

fn method_get(this: Value, object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object else { return Ok(this.to_owned()) };
    let descriptor = MethodDescriptor::of(this);
    check_receiver(&descriptor.base, object, thread)?;
    Ok(builtin_function::new(descriptor.def, Some(object.to_owned()), Some(descriptor.base.owner)))
}

fn classmethod_get(this: Value, object: Option<Value>, ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let descriptor = MethodDescriptor::of(this);
    let class = match (ty, object) {
        (Some(ty), _) => ty,
        (None, Some(object)) => object.type_object().value(),
        (None, None) => {
            let (name, owner) = (descriptor.def.name, descriptor.base.owner.full_name());
            return Err(thread.raise_type_error(format!("descriptor '{name}' for type '{owner}' needs either an object or a type")));
        }
    };
    if !is_type(class) {
        let (name, owner, got) = (descriptor.def.name, descriptor.base.owner.full_name(), class.type_object().full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' for type '{owner}' needs a type, not a '{got}' as arg 2")));
    }
    if !TypeObject::of(class).is_subtype(descriptor.base.owner) {
        let (name, owner, got) = (descriptor.def.name, descriptor.base.owner.full_name(), TypeObject::of(class).full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' requires a subtype of '{owner}' but received '{got}'")));
    }
    Ok(builtin_function::new(descriptor.def, Some(class.to_owned()), Some(descriptor.base.owner)))
}

fn classmethod_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let descriptor = MethodDescriptor::of(this);
    let Some(class) = args.get(0) else {
        let (name, owner) = (descriptor.def.name, descriptor.base.owner.full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' of '{owner}' object needs an argument")));
    };
    let bound = classmethod_get(this, None, Some(class), thread)?;
    // SAFETY: keyword values still follow the positional arguments.
    crate::protocol::call::call_args(*bound, args.from(1), kwnames, thread)
}

fn wrapper_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own slot.
    let wrapper = unsafe { this.as_ref::<WrapperDescriptor>() };
    let Some(receiver) = args.get(0) else {
        let (name, owner) = (text(&wrapper.base.name), wrapper.base.owner.full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' of '{owner}' object needs an argument")));
    };
    if !receiver.is_instance(wrapper.base.owner) {
        let (name, owner, got) = (text(&wrapper.base.name), wrapper.base.owner.full_name(), receiver.type_object().full_name());
        return Err(thread.raise_type_error(format!("descriptor '{name}' requires a '{owner}' object but received a '{got}'")));
    }
    slot_table::call_wrapper(wrapper.row, wrapper.raw, receiver, args.from(1), kwnames, thread)
}

fn wrapper_get(this: Value, object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object else { return Ok(this.to_owned()) };
    check_receiver(base_of(this), object, thread)?;
    Ok(lifetime::allocate_object(METHOD_WRAPPER.get(), |header| MethodWrapper {
        header,
        descriptor: this.to_owned(),
        receiver: object.to_owned(),
    }))
}

fn method_wrapper_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own slot; the descriptor is a wrapper descriptor.
    let (bound, wrapper) = unsafe {
        let bound = this.as_ref::<MethodWrapper>();
        (bound, bound.descriptor.as_ref::<WrapperDescriptor>())
    };
    slot_table::call_wrapper(wrapper.row, wrapper.raw, *bound.receiver, args, kwnames, thread)
}

fn method_wrapper_repr(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own slot.
    let bound = unsafe { this.as_ref::<MethodWrapper>() };
    let name = text(&base_of(*bound.descriptor).name);
    let ty = bound.receiver.type_object().full_name();
    Ok(Owned::str(&format!("<method-wrapper '{name}' of {ty} object at {:#x}>", bound.receiver.id())))
}

fn method_wrapper_compare(this: Value, other: Value, op: crate::protocol::compare::CompareOp, _thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !other.has_shape(shapes::METHOD_WRAPPER) {
        return Ok(Owned::not_implemented());
    }
    // SAFETY: both are method wrappers.
    let (a, b) = unsafe { (this.as_ref::<MethodWrapper>(), other.as_ref::<MethodWrapper>()) };
    let equal = a.descriptor.is(*b.descriptor) && a.receiver.is(*b.receiver);
    Ok(Owned::bool(equal == (op == crate::protocol::compare::CompareOp::Eq)))
}

fn method_wrapper_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    // SAFETY: the type's own slot.
    let bound = unsafe { this.as_ref::<MethodWrapper>() };
    Ok(crate::types::hashing::hash_pointer(bound.receiver.id() ^ bound.descriptor.id().rotate_left(17)))
}

fn getset_get(this: Value, object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object else { return Ok(this.to_owned()) };
    // SAFETY: the type's own slot.
    let descriptor = unsafe { this.as_ref::<GetSetDescriptor>() };
    check_receiver(&descriptor.base, object, thread)?;
    (descriptor.def.get)(object, thread)
}

fn getset_set(this: Value, object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    // SAFETY: the type's own slot.
    let descriptor = unsafe { this.as_ref::<GetSetDescriptor>() };
    check_receiver(&descriptor.base, object, thread)?;
    match descriptor.def.set {
        Some(set) => set(object, value, thread),
        None => {
            let (name, owner) = (text(&descriptor.base.name), descriptor.base.owner.full_name());
            Err(attribute::raise_attribute_error(
                object,
                *descriptor.base.name,
                &format!("attribute '{name}' of '{owner}' objects is not writable"),
                thread,
            ))
        }
    }
}

/// The slot of a member in an object of the owner.
fn member_slot<'a>(member: &MemberDescriptor, object: Value) -> (&'a Slot, &'a Header) {
    let offset = match member.slot_offset() {
        Some(offset) => offset,
        None => class_layout::end_area_offset(object) + (member.offset & !MEMBER_AT_END),
    };
    // SAFETY: the receiver has been checked; its layout has a slot at the offset.
    unsafe { (&*object.header().cast::<u8>().add(offset).cast::<Slot>(), &*object.header()) }
}

fn member_get(this: Value, object: Option<Value>, _ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object else { return Ok(this.to_owned()) };
    let member = MemberDescriptor::of(this);
    check_receiver(&member.base, object, thread)?;
    let (slot, header) = member_slot(member, object);
    match slot.load(header) {
        Some(value) => Ok(value),
        None if member.none_if_empty => Ok(Owned::none()),
        None => {
            let (name, ty) = (text(&member.base.name), object.type_object().full_name());
            Err(attribute::raise_attribute_error(object, *member.base.name, &format!("'{ty}' object has no attribute '{name}'"), thread))
        }
    }
}

fn member_set(this: Value, object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let member = MemberDescriptor::of(this);
    check_receiver(&member.base, object, thread)?;
    if member.readonly {
        return Err(attribute::raise_attribute_error(object, *member.base.name, "readonly attribute", thread));
    }
    let (slot, header) = member_slot(member, object);
    let old = slot.replace(header, value.map(|value| value.to_owned()));
    match old {
        Some(old) => lifetime::release(old, thread),
        None if value.is_none() && !member.none_if_empty => {
            return Err(thread.raise_value(&crate::exceptions::exc::ATTRIBUTE_ERROR, member.base.name.clone()));
        }
        None => {}
    }
    Ok(())
}

macro_rules! reprs {
    ($($function:ident $what:literal;)*) => {$(
        fn $function(this: Value, _thread: &mut Thread) -> PyResult {
            let base = base_of(this);
            Ok(Owned::str(&format!(concat!("<", $what, " '{}' of '{}' objects>"), text(&base.name), base.owner.full_name())))
        }
    )*};
}

reprs! {
    method_repr "method";
    wrapper_repr "slot wrapper";
    getset_repr "attribute";
    member_repr "member";
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(base_of(this).name.clone())
}

fn get_objclass(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(base_of(this).owner.value().to_owned())
}

fn get_qualname(this: Value, _thread: &mut Thread) -> PyResult {
    let base = base_of(this);
    let owner = base.owner.qualname.load(&base.owner.header).map_or_else(String::new, |name| StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&format!("{owner}.{}", text(&base.name))))
}

fn doc_or_none(doc: &'static str) -> PyResult {
    Ok(if doc.is_empty() { Owned::none() } else { Owned::str(doc) })
}

fn method_doc(this: Value, _thread: &mut Thread) -> PyResult {
    doc_or_none(MethodDescriptor::of(this).def.doc)
}

fn method_text_signature(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(MethodDescriptor::of(this).signature.get().text.map_or_else(Owned::none, Owned::str))
}

fn wrapper_doc(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    doc_or_none(unsafe { this.as_ref::<WrapperDescriptor>() }.row.name)
}

fn wrapper_text_signature(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    let signature = unsafe { this.as_ref::<WrapperDescriptor>() }.row.signature;
    Ok(if signature.is_empty() { Owned::none() } else { Owned::str(signature) })
}

fn getset_doc(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    doc_or_none(unsafe { this.as_ref::<GetSetDescriptor>() }.def.doc)
}

fn member_doc(this: Value, _thread: &mut Thread) -> PyResult {
    doc_or_none(MemberDescriptor::of(this).doc)
}

fn method_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let base = base_of(this);
    let Some(getattr) = thread.interpreter.builtin(crate::names::names().getattr) else { return Ok(Owned::none()) };
    let args = crate::types::tuple::pack([base.owner.value().to_owned(), base.name.clone()]);
    Ok(crate::types::tuple::pack([getattr, args]))
}

fn bound_self(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    Ok(unsafe { this.as_ref::<MethodWrapper>() }.receiver.clone())
}

fn bound_name(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    get_name(*unsafe { this.as_ref::<MethodWrapper>() }.descriptor, thread)
}

fn bound_objclass(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    get_objclass(*unsafe { this.as_ref::<MethodWrapper>() }.descriptor, thread)
}

fn bound_qualname(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    get_qualname(*unsafe { this.as_ref::<MethodWrapper>() }.descriptor, thread)
}

fn bound_doc(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    wrapper_doc(*unsafe { this.as_ref::<MethodWrapper>() }.descriptor, thread)
}

fn bound_text_signature(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own attribute.
    wrapper_text_signature(*unsafe { this.as_ref::<MethodWrapper>() }.descriptor, thread)
}

fn bound_reduce(this: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the type's own method.
    let bound = unsafe { this.as_ref::<MethodWrapper>() };
    let Some(getattr) = thread.interpreter.builtin(crate::names::names().getattr) else { return Ok(Owned::none()) };
    let args = crate::types::tuple::pack([bound.receiver.clone(), base_of(*bound.descriptor).name.clone()]);
    Ok(crate::types::tuple::pack([getattr, args]))
}

unsafe fn dealloc_method(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<MethodDescriptor>()) };
}

unsafe fn dealloc_base(value: Value) {
    // SAFETY: the object is dead; the other fields need no drop.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.header().cast::<DescriptorBase>()).name) };
}

unsafe fn dealloc_bound(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<MethodWrapper>()) };
}

unsafe fn traverse_bound(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a method wrapper.
    let bound = unsafe { value.as_ref::<MethodWrapper>() };
    visit(*bound.descriptor);
    visit(*bound.receiver);
}

const NAME: GetSetDef = GetSetDef { name: "__name__", get: get_name, set: None, doc: "" };
const QUALNAME: GetSetDef = GetSetDef { name: "__qualname__", get: get_qualname, set: None, doc: "" };
const OBJCLASS: GetSetDef = GetSetDef { name: "__objclass__", get: get_objclass, set: None, doc: "" };
const METHOD_DOC: GetSetDef = GetSetDef { name: "__doc__", get: method_doc, set: None, doc: "" };
const METHOD_SIGNATURE: GetSetDef = GetSetDef { name: "__text_signature__", get: method_text_signature, set: None, doc: "" };
const REDUCE: MethodDef =
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(method_reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "" };
const BOUND_REDUCE: MethodDef =
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(bound_reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "" };

pub static METHOD_SPEC: TypeSpec = TypeSpec {
    name: "method_descriptor",
    flags: TYPE_METHOD_DESCRIPTOR | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<MethodDescriptor>(),
    slots: &[SlotFn::repr(method_repr), SlotFn::call(method_call), SlotFn::descr_get(method_get)],
    methods: &[REDUCE],
    getsets: &[NAME, QUALNAME, OBJCLASS, METHOD_DOC, METHOD_SIGNATURE],
    dealloc: Some(dealloc_method),
    ..TypeSpec::DEFAULT
};

pub static CLASSMETHOD_SPEC: TypeSpec = TypeSpec {
    name: "classmethod_descriptor",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<MethodDescriptor>(),
    slots: &[SlotFn::repr(method_repr), SlotFn::call(classmethod_call), SlotFn::descr_get(classmethod_get)],
    getsets: &[NAME, QUALNAME, OBJCLASS, METHOD_DOC, METHOD_SIGNATURE],
    dealloc: Some(dealloc_method),
    ..TypeSpec::DEFAULT
};

pub static WRAPPER_SPEC: TypeSpec = TypeSpec {
    name: "wrapper_descriptor",
    flags: TYPE_METHOD_DESCRIPTOR | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<WrapperDescriptor>(),
    slots: &[SlotFn::repr(wrapper_repr), SlotFn::call(wrapper_call), SlotFn::descr_get(wrapper_get)],
    methods: &[REDUCE],
    getsets: &[
        NAME,
        QUALNAME,
        OBJCLASS,
        GetSetDef { name: "__doc__", get: wrapper_doc, set: None, doc: "" },
        GetSetDef { name: "__text_signature__", get: wrapper_text_signature, set: None, doc: "" },
    ],
    dealloc: Some(dealloc_base),
    ..TypeSpec::DEFAULT
};

pub static METHOD_WRAPPER_SPEC: TypeSpec = TypeSpec {
    name: "method-wrapper",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<MethodWrapper>(),
    slots: &[
        SlotFn::repr(method_wrapper_repr),
        SlotFn::call(method_wrapper_call),
        SlotFn::richcompare(method_wrapper_compare),
        SlotFn::hash(method_wrapper_hash),
    ],
    methods: &[BOUND_REDUCE],
    getsets: &[
        GetSetDef { name: "__self__", get: bound_self, set: None, doc: "" },
        GetSetDef { name: "__name__", get: bound_name, set: None, doc: "" },
        GetSetDef { name: "__objclass__", get: bound_objclass, set: None, doc: "" },
        GetSetDef { name: "__qualname__", get: bound_qualname, set: None, doc: "" },
        GetSetDef { name: "__doc__", get: bound_doc, set: None, doc: "" },
        GetSetDef { name: "__text_signature__", get: bound_text_signature, set: None, doc: "" },
    ],
    dealloc: Some(dealloc_bound),
    traverse: Some(traverse_bound),
    ..TypeSpec::DEFAULT
};

pub static GETSET_SPEC: TypeSpec = TypeSpec {
    name: "getset_descriptor",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<GetSetDescriptor>(),
    slots: &[SlotFn::repr(getset_repr), SlotFn::descr_get(getset_get), SlotFn::descr_set(getset_set)],
    getsets: &[NAME, QUALNAME, OBJCLASS, GetSetDef { name: "__doc__", get: getset_doc, set: None, doc: "" }],
    dealloc: Some(dealloc_base),
    ..TypeSpec::DEFAULT
};

pub static MEMBER_SPEC: TypeSpec = TypeSpec {
    name: "member_descriptor",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<MemberDescriptor>(),
    slots: &[SlotFn::repr(member_repr), SlotFn::descr_get(member_get), SlotFn::descr_set(member_set)],
    methods: &[REDUCE],
    getsets: &[NAME, QUALNAME, OBJCLASS, GetSetDef { name: "__doc__", get: member_doc, set: None, doc: "" }],
    dealloc: Some(dealloc_base),
    ..TypeSpec::DEFAULT
};

