//! `Context`: its fields, and which one is current.
//!
//! # Invariants
//! * The fields are atomics of their own, in a [`State`] that `flags` and `traps` share: a context used by several threads
//!   may mix their flags, no more.
//! * The current context is the value of a context variable. `Thread::decimal_context` caches it for the version of the
//!   thread's variables (`Thread::context_version`); a borrowed word from there holds until Python code runs.

use std::sync::Arc;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::Slot;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::sync::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{int, tuple};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::{self, bind};
use super::rules::{MAX_EMAX, MAX_PREC, MIN_EMIN, Rounding, Rules, Status};
use super::signals::{self, Kept};
use crate::contextvars;
use crate::native_type::{followed, object, references};

pub struct State {
    precision: AtomicI64,
    emax: AtomicI64,
    emin: AtomicI64,
    rounding: AtomicU8,
    clamp: AtomicBool,
    capitals: AtomicBool,
    pub traps: AtomicU32,
    pub status: AtomicU32,
}

#[repr(C)]
pub struct Context {
    header: Header,
    pub state: Arc<State>,
    /// Made when first asked for.
    flags: Slot,
    traps: Slot,
}

references!(Context: flags, traps);

pub const DEFAULT_TRAPS: u32 = Status::INVALID.0 | Status::DIVISION_BY_ZERO.0 | Status::OVERFLOW.0;
const DEFAULT: Rules = Rules { precision: 28, emax: 999_999, emin: -999_999, rounding: Rounding::HalfEven, clamp: false };

impl State {
    #[inline(always)]
    pub fn rules(&self) -> Rules {
        Rules {
            precision: self.precision.load(Ordering::Relaxed),
            emax: self.emax.load(Ordering::Relaxed),
            emin: self.emin.load(Ordering::Relaxed),
            rounding: Rounding::from_number(self.rounding.load(Ordering::Relaxed)),
            clamp: self.clamp.load(Ordering::Relaxed),
        }
    }

    pub fn capitals(&self) -> bool {
        self.capitals.load(Ordering::Relaxed)
    }

    fn new(rules: Rules, capitals: bool, traps: u32, status: u32) -> Arc<State> {
        Arc::new(State {
            precision: AtomicI64::new(rules.precision),
            emax: AtomicI64::new(rules.emax),
            emin: AtomicI64::new(rules.emin),
            rounding: AtomicU8::new(rules.rounding as u8),
            clamp: AtomicBool::new(rules.clamp),
            capitals: AtomicBool::new(capitals),
            traps: AtomicU32::new(traps),
            status: AtomicU32::new(status),
        })
    }

    fn copied(&self, status: u32) -> Arc<State> {
        State::new(self.rules(), self.capitals(), self.traps.load(Ordering::Relaxed), status)
    }
}

#[inline(always)]
pub fn of<'a>(value: Value) -> &'a Context {
    // SAFETY: called for contexts only.
    unsafe { object(value) }
}

pub fn is_context(value: Value) -> bool {
    value.is_pointer() && value.is_instance(CONTEXT.get())
}

fn make(class: &TypeObject, state: Arc<State>) -> Owned {
    allocate_object(class, |header| Context { header, state, flags: Slot::empty(), traps: Slot::empty() })
}

/// A new context of the plain class.
pub fn with_rules(rules: Rules, traps: u32) -> Owned {
    make(CONTEXT.get(), State::new(rules, true, traps, 0))
}

pub static DEFAULT_CONTEXT: Kept = Kept::new();
pub static BASIC_CONTEXT: Kept = Kept::new();
pub static EXTENDED_CONTEXT: Kept = Kept::new();
/// The context variable.
pub static VARIABLE: Kept = Kept::new();

pub fn make_templates() {
    DEFAULT_CONTEXT.set(with_rules(DEFAULT, DEFAULT_TRAPS));
    let basic = Rules { precision: 9, rounding: Rounding::HalfUp, ..DEFAULT };
    BASIC_CONTEXT.set(with_rules(basic, DEFAULT_TRAPS | Status::UNDERFLOW.0 | Status::CLAMPED.0));
    EXTENDED_CONTEXT.set(with_rules(Rules { precision: 9, ..DEFAULT }, 0));
}

/// A context with the same fields, and with no flags if that is said.
pub fn copy_of(context: Value, keeps_flags: bool) -> Owned {
    let state = &of(context).state;
    let status = if keeps_flags { state.status.load(Ordering::Relaxed) } else { 0 };
    make(CONTEXT.get(), state.copied(status))
}

/// The current context: valid until Python code runs.
#[inline(always)]
pub fn current(thread: &mut Thread) -> PyResult<Value> {
    if let Some((version, context)) = &thread.decimal_context {
        if *version == thread.context_version {
            return Ok(**context);
        }
    }
    find_current(thread)
}

#[cold]
fn find_current(thread: &mut Thread) -> PyResult<Value> {
    let variables = contextvars::context::current(thread);
    let found = VARIABLE.get().and_then(|variable| contextvars::context::of(*variables).get(variable));
    let context = match found {
        Some(context) if is_context(*context) => context,
        Some(_) => return Err(thread.raise_type_error("argument must be a context")),
        None => {
            let fresh = match DEFAULT_CONTEXT.get() {
                Some(template) => copy_of(template, false),
                None => with_rules(DEFAULT, DEFAULT_TRAPS),
            };
            put(*fresh, thread);
            fresh
        }
    };
    let word = *context;
    let old = thread.decimal_context.replace((thread.context_version, context));
    drop(old);
    Ok(word)
}

/// Makes a context the value of the variable.
fn put(context: Value, thread: &mut Thread) {
    let variables = contextvars::context::current(thread);
    if let Some(variable) = VARIABLE.get() {
        contextvars::context::of(*variables).set(variable, context);
        thread.context_version += 1;
    }
}

/// `setcontext`: of a template a copy.
pub fn set_current(context: Value, thread: &mut Thread) -> PyResult<()> {
    if !is_context(context) {
        return Err(thread.raise_type_error("argument must be a context"));
    }
    let is_template = [&DEFAULT_CONTEXT, &BASIC_CONTEXT, &EXTENDED_CONTEXT].iter().any(|template| template.get().is_some_and(|value| value.is(context)));
    if is_template {
        put(*copy_of(context, false), thread);
    } else {
        put(context, thread);
    }
    Ok(())
}

/// Notes conditions, whether they are trapped or not.
#[inline]
pub fn note(context: Value, status: Status) {
    of(context).state.status.fetch_or(status.0, Ordering::Relaxed);
}

/// Notes the conditions of an operation, and raises what is trapped.
#[inline(always)]
pub fn settle(context: Value, status: Status, thread: &mut Thread) -> PyResult<()> {
    if status.0 == 0 {
        return Ok(());
    }
    let state = &of(context).state;
    // Relaxed: flags of a context are of its users alone. A store only where something changes.
    let known = state.status.load(Ordering::Relaxed);
    if known | status.0 != known {
        state.status.fetch_or(status.0, Ordering::Relaxed);
    }
    let trapped = status.only(Status(state.traps.load(Ordering::Relaxed) | Status::OUT_OF_MEMORY.0));
    if trapped.0 == 0 { Ok(()) } else { Err(signals::raise(trapped, thread)) }
}

fn context_new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    let state = match DEFAULT_CONTEXT.get() {
        Some(template) => of(template).state.copied(0),
        None => State::new(DEFAULT, true, DEFAULT_TRAPS, 0),
    };
    Ok(make(TypeObject::of(class), state))
}

/// The names of the fields, as keywords.
pub const FIELDS: [&str; 8] = ["prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps"];

fn context_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let given = bind(args, kwnames, FIELDS, 0, thread)?;
    set_fields(this, given, true, thread)
}

/// Sets the fields that are given, None being as good as nothing.
pub fn set_fields(this: Value, given: [Option<Value>; 8], takes_list: bool, thread: &mut Thread) -> PyResult<()> {
    let setters: [fn(Value, Option<Value>, &mut Thread) -> PyResult<()>; 6] = [set_precision, set_rounding, set_emin, set_emax, set_capitals, set_clamp];
    for (setter, value) in setters.iter().zip(given) {
        if let Some(value) = value.filter(|value| !value.is_none()) {
            setter(this, Some(value), thread)?;
        }
    }
    let state = &of(this).state;
    if let Some(traps) = given[7].filter(|value| !value.is_none()) {
        let traps = signals::flags_of(traps, takes_list, thread)?;
        state.traps.store(traps, Ordering::Relaxed);
    }
    if let Some(flags) = given[6].filter(|value| !value.is_none()) {
        let flags = signals::flags_of(flags, takes_list, thread)?;
        state.status.store(flags, Ordering::Relaxed);
    }
    Ok(())
}

fn whole_number(value: Value, thread: &mut Thread) -> PyResult<i64> {
    if !convert::is_int(value) {
        return Err(thread.raise_type_error("an integer is required"));
    }
    int::as_i64(value).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C ssize_t"))
}

fn within(value: Option<Value>, range: std::ops::RangeInclusive<i64>, message: &str, thread: &mut Thread) -> PyResult<i64> {
    let Some(value) = value else { return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "context attributes cannot be deleted")) };
    let number = whole_number(value, thread)?;
    if range.contains(&number) { Ok(number) } else { Err(thread.raise_value_error(message)) }
}

fn set_precision(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let number = within(value, 1..=MAX_PREC, "valid range for prec is [1, MAX_PREC]", thread)?;
    of(this).state.precision.store(number, Ordering::Relaxed);
    Ok(())
}

fn set_emax(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let number = within(value, 0..=MAX_EMAX, "valid range for Emax is [0, MAX_EMAX]", thread)?;
    of(this).state.emax.store(number, Ordering::Relaxed);
    Ok(())
}

fn set_emin(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let number = within(value, MIN_EMIN..=0, "valid range for Emin is [MIN_EMIN, 0]", thread)?;
    of(this).state.emin.store(number, Ordering::Relaxed);
    Ok(())
}

fn set_capitals(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let number = within(value, 0..=1, "valid values for capitals are 0 or 1", thread)?;
    of(this).state.capitals.store(number != 0, Ordering::Relaxed);
    Ok(())
}

fn set_clamp(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let number = within(value, 0..=1, "valid values for clamp are 0 or 1", thread)?;
    of(this).state.clamp.store(number != 0, Ordering::Relaxed);
    Ok(())
}

fn set_rounding(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "context attributes cannot be deleted")) };
    let rounding = arguments::rounding(value, thread)?;
    of(this).state.rounding.store(rounding as u8, Ordering::Relaxed);
    Ok(())
}

fn get_precision(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.rules().precision))
}

fn get_emax(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.rules().emax))
}

fn get_emin(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).state.rules().emin))
}

fn get_capitals(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).state.capitals())))
}

fn get_clamp(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).state.rules().clamp)))
}

fn get_rounding(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(rounding_name(of(this).state.rules().rounding))
}

/// The name of a way of rounding, interned.
pub fn rounding_name(rounding: Rounding) -> Owned {
    string::intern_str(rounding.name())
}

fn mapping(this: Value, is_traps: bool) -> Owned {
    let context = of(this);
    let slot = if is_traps { &context.traps } else { &context.flags };
    if let Some(known) = slot.load(&context.header) {
        return known;
    }
    let fresh = signals::mapping(&context.state, is_traps);
    let (result, unused) = {
        let _guard = context.header.lock_leaf();
        match slot.load_locked() {
            Some(known) => (known, Some(fresh)),
            None => (fresh.clone(), slot.replace_locked(Some(fresh))),
        }
    };
    drop(unused);
    result
}

fn getattribute(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(name);
    if text.equals_str("traps") {
        return Ok(mapping(this, true));
    }
    if text.equals_str("flags") {
        return Ok(mapping(this, false));
    }
    attribute::generic_get(this, name, thread)
}

fn setattr(this: Value, name: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(given) = value else { return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "context attributes cannot be deleted")) };
    let text = StrObject::of(name);
    let is_traps = text.equals_str("traps");
    if is_traps || text.equals_str("flags") {
        let flags = signals::flags_of(given, false, thread)?;
        let state = &of(this).state;
        if is_traps { &state.traps } else { &state.status }.store(flags, Ordering::Relaxed);
        return Ok(());
    }
    attribute::generic_set(this, name, value, thread)
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let state = &of(this).state;
    let rules = state.rules();
    Ok(Owned::str(&format!(
        "Context(prec={}, rounding={}, Emin={}, Emax={}, capitals={}, clamp={}, flags={}, traps={})",
        rules.precision,
        rules.rounding.name(),
        rules.emin,
        rules.emax,
        u8::from(state.capitals()),
        u8::from(rules.clamp),
        signals::shown(state.status.load(Ordering::Relaxed)),
        signals::shown(state.traps.load(Ordering::Relaxed)),
    )))
}

pub fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let state = &of(this).state;
    let rules = state.rules();
    let flags = signals::signal_list(state.status.load(Ordering::Relaxed), thread)?;
    let traps = signals::signal_list(state.traps.load(Ordering::Relaxed), thread)?;
    let fields = tuple::pack([
        Owned::int(rules.precision),
        rounding_name(rules.rounding),
        Owned::int(rules.emin),
        Owned::int(rules.emax),
        Owned::int(i64::from(state.capitals())),
        Owned::int(i64::from(rules.clamp)),
        flags,
        traps,
    ]);
    Ok(tuple::pack([this.type_object().value().to_owned(), fields]))
}

static SPEC: TypeSpec = TypeSpec {
    name: "decimal.Context",
    doc: "Context(prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None)\n--\n\nPrecision, range of exponents, rounding and traps of decimal operations,\nand the flags that these leave.\n\n    >>> Context(prec=6, rounding=ROUND_UP, traps=[Inexact], flags=[])\n",
    flags: TYPE_GC | TYPE_BASETYPE,
    slots: &[
        SlotFn::new(context_new),
        SlotFn::init(context_init),
        SlotFn::repr(repr),
        SlotFn::getattr(getattribute),
        SlotFn::setattr(setattr),
    ],
    methods: super::context_methods::METHODS,
    getsets: &[
        GetSetDef { name: "prec", get: get_precision, set: Some(set_precision), doc: "" },
        GetSetDef { name: "Emax", get: get_emax, set: Some(set_emax), doc: "" },
        GetSetDef { name: "Emin", get: get_emin, set: Some(set_emin), doc: "" },
        GetSetDef { name: "rounding", get: get_rounding, set: Some(set_rounding), doc: "" },
        GetSetDef { name: "capitals", get: get_capitals, set: Some(set_capitals), doc: "" },
        GetSetDef { name: "clamp", get: get_clamp, set: Some(set_clamp), doc: "" },
    ],
    ..followed::<Context>()
};

pub static CONTEXT: StaticType = StaticType::new(&SPEC);
