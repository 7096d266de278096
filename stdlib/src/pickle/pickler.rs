//! `Pickler`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, compare, convert};
use pyrt_runtime::sync::{AtomicBool, AtomicI32, Ordering};
use pyrt_runtime::types::builtin_function::BuiltinFunction;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::int;
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use super::memo::PicklerMemo;
use super::notes::pickling_error;
use super::opcodes::{DEFAULT_PROTOCOL, HIGHEST_PROTOCOL};
use super::output::Output;
use super::saving::Save;
use super::{memo_proxy, registries};
use crate::native_type::{followed, object, references};

#[repr(C)]
pub struct Pickler {
    pub header: Header,
    pub dispatch_table: Slot,
    /// `persistent_id` as set on the object.
    persistent_id: Slot,
    /// The file's `write`; empty in `dumps`.
    write: Slot,
    pub buffer_callback: Slot,
    pub bin: AtomicI32,
    pub fast: AtomicI32,
    /// The protocol; negative before `__init__`.
    pub protocol: AtomicI32,
    pub fix_imports: AtomicBool,
    running: AtomicBool,
    pub memo: Guarded<PicklerMemo>,
}

references!(Pickler: dispatch_table, persistent_id, write, buffer_callback, memo);

pub fn of<'a>(this: Value) -> &'a Pickler {
    // SAFETY: called for objects of the type and of its subclasses only.
    unsafe { object(this) }
}

fn allocate(class: &TypeObject) -> Owned {
    allocate_object(class, |header| Pickler {
        header,
        dispatch_table: Slot::empty(),
        persistent_id: Slot::empty(),
        write: Slot::empty(),
        buffer_callback: Slot::empty(),
        bin: AtomicI32::new(0),
        fast: AtomicI32::new(0),
        protocol: AtomicI32::new(-1),
        fix_imports: AtomicBool::new(false),
        running: AtomicBool::new(false),
        memo: Guarded::new(PicklerMemo::default()),
    })
}

/// A pickler of the module's functions.
pub fn create(thread: &mut Thread) -> PyResult {
    registries(thread)?;
    Ok(allocate(PICKLER.get()))
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    registries(thread)?;
    Ok(allocate(TypeObject::of(class)))
}

fn already_used(thread: &mut Thread) -> pyrt_runtime::Raised {
    thread.raise(&exc::RUNTIME_ERROR, "Pickler object is already used")
}

/// Sets a pickler up. `options`: protocol, fix_imports, buffer_callback.
pub fn configure(this: Value, file: Option<Value>, options: &Args<'_>, thread: &mut Thread) -> PyResult<()> {
    let pickler = of(this);
    let protocol = match options.get(0).filter(|protocol| !protocol.is_none()) {
        None => DEFAULT_PROTOCOL,
        Some(protocol) => match convert::as_c_int(protocol, thread)? {
            ..0 => HIGHEST_PROTOCOL,
            given if given > i32::from(HIGHEST_PROTOCOL) => {
                return Err(thread.raise_value_error(format!("pickle protocol must be <= {HIGHEST_PROTOCOL}")));
            }
            given => given as u8,
        },
    };
    let fix_imports = options.get(1).map_or(Ok(true), |value| compare::truth(value, thread))?;
    let write = match file {
        None => None,
        Some(file) => match attribute::get_optional(file, pyrt_runtime::names().write, thread)? {
            Some(write) => Some(write),
            None => return Err(thread.raise_type_error("file must have a 'write' attribute")),
        },
    };
    let callback = options.get(2).filter(|callback| !callback.is_none());
    if callback.is_some() && protocol < 5 {
        return Err(thread.raise_value_error("buffer_callback needs protocol >= 5"));
    }
    drop(pickler.write.replace(&pickler.header, write));
    drop(pickler.buffer_callback.replace(&pickler.header, callback.map(|callback| callback.to_owned())));
    pickler.bin.store(i32::from(protocol > 0), Ordering::Relaxed);
    pickler.fast.store(0, Ordering::Relaxed);
    pickler.fix_imports.store(fix_imports && protocol < 3, Ordering::Relaxed);
    pickler.protocol.store(i32::from(protocol), Ordering::Relaxed);
    Ok(())
}

static INIT_SIGNATURE: LazySignature = LazySignature::new("(file, protocol=None, fix_imports=True, buffer_callback=None)");

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let bound = INIT_SIGNATURE.bind("Pickler", args, kwnames, thread)?;
    let pickler = of(this);
    if pickler.running.load(Ordering::Relaxed) {
        return Err(already_used(thread));
    }
    let args = bound.args();
    configure(this, Some(args.at(0)), &args.from(1), thread)?;
    let old = pickler.memo.with(&pickler.header, std::mem::take);
    release_memo(old, thread);
    let table = attribute::get_optional(this, pyrt_runtime::names().dispatch_table, thread)?;
    drop(pickler.dispatch_table.replace(&pickler.header, table));
    Ok(())
}

/// Gives up a memo's objects.
pub fn release_memo(memo: PicklerMemo, thread: &mut Thread) {
    drop(memo);
    lifetime::drain_pending(thread);
}

/// Ends the marking of a pickler at work.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn run(this: Value, value: Value, output: Output, thread: &mut Thread) -> PyResult<Output> {
    let pickler = of(this);
    // Acquire: pairs with the Release of the dump before.
    if pickler.running.swap(true, Ordering::Acquire) {
        return Err(already_used(thread));
    }
    let _running = Running(&pickler.running);
    let mut save = Save::new(this, output, thread)?;
    save.whole(value, thread)?;
    Ok(save.into_output())
}

pub fn dump_to_bytes(this: Value, value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    Ok(run(this, value, Output::new(None), thread)?.finish())
}

pub fn dump_to_file(this: Value, value: Value, thread: &mut Thread) -> PyResult<()> {
    let pickler = of(this);
    let write = pickler.write.load(&pickler.header);
    run(this, value, Output::new(write), thread)?.finish_file(thread)
}

fn dump(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let pickler = of(this);
    if pickler.protocol.load(Ordering::Relaxed) < 0 {
        let name = this.type_object().full_name();
        return Err(pickling_error(format!("Pickler.__init__() was not called by {name}.__init__()"), thread));
    }
    dump_to_file(this, value, thread)?;
    Ok(Owned::none())
}

fn clear_memo(this: Value, thread: &mut Thread) -> PyResult {
    let pickler = of(this);
    let old = pickler.memo.with(&pickler.header, std::mem::take);
    release_memo(old, thread);
    Ok(Owned::none())
}

fn persistent_id(_this: Value, _value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

/// What a dump asks for persistent ids, if it is not the method of the base class, which knows none.
pub fn persistent_id_of(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let pickler = of(this);
    if let Some(own) = pickler.persistent_id.load(&pickler.header) {
        return Ok(Some(own));
    }
    if std::ptr::eq(this.type_object(), PICKLER.get()) {
        return Ok(None);
    }
    let found = attribute::get_optional(this, pyrt_runtime::names().persistent_id, thread)?;
    Ok(found.filter(|found| !is_native_method(**found, &SPEC, "persistent_id")))
}

/// Whether a value is the bound method `name` of a type's declaration.
pub fn is_native_method(value: Value, spec: &TypeSpec, name: &str) -> bool {
    value.has_shape(shapes::BUILTIN_FUNCTION)
        && spec.methods.iter().any(|method| method.name == name && std::ptr::eq(method, BuiltinFunction::of(value).def()))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let pickler = of(this);
    let memo = pickler.memo.with(&pickler.header, |memo| memo.size());
    Ok(Owned::usize(this.type_object().basic_size() + memo))
}

fn getattribute(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    if StrObject::of(name).equals_str("persistent_id") {
        let pickler = of(this);
        if let Some(own) = pickler.persistent_id.load(&pickler.header) {
            return Ok(own);
        }
    }
    attribute::generic_get(this, name, thread)
}

fn setattr(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if StrObject::of(name).equals_str("persistent_id") {
        let pickler = of(this);
        if let Some(old) = pickler.persistent_id.replace(&pickler.header, value.map(|value| value.to_owned())) {
            lifetime::release(old, thread);
        }
        return Ok(());
    }
    attribute::generic_set(this, name, value, thread)
}

fn number_setter(field: &AtomicI32, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise_type_error("can't delete numeric/char attribute")) };
    let number = convert::as_c_int(value, thread)?;
    field.store(number, Ordering::Relaxed);
    Ok(())
}

fn get_bin(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_i64(i64::from(of(this).bin.load(Ordering::Relaxed))))
}

fn set_bin(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    number_setter(&of(this).bin, value, thread)
}

fn get_fast(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_i64(i64::from(of(this).fast.load(Ordering::Relaxed))))
}

fn set_fast(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    number_setter(&of(this).fast, value, thread)
}

unsafe fn clear(value: Value) {
    let pickler = of(value);
    for slot in [&pickler.dispatch_table, &pickler.persistent_id, &pickler.write, &pickler.buffer_callback] {
        drop(slot.replace(&pickler.header, None));
    }
    drop(pickler.memo.with(&pickler.header, std::mem::take));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_pickle.Pickler",
    doc: "Pickler(file, protocol=None, fix_imports=True, buffer_callback=None)\n--\n\nThis takes a binary file for writing a pickle data stream.\n\nprotocol is the version of the format, negative for the highest; file needs a write() method that takes bytes. With\nfix_imports, names of Python 2 are written for protocols below 3. buffer_callback gets the buffers that may travel\napart from the stream; it needs protocol 5.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::getattr(getattribute), SlotFn::setattr(setattr)],
    methods: &[
        method("persistent_id", NativeFn::One(persistent_id), "($self, obj, /)", ""),
        method("dump", NativeFn::One(dump), "($self, obj, /)", "Write a pickled representation of the given object to the open file."),
        method("clear_memo", NativeFn::NoArgs(clear_memo), "($self, /)", "Clears the pickler's \"memo\", which remembers the objects that were written."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Returns size in memory, in bytes."),
    ],
    getsets: &[
        GetSetDef { name: "bin", get: get_bin, set: Some(set_bin), doc: "" },
        GetSetDef { name: "fast", get: get_fast, set: Some(set_fast), doc: "" },
        GetSetDef { name: "memo", get: memo_proxy::of_pickler, set: Some(memo_proxy::set_pickler_memo), doc: "" },
    ],
    members: &[MemberDef { name: "dispatch_table", offset: std::mem::offset_of!(Pickler, dispatch_table), readonly: false, none_if_empty: false, doc: "" }],
    clear: Some(clear),
    ..followed::<Pickler>()
};

pub static PICKLER: StaticType = StaticType::new(&SPEC);
