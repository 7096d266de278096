//! `function`: a code object with its globals, defaults and closure.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::sync::{AtomicU32, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FUNCTION, shapes};
use crate::types::code::CodeObject;
use crate::types::dict::{self, DictObject};
use crate::types::string;
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{
    GetSetDef, MemberDef, MethodDef, SlotFn, TYPE_GC, TYPE_METHOD_DESCRIPTOR, TYPE_WEAKREFABLE, TypeSpec,
};

#[repr(C)]
pub struct FunctionObject {
    pub header: Header,
    pub dict: Slot,
    pub code: Slot,
    pub globals: Owned,
    pub builtins: Owned,
    pub name: Slot,
    pub qualname: Slot,
    pub defaults: Slot,
    pub kwdefaults: Slot,
    pub closure: Slot,
    pub doc: Slot,
    pub module: Slot,
    pub annotations: Slot,
    pub annotate: Slot,
    pub type_params: Slot,
    /// A number that changes when code, defaults or keyword defaults change; 0: do not cache.
    version: AtomicU32,
}

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

impl FunctionObject {
    /// The function that `value` is; the caller knows that it is one.
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a FunctionObject {
        debug_assert!(value.has_shape(shapes::FUNCTION));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    /// The code object, kept alive by the function; replaced code stays alive as long as frames hold it.
    #[inline(always)]
    pub fn code<'a>(&self) -> &'a CodeObject {
        // A function always has code. SAFETY: never empty; assignment of `__code__` keeps the old code in the new one's
        // company until the function dies (see `set_code`).
        CodeObject::of(unsafe { self.code.peek().unwrap_unchecked() })
    }

    /// The version for call caches.
    #[inline(always)]
    pub fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.version.store(0, Ordering::Release);
    }

    /// The version, given out on first demand; 0 when the numbers have run out.
    pub fn take_version(&self) -> u32 {
        let version = self.version();
        if version != 0 {
            return version;
        }
        let new = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
        if new == 0 || new > u32::MAX - 1024 {
            return 0;
        }
        self.version.store(new, Ordering::Release);
        new
    }
}

/// What `MAKE_FUNCTION` does.
pub fn new(code: Value, globals: Value, builtins: Value, is_deferred: bool) -> Owned {
    let object = CodeObject::of(code);
    let doc = if object.has_flag(pyrt_compiler::bytecode::code::CodeFlags::HAS_DOCSTRING) {
        object.consts().first().filter(|doc| string::is_exact(**doc)).map(|doc| doc.to_owned())
    } else {
        None
    };
    let module = DictObject::of(globals).get_str(crate::names::names().__name__);
    lifetime::allocate_object(FUNCTION.get(), |header| {
        if is_deferred {
            header.born_deferred();
        }
        FunctionObject {
            header,
            dict: Slot::empty(),
            code: Slot::new(code.to_owned()),
            globals: globals.to_owned(),
            builtins: builtins.to_owned(),
            name: Slot::new(object.name.clone()),
            qualname: Slot::new(object.qualname.clone()),
            defaults: Slot::empty(),
            kwdefaults: Slot::empty(),
            closure: Slot::empty(),
            doc: Slot::new(doc.unwrap_or_else(Owned::none)),
            module: Slot::from_option(module),
            annotations: Slot::empty(),
            annotate: Slot::empty(),
            type_params: Slot::empty(),
            version: AtomicU32::new(0),
        }
    })
}

/// The builtins that belong to `globals`: its `__builtins__` (a module or a dict), else those of the interpreter.
pub fn builtins_of(globals: Value, thread: &mut Thread) -> Owned {
    if let Some(found) = DictObject::of(globals).get_str(crate::names::names().__builtins__) {
        if dict::is_dict(*found) {
            return found;
        }
        if let Some(module_dict) = crate::types::module::dict_of(*found) {
            return module_dict;
        }
    }
    let interpreter = thread.interpreter;
    interpreter.load(&interpreter.builtins_dict).unwrap_or_else(dict::new)
}

fn function_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    let name = function.qualname.load(&function.header).map_or(String::new(), |name| string::StrObject::of(*name).to_string_lossy());
    Ok(Owned::str(&format!("<function {name} at {:#x}>", this.id())))
}

fn function_get(this: Value, object: Option<Value>, _ty: Option<Value>, _thread: &mut Thread) -> PyResult {
    match object {
        Some(object) if !object.is_none() => Ok(crate::types::method::new(this, object)),
        _ => Ok(this.to_owned()),
    }
}

fn get_code(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(FunctionObject::of(this).code().value().to_owned())
}

fn set_code(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let Some(value) = value.filter(|value| value.has_shape(shapes::CODE)) else {
        return Err(thread.raise_type_error("__code__ must be set to a code object"));
    };
    let n_closure = function.closure.peek().map_or(0, |closure| TupleObject::of(closure).len());
    let n_free = CodeObject::of(value).nfrees as usize;
    if n_closure != n_free {
        let name = function.name.load(&function.header).map_or(String::new(), |name| string::StrObject::of(*name).to_string_lossy());
        return Err(thread.raise_value_error(format!(
            "{name}() requires a code object with {n_closure} free vars, not {n_free}"
        )));
    }
    // Other threads may be about to enter the old code: the world is stopped while it is replaced.
    let old = {
        let _stopped = crate::threads::stop_the_world::stop(thread);
        function.changed();
        function.code.replace_locked(Some(value.to_owned()))
    };
    if let Some(old) = old {
        lifetime::release(old, thread);
    }
    Ok(())
}

fn get_defaults(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.defaults.load(&function.header).unwrap_or_else(Owned::none))
}

fn set_defaults(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let value = value.filter(|value| !value.is_none());
    if value.is_some_and(|value| !value.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("__defaults__ must be set to a tuple object"));
    }
    function.changed();
    drop(function.defaults.replace(&function.header, value.map(|value| value.to_owned())));
    Ok(())
}

fn get_kwdefaults(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.kwdefaults.load(&function.header).unwrap_or_else(Owned::none))
}

fn set_kwdefaults(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let value = value.filter(|value| !value.is_none());
    if value.is_some_and(|value| !dict::is_dict(value)) {
        return Err(thread.raise_type_error("__kwdefaults__ must be set to a dict object"));
    }
    function.changed();
    drop(function.kwdefaults.replace(&function.header, value.map(|value| value.to_owned())));
    Ok(())
}

fn set_string(this: Value, slot: &Slot, name: &str, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let Some(value) = value.filter(|value| string::is_str(*value)) else {
        return Err(thread.raise_type_error(format!("{name} must be set to a string object")));
    };
    drop(slot.replace(&function.header, Some(value.to_owned())));
    Ok(())
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.name.load(&function.header).unwrap_or_else(string::empty))
}

fn set_name(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    set_string(this, &FunctionObject::of(this).name, "__name__", value, thread)
}

fn get_qualname(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.qualname.load(&function.header).unwrap_or_else(string::empty))
}

fn set_qualname(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    set_string(this, &FunctionObject::of(this).qualname, "__qualname__", value, thread)
}

fn get_annotations(this: Value, thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    if let Some(annotations) = function.annotations.load(&function.header) {
        return Ok(annotations);
    }
    let made = match function.annotate.load(&function.header).filter(|annotate| !annotate.is_none()) {
        Some(annotate) => {
            let made = crate::protocol::call::call(*annotate, &[Value::plain_int(1)], thread)?;
            if !dict::is_dict(*made) {
                let name = made.type_object().full_name();
                return Err(thread.raise_type_error(format!("__annotate__() must return a dict, not {name}")));
            }
            made
        }
        None => dict::new(),
    };
    drop(function.annotations.replace(&function.header, Some(made.clone())));
    Ok(made)
}

fn set_annotations(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let value = value.filter(|value| !value.is_none());
    if value.is_some_and(|value| !dict::is_dict(value)) {
        return Err(thread.raise_type_error("__annotations__ must be set to a dict object"));
    }
    drop(function.annotations.replace(&function.header, value.map(|value| value.to_owned())));
    drop(function.annotate.replace(&function.header, None));
    Ok(())
}

fn get_annotate(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.annotate.load(&function.header).unwrap_or_else(Owned::none))
}

fn set_annotate(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let Some(value) = value else {
        return Err(thread.raise_type_error("__annotate__ cannot be deleted"));
    };
    if !value.is_none() && !crate::protocol::call::is_callable(value) {
        return Err(thread.raise_type_error("__annotate__ must be callable or None"));
    }
    drop(function.annotate.replace(&function.header, Some(value.to_owned())));
    if !value.is_none() {
        drop(function.annotations.replace(&function.header, None));
    }
    Ok(())
}

fn get_type_params(this: Value, _thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(this);
    Ok(function.type_params.load(&function.header).unwrap_or_else(tuple::empty))
}

fn set_type_params(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let function = FunctionObject::of(this);
    let Some(value) = value.filter(|value| value.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS)) else {
        return Err(thread.raise_type_error("__type_params__ must be set to a tuple"));
    };
    drop(function.type_params.replace(&function.header, Some(value.to_owned())));
    Ok(())
}

fn function_new(class: Value, args: crate::protocol::args::Args<'_>, kwnames: crate::protocol::args::KwNames, thread: &mut Thread) -> PyResult {
    let _ = class;
    static SIGNATURE: crate::protocol::native::LazySignature =
        crate::protocol::native::LazySignature::new("(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)");
    let bound = SIGNATURE.bind("function", args, kwnames, thread)?;
    let args = bound.args();
    let (code, globals) = (args.at(0), args.at(1));
    if !code.has_shape(shapes::CODE) {
        let name = code.type_object().full_name();
        return Err(thread.raise_type_error(format!("function() argument 'code' must be code, not {name}")));
    }
    if !dict::is_dict(globals) {
        let name = globals.type_object().full_name();
        return Err(thread.raise_type_error(format!("function() argument 'globals' must be dict, not {name}")));
    }
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    if given(2).is_some_and(|name| !string::is_str(name)) {
        return Err(thread.raise_type_error("arg 3 (name) must be None or string"));
    }
    if given(3).is_some_and(|defaults| !defaults.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("arg 4 (defaults) must be None or tuple"));
    }
    let n_free = CodeObject::of(code).nfrees as usize;
    match given(4) {
        Some(closure) if !closure.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS) => {
            return Err(thread.raise_type_error(if n_free > 0 { "arg 5 (closure) must be tuple" } else { "arg 5 (closure) must be None or tuple" }));
        }
        None if n_free > 0 => return Err(thread.raise_type_error("arg 5 (closure) must be tuple")),
        closure => {
            let n = closure.map_or(0, |closure| TupleObject::of(closure).len());
            if n != n_free {
                let name = string::StrObject::of(*CodeObject::of(code).name).to_string_lossy();
                return Err(thread.raise_value_error(format!("{name} requires closure of length {n_free}, not {n}")));
            }
            if let Some(bad) = closure.and_then(|closure| {
                TupleObject::of(closure).items().iter().find(|cell| !cell.has_shape(shapes::CELL)).map(|cell| cell.type_object().full_name())
            }) {
                return Err(thread.raise_type_error(format!("arg 5 (closure) expected cell, found {bad}")));
            }
        }
    }
    if given(5).is_some_and(|kwdefaults| !dict::is_dict(kwdefaults)) {
        return Err(thread.raise_type_error("arg 6 (kwdefaults) must be None or dict"));
    }
    let builtins = builtins_of(globals, thread);
    let made = new(code, globals, *builtins, false);
    let function = FunctionObject::of(*made);
    for (slot, i) in [(&function.name, 2), (&function.defaults, 3), (&function.closure, 4), (&function.kwdefaults, 5)] {
        if let Some(value) = given(i) {
            drop(slot.replace_locked(Some(value.to_owned())));
        }
    }
    Ok(made)
}

fn function_call(this: Value, args: crate::protocol::args::Args<'_>, kwnames: crate::protocol::args::KwNames, thread: &mut Thread) -> PyResult {
    crate::interp::call_frame::call_function(this, args, kwnames, thread)
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead: its fields are dropped once.
    unsafe { std::ptr::drop_in_place(value.header().cast::<FunctionObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a function.
    let function = unsafe { value.as_ref::<FunctionObject>() };
    visit(*function.globals);
    visit(*function.builtins);
    for slot in function.slots() {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the object is garbage but alive. The code stays, for something may still call the function.
    let function = unsafe { value.as_ref::<FunctionObject>() };
    for slot in [&function.dict, &function.defaults, &function.kwdefaults, &function.closure, &function.doc, &function.annotations, &function.annotate, &function.module, &function.type_params] {
        drop(slot.replace(&function.header, None));
    }
}

impl FunctionObject {
    fn slots(&self) -> [&Slot; 12] {
        [
            &self.dict, &self.code, &self.name, &self.qualname, &self.defaults, &self.kwdefaults, &self.closure, &self.doc,
            &self.module, &self.annotations, &self.annotate, &self.type_params,
        ]
    }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "function",
    doc: "A function defined in Python: code with globals, defaults and closure.",
    flags: TYPE_GC | TYPE_WEAKREFABLE | TYPE_METHOD_DESCRIPTOR,
    basic_size: size_of::<FunctionObject>(),
    dict_offset: Some(std::mem::offset_of!(FunctionObject, dict)),
    slots: &[
        SlotFn::repr(function_repr),
        SlotFn::descr_get(function_get),
        SlotFn::call(function_call),
        SlotFn::new(function_new),
    ],
    methods: &[] as &[MethodDef],
    getsets: &[
        GetSetDef { name: "__dict__", get: crate::protocol::attribute::instance_dict, set: Some(crate::protocol::attribute::set_instance_dict), doc: "" },
        GetSetDef { name: "__code__", get: get_code, set: Some(set_code), doc: "" },
        GetSetDef { name: "__defaults__", get: get_defaults, set: Some(set_defaults), doc: "" },
        GetSetDef { name: "__kwdefaults__", get: get_kwdefaults, set: Some(set_kwdefaults), doc: "" },
        GetSetDef { name: "__annotations__", get: get_annotations, set: Some(set_annotations), doc: "" },
        GetSetDef { name: "__annotate__", get: get_annotate, set: Some(set_annotate), doc: "" },
        GetSetDef { name: "__name__", get: get_name, set: Some(set_name), doc: "" },
        GetSetDef { name: "__qualname__", get: get_qualname, set: Some(set_qualname), doc: "" },
        GetSetDef { name: "__type_params__", get: get_type_params, set: Some(set_type_params), doc: "" },
    ],
    members: &[
        MemberDef { name: "__closure__", offset: std::mem::offset_of!(FunctionObject, closure), readonly: true, none_if_empty: true, doc: "" },
        MemberDef { name: "__doc__", offset: std::mem::offset_of!(FunctionObject, doc), readonly: false, none_if_empty: true, doc: "" },
        MemberDef { name: "__globals__", offset: std::mem::offset_of!(FunctionObject, globals), readonly: true, none_if_empty: true, doc: "" },
        MemberDef { name: "__builtins__", offset: std::mem::offset_of!(FunctionObject, builtins), readonly: true, none_if_empty: true, doc: "" },
        MemberDef { name: "__module__", offset: std::mem::offset_of!(FunctionObject, module), readonly: false, none_if_empty: true, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

/// For error messages: `name()`.
pub fn display_name(function: &FunctionObject) -> String {
    function.qualname.load(&function.header).map_or(String::new(), |name| string::StrObject::of(*name).to_string_lossy())
}

