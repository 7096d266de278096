//! Import: `importlib` from the library does the work; here is what leads to it.

pub mod import_time;

use crate::exceptions::{ExceptionObject, exc};
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::{attribute, call, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{StaticType, shapes};
use crate::types::dict::{self, DictObject};
use crate::types::module;
use crate::types::string::{self, StrObject};

/// Whether `__import__` is the built-in one.
pub fn is_default_import(value: Value) -> bool {
    value.has_shape(shapes::BUILTIN_FUNCTION) && crate::types::builtin_function::BuiltinFunction::of(value).def_name() == "__import__"
}

/// The module `name` if it is in `sys.modules`.
pub fn loaded_module(name: &str, thread: &mut Thread) -> Option<Owned> {
    let modules = thread.interpreter.modules_dict()?;
    DictObject::of(*modules).get_by_text(name).filter(|module| !module.is_none())
}

/// `import name`, giving the module itself (also for dotted names).
pub fn import_module(name: &str, thread: &mut Thread) -> PyResult {
    if let Some(found) = loaded_module(name, thread) {
        return Ok(found);
    }
    let name = Owned::str(name);
    import_absolute(*name, thread)
}

/// The module of an absolute name, imported if need be; one that another thread is importing is waited for.
pub fn import_absolute(name: Value, thread: &mut Thread) -> PyResult {
    let modules = thread.interpreter.modules_dict();
    if let Some(modules) = &modules {
        if let Some(found) = DictObject::of(**modules).get(name, thread)?.filter(|found| !found.is_none()) {
            let found = wait_if_initializing(found, name, thread)?;
            import_time::note_cached(name);
            return Ok(found);
        }
    }
    let interpreter = thread.interpreter;
    let names = crate::names::names();
    match interpreter.load(&interpreter.importlib) {
        Some(importlib) => {
            let function = attribute::get(*importlib, names._find_and_load, thread)?;
            let builtin = interpreter.builtin(names.__import__).unwrap_or_else(Owned::none);
            let timing = import_time::begin();
            let result = call::call(*function, &[name, *builtin], thread);
            if let Some(timing) = timing {
                timing.end(name);
            }
            if result.is_err() {
                remove_importlib_frames(thread);
            }
            result
        }
        None => import_native(name, thread),
    }
}

/// Another thread may be importing the module: waits until its lock is free.
fn wait_if_initializing(found: Owned, name: Value, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let Some(spec) = attribute::get_optional(*found, names.__spec__, thread)? else { return Ok(found) };
    if spec.is_none() {
        return Ok(found);
    }
    let flag = attribute::get_optional(*spec, names._initializing, thread)?;
    if flag.is_some_and(|flag| flag.is_true()) {
        let interpreter = thread.interpreter;
        if let Some(importlib) = interpreter.load(&interpreter.importlib) {
            let function = attribute::get(*importlib, names._lock_unlock_module, thread)?;
            call::call(*function, &[name], thread)?;
        }
    }
    Ok(found)
}

/// Makes a native module before `importlib` exists.
fn import_native(name: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(name).to_string_lossy();
    match create_native(&text, thread)? {
        Some(module) => {
            if let Some(modules) = thread.interpreter.modules_dict() {
                DictObject::of(*modules).set(name, module.clone(), thread)?;
            }
            Ok(module)
        }
        None => Err(raise_module_not_found(&text, thread)),
    }
}

/// A fresh native module, `None` if there is none of that name.
pub fn create_native(name: &str, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let Some(native) = thread.interpreter.native_module(name) else { return Ok(None) };
    let made = module::new(native.name);
    (native.initialize)(*made, thread)?;
    Ok(Some(made))
}

fn raise_module_not_found(name: &str, thread: &mut Thread) -> Raised {
    raise_class(&exc::MODULE_NOT_FOUND_ERROR, &format!("No module named '{name}'"), Some(name), thread)
}

/// Raises `ImportError(message, name=name)`.
pub fn raise_import_error(message: &str, name: Option<&str>, thread: &mut Thread) -> Raised {
    raise_class(&exc::IMPORT_ERROR, message, name, thread)
}

fn raise_class(class: &StaticType, message: &str, name: Option<&str>, thread: &mut Thread) -> Raised {
    let exception = crate::exceptions::make(class, vec![Owned::str(message)]);
    let object = crate::exceptions::object::ImportErrorObject::of(*exception);
    drop(object.name.replace_locked(name.map(Owned::str)));
    drop(object.msg.replace_locked(Some(Owned::str(message))));
    thread.raise_exception(exception)
}

/// The frames of importlib itself are cut out of the traceback of a failed import, as CPython does.
fn remove_importlib_frames(thread: &mut Thread) {
    if thread.interpreter.config.read().verbose > 0 {
        return;
    }
    let Some(exception) = thread.take_exception() else { return };
    let object = ExceptionObject::of(*exception);
    let always = exception.is_instance(exc::IMPORT_ERROR.get());
    let mut kept: Vec<Owned> = Vec::new();
    let mut chunk: Vec<Owned> = Vec::new();
    let mut in_importlib = false;
    let mut at = object.traceback();
    while let Some(entry) = at {
        let traceback = crate::types::traceback::TracebackObject::of(*entry);
        let code = crate::types::frame_object::code_of(*traceback.frame);
        let (file, name) = code.map_or((String::new(), String::new()), |code| {
            (StrObject::of(*code.filename()).to_string_lossy(), StrObject::of(*code.name).to_string_lossy())
        });
        let now = file == "<frozen importlib._bootstrap>" || file == "<frozen importlib._bootstrap_external>";
        at = traceback.next();
        if now {
            if !in_importlib {
                chunk.clear();
            }
            in_importlib = true;
            chunk.push(entry);
            if always || name == "_call_with_frames_removed" {
                // The whole chunk up to here goes.
                chunk.clear();
            }
        } else {
            kept.append(&mut chunk);
            in_importlib = false;
            kept.push(entry);
        }
    }
    kept.append(&mut chunk);
    let mut next = None;
    for entry in kept.into_iter().rev() {
        let traceback = crate::types::traceback::TracebackObject::of(*entry);
        next = Some(crate::types::traceback::new(next, traceback.frame.clone(), traceback.lasti, traceback.line().unwrap_or(-1)));
    }
    object.set_traceback(next);
    thread.set_exception(exception);
}

/// `__import__(name, globals, locals, from_list, level)`.
pub fn import_level(name: Value, globals: Value, from_list: Value, level: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(name) {
        return Err(thread.raise_type_error("module name must be a string"));
    }
    let level = crate::protocol::convert::index_as_i64(level, thread, Some(&exc::OVERFLOW_ERROR))?;
    if level < 0 {
        return Err(thread.raise_value_error("level must be >= 0"));
    }
    let absolute = if level > 0 {
        resolve_name(name, globals, level, thread)?
    } else {
        if StrObject::of(name).is_empty() {
            return Err(thread.raise_value_error("Empty module name"));
        }
        name.to_owned()
    };
    let found = import_absolute(*absolute, thread)?;
    let has_from = !from_list.is_none() && crate::protocol::compare::truth(from_list, thread)?;
    let names = crate::names::names();
    if has_from {
        let Some(path) = attribute::get_optional(*found, names.__path__, thread)? else { return Ok(found) };
        let _ = path;
        let interpreter = thread.interpreter;
        let Some(importlib) = interpreter.load(&interpreter.importlib) else { return Ok(found) };
        let function = attribute::get(*importlib, names._handle_fromlist, thread)?;
        let builtin = interpreter.builtin(names.__import__).unwrap_or_else(Owned::none);
        let result = call::call(*function, &[*found, from_list, *builtin], thread);
        if result.is_err() {
            remove_importlib_frames(thread);
        }
        return result;
    }
    // `import a.b` binds `a`.
    let text = StrObject::of(name).to_string_lossy();
    match text.split_once('.') {
        None => Ok(found),
        Some((front, _)) => {
            if level == 0 {
                let front = Owned::str(front);
                return import_absolute(*front, thread);
            }
            let full = StrObject::of(*absolute).to_string_lossy();
            let cut = text.len() - front.len();
            let to_return = full[..full.len() - cut].to_string();
            match loaded_module(&to_return, thread) {
                Some(module) => Ok(module),
                None => Err(thread.raise(&exc::KEY_ERROR, format!("'{to_return}' not in sys.modules as expected"))),
            }
        }
    }
}

/// The absolute name of a relative import (PEP 328, PEP 366).
fn resolve_name(name: Value, globals: Value, level: i64, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    if !dict::is_dict(globals) {
        return Err(thread.raise_type_error("globals must be a dict"));
    }
    let globals = DictObject::of(globals);
    let package = globals.get_str(names.__package__).filter(|package| !package.is_none());
    let spec = globals.get_str(names.__spec__).filter(|spec| !spec.is_none());
    let package = match (package, spec) {
        (Some(package), _) => {
            if !string::is_str(*package) {
                return Err(thread.raise_type_error("package must be a string"));
            }
            StrObject::of(*package).to_string_lossy()
        }
        (None, Some(spec)) => {
            let parent = attribute::get(*spec, *crate::names::interned("parent"), thread)?;
            if !string::is_str(*parent) {
                return Err(thread.raise_type_error("__spec__.parent must be a string"));
            }
            StrObject::of(*parent).to_string_lossy()
        }
        (None, None) => {
            let Some(own) = globals.get_str(names.__name__) else {
                return Err(thread.raise(&exc::KEY_ERROR, "'__name__' not in globals"));
            };
            if !string::is_str(*own) {
                return Err(thread.raise_type_error("__name__ must be a string"));
            }
            let own = StrObject::of(*own).to_string_lossy();
            if globals.get_str(names.__path__).is_some() {
                own
            } else {
                own.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_string())
            }
        }
    };
    if package.is_empty() {
        return Err(thread.raise(&exc::IMPORT_ERROR, "attempted relative import with no known parent package"));
    }
    let mut base = package.as_str();
    for _ in 1..level {
        match base.rsplit_once('.') {
            Some((parent, _)) => base = parent,
            None => return Err(thread.raise(&exc::IMPORT_ERROR, "attempted relative import beyond top-level package")),
        }
    }
    let tail = StrObject::of(name).to_string_lossy();
    Ok(Owned::str(&if tail.is_empty() { base.to_string() } else { format!("{base}.{tail}") }))
}

/// IMPORT_FROM: an attribute of a module, or a submodule that is loaded.
pub fn import_from(module: Value, name: Value, thread: &mut Thread) -> PyResult {
    if let Some(value) = attribute::get_optional(module, name, thread)? {
        return Ok(value);
    }
    let names = crate::names::names();
    let module_name = attribute::get_optional(module, names.__name__, thread)?.filter(|own| string::is_str(**own));
    let wanted = StrObject::of(name).to_string_lossy();
    if let Some(own) = &module_name {
        let full = format!("{}.{wanted}", StrObject::of(**own).to_string_lossy());
        if let Some(found) = loaded_module(&full, thread) {
            return Ok(found);
        }
    }
    let own = module_name.as_ref().map_or("<unknown module name>".to_string(), |own| StrObject::of(**own).to_string_lossy());
    let spec = attribute::get_optional(module, names.__spec__, thread)?.filter(|spec| !spec.is_none());
    let mut origin = None;
    let mut initializing = false;
    if let Some(spec) = &spec {
        let has_location = attribute::get_optional(**spec, names.has_location, thread)?;
        if has_location.is_some_and(|flag| flag.is_true()) {
            origin = attribute::get_optional(**spec, names.origin, thread)?.filter(|origin| string::is_str(**origin));
        }
        initializing = attribute::get_optional(**spec, names._initializing, thread)?.is_some_and(|flag| flag.is_true());
    }
    if origin.is_none() {
        origin = attribute::get_optional(module, names.__file__, thread)?.filter(|file| string::is_str(**file));
    }
    let place = origin.as_ref().map_or("unknown location".to_string(), |origin| StrObject::of(**origin).to_string_lossy());
    let message = if initializing {
        format!("cannot import name '{wanted}' from partially initialized module '{own}' (most likely due to a circular import) ({place})")
    } else {
        format!("cannot import name '{wanted}' from '{own}' ({place})")
    };
    let exception = crate::exceptions::make(&exc::IMPORT_ERROR, vec![Owned::str(&message)]);
    let object = crate::exceptions::object::ImportErrorObject::of(*exception);
    drop(object.msg.replace_locked(Some(Owned::str(&message))));
    drop(object.name.replace_locked(module_name));
    drop(object.path.replace_locked(origin));
    drop(object.name_from.replace_locked(Some(name.to_owned())));
    Err(thread.raise_exception(exception))
}

/// `from module import *`.
pub fn import_all(module: Value, locals: Value, thread: &mut Thread) -> PyResult<()> {
    let names = crate::names::names();
    let (list, skip_private) = match attribute::get_optional(module, names.__all__, thread)? {
        Some(all) => (iterate::collect(*all, thread)?, false),
        None => {
            let Some(dict) = attribute::get_optional(module, names.__dict__, thread)? else {
                return Err(thread.raise(&exc::IMPORT_ERROR, "from-import-* object has no __dict__ and no __all__"));
            };
            let keys = call::call_method(*dict, names.keys, &[], thread)?;
            (iterate::collect(*keys, thread)?, true)
        }
    };
    for name in list {
        if !string::is_str(*name) {
            let what = if skip_private { "Key" } else { "Item" };
            let place = if skip_private { "__dict__" } else { "__all__" };
            let own = attribute::get(module, names.__name__, thread)?;
            let own = crate::protocol::convert::str_text(*own, thread)?;
            let got = name.type_object().full_name();
            return Err(thread.raise_type_error(format!("{what} in {own}.{place} must be str, not {got}")));
        }
        if skip_private && StrObject::of(*name).as_ascii().is_some_and(|text| text.starts_with('_')) {
            continue;
        }
        let value = attribute::get(module, *name, thread)?;
        if dict::is_exact(locals) {
            DictObject::of(locals).set(*name, value, thread)?;
        } else {
            crate::protocol::subscript::set_item(locals, *name, *value, thread)?;
        }
    }
    Ok(())
}
