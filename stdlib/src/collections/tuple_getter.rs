//! `_tuplegetter`: the descriptor behind a field of a named tuple.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;

#[repr(C)]
struct TupleGetter {
    header: Header,
    index: i64,
    doc: Slot,
}

fn of<'a>(value: Value) -> &'a TupleGetter {
    // SAFETY: called for `_tuplegetter` objects only.
    unsafe { value.as_ref() }
}

fn getter_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("_tuplegetter() takes no keyword arguments"));
    }
    if args.len() != 2 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("_tuplegetter expected 2 arguments, got {n}")));
    }
    let index = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let doc = args.at(1).to_owned();
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| TupleGetter { header, index, doc: Slot::new(doc) }))
}

fn descr_get(this: Value, object: Option<Value>, _owner: Option<Value>, thread: &mut Thread) -> PyResult {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(this.to_owned()) };
    let index = of(this).index;
    if !(object.is_pointer() && object.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        let name = object.type_object().full_name();
        return Err(thread.raise_type_error(format!("descriptor for index '{index}' for tuple subclasses doesn't apply to '{name}' object")));
    }
    match usize::try_from(index).ok().and_then(|index| TupleObject::of(object).items().get(index)) {
        Some(item) => Ok(item.to_owned()),
        None => Err(thread.raise(&exc::INDEX_ERROR, "tuple index out of range")),
    }
}

fn descr_set(_this: Value, _object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let what = if value.is_some() { "can't set attribute" } else { "can't delete attribute" };
    Err(thread.raise(&exc::ATTRIBUTE_ERROR, what))
}

fn doc_of(this: Value) -> Owned {
    of(this).doc.load(&of(this).header).unwrap_or_else(Owned::none)
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let doc = convert::repr_text(*doc_of(this), thread)?;
    Ok(Owned::str(&format!("_tuplegetter({}, {doc})", of(this).index)))
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let args = tuple::pack([Owned::int(of(this).index), doc_of(this)]);
    Ok(tuple::pack([this.type_object().value().to_owned(), args]))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<TupleGetter>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(doc) = of(value).doc.peek() {
        visit(doc);
    }
}

unsafe fn clear(value: Value) {
    drop(of(value).doc.replace(&of(value).header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "collections._tuplegetter",
    flags: TYPE_GC,
    basic_size: size_of::<TupleGetter>(),
    slots: &[SlotFn::new(getter_new), SlotFn::descr_get(descr_get), SlotFn::descr_set(descr_set), SlotFn::repr(repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "State for pickling.")],
    members: &[MemberDef { name: "__doc__", offset: std::mem::offset_of!(TupleGetter, doc), readonly: false, none_if_empty: true, doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

pub static TUPLE_GETTER: StaticType = StaticType::new(&SPEC);
