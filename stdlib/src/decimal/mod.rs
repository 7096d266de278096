//! `_decimal`: decimal floating-point arithmetic.
//!
//! The lower half knows nothing of objects: [`limbs`] and [`transform`] (long numbers of base 10^19), [`coefficient`]
//! (digits, short ones in machine words), [`number`], [`rules`] (precision, rounding, signals), [`arithmetic`],
//! [`selection`], [`power`], [`transcendental`], [`text`], [`formatting`]. Above it are [`signals`], [`context`],
//! [`decimal`] and what belongs to them.

mod arguments;
mod arithmetic;
mod coefficient;
mod context;
mod context_methods;
mod conversion;
#[allow(clippy::module_inception, reason = "named as the type it holds")]
mod decimal;
mod formatting;
mod limbs;
mod manager;
mod methods;
mod number;
mod power;
mod rules;
mod selection;
mod signals;
mod text;
mod transcendental;
mod transform;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::types::dict;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{int, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use rules::{MAX_EMAX, MAX_PREC, MIN_EMIN, MIN_ETINY, Rounding, Rules};

pub const MODULE: NativeModule = NativeModule { name: "_decimal", initialize };

/// The widest of the formats of IEEE 754 that [`ieee_context`] makes.
const MOST_IEEE_BITS: i64 = 512;

fn get_context(_this: Value, thread: &mut Thread) -> PyResult {
    context::current(thread).map(|context| context.to_owned())
}

fn set_context(_this: Value, context: Value, thread: &mut Thread) -> PyResult {
    context::set_current(context, thread)?;
    Ok(Owned::none())
}

/// The context of an interchange format of IEEE 754.
fn ieee_context(_this: Value, bits: Value, thread: &mut Thread) -> PyResult {
    if !convert::is_int(bits) {
        return Err(thread.raise_type_error("an integer is required"));
    }
    let Some(bits) = int::as_i64(bits).filter(|bits| *bits > 0 && *bits <= MOST_IEEE_BITS && bits % 32 == 0) else {
        return Err(thread.raise_value_error(format!("argument must be a multiple of 32, with a maximum of {MOST_IEEE_BITS}")));
    };
    let emax = 3 * (1 << (bits / 16 + 3));
    let rules = Rules { precision: 9 * (bits / 32) - 2, emax, emin: 1 - emax, rounding: Rounding::HalfEven, clamp: true };
    Ok(context::with_rules(rules, 0))
}

static FUNCTIONS: &[MethodDef] = &[
    method("getcontext", NativeFn::NoArgs(get_context), "($module, /)", "The current context."),
    method("setcontext", NativeFn::One(set_context), "($module, context, /)", "Makes a context the current one."),
    method("localcontext", NativeFn::Raw(manager::local_context), "($module, /, ctx=None, **kwargs)", "A context manager with a copy of ctx (or of the current context), changed by the keywords."),
    method("IEEEContext", NativeFn::One(ieee_context), "($module, bits, /)", "The context of a format of IEEE 754 of so many bits."),
];

/// Imports a module and takes an attribute.
fn imported(module: &str, name: &str, thread: &mut Thread) -> PyResult {
    let module = pyrt_runtime::import::import_module(module, thread)?;
    attribute::get_by_text(*module, name, thread)
}

/// `collections.namedtuple("DecimalTuple", …)`.
fn make_decimal_tuple(thread: &mut Thread) -> PyResult {
    let make = imported("collections", "namedtuple", thread)?;
    let (name, fields, module) = (Owned::str("DecimalTuple"), Owned::str("sign digits exponent"), Owned::str("decimal"));
    call::call_keywords(*make, &[*name, *fields], &[("module", *module)], thread)
}

/// The class of `Context.flags`: an abstract mapping besides the mixin.
fn make_signal_dict(thread: &mut Thread) -> PyResult {
    let mapping = imported("collections.abc", "MutableMapping", thread)?;
    let meta = mapping.type_object().value().to_owned();
    let bases = tuple::pack([signals::MIXIN.get().value().to_owned(), mapping]);
    let namespace = dict::new();
    dict::DictObject::of(*namespace).set_by_text("__module__", pyrt_runtime::names::interned("abc"));
    call::call(*meta, &[*Owned::str("SignalDict"), *bases, *namespace], thread)
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("C decimal arithmetic module"));
    module::add(this, "__version__", Owned::str("1.70"));
    module::add(this, "__libmpdec_version__", Owned::str("2.5.1"));
    module::add_functions(this, FUNCTIONS);
    for class in [&decimal::DECIMAL, &context::CONTEXT] {
        module::add_type(this, class);
    }
    if methods::DECIMAL_TUPLE.get().is_none() {
        let decimal_class = decimal::DECIMAL.get().value();
        let rational = imported("numbers", "Rational", thread)?;
        decimal::RATIONAL.set(rational);
        let number = imported("numbers", "Number", thread)?;
        call::call_method(*number, *pyrt_runtime::names::interned("register"), &[decimal_class], thread)?;
        signals::set_signal_dict_class(make_signal_dict(thread)?);
        let variable = imported("_contextvars", "ContextVar", thread)?;
        context::VARIABLE.set(call::call(*variable, &[*Owned::str("decimal_context")], thread)?);
        context::make_templates();
        methods::DECIMAL_TUPLE.set(make_decimal_tuple(thread)?);
    }
    if let Some(class) = methods::DECIMAL_TUPLE.get() {
        module::add(this, "DecimalTuple", class.to_owned());
    }
    for (name, class) in signals::classes(thread)? {
        module::add(this, name, class.to_owned());
    }
    for (name, kept) in [("DefaultContext", &context::DEFAULT_CONTEXT), ("BasicContext", &context::BASIC_CONTEXT), ("ExtendedContext", &context::EXTENDED_CONTEXT)] {
        if let Some(value) = kept.get() {
            module::add(this, name, value.to_owned());
        }
    }
    for (rounding, name) in Rounding::ALL {
        module::add(this, name, context::rounding_name(rounding));
    }
    for (name, number) in [("MAX_PREC", MAX_PREC), ("MAX_EMAX", MAX_EMAX), ("MIN_EMIN", MIN_EMIN), ("MIN_ETINY", MIN_ETINY), ("IEEE_CONTEXT_MAX_BITS", MOST_IEEE_BITS)] {
        module::add(this, name, Owned::int(number));
    }
    module::add(this, "HAVE_THREADS", Owned::bool(true));
    module::add(this, "HAVE_CONTEXTVAR", Owned::bool(true));
    Ok(())
}
