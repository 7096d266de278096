//! `object`.

use crate::exceptions::exc;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute;
use crate::protocol::call;
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::OBJECT;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;
use crate::types::{class, class_creation, list};

/// Whether a class has replaced `slot` of `object`.
fn overrides(ty: &TypeObject, slot: SlotId) -> bool {
    ty.slots.raw(slot) != OBJECT.get().slots.raw(slot)
}

fn has_arguments(args: Args<'_>, kwnames: KwNames) -> bool {
    !args.is_empty() || !kwnames.is_empty()
}

pub fn object_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    if ty.has_flag(TYPE_DISALLOW_INSTANTIATION) {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot create '{name}' instances")));
    }
    if has_arguments(args, kwnames) {
        if overrides(ty, SlotId::new) {
            return Err(thread.raise_type_error("object.__new__() takes exactly one argument (the type to instantiate)"));
        }
        if !overrides(ty, SlotId::init) {
            let name = ty.full_name();
            return Err(thread.raise_type_error(format!("{name}() takes no arguments")));
        }
    }
    if ty.has_flag(TYPE_ABSTRACT) {
        return Err(abstract_error(ty, thread));
    }
    Ok(new_instance(ty))
}

/// A plain instance of a class without a native layout of its own.
#[inline]
pub fn new_instance(ty: &TypeObject) -> Owned {
    lifetime::allocate_object(ty, |header| Instance { header })
}

#[repr(C)]
struct Instance {
    header: crate::object::Header,
}

#[cold]
fn abstract_error(ty: &TypeObject, thread: &mut Thread) -> crate::object::value::Raised {
    let name = ty.name();
    let methods = ty.dict().and_then(|dict| dict.get_str(crate::names::names().__abstractmethods__));
    let mut names: Vec<String> = match methods {
        Some(methods) => match crate::protocol::iterate::collect(*methods, thread) {
            Ok(names) => names.iter().filter(|name| string::is_str(***name)).map(|name| StrObject::of(**name).to_string_lossy()).collect(),
            Err(raised) => return raised,
        },
        None => Vec::new(),
    };
    names.sort();
    let s = if names.len() == 1 { "" } else { "s" };
    let listed = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    thread.raise_type_error(format!("Can't instantiate abstract class {name} without an implementation for abstract method{s} {listed}"))
}

fn object_init(object: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if has_arguments(args, kwnames) {
        let ty = object.type_object();
        if overrides(ty, SlotId::init) {
            return Err(thread.raise_type_error("object.__init__() takes exactly one argument (the instance to initialize)"));
        }
        if !overrides(ty, SlotId::new) {
            let name = ty.full_name();
            return Err(thread.raise_type_error(format!("{name}.__init__() takes exactly one argument (the instance to initialize)")));
        }
    }
    Ok(())
}

fn object_repr(object: Value, thread: &mut Thread) -> PyResult {
    let ty = object.type_object();
    let module = class::get_module(ty.value(), thread).ok().filter(|module| string::is_str(**module));
    drop(thread.take_exception());
    let qualname = ty.qualname.load(&ty.header).map_or_else(|| ty.name(), |name| StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&match module {
        Some(module) if !StrObject::of(*module).equals_str("builtins") => {
            format!("<{}.{qualname} object at {:#x}>", StrObject::of(*module).to_string_lossy(), object.id())
        }
        _ => format!("<{qualname} object at {:#x}>", object.id()),
    }))
}

fn object_str(object: Value, thread: &mut Thread) -> PyResult {
    convert::repr(object, thread)
}

fn object_hash(object: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(crate::types::hashing::hash_pointer(object.id()))
}

fn object_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    match op {
        CompareOp::Eq => Ok(if left.is(right) { Owned::true_() } else { Owned::not_implemented() }),
        CompareOp::Ne => {
            // The inverse of `__eq__`.
            let Some(compare) = left.type_object().slots.richcompare.get() else { return Ok(Owned::not_implemented()) };
            let equal = compare(left, right, CompareOp::Eq, thread)?;
            if equal.is_not_implemented() {
                return Ok(equal);
            }
            compare::truth(*equal, thread).map(|truth| Owned::bool(!truth))
        }
        _ => Ok(Owned::not_implemented()),
    }
}

fn get_class(object: Value, _thread: &mut Thread) -> PyResult {
    Ok(object.type_object().value().to_owned())
}

fn set_class(object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        return Err(thread.raise_type_error("can't delete __class__ attribute"));
    };
    if !is_type(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("__class__ must be set to a class, not '{name}' object")));
    }
    let (new, old) = (TypeObject::of(value), object.type_object());
    let is_module = new.is_subtype(crate::types::builtin_types::MODULE.get()) && old.is_subtype(crate::types::builtin_types::MODULE.get());
    if !is_module && (new.has_flag(TYPE_IMMUTABLE) || old.has_flag(TYPE_IMMUTABLE)) {
        return Err(thread.raise_type_error(
            "__class__ assignment only supported for mutable types or ModuleType subclasses",
        ));
    }
    if !class_creation::compatible_for_assignment(new, old) && !is_module {
        let (new_name, old_name) = (new.full_name(), old.full_name());
        return Err(thread.raise_type_error(format!("__class__ assignment: '{new_name}' object layout differs from '{old_name}'")));
    }
    // Attributes in slots go by the old class's shape: they move to a dict first.
    if attribute::instance_has_dict(object) {
        attribute::instance_dict(object, thread)?;
    }
    let Some(shape) = new.dict_shape() else { return Err(thread.raise_memory_error()) };
    let shape = if attribute::instance_has_dict(object) { shape } else { new.root_shape() };
    // SAFETY: a live heap object (immediates have immutable types).
    unsafe { (*object.header()).set_shape(shape) };
    Ok(())
}

fn object_dir(object: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let collected = dict::new();
    if let Some(own) = attribute::get_optional(object, names.__dict__, thread)? {
        if dict::is_dict(*own) {
            DictObject::of(*collected).update_from(DictObject::of(*own), thread)?;
        }
    }
    if let Some(class) = attribute::get_optional(object, names.__class__, thread)? {
        class::merge_class_dict(*class, DictObject::of(*collected), thread)?;
    }
    let entries = DictObject::of(*collected).entries();
    Ok(list::from_vec(entries.into_iter().map(|entry| entry.key).collect()))
}

fn object_format(object: Value, spec: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(spec) {
        let name = spec.type_object().full_name();
        return Err(thread.raise_type_error(format!("__format__() argument must be str, not {name}")));
    }
    if !StrObject::of(spec).is_empty() {
        let name = object.type_object().full_name();
        return Err(thread.raise_type_error(format!("unsupported format string passed to {name}.__format__")));
    }
    convert::str(object, thread)
}

fn object_sizeof(object: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a pointer value is a live object.
    let size = if object.is_pointer() && !object.type_has_flag(TYPE_TYPE_SUBCLASS) && !object.is_none() {
        object.type_object().basic_size()
    } else {
        16
    };
    Ok(Owned::usize(size))
}

fn object_init_subclass(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if has_arguments(args, kwnames) {
        let name = TypeObject::of(_class).name();
        return Err(thread.raise_type_error(format!("{name}.__init_subclass__() takes no keyword arguments")));
    }
    Ok(Owned::none())
}

fn object_subclasshook(_class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(Owned::not_implemented())
}

fn copyreg(name: Value, thread: &mut Thread) -> PyResult {
    let loaded = thread.interpreter.modules_dict().and_then(|modules| DictObject::of(*modules).get_str(crate::names::names().copyreg));
    let module = match loaded.filter(|module| !module.is_none()) {
        Some(module) => module,
        None => crate::import::import_module("copyreg", thread)?,
    };
    attribute::get(*module, name, thread)
}

fn object_reduce(object: Value, thread: &mut Thread) -> PyResult {
    reduce_protocol(object, 0, thread)
}

fn object_reduce_ex(object: Value, protocol: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let protocol = convert::index_as_i64(protocol, thread, Some(&exc::OVERFLOW_ERROR))?;
    // A `__reduce__` of the class's own is preferred.
    let class_reduce = attribute::lookup_type(object.type_object(), names.__reduce__, thread);
    let native = OBJECT.get().dict().and_then(|dict| dict.get_str(names.__reduce__));
    if class_reduce.map(|found| found.id()) != native.map(|native| native.id()) {
        if let Some(own) = attribute::get_optional(object, names.__reduce__, thread)? {
            return call::call(*own, &[], thread);
        }
    }
    reduce_protocol(object, protocol, thread)
}

fn reduce_protocol(object: Value, protocol: i64, thread: &mut Thread) -> PyResult {
    if protocol < 2 {
        let function = copyreg(crate::names::names()._reduce_ex, thread)?;
        return call::call(*function, &[object, Value::plain_int(protocol)], thread);
    }
    reduce_new_object(object, thread)
}

/// `copyreg.__newobj__` and its arguments (PEP 307).
fn reduce_new_object(object: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let ty = object.type_object();
    if ty.slots.new.raw() == 0 {
        let name = ty.full_name();
        return Err(thread.raise_type_error(format!("cannot pickle '{name}' object")));
    }
    let (args, kwargs) = new_arguments(object, thread)?;
    let class = ty.value();
    let has_args = args.is_some();
    let (function, new_args) = match &kwargs {
        Some(kwargs) if !DictObject::of(**kwargs).is_empty() => {
            let args = args.unwrap_or_else(tuple::empty);
            (copyreg(crate::names::names().__newobj_ex__, thread)?, tuple::pack([class.to_owned(), args, kwargs.clone()]))
        }
        _ => {
            let mut items = vec![class.to_owned()];
            if let Some(args) = &args {
                items.extend(TupleObject::of(**args).items().iter().map(|item| item.to_owned()));
            }
            (copyreg(crate::names::names().__newobj__, thread)?, tuple::from_vec(items))
        }
    };
    let needs_state_check = !has_args && !ty.has_flag(TYPE_LIST_SUBCLASS) && !ty.has_flag(TYPE_DICT_SUBCLASS);
    let state = get_state(object, needs_state_check, thread)?;
    let list_items = if ty.has_flag(TYPE_LIST_SUBCLASS) { crate::protocol::iterate::iter(object, thread)? } else { Owned::none() };
    let dict_items = if ty.has_flag(TYPE_DICT_SUBCLASS) {
        let items = call::call_method(object, names.items, &[], thread)?;
        crate::protocol::iterate::iter(*items, thread)?
    } else {
        Owned::none()
    };
    Ok(tuple::pack([function, new_args, state, list_items, dict_items]))
}

fn new_arguments(object: Value, thread: &mut Thread) -> PyResult<(Option<Owned>, Option<Owned>)> {
    let names = crate::names::names();
    if let Some(result) = attribute::call_special(object, names.__getnewargs_ex__, &[], thread)? {
        if !result.type_has_flag(TYPE_TUPLE_SUBCLASS) {
            let name = result.type_object().full_name();
            return Err(thread.raise_type_error(format!("__getnewargs_ex__ should return a tuple, not '{name}'")));
        }
        let items = TupleObject::of(*result).items();
        if items.len() != 2 {
            let n = items.len();
            return Err(thread.raise_value_error(format!("__getnewargs_ex__ should return a tuple of length 2, not {n}")));
        }
        if !items[0].type_has_flag(TYPE_TUPLE_SUBCLASS) {
            let name = items[0].type_object().full_name();
            return Err(thread.raise_type_error(format!(
                "first item of the tuple returned by __getnewargs_ex__ must be a tuple, not '{name}'"
            )));
        }
        if !dict::is_dict(items[1]) {
            let name = items[1].type_object().full_name();
            return Err(thread.raise_type_error(format!(
                "second item of the tuple returned by __getnewargs_ex__ must be a dict, not '{name}'"
            )));
        }
        return Ok((Some(items[0].to_owned()), Some(items[1].to_owned())));
    }
    if let Some(result) = attribute::call_special(object, names.__getnewargs__, &[], thread)? {
        if !result.type_has_flag(TYPE_TUPLE_SUBCLASS) {
            let name = result.type_object().full_name();
            return Err(thread.raise_type_error(format!("__getnewargs__ should return a tuple, not '{name}'")));
        }
        return Ok((Some(result), None));
    }
    Ok((None, None))
}

fn get_state(object: Value, required: bool, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let own = attribute::lookup_type(object.type_object(), names.__getstate__, thread);
    let native = OBJECT.get().dict().and_then(|dict| dict.get_str(names.__getstate__));
    if own.as_ref().map(|own| own.id()) == native.as_ref().map(|native| native.id()) {
        return default_state(object, required, thread);
    }
    let method = attribute::get(object, names.__getstate__, thread)?;
    call::call(*method, &[], thread)
}

fn default_state(object: Value, required: bool, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let ty = object.type_object();
    let slot_names = call_slotnames(ty, thread)?;
    if required {
        // A native layout that the state cannot express must not be lost.
        let mut native = ty;
        while native.has_flag(TYPE_HEAP) {
            match native.base() {
                Some(base) => native = base,
                None => break,
            }
        }
        let place_of_dict = if native.dict_place == DictPlace::None { 0 } else { size_of::<crate::object::Slot>() };
        let extra = native.basic_size as usize > size_of::<crate::object::Header>() + place_of_dict && !native.has_flag(TYPE_EXCEPTION_SUBCLASS);
        use crate::types::builtin_types::{CODE, MEMORYVIEW, MODULE};
        let is = |one: &crate::types::builtin_types::StaticType| std::ptr::eq(native, one.get());
        // Those with items are told apart; CPython's code objects and memoryviews have some.
        if native.item_size != 0 || is(&CODE) || is(&MEMORYVIEW) {
            let name = ty.full_name();
            return Err(thread.raise_type_error(format!("cannot pickle {name} objects")));
        }
        if (extra && !is(&OBJECT)) || is(&MODULE) {
            let name = ty.full_name();
            return Err(thread.raise_type_error(format!("cannot pickle '{name}' object")));
        }
    }
    let state = match attribute::get_optional(object, names.__dict__, thread)? {
        Some(state) if dict::is_dict(*state) && !DictObject::of(*state).is_empty() => state,
        _ => Owned::none(),
    };
    if slot_names.is_empty() {
        return Ok(state);
    }
    let slots = dict::new();
    for name in slot_names {
        if let Some(value) = attribute::get_optional(object, *name, thread)? {
            DictObject::of(*slots).set(*name, value, thread)?;
        }
    }
    if DictObject::of(*slots).is_empty() {
        return Ok(state);
    }
    Ok(tuple::pack([state, slots]))
}

fn call_slotnames(ty: &TypeObject, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    if !ty.has_flag(TYPE_HEAP) {
        return Ok(Vec::new());
    }
    // What the function found out before lies in the class.
    if let Some(known) = ty.dict().and_then(|dict| dict.get_str(crate::names::names().__slotnames__)) {
        if known.has_shape(crate::types::builtin_types::shapes::LIST) {
            return Ok(crate::types::list::ListObject::of(*known).to_vec());
        }
    }
    let function = copyreg(crate::names::names()._slotnames, thread)?;
    let names = call::call(*function, &[ty.value()], thread)?;
    if names.is_none() {
        return Ok(Vec::new());
    }
    crate::protocol::iterate::collect(*names, thread)
}

fn object_getstate(object: Value, thread: &mut Thread) -> PyResult {
    default_state(object, false, thread)
}

const fn method(name: &'static str, func: NativeFn, kind: MethodKind, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind, signature, doc }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "object",
    doc: "The base class of the class hierarchy.\n\nWhen called, it accepts no arguments and returns a new featureless\ninstance that has no instance attributes and cannot be given any.\n",
    flags: TYPE_BASETYPE,
    slots: &[
        SlotFn::repr(object_repr),
        SlotFn::str(object_str),
        SlotFn::hash(object_hash),
        SlotFn::richcompare(object_compare),
        SlotFn::getattr(attribute::generic_get),
        SlotFn::setattr(attribute::generic_set),
        SlotFn::new(object_new),
        SlotFn::init(object_init),
    ],
    methods: &[
        method("__reduce_ex__", NativeFn::One(object_reduce_ex), MethodKind::Instance, "($self, protocol, /)", "Helper for pickle."),
        method("__reduce__", NativeFn::NoArgs(object_reduce), MethodKind::Instance, "($self, /)", "Helper for pickle."),
        method("__getstate__", NativeFn::NoArgs(object_getstate), MethodKind::Instance, "($self, /)", "Helper for pickle."),
        method("__subclasshook__", NativeFn::Raw(object_subclasshook), MethodKind::Class, "-($type, object, /)", "Lets abstract classes customise issubclass()."),
        method("__init_subclass__", NativeFn::Raw(object_init_subclass), MethodKind::Class, "-($type, /)", "Called when a class is derived."),
        method("__format__", NativeFn::One(object_format), MethodKind::Instance, "($self, format_spec, /)", "Default formatter."),
        method("__sizeof__", NativeFn::NoArgs(object_sizeof), MethodKind::Instance, "($self, /)", "Size of the object in memory, in bytes."),
        method("__dir__", NativeFn::NoArgs(object_dir), MethodKind::Instance, "($self, /)", "Default dir() implementation."),
    ],
    getsets: &[GetSetDef { name: "__class__", get: get_class, set: Some(set_class), doc: "the object's class" }],
    ..TypeSpec::DEFAULT
};
