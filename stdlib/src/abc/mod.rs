//! The module `_abc`: registries and caches of abstract base classes.
mod class_set;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::names::{interned, names};
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, iterate, special};
use pyrt_runtime::sync::{AtomicU64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{StaticType, WEAKREF};
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{int, module, set, weakref};

use crate::native_type::{followed, object, references};
use class_set::ClassSet;

pub const MODULE: NativeModule = NativeModule { name: "_abc", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Module contains faster C implementation of abc.ABCMeta"));
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

/// Grows with each registration: negative caches of an older number are out of date.
static INVALIDATION: AtomicU64 = AtomicU64::new(0);

/// What `_abc_impl` of an abstract class holds. Hits in the two caches take no lock and touch no count of the class that
/// is asked about.
#[repr(C)]
struct AbcData {
    header: Header,
    /// Weak references to registered classes.
    registry: Guarded<Vec<Owned>>,
    registered: ClassSet,
    positive: ClassSet,
    negative: ClassSet,
    negative_version: AtomicU64,
}

references!(AbcData: registry);

fn data_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        return Err(thread.raise_type_error("_abc_data() takes no arguments"));
    }
    Ok(new_data())
}

fn new_data() -> Owned {
    allocate_object(DATA.get(), |header| {
        // All threads ask the same classes.
        header.born_deferred();
        AbcData {
            header,
            registry: Guarded::new(Vec::new()),
            registered: ClassSet::new(),
            positive: ClassSet::new(),
            negative: ClassSet::new(),
            negative_version: AtomicU64::new(INVALIDATION.load(Ordering::Acquire)),
        }
    })
}

static DATA_SPEC: TypeSpec = TypeSpec {
    name: "_abc._abc_data",
    doc: "Internal state held by ABC machinery.",
    slots: &[SlotFn::new(data_new)],
    ..followed::<AbcData>()
};
static DATA: StaticType = StaticType::new(&DATA_SPEC);

/// The data of a class.
struct Implementation(Owned);

impl std::ops::Deref for Implementation {
    type Target = AbcData;
    fn deref(&self) -> &AbcData {
        // SAFETY: checked when made.
        unsafe { object(*self.0) }
    }
}

fn implementation(class: Value, thread: &mut Thread) -> PyResult<Implementation> {
    let found = attribute::get(class, names()._abc_impl, thread)?;
    if !found.is_pointer() || !std::ptr::eq(found.type_object(), DATA.get()) {
        return Err(thread.raise_type_error("_abc_impl is set to a wrong type"));
    }
    Ok(Implementation(found))
}

impl AbcData {
    fn remember(&self, set: &ClassSet, class: Value, thread: &mut Thread) -> PyResult<()> {
        let reference = weakref::new(WEAKREF.get(), class, None, thread)?;
        set.insert(&self.header, TypeObject::of(class).serial(), reference);
        Ok(())
    }

    fn registered_classes(&self) -> Vec<Owned> {
        let references: Vec<Owned> = self.registry.with(&self.header, |registry| registry.to_vec());
        references.iter().filter_map(|reference| weakref::upgrade(**reference)).collect()
    }
}

fn is_abstract(value: Value, thread: &mut Thread) -> PyResult<bool> {
    match attribute::get_optional(value, names().__isabstractmethod__, thread)? {
        Some(flag) => compare::truth(*flag, thread),
        None => Ok(false),
    }
}

/// Sets `__abstractmethods__`: the class's own abstract attributes and those of its bases that it leaves abstract.
fn compute_abstract_methods(class: Value, thread: &mut Thread) -> PyResult<()> {
    let names = names();
    let abstracts = set::new();
    let namespace = attribute::get(class, names.__dict__, thread)?;
    let items = call::call_method(*namespace, names.items, &[], thread)?;
    for pair in iterate::collect(*items, thread)? {
        let (key, value) = match iterate::collect(*pair, thread)?.as_slice() {
            [key, value] => (key.clone(), value.clone()),
            _ => return Err(thread.raise_type_error("__dict__.items() must give pairs")),
        };
        if is_abstract(*value, thread)? {
            set::add(*abstracts, *key, thread)?;
        }
    }
    let bases = attribute::get(class, names.__bases__, thread)?;
    if !(bases.is_pointer() && bases.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("__bases__ is not tuple"));
    }
    for base in TupleObject::of(*bases).items() {
        let Some(inherited) = attribute::get_optional(*base, names.__abstractmethods__, thread)? else { continue };
        for key in iterate::collect(*inherited, thread)? {
            let value = attribute::get_optional(class, *key, thread)?;
            if let Some(value) = value {
                if is_abstract(*value, thread)? {
                    set::add(*abstracts, *key, thread)?;
                }
            }
        }
    }
    let frozen = set::frozenset_from(iterate::collect(*abstracts, thread)?, thread)?;
    attribute::set(class, names.__abstractmethods__, *frozen, thread)
}

/// `Py_TPFLAGS_SEQUENCE` and `Py_TPFLAGS_MAPPING` as `__abc_tpflags__` gives them.
const SEQUENCE_BIT: i64 = 1 << 5;
const MAPPING_BIT: i64 = 1 << 6;

fn abc_init(_module: Value, class: Value, thread: &mut Thread) -> PyResult {
    compute_abstract_methods(class, thread)?;
    attribute::set(class, names()._abc_impl, *new_data(), thread)?;
    if is_type(class) {
        let ty = TypeObject::of(class);
        let flags = ty.dict().and_then(|dict| dict.remove_str(*interned("__abc_tpflags__")));
        if let Some(bits) = flags.and_then(|flags| int::as_i64(*flags)) {
            if bits & SEQUENCE_BIT != 0 && bits & MAPPING_BIT != 0 {
                return Err(thread.raise_type_error("__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING"));
            }
            for (bit, flag) in [(SEQUENCE_BIT, TYPE_SEQUENCE), (MAPPING_BIT, TYPE_MAPPING)] {
                if bits & bit != 0 {
                    ty.set_flag(flag, true);
                }
            }
        }
    }
    Ok(Owned::none())
}

/// Gives the pattern matching flags to a registered class and what is derived from it.
fn set_collection_flags(class: Value, flags: u32, thread: &mut Thread) -> PyResult<()> {
    let ty = TypeObject::of(class);
    if ty.flags() & (TYPE_SEQUENCE | TYPE_MAPPING) == flags || ty.has_flag(TYPE_IMMUTABLE) {
        return Ok(());
    }
    ty.set_flag(TYPE_SEQUENCE | TYPE_MAPPING, false);
    ty.set_flag(flags, true);
    for derived in subclasses_of(class, thread)? {
        if is_type(*derived) {
            set_collection_flags(*derived, flags, thread)?;
        }
    }
    Ok(())
}

fn abc_register(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (class, subclass) = (args.at(0), args.at(1));
    if !is_type(subclass) {
        return Err(thread.raise_type_error("Can only register classes"));
    }
    if special::is_subclass(subclass, class, thread)? {
        return Ok(subclass.to_owned());
    }
    // After the test above, so that registering a class with itself is allowed and does nothing.
    if special::is_subclass(class, subclass, thread)? {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "Refusing to create an inheritance cycle"));
    }
    let data = implementation(class, thread)?;
    let reference = weakref::new(WEAKREF.get(), subclass, None, thread)?;
    let kept = reference.clone();
    if data.registered.insert(&data.header, TypeObject::of(subclass).serial(), kept) {
        data.registry.with(&data.header, |registry| registry.push(reference));
    }
    // Release: whoever sees the new number sees the registration.
    INVALIDATION.fetch_add(1, Ordering::Release);
    if is_type(class) {
        let flags = TypeObject::of(class).flags() & (TYPE_SEQUENCE | TYPE_MAPPING);
        if flags != 0 {
            set_collection_flags(subclass, flags, thread)?;
        }
    }
    Ok(subclass.to_owned())
}

fn subclasses_of(class: Value, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    let subclasses = call::call_method(class, *interned("__subclasses__"), &[], thread)?;
    if !(subclasses.is_pointer() && subclasses.type_has_flag(TYPE_LIST_SUBCLASS)) {
        return Err(thread.raise_type_error("__subclasses__() must return a list"));
    }
    Ok(ListObject::of(*subclasses).to_vec())
}

/// What the caches know about a class.
fn cached(data: &AbcData, class: Value) -> Option<bool> {
    let serial = TypeObject::of(class).serial();
    if data.positive.contains(serial) {
        return Some(true);
    }
    // Acquire: pairs with the Release in `subclass_check`: the cache of that version has been emptied before.
    let is_current = data.negative_version.load(Ordering::Acquire) == INVALIDATION.load(Ordering::Acquire);
    if is_current && data.negative.contains(serial) { Some(false) } else { None }
}

fn subclass_check(class: Value, subclass: Value, thread: &mut Thread) -> PyResult<bool> {
    if !is_type(subclass) {
        return Err(thread.raise_type_error("issubclass() arg 1 must be a class"));
    }
    if let Some(answer) = answer_at_once(class, TypeObject::of(subclass)) {
        return Ok(answer);
    }
    let data = implementation(class, thread)?;
    if let Some(answer) = cached(&data, subclass) {
        return Ok(answer);
    }
    let version = INVALIDATION.load(Ordering::Acquire);
    if data.negative_version.load(Ordering::Acquire) < version {
        data.negative.clear(&data.header);
        data.negative_version.store(version, Ordering::Release);
    }
    let Some(answer) = subclass_check_uncached(class, subclass, &data, thread)? else { return Ok(true) };
    if answer {
        data.remember(&data.positive, subclass, thread)?;
    } else if data.negative_version.load(Ordering::Acquire) == version {
        data.remember(&data.negative, subclass, thread)?;
    }
    Ok(answer)
}

/// None: a class that is registered itself, which is found as quickly without the cache.
fn subclass_check_uncached(class: Value, subclass: Value, data: &AbcData, thread: &mut Thread) -> PyResult<Option<bool>> {
    let answer = call::call_method(class, names().__subclasshook__, &[subclass], thread)?;
    if let Some(answer) = answer.as_bool() {
        return Ok(Some(answer));
    }
    if !answer.is_not_implemented() {
        return Err(thread.raise(&exc::ASSERTION_ERROR, "__subclasshook__ must return either False, True, or NotImplemented"));
    }
    if is_type(class) && TypeObject::of(subclass).is_subtype(TypeObject::of(class)) {
        return Ok(Some(true));
    }
    if data.registered.contains(TypeObject::of(subclass).serial()) {
        return Ok(None);
    }
    for registered in data.registered_classes() {
        if special::is_subclass(subclass, *registered, thread)? {
            return Ok(Some(true));
        }
    }
    for derived in subclasses_of(class, thread)? {
        if special::is_subclass(subclass, *derived, thread)? {
            return Ok(Some(true));
        }
    }
    Ok(Some(false))
}

fn abc_subclasscheck(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    subclass_check(args.at(0), args.at(1), thread).map(Owned::bool)
}

/// What the caches of a class know about one that is its objects' `__class__`, without touching a count.
fn answer_at_once(class: Value, ty: &TypeObject) -> Option<bool> {
    if !is_type(class) {
        return None;
    }
    let data = TypeObject::of(class).dict()?.peek_str_deferred(names()._abc_impl)?;
    if !std::ptr::eq(data.type_object(), DATA.get()) {
        return None;
    }
    // SAFETY: the type has been checked; a deferred object outlives this thread's next safepoint.
    cached(unsafe { object(data) }, ty.value())
}

fn abc_instancecheck(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (class, instance) = (args.at(0), args.at(1));
    if special::claims_own_class(instance.type_object(), thread) {
        if let Some(answer) = answer_at_once(class, instance.type_object()) {
            return Ok(Owned::bool(answer));
        }
    }
    let data = implementation(class, thread)?;
    let subtype = instance.type_object().value().to_owned();
    let subclass = attribute::get_optional(instance, names().__class__, thread)?.unwrap_or_else(|| subtype.clone());
    if is_type(*subclass) && data.positive.contains(TypeObject::of(*subclass).serial()) {
        return Ok(Owned::true_());
    }
    if subtype.is(*subclass) {
        if let Some(answer) = cached(&data, *subclass) {
            return Ok(Owned::bool(answer));
        }
        return call::call_method(class, names().__subclasscheck__, &[*subclass], thread);
    }
    let answer = call::call_method(class, names().__subclasscheck__, &[*subclass], thread)?;
    if compare::truth(*answer, thread)? {
        return Ok(answer);
    }
    call::call_method(class, names().__subclasscheck__, &[*subtype], thread)
}

fn set_of(references: Vec<Owned>, thread: &mut Thread) -> PyResult {
    let made = set::new();
    for reference in references {
        if weakref::upgrade(*reference).is_some() {
            set::add(*made, *reference, thread)?;
        }
    }
    Ok(made)
}

fn get_dump(_module: Value, class: Value, thread: &mut Thread) -> PyResult {
    let data = implementation(class, thread)?;
    let registry = data.registry.with(&data.header, |registry| registry.to_vec());
    let registry = set_of(registry, thread)?;
    let positive = set_of(data.positive.references(&data.header), thread)?;
    let negative = set_of(data.negative.references(&data.header), thread)?;
    let version = Owned::int(data.negative_version.load(Ordering::Acquire) as i64);
    Ok(tuple::pack([registry, positive, negative, version]))
}

fn reset_registry(_module: Value, class: Value, thread: &mut Thread) -> PyResult {
    let data = implementation(class, thread)?;
    drop(data.registry.with(&data.header, std::mem::take));
    data.registered.clear(&data.header);
    Ok(Owned::none())
}

fn reset_caches(_module: Value, class: Value, thread: &mut Thread) -> PyResult {
    let data = implementation(class, thread)?;
    data.positive.clear(&data.header);
    data.negative.clear(&data.header);
    Ok(Owned::none())
}

fn get_cache_token(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(INVALIDATION.load(Ordering::Acquire) as i64))
}

static FUNCTIONS: &[MethodDef] = &[
    method("get_cache_token", NativeFn::NoArgs(get_cache_token), "($module, /)", "Returns the current ABC cache token.\n\nThe token is an opaque object (supporting equality testing) identifying the\ncurrent version of the ABC cache for virtual subclasses. The token changes\nwith every call to register() on any ABC."),
    method("_abc_init", NativeFn::One(abc_init), "($module, self, /)", "Internal ABC helper for class set-up. Should be never used outside abc module."),
    method("_reset_registry", NativeFn::One(reset_registry), "($module, self, /)", "Internal ABC helper to reset registry of a given class.\n\nShould be only used by refleak.py"),
    method("_reset_caches", NativeFn::One(reset_caches), "($module, self, /)", "Internal ABC helper to reset both caches of a given class.\n\nShould be only used by refleak.py"),
    method("_get_dump", NativeFn::One(get_dump), "($module, self, /)", "Internal ABC helper for cache and registry debugging.\n\nReturn shallow copies of registry, of both caches, and\nnegative cache version."),
    method("_abc_register", NativeFn::Bound(abc_register), "($module, self, subclass, /)", "Internal ABC helper for subclasss registration. Should be never used outside abc module."),
    method("_abc_instancecheck", NativeFn::Bound(abc_instancecheck), "($module, self, instance, /)", "Internal ABC helper for instance checks. Should be never used outside abc module."),
    method("_abc_subclasscheck", NativeFn::Bound(abc_subclasscheck), "($module, self, subclass, /)", "Internal ABC helper for subclasss checks. Should be never used outside abc module."),
];
