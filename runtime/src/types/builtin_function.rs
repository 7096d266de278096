//! `builtin_function_or_method`: a native function, bound to its module or receiver.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::protocol::native::{LazySignature, NativeFn, call_native};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{BUILTIN_FUNCTION, shapes};
use crate::types::string::StrObject;
use crate::types::type_object::*;

#[repr(C)]
pub struct BuiltinFunction {
    header: Header,
    def: &'static MethodDef,
    signature: LazySignature,
    /// `__self__`: receiver, class or module.
    receiver: Option<Owned>,
    /// `__module__` of module functions: the module's name.
    module: Option<Owned>,
    owner: Option<&'static TypeObject>,
    /// For the `__new__` of a native type: that type.
    new_of: Option<&'static TypeObject>,
}

impl BuiltinFunction {
    /// The function that `value` is; the caller knows that it is one.
    #[inline]
    pub fn of<'a>(value: Value) -> &'a BuiltinFunction {
        debug_assert!(value.has_shape(shapes::BUILTIN_FUNCTION));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    pub fn def_name(&self) -> &'static str {
        self.def.name
    }

    pub fn def(&self) -> &'static MethodDef {
        self.def
    }

    /// What the native gets as `self`.
    #[inline(always)]
    pub fn receiver(&self) -> Value {
        self.receiver.as_ref().map_or_else(Value::none, Owned::value)
    }

    /// How the native's parameters are bound.
    #[inline(always)]
    pub fn signature(&self) -> &crate::protocol::native::Signature {
        self.signature.get()
    }

    fn is_module_function(&self) -> bool {
        self.receiver.as_ref().is_none_or(|receiver| receiver.has_shape(shapes::MODULE))
    }

    fn display(&self) -> String {
        match &self.receiver {
            Some(receiver) if !self.is_module_function() => {
                let owner = if is_type(**receiver) { TypeObject::of(**receiver).name() } else { self.owner.map_or_else(|| receiver.type_object().name(), TypeObject::name) };
                format!("{owner}.{}", self.def.name)
            }
            _ => match self.module.as_ref().map(|module| StrObject::of(**module).to_string_lossy()) {
                Some(module) if module != "builtins" => format!("{module}.{}", self.def.name),
                _ => self.def.name.to_string(),
            },
        }
    }
}

/// A function bound to `receiver`.
pub fn new(def: &'static MethodDef, receiver: Option<Owned>, owner: Option<&'static TypeObject>) -> Owned {
    make(def, receiver, None, owner, None)
}

fn make(def: &'static MethodDef, receiver: Option<Owned>, module: Option<Owned>, owner: Option<&'static TypeObject>, new_of: Option<&'static TypeObject>) -> Owned {
    let is_module_level = module.is_some();
    lifetime::allocate_object(BUILTIN_FUNCTION.get(), |header| {
        if is_module_level {
            header.born_deferred();
        }
        BuiltinFunction { header, def, signature: LazySignature::new(def.signature), receiver, module, owner, new_of }
    })
}

/// A function of a module.
pub fn new_for_module(def: &'static MethodDef, module: Value, module_name: Owned) -> Owned {
    make(def, Some(module.to_owned()), Some(module_name), None, None)
}

static NEW_DEF: MethodDef = MethodDef {
    name: "__new__",
    func: NativeFn::Raw(call_new),
    kind: MethodKind::Static,
    signature: "($type, *args, **kwargs)",
    doc: "Create and return a new object.  See help(type) for accurate signature.",
};

/// The `__new__` of a native type.
pub(crate) fn new_for_type(ty: &TypeObject) -> Owned {
    // SAFETY: native types are never freed.
    let owner: &'static TypeObject = unsafe { &*std::ptr::from_ref(ty) };
    make(&NEW_DEF, Some(ty.value().to_owned()), None, None, Some(owner))
}

/// If `value` is the `__new__` of a native type, that type's slot function.
pub(crate) fn native_new_of(value: Value) -> Option<usize> {
    if !value.has_shape(shapes::BUILTIN_FUNCTION) {
        return None;
    }
    BuiltinFunction::of(value).new_of.map(|ty| ty.slots.new.raw())
}

/// `type.__new__(cls, …)`: checks that this is the right constructor for `cls`.
fn call_new(owner: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let owner_type = TypeObject::of(owner);
    let name = owner_type.full_name();
    let Some(class) = args.get(0) else {
        return Err(thread.raise_type_error(format!("{name}.__new__(): not enough arguments")));
    };
    if !is_type(class) {
        let got = class.type_object().full_name();
        return Err(thread.raise_type_error(format!("{name}.__new__(X): X is not a type object ({got})")));
    }
    let class_type = TypeObject::of(class);
    if !class_type.is_subtype(owner_type) {
        let got = class_type.full_name();
        return Err(thread.raise_type_error(format!("{name}.__new__({got}): {got} is not a subtype of {name}")));
    }
    // The most derived native base decides which constructor is safe.
    let mut native = class_type;
    while native.has_flag(TYPE_HEAP) {
        match native.base() {
            Some(base) => native = base,
            None => break,
        }
    }
    if native.has_flag(TYPE_DISALLOW_INSTANTIATION) {
        let got = class_type.full_name();
        return Err(thread.raise_type_error(format!("cannot create '{got}' instances")));
    }
    if native.slots.new.raw() != owner_type.slots.new.raw() {
        let (got, safe) = (class_type.full_name(), native.full_name());
        return Err(thread.raise_type_error(format!("{name}.__new__({got}) is not safe, use {safe}.__new__()")));
    }
    match owner_type.slots.new.get() {
        Some(new) => new(class, args.from(1), kwnames, thread),
        None => Err(thread.raise_type_error(format!("cannot create '{name}' instances"))),
    }
}

fn function_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let function = BuiltinFunction::of(this);
    let receiver = function.receiver.as_ref().map_or_else(Value::none, Owned::value);
    call_native(function.def.func, &function.signature, &|| function.display(), receiver, args, kwnames, thread)
}

fn function_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let function = BuiltinFunction::of(this);
    Ok(Owned::str(&match &function.receiver {
        Some(receiver) if !function.is_module_function() => format!(
            "<built-in method {} of {} object at {:#x}>",
            function.def.name,
            receiver.type_object().full_name(),
            receiver.id()
        ),
        _ => format!("<built-in function {}>", function.def.name),
    }))
}

fn function_compare(this: Value, other: Value, op: CompareOp, _thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !other.has_shape(shapes::BUILTIN_FUNCTION) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (BuiltinFunction::of(this), BuiltinFunction::of(other));
    let same_receiver = match (&a.receiver, &b.receiver) {
        (Some(a), Some(b)) => a.is(**b),
        (None, None) => true,
        _ => false,
    };
    let equal = std::ptr::eq(a.def, b.def) && same_receiver;
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn function_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    let function = BuiltinFunction::of(this);
    let receiver = function.receiver.as_ref().map_or(0, |receiver| receiver.id());
    Ok(crate::types::hashing::hash_pointer(std::ptr::from_ref(function.def) as u64 ^ receiver.rotate_left(7)))
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::names::interned(BuiltinFunction::of(this).def.name))
}

fn get_qualname(this: Value, thread: &mut Thread) -> PyResult {
    let function = BuiltinFunction::of(this);
    let Some(receiver) = function.receiver.as_ref().filter(|_| !function.is_module_function()) else {
        return get_name(this, thread);
    };
    let owner = if is_type(**receiver) { TypeObject::of(**receiver) } else { receiver.type_object() };
    let qualname = owner.qualname.load(&owner.header).map_or_else(String::new, |name| StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&format!("{qualname}.{}", function.def.name)))
}

fn get_module(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(BuiltinFunction::of(this).module.clone().unwrap_or_else(Owned::none))
}

fn get_self(this: Value, _thread: &mut Thread) -> PyResult {
    let function = BuiltinFunction::of(this);
    // A static method knows its class, but does not show it.
    if function.def.kind == MethodKind::Static && function.new_of.is_none() && !function.is_module_function() {
        return Ok(Owned::none());
    }
    Ok(BuiltinFunction::of(this).receiver.clone().unwrap_or_else(Owned::none))
}

fn get_doc(this: Value, _thread: &mut Thread) -> PyResult {
    let doc = BuiltinFunction::of(this).def.doc;
    Ok(if doc.is_empty() { Owned::none() } else { Owned::str(doc) })
}

fn get_text_signature(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(BuiltinFunction::of(this).signature.get().text.map_or_else(Owned::none, Owned::str))
}

fn function_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let function = BuiltinFunction::of(this);
    let name = crate::names::interned(function.def.name);
    match function.receiver.as_ref().filter(|_| !function.is_module_function()) {
        None => Ok(name),
        Some(receiver) => {
            let getattr = thread.interpreter.builtin(crate::names::names().getattr).unwrap_or_else(Owned::none);
            Ok(crate::types::tuple::pack([getattr, crate::types::tuple::pack([receiver.clone(), name])]))
        }
    }
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<BuiltinFunction>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a built-in function.
    let function = unsafe { value.as_ref::<BuiltinFunction>() };
    if let Some(receiver) = &function.receiver {
        visit(**receiver);
    }
    if let Some(module) = &function.module {
        visit(**module);
    }
    let _ = function.owner;
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "builtin_function_or_method",
    doc: "A function or bound method written in native code.",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<BuiltinFunction>(),
    slots: &[
        SlotFn::repr(function_repr),
        SlotFn::call(function_call),
        SlotFn::richcompare(function_compare),
        SlotFn::hash(function_hash),
    ],
    methods: &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(function_reduce), kind: MethodKind::Instance, signature: "-($self, /)", doc: "" }],
    getsets: &[
        GetSetDef { name: "__name__", get: get_name, set: None, doc: "" },
        GetSetDef { name: "__qualname__", get: get_qualname, set: None, doc: "" },
        GetSetDef { name: "__module__", get: get_module, set: None, doc: "" },
        GetSetDef { name: "__self__", get: get_self, set: None, doc: "" },
        GetSetDef { name: "__doc__", get: get_doc, set: None, doc: "" },
        GetSetDef { name: "__text_signature__", get: get_text_signature, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};
