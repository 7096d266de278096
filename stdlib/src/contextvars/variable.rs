//! `ContextVar` and `Token`.

use std::sync::OnceLock;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::{compare, convert};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::{AtomicBool, AtomicU64, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, string};

use super::context;
use crate::native_type::{followed, object, references};

#[repr(C)]
struct ContextVar {
    header: Header,
    name: Slot,
    default: Option<Owned>,
    /// No other variable has the same.
    hash: u64,
}

references!(ContextVar: name, default);

fn of<'a>(value: Value) -> &'a ContextVar {
    // SAFETY: called for context variables only.
    unsafe { object(value) }
}

pub fn is_variable(value: Value) -> bool {
    value.is_pointer() && std::ptr::eq(value.type_object(), CONTEXT_VAR.get())
}

/// The hash of a variable.
pub fn hash_of(var: Value) -> u64 {
    of(var).hash
}

/// A new hash: a counter, its bits spread by a bijection.
fn next_hash() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let mut x = COUNTER.fetch_add(1, Ordering::Relaxed);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

static SIGNATURE: LazySignature = LazySignature::new("(name, /, *, default=None)");

fn variable_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("ContextVar() takes at most 1 positional argument ({n} given)")));
    }
    let bound = SIGNATURE.bind("ContextVar", args, kwnames, thread)?;
    let name = bound.args().at(0);
    if !string::is_str(name) {
        return Err(thread.raise_type_error("context variable name must be a str"));
    }
    // CPython mixes the name's hash into the variable's: a name without one is refused.
    compare::hash(name, thread)?;
    let default = bound.args().get(1).map(|default| default.to_owned());
    Ok(allocate_object(CONTEXT_VAR.get(), |header| ContextVar { header, name: Slot::new(name.to_owned()), default, hash: next_hash() }))
}

fn variable_hash(this: Value, _thread: &mut Thread) -> PyResult<i64> {
    let hash = hash_of(this) as i64;
    Ok(if hash == -1 { -2 } else { hash })
}

fn variable_repr(this: Value, thread: &mut Thread) -> PyResult {
    let var = of(this);
    let name = var.name.load(&var.header).unwrap_or_else(Owned::none);
    let name = convert::repr_text(*name, thread)?;
    let default = match &var.default {
        Some(default) => format!(" default={}", convert::repr_text(**default, thread)?),
        None => String::new(),
    };
    Ok(Owned::str(&format!("<ContextVar name={name}{default} at {:#x}>", this.id())))
}

fn get(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if let Some(current) = &thread.context {
        if let Some(value) = context::of(**current).get(this) {
            return Ok(value);
        }
    }
    if let Some(default) = args.get(0) {
        return Ok(default.to_owned());
    }
    match &of(this).default {
        Some(default) => Ok(default.clone()),
        None => Err(thread.raise_value(&exc::LOOKUP_ERROR, this.to_owned())),
    }
}

fn set(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let current = context::current(thread);
    let old = context::of(*current).get(this);
    context::of(*current).set(this, value);
    thread.context_version += 1;
    Ok(allocate_object(TOKEN.get(), |header| Token { header, context: current, variable: this.to_owned(), old, is_used: AtomicBool::new(false) }))
}

fn reset(this: Value, token: Value, thread: &mut Thread) -> PyResult {
    if !(token.is_pointer() && token.is_instance(TOKEN.get())) {
        let shown = convert::repr_text(token, thread)?;
        return Err(thread.raise_type_error(format!("expected an instance of Token, got {shown}")));
    }
    let fields = token_of(token);
    let refuse = |why: &str, thread: &mut Thread| {
        let shown = convert::repr_text(token, thread)?;
        Err(thread.raise(&exc::RUNTIME_ERROR, format!("{shown} {why}")))
    };
    if fields.is_used.load(Ordering::Relaxed) {
        return refuse("has already been used once", thread);
    }
    let refuse_value = |why: &str, thread: &mut Thread| {
        let shown = convert::repr_text(token, thread)?;
        Err(thread.raise_value_error(format!("{shown} {why}")))
    };
    if !fields.variable.is(this) {
        return refuse_value("was created by a different ContextVar", thread);
    }
    let current = context::current(thread);
    if !fields.context.is(*current) {
        return refuse_value("was created in a different Context", thread);
    }
    fields.is_used.store(true, Ordering::Relaxed);
    thread.context_version += 1;
    match &fields.old {
        Some(old) => context::of(*current).set(this, **old),
        None => {
            if !context::of(*current).unset(this) {
                return Err(thread.raise_value(&exc::LOOKUP_ERROR, this.to_owned()));
            }
        }
    }
    Ok(Owned::none())
}

static SPEC: TypeSpec = TypeSpec {
    name: "_contextvars.ContextVar",
    slots: &[SlotFn::new(variable_new), SlotFn::repr(variable_repr), SlotFn::hash(variable_hash)],
    methods: &[
        method("get", NativeFn::Bound(get), "($self, default=<unrepresentable>, /)", "The value of the variable in the current context.\n\nIf there is none: default if it is given, the variable's own default if it has one, else LookupError."),
        method("set", NativeFn::One(set), "($self, value, /)", "Sets the variable in the current context.\n\nReturns a Token by which reset() brings the old value back."),
        method("reset", NativeFn::One(reset), "($self, token, /)", "Brings back the value from before the set() that made the token."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    members: &[MemberDef { name: "name", offset: std::mem::offset_of!(ContextVar, name), readonly: true, none_if_empty: true, doc: "" }],
    ..followed::<ContextVar>()
};

pub static CONTEXT_VAR: StaticType = StaticType::new(&SPEC);

#[repr(C)]
struct Token {
    header: Header,
    context: Owned,
    variable: Owned,
    /// None: the variable was not set.
    old: Option<Owned>,
    is_used: AtomicBool,
}

references!(Token: context, variable, old);

fn token_of<'a>(value: Value) -> &'a Token {
    // SAFETY: called for tokens only.
    unsafe { object(value) }
}

fn token_new(_class: Value, _args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    Err(thread.raise(&exc::RUNTIME_ERROR, "Tokens can only be created by ContextVars"))
}

fn token_repr(this: Value, thread: &mut Thread) -> PyResult {
    let token = token_of(this);
    let used = if token.is_used.load(Ordering::Relaxed) { " used" } else { "" };
    let var = convert::repr_text(*token.variable, thread)?;
    Ok(Owned::str(&format!("<Token{used} var={var} at {:#x}>", this.id())))
}

fn token_enter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn token_exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    reset(*token_of(this).variable, this, thread)
}

fn token_var(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(token_of(this).variable.clone())
}

fn token_old_value(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(token_of(this).old.clone().unwrap_or_else(|| missing().to_owned()))
}

static TOKEN_SPEC: TypeSpec = TypeSpec {
    name: "_contextvars.Token",
    unhashable: true,
    slots: &[SlotFn::new(token_new), SlotFn::repr(token_repr)],
    methods: &[
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
        method("__enter__", NativeFn::NoArgs(token_enter), "($self, /)", "Enters a with statement: returns the token."),
        method("__exit__", NativeFn::Bound(token_exit), "($self, type, val, tb, /)", "Leaves a with statement: resets the variable."),
    ],
    getsets: &[
        GetSetDef { name: "var", get: token_var, set: None, doc: "" },
        GetSetDef { name: "old_value", get: token_old_value, set: None, doc: "" },
    ],
    ..followed::<Token>()
};

pub static TOKEN: StaticType = StaticType::new(&TOKEN_SPEC);

#[repr(C)]
struct Missing {
    header: Header,
}

/// `Token.MISSING`, immortal as None is.
pub fn missing() -> Value {
    static OBJECT: OnceLock<u64> = OnceLock::new();
    let word = *OBJECT.get_or_init(|| {
        let made = allocate_object(MISSING.get(), |header| Missing { header }).into_raw();
        // SAFETY: just made, nobody else has it.
        unsafe { (*made.header()).make_immortal() };
        made.bits()
    });
    // SAFETY: the word of an immortal object.
    unsafe { Value::from_bits(word) }
}

fn missing_repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("<Token.MISSING>"))
}

static MISSING_SPEC: TypeSpec = TypeSpec {
    name: "Token.MISSING",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<Missing>(),
    slots: &[SlotFn::repr(missing_repr)],
    ..TypeSpec::DEFAULT
};

static MISSING: StaticType = StaticType::new(&MISSING_SPEC);
