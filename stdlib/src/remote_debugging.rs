//! `_remote_debugging`: what `asyncio`'s tools know of other processes.
//!
//! CPython finds a marked section with the offsets of its structures in the other process's memory. No process that runs
//! pyrt has one, and pyrt knows nothing of CPython's structures: a [`RemoteUnwinder`] finds the section in no process.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::module;
use pyrt_runtime::types::struct_sequence::add_to_module;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "_remote_debugging", initialize };

struct_sequence! {
    pub TASK_INFO: TaskInfo = "_remote_debugging.TaskInfo", "Information about an asyncio task", 4, [
        ("task_id", 0, "Task ID"), ("task_name", 1, "Task name"),
        ("coroutine_stack", 2, "Coroutine call stack"), ("awaited_by", 3, "Tasks awaiting this task"),
    ]
}
struct_sequence! {
    pub FRAME_INFO: FrameInfo = "_remote_debugging.FrameInfo", "Information about a frame", 3, [
        ("filename", 0, "Source code filename"), ("lineno", 1, "Line number"), ("funcname", 2, "Function name"),
    ]
}
struct_sequence! {
    pub CORO_INFO: CoroInfo = "_remote_debugging.CoroInfo", "Information about a coroutine", 2, [
        ("call_stack", 0, "Coroutine call stack"), ("task_name", 1, "Task name"),
    ]
}
struct_sequence! {
    pub THREAD_INFO: ThreadInfo = "_remote_debugging.ThreadInfo", "Information about a thread", 2, [
        ("thread_id", 0, "Thread ID"), ("frame_info", 1, "Frame information"),
    ]
}
struct_sequence! {
    pub AWAITED_INFO: AwaitedInfo = "_remote_debugging.AwaitedInfo", "Information about what a thread is awaiting", 2, [
        ("thread_id", 0, "Thread ID"), ("awaited_by", 1, "List of tasks awaiting this thread"),
    ]
}

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_type(this, &REMOTE_UNWINDER);
    add_to_module::<TaskInfo>(this);
    add_to_module::<FrameInfo>(this);
    add_to_module::<CoroInfo>(this);
    add_to_module::<ThreadInfo>(this);
    add_to_module::<AwaitedInfo>(this);
    // No process's memory is read.
    module::add(this, "PROCESS_VM_READV_SUPPORTED", Owned::int(0));
    Ok(())
}

#[repr(C)]
struct RemoteUnwinder {
    header: Header,
}

fn not_found(pid: i64, thread: &mut Thread) -> Raised {
    thread.raise(&exc::RUNTIME_ERROR, format!("Failed to find the PyRuntime section in process {pid} on Linux platform"))
}

fn unwinder_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(pid, *, all_threads=False, only_active_thread=False, debug=False)");
    let bound = SIGNATURE.bind("RemoteUnwinder", args, kwnames, thread)?;
    let pid = convert::as_c_int(bound.args().at(0), thread)?;
    Err(not_found(i64::from(pid), thread))
}

/// The methods belong to an object that cannot be made.
fn inspect(_this: Value, thread: &mut Thread) -> PyResult {
    Err(not_found(-1, thread))
}

unsafe fn dealloc(_value: Value) {}

static SPEC: TypeSpec = TypeSpec {
    name: "_remote_debugging.RemoteUnwinder",
    doc: "RemoteUnwinder(pid): Inspect stack of a remote Python process.",
    basic_size: size_of::<RemoteUnwinder>(),
    slots: &[SlotFn::new(unwinder_new)],
    methods: &[
        method("get_stack_trace", NativeFn::NoArgs(inspect), "($self, /)", "The frames of each thread of the process."),
        method("get_all_awaited_by", NativeFn::NoArgs(inspect), "($self, /)", "All tasks of the process and who awaits them."),
        method("get_async_stack_trace", NativeFn::NoArgs(inspect), "($self, /)", "The tasks that run and their coroutines."),
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

static REMOTE_UNWINDER: StaticType = StaticType::new(&SPEC);
