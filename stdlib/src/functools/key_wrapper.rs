//! `cmp_to_key`: objects that compare by a function.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::call;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{followed, object, references};

#[repr(C)]
struct KeyWrapper {
    header: Header,
    function: Owned,
    /// Empty in what `cmp_to_key` returns.
    wrapped: Slot,
}

references!(KeyWrapper: function, wrapped);

fn of<'a>(value: Value) -> &'a KeyWrapper {
    // SAFETY: called for `KeyWrapper` objects only.
    unsafe { object(value) }
}

fn make(function: Owned, wrapped: Option<Value>) -> Owned {
    let wrapped = Slot::from_option(wrapped.map(|wrapped| wrapped.to_owned()));
    allocate_object(KEY_WRAPPER.get(), |header| KeyWrapper { header, function, wrapped })
}

/// The single argument of a call, by position or name.
fn one_argument<'a>(name: &str, signature: &LazySignature, args: Args<'a>, kwnames: KwNames, thread: &mut Thread) -> PyResult<Value> {
    let given = args.len() + kwnames.len();
    if given > 1 {
        return Err(thread.raise_type_error(format!("{name}() takes at most 1 argument ({given} given)")));
    }
    Ok(signature.bind(name, args, kwnames, thread)?.args().at(0))
}

static FACTORY_SIGNATURE: LazySignature = LazySignature::new("(mycmp)");
static CALL_SIGNATURE: LazySignature = LazySignature::new("(obj)");

pub fn cmp_to_key(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let function = one_argument("cmp_to_key", &FACTORY_SIGNATURE, args, kwnames, thread)?;
    Ok(make(function.to_owned(), None))
}

fn wrapper_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let wrapped = one_argument("K", &CALL_SIGNATURE, args, kwnames, thread)?;
    Ok(make(of(this).function.clone(), Some(wrapped)))
}

fn richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !(right.is_pointer() && right.is_instance(KEY_WRAPPER.get())) {
        return Err(thread.raise_type_error("other argument must be K instance"));
    }
    let (a, b) = (of(left), of(right));
    let (Some(x), Some(y)) = (a.wrapped.load(&a.header), b.wrapped.load(&b.header)) else {
        return Err(thread.raise(&exc::ATTRIBUTE_ERROR, "object"));
    };
    let order = call::call(*a.function, &[*x, *y], thread)?;
    compare::rich_compare(*order, *Owned::int(0), op, thread)
}

fn text_signature(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("(obj)"))
}

static SPEC: TypeSpec = TypeSpec {
    name: "functools.KeyWrapper",
    unhashable: true,
    slots: &[SlotFn::call(wrapper_call), SlotFn::richcompare(richcompare)],
    members: &[MemberDef { name: "obj", offset: std::mem::offset_of!(KeyWrapper, wrapped), readonly: false, none_if_empty: true, doc: "Value wrapped by a key function." }],
    getsets: &[GetSetDef { name: "__text_signature__", get: text_signature, set: None, doc: "" }],
    ..followed::<KeyWrapper>()
};

pub static KEY_WRAPPER: StaticType = StaticType::new(&SPEC);
