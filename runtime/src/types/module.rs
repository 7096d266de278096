//! `module`.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute;
use crate::protocol::call;
use crate::protocol::native::{LazySignature, NativeFn};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::MODULE;
use crate::types::builtin_function;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::type_object::*;

#[repr(C)]
pub struct ModuleObject {
    header: Header,
    dict: Slot,
}

fn of<'a>(value: Value) -> &'a ModuleObject {
    // SAFETY: called for modules only (or subclasses).
    unsafe { value.as_ref() }
}

/// A module with its standard attributes.
pub fn new(name: &str) -> Owned {
    let made = new_of_type(MODULE.get());
    initialize(*made, Owned::str(name), Owned::none());
    made
}

fn new_of_type(ty: &TypeObject) -> Owned {
    lifetime::allocate_object(ty, |header| {
        header.born_deferred();
        ModuleObject { header, dict: Slot::new(dict::new()) }
    })
}

fn initialize(module: Value, name: Owned, doc: Owned) {
    let names = crate::names::names();
    if let Some(dict) = of(module).dict.peek() {
        let dict = DictObject::of(dict);
        for (key, value) in [
            (names.__name__, name),
            (names.__doc__, doc),
            (names.__package__, Owned::none()),
            (names.__loader__, Owned::none()),
            (names.__spec__, Owned::none()),
        ] {
            drop(dict.set_str(key, value));
        }
    }
}

/// Whether `value` is a module or of a subclass.
pub fn is_module(value: Value) -> bool {
    value.is_pointer() && value.is_instance(MODULE.get())
}

/// The dict of a module; `None` for other values.
pub fn dict_of(value: Value) -> Option<Owned> {
    if is_module(value) { of(value).dict.load(&of(value).header) } else { None }
}

/// The dict of an exact module without a count: it lives as long as the module.
#[inline(always)]
pub fn peek_dict(value: Value) -> Option<Value> {
    of(value).dict.peek()
}

/// Adds functions to a module.
pub fn add_functions(module: Value, functions: &'static [MethodDef]) {
    let names = crate::names::names();
    let Some(dict) = dict_of(module) else { return };
    let dict = DictObject::of(*dict);
    let name = dict.get_str(names.__name__).unwrap_or_else(string::empty);
    for def in functions {
        let function = builtin_function::new_for_module(def, module, name.clone());
        dict.set_by_text(def.name, function);
    }
}

/// Adds a value to a module.
pub fn add(module: Value, name: &str, value: Owned) {
    if let Some(dict) = dict_of(module) {
        DictObject::of(*dict).set_by_text(name, value);
    }
}

/// Adds a type to a module under its own name.
pub fn add_type(module: Value, ty: &'static crate::types::builtin_types::StaticType) {
    let object = ty.get();
    let name = object.name();
    add(module, &name, object.value().to_owned());
}

fn module_getattr(module: Value, name: Value, thread: &mut Thread) -> PyResult {
    match attribute::generic_get(module, name, thread) {
        Ok(value) => Ok(value),
        Err(raised) => {
            let exception = thread.catch(raised, &exc::ATTRIBUTE_ERROR)?;
            let names = crate::names::names();
            if let Some(dict) = dict_of(module) {
                if let Some(getattr) = DictObject::of(*dict).get_str(names.__getattr__) {
                    return call::call(*getattr, &[name], thread);
                }
                let dict = DictObject::of(*dict);
                if let Some(own) = dict.get_str(names.__name__).filter(|own| string::is_str(**own)) {
                    let (own, text) = (StrObject::of(*own).to_string_lossy(), StrObject::of(name).to_string_lossy());
                    let spec = dict.get_str(names.__spec__).filter(|spec| !spec.is_none());
                    let initializing = match &spec {
                        Some(spec) => attribute::get_optional(**spec, names._initializing, thread)?.is_some_and(|flag| flag.is_true()),
                        None => false,
                    };
                    let message = if initializing {
                        let origin = match &spec {
                            Some(spec) => attribute::get_optional(**spec, names.origin, thread)?.filter(|origin| string::is_str(**origin)),
                            None => None,
                        };
                        match origin {
                            Some(origin) => format!(
                                "partially initialized module '{own}' from '{}' has no attribute '{text}' (most likely due to a circular import)",
                                StrObject::of(*origin).to_string_lossy()
                            ),
                            None => format!("partially initialized module '{own}' has no attribute '{text}' (most likely due to a circular import)"),
                        }
                    } else {
                        format!("module '{own}' has no attribute '{text}'")
                    };
                    drop(exception);
                    return Err(attribute::raise_attribute_error(module, name, &message, thread));
                }
            }
            Err(thread.reraise(exception))
        }
    }
}

fn module_repr(module: Value, thread: &mut Thread) -> PyResult {
    let bootstrap = thread.interpreter.load(&thread.interpreter.importlib);
    if let Some(bootstrap) = bootstrap {
        let name = crate::names::interned("_module_repr");
        if let Some(function) = attribute::get_optional(*bootstrap, *name, thread)? {
            return call::call(*function, &[module], thread);
        }
    }
    let name = dict_of(module).and_then(|dict| DictObject::of(*dict).get_str(crate::names::names().__name__));
    let name = match name {
        Some(name) => crate::protocol::convert::repr_text(*name, thread)?,
        None => "?".to_string(),
    };
    Ok(Owned::str(&format!("<module {name} (built-in)>")))
}

fn module_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(new_of_type(TypeObject::of(class)))
}

fn module_init(module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(name, doc=None)");
    let bound = SIGNATURE.bind("module", args, kwnames, thread)?;
    let name = bound.args().at(0);
    if !string::is_str(name) {
        let got = name.type_object().full_name();
        return Err(thread.raise_type_error(format!("module() argument 'name' must be str, not {got}")));
    }
    let doc = bound.args().get(1).unwrap_or_else(Value::none);
    initialize(module, name.to_owned(), doc.to_owned());
    Ok(())
}

fn module_dir(module: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let dict = attribute::get(module, names.__dict__, thread)?;
    if !dict::is_dict(*dict) {
        return Err(thread.raise_type_error("<module>.__dict__ is not a dictionary"));
    }
    if let Some(dir) = DictObject::of(*dict).get_str(names.__dir__) {
        return call::call(*dir, &[], thread);
    }
    Ok(crate::types::list::from_vec(DictObject::of(*dict).entries().into_iter().map(|entry| entry.key).collect()))
}

fn get_dict(module: Value, _thread: &mut Thread) -> PyResult {
    Ok(dict_of(module).unwrap_or_else(Owned::none))
}

fn get_annotate(module: Value, thread: &mut Thread) -> PyResult {
    let Some(dict) = dict_of(module) else { return Ok(Owned::none()) };
    let name = crate::names::names().__annotate__;
    match DictObject::of(*dict).get_str(name) {
        Some(found) => Ok(found),
        None => {
            DictObject::of(*dict).set(name, Owned::none(), thread)?;
            Ok(Owned::none())
        }
    }
}

fn set_annotate(module: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        return Err(thread.raise_type_error("cannot delete __annotate__ attribute"));
    };
    if !value.is_none() && !call::is_callable(value) {
        return Err(thread.raise_type_error("__annotate__ must be callable or None"));
    }
    if let Some(dict) = dict_of(module) {
        let names = crate::names::names();
        DictObject::of(*dict).set(names.__annotate__, value.to_owned(), thread)?;
        if !value.is_none() {
            drop(DictObject::of(*dict).remove_str(names.__annotations__));
        }
    }
    Ok(())
}

fn get_annotations(module: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let Some(dict) = dict_of(module) else { return Ok(dict::new()) };
    let dict = DictObject::of(*dict);
    if let Some(found) = dict.get_str(names.__annotations__) {
        return Ok(found);
    }
    let made = match dict.get_str(names.__annotate__).filter(|annotate| call::is_callable(**annotate)) {
        Some(annotate) => {
            let made = call::call(*annotate, &[Value::plain_int(1)], thread)?;
            if !dict::is_dict(*made) {
                let got = made.type_object().full_name();
                return Err(thread.raise_type_error(format!("__annotate__() must return a dict, not {got}")));
            }
            made
        }
        None => dict::new(),
    };
    dict.set(names.__annotations__, made.clone(), thread)?;
    Ok(made)
}

fn set_annotations(module: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let names = crate::names::names();
    let Some(dict) = dict_of(module) else { return Ok(()) };
    let dict = DictObject::of(*dict);
    match value {
        Some(value) => dict.set(names.__annotations__, value.to_owned(), thread)?,
        None => {
            if dict.remove_str(names.__annotations__).is_none() {
                return Err(attribute::raise_attribute_error(module, names.__annotations__, "__annotations__", thread));
            }
        }
    }
    drop(dict.remove_str(names.__annotate__));
    Ok(())
}

unsafe fn dealloc(value: Value) {
    drop(of(value).dict.replace_locked(None));
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(dict) = of(value).dict.peek() {
        visit(dict);
    }
}

unsafe fn clear(value: Value) {
    // The dict goes its own way: functions of the module may keep it.
    drop(of(value).dict.replace(&of(value).header, None));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "module",
    doc: "Create a module object.\n\nThe name must be a string; the optional docstring can have any type.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<ModuleObject>(),
    dict_offset: Some(std::mem::offset_of!(ModuleObject, dict)),
    slots: &[SlotFn::repr(module_repr), SlotFn::getattr(module_getattr), SlotFn::new(module_new), SlotFn::init(module_init)],
    methods: &[MethodDef { name: "__dir__", func: NativeFn::NoArgs(module_dir), kind: MethodKind::Instance, signature: "-($self)", doc: "The names of the module." }],
    getsets: &[
        GetSetDef { name: "__dict__", get: get_dict, set: None, doc: "" },
        GetSetDef { name: "__annotations__", get: get_annotations, set: Some(set_annotations), doc: "" },
        GetSetDef { name: "__annotate__", get: get_annotate, set: Some(set_annotate), doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
