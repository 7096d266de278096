//! `BaseExceptionGroup`, `ExceptionGroup` and `except*` (PEP 654).

use crate::exceptions::object::{ExceptionObject, GroupObject, is_exception};
use crate::exceptions::{exc, methods, raise};
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, call, convert};
use crate::threads::thread_state::Thread;
use crate::types::string;
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;

/// `ExceptionGroup`: derived from BaseExceptionGroup and Exception; a class made at start-up, as in CPython.
pub fn exception_group_class(thread: &mut Thread) -> PyResult {
    let interpreter = thread.interpreter;
    let name = crate::names::interned("ExceptionGroup");
    if let Some(found) = interpreter.builtin(*name) {
        return Ok(found);
    }
    let bases = tuple::from_values(&[exc::BASE_EXCEPTION_GROUP.get().value(), exc::EXCEPTION.get().value()]);
    let namespace = crate::types::dict::new();
    let dict = crate::types::dict::DictObject::of(*namespace);
    dict.set_by_text("__module__", Owned::str("builtins"));
    let made = call::call(crate::types::builtin_types::TYPE.get().value(), &[*name, *bases, *namespace], thread)?;
    Ok(made)
}

fn is_group(value: Value) -> bool {
    is_exception(value) && value.is_instance(exc::BASE_EXCEPTION_GROUP.get())
}

fn exceptions(group: Value) -> Owned {
    let object = GroupObject::of(group);
    object.exceptions.load(&object.base.header).unwrap_or_else(tuple::empty)
}

fn group_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() || args.len() != 2 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("BaseExceptionGroup.__new__() takes exactly 2 arguments ({n} given)")));
    }
    let (message, sequence) = (args.at(0), args.at(1));
    if !string::is_str(message) {
        let name = message.type_object().full_name();
        return Err(thread.raise_type_error(format!("BaseExceptionGroup.__new__() argument 1 must be str, not {name}")));
    }
    let is_sequence = sequence.type_object().slots.subscript.raw() != 0 && !sequence.type_has_flag(TYPE_DICT_SUBCLASS) && sequence.type_object().slots.length.raw() != 0;
    if !is_sequence {
        return Err(thread.raise_type_error("second argument (exceptions) must be a sequence"));
    }
    let items = crate::protocol::iterate::collect(sequence, thread)?;
    if items.is_empty() {
        return Err(thread.raise_value_error("second argument (exceptions) must be a non-empty sequence"));
    }
    let mut only_exceptions = true;
    for (i, item) in items.iter().enumerate() {
        if !is_exception(**item) {
            return Err(thread.raise_value_error(format!("Item {i} of second argument (exceptions) is not an exception")));
        }
        only_exceptions &= item.is_instance(exc::EXCEPTION.get());
    }
    let mut ty = TypeObject::of(class);
    let group_class = exception_group_class(thread)?;
    if std::ptr::eq(ty, exc::BASE_EXCEPTION_GROUP.get()) {
        if only_exceptions {
            ty = TypeObject::of(*group_class);
        }
    } else if !only_exceptions {
        if std::ptr::eq(ty, TypeObject::of(*group_class)) {
            return Err(thread.raise_type_error("Cannot nest BaseExceptions in an ExceptionGroup"));
        }
        if ty.is_subtype(exc::EXCEPTION.get()) {
            let name = ty.name();
            return Err(thread.raise_type_error(format!("Cannot nest BaseExceptions in '{name}'")));
        }
    }
    let made = methods::allocate(ty);
    let object = GroupObject::of(*made);
    drop(object.base.args.replace_locked(Some(tuple::from_values(&[message, sequence]))));
    drop(object.msg.replace_locked(Some(message.to_owned())));
    drop(object.exceptions.replace_locked(Some(tuple::from_vec(items))));
    Ok(made)
}

fn group_init(_this: Value, _args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("BaseExceptionGroup() takes no keyword arguments"));
    }
    Ok(())
}

fn group_str(this: Value, thread: &mut Thread) -> PyResult {
    let object = GroupObject::of(this);
    let message = match object.msg.load(&object.base.header) {
        Some(message) => convert::str_text(*message, thread)?,
        None => String::new(),
    };
    let n = TupleObject::of(*exceptions(this)).len();
    Ok(Owned::str(&format!("{message} ({n} sub-exception{})", if n == 1 { "" } else { "s" })))
}

fn derive_method(this: Value, items: Value, thread: &mut Thread) -> PyResult {
    let object = GroupObject::of(this);
    let message = object.msg.load(&object.base.header).unwrap_or_else(string::empty);
    call::call(exc::BASE_EXCEPTION_GROUP.get().value(), &[*message, items], thread)
}

/// A group like `original` with these members: notes, traceback, cause and context carry over.
fn subset(original: Value, items: Vec<Owned>, thread: &mut Thread) -> PyResult {
    let list = crate::types::list::from_vec(items);
    let derived = call::call_method(original, *crate::names::interned("derive"), &[*list], thread)?;
    if !is_group(*derived) {
        return Err(thread.raise_type_error("derive must return an instance of BaseExceptionGroup"));
    }
    let (from, to) = (ExceptionObject::of(original), ExceptionObject::of(*derived));
    to.set_traceback(from.traceback());
    to.set_context(from.context());
    if let Some(cause) = from.cause() {
        to.set_cause(Some(cause));
    }
    to.suppress_context.store(from.suppress_context.load(crate::sync::Ordering::Relaxed), crate::sync::Ordering::Relaxed);
    let names = crate::names::names();
    if let Some(notes) = attribute::get_optional(original, names.__notes__, thread)? {
        let copy = crate::types::list::from_vec(crate::protocol::iterate::collect(*notes, thread)?);
        attribute::set(*derived, names.__notes__, *copy, thread)?;
    }
    Ok(derived)
}

/// How members are chosen.
enum Matcher<'a> {
    Class(Value),
    Predicate(Value),
    /// Members that are one of these objects.
    Identity(&'a [Owned]),
}

impl Matcher<'_> {
    fn matches(&self, exception: Value, thread: &mut Thread) -> PyResult<bool> {
        match self {
            Matcher::Class(class) => Ok(raise::matches(exception, *class)),
            Matcher::Predicate(function) => {
                let result = call::call(*function, &[exception], thread)?;
                crate::protocol::compare::truth(*result, thread)
            }
            Matcher::Identity(set) => Ok(!is_group(exception) && set.iter().any(|one| one.is(exception))),
        }
    }
}

/// Splits an exception: what matches, and the rest.
fn split(exception: Value, matcher: &Matcher<'_>, want_rest: bool, thread: &mut Thread) -> PyResult<(Option<Owned>, Option<Owned>)> {
    if matcher.matches(exception, thread)? {
        return Ok((Some(exception.to_owned()), None));
    }
    if !is_group(exception) {
        return Ok((None, if want_rest { Some(exception.to_owned()) } else { None }));
    }
    if thread.native_stack_is_low() {
        return Err(thread.raise_recursion_error(" in exceptiongroup_split_recursive"));
    }
    let (mut matched, mut rest) = (Vec::new(), Vec::new());
    for &item in TupleObject::of(*exceptions(exception)).items() {
        let (yes, no) = split(item, matcher, want_rest, thread)?;
        matched.extend(yes);
        rest.extend(no);
    }
    let matched = if matched.is_empty() { None } else { Some(subset(exception, matched, thread)?) };
    let rest = if rest.is_empty() { None } else { Some(subset(exception, rest, thread)?) };
    Ok((matched, rest))
}

fn matcher_of<'a>(value: Value, thread: &mut Thread) -> PyResult<Matcher<'a>> {
    if crate::exceptions::object::is_exception_class(value) {
        return Ok(Matcher::Class(value));
    }
    if value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        if TupleObject::of(value).items().iter().all(|&one| crate::exceptions::object::is_exception_class(one)) {
            return Ok(Matcher::Class(value));
        }
    } else if call::is_callable(value) && !is_type(value) {
        return Ok(Matcher::Predicate(value));
    }
    Err(thread.raise_type_error("expected an exception type, a tuple of exception types, or a callable (other than a class)"))
}

fn split_method(this: Value, condition: Value, thread: &mut Thread) -> PyResult {
    let matcher = matcher_of(condition, thread)?;
    let (matched, rest) = split(this, &matcher, true, thread)?;
    Ok(tuple::pack([matched.unwrap_or_else(Owned::none), rest.unwrap_or_else(Owned::none)]))
}

fn subgroup_method(this: Value, condition: Value, thread: &mut Thread) -> PyResult {
    let matcher = matcher_of(condition, thread)?;
    Ok(split(this, &matcher, false, thread)?.0.unwrap_or_else(Owned::none))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

pub(super) const SLOTS: &[SlotFn] = &[SlotFn::new(group_new), SlotFn::init(group_init), SlotFn::str(group_str)];

pub(super) const METHODS: &[MethodDef] = &[
    MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" },
    MethodDef { name: "derive", func: NativeFn::One(derive_method), kind: MethodKind::Instance, signature: "($self, excs, /)", doc: "" },
    MethodDef { name: "split", func: NativeFn::One(split_method), kind: MethodKind::Instance, signature: "($self, matcher_value, /)", doc: "" },
    MethodDef { name: "subgroup", func: NativeFn::One(subgroup_method), kind: MethodKind::Instance, signature: "($self, matcher_value, /)", doc: "" },
];

/// CHECK_EG_MATCH: what `except* class` catches of `exception` (a group, or `None`), and the rest (or `None`).
pub fn check_match(exception: Value, class: Value, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let is_valid = |one: Value| crate::exceptions::object::is_exception_class(one);
    let classes: Vec<Value> = if class.is_pointer() && class.type_has_flag(TYPE_TUPLE_SUBCLASS) { TupleObject::of(class).items().to_vec() } else { vec![class] };
    for &one in &classes {
        if !is_valid(one) {
            return Err(thread.raise_type_error("catching classes that do not inherit from BaseException is not allowed"));
        }
        if TypeObject::of(one).is_subtype(exc::BASE_EXCEPTION_GROUP.get()) {
            return Err(thread.raise_type_error("catching ExceptionGroup with except* is not allowed. Use except instead."));
        }
    }
    if exception.is_none() {
        return Ok((Owned::none(), Owned::none()));
    }
    if raise::matches(exception, class) {
        if is_group(exception) {
            return Ok((exception.to_owned(), Owned::none()));
        }
        // A naked exception is wrapped.
        let items = tuple::from_values(&[exception]);
        let empty = string::empty();
        let wrapped = call::call(exc::BASE_EXCEPTION_GROUP.get().value(), &[*empty, *items], thread)?;
        ExceptionObject::of(*wrapped).set_traceback(ExceptionObject::of(exception).traceback());
        return Ok((wrapped, Owned::none()));
    }
    if is_group(exception) {
        let (matched, rest) = split(exception, &Matcher::Class(class), true, thread)?;
        return Ok((matched.unwrap_or_else(Owned::none), rest.unwrap_or_else(Owned::none)));
    }
    Ok((Owned::none(), exception.to_owned()))
}

/// The leaves of an exception.
fn leaves(exception: Value, out: &mut Vec<Owned>) {
    if is_group(exception) {
        for &item in TupleObject::of(*exceptions(exception)).items() {
            leaves(item, out);
        }
    } else {
        out.push(exception.to_owned());
    }
}

fn same_metadata(a: Value, b: Value) -> bool {
    let (a, b) = (ExceptionObject::of(a), ExceptionObject::of(b));
    let same = |x: Option<Owned>, y: Option<Owned>| x.map(|x| x.id()) == y.map(|y| y.id());
    same(a.traceback(), b.traceback()) && same(a.context(), b.context()) && same(a.cause(), b.cause())
}

/// `INTRINSIC_PREP_RERAISE_STAR`: what is raised after all `except*` clauses have run: `original` and the list of what
/// the clauses raised and what was not handled.
pub fn prepare_reraise_star(original: Value, list: Value, thread: &mut Thread) -> PyResult {
    let items: Vec<Owned> = crate::types::list::ListObject::of(list).to_vec().into_iter().filter(|item| !item.is_none()).collect();
    if items.is_empty() {
        return Ok(Owned::none());
    }
    if !is_group(original) {
        // A naked exception: at most one thing has been raised.
        return Ok(items.into_iter().next().unwrap_or_else(Owned::none));
    }
    let (mut raised, mut reraised) = (Vec::new(), Vec::new());
    for item in items {
        let target = if is_group(*item) && same_metadata(*item, original) || item.is(original) { &mut reraised } else { &mut raised };
        target.push(item);
    }
    let mut kept = Vec::new();
    for item in &reraised {
        leaves(**item, &mut kept);
    }
    let rest = split(original, &Matcher::Identity(&kept), false, thread)?.0;
    if raised.is_empty() {
        return Ok(rest.unwrap_or_else(Owned::none));
    }
    raised.extend(rest);
    if raised.len() == 1 {
        return Ok(raised.remove(0));
    }
    let empty = string::empty();
    let items = crate::types::list::from_vec(raised);
    call::call(exc::BASE_EXCEPTION_GROUP.get().value(), &[*empty, *items], thread)
}

