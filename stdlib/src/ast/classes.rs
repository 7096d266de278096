//! The Python classes of the nodes, made when they are first wanted and then kept for good.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::node_type::AST;
use super::schema::{self, Field, NodeSchema, Quantity};
use pyrt_runtime::names::{interned, names};
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{INT, LIST, OBJECT, STR, TYPE};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::{TYPE_IMMUTABLE, TypeObject};
use pyrt_runtime::types::{generic_alias, string, tuple, union};

pub const ATTRIBUTES: [&str; 4] = ["lineno", "col_offset", "end_lineno", "end_col_offset"];

/// A class, as words that own a count which is never given back.
pub struct NodeClass {
    class: u64,
    /// The one instance of an enumeration's class.
    singleton: Option<u64>,
    /// Interned names of the fields.
    field_names: Vec<u64>,
}

impl NodeClass {
    pub fn class(&self) -> &'static TypeObject {
        // SAFETY: the class is never released.
        TypeObject::of(unsafe { Value::from_bits(self.class) })
    }

    pub fn singleton(&self) -> Option<Owned> {
        // SAFETY: the instance is never released.
        self.singleton.map(|word| unsafe { Value::from_bits(word) }.to_owned())
    }

    pub fn field_name(&self, i: usize) -> Value {
        // SAFETY: names are immortal.
        self.field_names.get(i).map_or_else(Value::none, |word| unsafe { Value::from_bits(*word) })
    }
}

pub struct Classes {
    by_name: HashMap<&'static str, NodeClass>,
    /// In the order in which the module shows them.
    order: Vec<&'static str>,
}

impl Classes {
    /// The class of a node or a sum; every name in the grammar has one.
    pub fn get(&self, name: &str) -> Option<&NodeClass> {
        self.by_name.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &NodeClass)> {
        self.order.iter().filter_map(|name| self.by_name.get(name).map(|class| (*name, class)))
    }

    /// Which class of a sum an object belongs to, subclasses included.
    pub fn variant_of(&self, value: Value, sum: &str) -> Option<&'static str> {
        let ty = value.type_object();
        let variants = || schema::nodes().iter().filter(|node| node.base == sum);
        let exact = |node: &&NodeSchema| self.get(node.name).is_some_and(|class| std::ptr::eq(class.class(), ty));
        let derived = |node: &&NodeSchema| self.get(node.name).is_some_and(|class| ty.is_subtype(class.class()));
        variants().find(exact).or_else(|| variants().find(derived)).map(|node| node.name)
    }
}

static CLASSES: OnceLock<Classes> = OnceLock::new();

/// The classes.
pub fn classes(thread: &mut Thread) -> PyResult<&'static Classes> {
    if let Some(classes) = CLASSES.get() {
        return Ok(classes);
    }
    let made = make(thread)?;
    // The loser of a race leaves its classes unused.
    Ok(CLASSES.get_or_init(|| made))
}

fn name_tuple(fields: &[Field]) -> Owned {
    tuple::from_vec(fields.iter().map(|field| interned(field.name)).collect())
}

fn make(thread: &mut Thread) -> PyResult<Classes> {
    let mut classes = Classes { by_name: HashMap::new(), order: Vec::new() };
    let root = AST.get();
    // Its attributes may be changed, as those of a class made at run time.
    root.set_flag(TYPE_IMMUTABLE, false);
    if let Some(dict) = root.dict() {
        for name in ["_fields", "__match_args__", "_attributes"] {
            dict.set_by_text(name, tuple::empty());
        }
        dict.set_str(names().__doc__, Owned::none());
    }
    for node in schema::nodes() {
        if !classes.by_name.contains_key(node.base) {
            let doc = if node.is_product() { node.describe() } else { schema::describe_sum(node.base) };
            let fields = if node.is_product() { &node.fields[..] } else { &[] };
            let class = make_class(node.base, root.value(), &doc, fields, Some(node.has_attributes), thread)?;
            add(&mut classes, node.base, class, fields, false, thread)?;
        }
        if !node.is_product() {
            let base = classes.get(node.base).map_or(root.value(), |class| class.class().value());
            let class = make_class(node.name, base, &node.describe(), &node.fields, None, thread)?;
            let is_enumeration = schema::nodes().iter().filter(|other| other.base == node.base).all(|other| other.fields.is_empty());
            add(&mut classes, node.name, class, &node.fields, is_enumeration, thread)?;
        }
    }
    for node in schema::nodes() {
        add_field_types(&classes, node, thread)?;
    }
    Ok(classes)
}

fn add(classes: &mut Classes, name: &'static str, class: Owned, fields: &[Field], is_enumeration: bool, thread: &mut Thread) -> PyResult<()> {
    let singleton = if is_enumeration { Some(call::call(*class, &[], thread)?.into_raw().bits()) } else { None };
    let field_names = fields.iter().map(|field| interned(field.name).into_raw().bits()).collect();
    classes.by_name.insert(name, NodeClass { class: class.into_raw().bits(), singleton, field_names });
    classes.order.push(name);
    Ok(())
}

fn make_class(name: &str, base: Value, doc: &str, fields: &[Field], attributes: Option<bool>, thread: &mut Thread) -> PyResult {
    let namespace = dict::new();
    let entries = DictObject::of(*namespace);
    entries.set_by_text("_fields", name_tuple(fields));
    entries.set_by_text("__match_args__", name_tuple(fields));
    entries.set_by_text("__module__", pyrt_runtime::names::interned("ast"));
    entries.set_by_text("__doc__", Owned::str(doc));
    match attributes {
        Some(true) => {
            entries.set_by_text("_attributes", tuple::from_vec(ATTRIBUTES.iter().map(|name| interned(name)).collect()));
        }
        Some(false) => entries.set_by_text("_attributes", tuple::empty()),
        None => {}
    }
    for field in fields.iter().filter(|field| field.quantity == Quantity::Optional) {
        entries.set_by_text(field.name, Owned::none());
    }
    if attributes == Some(true) {
        entries.set_by_text("end_lineno", Owned::none());
        entries.set_by_text("end_col_offset", Owned::none());
    }
    let bases = tuple::from_values(&[base]);
    call::call(TYPE.get().value(), &[*string::intern_str(name), *bases, *namespace], thread)
}

fn add_field_types(classes: &Classes, node: &NodeSchema, thread: &mut Thread) -> PyResult<()> {
    let types = dict::new();
    for field in &node.fields {
        let plain = match field.ty {
            "identifier" | "string" => STR.get().value(),
            "int" => INT.get().value(),
            "constant" => OBJECT.get().value(),
            name => classes.get(name).map_or(OBJECT.get().value(), |class| class.class().value()),
        };
        let ty = match field.quantity {
            Quantity::One => plain.to_owned(),
            Quantity::Optional => union::from_operator(plain, Value::none(), thread)?,
            Quantity::Many | Quantity::ManyOptional => generic_alias::new(LIST.get().value(), *tuple::from_values(&[plain]), thread)?,
        };
        DictObject::of(*types).set_by_text(field.name, ty);
    }
    let Some(class) = classes.get(node.name) else { return Ok(()) };
    attribute::set(class.class().value(), names()._field_types, *types, thread)?;
    attribute::set(class.class().value(), names().__annotations__, *types, thread)
}
