//! `Context` and its iterators.
//!
//! # Who may touch what
//! * `variables`: any thread reads; written by the thread that has entered the context (at most one at a time), or whose
//!   implicit context it is.
//! * `is_entered`, `previous`: by the thread that enters and leaves.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::sync::{AtomicBool, AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::raise_key_error;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use super::map;
use super::variable::{self, hash_of};
use crate::native_type::{followed, object, references, self_iter};

#[repr(C)]
pub struct Context {
    header: Header,
    variables: Slot,
    len: AtomicUsize,
    is_entered: AtomicBool,
    /// The thread's context before this one was entered.
    previous: Slot,
}

references!(Context: variables, previous);

pub fn of<'a>(value: Value) -> &'a Context {
    // SAFETY: called for contexts only.
    unsafe { object(value) }
}

fn make(variables: Owned, len: usize) -> Owned {
    allocate_object(CONTEXT.get(), |header| Context {
        header,
        variables: Slot::new(variables),
        len: AtomicUsize::new(len),
        is_entered: AtomicBool::new(false),
        previous: Slot::empty(),
    })
}

impl Context {
    pub fn variables(&self) -> Owned {
        self.variables.load(&self.header).unwrap_or_else(map::empty)
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The value of a variable.
    pub fn get(&self, var: Value) -> Option<Owned> {
        let variables = self.variables();
        map::get(*variables, hash_of(var)).map(|value| value.to_owned())
    }

    pub fn set(&self, var: Value, value: Value) {
        let (new, is_new) = map::with(*self.variables(), hash_of(var), var, value);
        self.len.store(self.len() + usize::from(is_new), Ordering::Relaxed);
        drop(self.variables.replace(&self.header, Some(new)));
    }

    pub fn unset(&self, var: Value) -> bool {
        let Some(new) = map::without(*self.variables(), hash_of(var)) else { return false };
        self.len.store(self.len() - 1, Ordering::Relaxed);
        drop(self.variables.replace(&self.header, Some(new)));
        true
    }
}

/// The thread's context, made when it is first asked for.
pub fn current(thread: &mut Thread) -> Owned {
    thread.context.get_or_insert_with(|| make(map::empty(), 0)).clone()
}

/// A context with the same values.
pub fn copy_of(context: Value) -> Owned {
    make(of(context).variables(), of(context).len())
}

fn context_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        return Err(thread.raise_type_error("Context() does not accept any arguments"));
    }
    Ok(make(map::empty(), 0))
}

pub fn enter(context: Value, thread: &mut Thread) -> PyResult<()> {
    // Acquire: pairs with the Release in `leave`: what the last thread did in the context is seen.
    if of(context).is_entered.swap(true, Ordering::Acquire) {
        let shown = convert::repr_text(context, thread)?;
        return Err(thread.raise(&exc::RUNTIME_ERROR, format!("cannot enter context: {shown} is already entered")));
    }
    let previous = thread.context.replace(context.to_owned());
    drop(of(context).previous.replace(&of(context).header, previous));
    thread.context_version += 1;
    Ok(())
}

pub fn leave(context: Value, thread: &mut Thread) -> PyResult<()> {
    if !thread.context.as_ref().is_some_and(|current| current.is(context)) {
        let shown = convert::repr_text(context, thread)?;
        return Err(thread.raise(
            &exc::RUNTIME_ERROR,
            format!("cannot exit context: thread state references a different context object than {shown}"),
        ));
    }
    let this = of(context);
    let left = std::mem::replace(&mut thread.context, this.previous.replace(&this.header, None));
    thread.context_version += 1;
    this.is_entered.store(false, Ordering::Release);
    drop(left);
    Ok(())
}

fn run(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let Some(callable) = args.get(0) else {
        return Err(thread.raise_type_error("run() missing 1 required positional argument"));
    };
    enter(this, thread)?;
    let result = call::call_args(callable, args.from(1), kwnames, thread);
    let had = thread.take_exception();
    leave(this, thread)?;
    if let Some(had) = had {
        thread.set_exception(had);
    }
    result
}

fn check_key(key: Value, thread: &mut Thread) -> PyResult<()> {
    if variable::is_variable(key) {
        return Ok(());
    }
    let shown = convert::repr_text(key, thread)?;
    Err(thread.raise_type_error(format!("a ContextVar key was expected, got {shown}")))
}

fn length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(of(this).len() as i64)
}

fn subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    check_key(key, thread)?;
    of(this).get(key).ok_or(()).or_else(|()| Err(raise_key_error(key, thread)))
}

fn contains(this: Value, key: Value, thread: &mut Thread) -> PyResult<bool> {
    check_key(key, thread)?;
    Ok(of(this).get(key).is_some())
}

fn get(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    check_key(args.at(0), thread)?;
    Ok(of(this).get(args.at(0)).unwrap_or_else(|| args.get(1).map_or_else(Owned::none, |default| default.to_owned())))
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(copy_of(this))
}

fn richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !(right.is_pointer() && right.is_instance(CONTEXT.get())) {
        return Ok(Owned::not_implemented());
    }
    let mut equal = of(left).len() == of(right).len();
    let other = of(right).variables();
    for (var, value) in map::entries(*of(left).variables()) {
        if !equal {
            break;
        }
        equal = match map::get(*other, hash_of(*var)) {
            Some(found) => compare::equals(*value, *found.to_owned(), thread)?,
            None => false,
        };
    }
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(&KEYS, this))
}

fn keys(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(&KEYS, this))
}

fn values(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(&VALUES, this))
}

fn items(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(new_iterator(&ITEMS, this))
}

unsafe fn clear(value: Value) {
    let this = of(value);
    drop(this.previous.replace(&this.header, None));
    drop(this.variables.replace(&this.header, Some(map::empty())));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_contextvars.Context",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    unhashable: true,
    slots: &[
        SlotFn::new(context_new),
        SlotFn::richcompare(richcompare),
        SlotFn::iter(iter),
        SlotFn::length(length),
        SlotFn::subscript(subscript),
        SlotFn::contains(contains),
    ],
    methods: &[
        method("get", NativeFn::Bound(get), "($self, key, default=None, /)", "The value of a variable in this context, default if it has none."),
        method("items", NativeFn::NoArgs(items), "($self, /)", "All variables and their values."),
        method("keys", NativeFn::NoArgs(keys), "($self, /)", "All variables."),
        method("values", NativeFn::NoArgs(values), "($self, /)", "The values of all variables."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("run", NativeFn::Raw(run), "-($self, callable, /, *args, **kwargs)", "Calls something in this context."),
    ],
    clear: Some(clear),
    ..followed::<Context>()
};

pub static CONTEXT: StaticType = StaticType::new(&SPEC);

/// An iterator over a map at one moment: it holds the map, which never changes.
#[repr(C)]
struct MapIterator {
    header: Header,
    entries: Vec<(Owned, Owned)>,
    next: AtomicUsize,
}

impl crate::native_type::References for MapIterator {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for (key, value) in &self.entries {
            visit(**key);
            visit(**value);
        }
    }
}

fn new_iterator(ty: &StaticType, context: Value) -> Owned {
    let entries = map::entries(*of(context).variables());
    allocate_object(ty.get(), |header| MapIterator { header, entries, next: AtomicUsize::new(0) })
}

fn iterator_of<'a>(value: Value) -> &'a MapIterator {
    // SAFETY: called for the three types below only, which share the layout.
    unsafe { object(value) }
}

fn advance<'a>(this: Value) -> Option<&'a (Owned, Owned)> {
    let iterator = iterator_of(this);
    iterator.entries.get(iterator.next.fetch_add(1, Ordering::Relaxed))
}

fn keys_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(advance(this).map(|(key, _)| key.clone()))
}

fn values_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(advance(this).map(|(_, value)| value.clone()))
}

fn items_next(this: Value, _thread: &mut Thread) -> PyResult<Option<Owned>> {
    Ok(advance(this).map(|(key, value)| tuple::pack([key.clone(), value.clone()])))
}

fn iterator_length(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    Ok(iterator_of(this).entries.len() as i64)
}

macro_rules! iterator {
    ($spec:ident $ty:ident $name:literal $next:ident) => {
        static $spec: TypeSpec = TypeSpec {
            name: $name,
            flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
            slots: &[SlotFn::iter(self_iter), SlotFn::iternext($next), SlotFn::length(iterator_length)],
            ..followed::<MapIterator>()
        };
        static $ty: StaticType = StaticType::new(&$spec);
    };
}

iterator!(KEYS_SPEC KEYS "keys" keys_next);
iterator!(VALUES_SPEC VALUES "values" values_next);
iterator!(ITEMS_SPEC ITEMS "items" items_next);
