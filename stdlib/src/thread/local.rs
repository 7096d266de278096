//! `_thread._local`: an object with different attributes in each thread.
//!
//! # Who may touch what
//! * The dicts lie in the object, by thread, so that the collector sees them. A thread that ends takes its own out
//!   ([`forget_thread`]); for that each thread has a list of the objects that it has used, which does not keep them alive.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::attribute;
use pyrt_runtime::protocol::call;
use pyrt_runtime::sync::{LeafMutex, Ordering};
use pyrt_runtime::types::builtin_types::{OBJECT, StaticType};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

/// By the thread's ident.
type Dicts = LeafMutex<HashMap<u64, Owned>>;

#[repr(C)]
struct Local {
    header: Header,
    /// What `__init__` gets in each thread.
    args: Slot,
    kwargs: Slot,
    dicts: Arc<Dicts>,
}

pub static LOCAL: StaticType = StaticType::new(&SPEC);

static USED: LeafMutex<Option<HashMap<u64, Vec<Weak<Dicts>>>>> = LeafMutex::new(None);

fn of<'a>(this: Value) -> &'a Local {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn ident(thread: &Thread) -> u64 {
    thread.shared.ident.load(Ordering::Relaxed)
}

/// The thread ends: its dicts go.
pub fn forget_thread(thread: &mut Thread) {
    loop {
        // What dies here may run code that uses locals again.
        let used = USED.lock().as_mut().and_then(|used| used.remove(&ident(thread)));
        let Some(used) = used else { return };
        for dicts in used.iter().filter_map(Weak::upgrade) {
            let dict = dicts.lock().remove(&ident(thread));
            if let Some(dict) = dict {
                lifetime::release(dict, thread);
            }
        }
    }
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ty = TypeObject::of(class);
    let has_init = ty.slots.init.raw() != OBJECT.get().slots.init.raw();
    if !has_init && (!args.is_empty() || !kwnames.is_empty()) {
        return Err(thread.raise_type_error("Initialization arguments are not supported"));
    }
    let kwargs = if kwnames.is_empty() {
        None
    } else {
        let kwargs = dict::new();
        for i in 0..kwnames.len() {
            if let Some(name) = kwnames.get(i) {
                DictObject::of(*kwargs).set(name, args.keyword(i).to_owned(), thread)?;
            }
        }
        Some(kwargs)
    };
    let positional = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    let made = lifetime::allocate_object(ty, |header| Local {
        header,
        args: Slot::new(positional),
        kwargs: Slot::from_option(kwargs),
        dicts: Arc::default(),
    });
    // The class call runs `__init__` for this thread.
    add_dict(*made, thread);
    Ok(made)
}

fn add_dict(this: Value, thread: &mut Thread) -> Owned {
    let made = dict::new();
    let dicts = &of(this).dicts;
    dicts.lock().insert(ident(thread), made.clone());
    let mut used = USED.lock();
    let mine = used.get_or_insert_with(HashMap::new).entry(ident(thread)).or_default();
    if mine.len() >= 64 && mine.len().is_power_of_two() {
        mine.retain(|dicts| dicts.strong_count() > 0);
    }
    mine.push(Arc::downgrade(dicts));
    made
}

/// This thread's dict; made, and `__init__` run, when first asked for.
fn own_dict(this: Value, thread: &mut Thread) -> PyResult {
    let found = of(this).dicts.lock().get(&ident(thread)).cloned();
    if let Some(found) = found {
        return Ok(found);
    }
    let made = add_dict(this, thread);
    let ty = this.type_object();
    if ty.slots.init.raw() != OBJECT.get().slots.init.raw() {
        let header = &of(this).header;
        let mut args = vec![this.to_owned()];
        if let Some(given) = of(this).args.load(header) {
            args.extend(tuple::TupleObject::of(*given).items().iter().map(|item| item.to_owned()));
        }
        let kwargs = of(this).kwargs.load(header);
        let name = pyrt_runtime::names::interned("__init__");
        if let Some(init) = attribute::lookup_type(ty, *name, thread) {
            let args = tuple::from_vec(args);
            let result = call::call_tuple(*init, *args, kwargs.as_ref().map(|kwargs| **kwargs), thread);
            if let Err(raised) = result {
                let removed = of(this).dicts.lock().remove(&ident(thread));
                drop(removed);
                return Err(raised);
            }
        }
    }
    Ok(made)
}

fn is_dict_name(name: Value) -> bool {
    string::is_str(name) && StrObject::of(name).equals_str("__dict__")
}

fn getattr(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let own = own_dict(this, thread)?;
    if is_dict_name(name) {
        return Ok(own);
    }
    if !string::is_str(name) {
        return attribute::generic_get(this, name, thread);
    }
    let ty = this.type_object();
    let found = attribute::lookup_type(ty, name, thread);
    let getter = found.as_ref().and_then(|found| found.type_object().slots.descr_get.get());
    if let (Some(found), Some(getter)) = (&found, getter) {
        if found.type_object().slots.descr_set.raw() != 0 {
            return getter(**found, Some(this), Some(ty.value()), thread);
        }
    }
    if let Some(value) = DictObject::of(*own).get(name, thread)? {
        return Ok(value);
    }
    match (found, getter) {
        (Some(found), Some(getter)) => getter(*found, Some(this), Some(ty.value()), thread),
        (Some(found), None) => Ok(found),
        (None, _) => Err(attribute::no_attribute(this, name, thread)),
    }
}

fn setattr(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let own = own_dict(this, thread)?;
    let ty = this.type_object();
    if is_dict_name(name) {
        let message = format!("'{}' object attribute '__dict__' is read-only", ty.full_name());
        return Err(attribute::raise_attribute_error(this, name, &message, thread));
    }
    if !string::is_str(name) {
        return attribute::generic_set(this, name, value, thread);
    }
    if let Some(found) = attribute::lookup_type(ty, name, thread) {
        if let Some(setter) = found.type_object().slots.descr_set.get() {
            return setter(*found, this, value, thread);
        }
    }
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

fn take_dicts(this: Value) -> Vec<Owned> {
    std::mem::take(&mut *of(this).dicts.lock()).into_values().collect()
}

unsafe fn dealloc(value: Value) {
    drop(take_dicts(value));
    // SAFETY: the object is dead, and its fields are dropped once.
    unsafe {
        let object = value.unmarked().header().cast::<Local>();
        drop((*object).args.replace_locked(None));
        drop((*object).kwargs.replace_locked(None));
        std::ptr::drop_in_place(&raw mut (*object).dicts);
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let local = of(value);
    for slot in [&local.args, &local.kwargs] {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
    // The world is stopped, so nobody is in the middle of a change.
    for dict in local.dicts.lock().values() {
        visit(**dict);
    }
}

unsafe fn clear(value: Value) {
    let local = of(value);
    for slot in [&local.args, &local.kwargs] {
        drop(slot.replace(&local.header, None));
    }
    drop(take_dicts(value));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_thread._local",
    doc: "Thread-local data",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<Local>(),
    slots: &[SlotFn::new(new), SlotFn::getattr(getattr), SlotFn::setattr(setattr)],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
