//! What the Rust structs behind native types have in common: how they are reached, dropped and shown to the collector.

use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::KwNames;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple_methods::leaves_keywords_to_init;
use pyrt_runtime::types::type_object::*;

/// Something that may own references.
pub trait References {
    /// Shows every owned reference. The world is stopped.
    fn visit(&self, visit: &mut dyn FnMut(Value));
}

impl References for Owned {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        visit(**self);
    }
}

impl References for Slot {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        if let Some(value) = self.peek() {
            visit(value);
        }
    }
}

impl<T: References> References for Option<T> {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        if let Some(inner) = self {
            inner.visit(visit);
        }
    }
}

impl<T: References> References for Vec<T> {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for inner in self {
            inner.visit(visit);
        }
    }
}

impl<T: References> References for Guarded<T> {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        // SAFETY: the world is stopped.
        unsafe { self.peek() }.visit(visit);
    }
}

/// Implements [`References`] by the fields that may own some.
macro_rules! references {
    ($ty:ty: $($field:ident),* $(,)?) => {
        impl $crate::native_type::References for $ty {
            fn visit(&self, visit: &mut dyn FnMut(pyrt_runtime::object::value::Value)) {
                let _ = &visit;
                $($crate::native_type::References::visit(&self.$field, visit);)*
            }
        }
    };
}
pub(crate) use references;

/// The struct behind a value.
///
/// # Safety
/// The value is an object whose layout begins with `T`, and outlives the reference.
#[inline(always)]
pub unsafe fn object<'a, T>(value: Value) -> &'a T {
    // SAFETY: the caller's obligation.
    unsafe { value.as_ref() }
}

/// Drops the struct behind a dead object.
///
/// # Safety
/// As every dealloc; the object's layout begins with `T`.
pub unsafe fn dealloc<T>(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<T>()) };
}

/// # Safety
/// As every traverse; the object's layout begins with `T`.
pub unsafe fn traverse<T: References>(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the caller's obligation.
    unsafe { value.as_ref::<T>() }.visit(visit);
}

/// What the declaration of a type with layout `T` starts from.
pub const fn followed<T: References>() -> TypeSpec {
    TypeSpec {
        flags: TYPE_GC,
        basic_size: size_of::<T>(),
        dealloc: Some(dealloc::<T>),
        traverse: Some(traverse::<T>),
        ..TypeSpec::DEFAULT
    }
}

/// `__iter__` of iterators.
pub fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

/// The setter of `__dict__` for types that do not let it be deleted.
pub fn set_dict(object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    if value.is_none() {
        return Err(thread.raise_type_error("cannot delete __dict__"));
    }
    pyrt_runtime::protocol::attribute::set_instance_dict(object, value, thread)
}

/// Refuses keyword arguments, but for subclasses with an `__init__` of their own.
pub fn refuse_keywords(class: Value, base: &StaticType, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if kwnames.is_empty() || leaves_keywords_to_init(TypeObject::of(class), base.get()) {
        return Ok(());
    }
    let name = base.get().name();
    Err(thread.raise_type_error(format!("{name}() takes no keyword arguments")))
}

/// Refuses another number of positional arguments.
pub fn expect_arguments(name: &str, given: usize, wanted: usize, thread: &mut Thread) -> PyResult<()> {
    if given == wanted {
        return Ok(());
    }
    let s = if wanted == 1 { "" } else { "s" };
    Err(thread.raise_type_error(format!("{name} expected {wanted} argument{s}, got {given}")))
}

/// Refuses a number of positional arguments outside of a range.
pub fn expect_between(name: &str, given: usize, least: usize, most: usize, thread: &mut Thread) -> PyResult<()> {
    let (how, count) = match given {
        n if n < least => ("at least", least),
        n if n > most => ("at most", most),
        _ => return Ok(()),
    };
    let s = if count == 1 { "" } else { "s" };
    Err(thread.raise_type_error(format!("{name} expected {how} {count} argument{s}, got {given}")))
}
