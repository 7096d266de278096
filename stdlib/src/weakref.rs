//! `_weakref`: the module; the objects are in `pyrt_runtime::types::weakref`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::builtin_types::{WEAK_CALLABLE_PROXY, WEAK_PROXY, WEAKREF};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{list, module, weakref};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "_weakref", initialize };

fn getweakrefcount(_module: Value, object: Value, _thread: &mut Thread) -> PyResult {
    if !weakref::is_referenceable(object) {
        return Ok(Owned::int(0));
    }
    Ok(Owned::usize(weakref::references_of(object).len()))
}

fn getweakrefs(_module: Value, object: Value, _thread: &mut Thread) -> PyResult {
    if !weakref::is_referenceable(object) {
        return Ok(list::new());
    }
    Ok(list::from_vec(weakref::references_of(object)))
}

fn proxy(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    weakref::new_proxy(args.at(0), args.get(1).filter(|callback| !callback.is_none()), thread)
}

fn remove_dead_weakref(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (target, key) = (args.at(0), args.at(1));
    if !dict::is_dict(target) {
        let got = target.type_object().full_name();
        return Err(thread.raise_type_error(format!("_remove_dead_weakref() argument 1 must be dict, not {got}")));
    }
    let Some(found) = DictObject::of(target).get(key, thread)? else { return Ok(Owned::none()) };
    if !found.is_instance(WEAKREF.get()) {
        return Err(thread.raise(&exc::TYPE_ERROR, "not a weakref"));
    }
    if weakref::upgrade(*found).is_none() {
        drop(DictObject::of(target).remove(key, thread)?);
    }
    Ok(Owned::none())
}

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Weak-reference support module."));
    module::add_functions(this, FUNCTIONS);
    for (name, ty) in
        [("ref", &WEAKREF), ("ReferenceType", &WEAKREF), ("ProxyType", &WEAK_PROXY), ("CallableProxyType", &WEAK_CALLABLE_PROXY)]
    {
        module::add(this, name, ty.get().value().to_owned());
    }
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method("getweakrefcount", NativeFn::One(getweakrefcount), "($module, object, /)", "Return the number of weak references to 'object'."),
    method("getweakrefs", NativeFn::One(getweakrefs), "($module, object, /)", "Return a list of all weak reference objects pointing to 'object'."),
    method("proxy", NativeFn::Bound(proxy), "($module, object, callback=None, /)", "Create a proxy object that weakly references 'object'."),
    method("_remove_dead_weakref", NativeFn::Bound(remove_dead_weakref), "($module, dct, key, /)", "Atomically remove key from dict if it points to a dead weakref."),
];
