//! The module `_opcode`: facts about instructions, from the compiler's one table.

use pyrt_compiler::bytecode::instructions::{
    BINARY_OPERATION_NAMES, BINARY_OPERATIONS, INTRINSICS_1, INTRINSICS_2, InstructionFacts, MIN_INSTRUMENTED_OPCODE, SPECIAL_METHODS, facts_of_number,
};
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{list, module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "_opcode", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Opcode support module."));
    module::add_functions(this, FUNCTIONS);
    module::add(this, "ENABLE_SPECIALIZATION", Owned::int(1));
    module::add(this, "ENABLE_SPECIALIZATION_FT", Owned::int(1));
    Ok(())
}

fn facts(opcode: i32) -> Option<&'static InstructionFacts> {
    u16::try_from(opcode).ok().and_then(facts_of_number)
}

fn stack_effect(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let opcode = convert::as_c_int(args.at(0), thread)?;
    let oparg = match args.get(1).filter(|oparg| !oparg.is_none()) {
        // CPython reads it as a C int and goes on with its bits.
        Some(oparg) => convert::as_c_int(oparg, thread)? as u32,
        None => 0,
    };
    let jump = match args.get(2) {
        None => None,
        Some(jump) if jump.is_none() => None,
        Some(jump) => match jump.as_bool() {
            Some(jump) => Some(jump),
            None => return Err(thread.raise_value_error("stack_effect: jump must be False, True or None")),
        },
    };
    // Specialised forms have no effect of their own here.
    let facts = facts(opcode).filter(|facts| facts.base == facts.number || facts.number >= u16::from(MIN_INSTRUMENTED_OPCODE));
    let Some(facts) = facts else { return Err(thread.raise_value_error("invalid opcode or oparg")) };
    let at_jump = |jump: bool| -> i64 {
        if facts.has_exc() && !jump {
            return 0;
        }
        let (pops, pushes) = (facts.effect)(oparg);
        i64::from(pushes) - i64::from(pops)
    };
    let effect = match jump {
        Some(jump) => at_jump(jump),
        None => at_jump(true).max(at_jump(false)),
    };
    Ok(Owned::int(effect))
}

macro_rules! predicates {
    ($($name:ident)*) => {$(
        fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            let opcode = convert::as_c_int(args.at(0), thread)?;
            Ok(Owned::bool(facts(opcode).is_some_and(InstructionFacts::$name)))
        }
    )*};
}

predicates!(has_arg has_const has_name has_jump has_free has_local has_exc);

fn is_valid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let opcode = convert::as_c_int(args.at(0), thread)?;
    Ok(Owned::bool(facts(opcode).is_some()))
}

fn texts(texts: &[&str]) -> Owned {
    list::from_vec(texts.iter().map(|text| Owned::str(text)).collect())
}

fn get_intrinsic1_descs(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(texts(INTRINSICS_1))
}

fn get_intrinsic2_descs(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(texts(INTRINSICS_2))
}

fn get_special_method_names(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(texts(SPECIAL_METHODS))
}

fn get_nb_ops(_module: Value, _thread: &mut Thread) -> PyResult {
    let pairs = BINARY_OPERATION_NAMES.iter().zip(BINARY_OPERATIONS);
    Ok(list::from_vec(pairs.map(|(name, symbol)| tuple::pack([Owned::str(name), Owned::str(symbol)])).collect()))
}

/// Executors belong to CPython's own just-in-time compiler: no code has one.
fn get_executor(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = args.at(0);
    if !code.has_shape(shapes::CODE) {
        let got = code.type_object().full_name();
        return Err(thread.raise_type_error(format!("expected a code object, not '{got}'")));
    }
    convert::as_c_int(args.at(1), thread)?;
    Err(thread.raise_value_error("no executor at given byte offset"))
}

fn get_specialization_stats(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

const fn predicate(name: &'static str, func: fn(Value, Args<'_>, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::Bound(func), "($module, /, opcode)", doc)
}

static FUNCTIONS: &[MethodDef] = &[
    method("get_executor", NativeFn::Bound(get_executor), "($module, /, code, offset)", "The executor at an offset of a code object."),
    method("get_intrinsic1_descs", NativeFn::NoArgs(get_intrinsic1_descs), "($module, /)", "Names of the intrinsics with one argument."),
    method("get_intrinsic2_descs", NativeFn::NoArgs(get_intrinsic2_descs), "($module, /)", "Names of the intrinsics with two arguments."),
    method("get_nb_ops", NativeFn::NoArgs(get_nb_ops), "($module, /)", "Names and symbols of the operations of BINARY_OP."),
    method("get_special_method_names", NativeFn::NoArgs(get_special_method_names), "($module, /)", "Names of the methods of LOAD_SPECIAL."),
    method("get_specialization_stats", NativeFn::NoArgs(get_specialization_stats), "($module, /)", "Statistics of specialisation: none are kept."),
    predicate("has_arg", has_arg, "Whether the instruction uses its operand."),
    predicate("has_const", has_const, "Whether the operand names a constant."),
    predicate("has_exc", has_exc, "Whether the instruction sets up an exception handler."),
    predicate("has_free", has_free, "Whether the operand names a free or cell variable."),
    predicate("has_jump", has_jump, "Whether the operand is a jump target."),
    predicate("has_local", has_local, "Whether the operand names a local variable."),
    predicate("has_name", has_name, "Whether the operand names an attribute or a global."),
    predicate("is_valid", is_valid, "Whether the instruction exists."),
    method("stack_effect", NativeFn::Bound(stack_effect), "($module, opcode, oparg=None, /, *, jump=None)", "How an instruction changes the depth of the stack."),
];
