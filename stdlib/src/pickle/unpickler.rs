//! `Unpickler`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, buffer, compare, convert, iterate};
use pyrt_runtime::sync::{AtomicBool, AtomicI32, Ordering};
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use super::input::{Input, unpickling_error};
use super::loading::Load;
use super::memo::UnpicklerMemo;
use super::{globals, memo_proxy, pickler, registries};
use crate::native_type::{References, followed, object};

/// Between loads: where to read from, and how.
pub struct Setup {
    input: Input,
    pub encoding: String,
    pub errors: String,
    pub buffers: Option<Owned>,
}

#[repr(C)]
pub struct Unpickler {
    pub header: Header,
    /// `persistent_load` as set on the object.
    persistent_load: Slot,
    /// None before `__init__`, and while a load is at work.
    setup: Guarded<Option<Setup>>,
    pub memo: Guarded<UnpicklerMemo>,
    /// The protocol of the pickle that is being read.
    pub protocol: AtomicI32,
    fix_imports: AtomicBool,
    running: AtomicBool,
}

impl References for Unpickler {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        self.persistent_load.visit(visit);
        self.memo.visit(visit);
        // SAFETY: the world is stopped.
        if let Some(setup) = unsafe { self.setup.peek() } {
            setup.input.visit(visit);
            setup.buffers.visit(visit);
        }
    }
}

pub fn of<'a>(this: Value) -> &'a Unpickler {
    // SAFETY: called for objects of the type and of its subclasses only.
    unsafe { object(this) }
}

fn allocate(class: &TypeObject) -> Owned {
    allocate_object(class, |header| Unpickler {
        header,
        persistent_load: Slot::empty(),
        setup: Guarded::new(None),
        memo: Guarded::new(UnpicklerMemo::default()),
        protocol: AtomicI32::new(0),
        fix_imports: AtomicBool::new(true),
        running: AtomicBool::new(false),
    })
}

/// An unpickler of the module's functions.
pub fn create(thread: &mut Thread) -> PyResult {
    registries(thread)?;
    Ok(allocate(UNPICKLER.get()))
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    registries(thread)?;
    Ok(allocate(TypeObject::of(class)))
}

fn already_used(thread: &mut Thread) -> pyrt_runtime::Raised {
    thread.raise(&exc::RUNTIME_ERROR, "Unpickler object is already used")
}

/// What is read.
pub enum Source {
    File(Value),
    Data(Value),
}

fn text_option(value: Option<Value>, default: &str, name: &str, function: &str, thread: &mut Thread) -> PyResult<String> {
    match value {
        None => Ok(default.to_string()),
        Some(value) if string::is_str(value) => Ok(StrObject::of(value).to_string_lossy()),
        Some(value) => {
            let given = if value.is_none() { "None".to_string() } else { value.type_object().full_name() };
            Err(thread.raise_type_error(format!("{function}() argument '{name}' must be str, not {given}")))
        }
    }
}

/// Sets an unpickler up. `options`: fix_imports, encoding, errors, buffers.
pub fn configure(this: Value, source: Source, options: &Args<'_>, function: &str, thread: &mut Thread) -> PyResult<()> {
    let unpickler = of(this);
    let fix_imports = options.get(0).map_or(Ok(true), |value| compare::truth(value, thread))?;
    let encoding = text_option(options.get(1), "ASCII", "encoding", function, thread)?;
    let errors = text_option(options.get(2), "strict", "errors", function, thread)?;
    let input = match source {
        Source::File(file) => Input::of_file(file, thread)?,
        Source::Data(data) if data.has_shape(shapes::BYTES) => Input::of_bytes(data.to_owned()),
        Source::Data(data) => Input::of_bytes(bytes::from_vec(buffer::copy_bytes(data, thread)?)),
    };
    let buffers = match options.get(3).filter(|buffers| !buffers.is_none()) {
        Some(buffers) => Some(iterate::iter(buffers, thread)?),
        None => None,
    };
    unpickler.fix_imports.store(fix_imports, Ordering::Relaxed);
    unpickler.protocol.store(0, Ordering::Relaxed);
    let setup = Setup { input, encoding, errors, buffers };
    let old = unpickler.setup.with(&unpickler.header, |place| place.replace(setup));
    drop(old);
    Ok(())
}

static INIT_SIGNATURE: LazySignature = LazySignature::new("(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())");

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let bound = INIT_SIGNATURE.bind("Unpickler", args, kwnames, thread)?;
    let unpickler = of(this);
    if unpickler.running.load(Ordering::Relaxed) {
        return Err(already_used(thread));
    }
    let args = bound.args();
    configure(this, Source::File(args.at(0)), &args.from(1), "Unpickler", thread)?;
    let old = unpickler.memo.with(&unpickler.header, std::mem::take);
    drop(old);
    lifetime::drain_pending(thread);
    Ok(())
}

/// Reads one pickle.
pub fn run(this: Value, thread: &mut Thread) -> PyResult {
    let unpickler = of(this);
    // Acquire: pairs with the Release of the load before.
    if unpickler.running.swap(true, Ordering::Acquire) {
        return Err(already_used(thread));
    }
    let setup = unpickler.setup.with(&unpickler.header, Option::take);
    let result = match setup {
        None => {
            let name = this.type_object().full_name();
            Err(unpickling_error(format!("Unpickler.__init__() was not called by {name}.__init__()"), thread))
        }
        Some(Setup { input, encoding, errors, buffers }) => {
            let mut load = Load::new(this, input, &encoding, &errors, buffers.as_ref());
            let result = load.whole(thread);
            let input = load.into_input();
            unpickler.setup.with(&unpickler.header, |place| *place = Some(Setup { input, encoding, errors, buffers }));
            result
        }
    };
    unpickler.running.store(false, Ordering::Release);
    result
}

/// What a load calls for persistent ids; none if it is the method of the base class, which refuses them.
pub fn persistent_load_of(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let unpickler = of(this);
    if let Some(own) = unpickler.persistent_load.load(&unpickler.header) {
        return Ok(Some(own));
    }
    if std::ptr::eq(this.type_object(), UNPICKLER.get()) {
        return Ok(None);
    }
    let found = attribute::get_optional(this, pyrt_runtime::names().persistent_load, thread)?;
    Ok(found.filter(|found| !pickler::is_native_method(**found, &SPEC, "persistent_load")))
}

fn load(this: Value, thread: &mut Thread) -> PyResult {
    run(this, thread)
}

/// The message for persistent ids that nobody can load.
pub fn no_persistent_load(thread: &mut Thread) -> pyrt_runtime::Raised {
    unpickling_error("A load persistent id instruction was encountered, but no persistent_load function was specified.", thread)
}

fn persistent_load(_this: Value, _id: Value, thread: &mut Thread) -> PyResult {
    Err(no_persistent_load(thread))
}

/// The object that a pickle names.
pub fn find(this: Value, module_name: Value, name: Value, thread: &mut Thread) -> PyResult {
    crate::sys::hooks::audit_event("pickle.find_class", &[module_name, name], thread)?;
    let unpickler = of(this);
    let protocol = unpickler.protocol.load(Ordering::Relaxed);
    let (module_name, name) = if protocol < 3 && unpickler.fix_imports.load(Ordering::Relaxed) {
        globals::newer_name(module_name.to_owned(), name.to_owned(), thread)?
    } else {
        (module_name.to_owned(), name.to_owned())
    };
    let module = globals::import_named(*module_name, thread)?;
    if protocol < 4 || !string::is_str(*name) {
        return attribute::get(*module, *name, thread);
    }
    let path = globals::split(*name);
    if path.len() == 1 {
        return attribute::get(*module, *name, thread);
    }
    match globals::follow(*module, &path, thread) {
        Ok(found) => Ok(found),
        Err(raised) => {
            let exception = thread.catch(raised, &exc::ATTRIBUTE_ERROR)?;
            let (name, module_name) = (convert::repr_text(*name, thread)?, convert::repr_text(*module_name, thread)?);
            let raised = thread.raise(&exc::ATTRIBUTE_ERROR, format!("Can't resolve path {name} on module {module_name}"));
            if let Some(new) = thread.exception() {
                pyrt_runtime::exceptions::ExceptionObject::of(new).set_context(Some(exception));
            }
            Err(raised)
        }
    }
}

fn find_class(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    find(this, args.at(0), args.at(1), thread)
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let unpickler = of(this);
    let memo = unpickler.memo.with(&unpickler.header, |memo| memo.size());
    Ok(Owned::usize(this.type_object().basic_size() + memo))
}

fn getattribute(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    if StrObject::of(name).equals_str("persistent_load") {
        let unpickler = of(this);
        if let Some(own) = unpickler.persistent_load.load(&unpickler.header) {
            return Ok(own);
        }
    }
    attribute::generic_get(this, name, thread)
}

fn setattr(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if StrObject::of(name).equals_str("persistent_load") {
        let unpickler = of(this);
        if let Some(old) = unpickler.persistent_load.replace(&unpickler.header, value.map(|value| value.to_owned())) {
            lifetime::release(old, thread);
        }
        return Ok(());
    }
    attribute::generic_set(this, name, value, thread)
}

unsafe fn clear(value: Value) {
    let unpickler = of(value);
    drop(unpickler.persistent_load.replace(&unpickler.header, None));
    drop(unpickler.setup.with(&unpickler.header, Option::take));
    drop(unpickler.memo.with(&unpickler.header, std::mem::take));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_pickle.Unpickler",
    doc: "Unpickler(file, *, fix_imports=True, encoding='ASCII', errors='strict',\n          buffers=())\n--\n\nThis takes a binary file for reading a pickle data stream.\n\nThe protocol is found out. file needs read() and readline(), and may have peek() and readinto(). fix_imports, encoding\nand errors are for pickles of Python 2: whether names are mapped and how its strings become text ('bytes': not at all).\nbuffers gives the buffers that the pickle refers to.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::getattr(getattribute), SlotFn::setattr(setattr)],
    methods: &[
        method("persistent_load", NativeFn::One(persistent_load), "($self, pid, /)", ""),
        method("load", NativeFn::NoArgs(load), "($self, /)", "Load a pickle.\n\nReads an object from the file that was given to the constructor and returns it."),
        method("find_class", NativeFn::Bound(find_class), "($self, module_name, global_name, /)", "Return an object from a specified module, which is imported if need be.\n\nSubclasses may override this to allow less."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Returns size in memory, in bytes."),
    ],
    getsets: &[GetSetDef { name: "memo", get: memo_proxy::of_unpickler, set: Some(memo_proxy::set_unpickler_memo), doc: "" }],
    clear: Some(clear),
    ..followed::<Unpickler>()
};

pub static UNPICKLER: StaticType = StaticType::new(&SPEC);
