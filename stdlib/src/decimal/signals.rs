//! The exceptions of the module, and the mappings from them to flags that contexts show as `flags` and `traps`.

use std::sync::{Arc, OnceLock};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call, iterate};
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::types::builtin_types::{StaticType, TYPE};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{list, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Raised, Thread, Value};

use super::context::State;
use super::rules::Status;
use crate::native_type::object;

/// A word of an object that is made once and never released.
pub struct Kept(OnceLock<u64>);

impl Kept {
    pub const fn new() -> Kept {
        Kept(OnceLock::new())
    }

    pub fn set(&self, value: Owned) -> Value {
        let word = *self.0.get_or_init(|| value.into_raw().bits());
        // SAFETY: the word owns its count for good; the loser of a race leaves its object unused.
        unsafe { Value::from_bits(word) }
    }

    pub fn get(&self) -> Option<Value> {
        // SAFETY: as above.
        self.0.get().map(|word| unsafe { Value::from_bits(*word) })
    }
}

enum Base {
    BuiltIn(&'static StaticType),
    Own(usize),
}

struct Exception {
    name: &'static str,
    bases: &'static [Base],
    /// The conditions that it stands for.
    condition: Status,
    class: Kept,
}

const fn exception(name: &'static str, bases: &'static [Base], condition: Status) -> Exception {
    Exception { name, bases, condition, class: Kept::new() }
}

/// All classes, bases before what is derived from them.
static EXCEPTIONS: [Exception; 14] = [
    exception("DecimalException", &[Base::BuiltIn(&exc::ARITHMETIC_ERROR)], Status(0)),
    exception("InvalidOperation", &[Base::Own(0)], Status::INVALID),
    exception("FloatOperation", &[Base::Own(0), Base::BuiltIn(&exc::TYPE_ERROR)], Status::FLOAT_OPERATION),
    exception("DivisionByZero", &[Base::Own(0), Base::BuiltIn(&exc::ZERO_DIVISION_ERROR)], Status::DIVISION_BY_ZERO),
    exception("Overflow", &[Base::Own(6), Base::Own(7)], Status::OVERFLOW),
    exception("Underflow", &[Base::Own(6), Base::Own(7), Base::Own(8)], Status::UNDERFLOW),
    exception("Inexact", &[Base::Own(0)], Status::INEXACT),
    exception("Rounded", &[Base::Own(0)], Status::ROUNDED),
    exception("Subnormal", &[Base::Own(0)], Status::SUBNORMAL),
    exception("Clamped", &[Base::Own(0)], Status::CLAMPED),
    exception("ConversionSyntax", &[Base::Own(1)], Status::CONVERSION_SYNTAX),
    exception("DivisionImpossible", &[Base::Own(1)], Status::DIVISION_IMPOSSIBLE),
    exception("DivisionUndefined", &[Base::Own(1), Base::BuiltIn(&exc::ZERO_DIVISION_ERROR)], Status::DIVISION_UNDEFINED),
    exception("InvalidContext", &[Base::Own(1)], Status::INVALID_CONTEXT),
];

/// The signals, in the order of the mappings.
const SIGNALS: [usize; 9] = [1, 2, 3, 4, 5, 8, 6, 7, 9];
/// The signals in the order in which `repr` names them: that of the bits.
const SHOWN: [usize; 9] = [9, 1, 3, 6, 4, 7, 8, 5, 2];
/// What an exception names besides signals: conditions of InvalidOperation.
const CONDITIONS: [(usize, Status); 5] = [
    (1, Status::INVALID_OPERATION),
    (10, Status::CONVERSION_SYNTAX),
    (11, Status::DIVISION_IMPOSSIBLE),
    (12, Status::DIVISION_UNDEFINED),
    (13, Status::INVALID_CONTEXT),
];

const VALID_SIGNALS: &str = "valid values for signals are:\n  [InvalidOperation, FloatOperation, DivisionByZero,\n   Overflow, Underflow, Subnormal, Inexact, Rounded,\n   Clamped]";

fn class_of(index: usize, thread: &mut Thread) -> PyResult<Value> {
    let Some(exception) = EXCEPTIONS.get(index) else { return Ok(Value::none()) };
    if let Some(class) = exception.class.get() {
        return Ok(class);
    }
    let mut bases = Vec::new();
    for base in exception.bases {
        match base {
            Base::BuiltIn(class) => bases.push(class.get().value().to_owned()),
            Base::Own(index) => bases.push(class_of(*index, thread)?.to_owned()),
        }
    }
    let namespace = dict::new();
    DictObject::of(*namespace).set_by_text("__module__", pyrt_runtime::names::interned("decimal"));
    let bases = tuple::from_vec(bases);
    let class = call::call(TYPE.get().value(), &[*Owned::str(exception.name), *bases, *namespace], thread)?;
    Ok(exception.class.set(class))
}

/// All classes by name.
pub fn classes(thread: &mut Thread) -> PyResult<Vec<(&'static str, Value)>> {
    (0..EXCEPTIONS.len()).map(|i| class_of(i, thread).map(|class| (EXCEPTIONS[i].name, class))).collect()
}

/// The classes of conditions: those of InvalidOperation, then the signals.
fn named(status: Status, thread: &mut Thread) -> PyResult {
    let mut found = Vec::new();
    for (index, condition) in CONDITIONS {
        if status.has(condition) {
            found.push(class_of(index, thread)?.to_owned());
        }
    }
    for index in &SIGNALS[1..] {
        if status.has(EXCEPTIONS[*index].condition) {
            found.push(class_of(*index, thread)?.to_owned());
        }
    }
    Ok(list::from_vec(found))
}

/// The signals that are set, as `Context` takes them.
pub fn signal_list(status: u32, thread: &mut Thread) -> PyResult {
    let mut found = Vec::new();
    for index in SIGNALS {
        if Status(status).has(EXCEPTIONS[index].condition) {
            found.push(class_of(index, thread)?.to_owned());
        }
    }
    Ok(list::from_vec(found))
}

/// The names of the signals that are set.
pub fn shown(status: u32) -> String {
    let names: Vec<&str> = SHOWN.iter().filter(|index| Status(status).has(EXCEPTIONS[**index].condition)).map(|index| EXCEPTIONS[*index].name).collect();
    format!("[{}]", names.join(", "))
}

/// Raises what is trapped.
#[cold]
pub fn raise(trapped: Status, thread: &mut Thread) -> Raised {
    if trapped.has(Status::OUT_OF_MEMORY) {
        return thread.raise_memory_error();
    }
    let made = named(trapped, thread).and_then(|names| {
        let index = SIGNALS.iter().find(|index| trapped.has(EXCEPTIONS[**index].condition)).copied().unwrap_or(1);
        let class = class_of(index, thread)?;
        call::call(class, &[*names], thread)
    });
    match made {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// The flags of one signal.
fn condition_of(signal: Value, thread: &mut Thread) -> PyResult<Status> {
    for index in SIGNALS {
        if class_of(index, thread)?.is(signal) {
            return Ok(EXCEPTIONS[index].condition);
        }
    }
    Err(thread.raise_value(&exc::KEY_ERROR, Owned::str(VALID_SIGNALS)))
}

/// The flags of a list of signals, a mapping, or one of our own mappings.
pub fn flags_of(value: Value, takes_list: bool, thread: &mut Thread) -> PyResult<u32> {
    if let Some(mapping) = as_mapping(value) {
        return match mapping.load() {
            Some(flags) => Ok(flags),
            None => Err(thread.raise_value_error("invalid signal dict")),
        };
    }
    if takes_list && value.is_pointer() && value.type_has_flag(TYPE_LIST_SUBCLASS) {
        let mut flags = 0;
        for signal in iterate::collect(value, thread)? {
            flags |= condition_of(*signal, thread)?.0;
        }
        return Ok(flags);
    }
    if dict::is_dict(value) {
        return flags_of_dict(value, thread);
    }
    Err(thread.raise_type_error("argument must be a signal dict"))
}

fn flags_of_dict(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let entries = DictObject::of(value).entries();
    if entries.len() != SIGNALS.len() {
        return Err(thread.raise(&exc::KEY_ERROR, "invalid signal dict"));
    }
    let mut flags = 0;
    for entry in entries {
        let condition = condition_of(*entry.key, thread)?;
        if compare::truth(*entry.value, thread)? {
            flags |= condition.0;
        }
    }
    Ok(flags)
}

/// `flags` or `traps` of a context.
#[repr(C)]
struct SignalMapping {
    header: Header,
    /// Shared with the context; none in a mapping that a program has made itself.
    state: Option<Arc<State>>,
    is_traps: bool,
}

impl SignalMapping {
    fn load(&self) -> Option<u32> {
        self.state.as_ref().map(|state| if self.is_traps { &state.traps } else { &state.status }.load(Ordering::Relaxed))
    }
}

fn as_mapping<'a>(value: Value) -> Option<&'a SignalMapping> {
    if value.is_pointer() && value.is_instance(MIXIN.get()) {
        // SAFETY: checked.
        return Some(unsafe { object(value) });
    }
    None
}

static SIGNAL_DICT: Kept = Kept::new();

/// Makes the class that is derived from the mixin and the abstract mapping.
pub fn set_signal_dict_class(class: Owned) {
    SIGNAL_DICT.set(class);
}

/// A mapping of a context.
pub fn mapping(state: &Arc<State>, is_traps: bool) -> Owned {
    let class = SIGNAL_DICT.get().map_or(MIXIN.get(), |class| TypeObject::of(class));
    allocate_object(class, |header| SignalMapping { header, state: Some(state.clone()), is_traps })
}

fn own<'a>(this: Value, thread: &mut Thread) -> PyResult<(&'a SignalMapping, u32)> {
    // SAFETY: `self` of the methods of this type.
    let mapping: &SignalMapping = unsafe { object(this) };
    match mapping.load() {
        Some(flags) => Ok((mapping, flags)),
        None => Err(thread.raise_value_error("invalid signal dict")),
    }
}

fn mixin_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(TypeObject::of(class), |header| SignalMapping { header, state: None, is_traps: false }))
}

fn mixin_init(_this: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult<()> {
    Ok(())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let (_, flags) = own(this, thread)?;
    let items: Vec<String> = SIGNALS
        .iter()
        .map(|index| {
            let exception = &EXCEPTIONS[*index];
            let truth = if Status(flags).has(exception.condition) { "True" } else { "False" };
            format!("<class 'decimal.{}'>:{truth}", exception.name)
        })
        .collect();
    Ok(Owned::str(&format!("{{{}}}", items.join(", "))))
}

fn iter(this: Value, thread: &mut Thread) -> PyResult {
    own(this, thread)?;
    let mut keys = Vec::new();
    for index in SIGNALS {
        keys.push(class_of(index, thread)?.to_owned());
    }
    iterate::iter(*tuple::from_vec(keys), thread)
}

fn length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    own(this, thread)?;
    Ok(SIGNALS.len() as i64)
}

fn subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let (_, flags) = own(this, thread)?;
    Ok(Owned::bool(Status(flags).has(condition_of(key, thread)?)))
}

fn set_item(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let (mapping, _) = own(this, thread)?;
    let Some(value) = value else { return Err(thread.raise_value_error("signal keys cannot be deleted")) };
    let condition = condition_of(key, thread)?;
    let is_set = compare::truth(value, thread)?;
    if let Some(state) = &mapping.state {
        let word = if mapping.is_traps { &state.traps } else { &state.status };
        if is_set {
            word.fetch_or(condition.0, Ordering::Relaxed);
        } else {
            word.fetch_and(!condition.0, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn richcompare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let (_, flags) = own(this, thread)?;
    if !op.is_equality() {
        return Ok(Owned::not_implemented());
    }
    let other_flags = if let Some(mapping) = as_mapping(other) {
        match mapping.load() {
            Some(flags) => flags,
            None => return Err(thread.raise_value_error("invalid signal dict")),
        }
    } else if dict::is_dict(other) {
        match flags_of_dict(other, thread) {
            Ok(flags) => flags,
            Err(raised) => {
                thread.catch(raised, &exc::KEY_ERROR)?;
                return Err(thread.raise_value_error("invalid signal dict"));
            }
        }
    } else {
        return Ok(Owned::not_implemented());
    };
    let equal = flags == other_flags;
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn copy(this: Value, thread: &mut Thread) -> PyResult {
    let (_, flags) = own(this, thread)?;
    let copy = dict::new();
    for index in SIGNALS {
        let class = class_of(index, thread)?;
        DictObject::of(*copy).set(class, Owned::bool(Status(flags).has(EXCEPTIONS[index].condition)), thread)?;
    }
    Ok(copy)
}

static MIXIN_SPEC: TypeSpec = TypeSpec {
    name: "decimal.SignalDictMixin",
    flags: TYPE_BASETYPE,
    basic_size: size_of::<SignalMapping>(),
    slots: &[
        SlotFn::new(mixin_new),
        SlotFn::init(mixin_init),
        SlotFn::repr(repr),
        SlotFn::iter(iter),
        SlotFn::length(length),
        SlotFn::subscript(subscript),
        SlotFn::ass_subscript(set_item),
        SlotFn::richcompare(richcompare),
        SlotFn::hash(compare::unhashable_slot),
    ],
    methods: &[method("copy", NativeFn::NoArgs(copy), "($self, /)", "A plain dict with the same items.")],
    dealloc: Some(crate::native_type::dealloc::<SignalMapping>),
    unhashable: true,
    ..TypeSpec::DEFAULT
};

pub static MIXIN: StaticType = StaticType::new(&MIXIN_SPEC);
