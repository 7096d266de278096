//! `NoDefault`: what a type parameter without default has as one.

use std::sync::OnceLock;

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;

#[repr(C)]
struct NoDefault {
    header: Header,
}

/// The one object, immortal as None is.
pub fn no_default() -> Value {
    static OBJECT: OnceLock<u64> = OnceLock::new();
    let word = *OBJECT.get_or_init(|| {
        let made = allocate_object(NO_DEFAULT_TYPE.get(), |header| NoDefault { header }).into_raw();
        // SAFETY: just made, nobody else has it.
        unsafe { (*made.header()).make_immortal() };
        made.bits()
    });
    // SAFETY: the word of an immortal object.
    unsafe { Value::from_bits(word) }
}

fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        return Err(thread.raise_type_error("NoDefaultType takes no arguments"));
    }
    Ok(no_default().to_owned())
}

fn repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("typing.NoDefault"))
}

fn reduce(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("NoDefault"))
}

static SPEC: TypeSpec = TypeSpec {
    name: "NoDefaultType",
    doc: "The type of the NoDefault singleton.",
    basic_size: size_of::<NoDefault>(),
    slots: &[SlotFn::new(new), SlotFn::repr(repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "")],
    ..TypeSpec::DEFAULT
};

static NO_DEFAULT_TYPE: StaticType = StaticType::new(&SPEC);
