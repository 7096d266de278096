//! `itemgetter`, `attrgetter`, `methodcaller`.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::dict;

use crate::native_type::{expect_arguments, followed, object, references};

fn no_keywords(name: &str, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if kwnames.is_empty() { Ok(()) } else { Err(thread.raise_type_error(format!("{name}() takes no keyword arguments"))) }
}

/// The one argument of a getter's call.
fn subject(name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<Value> {
    no_keywords(name, kwnames, thread)?;
    expect_arguments(name, args.len(), 1, thread)?;
    Ok(args.at(0))
}

/// `repr` of a getter: its type and its arguments; `...` inside itself.
fn repr_guarded(this: Value, thread: &mut Thread, parts: impl FnOnce(&mut Builder, &mut Thread) -> PyResult<()>) -> PyResult {
    let name = this.type_object().full_name();
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str(&format!("{name}(...)")));
    }
    thread.repr_active.push(id);
    let mut out = Builder::new();
    out.push_str(&name);
    out.push_str("(");
    let result = parts(&mut out, thread);
    thread.repr_active.retain(|active| *active != id);
    result?;
    out.push_str(")");
    Ok(out.finish())
}

fn push_reprs(out: &mut Builder, values: &[Value], thread: &mut Thread) -> PyResult<()> {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_object(*convert::repr(*value, thread)?);
    }
    Ok(())
}

fn text_signature(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("(obj, /)"))
}

const TEXT_SIGNATURE: &[GetSetDef] = &[GetSetDef { name: "__text_signature__", get: text_signature, set: None, doc: "" }];

#[repr(C)]
struct ItemGetter {
    header: Header,
    /// A tuple.
    items: Owned,
}

references!(ItemGetter: items);

fn items_of<'a>(this: Value) -> &'a [Value] {
    // SAFETY: called for `itemgetter` objects only.
    TupleObject::of(*unsafe { object::<ItemGetter>(this) }.items).items()
}

fn itemgetter_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords("itemgetter", kwnames, thread)?;
    if args.is_empty() {
        expect_arguments("itemgetter", 0, 1, thread)?;
    }
    let items = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    Ok(allocate_object(TypeObject::of(class), |header| ItemGetter { header, items }))
}

fn itemgetter_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let subject = subject("itemgetter", args, kwnames, thread)?;
    if let [item] = items_of(this) {
        return subscript::get_item(subject, *item, thread);
    }
    let mut found = Vec::with_capacity(items_of(this).len());
    for item in items_of(this) {
        found.push(subscript::get_item(subject, *item, thread)?);
    }
    Ok(tuple::from_vec(found))
}

fn itemgetter_repr(this: Value, thread: &mut Thread) -> PyResult {
    repr_guarded(this, thread, |out, thread| push_reprs(out, items_of(this), thread))
}

fn itemgetter_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: `self` of this type.
    let items = unsafe { object::<ItemGetter>(this) }.items.clone();
    Ok(tuple::pack([this.type_object().value().to_owned(), items]))
}

static ITEMGETTER_SPEC: TypeSpec = TypeSpec {
    name: "operator.itemgetter",
    doc: "itemgetter(item, /, *items)\n--\n\nReturn a callable object that fetches the given item(s) from its operand.\nAfter f = itemgetter(2), the call f(r) returns r[2].\nAfter g = itemgetter(2, 5, 3), the call g(r) returns (r[2], r[5], r[3])",
    slots: &[SlotFn::new(itemgetter_new), SlotFn::call(itemgetter_call), SlotFn::repr(itemgetter_repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(itemgetter_reduce), "($self, /)", "Return state information for pickling")],
    getsets: TEXT_SIGNATURE,
    ..followed::<ItemGetter>()
};
pub static ITEMGETTER: StaticType = StaticType::new(&ITEMGETTER_SPEC);

#[repr(C)]
struct AttrGetter {
    header: Header,
    /// The names as given, a tuple.
    names: Owned,
    /// Each name split at its dots.
    paths: Vec<Vec<Owned>>,
}

references!(AttrGetter: names, paths);

fn attrs_of<'a>(this: Value) -> &'a AttrGetter {
    // SAFETY: called for `attrgetter` objects only.
    unsafe { object(this) }
}

fn attrgetter_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    no_keywords("attrgetter", kwnames, thread)?;
    if args.is_empty() {
        expect_arguments("attrgetter", 0, 1, thread)?;
    }
    let mut paths = Vec::with_capacity(args.len());
    for arg in args.iter() {
        if !string::is_str(arg) {
            return Err(thread.raise_type_error("attribute name must be a string"));
        }
        let text = StrObject::of(arg);
        let dots: Vec<usize> = (0..text.len()).filter(|&i| text.char_at(i) == u32::from('.')).chain([text.len()]).collect();
        let mut start = 0;
        let mut path = Vec::with_capacity(dots.len());
        for dot in dots {
            path.push(string::intern(string::slice(text, start, dot)));
            start = dot + 1;
        }
        paths.push(path);
    }
    let names = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    Ok(allocate_object(TypeObject::of(class), |header| AttrGetter { header, names, paths }))
}

fn follow(subject: Value, path: &[Owned], thread: &mut Thread) -> PyResult {
    let mut found = subject.to_owned();
    for name in path {
        found = attribute::get(*found, **name, thread)?;
    }
    Ok(found)
}

fn attrgetter_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let subject = subject("attrgetter", args, kwnames, thread)?;
    let paths = &attrs_of(this).paths;
    if let [path] = paths.as_slice() {
        return follow(subject, path, thread);
    }
    let mut found = Vec::with_capacity(paths.len());
    for path in paths {
        found.push(follow(subject, path, thread)?);
    }
    Ok(tuple::from_vec(found))
}

fn attrgetter_repr(this: Value, thread: &mut Thread) -> PyResult {
    repr_guarded(this, thread, |out, thread| push_reprs(out, TupleObject::of(*attrs_of(this).names).items(), thread))
}

fn attrgetter_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(tuple::pack([this.type_object().value().to_owned(), attrs_of(this).names.clone()]))
}

static ATTRGETTER_SPEC: TypeSpec = TypeSpec {
    name: "operator.attrgetter",
    doc: "attrgetter(attr, /, *attrs)\n--\n\nReturn a callable object that fetches the given attribute(s) from its operand.\nAfter f = attrgetter('name'), the call f(r) returns r.name.\nAfter g = attrgetter('name', 'date'), the call g(r) returns (r.name, r.date).\nAfter h = attrgetter('name.first', 'name.last'), the call h(r) returns\n(r.name.first, r.name.last).",
    slots: &[SlotFn::new(attrgetter_new), SlotFn::call(attrgetter_call), SlotFn::repr(attrgetter_repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(attrgetter_reduce), "($self, /)", "Return state information for pickling")],
    getsets: TEXT_SIGNATURE,
    ..followed::<AttrGetter>()
};
pub static ATTRGETTER: StaticType = StaticType::new(&ATTRGETTER_SPEC);

#[repr(C)]
struct MethodCaller {
    header: Header,
    name: Owned,
    /// Positional arguments, then the values of the keyword arguments.
    values: Vec<Owned>,
    n_positional: usize,
    /// A tuple of the keyword arguments' names.
    keywords: Owned,
}

references!(MethodCaller: name, values, keywords);

fn caller_of<'a>(this: Value) -> &'a MethodCaller {
    // SAFETY: called for `methodcaller` objects only.
    unsafe { object(this) }
}

fn methodcaller_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let Some(name) = args.get(0) else {
        return Err(thread.raise_type_error("methodcaller needs at least one argument, the method name"));
    };
    if !string::is_str(name) {
        return Err(thread.raise_type_error("method name must be a string"));
    }
    let name = string::intern(name.to_owned());
    let mut values: Vec<Owned> = args.from(1).iter().map(|arg| arg.to_owned()).collect();
    let n_positional = values.len();
    let mut keywords = Vec::with_capacity(kwnames.len());
    for i in 0..kwnames.len() {
        keywords.extend(kwnames.get(i).map(|name| name.to_owned()));
        values.push(args.keyword(i).to_owned());
    }
    let keywords = tuple::from_vec(keywords);
    Ok(allocate_object(TypeObject::of(class), |header| MethodCaller { header, name, values, n_positional, keywords }))
}

fn methodcaller_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let subject = subject("methodcaller", args, kwnames, thread)?;
    let caller = caller_of(this);
    let kwnames = KwNames(Some(*caller.keywords));
    let (function, is_unbound) = attribute::load_method(subject, *caller.name, thread)?;
    let mut values: Vec<Value> = Vec::with_capacity(caller.values.len() + 1);
    if is_unbound {
        values.push(subject);
    }
    let n_positional = caller.n_positional + values.len();
    values.extend(caller.values.iter().map(|value| **value));
    // SAFETY: the positional arguments come first, one value per name follows; `values` outlives the call.
    let raw = unsafe { Args::from_raw(values.as_ptr().cast(), n_positional) };
    call::call_args(*function, raw, kwnames, thread)
}

fn methodcaller_repr(this: Value, thread: &mut Thread) -> PyResult {
    let caller = caller_of(this);
    repr_guarded(this, thread, |out, thread| {
        out.push_object(*convert::repr(*caller.name, thread)?);
        for (i, value) in caller.values.iter().enumerate() {
            out.push_str(", ");
            if let Some(name) = i.checked_sub(caller.n_positional).and_then(|i| TupleObject::of(*caller.keywords).items().get(i)) {
                out.push_object(*name);
                out.push_str("=");
            }
            out.push_object(*convert::repr(**value, thread)?);
        }
        Ok(())
    })
}

fn methodcaller_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let caller = caller_of(this);
    let class = this.type_object().value();
    let positional = caller.values[..caller.n_positional].iter().cloned();
    let names = TupleObject::of(*caller.keywords).items();
    if names.is_empty() {
        let args = tuple::from_vec([caller.name.clone()].into_iter().chain(positional).collect());
        return Ok(tuple::pack([class.to_owned(), args]));
    }
    // Keyword arguments go into a partial that makes the caller.
    let functools = pyrt_runtime::import::import_module("functools", thread)?;
    let partial = attribute::get(*functools, *pyrt_runtime::names::interned("partial"), thread)?;
    let keywords = dict::new();
    for (name, value) in names.iter().zip(&caller.values[caller.n_positional..]) {
        dict::DictObject::of(*keywords).set(*name, value.clone(), thread)?;
    }
    let args = tuple::pack([class.to_owned(), caller.name.clone()]);
    let constructor = call::call_tuple(*partial, *args, Some(*keywords), thread)?;
    Ok(tuple::pack([constructor, tuple::from_vec(positional.collect())]))
}

static METHODCALLER_SPEC: TypeSpec = TypeSpec {
    name: "operator.methodcaller",
    doc: "methodcaller(name, /, *args, **kwargs)\n--\n\nReturn a callable object that calls the given method on its operand.\nAfter f = methodcaller('name'), the call f(r) returns r.name().\nAfter g = methodcaller('name', 'date', foo=1), the call g(r) returns\nr.name('date', foo=1).",
    slots: &[SlotFn::new(methodcaller_new), SlotFn::call(methodcaller_call), SlotFn::repr(methodcaller_repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(methodcaller_reduce), "($self, /)", "Return state information for pickling")],
    getsets: TEXT_SIGNATURE,
    ..followed::<MethodCaller>()
};
pub static METHODCALLER: StaticType = StaticType::new(&METHODCALLER_SPEC);
