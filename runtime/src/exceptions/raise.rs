//! Raising from native code.

use crate::exceptions::{ExceptionObject, exc};
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::StaticType;
use crate::types::type_object::TypeObject;
use crate::types::{string, tuple};

/// A short description of each class for `__doc__`.
pub(crate) const fn doc_of(_class: &str) -> &'static str {
    "Built-in exception class."
}

/// Makes an exception of a built-in class with these arguments, without calling `__new__` or `__init__`: for classes
/// whose `__init__` does no more than keep the arguments.
pub fn make(class: &StaticType, args: Vec<Owned>) -> Owned {
    let exception = super::methods::allocate(class.get());
    let object = ExceptionObject::of(*exception);
    drop(object.args.replace_locked(Some(tuple::from_vec(args))));
    exception
}

impl Thread {
    /// Raises `class(message)`.
    #[cold]
    pub fn raise(&mut self, class: &StaticType, message: impl AsRef<str>) -> Raised {
        let message = string::from_str(message.as_ref());
        self.raise_value(class, message)
    }

    /// Raises `class(argument)`.
    #[cold]
    pub fn raise_value(&mut self, class: &StaticType, argument: Owned) -> Raised {
        self.raise_with(class, vec![argument])
    }

    /// Raises `class(*arguments)`.
    #[cold]
    pub fn raise_with(&mut self, class: &StaticType, arguments: Vec<Owned>) -> Raised {
        let exception = make(class, arguments);
        self.raise_exception(exception)
    }

    /// Raises an exception object: chains what is being handled as its context.
    #[cold]
    pub fn raise_exception(&mut self, exception: Owned) -> Raised {
        chain_context(&exception, self);
        self.set_exception(exception);
        Raised::stored()
    }

    /// Raises an exception that has its context already (re-raise).
    #[cold]
    pub fn reraise(&mut self, exception: Owned) -> Raised {
        self.set_exception(exception);
        Raised::stored()
    }

    /// `TypeError(message)`.
    #[cold]
    pub fn raise_type_error(&mut self, message: impl AsRef<str>) -> Raised {
        self.raise(&exc::TYPE_ERROR, message)
    }

    /// `ValueError(message)`.
    #[cold]
    pub fn raise_value_error(&mut self, message: impl AsRef<str>) -> Raised {
        self.raise(&exc::VALUE_ERROR, message)
    }

    /// `MemoryError()`.
    #[cold]
    pub fn raise_memory_error(&mut self) -> Raised {
        self.raise_with(&exc::MEMORY_ERROR, Vec::new())
    }

    /// `RecursionError` for Python frames or native code.
    #[cold]
    pub fn raise_recursion_error(&mut self, what: &str) -> Raised {
        self.raise(&exc::RECURSION_ERROR, format!("maximum recursion depth exceeded{what}"))
    }

    /// `StopIteration()` or `StopIteration(value)`.
    #[cold]
    pub fn raise_stop_iteration(&mut self, value: Option<Owned>) -> Raised {
        let exception = make(&exc::STOP_ITERATION, value.iter().cloned().collect());
        let slot = &super::object::ValueException::of(*exception).value;
        drop(slot.replace_locked(Some(value.unwrap_or_else(Owned::none))));
        self.raise_exception(exception)
    }

    /// `OSError` of the class that belongs to `errno`, with the system's text and up to two file names.
    #[cold]
    pub fn raise_os_error(&mut self, errno: i32, filename: Option<Value>, filename2: Option<Value>) -> Raised {
        let text = system_error_text(errno);
        let mut args = vec![Owned::int(i64::from(errno)), string::from_str(&text)];
        if let Some(filename) = filename {
            args.push(filename.to_owned());
            if let Some(filename2) = filename2 {
                args.push(Owned::none());
                args.push(filename2.to_owned());
            }
        }
        let args: Vec<Value> = args.iter().map(Owned::value).collect::<Vec<_>>();
        match crate::protocol::call::call(exc::OS_ERROR.get().value(), &args, self) {
            Ok(exception) => self.raise_exception(exception),
            Err(raised) => raised,
        }
    }

    /// `OSError` for the C library's `errno`.
    #[cold]
    pub fn raise_errno(&mut self) -> Raised {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        self.raise_os_error(errno, None, None)
    }

    /// `OSError` for the C library's `errno`, about a file.
    #[cold]
    pub fn raise_errno_with(&mut self, filename: Value) -> Raised {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        self.raise_os_error(errno, Some(filename), None)
    }

    /// Whether the exception that is being raised is an instance of `class`.
    pub fn exception_matches(&self, class: &StaticType) -> bool {
        self.exception().is_some_and(|exception| exception.is_instance(class.get()))
    }

    /// Drops the exception that is being raised if it is an instance of `class`, else passes it on.
    pub fn catch(&mut self, raised: Raised, class: &StaticType) -> PyResult<Owned> {
        if self.exception_matches(class) {
            if let Some(exception) = self.take_exception() {
                return Ok(exception);
            }
        }
        Err(raised)
    }

    /// The exception that is being handled (`sys.exception()`).
    pub fn handled_exception(&self) -> Option<Owned> {
        let mut info = self.exc_info;
        // SAFETY: the chain consists of entries of running generators and of the thread's own base entry.
        unsafe {
            while !info.is_null() {
                if let Some(value) = &(*info).value {
                    return Some(value.clone());
                }
                info = (*info).previous;
            }
        }
        None
    }
}

/// The C library's text for an error number.
pub fn system_error_text(errno: i32) -> String {
    // SAFETY: strerror_r writes a terminated string into the buffer (XSI form).
    unsafe {
        let mut buffer = [0 as libc::c_char; 256];
        if libc::strerror_r(errno, buffer.as_mut_ptr(), buffer.len()) != 0 {
            return format!("Unknown error {errno}");
        }
        std::ffi::CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    }
}

/// Sets the exception that is being handled as the context of `exception`, breaking cycles as CPython does.
pub fn chain_context(exception: &Owned, thread: &mut Thread) {
    let Some(handled) = thread.handled_exception() else { return };
    if handled.is(**exception) {
        return;
    }
    // Avoid a cycle: if `exception` is in the handled one's chain of contexts, cut the chain there. The slow pointer
    // stops at loops that were there before.
    let mut at = handled.clone();
    let mut slow = handled.clone();
    let mut advance_slow = false;
    while let Some(next) = ExceptionObject::of(*at).context() {
        if next.is(**exception) {
            ExceptionObject::of(*at).set_context(None);
            break;
        }
        at = next;
        if at.is(*slow) {
            break;
        }
        if advance_slow {
            match ExceptionObject::of(*slow).context() {
                Some(next) => slow = next,
                None => break,
            }
        }
        advance_slow = !advance_slow;
    }
    ExceptionObject::of(**exception).set_context(Some(handled));
}

/// Raises an instance of `class`, made by calling it without arguments (as `raise Class` does).
pub fn raise_class(class: Value, thread: &mut Thread) -> Raised {
    match crate::protocol::call::call(class, &[], thread) {
        Ok(exception) if super::object::is_exception(*exception) => thread.raise_exception(exception),
        Ok(other) => {
            let class_name = crate::protocol::special::safe_repr(class, thread);
            let other = other.type_object().full_name();
            thread.raise_type_error(format!(
                "calling {class_name} should have returned an instance of BaseException, not {other}"
            ))
        }
        Err(raised) => raised,
    }
}

/// Whether an exception matches an `except` clause's class or tuple of classes.
pub fn matches(exception: Value, class: Value) -> bool {
    if class.is_pointer() && class.type_has_flag(crate::types::type_object::TYPE_TUPLE_SUBCLASS) {
        return tuple::TupleObject::of(class).items().iter().any(|&one| matches(exception, one));
    }
    if !crate::types::type_object::is_type(class) {
        return false;
    }
    let ty = if super::object::is_exception(exception) {
        exception.type_object()
    } else if crate::types::type_object::is_type(exception) {
        TypeObject::of(exception)
    } else {
        return false;
    };
    ty.is_subtype(TypeObject::of(class))
}
