//! `localcontext()` and its manager.

use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use super::arguments::{self, bind};
use super::context;
use crate::native_type::{followed, object, references};

#[repr(C)]
struct Manager {
    header: Header,
    /// Current within the block.
    local: Owned,
    /// Current before.
    outer: Owned,
}

references!(Manager: local, outer);

fn of<'a>(value: Value) -> &'a Manager {
    // SAFETY: `self` of the methods of this type.
    unsafe { object(value) }
}

/// `localcontext(ctx=None, **fields)`.
pub fn local_context(_this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let names = ["ctx", "prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps"];
    let [given, fields @ ..] = bind(args, kwnames, names, 0, thread)?;
    let outer = context::current(thread)?.to_owned();
    let from = arguments::context(given, thread)?;
    let local = context::copy_of(*from, true);
    context::set_fields(*local, fields, true, thread)?;
    Ok(allocate_object(CONTEXT_MANAGER.get(), |header| Manager { header, local, outer }))
}

fn enter(this: Value, thread: &mut Thread) -> PyResult {
    let local = of(this).local.clone();
    context::set_current(*local, thread)?;
    Ok(local)
}

fn exit(this: Value, _args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    context::set_current(*of(this).outer, thread)?;
    Ok(Owned::bool(false))
}

static SPEC: TypeSpec = TypeSpec {
    name: "decimal.ContextManager",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    methods: &[
        method("__enter__", NativeFn::NoArgs(enter), "($self, /)", ""),
        method("__exit__", NativeFn::Raw(exit), "-($self, *args)", ""),
    ],
    ..followed::<Manager>()
};

pub static CONTEXT_MANAGER: StaticType = StaticType::new(&SPEC);
