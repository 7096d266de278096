//! The built-in types with fixed shape numbers, and how native code names a type.

use std::ptr::null_mut;

use crate::object::header::{Header, ShapeId};
use crate::object::shape;
use crate::sync::{AtomicPtr, Ordering};
use crate::types::type_object::{TypeObject, TypeSpec};

/// A type written in Rust: made at start-up (built-in ones) or when first used (those of native modules), immortal.
pub struct StaticType {
    object: AtomicPtr<TypeObject>,
    pub spec: &'static TypeSpec,
    /// The fixed shape number, 0 for types of native modules, which get one when they are made.
    pub shape: ShapeId,
}

impl StaticType {
    /// A type of a native module.
    pub const fn new(spec: &'static TypeSpec) -> StaticType {
        StaticType { object: AtomicPtr::new(null_mut()), spec, shape: 0 }
    }

    const fn builtin(spec: &'static TypeSpec, shape: ShapeId) -> StaticType {
        StaticType { object: AtomicPtr::new(null_mut()), spec, shape }
    }

    /// The type object.
    #[inline(always)]
    pub fn get(&self) -> &'static TypeObject {
        // Acquire: pairs with the Release in `make`.
        let object = self.object.load(Ordering::Acquire);
        if object.is_null() {
            return self.make();
        }
        // SAFETY: static types are never freed.
        unsafe { &*object }
    }

    #[cold]
    fn make(&self) -> &'static TypeObject {
        // SAFETY: the constructors are used in statics only.
        super::type_setup::make_static(unsafe { &*std::ptr::from_ref(self) })
    }

    /// The address before the type is complete, for types that refer to each other while they are made.
    pub(crate) fn pointer(&self) -> *mut TypeObject {
        self.object.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, object: *mut TypeObject) {
        self.object.store(object, Ordering::Release);
    }
}

macro_rules! builtin_types {
    ($($name:ident = $spec:path),* $(,)?) => {
        #[allow(non_camel_case_types, reason = "numbers the shapes")]
        #[allow(clippy::upper_case_acronyms, reason = "named as the statics")]
        #[repr(u32)]
        enum Number { UNUSED = 0, $($name),* }

        /// Fixed shape numbers: "is exactly this type" is one compare with a constant.
        pub mod shapes {
            use super::{Number, ShapeId};
            $(pub const $name: ShapeId = Number::$name as u32;)*
        }

        $(pub static $name: StaticType = StaticType::builtin(&$spec, shapes::$name);)*

        /// All of them, bases before the types derived from them.
        pub static ALL: &[&StaticType] = &[$(&$name),*];
    };
}

builtin_types! {
    OBJECT = super::object::SPEC,
    TYPE = super::class::SPEC,
    STR = super::str::SPEC,
    INT = super::int::SPEC,
    BOOL = super::boolean::SPEC,
    FLOAT = super::float::SPEC,
    COMPLEX = super::complex::SPEC,
    TUPLE = super::tuple_methods::SPEC,
    LIST = super::list::methods::SPEC,
    DICT = super::dict::methods::SPEC,
    BYTES = super::bytes::SPEC,
    BYTEARRAY = super::bytearray::SPEC,
    MEMORYVIEW = super::memoryview::SPEC,
    SET = super::set::SET_SPEC,
    FROZENSET = super::set::FROZENSET_SPEC,
    RANGE = super::range::SPEC,
    SLICE = super::slice::SPEC,
    NONE = super::singletons::NONE_SPEC,
    NOT_IMPLEMENTED = super::singletons::NOT_IMPLEMENTED_SPEC,
    ELLIPSIS = super::singletons::ELLIPSIS_SPEC,
    CODE = super::code::SPEC,
    FUNCTION = super::function::SPEC,
    METHOD = super::method::SPEC,
    BUILTIN_FUNCTION = super::builtin_function::SPEC,
    METHOD_DESCRIPTOR = super::descriptors::METHOD_SPEC,
    CLASSMETHOD_DESCRIPTOR = super::descriptors::CLASSMETHOD_SPEC,
    WRAPPER_DESCRIPTOR = super::descriptors::WRAPPER_SPEC,
    METHOD_WRAPPER = super::descriptors::METHOD_WRAPPER_SPEC,
    GETSET_DESCRIPTOR = super::descriptors::GETSET_SPEC,
    MEMBER_DESCRIPTOR = super::descriptors::MEMBER_SPEC,
    PROPERTY = super::property::SPEC,
    CLASSMETHOD = super::class_static_method::CLASSMETHOD_SPEC,
    STATICMETHOD = super::class_static_method::STATICMETHOD_SPEC,
    SUPER = super::super_object::SPEC,
    CELL = super::cell::SPEC,
    MODULE = super::module::SPEC,
    FRAME = super::frame_object::SPEC,
    FRAME_LOCALS_PROXY = super::frame_object::LOCALS_PROXY_SPEC,
    TRACEBACK = super::traceback::SPEC,
    GENERATOR = super::generator::GENERATOR_SPEC,
    COROUTINE = super::generator::COROUTINE_SPEC,
    COROUTINE_WRAPPER = super::generator::COROUTINE_WRAPPER_SPEC,
    ASYNC_GENERATOR = super::async_generator::SPEC,
    ASYNC_GENERATOR_WRAPPED_VALUE = super::async_generator::WRAPPED_VALUE_SPEC,
    MAPPING_PROXY = super::mapping_proxy::SPEC,
    SIMPLE_NAMESPACE = super::simple_namespace::SPEC,
    GENERIC_ALIAS = super::generic_alias::SPEC,
    UNION = super::union::SPEC,
    WEAKREF = super::weakref::REFERENCE_SPEC,
    WEAK_PROXY = super::weakref::PROXY_SPEC,
    WEAK_CALLABLE_PROXY = super::weakref::CALLABLE_PROXY_SPEC,
    LIST_ITERATOR = super::list::iterators::SPEC,
    LIST_REVERSE_ITERATOR = super::list::iterators::REVERSE_SPEC,
    TUPLE_ITERATOR = super::tuple_methods::ITERATOR_SPEC,
    RANGE_ITERATOR = super::range::ITERATOR_SPEC,
    LONG_RANGE_ITERATOR = super::range::LONG_ITERATOR_SPEC,
    STR_ITERATOR = super::str::iterators::SPEC,
    STR_ASCII_ITERATOR = super::str::iterators::ASCII_SPEC,
    BYTES_ITERATOR = super::bytes::ITERATOR_SPEC,
    BYTEARRAY_ITERATOR = super::bytearray::ITERATOR_SPEC,
    MEMORY_ITERATOR = super::memoryview::ITERATOR_SPEC,
    SET_ITERATOR = super::set::ITERATOR_SPEC,
    DICT_KEYS = super::dict::views::KEYS_SPEC,
    DICT_VALUES = super::dict::views::VALUES_SPEC,
    DICT_ITEMS = super::dict::views::ITEMS_SPEC,
    DICT_KEY_ITERATOR = super::dict::iterators::KEY_SPEC,
    DICT_VALUE_ITERATOR = super::dict::iterators::VALUE_SPEC,
    DICT_ITEM_ITERATOR = super::dict::iterators::ITEM_SPEC,
    DICT_REVERSE_KEY_ITERATOR = super::dict::iterators::REVERSE_KEY_SPEC,
    DICT_REVERSE_VALUE_ITERATOR = super::dict::iterators::REVERSE_VALUE_SPEC,
    DICT_REVERSE_ITEM_ITERATOR = super::dict::iterators::REVERSE_ITEM_SPEC,
    SEQUENCE_ITERATOR = super::iterators::SEQUENCE_SPEC,
    CALLABLE_ITERATOR = super::iterators::CALLABLE_SPEC,
    ENUMERATE = super::iterators::ENUMERATE_SPEC,
    REVERSED = super::iterators::REVERSED_SPEC,
    MAP = super::iterators::MAP_SPEC,
    FILTER = super::iterators::FILTER_SPEC,
    ZIP = super::iterators::ZIP_SPEC,
    TEMPLATE = super::template::SPEC,
    TEMPLATE_ITERATOR = super::template::ITERATOR_SPEC,
    INTERPOLATION = super::template::INTERPOLATION_SPEC,
}

/// Whether `shape` is the root shape of `ty`.
#[inline(always)]
pub fn is_root(shape: ShapeId, ty: &StaticType) -> bool {
    shape == ty.shape
}

/// An immortal object without fields: `None`, `...`, `NotImplemented`.
#[repr(C, align(16))]
pub struct Singleton {
    pub(crate) header: Header,
}

pub static NONE_OBJECT: Singleton = Singleton { header: Header::immortal(shapes::NONE) };
pub static NOT_IMPLEMENTED_OBJECT: Singleton = Singleton { header: Header::immortal(shapes::NOT_IMPLEMENTED) };
pub static ELLIPSIS_OBJECT: Singleton = Singleton { header: Header::immortal(shapes::ELLIPSIS) };
pub static TRUE_OBJECT: Singleton = Singleton { header: Header::immortal(shapes::BOOL) };
pub static FALSE_OBJECT: Singleton = Singleton { header: Header::immortal(shapes::BOOL) };

use crate::object::value::{Owned, Value};

macro_rules! singleton_access {
    ($($get:ident $is:ident $owned:ident $object:ident),* $(,)?) => {
        impl Value {
            $(
                #[inline(always)]
                pub fn $get() -> Value {
                    Value::from_header(&raw const $object.header)
                }
                #[inline(always)]
                pub fn $is(self) -> bool {
                    self.is_pointer() && self.header() as *const Header == &raw const $object.header
                }
            )*
        }
        impl Owned {
            $(
                #[inline(always)]
                pub fn $owned() -> Owned {
                    // SAFETY: an immortal object needs no count.
                    unsafe { Owned::from_raw(Value::$get()) }
                }
            )*
        }
    };
}

singleton_access! {
    none is_none none NONE_OBJECT,
    not_implemented is_not_implemented not_implemented NOT_IMPLEMENTED_OBJECT,
    ellipsis is_ellipsis ellipsis ELLIPSIS_OBJECT,
    true_ is_true true_ TRUE_OBJECT,
    false_ is_false false_ FALSE_OBJECT,
}

impl Value {
    #[inline(always)]
    pub fn bool(value: bool) -> Value {
        if value { Value::true_() } else { Value::false_() }
    }

    /// Whether the value is `True` or `False`.
    #[inline(always)]
    pub fn as_bool(self) -> Option<bool> {
        if self.is_true() {
            Some(true)
        } else if self.is_false() {
            Some(false)
        } else {
            None
        }
    }
}

impl Owned {
    #[inline(always)]
    pub fn bool(value: bool) -> Owned {
        if value { Owned::true_() } else { Owned::false_() }
    }

    /// A Python int.
    #[inline(always)]
    pub fn int(value: i64) -> Owned {
        super::int::from_i64(value)
    }

    #[inline]
    pub fn usize(value: usize) -> Owned {
        super::int::from_u64(value as u64)
    }

    /// A Python float.
    #[inline(always)]
    pub fn float(value: f64) -> Owned {
        super::float::from_f64(value)
    }

    /// A Python str.
    pub fn str(text: &str) -> Owned {
        super::string::from_str(text)
    }
}

/// Makes all built-in types. Called once.
pub(crate) fn initialize() {
    shape::initialize();
    super::type_setup::make_builtins();
}
