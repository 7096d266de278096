//! What `TypeVar`, `ParamSpec` and `TypeVarTuple` have in common: one layout, lazily evaluated parts.
//!
//! Each part that may be lazy (bound, constraints, default) has two slots: the value, and the function that computes it
//! (called with a format of `annotationlib`). The value is kept once it has been computed.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, convert, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{NONE, StaticType};
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{tuple, union};

use super::no_default::no_default;
use super::{call_typing, const_evaluator};
use crate::native_type::{object, references};

#[repr(C)]
pub struct TypeParam {
    pub header: Header,
    pub name: Slot,
    pub bound: Slot,
    pub evaluate_bound: Slot,
    pub constraints: Slot,
    pub evaluate_constraints: Slot,
    pub default: Slot,
    pub evaluate_default: Slot,
    pub covariant: Slot,
    pub contravariant: Slot,
    pub infer_variance: Slot,
    /// The instance's attributes.
    pub attributes: Slot,
}

references!(TypeParam: name, bound, evaluate_bound, constraints, evaluate_constraints, default, evaluate_default, attributes);

pub fn of<'a>(value: Value) -> &'a TypeParam {
    // SAFETY: called for the three types with this layout only.
    unsafe { object(value) }
}

/// A parameter with a name and nothing else.
pub fn make(ty: &StaticType, name: Value) -> Owned {
    let no = || Slot::new(Owned::false_());
    allocate_object(ty.get(), |header| TypeParam {
        header,
        name: Slot::new(name.to_owned()),
        bound: Slot::empty(),
        evaluate_bound: Slot::empty(),
        constraints: Slot::empty(),
        evaluate_constraints: Slot::empty(),
        default: Slot::empty(),
        evaluate_default: Slot::empty(),
        covariant: no(),
        contravariant: no(),
        infer_variance: no(),
        attributes: Slot::empty(),
    })
}

impl TypeParam {
    pub fn load(&self, slot: &Slot) -> Option<Owned> {
        slot.load(&self.header)
    }

    pub fn store(&self, slot: &Slot, value: Option<Owned>) {
        drop(slot.replace(&self.header, value));
    }

    fn is(&self, slot: &Slot) -> bool {
        slot.peek().is_some_and(Value::is_true)
    }

    /// A lazy part; none if there is neither value nor function.
    pub fn evaluate(&self, value: &Slot, evaluator: &Slot, thread: &mut Thread) -> PyResult<Option<Owned>> {
        evaluate(&self.header, value, evaluator, thread)
    }
}

/// `annotationlib.Format.VALUE`.
const FORMAT_VALUE: i64 = 1;

/// As [`TypeParam::evaluate`], for the slots of any object.
pub fn evaluate(header: &Header, value: &Slot, evaluator: &Slot, thread: &mut Thread) -> PyResult<Option<Owned>> {
    if let Some(value) = value.load(header) {
        return Ok(Some(value));
    }
    let Some(evaluator) = evaluator.load(header) else { return Ok(None) };
    let result = call::call(*evaluator, &[*Owned::int(FORMAT_VALUE)], thread)?;
    drop(value.replace(header, Some(result.clone())));
    Ok(Some(result))
}

/// The function of a lazy part: as given, or one that returns the value.
pub fn evaluator(header: &Header, value: &Slot, evaluator: &Slot) -> Owned {
    match (evaluator.load(header), value.load(header)) {
        (Some(evaluator), _) => evaluator,
        (None, Some(value)) if !value.is(no_default()) => const_evaluator::new(value),
        _ => Owned::none(),
    }
}

/// The module of the Python code that is running, for `__module__`.
pub fn caller_module(thread: &mut Thread) -> Owned {
    if thread.frame.is_null() {
        return Owned::none();
    }
    // SAFETY: the innermost frame of this thread, which is in a call.
    let globals = unsafe { (*thread.frame).globals };
    DictObject::of(globals).get_str(pyrt_runtime::names::names().__name__).unwrap_or_else(Owned::none)
}

/// Notes where a hand-made parameter comes from.
pub fn set_module(this: Value, thread: &mut Thread) -> PyResult<()> {
    let module = caller_module(thread);
    attribute::set(this, pyrt_runtime::names::names().__module__, *module, thread)
}

/// Checks that something can stand for a type; None stands for its class.
pub fn type_check(value: Value, message: &str, thread: &mut Thread) -> PyResult {
    if value.is_none() {
        return Ok(NONE.get().value().to_owned());
    }
    call_typing("_type_check", &[value, *Owned::str(message)], thread)
}

pub fn check_name(function: &str, name: Value, thread: &mut Thread) -> PyResult<()> {
    if string::is_str(name) {
        return Ok(());
    }
    let got = name.type_object().full_name();
    Err(thread.raise_type_error(format!("{function}() argument 'name' must be str, not {got}")))
}

/// Sets bound, default and variance from arguments `at` and following: bound, default, covariant, contravariant,
/// infer_variance.
pub fn set_common(this: Value, args: Args<'_>, at: usize, thread: &mut Thread) -> PyResult<()> {
    let param = of(this);
    let mut flag = |i: usize| args.get(at + i).map_or(Ok(false), |flag| compare::truth(flag, thread));
    let (covariant, contravariant, infer) = (flag(2)?, flag(3)?, flag(4)?);
    if covariant && contravariant {
        return Err(thread.raise_value_error("Bivariant types are not supported."));
    }
    if infer && (covariant || contravariant) {
        return Err(thread.raise_value_error("Variance cannot be specified with infer_variance."));
    }
    if let Some(bound) = args.get(at).filter(|bound| !bound.is_none()) {
        param.store(&param.bound, Some(bound.to_owned()));
    }
    param.store(&param.default, Some(args.get(at + 1).unwrap_or_else(no_default).to_owned()));
    param.store(&param.covariant, Some(Owned::bool(covariant)));
    param.store(&param.contravariant, Some(Owned::bool(contravariant)));
    param.store(&param.infer_variance, Some(Owned::bool(infer)));
    Ok(())
}

/// The name with the mark of its variance.
pub fn repr_with_variance(this: Value, _thread: &mut Thread) -> PyResult {
    let param = of(this);
    let name = param.load(&param.name).unwrap_or_else(string::empty);
    if param.is(&param.infer_variance) {
        return Ok(name);
    }
    let mark = if param.is(&param.covariant) {
        "+"
    } else if param.is(&param.contravariant) {
        "-"
    } else {
        "~"
    };
    let mut out = pyrt_runtime::types::str::Builder::new();
    out.push_str(mark);
    out.push_object(*name);
    Ok(out.finish())
}

fn get_default(this: Value, thread: &mut Thread) -> PyResult {
    default_of(this, thread)
}

/// The default, `NoDefault` if there is none.
pub fn default_of(this: Value, thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(param.evaluate(&param.default, &param.evaluate_default, thread)?.unwrap_or_else(|| no_default().to_owned()))
}

fn get_evaluate_default(this: Value, _thread: &mut Thread) -> PyResult {
    let param = of(this);
    Ok(evaluator(&param.header, &param.default, &param.evaluate_default))
}

fn has_default(this: Value, _thread: &mut Thread) -> PyResult {
    let param = of(this);
    let given = param.default.peek().is_some_and(|default| !default.is(no_default()));
    Ok(Owned::bool(given || param.evaluate_default.peek().is_some()))
}

fn reduce(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(of(this).load(&of(this).name).unwrap_or_else(string::empty))
}

fn mro_entries(this: Value, _bases: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    Err(thread.raise_type_error(format!("Cannot subclass an instance of {name}")))
}

/// `parameter | type`, from either side.
pub fn or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    union::from_members(&[left, right], thread)
}

/// `typing.Unpack[value]`.
pub fn unpack(value: Value, thread: &mut Thread) -> PyResult {
    let typing = pyrt_runtime::import::import_module("typing", thread)?;
    let unpack = attribute::get_by_text(*typing, "Unpack", thread)?;
    subscript::get_item(*unpack, value, thread)
}

/// An iterator over `Unpack[this]` alone: what `*Ts` gives.
pub fn iter_unpacked(this: Value, thread: &mut Thread) -> PyResult {
    let unpacked = unpack(this, thread)?;
    pyrt_runtime::protocol::iterate::iter(*tuple::pack([unpacked]), thread)
}

pub const MRO_ENTRIES: MethodDef = method("__mro_entries__", NativeFn::One(mro_entries), "($self, object, /)", "");
pub const REDUCE: MethodDef = method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "");
pub const HAS_DEFAULT: MethodDef = method("has_default", NativeFn::NoArgs(has_default), "($self, /)", "");
pub const DEFAULT: GetSetDef = GetSetDef { name: "__default__", get: get_default, set: None, doc: "The default value." };
pub const EVALUATE_DEFAULT: GetSetDef = GetSetDef { name: "evaluate_default", get: get_evaluate_default, set: None, doc: "" };

pub const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

pub const NAME: MemberDef = member("__name__", std::mem::offset_of!(TypeParam, name));
pub const COVARIANT: MemberDef = member("__covariant__", std::mem::offset_of!(TypeParam, covariant));
pub const CONTRAVARIANT: MemberDef = member("__contravariant__", std::mem::offset_of!(TypeParam, contravariant));
pub const INFER_VARIANCE: MemberDef = member("__infer_variance__", std::mem::offset_of!(TypeParam, infer_variance));

/// # Safety
/// As every clear; for the three types with this layout.
pub unsafe fn clear(value: Value) {
    let param = of(value);
    for slot in [
        &param.bound,
        &param.evaluate_bound,
        &param.constraints,
        &param.evaluate_constraints,
        &param.default,
        &param.evaluate_default,
        &param.attributes,
    ] {
        param.store(slot, None);
    }
}

/// Whether the value is one of the three kinds of parameters; TypeError if not.
pub fn check_type_param(value: Value, thread: &mut Thread) -> PyResult<()> {
    let kinds = [&super::type_var::TYPE_VAR, &super::param_spec::PARAM_SPEC, &super::type_var_tuple::TYPE_VAR_TUPLE];
    if value.is_pointer() && kinds.iter().any(|kind| std::ptr::eq(value.type_object(), kind.get())) {
        return Ok(());
    }
    let shown = convert::repr_text(value, thread)?;
    Err(thread.raise_type_error(format!("Expected a type param, got {shown}")))
}

/// The text of a name.
pub fn text_of(name: &Owned) -> String {
    if string::is_str(**name) { StrObject::of(**name).to_string_lossy() } else { String::new() }
}
