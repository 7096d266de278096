//! `bool`: two immortal objects of a subclass of int.

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::binary::{BinaryOperator, operate};
use crate::protocol::compare;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::INT;
use crate::types::type_object::{SlotFn, TypeSpec};

fn bool_repr(value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(if value.is_true() { "True" } else { "False" }))
}

fn bool_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("bool() takes no keyword arguments"));
    }
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("bool expected at most 1 argument, got {n}")));
    }
    match args.get(0) {
        Some(value) => compare::truth(value, thread).map(Owned::bool),
        None => Ok(Owned::false_()),
    }
}

macro_rules! logical {
    ($name:ident, $operator:tt, $general:ident) => {
        fn $name(left: Value, right: Value, thread: &mut Thread) -> PyResult {
            if let (Some(a), Some(b)) = (left.as_bool(), right.as_bool()) {
                return Ok(Owned::bool(a $operator b));
            }
            let number = |value: Value| value.as_bool().map_or(value, |truth| Value::plain_int(i64::from(truth)));
            let (left, right) = (number(left), number(right));
            if !crate::protocol::convert::is_int(left) || !crate::protocol::convert::is_int(right) {
                return Ok(Owned::not_implemented());
            }
            operate(BinaryOperator::$general, left, right, thread)
        }
    };
}

logical!(bool_and, &, And);
logical!(bool_or, |, Or);
logical!(bool_xor, ^, Xor);

fn bool_invert(value: Value, thread: &mut Thread) -> PyResult {
    crate::builtins::warn(
        &crate::exceptions::exc::DEPRECATION_WARNING,
        "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. This returns the bitwise inversion of the underlying int object and is usually not what you expect from the negation of a bool object. Use the 'not' operator for boolean negation or ~int(x) for the bitwise inversion of the underlying int.",
        1,
        thread,
    )?;
    Ok(Owned::int(if value.is_true() { -2 } else { -1 }))
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "bool",
    doc: "Returns True when the argument is true, False otherwise.\nThe builtins True and False are the only two instances of the class bool.\nThe class bool is a subclass of the class int, and cannot be subclassed.",
    base: Some(&INT),
    slots: &[
        SlotFn::repr(bool_repr),
        SlotFn::new(bool_new),
        SlotFn::and(bool_and),
        SlotFn::or(bool_or),
        SlotFn::xor(bool_xor),
        SlotFn::invert(bool_invert),
    ],
    ..TypeSpec::DEFAULT
};
