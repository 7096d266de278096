//! `string.templatelib`: `Template` and `Interpolation`, what t-strings make.

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{attribute, convert};
use crate::sync::{AtomicUsize, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{INTERPOLATION, TEMPLATE, TEMPLATE_ITERATOR, shapes};
use crate::types::str::Builder;
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;

#[repr(C)]
struct TemplateObject {
    header: Header,
    /// Tuples: one string more than interpolations.
    strings: Owned,
    interpolations: Owned,
}

fn of<'a>(value: Value) -> &'a TemplateObject {
    debug_assert!(value.has_shape(shapes::TEMPLATE));
    // SAFETY: callers pass templates; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

/// A template of a tuple of strings and a tuple of interpolations, one fewer.
pub fn new(strings: Owned, interpolations: Owned) -> Owned {
    lifetime::allocate_object(TEMPLATE.get(), |header| TemplateObject { header, strings, interpolations })
}

fn join(a: Value, b: Value) -> Owned {
    let mut out = Builder::new();
    out.push_object(a);
    out.push_object(b);
    out.finish()
}

fn template_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("Template.__new__ only accepts *args arguments"));
    }
    let (mut strings, mut interpolations) = (Vec::new(), Vec::new());
    // The string that the next one is appended to.
    let mut current: Option<Owned> = None;
    for arg in args.iter() {
        if string::is_str(arg) {
            current = Some(match current {
                Some(before) => join(*before, arg),
                None => arg.to_owned(),
            });
        } else if arg.has_shape(shapes::INTERPOLATION) {
            strings.push(current.take().unwrap_or_else(string::empty));
            interpolations.push(arg.to_owned());
        } else {
            let name = arg.type_object().full_name();
            return Err(thread.raise_type_error(format!("Template.__new__ *args need to be of type 'str' or 'Interpolation', got {name}")));
        }
    }
    strings.push(current.unwrap_or_else(string::empty));
    Ok(new(tuple::from_vec(strings), tuple::from_vec(interpolations)))
}

fn template_repr(this: Value, thread: &mut Thread) -> PyResult {
    let template = of(this);
    let mut out = Builder::new();
    out.push_str("Template(strings=");
    out.push_object(*convert::repr(*template.strings, thread)?);
    out.push_str(", interpolations=");
    out.push_object(*convert::repr(*template.interpolations, thread)?);
    out.push_str(")");
    Ok(out.finish())
}

fn template_concat(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !left.has_shape(shapes::TEMPLATE) || !right.has_shape(shapes::TEMPLATE) {
        let name = right.type_object().full_name();
        return Err(thread.raise_type_error(format!("can only concatenate string.templatelib.Template (not \"{name}\") to string.templatelib.Template")));
    }
    let (a, b) = (of(left), of(right));
    let (left_strings, right_strings) = (TupleObject::of(*a.strings).items(), TupleObject::of(*b.strings).items());
    let mut strings: Vec<Owned> = left_strings.iter().map(|text| text.to_owned()).collect();
    if let (Some(last), Some((first, rest))) = (strings.pop(), right_strings.split_first()) {
        strings.push(join(*last, *first));
        strings.extend(rest.iter().map(|text| text.to_owned()));
    }
    let mut interpolations = TupleObject::of(*a.interpolations).items().to_vec();
    interpolations.extend_from_slice(TupleObject::of(*b.interpolations).items());
    Ok(new(tuple::from_vec(strings), tuple::from_values(&interpolations)))
}

fn template_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TEMPLATE_ITERATOR.get(), |header| TemplateIterator { header, template: this.to_owned(), position: AtomicUsize::new(0) }))
}

fn template_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let module = crate::import::import_module("string.templatelib", thread)?;
    let function = attribute::get_by_text(*module, "_template_unpickle", thread)?;
    Ok(tuple::pack([function, tuple::pack([of(this).strings.clone(), of(this).interpolations.clone()])]))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

fn get_strings(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).strings.clone())
}

fn get_interpolations(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).interpolations.clone())
}

fn get_values(this: Value, _thread: &mut Thread) -> PyResult {
    let values = TupleObject::of(*of(this).interpolations).items();
    Ok(tuple::from_vec(values.iter().map(|one| interpolation_of(*one).value.peek().unwrap_or_else(Value::none).to_owned()).collect()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<TemplateObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*of(value).strings);
    visit(*of(value).interpolations);
}

const CLASS_GETITEM: MethodDef =
    MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" };

const fn reduce_method(function: fn(Value, &mut Thread) -> PyResult) -> MethodDef {
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(function), kind: MethodKind::Instance, signature: "($self, /)", doc: "" }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "string.templatelib.Template",
    doc: "Template object",
    flags: TYPE_GC,
    basic_size: size_of::<TemplateObject>(),
    slots: &[SlotFn::repr(template_repr), SlotFn::iter(template_iter), SlotFn::concat(template_concat), SlotFn::new(template_new)],
    methods: &[reduce_method(template_reduce), CLASS_GETITEM],
    getsets: &[
        GetSetDef { name: "strings", get: get_strings, set: None, doc: "Strings" },
        GetSetDef { name: "interpolations", get: get_interpolations, set: None, doc: "Interpolations" },
        GetSetDef { name: "values", get: get_values, set: None, doc: "Values of interpolations" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct TemplateIterator {
    header: Header,
    template: Owned,
    /// Even: a string is next, odd: an interpolation. Moved atomically.
    position: AtomicUsize,
}

fn iterator_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: the type's own slot.
    let this = unsafe { this.as_ref::<TemplateIterator>() };
    let template = of(*this.template);
    let (strings, interpolations) = (TupleObject::of(*template.strings).items(), TupleObject::of(*template.interpolations).items());
    loop {
        let position = this.position.fetch_add(1, Ordering::Relaxed);
        let items = if position % 2 == 0 { strings } else { interpolations };
        match items.get(position / 2) {
            Some(text) if position % 2 == 0 && StrObject::of(*text).is_empty() => {}
            Some(item) => return Ok(Some(item.to_owned())),
            None => {
                this.position.store(strings.len() * 2, Ordering::Relaxed);
                return Ok(None);
            }
        }
    }
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

unsafe fn iterator_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<TemplateIterator>()) };
}

unsafe fn iterator_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a template iterator.
    visit(*unsafe { value.as_ref::<TemplateIterator>() }.template);
}

pub static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "string.templatelib.TemplateIter",
    doc: "Template iterator object",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<TemplateIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    dealloc: Some(iterator_dealloc),
    traverse: Some(iterator_traverse),
    ..TypeSpec::DEFAULT
};

#[repr(C)]
struct InterpolationObject {
    header: Header,
    // Filled once, when the object is made: reading needs no lock.
    value: Slot,
    expression: Slot,
    conversion: Slot,
    format_spec: Slot,
}

fn interpolation_of<'a>(value: Value) -> &'a InterpolationObject {
    debug_assert!(value.has_shape(shapes::INTERPOLATION));
    // SAFETY: callers pass interpolations; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

impl InterpolationObject {
    fn parts(&self) -> [Value; 4] {
        [&self.value, &self.expression, &self.conversion, &self.format_spec].map(|slot| slot.peek().unwrap_or_else(Value::none))
    }
}

/// An interpolation; `conversion` is `'s'`, `'r'`, `'a'` or None.
pub fn new_interpolation(value: Owned, expression: Owned, conversion: Owned, format_spec: Owned) -> Owned {
    lifetime::allocate_object(INTERPOLATION.get(), |header| InterpolationObject {
        header,
        value: Slot::new(value),
        expression: Slot::new(expression),
        conversion: Slot::new(conversion),
        format_spec: Slot::new(format_spec),
    })
}

fn interpolation_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(value, expression='', conversion=None, format_spec='')");
    let bound = SIGNATURE.bind("Interpolation", args, kwnames, thread)?;
    let bound = bound.args();
    let mut text = |i: usize, name: &str| -> PyResult {
        match bound.get(i) {
            None => Ok(string::empty()),
            Some(text) if string::is_str(text) => Ok(text.to_owned()),
            Some(other) => {
                let got = other.type_object().full_name();
                Err(thread.raise_type_error(format!("Interpolation() argument '{name}' must be str, not {got}")))
            }
        }
    };
    let expression = text(1, "expression")?;
    let conversion = match bound.get(2).filter(|conversion| !conversion.is_none()) {
        None => Owned::none(),
        Some(_) => text(2, "conversion")?,
    };
    let format_spec = text(3, "format_spec")?;
    if string::is_str(*conversion) && !["s", "a", "r"].iter().any(|known| StrObject::of(*conversion).equals_str(known)) {
        return Err(thread.raise(&exc::VALUE_ERROR, "Interpolation() argument 'conversion' must be one of 's', 'a' or 'r'"));
    }
    Ok(new_interpolation(bound.at(0).to_owned(), expression, conversion, format_spec))
}

fn interpolation_repr(this: Value, thread: &mut Thread) -> PyResult {
    let mut out = Builder::new();
    out.push_str("Interpolation(");
    for (i, part) in interpolation_of(this).parts().into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_object(*convert::repr(part, thread)?);
    }
    out.push_str(")");
    Ok(out.finish())
}

fn interpolation_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([INTERPOLATION.get().value().to_owned(), tuple::from_values(&interpolation_of(this).parts())]))
}

unsafe fn interpolation_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<InterpolationObject>()) };
}

unsafe fn interpolation_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    interpolation_of(value).parts().into_iter().for_each(visit);
}

const fn member(name: &'static str, offset: usize, doc: &'static str) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc }
}

/// Gives `Interpolation` its `__match_args__`. Called once, when strings and tuples can be made.
pub(crate) fn add_match_args() {
    let names = ["value", "expression", "conversion", "format_spec"].map(crate::names::interned);
    if let Some(dict) = INTERPOLATION.get().dict() {
        drop(dict.set_str(crate::names::names().__match_args__, tuple::pack(names)));
    }
}

pub static INTERPOLATION_SPEC: TypeSpec = TypeSpec {
    name: "string.templatelib.Interpolation",
    doc: "Interpolation object",
    flags: TYPE_GC,
    basic_size: size_of::<InterpolationObject>(),
    slots: &[SlotFn::repr(interpolation_repr), SlotFn::new(interpolation_new)],
    methods: &[reduce_method(interpolation_reduce), CLASS_GETITEM],
    members: &[
        member("value", std::mem::offset_of!(InterpolationObject, value), "Value"),
        member("expression", std::mem::offset_of!(InterpolationObject, expression), "Expression"),
        member("conversion", std::mem::offset_of!(InterpolationObject, conversion), "Conversion"),
        member("format_spec", std::mem::offset_of!(InterpolationObject, format_spec), "Format specifier"),
    ],
    dealloc: Some(interpolation_dealloc),
    traverse: Some(interpolation_traverse),
    ..TypeSpec::DEFAULT
};
