//! `BaseException` and the layouts of its subclasses.

use crate::object::header::Header;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicBool, AtomicI64, Ordering};
use crate::types::type_object::TYPE_EXCEPTION_SUBCLASS;

/// The fields of every exception. Slots are guarded by the object lock.
#[repr(C)]
pub struct ExceptionObject {
    pub header: Header,
    pub dict: Slot,
    pub args: Slot,
    pub notes: Slot,
    pub traceback: Slot,
    pub context: Slot,
    pub cause: Slot,
    pub suppress_context: AtomicBool,
}

impl ExceptionObject {
    /// The exception that `value` is; the caller knows that it is one.
    #[inline]
    pub fn of<'a>(value: Value) -> &'a ExceptionObject {
        debug_assert!(is_exception(value));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    pub fn args(&self) -> Owned {
        self.args.load(&self.header).unwrap_or_else(crate::types::tuple::empty)
    }

    pub fn traceback(&self) -> Option<Owned> {
        self.traceback.load(&self.header)
    }

    pub fn set_traceback(&self, traceback: Option<Owned>) {
        drop(self.traceback.replace(&self.header, traceback));
    }

    pub fn context(&self) -> Option<Owned> {
        self.context.load(&self.header)
    }

    pub fn set_context(&self, context: Option<Owned>) {
        drop(self.context.replace(&self.header, context));
    }

    pub fn cause(&self) -> Option<Owned> {
        self.cause.load(&self.header)
    }

    /// Sets `__cause__`, which also suppresses the context.
    pub fn set_cause(&self, cause: Option<Owned>) {
        drop(self.cause.replace(&self.header, cause));
        self.suppress_context.store(true, Ordering::Relaxed);
    }
}

/// Whether `value` is an instance of `BaseException`.
#[inline]
pub fn is_exception(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_EXCEPTION_SUBCLASS)
}

/// Whether `value` is a class derived from `BaseException`.
#[inline]
pub fn is_exception_class(value: Value) -> bool {
    crate::types::type_object::is_type(value)
        && crate::types::type_object::TypeObject::of(value).has_flag(TYPE_EXCEPTION_SUBCLASS)
}

/// Layouts with more fields; all further fields are slots, so that one dealloc and one traverse serve them.
macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            pub struct $name { pub base: ExceptionObject, $(pub $field: Slot),* }

            impl $name {
                /// The exception that `value` is; the caller knows that it has this layout.
                #[inline]
                pub fn of<'a>(value: Value) -> &'a $name {
                    debug_assert!(is_exception(value));
                    // SAFETY: the caller's claim.
                    unsafe { value.as_ref() }
                }
            }
        )*
    };
}

layouts! {
    /// `StopIteration` and `SystemExit` (there `code`).
    ValueException { value }
    ImportErrorObject { msg, name, path, name_from }
    OsErrorObject { errno, strerror, filename, filename2, written }
    SyntaxErrorObject { msg, filename, lineno, offset, end_lineno, end_offset, text, print_file_and_line, metadata }
    NameErrorObject { name }
    AttributeErrorObject { obj, name }
    GroupObject { msg, exceptions }
}

/// The three `Unicode…Error`s.
#[repr(C)]
pub struct UnicodeErrorObject {
    pub base: ExceptionObject,
    pub encoding: Slot,
    pub object: Slot,
    pub reason: Slot,
    pub start: AtomicI64,
    pub end: AtomicI64,
}

impl UnicodeErrorObject {
    /// The exception that `value` is; the caller knows that it has this layout.
    pub fn of<'a>(value: Value) -> &'a UnicodeErrorObject {
        debug_assert!(is_exception(value));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }
}

/// Number of slots behind `ExceptionObject` of a layout of `size` bytes that has only slots there.
const fn n_extra(size: usize) -> usize {
    (size - size_of::<ExceptionObject>()) / 8
}

/// Every slot of an exception whose layout has `extra` slots behind the base.
fn slots<'a>(value: Value, extra: usize) -> impl Iterator<Item = &'a Slot> {
    // SAFETY: the type that registered this dealloc/traverse has that many slots behind the base.
    unsafe {
        let base = value.as_ref::<ExceptionObject>();
        let first = std::ptr::from_ref(base).add(1).cast::<Slot>();
        [&base.dict, &base.args, &base.notes, &base.traceback, &base.context, &base.cause]
            .into_iter()
            .chain((0..extra).map(move |i| &*first.add(i)))
    }
}

pub(crate) unsafe fn dealloc<const SIZE: usize>(value: Value) {
    for slot in slots(value, n_extra(SIZE)) {
        drop(slot.replace_locked(None));
    }
}

pub(crate) unsafe fn traverse<const SIZE: usize>(value: Value, visit: &mut dyn FnMut(Value)) {
    for slot in slots(value, n_extra(SIZE)) {
        if let Some(held) = slot.peek() {
            visit(held);
        }
    }
}

pub(crate) unsafe fn clear<const SIZE: usize>(value: Value) {
    // SAFETY: the object is alive; readers may be at it, so its lock is taken.
    let header = unsafe { &value.as_ref::<ExceptionObject>().header };
    for slot in slots(value, n_extra(SIZE)) {
        drop(slot.replace(header, None));
    }
}
