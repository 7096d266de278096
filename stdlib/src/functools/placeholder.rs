//! `Placeholder`: where `partial` leaves a positional argument open.

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
struct Placeholder {
    header: Header,
}

/// The one object, immortal as None is.
pub fn placeholder() -> Value {
    static OBJECT: OnceLock<u64> = OnceLock::new();
    let word = *OBJECT.get_or_init(|| {
        let made = allocate_object(PLACEHOLDER_TYPE.get(), |header| Placeholder { header }).into_raw();
        // SAFETY: just made, nobody else has it.
        unsafe { (*made.header()).make_immortal() };
        made.bits()
    });
    // SAFETY: the word of an immortal object.
    unsafe { Value::from_bits(word) }
}

fn placeholder_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() || !kwnames.is_empty() {
        return Err(thread.raise_type_error("PlaceholderType takes no arguments"));
    }
    Ok(placeholder().to_owned())
}

fn repr(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("Placeholder"))
}

static SPEC: TypeSpec = TypeSpec {
    name: "functools._PlaceholderType",
    doc: "The type of the Placeholder singleton.\n\nUsed as a placeholder for partial arguments.",
    basic_size: size_of::<Placeholder>(),
    slots: &[SlotFn::new(placeholder_new), SlotFn::repr(repr)],
    methods: &[method("__reduce__", NativeFn::NoArgs(repr), "($self, /)", "The name by which it is pickled.")],
    ..TypeSpec::DEFAULT
};

pub static PLACEHOLDER_TYPE: StaticType = StaticType::new(&SPEC);
