//! `__build_class__`: what a class statement calls.

use crate::interp::call_frame;
use crate::interp::frame::Frame;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::{attribute, call, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{TYPE, shapes};
use crate::types::dict::{self, DictObject};
use crate::types::function::FunctionObject;
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;
use crate::types::{cell, class_creation};

/// `__build_class__(func, name, /, *bases, [metaclass], **kwds)`.
pub fn build_class(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if args.len() < 2 {
        return Err(thread.raise_type_error("__build_class__: not enough arguments"));
    }
    let (function, name) = (args.at(0), args.at(1));
    if !function.has_shape(shapes::FUNCTION) {
        return Err(thread.raise_type_error("__build_class__: func must be a function"));
    }
    if !string::is_str(name) {
        return Err(thread.raise_type_error("__build_class__: name is not a string"));
    }
    let names = crate::names::names();
    let original: Vec<Value> = args.from(2).iter().collect();
    let original_bases = tuple::from_values(&original);
    let bases = resolve_bases(*original_bases, thread)?;
    let keywords = dict::new();
    let mut meta = None;
    for i in 0..kwnames.len() {
        let Some(key) = kwnames.get(i) else { break };
        if StrObject::of(key).equals_str("metaclass") {
            meta = Some(args.keyword(i).to_owned());
        } else {
            DictObject::of(*keywords).set(key, args.keyword(i).to_owned(), thread)?;
        }
    }
    let meta = match meta {
        Some(meta) => meta,
        None => match TupleObject::of(*bases).items().first() {
            Some(base) => base.type_object().value().to_owned(),
            None => TYPE.get().value().to_owned(),
        },
    };
    let meta = if is_type(*meta) {
        class_creation::calculate_metaclass(TypeObject::of(*meta), TupleObject::of(*bases).items(), thread)?.value().to_owned()
    } else {
        meta
    };
    let namespace = match attribute::get_optional(*meta, names.__prepare__, thread)? {
        Some(prepare) => {
            let arguments = tuple::from_values(&[name, *bases]);
            call::call_tuple(*prepare, *arguments, Some(*keywords), thread)?
        }
        None => dict::new(),
    };
    if namespace.type_object().slots.subscript.raw() == 0 {
        let meta_name = if is_type(*meta) { TypeObject::of(*meta).name() } else { "<metaclass>".to_string() };
        let got = namespace.type_object().full_name();
        return Err(thread.raise_type_error(format!("{meta_name}.__prepare__() must return a mapping, not {got}")));
    }
    let body_cell = run_body(function, *namespace, thread)?;
    if !bases.is(*original_bases) {
        subscript::set_item(*namespace, names.__orig_bases__, *original_bases, thread)?;
    }
    let arguments = tuple::from_values(&[name, *bases, *namespace]);
    let class = call::call_tuple(*meta, *arguments, Some(*keywords), thread)?;
    if is_type(*class) && body_cell.has_shape(shapes::CELL) {
        let Some(held) = cell::get(*body_cell) else {
            let shown = StrObject::of(name).to_string_lossy();
            let class = crate::protocol::special::safe_repr(*class, thread);
            return Err(thread.raise(
                &crate::exceptions::exc::RUNTIME_ERROR,
                format!("__class__ not set defining '{shown}' as {class}. Was __classcell__ propagated to type.__new__?"),
            ));
        };
        if !held.is(*class) {
            let (held, class) = (crate::protocol::special::safe_repr(*held, thread), crate::protocol::special::safe_repr(*class, thread));
            let shown = StrObject::of(name).to_string_lossy();
            return Err(thread.raise_type_error(format!("__class__ set to {held} defining '{shown}' as {class}")));
        }
    }
    Ok(class)
}

/// Bases that are not types are replaced by what their `__mro_entries__` gives (PEP 560).
fn resolve_bases(bases: Value, thread: &mut Thread) -> PyResult {
    let items = TupleObject::of(bases).items();
    let mut resolved: Vec<Owned> = Vec::with_capacity(items.len());
    let mut changed = false;
    for &base in items {
        if is_type(base) {
            resolved.push(base.to_owned());
            continue;
        }
        match attribute::get_optional(base, crate::names::names().__mro_entries__, thread)? {
            None => resolved.push(base.to_owned()),
            Some(method) => {
                let entries = call::call(*method, &[bases], thread)?;
                if !entries.is_pointer() || !entries.type_has_flag(TYPE_TUPLE_SUBCLASS) {
                    return Err(thread.raise_type_error("__mro_entries__ must return a tuple"));
                }
                resolved.extend(TupleObject::of(*entries).items().iter().map(|entry| entry.to_owned()));
                changed = true;
            }
        }
    }
    Ok(if changed { tuple::from_vec(resolved) } else { bases.to_owned() })
}

/// Runs the class body in `namespace`; it returns its `__class__` cell or None.
fn run_body(function: Value, namespace: Value, thread: &mut Thread) -> PyResult {
    let object = FunctionObject::of(function);
    let code = object.code();
    // SAFETY: the frame holds a count of the function, which keeps the three alive, and one of its namespace.
    let frame: *mut Frame = unsafe {
        let frame = call_frame::push_frame(thread, code, *object.globals, *object.builtins)?;
        (*frame).func = function.to_owned().into_raw().bits();
        (*frame).locals = namespace.to_owned().into_raw().bits();
        frame
    };
    call_frame::run_entry(thread, frame)
}
