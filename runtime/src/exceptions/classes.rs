//! The exception classes, in the order of derivation. `ExceptionGroup` has two bases and is made in group.rs.

use super::object::{
    AttributeErrorObject, ExceptionObject, GroupObject, ImportErrorObject, NameErrorObject, OsErrorObject,
    SyntaxErrorObject, UnicodeErrorObject, ValueException, clear, dealloc, traverse,
};
use crate::types::builtin_types::{OBJECT, StaticType};
use crate::types::type_object::{TYPE_BASETYPE, TYPE_EXCEPTION_SUBCLASS, TYPE_GC, TypeSpec};

macro_rules! exception_classes {
    ($($name:ident $class:ident $base:ident $layout:ident)*) => {
        $(
            #[doc = concat!("`", stringify!($class), "`.")]
            pub static $name: StaticType = StaticType::new(&TypeSpec {
                name: stringify!($class),
                doc: super::raise::doc_of(stringify!($class)),
                base: Some(&$base),
                flags: TYPE_BASETYPE | TYPE_GC | TYPE_EXCEPTION_SUBCLASS,
                basic_size: size_of::<$layout>(),
                dict_offset: Some(std::mem::offset_of!(ExceptionObject, dict)),
                slots: super::methods::slots_of(stringify!($class)),
                methods: super::methods::methods_of(stringify!($class)),
                getsets: super::methods::getsets_of(stringify!($class)),
                members: super::methods::members_of(stringify!($class)),
                dealloc: Some(dealloc::<{ exception_classes!(@slots $layout) }>),
                traverse: Some(traverse::<{ exception_classes!(@slots $layout) }>),
                clear: Some(clear::<{ exception_classes!(@slots $layout) }>),
                ..TypeSpec::DEFAULT
            });
        )*

        /// All classes, bases first.
        pub static ALL: &[&StaticType] = &[$(&$name),*];
    };
    // The unicode errors end in two numbers that are not slots.
    (@slots UnicodeErrorObject) => { size_of::<UnicodeErrorObject>() - 16 };
    (@slots $layout:ident) => { size_of::<$layout>() };
}

exception_classes! {
    BASE_EXCEPTION BaseException OBJECT ExceptionObject
    EXCEPTION Exception BASE_EXCEPTION ExceptionObject
    SYSTEM_EXIT SystemExit BASE_EXCEPTION ValueException
    KEYBOARD_INTERRUPT KeyboardInterrupt BASE_EXCEPTION ExceptionObject
    GENERATOR_EXIT GeneratorExit BASE_EXCEPTION ExceptionObject
    BASE_EXCEPTION_GROUP BaseExceptionGroup BASE_EXCEPTION GroupObject
    TYPE_ERROR TypeError EXCEPTION ExceptionObject
    STOP_ASYNC_ITERATION StopAsyncIteration EXCEPTION ExceptionObject
    STOP_ITERATION StopIteration EXCEPTION ValueException
    IMPORT_ERROR ImportError EXCEPTION ImportErrorObject
    MODULE_NOT_FOUND_ERROR ModuleNotFoundError IMPORT_ERROR ImportErrorObject
    OS_ERROR OSError EXCEPTION OsErrorObject
    EOF_ERROR EOFError EXCEPTION ExceptionObject
    RUNTIME_ERROR RuntimeError EXCEPTION ExceptionObject
    RECURSION_ERROR RecursionError RUNTIME_ERROR ExceptionObject
    NOT_IMPLEMENTED_ERROR NotImplementedError RUNTIME_ERROR ExceptionObject
    PYTHON_FINALIZATION_ERROR PythonFinalizationError RUNTIME_ERROR ExceptionObject
    NAME_ERROR NameError EXCEPTION NameErrorObject
    UNBOUND_LOCAL_ERROR UnboundLocalError NAME_ERROR NameErrorObject
    ATTRIBUTE_ERROR AttributeError EXCEPTION AttributeErrorObject
    SYNTAX_ERROR SyntaxError EXCEPTION SyntaxErrorObject
    INCOMPLETE_INPUT_ERROR _IncompleteInputError SYNTAX_ERROR SyntaxErrorObject
    INDENTATION_ERROR IndentationError SYNTAX_ERROR SyntaxErrorObject
    TAB_ERROR TabError INDENTATION_ERROR SyntaxErrorObject
    LOOKUP_ERROR LookupError EXCEPTION ExceptionObject
    INDEX_ERROR IndexError LOOKUP_ERROR ExceptionObject
    KEY_ERROR KeyError LOOKUP_ERROR ExceptionObject
    VALUE_ERROR ValueError EXCEPTION ExceptionObject
    UNICODE_ERROR UnicodeError VALUE_ERROR ExceptionObject
    UNICODE_ENCODE_ERROR UnicodeEncodeError UNICODE_ERROR UnicodeErrorObject
    UNICODE_DECODE_ERROR UnicodeDecodeError UNICODE_ERROR UnicodeErrorObject
    UNICODE_TRANSLATE_ERROR UnicodeTranslateError UNICODE_ERROR UnicodeErrorObject
    ASSERTION_ERROR AssertionError EXCEPTION ExceptionObject
    ARITHMETIC_ERROR ArithmeticError EXCEPTION ExceptionObject
    FLOATING_POINT_ERROR FloatingPointError ARITHMETIC_ERROR ExceptionObject
    OVERFLOW_ERROR OverflowError ARITHMETIC_ERROR ExceptionObject
    ZERO_DIVISION_ERROR ZeroDivisionError ARITHMETIC_ERROR ExceptionObject
    SYSTEM_ERROR SystemError EXCEPTION ExceptionObject
    REFERENCE_ERROR ReferenceError EXCEPTION ExceptionObject
    MEMORY_ERROR MemoryError EXCEPTION ExceptionObject
    BUFFER_ERROR BufferError EXCEPTION ExceptionObject
    WARNING Warning EXCEPTION ExceptionObject
    USER_WARNING UserWarning WARNING ExceptionObject
    ENCODING_WARNING EncodingWarning WARNING ExceptionObject
    DEPRECATION_WARNING DeprecationWarning WARNING ExceptionObject
    PENDING_DEPRECATION_WARNING PendingDeprecationWarning WARNING ExceptionObject
    SYNTAX_WARNING SyntaxWarning WARNING ExceptionObject
    RUNTIME_WARNING RuntimeWarning WARNING ExceptionObject
    FUTURE_WARNING FutureWarning WARNING ExceptionObject
    IMPORT_WARNING ImportWarning WARNING ExceptionObject
    UNICODE_WARNING UnicodeWarning WARNING ExceptionObject
    BYTES_WARNING BytesWarning WARNING ExceptionObject
    RESOURCE_WARNING ResourceWarning WARNING ExceptionObject
    CONNECTION_ERROR ConnectionError OS_ERROR OsErrorObject
    BLOCKING_IO_ERROR BlockingIOError OS_ERROR OsErrorObject
    BROKEN_PIPE_ERROR BrokenPipeError CONNECTION_ERROR OsErrorObject
    CHILD_PROCESS_ERROR ChildProcessError OS_ERROR OsErrorObject
    CONNECTION_ABORTED_ERROR ConnectionAbortedError CONNECTION_ERROR OsErrorObject
    CONNECTION_REFUSED_ERROR ConnectionRefusedError CONNECTION_ERROR OsErrorObject
    CONNECTION_RESET_ERROR ConnectionResetError CONNECTION_ERROR OsErrorObject
    FILE_EXISTS_ERROR FileExistsError OS_ERROR OsErrorObject
    FILE_NOT_FOUND_ERROR FileNotFoundError OS_ERROR OsErrorObject
    IS_A_DIRECTORY_ERROR IsADirectoryError OS_ERROR OsErrorObject
    NOT_A_DIRECTORY_ERROR NotADirectoryError OS_ERROR OsErrorObject
    INTERRUPTED_ERROR InterruptedError OS_ERROR OsErrorObject
    PERMISSION_ERROR PermissionError OS_ERROR OsErrorObject
    PROCESS_LOOKUP_ERROR ProcessLookupError OS_ERROR OsErrorObject
    TIMEOUT_ERROR TimeoutError OS_ERROR OsErrorObject
}
