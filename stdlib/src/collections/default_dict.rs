//! `defaultdict`.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{DICT, StaticType};
use pyrt_runtime::types::dict::{self, DictObject, merge};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, tuple};

#[repr(C)]
struct DefaultDict {
    dict: DictObject,
    factory: Slot,
}

fn of<'a>(value: Value) -> &'a DefaultDict {
    // SAFETY: called for `defaultdict` objects only.
    unsafe { value.as_ref() }
}

fn header<'a>(value: Value) -> &'a Header {
    // SAFETY: every object begins with its header.
    unsafe { value.as_ref() }
}

fn is_default_dict(value: Value) -> bool {
    value.is_pointer() && value.is_instance(DEFAULT_DICT.get())
}

/// The factory; `None` if there is none or it is None.
fn factory(this: Value) -> Option<Owned> {
    of(this).factory.load(header(this)).filter(|factory| !factory.is_none())
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let factory = args.get(0);
    if let Some(factory) = factory.filter(|factory| !factory.is_none()) {
        if !call::is_callable(factory) {
            return Err(thread.raise_type_error("first argument must be callable or None"));
        }
    }
    let old = of(this).factory.replace(header(this), factory.map(|factory| factory.to_owned()));
    let Some(dict_init) = DICT.get().slots.init.get() else { return Ok(()) };
    let result = dict_init(this, args.from(1), kwnames, thread);
    drop(old);
    result
}

fn missing(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let Some(factory) = factory(this) else { return Err(dict::raise_key_error(key, thread)) };
    let value = call::call(*factory, &[], thread)?;
    // Where the factory has stored a value already, that one counts.
    DictObject::of(this).set_default(key, *value, thread).map(|(value, _)| value)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let Some(dict_repr) = DICT.get().slots.repr.get() else { return convert::repr(this, thread) };
    let items = dict_repr(this, thread)?;
    let factory = match factory(this) {
        None => Owned::str("None"),
        Some(factory) => {
            let id = factory.id();
            if thread.repr_active.contains(&id) {
                Owned::str("...")
            } else {
                thread.repr_active.push(id);
                let text = convert::repr(*factory, thread);
                thread.repr_active.retain(|active| *active != id);
                text?
            }
        }
    };
    let mut out = Builder::new();
    out.push_str(&this.type_object().name());
    out.push_str("(");
    out.push_object(*factory);
    out.push_str(", ");
    out.push_object(*items);
    out.push_str(")");
    Ok(out.finish())
}

/// A new one of the class and factory of `this` with the items of `items`.
fn make(this: Value, items: Value, thread: &mut Thread) -> PyResult {
    let factory = factory(this).unwrap_or_else(Owned::none);
    call::call(this.type_object().value(), &[*factory, items], thread)
}

fn copy(this: Value, thread: &mut Thread) -> PyResult {
    make(this, this, thread)
}

fn or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !dict::is_dict(left) || !dict::is_dict(right) {
        return Ok(Owned::not_implemented());
    }
    let made = make(if is_default_dict(left) { left } else { right }, left, thread)?;
    if !dict::is_dict(*made) {
        return Err(thread.raise_type_error("the class of a defaultdict did not return a dict"));
    }
    merge::update(*made, right, thread)?;
    Ok(made)
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let args = match factory(this) {
        Some(factory) => tuple::pack([factory]),
        None => tuple::empty(),
    };
    let items = call::call_method(this, pyrt_runtime::names::names().items, &[], thread)?;
    let iterator = iterate::iter(*items, thread)?;
    Ok(tuple::pack([this.type_object().value().to_owned(), args, Owned::none(), Owned::none(), iterator]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        drop(of(value).factory.replace_locked(None));
        dict::dealloc(value);
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(factory) = of(value).factory.peek() {
        visit(factory);
    }
    // SAFETY: a defaultdict is a dict.
    unsafe { dict::traverse(value, visit) };
}

unsafe fn clear(value: Value) {
    drop(of(value).factory.replace(header(value), None));
    // SAFETY: a defaultdict is a dict.
    unsafe { dict::clear(value) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "collections.defaultdict",
    doc: "defaultdict(default_factory=None, /, [...]) --> dict with default factory\n\nThe factory is called without arguments to make the value of a key that is missing when it is looked up by\nsubscription. All other arguments are those of dict.",
    base: Some(&DICT),
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<DefaultDict>(),
    slots: &[SlotFn::init(init), SlotFn::repr(repr), SlotFn::or(or)],
    methods: &[
        method("__missing__", NativeFn::One(missing), "($self, object, /)", "Called for a missing key: stores and returns what the factory makes, or raises KeyError."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("__copy__", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "State for pickling."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    members: &[MemberDef { name: "default_factory", offset: std::mem::offset_of!(DefaultDict, factory), readonly: false, none_if_empty: true, doc: "Makes the value of a missing key." }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

pub static DEFAULT_DICT: StaticType = StaticType::new(&SPEC);
