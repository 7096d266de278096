//! Objects that are found by name: classes, functions, and what a reduction names.

use pyrt_runtime::codecs;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::import;
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::{TYPE_HEAP, TYPE_TUPLE_SUBCLASS, TypeObject, is_type};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::notes::{pickling_error, pickling_error_from};
use super::opcodes::*;
use super::registries;
use super::saving::Save;

/// The parts of a dotted name.
pub fn split(name: Value) -> Vec<Owned> {
    let text = StrObject::of(name);
    let mut parts = Vec::new();
    let mut start = 0;
    for (i, ch) in text.chars().iter().enumerate() {
        if ch == u32::from(b'.') {
            parts.push(string::slice(text, start, i));
            start = i + 1;
        }
    }
    if start == 0 {
        return vec![name.to_owned()];
    }
    parts.push(string::slice(text, start, text.len()));
    parts
}

/// Follows a path of attributes.
pub fn follow(object: Value, path: &[Owned], thread: &mut Thread) -> PyResult {
    let mut at = object.to_owned();
    for name in path {
        at = attribute::get(*at, **name, thread)?;
    }
    Ok(at)
}

/// The module of a name, imported if need be.
pub fn import_named(name: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(name) {
        return Err(thread.raise_type_error("module name must be a string"));
    }
    if StrObject::of(name).is_empty() {
        return Err(thread.raise_value_error("Empty module name"));
    }
    import::import_absolute(name, thread)
}

/// Whether `path` leads from a module to the object itself; an error if it leads nowhere.
fn leads_to(module: Value, path: &[Owned], object: Value, thread: &mut Thread) -> PyResult<bool> {
    Ok(follow(module, path, thread)?.is(object))
}

/// The module that has the object under its name, found by looking through all of them.
fn search_modules(object: Value, path: &[Owned], thread: &mut Thread) -> PyResult {
    let modules = thread.interpreter.modules_dict();
    let entries = modules.map(|modules| DictObject::of(*modules).entries()).unwrap_or_default();
    for entry in entries {
        if entry.value.is_none() || !string::is_str(*entry.key) {
            continue;
        }
        let key = StrObject::of(*entry.key);
        if key.equals_str("__main__") || key.equals_str("__mp_main__") {
            continue;
        }
        match leads_to(*entry.value, path, object, thread) {
            Ok(true) => return Ok(entry.key),
            Ok(false) => {}
            Err(raised) => drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?),
        }
    }
    Ok(Owned::str("__main__"))
}

/// The name of the object's module, where the object is to be found under `path`.
fn which_module(object: Value, name: Value, path: &[Owned], thread: &mut Thread) -> PyResult {
    let own = attribute::get_optional(object, pyrt_runtime::names().__module__, thread)?;
    if path.iter().any(|part| StrObject::of(**part).equals_str("<locals>")) {
        let shown = convert::repr_text(object, thread)?;
        return Err(pickling_error(format!("Can't pickle local object {shown}"), thread));
    }
    let module_name = match own.filter(|own| !own.is_none()) {
        Some(own) => own,
        None => search_modules(object, path, thread)?,
    };
    let module = match import_named(*module_name, thread) {
        Ok(module) => module,
        Err(raised) => {
            let is_expected = [&exc::IMPORT_ERROR, &exc::VALUE_ERROR, &exc::KEY_ERROR].into_iter().any(|class| thread.exception_matches(class));
            let Some(exception) = thread.take_exception() else { return Err(raised) };
            if !is_expected {
                return Err(thread.reraise(exception));
            }
            let (shown, why) = (convert::repr_text(object, thread)?, convert::str_text(*exception, thread)?);
            return Err(pickling_error_from(exception, format!("Can't pickle {shown}: {why}"), thread));
        }
    };
    match leads_to(*module, path, object, thread) {
        Ok(true) => Ok(module_name),
        found => {
            let exception = match found {
                Ok(_) => None,
                Err(raised) => Some(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?),
            };
            let shown = convert::repr_text(object, thread)?;
            let (module_name, name) = (convert::str_text(*module_name, thread)?, convert::str_text(name, thread)?);
            Err(match exception {
                Some(exception) => pickling_error_from(exception, format!("Can't pickle {shown}: it's not found as {module_name}.{name}"), thread),
                None => pickling_error(format!("Can't pickle {shown}: it's not the same object as {module_name}.{name}"), thread),
            })
        }
    }
}

impl Save<'_> {
    /// An object that is found by name; `name` if its reduction says which.
    pub(super) fn save_global(&mut self, object: Value, name: Option<Owned>, thread: &mut Thread) -> PyResult<()> {
        let names = pyrt_runtime::names();
        let name = match name {
            Some(name) => name,
            None => match attribute::get_optional(object, names.__qualname__, thread)? {
                Some(name) => name,
                None => attribute::get(object, names.__name__, thread)?,
            },
        };
        if !string::is_str(*name) {
            let given = name.type_object().full_name();
            return Err(thread.raise_type_error(format!("must be str, not {given}")));
        }
        let path = split(*name);
        let module_name = which_module(object, *name, &path, thread)?;
        if self.protocol >= 2 && self.save_extension(*module_name, *name, thread)? {
            return Ok(());
        }
        if self.protocol >= 4 {
            self.save(*module_name, thread)?;
            // The name of a native type is never the very object that is its module's name.
            let is_same = name.is(*module_name) && is_type(object) && !TypeObject::of(object).has_flag(TYPE_HEAP);
            let name = if is_same { string::from_wtf8(&StrObject::of(*name).to_wtf8()) } else { name };
            self.save(*name, thread)?;
            self.out.byte(STACK_GLOBAL);
            return self.memoize(object, thread);
        }
        // getattr(getattr(first, second), third), from the outside in.
        let (first, rest) = match path.split_first() {
            Some((first, rest)) => (first.clone(), rest),
            None => (name.clone(), &path[..]),
        };
        for _ in rest {
            self.save(registries(thread)?.getattr(), thread)?;
            if self.protocol < 2 {
                self.out.byte(MARK);
            }
        }
        self.save_top_level(module_name, first, thread)?;
        for part in rest {
            self.save(**part, thread)?;
            self.out.byte(if self.protocol < 2 { TUPLE } else { TUPLE2 });
            self.out.byte(REDUCE);
        }
        self.memoize(object, thread)
    }

    /// The number that `copyreg.add_extension` gave the name, if any.
    fn save_extension(&mut self, module_name: Value, name: Value, thread: &mut Thread) -> PyResult<bool> {
        let registry = DictObject::of(registries(thread)?.extension_registry());
        if registry.is_empty() {
            return Ok(false);
        }
        let key = tuple::from_values(&[module_name, name]);
        let Some(code) = registry.get(*key, thread)? else { return Ok(false) };
        let number = convert::as_c_long(*code, thread)?;
        let Some(number) = i32::try_from(number).ok().filter(|number| *number > 0) else {
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("extension code {number} is out of range")));
        };
        let [a, b, c, d] = number.to_le_bytes();
        match number {
            ..=0xFF => self.out.bytes(&[EXT1, a]),
            0x100..=0xFFFF => self.out.bytes(&[EXT2, a, b]),
            _ => self.out.bytes(&[EXT4, a, b, c, d]),
        }
        Ok(true)
    }

    /// GLOBAL with a name that has no dots.
    fn save_top_level(&mut self, module_name: Owned, name: Owned, thread: &mut Thread) -> PyResult<()> {
        let (module_name, name) = if self.fix_imports { older_name(module_name, name, thread)? } else { (module_name, name) };
        self.out.byte(GLOBAL);
        for (text, what) in [(module_name, "module"), (name, "global")] {
            let object = StrObject::of(*text);
            let bytes = if self.protocol >= 3 { object.as_utf8() } else { object.as_ascii() };
            match bytes {
                Some(bytes) => self.out.bytes(bytes.as_bytes()),
                None => {
                    let encoding = if self.protocol >= 3 { "utf-8" } else { "ascii" };
                    let Err(raised) = codecs::encode_text(*text, encoding, "strict", thread) else { continue };
                    let exception = thread.catch(raised, &exc::UNICODE_ENCODE_ERROR)?;
                    let (shown, protocol) = (convert::repr_text(*text, thread)?, self.protocol);
                    let message = format!("can't pickle {what} identifier {shown} using pickle protocol {protocol}");
                    return Err(pickling_error_from(exception, message, thread));
                }
            }
            self.out.byte(b'\n');
        }
        Ok(())
    }
}

/// What Python 2 called an object.
fn older_name(module_name: Owned, name: Owned, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let registries = registries(thread)?;
    map_name(module_name, name, [registries.reverse_name_mapping(), registries.reverse_import_mapping()], ["REVERSE_NAME_MAPPING", "REVERSE_IMPORT_MAPPING"], thread)
}

/// What an object of Python 2 is called now.
pub fn newer_name(module_name: Owned, name: Owned, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let registries = registries(thread)?;
    map_name(module_name, name, [registries.name_mapping(), registries.import_mapping()], ["NAME_MAPPING", "IMPORT_MAPPING"], thread)
}

/// Looks a name up in the table of names, else its module in the table of modules.
fn map_name(module_name: Owned, name: Owned, tables: [Value; 2], labels: [&str; 2], thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let key = tuple::from_values(&[*module_name, *name]);
    if let Some(pair) = DictObject::of(tables[0]).get(*key, thread)? {
        let label = labels[0];
        if !(pair.is_pointer() && pair.type_has_flag(TYPE_TUPLE_SUBCLASS) && TupleObject::of(*pair).len() == 2) {
            let given = pair.type_object().full_name();
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("_compat_pickle.{label} values should be 2-tuples, not {given}")));
        }
        let (module_name, name) = (TupleObject::of(*pair).item(0), TupleObject::of(*pair).item(1));
        if !string::is_str(module_name) || !string::is_str(name) {
            let (a, b) = (module_name.type_object().full_name(), name.type_object().full_name());
            return Err(thread.raise(&exc::RUNTIME_ERROR, format!("_compat_pickle.{label} values should be pairs of str, not ({a}, {b})")));
        }
        return Ok((module_name.to_owned(), name.to_owned()));
    }
    match DictObject::of(tables[1]).get(*module_name, thread)? {
        None => Ok((module_name, name)),
        Some(mapped) if string::is_str(*mapped) => Ok((mapped, name)),
        Some(mapped) => {
            let (label, given) = (labels[1], mapped.type_object().full_name());
            Err(thread.raise(&exc::RUNTIME_ERROR, format!("_compat_pickle.{label} values should be strings, not {given}")))
        }
    }
}
