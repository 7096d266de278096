//! `partial`.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, method as bound_method};

use super::placeholder::placeholder;
use crate::native_type::{followed, object, references};

#[repr(C)]
struct Partial {
    header: Header,
    function: Slot,
    /// A tuple.
    args: Slot,
    /// A dict.
    keywords: Slot,
    /// `__dict__`.
    attributes: Slot,
}

references!(Partial: function, args, keywords, attributes);

fn of<'a>(value: Value) -> &'a Partial {
    // SAFETY: called for `partial` objects only.
    unsafe { object(value) }
}

impl Partial {
    fn parts(&self) -> (Owned, Owned, Owned) {
        let load = |slot: &Slot| slot.load(&self.header);
        (
            load(&self.function).unwrap_or_else(Owned::none),
            load(&self.args).unwrap_or_else(tuple::empty),
            load(&self.keywords).unwrap_or_else(dict::new),
        )
    }
}

fn is_placeholder(value: Value) -> bool {
    value.is(placeholder())
}

fn trailing_placeholder(thread: &mut Thread) -> Raised {
    thread.raise_type_error("trailing Placeholders are not allowed")
}

/// The stored arguments with new ones: in the open places first, then at the end. None left for an open place leaves it
/// open; the number of those is given too.
fn fill(stored: &[Value], new: Args<'_>) -> (Vec<Value>, usize) {
    let mut filled = Vec::with_capacity(stored.len() + new.len());
    let (mut next, mut n_open) = (0, 0);
    for &item in stored {
        if is_placeholder(item) {
            match new.get(next) {
                Some(value) => {
                    filled.push(value);
                    next += 1;
                }
                None => {
                    filled.push(item);
                    n_open += 1;
                }
            }
        } else {
            filled.push(item);
        }
    }
    filled.extend(new.from(next).iter());
    (filled, n_open)
}

fn partial_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let Some(function) = args.get(0) else {
        return Err(thread.raise_type_error("type 'partial' takes at least one argument"));
    };
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("the first argument must be callable"));
    }
    let given = args.from(1);
    if given.len() > 0 && is_placeholder(given.at(given.len() - 1)) {
        return Err(trailing_placeholder(thread));
    }
    for i in 0..kwnames.len() {
        if is_placeholder(args.keyword(i)) {
            return Err(thread.raise_type_error("Placeholder cannot be passed as a keyword argument"));
        }
    }
    // A partial of a partial is one partial, unless the inner one has attributes of its own.
    let is_nested = function.is_pointer() && function.is_instance(PARTIAL.get()) && of(function).attributes.peek().is_none();
    let (function, stored, old_keywords) = if is_nested {
        of(function).parts()
    } else {
        (function.to_owned(), tuple::empty(), dict::new())
    };
    let (filled, _) = fill(TupleObject::of(*stored).items(), given);
    let keywords = DictObject::of(*old_keywords).copy();
    for i in 0..kwnames.len() {
        if let Some(name) = kwnames.get(i) {
            DictObject::of(*keywords).set(name, args.keyword(i).to_owned(), thread)?;
        }
    }
    let args = tuple::from_values(&filled);
    Ok(allocate_object(TypeObject::of(class), |header| Partial {
        header,
        function: Slot::new(function),
        args: Slot::new(args),
        keywords: Slot::new(keywords),
        attributes: Slot::empty(),
    }))
}

fn partial_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let (function, stored, keywords) = of(this).parts();
    let stored = TupleObject::of(*stored).items();
    let n_open = stored.iter().filter(|item| is_placeholder(**item)).count();
    if args.len() < n_open {
        let n = args.len();
        return Err(thread.raise_type_error(format!(
            "missing positional arguments in 'partial' call; expected at least {n_open}, got {n}"
        )));
    }
    let (mut values, _) = fill(stored, args);
    let n_positional = values.len();
    let own = DictObject::of(*keywords);
    if own.is_empty() {
        values.extend((0..kwnames.len()).map(|i| args.keyword(i)));
        // SAFETY: the positional arguments come first, one value per name follows; `values` outlives the call.
        let raw = unsafe { Args::from_raw(values.as_ptr().cast(), n_positional) };
        return call::call_args(*function, raw, kwnames, thread);
    }
    let merged = own.copy();
    for i in 0..kwnames.len() {
        if let Some(name) = kwnames.get(i) {
            DictObject::of(*merged).set(name, args.keyword(i).to_owned(), thread)?;
        }
    }
    let positional = tuple::from_values(&values);
    call::call_tuple(*function, *positional, Some(*merged), thread)
}

fn descr_get(this: Value, object: Option<Value>, _owner: Option<Value>, _thread: &mut Thread) -> PyResult {
    match object.filter(|object| !object.is_none()) {
        Some(object) => Ok(bound_method::new(this, object)),
        None => Ok(this.to_owned()),
    }
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str("..."));
    }
    thread.repr_active.push(id);
    let result = repr_parts(this, thread);
    thread.repr_active.retain(|active| *active != id);
    result
}

fn repr_parts(this: Value, thread: &mut Thread) -> PyResult {
    let (function, args, keywords) = of(this).parts();
    let names = pyrt_runtime::names::names();
    let class = this.type_object().value();
    let mut out = Builder::new();
    out.push_object(*convert::str(*attribute::get(class, names.__module__, thread)?, thread)?);
    out.push_str(".");
    out.push_object(*convert::str(*attribute::get(class, names.__qualname__, thread)?, thread)?);
    out.push_str("(");
    out.push_object(*convert::repr(*function, thread)?);
    for item in TupleObject::of(*args).items() {
        out.push_str(", ");
        out.push_object(*convert::repr(*item, thread)?);
    }
    for entry in DictObject::of(*keywords).entries() {
        out.push_str(", ");
        out.push_object(*convert::str(*entry.key, thread)?);
        out.push_str("=");
        out.push_object(*convert::repr(*entry.value, thread)?);
    }
    out.push_str(")");
    Ok(out.finish())
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let (function, args, keywords) = of(this).parts();
    let attributes = of(this).attributes.load(&of(this).header).unwrap_or_else(Owned::none);
    Ok(tuple::pack([
        this.type_object().value().to_owned(),
        tuple::pack([function.clone()]),
        tuple::pack([function, args, keywords, attributes]),
    ]))
}

fn setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    let is_tuple = |value: Value| value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS);
    let invalid = |thread: &mut Thread| Err(thread.raise_type_error("invalid partial state"));
    if !is_tuple(state) {
        return invalid(thread);
    }
    let &[function, args, keywords, attributes] = TupleObject::of(state).items() else { return invalid(thread) };
    if !call::is_callable(function) || !is_tuple(args) || !(keywords.is_none() || dict::is_dict(keywords)) {
        return invalid(thread);
    }
    let items = TupleObject::of(args).items();
    if items.last().is_some_and(|last| is_placeholder(*last)) {
        return Err(trailing_placeholder(thread));
    }
    let args = if tuple::is_exact(args) { args.to_owned() } else { tuple::from_values(items) };
    let keywords = if keywords.is_none() {
        dict::new()
    } else if dict::is_exact(keywords) {
        keywords.to_owned()
    } else {
        DictObject::of(keywords).copy()
    };
    let partial = of(this);
    let old = (
        partial.function.replace(&partial.header, Some(function.to_owned())),
        partial.args.replace(&partial.header, Some(args)),
        partial.keywords.replace(&partial.header, Some(keywords)),
    );
    drop(old);
    if attributes.is_none() {
        drop(partial.attributes.replace(&partial.header, None));
    } else {
        attribute::set_instance_dict(this, Some(attributes), thread)?;
    }
    Ok(Owned::none())
}

unsafe fn clear(value: Value) {
    let this = of(value);
    for slot in [&this.function, &this.args, &this.keywords, &this.attributes] {
        drop(slot.replace(&this.header, None));
    }
}

const fn member(name: &'static str, offset: usize, doc: &'static str) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc }
}

static SPEC: TypeSpec = TypeSpec {
    name: "functools.partial",
    doc: "partial(func, /, *args, **keywords)\n--\n\nCreate a new function with partial application of the given arguments\nand keywords.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    dict_offset: Some(std::mem::offset_of!(Partial, attributes)),
    slots: &[SlotFn::new(partial_new), SlotFn::call(partial_call), SlotFn::repr(repr), SlotFn::descr_get(descr_get)],
    methods: &[
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "State for pickling."),
        method("__setstate__", NativeFn::One(setstate), "($self, object, /)", "Takes over pickled state."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    members: &[
        member("func", std::mem::offset_of!(Partial, function), "function object to use in future partial calls"),
        member("args", std::mem::offset_of!(Partial, args), "tuple of arguments to future partial calls"),
        member("keywords", std::mem::offset_of!(Partial, keywords), "dictionary of keyword arguments to future partial calls"),
    ],
    getsets: &[GetSetDef { name: "__dict__", get: attribute::get_dict_attribute, set: Some(crate::native_type::set_dict), doc: "" }],
    clear: Some(clear),
    ..followed::<Partial>()
};

pub static PARTIAL: StaticType = StaticType::new(&SPEC);
