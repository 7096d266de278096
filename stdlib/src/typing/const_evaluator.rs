//! The evaluator of something that was given as a value: `evaluate_bound` and its like for hand-made type parameters.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::generic_parameters::push_type_repr;
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{followed, object, references};

#[repr(C)]
struct ConstEvaluator {
    header: Header,
    value: Owned,
}

references!(ConstEvaluator: value);

/// `annotationlib.Format.STRING`.
const FORMAT_STRING: i32 = 4;

pub fn new(value: Owned) -> Owned {
    allocate_object(CONST_EVALUATOR.get(), |header| ConstEvaluator { header, value })
}

fn value_of(this: Value) -> Value {
    // SAFETY: called for `_ConstEvaluator` objects only.
    *unsafe { object::<ConstEvaluator>(this) }.value
}

fn evaluate(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("constevaluator.__call__() takes no keyword arguments"));
    }
    if args.len() != 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("constevaluator.__call__() takes exactly 1 argument ({n} given)")));
    }
    let format = convert::as_c_int(args.at(0), thread)?;
    let value = value_of(this);
    if format != FORMAT_STRING {
        return Ok(value.to_owned());
    }
    let mut out = Builder::new();
    if value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        out.push_str("(");
        for (i, item) in TupleObject::of(value).items().iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            push_type_repr(&mut out, *item, thread)?;
        }
        out.push_str(")");
    } else {
        push_type_repr(&mut out, value, thread)?;
    }
    Ok(out.finish())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&format!("<constevaluator {}>", convert::repr_text(value_of(this), thread)?)))
}

static SPEC: TypeSpec = TypeSpec {
    name: "_typing._ConstEvaluator",
    doc: "Internal type for implementing evaluation functions.",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    slots: &[SlotFn::call(evaluate), SlotFn::repr(repr)],
    ..followed::<ConstEvaluator>()
};

static CONST_EVALUATOR: StaticType = StaticType::new(&SPEC);
