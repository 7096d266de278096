//! `AST`, the base of all node classes: construction from fields, pickling, copying, `repr`.

use super::classes::classes;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::names::names;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, convert, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, list};

#[repr(C)]
struct NodeObject {
    header: Header,
    /// The attributes; made when the first is set.
    dict: Slot,
}

/// How deep `repr` of a node goes.
const REPR_DEPTH: u32 = 3;

/// A new node of a class with the given attributes.
pub fn node_with_dict(class: &TypeObject, attributes: Owned) -> Owned {
    let node = new_node(class);
    // SAFETY: the classes of this module are derived from `AST`.
    let object = unsafe { node.as_ref::<NodeObject>() };
    drop(object.dict.replace(&object.header, Some(attributes)));
    node
}

fn new_node(class: &TypeObject) -> Owned {
    lifetime::allocate_object(class, |header| NodeObject { header, dict: Slot::empty() })
}

fn node_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(new_node(TypeObject::of(class)))
}

fn warn_deprecated(message: &str, thread: &mut Thread) -> PyResult<()> {
    match thread.interpreter.hooks().warn {
        Some(warn) => warn(exc::DEPRECATION_WARNING.get().value(), message, 1, thread),
        None => Ok(()),
    }
}

/// The items of a class attribute that is a sequence of names; none if it is missing.
fn name_list(this: Value, name: Value, thread: &mut Thread) -> PyResult<Option<Vec<Owned>>> {
    match attribute::get_optional(this.type_object().value(), name, thread)? {
        Some(names) if tuple::is_exact(*names) => Ok(Some(TupleObject::of(*names).items().iter().map(Value::to_owned).collect())),
        Some(names) => {
            let length = call::call_method(*names, pyrt_runtime::names::names().__len__, &[], thread);
            if let Err(raised) = length {
                drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
                let got = names.type_object().full_name();
                return Err(thread.raise_type_error(format!("object of type '{got}' has no len()")));
            }
            iterate::collect(*names, thread).map(Some)
        }
        None => Ok(None),
    }
}

fn position(names: &[Owned], name: Value, thread: &mut Thread) -> PyResult<Option<usize>> {
    for (i, one) in names.iter().enumerate() {
        if one.is(name) || compare::equals(**one, name, thread)? {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

fn node_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let fields = name_list(this, names()._fields, thread)?.unwrap_or_default();
    let class = this.type_object();
    if fields.len() < args.len() {
        let (name, n) = (class.name(), fields.len());
        let plural = if n == 1 { "" } else { "s" };
        return Err(thread.raise_type_error(format!("{name} constructor takes at most {n} positional argument{plural}")));
    }
    let mut is_given = vec![false; fields.len()];
    for (i, value) in args.iter().enumerate() {
        attribute::set(this, *fields[i], value, thread)?;
        is_given[i] = true;
    }
    let mut attributes: Option<Vec<Owned>> = None;
    for i in 0..kwnames.len() {
        let Some(key) = kwnames.get(i) else { break };
        match position(&fields, key, thread)? {
            Some(at) => {
                if at < args.len() {
                    let (name, key) = (class.full_name(), convert::repr_text(key, thread)?);
                    return Err(thread.raise_type_error(format!("{name} got multiple values for argument {key}")));
                }
                is_given[at] = true;
            }
            None => {
                if attributes.is_none() {
                    attributes = Some(name_list(this, names()._attributes, thread)?.unwrap_or_default());
                }
                if position(attributes.as_deref().unwrap_or_default(), key, thread)?.is_none() {
                    let (name, key) = (class.full_name(), convert::repr_text(key, thread)?);
                    warn_deprecated(
                        &format!("{name}.__init__ got an unexpected keyword argument {key}. Support for arbitrary keyword arguments is deprecated and will be removed in Python 3.15."),
                        thread,
                    )?;
                }
            }
        }
        attribute::set(this, key, args.keyword(i), thread)?;
    }
    if is_given.iter().all(|given| *given) {
        return Ok(());
    }
    let Some(types) = attribute::get_optional(class.value(), names()._field_types, thread)? else { return Ok(()) };
    if !dict::is_dict(*types) {
        return Ok(());
    }
    let load = classes(thread)?.get("expr_context").map(|class| class.class());
    for (field, _) in fields.iter().zip(&is_given).filter(|(_, given)| !**given) {
        let ty = DictObject::of(*types).get(**field, thread)?;
        let Some(ty) = ty else {
            let (name, field) = (class.full_name(), convert::repr_text(**field, thread)?);
            warn_deprecated(&format!("Field {field} is missing from {name}._field_types. This will become an error in Python 3.15."), thread)?;
            continue;
        };
        if ty.has_shape(shapes::UNION) {
            // Optional: the class's own default stands.
        } else if generic_alias::is_alias(*ty) {
            attribute::set(this, **field, *list::new(), thread)?;
        } else if load.is_some_and(|load| ty.is(load.value())) {
            if let Some(load) = classes(thread)?.get("Load").and_then(|class| class.singleton()) {
                attribute::set(this, **field, *load, thread)?;
            }
        } else {
            let (name, field) = (class.full_name(), convert::repr_text(**field, thread)?);
            warn_deprecated(
                &format!("{name}.__init__ missing 1 required positional argument: {field}. This will become an error in Python 3.15."),
                thread,
            )?;
        }
    }
    Ok(())
}

fn node_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let class = this.type_object().value().to_owned();
    let state = attribute::instance_dict(this, thread)?;
    let fields = name_list(this, names()._fields, thread)?.unwrap_or_default();
    // Placeholders only: the state that follows sets the fields, and a constructor that gets them all does not warn.
    let mut placeholders = Vec::new();
    for field in &fields {
        if DictObject::of(*state).get(**field, thread)?.is_none() {
            break;
        }
        placeholders.push(Owned::none());
    }
    Ok(tuple::pack([class, tuple::from_vec(placeholders), state]))
}

fn node_replace(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() {
        return Err(thread.raise_type_error("__replace__() takes no positional arguments"));
    }
    let fields = name_list(this, names()._fields, thread)?.unwrap_or_default();
    let attributes = name_list(this, names()._attributes, thread)?.unwrap_or_default();
    let state = attribute::instance_dict(this, thread)?;
    let class = this.type_object();
    let given: Vec<Value> = (0..kwnames.len()).filter_map(|i| kwnames.get(i)).collect();
    for key in &given {
        if position(&fields, *key, thread)?.is_none() && position(&attributes, *key, thread)?.is_none() {
            let (name, key) = (class.full_name(), convert::repr_text(*key, thread)?);
            return Err(thread.raise_type_error(format!("{name}.__replace__ got an unexpected keyword argument {key}.")));
        }
    }
    let mut missing = Vec::new();
    for field in &fields {
        let mut is_known = DictObject::of(*state).get(**field, thread)?.is_some();
        for key in &given {
            is_known = is_known || compare::equals(**field, *key, thread)?;
        }
        // A default on the class, None, serves for optional fields.
        if !is_known && attribute::get_optional(class.value(), **field, thread)?.is_none() {
            missing.push(convert::repr_text(**field, thread)?);
        }
    }
    if !missing.is_empty() {
        missing.sort();
        let (name, n, plural) = (class.full_name(), missing.len(), if missing.len() == 1 { "" } else { "s" });
        return Err(thread.raise_type_error(format!("{name}.__replace__ missing {n} keyword argument{plural}: {}.", missing.join(", "))));
    }
    let payload = dict::new();
    for name in fields.iter().chain(&attributes) {
        if let Some(value) = DictObject::of(*state).get(**name, thread)? {
            DictObject::of(*payload).set(**name, value, thread)?;
        }
    }
    for (i, key) in given.iter().enumerate() {
        DictObject::of(*payload).set(*key, args.keyword(i).to_owned(), thread)?;
    }
    call::call_tuple(class.value(), *tuple::empty(), Some(*payload), thread)
}

fn node_repr(this: Value, thread: &mut Thread) -> PyResult {
    let mut out = Builder::new();
    write_repr(this, REPR_DEPTH, &mut out, thread)?;
    Ok(out.finish())
}

fn write_repr(node: Value, depth: u32, out: &mut Builder, thread: &mut Thread) -> PyResult<()> {
    let fields = name_list(node, names()._fields, thread)?.unwrap_or_default();
    let name = node.type_object().full_name();
    out.push_str(&name);
    if depth == 0 {
        out.push_str("(...)");
        return Ok(());
    }
    out.push_str("(");
    for (i, field) in fields.iter().enumerate() {
        let value = attribute::get(node, **field, thread)?;
        if i > 0 {
            out.push_str(", ");
        }
        out.push_object(*convert::str(**field, thread)?);
        out.push_str("=");
        write_value(*value, depth, out, thread)?;
    }
    out.push_str(")");
    Ok(())
}

fn is_node(value: Value) -> bool {
    value.is_pointer() && value.is_instance(AST.get())
}

fn write_value(value: Value, depth: u32, out: &mut Builder, thread: &mut Thread) -> PyResult<()> {
    if is_node(value) {
        return write_repr(value, depth - 1, out, thread);
    }
    let is_list = value.type_has_flag(TYPE_LIST_SUBCLASS);
    if !is_list && !value.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        out.push_object(*convert::repr(value, thread)?);
        return Ok(());
    }
    let items = iterate::collect(value, thread)?;
    if items.is_empty() {
        out.push_object(*convert::repr(value, thread)?);
        return Ok(());
    }
    out.push_str(if is_list { "[" } else { "(" });
    let last = items.len() - 1;
    for (at, i) in [0, last].into_iter().take(items.len().min(2)).enumerate() {
        if at > 0 {
            out.push_str(if items.len() > 2 { ", ..., " } else { ", " });
        }
        if is_node(*items[i]) {
            write_repr(*items[i], depth - 1, out, thread)?;
        } else {
            out.push_object(*convert::repr(*items[i], thread)?);
        }
    }
    out.push_str(if is_list { "]" } else { ")" });
    Ok(())
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<NodeObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a node.
    if let Some(dict) = unsafe { value.as_ref::<NodeObject>() }.dict.peek() {
        visit(dict);
    }
}

unsafe fn clear(value: Value) {
    // SAFETY: the object is a node.
    let this = unsafe { value.as_ref::<NodeObject>() };
    drop(this.dict.replace(&this.header, None));
}

fn set_dict(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    attribute::set_instance_dict(this, value, thread)
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "ast.AST",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<NodeObject>(),
    dict_offset: Some(std::mem::offset_of!(NodeObject, dict)),
    slots: &[SlotFn::repr(node_repr), SlotFn::new(node_new), SlotFn::init(node_init)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(node_reduce), "-($self, /)", ""),
        method("__replace__", NativeFn::Raw(node_replace), "-($self, /, **fields)", "A copy of the node with new values for the given fields."),
    ],
    getsets: &[GetSetDef { name: "__dict__", get: attribute::instance_dict, set: Some(set_dict), doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

pub static AST: StaticType = StaticType::new(&SPEC);
