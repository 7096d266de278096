//! The registry of codecs: search functions, the cache, `codecs.encode` and `codecs.decode`.

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::{attribute, call, compare};
use crate::threads::thread_state::Thread;
use crate::types::dict::{self, DictObject};
use crate::types::list::{self, ListObject};
use crate::types::string;
use crate::types::tuple::{self, TupleObject};

/// The form of a name that search functions get and the cache is keyed by: lower case, runs of what is neither a letter,
/// a digit nor a dot as one underscore.
fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut pending = false;
    for ch in name.chars() {
        if ch.is_ascii_alphanumeric() || ch == '.' {
            if pending && !out.is_empty() {
                out.push('_');
            }
            pending = false;
            out.push(ch.to_ascii_lowercase());
        } else {
            pending = true;
        }
    }
    out
}

/// The list of search functions. The package `encodings`, which registers the standard one, is imported when the list
/// is first needed.
fn search_path(thread: &mut Thread) -> PyResult {
    let interpreter = thread.interpreter;
    if let Some(found) = interpreter.load(&interpreter.codec_search_path) {
        return Ok(found);
    }
    let made = list::new();
    interpreter.store(&interpreter.codec_search_path, Some(made.clone()));
    interpreter.store(&interpreter.codec_cache, Some(dict::new()));
    if let Some(import) = interpreter.builtin(*crate::names::interned("__import__")) {
        if let Err(raised) = call::call(*import, &[*Owned::str("encodings")], thread) {
            interpreter.store(&interpreter.codec_search_path, None);
            return Err(raised);
        }
    }
    Ok(made)
}

fn cache(thread: &mut Thread) -> Owned {
    let interpreter = thread.interpreter;
    interpreter.load(&interpreter.codec_cache).unwrap_or_else(|| {
        let made = dict::new();
        interpreter.store(&interpreter.codec_cache, Some(made.clone()));
        made
    })
}

/// `codecs.register(search_function)`.
pub fn register(function: Value, thread: &mut Thread) -> PyResult<()> {
    let path = search_path(thread)?;
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("argument must be callable"));
    }
    ListObject::of(*path).push(function.to_owned());
    Ok(())
}

/// `codecs.unregister(search_function)`: also forgets what has been looked up.
pub fn unregister(function: Value, thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let Some(path) = interpreter.load(&interpreter.codec_search_path) else { return Ok(()) };
    let functions = ListObject::of(*path).to_vec();
    if let Some(at) = functions.iter().position(|known| known.is(function)) {
        DictObject::of(*cache(thread)).clear(thread);
        drop(ListObject::of(*path).remove_at(at));
    }
    Ok(())
}

/// `codecs.lookup(encoding)`: a tuple of four.
pub fn lookup(encoding: &str, thread: &mut Thread) -> PyResult {
    let path = search_path(thread)?;
    let name = string::intern_str(&normalize(encoding));
    let cache = cache(thread);
    if let Some(found) = DictObject::of(*cache).get_str(*name) {
        return Ok(found);
    }
    let functions = ListObject::of(*path).to_vec();
    if functions.is_empty() {
        return Err(thread.raise(&exc::LOOKUP_ERROR, "no codec search functions registered: can't find encoding"));
    }
    for function in functions {
        let found = call::call(*function, &[*name], thread)?;
        if found.is_none() {
            continue;
        }
        let is_tuple = found.is_pointer() && found.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS);
        if !is_tuple || TupleObject::of(*found).len() != 4 {
            return Err(thread.raise_type_error("codec search functions must return 4-tuples"));
        }
        drop(DictObject::of(*cache).set_str(*name, found.clone()));
        return Ok(found);
    }
    Err(thread.raise(&exc::LOOKUP_ERROR, format!("unknown encoding: {encoding}")))
}

/// The codec of a text encoding; others may only be used through `alternative`.
pub fn lookup_text_encoding(encoding: &str, alternative: &str, thread: &mut Thread) -> PyResult {
    let codec = lookup(encoding, thread)?;
    if !tuple::is_exact(*codec) {
        if let Some(flag) = attribute::get_optional(*codec, crate::names::names()._is_text_encoding, thread)? {
            if !compare::truth(*flag, thread)? {
                return Err(thread.raise(
                    &exc::LOOKUP_ERROR,
                    format!("'{encoding}' is not a text encoding; use {alternative} to handle arbitrary codecs"),
                ));
            }
        }
    }
    Ok(codec)
}

/// Calls one of a codec's functions; the result is the first item of the pair that it returns.
fn run(codec: Value, index: usize, object: Value, encoding: &str, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    let (what, doing) = if index == 0 { ("encoder", "encoding") } else { ("decoder", "decoding") };
    let function = TupleObject::of(codec).item(index);
    let errors = errors.map(Owned::str);
    let result = match &errors {
        Some(errors) => call::call(function, &[object, **errors], thread),
        None => call::call(function, &[object], thread),
    };
    let result = match result {
        Ok(result) => result,
        Err(raised) => {
            let Some(exception) = thread.take_exception() else { return Err(raised) };
            let note = Owned::str(&format!("{doing} with '{encoding}' codec failed"));
            let add_note = crate::names::interned("add_note");
            if call::call_method(*exception, *add_note, &[*note], thread).is_err() {
                drop(thread.take_exception());
            }
            return Err(thread.reraise(exception));
        }
    };
    let is_tuple = result.is_pointer() && result.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS);
    if !is_tuple || TupleObject::of(*result).len() != 2 {
        return Err(thread.raise_type_error(if what == "encoder" {
            "encoder must return a tuple (object, integer)"
        } else {
            "decoder must return a tuple (object,integer)"
        }));
    }
    Ok(TupleObject::of(*result).item(0).to_owned())
}

/// Encodes by a codec that has been looked up.
pub fn encode_with(codec: Value, object: Value, encoding: &str, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    run(codec, 0, object, encoding, errors, thread)
}

/// Decodes by a codec that has been looked up.
pub fn decode_with(codec: Value, object: Value, encoding: &str, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    run(codec, 1, object, encoding, errors, thread)
}

/// `codecs.encode(object, encoding, errors)`, from any type to any.
pub fn encode(object: Value, encoding: &str, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    let codec = lookup(encoding, thread)?;
    encode_with(*codec, object, encoding, errors, thread)
}

/// `codecs.decode(object, encoding, errors)`, from any type to any.
pub fn decode(object: Value, encoding: &str, errors: Option<&str>, thread: &mut Thread) -> PyResult {
    let codec = lookup(encoding, thread)?;
    decode_with(*codec, object, encoding, errors, thread)
}
