//! The module `_operator`.
pub mod digest;
mod getters;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::binary::{self, BinaryOperator};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{call as calling, convert, iterate, special, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

pub const MODULE: NativeModule = NativeModule { name: "_operator", initialize };

const DOC: &str = "Operator interface.

This module exports a set of functions implemented in C corresponding
to the intrinsic operators of Python.  For example, operator.add(x, y)
is equivalent to the expression x+y.  The function names are those
used for special methods; variants without leading and trailing
'__' are also provided for convenience.";

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    module::add_type(this, &getters::ITEMGETTER);
    module::add_type(this, &getters::ATTRGETTER);
    module::add_type(this, &getters::METHODCALLER);
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

macro_rules! binary_functions {
    ($($name:ident $operator:ident;)*) => {
        $(fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            binary::operate(BinaryOperator::$operator, args.at(0), args.at(1), thread)
        })*
    };
}

binary_functions! {
    add Add; sub Subtract; mul Multiply; matmul MatrixMultiply; floordiv FloorDivide; truediv TrueDivide;
    remainder Remainder; lshift LShift; rshift RShift; and_ And; xor Xor; or_ Or; pow Power;
    iadd InplaceAdd; isub InplaceSubtract; imul InplaceMultiply; imatmul InplaceMatrixMultiply;
    ifloordiv InplaceFloorDivide; itruediv InplaceTrueDivide; imod InplaceRemainder; ilshift InplaceLShift;
    irshift InplaceRShift; iand InplaceAnd; ixor InplaceXor; ior InplaceOr; ipow InplacePower;
}

macro_rules! comparisons {
    ($($name:ident $operator:ident;)*) => {
        $(fn $name(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
            compare::rich_compare(args.at(0), args.at(1), CompareOp::$operator, thread)
        })*
    };
}

comparisons! { lt Lt; le Le; eq Eq; ne Ne; gt Gt; ge Ge; }

fn truth(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    compare::truth(value, thread).map(Owned::bool)
}

fn not_(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    compare::truth(value, thread).map(|truth| Owned::bool(!truth))
}

fn is_(_module: Value, args: Args<'_>, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(args.at(0).is(args.at(1))))
}

fn is_not(_module: Value, args: Args<'_>, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(!args.at(0).is(args.at(1))))
}

fn is_none(_module: Value, value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(value.is_none()))
}

fn is_not_none(_module: Value, value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(!value.is_none()))
}

fn index(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    convert::index(value, thread)
}

fn negative(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    binary::negative(value, thread)
}

fn positive(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    binary::positive(value, thread)
}

fn absolute(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    binary::absolute(value, thread)
}

fn invert(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    binary::invert(value, thread)
}

/// `PySequence_Check`: instances of classes with `__getitem__`, but no dicts.
fn is_sequence(value: Value) -> bool {
    value.type_object().slots.subscript.raw() != 0 && !(value.is_pointer() && value.type_has_flag(TYPE_DICT_SUBCLASS))
}

/// Concatenation as of sequences: by the types' own slot, or by `+` of two sequences.
fn concatenate(args: Args<'_>, inplace: bool, thread: &mut Thread) -> PyResult {
    let (left, right) = (args.at(0), args.at(1));
    let slots = &left.type_object().slots;
    if let Some(function) = slots.inplace_concat.get().filter(|_| inplace).or(slots.concat.get()) {
        return function(left, right, thread);
    }
    if is_sequence(left) && is_sequence(right) {
        let operator = if inplace { BinaryOperator::InplaceAdd } else { BinaryOperator::Add };
        return binary::operate(operator, left, right, thread);
    }
    let name = left.type_object().full_name();
    Err(thread.raise_type_error(format!("'{name}' object can't be concatenated")))
}

fn concat(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    concatenate(args, false, thread)
}

fn iconcat(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    concatenate(args, true, thread)
}

fn contains(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    subscript::contains(args.at(0), args.at(1), thread).map(Owned::bool)
}

/// An iterator for a search, with the message of one.
fn search(iterable: Value, thread: &mut Thread) -> PyResult {
    iterate::iter(iterable, thread).or_else(|raised: Raised| {
        thread.catch(raised, &exc::TYPE_ERROR)?;
        let name = iterable.type_object().full_name();
        Err(thread.raise_type_error(format!("argument of type '{name}' is not iterable")))
    })
}

fn index_of(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let iterator = search(args.at(0), thread)?;
    let mut i = 0;
    while let Some(item) = iterate::next(*iterator, thread)? {
        if compare::equals(*item, args.at(1), thread)? {
            return Ok(Owned::usize(i));
        }
        i += 1;
    }
    Err(thread.raise_value_error("sequence.index(x): x not in sequence"))
}

fn count_of(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let iterator = search(args.at(0), thread)?;
    let mut n = 0;
    while let Some(item) = iterate::next(*iterator, thread)? {
        n += usize::from(compare::equals(*item, args.at(1), thread)?);
    }
    Ok(Owned::usize(n))
}

fn getitem(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    subscript::get_item(args.at(0), args.at(1), thread)
}

fn setitem(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    subscript::set_item(args.at(0), args.at(1), args.at(2), thread)?;
    Ok(Owned::none())
}

fn delitem(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    subscript::delete_item(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

fn length_hint(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let default = match args.get(1) {
        Some(default) => convert::index_as_i64(default, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 0,
    };
    special::length_hint(args.at(0), default, thread).map(Owned::int)
}

fn call(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let Some(callable) = args.get(0) else {
        return Err(thread.raise_type_error("call expected at least 1 argument, got 0"));
    };
    calling::call_args(callable, args.from(1), kwnames, thread)
}

const fn two(name: &'static str, function: fn(Value, Args<'_>, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::Bound(function), "($module, a, b, /)", doc)
}

const fn one(name: &'static str, function: fn(Value, Value, &mut Thread) -> PyResult, doc: &'static str) -> MethodDef {
    method(name, NativeFn::One(function), "($module, a, /)", doc)
}

static FUNCTIONS: &[MethodDef] = &[
    one("truth", truth, "Return True if a is true, False otherwise."),
    two("contains", contains, "Same as b in a (note reversed operands)."),
    two("indexOf", index_of, "Return the first index of b in a."),
    two("countOf", count_of, "Return the number of items in a which are, or which equal, b."),
    two("is_", is_, "Same as a is b."),
    two("is_not", is_not, "Same as a is not b."),
    one("is_none", is_none, "Same as a is None."),
    one("is_not_none", is_not_none, "Same as a is not None."),
    two("add", add, "Same as a + b."),
    two("sub", sub, "Same as a - b."),
    two("mul", mul, "Same as a * b."),
    two("matmul", matmul, "Same as a @ b."),
    two("floordiv", floordiv, "Same as a // b."),
    two("truediv", truediv, "Same as a / b."),
    two("mod", remainder, "Same as a % b."),
    one("neg", negative, "Same as -a."),
    one("pos", positive, "Same as +a."),
    one("abs", absolute, "Same as abs(a)."),
    one("inv", invert, "Same as ~a."),
    one("invert", invert, "Same as ~a."),
    two("lshift", lshift, "Same as a << b."),
    two("rshift", rshift, "Same as a >> b."),
    one("not_", not_, "Same as not a."),
    two("and_", and_, "Same as a & b."),
    two("xor", xor, "Same as a ^ b."),
    two("or_", or_, "Same as a | b."),
    two("iadd", iadd, "Same as a += b."),
    two("isub", isub, "Same as a -= b."),
    two("imul", imul, "Same as a *= b."),
    two("imatmul", imatmul, "Same as a @= b."),
    two("ifloordiv", ifloordiv, "Same as a //= b."),
    two("itruediv", itruediv, "Same as a /= b."),
    two("imod", imod, "Same as a %= b."),
    two("ilshift", ilshift, "Same as a <<= b."),
    two("irshift", irshift, "Same as a >>= b."),
    two("iand", iand, "Same as a &= b."),
    two("ixor", ixor, "Same as a ^= b."),
    two("ior", ior, "Same as a |= b."),
    two("concat", concat, "Same as a + b, for a and b sequences."),
    two("iconcat", iconcat, "Same as a += b, for a and b sequences."),
    two("getitem", getitem, "Same as a[b]."),
    method("setitem", NativeFn::Bound(setitem), "($module, a, b, c, /)", "Same as a[b] = c."),
    two("delitem", delitem, "Same as del a[b]."),
    two("pow", pow, "Same as a ** b."),
    two("ipow", ipow, "Same as a **= b."),
    two("eq", eq, "Same as a == b."),
    two("ne", ne, "Same as a != b."),
    two("lt", lt, "Same as a < b."),
    two("le", le, "Same as a <= b."),
    two("gt", gt, "Same as a > b."),
    two("ge", ge, "Same as a >= b."),
    one("index", index, "Same as a.__index__()"),
    method("length_hint", NativeFn::Bound(length_hint), "($module, obj, default=0, /)", "Return an estimate of the number of items in obj, default if there is none."),
    method("call", NativeFn::Raw(call), "($module, obj, /, *args, **kwargs)", "Same as obj(*args, **kwargs)."),
    two("_compare_digest", digest::compare_digest, "Return 'a == b', in a time that does not depend on where they differ.\n\na and b must be of the same type: either str (ASCII only), or any bytes-like object."),
];
