//! `type` objects: slots, method resolution order, attributes, versions.
//!
//! # Who may touch what
//! * `slots`, `mro`, `bases`, `base`: any thread reads; written under the type lock ([`type_lock`]), after the versions
//!   of all affected shapes have changed.
//! * `dict`: set when the type is made; the dict has its own lock.
//! * Built-in types are static or leaked and immutable after [`ready`](super::type_setup).

use std::marker::PhantomData;

use crate::object::header::{FLAG_GC, Header};
use crate::object::shape::{self, AttributeMode, ShapeId};
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::CompareOp;
use crate::sync::{AtomicU32, AtomicUsize, LeafMutex, LeafMutexGuard, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::root_shape::RootShape;
use crate::types::dict::DictObject;
use crate::types::tuple::TupleObject;

pub type UnaryFn = fn(Value, &mut Thread) -> PyResult;
pub type BinaryFn = fn(Value, Value, &mut Thread) -> PyResult;
pub type TernaryFn = fn(Value, Value, Value, &mut Thread) -> PyResult;
pub type LengthFn = fn(Value, &mut Thread) -> PyResult<i64>;
pub type TruthFn = fn(Value, &mut Thread) -> PyResult<bool>;
pub type ContainsFn = fn(Value, Value, &mut Thread) -> PyResult<bool>;
/// `None` means exhausted.
pub type IterNextFn = fn(Value, &mut Thread) -> PyResult<Option<Owned>>;
pub type CallFn = fn(Value, Args<'_>, KwNames, &mut Thread) -> PyResult;
pub type SetAttrFn = fn(Value, Value, Option<Value>, &mut Thread) -> PyResult<()>;
pub type DescrGetFn = fn(Value, Option<Value>, Option<Value>, &mut Thread) -> PyResult;
pub type InitFn = fn(Value, Args<'_>, KwNames, &mut Thread) -> PyResult<()>;
pub type CompareFn = fn(Value, Value, CompareOp, &mut Thread) -> PyResult;
pub type FinalizeFn = fn(Value, &mut Thread) -> PyResult<()>;
pub type RepeatFn = fn(Value, i64, &mut Thread) -> PyResult;
pub type BufferFn = fn(Value, u32, &mut Thread) -> PyResult<crate::protocol::buffer::Buffer>;
/// Drops the fields behind the header. Runs no Python code.
pub type DeallocFn = unsafe fn(Value);
/// Shows every owned reference of the object to the visitor.
pub type TraverseFn = unsafe fn(Value, &mut dyn FnMut(Value));
/// Drops references that may be part of a cycle; the object stays valid.
pub type ClearFn = unsafe fn(Value);
/// Whether the native finalizer has nothing to do for a dead object. Only looks at it.
pub type AtRestFn = fn(Value) -> bool;

/// One function-pointer cell: readable without a lock.
#[repr(transparent)]
pub struct SlotCell<F> {
    pointer: AtomicUsize,
    function: PhantomData<F>,
}

impl<F: Copy> SlotCell<F> {
    pub const EMPTY: SlotCell<F> = SlotCell { pointer: AtomicUsize::new(0), function: PhantomData };

    #[inline(always)]
    pub fn get(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<usize>()) };
        // Relaxed: function pointers are valid for ever; what they do is independent of when they were stored.
        let pointer = self.pointer.load(Ordering::Relaxed);
        if pointer == 0 {
            return None;
        }
        // SAFETY: only `set` writes here, a function pointer of type `F`, which has the size of usize.
        Some(unsafe { std::mem::transmute_copy::<usize, F>(&pointer) })
    }

    #[inline]
    pub fn set(&self, function: Option<F>) {
        let pointer = match &function {
            // SAFETY: `F` is a function pointer of the size of usize.
            Some(function) => unsafe { std::mem::transmute_copy::<F, usize>(function) },
            None => 0,
        };
        self.pointer.store(pointer, Ordering::Relaxed);
    }

    #[inline]
    pub fn raw(&self) -> usize {
        self.pointer.load(Ordering::Relaxed)
    }
}

macro_rules! define_slots {
    ($($name:ident : $ty:ty),* $(,)?) => {
        /// The operations of a type (CPython's `tp_*`, `nb_*`, `sq_*`, `mp_*`, `am_*` slots; mapping and sequence
        /// length and subscription are one slot here).
        #[repr(C)]
        pub struct Slots { $(pub $name: SlotCell<$ty>),* }

        impl Slots {
            pub const fn empty() -> Slots { Slots { $($name: SlotCell::EMPTY),* } }
        }

        /// The number of a slot.
        #[allow(non_camel_case_types, reason = "named as the fields of `Slots`")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum SlotId { $($name),* }

        impl SlotId {
            pub const ALL: &'static [SlotId] = &[$(SlotId::$name),*];
        }

        /// A slot with its function, as type declarations list them.
        #[allow(non_camel_case_types, reason = "named as the fields of `Slots`")]
        #[derive(Clone, Copy)]
        pub enum SlotFn { $($name($ty)),* }

        impl SlotFn {
            /// The slot and the function pointer as a number.
            pub fn parts(&self) -> (SlotId, usize) {
                match *self { $(SlotFn::$name(function) => (SlotId::$name, function as usize)),* }
            }
        }

        impl Slots {
            pub fn fill(&self, slot: &SlotFn) {
                match *slot { $(SlotFn::$name(function) => self.$name.set(Some(function))),* }
            }

            /// The function pointer of slot `id` as a number, 0 for none.
            pub fn raw(&self, id: SlotId) -> usize {
                match id { $(SlotId::$name => self.$name.raw()),* }
            }

            /// Stores a function pointer that came from [`Slots::raw`] or [`SlotFn::parts`] of the same slot.
            pub fn set_raw(&self, id: SlotId, raw: usize) {
                match id { $(SlotId::$name => self.$name.pointer.store(raw, Ordering::Relaxed)),* }
            }

            /// Copies slot `id` from `other`.
            pub fn copy(&self, id: SlotId, other: &Slots) {
                match id { $(SlotId::$name => self.$name.set(other.$name.get())),* }
            }

            pub fn clear(&self, id: SlotId) {
                match id { $(SlotId::$name => self.$name.set(None)),* }
            }
        }
    };
}

define_slots! {
    repr: UnaryFn, str: UnaryFn, hash: LengthFn, call: CallFn,
    getattr: BinaryFn, setattr: SetAttrFn, richcompare: CompareFn,
    iter: UnaryFn, iternext: IterNextFn,
    descr_get: DescrGetFn, descr_set: SetAttrFn,
    init: InitFn, new: CallFn, finalize: FinalizeFn,
    add: BinaryFn, subtract: BinaryFn, multiply: BinaryFn, remainder: BinaryFn, divmod: BinaryFn, power: TernaryFn,
    negative: UnaryFn, positive: UnaryFn, absolute: UnaryFn, truth: TruthFn, invert: UnaryFn,
    lshift: BinaryFn, rshift: BinaryFn, and: BinaryFn, xor: BinaryFn, or: BinaryFn,
    int: UnaryFn, float: UnaryFn,
    inplace_add: BinaryFn, inplace_subtract: BinaryFn, inplace_multiply: BinaryFn, inplace_remainder: BinaryFn,
    inplace_power: TernaryFn, inplace_lshift: BinaryFn, inplace_rshift: BinaryFn, inplace_and: BinaryFn,
    inplace_xor: BinaryFn, inplace_or: BinaryFn,
    floor_divide: BinaryFn, true_divide: BinaryFn, inplace_floor_divide: BinaryFn, inplace_true_divide: BinaryFn,
    index: UnaryFn, matrix_multiply: BinaryFn, inplace_matrix_multiply: BinaryFn,
    length: LengthFn, concat: BinaryFn, repeat: RepeatFn, inplace_concat: BinaryFn, inplace_repeat: RepeatFn,
    subscript: BinaryFn, ass_subscript: SetAttrFn, contains: ContainsFn,
    await_: UnaryFn, aiter: UnaryFn, anext: UnaryFn,
    buffer: BufferFn,
    // What iteration takes, where it is not what a subscript gives.
    item: BinaryFn,
}

/// Subclasses may be made of the type.
pub const TYPE_BASETYPE: u32 = 1 << 0;
/// The collector follows instances.
pub const TYPE_GC: u32 = 1 << 1;
/// Made by a class statement or `type()`: attributes may be changed.
pub const TYPE_HEAP: u32 = 1 << 2;
/// `Py_TPFLAGS_IMMUTABLETYPE`.
pub const TYPE_IMMUTABLE: u32 = 1 << 3;
/// Weak references to instances can be made.
pub const TYPE_WEAKREFABLE: u32 = 1 << 4;
/// Instances have no fixed size: their attribute area follows the items.
pub const TYPE_VAR_SIZED: u32 = 1 << 5;
/// `type()` of this may not be called to make instances.
pub const TYPE_DISALLOW_INSTANTIATION: u32 = 1 << 6;
/// Matches `case [...]`.
pub const TYPE_SEQUENCE: u32 = 1 << 7;
/// Matches `case {...}`.
pub const TYPE_MAPPING: u32 = 1 << 8;
/// A single positional subpattern matches the object itself.
pub const TYPE_MATCH_SELF: u32 = 1 << 9;
/// Behaves as a function when found in a class: `LOAD_ATTR` may push it unbound with the instance.
pub const TYPE_METHOD_DESCRIPTOR: u32 = 1 << 10;
/// The class has abstract methods.
pub const TYPE_ABSTRACT: u32 = 1 << 11;
/// Some class of the MRO defines `__del__`.
pub const TYPE_HAS_DEL: u32 = 1 << 12;
/// A cell holds a plain value of an attribute of the class or of one derived from it: replacing one changes versions.
pub const TYPE_PLAIN_CACHED: u32 = 1 << 13;
/// Subclass tests for the commonest built-in bases.
pub const TYPE_INT_SUBCLASS: u32 = 1 << 16;
pub const TYPE_STR_SUBCLASS: u32 = 1 << 17;
pub const TYPE_TUPLE_SUBCLASS: u32 = 1 << 18;
pub const TYPE_LIST_SUBCLASS: u32 = 1 << 19;
pub const TYPE_DICT_SUBCLASS: u32 = 1 << 20;
pub const TYPE_BYTES_SUBCLASS: u32 = 1 << 21;
pub const TYPE_EXCEPTION_SUBCLASS: u32 = 1 << 22;
pub const TYPE_TYPE_SUBCLASS: u32 = 1 << 23;
pub const TYPE_FLOAT_SUBCLASS: u32 = 1 << 24;
/// Flags that subclasses take over.
pub const TYPE_INHERITED: u32 = TYPE_SEQUENCE
    | TYPE_MAPPING
    | TYPE_MATCH_SELF
    | TYPE_VAR_SIZED
    | TYPE_HAS_DEL
    | (0xFF << 16)
    | (1 << 24);

/// Where instances keep the pointer to their `__dict__`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DictPlace {
    None,
    /// At this byte offset.
    At(u32),
    /// Behind the items of a variable-sized object.
    End,
}

#[repr(C)]
pub struct TypeObject {
    pub(crate) header: Header,
    pub slots: Slots,
    pub(crate) dealloc: SlotCell<DeallocFn>,
    pub(crate) traverse: SlotCell<TraverseFn>,
    pub(crate) clear: SlotCell<ClearFn>,
    pub(crate) at_rest: SlotCell<AtRestFn>,
    flags: AtomicU32,
    /// With the number of inline attribute slots of new instances.
    pub(crate) root: RootShape,
    dict_shape: AtomicU32,
    n_shapes: AtomicU32,
    /// Bytes of an instance before inline attribute slots; without the items of variable-sized ones.
    pub(crate) basic_size: u32,
    /// Bytes per item of a variable-sized type.
    pub(crate) item_size: u32,
    pub(crate) dict_place: DictPlace,
    /// Bytes of the area behind the items of variable-sized subclasses (dict pointer, then `__slots__`).
    pub(crate) end_area: u32,
    /// Number of inline attribute slots behind `basic_size`.
    /// Part of `object_flags` that is fixed by the type.
    pub(crate) object_flags: u8,
    pub(crate) name: Slot,
    pub(crate) qualname: Slot,
    pub(crate) base: Slot,
    pub(crate) bases: Slot,
    pub(crate) mro: Slot,
    pub(crate) dict: Slot,
    /// The names in `__slots__` that became members, a tuple.
    pub(crate) slot_names: Slot,
    pub(crate) spec: Option<&'static TypeSpec>,
    /// Shapes of instances besides the root, and the classes made directly from this one (not counted).
    pub(crate) lists: LeafMutex<TypeLists>,
    /// The most derived layout that this class shares: decides `__class__` assignment and multiple bases.
    pub(crate) solid_base: AtomicUsize,
    /// For `super().__new__` checks: the native `new` of the nearest built-in base.
    pub(crate) native_new: SlotCell<CallFn>,
    /// Cached `__init__` for class calls: facts in cells are guarded by the root shape's version.
    pub(crate) abstract_methods: Slot,
    /// A number that no other type ever has.
    serial: u64,
}

static NEXT_SERIAL: crate::sync::AtomicU64 = crate::sync::AtomicU64::new(1);

#[derive(Default)]
pub struct TypeLists {
    pub shapes: Vec<ShapeId>,
    pub subclasses: Vec<*mut TypeObject>,
}

// SAFETY: see "Who may touch what".
unsafe impl Sync for TypeObject {}
// SAFETY: as above.
unsafe impl Send for TypeObject {}

/// A method, function, classmethod or staticmethod written in Rust.
pub struct MethodDef {
    pub name: &'static str,
    pub func: crate::protocol::native::NativeFn,
    pub kind: MethodKind,
    /// Parameters in the form of `__text_signature__`: `($self, object, /)`. A leading `-` hides it from
    /// `__text_signature__` (the oracle has none there), but it still binds. See protocol/native.rs.
    pub signature: &'static str,
    pub doc: &'static str,
}

/// An entry of a method table: called with the instance (in a module's table: with the module) as `self`.
pub const fn method(name: &'static str, func: crate::protocol::native::NativeFn, signature: &'static str, doc: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc }
}

/// An entry for a function that wants no `self` and has no docstring.
pub const fn function(name: &'static str, func: crate::protocol::native::NativeFn, signature: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Static, signature, doc: "" }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MethodKind {
    Instance,
    Class,
    Static,
}

/// A computed attribute written in Rust.
pub struct GetSetDef {
    pub name: &'static str,
    pub get: fn(Value, &mut Thread) -> PyResult,
    /// `None` as the new value deletes.
    pub set: Option<fn(Value, Option<Value>, &mut Thread) -> PyResult<()>>,
    pub doc: &'static str,
}

/// An attribute that is a [`Slot`] of the object at a byte offset (`member_descriptor`).
pub struct MemberDef {
    pub name: &'static str,
    pub offset: usize,
    pub readonly: bool,
    /// An empty slot reads as `None` instead of raising AttributeError.
    pub none_if_empty: bool,
    pub doc: &'static str,
}

/// The declaration of a type written in Rust.
pub struct TypeSpec {
    /// Dotted name as in CPython's `tp_name`: what precedes the last dot is `__module__`.
    pub name: &'static str,
    pub doc: &'static str,
    pub base: Option<&'static super::builtin_types::StaticType>,
    pub flags: u32,
    pub basic_size: usize,
    pub item_size: usize,
    /// Instances have a `__dict__` whose pointer lies at this offset of the native layout.
    pub dict_offset: Option<usize>,
    pub slots: &'static [SlotFn],
    pub methods: &'static [MethodDef],
    pub getsets: &'static [GetSetDef],
    pub members: &'static [MemberDef],
    pub dealloc: Option<DeallocFn>,
    pub traverse: Option<TraverseFn>,
    pub clear: Option<ClearFn>,
    /// Where most objects die without need of the finalizer: says so, which spares them the way over the pending list.
    pub at_rest: Option<AtRestFn>,
    /// `__hash__` is None.
    pub unhashable: bool,
}

impl TypeSpec {
    /// What declarations start from: `TypeSpec { name: …, ..TypeSpec::DEFAULT }`.
    pub const DEFAULT: TypeSpec = TypeSpec {
        name: "",
        doc: "",
        base: None,
        flags: 0,
        basic_size: size_of::<Header>(),
        item_size: 0,
        dict_offset: None,
        slots: &[],
        methods: &[],
        getsets: &[],
        members: &[],
        dealloc: None,
        traverse: None,
        clear: None,
        at_rest: None,
        unhashable: false,
    };
}

/// Held while slots, MRO or bases of any type change. A leaf lock: no Python code runs under it.
static TYPE_LOCK: LeafMutex<()> = LeafMutex::new(());

pub fn type_lock() -> LeafMutexGuard<'static, ()> {
    TYPE_LOCK.lock()
}

impl TypeObject {
    /// A type whose fields the caller fills in before anyone sees it.
    pub(crate) fn unfinished(header: Header, flags: u32) -> TypeObject {
        TypeObject {
            header,
            slots: Slots::empty(),
            dealloc: SlotCell::EMPTY,
            traverse: SlotCell::EMPTY,
            clear: SlotCell::EMPTY,
            at_rest: SlotCell::EMPTY,
            flags: AtomicU32::new(flags),
            root: RootShape::new(),
            dict_shape: AtomicU32::new(0),
            n_shapes: AtomicU32::new(0),
            basic_size: size_of::<Header>() as u32,
            item_size: 0,
            dict_place: DictPlace::None,
            end_area: 0,
            object_flags: if flags & TYPE_GC != 0 { FLAG_GC } else { 0 },
            name: Slot::empty(),
            qualname: Slot::empty(),
            base: Slot::empty(),
            bases: Slot::empty(),
            mro: Slot::empty(),
            dict: Slot::empty(),
            slot_names: Slot::empty(),
            spec: None,
            lists: LeafMutex::new(TypeLists::default()),
            solid_base: AtomicUsize::new(0),
            native_new: SlotCell::EMPTY,
            abstract_methods: Slot::empty(),
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The type object that `value` is; the caller knows that it is one.
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a TypeObject {
        debug_assert!(is_type(value));
        // SAFETY: types live as long as any object or cache that names them; the caller holds a reference.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_object(self)
    }

    #[inline(always)]
    pub fn flags(&self) -> u32 {
        // Relaxed: bits that matter for memory safety never change after the type is made.
        self.flags.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn has_flag(&self, flag: u32) -> bool {
        self.flags() & flag != 0
    }

    pub fn set_flag(&self, flag: u32, on: bool) {
        if on {
            self.flags.fetch_or(flag, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flag, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub fn object_flags(&self) -> u8 {
        self.object_flags
    }

    /// Bytes of an instance without items and without inline attribute slots.
    #[inline]
    pub fn fixed_size(&self) -> usize {
        self.basic_size as usize
    }

    /// Bytes of an instance without items, inline attribute slots included. Whoever allocates reads the root shape first:
    /// there is never less room than a root shape read before says.
    #[inline(always)]
    pub fn basic_size(&self) -> usize {
        self.basic_size as usize + self.inline_capacity() * 8
    }

    #[inline(always)]
    pub fn inline_capacity(&self) -> usize {
        self.root.capacity()
    }

    /// Word offset of the first inline attribute slot.
    #[inline]
    pub fn first_slot(&self) -> usize {
        self.basic_size as usize / 8
    }

    /// A number that no other type ever has, whatever becomes of this one.
    #[inline(always)]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The shape of a new instance.
    #[inline(always)]
    pub fn root_shape(&self) -> ShapeId {
        self.root.shape()
    }

    pub(crate) fn set_root_shape(&self, shape: ShapeId) {
        self.root.set(shape);
    }

    /// The shape of instances that keep their attributes in a dict. `None` when shape numbers have run out.
    pub fn dict_shape(&self) -> Option<ShapeId> {
        let shape = self.dict_shape.load(Ordering::Acquire);
        if shape != 0 {
            return Some(shape);
        }
        if shape::entry(self.root_shape()).mode() != AttributeMode::Inline {
            return Some(self.root_shape());
        }
        let new = shape::new_root(std::ptr::from_ref(self).cast_mut(), AttributeMode::Dict, 0, 0)?;
        self.lists.lock().shapes.push(new);
        match self.dict_shape.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(new),
            Err(other) => Some(other),
        }
    }

    /// The 16-bit version of the facts about this type; 0: do not cache.
    #[inline(always)]
    pub fn version(&self) -> u32 {
        shape::entry(self.root_shape()).version()
    }

    /// The root shape with its version: a fact found after this holds as long as that shape has that version.
    #[inline(always)]
    pub fn shape_and_version(&self) -> (ShapeId, u32) {
        let shape = self.root_shape();
        (shape, shape::entry(shape).version())
    }

    pub(crate) fn count_shape(&self) -> u32 {
        self.n_shapes.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add_shape(&self, shape: ShapeId) {
        self.lists.lock().shapes.push(shape);
    }

    #[inline(always)]
    pub fn has_finalizer(&self) -> bool {
        self.has_flag(TYPE_HAS_DEL) || self.slots.finalize.raw() != 0
    }

    /// Whether the finalizer of a dead object would do nothing.
    #[inline]
    pub fn is_at_rest(&self, object: Value) -> bool {
        !self.has_flag(TYPE_HAS_DEL) && self.at_rest.get().is_some_and(|at_rest| at_rest(object))
    }

    #[inline]
    pub fn dealloc_fn(&self) -> DeallocFn {
        self.dealloc.get().unwrap_or(nothing_to_drop)
    }

    /// The types in which attributes are looked up, this one first.
    #[inline]
    pub fn mro(&self) -> Option<Owned> {
        self.mro.load(&self.header)
    }

    /// The MRO without a count, for lookups: a replaced one is freed no earlier than at this thread's next safepoint.
    #[inline]
    pub fn peek_mro(&self) -> Option<&TupleObject> {
        self.mro.peek().map(TupleObject::of)
    }

    /// Whether this type is `other` or derived from it, by the MRO alone.
    #[inline]
    pub fn is_subtype(&self, other: &TypeObject) -> bool {
        std::ptr::eq(self, other) || self.is_subtype_slow(other)
    }

    fn is_subtype_slow(&self, other: &TypeObject) -> bool {
        if self.has_flag(TYPE_HEAP) {
            let Some(mro) = self.peek_mro() else { return false };
            return mro.items().iter().any(|ty| ty.is(other.value()));
        }
        let mut ty = self;
        loop {
            if std::ptr::eq(ty, other) {
                return true;
            }
            match ty.base() {
                Some(base) => ty = base,
                None => return false,
            }
        }
    }

    /// The best base (`__base__`).
    #[inline]
    pub fn base<'a>(&self) -> Option<&'a TypeObject> {
        self.base.peek().map(TypeObject::of)
    }

    /// The type's own attributes.
    #[inline]
    pub fn dict<'a>(&self) -> Option<&'a DictObject> {
        self.dict.peek().map(DictObject::of)
    }

    /// Whether this is one of the built-in types, with a fixed shape number.
    pub fn is_builtin(&self) -> bool {
        self.spec.is_some() && self.root_shape() < shape::FIRST_DYNAMIC
    }

    /// `__name__` as text.
    pub fn name(&self) -> String {
        self.name.load(&self.header).map_or_else(
            || self.spec.map_or(String::new(), |spec| spec.name.rsplit('.').next().unwrap_or("").to_string()),
            |name| crate::types::string::StrObject::of(*name).to_string_lossy(),
        )
    }

    /// What error messages show (`tp_name`): the dotted name of some native types, `__name__` of all others.
    pub fn full_name(&self) -> String {
        match self.spec {
            Some(spec) if !self.has_flag(TYPE_HEAP) => {
                spec.name.strip_prefix("builtins.").unwrap_or(spec.name).to_string()
            }
            _ => self.name(),
        }
    }
}

unsafe fn nothing_to_drop(_: Value) {}

/// Whether `value` is a type object.
#[inline(always)]
pub fn is_type(value: Value) -> bool {
    value.is_pointer() && value.type_object().has_flag(TYPE_TYPE_SUBCLASS)
}

impl Value {
    /// `type(value)`.
    #[inline(always)]
    pub fn type_object(self) -> &'static TypeObject {
        if self.is_pointer() {
            // SAFETY: a pointer value is a live object.
            shape::type_of_header(unsafe { &*self.header() })
        } else if self.is_small_int() {
            super::builtin_types::INT.get()
        } else {
            super::builtin_types::FLOAT.get()
        }
    }

    /// The shape of a pointer value, the fixed shape of an immediate.
    #[inline(always)]
    pub fn shape(self) -> ShapeId {
        if self.is_pointer() {
            // SAFETY: a pointer value is a live object.
            unsafe { (*self.header()).shape() }
        } else if self.is_small_int() {
            super::builtin_types::shapes::INT
        } else {
            super::builtin_types::shapes::FLOAT
        }
    }

    /// Whether the value's type is exactly the built-in type with this fixed shape.
    #[inline(always)]
    pub fn has_shape(self, shape: ShapeId) -> bool {
        // SAFETY: a pointer value is a live object.
        self.is_pointer() && unsafe { (*self.header()).shape() } == shape
    }

    /// `isinstance` by the MRO alone.
    #[inline]
    pub fn is_instance(self, ty: &TypeObject) -> bool {
        self.type_object().is_subtype(ty)
    }

    /// Whether the type of the value has this `TYPE_…_SUBCLASS` (or other) flag.
    #[inline(always)]
    pub fn type_has_flag(self, flag: u32) -> bool {
        self.type_object().has_flag(flag)
    }
}

/// A thread's own cache of attribute lookups on types: no other thread touches it.
pub struct TypeCache {
    entries: [TypeCacheEntry; CACHE_SIZE],
}

/// Entries of each of the thread's two caches by shape and name.
const CACHE_SIZE: usize = 1024;

#[inline(always)]
fn cache_index(shape: ShapeId, name: Value) -> usize {
    ((name.bits() >> 4) as usize ^ (shape as usize).wrapping_mul(31)) % CACHE_SIZE
}

#[derive(Clone, Copy)]
struct TypeCacheEntry {
    shape: ShapeId,
    version: u32,
    name: u64,
    /// The attribute as a word without a count, 0 for "no such attribute". It is only used after a new count has been
    /// taken from the type's own slot, or while the version proves that the type still holds it.
    found: u64,
}

impl TypeCache {
    pub fn new() -> Box<TypeCache> {
        Box::new(TypeCache { entries: [TypeCacheEntry { shape: 0, version: 0, name: 0, found: 0 }; CACHE_SIZE] })
    }

    pub fn clear(&mut self) {
        *self = TypeCache { entries: [TypeCacheEntry { shape: 0, version: 0, name: 0, found: 0 }; CACHE_SIZE] };
    }

    /// What the cache says about `name` (an interned string): none if it does not know, else the attribute if any.
    #[inline(always)]
    pub fn get(&self, ty: &TypeObject, name: Value) -> Option<Option<Value>> {
        let shape = ty.root_shape();
        let entry = &self.entries[cache_index(shape, name)];
        if entry.shape == shape && entry.name == name.bits() && entry.version == shape::entry(shape).version() && entry.version != 0 {
            return Some(Value::from_slot(entry.found));
        }
        None
    }

    #[inline]
    pub fn put(&mut self, shape: ShapeId, version: u32, name: Value, found: Option<Value>) {
        if version != 0 {
            self.entries[cache_index(shape, name)] =
                TypeCacheEntry { shape, version, name: name.bits(), found: found.map_or(0, Value::bits) };
        }
    }
}

/// Where instances keep attributes, for loads whose site sees more shapes than its cell can hold: of the thread, by shape
/// and name.
pub struct SlotCache {
    entries: [SlotCacheEntry; CACHE_SIZE],
}

#[derive(Clone, Copy)]
struct SlotCacheEntry {
    name: u64,
    shape: ShapeId,
    version: u16,
    /// Offset in words from the start of the object, or one of the numbers from [`SlotCache::DICT`] on.
    offset: u16,
}

impl SlotCache {
    /// Instead of an offset: the object has no such attribute, and its class has a method of that name.
    pub const METHOD: usize = u16::MAX as usize;
    /// Instead of an offset, for objects in dict mode: the attribute is the dict's, if that has it; and otherwise it is a
    /// method of the class.
    pub const DICT_METHOD: usize = SlotCache::METHOD - 1;
    /// From here on: as above without a method; the number of the dict's entry, where it was last, comes on top.
    pub const DICT: usize = 1 << 15;

    pub fn new() -> Box<SlotCache> {
        Box::new(SlotCache { entries: [SlotCacheEntry { name: 0, shape: 0, version: 0, offset: 0 }; CACHE_SIZE] })
    }

    /// The slot of attribute `name` (an interned string) in objects of this shape, if the load goes there.
    #[inline(always)]
    pub fn get(&self, shape: ShapeId, name: Value) -> Option<usize> {
        let entry = &self.entries[cache_index(shape, name)];
        let is_it = entry.shape == shape && entry.name == name.bits() && u32::from(entry.version) == shape::entry(shape).version();
        (is_it && entry.version != 0).then_some(usize::from(entry.offset))
    }

    /// `version` was read before the lookup that says so.
    pub fn put(&mut self, shape: ShapeId, version: u32, name: Value, offset: usize) {
        if let (Ok(version), Ok(offset)) = (u16::try_from(version), u16::try_from(offset)) {
            self.entries[cache_index(shape, name)] = SlotCacheEntry { name: name.bits(), shape, version, offset };
        }
    }
}
